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
from matnet.functions.namespace import FloatArray
from matnet.network import Network
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

    name: Literal["value", "value_and_jacobian"]
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
    def value(self) -> Function:
        """The computation of y alone."""
        return self.functions[0]


def recorded(net: Network, name: str, options: Options) -> Recording:
    """The computations of `net` under the name `name`, unless the options give another.

    Raises
    ------
    UnsupportedError
        A name is no identifier, or clashes with another.
    """
    function_name = identifier(name if options.name is None else options.name, "the function's name")
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
    if net.dynamic:
        raise UnsupportedError("a network that looks back in time cannot be written as a function of x alone")
    x, y = Port("x", (net.input_size,)), Port("y", (net.output_size,))
    value = Function("value", (x,), (y,), record(net.program, quantities.value, (x.size,)))
    if not options.jacobian:
        return (value,)
    dydx = Port("dydx", (net.output_size, net.input_size))
    both = record(net.program, quantities.value_and_jacobian, (x.size,))
    return value, Function("value_and_jacobian", (x,), (y, dydx), both)


def _origin(net: Network) -> tuple[str, ...]:
    """Where the network came from, in characters that no language gives a meaning to in a comment."""
    told = net.provenance
    entries = [("network", net.name or told.path), ("file", told.file), ("sha256", told.sha256)]
    return tuple(f"{label}: {plain(text)}" for label, text in entries if text)


def elements(shape: Shape) -> tuple[int, ...]:
    """A tape's shape without its batch axis."""
    return tuple(size for size in shape if size is not None)
