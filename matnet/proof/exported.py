"""The check of an export: the file is run and compared with the network over the range of its inputs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.recording import Function, Recording
from matnet.exporters.save import Export, write
from matnet.exporters.stepping import flat_states
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box, points_in
from matnet.network import Network
from matnet.proof.distances import distances

TOLERANCES = {"float64": 1e-12, "float32": 1e-4}
"""Of the range: the largest difference of an export that agrees."""

_POINTS, _FAMILY_POINTS = 100, 10


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

    Points in the range of the inputs (fewer for a family of files), one of them NaN throughout; a dynamic network gets
    states from a run of its own. The range of y_i is that of its values there, or their size where that is larger; the
    derivative dy_i/dx_j counts by how much y_i changes over the range of x_j, that in a family by its own range.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(export, path)
        if export.recording.options.family:
            return _check_family(export.target, export.recording, path)
        return _check(export.target, export.recording, path)


def _check(target: Target, recording: Recording, path: Path) -> ExportCheck:
    net = recording.net
    tolerance = TOLERANCES[recording.options.precision]
    box = input_box(net.structure)
    x = np.concatenate([points_in(box, _POINTS), np.full((1, len(box)), np.nan)])
    missing = target.missing()
    if missing:
        return ExportCheck({}, tolerance, len(x), target.runtime, missing=missing)
    function = recording.functions[-1]
    arguments, expected = _stepped(net, x) if function.name == "step" else ((x,), _answered(net, function, x))
    shapes = tuple(port.shape for port in function.results)
    job = Job(path, recording.name, function.name, arguments, shapes, recording.options.precision)
    try:
        with tempfile.TemporaryDirectory() as folder:
            got = target.run([job], Path(folder))[0]
    except FormatError as error:
        return ExportCheck({}, tolerance, len(x), target.runtime, failure=str(error))
    scales = _scales(function, expected, box)
    differences = {
        port.name: _largest(*three) for port, *three in zip(function.results, got, expected, scales, strict=True)
    }
    return ExportCheck(differences, tolerance, len(x), target.runtime)


def _check_family(target: Target, recording: Recording, path: Path) -> ExportCheck:
    """The check of a file with y alone and of its derivatives beside it: samples and directions are columns."""
    net = recording.net
    tolerance = TOLERANCES[recording.options.precision]
    box = input_box(net.structure)
    x = np.concatenate([points_in(box, _FAMILY_POINTS), np.full((1, len(box)), np.nan)])
    missing = target.missing()
    if missing:
        return ExportCheck({}, tolerance, len(x), target.runtime, missing=missing)
    width = box[:, 1] - box[:, 0]
    rng = np.random.Generator(np.random.PCG64(2))
    v, u = rng.normal(size=(len(box), 3)) * width[:, None], rng.normal(size=(net.output_size, 2))
    w = rng.normal(size=(net.output_size, v.shape[1] * u.shape[1]))
    y, jacobian = net.value_and_jacobian(x)
    moved = np.einsum("nijk,ia,kf->njfa", net.hessian(x), u, v).reshape(*x.shape, -1)
    wanted: dict[str, tuple[str, tuple[FloatArray, ...], FloatArray]] = {
        "": ("y", (), y[..., None]),
        "fwd_": ("fwd_y", (v,), jacobian @ v),
        "adj_": ("adj_x", (u,), np.swapaxes(jacobian, 1, 2) @ u),
        "fwd_adj_": ("fwd_adj_x", (u, v, w), moved + np.swapaxes(jacobian, 1, 2) @ w),
    }
    jobs = [
        Job(
            path.with_name(f"{prefix}{path.name}"),
            recording.name,
            "family",
            (row[:, None], *seeds),
            (expected.shape[1:],),
            recording.options.precision,
        )
        for prefix, (_, seeds, expected) in wanted.items()
        for row in x
    ]
    try:
        with tempfile.TemporaryDirectory() as folder:
            got = iter(target.run(jobs, Path(folder)))
    except FormatError as error:
        return ExportCheck({}, tolerance, len(x), target.runtime, failure=str(error))
    differences = {}
    for name, _, expected in wanted.values():
        answers = np.stack([next(got)[0] for _ in x])
        differences[name] = _largest(answers, expected, _spread(expected[:-1]))
    return ExportCheck(differences, tolerance, len(x), target.runtime)


def _answered(net: Network, function: Function, x: FloatArray) -> list[FloatArray]:
    return list(net.value_and_jacobian(x)) if function.name == "value_and_jacobian" else [net(x)]


def _stepped(net: Network, x: FloatArray) -> tuple[tuple[FloatArray, ...], list[FloatArray]]:
    """For each point one step from the states after a run over other points."""
    count, size = x.shape
    length = max(net.structure.input_delay, net.structure.layer_delay) + 2
    finite = x[:-1]
    order = (np.arange(count)[:, None] * 7 + np.arange(length)) % len(finite)
    before = net.run(finite[order] if size else np.zeros((count, length, 0)))
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
