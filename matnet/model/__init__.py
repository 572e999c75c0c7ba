"""What a network is: frozen dataclasses whose invariants are checked once, when they are made."""
