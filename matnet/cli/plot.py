"""The command `plot`: a figure of a network in a file."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.batches import states_given
from matnet.cli.models import load_model, remark_on_steps
from matnet.cli.options import (
    file_argument,
    inputs_option,
    keep_out_option,
    loading_options,
    model_options,
    networks_option,
    no_clobber_option,
    of_option,
    optional_table_argument,
    outputs_option,
    states_option,
    table_options,
    targets_option,
    wrt_option,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import note
from matnet.cli.targets import record_option, samples_and_targets, sets, training_record
from matnet.errors import TableError

if TYPE_CHECKING:
    from matnet.network import Ensemble, Network
    from matnet.plots.figures import Request

KINDS = (
    "network",
    "sensitivity",
    "map",
    "alpha",
    "pixels",
    "response",
    "contour",
    "parity",
    "residuals",
    "error-histogram",
    "confusion",
    "roc",
    "training",
    "training-state",
    "series",
    "lags",
    "error-autocorrelation",
)
OF_RECORD = frozenset({"training", "training-state"})
WITH_TARGETS = frozenset({"parity", "residuals", "error-histogram", "confusion", "roc", "error-autocorrelation"})
WITH_DATA = frozenset({"sensitivity", "map", "alpha", "pixels", "lags", *WITH_TARGETS})
WITH_POINT = frozenset({"response", "contour"})
UNIT = "range: multiply derivatives by input range / output range, so that inputs can be compared; real: as they are."


def _at(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, list[float]] | None:
    """Quantiles, as in 10%,50%,90%, or a point, as in 60,2400."""
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    percent = all(part.endswith("%") for part in parts)
    try:
        numbers = [float(part.removesuffix("%")) / (100.0 if percent else 1.0) for part in parts]
    except ValueError:
        raise click.BadParameter(f"'{value}': write quantiles, as in 10%,50%,90%, or a value per input") from None
    if percent and not all(0.0 <= number <= 1.0 for number in numbers):
        raise click.BadParameter(f"'{value}': a quantile is between 0% and 100%")
    return ("at" if percent else "point"), numbers


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Width and height in inches: 6x4."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*[x×,]\s*(\d+(?:\.\d+)?)", value.strip())
    if match is None or not all(1.0 <= float(side) <= 100.0 for side in match.groups()):
        raise click.BadParameter(f"'{value}': write width and height in inches, each from 1 to 100, as in 6x4")
    return float(match[1]), float(match[2])


@click.command("plot", short_help="A figure: the network, its sensitivities, responses, fit.")
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@file_argument
@optional_table_argument
@click.option("-o", "--out", required=True, metavar="OUT", help="Where the figure goes: .png, .svg or .pdf.")
@networks_option
@loading_options
@no_clobber_option
@model_options
@inputs_option
@outputs_option
@keep_out_option
@targets_option
@states_option
@record_option
@of_option
@wrt_option
@click.option(
    "--at",
    "held",
    metavar="VALUES",
    callback=_at,
    help="Where response and contour hold the other inputs: quantiles, e.g. 10%,50%,90%, or a value per input, e.g. "
    "60,2400.  [default: 25%,50%,75%; contour: 50%]",
)
@click.option("--top", type=click.IntRange(1), metavar="COUNT", help="Number of inputs to show, strongest first.")
@click.option("--unit", type=click.Choice(["range", "real"]), default="range", show_default=True, help=UNIT)
@click.option("--lags", type=click.IntRange(0), metavar="COUNT", help="Largest lag to show.")
@click.option(
    "--steps", type=click.IntRange(1), metavar="COUNT", help="Number of time steps to run a network without inputs."
)
@click.option("--title", default="", metavar="TEXT", help="Title above the figure.")
@click.option("--size", metavar="WIDTHxHEIGHT", callback=_size, help="Size of the figure in inches, e.g. 6x4.")
@click.option(
    "--dpi",
    type=click.IntRange(20, 1200),
    default=150,
    show_default=True,
    metavar="COUNT",
    help="Pixels per inch of .png files, and of rasterised parts in other formats.",
)
@table_options
def command(**options: Any) -> None:
    """Draw a figure of the network in FILE, with the samples of TABLE.

    \b
    KIND is one of
      network                the diagram: layers with sizes and functions, delays, feedback
      sensitivity            the distribution of dy/dx over the data, the strongest first
      map                    mean of dy/dx against its standard deviation
      alpha                  alpha curves: from the mean of |dy/dx| to its largest
      pixels                 the rms of dy/dx at each pixel, of a network that takes images
      response               y and dy/dx along each input, the others held constant (--at)
      contour                y over two inputs (--wrt) with gradient arrows
      parity                 outputs against --targets, by training, validation and test set
      residuals              targets minus outputs
      error-histogram        how often each error occurs
      confusion              a classifier's outputs against its target classes
      roc                    a classifier's true against false positives
      training               the performance by epoch, from the training record
      training-state         gradient, mu and others by epoch, from the training record
      series                 outputs of a dynamic network over a series, with --targets
      lags                   dy(t)/dx(t-k) by lag: the impulse response
      error-autocorrelation  the autocorrelation of a dynamic network's errors

    Needs the extra `plots`: pip install 'matnet[plots]'.
    """
    from matnet.plots.figures import SUFFIXES, draw, image

    kind, suffix = options["kind"], PurePath(options["out"]).suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(f"a figure is written to a file ending in {', '.join(SUFFIXES)}", place=options["out"])
    if options["held"] is not None and kind not in WITH_POINT:
        raise TableError("--at is for response and contour")
    check_place(options["out"], options)
    model = load_model(options)
    request = _request(model, options)
    if kind in WITH_POINT:
        remark_on_steps(model)
    made = image(draw(kind, request), suffix, options["dpi"])
    _remark(kind, request)
    with opened_result(options["out"]) as target:
        target.write(made)


def _remark(kind: str, request: Request) -> None:
    """Notes on what the figure leaves out, and on kinds that show more."""
    from matnet.plots.classes import FEWEST_CLASSIFIED, are_classes
    from matnet.plots.figures import KINDS

    if KINDS[kind].by_output and request.left_out:
        shown = len(request.shown_outputs)
        note(f"the first {shown} of {request.net.output_size} outputs are shown; name others with --of")
    t = request.t
    if kind in ("parity", "residuals") and t is not None and len(t) >= FEWEST_CLASSIFIED and are_classes(t):
        note("the targets are classes: confusion and roc show more of them")


def _request(model: Network | Ensemble, options: dict[str, Any]) -> Request:
    from matnet.plots.figures import Request
    from matnet.sensitivity.samples import inputs_of
    from matnet.tables.columns import OF, WRT, Columns, output_names, selected

    kind = options["kind"]
    if options["table"] is None and kind in WITH_DATA:
        raise TableError(f"{kind} shows data: name a table of samples after {options['file']}")
    if options["targets"] is None and kind in WITH_TARGETS:
        raise TableError(f"{kind} compares outputs with targets: name the columns that hold them with --targets")
    x = t = None
    names = options["inputs"] or inputs_of(model).names
    states: dict[str, Any] = {}
    first_step = 1
    if options["table"] is not None and kind != "network" and kind not in OF_RECORD:
        given = samples_and_targets(model, options)
        x, t, names, states, first_step = given.x, given.t, given.inputs, given.states, given.first
    elif kind == "series":
        states = _states_of_steps(options)
    record = training_record(options, needed=kind in OF_RECORD) if kind in {*OF_RECORD, *WITH_TARGETS} else None
    outputs = output_names(Columns(outputs=options["outputs"]).named_by(model), model.output_size)
    which, values = options["held"] or ("", [])
    return Request(
        model,
        x,
        t,
        sets=None if x is None else sets(record, len(x)),
        record=record,
        inputs=names,
        outputs=outputs,
        of=None if options["of"] is None else selected(outputs, options["of"], OF),
        wrt=None if options["wrt"] is None else selected(names, options["wrt"], WRT),
        top=options["top"],
        lags=options["lags"],
        steps=options["steps"],
        at=values if which == "at" else None,
        point=values if which == "point" else None,
        unit=options["unit"],
        size=options["size"],
        title=options["title"],
        states=states,
        first_step=first_step,
    )


def _states_of_steps(options: dict[str, Any]) -> dict[str, Any]:
    """The states before the steps of a network without inputs, as arguments of ``Network.run``."""
    given = states_given(options)
    if given is None or given.first_rows:
        raise TableError("series without a table: say what came before with --states: zeros, or FILE.mat:,Ai")
    named = {"input_states": given.inputs, "layer_states": given.layers}
    return {name: state for name, state in named.items() if state is not None}
