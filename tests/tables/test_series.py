"""Tables whose rows are time steps: chunks, groups, states and lags against the network run in one piece."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import numpy as np
import pytest

from matnet.errors import ShapeError, TableError
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables import chunks as rows_module
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.run import BatchOptions, gradients, predict
from matnet.tables.series import States
from matnet.tables.summary import Summary
from matnet.tables.target import Target

Command = Callable[..., Summary]


def closed_loop() -> Network:
    """Two inputs with taps at 0 and 2 steps, a layer that sees the output of the step before and of three before."""
    rng = np.random.default_rng(11)
    inputs = {0: Weight(rng.normal(size=(3, 4)) * 0.5, delays=(0, 2))}
    hidden = Layer(3, "tansig", inputs, {1: Weight(rng.normal(size=(3, 2)) * 0.5, delays=(1, 3))}, rng.normal(size=3))
    output = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, np.array([0.25]))
    return Network(Structure((Input(2),), (hidden, output), (Output(1, 1, feedback_mode="closed"),)))


def without_inputs() -> Network:
    layer = Layer(1, "tansig", {}, {0: Weight(np.array([[0.9, -0.5]]), delays=(1, 2))}, np.array([0.3]))
    return Network(Structure((), (layer,), (Output(0, 1, feedback_mode="closed"),)))


NET = closed_loop()
X = np.random.default_rng(12).normal(size=(700, 2))


def text(x: FloatArray, groups: list[str] | None = None) -> str:
    names = ["g"] * len(x) if groups is None else groups
    return "g,x1,x2\n" + "".join(f"{g},{a!r},{b!r}\n" for g, (a, b) in zip(names, x.tolist(), strict=True))


def run(
    command: Command, table: str, asked: BatchOptions | None = None, net: Network = NET
) -> tuple[list[str], FloatArray]:
    stdout = io.BytesIO()
    command(net, CsvTable(Stream(io.BytesIO(table.encode()), "t.csv"), Dialect()), Target(stdout, "out"), asked)
    header, *rows = csv.reader(io.StringIO(stdout.getvalue().decode()))
    return header, np.array([[float(cell) for cell in row] for row in rows])


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 256)


@pytest.mark.usefixtures("small_chunks")
def test_a_series_runs_on_through_the_chunks() -> None:
    header, y = run(predict, text(X))
    assert header == ["y1"]
    np.testing.assert_array_equal(y, NET.run(X).outputs)


@pytest.mark.usefixtures("small_chunks")
def test_derivatives_by_lag_reach_back_through_the_chunks() -> None:
    header, table = run(gradients, text(X), BatchOptions(lags=4))
    slopes = [f"dy1_dx{j}{end}" for end in ("", "_lag1", "_lag2", "_lag3", "_lag4") for j in (1, 2)]
    assert header == ["y1", *slopes]
    expected = NET.run_jacobian(X, 4).reshape(len(X), 10)
    assert np.abs(expected).min(axis=0)[2:].max() == 0, "the first steps have no inputs before them"
    np.testing.assert_allclose(table[:, 1:], expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(table[:, :1], NET.run(X).outputs, rtol=1e-13)


@pytest.mark.parametrize("lags", [7, 8, 9, 20])
@pytest.mark.parametrize(
    "states", [States(), States(np.full((2, 2), 0.5), np.full((3, 4), -0.25))], ids=["zero", "set"]
)
def test_chunks_shorter_than_the_lags(lags: int, states: States, monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivative reaches back over several chunks, to before the first of them and no further."""
    monkeypatch.setattr(rows_module, "MOST_ROWS", 8)
    x = X[:45]
    _, table = run(gradients, text(x), BatchOptions(lags=lags, states=states))
    expected = NET.run_jacobian(x, lags, input_states=states.inputs, layer_states=states.layers)
    outputs = NET.run(x, states.inputs, states.layers).outputs
    np.testing.assert_allclose(table[:, 1:], expected.reshape(len(x), -1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(table[:, :1], outputs, rtol=1e-13)


def test_groups_of_which_a_chunk_holds_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 8)
    groups = [str(place % 5) for place in range(60)]
    _, table = run(gradients, text(X[:60], groups), BatchOptions(Columns(group="g"), lags=4))
    for name in "01234":
        rows = [place for place, group in enumerate(groups) if group == name]
        expected = NET.run_jacobian(X[rows], 4).reshape(len(rows), -1)
        np.testing.assert_allclose(table[rows][:, 1:], expected, rtol=1e-12, atol=1e-15)


def test_lags_reach_as_far_as_the_taps_where_nothing_is_said() -> None:
    header, _ = run(gradients, text(X[:5]), BatchOptions(Columns(wrt=("x2",))))
    assert header == ["y1", "dy1_dx2", "dy1_dx2_lag1", "dy1_dx2_lag2"]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("command", [predict, gradients])
def test_groups_are_series_of_their_own_wherever_their_rows_stand(command: Command) -> None:
    groups = ["ab"[place] for place in np.random.default_rng(13).integers(0, 2, len(X))]
    _, together = run(command, text(X, groups), BatchOptions(Columns(group="g")))
    for name in "ab":
        rows = [place for place, group in enumerate(groups) if group == name]
        _, alone = run(command, text(X[rows]))
        np.testing.assert_allclose(together[rows], alone, rtol=1e-13, atol=1e-15)


def test_the_group_is_written_only_where_it_is_kept() -> None:
    header, _ = run(predict, text(X[:3], ["1", "2", "1"]), BatchOptions(Columns(group="g", keep=("g",))))
    assert header == ["g", "y1"]
    header, _ = run(predict, text(X[:3], ["1", "2", "1"]), BatchOptions(Columns(group="g")))
    assert header == ["y1"]


def test_states_come_before_every_series() -> None:
    before, layers = X[:2], np.full((3, 4), 0.5)
    states = States(before, layers)
    _, y = run(predict, text(X[2:8], list("aababb")), BatchOptions(Columns(group="g"), states=states))
    for rows in ([0, 1, 3], [2, 4, 5]):
        np.testing.assert_allclose(y[rows], NET.run(X[2:8][rows], before, layers).outputs, rtol=1e-14)


def test_a_series_shorter_than_the_taps_starts_from_zeros() -> None:
    _, y = run(predict, text(X[:1]))
    np.testing.assert_array_equal(y, NET.run(X[:2]).outputs[:1])


def test_a_network_without_inputs_takes_a_step_a_row() -> None:
    net = without_inputs()
    table = "t\n" + "".join(f"{t}\n" for t in range(6))
    header, rows = run(predict, table, BatchOptions(Columns(keep=("t",))), net)
    assert header == ["t", "y1"]
    np.testing.assert_array_equal(rows[:, 1:], net.run(steps=6).outputs)


def test_states_of_another_size() -> None:
    with pytest.raises(ShapeError) as raised:
        run(predict, text(X[:3]), BatchOptions(states=States(np.zeros((1, 2)))))
    assert str(raised.value) == "input_states has shape (1, 2), expected (..., 2, 2) at raw scale, oldest first"


@pytest.mark.parametrize(
    ("asked", "option"),
    [(BatchOptions(hessian=True), "hessian"), (BatchOptions(tidy=True), "tidy")],
    ids=lambda value: str(value),
)
def test_what_only_static_networks_have(asked: BatchOptions, option: str) -> None:
    with pytest.raises(TableError) as raised:
        run(gradients, text(X[:3]), asked)
    assert str(raised.value) == f"{option} is for static networks; this network is dynamic"


def test_uncertain_inputs_are_for_static_networks() -> None:
    with pytest.raises(TableError) as raised:
        run(predict, text(X[:3]), BatchOptions(input_sd=(1.0, 1.0)))
    assert str(raised.value) == "input_sd is for static networks; this network is dynamic"


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        (BatchOptions(Columns(group="g")), "group"),
        (BatchOptions(states=States(layers=np.zeros((1, 1)))), "states"),
        (BatchOptions(lags=1), "lags"),
    ],
    ids=["group", "states", "lags"],
)
def test_what_only_dynamic_networks_have(asked: BatchOptions, option: str) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, 2)))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    with pytest.raises(TableError) as raised:
        run(gradients, text(X[:3]), asked, net)
    assert str(raised.value) == f"{option} is for dynamic networks; this network is static"
