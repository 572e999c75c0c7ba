"""Response plots: an output and its derivative along an input, or over two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box
from matnet.network import Network
from matnet.plots.style import (
    BLACK,
    DASHES,
    FAINT,
    GREY,
    LINES,
    MANY,
    SMALL,
    chosen,
    names,
    new_axes,
    new_pair,
    slope,
    tidy,
)
from matnet.sensitivity.measures import quantiles
from matnet.sensitivity.samples import samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTILES = (0.25, 0.5, 0.75)
_POINTS, _GRID, _ARROWS = 201, 81, 13
_BEYOND = 0.1
"""Of the range's width: how far a curve goes on to both sides of it."""


def response(
    net: Network,
    x: Any = None,
    wrt: int | str = 1,
    of: int | str = 1,
    at: Sequence[float] = QUANTILES,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    axes: Sequence[Axes] | None = None,
) -> tuple[Axes, Axes]:
    """An output and its derivative along one input, the other inputs held at quantiles of the data.

    Outside the shaded range, the one seen in training, the network extrapolates.

    Parameters
    ----------
    net
        A static network.
    x
        Samples (N, R), raw scale, from which the quantiles are taken. None: each other input is held at these shares
        of its range.
    wrt, of
        The input and the output, by number from 1 or by name.
    at
        Shares from 0 to 1, a curve each: all other inputs at that quantile together.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    axes
        Where to draw: for the output and for the derivative; None for a new figure.

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
    held = _held(net, x, at)
    j = chosen(wrt, inputs, "x", net.input_size)
    i = chosen(of, outputs, "y", net.output_size)
    box = limits(net, x)
    upper, lower = new_pair(axes, 5.6, 5.0)
    width = box[j, 1] - box[j, 0]
    along = np.linspace(box[j, 0] - _BEYOND * width, box[j, 1] + _BEYOND * width, _POINTS)
    for number, (share, point) in enumerate(zip(at, held, strict=True)):
        line = np.tile(point, (_POINTS, 1))
        line[:, j] = along
        y, jacobian = net.value_and_jacobian(line)
        style = {"color": LINES[number % len(LINES)], "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.5}
        upper.plot(along, y[:, i], label=f"{share:.0%}", **style)
        lower.plot(along, jacobian[:, i, j], **style)
    name_x, name_y = names(inputs, "x", net.input_size)[j], names(outputs, "y", net.output_size)[i]
    for ax in (upper, lower):
        tidy(ax)
        ax.axvspan(box[j, 0], box[j, 1], color=FAINT, zorder=0)
    upper.set_ylabel(name_y, fontsize=SMALL + 1)
    lower.set_ylabel(slope(name_y, name_x), fontsize=SMALL + 1)
    lower.set_xlabel(name_x, fontsize=SMALL + 1)
    lower.axhline(0.0, color=BLACK, linewidth=0.8)
    _legend(upper, net.input_size, x is not None)
    upper.set_title(f"{name_y} along {name_x}; shaded: {_source(net, j, x)}", fontsize=SMALL + 1, loc="left")
    return upper, lower


def _legend(ax: Axes, input_size: int, from_data: bool) -> None:
    if input_size > 1:
        title = "other inputs at\nthese quantiles" if from_data else "other inputs at this\nshare of their range"
        ax.legend(title=title, fontsize=SMALL, title_fontsize=SMALL, frameon=False, bbox_to_anchor=(1.0, 1.0))


def _source(net: Network, j: int, x: Any) -> str:
    if np.isfinite(net.input_range[j]).all():
        return "the range seen in training"
    return "the range of the data" if x is not None else "what the processing maps to −1 … 1"


def limits(net: Network, x: Any) -> FloatArray:
    """(R, 2): the range seen in training, else that of the data, else what the processing tells."""
    box = input_box(net.structure)
    if x is None:
        return box
    values = samples(net, x)
    data = quantiles(np.where(np.isfinite(values), values, np.nan), (0.0, 1.0)).T
    use = ~np.isfinite(net.input_range).all(axis=1) & np.isfinite(data).all(axis=1) & (data[:, 1] > data[:, 0])
    return np.where(use[:, None], data, box)


def _held(net: Network, x: Any, at: Sequence[float]) -> FloatArray:
    """(len(at), R): where the other inputs are held."""
    if not at or not all(0.0 <= share <= 1.0 for share in at):
        raise ShapeError(f"at is {list(at)}, expected shares from 0 to 1, as in (0.25, 0.5, 0.75)")
    if x is not None:
        found = quantiles(samples(net, x), at)
        if np.isnan(found).any():
            column = int(np.argmax(np.isnan(found).any(axis=0))) + 1
            raise ShapeError(f"x has nothing but NaN in column {column}, so it has no quantile")
        return found
    if net.dynamic:
        samples(net, np.zeros((1, net.input_size)))
    box = input_box(net.structure)
    shares = np.asarray(at)[:, None]
    return np.asarray(box[:, 0] * (1.0 - shares) + box[:, 1] * shares)


def contour(
    net: Network,
    x: Any = None,
    wrt: tuple[int | str, int | str] = (1, 2),
    of: int | str = 1,
    at: float = 0.5,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """An output over two inputs as a filled contour with arrows along its gradient, the other inputs held.

    The arrows point where the output rises; their length is the slope, with each input measured by its range. The
    parameters, returns and errors are those of ``response``, with two inputs in `wrt`; samples are shown as dots.
    """
    held = _held(net, x, (at,))[0]
    if len(wrt) != 2:
        raise ShapeError(f"wrt names {len(wrt)} inputs, expected two")
    j, k = (chosen(which, inputs, "x", net.input_size) for which in wrt)
    if j == k:
        raise ShapeError("wrt names the same input twice, expected two different ones")
    i = chosen(of, outputs, "y", net.output_size)
    box = limits(net, x)[[j, k]]
    ax = new_axes(ax, 5.8, 4.6)
    points, shape = _grid(held, box, (j, k), _GRID)
    y = np.asarray(net(points))[:, i].reshape(shape)
    columns = [points[:, index].reshape(shape) for index in (j, k)]
    name_y = names(outputs, "y", net.output_size)[i]
    if np.nanmax(y) > np.nanmin(y):
        filled = ax.contourf(*columns, y, levels=12, cmap="cividis")
        bar = ax.figure.colorbar(filled, ax=ax)
        bar.set_label(name_y, fontsize=SMALL + 1)
        bar.ax.tick_params(labelsize=SMALL)
    _arrows(ax, net, held, box, (i, j, k))
    if x is not None:
        values = samples(net, x)
        many = len(values) > MANY
        ax.plot(values[:, j], values[:, k], ".", color=BLACK, markersize=2, alpha=0.35, rasterized=many)
    name_x = names(inputs, "x", net.input_size)
    ax.set_xlim(box[0])
    ax.set_ylim(box[1])
    ax.set_xlabel(name_x[j], fontsize=SMALL + 1)
    ax.set_ylabel(name_x[k], fontsize=SMALL + 1)
    ax.tick_params(labelsize=SMALL, colors=GREY, labelcolor=BLACK)
    others = "" if net.input_size == 2 else f"; other inputs at {at:.0%}"
    constant = "" if np.nanmax(y) > np.nanmin(y) else f"\nconstant: {name_y} = {y.flat[0]:.6g}"
    ax.set_title(f"{name_y} and its gradient{others}{constant}", fontsize=SMALL + 1, loc="left")
    return ax


def _grid(held: FloatArray, box: FloatArray, where: tuple[int, int], count: int) -> tuple[FloatArray, tuple[int, int]]:
    first, second = (np.linspace(low, high, count) for low, high in box)
    across, up = np.meshgrid(first, second)
    points = np.tile(held, (across.size, 1))
    points[:, where[0]], points[:, where[1]] = across.ravel(), up.ravel()
    return points, (count, count)


def _arrows(ax: Axes, net: Network, held: FloatArray, box: FloatArray, which: tuple[int, int, int]) -> None:
    i, j, k = which
    widths = box[:, 1] - box[:, 0]
    inner = np.stack([box[:, 0] + 0.04 * widths, box[:, 1] - 0.04 * widths], axis=1)
    points, _ = _grid(held, inner, (j, k), _ARROWS)
    slopes = np.asarray(net.jacobian(points))[:, i, :][:, [j, k]] * widths
    largest = float(np.nanmax(np.hypot(slopes[:, 0], slopes[:, 1]), initial=0.0))
    if largest > 0.0:
        ax.quiver(
            points[:, j],
            points[:, k],
            *(slopes.T / largest),
            color="white",
            edgecolor=BLACK,
            linewidth=0.4,
            scale=_ARROWS + 2.0,
            width=0.005,
        )
