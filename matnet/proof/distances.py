"""Distances between numbers, some of which may be NaN or infinite."""

from __future__ import annotations

import numpy as np

from matnet.functions.namespace import FloatArray


def distances(first: FloatArray, second: FloatArray) -> FloatArray:
    """|first − second|; 0 where the two are equal or both NaN, Inf where only one is NaN."""
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    with np.errstate(all="ignore"):
        apart = np.where(same, 0.0, np.abs(first - second))
    return np.where(np.isnan(apart), np.inf, apart)
