"""From the options of a command to the batch run over a table."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from matnet.cli.models import load_model, remark_on_steps
from matnet.cli.options import dialect, memory_limit
from matnet.cli.speech import Progress, complain, on_terminal
from matnet.errors import TableError
from matnet.tables.csv.dialect import Dialect

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.network import Ensemble, Network
    from matnet.tables.columns import Columns
    from matnet.tables.interfaces import Table
    from matnet.tables.run import BatchOptions
    from matnet.tables.series import States
    from matnet.tables.summary import Summary

BATCH_OPTIONS = ("hessian", "tidy", "lags", "input_sd", "flag_range", "workers", "chunk_size")
COLUMN_OPTIONS = ("inputs", "outputs", "keep", "wrt", "of", "group")
LISTED = 6


def run_batch(run: Callable[..., Summary], options: dict[str, Any]) -> None:
    """Load the network, open table and target, run, and say what a user should know."""
    from matnet.tables.columns import Columns
    from matnet.tables.formats import format_for
    from matnet.tables.run import BatchOptions
    from matnet.tables.target import open_target

    on_dask = options["engine"] == "dask"
    if options["scheduler"] is not None and not on_dask:
        raise TableError("--scheduler is for --engine dask")
    form = format_for("-" if on_dask else options["out"], options["form"])
    columns = Columns(**{key: options[key] for key in COLUMN_OPTIONS if key in options})
    chosen = BatchOptions(
        columns,
        form.name,
        states=_states(options["states"]),
        **{key: options[key] for key in BATCH_OPTIONS if key in options},
    )
    how = dialect(options)
    model = load_model(options)
    if "wrt" in options:
        remark_on_steps(model)
    if options["engine"] == "c":
        import matnet

        model = matnet.compile(model)
    if on_dask:
        _finish(_on_dask(run, model, options, how, chosen), model, options)
        return
    progress = Progress()
    with (
        opened(options["table"], how, options["samples"], columns, options["summary"] is not None) as table,
        open_target(options["out"], None if sys.stdout is None else sys.stdout.buffer) as target,
    ):
        for note in table.notes:
            complain(note)
        try:
            summary = run(model, table, target, chosen, progress)
        finally:
            progress.clear()
    _finish(summary, model, options)


def _on_dask(
    run: Callable[..., Summary], model: Network | Ensemble, options: dict[str, Any], how: Dialect, chosen: BatchOptions
) -> Summary:
    from matnet.tables.dask import Cluster, run_on_dask
    from matnet.tables.opening import Reading

    reading = Reading(how, "rows" if options["samples"] == "rows" else "columns", options["summary"] is not None)
    cluster = Cluster(options["scheduler"], options["workers"])
    progress = Progress()
    try:
        return run_on_dask(run, model, options["table"], options["out"], chosen, reading, cluster, progress)
    finally:
        progress.clear()


def _finish(summary: Summary, model: Network | Ensemble, options: dict[str, Any]) -> None:
    """Say what a user should know, and write the summary for programs."""
    _report(summary, options["table"])
    if options["summary"] is not None:
        from matnet.tables.target import open_target

        text = json.dumps({"matnet": version("matnet"), **summary.record(model)}, indent=2) + "\n"
        with open_target(options["summary"], None) as target:
            target.write(text.encode())


@contextmanager
def opened(name: str, how: Dialect, samples: str, columns: Columns, hashed: bool = False) -> Iterator[Table]:
    """The table of that name: a file, a stream, an array, a folder of parts."""
    from matnet.tables.opening import Reading, open_table

    # polars has installed a handler after which a read that was interrupted goes on, as if there had been no Ctrl-C
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)
    reading = Reading(how, "rows" if samples == "rows" else "columns", hashed)
    with open_table(name, columns, reading, None if sys.stdin is None else sys.stdin.buffer) as table:
        yield table


def _states(option: str) -> States:
    """What came before the series, from `zero` or FILE.mat:Xi,Ai."""
    from matnet.tables.matfiles import mat_address
    from matnet.tables.series import States

    if option == "zero":
        return States()
    address = mat_address(option)
    if address is None:
        raise TableError(f"--states: '{option}' is neither zero nor FILE.mat:Xi,Ai")
    from matnet.importers.arrays import read_array

    file, paths = address
    names = re.split(r",(?![^{(]*[})])", paths)
    if len(names) > 2:
        raise TableError(f"--states: '{paths}' names {len(names)} variables, expected Xi or Xi,Ai")
    found = [read_array(file, name, **memory_limit()).T if name else None for name in names]
    return States(*found)


def samples(net: Network, options: dict[str, Any]) -> tuple[FloatArray, tuple[str, ...]]:
    """All samples of the table (N, R), and the inputs' names: for what needs them at once."""
    import numpy as np

    from matnet.tables.columns import Columns

    columns = Columns(inputs=options["inputs"])
    with opened(options["table"], dialect(options), options["samples"], columns) as table:
        for note in table.notes:
            complain(note)
        choice = table.choose(columns, net.input_size)
        if choice.note:
            complain(choice.note)
        parts = [rows.x for rows in table.rows(choice)]
    return np.concatenate([np.zeros((0, net.input_size)), *parts]), choice.input_names


def _report(summary: Summary, name: str) -> None:
    place = "standard input" if name == "-" else name
    if summary.note:
        complain(summary.note)
    if summary.outside:
        pairs = zip(summary.input_names, summary.outside_by_input, strict=True)
        counts = [f"{name}: {count:,}" for name, count in pairs if count]
        more = f" and {len(counts) - LISTED} more inputs" if len(counts) > LISTED else ""
        lie = "lies" if summary.outside == 1 else "lie"
        complain(
            f"{place}: {summary.outside:,} of {summary.rows:,} rows {lie} outside the range the network was "
            f"trained on ({', '.join(counts[:LISTED])}{more})"
        )
    if summary.rows_with_nan:
        complain(f"{place}: NaN in {_rows(summary.rows_with_nan)} of the result")
    if on_terminal():
        complain(f"{place}: {_rows(summary.rows)} in {summary.seconds:.1f} s")


def _rows(count: int) -> str:
    return f"{count:,} row" + ("" if count == 1 else "s")
