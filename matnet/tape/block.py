"""A tape bound to memory: every operation on a block of rows with the buffer for its result.

A tape is run over blocks of several hundred rows. NumPy computes each node by one call with ``out=``, so the time is
spent on the calls and on memory access: the buffers of a block should stay in a core's cache. The memory of each result
is decided once per tape, in its ``Plan``, by three rules:

- An index, a transpose, a broadcast or a reshape is a view: it shares the memory of the node that it views, its
  *owner*, and costs nothing when the block runs.
- A buffer is free after the last node that reads its owner or a view of it. An elementwise operation may overwrite an
  operand that it is the last to read, if the operand has the shape and type of the result, is contiguous, and no other
  operand is a different view of the same memory: elements would be overwritten before they are read. ``where`` copies
  its third operand first and may overwrite only that one.
- A result that only a concat reads is computed directly in the concat's memory, in a ``ConcatSlot``. A concat with
  constant parts has memory of its own, so that these are copied once, not once per run.

A ``Block`` is a plan bound to memory for a fixed number of rows: a list of functions with their arguments. Three more
optimizations: a product of a stack of matrices with one matrix is computed as one product of a tall matrix; products of
two matrices use ``dot``, which has less overhead than ``matmul``, except for matrices of one element, where BLAS would
skip a factor 0 and lose NaN; and operations with a constant row (a bias) work on rows many times as long.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.tape.symbols import ELEMENTWISE, Node, Tape, compute

_DTYPE = {"float": np.float64, "bool": np.bool_, "int": np.intp}
_LONG_ROW = 512  # elements
_VIEWS = {"index", "transpose", "broadcast"}


@dataclass(frozen=True)
class ConcatSlot:
    """The columns `start` to `stop` of the last axis of a concat's memory, where a result is computed."""

    concat: int
    start: int
    stop: int


class Plan:
    """Which memory each node of a tape uses, until when it is needed, and which results are written into a concat.

    ``bases`` is, for every node, the node that owns its memory; ``last_use`` is, for every owner, the last node that
    reads from it, one past the end for outputs of the tape.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.slots = _slots(tape)
        self.bases = self._owners()
        self.last_use = list(range(len(tape.nodes)))
        for number, node in enumerate(tape.nodes):
            for operand in node.operands:
                self.last_use[self.bases[operand]] = number
        for output in tape.outputs:
            self.last_use[self.bases[output]] = len(tape.nodes)

    def is_view(self, node: Node) -> bool:
        """Whether a node is a view of its operand's memory; a reshape is one if that memory is contiguous."""
        if node.operation == "reshape":
            return self.tape.nodes[node.operand].operation not in _VIEWS
        return node.operation in _VIEWS

    def constant(self, number: int) -> bool:
        """Whether a node is a constant or a view of one."""
        return self.tape.nodes[self.bases[number]].value is not None

    def dies(self, number: int, at: int) -> bool:
        """Whether node `at` is the last to read the memory of node `number`, which may then be overwritten."""
        owner = self.bases[number]
        return self.last_use[owner] == at and self.tape.nodes[owner].operation not in ("input", "constant")

    def _owners(self) -> list[int]:
        bases: list[int] = []
        for number, node in enumerate(self.tape.nodes):
            if number in self.slots:
                bases.append(self.slots[number].concat)
            else:
                bases.append(bases[node.operand] if self.is_view(node) else number)
        return bases


def _slots(tape: Tape) -> dict[int, ConcatSlot]:
    """The elementwise results that only a concat reads, directly or with their last two axes merged."""
    uses = Counter([operand for node in tape.nodes for operand in node.operands] + tape.outputs)
    slots: dict[int, ConcatSlot] = {}
    for number, node in enumerate(tape.nodes):
        if node.operation != "concat":
            continue
        start = 0
        for operand in node.operands:
            part = tape.nodes[operand]
            slot = ConcatSlot(number, start, start + part.row[-1])
            start = slot.stop
            if uses[operand] != 1:
                continue
            if part.operation in ELEMENTWISE:
                slots[operand] = slot
            elif part.operation == "reshape" and uses[part.operand] == 1:
                source = tape.nodes[part.operand]
                if source.operation in ELEMENTWISE and source.shape[:-2] == part.shape[:-1]:
                    slots[part.operand] = slots[operand] = slot
    return slots


class Block:
    """The instructions for blocks of `rows` rows, bound to their own buffers."""

    def __init__(self, plan: Plan, rows: int) -> None:
        self.rows = rows
        self.bytes = 0
        self._plan = plan
        self._instructions: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._free: dict[tuple[int, Any], list[NDArray[Any]]] = {}
        self._concats: dict[int, NDArray[Any]] = {}
        self._kept: set[int] = set()
        self._arrays: list[NDArray[Any]] = []
        for number, node in enumerate(plan.tape.nodes):
            self._arrays.append(self._place(number, node))
        self.inputs = [self._arrays[number] for number in plan.tape.inputs]
        self.outputs = [self._arrays[number] for number in plan.tape.outputs]
        self.first_outputs = [output[0, ...] for output in self.outputs] if rows else []
        self._last_writers = [self._last_writer(place) for place in range(len(self.outputs))]

    def run(self) -> None:
        """Computes the output buffers from the input buffers."""
        for function, arguments in self._instructions:
            function(*arguments)

    def run_into(self, results: Sequence[NDArray[Any]]) -> None:
        """As ``run``, but the outputs go to `results`, contiguous float64 arrays, where possible without a copy."""
        instructions = self._instructions.copy()
        for number, result in zip(self._last_writers, results, strict=True):
            if number is not None:
                function, arguments = instructions[number]
                instructions[number] = function, (*arguments[:-1], result.reshape(arguments[-1].shape))
        for function, arguments in instructions:
            function(*arguments)
        for number, result, output in zip(self._last_writers, results, self.outputs, strict=True):
            if number is None:
                result[...] = output

    def _last_writer(self, place: int) -> int | None:
        """The instruction that computes the whole of an output and that nothing follows that needs this memory."""
        output = self.outputs[place]
        if any(np.may_share_memory(output, other) for number, other in enumerate(self.outputs) if number != place):
            return None
        for number in reversed(range(len(self._instructions))):
            *operands, out = self._instructions[number][1]
            if np.may_share_memory(out, output):
                same = _address(out) == _address(output) and out.size == output.size
                return number if same and out.flags.c_contiguous and output.flags.c_contiguous else None
            function = self._instructions[number][0]
            operands.append(getattr(function, "__self__", None))
            if any(isinstance(each, np.ndarray) and np.may_share_memory(each, output) for each in operands):
                return None
        return None

    def _shape(self, node: Node) -> tuple[int, ...]:
        return tuple(self.rows if size is None else size for size in node.shape)

    def _place(self, number: int, node: Node) -> NDArray[Any]:
        """The array of a node; adds its instruction and frees the memory that it was the last to read."""
        if node.value is not None:
            return node.value
        if node.operation == "input":
            return self._new(self._shape(node), np.float64)
        arguments = [self._arrays[operand] for operand in node.operands]
        if number not in self._plan.slots and self._plan.is_view(node):
            return np.asarray(compute(node.operation, arguments, node.attributes, self._shape(node)))
        if node.operation == "concat":
            out = self._concatenated(number, node, arguments)
        elif number in self._plan.slots:
            out = self._in_slot(self._plan.slots[number], node)
            if node.operation != "reshape":
                self._emit(node, arguments, out)
        else:
            out = self._buffer(number, node, arguments)
            self._emit(node, arguments, out)
        for operand in {self._plan.bases[operand] for operand in node.operands}:
            if self._dies(operand, number):
                self._release(operand, out)
        return out

    def _dies(self, number: int, at: int) -> bool:
        return self._plan.dies(number, at) and self._plan.bases[number] not in self._kept

    def _new(self, shape: tuple[int, ...], dtype: Any, fresh: bool = False) -> NDArray[Any]:
        """A free buffer, or new memory."""
        size = int(np.prod(shape))
        free = self._free.get((size, dtype))
        if free and not fresh:
            return free.pop().reshape(shape)
        self.bytes += size * np.dtype(dtype).itemsize
        return np.zeros(size, dtype=dtype).reshape(shape)

    def _buffer(self, number: int, node: Node, arguments: list[NDArray[Any]]) -> NDArray[Any]:
        """Memory for a result: that of an operand which is no longer needed, else a buffer."""
        shape, bases = self._shape(node), self._plan.bases
        for operand, argument in zip(node.operands, arguments, strict=True):
            whole = argument.shape == shape and argument.flags.c_contiguous and argument.dtype == _DTYPE[node.kind]
            shared = node.operation == "where" and bases[operand] in {bases[other] for other in node.operands[:2]}
            overlaps = any(
                np.may_share_memory(other, argument) and not _same_place(other, argument) for other in arguments
            )
            if node.operation in ELEMENTWISE and whole and self._dies(operand, number) and not shared and not overlaps:
                return argument
        return self._new(shape, _DTYPE[node.kind])

    def _release(self, owner: int, out: NDArray[Any]) -> None:
        memory = self._arrays[owner]
        if not np.may_share_memory(memory, out):
            self._free.setdefault((memory.size, memory.dtype.type), []).append(memory.ravel())

    def _concat_memory(self, number: int) -> NDArray[Any]:
        """The memory of a concat, allocated when the first of its parts is written.

        A concat with constant parts has memory that is used for nothing else, so that they are copied only once.
        """
        if number not in self._concats:
            node = self._plan.tape.nodes[number]
            if any(self._plan.constant(operand) for operand in node.operands):
                self._kept.add(number)
            self._concats[number] = self._new(self._shape(node), _DTYPE[node.kind], fresh=number in self._kept)
        return self._concats[number]

    def _in_slot(self, slot: ConcatSlot, node: Node) -> NDArray[Any]:
        """A node's part of a concat's memory, its last axis split in two if the node is reshaped for the concat."""
        return self._concat_memory(slot.concat)[..., slot.start : slot.stop].reshape(self._shape(node))

    def _concatenated(self, number: int, node: Node, arguments: list[NDArray[Any]]) -> NDArray[Any]:
        """The concat's memory; only parts that are not yet there are copied, constants once for all runs."""
        out = self._concat_memory(number)
        start = 0
        for operand, argument in zip(node.operands, arguments, strict=True):
            place = out[..., start : start + argument.shape[-1]]
            start += argument.shape[-1]
            if self._plan.constant(operand):
                np.copyto(place, argument)
            elif operand not in self._plan.slots:
                self._instructions.append((_copy, (argument, place)))
        return out

    def _emit(self, node: Node, arguments: list[NDArray[Any]], out: NDArray[Any]) -> None:
        function: Callable[..., Any]
        if node.operation == "where":
            function = _where
        elif node.operation in ELEMENTWISE:
            function = ELEMENTWISE[node.operation]
            constant = [self._plan.constant(operand) for operand in node.operands]
            arguments, out = _in_long_rows([_alike(argument, out) for argument in arguments], constant, out)
        elif node.operation == "matmul":
            left, right = arguments
            function, arguments, out = _product(left, right, out)
        elif node.operation in ("sum", "max", "min"):
            ufunc = {"sum": np.add, "max": np.maximum, "min": np.minimum}[node.operation]
            function = partial(_reduce, ufunc.reduce, node.attributes)
        elif node.operation == "argmax":
            function = partial(_reduce, np.argmax, node.attributes)
        elif node.operation == "take":
            function = _take
        elif node.operation == "reshape":
            (source,) = arguments
            function, out = _copy, out.reshape(source.shape)
        else:
            raise AssertionError(f"the tape has no operation {node.operation}")
        self._instructions.append((function, (*arguments, out)))


def _same_place(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays are the same view of the same memory, so that an elementwise operation may work in place."""
    return _address(one) == _address(other) and one.shape == other.shape and one.strides == other.strides


def _address(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _alike(argument: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """The argument in the shape of the result if it has as many elements: broadcasting takes NumPy twice as long."""
    fits = argument.size == out.size and argument.ndim and argument.flags.c_contiguous
    return argument.reshape(out.shape) if fits and argument.shape != out.shape else argument


def _in_long_rows(
    arguments: list[NDArray[Any]], constant: Sequence[bool], out: NDArray[Any]
) -> tuple[list[NDArray[Any]], NDArray[Any]]:
    """An operation with a constant row, such as a bias, on rows many times as long, as each row costs NumPy time."""
    size = out.shape[-1]
    if not out.size or size > _LONG_ROW or not out.flags.c_contiguous:
        return arguments, out
    times = math.gcd(out.size // size, 1 << (_LONG_ROW // size).bit_length() - 1)
    if times == 1:
        return arguments, out
    pairs = zip(arguments, constant, strict=True)
    rows = [fixed and argument.size == size > 1 and argument.shape[-1] == size for argument, fixed in pairs]
    if not any(rows):
        return arguments, out
    long: list[NDArray[Any]] = []
    for argument, row in zip(arguments, rows, strict=True):
        if row:
            long.append(np.tile(argument.ravel(), times))
        elif argument.shape == out.shape and argument.flags.c_contiguous:
            long.append(argument.reshape(-1, times * size))
        else:
            return arguments, out
    return long, out.reshape(-1, times * size)


def _product(
    left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]
) -> tuple[Callable[..., Any], list[NDArray[Any]], NDArray[Any]]:
    """The function of a matrix product, its arguments and its result."""
    if left.ndim > 2 and right.ndim == 2 and left.flags.c_contiguous and left.size and out.size:
        # one product of a tall matrix instead of many of small ones
        left, out = left.reshape(-1, left.shape[-1]), out.reshape(-1, out.shape[-1])
    if (1, 1) in (left.shape, right.shape) and left.ndim == right.ndim == 2 and left.shape[1] == 1:
        # a matrix of one element scales the other; dot would skip a factor 0, whose product with NaN or Inf is NaN
        return np.multiply, [left, right], out
    if left.ndim == 2 and right.ndim == 2 and out.flags.c_contiguous:
        # the same BLAS product as matmul's, in half the time for small matrices
        return left.dot, [right], out
    return np.matmul, [left, right], out


def _reduce(function: Callable[..., Any], attributes: Sequence[Any], x: NDArray[Any], out: NDArray[Any]) -> None:
    function(x, axis=attributes[0], keepdims=attributes[1], out=out)


def _take(x: NDArray[Any], positions: NDArray[Any], out: NDArray[Any]) -> None:
    np.take(x, positions, axis=-1, out=out, mode="clip")


def _where(condition: NDArray[Any], x: NDArray[Any], y: NDArray[Any], out: NDArray[Any]) -> None:
    if out is not y:
        np.copyto(out, y)
    np.copyto(out, x, where=condition)


def _copy(x: NDArray[Any], out: NDArray[Any]) -> None:
    np.copyto(out, x)
