"""Why stored answers differ from a network's: one change of it that gives them to the last digits, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import explain
from matnet.proof.answers import InputData, answers_with
from matnet.proof.explain import explanation

RNG = np.random.default_rng(8)
LIMITS = np.array([[[0.0, 1.0], [-2.0, 1.5]], [[0.5, 2.5], [-1.5, 0.25]]])


def scaling(limits: FloatArray) -> Process:
    low, high = limits.T
    return Process.from_matlab("mapminmax", {"gain": 2.0 / (high - low), "xoffset": low, "ymin": -1.0})


def two_layers(scaled: tuple[bool, bool] = (True, True)) -> Network:
    """Two inputs of two elements each, three neurons, and three outputs that bend."""
    rng = np.random.default_rng(2)
    inputs = tuple(
        Input(2, (scaling(limits),) if one else (), range=limits) for limits, one in zip(LIMITS, scaled, strict=True)
    )
    own = {0: Weight(rng.normal(size=(3, 2))), 1: Weight(rng.normal(size=(3, 2)))}
    first = Layer(3, "tansig", own, bias=rng.normal(size=3))
    last = Layer(3, "tansig", {}, {0: Weight(rng.normal(size=(3, 3)))}, bias=rng.normal(size=3))
    return Network(Structure(inputs, (first, last), (Output(1, 3),)))


NET = two_layers()
LOW, HIGH = LIMITS.reshape(-1, 2).T
X = RNG.uniform(LOW, HIGH, (40, 4))


def layer(number: int, change: Callable[[Layer], Layer]) -> Network:
    layers = list(NET.structure.layers)
    layers[number - 1] = change(layers[number - 1])
    return Network(replace(NET.structure, layers=tuple(layers)))


def weights(number: int, source: int, change: Callable[[Weight], Weight]) -> Network:
    """With another input weight of layer 1, or layer weight of layer 2."""

    def changed(entry: Layer) -> Layer:
        if number == 1:
            return replace(entry, input_weights={**entry.input_weights, source: change(entry.input_weights[source])})
        return replace(entry, layer_weights={**entry.layer_weights, source: change(entry.layer_weights[source])})

    return layer(number, changed)


def taken(order: list[int], axis: int) -> Callable[[Weight], Weight]:
    return lambda weight: replace(weight, value=np.take(weight.value, order, axis=axis))


def changed_number(place: tuple[int, int], value: float) -> Callable[[Weight], Weight]:
    def change(weight: Weight) -> Weight:
        other = np.array(weight.value)
        other[place] = value
        return replace(weight, value=other)

    return change


def number_of(source: int, place: tuple[int, int]) -> float:
    return float(NET.structure.layers[0].input_weights[source].value[place])


def with_bias(order: list[int]) -> Callable[[Layer], Layer]:
    return lambda entry: replace(entry, bias=np.asarray(entry.bias)[order])


CHANGES: dict[str, Network] = {
    "without b{1}": layer(1, lambda entry: replace(entry, bias=None)),
    "without b{2}": layer(2, lambda entry: replace(entry, bias=None)),
    "with logsig in layer 2, where it has tansig": layer(2, lambda entry: replace(entry, transfer="logsig")),
    "with netprod in layer 1, where it has netsum": layer(1, lambda entry: replace(entry, net_input="netprod")),
    "with LW{2,1} transposed": weights(2, 0, lambda weight: replace(weight, value=weight.value.T)),
    "with dist of IW{1,2}, where it has dotprod": weights(1, 1, lambda weight: replace(weight, function="dist")),
    "with negdist of LW{2,1}, where it has dotprod": weights(2, 0, lambda weight: replace(weight, function="negdist")),
    "without mapminmax of input 1": two_layers((False, True)),
    "without mapminmax of input 2": two_layers((True, False)),
    "with rows 2 and 3 of b{2} exchanged": layer(2, with_bias([0, 2, 1])),
    "with rows 1 and 3 of LW{2,1} exchanged": weights(2, 0, taken([2, 1, 0], 0)),
    "with columns 2 and 3 of LW{2,1} exchanged": weights(2, 0, taken([0, 2, 1], 1)),
    "with columns 1 and 2 of IW{1,2} exchanged": weights(1, 1, taken([1, 0], 1)),
    "with rows 1 and 2 of IW{1,1} exchanged": weights(1, 0, taken([1, 0, 2], 0)),
    f"with IW{{1,2}}(3,1) = 0.4375, where it has {number_of(1, (2, 0)):.10g}": weights(
        1, 1, changed_number((2, 0), 0.4375)
    ),
    f"with IW{{1,1}}(2,2) = -0.25, where it has {number_of(0, (1, 1)):.10g}": weights(
        1, 0, changed_number((1, 1), -0.25)
    ),
}


def said(net: Network, x: FloatArray, stored: FloatArray) -> str:
    found = explanation(net, InputData(x), np.asarray(net(x)), stored)
    return "" if found is None else found.reason


@pytest.mark.parametrize("reason", CHANGES)
def test_one_change_of_a_network_is_named(reason: str) -> None:
    stored = np.array(CHANGES[reason](X))
    found = explanation(NET, InputData(X), np.asarray(NET(X)), stored)
    assert found is not None
    assert (found.reason, found.certain) == (f"the stored answers are the network's {reason}", True)
    # another value of a weight may leave a millionth of the difference, any other change nothing
    noise = 1e-5 if " = " in reason else 1e-9
    assert said(NET, X, stored + noise * RNG.normal(size=stored.shape)) == ""
    # nor may it be that of the first samples alone
    stored[10:] += 1e-3 * RNG.normal(size=stored[10:].shape)
    assert said(NET, X, stored) == ""


def test_inputs_in_each_others_place_are_named_by_their_elements() -> None:
    assert said(NET, X, np.asarray(NET(X[:, [0, 1, 3, 2]]))).endswith("network's with inputs 3 and 4 exchanged")
    assert said(NET, X, np.asarray(NET(X))[:, [2, 1, 0]]).endswith("network's with outputs 1 and 3 exchanged")


@pytest.mark.parametrize("number", [1, 2])
def test_scaling_over_the_range_of_an_input_is_named(number: int) -> None:
    net = two_layers((number != 1, number != 2))
    assert said(net, X, np.asarray(NET(X))) == (
        f"the stored answers are the network's with mapminmax over the range of input {number}"
    )


@pytest.mark.parametrize("limits", [None, [[0.0, 1.0], [2.0, 2.0]], [[-np.inf, 1.0], [0.0, 1.0]]])
def test_no_scaling_is_tried_over_a_range_that_has_no_width(limits: list[list[float]] | None) -> None:
    inputs = tuple(Input(2, range=None if limits is None else np.array(limits)) for _ in range(2))
    net = Network(replace(NET.structure, inputs=inputs))
    hidden, last = net.structure.layers
    other = Network(replace(net.structure, layers=(hidden, replace(last, transfer="logsig"))))
    x = RNG.uniform(0.0, 1.0, (30, 4))
    assert said(net, x, np.asarray(other(x))).endswith("with logsig in layer 2, where it has tansig")


def bent(outputs: int) -> Network:
    rng = np.random.default_rng(3)
    layer = Layer(outputs, "tansig", {0: Weight(rng.normal(size=(outputs, 2)))}, bias=rng.normal(size=outputs))
    return Network(Structure((Input(2),), (layer,), (Output(0, outputs),)))


@pytest.mark.parametrize(
    ("outputs", "count", "explained"), [(1, 4, False), (1, 5, True), (2, 5, True), (4, 6, False), (4, 7, True)]
)
def test_a_change_must_explain_five_samples_or_three_more_than_there_are_outputs(
    outputs: int, count: int, explained: bool
) -> None:
    """Samples that occur again, or are not fully known, do not count."""
    net = bent(outputs)
    x = RNG.uniform(-1.0, 1.0, (count, 2))
    x = np.concatenate([x, x, [[np.nan, 0.0], [0.5, 0.25], [0.25, 0.5]]])
    stored = np.asarray(net(x)) * 1.0001
    stored[-2, 0], stored[-1, -1] = np.nan, np.inf
    expected = "the stored answers are the network's, scaled: y" if explained else ""
    assert said(net, x, stored)[: len("the stored answers are the network's, scaled: y")] == expected


@pytest.mark.parametrize(("kinds", "explained"), [(2, False), (3, True)])
def test_a_change_must_explain_three_different_answers(kinds: int, explained: bool) -> None:
    """The second input has no weight, so samples that differ in it alone have the same answer."""
    layer = Layer(1, "tansig", {0: Weight([[1.5, 0.0]])}, bias=[0.25])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = np.stack([np.arange(12.0) % kinds / 7.0, np.arange(12.0)], axis=1)
    assert bool(said(net, x, np.asarray(net(x)) * 1.0001)) == explained


def test_numbers_that_differ_only_where_they_are_not_finite_are_not_explained() -> None:
    y = np.asarray(NET(X))
    stored = np.array(y)
    stored[3, 1] = np.inf
    assert explanation(NET, InputData(X), y, stored) is None


def test_few_digits_are_not_explained() -> None:
    """They may be targets."""
    y = np.asarray(bent(1)(X[:, :2]))
    assert explanation(bent(1), InputData(X[:, :2]), y, np.round(1.5 * y, 9)) is None


@pytest.mark.parametrize(
    ("factor", "shift", "certain"),
    [(1.0005, 0.0, True), (0.9995, 0.5, True), (1.002, 0.0, False), (-1.0, 0.0, False), (1.0, 0.5, True)],
)
def test_scaled_answers_are_an_error_only_where_the_factor_is_nearly_1(
    factor: float, shift: float, certain: bool
) -> None:
    """Otherwise scaling may have been kept outside the network. Also of outputs that are small."""
    for size in (1.0, 1e-3, 1e-6):
        rng = np.random.default_rng(4)
        hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 2)))}, bias=rng.normal(size=3))
        last = Layer(1, "purelin", {}, {0: Weight(size * rng.normal(size=(1, 3)))}, bias=[0.125 * size])
        net = Network(Structure((Input(2),), (hidden, last), (Output(1, 1),)))
        x = RNG.uniform(-1.0, 1.0, (30, 2))
        y = np.asarray(net(x))
        found = explanation(net, InputData(x), y, factor * y + shift * size)
        assert found is not None
        assert found.certain == certain
        begin = f"the stored answers are the network's, scaled: y1 times {factor:.8g} plus "
        assert found.reason.startswith(begin)
        told, _, more = found.reason[len(begin) :].partition("; ")
        assert float(told) == pytest.approx(shift * size, rel=1e-7, abs=1e-14)
        missing = "the outputs' processing is missing, or scaling was kept outside the network"
        assert more == ("" if certain else missing)


def test_answers_of_a_linear_network_are_never_certain() -> None:
    """Linear targets that it has not quite learnt look like scaled answers, or like other weights."""
    layer = Layer(1, "purelin", {0: Weight([[1.0 / 3.0, 2.0 / 7.0]])}, bias=[0.5])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    x = RNG.uniform(-1.0, 1.0, (30, 2))
    y = np.asarray(net(x))
    found = explanation(net, InputData(x), y, 1.0001 * y)
    assert found is not None
    assert (found.certain, found.reason.partition(";")[2]) == (False, "")
    assert explanation(net, InputData(x), y, y + 0.01 * x[:, :1]) is None


def test_an_output_that_is_constant_is_not_scaled() -> None:
    hidden = Layer(2, "tansig", {0: Weight([[1.0, 0.5], [0.0, 0.0]])}, bias=[0.25, 1.0 / 3.0])
    net = Network(Structure((Input(2),), (hidden,), (Output(0, 2),)))
    x = RNG.uniform(-1.0, 1.0, (30, 2))
    assert explanation(net, InputData(x), np.asarray(net(x)), 2.0 * np.asarray(net(x))) is None


@pytest.mark.parametrize(("most", "explained"), [(9, True), (8, False)])
def test_inputs_and_outputs_are_exchanged_up_to_a_number(
    most: int, explained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four inputs have six pairs, three outputs three."""
    monkeypatch.setattr(explain, "_MOST_EXCHANGES", most)
    for stored in (np.asarray(NET(X[:, [0, 1, 3, 2]])), np.asarray(NET(X))[:, [2, 1, 0]]):
        assert bool(explain._exchanged(NET, InputData(X), np.asarray(NET(X)), stored)) == explained


def test_series_with_one_answer_each_are_only_said_to_be_scaled() -> None:
    """Any other change would have to be computed for all of them again."""
    tapped = Layer(1, "tansig", {0: Weight([[0.5, -1.0]], delays=(0, 1))}, bias=[0.25])
    net = Network(Structure((Input(1),), (tapped,), (Output(0, 1),)))
    x = RNG.normal(size=(12, 5))
    data = InputData(x, lengths=np.full(12, 5))
    last = np.tanh(0.5 * x[:, -1:] - 1.0 * x[:, -2:-1] + 0.25)
    found = explanation(net, data, last, 1.0001 * last)
    assert found is not None
    assert found.certain
    assert explanation(net, data, last, np.tanh(0.5 * x[:, -1:] - 1.0 * x[:, -2:-1])) is None


def test_every_output_counts_by_its_range_where_a_weight_is_looked_for() -> None:
    """One of five outputs is a thousand times as large as the others."""
    rng = np.random.default_rng(5)
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 2)))}, bias=rng.normal(size=3))
    sizes = np.array([1.0, 1.0, 1000.0, 1.0, 1.0])
    last = Layer(5, "purelin", {}, {0: Weight(sizes[:, None] * rng.normal(size=(5, 3)))}, bias=sizes)
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 5),)))
    value = np.array(hidden.input_weights[0].value)
    own, value[1, 0] = float(value[1, 0]), 0.125
    other = Network(replace(net.structure, layers=(replace(hidden, input_weights={0: Weight(value)}), last)))
    x = RNG.uniform(-1.0, 1.0, (30, 2))
    expected = f"the stored answers are the network's with IW{{1,1}}(2,1) = 0.125, where it has {own:.10g}"
    assert said(net, x, np.asarray(other(x))) == expected


@pytest.mark.parametrize(("sizes", "exchanges"), [([32, 3, 2], 500), ([31, 9], 0)])
def test_up_to_five_hundred_exchanges_of_rows_or_columns_are_tried(sizes: list[int], exchanges: int) -> None:
    """Of the columns of the inputs' weights; 31 and 9 have 501."""
    weights = {number: Weight(np.arange(1.0, size + 1.0)[None]) for number, size in enumerate(sizes)}
    layer = Layer(1, "tansig", weights, bias=[0.5])
    net = Network(Structure(tuple(map(Input, sizes)), (layer,), (Output(0, 1),)))
    assert len(list(explain._with_rows_exchanged(net))) == exchanges


def test_each_step_of_the_processing_may_be_missing() -> None:
    """Only those that keep the number of elements."""
    steps = (scaling(LIMITS[0]), scaling(LIMITS[1]), scaling(np.array([[-1.0, 2.0], [-3.0, 1.0]])))
    tried = [[id(step) for step in processing] for _, processing in explain._other_processing(Input(2, steps))]
    first, second, third = map(id, steps)
    assert tried == [[second, third], [first, third], [first, second]]


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_change_without_an_effect_explains_nothing(dynamic: bool) -> None:
    """One of a hundred samples differs, and poslin would give all of them like purelin."""
    hidden = Layer(2, "logsig", {0: Weight([[1.5, -0.5], [0.25, 0.75]], delays=(0, 1) if dynamic else (0,))})
    last = Layer(1, "purelin", {}, {0: Weight([[0.5, 0.25]])}, bias=[0.125])
    net = Network(Structure((Input(1 if dynamic else 2),), (hidden, last), (Output(1, 1),)))
    x = RNG.uniform(-1.0, 1.0, (100, net.input_size))
    y = np.asarray(net.run(x).outputs if dynamic else net(x))
    for place in (7, 95):
        stored = np.array(y)
        stored[place] += 0.01
        assert explanation(net, InputData(x), y, stored) is None


def test_samples_that_differ_are_looked_at_wherever_they_are() -> None:
    """poslin is 0 where purelin is below 0, at the last 20 of 200 samples; all are small."""
    hidden = Layer(2, "logsig", {0: Weight([[1.5, -0.5], [0.25, 0.75]])})
    last = Layer(1, "purelin", {}, {0: Weight([[0.5e-6, -0.75e-6]])}, bias=[0.125e-6])
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 1),)))
    other = Network(replace(net.structure, layers=(hidden, replace(last, transfer="poslin"))))
    x = RNG.uniform(-1.0, 1.0, (1000, 2))
    below = np.asarray(net(x))[:, 0] < 0.0
    x = np.concatenate([x[~below][:180], x[below][:20]])
    assert len(x) == 200
    assert said(net, x, np.asarray(other(x))).endswith("with poslin in layer 2, where it has purelin")


@pytest.mark.parametrize(("noise", "change"), [(1e-9, 0.4375), (0.0, 2e-10)])
def test_another_value_of_a_weight_leaves_a_millionth_of_the_difference_or_rounding(
    noise: float, change: float
) -> None:
    """Which is more than a millionth of a difference of 1e-10."""
    other = weights(1, 1, changed_number((2, 0), number_of(1, (2, 0)) + change))
    stored = np.asarray(other(X))
    stored = stored + noise * RNG.normal(size=stored.shape)
    assert said(NET, X, stored).startswith("the stored answers are the network's with IW{1,2}(3,1) = ")


def test_the_three_likeliest_weights_are_tried_by_eight_steps_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five inputs that are nearly the same; where no weight is likely none is tried."""
    layer = Layer(1, "tansig", {0: Weight([[0.5, 0.25, 0.125, -0.5, -0.25]])})
    net = Network(Structure((Input(5),), (layer,), (Output(0, 1),)))
    x = np.linspace(-1.0, 1.0, 30)[:, None] + 0.01 * np.arange(5.0)
    y = np.asarray(net(x))
    tried, calls = [], []
    stepwise = explain._value_that_answers

    def one(net: Network, x: FloatArray, stored: FloatArray, weight: int, width: FloatArray) -> float | None:
        tried.append(weight)
        return stepwise(net, x, stored, weight, width)

    def counted(net: Network, theta: FloatArray, data: InputData) -> FloatArray:
        calls.append(theta)
        return answers_with(net, theta, data)

    monkeypatch.setattr(explain, "_value_that_answers", one)
    monkeypatch.setattr(explain, "answers_with", counted)
    turns = np.where(np.arange(30) % 2, 0.01, -0.01)[:, None]
    assert explain._one_weight(net, x, y, y + turns) == ""
    assert (tried, calls) == ([], [])
    assert explain._one_weight(net, x, y, y + 0.1 * x[:, :1] + turns) == ""
    assert (len(set(tried)), len(tried), len(calls)) == (3, 3, 3 * 8)


def test_a_saturated_weight_has_no_other_value() -> None:
    """Nor has one whose answers, or the stored ones, are not finite."""
    layer = Layer(1, "tansig", {0: Weight([[1e6]])})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    x, width = np.array([[1.0], [-0.5], [0.25]]), np.ones(1)
    assert explain._value_that_answers(net, x, np.array([[0.5], [-0.25], [0.25]]), 0, width) is None
    net = Network(Structure((Input(1),), (replace(layer, transfer="purelin"),), (Output(0, 1),)))
    assert explain._value_that_answers(net, x, 2.0 * x, 0, width) == 2.0
    assert explain._value_that_answers(net, x, np.array([[2.0], [np.inf], [0.5]]), 0, width) is None


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_answers_agree_to_eleven_digits_of_their_range(size: float) -> None:
    """Which is 2 of this size; what was not stored agrees."""
    net = Network(Structure((Input(1),), (Layer(1, "purelin", {0: Weight([[size]])}),), (Output(0, 1),)))
    y = size * np.linspace(-1.0, 1.0, 9)[:, None]
    for apart, agrees in ((1.9e-11, True), (2.1e-11, False), (-2.1e-11, False)):
        stored = np.array(y)
        stored[4] += apart * size
        stored[2] = np.nan
        assert explain._agree(net, y, stored) == agrees
