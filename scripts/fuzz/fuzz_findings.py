"""What a fuzzer looks for."""


class FindingError(Exception):
    """What must not be."""
