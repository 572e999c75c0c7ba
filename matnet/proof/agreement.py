"""How far stored outputs may differ from a network's, and how much their agreement proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.errors import counted
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.proof.answers import SINGLE_AGREES, InputData, Rounding, answers, answers_with, leading, unnoticed_change
from matnet.proof.digits import MOST_DIGITS, decimal_digits, half_units
from matnet.proof.distances import distances
from matnet.simulate import TransferStep

Verdict: TypeAlias = Literal["proved", "weak", "contradicted", "unclear", "nothing to compare"]

CHANCE = 1e-3
"""An agreement that unrelated numbers would show with a higher probability proves nothing."""

_UNSTEADY = 1e-6
"""Of the range: if rounding moves an answer further (at a step, a tie, in chaos) the sample is not compared."""

_LEAST_SAMPLES = 3
_LEAST_DIGITS, _LEAST_DIGITS_FOUND = 4, 10
_MOST_LEFT_OUT = 0.01
_POINTS, _FIRST_ROWS = 1000, 200
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How stored outputs compare with the network's: samples, the largest difference, and its ratio to the range.

    ``left_out`` counts samples whose answer depends on rounding, ``not_stored`` numbers that are NaN where the network,
    from known inputs, gives a number. ``evidence`` counts the different samples that are fully known. ``tolerance`` (Q,
    S) is how far each may be off, NaN where nothing is compared. ``note`` reports stored outputs with fewer digits than
    a double.
    """

    samples: int
    left_out: int
    not_stored: int
    largest: float
    relative: float
    agrees: bool
    evidence: int
    tolerance: FloatArray
    note: str


def ranges(net: Network, stored: FloatArray) -> FloatArray:
    """(S,) the width of each output's range: that of the stored values or, if wider, the network's own.

    One sample alone shows no range of an output; the range of all outputs takes its place.
    """
    finite = np.where(np.isfinite(stored), stored, np.nan)
    shown = np.fmax.reduce(finite, axis=0, initial=np.nan) - np.fmin.reduce(finite, axis=0, initial=np.nan)
    stated = net.output_range[:, 1] - net.output_range[:, 0]
    if len(finite) == 1:
        shown = np.fmax(shown, np.fmax.reduce(finite[0], initial=np.nan) - np.fmin.reduce(finite[0], initial=np.nan))
    width = np.fmax(shown, np.where(np.isfinite(stated), stated, 0.0))
    size = np.fmax.reduce(np.abs(finite), axis=0, initial=0.0)
    return np.where(width > 0.0, width, np.where(size > 0.0, size, 1.0))


def not_stored(net: Network, data: InputData, y: FloatArray, stored: FloatArray) -> NDArray[np.bool_]:
    """(Q, S) where the stored value is NaN although neither the inputs so far nor the network's answer are.

    MATLAB does not compute NaN from known inputs if the network gives a number: such values were masked or never
    stored.
    """
    unknown = np.asarray(np.isnan(data.x).any(axis=1))
    if net.dynamic:
        states = [state for state in (data.input_states, data.layer_states) if state is not None]
        if data.lengths is None:
            unknown = np.logical_or.accumulate(unknown)
        unknown |= any(bool(np.isnan(state).any()) for state in states)
    return np.asarray(np.isnan(stored) & ~np.isnan(y) & ~unknown[:, None])


def different_samples(data: InputData, stored: FloatArray) -> int:
    """Number of different samples without NaN in inputs and outputs."""
    known = ~np.isnan(stored).any(axis=1) & ~np.isnan(data.x).any(axis=1)
    return len(np.unique(np.hstack([data.x[known], stored[known]]), axis=0))


def agreement(rounding: Rounding, data: InputData, y: FloatArray, stored: FloatArray, named: bool) -> Agreement:
    """The network's outputs `y` beside the stored ones, (Q, S) each; `named` by the user, or found by their shape.

    An answer agrees within the base of its range, or 8 eps of the largest answer, or 4 times the effect of rounding.
    Answers that were written with few digits agree within those digits. Targets have few digits too, so this applies
    only if the answers were named, or have more digits than measurements have.
    """
    single = _is_single(stored)
    base = max(rounding.base, SINGLE_AGREES) if single else rounding.base
    width = ranges(rounding.net, stored)
    moved = rounding.moved(data, y)
    missing = not_stored(rounding.net, data, y, stored)
    apart = np.where(missing, 0.0, distances(y, stored))
    # where rounding decides, agreement still counts, but disagreement proves nothing
    steady = (moved <= _UNSTEADY * width).all(axis=1) | (apart == 0.0).all(axis=1)
    size = np.fmax.reduce(np.where(np.isfinite(y), np.abs(y), 0.0), axis=0, initial=0.0)
    tolerance = np.maximum(np.maximum(base * width, 8.0 * _EPS * size), 4.0 * moved)
    digits = decimal_digits(stored)
    written = (_LEAST_DIGITS if named else _LEAST_DIGITS_FOUND) <= digits <= MOST_DIGITS
    if written and not single and not rounding.single:
        tolerance = tolerance + _written(rounding.net, data, stored, digits)
    compared = steady[:, None] & ~missing & ~(np.isnan(y) & np.isnan(stored))
    distance = np.where(compared, apart, 0.0)
    whole = InputData(data.x[steady])
    return Agreement(
        samples=int(compared.any(axis=1).sum()),
        left_out=int((~steady).sum()),
        not_stored=int(missing.sum()),
        largest=float(np.max(distance, initial=0.0)),
        relative=float(np.max(distance / width, initial=0.0)),
        agrees=bool((distance <= tolerance).all()),
        evidence=different_samples(whole, stored[steady]),
        tolerance=np.where(compared, tolerance, np.nan),
        note=_note(rounding.single, single, digits if written else 0),
    )


def _note(computed_single: bool, single: bool, digits: int) -> str:
    if computed_single:
        return "MATLAB computes this network in single precision, so only 6 digits are compared"
    if single:
        return "the answers were stored in single precision, so only 6 digits are compared"
    return f"the answers were written with {counted(digits, 'digit')}, and these are compared" if digits else ""


def _written(net: Network, data: InputData, stored: FloatArray, digits: int) -> FloatArray:
    """The effect of rounding to so many digits on the answers, and through the inputs beside them."""
    lost = half_units(stored, digits)
    input_digits = decimal_digits(data.x)
    if net.dynamic or not _LEAST_DIGITS <= input_digits <= min(MOST_DIGITS, digits + 1):
        return lost
    slopes = np.abs(np.nan_to_num(net.jacobian(data.x)))
    return np.asarray(lost + np.einsum("qij,qj->qi", slopes, half_units(data.x, input_digits)))


def _is_single(stored: FloatArray) -> bool:
    """Whether all numbers are of single precision, with too many digits for coincidence."""
    finite = stored[np.isfinite(stored)]
    with np.errstate(over="ignore"):
        exact = (finite.astype(np.float32).astype(np.float64) == finite).all()
    long = finite[finite * 4096.0 % 1.0 != 0.0]
    return bool(exact) and len(long) > 0


def computed(stored: FloatArray) -> bool:
    """Whether the numbers have as many digits as computed ones, more than measured ones."""
    numbers = stored[np.isfinite(stored)]
    return decimal_digits(numbers[:: max(1, len(numbers) // _FIRST_ROWS)]) > MOST_DIGITS or _is_single(stored)


def doubt(
    net: Network, data: InputData, y: FloatArray, stored: FloatArray, found: Agreement, tried: int, named: bool
) -> str:
    """Why an agreement proves nothing; empty if it proves the network.

    Unrelated numbers of the network's own kind agree in one of K^Q cases, where K is the number of different answers
    that the network gives and Q the number of samples; `tried` is the number of pairs of variables that were compared.
    Numbers that were `named` are taken as answers; others may be targets that the network has learnt exactly.
    """
    if found.left_out > _MOST_LEFT_OUT * (found.samples + found.left_out):
        return (
            f"at {found.left_out} of {counted(found.samples + found.left_out, 'sample')} rounding decides, and the "
            "answers differ"
        )
    if found.evidence < _LEAST_SAMPLES:
        return f"only {counted(found.evidence, 'different sample')} to compare"
    rows = stored[~np.isnan(stored).all(axis=1)]
    if len(_different(net, rows)) < 2:
        return "the stored answers are the same for all samples"
    if stored.shape == data.x.shape and np.array_equal(stored, data.x, equal_nan=True):
        return "the stored answers are the inputs themselves"
    kinds = _kinds(net, rows)
    if tried * float(kinds) ** -found.evidence > CHANCE:
        pairs = "" if tried == 1 else f", and {counted(tried, 'pair')} of variables were tried"
        answers_given = f"{counted(kinds, 'different answer')} of the network"
        return f"could be chance: {counted(found.evidence, 'sample')}, {answers_given}{pairs}"
    learnt = "" if named else _exactly_learnt(net, y, stored, found)
    if learnt:
        return learnt
    block = unnoticed_change(net, lambda theta: _shows(net, theta, data, y, found.tolerance))
    return f"a change of {block} by 1 % would not have shown" if block else ""


def _exactly_learnt(net: Network, y: FloatArray, stored: FloatArray, found: Agreement) -> str:
    """Why the stored numbers may be targets that the network has learnt exactly; empty if they cannot be."""
    if not found.note and decimal_digits(stored) < _LEAST_DIGITS_FOUND <= decimal_digits(y):
        return "the stored numbers have few digits, as targets have: the network may have learnt them exactly"
    steps = [step for step in net.program.steps if isinstance(step, TransferStep)]
    if all(step.row.linear for step in steps):
        return "these may be targets: a linear network learns linear targets exactly"
    radial = any(
        weight.row.square is not None
        for layer in net.structure.layers
        for weight in (*layer.input_weights.values(), *layer.layer_weights.values())
    )
    if not radial:
        return ""
    for output in net.structure.outputs:
        layer = net.structure.layers[output.layer]
        linear = all(step.row.linear for step in steps if step.target == net.program.layers[output.layer])
        columns = sum(weight.value.shape[1] for weight in layer.layer_weights.values()) + (layer.bias is not None)
        if not linear or columns < found.evidence:
            return ""
    return "these may be targets: a radial network with as many weights as there are samples learns them exactly"


def _shows(net: Network, theta: FloatArray, data: InputData, y: FloatArray, tolerance: FloatArray) -> bool:
    """Whether other parameters give different answers where they are compared."""
    for rows in (leading(net, data, _FIRST_ROWS), len(y)):
        apart = distances(answers_with(net, theta, data.first(rows)), y[:rows])
        if (apart > tolerance[:rows]).any():
            return True
    return False


def _different(net: Network, rows: FloatArray) -> FloatArray:
    """Rows that differ by more than rounding."""
    width = ranges(net, rows)
    return np.unique(np.round(np.nan_to_num(rows) / width, 9), axis=0)


def _kinds(net: Network, rows: FloatArray) -> int:
    """Number of different answers that the network gives: among the stored ones, and over its input range."""
    if net.dynamic:
        return len(_different(net, rows))
    over_range = answers(net, InputData(points_in(input_box(net.structure), _POINTS)))
    finite = over_range[np.isfinite(over_range).all(axis=1)]
    return len(_different(net, np.concatenate([rows, finite])))
