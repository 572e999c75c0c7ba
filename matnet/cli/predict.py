"""The command `predict`: a network's outputs for every row of a table."""

from __future__ import annotations

from typing import Any

import click

from matnet.cli.batches import run_batch
from matnet.cli.options import (
    file_argument,
    inputs_option,
    keep_option,
    network_option,
    of_option,
    out_option,
    outputs_option,
    table_argument,
    table_options,
)


@click.command("predict", short_help="Outputs for every row of a table.")
@file_argument
@table_argument
@out_option
@network_option
@inputs_option
@outputs_option
@keep_option
@of_option
@table_options
def command(**options: Any) -> None:
    """Write the outputs of the network in FILE for every row of TABLE.

    The result has the same rows in the same order: the kept columns as they were, then y1, y2 .. at real scale. Floats
    are written with the fewest digits that read back exactly.
    """
    from matnet.tables.batch import predict

    run_batch(predict, options)
