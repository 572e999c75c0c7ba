"""The version of this package."""

from __future__ import annotations


def version() -> str:
    """The version that is installed; "unknown" where matnet is imported from its source without an installation."""
    # takes several milliseconds to import, and few runs need it
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("matnet")
    except PackageNotFoundError:
        return "unknown"
