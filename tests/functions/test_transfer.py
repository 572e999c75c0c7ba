"""Every transfer row against mpmath: value, slope, curvature, kinks, limits, NaN and extremes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from matnet.errors import ModelError
from matnet.functions.transfer import TRANSFER
from matnet.functions.transfer_rows import ElementwiseTransfer, TransferFunction
from precise_rows import PRECISE_TRANSFER, PreciseCoupled, PreciseElementwise, difference, precise

Real = NDArray[np.float64]

EPS = 2.0**-52
SMALLEST_NORMAL = 2.0**-1022
SUPPORT = "tests/support/precise_rows.py"

ELEMENTWISE = sorted(name for name, row in TRANSFER.items() if not row.coupled)
COUPLED = sorted(name for name, row in TRANSFER.items() if row.coupled)
ANALYTIC = sorted(name for name, row in TRANSFER.items() if row.analytic)

MAGNITUDES = [0.1, 0.3, 0.5, 0.70710678, 0.95, 1.5, 2.75, 6.0, 18.7, 20.0, 26.9, 37.5, 300.0, 709.0, 745.5]
EXTREMES = [5e-324, 1e-310, 1e-200, 1e-8, 1e4, 1e8, 1e154, 1.5e154, 1e200, 1.7e308]
POINTS = [sign * size for size in [*MAGNITUDES, *EXTREMES] for sign in (1.0, -1.0)]

LAYERS = [
    [0.3, -1.2, 0.8],
    [2.0, 2.0, -0.5, 1.25],
    [40.0, -3.0, 0.1],
    [-25.0, 26.0, 24.5, 25.9],
    [700.0, -700.0, 690.0],
    [0.0, 0.0],
    [1.5],
]


def smooth(name: str) -> ElementwiseTransfer:
    """The row of a function whose a_i depends on n_i alone."""
    row = TRANSFER[name]
    assert isinstance(row, ElementwiseTransfer)
    return row


def smooth_copy(name: str) -> PreciseElementwise:
    """Its second copy."""
    copy = PRECISE_TRANSFER.get(name)
    assert isinstance(copy, PreciseElementwise), f"{name} needs a PreciseElementwise in PRECISE_TRANSFER of {SUPPORT}"
    return copy


def coupled_copy(name: str) -> PreciseCoupled:
    """The second copy of a function whose a_i depends on all n."""
    copy = PRECISE_TRANSFER.get(name)
    assert isinstance(copy, PreciseCoupled), f"{name} needs a PreciseCoupled in PRECISE_TRANSFER of {SUPPORT}"
    return copy


def elementwise(name: str, n: Real) -> tuple[Real, Real, Real]:
    """a, da/dn and d²a/dn² of single neurons, through the row's own four functions."""
    row = TRANSFER[name]
    column, one = n[:, None], np.ones((1, 1))
    with np.errstate(all="ignore"):
        a = row.value(column)
        slope = np.broadcast_to(row.tangent(column, a, np.broadcast_to(one, (*column.shape, 1))), (len(n), 1, 1))
        curve = row.curvature(column, a, np.ones_like(column), one, one)
    return a[:, 0], slope[:, 0, 0], np.broadcast_to(curve, (len(n), 1, 1))[:, 0, 0]


def assert_within(got: float, exact: Any, tolerance: Any, where: str) -> None:
    if math.isinf(got):
        assert abs(exact) > mpf(2) ** 1023 * mpf("1.999"), f"{where}: got {got}, exact {mp.nstr(exact, 17)}"
        assert (got > 0) == (exact > 0), where
        return
    error = abs(mpf(got) - exact)
    assert error <= tolerance + SMALLEST_NORMAL, (
        f"{where}: got {got!r}, exact {mp.nstr(exact, 17)}, off by {mp.nstr(error, 3)}, allowed {mp.nstr(tolerance, 3)}"
    )


def test_the_second_copy_covers_the_table() -> None:
    assert set(PRECISE_TRANSFER) == set(TRANSFER), difference(TRANSFER, PRECISE_TRANSFER, "PRECISE_TRANSFER")


@pytest.mark.parametrize("name", sorted(set(PRECISE_TRANSFER) & set(TRANSFER)))
def test_a_row_holds_for_complex_n_and_is_of_the_class_network_where_the_second_copy_says_so(name: str) -> None:
    row, exact = TRANSFER[name], PRECISE_TRANSFER[name]
    assert (row.analytic, row.shallow) == (exact.analytic, exact.shallow), (
        f"declare the same analytic and shallow of {name} in its row and in PRECISE_TRANSFER"
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_second_copy_is_itself_right(name: str) -> None:
    """Its derivatives against numerical ones of its own values, in 50 digits."""
    row = smooth_copy(name)
    for n in precise([-2.3, -0.62, 0.17, 0.81, 1.9]):
        assert abs(mp.diff(row.a, n) - row.da(n)) < mpf("1e-20"), (name, n)
        assert abs(mp.diff(row.a, n, 2) - row.d2a(n)) < mpf("1e-12"), (name, n)


@pytest.mark.parametrize("name", COUPLED)
def test_the_second_copy_of_a_coupled_row_is_itself_right(name: str) -> None:
    row = coupled_copy(name)
    n = precise([0.3, -1.2, 0.8])
    slope, curve = row.da(n), row.d2a(n)
    for i, j, k in itertools.product(range(3), repeat=3):

        def along(t: Any, s: Any, i: int = i, j: int = j, k: int = k) -> Any:
            moved = list(n)
            moved[j] += t
            moved[k] += s
            return row.a(moved)[i]

        assert abs(mp.diff(lambda t, along=along: along(t, mpf(0)), 0) - slope[i][j]) < mpf("1e-20")
        assert abs(mp.diff(along, (0, 0), (1, 1)) - curve[i][j][k]) < mpf("1e-12"), (name, i, j, k)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_slope_and_curvature(name: str) -> None:
    """Each within 8 eps of its own size plus what a rounding of n would change."""
    row = smooth_copy(name)
    got = elementwise(name, np.array(POINTS))
    for q, n in enumerate(precise(POINTS)):
        smooth = abs(n) < 1e3 and n not in precise(list(TRANSFER[name].kinks)) and abs(n) > 1e-3
        third = mp.diff(row.d2a, n, h=mpf("1e-15")) if smooth else mpf(0)
        exact = (row.a(n), row.da(n), row.d2a(n))
        moved = (n * exact[1], n * exact[2], n * third)
        for order in range(3):
            tolerance = 8 * EPS * (abs(exact[order]) + abs(moved[order]))
            assert_within(float(got[order][q]), exact[order], tolerance, f"{name} order {order} at {POINTS[q]!r}")


@pytest.mark.parametrize("name", ["tansig", "logsig"])
def test_slopes_of_the_sigmoids_are_right_to_8_ulp(name: str) -> None:
    row = smooth_copy(name)
    points = np.concatenate([np.linspace(-300.0, 300.0, 401), np.linspace(-2.0, 2.0, 41), [1e-9, -1e-160, 17.99]])
    _, slopes, _ = elementwise(name, points)
    for point, slope in zip(points, slopes, strict=True):
        exact = row.da(mpf(float(point)))
        assert abs(mpf(float(slope)) - exact) <= 8 * float(np.spacing(float(exact))), (name, point)


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_coupled_value_and_derivatives(name: str, layer: list[float]) -> None:
    row, exact = TRANSFER[name], coupled_copy(name)
    n, N = np.array(layer), precise(layer)
    size = range(len(layer))
    identity = np.eye(len(layer))
    with np.errstate(all="ignore"):
        a = row.value(n)
        slope = row.tangent(n, a, identity).T
        curve = np.stack([row.curvature(n, a, u, identity, identity) for u in identity])
    # exp magnifies a rounding of its argument by the argument
    magnified = N if row.even is None else [entry * entry for entry in N]
    spread = max(magnified) - min(magnified)
    unit = 8 * EPS * (1 + spread)
    values, slopes, curves = exact.a(N), exact.da(N), exact.d2a(N)
    terms = _curvature_terms(name, N)
    for i in size:
        assert_within(float(a[i]), values[i], unit * values[i], f"a_{i}")
        for j in size:
            assert_within(float(slope[i, j]), slopes[i][j], unit * abs(slopes[i][j]), f"da_{i}/dn_{j}")
            for k in size:
                assert_within(float(curve[i, j, k]), curves[i][j][k], unit * terms(i, j, k), f"d²a_{i}/dn_{j}dn_{k}")


def _curvature_terms(name: str, n: list[Any]) -> Any:
    """Σ |terms| of the third cumulant of a, the second derivative of softmax, and of the chain that leads to it."""
    if TRANSFER[name].stepwise:
        return lambda i, j, k: mpf(0)
    radial = TRANSFER[name].even is not None
    q = [-entry * entry for entry in n] if radial else n
    softmax = coupled_copy("softmax")
    a, first = softmax.a(q), softmax.da(q)

    def centred(i: int, j: int) -> Any:
        return mp.fsum(a[m] for m in range(len(a)) if m != i) if i == j else a[j]

    def terms(i: int, j: int, k: int) -> Any:
        total = mp.fsum(a[l] * centred(l, i) * centred(l, j) * centred(l, k) for l in range(len(a)))
        if not radial:
            return total
        return 4 * abs(n[j] * n[k]) * total + (2 * abs(first[i][j]) if j == k else 0)

    return terms


def test_a_coupled_row_of_huge_inputs_keeps_its_slope() -> None:
    """Two neurons equally far out share the layer: their slopes are as large as n, not at a limit."""
    row = TRANSFER["radbasn"]
    n = np.array([1e160, 1e160])
    a = row.value(n)
    assert a.tolist() == [0.5, 0.5]
    with np.errstate(over="ignore"):
        slope = row.tangent(n, a, np.eye(2))
    np.testing.assert_allclose(slope, 0.5e160 * np.array([[-1.0, 1.0], [1.0, -1.0]]), rtol=1e-15)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_kinks_of_a_row_are_those_of_the_second_copy(name: str) -> None:
    exact = smooth_copy(name)
    assert dict(smooth(name).kinks) == {n: float(exact.da(mpf(n))) for n in exact.kinks}, (
        f"declare the same kinks of {name} in its row, with their slopes, and in PRECISE_TRANSFER"
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_what_a_row_says_of_itself_is_true_of_the_second_copy(name: str) -> None:
    """Where its slope jumps, where only its curvature does, where it is infinite, and whether its slope is constant."""
    row, exact = smooth(name), smooth_copy(name)
    places, h = [mpf(k) / 4 for k in range(-33, 34)], mpf("1e-30")

    def leaps(of: Any) -> set[float]:
        return {float(n) for n in places if abs(of(n + h) - of(n - h)) > mpf("1e-20")}

    poles = {float(n) for n in places if abs(exact.a(n + h)) > mpf("1e20")}
    kinks = leaps(exact.a) | leaps(exact.da)
    assert set(row.poles) == poles
    assert set(row.kinks) == kinks - poles
    assert set(row.jumps) == leaps(exact.d2a) - kinks - poles
    slopes = {exact.da(n + h) for n in places}
    assert row.linear == (len(slopes) == 1 and 0 not in slopes)
    assert row.stepwise == (slopes == {0})


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_value_and_derivatives_at_kinks_and_at_zero(name: str, zero: float) -> None:
    exact = smooth_copy(name)
    for n in {0.0, *smooth(name).kinks} - set(smooth(name).poles):
        a, da, d2a = elementwise(name, np.array([n or zero]))
        at = mpf(n)
        assert (a[0], da[0], d2a[0]) == (float(exact.a(at)), float(exact.da(at)), float(exact.d2a(at))), (name, n)


INF = math.inf


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_limits_at_infinity(name: str) -> None:
    got = np.stack(elementwise(name, np.array([-INF, INF])), axis=-1)
    np.testing.assert_array_equal(got, np.array(smooth(name).limits))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nan_gives_nan(name: str) -> None:
    """In value, slope and curvature; the derivative of a linear row does not depend on n."""
    a, da, d2a = elementwise(name, np.array([math.nan]))
    assert math.isnan(a[0])
    if TRANSFER[name].linear:
        assert (da[0], d2a[0]) == (1.0, 0.0)
    else:
        assert math.isnan(da[0])
        assert math.isnan(d2a[0])


@pytest.mark.parametrize("name", COUPLED)
def test_nan_anywhere_makes_the_whole_layer_nan(name: str) -> None:
    row = TRANSFER[name]
    n = np.array([0.5, math.nan, 1.0])
    a = row.value(n)
    assert np.isnan(a).all()
    slope, curve = row.tangent(n, a, np.eye(3)), row.curvature(n, a, np.ones(3), np.eye(3), np.eye(3))
    if row.stepwise:
        assert not slope.any()
        assert not curve.any()
    else:
        assert np.isnan(slope).all()
        assert np.isnan(curve).all()


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_rows_at_infinity_and_of_equals(name: str) -> None:
    row, exact = TRANSFER[name], coupled_copy(name)
    assert exact.pinned, f"add to PRECISE_TRANSFER what a layer of {name} gives at infinite n"
    for layer, expected in exact.pinned.items():
        n, identity = np.array(layer), np.eye(len(layer))
        with np.errstate(all="ignore"):
            a = row.value(n)
            slope, back = row.tangent(n, a, identity), row.cotangent(n, a, identity)
            curve = row.curvature(n, a, np.ones(len(layer)), identity, identity)
        np.testing.assert_array_equal(a, expected)
        for found in (slope, back, curve):
            assert np.isnan(found).all() if np.isnan(a).any() else not found.any()


@pytest.mark.parametrize("name", COUPLED)
def test_a_finite_layer_never_gives_nan(name: str) -> None:
    row = TRANSFER[name]
    for layer in itertools.product([0.0, 5e-324, -1.0, 30.0, -1e154, 1e200, 1.7e308], repeat=2):
        n = np.array(layer)
        with np.errstate(all="ignore"):
            a = row.value(n)
            found = [a, row.tangent(n, a, np.eye(2)), row.curvature(n, a, np.array([1.0, -2.0]), np.eye(2), np.eye(2))]
        assert not any(np.isnan(array).any() for array in found), layer


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_finite_n_never_gives_nan(name: str) -> None:
    points = np.concatenate([POINTS, [0.0, -0.0, 1.0, -1.0], np.geomspace(1e-320, 1e308, 400)])
    points = points[~np.isin(points, smooth(name).poles)]
    assert not any(np.isnan(array).any() for array in elementwise(name, points))


@pytest.mark.parametrize("name", ANALYTIC)
def test_complex_step(name: str) -> None:
    """The slope from the value alone, without differences."""
    n, h = np.array([-3.1, -0.7, 0.2, 1.3, 4.0]), 1e-200
    _, da, _ = elementwise(name, n)
    stepped = TRANSFER[name].value((n + 1j * h)[:, None])[:, 0].imag / h
    np.testing.assert_allclose(stepped, da, rtol=4e-15, atol=1e-300)


@pytest.mark.parametrize("name", sorted(set(TRANSFER) - set(ANALYTIC)))
def test_central_differences(name: str) -> None:
    """For rows that complex step is not allowed on; off the kinks."""
    row = TRANSFER[name]
    n, h = np.array([-1.37, -0.71, 0.23, 0.64, 1.9]), 2.0**-17
    a = row.value(n)
    columns = [(row.value(n + h * e) - row.value(n - h * e)) / (2.0 * h) for e in np.eye(5)]
    np.testing.assert_allclose(row.tangent(n, a, np.eye(5)), np.stack(columns), rtol=0.0, atol=2e-9)
    u = np.array([0.3, -1.1, 0.7, 0.2, -0.4])

    def gradient(at: Real) -> Real:
        found: Real = row.cotangent(at, row.value(at), u[None, :])[0]
        return found

    second = [(gradient(n + h * e) - gradient(n - h * e)) / (2.0 * h) for e in np.eye(5)]
    np.testing.assert_allclose(row.curvature(n, a, u, np.eye(5), np.eye(5)), np.stack(second), rtol=0.0, atol=2e-9)


def every_function(row: TransferFunction, n: Any, u: Any, v: Any, w: Any) -> list[Any]:
    """All four: u is (..., 1, S) for cotangent and its only row for curvature."""
    a = row.value(n)
    return [a, row.tangent(n, a, v), row.cotangent(n, a, u), row.curvature(n, a, u[..., 0, :], v, w)]


@pytest.mark.parametrize("name", sorted(TRANSFER))
def test_the_four_functions_agree_with_each_other(name: str) -> None:
    """u·(a'v) = (ua')·v, and the curvature is linear in each of its three directions and symmetric in two."""
    rng = np.random.default_rng(7)
    n, u = rng.normal(size=(6, 4)), rng.normal(size=(6, 1, 4))
    v, w = rng.normal(size=(6, 2, 4)), rng.normal(size=(6, 3, 4))
    row = TRANSFER[name]
    a, forward, backward, curve = every_function(row, n, u, v, w)
    assert (a.shape, forward.shape, backward.shape, curve.shape) == ((6, 4), (6, 2, 4), (6, 1, 4), (6, 2, 3))
    scale = 1.0 + np.abs(forward).max() + np.abs(curve).max()
    np.testing.assert_allclose((forward * u).sum(-1), (v * backward).sum(-1), rtol=0.0, atol=1e-14 * scale)
    flat = u[:, 0, :]
    np.testing.assert_allclose(row.curvature(n, a, flat, w, v), curve.swapaxes(-1, -2), rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(row.curvature(n, a, -2.0 * flat, v, 3.0 * w), -6.0 * curve, rtol=0, atol=1e-13 * scale)


@pytest.mark.parametrize("name", sorted(TRANSFER))
@pytest.mark.parametrize("batch", [(), (0,), (1,), (3, 0), (2, 3)])
def test_every_batch_shape(name: str, batch: tuple[int, ...]) -> None:
    n, u = np.full((*batch, 3), 0.4), np.ones((*batch, 1, 3))
    v, w = np.ones((*batch, 2, 3)), np.ones((*batch, 5, 3))
    shapes = [array.shape for array in every_function(TRANSFER[name], n, u, v, w)]
    assert shapes == [(*batch, 3), (*batch, 2, 3), (*batch, 1, 3), (*batch, 2, 5)]


@pytest.mark.parametrize("name", [name for name, row in TRANSFER.items() if row.log_cotangent is not None])
def test_derivatives_of_the_logarithms_are_those_of_the_value_divided_by_it(name: str) -> None:
    """Where nothing underflows: u (ln a)' is (u / a) a', and u (ln(1 − a))' is −(u / (1 − a)) a'."""
    row = TRANSFER[name]
    rng = np.random.default_rng(5)
    n, u = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    u[1, 2], u[2] = 1.0, [1.0, 0.0, 1.0, -1.0]
    a = np.asarray(row.value(n))
    assert row.log_cotangent is not None
    assert row.log_complement_cotangent is not None
    pairs = (
        (row.log_cotangent(n, a, u), u / a),
        (row.log_complement_cotangent(n, a, u), -u / (1.0 - a)),
    )
    for found, by_value in pairs:
        expected = row.cotangent(n, a, by_value[:, None, :])[:, 0, :]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    for of in (row.log_cotangent, row.log_complement_cotangent):
        np.testing.assert_allclose(of(n[2], a[2], u[2]), of(n, a, u)[2], rtol=1e-14)
        whole = of(n.reshape(2, 3, 4), a.reshape(2, 3, 4), u.reshape(2, 3, 4))
        np.testing.assert_allclose(whole.reshape(6, 4), of(n, a, u), rtol=1e-14)


def test_an_output_that_is_certain_has_no_share_that_is_not_asked_for() -> None:
    """Where the others underflow 1 - a is 0, and 0 of ln 0 is 0."""
    row = TRANSFER["softmax"]
    n = np.array([0.0, -800.0, -900.0])
    assert row.log_complement_cotangent is not None
    with np.errstate(all="ignore"):
        found = row.log_complement_cotangent(n, np.asarray(row.value(n)), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.0])


def test_a_ceiling_may_be_any_positive_number() -> None:
    clipped = TRANSFER["clippedrelu"].with_settings({"Ceiling": 0.5})
    assert clipped.value(np.array([-1.0, 0.25, 0.75])).tolist() == [0.0, 0.25, 0.5]
    for ceiling in (0.0, -1.0, np.inf):
        with pytest.raises(ModelError) as caught:
            TRANSFER["clippedrelu"].with_settings({"Ceiling": ceiling})
        assert str(caught.value) == f"Ceiling of clippedrelu is {ceiling:g}, expected a finite number above 0"
