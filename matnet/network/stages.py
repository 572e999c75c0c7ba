"""The stages of a network's computation in the order of a calculation by hand, with names for all values.

The names are those of MATLAB's variables: ``p{1}(2)`` is element 2 of input 1 after its processing, ``zIW1_1(3)`` the
weighted input of neuron 3 by IW{1,1}, ``n{1}(3)`` and ``a{1}(3)`` its net input and output. Inputs and outputs have the
network's own names; a derivative is named after both, ``da{1}(3)_dn{1}(3)``. An earlier time step comes after a
name: ``a{1}(3)(t-1)``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.accumulate import cotangents, gathered, identity_seeds, step_values
from matnet.derivatives.jacobian import jacobian
from matnet.errors import UnsupportedError, counted
from matnet.functions.images import MaxPooling
from matnet.functions.maps import Identity, Scale, Shift, Unscale
from matnet.functions.namespace import Array, FloatArray
from matnet.functions.processing import PROCESSING
from matnet.model.structure import Process, Structure, element_names
from matnet.network.names import derivative_name
from matnet.simulate import (
    BiasStep,
    ConcatStep,
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
    """The elements of one signal, computed by one step; the step is None for given values."""

    title: str
    names: tuple[str, ...]
    signal: int
    step: Step | None = None


Kind: TypeAlias = Literal["processing", "step", "layers", "whole"]
"""Which factor: of the processing or its reverse, of one step of a layer, of all layers from there on, or all."""

MOST_QUANTITIES = 1_000_000
"""A trace of more numbers is refused."""


@dataclass(frozen=True, eq=False)
class SlopeStage:
    """The derivatives of the signals `of` with respect to the signals `wrt`: those at `rows` and `columns`.

    ``diagonal``: element i of the one depends on element i of the other alone.
    """

    kind: Kind
    title: str
    names: tuple[str, ...]
    of: tuple[int, ...]
    wrt: tuple[int, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    diagonal: bool = False


@dataclass(frozen=True, eq=False)
class Consumer:
    """A weight that takes a signal, from column `first` of it on, and the net input n that it is part of."""

    step: WeightStep
    n: int
    first: int


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
        self._constants: dict[int, FloatArray] = {}
        self._quantities = sum(self.program.sizes)
        self._count(0)
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

    @property
    def processed_present(self) -> tuple[int, ...]:
        """The same after their processing."""
        return tuple(self.program.processed[leaf.index] for leaf in self._present_leaves())

    def _present_leaves(self) -> list[Leaf]:
        return [leaf for leaf in self.program.leaves if leaf.kind == "input" and not leaf.delay and leaf.size]

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the network's outputs; y1, y2, … for those called like an input, or y1_2, … if that is taken."""
        inputs = set(element_names(self.structure.inputs, "x"))
        names = element_names(self.structure.outputs, "y")
        found = list(names)
        for k, name in enumerate(names):
            if name in inputs:
                others = (f"y{k + 1}{end}" for end in itertools.chain([""], map("_{}".format, itertools.count(2))))
                found[k] = next(other for other in others if other not in inputs and other not in names)
        return tuple(found)

    def _value_stages(self) -> Iterator[ValueStage]:
        chains: dict[int, tuple[str, int, int, int]] = {}
        for leaf in self.program.leaves:
            if not leaf.size:
                continue
            past, before = self._time(leaf)
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

    def _time(self, leaf: Leaf) -> tuple[str, str]:
        """When a leaf is from, as a suffix of its name and in words; nothing for the present."""
        backward = leaf.kind == "layer" and self.structure.layers[leaf.index].backward
        if leaf.last:
            return "(last)", f", its {'first' if backward else 'last'} step of the series"
        if not leaf.delay:
            return "", ""
        sign, word = ("+", "after") if backward else ("-", "before")
        return f"(t{sign}{leaf.delay})", f", {leaf.delay} time step{'' if leaf.delay == 1 else 's'} {word}"

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
        """An output without processing: its own names for the values of its layer."""
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
                yield self._processing_slope(title, processed, leaf.signal)
        for step in program.steps:
            yield from self._step_slopes(step)
        for number, (signal, layer) in enumerate(zip(program.outputs, program.output_layers, strict=True), start=1):
            if signal != layer:
                title = f"derivative of the reverse processing of output {number}, where it is not 0"
                yield self._processing_slope(title, signal, layer)
        for layer in dict.fromkeys(program.output_layers):
            yield from self._layer_slopes(layer)
        if self.present:
            yield self._whole()

    def _step_slopes(self, step: Step) -> Iterator[SlopeStage]:
        """The slopes of one step of a layer that are not simply its weights."""
        if isinstance(step, WeightStep) and not step.row.linear and not isinstance(step.row, MaxPooling):
            title = f"{self._layer(step.key[1])}: dz/dp = {step.row.derivative}"
            yield self._slope("step", title, step.target, step.sources[0])
        elif isinstance(step, NetInputStep) and not step.row.linear:
            for source in step.sources:
                title = f"{self._layer(step.key[1])}: dn/dz = {step.row.derivative}"
                yield self._slope("step", title, step.target, source, diagonal=True)
        elif isinstance(step, TransferStep):
            number = self.program.layers.index(step.target) + 1
            title = f"{self._layer(number - 1)}: da/dn = {step.row.derivative}"
            yield self._slope("step", title, step.target, step.sources[0], diagonal=not step.row.coupled)

    def _layer_slopes(self, layer: int) -> Iterator[SlopeStage]:
        """From an output's layer back to the inputs: its derivatives with respect to n and a of each layer."""
        program = self.program
        needed = self.depended_on(layer)
        a = f"da{{{program.layers.index(layer) + 1}}}"
        for step in reversed(program.steps):
            if not isinstance(step, TransferStep) or step.target not in needed or step.target == layer:
                continue
            number = program.layers.index(step.target) + 1
            title = f"{a}/da{{{number}}}: for each layer that takes a{{{number}}}, sum({a}/dn dn/dz dz/da{{{number}}})"
            yield self._slope("layers", title, layer, step.target)
            title = f"{a}/dn{{{number}}} = {a}/da{{{number}}} da{{{number}}}/dn{{{number}}}"
            yield self._slope("layers", title, layer, step.sources[0])
        for leaf in self._present_leaves():
            p = program.processed[leaf.index]
            name = f"p{{{leaf.index + 1}}}" if p != leaf.signal else f"input {leaf.index + 1}"
            title = f"dny/dnx: {a} with respect to {name}: for each layer that takes it, sum({a}/dn dn/dz dz/dp)"
            yield self._slope("layers", title, layer, p)

    def depended_on(self, signal: int) -> frozenset[int]:
        """The signal and all signals that it depends on."""
        found = {signal}
        for step in reversed(self.program.steps):
            if step.target in found and not isinstance(step, BiasStep):
                found.update(step.sources)
        return frozenset(found)

    def _slope(self, kind: Kind, title: str, of: int, wrt: int, diagonal: bool = False) -> SlopeStage:
        shape = self.program.sizes[of], self.program.sizes[wrt]
        self._count(shape[0] if diagonal else shape[0] * shape[1])
        if diagonal:
            rows = columns = np.arange(shape[0])
        else:
            rows, columns = (part.reshape(-1) for part in np.indices(shape))
        names = _pairs(self.names[of], self.names[wrt], rows, columns)
        return SlopeStage(kind, title, names, (of,), (wrt,), rows, columns, diagonal)

    def _processing_slope(self, title: str, of: int, wrt: int) -> SlopeStage:
        """The derivative of processing functions, without its zeros."""
        if all(isinstance(step.map, (Identity, Scale, Shift, Unscale)) for step in self.chain(of, wrt)):
            return self._slope("processing", title, of, wrt, diagonal=True)
        self._count(self.program.sizes[of] * self.program.sizes[wrt])
        rows, columns = np.nonzero(jacobian(self.program, self._signals, (of,), (wrt,), self.argument))
        names = _pairs(self.names[of], self.names[wrt], rows, columns)
        return SlopeStage("processing", title, names, (of,), (wrt,), rows, columns)

    def chain(self, of: int, wrt: int) -> list[ProcessingStep]:
        """The processing functions from the signal `wrt` to the signal `of`, in order."""
        found: list[ProcessingStep] = []
        while of != wrt:
            step = self.by_target[of]
            if not isinstance(step, ProcessingStep):
                raise AssertionError(f"signal {of} is not processed from signal {wrt}")
            found.append(step)
            of = step.sources[0]
        return found[::-1]

    @cached_property
    def by_target(self) -> dict[int, Step]:
        """The step that computes each signal."""
        return {step.target: step for step in self.program.steps}

    @cached_property
    def transferred(self) -> dict[int, int]:
        """The output of a layer for the signal of each net input."""
        return {step.sources[0]: step.target for step in self.program.steps if isinstance(step, TransferStep)}

    @cached_property
    def consumers(self) -> Mapping[int, Sequence[Consumer]]:
        """The weights that take each signal, directly or as one of the taps of their delays."""
        steps = self.program.steps
        net_inputs = {z: step.target for step in steps if isinstance(step, NetInputStep) for z in step.sources}
        found: dict[int, list[Consumer]] = {}
        for step in steps:
            if not isinstance(step, WeightStep):
                continue
            taps, first = self.by_target.get(step.sources[0]), 0
            for signal in taps.sources if isinstance(taps, ConcatStep) else step.sources:
                found.setdefault(signal, []).append(Consumer(step, net_inputs[step.target], first))
                first += self.program.sizes[signal]
        return found

    def entries(self, step: Step, k: int) -> tuple[NDArray[np.intp], FloatArray]:
        """The places and numbers of row k of the derivative of a step with one source; all for dotprod, else not 0."""
        if isinstance(step, WeightStep) and step.row.name == "dotprod":
            return np.arange(step.w.shape[1]), np.asarray(step.w, dtype=np.float64)[k]
        unit = np.eye(1, self.program.sizes[step.target], k)
        with np.errstate(all="ignore"):
            row = np.asarray(step.cotangent(*step_values(step, self._signals), unit)[0])[0]
        return np.flatnonzero(row), row[np.flatnonzero(row)]

    def column(self, consumer: Consumer, j: int) -> tuple[NDArray[np.intp], FloatArray]:
        """The places and numbers of the column of dz/dp that element j of the signal belongs to."""
        step, j = consumer.step, consumer.first + j
        if step.row.name == "dotprod":
            return np.arange(step.w.shape[0]), np.asarray(step.w, dtype=np.float64)[:, j]
        unit = np.eye(1, self.program.sizes[step.sources[0]], j)
        with np.errstate(all="ignore"):
            column = np.asarray(step.tangent(*step_values(step, self._signals), [unit]))[0]
        places = (
            np.flatnonzero(column) if step.row.linear or isinstance(step.row, MaxPooling) else np.arange(len(column))
        )
        return places, column[places]

    def constants(self, step: WeightStep) -> FloatArray:
        """The value of a linear step at 0."""
        if step.target not in self._constants:
            zero = np.zeros(self.program.sizes[step.sources[0]])
            self._constants[step.target] = np.asarray(step.value([zero]), dtype=np.float64)
        return self._constants[step.target]

    def _count(self, more: int) -> None:
        """Count quantities, and refuse too many."""
        self._quantities += more
        if self._quantities > MOST_QUANTITIES:
            raise UnsupportedError(
                f"the trace of this network has more than {counted(MOST_QUANTITIES, 'number')}; layer_outputs gives "
                "the outputs of its layers"
            )

    def _whole(self) -> SlopeStage:
        title = "dy/dx at real scale: derivative of the reverse processing · dny/dnx · derivative of the processing"
        names = [self.output_names, element_names(self.structure.inputs, "x")]
        self._count(len(names[0]) * len(names[1]))
        rows, columns = (part.reshape(-1) for part in np.indices((len(names[0]), len(names[1]))))
        pairs = _pairs(names[0], names[1], rows, columns)
        return SlopeStage("whole", title, pairs, self.program.outputs, self.present, rows, columns)

    @property
    def program_size(self) -> int:
        """The number of weights and biases: the work of a computation is proportional to it."""
        return sum(self.program.parameter_sizes)

    def numbers(self, values: Program, slopes: Program, reverse_values: bool = False) -> Numbers:
        """The numbers of the stages, computed by these programs, which have the signals of the network's own program.

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
        self._backward: dict[int, dict[int, FloatArray]] = {}
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
        if stage.diagonal:
            return self._diagonal(stage.of[0], stage.wrt[0])
        if stage.kind == "layers":
            return self._from_layer(stage.of[0], stage.wrt[0])[stage.rows, stage.columns]
        derivative = jacobian(self._slopes, self._reached, stage.of, stage.wrt, route.argument)
        return np.asarray(derivative)[stage.rows, stage.columns]

    def _diagonal(self, of: int, wrt: int) -> Array:
        """The derivative of each element of a signal with respect to the same element of another."""
        steps = {step.target: step for step in self._slopes.steps}
        slope: Array = np.ones((1, self._slopes.sizes[of]))
        while of != wrt:
            step = steps[of]
            if wrt not in step.sources and not isinstance(step, ProcessingStep):
                return np.zeros(self._slopes.sizes[wrt])
            place = step.sources.index(wrt) if wrt in step.sources else 0
            slope = step.cotangent(*step_values(step, self._reached), slope)[place]
            of = step.sources[place]
        return slope[0]

    def _from_layer(self, layer: int, wrt: int) -> FloatArray:
        """The derivative of a layer's output with respect to a signal, from one backward pass for all of them."""
        if layer not in self._backward:
            program, argument = self._slopes, self._route.argument
            wanted = [stage.wrt[0] for stage in self._route.slopes if stage.kind == "layers" and stage.of[0] == layer]
            rows = cotangents(program, self._reached, identity_seeds(program, (layer,), argument))
            count = program.sizes[layer]
            self._backward[layer] = {
                signal: np.asarray(gathered([rows[signal]], [program.sizes[signal]], count, argument))
                for signal in wanted
            }
        return self._backward[layer][wrt]


def _numbered(name: str, size: int, suffix: str = "") -> tuple[str, ...]:
    return tuple(f"{name}({k}){suffix}" for k in range(1, size + 1))


def _pairs(of: Sequence[str], wrt: Sequence[str], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(derivative_name(of[i], wrt[j]) for i, j in zip(rows.tolist(), columns.tolist(), strict=True))


def _net_formula(step: NetInputStep) -> str:
    return step.row.formula if step.bias is not None else step.row.formula.removeprefix("b").lstrip(" +")
