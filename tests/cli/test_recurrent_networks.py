"""Every command on recurrent networks: it works, or refuses in one line that says what is missing."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from layered_networks import dense, random_numbers, saved, series
from matnet.cli.entry import run
from object_files import ObjectStore
from recurrent_networks import H, R, load, plain_bilstm, plain_bilstm_last, plain_gru, plain_lstm, recurrent, sequences

S, T = 2, 9
X = np.random.default_rng(1).normal(size=(T, R))
KINDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "lstm": ("LSTM", plain_lstm, {}),
    "gru-after": ("GRU", plain_gru, {"ResetGateMode": "after-multiplication"}),
    "gru-before": ("GRU", plain_gru, {"ResetGateMode": "before-multiplication"}),
    "bilstm": ("BiLSTM", plain_bilstm, {}),
    "last-bilstm": ("BiLSTM", plain_bilstm_last, {"last": True}),
    "started": ("LSTM", plain_lstm, {"InitialCellState": np.ones((H, 1)), "CellState": {"Value": np.ones((H, 1))}}),
}
STEPWISE = ("lstm", "gru-after", "gru-before", "started")
NO_STEP = "the network cannot be computed step by step: its outputs depend on later steps of the series too"
OTHER_START = "starts from states of 0, and layer 'rnn' was saved with other initial states"
ADVICE = "save it as .json, and compute a series with net.run"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network of this kind in net.mat with its answers to x.csv, in an empty folder."""
    name, plain, more = KINDS[request.param]
    stored = recurrent(name, "rnn", 3, **more)
    weights, bias = random_numbers(2, (S, 2 * H if name == "BiLSTM" else H), (S,))
    y = plain(stored, X) @ weights.T + bias
    store = ObjectStore()
    net = series(store, [sequences(), stored, dense("fc", weights, bias)])
    monkeypatch.chdir(tmp_path)
    saved(Path("net.mat"), store, net=net, XTest=X.T, YPred=np.atleast_2d(y).T)
    Path("x.csv").write_text("x1,x2,x3\n" + "".join(",".join(map(repr, row)) + "\n" for row in X.tolist()))
    return str(request.param)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = run(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def numbers(text: str) -> tuple[list[str], Any]:
    lines = text.splitlines()
    return lines[0].split(","), np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])


def test_predict_and_gradients(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    net, last = matnet.load("net.mat"), kind == "last-bilstm"
    note = "matnet: note: x.csv: the series has one output, at its last row; the others are NaN\n" if last else ""
    status, out, err = said(capsys, "predict", "net.mat", "x.csv")
    assert (status, err) == (0, note)
    np.testing.assert_array_equal(numbers(out)[1], net.run(X).outputs)
    status, out, err = said(capsys, "gradients", "net.mat", "x.csv", "--wrt-time", "1", "--wrt-future", "2")
    assert (status, err) == (0, note)
    names, found = numbers(out)
    lags = [0, 1, -1, -2]
    ends = {0: "", 1: "_lag1", -1: "_lead1", -2: "_lead2"}
    expected = [f"dy{i}_dx{j}{ends[lag]}" for lag in lags for i in (1, 2) for j in (1, 2, 3)]
    assert names == ["y1", "y2", *expected]
    slopes = net.run_jacobian(X, lags=1, leads=2)[:, lags]
    np.testing.assert_array_equal(found[:, S:], slopes.reshape(T, -1))
    assert np.isnan(found[:-1]).all() == last


def test_groups_are_series_of_their_own(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [[*row, number % 2] for number, row in enumerate(X.tolist())]
    Path("two.csv").write_text("x1,x2,x3,unit\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows))
    status, out, _ = said(capsys, "predict", "net.mat", "two.csv", "--group", "unit")
    assert status == 0
    net, found = matnet.load("net.mat"), numbers(out)[1]
    for unit in (0, 1):
        np.testing.assert_array_equal(found[unit::2, -S:], net.run(X[unit::2]).outputs)


def test_verify_and_check(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "verify", "net.mat")
    start = "from its initial states" if kind == "started" else "from zeros"
    if kind == "last-bilstm":
        assert (status, "XTest, from zeros -> YPred  1 " in out, "only 1 different sample" in out) == (3, True, True)
    else:
        assert (status, f"XTest, {start} -> YPred" in out, "proved" in out) == (0, True, True)
    for table in ([], ["x.csv"]):
        status, out, err = said(capsys, "check", "net.mat", *table)
        assert status == 0, err
        assert " derivatives agree" in out
        assert ("_lead1" in out) == ("bilstm" in kind and kind != "last-bilstm")


def test_exports_are_steps_or_refused(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "convert", "net.mat", "net.json")
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(matnet.load("net.json").run(X).outputs, matnet.load("net.mat").run(X).outputs)
    status, out, _ = said(capsys, "diff", "net.mat", "net.json")
    assert (status, "outputs: no difference" in out) == (0, True)
    names = ["net.py", "net.c", "net.m", "net.f90", "net.js", "net.fmu"]
    for name in names + ["net.onnx"] * (importlib.util.find_spec("onnx") is not None):
        if kind in STEPWISE and (kind, name) != ("started", "net.fmu"):
            if name == "net.py":
                status, out, err = said(capsys, "convert", "net.mat", name)
                assert (status, err, "largest difference" in out) == (0, "", True)
            continue
        status, out, err = said(capsys, "convert", "net.mat", name)
        reason = f"an FMU {OTHER_START}" if kind == "started" else NO_STEP
        assert (status, out, err) == (2, "", f"matnet: {name}: {reason}; {ADVICE}\n")
        assert not Path(name).exists()


def test_frameworks_get_a_step_or_refuse(kind: str) -> None:
    net = matnet.load("net.mat")
    for library, call in (("torch", matnet.to_torch), ("jax", matnet.to_jax), ("casadi", matnet.to_casadi)):
        pytest.importorskip(library)
        if kind not in STEPWISE:
            with pytest.raises(matnet.UnsupportedError, match="computed step by step"):
                call(net)
    for other in (matnet.to_openmdao, matnet.compile):
        with pytest.raises(matnet.UnsupportedError, match="dynamic"):
            other(net)


def documented_start(text: str) -> Any:
    """The states that the comment of a file says to begin with."""
    _, _, lines = text.partition("States before the first step, counted from 1\n")
    states: list[float] = []
    for line in lines.splitlines():
        said_so = re.fullmatch(r"[ *!%/]*(\d+)(?: to (\d+))?: (\S+)", line)
        if said_so is None:
            break
        first, last = int(said_so[1]), int(said_so[2] or said_so[1])
        assert first == len(states) + 1
        states += [float(said_so[3])] * (last - first + 1)
    return np.array(states)


@pytest.mark.parametrize("name", ["net.py", "net.c", "net.m", "net.f90", "net.js"])
def test_files_say_with_which_states_a_series_begins(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(5)
    hidden, cell = rng.normal(size=(2, H, 1))
    states = {"InitialHiddenState": hidden, "InitialCellState": cell}
    states |= {"HiddenState": {"Value": hidden}, "CellState": {"Value": cell}}
    net = load(tmp_path, [sequences(), recurrent("LSTM", "rnn", 3, **states)])
    monkeypatch.chdir(tmp_path)
    matnet.save(net, name)
    text = Path(name).read_text()
    start = documented_start(text)
    np.testing.assert_array_equal(start, net.run(X[:0]).states)
    assert np.count_nonzero(start) == 2 * H
    assert "0 before the first step" not in text
    assert "zeros to begin with" not in text
    if name == "net.py":
        module, outputs = runpy.run_path(name), []
        for row in X:
            y, start = module["step"](row, start)
            outputs.append(y)
        np.testing.assert_allclose(outputs, net.run(X).outputs, rtol=1e-13)


def test_metadata_says_with_which_states_a_series_begins(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    name, _, more = KINDS["started"]
    net = load(tmp_path, [sequences(), recurrent(name, "rnn", 3, **more)])
    matnet.save(net, tmp_path / "net.onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    np.testing.assert_array_equal(json.loads(metadata["first_states"]), net.run(X[:0]).states)
    assert metadata["states"].endswith("oldest first")


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_scan_begins_with_the_states_of_the_network(library: str, tmp_path: Path) -> None:
    array = pytest.importorskip(library)
    name, _, more = KINDS["started"]
    net = load(tmp_path, [sequences(), recurrent(name, "rnn", 3, **more)])
    start = net.run(X[:0]).states
    if library == "torch":
        module: Any = matnet.to_torch(net)
        y, _ = module.scan(array.tensor(X), array.tensor(start))
        np.testing.assert_allclose(y.detach().numpy(), net.run(X).outputs, rtol=1e-13)
    else:
        step, parameters = matnet.to_jax(net)
        y, _ = step.scan(parameters, X, start)
        np.testing.assert_allclose(np.asarray(y), net.run(X).outputs, rtol=1e-5)


def test_formula_trace_weights_and_inspect(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "formula", "net.mat")
    if "bilstm" in kind:
        reason = "the network has no formula for one time step: its outputs depend on later steps of the series too"
        assert (status, out, err) == (2, "", f"matnet: {reason}\n")
    else:
        first = "1" if kind == "started" else "0"
        assert (status, f"one step before; {first} before the first step" in out) == (0, True)
    status, out, _ = said(capsys, "trace", "net.mat", "x.csv", "--row", str(T))
    assert status == 0
    y = matnet.load("net.mat").run(X).outputs[-1, 0]
    assert f"{y:.10g}" in out
    assert (", 1 time step after" in out) == ("bilstm" in kind)
    assert (", its first step of the series" in out) == (kind == "last-bilstm")
    status, out, _ = said(capsys, "weights", "net.mat", "-o", "weights")
    assert status == 0
    for word in ("InputWeights", "RecurrentWeights", "Bias"):
        rows = Path(f"weights/2_rnn_{word}.csv").read_text().splitlines()
        assert len(rows) == 1 + H * {"lstm": 4, "started": 4}.get(kind, 8 if "bilstm" in kind else 3)
    status, out, _ = said(capsys, "inspect", "net.mat")
    assert status == 0
    assert ("the outputs depend on later steps too" in out) == ("bilstm" in kind)


def test_sensitivity_and_explore(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "sensitivity", "net.mat", "x.csv", "--lags", "2")
    assert status == 0
    lags = {int(line.split(",")[2]) for line in out.splitlines()[1:]}
    assert lags == ({-2, -1, 0, 1, 2} if kind == "bilstm" else {0, 1, 2})
    status, out, err = said(capsys, "explore", "net.mat", "-o", "page.html")
    if kind in STEPWISE and kind != "started":
        assert status == 0
    else:
        reason = f"the page {OTHER_START}" if kind == "started" else NO_STEP
        assert (status, err) == (2, f"matnet: net.mat: {reason}; {ADVICE}\n")


def test_rows_cannot_be_answered_as_they_come(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "predict", "net.mat", "x.csv", "--flush")
    if "bilstm" in kind:
        assert (status, out) == (2, "")
        assert "--flush needs outputs that depend on earlier rows alone; those here depend on later ones too" in err
    else:
        assert status == 0


@pytest.mark.slow
def test_figures_and_the_report(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    for figure in ("network", "series", "lags"):
        status, _, err = said(capsys, "plot", figure, "net.mat", "x.csv", "-o", f"{figure}.svg")
        assert status == 0, err
    status, _, err = said(capsys, "report", "net.mat", "x.csv", "-o", "report.html")
    assert status == 0, err
    text = Path("report.html").read_text()
    assert ("There are no sliders here" in text) == (kind not in STEPWISE or kind == "started")


def test_steps_ahead_are_for_dynamic_networks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pump = str(Path(__file__).parents[2] / "fixtures" / "pump.mat")
    Path(tmp_path / "x.csv").write_text("x1,x2\n20,1500\n")
    status, _, err = said(capsys, "gradients", pump, str(tmp_path / "x.csv"), "--wrt-future", "1")
    assert (status, err) == (2, "matnet: --wrt-future is for dynamic networks; this network is static\n")
