"""MAT-files with objects of newer classes, written by hand: what scipy cannot write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io.matlab import MatlabObject

from mat5_bytes import CELL, CHAR, INT8, MATRIX, UINT8_CLASS, UINT32, UINT32_CLASS, UTF8, element, file_of, head, packed

STRUCT, OBJECT, OPAQUE = 2, 3, 17
MAGIC = 0xDD000000
_NUMERIC = {"f8": (6, 9), "f4": (7, 7), "i4": (12, 5), "u4": (UINT32_CLASS, 6), "u8": (15, 13), "u1": (UINT8_CLASS, 2)}


@dataclass(frozen=True)
class Reference:
    """A reference to objects of a store; `plain` ones are numbers, as within structs and cells of a property."""

    class_name: str
    class_number: int
    numbers: tuple[int, ...]
    shape: tuple[int, int]
    plain: bool = False

    @property
    def content(self) -> np.ndarray[Any, Any]:
        return np.array([[MAGIC, 2, *self.shape, *self.numbers, self.class_number]], dtype="u4").T


@dataclass
class ObjectStore:
    """The objects of a file: classes, and for each object its properties."""

    names: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    defaults: dict[str, Mapping[str, object]] = field(default_factory=dict)
    objects: list[tuple[int, Mapping[str, object], bool]] = field(default_factory=list)

    def add(self, class_name: str, properties: Mapping[str, object], saved: bool = False) -> int:
        """The number of a new object; `saved` ones are of classes with a saveobj."""
        self.objects.append((self._number(self.classes, class_name), properties, saved))
        return len(self.objects)

    def reference(self, class_name: str, *numbers: int, plain: bool = False) -> Reference:
        return Reference(class_name, self._number(self.classes, class_name), numbers, (1, len(numbers)), plain)

    def new(self, class_name: str, properties: Mapping[str, object], saved: bool = False) -> Reference:
        return self.reference(class_name, self.add(class_name, properties, saved))

    def cells(self) -> list[object]:
        """The subsystem's column: metadata, an empty cell, the properties, two unknown ones and the defaults."""
        values: list[object] = []
        blocks: tuple[list[bytes], list[bytes]] = ([bytes(8)], [bytes(8)])
        rows = [0] * 6
        places: dict[int, int] = {}
        for class_number, properties, saved in self.objects:
            entries = []
            for name, value in properties.items():
                # one value that several objects are given is stored once
                place = places.setdefault(id(value), len(values))
                if place == len(values):
                    values.append(value)
                entries += [self._number(self.names, name), 1, place]
            mine = blocks[0] if saved else blocks[1]
            data = struct.pack(f"<{1 + len(entries)}I", len(properties), *entries)
            mine.append(data + bytes(-len(data) % 8))
            number = len(mine) - 1
            rows += [class_number, 0, 0, number if saved else 0, 0 if saved else number, 0]
        table = [0] * 4
        for name in self.classes:
            package, _, own = name.rpartition(".")
            table += [self._number(self.names, package) if package else 0, self._number(self.names, own), 0, 0]
        text = b"".join(name.encode() + b"\0" for name in self.names)
        parts = [
            text + bytes(-len(text) % 8),
            struct.pack(f"<{len(table)}I", *table),
            b"".join(blocks[0]),
            struct.pack(f"<{len(rows)}I", *rows),
            b"".join(blocks[1]),
        ]
        offsets = np.cumsum([40, *map(len, parts)])[1:].tolist()
        linking = struct.pack("<2I8I", 3, len(self.names), *offsets, *[offsets[-1]] * 2, 0) + b"".join(parts)
        defaults: list[object] = [{}, *(dict(self.defaults.get(name, {})) for name in self.classes)]
        metadata = np.frombuffer(linking, np.uint8)[:, None]
        return [metadata, np.zeros((0, 0)), *values, np.zeros((0, 0)), np.zeros((0, 0)), defaults]

    @staticmethod
    def _number(names: list[str], name: str) -> int:
        if name not in names:
            names.append(name)
        return names.index(name) + 1


def value_bytes(value: Any, name: str = "") -> bytes:
    """A value as a matrix element: dict, list (a cell), text, array, number, MatlabObject or Reference."""
    if isinstance(value, Reference):
        content = value_bytes(value.content)
        if value.plain:
            return content
        names = b"".join(element(INT8, text.encode()) for text in (name, "MCOS", value.class_name))
        return element(MATRIX, element(UINT32, struct.pack("<II", OPAQUE, 0)) + names + content)
    if isinstance(value, MatlabObject):
        record = {field_name: value[field_name][0, 0] for field_name in value.dtype.names}
        return element(MATRIX, head(OBJECT, (1, 1), name.encode()) + element(INT8, b"network") + _fields(record))
    if isinstance(value, Mapping):
        return element(MATRIX, head(STRUCT, (1, 1), name.encode()) + _fields(value))
    if isinstance(value, str):
        return element(MATRIX, head(CHAR, (1, len(value)), name.encode()) + element(UTF8, value.encode()))
    if isinstance(value, Sequence):
        value = np.array([*value, None], dtype=object)[:-1][None]
    array = np.atleast_2d(np.asarray(value))
    if array.dtype == object:
        items = b"".join(value_bytes(item) for item in array.reshape(-1, order="F"))
        return element(MATRIX, head(CELL, array.shape, name.encode()) + items)
    logical = array.dtype == bool
    array = array.astype("u1" if logical else "f8" if array.dtype.kind == "i" else array.dtype)
    mx_class, storage = _NUMERIC[array.dtype.str[1:]]
    start = head(mx_class, array.shape, name.encode(), flags=2 if logical else 0)
    return element(MATRIX, start + element(storage, array.tobytes(order="F")))


def _fields(record: Mapping[str, object]) -> bytes:
    names = b"".join(name.encode().ljust(64, b"\0") for name in record)
    return element(5, struct.pack("<I", 64)) + element(INT8, names) + b"".join(map(value_bytes, record.values()))


def write_objects(path: Path, store: ObjectStore, variables: Mapping[str, object]) -> Path:
    """A file of version 7 whose variables refer to the objects of the store."""
    column = store.cells()
    cells = np.empty((len(column), 1), dtype=object)
    for number, value in enumerate(column):
        cells[number, 0] = value
    names = b"".join(element(INT8, text.encode()) for text in ("", "MCOS", "FileWrapper__"))
    wrapper = element(MATRIX, element(UINT32, struct.pack("<II", OPAQUE, 0)) + names + value_bytes(cells))
    inner = element(
        MATRIX,
        head(STRUCT, (1, 1), b"")
        + element(5, struct.pack("<I", 64))
        + element(INT8, b"MCOS".ljust(64, b"\0"))
        + wrapper,
    )
    subsystem = struct.pack("<H", 0x0100) + b"IM" + bytes(4) + inner
    hidden = value_bytes(np.frombuffer(subsystem, np.uint8)[None])
    path.write_bytes(file_of(*(packed(value_bytes(value, name)) for name, value in variables.items()), packed(hidden)))
    return path


def string(store: ObjectStore, shape: tuple[int, int], *items: str | None) -> Reference:
    """A string array as MATLAB stores it: four UTF-16 units to a number."""
    units = "".join(item or "" for item in items).encode("utf-16-le")
    units += bytes(-len(units) % 8)
    lengths = [2**64 - 1 if item is None else len(item.encode("utf-16-le")) // 2 for item in items]
    numbers = [1, 2, *shape, *lengths, *struct.unpack(f"<{len(units) // 8}Q", units)]
    return store.new("string", {"any": np.array([numbers], dtype="u8")}, saved=True)
