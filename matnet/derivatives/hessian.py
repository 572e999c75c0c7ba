"""Second derivatives, from one forward and one backward pass.

For y = f_n(… f_1(x)) the chain rule gives one term per curved step: with T the tangents of the step's sources (their
derivatives with respect to x, (..., R, size)) and u the adjoint of its target for output i (the derivative of y_i with
respect to it),

    H_i = Σ over steps  Σ_k u_k · T (∂²target_k) Tᵀ

T comes from the forward pass, u from the backward pass, and each row provides its second derivative contracted with u
and with T on both sides, its ``curvature``. No pass is repeated per pair of inputs.

That contraction takes one of three forms, the cheapest first:

- If target k depends on source k alone (``curvature_weights`` gives d = u·a'') and T is the same for all samples, as in
  a first layer, H is one product of d with the products of pairs of columns of T, which are constants.
- If T varies with the sample, H is T diag(d) Tᵀ for each sample.
- Otherwise the row computes it: the outputs i are one more axis between the batch and the directions.

The curvature of a piecewise linear function, such as relu or max pooling, is 0, or NaN in a sample that is not known:
no product of T is formed for it.

Only the pairs on and above the diagonal are summed, then copied, so H is symmetric to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.accumulate import cotangents, identity_seeds, joined, reaching, step_values, tangents
from matnet.derivatives.memory import check_directions
from matnet.functions.namespace import Array, constant, indices, namespace
from matnet.functions.transfer_rows import weighted_products
from matnet.simulate import Program


def hessian(program: Program, values: Sequence[Array], of: Sequence[int], wrt: Sequence[int], x: Array) -> Array:
    """The second derivative of the signals `of` with respect to the signals `wrt`.

    H_i = Σ over the curved steps of the step's adjoint for element i, times the step's second derivative, applied to
    its sources' tangents on both sides. The elements on and above the diagonal are computed and copied, so the result
    is symmetric to the bit in its last two axes.

    Returns
    -------
    (..., S, R, R), element [..., i, j, k] that of element i of `of` with respect to elements j and k of `wrt`.
    """
    check_directions(program, of, wrt, order=2)
    xp = namespace(x)
    count = sum(program.sizes[signal] for signal in of)
    size = sum(program.sizes[signal] for signal in wrt)
    pairs = _Pairs.of(size)
    columns = tangents(program, values, identity_seeds(program, wrt, x))
    rows = cotangents(program, values, identity_seeds(program, of, x))
    fixed: list[Array] = []  # terms (..., S or 1, pairs or 1) of steps whose directions are the same for all samples
    others: list[Array] = []  # terms (..., S, R, R)
    for step in program.steps:
        adjoint, moving = rows[step.target], columns[step.target]
        if adjoint is None or moving is None:
            continue
        p, a = step_values(step, values)
        reach = adjoint.reach[:, None, None] & moving.reach[:, None] & moving.reach
        unknown = step.unknown(p)
        if unknown is not None:
            fixed.append(reaching(unknown[..., None], reach[:, pairs.first, pairs.second]))
            continue
        if not step.curved:
            continue
        along = [
            None if source is None else joined(source, moving.reach)
            for source in map(columns.__getitem__, step.sources)
        ]
        weights, directions = step.curvature_weights(p, a, adjoint.directions), along[0]
        # one more axis between the batch and the directions: the rows of `of`
        spread = [None if direction is None else direction[..., None, :, :] for direction in along]
        if weights is None or directions is None:
            term = step.curvature(
                [value[..., None, :] for value in p], a[..., None, :], adjoint.directions, spread, spread
            )
            if term is not None:
                others.append(reaching(term, reach))
        elif set(directions.shape[:-2]) <= {1}:
            elements = xp.matrix_transpose(xp.reshape(directions, directions.shape[-2:]))
            first, second = (xp.take(elements, indices(x, places), axis=-1) for places in (pairs.first, pairs.second))
            fixed.append(reaching(xp.matmul(weights, first * second), reach[:, pairs.first, pairs.second]))
        else:
            others.append(reaching(weighted_products(weights, spread[0], spread[0]), reach))
    if others:
        square = reduce(add, others)
        flat = xp.reshape(square, (*square.shape[:-2], size * size))
        fixed.append(xp.take(flat, indices(x, pairs.first * size + pairs.second), axis=-1))
    if not others and all(term.shape[-1] != len(pairs.first) for term in fixed):
        fixed.append(constant(x, np.zeros((1, len(pairs.first)))))
    total = reduce(add, fixed)
    full = xp.broadcast_to(xp.take(total, indices(x, pairs.places), axis=-1), (*x.shape[:-1], count, size * size))
    return xp.reshape(full, (*x.shape[:-1], count, size, size))


class _Pairs(NamedTuple):
    """The elements on and above the diagonal of a square matrix, and the position of every element among them."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    places: NDArray[np.intp]

    @classmethod
    def of(cls, size: int) -> _Pairs:
        """The pairs of a matrix of that size."""
        first, second = np.triu_indices(size)
        places = np.empty((size, size), dtype=np.intp)
        places[first, second] = places[second, first] = np.arange(len(first))
        return cls(first, second, places.reshape(-1))
