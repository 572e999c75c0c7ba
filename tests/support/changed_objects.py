"""Models and networks as nested dictionaries, changed at random and written as objects, for fuzzers."""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import matnet
from fitted_models import handle
from matnet.importers.stored import StoredValues
from matnet.proof.verify import verify
from object_files import ObjectStore, Reference, write_objects

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


ARRAY = "nnet.cnn.layer.Layer"
"""The class of an array of objects of several classes: the objects are the entries of its dictionary."""


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder in a value with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


KINDS = ("string", "categorical", "table", "A.B", "nnet.cnn.layer.ReLULayer", "nnet.cnn.layer.AdditionLayer", ARRAY)
"""Classes that an object is given instead of its own."""


def change(value: dict[str, Any], chance: random.Random) -> None:
    """One property taken out, exchanged, renamed, or changed in one number."""
    found = list(places(value))
    if not found:
        return
    holder, key = chance.choice(found)
    kind, old = chance.randrange(8), holder[key]
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1:
        other, other_key = chance.choice(list(places(value)))
        if not any(entry is holder for entry, _ in [(old, 0), *places(other[other_key])]):
            holder[key] = copy.deepcopy(other[other_key])
    elif kind == 2 and isinstance(old, np.ndarray) and old.dtype.kind == "f" and old.size:
        changed = old.copy()
        changed.flat[chance.randrange(old.size)] = chance.choice((0.0, -1.0, np.nan, np.inf, 1e300, 2.5))
        holder[key] = changed
    elif kind == 3 and isinstance(old, np.ndarray) and old.ndim == 2:
        holder[key] = chance.choice((old.T, old[:, :-1], old[:-1], np.vstack([old, old])))
    elif kind == 4 and isinstance(holder, dict):
        holder[chance.choice(("Foo", "Cost", "BinEdges", "Lambda", "Name", "Version", "Value"))] = old
    elif key != "@" or kind < 6:
        holder[key] = copy.deepcopy(chance.choice(CHOICES)) if key != "@" else chance.choice(KINDS)


def stored(store: ObjectStore, value: Any) -> Any:
    """The value with objects in place of the dictionaries that name a class."""
    if isinstance(value, list):
        return [stored(store, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    fields = {name: stored(store, entry) for name, entry in value.items() if name != "@"}
    if "@" not in value:
        return fields
    name = str(value["@"])
    if name == ARRAY:
        elements = [entry for entry in fields.values() if isinstance(entry, Reference)]
        return store.reference(ARRAY, *(number for entry in elements for number in entry.numbers), plain=True)
    return store.new(name, fields, saved="any" in fields)


def answers(net: matnet.Network, x: Any) -> tuple[Any, Any]:
    """Outputs (N, S) and derivatives with respect to the same sample or step, (N, S, R)."""
    if not net.dynamic:
        return net.value_and_jacobian(x)
    return net.run(x).outputs, net.run_jacobian(x, lags=2, leads=1)[:, 0]


def outcome(file: Path, x: Any) -> tuple[str, str]:
    """Whether the model of a file opens, runs and is judged, else what is said of it; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            net = matnet.load(file)
            samples = x if net.input_size == x.shape[1] else np.resize(x, (len(x), min(net.input_size, 100_000)))
            y, J = answers(net, samples)
            found = verify(net, StoredValues(file))
        except matnet.MatnetError as error:
            return "refused", str(error)
    assert y.shape == (len(x), net.output_size)
    assert J.shape == (len(x), net.output_size, net.input_size)
    assert found
    return "opened", ""


def changed_file(file: Path, value: dict[str, Any], seed: int) -> None:
    """A file with the value, changed up to three times."""
    chance = random.Random(seed)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        change(value, chance)
    store = ObjectStore()
    found = stored(store, value)
    write_objects(file, store, {"net": found if isinstance(found, Reference) else 1.0})
