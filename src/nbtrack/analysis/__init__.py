"""Pure functions on values: what differs, what changed, what is better."""
