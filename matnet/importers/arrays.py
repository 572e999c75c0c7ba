"""Numbers that lie in a MAT-file beside a network: inputs, targets, outputs that MATLAB computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find, walk
from matnet.importers.mat.values import Cell, MatFile, Numeric, Shape, Sparse, Value, Variable, describe_shape
from matnet.importers.network_object import is_network
from matnet.importers.reading import DEFAULT_LIMIT
from matnet.importers.records import is_record


@dataclass(frozen=True, eq=False)
class StoredArray:
    """A matrix in a file: its path, its size in MATLAB, and how to read it."""

    path: str
    shape: Shape
    read: Callable[[], FloatArray] = field(repr=False)


def read_array(file: str | os.PathLike[str], path: str, *, limit: int = DEFAULT_LIMIT) -> FloatArray:
    """The matrix at a path of a MAT-file, as MATLAB has it.

    Parameters
    ----------
    file
        A MAT-file.
    path
        MATLAB's path in it: ``x``, ``data.inputs``, ``X{1}``. A cell is joined where that can be done in one way only:
        its rows are signals, one below the other, and its columns time steps, each a single column.
    limit
        Bytes of memory that the file's contents may take.

    Returns
    -------
    FloatArray
        float64, two dimensions; element [i, q] is MATLAB's (i, q), so samples are usually columns.

    Raises
    ------
    FormatError
        The file is broken, or nothing is at the path.
    UnsupportedError
        What is there is no matrix of real numbers.

    Examples
    --------
    >>> from matnet.importers.arrays import read_array
    >>> read_array("fixtures/pump.mat", "x").shape
    (2, 165)
    """
    try:
        return as_matrix(find(open_mat(Path(file), limit), path), path)
    except MatnetError as error:
        raise error.at(f"{os.fspath(file)}: ") from error.__cause__


def list_arrays(file: str | os.PathLike[str], *, limit: int = DEFAULT_LIMIT) -> list[StoredArray]:
    """All matrices of real numbers in a MAT-file, with their paths; not those of networks and training records.

    A cell that is a series, as ``read_array`` joins it, is listed as one matrix.

    Raises
    ------
    FormatError
        The file is broken.
    """
    path = Path(file)
    try:
        return arrays_in(open_mat(path, limit))
    except MatnetError as error:
        raise error.at(f"{path}: ") from error.__cause__


def arrays_in(mat: MatFile) -> list[StoredArray]:
    """As ``list_arrays``, of a file that is open."""
    return [*_plain(mat), *_nested(mat)]


def _plain(mat: MatFile) -> Iterator[StoredArray]:
    for name, variable in mat.variables.items():
        numeric = not variable.holds_values and variable.class_name not in ("char", "function_handle")
        if numeric and len(variable.shape) == 2:
            yield StoredArray(name, variable.shape, partial(_variable_matrix, variable))


def _variable_matrix(variable: Variable) -> FloatArray:
    return as_matrix(variable.value, variable.name)


def _nested(mat: MatFile) -> Iterator[StoredArray]:
    for path, value in walk(mat, lambda value: is_network(value) or is_record(value) or _is_series(value), leaves=True):
        if isinstance(value, Numeric | Sparse) and len(value.shape) == 2:
            yield StoredArray(path, value.shape, partial(as_matrix, value, path))
        elif isinstance(value, Cell) and _is_series(value):
            rows = sum(item.shape[0] for item in value.items[: value.shape[0]])
            yield StoredArray(path, (rows, value.shape[1]), partial(as_matrix, value, path))


def _is_series(value: Value) -> bool:
    """Whether a cell holds a single column a time step, signal by signal."""
    return (
        isinstance(value, Cell)
        and len(value.shape) == 2
        and value.shape[1] > 1
        and bool(value.items)
        and all(isinstance(item, Numeric) and len(item.shape) == 2 and item.shape[1] == 1 for item in value.items)
        and all(item.shape == value.items[number % value.shape[0]].shape for number, item in enumerate(value.items))
    )


def as_matrix(value: Value, path: str) -> FloatArray:
    """A value as a float64 matrix; `path` is for messages.

    Raises
    ------
    UnsupportedError
        It is no matrix of real numbers, and no cell that can be joined to one.
    """
    if isinstance(value, Cell):
        return _joined(value, path)
    if not isinstance(value, Numeric | Sparse):
        raise UnsupportedError(f"{path} is a {describe(value)}, expected a matrix of numbers")
    if len(value.shape) != 2:
        raise UnsupportedError(f"{path} has {len(value.shape)} dimensions, expected a matrix")
    try:
        return value.floats()
    except MatnetError as error:
        raise error.at(f"{path}: ") from error.__cause__


def _joined(cell: Cell, path: str) -> FloatArray:
    if len(cell.shape) != 2 or not cell.items:
        raise UnsupportedError(f"{path} is a {describe(cell)}, expected a matrix or a cell of columns")
    signals, steps = cell.shape
    blocks = [as_matrix(item, path) for item in cell.items]
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1 or (steps > 1 and widths != {1}):
        found = ", ".join(sorted({describe_shape(block.shape) for block in blocks})[:4])
        raise UnsupportedError(
            f"{path} is a {describe(cell)} of matrices {found}: joining them is ambiguous; "
            f"expected one column a cell, or name one cell as in {path}{{1}}"
        )
    columns = [blocks[step * signals : (step + 1) * signals] for step in range(steps)]
    heights = {tuple(len(block) for block in column) for column in columns}
    if len(heights) > 1:
        raise FormatError(f"{path}: the signals change their number of elements from one time step to another")
    return np.concatenate([np.concatenate(column, axis=0) for column in columns], axis=1)
