"""Shared by C-like languages: buffers with strides, loops over them, and the statements of a tape in such loops.

A node that only rearranges another (a slice, a transpose, a broadcast) costs nothing: it is a *view*, a buffer with
strides. Every other node is a loop into a buffer of its own; buffers are reused once they are no longer needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from matnet.exporters.recording import Function, elements
from matnet.tape.symbols import Node, Tape


@dataclass(frozen=True)
class View:
    """Elements of a buffer: their first position and their stride along each axis. A number has no buffer."""

    base: str
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    offset: int = 0
    literal: bool = False

    def position(self, index: Sequence[str]) -> str:
        """The position of the element at an index in the buffer; the index is right-aligned to the view's axes."""
        used = zip(index[len(index) - len(self.strides) :], self.strides, self.shape, strict=True)
        terms = [
            name if stride == 1 else f"{name} * {stride}"
            for name, stride, size in used
            if stride and size != 1 and name != "0"
        ]
        if self.offset or not terms:
            terms.append(str(self.offset))
        return " + ".join(terms)

    def at(self, index: Sequence[str], brackets: str = "[]") -> str:
        """The element at an index."""
        return self.base if self.literal else f"{self.base}{brackets[0]}{self.position(index)}{brackets[1]}"


def dense(base: str, shape: tuple[int, ...]) -> View:
    """A whole buffer, row by row."""
    return View(base, strides(shape), shape)


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a dense buffer."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The last two axes exchanged."""
    return (*axes[:-2], axes[-1], axes[-2])


def indices(shape: Sequence[int]) -> list[str]:
    """The index inside loops over a shape; an axis of length 1 needs no loop."""
    return ["0" if size == 1 else f"i{axis}" for axis, size in enumerate(shape)]


def kept(index: Sequence[str], out: View, source: View) -> list[str]:
    """The index of a reduction's result: the last axis is gone, or has length 1."""
    return [*index, "0"] if len(out.shape) == len(source.shape) else list(index)


def _indexed(node: Node, source: View) -> View:
    ((_, *parts),) = node.attributes  # without the batch
    axes = iter(zip(source.strides, source.shape, strict=True))
    steps, shape, offset = [], [], source.offset
    for part in parts:
        if part is None:
            steps.append(0)
            shape.append(1)
            continue
        stride, _ = next(axes)
        if isinstance(part, tuple):
            offset += stride * part[0]
            steps.append(stride)
            shape.append(part[1] - part[0])
        else:
            offset += stride * part
    return View(source.base, tuple(steps), tuple(shape), offset, source.literal)


def _transposed(node: Node, source: View) -> View:
    return View(source.base, swapped(source.strides), swapped(source.shape), source.offset, source.literal)


def _broadcast(node: Node, source: View) -> View:
    shape = elements(node.shape)
    steps = [0] * len(shape)
    shared = min(len(shape), len(source.shape))
    for axis in range(1, shared + 1):
        steps[-axis] = 0 if source.shape[-axis] == 1 else source.strides[-axis]
    return View(source.base, tuple(steps), shape, source.offset, source.literal)


def _reshaped(node: Node, source: View) -> View | None:
    if source.strides != strides(source.shape):
        return None
    return View(source.base, strides(elements(node.shape)), elements(node.shape), source.offset, source.literal)


VIEWS: dict[str, Callable[[Node, View], View | None]] = {
    "index": _indexed,
    "transpose": _transposed,
    "broadcast": _broadcast,
    "reshape": _reshaped,
}
"""The operations that only view their operand."""


class Language(ABC):
    """How a C-like language writes numbers, loops and operations.

    ``table`` holds the elementwise operations of a tape as expressions of {0}, {1}, …; ``bytes`` the size of a float,
    a bool and an int; ``brackets`` the brackets around an index, which counts from 0.
    """

    table: Mapping[str, str]
    bytes: Mapping[str, int]
    brackets = "[]"

    @abstractmethod
    def literal(self, item: float | bool | int) -> str:
        """A number at full precision; in parentheses if it has a sign."""

    @abstractmethod
    def array(self, name: str, kind: str, numbers: Sequence[str]) -> list[str]:
        """The declaration of a constant array."""

    @abstractmethod
    def loop(self, name: str, start: int, stop: int, body: Sequence[str]) -> list[str]:
        """`body` for name = start, …, stop − 1."""

    @abstractmethod
    def local(self, kind: str, name: str, value: str) -> str:
        """A new variable."""

    @abstractmethod
    def assign(self, target: str, value: str) -> str:
        """An assignment."""

    @abstractmethod
    def branch(self, condition: str, statement: str) -> str:
        """A statement that is executed if the condition holds."""

    def scope(self, body: Sequence[str]) -> list[str]:
        """Statements with variables of their own."""
        return ["{", *(f"    {line}" for line in body), "}"]

    def at(self, view: View, index: Sequence[str]) -> str:
        """The element of a view."""
        return view.at(index, self.brackets)

    def over(self, shape: Sequence[int], body: Sequence[str]) -> list[str]:
        """`body` for every index of a shape; the index is that of ``indices``."""
        lines = list(body)
        for name, size in reversed(list(zip(indices(shape), shape, strict=True))):
            if size != 1:
                lines = self.loop(name, 0, size, lines)
        return lines

    def alone(self, shape: Sequence[int], body: Sequence[str]) -> list[str]:
        """Like ``over``, for statements that declare variables."""
        lines = self.over(shape, body)
        return self.scope(lines) if all(size == 1 for size in shape) else lines


class Constants:
    """The file's constant arrays, each written once; the transpose of one already there is a view of it."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.lines: list[str] = []
        self._count = 0
        self._views: dict[tuple[bytes, tuple[int, ...], str], View] = {}

    def view(self, value: NDArray[np.generic]) -> View:
        """The view of a constant."""
        if value.size and len(set(value.ravel().view(f"V{value.itemsize}").tolist())) == 1:
            literal = self.language.literal(value.ravel()[0].item())
            return View(literal, (0,) * value.ndim, value.shape, literal=True)
        key = (value.tobytes(), value.shape, value.dtype.str)
        if key in self._views:
            return self._views[key]
        if value.ndim > 1:
            other = np.swapaxes(value, -1, -2)
            known = self._views.get((other.tobytes(), other.shape, value.dtype.str))
            if known is not None:
                return View(known.base, swapped(known.strides), value.shape)
        kind = {"f": "float", "b": "bool"}.get(value.dtype.kind, "int")
        numbers = [_bare(self.language.literal(item)) for item in value.ravel().tolist()]
        name = f"c{self._count}"
        self._count += 1
        self.lines += self.language.array(name, kind, numbers or [self.language.literal(0)])
        self._views[key] = dense(name, value.shape)
        return self._views[key]


def _bare(literal: str) -> str:
    """A number without the parentheses around it."""
    return literal[1:-1] if literal.startswith("(") else literal


def four_a_line(numbers: Sequence[str]) -> list[str]:
    """Numbers separated by commas, four per line."""
    rows = [", ".join(numbers[start : start + 4]) for start in range(0, len(numbers), 4)]
    return [f"{row}," for row in rows[:-1]] + rows[-1:]


Element = Callable[[Sequence[str]], str]


class Body:
    """The statements of one function.

    Parameters
    ----------
    function
        The computation; its arguments are buffers with their names.
    constants
        The constants of the file.
    results
        For each result of the function, the expression of its element at an index.
    """

    def __init__(self, function: Function, constants: Constants, results: Sequence[Element]) -> None:
        self.tape: Tape = function.tape
        self.constants = constants
        self.language = constants.language
        self.lines: list[str] = []
        self.buffers: dict[str, tuple[str, int]] = {}
        self.views: list[View] = []
        self._free: list[str] = []
        self._last = self._last_uses()
        for number, node in enumerate(self.tape.nodes):
            self.views.append(self._view(node, [self.views[operand] for operand in node.operands], function))
            self._release(number)
        for output, target in zip(self.tape.outputs, results, strict=True):
            shape = elements(self.tape.nodes[output].shape)
            self._set(shape, target(indices(shape)), self.views[output])

    @property
    def work(self) -> int:
        """Bytes of buffers."""
        return sum(count * self.language.bytes[kind] for kind, count in self.buffers.values())

    def _last_uses(self) -> list[int]:
        """For every node, the last one that reads its buffer, directly or through views."""
        last = list(range(len(self.tape.nodes)))
        for output in self.tape.outputs:
            last[output] = len(self.tape.nodes)
        for number in reversed(range(len(self.tape.nodes))):
            node = self.tape.nodes[number]
            for operand in node.operands:
                last[operand] = max(last[operand], last[number] if node.operation in VIEWS else number)
        return last

    def _release(self, number: int) -> None:
        """Frees the buffers that nothing after node `number` reads."""
        used = {view.base for other, view in enumerate(self.views) if self._last[other] > number or other == number}
        self._free += [name for name in self.buffers if name not in used and name not in self._free]

    def _buffer(self, node: Node) -> View:
        """Memory for a node: the smallest free buffer that holds it, or a new one."""
        shape = elements(node.shape)
        fitting = [name for name in self._free if self.buffers[name][0] == node.kind]
        roomy = [name for name in fitting if self.buffers[name][1] >= prod(shape)]
        name = min(roomy, key=lambda free: self.buffers[free][1], default=None)
        if name is None:
            # the largest free one grows: memory is reserved once, for the whole function
            name = max(fitting, key=lambda free: self.buffers[free][1], default=f"w{len(self.buffers)}")
            self.buffers[name] = (node.kind, max(prod(shape), 1))
        if name in self._free:
            self._free.remove(name)
        return dense(name, shape)

    def _view(self, node: Node, operands: list[View], function: Function) -> View:
        if node.value is not None:
            return self.constants.view(node.value)
        if node.operation == "input":
            (place,) = node.attributes
            port = function.arguments[place]
            return dense(port.name, port.shape)
        if node.operation in VIEWS:
            seen = VIEWS[node.operation](node, *operands)
            if seen is not None:
                return seen
        out = self._buffer(node)
        self._compute(node, operands, out)
        return out

    def _compute(self, node: Node, operands: list[View], out: View) -> None:
        """The loops that compute a node."""
        if node.operation in self.language.table:
            index = indices(out.shape)
            value = self.language.table[node.operation].format(*(self._at(operand, index) for operand in operands))
            self.lines += self.language.over(out.shape, [self.language.assign(self._at(out, index), value)])
            return
        forms = {
            "sum": self._sum,
            "max": self._extreme,
            "min": self._extreme,
            "argmax": self._argmax,
            "matmul": self._matmul,
            "take": self._take,
            "concat": self._concat,
            "reshape": self._copy,
        }
        forms[node.operation](node, operands, out)

    def _at(self, view: View, index: Sequence[str]) -> str:
        return self.language.at(view, index)

    def _set(self, shape: Sequence[int], target: str, source: View) -> None:
        self.lines += self.language.over(shape, [self.language.assign(target, self._at(source, indices(shape)))])

    def _term(self, operation: str, *operands: str) -> str:
        return self.language.table[operation].format(*operands)

    def _unknown(self, element: str) -> str:
        """Whether an element is NaN."""
        return self._term("not_equal", element, element)

    def _either(self, *conditions: str) -> str:
        return self._term("logical_or", *(f"({condition})" for condition in conditions))

    def _sum(self, node: Node, operands: list[View], out: View) -> None:
        (source,), write = operands, self.language
        index = indices(source.shape[:-1])
        here = self._at(source, [*index, "k"])
        body = [
            write.local("float", "s", write.literal(0.0)),
            *write.loop("k", 0, source.shape[-1], [write.assign("s", f"s + {here}")]),
            write.assign(self._at(out, kept(index, out, source)), "s"),
        ]
        self.lines += write.alone(source.shape[:-1], body)

    def _extreme(self, node: Node, operands: list[View], out: View) -> None:
        """The largest or smallest: once NaN, it stays NaN (nothing is greater or less)."""
        (source,), write = operands, self.language
        index = indices(source.shape[:-1])
        here = self._at(source, [*index, "k"])
        beyond = self._term("less", "s", here) if node.operation == "max" else self._term("less", here, "s")
        body = [
            write.local("float", "s", self._at(source, [*index, "0"])),
            *write.loop(
                "k",
                1,
                source.shape[-1],
                [write.branch(self._either(beyond, self._unknown(here)), write.assign("s", here))],
            ),
            write.assign(self._at(out, kept(index, out, source)), "s"),
        ]
        self.lines += write.alone(source.shape[:-1], body)

    def _argmax(self, node: Node, operands: list[View], out: View) -> None:
        """The position of the first largest; a NaN counts as the largest."""
        (source,), write = operands, self.language
        index = indices(source.shape[:-1])
        here, best = self._at(source, [*index, "k"]), self._at(source, [*index, "m"])
        known = self._term("logical_not", f"({self._unknown(best)})")
        first_unknown = self._term("logical_and", f"({self._unknown(here)})", f"({known})")
        better = self._either(self._term("less", best, here), first_unknown)
        body = [
            write.local("int", "m", write.literal(0)),
            *write.loop("k", 1, source.shape[-1], [write.branch(better, write.assign("m", "k"))]),
            write.assign(self._at(out, kept(index, out, source)), "m"),
        ]
        self.lines += write.alone(source.shape[:-1], body)

    def _matmul(self, node: Node, operands: list[View], out: View) -> None:
        left, right = operands
        write, index = self.language, indices(out.shape)
        lead = index[:-1]
        product = f"{self._at(left, [*lead, 'k'])} * {self._at(right, [*lead[:-1], 'k', index[-1]])}"
        body = [
            write.local("float", "s", write.literal(0.0)),
            *write.loop("k", 0, left.shape[-1], [write.assign("s", f"s + {product}")]),
            write.assign(self._at(out, index), "s"),
        ]
        self.lines += write.alone(out.shape, body)

    def _take(self, node: Node, operands: list[View], out: View) -> None:
        source, positions = operands
        index = indices(out.shape)
        element = self._at(source, [*index[:-1], self._at(positions, index)])
        self.lines += self.language.over(out.shape, [self.language.assign(self._at(out, index), element)])

    def _concat(self, node: Node, operands: list[View], out: View) -> None:
        start = 0
        for part in operands:
            target = View(out.base, out.strides, part.shape, start)
            self._set(part.shape, self._at(target, indices(part.shape)), part)
            start += part.shape[-1]

    def _copy(self, node: Node, operands: list[View], out: View) -> None:
        (source,) = operands
        target = dense(out.base, source.shape)
        self._set(target.shape, self._at(target, indices(target.shape)), source)
