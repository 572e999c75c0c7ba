"""One way in for every array argument: masks, imaginary parts and names are kept or refused, never lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import matnet
from matnet import Ensemble, Network
from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Performance, Structure, Weight
from matnet.network.frames import Elements
from matnet.sensitivity.samples import matrix

RNG = np.random.default_rng(0)
NAN = float("nan")


def static(names: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> Network:
    """Three inputs, two outputs."""
    rng = np.random.default_rng(1)
    hidden = Layer(4, "tansig", {0: Weight(rng.normal(size=(4, 3)))}, bias=rng.normal(size=4))
    last = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 4)))}, rng.normal(size=2))
    ends = (Input(3, element_names=names),), (Output(1, 2, element_names=outputs),)
    return Network(Structure(ends[0], (hidden, last), ends[1], Performance("mse")))


def dynamic() -> Network:
    """Two inputs seen one step back, one layer fed back, one output."""
    weights = Weight([[0.5, 0.25, -0.5, 0.125]], delays=(0, 1))
    layer = Layer(1, "tansig", {0: weights}, {0: Weight([[0.3]], delays=(1,))}, bias=[0.1])
    return Network(Structure((Input(2),), (layer,), (Output(0, 1),), Performance("mse")))


X = RNG.normal(size=(5, 3))
T = RNG.normal(size=(5, 2))
SIGMA = np.diag([1.0, 2.0, 3.0]) + 0.1
SERIES, STEP_T = RNG.normal(size=(5, 2)), RNG.normal(size=(5, 1))

CALLS: dict[str, tuple[np.ndarray[Any, Any], Callable[[Any], Any]]] = {
    "x": (X, lambda a: static()(a)),
    "x of jacobian": (X, lambda a: static().jacobian(a)),
    "x of performance": (X, lambda a: static().performance(a, T)),
    "x of in_range": (X, lambda a: Ensemble([ranged()]).in_range(a)),
    "v": (X, lambda a: static().jvp(X, a)),
    "u": (T, lambda a: static().vjp(X, a)),
    "t": (T, lambda a: static().performance(X, a)),
    "t of the gradient": (T, lambda a: static().performance_gradient(X, a)),
    "error_weights": (T, lambda a: static().performance(X, T, error_weights=a)),
    "covariance": (SIGMA, lambda a: static().propagate(X, a)),
    "x of a series": (SERIES, lambda a: dynamic().run(a).outputs),
    "t of a series": (STEP_T, lambda a: dynamic().performance(SERIES, a)),
    "input_states": (SERIES[:1], lambda a: dynamic().run(SERIES, input_states=a).outputs),
    "layer_states": (STEP_T[:1], lambda a: dynamic().run(SERIES, layer_states=a).outputs),
    "theta": (np.arange(26.0), lambda a: static().with_parameters(a).parameters),
}
"""Every array argument: numbers for it, and what is done with them."""


def ranged() -> Network:
    structure = static().structure
    limits = np.array([[-1.0, 1.0]] * 3)
    return Network(Structure((Input(3, range=limits),), structure.layers, structure.outputs))


@pytest.mark.parametrize("argument", CALLS)
def test_what_is_masked_is_nan(argument: str) -> None:
    values, act = CALLS[argument]
    mask = np.zeros(values.shape, dtype=bool)
    mask.flat[0] = True
    expected = act(np.where(mask, NAN, values))
    np.testing.assert_array_equal(act(np.ma.masked_array(values, mask)), expected)
    if values.ndim > 1:
        rows = [np.ma.masked_array(row, row_mask) for row, row_mask in zip(values, mask, strict=True)]
        np.testing.assert_array_equal(act(rows), expected)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(act(values), expected)


@pytest.mark.parametrize("argument", [name for name in CALLS if name not in ("x", "x of jacobian", "v", "u")])
def test_an_imaginary_part_is_refused(argument: str) -> None:
    values, act = CALLS[argument]
    name = argument.split(" of ")[0]
    for given in (values + 1j, np.ma.masked_array(values + 1j, values > 1e9)):
        with pytest.raises(ShapeError) as caught:
            act(given)
        assert str(caught.value) == f"{name} is complex, expected real numbers"


@pytest.mark.parametrize("argument", CALLS)
@pytest.mark.parametrize(
    ("given", "ending"),
    [
        (["a", "b"], "is not an array of numbers (its type is <U1)"),
        ([[1.0, 2.0], [3.0]], "is not an array of numbers: its rows differ in length"),
        ({"x1": [1.0]}, "is not an array of numbers (its type is object)"),
        (np.ma.masked_array(["a"]), "is not an array of numbers (its type is <U1)"),
    ],
    ids=["text", "ragged", "a dict", "masked text"],
)
def test_what_is_no_number_is_refused(argument: str, given: Any, ending: str) -> None:
    act = CALLS[argument][1]
    with pytest.raises(ShapeError) as caught:
        act(given)
    assert str(caught.value) == f"{argument.split(' of ')[0]} {ending}"


FRAMED = {
    "x": "x",
    "x of performance": "x",
    "x of in_range": "x",
    "v": "x",
    "u": "y",
    "t": "y",
    "t of the gradient": "y",
    "error_weights": "y",
    "covariance": "x",
    "x of a series": "x",
    "input_states": "x",
}
"""The letter of the elements' names."""


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
@pytest.mark.parametrize("argument", FRAMED)
def test_a_data_frame_is_taken_by_name(argument: str, library: Any) -> None:
    values, act = CALLS[argument]
    names = [f"{FRAMED[argument]}{number}" for number in range(1, values.shape[1] + 1)]
    turned = list(reversed(range(values.shape[1])))
    rows = values[turned] if argument == "covariance" else values  # rows in the order of the columns
    columns = {names[k]: rows[:, k] for k in turned}
    expected = act(values)
    np.testing.assert_array_equal(act(library.DataFrame(columns)), expected)
    # columns with other names, as many as there are elements, are taken in order
    np.testing.assert_array_equal(act(library.DataFrame({f"c{k}": values[:, k] for k in range(len(names))})), expected)


def test_names_of_the_network_come_first_and_numbers_are_understood() -> None:
    net = static(("flow", "speed", "load"), ("head", "power"))
    frame = pd.DataFrame({"time": 0.0, "load": X[:, 2], "flow": X[:, 0], "speed": X[:, 1]})
    np.testing.assert_array_equal(net(frame), net(X))
    numbered = pd.DataFrame({"x3": X[:, 2], "x1": X[:, 0], "x2": X[:, 1]})
    np.testing.assert_array_equal(net(numbered), net(X))
    targets = pl.DataFrame({"power": T[:, 1], "head": T[:, 0]})
    assert net.performance(frame, targets) == net.performance(X, T)


def test_one_row_of_a_frame_is_taken_by_name() -> None:
    frame = pd.DataFrame({"x2": X[:, 1], "x3": X[:, 2], "x1": X[:, 0]})
    np.testing.assert_array_equal(static()(frame.iloc[2]), static()(X[2]))
    np.testing.assert_array_equal(static()([frame.iloc[2], frame.iloc[3]]), static()(np.stack([X[2], X[3]])))
    np.testing.assert_array_equal(static()(pd.Series(X[2])), static()(X[2]))
    np.testing.assert_array_equal(static()(pl.Series(X[2])), static()(X[2]))


def test_the_rows_of_a_covariance_are_taken_by_name() -> None:
    frame = pd.DataFrame(SIGMA, index=["x1", "x2", "x3"], columns=["x1", "x2", "x3"])
    frame.loc["x1", "x2"] = 0.5  # so that rows and columns differ
    expected = static().propagate(X, frame.to_numpy())
    np.testing.assert_array_equal(static().propagate(X, frame.loc[["x3", "x1", "x2"], ["x2", "x1", "x3"]]), expected)
    data = pd.DataFrame({"x2": X[:, 1], "x1": X[:, 0], "x3": X[:, 2]})
    np.testing.assert_allclose(static().propagate(X, data.cov()), static().propagate(X, np.cov(X.T)), rtol=1e-13)


MISSING: dict[str, Any] = {
    "pandas Int64": pd.DataFrame({"x1": pd.array([1, None], dtype="Int64"), "x2": [1.0, 1.0], "x3": [2, 2]}),
    "pandas boolean": pd.DataFrame({"x1": pd.array([True, None], dtype="boolean"), "x2": [1.0, 1.0], "x3": [2, 2]}),
    "polars null": pl.DataFrame({"x1": [1, None], "x2": [True, True], "x3": [2.0, 2.0]}),
    "polars decimal": pl.DataFrame(
        {"x1": [1, None], "x2": [1, 1], "x3": [2.0, 2.0]}, schema_overrides={"x1": pl.Decimal(10, 2)}
    ),
}


@pytest.mark.parametrize("frame", MISSING.values(), ids=list(MISSING))
def test_a_missing_value_of_any_column_type_is_nan(frame: Any) -> None:
    np.testing.assert_array_equal(static()(frame), static()([[1.0, 1.0, 2.0], [NAN, 1.0, 2.0]]))


REFUSED: dict[str, tuple[Any, str]] = {
    "some names": (
        pd.DataFrame({"point": [1.0], "x1": [2.0], "x2": [3.0]}),
        "x has the columns point, x1, x2: x1, x2 would be taken by name, but x3 is missing; expected x1, x2, x3",
    ),
    "too many": (
        pd.DataFrame([[1.0, 2.0, 3.0, 4.0]], columns=list("abcd")),
        "x has 4 columns (a, b, c, d); expected exactly 3 numeric columns in the network's order, or columns named "
        "x1, x2, x3 beside any others",
    ),
    "a name twice": (
        pd.DataFrame([[1.0, 2.0, 3.0, 4.0]], columns=["x1", "x2", "x3", "x1"]),
        "x has two columns named x1; rename or drop one",
    ),
    "text": (
        pd.DataFrame({"x1": [1.0], "x2": ["high"], "x3": [3.0]}),
        # pandas 3 has a type of text, older ones hold objects
        f"the column x2 of x holds {pd.Series(['high']).dtype}, expected real numbers",
    ),
    "text among columns in order": (
        pl.DataFrame({"a": [1.0], "b": ["high"], "c": [3.0]}),
        "the column b of x holds String, expected real numbers",
    ),
    "complex": (
        pd.DataFrame({"x1": [1.0], "x2": [1j], "x3": [3.0]}),
        "the column x2 of x holds complex128, expected real numbers",
    ),
    "not computed yet": (
        pl.LazyFrame({"x1": [1.0], "x2": [2.0], "x3": [3.0]}),
        "x is a LazyFrame of polars; expected an array, or a DataFrame of pandas or polars",
    ),
    "a labelled sample that lacks a name": (
        pd.Series({"x1": 1.0, "x2": 2.0, "load": 3.0}),
        "x has the labels x1, x2, load: x1, x2 would be taken by name, but x3 is missing; expected x1, x2, x3",
    ),
    "parts of different shapes": (
        [np.ma.zeros((2, 3)), np.ma.zeros(3)],
        "x is not an array of numbers: its parts differ in shape",
    ),
}


@pytest.mark.parametrize(("frame", "message"), REFUSED.values(), ids=list(REFUSED))
def test_a_frame_that_does_not_fit_is_refused(frame: Any, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        static()(frame)
    assert str(caught.value) == message


def test_some_names_of_the_network_are_refused() -> None:
    net = static(("flow", "speed", "load"))
    with pytest.raises(ShapeError) as caught:
        net(pd.DataFrame({"speed": [1.0], "flow": [2.0], "x3": [3.0]}))
    assert str(caught.value) == (
        "x has the columns speed, flow, x3: flow, speed, x3 would be taken by name, but load is missing; expected "
        "flow, speed, load"
    )


def test_rows_and_columns_of_a_covariance_that_differ_are_refused() -> None:
    frame = pd.DataFrame(SIGMA, index=["x1", "x2", "x4"], columns=["x1", "x2", "x3"])
    with pytest.raises(ShapeError) as caught:
        static().propagate(X, frame)
    assert (
        str(caught.value) == "covariance has the rows x1, x2, x4, but the columns x1, x2, x3; give both the same names"
    )
    with pytest.raises(ShapeError) as caught:
        static().propagate(X, frame[:2])
    assert str(caught.value) == "covariance has 2 rows and 3 columns, expected a square matrix"


SHAPES: dict[str, tuple[Callable[[], Any], str]] = {
    "covariances of another batch": (
        lambda: static().propagate(X, np.stack([SIGMA] * 2)),
        "covariance has the batch (2,), but x has (5,)",
    ),
    "too few weights": (
        lambda: static().performance(X, T, error_weights=[1.0, 2.0, 3.0]),
        "error_weights has shape (3,), expected one that broadcasts to (5, 2)",
    ),
    "too few targets": (lambda: static().performance(X, T[:4]), "t has shape (4, 2), expected (5, 2)"),
    "a number of steps": (lambda: dynamic().run(SERIES, steps=2.0), "steps=2.0 is not an integer"),  # type: ignore[arg-type]
    "other steps": (lambda: dynamic().run(SERIES, steps=2), "steps=2, but the series has 5 time steps"),
    "lags": (lambda: dynamic().run_jacobian(SERIES, lags="2"), "lags='2' is not an integer"),  # type: ignore[arg-type]
    "regularization": (
        lambda: static().performance(X, T, regularization="0.5"),  # type: ignore[arg-type]
        "regularization is '0.5', expected a number from 0 to 1",
    ),
    "states of another batch": (
        lambda: dynamic().run(SERIES, input_states=np.zeros((2, 1, 2))),
        "input_states has the batch (2,), but x has ()",
    ),
    "states of another length": (
        lambda: dynamic().run(SERIES, layer_states=np.zeros((2, 1))),
        "layer_states has shape (2, 1), expected (..., 1, 1) at layer scale, oldest first",
    ),
}


@pytest.mark.parametrize(("act", "message"), SHAPES.values(), ids=list(SHAPES))
def test_other_shapes_are_refused(act: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        act()
    assert str(caught.value) == message


def test_error_weights_may_be_fewer_than_the_outputs() -> None:
    net = static()
    for given in (2.0, [1.0, 3.0], np.arange(5.0)[:, None]):
        full = np.broadcast_to(given, T.shape)
        assert net.performance(X, T, error_weights=given) == net.performance(X, T, error_weights=full)


def test_libraries_are_not_mixed() -> None:
    torch = pytest.importorskip("torch")
    x = torch.tensor(X)
    mixed: dict[str, Callable[[], Any]] = {
        "v": lambda: static().jvp(x, X),
        "covariance": lambda: static().propagate(x, SIGMA),
    }
    for name, act in mixed.items():
        with pytest.raises(ShapeError) as caught:
            act()
        assert str(caught.value) == f"{name} is an array of numpy, but x is one of torch; use one library"
    with pytest.raises(ShapeError) as caught:
        static().jvp(X, x)
    assert str(caught.value) == "v is an array of torch, but x is one of numpy; use one library"
    assert static().performance(x, torch.tensor(T)) == static().performance(X, T)
    with pytest.raises(ShapeError, match=r"^x cannot be converted to a NumPy array: Can't call numpy\(\) on Tensor"):
        static().performance(torch.ones((5, 3), requires_grad=True), T)


EMPTY: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "a series of no steps": (lambda: dynamic().run_jacobian(np.zeros((0, 2)), input_states=[[0.0, 0.0]]), (0, 2, 1, 2)),
    "no series": (lambda: dynamic().run_jacobian(np.zeros((0, 3, 2))), (0, 3, 2, 1, 2)),
    "no series, by its states": (
        lambda: dynamic().run_jacobian(np.zeros((0, 3, 2)), wrt="layer_states"),
        (0, 3, 1, 1, 1),
    ),
    "a gradient over no series": (
        lambda: dynamic().performance_gradient(np.zeros((0, 3, 2)), np.zeros((0, 3, 1))),
        (0, 3, 2),
    ),
    "a gradient over no steps": (
        lambda: dynamic().performance_gradient(np.zeros((0, 2)), np.zeros((0, 1)), input_states=[[0.0, 0.0]]),
        (0, 2),
    ),
    "a gradient over no samples": (lambda: static().performance_gradient(np.zeros((0, 3)), np.zeros((0, 2))), (0, 3)),
    "no samples": (lambda: static().propagate(np.zeros((0, 3)), SIGMA), (0, 2, 2)),
}


@pytest.mark.parametrize(("act", "shape"), EMPTY.values(), ids=list(EMPTY))
def test_nothing_in_nothing_out(act: Callable[[], Any], shape: tuple[int, ...]) -> None:
    assert act().shape == shape


def test_the_cost_of_nothing_is_not_known() -> None:
    assert np.isnan(static().performance(np.zeros((0, 3)), np.zeros((0, 2))))
    assert np.isnan(dynamic().performance(np.zeros((0, 3, 2)), np.zeros((0, 3, 1))))
    gradient = dynamic().performance_gradient(np.zeros((0, 3, 2)), np.zeros((0, 3, 1)), wrt="parameters")
    np.testing.assert_array_equal(gradient, np.zeros(6))


def test_a_network_without_inputs_and_delays_is_a_constant() -> None:
    layers = Layer(1, "tansig", bias=[0.5]), Layer(2, "purelin", {}, {0: Weight([[2.0], [3.0]])})
    net = Network(Structure((), layers, (Output(1, 2),), Performance("mse")))
    y = np.tanh(0.5) * np.array([2.0, 3.0])
    np.testing.assert_allclose(net.run(steps=3).outputs, np.tile(y, (3, 1)), rtol=1e-15)
    assert net.run(layer_states=np.zeros((4, 0, 3)), steps=2).outputs.shape == (4, 2, 2)
    assert net.run_jacobian(steps=3).shape == (3, 1, 2, 0)
    t = np.zeros((3, 2))
    assert net.performance(np.zeros((3, 0)), t) == pytest.approx(np.mean(y * y), rel=1e-15)
    gradient = net.performance_gradient(np.zeros((3, 0)), t, wrt="parameters")
    slope = 1.0 - np.tanh(0.5) ** 2
    np.testing.assert_allclose(gradient, [(y @ [2.0, 3.0]) * slope, *(y * np.tanh(0.5))], rtol=1e-14)


def test_measures_and_plots_take_the_same() -> None:
    net = static(("flow", "speed", "load"))
    frame = pd.DataFrame({"load": X[:, 2], "flow": X[:, 0], "speed": X[:, 1]})
    np.testing.assert_array_equal(matrix(frame, net.evaluation.inputs, "x"), X)
    single = Elements(1)
    for given in ([1.0, NAN], np.ma.masked_array([1.0, 5.0], [False, True]), pd.array([1, None], dtype="Int64")):
        column = pd.Series(given) if isinstance(given, pd.api.extensions.ExtensionArray) else given
        np.testing.assert_array_equal(matrix(column, single, "t"), [[1.0], [NAN]])
    with pytest.raises(ShapeError) as caught:
        matrix(np.ones((2, 3, 1)), single, "t")
    assert str(caught.value) == "t has shape (2, 3, 1), expected (N, 1)"
    with pytest.raises(ShapeError) as caught:
        matrix(np.ones(3) * 1j, single, "t")
    assert str(caught.value) == "t is complex, expected real numbers"


def test_a_data_array_is_taken_by_the_labels_of_its_last_dimension() -> None:
    xarray = pytest.importorskip("xarray")
    net = static(("flow", "speed", "load"))
    turned = xarray.DataArray(X[:, [2, 0, 1]], dims=("row", "band"), coords={"band": ["load", "flow", "speed"]})
    np.testing.assert_array_equal(net(turned), net(X))
    np.testing.assert_array_equal(net([turned[0], turned[1]]), net(X[:2]))
    np.testing.assert_array_equal(net(xarray.DataArray(X, dims=("row", "band"))), net(X))
    np.testing.assert_array_equal(net(xarray.DataArray(X, dims=("r", "b"), coords={"b": [3, 2, 1]})), net(X))
    other = xarray.DataArray(X, dims=("row", "band"), coords={"band": ["load", "flow", "torque"]})
    acts: list[Callable[[Any], Any]] = [net, lambda x: matnet.xarray.apply(net, x, "band")]
    for act in acts:
        with pytest.raises(ShapeError) as caught:
            act(other)
        assert str(caught.value) == (
            "x has the labels along 'band' load, flow, torque: flow, load would be taken by name, but speed is "
            "missing; expected flow, speed, load"
        )
    for model in (net, Ensemble([net])):
        raster = xarray.DataArray(turned.values.T, dims=("band", "pixel"), coords={"band": turned.band.values})
        np.testing.assert_array_equal(matnet.xarray.apply(model, raster, "band").values, net(X))


def test_plots_take_data_frames_by_name() -> None:
    pytest.importorskip("matplotlib")
    from matnet import plots

    net = static()
    frame = pd.DataFrame({"x2": X[:, 1], "x3": X[:, 2], "x1": X[:, 0]})
    y = net(X)
    targets = pd.DataFrame({"y2": y[:, 1], "y1": y[:, 0]})
    legend = plots.parity(net, frame, targets, of=2).get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "all samples: 5, rmse 0, R² 1.0000"
