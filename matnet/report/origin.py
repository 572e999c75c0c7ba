"""What the network is and where it came from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matnet.model.ranges import Extent
from matnet.network.markup import Html, element
from matnet.network.overview import HEAD, rows_of
from matnet.plots import training
from matnet.plots.diagram import layout, network
from matnet.plots.style import figure
from matnet.report.figure import by_width, panel
from matnet.report.material import Material
from matnet.report.section import Section, wide_table

LISTED, NARROW = 40, 2
"""The most elements of inputs and outputs whose ranges are listed, and the columns of the diagram on a telephone."""

_ORIGINS = {"training": "training", "scaling": "scaling", "centres": "centres", "unknown": "–"}


def origin(material: Material) -> Iterator[Section]:
    """The sections on structure, origin and training."""
    yield Section("network", "The network", _structure(material))
    yield Section("origin", "Where it came from", (_provenance(material), *_remarks(material)))
    training = _training(material)
    if training:
        yield Section("training", "Training", training)


def _structure(material: Material) -> tuple[Html, ...]:
    net = material.net
    wide, narrow = (figure(*layout(net.structure, columns).size) for columns in (4, NARROW))
    network(net, ax=wide.add_subplot())
    network(net, ax=narrow.add_subplot(), columns=NARROW)
    ranges = [
        *_ranges("input", material.input_names, net.input_extent),
        *_ranges("output", material.output_names, net.output_extent),
    ]
    more = net.input_size + net.output_size - len(ranges)
    rest = (element("p", f"And {more} more elements."),) if more else ()
    head = ("", "name", "smallest", "largest", "known from")
    return (
        by_width(wide, narrow, "Inputs, layers and outputs; dashed arrows go back in time."),
        wide_table(HEAD, rows_of(net.structure), (2,)),
        element("h3", "Ranges"),
        wide_table(head, ranges, (2, 3), f"Ranges of {len(ranges)} inputs and outputs"),
        *rest,
    )


def _ranges(what: str, names: tuple[str, ...], extent: Extent) -> list[tuple[str, ...]]:
    entries = zip(names[:LISTED], extent.limits[:LISTED].tolist(), extent.origin, strict=False)
    return [
        (f"{what} element {place}", name, _number(low), _number(high), _ORIGINS[origin])
        for place, (name, (low, high), origin) in enumerate(entries, 1)
    ]


def _number(value: float) -> str:
    return f"{value:.7g}" if np.isfinite(value) else "unknown"


def _provenance(material: Material) -> Html:
    provenance = material.net.provenance
    rows = [
        ("file", provenance.file),
        ("variable", provenance.path),
        ("stored as", provenance.stored_as),
        ("toolbox version", provenance.toolbox_version),
        ("header", provenance.header),
        ("SHA-256 of the file", provenance.sha256),
    ]
    known = [(name, element("code", value) if name.startswith("SHA") else value) for name, value in rows if value]
    if not known:
        return element("p", "It was not read from a file.")
    return wide_table(("", ""), known)


def _remarks(material: Material) -> Iterator[Html]:
    provenance = material.net.provenance
    if provenance.oddities:
        yield element("h3", "Remarks on reading it")
        yield element("ul", *(element("li", remark) for remark in provenance.oddities))
    if provenance.scaling_candidates:
        yield element("h3", "Scaling that may have been kept outside the network")
        yield wide_table(("variable", "looks like"), provenance.scaling_candidates.items())


def _training(material: Material) -> tuple[Html, ...]:
    told = material.net.provenance.training
    parts: list[Html] = []
    if told is not None:
        best = zip(("training", "validation", "test"), told.best_performance, strict=True)
        rows = [
            ("training function", told.function),
            ("division of the data", told.division),
            ("epochs", told.epochs),
            ("epoch whose weights were kept", told.best_epoch),
            *((f"performance, {name} set", f"{value:.6g}") for name, value in best if value is not None),
        ]
        parts.append(wide_table(("", ""), [row for row in rows if row[1] not in ("", None, "nan")]))
    record = material.record
    if record is not None and record.curves:
        caption = f"The performance by epoch, from the training record {record.path}."
        parts.append(element("div", panel(caption, lambda ax: training(record, ax=ax), 3.6), class_="panels"))
    return tuple(parts)
