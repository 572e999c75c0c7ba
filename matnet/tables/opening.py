"""From the name of a table to the table: a file of any format, a stream, an array, a folder of parts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from matnet.files import DEFAULT_LIMIT
from matnet.tables.arrays import ArrayTable
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv.cells import number_in
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import open_stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.formats import delimiter_said_by, format_of, mat_address, sheet_address
from matnet.tables.interfaces import Table
from matnet.tables.parts import PartedTable, parts_of
from matnet.tables.polars import pl


@dataclass(frozen=True)
class Reading:
    """How a table is read.

    ``samples`` says whether they are rows or columns, by default rows, and columns of an array of a MAT-file;
    ``hashed`` computes the hash of what is read; ``encoding`` is that of text. With ``unbuffered`` available data of a
    stream is used without waiting for more. ``limit`` bounds the memory for a file, and ``isolation`` reads MAT-files
    of version 7.3, Parquet, Arrow and Excel files in a separate process.
    """

    dialect: Dialect = field(default_factory=Dialect)
    samples: Literal["columns", "rows"] | None = None
    hashed: bool = False
    encoding: str = "utf-8"
    unbuffered: bool = False
    limit: int = DEFAULT_LIMIT
    isolation: bool = True

    def dialect_of(self, name: str) -> Dialect:
        """The dialect of a text file: a .tsv is divided by tabs unless the user says otherwise."""
        said = delimiter_said_by(name) if self.dialect.delimiter is None else None
        return replace(self.dialect, delimiter=said) if said else self.dialect


@contextmanager
def open_table(name: str, columns: Columns, reading: Reading, stdin: BinaryIO | None = None) -> Iterator[Table]:
    """The table of that name: ``-`` is `stdin`, ``FILE.mat:path`` an array, a folder or pattern a table in parts.

    Raises
    ------
    TableError
        There is no such table, or it cannot be read.
    """
    address = mat_address(name)
    if address is not None:
        from matnet.tables.binary.matfiles import read_variable

        how = reading.samples, reading.dialect, reading.limit, reading.isolation
        yield read_variable(address, *how, image=columns.image)
        return
    wanted = _wanted(columns)
    parts = None if name == "-" else parts_of(name)
    if parts is not None:
        yield PartedTable(name, parts, reading.dialect, lambda path: _open_file(str(path), wanted, reading), wanted)
        return
    with _open_file(name, wanted, reading, stdin) as table:
        yield table


@contextmanager
def open_part(part: Path, first: Path, columns: Columns, reading: Reading) -> Iterator[Table]:
    """One part of a table in parts, of which `first` is the first.

    Raises
    ------
    TableError
        It cannot be read, or its columns are not those of the first.
    """
    wanted = _wanted(columns)
    yield PartedTable(
        str(part), [part], reading.dialect, lambda path: _open_file(str(path), wanted, reading), wanted, first
    )


def _wanted(columns: Columns) -> tuple[str, ...]:
    """The columns that are requested by name."""
    group = () if columns.group is None else (columns.group,)
    return (*(columns.inputs or ()), *columns.keep, *columns.targets, *group)


@contextmanager
def _open_file(name: str, wanted: Sequence[str], reading: Reading, stdin: BinaryIO | None = None) -> Iterator[Table]:
    sheet = None if os.path.exists(name) else sheet_address(name)
    if sheet is not None:
        from matnet.tables.binary.excel import read_sheet

        file, name = sheet
        workbook = read_sheet(Path(file), reading.dialect, reading.limit, reading.isolation, name, wanted)
        yield _upright(workbook, reading)
        return
    form = None if name == "-" else format_of(Path(name))
    if form is not None and form.read is not None:
        yield _upright(form.read(Path(name), reading.dialect, reading.limit, reading.isolation), reading)
        return
    with open_stream(name, stdin, reading.hashed, reading.encoding, reading.unbuffered) as stream:
        yield _upright(CsvTable(stream, reading.dialect_of(name), wanted), reading)


def _upright(table: Table, reading: Reading) -> Table:
    """The table; if its samples are in columns, all of it in memory with one sample per row.

    A first column with a cell that is neither a number nor a missing one names the elements, and so does one of nothing
    but words for missing numbers: Na may be sodium.

    Raises
    ------
    TableError
        A cell cannot be read.
    """
    if reading.samples != "columns":
        return table
    places = tuple(range(len(table.header.names)))
    kinds = table.text_types(Choice((), places[:1], ()))
    texts, inputs = ((), places) if kinds[0].is_numeric() else (places[:1], places[1:])
    parts = list(table.rows(Choice(inputs, texts, ())))
    x = np.concatenate([np.zeros((0, len(inputs))), *(rows.x for rows in parts)])
    source = table.sources[0]
    if not texts:
        return ArrayTable(x.T, table.place, source, across=True)
    cells = [cell or "" for rows in parts for cell in rows.texts.to_series(0).cast(pl.String).to_list()]
    words = [cell for cell in cells if cell.strip() and not table.dialect.is_number(cell)]
    if not all(map(table.dialect.is_missing, words)) or (words and not any(map(table.dialect.is_number, cells))):
        return ArrayTable(x.T, table.place, source, tuple(cells), across=True)
    first = [number_in(cell, table.dialect, f"{table.place}: row {row}, column 1") for row, cell in enumerate(cells, 1)]
    return ArrayTable(np.column_stack([first, x]).T, table.place, source, across=True)
