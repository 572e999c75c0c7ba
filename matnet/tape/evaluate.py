"""A tape run on NumPy arrays: over blocks of rows, in preallocated buffers, on all cores.

Blocks have a fixed size and the last one is padded, so that no result depends on the number of threads or on how a
table is cut into whole blocks. A block's buffers stay in cache; which buffer serves what is decided once.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import ELEMENTWISE, Node, Tape, compute

_BLOCK_BYTES = 1 << 20  # what the buffers of one block may take, so that they stay in a core's own cache
_DTYPE = {"float": np.float64, "bool": np.bool_, "int": np.intp}
_VIEWS = {"index", "transpose", "broadcast"}


class _Block:
    """The instructions for blocks of `rows` rows, bound to buffers of their own."""

    def __init__(self, tape: Tape, rows: int) -> None:
        self.rows = rows
        self.instructions: list[tuple[Callable[..., Any], tuple[Any, ...], NDArray[Any]]] = []
        self._free: dict[tuple[int, Any], list[NDArray[Any]]] = {}
        self._tape = tape
        self._bases = _storage(tape)
        self._last_use = _last_uses(tape, self._bases)
        arrays: list[NDArray[Any]] = []
        for number, node in enumerate(tape.nodes):
            arrays.append(self._place(number, node, arrays))
        self.inputs = [arrays[number] for number in tape.inputs]
        self.outputs = [arrays[number] for number in tape.outputs]

    def run(self) -> None:
        """From what is in the input buffers to the output buffers."""
        for function, arguments, out in self.instructions:
            function(*arguments, out=out)

    def _place(self, number: int, node: Node, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        if node.value is not None:
            return node.value
        shape = tuple(self.rows if size is None else size for size in node.shape)
        arguments = [arrays[operand] for operand in node.operands]
        if node.operation == "input":
            return np.zeros(shape)
        if node.operation in _VIEWS:
            return np.asarray(compute(node.operation, arguments, node.attributes, shape))
        out = self._buffer(number, node, shape, arguments)
        self._emit(node, arguments, out)
        for base in {self._bases[operand] for operand in node.operands}:
            if self._last_use[base] == number and self._tape.nodes[base].operation not in ("input", "constant"):
                self._release(arrays, base, out)
        return out

    def _buffer(self, number: int, node: Node, shape: tuple[int, ...], arguments: list[NDArray[Any]]) -> NDArray[Any]:
        """Memory for a result: an operand's own where it is not needed any more, a free buffer's, or new."""
        for operand, argument in zip(node.operands, arguments, strict=True):
            reusable = node.operation in ELEMENTWISE and (node.operation != "where" or operand == node.operands[2])
            whole = argument.shape == shape and argument.flags.c_contiguous and argument.dtype == _DTYPE[node.kind]
            base = self._bases[operand]
            dies = self._last_use[base] == number and self._tape.nodes[base].operation not in ("input", "constant")
            shared = node.operation == "where" and base in {self._bases[other] for other in node.operands[:2]}
            overlaps = any(
                np.may_share_memory(other, argument) and not _same_place(other, argument) for other in arguments
            )
            if reusable and whole and dies and not shared and not overlaps:
                return argument
        size, dtype = int(np.prod(shape)), _DTYPE[node.kind]
        free = self._free.get((size, dtype))
        return (free.pop() if free else np.empty(size, dtype=dtype)).reshape(shape)

    def _release(self, arrays: list[NDArray[Any]], base: int, out: NDArray[Any]) -> None:
        memory = arrays[base]
        if not np.may_share_memory(memory, out):
            self._free.setdefault((memory.size, memory.dtype.type), []).append(memory.reshape(-1))

    def _emit(self, node: Node, arguments: list[NDArray[Any]], out: NDArray[Any]) -> None:
        function: Callable[..., Any]
        if node.operation == "where":
            function = _where
        elif node.operation in ELEMENTWISE:
            function = ELEMENTWISE[node.operation]
        elif node.operation == "matmul":
            function = np.matmul
            left, right = arguments
            if left.ndim > 2 and right.ndim == 2 and left.flags.c_contiguous:
                # one product of a tall matrix instead of many of small ones
                arguments = [left.reshape(-1, left.shape[-1]), right]
                out = out.reshape(-1, out.shape[-1])
        elif node.operation in ("sum", "max", "min"):
            ufunc = {"sum": np.add, "max": np.maximum, "min": np.minimum}[node.operation]
            function = partial(ufunc.reduce, axis=node.attributes[0], keepdims=node.attributes[1])
        elif node.operation == "argmax":
            function = partial(np.argmax, axis=node.attributes[0], keepdims=node.attributes[1])
        elif node.operation == "take":
            function = partial(np.take, axis=node.attributes[0], mode="clip")
        elif node.operation == "concat":
            function = partial(_concatenate, node.attributes[0])
        else:
            function = _copy
        self.instructions.append((function, tuple(arguments), out))


def _same_place(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays are the same view of the same memory, so that elementwise work may overwrite one by itself."""
    address = one.__array_interface__["data"][0] == other.__array_interface__["data"][0]
    return address and one.shape == other.shape and one.strides == other.strides


def _where(condition: NDArray[Any], x: NDArray[Any], y: NDArray[Any], out: NDArray[Any]) -> None:
    if out is not y:
        np.copyto(out, y)
    np.copyto(out, x, where=condition)


def _concatenate(axis: int, *parts: NDArray[Any], out: NDArray[Any]) -> None:
    np.concatenate(parts, axis=axis, out=out)


def _copy(x: NDArray[Any], out: NDArray[Any]) -> None:
    np.copyto(out.reshape(x.shape), x)


def _storage(tape: Tape) -> list[int]:
    """For every node the node whose memory it lies in: its own, or what it is a view of."""
    bases: list[int] = []
    for number, node in enumerate(tape.nodes):
        bases.append(bases[node.operands[0]] if node.operation in _VIEWS else number)
    return bases


def _last_uses(tape: Tape, bases: Sequence[int]) -> list[int]:
    """For every memory the last node that reads it; an output's is never free."""
    last = list(range(len(tape.nodes)))
    for number, node in enumerate(tape.nodes):
        for operand in node.operands:
            last[bases[operand]] = number
    for output in tape.outputs:
        last[bases[output]] = len(tape.nodes)
    return last


class Evaluator:
    """Runs a tape on arrays (N, size) of any number of rows.

    Calls from several threads at once are safe: each works in buffers of its own.
    """

    _kept_sizes = 8

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.block_rows = _block_rows(tape)
        self._idle: OrderedDict[int, deque[_Block]] = OrderedDict()

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs, (N, …) each, for inputs (N, size) each."""
        rows = len(inputs[0])
        if rows <= self.block_rows:
            return self._one(inputs, rows)
        results = [np.empty((rows, *_row_shape(self.tape.nodes[output]))) for output in self.tape.outputs]
        starts = range(0, rows, self.block_rows)
        workers = min(cores(), len(starts))
        shares = [starts[worker::workers] for worker in range(workers)]
        with _single_blas_thread():
            if workers == 1:
                self._many(inputs, results, starts)
            else:
                list(_pool().map(partial(self._many, inputs, results), shares))
        return results

    def _one(self, inputs: Sequence[FloatArray], rows: int) -> list[FloatArray]:
        block = self._borrow(rows)
        for buffer, given in zip(block.inputs, inputs, strict=True):
            buffer[...] = given
        with np.errstate(all="ignore"):
            block.run()
        results = [output.copy() for output in block.outputs]
        self._idle[rows].append(block)
        return results

    def _many(self, inputs: Sequence[FloatArray], results: Sequence[FloatArray], starts: Sequence[int]) -> None:
        block = self._borrow(self.block_rows)
        with np.errstate(all="ignore"):
            for start in starts:
                count = min(self.block_rows, len(inputs[0]) - start)
                for buffer, given in zip(block.inputs, inputs, strict=True):
                    buffer[:count] = given[start : start + count]
                    buffer[count:] = 0.0
                block.run()
                for result, output in zip(results, block.outputs, strict=True):
                    result[start : start + count] = output[:count]
        self._idle[self.block_rows].append(block)

    def _borrow(self, rows: int) -> _Block:
        """A block that no other call is using."""
        idle = self._idle.get(rows)
        if idle is None:
            idle = self._idle.setdefault(rows, deque())
            while len(self._idle) > self._kept_sizes:
                self._idle.popitem(last=False)
            self._idle.setdefault(rows, idle)
        try:
            return idle.pop()
        except IndexError:
            return _Block(self.tape, rows)


def _row_shape(node: Node) -> tuple[int, ...]:
    return tuple(size for size in node.shape if size is not None)


def _block_rows(tape: Tape) -> int:
    """How many rows a block has: a power of two that keeps the buffers in cache."""
    widths = [int(np.prod(_row_shape(node))) for node in tape.nodes if node.batched]
    live = sum(sorted(widths, reverse=True)[:6])
    rows = 1 << max(0, (_BLOCK_BYTES // (8 * max(live, 1))).bit_length() - 1)
    return min(max(rows, 32), 4096)


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="matnet")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _single_blas_thread() -> Any:
    return _blas().limit(limits=1, user_api="blas")
