"""Version 7.3 MAT-files: HDF5 with MATLAB's conventions.

MathWorks does not document them; what is here was read in real files. Objects of newer classes (`#subsystem#/MCOS`) are
confirmed by real files with deep networks. No real file with an old-style `network` object was available: that it and
sparse weights are laid out like other objects and sparse matrices is **unconfirmed**, and this line is the place that
says so.

Only what MATLAB writes is let through: plain links, numbers, texts of fixed length, references, deflate and shuffle.
Soft and external links, external storage, virtual datasets, data of variable length and other filters are refused.
Every size is checked against what is stored before memory is taken for it.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, MatnetError, counted
from matnet.files import Budget
from matnet.importers.mat.mcos import Subsystem, opaque
from matnet.importers.mat.values import (
    EMPTY,
    ITEM_COST,
    MAX_DEPTH,
    MAX_NAME,
    NUMERIC_CLASSES,
    TOO_DEEP,
    Cell,
    Char,
    Function,
    Numeric,
    Opaque,
    Shape,
    Sparse,
    Struct,
    Value,
)

_SUBSYSTEM = "#subsystem#/MCOS"
_DTYPES = {"double": "f8", "single": "f4"} | {name: name for name in NUMERIC_CLASSES[2:]}
_FUNCTION, _OLD_OBJECT, _OPAQUE = 1, 2, 3
"""MATLAB_object_decode: a function handle, an object of an old-style class, one of a newer class."""

_FILTERS = frozenset({1, 2})
"""deflate and shuffle, which are all that MATLAB writes. A checksum (fletcher32) has crashed the HDF5 library."""

_LARGEST_CHUNK = 1 << 25
"""The size in bytes up to which a chunk may be larger than its data."""

_DEFLATE_RATIO = 1032


@contextmanager
def _refused_as_format_error(name: str) -> Iterator[None]:
    """What h5py raises on a broken file, as one kind of error with a place."""
    place = f"{name}: " if name else ""
    try:
        yield
    except MatnetError as error:
        raise error.at(place) from error.__cause__
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"{place}the file is cut off or broken: {error}") from error


class OpenFile:
    """A version 7.3 file, open as long as this object is there.

    Each object is read once, in the whole file, so that references that form a circle end and those that meet in one
    value do not multiply it.
    """

    def __init__(self, path: Path, budget: Budget, subsystem: Callable[[], Subsystem]) -> None:
        import h5py

        self._budget = budget
        self._subsystem = subsystem
        self._met: set[int] = set()
        self._known: dict[str, Value] = {}
        if h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE):
            # while a file is open the library takes its metadata from memory, though it was written anew since
            gc.collect()
        with _refused_as_format_error(""):
            self._file = h5py.File(path, "r", locking=False)

    def end(self) -> None:
        """Close the file: nothing more is read."""
        self._file.close()

    def headings(self) -> dict[str, tuple[str, Shape]]:
        """Class and size of each variable."""
        with _refused_as_format_error(""):
            names = self.names(self._file)
        return {name: self._heading(name) for name in names if not name.startswith("#")}

    def value(self, name: str) -> Value:
        """The value of a variable, which is read once."""
        if name not in self._known:
            with _refused_as_format_error(name):
                self._known[name] = self._value(self.item(self._file, name))
        return self._known.pop(name)

    def cells(self) -> tuple[Value, ...]:
        """The subsystem's column of cells; an unreadable one is an error only if it is used."""
        with _refused_as_format_error(_SUBSYSTEM):
            references = self._references_in(self.item(self._file, _SUBSYSTEM))
            found: dict[int, Value] = {}
            return tuple(self._cell(self._file[entry], found) for entry in references)

    def _cell(self, item: Any, found: dict[int, Value]) -> Value:
        # cells that many objects share are referred to more than once
        address = _address(item)
        if address not in found:
            try:
                found[address] = self._value(item)
            except FormatError as error:
                found[address] = Opaque(f"unreadable ({error})", "")
        return found[address]

    def names(self, group: Any) -> list[str]:
        """The members of a group."""
        self._budget.take(ITEM_COST * len(group))
        members = list(group)
        if not all(isinstance(name, str) for name in members):
            raise FormatError("broken: a name that is not UTF-8")
        longest = max(map(len, members), default=0)
        if longest > MAX_NAME:
            raise FormatError(f"broken: a name of {longest} characters; MATLAB's have at most {MAX_NAME}")
        return members

    def item(self, group: Any, name: str) -> Any:
        """A member of a group, by plain links only."""
        import h5py

        found = group
        for part in name.strip("/").split("/") if name != "/" else ():
            link = found.get(part, getlink=True)
            if link is None:
                raise FormatError(f"broken: there is no {name}")
            if not isinstance(link, h5py.HardLink):
                raise FormatError(f"{part} is a link out of its group, which MATLAB never writes; it is not followed")
            found = found[part]
        return found

    def _heading(self, name: str) -> tuple[str, Shape]:
        """Class and size of a variable; its value is read only if they depend on it."""
        import h5py

        with _refused_as_format_error(name):
            item = self.item(self._file, name)
            class_name = _class_name(item)
            if _decode(item) == _FUNCTION:
                return "function_handle", (1, 1)
            if isinstance(item, h5py.Dataset):
                if _has(item, "MATLAB_empty") or _decode(item) == _OPAQUE:
                    self._known[name] = self._value(item)
                    return class_name, self._known[name].shape
                return class_name, _shape(item)
            if _has(item, "MATLAB_sparse"):
                return class_name, (_whole_attribute(item, "MATLAB_sparse"), len(self._starts(item)) - 1)
            return class_name, _struct_shape(self._members(item))

    def _value(self, item: Any, depth: int = 0) -> Value:
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
        if _has(item, "MATLAB_sparse"):
            return self._sparse(item)
        if _decode(item) == _OPAQUE:
            return Opaque(_class_name(item), "")
        return self._struct(item, depth)

    def _meet(self, item: Any) -> None:
        address = _address(item)
        if address in self._met:
            raise FormatError("broken: a value is referred to from two places")
        self._met.add(address)

    def _dataset(self, item: Any, depth: int) -> Value:
        class_name = _class_name(item)
        if _has(item, "MATLAB_empty"):
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
        """The data of a dataset, after a check that they are in the file and within the limit."""
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
        kinds = [item.dtype[part].kind for part in item.dtype.names] if item.dtype.names else [item.dtype.kind]
        if not set(kinds) <= set("iuf") and h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
            raise FormatError(f"broken: numbers of type {item.dtype}")
        size = item.size * item.dtype.itemsize if item.size else 0
        if size > _DEFLATE_RATIO * item.id.get_storage_size():
            raise FormatError(f"broken: {size} bytes of data are announced, {item.id.get_storage_size()} are stored")
        self._check_chunks(item, size)
        self._budget.take(size)
        return np.asarray(item[()])

    def _check_chunks(self, item: Any, size: int) -> None:
        """The library takes memory for a whole chunk, however little of it is data."""
        if item.chunks is None:
            return
        chunk = math.prod(item.chunks) * item.dtype.itemsize
        if chunk > max(size, _LARGEST_CHUNK):
            raise FormatError(f"broken: a chunk of {chunk} bytes for {size} bytes of data")

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
        rows, starts = _whole_attribute(item, "MATLAB_sparse"), self._starts(item)
        # data and rows are left out where all elements are zero
        data = self._stored(self.item(item, "data")) if "data" in item else np.zeros(0)
        indices = self._whole(item, "ir") if "ir" in item else np.zeros(0, dtype=np.int64)
        if data.dtype.kind not in "iuf" or data.ndim != 1:
            raise FormatError(f"broken: a sparse matrix of type {data.dtype}")
        return Sparse((rows, len(starts) - 1), data, indices, starts, self._budget, _class_name(item))

    def _starts(self, item: Any) -> NDArray[np.int64]:
        """Where each column of a sparse matrix starts, and where the last one ends."""
        starts = self._whole(item, "jc")
        if not starts.size:
            raise FormatError("broken: a sparse matrix whose columns have no end")
        return starts

    def _whole(self, item: Any, name: str) -> NDArray[np.int64]:
        stored = self._stored(self.item(item, name))
        if stored.dtype.kind not in "iu" or stored.ndim != 1:
            raise FormatError(f"broken: {name} of a sparse matrix is {stored.dtype} of shape {stored.shape}")
        return stored.astype(np.int64)

    def _items(self, item: Any, depth: int) -> tuple[Value, ...]:
        """The values that a dataset of references refers to, in MATLAB's order, which is the stored one."""
        return tuple(self._value(self._file[entry], depth + 1) for entry in self._references_in(item))

    def _references_in(self, item: Any) -> NDArray[Any]:
        import h5py

        if h5py.check_ref_dtype(item.dtype) is not h5py.Reference:
            raise FormatError(f"broken: a cell of type {item.dtype}, expected references")
        self._budget.take(ITEM_COST * (item.size or 0))
        references = self._stored(item).ravel()
        if not all(references):
            raise FormatError("broken: a reference to nothing")
        return references

    def _struct(self, item: Any, depth: int) -> Struct:
        members = self._members(item)
        shape = _struct_shape(members)
        fields: dict[str, tuple[Value, ...]] = {}
        for name, member in members.items():
            fields[name] = self._items(member, depth) if _column(member) else (self._value(member, depth + 1),)
            if len(fields[name]) != math.prod(shape):
                raise FormatError(
                    f"broken: field {name} has {counted(len(fields[name]), 'value')}, expected {math.prod(shape)}"
                )
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
        and not _has(member, "MATLAB_class")
        and h5py.check_ref_dtype(member.dtype) is h5py.Reference
    )


def _shape(item: Any) -> Shape:
    """MATLAB's size of a dataset, whose dimensions are stored in reverse."""
    if item.shape is None or len(item.shape) < 2:
        raise FormatError(f"broken: data of the shape {item.shape}")
    return tuple(int(size) for size in reversed(item.shape))


def _address(item: Any) -> int:
    import h5py

    address: int = h5py.h5o.get_info(item.id).addr
    return address


def _has(item: Any, name: str) -> bool:
    import h5py

    return bool(h5py.h5a.exists(item.id, name.encode()))


def _class_name(item: Any) -> str:
    """The text of the attribute with the class, which must lie in the file as it is: of fixed length."""
    import h5py

    if not _has(item, "MATLAB_class"):
        return ""
    attribute = h5py.h5a.open(item.id, b"MATLAB_class")
    kind = attribute.get_type()
    fixed = isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str()
    if not fixed or attribute.get_space().get_simple_extent_npoints() != 1 or kind.get_size() > MAX_NAME:
        raise FormatError("broken: MATLAB_class is not a text of fixed length")
    text = np.zeros((), f"S{kind.get_size()}")
    attribute.read(text)
    return bytes(text[()]).decode("latin-1")


def _whole_attribute(item: Any, name: str) -> int:
    import h5py

    attribute = h5py.h5a.open(item.id, name.encode())
    if (
        not isinstance(attribute.get_type(), h5py.h5t.TypeIntegerID)
        or attribute.get_space().get_simple_extent_npoints() != 1
    ):
        raise FormatError(f"broken: {name} is not a whole number")
    number = np.zeros(attribute.get_space().get_simple_extent_dims(), np.int64)
    attribute.read(number)
    return int(number.item())


def _logicals(numbers: NDArray[Any]) -> NDArray[np.bool_]:
    if numbers.size and numbers.max() > 1:
        raise FormatError("broken: logicals that are neither 0 nor 1")
    return np.asarray(numbers != 0)


def _decode(item: Any) -> int:
    return _whole_attribute(item, "MATLAB_object_decode") if _has(item, "MATLAB_object_decode") else 0
