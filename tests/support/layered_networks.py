"""MAT-files with SeriesNetwork, DAGNetwork and dlnetwork objects, written by hand, each part of which can be changed.

A layer is (class, version, fields): version 0 for a class in the ordinary form, whose fields are not packed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from object_files import ObjectStore, Reference, write_objects

Real: TypeAlias = NDArray[np.float64]
StoredLayer: TypeAlias = tuple[str, int, dict[str, Any]]
Connections: TypeAlias = Sequence[tuple[str, str]]

EMPTY = np.zeros((0, 0))


def number(value: float) -> Real:
    return np.array([[float(value)]])


def learnable(value: Any) -> dict[str, Any]:
    """A learnable parameter as newer versions store it."""
    return {"Version": number(2), "Value": value, "LearnRateFactor": number(1), "L2Factor": number(1)}


def column(value: Any) -> Any:
    return np.asarray(value).reshape(-1, 1)


def layer(class_name: str, name: str, version: int = 1, **fields: Any) -> StoredLayer:
    """A layer; its class is one of nnet.cnn.layer unless it has a package."""
    full = class_name if "." in class_name else f"nnet.cnn.layer.{class_name}"
    return full, version, {"Name": name, **fields}


def features(size: int, name: str = "input", normalization: Any = EMPTY, **more: Any) -> StoredLayer:
    fields = {"InputSize": number(size), "Normalization": normalization, "NormalizationDimension": "auto", **more}
    return layer("FeatureInputLayer", name, 2, **fields)


def image(height: int, width: int, channels: int, name: str = "input", normalization: Any = EMPTY) -> StoredLayer:
    size = np.array([[float(height), float(width), float(channels)]])
    return layer("ImageInputLayer", name, 4, InputSize=size, Normalization=normalization)


def dense(name: str, weights: Any, bias: Any, **more: Any) -> StoredLayer:
    """A fully connected layer with weights S×R, or H×W×C×S after an image."""
    bias = column(bias)
    fields = {
        "InputSize": EMPTY,
        "OutputSize": number(len(bias)),
        "Weights": learnable(weights),
        "Bias": learnable(bias),
        **more,
    }
    return layer("FullyConnectedLayer", name, 3, **fields)


def batch_normalization(name: str, mean: Any, variance: Any, offset: Any, scale: Any, **more: Any) -> StoredLayer:
    fields = {
        "Epsilon": number(1e-5),
        "NumChannels": number(np.size(mean)),
        "ChannelDim": EMPTY,
        "TrainedMean": column(mean),
        "TrainedVariance": column(variance),
        "Offset": learnable(column(offset)),
        "Scale": learnable(column(scale)),
        **more,
    }
    return layer("BatchNormalizationLayer", name, 3, **fields)


def _stored(store: ObjectStore, layers: Sequence[StoredLayer]) -> Reference:
    """The array of layers, which refers to them as objects of their common class."""
    numbers = [
        store.add(name, {"any": {"Version": number(version), **fields}} if version else fields, saved=bool(version))
        for name, version, fields in layers
    ]
    return store.reference("nnet.cnn.layer.Layer", *numbers, plain=True)


def connections_table(store: ObjectStore, connections: Connections) -> Reference:
    source, destination = np.empty((len(connections), 1), object), np.empty((len(connections), 1), object)
    for row, (one, other) in enumerate(connections):
        source[row, 0], destination[row, 0] = one, other
    columns = {"data": [source, destination], "varnames": ["Source", "Destination"], "nrows": number(len(connections))}
    return store.reference("table", store.add("table", columns), plain=True)


def series(store: ObjectStore, layers: Sequence[StoredLayer], **more: Any) -> Reference:
    return store.new("SeriesNetwork", {"any": {"Version": number(1), "Layers": _stored(store, layers), **more}}, True)


def chain(layers: Sequence[StoredLayer]) -> Connections:
    """The connections of layers that feed each other in order."""
    names = [fields["Name"] for _, _, fields in layers]
    return list(pairwise(names))


def directed(
    store: ObjectStore, layers: Sequence[StoredLayer], connections: Connections | None = None, **more: Any
) -> Reference:
    """A DAGNetwork."""
    table = connections_table(store, chain(layers) if connections is None else connections)
    fields = {"Version": number(1), "Layers": _stored(store, layers), "Connections": table, **more}
    return store.new("DAGNetwork", {"any": fields}, True)


def dlnetwork(
    store: ObjectStore,
    layers: Sequence[StoredLayer],
    connections: Connections | None = None,
    outputs: Sequence[str] | None = None,
    **more: Any,
) -> Reference:
    table = connections_table(store, chain(layers) if connections is None else connections)
    graph = {"Version": number(1), "Layers": _stored(store, layers), "Connections": table}
    lgraph = store.reference("nnet.cnn.LayerGraph", store.add("nnet.cnn.LayerGraph", {"any": graph}, True), plain=True)
    fields = {
        "Version": number(5),
        "LayerGraph": lgraph,
        "Initialized": np.array([[True]]),
        "OutputNames": [layers[-1][2]["Name"]] if outputs is None else list(outputs),
        **more,
    }
    return store.new("dlnetwork", {"any": fields}, True)


def saved(path: Path, store: ObjectStore, **variables: object) -> Path:
    return write_objects(path, store, variables)


def random_numbers(seed: int, *shapes: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


Fields: TypeAlias = Mapping[str, Any]
