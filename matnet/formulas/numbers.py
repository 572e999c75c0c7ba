"""A formula computed in NumPy with the digits that are written, and its difference from the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from matnet.formulas.expressions import Expression, needed
from matnet.formulas.recording import RecordedExpressions
from matnet.functions.namespace import FloatArray
from matnet.model.points import points_in
from matnet.tape.symbols import ELEMENTWISE

POINTS = 1000
"""The number of points in the range of the inputs at which a formula is compared with its network."""

TOLERANCE = 1e-12
"""The largest allowed difference between a formula with all digits and the network, relative to a result's range."""

ROUNDING = 2e-15
"""The rounding allowed in a result that hardly varies, relative to its size: nine units of its last digit."""


def rounding(digits: int | None) -> Callable[[float], float]:
    """A function that rounds to this many significant digits, or leaves numbers unchanged for None."""
    return float if digits is None else lambda value: float(f"{value:.{digits - 1}e}")


def computed(results: Sequence[Expression], x: FloatArray, rounded: Callable[[float], float]) -> FloatArray:
    """(N, results): the expressions at points x (N, arguments), every constant rounded."""
    values: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for part in needed(results):
            values[part.number] = _value(part, [values[o.number] for o in part.operands], x, rounded)
    columns = [np.broadcast_to(values[result.number], len(x)) for result in results]
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((len(x), 0))


def _value(part: Expression, operands: list[Any], x: FloatArray, rounded: Callable[[float], float]) -> Any:
    operation = part.operation
    if operation == "number":
        return part.value if isinstance(part.value, bool) else rounded(part.value)
    if operation == "input":
        return x[:, int(part.value)]
    if operation == "sum":
        scaled = [rounded(factor) * operand for factor, operand in zip(part.coefficients, operands, strict=True)]
        return sum(scaled[1:], start=scaled[0]) + rounded(float(part.value))
    if operation == "quotient":
        return np.divide(*operands)
    folded = {"product": np.multiply, "max": np.maximum, "min": np.minimum}
    function = folded.get(operation) or ELEMENTWISE[operation]
    if operation in folded or (operation.startswith("logical") and len(operands) > 1):
        return reduce(function, operands)
    return function(*operands)


@dataclass(frozen=True)
class Difference:
    """How far a formula's result is from the expected one: at most `size`, or `share` of the result's range.

    ``rounding`` is whether the difference is no more than rounding.
    """

    name: str
    size: float
    share: float
    rounding: bool


def differences(
    expected: FloatArray,
    got: FloatArray,
    names: Sequence[str],
    typical: FloatArray | None = None,
    rounding: float = ROUNDING,
) -> list[Difference]:
    """The difference of each result, (N, results) each.

    `typical` are values (M, results) whose range is that of the results, by default `expected`; `rounding` is that of a
    number, as a share of it.
    """
    known = expected if typical is None else typical
    columns = zip(names, expected.T, got.T, known.T, strict=True)
    return [_difference(*column, rounding) for column in columns]


def _difference(name: str, expected: FloatArray, got: FloatArray, typical: FloatArray, rounding: float) -> Difference:
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(got - expected))
    size = float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0.0))
    finite = typical[np.isfinite(typical)]
    with np.errstate(over="ignore"):
        width = float(np.ptp(finite)) if finite.size else 0.0
    largest = float(np.max(np.abs(finite), initial=0.0))
    # the width of a constant is its rounding
    scale = (width if width > 1e-9 * largest else largest) or 1.0
    allowed = max(TOLERANCE * (width if largest else scale), rounding * largest)
    return Difference(name, size, size / scale, size <= allowed)


def points(recorded: RecordedExpressions, count: int = POINTS) -> FloatArray:
    """Points (count, arguments) of the range of the arguments."""
    limits = np.array([[argument.low, argument.high] for argument in recorded.arguments]).reshape(-1, 2)
    return points_in(limits, count)
