"""The command `report`: a network on one page."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import ensemble, file_names, load_members, member_places, named_alike
from matnet.cli.options import (
    file_argument,
    file_reading,
    inputs_option,
    keep_out_option,
    loading_options,
    model_options,
    networks_each_option,
    no_clobber_option,
    optional_table_argument,
    outputs_option,
    states_option,
    table_options,
    targets_option,
)
from matnet.cli.results import check_place, opened_result
from matnet.cli.speech import note, on_terminal
from matnet.cli.targets import described, record_option, sets, training_record
from matnet.errors import TableError
from matnet.files import is_several

if TYPE_CHECKING:
    from matnet.importers.stored import StoredValues
    from matnet.importers.training_record import TrainingRecord
    from matnet.network import Network
    from matnet.report import Material

FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".pdf": "pdf"}


@click.command("report", short_help="One page: a summary, proof, sensitivities, plots.")
@file_argument
@optional_table_argument
@click.option(
    "-o",
    "--out",
    required=True,
    metavar="OUT",
    help="Where the page goes: .html, .md or .pdf; - is standard output. For several networks a folder.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "pdf"]),
    help="The format, where the suffix of OUT does not say it. md: pictures go into the folder OUT_files. pdf: printed "
    "by Chromium or Chrome.",
)
@networks_each_option
@loading_options
@no_clobber_option
@model_options
@inputs_option
@outputs_option
@keep_out_option
@targets_option
@states_option
@record_option
@table_options
def command(**options: Any) -> None:
    """Write a self-contained report on the network in FILE: one page that needs no network access.

    It begins with a summary. Then come sliders that move the inputs, as in explore; structure and origin; MATLAB's
    stored answers against ours (as in verify); the derivatives against numerical ones; the sensitivities over the
    samples of TABLE, or without TABLE over the ranges that the file knows; with --targets the fit, by training,
    validation and test set where there is a training record.

    Of several networks, OUT is a folder, which is made if it is not there: each network has its page in it, and index
    has the mean and the spread of their outputs and derivatives. {name} in OUT stands for the name of each page, as in
    pages/{name}.pdf.

    Needs the extra `plots`: pip install 'matnet[plots]'.
    """
    folder = not PurePath(options["out"]).suffix and options["out"] != "-"
    form = (options["form"] or "html") if folder else _format(options)
    members = load_members(options)
    if isinstance(members, dict):
        _write_several(named_alike(members, ensemble(members, options)), options, form, folder)
        return
    form = _format(options)
    check_place(options["out"], options)
    _write_page(_material(members, options), options["out"], form)


def _write_page(material: Material, out: str, form: str) -> None:
    from matnet.report import page

    start = time.monotonic()
    try:
        text = page(material, _show_progress if on_terminal() else None, moving=form == "html")
    finally:
        if on_terminal():
            sys.stderr.write("\r\x1b[K")
    _write(out, form, text, start)


def _write_several(networks: dict[str, Network], options: dict[str, Any], form: str, folder: bool) -> None:
    """A page for each network, and one for all of them."""
    from matnet.report import Member, overview

    template = str(PurePath(options["out"]) / f"{{name}}.{form}") if folder else options["out"]
    if "{name}" not in template:
        raise TableError(
            "these are several networks: name a folder, or write {name} in OUT for the name of each page, or name one "
            "of them with --network",
            place=template,
        )
    if options["table"] == "-" and any(net.dynamic for net in networks.values()):
        raise TableError("standard input can be read only once, but there are several networks; name a table")
    index, *places = member_places(template, file_names(["index", *networks]), options)
    members = []
    for name, place, material in zip(networks, places, _materials(networks, options), strict=True):
        _write_page(material, place, form)
        members.append(Member(name, PurePath(place).name, material))
    start = time.monotonic()
    _write(index, form, overview(members), start)


def _materials(networks: dict[str, Network], options: dict[str, Any]) -> Iterator[Material]:
    """What the page of each network is made from; of a file with several, nothing says whose its training record is."""
    from dataclasses import replace

    from matnet.explore import Address

    static: dict[str, Any] | None = None
    places = [_place(name, options) for name in networks]
    for net, (file, path) in zip(networks.values(), places, strict=True):
        fields = described(net, options) if net.dynamic or static is None else static
        static = None if net.dynamic else fields
        elsewhere = fields["address"] is None
        address = None if elsewhere else Address(PurePath(file).name, path)
        alone = sum(other == file for other, _ in places) == 1
        record = training_record({**options, "file": file}) if alone or options["record"] else None
        yield replace(_made(net, fields, file, record), address=address)


def _place(name: str, options: dict[str, Any]) -> tuple[str, str | None]:
    """The file of one of several networks, and its path within it."""
    from matnet.importers.load import files

    if not is_several(options["file"]):
        return options["file"], name
    own, path = max(
        ((own, path) for own, path in files(options["file"]) if name == own or name.startswith(f"{own}:")),
        key=lambda entry: len(entry[0]),
    )
    return str(path), name[len(own) + 1 :] or None


def _format(options: dict[str, Any]) -> str:
    out, form = options["out"], options["form"]
    known: str | None = FORMATS.get(PurePath(out).suffix.lower())
    if out != "-" and known is None:
        raise TableError("a report is written to a file ending in .html, .md or .pdf", place=out)
    if out != "-" and form is not None and form != known:
        raise TableError(f"--format {form} does not fit {out}; name a file ending in .{form}")
    return form or known or "html"


def _show_progress(title: str) -> None:
    sys.stderr.write(f"\r{title}\x1b[K")
    sys.stderr.flush()


def _write(out: str, form: str, text: str, start: float) -> None:
    """Write a page in its format, and say so."""
    if form == "pdf":
        from matnet.report.pdf import pdf

        content = pdf(text)
    elif form == "md":
        content = _markdown(out, text)
    else:
        content = text.encode()
    with opened_result(out) as target:
        target.write(content)
    if out != "-":
        note(f"{out}: written, {len(content) / 1000:,.0f} kB in {time.monotonic() - start:.1f} s")


def _markdown(out: str, text: str) -> bytes:
    """The Markdown, with its pictures written beside it."""
    from pathlib import Path

    from matnet.files import put
    from matnet.report.markdown import markdown

    if out == "-":
        raise TableError("--format md writes pictures beside the text: name a file, not -")
    folder = Path(out).with_name(f"{PurePath(out).stem}_files")
    made = markdown(text, folder.name)
    folder.mkdir(exist_ok=True)
    for name, png in made.pictures.items():
        put(folder / name, png)
    return made.text.encode()


def _material(net: Network, options: dict[str, Any]) -> Material:
    return _made(net, described(net, options), options["file"], training_record(options))


def _made(net: Network, fields: dict[str, Any], file: str, record: TrainingRecord | None) -> Material:
    from matnet.report import Material

    t = fields["t"]
    return Material(
        net, **fields, stored=_stored(file), record=record, sets=None if t is None else sets(record, len(t))
    )


def _stored(file: str) -> StoredValues | None:
    from matnet.importers.load import may_be_mat
    from matnet.importers.stored import StoredValues

    return StoredValues(file, **file_reading()) if may_be_mat(file) else None
