"""The command `plot`: a figure of a network in a file."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import load_network
from matnet.cli.options import (
    file_argument,
    inputs_option,
    loading_options,
    network_option,
    no_clobber_option,
    of_option,
    optional_table_argument,
    outputs_option,
    scaling_options,
    table_options,
    wrt_option,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import note
from matnet.cli.targets import history, record_option, samples_and_targets, sets, targets_option
from matnet.errors import TableError

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.plots.figures import Request

KINDS = (
    "network",
    "sensitivity",
    "map",
    "alpha",
    "response",
    "contour",
    "parity",
    "residuals",
    "training",
    "series",
    "lags",
)
WITH_DATA = frozenset({"sensitivity", "map", "alpha", "parity", "residuals", "lags"})
UNIT = "Derivatives in shares of the ranges of input and output, so that inputs compare, or as they are."
WITH_TARGETS = frozenset({"parity", "residuals"})


@click.command("plot", short_help="A figure: the network, its sensitivities, responses, fit.")
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@file_argument
@optional_table_argument
@click.option("-o", "--out", required=True, metavar="OUT", help="Where the figure goes: .png, .svg or .pdf.")
@network_option
@loading_options
@no_clobber_option
@scaling_options
@inputs_option
@outputs_option
@targets_option
@record_option
@of_option
@wrt_option
@click.option("--top", type=click.IntRange(1), metavar="COUNT", help="How many inputs are shown, the strongest.")
@click.option("--unit", type=click.Choice(["range", "real"]), default="range", show_default=True, help=UNIT)
@click.option("--lags", type=click.IntRange(0), metavar="COUNT", help="The largest lag of `lags`.")
@click.option("--steps", type=click.IntRange(1), metavar="COUNT", help="Steps of a network without inputs.")
@table_options
def command(**options: Any) -> None:
    """Draw a figure of the network in FILE, with the samples of TABLE.

    \b
    KIND is one of
      network      the diagram: layers with sizes and functions, delays, feedback
      sensitivity  the distribution of dy/dx over the data, the strongest first
      map          mean of dy/dx against its standard deviation: linear or not
      alpha        alpha curves: from the mean of |dy/dx| to its largest
      response     y and dy/dx along each input, the others at quantiles
      contour      y over two inputs (--wrt) with gradient arrows
      parity       outputs against --targets, by training, validation and test set
      residuals    targets minus outputs
      training     the performance by epoch, from the training record
      series       outputs of a dynamic network over a series, with --targets
      lags         dy(t)/dx(t-k) by lag: the impulse response

    Needs the extra `plots`: pip install 'matnet[plots]'.
    """
    from matnet.plots.figures import SUFFIXES, draw, image

    suffix = PurePath(options["out"]).suffix.lower()
    if suffix not in SUFFIXES:
        raise TableError(f"a figure is written to a file ending in {', '.join(SUFFIXES)}", place=options["out"])
    check_place(options["out"], options)
    net = load_network(options)
    request = _request(net, options)
    if request.left_out:
        shown = len(request.shown_outputs)
        note(f"the first {shown} of {net.output_size} outputs are shown; name others with --of")
    made = image(draw(options["kind"], request), suffix)
    with opened_result(options["out"]) as target:
        target.write(made)


def _request(net: Network, options: dict[str, Any]) -> Request:
    from matnet.plots.figures import Request
    from matnet.tables.columns import OF, WRT, Columns, output_names, selected

    kind = options["kind"]
    if options["table"] is None and kind in WITH_DATA:
        raise TableError(f"{kind} shows data: name a table of samples after {options['file']}")
    if options["targets"] is None and kind in WITH_TARGETS:
        raise TableError(f"{kind} compares outputs with targets: name the columns that hold them with --targets")
    x = t = None
    names = options["inputs"] or net.input_names
    if options["table"] is not None and kind not in ("network", "training"):
        x, t, names = samples_and_targets(net, options)
    record = history(options, needed=kind == "training") if kind in ("training", *WITH_TARGETS) else None
    outputs = output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size)
    return Request(
        net,
        x,
        t,
        sets=None if x is None else sets(record, len(x)),
        history=record,
        inputs=names,
        outputs=outputs,
        of=None if options["of"] is None else selected(outputs, options["of"], OF),
        wrt=None if options["wrt"] is None else selected(names, options["wrt"], WRT),
        top=options["top"],
        lags=options["lags"],
        steps=options["steps"],
        unit=options["unit"],
    )
