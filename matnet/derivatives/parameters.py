"""Derivatives with respect to the weights and biases, in the order of ``Structure.parameter_order``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from matnet.derivatives.accumulate import MaskedDirections, cotangents, gathered, identity_seeds, step_values
from matnet.derivatives.memory import check_memory
from matnet.errors import ShapeError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Structure, Weight
from matnet.simulate import ParameterKey, Program


def parameter_products(
    program: Program, values: Sequence[Array], seeds: dict[int, MaskedDirections], count: int, x: Array
) -> Array:
    """Cotangents `seeds` (..., count, size) of some signals, propagated to all weights and biases: (..., count, P)."""
    rows = cotangents(program, values, seeds)
    products: dict[ParameterKey, MaskedDirections] = {}
    for step in program.steps:
        adjoint = rows[step.target]
        if adjoint is not None:
            by_parameter = step.parameter_cotangents(*step_values(step, values), adjoint.directions)
            products |= {key: MaskedDirections(share, adjoint.reach) for key, share in by_parameter.items()}
    parts = [products.get(key) for key in program.parameters]
    return gathered(parts, list(program.parameter_sizes), count, x)


def parameter_jacobian(program: Program, values: Sequence[Array], of: Sequence[int], x: Array) -> Array:
    """The derivative of the signals `of` with respect to all weights and biases, in one backward pass.

    Returns
    -------
    (..., S, P), element [..., i, k] that of element i of `of` with respect to entry k of the weight vector; 0 for
    the parameters after `of`.
    """
    count, size = sum(program.sizes[signal] for signal in of), sum(program.parameter_sizes)
    what = f"the derivatives of {count:,} outputs with respect to {size:,} weights"
    check_memory(count * size, what, "take a layer with fewer outputs (of=)")
    return parameter_products(program, values, identity_seeds(program, of, x), count, x)


def parameters_up_to(structure: Structure, program: Program, layer: int) -> int:
    """How many of the parameters, counted from the first, a layer (from 0) depends on.

    In the order by layers those of the layers up to it, and of any that feed it but stand later; else all.
    """
    if structure.parameter_order == "getwb":
        return sum(program.parameter_sizes)
    last, waiting, seen = layer, [layer], {layer}
    while waiting:
        sources = set(structure.layers[waiting.pop()].layer_weights) - seen
        seen |= sources
        waiting += sources
        last = max(last, *sources) if sources else last
    sizes = zip(program.parameters, program.parameter_sizes, strict=True)
    return sum(size for (_, number, _), size in sizes if structure.whole(number) <= last)


def parameter_arrays(structure: Structure) -> dict[ParameterKey, Array]:
    """Every bias (S,) and weight (S, R·taps) of a structure."""
    arrays: dict[ParameterKey, Array] = {}
    for number, layer in enumerate(structure.layers):
        if layer.bias is not None:
            arrays["b", number, -1] = layer.bias
        arrays |= {("IW", number, source): weight.value for source, weight in layer.input_weights.items()}
        arrays |= {("LW", number, source): weight.value for source, weight in layer.layer_weights.items()}
    return arrays


def parameter_vector(program: Program, arrays: dict[ParameterKey, Array]) -> FloatArray:
    """All weights and biases as one vector (P,): each column-major, in the order of ``Program.parameters``."""
    return np.concatenate([np.zeros(0), *(arrays[key].T.reshape(-1) for key in program.parameters)])


def with_parameters(structure: Structure, program: Program, theta: Array) -> Structure:
    """The structure with the weights and biases of the vector theta (P,)."""
    vector = np.asarray(theta, dtype=np.float64)
    if vector.shape != (sum(program.parameter_sizes),):
        raise ShapeError(f"theta has shape {vector.shape}, expected ({sum(program.parameter_sizes)},)")
    # the last piece is what follows the last parameter: nothing
    pieces = np.split(vector, np.cumsum(program.parameter_sizes))[:-1]
    shapes = {key: array.shape for key, array in parameter_arrays(structure).items()}
    arrays = {key: piece.reshape(shapes[key][::-1]).T for key, piece in zip(program.parameters, pieces, strict=True)}
    return with_arrays(structure, arrays)


def with_arrays(structure: Structure, arrays: dict[ParameterKey, Array]) -> Structure:
    """The structure with other biases (S,) and weights (S, R·taps)."""

    def weights(kind: Literal["IW", "LW"], number: int, own: Mapping[int, Weight]) -> dict[int, Weight]:
        return {
            source: replace(weight, value=arrays.get((kind, number, source), weight.value))
            for source, weight in own.items()
        }

    layers = [
        replace(
            layer,
            bias=arrays.get(("b", number, -1)),
            input_weights=weights("IW", number, layer.input_weights),
            layer_weights=weights("LW", number, layer.layer_weights),
        )
        for number, layer in enumerate(structure.layers)
    ]
    return replace(structure, layers=tuple(layers))
