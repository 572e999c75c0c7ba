"""Networks of images with every kind of connection: values, first and second derivatives against PyTorch; memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from image_networks import in_torch, small_network
from matnet.derivatives import memory, quantities
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network

LAST = ("dense", "GlobalMaxPooling2DLayer", "GlobalAveragePooling2DLayer")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("last", LAST)
def test_value_jacobian_and_hessian_against_pytorch(tmp_path: Path, last: str) -> None:
    torch = pytest.importorskip("torch")
    net, reference = small_network(tmp_path, last), in_torch(last)
    for x in np.random.default_rng(3).normal(size=(2, 60)):
        given = torch.as_tensor(x)
        np.testing.assert_allclose(net(x), reference(given).numpy(), rtol=1e-12, atol=1e-14)
        jacobian = torch.func.jacrev(reference)(given).numpy()
        np.testing.assert_allclose(net.jacobian(x), jacobian, rtol=1e-10, atol=1e-13)
        hessian = torch.func.hessian(reference)(given).numpy()
        np.testing.assert_allclose(net.hessian(x), hessian, rtol=1e-9, atol=1e-12)


def test_hessian_against_differences_of_the_jacobian(tmp_path: Path) -> None:
    net, x = small_network(tmp_path), np.random.default_rng(4).normal(size=60)
    hessian, h = net.hessian(x), 1e-5
    assert np.abs(hessian).max() > 1e-3
    for j, step in enumerate(np.eye(60) * h):
        change = (net.jacobian(x + step) - net.jacobian(x - step)) / (2 * h)
        np.testing.assert_allclose(hessian[..., j], change, atol=1e-8)


def test_a_piecewise_linear_network_has_no_curvature_but_where_it_is_unknown() -> None:
    net = matnet.load(Path(__file__).parents[2] / "fixtures" / "digits.mat")
    structure = net.structure
    x = np.random.default_rng(0).uniform(0.0, 255.0, 784)
    before_softmax = net.hessian(x, of="fc")
    assert before_softmax.shape == (10, 784, 784)
    assert not before_softmax.any()
    del before_softmax, structure
    x[3] = np.nan
    assert np.isnan(net.hessian(x, of="fc")[:, 300:320, 300:320]).all()


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_memory", lambda: 2**25)
    net = matnet.load(Path(__file__).parents[2] / "fixtures" / "digits.mat")
    x = np.zeros(784)
    calls: dict[str, Callable[[], Any]] = {
        "0.1 GiB of memory are needed for the Hessian of 10 outputs with respect to 784 inputs, but this machine has "
        "0.0 GiB; jvp and vjp need less: they do not form it": lambda: net.hessian(x),
        "0.1 GiB of memory are needed for the Jacobian of 11,520 outputs with respect to 784 inputs, but this machine "
        "has 0.0 GiB; jvp and vjp need less: they do not form it": lambda: net.jacobian(x, of="relu_1"),
        "0.0 GiB of memory are needed for the derivatives of 11,520 outputs with respect to 560 weights, but this "
        "machine has 0.0 GiB; sparse=True leaves out what is 0": lambda: net.parameter_jacobian(x, of="relu_1"),
        "0.1 GiB of memory are needed for the result for 1,000 samples, but this machine has 0.0 GiB; give fewer "
        "samples at a time": lambda: net.jacobian(np.zeros((1000, 784))),
    }
    for message, call in calls.items():
        with pytest.raises(matnet.ShapeError) as refused:
            call()
        assert str(refused.value) == f"at least {message}"
    assert net.parameter_jacobian(x, of="relu_1", sparse=True).shape == (11520, 560)


@pytest.mark.parametrize("function", ["boxdist", "mandist"])
def test_a_piecewise_linear_distance_has_no_curvature_but_where_it_is_unknown(function: str) -> None:
    rng = np.random.default_rng(5)
    distances = Layer(3, "purelin", {0: Weight(rng.normal(size=(3, 4)), function)}, {}, np.zeros(3))
    last = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 3)))}, np.zeros(2))
    net = Network(Structure((Input(4),), (distances, last), (Output(1, 2),)))
    x = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, np.nan, 3.0, 4.0]])
    plain = quantities.Hessian(None)(net.program, x)
    for hessian in (net.hessian(x), np.asarray(plain)):
        assert not hessian[0].any()
        assert np.isnan(hessian[1]).all()
