"""Symbols: arrays that record the operations on them on a tape.

A symbol's leading axis is the batch, whose length is unknown: it is None in ``shape``. Symbols without a batch axis are
constants, and an operation on constants alone is computed at once. The same operation on the same operands is recorded
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.simulate import Program, broadcast_shape

Shape: TypeAlias = tuple[int | None, ...]

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "exp": np.exp,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "less": np.less,
    "less_equal": np.less_equal,
    "equal": np.equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
    "where": np.where,
}
"""The elementwise operations with their NumPy functions."""

COMMUTATIVE = ("add", "multiply")
"""Those whose operands may stand in either order; on a tape it depends on the numbers."""

_LOGICAL = {"less", "less_equal", "equal", "logical_and", "logical_or", "logical_not"}


@dataclass(frozen=True)
class Node:
    """One entry of a tape: an operation on earlier entries.

    ``attributes`` holds the operation's other settings: an axis and whether it is kept, a permutation, a shape, an
    index. ``value`` is the array of a constant.
    """

    operation: str
    operands: tuple[int, ...]
    attributes: tuple[Any, ...]
    shape: Shape
    kind: str
    value: NDArray[Any] | None = None

    @property
    def batched(self) -> bool:
        """Whether the node has the batch axis."""
        return bool(self.shape) and self.shape[0] is None

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of one row: without the batch axis."""
        return tuple(size for size in self.shape if size is not None)

    @property
    def operand(self) -> int:
        """The operand of an operation that has one: a broadcast, a reshape, a transpose, an index or a reduction."""
        (number,) = self.operands
        return number


@dataclass
class Tape:
    """A recorded computation: nodes in order of computation, the numbers of the inputs and of the outputs."""

    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    _known: dict[Any, int] = field(default_factory=dict)

    def input(self, size: int) -> Symbol:
        """A new input (batch, size)."""
        self.nodes.append(Node("input", (), (len(self.inputs),), (None, size), "float"))
        self.inputs.append(len(self.nodes) - 1)
        return Symbol(self, len(self.nodes) - 1)

    def constant(self, value: Any) -> Symbol:
        """A constant; equal ones are recorded once."""
        array = np.array(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        if array.dtype.kind == "f":
            array = array.astype(np.float64)
        array.setflags(write=False)
        key = ("constant", array.tobytes(), array.shape, array.dtype.str)
        if key not in self._known:
            kind = {"f": "float", "b": "bool", "i": "int", "u": "int"}[array.dtype.kind]
            self.nodes.append(Node("constant", (), (), array.shape, kind, array))
            self._known[key] = len(self.nodes) - 1
        return Symbol(self, self._known[key])

    def record(self, operation: str, operands: Sequence[Symbol], shape: Shape, kind: str, *attributes: Any) -> Symbol:
        """The symbol of an operation: recorded if it is new, computed at once if all its operands are constants."""
        arguments = [self.nodes[operand.number] for operand in operands]
        if None not in shape and all(node.value is not None for node in arguments):
            return self.constant(compute(operation, [node.value for node in arguments], attributes, shape))
        numbers = tuple(operand.number for operand in operands)
        key = (operation, numbers, attributes)
        if key not in self._known:
            self.nodes.append(Node(operation, numbers, attributes, shape, kind))
            self._known[key] = len(self.nodes) - 1
        return Symbol(self, self._known[key])

    def finish(self, outputs: Sequence[Symbol]) -> None:
        """Sets the outputs and removes the nodes that none of them needs."""
        self.outputs = [symbol.number for symbol in outputs]
        needed = set(self.inputs) | set(self.outputs)
        for number in reversed(range(len(self.nodes))):
            if number in needed:
                needed |= set(self.nodes[number].operands)
        place = {number: k for k, number in enumerate(sorted(needed))}
        self.nodes = [
            Node(
                node.operation,
                tuple(place[operand] for operand in node.operands),
                node.attributes,
                node.shape,
                node.kind,
                node.value,
            )
            for node in (self.nodes[number] for number in sorted(needed))
        ]
        self.inputs = [place[number] for number in self.inputs]
        self.outputs = [place[number] for number in self.outputs]
        self._known = {}


def compute(operation: str, arguments: Sequence[Any], attributes: Sequence[Any], shape: Sequence[Any]) -> Any:
    """An operation computed on NumPy arrays; `shape` is the result's, with the length of the batch."""
    if operation in ELEMENTWISE:
        return ELEMENTWISE[operation](*arguments)
    x, *others = arguments
    if operation == "matmul":
        return np.matmul(x, *others)
    if operation in ("sum", "max", "min", "argmax"):
        axis, keepdims = attributes
        return getattr(np, operation)(x, axis=axis, keepdims=keepdims)
    if operation == "take":
        return np.take(x, *others, *attributes)
    if operation == "concat":
        return np.concatenate(arguments, *attributes)
    if operation == "index":
        return x[index_key(*attributes)]
    if operation == "transpose":
        return np.swapaxes(x, -1, -2)
    if operation == "reshape":
        return np.reshape(x, shape)
    if operation == "broadcast":
        return np.broadcast_to(x, shape)
    raise AssertionError(f"the tape has no operation {operation}")


class Symbol:
    """An array without values: operations on it are recorded. Equality is elementwise, as for any array."""

    __array_ufunc__ = None  # NumPy arrays defer mixed arithmetic to the symbol
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tape: Tape, number: int) -> None:
        self.tape = tape
        self.number = number

    @property
    def shape(self) -> Shape:
        """The shape; the batch is None."""
        return self.tape.nodes[self.number].shape

    @property
    def ndim(self) -> int:
        """The number of axes, including the batch."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """float, bool or int."""
        return self.tape.nodes[self.number].kind

    @property
    def value(self) -> NDArray[Any] | None:
        """The array of a constant; else None."""
        return self.tape.nodes[self.number].value

    def __array_namespace__(self, api_version: str | None = None) -> Recorder:
        return Recorder(self.tape)

    def _elementwise(self, operation: str, *others: Any) -> Symbol:
        return Recorder(self.tape).elementwise(operation, self, *others)

    def _reflected(self, operation: str, other: Any) -> Symbol:
        return Recorder(self.tape).elementwise(operation, other, self)

    def __add__(self, other: Any) -> Symbol:
        return self._elementwise("add", other)

    def __radd__(self, other: Any) -> Symbol:
        return self._reflected("add", other)

    def __sub__(self, other: Any) -> Symbol:
        return self._elementwise("subtract", other)

    def __rsub__(self, other: Any) -> Symbol:
        return self._reflected("subtract", other)

    def __mul__(self, other: Any) -> Symbol:
        return self._elementwise("multiply", other)

    def __rmul__(self, other: Any) -> Symbol:
        return self._reflected("multiply", other)

    def __truediv__(self, other: Any) -> Symbol:
        return self._elementwise("divide", other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return self._reflected("divide", other)

    def __neg__(self) -> Symbol:
        return self._elementwise("negative")

    def __lt__(self, other: Any) -> Symbol:
        return self._elementwise("less", other)

    def __le__(self, other: Any) -> Symbol:
        return self._elementwise("less_equal", other)

    def __gt__(self, other: Any) -> Symbol:
        return self._reflected("less", other)

    def __ge__(self, other: Any) -> Symbol:
        return self._reflected("less_equal", other)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]
        return self._elementwise("equal", other)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]
        return self._elementwise("equal", other)._elementwise("logical_not")

    def __and__(self, other: Any) -> Symbol:
        return self._elementwise("logical_and", other)

    def __or__(self, other: Any) -> Symbol:
        return self._elementwise("logical_or", other)

    def __invert__(self) -> Symbol:
        return self._elementwise("logical_not")

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no truth value: a row may not branch on the data")

    def __getitem__(self, key: Any) -> Symbol:
        full, shape = _index(self.shape, key if isinstance(key, tuple) else (key,))
        return self.tape.record("index", [self], shape, self.dtype, full)


def index_key(parts: Sequence[Any]) -> tuple[Any, ...]:
    """The index that the attribute of an ``index`` node encodes; its parts are None, a position, or (start, stop)."""
    return tuple(slice(*part) if isinstance(part, tuple) else part for part in parts)


def _index(shape: Shape, key: tuple[Any, ...]) -> tuple[tuple[Any, ...], Shape]:
    """The key with its ellipsis expanded and slices as (start, stop), and the resulting shape."""
    used = sum(part is not None and part is not Ellipsis for part in key)
    full: list[Any] = []
    for part in key if Ellipsis in key else (*key, Ellipsis):
        full += [slice(None)] * (len(shape) - used) if part is Ellipsis else [part]
    result: list[int | None] = []
    parts: list[Any] = []
    axes = iter(shape)
    for part in full:
        if part is None:
            result.append(1)
            parts.append(None)
            continue
        size = next(axes)
        if size is None:
            if part != slice(None):
                raise TypeError("the batch axis of a symbol cannot be indexed")
            result.append(None)
            parts.append((None, None))
        elif isinstance(part, slice):
            start, stop, step = part.indices(size)
            if step != 1:
                raise TypeError("slices of a symbol with a step are not supported")
            result.append(max(stop - start, 0))
            parts.append((start, stop))
        else:
            parts.append(range(size)[part])
    return tuple(parts), tuple(result)


class Recorder:
    """The array API namespace of a tape's symbols: the part of the standard that the rows use."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def asarray(self, value: Any, dtype: str | None = None, device: Any = None) -> Symbol:
        """A constant, or the symbol itself."""
        return value if isinstance(value, Symbol) else self.tape.constant(value)

    def elementwise(self, operation: str, *arguments: Any) -> Symbol:
        """An elementwise operation on symbols, arrays and numbers, with broadcasting."""
        operands = [self.asarray(argument) for argument in arguments]
        shape = broadcast_shape([operand.shape for operand in operands])
        for k, operand in enumerate(operands):
            operands[k] = self._source(operand, operands[:k] + operands[k + 1 :], shape)
        if operation == "multiply":
            for one, other in (operands, operands[::-1]):
                ones = one.value is not None and one.value.dtype.kind == "f" and bool((one.value == 1.0).all())
                if ones and other.shape == shape:
                    return other
        kind = "bool" if operation in _LOGICAL else operands[-1].dtype
        return self.tape.record(operation, operands, shape, kind)

    def _source(self, operand: Symbol, others: Sequence[Symbol], shape: Shape) -> Symbol:
        """The operand before it was broadcast, if the result has the same shape without the broadcast."""
        node = self.tape.nodes[operand.number]
        if node.operation != "broadcast":
            return operand
        source = Symbol(self.tape, node.operand)
        return source if broadcast_shape([source.shape, *(other.shape for other in others)]) == shape else operand

    def negative(self, x: Symbol) -> Symbol:
        """−x."""
        return self.elementwise("negative", x)

    def abs(self, x: Symbol) -> Symbol:
        """|x|."""
        return self.elementwise("abs", x)

    def sign(self, x: Symbol) -> Symbol:
        """−1, 0 or 1; NaN for NaN."""
        return self.elementwise("sign", x)

    def exp(self, x: Symbol) -> Symbol:
        """e to the x."""
        return self.elementwise("exp", x)

    def tanh(self, x: Symbol) -> Symbol:
        """The hyperbolic tangent."""
        return self.elementwise("tanh", x)

    def sqrt(self, x: Symbol) -> Symbol:
        """The square root."""
        return self.elementwise("sqrt", x)

    def where(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        """x where the condition holds, else y."""
        return self.elementwise("where", condition, x, y)

    def matmul(self, a: Symbol, b: Symbol) -> Symbol:
        """The matrix product over the last two axes."""
        a, b = self.asarray(a), self.asarray(b)
        if a.ndim == 1:
            return self.matmul(a[None, :], b)[..., 0, :]
        lead = broadcast_shape([a.shape[:-2], b.shape[:-2]])
        shape = (*lead, a.shape[-2], b.shape[-1])
        if a.ndim == 2 and a.shape[0] is None and b.ndim > 2:
            raise TypeError("the batch axis cannot be a matrix axis if the other operand has batched matrices")
        return self.tape.record("matmul", [a, b], shape, "float")

    def matrix_transpose(self, x: Symbol) -> Symbol:
        """The last two axes exchanged."""
        x = self.asarray(x)
        if x.shape[-2] is None:
            raise TypeError("the batch axis of a symbol cannot be transposed")
        shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
        node = self.tape.nodes[x.number]
        if node.operation == "transpose":
            return Symbol(self.tape, node.operand)
        return self.tape.record("transpose", [x], shape, x.dtype)

    def reshape(self, x: Symbol, shape: Shape) -> Symbol:
        """The same elements in another shape that keeps the batch axis."""
        if tuple(shape) == x.shape:
            return x
        return self.tape.record("reshape", [x], tuple(shape), x.dtype, tuple(shape))

    def broadcast_to(self, x: Symbol, shape: Shape) -> Symbol:
        """x repeated along axes of length 1 and new leading axes."""
        x = self.asarray(x)
        if x.shape == tuple(shape):
            return x
        return self.tape.record("broadcast", [x], tuple(shape), x.dtype, tuple(shape))

    def take(self, x: Symbol, positions: Symbol, axis: int) -> Symbol:
        """The elements at constant positions of the last axis."""
        positions = self.asarray(positions)
        shape = (*x.shape[:-1], *positions.shape)
        return self.tape.record("take", [x, positions], shape, x.dtype, axis)

    def concat(self, arrays: Sequence[Symbol], axis: int) -> Symbol:
        """Arrays one after the other on the last axis."""
        symbols = [self.asarray(array) for array in arrays]
        total = sum(self.tape.nodes[symbol.number].row[-1] for symbol in symbols)
        first = symbols[0]
        return self.tape.record("concat", symbols, (*first.shape[:-1], total), first.dtype, axis)

    def _reduced(self, operation: str, x: Symbol, axis: int, keepdims: bool, kind: str) -> Symbol:
        if axis != -1:
            raise TypeError("a symbol can only be reduced over its last axis")
        shape = (*x.shape[:-1], 1) if keepdims else x.shape[:-1]
        return self.tape.record(operation, [x], shape, kind, axis, keepdims)

    def sum(self, x: Symbol, axis: int, keepdims: bool = False) -> Symbol:
        """The sum over the last axis."""
        return self._reduced("sum", x, axis, keepdims, "float")

    def max(self, x: Symbol, axis: int, keepdims: bool = False) -> Symbol:
        """The maximum over the last axis; NaN if any element is."""
        return self._reduced("max", x, axis, keepdims, "float")

    def min(self, x: Symbol, axis: int, keepdims: bool = False) -> Symbol:
        """The minimum over the last axis; NaN if any element is."""
        return self._reduced("min", x, axis, keepdims, "float")

    def argmax(self, x: Symbol, axis: int, keepdims: bool = False) -> Symbol:
        """The position of the first maximum along the last axis."""
        return self._reduced("argmax", x, axis, keepdims, "int")

    def zeros_like(self, x: Symbol) -> Symbol:
        """0.0, in the shape of x."""
        return self.broadcast_to(self.tape.constant(0.0), x.shape)

    def ones_like(self, x: Symbol) -> Symbol:
        """1.0, in the shape of x."""
        return self.broadcast_to(self.tape.constant(1.0), x.shape)


def record(program: Program, compute: Callable[..., Any], sizes: Sequence[int]) -> Tape:
    """The computation `compute(program, *arrays)` for arrays (batch, size) of the given sizes, as a tape.

    The tape's outputs are what `compute` returns: one array or a sequence of them.
    """
    tape = Tape()
    with np.errstate(all="ignore"):  # constants are computed as they are recorded, and one may be singular
        result = compute(program, *(tape.input(size) for size in sizes))
    tape.finish(list(result) if isinstance(result, (tuple, list)) else [result])
    return tape
