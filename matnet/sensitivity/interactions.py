"""Interactions: how the effect of one input depends on another, from the second derivatives over samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.sensitivity.samples import Model

_WORKING_ELEMENTS = 1 << 22


@dataclass(frozen=True, eq=False)
class Interactions:
    """How the effect of one input depends on another: d²y_i/dx_j dx_k over the samples, (S, R, R) each.

    Element [i, j, k] of ``mean`` and ``rms`` is that of d²y_i/dx_j dx_k; j = k is the curvature.
    """

    mean: FloatArray
    rms: FloatArray
    count: FloatArray


class InteractionAccumulator:
    """Mean and rms of the Hessian over samples that come in chunks."""

    def __init__(self, net: Model) -> None:
        self._net = net
        shape = (net.output_size, net.input_size, net.input_size)
        self._sum, self._squares, self._count = (np.zeros(shape) for _ in range(3))

    def add(self, x: FloatArray) -> None:
        """The next samples (N, R)."""
        rows = max(1, _WORKING_ELEMENTS // max(1, self._sum.size))
        for start in range(0, len(x), rows):
            hessian = np.asarray(self._net.hessian(x[start : start + rows]))
            known = ~np.isnan(hessian)
            values = np.where(known, hessian, 0.0)
            self._sum += values.sum(axis=0)
            self._squares += (values**2).sum(axis=0)
            self._count += known.sum(axis=0)

    def interactions(self) -> Interactions:
        """The interactions so far; NaN where no sample has a known derivative."""
        count = np.where(self._count > 0.0, self._count, np.nan)
        return Interactions(self._sum / count, np.sqrt(self._squares / count), self._count)
