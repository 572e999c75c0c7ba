"""The command `gradients`: a network's outputs and their derivatives for every row of a table."""

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
    wrt_option,
)


@click.command("gradients", short_help="Outputs and exact derivatives for every row of a table.")
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
@wrt_option
@click.option(
    "--hessian", is_flag=True, help="The second derivatives too: d2y1_dx1_dx1, d2y1_dx1_dx2 .., each pair once."
)
@click.option(
    "--tidy",
    is_flag=True,
    help="One row a (sample, output, input) instead: sample, output, input, y, dy_dx; with --hessian d2y_dx_dx1 ..",
)
@click.option(
    "--wrt-time",
    "lags",
    metavar="K",
    type=click.IntRange(min=0),
    help="Of a dynamic network: derivatives by the inputs of the last K steps. Without it as far as its input delays.",
)
@group_option
@states_option
@batch_options
@table_options
def command(**options: Any) -> None:
    """Write the outputs of the network in FILE and their derivatives by the inputs for every row of TABLE.

    The result has the same rows in the same order: the kept columns as they were, then y1, y2 .., then dy1_dx1, dy1_dx2
    .. dy2_dx1 .., all at real scale. With --inputs speed,load --outputs power the derivatives are dpower_dspeed and
    dpower_dload.

    Of a network that looks back in time the rows are the steps of a series and the derivatives go through all taps and
    loops: dy1_dx1 is by the input of the same step, dy1_dx1_lag1 by that of the step before. FILE may be a folder or a
    pattern, then everything is of the networks' mean, and y1_std is their standard deviation.
    """
    from matnet.tables.run import gradients

    run_batch(gradients, options)
