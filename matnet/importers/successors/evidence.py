"""A model's own answers that MATLAB stored: the losses of its training, and the test scores of a session."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from matnet.errors import FormatError
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.classes import Table, decoded
from matnet.importers.mat.fields import Fields, part_of
from matnet.importers.mat.paths import find
from matnet.importers.mat.values import MatFile, Numeric, Value
from matnet.importers.successors.fitted import fitted_fields, is_classifier, is_fitted, predictor_names
from matnet.importers.successors.labels import labels

_PATIENCE = "Validation patience reached."
"""The end of a training after which the weights of the least validation loss are kept."""

_SESSION_MODEL = re.compile(r"(?P<entry>.*\.ModelList\{\d+\})\.TrainedModel\.")


@dataclass(frozen=True, eq=False)
class StoredLoss:
    """A loss that MATLAB stored, with what it was computed from.

    x (Q, R), targets t (Q, S), of a classifier 1 for the true class and else 0, and observation weights (Q,). The
    squares of all weights and biases count ``decay / 2``. ``certain`` says whether it is known that the loss is that of
    the weights that are stored.
    """

    what: str
    x: FloatArray
    t: FloatArray
    weights: FloatArray
    decay: float
    classifier: bool
    expected: float
    certain: bool


@dataclass(frozen=True, eq=False)
class StoredScores:
    """The class scores that a session kept of its test data: x (Q, R) and y (Q, S)."""

    what: str
    x: FloatArray
    y: FloatArray


def stored_losses(file: MatFile, path: str) -> list[StoredLoss]:
    """The losses of the training of a full model at a path; none for any other value, or where data are missing."""
    value = find(file, path)
    if not is_fitted(value):
        return []
    fields = fitted_fields(value, path)
    if any(fields.get(name) is None for name in ("PrivX", "PrivY", "W", "ConvergenceInfo", "ModelParams")):
        return []
    parameters = part_of(fields, "ModelParams")
    sets = {
        "TrainingLoss": ("", fields, "PrivX", "PrivY", "W"),
        "ValidationLoss": ("ModelParams.", parameters, "ValidationX", "ValidationY", "ValidationW"),
    }
    expected, row, certain = _expected(fields)
    classifier = is_classifier(value)
    decay = _number(parameters, "Lambda")
    losses = []
    for name, loss in expected.items():
        place, holder, *names = sets[name]
        data = _data(fields, holder, names, classifier)
        if data is not None and np.isfinite(loss):
            x, t, weights = data
            what = f"{path}.ConvergenceInfo.{row}{name} ({place}{names[0]} -> {place}{names[1]})"
            penalty = decay if name == "TrainingLoss" else 0.0
            known = certain and not (classifier and (penalty or _has_costs(fields)))
            losses.append(StoredLoss(what, x, t, weights, penalty, classifier, loss, known))
    return losses


def _has_costs(fields: Fields) -> bool:
    """Whether misclassification costs are set; no classifier with costs or a penalty was seen beside its loss."""
    return part_of(fields, "ClassSummary").get("Cost") is not None


def _expected(fields: Fields) -> tuple[Mapping[str, float], str, bool]:
    """The losses of the weights that were kept, the row of the history that has them, and whether that is known."""
    info = part_of(fields, "ConvergenceInfo")
    last = {name: _number(info, name) for name in ("TrainingLoss", "ValidationLoss")}
    if np.isnan(last["ValidationLoss"]):
        return last, "", True
    value = info.get("History")
    history = None if value is None else decoded(value)
    if info.label("ConvergenceCriterion", "") != _PATIENCE or not isinstance(history, Table):
        return last, "", False
    columns = dict(zip(history.names, history.columns, strict=True))
    training, validation = (_column(columns.get(name)) for name in ("TrainingLoss", "ValidationLoss"))
    if training is None or validation is None or len(training) != len(validation) or np.isnan(validation).all():
        return last, "", False
    best = int(np.nanargmin(validation))
    kept = {"TrainingLoss": float(training[best]), "ValidationLoss": float(validation[best])}
    return kept, f"History({best + 1}).", True


def _data(
    fields: Fields, holder: Fields, names: list[str], classifier: bool
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Predictors, targets and observation weights; None where one is missing, not full or in single precision."""
    x, weights = _matrix(holder.get(names[0])), _column(holder.get(names[2]))
    stored = holder.get(names[1])
    if x is None or weights is None or stored is None:
        return None
    t = _classes(fields, stored, holder, names[1]) if classifier else _matrix(stored)
    if t is None or not len(x) == len(t) == len(weights):
        return None
    if x.shape[1] != fields.count("NumPredictors") or (not classifier and t.shape[1] != 1):
        return None
    return (x, t, weights) if all(np.isfinite(array).all() for array in (x, t, weights)) else None


def _classes(fields: Fields, stored: Value, holder: Fields, name: str) -> FloatArray | None:
    """For each sample, 1 for the true class, else 0."""
    summary = part_of(fields, "ClassSummary")
    classes = labels(summary.get("ClassNames"), f"{summary.place}.ClassNames")
    true = labels(stored, f"{holder.place}.{name}")
    if any(label not in classes for label in true):
        return None
    return np.array([[float(label == entry) for entry in classes] for label in true])


def _matrix(value: Value | None) -> FloatArray | None:
    if isinstance(value, Numeric) and value.class_name == "double" and len(value.shape) == 2:
        return value.floats()
    return None


def _column(value: Value | None) -> FloatArray | None:
    matrix = _matrix(value)
    return None if matrix is None or 1 not in matrix.shape else matrix.ravel()


def _number(fields: Fields, name: str) -> float:
    column = _column(fields.get(name))
    return float(column.item()) if column is not None and column.size == 1 else float("nan")


def in_session(path: str) -> bool:
    """Whether a path leads into a learner app's session, where it keeps its models."""
    return _SESSION_MODEL.match(path) is not None


def stored_scores(file: MatFile, path: str) -> list[StoredScores]:
    """The test scores that a session kept of the classifier at a path.

    Scores of the validation are those of other models, trained on parts of the data, and are left alone.
    """
    value, session = find(file, path), _SESSION_MODEL.match(path)
    if session is None or not is_fitted(value) or not is_classifier(value):
        return []
    result = f"{session['entry']}.RawTestResult"
    what = f"{result}.Prediction.Scores"
    try:
        y = _matrix(find(file, what))
        table = decoded(find(file, f"{result}.TrueDataset.DecoratedDataset.Table"))
    except FormatError:
        # the model was never tested
        return []
    fields = fitted_fields(value, path)
    names = predictor_names(part_of(fields, "DataSummary"), fields.count("NumPredictors"))
    if y is None or not isinstance(table, Table) or not set(names) <= set(table.names) or not names:
        return []
    columns = list(_columns(table, names))
    if len(columns) < len(names) or any(len(column) != len(y) for column in columns):
        return []
    return [StoredScores(what, np.stack(columns, axis=1), y)]


def _columns(table: Table, names: tuple[str, ...]) -> Iterator[FloatArray]:
    for name in names:
        column = _column(table.columns[table.names.index(name)])
        if column is not None:
            yield column
