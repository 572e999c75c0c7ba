"""Messages on standard error, and text from files shown on a terminal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Collection, Sequence
from typing import Any

import click

from matnet.errors import counted, printable

FIRST_PROGRESS, PROGRESS_EVERY = 2.0, 0.25
"""Seconds before the first line of progress and between two."""
QUIET = "matnet.quiet"
"""Where the context of a command keeps whether --quiet is given."""


def json_text(document: Any) -> str:
    """One JSON document; numbers that are not finite, which JSON has not, are null."""
    import json

    return json.dumps(_finite(document), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """Cells as lines with aligned columns: right-aligned, those numbered in `left` left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def and_more(left_out: int) -> str:
    """The line below a list that was cut short."""
    return f"and {left_out} more; --all shows them"


def complain(message: str) -> None:
    """An error: one line on standard error."""
    if sys.stderr is None:
        return
    sys.stderr.write(f"matnet: {printable(message)}\n")
    sys.stderr.flush()


def warn(message: str) -> None:
    """A warning, unless --quiet is given: something that may make the result useless."""
    if not _quiet():
        complain(f"warning: {message}")


def note(message: str) -> None:
    """A note, unless --quiet is given: how something was understood or done."""
    if not _quiet():
        complain(f"note: {message}")


def _quiet() -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def on_terminal() -> bool:
    """Whether standard error is a terminal, and --quiet was not given."""
    return sys.stderr is not None and sys.stderr.isatty() and not _quiet()


class Progress:
    """Rows done, their rate and the time left: only on a terminal, and only if the run takes long."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._next = self._start + FIRST_PROGRESS
        self._shown = False
        self._on_terminal = on_terminal()

    def __call__(self, rows: int, fraction: float | None) -> None:
        """Show the progress."""
        now = time.monotonic()
        if not self._on_terminal or now < self._next:
            return
        self._next = now + PROGRESS_EVERY
        self._shown = True
        elapsed = now - self._start
        line = f"{counted(rows, 'row')}, {rows / elapsed:,.0f} rows/s"
        if fraction:
            left = round(elapsed / fraction - elapsed)
            line += f", {fraction:.0%}, {left // 60}:{left % 60:02d} left"
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
