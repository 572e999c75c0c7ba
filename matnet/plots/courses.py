"""Plots of dynamic networks: their outputs over a series, and how an input's effect dies away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError
from matnet.network import Network
from matnet.plots.style import (
    BLACK,
    BLUE,
    DASHES,
    LINES,
    MARKERS,
    SMALL,
    chosen,
    names,
    new_axes,
    tidy,
)
from matnet.sensitivity.lags import lag_derivatives, lag_widths
from matnet.sensitivity.measures import quantiles
from matnet.sensitivity.samples import matrix
from matnet.sensitivity.samples import series as checked_series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 7


def series(
    net: Network,
    x: Any = None,
    t: Any = None,
    of: int | str = 1,
    steps: int | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """An output over the steps of a series, with its targets where they are given.

    Parameters
    ----------
    net
        A network; of a static one each step stands by itself.
    x
        The series (T, R), raw scale; None for a network without inputs, which runs `steps` steps.
    t
        Targets (T, S), NaN where there is none.
    of
        The output, by number from 1 or by name.
    steps
        How many steps, for a network without inputs.
    outputs
        Names; y1 .. yS without them.
    ax
        Where to draw; None for a new figure.
    states
        ``input_states`` and ``layer_states``, as for ``Network.run``; zeros without them.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        x or t does not fit, or there is no such output.
    MissingExtraError
        matplotlib is not installed.
    """
    given = None if x is None else checked_series(net, x)
    y = net.run(given, steps=steps, **states).outputs
    i = chosen(of, outputs, "y", net.output_size)
    name = names(outputs, "y", net.output_size)[i]
    ax = new_axes(ax, 7.5, 3.2)
    tidy(ax)
    time = np.arange(1, len(y) + 1)
    if t is not None:
        targets = matrix(t, net.evaluation.outputs, "t")
        if len(targets) != len(y):
            raise ShapeError(f"t has {len(targets)} rows, but the series has {len(y)} steps")
        ax.plot(time, targets[:, i], color=BLACK, linewidth=1.0, linestyle="--", label="target")
    ax.plot(time, y[:, i], color=BLUE, linewidth=1.4, label="output")
    ax.set_xlabel("time step", fontsize=SMALL + 1)
    ax.set_ylabel(name, fontsize=SMALL + 1)
    if t is not None:
        ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    started = " from states of zeros" if net.dynamic and not states else ""
    ax.set_title(f"{name} over the series{started}", fontsize=SMALL + 1, loc="left")
    return ax


def lags(
    net: Network,
    x: Any,
    of: int | str = 1,
    lags: int | None = None,
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """dy(t)/dx(t − k) by lag k: what a unit pulse of an input does to the output k steps later, as an impulse response.

    The line is the median over the steps of the series, the band spans 5 to 95 % of them; in a linear network there is
    no band. Derivatives are multiplied by the input's range over the output's, unless that is 0.

    Parameters
    ----------
    net
        A dynamic network.
    x
        A series (T, R), raw scale; states before it are zeros.
    of
        The output, by number from 1 or by name.
    lags
        The largest lag; None for what the delays reach, 20 at most.
    top
        How many inputs are shown, the strongest.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    ax
        Where to draw; None for a new figure.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        x does not fit or is shorter than the lags, there is no such output, or the network has no inputs.
    MissingExtraError
        matplotlib is not installed.
    """
    i = chosen(of, outputs, "y", net.output_size)
    known = names(inputs, "x", net.input_size)
    name = names(outputs, "y", net.output_size)[i]
    widths = lag_widths(net, x)
    scale = widths.scale[i] if widths.outputs[i] > 0.0 else np.ones(net.input_size)
    derivatives = lag_derivatives(net, x, lags)[:, :, i, :] * scale
    order = np.argsort(-np.nansum(derivatives**2, axis=(0, 1)), kind="stable")[:top]
    ax = new_axes(ax, 6.5, 3.8)
    tidy(ax)
    places = np.arange(derivatives.shape[1])
    for number, j in enumerate(order):
        colour = LINES[number % len(LINES)]
        low, middle, high = quantiles(derivatives[:, :, j], (0.05, 0.5, 0.95))
        ax.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0.0)
        ax.plot(
            places,
            middle,
            color=colour,
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=1.3,
            label=known[j],
        )
    ax.axhline(0.0, color=BLACK, linewidth=0.8)
    ax.locator_params(axis="x", integer=True)
    ax.set_xlabel("lag k in time steps", fontsize=SMALL + 1)
    shares = f" · range of x / range of {name}" if widths.outputs[i] > 0.0 else ""
    ax.set_ylabel(f"d{name}(t)/dx(t − k){shares}", fontsize=SMALL)
    more = f"\nthe {len(order)} strongest of {net.input_size} inputs" if len(order) < net.input_size else ""
    ax.set_title(f"What a pulse does to {name}: median, band 5 to 95 %{more}", fontsize=SMALL + 1, loc="left")
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
