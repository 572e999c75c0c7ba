"""A network's answers to data, and the effect of rounding on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.cost import Cost
from matnet.derivatives.parameters import parameter_arrays
from matnet.errors import counted
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Output, Process, Structure
from matnet.network import Network
from matnet.network.names import parameter_place
from matnet.simulate import BiasStep, NetInputStep, Program, Step, WeightStep, outputs

STATIC_AGREES, SERIES_AGREES, ROUNDED_AGREES, SINGLE_AGREES = 2e-14, 1e-11, 1e-13, 2e-6
"""Of the output's range: for a static network, a series, a network whose settings were written with 15 digits, and
answers that MATLAB stored, or computed, in single precision."""

_ROUNDING, _FIFTEEN_DIGITS = 2.0**-50, 5e-15
_CHANGE = 0.01
_MOST_STEPS = 20_000
"""The most steps that are computed together."""


@dataclass(frozen=True, eq=False)
class InputData:
    """Samples, or the steps of a series, (Q, R), with the initial states of the series; ``label`` names them.

    With ``lengths`` (N,), the numbers of their steps, whole series: x (N, T·R) has one in each row, step after step and
    then 0, and its answer is the last output. All of them start from the same states.
    """

    x: FloatArray
    label: str = ""
    input_states: FloatArray | None = None
    layer_states: FloatArray | None = None
    lengths: NDArray[np.intp] | None = None

    @property
    def size(self) -> str:
        """How many there are, in words."""
        return counted(len(self.x), "sample") if self.lengths is None else f"{len(self.x)} series"

    def some(self, rows: NDArray[np.intp] | slice) -> InputData:
        """The samples, steps or series of these numbers."""
        return replace(self, x=self.x[rows], lengths=None if self.lengths is None else self.lengths[rows])

    def scaled(self, factor: float) -> InputData:
        """The same with every number changed by a factor."""
        states = [None if state is None else state * factor for state in (self.input_states, self.layer_states)]
        return replace(self, x=self.x * factor, input_states=states[0], layer_states=states[1])

    def first(self, rows: int) -> InputData:
        """The first samples or steps, from the same states."""
        return self.some(slice(rows))

    def states(self) -> dict[str, Any]:
        """The states, if there are any, as keyword arguments of the network's methods."""
        named = {"input_states": self.input_states, "layer_states": self.layer_states}
        return {name: state for name, state in named.items() if state is not None}


def leading(net: Network, data: InputData, count: int) -> int:
    """How many of the first steps have the outputs that they have in the whole series, `count` at most.

    All are needed where outputs depend on later steps.
    """
    every = net.structure.looks_ahead and data.lengths is None
    return len(data.x) if every else min(len(data.x), count)


def answers(net: Network, data: InputData) -> FloatArray:
    """The network's outputs, (Q, S)."""
    if not net.dynamic:
        return np.asarray(net(data.x))
    if data.lengths is not None:
        return _last_answers(net, data, data.lengths)
    steps = None if net.input_size else len(data.x)
    return np.asarray(net.run(data.x if net.input_size else None, steps=steps, **data.states()).outputs)


def _last_answers(net: Network, data: InputData, lengths: NDArray[np.intp]) -> FloatArray:
    """The last outputs of whole series, (N, S); those of one length are computed together."""
    y = np.empty((len(data.x), net.output_size))
    for length in np.unique(lengths).tolist():
        same = np.flatnonzero(lengths == length)
        together = max(1, _MOST_STEPS // length)
        for rows in (same[first : first + together] for first in range(0, len(same), together)):
            x = data.x[rows, : length * net.input_size].reshape(len(rows), length, net.input_size)
            states: dict[str, Any] = {name: np.tile(state, (len(rows), 1, 1)) for name, state in data.states().items()}
            y[rows] = net.run(x, **states).outputs[:, -1]
    return y


def answers_once(net: Network, data: InputData) -> FloatArray:
    """As ``answers``, for a network that is evaluated only once: its rows are run without recording a tape."""
    if net.dynamic:
        return answers(net, data)
    with np.errstate(all="ignore"):
        return np.asarray(outputs(net.program, net.program.run(data.x), data.x))


def answers_with(net: Network, theta: FloatArray, data: InputData) -> FloatArray:
    """As ``answers_once``, of the network with other parameters."""
    if net.dynamic:
        return answers(net.with_parameters(theta), data)
    program = program_with(net.program, theta)
    with np.errstate(all="ignore"):
        return np.asarray(outputs(program, program.run(data.x), data.x))


def program_with(program: Program, theta: FloatArray) -> Program:
    """The program with other weights and biases, in the order of ``Network.parameters``."""
    parts = np.split(theta, np.cumsum(program.parameter_sizes))[:-1]
    own = dict(zip(program.parameters, parts, strict=True))
    steps: list[Step] = []
    for step in program.steps:
        if isinstance(step, WeightStep) and step.key in own:
            rows, columns = step.w.shape
            steps.append(replace(step, w=own[step.key].reshape(columns, rows).T))
        elif isinstance(step, NetInputStep | BiasStep) and step.bias is not None:
            steps.append(replace(step, bias=own[step.key]))
        else:
            steps.append(step)
    return replace(program, steps=tuple(steps))


class Rounding:
    """A network and two copies of it whose weights are changed in their last digits."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.rounded = net.provenance.stored_as == "genFunction file"
        self.single = net.provenance.precision == "single"
        self._copies = [_changed(net, sign, self.rounded) for sign in (1.0, -1.0)]

    @property
    def base(self) -> float:
        """How much two machines may differ, relative to the output's range; MATLAB computes some networks in single
        precision."""
        if self.single:
            return SINGLE_AGREES
        if self.net.dynamic:
            return SERIES_AGREES
        return ROUNDED_AGREES if self.rounded else STATIC_AGREES

    def moved(self, data: InputData, y: FloatArray) -> FloatArray:
        """The effect of rounding on each answer, (Q, S)."""
        shifts = []
        for sign, copy in zip((1.0, -1.0), self._copies, strict=True):
            with np.errstate(all="ignore"):
                shifts.append(np.abs(answers(copy, data.scaled(1.0 + sign * _ROUNDING)) - y))
        return np.nan_to_num(np.fmax(*shifts), nan=0.0, posinf=np.inf)

    def outputs(self, data: InputData) -> RoundedOutputs:
        """The answers of the network and of its copies, for performances."""
        return RoundedOutputs(tuple((net, answers(net, data)) for net in (self.net, *self._copies)))


@dataclass(frozen=True, eq=False)
class RoundedOutputs:
    """The outputs of a network and of its copies for the same data."""

    outputs: tuple[tuple[Network, FloatArray], ...]

    def performance(self, cost: Cost, t: FloatArray) -> tuple[float, float]:
        """The network's performance for targets t (Q, S), and the effect of rounding on it."""
        with np.errstate(all="ignore"):
            values = [cost.value(t, y, None, net.parameters) for net, y in self.outputs]
        return values[0], max(abs(value - values[0]) for value in values)


def _changed(net: Network, sign: float, rounded: bool) -> Network:
    theta = net.parameters
    by_turns = np.where(np.arange(len(theta)) % 2, -sign, sign)
    with np.errstate(over="ignore"):
        copy = net.with_parameters(theta * (1.0 + _ROUNDING * by_turns))
    return _with_other_settings(copy, sign * _FIFTEEN_DIGITS) if rounded else copy


def _with_other_settings(net: Network, change: float) -> Network:
    def changed(entry: Input | Output) -> tuple[Process, ...]:
        return tuple(
            Process(
                step.function,
                {
                    key: value * (1.0 + change) if key in ("gain", "xoffset") else value
                    for key, value in step.settings.items()
                },
            )
            for step in entry.processing
        )

    inputs = tuple(replace(entry, processing=changed(entry)) for entry in net.structure.inputs)
    outputs = tuple(replace(entry, processing=changed(entry)) for entry in net.structure.outputs)
    return Network(replace(net.structure, inputs=inputs, outputs=outputs), net.provenance, net.name)


class ParameterBlock(NamedTuple):
    """One bias or weight matrix among the parameters: its name in MATLAB, its layer, its shape, its first number."""

    name: str
    layer: int
    rows: int
    columns: int
    start: int

    @property
    def numbers(self) -> slice:
        """Its slice of all parameters."""
        return slice(self.start, self.start + self.rows * self.columns)


def parameter_blocks(net: Network) -> list[ParameterBlock]:
    """The biases and weight matrices in the order of the parameters, which are column by column."""
    blocks: list[ParameterBlock] = []
    start = 0
    arrays = parameter_arrays(net.structure)
    for key, size in zip(net.program.parameters, net.program.parameter_sizes, strict=True):
        rows = int(arrays[key].shape[0])
        blocks.append(ParameterBlock(parameter_place(net.structure, key), key[1], rows, size // rows, start))
        start += size
    return blocks


def unnoticed_change(net: Network, shows: Callable[[FloatArray], bool]) -> str:
    """The bias or weight matrix that could be 1 % off unnoticed; empty if every such change would be noticed.

    `shows` says of other parameters whether the network with them would be noticed. Each is changed as a whole, then
    its numbers alternately up and down; numbers that are 0 change by 1 % of the largest in the matrix. Layers that
    reach no output are left out.
    """
    reaching = _layers_that_reach_an_output(net.structure)
    for block in parameter_blocks(net):
        if block.layer in reaching and not any(shows(changed) for changed in _changes(net, block)):
            return block.name
    return ""


def _changes(net: Network, block: ParameterBlock) -> Iterator[FloatArray]:
    theta = net.parameters
    own = theta[block.numbers]
    largest = np.abs(own).max(initial=0.0)
    size = np.where(own == 0.0, largest if largest > 0.0 else 1.0, own)
    by_turns = np.where(np.arange(len(own)) % 2, -1.0, 1.0)
    for direction in (1.0, by_turns, -by_turns):
        changed = theta.copy()
        changed[block.numbers] = own + _CHANGE * size * direction
        yield changed


def _layers_that_reach_an_output(structure: Structure) -> set[int]:
    reaching = {output.layer for output in structure.outputs}
    waiting = list(reaching)
    while waiting:
        sources = set(structure.layers[waiting.pop()].layer_weights) - reaching
        reaching |= sources
        waiting += sources
    return reaching
