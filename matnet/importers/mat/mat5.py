"""Version 5 to 7 MAT-files (MATLAB's -v6 and -v7): a plain reader of the documented format.

Source: MathWorks, "MAT-File Format", level 5. Not in that document, and measured on real files: function handles
(class 16), opaque objects (class 17) and the variable without a name at the end, the subsystem, in which opaque objects
live (mcos.py). Names are those of the document. Every count is checked against the bytes that are there before memory
is taken for it, so that a broken or hostile file is refused, never guessed at.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, counted
from matnet.files import Budget
from matnet.importers.mat.mcos import FILE_WRAPPER, Subsystem, opaque
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
    MatFile,
    Numeric,
    Opaque,
    Shape,
    Sparse,
    Struct,
    Value,
    Variable,
)

MI_INT8, MI_UINT8, MI_INT32, MI_UINT32, MI_MATRIX, MI_COMPRESSED = 1, 2, 5, 6, 14, 15
MI_UTF8, MI_UTF16, MI_UTF32 = 16, 17, 18
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_UNITS = {
    MI_INT8: "latin-1",
    MI_UINT8: "latin-1",
    4: "utf-16",
    MI_UTF8: "utf-8",
    MI_UTF16: "utf-16",
    MI_UTF32: "utf-32",
}

MX_CELL, MX_STRUCT, MX_OBJECT, MX_CHAR, MX_SPARSE, MX_DOUBLE, MX_FUNCTION, MX_OPAQUE = 1, 2, 3, 4, 5, 6, 16, 17
_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "double", 16: "function_handle"}
_NUMERIC = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_NUMERIC_NAMES = dict(zip(_NUMERIC, NUMERIC_CLASSES, strict=True))

HEADER_SIZE = 128
_FLUSHED = b"\x00\x00\xff\xff"
"""The end of a deflate stream after a flush: an empty block."""

_PEEK = 8192
"""Enough bytes for the header of any variable: flags, dimensions and names."""


_NOTHING = memoryview(b"")
_ENOUGH_ALIKE = 4
"""After so many consecutive elements of one size it pays to count how many more follow."""


@dataclass(frozen=True)
class _Source:
    """What all parts of a file share."""

    order: str
    budget: Budget
    subsystem: Callable[[], Subsystem]

    @cached_property
    def two(self) -> Callable[[memoryview, int], tuple[int, int]]:
        """Reads two unsigned four-byte numbers."""
        return struct.Struct(self.order + "II").unpack_from


class _Element(NamedTuple):
    """A data element: its type and its bytes, `place` bytes from the start of what contains it."""

    kind: int
    data: memoryview
    place: int


class _Elements:
    """The data elements that follow each other in a stretch of bytes."""

    def __init__(self, data: memoryview, source: _Source, start: int = 0) -> None:
        self._data = data
        self._source = source
        self._position = start

    @property
    def finished(self) -> bool:
        """Whether no byte is left."""
        return self._position >= len(self._data)

    @property
    def position(self) -> int:
        """Bytes before the next element."""
        return self._position

    @property
    def left(self) -> int:
        """Bytes left."""
        return len(self._data) - self._position

    def next(self, *kinds: int, padded: bool = True) -> _Element:
        """The next element; it must be of one of the given kinds, if there are any."""
        start = self._position
        kind, size, head = self.tag()
        begin = start + head
        end = begin + size
        if end > len(self._data):
            raise FormatError(
                f"byte {start}: the file is cut off or broken: an element of {size} bytes is announced, "
                f"{len(self._data) - begin} are left"
            )
        if kinds and kind not in kinds:
            raise FormatError(f"byte {start}: broken: a data element of type {kind}, expected {_either(kinds)}")
        self._position = start + 8 if head == 4 else end + (-size % 8 if padded else 0)
        return _Element(kind, self._data[begin:end], start)

    def tag(self) -> tuple[int, int, int]:
        """The tag of the next element, which is not consumed: its type, its size, and the bytes before its data."""
        if len(self._data) - self._position < 8:
            raise FormatError(f"byte {self._position}: the file is cut off: a data element was expected")
        first, second = self._source.two(self._data, self._position)
        if first <= 0xFFFF:
            return first, second, 8
        # a small element: size and type share four bytes, the data are the other four
        if first >> 16 > 4:
            raise FormatError(f"byte {self._position}: broken: a small data element of {first >> 16} bytes")
        return first & 0xFFFF, first >> 16, 4

    def alike(self, first: _Element, head: int, most: int) -> NDArray[np.uint8]:
        """The contents, (n, size), of the next elements that agree with `first` in size and in `head` bytes of content.

        `first` is the element before them; there are `most` at most.
        """
        size = len(first.data)
        length = 8 + size + -size % 8
        start, most = self._position, min(most, self.left // length)
        pattern = np.frombuffer(self._data, np.uint8, 8 + head, first.place)
        found, window = 0, 64
        while found < most:
            window = min(2 * window, 1 << 14, most - found)
            rows = np.frombuffer(self._data, np.uint8, window * length, self._position).reshape(window, length)
            equal = (rows[:, : 8 + head] == pattern).all(axis=1)
            count = window if equal.all() else int(equal.argmin())
            found += count
            self._position += count * length
            if count < window:
                break
        return np.frombuffer(self._data, np.uint8, found * length, start).reshape(found, length)[:, 8 : 8 + size]

    def numbers(self, *kinds: int) -> NDArray[np.int64]:
        """The next element as whole numbers."""
        element = self.next(*kinds)
        return _array(element, self._source.order).astype(np.int64)

    def flags(self) -> int:
        """The next element as array flags, with which every value begins: the first of two numbers."""
        element = self.next(MI_UINT32)
        if len(element.data) != 8:
            raise FormatError("broken: the array flags are not two numbers")
        first, _ = self._source.two(element.data, 0)
        return first

    def shape(self) -> Shape:
        """The next element as dimensions."""
        element = self.next(MI_INT32, MI_UINT32)
        count, rest = divmod(len(element.data), 4)
        if rest:
            raise FormatError(f"broken: dimensions in {len(element.data)} bytes")
        letter = "i" if element.kind == MI_INT32 else "I"
        return struct.unpack(f"{self._source.order}{count}{letter}", element.data)

    def name(self) -> str:
        """The next element as a name."""
        return bytes(self.next(MI_INT8, MI_UINT8, MI_UTF8).data).decode("latin-1")


def _either(kinds: tuple[int, ...]) -> str:
    return " or ".join(map(str, kinds))


def _array(element: _Element, order: str) -> NDArray[np.generic]:
    stored = _STORED.get(element.kind)
    if stored is None:
        raise FormatError(f"byte {element.place}: broken: numbers of the unknown storage type {element.kind}")
    dtype = np.dtype(order + stored)
    if len(element.data) % dtype.itemsize:
        raise FormatError(
            f"byte {element.place}: broken: {len(element.data)} bytes are not a whole number of {dtype.name}"
        )
    return np.frombuffer(element.data, dtype)


class _Header(NamedTuple):
    """The head of a matrix element: what comes before its contents; ``system`` is that of an opaque object."""

    kind: int
    name: str
    shape: Shape
    class_name: str
    logical: bool
    complex: bool
    system: str = ""


def _read_header(elements: _Elements) -> _Header:
    flags = elements.flags()
    kind, bits = flags & 0xFF, flags >> 8
    if kind == MX_OPAQUE:
        name, system, class_name = elements.name(), elements.name(), elements.name()
        return _Header(kind, name, (1, 1), class_name, False, False, system)
    shape = elements.shape()
    if not 2 <= len(shape) <= 32 or min(shape) < 0:
        raise FormatError(f"broken: the dimensions are {list(shape)[:8]}")
    name = elements.name()
    class_name = elements.name() if kind == MX_OBJECT else _CLASSES.get(kind) or _NUMERIC_NAMES.get(kind, "")
    logical = bool(bits & 2) and kind not in (MX_CELL, MX_STRUCT, MX_OBJECT)
    return _Header(kind, name, shape, "logical" if logical else class_name, logical, bool(bits & 8))


def _read_matrix(element: _Element, source: _Source, depth: int) -> Value:
    """The value of a matrix element."""
    if depth > MAX_DEPTH:
        return Opaque(TOO_DEEP, "")
    if not element.data:
        return EMPTY
    elements = _Elements(element.data, source)
    value = _read_contents(elements, source, depth)
    if elements.left > 0 and not isinstance(value, Function | Opaque):
        raise FormatError(f"broken: {elements.left} bytes are left over after a {value.class_name}")
    return value


def _read_contents(elements: _Elements, source: _Source, depth: int) -> Value:
    header = _read_header(elements)
    if header.kind == MX_CELL:
        return Cell(header.shape, _read_items(elements, source, math.prod(header.shape), depth))
    if header.kind in (MX_STRUCT, MX_OBJECT):
        return _read_struct(elements, source, header, depth)
    if header.kind == MX_CHAR:
        return _read_char(elements, source, header)
    if header.kind == MX_SPARSE:
        return _read_sparse(elements, source, header)
    if header.kind in _NUMERIC:
        return _read_numeric(elements, source, header)
    if header.kind == MX_FUNCTION:
        return Function()
    if header.kind == MX_OPAQUE:
        return _read_opaque(elements, source, header.class_name, header.system, depth)
    return Opaque(f"MATLAB class number {header.kind}", "", header.shape)


def _read_items(elements: _Elements, source: _Source, count: int, depth: int) -> tuple[Value, ...]:
    if count * 8 > elements.left:
        raise FormatError(
            f"the file is cut off or broken: {counted(count, 'value')} are announced, {elements.left} bytes are left"
        )
    source.budget.take(ITEM_COST * count)
    items: list[Value] = []
    alike, last = 0, -1
    before = _NOTHING
    while len(items) < count:
        element = elements.next(MI_MATRIX)
        # values do not change, so that what is written twice is read once
        same = len(element.data) == last and element.data == before
        items.append(items[-1] if same else _read_matrix(element, source, depth + 1))
        before = element.data
        alike, last = (alike + 1 if len(element.data) == last else 1), len(element.data)
        if alike == _ENOUGH_ALIKE:
            items += _read_alike(elements, source, element, items[-1], count - len(items))
            alike = 0
    return tuple(items)


def _read_alike(elements: _Elements, source: _Source, first: _Element, value: Value, most: int) -> list[Value]:
    """The following values that differ from one only in their numbers, at most `most`, read at once.

    Cells with some numbers a time step are written so. `first` is the element before them and `value` what it holds;
    none are like a value that is neither empty nor real numbers.
    """
    if not first.data:
        return [EMPTY] * len(elements.alike(first, 0, most))
    if not isinstance(value, Numeric) or value.array.dtype.kind == "c":
        return []
    inner = _Elements(first.data, source)
    header = _read_header(inner)
    begin = inner.position + inner.tag()[2]
    numbers = inner.next()
    rows = elements.alike(first, begin, most)[:, begin : begin + len(numbers.data)]
    flat = np.ascontiguousarray(rows).view(source.order + _STORED[numbers.kind]).ravel()
    source.budget.take(value.array.dtype.itemsize * len(flat))
    typed = _as_class(flat, value.array.dtype, header.class_name).reshape(len(rows), *reversed(header.shape))
    arrays = typed.transpose(0, *range(len(header.shape), 0, -1))
    return [Numeric(array, value.class_name, value.narrowed) for array in arrays]


def _read_struct(elements: _Elements, source: _Source, header: _Header, depth: int) -> Struct:
    length = elements.numbers(MI_INT32)
    names = bytes(elements.next(MI_INT8, MI_UINT8, MI_UTF8).data)
    if len(length) != 1 or length[0] < 1 or len(names) % length[0]:
        raise FormatError(f"broken: field names of length {length.tolist()[:4]} in {len(names)} bytes")
    width = int(length[0])
    if width > MAX_NAME + 1:
        raise FormatError(f"broken: field names of {width} bytes; MATLAB's have at most {MAX_NAME}")
    fields = [names[at : at + width].split(b"\0")[0].decode("latin-1") for at in range(0, len(names), width)]
    if len(set(fields)) != len(fields):
        raise FormatError(f"broken: a struct has two fields of one name: {', '.join(fields)}")
    items = _read_items(elements, source, math.prod(header.shape) * len(fields), depth)
    columns = {name: items[number :: len(fields)] for number, name in enumerate(fields)}
    return Struct(header.shape, columns, header.class_name)


def _read_char(elements: _Elements, source: _Source, header: _Header) -> Char:
    element = elements.next()
    encoding = _UNITS.get(element.kind)
    if encoding is None:
        raise FormatError(f"byte {element.place}: broken: text of the unknown storage type {element.kind}")
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if source.order == "<" else "-be"
    text = bytes(element.data).decode(encoding, errors="replace")
    rows, columns = header.shape[0], math.prod(header.shape[1:])
    # MATLAB counts a character outside the basic plane twice, and programs that know only bytes count those
    counts = {len(text)} if rows > 1 else {len(text), len(text.encode("utf-16-le")) // 2, len(element.data)}
    if rows * columns not in counts:
        raise FormatError(
            f"byte {element.place}: broken: {counted(len(text), 'character')} for {counted(rows, 'row')} of {columns}"
        )
    single = (text,) if rows == 1 else ()
    return Char(header.shape, single if rows == 1 or not columns else tuple(text[row::rows] for row in range(rows)))


def _read_parts(elements: _Elements, source: _Source, header: _Header) -> tuple[NDArray[np.generic], int]:
    """The numbers of an array in one row, with the imaginary part if it has one, and their storage type."""
    element = elements.next()
    real = _array(element, source.order)
    if not header.complex:
        return real, element.kind
    imaginary = _array(elements.next(), source.order)
    if len(imaginary) != len(real):
        raise FormatError(f"byte {element.place}: broken: {len(real)} real and {len(imaginary)} imaginary parts")
    source.budget.take(16 * len(real))
    return real.astype(np.float64) + 1j * imaginary.astype(np.float64), element.kind


def _read_numeric(elements: _Elements, source: _Source, header: _Header) -> Numeric:
    flat, kind = _read_parts(elements, source, header)
    if len(flat) != math.prod(header.shape):
        raise FormatError(f"broken: {counted(len(flat), 'number')} for an array of {'x'.join(map(str, header.shape))}")
    target = np.dtype("?" if header.logical else _NUMERIC[header.kind])
    if flat.dtype.kind != "c":
        source.budget.take(target.itemsize * len(flat))
        flat = _as_class(flat, target, header.class_name)
    narrowed = header.kind == MX_DOUBLE and not header.logical and _STORED.get(kind, "f8")[0] != "f"
    return Numeric(flat.reshape(header.shape, order="F"), header.class_name, narrowed)


def _as_class(flat: NDArray[np.generic], target: np.dtype[Any], class_name: str) -> NDArray[np.generic]:
    """Numbers in their class's type: MATLAB stores them in fewer bytes where that loses nothing, and only there."""
    if flat.dtype == target:
        return flat.copy()
    with np.errstate(all="ignore"):
        typed = flat.astype(target)
    widened = target.kind == "f" and flat.dtype.itemsize == 8 and flat.dtype.kind in "iu"
    if widened or (flat.dtype.newbyteorder("=") != target and not np.array_equal(typed, flat, target.kind == "f")):
        raise FormatError(f"broken: numbers of class {class_name} that are stored as {flat.dtype.name}")
    return typed


def _read_sparse(elements: _Elements, source: _Source, header: _Header) -> Sparse:
    rows, starts = elements.numbers(MI_INT32, MI_UINT32), elements.numbers(MI_INT32, MI_UINT32)
    data, _ = _read_parts(elements, source, header)
    source.budget.take(8 * (len(rows) + len(starts)))
    # rows and numbers may have spare room after the last element
    count = int(starts[-1]) if len(starts) else 0
    if not 0 <= count <= min(len(rows), len(data)):
        raise FormatError(f"broken: {count} elements of a sparse matrix are announced, {len(data)} are there")
    return Sparse(header.shape, data[:count], rows[:count], starts, source.budget, header.class_name)


def _read_opaque(elements: _Elements, source: _Source, class_name: str, system: str, depth: int) -> Value:
    if system != "MCOS":
        return Opaque(class_name, system)
    content = _read_matrix(elements.next(MI_MATRIX), source, depth + 1)
    # the column of cells that the subsystem is made of
    return content if class_name == FILE_WRAPPER else opaque(class_name, content, source.subsystem)


def read_header(data: memoryview) -> tuple[str, str]:
    """The header's text and the byte order, '<' or '>'.

    Raises
    ------
    FormatError
        It is not the header of a version 5 to 7 MAT-file.
    """
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None or struct.unpack_from(order + "H", data, 124)[0] >> 8 != 1:
        raise FormatError("not a version 5 to 7 MAT-file")
    return bytes(data[:116]).decode("latin-1").strip(" \t\n\0"), order


def read_mat5(data: bytes, budget: Budget) -> MatFile:
    """The variables of a version 5 to 7 MAT-file, given its bytes.

    Raises
    ------
    FormatError
        The file is cut off or broken.
    """
    view = memoryview(data)
    header, order = read_header(view)
    hidden: list[Callable[[], Value]] = []

    @cache
    def subsystem() -> Subsystem:
        if not hidden:
            raise FormatError("the file has no subsystem, where objects of newer classes are kept: it is cut off")
        return Subsystem(_read_subsystem(hidden[-1](), source))

    source = _Source(order, budget, subsystem)
    variables: dict[str, Variable] = {}
    elements = _Elements(view, source, HEADER_SIZE)
    while not elements.finished:
        element = elements.next(MI_MATRIX, MI_COMPRESSED, padded=False)
        variable = _read_variable(element, source)
        if not variable.name:
            hidden.append(variable.read)
        elif variable.name in variables:
            raise FormatError(f"byte {element.place}: a second variable of the name {variable.name}")
        else:
            variables[variable.name] = variable
    return MatFile(header, variables, budget)


def _read_variable(element: _Element, source: _Source) -> Variable:
    place = f"byte {element.place}: "
    if not element.data:
        raise FormatError(f"{place}broken: an empty variable")
    try:
        head = _matrix_head(element, source)
        header = _read_header(_Elements(head, source))
    except FormatError as error:
        raise error.at(place) from error.__cause__

    def read() -> Value:
        try:
            return _read_matrix(_decompressed(element, source), source, 0)
        except FormatError as error:
            raise error.at(f"{header.name or 'the subsystem'} ({place[:-2]}): ") from error.__cause__

    return Variable(header.name, header.class_name, header.shape, read)


def _matrix_head(element: _Element, source: _Source) -> memoryview:
    """The first bytes of a variable's contents, after its tag."""
    if element.kind == MI_MATRIX:
        return element.data
    inflated = memoryview(_inflate(zlib.decompressobj(), element.data, _PEEK))
    if len(inflated) < 8 or struct.unpack_from(source.order + "I", inflated)[0] != MI_MATRIX:
        raise FormatError("broken: the compressed variable is not an array")
    return inflated[8:]


def _decompressed(element: _Element, source: _Source) -> _Element:
    """The matrix element itself; a compressed one is inflated to its announced size, after a check against the
    limit."""
    if element.kind == MI_MATRIX:
        return element
    stream = zlib.decompressobj()
    tag = _inflate(stream, element.data, 8)
    _, size = struct.unpack(source.order + "II", tag)
    # deflate cannot make more than 1032 bytes of one
    if size > 1032 * len(element.data):
        raise FormatError(f"broken: {size} bytes are announced in {len(element.data)} compressed ones")
    source.budget.take(size)
    content = _inflate(stream, stream.unconsumed_tail, size) if size else b""
    # the next step reaches the checksum, so that a damaged stream is found out; MATLAB has written streams that give
    # every byte but stop before it, with a flush and nothing after
    spare = _inflate(stream, stream.unconsumed_tail, 1)
    flushed = not stream.unconsumed_tail and bytes(element.data[-4:]) == _FLUSHED
    if len(content) != size or spare or not (stream.eof or flushed):
        raise FormatError(f"the file is cut off or broken: {size} bytes are announced, {len(content)} came out")
    return _Element(MI_MATRIX, memoryview(content), element.place)


def _inflate(stream: zlib._Decompress, data: memoryview | bytes, size: int) -> bytes:
    try:
        return stream.decompress(data, size)
    except zlib.error as error:
        raise FormatError(f"broken: the compressed bytes cannot be read ({error})") from error


def _read_subsystem(value: Value, source: _Source) -> tuple[Value, ...]:
    """The cells that hold the objects of newer classes: a complete MAT-file within a row of bytes."""
    if not isinstance(value, Numeric) or value.array.dtype != np.uint8 or value.array.size < 16:
        raise FormatError("the subsystem is not a row of bytes")
    data = memoryview(value.array.tobytes(order="F"))
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[2:4]))
    if order is None:
        raise FormatError("the subsystem has no byte order")
    inner = _Source(order, source.budget, source.subsystem)
    content = _read_matrix(_Elements(data[8:], inner).next(MI_MATRIX), inner, 0)
    wrapper = content.get("MCOS") if isinstance(content, Struct) else None
    if not isinstance(wrapper, Cell):
        raise FormatError("the subsystem holds no objects of newer classes")
    return wrapper.items
