"""The rows of the connections between layers: a weight function each, with settings, some without weights.

Shapes and functions are those of weight.py. A row without weights has w of shape (0, 0). R elements of an image are C
channels of R/C places, channel by channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from matnet.functions.channels import spread_channels, summed_channels
from matnet.functions.namespace import Array, FloatArray, constant, indices, namespace
from matnet.functions.weight import WeightFunction, no_curvature


class FixedConnection(WeightFunction):
    """A connection without weights."""

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """0, (..., K, S): there are no weights."""
        return namespace(z).broadcast_to(constant(z, np.zeros(1)), (*z.shape[:-1], dw.shape[-3], z.shape[-1]))

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Nothing, (..., K, 0, 0)."""
        return namespace(u).broadcast_to(constant(u, np.zeros((0, 0))), (*u.shape[:-1], 0, 0))


class Unweighted(FixedConnection):
    """z = p: the input of a layer, unchanged."""

    def keeps_channels(self, channels: int) -> bool:
        """Each element depends on one."""
        return True

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(0, 0), and only between equal sizes."""
        return (0, 0) if neurons == elements else None

    def value(self, w: Array, p: Array) -> Array:
        """p."""
        return p

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """v."""
        return v

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """u."""
        return u

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)


@dataclass(frozen=True, eq=False)
class Gather(FixedConnection):
    """z_i = p at index_i, and 0 where the index is 0: parts of a layer, or layers side by side.

    ``positions`` (S,) count from 0, −1 stands for 0.
    """

    positions: NDArray[np.intp]
    elements: int

    @cached_property
    def takers(self) -> NDArray[np.intp]:
        """For each element of p the elements of z that take it, (R, m), −1 where there are fewer than m."""
        return takers_of(self.positions, self.elements)

    @property
    def table_numbers(self) -> int:
        """Those of takers."""
        taken = self.positions[self.positions >= 0]
        return self.elements * int(np.unique(taken, return_counts=True)[1].max(initial=0))

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(0, 0), and only between the sizes that the index is for."""
        return (0, 0) if (neurons, elements) == (len(self.positions), self.elements) else None

    def value(self, w: Array, p: Array) -> Array:
        """p(index)."""
        return taken(p, self.positions)

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """v(index)."""
        return taken(v, self.positions)

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """The sum of u over the elements that take each element of p."""
        return gathered_back(u, self.takers)

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)


def taken(p: Array, positions: NDArray[np.intp]) -> Array:
    """p at the positions of its last axis, 0 at −1."""
    xp = namespace(p)
    if (positions >= 0).all():
        return xp.take(p, indices(p, positions), axis=-1)
    zero = xp.broadcast_to(constant(p, np.zeros(1)), (*p.shape[:-1], 1))
    inside = np.where(positions < 0, p.shape[-1], positions)
    return xp.take(xp.concat([p, zero], axis=-1), indices(p, inside), axis=-1)


_MOST_TERMS = 16
"""Up to this many elements are added one after the other."""


def takers_of(positions: NDArray[np.intp], elements: int) -> NDArray[np.intp]:
    """For each of `elements` the positions that refer to it, (elements, m), padded with −1."""
    inside = np.flatnonzero(positions >= 0)
    order = inside[np.argsort(positions[inside], kind="stable")]
    counts = np.bincount(positions[order], minlength=elements)
    most = int(counts.max(initial=0))
    takers: NDArray[np.intp] = np.full((elements, most), -1, dtype=np.intp)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    takers[positions[order], rank] = order
    return takers


def gathered_back(u: Array, takers: NDArray[np.intp]) -> Array:
    """Σ over each row of `takers` of u at these positions of its last axis: (..., S) -> (..., R)."""
    xp = namespace(u)
    elements, most = takers.shape
    if not most:
        return xp.broadcast_to(constant(u, np.zeros(elements)), (*u.shape[:-1], elements))
    if most <= _MOST_TERMS:
        # term by term, so that no axis is added: CasADi has matrices only
        return reduce(add, (taken(u, takers[:, k]) for k in range(most)))
    return xp.sum(xp.reshape(taken(u, takers.reshape(-1)), (*u.shape[:-1], elements, most)), axis=-1)


@dataclass(frozen=True, eq=False)
class Scaling(FixedConnection):
    """z = Scale p + Bias with constants: one number, or one for each element."""

    scale: FloatArray
    shift: FloatArray

    def keeps_channels(self, channels: int) -> bool:
        """Each element depends on one."""
        return True

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(0, 0), and only between equal sizes that the constants fit."""
        fits = all(len(part) in (1, elements) for part in (self.scale, self.shift))
        return (0, 0) if neurons == elements and fits else None

    def value(self, w: Array, p: Array) -> Array:
        """Scale p + Bias."""
        return constant(p, self.scale) * p + constant(p, self.shift)

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """Scale v."""
        return constant(v, self.scale) * v

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Scale u."""
        return constant(u, self.scale) * u

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)


@dataclass(frozen=True, eq=False)
class ChannelwiseScale(WeightFunction):
    """z = w_c q for the elements of channel c: w (C, 1) are its scales, q is what a subclass computes from p."""

    channels: int

    def channel_entries(self, rows: int, columns: int) -> NDArray[np.intp]:
        """The scale of each channel."""
        return np.arange(rows)[:, None]

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(C, 1), and only between equal sizes that are whole channels."""
        return (self.channels, 1) if neurons == elements and not elements % self.channels else None

    def parameter_shape(self, rows: int, columns: int) -> tuple[int, ...]:
        """(C,)."""
        return (rows,)

    def _spread(self, w: Array, elements: int) -> Array:
        """The scale of each element, (R,), from w (..., C, 1)."""
        return spread_channels(w[..., 0], elements)

    def _normalized(self, p: Array) -> Array:
        """q, (..., R)."""
        raise NotImplementedError

    def value(self, w: Array, p: Array) -> Array:
        """w_c q."""
        return self._spread(w, p.shape[-1]) * self._normalized(p)

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """dw_c q, (..., K, S)."""
        return self._spread(dw, p.shape[-1]) * self._normalized(p)[..., None, :]

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Σ u q over each channel, (..., K, 1, C)."""
        return summed_channels(u * self._normalized(p)[..., None, :], self.channels)[..., None, :]


@dataclass(frozen=True, eq=False)
class BatchNormalization(ChannelwiseScale):
    """z = w_c (p − mean_c) / sqrt(variance_c + epsilon) with the statistics of the training, which are constants."""

    mean: FloatArray
    deviation: FloatArray

    def keeps_channels(self, channels: int) -> bool:
        """Each element depends on one."""
        return True

    def _normalized(self, p: Array) -> Array:
        centred = p - constant(p, spread_channels(self.mean, p.shape[-1]))
        return centred / self._deviations(p)

    def _deviations(self, p: Array) -> Array:
        return constant(p, spread_channels(self.deviation, p.shape[-1]))

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """w_c v / sqrt(variance_c + epsilon)."""
        return v * (self._spread(w, p.shape[-1]) / self._deviations(p))

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """w_c u / sqrt(variance_c + epsilon)."""
        return self.tangent(w, p, z, u)

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)


@dataclass(frozen=True, eq=False)
class LayerNormalization(ChannelwiseScale):
    """z = w_c q, q = (p − mean p) / s, s = sqrt(variance p + epsilon): statistics of the sample itself."""

    epsilon: float

    def _mean(self, x: Array) -> Array:
        return namespace(x).sum(x, axis=-1, keepdims=True) / float(x.shape[-1])

    def _deviation(self, p: Array) -> tuple[Array, Array]:
        """p − mean p, and s (..., 1)."""
        centred = p - self._mean(p)
        return centred, namespace(p).sqrt(self._mean(centred * centred) + self.epsilon)

    def _normalized(self, p: Array) -> Array:
        centred, deviation = self._deviation(p)
        return centred / deviation

    def _slope(self, p: Array, v: Array) -> Array:
        """q'·v = (v − mean v − q mean(q v)) / s, (..., K, R); q' is symmetric."""
        centred, deviation = self._deviation(p)
        q = (centred / deviation)[..., None, :]
        level = v - self._mean(v)
        return (level - q * self._mean(q * level)) / deviation[..., None]

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """w_c q'·v."""
        return self._spread(w, p.shape[-1]) * self._slope(p, v)

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """(w_c u)ᵀq'."""
        return self._slope(p, self._spread(w, p.shape[-1]) * u)

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """Σ_i (w u)_i q''_ijk v_j y_k, (..., J, K).

        With v and y without their means, m(v) = mean(q v) and a(v) = Σ w u v it is
        −(a(v) m(y) + m(v) a(y) + Σ w u q (mean(v y) − 3 m(v) m(y))) / s².
        """
        xp = namespace(p)
        centred, deviation = self._deviation(p)
        q, count = centred / deviation, float(p.shape[-1])
        weighted = self._spread(w, p.shape[-1]) * u
        level_v, level_y = v - self._mean(v), y - self._mean(y)
        v_mean, y_mean = self._mean(q[..., None, :] * level_v), self._mean(q[..., None, :] * level_y)
        v_sum, y_sum = (xp.sum(weighted[..., None, :] * part, axis=-1, keepdims=True) for part in (level_v, level_y))
        both = xp.matmul(level_v, xp.matrix_transpose(level_y)) / count
        crossed = v_sum * xp.matrix_transpose(y_mean) + v_mean * xp.matrix_transpose(y_sum)
        share = xp.sum(weighted * q, axis=-1)[..., None, None]
        bent = crossed + share * (both - 3.0 * (v_mean * xp.matrix_transpose(y_mean)))
        return -bent / (deviation * deviation)[..., None]
