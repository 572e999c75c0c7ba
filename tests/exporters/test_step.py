"""Dynamic networks: one step with explicit states, in every target, against ``net.run``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import disagreement, each, write
from matnet.derivatives.time import flat_states
from matnet.exporters.recording import Options, Recording, remembered
from matnet.exporters.stepping import state_size
from matnet.exporters.target import Job, Target, targets
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import Real, network
from series_networks import constant, only_feedback, recurrent

TARGETS = [target for target in targets().values() if not target.static]


@pytest.fixture(params=each(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    found: Target = request.param
    if found.suffix == ".onnx":
        pytest.importorskip("onnx")
    if found.missing():
        pytest.skip(f"{found.missing()} is not installed")
    return found


def from_corpus(corpus: Path) -> Iterator[tuple[str, Network]]:
    for file, entry in json.loads((corpus / "networks.json").read_text()).items():
        if file.startswith("dynamic"):
            for number, listed in enumerate(entry["networks"]):
                net = matnet.load(corpus / file, network=listed["path"])
                if net.dynamic:
                    yield f"{Path(file).stem}_{number}", net


def planned(net: Network, path: Path) -> tuple[Job, list[Real]]:
    """A step from five random states, one of the inputs NaN; what net.run gives."""
    structure, rng = net.structure, np.random.default_rng(1)
    layers = structure.layer_elements
    x = rng.normal(size=(5, 1, net.input_size))
    x[-1] = np.nan
    before = (
        rng.normal(size=(5, structure.input_delay, net.input_size)),
        rng.normal(size=(5, structure.layer_delay, layers)),
    )
    after = net.run(x, input_states=before[0], layer_states=before[1])
    states = flat_states(*before)
    assert states.shape == (5, state_size(net))
    expected = [after.outputs[:, 0], flat_states(after.input_states, after.layer_states)]
    shapes = tuple(array.shape[1:] for array in expected)
    return Job(path, path.stem, "step", (x[:, 0], states), shapes), expected


def worst(target: Target, nets: dict[str, Network], folder: Path) -> dict[str, float]:
    jobs = []
    for name, net in nets.items():
        path = folder / f"{name}{target.suffix}"
        write(net, path, Options())
        jobs.append(planned(net, path))
    answers = target.run([job for job, _ in jobs], folder)
    return {
        job.name: max(disagreement(*pair) for pair in zip(got, expected, strict=True))
        for (job, expected), got in zip(jobs, answers, strict=True)
    }


def test_a_step(target: Target, tmp_path: Path) -> None:
    found = worst(
        target, {"recurrent": recurrent(), "only_feedback": only_feedback(), "constant": constant()}, tmp_path
    )
    assert len(found) == 3
    assert {name: size for name, size in found.items() if not size <= 1e-14} == {}


def test_the_derivatives_of_a_step(target: Target, tmp_path: Path) -> None:
    """By x and the states, and through two steps, against those of ``net.run_jacobian``."""
    functions = {function.name for function in target.checked(Recording(recurrent(), "recurrent", Options()))}
    if "jacobian" not in target.options or "step_and_jacobians" not in functions:
        # an FMU keeps its states, and is differentiated by x alone: test_fmu.py
        assert target.suffix in (".json", ".fmu")
        return
    late = Layer(2, "tansig", {0: Weight([[0.5, -0.25], [1.0, 0.75]], delays=(0, 2))}, bias=[0.1, -0.2])
    delayed = Network(Structure((Input(1),), (late,), (Output(0, 2),)))
    jobs, expected = [], []
    for name, net in {"recurrent": recurrent(), "only_feedback": only_feedback(), "delayed": delayed}.items():
        write(net, tmp_path / f"{name}{target.suffix}", Options())
        structure, rng = net.structure, np.random.default_rng(3)
        x = rng.normal(size=(4, 2, net.input_size))
        before: dict[str, Any] = {
            "input_states": rng.normal(size=(4, structure.input_delay, net.input_size)),
            "layer_states": rng.normal(size=(4, structure.layer_delay, structure.layer_elements)),
        }
        after = net.run(x[:, :1], **before)
        size, outputs = state_size(net), net.output_size
        by_x = net.run_jacobian(x, lags=1, **before) if net.input_size else np.zeros((4, 2, 2, outputs, 0))
        by_states = np.concatenate(
            [net.run_jacobian(x, wrt=kind, **before).reshape(4, 2, outputs, -1) for kind in before], axis=-1
        )
        shapes = (outputs,), (size,), (outputs, net.input_size), (outputs, size), (size, net.input_size), (size, size)
        path, states = tmp_path / f"{name}{target.suffix}", flat_states(*before.values())
        following = flat_states(after.input_states, after.layer_states)
        jobs += [
            Job(path, name, "step_and_jacobians", (x[:, 0], states), shapes),
            Job(path, name, "step_and_jacobians", (x[:, 1], following), shapes),
        ]
        expected.append((after.outputs[:, 0], following, by_x, by_states))
    answers = target.run(jobs, tmp_path)
    for (y, following, by_x, by_states), first, second in zip(expected, answers[::2], answers[1::2], strict=True):
        for got, known in zip(first, (y, following, by_x[:, 0, 0], by_states[:, 0]), strict=False):
            assert disagreement(got, known) <= 1e-14
        assert disagreement(second[2], by_x[:, 1, 0]) <= 1e-14
        assert disagreement(second[3] @ first[4], by_x[:, 1, 1]) <= 1e-13
        assert disagreement(second[3] @ first[5], by_states[:, 1]) <= 1e-13


def test_a_step_of_the_corpus(target: Target, tmp_path: Path, corpus: Path) -> None:
    found = worst(target, dict(from_corpus(corpus)), tmp_path)
    assert len(found) > 10
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


def test_steps_follow_each_other_as_in_a_run(tmp_path: Path) -> None:
    net = recurrent()
    write(net, tmp_path / "recurrent.py", Options())
    python = targets()[".py"]
    x = np.random.default_rng(2).normal(size=(6, 3))
    states, outputs = np.zeros((1, state_size(net))), []
    for row in x:
        job = Job(tmp_path / "recurrent.py", "recurrent", "step", (row[None, :], states), ((2,), (state_size(net),)))
        y, states = python.run([job], tmp_path)[0]
        outputs.append(y[0])
    assert disagreement(np.asarray(outputs), net.run(x).outputs) < 1e-14


def test_what_a_comment_says_of_the_states() -> None:
    assert remembered(Recording(network(Layer(1, "purelin", {0: Weight([[2.0]])})), "net", Options())) == []
    # three inputs of three earlier steps, and five outputs of layers of two
    assert remembered(Recording(recurrent(), "net", Options())) == [
        "States, 19 numbers, 0 before the first step: the inputs of earlier steps, raw,",
        "oldest first, then the outputs of all layers of earlier steps, at layer scale, oldest first",
    ]
    started = Layer(
        4,
        "purelin",
        {0: Weight(np.ones((4, 1)))},
        {0: Weight(np.eye(4), delays=(1,))},
        initial=np.array([0.5, 0.0, 0.0, -2.0]),
    )
    net = Network(Structure((Input(1),), (started,), (Output(0, 4),)))
    assert remembered(Recording(net, "net", Options())) == [
        "States, 4 numbers: the inputs of earlier steps, raw,",
        "oldest first, then the outputs of all layers of earlier steps, at layer scale, oldest first",
        "States before the first step, counted from 1",
        "    1: 0.5",
        "    2 to 3: 0.0",
        "    4: -2.0",
    ]


def test_an_archive_keeps_the_states_before_the_first_step(tmp_path: Path) -> None:
    """It is checked by a series from there on, and a static network by its outputs."""
    layer = Layer(
        2, "tansig", {0: Weight([[1.0], [0.5]])}, {0: Weight(np.eye(2), delays=(1,))}, initial=np.array([0.5, -2.0])
    )
    started = Network(Structure((Input(1),), (layer,), (Output(0, 2),)))
    static = network(Layer(2, "tansig", {0: Weight([[1.0], [0.5]])}))
    x, jobs = np.random.default_rng(6).normal(size=(5, 1)), []
    for name, net, function in (("started", started, "series"), ("static", static, "value")):
        write(net, tmp_path / f"{name}.json", Options())
        jobs.append(Job(tmp_path / f"{name}.json", name, function, (x,), ((2,),)))
    ((series,), (values,)) = targets()[".json"].run(jobs, tmp_path)
    np.testing.assert_array_equal(series, started.run(x).outputs)
    np.testing.assert_array_equal(values, static(x))
    assert np.abs(series[0] - started.run(x, layer_states=np.zeros((1, 2))).outputs[0]).min() > 0.1


@pytest.mark.parametrize("suffix", [".c", ".f90", ".js", ".m", ".onnx", ".py"])
def test_every_computation_in_a_file_is_checked(suffix: str) -> None:
    """An ONNX file has one graph, which gives everything."""
    static = network(Layer(1, "purelin", {0: Weight([[2.0]])}))
    for net, jacobian, names in (
        (static, True, ["value", "value_and_jacobian"]),
        (static, False, ["value"]),
        (recurrent(), True, ["step", "step_and_jacobians"]),
        (recurrent(), False, ["step"]),
    ):
        checked = targets()[suffix].checked(Recording(net, "net", Options(jacobian=jacobian)))
        assert [function.name for function in checked] == (names[-1:] if suffix == ".onnx" else names)
