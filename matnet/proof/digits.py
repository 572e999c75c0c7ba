"""Numbers that were written with fewer digits than they had: how many, and the rounding error."""

from __future__ import annotations

import numpy as np

from matnet.functions.namespace import FloatArray

MOST_DIGITS = 15
"""The most digits that text formats write; a computed float64 nearly always needs 16 or 17 to be exact."""

_LOOKED_AT = 5000


def decimal_digits(values: FloatArray) -> int:
    """The smallest number of significant digits that represents all of the numbers exactly; at most 17."""
    numbers = values[np.isfinite(values) & (values != 0.0)]
    most = 0
    for number in numbers[:: max(1, len(numbers) // _LOOKED_AT)].tolist():
        mantissa = repr(abs(number)).partition("e")[0]
        most = max(most, len(mantissa.replace(".", "").strip("0")))
    return most


def half_units(values: FloatArray, digits: int) -> FloatArray:
    """The largest rounding error of each number, if all were written with so many digits.

    Whether digits were counted from the first one of each number or from the decimal point is not known: the larger of
    the two is taken.
    """
    finite = np.where(np.isfinite(values) & (values != 0.0), np.abs(values), np.nan)
    exponents = np.asarray(np.floor(np.log10(finite)))
    if np.isnan(exponents).all():
        return np.zeros_like(values)
    significant = 0.5 * 10.0 ** (exponents - (digits - 1))
    decimals = 0.5 * 10.0 ** -float(_decimals(finite))
    return np.asarray(np.nan_to_num(np.fmax(significant, decimals), nan=decimals))


def _decimals(values: FloatArray) -> int:
    """The most digits that any of the numbers, some of them finite, has after the decimal point."""
    numbers = values[np.isfinite(values)]
    some = numbers[:: max(1, len(numbers) // _LOOKED_AT)].tolist()
    texts = (np.format_float_positional(number, unique=True, trim="-") for number in some)
    return max(len(text.partition(".")[2]) for text in texts)
