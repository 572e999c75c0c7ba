"""The command `convert`: a network to a file that is used without matnet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import load_model
from matnet.cli.options import (
    file_argument,
    input_scaling_option,
    inputs_option,
    loading_options,
    network_option,
    output_scaling_option,
    outputs_option,
)
from matnet.cli.speech import complain, printable

if TYPE_CHECKING:
    from matnet.proof.exported import ExportCheck

WRITTEN, FAILED = 0, 1


@click.command("convert", short_help="The network as ONNX, C, MATLAB, Python or JSON.")
@file_argument
@click.argument("target", metavar="OUT")
@network_option
@loading_options
@input_scaling_option
@output_scaling_option
@inputs_option
@outputs_option
@click.option("--name", metavar="NAME", help="The name of the function in OUT; without it the file's stem.")
@click.option("--no-jacobian", "jacobian", flag_value=False, default=True, help="Leave dy/dx out.")
@click.option("--float32", is_flag=True, help="Compute in single precision; .c and .onnx only.")
@click.option("--opset", type=int, metavar="NUMBER", help="The version of ONNX' operators; without it 17.")
def command(**options: Any) -> int:
    """Write the network in FILE to OUT: .onnx, .c, .m, .py or .json by its suffix.

    All but .json carry the outputs and their exact derivatives, and run without this program; a network that looks back
    in time is written as one step with its states as arguments. --inputs and --outputs name the elements in OUT.

    What was written is then run, where its runtime is installed, and compared over the range of the inputs; OUT is put
    in its place only if it agrees.

    Exit status 0: written, and it agrees or cannot be run here; 1: it does not agree, and nothing is written.
    """
    from pathlib import Path

    from matnet.errors import UnsupportedError
    from matnet.exporters.recording import Options
    from matnet.exporters.save import rendered
    from matnet.files import put
    from matnet.network import Ensemble
    from matnet.proof.exported import check_written

    net = load_model(options)
    if isinstance(net, Ensemble):
        raise UnsupportedError(f"{options['file']}: these are several networks; convert takes one, named by --network")
    place = Path(options["target"])
    chosen = Options(
        name=options["name"],
        inputs=options["inputs"],
        outputs=options["outputs"],
        jacobian=options["jacobian"],
        precision="float32" if options["float32"] else "float64",
        opset=options["opset"],
    )
    recording, content = rendered(net, place, chosen)
    found = check_written(net, recording, content, place.name)
    if not found.agrees and not found.missing:
        complain(f"{place}: not written: {_said(found)}")
        return FAILED
    put(place, content)
    click.echo(f"{printable(str(place))}: {_said(found)}")
    return WRITTEN


def _said(found: ExportCheck) -> str:
    if found.missing:
        return f"written; not run, as {found.missing} is not installed"
    if found.failure:
        return found.failure
    if found.runtime == "matnet":
        return "written; read back, it is the same to the last bit"
    told = {"dydx": "dy/dx", "next_states": "the next states"}
    sizes = [f"{difference:.2g} in {told.get(name, name)}" for name, difference in found.differences.items()]
    verdict = "" if found.agrees else f", where {found.tolerance:g} is allowed"
    ran = f"run by {found.runtime} at {found.points} points"
    return f"{'written; ' if found.agrees else ''}{ran}; largest difference, of the range: {', '.join(sizes)}{verdict}"
