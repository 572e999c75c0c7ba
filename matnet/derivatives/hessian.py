"""Second derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matnet.derivatives.accumulate import cotangents, identity_seeds, step_values, tangents
from matnet.functions.namespace import Array, constant, namespace
from matnet.simulate import Program


def hessian(program: Program, values: Sequence[Array], of: Sequence[int], wrt: Sequence[int], x: Array) -> Array:
    """The second derivative of the signals `of` by the signals `wrt`.

    H_i = Σ over the curved steps of the step's adjoint for element i, times the step's second derivative, applied to
    its sources' tangents on both sides; symmetric to the bit in its last two axes.

    Returns
    -------
    (..., S, R, R), element [..., i, j, k] the derivative of element i of `of` by elements j and k of `wrt`.
    """
    xp = namespace(x)
    count = sum(program.sizes[signal] for signal in of)
    directions = sum(program.sizes[signal] for signal in wrt)
    columns = tangents(program, values, identity_seeds(program, wrt, x))
    rows = cotangents(program, values, identity_seeds(program, of, x))
    total = constant(x, np.zeros((1, 1, 1)))
    for step in program.steps:
        adjoint, along = rows[step.target], [columns[source] for source in step.sources]
        if not step.curved or adjoint is None or all(direction is None for direction in along):
            continue
        p, a = step_values(step, values)
        # one more axis between the batch and the directions: the rows of `of`
        spread = [None if direction is None else direction[..., None, :, :] for direction in along]
        term = step.curvature([value[..., None, :] for value in p], a[..., None, :], adjoint, spread, spread)
        if term is not None:
            total = total + term
    total = 0.5 * (total + xp.matrix_transpose(total))
    return xp.broadcast_to(total, (*x.shape[:-1], count, directions, directions))
