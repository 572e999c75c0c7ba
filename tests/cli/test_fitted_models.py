"""The commands on models of fitrnet and fitcnet: names of predictors and classes everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import matnet
from fitted_models import X, classification, regression, saved
from matnet.cli.entry import run
from object_files import ObjectStore


@pytest.fixture
def model(tmp_path: Path) -> Path:
    store = ObjectStore()
    return saved(tmp_path / "m.mat", store, net=classification(store, changes={"PrivX": X}))


def test_inspect_names_the_predictors_and_the_classes(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (feed, speed) = (f"{low:.10g} to {high:.10g}" for low, high in zip(X.min(axis=0), X.max(axis=0), strict=True))
    assert lines[2:5] == [
        "  inputs    1 Predictors: feed, speed, standardize",
        f"                feed  {feed}",
        f"                speed {speed}",
    ]
    assert "  outputs   1 Scores: 1, 2, 10, 2.5, no processing, from layer 2" in lines
    assert run(["inspect", str(model), "--json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)["networks"]
    assert described["inputs"][0]["elements"] == ["feed", "speed"]
    assert described["outputs"][0]["elements"] == ["1", "2", "10", "2.5"]
    assert described["stored_as"] == "ClassificationNeuralNetwork object"


def test_columns_are_taken_and_results_called_by_name(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "data.csv"
    table.write_text("speed,feed\n" + "".join(f"{row[1]!r},{row[0]!r}\n" for row in X.tolist()))
    assert run(["gradients", str(model), str(table)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    names = ["1", "2", "10", "2.5"]
    assert header.split(",") == [*names, *(f"d{y}_d{x}" for y in names for x in ("feed", "speed"))]
    net = matnet.load(model)
    y, J = net.value_and_jacobian(X)
    expected = np.hstack([y, J.reshape(7, 8)])
    np.testing.assert_array_equal(np.array([[float(cell) for cell in row.split(",")] for row in rows]), expected)


def test_an_archive_and_a_written_function_give_the_same_numbers(tmp_path: Path) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store)))
    matnet.save(net, tmp_path / "m.json")
    again = matnet.load(tmp_path / "m.json")
    np.testing.assert_array_equal(again(X), net(X))
    np.testing.assert_array_equal(again.hessian(X), net.hessian(X))
    assert again.input_names == net.input_names
    assert run(["convert", str(tmp_path / "m.mat"), str(tmp_path / "m.py")]) == 0
