"""The content of a formula: the requested results as expressions, and the names of their inputs and layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matnet.derivatives.jacobian import jacobian
from matnet.errors import UnsupportedError, counted
from matnet.formulas.expressions import Builder, Expression
from matnet.formulas.scalars import Elements, elements_of, expanded
from matnet.functions.namespace import Array, FloatArray, namespace
from matnet.model.points import input_box
from matnet.model.structure import Structure, element_names
from matnet.simulate import Program, TransferStep, batched, side_by_side
from matnet.simulate.program import Leaf
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record

MOST_TERMS = 3_000_000
"""The most terms of all expressions of a formula; a larger network should be exported as code with arrays."""


@dataclass(frozen=True)
class FormulaRequest:
    """The requested results: rows of the outputs or of layer `layer` (from 0), or derivatives with respect to inputs.

    ``rows`` and ``columns`` are positions, None for all; ``derivative`` is whether dy/dx is wanted and ``value``
    whether y is.
    """

    layer: int | None = None
    rows: tuple[int, ...] | None = None
    columns: tuple[int, ...] | None = None
    value: bool = True
    derivative: bool = False


@dataclass(frozen=True)
class Argument:
    """An input of a formula: its name, its description, and the limits of the points used for comparison."""

    name: str
    about: str
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """A result of a formula: its name, for a derivative the two names in it, and its expression."""

    name: str
    parts: tuple[str, ...]
    expression: Expression


@dataclass(frozen=True)
class RecordedExpressions:
    """The results of a network as expressions of arguments.

    ``labels`` are the names of expressions that have one in the network: a2_3 is the output of neuron 3 of layer 2,
    n2_3 its net input. ``reference`` computes the results (N, results) from arguments (N, arguments) by the network's
    own rows. ``fed_back`` are the arguments that are results of the step before.
    """

    arguments: tuple[Argument, ...]
    results: tuple[Result, ...]
    labels: dict[int, str]
    reference: Callable[[FloatArray], FloatArray]
    fed_back: tuple[str, ...] = ()


def recorded(
    structure: Structure, program: Program, wanted: FormulaRequest, short_slopes: bool = False
) -> RecordedExpressions:
    """The expressions of the requested results; `short_slopes` as for a Builder.

    Raises
    ------
    UnsupportedError
        The network is too large for expressions of single numbers, or a derivative of a network with feedback is
        wanted.
    """
    if structure.looks_ahead:
        raise UnsupportedError(
            "the network has no formula for one time step: its outputs depend on later steps of the series too"
        )
    recurrent = any(leaf.kind == "layer" for leaf in program.leaves)
    if recurrent and wanted.derivative:
        raise UnsupportedError(
            "a network with feedback has no formula for its derivative: that depends on all steps before, and "
            "run_jacobian computes it over a series; the formula of one step is available without wrt"
        )
    _check_terms(structure.input_size + structure.layer_elements + structure.output_size)
    arguments = _arguments(structure, program)
    size = len(arguments)
    plan = _Plan(structure, program, wanted, arguments)
    tape = simplified(record(program, plan.everything, (size,)))
    _check_terms(elements_of(tape))
    builder = Builder(short_slopes)
    arrays = expanded(tape, builder)
    wanted_arrays, layers = arrays[: plan.count], arrays[plan.count :]
    flat = [part for array in wanted_arrays for part in array.reshape(-1).tolist()]
    results = tuple(
        Result(name, parts, expression) for (name, parts), expression in zip(plan.names(), flat, strict=True)
    )
    fed_back = tuple(dict.fromkeys(_delayed(leaf) for leaf in program.leaves if leaf.kind == "layer"))
    return RecordedExpressions(arguments, results, _labels(structure, program, layers), plan.reference, fed_back)


def _check_terms(terms: int) -> None:
    if terms > MOST_TERMS:
        raise UnsupportedError(
            f"the network is too large for a formula: {counted(terms, 'term')}, at most {MOST_TERMS:,}; "
            "export it as code instead, which computes with arrays: matnet convert"
        )


def _arguments(structure: Structure, program: Program) -> tuple[Argument, ...]:
    """The elements of the program's leaves: x1, x1_lag1, and a2_1_lag1 for a layer's output one step before."""
    names = element_names(structure.inputs, "x")
    units = [unit for entry in structure.inputs for unit in entry.units or ("",) * entry.size]
    box = input_box(structure)
    starts = np.cumsum([0, *(entry.size for entry in structure.inputs)])
    arguments = []
    for leaf in program.leaves:
        for k in range(leaf.size):
            if leaf.kind == "layer":
                own = f"a{leaf.index + 1}_{k + 1}"
                initial = structure.layers[leaf.index].initial
                start = "0" if initial is None else f"{initial[k]:.17g}"
                about = f"{own}, {_steps(leaf.delay)} before; {start} before the first step"
                arguments.append(Argument(f"{own}_lag{leaf.delay}", about, -1.0, 1.0))
                continue
            place = starts[leaf.index] + k
            low, high = box[place].tolist()
            name = names[place] if not leaf.delay else f"{names[place]}_lag{leaf.delay}"
            about = units[place] if not leaf.delay else f"{names[place]}, {_steps(leaf.delay)} before"
            arguments.append(Argument(name, about, low, high))
    return tuple(arguments)


def _steps(count: int) -> str:
    return "one step" if count == 1 else f"{count} steps"


def _delayed(leaf: Leaf) -> str:
    return f"a{leaf.index + 1}"


class _Plan:
    """The computation of the requested results, with the layers' outputs and net inputs."""

    def __init__(
        self, structure: Structure, program: Program, wanted: FormulaRequest, arguments: Sequence[Argument]
    ) -> None:
        self.structure, self.program, self.wanted, self.arguments = structure, program, wanted, arguments
        self.targets = program.outputs if wanted.layer is None else (program.layers[wanted.layer],)
        loops = dict.fromkeys(leaf.index for leaf in program.leaves if leaf.kind == "layer")
        # the layers that are fed back are results of a step too
        self.loops = tuple(loops) if wanted.layer is None else ()

    @property
    def count(self) -> int:
        """The number of requested arrays."""
        return self.wanted.value + self.wanted.derivative + len(self.loops)

    def results(self, program: Program, x: Array) -> tuple[list[Array], list[Array]]:
        """The requested arrays, and the values of all signals."""
        values = program.run(x)
        arrays = []
        if self.wanted.value:
            y = batched(side_by_side([values[signal] for signal in self.targets]), x)
            arrays.append(_chosen(y, self.wanted.rows, -1))
        if self.wanted.derivative:
            slopes = jacobian(program, values, self.targets, tuple(leaf.signal for leaf in program.leaves), x)
            slopes = _chosen(slopes, self.wanted.rows, -2)
            arrays.append(_chosen(slopes, self.columns, -1))
        arrays += [batched(values[program.layers[index]], x) for index in self.loops]
        return arrays, values

    @property
    def columns(self) -> tuple[int, ...] | None:
        """The positions of the arguments with respect to which is differentiated: the requested inputs, at every
        delay."""
        if self.wanted.columns is None:
            return None
        starts = np.cumsum([0, *(entry.size for entry in self.structure.inputs)])
        places = [starts[leaf.index] + k for leaf in self.program.leaves for k in range(leaf.size)]
        return tuple(k for column in self.wanted.columns for k, place in enumerate(places) if place == column)

    def everything(self, program: Program, x: Array) -> list[Array]:
        """The requested arrays, then the output and the net input of each layer."""
        arrays, values = self.results(program, x)
        for signal in program.layers:
            arrays += [batched(values[signal], x), batched(values[_transfer(program, signal).sources[0]], x)]
        return arrays

    def reference(self, x: FloatArray) -> FloatArray:
        """The results (N, results) by the plain rows."""
        with np.errstate(all="ignore"):
            arrays, _ = self.results(self.program, x)
        return np.concatenate([array.reshape(len(x), -1) for array in arrays], axis=1)

    def names(self) -> list[tuple[str, tuple[str, ...]]]:
        """The name of each result, and the names in it."""
        if self.wanted.layer is None:
            own = element_names(self.structure.outputs, "y")
        else:
            own = _neurons(self.structure, self.wanted.layer)
        rows = [own[row] for row in (range(len(own)) if self.wanted.rows is None else self.wanted.rows)]
        named: list[tuple[str, tuple[str, ...]]] = []
        if self.wanted.value:
            named += [(name, (name,)) for name in rows]
        if self.wanted.derivative:
            names = [argument.name for argument in self.arguments]
            columns = [names[k] for k in (range(len(names)) if self.columns is None else self.columns)]
            named += [(f"d{y}_d{x}", (y, x)) for y in rows for x in columns]
        for index in self.loops:
            named += [(name, (name,)) for name in _neurons(self.structure, index)]
        return named


def _chosen(array: Array, places: tuple[int, ...] | None, axis: int) -> Array:
    """Selected elements of one of the last two axes."""
    if places is None:
        return array
    xp = namespace(array)
    if axis == -1:
        return xp.concat([array[..., k : k + 1] for k in places], axis=-1)
    rows = [array[..., k : k + 1, :] for k in places]
    shape = (*rows[0].shape[:-2], 1, rows[0].shape[-1] * len(rows))
    joined = xp.reshape(xp.concat(rows, axis=-1), shape)
    return xp.reshape(joined, (*shape[:-2], len(rows), rows[0].shape[-1]))


def _transfer(program: Program, signal: int) -> TransferStep:
    """The step of a layer's transfer function."""
    return next(step for step in program.steps if isinstance(step, TransferStep) and step.target == signal)


def _neurons(structure: Structure, layer: int) -> tuple[str, ...]:
    return tuple(f"a{layer + 1}_{k}" for k in range(1, structure.layers[layer].size + 1))


def _labels(structure: Structure, program: Program, arrays: Sequence[Elements]) -> dict[int, str]:
    """The names of layers' outputs and net inputs by the numbers of their expressions; an output's name comes first."""
    labels: dict[int, str] = {}
    for number in range(len(program.layers)):
        # in a radial layer the net input is replaced by its square, which has no name
        plain = _transfer(program, program.layers[number]).row.name == structure.layers[number].transfer
        for letter, array in zip("an" if plain else "a", arrays[2 * number : 2 * number + 1 + plain], strict=True):
            for k, expression in enumerate(array.reshape(-1).tolist(), start=1):
                if not expression.atomic:
                    labels.setdefault(expression.number, f"{letter}{number + 1}_{k}")
    return labels
