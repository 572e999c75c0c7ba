"""Layers of images against PyTorch, which is given the same numbers: random sizes, strides, dilations and groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import matnet
from layered_networks import dense, directed, dlnetwork, features, image, layer, learnable, number, saved, series
from object_files import ObjectStore

SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 120))]
"""Random settings: a convolution and a pooling each, of the latter maximum and both averages."""


def pair(one: int, other: int) -> Any:
    return np.array([[float(one), float(other)]])


def load(tmp_path: Path, layers: list[Any]) -> matnet.Network:
    store = ObjectStore()
    return matnet.load(saved(tmp_path / "net.mat", store, net=series(store, layers)))


def elements(pictures: Any) -> Any:
    """Images (N, H, W, C) as rows in MATLAB's order."""
    return np.stack([picture.ravel(order="F") for picture in pictures])


def channels_first(pictures: Any) -> Any:
    import torch

    return torch.as_tensor(np.ascontiguousarray(np.moveaxis(pictures, -1, 1)))


def rows(found: Any) -> Any:
    """PyTorch's (N, C, H, W) in MATLAB's order."""
    return elements(np.moveaxis(found.numpy(), 1, -1))


def same(size: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


class Case:
    """Random settings of a layer, and what MATLAB's fields of them are."""

    def __init__(self, seed: int, dilated: bool) -> None:
        rng = np.random.default_rng(seed)
        self.size = rng.integers(4, 9, 2).tolist()
        self.window, self.stride = rng.integers(1, 4, 2).tolist(), rng.integers(1, 4, 2).tolist()
        self.dilation = rng.integers(1, 3, 2).tolist() if dilated else [1, 1]
        self.same = bool(seed % 2)
        limits = [min(2, size - 1) for size in self.window for _ in (0, 1)]
        padding = [int(rng.integers(0, limit + 1)) for limit in limits]
        if self.same:
            padding = [
                part for k in (0, 1) for part in same(self.size[k], self.window[k], self.stride[k], self.dilation[k])
            ]
        self.padding = padding
        self.fields: dict[str, Any] = {
            "Stride": pair(*self.stride),
            "PaddingMode": "same" if self.same else "manual",
            # what is stored for 'same' is that of the training's images, and is not used
            "PaddingSize": np.array([[9.0, 9.0, 9.0, 9.0]] if self.same else [list(map(float, padding))]),
        }
        self.rng = rng

    def padded(self, x: Any, value: float) -> Any:
        import torch

        top, bottom, left, right = self.padding
        return torch.nn.functional.pad(x, (left, right, top, bottom), value=value)


@pytest.mark.parametrize("seed", SEEDS)
def test_convolution(tmp_path: Path, seed: int) -> None:
    torch = pytest.importorskip("torch")
    case = Case(seed, dilated=True)
    groups = 1 + seed % 3
    each, filters = int(case.rng.integers(1, 3)), int(case.rng.integers(1, 3))
    weights = case.rng.normal(size=(*case.window, each, filters * groups))
    bias = case.rng.normal(size=filters * groups)
    stored = weights if groups == 1 else weights.reshape((*case.window, each, filters, groups), order="F")
    name = "Convolution2DLayer" if groups == 1 else "GroupedConvolution2DLayer"
    own = layer(
        name,
        "conv",
        8,
        FilterSize=pair(*case.window),
        DilationFactor=pair(*case.dilation),
        Weights=learnable(stored),
        Bias=learnable(bias.reshape(1, 1, -1)),
        **case.fields,
    )
    net = load(tmp_path, [image(case.size[0], case.size[1], each * groups), own, layer("TanhLayer", "tanh", 0)])
    pictures = case.rng.normal(size=(3, *case.size, each * groups))
    x = elements(pictures)
    filters_first = torch.as_tensor(np.ascontiguousarray(np.moveaxis(np.moveaxis(weights, 3, 0), 3, 1)))
    padded = case.padded(channels_first(pictures), 0.0)
    expected = torch.nn.functional.conv2d(
        padded, filters_first, torch.as_tensor(bias), case.stride, dilation=case.dilation, groups=groups
    )
    np.testing.assert_allclose(net(x), rows(torch.tanh(expected)), rtol=1e-11, atol=1e-12)
    assert net.structure.layers[1].shape == (*expected.shape[2:], filters * groups)
    check(net, x[:1])


@pytest.mark.parametrize("seed", SEEDS)
def test_pooling(tmp_path: Path, seed: int) -> None:
    torch = pytest.importorskip("torch")
    case = Case(seed, dilated=False)
    pictures = case.rng.normal(size=(3, *case.size, 2))
    x, first = elements(pictures), channels_first(pictures)
    window = pair(*case.window)
    own = layer("MaxPooling2DLayer", "pool", 3, PoolSize=window, HasUnpoolingOutputs=np.array([[False]]), **case.fields)
    net = load(tmp_path, [image(case.size[0], case.size[1], 2), own])
    expected = torch.nn.functional.max_pool2d(case.padded(first, -np.inf), case.window, case.stride)
    np.testing.assert_array_equal(net(x), rows(expected))
    check(net, x[:1])
    totals = torch.nn.functional.avg_pool2d(case.padded(first, 0.0), case.window, case.stride)
    shares = torch.nn.functional.avg_pool2d(case.padded(torch.ones_like(first), 0.0), case.window, case.stride)
    for value, found in ((number(0), totals), ("mean", totals / shares)):
        own = layer("AveragePooling2DLayer", "pool", 1, PoolSize=window, PaddingValue=value, **case.fields)
        net = load(tmp_path, [image(case.size[0], case.size[1], 2), own])
        np.testing.assert_allclose(net(x), rows(found), rtol=1e-12, atol=1e-14)
        check(net, x[:1])


def test_global_pooling_and_normalization_of_channels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pictures = rng.normal(size=(4, 3, 5, 2))
    mean, variance, offset, scale = rng.normal(size=2), rng.random(2) + 0.5, rng.normal(size=2), rng.normal(size=2)
    norm = layer(
        "BatchNormalizationLayer",
        "bn",
        3,
        Epsilon=number(1e-5),
        TrainedMean=mean.reshape(1, 1, 2),
        TrainedVariance=variance.reshape(1, 1, 2),
        Offset=learnable(offset.reshape(1, 1, 2)),
        Scale=learnable(scale.reshape(1, 1, 2)),
    )
    normalized = scale * (pictures - mean) / np.sqrt(variance + 1e-5) + offset
    for name, expected in (
        ("GlobalMaxPooling2DLayer", normalized.max(axis=(1, 2))),
        ("GlobalAveragePooling2DLayer", normalized.mean(axis=(1, 2))),
    ):
        net = load(tmp_path, [image(3, 5, 2), norm, layer(name, "pool")])
        np.testing.assert_allclose(net(elements(pictures)), expected, rtol=1e-12)
        assert net.parameter_names == ("bn.Offset(1)", "bn.Offset(2)", "bn.Scale(1)", "bn.Scale(2)")
        check(net, elements(pictures)[:1])


def check(net: matnet.Network, x: Any) -> None:
    """All derivatives against central differences."""
    h = 1e-5
    jacobian, by_parameter, theta = net.jacobian(x), net.parameter_jacobian(x), net.parameters
    for j, step in enumerate(np.eye(net.input_size) * h):
        np.testing.assert_allclose(jacobian[..., j], (net(x + step) - net(x - step)) / (2 * h), atol=1e-8)
    for k, step in enumerate(np.eye(len(theta)) * h):
        moved = net.with_parameters(theta + step)(x) - net.with_parameters(theta - step)(x)
        np.testing.assert_allclose(by_parameter[..., k], moved / (2 * h), atol=1e-8)
    v = np.random.default_rng(3).normal(size=x.shape)
    np.testing.assert_allclose(net.jvp(x, v), np.einsum("qij,qj->qi", jacobian, v), atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "channels", "filters"), [((3, 2), 1, 1), ((3, 2, 2), 2, 1), ((3, 2, 2, 3), 2, 3), ((3, 2, 1, 3), 1, 3)]
)
def test_filters_without_their_last_dimensions_of_length_1(
    tmp_path: Path, shape: tuple[int, ...], channels: int, filters: int
) -> None:
    weights, found = np.random.default_rng(1).normal(size=shape), []
    for name in ("Convolution2DLayer", "GroupedConvolution2DLayer"):
        own = layer(
            name,
            "conv",
            8 if name == "Convolution2DLayer" else 0,
            FilterSize=pair(3, 2),
            Stride=pair(1, 1),
            PaddingMode="manual",
            PaddingSize=np.zeros((1, 4)),
            Weights=learnable(weights),
            Bias=learnable(np.zeros((1, 1, filters))),
        )
        found.append(load(tmp_path, [image(4, 5, channels), own]))
    x = np.random.default_rng(2).normal(size=(2, 20 * channels))
    full = weights.reshape((3, 2, channels, filters))
    pictures = np.stack([row.reshape(4, 5, channels, order="F") for row in x])
    expected = np.stack(
        [np.einsum("nhwc,hwcf->nf", pictures[:, i : i + 3, j : j + 2], full) for j in range(4) for i in range(2)],
        axis=-1,
    )
    for net in found:
        np.testing.assert_allclose(net(x), expected.reshape(2, -1), rtol=1e-12, atol=1e-13)


def test_older_versions_pad_both_sides_alike(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).normal(size=(3, 2))
    own = layer(
        "Convolution2DLayer",
        "conv",
        2,
        FilterSize=pair(3, 2),
        Stride=pair(1, 1),
        Padding=pair(1, 2),
        Weights={"Value": weights},
        Bias={"Value": np.zeros((1, 1))},
    )
    net = load(tmp_path, [image(4, 5, 1), own])
    assert net.structure.layers[1].shape == (4, 8, 1)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "over time": (
        {"ConvolveOverTime": np.array([[True]])},
        "layer 'conv'.ConvolveOverTime: true is not supported, expected false",
    ),
    "another padding": (
        {"PaddingValue": "symmetric-include-edge"},
        "layer 'conv'.PaddingValue: only padding with 0 is supported",
    ),
    **{
        f"a padding of {numbers}": (
            {"PaddingSize": np.array([numbers])},
            f"layer 'conv'.PaddingSize: {numbers}, expected 2 or 4 whole numbers",
        )
        for numbers in ([0.5, 0.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [2.0**20, 0.0], [1.0, 2.0, 3.0])
    },
    "another mode": ({"PaddingMode": "causal"}, "layer 'conv'.PaddingMode: 'causal', expected 'manual' or 'same'"),
    "other channels": (
        {"Weights": learnable(np.ones((2, 2, 3, 4)))},
        "layer 'conv'.Weights: 2x2x3x4, but the filters are 2x2 and the image has 1 channel",
    ),
    "filters of another height": (
        {"FilterSize": pair(3, 2)},
        "layer 'conv'.Weights: 2x2x1x4, but the filters are 3x2 and the image has 1 channel",
    ),
    "groups of filters in a layer without groups": (
        {"Weights": learnable(np.ones((2, 2, 1, 2, 2))), "Bias": learnable(np.zeros((1, 1, 2)))},
        "layer 'conv'.Weights: 2x2x1x2x2, but the filters are 2x2 and the image has 1 channel",
    ),
    "steps of a series": (
        {"DistributeOverTime": np.array([[True]])},
        "layer 'conv'.DistributeOverTime: true is not supported, expected false",
    ),
    "other dimensions": (
        {"ConvolutionDimIdx": pair(2, 1)},
        "layer 'conv'.ConvolutionDimIdx: only [1 2], height and width, is supported",
    ),
    "three strides": (
        {"Stride": np.array([[1.0, 1.0, 1.0]])},
        "layer 'conv'.Stride: 3 numbers, expected 2",
    ),
    "padding with 1": ({"PaddingValue": np.array([[1.0]])}, "layer 'conv'.PaddingValue: only padding with 0 is"),
    "padding with two zeros": ({"PaddingValue": pair(0, 0)}, "layer 'conv'.PaddingValue: only padding with 0 is"),
    "a padding of as many pixels as are counted": (
        {"PaddingSize": np.array([[2.0**20 - 1.0, 0.0]])},
        "layer 'conv': convolution: the table of its windows has 33554464 numbers",
    ),
    "a window that is too large": (
        {"FilterSize": pair(6, 2), "Weights": learnable(np.ones((6, 2, 1, 4)))},
        "layer 'conv': convolution: a window of 6x2 does not fit into an image of 5x5",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    fields: dict[str, Any] = {
        "FilterSize": pair(2, 2),
        "Stride": pair(1, 1),
        "PaddingMode": "manual",
        "PaddingSize": np.zeros((1, 4)),
        "Weights": learnable(np.ones((2, 2, 1, 4))),
        "Bias": learnable(np.zeros((1, 1, 4))),
        **changes,
    }
    with pytest.raises((matnet.ModelError, matnet.UnsupportedError)) as refused:
        load(tmp_path, [image(5, 5, 1), layer("Convolution2DLayer", "conv", 8, **fields)])
    assert message in str(refused.value)


def test_groups_of_filters_of_groups_are_refused(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "FilterSize": pair(2, 2),
        "Stride": pair(1, 1),
        "PaddingSize": np.zeros((1, 4)),
        "Weights": learnable(np.ones((2, 2, 1, 2, 2, 2))),
        "Bias": learnable(np.zeros((1, 1, 4))),
    }
    with pytest.raises(matnet.ModelError, match="2x2x1x2x2x2, but the filters are 2x2 and the image has 2 channels"):
        load(tmp_path, [image(5, 5, 2), layer("GroupedConvolution2DLayer", "conv", 0, **fields)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"HasUnpoolingOutputs": np.array([[True]])}, "HasUnpoolingOutputs: true is not supported, expected false"),
        ({"PoolOverTime": np.array([[True]])}, "PoolOverTime: true is not supported, expected false"),
        ({"DistributeOverTime": np.array([[True]])}, "DistributeOverTime: true is not supported, expected false"),
        ({"PoolingDimIdx": pair(1, 3)}, "PoolingDimIdx: only [1 2], height and width, is supported"),
        ({"PaddingValue": np.array([[1.0]])}, "PaddingValue: only padding with 0 or 'mean' is supported"),
        ({"PaddingValue": pair(0, 0)}, "PaddingValue: only padding with 0 or 'mean' is supported"),
        ({"PaddingValue": "symmetric"}, "PaddingValue: only padding with 0 or 'mean' is supported"),
    ],
)
def test_pooling_that_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    fields = {"PoolSize": pair(2, 2), "Stride": pair(1, 1), "PaddingSize": np.ones((1, 4)), **changes}
    with pytest.raises(matnet.UnsupportedError) as refused:
        load(tmp_path, [image(5, 5, 1), layer("AveragePooling2DLayer", "pool", 1, **fields)])
    assert str(refused.value).endswith(f"net: layer 'pool'.{message}")


def test_settings_of_windows_that_are_not_stored_are_those_of_older_versions(tmp_path: Path) -> None:
    """No dilation, padding that is counted and given in numbers, height and width."""
    x = np.arange(12.0)
    picture = x.reshape(3, 4, order="F")
    conv = {"FilterSize": pair(2, 2), "Stride": pair(1, 2), "PaddingSize": np.zeros((1, 4))}
    learnables = {"Weights": learnable(np.array([[1.0, 2.0], [3.0, 4.0]])), "Bias": learnable(number(0.5))}
    net = load(tmp_path, [image(3, 4, 1), layer("Convolution2DLayer", "conv", 8, **conv, **learnables)])
    expected = [
        picture[i, j] + 2.0 * picture[i, j + 1] + 3.0 * picture[i + 1, j] + 4.0 * picture[i + 1, j + 1] + 0.5
        for j in (0, 2)
        for i in (0, 1)
    ]
    assert net(x).tolist() == expected
    pool = {"PoolSize": pair(2, 2), "Stride": pair(2, 2), "Padding": pair(1, 0), "PoolingDimIdx": pair(1, 2)}
    net = load(tmp_path, [image(3, 4, 1), layer("AveragePooling2DLayer", "pool", 1, **pool)])
    padded = np.vstack([np.zeros(4), picture, np.zeros(4)])
    assert net(x).tolist() == [padded[i : i + 2, j : j + 2].mean() for j in (0, 2) for i in (0, 2)]


def test_an_image_layer_needs_an_image(tmp_path: Path) -> None:
    pool = layer("GlobalAveragePooling2DLayer", "pool")
    flat = [image(2, 2, 1), layer("FlattenLayer", "flat"), pool]
    with pytest.raises(matnet.UnsupportedError, match="layer 'pool': input of 4 features, expected an image"):
        load(tmp_path, flat)


def test_the_probabilities_that_matlab_stored(successors: Path) -> None:
    """The case of series_conv_2018.mat: an image beside another network, and what MATLAB made of it."""
    cases = json.loads((successors / "cases.json").read_text())
    case = next(entry for entry in cases if entry["file"] == "series_conv_2018.mat")
    beside = scipy.io.loadmat(successors / case["x"]["file"], variable_names=[case["x"]["path"], case["y"]["path"]])
    net = matnet.load(successors / case["file"])
    y = net(beside[case["x"]["path"]].astype(float).ravel(order="F"))
    stored = beside[case["y"]["path"]].ravel()
    assert np.abs(y - stored).max() < 2e-6 * (stored.max() - stored.min())


def test_derivatives_of_a_real_network_of_images(successors: Path) -> None:
    net = matnet.load(successors / "series_conv_seed.mat")
    x = np.random.default_rng(0).uniform(0.0, 255.0, size=(1, 484))
    jacobian, h = net.jacobian(x), 1e-4
    for j in range(0, 484, 37):
        step = h * (np.arange(484) == j)
        np.testing.assert_allclose(jacobian[..., j], (net(x + step) - net(x - step)) / (2 * h), atol=1e-9)


def test_a_dense_layer_behind_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    weights, pictures = rng.normal(size=(2, 2, 3, 4)), rng.normal(size=(2, 4, 4, 3))
    pool = layer(
        "MaxPooling2DLayer",
        "pool",
        2,
        PoolSize=pair(2, 2),
        Stride=pair(2, 2),
        PaddingMode="manual",
        PaddingSize=np.zeros((1, 4)),
    )
    net = load(tmp_path, [image(4, 4, 3), pool, dense("fc", weights, np.zeros(4))])
    pooled = pictures.reshape(2, 2, 2, 2, 2, 3).max(axis=(2, 4))
    np.testing.assert_allclose(net(elements(pictures)), np.einsum("qhwc,hwcs->qs", pooled, weights), rtol=1e-12)


def test_a_real_network_with_max_pooling(corpus: Path) -> None:
    """Named `refuse` before there were networks of layers; its answers are not stored."""
    net = matnet.load(corpus / "refuse_series_network.mat")
    assert net.output_names == ("Ictal", "Interictal", "Preictal")
    assert [layer.shape for layer in net.structure.layers][:4] == [
        (29, 29, 1),
        (25, 25, 20),
        (25, 25, 20),
        (12, 12, 20),
    ]
    x, h = np.random.default_rng(0).normal(size=(1, 841)), 1e-6
    jacobian = net.jacobian(x)
    for j in range(0, 841, 97):
        step = h * (np.arange(841) == j)
        np.testing.assert_allclose(jacobian[..., j], (net(x + step) - net(x - step)) / (2 * h), atol=1e-7)


@pytest.mark.parametrize("kind", ["ConcatenationLayer", "DepthConcatenationLayer", "AdditionLayer"])
def test_a_dense_layer_behind_an_image_joins_features_in_a_dlnetwork(tmp_path: Path, kind: str) -> None:
    """There a fully connected layer gives a vector; in a DAGNetwork an image of 1x1xS, which flatten makes a vector."""
    rng = np.random.default_rng(5)
    weights, own, bias = rng.normal(size=(3, 4, 2, 5)), rng.normal(size=(5, 3)), rng.normal(size=5)
    join = layer(kind, "join", 1, NumInputs=number(2), **({"Dim": number(1)} if kind.startswith("Conc") else {}))
    layers = [
        image(3, 4, 2, "picture"),
        dense("of_picture", weights, bias),
        features(3, "values"),
        dense("of_values", own, np.zeros(5)),
        join,
    ]
    connections = [
        ("picture", "of_picture"),
        ("values", "of_values"),
        ("of_picture", "join/in1"),
        ("of_values", "join/in2"),
    ]
    picture, values = rng.normal(size=(3, 4, 2)), rng.normal(size=3)
    one, other = np.einsum("hwc,hwcs->s", picture, weights) + bias, own @ values
    x = np.concatenate([picture.ravel(order="F"), values])
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "net.mat", store, net=dlnetwork(store, layers, connections)))
    expected = one + other if kind == "AdditionLayer" else np.concatenate([one, other])
    np.testing.assert_allclose(net(x), expected, rtol=1e-12)
    assert net.layer_shape("of_picture") == (5,)
    # a DAGNetwork needs a flatten layer in between, and MATLAB refuses it without one
    store = ObjectStore()
    with pytest.raises((matnet.ModelError, matnet.UnsupportedError), match="'join'"):
        matnet.load(saved(tmp_path / "dag.mat", store, net=directed(store, layers, connections)))
    store = ObjectStore()
    flat = [*layers, layer("FlattenLayer", "flat")]
    through = [*connections[:2], ("of_picture", "flat"), ("flat", "join/in1"), connections[3]]
    net = matnet.load(saved(tmp_path / "flat.mat", store, net=directed(store, flat, through)))
    np.testing.assert_allclose(net(x), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4, 2, 1), (3, 4, 1, 1), (3, 1, 1, 1), (3, 4, 1, 5)])
def test_matlab_drops_the_last_axes_of_weights_if_they_have_length_one(
    tmp_path: Path, shape: tuple[int, int, int, int]
) -> None:
    rng, (height, width, channels, size) = np.random.default_rng(5), shape
    weights, bias, picture = rng.normal(size=shape), rng.normal(size=size), rng.normal(size=(height, width, channels))
    stored = weights
    while stored.ndim > 2 and stored.shape[-1] == 1:
        stored = stored[..., 0]
    store = ObjectStore()
    layers = [image(height, width, channels, "picture"), dense("dense", stored, bias)]
    net = matnet.load(saved(tmp_path / "net.mat", store, net=dlnetwork(store, layers, [("picture", "dense")])))
    expected = np.einsum("hwc,hwcs->s", picture, weights) + bias
    np.testing.assert_allclose(net(picture.ravel(order="F")), expected, rtol=1e-12)


def test_depthwise_convolution_is_one_group_a_channel(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    weights, bias, pictures = rng.normal(size=(3, 2, 1, 2, 4)), rng.normal(size=8), rng.normal(size=(2, 5, 6, 4))
    fields = {
        "FilterSize": pair(3, 2),
        "Stride": pair(1, 1),
        "DilationFactor": pair(1, 1),
        "PaddingMode": "same",
        "PaddingSize": np.zeros((1, 4)),
        "Weights": learnable(weights),
        "Bias": learnable(bias.reshape(1, 1, 2, 4)),
    }
    net = load(tmp_path, [image(5, 6, 4), layer("GroupedConvolution2DLayer", "conv", 1, **fields)])
    filters = torch.as_tensor(
        np.ascontiguousarray(np.moveaxis(weights.reshape((3, 2, 1, 8), order="F"), (2, 3), (1, 0)))
    )
    padded = torch.nn.functional.pad(channels_first(pictures), (0, 1, 1, 1))
    expected = torch.nn.functional.conv2d(
        padded, filters, torch.as_tensor(bias.reshape(2, 4).ravel(order="F")), groups=4
    )
    np.testing.assert_allclose(net(elements(pictures)), rows(expected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("seed", range(8))
def test_flatten_and_a_dense_layer_take_images_column_by_column(tmp_path: Path, seed: int) -> None:
    """Written out with three loops: height fastest, then width, then channels."""
    rng = np.random.default_rng(seed)
    height, width, channels, size = (int(entry) for entry in rng.integers(1, 5, 4))
    weights, picture = rng.normal(size=(size, height * width * channels)), rng.normal(size=(height, width, channels))
    vector = [picture[i, j, c] for c in range(channels) for j in range(width) for i in range(height)]
    net = load(
        tmp_path, [image(height, width, channels), layer("FlattenLayer", "flat"), dense("fc", weights, np.ones(size))]
    )
    np.testing.assert_allclose(net(picture), weights @ vector + 1.0, rtol=1e-12)
    kept = weights.T.reshape((height, width, channels, size), order="F")
    while kept.ndim > 2 and kept.shape[-1] == 1:
        kept = kept[..., 0]  # as MATLAB stores it
    net = load(tmp_path, [image(height, width, channels), dense("fc", kept, np.ones(size))])
    np.testing.assert_allclose(net(picture), weights @ vector + 1.0, rtol=1e-12)


def test_all_derivatives_of_a_real_network_of_images(successors: Path) -> None:
    """series_conv_seed.mat: every input and every weight of the first layers against central differences."""
    net = matnet.load(successors / "series_conv_seed.mat")
    x = np.random.default_rng(1).uniform(0.0, 255.0, 484)
    jacobian, h = net.jacobian(x), 1e-3
    moved = net(x + h * np.eye(484)) - net(x - h * np.eye(484))
    np.testing.assert_allclose(jacobian, moved.T / (2 * h), atol=1e-8 * np.abs(jacobian).max() / h)
    theta, found = net.parameters, net.parameter_jacobian(x)
    largest, h = np.abs(found).max(), 1e-5
    for k in [*range(0, 560, 9), *range(560, len(theta), 2003)]:
        step = h * (np.arange(len(theta)) == k)
        change = net.with_parameters(theta + step)(x) - net.with_parameters(theta - step)(x)
        np.testing.assert_allclose(found[:, k], change / (2 * h), atol=1e-6 * largest)
