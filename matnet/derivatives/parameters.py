"""Derivatives by the weights and biases, in MATLAB's getwb order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matnet.derivatives.accumulate import cotangents, gathered, identity_seeds, step_values
from matnet.functions.namespace import Array
from matnet.simulate import Directions, ParameterKey, Program


def parameter_products(
    program: Program, values: Sequence[Array], seeds: dict[int, Array], count: int, x: Array
) -> Array:
    """Cotangents `seeds` (..., count, size) of some signals, carried to all weights and biases: (..., count, P)."""
    rows = cotangents(program, values, seeds)
    found: dict[ParameterKey, Directions] = {}
    for step in program.steps:
        adjoint = rows[step.target]
        if adjoint is not None:
            found |= step.parameter_cotangents(*step_values(step, values), adjoint)
    parts = [found.get(key) for key in program.parameters]
    return gathered(parts, list(program.parameter_sizes), count, x)


def parameter_jacobian(program: Program, values: Sequence[Array], of: Sequence[int], x: Array) -> Array:
    """The derivative of the signals `of` by every weight and bias: one backward walk, no loop over outputs.

    Returns
    -------
    (..., S, P), element [..., i, k] the derivative of element i of `of` by entry k of the weight vector; 0 for the
    parameters behind `of`.
    """
    count = sum(program.sizes[signal] for signal in of)
    return parameter_products(program, values, identity_seeds(program, of, x), count, x)


def parameter_vector(program: Program, arrays: dict[ParameterKey, Array]) -> Array:
    """All weights and biases as one vector (P,): each column-major, in the order of ``Program.parameters``."""
    return np.concatenate([arrays[key].T.reshape(-1) for key in program.parameters])
