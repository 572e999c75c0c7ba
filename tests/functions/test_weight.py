"""Every weight row against mpmath: value, both slopes, curvature, and what is pinned where a distance is 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from matnet.functions.weight import REFUSED_WEIGHT, WEIGHT
from precise_rows import PRECISE_WEIGHT, difference, precise

Real = NDArray[np.float64]

EPS = 2.0**-52

W = np.array([[0.7, -1.3, 0.4], [2.1, 0.2, -0.6], [0.25, 0.5, 1.0], [-0.9, 3.0, 0.125]])
P = np.array([[0.3, 1.1, -0.2], [5.0, -2.5, 1.5], [0.25, 0.5, 1.0], [100.0, 7.0, -30.0]])
"""The third sample is the third neuron's w."""

NEURON_WISE = sorted(PRECISE_WEIGHT)
NO_COPY = "a function whose neurons see all of p needs a row of PRECISE_WEIGHT in tests/support/precise_rows.py"
ANALYTIC = sorted(name for name, row in WEIGHT.items() if row.analytic)


def test_the_second_copy_covers_the_table() -> None:
    neuron_wise = {name for name, row in WEIGHT.items() if row.weight_shape(4, 3) == (4, 3)}
    assert set(PRECISE_WEIGHT) == neuron_wise, difference(neuron_wise, PRECISE_WEIGHT, "PRECISE_WEIGHT")
    assert not set(REFUSED_WEIGHT) & set(WEIGHT)


@pytest.mark.parametrize("name", sorted(WEIGHT))
def test_a_row_is_linear_where_weighted_inputs_add_up(name: str) -> None:
    """z of the sum of two inputs, and z of -p: only a linear row has the sum of both z, and -z."""
    w, _, _ = arrays(name, (), np.random.default_rng(6))
    p, q = np.array([0.5, -1.25, 2.0]), np.array([1.5, 0.75, -0.5])
    z = [WEIGHT[name].value(w, each) for each in (p, q, p + q, -p)]
    adds = np.allclose(z[0] + z[1], z[2], rtol=1e-14) and np.allclose(-z[0], z[3], rtol=1e-14)
    assert WEIGHT[name].linear == adds


@pytest.mark.parametrize("name", sorted(WEIGHT))
def test_a_row_holds_for_complex_inputs_where_the_second_copy_says_so(name: str) -> None:
    """A function of each element has no second copy; where it is linear, it holds for complex inputs too."""
    row = WEIGHT[name]
    expected = PRECISE_WEIGHT[name].analytic if name in PRECISE_WEIGHT else row.analytic or row.linear
    assert row.analytic == expected, f"declare the same analytic of {name} in its row and in PRECISE_WEIGHT"


@pytest.mark.parametrize("name", NEURON_WISE)
def test_the_second_copy_is_itself_right(name: str) -> None:
    row = PRECISE_WEIGHT[name]
    w, p = precise(W[0]), precise(P[0])
    for j in range(3):

        def moved(vector: list[Any], t: Any, j: int = j) -> list[Any]:
            return [entry + t if k == j else entry for k, entry in enumerate(vector)]

        by_p = mp.diff(lambda t, moved=moved: row.z(w, moved(p, t)), 0)
        by_w = mp.diff(lambda t, moved=moved: row.z(moved(w, t), p), 0)
        assert abs(by_p - row.dz_dp(w, p)[j]) < mpf("1e-20")
        assert abs(by_w - row.dz_dw(w, p)[j]) < mpf("1e-20")
        for k in range(3):
            second = mp.diff(lambda t, moved=moved, k=k: row.dz_dp(w, moved(p, t))[k], 0)
            assert abs(second - row.d2z_dp2(w, p)[j][k]) < mpf("1e-18")


def divisor(name: str, p: list[Any]) -> Any:
    """What the row divides by, 1 where by nothing."""
    denominator = WEIGHT[name].denominator
    return mpf(1) if denominator is None else mpf(float(denominator(np.array(p, dtype=float))[0]))


def tolerance(name: str, w: list[Any], p: list[Any]) -> Any:
    """8 roundings of a sum over the elements; the cancellation in what it divides by comes on top."""
    lost = mp.fsum(abs(entry) for entry in p) / abs(divisor(name, p)) if WEIGHT[name].denominator else mpf(1)
    return 8 * EPS * lost


@pytest.mark.parametrize("name", NEURON_WISE)
def test_value_slopes_and_curvature(name: str) -> None:
    row, exact = WEIGHT[name], PRECISE_WEIGHT[name]
    every = np.broadcast_to(np.eye(3), (4, 3, 3))
    z = row.value(W, P)
    by_p = np.swapaxes(row.tangent(W, P, z, every), -1, -2)
    by_w = row.weight_cotangent(W, P, z, np.broadcast_to(np.eye(4), (4, 4, 4)))
    for q, i in np.ndindex(4, 4):
        w, p = precise(W[i]), precise(P[q])
        with np.errstate(all="ignore"):
            curve = row.curvature(W, P, z, np.broadcast_to(np.eye(4)[i], (4, 4)), every, every)[q]
        unit = tolerance(name, w, p)
        size = mp.fsum(abs(a * b) for a, b in zip(w, p, strict=True)) if row.analytic else exact.z(w, p)
        scale = abs(divisor(name, p))
        assert abs(mpf(float(z[q, i])) - exact.z(w, p)) <= unit * abs(size) / scale
        slope = exact.dz_dp(w, p)
        steepness = (
            (max(map(abs, w)) + abs(exact.z(w, p))) / scale if WEIGHT[name].denominator else max(map(abs, slope))
        )
        for j in range(3):
            assert abs(mpf(float(by_p[q, i, j])) - slope[j]) <= unit * steepness, (q, i, j)
            by_weight = exact.dz_dw(w, p)[j]
            assert abs(mpf(float(by_w[q, i, j, i])) - by_weight) <= unit * abs(by_weight), (q, i, j)
            assert not by_w[q, i, j, np.arange(4) != i].any()
            for k in range(3):
                bend = exact.d2z_dp2(w, p)[j][k]
                terms = abs(1 / exact.z(w, p)) if row.square is not None and bend else 2 * steepness / scale
                assert abs(mpf(float(curve[j, k])) - bend) <= 2 * unit * terms, (q, i, j, k)


@pytest.mark.parametrize("name", sorted(set(WEIGHT) - set(ANALYTIC)))
def test_derivatives_at_distance_zero_are_zero(name: str) -> None:
    row = WEIGHT[name]
    w, p = np.array([[0.25, 0.5]]), np.array([0.25, 0.5])
    with np.errstate(all="ignore"):
        z = row.value(w, p)
        found = [
            row.tangent(w, p, z, np.eye(2)),
            row.cotangent(w, p, z, np.ones((1, 1))),
            row.weight_cotangent(w, p, z, np.ones((1, 1))),
            row.weight_tangent(w, p, z, np.ones((1, 1, 2))),
            row.curvature(w, p, z, np.ones(1), np.eye(2), np.eye(2)),
        ]
    assert z.tolist() == [0.0]
    assert all((array == 0.0).all() for array in found)


def test_boxdist_takes_the_side_of_the_first_largest_difference() -> None:
    row = WEIGHT["boxdist"]
    w, p = np.array([[0.0, 0.0, 0.0]]), np.array([1.0, -2.0, 2.0])
    assert row.tangent(w, p, row.value(w, p), np.eye(3))[:, 0].tolist() == [0.0, -1.0, 0.0]
    p = np.array([1.0, np.nan, 2.0])
    assert np.isnan(row.tangent(w, p, row.value(w, p), np.eye(3))).all()
    assert np.isnan(row.weight_cotangent(w, p, row.value(w, p), np.ones(1))).all()


@pytest.mark.parametrize("name", sorted(name for name, row in WEIGHT.items() if row.square is not None))
def test_the_square_is_smooth_where_the_distance_is_not(name: str) -> None:
    """Σ(w−p)²: 0, 0 and 2I at p = w."""
    row = WEIGHT[name].square
    assert row is not None
    w, p = np.array([[0.25, 0.5]]), np.array([0.25, 0.5])
    z = row.value(w, p)
    assert z.tolist() == [0.0]
    assert not row.tangent(w, p, z, np.eye(2)).any()
    assert row.curvature(w, p, z, np.ones(1), np.eye(2), np.eye(2)).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    z = row.value(W, P)
    np.testing.assert_allclose(z, WEIGHT[name].value(W, P) ** 2, rtol=1e-15)
    step = np.swapaxes(row.tangent(W, P, z, np.eye(3)), -1, -2)
    np.testing.assert_allclose(step, 2.0 * (P[:, None, :] - W), rtol=1e-15)


def arrays(name: str, batch: tuple[int, ...], rng: np.random.Generator) -> tuple[Real, Real, int]:
    """w, p and the number of neurons, as many as elements where a function acts on each element."""
    if name not in PRECISE_WEIGHT:
        return rng.normal(size=WEIGHT[name].weight_shape(3, 3)), rng.normal(size=(*batch, 3)), 3
    return rng.normal(size=(4, 3)), rng.normal(size=(*batch, 3)) + 2.0, 4


@pytest.mark.parametrize("name", ANALYTIC)
def test_complex_step(name: str) -> None:
    rng, h = np.random.default_rng(3), 1e-200
    w, p, _ = arrays(name, (5,), rng)
    row = WEIGHT[name]
    z = row.value(w, p)
    v = rng.normal(size=p.shape)
    stepped = row.value(w, p + 1j * h * v).imag / h
    np.testing.assert_allclose(row.tangent(w, p, z, v[:, None, :])[:, 0, :], stepped, rtol=0.0, atol=2e-14)
    dw = rng.normal(size=w.shape)
    stepped = row.value(w + 1j * h * dw, p + 0j).imag / h
    np.testing.assert_allclose(row.weight_tangent(w, p, z, dw[None])[:, 0, :], stepped, rtol=0.0, atol=2e-14)


@pytest.mark.parametrize("name", sorted(set(WEIGHT) - set(ANALYTIC)))
def test_central_differences(name: str) -> None:
    rng, h = np.random.default_rng(3), 2.0**-20
    w, p, _ = arrays(name, (5,), rng)
    row = WEIGHT[name]
    z = row.value(w, p)
    for j, e in enumerate(np.eye(3)):
        column = (row.value(w, p + h * e) - row.value(w, p - h * e)) / (2 * h)
        np.testing.assert_allclose(row.tangent(w, p, z, np.eye(3))[:, j, :], column, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(WEIGHT))
def test_the_six_functions_agree_with_each_other(name: str) -> None:
    rng = np.random.default_rng(11)
    w, p, neurons = arrays(name, (6,), rng)
    row = WEIGHT[name]
    z = row.value(w, p)
    u, v, y = rng.normal(size=(6, 2, neurons)), rng.normal(size=(6, 3, 3)), rng.normal(size=(6, 5, 3))
    dw = rng.normal(size=(3, *w.shape))
    forward, backward = row.tangent(w, p, z, v), row.cotangent(w, p, z, u)
    assert (z.shape, forward.shape, backward.shape) == ((6, neurons), (6, 3, neurons), (6, 2, 3))
    np.testing.assert_allclose(
        np.einsum("qai,qbi->qab", u, forward), np.einsum("qaj,qbj->qab", backward, v), rtol=0.0, atol=1e-13
    )
    along, across = row.weight_tangent(w, p, z, dw), row.weight_cotangent(w, p, z, u)
    assert across.shape == (6, 2, w.shape[1], w.shape[0])
    np.testing.assert_allclose(
        np.einsum("qai,qbi->qab", u, along), np.einsum("qaji,bij->qab", across, dw), rtol=0.0, atol=1e-13
    )
    curve = row.curvature(w, p, z, u[:, 0, :], v, y)
    assert curve.shape == (6, 3, 5)
    np.testing.assert_allclose(row.curvature(w, p, z, u[:, 0, :], y, v), curve.swapaxes(-1, -2), rtol=0.0, atol=1e-13)
    h = 2.0**-17
    for k in range(5):
        ahead, behind = p + h * y[:, k, :], p - h * y[:, k, :]
        bent = row.tangent(w, ahead, row.value(w, ahead), v) - row.tangent(w, behind, row.value(w, behind), v)
        second = np.einsum("qi,qbi->qb", u[:, 0, :], bent) / (2 * h)
        np.testing.assert_allclose(curve[:, :, k], second, rtol=0.0, atol=2e-8)


@pytest.mark.parametrize("name", sorted(WEIGHT))
@pytest.mark.parametrize("batch", [(), (0,), (1,), (2, 3)])
def test_every_batch_shape(name: str, batch: tuple[int, ...]) -> None:
    w, p, neurons = arrays(name, batch, np.random.default_rng(5))
    row = WEIGHT[name]
    z = row.value(w, p)
    u, v = np.ones((*batch, 2, neurons)), np.ones((*batch, 5, 3))
    assert z.shape == (*batch, neurons)
    assert row.tangent(w, p, z, v).shape == (*batch, 5, neurons)
    assert row.cotangent(w, p, z, u).shape == (*batch, 2, 3)
    assert row.weight_tangent(w, p, z, np.ones((7, *w.shape))).shape == (*batch, 7, neurons)
    assert row.weight_cotangent(w, p, z, u).shape == (*batch, 2, w.shape[1], w.shape[0])
    assert row.curvature(w, p, z, u[..., 0, :], v, v).shape == (*batch, 5, 5)


@pytest.mark.parametrize("name", sorted(WEIGHT))
def test_nan_in_p_reaches_every_neuron_that_sees_it(name: str) -> None:
    w, _, neurons = arrays(name, (), np.random.default_rng(5))
    p = np.array([1.0, np.nan, 2.0])
    z = WEIGHT[name].value(w, p)
    assert np.isnan(z).tolist() == ([True] * neurons if name in PRECISE_WEIGHT else [False, True, False]), NO_COPY


@pytest.mark.parametrize("name", sorted(set(WEIGHT) - set(PRECISE_WEIGHT)))
def test_a_function_of_each_element_joins_equal_sizes_only(name: str) -> None:
    assert WEIGHT[name].weight_shape(3, 3) is not None
    assert WEIGHT[name].weight_shape(4, 3) is None, NO_COPY
