"""The command `formula`: the equation of a network."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import file_names, load_members, member_places
from matnet.cli.options import (
    file_argument,
    inputs_option,
    loading_options,
    model_options,
    names,
    networks_each_option,
    no_clobber_option,
    outputs_option,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import complain, note
from matnet.errors import counted, printable

if TYPE_CHECKING:
    from matnet.formulas.formula import Formula
    from matnet.network import Network
    from matnet.proof.formulas import FormulaRun

FORMATS = ("text", "latex", "python", "matlab", "c", "excel", "sympy")
FAILED = 1


@click.command("formula", short_help="The equation of a network, or of its derivative.")
@file_argument
@networks_each_option
@loading_options
@model_options
@inputs_option
@outputs_option
@click.option("--of", metavar="NAMES", help="Only these outputs; or one layer, by its number or name.")
@click.option(
    "--wrt",
    metavar="NAMES",
    help="The derivatives with respect to these inputs, instead of the outputs; first:last, all.",
)
@click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="What is written.")
@click.option("--nested", is_flag=True, help="One expression for each result, on one line (default: named steps).")
@click.option(
    "--digits",
    type=click.IntRange(1, 17),
    metavar="N",
    help="Significant digits of the numbers (default: all that are needed; Excel reads 15). With fewer, the largest "
    "error over the range of the inputs is measured and stated.",
)
@click.option("-o", "--out", default="-", metavar="OUT", help="Where the formula goes; - is standard output (default).")
@no_clobber_option
def command(**options: Any) -> int:
    """Write the network in FILE as a formula: raw inputs to raw outputs, with all scaling in it.

    text: equations. latex: for a document. python: a function for numbers and NumPy arrays. matlab, c: a function.
    excel: two rows of cells to paste at A1 of an empty sheet. sympy: statements for SymPy. --inputs and --outputs give
    names. Inputs that do not occur are named.

    The formula of a dynamic network is that of one time step.

    The formula is compared with the network at 1,000 points of the range of the inputs. Except for LaTeX, the text is
    also run in its language, if that is installed.

    Of several networks, each has its formula. {name} in OUT stands for the name of each, as in net_{name}.py, and
    functions are called by that name; text and latex may also be written one after the other.

    Exit status 0: written; 1: what was run does not agree, and nothing is written.
    """
    members = load_members(options)
    several = isinstance(members, dict)
    networks = members if isinstance(members, dict) else {"": members}
    headings: list[str] = []
    if several and ("{name}" in options["out"] or options["format"] not in ("text", "latex")):
        short = file_names(networks)
        places = member_places(options["out"], short, options)
        made = [[_made(net, options, name)] for net, name in zip(networks.values(), short, strict=True)]
    else:
        check_place(options["out"], options)
        places, made = [options["out"]], [[_made(net, options) for net in networks.values()]]
        headings = list(networks) if several else []
    runs = [[_run(found) for found in formulas] for formulas in made]
    for name, run in zip(networks, itertools.chain.from_iterable(runs), strict=True):
        if run is not None and not run.agrees and not run.missing:
            complain(f"{f'{printable(name)}: ' if several else ''}not written: {_difference(run)}")
            return FAILED
    for place, formulas, own in zip(places, made, runs, strict=True):
        _write(formulas, own, place, headings)
    return 0


def _made(net: Network, options: dict[str, Any], name: str | None = None) -> Formula:
    from matnet.formulas.documents import FUNCTION, function_name
    from matnet.network.formula import formula_of

    if options["inputs"] or options["outputs"]:
        net = net.with_names(options["inputs"], options["outputs"])
    layout = "nested" if options["nested"] else "steps"
    of, wrt = _of(options["of"]), _wrt(options["wrt"], net)
    form, digits = options["format"], options["digits"]
    function = FUNCTION if name is None or form == "excel" else function_name(form, name)
    return formula_of(net.structure, net.program, of, wrt, form, layout, digits, function)


def _run(found: Formula) -> FormulaRun | None:
    """The result of running a formula's text; None for LaTeX, which nothing runs."""
    from matnet.proof.formulas import run_text

    return None if found.format == "latex" else run_text(found, found.text)


def _write(formulas: Sequence[Formula], runs: Sequence[FormulaRun | None], place: str, headings: Sequence[str]) -> None:
    """Write formulas one after the other, each under its heading if there are any, and remark on how they were run."""
    texts = [found.text for found in formulas]
    if headings:
        comment = {"text": "#", "latex": "%"}[formulas[0].format]
        texts = [f"{comment} {printable(name)}\n{text}" for name, text in zip(headings, texts, strict=True)]
    with opened_result(place) as target:
        target.write("{}\n".format("\n\n".join(texts)).encode())
    for found, run in zip(formulas, runs, strict=True):
        _remark(found, run)


def _of(given: str | None) -> int | str | tuple[str, ...] | None:
    """The value of --of: a layer's number, one name, or several."""
    if given is None:
        return None
    chosen = names(given)
    if len(chosen) > 1:
        return chosen
    return int(chosen[0]) if chosen[0].isdecimal() else chosen[0]


def _wrt(given: str | None, net: Network) -> tuple[str, ...] | None:
    if given is None:
        return None
    from matnet.tables.columns import expanded

    chosen = expanded(names(given), net.input_names)
    return net.input_names if chosen == ("all",) and "all" not in net.input_names else chosen


def _remark(result: Formula, run: FormulaRun | None) -> None:
    """Notes on how the formula was compared, and on what the text itself cannot say."""
    if result.format == "excel":
        for line in result.notes:
            note(line)
    if run is None:
        note(f"compared with the network: largest difference {_share(max(d.share for d in result.differences))}")
    elif run.missing:
        note(f"not run, as {run.missing} is not installed")
    else:
        note(_difference(run))


def _difference(run: FormulaRun) -> str:
    if run.failure:
        return run.failure
    return (
        f"run by {run.runtime} at {counted(run.points, 'point')}; largest difference from the network "
        f"{_share(run.share)}"
    )


def _share(share: float) -> str:
    return f"{share:.2g} of the range of a result"
