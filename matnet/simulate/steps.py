"""The steps of a Program: each computes one signal from others and has its derivatives from its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from matnet.functions.channels import spread_channels, summed_channels
from matnet.functions.namespace import Array, FloatArray, constant, namespace
from matnet.functions.net_input import NetInputFunction
from matnet.functions.processing import Map
from matnet.functions.transfer_rows import TransferFunction, flat, weighted_products
from matnet.functions.weight import WeightFunction

Directions: TypeAlias = Array | None
"""Tangents (..., K, size) or cotangents (..., K, size) of a signal; None if they are 0 for any values."""

ParameterKey: TypeAlias = tuple[Literal["b", "IW", "LW"], int, int]
"""A weight or bias by its kind, its layer and its source (−1 for a bias), counted from 0."""


@dataclass(frozen=True, eq=False)
class Step:
    """One signal computed from others: its value and its derivatives.

    ``target`` is the number of the signal, ``sources`` are those that it is computed from, and ``curved`` is true if it
    depends on them nonlinearly. In the methods, ``p`` are the values of the sources, ``a`` is the value of the target.
    """

    target: int
    sources: tuple[int, ...]
    curved: bool = field(default=False, init=False)

    def value(self, p: Sequence[Array]) -> Array:
        """The target's value, (..., size)."""
        raise NotImplementedError

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The target's tangents (..., K, size) from those of the sources, at least one of which is not None."""
        raise NotImplementedError

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The cotangents of each source from those of the target."""
        raise NotImplementedError

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """Σ_i u_i times the second derivative of target i along v_j and w_k, (..., J, K); only where ``curved``."""
        raise NotImplementedError

    def curvature_weights(self, p: Sequence[Array], a: Array, u: Array) -> Array | None:
        """d (..., K, size) with the curvature Σ_i d_i v_ji w_ki along v_j and w_k; None if there is no such d."""
        return None

    def unknown(self, p: Sequence[Array]) -> Array | None:
        """(..., 1), 0 or NaN, if the curvature is 0 unless a source is NaN; None if it may be another number."""
        return None

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀ times the derivative with respect to the step's parameters, (..., K, number), in column-major order."""
        return {}

    def parameter_tangents(self, p: Sequence[Array], a: Array, d: FloatArray) -> Array:
        """The target's tangents (..., K, size) along K changes of the step's weight or bias, (K, *its shape)."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class ProcessingStep(Step):
    """A processing function, or its reverse."""

    map: Map

    def value(self, p: Sequence[Array]) -> Array:
        """The map's value."""
        return self.map.value(p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The map's tangent."""
        return self.map.tangent(p[0], v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The map's cotangent."""
        return [self.map.cotangent(p[0], u)]


@dataclass(frozen=True, eq=False)
class ConcatStep(Step):
    """Signals concatenated: the taps of a weight."""

    sizes: tuple[int, ...]

    def value(self, p: Sequence[Array]) -> Array:
        """All sources, one after the other."""
        return side_by_side(p)

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """Their tangents, 0 for a source that does not vary."""
        known = next(direction for direction in v if direction is not None)
        return side_by_side(
            [
                constant(known, np.zeros((1, size))) if direction is None else direction
                for direction, size in zip(v, self.sizes, strict=True)
            ]
        )

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The pieces of u."""
        pieces, start = [], 0
        for size in self.sizes:
            pieces.append(u[..., start : start + size])
            start += size
        return pieces


@dataclass(frozen=True, eq=False)
class WeightStep(Step):
    """A weight function: z = f(w, p)."""

    row: WeightFunction
    w: Array
    key: ParameterKey

    def __post_init__(self) -> None:
        object.__setattr__(self, "curved", not (self.row.linear or self.row.piecewise_linear))

    def value(self, p: Sequence[Array]) -> Array:
        """z."""
        return self.row.value(constant(p[0], self.w), p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """dz/dp·v."""
        return self.row.tangent(constant(p[0], self.w), p[0], a, v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀdz/dp."""
        return [self.row.cotangent(constant(p[0], self.w), p[0], a, u)]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀz''(v, w)."""
        return self.row.curvature(constant(p[0], self.w), p[0], a, u, v[0], w[0])

    def unknown(self, p: Sequence[Array]) -> Array | None:
        """0, NaN if an element of p is: a piecewise linear function."""
        return _unknown(p[0]) if self.row.piecewise_linear else None

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀdz/dw."""
        if not self.w.shape[0]:
            return {}
        by_element = self.row.weight_cotangent(constant(p[0], self.w), p[0], a, u)
        count = by_element.shape[-2] * by_element.shape[-1]
        return {self.key: namespace(u).reshape(by_element, (*by_element.shape[:-2], count))}

    def parameter_tangents(self, p: Sequence[Array], a: Array, d: FloatArray) -> Array:
        """dz/dw·d."""
        return self.row.weight_tangent(constant(p[0], self.w), p[0], a, constant(p[0], d))


@dataclass(frozen=True, eq=False)
class SquareStep(Step):
    """The square of a weighted input."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "curved", True)

    def value(self, p: Sequence[Array]) -> Array:
        """z²."""
        return p[0] * p[0]

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """2 z v."""
        return 2.0 * p[0][..., None, :] * v[0]

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """2 z u."""
        return [2.0 * p[0][..., None, :] * u]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """Σ_i 2 u_i v_ji w_ki."""
        return weighted_products(2.0 * u, v[0], w[0])

    def curvature_weights(self, p: Sequence[Array], a: Array, u: Array) -> Array | None:
        """2 u."""
        return 2.0 * u


@dataclass(frozen=True, eq=False)
class NetInputStep(Step):
    """A net input function over the bias and the weighted inputs.

    ``squared``: the sources are squares and the result is n², so the bias enters as b². ``scale`` (S,) is the factor
    by which a source was multiplied before it was squared, so that neither that square nor b² leaves the range of
    doubles: the bias enters as (b/scale)².
    """

    row: NetInputFunction
    bias: Array | None
    key: ParameterKey
    squared: bool = False
    scale: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "curved", not self.row.linear and len(self.sources) > 1)

    def _terms(self, p: Sequence[Array]) -> list[Array]:
        if self.bias is None:
            return list(p)
        b = self._scaled(spread_channels(constant(p[0], self.bias), p[0].shape[-1]))
        return [b * b if self.squared else b, *p]

    def _scaled(self, b: Array) -> Array:
        return b if self.scale is None else b / constant(b, self.scale)

    def _directions(self, v: Sequence[Directions]) -> list[Directions]:
        return list(v) if self.bias is None else [None, *v]

    def value(self, p: Sequence[Array]) -> Array:
        """n, or n² where squared."""
        return self.row.value(self._terms(p))

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """Σ dn/dz v."""
        return self.row.tangent(self._terms(p), self._directions(v))

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀdn/dz for each source."""
        first = 0 if self.bias is None else 1
        terms = self._terms(p)
        return [self.row.cotangent(terms, u, first + k) for k in range(len(p))]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀn''(v, w)."""
        return self.row.curvature(self._terms(p), u, self._directions(v), self._directions(w))

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀdn/db."""
        if self.bias is None:
            return {}
        by_bias = self.row.cotangent(self._terms(p), u, 0)
        if not self.squared:
            return {self.key: summed_channels(by_bias, self.bias.shape[0])}
        return {self.key: self._scaled(2.0 * self._scaled(constant(p[0], self.bias)) * by_bias)}

    def parameter_tangents(self, p: Sequence[Array], a: Array, d: FloatArray) -> Array:
        """dn/db·d."""
        along = spread_channels(constant(p[0], d), p[0].shape[-1])
        return self.row.tangent(self._terms(p), [along, *(None for _ in p)])


@dataclass(frozen=True, eq=False)
class BiasStep(Step):
    """The net input of a layer without weights: its bias. The source only determines the array library."""

    bias: Array
    key: ParameterKey

    def value(self, p: Sequence[Array]) -> Array:
        """b, (S,): it is broadcast to the batch where it is used."""
        return constant(p[0], self.bias)

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """0."""
        return None

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """0."""
        return [None]

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """u."""
        return {self.key: u}

    def parameter_tangents(self, p: Sequence[Array], a: Array, d: FloatArray) -> Array:
        """d."""
        return constant(p[0], d)


@dataclass(frozen=True, eq=False)
class TransferStep(Step):
    """A transfer function: a = f(n)."""

    row: TransferFunction

    def __post_init__(self) -> None:
        object.__setattr__(self, "curved", not self.row.linear)

    def value(self, p: Sequence[Array]) -> Array:
        """a."""
        return self.row.value(p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """a'·v."""
        return self.row.tangent(p[0], a, v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀa'."""
        return [self.row.cotangent(p[0], a, u)]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀa''(v, w)."""
        return self.row.curvature(p[0], a, u, v[0], w[0])

    def curvature_weights(self, p: Sequence[Array], a: Array, u: Array) -> Array | None:
        """u a'' if a_i depends on n_i alone."""
        return self.row.curvature_weights(p[0], a, u)

    def unknown(self, p: Sequence[Array]) -> Array | None:
        """0, NaN if an n is: a piecewise linear function."""
        return _unknown(p[0]) if self.row.piecewise_linear else None


def _unknown(p: Array) -> Array:
    """(..., 1), NaN if an element of p (..., size) is, else 0."""
    return namespace(p).sum(flat(p), axis=-1, keepdims=True)


def side_by_side(parts: Sequence[Array]) -> Array:
    """Arrays joined on the last axis, their other axes broadcast: one without a batch is a constant."""
    if len(parts) == 1:
        return parts[0]
    xp = namespace(parts[0])
    lead = broadcast_shape([part.shape[:-1] for part in parts])
    return xp.concat([xp.broadcast_to(part, (*lead, part.shape[-1])) for part in parts], axis=-1)


def broadcast_shape(shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
    """The shape that `shapes` broadcast to; None is the batch axis of a tape, whose length is unknown."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*padded, strict=True))
