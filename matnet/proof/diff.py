"""Comparison of two networks: structure, every weight and setting, and the outputs over the input range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.proof.distances import distances
from matnet.proof.parts import Parts, parts_of

Verdict: TypeAlias = Literal["equal", "equal to 15 digits", "different"]

ABSENT = "absent"

_SAMPLES, _STEPS = 1000, 100
_GENFUNCTION = "genFunction file"
_ROUNDED_AGREES = 1e-12
"""Of the output's range: the effect of settings with 15 digits on the outputs, for weights of ordinary size."""


@dataclass(frozen=True)
class FactDifference:
    """A difference that is not numerical: a function, a size, a delay, a part that one network lacks."""

    place: str
    first: str
    second: str


@dataclass(frozen=True)
class NumberDifference:
    """A weight, bias or setting of which some numbers differ.

    ``index`` is MATLAB's index of the largest difference, with the two numbers there; ``ulps`` is how many floats lie
    between the two farthest apart. ``rounded`` is true if the 15 digits of a genFunction file account for all of it.
    """

    place: str
    differing: int
    of: int
    largest: float
    ulps: int
    index: tuple[int, ...]
    first: float
    second: float
    rounded: bool


@dataclass(frozen=True)
class OutputDifference:
    """The largest difference of the outputs at points spread over the input range, and relative to the range of y."""

    points: int
    largest: float
    relative: float
    output: int
    series: bool


@dataclass(frozen=True)
class Comparison:
    """The differences of two networks; ``remarks`` have no effect on the outputs, ``compared`` counts matrices."""

    verdict: Verdict
    facts: tuple[FactDifference, ...]
    numbers: tuple[NumberDifference, ...]
    remarks: tuple[FactDifference, ...]
    compared: int
    outputs: OutputDifference | None


def compare(first: Network, second: Network) -> Comparison:
    """Compare two networks.

    Returns
    -------
    Comparison
        ``verdict`` is "equal" if everything that affects the outputs is the same, number for number; "equal to 15
        digits" if one is from a genFunction file, all that differs are settings that agree in the 15 digits of such a
        file, and the outputs of a static network agree within 1e-12 of their range; else "different".
    """
    a, b = parts_of(first.structure), parts_of(second.structure)
    facts = [*_facts(a.facts, b.facts), *_shapes(a, b)]
    shared = [place for place in a.numbers if place in b.numbers and a.numbers[place].shape == b.numbers[place].shape]
    rounding = _rounded_side(first, second)
    found = [_numbers(place, a.numbers[place], b.numbers[place], rounding, place in a.settings) for place in shared]
    numbers = tuple(entry for entry in found if entry is not None)
    outputs = _outputs(first, second)
    verdict: Verdict = "equal"
    if facts or numbers:
        explained = not facts and all(entry.rounded for entry in numbers)
        # with feedback any rounding may grow, so the outputs of a series are not compared here
        agrees = outputs is not None and (outputs.series or outputs.relative <= _ROUNDED_AGREES)
        verdict = "equal to 15 digits" if explained and agrees else "different"
    elif outputs is not None and outputs.relative > _ROUNDED_AGREES:
        verdict = "different"
    return Comparison(verdict, tuple(facts), numbers, tuple(_facts(a.remarks, b.remarks)), len(shared), outputs)


def _facts(first: Mapping[str, str], second: Mapping[str, str]) -> list[FactDifference]:
    places = [*first, *(place for place in second if place not in first)]
    rows = [FactDifference(place, first.get(place, ABSENT), second.get(place, ABSENT)) for place in places]
    return [row for row in rows if row.first != row.second]


def _shapes(first: Parts, second: Parts) -> list[FactDifference]:
    """Matrices that one network lacks or has in another size."""
    a, b = ({place: _size(value) for place, value in parts.numbers.items()} for parts in (first, second))
    return _facts(a, b)


def _size(value: FloatArray) -> str:
    return " by ".join(map(str, value.shape if value.ndim > 1 else (value.size, 1)))


def _rounded_side(first: Network, second: Network) -> Literal["first", "second", "both", "none"]:
    sides = [net.provenance.stored_as == _GENFUNCTION for net in (first, second)]
    return "both" if all(sides) else "first" if sides[0] else "second" if sides[1] else "none"


def _numbers(
    place: str, first: FloatArray, second: FloatArray, rounding: str, is_setting: bool
) -> NumberDifference | None:
    distance = distances(first, second)
    differs = distance > 0.0
    if not differs.any():
        return None
    position = np.unravel_index(int(np.argmax(distance)), distance.shape)
    return NumberDifference(
        place=place,
        differing=int(differs.sum()),
        of=first.size,
        largest=float(distance[position]),
        ulps=max(ulps_between(float(p), float(q)) for p, q in zip(first[differs], second[differs], strict=True)),
        index=tuple(int(k) + 1 for k in position),
        first=float(first[position]),
        second=float(second[position]),
        rounded=is_setting and _is_rounding(first[differs], second[differs], rounding),
    )


def _is_rounding(first: FloatArray, second: FloatArray, side: str) -> bool:
    """Whether the numbers of the genFunction file are those of the other, written with 15 digits."""
    if side == "first":
        first, second = second, first
    return side in ("first", "second") and all(
        float(f"{exact:.15g}") == written for exact, written in zip(first.tolist(), second.tolist(), strict=True)
    )


def ulps_between(first: float, second: float) -> int:
    """How many steps from one float to the next lead from `first` to `second`."""
    return abs(_ordinal(first) - _ordinal(second))


def _ordinal(value: float) -> int:
    """Floats numbered in their order, both zeros being 0."""
    number = int(np.float64(value).view(np.int64))
    return number if number >= 0 else -(number + 2**63)


def _outputs(first: Network, second: Network) -> OutputDifference | None:
    """None if the two do not have the same inputs, outputs and delays."""
    sizes = [(net.input_size, net.output_size, net.dynamic) for net in (first, second)]
    if sizes[0] != sizes[1]:
        return None
    # both ranges, because one of the two may not be known
    box = input_box(first.structure)
    if np.isnan(first.input_range).all():
        box = input_box(second.structure)
    series = first.dynamic
    points = points_in(box, _STEPS if series else _SAMPLES)
    a, b = (_answers(net, points) for net in (first, second))
    distance = distances(a, b).max(axis=0)
    relative = distance / np.fmax(_ranges(first, second, a), 1e-300)
    worst = int(np.argmax(relative))
    return OutputDifference(len(points), float(distance[worst]), float(relative[worst]), worst + 1, series)


def _answers(net: Network, points: FloatArray) -> FloatArray:
    if not net.dynamic:
        return np.asarray(net(points))
    run = net.run(points) if net.input_size else net.run(steps=len(points))
    return np.asarray(run.outputs)


def _ranges(first: Network, second: Network, y: FloatArray) -> FloatArray:
    """The width of each output's range as the files state it, else that of the outputs themselves."""
    finite = np.where(np.isfinite(y), y, np.nan)
    shown = np.fmax.reduce(finite, axis=0) - np.fmin.reduce(finite, axis=0)
    widths = [net.output_range[:, 1] - net.output_range[:, 0] for net in (first, second)]
    stated = np.fmax(*widths)
    width = np.where(np.isfinite(stated) & (stated > 0), stated, shown)
    return np.where(np.isfinite(width) & (width > 0), width, np.fmax.reduce(np.abs(finite), axis=0))
