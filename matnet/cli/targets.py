"""Samples together with their targets, and the training record that divides them into sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import click

from matnet.cli.batches import chosen_columns, opened, samples
from matnet.cli.options import file_reading, names
from matnet.cli.speech import note
from matnet.errors import FormatError, TableError

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.importers.training_record import TrainingRecord
    from matnet.network import Ensemble, Network

targets_option = click.option(
    "--targets",
    metavar="NAMES",
    help="Columns of TABLE that hold the targets, in the order of the outputs; or FILE.mat:variable.",
)
record_option = click.option(
    "--record",
    metavar="PATH",
    help="Training record in FILE, in MATLAB's syntax, e.g. tr (default: the only one).",
)


def described(net: Network, options: dict[str, Any]) -> dict[str, Any]:
    """What a page shows of a network: the fields of ``matnet.explore.Subject``."""
    from matnet.explore import Address
    from matnet.tables.columns import INPUTS, Columns, check_names, output_names

    x = t = None
    inputs = options["inputs"]
    if options["table"] is not None:
        x, t, inputs = samples_and_targets(net, options)
    elif inputs is not None:
        check_names(inputs, net.input_size, INPUTS, "input")
    elsewhere = options["input_scaling"] or options["output_scaling"]
    return {
        "x": x,
        "t": t,
        "inputs": inputs,
        "outputs": output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size),
        "table": PurePath(options["table"] or "").name,
        "address": None if elsewhere else Address(PurePath(options["file"]).name, options["network"]),
    }


def samples_and_targets(
    net: Network | Ensemble, options: dict[str, Any]
) -> tuple[FloatArray, FloatArray | None, tuple[str, ...]]:
    """Samples (N, R), targets (N, S) where --targets names them, and the inputs' names.

    Raises
    ------
    TableError
        The table or the targets cannot be read as asked, or do not have the same rows.
    """
    from matnet.tables.columns import Columns
    from matnet.tables.formats import mat_address
    from matnet.tables.wording import listed, shown

    given = options["targets"]
    if given is None:
        x, inputs = samples(net, options)
        return x, None, inputs
    address = mat_address(given)
    if address is not None:
        x, inputs = samples(net, options)
        t = _elements(address, options["samples"], net.output_size)
        if len(t) != len(x):
            raise TableError(f"{len(t)} targets for {len(x)} samples", place=given)
        return x, t, inputs
    targets = names(given)
    columns = Columns(inputs=options["inputs"], keep=(*targets, *options.get("keep", ()))).named_by(net)
    if len(targets) != net.output_size:
        raise TableError(f"--targets names {len(targets)} columns, the network has {net.output_size} outputs")
    with opened(options, columns) as table:
        missing = [name for name in targets if name not in table.header.names]
        if missing:
            there = f"; it has {listed(table.header.names)}" if table.header.written else ""
            raise TableError(f"--targets: no column {shown(missing[0])} in the table{there}", place=table.place)
        choice = chosen_columns(table, columns, net.input_size)
        both = replace(choice, inputs=(*choice.inputs, *choice.keep[: net.output_size]), keep=())
        rows = _joined([part.x for part in table.rows(both)], len(both.inputs))
    return rows[:, : net.input_size], rows[:, net.input_size :], choice.input_names


def _elements(address: tuple[str, str], layout: Literal["columns", "rows"] | None, size: int) -> FloatArray:
    from matnet.tables.columns import Columns
    from matnet.tables.csv.dialect import Dialect
    from matnet.tables.matfiles import read_variable

    table = read_variable(address, layout, Dialect(), **file_reading())
    return _joined([part.x for part in table.rows(table.choose(Columns(), size))], size)


def _joined(parts: list[FloatArray], size: int) -> FloatArray:
    import numpy as np

    return np.concatenate([np.zeros((0, size)), *parts])


def training_record(options: dict[str, Any], needed: bool = False) -> TrainingRecord | None:
    """The training record of FILE: the one that --record names, else the only one; None where there is none.

    Where there are several and none is named, a note says so.

    Raises
    ------
    FormatError
        There is none at the path that is named, or none at all and it is needed.
    """
    from matnet.importers.training_record import read_training_record, training_record_paths

    if needed and options["file"].lower().endswith((".m", ".json")):
        raise FormatError(
            "holds no training record; give the MAT-file that MATLAB saved the network and its record to",
            place=options["file"],
        )
    if options["record"] is not None or needed:
        return read_training_record(options["file"], options["record"], **file_reading())
    if not options["file"].lower().endswith(".mat"):
        return None
    try:
        return read_training_record(options["file"], **file_reading())
    except FormatError:
        paths = training_record_paths(options["file"], **file_reading())
        if len(paths) > 1:
            note(f"{len(paths)} training records: {', '.join(paths)}; sets are not shown, name one with --record")
        return None


def sets(record: TrainingRecord | None, count: int) -> Any:
    """The sets of the record where it is of that many samples; otherwise a word on standard error."""
    if record is None or not record.members:
        return None
    recorded = len(next(iter(record.members.values())))
    if recorded == count:
        return record.members
    note(f"the training record {record.path} is of {recorded} samples, the table has {count}: sets are not shown")
    return None
