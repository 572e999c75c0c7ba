"""Write a network as MATLAB stores it: an old-style object of class `network` with the fields of toolbox version 8.

For fixtures only. The field names and their order are those of files saved by MATLAB; the values of fields that have
no effect on what a network computes (names of training functions, learning rates and the like) are plausible ones.
Matrices are MATLAB's here: rows are elements, columns samples.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray
from scipy.io.matlab import MatlabObject

Matrix = NDArray[np.float64]
Struct = dict[str, object]

HEADER = b"MATLAB 5.0 MAT-file, written by scripts/make_fixtures.py of matnet"
EMPTY = np.zeros((0, 0))


@dataclass(frozen=True)
class Step:
    """A processing function with its settings as MATLAB stores them."""

    function: str
    settings: Struct


@dataclass(frozen=True)
class Signal:
    """A raw input or output: its size, its range (size, 2) and its processing, first step first."""

    size: int
    limits: Matrix
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class LayerPlan:
    """A layer: its size, its transfer function and its bias, None where it has none."""

    size: int
    transfer: str
    bias: Matrix | None


@dataclass(frozen=True)
class NetworkPlan:
    """A static network; weights are keyed by (destination layer, source), outputs by their layer, all from 0."""

    name: str
    inputs: tuple[Signal, ...]
    layers: tuple[LayerPlan, ...]
    outputs: Mapping[int, Signal]
    input_weights: Mapping[tuple[int, int], Matrix]
    layer_weights: Mapping[tuple[int, int], Matrix] = field(default_factory=dict)


def mapminmax(x: Matrix) -> tuple[Step, Matrix]:
    """The settings that bring each row of x to [-1, 1], and x so scaled."""
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    rows = float(len(x))
    settings: Struct = {"name": "mapminmax", "xrows": rows, "xmax": high, "xmin": low, "xrange": high - low}
    settings |= {"yrows": rows, "ymax": 1.0, "ymin": -1.0, "yrange": 2.0}
    settings |= {"gain": 2.0 / (high - low), "xoffset": low, "no_change": 0.0}
    return Step("mapminmax", settings), (x - low) * (2.0 / (high - low)) - 1.0


def mapstd(x: Matrix) -> tuple[Step, Matrix]:
    """The settings that bring each row of x to mean 0 and deviation 1, and x so scaled."""
    mean, deviation = x.mean(axis=1, keepdims=True), x.std(axis=1, ddof=1, keepdims=True)
    settings: Struct = {"name": "mapstd", "xrows": float(len(x)), "yrows": float(len(x))}
    settings |= {"xmean": mean, "xstd": deviation, "ymean": 0.0, "ystd": 1.0, "no_change": 0.0}
    return Step("mapstd", settings), (x - mean) * (1.0 / deviation)


def removeconstantrows(x: Matrix) -> tuple[Step, Matrix]:
    """The settings that drop the rows of x that never change, and x without them."""
    constant = x.max(axis=1) == x.min(axis=1)
    keep, remove = np.flatnonzero(~constant), np.flatnonzero(constant)
    constants = x[remove, :1]
    settings: Struct = {"max_range": 0.0, "keep": keep[None] + 1.0, "remove": remove[None] + 1.0, "value": constants}
    settings |= {"xrows": float(len(x)), "yrows": float(len(keep)), "constants": constants}
    settings |= {"no_change": float(len(remove) == 0)}
    return Step("removeconstantrows", settings), x[keep]


def signal(x: Matrix, *functions: Callable[[Matrix], tuple[Step, Matrix]]) -> tuple[Signal, Matrix]:
    """The signal whose processing is configured on x, and x behind that processing."""
    limits = np.stack([x.min(axis=1), x.max(axis=1)], axis=1)
    steps, processed = [], x
    for function in functions:
        step, processed = function(processed)
        steps.append(step)
    return Signal(len(x), limits, tuple(steps)), processed


def write(path: Path, variables: Mapping[str, object]) -> None:
    """A MAT-file of version 5, uncompressed and without a date, so that the same content gives the same bytes."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, dict(variables), do_compression=False, long_field_names=True)
    path.write_bytes(HEADER.ljust(116) + buffer.getvalue()[116:])


def cell(shape: tuple[int, int], entries: Mapping[tuple[int, int], object]) -> NDArray[np.object_]:
    """A cell array; what is not given is []."""
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(*shape):
        result[place] = entries.get((place[0], place[1]), EMPTY)
    return result


def row(entries: Sequence[object]) -> NDArray[np.object_]:
    """A 1-by-n cell array."""
    return cell((1, len(entries)), {(0, k): entry for k, entry in enumerate(entries)})


def column(entries: Sequence[object]) -> NDArray[np.object_]:
    """An n-by-1 cell array."""
    return cell((len(entries), 1), {(k, 0): entry for k, entry in enumerate(entries)})


def network_object(plan: NetworkPlan) -> MatlabObject:
    """The plan as the object that MATLAB saves."""
    fields = _head(plan) | _connections(plan) | _parts(plan) | _functions() | _weights(plan)
    fields |= {"revert": _weights(plan), "gradientFcn": "defaultderiv", "gradientParam": {}}
    record = np.empty((1, 1), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        record[name][0, 0] = value
    return MatlabObject(record, "network")


def _head(plan: NetworkPlan) -> Struct:
    elements = sum(layer.size for layer in plan.layers if layer.bias is not None)
    elements += sum(w.size for w in (*plan.input_weights.values(), *plan.layer_weights.values()))
    flags: Struct = {"cacheDelayedInputs": True, "flattenTime": True, "memoryReduction": 1.0, "flattenedTime": True}
    return {
        "version": "8",
        "name": plan.name,
        "efficiency": flags,
        "userdata": {"note": ""},
        "numInputs": float(len(plan.inputs)),
        "numLayers": float(len(plan.layers)),
        "numOutputs": float(len(plan.outputs)),
        "numInputDelays": 0.0,
        "numLayerDelays": 0.0,
        "numFeedbackDelays": 0.0,
        "numWeightElements": float(elements),
        "sampleTime": 1.0,
    }


def _connections(plan: NetworkPlan) -> Struct:
    layers = range(len(plan.layers))
    return {
        "biasConnect": np.array([[layer.bias is not None] for layer in plan.layers]),
        "inputConnect": np.array([[(i, j) in plan.input_weights for j in range(len(plan.inputs))] for i in layers]),
        "layerConnect": np.array([[(i, j) in plan.layer_weights for j in layers] for i in layers]),
        "outputConnect": np.array([[i in plan.outputs for i in layers]]),
    }


def _parts(plan: NetworkPlan) -> Struct:
    layers, inputs = len(plan.layers), len(plan.inputs)
    return {
        "inputs": column([_input(entry, number, inputs) for number, entry in enumerate(plan.inputs, start=1)]),
        "layers": column([_layer(plan, number) for number in range(layers)]),
        "biases": column([EMPTY if layer.bias is None else _bias(layer.size) for layer in plan.layers]),
        "outputs": cell((1, layers), {(0, i): _output(plan, i) for i in plan.outputs}),
        "inputWeights": cell((layers, inputs), {key: _weight(w) for key, w in plan.input_weights.items()}),
        "layerWeights": cell((layers, layers), {key: _weight(w) for key, w in plan.layer_weights.items()}),
    }


def _weights(plan: NetworkPlan) -> Struct:
    layers = len(plan.layers)
    return {
        "IW": cell((layers, len(plan.inputs)), plan.input_weights),
        "LW": cell((layers, layers), plan.layer_weights),
        "b": column([EMPTY if layer.bias is None else layer.bias for layer in plan.layers]),
    }


def _processing(entry: Signal, processed_size: int) -> Struct:
    params: dict[str, Struct] = {
        "mapminmax": {"ymin": -1.0, "ymax": 1.0},
        "mapstd": {"ymean": 0.0, "ystd": 1.0},
        "removeconstantrows": {"max_range": 0.0},
    }
    last = entry.steps[-1].function if entry.steps else ""
    limits = np.tile([-1.0, 1.0], (processed_size, 1)) if last == "mapminmax" else EMPTY
    return {
        "processFcns": row([step.function for step in entry.steps]),
        "processParams": row([params[step.function] for step in entry.steps]),
        "processSettings": row([step.settings for step in entry.steps]),
        "processedRange": limits,
        "processedSize": float(processed_size),
        "range": entry.limits,
        "size": float(entry.size),
        "userdata": {"note": ""},
    }


def processed_size(entry: Signal) -> int:
    """Rows behind the processing of a signal."""
    size = entry.size
    for step in entry.steps:
        size = int(np.asarray(step.settings["yrows"]).item())
    return size


def _input(entry: Signal, number: int, count: int) -> Struct:
    name = "Input" if count == 1 else f"Input{number}"
    processing = _processing(entry, processed_size(entry))
    return {"name": name, "feedbackOutput": EMPTY, **processing, "exampleInput": EMPTY}


def _output(plan: NetworkPlan, layer: int) -> Struct:
    entry = plan.outputs[layer]
    number = sorted(plan.outputs).index(layer) + 1
    name = "Output" if len(plan.outputs) == 1 else f"Output{number}"
    feedback: Struct = {"feedbackInput": EMPTY, "feedbackDelay": 0.0, "feedbackMode": "none"}
    return {"name": name, **feedback, **_processing(entry, plan.layers[layer].size), "exampleOutput": EMPTY}


def _layer(plan: NetworkPlan, number: int) -> Struct:
    layer = plan.layers[number]
    bounded = layer.transfer == "tansig"
    return {
        "dimensions": float(layer.size),
        "distanceFcn": "",
        "distanceParam": {},
        "distances": EMPTY,
        "initFcn": "initnw",
        "name": "Output" if number in plan.outputs else "Hidden",
        "netInputFcn": "netsum",
        "netInputParam": {},
        "positions": EMPTY,
        "range": np.tile([-1.0, 1.0] if bounded else [-np.inf, np.inf], (layer.size, 1)),
        "size": float(layer.size),
        "topologyFcn": "",
        "transferFcn": layer.transfer,
        "transferParam": {},
        "userdata": {"note": ""},
    }


def _learning() -> Struct:
    return {"learn": True, "learnFcn": "learngdm", "learnParam": {"lr": 0.01, "mc": 0.9}}


def _bias(size: int) -> Struct:
    return {"initFcn": "", **_learning(), "size": float(size), "userdata": {"note": ""}}


def _weight(value: Matrix) -> Struct:
    return {
        "delays": 0.0,
        "initFcn": "",
        "initSettings": {"range": np.tile([-1.0, 1.0], (value.shape[1], 1))},
        **_learning(),
        "size": np.array([value.shape], dtype=float),
        "userdata": {"note": ""},
        "weightFcn": "dotprod",
        "weightParam": {},
    }


def _functions() -> Struct:
    return {
        "adaptFcn": "adaptwb",
        "adaptParam": {},
        "divideFcn": "dividerand",
        "divideParam": {"trainRatio": 0.7, "valRatio": 0.15, "testRatio": 0.15},
        "divideMode": "sample",
        "initFcn": "initlay",
        "performFcn": "mse",
        "performParam": {"regularization": 0.0, "normalization": "none"},
        "plotFcns": row(["plotperform", "plottrainstate", "ploterrhist", "plotregression", "plotfit"]),
        "plotParams": row([{}, {}, {"bins": 20.0}, {}, {}]),
        "derivFcn": "defaultderiv",
        "trainFcn": "trainlm",
        "trainParam": {"showWindow": True, "showCommandLine": False, "show": 25.0, "epochs": 1000.0, "goal": 0.0},
    }
