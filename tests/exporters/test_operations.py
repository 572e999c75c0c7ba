"""Every operation of a tape, on arrays of every shape, in every writer: small computations, all in one process."""

from __future__ import annotations

from collections.abc import Callable
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
from tape_operations import LEFT, OPERATIONS, X, function_of

TARGETS = [targets()[suffix] for suffix in (".c", ".f90", ".js", ".m", ".py", ".onnx")]


MATLAB = [name for name in OPERATIONS if not name.startswith("several products")]
"""Networks have no product with several matrices, and the code for MATLAB cannot write it."""

PYOMO = [name for name in MATLAB if name != "numbers that are hard to write"]
"""What an expression of Pyomo's can hold."""

SOFTMAX: dict[str, Callable[[Any, Any], Any]] = {
    "softmax of rows": lambda xp, x: _shares(xp, xp.reshape(x, (*x.shape[:-1], 3, 2)), lambda rows: _largest(xp, rows)),
    "exponentials over others": lambda xp, x: (
        xp.exp(x - _largest(xp, x)) / xp.sum(xp.exp(0.5 * (x - _largest(xp, x))), axis=-1, keepdims=True)
    ),
    "shares of x less another function of it": lambda xp, x: _shares(xp, x, xp.tanh),
    "shares of a multiple": lambda xp, x: (
        xp.exp(0.5 * x * _largest(xp, x)) / xp.sum(xp.exp(0.5 * x * _largest(xp, x)), axis=-1, keepdims=True)
    ),
}
"""Softmax of several rows, and what looks like it, for ONNX, which has an operator for it."""

MATRICES: dict[str, Callable[[Any, Any], Any]] = {
    "transposes of several matrices": lambda xp, x: xp.matrix_transpose(_pages(xp, x)) + LEFT[:, :1],
    "transposes along five axes": lambda xp, x: xp.matrix_transpose(_pages(xp, x)[..., None, None, :, :, :]) + LEFT[1],
    "products along five axes": lambda xp, x: xp.matmul(
        LEFT[:, :2], xp.reshape(x, (*x.shape[:-1], 1, 1, 3, 2, 1)) * LEFT[:, :2]
    ),
    "a product over no elements": lambda xp, x: xp.matmul(
        np.zeros((2, 0)), xp.reshape(x[..., 2:2], (*x.shape[:-1], 0, 3))
    ),
}
"""Several matrices, for CasADi, which has arrays of two axes alone."""

NUMBERS, ZEROS = np.array([1.0, -1.0, 2.0, 0.5, np.inf, 3.0]), np.array([0.0, 0.0, 0.0, 1.0, 0.0, -1.0])

CHOICES: dict[str, Callable[[Any, Any], Any]] = {
    "signs of what is 0 too": lambda xp, x: xp.sign(x - 1.0),
    "choices that no number changes": lambda xp, x: (
        xp.where(x < np.inf, x, -2.0 * x) + xp.where(x == np.inf, 4.0 * x, 3.0 * x)
    ),
    "the largest of no numbers": lambda xp, x: xp.where(
        _largest(xp, xp.where(x < -np.inf, x, -np.inf)) < 0.0, 5.0 * x, 6.0 * x
    ),
    "products of numbers": lambda xp, x: (
        xp.where(_decided(xp, x) * ZEROS <= 0.0, x, 3.0 * x) + xp.where(_decided(xp, x) * ZEROS < 0.0, 5.0 * x, 7.0 * x)
    ),
    "sums with numbers": lambda xp, x: xp.sum(xp.concat([x[..., :2], _decided(xp, x)[..., :4]], axis=-1), axis=-1),
}
"""For Pyomo, whose conditions are decided as far as they do not depend on the variables."""


def _decided(xp: Any, x: Any) -> Any:
    """Numbers, which x has no influence on as long as it is finite."""
    return xp.where(x < np.inf, NUMBERS, x)


def _largest(xp: Any, x: Any) -> Any:
    return xp.max(x, axis=-1, keepdims=True)


def _shares(xp: Any, x: Any, shift: Callable[[Any], Any]) -> Any:
    """The exponentials of shifted elements, over their sum."""
    return xp.exp(x - shift(x)) / xp.sum(xp.exp(x - shift(x)), axis=-1, keepdims=True)


def _pages(xp: Any, x: Any) -> Any:
    """Three matrices of three rows and two columns."""
    return xp.reshape(x, (*x.shape[:-1], 3, 1, 2)) * np.array([[1.0, -2.0], [0.5, 4.0], [3.0, 0.25]])


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


@pytest.mark.parametrize("name", SOFTMAX)
def test_softmax_and_what_looks_like_it_in_onnx(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(OPERATIONS, name, SOFTMAX[name])
    function, expected = function_of(name)
    path, target = tmp_path / "part.onnx", targets()[".onnx"]
    path.write_bytes(target.render(recording_of(function, "part", Options(jacobian=False))))
    ((found,),) = target.run([Job(path, "part", "value", (X,), (expected.shape[1:],))], tmp_path)
    assert disagreement(found, expected) <= 1e-15
    operators = [node.op_type for node in onnx.load(path).graph.node]
    assert ("Softmax" in operators) == (name == "softmax of rows")


@pytest.mark.parametrize("name", [*OPERATIONS, *MATRICES])
def test_in_casadi(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("casadi")
    from matnet.exporters.frameworks import casadi_function

    if name in MATRICES:
        monkeypatch.setitem(OPERATIONS, name, MATRICES[name])
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


@pytest.mark.parametrize("name", [*PYOMO, *CHOICES])
def test_in_pyomo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pyo = pytest.importorskip("pyomo.environ")
    from matnet.exporters.frameworks import pyomo_block

    if name in CHOICES:
        monkeypatch.setitem(OPERATIONS, name, CHOICES[name])
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
