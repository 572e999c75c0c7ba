"""Variables of MAT-files as sources of rows, and results written as MAT-files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matnet.errors import Advice, MatnetError, Parameter, TableError, counted
from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.tables.arrays import ArrayTable
from matnet.tables.binary.frames import FrameTable
from matnet.tables.binary.scans import HeldFrame
from matnet.tables.columns import check_clash
from matnet.tables.csv.dialect import Dialect
from matnet.tables.interfaces import Sink, Source, Table
from matnet.tables.polars import pl
from matnet.tables.target import Target
from matnet.tables.wording import shown

if TYPE_CHECKING:
    from matnet.importers.mat.classes import Table as MatlabTable
    from matnet.importers.mat.values import Struct, Value

VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
LARGEST = (1 << 31) - 1
"""Bytes of a variable in a version 7 MAT-file."""


def read_variable(
    address: tuple[str, str],
    samples: Literal["columns", "rows"] | None,
    dialect: Dialect,
    limit: int = DEFAULT_LIMIT,
    isolation: bool = True,
    image: tuple[int, ...] = (),
) -> Table:
    """The variable at a path in a MAT-file: an array of numbers, a table, or a struct whose fields are columns.

    Parameters
    ----------
    address
        File and path in it.
    samples
        Whether they are rows or columns of an array, by default columns as for MATLAB's networks.
    dialect
        Whether a missing number is an error or NaN.
    limit
        Bytes of memory that the file's contents may take.
    isolation
        Whether a version 7.3 file is read in a separate process.
    image
        (H, W, C) where the array may hold images, H×W×C or H×W×C×N: the last are N samples.

    Raises
    ------
    TableError
        The fields of a struct, or the variables of a table, are not columns of one length.
    MatnetError
        The file cannot be read, or the variable is none of these.
    """
    from matnet.importers.arrays import as_samples, holds_images
    from matnet.importers.mat.classes import Table as MatlabTable
    from matnet.importers.mat.classes import decoded
    from matnet.importers.mat.matfile import open_mat
    from matnet.importers.mat.paths import find
    from matnet.importers.mat.values import Struct

    file, path = address
    name = f"{file}:{path}"
    try:
        with open_mat(Path(file), limit, isolation) as mat:
            value = find(mat, path)
            whole = decoded(value)
            if isinstance(whole, MatlabTable):
                frame, note = _of_table(whole, name)
                return FrameTable(HeldFrame(frame), name, dialect, file, note=note)
            if isinstance(value, Struct) and value.shape == (1, 1):
                return FrameTable(HeldFrame(_of_struct(value, name)), name, dialect, file)
            array = as_samples(value, path, image)
    except TableError:
        raise
    except MatnetError as error:
        raise error.at(file) from error.__cause__
    across = samples != "rows" or holds_images(value.shape, image)
    x = _with_gaps(array.T if across else array, name, dialect)
    return ArrayTable(x, name, Source(name, file=file), across=across)


def _with_gaps(x: FloatArray, place: str, dialect: Dialect) -> FloatArray:
    """The samples (N, R) with NaN for numbers that stand for a missing one.

    Raises
    ------
    TableError
        There are some, and they are not allowed.
    """
    missing = np.isin(x, list(dialect.na_numbers))
    if not missing.any():
        return x
    if dialect.missing == "error":
        sample, element = np.argwhere(missing)[0].tolist()
        raise TableError(
            f"{x[sample, element]} stands for a missing number; fill it in, or have it read as NaN",
            Advice(" with ", Parameter("missing", "nan")),
            place=f"{place}: sample {sample + 1}, element {element + 1}",
        )
    return np.where(missing, np.nan, x)


def _of_struct(struct: Struct, place: str) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {}
    for name, (value,) in struct.fields.items():
        found = list(_columns(name, value))
        if len(found) == 1:
            columns[name] = found[0]
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1:
        told = ", ".join(f"{name}: {len(column)}" for name, column in columns.items()) or "none"
        raise TableError(
            f"a struct is a table where its fields are columns of one length; their lengths are {told}; name a field",
            place=place,
        )
    return pl.DataFrame(columns)


def _of_table(table: MatlabTable, place: str) -> tuple[pl.DataFrame, str]:
    """The variables of a MATLAB table, one with several columns as name_1, name_2 …, and which are left out."""
    columns: dict[str, pl.Series] = {}
    left_out: list[str] = []
    for name, value in zip(table.names, table.columns, strict=True):
        found = list(_columns(name, value))
        if not found:
            left_out.append(f"{name} ({value.class_name})")
        for column in found:
            if len(column) != table.rows:
                raise TableError(
                    f"column {shown(column.name)} has {counted(len(column), 'element')} in a table of "
                    f"{counted(table.rows, 'row')}",
                    place=place,
                )
            if column.name in columns:
                raise TableError(f"two columns are named {shown(column.name)}; rename one", place=place)
            columns[column.name] = column
    if not columns:
        raise TableError("the table has no column of numbers or text", place=place)
    note = f"{place}: left out, neither numbers nor text: {', '.join(left_out)}" if left_out else ""
    return pl.DataFrame(list(columns.values())), note


def _columns(name: str, value: Value) -> Iterator[pl.Series]:
    """The columns of a value: numbers, text, or none."""
    from matnet.importers.mat.classes import Categorical, Strings, decoded
    from matnet.importers.mat.values import Cell, Char, Numeric, Sparse

    entry = decoded(value)
    if isinstance(entry, Numeric | Sparse) and len(entry.shape) == 2:
        floats = entry.floats()
        if 1 in floats.shape:
            yield pl.Series(name, floats.reshape(-1))
        else:
            yield from (pl.Series(f"{name}_{k}", column) for k, column in enumerate(floats.T, start=1))
    elif isinstance(entry, Cell) and all(isinstance(item, Char) and len(item.rows) <= 1 for item in entry.items):
        texts = ["".join(item.rows) for item in entry.items if isinstance(item, Char)]
        yield pl.Series(name, texts, dtype=pl.String)
    elif isinstance(entry, Strings | Categorical) and 1 in entry.shape:
        yield pl.Series(name, entry.items, dtype=pl.String)


class MatSink(Sink):
    """A result as a version 7 MAT-file with a variable for each column, held in memory until it is complete.

    Raises
    ------
    TableError
        Two columns have the same name, or one has a name that no variable can have.
    """

    def __init__(self, target: Target, names: Sequence[str], types: Sequence[Any]) -> None:
        check_clash(names)
        for name in names:
            if not VARIABLE.fullmatch(name):
                raise TableError(
                    f"{shown(name)} cannot be the name of a variable in a MAT-file; rename the column",
                    place=target.place,
                )
        self._target = target
        self._names = tuple(names)
        self._empty = pl.DataFrame(schema=dict(zip(names, types, strict=True)))
        self._frames: list[pl.DataFrame] = []

    def formatted(self, columns: Sequence[pl.Series]) -> pl.DataFrame:
        """Rows as a frame."""
        return pl.DataFrame([column.alias(name) for name, column in zip(self._names, columns, strict=True)])

    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Keep rows."""
        assert isinstance(rows, pl.DataFrame)
        self._frames.append(rows)

    def finish(self) -> None:
        """Write the file."""
        from scipy.io import savemat

        frame = pl.concat(self._frames) if self._frames else self._empty
        values = {name: _as_variable(frame[name], self._target.place) for name in self._names}
        held = io.BytesIO()
        savemat(held, values, do_compression=True, oned_as="column")
        self._target.write(held.getbuffer())


def _as_variable(column: pl.Series, place: str) -> object:
    """A column of numbers, or of text as a cell of char vectors."""
    if column.dtype == pl.String:
        return np.array([text or "" for text in column.to_list()], dtype=object).reshape(-1, 1)
    if column.dtype == pl.Boolean and column.null_count():
        column = column.cast(pl.Float64)
    if not (column.dtype.is_integer() or column.dtype.is_float() or column.dtype == pl.Boolean):
        raise TableError(
            f"column {shown(column.name)} holds {column.dtype}, which is not written to a MAT-file", place=place
        )
    array = column.to_numpy()
    if array.nbytes > LARGEST:
        raise TableError(
            f"column {shown(column.name)} is too large for a version 7 MAT-file; write Parquet", place=place
        )
    return array.reshape(-1, 1)
