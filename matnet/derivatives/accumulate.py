"""The two walks: tangents forward, cotangents backward, over the steps of a Program whose values are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from matnet.functions.namespace import Array, FloatArray, constant, namespace
from matnet.simulate import Directions, Program, Step, broadcast_shape


def tangents(program: Program, values: Sequence[Array], seeds: Mapping[int, Array]) -> list[Directions]:
    """The tangents of every signal, (..., K, size), from those of the seeded ones; None where they are 0."""
    found: list[Directions] = [None] * program.signals
    for signal, seed in seeds.items():
        found[signal] = seed
    for step in program.steps:
        directions = [found[source] for source in step.sources]
        if step.target in seeds or all(direction is None for direction in directions):
            continue
        found[step.target] = step.tangent([values[source] for source in step.sources], values[step.target], directions)
    return found


def cotangents(program: Program, values: Sequence[Array], seeds: Mapping[int, Array]) -> list[Directions]:
    """The cotangents of every signal, (..., K, size), from those of the seeded ones; None where they are 0."""
    found: list[Directions] = [None] * program.signals
    for signal, seed in seeds.items():
        found[signal] = seed
    for step in reversed(program.steps):
        adjoint = found[step.target]
        if adjoint is None:
            continue
        shares = step.cotangent([values[source] for source in step.sources], values[step.target], adjoint)
        for source, share in zip(step.sources, shares, strict=True):
            known = found[source]
            found[source] = share if known is None else known if share is None else known + share
    return found


def step_values(step: Step, values: Sequence[Array]) -> tuple[list[Array], Array]:
    """The values that a step's derivatives ask for: its sources' and its own."""
    return [values[source] for source in step.sources], values[step.target]


def identity_seeds(program: Program, signals: Sequence[int], like: Array) -> dict[int, Array]:
    """For each signal the directions that make the signals, side by side, vary one element at a time.

    Seed i is (K, size_i), K the elements of all `signals` together: the columns of the identity that are its own. For
    cotangents a signal may be named twice (an output without processing is its layer): its seed then serves both.
    """
    total = sum(program.sizes[signal] for signal in signals)
    columns = np.eye(total)
    seeds: dict[int, FloatArray] = {}
    start = 0
    for signal in signals:
        own = columns[:, start : start + program.sizes[signal]]
        seeds[signal] = seeds.get(signal, 0.0) + own
        start += program.sizes[signal]
    return {signal: constant(like, seed) for signal, seed in seeds.items()}


def gathered(parts: Sequence[Directions], sizes: Sequence[int], count: int, x: Array) -> Array:
    """Directions of several signals side by side, (..., count, Σ sizes), with the batch of x; None becomes 0."""
    known = [
        constant(x, np.zeros((1, size))) if part is None else part for part, size in zip(parts, sizes, strict=True)
    ]
    lead = (*x.shape[:-1], count)
    xp = namespace(x)
    full = [xp.broadcast_to(part, (*broadcast_shape([lead, part.shape[:-1]]), part.shape[-1])) for part in known]
    return full[0] if len(full) == 1 else xp.concat(full, axis=-1)
