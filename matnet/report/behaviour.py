"""The network's behaviour: over the data, along each input, against its targets, in time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.network.markup import Html, element
from matnet.plots import confusion, contour, lags, parity, residuals, response, roc, series
from matnet.plots.classes import MOST_CLASSES
from matnet.plots.figures import PANELS
from matnet.plots.sensitivities import (
    MOST_CURVES,
    DerivativeSelection,
    draw_alpha_curves,
    draw_map,
    draw_sensitivity,
    interaction_map,
)
from matnet.report.card import step_words
from matnet.report.figure import pair, panel
from matnet.report.findings import TOP, Findings, ShownSamples
from matnet.report.material import Material
from matnet.report.section import Section, wide_table
from matnet.sensitivity.interactions import InteractionAccumulator, Interactions
from matnet.sensitivity.lags import lag_derivatives
from matnet.sensitivity.widths import Widths

_ALONG, _IN_FULL = 3, 3
"""Inputs for response figures, and the most outputs for which each gets all of its figures."""

_SCALED = (
    "Derivatives in units of the output per unit of the input; the scaled rms is multiplied by the range of the input "
    "over that of the output, so that inputs can be compared."
)
_INTERACTION_ROWS, _INTERACTION_INPUTS, _CONTOUR_ROWS, _STEPS = 500, 60, 2000, 1000


def behaviour(findings: Findings) -> Iterator[Section]:
    """The sections on data, sensitivities, responses, fit and series."""
    material = findings.material
    if material.x is not None:
        yield Section("data", "The data", _data(findings, material.x))
    if material.net.dynamic:
        yield from _in_time(material)
        return
    shown = findings.samples
    if shown is None:
        text = "The ranges of the inputs are not known: give a table of samples to see sensitivities."
        yield Section("sensitivities", "Sensitivities", (element("p", text),))
        return
    interactions = _Interactions(findings, shown.x)
    for i, output in enumerate(material.output_names[:PANELS]):
        parts = (element("p", shown.words), *_Output(findings, shown.x, i, interactions).parts())
        yield Section(f"output-{i + 1}", f"Sensitivity of {output}", parts)
    left_out = material.net.output_size - PANELS
    if left_out > 0:
        text = (
            f"The first {PANELS} of {material.net.output_size} outputs are shown above; matnet plot --of shows others."
        )
        yield Section("more", "More outputs", (element("p", text),))
    if findings.fits:
        yield Section("fit", "Fit", _fit(findings, shown))


def _data(findings: Findings, x: FloatArray) -> tuple[Html, ...]:
    material = findings.material
    unknown = np.isnan(x)
    words = [f"{counted(len(x), 'row')} of {material.table or 'the table'}."]
    if unknown.any():
        rows = int(np.count_nonzero(unknown.any(axis=1)))
        words.append(f"{counted(rows, 'row')} {'has' if rows == 1 else 'have'} NaN in an input.")
    words.append(findings.outside)
    constant = [
        name
        for name, column in zip(material.input_names, x.T, strict=True)
        if len(x) > 1 and np.isfinite(column).any() and np.nanmin(column) == np.nanmax(column)
    ]
    if constant:
        more = f" and {len(constant) - 12} more" if len(constant) > 12 else ""
        words.append(f"Constant in the data: {', '.join(constant[:12])}{more}.")
    return (element("p", " ".join(filter(None, words))),)


class _Interactions:
    """The second derivatives of all outputs over part of the samples, computed on first use."""

    def __init__(self, findings: Findings, x: FloatArray) -> None:
        self._net, self._x = findings.net, x

    @property
    def shown(self) -> bool:
        """Whether there are pairs of inputs, but not too many."""
        return 2 <= self._net.input_size <= _INTERACTION_INPUTS

    @cached_property
    def widths(self) -> Widths:
        """The ranges by which derivatives are scaled."""
        widths = Widths.of(self._net)
        widths.add(self._x, np.asarray(self._net(self._x)))
        return widths

    @cached_property
    def found(self) -> Interactions:
        """Mean and rms over the part."""
        accumulator = InteractionAccumulator(self._net)
        accumulator.add(self._x[:: -(-len(self._x) // _INTERACTION_ROWS)])
        return accumulator.interactions()

    def strength(self, i: int) -> FloatArray:
        """(R, R) of output i, in shares of the ranges."""
        scale = self.widths.scale[i][:, None] * self.widths.inputs[None, :]
        return np.asarray(self.found.rms[i] * scale)


class _Output:
    """The figures and the table of one output."""

    def __init__(self, findings: Findings, x: FloatArray, i: int, interactions: _Interactions) -> None:
        self._findings, self._x, self._i, self._interactions = findings, x, i, interactions
        self._net, self._names = findings.net, findings.material.names
        self._brief = findings.net.output_size > _IN_FULL

    def parts(self) -> Iterator[Html]:
        """In the order of the page."""
        shown = self._findings.sensitivities[self._i] if self._findings.sensitivities else None
        if shown is None:
            steps = self._findings.steps
            constant = "This output is constant over the samples: there are no sensitivities to show."
            yield element("p", step_words(self._findings) if steps else constant)
            return
        yield wide_table(_HEAD, _measures(shown), range(1, len(_HEAD)), "Measures of the derivatives")
        yield element("p", _SCALED)
        if shown.left_out:
            yield element("p", f"Shown: {shown.left_out}.")
        figures = [*self._sensitivities(shown), *self._responses(shown)]
        if not self._brief:
            figures += self._pairs()
        yield element("div", *figures, class_="panels")

    def _sensitivities(self, shown: DerivativeSelection) -> Iterator[Html]:
        yield panel(
            "The distribution of each derivative over the samples.",
            lambda ax: draw_sensitivity(shown, ax, numbers=False),
            1.5 + 0.33 * len(shown.inputs),
        )
        if self._brief:
            return
        if shown.rows > 1:
            yield panel(
                "Mean and standard deviation: the higher a point, the more the effect varies over the data.",
                lambda ax: draw_map(shown, ax),
                3.8,
            )
        yield panel(
            "Alpha curves: a steep one means little effect in most of the data and a large one somewhere.",
            lambda ax: draw_alpha_curves(shown.first(MOST_CURVES), ax),
            3.8,
        )

    def _pairs(self) -> Iterator[Html]:
        if not self._interactions.shown:
            return
        output = self._names["outputs"][self._i]
        strength, top = self._interactions.strength(self._i), min(self._net.input_size, TOP)
        yield panel(
            "How much the effect of one input depends on another, in shares of the ranges; diagonal: curvature.",
            lambda ax: interaction_map(strength, self._names["inputs"], output, top=TOP, ax=ax),
            1.6 + 0.3 * top,
        )

    def _responses(self, shown: DerivativeSelection) -> Iterator[Html]:
        net = self._net
        shared: dict[str, Any] = {"of": self._i + 1, **self._names}
        for place, j in enumerate(shown.inputs[: 1 if self._brief else _ALONG]):
            yield self._along(j, place == 0)
        if len(shown.inputs) > 1 and not self._brief:
            first, second = (j + 1 for j in shown.inputs[:2])
            x = self._x[:: -(-len(self._x) // _CONTOUR_ROWS)]
            yield panel(
                "Over the two strongest inputs, the others at their median; arrows point where the output rises.",
                lambda ax: contour(net, x, (first, second), ax=ax, **shared),
                3.7,
            )

    def _along(self, j: int, legend: bool) -> Html:
        caption = f"Along {self._names['inputs'][j]}: the output above, its derivative below."

        def draw(axes: Any) -> object:
            of = self._i + 1
            return response(self._net, self._x, wrt=j + 1, of=of, axes=axes, legend=legend, **self._names)

        return pair(caption, draw)


_HEAD = ("input", "mean", "sd", "rms", "5 %", "median", "95 %", "positive", "scaled rms")


def _measures(shown: DerivativeSelection) -> Iterator[tuple[str, ...]]:
    real = shown.real
    for k, name in enumerate(shown.names):
        yield (
            name,
            *(_short(values[k]) for values in (real.mean, real.sd, real.rms)),
            *(_short(real.quantiles[place, k]) for place in (0, 2, 4)),
            "–" if np.isnan(real.positive[k]) else f"{real.positive[k]:.0%}",
            _short(shown.found.rms[k]),
        )


def _short(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"


def _fit(findings: Findings, shown: ShownSamples) -> tuple[Html, ...]:
    rows = [
        (name, fit.name, f"{len(fit.t):,}", _short(fit.r2), _short(fit.rmse), _short(float(np.mean(fit.t - fit.y))))
        for name, fits, _ in findings.fits
        for fit in fits
    ]
    head = ("output", "set", "samples", "R²", "RMSE", "mean error")
    made = wide_table(head, rows, range(2, 6), f"The fit of {counted(len(findings.fits), 'output')} by set")
    figures = list(_class_figures(findings, shown) if findings.classifies else _fit_figures(findings, shown))
    return (made, element("p", shown.words), element("div", *figures, class_="panels"))


def _class_figures(findings: Findings, shown: ShownSamples) -> Iterator[Html]:
    net, outputs = findings.net, findings.material.output_names
    if max(net.output_size, 2) <= MOST_CLASSES:
        yield panel(
            "The confusion matrix: output classes in rows, target classes in columns.",
            lambda ax: confusion(net, shown.x, shown.t, outputs=outputs, ax=ax),
            min(4.7, 1.8 + 0.4 * max(net.output_size, 2)),
        )
    yield panel(
        "True against false positives over all thresholds, a curve for each class.",
        lambda ax: roc(net, shown.x, shown.t, outputs=outputs, ax=ax),
        4.6,
    )


def _fit_figures(findings: Findings, shown: ShownSamples) -> Iterator[Html]:
    net, names = findings.net, findings.material.output_names
    for i in range(min(net.output_size, PANELS)):
        shared: dict[str, Any] = {"of": i + 1, "sets": shown.sets, "outputs": names}
        if names[i] not in {name for name, _, _ in findings.fits}:
            continue
        yield panel(
            f"Outputs against targets of {names[i]}.",
            lambda ax, shared=shared: parity(net, shown.x, shown.t, ax=ax, **shared),  # type: ignore[misc]
            4.6,
        )
        yield panel(
            f"Residuals of {names[i]}.",
            lambda ax, shared=shared: residuals(net, shown.x, shown.t, ax=ax, **shared),  # type: ignore[misc]
            3.6,
        )


def _in_time(material: Material) -> Iterator[Section]:
    x = material.x
    if x is None or len(x) <= material.net.structure.input_delay:
        text = "This network is dynamic: with a series of its inputs, longer than its delays, the page shows more."
        yield Section("series", "In time", (element("p", text),))
        return
    parts: list[Html] = []
    for i in range(min(material.net.output_size, PANELS)):
        parts += _time_figures(material, x, i)
    yield Section("series", "In time", (element("div", *parts, class_="panels"),))


def _time_figures(material: Material, x: FloatArray, i: int) -> Iterator[Html]:
    net, outputs = material.net, material.output_names
    count = len(x) if net.structure.looks_ahead else _STEPS
    part, targets = x[:count], None if material.t is None else material.t[:count]
    less = f", the first {count:,} steps" if len(x) > count else ""
    own = "the network's own" if net.structure.starts_elsewhere else "zero"
    from_zeros = "" if material.states else f", starting from {own} states"
    yield panel(
        f"{outputs[i]} over the series{less}{from_zeros}.",
        lambda ax: series(
            net,
            part,
            targets,
            of=i + 1,
            outputs=outputs,
            ax=ax,
            first_step=material.first_step,
            **material.states,
        ),
    )
    try:
        lag_derivatives(net, part, **material.states)
    except ShapeError:
        return
    affected = "earlier and later" if net.structure.looks_ahead else "later"
    yield panel(
        f"Impulse response of {outputs[i]}: the effect of a pulse of an input on {affected} outputs.",
        lambda ax: lags(net, part, of=i + 1, inputs=material.input_names, outputs=outputs, ax=ax, **material.states),
    )
