"""How a table is written: its delimiter, decimal sign, header and missing cells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from matnet.errors import Advice, Parameter, TableError

NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf|infinity)", re.IGNORECASE)
INFINITY = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What may stand around a number: Unicode's white space. Four control characters that Python strips too are damage."""
DELIMITERS = "space, tab or one of , ; | : ! # $ % & * / @ \\ ^ _ ~"


@dataclass(frozen=True)
class Dialect:
    """``header`` None finds out from line 1; ``missing`` says what an empty cell of an input is."""

    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    header: bool | None = None
    missing: Literal["error", "nan"] = "error"

    def __post_init__(self) -> None:
        mark = self.delimiter
        if len(mark) != 1 or not mark.isascii() or mark.isalnum() or not (mark.isprintable() or mark == "\t"):
            raise TableError(f"delimiter '{mark}' is not one character that can divide cells: {DELIMITERS}")
        if mark in "\"'+-.()<>=?[]{}`":
            raise TableError(f"delimiter '{mark}' can stand in a number or quote a cell: {DELIMITERS}")
        if mark == self.decimal:
            raise TableError(
                f"'{mark}' cannot be both the delimiter and the decimal sign", Advice("; ", Parameter("delimiter", ";"))
            )

    @property
    def byte(self) -> int:
        """The delimiter as it stands in the file."""
        return ord(self.delimiter)

    def plain(self, text: str) -> str:
        """The text of a number with a decimal point and without spaces around it."""
        stripped = text.strip(SPACES)
        if self.decimal == ".":
            return stripped
        return "." if "." in stripped else stripped.replace(",", ".")

    def is_number(self, text: str) -> bool:
        """Whether the text of a cell is a number."""
        return NUMBER.fullmatch(self.plain(text)) is not None
