"""Why stored answers may differ from the network's: what kind of change would account for the difference."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.model.structure import Weight
from matnet.network import Network
from matnet.proof.evidence import Given, answers, distances, ranges
from matnet.simulate import TransferStep

_MOST_EXCHANGES = 500
_STEPS, _LIKELIEST = 8, 3
_REACHED, _ROUNDING = 1e-6, 4e-15
"""The share of the difference that one other weight may leave; no less than rounding leaves, of the range."""

_MOST_NUMBERS = 2_000_000


UNEXPLAINED = "the stored answers are not those of this network; targets would look like this too"


def explanation(net: Network, given: Given, y: FloatArray, stored: FloatArray) -> tuple[str, bool]:
    """What would account for the difference of `stored` from the network's answers `y`, (Q, S).

    Returns
    -------
    The reason in words, and whether it is certain that these are answers of a network like this one, and not targets
    or other data.
    """
    if len(y) > net.output_size + 2:
        scaled = _scaled(net, y, stored)
        if scaled is not None:
            return scaled
        # exactly linear targets are within the reach of a linear network that has not quite learnt them
        if not net.dynamic and not _linear(net):
            exchanged = _exchanged(net, given, stored)
            if exchanged:
                return exchanged, True
            other = _one_weight(net, given, y, stored)
            if other:
                return other, True
    return UNEXPLAINED, False


def _linear(net: Network) -> bool:
    return all(step.row.linear for step in net.program.steps if isinstance(step, TransferStep))


def _agree(net: Network, y: FloatArray, stored: FloatArray) -> bool:
    return bool((distances(y, stored) <= 1e-11 * ranges(net, stored)).all())


def _scaled(net: Network, y: FloatArray, stored: FloatArray) -> tuple[str, bool] | None:
    """Whether each stored output is the network's, multiplied by one number and shifted by another."""
    known = np.isfinite(y).all(axis=1) & np.isfinite(stored).all(axis=1)
    if known.sum() < 4:
        return None
    centre = y[known].mean(axis=0)
    varied = y[known] - centre
    spread = (varied**2).sum(axis=0)
    if not (spread > 0.0).all():
        return None
    factors = (varied * (stored[known] - stored[known].mean(axis=0))).sum(axis=0) / spread
    shifts = stored[known].mean(axis=0) - factors * centre
    after, before = distances(y[known] * factors + shifts, stored[known]), distances(y[known], stored[known])
    reached = after.max() <= 1e-3 * before.max() and bool((after <= 1e-11 * ranges(net, stored)).all())
    if not (factors != 0.0).all() or not reached:
        return None
    worst = int(np.argmax(np.abs(factors - 1.0)))
    made = f"y{worst + 1} times {factors[worst]:.8g} plus {shifts[worst]:.8g}"
    reason = f"the stored answers are the network's, scaled: {made}"
    if np.abs(factors - 1.0).max() < 1e-3:
        return reason, not _linear(net)
    return f"{reason}; the outputs' processing is missing, or scaling was kept outside the network", False


def _exchanged(net: Network, given: Given, stored: FloatArray) -> str:
    """Whether two inputs, or two outputs, stand in each other's place."""
    sizes = (net.input_size, net.output_size)
    if sum(size * (size - 1) // 2 for size in sizes) > _MOST_EXCHANGES:
        return ""
    rows = slice(0, 50)
    for i, j in combinations(range(net.output_size), 2):
        if _agree(net, answers(net, given)[:, _swapped(net.output_size, i, j)], stored):
            return f"the stored answers are the network's with outputs {i + 1} and {j + 1} exchanged"
    for i, j in combinations(range(net.input_size), 2):
        order = _swapped(net.input_size, i, j)
        if _agree(net, answers(net, Given(given.x[rows][:, order])), stored[rows]):
            return f"the stored answers are the network's with inputs {i + 1} and {j + 1} exchanged"
        other = _with_weights_swapped(net, order)
        if other is not None and _agree(net, answers(other, Given(given.x[rows])), stored[rows]):
            return f"the stored answers are the network's with the weights of inputs {i + 1} and {j + 1} exchanged"
    return ""


def _with_weights_swapped(net: Network, order: list[int]) -> Network | None:
    """The network with the columns of its input weights in another order, where there is one input for them."""
    structure = net.structure
    if len(structure.inputs) != 1 or structure.inputs[0].processed_size != len(order):
        return None

    def swapped(weight: Weight) -> Weight:
        return replace(weight, value=np.asarray(weight.value)[:, order])

    if any(
        weight.value.shape[1] != len(order) for layer in structure.layers for weight in layer.input_weights.values()
    ):
        return None
    layers = tuple(
        replace(layer, input_weights={source: swapped(weight) for source, weight in layer.input_weights.items()})
        for layer in structure.layers
    )
    return Network(replace(structure, layers=layers), net.provenance, net.name)


def _swapped(size: int, i: int, j: int) -> list[int]:
    order = list(range(size))
    order[i], order[j] = j, i
    return order


def _one_weight(net: Network, given: Given, y: FloatArray, stored: FloatArray) -> str:
    """Which single weight or bias, with another value, makes the network give the stored answers to the last digits.

    A single weight moves the answers along one direction, which no targets take by chance; several together can
    imitate any smooth difference, so that nothing would follow from them.
    """
    known = np.flatnonzero(np.isfinite(y).all(axis=1) & np.isfinite(stored).all(axis=1))
    rows = known[: max(10, _MOST_NUMBERS // (len(net.parameters) * net.output_size))]
    width = ranges(net, stored)
    x, answered = Given(given.x[rows]), stored[rows]
    difference = ((answered - y[rows]) / width).reshape(-1)
    slopes = (net.parameter_jacobian(x.x) / width[:, None]).reshape(len(difference), -1)
    with np.errstate(all="ignore"):
        likeness = np.abs(difference @ slopes) / (np.linalg.norm(slopes, axis=0) * np.linalg.norm(difference))
    for weight in np.argsort(np.nan_to_num(-likeness))[:_LIKELIEST]:
        value = _value_that_answers(net, x, answered, int(weight), width)
        if value is not None:
            own = float(net.parameters[weight])
            place = _place(net, int(weight))
            return f"the stored answers are the network's with {place} = {value:.10g}, where it has {own:.10g}"
    return ""


def _value_that_answers(net: Network, x: Given, stored: FloatArray, weight: int, width: FloatArray) -> float | None:
    """The value of one weight with which the network gives the stored answers, by Gauss-Newton steps."""
    theta = net.parameters.copy()
    first = None
    for _ in range(_STEPS):
        changed = net.with_parameters(theta)
        difference = ((stored - answers(changed, x)) / width).reshape(-1)
        apart = float(np.abs(difference).max())
        first = apart if first is None else first
        if not apart > max(_REACHED * first, min(_ROUNDING, 1e-3 * first)):
            return float(theta[weight]) if np.isfinite(apart) else None
        slope = (changed.parameter_jacobian(x.x)[..., weight] / width).reshape(-1)
        length = float(slope @ slope)
        if not np.isfinite(length) or length == 0.0:
            return None
        theta[weight] += float(slope @ difference) / length
    return None


def _place(net: Network, weight: int) -> str:
    """A weight's place in MATLAB, by its number in the vector of all: ``IW{1,1}(3,2)``."""
    for number, layer in enumerate(net.structure.layers, start=1):
        parts = [] if layer.bias is None else [(f"b{{{number}}}", (layer.size, 1))]
        for kind, weights in (("IW", layer.input_weights), ("LW", layer.layer_weights)):
            parts += [(f"{kind}{{{number},{source + 1}}}", entry.value.shape) for source, entry in weights.items()]
        for name, (rows, columns) in parts:
            if weight < rows * columns:
                column = "" if name.startswith("b") else f",{weight // rows + 1}"
                return f"{name}({weight % rows + 1}{column})"
            weight -= rows * columns
    raise IndexError(weight)
