"""Where your own computation first differs from the network's, and which common mistake explains it.

A mistake is a change of one step of the network: its scaling left out, its bias forgotten. Each is tried; the one that
reproduces the given numbers is the answer. The computation continues from there, so that later mistakes are found as
well.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matnet.functions.maps import Identity, Scale, Select, Unscale
from matnet.functions.namespace import FloatArray
from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import Map
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.network.stages import Numbers, Route
from matnet.simulate import NetInputStep, ProcessingStep, Step, TransferStep, WeightStep

ROUNDING = 1e-9
"""Numbers agree up to this difference, relative to the largest number of their stage."""

SINGLE = 1e-5
"""Up to this difference, numbers were computed in single precision or with rounded weights."""

_PAIR_COST = 1 << 27
"""Pairs of usual mistakes are tried if pairs times weights are at most this many."""

_CANCELLED = 1e-13
"""The error of a saturated layer's derivative computed as 1 - a², relative to its value with slopes of 1."""

_REASONS = 3
"""The most reasons given for a difference."""

_MOST = 20
"""The most mistakes that are searched for."""


@dataclass(frozen=True)
class UserNumber:
    """A number of the user's own computation; ``unit`` is that of its last digit if it was rounded."""

    value: float
    unit: float = 0.0


@dataclass(frozen=True)
class Number:
    """A given number with its position in the route: stage and element."""

    quantity: str
    stage: int
    element: int
    given: UserNumber


@dataclass(frozen=True)
class Difference:
    """A quantity that differs: the given number, the expected one, and what that usually means.

    ``expected`` is the network's, for a later difference that of the network with the mistakes before it. Each of the
    ``reasons`` gives the number; there is none if no usual mistake does.
    """

    quantity: str
    given: float
    expected: float
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        reasons = "; or ".join(self.reasons) or "none of the usual mistakes gives this number"
        return f"{self.quantity} is {self.given:.10g}, expected {self.expected:.10g}: {reasons}"


@dataclass(frozen=True, eq=False)
class _Change:
    """A mistake: a step's replacement in the computation of derivatives, with `values` in that of values too.

    ``usual`` is whether it is one of those that people make; ``reverse`` has no step: see ``Route.numbers``.
    """

    words: str
    position: int = -1
    step: Step | None = None
    values: bool = True
    usual: bool = True
    reverse: bool = False


def differences(route: Route, given: Sequence[Number]) -> tuple[Difference, ...]:
    """The quantities at which the given numbers, in the route's order, depart from the network's; empty if all agree.

    The first is relative to the network, each later one to the computation with the mistakes found before it.
    """
    return _Search(route, given).run()


class _Search:
    def __init__(self, route: Route, given: Sequence[Number]) -> None:
        self._route = route
        self._numbers_given = given
        self._slack = ROUNDING
        program = route.program
        self._own = route.numbers(program, program)
        linear = [
            replace(step, row=TRANSFER["purelin"]) if isinstance(step, TransferStep) else step for step in program.steps
        ]
        by_unit_slopes = route.numbers(program, replace(program, steps=tuple(linear)))
        self._floors = {
            stage: _CANCELLED * _largest(by_unit_slopes[stage]) for stage in {number.stage for number in given}
        }

    def run(self) -> tuple[Difference, ...]:
        """All differences that can be told apart."""
        done: list[_Change] = []
        differing: list[Difference] = []
        while len(differing) < _MOST:
            numbers = self._numbers(done)
            first = self._first(numbers)
            if first == len(self._numbers_given):
                break
            slack = self._slack
            reasons, changes = self._reasons(done, first, numbers)
            own = self._numbers_given[first]
            expected = float(numbers[own.stage][own.element])
            differing.append(Difference(own.quantity, own.given.value, expected, reasons))
            if not changes and self._slack == slack:
                break
            done += changes
        return tuple(differing)

    def _numbers(self, changes: Sequence[_Change]) -> Numbers:
        program = self._route.program
        values, slopes = list(program.steps), list(program.steps)
        for change in changes:
            if change.step is None:
                continue
            slopes[change.position] = change.step
            if change.values:
                values[change.position] = change.step
        changed = [replace(program, steps=tuple(steps)) for steps in (values, slopes)]
        reverse = any(change.reverse for change in changes)
        return self._route.numbers(changed[0], changed[1], reverse)

    def _first(self, numbers: Numbers) -> int:
        """The position of the first given number that differs; their count if all agree."""
        for place in range(len(self._numbers_given)):
            if not self._agrees(numbers, place):
                return place
        return len(self._numbers_given)

    def _agrees(self, numbers: Numbers, place: int) -> bool:
        """Whether a given number agrees with `numbers`; a derivative may also be the network's own, whatever y is."""
        derivative = self._numbers_given[place].stage >= len(self._route.values)
        return self._is_same(numbers, place) or (derivative and self._is_same(self._own, place))

    def _is_same(self, numbers: Numbers, place: int) -> bool:
        number = self._numbers_given[place]
        stage, given = number.stage, number.given
        own = numbers[stage][number.element]
        if np.isnan(own) or np.isnan(given.value) or np.isinf(own):
            return bool(own == given.value or (np.isnan(own) and np.isnan(given.value)))
        rounding = self._slack * _largest(numbers[stage])
        if stage >= len(self._route.values):
            rounding = max(rounding, self._floors[stage])
        return bool(abs(own - given.value) <= max(given.unit, rounding))

    def _reasons(
        self, done: Sequence[_Change], first: int, numbers: Numbers
    ) -> tuple[tuple[str, ...], Sequence[_Change]]:
        """What the difference usually means, and the changes with which to continue."""
        stage = self._numbers_given[first].stage
        last = max(place for place, number in enumerate(self._numbers_given) if number.stage == stage)
        if self._slack == ROUNDING and self._small(numbers, first, last):
            self._slack = SINGLE
            return ("computed in single precision, or with rounded weights or settings",), ()
        derivative = stage >= len(self._route.values)
        changes = [change for change in _changes(self._route) if change.values or derivative]
        changes = [change for change in changes if not _overlaps(change, done)]
        best = self._best(done, [(change,) for change in changes], last)
        usual = [change for change in changes if change.usual]
        if not best and len(usual) ** 2 * self._route.program_size <= _PAIR_COST:
            best = self._best(done, itertools.combinations(usual, 2), last)
        if best:
            reasons = dict.fromkeys("; and ".join(change.words for change in group) for group in best)
            return tuple(reasons)[:_REASONS], best[0]
        if stage < len(self._route.program.leaves):
            return ("another sample: another row of the table, or its columns in another order",), ()
        return (), ()

    def _small(self, numbers: Numbers, first: int, last: int) -> bool:
        self._slack = SINGLE
        small = all(self._agrees(numbers, place) for place in range(first, last + 1))
        self._slack = ROUNDING
        return small

    def _best(
        self, done: Sequence[_Change], groups: Iterable[tuple[_Change, ...]], last: int
    ) -> list[tuple[_Change, ...]]:
        """The groups of changes with which all numbers up to `last` agree: the usual ones that explain the most."""
        found: list[tuple[tuple[int, int], tuple[_Change, ...]]] = []
        for group in groups:
            if len({change.position for change in group if change.step is not None}) < len(group) - sum(
                change.reverse for change in group
            ):
                continue
            reach = self._first(self._numbers([*done, *group]))
            if reach > last:
                found.append(((reach, sum(change.usual for change in group)), group))
        most = max((worth for worth, _ in found), default=None)
        return [group for worth, group in found if worth == most]


def _largest(numbers: FloatArray) -> float:
    return float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0))


def _overlaps(change: _Change, done: Sequence[_Change]) -> bool:
    """Whether a step was already changed, or would be changed in the values after its derivative."""
    return any(
        (earlier.reverse and change.reverse) or (change.step is not None and earlier.position == change.position)
        for earlier in done
    )


def _changes(route: Route) -> list[_Change]:
    """The usual mistakes, those of the values before those of the derivatives alone."""
    changes = [
        _Change(words, position, changed, usual=usual)
        for position, step in enumerate(route.program.steps)
        for usual, words, changed in _mistakes(route, step)
    ]
    slopes = [
        replace(change, words=f"in the derivative, {change.words}", values=False)
        for change in changes
        if not isinstance(change.step, NetInputStep)
    ]
    reverse = _Change("the reverse processing was applied to the derivative, which needs only its gain", reverse=True)
    return [*changes, *slopes, reverse]


def _mistakes(route: Route, step: Step) -> Iterator[tuple[bool, str, Step]]:
    """The mistakes that can be made at a step, each with whether it is a usual one."""
    if isinstance(step, ProcessingStep):
        yield from ((True, words, replace(step, map=changed)) for words, changed in _processing_mistakes(route, step))
    elif isinstance(step, WeightStep):
        yield from ((True, *mistake) for mistake in _transpositions(step))
        yield from ((False, *mistake) for mistake in _other_weight_functions(route, step))
    elif isinstance(step, NetInputStep):
        yield from ((True, *mistake) for mistake in _net_input_mistakes(step))
    elif isinstance(step, TransferStep):
        number = route.program.layers.index(step.target) + 1
        for name, row in TRANSFER.items():
            if name == step.row.name or not row.shallow:
                continue
            if name == "purelin":
                yield True, f"{step.row.name} of layer {number} was left out", replace(step, row=row)
            else:
                words = f"layer {number} was computed with {name} in place of {step.row.name}"
                yield False, words, replace(step, row=row)


def _processing_mistakes(route: Route, step: ProcessingStep) -> Iterator[tuple[str, Map]]:
    process, title = route.processes[step.target], route.titles[step.target]
    what = f"{process.function} of {title}"
    own = step.map
    if isinstance(own, (Scale, Unscale)):
        scaling = "reverse scaling" if title.startswith("output") else "scaling"
        yield f"the {scaling} was left out ({what})", Identity()
        other = Unscale if isinstance(own, Scale) else Scale
        yield f"the {scaling} was done in the wrong direction ({what})", other(own.offset, own.gain, own.base)
        zero = np.zeros(len(own.gain))
        yield f"ymin was left out ({what})", type(own)(own.offset, own.gain, zero)
        yield f"xoffset was left out ({what})", type(own)(zero, own.gain, own.base)
    elif isinstance(own, Select):
        removed = sorted({*range(own.rows)} - {*own.keep.tolist()})
        listed = ", ".join(str(row + 1) for row in removed[:6])
        words = f"rows that {what} removes were not removed: row {listed} must be left out before the weights"
        yield words, Select(np.arange(len(own.keep)), own.rows)


def _transpositions(step: WeightStep) -> Iterator[tuple[str, Step]]:
    kind, layer, source = step.key
    name, w = f"{kind}{{{layer + 1},{source + 1}}}", np.asarray(step.w, dtype=np.float64)
    if min(w.shape) > 1:
        by_columns = w.ravel(order="F").reshape(w.shape)
        by_rows = w.ravel().reshape(w.shape, order="F")
        words = f"{name} was transposed: it has a row for each neuron, and MATLAB stores it column by column"
        yield words, replace(step, w=by_columns)
        if not np.array_equal(by_columns, by_rows):
            yield words, replace(step, w=by_rows)


def _other_weight_functions(route: Route, step: WeightStep) -> Iterator[tuple[str, Step]]:
    kind, layer, source = step.key
    name, w = f"{kind}{{{layer + 1},{source + 1}}}", np.asarray(step.w, dtype=np.float64)
    sizes = route.program.sizes[step.target], route.program.sizes[step.sources[0]]
    for other, row in WEIGHT.items():
        if other != step.row.name and row.weight_shape(*sizes) == w.shape:
            yield f"{name} was joined by {other} in place of {step.row.name}", replace(step, row=row)


def _net_input_mistakes(step: NetInputStep) -> Iterator[tuple[str, Step]]:
    number = step.key[1] + 1
    if step.bias is not None:
        yield f"the bias b{{{number}}} was forgotten", replace(step, bias=None)
        yield f"the bias b{{{number}}} was subtracted", replace(step, bias=-step.bias)
    for name, row in NET_INPUT.items():
        if name != step.row.name and (step.bias is not None or len(step.sources) > 1):
            yield f"layer {number} was computed with {name} in place of {step.row.name}", replace(step, row=row)
    if len(step.sources) > 1:
        for left_out in range(len(step.sources)):
            kept = step.sources[:left_out] + step.sources[left_out + 1 :]
            yield f"weighted input {left_out + 1} of layer {number} was left out", replace(step, sources=kept)
