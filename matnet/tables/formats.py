"""The formats of tables: the one list that reading, writing, tables in parts and the commands use.

To add a format is to add a row here. Its reader and writer are imported on first use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from matnet.errors import Advice, Parameter, TableError

if TYPE_CHECKING:
    from matnet.tables.csv.dialect import Dialect, Style
    from matnet.tables.interfaces import Sink, Table
    from matnet.tables.target import Target

FORM = Parameter("form")
COMPRESSIONS = (".gz", ".zst")
"""Suffixes of compressed text."""


_MAT_ADDRESS = re.compile(r"(.+\.mat):([^/\\]+)", re.IGNORECASE | re.DOTALL)
_SHEET_ADDRESS = re.compile(r"(.+\.xlsx):([^/\\:?*\[\]]{1,31})", re.IGNORECASE)


def mat_address(table: str) -> tuple[str, str] | None:
    """File and variable of ``FILE.mat:path``; None where the table is named otherwise."""
    match = _MAT_ADDRESS.fullmatch(table)
    return (match[1], match[2]) if match else None


def sheet_address(table: str) -> tuple[str, str] | None:
    """File and sheet of ``FILE.xlsx:Sheet2``; None where the table is named otherwise."""
    match = _SHEET_ADDRESS.fullmatch(table)
    return (match[1], match[2]) if match else None


@dataclass(frozen=True)
class Format:
    """A format of tables.

    ``suffixes`` are those of its files, the first the usual one. Files are known by their first bytes, ``magic``; a
    file with none of them is text, and is read as a stream. ``read`` opens a file of it, given the memory limit in
    bytes and whether to read in a separate process, which runs the module ``process``; ``write`` opens a result. Text
    has a ``delimiter``.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Target, Sequence[str], Sequence[Any], int, Style], Sink]
    read: Callable[[Path, Dialect, int, bool], Table] | None = None
    magic: bytes = b""
    delimiter: str = ""
    process: str = ""


def _write_csv(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.csv.sink import CsvSink

    return CsvSink(target, names, ";" if style.decimal == "," else ",", style)


def _write_tsv(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.csv.sink import CsvSink

    return CsvSink(target, names, "\t", style)


def _write_parquet(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.binary.frames import FrameSink

    return FrameSink(target, names, types, "parquet", group_rows)


def _write_arrow(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.binary.frames import FrameSink

    return FrameSink(target, names, types, "arrow", group_rows)


def _read_parquet(path: Path, dialect: Dialect, limit: int, isolation: bool) -> Table:
    from matnet.tables.binary.frames import read_frame

    return read_frame(path, dialect, "parquet", limit, isolation)


def _read_arrow(path: Path, dialect: Dialect, limit: int, isolation: bool) -> Table:
    from matnet.tables.binary.frames import read_frame

    return read_frame(path, dialect, "arrow", limit, isolation)


def _write_excel(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.binary.excel import ExcelSink

    return ExcelSink(target, names)


def _read_excel(path: Path, dialect: Dialect, limit: int, isolation: bool) -> Table:
    from matnet.tables.binary.excel import read_sheet

    return read_sheet(path, dialect, limit, isolation)


def _write_mat(target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int, style: Style) -> Sink:
    from matnet.tables.binary.matfiles import MatSink

    return MatSink(target, names, types)


_ISOLATED = "matnet.tables.binary.isolated"

CSV = Format("csv", (".csv", ".txt"), _write_csv, delimiter=",")
"""The format of standard output and devices."""
FORMATS = (
    CSV,
    Format("tsv", (".tsv",), _write_tsv, delimiter="\t"),
    Format("parquet", (".parquet",), _write_parquet, _read_parquet, b"PAR1", process=_ISOLATED),
    Format("arrow", (".arrow", ".ipc", ".feather"), _write_arrow, _read_arrow, b"ARROW1", process=_ISOLATED),
    Format("excel", (".xlsx",), _write_excel, _read_excel, b"PK\x03\x04", process=_ISOLATED),
    Format("mat", (".mat",), _write_mat),
)
NAMES = tuple(form.name for form in FORMATS)
SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)
"""The suffixes of results."""
TEXT_SUFFIXES = tuple(suffix for form in FORMATS if form.delimiter for suffix in form.suffixes)
"""The suffixes of results that are text."""
TABLE_SUFFIXES = (
    *(suffix for form in FORMATS if form.read is not None or form.delimiter for suffix in form.suffixes),
    *COMPRESSIONS,
)
"""The suffixes of files that are read as tables."""


def prepare_to_read(name: str) -> None:
    """Start the process that reads a table of this name, by its suffix, while this one imports its own libraries."""
    suffix = PurePath(name).suffix.lower()
    for form in FORMATS:
        if form.process and suffix in form.suffixes:
            from matnet.isolation import prepare

            prepare(form.process)


def format_for(name: str, form: str | None = None) -> Format:
    """The format of a result: the one that `form` names, else that of its suffix; standard output and devices get CSV.

    Raises
    ------
    TableError
        The suffix is of a format that is not written, or there is no format of that name.
    """
    if form is not None:
        if form not in NAMES:
            raise TableError(FORM, f" {form}: there is no such format; known: {', '.join(NAMES)}")
        return FORMATS[NAMES.index(form)]
    return _by_suffix(name, FORMATS)


def delimiter_for(name: str) -> str:
    """The delimiter of a result that is always text, by its suffix; standard output and devices get commas.

    Raises
    ------
    TableError
        The suffix is not one of text.
    """
    return _by_suffix(name, [form for form in FORMATS if form.delimiter]).delimiter


def delimiter_said_by(name: str) -> str | None:
    """The delimiter of a text file as its suffix says it; None of CSV, in which other delimiters are common too."""
    suffixes = PurePath(name.lower()).suffixes[-2:]
    others = [form for form in FORMATS if form.delimiter and form is not CSV]
    return next((form.delimiter for form in others if not set(suffixes).isdisjoint(form.suffixes)), None)


def _by_suffix(name: str, forms: Sequence[Format]) -> Format:
    suffix = PurePath(name).suffix.lower()
    if suffix in COMPRESSIONS:
        suffix = PurePath(PurePath(name).stem).suffix.lower()
        forms = [form for form in forms if form.delimiter]
    if name == "-" or (not suffix and PurePath(name).is_absolute() and PurePath(name).parts[1:2] == ("dev",)):
        return CSV
    match = next((form for form in forms if suffix in form.suffixes), None)
    if match is None:
        known = ", ".join(suffix for form in forms for suffix in form.suffixes)
        raise TableError(
            f"results are not written in this format; known: {known}, or - for standard output",
            Advice("; or choose the format with ", FORM),
            place=name,
        )
    return match


def format_of(path: Path) -> Format | None:
    """The format of a file by its first bytes; None of text, which is read as a stream.

    Raises
    ------
    TableError
        The file cannot be read.
    """
    if not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as file:
            start = file.read(max(len(form.magic) for form in FORMATS))
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror or error}", place=path) from error
    return next((form for form in FORMATS if form.magic and start.startswith(form.magic)), None)
