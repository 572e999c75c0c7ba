"""Series: states, total derivatives by lag and by the initial states, against differences of the run itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import matnet
from matnet import Network, ShapeError
from matnet.derivatives import memory
from matnet.derivatives.time import flat_states
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight

STEP = 1e-6


def minmax(low: list[float], high: list[float]) -> Process:
    return Process.from_matlab("mapminmax", {"xmin": low, "xmax": high, "ymin": -1.0, "ymax": 1.0})


def recurrent(seed: int = 0) -> Network:
    """Two inputs with gaps in their delays, an inner loop, and an output fed back with two delays."""
    rng = np.random.default_rng(seed)

    def weight(neurons: int, elements: int, delays: tuple[int, ...]) -> Weight:
        return Weight(0.5 * rng.normal(size=(neurons, elements * len(delays))), "dotprod", delays)

    hidden = Layer(
        4,
        "tansig",
        {0: weight(4, 2, (0, 2)), 1: weight(4, 1, (1,))},
        {0: weight(4, 4, (1, 3)), 1: weight(4, 2, (1, 2))},
        rng.normal(size=4),
    )
    last = Layer(2, "logsig", {}, {0: weight(2, 4, (0, 1))}, rng.normal(size=2))
    scaled = Output(1, 2, (minmax([0.0, 0.0], [4.0, 5.0]),))
    inputs = (Input(2, (minmax([-2.0, -1.0], [3.0, 1.0]),)), Input(1))
    return Network(Structure(inputs, (hidden, last), (Output(0, 4), scaled), Performance("mse", 0.1)))


def radial_taps() -> Network:
    """Taps into dist and netprod: a weight whose value is not a sum over its delays."""
    rng = np.random.default_rng(5)
    hidden = Layer(
        3, "radbas", {0: Weight(rng.normal(size=(3, 4)), "dist", (0, 3))}, {}, rng.uniform(0.3, 1, 3), "netprod"
    )
    last = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, np.zeros(1))
    return Network(Structure((Input(2),), (hidden, last), (Output(1, 1),)))


def autonomous() -> Network:
    """A closed NAR network: no input, two delays."""
    rng = np.random.default_rng(2)
    hidden = Layer(3, "tansig", {}, {1: Weight(rng.normal(size=(3, 2)), "dotprod", (1, 2))}, rng.normal(size=3))
    last = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, np.zeros(1))
    return Network(Structure((), (hidden, last), (Output(1, 1),)))


NETWORKS = {"recurrent": recurrent, "radial_taps": radial_taps, "autonomous": autonomous}


def series(net: Network, batch: tuple[int, ...] = (2,), steps: int = 6) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    neurons = net.structure.layer_elements
    return {
        "x": rng.normal(size=(*batch, steps, net.input_size)),
        "input_states": rng.normal(size=(*batch, net.structure.input_delay, net.input_size)),
        "layer_states": rng.normal(size=(*batch, net.structure.layer_delay, neurons)),
    }


def differences(net: Network, given: dict[str, Any], name: str) -> NDArray[np.float64]:
    """d outputs (..., T, S) by the argument `name` (..., T', R'), (..., T, S, T', R'), by central differences."""
    array = given[name]
    columns = []
    for place in np.ndindex(array.shape[-2:]):
        step = np.zeros_like(array)
        step[(..., *place)] = STEP
        above, below = (net.run(**{**given, name: array + sign * step}).outputs for sign in (1, -1))
        columns.append((above - below) / (2 * STEP))
    stacked = np.stack(columns, axis=-1) if columns else np.zeros((*net.run(**given).outputs.shape, 0))
    return stacked.reshape(*stacked.shape[:-1], *array.shape[-2:])


@pytest.mark.parametrize("name", NETWORKS)
def test_final_states_continue_exactly(name: str) -> None:
    net = NETWORKS[name]()
    given = series(net)
    whole = net.run(**given)
    first = net.run(given["x"][:, :2], given["input_states"], given["layer_states"])
    rest = net.run(given["x"][:, 2:], first.input_states, first.layer_states)
    assert np.array_equal(np.concatenate([first.outputs, rest.outputs], axis=1), whole.outputs)
    assert np.array_equal(rest.input_states, whole.input_states)
    assert np.array_equal(rest.layer_states, whole.layer_states)


@pytest.mark.parametrize("name", ["recurrent", "radial_taps"])
def test_jacobian_by_lag_is_the_total_derivative(name: str) -> None:
    net = NETWORKS[name]()
    given = series(net)
    by_time = differences(net, given, "x")
    found = net.run_jacobian(**given, lags=8)
    assert found.shape == (2, 6, 9, net.output_size, net.input_size)
    for t in range(6):
        for lag in range(9):
            expected = by_time[:, t, :, t - lag] if lag <= t else np.zeros_like(found[:, t, lag])
            np.testing.assert_allclose(found[:, t, lag], expected, atol=2e-9)
    assert np.array_equal(net.run_jacobian(**given, lags=1), found[:, :, :2])
    ahead = net.run_jacobian(**given, lags=8, leads=2)
    assert np.array_equal(ahead[:, :, :9], found)
    assert ahead.shape[2] == 11
    assert not ahead[:, :, 9:].any()


@pytest.mark.parametrize("wrt", ["input_states", "layer_states"])
@pytest.mark.parametrize("name", NETWORKS)
def test_jacobian_by_the_initial_states(name: str, wrt: str) -> None:
    net = NETWORKS[name]()
    given = series(net)
    found = net.run_jacobian(**given, wrt=wrt)
    expected = differences(net, given, wrt)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-9)


def both_ways(last: bool = False) -> Network:
    """A layer that runs forward, one that runs backward over it and over the inputs, and one that joins them.

    With `last`, a layer more takes what each of the two gives last, at the last step or at the first one.
    """
    rng = np.random.default_rng(6)

    def weight(neurons: int, elements: int, delays: tuple[int, ...] = (0,), last: bool = False) -> Weight:
        return Weight(0.5 * rng.normal(size=(neurons, elements * len(delays))), delays=delays, last=last)

    forward = Layer(2, "tansig", {0: weight(2, 2, (0, 2))}, {0: weight(2, 2, (1, 2))}, rng.normal(size=2))
    own = {0: weight(3, 2), 1: weight(3, 3, (1, 3))}
    backward = Layer(3, "logsig", {0: weight(3, 2), 1: weight(3, 1)}, own, rng.normal(size=3), backward=True)
    joined = Layer(2, "tansig", {1: weight(2, 1)}, {0: weight(2, 2), 1: weight(2, 3)}, rng.normal(size=2))
    layers, outputs = [forward, backward, joined], [Output(2, 2)]
    if last:
        ends = {0: weight(1, 2, last=True), 1: weight(1, 3, last=True), 2: weight(1, 2)}
        layers.append(Layer(1, "tansig", {}, ends, rng.normal(size=1)))
        outputs.append(Output(3, 1))
    return Network(Structure((Input(2), Input(1)), tuple(layers), tuple(outputs), Performance("mse", 0.1)))


@pytest.mark.parametrize("last", [False, True])
def test_values_of_layers_that_run_in_both_directions(last: bool) -> None:
    net = both_ways(last)
    given = series(net, batch=(), steps=5)
    x, states = given["x"], given["layer_states"]
    forward, backward, joined, *more = net.structure.layers

    def taken(layer: Layer, *parts: Any) -> Any:
        return np.concatenate(parts) @ np.hstack([weight.value for weight in layer.weights]).T + layer.bias

    past, ahead, u = list(states[:, :2]), list(states[:, 2:5]), np.concatenate([given["input_states"], x])
    for t in range(5):
        past.append(np.tanh(taken(forward, u[t + 2, :2], u[t, :2], past[-1], past[-2])))
    a = np.array(past[3:])
    for t in reversed(range(5)):
        ahead.append(1.0 / (1.0 + np.exp(-taken(backward, x[t, :2], x[t, 2:], a[t], ahead[-1], ahead[-3]))))
    b = np.array(ahead[:2:-1])
    expected = np.array([np.tanh(taken(joined, x[t, 2:], a[t], b[t])) for t in range(5)])
    found = net.run(**given)
    np.testing.assert_allclose(found.outputs[:, :2], expected, rtol=1e-13)
    np.testing.assert_allclose(found.layer_states[:, :2], past[-3:], rtol=1e-13)
    np.testing.assert_allclose(found.layer_states[:, 2:5], ahead[-3:], rtol=1e-13)
    np.testing.assert_allclose(found.layer_outputs[:, :7], np.hstack([a, b, expected]), rtol=1e-13)
    for layer in more:
        assert np.isnan(found.outputs[:4, 2]).all()
        np.testing.assert_allclose(found.outputs[4, 2:], np.tanh(taken(layer, a[4], b[0], expected[4])), rtol=1e-13)


@pytest.mark.parametrize("block", [None, 1, 250])
@pytest.mark.parametrize("last", [False, True])
def test_total_derivatives_of_layers_that_run_in_both_directions(
    last: bool, block: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = both_ways(last)
    given = series(net, steps=4)
    if block is not None:
        monkeypatch.setattr("matnet.derivatives.time._BLOCK_ELEMENTS", block)
    by_time = differences(net, given, "x")
    for lags, leads in ((5, 6), (1, 2), (0, 0)):
        found = net.run_jacobian(**given, lags=lags, leads=leads)
        assert found.shape == (2, 4, lags + 1 + leads, net.output_size, 3)
        for t in range(4):
            for lag in range(-leads, lags + 1):
                outside = np.where(np.isnan(by_time[:, t, :, 0]), np.nan, 0.0)
                expected = by_time[:, t, :, t - lag] if 0 <= t - lag < 4 else outside
                np.testing.assert_allclose(found[:, t, lag], expected, atol=2e-9)
    for wrt in ("input_states", "layer_states"):
        np.testing.assert_allclose(net.run_jacobian(**given, wrt=wrt), differences(net, given, wrt), atol=2e-9)


@pytest.mark.parametrize("steps", [0, 1])
def test_a_last_step_that_is_the_first_one(steps: int) -> None:
    net = both_ways(last=True)
    given = series(net, steps=steps)
    found = net.run_jacobian(**given, lags=1, leads=1)
    assert found.shape == (2, steps, 3, 3, 3)
    assert not found[:, :, 1:].any()
    for wrt, derivative in (("x", found[:, :, 0, :, None][..., :steps, :]), ("layer_states", None)):
        own = net.run_jacobian(**given, wrt=wrt) if derivative is None else derivative
        np.testing.assert_allclose(own, differences(net, given, wrt), atol=2e-9)


@pytest.mark.parametrize(
    ("name", "lags", "leads", "numbers"),
    [
        ("recurrent", 20, 2, 12 * 23 * (6 * 3)),
        ("recurrent", 3, 0, 12 * 4 * (6 + 6) * 3),
        ("recurrent", 8, 0, 12 * 6 * (6 + 6) * 3),
        ("both ways", 200, 3, 12 * 204 * (2 * 3)),
    ],
)
def test_the_memory_of_derivatives_by_lags(
    name: str, lags: int, leads: int, numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result, and total derivatives of the outputs and of the neurons that are fed back, at the lags there are."""
    net = recurrent() if name == "recurrent" else both_ways()
    given = series(net)
    for fewer in (0, 1):
        monkeypatch.setattr(memory, "machine_memory", lambda fewer=fewer: 8 * numbers - fewer)
        if not fewer:
            net.run_jacobian(**given, lags=lags, leads=leads)
            continue
        with pytest.raises(ShapeError, match=r"needed for the derivatives of 12 steps at "):
            net.run_jacobian(**given, lags=lags, leads=leads)


def test_states_as_one_vector() -> None:
    states = np.arange(12.0).reshape(2, 3, 2), np.arange(10.0).reshape(2, 1, 5)
    assert flat_states(*states).tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4], [6, 7, 8, 9, 10, 11, 5, 6, 7, 8, 9]]
    assert flat_states(states[0][0], states[1][0]).tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("wrt", ["inputs", "parameters", "input_states", "layer_states"])
def test_gradients_of_layers_that_run_in_both_directions(wrt: str, last: bool) -> None:
    net = both_ways(last)
    given = series(net, steps=4)
    x, states = given.pop("x"), given
    t = np.random.default_rng(7).normal(size=(2, 4, net.output_size))
    found = net.performance_gradient(x, t, wrt=wrt, **states)
    start = {"inputs": x, "parameters": net.parameters, **states}[wrt]
    assert found.shape == start.shape
    for direction in np.random.default_rng(8).normal(size=(6, *start.shape)):
        values = []
        for moved in (start + STEP * direction, start - STEP * direction):
            at = net.with_parameters(moved) if wrt == "parameters" else net
            arguments = {**states, **({wrt: moved} if wrt in states else {})}
            values.append(at.performance(moved if wrt == "inputs" else x, t, **arguments))
        assert np.vdot(found, direction) == pytest.approx((values[0] - values[1]) / (2 * STEP), abs=1e-8)


def test_what_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is the result, what computing it takes, or an array without elements whose size no array can have."""
    monkeypatch.setattr(memory, "machine_memory", lambda: 2**15)
    net, x = recurrent(), np.zeros((2, 50, 3))
    closed, first = autonomous(), np.zeros((1, 0))
    by_lags = "steps at {} lags, but this machine has 0.0 GiB; use fewer lags or a shorter series"
    by_states = "steps with respect to {} states, but this machine has 0.0 GiB; use a shorter series"
    calls: dict[str, Any] = {
        "0.0 GiB of memory are needed for the derivatives of 100 " + by_lags.format(60): lambda: net.run_jacobian(
            x, lags=9, leads=50
        ),
        "0.0 GiB of memory are needed for the derivatives of 100 " + by_lags.format(2): lambda: net.run_jacobian(
            x, lags=1
        ),
        "13,411,045,074,462.9 GiB of memory are needed for the derivatives of 100 "
        + by_lags.format("1,000,000,000,000,000,001"): lambda: net.run_jacobian(x, lags=10**18),
        "7,450,580,596.9 GiB of memory are needed for the derivatives of 1 "
        + by_lags.format("1,000,000,000,000,000,001").replace("steps", "step", 1): lambda: closed.run_jacobian(
            first, lags=10**18
        ),
        "0.0 GiB of memory are needed for the derivatives of 100 " + by_states.format("18 layer"): (
            lambda: net.run_jacobian(x, wrt="layer_states")
        ),
        "0.0 GiB of memory are needed for the derivatives of 100 " + by_states.format("6 input"): (
            lambda: net.run_jacobian(x, wrt="input_states")
        ),
    }
    for message, call in calls.items():
        with pytest.raises(ShapeError) as refused:
            call()
        assert str(refused.value) == f"at least {message}"
    assert net.run_jacobian(x[:, :5], wrt="layer_states").shape == (2, 5, 6, 3, 6)


def test_states_left_out_are_raw_zeros_and_layer_zeros() -> None:
    net = recurrent()
    given = series(net, batch=())
    zeros = {name: np.zeros_like(given[name]) for name in ("input_states", "layer_states")}
    assert np.array_equal(net.run(given["x"]).outputs, net.run(given["x"], **zeros).outputs)


def test_unused_state_entries_may_be_nan() -> None:
    net = recurrent()
    given = series(net, batch=())
    unused = given["layer_states"].copy()
    unused[0, 4:] = np.nan  # the last layer is seen one and two steps back, never three
    assert np.array_equal(net.run(given["x"], given["input_states"], unused).outputs, net.run(**given).outputs)


def test_a_nan_input_reaches_the_later_steps_that_see_it() -> None:
    net = radial_taps()
    x = series(net, batch=())["x"]
    x[1, 0] = np.nan
    assert np.isnan(net.run(x).outputs[:, 0]).tolist() == [False, True, False, False, True, False]


def test_a_network_without_input_runs_for_a_number_of_steps() -> None:
    net = autonomous()
    start = np.random.default_rng(3).normal(size=(2, 4))
    y = net.run(steps=5, layer_states=start).outputs
    w1, w2 = net.structure.layers[0].layer_weights[1].value, net.structure.layers[1].layer_weights[0].value
    past = list(start[:, 3])
    for _ in range(5):
        taps = np.array([past[-1], past[-2]])
        past.append(float((w2 @ np.tanh(w1 @ taps + net.structure.layers[0].bias))[0]))
    np.testing.assert_allclose(y[:, 0], past[2:], rtol=1e-14)


def test_open_and_closed_loop_agree_when_the_feedback_is_the_output() -> None:
    """closeloop: IW{1,2} becomes LW{1,2} unchanged; fed its own past outputs, the open loop gives the closed one."""
    rng = np.random.default_rng(4)
    scaling = minmax([-3.0], [2.0])
    exogenous = Weight(rng.normal(size=(3, 2)), "dotprod", (1, 2))
    feedback = Weight(rng.normal(size=(3, 2)), "dotprod", (1, 2))
    bias, last = rng.normal(size=3), Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, rng.normal(size=1))
    output = Output(1, 1, (scaling,))
    opened = Structure(
        (Input(1), Input(1, (scaling,), feedback_output=0)),
        (Layer(3, "tansig", {0: exogenous, 1: feedback}, {}, bias), last),
        (output,),
    )
    closed = Structure((Input(1),), (Layer(3, "tansig", {0: exogenous}, {1: feedback}, bias), last), (output,))
    u = rng.normal(size=(8, 1))
    before_u, before_y = rng.normal(size=(2, 1)), rng.uniform(-3, 2, size=(2, 1))
    states = np.concatenate([np.zeros((2, 3)), scaling.apply.value(before_y)], axis=1)
    y = Network(closed).run(u, input_states=before_u, layer_states=states).outputs
    past = np.concatenate([before_y, y])
    again = Network(opened).run(
        np.concatenate([u, past[2:]], axis=1), input_states=np.concatenate([before_u, before_y], axis=1)
    )
    np.testing.assert_allclose(again.outputs, y, rtol=1e-13)


def test_a_static_network_runs_step_by_step(corpus: Path) -> None:
    net = matnet.load(corpus / "static_chemical_workspace.mat")
    x = read_array(corpus / "static_chemical_workspace.mat", "x")
    x = x if x.shape[1] == net.input_size else x.T
    assert np.array_equal(net.run(x).outputs, net(x))
    np.testing.assert_allclose(net.run_jacobian(x)[:, 0], net.jacobian(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "x is missing, expected a series (..., T, 3)"),
        ({"x": np.zeros(3)}, "x has shape (3,), expected a series (..., T, 3)"),
        ({"x": np.zeros((4, 2))}, "x has shape (4, 2), expected (..., 3)"),
        (
            {"x": np.zeros((1, 3))},
            "the series has length 1, but the longest input delay is 2: give input_states (..., 2, 3), zeros if "
            "the inputs were 0 before",
        ),
        ({"x": np.zeros((4, 3)), "steps": 5}, "steps=5, but the series has 4 time steps"),
        (
            {"x": np.zeros((4, 3)), "input_states": np.zeros((1, 3))},
            "input_states has shape (1, 3), expected (..., 2, 3) at raw scale, oldest first",
        ),
        (
            {"x": np.zeros((4, 3)), "layer_states": np.zeros((3, 5))},
            "layer_states has shape (3, 5), expected (..., 3, 6) at layer scale, oldest first",
        ),
        (
            {"x": np.zeros((7, 4, 3)), "layer_states": np.zeros((2, 3, 6))},
            "layer_states has the batch (2,), but x has (7,)",
        ),
    ],
)
def test_a_series_that_does_not_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        recurrent().run(**arguments)


def test_other_refusals() -> None:
    net = recurrent()
    x = np.zeros((4, 3))
    with pytest.raises(
        ShapeError,
        match=r"^wrt is 'weights', expected 'inputs', 'input_states', 'layer_states' or the names of inputs "
        r"\(x1, x2, x3\)$",
    ):
        net.run_jacobian(x, wrt="weights")
    with pytest.raises(ShapeError, match=r"^lags is -1, expected 0 or more$"):
        net.run_jacobian(x, lags=-1)
    with pytest.raises(ShapeError, match=r"^leads is -1, expected 0 or more$"):
        net.run_jacobian(x, leads=-1)
    half: Any = 0.5
    with pytest.raises(ShapeError, match=r"^leads=0\.5 is not an integer$"):
        net.run_jacobian(x, leads=half)
    with pytest.raises(ShapeError, match=r"^this network is dynamic"):
        net(x)
    with pytest.raises(ShapeError, match=r"^the network has no inputs: say for how many steps it runs with steps$"):
        autonomous().run()
    with pytest.raises(ShapeError, match=r"^steps is -1, expected 0 or more$"):
        autonomous().run(steps=-1)
