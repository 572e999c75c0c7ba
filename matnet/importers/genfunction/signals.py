"""What the expressions of a main function stand for while it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.tokens import Place
from matnet.model.structure import Process


class Constant(NamedTuple):
    """A literal of the file."""

    value: FloatArray
    place: Place


@dataclass(frozen=True)
class Signal:
    """An input after the processing `steps`, or the output of a layer before the reverse processing `steps`.

    ``kind`` is input, layer or output; input states or layer states: their initial states; input taps or layer taps: at
    some `delays`, with as many `rows` as the file gives them, None where it does not say.
    """

    kind: str
    number: int
    steps: tuple[Process, ...] = ()
    delays: tuple[int, ...] = (0,)
    rows: int | None = None


class Term(NamedTuple):
    """A weight of a layer, its weight function, and the input or layer that it weighs."""

    weight: str
    function: str
    source: int
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


Value: TypeAlias = Signal | Total | Ring | Position | str
"""What an expression stands for; one that carries no number of the network says what it is: argument, result, flag
(whether X is a cell array), final state, or a length, series or samples."""
