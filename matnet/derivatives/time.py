"""Dynamic networks: a series run step by step, and its total derivatives through taps and recurrences.

A Program describes one instant; its leaves are the inputs and layer outputs at the delays of its weights. Here the
instants follow each other. With P(t) the derivative of one step with respect to its leaves, the total derivative of
the results of a step with respect to something earlier is

    D(t) = P_direct(t) + Σ_{k,d} P_{k,d}(t) D_k(t − d)

over the layers k that are fed back with delay d. Initial states are held fixed, unless the derivative is with respect
to them.

Arrays here have a flat batch: x (B, T, R), input states (B, ID, R), layer states (B, LD, N), N the neurons of all
layers, the oldest step first.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.quantities import Adjoints, OutputsAndLayers, Quantity, SignalJacobian
from matnet.errors import ShapeError
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
    ``layer_outputs`` (..., T, N) are all layers' outputs concatenated.
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
        # the single leaf of a network without inputs and delays is an input without elements
        inputs = np.cumsum([0, *([entry.size for entry in structure.inputs] or [0])])
        layers = np.cumsum([0, *(layer.size for layer in structure.layers)])
        self._columns = {"input": inputs, "layer": layers}
        starts = np.cumsum([0, *(leaf.size for leaf in program.leaves)])
        self._argument_size = int(starts[-1])
        self.leaf_columns = [slice(int(a), int(b)) for a, b in itertools.pairwise(starts)]

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
        return any(leaf.kind == "layer" for leaf in self.program.leaves)

    def argument(self, inputs: FloatArray, layers: FloatArray, time: int | slice) -> FloatArray:
        """A step's argument from the histories: inputs (B, ID + T, R), layers (B, LD + T, N).

        For one time (B, A); for a slice of times (B, times, A).
        """
        parts = []
        for leaf in self.program.leaves:
            history, reach = (inputs, self.input_delay) if leaf.kind == "input" else (layers, self.layer_delay)
            back = reach - leaf.delay
            when: int | slice
            when = time + back if isinstance(time, int) else slice(time.start + back, time.stop + back)
            parts.append(history[:, when, self.columns(leaf)])
        return np.concatenate(parts, axis=-1)

    def histories(self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray) -> tuple[FloatArray, ...]:
        """All inputs (B, ID + T, R), all layers' outputs (B, LD + T, N) and the outputs (B, T, S)."""
        batch, steps = x.shape[:2]
        inputs = np.concatenate([input_states, x], axis=1)
        layers = np.concatenate([layer_states, np.zeros((batch, steps, self.layer_size))], axis=1)
        outputs = np.empty((batch, steps, self.output_size))
        if not self.recurrent:
            argument = self.argument(inputs, layers, slice(0, steps)).reshape(batch * steps, self._argument_size)
            y, *parts = self.evaluate(OutputsAndLayers(), argument)
            outputs[...] = y.reshape(outputs.shape)
            layers[:, self.layer_delay :] = np.concatenate(parts, axis=-1).reshape(batch, steps, self.layer_size)
            return inputs, layers, outputs
        for time in range(steps):
            y, *parts = self.evaluate(OutputsAndLayers(), self.argument(inputs, layers, time))
            outputs[:, time] = y
            layers[:, self.layer_delay + time] = np.concatenate(parts, axis=-1)
        return inputs, layers, outputs

    def run(self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray) -> Run:
        """The outputs of a series and the states after it."""
        inputs, layers, outputs = self.histories(x, input_states, layer_states)
        steps = x.shape[1]
        return Run(
            outputs=outputs,
            input_states=inputs[:, inputs.shape[1] - self.input_delay :].copy(),
            layer_states=layers[:, layers.shape[1] - self.layer_delay :].copy(),
            layer_outputs=layers[:, layers.shape[1] - steps :].copy(),
        )

    def _step_jacobians(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray
    ) -> tuple[FloatArray, list[int], dict[int, slice | NDArray[np.intp]]]:
        """P (B, T, S + n, A): the derivative of the outputs and the n neurons fed back with respect to a step's
        argument; which neurons these are; and for each leaf the rows of P that depend on it.

        The other rows are left out of sums, because 0 times a derivative of NaN would be NaN.
        """
        batch, steps = x.shape[:2]
        inputs, layers, _ = self.histories(x, input_states, layer_states)
        fed_back = sorted({leaf.index for leaf in self.program.leaves if leaf.kind == "layer"})
        argument = self.argument(inputs, layers, slice(0, steps)).reshape(batch * steps, self._argument_size)
        signals = (*self.program.outputs, *(self.program.layers[index] for index in fed_back))
        found = self.evaluate(SignalJacobian(signals), argument)[0]
        neurons = [k for index in fed_back for k in range(*_edges(self._columns["layer"], index))]
        rows = {leaf.signal: self._dependent(signals, leaf) for leaf in self.program.leaves}
        return found.reshape(batch, steps, *found.shape[1:]), neurons, rows

    def _dependent(self, signals: Sequence[int], leaf: Leaf) -> slice | NDArray[np.intp]:
        """Which elements of the concatenated `signals` depend on a leaf."""
        reached = self.program.reached(leaf.signal)
        depends = np.repeat(
            [signal in reached for signal in signals], [self.program.sizes[signal] for signal in signals]
        )
        return slice(None) if depends.all() else np.flatnonzero(depends)

    def _rows(self, leaf: Leaf, neurons: Sequence[int]) -> slice:
        """The rows of a leaf's neurons, which follow the outputs in the Jacobian of a step."""
        first = neurons.index(self.columns(leaf).start)
        return slice(self.output_size + first, self.output_size + first + leaf.size)

    def jacobian(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, wrt: str, lags: int | None
    ) -> FloatArray:
        """The outputs' total derivative with respect to `wrt`, see ``Network.run_jacobian``."""
        if wrt == "inputs":
            reach = self.input_delay if lags is None else lags
            if reach < 0:
                raise ShapeError(f"lags is {reach}, expected 0 or more")
            return self.jacobian_by_lag(x, input_states, layer_states, reach)
        return self.jacobian_by_states(x, input_states, layer_states, "input" if wrt == "input_states" else "layer")

    def jacobian_by_lag(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, lags: int
    ) -> FloatArray:
        """dy(t)/dx(t − lag), (B, T, lags + 1, S, R); 0 if t − lag is before the series."""
        step, neurons, dependent = self._step_jacobians(x, input_states, layer_states)
        batch, steps, rows = step.shape[:3]
        total = np.zeros((lags + 1, batch, steps, rows, self.input_size))
        for lag in range(min(lags, steps - 1) + 1):
            for leaf, own in self.leaves:
                if leaf.kind == "input" and leaf.delay == lag:
                    total[lag][:, lag:, :, self.columns(leaf)] += step[:, lag:, :, own]
                elif leaf.kind == "layer" and leaf.delay <= lag:
                    before = total[lag - leaf.delay][:, : steps - leaf.delay, self._rows(leaf, neurons)]
                    moved = dependent[leaf.signal]
                    later = step[:, leaf.delay :, moved, own] @ before
                    total[lag][:, lag:, moved] += later[:, lag - leaf.delay :]
        return np.ascontiguousarray(np.moveaxis(total, 0, 2)[:, :, :, : self.output_size])

    def jacobian_by_states(
        self, x: FloatArray, input_states: FloatArray, layer_states: FloatArray, kind: str
    ) -> FloatArray:
        """dy(t) with respect to the initial states: (B, T, S, ID, R) for kind "input", (B, T, S, LD, N) for "layer"."""
        step, neurons, dependent = self._step_jacobians(x, input_states, layer_states)
        batch, steps, rows = step.shape[:3]
        reach, width = (self.input_delay, self.input_size) if kind == "input" else (self.layer_delay, self.layer_size)
        total = np.zeros((batch, steps, rows, reach, width))
        for time in range(steps):
            for leaf, own in self.leaves:
                source = time - leaf.delay
                if source < 0 and leaf.kind == kind:
                    total[:, time, :, reach + source, self.columns(leaf)] += step[:, time, :, own]
                elif source >= 0 and leaf.kind == "layer":
                    before = total[:, source, self._rows(leaf, neurons)].reshape(batch, leaf.size, reach * width)
                    moved = dependent[leaf.signal]
                    later = step[:, time, moved, own] @ before
                    total[:, time, moved] += later.reshape(batch, later.shape[1], reach, width)
        return np.ascontiguousarray(total[:, :, : self.output_size])

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
        steps = seeds.shape[1]
        fed_back = sorted({leaf.index for leaf in self.program.leaves if leaf.kind == "layer"})
        everywhere = (*signals, *(self.program.layers[index] for index in fed_back))
        neurons = [k for index in fed_back for k in range(*_edges(self._columns["layer"], index))]
        adjoints = Adjoints(everywhere)
        by_inputs, by_layers = np.zeros_like(inputs), np.zeros_like(layers)
        by_parameters = np.zeros(sum(self.program.parameter_sizes))
        for time in reversed(range(steps)):
            later = by_layers[:, self.layer_delay + time][:, neurons]
            u = np.concatenate([seeds[:, time], later], axis=-1)
            by_leaves, by_weights = self.evaluate(adjoints, self.argument(inputs, layers, time), u)
            # a step without a seed contributes nothing, even if its derivatives are NaN
            moves = (u != 0.0).any(axis=-1)[:, None]
            by_leaves, by_weights = np.where(moves, by_leaves, 0.0), np.where(moves, by_weights, 0.0)
            by_parameters += by_weights.sum(axis=0)
            for leaf, own in self.leaves:
                target, reach = (by_inputs, self.input_delay) if leaf.kind == "input" else (by_layers, self.layer_delay)
                target[:, reach + time - leaf.delay, self.columns(leaf)] += by_leaves[:, own]
        return (
            by_inputs[:, self.input_delay :],
            by_parameters,
            by_inputs[:, : self.input_delay],
            by_layers[:, : self.layer_delay],
        )


def _edges(edges: FloatArray, index: int) -> tuple[int, int]:
    return int(edges[index]), int(edges[index + 1])
