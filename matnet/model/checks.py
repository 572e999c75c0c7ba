"""Check points: a network's own outputs at a few inputs, stored beside it and computed again when it is read.

A static network has samples: inputs (Q, R), outputs (Q, S), Jacobians (Q, S, R). A dynamic one has one series from
zero states: inputs (T, R), outputs (T, S), and the Jacobians (T, S, R) of each step's outputs with respect to the same
step's inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.model.structure import Structure


class NetworkLike(Protocol):
    """The methods of a Network that are needed here; this room cannot import that class."""

    structure: Structure

    def value_and_jacobian(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Outputs (Q, S) and Jacobians (Q, S, R) of samples (Q, R)."""

    def run(self, x: Any = None, *, steps: int | None = None) -> Any:
        """An object with the outputs (T, S) of a series (T, R) from zero states."""

    def run_jacobian(self, x: Any, lags: int) -> FloatArray:
        """dy(t)/dx(t − lag), (T, lags + 1, S, R)."""


TOLERANCE = 1e-12
"""Relative to the range: far above the effect of another summation order or exp, far below any change that matters.

The outputs of a network with ordinary weights differ between platforms by about 1e-15 of the range; points where
rounding changes them by more than this tolerance are never stored (`make_checks`).
"""

_POINTS = 5
_CANDIDATES = 24
_JACOBIAN_NUMBERS = 100_000
"""The most numbers that all Jacobians may have together; wide networks get fewer points, but at least one."""

_ROUNDING = 2.0**-50
"""A relative change of all weights and inputs that simulates rounding: 4 units in the last place."""


@dataclass(frozen=True, eq=False)
class Checks:
    """Inputs with their outputs and Jacobians."""

    inputs: FloatArray
    outputs: FloatArray
    jacobians: FloatArray

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, rows: slice | list[int]) -> Checks:
        """Some of the points."""
        return Checks(self.inputs[rows], self.outputs[rows], self.jacobians[rows])


def deviations(structure: Structure, stored: Checks, found: Checks) -> tuple[FloatArray, FloatArray]:
    """The differences of the outputs and of the Jacobians at each point, relative to the range; NaN equals NaN.

    Outputs are compared relative to the larger of their range and their magnitude; dy_i/dx_j relative to the range of
    x_j and the largest effect that any input has on y_i over its range.
    """
    box = input_box(structure)
    with np.errstate(all="ignore"):
        width = (box[:, 1] - box[:, 0])[None, :]
        y_scale = np.fmax(_spans(structure), _largest(stored.outputs, 0))
        j_scale = _largest(stored.jacobians * width, (0, 2))[:, None]
        return (
            _relative(stored.outputs, found.outputs, y_scale),
            _relative(stored.jacobians * width, found.jacobians * width, j_scale),
        )


def _spans(structure: Structure) -> FloatArray:
    """The width of each output's range, 0 where it is unknown."""
    limits = [np.zeros((entry.size, 2)) if entry.range is None else entry.range for entry in structure.outputs]
    spans = np.concatenate([np.abs(limit[:, 1] - limit[:, 0]) for limit in limits])
    return np.where(np.isfinite(spans), spans, 0.0)


def _largest(values: FloatArray, axis: int | tuple[int, ...]) -> FloatArray:
    finite = np.where(np.isfinite(values), np.abs(values), 0.0)
    return np.asarray(np.max(finite, axis=axis, initial=0.0))


def _relative(stored: FloatArray, found: FloatArray, scale: FloatArray) -> FloatArray:
    """The largest scaled difference per point; Inf if one value is NaN or infinite and the other is not."""
    same = (stored == found) | (np.isnan(stored) & np.isnan(found))
    relative = np.where(same, 0.0, np.abs(stored - found) / scale)
    relative = np.where(np.isnan(relative), np.inf, relative)
    return np.asarray(np.max(relative, axis=tuple(range(1, relative.ndim)), initial=0.0))


def checking_bytes(structure: Structure) -> int:
    """Roughly the memory that computing a check point takes, whose sizes an archive states in a few characters.

    That are the values of the layers and their slopes with respect to the inputs or the outputs, whichever are fewer;
    of layers that are remembered, also the slopes of what is remembered; the states that delays keep; and the tables of
    windows and indices.
    """
    elements, inputs, outputs = structure.layer_elements, structure.input_size, structure.output_size
    weights = [pair for layer in structure.layers for pair in layer.layer_weights.items()]
    remembered = {source for source, weight in weights if weight.delays[-1] > 0}
    slopes = min(inputs, outputs)
    if remembered:
        slopes = outputs + sum(structure.layers[source].size for source in remembered)
    states = structure.input_delay * inputs + structure.layer_delay * elements
    tables = sum(weight.row.table_numbers for layer in structure.layers for weight in layer.weights)
    # each is held a few times while it is made or combined with others
    return 8 * (6 * elements * (1 + slopes) + states + 3 * tables)


def make_checks(net: NetworkLike, perturbed: Callable[[float], NetworkLike]) -> Checks:
    """Check points of a network, where rounding does not change its outputs by more than the tolerance.

    Parameters
    ----------
    net
        The network.
    perturbed
        The same network with all its weights changed by a relative amount, alternately up and down.

    Returns
    -------
    Checks
        Empty if rounding changes the outputs too much everywhere, or if they need more memory than an archive may take.
    """
    structure = net.structure
    if checking_bytes(structure) > DEFAULT_LIMIT // 2:
        return answers(net, np.zeros((0, structure.input_size)))
    series = structure.dynamic
    numbers = max(structure.input_size * structure.output_size, 1)
    delay = max(structure.input_delay, structure.layer_delay)
    count = max(1, min(_POINTS + delay, _JACOBIAN_NUMBERS // numbers))
    stored = answers(net, points_in(input_box(structure), count if series else _CANDIDATES))
    steady = np.ones(len(stored), dtype=bool)
    for change in (_ROUNDING, -_ROUNDING):
        moved = answers(perturbed(change), stored.inputs * (1.0 + change))
        for deviation in deviations(structure, stored, moved):
            steady &= deviation < TOLERANCE
    if structure.looks_ahead:
        # a part of the series would have other outputs
        return stored.at(slice(0, len(stored) if steady.all() else 0))
    if series:
        # each step depends on those before it, so the series ends before the first that rounding changes
        return stored.at(slice(0, len(stored) if steady.all() else int(np.argmin(steady))))
    return stored.at(np.flatnonzero(steady)[:count].tolist())


def answers(net: NetworkLike, inputs: FloatArray) -> Checks:
    """The network's outputs and Jacobians at the inputs of check points, which may be empty."""
    if not len(inputs):
        outputs, size = net.structure.output_size, net.structure.input_size
        return Checks(inputs, np.zeros((0, outputs)), np.zeros((0, outputs, size)))
    if not net.structure.dynamic:
        return Checks(inputs, *net.value_and_jacobian(inputs))
    if not net.structure.input_size:
        outputs = net.run(steps=len(inputs)).outputs
        return Checks(inputs, outputs, np.zeros((*outputs.shape, 0)))
    return Checks(inputs, net.run(inputs).outputs, net.run_jacobian(inputs, lags=0)[:, 0])


def differing(net: NetworkLike, stored: Checks) -> tuple[int, str, float] | None:
    """The first point (from 0) where the network deviates by more than the tolerance, in which field, by how much."""
    if not len(stored):
        return None
    structure, found = net.structure, answers(net, stored.inputs)
    for what, deviation in zip(("outputs", "jacobians"), deviations(structure, stored, found), strict=True):
        beyond = np.flatnonzero(~(deviation <= TOLERANCE))
        if len(beyond):
            return int(beyond[0]), what, float(deviation[beyond[0]])
    return None
