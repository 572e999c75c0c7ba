"""A tape as a C kernel for batches: B samples at once, every variable's B values side by side.

An element of a variable is B adjacent numbers, a *line*; every innermost loop runs over a line and becomes vector
instructions. Elementwise operations on the same elements share a loop, so that their intermediate results never reach
memory. The text is compiled for two values of B: one for whole blocks, one for the rest of a batch and single samples.
A sample is computed by the same operations in the same order in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.exporters.c_source import C
from matnet.exporters.loops import VIEWS, View, dense, indices, kept, strides
from matnet.exporters.operators import ARITHMETIC
from matnet.exporters.recording import elements
from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import COMMUTATIVE, ELEMENTWISE, Node, Tape, compute

TABLE = {
    **ARITHMETIC,
    "abs": "fabs({0})",
    "sign": "{0} > 0.0 ? 1.0 : {0} < 0.0 ? -1.0 : {0}",
    "exp": "exponential({0})",
    "tanh": "tangent({0})",
    "sqrt": "sqrt({0})",
    "less": "{0} < {1} ? 1.0 : 0.0",
    "less_equal": "{0} <= {1} ? 1.0 : 0.0",
    "equal": "{0} == {1} ? 1.0 : 0.0",
    "logical_and": "({0} != 0.0) & ({1} != 0.0) ? 1.0 : 0.0",
    "logical_or": "({0} != 0.0) | ({1} != 0.0) ? 1.0 : 0.0",
    "logical_not": "{0} != 0.0 ? 0.0 : 1.0",
    "where": "{0} != 0.0 ? {1} : {2}",
}
"""Each elementwise operation of a tape; truth values and indices are doubles, as wide as all the others."""

_OPERATIONS = {"exp": 20, "tanh": 20}
"""Arithmetic operations of an element, where they are many."""

_REDUCTIONS = {
    "sum": "o[l] += x[l];",
    "max": "o[l] = x[l] > o[l] || x[l] != x[l] ? x[l] : o[l];",
    "min": "o[l] = x[l] < o[l] || x[l] != x[l] ? x[l] : o[l];",
}
"""The update of each reduction for the next element: once NaN, it stays NaN (nothing is greater or less)."""


@dataclass(frozen=True)
class Statement:
    """A group of nodes computed together: one node, or several elementwise ones over the same elements."""

    nodes: tuple[int, ...]


@dataclass
class Memory:
    """The free ranges of the work memory; sizes count elements."""

    size: int = 0
    _free: list[tuple[int, int]] = field(default_factory=list)

    def take(self, size: int) -> int:
        """The start of a range: the smallest free one that is large enough, or new memory."""
        fitting = [stretch for stretch in self._free if stretch[1] >= size]
        if not fitting:
            start, self.size = self.size, self.size + size
            return start
        start, length = min(fitting, key=lambda stretch: stretch[1])
        self._free.remove((start, length))
        if length > size:
            self._free.append((start + size, length - size))
        return start

    def give_back(self, start: int, size: int) -> None:
        """Frees a range and merges it with free neighbours."""
        for other, length in list(self._free):
            if other + length == start or start + size == other:
                self._free.remove((other, length))
                start, size = min(start, other), size + length
        self._free.append((start, size))


_VECTOR = 8
"""Numbers in a vector of the kernel; the rows of a product's matrix begin at multiples of it."""


class Numbers:
    """The constants of a kernel, as one array that is passed to it: its code depends on their shapes alone.

    A constant whose elements are all equal is written into the code.
    """

    def __init__(self) -> None:
        self._parts: list[FloatArray] = []
        self._size = 0
        self._starts: dict[tuple[bytes, tuple[int, ...]], int] = {}

    def view(self, value: NDArray[Any]) -> View:
        """The view of a constant."""
        if value.size and len(set(value.reshape(-1).view(f"V{value.itemsize}").tolist())) == 1:
            return View(C.literal(float(value.reshape(-1)[0])), (0,) * value.ndim, value.shape, literal=True)
        return self._at(value.astype(np.float64))

    def matrices(self, value: NDArray[Any]) -> View:
        """The view of matrices (..., K, N), whose rows are filled with 0 up to whole vectors."""
        missing = -value.shape[-1] % _VECTOR
        return self._at(np.pad(value.astype(np.float64), [(0, 0)] * (value.ndim - 1) + [(0, missing)]))

    def _at(self, value: FloatArray) -> View:
        key = (value.tobytes(), value.shape)
        if key not in self._starts:
            self._starts[key] = self._size
            self._parts.append(np.pad(value.reshape(-1), (0, -value.size % _VECTOR)))
            self._size += len(self._parts[-1])
        return View("k", strides(value.shape), value.shape, self._starts[key])

    @property
    def array(self) -> FloatArray:
        """All constants."""
        return np.concatenate([np.zeros(0), *self._parts])


class Kernel:
    """The C of one tape.

    ``lines`` is the body of a block, ``numbers`` are its constants, ``work`` the number of elements (of B numbers)
    needed for its variables, and ``operations`` the approximate number of arithmetic operations per sample.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.numbers = Numbers()
        self._views: list[View] = []
        self._owners: list[int | None] = []
        self._values: dict[int, NDArray[Any]] = {}
        for number, node in enumerate(tape.nodes):
            self._see(number, node)
        self._taken = self._only_stored()
        self.statements = list(self._schedule())
        self._starts: dict[int, int] = {}
        self._memory = Memory()
        self.operations = 0
        self.lines: list[str] = []
        self._print()
        self.work = max(self._memory.size, 1)

    def _see(self, number: int, node: Node) -> None:
        """The view that represents a node, and the node whose memory it views; None for a constant."""
        value = self._value(node)
        if value is not None:
            self._values[number] = value
            self._views.append(self.numbers.view(value[0] if node.batched else value))
            self._owners.append(None)
            return
        seen = None
        if node.operation in VIEWS:
            seen = VIEWS[node.operation](node, self._views[node.operand])
        self._views.append(dense(str(number), elements(node.shape)) if seen is None else seen)
        self._owners.append(number if seen is None else self._owners[node.operand])

    def _value(self, node: Node) -> NDArray[Any] | None:
        """The value, for a batch of one, of a node that depends on no input; else None."""
        if node.value is not None or node.operation == "input":
            return node.value
        known = [self._values.get(operand) for operand in node.operands]
        if any(value is None for value in known):
            return None
        with np.errstate(all="ignore"):
            shape = tuple(1 if size is None else size for size in node.shape)
            return np.asarray(compute(node.operation, known, node.attributes, shape))

    def _only_stored(self) -> set[int]:
        """The elements taken from a variable for an output alone: they are taken while they are stored."""
        read = {
            self._owners[operand]
            for number, node in enumerate(self.tape.nodes)
            if self._owners[number] == number
            for operand in node.operands
        }
        stored = set()
        for output in self.tape.outputs:
            owner, view = self._owners[output], self._views[output]
            if owner is not None and self.tape.nodes[owner].operation == "take":
                source = self._owners[self.tape.nodes[owner].operands[0]]
                whole = view.strides == strides(view.shape) and prod(view.shape) == _size(self.tape.nodes[owner])
                if owner not in read and source is not None and whole:
                    stored.add(owner)
        return stored

    def _computed(self, number: int) -> bool:
        taken = number in self._taken
        return self._owners[number] == number and not taken and self.tape.nodes[number].operation != "input"

    def _schedule(self) -> Iterator[Statement]:
        """The statements in order. An elementwise node joins the first possible statement over the same elements."""
        nodes = self.tape.nodes
        done = {number for number, node in enumerate(nodes) if node.operation == "input"}
        for number, node in enumerate(nodes):
            if number in done or not self._computed(number):
                continue
            group = [number]
            if node.operation in ELEMENTWISE:
                shape = _squeezed(elements(node.shape))
                for later in range(number + 1, len(nodes)):
                    if later not in done and self._joins(later, shape, group, done):
                        group.append(later)
            done.update(group)
            yield Statement(tuple(group))

    def _joins(self, number: int, shape: tuple[int, ...], group: Sequence[int], done: set[int]) -> bool:
        node = self.tape.nodes[number]
        if node.operation not in ELEMENTWISE or _squeezed(elements(node.shape)) != shape:
            return False
        for operand in node.operands:
            owner = self._owners[operand]
            if owner in group and not self._whole(operand, node):
                return False
            if owner is not None and owner not in group and owner not in done:
                return False
        return True

    def _whole(self, number: int, reader: Node) -> bool:
        """Whether the reader reads the elements of the view's owner one by one, except for axes of length 1."""
        flat = _flat(self._views[number], elements(reader.shape))
        return flat.offset == 0 and flat.strides == strides(flat.shape)

    def _print(self) -> None:
        self._load()
        readers = self._last_readers()
        for place, statement in enumerate(self.statements):
            stored = [number for number in statement.nodes if readers.get(number, -1) > place]
            for number in stored:
                self._starts[number] = self._memory.take(_size(self.tape.nodes[number]))
            first = self.tape.nodes[statement.nodes[0]]
            printed = self._group(statement, stored) if first.operation in ELEMENTWISE else self._single(statement)
            self.lines += printed
            for number in [number for number, last in readers.items() if last == place and number in self._starts]:
                self._memory.give_back(self._starts[number], _size(self.tape.nodes[number]))
        self._store()

    def _last_readers(self) -> dict[int, int]:
        """For every node that other statements than its own read, the last of these."""
        readers: dict[int, int] = {}
        for place, statement in enumerate(self.statements):
            for number in statement.nodes:
                for operand in self.tape.nodes[number].operands:
                    owner = self._owners[operand]
                    if owner is not None and owner not in statement.nodes:
                        readers[owner] = place
        for output in self.tape.outputs:
            owner = self._owners[output]
            if owner in self._taken:
                owner = self._owners[self.tape.nodes[owner].operands[0]]
            if owner is not None:
                readers[owner] = len(self.statements)
        return readers

    def _load(self) -> None:
        for place, number in enumerate(self.tape.inputs):
            size = _size(self.tape.nodes[number])
            self._starts[number] = self._memory.take(size)
            if size:
                self.lines.append(f"load(x{place}, rows, {size}, w + {self._starts[number]} * B);")

    def _store(self) -> None:
        """Stores the outputs, sample by sample."""
        for place, number in enumerate(self.tape.outputs):
            view = self._views[number]
            size = prod(view.shape)
            if not size:
                continue
            owner = self._owners[number]
            if owner in self._taken:
                self._store_taken(self.tape.nodes[owner], f"y{place}")
                continue
            if owner is not None and view.strides == strides(view.shape):
                line = self._line(view, ["0"] * len(view.shape))
                self.lines.append(_call("store", line, 0, "rows", size, size, f"y{place}"))
                continue
            index = indices(view.shape)
            target = View("", strides(view.shape), view.shape).position(index)
            element = view.at(index) if owner is None else f"({self._line(view, index)})[l]"
            body = f"for (count l = 0; l < rows; l++) y{place}[l * {size} + {target}] = {element};"
            self.lines += C.over(view.shape, [body])

    def _store_taken(self, node: Node, result: str) -> None:
        """Stores the elements that `node` would copy from its operand."""
        shape = elements(node.shape)
        source = self._views[node.operands[0]]
        index = indices(shape[:-1])
        at = _positions(self.tape.nodes[node.operands[1]]) * source.strides[-1]
        target = View("", strides(shape), shape).position([*index, "0"])
        line = self._line(source, [*index, "0"])
        store = _call("store", line, "at", "rows", shape[-1], prod(shape), f"{result} + {target}")
        self.lines += C.scope([_table(at), *C.over(shape[:-1], [store])])

    def _line(self, view: View, index: Sequence[str]) -> str:
        """The start of an element's line."""
        start = self._starts[int(view.base)] + view.offset
        terms = [
            f"{place} * {stride}"
            for place, stride, size in zip(index, view.strides, view.shape, strict=True)
            if stride and size != 1 and place != "0"
        ]
        return f"w + ({' + '.join([*terms, str(start)])}) * B"

    def _group(self, statement: Statement, stored: Sequence[int]) -> list[str]:
        """One loop nest for elementwise nodes."""
        nodes = self.tape.nodes
        shape = _squeezed(elements(nodes[statement.nodes[0]].shape))
        self.operations += sum(_OPERATIONS.get(nodes[number].operation, 1) for number in statement.nodes) * prod(shape)
        index = indices(shape)
        before: dict[str, str] = {}
        body = []
        for number in statement.nodes:
            full = elements(nodes[number].shape)
            names = [self._operand(operand, statement, full, index, before) for operand in nodes[number].operands]
            body.append(f"double t{number} = {self._expression(number, names)};")
            if number in stored:
                pointer = self._line(View(str(number), strides(shape), shape), index)
                before[f"double *s{number} = {pointer};"] = ""
                body.append(f"s{number}[l] = t{number};")
        loop = ["SIMD", "for (int l = 0; l < B; l++) {", *(f"    {line}" for line in body), "}"]
        lines = C.scope([*before, *loop])
        if not shape:
            return lines
        # for a single sample the vectors lie along the elements
        innermost = C.loop(index[-1], 0, shape[-1], lines)
        return C.over(shape[:-1], ["ELEMENTS", *innermost])

    def _operand(
        self, number: int, statement: Statement, full: tuple[int, ...], index: Sequence[str], before: dict[str, str]
    ) -> str:
        owner = self._owners[number]
        if owner in statement.nodes:
            return f"t{owner}"
        flat = _flat(self._views[number], full)
        if owner is None:
            return flat.at(index)
        declared = f"const double *{{}} = {self._line(flat, index)};"
        for known, name in before.items():
            if name and known == declared.format(name):
                return f"{name}[l]"
        name = f"p{len(before)}"
        before[declared.format(name)] = name
        return f"{name}[l]"

    def _expression(self, number: int, names: Sequence[str]) -> str:
        """A node's formula; division by the square of 1 + exp(.) uses the reciprocal, which others share."""
        node = self.tape.nodes[number]
        if node.operation == "exp" and self._never_positive(self.tape.nodes[node.operand]):
            return f"decay({names[0]})"
        if node.operation == "divide":
            below = self.tape.nodes[node.operands[1]]
            if below.operation == "multiply" and below.operands[0] == below.operands[1]:
                root = below.operands[0]
                if self._one_and_exp(self.tape.nodes[root]) and names[1].startswith("t"):
                    return f"{names[0]} * ((1.0 / t{root}) * (1.0 / t{root}))"
        # networks of one shape must have the same code
        return TABLE[node.operation].format(*(sorted(names) if node.operation in COMMUTATIVE else names))

    def _never_positive(self, node: Node) -> bool:
        """Whether a node is -|.| or -c |.|, so that its exp is cheaper, and the one that tanh computes."""
        operands = [self.tape.nodes[operand] for operand in node.operands]
        if node.operation == "multiply":
            factor, size = operands
            return factor.value is not None and bool((factor.value <= 0.0).all()) and size.operation == "abs"
        return node.operation == "negative" and operands[0].operation == "abs"

    def _one_and_exp(self, node: Node) -> bool:
        """Whether a node is 1 + exp(.): at least 1, so the square of its reciprocal loses no precision."""
        if node.operation != "add":
            return False
        one, power = (self.tape.nodes[operand] for operand in node.operands)
        return one.value is not None and bool((one.value == 1.0).all()) and power.operation == "exp"

    def _single(self, statement: Statement) -> list[str]:
        number = statement.nodes[0]
        node, out = self.tape.nodes[number], self._views[number]
        if node.operation == "matmul":
            return self._matmul(node, out)
        if node.operation in _REDUCTIONS:
            return self._reduce(node, out)
        if node.operation == "argmax":
            return self._argmax(node, out)
        if node.operation == "concat":
            return self._concat(node, out)
        if node.operation == "take":
            return self._take(node, out)
        if node.operation == "reshape":
            source = self._views[node.operand]
            return self._copies(View(out.base, strides(source.shape), source.shape), node.operand)
        raise AssertionError(f"the tape has no operation {node.operation}")

    def _copies(self, out: View, source: int) -> list[str]:
        """Elements copied one by one, from a variable or a constant."""
        self.operations += prod(out.shape)
        index = indices(out.shape)
        return C.over(out.shape, [self._copy(self._line(out, index), source, index)])

    def _copy(self, target: str, source: int, index: Sequence[str]) -> str:
        view = self._views[source]
        if self._owners[source] is None:
            return f"fill({target}, {view.at(index)});"
        return f"copy({target}, {self._line(view, index)});"

    def _concat(self, node: Node, out: View) -> list[str]:
        lines, start = [], 0
        for operand in node.operands:
            part = self._views[operand]
            target = View(out.base, out.strides, (*out.shape[:-1], part.shape[-1]), start)
            lines += self._copies(target, operand)
            start += part.shape[-1]
        return lines

    def _take(self, node: Node, out: View) -> list[str]:
        """The elements at constant positions."""
        index = indices(out.shape[:-1])
        copy = self._copy(self._line(out, [*index, "j"]), node.operands[0], [*index, "at[j]"])
        self.operations += prod(out.shape)
        loop = C.over(out.shape[:-1], C.loop("j", 0, out.shape[-1], [copy]))
        return C.scope([_table(_positions(self.tape.nodes[node.operands[1]])), *loop])

    def _reduce(self, node: Node, out: View) -> list[str]:
        source = self._views[node.operand]
        self.operations += prod(source.shape)
        index = indices(source.shape[:-1])
        body = [
            f"double *o = {self._line(out, kept(index, out, source))};",
            self._copy("o", node.operand, [*index, "0"]),
            f"for (int k = 1; k < {source.shape[-1]}; k++) {{",
            f"    const double *x = {self._line(source, [*index, 'k'])};",
            "    SIMD",
            f"    for (int l = 0; l < B; l++) {_REDUCTIONS[node.operation]}",
            "}",
        ]
        return C.over(source.shape[:-1], C.scope(body))

    def _argmax(self, node: Node, out: View) -> list[str]:
        source = self._views[node.operand]
        self.operations += prod(source.shape)
        index = indices(source.shape[:-1])
        body = [
            f"double *o = {self._line(out, kept(index, out, source))}, best[B];",
            "fill(o, 0.0);",
            self._copy("best", node.operand, [*index, "0"]),
            f"for (int k = 1; k < {source.shape[-1]}; k++) {{",
            f"    const double *x = {self._line(source, [*index, 'k'])};",
            "    SIMD",
            "    for (int l = 0; l < B; l++) {",
            "        int better = x[l] > best[l] || (x[l] != x[l] && best[l] == best[l]);",
            "        o[l] = better ? (double)k : o[l];",
            "        best[l] = better ? x[l] : best[l];",
            "    }",
            "}",
        ]
        return C.over(source.shape[:-1], C.scope(body))

    def _matmul(self, node: Node, out: View) -> list[str]:
        """Products of lines with numbers, numbers with lines, or lines with lines, for every leading index."""
        left, right = (_matrix(self._views[operand]) for operand in node.operands)
        row = len(self._views[node.operands[0]].shape) == 1
        lead = () if row else out.shape[:-2]
        index = indices(lead)
        M, K, N = left.shape[-2], left.shape[-1], right.shape[-1]
        self.operations += 2 * prod(lead) * M * K * N
        corner = self._line(out, [*index, *["0"] * (len(out.shape) - len(lead))])
        o = (0 if row else out.strides[-2], 1)
        numbers = [self._owners[operand] is None for operand in node.operands]
        kept, lines, steps, sizes = node.operands[0], left, left.strides[-2:], (M, K, N)
        if numbers[0]:
            # (A B)ᵀ = Bᵀ Aᵀ: the lines are always on the left
            kept, lines, steps, o, sizes = node.operands[1], right, right.strides[:-3:-1], o[::-1], (N, K, M)
        a: tuple[str | int, ...] = (self._corner(kept, lines, index), *steps)
        if any(numbers):
            b = self._constant_corner(node.operands[int(numbers[1])], numbers[0], index)
            return C.over(lead, [_call("product", corner, *o, *a, *b, *sizes)])
        corner_of_right = self._corner(node.operands[1], right, index)
        return C.over(lead, [_call("product_of_lines", corner, *o, *a, corner_of_right, *right.strides[-2:], *sizes)])

    def _constant_corner(self, number: int, turned: bool, index: Sequence[str]) -> tuple[str, int]:
        """The first number of a constant operand's matrix at a leading index, and the length of the matrix's rows."""
        value = self._values[number]
        value = value[0] if self.tape.nodes[number].batched else value
        matrix = np.atleast_2d(value)
        view = self.numbers.matrices(np.swapaxes(matrix, -1, -2) if turned else matrix)
        own = len(view.shape) - 2
        return f"k + {view.position([*index[len(index) - own :], '0', '0'])}", view.strides[-2]

    def _corner(self, number: int, view: View, index: Sequence[str]) -> str:
        """The first line of a variable operand's matrix at a leading index."""
        own = len(view.shape) - 2
        return self._line(view, [*index[len(index) - own :], "0", "0"])


def _positions(node: Node) -> NDArray[np.int64]:
    """The positions of a `take`, which are constant."""
    assert node.value is not None, "take supports constant positions only"
    return node.value.reshape(-1).astype(np.int64)


def _table(positions: NDArray[np.int64]) -> str:
    return f"static const int at[] = {{{', '.join(map(str, positions.tolist()))}}};"


def _call(name: str, *arguments: str | int) -> str:
    return f"{name}({', '.join(map(str, arguments))});"


def _matrix(view: View) -> View:
    """A view with the two axes of a matrix: a sample's own elements are a row."""
    if len(view.shape) > 1:
        return view
    return View(view.base, (0, *view.strides), (1, *view.shape), view.offset, view.literal)


def _size(node: Node) -> int:
    return prod(elements(node.shape))


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(size for size in shape if size != 1)


def _flat(view: View, full: tuple[int, ...]) -> View:
    """A view broadcast to a shape, along the axes that are longer than 1."""
    missing = len(full) - len(view.shape)
    steps = [0] * missing + [0 if size == 1 else step for size, step in zip(view.shape, view.strides, strict=True)]
    kept = [(size, step) for size, step in zip(full, steps, strict=True) if size != 1]
    return View(view.base, tuple(step for _, step in kept), tuple(size for size, _ in kept), view.offset, view.literal)
