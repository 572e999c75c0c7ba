"""A Program: the steps of a network at one instant, and running them.

Every intermediate array (an input, a processed input, a weighted input, a layer's net input or output, a network
output) is a *signal* with a number. Simulation goes through the steps forward, derivatives forward or backward.

A program describes one instant. Its *leaves* are the signals from outside: input j d time steps ago (raw scale), and in
dynamic networks the output of layer k d steps ago (layer scale). Concatenated in the order of ``Program.leaves``, they
form the single argument x. The steps of a layer that runs backward in time are counted from the last one on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matnet.functions.namespace import Array, namespace
from matnet.simulate.steps import BiasStep, ParameterKey, Step, side_by_side


@dataclass(frozen=True)
class Leaf:
    """From outside: input or layer `index`, `delay` steps ago; or what the layer gives ``last`` in a series."""

    kind: Literal["input", "layer"]
    index: int
    delay: int
    size: int
    signal: int
    last: bool = False


@dataclass(frozen=True, eq=False)
class Program:
    """The steps of a network at one instant, with the numbers of the most important signals.

    ``processed`` are the inputs' signals after their processing, ``layers`` the layers' outputs, ``outputs`` the
    network's outputs at raw scale and ``output_layers`` the same before the reverse processing.
    """

    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    signals: int
    processed: tuple[int, ...]
    layers: tuple[int, ...]
    outputs: tuple[int, ...]
    output_layers: tuple[int, ...]
    sizes: tuple[int, ...]
    parameters: tuple[ParameterKey, ...]
    parameter_sizes: tuple[int, ...]

    def parts(self, x: Array) -> list[Array]:
        """The leaves' values from the argument x (..., R), R the number of all their elements."""
        if len(self.leaves) == 1:
            return [x]
        pieces, start = [], 0
        for leaf in self.leaves:
            pieces.append(x[..., start : start + leaf.size])
            start += leaf.size
        return pieces

    def run(self, x: Array) -> list[Array]:
        """The values of all signals for the argument x, (..., size) each."""
        values: list[Array] = [None] * self.signals
        for leaf, part in zip(self.leaves, self.parts(x), strict=True):
            values[leaf.signal] = part
        for step in self.steps:
            values[step.target] = step.value([values[source] for source in step.sources])
        return values

    def reached(self, signal: int) -> frozenset[int]:
        """The signal and all signals that depend on it."""
        signals = {signal}
        for step in self.steps:
            if not isinstance(step, BiasStep) and not signals.isdisjoint(step.sources):
                signals.add(step.target)
        return frozenset(signals)


def batched(value: Array, x: Array) -> Array:
    """`value` (size,) or (..., size) with the batch axes of x, which a value that does not depend on x lacks."""
    lead = tuple(x.shape[:-1])
    if tuple(value.shape[:-1]) == lead:
        return value
    return namespace(value).broadcast_to(value, (*lead, value.shape[-1]))


def outputs(program: Program, values: Sequence[Array], x: Array) -> Array:
    """The network's outputs concatenated, (..., S), at raw scale."""
    return batched(side_by_side([values[signal] for signal in program.outputs]), x)
