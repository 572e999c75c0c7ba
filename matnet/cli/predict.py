"""The command `predict`: a network's outputs for every row of a table."""

from __future__ import annotations

from typing import Any

import click

from matnet.cli.batches import run_batch
from matnet.cli.options import (
    batch_options,
    file_argument,
    group_option,
    input_scaling_option,
    inputs_option,
    keep_option,
    loading_options,
    network_option,
    of_option,
    output_scaling_option,
    outputs_option,
    result_option,
    states_option,
    table_argument,
    table_options,
)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Numbers with commas between."""
    if value is None:
        return None
    try:
        return tuple(float(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"'{value}' is not a list of numbers with commas between") from None


@click.command("predict", short_help="Outputs for every row of a table.")
@file_argument
@table_argument
@result_option
@network_option
@loading_options
@input_scaling_option
@output_scaling_option
@inputs_option
@outputs_option
@keep_option
@of_option
@click.option(
    "--input-sd",
    metavar="NUMBERS",
    callback=_numbers,
    help="Standard deviations of the inputs, independent of each other, with commas between: adds y1_sd, y2_sd ..",
)
@group_option
@states_option
@batch_options
@table_options
def command(**options: Any) -> None:
    """Write the outputs of the network in FILE for every row of TABLE.

    The result has the same rows in the same order: the kept columns as they were, then y1, y2 .. at real scale. Floats
    are written with the fewest digits that read back exactly.

    Of a network that looks back in time the rows are the steps of a series. FILE may be a folder or a pattern, then the
    result is the networks' mean with the columns y1_std, y2_std .. for their standard deviation.
    """
    from matnet.tables.run import predict

    run_batch(predict, options)
