"""Which network a command works on: one of several, an ensemble, with scaling kept beside it; series and states."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import matnet
from make_bad_fixtures import network
from matnet.cli.entry import run
from matnet.importers.arrays import read_array
from matnet.network import Ensemble

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = FIXTURES / "pump.mat"
X = np.array([[20.0, 1500.0], [60.0, 2800.0]])
TEXT = "x1,x2\n20,1500\n60,2800\n"

Said = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command: exit status, lines of standard output, and standard error."""

    def command(*arguments: object, stdin: str = TEXT) -> tuple[int, list[str], str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return command


def numbers(lines: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])


def beside(tmp_path: Path, **variables: object) -> Path:
    """The pump's file with further variables after its own: a MAT-file is a header and a list of variables."""
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables)
    path = tmp_path / "beside.mat"
    path.write_bytes(PUMP.read_bytes() + stream.getvalue()[128:])
    return path


def test_an_ensemble_from_a_folder_or_a_pattern(said: Said, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mat").write_bytes(PUMP.read_bytes())
    for file in (tmp_path, tmp_path / "*.mat"):
        status, lines, err = said("gradients", file, "-")
        assert (status, err) == (0, "")
        assert lines[0] == "y1,y1_std,dy1_dx1,dy1_dx2"
        y, J = matnet.load(PUMP).value_and_jacobian(X)
        np.testing.assert_allclose(numbers(lines), np.column_stack([y, 0 * y, J[:, 0]]), rtol=1e-14)


def test_an_ensemble_of_the_networks_of_a_cell(said: Said, corpus: Path, tmp_path: Path) -> None:
    file = corpus / "static_cell_of_networks.mat"
    networks = matnet.load_all(file)
    pattern = next(iter(networks)).replace("1", ":")
    members = list(networks.values())
    low, high = members[0].input_range.T
    x = np.array([low, (low + high) / 2])
    table = tmp_path / "t.csv"
    table.write_text("\n".join(",".join(map(repr, row)) for row in x.tolist()))
    status, lines, _ = said("predict", file, table, "--network", pattern)
    assert status == 0
    mean = Ensemble(members)
    expected = np.stack([mean(x), mean.std(x)], axis=-1).reshape(2, -1)
    np.testing.assert_array_equal(numbers(lines), expected)
    first, second = list(networks)[:2]
    status, lines, _ = said("predict", file, table, "--network", second, "--network", first)
    assert (status, lines) == said("predict", file, table, "--network", f"{second},{first}")[:2]
    assert lines[0] == "y1,y1_std,y2,y2_std"


def test_a_pattern_that_nothing_matches(said: Said) -> None:
    assert said("predict", PUMP, "-", "--network", "nets{:}") == (
        2,
        [],
        f"matnet: {PUMP}: no network matches nets{{:}}; there are net\n",
    )


def test_members_that_take_different_inputs(said: Said, tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(PUMP.read_bytes())
    (tmp_path / "b.mat").write_bytes((FIXTURES / "cascade.mat").read_bytes())
    assert said("predict", tmp_path, "-") == (2, [], f"matnet: {tmp_path}: member 2 has 3 inputs, the first has 2\n")


def test_a_name_of_a_network_in_several_files(said: Said) -> None:
    assert said("predict", FIXTURES, "-", "--network", "net") == (
        2,
        [],
        f"matnet: {FIXTURES}: --network names a network in one file, but these are several\n",
    )


def settings(low: list[float], high: list[float]) -> dict[str, object]:
    return {"xmin": np.array([low]).T, "xmax": np.array([high]).T, "ymin": -1.0, "ymax": 1.0}


def test_scaling_that_was_kept_beside_the_network(said: Said, tmp_path: Path) -> None:
    """x of the table is scaled for the network, and its outputs are scaled back."""
    file = beside(tmp_path, ps=settings([-60.0, 0.0], [60.0, 4.0]), ts=settings([0.0], [10.0]))
    options = ["--input-scaling", "ps", "--output-scaling", "ts"]
    status, lines, _ = said("gradients", file, "-", *options, stdin="x1,x2\n1200,3000\n")
    assert status == 0
    net = matnet.load(PUMP)
    gain, back = np.array([2 / 120, 2 / 4]), 10 / 2
    inner = (np.array([1200.0, 3000.0]) - [-60.0, 0.0]) * gain - 1
    y, J = net.value_and_jacobian(inner)
    expected = [(y[0] + 1) * back, *(J[0] * gain * back)]
    np.testing.assert_allclose(numbers(lines)[0], expected, rtol=1e-13)


def test_scaling_in_a_file_of_its_own(said: Said, tmp_path: Path) -> None:
    file = beside(tmp_path, ps=settings([-60.0, 0.0], [60.0, 4.0]))
    scipy.io.savemat(tmp_path / "ps.mat", {"ps": settings([-60.0, 0.0], [60.0, 4.0]), "low": [-60, 0], "high": [60, 4]})
    expected = said("predict", file, "-", "--input-scaling", "ps")
    assert expected[0] == 0
    for name in ("ps", "mapminmax:low,high"):
        assert said("predict", PUMP, "-", "--input-scaling", f"{tmp_path / 'ps.mat'}:{name}")[:2] == expected[:2]


def test_inspect_and_verify_show_the_networks_that_can_be_used(said: Said, tmp_path: Path) -> None:
    good, bad = network(), network()
    bad["layers"][0, 0][0, 0]["transferFcn"] = "mytf"
    file = tmp_path / "both.mat"
    scipy.io.savemat(file, {"bad": bad, "net": good}, long_field_names=True)
    left_out = f"matnet: {file}: bad.layers{{1}}.transferFcn: unknown transfer function 'mytf'; known: "
    status, lines, err = said("inspect", file)
    assert (status, lines[0], err.startswith(left_out), err.count("\n")) == (0, f"{file}: net", True, 1)
    status, _, err = said("verify", file)
    assert (status, err.startswith(left_out), err.count("\n")) == (3, True, 1)
    told = json.loads("\n".join(said("inspect", "--json", file)[1]))
    assert [entry["path"] for entry in told["networks"]] == ["net"]
    assert [entry["error"].startswith(left_out.removeprefix("matnet: ")) for entry in told["failures"]] == [True]


def test_verify_reads_tables_of_other_programs(said: Said, tmp_path: Path) -> None:
    x, y = tmp_path / "x.csv", tmp_path / "y.csv"
    samples = np.random.default_rng(0).uniform([10.0, 1500.0], [90.0, 2800.0], (40, 2))

    def german(values: Any, *lines: str) -> str:
        return "\n".join([*lines, *(";".join(map(str, row)).replace(".", ",") for row in values.tolist()), ""])

    def verified(*options: str) -> tuple[int, str]:
        status, lines, err = said("verify", PUMP, "--inputs", x, "--outputs", y, *options)
        return status, lines[-1] if lines else err

    x.write_text(german(samples, "flow;speed"))
    y.write_text(german(matnet.load(PUMP)(samples), "head"))
    ragged = "line 2: 2 cells, expected 1 as in line 1; a delimiter inside a cell needs quotes around the cell; "
    assert verified() == (2, f'matnet: {y}: {ragged}if the comma is a decimal sign: --decimal ","\n')
    assert verified("--decimal", ",") == (0, "proved")
    x.write_text(german(samples, "flow;speed", "m3/h;rpm"))
    y.write_text(german(matnet.load(PUMP)(samples), "head", "m"))
    units = "line 2, column flow: 'm3/h' is not a number; if the line holds units: --skip-rows 1\n"
    assert verified("--decimal", ",") == (2, f"matnet: {x}: {units}")
    assert verified("--decimal", ",", "--skip-rows", "1") == (0, "proved")
    x.write_text("% measured\n" + german(samples, "flow;speed").replace(";", "\t").replace(",", "."))
    y.write_text(german(matnet.load(PUMP)(samples), "head").replace(",", "."))
    ragged = "line 2: 2 cells, expected 1 as in line 1; a delimiter inside a cell needs quotes around the cell; "
    advice = 'if lines that begin with % are comments: --comment "%"\n'
    assert verified("--delimiter", "tab") == (2, f"matnet: {x}: {ragged}{advice}")
    assert verified("--comment", "%") == (0, "proved")


def test_inspect_points_out_what_looks_like_scaling(said: Said, tmp_path: Path) -> None:
    file = beside(tmp_path, ps=settings([0.0, 0.0], [1.0, 4.0]))
    status, lines, _ = said("inspect", file)
    assert (status, [line for line in lines if "scaling?" in line]) == (
        0,
        ["  scaling?  ps: settings of mapminmax for 2 rows"],
    )
    told = json.loads("\n".join(said("inspect", "--json", file)[1]))
    assert told["networks"][0]["scaling_candidates"] == {"ps": "settings of mapminmax for 2 rows"}


def test_scaling_that_is_not_there(said: Said) -> None:
    status, _, err = said("predict", PUMP, "-", "--input-scaling", "ps")
    assert status == 2
    assert err.startswith(f"matnet: {PUMP}: there is no variable ps; found: net (network 1x1), ")


def test_scaling_for_another_number_of_rows(said: Said, tmp_path: Path) -> None:
    file = beside(tmp_path, ps=settings([0.0], [1.0]))
    assert said("predict", file, "-", "--input-scaling", "ps") == (
        2,
        [],
        f"matnet: {file}: the scaling is for 1 row, but there are 2\n",
    )


@pytest.mark.parametrize(
    ("name", "network", "x", "states", "expected", "tolerance"),
    [
        ("dynamic_arx_closed.mat", "net", "Xs", "Xi,Ai", "outputs", 2e-12),
        ("dynamic_nar_open_closed.mat", "nets", "xs", "xis", "y", 1e-13),
    ],
)
def test_a_series_from_matlabs_own_states(
    said: Said, corpus: Path, name: str, network: str, x: str, states: str, expected: str, tolerance: float
) -> None:
    file = corpus / name
    status, lines, _ = said("predict", file, f"{file}:{x}", "--network", network, "--states", f"{file}:{states}")
    assert status == 0
    y = read_array(file, expected).T
    assert np.abs(numbers(lines) - y).max() <= tolerance * np.ptp(y)


def test_a_series_without_inputs_from_matlabs_own_states(said: Said, corpus: Path) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    options = ["--network", "netc", "--keep", "step", "--states", f"{file}:,Aic"]
    status, lines, err = said("predict", file, "-", *options, stdin="step\n" + "1\n" * 50)
    assert (status, err) == (0, "")
    y = read_array(file, "y2").T
    assert np.abs(numbers(lines)[:, 1:] - y).max() <= 1e-13 * np.ptp(y)


def test_derivatives_by_lag_in_groups(said: Said, corpus: Path) -> None:
    file = corpus / "dynamic_narx_closed.mat"
    text = "g,x1,x2,x3\na,1,2,30\nb,4,5,60\na,2,3,40\n"
    options = ["--group", "g", "--wrt-time", "1", "--wrt", "x3", "--states", "zeros"]
    status, lines, _ = said("gradients", file, "-", *options, stdin=text)
    assert (status, lines[0]) == (0, "y1,dy1_dx3,dy1_dx3_lag1")
    net = matnet.load(file)
    x = np.array([[1.0, 2.0, 30.0], [2.0, 3.0, 40.0]])
    expected = net.run_jacobian(x, 1)[1, :, 0, 2]
    np.testing.assert_allclose(numbers(lines)[2, 1:], expected, rtol=1e-13)
    assert expected[1] != 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("ones", "--states: 'ones' is none of first-rows, zeros and FILE.mat:Xi,Ai"),
        ("a.mat:Xi,Ai,Bi", "--states: 'Xi,Ai,Bi' names 3 variables, expected Xi or Xi,Ai"),
    ],
)
def test_states_that_are_none(said: Said, option: str, message: str) -> None:
    assert said("predict", PUMP, "-", "--states", option) == (2, [], f"matnet: {message}\n")
