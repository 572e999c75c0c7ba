"""MAT-files of level 7.3: HDF5 with MATLAB's conventions.

MathWorks does not document them; what is here was read in real files of that level. No real one with a network was at
hand: that old-style `network` objects, sparse weights and objects of newer classes (`#subsystem#/MCOS`) are laid out as
other values of those kinds are is **unconfirmed**, and this line is the place that says so.

Nothing outside the file is read: soft and external links, external storage, virtual datasets and filters that HDF5
would load from elsewhere are refused. Every size is checked against what is stored before memory is taken for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, MatnetError
from matnet.files import Budget
from matnet.importers.mat.mcos import Subsystem, opaque
from matnet.importers.mat.values import (
    EMPTY,
    ITEM_COST,
    MAX_DEPTH,
    NUMERIC_CLASSES,
    TOO_DEEP,
    Cell,
    Char,
    Function,
    MatFile,
    Numeric,
    Opaque,
    Shape,
    Sparse,
    Struct,
    Value,
    Variable,
)

_HEADER = b"MATLAB 7.3 MAT-file"
_SUBSYSTEM = "#subsystem#/MCOS"
_DTYPES = {"double": "f8", "single": "f4"} | {name: name for name in NUMERIC_CLASSES[2:]}
_FUNCTION, _OLD_OBJECT, _OPAQUE = 1, 2, 3
"""MATLAB_object_decode: a function handle, an object of an old-style class, one of a newer class."""

_FILTERS = frozenset({1, 2, 3})
"""deflate, shuffle and checksums, which are all that MATLAB writes."""

_DEFLATE_RATIO = 1032


def read_hdf5(path: Path, start: bytes, limit: int) -> MatFile:
    """The variables of a MAT-file of level 7.3, given its first bytes.

    Raises
    ------
    FormatError
        The file is cut off or broken, or not MATLAB's.
    """
    if not start.startswith(_HEADER):
        raise FormatError("an HDF5 file, but not a MAT-file: its first bytes are not MATLAB's")
    budget = Budget(limit)

    @cache
    def subsystem() -> Subsystem:
        return Subsystem(_read(path, budget, subsystem, _SUBSYSTEM, _Reader.cells))

    def variable(name: str) -> Variable:
        class_name, shape = _read(path, budget, subsystem, name, _Reader.heading)
        return Variable(name, class_name, shape, lambda: _read(path, budget, subsystem, name, _Reader.value))

    names = _read(path, budget, subsystem, "/", lambda reader, root: reader.names(root))
    variables = {name: variable(name) for name in names if not name.startswith("#")}
    return MatFile(start[:116].decode("latin-1").strip(" \t\n\0"), variables)


def _read(
    path: Path,
    budget: Budget,
    subsystem: Callable[[], Subsystem],
    name: str,
    what: Callable[[_Reader, Any], Any],
) -> Any:
    """Opens the file, finds one thing in it and reads it."""
    import h5py

    with _refused_as_format_error(name), h5py.File(path, "r") as file:
        reader = _Reader(file, budget, subsystem)
        return what(reader, reader.item(file, name))


@contextmanager
def _refused_as_format_error(name: str) -> Iterator[None]:
    """What h5py raises on a broken file, as one kind of error with a place."""
    try:
        yield
    except MatnetError as error:
        raise error.at("" if name == "/" else f"{name}: ") from error.__cause__
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        place = "" if name == "/" else f"{name}: "
        raise FormatError(f"{place}the file is cut off or broken: {error}") from error


class _Reader:
    """Reads values out of an open file; each object is read once, so that references that form a circle end."""

    def __init__(self, file: Any, budget: Budget, subsystem: Callable[[], Subsystem]) -> None:
        self._file = file
        self._budget = budget
        self._subsystem = subsystem
        self._met: set[int] = set()

    def names(self, group: Any) -> list[str]:
        """The members of a group."""
        self._budget.take(ITEM_COST * len(group))
        found = list(group)
        if not all(isinstance(name, str) for name in found):
            raise FormatError("broken: a name that is no UTF-8")
        return found

    def item(self, group: Any, name: str) -> Any:
        """A member of a group, by plain links only."""
        import h5py

        found = group
        for part in name.strip("/").split("/") if name != "/" else ():
            link = found.get(part, getlink=True)
            if link is None:
                raise FormatError(f"broken: there is no {name}")
            if not isinstance(link, h5py.HardLink):
                raise FormatError(f"{part} is a link to elsewhere, which MATLAB never writes and which is not followed")
            found = found[part]
        return found

    def heading(self, item: Any) -> tuple[str, Shape]:
        """Class and size of a value without reading it."""
        import h5py

        class_name = _class_name(item)
        if _decode(item) == _FUNCTION:
            return "function_handle", (1, 1)
        if isinstance(item, h5py.Dataset):
            if "MATLAB_empty" in item.attrs or _decode(item) == _OPAQUE:
                value = self.value(item)
                return class_name, value.shape
            return class_name, _shape(item)
        if "MATLAB_sparse" in item.attrs:
            return class_name, (int(item.attrs["MATLAB_sparse"]), len(self._starts(item)) - 1)
        return class_name, _struct_shape(self._members(item))

    def value(self, item: Any, depth: int = 0) -> Value:
        """The value of a dataset or a group."""
        import h5py

        if depth > MAX_DEPTH:
            return Opaque(TOO_DEEP, "")
        if isinstance(item, h5py.Dataset):
            return self._dataset(item, depth)
        if not isinstance(item, h5py.Group):
            raise FormatError("broken: something that is neither data nor a group")
        self._meet(item)
        if _decode(item) == _FUNCTION:
            return Function()
        if "MATLAB_sparse" in item.attrs:
            return self._sparse(item)
        if _decode(item) == _OPAQUE:
            return Opaque(_class_name(item), "")
        return self._struct(item, depth)

    def cells(self, item: Any) -> tuple[Value, ...]:
        """The subsystem's column of cells; one that cannot be read does no harm as long as nothing asks for it."""
        return tuple(self._cell(entry) for entry in self._references_in(item))

    def _cell(self, entry: Any) -> Value:
        # cells that many objects share may be referred to more than once; circles are found within each
        self._met.clear()
        try:
            return self.value(self._file[entry])
        except FormatError as error:
            return Opaque(f"unreadable ({error})", "")

    def _meet(self, item: Any) -> None:
        import h5py

        address = h5py.h5o.get_info(item.id).addr
        if address in self._met:
            raise FormatError("broken: a value is referred to from two places")
        self._met.add(address)

    def _dataset(self, item: Any, depth: int) -> Value:
        class_name = _class_name(item)
        if "MATLAB_empty" in item.attrs:
            return self._empty(item, class_name)
        self._meet(item)
        shape = _shape(item)
        if class_name == "cell":
            return Cell(shape, self._items(item, depth))
        if _decode(item) == _FUNCTION:
            return Function()
        if _decode(item) == _OPAQUE:
            return opaque(class_name, Numeric(self._numbers(item, "uint32"), "uint32"), self._subsystem)
        if class_name == "char":
            return self._char(item)
        if class_name == "logical":
            return Numeric(_logicals(self._numbers(item, "uint8")), class_name)
        if class_name in _DTYPES:
            return Numeric(
                self._numbers(item, class_name), class_name, class_name == "double" and item.dtype.kind in "iu"
            )
        return Opaque(class_name or "unknown", "", shape)

    def _empty(self, item: Any, class_name: str) -> Value:
        """An empty value: its data are its dimensions. MATLAB writes structs without fields in the same way."""
        sizes = self._stored(item)
        if sizes.dtype.kind not in "iu" or sizes.ndim != 1 or not 2 <= sizes.size <= 32:
            raise FormatError("broken: an empty value without dimensions")
        shape = tuple(int(size) for size in sizes)
        if class_name == "struct" or _decode(item) == _OLD_OBJECT:
            return Struct(shape, {}, class_name)
        if math.prod(shape):
            raise FormatError(f"broken: an empty value of {'x'.join(map(str, shape))}")
        if class_name == "cell":
            return Cell(shape, ())
        if class_name == "char":
            return Char(shape, ("",) if shape[0] == 1 else ())
        if class_name == "logical" or class_name in _DTYPES:
            return Numeric(np.zeros(shape, dtype=_DTYPES.get(class_name, "?")), class_name)
        return EMPTY if class_name == "canonical empty" else Opaque(class_name, "", shape)

    def _stored(self, item: Any) -> NDArray[Any]:
        """The data of a dataset, once they are found to be in the file and bearable."""
        import h5py

        if not isinstance(item, h5py.Dataset):
            raise FormatError("broken: a group where data are expected")
        if item.external or item.is_virtual:
            raise FormatError("the data lie in another file, which is not read")
        filters = item.id.get_create_plist()
        for number in range(filters.get_nfilters()):
            code = filters.get_filter(number)[0]
            if code not in _FILTERS:
                raise FormatError(f"the data are packed with filter {code}, which MATLAB does not use")
        size = item.size * item.dtype.itemsize if item.size else 0
        if size > _DEFLATE_RATIO * item.id.get_storage_size():
            raise FormatError(f"broken: {size} bytes of data are announced, {item.id.get_storage_size()} are stored")
        self._budget.take(size)
        return np.asarray(item[()])

    def _numbers(self, item: Any, class_name: str) -> NDArray[Any]:
        """Numbers in MATLAB's orientation and class; complex ones are stored as pairs."""
        dtype = item.dtype
        if dtype.names == ("real", "imag") and all(dtype[part].kind in "iuf" for part in dtype.names):
            stored = self._stored(item)
            return (stored["real"].astype(np.float64) + 1j * stored["imag"].astype(np.float64)).T
        if dtype.kind not in "iuf":
            raise FormatError(f"broken: numbers of type {dtype}")
        stored = self._stored(item).T
        with np.errstate(all="ignore"):
            typed = stored.astype(_DTYPES[class_name])
        if stored.dtype != typed.dtype and not np.array_equal(typed, stored, typed.dtype.kind == "f"):
            raise FormatError(f"broken: numbers of class {class_name} that are stored as {stored.dtype.name}")
        return typed

    def _char(self, item: Any) -> Char:
        if item.dtype.kind != "u" or item.dtype.itemsize > 2:
            raise FormatError(f"broken: text of type {item.dtype}")
        units = self._stored(item).astype("<u2")
        shape = tuple(reversed(units.shape))
        rows = units.reshape(-1, shape[0]).T if units.size else ()
        return Char(shape, tuple(row.tobytes().decode("utf-16-le", errors="replace") for row in rows))

    def _sparse(self, item: Any) -> Sparse:
        rows, starts = int(item.attrs["MATLAB_sparse"]), self._starts(item)
        # data and rows are left out where all elements are zero
        data = self._stored(self.item(item, "data")) if "data" in item else np.zeros(0)
        indices = self._whole(item, "ir") if "ir" in item else np.zeros(0, dtype=np.int64)
        if data.dtype.kind not in "iuf" or data.ndim != 1:
            raise FormatError(f"broken: a sparse matrix of type {data.dtype}")
        return Sparse((rows, len(starts) - 1), data, indices, starts, self._budget, _class_name(item))

    def _starts(self, item: Any) -> NDArray[np.int64]:
        """Where the columns of a sparse matrix start, and at last where they end."""
        starts = self._whole(item, "jc")
        if not starts.size:
            raise FormatError("broken: a sparse matrix without an end of its columns")
        return starts

    def _whole(self, item: Any, name: str) -> NDArray[np.int64]:
        stored = self._stored(self.item(item, name))
        if stored.dtype.kind not in "iu" or stored.ndim != 1:
            raise FormatError(f"broken: {name} of a sparse matrix is {stored.dtype} of shape {stored.shape}")
        return stored.astype(np.int64)

    def _items(self, item: Any, depth: int) -> tuple[Value, ...]:
        """The values that a dataset of references refers to, in MATLAB's order, which is the stored one."""
        return tuple(self.value(self._file[entry], depth + 1) for entry in self._references_in(item))

    def _references_in(self, item: Any) -> NDArray[Any]:
        import h5py

        if h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
            raise FormatError(f"broken: a cell of type {item.dtype}, expected references")
        self._budget.take(ITEM_COST * (item.size or 0))
        references = self._stored(item).reshape(-1)
        if not all(references):
            raise FormatError("broken: a reference to nothing")
        return references

    def _struct(self, item: Any, depth: int) -> Struct:
        members = self._members(item)
        shape = _struct_shape(members)
        fields: dict[str, tuple[Value, ...]] = {}
        for name, member in members.items():
            fields[name] = self._items(member, depth) if _column(member) else (self.value(member, depth + 1),)
            if len(fields[name]) != math.prod(shape):
                raise FormatError(f"broken: field {name} has {len(fields[name])} values, expected {math.prod(shape)}")
        return Struct(shape, fields, _class_name(item) or "struct")

    def _members(self, item: Any) -> dict[str, Any]:
        return {name: self.item(item, name) for name in self.names(item)}


def _struct_shape(members: Mapping[str, Any]) -> Shape:
    """A struct array's fields are datasets of references that carry no class; a single struct's are values."""
    shapes = {_shape(member) for member in members.values() if _column(member)}
    if len(shapes) > 1:
        raise FormatError(f"broken: the fields of a struct array have different sizes: {sorted(shapes)}")
    return shapes.pop() if shapes else (1, 1)


def _column(member: Any) -> bool:
    import h5py

    return (
        isinstance(member, h5py.Dataset)
        and "MATLAB_class" not in member.attrs
        and h5py.check_ref_dtype(member.dtype) is h5py.Reference
    )


def _shape(item: Any) -> Shape:
    """MATLAB's size of a dataset, whose dimensions are stored in reverse."""
    if item.shape is None or not 2 <= len(item.shape) <= 32:
        raise FormatError(f"broken: data of the shape {item.shape}")
    return tuple(int(size) for size in reversed(item.shape))


def _class_name(item: Any) -> str:
    name = item.attrs.get("MATLAB_class", b"")
    return name.decode("latin-1") if isinstance(name, bytes) else str(name)


def _logicals(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    if numbers.size and numbers.max() > 1:
        raise FormatError("broken: logicals that are neither 0 nor 1")
    return np.asarray(numbers != 0)


def _decode(item: Any) -> int:
    return int(item.attrs.get("MATLAB_object_decode", 0))
