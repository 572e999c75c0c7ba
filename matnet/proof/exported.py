"""The check of an export: the file is run and compared with the network over the range of its inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from matnet.derivatives.time import flat_states
from matnet.errors import FormatError
from matnet.exporters.recording import Function, Recording
from matnet.exporters.save import Export, write
from matnet.exporters.stepping import step_jacobians_of
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, sample_points
from matnet.network import Network
from matnet.proof.distances import distances

TOLERANCES = {"float64": 1e-12, "float32": 1e-4}
"""Of the range: the largest difference of an export that agrees."""

_POINTS, _FAMILY_POINTS, _FEWEST_POINTS = 100, 10, 10
_WORK = 10**8  # numbers that a large network computes at all points, at most; then there are fewer points


@dataclass(frozen=True)
class ExportCheck:
    """The result of running an export.

    ``differences`` holds for each result of the file (y, dydx, next_states) the largest difference, as a share of the
    range; infinite if only one of the two has a number. ``missing`` is what must be installed to run the file; then
    there are no differences. ``failure`` is the runtime's message if it could not run the file.
    """

    differences: dict[str, float]
    tolerance: float
    points: int
    runtime: str
    missing: str = ""
    failure: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the file was run and every difference is within the tolerance."""
        known = bool(self.differences) and not self.failure
        return known and all(difference <= self.tolerance for difference in self.differences.values())


def check_written(export: Export, name: str) -> ExportCheck:
    """Write the export to a file called `name` in a temporary folder, run it and compare.

    Points in the range of the inputs (fewer for a family of files), one of them NaN throughout unless the format has
    finite numbers only; a dynamic network gets states from a run of its own. The range of y_i is that of its values
    there, or their size where that is larger; the derivative dy_i/dx_j counts by how much y_i changes over the range of
    x_j, that in a family by its own range.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(export, path)
        return _check(export.target, export.recording, path)


def _check(target: Target, recording: Recording, path: Path) -> ExportCheck:
    family = recording.options.family
    tolerance = TOLERANCES[recording.options.precision]
    box = input_box(recording.net.structure)
    x = sample_points(recording.net.structure, _FAMILY_POINTS if family else _points(recording.net))
    if not target.finite:
        x = np.concatenate([x, np.full((1, len(box)), np.nan)])
    missing = target.missing()
    if missing:
        return ExportCheck({}, tolerance, len(x), target.runtime, missing=missing)
    if family:
        jobs, judge = _family(recording, path, x, box)
    elif recording.net.structure.looks_ahead or (target.keeps_start and recording.net.structure.starts_elsewhere):
        jobs, judge = _series(recording, path, x)
    else:
        jobs, judge = _file(recording, target.checked(recording), path, x, box)
    try:
        with tempfile.TemporaryDirectory() as folder:
            got = target.run(jobs, Path(folder))
    except FormatError as error:
        return ExportCheck({}, tolerance, len(x), target.runtime, failure=str(error))
    return ExportCheck(judge(got), tolerance, len(x), target.runtime)


def _points(net: Network) -> int:
    numbers = sum(net.program.sizes) * (1 + min(net.input_size, net.output_size))
    return min(_POINTS, max(_FEWEST_POINTS, _WORK // max(1, numbers)))


_Plan: TypeAlias = tuple[list[Job], Callable[[list[list[FloatArray]]], dict[str, float]]]
"""The functions that are run, and the largest differences of their results."""


def _file(recording: Recording, functions: Sequence[Function], path: Path, x: FloatArray, box: FloatArray) -> _Plan:
    """One file with everything in it."""
    net = recording.net
    arguments, known = _stepped(net, x) if net.dynamic else ((x,), [])
    wanted = [_answered(net, function, arguments, known) for function in functions]
    jobs = []
    for function in functions:
        shapes = tuple(port.shape for port in function.results)
        jobs.append(Job(path, recording.name, function.name, arguments, shapes, recording.options.precision))

    def judge(got: list[list[FloatArray]]) -> dict[str, float]:
        largest: dict[str, float] = {}
        for function, answers, expected in zip(functions, got, wanted, strict=True):
            scales = _scales(function, expected, box)
            for port, *three in zip(function.results, answers, expected, scales, strict=True):
                largest[port.name] = max(_largest(*three), largest.get(port.name, 0.0))
        return largest

    return jobs, judge


def _series(recording: Recording, path: Path, x: FloatArray) -> _Plan:
    """A whole series from the network's own states, of what has no step."""
    x = x[np.isfinite(x).all(axis=1)]  # what is not a number would reach every output
    expected = recording.net.run(x).outputs
    scale = _spread(expected)
    job = Job(path, recording.name, "series", (x,), (expected.shape[1:],), recording.options.precision)
    return [job], lambda got: {"y": _largest(got[0][0], expected, scale)}


def _family(recording: Recording, path: Path, x: FloatArray, box: FloatArray) -> _Plan:
    """A file with y alone and its derivatives beside it: samples and directions are columns."""
    net, rng = recording.net, np.random.Generator(np.random.PCG64(2))
    v, u = rng.normal(size=(len(box), 3)) * (box[:, 1:] - box[:, :1]), rng.normal(size=(net.output_size, 2))
    w = rng.normal(size=(net.output_size, v.shape[1] * u.shape[1]))
    second, seeds2 = v[:, :2], np.repeat(v, 2, axis=1)
    with np.errstate(all="ignore"):
        y, jacobian = net.value_and_jacobian(x)
        adjoint = np.swapaxes(jacobian, 1, 2)
        # one by one: the Hessians of all points may be many numbers
        curved, bent = [], []
        for row in x:
            hessian = net.hessian(row)
            curved.append(np.einsum("ijk,ia,kf->jfa", hessian, u, v).reshape(len(box), w.shape[1]))
            bent.append(np.einsum("ijk,jf,kg->igf", hessian, v, second).reshape(net.output_size, seeds2.shape[1]))
        members: dict[str, tuple[str, tuple[FloatArray, ...], FloatArray]] = {
            "y": ("", (), y[..., None]),
            "fwd_y": ("fwd_", (v,), jacobian @ v),
            "adj_x": ("adj_", (u,), adjoint @ u),
            "fwd_adj_x": ("fwd_adj_", (u, v, w), np.stack(curved) + adjoint @ w),
            "fwd2_fwd_y": ("fwd_fwd_", (v, second, seeds2), np.stack(bent) + jacobian @ seeds2),
        }
    jobs = []
    for prefix, seeds, expected in members.values():
        place, shapes = path.with_name(f"{prefix}{path.name}"), (expected.shape[1:],)
        for row in x:
            arguments = (row[:, None], *seeds)
            jobs.append(Job(place, recording.name, "family", arguments, shapes, recording.options.precision))

    def judge(got: list[list[FloatArray]]) -> dict[str, float]:
        answers = np.split(np.arange(len(got)), len(members))
        return {
            name: _largest(np.stack([got[number][0] for number in own]), expected, _spread(expected[:-1]))
            for own, (name, (_, _, expected)) in zip(answers, members.items(), strict=True)
        }

    return jobs, judge


def _answered(
    net: Network, function: Function, arguments: tuple[FloatArray, ...], known: list[FloatArray]
) -> list[FloatArray]:
    """The expected results of a function; `known` are those of a dynamic network's step."""
    if function.name == "value":
        return [net(*arguments)]
    if function.name == "value_and_jacobian":
        return list(net.value_and_jacobian(*arguments))
    if function.name == "step":
        return known
    with np.errstate(all="ignore"):
        slopes = [np.asarray(part) for part in step_jacobians_of(net)(net.program, *arguments)[2:]]
    return [known[0], slopes[0]] if function.name == "step_and_jacobian" else [*known, *slopes]


def _stepped(net: Network, x: FloatArray) -> tuple[tuple[FloatArray, ...], list[FloatArray]]:
    """For each point one step from the states after a run over other points."""
    count = len(x)
    length = max(net.structure.input_delay, net.structure.layer_delay) + 2
    finite = x[:-1]
    order = (np.arange(count)[:, None] * 7 + np.arange(length)) % len(finite)
    before = net.run(finite[order])
    after = net.run(x[:, None, :], input_states=before.input_states, layer_states=before.layer_states)
    states = flat_states(before.input_states, before.layer_states)
    return (x, states), [after.outputs[:, 0], flat_states(after.input_states, after.layer_states)]


def _scales(function: Function, expected: list[FloatArray], box: FloatArray) -> list[FloatArray]:
    """The divisor of each result: arrays that broadcast against one sample's."""
    y = expected[0][:-1]
    scales = [_spread(y)]
    for port, values in zip(function.results[1:], expected[1:], strict=True):
        if port.name == "dydx":
            width = box[:, 1] - box[:, 0]
            change = np.max(np.abs(values[:-1]) * width, axis=(0, 2), initial=0.0)
            scales = [np.maximum(scales[0], np.where(np.isfinite(change), change, 0.0))]
            scales.append(scales[0][:, None] / width)
        elif len(port.shape) == 2:
            finite = np.where(np.isfinite(values[:-1]), values[:-1], 0.0)
            largest = np.max(np.abs(finite), axis=(0, 2), initial=0.0)
            scales.append(np.where(largest == 0.0, 1.0, largest)[:, None])
        else:
            scales.append(_spread(values[:-1]))
    return scales


def _spread(values: FloatArray) -> FloatArray:
    finite = np.where(np.isfinite(values), values, 0.0)
    scale = np.max(np.abs(finite), axis=0, initial=0.0)
    scale = np.maximum(scale, np.ptp(finite, axis=0))
    return np.where(scale == 0.0, 1.0, scale)


def _largest(got: FloatArray, expected: FloatArray, scale: FloatArray) -> float:
    return float(np.max(distances(got, expected) / scale, initial=0.0))
