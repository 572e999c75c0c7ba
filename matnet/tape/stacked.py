"""Tapes of one form computed together: the members of an ensemble differ only in their numbers.

Every array has an axis of members in front of those of the tape, so a few NumPy calls serve all members. For a few
samples the calls take most of the time; for many, the members' own evaluators are as fast and use all cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import COMMUTATIVE, ELEMENTWISE, Shape, Tape, compute

_BLOCK = 1 << 16
"""Numbers in the intermediate results of a block of rows, so that they stay in cache."""

Operand = int | NDArray[Any]
"""The number of an earlier step, or a constant."""


@dataclass(frozen=True)
class _Step:
    """A node of a tape that is not a constant, with its constants."""

    operation: str
    operands: tuple[Operand, ...]
    attributes: tuple[Any, ...]
    shape: Shape

    @property
    def form(self) -> tuple[object, ...]:
        """The step without the values of its constants; the positions of a take belong to the form."""
        operands = tuple(operand if isinstance(operand, int) else operand.shape for operand in self.operands)
        positions = self.operands[1] if self.operation == "take" else None
        taken = positions.tobytes() if isinstance(positions, np.ndarray) else None
        return self.operation, operands, self.attributes, self.shape, taken


class Stack:
    """Tapes of one form, run on the same arrays (N, size).

    ``steps`` are those of the first tape, with the constants of all.
    """

    def __init__(self, steps: Sequence[_Step], outputs: Sequence[int], members: int) -> None:
        self.members = members
        self._steps, self._outputs = steps, outputs
        numbers = members * sum(prod(size or 1 for size in step.shape) for step in steps)
        self.block_rows = max(1, _BLOCK // numbers)

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs, (members, N, …) each."""
        rows = len(inputs[0])
        if rows <= self.block_rows:
            return self._block(inputs, rows)
        starts = range(0, rows, self.block_rows)
        blocks = [[given[start : start + self.block_rows] for given in inputs] for start in starts]
        parts = [self._block(block, len(block[0])) for block in blocks]
        return [np.concatenate(results, axis=1) for results in zip(*parts, strict=True)]

    def _block(self, inputs: Sequence[FloatArray], rows: int) -> list[FloatArray]:
        values: list[NDArray[Any]] = []
        with np.errstate(all="ignore"):
            for step in self._steps:
                values.append(self._value(step, values, inputs, rows))
        return [values[output] for output in self._outputs]

    def _value(
        self, step: _Step, values: Sequence[NDArray[Any]], inputs: Sequence[FloatArray], rows: int
    ) -> NDArray[Any]:
        if step.operation == "input":
            (number,) = step.attributes
            given = inputs[number]
            return np.broadcast_to(given, (self.members, *given.shape))
        operands = [values[operand] if isinstance(operand, int) else operand for operand in step.operands]
        attributes = step.attributes
        if step.operation in ELEMENTWISE or step.operation in ("matmul", "broadcast"):
            operands = [_aligned(operand, len(step.shape) + 1) for operand in operands]
        elif step.operation == "index":
            (positions,) = attributes
            attributes = (((None, None), *positions),)
        elif step.operation == "take":
            operands[1] = operands[1][0]
        shape = (self.members, *(rows if size is None else size for size in step.shape))
        return np.asarray(compute(step.operation, operands, attributes, shape))


def _aligned(value: NDArray[Any], axes: int) -> NDArray[Any]:
    """The array with axes of length 1 after that of the members, so that all of its own axes are the last ones."""
    return value.reshape(value.shape[:1] + (1,) * (axes - value.ndim) + value.shape[1:])


def stacked(tapes: Sequence[Tape]) -> Stack | None:
    """The tapes as one, or None if they do not all have the same form."""
    split = [_steps(tape) for tape in tapes]
    forms = [(tuple(step.form for step in steps), outputs) for steps, outputs in split]
    steps, outputs = split[0]
    if any(form != forms[0] for form in forms[1:]) or any(output is None for output in outputs):
        return None
    together = [
        _Step(step.operation, tuple(map(_joined, *(own.operands for own in same))), step.attributes, step.shape)
        for step, same in zip(steps, zip(*(steps for steps, _ in split), strict=True), strict=True)
    ]
    return Stack(together, [output for output in outputs if output is not None], len(tapes))


def _joined(*operands: Operand) -> Operand:
    return operands[0] if isinstance(operands[0], int) else np.stack([np.asarray(operand) for operand in operands])


def _steps(tape: Tape) -> tuple[list[_Step], tuple[int | None, ...]]:
    """The steps of a tape, and the step of each output; None for one that is constant.

    Whether two constants are one on the tape, and the order of a sum, depend on their values: here they do not.
    """
    steps: list[_Step] = []
    numbers: dict[int, int] = {}
    for number, node in enumerate(tape.nodes):
        if node.value is not None:
            continue
        operands: list[Operand] = []
        for operand in node.operands:
            value = tape.nodes[operand].value
            operands.append(numbers[operand] if value is None else value)
        if node.operation in COMMUTATIVE:
            operands.sort(key=lambda operand: operand if isinstance(operand, int) else len(tape.nodes))
        numbers[number] = len(steps)
        steps.append(_Step(node.operation, tuple(operands), node.attributes, node.shape))
    return steps, tuple(numbers.get(output) for output in tape.outputs)
