"""Verification: stored answers, derivatives and exported code are compared with the network."""
