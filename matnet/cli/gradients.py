"""The command `gradients`: a network's outputs and their derivatives for every row of a table."""

from __future__ import annotations

from typing import Any

import click

from matnet.cli.batches import run_batch
from matnet.cli.options import (
    at_option,
    batch_options,
    file_argument,
    inputs_option,
    keep_option,
    loading_options,
    model_options,
    networks_option,
    of_option,
    optional_table_argument,
    outputs_option,
    result_option,
    series_options,
    table_options,
    wrt_option,
)


@click.command("gradients", short_help="Outputs and exact derivatives for every row of a table.")
@file_argument
@optional_table_argument
@at_option
@result_option
@networks_option
@loading_options
@model_options
@inputs_option
@outputs_option
@keep_option
@of_option
@wrt_option
@click.option(
    "--hessian",
    is_flag=True,
    help="Also the second derivatives d2y1_dx1_dx1, d2y1_dx1_dx2 .., each pair once.",
)
@click.option(
    "--tidy",
    is_flag=True,
    help="Long format: one row per sample, output and input, with the columns sample, output, input, y, dy_dx; with "
    "--hessian also d2y_dx_dx1 ..",
)
@click.option(
    "--wrt-time",
    "lags",
    metavar="K",
    type=click.IntRange(min=0),
    help="Dynamic networks: also differentiate with respect to inputs up to K steps back (default: the longest input "
    "delay; with --forecast, as far as there is an effect).",
)
@click.option(
    "--wrt-future",
    "leads",
    metavar="K",
    type=click.IntRange(min=0),
    default=0,
    help="Dynamic networks: also differentiate with respect to inputs up to K steps ahead, on which the outputs of "
    "bidirectional layers depend (default: 0).",
)
@series_options
@batch_options
@table_options
def command(**options: Any) -> int:
    """Write the outputs of the network in FILE and their derivatives with respect to the inputs for every row of TABLE.

    The result has the same rows in the same order: the kept columns unchanged, then y1, y2 .., then dy1_dx1, dy1_dx2 ..
    dy2_dx1 .., all in your original units. With --inputs speed,load --outputs power the derivatives are dpower_dspeed
    and dpower_dload.

    For a dynamic network, rows are time steps, and the derivatives are total ones, through all delays and feedback:
    dy1_dx1 is with respect to the input of the same step, dy1_dx1_lag1 to that of the step before, dy1_dx1_lead1 to
    that of the step after. The first rows of a series are its states, which have no outputs (--states). With --forecast
    there is a row for each step of the forecast, and derivatives with respect to the outputs measured before it too,
    dy1_dy1_lag1. If FILE is a folder or a pattern, results are for the mean of its networks, and y1_std is their
    standard deviation.
    """
    return run_batch(options, derivatives=True)
