"""The command `diff`: compare two networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from matnet.cli.options import json_option, loading, loading_options
from matnet.cli.speech import and_more, json_text
from matnet.errors import counted, printable

if TYPE_CHECKING:
    from matnet.network import Network
    from matnet.proof.diff import Comparison, FactDifference, NumberDifference

DIFFERENT = 1
_MOST_LINES = 40


@click.command("diff", short_help="Compare two networks: structure, every number, outputs.")
@click.argument("first", metavar="FILE1")
@click.argument("second", metavar="FILE2")
@click.option("--all", "everything", is_flag=True, help=f"Every difference, not only the first {_MOST_LINES} lines.")
@json_option
@loading_options
def command(first: str, second: str, everything: bool, as_json: bool) -> int:
    """Compare two networks: a .mat against a .m against a .json, in any order.

    FILE.mat:nets{3} selects a network if a file holds several. The result lists differences in structure; every weight
    and setting that differs, with the largest difference and how many floats lie between; and the largest difference of
    the outputs over the input range.

    Exit status: 0 if everything that affects the outputs is equal, or differs only because genFunction writes settings
    with 15 digits; 1 if the networks are different.
    """
    from matnet.proof.diff import compare

    nets = [_load(name) for name in (first, second)]
    comparison = compare(nets[0], nets[1])
    status = DIFFERENT if comparison.verdict == "different" else 0
    if as_json:
        click.echo(json_text({"files": [first, second], **asdict(comparison)}))
        return status
    for line in _report((first, second), nets, comparison, None if everything else _MOST_LINES):
        click.echo(printable(line))
    return status


def _load(name: str) -> Network:
    import matnet
    from matnet.tables.formats import mat_address

    address = mat_address(name)
    return (
        matnet.load(name, **loading()) if address is None else matnet.load(address[0], network=address[1], **loading())
    )


def _report(names: Sequence[str], nets: Sequence[Network], comparison: Comparison, most: int | None) -> Iterator[str]:
    for mark, name, net in zip("12", names, nets, strict=True):
        stored = net.provenance.stored_as
        yield f"{mark}  {name}{f'  ({stored})' if stored else ''}"
    yield from _listed("structure", [_fact(entry) for entry in comparison.facts], most)
    yield from _listed("numbers", [_number(entry) for entry in comparison.numbers], most)
    yield from _listed("no effect", [_fact(entry) for entry in comparison.remarks], most)
    yield ""
    yield f"{comparison.compared} matrices compared, {len(comparison.numbers)} with differences"
    yield _outputs(comparison)
    yield _verdict(comparison)


def _listed(title: str, lines: Sequence[str], most: int | None) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield f"{title}:"
    yield from (f"  {line}" for line in lines[:most])
    if most is not None and len(lines) > most:
        yield f"  {and_more(len(lines) - most)}"


def _fact(entry: FactDifference) -> str:
    return f"{entry.place}: {_shortened(entry.first)} | {_shortened(entry.second)}"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _number(entry: NumberDifference) -> str:
    index = ",".join(map(str, entry.index))
    cause = "; the 15 digits of a genFunction file" if entry.rounded else ""
    ulps = f"{entry.ulps:.4g} ulps" if entry.ulps > 9999 else counted(entry.ulps, "ulp")
    return (
        f"{entry.place}: {entry.differing} of {entry.of} differ, most by {entry.largest:.3g} at ({index}): "
        f"{entry.first!r} | {entry.second!r}, up to {ulps}{cause}"
    )


def _outputs(comparison: Comparison) -> str:
    difference = comparison.outputs
    if difference is None:
        return "outputs: not comparable, the two differ in their inputs, outputs or delays"
    where = (
        f"a series of {counted(difference.points, 'step')}"
        if difference.series
        else f"{counted(difference.points, 'point')} of the input range"
    )
    if not difference.largest:
        return f"outputs: no difference over {where}"
    return (
        f"outputs: largest difference {difference.largest:.3g}, {difference.relative:.3g} of the range, in "
        f"y{difference.output} over {where}"
    )


def _verdict(comparison: Comparison) -> str:
    if comparison.verdict == "equal to 15 digits":
        return (
            "equal to 15 digits: genFunction wrote the settings of the processing with 15 digits, which accounts for "
            "every difference"
        )
    return comparison.verdict
