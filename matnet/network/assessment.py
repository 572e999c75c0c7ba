"""A network's cost for samples and targets, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.cost import cost_of, without_unknown_inputs
from matnet.derivatives.parameters import parameter_arrays, parameter_vector
from matnet.derivatives.quantities import VALUE, Adjoints, Signals
from matnet.derivatives.time import Series
from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Structure
from matnet.network.arguments import numbers, real, real_array, series_arguments
from matnet.network.evaluation import Evaluation
from matnet.network.frames import is_frame

_PRODUCT_ELEMENTS = 1 << 22  # the most elements of a batch's parameter products in memory at once


class Assessment:
    """The cost of a network on x and t; see ``Network.performance`` for the arguments.

    Samples are held as (B, T, ·): a batch of series, or for a static network one series of independent samples.
    """

    def __init__(
        self,
        structure: Structure,
        evaluation: Evaluation,
        over_time: Series,
        x: Array,
        t: Array,
        name: str | None,
        error_weights: Array | None,
        regularization: float | None,
        form: str | None,
        states: Mapping[str, Array],
    ) -> None:
        unknown = set(states) - {"input_states", "layer_states"}
        if unknown:
            raise ShapeError(f"unknown argument {', '.join(sorted(unknown))}; expected input_states or layer_states")
        self.structure, self.evaluation, self.over_time = structure, evaluation, over_time
        self.theta = parameter_vector(evaluation.program, parameter_arrays(structure))
        self.cost = cost_of(structure, evaluation.program, name, regularization, form)
        given = real_array(x, evaluation.inputs, "x")
        self.shape = given.shape
        if not structure.dynamic:
            given = given.reshape(1, math.prod(given.shape[:-1]), structure.input_size)
        self.series = series_arguments(structure, given, states.get("input_states"), states.get("layer_states"), None)
        self.t = self._like_outputs(real_array(t, evaluation.outputs, "t"), "t")
        if self.cost.row.logarithmic and np.isnan(self.t).any():
            raise UnsupportedError(
                f"t has NaN in it, for which MATLAB has two answers with {self.cost.row.name}: its training leaves "
                "these elements out, its perform counts them as t = 1; leave those samples out, or write 1 for "
                "perform's number"
            )
        self.weights = (
            None if error_weights is None else self._like_outputs(self._spread(error_weights), "error_weights")
        )

    def _like_outputs(self, values: FloatArray, parameter: str) -> FloatArray:
        expected = (*self.shape[:-1], self.structure.output_size)
        if values.shape != expected:
            raise ShapeError(f"{parameter} has shape {values.shape}, expected {expected}")
        return values.reshape(-1, self.structure.output_size)

    def _spread(self, error_weights: Array) -> FloatArray:
        """Error weights, broadcast to the shape of the outputs."""
        if is_frame(error_weights):
            return real_array(error_weights, self.evaluation.outputs, "error_weights")
        given = real(numbers(error_weights, "error_weights"), "error_weights")
        expected = (*self.shape[:-1], self.structure.output_size)
        try:
            return np.broadcast_to(given, expected)
        except ValueError:
            raise ShapeError(
                f"error_weights has shape {given.shape}, expected one that broadcasts to {expected}"
            ) from None

    def value(self) -> float:
        """The cost."""
        return self._value_at(self._outputs())

    def _value_at(self, y: FloatArray) -> float:
        with np.errstate(all="ignore"):
            return self.cost.value(self.t, y, self.weights, self.theta)

    def _outputs(self) -> FloatArray:
        if not self.structure.dynamic:
            return np.asarray(self.evaluation.on_samples(VALUE, (self.series.x[0],)))
        outputs = self.over_time.histories(self.series.x, self.series.input_states, self.series.layer_states)[2]
        return outputs.reshape(-1, self.structure.output_size)

    def gradient(self, wrt: str) -> FloatArray:
        """The cost's derivative with respect to the inputs, the parameters or the initial states."""
        if wrt.endswith("states") and not self.structure.dynamic:
            raise ShapeError(f"wrt is '{wrt}', but the network is static and has no states")
        y = self._outputs()
        self._value_at(y)  # refuses an unknown form if it matters
        by_inputs, by_parameters, by_input_states, by_layer_states = (
            self._over_time(y) if self.structure.dynamic else self._over_samples(y)
        )
        share = 1.0 - self.cost.regularization
        if wrt == "parameters":
            theta = self.theta
            return share * by_parameters + self.cost.regularization * 2.0 * theta / len(theta)
        if wrt == "inputs":
            return share * by_inputs.reshape(self.shape)
        by_states = by_input_states if wrt == "input_states" else by_layer_states
        return share * by_states.reshape(self.series.lead + by_states.shape[1:])

    def _over_samples(self, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """With respect to x (N, R) and the parameters (P,): in blocks of samples, with one backward pass each.

        Samples that do not count are left out, as are the unknown outputs of a sample: they contribute 0, even if their
        derivatives are NaN.
        """
        x = without_unknown_inputs(self.structure, self.series.x[0])
        signals = self.cost.signals
        at_signals = self.evaluation.on_rows(Signals(signals), x)
        seeds = self._seeds(y, at_signals)
        by_inputs = np.zeros_like(x)
        by_parameters = np.zeros(len(self.theta))
        rows = max(1, _PRODUCT_ELEMENTS // max(1, len(by_parameters)))
        for counted, some, columns in self._by_known_outputs(y, seeds):
            for start in range(0, len(counted), rows):
                block = counted[start : start + rows]
                adjoints = self.evaluation.on_rows(Adjoints(some), x[block], seeds[block][:, columns])
                by_inputs[block] = adjoints[0]
                by_parameters += adjoints[1].sum(axis=0)
        return by_inputs, by_parameters, self.series.input_states, self.series.layer_states

    def _by_known_outputs(
        self, y: FloatArray, seeds: FloatArray
    ) -> Iterator[tuple[NDArray[np.intp], tuple[int, ...], NDArray[np.intp]]]:
        """The samples that count, grouped by their known outputs: samples, signals, and the signals' seeds."""
        starts = np.cumsum([0, *self.cost.sizes[:-1]])
        known = np.logical_or.reduceat(~np.isnan(y), starts, axis=1)
        counted = np.flatnonzero((seeds != 0.0).any(axis=-1))
        owner = np.repeat(np.arange(len(starts)), self.cost.sizes)
        for pattern in np.unique(known[counted], axis=0):
            samples = counted[(known[counted] == pattern).all(axis=1)]
            signals = tuple(signal for signal, kept in zip(self.cost.signals, pattern, strict=True) if kept)
            yield samples, signals, np.flatnonzero(pattern[owner])

    def _seeds(self, y: FloatArray, at_signals: list[FloatArray]) -> FloatArray:
        with np.errstate(all="ignore"):
            return self.cost.seeds(self.t, y, self.weights, at_signals)

    def _over_time(self, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """With respect to x (B, T, R), the parameters (P,) and the states, back in time."""
        series, structure = self.over_time, self.structure
        x = without_unknown_inputs(structure, self.series.x)
        before = without_unknown_inputs(structure, self.series.input_states)
        inputs, layers, _ = series.histories(x, before, self.series.layer_states)
        batch, steps = x.shape[:2]
        argument = series.argument(inputs, layers, slice(0, steps))
        argument = argument.reshape(batch * steps, argument.shape[-1])
        signals = self.cost.signals
        at_signals = self.evaluation.on_rows(Signals(signals), argument)
        seeds = self._seeds(y, at_signals)
        return series.adjoints(inputs, layers, signals, seeds.reshape(batch, steps, seeds.shape[-1]))
