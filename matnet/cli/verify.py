"""The command `verify`: MATLAB's stored answers against ours."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from matnet.cli.batches import reading
from matnet.cli.models import completed
from matnet.cli.options import (
    file_reading,
    json_option,
    loading,
    loading_options,
    model_options,
    names,
    network_option,
    reworded,
    text_options,
)
from matnet.cli.speech import complain, json_text
from matnet.errors import MatnetError, TableError, printable
from matnet.tables.formats import sheet_address

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray
    from matnet.importers.stored import StoredValues
    from matnet.importers.training_record import TrainingRecord
    from matnet.network import Network
    from matnet.proof.agreement import Verdict
    from matnet.proof.candidates import Matrix
    from matnet.proof.finding import Finding

STATUS: Mapping[Verdict, int] = {"proved": 0, "contradicted": 1, "weak": 3, "unclear": 3, "nothing to compare": 3}
BAD_INPUT = 2

_WHERE = "a path in FILE, FILE.mat:path, a table, or its columns as in y.csv:head,power"


@click.command("verify", short_help="Compare networks with the answers that MATLAB stored.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@network_option
@loading_options
@model_options
@click.option("--inputs", metavar="X", help=f"The inputs of the stored answers: {_WHERE}.")
@click.option("--outputs", metavar="Y", help=f"The answers that MATLAB stored: {_WHERE}.")
@click.option("--targets", metavar="T", help=f"The targets of the training: {_WHERE}.")
@click.option("--record", metavar="TR", help="The training record: a path in FILE, or FILE.mat:path.")
@click.option(
    "--states",
    type=click.Choice(["first-rows", "zeros"]),
    help="Dynamic networks: what came before a series. first-rows: its first steps are its states, with those of the "
    "targets where outputs are fed back. zeros. (Default: everything that fits is tried, and the report says what "
    "agrees.)",
)
@click.option("--input-states", metavar="XI", help="The inputs before a series, one column per step, oldest first.")
@click.option("--layer-states", metavar="AI", help="The layers' outputs before a series, one column per step.")
@text_options
@json_option
@click.option("--steps", type=click.IntRange(1), help="The steps that a network without inputs was run for.")
def command(
    files: tuple[str, ...],
    network: str | None,
    inputs: str | None,
    outputs: str | None,
    targets: str | None,
    record: str | None,
    states: Literal["first-rows", "zeros"] | None,
    input_states: str | None,
    layer_states: str | None,
    steps: int | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Find what MATLAB stored beside the networks in FILE, compute it again, and compare.

    FILE may be a folder or a pattern such as 'runs/*.mat'; data are named only for a single file.

    Outputs are found by their shape, or named by --inputs and --outputs; the best performances of training records by
    their masks, or named by --inputs, --targets and --record. Samples may be in rows or in columns; images are arrays
    H×W×C, or H×W×C×N, of the network's own sizes. Of a recurrent network, several series in a cell array are
    compared with the last answer of each.

    A row is proved if MATLAB's numbers come out again and a wrong network would have shown; weak if they would come out
    for other networks too; unclear if they differ but may be targets; contradicted if they differ and can only be this
    network's answers. Exit status: 0 something is proved and nothing contradicted; 1 something is contradicted; 3 weak,
    unclear, or nothing to compare. Of several files the worst counts; 2 if one of them cannot be read.
    """
    matrices = {
        "inputs": inputs,
        "outputs": outputs,
        "targets": targets,
        "input_states": input_states,
        "layer_states": layer_states,
    }
    paths = [path for name in files for path in _expanded(name)]
    if states is not None and (input_states or layer_states):
        raise TableError("--states says what came before a series, and so do --input-states and --layer-states")
    if len(paths) > 1 and any(value is not None for value in (network, record, states, steps, *matrices.values())):
        raise TableError("a network and its data are named for a single file only, but several files are given")
    verified: dict[str, Mapping[str, Sequence[Finding]]] = {}
    failures: list[dict[str, str]] = []
    for path in paths:
        try:
            verified[path] = _verified(path, network, options, _Places(matrices, record, steps, states))
        except MatnetError as error:
            if len(paths) == 1:
                raise
            failures.append({"file": path, "error": reworded(error)})
            complain(reworded(error))
    _show_json(verified, failures) if as_json else _show_text(verified, several=len(paths) > 1)
    verdicts = [_verdict(rows) for rows in verified.values()]
    if "contradicted" in verdicts:
        return STATUS["contradicted"]
    return BAD_INPUT if failures else max(STATUS[verdict] for verdict in verdicts)


def _expanded(name: str) -> Sequence[str]:
    """The files of a folder or a pattern, else the file itself."""
    if not os.path.isdir(name) and (os.path.exists(name) or not glob.has_magic(name)):
        return [name]
    from matnet.importers.load import files

    return [str(path) for _, path in files(name)]


class _Places(NamedTuple):
    """The data that the options name."""

    matrices: Mapping[str, str | None]
    record: str | None
    steps: int | None
    states: Literal["first-rows", "zeros"] | None


def _verified(
    file: str, network: str | None, options: Mapping[str, Any], places: _Places
) -> dict[str, Sequence[Finding]]:
    """The findings for each network of a file."""
    from matnet.importers.load import may_be_mat
    from matnet.importers.stored import StoredValues
    from matnet.proof.candidates import Series
    from matnet.proof.data import NamedData, takes_series
    from matnet.proof.verify import verify

    nets = {path: completed(net, {"file": file, **options}) for path, net in _networks(file, network).items()}
    stored = StoredValues(file, **file_reading()) if may_be_mat(file) else None
    record = None if places.record is None else _record(stored, places.record)
    read: dict[tuple[str, tuple[int, ...]], Matrix] = {}

    def named_for(net: Network) -> NamedData:
        of_outputs = net.structure.output_image
        images = {"inputs": net.structure.input_image, "outputs": of_outputs, "targets": of_outputs}
        matrices: dict[str, Matrix | None] = dict.fromkeys(places.matrices)
        series: Series | None = None
        for name, place in places.matrices.items():
            if place is None:
                continue
            parts = _cell(stored, place) if name == "inputs" and takes_series(net) else None
            if parts is not None:
                series = Series(place, parts)
                continue
            image = images.get(name, ())
            if (place, image) not in read:
                read[place, image] = _matrix(stored, place, options, name.endswith("_states"), image)
            matrices[name] = read[place, image]
        return NamedData(record=record, series=series, steps=places.steps, states=places.states, **matrices)

    return {path: verify(net, stored, named_for(net)) for path, net in nets.items()}


def _verdict(rows: Mapping[str, Sequence[Finding]]) -> Verdict:
    from matnet.proof.verify import verdict_of

    return verdict_of([row for found in rows.values() for row in found])


def _show_text(verified: Mapping[str, Mapping[str, Sequence[Finding]]], several: bool) -> None:
    for file, rows in verified.items():
        for line in [file] * several + [*_report(rows)] + [_verdict(rows)] + [""] * several:
            click.echo(printable(line))
    if several:
        counts = Counter(map(_verdict, verified.values()))
        click.echo(", ".join(f"{counts[verdict]} {verdict}" for verdict in STATUS if counts[verdict]))


def _show_json(verified: Mapping[str, Mapping[str, Sequence[Finding]]], failures: Sequence[Mapping[str, str]]) -> None:
    click.echo(json_text({"files": [_document(*entry) for entry in verified.items()], "failures": failures}))


def _document(file: str, rows: Mapping[str, Sequence[Finding]]) -> dict[str, Any]:
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
    return {"file": file, "verdict": _verdict(rows), "networks": networks}


def _networks(file: str, network: str | None) -> dict[str, Network]:
    import matnet

    return (
        matnet.load_all(file, **loading(), on_error=lambda error: complain(reworded(error)))
        if network is None
        else {network: matnet.load(file, network=network, **loading())}
    )


def _matrix(
    stored: StoredValues | None, place: str, options: Mapping[str, Any], states: bool, image: tuple[int, ...]
) -> Matrix:
    from matnet.importers.arrays import read_array
    from matnet.importers.stored import StoredValues
    from matnet.proof.candidates import Matrix
    from matnet.tables.formats import TABLE_SUFFIXES, mat_address

    address = mat_address(place)
    if address is not None:
        file, path = address
        if states:
            return Matrix(place, StoredValues(file, **file_reading()).states(path))
        return Matrix(place, read_array(file, path, image=image, **file_reading()))
    name, columns = _named_columns(place)
    if stored is None or columns is not None or name.lower().endswith(TABLE_SUFFIXES) or sheet_address(name):
        return Matrix(place, _table_numbers(name, columns, options))
    return Matrix(place, stored.states(place) if states else stored.array(place, image))


def _cell(stored: StoredValues | None, place: str) -> tuple[FloatArray, ...] | None:
    """The matrices of a cell array in a MAT-file, each a series; None if the place holds something else."""
    from matnet.importers.stored import StoredValues
    from matnet.tables.formats import TABLE_SUFFIXES, mat_address, sheet_address

    address = mat_address(place)
    if address is not None:
        return StoredValues(address[0], **file_reading()).cell(address[1])
    name, columns = _named_columns(place)
    if stored is None or columns is not None or name.lower().endswith(TABLE_SUFFIXES) or sheet_address(name):
        return None
    return stored.cell(place)


def _named_columns(place: str) -> tuple[str, tuple[str, ...] | None]:
    """A table and the columns named after it: ``y.csv:head``, ``data.xlsx:Sheet2:head,power``."""
    from matnet.tables.formats import COMPRESSIONS, TABLE_SUFFIXES

    if os.path.exists(place):
        return place, None
    suffixes, packed = ("|".join(map(re.escape, group)) for group in (TABLE_SUFFIXES, COMPRESSIONS))
    match = re.fullmatch(rf"(.+?(?:\.xlsx:[^:]+|(?:{suffixes})(?:{packed})?)):(.+)", place, re.IGNORECASE)
    if match is None or sheet_address(place):
        return place, None
    return match[1], names(match[2])


def _table_numbers(name: str, columns: tuple[str, ...] | None, options: Mapping[str, Any]) -> FloatArray:
    """Columns of a table, all or those named, one sample per row; a missing cell is NaN."""
    import numpy as np

    from matnet.tables.columns import Choice, Columns, expanded
    from matnet.tables.opening import open_table
    from matnet.tables.wording import listed

    how = reading({**options, "missing": "nan", "samples": None})
    with open_table(name, Columns(inputs=columns), how, sys.stdin.buffer) as table:
        header = table.header.names
        chosen = header if columns is None else expanded(columns, header)
        missing = [column for column in chosen if column not in header]
        if missing:
            raise TableError(f"there is no column {missing[0]}; there are {listed(header)}", place=name)
        choice = Choice(tuple(map(header.index, chosen)), (), tuple(chosen))
        return np.concatenate([np.zeros((0, len(chosen))), *(rows.x for rows in table.rows(choice))])


def _record(stored: StoredValues | None, place: str) -> TrainingRecord:
    from matnet.importers.stored import StoredValues
    from matnet.tables.formats import mat_address

    address = mat_address(place)
    if address is not None:
        return StoredValues(address[0], **file_reading()).record(address[1])
    if stored is None:
        raise TableError(f"--record {place}: the network's file holds no records; name one as in FILE.mat:{place}")
    return stored.record(place)


_HEADER = ("what", "samples", "difference", "of range", "verdict")


def _report(rows: Mapping[str, Sequence[Finding]]) -> Iterator[str]:
    for place, findings in rows.items():
        yield place
        compared = [row for row in findings if row.verdict != "nothing to compare"]
        yield from _table(compared)
        for row in findings:
            if row.verdict == "nothing to compare":
                yield f"  {row.what}{': ' if row.what else ''}{_reason(row)}"
        yield ""


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
    """The reason, and the options that would decide it."""
    if not row.undecided:
        return row.reason
    condition = "if MATLAB computed them with this network, " if row.verdict == "unclear" else ""
    options = " and ".join(f"--{name.replace('_', '-')}" for name in row.undecided)
    return f"{row.reason}; {condition}name them with {options}"


def _cells(row: Finding) -> tuple[str, ...]:
    numbers = ["" if value is None else f"{value:.2g}" for value in (row.largest, row.relative)]
    return (row.what, str(row.samples or ""), *numbers, row.verdict)
