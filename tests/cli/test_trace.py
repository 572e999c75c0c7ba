"""The command `trace`, typed as its page shows it."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import matnet
from matnet.cli.entry import run
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
NARX = str(FIXTURES / "genfunction" / "narx_closed.m")
NET = matnet.load(PUMP)
TEXT = "flow,speed\n20,1500\n60.5,2800\n"

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Said:
    """Run a command in an empty folder: exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TEXT)

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return command


def test_a_row_of_a_table(said: Said) -> None:
    status, out, err = said("trace", PUMP, "t.csv", "--row", "2", "--outputs", "head")
    assert (status, err) == (0, "matnet: note: t.csv: the inputs are taken by position: flow, speed\n")
    lines = out.splitlines()
    assert lines[:3] == ["input 1", "  flow                 60.5", "  speed                2800"]
    assert lines[4] == "  p{1}(1)              0.21               (60.5 - 0) * 0.02 + (-1)"
    y, jacobian = NET.value_and_jacobian(np.array([60.5, 2800.0]))
    assert f"  head                 {y[0]:.10g}" in out
    assert lines[-1] == f"  dhead_dspeed         {jacobian[0, 1]:.10g}      19.035 * 1.109658665 * 0.001379310345"


def test_json_and_csv_have_every_digit(said: Said, tmp_path: Path) -> None:
    status, out, _ = said("trace", PUMP, "t.csv", "--json", "--quiet")
    document = json.loads(out)
    found = {entry["quantity"]: entry["value"] for stage in document["stages"] for entry in stage["quantities"]}
    assert (status, document["row"]) == (0, 1)
    assert found == dict(NET.with_names(inputs=("flow", "speed")).trace([20.0, 1500.0]))
    assert said("trace", PUMP, "t.csv", "-o", "out.csv", "--quiet") == (0, "", "")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["quantity"]: float(row["value"]) for row in rows} == found
    assert said("trace", PUMP, "t.csv", "--quiet", "--against", "out.csv") == (
        0,
        "76 numbers compared: all agree\n",
        "",
    )


def test_where_my_own_numbers_differ(said: Said, tmp_path: Path) -> None:
    trace = NET.trace([20.0, 1500.0])
    bias = NET.structure.layers[0].bias
    assert bias is not None
    forgotten = [trace[f"n1({k})"] - float(bias[k - 1]) for k in range(1, 11)]
    (tmp_path / "mine.csv").write_text(
        "quantity,value\n" + "".join(f"n1({k}),{n:.6f}\n" for k, n in enumerate(forgotten, 1))
    )
    arguments = ("trace", PUMP, "--at", "20,1500", "--against", "mine.csv")
    status, out, err = said(*arguments)
    assert (status, err) == (1, "")
    first = f"first difference: n{{1}}(1) is {round(forgotten[0], 6):.10g}, expected {trace['n1(1)']:.10g}\n"
    assert out == f"{first}  the bias b{{1}} was forgotten\n"
    status, out, _ = said(*arguments, "--json")
    (difference,) = json.loads(out)["differences"]
    assert (status, difference["quantity"], difference["reasons"]) == (1, "n{1}(1)", ["the bias b{1} was forgotten"])
    (tmp_path / "mine.csv").write_text("n1(11),1\n")
    message = "matnet: mine.csv: there is no quantity 'n1(11)'; there are n{1}(1) to n{1}(10)\n"
    assert said(*arguments) == (2, "", message)


def test_a_time_step_with_states(said: Said, tmp_path: Path) -> None:
    net = matnet.load(NARX)
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, -1.0]])
    states = np.array([[0.5, 0.25], [-0.5, 1.0]])
    savemat(tmp_path / "s.mat", {"Xi": states.T})
    points = [part for row in x for part in ("--at", ",".join(map(str, row)))]
    status, out, _ = said("trace", NARX, *points, "--row", "2", "--states", "s.mat:Xi", "--json")
    found = {entry["quantity"]: entry["value"] for stage in json.loads(out)["stages"] for entry in stage["quantities"]}
    assert (status, found["x1(t-1)"], found["x1(t-2)"]) == (0, 1.0, -0.5)
    np.testing.assert_allclose(found["y1"], net.run(x, input_states=states).outputs[1, 0], rtol=1e-13)
    expected = net.run_jacobian(x, lags=0, input_states=states)[1, 0, 0]
    np.testing.assert_allclose([found["dy1_dx1"], found["dy1_dx2"]], expected, rtol=1e-12, atol=1e-14)


def test_several_networks_and_their_mean(said: Said, tmp_path: Path) -> None:
    nets = {f"n{k}.json": NET.with_parameters(NET.parameters * (1 + k / 100)) for k in (1, 2, 3)}
    (tmp_path / "nets").mkdir()
    for name, net in nets.items():
        matnet.save(net, tmp_path / "nets" / name)
    arguments = ("trace", "nets", "t.csv", "--row", "2", "--quiet")
    status, out, err = said(*arguments)
    assert (status, err) == (0, "")
    x = np.array([60.5, 2800.0])
    for name, net in nets.items():
        part = out[out.index(f"{name}\n") :]
        assert f"  y1                   {net(x)[0]:.10g}" in part
    ensemble = matnet.Ensemble(nets)
    mean = out[out.index("mean of 3 networks: outputs\n") :]
    values = [f"{net(x)[0]:.10g}" for net in nets.values()]
    assert " ".join(mean.splitlines()[1].split()) == f"y1 {ensemble(x)[0]:.10g} ({' + '.join(values)}) / 3"
    document = json.loads(said(*arguments, "--json")[1])
    assert [entry["network"] for entry in document["networks"]] == list(nets)
    slopes = [entry["value"] for entry in document["mean"][1]["quantities"]]
    np.testing.assert_allclose(slopes, ensemble.jacobian(x)[0], rtol=1e-12)
    said(*arguments, "-o", "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["network", "quantity", "value", "computed"]
    assert list(dict.fromkeys(row["network"] for row in rows)) == [*nets, "mean"]
    # numbers of one of them: it is named
    (tmp_path / "mine.csv").write_text(f"y1,{float(nets['n2.json'](x)[0])!r}\n")
    status, out, _ = said(*arguments, "--against", "mine.csv")
    assert status == 0
    assert "n2.json\n1 number compared: all agree\nn3.json\nfirst difference: y1 is " in out
    (tmp_path / "mine.csv").write_text("y1,12345\n")
    status, out, _ = said(*arguments, "--against", "mine.csv", "--json")
    assert status == 1
    assert [len(entry["differences"]) for entry in json.loads(out)["networks"]] == [1, 1, 1]


@pytest.mark.parametrize("delays", [0, 1])
def test_names_that_only_some_networks_have_count_for_all(said: Said, tmp_path: Path, delays: int) -> None:
    (tmp_path / "nets").mkdir()
    first = Weight([[0.5, -2.0, 0.25, 3.0]], delays=(0, 1)) if delays else Weight([[0.5, -2.0]])
    net = Network(Structure((Input(2),), (Layer(1, "purelin", {0: first}, bias=[0.1]),), (Output(0, 1),)))
    matnet.save(net, tmp_path / "nets" / "a.json")
    matnet.save(net.with_names(inputs=["p", "q"], outputs=["q"]), tmp_path / "nets" / "b.json")
    (tmp_path / "t.csv").write_text("q,p\n1,2\n3,5\n-4,7\n")
    x = np.array([[2.0, 1.0], [5.0, 3.0], [7.0, -4.0]])
    expected = (net.run(x).outputs if delays else net(x))[2, 0]
    states = ("--states", "zeros") if delays else ()
    status, out, err = said("trace", "nets", "t.csv", "--row", "3", "--json", "--quiet", *states)
    assert status == 0, err
    document = json.loads(out)
    stages = [stage for entry in document["networks"] for stage in entry["stages"]] + document.get("mean", [])
    found = [each["value"] for stage in stages for each in stage["quantities"] if each["quantity"] == "y1"]
    assert found == pytest.approx([expected] * (2 if delays else 3), rel=1e-14)


def test_long_sums_only_when_asked_for(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, 40)))})
    matnet.save(Network(Structure((Input(40),), (layer,), (Output(0, 1),))), tmp_path / "long.json")
    at = ("--at", ",".join(["2"] * 40))
    assert "the sum of 40 terms" in said("trace", "long.json", *at)[1]
    for more in ((), ("--json",)):
        assert "1 * 2 + 1 * 2 + 1 * 2" in said("trace", "long.json", *at, "--full", *more)[1]


def test_a_network_without_inputs(said: Said) -> None:
    nar = str(FIXTURES / "genfunction" / "nar_closed.m")
    status, out, err = said("trace", nar, "--row", "3", "--states", "zeros")
    net = matnet.load(nar)
    assert (status, err) == (0, "")
    assert f"{net.run(steps=3).outputs[2, 0]:.10g}" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((PUMP,), "Missing argument 'TABLE'; or give one sample with --at. See matnet trace --help"),
        (
            (PUMP, "t.csv", "--at", "1,2"),
            "TABLE and --at are alternatives; give one of them. See matnet trace --help",
        ),
        ((PUMP, "t.csv", "--row", "3", "--quiet"), "t.csv: --row 3: it has 2 rows"),
        ((PUMP, "--at", "1"), "--at gives 1 number, the network has 2 inputs"),
        ((PUMP, "t.csv", "--against", "none.csv"), "none.csv: cannot be read: No such file or directory"),
        (
            (PUMP, "t.csv", "-o", "t.csv"),
            "t.csv: this file is an input of the command; write the result to another file",
        ),
    ],
)
def test_what_is_wrong(said: Said, arguments: tuple[str, ...], message: str) -> None:
    assert said("trace", *arguments) == (2, "", f"matnet: {message}\n")
