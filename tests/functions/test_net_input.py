"""The net input functions: value, derivatives with any of the terms constant, and no division by a factor."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.functions.net_input import NET_INPUT, NetInputFunction
from precise_rows import PRECISE_NET_INPUT, difference, precise

Real = NDArray[np.float64]


def terms(count: int, seed: int = 0) -> list[Real]:
    """A bias (S,) and z (Q, S)."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=4), *(rng.normal(size=(5, 4)) for _ in range(count - 1))]


def test_the_second_copy_covers_the_table() -> None:
    assert set(PRECISE_NET_INPUT) == set(NET_INPUT), difference(NET_INPUT, PRECISE_NET_INPUT, "PRECISE_NET_INPUT")


@pytest.mark.parametrize("name", sorted(NET_INPUT))
def test_a_row_is_linear_where_its_derivative_is_the_same_everywhere(name: str) -> None:
    row, v = NET_INPUT[name], [np.ones((5, 1, 4))] * 3
    here, there = row.tangent(terms(3, seed=0), v), row.tangent(terms(3, seed=1), v)
    assert row.linear == np.array_equal(here, there)


@pytest.mark.parametrize("name", sorted(set(PRECISE_NET_INPUT) & set(NET_INPUT)))
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_value(name: str, count: int) -> None:
    z = terms(count)
    whole = np.stack([np.broadcast_to(term, (5, 4)) for term in z])
    expected = [[float(PRECISE_NET_INPUT[name](precise(whole[:, q, i]))) for i in range(4)] for q in range(5)]
    np.testing.assert_allclose(np.broadcast_to(NET_INPUT[name].value(z), (5, 4)), expected, rtol=1e-15, atol=1e-15)


def moved(row: NetInputFunction, z: list[Real], k: int, direction: Real, h: float) -> Real:
    """A central difference along term k; exact but for rounding, the row being linear in each term."""
    ahead = [term + h * direction if l == k else term for l, term in enumerate(z)]
    behind = [term - h * direction if l == k else term for l, term in enumerate(z)]
    found: Real = (row.value(ahead) - row.value(behind)) / (2 * h)
    return found


@pytest.mark.parametrize("name", sorted(NET_INPUT))
@pytest.mark.parametrize("varying", [pattern for pattern in itertools.product([0, 1], repeat=4) if any(pattern)])
def test_tangent_cotangent_and_curvature(name: str, varying: tuple[int, ...]) -> None:
    row, z = NET_INPUT[name], terms(4)
    rng = np.random.default_rng(1)
    v = [rng.normal(size=(5, 2, 4)) if varies else None for varies in varying]
    w = [rng.normal(size=(5, 3, 4)) if varies else None for varies in varying]
    u = rng.normal(size=(5, 1, 4))
    forward = row.tangent(z, v)
    expected = sum(
        np.stack([moved(row, z, k, direction[:, j], 0.5) for j in range(2)], axis=1)
        for k, direction in enumerate(v)
        if direction is not None
    )
    np.testing.assert_allclose(forward, expected, rtol=0.0, atol=1e-14)
    backward = sum(
        np.einsum("qaj,qbj->qab", row.cotangent(z, u, k), direction)
        for k, direction in enumerate(v)
        if direction is not None
    )
    np.testing.assert_allclose(np.einsum("qaj,qbj->qab", u, forward), backward, rtol=0.0, atol=1e-13)
    curve = row.curvature(z, u[:, 0], v, w)
    second = np.zeros((5, 2, 3))
    for k, l in itertools.product(range(4), repeat=2):
        first, other = v[k], w[l]
        if k == l or first is None or other is None:
            continue
        for j, m in np.ndindex(2, 3):
            ahead = [t + 0.5 * first[:, j] if n == k else t for n, t in enumerate(z)]
            behind = [t - 0.5 * first[:, j] if n == k else t for n, t in enumerate(z)]
            mixed = moved(row, ahead, l, other[:, m], 0.5) - moved(row, behind, l, other[:, m], 0.5)
            second[:, j, m] += (u[:, 0] * mixed).sum(-1)
    if curve is None:
        assert row.linear or sum(varying) == 1
        curve = np.zeros_like(second)
    np.testing.assert_allclose(curve, second, rtol=0.0, atol=1e-13)


def test_the_slope_of_a_product_with_a_zero_factor() -> None:
    """The product of the others: n divided by the factor would be 0/0."""
    row = NET_INPUT["netprod"]
    z = [np.array([2.0]), np.array([[0.0]]), np.array([[3.0]])]
    assert [row.cotangent(z, np.ones((1, 1, 1)), k).item() for k in range(3)] == [0.0, 6.0, 0.0]
    one = np.ones((1, 1, 1))
    assert row.curvature(z, np.ones((1, 1)), [None, one, one], [None, one, one]) == [[[4.0]]]


@pytest.mark.parametrize("name", sorted(NET_INPUT))
def test_nan_in_any_term(name: str) -> None:
    z = terms(3)
    z[1][2, 1] = np.nan
    assert np.argwhere(np.isnan(NET_INPUT[name].value(z))).tolist() == [[2, 1]]
