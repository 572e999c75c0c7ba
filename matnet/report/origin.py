"""What the network is and where it came from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.network.markup import Html, element, table
from matnet.network.overview import overview
from matnet.plots import training
from matnet.plots.diagram import network, size
from matnet.plots.style import figure
from matnet.report.figure import panel, shown
from matnet.report.page import Material, Section, wide_table

LISTED = 40
"""Elements of inputs and outputs whose ranges are listed."""


def origin(material: Material) -> Iterator[Section]:
    """The sections on structure, origin and training."""
    yield Section("network", "The network", _structure(material))
    yield Section("origin", "Where it came from", (_provenance(material), *_remarks(material)))
    found = _training(material)
    if found:
        yield Section("training", "Training", found)


def _structure(material: Material) -> tuple[Html, ...]:
    net = material.net
    made = figure(*size(net))
    network(net, ax=made.add_subplot())
    ranges = [
        *_ranges("input", material.input_names, net.input_range),
        *_ranges("output", material.output_names, net.output_range),
    ]
    more = net.input_size + net.output_size - len(ranges)
    rest = (element("p", f"And {more} more elements."),) if more else ()
    return (
        shown(made, "Inputs, layers and outputs; dashed arrows go back in time.", "wide"),
        wide_table(overview(net.structure)),
        element("h3", "Ranges seen in training"),
        wide_table(table(("", "name", "smallest", "largest"), ranges, numbers=(2, 3))),
        *rest,
    )


def _ranges(what: str, names: tuple[str, ...], limits: FloatArray) -> list[tuple[str, str, str, str]]:
    pairs = zip(names[:LISTED], limits[:LISTED].tolist(), strict=True)
    return [
        (f"{what} {place}", name, _number(low), _number(high)) for place, (name, (low, high)) in enumerate(pairs, 1)
    ]


def _number(value: float | None) -> str:
    return "unknown" if value is None or np.isnan(value) else f"{value:.7g}"


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
    return wide_table(table(("", ""), known))


def _remarks(material: Material) -> Iterator[Html]:
    provenance = material.net.provenance
    if provenance.oddities:
        yield element("h3", "Remarks on reading it")
        yield element("ul", *(element("li", remark) for remark in provenance.oddities))
    if provenance.scaling_candidates:
        yield element("h3", "Scaling that may have been kept outside the network")
        yield wide_table(table(("variable", "looks like"), provenance.scaling_candidates.items()))


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
        parts.append(wide_table(table(("", ""), [row for row in rows if row[1] not in ("", None, "nan")])))
    history = material.history
    if history is not None and history.curves:
        caption = f"The performance by epoch, from the training record {history.path}."
        parts.append(element("div", panel(caption, lambda ax: training(history, ax=ax)), class_="panels"))
    return tuple(parts)
