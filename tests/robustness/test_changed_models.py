"""Models of fitrnet and fitcnet with properties changed: each is refused with its file, or runs and is judged."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from fitted_models import (
    BIASES,
    CLASS_BIASES,
    CLASS_WEIGHTS,
    MU,
    SIGMA,
    WEIGHTS,
    W,
    X,
    column,
    handle,
    implementation,
    saved,
    summary,
)
from matnet.importers.stored import StoredValues
from matnet.proof.verify import verify
from object_files import ObjectStore, Reference

TRIALS = 200
CHOICES: tuple[Any, ...] = (
    *(0.0, -1.0, 3.0, 1e300, np.nan, np.inf, 2.0**40, "", "relu", "softmax", True, {}, {"a": 1.0}, []),
    *(
        np.zeros((0, 0)),
        np.zeros((0, 3)),
        np.ones((3, 2)),
        np.ones((2, 2, 2)),
        np.ones((7, 1)),
        np.full((1, 2), np.nan),
    ),
    *(np.ones((1, 2), "f4"), np.ones((1, 4), "u1"), np.array([[0xDD000000, 2, 1, 1, 1, 1]], "u4"), ["a", "b"]),
    *([np.ones((3, 2))], [[]], np.array([[0xDD000000, 2, 1, 2, 1, 999, 1]], "u4"), handle("f"), "x" * 3000, "\x00"),
)
"""What a property is exchanged for; the references are to an object that is there and to one that is not."""


def model(classifier: bool) -> dict[str, Any]:
    """A full model as nested dictionaries, of which `@` is the class of what becomes an object."""
    weights, biases = (CLASS_WEIGHTS, CLASS_BIASES) if classifier else (WEIGHTS, BIASES)
    label = "classreg.learning.internal.ClassLabel"
    classes = {"@": label, "Type": 4.0, "L": column([1.0, 2.0, 3.0, 4.0])}
    true = {"@": label, "Type": 4.0, "L": column([1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0])}
    history = {
        "@": "table",
        "data": [column([2.0, 1.0]), column([1.0, 2.0])],
        "varnames": ["TrainingLoss", "ValidationLoss"],
        "nrows": 2.0,
    }
    return {
        "@": f"{'Classification' if classifier else 'Regression'}NeuralNetwork",
        "NeuralNetworkImpl": {
            "@": "classreg.learning.impl.NeuralNetworkImpl",
            **implementation(weights, biases, "crossentropy" if classifier else "mse"),
        },
        "Activations": "tanh",
        "LayerSizes": np.array([[float(len(bias)) for bias in biases[:-1]]]),
        "NumPredictors": 2.0,
        "StandardizeData": np.array([[True]]),
        "Mu": MU,
        "Sigma": SIGMA,
        "DataSummary": summary(),
        "ClassSummary": {"ClassNames": classes, "Cost": np.zeros((0, 0))},
        "PrivScoreTransform": handle("classreg.learning.transform.identity"),
        "PrivResponseTransform": handle("classreg.learning.transform.identity"),
        "PrivX": X,
        "PrivY": true if classifier else column(np.arange(7.0)),
        "W": column(W),
        "ConvergenceInfo": {
            "TrainingLoss": 1.0,
            "ValidationLoss": 2.0,
            "ConvergenceCriterion": "Validation patience reached.",
            "History": history,
        },
        "ModelParams": {
            "@": "classreg.learning.modelparams.NeuralNetworkParams",
            "Lambda": 0.5,
            "StandardizeResponses": np.array([[False]]),
            "ValidationX": X,
            "ValidationY": true if classifier else column(np.arange(7.0)),
            "ValidationW": column(W),
        },
    }


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder in a value with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


def change(value: dict[str, Any], chance: random.Random) -> None:
    """One property taken out, exchanged, renamed, or changed in one number."""
    holder, key = chance.choice(list(places(value)))
    kind, old = chance.randrange(8), holder[key]
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1:
        other, other_key = chance.choice(list(places(value)))
        if not any(entry is holder for entry, _ in [(old, 0), *places(other[other_key])]):
            holder[key] = other[other_key]
    elif kind == 2 and isinstance(old, np.ndarray) and old.dtype.kind == "f" and old.size:
        changed = old.copy()
        changed.flat[chance.randrange(old.size)] = chance.choice((0.0, -1.0, np.nan, np.inf, 1e300, 2.5))
        holder[key] = changed
    elif kind == 3 and isinstance(old, np.ndarray) and old.ndim == 2:
        holder[key] = chance.choice((old.T, old[:, :-1], old[:-1], np.vstack([old, old])))
    elif kind == 4 and isinstance(holder, dict):
        holder[chance.choice(("Foo", "Cost", "BinEdges", "Lambda"))] = old
    elif key != "@" or kind < 6:
        holder[key] = chance.choice(CHOICES) if key != "@" else chance.choice(("string", "categorical", "table", "A.B"))


def stored(store: ObjectStore, value: Any) -> Any:
    """The value with objects in place of the dictionaries that name a class."""
    if isinstance(value, list):
        return [stored(store, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    fields = {name: stored(store, entry) for name, entry in value.items() if name != "@"}
    return store.new(str(value["@"]), fields) if "@" in value else fields


def outcome(file: Path) -> tuple[str, str]:
    """Whether the model of a file opens, runs and is judged, else what is said of it; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            net = matnet.load(file)
            y, J = net.value_and_jacobian(X)
            found = verify(net, StoredValues(file))
        except matnet.MatnetError as error:
            return "refused", str(error)
    assert (y.shape, J.shape) == ((7, net.output_size), (7, net.output_size, 2))
    assert found
    return "opened", ""


@pytest.mark.parametrize("classifier", [False, True], ids=["regression", "classification"])
def test_a_changed_model_is_refused_with_its_file_or_runs(tmp_path: Path, classifier: bool) -> None:
    verdicts = {"refused": 0, "opened": 0}
    file = tmp_path / "m.mat"
    for trial in range(TRIALS):
        chance, value = random.Random(trial), model(classifier)
        for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
            change(value, chance)
        store = ObjectStore()
        found = stored(store, value)
        saved(file, store, net=found if isinstance(found, Reference) else 1.0)
        verdict, message = outcome(file)
        assert verdict == "opened" or message.startswith(str(file)), (trial, message)
        verdicts[verdict] += 1
    assert min(verdicts.values()) > TRIALS // 5, verdicts
