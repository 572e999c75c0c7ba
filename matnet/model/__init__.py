"""The model of a network: frozen dataclasses whose invariants are checked once, on creation."""
