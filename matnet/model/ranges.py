"""The range of each input and output element, and its origin.

Ranges are defined only here. Everything that shades a range, counts samples outside it or calls it "seen in training"
uses ``net.input_extent`` and ``net.output_extent``:

- ``extent.limits`` (elements, 2), NaN where unknown, and ``extent.known`` (elements,);
- ``extent.origin``, one word for each element; ``DESCRIPTION[word]`` is its name in a sentence;
- ``extent.outside(x)``, which elements of which samples are outside; an element with unknown limits never is, so report
  the number of elements that ``extent.known`` excludes beside every count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import FloatArray
from matnet.functions.processing import PROCESSING
from matnet.model.structure import Input, Output, Structure

Origin: TypeAlias = Literal["training", "scaling", "centres", "unknown"]

DESCRIPTION: dict[Origin, str] = {
    "training": "the range seen in training",
    "scaling": "the range that the scaling was made for",
    "centres": "the range of the centres of the radial neurons",
    "unknown": "an unknown range",
}
"""The name of a range in a sentence, by its origin."""

_RADIAL = "dist"
"""The weight function whose rows are centres: points of the input space, taken from the training samples."""

_ROUNDING = 1e-12
"""The relative tolerance of a range that is computed and not read: function files round their numbers."""


@dataclass(frozen=True, eq=False)
class Extent:
    """Limits (n, 2) of n elements at raw scale, NaN where unknown, and the origin of each element's limits.

    ``origin`` is "training" (the range of the training data in the file), "scaling" (the range that mapminmax maps to
    [−1, 1]), "centres" (the range of the centres of a radial layer) or "unknown".
    """

    limits: FloatArray
    origin: tuple[Origin, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,): the elements whose limits are known."""
        return np.asarray([word != "unknown" for word in self.origin], dtype=bool)

    def outside(self, x: FloatArray) -> NDArray[np.bool_]:
        """x (..., n) -> (..., n): the elements outside their limits; an element that is NaN or has no limits is not."""
        low, high = self.limits[:, 0], self.limits[:, 1]
        computed = np.asarray([word != "training" for word in self.origin], dtype=bool)
        with np.errstate(all="ignore"):
            slack = np.where(computed, _ROUNDING * (high - low), 0.0)
            return np.asarray((x < low - slack) | (x > high + slack))


def input_extent(structure: Structure) -> Extent:
    """The extent of all input elements."""
    return _joined([_first_known(entry, _centres(structure, j)) for j, entry in enumerate(structure.inputs)])


def output_extent(structure: Structure) -> Extent:
    """The extent of all output elements."""
    return _joined([_first_known(entry, None) for entry in structure.outputs])


def common_extent(extents: Sequence[Extent]) -> Extent:
    """The common extent of several networks with the same elements: the largest minimum and the smallest maximum.

    An element that is unknown for one of them is unknown; of different origins, the weakest is used.
    """
    words: tuple[Origin, ...] = ("training", "scaling", "centres", "unknown")
    origin = [max(row, key=words.index) for row in zip(*(extent.origin for extent in extents), strict=True)]
    limits = np.stack([extent.limits for extent in extents])
    return Extent(np.stack([limits[..., 0].max(axis=0), limits[..., 1].min(axis=0)], axis=-1), tuple(origin))


def middle(limits: FloatArray, unknown: float | FloatArray) -> FloatArray:
    """The middle of limits (n, 2), without overflow; `unknown` where they are not finite."""
    with np.errstate(invalid="ignore"):  # from −Inf to Inf
        middles = 0.5 * limits[:, 0] + 0.5 * limits[:, 1]
    return np.where(np.isfinite(middles), middles, unknown)


def _joined(parts: Sequence[Extent]) -> Extent:
    limits = np.concatenate([np.zeros((0, 2)), *(part.limits for part in parts)])
    limits.setflags(write=False)
    return Extent(limits, tuple(word for part in parts for word in part.origin))


def _first_known(entry: Input | Output, centres: FloatArray | None) -> Extent:
    """The extent of each element from the file, else from the processing or the centres."""
    limits = np.full((entry.size, 2), np.nan)
    origin: list[Origin] = ["unknown"] * entry.size
    sources: list[tuple[Origin, FloatArray | None]] = [
        ("training", entry.range),
        ("scaling", _from_processing(entry)),
        ("centres", centres),
    ]
    for word, told in sources:
        if told is None:
            continue
        for k in np.flatnonzero(np.isfinite(told).all(axis=1) & (told[:, 0] <= told[:, 1])):
            if origin[k] == "unknown":
                limits[k], origin[k] = told[k], word
    return Extent(limits, tuple(origin))


def _from_processing(entry: Input | Output) -> FloatArray:
    return _raw_limits(entry, np.full((entry.processed_size, 2), np.nan))


def _raw_limits(entry: Input | Output, limits: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        for process in reversed(entry.processing):
            limits = PROCESSING[process.function].raw_limits(process.settings, limits)
    return limits


def _centres(structure: Structure, j: int) -> FloatArray | None:
    """The limits of input j from the centres of the layers connected to it; None if there are none."""
    weights = [layer.input_weights.get(j) for layer in structure.layers]
    radial = [weight for weight in weights if weight is not None and weight.function == _RADIAL]
    if not radial:
        return None
    size = structure.inputs[j].processed_size
    points = np.concatenate([np.asarray(weight.value, dtype=np.float64).reshape(-1, size) for weight in radial])
    return _raw_limits(structure.inputs[j], np.stack([points.min(axis=0), points.max(axis=0)], axis=1))
