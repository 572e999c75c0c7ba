"""Several networks of the same quantities as one: their mean and spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ModelError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.ranges import Extent, common_extent
from matnet.network.arguments import in_range, real_array
from matnet.network.network import Network


class Ensemble:
    """The mean of networks that take the same inputs and give the same outputs.

    Parameters
    ----------
    networks
        The members; all have R inputs and S outputs.

    Raises
    ------
    ModelError
        There are none, or their inputs or outputs differ in number.
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self.networks = tuple(networks)
        if not self.networks:
            raise ModelError("an ensemble needs at least one network")
        first = self.networks[0]
        for number, member in enumerate(self.networks[1:], start=2):
            for what, got, expected in (
                ("inputs", member.input_size, first.input_size),
                ("outputs", member.output_size, first.output_size),
            ):
                if got != expected:
                    raise ModelError(f"member {number} has {got} {what}, the first has {expected}")

    @property
    def input_size(self) -> int:
        """R: the elements of all inputs side by side."""
        return self.networks[0].input_size

    @property
    def output_size(self) -> int:
        """S: the elements of all outputs side by side."""
        return self.networks[0].output_size

    @property
    def input_range(self) -> FloatArray:
        """(R, 2): the range that all members share, the largest minimum and the smallest maximum; NaN where unknown."""
        return self.input_extent.limits

    @property
    def output_range(self) -> FloatArray:
        """(S, 2): as ``input_range``, of the outputs."""
        return self.output_extent.limits

    @property
    def input_extent(self) -> Extent:
        """The range of the inputs with its origin; see ``matnet.model.ranges``."""
        return common_extent([member.input_extent for member in self.networks])

    @property
    def output_extent(self) -> Extent:
        """The range of the outputs with its origin."""
        return common_extent([member.output_extent for member in self.networks])

    def in_range(self, x: Array) -> NDArray[np.bool_]:
        """Whether all inputs of a sample lie within ``input_range``; see ``Network.in_range``."""
        elements = self.networks[0].evaluation.inputs
        return in_range(self.input_extent, real_array(x, elements, "x"), elements.names)

    def _mean(self, of: Callable[[Network], Array]) -> Array:
        total = of(self.networks[0])
        for member in self.networks[1:]:
            total = total + of(member)
        return total / len(self.networks)

    def __call__(self, x: Array) -> Array:
        """The members' mean output: x (..., R) -> (..., S), raw scale."""
        return self._mean(lambda member: member(x))

    def jacobian(self, x: Array) -> Array:
        """The derivative of the mean output: x (..., R) -> (..., S, R), element [..., i, j] is dy_i/dx_j."""
        return self._mean(lambda member: member.jacobian(x))

    def value_and_jacobian(self, x: Array) -> tuple[Array, Array]:
        """The mean output (..., S) and its derivative (..., S, R)."""
        pairs = [member.value_and_jacobian(x) for member in self.networks]
        count = len(pairs)
        values, slopes = pairs[0]
        for value, slope in pairs[1:]:
            values, slopes = values + value, slopes + slope
        return values / count, slopes / count

    def hessian(self, x: Array) -> Array:
        """The second derivative of the mean output: x (..., R) -> (..., S, R, R)."""
        return self._mean(lambda member: member.hessian(x))

    def std(self, x: Array) -> FloatArray:
        """The members' standard deviation, with n − 1 as in MATLAB's std: x (..., R) -> (..., S); 0 for one member."""
        values = np.stack([np.asarray(member(x)) for member in self.networks])
        if len(values) == 1:
            return np.zeros_like(values[0])
        return np.asarray(values.std(axis=0, ddof=1))
