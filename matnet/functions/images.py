"""Connections between images: convolution and pooling, each a gather with a constant table of positions.

An image (H, W, C) is H·W·C elements in MATLAB's column-major order: height fastest, channels slowest. A window has a
fixed number of places; the table has for each window and place the element of the image, −1 for the padding around it.
Tables take far more memory than the sizes that they follow from, so they are made when something is first computed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matnet.functions.connection_rows import FixedConnection, gathered_back, taken, takers_of
from matnet.functions.namespace import Array, constant, namespace
from matnet.functions.transfer_rows import first_largest
from matnet.functions.weight import WeightFunction, no_curvature

Sizes = tuple[int, ...]


def output_sizes(image: Sizes, window: Sizes, stride: Sizes, dilation: Sizes, padding: Sizes) -> tuple[int, int]:
    """The height and width of the output; padding is (top, bottom, left, right)."""
    rows, columns = (
        (image[k] + padding[2 * k] + padding[2 * k + 1] - (window[k] - 1) * dilation[k] - 1) // stride[k] + 1
        for k in (0, 1)
    )
    return rows, columns


def same_padding(image: Sizes, window: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """The padding with which the output has ceil(size / stride) places; the larger half comes after the image."""
    padding: list[int] = []
    for k in (0, 1):
        places = -(-image[k] // stride[k])
        total = max((places - 1) * stride[k] + (window[k] - 1) * dilation[k] + 1 - image[k], 0)
        padding.extend((total // 2, total - total // 2))
    return tuple(padding)


@dataclass(frozen=True)
class Windows:
    """The windows that move over an image (H, W, C), as their sizes; padding is (top, bottom, left, right)."""

    image: Sizes
    window: Sizes
    stride: Sizes
    dilation: Sizes
    padding: Sizes

    @property
    def elements(self) -> int:
        """Those of the image."""
        return math.prod(self.image)

    @property
    def shape(self) -> tuple[int, int]:
        """How many windows there are, down and across."""
        return output_sizes(self.image, self.window, self.stride, self.dilation, self.padding)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return math.prod(self.shape)

    @property
    def most_numbers(self) -> int:
        """The most numbers of a table for all channels, or of its `takers_of`."""
        sides = zip(self.window, self.stride, self.dilation, self.shape, strict=True)
        # two places of a window that see one element are stride / gcd places apart
        often = math.prod(
            min(-(-size // (stride // math.gcd(stride, dilation))), count) for size, stride, dilation, count in sides
        )
        return max(self.count * math.prod(self.window) * self.image[2], self.elements * often)

    def table(self, channels: Sequence[int]) -> NDArray[np.intp]:
        """(windows, places): the elements of each window, its channels one after the other; column-major throughout."""
        (rows, columns), image, window, padding = self.shape, self.image, self.window, self.padding
        down = np.arange(rows)[:, None] * self.stride[0] - padding[0] + np.arange(window[0]) * self.dilation[0]
        across = np.arange(columns)[:, None] * self.stride[1] - padding[2] + np.arange(window[1]) * self.dilation[1]
        inside_down, inside_across = (down >= 0) & (down < image[0]), (across >= 0) & (across < image[1])
        # axes: channel, across and down within the window, across and down among the windows
        positions = (
            np.asarray(channels)[:, None, None, None, None] * (image[0] * image[1])
            + across.T[None, :, None, :, None] * image[0]
            + down.T[None, None, :, None, :]
        )
        inside = inside_across.T[None, :, None, :, None] & inside_down.T[None, None, :, None, :]
        table = np.where(np.broadcast_to(inside, positions.shape), positions, -1)
        return np.ascontiguousarray(table.reshape(-1, rows * columns).T.astype(np.intp))


@dataclass(frozen=True, eq=False)
class Convolution(WeightFunction):
    """z = Σ w p over each window, for each filter: w (h·w·C/g, F) are the filters column by column.

    The channels are in g groups, whose windows are alike; ``tables`` has one for each group, ``takers`` is for all.
    """

    over: Windows
    filters: int
    groups: int

    @cached_property
    def tables(self) -> tuple[NDArray[np.intp], ...]:
        """The elements of each window, (windows, places)."""
        each = self.over.image[2] // self.groups
        return tuple(self.over.table(range(group * each, (group + 1) * each)) for group in range(self.groups))

    @cached_property
    def takers(self) -> NDArray[np.intp]:
        """For each element of a group's channels the places that see it, (elements / g, m)."""
        return takers_of(self.tables[0].reshape(-1), self.over.elements // self.groups)

    @property
    def table_numbers(self) -> int:
        """Those of tables and takers."""
        return 2 * self.over.most_numbers

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(h·w·C/g, F), and only for the image and the output that the windows are for."""
        if elements != self.over.elements or neurons != self.over.count * self.filters:
            return None
        return math.prod(self.over.window) * (self.over.image[2] // self.groups), self.filters

    def parameter_shape(self, rows: int, columns: int) -> tuple[int, ...]:
        """(h, w, C/g, F), or (h, w, C/g, F/g, g)."""
        window = self.over.window
        channels = rows // math.prod(window)
        if self.groups == 1:
            return (*window, channels, columns)
        return (*window, channels, columns // self.groups, self.groups)

    def channel_entries(self, rows: int, columns: int) -> NDArray[np.intp]:
        """The filter of each channel."""
        return np.arange(rows * columns).reshape(columns, rows)

    def _patches(self, p: Array, group: int) -> Array:
        """The elements of each window, (..., windows, places)."""
        table = self.tables[group]
        return namespace(p).reshape(taken(p, table.reshape(-1)), (*p.shape[:-1], *table.shape))

    def _columns(self, group: int) -> slice:
        each = self.filters // self.groups
        return slice(group * each, (group + 1) * each)

    def _filtered(self, w: Array, p: Array) -> Array:
        """Σ w p: w (..., places, F), p (..., R) -> (..., windows·F)."""
        xp, turned = namespace(p), namespace(p).matrix_transpose
        parts = []
        for group in range(self.groups):
            part = xp.matmul(turned(w[..., self._columns(group)]), turned(self._patches(p, group)))
            parts.append(xp.reshape(part, (*part.shape[:-2], part.shape[-2] * part.shape[-1])))
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1)

    def _by_filter(self, u: Array) -> Array:
        """(..., S) as (..., F, windows)."""
        return namespace(u).reshape(u, (*u.shape[:-1], self.filters, self.over.count))

    def value(self, w: Array, p: Array) -> Array:
        """Σ w p over each window."""
        return self._filtered(w, p)

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """Σ w v over each window."""
        return self._filtered(w, v)

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Σ w u over the windows that see each element."""
        xp, by_filter = namespace(u), self._by_filter(u)
        parts = []
        for group in range(self.groups):
            columns = self._columns(group)
            own = xp.matrix_transpose(by_filter[..., columns, :])
            back = xp.matmul(own, xp.matrix_transpose(w[..., columns]))
            parts.append(gathered_back(xp.reshape(back, (*u.shape[:-1], back.shape[-2] * back.shape[-1])), self.takers))
        return parts[0] if len(parts) == 1 else xp.concat(parts, axis=-1)

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """Σ dw p over each window, (..., K, S)."""
        return self._filtered(dw, p[..., None, :])

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Σ u p over the windows, (..., K, F, places)."""
        xp, by_filter = namespace(u), self._by_filter(u)
        parts = [
            xp.matmul(by_filter[..., self._columns(group), :], self._patches(p[..., None, :], group))
            for group in range(self.groups)
        ]
        # the filters are the last axis but one, and concat is for the last
        turned = [xp.matrix_transpose(part) for part in parts]
        return parts[0] if len(parts) == 1 else xp.matrix_transpose(xp.concat(turned, axis=-1))


@dataclass(frozen=True, eq=False)
class Pooling(FixedConnection):
    """A connection that reduces each window to one number, channel by channel."""

    over: Windows

    @cached_property
    def table(self) -> NDArray[np.intp]:
        """The elements of each window, (S, places), channel by channel."""
        return self._in_order(np.concatenate([self.over.table([channel]) for channel in range(self.over.image[2])]))

    def _in_order(self, table: NDArray[np.intp]) -> NDArray[np.intp]:
        """The places of each window in the order in which they are gone through."""
        return table

    @cached_property
    def takers(self) -> NDArray[np.intp]:
        """For each element of the image the places that see it, (elements, m)."""
        return takers_of(self.table.reshape(-1), self.over.elements)

    @property
    def table_numbers(self) -> int:
        """Those of the table and of takers."""
        return 2 * self.over.most_numbers

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(0, 0), and only for the sizes that the windows are for."""
        sizes = self.over.count * self.over.image[2], self.over.elements
        return (0, 0) if (neurons, elements) == sizes else None

    def keeps_channels(self, channels: int) -> bool:
        """Each window lies within one channel of the image."""
        return channels == self.over.image[2]

    def _patches(self, p: Array, fill: float) -> Array:
        """The elements of each window, (..., S, places), with `fill` for the padding."""
        xp, flat = namespace(p), self.table.reshape(-1)
        patches = xp.reshape(taken(p, flat), (*p.shape[:-1], *self.table.shape))
        if fill == 0.0 or (flat >= 0).all():
            return patches
        return xp.where(constant(p, (self.table < 0).astype(np.float64)) == 1.0, fill, patches)

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)


class MaxPooling(Pooling):
    """z = the largest element of each window; of equal ones the first counts, and padding never does.

    The slope is NaN where z is.
    """

    def _in_order(self, table: NDArray[np.intp]) -> NDArray[np.intp]:
        """The padding last, so that a largest element of -Inf is found before it."""
        return np.take_along_axis(table, np.argsort(table < 0, axis=1, kind="stable"), axis=1)

    def value(self, w: Array, p: Array) -> Array:
        """The largest, NaN where an element of the window is."""
        return namespace(p).max(self._patches(p, -np.inf), axis=-1)

    def _first(self, p: Array) -> Array:
        """1.0 at the first largest place of each window, (..., 1, S, places)."""
        return first_largest(self._patches(p, -np.inf))[..., None, :, :]

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """v at the largest."""
        xp = namespace(v)
        chosen = xp.sum(xp.where(self._first(p) == 1.0, self._patches(v, 0.0), 0.0), axis=-1)
        return xp.where((z == z)[..., None, :], chosen, np.nan)

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """u for the largest of each window."""
        xp = namespace(u)
        # u may lack the batch of p
        spread = xp.where(self._first(p) == 1.0, u[..., None], 0.0)
        spread = xp.where((z == z)[..., None, :, None], spread, np.nan)
        return gathered_back(xp.reshape(spread, (*spread.shape[:-2], self.table.size)), self.takers)


@dataclass(frozen=True, eq=False)
class AveragePooling(Pooling):
    """z = the sum over each window divided by its number of places, with or without those in the padding."""

    padding_counts: bool

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """The numbers of places, (S,)."""
        if self.padding_counts:
            return np.full(len(self.table), float(self.table.shape[1]))
        counts: NDArray[np.float64] = (self.table >= 0).sum(axis=1).astype(np.float64)
        return counts

    def value(self, w: Array, p: Array) -> Array:
        """Σ p / count."""
        return namespace(p).sum(self._patches(p, 0.0), axis=-1) / constant(p, self.counts)

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """Σ v / count."""
        return self.value(w, v)

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Σ u / count over the windows that see each element."""
        xp = namespace(u)
        shares = (u / constant(u, self.counts))[..., None]
        spread = xp.broadcast_to(shares, (*u.shape, self.table.shape[1]))
        return gathered_back(xp.reshape(spread, (*u.shape[:-1], self.table.size)), self.takers)
