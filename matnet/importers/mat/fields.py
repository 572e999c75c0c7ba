"""The fields of MATLAB structs, each asked for by name and kind; what is missing or of another kind is a ModelError."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from matnet.errors import MatnetError, ModelError
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import EMPTY, Cell, Char, Numeric, Opaque, Sparse, Struct, Value, describe_shape


class Slots:
    """A cell array of rows and columns, most of them never set: there are as many cells as layers squared."""

    def __init__(self, items: tuple[Value, ...], rows: int, columns: int) -> None:
        self._items = items
        self._rows = rows
        self._columns = columns

    def get(self, row: int, column: int = 0) -> Value | None:
        """The value in a cell, counted from 0; None if it was never set."""
        item = self._items[row + column * self._rows] if self._items else None
        return None if _unset(item) else item

    def filled(self) -> Iterator[tuple[int, int]]:
        """Row and column of the cells that were set, row by row."""
        filled = [number for number, item in enumerate(self._items) if not _unset(item)]
        return iter(sorted((number % self._rows, number // self._rows) for number in filled))


def _unset(item: Value | None) -> bool:
    return item is EMPTY or item is None or (isinstance(item, Numeric) and not item.array.size)


@contextmanager
def at_place(place: str) -> Iterator[None]:
    """Adds a place to the errors that are raised inside."""
    try:
        yield
    except MatnetError as error:
        raise error.at(place) from error.__cause__


class Fields:
    """The fields of a struct at a place, each asked for by name and kind."""

    def __init__(self, value: Struct, place: str) -> None:
        self._value = value
        self.place = place

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all fields."""
        return tuple(self._value.fields)

    def get(self, name: str) -> Value | None:
        """The field's value, None where there is no such field or it is an empty matrix."""
        value = self._value.get(name)
        return None if value is None or (isinstance(value, Numeric) and not value.array.size) else value

    def has(self, name: str) -> bool:
        """Whether there is such a field, empty or not."""
        return name in self._value.fields

    def text(self, name: str, default: str | None = None) -> str:
        """A field that is one line of text; the default stands for one that is missing or empty."""
        value = self.get(name)
        if isinstance(value, Char) and len(value.rows) <= 1:
            return value.text or default or ""
        if value is None and default is not None:
            return default
        raise self.wrong(name, "one line of text")

    def label(self, name: str, default: str) -> str:
        """A field that is only displayed; the default if it is not a line of text."""
        value = self.get(name)
        return value.text if isinstance(value, Char) and len(value.rows) == 1 and value.text else default

    def count(self, name: str, default: int | None = None) -> int:
        """A field that is a whole number, not negative."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, Numeric) and value.array.size == 1 and value.array.dtype.kind != "c":
            number = float(value.array.item())
            if number.is_integer() and 0 <= number < 2**31:
                return int(number)
        raise self.wrong(name, "a whole number, not negative")

    def floats(self, name: str) -> FloatArray:
        """A field of numbers."""
        return numbers_of(self.get(name), f"{self.place}.{name}")

    def connections(self, name: str, rows: int, columns: int) -> FloatArray:
        """A matrix of 0 and 1."""
        value = self.get(name)
        if value is None and rows * columns == 0:
            return np.zeros((rows, columns))
        matrix = numbers_of(value, f"{self.place}.{name}")
        if matrix.shape != (rows, columns):
            got = describe_shape(matrix.shape)
            raise ModelError(
                f"{got}, expected {rows}x{columns} by the numbers of inputs and layers", place=f"{self.place}.{name}"
            )
        if not ((matrix == 0) | (matrix == 1)).all():
            raise ModelError("numbers other than 0 and 1", place=f"{self.place}.{name}")
        return matrix

    def slots(self, name: str, rows: int, columns: int) -> Slots:
        """A cell array; a single row or column may be stored as either."""
        value = self.get(name)
        if rows * columns == 0:
            return Slots((), rows, columns)
        if not isinstance(value, Cell):
            raise self.wrong(name, f"a {rows}x{columns} cell")
        fits = value.shape == (rows, columns) or (1 in (rows, columns) and value.shape == (columns, rows))
        if not fits:
            raise self.wrong(name, f"a {rows}x{columns} cell")
        return Slots(value.items, rows, columns)

    def wrong(self, name: str, expected: str) -> ModelError:
        """The error of a field that is missing or of another kind."""
        value = self._value.get(name)
        got = "missing" if value is None else f"a {describe(value)}"
        return ModelError(f"{got}, expected {expected}", place=f"{self.place}.{name}")


def numbers_of(value: Value | None, place: str) -> FloatArray:
    """The numbers of a full or sparse matrix, float64."""
    if not isinstance(value, Numeric | Sparse):
        raise ModelError(
            f"{'missing or empty' if value is None else f'a {describe(value)}'}, expected numbers", place=place
        )
    with at_place(f"{place}: "):
        return value.floats()


def fields_of(value: Value | None, place: str) -> Fields:
    """A subobject: an input, a layer, a weight."""
    if isinstance(value, Struct) and math.prod(value.shape) == 1:
        return Fields(value, place)
    raise ModelError(f"{'empty' if value is None else f'a {describe(value)}'}, expected a struct", place=place)


def part_of(fields: Fields, name: str, packed: str = "") -> Fields:
    """The properties of an object, or the fields of a struct, that is a property.

    `packed` is the only property of an object of a class that packs all others into a struct.
    """
    value, place = fields.get(name), f"{fields.place}.{name}"
    if isinstance(value, Opaque) and math.prod(value.shape) == 1:
        with at_place(f"{place}: "):
            (value,) = value.whole()
        if packed:
            value = value.get(packed)
    return fields_of(value, place)
