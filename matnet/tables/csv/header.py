"""Line 1 of a table: the names of its columns, or the first row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from matnet.errors import Advice, Parameter, TableError
from matnet.tables.columns import Header
from matnet.tables.csv.cells import unquoted, walk_records
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.records import Block, check_marks, first_record_end
from matnet.tables.wording import shown

OTHER_DELIMITERS = {";": ";", "\t": "tab", "|": "|", ",": ","}


def read_header(block: Block, place: str, dialect: Dialect, wanted: Sequence[str] = ()) -> tuple[Header, Block | None]:
    """The header of a table from its first block, and what follows it in the block.

    Without a header the columns are x1, x2 and so on. `wanted` are names: if all of them are there, line 1 is a header.

    Raises
    ------
    TableError
        Line 1 is blank, holds both numbers and names, names a column twice, or ends unlike all other lines.
    """
    end = first_record_end(block.data)
    first = Block(block.data[:end], block.line)
    check_marks(first, place, dialect.byte)
    (_, written), *_ = walk_records(first, place, dialect)
    cells = [(unquoted(cell) or "").strip() for cell in written]
    if cells == [""]:
        raise TableError(f"line {block.line} is blank; the table begins with its header or its first row", place=place)
    if has_header(cells, place, dialect, wanted):
        check_names(cells, place)
        rest = Block(block.data[end:], block.line + first.data.count(b"\n"))
        return Header(tuple(cells), True), rest if rest.data else None
    return Header(tuple(f"x{number}" for number in range(1, len(cells) + 1)), False), block


def has_header(cells: Sequence[str], place: str, dialect: Dialect, wanted: Sequence[str]) -> bool:
    """Whether the cells of the first line name the columns: they do if none is a number, or if all `wanted` are there.

    Raises
    ------
    TableError
        Some are numbers and some are not, and the user does not say what they are.
    """
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
        f"line 1 holds both numbers and text ({shown(numbers[0])})",
        Advice("; use ", Parameter("header", True), " if it names the columns"),
        Advice(", ", Parameter("header", False), " if it is the first row"),
        place=place,
    )


def check_names(names: Sequence[str], place: str) -> None:
    """Check that no two columns have the same name."""
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise TableError(f"columns {seen[name]} and {number} are both named {shown(name)}; rename one", place=place)
        seen[name] = number


def other_delimiter(names: Sequence[str], dialect: Dialect) -> Advice | None:
    """Advice where a header of one column looks as if another delimiter divided it."""
    if len(names) != 1:
        return None
    marks = [mark for mark in OTHER_DELIMITERS if mark != dialect.mark and mark in names[0]]
    if not marks:
        return None
    best = max(marks, key=names[0].count)
    return Advice(f"; line 1 is one cell with {shown(best)} in it: ", Parameter("delimiter", OTHER_DELIMITERS[best]))
