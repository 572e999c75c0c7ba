"""What must hold between the values and derivatives of any dynamic network, on random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from numpy.typing import NDArray

from matnet.model.structure import Structure
from matnet.network import Network
from random_networks import dynamic_structures
from trials import random_cases

Real = NDArray[np.float64]

few = random_cases(25)

STEPS, BATCH = 6, 2


def drawn(structure: Structure) -> tuple[Network, dict[str, Any]]:
    """A network, and a series with states before it."""
    net, rng = Network(structure), np.random.default_rng(4)
    neurons = structure.layer_elements
    return net, {
        "x": rng.normal(size=(BATCH, STEPS, net.input_size)),
        "input_states": rng.normal(size=(BATCH, structure.input_delay, net.input_size)),
        "layer_states": rng.normal(size=(BATCH, structure.layer_delay, neurons)),
    }


def by_hand(structure: Structure, given: dict[str, Any]) -> Real:
    """The layers' outputs (BATCH, STEPS, N), from the definition: delay d sees t − d."""
    x = np.concatenate([given["input_states"], given["x"]], axis=1)
    past = list(np.moveaxis(given["layer_states"], 1, 0))
    widths = np.cumsum([0, *(layer.size for layer in structure.layers)])
    edges = np.cumsum([0, *(entry.size for entry in structure.inputs)])
    processed = []
    for j, entry in enumerate(structure.inputs):
        signal = x[..., edges[j] : edges[j + 1]]
        for process in entry.processing:
            signal = process.apply.value(signal)
        processed.append(signal)
    functions: dict[str, Any] = {
        "tansig": np.tanh,
        "logsig": lambda n: 1.0 / (1.0 + np.exp(-n)),
        "purelin": lambda n: n,
        "radbas": lambda n: np.exp(-n * n),
        "softmax": lambda n: np.exp(n) / np.exp(n).sum(-1, keepdims=True),
    }
    for t in range(STEPS):
        now: dict[int, Real] = {}
        for number in structure.order:
            layer = structure.layers[number]
            assert layer.bias is not None
            n = np.broadcast_to(layer.bias, (BATCH, layer.size))
            for j, weight in layer.input_weights.items():
                taps = [processed[j][:, structure.input_delay + t - d] for d in weight.delays]
                n = n + np.concatenate(taps, axis=-1) @ weight.value.T
            for k, weight in layer.layer_weights.items():
                taps = [now[k] if d == 0 else past[-d][:, widths[k] : widths[k + 1]] for d in weight.delays]
                n = n + np.concatenate(taps, axis=-1) @ weight.value.T
            now[number] = functions[layer.transfer](n)
        past.append(np.concatenate([now[k] for k in range(len(structure.layers))], axis=-1))
    return np.stack(past[structure.layer_delay :], axis=1)


@few
@given(dynamic_structures())
def test_a_series_against_the_definition(structure: Structure) -> None:
    net, series = drawn(structure)
    run = net.run(**series)
    np.testing.assert_allclose(run.layer_outputs, by_hand(structure, series), rtol=1e-11, atol=1e-12)


@few
@given(dynamic_structures())
def test_final_states_carry_on(structure: Structure) -> None:
    net, series = drawn(structure)
    whole = net.run(**series)
    first = net.run(series["x"][:, :4], series["input_states"], series["layer_states"])
    second = net.run(series["x"][:, 4:], first.input_states, first.layer_states)
    outputs = np.concatenate([first.outputs, second.outputs], axis=1)
    np.testing.assert_array_equal(outputs, whole.outputs)
    np.testing.assert_array_equal(second.input_states, whole.input_states)
    np.testing.assert_array_equal(second.layer_states, whole.layer_states)


@few
@given(dynamic_structures())
def test_the_total_derivative_predicts_what_a_small_change_does(structure: Structure) -> None:
    """Σ over lags and states of the derivative times a random direction, against a difference of the whole series."""
    net, series = drawn(structure)
    rng, h = np.random.default_rng(9), 2.0**-18
    directions = {name: rng.normal(size=array.shape) for name, array in series.items()}
    ahead = net.run(**{name: array + h * directions[name] for name, array in series.items()}).outputs
    behind = net.run(**{name: array - h * directions[name] for name, array in series.items()}).outputs
    by_lag = net.run_jacobian(**series, lags=STEPS - 1)
    assert by_lag.shape == (BATCH, STEPS, STEPS, net.output_size, net.input_size)
    total = np.zeros_like(ahead)
    for t in range(STEPS):
        for k in range(STEPS):
            if t < k:
                assert not by_lag[:, t, k].any()
            else:
                total[:, t] += np.einsum("bij,bj->bi", by_lag[:, t, k], directions["x"][:, t - k])
    for name in ("input_states", "layer_states"):
        by_state = net.run_jacobian(**series, wrt=name)
        total += np.einsum("btidj,bdj->bti", by_state, directions[name])
    scale = 1.0 + np.abs(total).max()
    np.testing.assert_allclose(total, (ahead - behind) / (2.0 * h), rtol=0.0, atol=3e-9 * scale)


@few
@given(dynamic_structures())
def test_the_gradient_of_a_cost_over_the_whole_series(structure: Structure) -> None:
    """Reverse accumulation in time against sums of forward derivatives, and by the weights against differences."""
    net, series = drawn(structure)
    t = np.random.default_rng(6).normal(size=(BATCH, STEPS, net.output_size))
    # a network that drew no delay at all has no states to start from
    states = {name: series[name] for name in ("input_states", "layer_states") if net.dynamic}
    x, theta = series["x"], net.parameters

    def cost(other: Network, at: Real) -> float:
        return float(((t - other.run(at, **states).outputs) ** 2).sum())

    u = -2.0 * (t - net.run(x, **states).outputs)
    by_lag = net.run_jacobian(**series, lags=STEPS - 1)
    expected = np.zeros_like(x)
    for now in range(STEPS):
        for k in range(now + 1):
            expected[:, now - k] += np.einsum("bi,bij->bj", u[:, now], by_lag[:, now, k])
    found = net.performance_gradient(x, t, name="sse", **states)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * (1.0 + np.abs(expected).max()))

    gradient = net.performance_gradient(x, t, wrt="parameters", name="sse", **states)
    direction, h = np.random.default_rng(1).normal(size=len(theta)), 2.0**-20
    ahead, behind = (cost(net.with_parameters(theta + sign * h * direction), x) for sign in (1.0, -1.0))
    along = float(gradient @ direction)
    assert abs(along - (ahead - behind) / (2.0 * h)) < 1e-6 * (1.0 + np.abs(gradient).sum())
