"""Sections of a page, and tables that scroll or fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matnet.network.markup import Html, element, table

UNFOLDED = 12
"""The most rows of a table that is shown unfolded."""


@dataclass(frozen=True)
class Section:
    """A section of the page with its heading; ``key`` is its anchor."""

    key: str
    title: str
    parts: tuple[Html, ...]

    @property
    def html(self) -> Html:
        """The section as HTML."""
        kind = {"class_": "card"} if self.key == "card" else {}
        return element("section", element("h2", self.title), *self.parts, id=self.key, **kind)


def wide_table(
    head: Sequence[object], rows: Iterable[Sequence[object]], numbers: Iterable[int] = (), words: str = ""
) -> Html:
    """A table that scrolls on a narrow page; a long one is folded under `words`."""
    listed = list(rows)
    made = element("div", table(head, listed, numbers), class_="scroll")
    if len(listed) <= UNFOLDED:
        return made
    return folded(words or f"{len(listed)} rows", made)


def folded(words: str, *parts: Html) -> Html:
    """Content that is shown when its heading is clicked."""
    return element("details", element("summary", words), *parts)
