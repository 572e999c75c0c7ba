"""Excel workbooks: a sheet as a source of rows, and results written as a workbook.

Read with fastexcel and written with xlsxwriter, the libraries that polars uses.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matnet.errors import TableError
from matnet.extras import need
from matnet.files import ExactFloat
from matnet.tables.binary.frames import EXACT, FrameTable
from matnet.tables.binary.isolated import IsolatedBook
from matnet.tables.binary.scans import Book, HeldFrame, OpenBook
from matnet.tables.columns import check_clash, numbered
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.header import check_names, has_header
from matnet.tables.interfaces import Sink
from matnet.tables.polars import pl
from matnet.tables.target import Target
from matnet.tables.wording import listed, shown

MOST_ROWS, MOST_COLUMNS = (1 << 20) - 1, 1 << 14
"""The most rows of a sheet, without its header, and the most columns."""
MOST_LETTERS = 31
"""The most characters of a sheet's name."""


def read_sheet(
    path: Path,
    dialect: Dialect,
    limit: int,
    isolation: bool,
    sheet: str | None = None,
    wanted: Sequence[str] = (),
) -> FrameTable:
    """A sheet of a workbook, by default the first.

    Parameters
    ----------
    path
        The workbook.
    dialect
        Whether its first row names the columns, how many rows after that are left out, and what an empty cell is.
    limit
        Bytes of memory that the process which reads it may take, beside ten times the file.
    isolation
        Whether it is read in a separate process.
    sheet
        The name of the sheet.
    wanted
        Names of columns that will be requested: if the first row has them all it is a header.

    Raises
    ------
    TableError
        The workbook is damaged, it has no such sheet, the sheet is empty, or its first row is neither a header nor
        numbers.
    MissingExtraError
        fastexcel is not installed.
    """
    place = str(path) if sheet is None else f"{path}:{sheet}"
    book: Book = IsolatedBook(path, place, limit) if isolation else OpenBook(path, place)
    if sheet is not None and sheet not in (sheets := book.sheets()):
        raise TableError(f"there is no sheet {shown(sheet)}; there are {listed(sheets)}", place=path)
    first = book.first(sheet)
    if not first.width:
        raise TableError(f"{place} is empty; a header or a row is expected")
    cells = ["" if cell is None else str(cell).strip() for cell in first.row(0)]
    if not any(cells):
        raise TableError("row 1 is blank; delete the blank rows above the table", place=place)
    written = has_header(cells, place, dialect, wanted)
    if written:
        check_names(cells, place)
    names = tuple(cells) if written else numbered("x", len(cells))
    rows = book.below(sheet, written + dialect.skip_rows)
    frame = rows.rename(dict(zip(rows.columns, names, strict=True))) if rows.width else pl.DataFrame(schema=list(names))
    return FrameTable(HeldFrame(frame), place, dialect, str(path), written, loose=True)


def _workbook(held: io.BytesIO, place: str, **settings: Any) -> Any:
    """A workbook that is written to `held`."""
    xlsxwriter = need("an Excel workbook", "excel", "xlsxwriter", place=place)
    return xlsxwriter.Workbook(held, settings)


def _write_cell(sheet: Any, row: int, column: int, value: Any) -> None:
    """Text is written as text, never as a formula or a link, and so are integers that a workbook would round."""
    if value is None:
        return
    if isinstance(value, float) and value - value != 0:
        sheet.write_string(row, column, "NaN" if value != value else "Inf" if value > 0 else "-Inf")
    elif isinstance(value, float):
        sheet.write_number(row, column, ExactFloat(value))
    elif isinstance(value, bool | int) and abs(value) <= EXACT:
        sheet.write(row, column, value)
    else:
        sheet.write_string(row, column, str(value))


def workbook(sheets: Sequence[tuple[str, Sequence[Sequence[str | float]]]], place: str) -> bytes:
    """A workbook of sheets, each with its name and its rows of cells.

    Raises
    ------
    TableError
        A sheet has more rows or columns than a workbook can hold.
    MissingExtraError
        xlsxwriter is not installed; `place` is the workbook's name in the message.
    """
    held = io.BytesIO()
    book = _workbook(held, place)
    taken: set[str] = set()
    for name, rows in sheets:
        if len(rows) - 1 > MOST_ROWS or max(map(len, rows)) > MOST_COLUMNS:
            raise TableError(
                f"{name} is {len(rows)} by {len(rows[0])}, but a sheet has {MOST_ROWS:,} rows and {MOST_COLUMNS:,} "
                "columns at most; write CSV",
                place=place,
            )
        sheet = book.add_worksheet(_sheet_name(name, taken))
        for row, cells in enumerate(rows):
            for column, value in enumerate(cells):
                _write_cell(sheet, row, column, value)
    book.close()
    return held.getvalue()


def _sheet_name(name: str, taken: set[str]) -> str:
    """The name of a sheet, cut to what a workbook allows and not taken by another."""
    numbered = (f"{name[: MOST_LETTERS - 1 - len(str(k))]}~{k}" for k in itertools.count(2))
    candidates = itertools.chain([name[:MOST_LETTERS]], numbered)
    free = next(candidate for candidate in candidates if candidate.casefold() not in taken)
    taken.add(free.casefold())
    return free


class ExcelSink(Sink):
    """A result as the one sheet of a workbook, written when it is complete.

    Text is written as text, never as a formula; what is not finite stands as NaN, Inf or -Inf.

    Raises
    ------
    TableError
        Two columns have the same name.
    MissingExtraError
        xlsxwriter is not installed.
    """

    def __init__(self, target: Target, names: Sequence[str]) -> None:
        check_clash(names)
        self._target = target
        self._names = tuple(names)
        self._held = io.BytesIO()
        self._book: Any = _workbook(self._held, target.place, constant_memory=True)
        self._sheet: Any = self._book.add_worksheet("results")
        self._rows = 0
        for place, name in enumerate(self._names):
            self._sheet.write_string(0, place, name)

    def formatted(self, columns: Sequence[pl.Series]) -> pl.DataFrame:
        """Rows as a frame."""
        return pl.DataFrame([column.alias(name) for name, column in zip(self._names, columns, strict=True)])

    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Write rows.

        Raises
        ------
        TableError
            There are more than a sheet can hold.
        """
        assert isinstance(rows, pl.DataFrame)
        if self._rows + rows.height > MOST_ROWS:
            raise TableError(f"a sheet has {MOST_ROWS:,} rows at most; write CSV or Parquet", place=self._target.place)
        for row in rows.iter_rows():
            self._rows += 1
            for place, value in enumerate(row):
                _write_cell(self._sheet, self._rows, place, value)

    def finish(self) -> None:
        """Write the file."""
        self._book.close()
        self._target.write(self._held.getbuffer())

    def abandon(self) -> None:
        """Close the workbook, whose rows wait in a temporary file; it is not written."""
        self._book.close()
