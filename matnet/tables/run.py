"""A network over a whole table: from a source of rows to a sink, in chunks, in order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from matnet.errors import Parameter, TableError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.tables.chunks import chunk_rows, rechunked
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv.dialect import Style
from matnet.tables.formats import format_for
from matnet.tables.interfaces import Rows, Table
from matnet.tables.jobs import INPUT_SD, Job, Model, flagged, gradient, prediction, tidy_gradient, uncertain_prediction
from matnet.tables.pipeline import workers
from matnet.tables.polars import pl
from matnet.tables.summary import Counts, Summary, counts
from matnet.tables.target import Target

if TYPE_CHECKING:
    from matnet.tables.feedback import Start, States

GROUP_CHUNKS = 4
"""Chunks of the default size in a row group of Parquet or Arrow."""

Progress = Callable[[int, float | None], None]


@dataclass(frozen=True)
class BatchOptions:
    """The contents of a result: the names and selections, and the second derivatives and the long form on request.

    ``form`` is the name of the result's format. ``tidy`` writes one row per sample, output and input. Of a dynamic
    network ``states`` are what came before a series, its first rows if they are None, ``lags`` how many steps back
    derivatives go, and ``leads`` how many ahead; ``targets`` are the outputs (N, S) measured at the table's rows, if
    they are not columns of it. With ``forecast`` the result is that many steps after the known outputs of a series.
    ``input_sd``, one number for each input, adds the outputs' standard deviations; ``flag_range`` a last column that
    counts the inputs outside the range that is known. ``workers`` is the number of threads and ``chunk_size`` how many
    rows go through the network at once; the result does not depend on either. ``style`` is how numbers are written as
    text.
    With ``flush`` rows are answered as they come.
    """

    columns: Columns = field(default_factory=Columns)
    form: str = "csv"
    hessian: bool = False
    tidy: bool = False
    lags: int | None = None
    leads: int = 0
    input_sd: tuple[float, ...] | None = None
    states: States | None = None
    targets: FloatArray | None = None
    forecast: int | None = None
    flag_range: bool = False
    workers: int | None = None
    chunk_size: int | None = None
    style: Style = field(default_factory=Style)
    flush: bool = False


def predict(
    model: Model, table: Table, target: Target, options: BatchOptions | None = None, progress: Progress | None = None
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
        Where the result goes.
    options
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
    options = _named(options, model)
    if _in_time(model, options):
        return _over_series(model, table, target, options, progress, derivatives=False)
    choice = table.choose(options.columns, model.input_size)
    if options.input_sd is not None:
        if not isinstance(model, Network):
            raise TableError(INPUT_SD, " is for a single network, not for an ensemble")
        job = uncertain_prediction(model, options.columns, options.input_sd)
    else:
        job = prediction(model, options.columns)
    return _run(model, table, choice, job, target, options, progress)


def gradients(
    model: Model, table: Table, target: Target, options: BatchOptions | None = None, progress: Progress | None = None
) -> Summary:
    """Write the kept columns, the outputs y1 .. yS and their derivatives dy1_dx1, dy1_dx2 .. dy2_dx1 .. for every row.

    Parameters and errors are those of `predict`; ``columns.wrt`` and ``columns.of`` select the derivatives.
    """
    options = _named(options, model)
    if _in_time(model, options):
        return _over_series(model, table, target, options, progress, derivatives=True)
    choice = table.choose(options.columns, model.input_size)
    make = tidy_gradient if options.tidy else gradient
    job = make(model, options.columns, choice, options.hessian)
    return _run(model, table, choice, job, target, options, progress)


def _in_time(model: Model, options: BatchOptions) -> TypeGuard[Network]:
    """Whether the rows are time steps of a dynamic network.

    Raises
    ------
    TableError
        An option applies only to dynamic networks, or only to static ones.
    """
    if isinstance(model, Network) and model.dynamic:
        static = (("hessian", options.hessian), ("tidy", options.tidy), ("input_sd", options.input_sd is not None))
        for name, given in static:
            if given:
                raise TableError(Parameter(name), " is for static networks; this network is dynamic")
        return True
    for name, given in (
        ("group", options.columns.group is not None),
        ("states", options.states is not None),
        ("targets", bool(options.columns.targets) or options.targets is not None),
        ("forecast", options.forecast is not None),
        ("lags", options.lags is not None),
        ("leads", options.leads > 0),
    ):
        if given:
            raise TableError(Parameter(name), " is for dynamic networks; this network is static")
    return False


def _over_series(
    net: Network, table: Table, target: Target, options: BatchOptions, progress: Progress | None, derivatives: bool
) -> Summary:
    """Write every time step of the series, or the steps after them, and on request the derivatives."""
    if options.forecast is not None:
        return _forecast(net, table, target, options, options.forecast, derivatives)
    # imported here: static networks do not need them, and importing them takes time at every start
    from matnet.tables.feedback import start_of_series, with_array
    from matnet.tables.series import series_gradient, series_prediction

    table, targets = with_array(net, table, options.targets)
    start = start_of_series(net, table, options.columns, options.states, targets)
    if options.flush and net.structure.looks_ahead:
        raise TableError(
            Parameter("flush"),
            " needs outputs that depend on earlier rows alone; those here depend on later ones too",
        )
    if derivatives:
        job = series_gradient(net, options.columns, table, start, _lags(net, options), options.leads)
    else:
        job = series_prediction(net, options.columns, table, start)
    return _run(net, table, start.choice, job, target, options, progress, start)


def _forecast(
    net: Network, table: Table, target: Target, options: BatchOptions, steps: int, derivatives: bool
) -> Summary:
    """Write the steps after the known outputs of each series, and on request their derivatives."""
    started = time.monotonic()
    taken = (("states", options.states is not None), ("flag_range", options.flag_range), ("leads", options.leads > 0))
    for name, given in taken:
        if given:
            raise TableError(Parameter(name), " does not go with a forecast, which starts from the known past")
    from matnet.tables.forecast import Forecast

    made = Forecast(net, table, options.columns, options.targets, steps, options.lags, derivatives)
    columns = made.columns()
    summary = Summary(made.choice.input_names, made.net.input_extent.origin, made.choice.note, made.words)
    group_rows = GROUP_CHUNKS * chunk_rows(len(made.names))
    sink = format_for("", options.form).write(target, made.names, made.types, group_rows, options.style)
    with sink:
        sink.write(sink.formatted(columns))
    summary.add(counts(made.rows.x, made.net.input_extent, columns))
    return _finished(summary, table, started, made.doubts)


def _named(options: BatchOptions | None, model: Model) -> BatchOptions:
    """The options with the names that the network itself has."""
    options = options or BatchOptions()
    return replace(options, columns=options.columns.named_by(model))


def _lags(net: Network, options: BatchOptions) -> int:
    """How many steps back derivatives go: as requested, else to the longest input delay."""
    return net.structure.input_delay if options.lags is None else options.lags


def _run(
    model: Model,
    table: Table,
    choice: Choice,
    job: Job,
    target: Target,
    options: BatchOptions,
    progress: Progress | None,
    start: Start | None = None,
) -> Summary:
    started = time.monotonic()
    extent = model.input_extent
    if options.flag_range:
        job = flagged(job, extent)
    names = table.kept_names(choice) + job.names
    types = [*table.text_types(choice)[: len(choice.keep)], *(job.types.get(name, pl.Float64()) for name in job.names)]
    summary = Summary(choice.input_names, extent.origin, choice.note, "" if start is None else start.words)
    sink = format_for("", options.form).write(target, names, types, GROUP_CHUNKS * chunk_rows(job.width), options.style)
    if options.flush:
        with sink:
            for rows in table.rows(choice):
                columns = job.compute(rows, summary.rows)
                sink.write(sink.formatted(columns))
                target.flush()
                summary.add(counts(rows.x, extent, columns[len(choice.keep) :]))
            summary.rows_with_nan -= job.finish()
        return _finished(summary, table, started, [] if start is None else start.doubts)
    with workers(options.workers, sink.workers_per_core) as threads, sink:
        parsed = threads.in_order(lambda piece: None if piece is None else piece(), table.pieces(choice))
        # a series is computed step by step, and how it is divided may change the last digit
        size = chunk_rows(job.width, None if job.sequential else options.chunk_size)
        if job.whole:
            parsed, size = (part for part in parsed if part is not None), sys.maxsize
        chunks = _numbered(rechunked(parsed, size))

        def computed(chunk: Chunk) -> ComputedChunk:
            return ComputedChunk(chunk.rows.x, job.compute(chunk.rows, chunk.before))

        def written(done: ComputedChunk) -> tuple[list[bytes] | pl.DataFrame, Counts]:
            return sink.formatted(done.columns), counts(done.x, extent, done.columns[len(choice.keep) :])

        if job.sequential:
            results = threads.in_order(written, map(computed, chunks))
        else:
            results = threads.in_order(lambda chunk: written(computed(chunk)), chunks)
        for formatted, counted in results:
            sink.write(formatted)
            summary.add(counted)
            if progress is not None:
                progress(summary.rows, table.fraction)
        summary.rows_with_nan -= job.finish()
    return _finished(summary, table, started, [] if start is None else start.doubts)


def _finished(summary: Summary, table: Table, started: float, doubts: Sequence[str] = ()) -> Summary:
    summary.sources = table.sources
    summary.doubts = tuple(doubts)
    summary.seconds = time.monotonic() - started
    return summary


class Chunk(NamedTuple):
    """Rows that go through the network at once, and how many came before them."""

    rows: Rows
    before: int


class ComputedChunk(NamedTuple):
    """The inputs of a chunk and the columns of its result."""

    x: FloatArray
    columns: list[pl.Series]


def _numbered(chunks: Iterable[Rows]) -> Iterator[Chunk]:
    before = 0
    for rows in chunks:
        yield Chunk(rows, before)
        before += len(rows)
