"""The stages of a network's computation in the order of a calculation by hand, with names for all values.

The names are those of MATLAB's variables: ``p{1}(2)`` is element 2 of input 1 after its processing, ``zIW1_1(3)`` the
weighted input of neuron 3 by IW{1,1}, ``n{1}(3)`` and ``a{1}(3)`` its net input and output. Inputs and outputs have the
network's own names; a derivative is named after both, ``da{1}(3)_dn{1}(3)``. An earlier time step comes after a
name: ``a{1}(3)(t-1)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.jacobian import jacobian
from matnet.functions.namespace import Array, FloatArray
from matnet.functions.processing import PROCESSING
from matnet.model.structure import Process, Structure, element_names
from matnet.network.names import derivative_name
from matnet.simulate import (
    BiasStep,
    Leaf,
    NetInputStep,
    ProcessingStep,
    Program,
    Step,
    TransferStep,
    WeightStep,
    lay_out,
)


@dataclass(frozen=True, eq=False)
class ValueStage:
    """The elements of one signal, computed by one step; None for what is given."""

    title: str
    names: tuple[str, ...]
    signal: int
    step: Step | None = None


@dataclass(frozen=True, eq=False)
class SlopeStage:
    """The derivatives of the signals `of` with respect to the signals `wrt`: those at `rows` and `columns`."""

    title: str
    names: tuple[str, ...]
    of: tuple[int, ...]
    wrt: tuple[int, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


class Route:
    """The stages of a network for one sample: first the values, then the factors of the derivatives, then dy/dx."""

    def __init__(self, structure: Structure, argument: FloatArray) -> None:
        self.structure = structure
        self.argument = argument
        self.program = lay_out(structure, squared=False)
        self.names: dict[int, tuple[str, ...]] = {}
        self.processes: dict[int, Process] = {}
        """The processing function that computes a signal."""
        self.titles: dict[int, str] = {}
        """Which input or output that is: input 1, output 2."""
        self.values: list[ValueStage] = list(self._value_stages())
        with np.errstate(all="ignore"):
            self._signals = self.program.run(argument)
            self.slopes: list[SlopeStage] = list(self._slope_stages())

    @property
    def reached(self) -> list[Array]:
        """The values of all signals."""
        return self._signals

    @property
    def present(self) -> tuple[int, ...]:
        """The signals of the inputs of this time step."""
        return tuple(leaf.signal for leaf in self._present_leaves())

    def _present_leaves(self) -> list[Leaf]:
        return [leaf for leaf in self.program.leaves if leaf.kind == "input" and not leaf.delay and leaf.size]

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the network's outputs."""
        return element_names(self.structure.outputs, "y")

    def _value_stages(self) -> Iterator[ValueStage]:
        chains: dict[int, tuple[str, int, int, int]] = {}
        for leaf in self.program.leaves:
            if not leaf.size:
                continue
            past = f"(t-{leaf.delay})" if leaf.delay else ""
            before = f", {leaf.delay} time step{'' if leaf.delay == 1 else 's'} before" if past else ""
            yield self._stage(f"{leaf.kind} {leaf.index + 1}{before}", self._leaf_names(leaf, past), leaf.signal, None)
            if leaf.kind == "input":
                chains[leaf.signal] = ("input", leaf.index, 0, leaf.delay)
        ends = {signal: number for number, signal in enumerate(self.program.output_layers)}
        for step in self.program.steps:
            stage = self._step_stage(step, chains)
            if stage is not None:
                yield stage
            if step.target in ends:
                yield from self._unprocessed(ends[step.target], step.target)
                chains[step.target] = ("output", ends[step.target], 0, 0)

    def _stage(self, title: str, names: tuple[str, ...], signal: int, step: Step | None) -> ValueStage:
        self.names[signal] = names
        return ValueStage(title, names, signal, step)

    def _leaf_names(self, leaf: Leaf, past: str) -> tuple[str, ...]:
        if leaf.kind == "layer":
            return _numbered(f"a{{{leaf.index + 1}}}", leaf.size, past)
        start = sum(entry.size for entry in self.structure.inputs[: leaf.index])
        own = element_names(self.structure.inputs, "x")[start : start + leaf.size]
        return tuple(name + past for name in own)

    def _step_stage(self, step: Step, chains: dict[int, tuple[str, int, int, int]]) -> ValueStage | None:
        size = self.program.sizes[step.target]
        if isinstance(step, ProcessingStep):
            return self._processing_stage(step, chains)
        if isinstance(step, WeightStep):
            kind, layer, source = step.key
            p = "p" if kind == "IW" else "a"
            weighted = f"z = {step.row.name}({kind}{{{layer + 1},{source + 1}}}, {p})"
            title = f"{self._layer(layer)}: {weighted}, {step.row.formula}"
            return self._stage(title, _numbered(f"z{kind}{layer + 1}_{source + 1}", size), step.target, step)
        if isinstance(step, (NetInputStep, BiasStep)):
            number = step.key[1] + 1
            formula = "b" if isinstance(step, BiasStep) else f"{step.row.name}, {_net_formula(step)}"
            return self._stage(
                f"{self._layer(number - 1)}: n = {formula}", _numbered(f"n{{{number}}}", size), step.target, step
            )
        if isinstance(step, TransferStep):
            number = self.program.layers.index(step.target) + 1
            title = f"{self._layer(number - 1)}: a = {step.row.name}(n) = {step.row.formula}"
            return self._stage(title, _numbered(f"a{{{number}}}", size), step.target, step)
        self.names[step.target] = tuple(name for source in step.sources for name in self.names[source])
        return None

    def _layer(self, number: int) -> str:
        """A layer's number, counted from 1, and its name in a network of layers."""
        layer = self.structure.layers[number]
        return f"layer {number + 1} ({layer.name})" if layer.kind else f"layer {number + 1}"

    def _processing_stage(self, step: ProcessingStep, chains: dict[int, tuple[str, int, int, int]]) -> ValueStage:
        side, number, done, delay = chains[step.sources[0]]
        chains[step.target] = (side, number, done + 1, delay)
        entry = self.structure.inputs[number] if side == "input" else self.structure.outputs[number]
        order = entry.processing if side == "input" else entry.processing[::-1]
        process, last = order[done], done + 1 == len(order)
        self.processes[step.target] = process
        self.titles[step.target] = f"{side} {number + 1}"
        size, past = self.program.sizes[step.target], f"(t-{delay})" if delay else ""
        formula = PROCESSING[process.function].formula
        if side == "input":
            step_name = "" if last else f"_step{done + 1}"
            names = _numbered(f"p{{{number + 1}}}{step_name}", size, past)
            title = f"input {number + 1}{past}: {process.function}, {formula.partition(';')[0]}"
        else:
            names = self._output_names(number) if last else _numbered(f"y{{{number + 1}}}_step{done + 1}", size)
            reverse = formula.partition("; reverse ")[2] or formula
            title = f"output {number + 1}: reverse of {process.function}, {reverse}"
        return self._stage(title, names, step.target, step)

    def _unprocessed(self, number: int, signal: int) -> Iterator[ValueStage]:
        """An output that is its layer's output: its own names for the same values."""
        if not self.structure.outputs[number].processing:
            layer = self.structure.outputs[number].layer + 1
            title = f"output {number + 1}: the output of layer {layer}, without processing"
            yield ValueStage(title, self._output_names(number), signal)

    def _output_names(self, number: int) -> tuple[str, ...]:
        start = sum(entry.size for entry in self.structure.outputs[:number])
        size = self.structure.outputs[number].size
        return self.output_names[start : start + size]

    def _slope_stages(self) -> Iterator[SlopeStage]:
        program = self.program
        for leaf in self._present_leaves():
            processed = program.processed[leaf.index]
            if processed != leaf.signal:
                title = f"derivative of the processing of input {leaf.index + 1}, where it is not 0"
                yield self._slope(title, processed, leaf.signal, where="nonzero")
        for step in program.steps:
            if isinstance(step, WeightStep) and not step.row.linear:
                source = step.sources[0]
                title = f"{self._layer(step.key[1])}: dz/dp = {step.row.derivative}"
                yield self._slope(title, step.target, source)
            elif isinstance(step, NetInputStep) and not step.row.linear:
                for source in step.sources:
                    title = f"{self._layer(step.key[1])}: dn/dz = {step.row.derivative}"
                    yield self._slope(title, step.target, source, where="diagonal")
            elif isinstance(step, TransferStep):
                number = program.layers.index(step.target) + 1
                title = f"{self._layer(number - 1)}: da/dn = {step.row.derivative}"
                where = "all" if step.row.coupled else "diagonal"
                yield self._slope(title, step.target, step.sources[0], where=where)
        for number, (signal, layer) in enumerate(zip(program.outputs, program.output_layers, strict=True), start=1):
            if signal != layer:
                title = f"derivative of the reverse processing of output {number}, where it is not 0"
                yield self._slope(title, signal, layer, where="nonzero")
        for leaf in self._present_leaves():
            for layer in program.output_layers:
                title = "dny/dnx: chain rule through all layers: weights times slopes da/dn"
                yield self._slope(title, layer, program.processed[leaf.index])
        if self.present:
            yield self._whole()

    def _slope(self, title: str, of: int, wrt: int, where: str = "all") -> SlopeStage:
        shape = self.program.sizes[of], self.program.sizes[wrt]
        if where == "diagonal":
            rows = columns = np.arange(shape[0])
        elif where == "all":
            rows, columns = (part.reshape(-1) for part in np.indices(shape))
        else:
            found = jacobian(self.program, self._signals, (of,), (wrt,), self.argument)
            rows, columns = np.nonzero(found)
        own, by = self.names[of], self.names[wrt]
        return SlopeStage(title, _pairs(own, by, rows, columns), (of,), (wrt,), rows, columns)

    def _whole(self) -> SlopeStage:
        title = "dy/dx at real scale: derivative of the reverse processing · dny/dnx · derivative of the processing"
        names = [self.output_names, element_names(self.structure.inputs, "x")]
        rows, columns = (part.reshape(-1) for part in np.indices((len(names[0]), len(names[1]))))
        return SlopeStage(
            title, _pairs(names[0], names[1], rows, columns), self.program.outputs, self.present, rows, columns
        )

    @property
    def program_size(self) -> int:
        """The number of weights and biases, to which the work of a computation is in proportion."""
        return sum(self.program.parameter_sizes)

    def numbers(self, values: Program, slopes: Program, reverse_values: bool = False) -> Numbers:
        """The numbers of the stages by these programs, which have the signals of the network's own.

        With `reverse_values`, dy/dx is the reverse processing applied to the derivative as if it were a value.
        """
        return Numbers(self, values, slopes, reverse_values)

    def reversed(self, slopes: Program, reached: Sequence[Array]) -> FloatArray:
        """Each output's reverse processing as if the derivatives of its layer were values, (S, R)."""
        parts = []
        for output, layer in zip(self.structure.outputs, slopes.output_layers, strict=True):
            columns = jacobian(slopes, reached, (layer,), self.present, self.argument).T
            for process in reversed(output.processing):
                columns = process.reverse.value(columns)
            parts.append(columns.T)
        return np.concatenate(parts)


class Numbers:
    """The numbers of a route's stages, values first, each computed when it is asked for."""

    def __init__(self, route: Route, values: Program, slopes: Program, reverse_values: bool) -> None:
        self._route = route
        self._slopes = slopes
        self._reverse_values = reverse_values
        self._found: dict[int, FloatArray] = {}
        with np.errstate(all="ignore"):
            self._reached = values.run(route.argument)

    def __len__(self) -> int:
        return len(self._route.values) + len(self._route.slopes)

    def __iter__(self) -> Iterator[FloatArray]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> FloatArray:
        if number not in self._found:
            with np.errstate(all="ignore"):
                self._found[number] = np.asarray(self._stage(number), dtype=np.float64)
        return self._found[number]

    def _stage(self, number: int) -> Array:
        route, count = self._route, len(self._route.values)
        if number < count:
            return self._reached[route.values[number].signal]
        stage = route.slopes[number - count]
        if self._reverse_values and number == len(self) - 1:
            return route.reversed(self._slopes, self._reached)[stage.rows, stage.columns]
        derivative = jacobian(self._slopes, self._reached, stage.of, stage.wrt, route.argument)
        return np.asarray(derivative)[stage.rows, stage.columns]


def _numbered(name: str, size: int, suffix: str = "") -> tuple[str, ...]:
    return tuple(f"{name}({k}){suffix}" for k in range(1, size + 1))


def _pairs(of: Sequence[str], wrt: Sequence[str], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(derivative_name(of[i], wrt[j]) for i, j in zip(rows.tolist(), columns.tolist(), strict=True))


def _net_formula(step: NetInputStep) -> str:
    return step.row.formula if step.bias is not None else step.row.formula.removeprefix("b").lstrip(" +")
