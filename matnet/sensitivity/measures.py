"""Sensitivity measures: the distribution of dy/dx over samples in a few numbers, as NeuralSens defines them.

Over the N samples at which s = dy_i/dx_j is known:

    mean = Σ s / N        sd = sqrt(Σ (s − mean)² / (N − 1))        rms = sqrt(Σ s² / N)

and the alpha curve is (Σ |s|^α / N)^(1/α), which is the mean of |s| at α = 1, the rms at 2 and the largest |s| at ∞
(Pizarroso, Portela, Muñoz: NeuralSens, Journal of Statistical Software 102 (2022) 7; with Alfaya: Metric Tools for
Sensitivity Analysis with Applications to Neural Networks, arXiv 2305.02368).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matnet.functions.namespace import FloatArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

KEPT_ELEMENTS = 1 << 24
"""The most derivatives from which quantiles are taken, 128 MiB; beyond that a random part of the samples is used."""


@dataclass(frozen=True, eq=False)
class Measures:
    """The measures of each derivative, arrays (S, R), or (lags + 1, S, R) of a dynamic network.

    ``count`` is the number of samples at which the derivative is known (not NaN), of ``rows``. ``positive`` and
    ``negative`` are shares of `count`; ``sign_changes`` counts from one sample to the next, in their order, passing
    over zeros. ``quantiles`` (5, ...) are those of QUANTILES, from ``quantile_rows`` of the rows.
    """

    rows: int
    count: FloatArray
    mean: FloatArray
    sd: FloatArray
    rms: FloatArray
    smallest: FloatArray
    largest: FloatArray
    positive: FloatArray
    negative: FloatArray
    sign_changes: FloatArray
    quantiles: FloatArray
    quantile_rows: int


class Accumulator:
    """Measures of derivatives that come in chunks; the size of the chunks affects the result only by rounding.

    Quantiles need all values at once: up to KEPT_ELEMENTS they are kept, beyond that a uniformly random part of the
    samples (the same part every time).
    """

    def __init__(self, shape: tuple[int, ...], kept_elements: int | None = None) -> None:
        self._shape = shape
        self._rows = 0
        self._count, self._mean, self._deviation, self._squares = (np.zeros(shape) for _ in range(4))
        self._positive, self._negative, self._changes, self._last_sign = (np.zeros(shape) for _ in range(4))
        self._smallest, self._largest = np.full(shape, np.inf), np.full(shape, -np.inf)
        size = max(1, int(np.prod(shape)))
        self._capacity = max(1, (KEPT_ELEMENTS if kept_elements is None else kept_elements) // size)
        self._random = np.random.Generator(np.random.PCG64(1))
        self._parts: list[tuple[FloatArray, FloatArray]] = []
        self._below = np.inf

    def add(self, derivatives: FloatArray) -> None:
        """Derivatives (N, *shape) of the next N samples; NaN is left out."""
        if len(derivatives) == 0:
            return
        known = ~np.isnan(derivatives)
        values = np.where(known, derivatives, 0.0)
        with np.errstate(all="ignore"):
            self._add_moments(values, known)
        np.minimum(self._smallest, np.where(known, values, np.inf).min(axis=0), out=self._smallest)
        np.maximum(self._largest, np.where(known, values, -np.inf).max(axis=0), out=self._largest)
        self._add_signs(np.sign(values))
        self._keep(derivatives)
        self._rows += len(derivatives)

    def _add_moments(self, values: FloatArray, known: FloatArray) -> None:
        """Chan's update: stable where the mean is large beside the spread."""
        count = known.sum(axis=0).astype(float)
        total = self._count + count
        mean = values.sum(axis=0) / np.maximum(count, 1.0)
        step = mean - self._mean
        deviation = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
        weight = np.where(total > 0.0, count / np.maximum(total, 1.0), 0.0)
        self._deviation += deviation + step**2 * self._count * weight
        self._mean = self._mean + step * weight
        self._squares += (values**2).sum(axis=0)
        self._count = total

    def _add_signs(self, signs: FloatArray) -> None:
        self._positive += (signs > 0).sum(axis=0)
        self._negative += (signs < 0).sum(axis=0)
        followed = np.concatenate([self._last_sign[None], signs])
        # a zero takes the sign of the value before it, so that a change through zero counts once
        places = np.where(followed != 0.0, np.arange(len(followed)).reshape(-1, *[1] * len(self._shape)), 0)
        held = np.take_along_axis(followed, np.maximum.accumulate(places, axis=0), axis=0)
        self._changes += (held[1:] * held[:-1] < 0.0).sum(axis=0)
        self._last_sign = held[-1]

    def _keep(self, derivatives: FloatArray) -> None:
        """The samples with the smallest random keys: a uniform choice from all samples so far."""
        keys = self._random.random(len(derivatives))
        if np.isfinite(self._below):
            chosen = keys < self._below
            keys, derivatives = keys[chosen], derivatives[chosen]
        self._parts.append((keys, np.array(derivatives)))
        if sum(len(part) for part, _ in self._parts) > 2 * self._capacity:
            self._kept()

    def _kept(self) -> FloatArray:
        """The chosen samples in their order; the others are discarded."""
        keys = np.concatenate([np.zeros(0), *(part for part, _ in self._parts)])
        values = np.concatenate([np.zeros((0, *self._shape)), *(part for _, part in self._parts)])
        if len(keys) > self._capacity:
            chosen = np.sort(np.argpartition(keys, self._capacity - 1)[: self._capacity])
            keys, values = keys[chosen], values[chosen]
            self._below = float(keys.max())
        self._parts = [(keys, values)]
        return values

    def measures(self) -> Measures:
        """The measures so far; NaN where one is not defined, e.g. the sd of a single sample."""
        count = np.where(self._count > 0.0, self._count, np.nan)
        kept = self._kept()
        freedom = np.where(self._count > 1.0, self._count - 1.0, np.nan)
        with np.errstate(all="ignore"):
            return Measures(
                self._rows,
                self._count,
                np.where(self._count > 0.0, self._mean, np.nan),
                np.sqrt(self._deviation / freedom),
                np.sqrt(self._squares / count),
                np.where(self._count > 0.0, self._smallest, np.nan),
                np.where(self._count > 0.0, self._largest, np.nan),
                self._positive / count,
                self._negative / count,
                self._changes,
                quantiles(kept, QUANTILES),
                len(kept),
            )


def quantiles(values: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Quantiles (len(shares), ...) over the first axis, NaN left out; linear between order statistics."""
    ordered = np.sort(values, axis=0)  # NaN goes to the end
    count = (~np.isnan(values)).sum(axis=0)
    result = np.full((len(shares), *values.shape[1:]), np.nan)
    if len(values) == 0:
        return result
    for number, share in enumerate(shares):
        place = share * np.maximum(count - 1, 0)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        below, above = (np.take_along_axis(ordered, index[None], axis=0)[0] for index in (low, high))
        with np.errstate(invalid="ignore"):  # equal infinities
            between = np.where(above == below, below, below + (place - low) * (above - below))
        result[number] = np.where(count > 0, between, np.nan)
    return result


def measures(derivatives: FloatArray) -> Measures:
    """The measures of derivatives (N, ...)."""
    accumulator = Accumulator(derivatives.shape[1:], max(derivatives.size, 1))
    accumulator.add(np.asarray(derivatives, dtype=np.float64))
    return accumulator.measures()


def alpha_means(derivatives: FloatArray, alphas: Sequence[float]) -> FloatArray:
    """(len(alphas), ...): (Σ |s|^α / N)^(1/α) over the samples (N, ...), for ∞ the largest |s|; NaN is ignored."""
    sizes = np.abs(derivatives)
    known = ~np.isnan(sizes)
    count = known.sum(axis=0)
    largest = np.where(known, sizes, 0.0).max(axis=0, initial=0.0)
    means = []
    with np.errstate(all="ignore"):
        # divided by the largest, so that no power overflows
        shares = np.where(known & (largest > 0.0), sizes / largest, 0.0)
        for alpha in alphas:
            mean = (shares**alpha).sum(axis=0) / count if np.isfinite(alpha) else np.ones(largest.shape)
            means.append(np.where(count > 0, largest * mean ** (1.0 / alpha), np.nan))
    return np.stack(means)


def ranks(rms: FloatArray, widths: FloatArray) -> FloatArray:
    """(S, R) or (lags + 1, S, R): 1 for the input, of each output, whose rms times its width is largest.

    For an input whose width is not known only its rms counts.
    """
    strength = rms * np.where(np.isfinite(widths), widths, 1.0)
    strength = np.where(np.isnan(strength), -1.0, strength)
    by_output = strength.reshape(-1, *strength.shape[-2:]).swapaxes(0, 1).reshape(strength.shape[-2], -1)
    order = np.argsort(-by_output, axis=1, kind="stable")
    found = np.empty_like(by_output)
    np.put_along_axis(found, order, np.arange(1.0, by_output.shape[1] + 1.0)[None, :], axis=1)
    lagged = found.reshape(strength.shape[-2], -1, strength.shape[-1]).swapaxes(0, 1)
    return lagged.reshape(strength.shape)
