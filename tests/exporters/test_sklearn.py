"""scikit-learn: estimators in its own tools, with the scores of its metrics."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from scipy.io import loadmat

import fitted_models
import matnet
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from object_files import ObjectStore
from random_networks import network

sklearn = pytest.importorskip("sklearn")
from sklearn import base, inspection, metrics, model_selection, pipeline, preprocessing  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat")
DATA = loadmat(FIXTURES / "pump.mat", variable_names=["x", "t"])
X, T = DATA["x"].T.astype(float), DATA["t"].T.astype(float)[:, 0]
FOUR = matnet.load(FIXTURES / "two_by_two.mat")
RNG = np.random.default_rng(4)
HIDDEN = Layer(5, "tansig", {0: Weight(RNG.normal(size=(5, 2)))}, bias=RNG.normal(size=5))
CLASSES = network(HIDDEN, Layer(3, "softmax", {}, {0: Weight(3.0 * RNG.normal(size=(3, 5)))}), inputs=2)
POINTS = RNG.normal(size=(60, 2))


def test_a_regressor_is_fitted_from_the_start() -> None:
    regressor = matnet.to_sklearn(PUMP)
    check_is_fitted(regressor)
    assert base.is_regressor(regressor)
    assert not base.is_classifier(regressor)
    y = regressor.predict(X)
    np.testing.assert_array_equal(y, PUMP(X)[:, 0])
    assert regressor.score(X, T) == metrics.r2_score(T, y) > 0.999
    assert regressor.n_features_in_ == 2
    assert not hasattr(regressor, "feature_names_in_")
    assert repr(regressor) == f"NetworkRegressor(net={PUMP!r})"


def test_several_outputs() -> None:
    regressor, x = matnet.to_sklearn(FOUR), RNG.uniform(FOUR.input_range[:, 0], FOUR.input_range[:, 1], size=(9, 5))
    assert regressor.predict(x).shape == (9, 4)
    assert regressor.score(x, FOUR(x)) == 1.0
    assert base.is_regressor(regressor)


def test_fit_changes_nothing() -> None:
    regressor = matnet.to_sklearn(PUMP)
    before = regressor.predict(X)
    assert regressor.fit(X, 2.0 * T) is regressor
    np.testing.assert_array_equal(regressor.predict(X), before)
    assert regressor.net is PUMP


def test_permutation_importance() -> None:
    found = inspection.permutation_importance(matnet.to_sklearn(PUMP), X, T, n_repeats=5, random_state=0)
    importances = dict(zip(("flow", "speed"), found.importances_mean, strict=True))
    assert importances["speed"] > importances["flow"] > 0.1


def test_partial_dependence() -> None:
    found = inspection.partial_dependence(matnet.to_sklearn(PUMP), X, [1], grid_resolution=5)
    for speed, average in zip(found["grid_values"][0], found["average"][0], strict=True):
        moved = np.column_stack([X[:, 0], np.full(len(X), speed)])
        assert average == pytest.approx(PUMP(moved).mean(), rel=1e-14)


def test_pipelines_and_searches() -> None:
    # the network wants m³/h, and the data is in l/s
    given = X / [3.6, 1.0]
    converter = preprocessing.FunctionTransformer(lambda x: x * [3.6, 1.0])
    converted = pipeline.make_pipeline(converter, matnet.to_sklearn(PUMP)).fit(given, T)
    np.testing.assert_allclose(converted.predict(given), PUMP(X)[:, 0], rtol=1e-12)
    worse = PUMP.with_parameters(1.05 * PUMP.parameters)
    search = model_selection.GridSearchCV(matnet.to_sklearn(worse), {"net": [worse, PUMP]}, cv=3).fit(X, T)
    assert search.best_params_ == {"net": PUMP}
    assert model_selection.cross_val_score(matnet.to_sklearn(PUMP), X, T, cv=3).min() > 0.999


def test_parameters_clone_and_pickle() -> None:
    for estimator in (matnet.to_sklearn(PUMP), matnet.to_sklearn(CLASSES, classes=["a", "b", "c"])):
        assert estimator.get_params()["net"] is estimator.net
        cloned = base.clone(estimator)
        assert cloned is not estimator
        assert cloned.net is estimator.net
        x = X if estimator.net is PUMP else POINTS
        for other in (cloned, pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):  # noqa: S301
            assert type(other) is type(estimator)
            np.testing.assert_array_equal(other.predict(x), estimator.predict(x))
    regressor = matnet.to_sklearn(PUMP)
    assert regressor.set_params(net=FOUR).n_features_in_ == 5


def test_data_frames_are_taken_by_name() -> None:
    named = matnet.to_sklearn(PUMP.with_names(["flow", "speed"], ["head"]))
    assert list(named.feature_names_in_) == ["flow", "speed"]
    frame = pandas.DataFrame({"time": range(len(X)), "speed": X[:, 1], "flow": X[:, 0]})
    np.testing.assert_array_equal(named.predict(frame), PUMP(X)[:, 0])
    found = inspection.permutation_importance(named, frame, T, n_repeats=2, random_state=0)
    assert found.importances_mean[0] == 0.0 < found.importances_mean[2] < found.importances_mean[1]


def test_a_classifier() -> None:
    classifier = matnet.to_sklearn(CLASSES)
    check_is_fitted(classifier)
    assert base.is_classifier(classifier)
    assert list(classifier.classes_) == [1, 2, 3]
    scores = CLASSES(POINTS)
    np.testing.assert_array_equal(classifier.predict_proba(POINTS), scores)
    labels = classifier.predict(POINTS)
    assert set(labels) == {1, 2, 3}
    for label, row in zip(labels, scores, strict=True):
        assert row[label - 1] == row.max()
    true = np.where(np.arange(60) < 50, labels, labels % 3 + 1)
    assert classifier.score(POINTS, true) == pytest.approx(50 / 60)
    loss = metrics.get_scorer("neg_log_loss")(classifier, POINTS, true)
    assert loss == pytest.approx(np.log(scores[np.arange(60), true - 1]).mean(), rel=1e-12)
    found = inspection.permutation_importance(
        classifier, POINTS, labels, n_repeats=3, random_state=1, scoring="roc_auc_ovr"
    )
    assert (found.importances_mean > 0.0).any()
    assert inspection.partial_dependence(classifier, POINTS, [0], grid_resolution=4)["average"].shape == (3, 4)


def test_labels() -> None:
    named = CLASSES.with_names(outputs=["low", "middle", "high"])
    for estimator in (matnet.to_sklearn(named), matnet.to_sklearn(CLASSES, classes=["low", "middle", "high"])):
        assert set(estimator.predict(POINTS)) == {"low", "middle", "high"}
    assert set(matnet.to_sklearn(named, classes=[0, 1, 2]).predict(POINTS)) == {0, 1, 2}


def test_a_model_of_fitcnet(tmp_path: Path) -> None:
    store = ObjectStore()
    path = fitted_models.saved(tmp_path / "m.mat", store, net=fitted_models.classification(store))
    classifier = matnet.to_sklearn(matnet.load(path))
    # sorted as scikit-learn wants it, and not in the order of the outputs
    assert list(classifier.classes_) == ["1", "10", "2", "2.5"]
    outputs = fitted_models.outputs(fitted_models.X, fitted_models.CLASS_WEIGHTS, fitted_models.CLASS_BIASES, True)
    expected = outputs[:, [0, 2, 1, 3]]
    np.testing.assert_allclose(classifier.predict_proba(fitted_models.X), expected, rtol=1e-13)
    np.testing.assert_array_equal(classifier.predict(fitted_models.X), classifier.classes_[expected.argmax(axis=1)])


def test_measures_do_not_depend_on_the_order_of_the_outputs() -> None:
    from sklearn import metrics

    net = network(Layer(2, "softmax", {0: Weight([[1.0, 0.5], [-0.5, 1.0]])}), inputs=2)
    x = np.random.default_rng(0).normal(size=(40, 2))
    scores = {}
    for labels in (["a", "b"], ["b", "a"]):
        classifier = matnet.to_sklearn(net, classes=labels)
        y = classifier.predict(x)
        chosen = [metrics.get_scorer(name)(classifier, x, y) for name in ("accuracy", "roc_auc", "neg_log_loss")]
        scores[tuple(labels)] = chosen
    assert scores["a", "b"][:2] == [1.0, 1.0]
    np.testing.assert_allclose(scores["b", "a"], scores["a", "b"], rtol=1e-14)
    with pytest.raises(matnet.ShapeError, match=r"^classes mixes text and numbers: "):
        matnet.to_sklearn(net, classes=[1, "a"])


def test_outputs_that_are_not_probabilities() -> None:
    # the classes of a layer of logsig are chosen by the caller, and have no probabilities
    ranked = network(Layer(2, "logsig", {0: Weight([[1.0, 0.0], [0.0, 1.0]])}), inputs=2)
    assert base.is_regressor(matnet.to_sklearn(ranked))
    classifier = matnet.to_sklearn(ranked, kind="classifier")
    assert list(classifier.predict([[1.0, 0.0], [0.0, 1.0]])) == [1, 2]
    assert not hasattr(classifier, "predict_proba")
    process = Process.from_matlab(
        "mapminmax",
        {"xmin": [0.0, 0.0], "xmax": [4.0, 4.0], "ymin": 0.0, "ymax": 1.0, "xrows": 2, "yrows": 2, "name": "mapminmax"},
    )
    layer = Layer(2, "softmax", {0: Weight(np.eye(2))})
    scaled = Network(Structure((Input(2),), (layer,), (Output(0, 2, (process,)),)))
    with pytest.raises(matnet.UnsupportedError) as raised:
        matnet.to_sklearn(scaled).predict_proba([[0.0, 0.0]])
    assert str(raised.value) == "the outputs are not probabilities: those of row 0 sum to 4"


def softmax_with(processing: dict[str, Any] | None, size: int = 2, transfer: str = "softmax") -> Network:
    processes = () if processing is None else (Process.from_matlab("mapminmax", processing),)
    layer = Layer(size, transfer, {0: Weight(np.eye(2)[:size])})
    return Network(Structure((Input(2),), (layer,), (Output(0, size, processes),)))


def test_outputs_may_differ_from_probabilities_by_rounding() -> None:
    x = [[100.0, 0.0], [0.0, 0.0]]

    def scaled(low: float, high: float) -> Any:
        return matnet.to_sklearn(
            softmax_with({"xmin": [low] * 2, "xmax": [high] * 2, "ymin": 0.0, "ymax": 1.0, "xrows": 2, "yrows": 2})
        )

    # the sum is off by 0.8e-9, and one output is −0.5e-9
    np.testing.assert_allclose(scaled(0.0, 1.0 + 8e-10).predict_proba(x), [[1.0, 0.0], [0.5, 0.5]], atol=1e-9)
    np.testing.assert_allclose(scaled(-5e-10, 1.0 + 5e-10).predict_proba(x), [[1.0, 0.0], [0.5, 0.5]], atol=1e-9)
    for low, high in ((0.0, 1.0 + 1.5e-9), (0.0, 1.0 - 1.5e-9), (-1.5e-9, 1.0 + 1.5e-9)):
        with pytest.raises(
            matnet.UnsupportedError, match=r"^the outputs are not probabilities: those of row 0 sum to 1$"
        ):
            scaled(low, high).predict_proba(x)


def test_what_becomes_a_classifier_by_itself() -> None:
    assert base.is_classifier(matnet.to_sklearn(softmax_with(None)))
    assert matnet.to_sklearn(softmax_with(None, transfer="compet")).predict_proba([[1.0, 2.0]]).tolist() == [[0.0, 1.0]]
    # one neuron is always 1, and two outputs are two questions
    assert base.is_regressor(matnet.to_sklearn(softmax_with(None, size=1)))
    layers = tuple(Layer(2, "softmax", {0: Weight(np.eye(2))}) for _ in range(2))
    assert base.is_regressor(matnet.to_sklearn(Network(Structure((Input(2),), layers, (Output(0, 2), Output(1, 2))))))
    assert base.is_regressor(matnet.to_sklearn(softmax_with(None), kind="regressor"))
    assert base.is_classifier(matnet.to_sklearn(FOUR, classes=["a", "b", "c", "d"]))


def test_what_estimators_tell_of_themselves() -> None:
    two = network(Layer(2, "purelin", {0: Weight(np.eye(2))}), inputs=2)
    for net, several in ((PUMP, False), (two, True), (FOUR, True)):
        tags = matnet.to_sklearn(net).__sklearn_tags__()
        assert (tags.target_tags.multi_output, tags.requires_fit, tags.input_tags.allow_nan) == (several, False, True)
    assert matnet.to_sklearn(PUMP).__sklearn_is_fitted__() is True


def test_nan() -> None:
    classifier, x = matnet.to_sklearn(CLASSES), POINTS.copy()
    x[7, 0] = np.nan
    assert np.isnan(classifier.predict_proba(x)[7]).all()
    with pytest.raises(matnet.ShapeError) as raised:
        classifier.predict(x)
    assert str(raised.value) == "X: row 7 has outputs that are NaN, so that it belongs to no class"
    assert np.isnan(matnet.to_sklearn(PUMP).predict([[np.nan, 2000.0]])).all()


DYNAMIC = network(Layer(1, "purelin", {0: Weight([[1.0, 2.0]], delays=(0, 1))}))
REFUSED: dict[str, tuple[Any, str]] = {
    "one sample": (lambda: matnet.to_sklearn(PUMP).predict([1.0, 2.0]), "X has shape (2,), expected (N, 2)"),
    "features": (lambda: matnet.to_sklearn(PUMP).fit(np.zeros((4, 3)), T[:4]), "X has shape (4, 3), expected (..., 2)"),
    "kind": (lambda: matnet.to_sklearn(PUMP, kind="cluster"), "kind='cluster', expected 'regressor' or 'classifier'"),
    "classes of a regressor": (
        lambda: matnet.to_sklearn(CLASSES, kind="regressor", classes=[1, 2, 3]),
        "a regressor has no classes",
    ),
    "one class": (
        lambda: matnet.to_sklearn(PUMP, kind="classifier"),
        "a classifier has one output for each class, and this network has one output in all",
    ),
    "too few labels": (
        lambda: matnet.to_sklearn(CLASSES, classes=["a", "b"]),
        "classes has 2 labels (a, b), expected 3, one for each output",
    ),
    "a label twice": (lambda: matnet.to_sklearn(CLASSES, classes=[1, 1, 2]), "classes has a label twice: 1, 1, 2"),
    "no labels": (
        lambda: matnet.to_sklearn(CLASSES, classes="abc"),
        "classes is of type str, expected a label for each output",
    ),
    "dynamic": (
        lambda: matnet.to_sklearn(DYNAMIC),
        "to_sklearn: the network is dynamic, so that y is not a function of x alone",
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(act: Any, message: str) -> None:
    with pytest.raises(matnet.MatnetError) as raised:
        act()
    assert str(raised.value) == message
