"""The two passes: tangents forward, cotangents backward, over the steps of a Program whose values are known.

Each direction belongs to an element of a signal: of the outputs in a backward pass, of the inputs in a forward one. If
no path connects a signal to that element, the derivative is exactly 0 for any values. Arithmetic alone does not give
this if a value on some other path is NaN or infinite, because 0 · NaN is NaN: NaN would leak from one output to the
others. Therefore ``MaskedDirections`` records which directions reach a signal at all, and where several paths meet, the
directions that do not reach it are set to 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import Array, FloatArray, constant, namespace
from matnet.simulate import Program, Step, broadcast_shape

Reach = NDArray[np.bool_]
"""(K,): for each direction, whether any path carries it to a signal."""


class MaskedDirections(NamedTuple):
    """The directions of a signal, (..., K, size), and which of them reach it; the others are 0, or NaN from 0 · NaN."""

    directions: Array
    reach: Reach

    @property
    def exact(self) -> Array:
        """The directions, with 0 for those that do not reach the signal."""
        return reaching(self.directions, self.reach[:, None])


def reaching(x: Array, reach: Reach) -> Array:
    """x with 0 where `reach`, which is broadcast to x, is False."""
    if reach.all():
        return x
    return namespace(x).where(constant(x, reach.astype(np.float64)) == 1.0, x, 0.0)


def tangents(
    program: Program, values: Sequence[Array], seeds: Mapping[int, MaskedDirections]
) -> list[MaskedDirections | None]:
    """The tangents of every signal from those of the seeded ones; None if they are 0."""
    found: list[MaskedDirections | None] = [None] * program.signals
    for signal, seed in seeds.items():
        found[signal] = seed
    for step in program.steps:
        if step.target in seeds:
            continue
        sources = [found[source] for source in step.sources]
        for several in _alike(sources):
            directions = [None if source is None else source.directions for source in several]
            tangent = step.tangent(*step_values(step, values), directions)
            if tangent is not None:
                reach = next(source.reach for source in several if source is not None)
                found[step.target] = _added(found[step.target], MaskedDirections(tangent, reach))
    return found


def _alike(sources: Sequence[MaskedDirections | None]) -> list[list[MaskedDirections | None]]:
    """All sources at once if the same directions reach them, else one by one, as a tangent is linear in them."""
    known = [source for source in sources if source is not None]
    if all(np.array_equal(source.reach, known[0].reach) for source in known):
        return [list(sources)] if known else []
    return [[source if source is one else None for source in sources] for one in known]


def cotangents(
    program: Program, values: Sequence[Array], seeds: Mapping[int, MaskedDirections]
) -> list[MaskedDirections | None]:
    """The cotangents of every signal from those of the seeded ones; None if they are 0."""
    directions: list[MaskedDirections | None] = [None] * program.signals
    for signal, seed in seeds.items():
        directions[signal] = seed
    for step in reversed(program.steps):
        adjoint = directions[step.target]
        if adjoint is None:
            continue
        shares = step.cotangent(*step_values(step, values), adjoint.directions)
        for source, share in zip(step.sources, shares, strict=True):
            if share is not None:
                directions[source] = _added(directions[source], MaskedDirections(share, adjoint.reach))
    return directions


def joined(carried: MaskedDirections, reach: Reach) -> Array:
    """The directions before they are added to others; `reach` are those that reach the signal by any path."""
    return carried.directions if np.array_equal(carried.reach, reach) else carried.exact


def _added(one: MaskedDirections | None, other: MaskedDirections) -> MaskedDirections:
    if one is None:
        return other
    reach: Reach = np.asarray(one.reach | other.reach)
    return MaskedDirections(joined(one, reach) + joined(other, reach), reach)


def step_values(step: Step, values: Sequence[Array]) -> tuple[list[Array], Array]:
    """The values that a step's derivatives need: its sources' and its own."""
    return [values[source] for source in step.sources], values[step.target]


def identity_seeds(program: Program, signals: Sequence[int], like: Array) -> dict[int, MaskedDirections]:
    """For each signal, the directions that vary the concatenated signals one element at a time.

    Seed i is (K, size_i), K the number of elements of all `signals`: the columns of the identity that belong to the
    signal. For cotangents a signal may occur twice (an output without processing is its layer): one seed serves both.
    """
    total = sum(program.sizes[signal] for signal in signals)
    columns = np.eye(total)
    seeds: dict[int, FloatArray] = {}
    start = 0
    for signal in signals:
        own = columns[:, start : start + program.sizes[signal]]
        seeds[signal] = seeds.get(signal, 0.0) + own
        start += program.sizes[signal]
    return {
        signal: MaskedDirections(constant(like, seed), (seed != 0.0).any(axis=-1)) for signal, seed in seeds.items()
    }


def gathered(parts: Sequence[MaskedDirections | None], sizes: Sequence[int], count: int, x: Array) -> Array:
    """The directions of several signals, (..., count, Σ sizes), with the batch of x; None becomes 0."""
    known = [
        constant(x, np.zeros((1, size))) if part is None else part.exact
        for part, size in zip(parts, sizes, strict=True)
    ]
    lead = (*x.shape[:-1], count)
    xp = namespace(x)
    if not known:
        return xp.broadcast_to(constant(x, np.zeros(0)), (*lead, 0))
    full = [xp.broadcast_to(part, (*broadcast_shape([lead, part.shape[:-1]]), part.shape[-1])) for part in known]
    return full[0] if len(full) == 1 else xp.concat(full, axis=-1)
