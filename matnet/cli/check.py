"""The command `check`: analytic against numerical derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from matnet.cli.models import (
    all_networks,
    holds_networks,
    label,
    load_model,
    remark_on_steps,
    report_failure,
)
from matnet.cli.options import (
    fed_back_option,
    inputs_option,
    json_option,
    keep_out_option,
    loading_options,
    model_options,
    networks_option,
    outputs_option,
    states_option,
    table_options,
)
from matnet.cli.speech import aligned, and_more, json_text
from matnet.cli.targets import samples_and_targets
from matnet.errors import FormatError, MatnetError, TableError, printable
from matnet.files import is_several

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.proof.check import Check

LISTED = 20
AGREES, DIFFERS, BAD_INPUT = 0, 1, 2


class CheckedNetwork(NamedTuple):
    """A checked network: its file and path, itself, the result, and the names of its outputs and inputs."""

    label: str
    net: Network
    found: Check
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


@click.command("check", short_help="Compare derivatives with numerical ones.")
@click.argument("files", metavar="FILE... [TABLE]", nargs=-1, required=True)
@networks_option
@loading_options
@model_options
@inputs_option
@outputs_option
@keep_out_option
@fed_back_option
@states_option
@table_options
@json_option
@click.option("--directions", type=click.IntRange(min=0), help="How many random directions; 0: each input separately.")
@click.option("--all", "everything", is_flag=True, help=f"List every derivative, not only the {LISTED} worst.")
def command(files: tuple[str, ...], **options: Any) -> int:
    """Compare the derivatives of the network in FILE with numerical ones.

    FILE may be a folder or a pattern, and several may be given: each network is then checked and summarised in one
    line, as with --network nets{:}. A file or network that cannot be used is reported, and the others are checked.

    The samples are those of TABLE, for a dynamic network a series; without TABLE, points within the training range. If
    every function is analytic, the numerical derivatives are complex steps, exact to rounding; otherwise they are
    central differences with an error estimate. For each derivative the sample with the largest difference is shown, the
    worst first. Near a kink, where the derivative jumps, a difference proves nothing and is marked as such.

    A network with more than 256 inputs, such as one of images, is checked along 3 random directions of all inputs at
    once: a wrong derivative changes the sums along them. --directions sets another number; 0 checks each input
    separately.

    Exit status 0: all agree; 1: some differ; 2: one of several files cannot be used.
    """
    *rest, last = files
    table = last if rest and not holds_networks(last) else None
    names = files if table is None else rest
    several = len(names) > 1 or is_several(names[0])
    if several and options["network"] is not None:
        raise FormatError("--network names a network in one file, but several files are given")
    if several and table == "-":
        raise TableError("standard input can be read only once, but several files are given; name a table")
    options["table"] = table
    failures: list[dict[str, str]] = []
    checked = list(_all_checked(names, options, failures) if several else _one_checked(names[0], options))
    if options["as_json"]:
        networks = [_document(entry) for entry in checked]
        click.echo(json_text({"networks": networks, **({"failures": failures} if several else {})}))
    elif several or len(checked) > 1:
        for entry in checked:
            click.echo(printable(f"{entry.label}: {entry.found.summary}"))
    else:
        _show(checked[0], options["everything"])
    if not all(entry.found.agrees for entry in checked):
        return DIFFERS
    return BAD_INPUT if failures else AGREES


def _one_checked(file: str, options: dict[str, Any]) -> Iterator[CheckedNetwork]:
    """The network of a file, or all those that --network names."""
    from matnet.network import Ensemble

    model = load_model({"file": file, **options})
    remark_on_steps(model)
    for net in model.networks if isinstance(model, Ensemble) else (model,):
        yield _checked(file, net, options)


def _all_checked(
    names: Sequence[str], options: dict[str, Any], failures: list[dict[str, str]]
) -> Iterator[CheckedNetwork]:
    """All networks of several files, folders and patterns."""
    for file, net in all_networks(names, options, failures):
        try:
            yield _checked(file, net, options)
        except MatnetError as error:
            report_failure(file, error.at(file), failures)


def _checked(file: str, net: Network, options: dict[str, Any]) -> CheckedNetwork:
    from matnet.proof.check import check
    from matnet.tables.columns import Columns, output_names

    inputs, x, before = options["inputs"] or net.input_names, None, dict[str, Any]()
    if options["table"] is not None:
        given = samples_and_targets(net, options)
        x, inputs, before = given.x, given.inputs, given.states
    result = check(net, x, directions=options["directions"], **before)
    outputs = output_names(Columns(outputs=options["outputs"]).named_by(net), net.output_size)
    # a network without inputs is checked with respect to its initial layer states, named after their neurons
    states = max((element.input for element in result.elements), default=0)
    inputs = inputs or tuple(f"state{number + 1}" for number in range(1 + states))
    return CheckedNetwork(label(file, net), net, result, outputs, inputs)


def _show(checked: CheckedNetwork, everything: bool) -> None:
    _, _, result, outputs, inputs = checked
    shown = len(result.elements) if everything else LISTED
    if result.elements:
        click.echo("\n".join(_table(result, shown, outputs, inputs)))
    left_out = max(0, len(result.elements) - shown)
    click.echo(result.summary + (f" ({and_more(left_out)})" if left_out else ""))


def _document(checked: CheckedNetwork) -> dict[str, Any]:
    name, net, result, outputs, inputs = checked
    derivatives = [
        {
            "output": outputs[element.output],
            **({"direction": element.input + 1} if result.directions else {"input": inputs[element.input]}),
            **({"lag": element.lag} if net.dynamic else {}),
            "sample": element.sample + 1,
            "analytic": element.analytic,
            "numerical": element.numerical,
            "estimate": element.estimate,
            "verdict": element.verdict,
        }
        for element in result.elements
    ]
    return {
        "network": name,
        "agrees": result.agrees,
        "method": result.method,
        **({"random_directions": result.directions} if result.directions else {}),
        "samples": result.samples,
        "samples_near_a_kink": result.at_kinks,
        "samples_without_finite_output": result.undefined,
        "derivatives": derivatives,
    }


def _table(found: Check, shown: int, outputs: tuple[str, ...], inputs: tuple[str, ...]) -> list[str]:
    rows = [("derivative", "sample", "analytic", "numerical", "difference", "estimate", "verdict")]
    for element in found.elements[:shown]:
        rows.append(
            (
                found.name(element, outputs, inputs),
                str(element.sample + 1),
                f"{element.analytic:.9g}",
                f"{element.numerical:.9g}",
                f"{element.difference:.2g}",
                f"{element.estimate:.2g}",
                {"kink": "at a kink"}.get(element.verdict, element.verdict),
            )
        )
    return aligned(rows, left=(0, 6))
