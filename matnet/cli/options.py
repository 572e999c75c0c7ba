"""Arguments and options that several commands share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, TypedDict

import click

from matnet.errors import FormatError
from matnet.files import byte_count
from matnet.tables.csv.dialect import Dialect
from matnet.tables.formats import NAMES, SUFFIXES, TEXT_SUFFIXES


def names(text: str) -> tuple[str, ...]:
    """Names with commas between; a name that has a comma in it stands in double quotes."""
    found = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    if not all(found):
        raise click.BadParameter(f"'{text}' has an empty name in it; write names with commas between")
    return found


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else names(value)


def _delimiter(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """One character, or the word tab."""
    return "\t" if value in ("tab", "\\t") else value


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Bytes, or with a unit: 500M, 8G, 8GB."""
    if value is None:
        return
    try:
        limit = byte_count(value)
    except FormatError:
        raise click.BadParameter(f"'{value}' is no size; write bytes, or a number with K, M, G or T: 8G") from None
    context.meta[_LOADING] = {**loading(context), "limit": limit}


def _nonfinite(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_LOADING] = {**loading(context), "allow_nonfinite": True}


_LOADING = "matnet.loading"


class Limit(TypedDict, total=False):
    """What is said to whatever reads a file, where it was given."""

    limit: int


class Loading(Limit, total=False):
    """What is said to ``matnet.load`` and ``matnet.load_all``, where it was given."""

    allow_nonfinite: bool


def loading(context: click.Context | None = None) -> Loading:
    """What `loading_options` say to ``matnet.load`` and ``matnet.load_all``."""
    found: Loading = (context or click.get_current_context()).meta.get(_LOADING, {})
    return found


def memory_limit() -> Limit:
    """The limit alone: for what else is read from files."""
    given = loading()
    return {"limit": given["limit"]} if "limit" in given else {}


def loading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a file may hold; the command gets them by `loading`."""
    for option in (_nonfinite_option, _limit_option):
        command = option(command)
    return command


_limit_option = click.option(
    "--limit",
    metavar="SIZE",
    callback=_size,
    expose_value=False,
    help="How much memory the contents of FILE may take, as in 8G; without it 2G. More is refused.",
)
_nonfinite_option = click.option(
    "--allow-nonfinite",
    is_flag=True,
    callback=_nonfinite,
    expose_value=False,
    help="Take weights that are NaN or Inf as they are; without it such a network is refused.",
)
file_argument = click.argument("file", metavar="FILE")
table_argument = click.argument("table", metavar="TABLE")
optional_table_argument = click.argument("table", metavar="[TABLE]", required=False)
network_option = click.option(
    "--network",
    metavar="PATH",
    help="The network in FILE, in MATLAB's own syntax, where there are several: nets{3}. "
    "Where samples go through a network, nets{:} is the mean of all of them.",
)
out_option = click.option(
    "-o",
    "--out",
    default="-",
    metavar="OUT",
    help=f"Where the result goes: {', '.join(TEXT_SUFFIXES)}; - is standard output.",
)
result_option = click.option(
    "-o",
    "--out",
    default="-",
    metavar="OUT",
    help=f"Where the result goes: {', '.join(SUFFIXES)}; - is standard output.",
)
inputs_option = click.option(
    "--inputs",
    metavar="NAMES",
    callback=_names,
    help="The table's columns that are the inputs, in the network's order; the result's columns are named by them. "
    "Without it: x1, x2 .. where all are there, else all columns in their order.",
)
outputs_option = click.option(
    "--outputs", metavar="NAMES", callback=_names, help="Names for the outputs, instead of y1, y2 .."
)
keep_option = click.option(
    "--keep",
    metavar="NAMES",
    callback=_names,
    default="",
    help="Columns of the table that are written to the result as they are.",
)
of_option = click.option(
    "--of", metavar="NAMES", callback=_names, help="Only these outputs, by their names in the result."
)
wrt_option = click.option(
    "--wrt", metavar="NAMES", callback=_names, help="Derivatives by these inputs only, by their names in the result."
)
input_scaling_option = click.option(
    "--input-scaling",
    metavar="NAME",
    multiple=True,
    help="Scaling of the inputs that was kept outside the network: the variable in FILE, or OTHER.mat:variable, with "
    "settings of mapminmax or mapstd; or minp,maxp or meanp,stdp; or arrays of any names, as mapminmax:low,high or "
    "mapstd:mean,deviation. Once for each input, in order.",
)
output_scaling_option = click.option(
    "--output-scaling", metavar="NAME", multiple=True, help="The same for the outputs; or mint,maxt or meant,stdt."
)
group_option = click.option(
    "--group",
    metavar="NAME",
    help="Of a dynamic network: the column that tells several series in the table apart. Without it all rows are one.",
)
states_option = click.option(
    "--states",
    metavar="STATES",
    default="zero",
    show_default=True,
    help="Of a dynamic network: what came before each series. zero, or FILE.mat:Xi,Ai with MATLAB's own initial input "
    "and layer states; FILE.mat:Xi gives the inputs alone.",
)
header_option = click.option(
    "--header/--no-header",
    default=None,
    help="Whether line 1 of the table names its columns. Without it: it does unless every cell is a number.",
)
delimiter_option = click.option(
    "--delimiter",
    metavar="CHARACTER",
    callback=_delimiter,
    default=",",
    show_default=True,
    help="What divides the table's cells; or tab.",
)
decimal_option = click.option(
    "--decimal", type=click.Choice([".", ","]), default=".", show_default=True, help="The table's decimal sign."
)
missing_option = click.option(
    "--missing",
    type=click.Choice(["error", "nan"]),
    default="error",
    show_default=True,
    help="What an empty cell of an input is.",
)
samples_option = click.option(
    "--samples",
    type=click.Choice(["columns", "rows"]),
    default="columns",
    show_default=True,
    help="How the samples lie in the variable of FILE.mat:variable.",
)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how the table is read: `header`, `delimiter`, `decimal`, `missing` and `samples`."""
    for option in (samples_option, missing_option, decimal_option, delimiter_option, header_option):
        command = option(command)
    return command


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a run over a table: `to`, `flag_range`, `summary`, `workers`, `chunk_size` and the engine's."""
    for option in (
        click.option(
            "--to",
            "form",
            type=click.Choice(NAMES),
            help="The format of the result, where the suffix of OUT does not say it.",
        ),
        click.option(
            "--flag-range",
            is_flag=True,
            help="Add a last column inputs_outside_range: how many inputs lie outside the range of the training.",
        ),
        click.option(
            "--summary",
            metavar="FILE.json",
            help="Write rows, seconds, rows outside the range, NaN, and the hashes of networks and inputs to a file.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Threads, without it two a core, eight at most; or with --engine dask processes of a cluster on this "
            "machine, without it one a core.",
        ),
        click.option(
            "--chunk-size",
            type=click.IntRange(min=1),
            metavar="ROWS",
            help="Rows that go through the network at once, rounded up to whole blocks. The result does not depend on "
            "it, nor on --workers.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["threads", "c", "dask"]),
            default="threads",
            show_default=True,
            help="c: the network is compiled first, with the C compiler of this machine. dask: the parts of TABLE, a "
            "folder or pattern, go over a Dask cluster; OUT is a folder with one result for each.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="The Dask cluster's scheduler, as in tcp://10.0.0.1:8786. Without it a cluster on this machine.",
        ),
    ):
        command = option(command)
    return command


def dialect(options: dict[str, Any]) -> Dialect:
    """How the table is written, from the options of `table_options`."""
    return Dialect(options["delimiter"], options["decimal"], options["header"], options["missing"])
