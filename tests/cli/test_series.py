"""Dynamic networks on the command line: how a series starts, and the messages about it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io

import matnet
from matnet.cli.entry import run
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from series_networks import open_network

Said = Callable[..., tuple[int, str, str]]

RNG = np.random.default_rng(6)
X, T = RNG.uniform(-1.0, 1.0, (12, 2)), RNG.uniform(-1.0, 1.0, (12, 2))
TABLE = "flow,speed,head,power\n" + "".join(f"{a!r},{b!r},{c!r},{d!r}\n" for a, b, c, d in np.c_[X, T].tolist())
STATES_NOTE = "matnet: note: t.csv: the first 3 rows of the series are its states; their outputs are NaN\n"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Run a command in a folder with open.json, closed.json and t.csv: status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    matnet.save(open_network(), tmp_path / "open.json")
    matnet.save(open_network().close_loop(), tmp_path / "closed.json")
    (tmp_path / "t.csv").write_text(TABLE)

    def command(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def numbers(text: str) -> FloatArray:
    return np.array([[float(cell) for cell in line.split(",")] for line in text.splitlines()[1:]])


def prepared(net: Network) -> FloatArray:
    return net.run(*net.prepare(X, T)[:3]).outputs


@pytest.mark.parametrize("name", ["open", "closed"])
@pytest.mark.parametrize("options", [(), ("--targets", "head,power"), ("--states", "first-rows")], ids=str)
def test_the_first_rows_are_the_states(said: Said, name: str, options: tuple[str, ...]) -> None:
    status, out, err = said("predict", f"{name}.json", "t.csv", *options)
    assert (status, err) == (0, STATES_NOTE)
    y = numbers(out)
    assert np.isnan(y[:3]).all()
    np.testing.assert_array_equal(y[3:], prepared(matnet.load(f"{name}.json")))


def test_zeros_must_be_said_and_are_said(said: Said) -> None:
    status, out, err = said("predict", "closed.json", "t.csv", "--states", "zeros")
    assert (status, err) == (0, "matnet: note: t.csv: what came before is taken as zeros\n")
    np.testing.assert_array_equal(numbers(out), matnet.load("closed.json").run(X).outputs)
    without = "\n".join(line.rsplit(",", 2)[0] for line in TABLE.splitlines()) + "\n"
    for command in ("predict", "gradients", "sensitivity", "check"):
        status, out, err = said(command, "closed.json", "-", stdin=without)
        assert (status, out) == (2, ""), command
        assert err == (
            "matnet: standard input: the network feeds head, power back, and the table has no such columns; name the "
            "columns of the measured outputs with --targets, or start from zeros with --states zeros\n"
        )


def test_a_forecast(said: Said) -> None:
    net = open_network()
    for name in ("open", "closed"):
        status, out, err = said("predict", f"{name}.json", "t.csv", "--forecast", 4)
        assert (status, out.splitlines()[0]) == (0, "step,head,power")
        assert err == (
            "matnet: note: t.csv: all rows but the last 4 of the series are the past, from which 4 steps are forecast\n"
        )
        np.testing.assert_array_equal(numbers(out)[:, 1:], net.forecast(X[:8], T[:8], X[8:]))
    status, out, err = said("gradients", "closed.json", "t.csv", "--forecast", 2, "--of", "head", "--wrt", "power")
    assert (status, out.splitlines()[0]) == (
        0,
        "step,head,dhead_dpower_lag1,dhead_dpower_lag2,dhead_dpower_lag3,dhead_dpower_lag4",
    )


def test_matlabs_own_series(said: Said, corpus: Path) -> None:
    """MATLAB's own results after preparets, with only the names of its variables."""
    arx, nar = corpus / "dynamic_arx_closed.mat", corpus / "dynamic_nar_open_closed.mat"
    status, out, _ = said("predict", arx, f"{arx}:X", "--targets", f"{arx}:T")
    y = read_array(arx, "outputs").T
    assert status == 0
    assert np.isnan(numbers(out)[:3]).all()
    assert np.abs(numbers(out)[3:] - y).max() <= 2e-12 * np.ptp(y)
    status, out, _ = said("predict", nar, f"{nar}:T", "--network", "net")
    np.testing.assert_allclose(numbers(out)[5:], read_array(nar, "Y").T, rtol=0, atol=1e-13)
    for network in ("net", "netc"):
        status, out, _ = said("predict", nar, f"{nar}:T", "--network", network, "--forecast", 50)
        np.testing.assert_allclose(numbers(out)[:, 1:], read_array(nar, "y2").T, rtol=0, atol=1e-13)
    status, out, err = said("predict", nar, "--steps", 50, "--network", "netc", "--states", f"{nar}:,Aic")
    assert (status, err) == (0, "")
    np.testing.assert_allclose(numbers(out), read_array(nar, "y2").T, rtol=0, atol=1e-13)


WARNED = "the measured outputs lie within -1 and 1, outside the range (y1: 67 to 310); they should be in original units"


@pytest.mark.parametrize("options", [(), ("--forecast", "3")], ids=str)
def test_measured_outputs_that_were_scaled_are_noticed(said: Said, corpus: Path, options: tuple[str, ...]) -> None:
    """The processed range of y1 of this network is -1 to 1, its range 67 to 310."""
    net = corpus / "dynamic_narx_closed.mat"
    x = np.tile([669.0, 63.0, 66.0], (9, 1))
    for y, noticed in ((np.linspace(-0.3, 0.2, 9), True), (np.linspace(150.0, 190.0, 9), False), (np.zeros(9), False)):
        np.savetxt("s.csv", np.c_[x, y], delimiter=",", header="x1,x2,x3,y1", comments="")
        status, _, err = said("predict", net, "s.csv", *options)
        assert (status, WARNED in err, "warning" in err) == (0, noticed, noticed), err


def test_states_of_a_file_at_the_other_scale_are_noticed(said: Said, corpus: Path) -> None:
    net = matnet.load(corpus / "dynamic_narx_closed.mat")
    x = np.tile([669.0, 63.0, 66.0], (9, 1))
    x_scaled = np.tile([-0.5, -0.9, 0.8], (2, 1))
    np.savetxt("s.csv", x, delimiter=",", header="x1,x2,x3", comments="")
    layers = net.prepare(x, np.full((9, 1), 153.0)).layer_states
    raw = np.where(np.arange(11) == 10, 153.0, layers)
    scipy.io.savemat("s.mat", {"Xi": x[:2].T, "scaled": x_scaled.T, "Ai": layers.T, "raw": raw.T})
    said_of = {}
    for states in ("Xi,Ai", "scaled,Ai", "Xi,raw"):
        status, _, said_of[states] = said(
            "predict", corpus / "dynamic_narx_closed.mat", "s.csv", "--states", f"s.mat:{states}"
        )
        assert status == 0
    assert "warning" not in said_of["Xi,Ai"]
    # x1 and x2 begin at 0, which scaled values reach too; x3 begins at 12
    assert "the input states lie within -1 and 1, outside the range (x3: 12 to 73)" in said_of["scaled,Ai"]
    assert (
        "the layer states lie in the range of the outputs (y1: 67 to 310); they should be at the scale of"
        in (said_of["Xi,raw"])
    )


def test_arrays_of_an_open_loop(said: Said) -> None:
    scipy.io.savemat("d.mat", {"X": X.T, "T": T.T, "both": np.c_[X, T].T})
    expected = prepared(open_network())
    for options in (("d.mat:both",), ("d.mat:X", "--targets", "d.mat:T")):
        status, out, _ = said("predict", "open.json", *options)
        assert status == 0
        np.testing.assert_array_equal(numbers(out)[3:], expected)
        status, out, _ = said("predict", "open.json", *options, "--forecast", 4)
        np.testing.assert_array_equal(numbers(out)[:, 1:], open_network().forecast(X[:8], T[:8], X[8:]))
    assert said("predict", "open.json", "d.mat:X", "--targets", "d.mat:T(:,1)")[0] == 2
    scipy.io.savemat("e.mat", {"T": T[:9].T})
    status, _, err = said("predict", "closed.json", "d.mat:X", "--targets", "e.mat:T")
    assert (status, err) == (2, "matnet: d.mat:X: 9 targets for 12 samples\n")
    status, _, err = said("predict", "open.json", "t.csv", "--inputs", "flow,speed", "--targets", "d.mat:T")
    assert (status, err) == (
        2,
        "matnet: t.csv: --targets: an array of outputs completes an array of inputs, but this table has columns; name "
        "the columns of the outputs in it\n",
    )


def crossed() -> Network:
    """An open loop whose second input carries the second output, and its third the first."""
    rng = np.random.default_rng(0)
    inputs = (Input(1), Input(1, feedback_output=1), Input(1, feedback_output=0))
    taps = {k: Weight(rng.normal(size=(3, 2)), delays=(1, 2)) for k in range(3)}
    hidden = Layer(3, "tansig", taps, bias=rng.normal(size=3))
    last = [Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, rng.normal(size=1)) for _ in range(2)]
    outputs = [Output(1 + k, 1, feedback_mode="open", feedback_input=2 - k) for k in range(2)]
    return Network(Structure(inputs, (hidden, *last), tuple(outputs))).with_names(outputs=["ya", "yb"])


@pytest.mark.parametrize("options", [(), ("--targets", "ya,yb")])
def test_outputs_fed_back_crosswise_go_to_their_own_inputs(said: Said, options: tuple[str, ...]) -> None:
    net, x = crossed(), np.random.default_rng(1).normal(size=(8, 3))
    matnet.save(net, "net.json")
    Path("t.csv").write_text("u,ya,yb\n" + "".join(",".join(map(repr, row)) + "\n" for row in x.tolist()))
    whole = x[:, [0, 2, 1]]
    expected = net.run(whole[2:], input_states=whole[:2]).outputs
    status, out, _ = said("predict", "net.json", "t.csv", "--inputs", "u", *options)
    assert status == 0
    np.testing.assert_allclose(numbers(out)[2:], expected, rtol=1e-14)
    _, out, _ = said("gradients", "net.json", "t.csv", "--inputs", "u", *options)
    assert out.splitlines()[0].split(",")[2:5] == ["dya_du", "dya_dyb", "dya_dya"]


@pytest.mark.parametrize("command", [("predict", "-o", "y.csv"), ("predict", "--forecast", "2"), ("check",)])
@pytest.mark.parametrize("length", [3, 20])
def test_measured_outputs_of_another_length_are_refused(said: Said, command: tuple[str, ...], length: int) -> None:
    net, x = open_network().close_loop(), np.random.default_rng(1).normal(size=(8, 2))
    matnet.save(net, "net.json")
    names = ",".join(net.input_names)
    rows = "".join(",".join(map(repr, row)) + "\n" for row in x[:, : net.input_size].tolist())
    Path("x.csv").write_text(f"{names}\n{rows}")
    scipy.io.savemat("t.mat", {"T": np.ones((length, net.output_size))})
    name, *options = command
    status, _, err = said(name, "net.json", "x.csv", "--targets", "t.mat:T", "--samples", "rows", *options)
    assert status == 2
    assert not Path("y.csv").exists()
    assert err.endswith(f"{length} targets for 8 samples\n")


def test_cells_of_several_signals(said: Said) -> None:
    """x a cell of signals by time steps, as MATLAB's networks take it, and the empty Xi and Ai of a static layer."""
    inputs, targets = np.empty((2, 12), object), np.empty((1, 12), object)
    for k in range(12):
        inputs[0, k], inputs[1, k], targets[0, k] = X[k, :1, None], X[k, 1:, None], T[k][:, None]
    scipy.io.savemat("d.mat", {"X": inputs, "T": targets, "Ai": np.empty((2, 0), object)})
    status, out, _ = said("predict", "closed.json", "d.mat:X", "--targets", "d.mat:T")
    assert status == 0
    np.testing.assert_array_equal(numbers(out)[3:], prepared(open_network().close_loop()))


def test_steps_in_place_of_a_table(said: Said) -> None:
    layer = Layer(1, "tansig", {}, {0: Weight(np.array([[0.9, -0.5]]), delays=(1, 2))}, np.array([0.3]))
    net = Network(Structure((), (layer,), (Output(0, 1, feedback_mode="closed"),)))
    matnet.save(net, "nar.json")
    status, out, err = said("predict", "nar.json", "--steps", 6, "--states", "zeros")
    assert (status, err) == (0, "matnet: note: 6 steps: what came before is taken as zeros\n")
    np.testing.assert_array_equal(numbers(out), net.run(steps=6).outputs)
    message = "matnet: --steps: say what came before with --states: zeros, or FILE.mat:,Ai. See matnet predict --help\n"
    assert said("predict", "nar.json", "--steps", 6) == (2, "", message)
    status, _, err = said("predict", "closed.json", "--steps", 6, "--states", "zeros")
    assert (status, err) == (
        2,
        "matnet: --steps is for networks without inputs; this one has 2 inputs: name a table of them\n",
    )
    status, _, err = said("predict", "nar.json", "t.csv", "--steps", 6, "--states", "zeros")
    assert (status, err) == (
        2,
        "matnet: TABLE and --steps are alternatives; give one of them. See matnet predict --help\n",
    )


def test_a_recurrent_layer_starts_at_rest_and_says_so(said: Said) -> None:
    hidden = Layer(
        2, "tansig", {0: Weight([[1.0], [0.5]])}, {0: Weight([[0.5, 0.1], [0.2, 0.3]], delays=(1,))}, np.zeros(2)
    )
    last = Layer(1, "purelin", {}, {0: Weight([[1.0, 2.0]])})
    net = Network(Structure((Input(1),), (hidden, last), (Output(1, 1),)))
    matnet.save(net, "layrec.json")
    x = np.array([[1.0], [2.0], [3.0]])
    status, out, err = said("predict", "layrec.json", "-", stdin="x1\n1\n2\n3\n")
    assert (status, err) == (
        0,
        "matnet: note: standard input: the first row of the series is its states; their outputs are NaN; the earlier "
        "outputs of layer 1 are not known and taken as 0\n",
    )
    np.testing.assert_array_equal(numbers(out)[1:], net.run(x[1:]).outputs)


def test_a_static_network_has_no_states(said: Said) -> None:
    pump = Path(__file__).parent.parent.parent / "fixtures" / "pump.mat"
    for options, name in (
        (("--states", "zeros"), "states"),
        (("--targets", "y"), "targets"),
        (("--forecast", "2"), "forecast"),
    ):
        status, _, err = said("predict", pump, "-", *options, stdin="x1,x2,y\n1,2,3\n")
        assert (status, err) == (2, f"matnet: --{name} is for dynamic networks; this network is static\n")


@pytest.mark.parametrize("kind", ["series", "lags", "error-autocorrelation", "parity", "residuals"])
def test_figures_start_from_the_first_rows(said: Said, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matnet.plots import figures

    requests: list[figures.Request] = []
    draw = figures.draw

    def seen(kind: str, request: figures.Request) -> object:
        requests.append(request)
        return draw(kind, request)

    monkeypatch.setattr(figures, "draw", seen)
    options = ["--lags", "4"] if kind in ("lags", "error-autocorrelation") else []
    status, _, err = said("plot", kind, "closed.json", "t.csv", "-o", "a.svg", "--targets", "head,power", *options)
    assert (status, err) == (0, STATES_NOTE)
    (request,) = requests
    data = matnet.load("closed.json").prepare(X, T)
    np.testing.assert_array_equal(request.data(), data.x)
    np.testing.assert_array_equal(request.targets(), data.targets)
    np.testing.assert_array_equal(request.states["layer_states"], data.layer_states)
    assert request.first_step == 4


def test_a_report_and_a_figure_without_a_table(said: Said) -> None:
    pytest.importorskip("matplotlib")
    status, _, err = said("report", "closed.json", "t.csv", "-o", "a.html")
    assert (status, err.splitlines()[0] + "\n") == (0, STATES_NOTE)
    assert "starting from zero states" not in Path("a.html").read_text()
    status, _, err = said("report", "closed.json", "t.csv", "-o", "b.html", "--states", "zeros")
    assert "starting from zero states" in Path("b.html").read_text()
    status, _, err = said("plot", "series", "closed.json", "-o", "a.svg", "--steps", "5")
    assert (status, err) == (
        2,
        "matnet: series without a table: say what came before with --states: zeros, or FILE.mat:,Ai\n",
    )


def test_measures_and_checks_start_from_the_first_rows(said: Said) -> None:
    status, out, err = said("check", "closed.json", "t.csv")
    assert (status, err) == (0, STATES_NOTE)
    assert "9 samples" in out
    status, out, err = said("sensitivity", "closed.json", "t.csv", "--lags", "2", "--of", "head")
    assert (status, err) == (0, STATES_NOTE)
    net = matnet.load("closed.json")
    data = net.prepare(X, T)
    expected = net.run_jacobian(data.x, 2, input_states=data.input_states, layer_states=data.layer_states)[2:]
    assert len(out.splitlines()) == 7
    columns = out.splitlines()[0].split(",")
    mean, lag = columns.index("mean"), columns.index("lag")
    for line in out.splitlines()[1:]:
        cells = line.split(",")
        j = ("flow", "speed").index(cells[columns.index("input")])
        assert float(cells[mean]) == pytest.approx(expected[:, int(cells[lag]), 0, j].mean(), rel=1e-12)


def test_a_trace_counts_the_rows_of_the_table(said: Said) -> None:
    net = matnet.load("closed.json")
    status, out, err = said("trace", "closed.json", "t.csv", "--row", "5")
    assert (status, err) == (0, STATES_NOTE)
    assert f"{prepared(net)[1, 0]:.10g}" in out
    status, _, err = said("trace", "closed.json", "t.csv", "--row", "3", "--quiet")
    assert (status, err) == (
        2,
        "matnet: t.csv: --row 3: the rows before row 4 are the states of the series and have no outputs; name a "
        "later row, or start from zeros with --states zeros\n",
    )


def test_a_page_that_computes_starts_from_the_first_rows(said: Said) -> None:
    net = matnet.load("closed.json")
    status, _, err = said("explore", "closed.json", "t.csv", "-o", "a.html")
    assert (status, err.splitlines()[0] + "\n") == (0, STATES_NOTE)
    data = net.prepare(X, T)
    text = Path("a.html").read_text()
    assert f'"layer_states": {data.layer_states.tolist()}'.replace('"', '\\"') in text
    assert '"first": 4' in text or '"first":4' in text


def test_matlabs_empty_cells_are_no_states(said: Said, corpus: Path) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    named = ("--network", "net", "--inputs", "Xs", "--outputs", "Y", "--input-states", "Xi")
    for layer_states in ("Ai", f"{file}:Ai"):
        status, out, err = said("verify", file, *named, "--layer-states", layer_states)
        assert (status, err) == (0, "")
        assert out.splitlines()[-1] == "proved"
    options = ("--network", "netc", "--steps", 50, "--states")
    _, out, _ = said("predict", file, *options, f"{file}:Xic,Aic")
    assert out == said("predict", file, *options, f"{file}:,Aic")[1]
    status, _, err = said("verify", file, *named[:2], "--outputs", "Y", "--input-states", "Ai")
    assert (status, err) == (2, "matnet: Ai is 0 by 0, but the input states are 1 by 5\n")


def test_layer_states_that_are_not_given_are_said_to_be_zeros(said: Said) -> None:
    net = matnet.load("closed.json")
    scipy.io.savemat("s.mat", {"Xi": X[:2].T})
    status, out, err = said("predict", "closed.json", "t.csv", "--states", "s.mat:Xi")
    assert (status, err) == (0, "matnet: note: t.csv: the layer states are taken as zeros\n")
    np.testing.assert_array_equal(numbers(out), net.run(X, input_states=X[:2]).outputs)
