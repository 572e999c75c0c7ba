"""Sensitivity plots: which inputs an output depends on over the data, as in NeuralSens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.functions.transfer import TRANSFER
from matnet.plots.style import (
    BLACK,
    BLUE,
    GREY,
    SKY,
    SMALL,
    VERMILION,
    chosen,
    legend_below,
    line_style,
    names,
    new_axes,
    panel,
    plain,
    text_width,
    tidy,
    title,
    x_label,
    y_label,
)
from matnet.sensitivity.measures import Measures, alpha_means, measures
from matnet.sensitivity.samples import Model, first_network, inputs_of, outputs_of, samples
from matnet.sensitivity.widths import Widths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Unit: TypeAlias = Literal["range", "real"]

TOP = 12
MOST_CURVES = 7
ALPHAS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)

_KEY = "diamond: mean; tick: rms; bars: 5–95 %, 25–75 %"
_COLUMN = 10
_BINS = 60
_BLOCK_ELEMENTS = 1 << 22


@dataclass(frozen=True, eq=False)
class DerivativeSelection:
    """The derivatives of one output that a plot shows, the strongest input first.

    ``derivatives`` (N, k) in the unit of the plot; ``found`` (k,) measures of them, ``real`` at real scale; ``inputs``
    are the k indices, ``names`` their names and ``labels`` the names as drawn.
    """

    derivatives: FloatArray
    found: Measures
    real: Measures
    inputs: tuple[int, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    output: str
    total: int
    rows: int
    unit: Unit

    def first(self, count: int) -> DerivativeSelection:
        """The same of the strongest `count` inputs."""
        if count >= len(self.inputs):
            return self
        return replace(
            self,
            derivatives=self.derivatives[:, :count],
            found=measures(self.derivatives[:, :count]),
            inputs=self.inputs[:count],
            names=self.names[:count],
            labels=self.labels[:count],
        )

    @property
    def left_out(self) -> str:
        """What the plot does not show, in words for its title."""
        parts = []
        if len(self.inputs) < self.total:
            parts.append(f"the {len(self.inputs)} strongest of {self.total} inputs")
        unknown = self.rows - int(np.nanmin(self.found.count, initial=self.rows))
        if unknown:
            parts.append(f"at {unknown:,} of {counted(self.rows, 'sample')} the derivative is not known")
        return "; ".join(parts)

    def titled(self, words: str) -> str:
        """A title, with what is left out on a line of its own."""
        return f"{words}\n{self.left_out}" if self.left_out else words


def gather(
    net: Model,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> DerivativeSelection:
    """What a sensitivity plot shows; the parameters are those of ``sensitivity``."""
    if unit not in ("range", "real"):
        raise ShapeError(f"unit is '{unit}', expected 'range' or 'real'")
    if top < 1:
        raise ShapeError(f"top is {top}, expected 1 or more")
    x = samples(net, x, inputs)
    output = chosen(of, outputs, outputs_of(net))
    widths = Widths.of(net)
    derivatives = np.empty((len(x), net.input_size))
    rows = max(1, _BLOCK_ELEMENTS // max(1, net.input_size * net.output_size))
    for start in range(0, len(x), rows):
        block = slice(start, start + rows)
        y, jacobian = net.value_and_jacobian(x[block])
        widths.add(x[block], np.asarray(y))
        derivatives[block] = jacobian[:, output, :]
    if unit == "range" and not widths.outputs[output] > 0.0:
        raise ShapeError(f"output {output + 1} is constant, so its range is 0: use the unit 'real'")
    factors = np.asarray(widths.scale[output] if unit == "range" else np.ones(net.input_size))
    with np.errstate(invalid="ignore"):
        scaled = derivatives * factors
    strength = np.nan_to_num(measures(scaled).rms, nan=-1.0)
    order = np.argsort(-strength, kind="stable")[:top]
    known = names(inputs, inputs_of(net))
    return DerivativeSelection(
        scaled[:, order],
        measures(scaled[:, order]),
        measures(derivatives[:, order]),
        tuple(int(index) for index in order),
        tuple((inputs or inputs_of(net).names)[index] for index in order),
        tuple(known[index] for index in order),
        names(outputs, outputs_of(net))[output],
        net.input_size,
        len(x),
        unit,
    )


def _shown(net: Model, x: Any, of: int | str, unit: Unit, top: int, **names: Any) -> DerivativeSelection:
    """As ``gather``, but refused if all derivatives are 0 because of a step function."""
    shown = gather(net, x, of, unit, top, **names)
    steps = stepwise_layers(net)
    if steps and not np.any(shown.derivatives):
        raise ShapeError(
            f"every derivative of {shown.output} is 0, because {steps} is a step function: there are no sensitivities "
            "to show"
        )
    return shown


def stepwise_layers(net: Model) -> str:
    """The layers with a step function, whose derivative is 0 wherever it exists, in words; "" for none."""
    layers = enumerate(first_network(net).structure.layers, start=1)
    steps = [(number, layer.transfer) for number, layer in layers if TRANSFER[layer.transfer].stepwise]
    return ", ".join(f"layer {number} ({name})" for number, name in steps)


def sensitivity(
    net: Model,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    numbers: bool = True,
) -> Axes:
    """For each input the distribution of dy/dx over the data, the input with the largest rms first.

    Each row is the density of the derivative over the samples; the thin bar spans 5 to 95 % of them, the thick one 25
    to 75 %; the mean is a diamond, the rms a tick. Densities are shown by their square roots, so that rare values can
    be seen beside frequent ones.

    Parameters
    ----------
    net
        A static network.
    x
        Samples (N, R), raw scale.
    of
        The output, by number from 1 or by name.
    unit
        "range": derivatives times the width of the input's range over that of the output's, so that inputs can be
        compared; ranges are those of the training, else of the data. "real": as they are.
    top
        Number of inputs to show; if there are more, the title says so.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    ax
        Where to draw; None for a new figure.
    numbers
        Whether to list mean, sd and rms, in the unit of the axis, at the right.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        x does not fit or has no rows, there is no such output, or the network is dynamic.
    MissingExtraError
        matplotlib is not installed.
    """
    return draw_sensitivity(_shown(net, x, of, unit, top, inputs=inputs, outputs=outputs), ax, numbers)


def draw_sensitivity(shown: DerivativeSelection, ax: Axes | None, numbers: bool) -> Axes:
    """``sensitivity`` of gathered samples."""
    ax = new_axes(ax, 7.0, 1.4 + 0.45 * len(shown.inputs))
    for row in range(len(shown.labels)):
        _distribution(ax, shown, row)
    _rows_of_inputs(ax, shown.labels)
    ax.axvline(0.0, color=BLACK, linewidth=0.8, zorder=1)
    beside = max(text_width(label, SMALL) for label in shown.labels) + 0.2
    taken = beside + (text_width("0" * 3 * _COLUMN, SMALL - 1) if numbers else 0.0)
    x_label(ax, f"{_slope(shown.output, shown.unit)}\n{_KEY}", taken)
    if numbers:
        _numbers(ax, shown)
    words = f"Sensitivity of {shown.output} ({counted(shown.rows, 'sample')})"
    title(ax, shown.titled(words), beside)
    return ax


def _slope(output: str, unit: Unit) -> str:
    return f"d{output}/dx · range of x / range of {output}" if unit == "range" else f"d{output}/dx, real scale"


def _rows_of_inputs(ax: Axes, labels: Sequence[str]) -> None:
    tidy(ax)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def _distribution(ax: Axes, shown: DerivativeSelection, row: int) -> None:
    values = shown.derivatives[:, row]
    values = values[np.isfinite(values)]
    found = shown.found
    if len(values) and values.max() > values.min():
        heights, edges = np.histogram(values, bins=min(_BINS, 4 + int(np.sqrt(len(values)))))
        half = 0.42 * np.sqrt(heights / heights.max())
        ax.fill_between(edges, row - np.append(half, half[-1]), row + np.append(half, half[-1]), step="post", color=SKY)
    low, lower, _, upper, high = found.quantiles[:, row]
    ax.plot([low, high], [row, row], color=BLUE, linewidth=1.0)
    ax.plot([lower, upper], [row, row], color=BLUE, linewidth=4.0, solid_capstyle="butt")
    ax.plot(found.mean[row], row, marker="D", markersize=5, color=VERMILION, markeredgecolor="white", linestyle="none")
    rms = found.rms[row]
    ax.plot([rms, rms], [row - 0.3, row + 0.3], color=BLACK, linewidth=1.4)


def _numbers(ax: Axes, shown: DerivativeSelection) -> None:
    """Mean, sd and rms in the axis' unit at the right, as labels of a second axis, so that the layout makes room."""
    columns = (shown.found.mean, shown.found.sd, shown.found.rms)
    lines = ["".join(f"{word:>{_COLUMN}}" for word in ("mean", "sd", "rms"))]
    lines += ["".join(f"{_short(value):>{_COLUMN}}" for value in row) for row in zip(*columns, strict=True)]
    right = ax.secondary_yaxis("right")
    right.set_yticks([-0.6, *range(len(lines) - 1)], lines, fontfamily="monospace", fontsize=SMALL - 1)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _short(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}"


def sensitivity_map(
    net: Model,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean of dy/dx against its standard deviation, one point per input.

    Far from 0 and low: a linear effect. High: the effect varies over the data, so it is nonlinear. Near the origin: no
    effect. The distance from the origin is about the rms; circles show it.

    The parameters, returns and errors are those of ``sensitivity``; it needs two samples at least.
    """
    return draw_map(_shown(net, x, of, unit, top, inputs=inputs, outputs=outputs), ax)


def draw_map(shown: DerivativeSelection, ax: Axes | None) -> Axes:
    """``sensitivity_map`` of gathered samples."""
    if shown.rows < 2:
        raise ShapeError("x has 1 sample: a standard deviation needs at least two")
    ax = panel(ax, 5.2, 4.4)
    mean, sd = shown.found.mean, shown.found.sd
    reach = float(np.nanmax(np.hypot(mean, sd), initial=0.0)) or 1.0
    for share in (0.25, 0.5, 0.75, 1.0):
        angle = np.linspace(0.0, np.pi, 90)
        ax.plot(share * reach * np.cos(angle), share * reach * np.sin(angle), color="#D9D9D9", linewidth=0.8, zorder=0)
    ax.scatter(mean, sd, color=BLUE, s=28, zorder=3)
    _label_points(ax, mean, sd, shown.labels)
    ax.axvline(0.0, color=BLACK, linewidth=0.8, zorder=1)
    ax.set_ylim(bottom=0.0)
    beside = 0.75 + max(text_width(label, SMALL) for label in shown.labels)
    x_label(ax, f"mean of {_slope(shown.output, shown.unit)}", beside)
    y_label(ax, "standard deviation over the samples")
    words = f"Mean and spread of the sensitivities of {shown.output}"
    title(ax, shown.titled(words))
    return ax


def _label_points(ax: Axes, x: FloatArray, y: FloatArray, labels: Sequence[str]) -> None:
    """Labels in a column at the right, in order of height, each with a line to its point."""
    order = np.argsort(-np.nan_to_num(y), kind="stable")
    step = min(0.08, 1.0 / max(len(order), 1))
    for number, k in enumerate(order):
        ax.annotate(
            labels[k],
            (x[k], y[k]),
            xytext=(1.06, 0.98 - step * number),
            textcoords="axes fraction",
            fontsize=SMALL,
            va="center",
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 1.0, "shrinkB": 3.0},
        )


def alpha_curves(
    net: Model,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = MOST_CURVES,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The alpha curve of each input: (mean of |dy/dx|^α)^(1/α) over α, with its limit, the largest |dy/dx|, at ∞.

    A level curve: the same effect everywhere. A steep one: little effect in most of the data and a large one somewhere,
    which a mean hides.

    The parameters, returns and errors are those of ``sensitivity``.
    """
    return draw_alpha_curves(_shown(net, x, of, unit, top, inputs=inputs, outputs=outputs), ax)


def draw_alpha_curves(shown: DerivativeSelection, ax: Axes | None) -> Axes:
    """``alpha_curves`` of gathered samples, for at most the first MOST_CURVES inputs."""
    ax = panel(ax, 6.2, 4.0)
    curves = alpha_means(shown.derivatives, (*ALPHAS, np.inf))
    places = np.arange(len(ALPHAS) + 1.0)
    for number, label in enumerate(shown.labels):
        ax.plot(
            places,
            curves[:, number],
            linewidth=1.4,
            label=label,
            **line_style(number),
        )
    ax.set_xticks(places, [*(f"{alpha:g}" for alpha in ALPHAS), "∞"])
    ax.set_ylim(bottom=0.0)
    x_label(ax, "α: 1 mean, 2 rms, ∞ largest of |dy/dx|")
    y_label(ax, f"|d{shown.output}/dx|" + _slope(shown.output, shown.unit).removeprefix(f"d{shown.output}/dx"))
    title(ax, shown.titled(f"Alpha curves of {shown.output}"))
    legend_below(ax, len(shown.labels))
    return ax


def interaction_map(
    strength: FloatArray, labels: Sequence[str], output: str, top: int = TOP, ax: Axes | None = None
) -> Axes:
    """Rms of second derivatives with respect to two inputs, (R, R), as a map of numbers; the `top` strongest ones."""
    order = np.argsort(-np.nan_to_num(strength).sum(axis=0), kind="stable")[:top]
    shown = strength[np.ix_(order, order)]
    ax = new_axes(ax, 2.0 + 0.5 * len(order), 1.5 + 0.5 * len(order))
    ax.imshow(shown, cmap="cividis_r", vmin=0.0, vmax=float(np.nanmax(shown, initial=0.0)) or 1.0)
    half = 0.5 * np.nanmax(shown, initial=0.0)
    for row, column in np.ndindex(*shown.shape):
        value = shown[row, column]
        colour = "white" if value > half else BLACK
        ax.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=SMALL - 1, color=colour)
    ticks = [plain(labels[index]) for index in order]
    ax.set_xticks(range(len(order)), ticks, rotation=45, ha="right", fontsize=SMALL)
    ax.set_yticks(range(len(order)), ticks, fontsize=SMALL)
    more = f"; the {len(order)} strongest of {len(strength)} inputs" if len(order) < len(strength) else ""
    title(ax, f"Interactions in {plain(output)}: rms of second derivatives{more}")
    return ax
