"""Small sound models and networks of the classes that followed `network`, as nested dictionaries to be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from changed_objects import ARRAY
from fitted_models import (
    BIASES,
    CLASS_BIASES,
    CLASS_WEIGHTS,
    MU,
    SIGMA,
    WEIGHTS,
    W,
    X,
    column,
    handle,
    implementation,
    summary,
)
from layered_networks import (
    EMPTY,
    Connections,
    StoredLayer,
    batch_normalization,
    chain,
    dense,
    features,
    image,
    layer,
    learnable,
    number,
    random_numbers,
)
from recurrent_networks import recurrent, sequences


def fitted(classifier: bool) -> dict[str, Any]:
    """A full model as nested dictionaries, of which `@` is the class of what becomes an object."""
    weights, biases = (CLASS_WEIGHTS, CLASS_BIASES) if classifier else (WEIGHTS, BIASES)
    label = "classreg.learning.internal.ClassLabel"
    classes = {"@": label, "Type": 4.0, "L": column([1.0, 2.0, 3.0, 4.0])}
    true = {"@": label, "Type": 4.0, "L": column([1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0])}
    history = {
        "@": "table",
        "data": [column([2.0, 1.0]), column([1.0, 2.0])],
        "varnames": ["TrainingLoss", "ValidationLoss"],
        "nrows": 2.0,
    }
    return {
        "@": f"{'Classification' if classifier else 'Regression'}NeuralNetwork",
        "NeuralNetworkImpl": {
            "@": "classreg.learning.impl.NeuralNetworkImpl",
            **implementation(weights, biases, "crossentropy" if classifier else "mse"),
        },
        "Activations": "tanh",
        "LayerSizes": np.array([[float(len(bias)) for bias in biases[:-1]]]),
        "NumPredictors": 2.0,
        "StandardizeData": np.array([[True]]),
        "Mu": MU,
        "Sigma": SIGMA,
        "DataSummary": summary(),
        "ClassSummary": {"ClassNames": classes, "Cost": np.zeros((0, 0))},
        "PrivScoreTransform": handle("classreg.learning.transform.identity"),
        "PrivResponseTransform": handle("classreg.learning.transform.identity"),
        "PrivX": X,
        "PrivY": true if classifier else column(np.arange(7.0)),
        "W": column(W),
        "ConvergenceInfo": {
            "TrainingLoss": 1.0,
            "ValidationLoss": 2.0,
            "ConvergenceCriterion": "Validation patience reached.",
            "History": history,
        },
        "ModelParams": {
            "@": "classreg.learning.modelparams.NeuralNetworkParams",
            "Lambda": 0.5,
            "StandardizeResponses": np.array([[False]]),
            "ValidationX": X,
            "ValidationY": true if classifier else column(np.arange(7.0)),
            "ValidationW": column(W),
        },
    }


W1, B1, W2, B2, PICTURE = random_numbers(21, (4, 2), (4,), (3, 4), (3,), (2, 1, 1, 3))


def _layers(layers: list[StoredLayer]) -> dict[str, Any]:
    found: dict[str, Any] = {"@": ARRAY}
    for place, (name, version, fields) in enumerate(layers):
        packed = {"any": {"Version": number(version), **fields}} if version else dict(fields)
        found[f"{place:02d}"] = {"@": name, **packed}
    return found


def _connections(connections: Connections) -> dict[str, Any]:
    source, destination = np.empty((len(connections), 1), object), np.empty((len(connections), 1), object)
    for row, (one, other) in enumerate(connections):
        source[row, 0], destination[row, 0] = one, other
    return {
        "@": "table",
        "data": [list(source[:, 0]), list(destination[:, 0])],
        "varnames": ["Source", "Destination"],
        "nrows": number(len(connections)),
    }


def series() -> dict[str, Any]:
    """A classifier of features, each layer of which can be changed."""
    zerocenter = {"Version": number(2), "Type": "zerocenter", "AverageImage": column([0.5, -1.0])}
    layers = [
        features(2, normalization=zerocenter),
        dense("fc_1", W1, B1),
        batch_normalization("bn", B1, np.ones(4), B1, B1),
        layer("LeakyReLULayer", "leaky", Scale=number(0.1)),
        layer("DropoutLayer", "drop", Probability=number(0.5)),
        dense("fc_2", W2, B2),
        layer("SoftmaxLayer", "softmax", 3, VectorFormat=np.array([[False]]), ChannelDim=EMPTY),
        layer("ClassificationOutputLayer", "out", 1, ClassNames=["a", "b", "c"], OutputSize=number(3)),
    ]
    return {"@": "SeriesNetwork", "any": {"Version": number(1), "Layers": _layers(layers)}}


def directed() -> dict[str, Any]:
    """An image and its branches, joined by an addition and side by side."""
    layers = [
        image(2, 1, 1, normalization={"Version": number(1), "Type": "zerocenter", "AverageImage": np.ones((2, 1))}),
        dense("one", PICTURE, B2),
        dense("two", PICTURE, B2),
        layer("ELULayer", "elu", 0, Alpha=number(1.5), Description="ELU"),
        layer("AdditionLayer", "sum", NumInputs=number(2)),
        layer("ConcatenationLayer", "cat", NumInputs=number(2), Dim=number(3)),
        layer("RegressionOutputLayer", "out", 2, ResponseNames=["Response"]),
    ]
    wires = [
        *(("input", "one"), ("input", "two"), ("two", "elu"), ("one", "sum/in2"), ("elu", "sum/in1")),
        *(("sum", "cat/in1"), ("elu", "cat/in2"), ("cat", "out")),
    ]
    return {
        "@": "DAGNetwork",
        "any": {"Version": number(1), "Layers": _layers(layers), "Connections": _connections(wires)},
    }


def initialized() -> dict[str, Any]:
    """A dlnetwork with the layers that no file was seen of."""
    rescale = {
        "Version": number(1),
        "Type": "rescale",
        "Min": column([-3.0, -3.0]),
        "Max": column([3.0, 4.0]),
        "TargetMin": number(0),
        "TargetMax": number(1),
    }
    own: dict[str, Any] = {"Epsilon": number(1e-3), "Offset": learnable(column(B1)), "Scale": learnable(column(B1))}
    layers = [
        features(2, normalization=rescale),
        dense("fc_1", W1, B1),
        layer("LayerNormalizationLayer", "norm", **own),
        layer("GELULayer", "gelu", 0, Approximation="tanh"),
        layer("rl.layer.ScalingLayer", "scaling", 0, Scale=number(2.0), Bias=number(0.5)),
        dense("fc_2", W2, B2),
        layer("ClippedReLULayer", "clip", Ceiling=number(1.5)),
    ]
    graph = {"Version": number(1), "Layers": _layers(layers), "Connections": _connections(chain(layers))}
    quantization = {"version": number(1), "data": {"@": "containers.Map", "serialization": {"keys": [], "values": []}}}
    fields = {
        "Version": number(5),
        "LayerGraph": {"@": "nnet.cnn.LayerGraph", "any": graph},
        "Initialized": np.array([[True]]),
        "SerializedQuantizationInfo": quantization,
        "OutputNames": ["clip"],
    }
    return {"@": "dlnetwork", "any": fields}


def images() -> dict[str, Any]:
    """Convolution and pooling over an image of two elements."""
    pair, none = np.array([[2.0, 1.0]]), np.zeros((1, 4))
    plain: dict[str, Any] = {"Stride": np.ones((1, 2)), "PaddingSize": none}
    filters: dict[str, Any] = {
        "FilterSize": pair,
        "DilationFactor": np.ones((1, 2)),
        "PaddingMode": "same",
        "Weights": learnable(PICTURE.reshape(2, 1, 1, 3)),
        "Bias": learnable(B2.reshape(1, 1, 3)),
        **plain,
    }
    pool: dict[str, Any] = {"PoolSize": pair, "PaddingMode": "manual", **plain}
    own: dict[str, Any] = {"TrainedMean": B2.reshape(1, 1, 3), "TrainedVariance": np.ones((1, 1, 3))}
    norm: dict[str, Any] = {
        "Offset": learnable(B2.reshape(1, 1, 3)),
        "Scale": learnable(B2.reshape(1, 1, 3)),
        "Epsilon": number(1e-5),
    }
    layers = [
        image(2, 1, 1),
        layer("Convolution2DLayer", "conv", 8, **filters),
        layer("BatchNormalizationLayer", "bn", 3, **own, **norm),
        layer("ReLULayer", "relu"),
        layer("MaxPooling2DLayer", "pool", 3, **pool),
        layer("AveragePooling2DLayer", "mean", **{**pool, "PoolSize": np.ones((1, 2))}),
        layer("GlobalAveragePooling2DLayer", "all"),
        dense("fc", W2[:, :3], B2),
    ]
    return {"@": "SeriesNetwork", "any": {"Version": number(1), "Layers": _layers(layers)}}


def recurrences(kind: str, **more: Any) -> dict[str, Any]:
    """A sequence of two elements, a recurrent layer of two units and a dense one."""
    units = 4 if kind == "BiLSTM" else 2
    layers = [sequences(2), recurrent(kind, "rnn", 3, size=2, units=2, **more), dense("fc", W2[:, :units], B2)]
    return {"@": "SeriesNetwork", "any": {"Version": number(1), "Layers": _layers(layers)}}


SOUND: Mapping[str, Callable[[], dict[str, Any]]] = {
    "fitrnet": lambda: fitted(False),
    "fitcnet": lambda: fitted(True),
    "SeriesNetwork": series,
    "DAGNetwork": directed,
    "dlnetwork": initialized,
    "images": images,
    "LSTM": lambda: recurrences("LSTM"),
    "GRU": lambda: recurrences("GRU", ResetGateMode="before-multiplication"),
    "GRU of two biases": lambda: recurrences("GRU", ResetGateMode="recurrent-bias-after-multiplication"),
    "BiLSTM": lambda: recurrences("BiLSTM", GateActivationFunction="hard-sigmoid"),
    "last step of BiLSTM": lambda: recurrences("BiLSTM", last=True),
}
"""By the function or class that makes them; each takes two inputs."""
