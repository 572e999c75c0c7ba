"""verify on models of fitrnet and fitcnet: the losses that they carry, a session's test scores, real files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import matnet
from fitted_models import (
    BIASES,
    CLASS_BIASES,
    CLASS_WEIGHTS,
    CLASSIFICATION,
    WEIGHTS,
    W,
    X,
    classification,
    column,
    convergence,
    labels,
    outputs,
    parameters,
    plain,
    regression,
    saved,
)
from matnet.cli.entry import run
from matnet.importers.mat.matfile import open_mat
from matnet.importers.stored import StoredValues
from matnet.importers.successors import StoredLoss, stored_losses, stored_scores
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof.answers import Rounding
from matnet.proof.candidates import Matrix
from matnet.proof.data import NamedData
from matnet.proof.finding import Finding
from matnet.proof.losses import LossesCheck
from matnet.proof.verify import verify
from object_files import ObjectStore, Reference

Real = NDArray[np.float64]

RNG = np.random.default_rng(5)
T = RNG.normal(size=(7, 1))
TRUE = np.array([0, 3, 1, 1, 2, 0, 3])
SQUARES = sum(float((array**2).sum()) for array in (*WEIGHTS, *BIASES))


def squared_error(x: Real, t: Real, w: Real) -> float:
    """What MATLAB calls the loss of a regression model, without its penalty."""
    y = outputs(x, WEIGHTS, BIASES, classifier=False)
    return float(sum(w[k] * (y[k, 0] - t[k, 0]) ** 2 for k in range(len(w))) / sum(w))


def found(file: Path, path: str = "net") -> list[Finding]:
    return list(verify(matnet.load(file, path), StoredValues(file)))


def full(store: ObjectStore, info: Mapping[str, Any], decay: float = 0.0, **validation: Any) -> Reference:
    changes = {
        "PrivX": X,
        "PrivY": T,
        "W": column(W),
        "ConvergenceInfo": info,
        "ModelParams": parameters(store, Lambda=np.array([[decay]]), **validation),
    }
    return regression(store, changes)


TRAINED = "net.ConvergenceInfo.TrainingLoss (PrivX -> PrivY)"


def test_the_training_loss_proves_a_regression_model(tmp_path: Path) -> None:
    for decay in (0.0, 0.25):
        loss = squared_error(X, T, W) + decay / 2.0 * SQUARES
        store = ObjectStore()
        rows = found(saved(tmp_path / "m.mat", store, net=full(store, convergence(loss), decay)))
        assert [(row.what, row.samples, row.verdict, row.reason) for row in rows] == [(TRAINED, 7, "proved", "")]
        assert rows[0].relative is not None
        assert rows[0].relative < 1e-14


def test_another_loss_contradicts_it(tmp_path: Path) -> None:
    store, loss = ObjectStore(), squared_error(X, T, W)
    (row,) = found(saved(tmp_path / "m.mat", store, net=full(store, convergence(loss * (1.0 + 1e-9)))))
    assert row.verdict == "contradicted"
    assert row.reason.startswith(f"MATLAB stored {loss * (1.0 + 1e-9)!r}, the network gives ")
    assert row.reason.endswith(": the model or its data changed after this training")


def history(losses: list[tuple[float, float]], store: ObjectStore) -> Reference:
    training, validation = zip(*losses, strict=True)
    columns = [column(training), column(validation)]
    rows = np.array([[float(len(losses))]])
    return plain(store.new("table", {"data": columns, "varnames": ["TrainingLoss", "ValidationLoss"], "nrows": rows}))


def test_after_patience_the_iteration_of_the_least_validation_loss_counts(tmp_path: Path) -> None:
    store, other = ObjectStore(), RNG.normal(size=(7, 1))
    kept = squared_error(X, T, W), squared_error(X, other, W)
    losses = [(kept[0] * 2.0, kept[1] * 2.0), kept, (kept[0] / 2.0, kept[1] * 3.0)]
    validation = {"ValidationX": X, "ValidationY": other, "ValidationW": column(W)}
    info = convergence(*losses[-1], "Validation patience reached.", History=history(losses, store))
    rows = found(saved(tmp_path / "m.mat", store, net=full(store, info, **validation)))
    assert [(row.what, row.verdict) for row in rows] == [
        ("net.ConvergenceInfo.History(2).TrainingLoss (PrivX -> PrivY)", "proved"),
        (
            "net.ConvergenceInfo.History(2).ValidationLoss (ModelParams.ValidationX -> ModelParams.ValidationY)",
            "proved",
        ),
    ]
    # after another end it is not known which iteration was kept
    store = ObjectStore()
    info = convergence(*losses[-1], "Loss tolerance reached.", History=history(losses, store))
    rows = found(saved(tmp_path / "m.mat", store, net=full(store, info, **validation)))
    assert [row.verdict for row in rows] == ["unclear", "unclear"]
    assert all(
        row.reason.endswith(": the loss differs, but it is not known whether MATLAB stored it for these weights")
        for row in rows
    )


def test_the_training_loss_proves_a_classification_model(tmp_path: Path) -> None:
    scores = outputs(X, CLASS_WEIGHTS, CLASS_BIASES, classifier=True)
    loss = float(-(W * np.log(scores[np.arange(7), TRUE])).sum() / W.sum() / 4.0)
    store = ObjectStore()
    changes = {
        "PrivX": X,
        "PrivY": labels(store, 4, column(np.array([1.0, 2.0, 10.0, 2.5])[TRUE])),
        "W": column(W),
        "ConvergenceInfo": convergence(loss),
        "ModelParams": parameters(store),
    }
    file = saved(tmp_path / "m.mat", store, net=classification(store, changes=changes))
    assert [(row.what, row.verdict) for row in found(file)] == [(TRAINED, "proved")]
    # with costs it is not known what MATLAB's loss is
    store = ObjectStore()
    classes = plain(labels(store, 4, column([1.0, 2.0, 10.0, 2.5])))
    changes |= {
        "PrivY": labels(store, 4, column(np.array([1.0, 2.0, 10.0, 2.5])[TRUE])),
        "ModelParams": parameters(store),
        "ConvergenceInfo": convergence(2.0 * loss),
        "ClassSummary": {"ClassNames": classes, "Cost": np.ones((4, 4))},
    }
    (row,) = found(saved(tmp_path / "m.mat", store, net=classification(store, changes=changes)))
    assert row.verdict == "unclear"


NOTHING = "no stored answers were found for 2 inputs and 1 output"


@pytest.mark.parametrize(
    "case", ["NaN in the data", "single precision", "a column less", "a loss of NaN", "no weights", "compact"]
)
def test_what_cannot_be_computed_again_is_left_out(tmp_path: Path, case: str) -> None:
    store = ObjectStore()
    data: dict[str, Any] = {"PrivX": X, "PrivY": T, "W": column(W), "ConvergenceInfo": convergence(1.0)}
    data["ModelParams"] = parameters(store)
    if case == "NaN in the data":
        data["PrivX"] = np.where(np.eye(7, 2) > 0.0, np.nan, X)
    elif case == "single precision":
        data["PrivX"] = X.astype("f4")
    elif case == "a column less":
        data["PrivX"] = X[:, :1]
    elif case == "a loss of NaN":
        data["ConvergenceInfo"] = convergence(np.nan)
    elif case == "no weights":
        del data["W"]
    else:
        data = {}
    (row,) = found(saved(tmp_path / "m.mat", store, net=regression(store, data)))
    assert (row.verdict, row.reason) == ("nothing to compare", NOTHING)


def test_scaling_around_a_model_takes_the_losses_away(tmp_path: Path) -> None:
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, net=full(store, convergence(squared_error(X, T, W))))
    scaling = {"xmin": [0.0, 0.0], "xmax": [1.0, 2.0], "ymin": -1.0, "ymax": 1.0}
    (row,) = verify(matnet.load(file).with_scaling(inputs=scaling), StoredValues(file))
    assert row.verdict == "nothing to compare"


def test_losses_are_compared_only_where_nothing_is_named(tmp_path: Path) -> None:
    """And where there is a file."""
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, net=full(store, convergence(squared_error(X, T, W))))
    net, y = matnet.load(file), outputs(X, WEIGHTS, BIASES, classifier=False)
    named = NamedData(inputs=Matrix("x", X.T), outputs=Matrix("y", y.T))
    assert [(row.what, row.verdict) for row in verify(net, StoredValues(file), named)] == [("x -> y", "proved")]
    assert [row.verdict for row in verify(net, None)] == ["nothing to compare"]


def test_what_lies_beside_a_model_is_compared_too(tmp_path: Path) -> None:
    store = ObjectStore()
    x = RNG.normal(size=(20, 2)) + X[0]
    y = outputs(x, WEIGHTS, BIASES, classifier=False)
    rows = found(saved(tmp_path / "m.mat", store, net=regression(store), x=x, y=y))
    assert [(row.what, row.verdict) for row in rows] == [("x' -> y'", "proved")]


def session(store: ObjectStore, scores: Real, validation: Real, tested: bool) -> Reference:
    """A session with one classifier, its test scores, and scores of its validation."""
    model = classification(store)
    trained = store.new("mlearnapp.internal.model.adapterlayer.Trained", {"NeuralNetwork": model})
    table = store.new(
        "table",
        {"data": [column(X[:, 1]), column(X[:, 0])], "varnames": ["speed", "feed"], "nrows": np.array([[7.0]])},
    )
    dataset = store.new("mlearnapp.internal.model.TestDataset", {"DecoratedDataset": store.new("D", {"Table": table})})
    prediction = store.new("mlearnapp.internal.model.ClassificationPrediction", {"Scores": scores})
    result = store.new("mlearnapp.internal.model.RawTestResult", {"TrueDataset": dataset, "Prediction": prediction})
    raw = store.new("mlearnapp.internal.model.RawValidationResult", {"Scores": validation})
    outer = store.new("mlearnapp.internal.V", {"DecoratedTrainedModel": trained, "RawValidationResult": raw})
    entry = {"TrainedModel": plain(outer), "other": X, **({"RawTestResult": plain(result)} if tested else {})}
    return store.new("mlearnapp.internal.ui.savesession.SessionData", {"ModelList": [1.0, entry]})


MODEL = "SessionData.ModelList{2}.TrainedModel.DecoratedTrainedModel.NeuralNetwork"


def test_the_test_scores_of_a_session_count_and_those_of_its_validation_do_not(tmp_path: Path) -> None:
    right = outputs(X, CLASS_WEIGHTS, CLASS_BIASES, classifier=True)
    for scores, verdict in ((right, "proved"), (right[:, ::-1], "contradicted")):
        store = ObjectStore()
        file = saved(tmp_path / "m.mat", store, SessionData=session(store, scores, right[::-1], tested=True))
        (row,) = found(file, MODEL)
        assert row.what == "test data -> SessionData.ModelList{2}.RawTestResult.Prediction.Scores"
        assert (row.samples, row.verdict) == (7, verdict)
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, SessionData=session(store, right, right[::-1], tested=False))
    (row,) = found(file, MODEL)
    assert row.verdict == "nothing to compare"


CASES = {
    "fitcnet_session.mat": 5,
    "fitrnet_session.mat": 5,
    "fitcnet_app_export.mat": 1,
    "fitrnet_validation.mat": 1,
}
"""Real files, and how many models each holds."""


@pytest.mark.parametrize("name", CASES)
def test_real_models_are_proved(successors: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(successors / name), "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)["files"]
    assert len(document["networks"]) == CASES[name]
    for entry in document["networks"]:
        assert {row["verdict"] for row in entry["findings"]} == {"proved"}
        assert max(row["of_range"] for row in entry["findings"]) <= 1e-12


def test_real_scores_agree_down_to_the_smallest(successors: Path) -> None:
    file = open_mat(successors / "fitcnet_session.mat", 2**30)
    listed = json.loads((successors / "cases.json").read_text())
    cases = [case for case in listed if case["kind"] == "outputs" and case["file"] == "fitcnet_session.mat"]
    for case in cases:
        (scores,) = stored_scores(file, case["network"])
        assert scores.what == case["y"]["path"]
        y = matnet.load(successors / case["file"], case["network"])(scores.x)
        # below the smallest normal number a double has fewer digits
        normal = scores.y > 1e-200
        np.testing.assert_allclose(y[normal], scores.y[normal], rtol=1e-12)
        np.testing.assert_allclose(y[~normal], scores.y[~normal], rtol=1e-10, atol=1e-300)
    assert len(cases) == 5


def test_real_losses_are_those_that_were_listed(successors: Path) -> None:
    listed = json.loads((successors / "cases.json").read_text())
    cases = [case for case in listed if case["kind"] == "training_loss"]
    for case in cases:
        losses = stored_losses(open_mat(successors / case["file"], 2**30), case["network"])
        assert min(abs(loss.expected / case["measured"]["value"] - 1.0) for loss in losses) < 1e-12
    assert len(cases) == 6


def test_a_compact_model_of_single_precision_opens(successors: Path) -> None:
    net = matnet.load(successors / "fitcnet_compact_single.mat")
    assert (net.input_size, net.output_names) == (30, ("false", "true"))
    assert net.provenance.stored_as == f"Compact{CLASSIFICATION} object"


STEP = np.array([[-0.75], [0.5], [0.25], [1.0]])
UNNOTICED = "a change of IW{1,1} by 1 % would not have shown"


def compared(x: Real, t: Real, expected: float, certain: bool = True, decay: float = 0.0, **layer: Any) -> Finding:
    """y = w x with w = 1, or with another layer, and a loss of equal weights."""
    own = Layer(1, **{"transfer": "purelin", "input_weights": {0: Weight([[1.0]])}, **layer})
    net = Network(Structure((Input(1),), (own,), (Output(0, 1),)))
    stored: Any = None
    loss = StoredLoss("loss", x, t, np.ones(len(x)), decay, False, expected, certain)
    return LossesCheck(Rounding(net), stored)._loss(loss)


def test_a_loss_agrees_to_twelve_digits() -> None:
    """Of a difference of one half everywhere, and with a penalty of 3/2 times the square of the weight."""
    for decay, value in ((0.0, 0.25), (3.0, 1.75)):
        assert compared(STEP, STEP + 0.5, value, decay=decay) == Finding("loss", 4, 0.0, 0.0, "proved")
        for share in (0.5e-12, -0.5e-12):
            assert compared(STEP, STEP + 0.5, value * (1.0 + share), decay=decay).verdict == "proved"
    row = compared(STEP, STEP + 0.5, 0.5)
    reason = "MATLAB stored 0.5, the network gives 0.25"
    changed = f"{reason}: the model or its data changed after this training"
    assert row == Finding("loss", 4, 0.25, 0.5, "contradicted", changed)
    uncertain = f"{reason}: the loss differs, but it is not known whether MATLAB stored it for these weights"
    assert compared(STEP, STEP + 0.5, 0.5, certain=False) == Finding("loss", 4, 0.25, 0.5, "unclear", uncertain)
    assert compared(STEP, STEP + 0.5, 0.25 * (1.0 + 3e-12)).verdict == "contradicted"


@pytest.mark.parametrize(("apart", "verdict"), [(2.0**-29, "proved"), (2.0**-30, "weak")])
def test_a_loss_that_rounding_changes_in_its_sixth_digit_is_weak(apart: float, verdict: str) -> None:
    """The weight of 1 and with it y move by 2^-50, and (2^-29)² by 2^-78, a millionth of it."""
    row = compared(np.ones((4, 1)), np.ones((4, 1)) + apart, apart**2)
    assert (row.largest, row.verdict) == (0.0, verdict)
    assert row.reason == ("" if verdict == "proved" else "the loss is so small that it consists of rounding")


def test_a_loss_of_0_and_one_that_does_not_show_the_weights() -> None:
    nothing = np.zeros((4, 1))
    assert compared(nothing, nothing, 0.0) == Finding("loss", 4, 0.0, 0.0, "weak", UNNOTICED)
    row = compared(STEP, STEP + 0.5, 0.0)
    assert (row.largest, row.relative, row.verdict) == (0.25, 1.0, "contradicted")
    saturated: dict[str, Any] = {"transfer": "satlins", "input_weights": {0: Weight([[100.0]])}}
    assert compared(STEP, np.sign(STEP) + 0.5, 0.25, **saturated).reason == UNNOTICED


@pytest.mark.parametrize(("times", "verdict"), [(3.5, "proved"), (-3.5, "proved"), (4.5, "contradicted")])
def test_a_loss_agrees_within_four_times_the_effect_of_rounding(times: float, verdict: str) -> None:
    """(2^-29)² moves by 2^-78."""
    apart = 2.0**-29
    row = compared(np.ones((4, 1)), np.ones((4, 1)) + apart, apart**2 + times * 2.0**-78)
    assert (row.verdict, row.samples) == (verdict, 4)


@pytest.mark.parametrize(("units", "shows"), [(350, False), (450, True)])
def test_a_change_shows_in_a_loss_beyond_four_times_the_effect_of_rounding(units: int, shows: bool) -> None:
    """y = x + b at 1 moves by 2^-50, and one percent of b is that 3.5 or 4.5 times."""
    bias, t = units * 2.0**-50, np.full((4, 1), 1.0 + 2.0**-20)
    row = compared(np.ones((4, 1)), t, (1.0 + bias - float(t[0, 0])) ** 2, bias=[bias])
    assert (row.largest, row.verdict) == (0.0, "proved" if shows else "weak")
    assert row.reason == ("" if shows else "a change of b{1} by 1 % would not have shown")
