"""Families of ONNX models: in onnxruntime against our derivatives, and in CasADi as an NLP from files alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import corpus_networks, disagreement, only_chooses, random_networks, row_networks
from matnet.cli.entry import run
from matnet.errors import UnsupportedError
from matnet.exporters.target import Job, targets
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat")
LEAN = ["several", "transfer_tansig", "transfer_logsig", "transfer_softmax", "nothing_left", "constant", "regression"]


@pytest.fixture
def onnx() -> Any:
    pytest.importorskip("onnxruntime")
    return pytest.importorskip("onnx")


@pytest.fixture
def casadi(onnx: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """CasADi with the ONNX Runtime of its Python package."""
    found: Any = pytest.importorskip("casadi")
    if not hasattr(found, "GraphBuilder"):
        pytest.skip("CasADi 3.8 is not installed")
    onnxruntime = pytest.importorskip("onnxruntime")
    libraries = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.*"))
    if not libraries:
        pytest.skip("the package onnxruntime has no library that CasADi can load")
    monkeypatch.setenv("CASADI_ONNXRUNTIME_LIB", str(libraries[0]))
    return found


def disagreeing(nets: dict[str, Network], folder: Path) -> dict[str, float]:
    """The networks whose models differ from our products by more than 1e-12, at ordinary points and at NaN."""
    jobs, wanted = [], []
    for name, net in nets.items():
        matnet.save(net, folder / f"{name}.onnx", family=True)
        rng = np.random.default_rng(1)
        for x in [*rng.normal(size=(2, net.input_size)), np.full(net.input_size, np.nan)]:
            v, u = rng.normal(size=(net.input_size, 3)), rng.normal(size=(net.output_size, 2))
            w = rng.normal(size=(net.output_size, 6))
            y, jacobian, hessian = net(x), net.jacobian(x), net.hessian(x)
            curved = np.einsum("ijk,ia,kf->jfa", hessian, u, v).reshape(net.input_size, 6)
            v2, w2 = rng.normal(size=(net.input_size, 2)), rng.normal(size=(net.input_size, 6))
            bent = np.einsum("ijk,jf,kg->igf", hessian, v, v2).reshape(net.output_size, 6)
            for prefix, seeds, result in (
                ("", (), y[:, None]),
                ("fwd_", (v,), jacobian @ v),
                ("adj_", (u,), jacobian.T @ u),
                ("fwd_adj_", (u, v, w), curved + jacobian.T @ w),
                ("fwd_fwd_", (v, v2, w2), bent + jacobian @ w2),
            ):
                arguments = (x[:, None], *seeds)
                jobs.append(Job(folder / f"{prefix}{name}.onnx", name, "family", arguments, (result.shape,)))
                wanted.append(result)
    found: dict[str, float] = {}
    for job, (got,), result in zip(jobs, targets()[".onnx"].run(jobs, folder), wanted, strict=True):
        found[job.path.stem] = max(found.get(job.path.stem, 0.0), disagreement(got, result))
    assert len(found) == 5 * len(nets)
    return {name: size for name, size in found.items() if not size <= 1e-12}


@pytest.mark.usefixtures("onnx")
def test_derivatives_of_a_few_networks(tmp_path: Path) -> None:
    assert disagreeing({name: row_networks()[name] for name in LEAN}, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("onnx")
def test_derivatives_of_every_row_and_of_random_networks(tmp_path: Path) -> None:
    nets = row_networks() | random_networks(30)
    assert disagreeing({name: net for name, net in nets.items() if not only_chooses(net)}, tmp_path) == {}


@pytest.mark.slow
@pytest.mark.usefixtures("onnx")
def test_derivatives_of_the_corpus(tmp_path: Path, corpus: Path) -> None:
    nets = {name: net for name, net in corpus_networks(corpus).items() if not only_chooses(net)}
    # the Hessian of all outputs is formed
    small = {name: net for name, net in nets.items() if net.output_size * net.input_size**2 < 1e5}
    assert len(small) > 30
    assert disagreeing(small, tmp_path) == {}


@pytest.mark.usefixtures("onnx")
def test_the_slope_in_saturation(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    for name in ("tansig", "logsig"):
        net, x = network(Layer(1, name, {0: Weight([[1.0]])})), np.array([[20.0]])
        matnet.save(net, tmp_path / f"{name}.onnx", family=True)
        one = np.ones((1, 1))
        for file, seeds, expected in (
            (f"fwd_{name}", {"fwd_x": one}, net.jacobian(x)),
            (f"adj_{name}", {"adj_y": one}, net.jacobian(x)),
            (f"fwd_adj_{name}", {"adj_y": one, "fwd_x": one, "fwd_adj_y": 0 * one}, net.hessian(x)),
            (f"fwd_fwd_{name}", {"fwd_x": one, "fwd2_x": one, "fwd2_fwd_x": 0 * one}, net.hessian(x)),
        ):
            session = onnxruntime.InferenceSession(str(tmp_path / f"{file}.onnx"), providers=["CPUExecutionProvider"])
            (got,) = session.run(None, {"x": x, **seeds})
            np.testing.assert_allclose(got, expected.reshape(1, 1), rtol=1e-13)


def test_the_models_say_what_they_take(onnx: Any, tmp_path: Path) -> None:
    matnet.save(row_networks()["several"], tmp_path / "net.onnx", family=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adj_net.onnx",
        "fwd_adj_net.onnx",
        "fwd_fwd_net.onnx",
        "fwd_net.onnx",
        "net.onnx",
    ]

    def ports(name: str) -> dict[str, list[int | str]]:
        graph = onnx.load(tmp_path / name).graph
        return {
            port.name: [size.dim_param or size.dim_value for size in port.type.tensor_type.shape.dim]
            for port in [*graph.input, *graph.output]
        }

    assert ports("net.onnx") == {"x": [3, 1], "y": [5, 1]}
    assert ports("fwd_net.onnx") == {"x": [3, 1], "fwd_x": [3, "nfwd"], "fwd_y": [5, "nfwd"]}
    assert ports("adj_net.onnx") == {"x": [3, 1], "adj_y": [5, "nadj"], "adj_x": [3, "nadj"]}
    assert ports("fwd_adj_net.onnx") == {
        "x": [3, 1],
        "adj_y": [5, "nadj"],
        "fwd_x": [3, "nfwd"],
        "fwd_adj_y": [5, "nfwd_nadj"],
        "fwd_adj_x": [3, "nfwd_nadj"],
    }
    assert ports("fwd_fwd_net.onnx") == {
        "x": [3, 1],
        "fwd_x": [3, "nfwd"],
        "fwd2_x": [3, "nfwd2"],
        "fwd2_fwd_x": [3, "nfwd2_nfwd"],
        "fwd2_fwd_y": [5, "nfwd2_nfwd"],
    }


def test_operators_of_onnx_itself(onnx: Any, tmp_path: Path) -> None:
    """tansig and softmax are one operator each; Sigmoid is not exact in float64."""
    for name, wanted in (("tansig", ["MatMul", "Add", "Tanh"]), ("softmax", ["MatMul", "Add", "Softmax"])):
        matnet.save(row_networks()[f"transfer_{name}"], tmp_path / "net.onnx", jacobian=False)
        assert [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node] == [*wanted, "Identity"]
    matnet.save(row_networks()["transfer_logsig"], tmp_path / "net.onnx", jacobian=False)
    assert "Sigmoid" not in [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]


def test_derivatives_in_casadi(casadi: Any, tmp_path: Path) -> None:
    """One and several directions at once, forward over adjoint too."""
    net, rng = row_networks()["several"], np.random.default_rng(0)
    matnet.save(net, tmp_path / "net.onnx", family=True)
    f = casadi.GraphBuilder(str(tmp_path / "net.onnx")).create("net")
    x, u, v = rng.normal(size=3), rng.normal(size=(5, 2)), rng.normal(size=(3, 4))
    y, jacobian, hessian = net(x), net.jacobian(x), net.hessian(x)
    np.testing.assert_allclose(np.array(f(x))[:, 0], y, rtol=1e-13)
    np.testing.assert_allclose(np.array(f.forward(4)(x, y, v)), jacobian @ v, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(np.array(f.reverse(2)(x, y, u)), jacobian.T @ u, rtol=1e-12, atol=1e-13)
    mixed = f.reverse(2).forward(4)
    w = rng.normal(size=(5, 8))
    named = {"x": x, "adj_y": u, "fwd_x": v, "fwd_adj_y": w}
    got = np.array(mixed(**{name: named[name] for name in mixed.name_in() if name in named})["fwd_adj_x"])
    expected = np.einsum("ijk,ia,kf->jfa", hessian, u, v).reshape(3, 8) + jacobian.T @ w
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    point = casadi.MX.sym("x", 3)
    weights = rng.normal(size=5)
    lagrangian = casadi.dot(f(point), casadi.DM(weights))
    curved = casadi.Function("h", [point], [casadi.hessian(lagrangian, point)[0]])
    np.testing.assert_allclose(np.array(curved(x)), np.tensordot(weights, hessian, 1), rtol=1e-12, atol=1e-13)


def optimum(casadi: Any, head: Callable[..., Any]) -> tuple[Any, dict[str, Any]]:
    """The largest flow of which the pump still delivers 25 at half the price of speed, and ipopt's statistics."""
    z = casadi.MX.sym("z", 2)
    problem = {"x": z, "f": -z[0] / 100 + (z[1] / 2900) ** 2 / 2, "g": head(z)}
    quiet = {"print_time": False, "ipopt": {"print_level": 0, "sb": "yes", "tol": 1e-10, "bound_relax_factor": 0.0}}
    solver = casadi.nlpsol("solver", "ipopt", problem, quiet)
    answer = solver(x0=[40.0, 2200.0], lbx=[0.0, 1450.0], ubx=[100.0, 2900.0], lbg=[25.0], ubg=[np.inf])
    return answer, solver.stats()


def test_an_nlp_with_exact_hessian_from_files_alone(casadi: Any, tmp_path: Path) -> None:
    matnet.save(PUMP, tmp_path / "pump.onnx", family=True)
    f = casadi.GraphBuilder(str(tmp_path / "pump.onnx")).create("pump")
    answer, told = optimum(casadi, f)
    assert told["return_status"] == "Solve_Succeeded"
    assert told["n_call_nlp_hess_l"] > 0
    z, multiplier = np.array(answer["x"])[:, 0], float(answer["lam_g"])
    # at the optimum by matnet's own derivatives: the constraint holds with equality, and the gradient vanishes
    assert PUMP(z)[0] == pytest.approx(25.0, abs=1e-7)
    gradient = np.array([-1 / 100, z[1] / 2900**2]) + multiplier * PUMP.jacobian(z)[0]
    np.testing.assert_allclose(gradient + np.array(answer["lam_x"])[:, 0], 0.0, atol=1e-9)
    by_symbols, other = optimum(casadi, lambda point: matnet.to_casadi(PUMP)(point)[0])
    np.testing.assert_allclose(z, np.array(by_symbols["x"])[:, 0], rtol=1e-7)
    assert told["iter_count"] == other["iter_count"]


@pytest.mark.parametrize("neurons", [1, 3])
def test_one_input_in_casadi(casadi: Any, neurons: int, tmp_path: Path) -> None:
    """CasADi differentiates by a single variable forwards twice; so it does in an NLP of several."""
    rng = np.random.default_rng(5)
    net = network(Layer(neurons, "tansig", {0: Weight(rng.normal(size=(neurons, 1)))}, bias=rng.normal(size=neurons)))
    matnet.save(net, tmp_path / "net.onnx", family=True)
    f = casadi.GraphBuilder(str(tmp_path / "net.onnx")).create("net")
    x, v, v2, w = (rng.normal(size=(1, columns)) for columns in (1, 2, 3, 6))
    jacobian, hessian = net.jacobian(x[0]), net.hessian(x[0])
    twice = f.forward(2).forward(3)
    named = {"x": x, "fwd_x": v, "fwd2_x": v2, "fwd2_fwd_x": w}
    got = np.array(twice(**{name: named[name] for name in twice.name_in() if name in named})["fwd2_fwd_y"])
    bent = np.einsum("ijk,jf,kg->igf", hessian, v, v2).reshape(neurons, 6)
    np.testing.assert_allclose(got, bent + jacobian @ w, rtol=1e-12, atol=1e-13)
    point = casadi.MX.sym("x", 2)
    seen = casadi.sumsqr(f(point[0])) + casadi.sum1(f(point[1]) * point[0])
    curved = casadi.Function("h", [point], [casadi.hessian(seen, point)[0]])
    a, b = 0.4, -0.7
    ya, ja, ha = net([a]), net.jacobian([a])[:, 0], net.hessian([a])[:, 0, 0]
    jb, hb = net.jacobian([b])[:, 0], net.hessian([b])[:, 0, 0]
    expected = [[2 * (ja @ ja + ya @ ha), jb.sum()], [jb.sum(), a * hb.sum()]]
    np.testing.assert_allclose(np.array(curved([a, b])), expected, rtol=1e-12)


def dynamic() -> Network:
    layer = Layer(1, "tansig", {0: Weight([[0.5, 1.0]], delays=(0, 1))})
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


@pytest.mark.usefixtures("onnx")
@pytest.mark.parametrize(
    ("net", "name", "options", "message"),
    [
        (dynamic(), "a.onnx", {}, "family: the network is dynamic, and a family is that of a function of x alone"),
        (
            PUMP,
            "a.onnx",
            {"jacobian": False},
            "family: a family consists of derivatives, and dy/dx is to be left out",
        ),
        (
            network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3),
            "a.onnx",
            {},
            "family: every path from the inputs to the outputs passes through compet, whose derivative is 0 wherever "
            "it exists",
        ),
        (PUMP, "a.c", {}, "C does not have the option 'family'; supported by .onnx"),
    ],
)
def test_refused(net: Network, name: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError) as raised:
        matnet.save(net, tmp_path / name, family=True, **options)
    assert str(raised.value) == f"{tmp_path / name}: {message}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("onnx")
def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.onnx"
    assert run(["convert", str(FIXTURES / "pump.mat"), str(place), "--family"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{place}: written; run by onnxruntime at 11 points; largest difference, of the range: ")
    assert re.search(r" in fwd_adj_x, \S+ in fwd2_fwd_y\n$", out)
    assert err == ""
    assert len(list(tmp_path.iterdir())) == 5
    place.unlink()
    before = os.stat(tmp_path / "adj_pump.onnx").st_mtime_ns
    assert run(["convert", str(FIXTURES / "pump.mat"), str(place), "--family", "--no-clobber"]) == 2
    assert f"{tmp_path / 'fwd_pump.onnx'}: the file exists" in capsys.readouterr().err
    assert not place.exists()
    assert os.stat(tmp_path / "adj_pump.onnx").st_mtime_ns == before
