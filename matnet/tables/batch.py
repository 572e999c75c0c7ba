"""A network over a whole table: from a source of rows to a sink, in chunks, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.tables.cells import Rows
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv_sink import CsvSink
from matnet.tables.jobs import Job, Model, gradient, prediction, tidy_gradient
from matnet.tables.rows import chunk_rows, rechunked
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
        outside = (x < limits[:, 0]) | (x > limits[:, 1])
        counts = np.count_nonzero(outside, axis=0).tolist()
        self.rows += len(x)
        self.outside += int(np.count_nonzero(outside.any(axis=1)))
        self.outside_by_input = [a + b for a, b in zip(self.outside_by_input or [0] * len(counts), counts, strict=True)]


@dataclass(frozen=True)
class Asked:
    """What a result is made of: the names and selections, and the second derivatives and the long form on request.

    ``delimiter`` divides the cells of the result. ``tidy`` writes one row a (sample, output, input).
    """

    columns: Columns = field(default_factory=Columns)
    delimiter: str = ","
    hessian: bool = False
    tidy: bool = False


def predict(
    model: Model, table: Table, target: Target, asked: Asked | None = None, progress: Progress | None = None
) -> Summary:
    """Write the kept columns and the network's outputs y1 .. yS for every row of a table.

    Parameters
    ----------
    model
        A static network, or an ensemble of them: then y1_std follows y1.
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
        The table cannot be read as asked, two columns of the result have one name, or the target cannot be written.
    ShapeError
        The network is dynamic.
    """
    asked = asked or Asked()
    choice = table.choose(asked.columns, model.input_size)
    return _run(model, table, choice, prediction(model, asked.columns), target, asked.delimiter, progress)


def gradients(
    model: Model, table: Table, target: Target, asked: Asked | None = None, progress: Progress | None = None
) -> Summary:
    """Write the kept columns, the outputs y1 .. yS and their derivatives dy1_dx1, dy1_dx2 .. dy2_dx1 .. for every row.

    Parameters and errors are those of `predict`; ``columns.wrt`` and ``columns.of`` select the derivatives.
    """
    asked = asked or Asked()
    choice = table.choose(asked.columns, model.input_size)
    make = tidy_gradient if asked.tidy else gradient
    job = make(model, asked.columns, choice, asked.hessian)
    return _run(model, table, choice, job, target, asked.delimiter, progress)


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
    return summary
