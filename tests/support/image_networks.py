"""A small network of images with every kind of connection, as MATLAB saves it, and the same in PyTorch.

An image of 6×5×2; a convolution with dilation and padding 'same' of an even window; batch normalization; tanh; a
grouped convolution with stride and padding on single sides; ReLU; max and average pooling; a dense layer; softmax.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import matnet
from layered_networks import batch_normalization, dense, image, layer, learnable, number, saved, series
from object_files import ObjectStore

SHAPE = (6, 5, 2)


def pair(one: float, other: float) -> Any:
    return np.array([[float(one), float(other)]])


def window(size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int] | None) -> dict[str, Any]:
    """Stride and padding as stored; padding (top, bottom, left, right), or None for 'same'."""
    return {
        "Stride": pair(*stride),
        "PaddingMode": "same" if padding is None else "manual",
        "PaddingSize": np.array([[float(side) for side in padding or (0, 0, 0, 0)]]),
    }


def layers(last: str = "dense") -> list[Any]:
    """The layers; instead of the dense layer and softmax a "GlobalMaxPooling2DLayer" or its like may be the last."""
    rng = np.random.default_rng(11)
    average = {"Version": number(2), "Type": "zerocenter", "AverageImage": rng.normal(size=SHAPE)}
    first = {
        "FilterSize": pair(3, 2),
        "DilationFactor": pair(1, 2),
        "Weights": learnable(rng.normal(size=(3, 2, 2, 4))),
        "Bias": learnable(rng.normal(size=(1, 1, 4))),
        **window((3, 2), (1, 1), None),
    }
    norm = batch_normalization(
        "bn", rng.normal(size=4), rng.uniform(0.5, 2.0, 4), rng.normal(size=4), rng.normal(size=4)
    )
    grouped = {
        "FilterSize": pair(2, 2),
        "DilationFactor": pair(1, 1),
        "Weights": learnable(rng.normal(size=(2, 2, 2, 3, 2))),
        "Bias": learnable(rng.normal(size=(1, 1, 6))),
        **window((2, 2), (2, 1), (1, 0, 0, 1)),
    }
    found = [
        image(*SHAPE, normalization=average),
        layer("Convolution2DLayer", "conv", 8, **first),
        norm,
        layer("TanhLayer", "tanh", 0),
        layer("GroupedConvolution2DLayer", "grouped", 8, **grouped),
        layer("ReLULayer", "relu"),
        layer("MaxPooling2DLayer", "max", 3, PoolSize=pair(2, 2), **window((2, 2), (1, 1), None)),
        layer("AveragePooling2DLayer", "mean", 1, PoolSize=pair(2, 3), **window((2, 3), (1, 2), (1, 0, 1, 1))),
    ]
    if last != "dense":
        return [*found, layer(last, "global")]
    weights = 0.1 * rng.normal(size=(3, 3, 6, 3))
    return [*found, dense("fc", weights, rng.normal(size=3)), layer("SoftmaxLayer", "softmax", 4)]


def small_network(folder: Path, last: str = "dense") -> matnet.Network:
    store = ObjectStore()
    return matnet.load(saved(folder / "images.mat", store, net=series(store, layers(last))))


def in_torch(last: str = "dense") -> Any:
    """The same network as a function of x (60,), column by column, in PyTorch."""
    import torch

    stored = {fields["Name"]: fields for _, _, fields in layers(last)}

    def tensor(value: Any) -> Any:
        return torch.as_tensor(np.ascontiguousarray(value))

    def filters(value: Any) -> Any:
        return tensor(np.moveaxis(value, (2, 3), (1, 0)))

    functional = torch.nn.functional

    def outputs(x: Any) -> Any:
        picture = x.reshape(SHAPE[::-1]).transpose(-1, -2)[None]  # channels, height, width
        picture = picture - tensor(np.moveaxis(stored["input"]["Normalization"]["AverageImage"], 2, 0))
        conv, norm, grouped = (stored[name] for name in ("conv", "bn", "grouped"))
        # 'same': 2 behind in all for both, of which the larger half comes after
        a = functional.conv2d(
            functional.pad(picture, (1, 1, 1, 1)), filters(conv["Weights"]["Value"]), dilation=(1, 2)
        ) + tensor(conv["Bias"]["Value"].reshape(4, 1, 1))
        mean, variance = (tensor(norm[name].ravel()) for name in ("TrainedMean", "TrainedVariance"))
        scale, offset = (tensor(norm[name]["Value"].ravel()) for name in ("Scale", "Offset"))
        a = torch.tanh(functional.batch_norm(a, mean, variance, scale, offset, eps=1e-5))
        weights = grouped["Weights"]["Value"].reshape((2, 2, 2, 6), order="F")
        a = functional.conv2d(functional.pad(a, (0, 1, 1, 0)), filters(weights), stride=(2, 1), groups=2)
        a = torch.relu(a + tensor(grouped["Bias"]["Value"].reshape(6, 1, 1)))
        a = functional.max_pool2d(functional.pad(a, (0, 1, 0, 1), value=-float("inf")), (2, 2), (1, 1))
        a = functional.avg_pool2d(functional.pad(a, (1, 1, 1, 0)), (2, 3), (1, 2))
        if last == "GlobalMaxPooling2DLayer":
            return a.amax(dim=(-1, -2))[0]
        if last == "GlobalAveragePooling2DLayer":
            return a.mean(dim=(-1, -2))[0]
        fc = stored["fc"]
        flat = a[0].transpose(-1, -2).reshape(-1)  # column by column, channel by channel
        return torch.softmax(
            tensor(fc["Weights"]["Value"].reshape((54, 3), order="F").T) @ flat + tensor(fc["Bias"]["Value"].ravel()), 0
        )

    return outputs
