"""The statements of a tape in C99: loops over views.

A node that only looks at another (a slice, a transpose, a broadcast) costs nothing: it is a *view*, a buffer with
strides. Every other node is a loop into a buffer on the stack; buffers are used again once nobody needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from matnet.exporters.recording import Function, elements
from matnet.exporters.views import LOOKS, View, dense, loops, nested, swapped
from matnet.tape.symbols import Node, Tape

_TABLE = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "abs": "fabs{f}({0})",
    "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0}",
    "exp": "exp{f}({0})",
    "tanh": "tanh{f}({0})",
    "sqrt": "sqrt{f}({0})",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
}
"""What each elementwise operation of a tape is called in C; {f} is the suffix of math.h's functions."""

_REDUCTIONS = {
    "sum": ("0", "s += {0};"),
    "max": ("{0}", "if ({0} > s || {0} != {0}) s = {0};"),
    "min": ("{0}", "if ({0} < s || {0} != {0}) s = {0};"),
}
"""How each reduction begins and what it does with an element: a NaN, once met, stays (nothing is greater or less)."""


class Constants:
    """The file's constant arrays, each written once; the transpose of one already there is a view of it."""

    def __init__(self, precision: str) -> None:
        self.real = "double" if precision == "float64" else "float"
        self.lines: list[str] = []
        self._views: dict[tuple[bytes, tuple[int, ...], str], View] = {}

    def literal(self, item: float | bool | int) -> str:
        """A number in full precision."""
        if not isinstance(item, float):
            return str(int(item))
        if item != item:
            return "NAN"
        if self.real == "float":
            item = float(np.float32(item))
        if item in (np.inf, -np.inf):
            return "INFINITY" if item > 0 else "(-INFINITY)"
        text = f"{item:.17g}" if self.real == "double" else f"{item:.9g}"
        text = (text if any(sign in text for sign in ".e") else text + ".0") + ("f" if self.real == "float" else "")
        return f"({text})" if text.startswith("-") else text

    def view(self, value: NDArray[np.generic]) -> View:
        """The constant as operands see it."""
        if value.size and len(set(value.reshape(-1).view(f"V{value.itemsize}").tolist())) == 1:
            return View(self.literal(value.reshape(-1)[0].item()), (0,) * value.ndim, value.shape, literal=True)
        key = (value.tobytes(), value.shape, value.dtype.str)
        if key in self._views:
            return self._views[key]
        if value.ndim > 1:
            other = np.swapaxes(value, -1, -2)
            known = self._views.get((other.tobytes(), other.shape, value.dtype.str))
            if known is not None:
                return View(known.base, swapped(known.strides), value.shape)
        name = f"c{len(self.lines)}"
        kind = self.real if value.dtype.kind == "f" else "int"
        numbers = [self.literal(item).strip("()") for item in value.reshape(-1).tolist()] or ["0"]
        self.lines.append(f"static const {kind} {name}[{len(numbers)}] = {{\n{_wrapped(numbers)}\n}};")
        self._views[key] = dense(name, value.shape)
        return self._views[key]


def _wrapped(numbers: Sequence[str]) -> str:
    rows = [", ".join(numbers[start : start + 4]) for start in range(0, len(numbers), 4)]
    return ",\n".join(f"    {row}" for row in rows)


class Body:
    """The statements of one function."""

    def __init__(self, function: Function, constants: Constants, results: Sequence[str]) -> None:
        self.tape: Tape = function.tape
        self.constants = constants
        self.lines: list[str] = []
        self.buffers: dict[str, tuple[str, int]] = {}
        self.views: list[View] = []
        self._free: list[str] = []
        self._last = self._last_uses()
        for number, node in enumerate(self.tape.nodes):
            self.views.append(self._place(node, [self.views[operand] for operand in node.operands], function))
            self._release(number)
        for output, name in zip(self.tape.outputs, results, strict=True):
            heads, index = loops(elements(self.tape.nodes[output].shape))
            target = dense(name, elements(self.tape.nodes[output].shape))
            self.lines += nested(heads, [f"{target.at(index)} = {self.views[output].at(index)};"])

    @property
    def work(self) -> int:
        """Bytes of buffers."""
        sizes = {"double": 8, "float": 4, "int": 4}
        return sum(count * sizes[kind] for kind, count in self.buffers.values())

    def _last_uses(self) -> list[int]:
        """For every node the last one that reads its buffer, through views too."""
        last = list(range(len(self.tape.nodes)))
        for output in self.tape.outputs:
            last[output] = len(self.tape.nodes)
        for number in reversed(range(len(self.tape.nodes))):
            node = self.tape.nodes[number]
            looks = node.operation in ("index", "transpose", "broadcast", "reshape")
            for operand in node.operands:
                last[operand] = max(last[operand], last[number] if looks else number)
        return last

    def _release(self, number: int) -> None:
        """Frees the buffers that nothing after node `number` reads."""
        kept = {view.base for place, view in enumerate(self.views) if self._last[place] > number or place == number}
        self._free += [name for name in self.buffers if name not in kept and name not in self._free]

    def _buffer(self, node: Node) -> View:
        """Memory for a node: the smallest free buffer that holds it, or a new one."""
        shape = elements(node.shape)
        kind = self.constants.real if node.kind == "float" else "int"
        fitting = [name for name in self._free if self.buffers[name][0] == kind]
        roomy = [name for name in fitting if self.buffers[name][1] >= prod(shape)]
        name = min(roomy, key=lambda free: self.buffers[free][1], default=None)
        if name is None:
            # the largest free one grows: memory is set aside once, for the whole function
            name = max(fitting, key=lambda free: self.buffers[free][1], default=f"w{len(self.buffers)}")
            self.buffers[name] = (kind, max(prod(shape), 1))
        if name in self._free:
            self._free.remove(name)
        return dense(name, shape)

    def _place(self, node: Node, operands: list[View], function: Function) -> View:
        if node.value is not None:
            return self.constants.view(node.value)
        if node.operation == "input":
            port = function.arguments[node.attributes[0]]
            return dense(port.name, port.shape)
        look = LOOKS.get(node.operation)
        if look is not None:
            seen = look(node, operands[0])
            if seen is not None:
                return seen
        out = self._buffer(node)
        self.lines += self._statement(node, operands, out)
        return out

    def _statement(self, node: Node, operands: list[View], out: View) -> list[str]:
        if node.operation in _TABLE:
            heads, index = loops(out.shape)
            return nested(heads, [f"{out.at(index)} = {self._expression(node, operands, index)};"])
        if node.operation in _REDUCTIONS:
            return self._reduce(node, operands[0], out)
        return _STATEMENTS[node.operation](node, operands, out, self.constants.real)

    def _expression(self, node: Node, operands: list[View], index: Sequence[str]) -> str:
        f = "" if self.constants.real == "double" else "f"
        return _TABLE[node.operation].format(*(operand.at(index) for operand in operands), f=f)

    def _reduce(self, node: Node, source: View, out: View) -> list[str]:
        heads, index = loops(source.shape[:-1])
        begin, step = _REDUCTIONS[node.operation]
        first = source.at([*index, "0"])
        body = [
            f"{self.constants.real} s = {begin.format(first)};",
            f"for (int k = 0; k < {source.shape[-1]}; k++) {step.format(source.at([*index, 'k']))}",
            f"{out.at(_kept(index, out, source))} = s;",
        ]
        return nested(heads, body) if heads else ["{", *(f"    {line}" for line in body), "}"]


def _kept(index: Sequence[str], out: View, source: View) -> list[str]:
    """The index of a reduction's result: the last axis is gone, or has length 1."""
    return [*index, "0"] if len(out.shape) == len(source.shape) else list(index)


def _argmax(node: Node, operands: list[View], out: View, real: str) -> list[str]:
    source = operands[0]
    heads, index = loops(source.shape[:-1])
    here, best = source.at([*index, "k"]), source.at([*index, "m"])
    body = [
        "int m = 0;",
        f"for (int k = 1; k < {source.shape[-1]}; k++)",
        f"    if ({here} > {best} || ({here} != {here} && {best} == {best})) m = k;",
        f"{out.at(_kept(index, out, source))} = m;",
    ]
    return nested(heads, body) if heads else ["{", *(f"    {line}" for line in body), "}"]


def _matmul(node: Node, operands: list[View], out: View, real: str) -> list[str]:
    left, right = operands
    row = len(left.shape) > 1
    heads, index = loops(out.shape)
    lead, column = (list(index[:-1]), index[-1]) if row else ([], index[-1])
    body = [
        f"{real} s = 0;",
        f"for (int k = 0; k < {left.shape[-1]}; k++) s += {left.at([*lead, 'k'])} * "
        f"{right.at([*lead[:-1], 'k', column])};",
        f"{out.at(index)} = s;",
    ]
    return nested(heads, body) if heads else ["{", *(f"    {line}" for line in body), "}"]


def _take(node: Node, operands: list[View], out: View, real: str) -> list[str]:
    source, places = operands
    heads, index = loops(out.shape)
    return nested(heads, [f"{out.at(index)} = {source.at([*index[:-1], places.at(index[-1:])])};"])


def _concat(node: Node, operands: list[View], out: View, real: str) -> list[str]:
    lines, start = [], 0
    for part in operands:
        heads, index = loops(part.shape)
        target = View(out.base, out.strides, (*out.shape[:-1], part.shape[-1]), out.offset + start)
        lines += nested(heads, [f"{target.at(index)} = {part.at(index)};"])
        start += part.shape[-1]
    return lines


def _copy(node: Node, operands: list[View], out: View, real: str) -> list[str]:
    target = dense(out.base, operands[0].shape)
    heads, index = loops(target.shape)
    return nested(heads, [f"{target.at(index)} = {operands[0].at(index)};"])


_STATEMENTS: dict[str, Callable[[Node, list[View], View, str], list[str]]] = {
    "argmax": _argmax,
    "matmul": _matmul,
    "take": _take,
    "concat": _concat,
    "reshape": _copy,
}
"""How the operations that are no formula of one element are written."""
