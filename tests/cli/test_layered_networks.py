"""The commands on networks of layers: MATLAB's layers in what they print, and answers in single precision."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import matnet
from layered_networks import batch_normalization, dense, features, layer, number, random_numbers, saved, series
from matnet.cli.entry import run
from object_files import ObjectStore

W1, B1, W2, B2, MEAN, SCALE = random_numbers(3, (5, 3), (5,), (2, 5), (2,), (5,), (5,))
X = np.random.default_rng(4).normal(size=(12, 3))


def single(value: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(value, dtype=np.float32)


LAYERS = [
    features(3),
    dense("fc_1", single(W1), single(B1)),
    batch_normalization("bn", single(MEAN), single(np.ones(5)), single(B1), single(SCALE)),
    layer("LeakyReLULayer", "leaky", Scale=number(0.1)),
    dense("fc_2", single(W2), single(B2)),
]


def answers(x: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """What MATLAB computes: every step in single precision."""
    n = single(x) @ single(W1).T + single(B1)
    n = single(SCALE) * (n - single(MEAN)) / np.sqrt(single(1.0) + single(1e-5)) + single(B1)
    a = np.where(n < 0, single(0.1) * n, n)
    return single(a @ single(W2).T + single(B2))


def model(path: Path, **beside: object) -> Path:
    store = ObjectStore()
    return saved(path / "m.mat", store, net=series(store, LAYERS), **beside)


def test_inspect_shows_the_layers_of_matlab(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(model(tmp_path))
    assert run(["inspect", file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:9] == [
        "  inputs    1 input: x1 to x3, no processing",
        "  layers    1 input: feature input, 3",
        "            2 fc_1: fully connected, 5, from input",
        "            3 bn: batch normalization, 5, from fc_1",
        "            4 leaky: leaky ReLU (Scale 0.1), 5, from bn",
        "            5 fc_2: fully connected, 2, from leaky",
        "  outputs   1 fc_2: y1 to y2, no processing, from layer 5",
    ]
    assert run(["inspect", file, "--json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)["networks"]
    assert [entry["kind"] for entry in described["layers"]][:3] == [
        "feature input",
        "fully connected",
        "batch normalization",
    ]
    assert described["layers"][3]["settings"] == {"Scale": 0.1}
    assert described["parameters"] == 42
    assert repr(matnet.load(file)) == (
        "<Network net: 3-3-5-5-5-2, feature input, fully connected, batch normalization, leaky ReLU, fully connected>"
    )


def test_answers_that_were_computed_in_single_precision_are_proved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(model(tmp_path, X=X.T, Y=answers(X).T))
    assert run(["verify", file]) == 0
    out = capsys.readouterr().out
    assert "MATLAB computes this network in single precision, so only 6 digits are compared" in out
    assert out.splitlines()[-1].startswith("proved")


def test_answers_of_another_network_are_not_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = answers(X) * np.float32(1.0 + 2e-5)
    file = str(model(tmp_path, X=X.T, Y=wrong.T))
    assert run(["verify", file, "--inputs", f"{file}:X", "--outputs", f"{file}:Y"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("contradicted")


def test_weights_have_the_names_of_their_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", str(model(tmp_path)), "-o", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "2_fc_1_Bias.csv",
        "2_fc_1_Weights.csv",
        "3_bn_Epsilon.csv",
        "3_bn_Offset.csv",
        "3_bn_Scale.csv",
        "3_bn_TrainedMean.csv",
        "3_bn_TrainedVariance.csv",
        "4_leaky_Scale.csv",
        "5_fc_2_Bias.csv",
        "5_fc_2_Weights.csv",
    ]


def test_diff_names_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ObjectStore()
    other = [*LAYERS[:3], layer("LeakyReLULayer", "leaky", Scale=number(0.2)), LAYERS[4]]
    second = saved(tmp_path / "second.mat", store, net=series(store, other))
    assert run(["diff", str(model(tmp_path)), str(second)]) == 1
    assert "layers{4}.Scale" in capsys.readouterr().out
