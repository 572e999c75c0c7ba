"""How far two sets of answers may be apart, and how much it proves that they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from matnet.derivatives.cost import cost_of
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.model.structure import Input, Output, Process
from matnet.network import Network
from matnet.proof.digits import MOST_DIGITS, decimal_digits, half_units

Verdict: TypeAlias = Literal["proved", "weak", "contradicted", "nothing to compare"]

STATIC_AGREES, SERIES_AGREES, ROUNDED_AGREES = 2e-14, 1e-11, 1e-13
"""Of the output's range: a static network, a series, a network whose settings were written with 15 digits."""

SINGLE_AGREES = 2e-6
"""Of the output's range: answers that MATLAB stored, and perhaps computed, in single precision."""

CHANCE = 1e-3
"""An agreement that unrelated numbers would show more often than this proves nothing."""

_ROUNDING, _FIFTEEN_DIGITS = 2.0**-50, 5e-15
_UNSTEADY = 1e-6
"""Of the range: where rounding moves an answer further (on a step, at a tie, in chaos) the sample says nothing."""

_LEAST_SAMPLES = 3
_LEAST_DIGITS, _LEAST_DIGITS_FOUND = 4, 10
_MOST_LEFT_OUT = 0.01
_POINTS = 1000
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Given:
    """What a network is asked: samples, or the steps of a series, (Q, R), with its states; ``label`` names it."""

    x: FloatArray
    label: str = ""
    input_states: FloatArray | None = None
    layer_states: FloatArray | None = None

    def scaled(self, factor: float) -> Given:
        """The same with every number changed by a factor."""
        states = [None if state is None else state * factor for state in (self.input_states, self.layer_states)]
        return replace(self, x=self.x * factor, input_states=states[0], layer_states=states[1])

    def states(self) -> dict[str, Any]:
        """The states that are given, as the network's methods take them."""
        named = {"input_states": self.input_states, "layer_states": self.layer_states}
        return {name: state for name, state in named.items() if state is not None}


@dataclass(frozen=True)
class Agreement:
    """How the stored answers compare: over how many samples, the largest difference, and that by the output's range.

    ``left_out`` counts samples whose answer rounding alone decides, ``evidence`` those that say something: different
    inputs, compared, not NaN. ``note`` says where the answers have fewer digits than a double.
    """

    samples: int
    left_out: int
    largest: float
    relative: float
    agrees: bool
    evidence: int
    note: str


def answers(net: Network, given: Given) -> FloatArray:
    """The network's outputs, (Q, S)."""
    if not net.dynamic:
        return np.asarray(net(given.x))
    steps = None if net.input_size else len(given.x)
    return np.asarray(net.run(given.x if net.input_size else None, steps=steps, **given.states()).outputs)


class Rounding:
    """A network beside two copies of it that are changed by as much as rounding changes it."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.rounded = net.provenance.stored_as == "genFunction file"
        self._copies = [_changed(net, sign, self.rounded) for sign in (1.0, -1.0)]

    @property
    def base(self) -> float:
        """What two machines may differ by, of the output's range."""
        if self.net.dynamic:
            return SERIES_AGREES
        return ROUNDED_AGREES if self.rounded else STATIC_AGREES

    def moved(self, given: Given, y: FloatArray) -> FloatArray:
        """How far rounding moves each answer, (Q, S)."""
        shifts = []
        for sign, copy in zip((1.0, -1.0), self._copies, strict=True):
            with np.errstate(all="ignore"):
                shifts.append(np.abs(answers(copy, given.scaled(1.0 + sign * _ROUNDING)) - y))
        return np.nan_to_num(np.fmax(*shifts), nan=0.0, posinf=np.inf)

    def answered(self, given: Given) -> Answered:
        """The answers of the network and of its copies, for performances."""
        return Answered(tuple((net, answers(net, given)) for net in (self.net, *self._copies)))


@dataclass(frozen=True, eq=False)
class Answered:
    """The outputs that a network and its copies give to one question."""

    outputs: tuple[tuple[Network, FloatArray], ...]

    def performance(self, t: FloatArray) -> tuple[float, float]:
        """The network's performance for targets t (Q, S), and how far rounding moves it.

        Raises
        ------
        UnsupportedError
            The network's performance function has settings that are not done.
        """
        values = []
        for net, y in self.outputs:
            cost = cost_of(net.structure, net.program, None, None, None)
            with np.errstate(all="ignore"):
                values.append(cost.value(t, y, None, net.parameters))
        return values[0], max(abs(value - values[0]) for value in values)


def _changed(net: Network, sign: float, rounded: bool) -> Network:
    theta = net.parameters
    by_turns = np.where(np.arange(len(theta)) % 2, -sign, sign)
    with np.errstate(over="ignore"):
        copy = net.with_parameters(theta * (1.0 + _ROUNDING * by_turns))
    return _with_other_settings(copy, sign * _FIFTEEN_DIGITS) if rounded else copy


def _with_other_settings(net: Network, change: float) -> Network:
    def changed(entry: Input | Output) -> tuple[Process, ...]:
        return tuple(
            Process(
                step.function,
                {
                    key: value * (1.0 + change) if key in ("gain", "xoffset") else value
                    for key, value in step.settings.items()
                },
            )
            for step in entry.processing
        )

    inputs = tuple(replace(entry, processing=changed(entry)) for entry in net.structure.inputs)
    outputs = tuple(replace(entry, processing=changed(entry)) for entry in net.structure.outputs)
    return Network(replace(net.structure, inputs=inputs, outputs=outputs), net.provenance, net.name)


def ranges(net: Network, stored: FloatArray) -> FloatArray:
    """(S,) the width of each output's range: of the stored answers or, if wider, as the network tells it."""
    finite = np.where(np.isfinite(stored), stored, np.nan)
    shown = np.fmax.reduce(finite, axis=0, initial=np.nan) - np.fmin.reduce(finite, axis=0, initial=np.nan)
    told = net.output_range[:, 1] - net.output_range[:, 0]
    width = np.fmax(shown, np.where(np.isfinite(told), told, 0.0))
    size = np.fmax.reduce(np.abs(finite), axis=0, initial=0.0)
    return np.where(width > 0.0, width, np.where(size > 0.0, size, 1.0))


def agreement(rounding: Rounding, given: Given, y: FloatArray, stored: FloatArray, named: bool) -> Agreement:
    """The network's answers `y` beside the stored ones, (Q, S) each; `named` by the user, or found.

    An answer agrees within the base of its range, or 8 eps of the largest answer, or 4 times what rounding moves it.
    Answers that were written with few digits agree within those, but targets have few digits too: so only where they
    were named as answers, or are so many that no measurement has them.
    """
    single = _is_single(stored)
    base = max(rounding.base, SINGLE_AGREES) if single else rounding.base
    width = ranges(rounding.net, stored)
    moved = rounding.moved(given, y)
    apart = distances(y, stored)
    # where rounding decides, agreement says as much as anywhere, disagreement says nothing
    steady = (moved <= _UNSTEADY * width).all(axis=1) | (apart == 0.0).all(axis=1)
    size = np.fmax.reduce(np.where(np.isfinite(y), np.abs(y), 0.0), axis=0, initial=0.0)
    tolerance = np.maximum(np.maximum(base * width, 8.0 * _EPS * size), 4.0 * moved)
    digits = decimal_digits(stored)
    written = (_LEAST_DIGITS if named else _LEAST_DIGITS_FOUND) <= digits <= MOST_DIGITS
    if written and not single:
        tolerance = tolerance + _written(rounding.net, given, stored, digits)
    distance = apart[steady]
    relative = distance / width
    numbers = ~np.isnan(stored[steady]).all(axis=1)
    asked = given.x[steady][numbers]
    different = len(np.unique(asked, axis=0)) if asked.shape[1] and not rounding.net.dynamic else len(asked)
    return Agreement(
        samples=int(steady.sum()),
        left_out=int((~steady).sum()),
        largest=float(np.max(distance, initial=0.0)),
        relative=float(np.max(relative, initial=0.0)),
        agrees=bool((distance <= tolerance[steady]).all()),
        evidence=different,
        note=_note(single, digits if written else 0),
    )


def _note(single: bool, digits: int) -> str:
    if single:
        return "the answers were stored in single precision, so only 6 digits are compared"
    return f"the answers were written with {digits} digits, and these are compared" if digits else ""


def _written(net: Network, given: Given, stored: FloatArray, digits: int) -> FloatArray:
    """What writing with so many digits may have taken from the answers, and from the inputs beside them."""
    lost = half_units(stored, digits)
    input_digits = decimal_digits(given.x)
    if net.dynamic or not _LEAST_DIGITS <= input_digits <= min(MOST_DIGITS, digits + 1):
        return lost
    slopes = np.abs(np.nan_to_num(net.jacobian(given.x)))
    return np.asarray(lost + np.einsum("qij,qj->qi", slopes, half_units(given.x, input_digits)))


def _is_single(stored: FloatArray) -> bool:
    """Whether all numbers are of single precision, and too many digits long for that to be an accident."""
    finite = stored[np.isfinite(stored)]
    with np.errstate(over="ignore"):
        exact = (finite.astype(np.float32).astype(np.float64) == finite).all()
    long = finite[finite * 4096.0 % 1.0 != 0.0]
    return bool(exact) and len(long) > 0


def distances(y: FloatArray, stored: FloatArray) -> FloatArray:
    """|y − stored|; 0 where both are NaN, Inf where only one is."""
    same = (y == stored) | (np.isnan(y) & np.isnan(stored))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(y - stored))
    return np.where(np.isnan(apart), np.inf, apart)


def doubt(net: Network, given: Given, stored: FloatArray, found: Agreement, tried: int) -> str:
    """Why an agreement proves nothing; empty where it proves the network.

    Unrelated numbers of the network's own kind agree in one of K^Q cases, K being how many different answers the
    network gives and Q the samples; `tried` is how many pairs of variables were laid beside each other.
    """
    if found.left_out > _MOST_LEFT_OUT * (found.samples + found.left_out):
        return (
            f"at {found.left_out} of {found.samples + found.left_out} samples rounding decides, and the answers differ"
        )
    if found.evidence < _LEAST_SAMPLES:
        return f"only {found.evidence} different sample{'' if found.evidence == 1 else 's'} to compare"
    rows = stored[~np.isnan(stored).all(axis=1)]
    if len(_different(net, rows)) < 2:
        return "the stored answers are the same for all samples"
    if stored.shape == given.x.shape and np.array_equal(stored, given.x, equal_nan=True):
        return "the stored answers are the inputs themselves"
    kinds = _kinds(net, rows)
    if tried * float(kinds) ** -found.evidence > CHANCE:
        pairs = "" if tried == 1 else f", and {tried} pairs of variables were tried"
        return f"could be chance: {found.evidence} samples, {kinds} different answers that the network gives{pairs}"
    return ""


def _different(net: Network, rows: FloatArray) -> FloatArray:
    """Rows that differ by more than rounding."""
    width = ranges(net, rows)
    return np.unique(np.round(np.nan_to_num(rows) / width, 9), axis=0)


def _kinds(net: Network, rows: FloatArray) -> int:
    """How many different answers the network gives: in what is stored, and over its input range."""
    if net.dynamic:
        return len(_different(net, rows))
    over_range = answers(net, Given(points_in(input_box(net.structure), _POINTS)))
    finite = over_range[np.isfinite(over_range).all(axis=1)]
    return len(_different(net, np.concatenate([rows, finite])))
