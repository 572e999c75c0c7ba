"""Bidirectional LSTM layers, and initial states: by PyTorch, by a second copy, and by ONNX's reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from layered_networks import column, dense, directed, layer, learnable, number, random_numbers
from matnet.model.checks import make_checks
from matnet.model.structure import Weight
from recurrent_networks import (
    LEARNABLES,
    H,
    R,
    hard_sigmoid,
    load,
    numbers_of,
    plain_bilstm,
    plain_bilstm_last,
    plain_gru,
    plain_lstm,
    recurrent,
    sequences,
    softsign,
)

S, T = 2, 6
X = np.random.default_rng(1).normal(size=(2, T, R))
W, B = random_numbers(2, (S, 2 * H), (S,))


def both(seed: int = 3, **more: Any) -> Any:
    return recurrent("BiLSTM", "both", seed, **more)


def differences(function: Any, x: Any, h: float = 1e-6) -> Any:
    """The derivative of a function's values by every number of x, the last axes those of x."""
    steps = np.eye(x.size).reshape(x.size, *x.shape) * h
    found = [(function(x + step) - function(x - step)) / (2 * h) for step in steps]
    return np.stack(found, axis=-1).reshape(*found[0].shape, *x.shape)


def by_steps(by_lag: Any, lags: int, leads: int) -> Any:
    """dy(t)/dx(s) (T, S, T, R) from derivatives by lag (T, lags + 1 + leads, S, R), NaN where no lag reaches."""
    steps, _, outputs, inputs = by_lag.shape
    whole = np.full((steps, outputs, steps, inputs), np.nan)
    for time in range(steps):
        for source in range(max(0, time - lags), min(steps, time + leads + 1)):
            whole[time, :, source] = by_lag[time, time - source]
    return whole


@pytest.mark.parametrize(("state", "gate"), [("tanh", "sigmoid"), ("softsign", "hard-sigmoid")])
def test_outputs_are_those_of_a_second_copy(tmp_path: Path, state: str, gate: str) -> None:
    stored = both(StateActivationFunction=state, GateActivationFunction=gate)
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    functions = {} if state == "tanh" else {"state": softsign, "gate": hard_sigmoid}
    expected = plain_bilstm(stored, X, **functions) @ W.T + B
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    assert net.layer_names == ("input", "both", "fc")
    assert net.structure.looks_ahead
    assert "depend on later steps" in net.provenance.oddities[0]


def torch_twin(torch: Any, stored: Any) -> Any:
    """PyTorch's bidirectional LSTM with the same numbers; its second biases are 0."""
    weights, returning, bias = numbers_of(stored)
    units = returning.shape[1]
    twin = torch.nn.LSTM(weights.shape[1], units, batch_first=True, bidirectional=True, dtype=torch.float64)
    given: dict[str, Any] = {}
    for number_, end in enumerate(("l0", "l0_reverse")):
        rows = slice(4 * units * number_, 4 * units * (number_ + 1))
        own = {"weight_ih": weights[rows], "weight_hh": returning[rows], "bias_ih": bias[rows, 0]}
        given |= {f"{name}_{end}": value for name, value in own.items()} | {f"bias_hh_{end}": np.zeros(4 * units)}
    twin.load_state_dict({name: torch.tensor(value) for name, value in given.items()})
    return twin


@pytest.mark.parametrize("last", [False, True], ids=["every step", "last step"])
@pytest.mark.parametrize(("units", "seed"), [(1, 1), (4, 2), (7, 3)])
def test_values_and_gradients_are_those_of_pytorch(tmp_path: Path, units: int, seed: int, last: bool) -> None:
    """Two bidirectional layers; dy(t)/dx(s) for all t and s, the states and all weights."""
    torch = pytest.importorskip("torch")
    first = recurrent("BiLSTM", "one", seed, units=units)
    second = recurrent("BiLSTM", "two", seed + 5, size=2 * units, units=units + 1, last=last)
    weights, bias = random_numbers(seed + 10, (S, 2 * units + 2), (S,))
    net = load(tmp_path, [sequences(), first, second, dense("fc", weights, bias)])
    twins = [torch_twin(torch, stored) for stored in (first, second)]
    final = torch.nn.Linear(2 * units + 2, S, dtype=torch.float64)
    final.load_state_dict({"weight": torch.tensor(weights), "bias": torch.tensor(bias)})

    def outputs(x: Any) -> Any:
        _, (hidden, _) = twins[1](twins[0](x[None])[0])
        if last:
            return final(hidden[:, 0].reshape(-1))[None]
        return final(twins[1](twins[0](x[None])[0])[0])[0]

    x, steps = X[0], slice(T - 1, T) if last else slice(None)
    run = net.run(x)
    np.testing.assert_allclose(run.outputs[steps], outputs(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-13)
    assert np.isnan(run.outputs[: T - 1]).all() == last
    whole = torch.autograd.functional.jacobian(outputs, torch.tensor(x)).numpy()
    found = by_steps(net.run_jacobian(x, lags=T - 1, leads=T - 1), T - 1, T - 1)
    np.testing.assert_allclose(found[steps], whole, atol=1e-12 * np.abs(whole).max(), rtol=0)
    t = np.where(np.isnan(run.outputs), np.nan, np.random.default_rng(seed).normal(size=(T, S)))
    cost = torch.nn.functional.mse_loss(outputs(torch.tensor(x)), torch.tensor(t[steps]))
    cost.backward()
    assert net.performance(x, t, name="mse") == pytest.approx(cost.item(), rel=1e-12)
    expected = []
    for twin in twins:
        for name in ("weight_ih", "weight_hh", "bias_ih"):
            expected += [getattr(twin, f"{name}_{end}").grad.numpy().T.ravel() for end in ("l0", "l0_reverse")]
    expected += [part.grad.numpy().T.ravel() for part in (final.weight, final.bias)]
    gradient = net.performance_gradient(x, t, "parameters", name="mse")
    size = max(np.abs(part).max() for part in expected)
    np.testing.assert_allclose(gradient, np.concatenate(expected), atol=1e-12 * size, rtol=0)
    given = torch.tensor(x, requires_grad=True)
    torch.nn.functional.mse_loss(outputs(given), torch.tensor(t[steps])).backward()
    by_inputs = net.performance_gradient(x, t, "inputs", name="mse")
    np.testing.assert_allclose(by_inputs, given.grad.numpy(), atol=1e-12 * np.abs(by_inputs).max(), rtol=0)


def test_states_are_those_of_pytorch(tmp_path: Path) -> None:
    """In: both directions start from what is given. Out: what each ends with. And the derivatives by them."""
    torch = pytest.importorskip("torch")
    stored = both()
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    twin = torch_twin(torch, stored)
    rng = np.random.default_rng(4)
    h, c = rng.normal(size=(2, 2, H))
    structure = net.structure
    edges = np.cumsum([0, *(layer.size for layer in structure.layers)])
    places = {layer.name: slice(a, b) for layer, a, b in zip(structure.layers, edges, edges[1:], strict=False)}
    own = [places[f"both/{name}/{state}"] for state in ("hidden", "cell") for name in ("forward", "backward")]
    states = np.zeros((1, structure.layer_elements))
    for place, numbers in zip(own, (*h, *c), strict=True):
        states[0, place] = numbers
    given = torch.tensor(np.stack([h, c]), requires_grad=True)

    def whole(given: Any) -> Any:
        y, (end, inner) = twin(torch.tensor(X[:1]), (given[0][:, None], given[1][:, None]))
        return y[0] @ torch.tensor(W).T + torch.tensor(B), torch.stack([end[:, 0], inner[:, 0]])

    y, ends = whole(given)
    run = net.run(X[0], layer_states=states)
    np.testing.assert_allclose(run.outputs, y.detach().numpy(), rtol=1e-12, atol=1e-13)
    found = np.stack([run.layer_states[0, place] for place in own])
    np.testing.assert_allclose(found, ends.detach().numpy().reshape(4, H), rtol=1e-12, atol=1e-13)
    slopes = torch.autograd.functional.jacobian(lambda given: whole(given)[0], given).numpy().reshape(T, S, 4, H)
    by_states = net.run_jacobian(X[0], wrt="layer_states", layer_states=states)
    assert by_states.shape == (T, S, 1, structure.layer_elements)
    found = np.stack([by_states[:, :, 0, place] for place in own], axis=2)
    np.testing.assert_allclose(found, slopes, atol=1e-12 * np.abs(slopes).max(), rtol=0)
    t = rng.normal(size=(T, S))
    gradient = net.performance_gradient(X[0], t, "layer_states", name="mse", layer_states=states)
    expected = np.einsum("ts,tsn->n", 2 * (run.outputs - t) / (T * S), by_states[:, :, 0])
    np.testing.assert_allclose(gradient[0], expected, atol=1e-13)


def test_the_values_are_those_of_onnx(tmp_path: Path) -> None:
    """ONNX's reference: a bidirectional LSTM, and a GRU whose reset gate comes before the multiplication."""
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    info, x = onnx.helper.make_tensor_value_info, X[0][:, None]

    def answer(kind: str, inputs: Any, **attributes: Any) -> Any:
        names = ["x", "w", "r", "b"]
        node = onnx.helper.make_node(kind, names, ["y"], hidden_size=H, **attributes)
        entries = [info(name, onnx.TensorProto.DOUBLE, None) for name in names]
        graph = onnx.helper.make_graph([node], "g", entries, [info("y", onnx.TensorProto.DOUBLE, None)])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)])
        found: Any = ReferenceEvaluator(model).run(None, dict(zip(names, (x, *inputs), strict=True)))
        return found[0]

    def blocks(array: Any, order: Any) -> Any:
        parts = np.split(array, len(order))
        return np.concatenate([parts[place] for place in order])

    # gates in the order input, output, forget, candidate; of a GRU update, reset, candidate
    stored = both(9)
    halves = [np.split(part, 2) for part in numbers_of(stored)]
    w, r, b = (np.stack([blocks(half, (0, 3, 1, 2)) for half in part]) for part in halves)
    pair = np.concatenate([b[..., 0], np.zeros((2, 4 * H))], axis=1)
    expected = answer("LSTM", (w, r, pair), direction="bidirectional")[:, :, 0].reshape(T, 2 * H)
    net = load(tmp_path, [sequences(), stored])
    np.testing.assert_allclose(net.run(X[0]).outputs, expected, rtol=1e-12, atol=1e-13)
    for mode, after in (("before-multiplication", 0), ("after-multiplication", 1)):
        gru = recurrent("GRU", "gru", 10, ResetGateMode=mode)
        w, r, b = (blocks(part, (1, 0, 2))[None] for part in numbers_of(gru))
        pair = np.concatenate([b[..., 0], np.zeros((1, 3 * H))], axis=1)
        expected = answer("GRU", (w, r, pair), linear_before_reset=after)[:, 0, 0]
        net = load(tmp_path, [sequences(), gru])
        np.testing.assert_allclose(net.run(X[0]).outputs, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("seed", range(2))
def test_derivatives_of_a_reset_before_the_multiplication_are_those_of_jax(tmp_path: Path, seed: int) -> None:
    """By automatic differentiation of the published formula."""
    jax = pytest.importorskip("jax")
    stored = recurrent("GRU", "gru", seed, units=seed + 1, ResetGateMode="before-multiplication")
    net = load(tmp_path, [sequences(), stored])
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        weights, returning, bias = (jax.numpy.asarray(part) for part in numbers_of(stored))
        units = returning.shape[1]

        def run(x: Any, w: Any, r: Any, b: Any) -> Any:
            def step(h: Any, row: Any) -> Any:
                n = w @ row + b[:, 0]
                gates = jax.nn.sigmoid(n[: 2 * units] + r[: 2 * units] @ h)
                g = jax.numpy.tanh(n[2 * units :] + r[2 * units :] @ (gates[:units] * h))
                h = (1 - gates[units:]) * g + gates[units:] * h
                return h, h

            return jax.lax.scan(step, jax.numpy.zeros(units), x)[1]

        x, arguments = X[0], (weights, returning, bias)
        whole = np.asarray(jax.jit(jax.jacrev(run))(jax.numpy.asarray(x), *arguments))
        t = np.random.default_rng(seed).normal(size=(T, int(units)))
        cost = jax.jit(jax.grad(lambda *parts: ((run(x, *parts) - t) ** 2).mean(), argnums=(0, 1, 2)))
        slopes = cost(*arguments)
        by_weights = [np.asarray(part) for part in slopes]
    found = net.run_jacobian(x, lags=T - 1)
    for time in range(T):
        for lag in range(time + 1):
            np.testing.assert_allclose(found[time, lag], whole[time, :, time - lag], atol=1e-12 * np.abs(whole).max())
    pieces = (by_weights[0], by_weights[1][: 2 * units], by_weights[1][2 * units :], by_weights[2])
    expected = np.concatenate([piece.ravel(order="F") for piece in pieces])
    gradient = net.performance_gradient(x, t, "parameters", name="mse")
    np.testing.assert_allclose(gradient, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)


def test_lags_below_zero_stand_at_the_end(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), both(), dense("fc", W, B)])
    everything = net.run_jacobian(X[0], lags=T - 1, leads=T - 1)
    assert everything.shape == (T, 2 * T - 1, S, R)
    moved = differences(lambda x: net.run(x).outputs, X[0])
    np.testing.assert_allclose(by_steps(everything, T - 1, T - 1), moved, atol=2e-9)
    some = net.run_jacobian(X, lags=2, leads=1)
    assert some.shape == (2, T, 4, S, R)
    np.testing.assert_allclose(some[0, 1:, :3], everything[1:, :3], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(some[0, :, -1], everything[:, -1], rtol=1e-12, atol=1e-14)
    assert everything[0, -1].any()
    assert not everything[T - 1, -1].any()
    assert not everything[0, 1].any()
    np.testing.assert_allclose(net.run_jacobian(X[0]), everything[:, :1], rtol=1e-12, atol=1e-14)
    chosen = net.run_jacobian(X[0], leads=1, wrt="x2", of="y1")
    np.testing.assert_allclose(chosen, everything[:, [0, -1]][:, :, :1, 1:2], rtol=1e-12, atol=1e-14)
    with pytest.raises(matnet.ShapeError, match="leads is -1, expected 0 or more"):
        net.run_jacobian(X[0], leads=-1)


def test_a_network_that_goes_forward_alone_has_nothing_ahead(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1)])
    found = net.run_jacobian(X[0], lags=1, leads=2)
    assert found.shape == (T, 4, H, R)
    np.testing.assert_array_equal(found[:, :2], net.run_jacobian(X[0], lags=1))
    assert not found[:, 2:].any()


def test_blocks_of_steps_give_the_same_derivatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = load(tmp_path, [sequences(), both(), dense("fc", W, B)])
    whole = net.run_jacobian(X, lags=3, leads=3)
    monkeypatch.setattr("matnet.derivatives.time._BLOCK_ELEMENTS", 1)
    np.testing.assert_allclose(net.run_jacobian(X, lags=3, leads=3), whole, rtol=1e-12, atol=1e-14)


def test_the_last_step_is_the_final_state_of_each_direction(tmp_path: Path) -> None:
    stored = both(last=True)
    net = load(tmp_path, [sequences(), stored, layer("ReLULayer", "relu"), dense("fc", W, B)])
    expected = np.maximum(plain_bilstm_last(stored, X), 0.0) @ W.T + B
    run = net.run(X)
    np.testing.assert_allclose(run.outputs[:, -1], expected, rtol=1e-12, atol=1e-13)
    assert np.isnan(run.outputs[:, :-1]).all()
    assert any("the output stands at the last step, and is NaN" in line for line in net.provenance.oddities)
    single = net.run(X[:, :1]).outputs
    np.testing.assert_allclose(single[:, 0], np.maximum(plain_bilstm_last(stored, X[:, :1]), 0.0) @ W.T + B, rtol=1e-12)
    assert net.run(X[:, :0]).outputs.shape == (2, 0, S)
    by_lag = net.run_jacobian(X[0], lags=T - 1)
    moved = differences(lambda x: net.run(x).outputs[-1], X[0])
    np.testing.assert_allclose(by_lag[-1], np.moveaxis(moved[:, ::-1], 1, 0), atol=2e-9)
    assert np.isnan(by_lag[:-1]).all()
    by_states = net.run_jacobian(X[0], wrt="layer_states")
    assert np.isfinite(by_states[-1]).all()
    assert np.isnan(by_states[:-1]).all()


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_last_step_after_a_bidirectional_layer(tmp_path: Path, kind: str) -> None:
    """Its inputs depend on all steps, so that only the last output is one of MATLAB's."""
    plain = {"LSTM": plain_lstm, "GRU": plain_gru}[kind]
    first, second = both(), recurrent(kind, "rnn", 5, size=2 * H, last=True)
    net = load(tmp_path, [sequences(), first, second, dense("fc", W[:, :H], B)])
    expected = plain(second, plain_bilstm(first, X))[:, -1] @ W[:, :H].T + B
    run = net.run(X)
    np.testing.assert_allclose(run.outputs[:, -1], expected, rtol=1e-12, atol=1e-13)
    assert np.isnan(run.outputs[:, :-1]).all()
    moved = differences(lambda x: net.run(x).outputs[-1], X[0])
    by_lag = net.run_jacobian(X[0], lags=T - 1)
    np.testing.assert_allclose(by_lag[-1], np.moveaxis(moved[:, ::-1], 1, 0), atol=2e-9)


def test_layers_around_a_bidirectional_one(tmp_path: Path) -> None:
    """A normalization, an LSTM before, paths beside and a GRU after, in another order than that of computation."""
    mean = np.array([[1.0], [2.0], [-1.0]])
    entry = sequences(normalization={"Version": number(1), "Type": "zerocenter", "AverageImage": mean})
    before, second = recurrent("LSTM", "before", 1), recurrent("GRU", "after", 2, size=2 * H, units=2 * H)
    middle = recurrent("BiLSTM", "middle", 3, size=H)
    add = layer("AdditionLayer", "add", NumInputs=number(2))
    layers = [add, second, middle, entry, dense("fc", W, B), before]
    wires = [
        *(("input", "before"), ("before", "middle"), ("middle", "after"), ("after", "add/in1")),
        *(("middle", "add/in2"), ("add", "fc")),
    ]
    net = load(tmp_path, layers, directed, connections=wires)
    inner = plain_bilstm(middle, plain_lstm(before, X - mean[:, 0]))
    expected = (plain_gru(second, inner) + inner) @ W.T + B
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    moved = differences(lambda x: net.run(x).outputs, X[0])
    found = by_steps(net.run_jacobian(X[0], lags=T - 1, leads=T - 1), T - 1, T - 1)
    np.testing.assert_allclose(found, moved, atol=5e-9)
    t = np.random.default_rng(6).normal(size=(T, S))
    gradient, theta = net.performance_gradient(X[0], t, "parameters", name="mse"), net.parameters
    for k in np.random.default_rng(7).choice(len(theta), size=6, replace=False):
        step = 1e-6 * (np.arange(len(theta)) == k)
        costs = [net.with_parameters(theta + sign * step).performance(X[0], t, name="mse") for sign in (1, -1)]
        assert gradient[k] == pytest.approx((costs[0] - costs[1]) / 2e-6, abs=5e-9)


def test_parameters_are_in_pieces_named_by_matlabs_rows(tmp_path: Path) -> None:
    stored = both()
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    numbers, names = dict(zip(net.parameter_names, net.parameters, strict=True)), list(net.parameter_names)
    assert len(numbers) == len(names) == 8 * H * (R + H + 1) + S * (2 * H + 1)
    for word, array in zip(LEARNABLES, numbers_of(stored), strict=True):
        for (row, place), value in np.ndenumerate(array):
            name = f"both.{word}({row + 1})" if word == "Bias" else f"both.{word}({row + 1},{place + 1})"
            assert numbers[name] == value
    order = [names.index(f"both.{name}") for name in ("InputWeights(1,1)", f"InputWeights({4 * H + 1},1)")]
    order += [names.index(f"both.{name}") for name in ("RecurrentWeights(1,1)", f"RecurrentWeights({4 * H + 1},1)")]
    assert order == sorted(order)
    bias = names.index("both.Bias(1)")
    np.testing.assert_array_equal(net.parameters[bias : bias + 8 * H], numbers_of(stored)[2][:, 0])


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "BiLSTM"])
def test_initial_states_are_where_a_series_starts(tmp_path: Path, kind: str) -> None:
    """Stored with the layer; the states held are the same, as after resetState."""
    plain = {"LSTM": plain_lstm, "GRU": plain_gru, "BiLSTM": plain_bilstm}[kind]
    size = 2 * H if kind == "BiLSTM" else H
    names = ("Hidden",) if kind == "GRU" else ("Hidden", "Cell")
    own = dict(zip(names, random_numbers(4, *((size, 1) for _ in names)), strict=True))
    more: dict[str, Any] = {f"Initial{name}State": value for name, value in own.items()}
    more |= {f"{name}State": {"Value": value} for name, value in own.items()}
    stored = recurrent(kind, "rnn", 3, **more)
    net = load(tmp_path, [sequences(), stored, dense("fc", W[:, :size], B)])
    expected = plain(stored, X) @ W[:, :size].T + B
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    start = net.structure.initial_states()
    np.testing.assert_array_equal(net.run(X[0], layer_states=start).outputs, net.run(X[0]).outputs)
    zeros = net.run(X[0], layer_states=np.zeros_like(start)).outputs
    assert np.abs(zeros - net.run(X[0]).outputs).max() > 0.01
    data = net.prepare(X, np.zeros((2, T, S)))
    np.testing.assert_array_equal(net.run(*data[:3]).outputs, net.run(X).outputs)
    matnet.save(net, tmp_path / "net.json")
    np.testing.assert_array_equal(matnet.load(tmp_path / "net.json").run(X).outputs, net.run(X).outputs)
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({f"x{k + 1}": X[0][:, k] for k in range(R)})
    np.testing.assert_array_equal(net.predict_frame(frame).to_numpy(), net.run(X[0]).outputs)
    from_zeros = net.predict_frame(frame, states="zeros").to_numpy()
    np.testing.assert_array_equal(from_zeros, zeros)
    if kind != "BiLSTM":
        with pytest.raises(matnet.UnsupportedError, match="starts from states of 0, and layer 'rnn' was saved"):
            matnet.save(net, tmp_path / "net.fmu")


def test_initial_states_of_another_number(tmp_path: Path) -> None:
    with pytest.raises(matnet.ModelError, match=r"layer 'both'\.InitialCellState: 4 numbers, expected 8"):
        load(tmp_path, [sequences(), both(InitialCellState=np.ones((H, 1)))])
    with pytest.raises(matnet.ModelError, match=r"layer 'both'\.InputWeights: 16x3, expected 32x3"):
        load(tmp_path, [sequences(), both(InputWeights=learnable(np.ones((4 * H, R))))])
    with pytest.raises(matnet.ModelError, match=r"layer 'both'\.Bias: 16 numbers, expected 32"):
        load(tmp_path, [sequences(), both(Bias=learnable(column(np.ones(4 * H))))])


def test_what_is_not_a_number_goes_in_both_directions(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), both()])
    x = X[0].copy()
    x[3, 1] = np.nan
    found = np.isnan(net.run(x).outputs)
    assert found[:, :H].all(axis=1).tolist() == [time >= 3 for time in range(T)]
    assert found[:, H:].all(axis=1).tolist() == [time <= 3 for time in range(T)]
    assert np.isfinite(net.run(1e300 * X[0]).outputs).all()


def test_an_archive_keeps_directions_and_ends(tmp_path: Path) -> None:
    for name, last in (("every", False), ("last", True)):
        net = load(tmp_path, [sequences(), both(last=last), dense("fc", W, B)])
        matnet.save(net, tmp_path / f"{name}.json")
        again = matnet.load(tmp_path / f"{name}.json")
        np.testing.assert_array_equal(again.run(X).outputs, net.run(X).outputs)
        assert again.parameter_names == net.parameter_names


def test_a_real_network_in_both_directions(successors: Path) -> None:
    """Rescaled inputs, 32 of them, and 20 units: by a second copy from the numbers in the file."""
    net = matnet.load(successors / "series_bilstm_rescale.mat")
    assert (net.input_size, net.output_size, net.layer_names[1]) == (32, 1, "biLSTM")
    numbers = dict(zip(net.parameter_names, net.parameters, strict=True))
    sizes = {"InputWeights": (160, 32), "RecurrentWeights": (160, 20), "Bias": (160, 1)}
    fields: dict[str, Any] = {name: np.zeros(size) for name, size in sizes.items()}
    for name, array in fields.items():
        for row, place in np.ndindex(*array.shape):
            array[row, place] = numbers[f"biLSTM.{name}({row + 1}{'' if name == 'Bias' else f',{place + 1}'})"]
    stored: Any = (0, 0, {name: {"Value": array} for name, array in fields.items()})
    for name in ("InitialHiddenState", "InitialCellState"):
        stored[2][name] = np.zeros(40)
    low, high = net.input_range.T
    x = low + (high - low) * np.random.default_rng(1).uniform(size=(9, 32))
    weights = np.array([numbers[f"fc.Weights(1,{k + 1})"] for k in range(40)])
    found = net.run(x).outputs[:, 0]
    expected = plain_bilstm(stored, (x - low) / (high - low)) @ weights + numbers["fc.Bias(1)"]
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("kind", ["LSTM", "BiLSTM"])
def test_more_derivatives_than_memory_are_refused_with_their_size(tmp_path: Path, kind: str) -> None:
    net = load(tmp_path, [sequences(), recurrent(kind, "rnn", 1)])
    size = net.output_size
    most = f"at least {6 * 3 * size * (2 * 10**12 + 1) / 2**27:,.1f} GiB of memory are needed for the derivatives of 6 "
    with pytest.raises(matnet.ShapeError, match=most + "steps at 2,000,000,000,001 lags, but this machine has "):
        net.run_jacobian(X[0], lags=10**12, leads=10**12)


def test_frames_have_columns_of_later_steps(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    net = load(tmp_path, [sequences(), both(), dense("fc", W, B)])
    frame = polars.DataFrame({f"x{k + 1}": X[0][:, k] for k in range(R)})
    found = net.gradients_frame(frame, of="y2", wrt=["x1", "x3"], lags=1, leads=1)
    names = ["dy2_dx1", "dy2_dx3", "dy2_dx1_lag1", "dy2_dx3_lag1", "dy2_dx1_lead1", "dy2_dx3_lead1"]
    assert found.columns == ["y2", *names]
    expected = net.run_jacobian(X[0], lags=1, leads=1)[:, :, 1][:, :, [0, 2]]
    np.testing.assert_array_equal(found.to_numpy()[:, 1:], expected.reshape(T, -1))


def test_check_points_are_those_of_a_whole_series(tmp_path: Path) -> None:
    """Where rounding matters at one step, none are stored: the steps before it alone have other outputs."""
    net = load(tmp_path, [sequences(), both(), dense("fc", W, B)])

    class Moved:
        """The network, with other outputs at the fourth step."""

        structure = net.structure

        def run(self, x: Any) -> Any:
            found = net.run(x)
            outputs = found.outputs.copy()
            outputs[3] += 1.0
            return replace(found, outputs=outputs)

        def run_jacobian(self, x: Any, lags: int) -> Any:
            return net.run_jacobian(x, lags)

    assert len(make_checks(net, lambda change: net)) > 3
    assert len(make_checks(net, lambda change: Moved())) == 0  # type: ignore[arg-type, return-value]


def test_a_loop_of_both_directions_contradicts_itself(tmp_path: Path) -> None:
    structure = load(tmp_path, [sequences(), both(), dense("fc", W, B)]).structure
    names = [layer.name for layer in structure.layers]

    def changed(name: str, **more: Any) -> Any:
        layers = list(structure.layers)
        layers[names.index(name)] = replace(layers[names.index(name)], **more)
        return replace(structure, layers=tuple(layers))

    with pytest.raises(matnet.ModelError, match=r"earlier steps of layer [0-9]+, which runs in the other direction"):
        changed("both/forward/kept", backward=True)
    with pytest.raises(matnet.ModelError, match="layers that run forward and backward in time form a loop"):
        changed("both/forward/squashed", backward=True)
    joined = structure.layers[names.index("both")]
    ended = {source: replace(weight, last=True) for source, weight in joined.layer_weights.items()}
    with pytest.raises(matnet.ModelError, match="other steps of layer 2, which follows the last step of a series"):
        replace(
            structure,
            layers=tuple(
                replace(layer, layer_weights=ended)
                if layer.name == "both"
                else replace(layer, layer_weights={**layer.layer_weights, 1: Weight(np.zeros((S, 2 * H)), delays=(1,))})
                if layer.name == "fc"
                else layer
                for layer in structure.layers
            ),
        )
    with pytest.raises(matnet.ModelError, match=r"takes the last step of a series, and has the delays \[1\]"):
        Weight(np.zeros((S, S)), delays=(1,), last=True)


def test_later_steps_cannot_be_forecast(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), both(), dense("fc", W, B)])
    with pytest.raises(
        matnet.UnsupportedError, match="outputs that depend on later steps of a series cannot be forecast"
    ):
        net.forecast(X[0], np.zeros((T, S)), X[0])
