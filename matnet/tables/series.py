"""Tables whose rows are time steps: dynamic networks over one series, or over several that a column distinguishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from matnet.errors import TableError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.forecast import add_states
from matnet.network.names import derivative_name, lags_shown
from matnet.tables.columns import GROUP, OF, WRT, Columns, output_names, selected
from matnet.tables.feedback import Opening, Start, too_short
from matnet.tables.interfaces import Rows, Table
from matnet.tables.jobs import Job, columns_of
from matnet.tables.polars import pl
from matnet.tables.wording import shown

Step: TypeAlias = Callable[["History", FloatArray], list[FloatArray]]


@dataclass
class History:
    """The state of a series: the states before its last ``past`` rows, which derivatives at earlier lags still need.

    ``measured`` says whether the states are rows of the series, with respect to which there are derivatives too.
    """

    inputs: FloatArray
    layers: FloatArray
    past: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    measured: bool = False


def series_prediction(net: Network, columns: Columns, table: Table, start: Start) -> Job:
    """The outputs y1, y2 .. of every time step, NaN where a row is a state; each group is a series of its own."""
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, OF)

    def step(history: History, x: FloatArray) -> list[FloatArray]:
        run = net.run(x, history.inputs, history.layers)
        history.inputs, history.layers = run.input_states, run.layer_states
        return [run.outputs[:, of]]

    series = _Groups(net, table, start, step, [(len(of),)])
    return _job(net, tuple(names[i] for i in of), net.output_size, series)


def _job(net: Network, names: tuple[str, ...], width: int, series: _Groups) -> Job:
    """The columns of the series; those of a network that looks ahead are computed when all rows are there."""
    whole = net.structure.looks_ahead
    return Job(names, width, series.compute, sequential=True, whole=whole, finish=series.finish)


def series_gradient(net: Network, columns: Columns, table: Table, start: Start, lags: int, leads: int) -> Job:
    """The outputs of every time step and their total derivatives with respect to the inputs up to `lags` steps before.

    dy1_dx1 is with respect to the input of the same step, dy1_dx1_lag1 to that of the step before, and so on: all of
    lag 0, then all of lag 1, and at the end all of the step after, dy1_dx1_lead1, up to `leads`. It is 0 where the lag
    leads out of the rows of the table; states that are given are held fixed.
    """
    names, inputs = output_names(columns, net.output_size), start.choice.input_names
    of = selected(names, columns.of, OF)
    wrt = selected(inputs, columns.wrt, WRT)
    places = lags_shown(lags, leads)
    slopes = [derivative_name(names[i], inputs[j], lag) for lag in places for i in of for j in wrt]

    def step(history: History, x: FloatArray) -> list[FloatArray]:
        before = len(history.past)
        series = np.concatenate([history.past.reshape(before, x.shape[1]), x])
        states: dict[str, Any] = {"input_states": history.inputs, "layer_states": history.layers}
        y = net.run(series, **states).outputs[before:]
        jacobian = net.run_jacobian(series, lags, leads=leads, **states)
        if history.measured and before < lags:
            add_states(jacobian, net.run_jacobian(series[:lags], wrt="input_states", **states), lags)
        leave = max(0, len(series) - lags)
        run = net.run(series[:leave], **states)
        history.inputs, history.layers, history.past = run.input_states, run.layer_states, series[leave:]
        return [y[:, of], jacobian[before:, places][:, :, of][..., wrt]]

    width = net.output_size * (1 + len(places) * net.input_size)
    series = _Groups(net, table, start, step, [(len(of),), (len(places), len(of), len(wrt))])
    return _job(net, (*(names[i] for i in of), *slopes), width, series)


class _Groups:
    """`step` for each group's rows of a chunk, put back in the order of the rows; results are NaN where a row is a
    state.

    ``shapes`` are those of a row's results.
    """

    def __init__(self, net: Network, table: Table, start: Start, step: Step, shapes: list[tuple[int, ...]]) -> None:
        self._net, self._table, self._start, self._step, self._shapes = net, table, start, step, shapes
        self._histories: dict[str | None, History | Opening] = {}
        self._states = self._rows = 0

    def compute(self, rows: Rows, before: int) -> list[pl.Series]:
        """The columns of a chunk."""
        results = [np.full((len(rows), *shape), np.nan) for shape in self._shapes]
        self._rows = before + len(rows)
        measured: FloatArray | None = None
        for key, found in groups(rows, self._start):
            history = self._histories.get(key) or self._begun()
            places = found
            if isinstance(history, Opening):
                if measured is None and self._start.elements:
                    measured = self._start.measured(rows, before, self._net.output_size, self._table.dialect)
                states = min(self._start.rows - history.rows, len(found))
                history.add(rows.x[found], None if measured is None else measured[found])
                places = found[states:]
                self._states += states
                if history.complete:
                    history = History(*history.states(self._table), measured=True)
            self._histories[key] = history
            if isinstance(history, History):
                for result, part in zip(results, self._step(history, rows.x[places]), strict=True):
                    result[places] = part
            if self._net.structure.ends:
                self._states += max(len(places) - 1, 0)
        kept = rows.texts.get_columns()[: len(self._start.choice.keep)]
        columns = [column for result in results for column in columns_of(result)]
        return [*kept, *columns]

    def _begun(self) -> History | Opening:
        states, structure = self._start.states, self._net.structure
        if states.first_rows:
            return Opening(self._net, self._start)
        layers = structure.layer_elements
        return History(
            np.zeros((structure.input_delay, self._net.input_size)) if states.inputs is None else states.inputs,
            np.zeros((structure.layer_delay, layers)) if states.layers is None else states.layers,
        )

    def finish(self) -> int:
        """How many rows have no output: those that were states, and those before the end where only that has one.

        No series may be too short to tell its states.

        Raises
        ------
        TableError
            One was, or the measured outputs are those of more rows.
        """
        self._start.check_length(self._rows)
        for key, history in self._histories.items():
            if isinstance(history, Opening) and not history.complete:
                which = "the series" if key is None else f"the series {shown(key)}"
                raise too_short(self._table.place, which, history.rows, self._start.rows + self._start.ahead)
        return self._states


def groups(rows: Rows, start: Start) -> list[tuple[str | None, np.ndarray[tuple[int], np.dtype[np.intp]]]]:
    """The rows of each group, in order of appearance; all rows where there are no groups.

    Raises
    ------
    TableError
        The column of the groups holds what has no text, such as lists.
    """
    if start.choice.group is None:
        return [(None, np.arange(len(rows)))]
    keys = rows.texts.to_series(len(start.choice.keep))
    if keys.dtype.is_nested() or keys.dtype in (pl.Binary, pl.Object):
        raise TableError(GROUP, f" is a column of {keys.dtype}, expected text, numbers or dates")
    places: dict[str | None, list[int]] = {}
    for place, key in enumerate(keys.cast(pl.String).to_list()):
        places.setdefault(key, []).append(place)
    return [(key, np.array(found)) for key, found in places.items()]
