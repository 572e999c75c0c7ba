"""Series for dynamic networks: states taken from known inputs and outputs, and forecasts with their derivatives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from matnet.derivatives.time import Series, flat_states
from matnet.errors import ModelError, ShapeError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.loops import closed_loop, delays_added, feedback_marked, open_loops, opened_loop, seen_later
from matnet.model.structure import Output, Structure
from matnet.network.arguments import input_elements, numbers, output_elements, real_array, whole
from matnet.network.evaluation import Evaluation
from matnet.network.frames import Elements, frame_input, is_frame


class SeriesData(NamedTuple):
    """The result of ``Network.prepare``: a series with the states before it, for ``Network.run``, and its targets.

    ``x`` (..., T', R) and ``input_states`` (..., ID, R) at raw scale, ``layer_states`` (..., LD, N) at layer scale,
    ``targets`` (..., T', S) at raw scale, NaN where they lie after the end of the series.
    """

    x: FloatArray
    input_states: FloatArray
    layer_states: FloatArray
    targets: FloatArray

    @property
    def states(self) -> FloatArray:
        """(..., n): both states as one vector, as exported steps take it: the inputs, then the layers, oldest first."""
        return flat_states(self.input_states, self.layer_states)


def series_array(x: Any, elements: Elements, parameter: str) -> FloatArray:
    """An array (..., T, elements).

    Raises
    ------
    ShapeError
        It is something else.
    """
    expected = f"a series (..., T, {elements.size})"
    if x is None:
        raise ShapeError(f"{parameter} is missing, expected {expected}")
    given = real_array(x, elements, parameter)
    if given.ndim < 2:
        raise ShapeError(f"{parameter} has shape {given.shape}, expected {expected}")
    return given


def prepared(structure: Structure, x: Any, t: Any) -> SeriesData:
    """See ``Network.prepare``."""
    structure = feedback_marked(structure)
    open_loops(structure)  # checks that what is fed back is processed as the outputs are
    targets = series_array(t, output_elements(structure), "t")
    lead, steps = targets.shape[:-2], targets.shape[-2]
    given = _inputs_beside(structure, x, "x", (*lead, steps), "as many steps as t")
    inputs = _side_by_side(structure, given, targets)
    start, ahead = looks_back(structure)
    if steps < start + ahead:
        raise ShapeError(
            f"t has {steps} time steps, but the network looks back over {start + ahead}: give at least that many"
        )
    shifted = aligned(structure, targets)
    layer_states = np.tile(structure.initial_states(), (*lead, 1, 1))
    for output, own, neurons in output_layers(structure):
        if output.feedback_mode == "closed":
            before = shifted[..., start - structure.layer_delay : start, own]
            layer_states[..., neurons] = _at_layer_scale(output, before)
    return SeriesData(
        np.ascontiguousarray(inputs[..., start:, :]),
        np.ascontiguousarray(inputs[..., start - structure.input_delay : start, :]),
        layer_states,
        np.ascontiguousarray(shifted[..., start:, :]),
    )


def aligned(structure: Structure, t: FloatArray) -> FloatArray:
    """Targets (..., T, S) at the steps whose outputs they belong to; NaN where they lie after the end of the series.

    Outputs from which n delays were removed come n steps early.
    """
    shifted = np.full(t.shape, np.nan)
    for output, own, _ in output_layers(structure):
        kept = max(t.shape[-2] - output.feedback_delay, 0)
        shifted[..., :kept, own] = t[..., output.feedback_delay :, own]
    return shifted


def looks_back(structure: Structure) -> tuple[int, int]:
    """How many steps become the states of a series, and how many steps early its outputs come.

    The delays of recurrent layers are internal: such networks start from their own initial states, which no step of the
    series determines.
    """
    ahead = max((output.feedback_delay for output in structure.outputs), default=0)
    inside = structure.parameter_order == "layers"
    return max(structure.input_delay, 0 if inside else structure.layer_delay), ahead


def first_states(structure: Structure, x: FloatArray, t: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """The states that the first steps determine: x (T, R) are all their inputs, t (T, S) their measured outputs.

    t is only needed where outputs are fed back inside the network, with as many more steps as outputs come early.
    """
    if t is not None:
        data = prepared(structure, x if structure.input_size else None, t)
        return data.input_states, data.layer_states
    start, _ = looks_back(structure)
    layers = structure.initial_states()
    return np.ascontiguousarray(x[start - structure.input_delay : start]), layers


def add_states(jacobian: FloatArray, wrt_states: FloatArray, lags: int) -> None:
    """Fill in derivatives (T, lags + 1, S, R), or with more after them, at lags that reach before the series.

    They are those with respect to the input states, (T', S, ID, R).
    """
    reach = wrt_states.shape[2]
    for time in range(len(wrt_states)):
        for lag in range(time + 1, min(time + reach, lags) + 1):
            jacobian[time, lag] = wrt_states[time, :, reach + time - lag]


class FrameSeries(NamedTuple):
    """A data frame as a series: x (T, R) without the first ``rows``, which are its states, as arguments of ``run``."""

    x: FloatArray
    states: dict[str, Any]
    rows: int


def frame_series(structure: Structure, frame: Any, states: str) -> FrameSeries:
    """The series in a data frame that starts from its first rows, or from zeros.

    Raises
    ------
    ShapeError
        The frame does not fit, has too few rows, or lacks the outputs that are fed back; or `states` is something else.
    """
    if states not in ("first-rows", "zeros"):
        raise ShapeError(f"states is {states!r}, expected 'first-rows' or 'zeros'")
    if structure.input_size or not is_frame(frame):
        x = frame_input(frame, input_elements(structure))
    else:
        x = np.zeros((len(frame), 0))
    if states == "zeros":
        zeros = np.zeros((structure.layer_delay, structure.layer_elements))
        return FrameSeries(x, {"layer_states": zeros} if structure.starts_elsewhere else {}, 0)
    rows, ahead = looks_back(structure)
    closed, t = closed_elements(structure), None
    if closed:
        names = output_elements(structure).names
        wanted = [names[element] for element in closed]
        missing = [name for name in wanted if name not in frame.columns]
        if missing:
            raise ShapeError(
                f"the network feeds {', '.join(wanted)} back, and the frame has no column {', '.join(missing)} with "
                "the measured values; or start from zeros with states='zeros'"
            )
        t = np.full((len(x), structure.output_size), np.nan)
        for name, element in zip(wanted, closed, strict=True):
            t[:, element] = numbers(frame[name], f"the column {name} of frame")
    needed = rows + (ahead if closed else 0)
    if len(x) < needed:
        raise ShapeError(
            f"the frame has {counted(len(x), 'row')}, but the network looks back over {needed}, which become its "
            "states; give more, or start from zeros with states='zeros'"
        )
    inputs, layers = first_states(structure, x[:needed], None if t is None else t[:needed])
    return FrameSeries(x[rows:], {"input_states": inputs, "layer_states": layers}, rows)


def closed_elements(structure: Structure) -> tuple[int, ...]:
    """The elements of the outputs that are fed back inside the network, counted from 0."""
    return tuple(
        element
        for output, own, _ in output_layers(feedback_marked(structure))
        if output.feedback_mode == "closed"
        for element in range(own.start, own.stop)
    )


def fed_elements(structure: Structure) -> tuple[int, ...]:
    """The elements of the outputs that are fed back, inside the network or through its inputs, in their own order."""
    return closed_elements(structure) or tuple(sorted(set(opened_elements(structure).values())))


def opened_elements(structure: Structure) -> dict[int, int]:
    """The elements of the inputs through which outputs are fed back, with those of the outputs, counted from 0."""
    own = [columns for _, columns, _ in output_layers(structure)]
    elements, start = {}, 0
    for entry in structure.inputs:
        if entry.feedback_output is not None:
            elements.update({start + k: own[entry.feedback_output].start + k for k in range(entry.size)})
        start += entry.size
    return elements


def _inputs_beside(structure: Structure, x: Any, parameter: str, expected: tuple[int, ...], reason: str) -> FloatArray:
    """The inputs that are not fed back, (..., T, R'), of the batch and length expected."""
    beside = _elements_beside(structure)
    if not beside.size:
        if x is not None:
            raise ShapeError(
                f"{parameter} is given, but the network has no inputs except those fed back: expected None"
            )
        return np.zeros((*expected, 0))
    given = series_array(x, beside, parameter)
    if given.shape[:-1] != expected:
        raise ShapeError(f"{parameter} has shape {given.shape}, expected {(*expected, beside.size)}: {reason}")
    return given


def _elements_beside(structure: Structure) -> Elements:
    """The elements of the inputs that are not fed back."""
    entries = tuple(entry for entry in structure.inputs if entry.feedback_output is None)
    return Elements(sum(entry.size for entry in entries), "x", entries)


def _side_by_side(structure: Structure, x: FloatArray, t: FloatArray) -> FloatArray:
    """All inputs in the network's order: those of x, and the outputs t where they are fed back."""
    own = [columns for _, columns, _ in output_layers(structure)]
    parts, start = [x[..., :0]], 0
    for entry in structure.inputs:
        if entry.feedback_output is None:
            parts.append(x[..., start : start + entry.size])
            start += entry.size
        else:
            parts.append(t[..., own[entry.feedback_output]])
    return np.concatenate(parts, axis=-1)


def output_layers(structure: Structure) -> Iterator[tuple[Output, slice, slice]]:
    """Each output with its columns among the outputs, and those of its layer among all neurons."""
    edges = np.cumsum([0, *(layer.size for layer in structure.layers)])
    start = 0
    for output in structure.outputs:
        yield (
            output,
            slice(start, start + output.size),
            slice(int(edges[output.layer]), int(edges[output.layer + 1])),
        )
        start += output.size


def _at_layer_scale(output: Output, y: FloatArray) -> FloatArray:
    """Raw values of an output at the scale of its layer."""
    for process in output.processing:
        y = process.apply.value(y)
    return y


def _to_raw_scale(output: Output, y: FloatArray, u: FloatArray) -> FloatArray:
    """The derivative u with respect to a layer's values, as one with respect to the raw values y of its output."""
    values = [y]
    for process in output.processing:
        values.append(process.apply.value(values[-1]))
    for process, value in zip(reversed(output.processing), reversed(values[:-1]), strict=True):
        u = process.apply.cotangent(value, u)
    return u


class _Loop:
    """A structure, ready to be run over a series."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        evaluation = Evaluation(structure)
        self.program = evaluation.program
        self.series = Series(structure, evaluation.program, evaluation.on_rows)


@dataclass(frozen=True)
class _Known:
    """The past and the future inputs with their batch made flat: x (B, T, R), y (B, T, S), future (B, K, R)."""

    x: FloatArray
    y: FloatArray
    future: FloatArray
    lead: tuple[int, ...]


class Forecaster:
    """A network with feedback, run open over the past and closed over the future; see ``Network.forecast``."""

    def __init__(self, structure: Structure) -> None:
        marked = feedback_marked(structure)
        if structure.looks_ahead:
            raise UnsupportedError("outputs that depend on later steps of a series cannot be forecast")
        if all(output.feedback_mode == "none" for output in marked.outputs):
            raise ModelError(
                "the network feeds no output back, so there is nothing to forecast with: use net.run, and give its "
                "states to the next run"
            )
        # outputs that come early are forecast at their own time: removed delays are put back
        ahead = max(output.feedback_delay for output in marked.outputs)
        if ahead:
            marked = delays_added(marked, ahead)
        opened = [output for output in marked.outputs if output.feedback_mode == "open"]
        for output in opened:
            if seen_later(marked, output):
                raise UnsupportedError(
                    f"outputs{{{output.layer + 1}}} is fed back through an input, and its layer is also seen with a "
                    "delay inside the network; forecasts of such networks are not supported"
                )
        self.closed = _Loop(closed_loop(marked) if opened else marked)
        self.reach = max(self.closed.structure.input_delay, self.closed.structure.layer_delay)

    @cached_property
    def opened(self) -> _Loop:
        """The network with its loops opened, the feedback in the last inputs."""
        return _Loop(opened_loop(self.closed.structure))

    def known(self, x_past: Any, y_past: Any, x_future: Any, steps: int | None) -> _Known:
        """The arguments of ``Network.forecast``, checked.

        Raises
        ------
        ShapeError
            One of them does not fit.
        """
        structure = self.closed.structure
        y = series_array(y_past, output_elements(structure), "y_past")
        lead, length = y.shape[:-2], y.shape[-2]
        if length < self.reach:
            raise ShapeError(
                f"y_past has {length} time steps, but the network looks back over {self.reach}: give at least that many"
            )
        x = _inputs_beside(structure, x_past, "x_past", (*lead, length), "as many steps as y_past")
        if not structure.input_size and (steps is None or whole(steps, "steps") < 0):
            raise ShapeError(
                "the network has no inputs except those fed back: steps must be the number of time steps to forecast, "
                f"got steps={steps}"
            )
        if structure.input_size:
            ahead = series_array(x_future, input_elements(structure), "x_future").shape[-2]
            if steps is not None and whole(steps, "steps") != ahead:
                raise ShapeError(f"steps={steps}, but x_future has {ahead} time steps")
            steps = ahead
        future = _inputs_beside(structure, x_future, "x_future", (*lead, int(steps or 0)), "the batch of y_past")
        count = math.prod(lead)
        x, y, future = (part.reshape(count, *part.shape[-2:]) for part in (x, y, future))
        return _Known(x, y, future, lead)

    def _past(self, known: _Known) -> tuple[FloatArray, FloatArray]:
        """All inputs and all layers' outputs of the open loops over the past, with the states before."""
        x = known.x if known.x.shape[-1] else None
        data = prepared(self.opened.structure, x, known.y)
        inputs, layers, _ = self.opened.series.histories(data.x, data.input_states, data.layer_states)
        return inputs, layers

    def _states(self, known: _Known) -> tuple[FloatArray, FloatArray]:
        """The closed loops' states at the end of the past."""
        structure, length = self.closed.structure, known.y.shape[1]
        layer_states = np.zeros((len(known.y), structure.layer_delay, structure.layer_elements))
        inner = self.opened.structure.layer_delay
        if inner:
            layers = self._past(known)[1]
            layer_states[:, structure.layer_delay - inner :] = layers[:, layers.shape[1] - inner :]
        for output, own, neurons in self._fed_back():
            past = known.y[:, length - structure.layer_delay :, own]
            layer_states[..., neurons] = _at_layer_scale(output, past)
        return known.x[:, length - structure.input_delay :], layer_states

    def _fed_back(self) -> Iterator[tuple[Output, slice, slice]]:
        return (found for found in output_layers(self.closed.structure) if found[0].feedback_mode == "closed")

    def forecast(self, known: _Known) -> FloatArray:
        """The outputs over the future, (..., K, S)."""
        outputs = self.closed.series.run(known.future, *self._states(known)).outputs
        return outputs.reshape(known.lead + outputs.shape[1:])

    def jacobian(self, known: _Known, wrt: str) -> FloatArray:
        """The forecast's derivative; see ``Network.forecast_jacobian``."""
        if wrt not in ("x_past", "y_past", "x_future"):
            raise ShapeError(f"wrt is {wrt!r}, expected 'x_past', 'y_past' or 'x_future'")
        states = self._states(known)
        found = self._by_future(known, states) if wrt == "x_future" else self._by_past(known, states)[wrt == "y_past"]
        return found.reshape(known.lead + found.shape[1:])

    def _by_future(self, known: _Known, states: tuple[FloatArray, FloatArray]) -> FloatArray:
        """With respect to the future inputs, (B, K, S, K, R)."""
        steps = known.future.shape[1]
        by_lag = self.closed.series.jacobian_by_lag(known.future, *states, max(steps - 1, 0))
        derivative = np.zeros((len(by_lag), steps, by_lag.shape[3], steps, by_lag.shape[4]))
        for time in range(steps):
            for source in range(time + 1):
                derivative[:, time, :, source] = by_lag[:, time, time - source]
        return derivative

    def _by_past(self, known: _Known, states: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
        """With respect to the past inputs (B, K, S, T, R) and the past outputs (B, K, S, T, S)."""
        structure, series = self.closed.structure, self.closed.series
        by_inputs = series.jacobian_by_states(known.future, *states, "input")
        by_layers = series.jacobian_by_states(known.future, *states, "layer")
        lead, length = by_layers.shape[:3], known.y.shape[1]
        by_x = np.zeros((*lead, length, structure.input_size))
        by_y = np.zeros((*lead, length, structure.output_size))
        by_x[..., length - structure.input_delay :, :] = by_inputs
        latest = slice(length - structure.layer_delay, length)
        for output, own, neurons in self._fed_back():
            past = known.y[:, None, None, latest, own]
            u = by_layers[..., neurons]
            by_y[..., latest, own] = _to_raw_scale(output, np.broadcast_to(past, (*lead, *past.shape[3:])), u)
            by_layers[..., neurons] = 0.0  # known outputs do not depend on anything earlier
        if self.opened.structure.layer_delay:
            self._add_inner_layers(known, by_layers, by_x, by_y)
        return by_x, by_y

    def _add_inner_layers(self, known: _Known, by_layers: FloatArray, by_x: FloatArray, by_y: FloatArray) -> None:
        """The contribution of layers with a memory of their own, carried back through the open loops."""
        opened, lead = self.opened, by_layers.shape[:3]
        each = lead[1] * lead[2]
        inputs, layers = (np.repeat(history, each, axis=0) for history in self._past(known))
        steps = layers.shape[1] - opened.structure.layer_delay
        seen = min(steps, opened.structure.layer_delay)
        seeds = np.zeros((len(layers), steps, opened.structure.layer_elements))
        late = by_layers.reshape(len(layers), *by_layers.shape[3:])
        seeds[:, steps - seen :] = late[:, late.shape[1] - seen :]
        by_series, _, by_states, _ = opened.series.adjoints(inputs, layers, opened.program.layers, seeds)
        combined = np.concatenate([by_states, by_series], axis=1)
        combined = combined.reshape(*lead, *combined.shape[1:])
        start = known.y.shape[1] - combined.shape[3]
        by_x[..., start:, :] += combined[..., : by_x.shape[-1]]
        column = by_x.shape[-1]
        for output, own, _ in self._fed_back():
            by_y[..., start:, own] += combined[..., column : column + output.size]
            column += output.size
