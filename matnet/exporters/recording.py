"""The input of an exporter: the library's own computations of a network, recorded as tapes with named arguments.

Exporters contain no formula of any function. A target prints the operations of these tapes, a table of about 25, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import prod
from typing import Literal, TypeAlias

from matnet.derivatives import quantities
from matnet.errors import Advice, ModelError, Parameter, UnsupportedError, counted
from matnet.exporters.names import checked_names, documented, plain
from matnet.exporters.stepping import first_states, present, state_size, step_jacobian_of, step_jacobians_of, step_of
from matnet.functions.namespace import FloatArray
from matnet.network import Ensemble, Network
from matnet.simulate import BiasStep, Program, TransferStep
from matnet.tape.symbols import Shape, Tape, record

Precision: TypeAlias = Literal["float64", "float32"]


@dataclass(frozen=True)
class Port:
    """An argument or a result: its name and its shape without the batch axis."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Function:
    """A computation to be printed: its name, its arguments and results, and its tape."""

    name: Literal["value", "value_and_jacobian", "step", "step_and_jacobian", "step_and_jacobians"]
    arguments: tuple[Port, ...]
    results: tuple[Port, ...]
    tape: Tape


@dataclass(frozen=True)
class Options:
    """The options of an export.

    Parameters
    ----------
    name
        The function's name in the written file; by default derived from the file's stem.
    inputs, outputs
        Names of the elements, for the file's documentation; by default those of the network.
    jacobian
        Whether dy/dx is written too.
    precision
        The type of all numbers in the file.
    opset
        The version of ONNX's operators.
    header
        Whether a header is written beside the file.
    fmi
        The version of FMI.
    step
        The time between two steps of a dynamic network.
    family
        Whether the derivatives are files of their own beside the file.
    """

    name: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    jacobian: bool = True
    precision: Precision = "float64"
    opset: int | None = None
    header: bool = False
    fmi: str | None = None
    step: float | None = None
    family: bool = False

    def __post_init__(self) -> None:
        if self.precision not in ("float64", "float32"):
            raise ModelError(f"precision is '{self.precision}', expected 'float64' or 'float32'")


@dataclass(frozen=True)
class Recording:
    """A network ready to be printed, under a name."""

    net: Network
    name: str
    options: Options

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """The computations to print, recorded at their first use."""
        return _functions(self.net, self.options)

    @cached_property
    def printed(self) -> tuple[Function, ...]:
        """The computations that are written: for a step the one with its derivatives."""
        if self.net.dynamic and self.options.jacobian and self.net.program.leaves:
            return (*self.functions, self.step_and_jacobians)
        return self.functions

    @cached_property
    def step_and_jacobian(self) -> Function:
        """One step of a dynamic network with dy/dx, the states held.

        Raises
        ------
        UnsupportedError
            All paths from the step's inputs to the outputs pass through compet.
        """
        net = self.net
        _refuse_choices(net.program, present(net.program))
        x, states = Port("x", (net.input_size,)), Port("states", (state_size(net),))
        y, dydx = Port("y", (net.output_size,)), Port("dydx", (net.output_size, net.input_size))
        tape = record(net.program, step_jacobian_of(net), (x.size, states.size))
        return Function("step_and_jacobian", (x, states), (y, dydx), tape)

    @cached_property
    def step_and_jacobians(self) -> Function:
        """One step of a dynamic network with the derivatives of y and the next states with respect to x and the
        states."""
        net = self.net
        x, states = Port("x", (net.input_size,)), Port("states", (state_size(net),))
        y, following = Port("y", (net.output_size,)), Port("next_states", states.shape)
        slopes = [Port(f"d{of.name}_d{wrt.name}", (of.size, wrt.size)) for of in (y, following) for wrt in (x, states)]
        tape = record(net.program, step_jacobians_of(net), (x.size, states.size))
        return Function("step_and_jacobians", (x, states), (y, following, *slopes), tape)

    @cached_property
    def _names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        net, options = self.net, self.options
        inputs = net.input_names if options.inputs is None else options.inputs
        outputs = net.output_names if options.outputs is None else options.outputs
        return checked_names(inputs, outputs, net.input_size, net.output_size)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs' elements."""
        return self._names[0]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs' elements."""
        return self._names[1]

    @property
    def input_lines(self) -> list[str]:
        """A line on each input element for a comment."""
        return documented(self.inputs, self.net.input_units, self.net.input_extent)

    @property
    def output_lines(self) -> list[str]:
        """A line on each output element for a comment."""
        return documented(self.outputs, self.net.output_units, self.net.output_extent)

    @property
    def input_range(self) -> FloatArray:
        """(R, 2): the training range of each input element."""
        return self.net.input_range

    @property
    def output_range(self) -> FloatArray:
        """(S, 2): the training range of each output element."""
        return self.net.output_range

    @property
    def origin(self) -> tuple[str, ...]:
        """Where the network came from, in characters that have no meaning in a comment of any language."""
        source = self.net.provenance
        entries = [("network", self.net.name or source.path), ("file", source.file), ("sha256", source.sha256)]
        return tuple(f"{label}: {plain(text)}" for label, text in entries if text)

    @property
    def sizes(self) -> dict[str, int]:
        """R, S and, of a dynamic network, the number of its states."""
        states = state_size(self.net) if self.net.dynamic else 0
        return {"R": self.net.input_size, "S": self.net.output_size, "states": states}


def one_network(net: object, call: str) -> None:
    """Refuses anything but a single network; `call` is the name of the function for the message.

    Raises
    ------
    UnsupportedError
        It is an ensemble, or not a network at all.
    """
    if isinstance(net, Ensemble):
        raise UnsupportedError(
            f"{call} takes one network, and this is an ensemble of {len(net.networks)}; "
            "take them one by one: for net in ensemble.networks"
        )
    if not isinstance(net, Network):
        raise UnsupportedError(f"{call} takes a Network, got {type(net).__name__}; matnet.load gives one")


def _functions(net: Network, options: Options) -> tuple[Function, ...]:
    x, y = Port("x", (net.input_size,)), Port("y", (net.output_size,))
    if net.dynamic:
        states = Port("states", (state_size(net),))
        tape = record(net.program, step_of(net), (x.size, states.size))
        return (Function("step", (x, states), (y, Port("next_states", states.shape)), tape),)
    if options.jacobian:
        _refuse_choices(net.program, _arguments(net.program))
    value = Function("value", (x,), (y,), record(net.program, quantities.VALUE, (x.size,)))
    if not options.jacobian:
        return (value,)
    dydx = Port("dydx", (net.output_size, net.input_size))
    both = record(net.program, quantities.VALUE_AND_JACOBIAN, (x.size,))
    return value, Function("value_and_jacobian", (x,), (y, dydx), both)


def only_chooses(net: Network) -> bool:
    """Whether every path from the inputs to the outputs passes through compet, so that every derivative is 0."""
    return _only_chooses(net.program, _arguments(net.program))


def _arguments(program: Program) -> tuple[int, ...]:
    return tuple(leaf.signal for leaf in program.leaves)


def _only_chooses(program: Program, inputs: Sequence[int]) -> bool:
    return _reaches(program, inputs, choosing=True) and not _reaches(program, inputs, choosing=False)


def _refuse_choices(program: Program, inputs: Sequence[int]) -> None:
    if _only_chooses(program, inputs):
        raise UnsupportedError(
            "every path from the inputs to the outputs passes through compet, whose derivative is 0 wherever it exists",
            Advice("; leave dy/dx out: ", Parameter("jacobian", False)),
        )


def _reaches(program: Program, inputs: Sequence[int], choosing: bool) -> bool:
    """Whether a path leads from the signals `inputs` to an output; with or without paths through compet."""
    moved = set(inputs)
    for step in program.steps:
        chooses = isinstance(step, TransferStep) and step.row.stepwise and step.row.coupled
        if (choosing or not chooses) and not isinstance(step, BiasStep) and not moved.isdisjoint(step.sources):
            moved.add(step.target)
    return not moved.isdisjoint(program.outputs)


def remembered(recording: Recording) -> list[str]:
    """A description of the states of a dynamic network; nothing for a static one."""
    if not recording.net.dynamic:
        return []
    elsewhere = bool(recording.net.structure.starts_elsewhere)
    start = "" if elsewhere else ", 0 before the first step"
    return [
        f"States, {counted(recording.sizes['states'], 'number')}{start}: the inputs of earlier steps, raw,",
        "oldest first, then the outputs of all layers of earlier steps, at layer scale, oldest first",
        *(_start(recording.net) if elsewhere else []),
    ]


def _start(net: Network) -> list[str]:
    """The states before the first step, equal ones in one line."""
    lines, first = ["States before the first step, counted from 1"], 1
    for value, run in groupby(first_states(net).tolist()):
        last = first + len(list(run)) - 1
        lines.append(f"    {first}: {value!r}" if first == last else f"    {first} to {last}: {value!r}")
        first = last + 1
    return lines


def elements(shape: Shape) -> tuple[int, ...]:
    """A tape's shape without its batch axis."""
    return tuple(size for size in shape if size is not None)
