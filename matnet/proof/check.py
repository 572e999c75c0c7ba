"""Comparison of analytic with numerical derivatives, at the user's samples or at generated ones.

If every row of the network is analytic, the numerical derivative is a complex step, exact to rounding: dy/dx_j = Im y(x
+ ih e_j)/h. Otherwise, and where the complex step overflows although the output does not, it is a central difference,
extrapolated from two steps, with the difference between the two as its error estimate; of several step sizes each
element takes the one with the smallest estimate. Both use values only, so an error in a derivative cannot hide in them.
An output that is not finite has no derivative and is not compared.

Where there are many inputs, as in an image, one change of all of them at a time replaces the change of each: along a
few random directions v the analytic J v is compared with the numerical derivative. Every element of J has its share in
it, so that a wrong one shows, unless it is smaller than the tolerance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in, sample_points
from matnet.network import Network
from matnet.network.arguments import analytic_throughout
from matnet.network.names import derivative_name
from matnet.proof.distances import distances
from matnet.simulate import Program, TransferStep, WeightStep

_COMPLEX_STEP = 1e-30
_STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # of the width of the input's range
_ROUNDING = 1e-10  # allowed difference of complex step and analytic form, of the element's largest derivative
_COARSE = 1e-6  # the same for differences, whose best step is chosen by its own estimate
_MOST_INPUTS = 256  # with more inputs, directions are checked
_DIRECTIONS = 3  # how many
_RESOLVED = 1e-4  # an error estimate of a tenth of this share of the largest derivative leaves it unresolved


@dataclass(frozen=True)
class Element:
    """One derivative dy_i/dx_j (per lag if dynamic) at the sample where it differs most; indices count from 0.

    Where directions are checked, ``input`` is the number of the direction v and the derivative is Σ_j dy_i/dx_j v_j.
    ``verdict`` is "agrees", "differs", "kink" (every sample that disagrees lies where the derivative jumps; along
    directions, every sample lies there), "unresolved" (the numerical derivative is too rough to say) or "undefined"
    (the output is finite at no sample).
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

    ``at_kinks`` counts the samples at a kink, ``undefined`` those with an output that is not finite. ``directions`` is
    the number of random directions of all inputs that were checked; 0 if each input was.
    """

    elements: tuple[Element, ...]
    method: str
    samples: int
    at_kinks: int
    undefined: int
    directions: int = 0

    def name(self, element: Element, outputs: Sequence[str], inputs: Sequence[str]) -> str:
        """What an element is called: ``dy1_dx2``, or ``dy1 along direction 2``."""
        if self.directions:
            return f"d{outputs[element.output]} along direction {element.input + 1}"
        return derivative_name(outputs[element.output], inputs[element.input], element.lag)

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
        of = f" along {self.directions} random directions" if self.directions else ""
        parts = [f"{counts['agrees']} of {len(self.elements)} derivatives{of} agree"]
        for verdict, words in (
            ("differs", "differ"),
            ("kink", "disagree only at a kink"),
            ("unresolved", "cannot be resolved numerically"),
            ("undefined", "have no sample with a finite output"),
        ):
            parts += [f"{counts[verdict]} {words}"] if counts[verdict] else []
        parts[-1] += f": {self.method}"
        parts += [counted(self.samples, "sample")]
        parts += [f"{self.at_kinks} of them near a kink"] if self.at_kinks else []
        parts += [f"{self.undefined} of them with outputs that are not finite"] if self.undefined else []
        return ", ".join(parts)


def check(
    network: Network, x: FloatArray | None = None, count: int = 20, directions: int | None = None, **states: FloatArray
) -> Check:
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
    directions
        How many random directions of all inputs are compared; 0 for each input separately; None for 3 if a static
        network has more than 256 inputs, else 0.
    states
        ``input_states`` and ``layer_states`` before a series, as for ``Network.run``; zeros without them.

    Raises
    ------
    ShapeError
        x does not fit the network, or directions are asked for of a dynamic network.
    """
    if network.dynamic and directions:
        raise ShapeError(f"directions={directions}: a dynamic network is checked input by input")
    if x is not None and x.shape[1:] != (network.input_size,):
        raise ShapeError(f"x has shape {x.shape}, expected (N, {network.input_size})")
    box = input_box(network.structure)
    if x is None and network.dynamic:
        count = 2 * (network.structure.input_delay + network.structure.layer_delay) + 3
    if directions is None:
        directions = _DIRECTIONS if network.input_size > _MOST_INPUTS and not network.dynamic else 0
    samples = sample_points(network.structure, count) if x is None else x
    if len(samples) == 0:
        raise ShapeError("there are no samples to check the derivatives on")
    if network.dynamic:
        return _check_series(network, samples, box, **states)
    widths = _widths(samples, box)
    # inputs far from 1 are changed by as much of their range as the others
    changes = _random_directions(directions, widths) if directions else np.diag(widths)
    analytic = _along(network, samples, changes if directions else None)
    sizes = np.ones(directions) if directions else widths
    if analytic_throughout(network.program):
        numerical, estimate = _complex_step(network, samples, analytic, changes, sizes)
        method = "complex step"
    else:
        numerical, estimate = _differences(network, samples, changes, sizes)
        method = "central differences"
    kinks = _at_kinks(network, samples, changes)
    by_lag = (analytic[:, None], numerical[:, None], estimate[:, None])
    return _summary(*by_lag, kinks, method, sizes, np.asarray(network(samples)), directions)


def _random_directions(count: int, widths: FloatArray) -> FloatArray:
    """(count, R): each input changes by a random share of its width, up or down."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, (count, len(widths))) * widths


def _along(network: Network, x: FloatArray, directions: FloatArray | None) -> FloatArray:
    """The Jacobian (N, S, R), or along directions (K, R) its products (N, S, K), sample by sample to spare memory."""
    if directions is None:
        return np.asarray(network.jacobian(x))
    return np.stack([np.asarray(network.jacobian(sample)) @ directions.T for sample in x])


def _widths(x: FloatArray, box: FloatArray) -> FloatArray:
    """The scale of each input: the width of its range, or its magnitude if that is much larger."""
    with np.errstate(invalid="ignore"):
        own = 1e-6 * np.where(np.isfinite(x), np.abs(x), 0.0).max(axis=0, initial=0.0)
        return np.asarray(np.maximum(box[:, 1] - box[:, 0], own))


def _complex_step(
    network: Network, x: FloatArray, analytic: FloatArray, changes: FloatArray, sizes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives (N, S, K) by sizes·k along the changes (K, R), and their error estimates, 0 where exact to rounding.

    A complex exponential overflows earlier than the real function around it; there finite differences are used.
    """
    columns = []
    for change, size in zip(changes, sizes, strict=True):
        with np.errstate(all="ignore"):
            columns.append(np.asarray(network(x + 1j * _COMPLEX_STEP * (change / size))).imag / _COMPLEX_STEP)
    numerical = np.stack(columns, axis=-1)
    estimate = np.zeros_like(numerical)
    overflown = ~np.isfinite(numerical) & np.isfinite(analytic)
    rows = overflown.any(axis=(1, 2))
    if rows.any():
        differences, error = _differences(network, x[rows], changes, sizes)
        # the least error of a finite difference, even if its own estimate is smaller
        error = np.maximum(error, 0.1 * _COARSE * np.abs(analytic[rows]))
        numerical[rows] = np.where(overflown[rows], differences, numerical[rows])
        estimate[rows] = np.where(overflown[rows], error, 0.0)
    return numerical, estimate


def _differences(
    network: Network, x: FloatArray, changes: FloatArray, sizes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Derivatives (N, S, K) along the changes (K, R), each per its size, and their error estimates."""

    def along(share: float) -> FloatArray:
        return np.asarray(network(x + share * changes[:, None, :]))

    numerical, estimate = _best_difference(along, sizes[:, None, None])
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
            trial = [fine + (fine - coarse) / 3.0, np.abs(fine - coarse) + rounding]
        if best:
            better = (trial[1] < best[1]) | np.isnan(best[1])
            trial = [np.where(better, new, old) for new, old in zip(trial, best, strict=True)]
        best = trial
    return best[0], best[1]


def _at_kinks(network: Network, x: FloatArray, changes: FloatArray) -> FloatArray:
    """1.0 for the samples (N,) with a kink within the smallest difference step along a change (K, R)."""
    kinks = np.zeros(len(x), dtype=bool)
    here = _pieces(network.program, x)
    for change in changes:
        for sign in (1.0, -1.0):
            moved = x + sign * _STEPS[-1] * change
            kinks |= (_pieces(network.program, moved) != here).any(axis=1)
    return kinks.astype(float)


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
        [part for part in parts if part.ndim == 2], axis=1
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
    """A dynamic network: dy(t)/dx(t − lag) up to the sum of its longest delays, ahead too where it looks there.

    Where there is an output at the last step alone, to the first step of the series.
    """
    structure = network.structure
    if network.input_size == 0:
        return _check_states(network)
    steps, size = x.shape
    reach = structure.input_delay + structure.layer_delay
    lags, leads = (steps - 1 if structure.ends else reach), (reach if structure.looks_ahead else 0)
    before = [
        initial if given is None else given
        for given, initial in (
            (input_states, np.zeros((structure.input_delay, size))),
            (layer_states, structure.initial_states()),
        )
    ]
    analytic = network.run_jacobian(x, lags=lags, input_states=before[0], layer_states=before[1], leads=leads)
    widths = _widths(x, box)
    directions = np.eye(steps * size).reshape(-1, steps, size) * widths
    repeated = [np.broadcast_to(states, (len(directions), *states.shape)) for states in before]

    def along(share: float) -> FloatArray:
        return network.run(x + share * directions, repeated[0], repeated[1]).outputs

    by_step = _best_difference(along, np.tile(widths, steps)[:, None, None])
    numerical, estimate = (_by_lag(array.reshape(steps, size, steps, -1), lags, leads) for array in by_step)
    kinks = _kinks_of_series(network, x, x + _STEPS[-1] * np.concatenate([directions, -directions]), before)
    y = network.run(x, before[0], before[1]).outputs
    found = _summary(analytic, numerical, estimate, kinks, "central differences over a series", widths, y)
    # lags below 0 come last
    elements = (replace(one, lag=one.lag - lags - 1 - leads) if one.lag > lags else one for one in found.elements)
    return replace(found, elements=tuple(elements))


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


def _by_lag(by_step: FloatArray, lags: int, leads: int) -> FloatArray:
    """Derivatives (s, R, t, S) of step t with respect to step s as (t, lags + 1 + leads, S, R), 0 outside of it."""
    steps, size, _, outputs = by_step.shape
    by_lag = np.zeros((steps, lags + 1 + leads, outputs, size))
    for time in range(steps):
        for lag in range(max(-leads, time - steps + 1), min(lags, time) + 1):
            by_lag[time, lag] = by_step[time - lag, :, time].T
    return by_lag


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
        for array in _best_difference(along, np.array(1.0))
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
    directions: int = 0,
) -> Check:
    """Arrays (N, lags, S, K) and outputs (N, S) -> for every element its worst sample, the worst element first."""
    at_kink, all_at_kinks = (kinks == 1.0)[:, None, None, None], bool((kinks == 1.0).all())
    is_defined = np.isfinite(y)
    defined = is_defined[:, None, :, None]
    # a derivative matters by how much it changes its output over the input's range, relative to that output's size
    usual = np.where(is_defined, np.abs(y), 0.0).max(axis=0, initial=0.0)[:, None] / widths
    floor = _ROUNDING if method == "complex step" else _COARSE
    finite = np.isfinite(analytic) & np.isfinite(numerical)
    scale = np.where(finite, np.abs(analytic), 0.0).max(axis=0, initial=0.0)
    apart = distances(analytic, numerical)
    error = np.where(finite, estimate, 0.0)
    beyond = defined & (apart > np.maximum(10.0 * error, floor * scale))
    rough = defined & (10.0 * error > _RESOLVED * np.maximum(scale, usual))
    nowhere = np.broadcast_to(~defined.any(axis=0), analytic.shape)
    verdicts = (
        ("differs", beyond & ~at_kink, apart),
        ("unresolved", rough & ~at_kink, error),
        ("undefined", nowhere, apart),
        ("kink", beyond & at_kink & (not directions or all_at_kinks), apart),
        ("agrees", defined & ~at_kink, apart),
    )
    # the first that holds at any sample, and the sample that shows it most clearly
    number = np.argmax([which.any(axis=0) for _, which, _ in verdicts[:-1]] + [np.ones(scale.shape, bool)], axis=0)
    sample = np.choose(number, [np.argmax(np.where(which, by, -1.0), axis=0) for _, which, by in verdicts])
    one, other, error_there = (
        np.take_along_axis(part, sample[None], axis=0)[0] for part in (analytic, numerical, estimate)
    )
    elements = [
        Element(
            *(i, j, lag, int(sample[lag, i, j])),
            float(one[lag, i, j]),
            float(other[lag, i, j]),
            float(error_there[lag, i, j]),
            verdicts[k][0],
        )
        for (lag, i, j), k in np.ndenumerate(number)
    ]
    order = [verdict for verdict, _, _ in verdicts]
    elements.sort(key=lambda element: (order.index(element.verdict), -element.difference))
    undefined = int((~is_defined.all(axis=1)).sum())
    return Check(tuple(elements), method, len(analytic), int(kinks.sum()), undefined, directions)
