"""From the name of a table to the table: a file of any format, a stream, an array, a folder of parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import open_stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.formats import format_of
from matnet.tables.interfaces import Table
from matnet.tables.matfiles import MatTable, mat_address
from matnet.tables.parts import PartedTable, parts_of


@dataclass(frozen=True)
class Reading:
    """How a table is read: its text, how samples lie in an array, and whether the hash is taken of what is read."""

    dialect: Dialect = field(default_factory=Dialect)
    samples: Literal["columns", "rows"] = "columns"
    hashed: bool = False


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
        from matnet.importers.arrays import read_array

        yield MatTable(read_array(*address), name, reading.samples)
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
    """The columns that are asked for by name."""
    group = () if columns.group is None else (columns.group,)
    return (*(columns.inputs or ()), *columns.keep, *group)


@contextmanager
def _open_file(name: str, wanted: Sequence[str], reading: Reading, stdin: BinaryIO | None = None) -> Iterator[Table]:
    form = None if name == "-" else format_of(Path(name))
    if form is not None and form.read is not None:
        yield form.read(Path(name), reading.dialect)
        return
    with open_stream(name, stdin, reading.hashed) as stream:
        yield CsvTable(stream, reading.dialect, wanted)
