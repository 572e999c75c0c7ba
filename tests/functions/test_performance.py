"""Performance rows: cost and slope of each against mpmath, and what is left out of the sum."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from matnet.errors import UnsupportedError
from matnet.functions.performance import CLIP, PERFORMANCE, PerformanceFunction, performance_row, slope, total
from precise_rows import PRECISE_PERFORMANCE, PrecisePerformance, difference

NAN = float("nan")
ROWS = [pytest.param(row, id=f"{row.name}-{row.form}") for rows in PERFORMANCE.values() for row in rows]
T = np.array([[0.0, 1.0, 0.25], [0.75, 0.5, 1.0], [1.0, 0.0, 0.0]])
Y = np.array([[0.125, 0.5, 0.75], [0.25, 0.9, 0.0625], [0.999, 1e-9, 1.0 - 1e-9]])
SINGLE = np.array([1.0, 0.0, 0.0])
WEIGHTS = np.array([[1.0, 2.0, 0.5], [0.25, 1.5, 3.0], [1.0, 0.125, 4.0]])


def second_copy(row: PerformanceFunction) -> PrecisePerformance:
    key = (row.name, row.form)
    assert key in PRECISE_PERFORMANCE, f"add {key} to PRECISE_PERFORMANCE in tests/support/precise_rows.py"
    return PRECISE_PERFORMANCE[key]


def exact(row: PerformanceFunction, t: float, y: mpmath.mpf, single: float) -> mpmath.mpf:
    """The cost of one element from its definition."""
    with mpmath.workdps(50):
        return second_copy(row).cost(mpmath.mpf(t), y, bool(single))


def exact_slope(row: PerformanceFunction, t: float, y: float, single: float) -> float:
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -25
        above, below = (exact(row, t, mpmath.mpf(y) + sign * step, single) for sign in (1, -1))
        return float((above - below) / (2 * step))


def test_the_second_copy_covers_the_table() -> None:
    keys = {(row.name, row.form) for rows in PERFORMANCE.values() for row in rows}
    assert set(PRECISE_PERFORMANCE) == keys, difference(keys, PRECISE_PERFORMANCE, "PRECISE_PERFORMANCE")


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("weighted", [False, True])
def test_cost_and_slope_of_every_element(row: PerformanceFunction, weighted: bool) -> None:
    weights = WEIGHTS if weighted else None
    scale = np.ones_like(T) if weights is None else weights
    costs, slopes = np.zeros_like(T), np.zeros_like(T)
    for place in np.ndindex(T.shape):
        single = float(SINGLE[place[1]])
        costs[place] = float(exact(row, float(T[place]), mpmath.mpf(float(Y[place])), single)) * scale[place]
        slopes[place] = exact_slope(row, float(T[place]), float(Y[place]), single) * scale[place]
    number = T.size if second_copy(row).mean else 1
    assert float(total(row, T, Y, SINGLE, weights)) == pytest.approx(costs.sum() / number, rel=1e-14)
    np.testing.assert_allclose(slope(row, T, Y, SINGLE, weights), slopes / number, rtol=1e-13, atol=1e-300)
    assert row.mean == second_copy(row).mean, f"declare the same mean of {row.name} in its row and its second copy"
    assert row.mean == ("/ N" in row.formula), f"the formula of {row.name} shows by / N whether it is a mean"


@pytest.mark.parametrize("row", ROWS)
def test_an_unknown_element_counts_neither_in_the_sum_nor_in_the_number(row: PerformanceFunction) -> None:
    t, y = T.copy(), Y.copy()
    t[0, 1], y[1, 2] = NAN, NAN
    kept = np.isfinite(t) & np.isfinite(y)
    rest = [
        float(exact(row, float(t[place]), mpmath.mpf(float(y[place])), float(SINGLE[place[1]])))
        for place in zip(*np.nonzero(kept), strict=True)
    ]
    assert float(total(row, t, y, SINGLE)) == pytest.approx(sum(rest) / (7 if row.mean else 1), rel=1e-14)
    found = slope(row, t, y, SINGLE)
    np.testing.assert_array_equal(found[~kept], 0.0)
    expected = slope(row, T, Y, SINGLE) * (9 / 7 if row.mean else 1.0)
    np.testing.assert_allclose(found[kept], expected[kept], rtol=1e-15)


def test_the_error_of_two_infinities_is_not_known() -> None:
    """Inf - Inf is NaN; Inf - (-Inf) is an error of Inf."""
    row = performance_row("mse", "")
    t, y = np.array([[np.inf, 1.0], [-np.inf, 2.0]]), np.array([[np.inf, 3.0], [-np.inf, 2.5]])
    with np.errstate(invalid="ignore"):
        assert float(total(row, t, y, SINGLE[1:])) == (4.0 + 0.25) / 2.0
        assert slope(row, t, y, SINGLE[1:]).tolist() == [[0.0, 2.0], [0.0, 0.5]]
        assert float(total(row, t, -y, SINGLE[1:])) == np.inf


@pytest.mark.parametrize("row", ROWS)
def test_nothing_known_has_no_cost_and_no_slope(row: PerformanceFunction) -> None:
    nothing = np.full((2, 3), NAN)
    with np.errstate(invalid="ignore"):
        assert np.isnan(total(row, nothing, Y[:2], SINGLE))
    assert slope(row, nothing, Y[:2], SINGLE).tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("y", [0.0, CLIP / 2, CLIP, 2 * CLIP, 1.0 - 2 * CLIP, 1.0 - CLIP, 1.0 - CLIP / 2, 1.0])
@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
def test_the_form_of_both_is_flat_beyond_its_clip(t: float, y: float) -> None:
    row = performance_row("crossentropy", "both")
    cost, rise = (
        np.asarray(found(row, np.array([[t]]), np.array([[y]]), np.ones(1))).item() for found in (total, slope)
    )
    assert cost == pytest.approx(float(exact(row, t, mpmath.mpf(y), 1.0)), rel=1e-14)
    inside = CLIP <= y <= 1.0 - CLIP
    expected = (-t / y if t else 0.0) + ((1.0 - t) / (1.0 - y) if t != 1.0 else 0.0) if inside else 0.0
    assert rise == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_an_output_that_is_certain_and_right_costs_nothing(certain: float) -> None:
    """0 ln 0 = 0, and the slope is that of the logarithm which counts: -1/y for a target of 1, 1/(1 - y) for 0."""
    row = performance_row("crossentropy", "targets")
    t = y = np.array([[certain]])
    with np.errstate(all="ignore"):
        assert float(total(row, t, y, np.ones(1))) == 0.0
        assert slope(row, t, y, np.ones(1)).item() == (1.0 if certain == 0.0 else -1.0)
        # of an output of several elements only the presence counts
        assert slope(row, t, y, np.zeros(1)).item() == (0.0 if certain == 0.0 else -1.0)


def test_other_forms_are_refused() -> None:
    for name, form, message in (
        ("mse", "both", "form is 'both', but mse has only one form: leave it out"),
        ("crossentropy", "", "form is '', expected 'targets' or 'both'"),
        ("msne", "", f"unknown performance function 'msne'; known: {', '.join(sorted(PERFORMANCE))}"),
    ):
        with pytest.raises(UnsupportedError) as caught:
            performance_row(name, form)
        assert str(caught.value) == message
