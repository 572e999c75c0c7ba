"""Models of fitrnet and fitcnet: their networks, and everything that is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import matnet
from fitted_models import (
    BIASES,
    CLASS_BIASES,
    CLASS_WEIGHTS,
    CLASSIFICATION,
    MU,
    REGRESSION,
    SIGMA,
    WEIGHTS,
    X,
    classification,
    column,
    handle,
    labels,
    outputs,
    parameters,
    plain,
    regression,
    saved,
)
from make_hdf5_fixtures import write_hdf5
from matnet.files import DEFAULT_LIMIT
from matnet.importers.mat.matfile import open_mat
from matnet.importers.successors.labels import labels as texts_of
from object_files import ObjectStore, Reference

COMPACT = {
    REGRESSION: "classreg.learning.regr.CompactRegressionNeuralNetwork",
    CLASSIFICATION: "classreg.learning.classif.CompactClassificationNeuralNetwork",
}


@pytest.mark.parametrize("class_name", [REGRESSION, COMPACT[REGRESSION]])
def test_a_regression_model(tmp_path: Path, class_name: str) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, class_name=class_name)))
    np.testing.assert_allclose(net(X), outputs(X, WEIGHTS, BIASES, classifier=False), rtol=1e-14)
    h = 1e-6
    for i, step in enumerate(np.eye(2) * h):
        numerical = (net(X + step) - net(X - step)) / (2.0 * h)
        np.testing.assert_allclose(net.jacobian(X)[..., i], numerical, rtol=1e-6, atol=1e-6)
    assert net.input_names == ("feed", "speed")
    assert net.output_names == ("y1",)
    assert [layer.transfer for layer in net.structure.layers] == ["tansig", "tansig", "purelin"]
    assert net.provenance.stored_as == f"{class_name.rpartition('.')[2]} object"
    assert (net.provenance.toolbox_version, net.provenance.precision) == ("R2024a", "")
    assert net.provenance.oddities == ()


@pytest.mark.parametrize("class_name", [CLASSIFICATION, COMPACT[CLASSIFICATION]])
def test_a_classification_model(tmp_path: Path, class_name: str) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=classification(store, class_name=class_name)))
    np.testing.assert_allclose(net(X), outputs(X, CLASS_WEIGHTS, CLASS_BIASES, classifier=True), rtol=1e-13)
    assert net.output_names == ("1", "2", "10", "2.5")
    assert [layer.transfer for layer in net.structure.layers] == ["tansig", "softmax"]


def test_columns_of_a_frame_are_taken_by_the_predictors_names(tmp_path: Path) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store)))
    frame = polars.DataFrame({"speed": X[:, 1], "feed": X[:, 0]})
    np.testing.assert_array_equal(net(frame), net(X))


def test_classes_are_named_by_what_they_are(tmp_path: Path) -> None:
    for kind, values, names in (
        (3, np.array([[False], [True]]), ("false", "true")),
        (2, ["low", "high"], ("low", "high")),
        (6, ["b", "a"], ("b", "a")),
        (5, ["yes", "no"], ("yes", "no")),
    ):
        store = ObjectStore()
        found: Any = values
        if kind != 3:
            codes = np.array([[1], [2]], dtype="u1")
            found = plain(store.new("categorical", {"categoryNames": values, "codes": codes}))
        layers = {"LayerWeights": [WEIGHTS[0], WEIGHTS[1]], "LayerBiases": [column(BIASES[0]), column(BIASES[1])]}
        inner = {**layers, "NumOutputs": np.array([[2.0]])}
        model = classification(store, labels(store, kind, found), inner=inner)
        assert matnet.load(saved(tmp_path / "m.mat", store, net=model)).output_names == names


def test_activations_and_their_transfer_functions(tmp_path: Path) -> None:
    for activations, transfer in (
        ("relu", ["relu", "relu", "purelin"]),
        ("sigmoid", ["logsig", "logsig", "purelin"]),
        (["none", "relu"], ["purelin", "relu", "purelin"]),
    ):
        store = ObjectStore()
        given = {"Activations": activations}
        net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, given, given)))
        assert [layer.transfer for layer in net.structure.layers] == transfer


def test_a_model_without_standardizing_or_names(tmp_path: Path) -> None:
    store = ObjectStore()
    changes = {"StandardizeData": np.array([[False]]), "Mu": np.zeros((0, 0)), "Sigma": None}
    model = regression(store, changes, data={"PredictorNames": np.array([[2.0]])})
    net = matnet.load(saved(tmp_path / "m.mat", store, net=model))
    np.testing.assert_allclose(net((X - MU) / SIGMA), outputs(X, WEIGHTS, BIASES, classifier=False), rtol=1e-14)
    assert net.input_names == ("x1", "x2")


def test_a_single_layer_is_a_linear_model(tmp_path: Path) -> None:
    inner = {"LayerWeights": [WEIGHTS[2]], "LayerBiases": [column(BIASES[2])], "NumLayers": 1.0}
    for activations in ("tanh", None):
        store = ObjectStore()
        changes = {"LayerSizes": np.zeros((1, 0)), "Activations": activations}
        model = regression(store, changes, {**inner, "Activations": activations})
        net = matnet.load(saved(tmp_path / "m.mat", store, net=model))
        np.testing.assert_allclose(net(X), ((X - MU) / SIGMA) @ WEIGHTS[2].T + BIASES[2], rtol=1e-14)


def test_what_a_user_should_know_is_said(tmp_path: Path) -> None:
    store = ObjectStore()
    single = {"LayerWeights": [weight.astype("f4") for weight in WEIGHTS], "Activations": "relu"}
    changes = {"DefaultResponse": {"Median": 7.25, "Mean": 8.0}, "Activations": "relu"}
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, changes, single)))
    assert net.provenance.oddities == (
        "trained in single precision: MATLAB computes with about 7 digits, matnet with 16",
        "where a predictor is NaN, MATLAB predicts the median response, 7.25; matnet gives NaN",
        "relu: not confirmed by numbers from MATLAB: the slope at 0, where it jumps, is 0; that of poslin is 1",
    )
    assert net.provenance.precision == "single"
    assert np.isnan(net(np.array([np.nan, 1.0]))).all()
    store = ObjectStore()
    cost = {"ClassSummary": {"ClassNames": plain(labels(store, 4, column([1, 2, 3, 4]))), "Cost": np.ones((4, 4))}}
    net = matnet.load(saved(tmp_path / "m.mat", store, net=classification(store, changes=cost)))
    assert net.provenance.oddities == (
        "misclassification costs are set: MATLAB's label is the class with the least expected cost",
    )


def test_the_training_data_tell_the_ranges(tmp_path: Path) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, {"PrivX": X})))
    np.testing.assert_array_equal(net.structure.inputs[0].range, np.stack([X.min(axis=0), X.max(axis=0)], axis=1))


@pytest.mark.parametrize("isolation", [False, True])
def test_models_in_a_file_of_version_7_3(tmp_path: Path, isolation: bool) -> None:
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, r=regression(store), c=classification(store))
    variables = {name: variable.value for name, variable in open_mat(file, DEFAULT_LIMIT).variables.items()}
    write_hdf5(tmp_path / "m_v73.mat", variables)
    nets = matnet.load_all(tmp_path / "m_v73.mat", isolation=isolation)
    assert set(nets) == {"r", "c"}
    for name, expected in matnet.load_all(file).items():
        np.testing.assert_array_equal(nets[name](X), expected(X))
        assert nets[name].output_names == expected.output_names


def two_labels(store: ObjectStore) -> Reference:
    name = "classreg.learning.internal.ClassLabel"
    return store.reference(name, *(store.add(name, {"Type": np.array([[4.0]]), "L": column([1.0])}) for _ in range(2)))


def test_a_class_that_is_undefined_has_no_name(tmp_path: Path) -> None:
    """MATLAB counts the values of classes; NaN is none of them, and 1e20 is written out."""
    store = ObjectStore()
    names = labels(store, 4, column([1.0, 1e20, -0.5, 3.0]))
    net = matnet.load(saved(tmp_path / "m.mat", store, net=classification(store, names)))
    assert net.output_names == ("1", "100000000000000000000", "-0.5", "3")
    store = ObjectStore()
    file = open_mat(saved(tmp_path / "m.mat", store, net=labels(store, 4, column([np.nan, 2.0]))), DEFAULT_LIMIT)
    assert texts_of(file.variables["net"].value, "net") == (None, "2")


def test_activations_that_are_said_again_and_agree(tmp_path: Path) -> None:
    """The activation of the output is linear or none in a regression, softmax in a classifier."""
    for last in ("linear", "none"):
        store = ObjectStore()
        more = {"ExpandedActivations": ["tanh", "tanh", last], "OutputLayerActivation": last}
        net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, more)))
        np.testing.assert_allclose(net(X), outputs(X, WEIGHTS, BIASES, classifier=False), rtol=1e-14)
    store = ObjectStore()
    more = {"ExpandedActivations": ["tanh", "softmax"], "OutputLayerActivation": "softmax"}
    net = matnet.load(saved(tmp_path / "m.mat", store, net=classification(store, changes=more)))
    np.testing.assert_allclose(net(X), outputs(X, CLASS_WEIGHTS, CLASS_BIASES, classifier=True), rtol=1e-13)


def test_layers_are_named_by_their_order(tmp_path: Path) -> None:
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store)))
    assert net.layer_names == ("Hidden 1", "Hidden 2", "Output")
    assert net.structure.outputs[0].layer == 2
    assert (net.structure.inputs[0].name, net.structure.outputs[0].name) == ("Predictors", "Response")
    store = ObjectStore()
    net = matnet.load(saved(tmp_path / "m.mat", store, net=classification(store)))
    assert net.structure.outputs[0].name == "Scores"


def test_ranges_are_those_of_what_is_known_of_the_training_data(tmp_path: Path) -> None:
    x = X.copy()
    x[0], x[:, 1] = np.nan, np.nan
    for data, expected in (
        (x, [[np.nanmin(x[:, 0]), np.nanmax(x[:, 0])], [np.nan, np.nan]]),
        (X[:1], np.stack([X[0], X[0]], axis=1)),
        (X.T, None),
        (np.zeros((0, 2)), None),
        ("text", None),
    ):
        store = ObjectStore()
        net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, {"PrivX": data})))
        found = net.structure.inputs[0].range
        if expected is None:
            assert found is None or np.isnan(found).all()
        else:
            np.testing.assert_array_equal(found, np.asarray(expected))


def test_what_may_stand_beside_predictors_without_levels(tmp_path: Path) -> None:
    """Empty lists of levels and bins; a median that is unknown says nothing."""
    store = ObjectStore()
    data = {
        "VariableRange": [np.zeros((0, 1)), np.zeros((1, 0))],
        "BinnedX": np.zeros((0, 2)),
        "BinEdges": np.empty((1, 0), dtype=object),
        "OrdinalPredictors": "x",
    }
    changes = {"DefaultResponse": {"Mean": 8.0}, "ModelParams": parameters(store, StandardizeResponses=None)}
    net = matnet.load(saved(tmp_path / "m.mat", store, net=regression(store, changes, data=data)))
    np.testing.assert_allclose(net(X), outputs(X, WEIGHTS, BIASES, classifier=False), rtol=1e-14)
    assert net.provenance.oddities == ()


Model = Callable[[ObjectStore], Reference]
IMPL = "net.NeuralNetworkImpl"
LEARNED = "how MATLAB treats it is not known; train without it"

REFUSED: dict[str, tuple[Model, str]] = {
    "categorical predictors": (
        lambda store: regression(store, data={"CategoricalPredictors": np.array([[2.0]])}),
        "net.DataSummary.CategoricalPredictors: categorical predictors are not supported",
    ),
    "levels of a predictor": (
        lambda store: regression(store, data={"VariableRange": [np.zeros((0, 0)), ["a", "b"]]}),
        "net.DataSummary.VariableRange{2}: predictor 2 has levels, and categorical predictors are not supported",
    ),
    "ordinal predictors": (
        lambda store: regression(store, data={"OrdinalPredictors": np.array([[False, True]])}),
        "net.DataSummary.OrdinalPredictors: ordinal predictors are not supported",
    ),
    "binned predictors": (
        lambda store: regression(store, data={"BinEdges": [column([0.0, 1.0]), column([0.0, 1.0])]}),
        "net.DataSummary.BinEdges: binned predictors are not supported",
    ),
    "binned data": (
        lambda store: regression(store, data={"BinnedX": np.ones((7, 2))}),
        "net.DataSummary.BinnedX: binned predictors are not supported",
    ),
    "levels of the first predictor": (
        lambda store: regression(store, data={"VariableRange": [column([1.0, 2.0]), np.zeros((0, 0))]}),
        "net.DataSummary.VariableRange{1}: predictor 1 has levels, and categorical predictors are not supported",
    ),
    "a transform that is text": (
        lambda store: regression(store, {"PrivResponseTransform": "identity"}),
        "net.PrivResponseTransform: a char 1x8, expected a function handle",
    ),
    "weights in another kind of object": (
        lambda store: regression(store, {"NeuralNetworkImpl": store.new("my.Impl", {"LayerWeights": WEIGHTS})}),
        "net.NeuralNetworkImpl: a my.Impl 1x1, expected an object of class classreg.learning.impl.NeuralNetworkImpl",
    ),
    "weights that are no cell": (
        lambda store: regression(store, inner={"LayerWeights": WEIGHTS[0]}),
        f"{IMPL}.LayerWeights: a double 3x2, expected a cell of matrices",
    ),
    "weights of whole numbers": (
        lambda store: regression(store, inner={"LayerWeights": [np.ones((3, 2), "u1"), *WEIGHTS[1:]]}),
        f"{IMPL}.LayerWeights{{1}}: a uint8 3x2, expected a matrix of numbers",
    ),
    "weights of three dimensions": (
        lambda store: regression(store, inner={"LayerWeights": [*WEIGHTS[:2], np.ones((1, 2, 2))]}),
        f"{IMPL}.LayerWeights{{3}}: a double 1x2x2, expected a matrix of numbers",
    ),
    "a bias of another length": (
        lambda store: regression(store, inner={"LayerBiases": [column([1.0]), *map(column, BIASES[1:])]}),
        f"{IMPL}.LayerWeights{{1}}: 3x2, expected 1x2",
    ),
    "biases that are infinite": (
        lambda store: regression(store, inner={"LayerBiases": [*map(column, BIASES[:2]), column([np.inf])]}),
        f"{IMPL}.LayerBiases{{3}}: values that are NaN or Inf; allow_nonfinite=True loads them as they are",
    ),
    "no activations": (
        lambda store: regression(store, {"Activations": None}),
        "net.Activations: missing, expected a text, or a cell with one text per hidden layer",
    ),
    "an activation of no hidden layer": (
        lambda store: regression(
            store,
            {"LayerSizes": np.zeros((1, 0)), "Activations": ["tanh"]},
            {"LayerWeights": [WEIGHTS[2]], "LayerBiases": [column(BIASES[2])], "NumLayers": 1.0},
        ),
        "net.Activations: 1 name for 0 hidden layers",
    ),
    "no biases": (
        lambda store: regression(store, inner={"LayerBiases": None}),
        f"{IMPL}.LayerBiases: 0 layers, but LayerWeights has 3",
    ),
    "a single activation in a cell for two layers": (
        lambda store: regression(store, {"Activations": ["tanh"]}, {"Activations": ["tanh"]}),
        "net.Activations: 1 name for 2 hidden layers",
    ),
    "expanded activations without the last": (
        lambda store: regression(store, {"ExpandedActivations": ["tanh", "tanh"]}),
        "net.ExpandedActivations: contradicts Activations: the file is damaged",
    ),
    "another activation of the output layer": (
        lambda store: regression(store, {"OutputLayerActivation": "softmax"}),
        "net: the output activation 'softmax' is not supported, expected 'none'",
    ),
    "a classifier without softmax": (
        lambda store: classification(store, changes={"OutputLayerActivation": "none"}),
        "net: the output activation 'none' is not supported, expected 'softmax'",
    ),
    "a classifier trained as a regression": (
        lambda store: classification(store, inner={"LossFcnName": "mse"}),
        f"{IMPL}.LossFcnName: models trained with the loss 'mse' are not supported, expected 'crossentropy'",
    ),
    "no sizes": (
        lambda store: regression(store, {"LayerSizes": np.zeros((1, 0))}),
        "net.LayerSizes: [], but the weights have [3, 2]: the file is damaged",
    ),
    "another number of outputs": (
        lambda store: classification(store, inner={"NumOutputs": 3.0}),
        f"{IMPL}.NumOutputs: 3, but the weights have 4: the file is damaged",
    ),
    "Sigma without Mu": (
        lambda store: regression(store, {"Mu": None}),
        "net.Mu: 0 numbers for 2 predictors",
    ),
    "a negative Sigma": (
        lambda store: regression(store, {"Sigma": np.array([[2.0, -1.0]])}),
        f"net.Sigma(2): -1: predictor 2 was constant or missing in the training data, and {LEARNED}",
    ),
    "an infinite Sigma": (
        lambda store: regression(store, {"Sigma": np.array([[np.inf, 1.0]])}),
        f"net.Sigma(1): inf: predictor 1 was constant or missing in the training data, and {LEARNED}",
    ),
    "no word on the predictors": (
        lambda store: regression(store, data={"PredictorNames": None}),
        "net.DataSummary.PredictorNames: missing, expected a cell of names or a number",
    ),
    "another number of predictors without names": (
        lambda store: regression(store, data={"PredictorNames": np.array([[3.0]])}),
        "net.DataSummary.PredictorNames: 3 predictors, but the weights have 2",
    ),
    "no classes": (
        lambda store: classification(store, changes={"ClassSummary": {"ClassNames": np.zeros((0, 0))}}),
        "net.ClassSummary.ClassNames: missing, expected an object of class classreg.learning.internal.ClassLabel",
    ),
    "two lists of classes": (
        lambda store: classification(store, two_labels(store)),
        "net.ClassSummary.ClassNames: a classreg.learning.internal.ClassLabel 1x2, expected an object of class "
        "classreg.learning.internal.ClassLabel",
    ),
    "numeric classes that are logical": (
        lambda store: classification(store, labels(store, 4, np.array([[True], [False]]))),
        "net.ClassSummary.ClassNames: class labels of type 4 (logical 2x1) are not supported, expected categorical, "
        "logical or numeric labels, or a string array",
    ),
    "logical classes that are numbers": (
        lambda store: classification(store, labels(store, 3, column([0.0, 1.0]))),
        "net.ClassSummary.ClassNames: class labels of type 3 (double 2x1) are not supported, expected categorical, "
        "logical or numeric labels, or a string array",
    ),
    "classes of another type": (
        lambda store: classification(store, labels(store, 5, column([1.0, 2.0]))),
        "net.ClassSummary.ClassNames: class labels of type 5 (double 2x1) are not supported, expected categorical, "
        "logical or numeric labels, or a string array",
    ),
    "classes without values": (
        lambda store: classification(store, labels(store, 4, np.zeros((0, 0)))),
        "net.ClassSummary.ClassNames: class labels of type 4 (nothing) are not supported, expected categorical, "
        "logical or numeric labels, or a string array",
    ),
    "a response transform": (
        lambda store: regression(store, {"PrivResponseTransform": handle("@(y)exp(y)")}),
        "net.PrivResponseTransform: the transform '@(y)exp(y)' is not supported; in MATLAB, set ResponseTransform of "
        "the model to 'none' and save it again",
    ),
    "a score transform": (
        lambda store: classification(
            store, changes={"PrivScoreTransform": handle("classreg.learning.transform.logit")}
        ),
        "net.PrivScoreTransform: the transform 'logit' is not supported; in MATLAB, set ScoreTransform of the model to "
        "'none' and save it again",
    ),
    "no transform": (
        lambda store: regression(store, {"PrivResponseTransform": None}),
        "net.PrivResponseTransform: missing, expected a function handle",
    ),
    "standardized responses": (
        lambda store: regression(store, {"ModelParams": parameters(store, StandardizeResponses=np.array([[True]]))}),
        "net.ModelParams.StandardizeResponses: standardized responses are not supported; train without them",
    ),
    "an architecture of its own": (
        lambda store: regression(store, inner={"LayerWeights": np.empty((0, 0), dtype=object)}),
        f"{IMPL}.LayerWeights: empty: models with a custom architecture (a dlnetwork) are not supported",
    ),
    "a Sigma of 0": (
        lambda store: regression(store, {"Sigma": np.array([[2.0, 0.0]])}),
        f"net.Sigma(2): 0: predictor 2 was constant or missing in the training data, and {LEARNED}",
    ),
    "a Sigma of NaN": (
        lambda store: regression(store, {"Sigma": np.array([[np.nan, 1.0]])}),
        f"net.Sigma(1): nan: predictor 1 was constant or missing in the training data, and {LEARNED}",
    ),
    "a Mu of NaN": (
        lambda store: regression(store, {"Mu": np.array([[np.nan, 1.0]])}),
        "net: Mu(1) is nan and Sigma(1) is 2, expected finite numbers and a Sigma that is not 0",
    ),
    "too few in Mu": (
        lambda store: regression(store, {"Mu": np.array([[1.0]])}),
        "net.Mu: 1 number for 2 predictors",
    ),
    "Mu without Sigma": (
        lambda store: regression(store, {"Sigma": None}),
        "net.Sigma: 0 numbers for 2 predictors",
    ),
    "standardizing without Mu": (
        lambda store: regression(store, {"Mu": None, "Sigma": None}),
        "net.StandardizeData: true, but Mu and Sigma are missing",
    ),
    "Mu without standardizing": (
        lambda store: regression(store, {"StandardizeData": np.array([[False]])}),
        "net.StandardizeData: false, but Mu and Sigma are present",
    ),
    "a property that is not known": (
        lambda store: regression(store, {"ResponseMu": 3.0}),
        "net.ResponseMu: unknown property, which may change what the model predicts",
    ),
    "a property of the weights that is not known": (
        lambda store: regression(store, inner={"Network": 3.0}),
        f"{IMPL}.Network: unknown property, which may change what the model predicts",
    ),
    "a model for quantiles": (
        lambda store: regression(store, inner={"LossFcnName": "quantile"}),
        f"{IMPL}.LossFcnName: models trained with the loss 'quantile' are not supported, expected 'mse'",
    ),
    "several responses": (
        lambda store: regression(
            store,
            inner={
                "LayerWeights": WEIGHTS[:2],
                "LayerBiases": [column(BIASES[0]), column(BIASES[1])],
                "NumLayers": 2.0,
                "NumOutputs": 2.0,
            },
            changes={"LayerSizes": 3.0},
        ),
        f"{IMPL}.NumOutputs: 2 responses are not supported, expected 1",
    ),
    "another activation": (
        lambda store: regression(store, {"Activations": "swish"}, {"Activations": "swish"}),
        "net.Activations: unknown activation 'swish'; known: none, relu, sigmoid, tanh",
    ),
    "activations that contradict each other": (
        lambda store: regression(store, inner={"Activations": "relu"}),
        f"{IMPL}.Activations: differs from net.Activations: the file is damaged",
    ),
    "expanded activations that contradict them": (
        lambda store: regression(store, {"ExpandedActivations": ["tanh", "relu", "linear"]}),
        "net.ExpandedActivations: contradicts Activations: the file is damaged",
    ),
    "another activation of the outputs": (
        lambda store: regression(store, {"ExpandedActivations": ["tanh", "tanh", "exp"]}),
        "net: the output activation 'exp' is not supported, expected 'none'",
    ),
    "too few activations": (
        lambda store: regression(store, {"Activations": ["tanh"]}),
        "net.Activations: 1 name for 2 hidden layers",
    ),
    "biases missing": (
        lambda store: regression(store, inner={"LayerBiases": [column(BIASES[0])]}),
        f"{IMPL}.LayerBiases: 1 layer, but LayerWeights has 3",
    ),
    "another number of layers": (
        lambda store: regression(store, inner={"NumLayers": 2.0}),
        f"{IMPL}.NumLayers: 2 layers, but LayerWeights has 3",
    ),
    "matrices that do not fit": (
        lambda store: regression(store, inner={"LayerWeights": [WEIGHTS[0], WEIGHTS[1].T, WEIGHTS[2]]}),
        f"{IMPL}.LayerWeights{{2}}: 3x2, expected 2x3",
    ),
    "text among the weights": (
        lambda store: regression(store, inner={"LayerWeights": [WEIGHTS[0], "x", WEIGHTS[2]]}),
        f"{IMPL}.LayerWeights{{2}}: a char 1x1, expected a matrix of numbers",
    ),
    "weights that are NaN": (
        lambda store: regression(store, inner={"LayerWeights": [np.nan * WEIGHTS[0], *WEIGHTS[1:]]}),
        f"{IMPL}.LayerWeights{{1}}: values that are NaN or Inf; allow_nonfinite=True loads them as they are",
    ),
    "other sizes": (
        lambda store: regression(store, {"LayerSizes": np.array([[3.0, 4.0]])}),
        "net.LayerSizes: [3.0, 4.0], but the weights have [3, 2]: the file is damaged",
    ),
    "another number of predictors": (
        lambda store: regression(store, {"NumPredictors": 3.0}),
        "net.NumPredictors: 3, but the weights have 2: the file is damaged",
    ),
    "names of other predictors": (
        lambda store: regression(store, data={"PredictorNames": ["a", "b", "c"]}),
        "net.DataSummary.PredictorNames: 3 predictors, but the weights have 2",
    ),
    "names that mean other places": (
        lambda store: regression(store, data={"PredictorNames": ["x2", "x1"]}),
        "net: element 1 is named 'x2', which means element 2; rename it",
    ),
    "no weights": (
        lambda store: regression(store, {"NeuralNetworkImpl": None}),
        "net.NeuralNetworkImpl: missing, expected an object of class classreg.learning.impl.NeuralNetworkImpl",
    ),
    "classes of text": (
        lambda store: classification(store, labels(store, 1, "ab")),
        "net.ClassSummary.ClassNames: class labels of type 1 (char 1x2) are not supported, expected categorical, "
        "logical or numeric labels, or a string array",
    ),
    "too few classes": (
        lambda store: classification(store, labels(store, 4, column([1.0, 2.0]))),
        "net.ClassSummary.ClassNames: 2 classes, but the model has 4 outputs",
    ),
    "classes that are none": (
        lambda store: classification(store, changes={"ClassSummary": {"ClassNames": 3.0}}),
        "net.ClassSummary.ClassNames: a double 1x1, expected an object of class classreg.learning.internal.ClassLabel",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_known_for_certain_is_refused(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, net=make(store))
    with pytest.raises(matnet.MatnetError) as refused:
        matnet.load(file)
    assert str(refused.value) == f"{file}: {message}"


def exported(model: Reference, **more: object) -> dict[str, object]:
    texts = {"About": "exported", "HowToPredict": "yfit = trainedModel.predictFcn(T)"}
    return {"predictFcn": 1.0, "RequiredVariables": ["feed", "speed"], REGRESSION: model, **texts, **more}


def test_the_struct_that_an_app_exports(tmp_path: Path) -> None:
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, trainedModel=exported(regression(store)))
    net = matnet.load(file)
    assert net.provenance.path == f"trainedModel.{REGRESSION}"
    np.testing.assert_allclose(net(X), outputs(X, WEIGHTS, BIASES, classifier=False), rtol=1e-14)


def test_an_export_with_principal_components_is_refused(tmp_path: Path) -> None:
    store = ObjectStore()
    file = saved(tmp_path / "m.mat", store, trainedModel=exported(regression(store), PCACenters=np.zeros((1, 2))))
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    path = f"trainedModel.{REGRESSION}"
    assert str(refused.value) == (
        f"{file}: trainedModel: the learner app exported the further field PCACenters: predictFcn transforms the "
        "predictors before the model sees them, which is not supported; to use the model without it, save only the "
        f"model: net = {path}; save('net.mat', 'net')"
    )


def test_a_struct_of_the_users_may_have_any_fields(tmp_path: Path) -> None:
    store = ObjectStore()
    results = {"net": regression(store), "PCACenters": np.zeros((1, 2)), "note": "mine"}
    assert matnet.load(saved(tmp_path / "m.mat", store, results=results)).provenance.path == "results.net"


@pytest.mark.parametrize("kind", ["TrainedManualFeatureSelection", "TrainedPCA"])
def test_a_session_that_transforms_the_predictors_is_refused(tmp_path: Path, kind: str) -> None:
    store = ObjectStore()
    inner = store.new("mlearnapp.internal.model.adapterlayer.Trained", {"NeuralNetwork": regression(store)})
    outer = store.new(f"mlearnapp.internal.model.transformation.{kind}", {"DecoratedTrainedModel": inner})
    file = saved(tmp_path / "m.mat", store, s=outer)
    if kind == "TrainedManualFeatureSelection":
        assert matnet.load(file).input_names == ("feed", "speed")
        return
    with pytest.raises(matnet.UnsupportedError) as refused:
        matnet.load(file)
    assert str(refused.value) == (
        f"{file}: s: the learner app transforms the predictors before the model sees them (TrainedPCA), which is not "
        "supported"
    )
