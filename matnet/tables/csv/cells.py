"""From a block of records to numbers and kept text.

Three readers with the same meaning. The fast one gives the block to polars with the inputs as float64; where anything
is odd (a cell that polars cannot read, an infinity, a count that does not fit) the second has polars read text and
turns it into numbers with spaces, decimal commas and missing cells in mind; where that too finds something odd, the
third walks through the cells one by one and either reads them or names the line and column of the first bad one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from matnet.errors import Advice, Parameter, TableError, counted
from matnet.functions.namespace import FloatArray
from matnet.tables.csv.dialect import MISSING_WORDS, WITH_COMMA, Dialect
from matnet.tables.csv.records import BOM, NEWLINE, Block, check_marks, even, marks
from matnet.tables.interfaces import Rows
from matnet.tables.polars import pl
from matnet.tables.wording import shown

COMMENT_MARKS = ("%", "#")
"""What other programs begin a comment with."""
NAN_ALLOWED = Advice(" with ", Parameter("missing", "nan"))
TAKEN_FOR_COMPRESSED = (BOM, b"\x1f\x8b", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd")
"""First bytes of blocks that polars would decompress, or whose first character it would drop."""


class Layout(NamedTuple):
    """Which columns of a table are read: the inputs as numbers and others as text, by index from 0.

    ``second_line`` is the line after a header, which may hold units.
    """

    place: str
    names: tuple[str, ...]
    inputs: tuple[int, ...]
    texts: tuple[int, ...]
    dialect: Dialect
    second_line: int | None = None

    @property
    def numbers(self) -> set[int]:
        """The columns that are read as numbers alone, where the dialect's numbers are those of polars."""
        text_first = self.dialect.decimal == "," or self.dialect.na_numbers
        return set() if text_first else set(self.inputs) - set(self.texts)

    @property
    def ends_in_number(self) -> bool:
        """Whether the last column is one of those."""
        return len(self.names) - 1 in self.numbers


def read_rows(block: Block, layout: Layout) -> Rows:
    """The rows of a block.

    Raises
    ------
    TableError
        Names the line and, where it is a cell, the column: a record with too few or too many cells, a blank line,
        a cell that is not a number, an empty cell (unless missing cells are allowed), text that is not UTF-8.
    """
    check_marks(block, layout.place, layout.dialect.byte)
    if block.data.startswith(TAKEN_FOR_COMPRESSED):
        return _walk(block, layout)
    # a record that is too short lacks its last number, which the fast reader notices: its cells need not be counted
    self_evident = layout.ends_in_number and not block.quoted
    for as_text in (False, True):
        counted = as_text or not self_evident
        records = even(block, layout.dialect.byte, len(layout.names)) if counted else block.lines
        rows = None if records is None else _parse(block, layout, records, as_text=as_text)
        if rows is not None:
            return rows
    return _walk(block, layout)


def _parse(block: Block, layout: Layout, records: int, *, as_text: bool) -> Rows | None:
    """The rows as polars reads them; None if anything in them is unusual."""
    frame = _frame(block, layout, as_text=as_text)
    if frame is None or frame.height != records:
        return None
    if frame.width == 1 and frame.to_series(0).null_count():
        return None  # a blank line
    numeric = layout.inputs and not as_text and layout.numbers.issuperset(layout.inputs)
    x = _numeric(frame, layout) if numeric else _mixed(frame, layout)
    if x is None:
        return None
    return Rows(x, pl.DataFrame([frame.to_series(index).alias(str(place)) for place, index in enumerate(layout.texts)]))


def _frame(block: Block, layout: Layout, *, as_text: bool) -> pl.DataFrame | None:
    numeric = set() if as_text else layout.numbers
    schema = {str(index): pl.Float64 if index in numeric else pl.String for index in range(len(layout.names))}
    try:
        return pl.read_csv(
            block.data,
            has_header=False,
            schema=schema,
            separator=layout.dialect.mark,
            ignore_errors=True,
        )
    except pl.exceptions.PolarsError:
        return None


def _numeric(frame: pl.DataFrame, layout: Layout) -> FloatArray | None:
    """The inputs, all of them read as numbers; None where one is missing or infinite: it may be text, or too large."""
    numbers = frame.select(map(str, layout.inputs))
    if any(numbers.null_count().row(0)):
        return None
    x = numbers.to_numpy(order="fortran")
    return x if _finite(x) else None


def _mixed(frame: pl.DataFrame, layout: Layout) -> FloatArray | None:
    """The inputs column by column, some of them text; None where a cell is not a good number."""
    x = np.empty((frame.height, len(layout.inputs)))
    for place, index in enumerate(layout.inputs):
        values = frame.to_series(index)
        if values.dtype == pl.String:
            column = _numbers(values, layout.dialect)
        else:
            column = None if values.null_count() or not _finite(values.to_numpy()) else values.to_numpy()
        if column is None:
            return None
        x[:, place] = column
    return x


def _finite(numbers: FloatArray) -> bool:
    """Whether no number is infinite; NaN may be there."""
    with np.errstate(all="ignore"):
        # a fast first look: the sum is finite only where all numbers are
        return bool(np.isfinite(numbers.sum())) or not bool(np.isinf(numbers).any())


def _numbers(texts: pl.Series, dialect: Dialect) -> FloatArray | None:
    """Numbers from text; None if a text is not a number, or is missing where that is not allowed."""
    texts = texts.str.strip_chars()
    if dialect.decimal == ",":
        if texts.str.contains(".", literal=True).any():
            return None
        texts = texts.str.replace_all(",", ".", literal=True)
    values = texts.cast(pl.Float64, strict=False)
    if values.is_infinite().any() and not texts.filter(values.is_infinite()).str.contains("(?i)inf").all():
        return None
    empty = texts.is_null() | (texts == "") | texts.str.to_lowercase().is_in(MISSING_WORDS) | texts.is_in(dialect.na)
    empty |= values.is_in(list(dialect.na_numbers)).fill_null(False)
    values = values.set(empty.fill_null(True), None) if dialect.na else values
    if values.null_count() != int(empty.fill_null(True).sum()) or (values.null_count() and dialect.missing == "error"):
        return None
    return values.fill_null(float("nan")).to_numpy()


def _walk(block: Block, layout: Layout) -> Rows:
    """The rows cell by cell: slow, and exact about what is wrong where."""
    numbers: list[list[float]] = []
    texts: list[list[str | None]] = []
    for line, cells in walk_records(block, layout.place, layout.dialect):
        _check_count(line, cells, layout)
        if line == layout.second_line and not any(map(layout.dialect.is_number, cells)):
            hints: tuple[Advice, ...] = (Advice("; if the line holds units: ", Parameter("skip_rows", 1)),)
        else:
            hints = ()
        numbers.append([_number(cells[index], line, layout.names[index], layout, hints) for index in layout.inputs])
        texts.append([unquoted(cells[index]) for index in layout.texts])
    schema = {str(place): pl.String for place in range(len(layout.texts))}
    x = np.array(numbers, dtype=np.float64).reshape(len(numbers), len(layout.inputs))
    return Rows(x, pl.DataFrame(texts, schema=schema, orient="row") if layout.texts else pl.DataFrame())


def walk_records(block: Block, place: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Each record's first line and its cells as they are written, quotes included."""
    line, first_line, start = block.line, block.line, 0
    cells: list[str] = []
    for end in marks(block.data, dialect.byte).tolist():
        raw = block.data[start:end]
        start = end + 1
        line += raw.count(b"\n")
        if last := block.data[end] == NEWLINE:
            raw = raw.removesuffix(b"\r")
        cells.append(_decoded(raw, place, line))
        if last:
            yield first_line, cells
            line += 1
            first_line, cells = line, []


def _decoded(raw: bytes, place: str, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TableError(
            f"the text is not UTF-8 (byte 0x{raw[error.start]:02x}); save the table as UTF-8",
            Advice(", or if a program of Windows wrote it: ", Parameter("encoding", "cp1252")),
            place=f"{place}: line {line}",
        ) from None


def unquoted(cell: str) -> str | None:
    """The text of a cell; None if it is empty, without even quotes."""
    if cell.startswith('"'):
        return cell[1:-1].replace('""', '"')
    return cell or None


def _check_count(line: int, cells: Sequence[str], layout: Layout) -> None:
    expected = len(layout.names)
    if cells == [""]:
        raise blank_line(layout.place, line, expected)
    if len(cells) != expected:
        remark = _comment_advice(cells[0], layout.dialect) or _comment_advice(layout.names[0], layout.dialect)
        raise TableError(
            f"{counted(len(cells), 'cell')}, expected {expected} as in line 1; "
            "a delimiter inside a cell needs quotes around the cell",
            *(remark or _comma_advice(cells, expected, layout.dialect)),
            place=f"{layout.place}: line {line}",
        )


def blank_line(place: str, line: int, columns: int) -> TableError:
    """The message for a blank line among the rows of a table with this many columns."""
    instead = ", or write NaN for a missing number" if columns == 1 else ""
    return TableError(f"line {line} is blank; delete the line{instead}", place=place)


def _number(cell: str, line: int, name: str, layout: Layout, hints: Sequence[Advice]) -> float:
    return number_in(unquoted(cell) or "", layout.dialect, f"{layout.place}: line {line}, column {name}", hints)


def number_in(text: str, dialect: Dialect, place: str, hints: Sequence[Advice] = ()) -> float:
    """The number that the text of a cell is; NaN for a missing one.

    Raises
    ------
    TableError
        It is none, too large, or missing where that is not allowed; `place` names the cell, and `hints` are advice
        where nothing better is known.
    """
    if dialect.is_missing(text):
        if dialect.missing == "nan":
            return float("nan")
        what = f"{shown(text)} stands for a missing number" if text.strip() else "the cell is empty"
        raise TableError(f"{what}; fill it in, or have it read as NaN", NAN_ALLOWED, place=place)
    if not dialect.is_number(text):
        advice = [*_decimal_advice(text, dialect), *_comment_advice(text, dialect)] or hints
        raise TableError(f"{shown(text)} is not a number", *advice, place=place)
    return dialect.number(text, place)


def _comment_advice(cell: str, dialect: Dialect) -> list[Advice]:
    mark = cell.strip(' "')[:1]
    if dialect.comment or mark not in COMMENT_MARKS:
        return []
    return [Advice(f"; if lines that begin with {mark} are comments: ", Parameter("comment", mark))]


def _comma_advice(cells: Sequence[str], expected: int, dialect: Dialect) -> list[Advice]:
    """Advice for a single column of numbers with decimal commas, each of which is split into two cells."""
    if expected != 1 or dialect.mark != "," or not WITH_COMMA.fullmatch(",".join(cells)):
        return []
    return [Advice("; if the comma is a decimal sign: ", Parameter("decimal", ","))]


def _decimal_advice(text: str, dialect: Dialect) -> Iterator[Advice]:
    other = Dialect(";", "," if dialect.decimal == "." else ".")
    if other.is_number(text):
        yield Advice(f"; if '{other.decimal}' is its decimal sign: ", Parameter("decimal", other.decimal))
        if dialect.mark == other.decimal:
            yield Advice(", and ", Parameter("delimiter"), " for what divides the cells")
