"""The command `report`: a network on one page."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import load_network
from matnet.cli.options import (
    file_argument,
    file_reading,
    inputs_option,
    loading_options,
    network_option,
    no_clobber_option,
    optional_table_argument,
    outputs_option,
    scaling_options,
    table_options,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.targets import history, record_option, samples_and_targets, sets, targets_option
from matnet.errors import TableError

if TYPE_CHECKING:
    from matnet.importers.stored import StoredValues
    from matnet.report import Material


@click.command("report", short_help="One page of HTML: what it is, proof, sensitivities, plots.")
@file_argument
@optional_table_argument
@click.option("-o", "--out", required=True, metavar="OUT.html", help="Where the page goes; - is standard output.")
@network_option
@loading_options
@no_clobber_option
@scaling_options
@inputs_option
@outputs_option
@targets_option
@record_option
@table_options
def command(**options: Any) -> None:
    """Put all that is known of the network in FILE on one page of HTML, with pictures and without need of a network.

    What it is and where it came from; MATLAB's stored answers against ours (as verify has it); the derivatives against
    numerical ones; which inputs drive the outputs over the samples of TABLE, or without TABLE over the range seen in
    training; with --targets how well it fits, by training, validation and test set where there is a training record.

    Needs the extra `plots`: pip install 'matnet[plots]'.
    """
    from matnet.report import page

    if options["out"] != "-" and PurePath(options["out"]).suffix.lower() not in (".html", ".htm"):
        raise TableError("a report is written to a file ending in .html", place=options["out"])
    check_place(options["out"], options)
    content = page(_material(options)).encode()
    with opened_result(options["out"]) as target:
        target.write(content)


def _material(options: dict[str, Any]) -> Material:
    from matnet.report import Material
    from matnet.tables.columns import INPUTS, Columns, check_names, output_names

    net = load_network(options)
    x = t = None
    names = options["inputs"]
    if options["table"] is not None:
        x, t, names = samples_and_targets(net, options)
    elif names is not None:
        check_names(names, net.input_size, INPUTS, "input")
    record = history(options)
    return Material(
        net,
        x,
        t,
        inputs=names,
        outputs=output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size),
        table=PurePath(options["table"] or "").name,
        stored=_stored(options["file"]),
        history=record,
        sets=None if t is None else sets(record, len(t)),
    )


def _stored(file: str) -> StoredValues | None:
    from matnet.importers.stored import StoredValues

    return None if PurePath(file).suffix.lower() in (".m", ".json") else StoredValues(file, **file_reading())
