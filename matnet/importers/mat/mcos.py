"""Objects of MATLAB's newer classes (MCOS): where a file keeps them, and how a variable refers to them.

Since late 2025 a saved `network` is one; containers such as Autoencoder always were. MathWorks does not document the
format: what is here was measured on real files, and suffices for networks.

A variable holds only a *reference*: numbers that name an object. The objects are kept together in the *subsystem*, a
column of cells. Its first cell, the linking metadata, says which class and which properties an object has; the
properties' values are the cells from the third on. A property that equals its class's default is not stored; the last
cell holds the defaults of all classes. A struct or cell within a property refers to further objects by plain numbers.
All indices and offsets are checked against what is there.
"""

from __future__ import annotations

import math
import operator
import re
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias

import numpy as np

from matnet.errors import FormatError
from matnet.importers.mat.values import EMPTY, Cell, Char, Function, Numeric, Opaque, Shape, Struct, Value

FILE_WRAPPER = "FileWrapper__"
"""The class of the subsystem's column of cells."""

_MAGIC = 0xDD000000
_VERSIONS = (2, 3, 4)
_NAMES_AT = 40
_FIRST_PROPERTY_CELL = 2
_RELEASE = re.compile(r"R20\d\d[ab]")

_Block: TypeAlias = tuple[tuple[int, int, int], ...]
"""An object's properties: (name index, kind, value) each."""


def reference(content: Numeric) -> tuple[Shape, tuple[int, ...], int]:
    """Shape, object numbers and class number of a reference.

    Raises
    ------
    FormatError
        The numbers are not a reference.
    """
    numbers = [int(number) for number in content.array.ravel(order="F")] if content.array.dtype == "u4" else []
    if len(numbers) < 5 or numbers[0] != _MAGIC or numbers[1] + 3 > len(numbers):
        raise FormatError("a reference to an object is broken")
    shape = tuple(numbers[2 : 2 + numbers[1]])
    objects = tuple(numbers[2 + numbers[1] : -1])
    if len(shape) < 2 or math.prod(shape) != len(objects):
        raise FormatError("a reference to an object is broken: its size and its object numbers differ")
    return shape, objects, numbers[-1]


def opaque(class_name: str, content: Value, home: Callable[[], Subsystem]) -> Opaque:
    """The object that a reference stands for; if it is stored in an unknown way, only its class is known."""
    if isinstance(content, Numeric) and _is_reference(content):
        shape, numbers, _ = reference(content)
        return Opaque(class_name, "MCOS", shape, numbers, home)
    return Opaque(class_name, "")


def _is_reference(value: Value) -> bool:
    return isinstance(value, Numeric) and value.array.size >= 5 and _begins_with_magic(value)


def _begins_with_magic(value: Numeric) -> bool:
    return value.array.dtype == "u4" and int(value.array.flat[0]) == _MAGIC


def _is_handle(value: Cell) -> bool:
    """Whether a cell in a property is a function handle: the reference's first number alone, then a struct."""
    if len(value.items) != 2:
        return False
    mark, content = value.items
    return (
        isinstance(mark, Numeric)
        and mark.array.size == 1
        and _begins_with_magic(mark)
        and isinstance(content, Struct)
        and content.get("function_handle") is not None
    )


def _handle(value: Cell) -> Function:
    """A handle's name and MATLAB's release; its file and workspace name people and are left out."""
    _, content = value.items
    inner = content.get("function_handle") if isinstance(content, Struct) else None
    name = inner.get("function") if isinstance(inner, Struct) else None
    root = content.get("matlabroot") if isinstance(content, Struct) else None
    release = _RELEASE.search(root.text) if isinstance(root, Char) else None
    return Function(name.text if isinstance(name, Char) else "", release.group() if release else "")


class Subsystem:
    """The objects of a file."""

    def __init__(self, cells: Sequence[Value]) -> None:
        self.cells = cells
        self._data = _metadata(cells)
        version, name_count, *offsets = self._numbers(0, 10)
        if version not in _VERSIONS:
            raise FormatError(f"the linking metadata have version {version}, known: {', '.join(map(str, _VERSIONS))}")
        # the eighth offset belongs to a part that holds nothing for a network, and is 0 in some files
        first, *_, last = starts = offsets[:5]
        if sorted(starts) != starts or first < _NAMES_AT or last > len(self._data):
            raise FormatError(f"the linking metadata are broken: their parts start at {offsets}")
        names = self._data[_NAMES_AT : offsets[0]].rstrip(b"\0").split(b"\0")[:name_count]
        if len(names) != name_count:
            raise FormatError(f"the linking metadata announce {name_count} names, {len(names)} are there")
        self._names = [name.decode("latin-1") for name in names]
        self._classes = self._rows(offsets[0], offsets[1], 4)
        self._objects = self._rows(offsets[2], offsets[3], 6)
        self._saved = self._blocks(offsets[1], offsets[2])
        self._ordinary = self._blocks(offsets[3], offsets[4])
        self.object = cache(self._object)
        self._cell = cache(self._property_cell)

    def _object(self, number: int) -> Struct:
        """The properties that are stored of object `number` (from 1), as a struct with the object's class.

        Raises
        ------
        FormatError
            There is no such object, or it is broken.
        """
        if not 0 < number < len(self._objects):
            raise FormatError(f"object {number} is referred to, there are {len(self._objects) - 1}")
        class_number, _, _, saved, ordinary, _ = self._objects[number]
        if bool(saved) == bool(ordinary):
            # neither: an object without properties of its own
            block: _Block = ()
            if saved:
                raise FormatError(f"object {number} has two lists of properties")
        else:
            blocks, index = (self._saved, saved) if saved else (self._ordinary, ordinary)
            if index >= len(blocks):
                raise FormatError(f"object {number} has property list {index}, there are {len(blocks) - 1}")
            block = blocks[index]
        fields = {self._name(name): (self._property(kind, value),) for name, kind, value in block}
        return Struct((1, 1), fields, self._class_name(class_number))

    def whole(self, number: int) -> Struct:
        """As ``object``, with the defaults of its class for the properties that are not stored."""
        stored = self.object(number)
        class_number = self._objects[number][0]
        defaults = self.cells[-1] if len(self.cells) > _FIRST_PROPERTY_CELL else EMPTY
        if not isinstance(defaults, Cell) or class_number >= len(defaults.items):
            return stored
        default = self._linked(defaults.items[class_number])
        if not isinstance(default, Struct) or math.prod(default.shape) != 1:
            return stored
        return Struct((1, 1), {**default.fields, **stored.fields}, stored.class_name)

    def _property(self, kind: int, value: int) -> Value:
        if kind == 0:
            name = self._name(value)
            return Char((1, len(name)), (name,))
        if kind == 2:
            return Numeric(np.full((1, 1), value, dtype=np.float64))
        if kind != 1:
            raise FormatError(f"a property is stored in the unknown kind {kind}")
        return self._cell(value)

    def _property_cell(self, number: int) -> Value:
        if _FIRST_PROPERTY_CELL + number >= len(self.cells):
            raise FormatError(f"property cell {number} is referred to, which does not exist")
        return self._linked(self.cells[_FIRST_PROPERTY_CELL + number])

    def _linked(self, value: Value) -> Value:
        """The value with every reference in it, at any depth, replaced by the object that it means."""
        if isinstance(value, Numeric) and _is_reference(value):
            shape, numbers, class_number = reference(value)
            return Opaque(self._class_name(class_number), "MCOS", shape, numbers, lambda: self)
        if isinstance(value, Cell):
            if _is_handle(value):
                return _handle(value)
            items = tuple(map(self._linked, value.items))
            return value if _same(items, value.items) else Cell(value.shape, items)
        if isinstance(value, Struct):
            fields = {name: tuple(map(self._linked, values)) for name, values in value.fields.items()}
            changed = not all(_same(values, value.fields[name]) for name, values in fields.items())
            return Struct(value.shape, fields, value.class_name) if changed else value
        return value

    def _class_name(self, number: int) -> str:
        if not 0 < number < len(self._classes):
            raise FormatError(f"class {number} is referred to, there are {len(self._classes) - 1}")
        namespace, name = self._classes[number][:2]
        return f"{self._name(namespace)}.{self._name(name)}" if namespace else self._name(name)

    def _name(self, number: int) -> str:
        if not 0 < number <= len(self._names):
            raise FormatError(f"name {number} is referred to, there are {len(self._names)}")
        return self._names[number - 1]

    def _numbers(self, start: int, count: int) -> list[int]:
        return list(struct.unpack_from(f"<{count}I", self._data, start))

    def _rows(self, start: int, end: int, width: int) -> list[tuple[int, ...]]:
        row = struct.Struct(f"<{width}I")
        return list(row.iter_unpack(self._data[start : end - (end - start) % row.size]))

    def _blocks(self, start: int, end: int) -> list[_Block]:
        blocks: list[_Block] = []
        while start + 4 <= end:
            (count,) = self._numbers(start, 1)
            size = 4 + 12 * count
            if start + size > end:
                raise FormatError(f"the linking metadata are cut off: {count} properties are announced")
            flat = self._numbers(start + 4, 3 * count)
            blocks.append(tuple((flat[at], flat[at + 1], flat[at + 2]) for at in range(0, len(flat), 3)))
            start += size + size % 8  # numbers of 4 bytes, filled up to 8
        return blocks


def _same(new: Sequence[Value], old: Sequence[Value]) -> bool:
    return all(map(operator.is_, new, old))


def _metadata(cells: Sequence[Value]) -> bytes:
    first = cells[0] if cells else EMPTY
    if not isinstance(first, Numeric) or first.array.dtype != np.uint8 or first.array.size < _NAMES_AT:
        raise FormatError("the subsystem has no linking metadata")
    return first.array.tobytes(order="F")
