"""Derivatives with respect to the weights where an output depends on few of them: channel by channel.

In a convolution, an element of channel f depends on filter f alone, and this remains true for functions of single
elements or of the elements of one channel. Then the parameters of all filters can be varied together: as many
directions as one filter has parameters, forward through the network, give the derivatives with respect to all of them.
Every other parameter needs its own direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.accumulate import MaskedDirections, gathered, step_values, tangents
from matnet.functions.maps import Identity, Scale, Shift, Unscale
from matnet.functions.namespace import Array, FloatArray
from matnet.simulate import (
    BiasStep,
    NetInputStep,
    ParameterKey,
    ProcessingStep,
    Program,
    Step,
    TransferStep,
    WeightStep,
)
from matnet.simulate.steps import SquareStep

MOST_NUMBERS = 2**26
"""The most numbers that the directions of all parameters may have."""

_EVERYTHING = 0
"""Instead of a number of channels: an element may depend on every parameter of the block."""


@dataclass(frozen=True, eq=False)
class ChannelBlock:
    """A weight or bias that reaches the outputs: its key, its first entry among all parameters, its directions.

    ``entries`` (C, n) are the entries that the elements of each channel depend on, counted from ``start``. If every
    element may depend on all of them, there is one channel. ``reaches`` says which of the signals depend on it at all.
    """

    key: ParameterKey
    step: int
    start: int
    shape: tuple[int, ...]
    entries: NDArray[np.intp]
    reaches: tuple[bool, ...]

    @property
    def count(self) -> int:
        """n, the number of directions."""
        return int(self.entries.shape[1])

    @property
    def numbers(self) -> int:
        """The number of elements of all directions."""
        return self.count * int(np.prod(self.shape))

    def directions(self) -> FloatArray:
        """(n, *shape): direction k varies entry k of every channel."""
        flat = np.zeros((self.count, self.entries.size))
        flat[np.arange(self.count)[:, None], self.entries.T] = 1.0
        return flat.reshape((self.count, *self.shape[::-1])).transpose(0, *range(len(self.shape), 0, -1))


@dataclass(frozen=True, eq=False)
class ChannelDerivatives:
    """The blocks on which some signals depend, and the positions of their derivatives in the whole Jacobian."""

    blocks: tuple[ChannelBlock, ...]
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """S: the elements of all signals."""
        return sum(self.sizes)

    @property
    def count(self) -> int:
        """The number of all directions, which is the number of derivatives of each output."""
        return sum(block.count for block in self.blocks)

    @cached_property
    def columns(self) -> NDArray[np.int32]:
        """(S, count): the parameter of each number; SciPy takes int32 without a copy."""
        parts = [np.zeros((self.size, 0), dtype=np.intp)]
        for block in self.blocks:
            own = [_channel_of_each(size, len(block.entries)) for size in self.sizes]
            parts.append(block.start + block.entries[np.concatenate(own)])
        return np.concatenate(parts, axis=1).astype(np.int32)

    @cached_property
    def present(self) -> NDArray[np.bool_] | None:
        """(S, count): which numbers are those of a signal that depends on the block; None where all are."""
        if all(all(block.reaches) for block in self.blocks):
            return None
        parts = [np.repeat(np.repeat(block.reaches, self.sizes)[:, None], block.count, axis=1) for block in self.blocks]
        return np.concatenate(parts, axis=1)

    def dense(self, results: Sequence[FloatArray], parameters: int) -> FloatArray:
        """(N, S, P') from the results (N, n, S) of the blocks."""
        whole = np.zeros((len(results[0]), self.size, parameters))
        np.put_along_axis(whole, self.columns[None], self.numbers(results), axis=-1)
        return whole

    def numbers(self, results: Sequence[FloatArray]) -> FloatArray:
        """(N, S, count): the derivatives that are not always 0, row by row."""
        numbers = np.empty((len(results[0]), self.size, self.count))
        start = 0
        for block, part in zip(self.blocks, results, strict=True):
            numbers[..., start : start + block.count] = part.transpose(0, 2, 1)
            start += block.count
        return numbers


def _channel_of_each(size: int, channels: int) -> NDArray[np.intp]:
    """The channel of each element of a signal; 0 for one that nothing reaches, which may not have these channels."""
    return np.arange(size) // (size // channels) if channels and not size % channels else np.zeros(size, dtype=np.intp)


def channel_derivatives(program: Program, of: Sequence[int], most: int) -> ChannelDerivatives | None:
    """How signals depend on the first `most` parameters; None where fewer backward directions do the same."""
    sizes = tuple(program.sizes[signal] for signal in of)
    blocks: list[ChannelBlock] = []
    start = 0
    for key, count in zip(program.parameters, program.parameter_sizes, strict=True):
        block = _block(program, key, start, of) if start < most else None
        if block is not None:
            blocks.append(block)
        start += count
    derivatives = ChannelDerivatives(tuple(blocks), sizes)
    cheap = derivatives.count < derivatives.size and sum(block.numbers for block in blocks) <= MOST_NUMBERS
    return derivatives if cheap else None


def _block(program: Program, key: ParameterKey, start: int, of: Sequence[int]) -> ChannelBlock | None:
    """A weight or bias, if it reaches one of the signals."""
    place = next(k for k, step in enumerate(program.steps) if _key(step) == key)
    step = program.steps[place]
    own = _own_entries(step, program.sizes[step.target])
    shape = tuple(step.w.shape) if isinstance(step, WeightStep) else tuple(step.bias.shape)  # type: ignore[attr-defined]
    everything = np.arange(int(np.prod(shape)))[None]
    reach = _reach(program, place, _EVERYTHING if own is None else len(own))
    counts = {reach[signal] for signal in of if signal in reach}
    if not counts:
        return None
    separate = own is not None and counts == {len(own)}
    reaches = tuple(signal in reach for signal in of)
    return ChannelBlock(key, place, start, shape, own if separate and own is not None else everything, reaches)


def _key(step: Step) -> ParameterKey | None:
    if isinstance(step, WeightStep):
        return step.key
    if isinstance(step, BiasStep) or (isinstance(step, NetInputStep) and step.bias is not None):
        return step.key
    return None


def _own_entries(step: Step, size: int) -> NDArray[np.intp] | None:
    """(C, n): the entries that each channel of a step's target depends on; None where that is all of them."""
    if isinstance(step, WeightStep):
        return step.row.channel_entries(int(step.w.shape[0]), int(step.w.shape[1]))
    assert isinstance(step, (NetInputStep, BiasStep))
    if step.bias is None or (isinstance(step, NetInputStep) and step.squared):
        return None
    return np.arange(int(step.bias.shape[0]))[:, None]


def _reach(program: Program, place: int, channels: int) -> dict[int, int]:
    """The signals that depend on the varied parameters of a step, each with the number of channels that stay
    separate."""
    reached = {program.steps[place].target: channels}
    for step in program.steps[place + 1 :]:
        sources = {reached[source] for source in step.sources if source in reached}
        if sources:
            (first, *others) = sources
            reached[step.target] = first if not others and first and _keeps(step, first) else _EVERYTHING
    return reached


def _keeps(step: Step, channels: int) -> bool:
    """Whether elements of a channel of the target depend on the same channel of the source alone."""
    if isinstance(step, TransferStep):
        return not step.row.coupled
    if isinstance(step, WeightStep):
        return step.row.keeps_channels(channels)
    if isinstance(step, ProcessingStep):
        return isinstance(step.map, (Identity, Scale, Unscale, Shift))
    return isinstance(step, (NetInputStep, SquareStep))


def channel_tangents(
    program: Program, values: Sequence[Array], derivatives: ChannelDerivatives, of: Sequence[int], x: Array
) -> list[Array]:
    """For each block the derivatives of the signals `of` along its directions, (..., n, S)."""
    sizes = [program.sizes[signal] for signal in of]
    tangents_of_blocks = []
    for block in derivatives.blocks:
        step = program.steps[block.step]
        seed = step.parameter_tangents(*step_values(step, values), block.directions())
        reach = np.ones(block.count, dtype=np.bool_)
        columns = tangents(program, values, {step.target: MaskedDirections(seed, reach)})
        tangents_of_blocks.append(gathered([columns[signal] for signal in of], sizes, block.count, x))
    return tangents_of_blocks
