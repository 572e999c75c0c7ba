"""Make the files of level 7.3 in fixtures/: run `python scripts/make_hdf5_fixtures.py [FOLDER]`, matnet installed.

`write_hdf5` lays MATLAB values out in HDF5 as MATLAB does (see matnet/importers/hdf5.py for what of it is confirmed).
It takes the values as the importers give them, so that a file of level 5 can be written anew as one of level 7.3.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from matnet.importers.matfile import open_mat
from matnet.importers.mcos import Subsystem
from matnet.importers.reading import DEFAULT_LIMIT, Budget
from matnet.importers.values import Cell, Char, Function, Numeric, Opaque, Sparse, Struct, Value

FIXTURES = Path(__file__).parent.parent / "fixtures"
HEADER = b"MATLAB 7.3 MAT-file, written by scripts/make_hdf5_fixtures.py of matnet"
USER_BLOCK = 512
FUNCTION, OLD_OBJECT, OPAQUE = 1, 2, 3
REFERENCE = 0xDD000000


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    pump = open_mat(FIXTURES / "pump.mat", DEFAULT_LIMIT)
    write_hdf5(folder / "pump_v73.mat", {name: entry.value for name, entry in pump.variables.items()})
    write_hdf5(folder / "values_v73.mat", one_of_each())


def one_of_each() -> dict[str, Value]:
    """A value of every kind, small."""
    budget = Budget(DEFAULT_LIMIT)
    pair = Cell((1, 2), (number(1.5), Char((1, 2), ("ab",))))
    return {
        "matrix": Numeric(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, np.nan]])),
        "cube": Numeric(np.arange(24.0).reshape(2, 3, 4)),
        "small": Numeric(np.array([[1, 2], [3, 250]], dtype=np.uint8), "uint8"),
        "single": Numeric(np.array([[0.5], [0.25]], dtype=np.float32), "single"),
        "flags": Numeric(np.array([[True, False, True]]), "logical"),
        "wave": Numeric(np.array([[1.0 + 2.0j, -3.0j]])),
        "text": Char((1, 5), ("Größe",)),
        "lines": Char((2, 3), ("abc", "def")),
        "nothing": Numeric(np.zeros((0, 3))),
        "no_text": Char((0, 0), ()),
        "cells": Cell((2, 2), (number(1.0), pair, Numeric(np.zeros((0, 0))), number(4.0))),
        "no_cells": Cell((0, 4), ()),
        "record": Struct((1, 1), {"a": (number(1.0),), "b": (pair,)}),
        "records": Struct((1, 2), {"a": (number(1.0), number(2.0)), "b": (pair, Char((1, 1), ("c",)))}),
        "no_fields": Struct((1, 1), {}),
        "old": Struct((1, 1), {"a": (number(7.0),)}, "mine"),
        "handle": Function(),
        "sparse": Sparse(
            (3, 2), np.array([5.0, 6.0]), np.array([2, 0], dtype=np.int64), np.array([0, 1, 2], dtype=np.int64), budget
        ),
        "zeros": Sparse((3, 2), np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(3, dtype=np.int64), budget),
    }


def number(value: float) -> Numeric:
    """A 1x1 double."""
    return Numeric(np.array([[value]]))


def write_hdf5(path: Path, variables: Mapping[str, Value]) -> None:
    """A MAT-file of level 7.3 with the variables; what MATLAB would put into `#subsystem#` is carried over."""
    with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
        writer = _Writer(file)
        for name, value in variables.items():
            writer.put(file, name, value)
        writer.put_subsystem()
    block = HEADER.ljust(116) + bytes(8) + b"\x00\x02IM"
    with path.open("r+b") as stream:
        stream.write(block.ljust(USER_BLOCK, b"\0"))


class _Writer:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._references = file.create_group("#refs#")
        self._count = 0
        self._subsystem: Subsystem | None = None
        self._unset = self._references.create_dataset("a", data=np.zeros(2, dtype=np.uint64))
        _label(self._unset, "canonical empty", MATLAB_empty=np.uint8(1))

    def put(self, group: Any, name: str, value: Value) -> Any:
        """The value as a member of a group."""
        if isinstance(value, Struct) and value.fields:
            return self._put_struct(group, name, value)
        if isinstance(value, Function):
            return _label(group.create_group(name), value.class_name, MATLAB_object_decode=np.int32(FUNCTION))
        if isinstance(value, Sparse):
            return _put_sparse(group, name, value)
        if isinstance(value, Opaque):
            return self._put_opaque(group, name, value)
        if math.prod(value.shape) == 0 or isinstance(value, Struct):
            sizes = group.create_dataset(name, data=np.array(value.shape, dtype=np.uint64))
            return _label(sizes, value.class_name, MATLAB_empty=np.uint8(1))
        if isinstance(value, Cell):
            return _label(self._put_references(group, name, value), "cell")
        return _put_text(group, name, value) if isinstance(value, Char) else _put_numbers(group, name, value)

    def put_subsystem(self) -> None:
        """The cells in which objects of newer classes lie."""
        if self._subsystem is None:
            return
        cells = Cell((len(self._subsystem.cells), 1), tuple(self._subsystem.cells))
        made = self._put_references(self._file.create_group("#subsystem#"), "MCOS", cells)
        _label(made, "FileWrapper__", MATLAB_object_decode=np.int32(OPAQUE))

    def _put_struct(self, group: Any, name: str, value: Struct) -> Any:
        made = group.create_group(name)
        for field, values in value.fields.items():
            if math.prod(value.shape) == 1:
                self.put(made, field, values[0])
            else:
                self._put_references(made, field, Cell(value.shape, values))
        if value.class_name != "struct":
            return _label(made, value.class_name, MATLAB_object_decode=np.int32(OLD_OBJECT))
        return _label(made, "struct")

    def _put_references(self, group: Any, name: str, cell: Cell) -> Any:
        references = np.empty(math.prod(cell.shape), dtype=object)
        references[:] = [self._refer(item) for item in cell.items]
        shape = tuple(reversed(cell.shape))
        return group.create_dataset(name, data=references.reshape(shape), dtype=h5py.ref_dtype)

    def _refer(self, value: Value) -> Any:
        if isinstance(value, Numeric) and value.shape == (0, 0) and value.class_name == "double":
            return self._unset.ref
        self._count += 1
        return self.put(self._references, f"r{self._count}", value).ref

    def _put_opaque(self, group: Any, name: str, value: Opaque) -> Any:
        if value.system != "MCOS" or value.home is None:
            raise ValueError(f"no layout is known for the {value.system} object {name} of class {value.class_name}")
        home = value.home()
        if not isinstance(home, Subsystem):
            raise TypeError(f"{name}: its objects are not in a subsystem")
        self._subsystem = home
        numbers = [REFERENCE, len(value.shape), *value.shape, *value.numbers, 1]
        made = group.create_dataset(name, data=np.array([numbers], dtype=np.uint32))
        return _label(made, value.class_name, MATLAB_object_decode=np.int32(OPAQUE))


def _label(item: Any, class_name: str, **attributes: object) -> Any:
    item.attrs["MATLAB_class"] = np.bytes_(class_name)
    for name, value in attributes.items():
        item.attrs[name] = value
    return item


def _put_numbers(group: Any, name: str, value: Numeric) -> Any:
    array = value.array.T
    if value.class_name == "logical":
        made = group.create_dataset(name, data=array.astype(np.uint8))
        return _label(made, "logical", MATLAB_int_decode=np.int32(1))
    if array.dtype.kind == "c":
        pairs = np.empty(array.shape, dtype=[("real", "f8"), ("imag", "f8")])
        pairs["real"], pairs["imag"] = array.real, array.imag
        return _label(group.create_dataset(name, data=pairs), value.class_name)
    return _label(group.create_dataset(name, data=array), value.class_name)


def _put_text(group: Any, name: str, value: Char) -> Any:
    units = [np.frombuffer(text.encode("utf-16-le"), dtype="<u2") for text in value.rows]
    made = group.create_dataset(name, data=np.stack(units, axis=1).astype(np.uint16))
    return _label(made, "char", MATLAB_int_decode=np.int32(2))


def _put_sparse(group: Any, name: str, value: Sparse) -> Any:
    made = group.create_group(name)
    if len(value.data):
        made.create_dataset("data", data=value.data)
        made.create_dataset("ir", data=value.rows.astype(np.uint64))
    made.create_dataset("jc", data=value.column_starts.astype(np.uint64))
    return _label(made, value.class_name, MATLAB_sparse=np.uint64(value.shape[0]))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES)
