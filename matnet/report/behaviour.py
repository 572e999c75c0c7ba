"""What the network does: over the data, along each input, against its targets, in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.network.markup import Html, element, table
from matnet.plots import (
    alpha_curves,
    contour,
    lags,
    parity,
    residuals,
    response,
    sensitivity,
    sensitivity_map,
    series,
)
from matnet.plots.figures import PANELS
from matnet.plots.fits import Sets
from matnet.plots.sensitivities import Shown, gather, interaction_map
from matnet.report.figure import pair, panel
from matnet.report.page import MOST_ROWS, Material, Section, wide_table
from matnet.sensitivity.interactions import InteractionAccumulator
from matnet.sensitivity.lags import lag_derivatives
from matnet.sensitivity.widths import Widths

_TOP, _ALONG = 10, 4
"""Inputs that a plot shows, and inputs along which an output is followed."""

_SCALED = (
    "Derivatives in units of the output per unit of the input; the scaled rms is multiplied by the width of the range "
    "of the input over that of the output, so that inputs compare."
)
_POINTS, _INTERACTION_ROWS, _INTERACTION_INPUTS, _STEPS = 500, 2000, 60, 1000


def behaviour(material: Material) -> Iterator[Section]:
    """The sections on data, sensitivities, responses, fit and series."""
    if material.x is not None:
        yield Section("data", "The data", _data(material, material.x))
    if material.net.dynamic:
        yield from _in_time(material)
        return
    shown = _samples(material)
    for i, output in enumerate(material.output_names[:PANELS]):
        parts = (shown.words, *_Output(material, shown.x, i).parts())
        yield Section(f"output-{i + 1}", f"What {output} follows", parts)
    left_out = material.net.output_size - PANELS
    if left_out > 0:
        text = f"The first {PANELS} of {material.net.output_size} outputs are shown above; matnet plot shows others."
        yield Section("more", "More outputs", (element("p", text),))
    if material.t is not None:
        yield Section("fit", "Fit", _fit(material, shown))


def _data(material: Material, x: FloatArray) -> tuple[Html, ...]:
    limits = material.net.input_range
    unknown = np.isnan(x)
    outside = (x < limits[:, 0]) | (x > limits[:, 1])
    words = [f"{len(x):,} rows of {material.table or 'the table'}."]
    if unknown.any():
        words.append(f"{np.count_nonzero(unknown.any(axis=1)):,} rows have NaN in an input.")
    if np.isfinite(limits).any():
        count = np.count_nonzero(outside.any(axis=1))
        words.append(f"{count:,} rows lie outside the range seen in training: there the network extrapolates.")
    constant = [
        name
        for name, column in zip(material.input_names, x.T, strict=True)
        if len(x) > 1 and np.isfinite(column).any() and np.nanmin(column) == np.nanmax(column)
    ]
    if constant:
        more = f" and {len(constant) - 12} more" if len(constant) > 12 else ""
        words.append(f"Constant in the data: {', '.join(constant[:12])}{more}.")
    return (element("p", " ".join(words)),)


@dataclass(frozen=True, eq=False)
class _Shown:
    """The samples that the plots show, and a sentence on which these are."""

    x: FloatArray
    t: FloatArray | None
    sets: Sets | None
    words: Html


def _samples(material: Material) -> _Shown:
    x = material.x
    if x is None or not len(x):
        points = points_in(input_box(material.net.structure), _POINTS)
        text = f"No samples were given: these are {_POINTS} points spread evenly over the range seen in training."
        return _Shown(points, None, None, element("p", text))
    if len(x) <= MOST_ROWS:
        return _Shown(x, material.t, material.sets, element("p", f"Over the {len(x):,} rows of the data."))
    step = -(-len(x) // MOST_ROWS)
    sets = None if material.sets is None else {name: flags[::step] for name, flags in material.sets.items()}
    text = f"Over one in {step} of the {len(x):,} rows of the data."
    return _Shown(x[::step], None if material.t is None else material.t[::step], sets, element("p", text))


class _Output:
    """The figures and the table of one output."""

    def __init__(self, material: Material, x: FloatArray, i: int) -> None:
        self.net, self.x, self.i = material.net, x, i
        self.names: dict[str, Any] = {"inputs": material.input_names, "outputs": material.output_names}

    def parts(self) -> Iterator[Html]:
        """In the order of the page."""
        try:
            found = gather(self.net, self.x, self.i + 1, "range", _TOP, **self.names)
        except ShapeError:
            constant = "This output is constant over the samples: there is no sensitivity to show."
            yield element("p", constant)
            return
        yield wide_table(_measures(found))
        yield element("p", _SCALED)
        if found.left_out:
            yield element("p", f"Shown: {found.left_out}.")
        figures = [*self._sensitivities(found), *self._interactions(), *self._responses(found)]
        yield element("div", *figures, class_="panels")

    def _sensitivities(self, found: Shown) -> Iterator[Html]:
        net, x, shared = self.net, self.x, {"of": self.i + 1, **self.names}
        yield panel(
            "The distribution of each derivative over the samples.",
            lambda ax: sensitivity(net, x, ax=ax, top=_TOP, numbers=False, **shared),
            1.3 + 0.33 * len(found.inputs),
        )
        if found.rows > 1:
            yield panel(
                "Linear or not: the higher a point, the more an effect depends on where in the data it is.",
                lambda ax: sensitivity_map(net, x, ax=ax, top=_TOP, **shared),
                3.8,
            )
        yield panel(
            "Alpha curves: a steep one belongs to an input with little effect in most of the data and much somewhere.",
            lambda ax: alpha_curves(net, x, ax=ax, **shared),
        )

    def _interactions(self) -> Iterator[Html]:
        size = self.net.input_size
        if not 2 <= size <= _INTERACTION_INPUTS:
            return
        x = self.x[:: -(-len(self.x) // _INTERACTION_ROWS)]
        accumulator, widths = InteractionAccumulator(self.net), Widths.of(self.net)
        accumulator.add(x)
        widths.add(self.x, np.asarray(self.net(self.x)))
        strength = accumulator.interactions().rms[self.i] * widths.scale[self.i][:, None] * widths.inputs[None, :]
        names, top = self.names, min(size, _TOP)
        yield panel(
            "How much the effect of one input depends on another, in shares of the ranges; on the diagonal curvature.",
            lambda ax: interaction_map(strength, names["inputs"], names["outputs"][self.i], top=_TOP, ax=ax),
            1.6 + 0.3 * top,
        )

    def _responses(self, found: Shown) -> Iterator[Html]:
        net, x, shared = self.net, self.x, {"of": self.i + 1, **self.names}
        for j in found.inputs[:_ALONG]:
            yield self._along(j)
        if len(found.inputs) > 1:
            first, second = (j + 1 for j in found.inputs[:2])
            yield panel(
                "Over the two strongest inputs, the others at their median; arrows point where the output rises.",
                lambda ax: contour(net, x, (first, second), ax=ax, **shared),
                3.7,
            )

    def _along(self, j: int) -> Html:
        caption = f"Along {self.names['inputs'][j]}: the output above, its derivative below."
        return pair(caption, lambda axes: response(self.net, self.x, wrt=j + 1, of=self.i + 1, axes=axes, **self.names))


def _measures(found: Shown) -> Html:
    head = ("input", "mean", "sd", "rms", "5 %", "median", "95 %", "positive", "scaled rms")
    real = found.real
    rows = [
        (
            name,
            *(_short(values[k]) for values in (real.mean, real.sd, real.rms)),
            *(_short(real.quantiles[place, k]) for place in (0, 2, 4)),
            "–" if np.isnan(real.positive[k]) else f"{real.positive[k]:.0%}",
            _short(found.found.rms[k]),
        )
        for k, name in enumerate(found.names)
    ]
    return table(head, rows, numbers=range(1, len(head)))


def _short(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"


def _fit(material: Material, shown: _Shown) -> tuple[Html, ...]:
    net, names = material.net, material.output_names
    figures = []
    for i in range(min(net.output_size, PANELS)):
        figures += _fit_of(net, shown, i, names)
    return (shown.words, element("div", *figures, class_="panels"))


def _fit_of(net: Network, shown: _Shown, i: int, names: tuple[str, ...]) -> list[Html]:
    shared: dict[str, Any] = {"of": i + 1, "sets": shown.sets, "outputs": names}
    return [
        panel(
            f"Outputs against targets of {names[i]}.",
            lambda ax: parity(net, shown.x, shown.t, ax=ax, **shared),
            4.2,
        ),
        panel(
            f"Residuals of {names[i]}.",
            lambda ax: residuals(net, shown.x, shown.t, ax=ax, **shared),
        ),
    ]


def _in_time(material: Material) -> Iterator[Section]:
    x = material.x
    if x is None or not len(x):
        text = "This network looks back in time: with a series of its inputs the page shows what it does."
        yield Section("series", "In time", (element("p", text),))
        return
    parts: list[Html] = []
    for i in range(min(material.net.output_size, PANELS)):
        parts += _time_figures(material, x, i)
    yield Section("series", "In time", (element("div", *parts, class_="panels"),))


def _time_figures(material: Material, x: FloatArray, i: int) -> Iterator[Html]:
    net, outputs = material.net, material.output_names
    part, targets = x[:_STEPS], None if material.t is None else material.t[:_STEPS]
    less = f", the first {_STEPS:,} steps" if len(x) > _STEPS else ""
    yield panel(
        f"{outputs[i]} over the series{less}; before it zeros.",
        lambda ax: series(
            net,
            part,
            targets,
            of=i + 1,
            outputs=outputs,
            ax=ax,
            input_states=np.zeros((net.structure.input_delay, net.input_size)),
        ),
    )
    try:
        lag_derivatives(net, part)
    except ShapeError:
        return
    yield panel(
        f"What a pulse of an input does to {outputs[i]} later.",
        lambda ax: lags(net, part, of=i + 1, inputs=material.input_names, outputs=outputs, ax=ax),
    )
