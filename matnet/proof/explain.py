"""Why stored answers may differ from the network's: what kind of change would account for the difference."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.model.structure import Weight
from matnet.network import Network
from matnet.proof.evidence import Given, answers, distances, ranges

_MOST_EXCHANGES = 500
_SLIGHTLY = 0.05
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
        if not net.dynamic:
            exchanged = _exchanged(net, given, stored)
            if exchanged:
                return exchanged, True
            if _of_other_weights(net, given, y, stored):
                return "these are the answers of the same network with slightly other weights", True
    return UNEXPLAINED, False


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
    if not (factors != 0.0).all() or not _agree(net, y[known] * factors + shifts, stored[known]):
        return None
    worst = int(np.argmax(np.abs(factors - 1.0)))
    made = f"y{worst + 1} times {factors[worst]:.8g} plus {shifts[worst]:.8g}"
    reason = f"the stored answers are the network's, scaled: {made}"
    if np.abs(factors - 1.0).max() < 1e-3:
        return reason, True
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


def _of_other_weights(net: Network, given: Given, y: FloatArray, stored: FloatArray) -> bool:
    """Whether the difference is one that a small change of the weights makes: in the span of dy/dθ.

    Targets differ from the outputs of a trained network across that span, as training has used up what lies in it.
    """
    count = len(net.parameters)
    known = np.flatnonzero(np.isfinite(y).all(axis=1) & np.isfinite(stored).all(axis=1))
    rows = known[: 2 * (count // net.output_size + 10)]
    if len(rows) * net.output_size < 1.5 * count + 10 or len(rows) * net.output_size * count > _MOST_NUMBERS:
        return False
    width = ranges(net, stored)
    difference = ((stored - y)[rows] / width).reshape(-1)
    if np.abs(difference).max() > _SLIGHTLY:
        return False
    slopes = (net.parameter_jacobian(given.x[rows]) / width[:, None]).reshape(len(difference), count)
    if not np.isfinite(slopes).all():
        return False
    change, *_ = np.linalg.lstsq(slopes, difference, rcond=1e-14)
    left = difference - slopes @ change
    size = np.sqrt(len(difference))
    return bool(np.linalg.norm(left) / size <= 1e-4 * np.linalg.norm(difference) / size + 1e-14)
