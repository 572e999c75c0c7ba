"""Numbers stored in a MAT-file beside a network: inputs, targets, outputs that MATLAB computed."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from matnet.errors import FormatError, MatnetError, UnsupportedError, counted
from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import Place, describe, find
from matnet.importers.mat.values import Cell, Numeric, Shape, Sparse, Value, describe_shape


def read_array(
    file: str | os.PathLike[str],
    path: str,
    *,
    limit: int = DEFAULT_LIMIT,
    isolation: bool = True,
    image: Shape = (),
) -> FloatArray:
    """The matrix at a path of a MAT-file, as in MATLAB.

    Parameters
    ----------
    file
        A MAT-file.
    path
        MATLAB's path in it: ``x``, ``data.inputs``, ``X{1}``. A cell is joined if there is only one way to do so: its
        rows are signals, one below the other, and its columns time steps, each a single column.
    limit
        Bytes of memory that the file's contents may take.
    isolation
        Whether a version 7.3 file is read in a separate process, as for ``load``.
    image
        (H, W, C) where H×W×C or H×W×C×N images may stand instead of a matrix: (H·W·C, N) is returned.

    Returns
    -------
    FloatArray
        float64, two dimensions; element [i, q] is MATLAB's (i, q), so samples are usually columns.

    Raises
    ------
    FormatError
        The file is broken, or there is no value at the path.
    UnsupportedError
        The value is not a matrix of real numbers.

    Examples
    --------
    >>> from matnet.importers.arrays import read_array
    >>> read_array("fixtures/pump.mat", "x").shape
    (2, 165)
    """
    try:
        with open_mat(Path(file), limit, isolation) as mat:
            return as_samples(find(mat, path), path, image)
    except MatnetError as error:
        raise error.at(os.fspath(file)) from error.__cause__


def as_matrix(value: Value, path: Place | str) -> FloatArray:
    """A value as a float64 matrix; `path` is for messages.

    Raises
    ------
    UnsupportedError
        It is not a matrix of real numbers, nor a cell that can be joined to one.
    """
    if isinstance(value, Cell):
        return _joined(value, path)
    if not isinstance(value, Numeric | Sparse):
        raise UnsupportedError(f"{path} is a {describe(value)}, expected a matrix of numbers")
    if len(value.shape) != 2:
        raise UnsupportedError(f"{path} has {counted(len(value.shape), 'dimension')}, expected a matrix")
    try:
        return value.floats()
    except MatnetError as error:
        raise error.at(path) from error.__cause__


def holds_images(shape: Shape, image: Shape) -> bool:
    """Whether an array of that shape in MATLAB is an image (H, W, C), where C may lack if it is 1, or (H, W, C, N)."""
    whole = (*shape, 1)
    return bool(image) and len(shape) <= len(image) + 1 and whole[: len(image)] == image


def as_samples(value: Value, path: Place | str, image: Shape = ()) -> FloatArray:
    """A matrix, or images as one: their elements in rows, column by column, their samples in columns.

    Parameters
    ----------
    value
        A matrix; where an image is expected, also H×W×C or H×W×C×N.
    path
        Where it stands, for messages.
    image
        (H, W, C); empty where no image is expected.

    Raises
    ------
    UnsupportedError
        It is neither.
    """
    if not isinstance(value, Numeric) or not image:
        return as_matrix(value, path)
    if not holds_images(value.shape, image):
        if len(value.shape) == 2:
            return as_matrix(value, path)
        found, one = describe_shape(value.shape), describe_shape(image)
        raise UnsupportedError(f"{path} is {found}, expected images {one} or {one}xN, or a matrix")
    try:
        return value.floats().reshape(math.prod(image), -1, order="F")
    except MatnetError as error:
        raise error.at(path) from error.__cause__


def as_states(value: Value, path: Place | str) -> FloatArray:
    """States as a matrix with a column for each step; 0 by 0 for an empty cell, which MATLAB writes if there are none.

    Raises
    ------
    UnsupportedError
        It is something else.
    """
    return np.zeros((0, 0)) if isinstance(value, Cell) and not value.items else as_matrix(value, path)


def _joined(cell: Cell, path: Place | str) -> FloatArray:
    if len(cell.shape) != 2 or not cell.items:
        raise UnsupportedError(f"{path} is a {describe(cell)}, expected a matrix or a cell of columns")
    signals, steps = cell.shape
    blocks = [as_matrix(item, path) for item in cell.items]
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1 or (steps > 1 and widths != {1}):
        shapes = ", ".join(sorted({describe_shape(block.shape) for block in blocks})[:4])
        raise UnsupportedError(
            f"{path} is a {describe(cell)} of matrices {shapes}: joining them is ambiguous; "
            f"expected one column per cell, or name one cell as in {path}{{1}}"
        )
    columns = [blocks[step * signals : (step + 1) * signals] for step in range(steps)]
    heights = {tuple(len(block) for block in column) for column in columns}
    if len(heights) > 1:
        raise FormatError("the signals change their number of elements from one time step to another", place=path)
    return np.concatenate([np.concatenate(column, axis=0) for column in columns], axis=1)
