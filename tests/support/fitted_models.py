"""MAT-files with models of fitrnet and fitcnet, written by hand: small ones, each part of which can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from object_files import ObjectStore, Reference, write_objects

Real = NDArray[np.float64]

REGRESSION, CLASSIFICATION = "RegressionNeuralNetwork", "ClassificationNeuralNetwork"
RNG = np.random.default_rng(18)
WEIGHTS = [RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3)), RNG.normal(size=(1, 2))]
BIASES = [RNG.normal(size=3), RNG.normal(size=2), RNG.normal(size=1)]
CLASS_WEIGHTS, CLASS_BIASES = [WEIGHTS[0], RNG.normal(size=(4, 3))], [BIASES[0], RNG.normal(size=4)]
MU, SIGMA = np.array([[10.0, -3.0]]), np.array([[2.0, 0.125]])
X = RNG.normal(size=(7, 2)) * SIGMA + MU
W = RNG.random(7) / 7.0


def outputs(x: Real, weights: list[Real], biases: list[Real], classifier: bool) -> Real:
    """A second copy of what a model with tanh layers computes."""
    a = (x - MU) / SIGMA
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        a = np.tanh(a @ w.T + b)
    n = a @ weights[-1].T + biases[-1]
    if not classifier:
        return np.asarray(n)
    e = np.exp(n - n.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def handle(name: str) -> Any:
    """A function handle as a property holds it."""
    cell = np.empty((2, 1), dtype=object)
    cell[0, 0] = np.array([[0xDD000000]], dtype="u4")
    cell[1, 0] = {"matlabroot": "/opt/R2024a", "function_handle": {"function": name, "type": "simple", "file": ""}}
    return cell


def labels(store: ObjectStore, kind: int, values: object) -> Reference:
    return store.new("classreg.learning.internal.ClassLabel", {"Type": np.array([[float(kind)]]), "L": values})


def plain(reference: Reference) -> Reference:
    return replace(reference, plain=True)


def column(values: object) -> Any:
    return np.asarray(values, dtype=float).reshape(-1, 1)


def implementation(weights: list[Real], biases: list[Real], loss: str) -> dict[str, Any]:
    return {
        "LayerWeights": list(weights),
        "LayerBiases": [column(bias) for bias in biases],
        "Activations": "tanh",
        "NumLayers": np.array([[float(len(weights))]]),
        "NumOutputs": np.array([[float(len(biases[-1]))]]),
        "LossFcnName": loss,
    }


def summary() -> dict[str, Any]:
    return {
        "PredictorNames": ["feed", "speed"],
        "CategoricalPredictors": np.zeros((0, 0)),
        "ResponseName": "Y",
        "VariableRange": [np.zeros((0, 0)), np.zeros((0, 0))],
        "OrdinalPredictors": np.zeros((1, 2), dtype=bool),
        "BinEdges": np.empty((0, 0), dtype=object),
    }


Changes = Mapping[str, Any]

AS_THEY_ARE: Changes = {}


def changed(properties: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """Properties with some replaced; those set to None are left out."""
    return {name: value for name, value in {**properties, **changes}.items() if value is not None}


def regression(
    store: ObjectStore,
    changes: Changes = AS_THEY_ARE,
    inner: Changes = AS_THEY_ARE,
    data: Changes = AS_THEY_ARE,
    class_name: str = REGRESSION,
) -> Reference:
    """A compact model of three layers; `changes` are of its own properties, `inner` of its weights' object."""
    part = changed(implementation(WEIGHTS, BIASES, "mse"), inner)
    properties = {
        "NeuralNetworkImpl": store.new("classreg.learning.impl.NeuralNetworkImpl", part),
        "Activations": "tanh",
        "LayerSizes": np.array([[3.0, 2.0]]),
        "NumPredictors": np.array([[2.0]]),
        "StandardizeData": np.array([[True]]),
        "Mu": MU,
        "Sigma": SIGMA,
        "DataSummary": changed(summary(), data),
        "PrivResponseTransform": handle("classreg.learning.transform.identity"),
    }
    return store.new(class_name, changed(properties, changes))


def classification(
    store: ObjectStore,
    names: Reference | None = None,
    changes: Changes = AS_THEY_ARE,
    inner: Changes = AS_THEY_ARE,
    class_name: str = CLASSIFICATION,
) -> Reference:
    """A compact model of two layers and four classes."""
    part = changed(implementation(CLASS_WEIGHTS, CLASS_BIASES, "crossentropy"), inner)
    names = names or labels(store, 4, column([1.0, 2.0, 10.0, 2.5]))
    properties = {
        "NeuralNetworkImpl": store.new("classreg.learning.impl.NeuralNetworkImpl", part),
        "Activations": "tanh",
        "LayerSizes": np.array([[3.0]]),
        "NumPredictors": np.array([[2.0]]),
        "StandardizeData": np.array([[True]]),
        "Mu": MU,
        "Sigma": SIGMA,
        "DataSummary": summary(),
        "ClassSummary": {"ClassNames": plain(names), "Cost": np.zeros((0, 0))},
        "PrivScoreTransform": handle("classreg.learning.transform.identity"),
    }
    return store.new(class_name, changed(properties, changes))


def convergence(training: float, validation: float = np.nan, criterion: str = "", **more: Any) -> dict[str, Any]:
    return {
        "TrainingLoss": np.array([[training]]),
        "ValidationLoss": np.array([[validation]]),
        "ConvergenceCriterion": criterion,
        **more,
    }


def parameters(store: ObjectStore, **values: Any) -> Reference:
    """How a full model was trained."""
    return store.new(
        "classreg.learning.modelparams.NeuralNetworkParams",
        changed({"Lambda": np.array([[0.0]]), "StandardizeResponses": np.array([[False]])}, values),
    )


def saved(path: Path, store: ObjectStore, **variables: object) -> Path:
    return write_objects(path, store, variables)
