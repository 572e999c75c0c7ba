"""How well a network fits: outputs against targets, and the distribution of their differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.plots.style import (
    BLACK,
    GREY,
    MANY,
    MARKERS,
    SET_COLOURS,
    chosen,
    chosen_name,
    legend_below,
    panel,
    title,
    x_label,
    y_label,
)
from matnet.sensitivity.samples import Model, inputs_of, matrix, outputs_of, samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Sets = Mapping[str, NDArray[np.bool_]]
"""Flags (N,) by the name of the set."""

_ALL = "all samples"
_REST = "in no set"


@dataclass(frozen=True, eq=False)
class Fit:
    """Outputs and targets of one output for the samples of one set at which both are known.

    ``rmse`` is the root of the mean squared error, ``r2`` 1 − Σ(t − y)² / Σ(t − mean t)², NaN where all t are equal.
    """

    name: str
    y: FloatArray
    t: FloatArray

    @property
    def rmse(self) -> float:
        """In the unit of the output."""
        return float(np.sqrt(np.mean((self.t - self.y) ** 2))) if len(self.t) else float("nan")

    @property
    def r2(self) -> float:
        """The share of the targets' variance that the outputs explain."""
        spread = float(((self.t - self.t.mean()) ** 2).sum()) if len(self.t) else 0.0
        return 1.0 - float(((self.t - self.y) ** 2).sum()) / spread if spread > 0.0 else float("nan")


@dataclass(frozen=True, eq=False)
class FitData:
    """Outputs y (N, S) of a network and targets t (N, S) of the same samples."""

    y: FloatArray
    t: FloatArray

    def fits(self, i: int, sets: Sets | None = None) -> tuple[list[Fit], int]:
        """The fit of output i, from 0, in each set, and at how many samples target or output is NaN.

        Raises
        ------
        ShapeError
            The sets do not fit, or nothing is known at all.
        """
        y, t = self.y[:, i], self.t[:, i]
        known = np.isfinite(y) & np.isfinite(t)
        if not known.any():
            raise ShapeError(f"no sample has both a known output {i + 1} and a known target: nothing to compare")
        by_set = [Fit(name, y[flags & known], t[flags & known]) for name, flags in _flags(sets, len(y))]
        return [fit for fit in by_set if len(fit.t)], int(np.count_nonzero(~known))


def compared(net: Model, x: Any, t: Any, outputs: Sequence[str] | None = None, **states: Any) -> FitData:
    """The outputs at x beside their targets.

    Raises
    ------
    ShapeError
        x and t do not fit each other or the network.
    """
    if isinstance(net, Network) and net.dynamic:
        y = net.run(matrix(x, inputs_of(net), "x"), **states).outputs
    else:
        y = np.asarray(net(samples(net, x)))
    targets = matrix(t, outputs_of(net), "t", outputs)
    if len(targets) != len(y):
        raise ShapeError(f"t has {counted(len(targets), 'row')}, but x has {len(y):,}")
    return FitData(y, targets)


def fits(
    net: Model,
    x: Any,
    t: Any,
    of: int | str = 1,
    sets: Sets | None = None,
    outputs: Sequence[str] | None = None,
    **states: Any,
) -> tuple[list[Fit], int]:
    """The fit of an output in each set, and at how many samples target or output is NaN.

    Raises
    ------
    ShapeError
        x, t and sets do not fit each other or the network, or nothing is known at all.
    """
    both = compared(net, x, t, outputs, **states)
    return both.fits(chosen(of, outputs, outputs_of(net)), sets)


def _flags(sets: Sets | None, count: int) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not sets:
        yield _ALL, np.ones(count, dtype=bool)
        return
    rest = np.ones(count, dtype=bool)
    for name, flags in sets.items():
        if np.shape(flags) != (count,):
            raise ShapeError(
                f"the set '{name}' has flags for {counted(np.size(flags), 'sample')}, but there are {count}"
            )
        rest &= ~flags
        yield name, np.asarray(flags, dtype=bool)
    yield _REST, rest


def parity(
    net: Model,
    x: Any,
    t: Any,
    of: int | str = 1,
    sets: Sets | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """Outputs against targets: on the diagonal they agree.

    Parameters
    ----------
    net
        A static network, or an ensemble; or a dynamic network, then x and t are a series.
    x, t
        Samples (N, R) and targets (N, S), raw scale; samples whose target or output is NaN are left out.
    of
        The output, by number from 1 or by name.
    sets
        Flags (N,) by the name of the set, as ``TrainingRecord.members`` of the training record has them.
    outputs
        Names; y1 .. yS without them.
    ax
        Where to draw; None for a new figure.
    states
        ``input_states`` and ``layer_states`` of a dynamic network, as for ``Network.run``; zeros without them.

    Returns
    -------
    The Axes. The legend gives for each set the number of samples, the root of the mean squared error and R².

    Raises
    ------
    ShapeError
        x, t or sets do not fit, or there is nothing to compare.
    MissingExtraError
        matplotlib is not installed.
    """
    by_set, unknown = fits(net, x, t, of, sets, outputs, **states)
    name = chosen_name(of, outputs, outputs_of(net))
    ax = panel(ax, 5.0, 4.8)
    for number, fit in enumerate(by_set):
        r2 = "" if np.isnan(fit.r2) else f", R² {fit.r2:.4f}"
        _dots(ax, fit.t, fit.y, number, fit.name, f"{fit.name}: {len(fit.t):,}, rmse {fit.rmse:.3g}{r2}")
    everything = np.concatenate([values for fit in by_set for values in (fit.t, fit.y)])
    ends = [everything.min(), everything.max()]
    ax.plot(ends, ends, color=BLACK, linewidth=0.9, zorder=2)
    x_label(ax, f"target of {name}")
    y_label(ax, f"output {name}")
    title(ax, _with_unknown(f"Outputs against targets: {name}", unknown))
    legend_below(ax, 1)
    return ax


def _with_unknown(text: str, unknown: int) -> str:
    return f"{text}; {counted(unknown, 'sample')} with NaN left out" if unknown else text


def _dots(ax: Axes, x: FloatArray, y: FloatArray, number: int, set_name: str, label: str) -> None:
    ax.plot(
        x,
        y,
        linestyle="none",
        marker=MARKERS[number % len(MARKERS)],
        markersize=3.0 if len(x) > 500 else 4.5,
        color=SET_COLOURS.get(set_name, GREY),
        alpha=0.5 if len(x) > 100 else 0.8,
        markeredgewidth=0.0,
        label=label,
        rasterized=len(x) > MANY,
    )


def residuals(
    net: Model,
    x: Any,
    t: Any,
    of: int | str = 1,
    sets: Sets | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """Target minus output over the output: a good fit leaves a structureless band around 0.

    The parameters, returns and errors are those of ``parity``; dashed lines stand at plus and minus twice the rmse.
    """
    by_set, unknown = fits(net, x, t, of, sets, outputs, **states)
    name = chosen_name(of, outputs, outputs_of(net))
    ax = panel(ax, 6.0, 4.0)
    for number, fit in enumerate(by_set):
        _dots(ax, fit.y, fit.t - fit.y, number, fit.name, f"{fit.name}: mean {np.mean(fit.t - fit.y):.2g}")
    errors = np.concatenate([fit.t - fit.y for fit in by_set])
    twice = 2.0 * float(np.sqrt(np.mean(errors**2)))
    ax.axhline(0.0, color=BLACK, linewidth=0.9)
    for level in (-twice, twice):
        ax.axhline(level, color=GREY, linewidth=0.9, linestyle="--")
    x_label(ax, f"output {name}")
    y_label(ax, f"target − output of {name}")
    title(ax, _with_unknown(f"Residuals of {name}; dashed: ±2 rmse", unknown))
    legend_below(ax, len(by_set))
    return ax


def error_histogram(
    net: Model,
    x: Any,
    t: Any,
    of: int | str = 1,
    sets: Sets | None = None,
    outputs: Sequence[str] | None = None,
    ax: Axes | None = None,
    **states: Any,
) -> Axes:
    """How often each error, target minus output, occurs: stacked by set, as ploterrhist draws it.

    The parameters, returns and errors are those of ``parity``; the line stands at an error of 0.
    """
    by_set, unknown = fits(net, x, t, of, sets, outputs, **states)
    name = chosen_name(of, outputs, outputs_of(net))
    ax = panel(ax, 6.0, 4.0)
    errors = [fit.t - fit.y for fit in by_set]
    ax.hist(
        errors,
        bins=np.histogram_bin_edges(np.concatenate(errors), 20).tolist(),
        stacked=True,
        color=[SET_COLOURS.get(fit.name, GREY) for fit in by_set],
        label=[f"{fit.name}: {len(fit.t):,}" for fit in by_set],
        edgecolor="white",
        linewidth=0.4,
    )
    ax.axvline(0.0, color=BLACK, linewidth=0.9)
    x_label(ax, f"target − output of {name}")
    y_label(ax, "samples")
    title(ax, _with_unknown(f"Errors of {name}", unknown))
    legend_below(ax, len(by_set))
    return ax
