"""Sensitivity plots: what drives an output, over the data, as NeuralSens shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.plots.style import (
    BLACK,
    BLUE,
    DASHES,
    LINES,
    MARKERS,
    SKY,
    SMALL,
    VERMILION,
    chosen,
    names,
    new_axes,
    plain,
    tidy,
)
from matnet.sensitivity.measures import Measures, alpha_means, measures
from matnet.sensitivity.samples import samples
from matnet.sensitivity.widths import Widths

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Unit: TypeAlias = Literal["range", "real"]

TOP = 12
MOST_CURVES = 7
ALPHAS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)

_KEY = "diamond: mean   tick: rms   bars: 5–95 %, 25–75 %"
_BINS = 60
_BLOCK_ELEMENTS = 1 << 22


@dataclass(frozen=True, eq=False)
class Shown:
    """The derivatives of one output that a plot shows, the strongest input first.

    ``derivatives`` (N, k) in the unit of the plot; ``found`` (k,) measures of them, ``real`` at real scale; ``inputs``
    are the k indices, ``names`` what they are called and ``labels`` how that is drawn.
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

    @property
    def left_out(self) -> str:
        """What the plot does not show, for its title."""
        parts = []
        if len(self.inputs) < self.total:
            parts.append(f"the {len(self.inputs)} strongest of {self.total} inputs")
        unknown = self.rows - int(np.nanmin(self.found.count, initial=self.rows))
        if unknown:
            parts.append(f"{unknown} of {self.rows} samples without a known derivative left out")
        return "; ".join(parts)


def gather(
    net: Network,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> Shown:
    """What a sensitivity plot shows; the parameters are those of ``sensitivity``."""
    if unit not in ("range", "real"):
        raise ShapeError(f"unit is '{unit}', expected 'range' or 'real'")
    if top < 1:
        raise ShapeError(f"top is {top}, expected 1 or more")
    x = samples(net, x)
    output = chosen(of, outputs, "y", net.output_size)
    widths = Widths.of(net)
    derivatives = np.empty((len(x), net.input_size))
    rows = max(1, _BLOCK_ELEMENTS // max(1, net.input_size * net.output_size))
    for start in range(0, len(x), rows):
        block = slice(start, start + rows)
        y, jacobian = net.value_and_jacobian(x[block])
        widths.add(x[block], np.asarray(y))
        derivatives[block] = jacobian[:, output, :]
    if unit == "range" and not widths.outputs[output] > 0.0:
        raise ShapeError(f"output {output + 1} is constant, so it has no range to measure by: use unit='real'")
    factors = np.asarray(widths.scale[output] if unit == "range" else np.ones(net.input_size))
    with np.errstate(invalid="ignore"):
        scaled = derivatives * factors
    strength = np.nan_to_num(measures(scaled).rms, nan=-1.0)
    order = np.argsort(-strength, kind="stable")[:top]
    known = names(inputs, "x", net.input_size)
    return Shown(
        scaled[:, order],
        measures(scaled[:, order]),
        measures(derivatives[:, order]),
        tuple(int(index) for index in order),
        tuple((inputs or known)[index] for index in order),
        tuple(known[index] for index in order),
        names(outputs, "y", net.output_size)[output],
        net.input_size,
        len(x),
    )


def sensitivity(
    net: Network,
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
    to 75 %; the mean is a diamond, and two ticks stand at plus and minus the rms. At the right are mean, standard
    deviation and rms in units of y per unit of x.

    Parameters
    ----------
    net
        A static network.
    x
        Samples (N, R), raw scale.
    of
        The output, by number from 1 or by name.
    unit
        "range": derivatives times the width of the input's range over that of the output's, so that inputs compare;
        ranges are those seen in training, else those of the data. "real": as they are.
    top
        How many inputs are shown; where there are more, the title says so.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    ax
        Where to draw; None for a new figure.
    numbers
        Whether the numbers stand at the right.

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
    shown = gather(net, x, of, unit, top, inputs, outputs)
    ax = new_axes(ax, 7.0, 1.4 + 0.45 * len(shown.inputs))
    for row in range(len(shown.labels)):
        _distribution(ax, shown, row)
    _rows_of_inputs(ax, shown.labels)
    ax.axvline(0.0, color=BLACK, linewidth=0.8, zorder=1)
    ax.set_xlabel(f"{_slope(shown.output, unit)}\n{_KEY}", fontsize=SMALL + 1)
    if numbers:
        _numbers(ax, shown)
    title = f"What {shown.output} follows: {shown.rows:,} {'sample' if shown.rows == 1 else 'samples'}"
    ax.set_title("\n".join(filter(None, (title, shown.left_out))), fontsize=SMALL + 1, loc="left")
    return ax


def _slope(output: str, unit: Unit) -> str:
    return f"d{output}/dx · range of x / range of {output}" if unit == "range" else f"d{output}/dx, real scale"


def _rows_of_inputs(ax: Axes, labels: Sequence[str]) -> None:
    tidy(ax)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def _distribution(ax: Axes, shown: Shown, row: int) -> None:
    values = shown.derivatives[:, row]
    values = values[np.isfinite(values)]
    found = shown.found
    if len(values) and values.max() > values.min():
        heights, edges = np.histogram(values, bins=min(_BINS, 4 + int(np.sqrt(len(values)))))
        half = 0.42 * heights / heights.max()
        ax.fill_between(edges, row - np.append(half, half[-1]), row + np.append(half, half[-1]), step="post", color=SKY)
    low, lower, _, upper, high = found.quantiles[:, row]
    ax.plot([low, high], [row, row], color=BLUE, linewidth=1.0)
    ax.plot([lower, upper], [row, row], color=BLUE, linewidth=4.0, solid_capstyle="butt")
    ax.plot(found.mean[row], row, marker="D", markersize=5, color=VERMILION, markeredgecolor="white", linestyle="none")
    rms = np.copysign(found.rms[row], found.mean[row])
    ax.plot([rms, rms], [row - 0.3, row + 0.3], color=BLACK, linewidth=1.4)


def _numbers(ax: Axes, shown: Shown) -> None:
    """Mean, sd and rms at real scale beside each row, as the labels of a second axis, so that they get their room."""
    columns = (shown.real.mean, shown.real.sd, shown.real.rms)
    lines = [f"{'mean':>10}{'sd':>10}{'rms':>10}"]
    lines += ["".join(f"{_short(value):>10}" for value in row) for row in zip(*columns, strict=True)]
    right = ax.secondary_yaxis("right")
    right.set_yticks([-0.6, *range(len(lines) - 1)], lines, fontfamily="monospace", fontsize=SMALL - 1)
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)


def _short(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}"


def sensitivity_map(
    net: Network,
    x: Any,
    of: int | str = 1,
    unit: Unit = "range",
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Mean of dy/dx against its standard deviation, an input a point.

    Far from 0 and low: a linear effect. High: the effect depends on where in the data, a nonlinear one. Near the
    origin: no effect. The distance from the origin is about the rms; its circles are drawn.

    The parameters, returns and errors are those of ``sensitivity``; it needs two samples at least.
    """
    shown = gather(net, x, of, unit, top, inputs, outputs)
    if shown.rows < 2:
        raise ShapeError("x has 1 sample: a standard deviation needs at least two")
    ax = new_axes(ax, 5.2, 4.4)
    tidy(ax)
    mean, sd = shown.found.mean, shown.found.sd
    reach = float(np.nanmax(np.hypot(mean, sd), initial=0.0)) or 1.0
    for share in (0.25, 0.5, 0.75, 1.0):
        angle = np.linspace(0.0, np.pi, 90)
        ax.plot(share * reach * np.cos(angle), share * reach * np.sin(angle), color="#D9D9D9", linewidth=0.8, zorder=0)
    ax.scatter(mean, sd, color=BLUE, s=28, zorder=3)
    for place, side, label in zip(zip(mean, sd, strict=True), _sides(mean, sd, reach), shown.labels, strict=True):
        ax.annotate(
            label,
            place,
            xytext=(5 * side[0], 5 * side[1]),
            textcoords="offset points",
            fontsize=SMALL,
            ha="left" if side[0] > 0 else "right",
            va="bottom" if side[1] > 0 else "top",
        )
    ax.axvline(0.0, color=BLACK, linewidth=0.8, zorder=1)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel(f"mean of {_slope(shown.output, unit)}", fontsize=SMALL + 1)
    ax.set_ylabel("standard deviation over the samples", fontsize=SMALL + 1)
    ax.set_title("\n".join(filter(None, (f"Linear or not: {shown.output}", shown.left_out))), fontsize=SMALL + 1)
    return ax


def _sides(mean: FloatArray, sd: FloatArray, reach: float) -> list[tuple[int, int]]:
    """For each point the side on which its label has most room from the points and labels so far."""
    step = 0.08 * reach
    taken = list(zip(mean.tolist(), sd.tolist(), strict=True))
    sides = []
    for x, y in zip(mean.tolist(), sd.tolist(), strict=True):
        room = {
            (right, up): min(
                (np.hypot(x + right * step - a, y + up * step / 2 - b) for a, b in taken if (a, b) != (x, y)),
                default=0.0,
            )
            for right in (1, -1)
            for up in (1, -1)
        }
        side = max(room, key=lambda key: room[key])
        taken.append((x + side[0] * step, y + side[1] * step / 2))
        sides.append(side)
    return sides


def alpha_curves(
    net: Network,
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
    shown = gather(net, x, of, unit, top, inputs, outputs)
    ax = new_axes(ax, 6.2, 4.0)
    tidy(ax)
    curves = alpha_means(shown.derivatives, (*ALPHAS, np.inf))
    places = np.arange(len(ALPHAS) + 1.0)
    for number, label in enumerate(shown.labels):
        ax.plot(
            places,
            curves[:, number],
            color=LINES[number % len(LINES)],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=1.4,
            label=label,
        )
    ax.set_xticks(places, [*(f"{alpha:g}" for alpha in ALPHAS), "∞"])
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("α: 1 the mean of the size, 2 the rms, ∞ the largest", fontsize=SMALL + 1)
    ax.set_ylabel(f"size of {_slope(shown.output, unit)}", fontsize=SMALL + 1)
    ax.set_title("\n".join(filter(None, (f"Alpha curves of {shown.output}", shown.left_out))), fontsize=SMALL + 1)
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def interaction_map(
    strength: FloatArray, labels: Sequence[str], output: str, top: int = TOP, ax: Axes | None = None
) -> Axes:
    """Rms of the second derivatives by pairs of inputs, (R, R), as a map of numbers; the strongest `top` inputs."""
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
    more = f"\nthe {len(order)} strongest of {len(strength)} inputs" if len(order) < len(strength) else ""
    ax.set_title(f"Interactions in {plain(output)}: rms of second derivatives{more}", fontsize=SMALL + 1)
    return ax
