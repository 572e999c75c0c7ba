"""A network over a whole table: from a source of rows to a sink, in chunks, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

import numpy as np

from matnet.errors import TableError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.tables.cells import Rows
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv_sink import CsvSink
from matnet.tables.jobs import Job, Model, gradient, prediction, tidy_gradient, uncertain_prediction
from matnet.tables.rows import chunk_rows, rechunked
from matnet.tables.series import States, series_gradient, series_prediction
from matnet.tables.target import Target

Progress = Callable[[int, float | None], None]


class Table(Protocol):
    """A source of rows: a CSV file, a stream, an array."""

    @property
    def fraction(self) -> float | None:
        """How much has been read."""
        ...

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network."""
        ...

    def rows(self, choice: Choice) -> Iterator[Rows]:
        """The rows in order."""
        ...

    def kept_names(self, choice: Choice) -> tuple[str, ...]:
        """The names of the columns written unchanged."""
        ...


@dataclass
class Summary:
    """What was done: rows written, and how many of them lie outside the range of the training, in all and by input."""

    input_names: tuple[str, ...]
    note: str = ""
    rows: int = 0
    outside: int = 0
    outside_by_input: list[int] = field(default_factory=list)

    def count(self, x: FloatArray, limits: FloatArray) -> None:
        """Count the rows of a chunk; NaN in x or in the limits is not outside."""
        self.rows += len(x)
        outside = (x < limits[:, 0]) | (x > limits[:, 1])
        counts = np.count_nonzero(outside, axis=0).tolist()
        self.outside += int(np.count_nonzero(outside.any(axis=1)))
        self.outside_by_input = [a + b for a, b in zip(self.outside_by_input or [0] * len(counts), counts, strict=True)]


@dataclass(frozen=True)
class Asked:
    """What a result is made of: the names and selections, and the second derivatives and the long form on request.

    ``delimiter`` divides the cells of the result. ``tidy`` writes one row a (sample, output, input). Of a dynamic
    network ``states`` are what came before a series, and ``lags`` how many steps back derivatives go. ``input_sd``, one
    number for each input, adds the outputs' standard deviations.
    """

    columns: Columns = field(default_factory=Columns)
    delimiter: str = ","
    hessian: bool = False
    tidy: bool = False
    lags: int | None = None
    input_sd: tuple[float, ...] | None = None
    states: States = field(default_factory=States)


def predict(
    model: Model, table: Table, target: Target, asked: Asked | None = None, progress: Progress | None = None
) -> Summary:
    """Write the kept columns and the network's outputs y1 .. yS for every row of a table.

    Parameters
    ----------
    model
        A network; a dynamic one runs over the table as a series, or over one for each group. Or an ensemble of static
        networks: then y1_std follows y1.
    table
        Where the rows come from.
    target
        Where the CSV text goes.
    asked
        Names and selections; ``columns.of`` leaves out outputs.
    progress
        Called after each chunk with the rows done and the share of the table that has been read, where known.

    Raises
    ------
    TableError
        The table cannot be read as asked, what is asked for does not go together, two columns of the result have one
        name, or the target cannot be written.
    ShapeError
        The states do not fit the network.
    """
    asked = asked or Asked()
    choice = table.choose(asked.columns, model.input_size)
    if _in_time(model, asked):
        job = series_prediction(model, asked.columns, choice, asked.states)
    elif asked.input_sd is not None:
        if not isinstance(model, Network):
            raise TableError("--input-sd is for a single network, not for an ensemble")
        job = uncertain_prediction(model, asked.columns, asked.input_sd)
    else:
        job = prediction(model, asked.columns)
    return _run(model, table, choice, job, target, asked.delimiter, progress)


def gradients(
    model: Model, table: Table, target: Target, asked: Asked | None = None, progress: Progress | None = None
) -> Summary:
    """Write the kept columns, the outputs y1 .. yS and their derivatives dy1_dx1, dy1_dx2 .. dy2_dx1 .. for every row.

    Parameters and errors are those of `predict`; ``columns.wrt`` and ``columns.of`` select the derivatives.
    """
    asked = asked or Asked()
    choice = table.choose(asked.columns, model.input_size)
    if _in_time(model, asked):
        job = series_gradient(model, asked.columns, choice, asked.states, _lags(model, asked))
    else:
        make = tidy_gradient if asked.tidy else gradient
        job = make(model, asked.columns, choice, asked.hessian)
    return _run(model, table, choice, job, target, asked.delimiter, progress)


def _in_time(model: Model, asked: Asked) -> TypeGuard[Network]:
    """Whether the rows are time steps of a dynamic network.

    Raises
    ------
    TableError
        Something is asked for that only dynamic networks have, or only static ones.
    """
    if isinstance(model, Network) and model.dynamic:
        static = (("--hessian", asked.hessian), ("--tidy", asked.tidy), ("--input-sd", asked.input_sd is not None))
        for option, given in static:
            if given:
                raise TableError(f"{option}: the network looks back in time; this is for networks that do not")
        return True
    given_states = asked.states.inputs is not None or asked.states.layers is not None
    for option, given in (
        ("--group", asked.columns.group is not None),
        ("--states", given_states),
        ("--wrt-time", asked.lags is not None),
    ):
        if given:
            raise TableError(f"{option} is for networks that look back in time; this one does not")
    return False


def _lags(net: Network, asked: Asked) -> int:
    """How many steps back derivatives go: as asked, else as far as the taps on the inputs."""
    return net.structure.input_delay if asked.lags is None else asked.lags


def _run(
    model: Model,
    table: Table,
    choice: Choice,
    job: Job,
    target: Target,
    delimiter: str,
    progress: Progress | None,
) -> Summary:
    sink = CsvSink(target, table.kept_names(choice) + job.names, delimiter)
    summary = Summary(choice.input_names, choice.note)
    for chunk in rechunked(table.rows(choice), chunk_rows(job.width)):
        sink.write(job.compute(chunk, summary.rows))
        summary.count(chunk.x, model.input_range)
        if progress is not None:
            progress(summary.rows, table.fraction)
    sink.finish()
    return summary
