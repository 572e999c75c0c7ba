"""The commands, one module each, and the options that they share."""

from __future__ import annotations

from matnet.cli.entry import main

__all__ = ["main"]
