"""The command `predict`: a network's outputs for every row of a table."""

from __future__ import annotations

from typing import Any

import click

from matnet.cli.batches import run_batch
from matnet.cli.options import (
    at_option,
    batch_options,
    file_argument,
    input_sd_option,
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
)


@click.command("predict", short_help="Outputs for every row of a table.")
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
@input_sd_option
@series_options
@batch_options
@table_options
def command(**options: Any) -> int:
    """Write the outputs of the network in FILE for every row of TABLE.

    The result has the same rows in the same order: the kept columns unchanged, then y1, y2 .. in your original units.
    Floats are written with the fewest digits that read back exactly.

    For a dynamic network, rows are time steps, and the first rows of a series are its states, which have no outputs
    (--states). With --forecast the result has a row for each step of the forecast, counted in the column step. If FILE
    is a folder or a pattern, results are for the mean of its networks, and the columns y1_std, y2_std .. hold their
    standard deviation.
    """
    return run_batch(options, derivatives=False)
