"""From the options of a command to the batch run over a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from matnet.cli.models import load_model
from matnet.cli.options import dialect
from matnet.cli.speech import Progress, complain
from matnet.errors import TableError
from matnet.tables.dialect import Dialect

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.network import Network
    from matnet.tables.batch import Summary
    from matnet.tables.columns import Columns
    from matnet.tables.csv_table import CsvTable
    from matnet.tables.mat_table import MatTable
    from matnet.tables.series import States

COLUMN_OPTIONS = ("inputs", "outputs", "keep", "wrt", "of", "group")
LISTED = 6


def run_batch(run: Callable[..., Summary], options: dict[str, Any]) -> None:
    """Load the network, open table and target, run, and say what a user should know."""
    from matnet.tables.batch import Asked
    from matnet.tables.columns import Columns
    from matnet.tables.csv_sink import delimiter_for
    from matnet.tables.target import open_target

    delimiter = delimiter_for(options["out"])
    columns = Columns(**{key: options[key] for key in COLUMN_OPTIONS if key in options})
    others = {key: options[key] for key in ("hessian", "tidy", "lags", "input_sd") if key in options}
    asked = Asked(columns, delimiter, states=_states(options["states"]), **others)
    how = dialect(options)
    model = load_model(options)
    progress = Progress()
    with (
        opened(options["table"], how, options["samples"], columns) as table,
        open_target(options["out"], None if sys.stdout is None else sys.stdout.buffer) as target,
    ):
        for note in table.notes:
            complain(note)
        try:
            summary = run(model, table, target, asked, progress)
        finally:
            progress.clear()
    _report(summary, table)


@contextmanager
def opened(name: str, how: Dialect, samples: str, columns: Columns) -> Iterator[CsvTable | MatTable]:
    """The table of that name: a CSV stream, or a variable of a MAT-file."""
    from matnet.tables.mat_table import MatTable, mat_address

    address = mat_address(name)
    if address is not None:
        from matnet.importers.arrays import read_array

        yield MatTable(read_array(*address), name, "rows" if samples == "rows" else "columns")
        return
    from matnet.tables.csv_table import CsvTable
    from matnet.tables.streams import open_stream

    with open_stream(name, None if sys.stdin is None else sys.stdin.buffer) as stream:
        group = () if columns.group is None else (columns.group,)
        yield CsvTable(stream, how, (*(columns.inputs or ()), *columns.keep, *group))


def _states(option: str) -> States:
    """What came before the series, from `zero` or FILE.mat:Xi,Ai."""
    from matnet.tables.mat_table import mat_address
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
    found = [read_array(file, name).T if name else None for name in names]
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


def _report(summary: Summary, table: CsvTable | MatTable) -> None:
    if summary.note:
        complain(summary.note)
    if not summary.outside:
        return
    pairs = zip(summary.input_names, summary.outside_by_input, strict=True)
    counts = [f"{name}: {count:,}" for name, count in pairs if count]
    listed = ", ".join(counts[:LISTED]) + (f" and {len(counts) - LISTED} more inputs" if len(counts) > LISTED else "")
    lie = "lies" if summary.outside == 1 else "lie"
    complain(
        f"{table.place}: {summary.outside:,} of {summary.rows:,} rows {lie} outside the range the network was "
        f"trained on ({listed})"
    )
