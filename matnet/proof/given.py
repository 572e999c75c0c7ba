"""Numbers of the user's own computation, read from a CSV file of quantities and values."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from matnet.errors import TableError
from matnet.network.mistakes import UserNumber

_COLUMNS = ("quantity", "value")


def read_given(file: str) -> dict[str, UserNumber]:
    """The numbers of a file with a quantity and a value in each row, by their quantities.

    A header may name the columns; without one they are the first and the last. Cells are divided by commas, semicolons
    (then a decimal comma is one) or tabs. A value agrees within a unit of its last digit.

    Raises
    ------
    TableError
        The file cannot be read, a value is not a number, or a quantity occurs twice.
    """
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror or error}", place=file) from error
    except UnicodeDecodeError:
        raise TableError("is not text in UTF-8", place=file) from None
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = next((mark for mark in ";\t" if mark in first), ",")
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise TableError(f"cannot be read: {error}", place=file) from None
    numbers: dict[str, UserNumber] = {}
    columns: tuple[int, int] | None = None
    for number, cells in enumerate(rows, start=1):
        if not any(cell.strip() for cell in cells):
            continue
        header = [cell.strip().casefold() for cell in cells]
        if columns is None and not numbers and all(name in header for name in _COLUMNS):
            columns = header.index(_COLUMNS[0]), header.index(_COLUMNS[1])
            continue
        name, value = _row(cells, columns, delimiter)
        place = f"{file}: line {number}"
        given = _given(value)
        if given is None:
            raise TableError(f"'{value}' is not a number; each row is a quantity and a value", place=place)
        if name in numbers:
            raise TableError(f"{name} occurs a second time", place=place)
        numbers[name] = given
    if not numbers:
        raise TableError("has no numbers; each row is a quantity and a value", place=file)
    return numbers


def _row(cells: Sequence[str], columns: tuple[int, int] | None, delimiter: str) -> tuple[str, str]:
    """The name and the value of a row; a name such as IW{1,1} may be divided by its own comma."""
    if columns is None or len(cells) <= max(columns):
        name, value = delimiter.join(cells[:-1]), cells[-1]
    else:
        name, value = cells[columns[0]], cells[columns[1]]
    value = value.strip()
    return name.strip(), value.replace(",", ".") if delimiter == ";" else value


def _given(text: str) -> UserNumber | None:
    """The number of a text and the unit of its last digit; 0 for one that is written without decimals."""
    try:
        value = float(text)
    except ValueError:
        return None
    written = re.fullmatch(r"[+-]?\d*\.(\d+)(?:[eE]([+-]?\d+))?", text)
    if written is None:
        return UserNumber(value)
    return UserNumber(value, 10.0 ** (int(written[2] or 0) - len(written[1])))
