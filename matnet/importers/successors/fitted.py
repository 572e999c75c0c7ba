"""Models of fitrnet and fitcnet as a Structure. Only this room knows the names of their properties.

A full model carries its training data, a compact one does not. Both keep the weights in an object of their own, and
the mean and standard deviation by which the predictors are standardized. Whatever could change what a model predicts
and was not seen in a file beside its answers is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.files import Budget
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.classes import texts
from matnet.importers.mat.fields import Fields, at_place, part_of
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import Cell, Char, Function, MatFile, Numeric, Opaque, Value
from matnet.importers.stored_network import StoredNetwork, unconfirmed
from matnet.importers.successors.building import nonfinite, other_shape
from matnet.importers.successors.labels import labels
from matnet.importers.successors.surroundings import check_surroundings
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight

_REGRESSION = frozenset({"RegressionNeuralNetwork", "classreg.learning.regr.CompactRegressionNeuralNetwork"})
_CLASSIFICATION = frozenset(
    {"ClassificationNeuralNetwork", "classreg.learning.classif.CompactClassificationNeuralNetwork"}
)
_IMPLEMENTATION = "classreg.learning.impl.NeuralNetworkImpl"
_IDENTITY = "classreg.learning.transform.identity"

_TRANSFER: Mapping[str, str] = {"relu": "relu", "tanh": "tansig", "sigmoid": "logsig", "none": "purelin"}
_OUTPUT: Mapping[str, str] = {"softmax": "softmax", "linear": "purelin", "none": "purelin"}

_PROPERTIES = frozenset(
    {
        *("Activations", "CategoricalVariableCoding", "ClassSummary", "ConvergenceInfo", "DataSummary"),
        *("DefaultLoss", "DefaultResponse", "ExpandedActivations", "HasNaNX", "LayerSizes", "ModelParams", "Mu"),
        *("NeuralNetworkImpl", "NumPredictors", "OutputLayerActivation", "PrivResponseTransform", "PrivScoreTransform"),
        *("PrivScoreType", "PrivX", "PrivY", "Sigma", "StandardizeData", "W"),
        *("Solver", "LossFunction", "LossFunctionName", "HyperparameterOptimizationResults", "AllowedPredictArgs"),
        *("LabelPredictor", "DefaultScoreType"),
    }
)
_IMPLEMENTATION_PROPERTIES = frozenset(
    {
        *("Activations", "ActivationsInfo", "LayerBiases", "LayerWeights", "LossFcn", "LossFcnName"),
        *("MaxHistorySize", "NumLayers", "NumOutputs"),
    }
)
"""The known properties of a model and of the object with its weights: they are read, or do not affect predictions."""


def is_fitted(value: Value) -> bool:
    """Whether the value is one model of fitrnet or fitcnet."""
    fitted = value.class_name in _REGRESSION or value.class_name in _CLASSIFICATION
    return fitted and isinstance(value, Opaque) and math.prod(value.shape) == 1


def fitted_fields(value: Value, path: str) -> Fields:
    """The properties of a model, those with their class's default included."""
    assert isinstance(value, Opaque)
    with at_place(f"{path}: "):
        (whole,) = value.whole()
        return Fields(whole, path)


def is_classifier(value: Value) -> bool:
    """Whether a model is one of fitcnet."""
    return value.class_name in _CLASSIFICATION


@dataclass(frozen=True, eq=False)
class _Weights:
    """The weight matrices, biases and transfer functions of all layers."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    transfer: tuple[str, ...]
    single: bool


def read_fitted(file: MatFile, value: Value, path: str, allow_nonfinite: bool) -> StoredNetwork:
    """The model in a value for which ``is_fitted`` holds; `path` is where it lies in the file.

    Raises
    ------
    FormatError
        The file does not hold what the object refers to.
    ModelError
        The model contradicts itself, or has weights that are NaN or Inf.
    UnsupportedError
        It uses something that is not supported: categorical predictors, transformed responses or scores, …
    """
    check_surroundings(file, path)
    fields = fitted_fields(value, path)
    classifier = is_classifier(value)
    _check_known(fields, _PROPERTIES)
    summary = part_of(fields, "DataSummary")
    _check_predictors(summary)
    release = _check_transform(fields, "PrivScoreTransform" if classifier else "PrivResponseTransform")
    _check_training(fields)
    stored = _weights(fields, classifier, file.budget, allow_nonfinite)
    predictors = stored.weights[0].shape[1]
    processing, limits = _standardizing(fields, predictors), _range(fields, predictors)
    names = predictor_names(summary, predictors)
    outputs = len(stored.biases[-1])
    classes = _classes(fields, outputs) if classifier else ()
    with at_place(f"{path}: "):
        entry = Input(predictors, processing, limits, "Predictors", element_names=names)
        name = "Scores" if classifier else "Response"
        exit_entry = Output(len(stored.weights) - 1, outputs, name=name, element_names=classes)
        structure = Structure((entry,), tuple(_layers(stored)), (exit_entry,), parameter_order="layers")
    remarks = (*_remarks(fields, stored, classifier), *unconfirmed(structure))
    kind = f"{value.class_name.rpartition('.')[2]} object"
    precision = "single" if stored.single else ""
    return StoredNetwork(structure, release, kind, oddities=remarks, precision=precision)


def _check_known(fields: Fields, known: frozenset[str]) -> None:
    for name in fields.names:
        if name not in known and fields.get(name) is not None:
            raise UnsupportedError(
                "unknown property, which may change what the model predicts", place=f"{fields.place}.{name}"
            )


def _check_predictors(summary: Fields) -> None:
    """Check that all predictors are numeric."""
    if summary.get("CategoricalPredictors") is not None:
        raise UnsupportedError(
            "categorical predictors are not supported", place=f"{summary.place}.CategoricalPredictors"
        )
    levels = summary.get("VariableRange")
    if isinstance(levels, Cell):
        for number, entry in enumerate(levels.items, 1):
            if 0 not in entry.shape:
                raise UnsupportedError(
                    f"predictor {number} has levels, and categorical predictors are not supported",
                    place=f"{summary.place}.VariableRange{{{number}}}",
                )
    ordinal = summary.get("OrdinalPredictors")
    if isinstance(ordinal, Numeric) and ordinal.array.any():
        raise UnsupportedError("ordinal predictors are not supported", place=f"{summary.place}.OrdinalPredictors")
    for name in ("BinnedX", "BinEdges"):
        value = summary.get(name)
        if value is not None and 0 not in value.shape:
            raise UnsupportedError("binned predictors are not supported", place=f"{summary.place}.{name}")


def _check_transform(fields: Fields, name: str) -> str:
    """Check that a transform is the identity; the MATLAB release that its handle records."""
    value = fields.get(name)
    if not isinstance(value, Function):
        raise fields.wrong(name, "a function handle")
    if value.name != _IDENTITY:
        what = value.name.removeprefix("classreg.learning.transform.")
        raise UnsupportedError(
            f"the transform {what!r} is not supported; in MATLAB, set {name.removeprefix('Priv')} of the model to "
            "'none' and save it again",
            place=f"{fields.place}.{name}",
        )
    return value.release


def _check_training(fields: Fields) -> None:
    """Check the training parameters of a full model: how MATLAB scales standardized responses back is not known."""
    if fields.get("ModelParams") is None:
        return
    flag = part_of(fields, "ModelParams").get("StandardizeResponses")
    if isinstance(flag, Numeric) and flag.array.any():
        raise UnsupportedError(
            "standardized responses are not supported; train without them",
            place=f"{fields.place}.ModelParams.StandardizeResponses",
        )


def _weights(fields: Fields, classifier: bool, budget: Budget, allow_nonfinite: bool) -> _Weights:
    stored = fields.get("NeuralNetworkImpl")
    if not isinstance(stored, Opaque) or stored.class_name != _IMPLEMENTATION:
        raise fields.wrong("NeuralNetworkImpl", f"an object of class {_IMPLEMENTATION}")
    part = part_of(fields, "NeuralNetworkImpl")
    _check_known(part, _IMPLEMENTATION_PROPERTIES)
    weights, biases = _matrices(part, "LayerWeights"), _matrices(part, "LayerBiases")
    if not weights:
        raise UnsupportedError(
            "empty: models with a custom architecture (a dlnetwork) are not supported",
            place=f"{part.place}.LayerWeights",
        )
    _check_loss(part, classifier)
    for what, number in (("LayerBiases", len(biases)), ("NumLayers", part.count("NumLayers"))):
        if number != len(weights):
            raise ModelError(
                f"{counted(number, 'layer')}, but LayerWeights has {len(weights)}", place=f"{part.place}.{what}"
            )
    result = _Weights(
        _values(part, "LayerWeights", weights, allow_nonfinite),
        tuple(bias.ravel() for bias in _values(part, "LayerBiases", biases, allow_nonfinite)),
        _transfer(fields, part, classifier, len(weights)),
        any(entry.class_name == "single" for entry in (*weights, *biases)),
    )
    budget.take(sum(array.nbytes for array in (*result.weights, *result.biases)))
    _check_sizes(fields, part, result, classifier)
    return result


def _matrices(part: Fields, name: str) -> Sequence[Numeric]:
    value = part.get(name)
    if value is None:
        return ()
    if not isinstance(value, Cell):
        raise part.wrong(name, "a cell of matrices")
    matrices = []
    for number, entry in enumerate(value.items, 1):
        if not isinstance(entry, Numeric) or len(entry.shape) != 2 or entry.class_name not in ("double", "single"):
            raise ModelError(
                f"a {describe(entry)}, expected a matrix of numbers", place=f"{part.place}.{name}{{{number}}}"
            )
        matrices.append(entry)
    return matrices


def _values(part: Fields, name: str, entries: Sequence[Numeric], allow_nonfinite: bool) -> tuple[FloatArray, ...]:
    matrices = []
    for number, entry in enumerate(entries, 1):
        place = f"{part.place}.{name}{{{number}}}"
        with at_place(f"{place}: "):
            matrices.append(entry.floats())
        if not allow_nonfinite and not np.isfinite(matrices[-1]).all():
            raise nonfinite(place)
    return tuple(matrices)


def _check_loss(part: Fields, classifier: bool) -> None:
    name, expected = part.text("LossFcnName"), "crossentropy" if classifier else "mse"
    if name != expected:
        raise UnsupportedError(
            f"models trained with the loss '{name}' are not supported, expected '{expected}'",
            place=f"{part.place}.LossFcnName",
        )


def _transfer(fields: Fields, part: Fields, classifier: bool, count: int) -> tuple[str, ...]:
    """The layers' transfer functions; MATLAB stores them twice, and both must agree."""
    hidden = _activations(fields, count - 1)
    if _activations(part, count - 1) != hidden:
        raise ModelError(
            f"differs from {fields.place}.Activations: the file is damaged", place=f"{part.place}.Activations"
        )
    output, expected = ("softmax", "softmax") if classifier else ("purelin", "none")
    for activation in (fields.text("OutputLayerActivation", expected), *_last(fields, hidden)):
        if _OUTPUT.get(activation) != output:
            raise UnsupportedError(
                f"the output activation '{activation}' is not supported, expected '{expected}'",
                place=fields.place,
            )
    return (*hidden, output)


def _activations(fields: Fields, count: int) -> tuple[str, ...]:
    """The transfer functions of the hidden layers; a single text applies to all."""
    value = fields.get("Activations")
    if value is None and not count:
        return ()
    if value is None:
        raise fields.wrong("Activations", "a text, or a cell with one text per hidden layer")
    with at_place(f"{fields.place}.Activations: "):
        names = texts(value)
    if isinstance(value, Char) and len(names) == 1:
        names = names * count
    if len(names) != count:
        raise ModelError(
            f"{counted(len(names), 'name')} for {counted(count, 'hidden layer')}", place=f"{fields.place}.Activations"
        )
    for name in names:
        if name not in _TRANSFER:
            known = ", ".join(sorted(_TRANSFER))
            raise UnsupportedError(f"unknown activation '{name}'; known: {known}", place=f"{fields.place}.Activations")
    return tuple(_TRANSFER[name] for name in names if name is not None)


def _last(fields: Fields, hidden: Sequence[str]) -> tuple[str, ...]:
    """The output layer's activation as a full model lists it after those of the hidden layers."""
    value = fields.get("ExpandedActivations")
    if value is None:
        return ()
    with at_place(f"{fields.place}.ExpandedActivations: "):
        names = texts(value)
    known = {**_TRANSFER, "linear": "purelin"}
    if len(names) != len(hidden) + 1 or [known.get(name or "") for name in names[:-1]] != list(hidden):
        raise ModelError("contradicts Activations: the file is damaged", place=f"{fields.place}.ExpandedActivations")
    return (names[-1] or "",)


def _check_sizes(fields: Fields, part: Fields, model: _Weights, classifier: bool) -> None:
    """Check that every matrix fits the one before, and the sizes that MATLAB stores beside them."""
    sources = [model.weights[0].shape[1], *(len(bias) for bias in model.biases)]
    for number, (weight, bias) in enumerate(zip(model.weights, model.biases, strict=True), 1):
        expected = (len(bias), sources[number - 1])
        if weight.shape != expected:
            raise other_shape(weight.shape, expected, f"{part.place}.LayerWeights{{{number}}}")
    hidden = [len(bias) for bias in model.biases[:-1]]
    sizes = [] if fields.get("LayerSizes") is None else fields.floats("LayerSizes").ravel().tolist()
    if sizes != hidden:
        raise ModelError(
            f"{sizes}, but the weights have {hidden}: the file is damaged", place=f"{fields.place}.LayerSizes"
        )
    for owner, name, number in ((fields, "NumPredictors", sources[0]), (part, "NumOutputs", sources[-1])):
        announced = owner.count(name)
        if announced != number:
            raise ModelError(
                f"{announced}, but the weights have {number}: the file is damaged", place=f"{owner.place}.{name}"
            )
    if not classifier and sources[-1] != 1:
        raise UnsupportedError(
            f"{sources[-1]} responses are not supported, expected 1", place=f"{part.place}.NumOutputs"
        )


def _standardizing(fields: Fields, predictors: int) -> tuple[Process, ...]:
    flag, settings = fields.get("StandardizeData"), {}
    announced = isinstance(flag, Numeric) and bool(flag.array.any())
    for name in ("Mu", "Sigma"):
        if fields.get(name) is not None:
            settings[name] = fields.floats(name)
    if bool(settings) != announced:
        raise ModelError(
            f"{str(announced).lower()}, but Mu and Sigma are {'present' if settings else 'missing'}",
            place=f"{fields.place}.StandardizeData",
        )
    if not settings:
        return ()
    for name in ("Mu", "Sigma"):
        size = settings[name].size if name in settings else 0
        if size != predictors:
            raise ModelError(
                f"{counted(size, 'number')} for {counted(predictors, 'predictor')}", place=f"{fields.place}.{name}"
            )
    deviations = settings["Sigma"].ravel()
    wrong = np.flatnonzero(~(deviations > 0.0) | ~np.isfinite(deviations))
    if wrong.size:
        raise UnsupportedError(
            f"{deviations[wrong[0]]:g}: predictor {wrong[0] + 1} was constant or missing in the training data, and how "
            "MATLAB treats it is not known; train without it",
            place=f"{fields.place}.Sigma({wrong[0] + 1})",
        )
    with at_place(f"{fields.place}: "):
        return (Process.from_matlab("standardize", settings),)


def _range(fields: Fields, predictors: int) -> FloatArray | None:
    """The smallest and largest value of each predictor in the training data that a full model carries."""
    data = fields.get("PrivX")
    if not isinstance(data, Numeric) or data.shape[1:] != (predictors,):
        return None
    x = data.floats()
    return np.stack([np.fmin.reduce(x, axis=0), np.fmax.reduce(x, axis=0)], axis=1)


def predictor_names(summary: Fields, predictors: int) -> tuple[str, ...]:
    """The predictors' names; none if the model was trained on a matrix: it then stores only their number."""
    value = summary.get("PredictorNames")
    if isinstance(value, Numeric):
        count: int = summary.count("PredictorNames")
        names: tuple[str, ...] = ()
    elif value is None:
        raise summary.wrong("PredictorNames", "a cell of names or a number")
    else:
        with at_place(f"{summary.place}.PredictorNames: "):
            names = tuple(name or "" for name in texts(value))
        count = len(names)
    if count != predictors:
        raise ModelError(
            f"{counted(count, 'predictor')}, but the weights have {predictors}",
            place=f"{summary.place}.PredictorNames",
        )
    return names


def _classes(fields: Fields, outputs: int) -> tuple[str, ...]:
    """The names of the classes in the order of the outputs."""
    place = f"{fields.place}.ClassSummary.ClassNames"
    names = labels(part_of(fields, "ClassSummary").get("ClassNames"), place)
    if len(names) != outputs:
        raise ModelError(
            f"{counted(len(names), 'class', 'classes')}, but the model has {counted(outputs, 'output')}", place=place
        )
    return tuple(name or "" for name in names)


def _layers(model: _Weights) -> Iterator[Layer]:
    last = len(model.weights) - 1
    for number, (weight, bias, transfer) in enumerate(zip(model.weights, model.biases, model.transfer, strict=True)):
        inputs, layers = ({0: Weight(weight)}, {}) if not number else ({}, {number - 1: Weight(weight)})
        name = "Output" if number == last else f"Hidden {number + 1}"
        yield Layer(len(bias), transfer, inputs, layers, bias, name=name)


def _remarks(fields: Fields, model: _Weights, classifier: bool) -> Iterator[str]:
    """Remarks on where MATLAB's answers differ from matnet's, and why."""
    if model.single:
        yield "trained in single precision: MATLAB computes with about 7 digits, matnet with 16"
    if not classifier:
        response = fields.get("DefaultResponse")
        median = None if response is None else part_of(fields, "DefaultResponse").get("Median")
        if isinstance(median, Numeric) and median.array.size == 1:
            value = float(median.array.item())
            yield f"where a predictor is NaN, MATLAB predicts the median response, {value:.10g}; matnet gives NaN"
    elif part_of(fields, "ClassSummary").get("Cost") is not None:
        yield "misclassification costs are set: MATLAB's label is the class with the least expected cost"
