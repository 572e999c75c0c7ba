"""Derivatives with respect to the weights channel by channel: the same numbers as backward, full and sparse."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import make_image_network
import matnet
from layered_networks import batch_normalization, dense, features, image, layer, learnable, number, saved, series
from matnet.derivatives import quantities
from matnet.derivatives.channels import channel_derivatives
from matnet.functions.processing import PROCESSING
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.simulate import lay_out
from object_files import ObjectStore

DIGITS = Path(__file__).parents[2] / "fixtures" / "digits.mat"


def random_layers(seed: int) -> list[Any]:
    """Convolutions, poolings, activations and dense layers in random order."""
    rng = np.random.default_rng(seed)
    height, width, channels = int(rng.integers(3, 7)), int(rng.integers(3, 7)), int(rng.integers(1, 3))
    layers = [image(height, width, channels)]
    pair = np.ones((1, 2))
    for place in range(int(rng.integers(2, 6))):
        kind, name = int(rng.integers(6)), f"layer_{place}"
        if kind == 0:
            filters = int(rng.integers(1, 4))
            layers.append(
                layer(
                    "Convolution2DLayer",
                    name,
                    8,
                    FilterSize=2 * pair,
                    Stride=pair,
                    PaddingMode="same",
                    Weights=learnable(rng.normal(size=(2, 2, channels, filters))),
                    Bias=learnable(rng.normal(size=(1, 1, filters))),
                )
            )
            channels = filters
        elif kind == 1:
            numbers = rng.normal(size=(3, channels))
            mean, offset, scale = (part.reshape(1, 1, channels) for part in numbers)
            own = {"Offset": learnable(offset), "Scale": learnable(scale), "TrainedMean": mean}
            norm = batch_normalization(name, numbers[0], np.ones(channels), numbers[1], numbers[2], **own)
            layers.append(norm)
        elif kind == 2:
            pool = {"PoolSize": 2 * pair, "Stride": pair, "PaddingMode": "same"}
            layers.append(layer("MaxPooling2DLayer", name, 3, **pool))
        elif kind == 3:
            layers.append(layer("TanhLayer", name, 0))
        elif kind == 4:
            layers.append(layer("ReLULayer", name))
        elif place > 1:
            size = int(rng.integers(2, 5))
            layers.append(dense(name, rng.normal(size=(size, height * width * channels)), rng.normal(size=size)))
            layers.append(layer("SigmoidLayer", f"{name}_s", 0))
            break
    return layers


@pytest.mark.parametrize("seed", range(25))
def test_forward_channel_by_channel_is_the_same_as_backward(tmp_path: Path, seed: int) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, random_layers(seed))))
    x = np.random.default_rng(seed).normal(size=(3, net.input_size))
    for number_of, name in enumerate(net.layer_names):
        whole = np.asarray(quantities.ParameterJacobian(number_of)(net.program, x))
        found = net.parameter_jacobian(x, of=name)
        assert not whole[..., found.shape[-1] :].any()
        np.testing.assert_allclose(found, whole[..., : found.shape[-1]], rtol=1e-12, atol=1e-13)
        sparse = net.parameter_jacobian(x, of=name, sparse=True)
        assert sparse.shape == (3 * found.shape[1], found.shape[2])
        np.testing.assert_array_equal(sparse.toarray().reshape(found.shape), found)
        one = net.parameter_jacobian(x[0], of=name)
        np.testing.assert_allclose(one, found[0], rtol=1e-12, atol=1e-14)


def test_the_formula_of_convolution_normalization_and_relu() -> None:
    """[n > 0] s x̃, [n > 0] s, [n > 0] and [n > 0] q at every output, for the centred image x̃."""
    net = matnet.load(DIGITS)
    x = np.random.default_rng(0).uniform(0.0, 255.0, (2, 28, 28, 1))
    found = net.parameter_jacobian(x, of="relu_1", sparse=True)
    assert found.shape == (2 * 11520, 560)
    assert found.nnz == 28 * 2 * 11520
    centred, z, n = net.layer_outputs(x)[:3]
    (weight,) = net.structure.layers[2].weights
    deviation = np.sqrt(weight.settings["TrainedVariance"] + weight.settings["Epsilon"])
    mean, scale = weight.settings["TrainedMean"], weight.value[:, 0]
    dense_rows = found[:11520].toarray()
    picture = centred[0].reshape(28, 28, order="F")
    expected = np.zeros((11520, 560))
    for row in range(11520):
        i, j, f = row % 24, row // 24 % 24, row // 576
        on, slope = float(n[0, row] > 0.0), scale[f] / deviation[f]
        expected[row, 25 * f : 25 * f + 25] = on * slope * picture[i : i + 5, j : j + 5].ravel(order="F")
        expected[row, [500 + f, 520 + f, 540 + f]] = on * np.array([slope, 1.0, (z[0, row] - mean[f]) / deviation[f]])
    np.testing.assert_allclose(dense_rows, expected, rtol=1e-12, atol=1e-13)
    full = net.parameter_jacobian(x[0], of="relu_1")
    np.testing.assert_array_equal(full, dense_rows)


def test_against_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = matnet.load(DIGITS)
    x = np.random.default_rng(1).uniform(0.0, 255.0, (28, 28, 1))
    conv, norm = net.structure.layers[1:3]
    (filters,), (scaling,) = conv.weights, norm.weights
    w = torch.as_tensor(filters.value.reshape(5, 5, 1, 20, order="F").transpose(3, 2, 0, 1).copy())
    b, offset, scale = (torch.as_tensor(np.array(v)) for v in (conv.bias, norm.bias, scaling.value[:, 0]))
    mean, variance = (torch.as_tensor(scaling.settings[name].copy()) for name in ("TrainedMean", "TrainedVariance"))
    picture = torch.as_tensor(net.layer_outputs(x)[0].reshape(1, 1, 28, 28, order="F").copy())

    def relu(w: Any, b: Any, offset: Any, scale: Any) -> Any:
        z = torch.nn.functional.conv2d(picture, w, b)
        return torch.relu(torch.nn.functional.batch_norm(z, mean, variance, scale, offset, eps=1e-5))[0]

    # rows 3, columns 5 of all channels are enough, and take torch a second instead of minutes
    picked = torch.func.jacrev(lambda *theta: relu(*theta)[:, 3, 5], argnums=(0, 1, 2, 3))(w, b, offset, scale)
    rows = 3 + 24 * 5 + 576 * np.arange(20)
    found = net.parameter_jacobian(x, of="relu_1", sparse=True)[rows].toarray()
    by_filter = picked[0].numpy().transpose(0, 3, 4, 2, 1).reshape(20, -1, order="F")
    expected = np.concatenate([by_filter, *(part.numpy() for part in picked[1:])], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_nan_in_an_image_reaches_the_outputs_that_see_it_alone() -> None:
    net = matnet.load(DIGITS)
    x = np.random.default_rng(0).uniform(0.0, 255.0, (28, 28, 1))
    x[10, 20, 0] = np.nan
    rows = np.isnan(net.parameter_jacobian(x, of="relu_1")).any(axis=1).reshape(24, 24, 20, order="F")
    seen = np.zeros((24, 24), dtype=bool)
    seen[6:11, 16:21] = True
    np.testing.assert_array_equal(rows, np.broadcast_to(seen[..., None], rows.shape))


def test_images_and_their_elements_are_the_same_input() -> None:
    net = matnet.load(DIGITS)
    x = np.random.default_rng(0).uniform(0.0, 255.0, (2, 3, 28, 28, 1))
    flat = np.stack([[picture.ravel(order="F") for picture in row] for row in x])
    np.testing.assert_array_equal(net(x), net(flat))
    np.testing.assert_array_equal(net.jvp(x, x), net.jvp(flat, flat))
    assert net.jacobian(x).shape == (2, 3, 10, 784)
    assert net.layer_shape(1) == (28, 28, 1)
    assert net.layer_shape("fc") == (1, 1, 10)
    with pytest.raises(matnet.ShapeError, match="layer='y1' is not a layer; the layers are imageinput, conv_1"):
        net.layer_shape("y1")
    with pytest.raises(matnet.ShapeError, match="layer='nope' is not a layer; the layers are imageinput, conv_1"):
        net.layer_shape("nope")
    with pytest.raises(matnet.ShapeError, match=r"^layer=99: the layers are numbered from 1 to 7$"):
        net.layer_shape(99)
    half: Any = 1.5
    with pytest.raises(matnet.ShapeError, match=r"^layer=1\.5 is neither a layer's number nor a name$"):
        net.layer_shape(half)


WRONG = {
    (3, 1, 28, 28): "; the channels come first, write numpy.moveaxis(x, -3, -1)",
    (28, 28): "; the axis of the channel is missing, write x[..., None]",
    (28, 28, 1, 5): "; the samples come last, as in MATLAB: put them first",
    (2, 32, 32, 1): "",
    (5,): "",
    (): "",
}


def test_height_and_width_exchanged(tmp_path: Path) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, [image(6, 5, 2), layer("ReLULayer", "r")])))
    with pytest.raises(matnet.ShapeError) as refused:
        net(np.zeros((3, 5, 6, 2)))
    assert str(refused.value) == (
        "x has shape (3, 5, 6, 2), expected images (..., 6, 5, 2) or (..., 60); height and width are exchanged, write "
        "numpy.swapaxes(x, -3, -2)"
    )


@pytest.mark.parametrize("shape", WRONG)
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(matnet.ShapeError) as refused:
        matnet.load(DIGITS)(np.zeros(shape))
    expected = f"x has shape {shape}, expected images (..., 28, 28, 1) or (..., 784){WRONG[shape]}"
    assert str(refused.value) == expected


def test_a_layer_of_many_neurons_has_a_direction_for_each_weight_of_one() -> None:
    """Neuron i depends on b_i, w_i1 and w_i2, which are the parameters i, 5 + i and 10 + i."""
    rng = np.random.default_rng(3)
    first = Layer(5, "tansig", {0: Weight(rng.normal(size=(5, 2)))}, bias=rng.normal(size=5))
    last = Layer(6, "purelin", {}, {0: Weight(rng.normal(size=(6, 5)))})
    program = lay_out(Structure((Input(2),), (first, last), (Output(1, 6),)))
    found = channel_derivatives(program, [program.layers[0]], 45)
    assert found is not None
    assert (found.size, found.count, found.present) == (5, 3, None)
    assert found.columns.tolist() == [[i, 5 + i, 10 + i] for i in range(5)]
    assert [block.shape for block in found.blocks] == [(5,), (5, 2)]
    both = channel_derivatives(program, [program.layers[0], program.layers[1]], 45)
    # layer 2 depends on every weight of layer 1, and on five weights of each of its own neurons: 5 + 10 + 5 of 11
    assert both is None
    bias = channel_derivatives(program, [program.layers[0], program.layers[1]], 5)
    assert bias is not None
    assert bias.count == 5
    assert bias.columns.tolist() == [[*range(5)]] * 11
    alone = matnet.Network(Structure((Input(2),), (dataclasses.replace(first, bias=None),), (Output(0, 5),)))
    x = rng.normal(size=(3, 2))
    expected = np.asarray(quantities.ParameterJacobian(0)(alone.program, x))
    np.testing.assert_allclose(alone.parameter_jacobian(x, of=1), expected, rtol=1e-14)
    nothing = channel_derivatives(program, [program.leaves[0].signal], 45)
    assert nothing is not None
    assert nothing.columns.shape == (2, 0)


def test_sparse_of_any_network(tmp_path: Path) -> None:
    net = matnet.load(DIGITS.parent / "pump.mat")
    x = np.array([[30.0, 2900.0], [50.0, 2400.0]])
    for of in (None, 1, "y1"):
        full = net.parameter_jacobian(x, of=of)
        sparse = net.parameter_jacobian(x, of=of, sparse=True)
        assert sparse.shape == (2 * full.shape[1], len(net.parameters))
        np.testing.assert_array_equal(sparse.toarray().reshape(full.shape), full)
    store = ObjectStore()
    w, b = np.random.default_rng(1).normal(size=(5, 2)), np.ones(5)
    layers = [features(2), dense("fc", w, b), layer("LeakyReLULayer", "leaky", Scale=number(0.1))]
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, layers)))
    assert net.parameter_jacobian(np.ones(2), of="leaky", sparse=True).nnz == 15


def test_sparse_is_for_numpy_arrays() -> None:
    torch = pytest.importorskip("torch")
    net = matnet.load(DIGITS)
    with pytest.raises(matnet.ShapeError, match="sparse=True is for NumPy arrays; convert x, or leave it out"):
        net.parameter_jacobian(torch.zeros(784, dtype=torch.float64), of="relu_1", sparse=True)


def test_the_fixture_is_what_its_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["make_image_network.py", str(tmp_path)])
    make_image_network.main()
    made, committed = matnet.load(tmp_path / "digits.mat"), matnet.load(DIGITS)
    np.testing.assert_array_equal(made.parameters, committed.parameters)
    assert made.layer_names == committed.layer_names


@pytest.mark.parametrize("seed", range(0, 25, 3))
def test_several_outputs_and_scaled_ones(tmp_path: Path, seed: int) -> None:
    """Outputs are layers of which some do not depend on all weights, one of them scaled: as in the backward pass."""
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, random_layers(seed))))
    structure, rng = net.structure, np.random.default_rng(seed)
    picked = sorted({int(k) for k in rng.integers(0, len(structure.layers), 2)} | {len(structure.layers) - 1})
    sizes = [structure.layers[k].size for k in picked]
    gain, offset = rng.uniform(1.0, 2.0, sizes[0]), rng.normal(size=sizes[0])
    settings = PROCESSING["mapminmax"].read({"xoffset": offset, "gain": gain, "ymin": -1.0})
    scaled = (Process("mapminmax", settings),)
    outputs = tuple(
        Output(k, size, processing=() if position else scaled)
        for position, (k, size) in enumerate(zip(picked, sizes, strict=True))
    )
    several = matnet.Network(dataclasses.replace(structure, outputs=outputs))
    x = rng.normal(size=(2, net.input_size))
    whole = np.asarray(quantities.ParameterJacobian()(several.program, x))
    found = several.parameter_jacobian(x)
    np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-13)
    sparse = several.parameter_jacobian(x, sparse=True)
    np.testing.assert_array_equal(sparse.toarray().reshape(found.shape), found)
    names = [several.output_names[k] for k in (sum(sizes) - 1, 0)]
    some = several.parameter_jacobian(x, of=names, sparse=True)
    np.testing.assert_array_equal(some.toarray().reshape(2, 2, -1), found[:, [sum(sizes) - 1, 0]])


def test_outputs_that_are_an_image_need_no_backward_pass_for_each(tmp_path: Path) -> None:
    """A network that ends with its ReLU layer: as many directions forward as one output has weights."""
    store = ObjectStore()
    layers = [*make_image_network.layers()[:4], layer("RegressionOutputLayer", "out", 2)]
    net = matnet.load(saved(tmp_path / "net.mat", store, net=series(store, layers)))
    x = np.random.default_rng(0).uniform(0.0, 255.0, (28, 28, 1))
    channels = net.evaluation.channels(None, len(net.parameters))
    assert channels is not None
    assert channels.count == 28
    found, of_layer = (net.parameter_jacobian(x, of=of, sparse=True) for of in (None, "relu_1"))
    assert found.nnz == of_layer.nnz == 322560
    assert abs(found - of_layer).max() == 0.0


@pytest.mark.parametrize("batch", [(), (3,), (3, 2)])
def test_derivatives_of_every_batch_without_a_tape(batch: tuple[int, ...]) -> None:
    """Three pairs of inputs, three outputs, three samples: none of the axes is taken for another one."""
    rng = np.random.default_rng(5)
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(*batch, 2))
    program = lay_out(Structure((Input(2),), (Layer(3, "poslin", {0: Weight(w)}, bias=[9.0] * 3),), (Output(0, 3),)))
    assert np.array_equal(quantities.Jacobian()(program, x), np.broadcast_to(w, (*batch, 3, 2)))
    assert np.array_equal(quantities.Hessian()(program, x), np.zeros((*batch, 3, 2, 2)))
