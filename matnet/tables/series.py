"""Tables whose rows are time steps: dynamic networks over one series, or over several that a column distinguishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl

from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.names import derivative_name
from matnet.tables.columns import OF, WRT, Choice, Columns, output_names, selected
from matnet.tables.interfaces import Rows
from matnet.tables.jobs import Job, columns_of


@dataclass(frozen=True)
class States:
    """What came before the series: the inputs (ID, R), raw, and all layers' outputs (LD, N); None for zeros."""

    inputs: FloatArray | None = None
    layers: FloatArray | None = None


Step: TypeAlias = Callable[["History", FloatArray], list[FloatArray]]


@dataclass
class History:
    """Where a series stands: the states before its last ``past`` rows, which derivatives by lag still need."""

    inputs: FloatArray
    layers: FloatArray
    past: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))


def series_prediction(net: Network, columns: Columns, choice: Choice, states: States) -> Job:
    """The outputs y1, y2 .. of every time step; each group is a series of its own, from the same initial states."""
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, OF)

    def step(history: History, x: FloatArray) -> list[FloatArray]:
        run = net.run(x, history.inputs, history.layers)
        history.inputs, history.layers = run.input_states, run.layer_states
        return [run.outputs[:, of]]

    compute = _over_groups(net, choice, states, step)
    return Job(tuple(names[i] for i in of), net.output_size, compute, sequential=True)


def series_gradient(net: Network, columns: Columns, choice: Choice, states: States, lags: int) -> Job:
    """The outputs of every time step and their total derivatives with respect to the inputs up to `lags` steps before.

    dy1_dx1 is by the input of the same step, dy1_dx1_lag1 by that of the step before, and so on: all of lag 0, then all
    of lag 1. It is 0 where the lag leads before the series, whose initial states are held fixed.
    """
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, OF)
    wrt = selected(choice.input_names, columns.wrt, WRT)
    slopes = [derivative_name(names[i], choice.input_names[j], lag) for lag in range(lags + 1) for i in of for j in wrt]

    def step(history: History, x: FloatArray) -> list[FloatArray]:
        before = len(history.past)
        series = np.concatenate([history.past.reshape(before, x.shape[1]), x])
        y = net.run(series, history.inputs, history.layers).outputs[before:]
        jacobian = net.run_jacobian(series, lags, input_states=history.inputs, layer_states=history.layers)[before:]
        leave = max(0, len(series) - lags)
        run = net.run(series[:leave], history.inputs, history.layers)
        history.inputs, history.layers, history.past = run.input_states, run.layer_states, series[leave:]
        return [y[:, of], jacobian[:, :, of][..., wrt]]

    width = net.output_size * (1 + (lags + 1) * net.input_size)
    compute = _over_groups(net, choice, states, step)
    return Job((*(names[i] for i in of), *slopes), width, compute, sequential=True)


def _over_groups(net: Network, choice: Choice, states: States, step: Step) -> Callable[[Rows, int], list[pl.Series]]:
    """`step` for each group's rows of a chunk, put back where the rows stand."""
    histories: dict[str | None, History] = {}

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        results: list[FloatArray] = []
        for key, places in _groups(rows, choice):
            history = histories.get(key)
            if history is None:
                history = histories[key] = _start(net, states)
            parts = step(history, rows.x[places])
            results = results or [np.empty((len(rows), *part.shape[1:])) for part in parts]
            for result, part in zip(results, parts, strict=True):
                result[places] = part
        kept = rows.texts.get_columns()[: len(choice.keep)]
        return [*kept, *(column for result in results for column in columns_of(result))]

    return compute


def _start(net: Network, states: States) -> History:
    structure = net.structure
    layers = structure.layer_elements
    return History(
        np.zeros((structure.input_delay, net.input_size)) if states.inputs is None else states.inputs,
        np.zeros((structure.layer_delay, layers)) if states.layers is None else states.layers,
    )


def _groups(rows: Rows, choice: Choice) -> list[tuple[str | None, slice | list[int]]]:
    """The rows of each group, in order of appearance; all rows where there are no groups."""
    if choice.group is None:
        return [(None, slice(None))]
    places: dict[str | None, list[int]] = {}
    for place, key in enumerate(rows.texts.to_series(len(choice.keep)).to_list()):
        places.setdefault(key, []).append(place)
    return list(places.items())
