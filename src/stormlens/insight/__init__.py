"""A look inside a network."""
