"""A network over a whole table: from a source of rows to a sink, in chunks, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.tables.cells import Rows
from matnet.tables.columns import Choice, Columns, output_names, selected
from matnet.tables.csv_sink import CsvSink
from matnet.tables.rows import chunk_rows, rechunked
from matnet.tables.target import Target

Compute = Callable[[FloatArray], list[FloatArray]]
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
class Job:
    """What is computed from a chunk of rows, (N, R) to arrays (N, columns), and the names of those columns."""

    names: tuple[str, ...]
    compute: Compute


def predict(
    net: Network, table: Table, target: Target, columns: Columns, delimiter: str = ",", progress: Progress | None = None
) -> Summary:
    """Write the kept columns and the network's outputs y1 .. yS for every row of a table.

    Parameters
    ----------
    net
        A static network.
    table
        Where the rows come from.
    target
        Where the CSV text goes.
    columns
        Names and selections; ``of`` leaves out outputs.
    delimiter
        What divides the cells of the result.
    progress
        Called after each chunk with the rows done and the share of the table that has been read, where known.

    Raises
    ------
    TableError
        The table cannot be read as asked, two columns of the result have one name, or the target cannot be written.
    ShapeError
        The network is dynamic.
    """
    choice = table.choose(columns, net.input_size)
    return _run(net, table, choice, _prediction(net, columns), target, delimiter, progress)


def gradients(
    net: Network, table: Table, target: Target, columns: Columns, delimiter: str = ",", progress: Progress | None = None
) -> Summary:
    """Write the kept columns, the outputs y1 .. yS and their derivatives dy1_dx1, dy1_dx2 .. dy2_dx1 .. for every row.

    Parameters and errors are those of `predict`; ``wrt`` and ``of`` select the derivatives.
    """
    choice = table.choose(columns, net.input_size)
    return _run(net, table, choice, _gradient(net, columns, choice), target, delimiter, progress)


def _prediction(net: Network, columns: Columns) -> Job:
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, "--of")
    return Job(tuple(names[i] for i in of), lambda x: [net(x)[:, of]])


def _gradient(net: Network, columns: Columns, choice: Choice) -> Job:
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, "--of")
    wrt = selected(choice.input_names, columns.wrt, "--wrt")
    slopes = tuple(f"d{names[i]}_d{choice.input_names[j]}" for i in of for j in wrt)

    def compute(x: FloatArray) -> list[FloatArray]:
        y, jacobian = net.value_and_jacobian(x)
        return [y[:, of], jacobian[:, of][:, :, wrt].reshape(len(x), -1)]

    return Job(tuple(names[i] for i in of) + slopes, compute)


def _run(
    net: Network,
    table: Table,
    choice: Choice,
    job: Job,
    target: Target,
    delimiter: str,
    progress: Progress | None,
) -> Summary:
    sink = CsvSink(target, table.kept_names(choice) + job.names, delimiter)
    summary = Summary(choice.input_names, choice.note)
    size = chunk_rows(net.output_size * (1 + net.input_size))
    for chunk in rechunked(table.rows(choice), size):
        summary.count(chunk.x, net.input_range)
        sink.write(chunk.kept, job.compute(chunk.x))
        if progress is not None:
            progress(summary.rows, table.fraction)
    return summary
