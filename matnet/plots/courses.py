"""Plots of dynamic networks: outputs over a series, the impulse response, and the autocorrelation of errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.plots.style import (
    BLACK,
    BLUE,
    ORANGE,
    VERMILION,
    chosen,
    legend_below,
    line_style,
    names,
    panel,
    title,
    x_label,
    y_label,
)
from matnet.sensitivity.lags import first_lag, lag_derivatives, lag_widths
from matnet.sensitivity.measures import quantiles
from matnet.sensitivity.samples import inputs_of, matrix, outputs_of
from matnet.sensitivity.samples import series as checked_series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 7

_MOST_ANSWERS = 60
"""At so many steps at most it is computed what a network would answer if the series ended there."""


def series(
    net: Network,
    x: Any = None,
    t: Any = None,
    of: int | str = 1,
    steps: int | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    first_step: int = 1,
    **states: Any,
) -> Axes:
    """An output over the steps of a series, with its targets if given.

    Of an output that there is only at the end of a series, the answer to the steps up to each: the last one, a dot, is
    that to the series.

    Parameters
    ----------
    net
        A dynamic network.
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
    first_step
        The number of the first step on the axis.
    states
        ``input_states`` and ``layer_states``, as for ``Network.run``; zeros without them.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        The network is static, x or t does not fit, or there is no such output.
    MissingExtraError
        matplotlib is not installed.
    """
    given = None if x is None else checked_series(net, x)
    _check_dynamic(net, "series")
    y = net.run(given, steps=steps, **states).outputs
    i = chosen(of, outputs, outputs_of(net))
    ends = net.structure.ends and not np.isfinite(y[:-1, i]).any()
    if ends and given is not None:
        y = _answers(net, given, states)
    name = names(outputs, outputs_of(net))[i]
    ax = panel(ax, 7.5, 3.2)
    time = np.arange(first_step, first_step + len(y))
    curves = [y[:, i]]
    if t is not None:
        targets = matrix(t, outputs_of(net), "t", outputs)
        if len(targets) != len(y):
            raise ShapeError(f"t has {counted(len(targets), 'row')}, but the series has {counted(len(y), 'step')}")
        curves.append(targets[:, i])
        marker = "o" if ends else None
        ax.plot(time, targets[:, i], color=ORANGE, linewidth=3.2, alpha=0.7, marker=marker, label="target")
    computed = np.isfinite(y[:, i]) if ends else np.ones(len(y), dtype=np.bool_)
    ax.plot(time[computed], y[computed, i], color=BLUE, linewidth=1.1, label="output")
    if ends:
        ax.plot(time[-1], y[-1, i], color=BLUE, marker="o", linestyle="none")
    x_label(ax, "time step")
    y_label(ax, name)
    start = "the network's own" if net.structure.starts_elsewhere else "zero"
    what = f"{name} if the series ended at each step" if ends else f"{name} over the series"
    started = [] if states else [f"{what}, starting from {start} states"]
    if not states and _limit(ax, curves, net.structure.input_delay + net.structure.layer_delay):
        started.append("the first steps, before the delays are filled, exceed the axis")
    title(ax, "; ".join(started) or what)
    if t is not None:
        legend_below(ax, 2)
    return ax


def _answers(net: Network, x: FloatArray, states: dict[str, Any]) -> FloatArray:
    """(T, S): the outputs at the end of the steps up to each; NaN where they are left out."""
    found = np.full((len(x), net.output_size), np.nan)
    for time in np.unique(np.linspace(0, len(x) - 1, _MOST_ANSWERS).astype(int)).tolist():
        found[time] = net.run(x[: time + 1], **states).outputs[-1]
    return found


def _check_dynamic(net: Network, kind: str) -> None:
    if not net.dynamic:
        raise ShapeError(
            f"{kind} is a plot of dynamic networks, but this network is static: its samples have no order in time; "
            "use response, sensitivity or parity"
        )


def _limit(ax: Axes, curves: Sequence[FloatArray], delay: int) -> bool:
    """Fit the vertical axis to the steps after the delays if those before would take most of it."""
    late = np.concatenate([curve[delay:] for curve in curves])
    late = late[np.isfinite(late)]
    if delay == 0 or len(late) < 2 * len(curves) * delay:
        return False
    low, high = late.min(), late.max()
    early = np.concatenate([curve[:delay] for curve in curves])
    early = early[np.isfinite(early)]
    pad = 0.06 * (high - low)
    if not len(early) or pad == 0.0 or (early.min() >= low - 10.0 * pad and early.max() <= high + 10.0 * pad):
        return False
    ax.set_ylim(low - pad, high + pad)
    return True


def error_autocorrelation(
    net: Network,
    x: Any,
    t: Any,
    of: int | str = 1,
    lags: int = 20,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """The autocorrelation of the errors of a dynamic network by lag, as ploterrcorr draws it.

    r(k) = Σ e(t) e(t + k) / T over the steps whose error is known; r(0) is the mean squared error. Uncorrelated errors,
    i.e. of a network that uses all information in the data, lie within the dashed limits, ±1.96 r(0) / √T, at 95 % of
    the lags beyond 0.

    Parameters
    ----------
    net
        A dynamic network.
    x, t
        The series (T, R) and its targets (T, S), raw scale; steps where target or output is NaN count as no error.
    of
        The output, by number from 1 or by name.
    lags
        The largest lag.
    outputs
        Names; y1 .. yS without them.
    ax
        Where to draw; None for a new figure.
    states
        ``input_states`` and ``layer_states``, as for ``Network.run``; zeros without them. The steps before all delays
        are filled are left out where no states are given.

    Returns
    -------
    The Axes.

    Raises
    ------
    ShapeError
        The network is static, x or t does not fit, or the series is not longer than `lags`.
    MissingExtraError
        matplotlib is not installed.
    """
    _check_dynamic(net, "error-autocorrelation")
    given, targets = checked_series(net, x), matrix(t, outputs_of(net), "t", outputs)
    if len(targets) != len(given):
        raise ShapeError(f"t has {counted(len(targets), 'row')}, but the series has {counted(len(given), 'step')}")
    i = chosen(of, outputs, outputs_of(net))
    name = names(outputs, outputs_of(net))[i]
    errors = targets[:, i] - net.run(given, **states).outputs[:, i]
    if not states:
        errors = errors[net.structure.input_delay + net.structure.layer_delay :]
    if len(errors) <= lags:
        raise ShapeError(
            f"{counted(lags, 'lag')} need a longer series, this one has {counted(len(errors), 'step')} with an error"
        )
    values, limit = autocorrelation(errors, lags)
    ax = panel(ax, 6.5, 3.8)
    places = np.arange(lags + 1)
    ax.bar(places, values, color=BLUE, width=0.6)
    ax.axhline(0.0, color=BLACK, linewidth=0.8)
    for level in (-limit, limit):
        ax.axhline(level, color=VERMILION, linewidth=0.9, linestyle="--")
    ax.locator_params(axis="x", integer=True)
    x_label(ax, "lag in time steps")
    y_label(ax, f"autocorrelation of the error of {name}")
    title(ax, f"Error autocorrelation of {name}; dashed: 95 % limits without correlation")
    return ax


def autocorrelation(errors: FloatArray, lags: int) -> tuple[FloatArray, float]:
    """r(0) .. r(lags) of errors (T,), ignoring NaN, and the 95 % limit for uncorrelated errors."""
    known = np.where(np.isfinite(errors), errors, 0.0)
    count = max(int(np.isfinite(errors).sum()), 1)
    values = np.array([known[: len(known) - lag] @ known[lag:] for lag in range(lags + 1)]) / count
    return values, float(1.96 * values[0] / np.sqrt(count))


def lags(
    net: Network,
    x: Any,
    of: int | str = 1,
    lags: int | None = None,
    top: int = TOP,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """The impulse response dy(t)/dx(t − k) by lag k: what a unit pulse of an input changes in the output k steps later.

    The line is the median over the steps of the series, the band spans 5 to 95 % of them; in a linear network there is
    no band. Derivatives are multiplied by the input's range over the output's, unless that is 0. Of a network that
    looks ahead, lags below 0 show what a pulse changes in the outputs before it; of one that gives one answer to a
    whole series, lags count back from its last step.

    Parameters
    ----------
    net
        A dynamic network.
    x
        A series (T, R), raw scale.
    of
        The output, by number from 1 or by name.
    lags
        The largest lag; None for the longest that the delays reach, at most 20 and half of the steps.
    top
        How many inputs are shown, the strongest.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
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
        x does not fit or is shorter than the lags, there is no such output, or the network has no inputs.
    MissingExtraError
        matplotlib is not installed.
    """
    _check_dynamic(net, "lags")
    x = checked_series(net, x, inputs) if net.input_size else x
    i = chosen(of, outputs, outputs_of(net))
    known = names(inputs, inputs_of(net))
    name = names(outputs, outputs_of(net))[i]
    widths = lag_widths(net, x, **states)
    scale = widths.scale[i] if widths.outputs[i] > 0.0 else np.ones(net.input_size)
    derivatives = lag_derivatives(net, x, lags, **states)[:, :, i, :] * scale
    order = np.argsort(-np.nansum(derivatives**2, axis=(0, 1)), kind="stable")[:top]
    ax = panel(ax, 6.5, 3.8)
    places = np.arange(derivatives.shape[1]) + first_lag(net, derivatives.shape[1])
    for number, j in enumerate(order):
        style = line_style(number)
        low, middle, high = quantiles(derivatives[:, :, j], (0.05, 0.5, 0.95))
        ax.fill_between(places, low, high, color=style["color"], alpha=0.18, linewidth=0.0)
        ax.plot(
            places,
            middle,
            linewidth=1.3,
            label=known[j],
            **style,
        )
    ax.axhline(0.0, color=BLACK, linewidth=0.8)
    ax.locator_params(axis="x", integer=True)
    x_label(ax, "lag k in time steps")
    shares = f" · range of x / range of {name}" if widths.outputs[i] > 0.0 else ""
    y_label(ax, f"d{name}(t)/dx(t − k){shares}")
    more = f"; the {len(order)} strongest of {net.input_size} inputs" if len(order) < net.input_size else ""
    shown = " at the last step" if net.structure.ends else ": median, band 5 to 95 %"
    title(ax, f"Impulse response of {name}{shown}{more}")
    legend_below(ax, len(order))
    return ax
