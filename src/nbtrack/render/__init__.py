"""A view as text for a terminal, or as static HTML."""
