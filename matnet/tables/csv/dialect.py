"""How a table is written: its delimiter, decimal sign, header, comments and missing cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from math import isinf
from typing import Literal

from matnet.errors import Advice, Parameter, TableError
from matnet.tables.wording import shown

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf|infinity)", re.IGNORECASE)
WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""Characters allowed around a number: Unicode's white space. Four control characters that Python strips too are
damage."""
DELIMITERS = "space, tab or one of , ; | : ! # $ % & * / @ \\ ^ _ ~"
BLANKS = "blanks"
"""The delimiter of tables whose cells are divided by any number of blanks and tabs, as save -ascii writes them."""
MISSING_WORDS = frozenset({"na", "n/a", "null"})
"""Words that programs write for a missing number, in any case; NaN is a number."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written; what is None is detected from its first lines.

    ``header`` says whether line 1 names the columns; ``missing`` what an empty cell of an input is, or one that holds a
    word for a missing number: NA, N/A, null or one of ``na``. Lines that begin with ``comment`` are left out, and
    so are ``skip_rows`` rows after the header.
    """

    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    header: bool | None = None
    missing: Literal["error", "nan"] = "error"
    na: tuple[str, ...] = ()
    comment: str = ""
    skip_rows: int = 0

    def __post_init__(self) -> None:
        mark = self.delimiter
        if mark is not None and mark != BLANKS:
            if len(mark) != 1 or not mark.isascii() or mark.isalnum() or not (mark.isprintable() or mark == "\t"):
                raise TableError(f"delimiter '{mark}' is not one character that can divide cells: {DELIMITERS}")
            if mark in "\"'+-.()<>=?[]{}`":
                raise TableError(f"delimiter '{mark}' can stand in a number or quote a cell: {DELIMITERS}")
        if mark is not None and mark == self.decimal:
            raise TableError(
                f"'{mark}' cannot be both the delimiter and the decimal sign", Advice("; ", Parameter("delimiter", ";"))
            )
        if any(character in self.comment for character in "\r\n"):
            raise TableError(Parameter("comment"), " is the text that a comment line begins with, without a line break")
        if self.skip_rows < 0:
            raise TableError(Parameter("skip_rows"), f" is {self.skip_rows}, expected 0 or more")

    @cached_property
    def na_numbers(self) -> frozenset[float]:
        """The numbers among ``na``: they stand for a missing one however they are written, -999 as -999.0."""
        return frozenset(float(self.plain(word)) for word in self.na if self.is_number(word))

    @property
    def mark(self) -> str:
        """The delimiter of the text that is parsed, in which blanks have become tabs."""
        assert self.delimiter is not None, "not detected yet"
        return "\t" if self.delimiter == BLANKS else self.delimiter

    @property
    def byte(self) -> int:
        """The same, as a byte of the text."""
        return ord(self.mark)

    def plain(self, text: str) -> str:
        """The text of a number with a decimal point and without spaces around it."""
        stripped = text.strip(SPACES)
        if self.decimal != ",":
            return stripped
        return "." if "." in stripped else stripped.replace(",", ".")

    def is_number(self, text: str) -> bool:
        """Whether the text of a cell is a number."""
        return NUMBER.fullmatch(self.plain(text)) is not None

    def number(self, text: str, place: str) -> float:
        """The number that the text of a cell is.

        Raises
        ------
        TableError
            It is too large, by the name of the cell.
        """
        value = float(self.plain(text))
        if isinf(value) and not INFINITY.fullmatch(text.strip(SPACES)):
            raise TableError(f"{shown(text)} is too large for a float64; write Inf if that is meant", place=place)
        return value

    def is_missing(self, text: str) -> bool:
        """Whether the text of a cell stands for a number that is missing."""
        stripped = text.strip(SPACES)
        if not stripped or stripped.lower() in MISSING_WORDS or stripped in self.na:
            return True
        return bool(self.na_numbers) and self.is_number(text) and float(self.plain(text)) in self.na_numbers


@dataclass(frozen=True)
class Style:
    """How numbers are written as text: ``precision`` significant digits, all by default, and the decimal sign."""

    precision: int | None = None
    decimal: Literal[".", ","] = "."
