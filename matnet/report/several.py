"""The page of several networks: each with a link to its own, and their mean and spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Ensemble
from matnet.network.markup import Html, element
from matnet.network.overview import sentence
from matnet.plots import response
from matnet.plots.figures import PANELS
from matnet.plots.fits import FitData, compared
from matnet.plots.sensitivities import draw_sensitivity, gather
from matnet.report.figure import pair, panel
from matnet.report.findings import TOP, Findings
from matnet.report.material import Material
from matnet.report.page import document
from matnet.report.section import Section, wide_table
from matnet.sensitivity.widths import Widths

_MOST_ROWS = 2000
"""Samples at which the derivatives of all networks are compared."""

_ALONG, _MOST_INPUTS = 3, 40


@dataclass(frozen=True, eq=False)
class Member:
    """A network of several: what it is called, the file of its own page, and what that is made from."""

    name: str
    page: str
    material: Material


def overview(members: Sequence[Member]) -> str:
    """The page as HTML text; see ``page``.

    Mean and spread are those of the outputs, and of the derivatives, over the samples of the first member's page: the
    table's, or points over the known ranges. Dynamic networks are only listed.

    Raises
    ------
    ShapeError
        The networks have different inputs or outputs.
    MissingExtraError
        matplotlib is not installed.
    """
    sections = [Section("networks", "The networks", (_listed(members),))]
    first = members[0].material
    if not any(member.material.net.dynamic for member in members):
        compared = _Compared(members)
        sections += compared.sections()
    sources = "the files and the table" if first.x is not None else "the files"
    return document(f"{counted(len(members), 'network')}", sections, sources)


def _listed(members: Sequence[Member]) -> Html:
    head = ["network", "what it is", "weights and biases"]
    errors = [_errors(member.material) for member in members]
    outputs = members[0].material.output_names[: PANELS if any(errors) else 0]
    head += [f"RMSE of {name}" for name in outputs]
    rows = [
        (
            element("a", member.name, href=member.page),
            sentence(member.material.net.structure),
            f"{sum(map(int, member.material.net.program.parameter_sizes)):,}",
            *(own.get(name, "–") for name in outputs),
        )
        for member, own in zip(members, errors, strict=True)
    ]
    return element("div", wide_table(head, rows, range(2, len(head)), f"{len(rows)} networks"))


def _errors(material: Material) -> dict[str, str]:
    """The root mean squared error of each output, by its name."""
    return {name: f"{found[-1].rmse:.4g}" for name, found, _ in Findings(material).fits[:PANELS]}


class _Compared:
    """The mean and spread of static networks over the same samples."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._first = members[0].material
        self._mean = Ensemble([member.material.net for member in members])
        samples = Findings(self._first).samples
        self._words = "" if samples is None else samples.words
        self._x = None if samples is None else samples.x
        self._step = 0 if samples is None else samples.step

    def sections(self) -> Iterator[Section]:
        """Of the outputs, and of the derivatives of each output."""
        if self._x is None:
            text = "The ranges of the inputs are not known: give a table of samples to see mean and spread."
            yield Section("mean", "Mean and spread", (element("p", text),))
            return
        yield Section("mean", "Mean and spread of the outputs", (element("p", self._words), *self._outputs(self._x)))
        if not self._mean.input_size:
            return
        for i, name in enumerate(self._first.output_names[:PANELS]):
            yield Section(f"output-{i + 1}", f"Derivatives of {name}", tuple(self._slopes(self._x, i)))

    def _outputs(self, x: FloatArray) -> Iterator[Html]:
        mean, spread = np.asarray(self._mean(x)), self._mean.std(x)
        head = ["output", "mean", "spread", "largest spread", *(["in row"] if self._step else [])]
        rows = []
        for i, name in enumerate(self._first.output_names):
            known = np.flatnonzero(np.isfinite(spread[:, i]))
            worst = known[np.argmax(spread[known, i])] if len(known) else None
            at = "–" if worst is None else f"{worst * self._step + 1:,}"
            rows.append(
                (
                    name,
                    _short(_average(mean[:, i])),
                    _short(_average(spread[:, i])),
                    "–" if worst is None else _short(spread[worst, i]),
                    *([at] if self._step else []),
                    *([self._error(i)] if self._first.t is not None else []),
                )
            )
        head += ["RMSE of the mean"] if self._first.t is not None else []
        yield wide_table(head, rows, range(1, len(head)), f"{len(rows)} outputs")
        text = (
            f"The mean of the {len(self._mean.networks)} networks, and their standard deviation (n - 1): averages over "
            "the samples, and the sample where the networks agree least."
        )
        yield element("p", text)

    @cached_property
    def _both(self) -> FitData:
        return compared(self._mean, self._first.x, self._first.t)

    def _error(self, i: int) -> str:
        """Over all rows of the table, as the errors of the members."""
        try:
            found, _ = self._both.fits(i)
        except ShapeError:
            return "–"
        return _short(found[-1].rmse)

    @cached_property
    def _rows(self) -> FloatArray:
        """The samples at which derivatives are compared."""
        x = np.zeros((0, self._mean.input_size)) if self._x is None else self._x
        return x[:: max(1, -(-len(x) // _MOST_ROWS))]

    @cached_property
    def _mean_slopes(self) -> FloatArray:
        """(networks, S, R): the mean of each derivative over the samples, by network."""
        found = [np.asarray(net.jacobian(self._rows)) for net in self._mean.networks]
        return np.stack([np.array([[_average(part) for part in row.T] for row in np.moveaxis(j, 1, 0)]) for j in found])

    @cached_property
    def _widths(self) -> Widths:
        widths = Widths.of(self._mean)
        widths.add(self._rows, np.asarray(self._mean(self._rows)))
        return widths

    def _slopes(self, x: FloatArray, i: int) -> Iterator[Html]:
        slopes, names = self._mean_slopes[:, i], self._first.input_names
        mean, spread = slopes.mean(axis=0), slopes.std(axis=0, ddof=1 if len(slopes) > 1 else 0)
        with np.errstate(invalid="ignore"):
            scaled = np.abs(mean) * self._widths.scale[i]
        order = np.argsort(-np.nan_to_num(scaled, nan=-1.0), kind="stable")[:_MOST_INPUTS]
        head = ("input", "mean dy/dx", "spread", "smallest", "largest", "networks with its sign")
        rows = [
            (
                names[j],
                *map(_short, (mean[j], spread[j], slopes[:, j].min(), slopes[:, j].max())),
                f"{np.count_nonzero(np.sign(slopes[:, j]) == np.sign(mean[j]))} of {len(slopes)}",
            )
            for j in order
        ]
        yield wide_table(head, rows, range(1, len(head)), f"{len(rows)} inputs")
        less = f" The {len(rows)} inputs with the largest effect are shown." if len(rows) < len(names) else ""
        text = (
            "The derivative of each network, averaged over the samples: mean, standard deviation, smallest and largest "
            f"of the networks.{less}"
        )
        yield element("p", text)
        yield element("div", *self._figures(x, i, order.tolist()), class_="panels")

    def _figures(self, x: FloatArray, i: int, order: Sequence[int]) -> Iterator[Html]:
        given: dict[str, Any] = {"inputs": self._first.input_names, "outputs": self._first.output_names}
        try:
            shown = gather(self._mean, x, i + 1, "range", TOP, **given)
        except ShapeError:
            return  # the output is constant
        yield panel(
            "The distribution of each derivative of the mean over the samples.",
            lambda ax: draw_sensitivity(shown, ax, numbers=False),
            1.5 + 0.33 * len(shown.inputs),
        )
        for place, j in enumerate(order[:_ALONG]):
            yield pair(
                f"The mean along {self._first.input_names[j]}: the output above, its derivative below.",
                lambda axes, j=j, place=place: response(  # type: ignore[misc]
                    self._mean, x, wrt=j + 1, of=i + 1, axes=axes, legend=place == 0, **given
                ),
            )


def _average(values: FloatArray) -> float:
    """The mean of the finite values; NaN if there are none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _short(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"
