"""Random stored layers: sequences through recurrent layers of every kind, images through convolution and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from image_networks import pair, window
from layered_networks import EMPTY, StoredLayer, batch_normalization, dense, image, layer, learnable, number
from matnet.functions.images import output_sizes, same_padding
from recurrent_networks import recurrent, sequences

RESETS = ("after-multiplication", "before-multiplication", "recurrent-bias-after-multiplication")
ACTIVATIONS = ("ReLULayer", "TanhLayer", "SigmoidLayer", "SoftplusLayer")


def activation(name: str, rng: np.random.Generator) -> StoredLayer:
    return layer(str(rng.choice(ACTIVATIONS)), name, 1)


def normalization(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """None, or zero-center of every element."""
    if rng.random() < 0.5:
        return EMPTY
    return {"Version": number(2), "Type": "zerocenter", "AverageImage": rng.normal(size=shape)}


def recurrent_layer(name: str, size: int, last: bool, rng: np.random.Generator) -> tuple[StoredLayer, int]:
    """A recurrent layer of any kind and setting, and the size of its output."""
    kind, units = str(rng.choice(["LSTM", "GRU", "BiLSTM"])), int(rng.integers(1, 4))
    more: dict[str, Any] = {
        "StateActivationFunction": str(rng.choice(["tanh", "softsign"])),
        "GateActivationFunction": str(rng.choice(["sigmoid", "hard-sigmoid"])),
    }
    if kind == "GRU":
        more["ResetGateMode"] = str(rng.choice(RESETS))
    given = 2 * units if kind == "BiLSTM" else units
    for state in ("Hidden",) if kind == "GRU" else ("Hidden", "Cell"):
        start = rng.normal(size=(given, 1)) * rng.integers(0, 2)
        more[f"Initial{state}State"] = start
        more[f"{state}State"] = {"Value": start}
    return recurrent(kind, name, int(rng.integers(2**31)), size, units, last, **more), given


def recurrent_layers(seed: int) -> list[StoredLayer]:
    """One to three recurrent layers with others between them; the last may give its last step alone."""
    rng = np.random.default_rng(seed)
    size, count = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    found = [sequences(size, normalization((size, 1), rng))]
    for place in range(count):
        last = place == count - 1 and rng.random() < 0.5
        made, size = recurrent_layer(f"rnn_{place}", size, last, rng)
        found.append(made)
        if rng.random() < 0.5:
            found.append(activation(f"act_{place}", rng))
        if rng.random() < 0.5:
            wide = int(rng.integers(1, 4))
            found.append(dense(f"fc_{place}", rng.normal(size=(wide, size)), rng.normal(size=wide)))
            size = wide
    return found


def _moved(shape: list[int], rng: np.random.Generator) -> tuple[dict[str, Any], tuple[int, int], tuple[int, int]]:
    """Stride and padding of a random window that fits, the window, and the height and width afterwards."""
    down, across = (int(rng.integers(1, min(3, length) + 1)) for length in shape[:2])
    stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    same = rng.random() < 0.5
    top, bottom, left, right = (int(rng.integers(0, length)) for length in (down, down, across, across))
    sides = top, bottom, left, right
    padding = same_padding(tuple(shape), (down, across), stride, (1, 1)) if same else sides
    after = output_sizes(tuple(shape), (down, across), stride, (1, 1), padding)
    return window((down, across), stride, None if same else sides), (down, across), after


def image_layers(seed: int) -> list[StoredLayer]:
    """An image through convolutions, groups, batch normalization and pooling; a dense layer or a whole image last."""
    rng = np.random.default_rng(seed)
    shape = [int(length) for length in (*rng.integers(2, 7, 2), rng.integers(1, 4))]
    found = [image(shape[0], shape[1], shape[2], normalization=normalization(tuple(shape), rng))]
    for place in range(int(rng.integers(1, 4))):
        kind = str(rng.choice(["convolution", "groups", "batch", "max", "mean"]))
        name, channels = f"{kind}_{place}", shape[2]
        if kind == "batch":
            mean, offset, scale = (rng.normal(size=channels) for _ in range(3))
            found.append(batch_normalization(name, mean, rng.uniform(0.5, 2.0, channels), offset, scale))
        elif kind in ("max", "mean"):
            fields, size, shape[:2] = _moved(shape, rng)
            if kind == "mean":
                fields["PaddingValue"] = [number(0), "mean"][rng.integers(2)]
            version = {"max": 3, "mean": 1}[kind]
            found.append(
                layer(
                    f"{'Max' if kind == 'max' else 'Average'}Pooling2DLayer",
                    name,
                    version,
                    PoolSize=pair(*size),
                    **fields,
                )
            )
        else:
            fields, size, shape[:2] = _moved(shape, rng)
            shape[2] = int(rng.integers(1, 3)) * (channels if kind == "groups" else 1)
            weights = rng.normal(size=(*size, 1, shape[2] // channels, channels))
            if kind == "convolution":
                weights = rng.normal(size=(*size, channels, shape[2]))
            fields |= {"FilterSize": pair(*size), "DilationFactor": pair(1, 1), "Weights": learnable(weights)}
            fields["Bias"] = learnable(rng.normal(size=(1, 1, shape[2])))
            grouped = "Grouped" if kind == "groups" else ""
            found.append(layer(f"{grouped}Convolution2DLayer", name, 8, **fields))
        if rng.random() < 0.5:
            found.append(activation(f"act_{place}", rng))
    end = str(rng.choice(["dense", "max", "mean", "image"]))
    if end == "dense":
        found.append(dense("fc", rng.normal(size=(*shape, 2)), rng.normal(size=2)))
    elif end != "image":
        found.append(layer(f"Global{'Max' if end == 'max' else 'Average'}Pooling2DLayer", "global"))
    return found
