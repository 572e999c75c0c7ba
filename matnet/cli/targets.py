"""Samples together with their targets and states, and the training record that divides them into sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.batches import chosen_columns, opened, samples, states_given, targets_given
from matnet.cli.options import file_reading
from matnet.cli.speech import note, warn
from matnet.errors import FormatError, TableError, counted
from matnet.files import is_several

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.importers.training_record import TrainingRecord
    from matnet.network import Ensemble, Network
    from matnet.tables.columns import Columns
    from matnet.tables.feedback import States
    from matnet.tables.interfaces import Table

record_option = click.option(
    "--record",
    metavar="PATH",
    help="Training record in FILE, in MATLAB's syntax, e.g. tr (default: the only one).",
)


def described(net: Network, options: dict[str, Any]) -> dict[str, Any]:
    """The contents of a page about a network: the fields of ``matnet.explore.Subject``."""
    from matnet.explore import Address
    from matnet.tables.columns import INPUTS, Columns, check_names, output_names

    given: dict[str, Any] = {"x": None, "t": None, "inputs": options["inputs"]}
    if options["table"] is not None:
        data = samples_and_targets(net, options)
        given = {"x": data.x, "t": data.t, "inputs": data.inputs, "states": data.states, "first_step": data.first}
    elif options["inputs"] is not None:
        check_names(options["inputs"], net.input_size, INPUTS, "input")
    elsewhere = options["input_scaling"] or options["output_scaling"]
    return {
        **given,
        "outputs": output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size),
        "table": PurePath(options["table"] or "").name,
        "address": None if elsewhere else Address(PurePath(options["file"]).name, options["network"]),
    }


@dataclass(frozen=True, eq=False)
class Samples:
    """A table in memory.

    ``x`` (N, R) and ``t`` (N, S), None where no targets are given; ``inputs`` are the inputs' names. For a dynamic
    network it is a series that begins at row ``first``, counted from 1, and ``states`` are those before it, as
    arguments of ``Network.run``; zeros if there are none.
    """

    x: FloatArray
    t: FloatArray | None
    inputs: tuple[str, ...]
    states: dict[str, Any] = field(default_factory=dict)
    first: int = 1


def samples_and_targets(net: Network | Ensemble, options: dict[str, Any]) -> Samples:
    """The samples of TABLE, with the targets that --targets names; for a dynamic network the series with its states.

    Raises
    ------
    TableError
        The table, the targets or the states cannot be read as asked, or do not have the same rows.
    """
    from matnet.network import Network
    from matnet.tables.columns import Columns
    from matnet.tables.feedback import check_targets

    targets, states = targets_given(options), states_given(options)
    array = targets.array(net, options)
    columns = Columns(options["inputs"], options.get("outputs"), options.get("keep", ()), targets=targets.names)
    columns = columns.named_by(net)
    if isinstance(net, Network) and net.dynamic:
        with opened(options, columns) as table:
            return _series(net, table, columns, states, array)
    if states is not None:
        raise TableError("--states is for dynamic networks; this network is static")
    if not targets.names:
        x, inputs = samples(net, options)
        if array is not None:
            check_targets(len(array), len(x), options["targets"])
        return Samples(x, array, inputs)
    if len(targets.names) != net.output_size:
        raise TableError(
            f"--targets names {counted(len(targets.names), 'column')}, the network has "
            f"{counted(net.output_size, 'output')}"
        )
    with opened(options, columns) as table:
        choice = chosen_columns(table, columns, net.input_size)
        both = replace(choice, inputs=(*choice.inputs, *choice.targets), keep=(), targets=())
        rows = _joined([part.x for part in table.rows(both)], len(both.inputs))
    return Samples(rows[:, : net.input_size], rows[:, net.input_size :], choice.input_names)


def _series(net: Network, table: Table, columns: Columns, states: States | None, targets: FloatArray | None) -> Samples:
    from matnet.tables.feedback import read_series

    for message in table.notes:
        note(message)
    data = read_series(net, table, columns, states, targets)
    for message in (data.start.choice.note, data.start.words):
        if message:
            note(message)
    for message in data.start.doubts:
        warn(f"{table.place}: {message}")
    return Samples(data.x, data.t, data.start.choice.input_names, data.states, data.first)


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
    from matnet.importers.load import may_be_mat
    from matnet.importers.training_record import read_training_record, training_record_paths

    if needed and not may_be_mat(options["file"]):
        raise FormatError(
            "holds no training record; give the MAT-file that MATLAB saved the network and its record to",
            place=options["file"],
        )
    if options["record"] is not None or needed:
        return read_training_record(options["file"], options["record"], **file_reading())
    if is_several(options["file"]) or not may_be_mat(options["file"]):
        return None
    try:
        return read_training_record(options["file"], **file_reading())
    except FormatError:
        paths = training_record_paths(options["file"], **file_reading())
        if len(paths) > 1:
            note(f"{len(paths)} training records: {', '.join(paths)}; sets are not shown; name one with --record")
        return None


def sets(record: TrainingRecord | None, count: int) -> Any:
    """The sets of the record if it is for that many samples; otherwise a note says why there are none."""
    if record is None or not record.members:
        return None
    recorded = len(next(iter(record.members.values())))
    if recorded == count:
        return record.members
    note(
        f"the training record {record.path} is for {counted(recorded, 'sample')}, the table has {count}: sets are not "
        "shown"
    )
    return None
