"""Networks of layers: what they become, by numbers made elsewhere, and what is refused by its layer's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from layered_networks import (
    EMPTY,
    batch_normalization,
    column,
    dense,
    directed,
    dlnetwork,
    features,
    image,
    layer,
    learnable,
    number,
    random_numbers,
    saved,
    series,
)
from object_files import ObjectStore, Reference

W1, B1, W2, B2 = random_numbers(1, (4, 3), (4,), (2, 4), (2,))
X = np.random.default_rng(2).normal(size=(6, 3))

Make = Callable[[ObjectStore], Reference]


def load(tmp_path: Path, make: Make) -> matnet.Network:
    store = ObjectStore()
    return matnet.load(saved(tmp_path / "net.mat", store, net=make(store)))


def check_derivatives(net: matnet.Network, x: Any) -> None:
    """The Jacobian, the Hessian and the parameters' derivatives against central differences."""
    h = 1e-5
    jacobian, hessian, slopes = net.jacobian(x), net.hessian(x), net.parameter_jacobian(x)
    for j, step in enumerate(np.eye(net.input_size) * h):
        np.testing.assert_allclose(jacobian[..., j], (net(x + step) - net(x - step)) / (2 * h), rtol=1e-6, atol=1e-8)
        bent = (net.jacobian(x + step) - net.jacobian(x - step)) / (2 * h)
        np.testing.assert_allclose(hessian[..., j], bent, rtol=1e-5, atol=1e-7)
    theta = net.parameters
    for k, step in enumerate(np.eye(len(theta)) * h):
        moved = net.with_parameters(theta + step)(x) - net.with_parameters(theta - step)(x)
        np.testing.assert_allclose(slopes[..., k], moved / (2 * h), rtol=1e-6, atol=1e-8)


SIMPLE: list[Any] = [features(3), dense("fc_1", W1, B1), layer("ReLULayer", "relu_1"), dense("fc_2", W2, B2)]
CLASSES: list[Any] = [
    *SIMPLE,
    layer("SoftmaxLayer", "softmax", 3, VectorFormat=np.array([[False]]), ChannelDim=EMPTY),
    layer("ClassificationOutputLayer", "classes", 1, ClassNames=["low", "high"], OutputSize=number(2)),
]


def simple(x: Any) -> Any:
    return np.maximum(x @ W1.T + B1, 0.0) @ W2.T + B2


def softmax(n: Any) -> Any:
    e = np.exp(n - n.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("make", [series, directed, dlnetwork])
def test_a_chain_of_layers_in_every_class(tmp_path: Path, make: Any) -> None:
    net = load(tmp_path, lambda store: make(store, CLASSES))
    np.testing.assert_allclose(net(X), softmax(simple(X)), rtol=1e-13)
    assert net.layer_names == ("input", "fc_1", "relu_1", "fc_2", "softmax", "classes")
    assert net.output_names == ("low", "high")
    assert net.input_names == ("x1", "x2", "x3")
    assert net.provenance.stored_as == f"{make(ObjectStore(), CLASSES).class_name} object"
    assert net.provenance.precision == ""
    layers = net.layer_outputs(X)
    np.testing.assert_array_equal(layers[0], X)
    np.testing.assert_allclose(layers[2], np.maximum(X @ W1.T + B1, 0.0), rtol=1e-13)
    np.testing.assert_array_equal(layers[4], layers[5])
    np.testing.assert_array_equal(net.jacobian(X, of="relu_1"), net.jacobian(X, of=3))
    check_derivatives(net, X)


def test_parameters_are_weights_then_biases_in_the_order_of_layers(tmp_path: Path) -> None:
    scale, offset = random_numbers(4, (4,), (4,))
    layers = [
        features(3),
        dense("fc_1", W1, B1),
        batch_normalization("bn", np.zeros(4), np.ones(4), offset, scale),
        dense("fc_2", W2, B2),
    ]
    net = load(tmp_path, lambda store: series(store, layers))
    expected = [W1.ravel(order="F"), B1, offset, scale, W2.ravel(order="F"), B2]
    np.testing.assert_array_equal(net.parameters, np.concatenate(expected))
    names = net.parameter_names
    assert names[:2] == ("fc_1.Weights(1,1)", "fc_1.Weights(2,1)")
    assert names[12:14] == ("fc_1.Bias(1)", "fc_1.Bias(2)")
    assert names[16] == "bn.Offset(1)"
    assert names[20] == "bn.Scale(1)"
    assert names[-1] == "fc_2.Bias(2)"
    np.testing.assert_array_equal(net.with_parameters(net.parameters)(X), net(X))
    check_derivatives(net, X)


def test_single_weights_are_said_to_be_single(tmp_path: Path) -> None:
    layers = [features(3), dense("fc", W1.astype(np.float32), B1.astype(np.float32))]
    net = load(tmp_path, lambda store: series(store, layers))
    assert net.provenance.precision == "single"
    assert net.provenance.oddities == (
        "MATLAB computes this network in single precision, with about 7 digits, and here it is computed with 16",
    )
    np.testing.assert_allclose(net(X), X @ W1.astype(np.float32).T.astype(float) + B1.astype(np.float32), rtol=1e-13)


def test_older_learnables_lack_a_version(tmp_path: Path) -> None:
    layers = [features(3), dense("fc", W1, B1, Weights={"Value": W1}, Bias={"Value": column(B1)})]
    np.testing.assert_allclose(load(tmp_path, lambda store: series(store, layers))(X), X @ W1.T + B1, rtol=1e-14)


def test_zerocenter_and_rescale_are_processing_of_the_input(tmp_path: Path) -> None:
    mean = np.array([0.5, -2.0, 7.0])
    zerocenter = {"Version": number(2), "Type": "zerocenter", "ImageSize": number(3), "AverageImage": column(mean)}
    net = load(tmp_path, lambda store: series(store, [features(3, normalization=zerocenter), dense("fc", W1, B1)]))
    np.testing.assert_allclose(net(X), (X - mean) @ W1.T + B1, rtol=1e-13)
    np.testing.assert_array_equal(net.layer_outputs(X)[0], X - mean)
    low, high = np.array([-3.0, -4.0, 0.5]), np.array([3.0, 5.0, 2.5])
    rescale = {
        "Version": number(1),
        "Type": "rescale",
        "Min": column(low),
        "Max": column(high),
        "TargetMin": number(-1),
        "TargetMax": number(1),
    }
    net = load(tmp_path, lambda store: series(store, [features(3, normalization=rescale), dense("fc", W1, B1)]))
    scaled = 2.0 * (X - low) / (high - low) - 1.0
    np.testing.assert_allclose(net(X), scaled @ W1.T + B1, rtol=1e-13)
    np.testing.assert_array_equal(net.input_range, np.stack([low, high], axis=1))
    check_derivatives(net, X)


def test_an_image_is_flattened_column_by_column(tmp_path: Path) -> None:
    """Height fastest, then width, then channels: the order of MATLAB's own memory."""
    (stored, bias, picture) = random_numbers(5, (2, 3, 2, 4), (4,), (7, 2, 3, 2))
    average = np.random.default_rng(6).normal(size=(2, 3, 2))
    normalization = {"Version": number(2), "Type": "zerocenter", "AverageImage": average}
    layers = [
        image(2, 3, 2, normalization=normalization),
        dense("fc", stored, bias, OutputSize=np.array([[1.0, 1.0, 4.0]]), Bias=learnable(bias.reshape(1, 1, 4))),
        layer("SoftmaxLayer", "softmax", 3, ChannelDim=number(3)),
    ]
    net = load(tmp_path, lambda store: series(store, layers))
    x = np.stack([sample.ravel(order="F") for sample in picture])
    expected = np.einsum("qhwc,hwcs->qs", picture - average, stored) + bias
    np.testing.assert_allclose(net(x), softmax(expected), rtol=1e-12)
    np.testing.assert_allclose(net.layer_outputs(x)[1], expected, rtol=1e-12, atol=1e-13)


def test_statistics_of_channels_and_dropped_dimensions(tmp_path: Path) -> None:
    stored, picture = random_numbers(5, (2, 3), (5, 2, 3, 1))
    for average, mean in (
        (np.array([[[1.5]]]), 1.5),
        (np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3, 1)),
    ):
        normalization = {"Version": number(1), "Type": "zerocenter", "AverageImage": average}
        layers = [image(2, 3, 1, normalization=normalization), dense("fc", stored, [0.25])]
        net = load(tmp_path, lambda store, layers=layers: series(store, layers))  # type: ignore[misc]
        x = np.stack([sample.ravel(order="F") for sample in picture])
        expected = np.einsum("qhw,hw->q", (picture - mean)[..., 0], stored) + 0.25
        np.testing.assert_allclose(net(x)[:, 0], expected, rtol=1e-12, atol=1e-13)
    channels = {"Version": number(1), "Type": "zerocenter", "AverageImage": np.array([[[1.0, -2.0]]])}
    net = load(
        tmp_path,
        lambda store: series(store, [image(2, 1, 2, normalization=channels), dense("fc", np.eye(4), np.zeros(4))]),
    )
    assert net(np.zeros(4)).tolist() == [-1.0, -1.0, 2.0, 2.0]


def torch_activation(name: str, n: Any) -> Any:
    """The activation by PyTorch, in float64."""
    torch = pytest.importorskip("torch")
    functional, n = torch.nn.functional, torch.as_tensor(n)
    return {
        "ReLULayer": lambda: functional.relu(n),
        "LeakyReLULayer": lambda: functional.leaky_relu(n, 0.3),
        "ClippedReLULayer": lambda: functional.hardtanh(n, 0.0, 0.75),
        "ELULayer": lambda: functional.elu(n, 1.7),
        "TanhLayer": lambda: torch.tanh(n),
        "SigmoidLayer": lambda: torch.sigmoid(n),
        "SwishLayer": lambda: functional.silu(n),
        "GELULayer": lambda: functional.gelu(n),
        "GELULayer tanh": lambda: functional.gelu(n, approximate="tanh"),
        "SoftplusLayer": lambda: functional.softplus(n),
        "rl.layer.SoftplusLayer": lambda: functional.softplus(n),
        "SoftmaxLayer": lambda: functional.softmax(n, dim=-1),
    }[name]().numpy()


ACTIVATIONS: dict[str, Any] = {
    "ReLULayer": layer("ReLULayer", "f"),
    "LeakyReLULayer": layer("LeakyReLULayer", "f", Scale=number(0.3)),
    "ClippedReLULayer": layer("ClippedReLULayer", "f", Ceiling=number(0.75)),
    "ELULayer": layer("ELULayer", "f", 0, Alpha=number(1.7)),
    "TanhLayer": layer("TanhLayer", "f", 0, Description="Tanh"),
    "SigmoidLayer": layer("SigmoidLayer", "f", 0),
    "SwishLayer": layer("SwishLayer", "f", 0),
    "GELULayer": layer("GELULayer", "f", 0, Approximation="none"),
    "GELULayer tanh": layer("GELULayer", "f", 0, Approximation="tanh"),
    "SoftplusLayer": layer("SoftplusLayer", "f", 0),
    "rl.layer.SoftplusLayer": layer("rl.layer.SoftplusLayer", "f", 0),
    "SoftmaxLayer": layer("SoftmaxLayer", "f", 4),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_against_pytorch(tmp_path: Path, name: str) -> None:
    layers = [features(3), dense("fc", W1, B1), ACTIVATIONS[name]]
    net = load(tmp_path, lambda store: dlnetwork(store, layers))
    np.testing.assert_allclose(net(X), torch_activation(name, X @ W1.T + B1), rtol=1e-12, atol=1e-14)
    check_derivatives(net, X)


def test_normalizations_against_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    mean, offset, scale = random_numbers(7, (4,), (4,), (4,))
    variance = np.array([0.5, 1.25, 3.0, 0.01])
    n = torch.as_tensor(X @ W1.T + B1)
    batch = batch_normalization("norm", mean, variance, offset, scale, Epsilon=number(1e-3))
    net = load(tmp_path, lambda store: series(store, [features(3), dense("fc", W1, B1), batch]))
    tensors = [torch.as_tensor(value) for value in (mean, variance, scale, offset)]
    expected = torch.nn.functional.batch_norm(n, *tensors, training=False, eps=1e-3)
    np.testing.assert_allclose(net(X), expected, rtol=1e-12, atol=1e-15)
    check_derivatives(net, X)
    own = layer(
        "LayerNormalizationLayer",
        "norm",
        Epsilon=number(1e-3),
        NumChannels=number(4),
        Offset=learnable(column(offset)),
        Scale=learnable(column(scale)),
        OperationDimension="auto",
    )
    net = load(tmp_path, lambda store: dlnetwork(store, [features(3), dense("fc", W1, B1), own]))
    expected = torch.nn.functional.layer_norm(n, (4,), tensors[2], tensors[3], eps=1e-3)
    np.testing.assert_allclose(net(X), expected, rtol=1e-12, atol=1e-15)
    check_derivatives(net, X)
    assert net.provenance.oddities == (
        "layernorm: not confirmed by numbers from MATLAB: the formula has not been checked against values from MATLAB",
    )
