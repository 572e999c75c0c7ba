"""What the variables of a main function stand for while it is read, and the network that is read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.syntax import Place


class Constant(NamedTuple):
    """A literal of the file."""

    value: FloatArray
    place: Place


@dataclass(frozen=True)
class Step:
    """One call of a processing function: the toolbox's name and the constants of its settings by their roles."""

    function: str
    settings: tuple[tuple[str, str], ...]
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Signal:
    """An input after the processing `steps`, or the output of a layer before the reverse processing `steps`.

    ``kind`` is input, layer or output. ``time`` is all (the whole series, or all samples), now (the present time step),
    states (all initial states) or state (one of them).
    """

    kind: str
    number: int
    time: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Term:
    """A weight and the signal that it weighs, seen with delays; ``rows`` is how many rows the file gives the taps."""

    weight: str
    function: str
    signal: Signal
    delays: tuple[int, ...] = (0,)
    rows: int | None = None


@dataclass(frozen=True)
class Taps:
    """A signal seen with delays; ``rows`` is how many rows the file gives it, None where it does not say."""

    signal: Signal
    delays: tuple[int, ...]
    rows: int | None


@dataclass(frozen=True)
class Total:
    """The net input of layer `number`."""

    number: int
    bias: str | None
    terms: tuple[Term, ...]


@dataclass
class Ring:
    """A ring of time steps: the signal in it, how many slots it has (None: not said), and what the loop writes.

    A cell array that nothing has been put into yet has no signal.
    """

    signal: Signal | None
    slots: int | None = None
    written: Signal | None = None


@dataclass(frozen=True)
class Position:
    """The slot of the present time step in a ring of `slots`."""

    slots: int


Value: TypeAlias = Signal | Taps | Total | Ring | Position | str
"""What a variable stands for; one that carries no number of the network says what it is: argument, cell flag, final
state, or a length, series or samples."""


class PlannedLayer(NamedTuple):
    """A layer as it was read, with the statement that calculates it; ``inside`` the time loop or not."""

    total: Total
    transfer: str
    place: Place
    inside: bool


class PlannedOutput(NamedTuple):
    """An output as it was read, with its statement; ``turned`` tells whether its samples were made rows."""

    signal: Signal
    place: Place
    turned: bool


@dataclass
class Plan:
    """Everything that was read of a network; layers, outputs and inputs by their numbers, counted from 1.

    ``constants`` are found by name or struct.field; ``passed`` are the variables that processing functions are called
    with.
    """

    constants: dict[str, Constant] = field(default_factory=dict)
    layers: dict[int, PlannedLayer] = field(default_factory=dict)
    outputs: dict[int, PlannedOutput] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    inputs: int = 0

    def terms(self) -> list[Term]:
        """The terms of all layers."""
        return [term for layer in self.layers.values() for term in layer.total.terms]
