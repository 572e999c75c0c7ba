"""The cost of a network for targets, and where its gradient enters the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.functions.performance import (
    PerformanceFunction,
    known,
    performance_row,
    performance_rows,
    shares,
    slope,
    total,
)
from matnet.functions.transfer_rows import TransferFunction
from matnet.model.structure import Output, Structure
from matnet.simulate import Program, TransferStep


@dataclass(frozen=True, eq=False)
class Cost:
    """A performance function over the outputs of one network.

    The gradient enters at ``signals``, one per output: the output itself, or its layer's net input if the cost is a
    function of ln y and the output is the unchanged value of a softmax or logsig layer. ``other`` is the row of another
    form that the network may equally have been trained with; None if the form is known.
    """

    row: PerformanceFunction
    other: PerformanceFunction | None
    regularization: float
    single: FloatArray
    sizes: tuple[int, ...]
    signals: tuple[int, ...]
    by_net_input: tuple[TransferFunction | None, ...]

    def value(self, t: FloatArray, y: FloatArray, weights: FloatArray | None, theta: FloatArray) -> float:
        """(1 − r)·cost + r·mean(theta²).

        Raises
        ------
        UnsupportedError
            The form is not known, and the cost depends on it.
        """
        cost = float(total(self.row, t, y, self.single, weights))
        if self.other is not None:
            other = float(total(self.other, t, y, self.single, weights))
            if not np.isclose(cost, other, rtol=_FORMS_AGREE, atol=_FORMS_AGREE, equal_nan=True):
                raise UnsupportedError(
                    f"{self.row.name} has two forms, which give {cost:.6g} and {other:.6g} here, where outputs are "
                    f"0 or 1, and no training record shows which one is the network's: {_FORMS}"
                )
        if not self.regularization:
            return cost
        return (1.0 - self.regularization) * cost + self.regularization * float(np.mean(theta * theta))

    def seeds(
        self, t: FloatArray, y: FloatArray, weights: FloatArray | None, at_signals: Sequence[FloatArray]
    ) -> FloatArray:
        """The cost's derivative with respect to the concatenated `signals`, (N, Σ sizes), without the factor 1 − r."""
        by_output = slope(self.row, t, y, self.single, weights)
        scale = np.ones_like(y) if weights is None else weights
        scale = np.where((y < self.row.clip) | (y > 1.0 - self.row.clip), 0.0, scale) if self.row.clip else scale
        t_share = shares(self.row, t, y, scale * t)
        rest_share = shares(self.row, t, y, scale * (1.0 - t))
        parts, start = [], 0
        for size, row, n in zip(self.sizes, self.by_net_input, at_signals, strict=True):
            own = slice(start, start + size)
            start += size
            if row is None or row.log_cotangent is None:
                parts.append(by_output[:, own])
                continue
            seed = -row.log_cotangent(n, y[:, own], t_share[:, own])
            if row.log_complement_cotangent is not None and (size == 1 or self.row.complement):
                seed = seed - row.log_complement_cotangent(n, y[:, own], rest_share[:, own])
            whole = known(t[:, own], y[:, own]).any(axis=-1, keepdims=True)
            parts.append(np.where(whole, seed, 0.0))
        return np.concatenate(parts, axis=-1)


_FORMS_AGREE = 1e-9

_FORMS = (
    "say form='targets' for sum(-t ln y) / N or form='both' for sum(-t ln y - (1 - t) ln(1 - y)) / N (files of 2017 "
    "and 2018 follow the first, a file of 2019 follows the second)"
)


def cost_of(structure: Structure, program: Program, name: str | None, regularization: object, form: str | None) -> Cost:
    """The cost named `name`, or the network's own; in the form `form`, or the one known to be the network's.

    Raises
    ------
    UnsupportedError
        The network has no performance function of its own, the name or form is unknown, the network's function has
        settings that are not supported, or the form matters and is unknown.
    """
    own = structure.performance
    if name is None:
        if own is None:
            raise UnsupportedError("the network has no performance function of its own; name one, such as 'mse'")
        if own.unsupported:
            raise UnsupportedError(f"performParam: {own.unsupported}")
        name, own_regularization = own.function, own.regularization
    else:
        own_regularization = 0.0
    row, other = _row(structure, name, form)
    chosen = own_regularization if regularization is None else regularization
    if not isinstance(chosen, (int, float, np.number)) or not 0.0 <= chosen <= 1.0:
        raise ShapeError(f"regularization is {chosen!r}, expected a number from 0 to 1")
    rows = [_by_net_input(program, output) if row.logarithmic else None for output in structure.outputs]
    entries = zip(rows, program.outputs, structure.outputs, strict=True)
    return Cost(
        row=row,
        other=other,
        regularization=float(chosen),
        single=np.concatenate([np.full(output.size, float(output.size == 1)) for output in structure.outputs]),
        sizes=tuple(output.size for output in structure.outputs),
        signals=tuple(
            signal if found is None else _transfer_step(program, output).sources[0] for found, signal, output in entries
        ),
        by_net_input=tuple(rows),
    )


def _row(structure: Structure, name: str, form: str | None) -> tuple[PerformanceFunction, PerformanceFunction | None]:
    """The row of a name and form, and the other row if the form is unknown."""
    rows = performance_rows(name)
    own = structure.performance
    known_form = own.form if form is None and own is not None and own.function == name else form
    if known_form:
        return performance_row(name, known_form), None
    if len(rows) == 1:
        return rows[0], None
    if any(output.size > 1 for output in structure.outputs):
        raise UnsupportedError(
            f"{name} of an output of several elements has two forms, and no training record shows which one is the "
            f"network's: {_FORMS}"
        )
    return rows[0], rows[1]


def _transfer_step(program: Program, output: Output) -> TransferStep:
    layer = program.layers[output.layer]
    return next(step for step in program.steps if isinstance(step, TransferStep) and step.target == layer)


def _by_net_input(program: Program, output: Output) -> TransferFunction | None:
    """The output's transfer row, if a cost of ln y can be differentiated with respect to its net input."""
    row = _transfer_step(program, output).row
    return row if row.log_cotangent is not None and _unchanged(output) else None


def _unchanged(output: Output) -> bool:
    """Whether the output's processing is the identity: it is affine, and random numbers come out as they went in."""
    probe = values = np.random.Generator(np.random.PCG64(1)).random((1, output.processed_size))
    for process in reversed(output.processing):
        values = process.reverse.value(values)
    return np.array_equal(values, probe)


def without_unknown_inputs(structure: Structure, x: FloatArray) -> FloatArray:
    """x (N, R) with 0 for each NaN that no fixunknowns replaces.

    Such a NaN makes the sample's errors NaN, which excludes the sample from the cost. Its contribution to the gradient
    is 0, but the product of that 0 with a NaN derivative would be NaN.
    """
    taken_up: list[bool] = []
    for entry in structure.inputs:
        functions = [process.function for process in entry.processing]
        if "fixunknowns" in functions[1:]:
            taken_up += [True] * entry.size
        elif functions[:1] == ["fixunknowns"] and "no_change" not in entry.processing[0].settings:
            listed = entry.processing[0].settings["unknown"]
            taken_up += [row + 1 in listed for row in range(entry.size)]
        else:
            taken_up += [False] * entry.size
    return np.where(np.isnan(x) & ~np.asarray(taken_up, dtype=bool), 0.0, x)
