"""Performance functions: a cost of targets t and outputs y, with its slope by y.

Each row gives the cost of one element and its slope; the whole is their sum over all elements whose error is known
(a NaN in t or y leaves the element out), divided by the number of those elements where the row is a mean. Error
weights multiply the elements' costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matnet.errors import UnsupportedError
from matnet.functions.namespace import Array, namespace


@dataclass(frozen=True)
class PerformanceFunction:
    """A row: ``cost(t, y, single)`` and ``slope(t, y, single)``, (..., S) each.

    ``single`` (S,) is 1.0 for the element of an output that has only one, which crossentropy treats as a probability
    against its complement, else 0.0. ``logarithmic`` says that the cost is one of ln y, so that its derivative through
    softmax or logsig is taken by the net input, where nothing divides by an y that has gone to 0.
    """

    name: str
    formula: str
    derivative: str
    mean: bool
    cost: Callable[[Array, Array, Array], Array]
    slope: Callable[[Array, Array, Array], Array]
    logarithmic: bool = False


def _crossentropy(t: Array, y: Array, single: Array) -> Array:
    xp = namespace(y)
    present = xp.where(t == 0.0, 0.0, -t * xp.log(y))
    absent = xp.where(t == 1.0, 0.0, -(1.0 - t) * xp.log(1.0 - y))
    return present + xp.where(single == 1.0, absent, 0.0)


def _crossentropy_slope(t: Array, y: Array, single: Array) -> Array:
    xp = namespace(y)
    present = xp.where(t == 0.0, 0.0, -t / y)
    absent = xp.where(t == 1.0, 0.0, (1.0 - t) / (1.0 - y))
    return present + xp.where(single == 1.0, absent, 0.0)


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
        _crossentropy,
        _crossentropy_slope,
        logarithmic=True,
    ),
)

PERFORMANCE: Mapping[str, PerformanceFunction] = {row.name: row for row in _ROWS}
"""The table: the performance functions by the toolbox's names."""


def performance_row(name: str) -> PerformanceFunction:
    """The row of that name.

    Raises
    ------
    UnsupportedError
        There is none.
    """
    if name not in PERFORMANCE:
        raise UnsupportedError(f"unknown performance function '{name}'; known: {', '.join(sorted(PERFORMANCE))}")
    return PERFORMANCE[name]


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
    """The derivative of ``total`` by y, (..., S); 0 where the error is not known."""
    slopes = row.slope(t, y, single)
    return shares(row, t, y, slopes if weights is None else slopes * weights)


def shares(row: PerformanceFunction, t: Array, y: Array, slopes: Array) -> Array:
    """Elements' slopes as shares of the whole: 0 where the error is not known, divided by N where the row is a mean."""
    xp = namespace(y)
    counts = known(t, y)
    counted = xp.where(counts == 1.0, slopes, 0.0)
    return counted / xp.sum(counts) if row.mean else counted
