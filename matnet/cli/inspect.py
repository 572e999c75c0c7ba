"""The command `inspect`: what is in a file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import expanded_files, report_failure
from matnet.cli.options import loading, loading_options, network_option
from matnet.errors import MatnetError, printable

if TYPE_CHECKING:
    from matnet.network import Network

BAD_INPUT = 2


@click.command("inspect", short_help="What is in a file: networks, their layers, ranges and origin.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@network_option
@loading_options
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(files: tuple[str, ...], network: str | None, as_json: bool) -> int:
    """Show every network in the files: layers, functions, delays, inputs and outputs with their ranges, and origin.

    FILE may be a folder or a pattern such as 'runs/*.mat'. A network that cannot be used is reported on standard error,
    and the others in its file are shown. A file that cannot be read, or in which no network can be used, is reported
    too; the other files are shown, and the exit status is 2.
    """
    from matnet.cli.description import describe

    descriptions: list[dict[str, Any]] = []
    unusable: list[dict[str, str]] = []
    broken: list[dict[str, str]] = []
    for file, alone in expanded_files(files, broken):
        try:
            descriptions += [describe(net, file) for net in _networks(file, network, alone, unusable)]
        except MatnetError as error:
            report_failure(file, error, broken)
    _show_json(descriptions, [*broken, *unusable]) if as_json else _show_text(descriptions)
    return BAD_INPUT if broken else 0


def _networks(file: str, network: str | None, alone: bool, unusable: list[dict[str, str]]) -> list[Network]:
    """The networks of a file; a file from a folder or pattern may have none."""
    import matnet
    from matnet.errors import NoNetworkError

    if network is not None:
        return [matnet.load(file, network=network, **loading())]
    try:
        leave_out = partial(report_failure, file, failures=unusable)
        return list(matnet.load_all(file, **loading(), on_error=leave_out).values())
    except NoNetworkError:
        if alone:
            raise
        return []


def _show_json(descriptions: list[dict[str, Any]], failures: list[dict[str, str]]) -> None:
    import json

    click.echo(json.dumps({"networks": descriptions, "failures": failures}, indent=2, allow_nan=False))


def _show_text(descriptions: list[dict[str, Any]]) -> None:
    from matnet.cli.description import text

    for number, described in enumerate(descriptions):
        if number:
            click.echo()
        for line in text(described):
            click.echo(printable(line))
