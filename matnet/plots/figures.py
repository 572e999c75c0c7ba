"""Whole figures for files: every kind of plot, with a panel for each output or input, and how they are saved."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from matnet.errors import ShapeError, TableError
from matnet.functions.namespace import FloatArray
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.plots import courses, diagram, fits, responses, sensitivities
from matnet.plots.style import SMALL, figure, matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
PANELS = 6
"""Outputs, or inputs, that a figure shows unless more are asked for by name."""

RESOLUTION = 150


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be plotted: a network, its data as far as they are there, and what of it.

    ``x`` (N, R) and ``t`` (N, S) at raw scale; ``of`` and ``wrt`` are the indices (from 0) that were asked for, None
    for all up to PANELS; ``top`` is how many inputs a panel shows, ``unit`` that of sensitivities.
    """

    net: Network
    x: FloatArray | None = None
    t: FloatArray | None = None
    sets: fits.Sets | None = None
    history: TrainingRecord | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    of: Sequence[int] | None = None
    wrt: Sequence[int] | None = None
    top: int | None = None
    lags: int | None = None
    steps: int | None = None
    unit: sensitivities.Unit = "range"
    states: Mapping[str, FloatArray] = field(default_factory=dict)

    @property
    def shown_outputs(self) -> list[int]:
        """The indices of the outputs that get a panel."""
        return list(self.of) if self.of is not None else list(range(min(self.net.output_size, PANELS)))

    @property
    def left_out(self) -> int:
        """How many outputs get none although nobody chose."""
        return self.net.output_size - len(self.shown_outputs) if self.of is None else 0

    def data(self) -> FloatArray:
        """The samples.

        Raises
        ------
        ShapeError
            There are none.
        """
        if self.x is None:
            raise ShapeError("this plot shows data: it needs a table of samples")
        return self.x

    def targets(self) -> FloatArray:
        """The targets.

        Raises
        ------
        ShapeError
            There are none.
        """
        if self.t is None:
            raise ShapeError("this plot compares outputs with targets: it needs targets")
        return self.t

    @property
    def named(self) -> dict[str, Any]:
        """The names of inputs and outputs, as arguments."""
        return {"inputs": self.inputs, "outputs": self.outputs}


Panel = Callable[["Axes", int], object]


def _grid(count: int, width: float, height: float, draw: Panel, numbers: Sequence[int]) -> Figure:
    """A panel of `width` by `height` inches for each number, at most two side by side."""
    columns = 1 if count == 1 else 2
    rows = math.ceil(count / columns)
    made = figure(width * columns, height * rows)
    for place, number in enumerate(numbers, start=1):
        draw(made.add_subplot(rows, columns, place), number)
    return made


def _network(request: Request) -> Figure:
    width, height = diagram.size(request.net)
    made = figure(width, height)
    diagram.network(request.net, ax=made.add_subplot())
    return made


def _by_output(draw: Callable[..., Any], width: float, height: float, request: Request, **more: Any) -> Figure:
    numbers = request.shown_outputs

    def panel(ax: Axes, number: int) -> object:
        return draw(request.net, request.data(), of=number + 1, ax=ax, **more)

    return _grid(len(numbers), width, height, panel, numbers)


def _sensitivity(request: Request) -> Figure:
    top = request.top or sensitivities.TOP
    height = 1.4 + 0.4 * min(top, request.net.input_size)
    return _by_output(sensitivities.sensitivity, 7.0, height, request, top=top, unit=request.unit, **request.named)


def _map(request: Request) -> Figure:
    top = request.top or sensitivities.TOP
    return _by_output(sensitivities.sensitivity_map, 5.2, 4.4, request, top=top, unit=request.unit, **request.named)


def _alpha(request: Request) -> Figure:
    top = request.top or sensitivities.MOST_CURVES
    return _by_output(sensitivities.alpha_curves, 6.2, 4.0, request, top=top, unit=request.unit, **request.named)


def _lags(request: Request) -> Figure:
    top = request.top or courses.TOP
    return _by_output(courses.lags, 6.5, 3.8, request, top=top, lags=request.lags, **request.named)


def _fit(draw: Callable[..., Any], width: float, height: float, request: Request) -> Figure:
    return _by_output(
        partial(draw, t=request.targets(), sets=request.sets), width, height, request, outputs=request.outputs
    )


def _response(request: Request) -> Figure:
    """For one output (the first, unless one is asked for) a pair of panels for each input."""
    output = request.shown_outputs[0]
    numbers = _strongest(request, output, request.top or PANELS) if request.wrt is None else list(request.wrt)
    columns = min(len(numbers), 3)
    rows = math.ceil(len(numbers) / columns)
    made = figure(4.6 * columns, 4.2 * rows)
    for place, number in enumerate(numbers):
        row, column = divmod(place, columns)
        upper = made.add_subplot(2 * rows, columns, 2 * row * columns + column + 1)
        lower = made.add_subplot(2 * rows, columns, (2 * row + 1) * columns + column + 1, sharex=upper)
        axes = (upper, lower)
        responses.response(request.net, request.x, wrt=number + 1, of=output + 1, axes=axes, **request.named)
    if request.wrt is None and len(numbers) < request.net.input_size:
        which = "first" if request.x is None else "strongest"
        made.suptitle(f"the {len(numbers)} {which} of {request.net.input_size} inputs", fontsize=SMALL + 1)
    return made


def _contour(request: Request) -> Figure:
    """Over two inputs, those asked for or the two strongest."""
    pair = _strongest(request, request.shown_outputs[0], 2) if request.wrt is None else list(request.wrt)
    if len(pair) != 2:
        raise ShapeError(f"a contour is over two inputs, got {len(pair)}")
    first, second = (number + 1 for number in pair)

    def panel(ax: Axes, number: int) -> object:
        return responses.contour(request.net, request.x, (first, second), number + 1, ax=ax, **request.named)

    return _grid(len(request.shown_outputs), 5.8, 4.6, panel, request.shown_outputs)


def _strongest(request: Request, output: int, count: int) -> list[int]:
    """The inputs that drive an output most over the data, in their order; without data the first ones."""
    if request.x is None:
        return list(range(min(count, request.net.input_size)))
    shown = sensitivities.gather(request.net, request.x, of=output + 1, unit="real", top=request.net.input_size)
    ranges = responses.limits(request.net, request.x)
    widths = ranges[list(shown.inputs), 1] - ranges[list(shown.inputs), 0]
    strength = shown.found.rms * widths
    order = sorted(range(len(strength)), key=lambda place: -strength[place])
    return sorted(shown.inputs[place] for place in order[:count])


def _training(request: Request) -> Figure:
    if request.history is None:
        raise ShapeError("this plot shows the course of the training: it needs a training record")
    made = figure(6.0, 4.0)
    fits.training(request.history, ax=made.add_subplot())
    return made


def _series(request: Request) -> Figure:
    numbers = request.shown_outputs
    made = figure(7.5, 3.0 * len(numbers))
    for place, number in enumerate(numbers, start=1):
        courses.series(
            request.net,
            request.x,
            request.t,
            of=number + 1,
            steps=request.steps,
            outputs=request.outputs,
            ax=made.add_subplot(len(numbers), 1, place),
            **request.states,
        )
    return made


KINDS: Mapping[str, tuple[str, Callable[[Request], Figure]]] = {
    "network": ("the diagram: layers with sizes and functions, delays, skips, feedback", _network),
    "sensitivity": ("the distribution of dy/dx over the data, the strongest input first", _sensitivity),
    "map": ("mean of dy/dx against its standard deviation: linear or not", _map),
    "alpha": ("alpha curves: from the mean of |dy/dx| to its largest", _alpha),
    "response": ("y and dy/dx along each input, the others at quantiles", _response),
    "contour": ("y over two inputs with gradient arrows", _contour),
    "parity": ("outputs against targets, by training, validation and test set", partial(_fit, fits.parity, 5.0, 4.8)),
    "residuals": ("targets minus outputs over the outputs", partial(_fit, fits.residuals, 6.0, 4.0)),
    "training": ("the performance by epoch, from the training record", _training),
    "series": ("outputs of a dynamic network over a series, with targets", _series),
    "lags": ("dy(t)/dx(t-k) by lag of a dynamic network: its impulse response", _lags),
}
"""Every kind of plot with what it shows."""


def draw(kind: str, request: Request) -> Figure:
    """The figure of a kind of KINDS.

    Raises
    ------
    ShapeError
        The request lacks what the kind shows, or does not fit the network.
    MissingExtraError
        matplotlib is not installed.
    """
    return KINDS[kind][1](request)


def image(made: Figure, suffix: str) -> bytes:
    """A figure as the bytes of a file, the same ones for the same figure.

    Raises
    ------
    TableError
        The suffix is none of SUFFIXES.
    """
    if suffix.lower() not in SUFFIXES:
        raise TableError(f"a plot is written as {', '.join(SUFFIXES)}, not as '{suffix}'")
    held = io.BytesIO()
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix.lower())
    with matplotlib().rc_context({"svg.hashsalt": "matnet"}):
        made.savefig(held, format=suffix[1:].lower(), dpi=RESOLUTION, metadata=metadata, facecolor="white")
    return held.getvalue()
