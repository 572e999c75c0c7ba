"""Buffers with strides, and loops over them: what the printers of C share. A look at an operand is such a view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from matnet.exporters.recording import elements
from matnet.tape.symbols import Node


@dataclass(frozen=True)
class View:
    """Elements of a buffer: where they begin and how far apart they lie along each axis. A number has no buffer."""

    base: str
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    offset: int = 0
    literal: bool = False

    def at(self, index: Sequence[str]) -> str:
        """The element at an index, which is right-aligned to the view's axes."""
        if self.literal:
            return self.base
        used = zip(index[len(index) - len(self.strides) :], self.strides, self.shape, strict=True)
        terms = [
            place if stride == 1 else f"{place} * {stride}"
            for place, stride, size in used
            if stride and size != 1 and place != "0"
        ]
        if self.offset or not terms:
            terms.append(str(self.offset))
        return f"{self.base}[{' + '.join(terms)}]"


def dense(base: str, shape: tuple[int, ...]) -> View:
    """A whole buffer, row by row."""
    return View(base, strides(shape), shape)


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """How far apart elements lie along each axis of a buffer that is dense."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The last two axes exchanged."""
    return (*axes[:-2], axes[-1], axes[-2])


def loops(shape: Sequence[int], first: int = 0) -> tuple[list[str], list[str]]:
    """The heads of nested loops over a shape, and the index in them; an axis of length 1 needs no loop."""
    index = ["0" if size == 1 else f"i{axis + first}" for axis, size in enumerate(shape)]
    heads = [
        f"for (int {name} = 0; {name} < {size}; {name}++)" for name, size in zip(index, shape, strict=True) if size != 1
    ]
    return heads, index


def nested(heads: Sequence[str], body: Sequence[str]) -> list[str]:
    """Loops around statements, with braces where there are several."""
    if not heads:
        return list(body)
    inner = nested(heads[1:], body)
    single = len(inner) == 1 or (len(heads) > 1)
    lines = [f"    {line}" for line in inner]
    return [heads[0], *lines] if single else [f"{heads[0]} {{", *lines, "}"]


def _indexed(node: Node, source: View) -> View:
    parts = node.attributes[0][1:]  # without the batch
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


LOOKS: dict[str, Callable[[Node, View], View | None]] = {
    "index": _indexed,
    "transpose": _transposed,
    "broadcast": _broadcast,
    "reshape": _reshaped,
}
"""The operations that only look at their operand."""
