"""The formats that results are written in, by the suffix of the target or by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal, cast, get_args

from matnet.errors import TableError
from matnet.tables.csv_sink import CsvSink
from matnet.tables.frame_sink import FrameSink
from matnet.tables.sink import Sink
from matnet.tables.target import Target

Format = Literal["csv", "tsv", "parquet", "arrow"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}


def format_for(name: str, to: str | None = None) -> Format:
    """The format of a target: the one that is asked for, else by its suffix; standard output and devices get CSV.

    Raises
    ------
    TableError
        The suffix is of a format that is not written, or there is no format of that name.
    """
    if to is not None:
        if to not in get_args(Format):
            raise TableError(f"--to {to}: there is no such format; known: {', '.join(get_args(Format))}")
        return cast(Format, to)
    suffix = PurePath(name).suffix.lower()
    if name == "-" or (not suffix and PurePath(name).is_absolute() and PurePath(name).parts[1:2] == ("dev",)):
        return "csv"
    if suffix not in SUFFIXES:
        raise TableError(
            f"{name}: results are not written in this format; known: {', '.join(SUFFIXES)}, or - for standard output; "
            "or name the format with --to"
        )
    return SUFFIXES[suffix]


def open_sink(form: Format, target: Target, names: Sequence[str], types: Sequence[Any], group_rows: int) -> Sink:
    """A result of that format with these columns; Parquet and Arrow get row groups of `group_rows` rows.

    Raises
    ------
    TableError
        Two columns have the same name.
    """
    if form == "parquet" or form == "arrow":
        return FrameSink(target, names, types, form, group_rows)
    return CsvSink(target, names, "\t" if form == "tsv" else ",")
