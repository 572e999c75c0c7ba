"""Arguments and options that several commands share."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from typing import Any, TypedDict

import click

from matnet.cli.speech import QUIET
from matnet.errors import FormatError, MatnetError, Parameter, printable
from matnet.files import byte_count
from matnet.tables.csv.dialect import Dialect
from matnet.tables.formats import COMPRESSIONS, NAMES, SUFFIXES, TEXT_SUFFIXES


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names; a name that contains a comma is put in double quotes."""
    try:
        cells = tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True, strict=True), []))
    except csv.Error:
        raise click.BadParameter(
            f"'{printable(text)}' has a line break or an odd quote in it; put such a name in double quotes"
        ) from None
    if not all(cells):
        raise click.BadParameter(f"'{text}' has an empty name in it; separate names with commas")
    return cells


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else names(value)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Comma-separated numbers."""
    return None if value is None else _listed_numbers(value)


def _points(
    context: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[float, ...], ...]:
    """Comma-separated numbers, one list each time the option is given."""
    return tuple(map(_listed_numbers, value))


def _paths(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> str | None:
    """Paths of networks, separated by commas."""
    return ",".join(value) if value else None


def _listed_numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' is not a list of numbers separated by commas") from None


def _delimiter(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """One character, or the word "tab"."""
    return "\t" if value in ("tab", "\\t") else value


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """A number of bytes, optionally with a unit: 500M, 8G, 8GB."""
    if value is None:
        return
    try:
        limit = byte_count(value)
    except FormatError:
        raise click.BadParameter(
            f"'{value}' is not a size; write bytes, or a number with K, M, G or T, e.g. 8G"
        ) from None
    context.meta[_LOADING] = {**loading(context), "limit": limit}


def _isolation(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value:
        context.meta[_LOADING] = {**loading(context), "isolation": False}


def _nonfinite(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_LOADING] = {**loading(context), "allow_nonfinite": True}


def option_writer(command: click.Command | None) -> Callable[[Parameter], str | None]:
    """The option of a command for a parameter of the library, if it has one."""
    options = {} if command is None else {str(option.name): option for option in command.params}

    def written(parameter: Parameter) -> str | None:
        option = options.get(parameter.name)
        if not isinstance(option, click.Option):
            return None
        if parameter.value is False:
            return (option.secondary_opts or option.opts)[-1]
        value = "" if parameter.value is None or parameter.value is True else f" {_quoted(str(parameter.value))}"
        return option.opts[-1] + value

    return written


def _quoted(value: str) -> str:
    """A value quoted for any shell, including cmd.exe."""
    return value if re.fullmatch(r"[\w.-]+", value) else f'"{value}"'


def reworded(error: MatnetError) -> str:
    """An error's message, with the running command's options in place of parameters."""
    return error.reworded(option_writer(click.get_current_context().command))


_LOADING = "matnet.loading"
DIALECT_OPTIONS = ("delimiter", "decimal", "header", "missing", "na", "comment", "skip_rows")


class FileReading(TypedDict, total=False):
    """The reading options for MAT-files that were given."""

    limit: int
    isolation: bool


class Loading(FileReading, total=False):
    """The keyword arguments of ``matnet.load`` and ``matnet.load_all`` that were given."""

    allow_nonfinite: bool


def loading(context: click.Context | None = None) -> Loading:
    """The keyword arguments of ``matnet.load`` and ``matnet.load_all`` from `loading_options`."""
    kept: Loading = (context or click.get_current_context()).meta.get(_LOADING, {})
    return kept


def file_reading() -> FileReading:
    """The options for reading anything but networks from MAT-files."""
    given = loading()
    options: FileReading = {}
    if "limit" in given:
        options["limit"] = given["limit"]
    if "isolation" in given:
        options["isolation"] = given["isolation"]
    return options


def loading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has: limits on files, passed to it as `loading`, and `--quiet`."""
    for option in (_quiet_option, _isolation_option, _nonfinite_option, _limit_option):
        command = option(command)
    return command


def _quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[QUIET] = value


_limit_option = click.option(
    "--limit",
    metavar="SIZE",
    callback=_size,
    expose_value=False,
    help="Memory limit for the contents of FILE, e.g. 8G (default 2G).",
)
_nonfinite_option = click.option(
    "--allow-nonfinite",
    is_flag=True,
    callback=_nonfinite,
    expose_value=False,
    help="Accept weights that are NaN or Inf (default: refuse such a network).",
)
_isolation_option = click.option(
    "--isolation/--no-isolation",
    default=True,
    callback=_isolation,
    expose_value=False,
    help="Read version 7.3 MAT-files, Parquet, Arrow and Excel files in a separate process, so that a damaged one "
    "cannot crash this one (default).",
)
_quiet_option = click.option(
    "--quiet", is_flag=True, callback=_quiet, expose_value=False, help="No notes, warnings or progress; errors only."
)
file_argument = click.argument("file", metavar="FILE")
table_argument = click.argument("table", metavar="TABLE")
optional_table_argument = click.argument("table", metavar="[TABLE]", required=False)
at_option = click.option(
    "--at",
    metavar="NUMBERS",
    multiple=True,
    callback=_points,
    help="One sample in place of TABLE, its inputs separated by commas, e.g. 60,2400. May be given several times.",
)
network_option = click.option(
    "--network",
    metavar="PATH",
    multiple=True,
    callback=_paths,
    help="Which network, if FILE holds several, in MATLAB's syntax, e.g. nets{3}.",
)
networks_option = click.option(
    "--network",
    metavar="PATH",
    multiple=True,
    callback=_paths,
    help="Which network, if FILE holds several, in MATLAB's syntax, e.g. nets{3}; nets{:}, or several paths separated "
    "by commas or given one by one, averages all of them.",
)
networks_each_option = click.option(
    "--network",
    metavar="PATH",
    multiple=True,
    callback=_paths,
    help="Which network, if FILE holds several, in MATLAB's syntax, e.g. nets{3}; nets{:}, or several paths separated "
    "by commas or given one by one: each of them. FILE may be a folder or a pattern, for all networks of its files.",
)
out_option = click.option(
    "-o",
    "--out",
    default="-",
    metavar="OUT",
    help=f"Where the result goes: {', '.join(TEXT_SUFFIXES)}; - is standard output (default).",
)
result_option = click.option(
    "-o",
    "--out",
    default="-",
    metavar="OUT",
    help=f"Where the result goes: {', '.join(SUFFIXES)}, or text with {' or '.join(COMPRESSIONS)} after it; - is "
    "standard output (default).",
)
no_clobber_option = click.option(
    "--no-clobber", is_flag=True, help="Never replace a file (default: replace OUT unless it is an input)."
)
inputs_option = click.option(
    "--inputs",
    metavar="NAMES",
    callback=_names,
    help="Columns of the table that are the inputs, in the network's order, first:last for all from one to another; "
    "they name the columns of the result (default: x1, x2 .. if all are there, else all columns in order).",
)
outputs_option = click.option(
    "--outputs", metavar="NAMES", callback=_names, help="Names for the outputs, instead of y1, y2 .."
)
keep_option = click.option(
    "--keep",
    metavar="NAMES",
    callback=_names,
    default="",
    help="Columns of the table to copy to the result unchanged; all copies every column, the inputs included.",
)
keep_out_option = click.option(
    "--keep",
    metavar="NAMES",
    callback=_names,
    default="",
    help="Columns of the table that are not inputs, e.g. an id.",
)
of_option = click.option("--of", metavar="NAMES", callback=_names, help="Only these outputs, by name as in the result.")
wrt_option = click.option(
    "--wrt",
    metavar="NAMES",
    callback=_names,
    help="Only derivatives with respect to these inputs, by name as in the result.",
)
input_sd_option = click.option(
    "--input-sd",
    metavar="NUMBERS",
    callback=_numbers,
    help="Standard deviations of the inputs, taken as independent, separated by commas: adds y1_sd, y2_sd ..",
)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="The same as JSON; numbers that are not finite are null."
)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options for what is kept outside the network's file: `input_scaling`, `output_scaling` and `names`."""
    for option in (_names_option, _output_scaling_option, _input_scaling_option):
        command = option(command)
    return command


_input_scaling_option = click.option(
    "--input-scaling",
    metavar="NAME",
    multiple=True,
    help="Scaling of the inputs that was kept outside the network: the variable in FILE, or OTHER.mat:variable, with "
    "settings of mapminmax or mapstd; or minp,maxp or meanp,stdp; or arrays of any names, as mapminmax:low,high or "
    "mapstd:mean,deviation. Once for each input, in order.",
)
_output_scaling_option = click.option(
    "--output-scaling",
    metavar="NAME",
    multiple=True,
    help="The same for the outputs; also mint,maxt or meant,stdt.",
)
_names_option = click.option(
    "--names",
    metavar="FILE.json",
    help='Names and units, each optional: {"inputs": [..], "outputs": [..], "units": {"name": "unit"}}.',
)
group_option = click.option(
    "--group",
    metavar="NAME",
    help="Dynamic networks: column that distinguishes several series in the table (default: all rows are one series).",
)
targets_option = click.option(
    "--targets",
    metavar="NAMES",
    help="Columns of TABLE that hold the targets, in the order of the outputs; or FILE.mat:variable.",
)
states_option = click.option(
    "--states",
    metavar="STATES",
    help="Dynamic networks: what came before each series. first-rows: its first rows are its states, with the outputs "
    "of --targets, or of columns with the outputs' names, where they are fed back (default). zeros. Or FILE.mat:Xi,Ai "
    "with MATLAB's initial input and layer states; FILE.mat:Xi gives the input states alone.",
)
header_option = click.option(
    "--header/--no-header",
    default=None,
    help="Treat line 1 as column names, or as numbers (default: names unless every cell is a number).",
)
delimiter_option = click.option(
    "--delimiter",
    metavar="CHARACTER",
    callback=_delimiter,
    help="Character between the cells of the table; tab; or blanks for any number of blanks and tabs "
    "(default: comma, or what fits the first lines).",
)
decimal_option = click.option(
    "--decimal", type=click.Choice([".", ","]), help="Decimal sign of the table (default: what fits the first lines)."
)
missing_option = click.option(
    "--missing",
    type=click.Choice(["error", "nan"]),
    default="error",
    show_default=True,
    help="How to treat empty input cells, and NA, N/A and null.",
)
na_option = click.option(
    "--na", metavar="WORDS", callback=_names, default="", help="More words that mean a missing number."
)
comment_option = click.option(
    "--comment", metavar="TEXT", default="", help="Ignore lines that begin with this, e.g. %."
)
skip_rows_option = click.option(
    "--skip-rows",
    metavar="N",
    type=click.IntRange(0),
    default=0,
    help="Ignore the first N rows after the header, e.g. a row of units.",
)
encoding_option = click.option(
    "--encoding", metavar="NAME", default="utf-8", show_default=True, help="Encoding of text, e.g. cp1252 or utf-16."
)
samples_option = click.option(
    "--samples",
    type=click.Choice(["columns", "rows"]),
    help="Whether samples are rows or columns of the table (default: rows; columns for an array of a MAT-file).",
)


def text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for the text format of the table."""
    for option in (
        encoding_option,
        skip_rows_option,
        comment_option,
        na_option,
        decimal_option,
        delimiter_option,
        header_option,
    ):
        command = option(command)
    return command


def series_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that run a dynamic network over a table: `group`, `targets`, `states`, ..."""
    for option in (_steps_option, _forecast_option, states_option, fed_back_option, group_option):
        command = option(command)
    return command


fed_back_option = click.option(
    "--targets",
    metavar="NAMES",
    help="Dynamic networks: columns of TABLE that hold the measured outputs, in the order of the outputs; or "
    "FILE.mat:variable. An open loop takes what is fed back from them, a closed loop its first states.",
)
_forecast_option = click.option(
    "--forecast",
    metavar="K",
    type=click.IntRange(min=1),
    help="Dynamic networks with feedback: forecast the last K rows of each series from the rows before them; without "
    "other inputs, the K steps after its last row.",
)
_steps_option = click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1),
    help="Number of steps to run a network without inputs, in place of TABLE.",
)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for reading the table, passed to a command as `reading`."""
    return text_options(missing_option(samples_option(command)))


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a run over a table: output format and computation."""
    for option in (
        click.option(
            "--to",
            "form",
            type=click.Choice(NAMES),
            help="Format of the result (default: by the suffix of OUT).",
        ),
        click.option(
            "--flag-range",
            is_flag=True,
            help="Add a last column inputs_outside_range: how many inputs lie outside the range that the network "
            "knows; empty if that is not known.",
        ),
        click.option(
            "--summary",
            metavar="FILE.json",
            help="Write a summary (rows, seconds, rows out of range, NaN, hashes of networks and inputs) to a file; "
            "- is standard output.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Number of worker threads (default: two per core, one for Parquet and Arrow results, at most eight); "
            "with --engine dask, number of processes of a cluster on this machine (default: one per core).",
        ),
        click.option(
            "--chunk-size",
            type=click.IntRange(min=1),
            metavar="ROWS",
            help="Rows to compute at once, rounded up to whole blocks. Results depend neither on this nor on "
            "--workers.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["auto", "threads", "c", "dask"]),
            default="auto",
            show_default=True,
            help="threads: compute with NumPy. c: compile the network first, with a C compiler. auto: c if TABLE is so "
            "large that this saves time and there is a compiler, else threads. dask: compute the parts of TABLE, a "
            "folder or pattern, on a Dask cluster; OUT is a folder with one result for each part.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Scheduler of the Dask cluster, e.g. tcp://10.0.0.1:8786 (default: a cluster on this machine).",
        ),
        click.option(
            "--strict", is_flag=True, help="Exit with status 1 if any row lies outside the range or gives NaN."
        ),
        no_clobber_option,
        click.option(
            "--flush",
            is_flag=True,
            help="Write the result of each row as soon as it is read, e.g. from standard input (default: in blocks).",
        ),
        click.option(
            "--precision",
            type=click.IntRange(1, 17),
            metavar="DIGITS",
            help="Significant digits of numbers in text (default: as many as are needed to read them back exactly).",
        ),
        click.option(
            "--output-decimal",
            type=click.Choice([".", ","]),
            default=".",
            show_default=True,
            help="Decimal sign of numbers in text; with a comma, the cells of .csv are separated by semicolons.",
        ),
    ):
        command = option(command)
    return command


def dialect(options: dict[str, Any]) -> Dialect:
    """The format of the table's text, from `text_options` and the option for missing cells."""
    return Dialect(**{key: options[key] for key in DIALECT_OPTIONS})
