"""States at the wrong scale, as far as the known ranges show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.forecast import closed_elements, output_layers
from matnet.tables.wording import listed

_SCALED = 1.1
"""Scaled values lie within −1 and 1, except for some slightly outside the training range."""


class _Element(NamedTuple):
    name: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name}: {self.low:.6g} to {self.high:.6g}"


def raw_doubt(what: str, values: FloatArray, limits: FloatArray, names: Sequence[str]) -> str:
    """A warning if values (..., n) that should be at raw scale look scaled; else empty.

    They do where all values of an element lie within −1 and 1, not all of them 0, and its range (n, 2) does not reach
    there. An element that is NaN or has no known range is ignored.
    """
    doubtful = []
    for k, (low, high) in enumerate(limits):
        given = values[..., k][~np.isnan(values[..., k])]
        apart = low > _SCALED or high < -_SCALED
        if apart and given.any() and np.abs(given).max() <= _SCALED:
            doubtful.append(str(_Element(names[k], low, high)))
    if not doubtful:
        return ""
    which = listed(doubtful, 3).replace("'", "")
    return f"{what} lie within -1 and 1, outside the range ({which}); they should be in original units, not scaled"


def layer_doubt(net: Network, layers: FloatArray, names: Sequence[str]) -> str:
    """A warning if layer states (LD, N) that should be at layer scale look like outputs in original units; else empty.

    They do where all values of an output that is fed back lie in its range at raw scale, and none near its range at
    layer scale.
    """
    limits, fed, doubtful = net.output_range, set(closed_elements(net.structure)), []
    for output, own, neurons in output_layers(net.structure):
        scaled = limits[own].T
        for process in output.processing:
            scaled = process.apply.value(scaled)
        if scaled.shape[1] != output.size or not fed.issuperset(range(own.start, own.stop)):
            continue
        for k in range(output.size):
            low, high = limits[own.start + k]
            given = layers[:, neurons.start + k]
            given = given[~np.isnan(given)]
            bottom, top = np.sort(scaled[:, k])
            away = (given < bottom - (top - bottom)) | (given > top + (top - bottom))
            if given.size and away.all() and bool(((given >= low) & (given <= high)).all()):
                doubtful.append(str(_Element(names[own.start + k], low, high)))
    if not doubtful:
        return ""
    which = listed(doubtful, 3).replace("'", "")
    return (
        f"the layer states lie in the range of the outputs ({which}); they should be at the scale of the "
        "layer, after the outputs' processing"
    )
