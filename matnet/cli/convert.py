"""The command `convert`: export a network to a file that works without matnet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import file_names, load_members, member_places
from matnet.cli.options import (
    file_argument,
    inputs_option,
    loading_options,
    model_options,
    networks_each_option,
    no_clobber_option,
    outputs_option,
)
from matnet.cli.results import check_place
from matnet.cli.speech import complain, note
from matnet.errors import counted, printable

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.proof.exported import ExportCheck

WRITTEN, FAILED = 0, 1


class _Convert(click.Command):
    """A command whose help lists all targets; they are imported only when the help is shown."""

    @property
    def help(self) -> str:
        """The help, with the suffixes in it."""
        from matnet.exporters.target import targets

        suffixes = list(targets())
        return self._help.replace("SUFFIXES", f"{', '.join(suffixes[:-1])} or {suffixes[-1]}")

    @help.setter
    def help(self, text: str | None) -> None:
        self._help = text or ""


class _Option(click.Option):
    """An option whose help names the targets that take it; they are imported only when the help is shown."""

    @property
    def help(self) -> str:
        """The help, with the names of the targets in it."""
        if "TARGETS" not in self._help:
            return self._help
        from matnet.exporters.target import targets

        *names, last = [target.name for target in targets().values() if self.name in target.takes]
        return self._help.replace("TARGETS", f"{', '.join(names)} and {last}" if names else last)

    @help.setter
    def help(self, text: str | None) -> None:
        self._help = text or ""


def _list_targets(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """List the targets and exit."""
    from matnet.exporters.target import targets

    if not wanted or ctx.resilient_parsing:
        return
    for suffix, target in targets().items():
        missing = target.missing()
        here = f"{missing} is not installed: not run" if missing else f"run by {target.runtime}"
        click.echo(f"{suffix:<6} {target.name}: {target.about} ({here})")
    ctx.exit()


@click.command("convert", cls=_Convert, short_help="The network as code or a file for other tools.")
@file_argument
@click.argument("target", metavar="OUT")
@networks_each_option
@loading_options
@model_options
@no_clobber_option
@inputs_option
@outputs_option
@click.option("--name", metavar="NAME", help="Name of the function in OUT (default: derived from the file name).")
@click.option("--no-jacobian", "jacobian", flag_value=False, default=True, help="Leave dy/dx out.")
@click.option("--float32", cls=_Option, is_flag=True, help="Compute in single precision (TARGETS only).")
@click.option("--opset", type=int, metavar="NUMBER", help="Version of ONNX's operators (default 17).")
@click.option("--header", cls=_Option, is_flag=True, help="Also write the header OUT.h (TARGETS only).")
@click.option(
    "--family",
    cls=_Option,
    is_flag=True,
    help="Also write fwd_, adj_, fwd_adj_ and fwd_fwd_OUT, for CasADi (TARGETS only).",
)
@click.option(
    "--fmi", cls=_Option, type=click.Choice(["3.0", "2.0"]), help="Version of FMI (TARGETS only; default 3.0)."
)
@click.option(
    "--step",
    cls=_Option,
    type=float,
    metavar="TIME",
    help="Time between two steps of a dynamic network (TARGETS only; default 1).",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_targets,
    help="List all targets, what each contains and whether it can be run here, and exit.",
)
def command(**options: Any) -> int:
    """Export the network in FILE to OUT, in the format of its suffix: SUFFIXES.

    The result computes the outputs and their exact derivatives, and works without matnet; a dynamic network is written
    as one time step with its states as arguments. --inputs and --outputs name the elements in OUT.

    If its runtime or compiler is installed, the export is run and compared with the network over the range of the
    inputs; OUT appears only if it agrees.

    Of several networks, each is written to a file of its own: {name} in OUT stands for the name of each, as in
    c/{name}.c. A folder that is not there is made.

    Exit status 0: written, and it agrees or could not be run here; 1: it does not agree, and is not written.
    """
    members = load_members(options)
    if not isinstance(members, dict):
        check_place(options["target"], options)
        return _export(members, options["target"], options)
    places = member_places(options["target"], file_names(members), options)
    return max([_export(net, place, options) for net, place in zip(members.values(), places, strict=True)])


def _export(net: Network, target: str, options: dict[str, Any]) -> int:
    from pathlib import Path

    from matnet.exporters.recording import Options
    from matnet.exporters.save import rendered, write
    from matnet.proof.exported import check_written

    place = Path(target)
    chosen = Options(
        name=options["name"],
        inputs=options["inputs"],
        outputs=options["outputs"],
        jacobian=options["jacobian"],
        precision="float32" if options["float32"] else "float64",
        opset=options["opset"],
        header=options["header"],
        fmi=options["fmi"],
        step=options["step"],
        family=options["family"],
    )
    export = rendered(net, place, chosen)
    for line in export.notes:
        note(f"{place}: {line}")
    for name in export.beside:
        check_place(str(place.with_name(name)), options)
    check = check_written(export, place.name)
    if not check.agrees and not check.missing:
        complain(f"{place}: not written: {_verdict(check)}")
        return FAILED
    write(export, place)
    click.echo(f"{printable(str(place))}: {_verdict(check)}")
    return WRITTEN


def _verdict(check: ExportCheck) -> str:
    if check.missing:
        return f"written; not run, as {check.missing} is not installed"
    if check.failure:
        return check.failure
    names = {"dydx": "dy/dx", "next_states": "the next states"}
    sizes = [f"{difference:.2g} in {names.get(name, name)}" for name, difference in check.differences.items()]
    bound = "" if check.agrees else f", where {check.tolerance:g} is allowed"
    ran = f"run by {check.runtime} at {counted(check.points, 'point')}"
    return f"{'written; ' if check.agrees else ''}{ran}; largest difference, of the range: {', '.join(sizes)}{bound}"
