"""The command `check`: analytic against numerical derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from matnet.cli.batches import samples
from matnet.cli.models import load_model, remark_on_steps
from matnet.cli.options import (
    file_argument,
    inputs_option,
    json_option,
    loading_options,
    model_options,
    network_option,
    optional_table_argument,
    outputs_option,
    table_options,
)
from matnet.cli.speech import and_more, json_text
from matnet.errors import printable

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.proof.check import Check, Element

LISTED = 20
AGREES, DIFFERS = 0, 1


@click.command("check", short_help="Compare derivatives with numerical ones.")
@file_argument
@optional_table_argument
@network_option
@loading_options
@model_options
@inputs_option
@outputs_option
@table_options
@json_option
@click.option("--all", "everything", is_flag=True, help=f"List every derivative, not only the {LISTED} worst.")
def command(**options: Any) -> int:
    """Compare the derivatives of the network in FILE with numerical ones.

    If FILE is a folder or a pattern, or --network nets{:}, each network is checked and summarised in one line.

    The samples are those of TABLE, for a dynamic network a series; without TABLE, points within the training range. If
    every function is analytic, the numerical derivatives are complex steps, exact to rounding; otherwise they are
    central differences with an error estimate. For each derivative the sample with the largest difference is shown, the
    worst first. Near a kink, where the derivative jumps, a difference proves nothing and is marked as such.

    Exit status 0: all agree; 1: some differ.
    """
    from matnet.network import Ensemble
    from matnet.proof.check import check
    from matnet.tables.columns import Columns, output_names

    model = load_model(options)
    nets = model.networks if isinstance(model, Ensemble) else (model,)
    names = options["inputs"] or nets[0].input_names
    x = None
    if options["table"] is not None:
        x, names = samples(nets[0], options)
    checked = [(net, check(net, x)) for net in nets]
    outputs = output_names(Columns(outputs=options["outputs"]).named_by(nets[0]), nets[0].output_size)
    # a network without inputs is checked with respect to its initial layer states, named after their neurons
    states = max((element.input for _, found in checked for element in found.elements), default=0)
    inputs = names or tuple(f"state{number + 1}" for number in range(1 + states))
    remark_on_steps(model)
    if options["as_json"]:
        click.echo(json_text({"networks": [_document(net, found, outputs, inputs) for net, found in checked]}))
    elif len(nets) > 1:
        for net, found in checked:
            click.echo(printable(f"{_label(net)}: {found.summary}"))
    else:
        _show(checked[0][1], outputs, inputs, nets[0].dynamic, options["everything"])
    return AGREES if all(found.agrees for _, found in checked) else DIFFERS


def _show(found: Check, outputs: tuple[str, ...], inputs: tuple[str, ...], dynamic: bool, everything: bool) -> None:
    shown = found.elements if everything else found.elements[:LISTED]
    if shown:
        click.echo("\n".join(_table(shown, outputs, inputs, dynamic)))
    left_out = len(found.elements) - len(shown)
    click.echo(found.summary + (f" ({and_more(left_out)})" if left_out else ""))


def _label(net: Network) -> str:
    """The network's file, and its path within it if it has one."""
    return ":".join(part for part in (net.provenance.file, net.provenance.path) if part) or net.name


def _document(net: Network, found: Check, outputs: tuple[str, ...], inputs: tuple[str, ...]) -> dict[str, Any]:
    derivatives = [
        {
            "output": outputs[element.output],
            "input": inputs[element.input],
            **({"lag": element.lag} if net.dynamic else {}),
            "sample": element.sample + 1,
            "analytic": element.analytic,
            "numerical": element.numerical,
            "estimate": element.estimate,
            "verdict": element.verdict,
        }
        for element in found.elements
    ]
    return {
        "network": _label(net),
        "agrees": found.agrees,
        "method": found.method,
        "samples": found.samples,
        "samples_near_a_kink": found.at_kinks,
        "samples_without_finite_output": found.undefined,
        "derivatives": derivatives,
    }


def _table(
    elements: tuple[Element, ...], outputs: tuple[str, ...], inputs: tuple[str, ...], dynamic: bool
) -> list[str]:
    rows = [("derivative", "sample", "analytic", "numerical", "difference", "estimate", "verdict")]
    for element in elements:
        lag = f"(t-{element.lag})" if dynamic else ""
        rows.append(
            (
                f"d{outputs[element.output]}_d{inputs[element.input]}{lag}",
                str(element.sample + 1),
                f"{element.analytic:.9g}",
                f"{element.numerical:.9g}",
                f"{element.difference:.2g}",
                f"{element.estimate:.2g}",
                {"kink": "at a kink"}.get(element.verdict, element.verdict),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k in (0, 6) else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
