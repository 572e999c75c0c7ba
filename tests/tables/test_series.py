"""Tables whose rows are time steps: chunks, groups, states and lags against the network run in one piece."""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from matnet.errors import ShapeError, TableError
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables import chunks as rows_module
from matnet.tables.binary.frames import FrameTable
from matnet.tables.binary.scans import HeldFrame
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.feedback import States, as_numbers, start_of_series
from matnet.tables.run import BatchOptions, gradients, predict
from matnet.tables.summary import Summary
from matnet.tables.target import Target
from random_networks import process
from series_networks import open_network

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
T = np.random.default_rng(14).normal(size=(700, 1))


def text(x: FloatArray, groups: list[str] | None = None) -> str:
    names = ["g"] * len(x) if groups is None else groups
    return "g,x1,x2\n" + "".join(f"{g},{a!r},{b!r}\n" for g, (a, b) in zip(names, x.tolist(), strict=True))


def run(
    command: Command, table: str, asked: BatchOptions | None = None, net: Network = NET
) -> tuple[list[str], FloatArray]:
    """From zeros unless other states are asked for."""
    stdout = io.BytesIO()
    asked = asked or BatchOptions()
    if net.dynamic and asked.states is None:
        asked = replace(asked, states=States())
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
        (BatchOptions(lags=0), "lags"),
        (BatchOptions(leads=1), "leads"),
        (BatchOptions(forecast=1), "forecast"),
        (BatchOptions(Columns(targets=("g",))), "targets"),
        (BatchOptions(targets=T[:3]), "targets"),
    ],
    ids=["group", "states", "lags", "leads", "forecast", "targets by name", "targets"],
)
def test_what_only_dynamic_networks_have(asked: BatchOptions, option: str) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, 2)))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    with pytest.raises(TableError) as raised:
        run(gradients, text(X[:3]), asked, net)
    assert str(raised.value) == f"{option} is for dynamic networks; this network is static"


def table_of(x: FloatArray, t: FloatArray, groups: list[str] | None = None) -> str:
    rows = text(x, groups).splitlines()
    return f"{rows[0]},y1\n" + "".join(f"{row},{y!r}\n" for row, (y,) in zip(rows[1:], t.tolist(), strict=True))


def from_first_rows(
    command: Command, table: str, asked: BatchOptions | None = None, net: Network = NET
) -> tuple[list[str], FloatArray]:
    return run(command, table, replace(asked or BatchOptions(), states=States(first_rows=True)), net)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("targets", [(), ("y1",)], ids=["by the output's name", "named"])
def test_the_first_rows_are_the_states(targets: tuple[str, ...]) -> None:
    header, y = from_first_rows(predict, table_of(X, T), BatchOptions(Columns(targets=targets)))
    assert header == ["y1"]
    assert np.isnan(y[:3]).all()
    data = NET.prepare(X, T)
    np.testing.assert_array_equal(y[3:], NET.run(*data[:3]).outputs)


def test_the_first_rows_of_each_group_in_chunks_that_hold_few_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "MOST_ROWS", 8)
    groups = [str(place % 5) for place in range(60)]
    for command in (predict, gradients):
        asked = BatchOptions(Columns(group="g"), lags=4 if command is gradients else None)
        _, table = from_first_rows(command, table_of(X[:60], T[:60], groups), asked)
        for name in "01234":
            rows = [place for place, group in enumerate(groups) if group == name]
            data = NET.prepare(X[rows], T[rows])
            assert np.isnan(table[rows[:3]]).all()
            np.testing.assert_allclose(table[rows[3:], :1], NET.run(*data[:3]).outputs, rtol=1e-13)


def test_derivatives_by_the_inputs_of_rows_that_are_states() -> None:
    """Against differences: a row that is a state is an input all the same."""
    x, t = X[:9], T[:9]
    header, table = from_first_rows(gradients, table_of(x, t), BatchOptions(lags=5))
    h = 1e-6
    for row in range(3, 9):
        for lag in range(6):
            for j in (1, 2):
                found = table[row, header.index(f"dy1_dx{j}" + (f"_lag{lag}" if lag else ""))]
                moved = [x.copy(), x.copy()]
                expected = 0.0
                if row >= lag:
                    moved[0][row - lag, j - 1] += h
                    moved[1][row - lag, j - 1] -= h
                    plus, minus = (NET.run(*NET.prepare(case, t)[:3]).outputs[row - 3, 0] for case in moved)
                    expected = (plus - minus) / (2 * h)
                np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_targets_may_be_missing_where_they_are_not_needed() -> None:
    lines = table_of(X[:6], T[:6]).splitlines()
    blank = "\n".join([*lines[:4], *(line[: line.rindex(",") + 1] for line in lines[4:])]) + "\n"
    _, y = from_first_rows(predict, blank)
    np.testing.assert_array_equal(y[3:], NET.run(*NET.prepare(X[:6], T[:6])[:3]).outputs)


def test_an_open_loop_takes_what_is_fed_back_from_the_targets() -> None:
    net = open_network(feedback_first=True)
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
    rows = np.concatenate([t, x], axis=1)
    table = "head,power,flow,speed\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())
    _, y = from_first_rows(predict, table, net=net)
    data = net.prepare(x, t)
    np.testing.assert_array_equal(y[3:], net.run(*data[:3]).outputs)
    shuffled = "u,v,p,q\n" + "".join(f"{a!r},{b!r},{d!r},{c!r}\n" for c, d, a, b in rows.tolist())
    _, again = from_first_rows(predict, shuffled, BatchOptions(Columns(targets=("q", "p"))), net)
    np.testing.assert_array_equal(again, y)
    header, _ = from_first_rows(
        gradients, shuffled, BatchOptions(Columns(targets=("q", "p"), of=("head",)), lags=0), net
    )
    assert header == ["head", "dhead_dq", "dhead_dp", "dhead_du", "dhead_dv"]


@pytest.mark.parametrize("names", [("p", "q"), ("q",)])
def test_of_two_outputs_only_the_one_that_is_fed_back_is_taken(names: tuple[str, ...]) -> None:
    """Whether the targets are named for all outputs, or only for those that are fed back."""
    rng = np.random.default_rng(5)
    weights = {0: Weight(rng.normal(size=(2, 1))), 1: Weight(rng.normal(size=(2, 1)), delays=(1,))}
    layers = (
        Layer(2, "tansig", weights, bias=rng.normal(size=2)),
        Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 2)))}),
        Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 2)))}),
    )
    outputs = (Output(1, 1), Output(2, 1, feedback_mode="open", feedback_input=1))
    net = Network(Structure((Input(1), Input(1, feedback_output=1)), layers, outputs))
    u, p, q = rng.normal(size=(3, 6))
    table = "u,p,q\n" + "".join(
        f"{a!r},{b!r},{c!r}\n" for a, b, c in zip(u.tolist(), p.tolist(), q.tolist(), strict=True)
    )
    _, y = from_first_rows(predict, table, BatchOptions(Columns(inputs=("u",), targets=names)), net)
    expected = net.run(np.stack([u, q], axis=1)[1:], input_states=[[0.0, q[0]]]).outputs
    np.testing.assert_array_equal(y[1:], expected)


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (20, ""),
        (5, "5 targets for 8 samples"),
        (13, "13 targets for 16 samples"),
        (19, "19 targets for 20 samples"),
        (21, "21 targets for 20 samples"),
    ],
)
def test_measured_outputs_in_an_array_are_as_many_as_the_rows(
    targets: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are looked up in the first two of three chunks, where the two series begin."""
    monkeypatch.setattr(rows_module, "MOST_ROWS", 8)
    asked = BatchOptions(Columns(group="g"), targets=T[:targets])
    table = text(X[:20], ["a"] * 9 + ["b"] * 11)
    if told:
        with pytest.raises(TableError) as raised:
            from_first_rows(predict, table, asked)
        assert str(raised.value) == f"t.csv: {told}"
    else:
        _, y = from_first_rows(predict, table, asked)
        for rows in (slice(0, 9), slice(9, 20)):
            assert np.isnan(y[rows][:3]).all()
            np.testing.assert_allclose(y[rows][3:], NET.run(*NET.prepare(X[rows], T[rows])[:3]).outputs, rtol=1e-13)


def test_outputs_that_come_early_need_a_row_more_only_where_they_are_states() -> None:
    opened = open_network().remove_delay()
    rows = np.c_[X[:4], T[:4], T[4:8]]
    lines = ["flow,speed,head,power", *(",".join(map(repr, row)) for row in rows.tolist())]
    for net, states, needed in ((opened, 2, 2), (opened.close_loop(), 3, 4)):
        _, y = from_first_rows(predict, "\n".join([*lines[: needed + 1], ""]), net=net)
        assert np.isnan(y).all(axis=1).tolist() == [row < states for row in range(needed)]
        with pytest.raises(TableError) as raised:
            from_first_rows(predict, "\n".join([*lines[:needed], ""]), net=net)
        assert f"the series has {needed - 1} row" in str(raised.value)
        assert f"but the network looks back over {needed}, which" in str(raised.value)


def test_outputs_that_come_early() -> None:
    net = open_network().remove_delay()
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    table = "flow,speed,head,power\n" + "".join(f"{a!r},{b!r},{c!r},{d!r}\n" for a, b, c, d in np.c_[x, t].tolist())
    for early in (net, net.close_loop()):
        _, y = from_first_rows(predict, table, net=early)
        data = early.prepare(x, t)
        expected = early.run(*data[:3]).outputs
        np.testing.assert_array_equal(y[-len(expected) :], expected)
        assert np.isnan(y[: -len(expected)]).all()
    delays = (2, 3)
    earlier = open_network(delays=delays)
    hidden = earlier.structure.layers[0]
    first = replace(hidden.input_weights[0], delays=delays)
    layers = (replace(hidden, input_weights={**hidden.input_weights, 0: first}), *earlier.structure.layers[1:])
    twice = Network(replace(earlier.structure, layers=layers)).close_loop().remove_delay(2)
    with pytest.raises(TableError) as raised:
        from_first_rows(predict, table, net=twice)
    assert str(raised.value) == (
        "states: the outputs of this network come 2 steps early, so its first rows do not determine its states; give "
        "them as FILE.mat:Xi,Ai"
    )


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_forecast_of_each_group(closed: bool) -> None:
    opened = open_network()
    net = opened.close_loop() if closed else opened
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    groups = list("aabab" * 4)
    lines = ["g,day,flow,speed,head,power"]
    seen = {"a": 0, "b": 0}
    for day, (name, u, y) in enumerate(zip(groups, x.tolist(), t.tolist(), strict=True)):
        seen[name] += 1
        future = seen[name] > groups.count(name) - 3
        lines.append(f"{name},{day},{u[0]!r},{u[1]!r}," + ("," if future else f"{y[0]!r},{y[1]!r}"))
    table = "\n".join([*lines, ""]).replace("a,", "1,").replace("b,", "2,")
    asked = BatchOptions(Columns(group="g", keep=("day",), targets=("head", "power")), forecast=3)
    header, predicted = forecast_of(predict, table, asked, net)
    assert header == ["g", "step", "day", "head", "power"]
    names, slopes = forecast_of(gradients, table, replace(asked, lags=4), net)
    for number, name in enumerate("ab"):
        rows = [place for place, group in enumerate(groups) if group == name]
        known = x[rows[:-3]], t[rows[:-3]], x[rows[-3:]]
        part = predicted[3 * number : 3 * number + 3]
        np.testing.assert_array_equal(part[:, :3], [[number + 1, k + 1, rows[k - 3]] for k in range(3)])
        np.testing.assert_array_equal(part[:, 3:], net.forecast(*known))
        by = {wrt: net.forecast_jacobian(*known, wrt=wrt) for wrt in ("x_past", "y_past", "x_future")}
        made = slopes[3 * number : 3 * number + 3]
        assert made[1, names.index("dpower_dspeed")] == by["x_future"][1, 1, 1, 1]
        assert made[2, names.index("dhead_dflow_lag1")] == by["x_future"][2, 0, 1, 0]
        assert made[1, names.index("dhead_dflow_lag3")] == by["x_past"][1, 0, -2, 0] != 0
        assert made[0, names.index("dhead_dpower_lag1")] == by["y_past"][0, 0, -1, 1] != 0
        assert made[2, names.index("dhead_dpower_lag1")] == 0
        assert "dhead_dpower" not in names


def forecast_of(command: Command, table: str, asked: BatchOptions, net: Network) -> tuple[list[str], FloatArray]:
    stdout = io.BytesIO()
    command(net, CsvTable(Stream(io.BytesIO(table.encode()), "t.csv"), Dialect()), Target(stdout, "out"), asked)
    header, *rows = csv.reader(io.StringIO(stdout.getvalue().decode()))
    return header, np.array([[float(cell) for cell in row] for row in rows])


def test_a_forecast_without_inputs_follows_the_last_row() -> None:
    net = without_inputs()
    table = "y1\n" + "".join(f"{y!r}\n" for (y,) in T[:6].tolist())
    header, found = forecast_of(predict, table, BatchOptions(forecast=4), net)
    assert header == ["step", "y1"]
    np.testing.assert_array_equal(found[:, 1:], net.forecast(None, T[:6], steps=4))
    header, found = forecast_of(gradients, table, BatchOptions(forecast=4), net)
    assert header == ["step", "y1", *(f"dy1_dy1_lag{lag}" for lag in range(1, 6))]
    by = net.forecast_jacobian(None, T[:6], wrt="y_past", steps=4)[:, 0, :, 0]
    np.testing.assert_array_equal(found[3, 2:], [0, 0, 0, by[3, 5], by[3, 4]])


@pytest.mark.parametrize(
    ("net", "table", "group", "steps", "words"),
    [
        (
            NET,
            table_of(X[:9], T[:9]),
            None,
            1,
            "all rows but the last of the series are the past, from which 1 step is",
        ),
        (
            NET,
            table_of(X[:9], T[:9]),
            "g",
            2,
            "all rows but the last 2 of each series are the past, from which 2 steps are",
        ),
        (without_inputs(), "y1\n1\n2\n", None, 1, "all rows of the series are the past, from which 1 step is"),
        (without_inputs(), "y1\n1\n2\n", None, 4, "all rows of the series are the past, from which 4 steps are"),
    ],
)
def test_what_a_forecast_starts_from_is_said(
    net: Network, table: str, group: str | None, steps: int, words: str
) -> None:
    asked = BatchOptions(Columns(group=group), forecast=steps)
    summary = predict(net, opened(table), Target(io.BytesIO(), "out"), asked)
    assert summary.states == f"t.csv: {words} forecast"


REFUSED = {
    "no measured outputs": (
        NET,
        text(X[:5]),
        BatchOptions(),
        "t.csv: the network feeds y1 back, and the table has no such column; name the columns of the measured outputs "
        "with targets, or start from zeros with states='zeros'",
    ),
    "too short": (
        NET,
        table_of(X[:2], T[:2]),
        BatchOptions(),
        "t.csv: the series has 2 rows, but the network looks back over 3, which become its states; give more rows, or "
        "the states with states",
    ),
    "a short group": (
        NET,
        table_of(X[:7], T[:7], list("aaaaabb")),
        BatchOptions(Columns(group="g")),
        "t.csv: the series 'b' has 2 rows, but the network looks back over 3, which become its states; give more "
        "rows, or the states with states",
    ),
    "no numbers": (
        NET,
        table_of(X[:5], T[:5]).replace(repr(float(T[1, 0])), "high"),
        BatchOptions(),
        "targets: 'high' is not a number",
    ),
    "a measured output that is missing": (
        NET,
        "x1,x2,y1\n1,2,3\n1,2,3\n1,2,\n1,2,3\n",
        BatchOptions(),
        "t.csv: the first rows of the series are its states, and a measured output is missing there; to continue "
        "anyway, use missing='nan'",
    ),
    "another number of targets": (
        NET,
        table_of(X[:5], T[:5]),
        BatchOptions(Columns(targets=("x1", "y1"))),
        "targets gives 2 names ('x1', 'y1'), the network has 1 output",
    ),
    "a target that is not there": (
        NET,
        table_of(X[:5], T[:5]),
        BatchOptions(Columns(targets=("z",))),
        "t.csv: targets: no column 'z' in the table; it has 'g', 'x1', 'x2', 'y1'",
    ),
    "a forecast longer than the table": (
        NET,
        table_of(X[:5], T[:5]),
        BatchOptions(forecast=3),
        "t.csv: the series has 5 rows, but a forecast of 3 steps needs 6: the network looks back over 3; see forecast",
    ),
    "a forecast from fewer rows than the network looks back over": (
        without_inputs(),
        "y1\n1\n",
        BatchOptions(forecast=3),
        "t.csv: the series has 1 row, but a forecast of 3 steps needs 2: the network looks back over 2; see forecast",
    ),
    "a forecast from given states": (
        NET,
        table_of(X[:9], T[:9]),
        BatchOptions(forecast=3, states=States()),
        "states does not go with a forecast, which starts from the known past",
    ),
    "a forecast with derivatives by what comes later": (
        NET,
        table_of(X[:9], T[:9]),
        BatchOptions(forecast=3, leads=1),
        "leads does not go with a forecast, which starts from the known past",
    ),
    "a forecast with flags": (
        NET,
        table_of(X[:9], T[:9]),
        BatchOptions(forecast=3, flag_range=True),
        "flag_range does not go with a forecast, which starts from the known past",
    ),
    "a forecast without rows": (
        NET,
        "x1,x2,y1\n",
        BatchOptions(forecast=3),
        "t.csv: it has no rows, so there is nothing to forecast from",
    ),
    "columns kept of rows that are not there": (
        without_inputs(),
        "t,y1\n1,2\n2,3\n",
        BatchOptions(Columns(keep=("t",)), forecast=3),
        "keep: the steps of the forecast come after the last row, which has no columns for them",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_series_cannot_start_from(case: str) -> None:
    net, table, asked, message = REFUSED[case]
    with pytest.raises(TableError) as raised:
        forecast_of(predict, table, asked, net)
    assert str(raised.value) == message


def test_a_series_that_is_written_as_it_comes_is_the_same() -> None:
    """With its notes and what is counted; but not where an output depends on later rows."""
    found = []
    for flush in (False, True):
        held = io.BytesIO()
        asked = BatchOptions(Columns(keep=("g",)), flush=flush)
        summary = predict(NET, opened(table_of(X[:9], T[:9])), Target(held, "out"), asked)
        found.append((held.getvalue(), summary.states, summary.rows, summary.rows_with_nan))
    assert found[0] == found[1]
    assert found[1][1:] == (start_of_series(NET, opened(table_of(X, T)), Columns(), None).words, 9, 0)
    table = "x1,y1\n" + "7,0.5\n" * 3
    for flush in (False, True):
        summary = predict(scaled(), opened(table), Target(io.BytesIO(), "out"), BatchOptions(flush=flush))
        assert summary.doubts == (DOUBTS["measured"],)
    with pytest.raises(TableError) as raised:
        predict(own_start(last=True), opened("x1\n1\n"), Target(io.BytesIO(), "out"), BatchOptions(flush=True))
    assert str(raised.value) == (
        "flush needs outputs that depend on earlier rows alone; those here depend on later ones too"
    )


def opened(table: str) -> CsvTable:
    return CsvTable(Stream(io.BytesIO(table.encode()), "t.csv"), Dialect())


def recurrent_layers() -> Network:
    """Three layers: the first and the second take their own outputs of the step before, the third is closed."""
    own = Weight(np.array([[0.5]]), delays=(1,))
    layers = (
        Layer(1, "tansig", {0: Weight(np.array([[1.0]]))}, {0: own, 2: own}),
        Layer(1, "tansig", {}, {0: Weight(np.array([[1.0]])), 1: own}),
        Layer(1, "purelin", {}, {1: Weight(np.array([[1.0]]))}),
    )
    return Network(Structure((Input(1),), layers, (Output(2, 1, feedback_mode="closed"),)))


def one_recurrent_layer() -> Network:
    """Three layers: the second also takes the output of the first of the step before, the third is closed."""
    layers = (
        Layer(1, "tansig", {0: Weight(np.array([[1.0]]))}, {2: Weight(np.array([[0.5]]), delays=(1,))}),
        Layer(1, "tansig", {}, {0: Weight(np.array([[1.0, 0.5]]), delays=(0, 1))}),
        Layer(1, "purelin", {}, {1: Weight(np.array([[1.0]]))}),
    )
    return Network(Structure((Input(1),), layers, (Output(2, 1, feedback_mode="closed"),)))


def own_start(last: bool, taps: tuple[int, ...] = (0,), start: float | None = None) -> Network:
    """A recurrent layer with a start of its own, and an output at every step, or at the last one alone."""
    weights, own = {0: Weight(np.ones((1, len(taps))), delays=taps)}, {0: Weight([[0.5]], delays=(1,))}
    first = Layer(1, "tansig", weights, own, name="gru", initial=None if start is None else np.array([start]))
    end = Layer(1, "purelin", {}, {0: Weight([[1.0]], last=last)})
    return Network(Structure((Input(1),), (first, end), (Output(1, 1),), parameter_order="layers"))


def both_states() -> Network:
    """One input state and one layer state."""
    own = {0: Weight(np.array([[0.5]]), delays=(1,))}
    layer = Layer(1, "tansig", {0: Weight(np.array([[2.0, 3.0]]), delays=(0, 1))}, own)
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


def only_taps() -> Network:
    """One input with a tap at 1 step, and no feedback."""
    layer = Layer(1, "purelin", {0: Weight(np.array([[2.0, 3.0]]), delays=(0, 1))})
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


FIRST = "t.csv: the first row of the series is its states; their outputs are NaN"
ROWS = {
    "one row": (only_taps(), "x1\n1\n", None, FIRST),
    "several rows": (
        NET,
        table_of(X[:5], T[:5]),
        None,
        "t.csv: the first 3 rows of the series are its states; their outputs are NaN",
    ),
    "rows of each group": (
        NET,
        table_of(X[:5], T[:5]),
        "g",
        "t.csv: the first 3 rows of each series are its states; their outputs are NaN",
    ),
    "layers within": (
        recurrent_layers(),
        "x1,y1\n1,2\n",
        None,
        f"{FIRST}; the earlier outputs of layers 1, 2 are not known and taken as 0",
    ),
    "a layer within": (
        one_recurrent_layer(),
        "x1,y1\n1,2\n",
        None,
        f"{FIRST}; the earlier outputs of layer 1 are not known and taken as 0",
    ),
    "a layer within that starts elsewhere": (
        own_start(last=False, taps=(0, 1), start=0.5),
        "x1\n1\n",
        None,
        f"{FIRST}; the earlier outputs of layer 1 are not known and taken as the network's own initial states",
    ),
    "no row": (own_start(last=False), "x1\n1\n", None, ""),
    "no row and an output at the end": (
        own_start(last=True),
        "x1\n1\n",
        None,
        "t.csv: the series has one output, at its last row; the others are NaN",
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_which_rows_are_the_states_is_said(case: str) -> None:
    net, table, group, words = ROWS[case]
    assert start_of_series(net, opened(table), Columns(group=group), None).words == words
    asked = States(first_rows=True)
    assert start_of_series(net, opened(table), Columns(group=group), asked).words == words


ZEROS = "t.csv: what came before is taken as zeros"


@pytest.mark.parametrize(
    ("net", "states", "words"),
    [
        (NET, States(), ZEROS),
        (NET, States(inputs=np.ones((2, 2))), "t.csv: the layer states are taken as zeros"),
        (NET, States(layers=np.ones((3, 4))), "t.csv: the input states are taken as zeros"),
        (NET, States(np.ones((2, 2)), np.ones((3, 4))), ""),
        (only_taps(), States(), ZEROS),
        (only_taps(), States(inputs=np.ones((1, 1))), ""),
        (without_inputs(), States(), ZEROS),
        (without_inputs(), States(layers=np.ones((2, 1))), ""),
        (recurrent_layers(), States(layers=np.ones((1, 3))), ""),
        (both_states(), States(inputs=np.ones((1, 1))), "t.csv: the layer states are taken as zeros"),
        (both_states(), States(layers=np.ones((1, 1))), "t.csv: the input states are taken as zeros"),
    ],
)
def test_which_states_are_zeros_is_said_where_there_are_any(net: Network, states: States, words: str) -> None:
    names = ["x1", "x2"][: net.input_size] or ["t"]
    start = start_of_series(net, opened(",".join(names) + "\n"), Columns(), states)
    assert (start.words, start.choice.targets, start.rows, start.ahead, start.doubts) == (words, (), 0, 0, [])


def scaled() -> Network:
    """A closed loop with one tap of the input and one of the output, whose ranges lie far from -1 and 1."""
    scaling = process("mapminmax", xmin=[20.0], xmax=[30.0], ymin=-1.0, ymax=1.0, xrows=1, yrows=1)
    inputs = (Input(1, range=np.array([[5.0, 10.0]])),)
    layer = Layer(1, "purelin", {0: Weight([[0.1, 0.1]], delays=(0, 1))}, {0: Weight([[0.5]], delays=(1,))})
    output = Output(0, 1, (scaling,), np.array([[20.0, 30.0]]), feedback_mode="closed")
    return Network(Structure(inputs, (layer,), (output,)))


RAW = "lie within -1 and 1, outside the range ({}); they should be in original units, not scaled"
DOUBTS = {
    "inputs": f"the input states {RAW.format('x1: 5 to 10')}",
    "layers": "the layer states lie in the range of the outputs (y1: 20 to 30); they should be at the scale of the "
    "layer, after the outputs' processing",
    "measured": f"the measured outputs {RAW.format('y1: 20 to 30')}",
}


@pytest.mark.parametrize(
    ("inputs", "layers", "doubts"),
    [
        ([[0.5]], [[25.0]], ["inputs", "layers"]),
        ([[0.5]], [[0.5]], ["inputs"]),
        ([[7.0]], [[25.0]], ["layers"]),
        ([[7.0]], [[0.5]], []),
        (None, [[25.0]], ["layers"]),
        ([[0.5]], None, ["inputs"]),
        # of another shape, which is refused when they are used
        ([[0.5, 0.5]], [[25.0], [25.0]], []),
    ],
)
def test_states_at_the_wrong_scale_are_doubted(
    inputs: list[list[float]] | None, layers: list[list[float]] | None, doubts: list[str]
) -> None:
    states = States(None if inputs is None else np.array(inputs), None if layers is None else np.array(layers))
    start = start_of_series(scaled(), opened("x1,y1\n"), Columns(), states)
    assert start.doubts == [DOUBTS[name] for name in doubts]


def test_measured_outputs_at_the_wrong_scale_are_doubted_once() -> None:
    """Of two series of which both begin so, and of a forecast; the rows after the first do not count."""
    for first, doubts in ((0.5, (DOUBTS["measured"],)), (25.0, ())):
        table = "g,x1,y1\n" + "".join(f"{g},7,{y}\n" for g, y in (("a", first), ("a", 0.5), ("b", first), ("b", 25.0)))
        for asked in (BatchOptions(Columns(group="g")), BatchOptions(Columns(group="g"), forecast=1)):
            assert predict(scaled(), opened(table), Target(io.BytesIO(), "out"), asked).doubts == doubts


@pytest.mark.parametrize(("size", "names"), [(6, "y1, y2, y3, y4, y5, y6"), (7, "y1, y2, y3, y4, y5, y6 and 1 more")])
def test_six_outputs_that_are_fed_back_are_named(size: int, names: str) -> None:
    layer = Layer(size, "purelin", {0: Weight(np.ones((size, 1)))}, {0: Weight(np.eye(size), delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, size, feedback_mode="closed"),)))
    with pytest.raises(TableError) as raised:
        start_of_series(net, opened("x1\n"), Columns(), None)
    assert str(raised.value).startswith(f"t.csv: the network feeds {names} back, and the table has no such columns; ")


def test_a_network_without_inputs_takes_its_outputs_from_a_column_without_a_name() -> None:
    net = without_inputs()
    lines = "".join(f"{y!r}\n" for (y,) in T[:6].tolist())
    expected = net.run(*net.prepare(None, T[:6])[:3], steps=4).outputs
    for table in (lines, f"y1\n{lines}"):
        _, y = from_first_rows(predict, table, net=net)
        assert np.isnan(y[:2]).all()
        np.testing.assert_array_equal(y[2:], expected)


def test_a_measured_output_that_is_too_large() -> None:
    with pytest.raises(TableError) as raised:
        as_numbers(pl.Series(["inf", "1e999"]), Dialect())
    assert str(raised.value) == ("the measured outputs: '1e999' is too large for a float64; write Inf if that is meant")


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        (pl.Series(["1,5", " 2 ", "NA", None, "-,25"]), [1.5, 2.0, np.nan, np.nan, -0.25]),
        (pl.Series([1, None, 3]), [1.0, np.nan, 3.0]),
        (pl.Series([None, None], dtype=pl.Null), [np.nan, np.nan]),
        (pl.Series([None, None], dtype=pl.String), [np.nan, np.nan]),
        (pl.Series([0.1, None], dtype=pl.Float64), [0.1, np.nan]),
    ],
)
def test_measured_outputs_of_every_type_are_numbers(column: pl.Series, numbers: list[float]) -> None:
    np.testing.assert_array_equal(as_numbers(column, Dialect(";", ",")), numbers)
    marked = [np.nan if number == numbers[0] else number for number in numbers]
    np.testing.assert_array_equal(as_numbers(column, Dialect(";", ",", na=("1,5", "1", "0,1"))), marked)


def frame_of(groups: pl.Series) -> FrameTable:
    n = len(groups)
    frame = pl.DataFrame({"g": groups, "x1": X[:n, 0], "x2": X[:n, 1], "y1": T[:n, 0]})
    return FrameTable(HeldFrame(frame), "t", Dialect(), "t")


@pytest.mark.parametrize(
    "groups",
    [
        pl.Series([2, 1, 2, 2, 1, 1, 2, 1] * 2),
        pl.Series([0.1, np.nan, 0.1, 0.1, np.nan, np.nan, 0.1, np.nan] * 2),
        pl.Series([True, False, True, True, False, False, True, False] * 2),
        pl.Series([None, "a", None, None, "a", "a", None, "a"] * 2),
        pl.Series(["a", "", "a", "a", "", "", "a", ""] * 2),
    ],
    ids=lambda groups: str(groups.dtype),
)
def test_groups_of_every_type_are_series(groups: pl.Series) -> None:
    """The rows of two groups lie between each other, and those without a number or text are one too."""
    held = io.BytesIO()
    predict(NET, frame_of(groups), Target(held, "out"), BatchOptions(Columns(group="g")))
    y = np.array([float(line) for line in held.getvalue().decode().splitlines()[1:]])
    forecasts = io.BytesIO()
    predict(NET, frame_of(groups), Target(forecasts, "out"), BatchOptions(Columns(group="g"), forecast=2))
    cells = list(csv.reader(io.StringIO(forecasts.getvalue().decode())))[1:]
    first = [0, 2, 3, 6, 8, 10, 11, 14]
    for number, rows in enumerate((first, sorted({*range(16)} - {*first}))):
        assert np.isnan(y[rows[:3]]).all()
        np.testing.assert_array_equal(y[rows[3:]], NET.run(*NET.prepare(X[rows], T[rows])[:3]).outputs[:, 0])
        expected = NET.forecast(X[rows[:-2]], T[rows[:-2]], X[rows[-2:]])
        assert [float(cell[2]) for cell in cells[2 * number : 2 * number + 2]] == expected[:, 0].tolist()
        assert [cell[1] for cell in cells[2 * number : 2 * number + 2]] == ["1", "2"]


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ([1] * 5 + [20] * 2, "the series '20' has 2 rows, but "),
        ([1.5] * 5 + [2.5], "the series '2.5' has 1 row, but "),
        ([datetime.date(2026, 1, 1)] * 5 + [datetime.date(2026, 1, 2)] * 2, "the series '2026-01-02' has 2 rows, but "),
        ([[1]] * 7, "group is a column of List(Int64), expected text, numbers or dates"),
        ([b"a"] * 7, "group is a column of Binary, expected text, numbers or dates"),
    ],
)
@pytest.mark.parametrize("forecast", [None, 2])
def test_a_group_of_any_type_that_is_too_short_is_named(groups: list[object], told: str, forecast: int | None) -> None:
    asked = BatchOptions(Columns(group="g"), forecast=forecast)
    with pytest.raises(TableError) as raised:
        predict(NET, frame_of(pl.Series(groups)), Target(io.BytesIO(), "out"), asked)
    assert told in str(raised.value)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("rows", [9, 0])
def test_the_columns_of_a_series_keep_their_types(form: str, rows: int) -> None:
    """The kept column is a number, the group's is text, and neither is taken for the other."""
    numbers = {"x1": X[:rows, 0], "x2": X[:rows, 1], "y1": T[:rows, 0]}
    frame = pl.DataFrame({"day": range(rows), "g": ["u"] * rows, **numbers}).cast({"day": pl.Int16, "g": pl.String})
    source = FrameTable(HeldFrame(frame), "t", Dialect(), "t")
    held = io.BytesIO()
    columns = Columns(keep=("day",), group="g")
    predict(NET, source, Target(held, "out"), BatchOptions(columns, form=form))
    found = (pl.read_parquet if form == "parquet" else pl.read_ipc)(io.BytesIO(held.getvalue()))
    assert dict(found.schema) == {"day": pl.Int16, "y1": pl.Float64}
    assert found["day"].to_list() == list(range(rows))
    if rows:
        np.testing.assert_array_equal(found["y1"].to_numpy()[3:], NET.run(*NET.prepare(X[:9], T[:9])[:3]).outputs[:, 0])
        held = io.BytesIO()
        source = FrameTable(HeldFrame(frame), "t", Dialect(), "t")
        predict(NET, source, Target(held, "out"), BatchOptions(columns, form=form, forecast=2))
        found = (pl.read_parquet if form == "parquet" else pl.read_ipc)(io.BytesIO(held.getvalue()))
        assert dict(found.schema) == {"g": pl.String, "step": pl.Int64, "day": pl.Int16, "y1": pl.Float64}
        assert found.select("g", "step", "day").rows() == [("u", 1, 7), ("u", 2, 8)]
