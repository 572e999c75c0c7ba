"""Every operation of a tape, on arrays of every shape, in every writer: small computations, all in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import disagreement
from matnet.exporters.recording import Function, Options, Recording
from matnet.exporters.target import Job, Target, targets
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import Real, network
from tape_operations import OPERATIONS, X, function_of

TARGETS = [targets()[suffix] for suffix in (".c", ".f90", ".js", ".m", ".py", ".onnx")]


MATLAB = [name for name in OPERATIONS if not name.startswith("several products")]
"""Networks have no product with several matrices, and the code for MATLAB cannot write it."""

PYOMO = [name for name in MATLAB if name != "numbers that are hard to write"]
"""What an expression of Pyomo's can hold."""


def carrier(size: int) -> Network:
    """A network of six inputs, whose computation another one stands for."""
    return network(Layer(size, "purelin", {0: Weight(np.ones((size, 6)))}), inputs=6)


def recording_of(function: Function, name: str, options: Options) -> Recording:
    recording = Recording(carrier(function.results[0].size), name, options)
    recording.__dict__["functions"] = (function,)
    return recording


def worst(target: Target, folder: Path, options: Options) -> dict[str, float]:
    jobs, expected = [], {}
    names = [name for name in OPERATIONS if target.suffix != ".m" or name in MATLAB]
    if options.precision == "float32":
        names.remove("numbers that are hard to write")
    for number, name in enumerate(names):
        function, expected[name] = function_of(name)
        path = folder / f"part{number}{target.suffix}"
        path.write_bytes(target.render(recording_of(function, path.stem, options)))
        jobs.append(Job(path, path.stem, "value", (X,), (expected[name].shape[1:],), options.precision))
    answers = target.run(jobs, folder)
    return {name: disagreement(answer, expected[name]) for name, (answer,) in zip(names, answers, strict=True)}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_in_files(target: Target, tmp_path: Path) -> None:
    if target.suffix == ".onnx":
        pytest.importorskip("onnx")
    missing = target.missing()
    if missing:
        pytest.skip(f"{missing} is not installed")
    found = worst(target, tmp_path, Options(jacobian=False))
    assert {name: size for name, size in found.items() if not size <= 1e-15} == {}


@pytest.mark.parametrize("options", [Options(opset=13), Options(opset=18), Options(precision="float32")])
def test_in_onnx_otherwise(options: Options, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    found = worst(targets()[".onnx"], tmp_path, options)
    most = 1e-15 if options.precision == "float64" else 1e-6
    assert {name: size for name, size in found.items() if not size <= most} == {}


@pytest.mark.parametrize("name", OPERATIONS)
def test_in_casadi(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("casadi")
    from matnet.exporters.frameworks import casadi_function

    function, expected = function_of(name)
    # the second function's second result is taken for the Jacobian
    tape = function.tape
    twice = Function("value_and_jacobian", function.arguments, function.results * 2, tape)
    monkeypatch.setattr(tape, "outputs", tape.outputs * 2)
    monkeypatch.setattr(casadi_function, "recorded", lambda *arguments: (twice, twice))
    written = matnet.to_casadi(carrier(expected.shape[1]))
    got = np.array([np.asarray(written(row)[0]).reshape(-1) for row in X])
    assert disagreement(got, expected) <= 1e-15


def by_equations(model: Any, x: Real) -> Real:
    """The outputs of a block of Pyomo's, its steps set one after the other."""
    pyo: Any = pytest.importorskip("pyomo.environ")
    for variable, value in zip(model.net.inputs.values(), x.tolist(), strict=True):
        variable.set_value(value, skip_validation=True)
    for step, equation in zip(model.net.steps.values(), model.net.step_equations.values(), strict=True):
        step.set_value(pyo.value(equation.expr.args[1]), skip_validation=True)
    return np.array([pyo.value(equation.expr.args[1]) for equation in model.net.equations.values()], dtype=np.float64)


@pytest.mark.parametrize("name", PYOMO)
def test_in_pyomo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pyo = pytest.importorskip("pyomo.environ")
    from matnet.exporters.frameworks import pyomo_block

    function, expected = function_of(name)
    monkeypatch.setattr(pyomo_block, "recorded", lambda *arguments: (function,))
    # the inputs begin at the first sample, and the steps at what is computed of it
    size = expected.shape[1]
    seen = Input(6, range=np.stack([X[0], X[0]], axis=-1))
    layer = Layer(size, "purelin", {0: Weight(np.ones((size, 6)))})
    model = pyo.ConcreteModel()
    model.net = pyo.Block()
    matnet.to_pyomo(Network(Structure((seen,), (layer,), (Output(0, size),))), model.net)
    for variable, value in zip(model.net.inputs.values(), X[0].tolist(), strict=True):
        assert (variable.value, variable.lb, variable.ub) == (value, value, value)
    for step, equation in zip(model.net.steps.values(), model.net.step_equations.values(), strict=True):
        assert step.value == pytest.approx(pyo.value(equation.expr.args[1]), rel=1e-15, abs=0.0)
    got = np.array([by_equations(model, row) for row in X[:3]])
    assert disagreement(got, expected[:3]) <= 1e-15
