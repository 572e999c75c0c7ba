"""Why stored answers may differ from the network's: which change of the network would explain the difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.quantities import ParameterJacobian
from matnet.errors import MatnetError
from matnet.functions.namespace import FloatArray
from matnet.functions.net_input import NET_INPUT
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Input, Layer, Process, Structure, Weight
from matnet.network import Network
from matnet.proof.agreement import computed, ranges
from matnet.proof.answers import InputData, answers_once, answers_with, leading, parameter_blocks, program_with
from matnet.proof.distances import distances
from matnet.simulate import TransferStep

_MOST_EXCHANGES = 500
_STEPS, _LIKELIEST, _LIKE = 8, 3, 0.5
"""Iterations for another value of a weight, weights that are tried, and the least cosine of difference and slope."""

_REACHED, _ROUNDING = 1e-6, 4e-15
"""The share of the difference that another value of one weight may leave; at least rounding, of the range."""

_AGREES = 1e-11
_LEAST_SAMPLES, _LEAST_ANSWERS = 5, 3
"""How many different samples, and different answers among them, a change must explain."""

_ROWS = 50


@dataclass(frozen=True)
class Explanation:
    """An explanation of a difference; ``certain`` if the numbers can only be answers of a similar network."""

    reason: str
    certain: bool


def explanation(net: Network, data: InputData, y: FloatArray, stored: FloatArray) -> Explanation | None:
    """The change that would explain the difference of `stored` from the network's answers `y`, (Q, S).

    None if no change that is tried explains it, if there are too few different samples, or if the numbers have too few
    digits to be computed ones.
    """
    if not computed(stored):
        return None
    known = np.asarray(np.isfinite(y).all(axis=1) & np.isfinite(stored).all(axis=1))
    different = _first_of_each(np.hstack([data.x, stored]), known)
    if len(different) < max(_LEAST_SAMPLES, net.output_size + 3):
        return None
    if len(np.unique(stored[different], axis=0)) < _LEAST_ANSWERS:
        return None
    if _agree(net, y[different], stored[different]):
        return None  # the two differ only where one of them is not finite
    scaled = _scaled(net, y[different], stored[different])
    if scaled is not None:
        return scaled
    # another value of a weight may explain linear targets that a linear network has not quite learnt
    if _linear(net) or data.lengths is not None:
        return None
    rows = np.arange(leading(net, data, _ROWS)) if net.dynamic else _telling(net, y, stored, different)
    if _agree(net, y[rows], stored[rows]):
        return None  # a change without an effect on these would seem to explain what differs after them
    some = replace(data, x=data.x[rows])
    reason = _exchanged(net, some, y[rows], stored[rows]) or _other_network(net, some, stored[rows])
    reason = reason or _other_parameters(net, some, stored[rows])
    if not reason and not net.dynamic:
        reason = _one_weight(net, data.x[rows], y[rows], stored[rows])
    return Explanation(f"the stored answers are the network's {reason}", certain=True) if reason else None


def _first_of_each(rows: FloatArray, known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The indices of the rows without NaN, in order, without duplicates."""
    numbers = np.flatnonzero(known)
    return np.asarray(np.sort(numbers[np.unique(rows[known], axis=0, return_index=True)[1]]))


def _telling(net: Network, y: FloatArray, stored: FloatArray, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first of these rows in order, those that differ before the others."""
    agree = _agreeing(net, y[rows], stored[rows]).all(axis=1)
    return np.sort(rows[np.argsort(agree, kind="stable")[:_ROWS]])


def _linear(net: Network) -> bool:
    return all(step.row.linear for step in net.program.steps if isinstance(step, TransferStep))


def _agree(net: Network, y: FloatArray, stored: FloatArray) -> bool:
    return bool(_agreeing(net, y, stored).all())


def _agreeing(net: Network, y: FloatArray, stored: FloatArray) -> NDArray[np.bool_]:
    """Which answers (N, S) agree with the stored ones, or have none."""
    apart = np.where(np.isnan(stored), 0.0, distances(y, stored))
    return np.asarray(apart <= _AGREES * ranges(net, stored))


def _scaled(net: Network, y: FloatArray, stored: FloatArray) -> Explanation | None:
    """Whether each stored output is the network's, scaled and shifted."""
    # an output that hardly varies shows no factor
    if not (np.ptp(y, axis=0) > _AGREES * ranges(net, stored)).all():
        return None
    centre = y.mean(axis=0)
    varied = y - centre
    factors = (varied * (stored - stored.mean(axis=0))).sum(axis=0) / (varied**2).sum(axis=0)
    shifts = stored.mean(axis=0) - factors * centre
    after, before = distances(y * factors + shifts, stored), distances(y, stored)
    reached = after.max() <= 1e-3 * before.max() and bool((after <= _AGREES * ranges(net, stored)).all())
    if not (factors != 0.0).all() or not reached:
        return None
    worst = int(np.argmax(np.abs(factors - 1.0)))
    made = f"y{worst + 1} times {factors[worst]:.8g} plus {shifts[worst]:.8g}"
    reason = f"the stored answers are the network's, scaled: {made}"
    if np.abs(factors - 1.0).max() < 1e-3:
        return Explanation(reason, not _linear(net))
    missing = "the outputs' processing is missing, or scaling was kept outside the network"
    return Explanation(f"{reason}; {missing}", certain=False)


def _exchanged(net: Network, data: InputData, y: FloatArray, stored: FloatArray) -> str:
    """Whether two inputs, or two outputs, are exchanged."""
    sizes = (net.input_size, net.output_size)
    if sum(size * (size - 1) // 2 for size in sizes) > _MOST_EXCHANGES:
        return ""
    for i, j in combinations(range(net.output_size), 2):
        if _agree(net, y[:, _swapped(net.output_size, i, j)], stored):
            return f"with outputs {i + 1} and {j + 1} exchanged"
    for i, j in combinations(range(net.input_size), 2):
        order = _swapped(net.input_size, i, j)
        states = None if data.input_states is None else data.input_states[:, order]
        if _agree(net, answers_once(net, replace(data, x=data.x[:, order], input_states=states)), stored):
            return f"with inputs {i + 1} and {j + 1} exchanged"
    return ""


def _swapped(size: int, i: int, j: int) -> list[int]:
    order = list(range(size))
    order[i], order[j] = order[j], order[i]
    return order


def _other_network(net: Network, data: InputData, stored: FloatArray) -> str:
    """Which network that differs from this one in a single function or matrix gives the stored answers."""
    first = replace(data, x=data.x[: leading(net, data, _LEAST_SAMPLES)])
    for reason, structure in _other_structures(net):
        try:
            other = Network(structure, net.provenance, net.name)
        except MatnetError:
            continue  # the functions do not fit each other
        if _agree(net, answers_once(other, first), stored[: len(first.x)]) and _agree(
            net, answers_once(other, data), stored
        ):
            return reason
    return ""


def _other_structures(net: Network) -> Iterator[tuple[str, Structure]]:
    structure = net.structure
    yield from _with_other_processing(structure)
    for number, layer in enumerate(structure.layers):
        for reason, other in _other_layers(layer, number + 1):
            layers = (*structure.layers[:number], other, *structure.layers[number + 1 :])
            try:
                yield reason, replace(structure, layers=layers)
            except MatnetError:
                continue  # the functions do not fit each other


def _with_other_processing(structure: Structure) -> Iterator[tuple[str, Structure]]:
    for number, entry in enumerate(structure.inputs):
        for reason, processing in _other_processing(entry):
            other = replace(entry, processing=processing)
            if other.processed_size == entry.processed_size:
                inputs = (*structure.inputs[:number], other, *structure.inputs[number + 1 :])
                yield f"{reason} of input {number + 1}", replace(structure, inputs=inputs)


def _other_processing(entry: Input) -> Iterator[tuple[str, tuple[Process, ...]]]:
    for number, step in enumerate(entry.processing):
        if step.raw_size == step.processed_size:
            rest = (*entry.processing[:number], *entry.processing[number + 1 :])
            yield f"without {step.function}", rest
    if entry.range is not None and np.isfinite(entry.range).all() and (entry.range[:, 0] < entry.range[:, 1]).all():
        low, high = entry.range.T
        settings = {"gain": 2.0 / (high - low), "xoffset": low, "ymin": -1.0}
        yield "with mapminmax over the range", (*entry.processing, Process.from_matlab("mapminmax", settings))


def _other_layers(layer: Layer, number: int) -> Iterator[tuple[str, Layer]]:
    for name, row in TRANSFER.items():
        if name != layer.transfer and not row.settings:
            changed = replace(layer, transfer=name, settings={})
            yield f"with {name} in layer {number}, where it has {layer.transfer}", changed
    for name in NET_INPUT:
        if name != layer.net_input:
            yield f"with {name} in layer {number}, where it has {layer.net_input}", replace(layer, net_input=name)
    if layer.bias is not None:
        yield f"without b{{{number}}}", replace(layer, bias=None)
    for source, weight in layer.input_weights.items():
        for reason, other in _other_weights(weight, f"IW{{{number},{source + 1}}}"):
            yield reason, replace(layer, input_weights={**layer.input_weights, source: other})
    for source, weight in layer.layer_weights.items():
        for reason, other in _other_weights(weight, f"LW{{{number},{source + 1}}}"):
            yield reason, replace(layer, layer_weights={**layer.layer_weights, source: other})


def _other_weights(weight: Weight, name: str) -> Iterator[tuple[str, Weight]]:
    if weight.function not in WEIGHT:
        return
    # one that is not square does not fit its layer then
    yield f"with {name} transposed", replace(weight, value=np.asarray(weight.value).T)
    for function in WEIGHT:
        if function != weight.function:
            yield f"with {function} of {name}, where it has {weight.function}", replace(weight, function=function)


def _other_parameters(net: Network, data: InputData, stored: FloatArray) -> str:
    """Which two rows or columns, if exchanged, give the stored answers."""
    first = replace(data, x=data.x[:_LEAST_SAMPLES])
    for reason, theta in _with_rows_exchanged(net):
        if _agree(net, answers_with(net, theta, first), stored[: len(first.x)]) and _agree(
            net, answers_with(net, theta, data), stored
        ):
            return reason
    return ""


def _with_rows_exchanged(net: Network) -> Iterator[tuple[str, FloatArray]]:
    """Exchanges of two rows, or two columns, of a weight matrix or a bias."""
    theta = net.parameters
    blocks = parameter_blocks(net)
    if sum(size * (size - 1) // 2 for block in blocks for size in (block.rows, block.columns)) > _MOST_EXCHANGES:
        return
    for block in blocks:
        value = theta[block.numbers].reshape(block.columns, block.rows).T
        for axis, what in ((0, "rows"), (1, "columns")):
            for i, j in combinations(range(value.shape[axis]), 2):
                other = np.take(value, _swapped(value.shape[axis], i, j), axis=axis)
                changed = theta.copy()
                changed[block.numbers] = other.T.reshape(-1)
                yield f"with {what} {i + 1} and {j + 1} of {block.name} exchanged", changed


def _one_weight(net: Network, x: FloatArray, y: FloatArray, stored: FloatArray) -> str:
    """The single weight or bias for which another value reproduces the stored answers to the last digits.

    A single weight changes the answers in one direction, which targets do not follow by chance; several weights
    together can imitate any smooth difference, so they would not prove anything.
    """
    width = ranges(net, stored)
    difference = ((stored - y) / width).reshape(-1)
    slopes = (_parameter_jacobian(net, net.parameters, x) / width[:, None]).reshape(len(difference), -1)
    with np.errstate(all="ignore"):
        likeness = np.abs(difference @ slopes) / (np.linalg.norm(slopes, axis=0) * np.linalg.norm(difference))
    likeness = np.nan_to_num(likeness)
    for weight in np.argsort(-likeness)[:_LIKELIEST].tolist():
        if likeness[weight] < _LIKE:
            break
        value = _value_that_answers(net, x, stored, weight, width)
        if value is not None:
            own = float(net.parameters[weight])
            return f"with {net.parameter_names[weight]} = {value:.10g}, where it has {own:.10g}"
    return ""


def _value_that_answers(
    net: Network, x: FloatArray, stored: FloatArray, weight: int, width: FloatArray
) -> float | None:
    """The value of one weight with which the network gives the stored answers, by Gauss-Newton steps."""
    theta = net.parameters.copy()
    first = None
    for _ in range(_STEPS):
        difference = ((stored - answers_with(net, theta, InputData(x))) / width).reshape(-1)
        apart = float(np.abs(difference).max())
        first = apart if first is None else first
        if not np.isfinite(apart):
            return None
        slope = (_parameter_jacobian(net, theta, x)[..., weight] / width).reshape(-1)
        length = float(slope @ slope)
        if not np.isfinite(length) or length == 0.0:
            return None
        theta[weight] += float(slope @ difference) / length
        if apart <= max(_REACHED * first, _ROUNDING):
            # this last step has given the digits that are told
            return float(theta[weight])
    return None


def _parameter_jacobian(net: Network, theta: FloatArray, x: FloatArray) -> FloatArray:
    """(N, S, P), from the rows directly, because other parameters are evaluated only once."""
    with np.errstate(all="ignore"):
        return np.asarray(ParameterJacobian()(program_with(net.program, theta), x))
