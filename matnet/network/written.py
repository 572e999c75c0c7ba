"""Numbers and sums as a person types them into a pocket calculator."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from matnet.functions.namespace import FloatArray

SHOWN_TERMS = 32
"""Sums of at most this many terms are written out where not all are asked for."""

_LINE_TERMS = 3
"""A longer sum is written in lines of so many terms, each with its subtotal."""

_FUNCTIONS = frozenset({"exp", "tanh", "sqrt", "erf", "ln", "max", "min", "sign"})
_LETTERS = frozenset({"e", "s", "P", "t", "pi"})
"""Names within the formulas of rows for a part of them."""

_POWERS = ("²", "³")

_TOKEN = re.compile(r"[A-Za-z]+(?:_[a-z]+)?|\d+(?:\.\d+)?|\s+|.")


def number(value: float) -> str:
    """Ten digits."""
    return f"{value:.10g}"


def factor(value: float) -> str:
    """A number among others: a negative one is in parentheses."""
    return f"({number(value)})" if value < 0.0 or (value == 0.0 and np.signbit(value)) else number(value)


class Sum:
    """Terms to be added: their values, and how one of them is written, by its place."""

    joint: ClassVar[str] = " + "

    def __init__(self, values: FloatArray, term: Callable[[int], str]) -> None:
        self.values = values
        self._term = term

    def __len__(self) -> int:
        return len(self.values)

    def terms(self) -> list[str]:
        """Each term."""
        return [self._term(place) for place in range(len(self.values))]

    def joined(self, terms: Sequence[str]) -> str:
        """The terms as one expression."""
        return self.joint.join(terms)

    def subtotals(self) -> FloatArray:
        """The sum of the terms up to each."""
        found: FloatArray = np.add.accumulate(self.values)
        return found


class Largest(Sum):
    """Terms of which the largest is taken."""

    def joined(self, terms: Sequence[str]) -> str:
        """max of the terms."""
        return f"max({', '.join(terms)})" if len(terms) > 1 else terms[0]

    def subtotals(self) -> FloatArray:
        """The largest of the terms up to each."""
        found: FloatArray = np.maximum.accumulate(self.values)
        return found


class Computation(Protocol):
    """How a number is computed; `full`: however many terms there are."""

    def text(self, full: bool = False) -> str:
        """On one line."""

    def lines(self, full: bool = False) -> list[str]:
        """In steps that each fit on a line."""


@dataclass(frozen=True)
class Line:
    """An expression without long sums."""

    written: str

    def text(self, full: bool = False) -> str:
        """The expression."""
        return self.written

    def lines(self, full: bool = False) -> list[str]:
        """The expression."""
        return [self.written]


@dataclass(frozen=True)
class Sums:
    """An expression of one or more sums, whose places in `frame` are {}."""

    sums: tuple[Sum, ...]
    frame: str = "{}"

    def text(self, full: bool = False) -> str:
        """The whole expression; a long sum only with `full`."""
        return self.frame.format(
            *(found.joined(found.terms()) if _fits(found, full) else _long(found) for found in self.sums)
        )

    def lines(self, full: bool = False) -> list[str]:
        """A long sum in lines, each of which begins with the subtotal of those before."""
        lines: list[str] = []
        parts: list[str] = []
        for found in self.sums:
            if not _fits(found, full):
                parts.append(_long(found))
                continue
            terms, before = found.terms(), found.subtotals().tolist()
            last = (len(terms) - 1) // _LINE_TERMS * _LINE_TERMS if terms else 0
            for start in range(0, last, _LINE_TERMS):
                lines.append(f"{_chunk(found, terms, before, start)} = {number(before[start + _LINE_TERMS - 1])}")
            rest = _chunk(found, terms, before, last)
            if last and self.frame != "{}":
                lines.append(f"{rest} = {number(before[-1])}")
                rest = number(before[-1])
            parts.append(rest)
        return [*lines, self.frame.format(*parts)]


def _chunk(found: Sum, terms: Sequence[str], before: Sequence[float], start: int) -> str:
    carried = [number(before[start - 1])] if start else []
    return found.joined([*carried, *terms[start : start + _LINE_TERMS]])


def _fits(found: Sum, full: bool) -> bool:
    return full or len(found) <= SHOWN_TERMS


def _long(found: Sum) -> str:
    return f"the {'largest' if isinstance(found, Largest) else 'sum'} of {len(found)} terms"


def substituted(formula: str, values: Mapping[str, float]) -> str:
    """A formula of a row with numbers in place of its letters, and every product with its sign."""
    known = _FUNCTIONS | _LETTERS | set(values)
    tokens = _TOKEN.findall(formula)
    found: list[str] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else ""
        after = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token.isspace() and _ends_factor(before, known) and _starts_factor(after, known):
            found.append(" * ")
        elif token in values and before == "-" and after in _POWERS:
            # a spreadsheet takes -0.5² for (-0.5)²
            found.append(f"({factor(values[token])}{after})")
        elif token in values:
            alone = (before, after) in (("(", ")"), ("|", "|"))
            found.append(number(values[token]) if alone else factor(values[token]))
        elif not (token in _POWERS and before in values and tokens[place - 2 : place - 1] == ["-"]):
            found.append(token)
    return "".join(found)


def _ends_factor(token: str, known: frozenset[str] | set[str]) -> bool:
    return token in (")", *_POWERS) or token[:1].isdigit() or token in known


def _starts_factor(token: str, known: frozenset[str] | set[str]) -> bool:
    return token in ("(", "|") or token[:1].isdigit() or token in known
