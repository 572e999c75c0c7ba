"""The dialect of a table, detected from its first lines where the user does not state it.

A comma is taken whenever it fits. Another delimiter is taken only if it divides all of the first lines into the same
number of cells with numbers in them; a decimal comma only if no number could mean thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

from matnet.errors import Advice, Parameter, TableError
from matnet.tables.csv.cells import walk_records
from matnet.tables.csv.cleaning import tabs_for_blanks
from matnet.tables.csv.dialect import BLANKS, WITH_COMMA, Dialect
from matnet.tables.csv.records import Block, first_record_end
from matnet.tables.wording import shown

CANDIDATES = (",", ";", "\t", "|", BLANKS)
NAMES = {";": "semicolons", "\t": "tabs", "|": "vertical bars", BLANKS: "blanks"}
LINES = 20
MAY_BE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")


def detected(block: Block, dialect: Dialect, place: str) -> tuple[Dialect, str]:
    """The complete dialect of a table, from its first block, and notes for the user.

    Raises
    ------
    TableError
        Its numbers have a comma that may be a decimal sign or divide thousands.
    """
    lines = _first_lines(block)
    delimiter = dialect.delimiter or _delimiter(lines, dialect)
    decimal: Literal[".", ","] = dialect.decimal or _decimal(lines, delimiter, place)
    complete = replace(dialect, delimiter=delimiter, decimal=decimal)
    said = [] if dialect.delimiter or delimiter == "," else [f"cells are divided by {NAMES[delimiter]}"]
    said += [] if dialect.decimal or decimal == "." else ["numbers have decimal commas"]
    return complete, f"{place}: {' and '.join(said)}" if said else ""


def _first_lines(block: Block) -> list[bytes]:
    lines: list[bytes] = []
    rest = block.data[: 1 << 16]
    while len(lines) < LINES and b"\n" in rest:
        end = first_record_end(rest)
        if rest[:end].strip(b"\r\n"):
            lines.append(rest[:end])
        rest = rest[end:]
    return [line for line in lines if line.endswith(b"\n")] or [block.data]


def _cells(lines: Sequence[bytes], delimiter: str) -> list[list[str]]:
    """The cells of each line as a delimiter divides them; none if quotes or bytes are invalid."""
    text = b"".join(lines)
    dialect = Dialect(delimiter)
    if delimiter == BLANKS:
        text = tabs_for_blanks(text)
    try:
        return [cells for _, cells in islice(walk_records(Block(text, 1), "", dialect), LINES)]
    except TableError:
        return []


def _delimiter(lines: Sequence[bytes], dialect: Dialect) -> str:
    divided = {mark: _cells(lines, mark) for mark in CANDIDATES if mark != dialect.decimal}
    fitting = {
        mark: rows for mark, rows in divided.items() if rows and len(rows[0]) > 1 and len(set(map(len, rows))) == 1
    }
    with_numbers = [mark for mark, rows in fitting.items() if _all_numbers(rows[1:] or rows, dialect)]
    if "," in with_numbers or not fitting:
        return "," if dialect.decimal != "," else ";"
    candidates = with_numbers or [mark for mark in fitting if mark != BLANKS]
    return candidates[0] if candidates else "," if dialect.decimal != "," else ";"


def _all_numbers(rows: Sequence[Sequence[str]], dialect: Dialect) -> bool:
    either = (replace(dialect, delimiter="\t", decimal="."), replace(dialect, delimiter="\t", decimal=","))
    cells = [cell.strip('"') for row in rows for cell in row]
    return all(dialect.is_missing(cell) or any(form.is_number(cell) for form in either) for cell in cells)


def _decimal(lines: Sequence[bytes], delimiter: str, place: str) -> Literal[".", ","]:
    if delimiter == ",":
        return "."
    cells = [cell.strip(' "') for row in _cells(lines, delimiter) for cell in row]
    commas = [cell for cell in cells if WITH_COMMA.fullmatch(cell)]
    points = Dialect("\t", ".")
    if not commas or any("." in cell and points.is_number(cell) for cell in cells):
        return "."
    if all(map(MAY_BE_THOUSANDS.fullmatch, commas)):
        raise TableError(
            f"the comma in {shown(commas[0])} may be a decimal sign or divide thousands",
            Advice("; if it is a decimal sign: ", Parameter("decimal", ",")),
            place=place,
        )
    return ","
