"""Names in a written file: a legal name for its function, and text that is safe in any comment."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matnet.errors import Parameter, UnsupportedError, counted
from matnet.model.ranges import Extent, Origin


@dataclass(frozen=True)
class NameRule:
    """The rules for a function's name in a language.

    ``free`` if any text is allowed. ``words`` are its keywords and the names that the written code uses itself, if they
    matter, in lower case if ``caseless``; ``numbered`` is the letter of those with a number, as in c0. ``longest`` is
    the maximum length; ``file`` says who calls the function, if that is done by its file's name.
    """

    free: bool = False
    words: frozenset[str] = frozenset()
    numbered: str = ""
    caseless: bool = False
    longest: int = 63
    file: str = ""

    def refusal(self, name: str) -> str:
        """Why a name is not legal; '' if it is."""
        if self.free:
            return ""
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            return "is not a name of letters, digits and _ that begins with a letter"
        if len(name) > self.longest:
            return f"has {len(name)} characters, at most {self.longest} are allowed"
        if self._taken(name):
            return "is a word that the language or the written code uses itself"
        return ""

    def legal(self, name: str) -> str:
        """The name itself if it is legal, else a legal one derived from it."""
        if self.free:
            return name
        made = re.sub(r"[^A-Za-z0-9_]+", "_", name)
        if not re.match(r"[A-Za-z]", made):
            made = f"net_{made.strip('_')}".rstrip("_")
        made = made[: self.longest]
        return f"{made[: self.longest - 1]}_" if self._taken(made) else made

    def _taken(self, name: str) -> bool:
        known = name.lower() if self.caseless else name
        return known in self.words or bool(self.numbered and re.fullmatch(f"{self.numbered}[0-9]+", known))


def function_name(rule: NameRule, stem: str, requested: str | None) -> tuple[str, str]:
    """The name of a function, and a note for the user if it differs from the file's stem.

    Parameters
    ----------
    rule
        What the language allows.
    stem
        The file's name without its suffix.
    requested
        The name that the user asks for; None for one derived from the stem.

    Raises
    ------
    UnsupportedError
        The requested name is not legal, or the function is called by its file's name and that is not legal.
    """
    name = stem if requested is None else requested
    reason = rule.refusal(name)
    if rule.file and (reason or name != stem):
        why = f", and {stem!r} {reason}" if requested is None else ""
        raise UnsupportedError(f"{rule.file} by its file's name{why}; write it to a file named {rule.legal(name)}")
    if requested is None:
        made = rule.legal(stem)
        return made, "" if made == stem else f"the function is called {made}: {stem!r} {reason}"
    if reason:
        raise UnsupportedError(Parameter("name"), f": {name[:80]!r} {reason}")
    return name, ""


def checked_names(
    inputs: Sequence[str], outputs: Sequence[str], input_size: int, output_size: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs' and outputs' elements, checked.

    Raises
    ------
    UnsupportedError
        There are too many or too few, one is empty or has a control character, or two inputs or two outputs have the
        same name.
    """
    checked: list[tuple[str, ...]] = []
    for what, given, size in (("input", inputs, input_size), ("output", outputs, output_size)):
        names = tuple(given)
        if len(names) != size:
            raise UnsupportedError(
                f"{counted(len(names), f'{what} name')} given, but the network has {counted(size, f'{what} element')}"
            )
        any_objects: Sequence[object] = names  # a program may pass anything
        for number, name in enumerate(any_objects, start=1):
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise UnsupportedError(f"{what} name {number} is {name!r}, expected printable text")
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise UnsupportedError(f"two {what}s are called {', '.join(twice)}; each needs a name of its own")
        checked.append(names)
    return checked[0], checked[1]


def plain(text: str) -> str:
    """Text from a file with every character replaced that could end a comment or have a meaning in a language."""
    return re.sub(r"[^A-Za-z0-9 ._:,/(){}=+^-]", "_", text)[:200]


_ASCII = str.maketrans(
    {"²": "2", "³": "3", "°": "deg", "µ": "u", "μ": "u", "Ω": "Ohm", "·": ".", "*": ".", "%": "percent"}
)
"""Characters of units in ASCII, without those that could end a comment."""

_ORIGIN: dict[Origin, str] = {"training": "in training", "scaling": "by its scaling", "centres": "of the centres"}


def documented(names: Sequence[str], units: Sequence[str], extent: Extent) -> list[str]:
    """One line per element: its number and name, its unit, its range and the origin of that; as far as known."""
    lines = []
    rows = zip(names, units, extent.limits.tolist(), extent.origin, strict=True)
    for number, (name, unit, (low, high), origin) in enumerate(rows, start=1):
        measured = f" ({plain(unit.replace('**', '^').translate(_ASCII))})" if unit else ""
        known = f", {low:.6g} to {high:.6g} {_ORIGIN[origin]}" if origin in _ORIGIN else ""
        lines.append(f"{number}: {plain(name)}{measured}{known}")
    return lines
