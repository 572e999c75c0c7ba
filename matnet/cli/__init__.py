"""The commands: one module each, shared options in one place."""

from __future__ import annotations

from matnet.cli.entry import main

__all__ = ["main"]
