"""A series as the commands that need it whole take it: its rows after the states, its targets, and the states."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from matnet.errors import ShapeError, TableError
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables.arrays import ArrayTable
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.feedback import SeriesData, States, read_series
from matnet.tables.forecast import Forecast
from matnet.tables.interfaces import Source
from series_networks import open_network

RNG = np.random.default_rng(4)
X, T = RNG.normal(size=(9, 2)), RNG.normal(size=(9, 2))
NAMES = ("flow", "speed", "head", "power")


def table(numbers: FloatArray, names: tuple[str, ...] = NAMES) -> CsvTable:
    lines = [",".join(names), *(",".join(map(repr, row)) for row in numbers.tolist())]
    return CsvTable(Stream(io.BytesIO("\n".join([*lines, ""]).replace("nan", "").encode()), "t.csv"), Dialect())


def compare(net: Network, found: SeriesData, x: FloatArray, t: FloatArray) -> None:
    """With the network's own preparation of the data."""
    prepared = net.prepare(x, t)
    np.testing.assert_array_equal(found.x, prepared.x)
    np.testing.assert_array_equal(found.t, prepared.targets)
    np.testing.assert_array_equal(found.states["input_states"], prepared.input_states)
    np.testing.assert_array_equal(found.states["layer_states"], prepared.layer_states)


def test_a_closed_loop_takes_its_states_from_the_first_rows() -> None:
    net = open_network().close_loop()
    found = read_series(net, table(np.c_[X, T]), Columns().named_by(net), None, None)
    compare(net, found, X, T)
    assert (found.first, len(found.x)) == (4, 6)
    array = ArrayTable(X, "x", Source("x"))
    compare(net, read_series(net, array, Columns().named_by(net), None, T), X, T)
    named = read_series(net, table(np.c_[X, T[:, ::-1]]), Columns(targets=("power", "head")).named_by(net), None, None)
    compare(net, named, X, T)


def test_what_the_network_itself_computes_comes_back() -> None:
    net = open_network().close_loop()
    y = net.run(X).outputs
    found = read_series(net, table(np.c_[X, y]), Columns().named_by(net), None, None)
    assert found.t is not None
    np.testing.assert_allclose(net.run(found.x, **found.states).outputs, found.t, rtol=1e-12)


def test_states_that_are_given_leave_all_rows() -> None:
    net = open_network().close_loop()
    layers = np.full((3, 6), 0.25)
    found = read_series(net, table(np.c_[X, T]), Columns().named_by(net), States(X[:2], layers), None)
    assert (found.first, sorted(found.states)) == (1, ["input_states", "layer_states"])
    np.testing.assert_array_equal(found.x, X)
    np.testing.assert_array_equal(found.t, T)
    np.testing.assert_array_equal(found.states["layer_states"], layers)
    alone = read_series(net, table(X, NAMES[:2]), Columns().named_by(net), States(X[:2]), None)
    assert (alone.t, sorted(alone.states)) == (None, ["input_states"])


def half_closed() -> Network:
    """Two outputs, of which the second is fed back."""
    weights = {0: Weight(RNG.normal(size=(2, 1)))}
    layers = (
        Layer(2, "tansig", weights, {2: Weight(RNG.normal(size=(2, 1)), delays=(1,))}, RNG.normal(size=2)),
        Layer(1, "purelin", {}, {0: Weight(RNG.normal(size=(1, 2)))}),
        Layer(1, "purelin", {}, {0: Weight(RNG.normal(size=(1, 2)))}),
    )
    return Network(Structure((Input(1),), layers, (Output(1, 1), Output(2, 1, feedback_mode="closed"))))


@pytest.mark.parametrize("targets", [("p", "q"), ("q",), ()])
def test_targets_of_all_outputs_or_of_those_fed_back(targets: tuple[str, ...]) -> None:
    net = half_closed()
    names = ("x1", "p", "q") if targets else ("x1", "p", "y2")
    found = read_series(net, table(np.c_[X[:, :1], T], names), Columns(targets=targets).named_by(net), None, None)
    t = T[1:] if len(targets) == 2 else np.c_[np.full(8, np.nan), T[1:, 1]]
    np.testing.assert_array_equal(found.t, t)
    assert found.states["layer_states"][0, 3] == T[0, 1]
    assert (found.states["layer_states"][0, :3] == 0.0).all()
    assert found.first == 2


def test_outputs_that_come_early_need_a_row_more() -> None:
    net = open_network().close_loop().remove_delay()
    found = read_series(net, table(np.c_[X, T]), Columns().named_by(net), None, None)
    np.testing.assert_array_equal(found.x, X[found.first - 1 :])
    assert len(found.x) == len(found.t if found.t is not None else ())
    prepared = net.prepare(X, T)
    np.testing.assert_array_equal(found.states["layer_states"], prepared.layer_states)
    np.testing.assert_array_equal(found.states["input_states"], prepared.input_states)
    assert found.t is not None
    known = ~np.isnan(found.t).any(axis=1)
    np.testing.assert_array_equal(found.t[known], T[-int(known.sum()) :])
    needed = found.first
    for rows, refused in ((needed, False), (needed - 1, True)):
        if refused:
            with pytest.raises(TableError) as raised:
                read_series(net, table(np.c_[X, T][:rows]), Columns().named_by(net), None, None)
            assert f"the network looks back over {needed}, which become its states" in str(raised.value)
        else:
            read_series(net, table(np.c_[X, T][:rows]), Columns().named_by(net), None, None)


def test_a_forecast_of_outputs_that_come_early() -> None:
    """Whose first rows do not determine the states: a forecast restores the delays."""
    net = open_network(delays=(2, 3))
    closed = net.close_loop().remove_delay()
    y = T.copy()
    y[-2:] = np.nan
    made = Forecast(closed, table(np.c_[X, y]), Columns().named_by(closed), None, 2, None, False)
    found = np.column_stack([column.to_numpy() for column in made.columns()])
    np.testing.assert_array_equal(found[:, 1:], closed.forecast(X[:-2], T[:-2], X[-2:]))


@pytest.mark.parametrize(("taps", "reach"), [((0, 1), 3), ((2, 4), 5)])
def test_a_forecast_of_outputs_that_come_early_takes_no_more_rows_than_the_network(
    taps: tuple[int, ...], reach: int
) -> None:
    """It looks back over 3 steps of the outputs, and as far as the inputs reach when their delays are back."""
    net = open_network().close_loop().remove_delay()
    hidden = net.structure.layers[0]
    weight = replace(hidden.input_weights[0], delays=taps)
    layers = (replace(hidden, input_weights={0: weight}), *net.structure.layers[1:])
    net = Network(replace(net.structure, layers=layers))
    y = T.copy()
    y[-2:] = np.nan
    rows = slice(-reach - 2, None)
    made = Forecast(net, table(np.c_[X, y][rows]), Columns().named_by(net), None, 2, None, True)
    found = np.column_stack([column.to_numpy() for column in made.columns()])
    np.testing.assert_array_equal(found[:, 1:3], net.forecast(X[rows][:-2], T[rows][:-2], X[-2:]))
    assert made.names[-1] == f"dpower_dpower_lag{reach + 1}"
    with pytest.raises(ShapeError, match=f"the network looks back over {reach}:"):
        net.forecast(X[rows][1:-2], T[rows][1:-2], X[-2:])
    with pytest.raises(TableError) as raised:
        Forecast(net, table(np.c_[X, y][rows][1:]), Columns().named_by(net), None, 2, None, False).columns()
    assert str(raised.value) == (
        f"t.csv: the series has {reach + 1} rows, but a forecast of 2 steps needs {reach + 2}: the network looks back "
        f"over {reach}; see forecast"
    )


@pytest.mark.parametrize("feedback_first", [False, True])
def test_an_array_of_an_open_loop_is_completed_by_its_outputs(feedback_first: bool) -> None:
    """Of the inputs that are not fed back; one of all inputs is not changed."""
    net = open_network(feedback_first=feedback_first)
    whole = np.c_[T, X] if feedback_first else np.c_[X, T]
    for numbers in (X, whole):
        compare(net, read_series(net, ArrayTable(numbers, "x", Source("x")), Columns(), None, T), X, T)
    found = read_series(net, ArrayTable(whole, "x", Source("x")), Columns(), None, 2.0 * T)
    np.testing.assert_array_equal(found.x, whole[3:])
    np.testing.assert_array_equal(found.t, 2.0 * T[3:])
    with pytest.raises(TableError) as raised:
        read_series(net, ArrayTable(whole[:, :3], "x", Source("x")), Columns(), None, T)
    assert str(raised.value) == "x: the array is 9 by 3, expected any by 4: samples in rows"


def test_an_array_of_inputs_is_not_taken_for_one_of_outputs() -> None:
    """Though the network has as many of both."""
    net = open_network().close_loop()
    found = read_series(net, ArrayTable(X, "x", Source("x")), Columns(), States(X[:2]), None)
    np.testing.assert_array_equal(found.x, X)
    assert found.t is None


@pytest.mark.parametrize("more", [(), ("day",)])
def test_a_table_of_all_inputs_of_an_open_loop_has_no_targets_unless_they_are_named(more: tuple[str, ...]) -> None:
    net = open_network()
    numbers = np.c_[X, T, np.arange(9.0)][:, : 4 + len(more)]
    for targets, t in (((), None), (("head", "power"), T[3:])):
        columns = Columns(targets=targets).named_by(net)
        found = read_series(net, table(numbers, (*NAMES, *more)), columns, None, None)
        np.testing.assert_array_equal(found.x, np.c_[X, T][3:])
        np.testing.assert_array_equal(found.t, t)


def test_inputs_beside_those_that_are_fed_back_are_found_by_their_own_names() -> None:
    """In whatever order they stand beside outputs of other names."""
    net = open_network()
    columns = Columns(targets=("p", "q")).named_by(net)
    names = ("q", "speed", "p", "flow")
    compare(net, read_series(net, table(np.c_[T[:, 1], X[:, 1], T[:, 0], X[:, 0]], names), columns, None, None), X, T)


def test_measured_outputs_of_a_series_in_memory_are_doubted() -> None:
    """Where they are at the wrong scale among the states; not after them, and not where other states are given."""
    layer = Layer(1, "purelin", {0: Weight([[0.1]])}, {0: Weight([[0.5]], delays=(1,))})
    output = Output(0, 1, range=np.array([[20.0, 30.0]]), feedback_mode="closed")
    net = Network(Structure((Input(1),), (layer,), (output,)))
    for y, doubts in (([0.5, 25.0, 25.0], 1), ([25.0, 0.5, 0.5], 0)):
        numbers = np.c_[[7.0, 8.0, 9.0], y]
        found = read_series(net, table(numbers, ("x1", "y1")), Columns(), None, None)
        assert [doubt.partition(" lie ")[0] for doubt in found.start.doubts] == ["the measured outputs"] * doubts
        given = read_series(net, table(numbers, ("x1", "y1")), Columns(), States(layers=np.zeros((1, 1))), None)
        assert given.start.doubts == []


def test_the_rows_that_are_read_and_their_targets_are_as_many() -> None:
    net = open_network().close_loop()
    with pytest.raises(TableError) as raised:
        read_series(net, table(X, NAMES[:2]), Columns().named_by(net), None, T[:8])
    assert str(raised.value) == "t.csv: 8 targets for 9 samples"


def test_a_missing_output_among_the_states() -> None:
    net = open_network().close_loop()
    y = T.copy()
    y[1, 0] = np.nan
    found = read_series(net, table(np.c_[X, y]), Columns().named_by(net), None, None)
    assert np.isnan(found.states["layer_states"]).sum() == 1


@pytest.mark.parametrize("feedback_first", [False, True])
@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("x1", "x2", "x3", "x4"), Columns()),
        (("day", "x1", "x2", "x3", "x4"), Columns()),
        (("a", "b", "c", "d"), Columns(inputs=("a", "b", "c", "d"))),
        (("day", "a", "b", "c", "d"), Columns(inputs=("a:d",))),
        (("y2", "y1", "a", "b"), Columns(inputs=("a", "b"))),
        (("y2", "y1", "a", "b"), Columns()),
        (("p", "q", "a", "b"), Columns(targets=("q", "p"))),
    ],
)
def test_a_forecast_with_an_open_loop(names: tuple[str, ...], columns: Columns, feedback_first: bool) -> None:
    """Whose table has all inputs, or those that are not fed back and the outputs."""
    net = open_network(feedback_first=feedback_first)
    y = T.copy()
    y[-2:] = np.nan
    outputs_first = np.c_[y[:, ::-1], X] if "y1" in names or "p" in names else np.c_[y, X]
    numbers = outputs_first if feedback_first or names[2] == "a" else np.c_[X, y]
    if "day" in names:
        numbers = np.c_[np.arange(9.0), numbers]
    made = Forecast(net, table(numbers, names), columns, None, 2, 1, True)
    found = np.column_stack([column.to_numpy() for column in made.columns()])
    known = X[:-2], T[:-2], X[-2:]
    assert made.names[:3] == ["step", "y1", "y2"]
    np.testing.assert_array_equal(found[:, 0], [1, 2])
    np.testing.assert_array_equal(found[:, 1:3], net.forecast(*known))
    by_input = net.forecast_jacobian(*known, wrt="x_future")
    by_output = net.forecast_jacobian(*known, wrt="y_past")
    outputs = made.names[-2:]
    expected = [by_input[k, i, k, j] for i in range(2) for k in (0, 1) for j in range(2)]
    np.testing.assert_array_equal(found[:, 3:7], np.reshape(expected, (2, 2, 2)).swapaxes(0, 1).reshape(2, 4))
    # the last two columns are those of the second output by the measured outputs of the step before
    assert all(name.startswith("dy2_d") and name.endswith("_lag1") for name in outputs)
    np.testing.assert_array_equal(found[0, -2:], by_output[0, 1, -1])
    np.testing.assert_array_equal(found[1, -2:], [0.0, 0.0])


def test_a_forecast_reaches_back_to_the_first_row() -> None:
    layer = Layer(1, "tansig", {}, {0: Weight([[0.9, -0.5]], delays=(1, 2))}, [0.3])
    net = Network(Structure((), (layer,), (Output(0, 1, feedback_mode="closed"),)))
    made = Forecast(net, table(T[:2, :1], ("y1",)), Columns(), None, 1, 3, True)
    (row,) = np.column_stack([column.to_numpy() for column in made.columns()])
    by = net.forecast_jacobian(None, T[:2, :1], wrt="y_past", steps=1)[0, 0, :, 0]
    assert made.names == ["step", "y1", "dy1_dy1_lag1", "dy1_dy1_lag2", "dy1_dy1_lag3"]
    assert row[2:].tolist() == [by[1], by[0], 0.0]
    assert by[0] != 0.0


def without_header(numbers: FloatArray) -> CsvTable:
    lines = [",".join(map(repr, row)) for row in numbers.tolist()]
    return CsvTable(Stream(io.BytesIO("\n".join([*lines, ""]).encode()), "t.csv"), Dialect())


@pytest.mark.parametrize("feedback_first", [False, True])
def test_a_forecast_with_an_open_loop_from_elements_with_and_without_names(feedback_first: bool) -> None:
    """Lines without a header, an array of all, and one beside its targets; names are not taken for an order."""
    net = open_network(feedback_first=feedback_first)
    expected = net.forecast(X[:-2], T[:-2], X[-2:])
    whole = np.c_[T, X] if feedback_first else np.c_[X, T]
    mixed = np.c_[X[:, :1], T[:, ::-1], X[:, 1:]]
    for source, targets, columns in (
        (without_header(whole), None, Columns()),
        (ArrayTable(whole, "x", Source("x")), None, Columns()),
        (ArrayTable(X, "x", Source("x")), T, Columns()),
    ):
        made = Forecast(net, source, columns, targets, 2, None, False)
        found = np.column_stack([column.to_numpy() for column in made.columns()])
        np.testing.assert_array_equal(found[:, 1:], expected)
    named = ArrayTable(mixed, "x", Source("x"), ("flow", "power", "head", "speed"))
    with pytest.raises(TableError) as raised:
        Forecast(net, named, Columns().named_by(net), None, 2, None, False)
    assert str(raised.value) == "x: targets needs a table with named columns; this is an array of numbers"


def test_a_forecast_of_outputs_that_come_two_steps_early() -> None:
    """No first rows determine the states of the network, but those of the one with its delays back."""
    delays = (2, 3)
    net = open_network(delays=delays)
    hidden = net.structure.layers[0]
    weights = {**hidden.input_weights, 0: replace(hidden.input_weights[0], delays=delays)}
    layers = (replace(hidden, input_weights=weights), *net.structure.layers[1:])
    early = Network(replace(net.structure, layers=layers)).close_loop().remove_delay(2)
    made = Forecast(early, table(np.c_[X, T]), Columns().named_by(early), None, 2, None, False)
    found = np.column_stack([column.to_numpy() for column in made.columns()])
    np.testing.assert_array_equal(found[:, 1:], early.forecast(X[:-2], T[:-2], X[-2:]))


@pytest.mark.parametrize(
    ("elements", "targets", "message"),
    [
        (4, T, "x: the array is 9 by 4, expected any by 2: samples in rows"),
        (3, T, "x: the array is 9 by 3, expected any by 2: samples in rows"),
        (3, None, "x: the array is 9 by 3, expected any by 2: samples in rows"),
    ],
)
def test_a_forecast_from_an_array_of_another_size(elements: int, targets: FloatArray | None, message: str) -> None:
    """Of an open loop with targets beside it: then the array has the other inputs alone."""
    source = ArrayTable(np.c_[X, T][:, :elements], "x", Source("x"))
    with pytest.raises(TableError) as raised:
        Forecast(open_network(), source, Columns(), targets, 2, None, False)
    assert str(raised.value) == message


def test_as_many_steps_as_there_are_rows_leave_no_past() -> None:
    """Nor do more: a forecast never takes its past from the rows that it forecasts."""
    net = open_network().close_loop()
    for steps in (6, 7, 9, 10, 13):
        source = table(np.c_[X, T])
        if steps == 6:
            made = Forecast(net, source, Columns().named_by(net), None, steps, None, False)
            found = np.column_stack([column.to_numpy() for column in made.columns()])
            np.testing.assert_array_equal(found[:, 1:], net.forecast(X[:3], T[:3], X[3:]))
        else:
            with pytest.raises(TableError) as raised:
                Forecast(net, source, Columns().named_by(net), None, steps, None, False).columns()
            assert str(raised.value) == (
                f"t.csv: the series has 9 rows, but a forecast of {steps} steps needs {steps + 3}: the network looks "
                "back over 3; see forecast"
            )


def test_a_table_without_rows_is_a_series_without_steps() -> None:
    net = open_network().close_loop()
    found = read_series(net, table(np.zeros((0, 4))), Columns().named_by(net), States(X[:2]), None)
    assert (found.x.shape, found.t) == ((0, 2), None)
    with pytest.raises(TableError) as raised:
        read_series(net, table(np.zeros((0, 4))), Columns().named_by(net), None, None)
    assert str(raised.value) == (
        "t.csv: the series has 0 rows, but the network looks back over 3, which become its states; give more rows, or "
        "the states with states"
    )


def test_an_array_of_a_network_without_inputs_holds_its_outputs() -> None:
    """Both of them: the first rows are the states, and all are targets."""
    layer = Layer(2, "tansig", {}, {0: Weight([[0.9, -0.5], [0.25, 0.5]], delays=(1,))}, [0.3, 0.1])
    net = Network(Structure((), (layer,), (Output(0, 2, feedback_mode="closed"),)))
    found = read_series(net, ArrayTable(T, "t", Source("t")), Columns(), None, None)
    assert found.x.shape == (8, 0)
    np.testing.assert_array_equal(found.t, T[1:])
    np.testing.assert_array_equal(found.states["layer_states"], T[:1])
    made = Forecast(net, ArrayTable(T, "t", Source("t")), Columns(), None, 3, None, False)
    y = np.column_stack([column.to_numpy() for column in made.columns()])[:, 1:]
    np.testing.assert_array_equal(y, net.forecast(None, T, steps=3))
