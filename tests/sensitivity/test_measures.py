"""The measures against NeuralSens' formulas written out by hand, and their accumulation in chunks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matnet.network import Network
from matnet.sensitivity.interactions import InteractionAccumulator
from matnet.sensitivity.measures import Accumulator, alpha_means, measures, quantiles, ranks
from matnet.sensitivity.widths import Widths

Matrix = NDArray[np.float64]


def slopes_by_hand(x: Matrix) -> list[tuple[float, float]]:
    """dy1/dx1 and dy1/dx2 of y1 = tanh(x1 / 2 − x2), sample by sample."""
    slopes = []
    for first, second in x.tolist():
        a = math.tanh(0.5 * first - second)
        slopes.append((0.5 * (1 - a * a), -1.0 * (1 - a * a)))
    return slopes


def test_the_formulas_of_neuralsens(by_hand: Network, x: Matrix) -> None:
    found = measures(by_hand.jacobian(x))
    for j in range(2):
        s = [slope[j] for slope in slopes_by_hand(x)]
        mean = sum(s) / 4
        assert found.mean[0, j] == pytest.approx(mean, rel=1e-14)
        assert found.sd[0, j] == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in s) / 3), rel=1e-13)
        assert found.rms[0, j] == pytest.approx(math.sqrt(sum(v * v for v in s) / 4), rel=1e-14)
        assert found.smallest[0, j] == pytest.approx(min(s), rel=1e-14)
        assert found.largest[0, j] == pytest.approx(max(s), rel=1e-14)
    np.testing.assert_array_equal(found.mean[1], [3.0, 0.0])
    np.testing.assert_array_equal(found.sd[1], [0.0, 0.0])
    np.testing.assert_array_equal(found.positive, [[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_array_equal(found.negative, [[0.0, 1.0], [0.0, 0.0]])


def test_the_alpha_curve_of_neuralsens(by_hand: Network, x: Matrix) -> None:
    alphas = (1.0, 2.0, 3.5, np.inf)
    found = alpha_means(by_hand.jacobian(x), alphas)
    for j in range(2):
        s = [abs(slope[j]) for slope in slopes_by_hand(x)]
        for place, alpha in enumerate(alphas[:-1]):
            by_formula = (sum(v**alpha for v in s) / 4) ** (1 / alpha)
            assert found[place, 0, j] == pytest.approx(by_formula, rel=1e-13)
        assert found[3, 0, j] == pytest.approx(max(s), rel=1e-14)
    np.testing.assert_array_equal(found[:, 1, 1], 0.0)


def test_alpha_curves_of_huge_and_of_unknown_derivatives() -> None:
    huge = np.array([[3e200, 1.0], [4e200, np.nan]])
    found = alpha_means(huge, (2.0, 16.0, np.inf))
    np.testing.assert_allclose(found[:, 0], [np.sqrt(12.5) * 1e200, 4e200 * ((1 + 0.75**16) / 2) ** (1 / 16), 4e200])
    np.testing.assert_array_equal(found[:, 1], 1.0)
    assert np.isnan(alpha_means(np.full((2, 1), np.nan), (1.0,))).all()


def test_the_scale_is_the_told_range_else_that_of_the_data(by_hand: Network, x: Matrix) -> None:
    widths = Widths.of(by_hand)
    y = np.asarray(by_hand(x))
    widths.add(x[:2], y[:2])
    widths.add(x[2:], y[2:])
    np.testing.assert_array_equal(widths.inputs, [4.0, 2.0])
    np.testing.assert_array_equal(widths.outputs, [4.0, 9.0])
    np.testing.assert_array_equal(widths.scale, [[1.0, 0.5], [4.0 / 9.0, 2.0 / 9.0]])


def test_an_output_without_width_has_no_scale(by_hand: Network) -> None:
    widths = Widths.of(by_hand)
    widths.add(np.array([[1.0, np.nan]]), np.array([[0.5, 3.0]]))
    np.testing.assert_array_equal(widths.inputs, [4.0, np.nan])
    assert np.isnan(widths.scale[1]).all()


def test_one_sample_has_no_standard_deviation() -> None:
    found = measures(np.array([[2.0, -3.0]]))
    np.testing.assert_array_equal(found.mean, [2.0, -3.0])
    np.testing.assert_array_equal(found.rms, [2.0, 3.0])
    assert np.isnan(found.sd).all()
    np.testing.assert_array_equal(found.quantiles, np.tile([2.0, -3.0], (5, 1)))


def test_nan_is_left_out_and_counted() -> None:
    found = measures(np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]]))
    np.testing.assert_array_equal(found.count, [2.0, 0.0])
    assert found.rows == 3
    assert (found.mean[0], found.sd[0], found.smallest[0]) == (2.0, pytest.approx(math.sqrt(2.0)), 1.0)
    for values in (found.mean, found.sd, found.rms, found.smallest, found.largest, found.positive, found.quantiles[2]):
        assert np.isnan(values[1])


def test_a_change_of_sign_through_zero_counts_once() -> None:
    s = np.array([[1.0], [0.0], [-1.0], [np.nan], [0.0], [-2.0], [3.0], [0.0]])
    whole, cut = measures(s), Accumulator((1,))
    for row in s:
        cut.add(row[None])
    assert whole.sign_changes[0] == cut.measures().sign_changes[0] == 2.0
    assert (whole.positive[0], whole.negative[0]) == (2 / 7, 2 / 7)


def test_the_spread_survives_a_large_mean() -> None:
    s = 1e8 + np.linspace(-1.0, 1.0, 1000)[:, None]
    accumulator = Accumulator((1,))
    for part in np.split(s, [0, 13, 500, 501]):
        accumulator.add(part)
    assert accumulator.measures().sd[0] == pytest.approx(np.std(s, ddof=1), rel=1e-7)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.lists(st.integers(0, 60), max_size=4))
def test_chunks_change_nothing(seed: int, rows: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(rows, 2, 3)).round(1)
    s[rng.random(s.shape) < 0.1] = np.nan
    accumulator = Accumulator((2, 3))
    for part in np.split(s, sorted(cuts)):
        accumulator.add(part)
    found, whole = accumulator.measures(), measures(s)
    for name in ("count", "smallest", "largest", "positive", "negative", "sign_changes", "quantiles"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
    for i, j in np.ndindex(2, 3):
        known = s[~np.isnan(s[:, i, j]), i, j]
        mean = known.mean() if len(known) else np.nan
        sd = known.std(ddof=1) if len(known) > 1 else np.nan
        np.testing.assert_allclose(found.mean[i, j], mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(found.sd[i, j], sd, rtol=1e-12, atol=1e-14)


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(3).normal(size=(101, 4))
    values[::7, 2] = np.nan
    shares = (0.0, 0.05, 0.3, 0.5, 1.0)
    np.testing.assert_allclose(quantiles(values, shares), np.nanquantile(values, shares, axis=0), rtol=1e-14)


def test_of_a_long_table_a_random_part_stands_for_all() -> None:
    s = np.arange(100_000.0)[:, None]
    one, two = Accumulator((1,), kept_elements=2000), Accumulator((1,), kept_elements=2000)
    one.add(s)
    for part in np.array_split(s, 9):
        two.add(part)
    found = one.measures()
    assert (found.rows, found.quantile_rows) == (100_000, 2000)
    np.testing.assert_array_equal(found.quantiles, two.measures().quantiles)
    # five standard errors of the quantiles of 2000 even draws
    np.testing.assert_allclose(found.quantiles[:, 0] / 1e5, (0.05, 0.25, 0.5, 0.75, 0.95), atol=5 * 0.5 / 2000**0.5)
    assert found.smallest[0] == 0.0
    assert found.largest[0] == 99_999.0


def test_ranks_go_by_rms_times_width_within_each_output() -> None:
    rms = np.array([[1.0, 5.0, np.nan], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(ranks(rms, np.array([10.0, 1.0, 100.0])), [[1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    lagged = np.array([[[1.0, 4.0]], [[3.0, 2.0]]])
    np.testing.assert_array_equal(ranks(lagged, np.ones(2)), [[[4.0, 1.0]], [[2.0, 3.0]]])


def test_interactions_are_those_of_the_hessian(by_hand: Network, x: Matrix) -> None:
    accumulator = InteractionAccumulator(by_hand)
    accumulator.add(x[:1])
    accumulator.add(x[1:])
    found = accumulator.interactions()
    second = []
    for first, other in x.tolist():
        a = math.tanh(0.5 * first - other)
        second.append(-2 * a * (1 - a * a) * 0.5 * -1.0)
    assert found.mean[0, 0, 1] == pytest.approx(sum(second) / 4, rel=1e-13)
    assert found.rms[0, 1, 0] == pytest.approx(math.sqrt(sum(v * v for v in second) / 4), rel=1e-13)
    np.testing.assert_array_equal(found.rms[1], 0.0)
    np.testing.assert_array_equal(found.count, 4.0)
