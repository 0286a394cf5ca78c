"""The nouns of nbtrack as frozen records: no I/O, no clock, no wire format."""
