"""The command `weights`: the numbers of a network as tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.csv_text import csv_text
from matnet.cli.models import load_network
from matnet.cli.options import (
    file_argument,
    inputs_option,
    loading_options,
    model_options,
    network_option,
    no_clobber_option,
    outputs_option,
)
from matnet.cli.results import check_place, make_folder, opened_result
from matnet.cli.speech import note, on_terminal
from matnet.errors import TableError, counted
from matnet.files import put
from matnet.tables.formats import TEXT_SUFFIXES, delimiter_for

if TYPE_CHECKING:
    from matnet.exporters.matrices import Matrix


@click.command("weights", short_help="Weights, biases and scaling as tables.")
@file_argument
@click.option(
    "-o",
    "--out",
    default="-",
    metavar="OUT",
    help="A folder: one CSV file per matrix; it is created if needed. OUT.xlsx: one sheet per matrix. "
    f"{', '.join(f'OUT{suffix}' for suffix in TEXT_SUFFIXES)}, or - for standard output (default): one table with the "
    "columns matrix, row, column, value.",
)
@network_option
@loading_options
@model_options
@no_clobber_option
@inputs_option
@outputs_option
def command(**options: Any) -> None:
    """Write the weights, biases and settings of the processing of the network in FILE.

    b1, IW1_1 and LW2_1 are b{1}, IW{1,1} and LW{2,1}: a row for each neuron, a column for each element that it sees.
    input1_1_mapminmax are the settings of the first processing function of input 1, a row for each element. Of a
    network of layers the names are those of the layers and their properties, after their number: 2_fc_1_Weights.

    Numbers are written with the fewest digits that read back exactly.
    """
    from matnet.exporters.matrices import matrices

    net = load_network(options)
    net = net.with_names(inputs=options["inputs"], outputs=options["outputs"])
    tables = list(matrices(net.structure))
    out = options["out"]
    suffix = Path(out).suffix.lower()
    if suffix == ".xlsx":
        from matnet.tables.binary.excel import workbook

        _write(out, workbook([(matrix.name, _rows(matrix)) for matrix in tables], out), options)
    elif out == "-" or suffix in TEXT_SUFFIXES:
        _write(out, csv_text(_long(tables), delimiter_for(out)).encode(), options)
    elif suffix and not os.path.isdir(out):
        known = ", ".join(TEXT_SUFFIXES)
        raise TableError(f"{out}: the format is not known; name a folder, or a file that ends in {known} or .xlsx")
    else:
        _write_folder(Path(out), tables, options)


def _write_folder(folder: Path, tables: Sequence[Matrix], options: dict[str, Any]) -> None:
    places = [folder / f"{matrix.name}.csv" for matrix in tables]
    for place in places:
        check_place(str(place), options)
    make_folder(folder)
    for place, matrix in zip(places, tables, strict=True):
        put(place, csv_text(_rows(matrix)).encode())
    if on_terminal():
        note(f"written: {folder}, {counted(len(places), 'file')}")


def _write(name: str, content: bytes, options: dict[str, Any]) -> None:
    check_place(name, options)
    with opened_result(name) as target:
        target.write(content)


def _rows(matrix: Matrix) -> list[list[str | float]]:
    """A matrix with its headings."""
    rows: list[list[str | float]] = [[matrix.corner, *matrix.columns]]
    rows += [[name, *values] for name, values in zip(matrix.rows, matrix.values.tolist(), strict=True)]
    return rows


def _long(tables: Iterable[Matrix]) -> Iterable[Sequence[str | float]]:
    """All matrices as one table, a row for each number."""
    yield "matrix", "row", "column", "value"
    for matrix in tables:
        for row, values in zip(matrix.rows, matrix.values.tolist(), strict=True):
            yield from ((matrix.name, row, column, value) for column, value in zip(matrix.columns, values, strict=True))
