"""Dynamic networks: a series run step by step, and its total derivatives through taps and recurrences.

A Program describes one instant; its leaves are the inputs and layer outputs at the delays of its weights. Here the
instants follow each other. With P(t) the derivative of one step with respect to its leaves, the total derivative of
the results of a step with respect to something earlier is

    D(t) = P_direct(t) + Σ_{k,d} P_{k,d}(t) D_k(t − d)

over the layers k that are fed back with delay d. Initial states are held fixed, unless the derivative is with respect
to them.

Layers may run backward in time: they begin at the last step, and their delays lead to later ones. The layers that are
fed back then run in passes, each in one direction and after those that it needs (``Structure.levels``); the sum above
is the same, with t + d for t − d, taken in the order of the passes.

Arrays here have a flat batch: x (B, T, R), input states (B, ID, R), layer states (B, LD, N), N the neurons of all
layers, the oldest step first; of a layer that runs backward the step that it computed first. A history of layers has
LD steps before the series, and where layers run backward LD more after it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.memory import check_memory
from matnet.derivatives.quantities import Adjoints, OutputsAndLayers, Quantity, SignalJacobian, Signals
from matnet.errors import counted
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Structure
from matnet.simulate import Leaf, Program


class Evaluate(Protocol):
    """Runs a quantity on arrays (rows, size)."""

    def __call__(self, quantity: Quantity, *arrays: FloatArray) -> list[FloatArray]:
        """The quantity's results, (rows, …) each."""


@dataclass(frozen=True)
class Run:
    """The result of ``Network.run``.

    ``outputs`` (..., T, S) at raw scale; ``input_states`` (..., ID, R) raw and ``layer_states`` (..., LD, N) at layer
    scale are the states after the last step, oldest first: with them, the next run continues the series exactly.
    ``layer_outputs`` (..., T, N) are all layers' outputs concatenated. The states of a layer that runs backward in time
    are those after its last step, the first one of the series. What a layer gives that takes the last step of a whole
    series is NaN at the steps before.
    """

    outputs: FloatArray
    input_states: FloatArray
    layer_states: FloatArray
    layer_outputs: FloatArray

    @property
    def states(self) -> FloatArray:
        """(..., n): both states as one vector, as exported steps take it: the inputs, then the layers, oldest first."""
        return flat_states(self.input_states, self.layer_states)


def flat_states(input_states: FloatArray, layer_states: FloatArray) -> FloatArray:
    """States (..., n) from those of ``Network.run``, (..., ID, R) and (..., LD, N)."""
    parts = [states.reshape(*states.shape[:-2], -1) for states in (input_states, layer_states)]
    return np.concatenate(parts, axis=-1)


@dataclass(frozen=True, eq=False)
class Pass:
    """Layers that are fed back, computed in one direction over a series.

    ``layers`` are their numbers from 0, ``columns`` those of their neurons among those of all layers.
    """

    layers: tuple[int, ...]
    columns: NDArray[np.intp]
    backward: bool

    def times(self, steps: int) -> range:
        """The steps in the order of computation."""
        return range(steps - 1, -1, -1) if self.backward else range(steps)


class Series:
    """A network's layout in time: which columns of a step's argument are which part of the history."""

    def __init__(self, structure: Structure, program: Program, evaluate: Evaluate) -> None:
        self.program = program
        self.evaluate = evaluate
        self.input_delay = structure.input_delay
        self.layer_delay = structure.layer_delay
        self.input_size = structure.input_size
        self.output_size = structure.output_size
        self.layer_size = structure.layer_elements
        self.looks_ahead = structure.looks_ahead
        # the single leaf of a network without inputs and delays is an input without elements
        inputs = np.cumsum([0, *([entry.size for entry in structure.inputs] or [0])])
        layers = np.cumsum([0, *(layer.size for layer in structure.layers)])
        self._columns = {"input": inputs, "layer": layers}
        starts = np.cumsum([0, *(leaf.size for leaf in program.leaves)])
        self._argument_size = int(starts[-1])
        self.leaf_columns = [slice(int(a), int(b)) for a, b in itertools.pairwise(starts)]
        self._backward = tuple(layer.backward for layer in structure.layers)
        self._reversed = np.repeat(self._backward, [layer.size for layer in structure.layers])
        fed_back = sorted({leaf.index for leaf in program.leaves if leaf.kind == "layer"})
        self._fed_back = tuple(fed_back)
        self._neurons = self._neurons_of(fed_back)
        places = sorted({(structure.levels[index], self._backward[index]) for index in fed_back})
        self._passes = tuple(
            self._pass([index for index in fed_back if (structure.levels[index], self._backward[index]) == place])
            for place in places
        )

    def _pass(self, layers: Sequence[int]) -> Pass:
        return Pass(tuple(layers), self._neurons_of(layers), self._backward[layers[0]])

    def _neurons_of(self, layers: Sequence[int]) -> NDArray[np.intp]:
        """The columns of some layers among those of all layers."""
        edges = self._columns["layer"]
        return np.concatenate([np.arange(0), *(np.arange(edges[index], edges[index + 1]) for index in layers)])

    def columns(self, leaf: Leaf) -> slice:
        """The columns of x, or of all layers' outputs, that belong to a leaf."""
        edges = self._columns[leaf.kind]
        return slice(int(edges[leaf.index]), int(edges[leaf.index + 1]))

    @property
    def leaves(self) -> list[tuple[Leaf, slice]]:
        """The leaves with their columns in a step's argument."""
        return list(zip(self.program.leaves, self.leaf_columns, strict=True))

    @property
    def recurrent(self) -> bool:
        """Whether any layer output is used with a delay, so that the steps must be computed one by one."""
        return bool(self._fed_back)

    def source(self, leaf: Leaf, time: int, steps: int) -> int | None:
        """The step of a series that a leaf is taken from at a time, outside of it for a state.

        None if there is none: what a layer gives last has no value before the last step.
        """
        backward = leaf.kind == "layer" and self._backward[leaf.index]
        if leaf.last:
            return None if time < steps - 1 else (0 if backward else steps - 1)
        return time + leaf.delay if backward else time - leaf.delay

    def argument(self, inputs: FloatArray, layers: FloatArray, time: int | slice) -> FloatArray:
        """A step's argument from the histories: inputs (B, ID + T, R), layers (B, LD + T, N).

        For one time (B, A); for a slice of times (B, times, A).
        """
        parts = []
        steps = inputs.shape[1] - self.input_delay
        for leaf in self.program.leaves:
            history, reach = (inputs, self.input_delay) if leaf.kind == "input" else (layers, self.layer_delay)
            if leaf.last:
                parts.append(self._last(layers, leaf, time, steps))
                continue
            back = reach + (leaf.delay if leaf.kind == "layer" and self._backward[leaf.index] else -leaf.delay)
            when: int | slice
            when = time + back if isinstance(time, int) else slice(time.start + back, time.stop + back)
            parts.append(history[:, when, self.columns(leaf)])
        return np.concatenate(parts, axis=-1)

    def _last(self, layers: FloatArray, leaf: Leaf, time: int | slice, steps: int) -> FloatArray:
        """What a layer gives last in a series, (B, size) or (B, times, size): NaN before the last step."""
        times = range(time, time + 1) if isinstance(time, int) else range(time.start, time.stop)
        found = np.full((len(layers), len(times), leaf.size), np.nan)
        source = self.source(leaf, steps - 1, steps)
        if source is not None and steps - 1 in times:
            found[:, steps - 1 - times.start] = layers[:, self.layer_delay + source, self.columns(leaf)]
        return found[:, 0] if isinstance(time, int) else found

    def histories(self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray) -> tuple[FloatArray, ...]:
        """All inputs (B, ID + T, R), all layers' outputs (B, LD + T, N) and the outputs (B, T, S)."""
        batch, steps = x.shape[:2]
        inputs = np.concatenate([input_states, x], axis=1)
        parts = [layer_states, np.zeros((batch, steps, self.layer_size))]
        if self.looks_ahead:
            parts.append(np.where(self._reversed, layer_states[:, ::-1], 0.0))
        layers = np.concatenate(parts, axis=1)
        outputs = np.empty((batch, steps, self.output_size))
        own = slice(self.layer_delay, self.layer_delay + steps)
        if self.looks_ahead:
            self._run_passes(inputs, layers, steps)
        if self.looks_ahead or not self.recurrent:
            argument = self.argument(inputs, layers, slice(0, steps)).reshape(batch * steps, self._argument_size)
            y, *parts = self.evaluate(OutputsAndLayers(), argument)
            outputs[...] = y.reshape(outputs.shape)
            layers[:, own] = np.concatenate(parts, axis=-1).reshape(batch, steps, self.layer_size)
            return inputs, layers, outputs
        for time in range(steps):
            y, *parts = self.evaluate(OutputsAndLayers(), self.argument(inputs, layers, time))
            outputs[:, time] = y
            layers[:, self.layer_delay + time] = np.concatenate(parts, axis=-1)
        return inputs, layers, outputs

    def _run_passes(self, inputs: FloatArray, layers: FloatArray, steps: int) -> None:
        """The layers that are fed back, pass by pass, into their history."""
        for entry in self._passes:
            signals = Signals(tuple(self.program.layers[index] for index in entry.layers))
            for time in entry.times(steps):
                found = self.evaluate(signals, self.argument(inputs, layers, time))
                layers[:, self.layer_delay + time, entry.columns] = np.concatenate(found, axis=-1)

    def run(self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray) -> Run:
        """The outputs of a series and the states after it."""
        inputs, layers, outputs = self.histories(x, input_states, layer_states)
        steps, reach = x.shape[1], self.layer_delay
        after = layers[:, steps : steps + reach].copy()
        if self.looks_ahead:
            after = np.where(self._reversed, layers[:, reach : 2 * reach][:, ::-1], after)
        return Run(
            outputs=outputs,
            input_states=inputs[:, inputs.shape[1] - self.input_delay :].copy(),
            layer_states=after,
            layer_outputs=layers[:, reach : reach + steps].copy(),
        )

    def _step_jacobians(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray
    ) -> tuple[FloatArray, dict[int, slice | NDArray[np.intp]]]:
        """P (B, T, S + n, A): the derivative of the outputs and the n neurons fed back with respect to a step's
        argument; and for each leaf the rows of P that depend on it.

        The other rows are left out of sums, because 0 times a derivative of NaN would be NaN.
        """
        batch, steps = x.shape[:2]
        inputs, layers, _ = self.histories(x, input_states, layer_states)
        argument = self.argument(inputs, layers, slice(0, steps)).reshape(batch * steps, self._argument_size)
        signals = (*self.program.outputs, *(self.program.layers[index] for index in self._fed_back))
        (jacobians,) = self.evaluate(SignalJacobian(signals), argument)
        rows = {leaf.signal: self._dependent(signals, leaf) for leaf in self.program.leaves}
        return jacobians.reshape(batch, steps, *jacobians.shape[1:]), rows

    def _dependent(self, signals: Sequence[int], leaf: Leaf) -> slice | NDArray[np.intp]:
        """Which elements of the concatenated `signals` depend on a leaf."""
        reached = self.program.reached(leaf.signal)
        depends = np.repeat(
            [signal in reached for signal in signals], [self.program.sizes[signal] for signal in signals]
        )
        return slice(None) if depends.all() else np.flatnonzero(depends)

    def _rows(self, neurons: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows of neurons that are fed back, which follow the outputs in the Jacobian of a step."""
        return self.output_size + np.searchsorted(self._neurons, neurons)

    def _rows_of(self, leaf: Leaf) -> slice:
        """The rows of a leaf's neurons."""
        first = int(self._rows(self._neurons_of([leaf.index]))[0])
        return slice(first, first + leaf.size)

    def jacobian(
        self,
        x: FloatArray,
        input_states: FloatArray,
        layer_states: FloatArray,
        wrt: str,
        lags: int | None,
        leads: int,
    ) -> FloatArray:
        """The outputs' total derivative with respect to `wrt`, see ``Network.run_jacobian``."""
        if wrt == "inputs":
            reach = self.input_delay if lags is None else lags
            if self.looks_ahead:
                return self._jacobian_around(x, input_states, layer_states, reach, leads)
            return self.jacobian_by_lag(x, input_states, layer_states, reach, leads)
        return self.jacobian_by_states(x, input_states, layer_states, "input" if wrt == "input_states" else "layer")

    def _check_memory(self, x: FloatArray, lags: int, kept: int) -> None:
        """Refuse derivatives at so many lags, `kept` numbers for each lag and step, if they do not fit into memory."""
        steps = x.shape[0] * x.shape[1]
        what = f"the derivatives of {counted(steps, 'step')} at {counted(lags, 'lag')}"
        # an array without elements has a largest size, too
        check_memory(max(1, steps) * lags * max(1, kept), what, "use fewer lags or a shorter series")

    def jacobian_by_lag(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, lags: int, leads: int = 0
    ) -> FloatArray:
        """dy(t)/dx(t − lag), (B, T, lags + 1 + leads, S, R); 0 if t − lag is outside of the series.

        Raises
        ------
        ShapeError
            They do not fit into memory.
        """
        batch, steps = x.shape[:2]
        reach = min(lags + 1, steps)
        self._check_memory(x, lags + 1 + leads, self.output_size * self.input_size)
        self._check_memory(x, reach, (self.output_size + len(self._neurons)) * self.input_size)
        step, dependent = self._step_jacobians(x, input_states, layer_states)
        total = np.zeros((reach, batch, steps, step.shape[2], self.input_size))
        for lag in range(reach):
            for leaf, own in self.leaves:
                if leaf.kind == "input" and leaf.delay == lag:
                    total[lag][:, lag:, :, self.columns(leaf)] += step[:, lag:, :, own]
                elif leaf.kind == "layer" and leaf.delay <= lag:
                    before = total[lag - leaf.delay][:, : steps - leaf.delay, self._rows_of(leaf)]
                    moved = dependent[leaf.signal]
                    later = step[:, leaf.delay :, moved, own] @ before
                    total[lag][:, lag:, moved] += later[:, lag - leaf.delay :]
        found = np.zeros((batch, steps, lags + 1 + leads, self.output_size, self.input_size))
        found[:, :, :reach] = np.moveaxis(total, 0, 2)[:, :, :, : self.output_size]
        return found

    def _jacobian_around(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, lags: int, leads: int
    ) -> FloatArray:
        """dy(t)/dx(t − lag), (B, T, lags + 1 + leads, S, R), of layers that run in both directions.

        Lags below 0 come last: element −k is lag −k. The steps that the derivative is with respect to are taken in
        blocks, which bounds the memory. An output that there is not has a derivative of NaN.
        """
        self._check_memory(x, lags + 1 + leads, self.output_size * self.input_size)
        derivatives = self._step_jacobians(x, input_states, layer_states)
        batch, steps, rows = derivatives[0].shape[:3]
        found = np.zeros((batch, steps, lags + 1 + leads, self.output_size, self.input_size))
        width = max(1, _BLOCK_ELEMENTS // max(1, batch * steps * rows * self.input_size))
        for start in range(0, steps, width):
            sources = range(start, min(start + width, steps))
            total = np.zeros((batch, steps, rows, len(sources), self.input_size))
            for leaf, own in self.leaves:
                for place, source in enumerate(sources):
                    time = source + leaf.delay
                    if leaf.kind == "input" and time < steps:
                        total[:, time, :, place, self.columns(leaf)] += derivatives[0][:, time, :, own]
            self._accumulate(total, *derivatives)
            for place, source in enumerate(sources):
                for time in range(max(0, source - leads), min(steps, source + lags + 1)):
                    found[:, time, time - source] = total[:, time, : self.output_size, place]
        self._mark_missing(np.moveaxis(found, 3, 2), derivatives[1])
        return found

    def _mark_missing(self, found: FloatArray, dependent: dict[int, slice | NDArray[np.intp]]) -> None:
        """Set the derivatives (B, T, S, ...) to NaN of outputs at the steps at which there are none."""
        rows = np.arange(self.output_size + len(self._neurons))
        for leaf in self.program.leaves:
            if leaf.last:
                outputs = np.intersect1d(rows[dependent[leaf.signal]], rows[: self.output_size])
                found[:, :-1, outputs] = np.nan

    def _accumulate(
        self,
        total: FloatArray,
        step: FloatArray,
        dependent: dict[int, slice | NDArray[np.intp]],
    ) -> None:
        """Completes total derivatives (B, T, S + n, ...), which hold what each step depends on directly.

        Each pass adds what comes through the layers that are fed back, the outputs last.
        """
        batch, steps, rows = step.shape[:3]
        flat = total.reshape(batch, steps, rows, math.prod(total.shape[3:]))
        every = np.arange(rows)
        passes: list[tuple[NDArray[np.intp], range]] = []
        if self.looks_ahead:
            passes.extend((self._rows(entry.columns), entry.times(steps)) for entry in self._passes)
            passes.append((every[: self.output_size], range(steps)))
        else:
            passes.append((every, range(steps)))
        layers = [(leaf, own, self._rows_of(leaf)) for leaf, own in self.leaves if leaf.kind == "layer"]
        for computed, times in passes:
            through = [
                (leaf, own, before, np.intersect1d(computed, every[dependent[leaf.signal]], assume_unique=True))
                for leaf, own, before in layers
            ]
            for time in times:
                for leaf, own, before, moved in through:
                    source = self.source(leaf, time, steps)
                    if source is not None and 0 <= source < steps and len(moved):
                        flat[:, time, moved] += step[:, time, moved, own] @ flat[:, source, before]

    def jacobian_by_states(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, kind: str
    ) -> FloatArray:
        """dy(t) with respect to the initial states: (B, T, S, ID, R) for kind "input", (B, T, S, LD, N) for "layer".

        Raises
        ------
        ShapeError
            They do not fit into memory.
        """
        batch, steps = x.shape[:2]
        reach, width = (self.input_delay, self.input_size) if kind == "input" else (self.layer_delay, self.layer_size)
        rows = self.output_size + len(self._neurons)
        states = f"{kind} state"
        what = f"the derivatives of {counted(batch * steps, 'step')} with respect to {counted(reach * width, states)}"
        check_memory(batch * steps * rows * reach * width, what, "use a shorter series")
        derivatives = self._step_jacobians(x, input_states, layer_states)
        step = derivatives[0]
        total = np.zeros((batch, steps, rows, reach, width))
        for leaf, own in self.leaves:
            for time in range(steps):
                source = self.source(leaf, time, steps)
                if leaf.kind == kind and source is not None and not 0 <= source < steps:
                    # the states of a layer that runs backward are those after the series, the nearest of them last
                    place = reach + source if source < 0 else reach - 1 - (source - steps)
                    total[:, time, :, place, self.columns(leaf)] += step[:, time, :, own]
        self._accumulate(total, *derivatives)
        found = np.ascontiguousarray(total[:, :, : self.output_size])
        self._mark_missing(found, derivatives[1])
        return found

    def adjoints(
        self, inputs: FloatArray, layers: FloatArray, signals: tuple[int, ...], seeds: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """A cost's gradient over the whole series, by one pass back in time.

        Parameters
        ----------
        inputs, layers
            The histories.
        signals, seeds
            Where the cost's derivative enters at every step, and that derivative, (B, T, Σ sizes).

        Returns
        -------
        The derivatives with respect to x (B, T, R), the parameters (P,), the input states (B, ID, R) and the layer
        states (B, LD, N).
        """
        steps, reach = seeds.shape[1], self.layer_delay
        by_inputs, by_layers = np.zeros_like(inputs), np.zeros_like(layers)
        by_parameters = np.zeros(sum(self.program.parameter_sizes))
        nothing = np.zeros((len(seeds), 0))
        everywhere = (*signals, *(self.program.layers[index] for index in self._fed_back))
        passes: list[tuple[tuple[int, ...], NDArray[np.intp], range, bool]] = []
        if self.looks_ahead:
            passes.append((signals, self._neurons[:0], range(steps), True))
            for entry in reversed(self._passes):
                own_signals = tuple(self.program.layers[index] for index in entry.layers)
                passes.append((own_signals, entry.columns, entry.times(steps), False))
        else:
            passes.append((everywhere, self._neurons, range(steps), True))
        for adjoint_to, computed, times, seeded in passes:
            for time in reversed(times):
                later = by_layers[:, reach + time][:, computed]
                u = np.concatenate([seeds[:, time] if seeded else nothing, later], axis=-1)
                by_leaves, by_weights = self._step_adjoints(adjoint_to, self.argument(inputs, layers, time), u)
                by_parameters += by_weights.sum(axis=0)
                for leaf, own in self.leaves:
                    target, before = (by_inputs, self.input_delay) if leaf.kind == "input" else (by_layers, reach)
                    source = self.source(leaf, time, steps)
                    if source is not None:
                        target[:, before + source, self.columns(leaf)] += by_leaves[:, own]
        by_states = by_layers[:, :reach]
        if self.looks_ahead:
            by_states = np.where(self._reversed, by_layers[:, reach + steps :][:, ::-1], by_states)
        return by_inputs[:, self.input_delay :], by_parameters, by_inputs[:, : self.input_delay], by_states

    def _step_adjoints(
        self, signals: tuple[int, ...], argument: FloatArray, u: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """uᵀ times the derivatives of a step's signals with respect to its argument, (B, A), and the weights, (B, P).

        A signal without a seed contributes nothing, even if its derivatives are NaN.
        """
        by_leaves, by_weights = self.evaluate(Adjoints(signals), argument, u)
        unknown = np.isnan(by_leaves).any(axis=1) | np.isnan(by_weights).any(axis=1)
        if not unknown.any():
            return by_leaves, by_weights
        by_leaves, by_weights = by_leaves.copy(), by_weights.copy()
        sizes = [self.program.sizes[signal] for signal in signals]
        moved = np.logical_or.reduceat(u != 0.0, np.cumsum([0, *sizes[:-1]]), axis=1)
        for pattern in np.unique(moved[unknown], axis=0):
            rows = np.flatnonzero(unknown & (moved == pattern).all(axis=1))
            some = tuple(itertools.compress(signals, pattern))
            if some:
                own = u[rows][:, np.repeat(pattern, sizes)]
                by_leaves[rows], by_weights[rows] = self.evaluate(Adjoints(some), argument[rows], own)
            else:
                by_leaves[rows], by_weights[rows] = 0.0, 0.0
        return by_leaves, by_weights


_BLOCK_ELEMENTS = 1 << 24
"""The most numbers of total derivatives in memory at once, in the passes over a series in both directions."""
