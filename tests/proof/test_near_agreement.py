"""Numbers that nearly agree: where each tolerance of verify begins and ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matnet.functions.namespace import FloatArray
from matnet.importers.training_record import BestPerformance, TrainingRecord
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import explain
from matnet.proof.agreement import not_stored, ranges
from matnet.proof.answers import InputData, answers_with, parameter_blocks, unnoticed_change
from matnet.proof.candidates import Matrix, unexplained
from matnet.proof.data import NamedData
from matnet.proof.digits import decimal_digits, half_units
from matnet.proof.distances import distances
from matnet.proof.explain import explanation
from matnet.proof.verify import verify


def network(inputs: int = 3, outputs: int = 2, delays: tuple[int, ...] = (0,), seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    value = rng.normal(size=(4, inputs * len(delays)))
    hidden = Layer(4, "tansig", {0: Weight(value, delays=delays)}, bias=rng.normal(size=4))
    last = Layer(outputs, "purelin", {}, {0: Weight(rng.normal(size=(outputs, 4)))}, bias=rng.normal(size=outputs))
    limits = np.tile([-1.0, 1.0], (inputs, 1))
    outer = (Output(1, outputs, range=np.tile([-4.0, 4.0], (outputs, 1))),)
    return Network(Structure((Input(inputs, range=limits),), (hidden, last), outer, Performance("mse")))


def samples(net: Network, count: int = 40) -> FloatArray:
    return np.random.default_rng(1).uniform(-1.0, 1.0, (count, net.input_size))


def named(x: FloatArray, y: FloatArray) -> NamedData:
    return NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T))


def verdict(net: Network, data: NamedData) -> str:
    (row,) = verify(net, None, data)
    return row.verdict


@pytest.mark.parametrize(("delays", "base"), [((0,), 2e-14), ((0, 1), 1e-11)])
def test_outputs_agree_within_the_base_of_their_range(delays: tuple[int, ...], base: float) -> None:
    net = network(delays=delays)
    x = samples(net)
    y = net.run(x).outputs if net.dynamic else net(x)
    for share, expected in ((0.5, "proved"), (3.0, "contradicted")):
        # the range that the network states is 8, wider than what is stored
        moved = np.array(y)
        moved[7, 1] += share * base * 8.0
        assert verdict(net, named(x, moved)) == expected, share


SINGLE = "MATLAB computes this network in single precision, so only 6 digits are compared"


@pytest.mark.parametrize(
    ("stored_as", "precision", "base", "note"),
    [
        ("genFunction file", "", 1e-13, ""),
        ("network object", "single", 2e-6, SINGLE),
        ("genFunction file", "single", 2e-6, SINGLE),
    ],
)
def test_outputs_of_fewer_digits_agree_within_a_wider_base(
    stored_as: str, precision: str, base: float, note: str
) -> None:
    """Of the range of 8; a function file has 15 digits in its settings, of which there are none here."""
    net = network()
    net = Network(net.structure, replace(net.provenance, stored_as=stored_as, precision=precision))
    x = samples(net)
    for share, expected in ((0.8, "proved"), (1.5, "contradicted")):
        moved = np.array(net(x))
        moved[7, 1] += share * base * 8.0
        (row,) = verify(net, None, named(x, moved))
        assert row.verdict == expected
        if expected == "proved":
            assert row.reason == note


@pytest.mark.parametrize(("share", "expected"), [(0.5e-12, "proved"), (-0.5e-12, "proved"), (3e-12, "contradicted")])
def test_performances_agree_to_twelve_digits(share: float, expected: str) -> None:
    net = network()
    x = samples(net)
    t = net(x) + np.random.default_rng(2).normal(size=(40, 2))
    value = net.performance(x, t) * (1.0 + share)
    best = (BestPerformance("best_perf", value, np.ones((2, 40))),)
    record = TrainingRecord("tr", x[:0], {}, 3, {}, "mse", best)
    data = NamedData(inputs=Matrix("x", x.T), targets=Matrix("t", t.T), record=record)
    assert verdict(net, data) == expected


def test_a_performance_that_rounding_makes_is_weak() -> None:
    net = network()
    x = samples(net)
    t = net(x) + 1e-15
    best = (BestPerformance("best_perf", net.performance(x, t), np.ones((2, 40))),)
    record = TrainingRecord("tr", x[:0], {}, 3, {}, "mse", best)
    (row,) = verify(net, None, NamedData(inputs=Matrix("x", x.T), targets=Matrix("t", t.T), record=record))
    assert (row.verdict, row.reason) == ("weak", "the performance is so small that it consists of rounding")


def test_a_performance_of_nothing_at_all_is_weak() -> None:
    """All sets with the performance 0 say nothing; where one of them is another number, that one proves."""
    net = network()
    x = samples(net)
    t = np.array(net(x))
    t[20:] += np.random.default_rng(3).normal(size=(20, 2))
    masks = np.full((2, 2, 40), np.nan)
    masks[0, :, :20], masks[1, :, 20:] = 1.0, 1.0
    values = [net.performance(x[rows], t[rows]) for rows in (slice(20), slice(20, None))]
    assert values[0] == 0.0
    for used, verdicts in (((0,), {"weak"}), ((0, 0), {"weak"}), ((0, 1), {"weak", "proved"}), ((1, 1), {"proved"})):
        best = tuple(BestPerformance(f"set{n}", values[k], masks[k]) for n, k in enumerate(used))
        record = TrainingRecord("tr", x[:0], {}, 3, {}, "mse", best)
        rows = verify(net, None, NamedData(inputs=Matrix("x", x.T), targets=Matrix("t", t.T), record=record))
        assert {row.verdict for row in rows} <= verdicts, used


def test_three_different_samples_are_enough() -> None:
    net = network()
    for count, expected in ((2, "weak"), (3, "proved")):
        x = samples(net, count)
        assert verdict(net, named(x, net(x))) == expected


@pytest.mark.parametrize("width", [1e-3, 1.0, 1e3, 1e6])
def test_rounding_decides_by_the_range_of_the_answers(width: float) -> None:
    layer = Layer(1, "purelin", {0: Weight([[width]])}, bias=[0.25 * width])
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    x = np.linspace(-1.0, 1.0, 40)[:, None]
    y = np.array(net(x))
    assert verdict(net, named(x, y)) == "proved"
    y[3] += 1e-9 * width
    assert verdict(net, named(x, y)) == "contradicted"


def test_digits_of_every_number_count() -> None:
    for place in range(7):
        numbers = np.full(7, 0.5)
        numbers[place] = 0.12345
        assert decimal_digits(numbers) == 5
        assert half_units(numbers, 5)[place] == pytest.approx(0.5e-5, rel=1e-12)


def test_of_several_scaled_outputs_the_one_that_is_furthest_from_its_own_is_named() -> None:
    net = network()
    x = samples(net)
    y = np.asarray(net(x))
    found = explanation(net, InputData(x), y, y * [2.0, 0.125] + [0.0, 1.0])
    assert found is not None
    assert found.reason.startswith("the stored answers are the network's, scaled: y1 times 2 plus ")
    found = explanation(net, InputData(x), y, y * [1.5, 0.125] + [0.0, 1.0])
    assert found is not None
    assert found.reason.startswith("the stored answers are the network's, scaled: y2 times 0.125 plus 1")


def test_what_a_network_leaves_of_a_variance() -> None:
    t = np.array([[1.0], [2.0], [3.0], [6.0]])
    assert unexplained(t, t) == 0.0
    assert unexplained(np.full((4, 1), 3.0), t) == pytest.approx(1.0)
    assert unexplained(t + np.array([[1.0], [-1.0], [1.0], [-1.0]]), t) == pytest.approx(4.0 / 14.0)
    # unknown targets count neither in the mean nor in the rest
    masked = np.array([[1.0], [2.0], [3.0], [np.nan]])
    for y, stored in ((masked, masked), (masked, t), (t, masked)):
        assert unexplained(y + 0.5, stored) == pytest.approx(0.75 / 2.0)
    assert unexplained(t, np.full((4, 1), 2.0)) == 1.0
    # of whatever size the numbers are
    assert unexplained(1e-3 * (t + np.array([[1.0], [-1.0], [1.0], [-1.0]])), 1e-3 * t) == pytest.approx(4.0 / 14.0)


def test_half_a_unit_of_the_last_written_digit() -> None:
    # three significant digits, or two decimals, whichever is coarser
    np.testing.assert_allclose(half_units(np.array([123.0, 1.25, 0.0]), 3), [0.5, 0.005, 0.005], rtol=1e-12)
    np.testing.assert_allclose(half_units(np.array([100.0, 20.0]), 1), [50.0, 5.0], rtol=1e-12)
    assert (half_units(np.zeros(3), 5) == 0.0).all()
    assert (half_units(np.array([np.nan, np.inf]), 5) == 0.0).all()
    assert decimal_digits(np.array([np.nan, 0.0, 0.125])) == 3


@pytest.mark.parametrize(
    ("digits", "expected"),
    # weak, because a bias that is 1 % off would not show beside what the inputs may have moved
    [(3, "contradicted"), (4, "weak"), (5, "weak"), (6, "weak"), (7, "contradicted"), (17, "proved")],
)
def test_inputs_written_with_as_few_digits_as_the_answers_may_have_moved_them(digits: int, expected: str) -> None:
    """From 4 digits to one more than the answers have: other inputs are taken as they are."""
    layer = Layer(1, "purelin", {0: Weight([[1000.0, -1000.0]])}, bias=[0.5])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    exact = 1.0 + np.random.default_rng(1).uniform(0.0, 0.01, (40, 2))
    written = np.array([[float(f"{value:.{digits}g}") for value in row] for row in exact])
    y = np.array([[float(f"{value:.5g}") for value in row] for row in net(exact)])
    assert verdict(net, named(written, y)) == expected


def test_stored_nan_are_unknown_only_where_no_input_is() -> None:
    net = network()
    x = samples(net, 4)
    x[1, 0] = np.nan
    y = np.array(net(x))
    stored = np.array(y)
    stored[2, 1], stored[1] = np.nan, np.nan
    expected = np.zeros((4, 2), dtype=bool)
    expected[2, 1] = True
    np.testing.assert_array_equal(not_stored(net, InputData(x), y, stored), expected)
    # in a series an unknown input may reach every later step
    series = network(delays=(0, 1))
    y = np.ones((4, 2))
    expected[:] = False
    np.testing.assert_array_equal(not_stored(series, InputData(x), y, stored), expected)
    states = np.full((1, 3), np.nan)
    stored[0] = np.nan
    assert not not_stored(series, InputData(samples(net, 4), "", states), y, stored).any()
    assert not_stored(series, InputData(samples(net, 4)), y, stored)[0].all()


def test_distances_of_numbers_that_are_not_finite() -> None:
    nan, inf = np.nan, np.inf
    first, second = np.array([1.0, nan, nan, 1.0, inf, inf, -inf]), np.array([3.0, nan, 1.0, nan, inf, -inf, 0.0])
    np.testing.assert_array_equal(distances(first, second), [2.0, 0.0, inf, inf, 0.0, inf, inf])


def test_ranges_are_the_wider_of_what_is_stored_and_what_is_stated() -> None:
    net = network()
    np.testing.assert_array_equal(ranges(net, np.array([[0.0, 0.0], [20.0, 1.0], [np.nan, np.inf]])), [20.0, 8.0])
    bare = Network(replace(net.structure, outputs=(Output(1, 2),)))
    np.testing.assert_array_equal(ranges(bare, np.array([[5.0, 0.0], [5.0, 0.0]])), [5.0, 1.0])


def test_outputs_that_are_constant_are_no_scaling_of_the_networks() -> None:
    net = network(2, 1)
    x = samples(net)
    y = np.asarray(net(x))
    assert explanation(net, InputData(x), y, np.full_like(y, 1.0 / 3.0)) is None
    found = explanation(net, InputData(x), y, y * (1.0 + 1e-4) + 0.25)
    assert found is not None
    assert found.certain
    assert found.reason == "the stored answers are the network's, scaled: y1 times 1.0001 plus 0.25"
    wide = explanation(net, InputData(x), y, 3.0 * y)
    assert wide is not None
    assert not wide.certain


@pytest.mark.parametrize(
    ("factor", "noise", "explained"),
    [
        (1.1, 1e-12, True),
        (1.1, 2e-11, True),
        (1.1, 1e-6, False),
        (1.0 + 1e-10, 4e-11, False),
        (1.0 + 1e-10, 1e-14, True),
    ],
)
def test_scaled_answers_agree_to_the_last_digits_of_a_range(factor: float, noise: float, explained: bool) -> None:
    """To 1e-11 of the range, which is 8, and a thousandth of the difference before."""
    net = network(2, 1)
    x = samples(net)
    y = np.asarray(net(x))
    stored = factor * y + noise * np.where(np.arange(40) % 2, 1.0, -1.0)[:, None]
    found = explanation(net, InputData(x), y, stored)
    assert (found is not None and "scaled" in found.reason) == explained


def test_inputs_and_outputs_in_each_others_place_are_named() -> None:
    net = network()
    x = samples(net)
    y = np.asarray(net(x))
    found = explanation(net, InputData(x), y, np.asarray(net(x[:, [2, 1, 0]])))
    assert found is not None
    assert (found.reason, found.certain) == ("the stored answers are the network's with inputs 1 and 3 exchanged", True)
    found = explanation(net, InputData(x), y, y[:, ::-1])
    assert found is not None
    assert found.reason == "the stored answers are the network's with outputs 1 and 2 exchanged"


def test_inputs_of_a_series_in_each_others_place_are_named_with_their_states() -> None:
    net = network(delays=(0, 2))
    x, states = samples(net), samples(net, 2)
    y = net.run(x, input_states=states).outputs
    other = net.run(x[:, [1, 0, 2]], input_states=states[:, [1, 0, 2]]).outputs
    for unknown in (0, 2):
        # steps that were not stored say nothing
        other[5 : 5 + unknown, 0] = np.nan
        found = explanation(net, InputData(x, "", states), y, other)
        assert found is not None
        assert found.reason == "the stored answers are the network's with inputs 1 and 2 exchanged"


def test_states_that_are_empty_may_be_named_where_a_network_has_none() -> None:
    net = network(delays=(0, 1))
    x, before = samples(net), samples(net, 1)
    y = net.run(x, input_states=before).outputs
    data = replace(named(x, y), input_states=Matrix("Xi", before.T), layer_states=Matrix("Ai", np.zeros((2, 0))))
    (row,) = verify(net, None, data)
    assert (row.what, row.verdict) == ("x, Xi, Ai -> y", "proved")


def test_states_that_a_network_does_not_have_are_refused() -> None:
    net = network(delays=(0, 1))
    x = samples(net)
    data = replace(named(x, net.run(x).outputs), layer_states=Matrix("Ai", np.ones((6, 1))))
    with pytest.raises(ValueError, match=r"^Ai is 6 by 1, but the layer states are 6 by 0$"):
        verify(net, None, data)


def test_named_states_are_those_of_the_whole_series() -> None:
    """With states named no shorter series is tried, whose first steps would take their place."""
    net = network(delays=(0, 1))
    x = samples(net)
    y = net.run(x[1:], input_states=x[:1]).outputs
    (row,) = verify(net, None, named(x, y))
    assert (row.what, row.verdict) == ("x from step 2 on -> y", "proved")
    with pytest.raises(ValueError, match=r"^y has 39 samples, but the inputs have 40 samples$"):
        verify(net, None, replace(named(x, y), input_states=Matrix("Xi", np.zeros((3, 1)))))


def test_other_parameters_through_the_same_steps_are_the_network_with_them() -> None:
    for net in (network(), network(delays=(0, 1))):
        theta = net.parameters * np.linspace(0.5, 1.5, len(net.parameters))
        changed, data = net.with_parameters(theta), InputData(samples(net))
        expected = changed.run(data.x).outputs if net.dynamic else changed(data.x)
        np.testing.assert_allclose(answers_with(net, theta, data), expected, rtol=1e-14)


def test_a_matrix_that_reaches_no_output_is_not_asked_for() -> None:
    net = network()
    aside = Layer(3, "tansig", {0: Weight(np.ones((3, 3)))}, bias=np.ones(3))
    structure = replace(net.structure, layers=(*net.structure.layers, aside))
    with_aside = Network(structure)
    assert [block.name for block in parameter_blocks(with_aside)] == [
        "b{1}",
        "IW{1,1}",
        "b{2}",
        "LW{2,1}",
        "b{3}",
        "IW{3,1}",
    ]
    x, theta = samples(net), with_aside.parameters
    y = np.asarray(with_aside(x))

    def shows(other: FloatArray) -> bool:
        return bool((answers_with(with_aside, other, InputData(x)) != y).any())

    assert unnoticed_change(with_aside, shows) == ""
    assert (
        unnoticed_change(with_aside, lambda other: shows(other) and bool((other[4:16] == theta[4:16]).all()))
        == "IW{1,1}"
    )


def test_scaling_of_the_inputs_that_one_of_the_two_lacks_is_named() -> None:
    rng = np.random.default_rng(1)
    limits = np.array([[0.0, 10.0], [5.0, 7.0]])
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 2)))}, bias=rng.normal(size=3))
    last = Layer(1, "tansig", {}, {0: Weight(rng.normal(size=(1, 3)))}, rng.normal(size=1))
    plain = Network(Structure((Input(2, range=limits),), (hidden, last), (Output(1, 1),)))
    low, high = limits.T
    settings = {"gain": 2.0 / (high - low), "xoffset": low, "ymin": -1.0}
    scaling = Process.from_matlab("mapminmax", settings)
    scaled = Network(replace(plain.structure, inputs=(Input(2, (scaling,), limits),)))
    x = rng.uniform(low, high, size=(30, 2))
    for net, other, reason in (
        (plain, scaled, "with mapminmax over the range of input 1"),
        (scaled, plain, "without mapminmax of input 1"),
    ):
        why = explanation(net, InputData(x), np.asarray(net(x)), np.asarray(other(x)))
        assert why is not None
        assert (why.reason, why.certain) == (f"the stored answers are the network's {reason}", True)


def test_exchanges_are_tried_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """b{1} 2 by 1, IW{1,1} 2 by 3: one exchange of the bias, one of rows and three of columns."""
    rng = np.random.default_rng(1)
    layer = Layer(2, "tansig", {0: Weight(rng.normal(size=(2, 3)))}, bias=[0.5, 0.25])
    net = Network(Structure((Input(3),), (layer,), (Output(0, 2),)))
    for most, count in ((5, 5), (4, 0)):
        monkeypatch.setattr(explain, "_MOST_EXCHANGES", most)
        assert len(list(explain._with_rows_exchanged(net))) == count
