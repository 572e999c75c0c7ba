"""Version 5 to 7 MAT-files written by hand from the document of the format, and what scipy reads in a file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse
from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.mat5 import read_mat5
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.values import EMPTY, Cell, Char, Function, Numeric, Opaque, Sparse, Struct, Value, Variable

INT8, INT32, UINT32, DOUBLE, MATRIX, COMPRESSED, UTF8, UTF16 = 1, 5, 6, 9, 14, 15, 16, 17
CELL, CHAR, DOUBLE_CLASS, UINT8_CLASS, UINT32_CLASS = 1, 4, 6, 9, 13


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    """A data element as the document of the format has it."""
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def head(mx_class: int, shape: tuple[int, ...], name: bytes, order: str = "<", flags: int = 0) -> bytes:
    return (
        element(UINT32, struct.pack(f"{order}II", mx_class | flags << 8, 0), order)
        + element(INT32, struct.pack(f"{order}{len(shape)}i", *shape), order)
        + element(INT8, name, order)
    )


def matrix(values: list[float], shape: tuple[int, ...], name: bytes = b"x", order: str = "<") -> bytes:
    data = struct.pack(f"{order}{len(values)}d", *values)
    return element(MATRIX, head(DOUBLE_CLASS, shape, name, order) + element(DOUBLE, data, order), order)


def packed(content: bytes) -> bytes:
    data = zlib.compress(content)
    return struct.pack("<II", COMPRESSED, len(data)) + data


def file_of(*variables: bytes, order: str = "<") -> bytes:
    version = struct.pack(f"{order}H", 0x0100) + (b"IM" if order == "<" else b"MI")
    return b"MATLAB 5.0 MAT-file, by hand".ljust(116) + bytes(8) + version + b"".join(variables)


def read(data: bytes, limit: int = DEFAULT_LIMIT) -> dict[str, Variable]:
    return dict(read_mat5(data, Budget(limit)).variables)


def differences(ours: Value, theirs: Any, place: str) -> Iterator[str]:
    """Where scipy, an independent reader, has another value."""
    if isinstance(theirs, np.ndarray) and theirs.dtype.names and not isinstance(theirs, MatlabFunction | MatlabOpaque):
        yield from _struct_differences(ours, theirs, place)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object and isinstance(ours, Cell):
        items = theirs.reshape(-1, order="F")
        if ours.shape != theirs.shape:
            yield f"{place}: {ours.shape} is not {theirs.shape}"
        for number, item in enumerate(ours.items):
            yield from differences(item, items[number], f"{place}{{{number + 1}}}")
    elif not _same_leaf(ours, theirs):
        yield f"{place}: {ours} is not {theirs!r}"


def _struct_differences(ours: Value, theirs: Any, place: str) -> Iterator[str]:
    if not isinstance(ours, Struct) or ours.shape != theirs.shape or set(ours.fields) != set(theirs.dtype.names):
        yield f"{place}: {ours} is not {theirs!r}"
        return
    if isinstance(theirs, MatlabObject) and ours.class_name != theirs.classname:
        yield f"{place}: {ours.class_name} is not {theirs.classname}"
    records = theirs.reshape(-1, order="F")
    for name, values in ours.fields.items():
        for number, value in enumerate(values):
            yield from differences(value, records[number][name], f"{place}({number + 1}).{name}")


def _same_leaf(ours: Value, theirs: Any) -> bool:
    if isinstance(theirs, MatlabOpaque):
        return isinstance(ours, Opaque)
    if isinstance(theirs, MatlabFunction):
        return isinstance(ours, Function)
    if ours is EMPTY:
        # a slot that was never set: [] in MATLAB, which is 0x0
        return bool(theirs.shape == (1, 0))
    if scipy.sparse.issparse(theirs):
        return isinstance(ours, Sparse) and np.array_equal(ours.floats(), theirs.toarray())
    if isinstance(ours, Struct):
        # scipy gives a struct without fields as an array of None
        return not ours.fields and ours.shape == theirs.shape
    if isinstance(ours, Char):
        rows = [text.rstrip() for text in ours.rows]
        return [str(text).rstrip() for text in theirs.ravel()] == (rows if theirs.size else [])
    if not isinstance(ours, Numeric) or ours.array.dtype != (bool if ours.class_name == "logical" else theirs.dtype):
        return False
    return np.array_equal(ours.array, theirs, equal_nan=True)


def agrees_with_scipy(path: Path) -> int:
    """How many variables were compared."""
    variables = open_mat(path, DEFAULT_LIMIT).variables
    # opaque variables have no name in scipy's reading
    theirs = {name: value for name, value in scipy.io.loadmat(path, mat_dtype=True).items() if name[:2] != "__"}
    theirs.pop("None", None)
    for name, value in theirs.items():
        assert list(differences(variables[name].value, value, name)) == []
    return len(theirs)
