"""What a spreadsheet computes in a written workbook: a second reader of the formulas that matnet writes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_TOKEN = re.compile(
    r"(?P<sheet>weights!)?\$?(?P<column>[A-Z]{1,3})\$?(?P<row>\d+)(:\$?(?P<last>[A-Z]{1,3})\$?(?P=row))?"
    r"|(?P<name>[A-Z]+)(?=\()|(?P<equal>(?<![<>])=)"
)


class Workbook:
    """The cells of the two sheets; those of the first are computed for inputs by their cells."""

    def __init__(self, content: bytes) -> None:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            texts = [
                entry.text or ""
                for entry in ElementTree.fromstring(archive.read("xl/sharedStrings.xml")).iter(f"{_MAIN}t")
            ]
            sheets = [ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml")) for number in (1, 2)]
        self.formulas: dict[str, Any] = {}
        self.written: dict[str, str | float] = {}
        self.weights: dict[str, str | float] = {}
        for sheet, cells in zip(sheets, (self.written, self.weights), strict=True):
            for cell in sheet.iter(f"{_MAIN}c"):
                place, value, formula = str(cell.get("r")), cell.find(f"{_MAIN}v"), cell.find(f"{_MAIN}f")
                text = value.text or "" if value is not None else ""
                kind = cell.get("t")
                if value is not None:
                    cells[place] = texts[int(text)] if kind == "s" else np.nan if text == "#N/A" else float(text)
                if formula is not None:
                    self.formulas[place] = compile(_TOKEN.sub(_token, formula.text or ""), place, "eval")
        self.computed: dict[str, float] = {}

    def with_inputs(self, inputs: Mapping[str, float]) -> dict[str, float]:
        """Every cell with a formula, for numbers in the cells of the inputs."""
        self.computed = dict(inputs)
        with np.errstate(all="ignore"):
            return {place: self.cell("", place) for place in self.formulas}

    def rows(self, first: int) -> list[list[float]]:
        """The numbers of the first sheet from a row on."""
        self.computed = {}
        found: list[list[float]] = []
        while f"A{first + len(found)}" in self.formulas:
            row = first + len(found)
            places = [f"{letters(k)}{row}" for k in range(1, len(self.formulas) + len(self.written))]
            with np.errstate(all="ignore"):
                found.append(
                    [
                        self.cell("", place) if place in self.formulas else float(self.written[place])
                        for place in places
                        if place in self.formulas or place in self.written
                    ]
                )
        return found

    def cell(self, sheet: str, place: str) -> float:
        """The number in a cell, which must have one."""
        if sheet:
            value = self.weights[place]
        elif place in self.computed:
            return self.computed[place]
        elif place not in self.formulas:
            value = self.written[place]
        else:
            functions: dict[str, Any] = {"cell": self.cell, "cells": self.cells}
            functions["ROW_"] = lambda: int(re.sub(r"\D", "", place))
            value = eval(self.formulas[place], functions | _FUNCTIONS)  # noqa: S307
            self.computed[place] = np.float64(value)
        assert not isinstance(value, str), (sheet, place)
        return np.float64(value)

    def cells(self, sheet: str, first: str, last: str, row: str) -> list[float]:
        """The numbers of a range in one row."""
        return [self.cell(sheet, f"{letters(k)}{row}") for k in range(number(first), number(last) + 1)]


def _token(match: re.Match[str]) -> str:
    if match["name"]:
        return f"{match['name']}_"
    if match["equal"]:
        return "=="
    if match["last"]:
        return f"cells({match['sheet']!r}, {match['column']!r}, {match['last']!r}, {match['row']!r})".replace(
            "None", "''"
        )
    return f"cell({match['sheet']!r}, {match['column'] + match['row']!r})".replace("None", "''")


def _flat(values: tuple[Any, ...]) -> list[float]:
    return [number for value in values for number in (value if isinstance(value, list) else [value])]


_FUNCTIONS: dict[str, Any] = {
    "IF_": lambda condition, a, b: a if condition else b,
    "AND_": lambda *conditions: all(conditions),
    "OR_": lambda *conditions: any(conditions),
    "NOT_": lambda condition: not condition,
    "NA_": lambda: np.nan,
    "COUNT_": lambda *values: sum(not np.isnan(number) for number in _flat(values)),
    "MAX_": lambda *values: max(_flat(values)),
    "MIN_": lambda *values: min(_flat(values)),
    "SUMPRODUCT_": lambda a, b: sum((x * y for x, y in zip(a, b, strict=True)), 0.0),
    "EXP_": np.exp,
    "TANH_": np.tanh,
    "ABS_": abs,
    "SQRT_": np.sqrt,
    "SIGN_": np.sign,
}


def number(column: str) -> int:
    """A column's number, A is 1."""
    found = 0
    for letter in column:
        found = 26 * found + ord(letter) - ord("A") + 1
    return found


def letters(column: int) -> str:
    """A column's letters."""
    return letters((column - 1) // 26) + chr(ord("A") + (column - 1) % 26) if column else ""
