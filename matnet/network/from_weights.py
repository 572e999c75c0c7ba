"""``matnet.from_weights``: a network from bare arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import MatnetError, ModelError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.functions.net_input import NET_INPUT
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network.network import Network
from matnet.network.scaling import Scaling

_ALIASES = {
    "tanh": "tansig",
    "sigmoid": "logsig",
    "logistic": "logsig",
    "linear": "purelin",
    "identity": "purelin",
}
"""Other libraries' names for functions of the toolbox with the same formula."""


def from_weights(
    W: Sequence[Any] | NDArray[Any],
    b: Sequence[Any] | NDArray[Any],
    activations: str | Sequence[str],
    input_scaling: Scaling | None = None,
    output_scaling: Scaling | None = None,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    weight_functions: str | Sequence[str] = "dotprod",
    net_inputs: str | Sequence[str] = "netsum",
    name: str = "",
) -> Network:
    """A network of consecutive layers from its matrices: a_i = f_i(W_i a_(i-1) + b_i).

    Parameters
    ----------
    W
        The weights of each layer, (S_i, S_(i-1)): a row for each neuron, as in MATLAB. Keras and scikit-learn have them
        transposed.
    b
        The biases of each layer, (S_i,), a row or a column; None for a layer without.
    activations
        The transfer function of each layer, or one for all: a name of the toolbox, such as ``"tansig"``; ``"tanh"``,
        ``"sigmoid"`` and ``"linear"`` are understood too.
    input_scaling, output_scaling
        The settings of mapminmax or mapstd that the network was trained with, as ``Network.with_scaling`` takes them:
        ``{"xmin": …, "xmax": …, "ymin": -1, "ymax": 1}``. None: W applies to the raw inputs and gives the raw outputs.
    input_names, output_names
        Names of the inputs and outputs.
    weight_functions, net_inputs
        The weight and net input function of each layer, or one for all; ``"dist"`` and ``"netprod"`` for a radial
        layer.
    name
        A name for display.

    Returns
    -------
    A Network like one that was loaded: it gives derivatives, can be saved and exported.

    Raises
    ------
    ModelError
        The numbers of layers differ, a shape does not fit, or a number is NaN or Inf.
    UnsupportedError
        A function is unknown.

    Examples
    --------
    >>> import matnet
    >>> net = matnet.from_weights([[[0.5, -1.0]], [[2.0]]], [[0.25], [0.1]], ["tanh", "linear"])
    >>> net([1.0, 0.75])
    array([0.1])
    """
    matrices = [_matrix(value, f"W[{k}]") for k, value in enumerate(_layers(W, "W"))]
    biases = list(_layers(b, "b"))
    if len(biases) != len(matrices):
        raise ModelError(
            f"b has {counted(len(biases), 'array')} for the {counted(len(matrices), 'layer')} of W; None stands for no "
            "bias"
        )
    transfers = _each(activations, len(matrices), TRANSFER, "activations")
    functions = _each(weight_functions, len(matrices), WEIGHT, "weight_functions")
    joins = _each(net_inputs, len(matrices), NET_INPUT, "net_inputs")
    layers: list[Layer] = []
    inputs = size = matrices[0].shape[1]
    for number, w in enumerate(matrices):
        if w.shape[1] != size:
            raise ModelError(_misfit(number, w, size))
        size = len(w)
        weights = {max(0, number - 1): Weight(w, functions[number])}
        bias = None if biases[number] is None else _bias(biases[number], size, f"b[{number}]")
        sources = (weights, {}) if number == 0 else ({}, weights)
        layers.append(Layer(size, transfers[number], *sources, bias, joins[number], name=f"Layer {number + 1}"))
    structure = Structure((Input(inputs),), tuple(layers), (Output(len(layers) - 1, size),))
    net = Network(structure, name=name)
    changes: tuple[tuple[str, Callable[[Network], Network]], ...] = (
        ("input_scaling", lambda net: net.with_scaling(inputs=input_scaling)),
        ("output_scaling", lambda net: net.with_scaling(outputs=output_scaling)),
        ("input_names", lambda net: net.with_names(inputs=input_names)),
        ("output_names", lambda net: net.with_names(outputs=output_names)),
    )
    for parameter, change in changes:
        try:
            net = change(net)
        except MatnetError as error:
            raise error.at(parameter) from error.__cause__
    return net


def _layers(values: Any, parameter: str) -> Sequence[Any]:
    """One entry for each layer; a matrix alone, as an array, is that of a single layer."""
    if isinstance(values, np.ndarray) and values.dtype != object and values.ndim == (2 if parameter == "W" else 1):
        return [values]
    if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
        raise ModelError(
            f"{parameter} is of type {type(values).__name__}, expected a list with an array for each layer"
        )
    if not len(values):
        raise ModelError(f"{parameter} is empty, expected an array for each layer")
    return list(values)


def _numbers(value: Any, parameter: str) -> FloatArray:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        numbers: FloatArray = np.array(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise ModelError(f"{parameter} is not an array of real numbers") from None
    if not np.isfinite(numbers).all():
        raise ModelError(f"{parameter} has NaN or Inf in it")
    return numbers


def _matrix(value: Any, parameter: str) -> FloatArray:
    matrix = _numbers(value, parameter)
    if matrix.ndim != 2 or not matrix.size:
        raise ModelError(
            f"{parameter} has shape {matrix.shape}, expected a matrix with a row for each neuron and a column for each "
            "element that it sees"
        )
    return matrix


def _bias(value: Any, neurons: int, parameter: str) -> FloatArray:
    bias = _numbers(value, parameter)
    if bias.size != neurons or bias.ndim > 2 or (bias.ndim == 2 and 1 not in bias.shape):
        raise ModelError(f"{parameter} has shape {bias.shape}, expected ({neurons},): one for each neuron")
    return bias.reshape(-1)


def _each(value: str | Sequence[str], layers: int, known: Collection[str], parameter: str) -> list[str]:
    """The toolbox's name of a function for each layer."""
    given = [value] * layers if isinstance(value, str) else list(value)
    if len(given) != layers:
        raise ModelError(f"{parameter} has {counted(len(given), 'name')} for {counted(layers, 'layer')}")
    functions = [_ALIASES.get(entry, entry) for entry in given]
    for entry in functions:
        if entry not in known:
            raise UnsupportedError(f"{parameter}: unknown function {entry!r}; known: {', '.join(sorted(known))}")
    return functions


def _misfit(number: int, w: FloatArray, size: int) -> str:
    before = f"layer {number} has {counted(size, 'neuron')}"
    turned = f"; its transpose fits: W[{number}].T" if w.shape[0] == size else ""
    return f"W[{number}] has shape {w.shape}, but {before}: expected ({w.shape[0]}, {size}){turned}"
