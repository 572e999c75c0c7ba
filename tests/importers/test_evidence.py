"""What a model carries of its own training and tests: which losses and scores are found, with which data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitted_models import (
    CLASS_BIASES,
    CLASS_WEIGHTS,
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
from matnet.errors import ModelError
from matnet.files import DEFAULT_LIMIT
from matnet.importers.mat.matfile import open_mat
from matnet.importers.successors.evidence import StoredLoss, StoredScores, in_session, stored_losses, stored_scores
from object_files import ObjectStore, Reference

T = np.arange(7.0).reshape(7, 1)
V = {"ValidationX": X[:3], "ValidationY": T[:3], "ValidationW": column(W[:3])}
PATIENCE = "Validation patience reached."


def losses(file: Path, path: str = "net") -> list[StoredLoss]:
    return stored_losses(open_mat(file, DEFAULT_LIMIT), path)


def regressed(store: ObjectStore, info: dict[str, Any], more: Any = None, **validation: Any) -> Reference:
    """A full model, with `more` properties or others than these."""
    data = {"PrivX": X, "PrivY": T, "W": column(W), "ConvergenceInfo": info}
    return regression(store, {**data, "ModelParams": parameters(store, **validation), **(more or {})})


def classified(store: ObjectStore, info: dict[str, Any], decay: float, more: Any = None) -> Reference:
    true = labels(store, 4, column([1.0, 10.0, 10.0, 2.0, 2.5, 1.0, 2.0]))
    data = {"PrivX": X, "PrivY": true, "W": column(W), "ConvergenceInfo": info}
    changes = {**data, "ModelParams": parameters(store, Lambda=np.array([[decay]])), **(more or {})}
    return classification(store, changes=changes)


def test_a_regression_has_its_losses_with_their_data(tmp_path: Path) -> None:
    store = ObjectStore()
    model = regressed(store, convergence(2.5, 3.5), Lambda=np.array([[0.25]]), **V)
    training, validation = losses(saved(tmp_path / "m.mat", store, net=model))
    assert training.what == "net.ConvergenceInfo.TrainingLoss (PrivX -> PrivY)"
    assert (training.expected, training.decay, training.certain, training.classifier) == (2.5, 0.25, False, False)
    np.testing.assert_array_equal(training.x, X)
    np.testing.assert_array_equal(training.t, T)
    np.testing.assert_array_equal(training.weights, W)
    assert validation.what == (
        "net.ConvergenceInfo.ValidationLoss (ModelParams.ValidationX -> ModelParams.ValidationY)"
    )
    assert (validation.expected, validation.decay, validation.certain) == (3.5, 0.0, False)
    np.testing.assert_array_equal(validation.x, X[:3])
    np.testing.assert_array_equal(validation.weights, W[:3])


def test_a_classifier_has_a_target_of_1_for_the_true_class(tmp_path: Path) -> None:
    store = ObjectStore()
    (loss,) = losses(saved(tmp_path / "m.mat", store, net=classified(store, convergence(0.5), 0.0)))
    assert (loss.expected, loss.decay, loss.certain, loss.classifier) == (0.5, 0.0, True, True)
    assert loss.t.tolist() == np.eye(4)[[0, 2, 2, 1, 3, 0, 1]].tolist()


def test_what_is_not_known_of_a_classifiers_loss_leaves_it_uncertain(tmp_path: Path) -> None:
    store = ObjectStore()
    (penalty,) = losses(saved(tmp_path / "m.mat", store, net=classified(store, convergence(0.5), 0.25)))
    assert (penalty.decay, penalty.certain) == (0.25, False)
    store = ObjectStore()
    names = plain(labels(store, 4, column([1.0, 2.0, 10.0, 2.5])))
    costs = {"ClassSummary": {"ClassNames": names, "Cost": np.ones((4, 4))}}
    (cost,) = losses(saved(tmp_path / "m.mat", store, net=classified(store, convergence(0.5), 0.0, costs)))
    assert not cost.certain
    # without a true class that the model knows there is no target
    store = ObjectStore()
    other = {"PrivY": labels(store, 4, column([1.0, 10.0, 10.0, 2.0, 3.0, 1.0, 2.0]))}
    assert losses(saved(tmp_path / "m.mat", store, net=classified(store, convergence(0.5), 0.0, other))) == []


def test_true_classes_that_are_no_labels_are_an_error_at_their_place(tmp_path: Path) -> None:
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, net=classified(store, convergence(0.5), 0.0, {"PrivY": T}))
    with pytest.raises(ModelError) as refused:
        losses(file)
    assert str(refused.value) == (
        "net.PrivY: a double 7x1, expected an object of class classreg.learning.internal.ClassLabel"
    )


def history(store: ObjectStore, training: Any, validation: Any) -> Reference:
    found = {"TrainingLoss": column(training), "ValidationLoss": column(validation)}
    rows = np.array([[float(len(training))]])
    return plain(store.new("table", {"data": list(found.values()), "varnames": list(found), "nrows": rows}))


@pytest.mark.parametrize(
    ("criterion", "training", "validation", "expected"),
    [
        (PATIENCE, [4.0, 3.0, 2.0], [5.0, 1.0, 6.0], ("History(2).", 3.0, 1.0, True)),
        (PATIENCE, [4.0, 3.0, 2.0], [np.nan, 5.0, 5.0], ("History(2).", 3.0, 5.0, True)),
        (PATIENCE, [4.0, 3.0, 2.0], [0.5, 5.0, np.nan], ("History(1).", 4.0, 0.5, True)),
        ("Loss tolerance reached.", [4.0, 3.0, 2.0], [5.0, 1.0, 6.0], ("", 2.0, 6.0, False)),
        (PATIENCE, [4.0, 3.0, 2.0], [np.nan, np.nan, np.nan], ("", 2.0, 6.0, False)),
        (PATIENCE, [4.0, 3.0], [5.0, 1.0, 6.0], ("", 2.0, 6.0, False)),
    ],
)
def test_after_patience_the_losses_are_those_of_the_least_validation_loss(
    tmp_path: Path, criterion: str, training: Any, validation: Any, expected: Any
) -> None:
    store = ObjectStore()
    info = convergence(2.0, 6.0, criterion, History=history(store, training, validation))
    found = losses(saved(tmp_path / "m.mat", store, net=regressed(store, info, **V)))
    row, *values, certain = expected
    assert [loss.expected for loss in found] == values
    assert [loss.certain for loss in found] == [certain, certain]
    assert [loss.what.split(" ")[0] for loss in found] == [
        f"net.ConvergenceInfo.{row}{name}" for name in ("TrainingLoss", "ValidationLoss")
    ]


@pytest.mark.parametrize("history_of", [None, 3.0, "a table without losses"])
def test_after_patience_without_its_history_nothing_is_certain(tmp_path: Path, history_of: Any) -> None:
    store = ObjectStore()
    if history_of == "a table without losses":
        names = {"data": [column([1.0])], "varnames": ["Iteration"], "nrows": np.array([[1.0]])}
        history_of = plain(store.new("table", names))
    more = {} if history_of is None else {"History": history_of}
    found = losses(saved(tmp_path / "m.mat", store, net=regressed(store, convergence(2.0, 6.0, PATIENCE, **more), **V)))
    assert [(loss.expected, loss.certain) for loss in found] == [(2.0, False), (6.0, False)]


@pytest.mark.parametrize("name", ["PrivX", "PrivY", "W", "ConvergenceInfo", "ModelParams"])
def test_a_model_without_its_data_or_training_has_no_losses(tmp_path: Path, name: str) -> None:
    store = ObjectStore()
    model = regressed(store, convergence(2.0, 6.0), {name: np.zeros((0, 0))}, **V)
    assert losses(saved(tmp_path / "m.mat", store, net=model, x=X), "net") == []
    assert losses(tmp_path / "m.mat", "x") == []


@pytest.mark.parametrize(
    "more",
    [
        {"PrivX": X[:6]},
        {"PrivY": T[:6]},
        {"W": column(W[:6])},
        {"W": np.ones((7, 2))},
        {"PrivX": np.hstack([X, X])},
        {"PrivY": np.hstack([T, T])},
        {"PrivY": "text"},
        {"PrivX": X.astype("f4")},
        {"PrivX": np.full((7, 2), np.nan)},
        {"PrivY": np.full((7, 1), np.inf)},
        {"W": column(np.full(7, np.nan))},
    ],
)
def test_data_that_do_not_fit_are_left_out_and_the_other_set_stays(tmp_path: Path, more: Any) -> None:
    store = ObjectStore()
    (loss,) = losses(saved(tmp_path / "m.mat", store, net=regressed(store, convergence(2.0, 6.0), more, **V)))
    assert loss.expected == 6.0


def test_a_loss_that_is_no_number_is_left_out(tmp_path: Path) -> None:
    for info in (convergence(np.inf), convergence(np.nan), {**convergence(1.0), "TrainingLoss": column([1.0, 2.0])}):
        store = ObjectStore()
        assert losses(saved(tmp_path / "m.mat", store, net=regressed(store, info))) == []


def scores(path: Path, entry: dict[str, Any], model: Any, place: str) -> list[StoredScores]:
    """Of a model in a session, of which `entry` is what it says of that model."""
    store: ObjectStore = entry.pop("store")
    trained = store.new("Trained", {"NeuralNetwork": model})
    outer = {"TrainedModel": plain(store.new("Outer", {"DecoratedTrainedModel": trained})), **entry}
    session = store.new("mlearnapp.internal.ui.savesession.SessionData", {"ModelList": [outer]})
    return stored_scores(open_mat(saved(path, store, s=session, net=model), DEFAULT_LIMIT), place)


MODEL = "s.ModelList{1}.TrainedModel.DecoratedTrainedModel.NeuralNetwork"
RIGHT = outputs(X, CLASS_WEIGHTS, CLASS_BIASES, classifier=True)


def with_scores(store: ObjectStore, y: Any, **columns: Any) -> dict[str, Any]:
    """A model's entry with test scores, and the table that they belong to."""
    rows = np.array([[float(len(next(iter(columns.values()))))]])
    table = store.new("table", {"data": list(columns.values()), "varnames": list(columns), "nrows": rows})
    dataset = store.new("Dataset", {"DecoratedDataset": store.new("D", {"Table": table})})
    prediction = store.new("Prediction", {"Scores": y})
    return {"store": store, "RawTestResult": plain(store.new("R", {"TrueDataset": dataset, "Prediction": prediction}))}


def test_scores_of_a_session_come_with_the_predictors_by_name(tmp_path: Path) -> None:
    store = ObjectStore()
    entry = with_scores(store, RIGHT, speed=column(X[:, 1]), label=column(T), feed=column(X[:, 0]))
    (found,) = scores(tmp_path / "m.mat", entry, classification(store), MODEL)
    assert found.what == "s.ModelList{1}.RawTestResult.Prediction.Scores"
    np.testing.assert_array_equal(found.x, X)
    np.testing.assert_array_equal(found.y, RIGHT)
    assert in_session(MODEL)
    # the same model beside the session has none
    assert not in_session("net")
    assert stored_scores(open_mat(tmp_path / "m.mat", DEFAULT_LIMIT), "net") == []


def test_scores_may_come_with_the_predictors_alone(tmp_path: Path) -> None:
    store = ObjectStore()
    entry = with_scores(store, RIGHT, feed=column(X[:, 0]), speed=column(X[:, 1]))
    (found,) = scores(tmp_path / "m.mat", entry, classification(store), MODEL)
    np.testing.assert_array_equal(found.x, X)


@pytest.mark.parametrize(
    "case", ["never tested", "single", "a predictor less", "text", "fewer rows", "no table", "regression", "no names"]
)
def test_scores_without_all_of_their_data_are_left_out(tmp_path: Path, case: str) -> None:
    store = ObjectStore()
    feed, speed = column(X[:, 0]), column(X[:, 1])
    model, entry = classification(store), with_scores(store, RIGHT, feed=feed, speed=speed)
    if case == "never tested":
        entry = {"store": store}
    elif case == "single":
        entry = with_scores(store, RIGHT.astype("f4"), feed=feed, speed=speed)
    elif case == "a predictor less":
        entry = with_scores(store, RIGHT, feed=feed)
    elif case == "text":
        entry = with_scores(store, RIGHT, feed=feed, speed="fast")
    elif case == "fewer rows":
        entry = with_scores(store, RIGHT, feed=feed, speed=speed[:6])
    elif case == "no table":
        dataset = store.new("Dataset", {"DecoratedDataset": store.new("D", {"Table": X})})
        prediction = store.new("Prediction", {"Scores": RIGHT})
        result = store.new("R", {"TrueDataset": dataset, "Prediction": prediction})
        entry = {"store": store, "RawTestResult": plain(result)}
    elif case == "regression":
        model = regression(store)
    else:
        names = {"PredictorNames": np.array([[2.0]]), "ResponseName": "Y"}
        model = classification(store, changes={"DataSummary": names})
    assert scores(tmp_path / "m.mat", entry, model, MODEL) == []
