"""What the variables of a main function stand for while it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from matnet.functions.namespace import FloatArray


@dataclass
class Constant:
    """A literal of the file; ``used`` tells whether a statement needs it."""

    name: str
    value: FloatArray
    line: int
    text: str
    used: bool = False


@dataclass(frozen=True)
class Step:
    """One call of a processing function: the toolbox's name and its settings' constants by their roles."""

    function: str
    settings: tuple[tuple[str, str], ...]
    line: int = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True)
class FromInput:
    """Input `number` after `steps`: at one time step or all of it, from the series or from the initial states."""

    number: int
    steps: tuple[Step, ...] = ()
    step: bool = False
    state: bool = False


@dataclass(frozen=True)
class FromLayer:
    """The output of layer `number`."""

    number: int


@dataclass(frozen=True)
class LayerState:
    """The initial states of layer `number`: all of them, or those of one time step."""

    number: int
    step: bool = False


@dataclass(frozen=True)
class Taps:
    """A source seen with delays; ``elements`` is the number of rows the file gives it, None where it does not say."""

    source: FromInput | FromLayer
    delays: tuple[int, ...]
    elements: int | None


@dataclass(frozen=True)
class Term:
    """A weight constant and what it weighs."""

    weight: str
    function: str
    source: FromInput | FromLayer
    delays: tuple[int, ...] = (0,)
    elements: int | None = None


@dataclass(frozen=True)
class Total:
    """The net input of layer `number`."""

    number: int
    bias: str | None
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Reversed:
    """The output of a layer after `steps` of reverse processing, in the order of their calls."""

    layer: int
    steps: tuple[Step, ...]


@dataclass
class Ring:
    """A ring of time steps: what it holds, how many slots it has (None: not said) and what the loop writes into it."""

    source: FromInput | FromLayer
    slots: int | None
    written: FromInput | FromLayer | None = None


@dataclass(frozen=True)
class Cells:
    """An empty cell array, by its number of columns where the file gives one."""

    columns: int | None


@dataclass(frozen=True)
class Position:
    """The slot of the present time step in a ring of `slots`."""

    slots: int


@dataclass(frozen=True)
class Count:
    """A length: of the series, 'series', or of the samples, 'samples', taken along dimension `dimension`.

    ``turned`` tells whether the matrix had been transposed before.
    """

    kind: str
    dimension: int
    turned: bool


@dataclass(frozen=True)
class Mark:
    """A variable that carries no number of the network: the cell flag, an allocated output, a final state."""

    kind: str


Value: TypeAlias = FromInput | FromLayer | LayerState | Taps | Total | Reversed | Ring | Cells | Position | Count | Mark


@dataclass
class LayerPlan:
    """A layer as it was read, with the statement it stands in; ``inside`` the time loop or not."""

    total: Total
    transfer: str
    line: int
    text: str
    inside: bool


@dataclass
class OutputPlan:
    """An output as it was read, with its statement."""

    value: Reversed
    line: int
    text: str
    turned: bool = False


@dataclass
class Plan:
    """Everything that was read of a network; layers, outputs and inputs by their numbers, counted from 1.

    ``constants`` are found by name or struct.field, ``variables`` by the name before the point; those in
    ``passed`` are settings of a processing function, all of them.
    """

    constants: dict[str, Constant] = field(default_factory=dict)
    variables: dict[str, list[Constant]] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    layers: dict[int, LayerPlan] = field(default_factory=dict)
    outputs: dict[int, OutputPlan] = field(default_factory=dict)
    inputs: int = 0

    def constant(self, name: str) -> Constant:
        """The constant of that name, which is needed."""
        found = self.constants[name]
        found.used = True
        return found
