"""Plain MATLAB values: what a file holds, whichever of MATLAB's formats it is written in.

Every reader gives these, and nothing else; arrays keep MATLAB's shape (at least two dimensions) and class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, UnsupportedError, counted
from matnet.files import Budget
from matnet.functions.namespace import FloatArray

Shape: TypeAlias = tuple[int, ...]

Step: TypeAlias = tuple[str, ...]
"""MATLAB's syntax for a nested value, in parts that are joined when it is shown."""

ITEM_COST = 128
"""The approximate memory in bytes of a nested value itself, without its contents."""

MAX_DEPTH = 64
"""How deeply values may be nested; anything deeper is not read."""

MAX_NAME = 2048
"""The longest name that MATLAB gives a variable or a field (namelengthmax: 63 until R2024b)."""

TOO_DEEP = f"value nested more than {MAX_DEPTH} deep"
"""The class of the opaque value that replaces a more deeply nested one."""


def describe_shape(shape: Shape) -> str:
    """A shape as MATLAB writes it: 3x4."""
    return "x".join(map(str, shape))


@dataclass(frozen=True, eq=False, slots=True)
class Numeric:
    """Numbers or logicals. ``narrowed`` is set if the file stores doubles in fewer bytes, which loses nothing."""

    array: NDArray[Any]
    class_name: str = "double"
    narrowed: bool = False

    @property
    def shape(self) -> Shape:
        """MATLAB's size()."""
        return self.array.shape

    def floats(self) -> FloatArray:
        """As float64.

        Raises
        ------
        UnsupportedError
            The numbers are complex, or 64-bit integers that float64 does not hold.
        """
        if self.array.dtype.kind == "c":
            raise UnsupportedError("complex numbers, expected real ones")
        floats = self.array.astype(np.float64, copy=False)
        if self.array.dtype.kind in "iu" and self.array.dtype.itemsize == 8 and (np.abs(floats) > 2.0**53).any():
            raise UnsupportedError(f"{self.class_name} numbers beyond 2^53, which float64 does not hold exactly")
        return floats


@dataclass(frozen=True, eq=False, slots=True)
class Sparse:
    """A sparse matrix by compressed columns; ``budget`` is asked before it is made dense."""

    shape: Shape
    data: NDArray[Any]
    rows: NDArray[np.int64]
    column_starts: NDArray[np.int64]
    budget: Budget
    class_name: str = "double"

    def __post_init__(self) -> None:
        starts, count = self.column_starts, len(self.data)
        fits = len(self.shape) == 2 and len(starts) == self.shape[1] + 1 and len(self.rows) == count
        if not fits or starts[0] != 0 or starts[-1] != count or (np.diff(starts) < 0).any():
            raise FormatError("a sparse matrix whose column starts contradict its size")
        if count and not (self.rows.min() >= 0 and self.rows.max() < self.shape[0]):
            raise FormatError(f"a sparse matrix with elements outside its {counted(self.shape[0], 'row')}")

    def floats(self) -> FloatArray:
        """Dense, as float64.

        Raises
        ------
        FormatError
            The dense matrix would exceed the limit.
        UnsupportedError
            The numbers are complex.
        """
        if self.data.dtype.kind == "c":
            raise UnsupportedError("complex numbers, expected real ones")
        self.budget.expand(8 * math.prod(self.shape))
        dense = np.zeros(self.shape)
        columns = np.repeat(np.arange(self.shape[1]), np.diff(self.column_starts))
        np.add.at(dense, (self.rows, columns), self.data.astype(np.float64))
        return dense


@dataclass(frozen=True, eq=False, slots=True)
class Char:
    """Text, one string a row."""

    shape: Shape
    rows: tuple[str, ...]

    class_name = "char"

    @property
    def text(self) -> str:
        """The rows, one below the other."""
        return "\n".join(self.rows)


@dataclass(frozen=True, eq=False, slots=True)
class Cell:
    """A cell array; ``items`` are in MATLAB's order, column by column."""

    shape: Shape
    items: tuple[Value, ...]

    class_name = "cell"


@dataclass(frozen=True, eq=False, slots=True)
class Struct:
    """A struct, a struct array, or an object of an old-style class; a field's values are in column order."""

    shape: Shape
    fields: Mapping[str, tuple[Value, ...]]
    class_name: str = "struct"

    def element(self, number: int) -> Struct:
        """The element `number` (from 0, column by column) as a struct of its own."""
        return Struct((1, 1), {name: (values[number],) for name, values in self.fields.items()}, self.class_name)

    def get(self, name: str) -> Value | None:
        """A field of a single struct, None where it has no such field."""
        values = self.fields.get(name, ())
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A function handle, which is never called: its name and the release of MATLAB, where the file gives them."""

    name: str = ""
    release: str = ""

    class_name = "function_handle"
    shape = (1, 1)


class Objects(Protocol):
    """The objects of a file, to which its values refer by number (mcos.py)."""

    def object(self, number: int) -> Struct:
        """The properties that are stored of object `number` (from 1)."""

    def whole(self, number: int) -> Struct:
        """The same with the class's defaults for the properties that are not stored."""


@dataclass(frozen=True, eq=False, slots=True)
class Opaque:
    """An object of which only the class is known: of MATLAB's newer classes (system MCOS), of Java, or unknown."""

    class_name: str
    system: str
    shape: Shape = (1, 1)
    numbers: tuple[int, ...] = ()
    home: Callable[[], Objects] | None = None

    def objects(self) -> tuple[Struct, ...]:
        """The elements' properties as the file stores them, one struct each.

        Raises
        ------
        FormatError, UnsupportedError
            The file does not hold them, or in a way that is not known.
        """
        home = self._home()
        return tuple(home.object(number) for number in self.numbers)

    def whole(self) -> tuple[Struct, ...]:
        """As ``objects``, with the defaults of their classes for the properties that are not stored."""
        home = self._home()
        return tuple(home.whole(number) for number in self.numbers)

    def element(self, position: int) -> Struct:
        """The properties of one element, `position` from 0."""
        return self._home().object(self.numbers[position])

    def _home(self) -> Objects:
        if self.home is None or self.system != "MCOS":
            reason = {"": "it is stored in a way that is not known", "MCOS": "its properties are not in the file"}
            raise UnsupportedError(
                f"the object of class {self.class_name} cannot be read: "
                f"{reason.get(self.system, f'it is a {self.system} object')}"
            )
        return self.home()


Value: TypeAlias = Numeric | Sparse | Char | Cell | Struct | Function | Opaque
"""Any MATLAB value."""

_HOLDERS = (Cell, Struct, Opaque)
"""Values that can contain other values."""

EMPTY = Numeric(np.zeros((0, 0)))
"""The empty matrix []."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable of a file: name, class and size are known at once, the value is read on request."""

    name: str
    class_name: str
    shape: Shape
    read: Callable[[], Value] = field(repr=False)

    @cached_property
    def value(self) -> Value:
        """Its value.

        Raises
        ------
        FormatError
            The file is broken within it.
        """
        return self.read()

    @property
    def holds_values(self) -> bool:
        """Whether other values may be within: all but numbers, text and function handles."""
        return self.class_name not in _PLAIN


NUMERIC_CLASSES = ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
"""MATLAB's numeric classes, in the order of their numbers in a version 5 to 7 MAT-file."""

_PLAIN = frozenset({*NUMERIC_CLASSES, "logical", "char", "function_handle"})


def _nothing_is_open() -> None:
    pass


@dataclass(frozen=True, eq=False)
class MatFile:
    """A MAT-file: its header line, its variables in the file's order, and the memory left for its contents."""

    header: str
    variables: Mapping[str, Variable]
    budget: Budget
    end: Callable[[], None] = _nothing_is_open

    def __enter__(self) -> MatFile:
        return self

    def __exit__(self, *failure: object) -> None:
        """Nothing more is read; a process that reads it ends."""
        self.end()


@dataclass(frozen=True, eq=False, slots=True)
class Traversal:
    """The objects, by number, and values of properties that a traversal has reached; several objects may share one."""

    objects: set[int] = field(default_factory=set)
    properties: set[int] = field(default_factory=set)

    def first_visit(self, value: Value) -> bool:
        """Whether a property's value is visited for the first time; it is marked as visited."""
        if not isinstance(value, Cell | Struct):
            return True
        known = id(value) in self.properties
        self.properties.add(id(value))
        return not known


def children(value: Value, leaves: bool = True, traversal: Traversal | None = None) -> Iterator[tuple[Step, Value]]:
    """The values directly within a value, each with MATLAB's syntax to reach it: ``{3}``, ``.net``, ``(2)``.

    An object that cannot be read has nothing within. `leaves` says whether numbers, texts and the like count: there
    may be millions of them. What was `traversal` among objects and their properties is left out, and what is entered is
    added.
    """
    if isinstance(value, Cell):
        for number, item in enumerate(value.items):
            if leaves or isinstance(item, _HOLDERS):
                yield ("{", subscript(value.shape, number), "}"), item
    elif isinstance(value, Struct):
        yield from _elements(value, leaves)
    elif isinstance(value, Opaque):
        yield from _properties(value, leaves, traversal or Traversal())


def _elements(value: Struct, leaves: bool) -> Iterator[tuple[Step, Value]]:
    if math.prod(value.shape) == 1:
        for name, (item,) in value.fields.items():
            if leaves or isinstance(item, _HOLDERS):
                yield (".", name), item
    elif value.fields and (leaves or any(isinstance(item, _HOLDERS) for row in value.fields.values() for item in row)):
        for number in range(math.prod(value.shape)):
            yield ("(", subscript(value.shape, number), ")"), value.element(number)


def _properties(value: Opaque, leaves: bool, traversal: Traversal) -> Iterator[tuple[Step, Value]]:
    if value.home is None or value.system != "MCOS":
        return
    single = len(value.numbers) == 1
    for position, number in enumerate(value.numbers):
        if number in traversal.objects:
            continue
        traversal.objects.add(number)
        try:
            entry = value.element(position)
        except (FormatError, UnsupportedError):
            continue
        fresh = {name: values for name, values in entry.fields.items() if traversal.first_visit(values[0])}
        if single:
            yield from children(Struct((1, 1), fresh, entry.class_name), leaves)
        elif len(fresh) == len(entry.fields):
            yield ("(", subscript(value.shape, position), ")"), entry
        elif fresh:
            yield ("(", subscript(value.shape, position), ")"), Struct((1, 1), fresh, entry.class_name)


def subscript(shape: Shape, number: int) -> str:
    """MATLAB's index of the element `number` (from 0, column by column): a single one in a vector."""
    if len(shape) == 2 and 1 in shape:
        return str(number + 1)
    return ",".join(str(index + 1) for index in np.unravel_index(number, shape, order="F"))
