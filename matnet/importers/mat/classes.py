"""Three MATLAB classes that often hold data: string, categorical and table.

How their objects are stored was measured on real files; all other classes stay what they are, `Opaque` values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matnet.errors import FormatError, counted
from matnet.importers.mat.values import Cell, Char, Numeric, Opaque, Shape, Struct, Value

_VERSION = 1
_MISSING = 2**64 - 1


@dataclass(frozen=True)
class Strings:
    """An array of class `string`; ``items`` are in MATLAB's order, column by column, None where one is missing."""

    shape: Shape
    items: tuple[str | None, ...]

    class_name = "string"


@dataclass(frozen=True)
class Categorical:
    """An array of class `categorical`: ``categories`` in their order, and which of them each element is.

    ``codes`` count from 1, column by column; 0 stands for an element that is undefined.
    """

    shape: Shape
    categories: tuple[str, ...]
    codes: tuple[int, ...]

    class_name = "categorical"

    @property
    def items(self) -> tuple[str | None, ...]:
        """The category of each element, None where it is undefined."""
        return tuple(self.categories[code - 1] if code else None for code in self.codes)


@dataclass(frozen=True, eq=False)
class Table:
    """A table: the names of its variables, the variables, and how many rows each has."""

    names: tuple[str, ...]
    columns: tuple[Value, ...]
    rows: int

    class_name = "table"


Decoded: TypeAlias = Value | Strings | Categorical | Table
"""A value, or the contents of an object of one of the three classes."""


def decoded(value: Value) -> Decoded:
    """The contents of an object of class string, categorical or table; any other value is returned unchanged.

    Raises
    ------
    FormatError
        The object is broken, or stored in an unknown way.
    """
    if not isinstance(value, Opaque) or value.class_name not in _DECODERS or len(value.numbers) != 1:
        return value
    return _DECODERS[value.class_name](value.element(0))


def texts(value: Value) -> tuple[str | None, ...]:
    """The texts of a text, a cell of texts, a string array or a categorical one; None where one is missing.

    Raises
    ------
    FormatError
        The value holds something else.
    """
    found = decoded(value)
    if isinstance(found, Strings | Categorical):
        return found.items
    if isinstance(found, Char):
        return found.rows
    if isinstance(found, Cell) and all(isinstance(item, Char) for item in found.items):
        return tuple(item.text for item in found.items if isinstance(item, Char))
    raise FormatError(f"a {found.class_name} where texts are expected")


def _strings(properties: Struct) -> Strings:
    packed = properties.get("any")
    if not isinstance(packed, Numeric) or packed.array.dtype != np.uint64:
        raise FormatError("a string array without its characters")
    numbers = packed.array.ravel(order="F")
    if len(numbers) < 2 or numbers[0] != _VERSION or not 2 <= int(numbers[1]) <= 32:
        raise FormatError(f"a string array that is stored in the unknown version {numbers[:1].tolist()}")
    begin = 2 + int(numbers[1])
    shape = tuple(numbers[2:begin].tolist())
    count = math.prod(shape)
    if len(shape) != numbers[1] or begin + count > len(numbers):
        raise FormatError("a string array that is cut off")
    lengths = [0 if length == _MISSING else length for length in numbers[begin : begin + count].tolist()]
    units = numbers[begin + count :].astype("<u8").tobytes()
    if 2 * sum(lengths) > len(units):
        raise FormatError("a string array that is cut off")
    ends = np.cumsum(lengths, dtype=np.int64).tolist()
    items = tuple(
        None if number == _MISSING else units[2 * (end - length) : 2 * end].decode("utf-16-le", errors="replace")
        for number, length, end in zip(numbers[begin : begin + count].tolist(), lengths, ends, strict=True)
    )
    return Strings(shape, items)


def _categorical(properties: Struct) -> Categorical:
    names, codes = properties.get("categoryNames"), properties.get("codes")
    if names is None or not isinstance(codes, Numeric) or codes.array.dtype.kind != "u":
        raise FormatError("a categorical array without its categories or codes")
    categories = tuple(name or "" for name in texts(names))
    listed = codes.array.ravel(order="F").tolist()
    if max(listed, default=0) > len(categories):
        raise FormatError(f"a categorical array with the code {max(listed)} of {len(categories)} categories")
    return Categorical(codes.shape, categories, tuple(listed))


def _table(properties: Struct) -> Table:
    data, names, rows = properties.get("data"), properties.get("varnames"), properties.get("nrows")
    if not isinstance(data, Cell) or names is None or not isinstance(rows, Numeric) or rows.array.size != 1:
        raise FormatError("a table without its variables, their names or its number of rows")
    columns = tuple(name or "" for name in texts(names))
    if len(columns) != len(data.items) or len(set(columns)) != len(columns):
        raise FormatError(
            f"a table with {counted(len(data.items), 'variable')} and {counted(len(set(columns)), 'name')}"
        )
    count = float(rows.floats().item())
    if not count.is_integer() or count < 0.0:
        raise FormatError(f"a table with {count:g} rows")
    return Table(columns, data.items, int(count))


_DECODERS: Mapping[str, Callable[[Struct], Strings | Categorical | Table]] = {
    "string": _strings,
    "categorical": _categorical,
    "table": _table,
}
