"""Line 1 of a table: the names of its columns, or numbers already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matnet.errors import TableError
from matnet.tables.cells import shown, unquoted, walk_records
from matnet.tables.dialect import Dialect
from matnet.tables.records import Block, check_marks, first_record_end

OTHER_DELIMITERS = {";": "';'", "\t": "tab", "|": "'|'", ",": "','"}


@dataclass(frozen=True)
class Header:
    """Names of the columns and whether line 1 gave them; `rest` is what follows in the first block."""

    names: tuple[str, ...]
    written: bool
    rest: Block | None


def read_header(block: Block, place: str, dialect: Dialect, wanted: Sequence[str] = ()) -> Header:
    """The header of a table from its first block; `wanted` are names that, all found, show that line 1 is one.

    Without a header the columns are x1, x2 and so on.

    Raises
    ------
    TableError
        Line 1 is blank, holds numbers and names side by side, names a column twice, or ends like no other line.
    """
    end = first_record_end(block.data)
    first = Block(block.data[:end], block.line)
    check_marks(first, place, dialect.byte)
    (_, written), *_ = walk_records(first, place, dialect)
    cells = [(unquoted(cell) or "").strip() for cell in written]
    if cells == [""]:
        raise TableError(f"{place}: line {block.line} is blank; the table begins with its header or its first row")
    if _has_header(cells, place, dialect, wanted):
        _check_names(cells, place)
        rest = Block(block.data[end:], block.line + first.data.count(b"\n"))
        return Header(tuple(cells), True, rest if rest.data else None)
    return Header(tuple(f"x{number}" for number in range(1, len(cells) + 1)), False, block)


def _has_header(cells: Sequence[str], place: str, dialect: Dialect, wanted: Sequence[str]) -> bool:
    if dialect.header is not None:
        return dialect.header
    numbers = [cell for cell in cells if dialect.is_number(cell)]
    if not numbers:
        return True
    if len(numbers) == len(cells):
        return False
    if wanted and set(wanted) <= set(cells):
        return True
    raise TableError(
        f"{place}: line 1 holds numbers and text side by side ({shown(numbers[0])}); "
        "say --header if it names the columns, --no-header if it is the first row"
    )


def _check_names(names: Sequence[str], place: str) -> None:
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise TableError(f"{place}: columns {seen[name]} and {number} are both named {shown(name)}; rename one")
        seen[name] = number


def other_delimiter(names: Sequence[str], dialect: Dialect) -> str:
    """Advice where a header of one column looks as if another delimiter divided it; empty otherwise."""
    if len(names) != 1:
        return ""
    found = [mark for mark in OTHER_DELIMITERS if mark != dialect.delimiter and mark in names[0]]
    if not found:
        return ""
    best = max(found, key=names[0].count)
    return f"; line 1 is one cell with {shown(best)} in it: say --delimiter {OTHER_DELIMITERS[best]}"
