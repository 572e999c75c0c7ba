"""Response plots: an output and its derivative along an input, or over two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.ranges import DESCRIPTION
from matnet.plots.style import (
    BLACK,
    FAINT,
    GREY,
    MANY,
    SMALL,
    chosen,
    legend_below,
    line_style,
    names,
    new_pair,
    numbers,
    panel,
    slope,
    tidy,
    title,
    x_label,
    y_label,
)
from matnet.sensitivity.measures import quantiles
from matnet.sensitivity.samples import Model, inputs_of, outputs_of, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTILES = (0.25, 0.5, 0.75)
_POINTS, _GRID, _ARROWS = 201, 81, 13
_SHORTEST = 0.06
_BESIDE_CONTOUR = 2.2
"""Inches left of a contour and, for the colour bar, right of it; and the shortest arrow relative to the longest."""
_BEYOND = 0.1
"""How far a curve extends beyond both ends of the range, as a share of its width."""


def response(
    net: Model,
    x: Any = None,
    wrt: int | str = 1,
    of: int | str = 1,
    at: Sequence[float] = QUANTILES,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    axes: Sequence[Axes] | None = None,
    point: Sequence[float] | None = None,
    legend: bool = True,
) -> tuple[Axes, Axes]:
    """An output and its derivative along one input, the other inputs held at quantiles of the data.

    The shaded range is named in the title; outside it the network extrapolates.

    Parameters
    ----------
    net
        A static network, or an ensemble.
    x
        Samples (N, R), raw scale, from which the quantiles are taken. None: each other input is held at these shares
        of its range.
    wrt, of
        The input and the output, by number from 1 or by name.
    at
        Shares from 0 to 1, one curve each, with all other inputs at that quantile.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    axes
        Where to draw: for the output and for the derivative; None for a new figure.
    point
        (R,), raw scale: the one point at which the other inputs are held, instead of the quantiles.
    legend
        Whether there is a legend below.

    Returns
    -------
    The Axes of the output and of its derivative.

    Raises
    ------
    ShapeError
        x does not fit, there is no such input or output, a share is not in [0, 1], or the network is dynamic.
    MissingExtraError
        matplotlib is not installed.
    """
    x = None if x is None else samples(net, x, inputs)
    j = chosen(wrt, inputs, inputs_of(net))
    i = chosen(of, outputs, outputs_of(net))
    held = _held(net, x, at, point)
    labels = [f"{share:.0%}" for share in at] if point is None else ["given point"]
    box = limits(net, x)
    upper, lower = new_pair(axes, 5.6, 5.0)
    width = box[j, 1] - box[j, 0]
    along = np.linspace(box[j, 0] - _BEYOND * width, box[j, 1] + _BEYOND * width, _POINTS)
    for number, (label, others) in enumerate(zip(labels, held, strict=True)):
        line = np.tile(others, (_POINTS, 1))
        line[:, j] = along
        y, jacobian = net.value_and_jacobian(line)
        style = {**line_style(number, marked=False), "linewidth": 1.5}
        upper.plot(along, y[:, i], label=label, **style)
        lower.plot(along, jacobian[:, i, j], **style)
    name_x, name_y = names(inputs, inputs_of(net))[j], names(outputs, outputs_of(net))[i]
    for ax in (upper, lower):
        tidy(ax)
        ax.axvspan(box[j, 0], box[j, 1], color=FAINT, zorder=0)
    y_label(upper, name_y, 0.5)
    y_label(lower, slope(name_y, name_x), 0.5)
    x_label(lower, name_x)
    upper.tick_params(labelbottom=False)
    upper.xaxis.get_offset_text().set_visible(False)
    lower.axhline(0.0, color=BLACK, linewidth=0.8)
    title(upper, f"{name_y} along {name_x}; shaded: {_source(net, j, x)}")
    if legend and net.input_size > 1:
        for drawn, label in zip(lower.lines, labels, strict=False):
            drawn.set_label(label)
        legend_below(lower, len(held), held_words(x, point))
    return upper, lower


def held_words(x: Any, point: Any = None) -> str:
    """What the shares in the legend of a response mean."""
    if point is not None:
        return "other inputs held at the given point"
    return "other inputs at these quantiles" if x is not None else "other inputs at these shares of their range"


def _source(net: Model, j: int, x: Any) -> str:
    origin = net.input_extent.origin[j]
    return "the range of the data" if origin == "unknown" and x is not None else DESCRIPTION[origin]


def limits(net: Model, x: Any) -> FloatArray:
    """(R, 2): the range of each input if it is known, else that of the data; widened if its width is 0.

    Raises
    ------
    ShapeError
        x does not fit, or a range is neither known nor in the data.
    """
    extent = net.input_extent
    bounds = extent.limits
    if x is not None:
        values = samples(net, x)
        data = quantiles(np.where(np.isfinite(values), values, np.nan), (0.0, 1.0)).T
        bounds = np.where(extent.known[:, None], bounds, data)
    missing = [name for name, row in zip(inputs_of(net).names, bounds, strict=True) if not np.isfinite(row).all()]
    if missing:
        more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
        advice = "give samples of them" if x is None else "the samples have no finite value of them"
        raise ShapeError(f"the range of {', '.join(missing[:12])}{more} is not known: {advice}")
    low, high = bounds.T
    pad = np.where(low == high, np.maximum(np.abs(low), 1.0) / 2.0, 0.0)
    return np.stack([low - pad, high + pad], axis=1)


def _held(net: Model, x: Any, at: Sequence[float], point: Sequence[float] | None) -> FloatArray:
    """(len(at), R): the values at which the other inputs are held; (1, R) for a single point."""
    if point is not None:
        return samples(net, np.asarray(point, dtype=np.float64)[None, :])
    if not at or not all(0.0 <= share <= 1.0 for share in at):
        raise ShapeError(f"at is {list(at)}, expected shares from 0 to 1, as in (0.25, 0.5, 0.75)")
    if x is not None:
        values = quantiles(samples(net, x), at)
        if np.isnan(values).any():
            column = int(np.argmax(np.isnan(values).any(axis=0))) + 1
            raise ShapeError(f"column {column} of x contains only NaN, so it has no quantile")
        return values
    samples(net, np.zeros((1, net.input_size)))
    box = limits(net, None)
    shares = np.asarray(at)[:, None]
    return np.asarray(box[:, 0] * (1.0 - shares) + box[:, 1] * shares)


def contour(
    net: Model,
    x: Any = None,
    wrt: tuple[int | str, int | str] = (1, 2),
    of: int | str = 1,
    at: float = 0.5,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    point: Sequence[float] | None = None,
) -> Axes:
    """An output over two inputs as a filled contour with arrows along its gradient, the other inputs held.

    The arrows point where the output rises; their length is the slope, with each input measured by its range. The
    parameters, returns and errors are those of ``response``, with two inputs in `wrt`; samples are shown as dots.
    """
    x = None if x is None else samples(net, x, inputs)
    if len(wrt) != 2:
        raise ShapeError(f"wrt names {counted(len(wrt), 'input')}, expected two")
    j, k = (chosen(which, inputs, inputs_of(net)) for which in wrt)
    if j == k:
        raise ShapeError("wrt names the same input twice, expected two different ones")
    i = chosen(of, outputs, outputs_of(net))
    held = _held(net, x, (at,), point)[0]
    box = limits(net, x)[[j, k]]
    ax = panel(ax, 5.8, 4.6)
    ax.grid(visible=False)
    points, shape = _grid(held, box, (j, k), _GRID)
    y = np.asarray(net(points))[:, i].reshape(shape)
    columns = [points[:, index].reshape(shape) for index in (j, k)]
    name_y = names(outputs, outputs_of(net))[i]
    if np.nanmax(y) > np.nanmin(y):
        filled = ax.contourf(*columns, y, levels=12, cmap="cividis")
        bar = ax.figure.colorbar(filled, ax=ax, format=numbers())
        bar.ax.yaxis.get_offset_text().set_fontsize(SMALL)
        bar.set_label(name_y, fontsize=SMALL + 1)
        bar.outline.set_linewidth(0.5)
        bar.ax.tick_params(labelsize=SMALL)
    _arrows(ax, net, held, box, (i, j, k))
    if x is not None:
        values = samples(net, x)
        many = len(values) > MANY
        ax.plot(values[:, j], values[:, k], ".", color=BLACK, markersize=2, alpha=0.35, rasterized=many)
    name_x = names(inputs, inputs_of(net))
    ax.set_xlim(box[0])
    ax.set_ylim(box[1])
    x_label(ax, name_x[j])
    y_label(ax, name_x[k])
    ax.tick_params(colors=GREY, labelcolor=BLACK)
    ax.locator_params(axis="x", nbins=4)  # the colour bar leaves less room
    title(ax, "; ".join(_contour_words(net, x, at, point, name_y, y)), _BESIDE_CONTOUR)
    return ax


def _contour_words(net: Model, x: Any, at: float, point: Any, name_y: str, y: FloatArray) -> list[str]:
    constant = not np.nanmax(y) > np.nanmin(y)
    words = [f"{name_y} is constant here: {y.flat[0]:.6g}" if constant else f"{name_y}; arrows: gradient"]
    words += ["dots: samples"] if x is not None else []
    if net.input_size > 2:
        median = "their median" if at == 0.5 else f"their {at:.0%} quantile"
        held = median if x is not None else f"{at:.0%} of their range"
        words.append(f"other inputs at {held if point is None else 'the given point'}")
    return words


def _grid(held: FloatArray, box: FloatArray, where: tuple[int, int], count: int) -> tuple[FloatArray, tuple[int, int]]:
    first, second = (np.linspace(low, high, count) for low, high in box)
    across, up = np.meshgrid(first, second)
    points = np.tile(held, (across.size, 1))
    points[:, where[0]], points[:, where[1]] = across.ravel(), up.ravel()
    return points, (count, count)


def _arrows(ax: Axes, net: Model, held: FloatArray, box: FloatArray, which: tuple[int, int, int]) -> None:
    i, j, k = which
    widths = box[:, 1] - box[:, 0]
    inner = np.stack([box[:, 0] + 0.04 * widths, box[:, 1] - 0.04 * widths], axis=1)
    points, _ = _grid(held, inner, (j, k), _ARROWS)
    slopes = np.asarray(net.jacobian(points))[:, i, :][:, [j, k]] * widths
    lengths = np.hypot(slopes[:, 0], slopes[:, 1])
    largest = float(np.nanmax(lengths, initial=0.0))
    if largest > 0.0:
        long = lengths > _SHORTEST * largest  # shorter ones would look like dots
        ax.quiver(
            points[long, j],
            points[long, k],
            *(slopes[long].T / largest),
            color="white",
            edgecolor=BLACK,
            linewidth=0.4,
            scale=_ARROWS + 2.0,
            width=0.005,
        )
