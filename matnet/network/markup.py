"""HTML built from elements; anything that is not an element is text and is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is already HTML."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as escaped text, including characters that could move, hide or reorder text."""
    if isinstance(value, Html):
        return value
    shown = "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in str(value)
    )
    return Html(html.escape(shown))


def element(name: str, *children: object, **attributes: str) -> Html:
    """An element; ``class_`` is the attribute class, and an underscore in a name becomes a hyphen."""
    inner = "".join(text(child) for child in children)
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{written}>{inner}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """Parts one after another."""
    return Html("".join(text(part) for part in parts))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> Html:
    """A table; the columns `numbers` (from 0) are right-aligned."""
    right = set(numbers)

    def cell(kind: str, place: int, value: object) -> Html:
        return (
            element(kind, value, style="text-align:right;white-space:nowrap")
            if place in right
            else element(kind, value)
        )

    lines = [element("tr", *(cell("td", place, value) for place, value in enumerate(row))) for row in rows]
    top = element("tr", *(cell("th", place, value) for place, value in enumerate(head)))
    return element("table", element("thead", top), element("tbody", *lines))
