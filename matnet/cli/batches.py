"""Run a network over a table, as the options of a command say."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import load_model, remark_on_steps
from matnet.cli.options import dialect, file_reading, names
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import Progress, note, on_terminal, warn
from matnet.errors import MatnetError, MissingExtraError, TableError, UnsupportedError, counted
from matnet.tables.csv.dialect import Style

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.network import Ensemble, Network
    from matnet.tables.columns import Choice, Columns
    from matnet.tables.feedback import States
    from matnet.tables.interfaces import Table
    from matnet.tables.opening import Reading
    from matnet.tables.run import BatchOptions
    from matnet.tables.summary import Summary

BATCH_OPTIONS = (
    "hessian",
    "tidy",
    "lags",
    "leads",
    "forecast",
    "input_sd",
    "flag_range",
    "workers",
    "chunk_size",
    "flush",
)
COLUMN_OPTIONS = ("inputs", "outputs", "keep", "wrt", "of", "group")
LISTED = 6
_BYTES_PER_NUMBER = 10
"""Bytes per number in the files of tables, roughly: 8 in binary ones, up to 20 in text."""
_FEW = 100_000
"""A number of rows that is never worth a build."""
DONE, NOT_CLEAN = 0, 1


def run_batch(options: dict[str, Any], derivatives: bool) -> int:
    """Load the network, run it over the table, report on standard error, and return the exit status."""
    from matnet.tables.formats import format_for, prepare_to_read

    _check_together(options)
    if options["table"] is not None and file_reading().get("isolation", True):
        # before anything else is imported, which takes as long
        prepare_to_read(options["table"])
    from matnet.tables.columns import Columns, image_of
    from matnet.tables.run import BatchOptions, gradients, predict

    run = gradients if derivatives else predict
    on_dask = options["engine"] == "dask"
    form = format_for("-" if on_dask else options["out"], options["form"])
    check_place(options["out"], options)
    if options["summary"] is not None:
        check_place(options["summary"], options)
    targets = targets_given(options)
    columns = Columns(**{key: options[key] for key in COLUMN_OPTIONS if key in options}, targets=targets.names)
    given = {key: options[key] for key in BATCH_OPTIONS if key in options}
    style = Style(options["precision"], options["output_decimal"])
    states = states_given(options)
    dialect(options)  # an error in it is reported before a network is loaded
    model = load_model(options)
    measured = targets.array(model, options)
    chosen = BatchOptions(columns, form.name, states=states, targets=measured, style=style, **given)
    check_points(model, options)
    if options["steps"] and model.input_size:
        inputs = counted(model.input_size, "input")
        raise TableError(f"--steps is for networks without inputs; this one has {inputs}: name a table of them")
    if options["steps"] and options["states"] in (None, "first-rows"):
        raise click.UsageError("--steps: say what came before with --states: zeros, or FILE.mat:,Ai")
    if "wrt" in options:
        remark_on_steps(model)
    engine, model = _with_engine(model, options)
    if on_dask:
        return _finish(_on_dask(run, model, options, chosen), model, engine, options)
    progress = Progress()
    columns = replace(columns, image=image_of(model))
    with opened(options, columns, options["summary"] is not None) as table, opened_result(options["out"]) as target:
        _say(table.notes)
        try:
            summary = run(model, table, target, chosen, progress)
        finally:
            progress.clear()
    return _finish(summary, model, engine, options)


def _check_together(options: dict[str, Any]) -> None:
    """Check that the options go together."""
    given = {"TABLE": options["table"] is not None, "--at": bool(options["at"]), "--steps": bool(options["steps"])}
    if not any(given.values()):
        raise click.UsageError("Missing argument 'TABLE'; or give one sample with --at")
    if sum(given.values()) > 1:
        both = " and ".join(name for name, there in given.items() if there)
        raise click.UsageError(f"{both} are alternatives; give one of them")
    if options["steps"] and options["forecast"]:
        raise click.UsageError("--steps takes no past to forecast from; name a table of the measured outputs")
    if options["flush"] and options["forecast"]:
        raise TableError("--flush is for a stream of rows; a forecast needs all of them")
    if options["scheduler"] is not None and options["engine"] != "dask":
        raise TableError("--scheduler is for --engine dask")
    if options["summary"] == "-" and options["out"] == "-":
        raise TableError("--summary -: standard output already takes the result; name a file for one of them, with -o")
    if options["summary"] is not None and options["summary"] != "-" and _same(options["summary"], options["out"]):
        raise TableError("--summary and -o name the same file; name two", place=options["out"])
    if options["flush"] and options["engine"] == "dask":
        raise TableError("--flush is for a stream of rows; leave out --engine dask")


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def check_points(model: Network | Ensemble, options: dict[str, Any]) -> None:
    """Check that the samples of --at have a number for each input."""
    for point in options["at"]:
        if len(point) != model.input_size:
            needed = counted(model.input_size, "input")
            raise TableError(f"--at gives {counted(len(point), 'number')}, the network has {needed}")


def _with_engine(model: Network | Ensemble, options: dict[str, Any]) -> tuple[str, Network | Ensemble]:
    """The engine that computes, and the model as it needs it; `auto` compiles where that pays and is possible."""
    engine = options["engine"]
    if engine == "c":
        return engine, _compiled(model)
    if engine != "auto":
        return engine, model
    if _pays(model, options):
        with suppress(MissingExtraError, UnsupportedError):
            return "c", _compiled(model)
    return "threads", model


def _pays(model: Network | Ensemble, options: dict[str, Any]) -> bool:
    """Whether the table is so large that compiling takes less time than it saves.

    It depends on the sizes of the files alone, so that the same table is always computed in the same way.
    """
    rows = _bytes(options["table"]) // (_BYTES_PER_NUMBER * max(model.input_size, 1))
    if rows < _FEW or options["flush"] or _dynamic(model):
        return False
    from matnet.compiled.worth import pays
    from matnet.derivatives.quantities import VALUE, VALUE_AND_JACOBIAN, Hessian

    differentiated = "wrt" in options or options.get("input_sd") is not None
    quantity = Hessian() if options.get("hessian") else VALUE_AND_JACOBIAN if differentiated else VALUE
    return pays(model, quantity, rows)


def _bytes(table: str | None) -> int:
    """The total size of a table's files, as far as it consists of files."""
    from matnet.tables.formats import mat_address
    from matnet.tables.parts import parts_of

    if table is None or table == "-":
        return 0
    address = mat_address(table)
    path = Path(table if address is None else address[0])
    files = [path] if os.path.isfile(path) else parts_of(table) or []
    return sum(file.stat().st_size for file in files)


def _dynamic(model: Network | Ensemble) -> bool:
    from matnet.network import Ensemble

    networks = model.networks if isinstance(model, Ensemble) else (model,)
    return any(net.dynamic for net in networks)


def _compiled(model: Network | Ensemble) -> Network | Ensemble:
    import matnet

    try:
        return matnet.compile(model)
    except MatnetError as error:
        reason = str(error).removesuffix("; use the network itself").removesuffix(", or use the network itself")
        reason = reason.replace("matnet.compile", "--engine c")
        prefix = "" if reason.startswith("--engine c") else "--engine c: "
        raise type(error)(f"{prefix}{reason}; leave out --engine c to compute without a compiler") from error


def _on_dask(
    run: Callable[..., Summary], model: Network | Ensemble, options: dict[str, Any], chosen: BatchOptions
) -> Summary:
    from matnet.tables.dask import Cluster, run_on_dask

    how = reading(options, options["summary"] is not None)
    cluster = Cluster(options["scheduler"], options["workers"])
    progress = Progress()
    try:
        return run_on_dask(run, model, options["table"], options["out"], chosen, how, cluster, progress)
    finally:
        progress.clear()


def _finish(summary: Summary, model: Network | Ensemble, engine: str, options: dict[str, Any]) -> int:
    """Report the summary on standard error, write it as JSON if asked to, and return the exit status."""
    _report(summary, engine, options)
    if options["summary"] is not None:
        from matnet.version import version

        text = json.dumps({"matnet": version(), "engine": engine, **summary.record(model)}, indent=2) + "\n"
        with opened_result(options["summary"]) as target:
            target.write(text.encode())
    return NOT_CLEAN if options["strict"] and (summary.outside or summary.rows_with_nan) else DONE


def reading(options: dict[str, Any], hashed: bool = False) -> Reading:
    """How the table is read, from the options of `table_options`."""
    from matnet.tables.opening import Reading

    flush = bool(options.get("flush"))
    return Reading(dialect(options), options["samples"], hashed, options["encoding"], flush, **file_reading())


@contextmanager
def opened(options: dict[str, Any], columns: Columns, hashed: bool = False) -> Iterator[Table]:
    """The table that the options name: a file, a stream, an array, a folder of parts, or the points of --at."""
    from matnet.tables.opening import open_table

    # polars installs a signal handler after which an interrupted read continues as if Ctrl-C had not been pressed
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)
    if options.get("at"):
        yield _points(options["at"])
        return
    if options.get("steps") and options["table"] is None:
        yield _steps(options["steps"])
        return
    stdin = None if sys.stdin is None else sys.stdin.buffer
    with open_table(options["table"], columns, reading(options, hashed), stdin) as table:
        yield table


def _points(points: Sequence[Sequence[float]]) -> Table:
    import numpy as np

    from matnet.tables.arrays import ArrayTable
    from matnet.tables.interfaces import Source

    return ArrayTable(np.array(points), "the sample given", Source("at"))


def _steps(count: int) -> Table:
    """A table without columns, for a network without inputs."""
    import numpy as np

    from matnet.tables.arrays import ArrayTable
    from matnet.tables.interfaces import Source

    return ArrayTable(np.zeros((count, 0)), counted(count, "step"), Source("steps"))


@dataclass(frozen=True)
class Targets:
    """The value of --targets: names of columns, or the address of an array."""

    names: tuple[str, ...] = ()
    address: tuple[str, str] | None = None

    def array(self, model: Network | Ensemble, options: dict[str, Any]) -> FloatArray | None:
        """The array (N, S), if it is one.

        Raises
        ------
        MatnetError
            It cannot be read, or does not have as many elements as the network has outputs.
        """
        if self.address is None:
            return None
        import numpy as np

        from matnet.tables.binary.matfiles import read_variable
        from matnet.tables.columns import Columns

        table = read_variable(self.address, options["samples"], dialect(options), **file_reading())
        columns = Columns(own_inputs=model.output_names)
        parts = [part.x for part in table.rows(table.choose(columns, model.output_size))]
        return np.concatenate([np.zeros((0, model.output_size)), *parts])


def targets_given(options: dict[str, Any]) -> Targets:
    """The value of --targets."""
    from matnet.tables.formats import mat_address

    given = options["targets"]
    if given is None:
        return Targets()
    address = mat_address(given)
    return Targets(names(given)) if address is None else Targets(address=address)


def states_given(options: dict[str, Any]) -> States | None:
    """The initial states of a series that --states names: `first-rows`, `zeros` or FILE.mat:Xi,Ai."""
    option = options["states"]
    if option is None:
        return None
    from matnet.tables.feedback import States
    from matnet.tables.formats import mat_address

    if option in ("zeros", "first-rows"):
        return States(first_rows=option == "first-rows")
    address = mat_address(option)
    if address is None:
        raise TableError(f"--states: '{option}' is none of first-rows, zeros and FILE.mat:Xi,Ai")
    file, paths = address
    variables = re.split(r",(?![^{(]*[})])", paths)
    if len(variables) > 2:
        raise TableError(f"--states: '{paths}' names {counted(len(variables), 'variable')}, expected Xi or Xi,Ai")
    inputs, layers = [_state(file, name) if name else None for name in [*variables, ""][:2]]
    return States(inputs, layers)


def _state(file: str, name: str) -> FloatArray | None:
    """The states in a variable, oldest first; None for an empty cell, which MATLAB writes if there are none."""
    from matnet.files import DEFAULT_LIMIT
    from matnet.importers.arrays import as_states
    from matnet.importers.mat.matfile import open_mat
    from matnet.importers.mat.paths import find

    try:
        given = file_reading()
        with open_mat(Path(file), given.get("limit", DEFAULT_LIMIT), given.get("isolation", True)) as mat:
            states = as_states(find(mat, name), name)
        return states.T if states.size else None
    except MatnetError as error:
        raise error.at(file) from error.__cause__


def samples(
    net: Network | Ensemble, options: dict[str, Any], most: int | None = None
) -> tuple[FloatArray, tuple[str, ...]]:
    """The samples of the table (N, R) in memory, all or at most so many, and the inputs' names."""
    import numpy as np

    from matnet.tables.columns import Columns

    columns = Columns(inputs=options["inputs"], keep=options.get("keep", ())).named_by(net)
    with opened(options, columns) as table:
        choice = chosen_columns(table, columns, net.input_size)
        parts, count = [np.zeros((0, net.input_size))], 0
        for rows in table.rows(choice):
            parts.append(rows.x)
            count += len(rows)
            if most is not None and count >= most:
                break
    return np.concatenate(parts)[:most], choice.input_names


def chosen_columns(table: Table, columns: Columns, input_size: int) -> Choice:
    """The columns of a table that feed the network; notes go to standard error."""
    _say(table.notes)
    choice = table.choose(columns, input_size)
    if choice.note:
        note(choice.note)
    return choice


def _say(notes: Sequence[str]) -> None:
    for message in notes:
        note(message)


def _report(summary: Summary, engine: str, options: dict[str, Any]) -> None:
    name = options["table"]
    place = ("--at" if options["at"] else "--steps") if name is None else "standard input" if name == "-" else name
    if summary.note:
        note(summary.note)
    if summary.states:
        note(summary.states)
    for message in summary.doubts:
        warn(f"{place}: {message}")
    if summary.outside:
        pairs = zip(summary.input_names, summary.outside_by_input, strict=True)
        counts = [f"{name}: {count:,}" for name, count in pairs if count]
        more = f" and {len(counts) - LISTED} more inputs" if len(counts) > LISTED else ""
        lie = "lies" if summary.outside == 1 else "lie"
        warn(
            f"{place}: {summary.outside:,} of {counted(summary.rows, 'row')} {lie} outside {summary.range_description} "
            f"({', '.join(counts[:LISTED])}{more})"
        )
    if summary.unknown and (options["flag_range"] or options["summary"] is not None or options["strict"]):
        names = summary.unknown
        listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
        note(f"{place}: the range of {listed} is not known, so no row is counted as outside it")
    if summary.rows_with_nan:
        warn(f"{place}: NaN in {counted(summary.rows_with_nan, 'row')} of the result")
    if on_terminal():
        how = {"threads": "", "c": " with compiled code", "dask": " on a cluster"}[engine]
        note(f"{place}: {counted(summary.rows, 'row')} in {summary.seconds:.1f} s{how}")
