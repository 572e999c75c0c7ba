"""The derivative of one output is not touched by NaN or Inf in another: 0 · NaN stands for no path at all."""

from __future__ import annotations

import numpy as np
import pytest

from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from random_networks import minmax, network

NAN = np.nan


def two_branches(extra: bool = False) -> Network:
    """Two inputs with an output each; with `extra` a third output makes the walk go forward."""
    layers = [
        Layer(1, "tansig", {0: Weight([[1.5]])}, bias=[0.1]),
        Layer(2, "tansig", {1: Weight([[0.7], [0.2]])}, bias=[0.2, 0.1]),
        Layer(1, "purelin", {}, {1: Weight([[1.0, 2.0]])}, bias=[0.0]),
    ]
    outputs = [Output(0, 1), Output(2, 1)]
    if extra:
        layers.append(Layer(2, "logsig", {}, {0: Weight([[0.5], [-1.0]])}, bias=[0.0, 1.0]))
        outputs.append(Output(3, 2))
    inputs = (Input(1, (minmax(1, np.random.default_rng(0)),)), Input(1))
    return Network(Structure(inputs, tuple(layers), tuple(outputs)))


@pytest.mark.parametrize("extra", [False, True], ids=["backward", "forward"])
@pytest.mark.parametrize("bad", [NAN, np.inf, -np.inf])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_branch_without_the_bad_input_keeps_its_derivatives(extra: bool, bad: float, rows: int) -> None:
    """Of every sample alone (rows 0) and in a batch."""
    net = two_branches(extra)
    good = np.array([0.2, 0.3])
    x = np.array([0.2, bad]) if not rows else np.tile([0.2, bad], (rows, 1))
    own = [0, 2, 3] if extra else [0]
    expected = net.jacobian(good)[own], net.jacobian(good, scale="normalized")[own], net.hessian(good)[own]
    found = (
        net.jacobian(x)[..., own, :],
        net.jacobian(x, scale="normalized")[..., own, :],
        net.hessian(x)[..., own, :, :],
    )
    for got, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, np.broadcast_to(right, got.shape), rtol=1e-14)
    theta = net.parameter_jacobian(good)[own]
    got = net.parameter_jacobian(x)[..., own, :]
    np.testing.assert_allclose(got, np.broadcast_to(theta, got.shape), rtol=1e-14)


@pytest.mark.parametrize("extra", [False, True], ids=["backward", "forward"])
def test_what_no_path_joins_has_the_derivative_0(extra: bool) -> None:
    net = two_branches(extra)
    J = net.jacobian([0.2, NAN])
    np.testing.assert_array_equal(J == 0.0, net.jacobian([0.2, NAN], scale="normalized") == 0.0)
    assert J[1, 0] == 0.0
    assert np.isnan(J[1, 1])
    assert J[0, 1] == 0.0
    assert net.hessian([0.2, NAN])[1, 0].tolist() == [0.0, 0.0]


def test_outputs_that_share_an_input() -> None:
    """normprod of a sum of 0 is 0/0; the other output sees the same inputs and is finite."""
    layers = (
        Layer(2, "poslin", {0: Weight(-np.eye(2))}, bias=[0.0, 0.0]),
        Layer(1, "purelin", {}, {0: Weight([[1.0, 2.0]], "normprod")}),
        Layer(1, "purelin", {0: Weight([[0.3, 0.1]])}, bias=[0.0]),
    )
    net = Network(Structure((Input(2),), layers, (Output(1, 1), Output(2, 1))))
    y, J = net.value_and_jacobian([1.0, 2.0])
    assert np.isnan(y[0])
    assert np.isnan(J[0]).all()
    assert J[1].tolist() == [0.3, 0.1]
    assert net.jacobian([1.0, 2.0], scale="normalized")[1].tolist() == [0.3, 0.1]


def test_a_factor_that_is_infinite_does_not_meet_the_0_of_another_input() -> None:
    """n = z1 z2 with z1 = Inf: where the layer is saturated, dn/dx1 = z2 dz1/dx1 is finite, and 0 is its share."""
    first, second = Weight([[1.0, 0.5]], "boxdist"), Weight([[0.25]], "dist")
    layer = Layer(1, "satlin", {0: first, 1: second}, bias=[1.0], net_input="netprod")
    net = network(layer, Layer(2, "purelin", {}, {0: Weight([[1.0], [2.0]])}), inputs=(2, 1), outputs={0: (), 1: ()})
    assert net.jacobian([np.inf, 0.5, 1.0])[:, :2].tolist() == [[0.0, 0.0]] * 3


def fed_back() -> Network:
    """Two layers, each fed back to itself alone, each with an input and an output of its own."""
    layers = (
        Layer(1, "tansig", {0: Weight([[0.5]])}, {0: Weight([[0.3]], delays=(1,))}, bias=[0.1]),
        Layer(1, "tansig", {1: Weight([[0.7]])}, {1: Weight([[0.2]], delays=(1,))}, bias=[0.2]),
    )
    return Network(Structure((Input(1), Input(1)), layers, (Output(0, 1), Output(1, 1))))


def test_a_series_keeps_its_outputs_apart() -> None:
    net = fed_back()
    good = np.column_stack([np.linspace(-1.0, 1.0, 5), np.linspace(0.0, 1.0, 5)])
    x = good.copy()
    x[1, 1] = NAN
    for wrt, lags in (("inputs", 3), ("layer_states", None)):
        found, right = (net.run_jacobian(series, lags=lags, wrt=wrt) for series in (x, good))
        own = np.moveaxis(found, -2 if wrt == "inputs" else 1, 0)[0]
        np.testing.assert_allclose(own, np.moveaxis(right, -2 if wrt == "inputs" else 1, 0)[0], rtol=1e-14)
        assert np.isnan(found).any()


def test_derivatives_at_normalized_scale_by_hand() -> None:
    """y = 4 (1 + z) + 3, z = 0.5 n, n = tanh(2 p), p = (x - 1) / 5: dz/dp, and of a layer dn/dp."""
    scale = Process.from_matlab("mapminmax", {"xmin": -4.0, "xmax": 6.0, "ymin": -1.0, "ymax": 1.0})
    out = Process.from_matlab("mapminmax", {"xmin": 3.0, "xmax": 11.0, "ymin": -1.0, "ymax": 1.0})
    layers = (Layer(1, "tansig", {0: Weight([[2.0]])}), Layer(1, "purelin", {}, {0: Weight([[0.5]])}))
    net = Network(Structure((Input(1, (scale,)),), layers, (Output(1, 1, (out,)),)))
    slope = 1.0 / np.cosh(2.0 * 0.2) ** 2
    for of, expected in ((None, 0.5 * 2.0 * slope), (1, 2.0 * slope), (2, 0.5 * 2.0 * slope)):
        assert net.jacobian([2.0], of=of, scale="normalized").item() == pytest.approx(expected, rel=1e-15)
    for of, expected in ((None, 4.0 * slope / 5.0), (1, 2.0 * slope / 5.0), (2, slope / 5.0)):
        assert net.jacobian([2.0], of=of).item() == pytest.approx(expected, rel=1e-15)
