"""Points within the range of a network's inputs: always the same for the same structure."""

from __future__ import annotations

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.model.ranges import input_extent
from matnet.model.structure import Input, Structure


def input_box(structure: Structure) -> FloatArray:
    """(R, 2): finite limits of each input element, low < high.

    The range if it is known, see ``matnet.model.ranges``; else the range that the processing maps to [−1, 1]; else
    [−1, 1]. A range of width 0 is widened by its own magnitude, so that points in it differ.
    """
    assumed = np.concatenate([np.zeros((0, 2)), *(_assumed(entry) for entry in structure.inputs)])
    extent = input_extent(structure)
    low, high = np.where(extent.known[:, None], extent.limits, assumed).T
    pad = np.where(low == high, np.maximum(np.abs(low), 1.0) / 2.0, 0.0)
    return np.stack([low - pad, high + pad], axis=1)


def _assumed(entry: Input) -> FloatArray:
    ends = np.stack([_unprocessed(entry, level) for level in (-1.0, 1.0)], axis=1)
    return np.sort(np.where(np.isfinite(ends), ends, [-1.0, 1.0]), axis=1)


def _unprocessed(entry: Input, level: float) -> FloatArray:
    """The raw elements whose processed values are all `level`, as far as the processing can be reversed."""
    value: FloatArray = np.full((1, entry.processed_size), level)
    with np.errstate(all="ignore"):
        for process in reversed(entry.processing):
            value = process.reverse.value(value)
    return np.asarray(value[0])


def sample_points(structure: Structure, count: int) -> FloatArray:
    """(count, R): points in the input box, for networks of images without the even ones.

    The middle and the corners of the box may be even images, in which all windows of a pooling tie: which of equal
    elements is the largest is then a question of rounding.
    """
    box, even = input_box(structure), 3 if any(entry.shape for entry in structure.inputs) else 0
    return points_in(box, count + even)[even:]


def points_in(box: FloatArray, count: int) -> FloatArray:
    """(count, R): the middle of the box, its lowest and its highest corner, then points spread over it."""
    low, high = box[:, 0], box[:, 1]
    fractions = np.random.Generator(np.random.PCG64(1)).random((max(count, 3), len(box)))
    fractions[:3] = np.array([[0.5], [0.0], [1.0]])
    # not low + fraction·(high − low), which would overflow for the widest ranges
    return np.asarray((low * (1.0 - fractions) + high * fractions)[:count])
