"""MATLAB's layers, one by one: which fields they have, and the Layer that each becomes.

``LAYERS`` is the table. A function in it is given the stored layer, its sources in the order of its ports and the
network under construction, and returns the Layer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.classes import texts
from matnet.importers.mat.fields import Fields, at_place, part_of
from matnet.importers.mat.values import Numeric, describe_shape
from matnet.importers.successors.building import (
    UNWEIGHTED,
    Arrangement,
    Shape,
    Source,
    StoredLayer,
    arranged,
    gathered,
    of_size,
    other_shape,
    sizes,
    untrained,
)
from matnet.importers.successors.image_layers import CONVOLUTION, POOLING, convolution, global_pooling, pooling
from matnet.importers.successors.recurrent_layers import GRU, LSTM, bidirectional, gru, lstm
from matnet.model.structure import Input, Layer, Process, Weight


@dataclass(frozen=True)
class LayerClass:
    """One of MATLAB's layer classes: its name for people, its versions and fields, its ports, and what it becomes.

    ``versions`` is empty where no file was seen. ``ports`` are the least and the largest number of inputs; None where
    the layer says how many.
    """

    kind: str
    make: Callable[[StoredLayer, Sequence[Source], Arrangement], Layer]
    versions: tuple[int, ...]
    fields: frozenset[str]
    ports: tuple[int, int | None]


_COMMON = (
    *("Version", "Name", "Description", "Type", "PrivateNumStates"),
    *("nnet.cnn.layer.mixin.Learnable.LearnRateFactor", "nnet.cnn.layer.mixin.Learnable.L2Factor"),
    *("nnet.cnn.layer.mixin.Learnable.LearnablesTypes",),
)
"""Fields of layers of any class, none of which has an effect on a prediction."""


def _input(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    kind = layer.kind
    shape = sizes(layer, "InputSize")
    expected = 3 if kind == "image input" else 1
    if len(shape) != expected:
        what = "height, width and channels" if expected == 3 else "a number of features"
        raise UnsupportedError(f"{describe_shape(shape)}, expected {what}", place=f"{layer.fields.place}.InputSize")
    flag = layer.fields.get("SplitComplexInputs")
    if isinstance(flag, Numeric) and flag.array.any():
        raise UnsupportedError("complex inputs are not supported", place=f"{layer.fields.place}.SplitComplexInputs")
    size = math.prod(shape)
    network.budget.take(8 * size)
    with at_place(f"{layer.fields.place}.Normalization: "):
        processing = tuple(_normalization(layer, shape))
        network.inputs[network.ranks[layer.number]] = Input(
            size, processing, name=layer.name, shape=shape if expected == 3 else ()
        )
    source = Source("input", network.ranks[layer.number], size, shape if expected == 3 else ())
    return arranged(layer, kind, [(source, UNWEIGHTED)])


def _normalization(layer: StoredLayer, shape: Shape) -> list[Process]:
    value = layer.fields.get("Normalization")
    if value is None:
        return []
    stored = part_of(layer.fields, "Normalization")
    kind = stored.text("Type")
    if kind == "zerocenter":
        if stored.get("AverageImage") is None:
            raise ModelError("AverageImage is empty: the network was never trained")
        return [Process.from_matlab("zerocenter", {"Mean": _statistic(stored, "AverageImage", shape)})]
    if kind == "rescale":
        settings = {name: _statistic(stored, name, shape) for name in ("Min", "Max", "TargetMin", "TargetMax")}
        return [Process.from_matlab("rescale", settings)]
    raise UnsupportedError(
        f"the normalization '{kind}' is not supported, expected zerocenter, rescale-zero-one, rescale-symmetric or none"
    )


def _statistic(stored: Fields, name: str, shape: Shape) -> FloatArray:
    """A statistic for each element, column by column: stored for each, for each channel, or one for all."""
    numbers = stored.floats(name).ravel(order="F")
    size, channels = math.prod(shape), shape[-1]
    if len(numbers) in (1, size):
        return np.broadcast_to(numbers, (size,))
    if len(numbers) == channels:
        return np.repeat(numbers, size // channels)
    raise ModelError(f"{name} has {counted(len(numbers), 'number')}, expected 1, {channels} or {size}")


def _fully_connected(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    size = sizes(layer, "OutputSize")[-1]
    (source,) = sources
    numbers, stored = network.learnable(layer, "Weights")
    of_size(layer, "Weights", numbers, size * source.size)
    full = (*source.shape, size)
    while len(full) > 2 and full[-1] == 1:
        full = full[:-1]
    if source.shape and stored == full:
        weights = numbers.reshape((source.size, size), order="F").T
    elif stored == (size, source.size):
        weights = numbers.reshape((size, source.size), order="F")
    else:
        raise other_shape(stored, (size, source.size), f"{layer.fields.place}.Weights")
    bias = network.vector(layer, "Bias", size)
    shape = (*(1 for _ in source.shape[:-1]), size) if source.shape and not network.flattens else ()
    return arranged(layer, "fully connected", [(source, Weight(weights))], size=size, shape=shape, bias=bias)


def _activation(transfer: str, **settings: tuple[str, float | None]) -> Callable[..., Layer]:
    """A layer that applies a transfer function; `settings` are its fields with their values where they are absent."""

    def make(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
        (source,) = sources
        numbers = {key: _setting(layer, name, default) for key, (name, default) in settings.items()}
        return arranged(layer, layer.kind, [(source, UNWEIGHTED)], transfer, settings=numbers)

    return make


def _setting(layer: StoredLayer, name: str, default: float | None) -> float:
    if layer.fields.get(name) is None and default is not None:
        return default
    numbers = layer.fields.floats(name)
    if numbers.size != 1:
        raise UnsupportedError(f"{counted(numbers.size, 'number')}, expected 1", place=f"{layer.fields.place}.{name}")
    return float(numbers.item())


def _gelu(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    approximation = layer.fields.text("Approximation", "none")
    rows = {"none": "gelu", "tanh": "gelutanh"}
    if approximation not in rows:
        raise UnsupportedError(
            f"'{approximation}', expected 'none' or 'tanh'", place=f"{layer.fields.place}.Approximation"
        )
    (source,) = sources
    return arranged(layer, "GELU", [(source, UNWEIGHTED)], rows[approximation])


def _softmax(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    if source.places != 1:
        raise UnsupportedError(
            f"softmax at each of {source.places} positions of an image is not supported; place a fully connected "
            "or global pooling layer before it",
            place=layer.fields.place,
        )
    return arranged(layer, "softmax", [(source, UNWEIGHTED)], "softmax")


def _batch_normalization(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    settings = {"Epsilon": layer.fields.floats("Epsilon")}
    for name in ("TrainedMean", "TrainedVariance"):
        if layer.fields.get(name) is None:
            raise untrained(f"{layer.fields.place}.{name}")
        settings[name] = of_size(layer, name, layer.fields.floats(name).ravel(order="F"), source.channels)
    scale, offset = (network.vector(layer, name, source.channels) for name in ("Scale", "Offset"))
    with at_place(f"{layer.fields.place}: "):
        weight = Weight(scale[:, None], "batchnorm", settings=settings)
    return arranged(layer, "batch normalization", [(source, weight)], bias=offset)


def _layer_normalization(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    over = layer.fields.text("OperationDimension", "auto")
    if over not in ("auto", "batch-excluded", "spatial-channel", "channel-only"):
        raise UnsupportedError(f"unknown value '{over}'", place=f"{layer.fields.place}.OperationDimension")
    if over == "channel-only" and source.places != 1:
        raise UnsupportedError(
            "'channel-only' is not supported for images, expected 'auto'",
            place=f"{layer.fields.place}.OperationDimension",
        )
    scale, offset = (network.vector(layer, name, source.channels) for name in ("Scale", "Offset"))
    settings = {"Epsilon": layer.fields.floats("Epsilon"), "channels": np.array([float(source.channels)])}
    with at_place(f"{layer.fields.place}: "):
        weight = Weight(scale[:, None], "layernorm", settings=settings)
    return arranged(layer, "layer normalization", [(source, weight)], bias=offset)


def _combination(net_input: str) -> Callable[..., Layer]:
    def make(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
        if len({(source.size, source.shape) for source in sources}) > 1:
            got = ", ".join(describe_shape(source.shape or (source.size,)) for source in sources)
            raise UnsupportedError(f"inputs of different sizes: {got}, expected equal sizes", place=layer.fields.place)
        kind = layer.kind
        return arranged(layer, kind, [(source, UNWEIGHTED) for source in sources], net_input=net_input)

    return make


def _concatenation(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """The channels of its sources side by side, which in column-major order are their elements side by side."""
    vectors = not any(source.shape for source in sources)
    if layer.kind == "concatenation":
        dimension = layer.fields.count("Dim")
        if dimension != (1 if vectors else 3):
            raise UnsupportedError(
                f"concatenation along dimension {dimension} is not supported, expected that of the channels",
                place=f"{layer.fields.place}.Dim",
            )
    leads = {source.shape[:-1] for source in sources}
    if len(leads) > 1:
        got = ", ".join(describe_shape(source.shape or (source.size,)) for source in sources)
        raise ModelError(f"inputs that cannot be concatenated: sizes {got}", place=layer.fields.place)
    total = sum(source.size for source in sources)
    connections, start = [], 0
    for source in sources:
        after = total - start - source.size
        connections.append((source, gathered(np.arange(source.size), source.size, start, after)))
        start += source.size
    shape = () if vectors else (*leads.pop(), sum(source.channels for source in sources))
    return arranged(layer, layer.kind, connections, size=total, shape=shape)


def _scaling(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    settings = {}
    for name, default in (("Scale", 1.0), ("Bias", 0.0)):
        absent = layer.fields.get(name) is None
        numbers = np.array([default]) if absent else layer.fields.floats(name).ravel(order="F")
        if len(numbers) not in (1, source.size):
            raise ModelError(
                f"{counted(len(numbers), 'number')}, expected 1 or {source.size}", place=f"{layer.fields.place}.{name}"
            )
        settings[name] = numbers
    with at_place(f"{layer.fields.place}: "):
        weight = Weight(np.zeros((0, 0)), "scaling", settings=settings)
    return arranged(layer, "scaling", [(source, weight)])


def _flatten(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    return arranged(layer, "flatten", [(source, UNWEIGHTED)], size=source.size)


def _identity(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    (source,) = sources
    return arranged(layer, layer.kind, [(source, UNWEIGHTED)])


def _class(
    kind: str,
    make: Callable[..., Layer],
    versions: Sequence[int] = (),
    fields: Sequence[str] = (),
    ports: tuple[int, int | None] = (1, 1),
) -> LayerClass:
    return LayerClass(kind, make, tuple(versions), frozenset((*_COMMON, *fields)), ports)


_INPUT = ("InputSize", "Normalization", "NormalizationDimension", "Augmentations", "SplitComplexInputs", "MinLength")
_OUTPUT = ("ClassNames", "Categories", "Classes", "OutputSize", "NumClasses", "ObservationDim", "ClassWeights")
_OUTPUT_OF_REGRESSION = ("ResponseNames", "ObservationDim", "LossFunction")
_SEVERAL = (2, None)

LAYERS: Mapping[str, LayerClass] = {
    **{
        f"nnet.cnn.layer.{name}": entry
        for name, entry in {
            "FeatureInputLayer": _class("feature input", _input, (1, 2), _INPUT, (0, 0)),
            "ImageInputLayer": _class("image input", _input, (1, 2, 4, 5), _INPUT, (0, 0)),
            "SequenceInputLayer": _class("sequence input", _input, (3, 4, 5), _INPUT, (0, 0)),
            "FullyConnectedLayer": _class(
                "fully connected",
                _fully_connected,
                (2, 3),
                ("InputSize", "OutputSize", "Weights", "Bias", "OperationDimension"),
            ),
            "ReLULayer": _class("ReLU", _activation("relu"), (1,)),
            "LeakyReLULayer": _class("leaky ReLU", _activation("leakyrelu", Scale=("Scale", None)), (1,), ("Scale",)),
            "ClippedReLULayer": _class(
                "clipped ReLU", _activation("clippedrelu", Ceiling=("Ceiling", None)), (), ("Ceiling",)
            ),
            "ELULayer": _class("ELU", _activation("elu", Alpha=("Alpha", 1.0)), (), ("Alpha",)),
            "TanhLayer": _class("tanh", _activation("tansig")),
            "SigmoidLayer": _class("sigmoid", _activation("logsig")),
            "SwishLayer": _class("swish", _activation("swish")),
            "GELULayer": _class("GELU", _gelu, (), ("Approximation",)),
            "SoftplusLayer": _class("softplus", _activation("softplus")),
            "SoftmaxLayer": _class("softmax", _softmax, (1, 2, 3, 4), ("VectorFormat", "ChannelDim")),
            "BatchNormalizationLayer": _class(
                "batch normalization",
                _batch_normalization,
                (1, 2, 3),
                (
                    *("Epsilon", "NumChannels", "ChannelDim", "TrainedMean", "TrainedVariance", "MeanDecay"),
                    *("VarianceDecay", "IsMovingAverageMode", "NumTrainingSamples", "Offset", "Scale"),
                ),
            ),
            "LayerNormalizationLayer": _class(
                "layer normalization",
                _layer_normalization,
                (),
                ("Epsilon", "NumChannels", "ChannelDim", "Offset", "Scale", "OperationDimension"),
            ),
            "AdditionLayer": _class("addition", _combination("netsum"), (1,), ("NumInputs",), _SEVERAL),
            "MultiplicationLayer": _class("multiplication", _combination("netprod"), (), ("NumInputs",), _SEVERAL),
            "ConcatenationLayer": _class("concatenation", _concatenation, (1,), ("NumInputs", "Dim"), _SEVERAL),
            "DepthConcatenationLayer": _class("depth concatenation", _concatenation, (), ("NumInputs",), _SEVERAL),
            "FlattenLayer": _class("flatten", _flatten, (1,)),
            "Convolution2DLayer": _class("convolution", convolution, (2, 3, 4, 5, 6, 8), CONVOLUTION),
            "GroupedConvolution2DLayer": _class("grouped convolution", convolution, (), CONVOLUTION),
            "MaxPooling2DLayer": _class("max pooling", pooling("maxpool"), (1, 2, 3), POOLING),
            "AveragePooling2DLayer": _class("average pooling", pooling("avgpool"), (), POOLING),
            "GlobalMaxPooling2DLayer": _class("global max pooling", global_pooling("maxpool")),
            "GlobalAveragePooling2DLayer": _class("global average pooling", global_pooling("avgpool"), (1,)),
            "LSTMLayer": _class("LSTM", lstm, (4, 5), LSTM),
            "BiLSTMLayer": _class("bidirectional LSTM", bidirectional, (3, 4), LSTM),
            "GRULayer": _class("GRU", gru, (2,), GRU),
            "DropoutLayer": _class("dropout", _identity, (1,), ("Probability",)),
            "RegressionOutputLayer": _class("regression output", _identity, (2,), _OUTPUT_OF_REGRESSION),
            "ClassificationOutputLayer": _class("classification output", _identity, (1, 2, 3, 4), _OUTPUT),
        }.items()
    },
    "rl.layer.ScalingLayer": _class("scaling", _scaling, (), ("Scale", "Bias")),
    "rl.layer.SoftplusLayer": _class("softplus", _activation("softplus")),
    "rl.layer.internal.ClassificationLayerWithEntropy": _class(
        "classification output", _identity, (), ("EntropyLossWeight", "Classes", "NumClasses")
    ),
}
"""The table, by the names of the classes."""

_CLASS_NAMES = ("ClassNames", "Categories", "Classes")
_DEFAULT_RESPONSE = re.compile(r"Response ?[0-9]*")


def output_names(layer: StoredLayer, size: int) -> tuple[str, ...]:
    """The names of an output's elements: the class names, or the response names unless they are MATLAB's defaults."""
    for name in (*_CLASS_NAMES, "ResponseNames"):
        value = layer.fields.get(name)
        if value is None or layer.kind not in ("classification output", "regression output"):
            continue
        with at_place(f"{layer.fields.place}.{name}: "):
            names = tuple(text or "" for text in texts(value))
        if name == "ResponseNames" and (len(names) != size or _DEFAULT_RESPONSE.fullmatch(names[0])):
            return ()
        if len(names) != size:
            raise ModelError(
                f"{counted(len(names), 'class', 'classes')} for {counted(size, 'output')}",
                place=f"{layer.fields.place}.{name}",
            )
        return names
    return ()


def layer_kind(class_name: str) -> str:
    """The usual name of a layer class, or its own name without its package."""
    known = LAYERS.get(class_name)
    return f"{known.kind} layer" if known else class_name.rpartition(".")[2]
