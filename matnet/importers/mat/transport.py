"""MATLAB values as JSON and bytes, sent by the process that reads a version 7.3 file to the one that asked for it.

The JSON refers to the bytes of all arrays, one after the other, by kind and shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError
from matnet.files import Budget
from matnet.importers.mat.mcos import Subsystem
from matnet.importers.mat.values import Cell, Char, Function, Numeric, Opaque, Sparse, Struct, Value


def encode(value: Value, arrays: list[NDArray[Any]]) -> list[Any]:
    """A value as JSON can hold it; its arrays are added to `arrays`."""
    if isinstance(value, Numeric):
        return ["numeric", value.class_name, value.narrowed, *_put(value.array, arrays)]
    if isinstance(value, Sparse):
        parts = [_put(part, arrays) for part in (value.data, value.rows, value.column_starts)]
        return ["sparse", value.class_name, list(value.shape), parts]
    if isinstance(value, Char):
        return ["char", list(value.shape), list(value.rows)]
    if isinstance(value, Cell):
        return ["cell", list(value.shape), [encode(item, arrays) for item in value.items]]
    if isinstance(value, Struct):
        fields = {name: [encode(item, arrays) for item in items] for name, items in value.fields.items()}
        return ["struct", value.class_name, list(value.shape), fields]
    if isinstance(value, Function):
        return ["function", value.name, value.release]
    return ["opaque", value.class_name, value.system, list(value.shape), list(value.numbers)]


def _put(array: NDArray[Any], arrays: list[NDArray[Any]]) -> list[Any]:
    arrays.append(array)
    return [array.dtype.str, list(array.shape)]


class Decoder:
    """Values out of one message, in the order in which they were encoded."""

    def __init__(self, buffer: bytes, budget: Budget, subsystem: Callable[[], Subsystem]) -> None:
        self._buffer = buffer
        self._budget = budget
        self._subsystem = subsystem
        self._done = 0

    def value(self, content: list[Any]) -> Value:
        """The value that ``encode`` made `content` of."""
        kind, *rest = content
        if kind == "numeric":
            class_name, narrowed, dtype, shape = rest
            return Numeric(self._array(dtype, shape), class_name, narrowed)
        if kind == "sparse":
            class_name, shape, parts = rest
            data, rows, starts = (self._array(*part) for part in parts)
            return Sparse(tuple(shape), data, rows, starts, self._budget, class_name)
        if kind == "char":
            return Char(tuple(rest[0]), tuple(rest[1]))
        if kind == "cell":
            return Cell(tuple(rest[0]), tuple(map(self.value, rest[1])))
        if kind == "struct":
            class_name, shape, fields = rest
            return Struct(
                tuple(shape), {name: tuple(map(self.value, items)) for name, items in fields.items()}, class_name
            )
        if kind == "function":
            return Function(*rest)
        class_name, system, shape, numbers = rest
        return Opaque(class_name, system, tuple(shape), tuple(numbers), self._subsystem if system == "MCOS" else None)

    def _array(self, dtype: str, shape: list[int]) -> NDArray[Any]:
        kind = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        if self._done + count * kind.itemsize > len(self._buffer):
            raise FormatError("broken: an array is longer than its message")
        flat = np.frombuffer(self._buffer, kind, count, self._done)
        self._done += count * kind.itemsize
        return flat.reshape(shape, order="F")
