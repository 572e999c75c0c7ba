"""The command `verify`: MATLAB's stored answers against ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import scaled
from matnet.cli.options import (
    file_argument,
    file_reading,
    json_option,
    loading,
    loading_options,
    network_option,
    reworded,
    scaling_options,
)
from matnet.cli.speech import complain, json_text
from matnet.errors import TableError, printable

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.importers.stored import StoredValues
    from matnet.importers.training_record import TrainingRecord
    from matnet.network import Network
    from matnet.proof.candidates import Matrix
    from matnet.proof.finding import Finding

STATUS: Mapping[str, int] = {"proved": 0, "contradicted": 1, "weak": 3, "unclear": 3, "nothing to compare": 3}

_WHERE = "a path in FILE, FILE.mat:path, or a CSV file"


@click.command("verify", short_help="MATLAB's stored answers against ours.")
@file_argument
@network_option
@loading_options
@scaling_options
@click.option("--inputs", metavar="X", help=f"The inputs of the stored answers: {_WHERE}.")
@click.option("--outputs", metavar="Y", help=f"The answers that MATLAB stored: {_WHERE}.")
@click.option("--targets", metavar="T", help=f"The targets of the training: {_WHERE}.")
@click.option("--record", metavar="TR", help="The training record: a path in FILE, or FILE.mat:path.")
@click.option("--input-states", metavar="XI", help="The inputs before a series, a column a step, the oldest first.")
@click.option("--layer-states", metavar="AI", help="The layers' outputs before a series, a column a step.")
@json_option
@click.option("--steps", type=click.IntRange(1), help="The steps that a network without inputs was run for.")
def command(
    file: str,
    network: str | None,
    inputs: str | None,
    outputs: str | None,
    targets: str | None,
    record: str | None,
    input_states: str | None,
    layer_states: str | None,
    steps: int | None,
    as_json: bool,
    **scaling: tuple[str, ...],
) -> int:
    """Find what MATLAB stored beside the network in FILE, compute it again, and compare.

    Outputs are found by their shape, or named by --inputs and --outputs; the best performances of training records by
    their masks, or named by --inputs, --targets and --record. Samples may be in rows or in columns.

    A row is proved if MATLAB's numbers come out again and a wrong network would have shown; weak if they would come out
    for other networks too; unclear if they differ but may be targets; contradicted if they differ and can only be this
    network's answers. Exit status: 0 something is proved and nothing contradicted; 1 something is contradicted; 3 weak,
    unclear, or nothing to compare.
    """
    from matnet.importers.stored import StoredValues
    from matnet.proof.data import NamedData
    from matnet.proof.verify import verdict_of, verify

    nets = {path: scaled(net, {"file": file, **scaling}) for path, net in _networks(file, network).items()}
    stored = StoredValues(file, **file_reading()) if _is_mat(file) else None
    matrices = {
        name: None if place is None else _matrix(stored, place)
        for name, place in {
            "inputs": inputs,
            "outputs": outputs,
            "targets": targets,
            "input_states": input_states,
            "layer_states": layer_states,
        }.items()
    }
    named = NamedData(record=None if record is None else _record(stored, record), steps=steps, **matrices)
    rows = {place: verify(net, stored, named) for place, net in nets.items()}
    verdict = verdict_of([row for found in rows.values() for row in found])
    if as_json:
        click.echo(json_text(_document(file, rows, verdict)))
        return STATUS[verdict]
    for line in _report(rows, verdict):
        click.echo(printable(line))
    return STATUS[verdict]


def _document(file: str, rows: Mapping[str, Sequence[Finding]], verdict: str) -> dict[str, Any]:
    from matnet.proof.verify import verdict_of

    networks = [
        {
            "network": path,
            "verdict": verdict_of(found),
            "findings": [
                {
                    "what": row.what,
                    "samples": row.samples,
                    "difference": row.largest,
                    "of_range": row.relative,
                    "verdict": row.verdict,
                    "reason": _reason(row),
                }
                for row in found
            ],
        }
        for path, found in rows.items()
    ]
    return {"file": file, "verdict": verdict, "networks": networks}


def _networks(file: str, network: str | None) -> dict[str, Network]:
    import matnet

    return (
        matnet.load_all(file, **loading(), on_error=lambda error: complain(reworded(error)))
        if network is None
        else {network: matnet.load(file, network=network, **loading())}
    )


def _is_mat(file: str) -> bool:
    return os.path.splitext(file)[1].lower() not in (".m", ".json")


def _matrix(stored: StoredValues | None, place: str) -> Matrix:
    from matnet.importers.arrays import read_array
    from matnet.proof.candidates import Matrix
    from matnet.tables.formats import TABLE_SUFFIXES
    from matnet.tables.matfiles import mat_address

    address = mat_address(place)
    if address is not None:
        return Matrix(place, read_array(*address, **file_reading()))
    if stored is None or place.lower().endswith(TABLE_SUFFIXES):
        return Matrix(place, _csv(place))
    return Matrix(place, stored.array(place))


def _csv(place: str) -> FloatArray:
    """All columns of a CSV table, a sample a row."""
    import numpy as np

    from matnet.tables.columns import Choice
    from matnet.tables.csv.dialect import Dialect
    from matnet.tables.csv.streams import open_stream
    from matnet.tables.csv.table import CsvTable

    with open_stream(place, sys.stdin.buffer) as stream:
        table = CsvTable(stream, Dialect(missing="nan"))
        names = table.header.names
        choice = Choice(tuple(range(len(names))), (), tuple(names))
        return np.concatenate([np.zeros((0, len(names))), *(rows.x for rows in table.rows(choice))])


def _record(stored: StoredValues | None, place: str) -> TrainingRecord:
    from matnet.importers.stored import StoredValues
    from matnet.tables.matfiles import mat_address

    address = mat_address(place)
    if address is not None:
        return StoredValues(address[0], **file_reading()).record(address[1])
    if stored is None:
        raise TableError(f"--record {place}: the network's file holds no records; name one as in FILE.mat:{place}")
    return stored.record(place)


_HEADER = ("what", "samples", "difference", "of range", "verdict")


def _report(rows: Mapping[str, Sequence[Finding]], verdict: str) -> Iterator[str]:
    for place, found in rows.items():
        yield place
        compared = [row for row in found if row.verdict != "nothing to compare"]
        yield from _table(compared)
        for row in found:
            if row.verdict == "nothing to compare":
                yield f"  {row.what}{': ' if row.what else ''}{_reason(row)}"
        yield ""
    yield verdict


def _table(rows: Sequence[Finding]) -> Iterator[str]:
    if not rows:
        return
    table = [_HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEADER))]
    for cells, row in zip(table, [None, *rows], strict=True):
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        if row is not None and row.reason:
            yield f"    {_reason(row)}"


def _reason(row: Finding) -> str:
    """Why, and which options would decide it."""
    if not row.undecided:
        return row.reason
    condition = "if MATLAB computed them with this network, " if row.verdict == "unclear" else ""
    options = " and ".join(f"--{name.replace('_', '-')}" for name in row.undecided)
    return f"{row.reason}; {condition}name them with {options}"


def _cells(row: Finding) -> tuple[str, ...]:
    numbers = ["" if value is None else f"{value:.2g}" for value in (row.largest, row.relative)]
    return (row.what, str(row.samples or ""), *numbers, row.verdict)
