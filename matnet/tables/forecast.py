"""Forecasts from a table: the known part of its series, and the following steps with their derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from matnet.errors import ModelError, Parameter, TableError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.forecast import closed_elements, opened_elements
from matnet.network.names import derivative_name
from matnet.tables.arrays import ArrayTable
from matnet.tables.chunks import joined
from matnet.tables.columns import KEEP, OF, WRT, Columns, expanded, numbered, output_names, selected
from matnet.tables.feedback import columns_beside, start_of_series, with_array
from matnet.tables.interfaces import Rows, Table
from matnet.tables.jobs import columns_of
from matnet.tables.polars import pl
from matnet.tables.series import groups
from matnet.tables.wording import shown

STEP = "step"


class Forecast:
    """The last `steps` rows of each series as the network forecasts them from the rows before.

    Of these rows only the inputs are used. For a network that has no inputs except those fed back, the steps come after
    the last row. The result has a row for each step: the group, the step from 1, the kept columns of that row, the
    outputs, and with `derivatives` those at each lag (dy1_dx1, dy1_dx1_lag1 .. dy1_dy1_lag1 ..), with respect to inputs
    and to the outputs measured in the past.

    Raises
    ------
    TableError
        The columns do not fit, or a series is too short.
    """

    def __init__(
        self,
        net: Network,
        table: Table,
        columns: Columns,
        targets: FloatArray | None,
        steps: int,
        lags: int | None,
        derivatives: bool,
    ) -> None:
        if not closed_elements(net.structure) and not opened_elements(net.structure):
            raise ModelError("the network feeds no output back, so there is nothing to forecast with")
        table, columns, targets = _split(net, table, columns, targets)
        self.net = net.close_loop() if opened_elements(net.structure) else net
        table, targets = with_array(self.net, table, targets)
        self._start = start_of_series(self.net, table, columns, None, targets, early=True)
        self.choice = self._start.choice
        self.rows = joined(list(table.rows(self.choice)) or [Rows(np.zeros((0, self.net.input_size)), pl.DataFrame())])
        self._steps, self._derivatives = steps, derivatives
        self._reach = self.net.forecaster.reach
        self._table = table
        self._lags = steps - 1 + self._reach if lags is None else lags
        if not self.net.input_size and self.choice.keep:
            raise TableError(KEEP, ": the steps of the forecast come after the last row, which has no columns for them")
        outputs = output_names(columns, net.output_size)
        self._of = selected(outputs, columns.of, OF)
        fed = tuple(outputs[element] for element in self._start.elements)
        self._sources = (*self.choice.input_names, *fed)
        self._wrt = selected(self._sources, columns.wrt, WRT)
        slopes = [
            derivative_name(outputs[i], self._sources[j], lag)
            for lag in range(self._lags + 1)
            for i in self._of
            for j in self._wrt
            if lag or j < self.net.input_size
        ]
        group = [] if self.choice.group is None else [table.header.names[self.choice.group]]
        self.names = [*group, STEP, *table.kept_names(self.choice), *(outputs[i] for i in self._of)]
        self.names += slopes if derivatives else []
        kinds = table.text_types(self.choice)
        texts, keys = kinds[: len(self.choice.keep)], kinds[len(self.choice.keep) :][: len(group)]
        self.types: list[pl.DataType] = [*keys, pl.Int64(), *texts]
        self.types += [pl.Float64()] * (len(self.names) - len(self.types))
        past, told = ("the last", "1 step is") if steps == 1 else (f"the last {steps}", f"{steps:,} steps are")
        past = f"all rows but {past}" if self.net.input_size else "all rows"
        which = "the series" if self.choice.group is None else "each series"
        self.words = f"{table.place}: {past} of {which} are the past, from which {told} forecast"

        if not len(self.rows):
            raise TableError("it has no rows, so there is nothing to forecast from", place=table.place)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warnings about the known past, once the columns are computed."""
        return tuple(self._start.doubts)

    def columns(self) -> list[pl.Series]:
        """The result."""
        parts = list(self._parts())
        return [pl.concat([part[k] for part in parts]) for k in range(len(self.names))]

    def _parts(self) -> Iterator[list[pl.Series]]:
        """The columns of each series."""
        t = self._start.measured(self.rows, 0, self.net.output_size, self._table.dialect)
        self._start.check_length(len(self.rows))
        kept = len(self.choice.keep)
        for key, places in groups(self.rows, self._start):
            past = places[: len(places) - self._steps] if self.net.input_size else places
            future = places[len(past) :]
            self._check(key, len(past), len(places))
            x = self.rows.x if self.net.input_size else None
            known = None if x is None else x[past], t[past], None if x is None else x[future]
            y = self.net.forecast(*known, steps=self._steps)
            self._start.doubt_measured(self.net, t[past])
            texts = [column.gather(future) for column in self.rows.texts.get_columns()]
            group = [] if self.choice.group is None else [self.rows.texts.to_series(kept)[places[:1]]]
            part = [column.new_from_index(0, self._steps) for column in group]
            part += [pl.Series(np.arange(1, self._steps + 1)), *texts[:kept], *columns_of(y[:, self._of])]
            yield [*part, *(self._slopes(known) if self._derivatives else [])]

    def _check(self, key: str | None, past: int, rows: int) -> None:
        if past < self._reach or (self.net.input_size and rows < self._steps):
            which = "the series" if key is None else f"the series {shown(key)}"
            needed = self._reach + (self._steps if self.net.input_size else 0)
            raise TableError(
                f"{self._table.place}: {which} has {counted(rows, 'row')}, but a forecast of "
                f"{counted(self._steps, 'step')} needs {needed}: the network looks back over {self._reach}; see ",
                Parameter("forecast"),
            )

    def _slopes(self, known: tuple[FloatArray | None, FloatArray, FloatArray | None]) -> list[pl.Series]:
        """The derivatives of every step at each lag."""
        net, T, K = self.net, len(known[1]), self._steps
        by = {wrt: net.forecast_jacobian(*known, wrt=wrt, steps=K) for wrt in ("x_past", "y_past", "x_future")}
        sources = len(self._sources)
        slopes = np.zeros((K, self._lags + 1, net.output_size, sources))
        elements = list(self._start.elements)
        for k in range(K):
            for lag in range(min(self._lags, T + k) + 1):
                time = T + k - lag
                if time >= T:
                    slopes[k, lag, :, : net.input_size] = by["x_future"][k, :, time - T]
                else:
                    slopes[k, lag, :, : net.input_size] = by["x_past"][k, :, time]
                    slopes[k, lag, :, net.input_size :] = by["y_past"][k, :, time][:, elements]
        chosen = slopes[:, :, list(self._of)][..., list(self._wrt)]
        inputs = [place for place, j in enumerate(self._wrt) if j < net.input_size]
        return [*columns_of(chosen[:, 0][..., inputs]), *columns_of(chosen[:, 1:])]


def _split(
    net: Network, table: Table, columns: Columns, targets: FloatArray | None
) -> tuple[Table, Columns, FloatArray | None]:
    """The derivatives with respect to the inputs of an open loop that carry outputs, as those with respect to the
    measured outputs."""
    opened = opened_elements(net.structure)
    if not opened:
        return table, columns, targets
    beside = [k for k in range(net.input_size) if k not in opened]
    if isinstance(table, ArrayTable) and not table.header.written:
        if targets is None and table.x.shape[1] == net.input_size:
            targets = np.full((len(table.x), net.output_size), np.nan)
            targets[:, list(opened.values())] = table.x[:, list(opened)]
            table = table.holding(table.x[:, beside])
        return table, columns_beside(net, columns), targets
    names = columns.own_inputs or numbered("x", net.input_size)
    if columns.inputs is not None:
        names = expanded(columns.inputs, table.header.names)
        if len(names) != net.input_size:
            return table, columns_beside(net, columns, names), targets
    elif not set(names) <= set(table.header.names):
        return table, columns_beside(net, columns), targets
    inputs = tuple(names[k] for k in beside)
    fed = {element: names[k] for k, element in opened.items()}
    named = columns.targets or tuple(fed[element] for element in sorted(fed))
    return table, replace(columns_beside(net, columns), inputs=inputs, targets=named), targets
