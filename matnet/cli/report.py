"""The command `report`: a network on one page."""

from __future__ import annotations

import sys
import time
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from matnet.cli.models import load_network
from matnet.cli.options import (
    file_argument,
    file_reading,
    inputs_option,
    keep_out_option,
    loading_options,
    model_options,
    network_option,
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

if TYPE_CHECKING:
    from matnet.importers.stored import StoredValues
    from matnet.report import Material

FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".pdf": "pdf"}


@click.command("report", short_help="One page: a summary, proof, sensitivities, plots.")
@file_argument
@optional_table_argument
@click.option(
    "-o", "--out", required=True, metavar="OUT", help="Where the page goes: .html, .md or .pdf; - is standard output."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "pdf"]),
    help="The format, where the suffix of OUT does not say it. md: pictures go into the folder OUT_files. pdf: printed "
    "by Chromium or Chrome.",
)
@network_option
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

    Needs the extra `plots`: pip install 'matnet[plots]'.
    """
    from matnet.report import page

    form = _format(options)
    check_place(options["out"], options)
    start = time.monotonic()
    material = _material(options)
    try:
        text = page(material, _show_progress if on_terminal() else None, moving=form == "html")
    finally:
        if on_terminal():
            sys.stderr.write("\r\x1b[K")
    size = _write(options["out"], form, text)
    if options["out"] != "-":
        note(f"{options['out']}: written, {size / 1000:,.0f} kB in {time.monotonic() - start:.1f} s")


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


def _write(out: str, form: str, text: str) -> int:
    """The number of bytes written."""
    if form == "pdf":
        from matnet.report.pdf import pdf

        content = pdf(text)
    elif form == "md":
        content = _markdown(out, text)
    else:
        content = text.encode()
    with opened_result(out) as target:
        target.write(content)
    return len(content)


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


def _material(options: dict[str, Any]) -> Material:
    from matnet.report import Material

    net = load_network(options)
    fields = described(net, options)
    record = training_record(options)
    t = fields["t"]
    return Material(
        net,
        **fields,
        stored=_stored(options["file"]),
        record=record,
        sets=None if t is None else sets(record, len(t)),
    )


def _stored(file: str) -> StoredValues | None:
    from matnet.importers.stored import StoredValues

    return None if PurePath(file).suffix.lower() in (".m", ".json") else StoredValues(file, **file_reading())
