"""Products with the Jacobian, J v and u J, without forming it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matnet.derivatives.accumulate import MaskedDirections, cotangents, gathered, tangents
from matnet.functions.namespace import Array, namespace
from matnet.simulate import Program


def seeds(program: Program, signals: Sequence[int], directions: Array) -> dict[int, MaskedDirections]:
    """The part of `directions` (..., Σ sizes) for each signal, (..., 1, size), summed for repeated signals."""
    pieces: dict[int, Array] = {}
    start = 0
    for signal in signals:
        piece = directions[..., None, start : start + program.sizes[signal]]
        pieces[signal] = pieces[signal] + piece if signal in pieces else piece
        start += program.sizes[signal]
    return {signal: MaskedDirections(piece, np.ones(1, dtype=np.bool_)) for signal, piece in pieces.items()}


def jvp(program: Program, values: Sequence[Array], of: Sequence[int], wrt: Sequence[int], x: Array, v: Array) -> Array:
    """J v: v (..., R) -> (..., S), element i the rate of change of element i of `of` along v."""
    columns = tangents(program, values, seeds(program, wrt, v))
    return gathered([columns[signal] for signal in of], [program.sizes[signal] for signal in of], 1, x)[..., 0, :]


def vjp(program: Program, values: Sequence[Array], of: Sequence[int], wrt: Sequence[int], x: Array, u: Array) -> Array:
    """u J: u (..., S) -> (..., R), element j the derivative of u·of with respect to element j."""
    rows = cotangents(program, values, seeds(program, of, u))
    return gathered([rows[signal] for signal in wrt], [program.sizes[signal] for signal in wrt], 1, x)[..., 0, :]


def propagated(jacobian: Array, covariance: Array) -> Array:
    """J Σ Jᵀ: J (..., S, R) and Σ (R, R) or (..., R, R) -> (..., S, S)."""
    xp = namespace(jacobian)
    return xp.matmul(xp.matmul(jacobian, covariance), xp.matrix_transpose(jacobian))
