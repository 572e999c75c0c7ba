"""The error that fuzzers look for."""


class FindingError(Exception):
    """A result that must never occur."""
