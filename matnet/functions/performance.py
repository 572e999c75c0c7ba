"""Performance functions: a cost of targets t and outputs y, with its slope with respect to y.

Each row gives the cost of one element and its slope; the whole is their sum over all elements whose error is known
(a NaN in t or y leaves the element out), divided by the number of those elements where the row is a mean. Error
weights multiply the elements' costs.

Crossentropy has two rows: the toolbox computed it in two ways, which differ if an output has several elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matnet.errors import UnsupportedError
from matnet.functions.namespace import Array, namespace

CLIP = 2.0**-52
"""The clipped form of crossentropy keeps y at least this far from 0 and 1."""


@dataclass(frozen=True)
class PerformanceFunction:
    """A row: ``cost(t, y, single)`` and ``slope(t, y, single)``, (..., S) each.

    ``single`` (S,) is 1.0 for the element of an output that has only one, which crossentropy treats as a probability
    with its complement, else 0.0. ``form`` distinguishes rows of the same name. ``logarithmic`` means that the cost is
    a function of ln y, so that its derivative through softmax or logsig is taken with respect to the net input, where
    nothing is divided by a y that underflowed to 0; ``complement`` means that it also counts ln(1 - y) of an output of
    several elements, and ``clip`` is the smallest distance of y from 0 and 1.
    """

    name: str
    formula: str
    derivative: str
    mean: bool
    cost: Callable[[Array, Array, Array], Array]
    slope: Callable[[Array, Array, Array], Array]
    form: str = ""
    logarithmic: bool = False
    complement: bool = False
    clip: float = 0.0


def _of_presence(t: Array, y: Array) -> Array:
    xp = namespace(y)
    return xp.where(t == 0.0, 0.0, -t * xp.log(y))


def _of_absence(t: Array, y: Array) -> Array:
    xp = namespace(y)
    return xp.where(t == 1.0, 0.0, -(1.0 - t) * xp.log(1.0 - y))


def _slope_of_presence(t: Array, y: Array) -> Array:
    return namespace(y).where(t == 0.0, 0.0, -t / y)


def _slope_of_absence(t: Array, y: Array) -> Array:
    return namespace(y).where(t == 1.0, 0.0, (1.0 - t) / (1.0 - y))


def _crossentropy_of_targets(t: Array, y: Array, single: Array) -> Array:
    return _of_presence(t, y) + namespace(y).where(single == 1.0, _of_absence(t, y), 0.0)


def _slope_of_targets(t: Array, y: Array, single: Array) -> Array:
    return _slope_of_presence(t, y) + namespace(y).where(single == 1.0, _slope_of_absence(t, y), 0.0)


def _crossentropy_of_both(t: Array, y: Array, single: Array) -> Array:
    xp = namespace(y)
    clipped = xp.where(y < CLIP, CLIP, xp.where(y > 1.0 - CLIP, 1.0 - CLIP, y))
    return _of_presence(t, clipped) + _of_absence(t, clipped)


def _slope_of_both(t: Array, y: Array, single: Array) -> Array:
    xp = namespace(y)
    flat = xp.where(y < CLIP, 1.0, 0.0) + xp.where(y > 1.0 - CLIP, 1.0, 0.0)
    inside = xp.where(flat == 0.0, y, 0.5)
    return xp.where(flat == 0.0, _slope_of_presence(t, inside) + _slope_of_absence(t, inside), 0.0)


_ROWS = (
    PerformanceFunction(
        "mse", "sum(e²) / N", "-2 e / N", True, lambda t, y, _: (t - y) * (t - y), lambda t, y, _: -2.0 * (t - y)
    ),
    PerformanceFunction(
        "sse", "sum(e²)", "-2 e", False, lambda t, y, _: (t - y) * (t - y), lambda t, y, _: -2.0 * (t - y)
    ),
    PerformanceFunction(
        "mae",
        "sum(|e|) / N",
        "-sign(e) / N",
        True,
        lambda t, y, _: namespace(y).abs(t - y),
        lambda t, y, _: -namespace(y).sign(t - y),
    ),
    PerformanceFunction(
        "sae",
        "sum(|e|)",
        "-sign(e)",
        False,
        lambda t, y, _: namespace(y).abs(t - y),
        lambda t, y, _: -namespace(y).sign(t - y),
    ),
    PerformanceFunction(
        "crossentropy",
        "sum(-t ln y) / N; for an output of one element sum(-t ln y - (1 - t) ln(1 - y)) / N; 0 ln 0 = 0",
        "-t / (y N); for an output of one element (-t / y + (1 - t) / (1 - y)) / N",
        True,
        _crossentropy_of_targets,
        _slope_of_targets,
        form="targets",
        logarithmic=True,
    ),
    PerformanceFunction(
        "crossentropy",
        "sum(-t ln y - (1 - t) ln(1 - y)) / N, y clipped to [2.2e-16, 1 - 2.2e-16]; 0 ln 0 = 0",
        "(-t / y + (1 - t) / (1 - y)) / N; 0 where y is closer to 0 or 1",
        True,
        _crossentropy_of_both,
        _slope_of_both,
        form="both",
        logarithmic=True,
        complement=True,
        clip=CLIP,
    ),
)

PERFORMANCE: Mapping[str, tuple[PerformanceFunction, ...]] = {
    name: tuple(row for row in _ROWS if row.name == name) for name in dict.fromkeys(row.name for row in _ROWS)
}
"""The table: the rows of each performance function by the toolbox's name, one for each form."""


def performance_rows(name: str) -> tuple[PerformanceFunction, ...]:
    """The rows of that name, one for each form.

    Raises
    ------
    UnsupportedError
        The name is unknown.
    """
    if name not in PERFORMANCE:
        raise UnsupportedError(f"unknown performance function '{name}'; known: {', '.join(sorted(PERFORMANCE))}")
    return PERFORMANCE[name]


def performance_row(name: str, form: str) -> PerformanceFunction:
    """The row of that name and form.

    Raises
    ------
    UnsupportedError
        There is no row of that name and form.
    """
    rows = performance_rows(name)
    for row in rows:
        if row.form == form:
            return row
    if len(rows) == 1:
        raise UnsupportedError(f"form is '{form}', but {name} has only one form: leave it out")
    raise UnsupportedError(f"form is '{form}', expected {' or '.join(repr(row.form) for row in rows)}")


def known(t: Array, y: Array) -> Array:
    """1.0 where the error t − y is a number, 0.0 where it is NaN."""
    xp = namespace(y)
    e = t - y
    return xp.where(e == e, xp.ones_like(e), 0.0)


def total(row: PerformanceFunction, t: Array, y: Array, single: Array, weights: Array | None = None) -> Array:
    """The cost over all elements of t and y (..., S); NaN where no element's error is known."""
    xp = namespace(y)
    counts = known(t, y)
    costs = row.cost(t, y, single)
    costs = xp.where(counts == 1.0, costs if weights is None else costs * weights, 0.0)
    number = xp.sum(counts)
    cost = xp.sum(costs)
    return cost / number if row.mean else xp.where(number == 0.0, number / number, cost)


def slope(row: PerformanceFunction, t: Array, y: Array, single: Array, weights: Array | None = None) -> Array:
    """The derivative of ``total`` with respect to y, (..., S); 0 where the error is not known."""
    slopes = row.slope(t, y, single)
    return shares(row, t, y, slopes if weights is None else slopes * weights)


def shares(row: PerformanceFunction, t: Array, y: Array, slopes: Array) -> Array:
    """The elements' contributions to the slope: 0 where the error is unknown, divided by N if the row is a mean."""
    xp = namespace(y)
    counts = known(t, y)
    counted = xp.where(counts == 1.0, slopes, 0.0)
    number = xp.sum(counts)
    return counted / xp.where(number == 0.0, 1.0, number) if row.mean else counted
