"""Networks against 50 digits: saturated ones keep their derivatives, and every smooth row is right in a chain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from mpmath import mp, mpf
from numpy.typing import NDArray

from matnet.functions.transfer import TRANSFER
from matnet.model.structure import Layer, Structure, Weight
from matnet.network import Network
from precise_networks import evaluated
from precise_rows import PRECISE_WEIGHT
from random_networks import FINITE_WEIGHTS, minmax, network, samples, structures
from trials import random_cases

Real = NDArray[np.float64]

EPS = 2.0**-52
UNDERFLOW = 1e-300
"""Far below it doubles lose their digits, and what is multiplied with them."""


def assert_within_rounding(net: Network, x: Real, size_of_n: float) -> None:
    """Jacobian and Hessian within 8 eps Σ|terms| (1 + |n|) of the exact ones: the rounding of their own sums."""
    J, H = net.jacobian(x), net.hessian(x)
    unit = 8 * EPS * (1 + size_of_n)
    for i, exact in enumerate(evaluated(net.structure, x.tolist())):
        for j in range(net.input_size):
            error = abs(mpf(float(J[i, j])) - exact.g[j])
            assert error <= unit * exact.tg[j] + UNDERFLOW, f"J[{i},{j}]: {J[i, j]} against {mp.nstr(exact.g[j], 17)}"
            for k in range(net.input_size):
                error = abs(mpf(float(H[i, j, k])) - exact.h[j][k])
                assert error <= unit * exact.th[j][k] + UNDERFLOW, (
                    f"H[{i},{j},{k}]: {H[i, j, k]} {mp.nstr(exact.h[j][k], 17)}"
                )


def saturated(transfer: str, scale: float) -> Network:
    """A 2-4-2 network whose hidden net inputs are around ±scale."""
    rng = np.random.default_rng(4)
    hidden = Layer(4, transfer, {0: Weight(scale * rng.normal(size=(4, 2)))}, bias=rng.normal(size=4))
    outer = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 4)))}, rng.normal(size=2))
    return network(hidden, outer, inputs=2, outputs={1: (minmax(2, rng),)})


@pytest.mark.parametrize("transfer", ["tansig", "logsig", "softmax", "radbas", "elliotsig", "elliot2sig"])
@pytest.mark.parametrize("scale", [1.0, 10.0, 40.0, 150.0])
def test_saturated_layers_keep_their_derivatives(transfer: str, scale: float) -> None:
    net = saturated(transfer, scale)
    bias, w = net.structure.layers[0].bias, net.structure.layers[0].input_weights[0].value
    for x in np.array([[1.0, 0.75], [-0.6, 0.9], [0.05, -0.02]]):
        n = float(np.abs(w @ x + bias).max())
        assert_within_rounding(net, x, n * n if transfer == "radbas" else n)


def test_the_slope_of_a_saturated_tansig_is_not_lost() -> None:
    """At n = 20 the usual 1 − a² is exactly 0; the derivative is 1.7e-17."""
    net = network(Layer(1, "tansig", {0: Weight([[1.0]])}))
    exact = 4.0 * np.exp(-40.0) / (1.0 + np.exp(-40.0)) ** 2
    assert net.jacobian([20.0]).item() == pytest.approx(exact, rel=1e-15)
    assert 1.0 - np.tanh(20.0) ** 2 == 0.0
    assert net.hessian([20.0]).item() == pytest.approx(-2.0 * exact, rel=1e-15)


def test_two_saturated_layers_in_a_row() -> None:
    rng = np.random.default_rng(2)
    first = Layer(3, "tansig", {0: Weight(6.0 * rng.normal(size=(3, 2)))}, bias=rng.normal(size=3))
    second = Layer(3, "logsig", {}, {0: Weight(9.0 * rng.normal(size=(3, 3)))}, rng.normal(size=3))
    net = network(first, second, Layer(1, "purelin", {}, {1: Weight(rng.normal(size=(1, 3)))}), inputs=2)
    for x in np.array([[1.0, 0.75], [-0.6, 0.9], [1.9, -1.2]]):
        a1, a2, _ = net.layer_outputs(x)
        largest = max(np.abs(np.arctanh(a1)).max(), np.abs(np.log(a2 / (1.0 - a2))).max())
        assert_within_rounding(net, x, float(largest))


SMOOTH = sorted(
    name for name, row in TRANSFER.items() if not row.kinks and not row.stepwise and not getattr(row, "poles", ())
)


@random_cases(25)
@given(
    structures(
        transfers=SMOOTH,
        weights=sorted(set(PRECISE_WEIGHT) & set(FINITE_WEIGHTS)),
        processes=("none", "mapminmax", "mapstd"),
    )
)
def test_random_networks_in_50_digits(structure: Structure) -> None:
    """Chains, skips and products of every smooth row; the bound grows with the depth."""
    net = Network(structure)
    (x,) = samples(net, 1)
    y, J, H = net(x), net.jacobian(x), net.hessian(x)
    for i, exact in enumerate(evaluated(structure, x.tolist())):
        assert abs(mpf(float(y[i])) - exact.v) <= 1e-13 * (1 + abs(exact.v))
        slopes, bends = max(exact.tg), max(max(row) for row in exact.th)
        for j in range(net.input_size):
            assert abs(mpf(float(J[i, j])) - exact.g[j]) <= 1e-12 * slopes, (i, j)
            for k in range(net.input_size):
                assert abs(mpf(float(H[i, j, k])) - exact.h[j][k]) <= 1e-11 * bends, (i, j, k)


def radial(function: str, transfer: str, net_input: str, bias: list[float] | None) -> Network:
    """A radial layer with its first centre at (0.5, −0.25)."""
    centres = np.array([[0.5, -0.25], [1.5, 0.75]])
    return network(Layer(2, transfer, {0: Weight(centres, function)}, bias=bias, net_input=net_input), inputs=2)


@pytest.mark.parametrize("function", ["dist", "negdist"])
@pytest.mark.parametrize(("net_input", "bias"), [("netprod", [1.5, 0.4]), ("netprod", None), ("netsum", None)])
def test_a_radial_layer_is_smooth_at_its_centre(function: str, net_input: str, bias: list[float] | None) -> None:
    """−2b²(p−w)a and a(4b⁴vvᵀ − 2b²I): at p = w the slope is 0 and the curvature −2b²I."""
    net = radial(function, "radbas", net_input, bias)
    b = np.ones(2) if bias is None else np.array(bias)
    centres = net.structure.layers[0].input_weights[0].value
    for x in np.array([[0.5, -0.25], [0.5 + 1e-9, -0.25], [1.1, 0.3]]):
        v = x - centres
        a = np.exp(-(b**2) * (v**2).sum(-1))
        J = -2.0 * (b**2 * a)[:, None] * v
        curve = 4.0 * (b**4)[:, None, None] * v[:, :, None] * v[:, None, :] - 2.0 * (b**2)[:, None, None] * np.eye(2)
        np.testing.assert_allclose(net(x), a, rtol=1e-15)
        np.testing.assert_allclose(net.jacobian(x), J, rtol=1e-14, atol=1e-16)
        np.testing.assert_allclose(net.hessian(x), a[:, None, None] * curve, rtol=1e-13, atol=1e-15)


def test_the_parameters_of_a_radial_layer_at_its_centre() -> None:
    """da/dw = 2b²(p−w)a and da/db = −2b‖p−w‖²a: both 0 at p = w, and differences elsewhere."""
    net = radial("dist", "radbas", "netprod", [1.5, 0.4])
    at_centre = net.parameter_jacobian([0.5, -0.25])
    assert not at_centre[0].any()
    theta, x, h = net.parameters, np.array([0.8, 0.1]), 2.0**-18
    columns = [
        (net.with_parameters(theta + h * e)(x) - net.with_parameters(theta - h * e)(x)) / (2 * h)
        for e in np.eye(len(theta))
    ]
    np.testing.assert_allclose(net.parameter_jacobian(x), np.stack(columns, axis=-1), rtol=0.0, atol=1e-9)


def test_a_layer_of_radbasn_is_smooth_at_a_centre() -> None:
    """The coupled row goes through the squared distance too: compared with the exact one a little beside."""
    net = radial("dist", "radbasn", "netprod", [1.5, 0.4])
    at, beside = np.array([0.5, -0.25]), np.array([0.5 + 1e-8, -0.25])
    assert np.isfinite(net.hessian(at)).all()
    np.testing.assert_allclose(net.jacobian(at), net.jacobian(beside), rtol=0.0, atol=1e-6)
    np.testing.assert_allclose(net.hessian(at), net.hessian(beside), rtol=0.0, atol=1e-6)
    assert_within_rounding(net, np.array([0.9, 0.1]), 4.0)


def test_a_sum_of_distances_keeps_its_kink() -> None:
    """With a bias added, not multiplied, a is not a function of the square: 0 is pinned where p = w."""
    net = radial("dist", "radbas", "netsum", [1.5, 0.4])
    J = net.jacobian([0.5, -0.25])
    assert J[0].tolist() == [0.0, 0.0]
    assert np.isfinite(net.hessian([0.5, -0.25])).all()


@pytest.mark.parametrize("bias", [None, [0.7, 1.1]])
def test_a_product_of_a_distance_and_another_input_is_smooth_at_the_centre(bias: list[float] | None) -> None:
    """radbas of b·dist·dotprod is a function of squares: its Hessian at p = w is that of its neighbours."""
    first = Layer(1, "purelin", {0: Weight([[1.0, 1.0]])}, bias=[0.5])
    centres, factor = Weight([[0.3, -0.2], [1.0, 0.5]], "dist"), Weight([[1.3], [0.4]])
    net = network(first, Layer(2, "radbas", {0: centres}, {0: factor}, bias, "netprod"), inputs=2)
    for x in np.array([[0.3 + 1e-7, -0.2], [1.0, 0.5 - 1e-9], [0.1, 0.9]]):
        assert_within_rounding(net, x, 4.0)
    scale = 1.3 * 0.6 * (1.0 if bias is None else bias[0])
    np.testing.assert_allclose(net.hessian([0.3, -0.2])[0], -2.0 * scale**2 * np.eye(2), rtol=1e-14)


@pytest.mark.parametrize("bias", [1e-155, 1e-160, 1e-200, 1e-290, 1e120])
@pytest.mark.parametrize("function", ["dist", "negdist"])
def test_a_bias_whose_square_leaves_the_range_of_doubles(bias: float, function: str) -> None:
    """exp(−(b d)²) where b² underflows or overflows and b d does not; the layer's other neuron is ordinary."""
    centres = Weight([[0.3, -0.2], [1.0, 2.0]], function)
    net = network(Layer(2, "radbas", {0: centres}, bias=[bias, 0.5], net_input="netprod"), inputs=2)
    for t in (0.01, 0.7, 2.0):
        x = np.array([0.3 + 0.6 * t / bias, -0.2 + 0.8 * t / bias])
        v = [mpf(float(entry)) - mpf(float(w)) for entry, w in zip(x, centres.value[0], strict=True)]
        b = mpf(bias)
        a = mp.exp(-(b**2) * (v[0] ** 2 + v[1] ** 2))
        assert abs(mpf(float(net(x)[0])) - a) <= 16 * EPS * a
        by_bias = -2 * b * (v[0] ** 2 + v[1] ** 2) * a
        assert abs(mpf(float(net.parameter_jacobian(x)[0, 0])) - by_bias) <= 32 * EPS * abs(by_bias)
        for j in range(2):
            exact = -2 * b**2 * v[j] * a
            assert abs(mpf(float(net.jacobian(x)[0, j])) - exact) <= 32 * EPS * abs(exact)
            for k in range(2):
                bend = (4 * b**4 * v[j] * v[k] - 2 * b**2 * (j == k)) * a
                terms = (4 * b**4 * abs(v[j] * v[k]) + 2 * b**2) * a
                assert abs(mpf(float(net.hessian(x)[0, j, k])) - bend) <= 32 * EPS * terms + UNDERFLOW


def test_a_regression_network_keeps_its_digits_where_one_centre_dominates() -> None:
    """Σ w a / Σ a of radial neurons: near a centre its derivative is some 1e-25, and all digits of that are right."""
    centres = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    targets = np.array([1.0, 2.0, 3.0])
    kernel = Layer(3, "radbas", {0: Weight(centres, "dist")}, bias=np.full(3, 6.0), net_input="netprod")
    net = network(kernel, Layer(1, "purelin", {}, {0: Weight([targets], "normprod")}), inputs=2)
    for x in ([0.4, 0.4], [0.2, 0.25], [0.1, 0.05], [1.0, 0.9]):
        v = [[mpf(entry) - mpf(float(c)) for entry, c in zip(x, centre, strict=True)] for centre in centres]
        a = [mp.exp(-36 * (one**2 + other**2)) for one, other in v]
        total = sum(a)
        y = sum(w * entry for w, entry in zip(targets, a, strict=True)) / total
        slopes = [[-72 * v[i][j] * a[i] / total for j in range(2)] for i in range(3)]
        for j in range(2):
            exact = sum((w - y) * slope[j] for w, slope in zip(targets, slopes, strict=True))
            terms = sum(abs((w - y) * slope[j]) for w, slope in zip(targets, slopes, strict=True))
            assert abs(mpf(float(net.jacobian(x)[0, j])) - exact) <= 1e-14 * terms, (x, j)
        bends = [
            [[((5184 * v[i][j] * v[i][k] - 72 * (j == k)) * a[i] / total) for k in range(2)] for j in range(2)]
            for i in range(3)
        ]
        mean = [sum(slope[j] for slope in slopes) for j in range(2)]
        for j, k in np.ndindex(2, 2):
            parts = [
                (w - y) * (bends[i][j][k] - slopes[i][j] * mean[k] - mean[j] * slopes[i][k])
                for i, w in enumerate(targets)
            ]
            assert abs(mpf(float(net.hessian(x)[0, j, k])) - sum(parts)) <= 1e-13 * sum(map(abs, parts)), (x, j, k)


@pytest.mark.parametrize("beside", [1e-3, 1e-8, 1e-13, 0.0])
@pytest.mark.parametrize("size", [1.0, 1e-5, 1e8])
def test_the_curvature_of_a_distance_along_its_own_direction(beside: float, size: float) -> None:
    """(I − e eᵀ)/z: along e it is 0, and with e close to an axis it is small there, not the rounding of 1 − e²."""
    w = np.array([[0.25, -0.5, 0.125]])
    net = network(Layer(1, "purelin", {0: Weight(w, "dist")}), inputs=3)
    x = w[0] + size * np.array([1.0, beside, -2.0 * beside])
    v = [mpf(float(entry)) - mpf(float(centre)) for entry, centre in zip(x, w[0], strict=True)]
    z = mp.sqrt(sum(entry**2 for entry in v))
    H = net.hessian(x)[0]
    for j, k in np.ndindex(3, 3):
        others = sum(v[m] ** 2 for m in range(3) if m != j) if j == k else -v[j] * v[k]
        exact = others / z**3
        assert abs(mpf(float(H[j, k])) - exact) <= 1e-14 * abs(exact) + mpf(2) ** -104 / z, (j, k)


def test_the_curvature_of_a_distance_along_any_direction_through_it() -> None:
    """uᵀHu = 0 for u = x − w, to the rounding of u itself."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(1, 5))
    net = network(Layer(1, "purelin", {0: Weight(w, "dist")}), inputs=5)
    for _ in range(20):
        x = w[0] + 1e-9 * rng.normal(size=5)
        u = (x - w[0]) / np.linalg.norm(x - w[0])
        H = net.hessian(x)[0]
        assert abs(u @ H @ u) <= 8 * EPS * np.abs(H).max()
