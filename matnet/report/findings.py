"""Results that the page shows more than once, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.points import points_in
from matnet.model.ranges import DESCRIPTION
from matnet.plots.classes import FEWEST_CLASSIFIED, are_classes
from matnet.plots.figures import PANELS
from matnet.plots.fits import Fit, Sets, compared
from matnet.plots.responses import limits
from matnet.plots.sensitivities import DerivativeSelection, gather, stepwise_layers
from matnet.proof.check import Check, check
from matnet.proof.finding import Finding
from matnet.proof.verify import verify
from matnet.report.material import MOST_ROWS, Material

TOP = 10
"""Inputs that a figure of sensitivities shows."""

_POINTS = 500
_CHECKED_ROWS, _CHECKED_STEPS, _CHECKED_ELEMENTS = 20, 40, 40_000


@dataclass(frozen=True, eq=False)
class ShownSamples:
    """The samples that the figures show, and a sentence that describes them.

    ``step`` says that they are one in so many rows of the table; it is 0 for points that are in no table.
    """

    x: FloatArray
    t: FloatArray | None
    sets: Sets | None
    words: str
    step: int


class Findings:
    """The results of the page, each computed on first use."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.net = material.net

    @cached_property
    def stored(self) -> tuple[Finding, ...]:
        """MATLAB's stored answers compared with matnet's."""
        return verify(self.net, self.material.stored)

    @cached_property
    def check(self) -> Check:
        """Analytic against numerical derivatives at a few samples."""
        x = self._few()
        return check(self.net, x, **(self.material.states if x is not None else {}))

    def _few(self) -> FloatArray | None:
        """Samples spread over the data, or the first steps of a series; None for points of the check's own."""
        x, net = self.material.x, self.net
        if net.dynamic:
            if x is None or len(x) < max(1, net.structure.input_delay):
                return None
            reach = net.structure.input_delay + net.structure.layer_delay
            return x[: min(_CHECKED_STEPS, 2 * reach + 3)]
        if x is None or not len(x):
            x = self.samples.x if self.samples is not None else None
        if x is None:
            return None
        count = max(1, min(_CHECKED_ROWS, _CHECKED_ELEMENTS // max(1, net.input_size * net.output_size)))
        return np.asarray(x[np.unique(np.linspace(0, len(x) - 1, count).astype(int))])

    @cached_property
    def samples(self) -> ShownSamples | None:
        """Those of the table, or points over the known ranges; None if there are neither."""
        material = self.material
        x = material.x
        if x is None or not len(x):
            try:
                points = points_in(limits(self.net, None), _POINTS)
            except ShapeError:
                return None
            origins = dict.fromkeys(self.net.input_extent.origin)
            where = " and ".join(DESCRIPTION[origin] for origin in origins)
            text = f"No table was given: these are {_POINTS} points spread evenly over {where}."
            return ShownSamples(points, None, None, text, 0)
        if len(x) <= MOST_ROWS:
            return ShownSamples(x, material.t, material.sets, f"Over the {counted(len(x), 'row')} of the table.", 1)
        step = -(-len(x) // MOST_ROWS)
        sets = None if material.sets is None else {name: flags[::step] for name, flags in material.sets.items()}
        text = f"Over one in {step} of the {counted(len(x), 'row')} of the table."
        return ShownSamples(x[::step], None if material.t is None else material.t[::step], sets, text, step)

    @cached_property
    def steps(self) -> str:
        """The layers through which every derivative is 0, in words."""
        return stepwise_layers(self.net)

    @cached_property
    def sensitivities(self) -> tuple[DerivativeSelection | None, ...]:
        """For each output that is shown; None if it is constant, or all its derivatives are 0."""
        found: list[DerivativeSelection | None] = []
        if self.samples is None or self.net.dynamic or not self.net.input_size:
            return ()
        for i in range(min(self.net.output_size, PANELS)):
            try:
                shown = gather(self.net, self.samples.x, i + 1, "range", TOP, **self.material.names)
            except ShapeError:
                shown = None
            found.append(shown if shown is not None and np.any(shown.derivatives) else None)
        return tuple(found)

    @cached_property
    def fits(self) -> tuple[tuple[str, list[Fit], int], ...]:
        """For each output with targets its name, the fit of each set, and how many samples have NaN."""
        material = self.material
        if material.t is None or material.x is None or not len(material.x):
            return ()
        by_output = []
        both = compared(self.net, material.x, material.t, material.output_names, **material.states)
        for i, name in enumerate(material.output_names):
            try:
                of_sets, unknown = both.fits(i, material.sets)
            except ShapeError:
                continue  # this output and its target are never both known
            if len(of_sets) > 1:
                y, t = (np.concatenate([getattr(fit, part) for fit in of_sets]) for part in ("y", "t"))
                of_sets = [*of_sets, Fit("all samples", y, t)]
            by_output.append((name, of_sets, unknown))
        return tuple(by_output)

    @cached_property
    def classifies(self) -> bool:
        """Whether the targets are classes."""
        t = self.material.t
        return t is not None and len(t) >= FEWEST_CLASSIFIED and not self.net.dynamic and are_classes(t)

    @cached_property
    def outside(self) -> str:
        """The number of rows of the table outside the known ranges, as a sentence."""
        x, extent = self.material.x, self.net.input_extent
        if x is None or not len(x) or not self.net.input_size:
            return ""
        if not extent.known.any():
            return "The training range is not known, so rows outside it cannot be counted."
        rows = int(np.count_nonzero(extent.outside(x).any(axis=1)))
        origins = [origin for origin in dict.fromkeys(extent.origin) if origin != "unknown"]
        where = " and ".join(DESCRIPTION[origin] for origin in origins)
        unknown = int(np.count_nonzero(~extent.known))
        rest = f" The range of {counted(unknown, 'input')} is not known." if unknown else ""
        if not rows:
            every = "The only row lies" if len(x) == 1 else f"All {counted(len(x), 'row')} lie"
            return f"{every} within {where}.{rest}"
        lie = "lies" if rows == 1 else "lie"
        return f"{rows:,} of {counted(len(x), 'row')} {lie} outside {where}: there the network extrapolates.{rest}"
