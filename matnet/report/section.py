"""Parts of a page, and tables that do not fill it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matnet.network.markup import Html, element, table

UNFOLDED = 12
"""Rows of a table that is shown at once; a longer one is folded."""


@dataclass(frozen=True)
class Section:
    """A part of the page with its heading; ``key`` is what a link leads to."""

    key: str
    title: str
    parts: tuple[Html, ...]

    @property
    def html(self) -> Html:
        """As an element."""
        kind = {"class_": "card"} if self.key == "card" else {}
        return element("section", element("h2", self.title), *self.parts, id=self.key, **kind)


def wide_table(
    head: Sequence[object], rows: Iterable[Sequence[object]], numbers: Iterable[int] = (), words: str = ""
) -> Html:
    """A table that scrolls by itself where the page is narrow; folded under `words` where it is long."""
    listed = list(rows)
    made = element("div", table(head, listed, numbers), class_="scroll")
    if len(listed) <= UNFOLDED:
        return made
    return folded(words or f"{len(listed)} rows", made)


def folded(words: str, *parts: Html) -> Html:
    """Parts that are shown when their heading is clicked."""
    return element("details", element("summary", words), *parts)
