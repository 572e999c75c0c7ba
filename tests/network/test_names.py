"""The names of a network: their values, where they are kept, and what they select."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import matnet
from matnet import Ensemble, Network
from matnet.errors import ModelError, ShapeError
from matnet.model.structure import Input, Layer, Output, Performance, Structure, Weight
from series_networks import open_network

RNG = np.random.default_rng(0)


def bare() -> Network:
    """Two inputs of two and one elements, two outputs of one element each."""
    rng = np.random.default_rng(1)
    hidden = Layer(
        3,
        "tansig",
        {0: Weight(rng.normal(size=(3, 2))), 1: Weight(rng.normal(size=(3, 1)))},
        bias=rng.normal(size=3),
        name="Hidden",
    )
    ends = [Layer(1, "tansig", {}, {0: Weight(rng.normal(size=(1, 3)))}, rng.normal(size=1)) for _ in range(2)]
    outputs = Output(1, 1), Output(2, 1)
    return Network(Structure((Input(2), Input(1)), (hidden, *ends), outputs, Performance("mse")))


def dynamic() -> Network:
    weights = Weight([[0.5, 0.25, -0.5, 0.125]], delays=(0, 1))
    layer = Layer(1, "tansig", {0: weights}, {0: Weight([[0.3]], delays=(1,))}, bias=[0.1])
    return Network(Structure((Input(2),), (layer,), (Output(0, 1),), Performance("mse")))


NET = bare().with_names(["flow", "speed", "load"], ["head", "power"], {"speed": "1/min", "head": "m"})
X = RNG.normal(size=(5, 3))
FRAME = pd.DataFrame({"load": X[:, 2], "flow": X[:, 0], "id": list("abcde"), "speed": X[:, 1]}, index=list("vwxyz"))


def test_names_and_units() -> None:
    assert (bare().input_names, bare().output_names) == (("x1", "x2", "x3"), ("y1", "y2"))
    assert (bare().input_units, bare().output_units) == (("", "", ""), ("", ""))
    assert (NET.input_names, NET.output_names) == (("flow", "speed", "load"), ("head", "power"))
    assert (NET.input_units, NET.output_units) == (("", "1/min", ""), ("m", ""))
    assert NET.layer_names == ("Hidden", "Layer", "Layer")
    again = NET.with_names(outputs=["a", "b"], units={"flow": "m³/h"})
    assert (again.input_names, again.output_names) == (NET.input_names, ("a", "b"))
    assert (again.input_units, again.output_units) == (("m³/h", "1/min", ""), ("m", ""))
    np.testing.assert_array_equal(NET(X), bare()(X))


def test_parameters_are_named_as_in_matlab() -> None:
    names, theta = NET.parameter_names, NET.parameters
    layers = NET.structure.layers
    assert names[:5] == ("b{1}(1)", "b{1}(2)", "b{1}(3)", "IW{1,1}(1,1)", "IW{1,1}(2,1)")
    assert len(names) == len(theta) == len(set(names))
    assert theta[names.index("IW{1,1}(2,2)")] == layers[0].input_weights[0].value[1, 1]
    assert theta[names.index("IW{1,2}(3,1)")] == layers[0].input_weights[1].value[2, 0]
    assert theta[names.index("LW{3,1}(1,2)")] == layers[2].layer_weights[0].value[0, 1]


@pytest.mark.parametrize(
    "again",
    [
        lambda net: net.with_parameters(net.parameters),
        lambda net: net.with_scaling(outputs=[{"xmin": 0.0, "xmax": 1.0, "ymin": -1.0, "ymax": 1.0}, None]),
        lambda net: Network(replace(net.structure)),
    ],
)
def test_names_stay_with_the_network(again: Callable[[Network], Network]) -> None:
    net = again(NET)
    assert (net.input_names, net.output_names, net.input_units) == (NET.input_names, NET.output_names, NET.input_units)


def test_names_are_kept_in_the_archive(tmp_path: Path) -> None:
    matnet.save(NET, tmp_path / "net.json")
    net = matnet.load(tmp_path / "net.json")
    assert (net.input_names, net.output_names) == (NET.input_names, NET.output_names)
    assert (net.input_units, net.output_units) == (NET.input_units, NET.output_units)


def test_names_when_it_is_loaded() -> None:
    net = matnet.load("fixtures/pump.mat", input_names=["flow", "speed"], output_names="head")
    assert (net.input_names, net.output_names) == (("flow", "speed"), ("head",))


NAMES_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "too few": ({"inputs": ["a", "b"]}, "inputs: expected a name for each of 3, got 2: a, b"),
    "too many": ({"outputs": "abc"}, "outputs: expected a name for each of 2, got 1: abc"),
    "twice": ({"inputs": ["a", "b", "a"]}, "elements 1 and 3 are both named 'a'; rename one"),
    "another number": ({"inputs": ["x2", "x1", "a"]}, "element 1 is named 'x2', which means element 2; rename it"),
    "no text": (
        {"inputs": ["a", 2, "c"]},
        "element names: 2 is not one line of printable text without leading or trailing spaces",
    ),
    "empty": (
        {"outputs": ["a", ""]},
        "element names: '' is not one line of printable text without leading or trailing spaces",
    ),
    "a line break": (
        {"outputs": ["a", "b\nc"]},
        "element names: 'b\\nc' is not one line of printable text without leading or trailing spaces",
    ),
    "a unit of nothing": (
        {"units": {"torque": "Nm"}},
        "units names torque; the names are flow, speed, load, head, power",
    ),
    "units in order": ({"units": ["m", "s"]}, "units is of type list, expected a mapping of names to units"),
    "a unit of two lines": (
        {"units": {"flow": "m\ns"}},
        "units: 'm\\ns' is not one line of printable text without leading or trailing spaces",
    ),
}


@pytest.mark.parametrize(("names", "message"), NAMES_REFUSED.values(), ids=list(NAMES_REFUSED))
def test_names_that_do_not_fit_are_refused(names: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        NET.with_names(**names)
    assert str(caught.value) == message


def test_derivatives_of_some_with_respect_to_some() -> None:
    J, H = NET.jacobian(X), NET.hessian(X)
    np.testing.assert_array_equal(NET.jacobian(X, of="power"), J[:, [1]])
    np.testing.assert_array_equal(NET.jacobian(X, wrt="load"), J[..., [2]])
    np.testing.assert_array_equal(
        NET.jacobian(X, of=["power", "head"], wrt=("load", "flow")), J[:, [1, 0]][..., [2, 0]]
    )
    np.testing.assert_array_equal(NET.jacobian(X, of="y2", wrt="x3"), J[:, [1]][..., [2]])
    np.testing.assert_array_equal(NET.jacobian(X[0], of="power", wrt="load"), J[0, 1:, 2:])
    np.testing.assert_array_equal(NET.jacobian(X, of="Hidden", wrt="load"), NET.jacobian(X, of=1)[..., [2]])
    np.testing.assert_array_equal(
        NET.hessian(X, of="power", wrt=["load", "flow"]), H[:, [1]][:, :, [2, 0]][..., [2, 0]]
    )
    np.testing.assert_array_equal(NET.parameter_jacobian(X, of="head"), NET.parameter_jacobian(X)[:, [0]])
    t = RNG.normal(size=(5, 2))
    gradient = NET.performance_gradient(X, t)
    np.testing.assert_array_equal(NET.performance_gradient(X, t, wrt=["load", "flow"]), gradient[:, [2, 0]])
    assert bare().jacobian(X, of="y2", wrt="x1").shape == (5, 1, 1)


def test_series_of_some_with_respect_to_some() -> None:
    net, x = dynamic().with_names(["u", "v"], "y"), RNG.normal(size=(6, 2))
    J = net.run_jacobian(x)
    np.testing.assert_array_equal(net.run_jacobian(x, wrt="v"), J[..., [1]])
    np.testing.assert_array_equal(net.run_jacobian(x, wrt=["v", "u"], of="y"), J[..., [1, 0]])
    states = net.run_jacobian(x, wrt="layer_states")
    np.testing.assert_array_equal(net.run_jacobian(x, wrt="layer_states", of="y"), states)
    np.testing.assert_array_equal(
        net.performance_gradient(x, np.zeros((6, 1)), wrt="v"), net.performance_gradient(x, np.zeros((6, 1)))[:, [1]]
    )


def test_names_select_in_other_libraries() -> None:
    torch = pytest.importorskip("torch")
    found = NET.jacobian(torch.tensor(X), of=["power"], wrt=["load", "flow"])
    np.testing.assert_allclose(found.numpy(), NET.jacobian(X)[:, [1]][..., [2, 0]], rtol=1e-13)


SELECTION: dict[str, tuple[Callable[[], Any], str]] = {
    "of nothing known": (
        lambda: NET.jacobian(X, of="torque"),
        "of='torque' is neither a layer (Hidden, Layer, Layer) nor an output (head, power) of the network",
    ),
    "of an unknown among several": (
        lambda: NET.jacobian(X, of=["head", "torque"]),
        "of='torque' is not the name of an output; the names are head, power",
    ),
    "of one twice": (lambda: NET.jacobian(X, of=["head", "head"]), "of names head twice"),
    "of both": (
        lambda: NET.with_names(outputs=["Hidden", "power"]).jacobian(X, of="Hidden"),
        "of='Hidden' is both a layer and an output; give the layer's number, or of=['Hidden'] for the output",
    ),
    "of two layers": (
        lambda: NET.jacobian(X, of="Layer"),
        "2 layers are named 'Layer'; give the layer's number, from 1 to 3",
    ),
    "of half a layer": (
        lambda: NET.jacobian(X, of=1.5),  # type: ignore[arg-type]
        "of=1.5 is neither a layer's number nor a name",
    ),
    "of something else": (
        lambda: NET.jacobian(X, of=b"head"),  # type: ignore[arg-type]
        "of=b'head' is not the name of an output; the names are head, power",
    ),
    "wrt nothing known": (
        lambda: NET.hessian(X, wrt="head"),
        "wrt='head' is not the name of an input; the names are flow, speed, load",
    ),
    "wrt a number": (
        lambda: NET.jacobian(X, wrt=2),  # type: ignore[arg-type]
        "wrt=2 is not the name of an input; the names are flow, speed, load",
    ),
    "normalized": (
        lambda: NET.jacobian(X, scale="normalized", wrt="load"),
        "scale='normalized' is for processed values, which have no names; select with an index",
    ),
    "a gradient wrt nothing known": (
        lambda: NET.performance_gradient(X, np.zeros((5, 2)), wrt="weights"),
        "wrt is 'weights', expected 'inputs', 'parameters', 'input_states', 'layer_states' or the names of inputs "
        "(flow, speed, load)",
    ),
    "lags of a static network": (
        lambda: NET.gradients_frame(FRAME, lags=1),
        "lags is for dynamic networks, and this one is static",
    ),
    "no frame": (
        lambda: NET.predict_frame(X),
        "frame is of type ndarray, expected a DataFrame of pandas or polars",
    ),
    "a name that comes out twice": (
        lambda: bare().with_names(outputs=["y", "dy_dx1"]).gradients_frame(pd.DataFrame(X)),
        "two columns of the result are named dy_dx1; give the network other names",
    ),
}


@pytest.mark.parametrize(("act", "message"), SELECTION.values(), ids=list(SELECTION))
def test_what_cannot_be_selected_is_refused(act: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        act()
    assert str(caught.value) == message


def test_a_frame_in_and_a_frame_out() -> None:
    y, J = NET.value_and_jacobian(X)
    outputs = NET.predict_frame(FRAME)
    assert (list(outputs.columns), list(outputs.index)) == (["head", "power"], list("vwxyz"))
    np.testing.assert_array_equal(outputs.to_numpy(), y)
    names = [f"d{i}_d{j}" for i in ("head", "power") for j in ("flow", "speed", "load")]
    slopes = NET.gradients_frame(FRAME)
    assert (list(slopes.columns), list(slopes.index)) == (["head", "power", *names], list("vwxyz"))
    np.testing.assert_array_equal(slopes.to_numpy(), np.concatenate([y, J.reshape(5, 6)], axis=1))
    some = NET.gradients_frame(FRAME, of="power", wrt=["load", "flow"])
    assert list(some.columns) == ["power", "dpower_dload", "dpower_dflow"]
    np.testing.assert_array_equal(some.to_numpy(), np.stack([y[:, 1], J[:, 1, 2], J[:, 1, 0]], axis=1))


def test_a_polars_frame_comes_out_as_one() -> None:
    frame = pl.DataFrame({name: FRAME[name].to_list() for name in FRAME.columns})
    found = NET.gradients_frame(frame, of="head")
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["head", "dhead_dflow", "dhead_dspeed", "dhead_dload"]
    np.testing.assert_array_equal(found.to_numpy(), NET.gradients_frame(FRAME, of="head").to_numpy())
    assert NET.predict_frame(frame.clear()).shape == (0, 2)


def test_a_frame_of_a_series() -> None:
    net, x = dynamic(), RNG.normal(size=(6, 2))
    frame = pd.DataFrame(x, columns=["x1", "x2"])
    np.testing.assert_array_equal(net.predict_frame(frame, states="zeros").to_numpy(), net.run(x).outputs)
    found = net.gradients_frame(frame, states="zeros")
    assert list(found.columns) == ["y1", "dy1_dx1", "dy1_dx2", "dy1_dx1_lag1", "dy1_dx2_lag1"]
    np.testing.assert_array_equal(found.to_numpy()[:, 1:], net.run_jacobian(x).reshape(6, 4))
    assert net.gradients_frame(frame, lags=3, states="zeros").shape == (6, 9)


def test_a_frame_of_a_series_starts_from_its_first_rows() -> None:
    net = open_network().close_loop()
    x, t = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 2))
    data = net.prepare(x, t)
    frame = pl.DataFrame(np.c_[x, t], ["flow", "speed", "head", "power"])
    y = net.predict_frame(frame).to_numpy()
    assert np.isnan(y[:3]).all()
    np.testing.assert_array_equal(y[3:], net.run(*data[:3]).outputs)
    found = net.gradients_frame(frame, of="power", wrt="speed", lags=2)
    assert found.columns == ["power", "dpower_dspeed", "dpower_dspeed_lag1", "dpower_dspeed_lag2"]
    by_states = net.run_jacobian(
        data.x, wrt="input_states", input_states=data.input_states, layer_states=data.layer_states
    )
    assert found["dpower_dspeed_lag2"][3] == by_states[0, 1, -2, 1] != 0
    with pytest.raises(ShapeError) as caught:
        net.predict_frame(frame.select("flow", "speed"))
    assert str(caught.value) == (
        "the network feeds head, power back, and the frame has no column head, power with the measured values; or "
        "start from zeros with states='zeros'"
    )
    with pytest.raises(ShapeError) as caught:
        net.predict_frame(frame[:2])
    assert str(caught.value) == (
        "the frame has 2 rows, but the network looks back over 3, which become its states; give more, or start from "
        "zeros with states='zeros'"
    )
    with pytest.raises(ShapeError, match=r"^states is 'zero', expected 'first-rows' or 'zeros'$"):
        net.predict_frame(frame, states="zero")


def test_members_of_an_ensemble_share_their_names() -> None:
    other = bare().with_parameters(bare().parameters * 0.5)
    both = Ensemble([other, NET])
    assert (both.input_names, both.output_names) == (NET.input_names, NET.output_names)
    expected = (NET.jacobian(X) + other.jacobian(X)) / 2.0
    np.testing.assert_allclose(both(FRAME), (NET(X) + other(X)) / 2.0, rtol=1e-15)
    np.testing.assert_allclose(both.jacobian(FRAME, of="power", wrt="load"), expected[:, [1]][..., [2]], rtol=1e-15)
    assert both.hessian(FRAME, wrt=["load", "flow"]).shape == (5, 2, 2, 2)
    with pytest.raises(ModelError) as caught:
        Ensemble([other, NET, NET.with_names(["speed", "flow", "load"])])
    assert str(caught.value) == (
        "member 3 names its inputs speed, flow, load, member 2 flow, speed, load; give all members the same names"
    )


def test_names_are_in_every_export(tmp_path: Path) -> None:
    for suffix in (".c", ".m", ".py"):
        matnet.save(NET, tmp_path / f"named{suffix}")
        text = (tmp_path / f"named{suffix}").read_text(encoding="utf-8")
        assert all(name in text for name in (*NET.input_names, *NET.output_names))
    matnet.save(NET, tmp_path / "other.c", inputs=["a", "b", "c"])
    assert "flow" not in (tmp_path / "other.c").read_text(encoding="utf-8")
