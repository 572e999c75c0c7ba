"""How names and text of a user's table are shown in messages."""

from __future__ import annotations

from collections.abc import Sequence

from matnet.errors import printable

SHOWN = 40
LISTED = 12


def shown(text: str) -> str:
    """A text of the user's in quotes, on one line and shortened."""
    text = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    return f"'{printable(text)}'"


def listed(names: Sequence[str], most: int = LISTED) -> str:
    """The first names, separated by commas, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(shown, names[:most])) + more
