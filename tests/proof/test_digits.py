"""Numbers that were written with fewer digits: how many, and how far each may be from what it was."""

from __future__ import annotations

import numpy as np
import pytest

from matnet.proof import digits
from matnet.proof.digits import decimal_digits, half_units


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.5, 100.0], 1),
        ([1.0], 1),
        ([-1.0, 0.0], 1),
        ([0.05, -12.5], 3),
        ([1e-300, 1.5e300], 2),
        ([120.0, 0.0], 2),
        ([1.0 / 3.0], 16),
        ([-0.1 - 0.2], 17),
        ([0.0, np.nan, np.inf, -np.inf], 0),
        ([np.nan, 0.25], 2),
    ],
)
def test_significant_digits_without_zeros_at_either_end(numbers: list[float], expected: int) -> None:
    assert decimal_digits(np.array(numbers)) == expected


def test_of_many_numbers_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every second one if there are twice as many, every one if there are hardly more than are looked at."""
    monkeypatch.setattr(digits, "_LOOKED_AT", 3)
    for count, step in ((3, 1), (5, 1), (6, 2), (8, 2), (9, 3)):
        for place in range(count):
            numbers = np.full(count, 0.5)
            numbers[place] = 0.125
            expected = 3 if place % step == 0 else 1
            assert decimal_digits(numbers) == expected
            decimals = half_units(numbers, 5)[(place + 1) % count]
            assert decimals == pytest.approx(0.0005 if expected == 3 else 0.05, rel=1e-12)


def test_a_rounding_error_is_half_a_unit_of_the_last_digit() -> None:
    """Of the digits from the first one, or of the decimals, whichever is more."""
    exact = {
        (3, (123.0, 1.25, 0.0)): (0.5, 0.005, 0.005),
        (2, (12.0, 3.5, -0.25)): (0.5, 0.05, 0.005),
        (3, (0.125, -1000.0, 7.0)): (0.0005, 5.0, 0.005),
        (1, (100.0, 20.0)): (50.0, 5.0),
        (3, (123.0, 5.0)): (0.5, 0.5),
        (4, (0.001, 0.002)): (0.0005, 0.0005),
        (5, (1.5e-7, 1e-7)): (0.5e-8, 0.5e-8),
    }
    for (count, numbers), expected in exact.items():
        assert half_units(np.array(numbers), count).tolist() == pytest.approx(list(expected), rel=1e-12), numbers
    found = half_units(np.array([[0.5, np.nan], [np.inf, 2.25]]), 2)
    np.testing.assert_allclose(found, [[0.005, 0.005], [0.005, 0.05]], rtol=1e-12)
