"""A tape expanded: every element of every node as an expression of the elements of the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.formulas.expressions import Builder, Expression
from matnet.tape.symbols import ELEMENTWISE, Node, Tape, compute

Elements: TypeAlias = NDArray[np.object_]
"""An array of expressions; the batch axis has length 1."""

_MOST_ELEMENTS = 2_000_000


def expanded(tape: Tape, builder: Builder) -> list[Elements]:
    """The outputs of a tape with one input, as arrays of expressions (1, …)."""
    arrays: list[Elements] = []
    for node in tape.nodes:
        arrays.append(_expanded(node, [arrays[operand] for operand in node.operands], builder, tape))
    return [arrays[output] for output in tape.outputs]


def elements_of(tape: Tape) -> int:
    """The number of expressions that a tape is expanded to, with the terms of its sums."""
    total = 0
    for node in tape.nodes:
        size = int(np.prod(_shape(node)))
        inner = tape.nodes[node.operands[0]].shape[-1] if node.operation == "matmul" else 1
        total += size * int(inner or 1)
    return total


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(1 if size is None else size for size in node.shape)


def _filled(shape: Sequence[int], element: Callable[[tuple[int, ...]], Expression]) -> Elements:
    array: Elements = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        array[index] = element(index)
    return array


def _expanded(node: Node, operands: list[Elements], builder: Builder, tape: Tape) -> Elements:
    shape = _shape(node)
    if node.value is not None:
        value = node.value
        return _filled(shape, lambda index: builder.number(value[index].item()))
    if node.operation == "input":
        return _filled(shape, lambda index: builder.input(index[-1]))
    if node.operation in ELEMENTWISE:
        parts = [np.broadcast_to(operand, shape) for operand in operands]
        return _filled(shape, lambda index: builder.elementwise(node.operation, *(part[index] for part in parts)))
    if node.operation in ("sum", "max", "min", "argmax"):
        rows = operands[0].reshape(-1, operands[0].shape[-1])
        reduced = [
            builder.sum(row) if node.operation == "sum" else builder.extreme(node.operation, row)
            for row in rows.tolist()
        ]
        return _filled((len(reduced),), lambda index: reduced[index[0]]).reshape(shape)
    if node.operation == "matmul":
        return _product(operands[0], operands[1], shape, builder)
    arguments: list[Any] = list(operands)
    if node.operation == "take":
        arguments[1] = tape.nodes[node.operands[1]].value
    return np.asarray(compute(node.operation, arguments, node.attributes, shape), dtype=object)


def _product(left: Elements, right: Elements, shape: tuple[int, ...], builder: Builder) -> Elements:
    lead = shape[:-2]
    left = np.broadcast_to(left, (*lead, *left.shape[-2:]))
    right = np.broadcast_to(right, (*lead, *right.shape[-2:]))
    height, width = shape[-2:]
    count, inner = int(np.prod(lead)), left.shape[-1]
    rows = left.reshape(count * height, inner).tolist()
    columns = np.swapaxes(right, -1, -2).reshape(count * width, inner).tolist()
    flat = [
        builder.dot(rows[place * height + i], columns[place * width + j])
        for place in range(count)
        for i in range(height)
        for j in range(width)
    ]
    return _filled((len(flat),), lambda index: flat[index[0]]).reshape(shape)
