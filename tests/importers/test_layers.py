"""Networks of layers: what they become, by numbers made elsewhere, and what is refused by its layer's name."""

from __future__ import annotations

import copy
import math
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
from matnet.importers.successors.layers import LAYERS
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
    assert net.structure.inputs[0].shape == ()
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
        "MATLAB computes this network in single precision, with about 7 digits; matnet computes it with 16",
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
    assert net.structure.inputs[0].shape == (2, 3, 2)


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


def branches(**more: Any) -> list[Any]:
    """Two inputs, each through its own layer, joined; listed in an order in which none can be computed."""
    return [
        more.pop("joined", layer("AdditionLayer", "join", NumInputs=number(2))),
        dense("first", W1, B1),
        features(3, "b"),
        dense("second", -W1, B1),
        features(3, "a"),
    ]


PATHS = [("join/in2", "second"), ("first", "b"), ("join/in1", "first"), ("second", "a")]
WIRES = [(source, destination) for destination, source in PATHS]
"""The ports of the join stand in the table in another order than their numbers say."""

JOINED: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "addition": (layer("AdditionLayer", "join", NumInputs=number(2)), lambda one, other: one + other),
    "multiplication": (layer("MultiplicationLayer", "join", NumInputs=number(2)), lambda one, other: one * other),
    "concatenation": (
        layer("ConcatenationLayer", "join", NumInputs=number(2), Dim=number(1)),
        lambda one, other: np.concatenate([one, other], axis=-1),
    ),
}


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("make", [directed, dlnetwork])
def test_layers_with_several_inputs(tmp_path: Path, name: str, make: Any) -> None:
    """Ports count in the order of their numbers, inputs in the order of their layers, and layers may stand anywhere."""
    joined, expected = JOINED[name]
    more = {"outputs": ["join"]} if make is dlnetwork else {}
    net = load(tmp_path, lambda store: make(store, branches(joined=joined), WIRES, **more))
    b, a = np.random.default_rng(8).normal(size=(2, 5, 3))
    x = np.concatenate([b, a], axis=-1)
    np.testing.assert_allclose(net(x), expected(b @ W1.T + B1, B1 - a @ W1.T), rtol=1e-13, atol=1e-14)
    assert [entry.name for entry in net.structure.inputs] == ["b", "a"]
    assert net.layer_names == ("join", "first", "b", "second", "a")
    check_derivatives(net, x)


def test_parts_of_different_sizes_side_by_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    weights, bias = rng.normal(size=(2, 3)), rng.normal(size=2)
    layers = [
        features(3, "a"),
        dense("first", W1, B1),
        dense("second", weights, bias),
        layer("ConcatenationLayer", "join", NumInputs=number(3), Dim=number(1)),
    ]
    wires = [("a", "first"), ("a", "second"), ("second", "join/in1"), ("a", "join/in2"), ("first", "join/in3")]
    net = load(tmp_path, lambda store: dlnetwork(store, layers, wires, outputs=["join"]))
    x = rng.normal(size=(4, 3))
    expected = np.concatenate([x @ weights.T + bias, x, x @ W1.T + B1], axis=-1)
    np.testing.assert_allclose(net(x), expected, rtol=1e-13, atol=1e-14)
    check_derivatives(net, x)


SEEN = {
    "AdditionLayer": (1,),
    "BatchNormalizationLayer": (1, 2, 3),
    "BiLSTMLayer": (3, 4),
    "ClassificationOutputLayer": (1, 2, 3, 4),
    "ConcatenationLayer": (1,),
    "Convolution2DLayer": (2, 3, 4, 5, 6, 8),
    "DropoutLayer": (1,),
    "FeatureInputLayer": (1, 2),
    "FlattenLayer": (1,),
    "FullyConnectedLayer": (2, 3),
    "GRULayer": (2,),
    "GlobalAveragePooling2DLayer": (1,),
    "ImageInputLayer": (1, 2, 4, 5),
    "LSTMLayer": (4, 5),
    "LeakyReLULayer": (1,),
    "MaxPooling2DLayer": (1, 2, 3),
    "ReLULayer": (1,),
    "RegressionOutputLayer": (2,),
    "SequenceInputLayer": (3, 4, 5),
    "SoftmaxLayer": (1, 2, 3, 4),
}


def test_the_versions_that_were_seen_in_files() -> None:
    """Another version may mean something else: it is added when a file with MATLAB's answers was compared."""
    known = {name.removeprefix("nnet.cnn.layer."): entry.versions for name, entry in LAYERS.items() if entry.versions}
    assert known == SEEN


@pytest.mark.parametrize(("make", "seen"), [(series, [1]), (directed, [1, 2]), (dlnetwork, [4, 5, 6])])
def test_the_versions_of_networks_that_were_seen_in_files(tmp_path: Path, make: Any, seen: list[int]) -> None:
    """Another version may keep something else: it is refused."""
    for version in range(8):
        store = ObjectStore()
        file = saved(tmp_path / "net.mat", store, net=make(store, SIMPLE, Version=number(version)))
        if version in seen:
            np.testing.assert_allclose(matnet.load(file)(X), simple(X), rtol=1e-13)
            continue
        with pytest.raises(matnet.UnsupportedError, match=rf"of version {version} is not known; known: "):
            matnet.load(file)


def test_outputs_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    wires = [("b", "first"), ("a", "second")]
    layers = branches()[1:]
    for names, order in ((["second", "first"], (1, 0)), (["first/out", "second/out1"], (0, 1))):
        net = load(tmp_path, lambda store, names=names: dlnetwork(store, layers, wires, outputs=names))  # type: ignore[misc]
        b, a = np.random.default_rng(8).normal(size=(2, 5, 3))
        expected = [b @ W1.T + B1, B1 - a @ W1.T]
        got = net(np.concatenate([b, a], axis=-1))
        np.testing.assert_allclose(got, np.concatenate([expected[k] for k in order], axis=-1), rtol=1e-13)


@pytest.mark.parametrize(
    "depth",
    [
        layer("DepthConcatenationLayer", "join", NumInputs=number(2)),
        layer("ConcatenationLayer", "join", NumInputs=number(2), Dim=number(3)),
    ],
)
def test_channels_of_images_side_by_side(tmp_path: Path, depth: Any) -> None:
    layers = [
        image(2, 2, 1, "a"),
        layer("ReLULayer", "relu"),
        depth,
        dense("fc", np.eye(8)[:, :8].reshape(2, 2, 2, 8), np.zeros(8)),
    ]
    wires = [("a", "relu"), ("relu", "join/in1"), ("a", "join/in2"), ("join", "fc")]
    net = load(tmp_path, lambda store: directed(store, layers, wires))
    assert net.structure.layers[2].shape == (2, 2, 2)
    x = np.array([1.0, -2.0, 3.0, -4.0])
    assert net.layer_outputs(x)[2].tolist() == [1.0, 0.0, 3.0, 0.0, 1.0, -2.0, 3.0, -4.0]
    assert net.jacobian(x, of="join").tolist() == [*np.diag([1.0, 0.0, 1.0, 0.0]).tolist(), *np.eye(4).tolist()]


def test_scaling_dropout_and_flatten(tmp_path: Path) -> None:
    layers = [
        features(3),
        layer("rl.layer.ScalingLayer", "scale", 0, Scale=column([2.0, -1.0, 0.5]), Bias=number(0.25)),
        layer("DropoutLayer", "dropout", Probability=number(0.5)),
        layer("rl.layer.ScalingLayer", "same", 0),
        layer("FlattenLayer", "flatten"),
    ]
    net = load(tmp_path, lambda store: dlnetwork(store, layers))
    np.testing.assert_array_equal(net(X), X * [2.0, -1.0, 0.5] + 0.25)
    assert len(net.parameters) == 0
    np.testing.assert_array_equal(net.jacobian(X), np.broadcast_to(np.diag([2.0, -1.0, 0.5]), (6, 3, 3)))
    assert net.parameter_jacobian(X).shape == (6, 3, 0)


def test_an_entropy_layer_at_the_end_names_the_classes(tmp_path: Path) -> None:
    store = ObjectStore()
    codes = np.array([[1], [2]], dtype="u1")
    classes = store.reference(
        "categorical", store.add("categorical", {"categoryNames": ["left", "right"], "codes": codes}), plain=True
    )
    end = layer(
        "rl.layer.internal.ClassificationLayerWithEntropy", "loss", 0, Classes=classes, EntropyLossWeight=number(0.9)
    )
    net = matnet.load(saved(tmp_path / "net.mat", store, net=directed(store, [*SIMPLE, end])))
    assert net.output_names == ("left", "right")


def test_responses_have_their_own_names_or_none(tmp_path: Path) -> None:
    for names, expected in (
        (["head", "power"], ("head", "power")),
        (["Response"], ("y1", "y2")),
        (["head"], ("y1", "y2")),
        (["Cost", "Response"], ("Cost", "Response")),
        (["Response 1", "Response 2"], ("y1", "y2")),
        (["ResponseTime", "Cost"], ("ResponseTime", "Cost")),
    ):
        end = layer("RegressionOutputLayer", "out", 2, ResponseNames=names)
        net = load(tmp_path, lambda store, end=end: series(store, [*SIMPLE, end]))  # type: ignore[misc]
        assert net.output_names == expected


def test_a_sequence_input_is_one_step(tmp_path: Path) -> None:
    entry = layer("SequenceInputLayer", "input", 5, InputSize=number(3), Normalization=EMPTY, MinLength=number(1))
    net = load(tmp_path, lambda store: series(store, [entry, dense("fc", W1, B1)]))
    np.testing.assert_allclose(net(X), X @ W1.T + B1, rtol=1e-14)
    assert net.provenance.oddities == ("a sample is one time step of a sequence: each step is computed separately",)


def test_parameter_jacobian_of_a_layer_has_the_parameters_up_to_it(tmp_path: Path) -> None:
    net = load(tmp_path, lambda store: series(store, CLASSES))
    whole = net.parameter_jacobian(X, of="relu_1")
    assert whole.shape == (6, 4, 16)
    h = 1e-6
    for k, step in enumerate(np.eye(26)[:16] * h):
        ahead, behind = (net.with_parameters(net.parameters + sign * step).layer_outputs(X)[2] for sign in (1, -1))
        np.testing.assert_allclose(whole[..., k], (ahead - behind) / (2 * h), atol=1e-8)
    assert net.parameter_jacobian(X, of="fc_2").shape == (6, 2, 26)
    assert net.parameter_jacobian(X, of="input").shape == (6, 3, 0)
    assert net.parameter_jacobian(X).shape == (6, 2, 26)


LAYER = "nnet.cnn.layer.Layer"
QUANTIZED = (
    "net.SerializedQuantizationInfo: quantized networks are not supported; save the network from before the "
    "quantization"
)


def series_of_one_layer(store: ObjectStore, times: int) -> Reference:
    """A SeriesNetwork whose layers are one input layer, again and again."""
    fields = {"Version": number(2), "Name": "input", "InputSize": number(3), "Normalization": EMPTY}
    one = store.add("nnet.cnn.layer.FeatureInputLayer", {"any": fields}, True)
    layers = store.reference(LAYER, *[one] * times, plain=True)
    return store.new("SeriesNetwork", {"any": {"Version": number(1), "Layers": layers}}, True)


def plain_object(store: ObjectStore, name: str, properties: dict[str, Any]) -> Reference:
    return store.reference(name, store.add(name, properties), plain=True)


def table(store: ObjectStore, **columns: list[str]) -> Reference:
    found = {
        "data": list(columns.values()),
        "varnames": list(columns),
        "nrows": number(len(next(iter(columns.values())))),
    }
    return plain_object(store, "table", found)


def image_of(*sizes: float) -> Any:
    return layer("ImageInputLayer", "input", 4, InputSize=np.array([sizes]), Normalization=EMPTY)


def layer_normalization(over: str) -> Any:
    """Of four channels."""
    return layer(
        "LayerNormalizationLayer",
        "norm",
        Epsilon=number(1e-3),
        Offset=learnable(column(B1)),
        Scale=learnable(column(W1[:, 0])),
        OperationDimension=over,
    )


@pytest.mark.parametrize("over", ["auto", "batch-excluded", "spatial-channel", "channel-only"])
def test_a_layer_normalization_of_features_is_over_all_of_them(tmp_path: Path, over: str) -> None:
    x = np.random.default_rng(3).normal(size=(5, 4))
    net = load(tmp_path, lambda store: dlnetwork(store, [features(4), layer_normalization(over)]))
    centred = x - x.mean(axis=1, keepdims=True)
    expected = W1[:, 0] * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3) + B1
    np.testing.assert_allclose(net(x), expected, rtol=1e-12, atol=1e-14)


def test_a_size_may_have_five_numbers_of_which_the_last_counts(tmp_path: Path) -> None:
    layers = [features(3), dense("fc", W1, B1, OutputSize=np.array([[1.0, 1.0, 1.0, 1.0, 4.0]]))]
    np.testing.assert_allclose(load(tmp_path, lambda store: series(store, layers))(X), X @ W1.T + B1, rtol=1e-14)


def test_settings_that_are_not_stored_are_matlabs_defaults(tmp_path: Path) -> None:
    """elu has an Alpha of 1, gelu no approximation, a sum two sources."""
    layers = [
        features(3),
        layer("ELULayer", "elu", 0),
        layer("GELULayer", "gelu", 0),
        layer("AdditionLayer", "sum"),
    ]
    wires = [("input", "elu"), ("input", "gelu"), ("elu", "sum/in1"), ("gelu", "sum/in2")]
    net = load(tmp_path, lambda store: directed(store, layers, wires))
    elu = np.where(X > 0.0, X, np.expm1(X))
    gelu = X * np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)))(X)
    np.testing.assert_allclose(net(X), elu + gelu, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "info",
    [
        EMPTY,
        {"version": number(1), "data": EMPTY},
        {"data": ("containers.Map", {"serialization": {"keys": np.empty((1, 0), dtype=object)}})},
        {"data": ("containers.Map", {"serialization": {"keys": EMPTY}})},
    ],
)
def test_a_quantization_without_entries_is_none(tmp_path: Path, info: Any) -> None:
    def make(store: ObjectStore) -> Reference:
        found = info
        if isinstance(info, dict) and isinstance(info["data"], tuple):
            found = {"data": plain_object(store, *info["data"])}
        return dlnetwork(store, SIMPLE, SerializedQuantizationInfo=found)

    np.testing.assert_allclose(load(tmp_path, make)(X), simple(X), rtol=1e-13)


def test_a_dense_layer_behind_an_image_is_stored_by_places_or_by_rows(tmp_path: Path) -> None:
    """Filters of H×W×C×S, without the last lengths of 1, or S rows of H·W·C; in a series the result is an image."""
    rng = np.random.default_rng(4)
    for sizes, filters, rows in (
        ((2, 2, 1), (2, 2, 1, 3), (3, 4)),
        ((4, 1, 1), (4, 1), (1, 4)),
        ((1, 4, 1), (1, 4), (1, 4)),
    ):
        own, bias, x = rng.normal(size=rows), rng.normal(size=rows[0]), rng.normal(size=(5, 4))
        for stored in (own.T.reshape(filters, order="F"), own):
            layers = [image(*sizes), dense("fc", stored, bias)]
            net = load(tmp_path, lambda store, layers=layers: series(store, layers))  # type: ignore[misc]
            np.testing.assert_allclose(net(x), x @ own.T + bias, rtol=1e-13, atol=1e-14)
            assert net.structure.layers[1].shape == (1, 1, rows[0])


def test_a_dlnetwork_that_ends_in_softmax_says_that_it_knows_no_classes(tmp_path: Path) -> None:
    remark = "a dlnetwork holds no class names: the outputs are in the order of the classes that it was trained with"
    one = [features(3), dense("fc", W1, B1)]
    ends = [*one, layer("SoftmaxLayer", "softmax", 3)]
    assert load(tmp_path, lambda store: dlnetwork(store, ends)).provenance.oddities == (remark,)
    assert load(tmp_path, lambda store: series(store, ends)).provenance.oddities == ()
    assert load(tmp_path, lambda store: dlnetwork(store, one)).provenance.oddities == ()


def test_a_large_input_is_counted_against_the_limit(tmp_path: Path) -> None:
    """A million features take 8 MiB."""
    store = ObjectStore()
    file = saved(tmp_path / "net.mat", store, net=series(store, [features(2**20), layer("ReLULayer", "relu")]))
    assert matnet.load(file, limit=17 * 2**19).input_size == 2**20
    with pytest.raises(matnet.FormatError):
        matnet.load(file, limit=15 * 2**19)


UNTRAINED = "save the trained network that trainnet or trainNetwork returns, not its layers"

REFUSED: dict[str, tuple[Make, str]] = {
    "a layer that is not built": (
        lambda store: series(store, [features(3), layer("SelfAttentionLayer", "attention")]),
        "net: layer 'attention': layer type not supported: SelfAttentionLayer",
    ),
    "a layer of the user's own": (
        lambda store: dlnetwork(store, [features(3), layer("my.pkg.MagicLayer", "magic", 0)]),
        "net: layer 'magic': custom layer of class my.pkg.MagicLayer: its formula is code, which the file does not "
        "contain",
    ),
    "an unknown version": (
        lambda store: series(store, [features(3), layer("ReLULayer", "relu", 7)]),
        "net: layer 'relu': unknown version 7 of the ReLU layer; known: 1",
    ),
    "an unknown field": (
        lambda store: series(store, [features(3), layer("ReLULayer", "relu", Threshold=number(2))]),
        "net: layer 'relu'.Threshold: unknown field of the ReLU layer, which may change what the layer computes",
    ),
    "an unknown version of the network": (
        lambda store: dlnetwork(store, SIMPLE, Version=number(3)),
        "net: a dlnetwork of version 3 is not known; known: 4, 5, 6",
    ),
    "empty weights": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, Weights=learnable(EMPTY))]),
        f"net: layer 'fc'.Weights: empty: the layer was never trained; {UNTRAINED}",
    ),
    "no learnable at all": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, Bias=EMPTY)]),
        f"net: layer 'fc'.Bias: empty: the layer was never trained; {UNTRAINED}",
    ),
    "a dlnetwork that is not initialized": (
        lambda store: dlnetwork(store, SIMPLE, Initialized=np.array([[False]])),
        "net: the dlnetwork is not initialized: its layers have no weights; train it, or save it after initialize",
    ),
    "a quantized network": (
        lambda store: dlnetwork(store, SIMPLE, SerializedQuantizationInfo={"version": number(1), "data": "x"}),
        "net.SerializedQuantizationInfo: quantized networks are not supported; save the network from before the "
        "quantization",
    ),
    "a normalization that was not seen": (
        lambda store: series(store, [features(3, normalization={"Type": "zscore", "Mean": column([1.0, 2.0, 3.0])})]),
        "net: layer 'input'.Normalization: the normalization 'zscore' is not supported, expected zerocenter, "
        "rescale-zero-one, rescale-symmetric or none",
    ),
    "an average that was never computed": (
        lambda store: series(store, [features(3, normalization={"Type": "zerocenter", "AverageImage": EMPTY})]),
        "net: layer 'input'.Normalization: AverageImage is empty: the network was never trained",
    ),
    "complex inputs": (
        lambda store: series(store, [features(3, SplitComplexInputs=np.array([[True]]))]),
        "net: layer 'input'.SplitComplexInputs: complex inputs are not supported",
    ),
    "NaN in a weight": (
        lambda store: series(store, [features(3), dense("fc", W1 * np.nan, B1)]),
        "net: layer 'fc'.Weights: values that are NaN or Inf; allow_nonfinite=True loads them as they are",
    ),
    "weights of another size": (
        lambda store: series(store, [features(3), dense("fc", W2, B2)]),
        "net: layer 'fc'.Weights: 8 numbers, expected 6",
    ),
    "weights the other way around": (
        lambda store: series(store, [features(3), dense("fc", W1.T, B1)]),
        "net: layer 'fc'.Weights: 3x4, expected 4x3",
    ),
    "a bias of another size": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, Bias=learnable(column(B2)))]),
        "net: layer 'fc'.Bias: 2 numbers, expected 4",
    ),
    "a ceiling of 0": (
        lambda store: series(store, [features(3), layer("ClippedReLULayer", "clip", Ceiling=number(0))]),
        "net: layer 'clip': transferFcn: Ceiling of clippedrelu is 0, expected a finite number above 0",
    ),
    "softmax over an image": (
        lambda store: series(store, [image(2, 2, 3), layer("SoftmaxLayer", "softmax", 3)]),
        "net: layer 'softmax': softmax at each of 4 positions of an image is not supported; place a fully connected or "
        "global pooling layer before it",
    ),
    "a variance that was never computed": (
        lambda store: series(
            store, [features(4), batch_normalization("bn", B1, np.ones(4), B1, B1, TrainedVariance=EMPTY)]
        ),
        f"net: layer 'bn'.TrainedVariance: empty: the layer was never trained; {UNTRAINED}",
    ),
    "a negative variance": (
        lambda store: series(store, [features(4), batch_normalization("bn", B1, -np.ones(4), B1, B1)]),
        "net: layer 'bn': batchnorm has a variance + Epsilon of -0.99999, expected one above 0",
    ),
    "two layers of one name": (
        lambda store: series(store, [features(3), dense("input", W1, B1)]),
        "net.Layers: layers 1 and 2 are both named 'input'",
    ),
    "a loop": (
        lambda store: dlnetwork(store, branches(), [*WIRES[:1], ("join", "first"), *WIRES[2:]], outputs=["join"]),
        "net: layers 'join', 'first' form a loop",
    ),
    "a port that nothing feeds": (
        lambda store: directed(store, branches(), [WIRES[0], *WIRES[1:2], *WIRES[3:]]),
        "net.Connections: nothing feeds join/in1",
    ),
    "a layer that nothing feeds": (
        lambda store: directed(store, branches(), [WIRES[0], *WIRES[2:]]),
        "net: layer 'first': no input connected, expected the output of another layer",
    ),
    "a port that two layers feed": (
        lambda store: directed(store, branches(), [*WIRES, ("a", "join/in1")]),
        "net.Connections: two layers feed join/in1",
    ),
    "a connection to nowhere": (
        lambda store: dlnetwork(store, branches(), [*WIRES, ("a", "nowhere")], outputs=["join"]),
        "net.LayerGraph.Connections: 'nowhere' is neither a layer nor a port of one",
    ),
    "an output that is not a layer": (
        lambda store: dlnetwork(store, SIMPLE, outputs=["fc_3"]),
        "net.OutputNames: 'fc_3' is neither a layer nor a port of one",
    ),
    "the same output twice": (
        lambda store: directed(
            store,
            [features(3), layer("AdditionLayer", "twice", NumInputs=number(2))],
            [("input", "twice/in1"), ("input", "twice/in2")],
        ),
        "net: layer 'twice': the same output is connected to two inputs of this layer, which is not supported",
    ),
    "sizes that cannot be added": (
        lambda store: directed(
            store,
            [features(3), dense("fc", W1, B1), layer("AdditionLayer", "sum", NumInputs=number(2))],
            [("input", "sum/in1"), ("fc", "sum/in2"), ("input", "fc")],
        ),
        "net: layer 'sum': inputs of different sizes: 3, 4, expected equal sizes",
    ),
    "another dimension": (
        lambda store: directed(
            store, branches(joined=layer("ConcatenationLayer", "join", NumInputs=number(2), Dim=number(2))), WIRES
        ),
        "net: layer 'join'.Dim: concatenation along dimension 2 is not supported, expected that of the channels",
    ),
    "concatenation of images one below the other": (
        lambda store: directed(
            store,
            [
                layer("ImageInputLayer", "input", 5, InputSize=np.array([[2.0, 2.0, 2.0]]), Normalization=EMPTY),
                layer("GlobalAveragePooling2DLayer", "one", 1),
                layer("GlobalAveragePooling2DLayer", "other", 1),
                layer("ConcatenationLayer", "join", NumInputs=number(2), Dim=number(1)),
            ],
            [("input", "one"), ("input", "other"), ("one", "join/in1"), ("other", "join/in2")],
        ),
        "net: layer 'join'.Dim: concatenation along dimension 1 is not supported, expected that of the channels",
    ),
    "a further output": (
        lambda store: dlnetwork(store, SIMPLE, outputs=["fc_2/out2"]),
        "net.OutputNames: fc_2/out2: only the first output of a layer is supported",
    ),
    "more features than fit": (
        lambda store: series(store, [features(2**30)]),
        "net: layer 'input'.InputSize: 1073741824 elements, which take 8192 MB for "
        "each sample; at most 16777216 are supported",
    ),
    "no input layer": (
        lambda store: series(store, [dense("fc", W1, B1)]),
        "net: layer 'fc': no input connected, expected the output of another layer",
    ),
    "no layers": (
        lambda store: store.new(
            "SeriesNetwork", {"any": {"Version": number(1), "Layers": store.reference(LAYER, plain=True)}}, True
        ),
        "net.Layers: 0 layers, expected 1 to 10,000",
    ),
    "more layers than any network has": (
        lambda store: series_of_one_layer(store, 10_001),
        "net.Layers: 10,001 layers, expected 1 to 10,000",
    ),
    "as many layers as a network may have": (
        lambda store: series_of_one_layer(store, 10_000),
        "net.Layers: layers 1 and 2 are both named 'input'",
    ),
    "layers that are no objects": (
        lambda store: store.new("SeriesNetwork", {"any": {"Version": number(1), "Layers": number(1)}}, True),
        "net.Layers: a double 1x1, expected an array of layers",
    ),
    "a layer without a name": (
        lambda store: series(store, [features(3, "")]),
        "net.Layers(1).Name: '', expected one line of text",
    ),
    "a name of two lines": (
        lambda store: series(store, [features(3), dense("a\nb", W1, B1)]),
        "net.Layers(2).Name: 'a\\nb', expected one line of text",
    ),
    "a third source that is missing": (
        lambda store: directed(store, branches(joined=layer("AdditionLayer", "join", NumInputs=number(3))), WIRES),
        "net: layer 'join': 2 inputs connected, expected 3",
    ),
    "one source for a sum": (
        lambda store: directed(
            store,
            [features(3), layer("AdditionLayer", "join", NumInputs=number(1))],
            [("input", "join/in1")],
        ),
        "net: layer 'join': 1 input connected, expected 2",
    ),
    "no source for a sum": (
        lambda store: directed(store, [features(3), layer("AdditionLayer", "join", NumInputs=number(2))], []),
        "net: layer 'join': 0 inputs connected, expected 2",
    ),
    "two sources for a layer that takes one": (
        lambda store: directed(
            store,
            [features(3), features(3, "other"), layer("ReLULayer", "relu")],
            [("input", "relu/in1"), ("other", "relu/in2")],
        ),
        "net: layer 'relu': 2 inputs connected, expected 1",
    ),
    "a source for an input layer": (
        lambda store: directed(store, [features(3), features(3, "other")], [("input", "other")]),
        "net: layer 'other': 1 input connected, expected 0",
    ),
    "a port between others that nothing feeds": (
        lambda store: directed(
            store,
            branches(joined=layer("AdditionLayer", "join", NumInputs=number(3))),
            [*WIRES[1:], ("second", "join/in3")],
        ),
        "net.Connections: nothing feeds join/in2",
    ),
    "a port 0": (
        lambda store: directed(store, branches(), [*WIRES[1:], ("second", "join/in0")]),
        "net.Connections: 'join/in0' is neither a layer nor a port of one",
    ),
    "connections that are no table": (
        lambda store: directed(store, SIMPLE, Connections=number(1)),
        "net.Connections: a double 1x1, expected a table with Source and Destination",
    ),
    "no connections": (
        lambda store: directed(store, SIMPLE, Connections=EMPTY),
        "net.Connections: missing, expected a table with Source and Destination",
    ),
    "connections without their ends": (
        lambda store: directed(store, SIMPLE, Connections=table(store, Source=["input"], Target=["fc_1"])),
        "net.Connections: a table 1x1, expected a table with Source and Destination",
    ),
    "connections of different lengths": (
        lambda store: directed(
            store, SIMPLE, Connections=table(store, Source=["input"], Destination=["fc_1", "relu_1"])
        ),
        "net.Connections: 1 source and 2 destinations",
    ),
    "outputs that are not named": (
        lambda store: dlnetwork(store, SIMPLE, OutputNames=EMPTY),
        "net.OutputNames: a double 0x0, expected a cell of names of layers",
    ),
    "outputs without any name": (
        lambda store: dlnetwork(store, SIMPLE, OutputNames=np.empty((1, 0), dtype=object)),
        "net.OutputNames: a cell 1x0, expected a cell of names of layers",
    ),
    "an output that is named by a number": (
        lambda store: dlnetwork(store, SIMPLE, outputs=["fc_2", 1.0]),  # type: ignore[list-item]
        "net.OutputNames: a cell 1x2, expected a cell of names of layers",
    ),
    "a dlnetwork that does not say whether it is initialized": (
        lambda store: dlnetwork(store, SIMPLE, Initialized=EMPTY),
        "net: the dlnetwork is not initialized: its layers have no weights; train it, or save it after initialize",
    ),
    "a quantization of something else": (
        lambda store: dlnetwork(
            store, SIMPLE, SerializedQuantizationInfo={"data": plain_object(store, "my.Map", {"serialization": {}})}
        ),
        QUANTIZED,
    ),
    "a quantization with entries": (
        lambda store: dlnetwork(
            store,
            SIMPLE,
            SerializedQuantizationInfo={
                "data": plain_object(store, "containers.Map", {"serialization": {"keys": ["fc_1"]}})
            },
        ),
        QUANTIZED,
    ),
    "a quantization with one entry": (
        lambda store: dlnetwork(
            store,
            SIMPLE,
            SerializedQuantizationInfo={
                "data": plain_object(store, "containers.Map", {"serialization": {"keys": "fc_1"}})
            },
        ),
        QUANTIZED,
    ),
    "an image without channels": (
        lambda store: series(store, [image_of(2.0, 2.0)]),
        "net: layer 'input'.InputSize: 2x2, expected height, width and channels",
    ),
    "features by features": (
        lambda store: series(store, [features(3, InputSize=np.array([[3.0, 1.0]]))]),
        "net: layer 'input'.InputSize: 3x1, expected a number of features",
    ),
    "an average of another number of elements": (
        lambda store: series(
            store, [image(2, 3, 2, normalization={"Type": "zerocenter", "AverageImage": column(np.ones(6))})]
        ),
        "net: layer 'input'.Normalization: AverageImage has 6 numbers, expected 1, 2 or 12",
    ),
    "weights that are no floating-point numbers": (
        lambda store: series(store, [features(3), dense("fc", np.ones((4, 3), "u1"), B1)]),
        "net: layer 'fc'.Weights.Value: a uint8 4x3, expected single or double numbers",
    ),
    "weights that are text": (
        lambda store: series(store, [features(3), dense("fc", "abc", B1)]),
        "net: layer 'fc'.Weights.Value: a char 1x3, expected single or double numbers",
    ),
    "a size that is not whole": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, OutputSize=number(4.5))]),
        "net: layer 'fc'.OutputSize: [4.5], expected whole numbers above 0",
    ),
    "a size of 0": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, OutputSize=number(0))]),
        "net: layer 'fc'.OutputSize: [0.0], expected whole numbers above 0",
    ),
    "six sizes": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, OutputSize=np.array([[1.0] * 5 + [4.0]]))]),
        "net: layer 'fc'.OutputSize: [1.0, 1.0, 1.0, 1.0, 1.0, 4.0], expected whole numbers above 0",
    ),
    "more neurons than fit": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, OutputSize=number(2**24 + 1))]),
        "net: layer 'fc'.OutputSize: 16777217 elements, which take 128 MB for each sample; at most 16777216 are "
        "supported",
    ),
    "as many neurons as there may be": (
        lambda store: series(store, [features(3), dense("fc", W1, B1, OutputSize=number(2**24))]),
        "net: layer 'fc'.Weights: 12 numbers, expected 50331648",
    ),
    "a slope that is missing": (
        lambda store: series(store, [features(3), layer("LeakyReLULayer", "leaky")]),
        "net: layer 'leaky'.Scale: missing or empty, expected numbers",
    ),
    "two slopes": (
        lambda store: series(store, [features(3), layer("LeakyReLULayer", "leaky", Scale=column([0.1, 0.2]))]),
        "net: layer 'leaky'.Scale: 2 numbers, expected 1",
    ),
    "a mean that was never computed": (
        lambda store: series(
            store, [features(4), batch_normalization("bn", B1, np.ones(4), B1, B1, TrainedMean=EMPTY)]
        ),
        f"net: layer 'bn'.TrainedMean: empty: the layer was never trained; {UNTRAINED}",
    ),
    "a mean of other channels": (
        lambda store: series(store, [features(4), batch_normalization("bn", B2, np.ones(4), B1, B1)]),
        "net: layer 'bn'.TrainedMean: 2 numbers, expected 4",
    ),
    "a normalization over a dimension that is not known": (
        lambda store: dlnetwork(store, [features(4), layer_normalization("time-only")]),
        "net: layer 'norm'.OperationDimension: unknown value 'time-only'",
    ),
    "a normalization of the channels at each place of an image": (
        lambda store: dlnetwork(store, [image(2, 1, 4), layer_normalization("channel-only")]),
        "net: layer 'norm'.OperationDimension: 'channel-only' is not supported for images, expected 'auto'",
    ),
    "a scaling of another size": (
        lambda store: dlnetwork(store, [features(3), layer("rl.layer.ScalingLayer", "scale", 0, Bias=column(B2))]),
        "net: layer 'scale'.Bias: 2 numbers, expected 1 or 3",
    ),
    "images of different heights side by side": (
        lambda store: directed(
            store,
            [image(2, 2, 1, "a"), image(1, 2, 1, "b"), layer("DepthConcatenationLayer", "join", NumInputs=number(2))],
            [("a", "join/in1"), ("b", "join/in2")],
        ),
        "net: layer 'join': inputs that cannot be concatenated: sizes 2x2x1, 1x2x1",
    ),
    "fewer classes than outputs": (
        lambda store: series(
            store, [*SIMPLE, layer("ClassificationOutputLayer", "classes", 1, ClassNames=["low", "mid", "high"])]
        ),
        "net: layer 'classes'.ClassNames: 3 classes for 2 outputs",
    ),
    "an approximation that is not known": (
        lambda store: series(store, [features(3), layer("GELULayer", "gelu", 0, Approximation="sigmoid")]),
        "net: layer 'gelu'.Approximation: 'sigmoid', expected 'none' or 'tanh'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    store = ObjectStore()
    file = saved(tmp_path / "net.mat", store, net=make(store))
    with pytest.raises((matnet.ModelError, matnet.UnsupportedError)) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: {message}"


def test_layers_without_a_network_are_templates(tmp_path: Path) -> None:
    store = ObjectStore()
    numbers = [store.add("nnet.cnn.layer.ReLULayer", {"any": {"Version": number(1), "Name": "relu"}}, saved=True)]
    layers = store.reference("nnet.cnn.layer.Layer", *numbers)
    file = saved(tmp_path / "layers.mat", store, layers=layers)
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    assert str(refused.value) == (
        f"{file}: layers is a nnet.cnn.layer.Layer: layers before training, without weights; save the trained "
        "network that trainnet or trainNetwork returns"
    )
    # beside a trained network they are passed over
    store = ObjectStore()
    numbers = [store.add("nnet.cnn.layer.ReLULayer", {"any": {"Version": number(1), "Name": "relu"}}, saved=True)]
    layers = store.reference("nnet.cnn.layer.Layer", *numbers)
    file = saved(tmp_path / "both.mat", store, layers=layers, net=series(store, SIMPLE))
    assert list(matnet.load_all(file)) == ["net"]


def test_archives_and_copies_are_the_same_network(tmp_path: Path) -> None:
    joined = JOINED["concatenation"][0]
    norm = batch_normalization("bn", B1, np.ones(4), B1, B1)
    layers = [*branches(joined=joined), layer("LeakyReLULayer", "leaky", Scale=number(0.2)), norm]
    wires = [("b", "first"), ("first", "leaky"), ("leaky", "bn"), ("bn", "join/in1"), *WIRES[3:], WIRES[0]]
    net = load(tmp_path, lambda store: dlnetwork(store, layers, wires, outputs=["join", "bn"]))
    matnet.save(net, tmp_path / "net.json")
    again = matnet.load(tmp_path / "net.json")
    x = np.random.default_rng(8).normal(size=(5, 6))
    for other in (again, copy.deepcopy(net)):
        np.testing.assert_array_equal(other(x), net(x))
        np.testing.assert_array_equal(other.jacobian(x), net.jacobian(x))
        assert other.parameter_names == net.parameter_names
        assert [entry.kind for entry in other.structure.layers] == [entry.kind for entry in net.structure.layers]
        assert other.provenance.precision == net.provenance.precision
    assert again.structure.parameter_order == "layers"
