"""Computations of one array, each by NumPy and as the tape of a function that writers of files print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from matnet.exporters.recording import Function, Port
from matnet.tape.symbols import Tape
from random_networks import Real

X = np.array(
    [
        [1.5, -2.0, 1.0, 0.25, 3.0, -0.5],
        [1.0, 1.0, -1.0, 7.0, 7.0, 2.0],
        [-3.0, -1.0, -2.0, -5.0, -4.0, -6.0],
        [np.nan, 1.0, 2.0, 3.0, 0.0, 1.0],
        [1.0, 4.0, np.nan, np.nan, 5.0, 0.5],
        [0.5, 3.0, 1.0, np.inf, 2.0, np.nan],
        [-np.inf, -1.0, np.inf, 2.0, 0.5, -3.0],
    ]
)
"""Samples of six elements; the first three are finite."""

LEFT = np.array([[0.5, -1.0, 2.0], [4.0, 0.25, -3.0]])


def _matrices(xp: Any, x: Any) -> Any:
    """Two matrices of two rows and three columns."""
    return xp.reshape(x, (*x.shape[:-1], 1, 2, 3)) * LEFT[:, :1, None]


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a slice": lambda xp, x: xp.exp(x)[..., 1:4],
    "a slice of a slice": lambda xp, x: x[..., 2:6][..., 1:3] * 2.0,
    "an element": lambda xp, x: x[..., 4] - x[..., 1],
    "a new axis and an element of it": lambda xp, x: (x[..., None, :] * LEFT[:, 1:2])[..., 1, 2:5],
    "a transpose": lambda xp, x: xp.exp(xp.matrix_transpose(xp.reshape(x, (*x.shape[:-1], 2, 3))) * LEFT.T),
    "a reshape of a transpose": lambda xp, x: xp.reshape(
        xp.matrix_transpose(xp.reshape(x, (*x.shape[:-1], 2, 3))), (*x.shape[:-1], 6)
    ),
    "a reshape of a slice": lambda xp, x: xp.reshape(
        xp.reshape(x, (*x.shape[:-1], 2, 3))[..., 1:3], (*x.shape[:-1], 4)
    ),
    "a row of a transpose": lambda xp, x: xp.matrix_transpose(xp.reshape(x, (*x.shape[:-1], 2, 3)))[..., 1, :],
    "a broadcast": lambda xp, x: xp.reshape(
        xp.broadcast_to(x[..., 1:3, None], (*x.shape[:-1], 2, 3)) + 0.0 * LEFT, (*x.shape[:-1], 6)
    ),
    "the same along new axes": lambda xp, x: xp.broadcast_to(x[..., None, :2], (*x.shape[:-1], 3, 2)),
    "the sum": lambda xp, x: xp.sum(x, axis=-1),
    "the sum of rows": lambda xp, x: xp.sum(xp.reshape(x, (*x.shape[:-1], 2, 3)), axis=-1),
    "the sum of rows, kept": lambda xp, x: (
        x[..., :2, None] / xp.sum(x[..., None, :] * LEFT[:, :1], axis=-1, keepdims=True)
    ),
    "the sum of one": lambda xp, x: xp.sum(x[..., :1], axis=-1, keepdims=True),
    "the largest": lambda xp, x: xp.max(x, axis=-1),
    "the largest of rows": lambda xp, x: xp.max(xp.reshape(x, (*x.shape[:-1], 3, 2)), axis=-1),
    "the largest of rows, kept": lambda xp, x: xp.max(xp.reshape(x, (*x.shape[:-1], 3, 2)), axis=-1, keepdims=True),
    "the smallest": lambda xp, x: xp.min(x, axis=-1, keepdims=True),
    "the place of the largest": lambda xp, x: xp.where(xp.argmax(x, axis=-1)[..., None] == np.arange(6), x, 0.0),
    "the place of the largest, kept": lambda xp, x: xp.where(
        xp.argmax(x, axis=-1, keepdims=True) == np.arange(6), xp.ones_like(x), xp.zeros_like(x)
    ),
    "the places of the largest of rows": lambda xp, x: xp.where(
        xp.argmax(xp.reshape(x, (*x.shape[:-1], 3, 2)), axis=-1) == np.array([0, 1, 1]), x[..., :3], x[..., 3:]
    ),
    "a product with a matrix": lambda xp, x: xp.matmul(xp.reshape(x, (*x.shape[:-1], 2, 3)), LEFT.T),
    "a product from the left": lambda xp, x: xp.matmul(x[..., None, :3], LEFT.T)[..., 0, :],
    "a product of two": lambda xp, x: xp.matmul(
        xp.reshape(x, (*x.shape[:-1], 2, 3)), xp.reshape(x, (*x.shape[:-1], 3, 2))
    ),
    "a product of matrices of rows": lambda xp, x: xp.matmul(xp.reshape(x, (*x.shape[:-1], 3, 1, 2)), LEFT[:, :2].T),
    "several products": lambda xp, x: xp.matmul(
        xp.reshape(x, (*x.shape[:-1], 3, 1, 2)), np.arange(12.0).reshape(3, 2, 2)
    ),
    "a product of zeros": lambda xp, x: xp.matmul(xp.asarray(np.zeros((2, 3))), xp.reshape(x, (*x.shape[:-1], 3, 2))),
    "a product with zeros": lambda xp, x: xp.matmul(xp.reshape(x, (*x.shape[:-1], 3, 2)), xp.asarray(np.zeros((2, 2)))),
    "a product with repeated zeros": lambda xp, x: xp.matmul(
        xp.reshape(x, (*x.shape[:-1], 3, 2)), xp.broadcast_to(xp.asarray(np.zeros((1, 2))), (*x.shape[:-1], 2, 2))
    ),
    "several products from the left": lambda xp, x: xp.matmul(LEFT[:, :2], xp.reshape(x, (*x.shape[:-1], 3, 2, 1))),
    "several products of zeros": lambda xp, x: xp.matmul(
        xp.asarray(np.zeros((2, 1))), xp.reshape(x, (*x.shape[:-1], 3, 1, 2))
    ),
    "several products with zeros": lambda xp, x: xp.matmul(
        xp.reshape(x, (*x.shape[:-1], 3, 1, 2)), xp.asarray(np.zeros((2, 3)))
    ),
    "exponentials over sums that are not those of softmax": lambda xp, x: (
        xp.exp(x - 0.5 * x) / xp.sum(xp.exp(x - 0.5 * x), axis=-1, keepdims=True)
        + xp.exp(-x) / xp.sum(xp.exp(-2.0 * x), axis=-1, keepdims=True)
        + xp.tanh(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True)
        + xp.exp(x) / xp.max(xp.exp(x), axis=-1, keepdims=True)
        + xp.exp(x - xp.max(0.5 * x, axis=-1, keepdims=True))
        / xp.sum(xp.exp(x - xp.max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)
    ),
    "an outer sum": lambda xp, x: xp.reshape(x, (*x.shape[:-1], 3, 1, 2)) + LEFT[:, :1],
    "an outer product": lambda xp, x: x[..., :3, None, None] * xp.reshape(x, (*x.shape[:-1], 1, 3, 2)),
    "transposes": lambda xp, x: 2.0 * xp.matrix_transpose(xp.reshape(x, (*x.shape[:-1], 3, 1, 2))) - LEFT[:, :1],
    "elements from the end": lambda xp, x: x[..., -1] - xp.reshape(x, (*x.shape[:-1], 2, 3))[..., -2, -1],
    "parts repeated side by side": lambda xp, x: xp.concat(
        [
            xp.broadcast_to(x[..., None, :2], (*x.shape[:-1], 3, 2)),
            xp.reshape(x, (*x.shape[:-1], 3, 2)),
            xp.broadcast_to(x[..., 5:, None], (*x.shape[:-1], 3, 1)),
        ],
        axis=-1,
    ),
    "numbers that are hard to write": lambda xp, x: x * np.array([np.nan, np.inf, -np.inf, 1e300, -5e-324, 1.0 / 3.0]),
    "whole numbers": lambda xp, x: x * np.array([1e22, -1e16, 3.0, -0.0, 2.0**53, 123456789.0]),
    "chosen elements": lambda xp, x: xp.take(x, xp.asarray(np.array([4, 0, 0, 5])), axis=-1),
    "chosen columns": lambda xp, x: xp.take(
        xp.reshape(x, (*x.shape[:-1], 2, 3)), xp.asarray(np.array([2, 0, 2, 1])), axis=-1
    ),
    "parts in a row": lambda xp, x: xp.concat([x[..., 2:4], xp.exp(x), x[..., :1]], axis=-1),
    "parts in rows": lambda xp, x: xp.concat(
        [xp.reshape(x, (*x.shape[:-1], 2, 3)), xp.reshape(x[..., 1:5], (*x.shape[:-1], 2, 2))], axis=-1
    ),
    "a column beside two": lambda xp, x: xp.concat(
        [x[..., :3, None], xp.reshape(x, (*x.shape[:-1], 3, 2)), x[..., 3:, None]], axis=-1
    ),
    "numbers along new axes": lambda xp, x: (
        xp.broadcast_to(xp.asarray(np.array([2.0, -3.0])), (*x.shape[:-1], 3, 2)) * xp.reshape(x, (*x.shape[:-1], 3, 2))
    ),
    "sums of matrices": lambda xp, x: xp.sum(_matrices(xp, x), axis=-1),
    "the largest of matrices": lambda xp, x: xp.max(_matrices(xp, x), axis=-1, keepdims=True),
    "the places of the largest of matrices": lambda xp, x: xp.where(
        xp.argmax(_matrices(xp, x), axis=-1) == np.array([1, 2]), xp.reshape(x[..., :4], (*x.shape[:-1], 2, 2)), 0.0
    ),
    "chosen columns of matrices": lambda xp, x: xp.take(_matrices(xp, x), xp.asarray(np.array([2, 0, 2])), axis=-1),
    "conditions": lambda xp, x: xp.where(((x < 0.5) | (x > 2.0)) & ~(x <= -1.0), x, -x) * xp.where(x == 1.0, 2.0, 1.0),
    "conditions that every number meets, or none": lambda xp, x: (
        xp.where((x < np.inf) & (x < 0.5), 1.0, 2.0)
        + xp.where((x > 2.0) & (-np.inf <= x), 10.0, 20.0)
        + xp.where((x == np.inf) | (x <= -1.0), 100.0, 200.0)
        + xp.where((x < 2.0) | (x < -np.inf), 1e3, 2e3)
        + xp.where((x <= np.inf) & (np.inf < x), 1e4, 2e4)
        + xp.where((x < x) | (x == -np.inf), 1e5, 2e5)
        + xp.where((x == x) & (x <= x) & (x > 1.0), 1e6, 2e6)
        + xp.where(~(x > -np.inf), 1e7, 2e7)
        + xp.where(~(x < -np.inf) | (x > 1.0), 1e8, 2e8)
        + xp.where((np.inf <= x) & (x > 1.0), 1e9, 2e9)
    ),
    "functions": lambda xp, x: xp.tanh(xp.abs(x)) + xp.sqrt(xp.abs(x)) * xp.sign(x) - xp.exp(-x) / (1.0 + x * x),
}
"""Computations of one array with a batch axis, by NumPy and by what records it."""


def function_of(name: str) -> tuple[Function, Real]:
    """A computation as a function "value", and its results (N, S) for the samples X."""
    of = OPERATIONS[name]
    with np.errstate(all="ignore"):
        expected = np.asarray(of(np, X), dtype=np.float64).reshape(len(X), -1)
    tape = Tape()
    x = tape.input(6)
    xp, size = x.__array_namespace__(), expected.shape[1]
    found = of(xp, x)
    tape.finish([xp.reshape(found, (None, size))])
    return Function("value", (Port("x", (6,)),), (Port("y", (size,)),), tape), expected
