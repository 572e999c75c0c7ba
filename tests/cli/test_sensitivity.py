"""The command `sensitivity`: its table, its JSON, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.cli import sensitivity
from matnet.cli.entry import run
from matnet.exporters.save import save
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.sensitivity import measures

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
PUMP_INPUTS = str(FIXTURES / "pump_inputs.csv")

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run the command: exit status, standard output and standard error."""

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(["sensitivity", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def pump_samples() -> tuple[matnet.Network, np.ndarray[Any, Any]]:
    x = np.array([[float(row["x1"]), float(row["x2"])] for row in records(Path(PUMP_INPUTS).read_text())])
    return matnet.load(PUMP), x


def test_the_table(said: Said) -> None:
    status, out, err = said(PUMP, PUMP_INPUTS, "--outputs", "head")
    assert (status, err) == (0, "")
    net, x = pump_samples()
    slopes = np.asarray(net.jacobian(x))[:, 0, :]
    scale = np.array([100.0, 1450.0]) / (42.37 - 4.3)
    rows = records(out)
    assert [(row["output"], row["input"], row["rank"]) for row in rows] == [("head", "x2", "1"), ("head", "x1", "2")]
    for row, j in zip(rows, (1, 0), strict=True):
        s = slopes[:, j]
        expected = {
            "mean": s.mean(),
            "sd": s.std(ddof=1),
            "rms": np.sqrt((s**2).mean()),
            "min": s.min(),
            "q05": np.quantile(s, 0.05),
            "q25": np.quantile(s, 0.25),
            "q50": np.median(s),
            "q75": np.quantile(s, 0.75),
            "q95": np.quantile(s, 0.95),
            "max": s.max(),
            "positive": (s > 0).mean(),
            "negative": (s < 0).mean(),
            "sign_changes": (s[1:] * s[:-1] < 0).sum(),
            "samples": 24,
            "scaled_mean": s.mean() * scale[j],
            "scaled_sd": s.std(ddof=1) * scale[j],
            "scaled_rms": np.sqrt((s**2).mean()) * scale[j],
        }
        found = {key: float(value) for key, value in row.items() if key not in ("output", "input", "rank")}
        assert found == pytest.approx(expected, rel=1e-12)


def test_json_is_the_same(said: Said) -> None:
    status, out, _ = said(PUMP, PUMP_INPUTS, "--json")
    found = json.loads(out)
    assert (status, found["rows"], found["quantile_rows"]) == (0, 24, 24)
    assert found["input_widths"] == {"x1": 100.0, "x2": 1450.0}
    assert found["output_widths"] == {"y1": pytest.approx(38.07)}
    table = records(said(PUMP, PUMP_INPUTS)[1])
    assert [{key: str(value) for key, value in row.items()} for row in found["sensitivities"]] == table


def test_what_is_not_known_is_null_or_nan(said: Said) -> None:
    status, out, _ = said(PUMP, "-", "--json", stdin="x1,x2\n20,1500\n")
    assert status == 0
    assert [row["sd"] for row in json.loads(out)["sensitivities"]] == [None, None]
    assert [row["sd"] for row in records(said(PUMP, "-", stdin="x1,x2\n20,1500\n")[1])] == ["NaN", "NaN"]


def test_interactions(said: Said) -> None:
    status, out, _ = said(PUMP, PUMP_INPUTS, "--interactions")
    net, x = pump_samples()
    rms = np.sqrt((np.asarray(net.hessian(x))[:, 0] ** 2).mean(axis=0))
    widths = np.array([100.0, 1450.0])
    scaled = rms * np.outer(widths, widths) / (42.37 - 4.3)
    rows = records(out)
    assert status == 0
    assert sorted((row["input1"], row["input2"]) for row in rows) == [("x1", "x1"), ("x1", "x2"), ("x2", "x2")]
    for row in rows:
        j, k = int(row["input1"][1]) - 1, int(row["input2"][1]) - 1
        assert float(row["rms"]) == pytest.approx(rms[j, k], rel=1e-12)
        assert float(row["scaled_rms"]) == pytest.approx(scaled[j, k], rel=1e-12)
    strengths = [float(row["scaled_rms"]) for row in rows]
    assert strengths == sorted(strengths, reverse=True)
    assert [row["rank"] for row in rows] == ["1", "2", "3"]


def test_a_table_in_many_chunks_gives_the_same(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    lines = [f"{a},{b}" for a, b in zip(rng.uniform(0, 100, 3000), rng.uniform(1450, 2900, 3000), strict=True)]
    text = "\n".join(["x1,x2", *lines]) + "\n"
    whole = records(said(PUMP, "-", stdin=text)[1])
    monkeypatch.setattr("matnet.tables.chunks.MOST_ROWS", 256)
    monkeypatch.setattr(measures, "KEPT_ELEMENTS", 2000)
    status, out, err = said(PUMP, "-", stdin=text)
    assert status == 0
    assert err == "matnet: note: the quantiles are those of 1,000 of the 3,000 rows, chosen at random\n"
    for row, other in zip(whole, records(out), strict=True):
        for key in ("mean", "sd", "rms", "min", "max", "positive", "sign_changes", "scaled_rms"):
            assert float(row[key]) == pytest.approx(float(other[key]), rel=1e-12)


def test_a_dynamic_network_has_a_row_for_each_lag(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "purelin", {0: Weight([[2.0]], delays=(1,))}, {0: Weight([[0.5]], delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    save(net, tmp_path / "arx.json")
    options = ["--lags", "3", "--states", "zeros"]
    status, out, _ = said(str(tmp_path / "arx.json"), "-", *options, stdin="x1\n1\n2\n0\n1\n3\n")
    assert status == 0
    assert [(row["lag"], float(row["mean"]), row["rank"]) for row in records(out)] == [
        ("1", 2.0, "1"),
        ("2", 1.0, "2"),
        ("3", 0.5, "3"),
        ("0", 0.0, "4"),
    ]
    status, out, err = said(str(tmp_path / "arx.json"), "-", "--interactions", stdin="x1\n1\n")
    message = "--interactions: not supported for dynamic networks"
    assert (status, out, err) == (2, "", f"matnet: {message}\n")


def test_a_table_without_rows(said: Said) -> None:
    status, out, err = said(PUMP, "-", stdin="x1,x2\n")
    assert (status, out) == (2, "")
    assert err == "matnet: standard input: it has no rows, but sensitivities are measured over samples\n"


def test_interactions_of_hundreds_of_inputs_are_refused(said: Said, tmp_path: Path) -> None:
    layer = Layer(1, "tansig", {0: Weight(np.ones((1, 300)))})
    save(Network(Structure((Input(300),), (layer,), (Output(0, 1),))), tmp_path / "wide.json")
    status, _, err = said(str(tmp_path / "wide.json"), "-", "--interactions", stdin="")
    assert status == 2
    assert err == "matnet: --interactions: 300 inputs have 45,150 pairs; at most 256 inputs are supported\n"
    assert sensitivity.INTERACTION_INPUTS == 256


def test_only_some_outputs(said: Said) -> None:
    status, _, err = said(PUMP, PUMP_INPUTS, "--of", "power")
    assert (status, err) == (2, "matnet: --of: there is no 'power'; there are 'y1'\n")


def test_the_mean_of_several_networks(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets").mkdir()
    for name in ("one.json", "two.json"):
        assert run(["convert", PUMP, f"nets/{name}"]) == 0
    said(PUMP, PUMP_INPUTS)  # what convert said is read
    alone, mean = records(said(PUMP, PUMP_INPUTS)[1]), records(said("nets", PUMP_INPUTS)[1])
    for one, other in zip(alone, mean, strict=True):
        assert float(one["rms"]) == pytest.approx(float(other["rms"]), rel=1e-13)


def test_an_id_column_is_kept_out(said: Said) -> None:
    status, out, err = said(PUMP, "-", "--keep", "id", stdin="id,flow,speed\n1,20,1500\n2,60,2400\n")
    assert status == 0
    assert len(records(out)) == 2
    assert "the inputs are taken by position" in err


def test_a_network_of_steps_says_why_its_derivatives_are_0(said: Said, tmp_path: Path) -> None:
    layer = Layer(2, "compet", {0: Weight(np.eye(2))})
    save(Network(Structure((Input(2),), (layer,), (Output(0, 2),))), tmp_path / "steps.json")
    err = said(str(tmp_path / "steps.json"), "-", stdin="x1,x2\n1,0\n0,1\n")[2]
    message = "layer 1 (compet): a step function, so every derivative through it is 0"
    assert err == f"matnet: note: {message}\n"
