"""Comparison of analytic with numerical derivatives, at the user's samples or at generated ones.

If every row of the network is analytic, the numerical derivative is a complex step, exact to rounding: dy/dx_j = Im y(x
+ ih e_j)/h. Otherwise, and where the complex step overflows although the output does not, it is a central difference,
extrapolated from two steps, with the difference between the two as its error estimate; of several step sizes each
element takes the one with the smallest estimate. Both use values only, so an error in a derivative cannot hide in them.
An output that is not finite has no derivative and is not compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.network.arguments import analytic_throughout
from matnet.proof.distances import distances
from matnet.simulate import Program, TransferStep, WeightStep

_COMPLEX_STEP = 1e-30
_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # of the width of the input's range
_ROUNDING = 1e-10  # allowed difference of complex step and analytic form, of the element's largest derivative
_COARSE = 1e-6  # the same for differences, whose best step is chosen by its own estimate
_RESOLVED = 1e-4  # an error estimate of a tenth of this share of the largest derivative leaves it unresolved


@dataclass(frozen=True)
class Element:
    """One derivative dy_i/dx_j (per lag if dynamic) at the sample where it differs most; indices count from 0.

    ``verdict`` is "agrees", "differs", "kink" (every sample that disagrees lies where the derivative jumps),
    "unresolved" (the numerical derivative is too rough to say) or "undefined" (the output is finite at no sample).
    """

    output: int
    input: int
    lag: int
    sample: int
    analytic: float
    numerical: float
    estimate: float
    verdict: str

    @property
    def difference(self) -> float:
        """|analytic − numerical|."""
        return abs(self.analytic - self.numerical)


@dataclass(frozen=True)
class Check:
    """The elements, worst first; how they were checked, and over how many samples.

    ``at_kinks`` counts the samples at a kink, ``undefined`` those with an output that is not finite.
    """

    elements: tuple[Element, ...]
    method: str
    samples: int
    at_kinks: int
    undefined: int

    @property
    def agrees(self) -> bool:
        """Whether no element differs."""
        return all(element.verdict != "differs" for element in self.elements)

    @property
    def summary(self) -> str:
        """How many elements agree, differ or say nothing, over which samples, in one line."""
        if not self.elements:
            return "there are no derivatives to check: the network has neither inputs nor delays"
        counts = Counter(element.verdict for element in self.elements)
        parts = [f"{counts['agrees']} of {len(self.elements)} derivatives agree"]
        for verdict, words in (
            ("differs", "differ"),
            ("kink", "disagree only at a kink"),
            ("unresolved", "cannot be resolved numerically"),
            ("undefined", "have no sample with a finite output"),
        ):
            parts += [f"{counts[verdict]} {words}"] if counts[verdict] else []
        parts[-1] += f": {self.method}"
        parts += [f"{self.samples} sample{'' if self.samples == 1 else 's'}"]
        parts += [f"{self.at_kinks} of them near a kink"] if self.at_kinks else []
        parts += [f"{self.undefined} of them with outputs that are not finite"] if self.undefined else []
        return ", ".join(parts)


def check(network: Network, x: FloatArray | None = None, count: int = 20, **states: FloatArray) -> Check:
    """Compare the network's Jacobian with a numerical one.

    Parameters
    ----------
    network
        Static or dynamic.
    x
        Samples (N, R) at raw scale, for a dynamic network a series (T, R); None for `count` generated points in the
        training range.
    count
        Number of generated points.
    states
        ``input_states`` and ``layer_states`` before a series, as for ``Network.run``; zeros without them.

    Raises
    ------
    ShapeError
        x does not fit the network.
    """
    box = input_box(network.structure)
    if x is None and network.dynamic:
        count = 2 * (network.structure.input_delay + network.structure.layer_delay) + 3
    samples = points_in(box, count) if x is None else x
    if len(samples) == 0:
        raise ShapeError("there are no samples to check the derivatives on")
    if network.dynamic:
        return _check_series(network, samples, box, **states)
    analytic = network.jacobian(samples)
    widths = _widths(samples, box)
    if analytic_throughout(network.program):
        numerical, estimate = _complex_step(network, samples, analytic, widths)
        method = "complex step"
    else:
        numerical, estimate = _differences(network, samples, widths)
        method = "central differences"
    kinks = _at_kinks(network, samples, widths)
    by_lag = (analytic[:, None], numerical[:, None], estimate[:, None])
    return _summary(*by_lag, kinks, method, widths, np.asarray(network(samples)))


def _widths(x: FloatArray, box: FloatArray) -> FloatArray:
    """The scale of each input: the width of its range, or its magnitude if that is much larger."""
    with np.errstate(invalid="ignore"):
        own = 1e-6 * np.nan_to_num(np.abs(x)).max(axis=0, initial=0.0)
        return np.asarray(np.maximum(box[:, 1] - box[:, 0], own))


def _complex_step(
    network: Network, x: FloatArray, analytic: FloatArray, widths: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Numerical Jacobian (N, S, R) and its error estimate, 0 where the complex step is exact to rounding.

    A complex exponential overflows earlier than the real function around it; there finite differences are used.
    """
    columns = []
    for j in range(x.shape[-1]):
        moved = x.astype(np.complex128)
        moved[:, j] += 1j * _COMPLEX_STEP
        with np.errstate(all="ignore"):
            columns.append(np.asarray(network(moved)).imag / _COMPLEX_STEP)
    numerical = np.stack(columns, axis=-1)
    estimate = np.zeros_like(numerical)
    overflown = ~np.isfinite(numerical) & np.isfinite(analytic)
    rows = overflown.any(axis=(1, 2))
    if rows.any():
        differences, error = _differences(network, x[rows], widths)
        # the least error of a finite difference, even if its own estimate is smaller
        error = np.maximum(error, 0.1 * _COARSE * np.abs(analytic[rows]))
        numerical[rows] = np.where(overflown[rows], differences, numerical[rows])
        estimate[rows] = np.where(overflown[rows], error, 0.0)
    return numerical, estimate


def _differences(network: Network, x: FloatArray, widths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Numerical Jacobian (N, S, R) and its error estimate."""
    directions = np.diag(widths)[:, None, :]

    def along(share: float) -> FloatArray:
        return np.asarray(network(x + share * directions))

    numerical, estimate = _best_difference(along, widths[:, None, None])
    return np.moveaxis(numerical, 0, -1), np.moveaxis(estimate, 0, -1)


def _best_difference(along: Callable[[float], FloatArray], widths: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The derivative of `along(share)` at 0 with respect to share·widths, each element from its best step size.

    The best step is the one that extrapolation changes least; the estimate is that change plus the effect of rounding.
    """
    best: list[FloatArray] = []
    for share in _STEPS:
        step = share * widths
        with np.errstate(all="ignore"):
            coarse = (along(share) - along(-share)) / (2.0 * step)
            above, below = along(0.5 * share), along(-0.5 * share)
            fine = (above - below) / step
            rounding = 4.0 * np.finfo(np.float64).eps * np.maximum(np.abs(above), np.abs(below)) / step
            found = [fine + (fine - coarse) / 3.0, np.abs(fine - coarse) + rounding]
        if best:
            better = (found[1] < best[1]) | np.isnan(best[1])
            found = [np.where(better, new, old) for new, old in zip(found, best, strict=True)]
        best = found
    return best[0], best[1]


def _at_kinks(network: Network, x: FloatArray, widths: FloatArray) -> FloatArray:
    """1.0 for the samples (N,) with a kink within the smallest difference step."""
    found = np.zeros(len(x), dtype=bool)
    here = _pieces(network.program, x)
    for j, width in enumerate(widths):
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[:, j] += sign * _STEPS[-1] * width
            found |= (_pieces(network.program, moved) != here).any(axis=-1)
    return found.astype(float)


def _pieces(program: Program, x: FloatArray) -> FloatArray:
    """Which piece of each piecewise row a sample is on, (N, number): it changes across a kink."""
    with np.errstate(all="ignore"):
        values = program.run(x)
        parts = [np.zeros((len(x), 1))]
        for step in program.steps:
            if isinstance(step, TransferStep):
                n = values[step.sources[0]]
                parts += [(n >= kink).astype(float) for kink in step.row.kinks]
                if step.row.coupled and step.row.stepwise:
                    parts.append(np.nan_to_num(values[step.target]))
            elif isinstance(step, WeightStep) and not step.row.linear:
                parts.append(_weight_pieces(step, values[step.sources[0]], values[step.target]))
    return np.concatenate(
        [part for part in parts if part.ndim == 2], axis=-1
    )  # a layer with only a bias has no batch axis


def _weight_pieces(step: WeightStep, p: FloatArray, z: FloatArray) -> FloatArray:
    if not step.row.analytic:
        # the slopes along three directions tell pieces apart as well as those along all axes, which may be thousands
        slopes = step.row.tangent(step.w, p, z, np.random.default_rng(0).normal(size=(1, 3, p.shape[-1])))
        return np.asarray(slopes, dtype=np.float64).reshape(len(p), -1)
    if step.row.square is not None:
        # a distance of 0 is a kink by itself: NaN is unequal to every piece, including itself
        return np.where(np.abs(z) > 1e-4 * (1.0 + np.abs(p).max(axis=-1, keepdims=True)), 1.0, np.nan)
    return np.zeros((len(p), 0))


def _check_series(
    network: Network,
    x: FloatArray,
    box: FloatArray,
    input_states: FloatArray | None = None,
    layer_states: FloatArray | None = None,
) -> Check:
    """A dynamic network: dy(t)/dx(t − lag) up to the sum of its longest delays."""
    structure = network.structure
    if network.input_size == 0:
        return _check_states(network)
    steps, size = x.shape
    lags = structure.input_delay + structure.layer_delay
    sizes = (structure.input_delay, size), (structure.layer_delay, structure.layer_elements)
    before = [
        np.zeros(shape) if given is None else given
        for shape, given in zip(sizes, (input_states, layer_states), strict=True)
    ]
    analytic = network.run_jacobian(x, lags=lags, input_states=before[0], layer_states=before[1])
    widths = _widths(x, box)
    directions = np.eye(steps * size).reshape(-1, steps, size) * widths
    repeated = [np.broadcast_to(states, (len(directions), *states.shape)) for states in before]

    def along(share: float) -> FloatArray:
        return network.run(x + share * directions, repeated[0], repeated[1]).outputs

    by_step = _best_difference(along, np.tile(widths, steps)[:, None, None])
    numerical, estimate = (_by_lag(array.reshape(steps, size, steps, -1), lags) for array in by_step)
    kinks = _kinks_of_series(network, x, x + _STEPS[-1] * np.concatenate([directions, -directions]), before)
    y = network.run(x, before[0], before[1]).outputs
    return _summary(analytic, numerical, estimate, kinks, "central differences over a series", widths, y)


def _kinks_of_series(network: Network, x: FloatArray, moved: FloatArray, before: Sequence[FloatArray]) -> FloatArray:
    """1.0 for the steps (T,) at which a row is on another piece in one of the moved series (D, T, R)."""
    series = network.series
    pieces = []
    for batch in (x[None], moved):
        histories = series.histories(batch, *(np.repeat(states[None], len(batch), axis=0) for states in before))
        argument = series.argument(histories[0], histories[1], slice(0, len(x)))
        pieces.append(_pieces(network.program, argument.reshape(-1, argument.shape[-1])))
    changed = pieces[1].reshape(len(moved), *pieces[0].shape) != pieces[0]
    return np.asarray(changed.any(axis=(0, 2)), dtype=np.float64)


def _by_lag(by_step: FloatArray, lags: int) -> FloatArray:
    """Derivatives (s, R, t, S) of step t with respect to step s as (t, lags + 1, S, R), 0 before the series."""
    steps, size, _, outputs = by_step.shape
    found = np.zeros((steps, lags + 1, outputs, size))
    for time in range(steps):
        for lag in range(min(lags, time) + 1):
            found[time, lag] = by_step[time - lag, :, time].T
    return found


def _check_states(network: Network) -> Check:
    """A network without inputs: its outputs by the initial layer states, of which one without delays has none."""
    delay, neurons = network.structure.layer_delay, network.structure.layer_elements
    if not delay:
        return Check((), "", samples=0, at_kinks=0, undefined=0)
    start = 0.5 * points_in(np.tile([-1.0, 1.0], (neurons, 1)), delay + 3)[3:]
    steps = 3 * delay
    analytic = network.run_jacobian(steps=steps, wrt="layer_states", layer_states=start)
    directions = np.eye(start.size).reshape(-1, *start.shape)

    def along(share: float) -> FloatArray:
        return network.run(steps=steps, layer_states=start + share * directions).outputs

    by_state = [
        np.moveaxis(array.reshape(delay, neurons, steps, -1), (0, 1), (1, 3))
        for array in _best_difference(along, np.ones(1))
    ]
    method, y = (
        "central differences with respect to the initial states",
        network.run(steps=steps, layer_states=start).outputs,
    )
    by_age = (np.moveaxis(analytic, 2, 1), by_state[0], by_state[1])
    return _summary(*by_age, np.zeros(steps), method, np.ones(neurons), y)


def _summary(
    analytic: FloatArray,
    numerical: FloatArray,
    estimate: FloatArray,
    kinks: FloatArray,
    method: str,
    widths: FloatArray,
    y: FloatArray,
) -> Check:
    """Arrays (N, lags, S, R) and outputs (N, S) -> for every element its worst sample, the worst element first."""
    # a derivative matters by how much it changes its output over the input's range, relative to that output's size
    usual = np.nan_to_num(np.abs(y)).max(axis=0, initial=0.0)
    elements = []
    defined = np.isfinite(y)
    for lag, i, j in np.ndindex(*analytic.shape[1:]):
        compared = _ElementSamples(
            analytic[:, lag, i, j], numerical[:, lag, i, j], estimate[:, lag, i, j], kinks == 1.0, defined[:, i]
        )
        floor = _ROUNDING if method == "complex step" else _COARSE
        elements.append(compared.worst((i, j, lag), floor, float(usual[i] / widths[j])))
    order = {"differs": 0, "unresolved": 1, "undefined": 2, "kink": 3, "agrees": 4}
    elements.sort(key=lambda element: (order[element.verdict], -element.difference))
    undefined = int((~defined.all(axis=1)).sum())
    return Check(tuple(elements), method, len(analytic), int(kinks.sum()), undefined)


@dataclass(frozen=True, eq=False)
class _ElementSamples:
    """One element over all samples: analytic, numerical and its error estimate.

    ``at_kink`` says which samples lie at a kink, ``defined`` at which the output is finite.
    """

    analytic: FloatArray
    numerical: FloatArray
    estimate: FloatArray
    at_kink: NDArray[np.bool_]
    defined: NDArray[np.bool_]

    def worst(self, place: tuple[int, int, int], floor: float, usual: float) -> Element:
        """The element's verdict, with the sample that shows it most clearly."""
        a, b = self.analytic, self.numerical
        finite = np.isfinite(a) & np.isfinite(b)
        scale = np.abs(a[finite]).max(initial=0.0)
        apart = distances(a, b)
        error = np.where(finite, self.estimate, 0.0)
        beyond = self.defined & (apart > np.maximum(10.0 * error, floor * scale))
        rough = self.defined & (10.0 * error > _RESOLVED * max(scale, usual))
        for verdict, which, measure in (
            ("differs", beyond & ~self.at_kink, apart),
            ("unresolved", rough & ~self.at_kink, error),
            ("undefined", np.full(len(a), not self.defined.any()), apart),
            ("kink", beyond & self.at_kink, apart),
            ("agrees", self.defined & ~self.at_kink, apart),
        ):
            if which.any() or verdict == "agrees":
                sample = int(np.argmax(np.where(which, measure, -1.0)))
                break
        i, j, lag = place
        return Element(i, j, lag, sample, float(a[sample]), float(b[sample]), float(self.estimate[sample]), verdict)
