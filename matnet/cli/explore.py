"""The command `explore`: a network that computes in the browser."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import click

from matnet.cli.models import load_network
from matnet.cli.options import (
    file_argument,
    inputs_option,
    keep_out_option,
    loading_options,
    model_options,
    network_option,
    no_clobber_option,
    optional_table_argument,
    outputs_option,
    states_option,
    table_options,
    targets_option,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import note
from matnet.cli.targets import described
from matnet.errors import MatnetError, TableError

SUFFIXES = (".html", ".htm")


@click.command("explore", short_help="One page that computes: move the inputs, see y and dy/dx.")
@file_argument
@optional_table_argument
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help="Where the page goes: a file ending in .html; - is standard output.",
)
@network_option
@loading_options
@no_clobber_option
@model_options
@inputs_option
@outputs_option
@keep_out_option
@targets_option
@states_option
@table_options
def command(**options: Any) -> None:
    """Write a page on which the network in FILE computes: a slider for each input, y and dy/dx as you move it.

    The page shows the response along each input with its tangent, and over two inputs with the gradient. With TABLE it
    starts at the median and steps through the rows; for a dynamic network TABLE is the series. It is one file that
    needs no network access and no other program than a browser.
    """
    from matnet.explore import Subject, page

    out = options["out"]
    if out != "-" and PurePath(out).suffix.lower() not in SUFFIXES:
        raise TableError("the page is written to a file ending in .html", place=out)
    check_place(out, options)
    net = load_network(options)
    try:
        text = page(Subject(net, **described(net, options)))
    except MatnetError as error:
        raise error.at(options["file"]) from error.__cause__
    with opened_result(out) as target:
        target.write(text.encode())
    if out != "-":
        note(f"{out}: written, {len(text.encode()) / 1000:,.0f} kB; open it in a browser")
