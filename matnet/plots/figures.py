"""Complete figures for files: every kind of plot, with a panel for each output or input, and saving them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError, TableError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.plots import classes, courses, diagram, fits, images, responses, sensitivities, training_record
from matnet.plots.style import SMALL, figure, matplotlib, plain, wrapped
from matnet.sensitivity.samples import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SUFFIXES = (".png", ".svg", ".pdf")
PANELS, ALONG = 6, 3
"""The most outputs, or inputs, that a figure shows unless they are named; and the most inputs per output."""

RESOLUTION, TITLE_LINE = 150, 0.22
"""Pixels per inch unless others are asked for, and the height of a line of the title in inches."""


@dataclass(frozen=True, eq=False)
class Request:
    """What to plot: a network, its data if there are any, and a selection.

    ``x`` (N, R) and ``t`` (N, S) at raw scale; ``of`` and ``wrt`` are indices from 0, None for all up to PANELS;
    ``top`` is how many inputs a panel shows, ``unit`` that of sensitivities. The other inputs of a response are held at
    the quantiles ``at``, or at ``point`` (R,). ``size`` is width and height in inches, ``title`` is above all panels.
    ``states`` are those before a series, zeros without them, and ``first_step`` is the number of its first step.
    """

    net: Model
    x: FloatArray | None = None
    t: FloatArray | None = None
    sets: fits.Sets | None = None
    record: TrainingRecord | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    of: Sequence[int] | None = None
    wrt: Sequence[int] | None = None
    top: int | None = None
    lags: int | None = None
    steps: int | None = None
    at: Sequence[float] | None = None
    point: Sequence[float] | None = None
    unit: sensitivities.Unit = "range"
    size: tuple[float, float] | None = None
    title: str = ""
    states: Mapping[str, Any] = field(default_factory=dict)
    first_step: int = 1

    @property
    def network(self) -> Network:
        """The network, for plots of a single network.

        Raises
        ------
        UnsupportedError
            It is an ensemble.
        """
        if isinstance(self.net, Network):
            return self.net
        raise UnsupportedError(f"this plot is of one network, but {len(self.net.networks)} are given; name one of them")

    @property
    def shown_outputs(self) -> list[int]:
        """The indices of the outputs that get a panel."""
        return list(self.of) if self.of is not None else list(range(min(self.net.output_size, PANELS)))

    @property
    def left_out(self) -> int:
        """How many outputs are left out although none were selected."""
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

    def figure(self, width: float, height: float) -> Figure:
        """A figure of the requested size, else of the default size of its kind."""
        return figure(*(self.size or (width, height)))

    def needed_record(self) -> TrainingRecord:
        """The training record.

        Raises
        ------
        ShapeError
            There is none.
        """
        if self.record is None:
            raise ShapeError("this plot shows the course of the training: it needs a training record")
        return self.record

    @property
    def held(self) -> dict[str, Any]:
        """The values at which the other inputs of a response are held, as arguments."""
        at = {} if self.at is None else {"at": tuple(self.at)}
        return at if self.point is None else {"point": self.point}

    @property
    def named(self) -> dict[str, Any]:
        """The names of inputs and outputs, as arguments."""
        return {"inputs": self.inputs, "outputs": self.outputs}


Panel = Callable[["Axes", int], object]


def _grid(request: Request, width: float, height: float, draw: Panel, numbers: Sequence[int]) -> Figure:
    """A panel of `width` by `height` inches for each number, at most two side by side."""
    columns = 1 if len(numbers) == 1 else 2
    rows = math.ceil(len(numbers) / columns)
    made = request.figure(width * columns, height * rows)
    for place, number in enumerate(numbers, start=1):
        draw(made.add_subplot(rows, columns, place), number)
    return made


def _network(request: Request) -> Figure:
    natural = diagram.layout(request.network.structure).size
    made = request.figure(*natural)
    width, height = made.get_size_inches()
    if request.size is not None and request.title:
        height -= TITLE_LINE  # the diagram keeps clear of the title
    scale = min(float(width / natural[0]), float(height / natural[1]))
    diagram.network(request.network, ax=made.add_subplot(), scale=scale)
    return made


def _by_output(draw: Callable[..., Any], width: float, height: float, request: Request, **more: Any) -> Figure:
    numbers = request.shown_outputs

    def panel(ax: Axes, number: int) -> object:
        return draw(request.net, request.data(), of=number + 1, ax=ax, **more)

    return _grid(request, width, height, panel, numbers)


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


def _pixels(request: Request) -> Figure:
    return _by_output(images.sensitivity_image, 4.6, 4.2, request, **request.named)


def _lags(request: Request) -> Figure:
    numbers, top = request.shown_outputs, request.top or courses.TOP

    def panel(ax: Axes, number: int) -> object:
        return courses.lags(
            request.network,
            request.data(),
            of=number + 1,
            lags=request.lags,
            top=top,
            ax=ax,
            **request.named,
            **request.states,
        )

    return _grid(request, 6.5, 3.8, panel, numbers)


def _fit(draw: Callable[..., Any], width: float, height: float, request: Request) -> Figure:
    return _by_output(
        partial(draw, t=request.targets(), sets=request.sets, **request.states),
        width,
        height,
        request,
        outputs=request.outputs,
    )


def _response(request: Request) -> Figure:
    """For each output a row with a pair of panels for each input: the strongest inputs of the first output."""
    if not request.net.input_size:
        raise ShapeError("a response is over an input, but this network has none")
    outputs = request.shown_outputs
    most = request.top or (PANELS if len(outputs) == 1 else ALONG)
    numbers = _strongest(request, outputs[0], most) if request.wrt is None else list(request.wrt)
    columns = min(len(numbers), 3)
    rows = math.ceil(len(numbers) / columns)
    made = request.figure(max(4.2 * columns, 4.8), 3.8 * rows * len(outputs) + 0.6)
    for place, (output, number) in enumerate(
        (output, number) for output in outputs for number in [*numbers, *[None] * (rows * columns - len(numbers))]
    ):
        row, column = divmod(place, columns)
        if number is None:
            continue
        count = 2 * rows * len(outputs)
        upper = made.add_subplot(count, columns, 2 * row * columns + column + 1)
        lower = made.add_subplot(count, columns, (2 * row + 1) * columns + column + 1, sharex=upper)
        responses.response(
            request.net,
            request.x,
            wrt=number + 1,
            of=output + 1,
            axes=(upper, lower),
            legend=False,
            **request.held,
            **request.named,
        )
    notes = []
    if request.wrt is None and len(numbers) < request.net.input_size:
        which = "first" if request.x is None else "strongest"
        notes.append(f"the {len(numbers)} {which} of {request.net.input_size} inputs")
    if request.net.input_size > 1:
        handles, labels = made.axes[0].get_legend_handles_labels()
        heading = responses.held_words(request.x, request.point)
        made.legend(
            handles,
            labels,
            title="; ".join([*notes, heading]),
            loc="outside lower left",
            ncols=len(labels),
            fontsize=SMALL,
            title_fontsize=SMALL,
            alignment="left",
            frameon=False,
        )
    return made


def _contour(request: Request) -> Figure:
    """Over two inputs, the selected ones or the two strongest."""
    if request.net.input_size < 2:
        few = "one; use response" if request.net.input_size else "none"
        raise ShapeError(f"a contour is over two inputs, but this network has {few}")
    pair = _strongest(request, request.shown_outputs[0], 2) if request.wrt is None else list(request.wrt)
    if len(pair) != 2:
        raise ShapeError(f"a contour is over two inputs, got {len(pair)}")
    first, second = (number + 1 for number in pair)
    held: dict[str, Any] = {"point": request.point} if request.point is not None else {}
    held |= {"at": request.at[0]} if request.at is not None else {}

    def panel(ax: Axes, number: int) -> object:
        return responses.contour(request.net, request.x, (first, second), number + 1, ax=ax, **held, **request.named)

    return _grid(request, 5.8, 4.6, panel, request.shown_outputs)


def _confusion(request: Request) -> Figure:
    """A matrix for each set of the training record, and one for all samples."""
    x, t = request.data(), request.targets()
    sets: list[tuple[str, Any]] = [*(request.sets or {}).items()]
    sets = [(name, flags) for name, flags in sets if flags.any()]
    parts = [*sets, ("all samples", None)]
    count = len(classes.classes(request.net, x, t).names)

    def panel(ax: Axes, number: int) -> object:
        name, flags = parts[number]
        return classes.confusion(request.net, x, t, flags, request.outputs, ax=ax, name=name)

    return _grid(request, *classes.confusion_size(count), panel, range(len(parts)))


def _roc(request: Request) -> Figure:
    made = request.figure(5.0, 5.4)
    classes.roc(request.net, request.data(), request.targets(), request.outputs, ax=made.add_subplot())
    return made


def _error_autocorrelation(request: Request) -> Figure:
    numbers = request.shown_outputs
    states: dict[str, Any] = dict(request.states)

    def panel(ax: Axes, number: int) -> object:
        more: dict[str, Any] = {} if request.lags is None else {"lags": request.lags}
        return courses.error_autocorrelation(
            request.network,
            request.data(),
            request.targets(),
            of=number + 1,
            outputs=request.outputs,
            ax=ax,
            **more,
            **states,
        )

    return _grid(request, 6.5, 3.8, panel, numbers)


def _strongest(request: Request, output: int, count: int) -> list[int]:
    """The inputs that affect an output most over the data, in their order; without data the first ones."""
    if request.x is None:
        return list(range(min(count, request.net.input_size)))
    shown = sensitivities.gather(request.net, request.x, of=output + 1, unit="real", top=request.net.input_size)
    ranges = responses.limits(request.net, request.x)
    widths = ranges[list(shown.inputs), 1] - ranges[list(shown.inputs), 0]
    strength = shown.found.rms * widths
    order = sorted(range(len(strength)), key=lambda place: -strength[place])
    return sorted(shown.inputs[place] for place in order[:count])


def _training(request: Request) -> Figure:
    made = request.figure(6.0, 4.0)
    training_record.training(request.needed_record(), ax=made.add_subplot())
    return made


def _training_state(request: Request) -> Figure:
    record = request.needed_record()
    quantities = list(record.states)
    if not quantities:
        raise ShapeError(f"the training record {record.path} keeps no gradient, mu or other state by epoch")
    made = request.figure(6.0, 2.4 * len(quantities))
    for place, name in enumerate(quantities, start=1):
        training_record.training_state(record, name, ax=made.add_subplot(len(quantities), 1, place))
    return made


def _series(request: Request) -> Figure:
    numbers = request.shown_outputs
    made = request.figure(7.5, 3.0 * len(numbers))
    for place, number in enumerate(numbers, start=1):
        courses.series(
            request.network,
            request.x,
            request.t,
            of=number + 1,
            steps=request.steps,
            outputs=request.outputs,
            ax=made.add_subplot(len(numbers), 1, place),
            first_step=request.first_step,
            **request.states,
        )
    return made


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what it shows, how it is drawn, and whether it has a panel for each output."""

    words: str
    draw: Callable[[Request], Figure]
    by_output: bool = True


KINDS: Mapping[str, Kind] = {
    "network": Kind("the diagram: layers with sizes and functions, delays, skips, feedback", _network, False),
    "sensitivity": Kind("the distribution of dy/dx over the data, the strongest input first", _sensitivity),
    "map": Kind("mean of dy/dx against its standard deviation", _map),
    "alpha": Kind("alpha curves: from the mean of |dy/dx| to its largest", _alpha),
    "pixels": Kind("the rms of dy/dx at each pixel, of a network that takes images", _pixels),
    "response": Kind("y and dy/dx along each input, the others at quantiles", _response),
    "contour": Kind("y over two inputs with gradient arrows", _contour),
    "parity": Kind(
        "outputs against targets, by training, validation and test set", partial(_fit, fits.parity, 5.0, 5.2)
    ),
    "residuals": Kind("targets minus outputs over the outputs", partial(_fit, fits.residuals, 6.0, 4.2)),
    "error-histogram": Kind("how often each error occurs, by set", partial(_fit, fits.error_histogram, 6.0, 4.2)),
    "confusion": Kind("output classes against target classes, by set", _confusion, False),
    "roc": Kind("true against false positives of each class, with the area under the curve", _roc, False),
    "training": Kind("the performance by epoch, from the training record", _training, False),
    "training-state": Kind("gradient, mu and others by epoch, from the training record", _training_state, False),
    "series": Kind("outputs of a dynamic network over a series, with targets", _series),
    "lags": Kind("dy(t)/dx(t-k) by lag of a dynamic network: its impulse response", _lags),
    "error-autocorrelation": Kind("the autocorrelation of a dynamic network's errors", _error_autocorrelation),
}
"""Every kind of figure."""


def draw(kind: str, request: Request) -> Figure:
    """The figure of a kind of KINDS.

    Raises
    ------
    ShapeError
        The request lacks what the kind shows, or does not fit the network.
    MissingExtraError
        matplotlib is not installed.
    """
    made = KINDS[kind].draw(request)
    if request.title:
        width, height = made.get_size_inches()
        text = wrapped(plain(request.title, len(request.title)), SMALL + 3, width - 0.2)
        made.suptitle(text, fontsize=SMALL + 3)
        if request.size is None:
            made.set_size_inches(width, height + TITLE_LINE * len(text.splitlines()))
    return made


def image(made: Figure, suffix: str, dpi: int = RESOLUTION) -> bytes:
    """A figure as the bytes of a file, the same bytes for the same figure; `dpi` is for rasterised parts.

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
        made.savefig(held, format=suffix[1:].lower(), dpi=dpi, metadata=metadata, facecolor="white")
    return held.getvalue()


def pixels(made: Figure, dpi: int) -> NDArray[np.uint8]:
    """(height, width, 3): the pixels of a figure, drawn once and not packed."""
    canvas = matplotlib("backends.backend_agg").FigureCanvasAgg(made)
    made.set_dpi(dpi)
    made.set_facecolor("white")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
