"""What an exporter prints: the library's own computations of a network, recorded as tapes, with their arguments named.

No formula of any function stands in an exporter. A target prints the operations of these tapes, a table of some
twenty-five, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

from matnet.derivatives import quantities
from matnet.errors import ModelError, UnsupportedError
from matnet.exporters.names import checked_names, identifier, plain
from matnet.exporters.stepping import state_size, step_of
from matnet.functions.namespace import FloatArray
from matnet.network import Network
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
    """A computation to be printed: what it is called, what goes in and comes out, and its tape."""

    name: Literal["value", "value_and_jacobian", "step"]
    arguments: tuple[Port, ...]
    results: tuple[Port, ...]
    tape: Tape


@dataclass(frozen=True)
class Options:
    """What a user may choose of an export.

    Parameters
    ----------
    name
        The function's name in the written file; by default the file's stem.
    inputs, outputs
        Names of the elements, for the file's documentation; by default x1, x2, … and y1, y2, ….
    jacobian
        Whether dy/dx is written too.
    precision
        The type of all numbers in the file.
    opset
        The version of ONNX' operators.
    """

    name: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    jacobian: bool = True
    precision: Precision = "float64"
    opset: int | None = None

    def __post_init__(self) -> None:
        if self.precision not in ("float64", "float32"):
            raise ModelError(f"precision is '{self.precision}', expected 'float64' or 'float32'")


@dataclass(frozen=True)
class Recording:
    """A network ready to be printed."""

    name: str
    functions: tuple[Function, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_range: FloatArray
    output_range: FloatArray
    origin: tuple[str, ...]
    options: Options

    @property
    def sizes(self) -> dict[str, int]:
        """R, S and, of a network that looks back in time, the number of its states."""
        ports = {port.name: port.size for port in self.functions[0].arguments}
        return {"R": len(self.inputs), "S": len(self.outputs), "states": ports.get("states", 0)}


def recorded(net: Network, name: str, options: Options) -> Recording:
    """The computations of `net` under the name `name`, unless the options give another.

    Raises
    ------
    UnsupportedError
        A name is no identifier, or clashes with another.
    """
    function_name = identifier(name if options.name is None else options.name, "the function's name (name=, or --name)")
    inputs, outputs = checked_names(options.inputs, options.outputs, net.input_size, net.output_size)
    return Recording(
        name=function_name,
        functions=_functions(net, options),
        inputs=inputs,
        outputs=outputs,
        input_range=net.input_range,
        output_range=net.output_range,
        origin=_origin(net),
        options=options,
    )


def _functions(net: Network, options: Options) -> tuple[Function, ...]:
    x, y = Port("x", (net.input_size,)), Port("y", (net.output_size,))
    if net.dynamic:
        states = Port("states", (state_size(net),))
        tape = record(net.program, step_of(net), (x.size, states.size))
        return (Function("step", (x, states), (y, Port("next_states", states.shape)), tape),)
    if options.jacobian and _reaches(net.program, choosing=True) and not _reaches(net.program, choosing=False):
        raise UnsupportedError(
            "every way from the inputs to the outputs goes through compet, whose derivative is 0 wherever it exists; "
            "leave dy/dx out: jacobian=False, or --no-jacobian"
        )
    value = Function("value", (x,), (y,), record(net.program, quantities.VALUE, (x.size,)))
    if not options.jacobian:
        return (value,)
    dydx = Port("dydx", (net.output_size, net.input_size))
    both = record(net.program, quantities.VALUE_AND_JACOBIAN, (x.size,))
    return value, Function("value_and_jacobian", (x,), (y, dydx), both)


def _reaches(program: Program, choosing: bool) -> bool:
    """Whether the inputs reach an output; with or without the ways through a choice among neurons (compet)."""
    moved = {leaf.signal for leaf in program.leaves}
    for step in program.steps:
        chooses = isinstance(step, TransferStep) and step.row.stepwise and step.row.coupled
        if (choosing or not chooses) and not isinstance(step, BiasStep) and not moved.isdisjoint(step.sources):
            moved.add(step.target)
    return not moved.isdisjoint(program.outputs)


def _origin(net: Network) -> tuple[str, ...]:
    """Where the network came from, in characters that no language gives a meaning to in a comment."""
    told = net.provenance
    entries = [("network", net.name or told.path), ("file", told.file), ("sha256", told.sha256)]
    return tuple(f"{label}: {plain(text)}" for label, text in entries if text)


def remembered(recording: Recording) -> list[str]:
    """What the states of a network that looks back in time are; nothing for any other."""
    count = recording.sizes["states"]
    if recording.functions[0].name != "step":
        return []
    return [
        f"States, {count} numbers, 0 before the first step: the inputs of earlier steps, raw, oldest first,",
        "and behind them the outputs of all layers of earlier steps, at layer scale, oldest first",
    ]


def elements(shape: Shape) -> tuple[int, ...]:
    """A tape's shape without its batch axis."""
    return tuple(size for size in shape if size is not None)
