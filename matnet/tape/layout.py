"""How a block of rows lies in memory: row by row, or along lines that hold one element of every row.

On lines every operation runs over long contiguous memory however few neurons a layer has, which is several times
faster; the results are turned round when they are written. Where a row's results are many (derivatives by thousands of
weights) turning them costs more than it saves, and the block lies row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.tape.symbols import Node, compute, index_key

Instruction: TypeAlias = tuple[Callable[..., Any], tuple[NDArray[Any], ...], NDArray[Any]]

_FEW_COLUMNS = 48  # up to here a result is written column by column
_SMALL_PRODUCT = 2048  # multiplications a row from which BLAS, row by row, beats sums over whole lines


class Layout(Protocol):
    """What depends on where the batch axis lies."""

    last: int
    """The axis of a block's array that is the last axis of a node."""

    def shape(self, node: Node, rows: int) -> tuple[int, ...]:
        """The shape of a batched node's array."""

    def operand(self, node: Node, array: NDArray[Any], axes: int) -> NDArray[Any]:
        """An operand's array, to be broadcast against a result of that many axes."""

    def view(self, node: Node, argument: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """What a node sees of its operand's memory."""

    def part(self, memory: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """The elements `start` to `stop` of a node's last axis."""

    def product(self, nodes: Sequence[Node], arguments: Sequence[NDArray[Any]], out: NDArray[Any]) -> Instruction:
        """How the matrix product of two nodes is done."""

    def read(self, buffer: NDArray[Any], given: NDArray[Any]) -> None:
        """Fill an input's buffer from the rows given."""

    def write(self, result: NDArray[Any], output: NDArray[Any]) -> None:
        """Write an output's array to its rows of the result."""


class Rows:
    """The batch first, as a user sees it."""

    last = -1

    def shape(self, node: Node, rows: int) -> tuple[int, ...]:
        """(rows, …)."""
        return tuple(rows if size is None else size for size in node.shape)

    def operand(self, node: Node, array: NDArray[Any], axes: int) -> NDArray[Any]:
        """The array as it is."""
        return array

    def view(self, node: Node, argument: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """As NumPy sees it."""
        return np.asarray(compute(node.operation, [argument], node.attributes, shape))

    def part(self, memory: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """Columns of the memory."""
        return memory[..., start:stop]

    def product(self, nodes: Sequence[Node], arguments: Sequence[NDArray[Any]], out: NDArray[Any]) -> Instruction:
        """One product of a tall matrix instead of many of small ones, where the right side is the same for all rows."""
        left, right = arguments
        if left.ndim > 2 and right.ndim == 2 and left.flags.c_contiguous and left.size and out.size:
            return np.matmul, (left.reshape(-1, left.shape[-1]), right), out.reshape(-1, out.shape[-1])
        return np.matmul, (left, right), out

    def read(self, buffer: NDArray[Any], given: NDArray[Any]) -> None:
        """A copy."""
        buffer[...] = given

    def write(self, result: NDArray[Any], output: NDArray[Any]) -> None:
        """A copy."""
        result[...] = output


class Lines:
    """The batch last: one element of every row lies in one piece."""

    last = -2

    def shape(self, node: Node, rows: int) -> tuple[int, ...]:
        """(…, rows)."""
        return (*(int(size or 0) for size in node.shape[1:]), rows)

    def operand(self, node: Node, array: NDArray[Any], axes: int) -> NDArray[Any]:
        """A constant gets the batch as a last axis of length 1, in place of a first one where it has that."""
        if node.value is None:
            return array
        return (array[0] if array.ndim == axes and len(array) == 1 else array)[..., None]

    def view(self, node: Node, argument: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The same with the batch behind."""
        if node.operation == "index":
            return np.asarray(argument[(*index_key(node.attributes[0][1:]), slice(None))])
        if node.operation == "transpose":
            return np.swapaxes(argument, -2, -3)
        return argument.reshape(shape) if node.operation == "reshape" else np.broadcast_to(argument, shape)

    def part(self, memory: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
        """Lines of the memory."""
        return memory[..., start:stop, :]

    def product(self, nodes: Sequence[Node], arguments: Sequence[NDArray[Any]], out: NDArray[Any]) -> Instruction:
        """A constant matrix times lines is one product; of two that vary, sums over lines or products row by row."""
        left, right = nodes
        if right.value is not None and right.value.ndim == 2:
            return np.matmul, (np.ascontiguousarray(right.value.T), arguments[0]), out
        if left.value is not None and left.value.ndim == 2 and arguments[1].flags.c_contiguous and out.size:
            lines = arguments[1].reshape(*arguments[1].shape[:-2], -1)
            return np.matmul, (left.value, lines), out.reshape(*out.shape[:-2], -1)
        inner, columns = arguments[1].shape[-3], arguments[1].shape[-2]
        if inner == 0 or inner * columns * arguments[0].shape[-3] > _SMALL_PRODUCT:
            return _product_by_row, tuple(arguments), out
        return partial(_product_by_line, np.empty_like(out)), tuple(arguments), out

    def read(self, buffer: NDArray[Any], given: NDArray[Any]) -> None:
        """Turned round."""
        buffer[...] = given.T

    def write(self, result: NDArray[Any], output: NDArray[Any]) -> None:
        """Turned round, along the longer side."""
        rows = np.moveaxis(output, -1, 0)
        columns = result.size // max(len(result), 1)
        if columns <= _FEW_COLUMNS and len(result) > columns:
            for place in np.ndindex(result.shape[1:]):
                result[(slice(None), *place)] = rows[(slice(None), *place)]
        else:
            result[...] = rows


def _product_by_line(spare: NDArray[Any], a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
    """Σ_k a[…, m, k, :] b[…, k, p, :], each product along whole lines."""
    np.multiply(a[..., :, 0, None, :], b[..., None, 0, :, :], out=out)
    for k in range(1, a.shape[-2]):
        np.multiply(a[..., :, k, None, :], b[..., None, k, :, :], out=spare)
        np.add(out, spare, out=out)


def _product_by_row(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
    """The same, row by row."""
    np.copyto(np.moveaxis(out, -1, 0), np.matmul(np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)))
