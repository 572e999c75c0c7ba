"""States from known series, and forecasts: against MATLAB's, loops written by hand, JAX's scan and differences."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet import ModelError, Network, ShapeError, UnsupportedError
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from random_networks import minmax
from series_networks import open_network

FIXTURES = Path("fixtures")
WRT = ("x_past", "y_past", "x_future")


def known(seed: int = 0, past: int = 7, future: int = 5, lead: tuple[int, ...] = ()) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "x_past": rng.normal(size=(*lead, past, 2)),
        "y_past": rng.normal(size=(*lead, past, 2)),
        "x_future": rng.normal(size=(*lead, future, 2)),
    }


def by_hand(opened: Network, x_past: Any, y_past: Any, x_future: Any) -> Any:
    """A forecast by an open network whose feedback is its last inputs, a step at a time.

    What is fed back has delays, so the value at the step itself does not count; it is put in once it is known.
    """
    size = opened.output_size
    start = max(opened.structure.input_delay, opened.structure.layer_delay)
    past = np.concatenate([x_past, y_past], axis=1)
    states = past[start - opened.structure.input_delay : start]
    run = opened.run(past[start:], input_states=states)
    inputs, layers, found = run.input_states, run.layer_states, []
    for x in x_future:
        now = np.concatenate([x, np.zeros(size)])[None]
        run = opened.run(now, input_states=inputs, layer_states=layers)
        found.append(run.outputs[0])
        inputs, layers = run.input_states.copy(), run.layer_states
        inputs[-1, -size:] = found[-1]
    return np.array(found)


def test_matlabs_series_of_an_open_network(corpus: Path) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    net = matnet.load(file, network="net")
    data = net.prepare(None, read_array(file, "T").T)
    for found, stored in ((data.x, "Xs"), (data.input_states, "Xi"), (data.targets, "Ts")):
        assert np.array_equal(found, read_array(file, stored).T)
    assert data.layer_states.shape == (0, 21)
    y = net.run(data.x, data.input_states, data.layer_states).outputs
    np.testing.assert_allclose(y, read_array(file, "Y").T, rtol=0, atol=1e-13)


@pytest.mark.parametrize("network", ["net", "netc"])
def test_matlabs_series_of_the_closed_network(corpus: Path, network: str) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    net = matnet.load(file, network=network)
    found = net.forecast(None, read_array(file, "T").T, steps=50)
    np.testing.assert_allclose(found, read_array(file, "y2").T, rtol=0, atol=1e-13)


def test_matlabs_layer_states_of_the_closed_network(corpus: Path) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    net = matnet.load(file, network="netc")
    data = net.prepare(None, read_array(file, "T").T[-5:])
    stored = read_array(file, "Aic").T
    np.testing.assert_allclose(data.layer_states[:, -1], stored[:, -1], rtol=0, atol=1e-13)
    assert not data.layer_states[:, :-1].any()
    assert (data.x.shape, data.input_states.shape, data.targets.shape) == ((0, 0), (0, 0), (0, 1))


def test_matlabs_series_of_a_network_with_a_delay_removed(corpus: Path) -> None:
    file = corpus / "dynamic_nar_open_closed.mat"
    net = matnet.load(file, network="nets")
    t = read_array(file, "X2").T
    data = net.prepare(None, t)
    assert np.array_equal(data.x, read_array(file, "xs").T)
    assert np.array_equal(data.input_states, read_array(file, "xis").T)
    y = net.run(*data[:3]).outputs
    np.testing.assert_allclose(y, read_array(file, "y").T, rtol=0, atol=1e-13)
    assert np.array_equal(data.targets[:-1], t[2:])
    assert np.isnan(data.targets[-1])
    # the last output is that of the step after the series
    np.testing.assert_allclose(net.forecast(None, t, steps=1), y[-1:], rtol=0, atol=1e-14)


def test_a_narx_network_of_matlab_against_the_loop_by_hand(corpus: Path) -> None:
    net = matnet.load(corpus / "dynamic_narx_open.mat")
    rng = np.random.default_rng(4)
    low, high = np.array(net.input_range).T
    series = low + (high - low) * rng.random((30, 4))
    x, y = series[:, :3], series[:, 3:]
    found = net.forecast(x[:12], y[:12], x[12:])
    expected = by_hand(net, x[:12], y[:12], x[12:])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.array_equal(net.close_loop().forecast(x[:12], y[:12], x[12:]), found)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_random_networks_against_the_loop_by_hand(inner: bool, seed: int) -> None:
    given = known(seed)
    net = open_network(seed, inner=inner)
    expected = by_hand(net, **given)
    for same in (net, net.close_loop(), open_network(seed, feedback_first=True, inner=inner)):
        np.testing.assert_allclose(same.forecast(**given), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(net.remove_delay().forecast(**given), expected, rtol=1e-11, atol=1e-12)
    early = net.close_loop().remove_delay()
    np.testing.assert_allclose(early.forecast(**given), expected, rtol=1e-11, atol=1e-12)


def test_a_function_file_forecasts() -> None:
    net = matnet.load(FIXTURES / "genfunction" / "narx_closed.m")
    rng = np.random.default_rng(5)
    x, y, future = rng.normal(size=(6, 2)), rng.normal(size=(6, 1)), rng.normal(size=(4, 2))
    np.testing.assert_allclose(net.forecast(x, y, future), by_hand(net.open_loop(), x, y, future), rtol=1e-12)


@pytest.mark.parametrize("inner", [False, True])
def test_a_closed_network_prepared_continues_the_past(inner: bool) -> None:
    """The states of a closed network are its known outputs at layer scale, and its layers without one start from 0."""
    net = open_network(6, inner=inner).close_loop()
    given = known(6, past=9)
    data = net.prepare(given["x_past"], given["y_past"])
    reach = net.structure.layer_delay
    assert reach == 3
    assert np.array_equal(data.targets, given["y_past"][reach:])
    assert np.array_equal(data.input_states, given["x_past"][reach - 2 : reach])
    if not inner:
        expected = net.forecast(given["x_past"][:reach], given["y_past"][:reach], given["x_past"][reach:])
        assert np.array_equal(net.run(*data[:3]).outputs, expected)
    assert not data.layer_states[:, :4].any()


def test_targets_of_an_early_closed_network() -> None:
    net = open_network(7).close_loop().remove_delay()
    given = known(7, past=9)
    data = net.prepare(given["x_past"], given["y_past"])
    assert np.array_equal(data.targets[:-1], given["y_past"][4:])
    assert np.isnan(data.targets[-1]).all()
    late = net.add_delay()
    again = late.prepare(given["x_past"][1:], given["y_past"][1:])
    np.testing.assert_allclose(net.run(*data[:3]).outputs[:-1], late.run(*again[:3]).outputs, rtol=1e-13, atol=1e-13)


def test_a_batch_is_forecast_series_by_series() -> None:
    net, given = open_network(8, inner=True), known(8, lead=(2, 3))
    found = net.forecast(**given)
    assert found.shape == (2, 3, 5, 2)
    one = {name: array[1, 2] for name, array in given.items()}
    np.testing.assert_allclose(found[1, 2], net.forecast(**one), rtol=1e-13, atol=1e-14)
    for wrt in WRT:
        slopes = net.forecast_jacobian(**given, wrt=wrt)
        np.testing.assert_allclose(slopes[1, 2], net.forecast_jacobian(**one, wrt=wrt), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("wrt", WRT)
@pytest.mark.parametrize(
    "net",
    [open_network(9), open_network(9, feedback_first=True, inner=True), open_network(9, inner=True).remove_delay()],
    ids=["outer", "inner", "early"],
)
def test_derivatives_against_differences(net: Network, wrt: str) -> None:
    given, step = known(9), 1e-6
    found = net.forecast_jacobian(**given, wrt=wrt)
    for s, j in np.ndindex(given[wrt].shape):
        ends = []
        for sign in (1.0, -1.0):
            moved = given[wrt].copy()
            moved[s, j] += sign * step
            ends.append(net.forecast(**{**given, wrt: moved}))
        np.testing.assert_allclose(found[:, :, s, j], (ends[0] - ends[1]) / (2 * step), rtol=0, atol=1e-8)
    assert np.abs(found).max() > 1e-2


def jax_forecast(net: Network, jax: Any, x_past: Any, y_past: Any, x_future: Any) -> Any:
    """The forecast of ``open_network(inner=True)``, written in JAX: delays 1 and 2 of x and the layer, 1 and 3 of y."""
    jnp = jax.numpy
    hidden, last = net.structure.layers
    maps = [(e.processing[0].settings["gain"], e.processing[0].settings["xoffset"]) for e in net.structure.inputs]
    w_x, w_y, w_a = hidden.input_weights[0].value, hidden.input_weights[1].value, hidden.layer_weights[0].value
    w_o, (gain, offset) = last.layer_weights[0].value, maps[1]

    def scaled(value: Any, which: int) -> Any:
        return (value - maps[which][1]) * maps[which][0] - 1.0

    def step(state: Any, x: Any, y_known: Any = None) -> Any:
        xs, ys, activations = state  # oldest first: two, three and two steps
        taps_x = jnp.concatenate([xs[1], xs[0]])
        taps_y = jnp.concatenate([ys[2], ys[0]])
        taps_a = jnp.concatenate([activations[1], activations[0]])
        a = jnp.tanh(w_x @ taps_x + w_y @ taps_y + w_a @ taps_a + hidden.bias)
        out = w_o @ a + last.bias
        fed = out if y_known is None else scaled(y_known, 1)
        return (
            jnp.stack([xs[1], scaled(x, 0)]),
            jnp.stack([ys[1], ys[2], fed]),
            jnp.stack([activations[1], a]),
        ), (out + 1.0) / gain + offset

    start = (scaled(x_past[1:3], 0), scaled(y_past[:3], 1), jnp.zeros((2, 4)))
    state, _ = jax.lax.scan(lambda s, now: step(s, now[0], now[1]), start, (x_past[3:], y_past[3:]))
    return jax.lax.scan(step, state, x_future)[1]


def test_fifty_steps_against_the_scan_of_jax() -> None:
    jax = pytest.importorskip("jax")
    net, given = open_network(10, inner=True), known(10, past=9, future=50)
    with jax.enable_x64(True):
        arguments = tuple(jax.numpy.asarray(given[name]) for name in WRT)
        forecast = partial(jax_forecast, net, jax)
        np.testing.assert_allclose(net.forecast(**given), forecast(*arguments), rtol=1e-11, atol=1e-11)
        for wrt, expected in zip(WRT, jax.jacfwd(forecast, argnums=(0, 1, 2))(*arguments), strict=True):
            found = net.forecast_jacobian(**given, wrt=wrt)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
            assert np.abs(found[:3]).max() > 1e-2


def two_loops() -> Network:
    """Two outputs of different layers, fed back through inputs before and after the one that is not."""
    rng = np.random.default_rng(15)
    scalings = minmax(1, rng), minmax(2, rng)
    inputs = (
        Input(2, (scalings[1],), feedback_output=1),
        Input(2, (minmax(2, rng),)),
        Input(1, (scalings[0],), feedback_output=0),
    )
    taken = {
        0: Weight(0.4 * rng.normal(size=(1, 4)), delays=(1, 3)),
        1: Weight(0.4 * rng.normal(size=(1, 4)), delays=(0, 1)),
        2: Weight(0.4 * rng.normal(size=(1, 1)), delays=(4,)),
    }
    first = Layer(1, "tansig", taken, {}, [0.1])
    second = Layer(2, "logsig", {0: Weight(rng.normal(size=(2, 2)), delays=(2,))}, {0: Weight([[0.7], [-0.4]])})
    outputs = (
        Output(0, 1, (scalings[0],), feedback_mode="open", feedback_input=2),
        Output(1, 2, (scalings[1],), feedback_mode="open", feedback_input=0),
    )
    return Network(Structure(inputs, (first, second), outputs))


def test_two_loops_at_once() -> None:
    net, rng = two_loops(), np.random.default_rng(16)
    closed = net.close_loop()
    opened = closed.open_loop()
    assert (closed.input_size, opened.input_size) == (2, 5)
    assert [entry.feedback_output for entry in opened.structure.inputs] == [None, 0, 1]
    given: dict[str, Any] = {
        "x_past": rng.normal(size=(6, 2)),
        "y_past": rng.normal(size=(6, 3)),
        "x_future": rng.normal(size=(7, 2)),
    }
    found = net.forecast(**given)
    np.testing.assert_allclose(found, by_hand(opened, **given), rtol=1e-12, atol=1e-13)
    whole = np.concatenate([given["y_past"], found])
    data = net.prepare(np.concatenate([given["x_past"], given["x_future"]]), whole)
    np.testing.assert_allclose(net.run(*data[:3]).outputs[2:], found, rtol=1e-12, atol=1e-13)
    for wrt in WRT:
        slopes, step = net.forecast_jacobian(**given, wrt=wrt), 1e-6
        for s, j in np.ndindex(given[wrt].shape):
            moved = np.zeros_like(given[wrt])
            moved[s, j] = step
            ends = [net.forecast(**{**given, wrt: given[wrt] + sign * moved}) for sign in (1.0, -1.0)]
            np.testing.assert_allclose(slopes[:, :, s, j], (ends[0] - ends[1]) / (2 * step), rtol=0, atol=1e-8)


def test_a_layer_that_feeds_itself(corpus: Path) -> None:
    """An ARX network of one layer, closed, without scaling: y(t) = Σ w x(t − d) + Σ v y(t − d) + b."""
    net = matnet.load(corpus / "dynamic_arx_closed.mat")
    layer = net.structure.layers[0]
    w, v = layer.input_weights[0].value[0], layer.layer_weights[0].value[0]
    rng = np.random.default_rng(17)
    x, y = rng.normal(size=(9, 1)), list(rng.normal(size=4))
    found = net.forecast(x[:4], np.array(y)[:, None], x[4:])
    bias = 0.0 if layer.bias is None else float(layer.bias[0])
    for t in range(4, 9):
        y.append(sum(w[d - 1] * x[t - d, 0] + v[d - 1] * y[t - d] for d in (1, 2, 3)) + bias)
    np.testing.assert_allclose(found[:, 0], y[4:], rtol=1e-12)


def test_an_output_that_is_not_fed_back_need_not_be_known() -> None:
    net = open_network(11)
    both = Network(replace(net.structure, outputs=(Output(0, 4), *net.structure.outputs)))
    inputs = (both.structure.inputs[0], replace(both.structure.inputs[1], feedback_output=1))
    both = Network(replace(both.structure, inputs=inputs))
    given = known(11)
    expected = net.forecast(**given)
    y = np.concatenate([np.full((7, 4), np.nan), given["y_past"]], axis=1)
    found = both.forecast(given["x_past"], y, given["x_future"])
    np.testing.assert_allclose(found[:, 4:], expected, rtol=1e-13)
    slopes = both.forecast_jacobian(given["x_past"], y, given["x_future"], wrt="y_past")
    assert not slopes[..., :4].any()
    np.testing.assert_allclose(
        slopes[:, 4:, :, 4:], net.forecast_jacobian(**given, wrt="y_past"), rtol=1e-12, atol=1e-14
    )


def test_a_removed_output_row_has_no_derivative(corpus: Path) -> None:
    """What removeconstantrows removes of the feedback moves nothing."""
    net = matnet.load(corpus / "dynamic_constant_rows.mat")
    y = np.random.default_rng(12).normal(size=(3, 15))
    slopes = net.forecast_jacobian(None, y, steps=2, wrt="y_past")
    kept = np.asarray(net.structure.inputs[0].processing[0].settings["keep"], dtype=int) - 1
    removed = sorted(set(range(15)) - set(kept.tolist()))
    assert len(removed) == 1
    assert not slopes[..., removed].any()
    assert slopes[:, :, -1][..., kept].any(axis=(0, 1)).all()


def test_no_steps_and_no_more_past_than_needed() -> None:
    net, given = open_network(13, inner=True), known(13, past=3, future=0)
    assert net.forecast(**given).shape == (0, 2)
    shapes = [net.forecast_jacobian(**given, wrt=wrt).shape for wrt in WRT]
    assert shapes == [(0, 2, 3, 2), (0, 2, 3, 2), (0, 2, 0, 2)]
    ahead = known(13, past=3, future=4)
    np.testing.assert_allclose(net.forecast(**ahead), by_hand(net, **ahead), rtol=1e-12)


def test_a_long_series_takes_little_memory() -> None:
    """19,000 steps of 10 numbers are 1.5 MB: what is held is a few times the series, and nothing a step."""
    net, given = open_network(14), known(14, past=5, future=19_000)
    net.forecast(**known(14))
    tracemalloc.start()
    found = net.forecast(**given)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (19_000, 2)
    assert np.isfinite(found).all()
    assert peak < 8_000_000


def seen_twice() -> Network:
    net = open_network()
    hidden, last = net.structure.layers
    back = replace(last, layer_weights={**last.layer_weights, 1: Weight(np.eye(2), delays=(1,))})
    return Network(replace(net.structure, layers=(hidden, back)))


def autonomous() -> Network:
    layer = Layer(1, "tansig", {}, {0: Weight([[0.5, 0.2]], delays=(1, 2))}, [0.1])
    return Network(Structure((), (layer,), (Output(0, 1),)))


def delayed() -> Network:
    layer = Layer(1, "tansig", {0: Weight([[0.5, 0.2]], delays=(0, 1))}, bias=[0.1])
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))


GIVEN = known()
Y = np.zeros((4, 1))
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no feedback": (
        lambda: delayed().forecast(Y, Y, Y),
        ModelError,
        "the network feeds no output back, so there is nothing to forecast with: use net.run, and give its states to "
        "the next run",
    ),
    "seen twice": (
        lambda: seen_twice().forecast(**GIVEN),
        UnsupportedError,
        "outputs{2} is fed back through an input, and its layer is also seen with a delay inside the network; "
        "forecasts of such networks are not supported",
    ),
    "feedback without delay": (
        lambda: open_network(delays=(0, 1)).forecast(**GIVEN),
        ModelError,
        "IW{1,2} takes the feedback without delay: in a closed loop outputs{2} would be needed before it is computed; "
        "expected delays of at least 1",
    ),
    "short past": (
        lambda: open_network().forecast(**known(past=2)),
        ShapeError,
        "y_past has 2 time steps, but the network looks back over 3: give at least that many",
    ),
    "no past": (
        lambda: open_network().forecast(GIVEN["x_past"], None, GIVEN["x_future"]),
        ShapeError,
        "y_past is missing, expected a series (..., T, 2)",
    ),
    "one step": (
        lambda: open_network().forecast(GIVEN["x_past"], np.zeros(2), GIVEN["x_future"]),
        ShapeError,
        "y_past has shape (2,), expected a series (..., T, 2)",
    ),
    "inputs with the feedback": (
        lambda: open_network().forecast(np.zeros((7, 4)), GIVEN["y_past"], GIVEN["x_future"]),
        ShapeError,
        "x_past has shape (7, 4), expected (..., 2)",
    ),
    "no inputs": (
        lambda: open_network().forecast(None, GIVEN["y_past"], GIVEN["x_future"]),
        ShapeError,
        "x_past is missing, expected a series (..., T, 2)",
    ),
    "no future": (
        lambda: open_network().forecast(GIVEN["x_past"], GIVEN["y_past"], steps=3),
        ShapeError,
        "x_future is missing, expected a series (..., T, 2)",
    ),
    "another length": (
        lambda: open_network().forecast(GIVEN["x_past"][:-1], GIVEN["y_past"], GIVEN["x_future"]),
        ShapeError,
        "x_past has shape (6, 2), expected (7, 2): as many steps as y_past",
    ),
    "another batch": (
        lambda: open_network().forecast(GIVEN["x_past"], GIVEN["y_past"], GIVEN["x_future"][None]),
        ShapeError,
        "x_future has shape (1, 5, 2), expected (5, 2): the batch of y_past",
    ),
    "other steps": (
        lambda: open_network().forecast(**GIVEN, steps=6),
        ShapeError,
        "steps=6, but x_future has 5 time steps",
    ),
    "no steps": (
        lambda: autonomous().forecast(None, Y),
        ShapeError,
        "the network has no inputs except those fed back: steps must be the number of time steps to forecast, got "
        "steps=None",
    ),
    "inputs of a network without": (
        lambda: autonomous().forecast(Y, Y, steps=2),
        ShapeError,
        "x_past is given, but the network has no inputs except those fed back: expected None",
    ),
    "an unknown wrt": (
        lambda: open_network().forecast_jacobian(**GIVEN, wrt="x"),
        ShapeError,
        "wrt is 'x', expected 'x_past', 'y_past' or 'x_future'",
    ),
    "short targets": (
        lambda: open_network().prepare(np.zeros((2, 2)), np.zeros((2, 2))),
        ShapeError,
        "t has 2 time steps, but the network looks back over 3: give at least that many",
    ),
    "other targets": (
        lambda: open_network().prepare(np.zeros((9, 2)), np.zeros((8, 2))),
        ShapeError,
        "x has shape (9, 2), expected (8, 2): as many steps as t",
    ),
    "states of outputs": (
        lambda: open_network().close_loop().run(np.zeros((5, 2)), layer_states=np.zeros((3, 2))),
        ShapeError,
        "layer_states has shape (3, 2), expected (..., 3, 6) at layer scale, oldest first",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()
