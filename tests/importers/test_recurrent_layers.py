"""Recurrent layers: outputs, states and derivatives by PyTorch, by a second copy and by MATLAB; and what is refused."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

import matnet
from layered_networks import (
    column,
    dense,
    directed,
    features,
    layer,
    learnable,
    number,
    random_numbers,
)
from recurrent_networks import (
    H,
    R,
    hard_sigmoid,
    load,
    numbers_of,
    plain_gru,
    plain_lstm,
    recurrent,
    sequences,
    sigmoid,
    softsign,
    true,
)

S, T = 2, 7
X = np.random.default_rng(1).normal(size=(2, T, R))
W, B = random_numbers(2, (S, H), (S,))


ACTIVATIONS = [("tanh", "sigmoid"), ("softsign", "sigmoid"), ("tanh", "hard-sigmoid"), ("softsign", "hard-sigmoid")]
FUNCTIONS = {"tanh": np.tanh, "softsign": softsign, "sigmoid": sigmoid, "hard-sigmoid": hard_sigmoid}
KINDS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "lstm": ("LSTM", plain_lstm, {}),
    "gru": ("GRU", plain_gru, {"ResetGateMode": "after-multiplication"}),
    "gru-before": ("GRU", plain_gru, {"ResetGateMode": "before-multiplication"}),
    "gru-bias": ("GRU", plain_gru, {"ResetGateMode": "recurrent-bias-after-multiplication"}),
}


def one_layer(kind: str, seed: int = 3, **more: Any) -> tuple[Any, Any]:
    """A layer of a kind, and its second copy."""
    name, plain, fields = KINDS[kind]
    return recurrent(name, "rnn", seed, **fields, **more), plain


def differences(function: Callable[[Any], Any], x: Any, h: float = 1e-6) -> Any:
    """The derivative of a function's values by every number of x, the last axes those of x."""
    steps = np.eye(x.size).reshape(x.size, *x.shape) * h
    found = [(function(x + step) - function(x - step)) / (2 * h) for step in steps]
    return np.stack(found, axis=-1).reshape(*found[0].shape, *x.shape)


@pytest.mark.parametrize(("state", "gate"), ACTIVATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_a_second_copy(tmp_path: Path, kind: str, state: str, gate: str) -> None:
    stored, plain = one_layer(kind, StateActivationFunction=state, GateActivationFunction=gate)
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    expected = plain(stored, X, FUNCTIONS[state], FUNCTIONS[gate]) @ W.T + B
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    assert net.layer_names == ("input", "rnn", "fc")
    assert net.provenance.precision == ""


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_over_a_series(tmp_path: Path, kind: str) -> None:
    """By lags, by the states and by the parameters, against central differences."""
    stored, _ = one_layer(kind)
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    x = X[0]
    by_lag = net.run_jacobian(x, lags=T - 1)
    found = differences(lambda x: net.run(x).outputs, x)
    for time in range(T):
        assert not found[time, :, time + 1 :].any()
        for lag in range(time + 1):
            np.testing.assert_allclose(by_lag[time, lag], found[time, :, time - lag], atol=2e-9)
    states = np.random.default_rng(5).normal(size=net.run(x).layer_states.shape)
    by_states = net.run_jacobian(x, wrt="layer_states", layer_states=states)
    moved = differences(lambda states: net.run(x, layer_states=states).outputs, states)
    np.testing.assert_allclose(by_states, moved, atol=2e-9)
    t = np.random.default_rng(6).normal(size=(T, S))
    gradient = net.performance_gradient(x, t, "parameters", name="mse")
    theta = net.parameters
    for k in np.random.default_rng(7).choice(len(theta), size=12, replace=False):
        step = 1e-6 * (np.arange(len(theta)) == k)
        costs = [net.with_parameters(theta + sign * step).performance(x, t, name="mse") for sign in (1, -1)]
        assert gradient[k] == pytest.approx((costs[0] - costs[1]) / 2e-6, abs=2e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_states_after_a_series_continue_it(tmp_path: Path, kind: str) -> None:
    stored, _ = one_layer(kind)
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    whole, first = net.run(X), net.run(X[:, :3])
    second = net.run(X[:, 3:], layer_states=first.layer_states)
    np.testing.assert_array_equal(np.concatenate([first.outputs, second.outputs], axis=1), whole.outputs)
    np.testing.assert_array_equal(second.layer_states, whole.layer_states)


def torch_twin(torch: Any, kind: str, stored: Any) -> Any:
    """PyTorch's own layer with the same numbers; the second bias of an LSTM is 0 there."""
    weights, returning, bias = numbers_of(stored)
    make = torch.nn.LSTM if kind == "LSTM" else torch.nn.GRU
    twin = make(weights.shape[1], returning.shape[1], batch_first=True, dtype=torch.float64)
    rows = len(weights)
    second = np.zeros(rows) if len(bias) == rows else bias[rows:, 0]
    given = {"weight_ih_l0": weights, "weight_hh_l0": returning, "bias_ih_l0": bias[:rows, 0], "bias_hh_l0": second}
    twin.load_state_dict({name: torch.tensor(value) for name, value in given.items()})
    return twin


@pytest.mark.parametrize("kind", ["lstm", "gru-bias"])
@pytest.mark.parametrize(("units", "seed"), [(1, 1), (4, 2), (9, 3)])
def test_values_and_gradients_are_those_of_pytorch(tmp_path: Path, kind: str, units: int, seed: int) -> None:
    torch = pytest.importorskip("torch")
    stored, _ = one_layer(kind, seed, units=units)
    weights, bias = random_numbers(seed + 10, (S, units), (S,))
    net = load(tmp_path, [sequences(), stored, dense("fc", weights, bias)])
    twin = torch_twin(torch, KINDS[kind][0], stored)
    last = torch.nn.Linear(units, S, dtype=torch.float64)
    last.load_state_dict({"weight": torch.tensor(weights), "bias": torch.tensor(bias)})

    def outputs(x: Any) -> Any:
        return last(twin(x[None])[0])[0]

    x = X[0]
    run = net.run(x)
    np.testing.assert_allclose(run.outputs, outputs(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-13)
    whole = torch.autograd.functional.jacobian(outputs, torch.tensor(x)).numpy()
    by_lag = net.run_jacobian(x, lags=T - 1)
    size = np.abs(whole).max()
    for time in range(T):
        for lag in range(time + 1):
            np.testing.assert_allclose(by_lag[time, lag], whole[time, :, time - lag], atol=1e-12 * size, rtol=0)
    t = np.random.default_rng(seed).normal(size=(T, S))
    cost = torch.nn.functional.mse_loss(outputs(torch.tensor(x)), torch.tensor(t))
    cost.backward()
    gradients = [twin.weight_ih_l0, twin.weight_hh_l0, twin.bias_ih_l0]
    gradients += [twin.bias_hh_l0] if kind == "gru-bias" else []
    expected = np.concatenate([p.grad.numpy().T.ravel() for p in (*gradients, last.weight, last.bias)])
    found = net.performance_gradient(x, t, "parameters", name="mse")
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max(), rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_whole_matrices_in_matlabs_order(tmp_path: Path, kind: str) -> None:
    stored, _ = one_layer(kind)
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    flat = [array.ravel(order="F") for array in (*numbers_of(stored), W, B)]
    names = net.parameter_names
    if kind == "gru-before":
        # the rows of the candidate multiply something else, and come after the others
        rows = numbers_of(stored)[1]
        flat[1] = np.concatenate([rows[: 2 * H].ravel(order="F"), rows[2 * H :].ravel(order="F")])
        assert names[flat[0].size + 2 * H * H] == f"rnn.RecurrentWeights({2 * H + 1},1)"
    np.testing.assert_array_equal(net.parameters, np.concatenate(flat))
    assert len(set(names)) == len(names)
    assert names[:2] == ("rnn.InputWeights(1,1)", "rnn.InputWeights(2,1)")
    assert names[flat[0].size] == "rnn.RecurrentWeights(1,1)"
    assert names[flat[0].size + flat[1].size] == "rnn.Bias(1)"
    assert names[-1] == f"fc.Bias({S})"
    changed = net.with_parameters(net.parameters * 0.5)
    assert np.abs(changed.run(X).outputs - net.run(X).outputs).max() > 0.01


def test_the_last_step_is_given_at_every_step(tmp_path: Path) -> None:
    """As MATLAB gives it for the sequence up to the step."""
    stored, plain = one_layer("lstm", last=True)
    net = load(tmp_path, [sequences(), stored, layer("ReLULayer", "relu"), dense("fc", W, B)])
    found = net.run(X).outputs
    for steps in range(1, T + 1):
        last = plain(stored, X[:, :steps])[:, -1]
        np.testing.assert_allclose(found[:, steps - 1], np.maximum(last, 0.0) @ W.T + B, rtol=1e-12, atol=1e-13)
    assert net.provenance.oddities[0] == (
        "layer 'rnn' gives the last step of a sequence: the output at a step is MATLAB's for the sequence up to this "
        "step, and the last one its for the whole sequence"
    )


def test_several_recurrent_layers_and_a_normalization(tmp_path: Path) -> None:
    mean = np.array([[1.0], [2.0], [-1.0]])
    first, second = recurrent("LSTM", "one", 1, units=5), recurrent("GRU", "two", 2, size=5, last=True)
    entry = sequences(normalization={"Version": number(1), "Type": "zerocenter", "AverageImage": mean})
    net = load(tmp_path, [entry, first, layer("DropoutLayer", "drop", Probability=number(0.5)), second])
    expected = plain_gru(second, plain_lstm(first, X - mean[:, 0]))
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    assert net.layer_names == ("input", "one", "drop", "two")


def test_parts_keep_the_numbers_of_the_other_layers(tmp_path: Path) -> None:
    """Layers in another order than that of computation, and a path beside the recurrent layer."""
    lstm = recurrent("LSTM", "rnn", 3, units=R)
    add = layer("AdditionLayer", "add", NumInputs=number(2))
    layers = [add, lstm, sequences(), dense("fc", W[:, :R], B)]
    wires = [("input", "rnn"), ("rnn", "add/in2"), ("input", "add/in1"), ("add", "fc")]
    net = load(tmp_path, layers, directed, connections=wires)
    assert net.layer_names == ("add", "rnn", "input", "fc")
    np.testing.assert_allclose(net.run(X).outputs, (X + plain_lstm(lstm, X)) @ W[:, :R].T + B, rtol=1e-12, atol=1e-13)
    assert net.parameter_names[0] == "rnn.InputWeights(1,1)"
    np.testing.assert_array_equal(net.parameters[: 4 * R * R], numbers_of(lstm)[0].ravel(order="F"))


def test_an_archive_keeps_the_parts(tmp_path: Path) -> None:
    stored, _ = one_layer("gru-bias")
    net = load(tmp_path, [sequences(), stored, dense("fc", W, B)])
    matnet.save(net, tmp_path / "net.json")
    again = matnet.load(tmp_path / "net.json")
    np.testing.assert_array_equal(again.run(X).outputs, net.run(X).outputs)
    assert again.layer_names == net.layer_names
    assert again.parameter_names == net.parameter_names


def test_a_series_starts_with_its_first_row(tmp_path: Path) -> None:
    """The states are 0, as MATLAB's predict starts: no row of a table or of a series is lost to them."""
    net = load(tmp_path, [sequences(), one_layer("lstm")[0], dense("fc", W, B)])
    x = X[0]
    data = net.prepare(x, np.zeros((T, S)))
    np.testing.assert_array_equal(net.run(*data[:3]).outputs, net.run(x).outputs)
    later = net.add_delay(1).prepare(x, np.zeros((T, S)))
    np.testing.assert_array_equal(later.input_states, x[:1])
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({f"x{k + 1}": x[:, k] for k in range(R)})
    np.testing.assert_array_equal(net.predict_frame(frame).to_numpy(), net.run(x).outputs)


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_step_runs_over_a_series(tmp_path: Path, kind: str) -> None:
    """Python code of one step, with the states of the step before; its derivatives hold these states."""
    net = load(tmp_path, [sequences(), one_layer(kind)[0], dense("fc", W, B)])
    matnet.save(net, tmp_path / "step.py")
    scope = runpy.run_path(str(tmp_path / "step.py"))
    x, expected = X[0], net.run(X[0])
    by_lag = net.run_jacobian(x, lags=0)[:, 0]
    states = np.zeros(net.run(x).states.shape)
    for time in range(T):
        y, states, slope = scope["step_and_jacobian"](x[time], states)[:3]
        np.testing.assert_allclose(y, expected.outputs[time], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(slope, by_lag[time], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(states, expected.states, rtol=1e-12, atol=1e-13)


def test_what_is_not_a_number_stays_in_its_future(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), one_layer("lstm")[0], dense("fc", W, B)])
    x = X[0].copy()
    x[3, 1] = np.nan
    assert np.isnan(net.run(x).outputs).any(axis=1).tolist() == [False] * 3 + [True] * (T - 3)
    assert np.isfinite(net.run(1e300 * X[0]).outputs).all()
    assert net.run(X[:, :0]).outputs.shape == (2, 0, S)


def test_one_sample_is_not_a_series(tmp_path: Path) -> None:
    net = load(tmp_path, [sequences(), one_layer("lstm")[0], dense("fc", W, B)])
    with pytest.raises(matnet.ShapeError, match=r"single sample does not determine .* net.run\(x\) with a series"):
        net(X[0, 0])
    with pytest.raises(matnet.ShapeError, match="x has shape"):
        net.run(X[0, 0])


BEHIND = layer("ReLULayer", "relu")


def normalization(over: str) -> Any:
    """Of the elements of a step."""
    numbers: dict[str, Any] = {
        "Epsilon": number(1e-5),
        "Offset": learnable(np.zeros((R, 1))),
        "Scale": learnable(np.ones((R, 1))),
    }
    return layer("LayerNormalizationLayer", "norm", **numbers, OperationDimension=over)


REFUSED: list[tuple[str, list[Any], str]] = [
    (
        "a state in the middle of a series",
        [sequences(), recurrent("LSTM", "rnn", 1, CellState={"Value": np.ones((H, 1)), "Remember": true(True)})],
        "layer 'rnn'.CellState: not the initial state",
    ),
    (
        "a state that resetState would change",
        [sequences(), recurrent("GRU", "rnn", 1, InitialHiddenState=np.ones((H, 1)))],
        "layer 'rnn'.HiddenState: not the initial state",
    ),
    (
        "one of the two directions in the middle of a series",
        [sequences(), recurrent("BiLSTM", "both", 1, HiddenState={"Value": np.eye(2 * H)[:, -1:]})],
        "layer 'both'.HiddenState: not the initial state",
    ),
    (
        "outputs of states",
        [sequences(), recurrent("LSTM", "rnn", 1, HasStateOutputs=true(True))],
        "layer 'rnn'.HasStateOutputs: true is not supported",
    ),
    (
        "an unknown function",
        [sequences(), recurrent("LSTM", "rnn", 1, StateActivationFunction="relu")],
        "layer 'rnn'.StateActivationFunction: 'relu' is not supported, expected 'tanh' or 'softsign'",
    ),
    (
        "another reset",
        [sequences(), recurrent("GRU", "rnn", 1, ResetGateMode="never")],
        "layer 'rnn'.ResetGateMode: 'never' is not supported, expected 'after-multiplication' or ",
    ),
    (
        "a single step that goes on",
        [sequences(), recurrent("LSTM", "one", 1, last=True), recurrent("LSTM", "two", 1, size=H)],
        "layer 'two': the input is the last step of a sequence, expected a whole sequence",
    ),
    (
        "features",
        [features(R), recurrent("LSTM", "rnn", 1)],
        "layer 'input': a network with recurrent layers needs a sequence input; this is a layer of feature input",
    ),
    (
        "both directions after a single step",
        [sequences(), recurrent("BiLSTM", "one", 1, last=True), recurrent("BiLSTM", "two", 1, size=2 * H)],
        "layer 'two': the input is the last step of a sequence, expected a whole sequence",
    ),
    (
        "states as inputs",
        [sequences(), recurrent("LSTM", "rnn", 1, HasStateInputs=true(True))],
        "layer 'rnn'.HasStateInputs: true is not supported",
    ),
    (
        "a state of another number",
        [sequences(), recurrent("LSTM", "rnn", 1, HiddenState={"Value": np.zeros((H + 1, 1))})],
        "layer 'rnn'.HiddenState: not the initial state",
    ),
    (
        "a normalization over all steps",
        [sequences(), normalization("batch-excluded"), recurrent("LSTM", "rnn", 1)],
        "layer 'norm'.OperationDimension: 'batch-excluded' is not supported for sequences: it includes all time "
        "steps; expected 'auto'",
    ),
    (
        "a normalization over all steps of a sequence without a recurrent layer",
        [sequences(), normalization("batch-excluded")],
        "layer 'norm'.OperationDimension: 'batch-excluded' is not supported for sequences: it includes all time "
        "steps; expected 'auto'",
    ),
    (
        "a single step after another layer that goes on",
        [sequences(), recurrent("LSTM", "one", 1, last=True), BEHIND, recurrent("GRU", "two", 1, size=H)],
        "layer 'two': the input is the last step of a sequence, expected a whole sequence",
    ),
    (
        "outputs of the states of both directions",
        [sequences(), recurrent("BiLSTM", "both", 1, HasStateOutputs=true(True))],
        "layer 'both'.HasStateOutputs: true is not supported",
    ),
]


@pytest.mark.parametrize(("layers", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_refused_by_the_name_of_its_layer(tmp_path: Path, layers: list[Any], message: str) -> None:
    with pytest.raises(matnet.UnsupportedError) as refused:
        load(tmp_path, layers)
    assert message in str(refused.value)


def test_a_sequence_and_the_last_step_of_one_cannot_be_joined(tmp_path: Path) -> None:
    rnn = recurrent("LSTM", "rnn", 1, units=R, last=True)
    layers = [sequences(), rnn, layer("AdditionLayer", "sum", NumInputs=number(2))]
    wires = [("input", "rnn"), ("input", "sum/in1"), ("rnn", "sum/in2")]
    with pytest.raises(matnet.UnsupportedError) as refused:
        load(tmp_path, layers, directed, connections=wires)
    assert str(refused.value).endswith(
        "net: layer 'sum': joining a sequence with the last step of one is not supported"
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("NumHiddenUnits", np.array([[4.0, 4.0]]), "NumHiddenUnits: 2 numbers, expected 1"),
        ("ReturnSequence", np.array([[True, True]]), "ReturnSequence: a logical 1x2, expected true or false"),
        ("HasStateInputs", "no", "HasStateInputs: a char 1x2, expected true or false"),
        ("InitialHiddenState", np.zeros((H - 1, 1)), "InitialHiddenState: 3 numbers, expected 4"),
    ],
)
def test_settings_of_another_kind_contradict_the_layer(tmp_path: Path, field: str, value: Any, message: str) -> None:
    with pytest.raises(matnet.ModelError) as refused:
        load(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1, **{field: value})])
    assert str(refused.value).endswith(f"net: layer 'rnn'.{message}")


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_settings_that_are_not_stored_are_matlabs_defaults(tmp_path: Path, kind: str) -> None:
    """A whole sequence, tanh and sigmoid, states of zeros, no states as inputs or outputs."""
    stored = recurrent(kind, "rnn", 3)
    bare = {key: stored[2][key] for key in ("Name", "NumHiddenUnits", "InputWeights", "RecurrentWeights", "Bias")}
    net = load(tmp_path, [sequences(), (stored[0], stored[1], bare)])
    expected = (plain_lstm if kind == "LSTM" else plain_gru)(stored, X)
    np.testing.assert_allclose(net.run(X).outputs, expected, rtol=1e-12, atol=1e-13)
    assert net.provenance.oddities == ()


@pytest.mark.parametrize(
    ("name", "value"), [("InputWeights", np.ones((4 * H, R + 1))), ("RecurrentWeights", np.ones((H, 4 * H)))]
)
def test_matrices_of_other_sizes_contradict_the_layer(tmp_path: Path, name: str, value: Any) -> None:
    other: dict[str, Any] = {name: learnable(value)}
    with pytest.raises(matnet.ModelError, match=rf"layer 'rnn'\.{name}: \d+x\d+, expected 16x"):
        load(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1, **other)])
    with pytest.raises(matnet.ModelError, match=r"layer 'rnn'\.Bias: 15 numbers, expected 16"):
        load(tmp_path, [sequences(), recurrent("LSTM", "rnn", 1, Bias=learnable(column(np.ones(15))))])


def cases(successors: Path) -> list[Any]:
    entries = json.loads((successors / "cases.json").read_text())
    return [entry for entry in entries if entry["kind"] == "sequence_outputs"]


def test_the_outputs_that_matlab_stored(successors: Path) -> None:
    """Every case `sequence_outputs`, to 2e-6 of the range."""
    found = cases(successors)
    assert len(found) == 4
    for case in found:
        assert case["agree"] == "2e-6 of range"
        affine = case.get("y_affine", {})
        names = [case["x"]["path"], case["y"]["path"], *affine.values()]
        beside = scipy.io.loadmat(successors / case["file"], variable_names=names, simplify_cells=True)
        net = matnet.load(successors / case["file"], network=case["network"])
        x = np.asarray(beside[case["x"]["path"]], dtype=float).reshape(net.input_size, -1).T
        y = np.asarray(beside[case["y"]["path"]], dtype=float).ravel()
        outputs = net.run(x).outputs[:, 0]
        if affine:
            outputs = outputs * beside[affine["scale"]] + beside[affine["offset"]]
        assert len(y) == (120 if "y_steps" in case else len(outputs))
        assert np.abs(outputs[: len(y)] - y).max() < 2e-6 * np.ptp(y)


@pytest.mark.parametrize(
    ("file", "sizes"), [("series_lstm_last_step.mat", (2, 1, 117)), ("series_lstm_v73.mat", (8, 3, 70531))]
)
def test_real_networks_of_the_last_step(successors: Path, file: str, sizes: tuple[int, int, int]) -> None:
    net = matnet.load(successors / file)
    assert (net.input_size, net.output_size, len(net.parameters)) == sizes
    structure = net.structure
    weights = {
        structure.parameter_word("LW", number, source): weight.value
        for number, layer in enumerate(structure.layers)
        for source, weight in layer.layer_weights.items()
        if weight.value.size
    }
    bias = next(layer.bias for layer in net.structure.layers if layer.name == "lstm/sum")
    stored = (0, 0, {"InputWeights": {}, "RecurrentWeights": {}, "Bias": {"Value": column(bias)}})
    for name in ("InputWeights", "RecurrentWeights"):
        stored[2][name]["Value"] = weights[name]
    x = np.random.default_rng(1).normal(size=(6, net.input_size))
    hidden = plain_lstm(stored, x)
    after = np.maximum(hidden, 0.0) if "relu" in net.layer_names else hidden
    last = net.structure.layers[net.layer_names.index("fc")]
    np.testing.assert_allclose(net.run(x).outputs, after @ weights["Weights"].T + last.bias, rtol=1e-11, atol=1e-12)


def test_parts_come_last_and_belong_to_a_layer_that_matlab_has(tmp_path: Path) -> None:
    structure = load(tmp_path, [sequences(), one_layer("lstm")[0], dense("fc", W, B)]).structure
    layers, outputs = structure.layers, structure.outputs
    for changed, message in (
        ({"layers": (*layers[:-1], replace(layers[-1], part_of=3))}, "is a part of layer 4, expected 1 to 3"),
        ({"layers": (*layers[:-1], replace(layers[-1], part_of=None))}, "a layer of its own comes after parts"),
        ({"outputs": (replace(outputs[0], layer=5, size=layers[5].size),)}, "is taken from layer 6, a part of another"),
    ):
        with pytest.raises(matnet.ModelError, match=message):
            replace(structure, **changed)
