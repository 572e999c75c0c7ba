"""What the expressions of a main function stand for while it is read, and the network that is read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.tokens import Place


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

    ``kind`` is input, layer or output, or input states or layer states: their initial states.
    """

    kind: str
    number: int
    steps: tuple[Step, ...] = ()


class Taps(NamedTuple):
    """A signal at some delays; ``rows`` is how many rows the file gives it, None where it does not say."""

    signal: Signal
    delays: tuple[int, ...]
    rows: int | None


class Term(NamedTuple):
    """A weight and the signal that it weighs."""

    weight: str
    function: str
    signal: Signal
    delays: tuple[int, ...]


class Total(NamedTuple):
    """The net input of layer `number`."""

    number: int
    bias: str | None
    terms: tuple[Term, ...]


@dataclass
class Ring:
    """A ring of time steps: the initial states in it, how many slots it has (None: not said), what the loop writes.

    A cell array that nothing has been put into yet has no states.
    """

    states: Signal | None
    slots: int | None = None
    written: Signal | None = None


class Position(NamedTuple):
    """The slot of the present time step in a ring of `slots`."""

    slots: int


Value: TypeAlias = Signal | Taps | Total | Ring | Position | str
"""What an expression stands for; one that carries no number of the network says what it is: argument, result, cell
flag, final state, or a length, series or samples."""


class PlannedLayer(NamedTuple):
    """A layer as it was read, with the statement that calculates it."""

    total: Total
    transfer: str
    place: Place


class PlannedOutput(NamedTuple):
    """An output as it was read, with its statement."""

    signal: Signal
    place: Place


@dataclass
class Plan:
    """Everything that was read of a network; layers, outputs and inputs by their numbers, counted from 1.

    ``constants`` are found by name or struct.field, ``used`` are the names and structs that statements use, ``steps``
    the processing between each input and its weights.
    """

    constants: dict[str, Constant] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    steps: dict[int, tuple[Step, ...]] = field(default_factory=dict)
    layers: dict[int, PlannedLayer] = field(default_factory=dict)
    outputs: dict[int, PlannedOutput] = field(default_factory=dict)
    inputs: int = 0
