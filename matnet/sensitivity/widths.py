"""The ranges by which derivatives of different units are scaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.sensitivity.samples import Model


@dataclass(eq=False)
class Widths:
    """The widths of the ranges of inputs and outputs: those seen in training, else those of the data.

    Derivatives multiplied by input width / output width compare inputs of different units: the change of the output, as
    a share of its range, if the slope held over all of the input's range.
    """

    told_inputs: FloatArray
    told_outputs: FloatArray
    _x: list[FloatArray] = field(default_factory=list)
    _y: list[FloatArray] = field(default_factory=list)

    @classmethod
    def of(cls, net: Model) -> Widths:
        """The ranges that the network knows; `add` adds those of the data."""
        return cls(net.input_range, net.output_range)

    def add(self, x: FloatArray, y: FloatArray) -> None:
        """Samples (N, R) with their outputs (N, S)."""
        for seen, values in ((self._x, x), (self._y, y)):
            seen[:] = [_limits(np.concatenate([*(limits.T for limits in seen), values]))]

    @property
    def inputs(self) -> FloatArray:
        """(R,): NaN where neither the network nor the data have one."""
        return _width(self.told_inputs, self._x)

    @property
    def outputs(self) -> FloatArray:
        """(S,): NaN where neither the network nor the data have one."""
        return _width(self.told_outputs, self._y)

    @property
    def scale(self) -> FloatArray:
        """(S, R): input width / output width; NaN where the output has no width."""
        outputs = np.where(self.outputs > 0.0, self.outputs, np.nan)
        return np.asarray(self.inputs[None, :] / outputs[:, None])


def _limits(values: FloatArray) -> FloatArray:
    """(size, 2): the smallest and largest finite value of each column, NaN where there is none."""
    finite = np.isfinite(values)
    low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    return np.stack([np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)], axis=1)


def _width(told: FloatArray, seen: Sequence[FloatArray]) -> FloatArray:
    widths = told[:, 1] - told[:, 0]
    if not seen:
        return widths
    return np.where(np.isfinite(widths), widths, seen[0][:, 1] - seen[0][:, 0])
