"""The data that a network may have been evaluated on: inputs with their states, and what is named of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from matnet.errors import ShapeError
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof import data as given_data
from matnet.proof.answers import InputData
from matnet.proof.candidates import Matrix, Series
from matnet.proof.data import DataSource, NamedData, takes_series
from recurrent_networks import load, recurrent, sequences
from series_networks import constant, only_feedback, open_network

RNG = np.random.default_rng(7)
X, T = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 3))


def series(input_delays: tuple[int, ...] = (0, 1), layer_delays: tuple[int, ...] = (1, 3)) -> Network:
    """Two inputs and three neurons with feedback among them."""
    rng = np.random.default_rng(1)
    own = {0: Weight(0.3 * rng.normal(size=(3, 3 * len(layer_delays))), delays=layer_delays)} if layer_delays else {}
    weights = {0: Weight(rng.normal(size=(3, 2 * len(input_delays))), delays=input_delays)}
    return Network(Structure((Input(2),), (Layer(3, "tansig", weights, own, [0.5, 0.25, 0.0]),), (Output(0, 3),)))


def source(net: Network, folder: Path, variables: Mapping[str, Any], named: NamedData | None = None) -> DataSource:
    scipy.io.savemat(folder / "data.mat", {"nothing": 0.0, **variables})
    return DataSource(net, StoredValues(folder / "data.mat"), named or NamedData())


def labels(found: Sequence[InputData]) -> list[str]:
    return [data.label for data in found]


def test_a_series_starts_from_zeros_or_from_states_that_fit(tmp_path: Path) -> None:
    """Input states are 2 by 1, layer states 3 by 3, columns being the oldest step first; a square one is as it is."""
    before, layers = RNG.normal(size=(2, 1)), RNG.normal(size=(3, 3))
    found = list(source(series(), tmp_path, {"X": X.T, "Xi": before, "Ai": layers}).inputs({12}))
    assert labels(found) == ["X, from zeros", "X, Ai", "X, Xi", "X, Xi, Ai"]
    none, nothing = np.zeros((1, 2)), np.zeros((3, 3))
    expected = [(none, nothing), (none, layers.T), (before.T, nothing), (before.T, layers.T)]
    for data, states in zip(found, expected, strict=True):
        np.testing.assert_array_equal(data.input_states, states[0])
        np.testing.assert_array_equal(data.layer_states, states[1])
        np.testing.assert_array_equal(data.x, X)


def test_named_states_take_the_place_of_those_in_the_file(tmp_path: Path) -> None:
    before, layers = RNG.normal(size=(2, 1)), RNG.normal(size=(3, 3))
    variables = {"X": X.T, "Xi": before, "Ai": layers}
    own = NamedData(input_states=Matrix("mine", 2.0 * before))
    assert labels(list(source(series(), tmp_path, variables, own).inputs({12}))) == ["X, mine", "X, mine, Ai"]
    own = NamedData(layer_states=Matrix("mine", 2.0 * layers))
    found = list(source(series(), tmp_path, variables, own).inputs({12}))
    assert labels(found) == ["X, mine", "X, Xi, mine"]
    np.testing.assert_array_equal(found[0].layer_states, 2.0 * layers.T)
    # empty ones are those of a network without inputs
    own = NamedData(input_states=Matrix("none", np.zeros((0, 0))))
    assert labels(list(DataSource(only_feedback(), None, own).inputs({3}))) == ["3 steps, none"]
    zeros = list(source(series(), tmp_path, variables, NamedData(states="zeros")).inputs({12, 9}))
    assert labels(zeros) == ["X, from zeros"]


def test_states_of_a_network_without_such_delays_are_not_looked_for(tmp_path: Path) -> None:
    """MATLAB stores empty ones."""
    variables = {"X": X.T, "Ai": np.zeros((3, 0)), "Xi": np.zeros((2, 0)), "one": np.ones((2, 1))}
    assert labels(list(source(series(layer_delays=()), tmp_path, variables).inputs({12}))) == [
        "X, from zeros",
        "X, one",
    ]
    # without inputs a state of 0 by 1 is none
    found = list(source(only_feedback(), tmp_path, {"Ai": np.ones((2, 1)), "e": np.zeros((0, 1))}).inputs({5, 3}))
    assert labels(found) == ["3 steps, from zeros", "3 steps, Ai", "5 steps, from zeros", "5 steps, Ai"]
    assert [data.x.shape for data in found] == [(3, 0), (3, 0), (5, 0), (5, 0)]
    named = NamedData(steps=1)
    assert labels(list(source(only_feedback(), tmp_path, {}, named).inputs({5, 3}))) == ["1 step, from zeros"]


def test_the_first_steps_may_be_the_states(tmp_path: Path) -> None:
    """The series begins after the longest delay, 3; of the inputs only the step before is a state."""
    found = list(source(series(), tmp_path, {"X": X.T}).inputs({9}))
    assert labels(found) == ["X, from zeros", "X from step 4 on"]
    np.testing.assert_array_equal(found[1].x, X[3:])
    np.testing.assert_array_equal(found[1].input_states, X[2:3])
    np.testing.assert_array_equal(found[1].layer_states, np.zeros((3, 3)))
    layers = RNG.normal(size=(3, 3))
    found = list(source(series(), tmp_path, {"X": X.T, "Ai": layers}, NamedData(states="first-rows")).inputs({9}))
    assert labels(found) == ["X from step 4 on", "X from step 4 on, Ai"]
    np.testing.assert_array_equal(found[1].layer_states, layers.T)
    for lengths in ({8}, {12}, {10}):
        found = list(source(series(), tmp_path, {"X": X.T}, NamedData(states="first-rows")).inputs(lengths))
        assert found == []
    # the longer delay is that of the inputs
    found = list(source(series((0, 2), (1,)), tmp_path, {"X": X.T}).inputs({10}))
    assert labels(found)[-1] == "X from step 3 on"
    np.testing.assert_array_equal(found[-1].input_states, X[:2])
    # without delays of inputs or layers there is nothing before a series
    found = list(source(constant(), tmp_path, {}).inputs({9}))
    assert [len(data.x) for data in found] in ([], [9])


def test_targets_give_the_states_of_a_network_with_feedback(tmp_path: Path) -> None:
    """Three steps of both come first."""
    net, u, t = open_network(), RNG.normal(size=(12, 2)), RNG.normal(size=(12, 2))
    expected = net.prepare(u, t)
    named = NamedData(inputs=Matrix("u", u.T), targets=Matrix("t", t.T))
    for own in (named, NamedData(inputs=Matrix("u", u.T), targets=Matrix("t", t.T), states="first-rows")):
        found = list(DataSource(net, None, own).inputs({9}))
        assert labels(found) == ["u, t from step 4 on"]
        np.testing.assert_array_equal(found[0].x, expected.x)
        np.testing.assert_array_equal(found[0].input_states, expected.input_states)
    assert list(DataSource(net, None, named).inputs({12})) == []
    # in a file either may be the inputs, but none is both
    found = list(source(net, tmp_path, {"u": u.T, "t": t.T}).inputs({9}))
    assert sorted(labels(found)) == ["t, u from step 4 on", "u, t from step 4 on"]
    # inputs of all four elements may be named too, those without the feedback only with targets
    whole = NamedData(inputs=Matrix("all", np.hstack([u, t]).T))
    assert labels(list(DataSource(net, None, whole).inputs({9}))) == ["all, from zeros", "all from step 4 on"]
    for own in (
        NamedData(inputs=Matrix("u", u.T)),
        NamedData(inputs=Matrix("u", np.ones((3, 12))), targets=Matrix("t", t.T)),
    ):
        rows = 2 if own.targets is None else 3
        with pytest.raises(
            ShapeError, match=rf"^u is {rows} by 12, but an input of 4 elements needs 4 rows or columns$"
        ):
            list(DataSource(net, None, own).inputs({9}))


def test_what_is_named(tmp_path: Path) -> None:
    x = Matrix("x", X.T)
    cell = Series("c", (np.ones((2, 5)), np.ones((2, 5))))
    longer = Series("c", (np.ones((2, 5)), np.ones((2, 6))))
    for named, nothing, names_inputs, padded in (
        (NamedData(), True, False, False),
        (NamedData(inputs=x), False, True, False),
        (NamedData(series=cell), False, True, False),
        (NamedData(series=longer), False, True, True),
        (NamedData(outputs=x), False, False, False),
        (NamedData(targets=x), False, False, False),
        (NamedData(record=TrainingRecord("tr", X[:0], {}, None, {}, "")), False, False, False),
        (NamedData(input_states=x), False, False, False),
        (NamedData(layer_states=x), False, False, False),
        (NamedData(steps=0), False, False, False),
        (NamedData(states="zeros"), False, False, False),
    ):
        held = DataSource(series(), None, named)
        assert (named.nothing, held.names_inputs, held.may_be_padded) == (nothing, names_inputs, padded)
    assert DataSource(only_feedback(), None, NamedData()).names_inputs


def test_one_sample_of_outputs_counts_only_beside_series(tmp_path: Path) -> None:
    variables = {"none": np.ones((3, 0)), "one": np.ones((3, 1)), "two": np.eye(3)[:, :2]}
    assert [matrix.label for matrix in source(series(), tmp_path, variables).outputs()] == ["two"]
    net = load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 3, last=True)])
    assert (takes_series(net), takes_series(series())) == (True, False)
    assert [matrix.label for matrix in source(net, tmp_path, variables).outputs()] == ["one", "two"]
    with pytest.raises(ShapeError, match=r"^y is 4 by 5, but an output of 3 elements needs 3 rows or columns$"):
        DataSource(series(), None, NamedData(outputs=Matrix("y", np.ones((4, 5))))).outputs()
    with pytest.raises(ShapeError, match=r"^t is 4 by 5, but an output of 3 elements needs 3 rows or columns$"):
        DataSource(series(), None, NamedData(targets=Matrix("t", np.ones((4, 5))))).targets()


def cell(parts: Sequence[Any]) -> Any:
    held = np.empty((1, len(parts)), object)
    for number, part in enumerate(parts):
        held[0, number] = part
    return held


def test_cells_of_series_are_read_where_all_of_them_fit(tmp_path: Path) -> None:
    """Steps in columns or in rows; complex numbers are passed over."""
    net = load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 3, last=True)])
    columns = [RNG.normal(size=(2, 4)), RNG.normal(size=(2, 5))]
    variables = {
        "columns": cell(columns),
        "rows": cell([part.T for part in columns]),
        "odd": cell([columns[0], columns[1].T]),
        "complex": cell([1j * part for part in columns]),
        "square": cell([np.eye(2), np.ones((2, 2))]),
    }
    pads = [" padded with 0 at the end to the longest", " padded with 0 at the front to the longest"]
    expected = [f"{name}{pad}" for name in ("columns", "rows'") for pad in ("", *pads)] + ["square", "square'"]
    every = list(source(net, tmp_path, variables).inputs({2}))
    found = [data for data in every if data.lengths is not None and len(data.lengths) > 1]
    assert labels(found) == [f"{label}, from zeros" for label in expected]
    assert found[0].lengths is not None
    assert found[0].lengths.tolist() == [4, 5]
    np.testing.assert_array_equal(found[0].x, [[*columns[0].T.ravel(), 0.0, 0.0], columns[1].T.ravel()])
    np.testing.assert_array_equal(found[1].x, found[0].x)
    np.testing.assert_array_equal(found[2].x[0], [0.0, 0.0, *columns[0].T.ravel()])
    for data in found[1:3]:
        assert data.lengths is not None
        assert data.lengths.tolist() == [5, 5]
    shapes = [(3, 4), (3, 4), (3, 5), (3, 6), (3, 9)]
    named = NamedData(series=Series("c", tuple(map(np.ones, shapes))))
    reason = "c holds matrices 3 by 4, 3 by 5, 3 by 6, but each series needs 2 rows or columns"
    with pytest.raises(ShapeError, match=rf"^{reason}$"):
        list(DataSource(net, None, named).inputs({5}))
    # whoever names inputs or series means those
    named = NamedData(inputs=Matrix("x", columns[0]))
    assert {data.label.partition(",")[0] for data in source(net, tmp_path, variables, named).inputs({1})} == {"x"}
    named = NamedData(series=Series("mine", (columns[0], columns[0])))
    assert {data.label.partition(",")[0] for data in source(net, tmp_path, variables, named).inputs({2})} == {"mine"}


def test_outputs_that_are_not_fed_back_say_nothing_of_the_states(tmp_path: Path) -> None:
    """Nor those of which inputs and outputs do not agree that they are."""
    found = list(source(series(layer_delays=()), tmp_path, {"X": X.T, "T": T.T}).inputs({11}))
    assert labels(found) == ["X, from zeros", "X from step 2 on"]
    net = open_network()
    (output,) = net.structure.outputs
    outputs = (replace(output, feedback_mode="none", feedback_input=None),)
    odd = Network(replace(net.structure, outputs=outputs))
    x, u, y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2)), RNG.normal(size=(12, 2))
    found = list(source(odd, tmp_path, {"x": x.T, "u": u.T, "y": y.T}).inputs({9}))
    assert labels(found) == ["x, from zeros", "x from step 4 on"]


def test_series_without_steps_have_no_last_output(tmp_path: Path) -> None:
    """They are passed over, and refused where they are named."""
    net = load(tmp_path, [sequences(2), recurrent("LSTM", "a", 1, 2, 3, last=True)])
    empty, some = np.zeros((2, 0)), np.ones((2, 4))
    variables = {"empty": cell([empty, some]), "some": cell([some, some])}
    every = list(source(net, tmp_path, variables).inputs({2}))
    found = [data for data in every if data.lengths is not None and len(data.lengths) > 1]
    assert labels(found) == ["some, from zeros"]
    for named in (NamedData(series=Series("mine", (some, empty))), NamedData(inputs=Matrix("mine", empty))):
        with pytest.raises(ShapeError, match=r"^mine holds a series without steps, which has no last output$"):
            list(DataSource(net, None, named).inputs({1, 2}))


def test_each_128_series_are_padded_to_the_longest_of_them() -> None:
    parts = [np.ones((1, 2))] * 127 + [np.ones((3, 2)), np.ones((2, 2))]
    given, *padded = given_data._whole(parts, "c")
    assert given.lengths is not None
    assert given.lengths.tolist() == [1] * 127 + [3, 2]
    assert labels(padded) == [f"c padded with 0 at the {end} to the longest of each 128" for end in ("end", "front")]
    for data in padded:
        assert data.lengths is not None
        assert data.lengths.tolist() == [3] * 128 + [2]
