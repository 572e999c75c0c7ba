"""The maps that processing functions consist of, each with its value, tangent and cotangent (see processing.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import Array, FloatArray, constant, indices, namespace


class Identity:
    """x, unchanged."""

    def value(self, x: Array) -> Array:
        """x."""
        return x

    def tangent(self, x: Array, v: Array) -> Array:
        """v."""
        return v

    def cotangent(self, x: Array, u: Array) -> Array:
        """u."""
        return u


@dataclass(frozen=True, eq=False)
class Scale:
    """(x − offset)·gain + base per row; the subtraction comes first, so that no digit of x is lost."""

    offset: FloatArray
    gain: FloatArray
    base: FloatArray

    def value(self, x: Array) -> Array:
        """(x − offset)·gain + base."""
        return (x - constant(x, self.offset)) * constant(x, self.gain) + constant(x, self.base)

    def tangent(self, x: Array, v: Array) -> Array:
        """gain·v."""
        return v * constant(v, self.gain)

    def cotangent(self, x: Array, u: Array) -> Array:
        """gain·u."""
        return u * constant(u, self.gain)


@dataclass(frozen=True, eq=False)
class Unscale:
    """(y − base)/gain + offset per row: the reverse of Scale."""

    offset: FloatArray
    gain: FloatArray
    base: FloatArray

    def value(self, x: Array) -> Array:
        """(y − base)/gain + offset."""
        return (x - constant(x, self.base)) / constant(x, self.gain) + constant(x, self.offset)

    def tangent(self, x: Array, v: Array) -> Array:
        """v/gain."""
        return v / constant(v, self.gain)

    def cotangent(self, x: Array, u: Array) -> Array:
        """u/gain."""
        return u / constant(u, self.gain)


@dataclass(frozen=True, eq=False)
class Shift:
    """x − offset per row."""

    offset: FloatArray

    def value(self, x: Array) -> Array:
        """x − offset."""
        return x - constant(x, self.offset)

    def tangent(self, x: Array, v: Array) -> Array:
        """v."""
        return v

    def cotangent(self, x: Array, u: Array) -> Array:
        """u."""
        return u


@dataclass(frozen=True, eq=False)
class Select:
    """The rows that are kept, in order."""

    keep: NDArray[np.intp]
    rows: int

    def value(self, x: Array) -> Array:
        """x(keep)."""
        return namespace(x).take(x, indices(x, self.keep), axis=-1)

    def tangent(self, x: Array, v: Array) -> Array:
        """v(keep)."""
        return self.value(v)

    def cotangent(self, x: Array, u: Array) -> Array:
        """u at keep, 0 at the rows removed."""
        return _spread(u, self.keep, np.zeros(self.rows))


@dataclass(frozen=True, eq=False)
class Restore:
    """The kept rows put back among the removed ones, which are constants (NaN for removerows)."""

    keep: NDArray[np.intp]
    fill: FloatArray

    def value(self, x: Array) -> Array:
        """keep ← x, removed ← their constants."""
        return _spread(x, self.keep, self.fill)

    def tangent(self, x: Array, v: Array) -> Array:
        """v at keep; 0 at a removed row, NaN where its value is unknown."""
        return _spread(v, self.keep, self._slope())

    def cotangent(self, x: Array, u: Array) -> Array:
        """u(keep); all NaN for a u that is nonzero at a row whose value is unknown."""
        xp = namespace(u)
        kept = xp.take(u, indices(u, self.keep), axis=-1)
        unknown = np.flatnonzero(np.isnan(self.fill))
        if not len(unknown):
            return kept
        looks = xp.take(u, indices(u, unknown), axis=-1)
        return kept + xp.sum(xp.where(looks == 0.0, looks, np.nan), axis=-1, keepdims=True)

    def _slope(self) -> FloatArray:
        return np.where(np.isnan(self.fill), np.nan, 0.0)


@dataclass(frozen=True, eq=False)
class Multiply:
    """A matrix times x, without centring."""

    matrix: FloatArray

    def value(self, x: Array) -> Array:
        """x matrixᵀ."""
        xp = namespace(x)
        return xp.matmul(x, xp.matrix_transpose(constant(x, self.matrix)))

    def tangent(self, x: Array, v: Array) -> Array:
        """v matrixᵀ."""
        return self.value(v)

    def cotangent(self, x: Array, u: Array) -> Array:
        """u matrix."""
        return namespace(u).matmul(u, constant(u, self.matrix))


@dataclass(frozen=True, eq=False)
class FlagUnknowns:
    """Each row that may be NaN becomes two: its value, NaN replaced by the row's mean, and a flag, 1 if it is known.

    ``source`` is the raw row of each processed row; ``flag`` is 1 where the processed row is the flag of that raw row.
    """

    source: NDArray[np.intp]
    flag: FloatArray
    may_be_unknown: FloatArray
    means: FloatArray
    rows: int

    def value(self, x: Array) -> Array:
        """Values and flags, (..., R_out)."""
        xp = namespace(x)
        raw = xp.take(x, indices(x, self.source), axis=-1)
        flag, optional = constant(x, self.flag), constant(x, self.may_be_unknown)
        known = raw == raw
        filled = xp.where(known | (optional == 0.0), raw, constant(x, self.means))
        return xp.where(flag == 0.0, filled, xp.where(known, 1.0, xp.zeros_like(raw)))

    def tangent(self, x: Array, v: Array) -> Array:
        """v at value rows whose x is known; 0 at flag rows and where x is unknown."""
        xp = namespace(v)
        spread = xp.take(v, indices(v, self.source), axis=-1)
        return spread * self._slope(x)[..., None, :]

    def cotangent(self, x: Array, u: Array) -> Array:
        """The value rows' u where x is known, else 0."""
        values = np.flatnonzero(self.flag == 0.0)
        sloped = u * self._slope(x)[..., None, :]
        ordered = np.asarray([int(values[self.source[values] == row][0]) for row in range(self.rows)])
        return namespace(u).take(sloped, indices(u, ordered), axis=-1)

    def _slope(self, x: Array) -> Array:
        xp = namespace(x)
        raw = xp.take(x, indices(x, self.source), axis=-1)
        passes = (constant(x, self.flag) == 0.0) & ((raw == raw) | (constant(x, self.may_be_unknown) == 0.0))
        return xp.where(passes, xp.ones_like(raw), 0.0)


@dataclass(frozen=True, eq=False)
class RestoreUnknowns:
    """The value rows in their original order, NaN where the flag is 0 and the value thus unknown.

    ``value_row`` and ``flag_row`` are the processed rows of each raw row; a row without a flag has flag_row −1.
    """

    value_row: NDArray[np.intp]
    flag_row: NDArray[np.intp]
    rows: int

    def value(self, x: Array) -> Array:
        """(..., R_out)."""
        xp = namespace(x)
        values = xp.take(x, indices(x, self.value_row), axis=-1)
        return xp.where(self._unknown(x), np.nan, values)

    def tangent(self, x: Array, v: Array) -> Array:
        """v of the value rows, NaN where the value is unknown."""
        xp = namespace(v)
        values = xp.take(v, indices(v, self.value_row), axis=-1)
        return xp.where(self._unknown(x)[..., None, :], np.nan, values)

    def cotangent(self, x: Array, u: Array) -> Array:
        """u at the value rows; all NaN for a u that is nonzero at an unknown value."""
        xp = namespace(u)
        unknown = self._unknown(x)[..., None, :]
        looks = xp.sum(xp.where(unknown & (u != 0.0), np.nan, xp.zeros_like(u)), axis=-1, keepdims=True)
        return _spread(u, self.value_row, np.zeros(self.rows)) + looks

    def _unknown(self, x: Array) -> Array:
        xp = namespace(x)
        flags = xp.take(x, indices(x, np.maximum(self.flag_row, 0)), axis=-1)
        return (flags == 0.0) & (constant(x, (self.flag_row >= 0).astype(float)) == 1.0)


def _spread(x: Array, places: NDArray[np.intp], fill: FloatArray) -> Array:
    """An array with x at `places` of its last axis and the constants `fill` elsewhere: one concat, one take."""
    xp = namespace(x)
    rest = np.setdiff1d(np.arange(len(fill)), places)
    if not len(rest):
        joined = x
    else:
        constants = xp.broadcast_to(constant(x, fill[rest]), (*x.shape[:-1], len(rest)))
        joined = xp.concat([x, constants], axis=-1)
    order = np.empty(len(fill), dtype=np.intp)
    order[np.concatenate([places, rest]).astype(np.intp)] = np.arange(len(fill))
    return xp.take(joined, indices(x, order), axis=-1)
