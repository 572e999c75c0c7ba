"""Templates: statements written as MATLAB, with holes.

``<ring> = cell(1,<slots:count>)`` matches ``Xd1=cell(1,3)``. A hole has a name and a kind, for which ``<count>`` is
short where they are the same; a hole of no kind holds a variable's or a function's name. What stands in a hole without
a name is not looked at. A name that comes twice stands for the same text. Templates go through the scanner as files do,
so their white space means as little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, TypeVar

from matnet.importers.genfunction.syntax import joined
from matnet.importers.genfunction.tokens import NAME, Scanner

_KINDS = {
    "count": r"\d{1,9}+",
    "number": r"[1-9]\d{0,3}+",
    "input": r"x[1-9]\d{0,3}+",
    "dimension": "[12]",
    "size": rf"(?:\d{{1,9}}+|{NAME})",
    "sizes": r"[\w,]++",
    "delays": r"(?:\d{1,9}+|\[(?:\d{1,9}+(?:[ ,]|(?=\])))++\])",
    "string": r"""(?:(?:'[^'\n]*+')++|"[^"\n]*+")""",
    "any": r"[^\n]*",
}
"""What a hole holds: a whole number, the number of an input or an output, an input, …, any expression."""

_HOLE = re.compile(r"<(\w*)(?::(\w+))?>")

Result = TypeVar("Result")


@cache
def pattern(template: str) -> re.Pattern[str]:
    """The pattern of the normalised texts that a template matches, with a group for each name of a hole."""
    holes = _HOLE.findall(template)
    names = [name for name, _ in holes]
    text = re.escape(joined(Scanner(_HOLE.sub("hole_", template)).lines()))
    for k, (name, kind) in enumerate(holes):
        held = _KINDS.get(kind or name, NAME)
        group = f"(?P={name})" if name in names[:k] else f"(?P<{name}>{held})"
        text = text.replace("hole_", group if name else held, 1)
    return re.compile(text, re.ASCII)


def matched(templates: Sequence[str], text: str) -> dict[str, str] | None:
    """What stands in the holes of the first of some templates that matches a text; None where none does."""
    for template in templates:
        match = pattern(template).fullmatch(text)
        if match is not None:
            return match.groupdict()
    return None


def reads(*templates: str) -> Callable[[Callable[..., Result]], Callable[[Any, str], Result | None]]:
    """Makes of a method that takes what stands in the holes one that takes a text; None where no template matches."""

    def of_holes(method: Callable[..., Result]) -> Callable[[Any, str], Result | None]:
        @wraps(method)
        def of_text(reader: Any, text: str) -> Result | None:
            found = matched(templates, text)
            return None if found is None else method(reader, **found)

        return of_text

    return of_holes
