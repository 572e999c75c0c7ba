"""The parts of a check of derivatives, on numbers that are worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof import check as checking
from matnet.proof.check import Check, Element, check
from recurrent_networks import load, recurrent, sequences
from series_networks import open_network
from small_networks import arx as arx  # a fixture

Real = NDArray[np.float64]
EPS = 2.0**-52


def static(transfer: str, weights: list[list[float]], weight: str = "dotprod", low: float = -1.0) -> Network:
    layer = Layer(len(weights), transfer, {0: Weight(weights, weight)})
    size = len(weights[0])
    return Network(
        Structure((Input(size, range=np.tile([low, low + 2.0], (size, 1))),), (layer,), (Output(0, len(weights)),))
    )


def test_the_best_difference_of_a_cubic_is_extrapolated() -> None:
    """s + 10⁶ s³: the differences of step h are off by 10⁶ h² and a quarter of it, the extrapolated one by nothing."""
    values, estimate = checking._best_difference(lambda share: np.array([share + 1e6 * share**3]), np.array([1.0]))
    assert values == pytest.approx(1.0, abs=1e-13)
    assert estimate == pytest.approx(0.75e6 * 1e-6**2, rel=1e-6)


def test_rounding_is_part_of_the_estimate() -> None:
    """A straight line through 0, per width 4: nothing but rounding, 4 eps of half a step's value."""
    values, estimate = checking._best_difference(lambda share: np.array([8.0 * share]), np.array([4.0]))
    assert values.tolist() == [2.0]
    assert estimate == pytest.approx(4.0 * EPS * 1.0, rel=1e-12, abs=0.0)


def test_each_element_takes_its_own_step() -> None:
    """An exponential of 10⁴ s needs the smallest step; cos s at 0.5 the third or fourth."""
    values, estimate = checking._best_difference(
        lambda share: np.array([np.exp(1e4 * share), np.sin(0.5 + share), np.nan if share > 1e-5 else share]),
        np.ones(3),
    )
    assert values == pytest.approx([1e4, np.cos(0.5), 1.0], rel=1e-8)
    assert estimate[1] < 1e-9


def test_five_steps_are_tried_on_both_sides() -> None:
    """Each with half of it, from a hundredth to a millionth of the range."""
    tried = []

    def along(share: float) -> Real:
        tried.append(share)
        return np.array([share])

    checking._best_difference(along, np.ones(1))
    steps = [0.01, 0.001, 0.0001, 0.00001, 0.000001]
    assert sorted(tried) == sorted(sign * part * step for step in steps for part in (1.0, 0.5) for sign in (1.0, -1.0))


def test_steps_become_lags() -> None:
    """dy(t)/dx(s) = 10 s + t over three steps: lag 0, lag 1, and the lead at the end."""
    by_step = np.array([[[[10.0 * s + t] for t in range(3)]] for s in range(3)])
    by_lag = checking._by_lag(by_step, 1, 1)[:, :, 0, 0]
    assert by_lag.tolist() == [[0.0, 0.0, 10.0], [11.0, 1.0, 21.0], [22.0, 12.0, 0.0]]
    assert checking._by_lag(by_step, 0, 0)[:, :, 0, 0].tolist() == [[0.0], [11.0], [22.0]]


def test_the_width_of_an_input_is_its_range_or_a_millionth_of_a_far_sample() -> None:
    box = np.array([[-1.0, 3.0], [0.0, 2.0], [5.0, 6.0]])
    x = np.array([[2.0, -4e6, np.nan], [1.0, 1.0, 3.0]])
    assert checking._widths(x, box).tolist() == [4.0, 4.0, 1.0]
    assert checking._widths(np.array([[1e-9]]), np.array([[0.0, 1e-12]])).tolist() == [1e-12]
    assert checking._widths(np.array([[np.nan], [np.inf]]), np.array([[0.0, 1e-12]])).tolist() == [1e-12]


def summary(
    analytic: list[float],
    numerical: list[float],
    estimate: list[float],
    y: list[float],
    kinks: Sequence[float] = (),
    method: str = "complex step",
    directions: int = 0,
    width: float = 1.0,
) -> Check:
    """Of one derivative at several samples, by an input of this width."""
    one, other, error = (np.array(numbers)[:, None, None, None] for numbers in (analytic, numerical, estimate))
    at_kinks = np.array(kinks) if kinks else np.zeros(len(y))
    widths = np.array([width])
    return checking._summary(one, other, error, at_kinks, method, widths, np.array(y)[:, None], directions)


@pytest.mark.parametrize(
    ("apart", "error", "method", "verdict"),
    [
        (1e-10, 0.0, "complex step", "agrees"),
        (1.1e-10, 0.0, "complex step", "differs"),
        (1e-6, 0.0, "central differences", "agrees"),
        (1.1e-6, 0.0, "central differences", "differs"),
        (2.0**-17, 2.0**-17 / 10.0, "complex step", "agrees"),
        (1.01 * 2.0**-17, 2.0**-17 / 10.0, "complex step", "differs"),
        (0.0, 1.01e-5, "central differences", "unresolved"),
        (0.0, 0.99e-5, "central differences", "agrees"),
    ],
)
def test_limits_of_the_verdicts(apart: float, error: float, method: str, verdict: str) -> None:
    """The largest derivative is 1, at the second sample; the first has a difference and an estimated error."""
    found = summary([0.0, 1.0], [apart, 1.0], [error, 0.0], [0.5, 0.5], method=method)
    (element,) = found.elements
    assert (element.verdict, found.samples, found.at_kinks, found.undefined) == (verdict, 2, 0, 0)
    assert element.sample == 0
    assert (element.analytic, element.numerical, element.estimate) == (0.0, apart, error)
    assert element.difference == apart


def test_a_small_derivative_of_a_large_output_need_not_be_resolved_further() -> None:
    """The output is 10⁴ over a width of 1: an error of 0.05 in a derivative of 0.001 says nothing, but matters not."""
    (small,) = summary([1e-3], [1e-3], [0.05], [1e4], method="central differences").elements
    (rough,) = summary([1e-3], [1e-3], [0.15], [1e4], method="central differences").elements
    assert (small.verdict, rough.verdict) == ("agrees", "unresolved")
    # over a width of 4 a derivative of 2500 changes it by its size
    for error, verdict in ((0.02, "agrees"), (0.03, "unresolved")):
        found = summary([1e-3], [1e-3], [error], [1e4], method="central differences", width=4.0)
        assert found.elements[0].verdict == verdict


@pytest.mark.parametrize(
    ("apart", "error", "verdict"),
    [(0.9e-13, 0.0, "agrees"), (2e-13, 0.0, "differs"), (0.0, 0.9e-8, "agrees"), (0.0, 2e-8, "unresolved")],
)
def test_small_derivatives_of_small_outputs_count_by_their_own_size(apart: float, error: float, verdict: str) -> None:
    """They are 0.001, and so are the outputs. What is not a number on either side says nothing about the others."""
    nan = float("nan")
    for analytic, numerical, y in (
        ([], [], []),
        ([nan], [nan], [1e-3]),
        ([nan], [nan], [nan]),
        ([nan], [nan], [np.inf]),
    ):
        found = summary([1e-3, *analytic], [1e-3 + apart, *numerical], [error, *(nan for _ in y)], [1e-3, *y])
        assert found.elements[0].verdict == verdict
        assert found.elements[0].sample == 0


def test_steps_of_a_series_at_a_kink_are_counted() -> None:
    """poslin of x(t) - x(t-1), which is 0 at the third and fifth step; the first comes after a state of 0."""
    layer = Layer(1, "poslin", {0: Weight([[1.0, -1.0]], delays=(0, 1))})
    net = Network(Structure((Input(1, range=np.array([[-1.0, 1.0]])),), (layer,), (Output(0, 1),)))
    x = np.array([[0.5], [0.25], [0.25], [-0.5], [-0.5], [1.0]])
    found = check(net, x)
    assert (found.samples, found.at_kinks, found.agrees) == (6, 2, True)
    assert [one.verdict for one in found.elements] == ["kink", "kink"]
    assert check(net, x[:2]).at_kinks == 0
    assert check(net, np.zeros((1, 1))).at_kinks == 1
    # within a millionth of the range, of which 2 is the width
    for apart, kinks in ((1.9e-6, 1), (2.1e-6, 0)):
        assert check(net, np.array([[0.5], [0.5 - apart]])).at_kinks == kinks
    # and after a state of 0.5
    assert check(net, x, input_states=np.array([[0.5]])).at_kinks == 3


def test_a_sample_at_a_kink_or_without_a_finite_output_is_left_out() -> None:
    nan = float("nan")
    found = summary([1.0, 5.0, nan], [1.0, 1.0, nan], [0.0] * 3, [0.5, 0.5, nan], kinks=[0.0, 1.0, 0.0])
    (element,) = found.elements
    assert (element.verdict, element.sample, found.at_kinks, found.undefined) == ("kink", 1, 1, 1)
    along = summary([1.0, 5.0], [1.0, 1.0], [0.0] * 2, [0.5, 0.5], kinks=[0.0, 1.0], directions=3)
    assert (along.elements[0].verdict, along.elements[0].sample) == ("agrees", 0)
    exact = summary([1.0, 1.0], [1.0, 1.0], [0.0] * 2, [0.5, 0.5], kinks=[1.0, 0.0])
    assert (exact.elements[0].verdict, exact.elements[0].sample) == ("agrees", 1)
    every = summary([1.0, 5.0], [1.0, 1.0], [0.0] * 2, [0.5, 0.5], kinks=[1.0, 1.0], directions=3)
    assert (every.elements[0].verdict, every.elements[0].sample) == ("kink", 1)


def test_the_worst_sample_and_the_worst_element_come_first() -> None:
    shape = (3, 1, 1, 4)
    analytic, numerical = np.ones(shape), np.ones(shape)
    numerical[1, 0, 0, 1], numerical[2, 0, 0, 1], numerical[0, 0, 0, 3] = 1.5, 1.25, 4.0
    found = checking._summary(
        analytic, numerical, np.zeros(shape), np.zeros(3), "complex step", np.ones(4), np.ones((3, 1))
    )
    assert [(element.input, element.sample, element.verdict) for element in found.elements] == [
        (3, 0, "differs"),
        (1, 1, "differs"),
        (0, 0, "agrees"),
        (2, 0, "agrees"),
    ]


@pytest.mark.parametrize(
    ("transfer", "x", "kinks"),
    [
        ("poslin", [1.9e-6, -1.9e-6, 2.1e-6, -2.1e-6], [1.0, 1.0, 0.0, 0.0]),
        ("satlin", [1.9e-6, 1.0 - 1.9e-6, 1.0 + 1.9e-6, 0.5], [1.0, 1.0, 1.0, 0.0]),
        ("tansig", [0.0, 1e-6, 1.0, -1.0], [0.0] * 4),
    ],
)
def test_a_kink_is_within_a_millionth_of_the_range(transfer: str, x: list[float], kinks: list[float]) -> None:
    net, samples = static(transfer, [[1.0]]), np.array(x)[:, None]
    assert checking._at_kinks(net, samples, np.array([[2.0]])).tolist() == kinks
    assert checking._at_kinks(net, samples, np.array([[-2.0]])).tolist() == kinks


def test_a_change_of_the_winner_is_a_kink() -> None:
    net = static("compet", [[1.0, 0.0], [0.0, 1.0]])
    x = np.array([[0.5, 0.5 + 1e-6], [0.5, 0.6]])
    assert checking._at_kinks(net, x, np.diag([2.0, 2.0])).tolist() == [1.0, 0.0]
    # softmax has none, although its outputs depend on each other as well
    smooth = static("softmax", [[1.0, 0.0], [0.0, 1.0]])
    assert checking._at_kinks(smooth, x, np.diag([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_the_middle_of_a_distance_is_a_kink() -> None:
    """Within a ten-thousandth of 1 and the largest number of the sample."""
    net = static("purelin", [[100.0, 0.0]], "dist")
    x = np.array([[100.0, 0.010], [100.0, 0.0102], [100.0, 0.0]])
    assert checking._at_kinks(net, x, np.diag([1e-9, 1e-9])).tolist() == [1.0, 0.0, 1.0]
    net = static("purelin", [[0.0, 0.0]], "dist")
    x = np.array([[0.99e-4, 0.0], [1.02e-4, 0.0]])
    assert checking._at_kinks(net, x, np.diag([1e-9, 1e-9])).tolist() == [1.0, 0.0]
    # each sample counts by its own numbers
    net = static("purelin", [[100.0, 0.0], [0.0, 0.0]], "dist")
    x = np.array([[0.005, 0.0], [100.5, 0.0]])
    assert checking._at_kinks(net, x, np.diag([1e-9, 1e-9])).tolist() == [0.0, 0.0]


def test_the_nearest_axis_of_a_box_distance_changes_at_a_kink() -> None:
    net = static("purelin", [[0.0, 0.0]], "boxdist")
    x = np.array([[1.0, 1.0 + 1e-6], [1.0, 1.1], [-1e-6, 1e-7]])
    assert checking._at_kinks(net, x, np.diag([2.0, 2.0])).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(("size", "directions"), [(256, 0), (257, 3)])
def test_directions_begin_beyond_256_inputs(size: int, directions: int) -> None:
    net = static("tansig", np.random.default_rng(0).normal(size=(1, size)).tolist())
    found = check(net, count=2)
    assert (found.directions, len(found.elements), found.samples) == (directions, directions or size, 2)
    assert found.agrees


def test_changes_along_directions_are_shares_of_the_width() -> None:
    changes = checking._random_directions(400, np.array([1.0, 10.0]))
    assert (np.abs(changes) <= [1.0, 10.0]).all()
    assert (np.abs(changes).max(axis=0) > [0.98, 9.8]).all()
    assert (np.sign(changes).mean(axis=0) ** 2 < 0.05).all()


def test_an_overflowing_complex_step_is_replaced_sample_by_sample() -> None:
    """logsig overflows at -2000 only; at 0.25 the complex step is exact and its estimate 0."""
    net = static("logsig", [[1.0]])
    x = np.array([[0.25], [-2000.0]])
    with np.errstate(all="ignore"):
        assert np.isnan(np.asarray(net(x + 1e-30j))[1])
    analytic = np.asarray(net.jacobian(x))
    numerical, estimate = checking._complex_step(net, x, analytic, np.array([[2.0]]), np.array([2.0]))
    assert numerical[0] == pytest.approx(analytic[0], rel=1e-14)
    assert estimate[0] == 0.0
    assert numerical[1] == pytest.approx(0.0, abs=1e-9)
    # of two outputs of one sample only the first is replaced
    net = static("logsig", [[1.0], [1e-3]])
    analytic = np.asarray(net.jacobian(x[1:]))
    numerical, estimate = checking._complex_step(net, x[1:], analytic, np.array([[2.0]]), np.array([2.0]))
    assert estimate[0, 1, 0] == 0.0
    assert numerical[0, 1, 0] == pytest.approx(analytic[0, 1, 0], rel=1e-14)


def wrong_at(monkeypatch: pytest.MonkeyPatch, place: tuple[int, int, int, int]) -> None:
    """The analytic derivative is wrong in one place: step, lag (leads from the end), output, input."""
    right = Network.run_jacobian

    def wrong(self: Network, *arguments: Any, **settings: Any) -> Real:
        found = np.array(right(self, *arguments, **settings))
        found[place] += 0.01
        return found

    monkeypatch.setattr(Network, "run_jacobian", wrong)


@pytest.mark.parametrize(("step", "lag"), [(0, 0), (3, 1), (5, 3), (10, 4), (10, 0)])
def test_a_wrong_derivative_of_a_series_is_found_in_its_place(
    step: int, lag: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = open_network(inner=True)
    wrong_at(monkeypatch, (step, lag, 1, 2))
    found = check(net)
    assert found.samples == 2 * (3 + 2) + 3
    assert {(one.lag, one.output, one.input) for one in found.elements} == {
        (k, i, j) for k in range(6) for i in range(2) for j in range(4)
    }
    assert {one.verdict for one in found.elements[1:]} == {"agrees"}
    worst = found.elements[0]
    assert (worst.verdict, worst.sample, worst.lag, worst.output, worst.input) == ("differs", step, lag, 1, 2)
    assert worst.difference == pytest.approx(0.01, rel=1e-4)


def test_states_before_a_series_are_those_given(arx: Network) -> None:
    """With a hidden layer that bends, the derivatives depend on them."""
    layer = Layer(1, "tansig", {0: Weight([[2.0]], delays=(1,))}, {0: Weight([[0.5]], delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    x = np.linspace(-1.0, 1.0, 5)[:, None]
    states: Any = {"input_states": np.array([[0.25]]), "layer_states": np.array([[0.75]])}
    found = check(net, x, **states)
    assert found.agrees
    y = net.run(x, **states).outputs
    expected = 2.0 * (1.0 - y[:, 0] ** 2)
    (first,) = (one for one in found.elements if one.lag == 1)
    assert first.analytic == pytest.approx(expected[first.sample], rel=1e-12)
    assert check(arx).agrees


def test_a_wrong_derivative_by_a_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Weight([[0.5, -1.0, 0.25, 0.125], [1.5, 0.25, -0.5, 0.75]], delays=(1, 2))
    net = Network(Structure((), (Layer(2, "tansig", {}, {0: weights}, [0.5, -0.5]),), (Output(0, 2),)))
    found = check(net)
    assert (len(found.elements), found.samples, found.agrees) == (2 * 2 * 2, 6, True)
    assert found.method == "central differences with respect to the initial states"
    assert any(abs(one.analytic) > 0.01 for one in found.elements)
    wrong_at(monkeypatch, (4, 1, 0, 1))
    worst, *others = check(net).elements
    assert {one.verdict for one in others} == {"agrees"}
    assert worst.verdict == "differs"
    assert (worst.sample, worst.output, worst.input) == (4, 1, 1)


def test_initial_states_differ_so_that_none_ties_with_another() -> None:
    """The largest of equal distances has a kink where they are equal."""
    layer = Layer(2, "tansig", {}, {0: Weight(np.zeros((2, 2)), "boxdist", delays=(1,))})
    found = check(Network(Structure((), (layer,), (Output(0, 2),))))
    assert {one.verdict for one in found.elements} == {"agrees"}


@pytest.mark.parametrize(("last", "lags"), [(False, range(-1, 2)), (True, range(-1, 6))])
def test_steps_that_come_later_and_series_of_one_answer(
    last: bool, lags: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lags below 0 where outputs depend on later steps, and to the first step where only the last has an output."""
    net = load(tmp_path, [sequences(2), recurrent("BiLSTM", "a", 1, 2, 2, last=last)])
    x = np.random.default_rng(2).normal(size=(6, 2))
    found = check(net, x)
    assert {one.lag for one in found.elements} == set(lags)
    assert {one.verdict for one in found.elements} == {"agrees"}
    assert all(
        any(abs(one.analytic) > 1e-4 for one in found.elements if one.lag == lag)
        for lag in lags
        if not last or lag >= 0
    )
    step, lag = (5, 5) if last else (2, -1)
    wrong_at(monkeypatch, (step, lag, 1, 0))
    worst, *others = check(net, x).elements
    assert {one.verdict for one in others} == {"agrees"}
    assert (worst.verdict, worst.sample, worst.lag, worst.output, worst.input) == ("differs", step, lag, 1, 0)


def test_the_verdicts_of_elements_are_told_in_words() -> None:
    """Counts of 1 and more, each kind of verdict by itself and all of them together."""
    words = {
        "agrees": "1 of 1 derivatives agree: complex step, 1 sample",
        "differs": "0 of 1 derivatives agree, 1 differ: complex step, 1 sample",
        "kink": "0 of 1 derivatives agree, 1 disagree only at a kink: complex step, 1 sample",
        "unresolved": "0 of 1 derivatives agree, 1 cannot be resolved numerically: complex step, 1 sample",
        "undefined": "0 of 1 derivatives agree, 1 have no sample with a finite output: complex step, 1 sample",
    }
    elements = {verdict: Element(0, 1, 0, 0, 1.0, 1.0, 0.0, verdict) for verdict in words}
    for verdict, text in words.items():
        found = Check((elements[verdict],), "complex step", 1, 0, 0)
        assert (found.summary, found.agrees) == (text, verdict != "differs")
    found = Check((*elements.values(), elements["kink"]), "central differences", 7, 2, 1, directions=3)
    assert found.summary == (
        "1 of 6 derivatives along 3 random directions agree, 1 differ, 2 disagree only at a kink, 1 cannot be resolved "
        "numerically, 1 have no sample with a finite output: central differences, 7 samples, 2 of them near a kink, 1 "
        "of them with outputs that are not finite"
    )
    assert not found.agrees


def test_an_element_is_called_by_its_output_and_its_input_or_direction() -> None:
    element, later = Element(1, 2, 0, 0, 1.0, 1.0, 0.0, "agrees"), Element(1, 0, 3, 0, 1.0, 1.0, 0.0, "agrees")
    outputs, inputs = ("head", "power"), ("flow", "speed", "gap")
    found = Check((element,), "complex step", 1, 0, 0)
    assert found.directions == 0
    assert found.name(element, outputs, inputs) == "dpower_dgap"
    assert found.name(later, outputs, inputs) == "dpower_dflow_lag3"
    found = Check((element,), "complex step", 1, 0, 0, directions=4)
    assert found.name(element, outputs, inputs) == "dpower along direction 3"


def test_generated_points_are_counted() -> None:
    net = static("tansig", [[1.0, -0.5]])
    assert (check(net).samples, check(net, count=5).samples, check(net, np.zeros((3, 2)), count=5).samples) == (
        20,
        5,
        3,
    )
    assert check(net, directions=0).directions == 0
    with pytest.raises(ShapeError, match=r"^there are no samples to check the derivatives on$"):
        check(net, count=0)


def test_a_series_of_many_inputs_is_checked_input_by_input() -> None:
    """Delays of 1 and 3: two series of seven steps and three more."""
    value = np.random.default_rng(0).normal(size=(1, 257))
    net = Network(
        Structure((Input(257),), (Layer(1, "tansig", {0: Weight(0.02 * value, delays=(0,))}),), (Output(0, 1),))
    )
    assert check(net, np.zeros((1, 257))).directions == 3
    value = np.random.default_rng(0).normal(size=(1, 514))
    layer = Layer(1, "tansig", {0: Weight(0.02 * value, delays=(0, 1))})
    found = check(Network(Structure((Input(257),), (layer,), (Output(0, 1),))), np.zeros((2, 257)))
    assert (found.directions, len(found.elements)) == (0, 2 * 257)
    assert found.agrees
    layer = Layer(1, "tansig", {0: Weight([[0.5, 0.25]], delays=(0, 3))}, {0: Weight([[0.5]], delays=(1,))})
    assert check(Network(Structure((Input(1),), (layer,), (Output(0, 1),)))).samples == 2 * (3 + 1) + 3


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "agrees"), (3e-10, "differs")])
def test_inputs_of_any_range_are_changed_by_a_share_of_it(
    share: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 10⁻⁸ to 10⁸ wide, and from 0 or far from it: the derivative with respect to the input itself is compared."""
    right = Network.jacobian

    def wrong(self: Network, x: Real) -> Real:
        return np.asarray(right(self, x)) * (1.0 + share)

    monkeypatch.setattr(Network, "jacobian", wrong)
    for width in (1e-8, 1.0, 1e8):
        for low in (0.0, 5.0 * width):
            layer = Layer(1, "tansig", {0: Weight([[2.0 / width]])}, bias=[-2.0 * low / width - 1.0])
            limits = np.array([[low, low + width]])
            net = Network(Structure((Input(1, range=limits),), (layer,), (Output(0, 1),)))
            (element,) = check(net).elements
            assert element.verdict == verdict, (width, low)
            assert element.numerical * (1.0 + share) == pytest.approx(element.analytic, rel=1e-11)


def test_directions_agree_with_the_sums_of_derivatives() -> None:
    """Along v, y = tanh(w x) changes by (1 - y²) w v; every direction has its own changes."""
    weights = np.array([[1.0, -0.5, 0.25]])
    net = static("tansig", weights.tolist())
    x = np.array([[0.5, 0.25, -0.125]])
    found = check(net, x, directions=3)
    v = np.random.default_rng(0).uniform(-1.0, 1.0, (3, 3)) * 2.0
    expected = (1.0 - np.tanh(weights @ x[0]) ** 2) * (v @ weights[0])
    told = {one.input: (one.analytic, one.numerical) for one in found.elements}
    for number in range(3):
        assert told[number] == pytest.approx((expected[number], expected[number]), rel=1e-12)


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "agrees"), (5e-7, "agrees"), (2e-6, "differs")])
def test_where_the_complex_step_overflows_a_difference_shows_a_millionth(
    share: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """y = x + logsig(x), of which the second part overflows at -2000."""
    hidden = Layer(1, "logsig", {0: Weight([[1.0]])})
    last = Layer(1, "purelin", {0: Weight([[1.0]])}, {0: Weight([[1.0]])})
    limits = np.array([[-2001.0, -1999.0]])
    net = Network(Structure((Input(1, range=limits),), (hidden, last), (Output(1, 1),)))
    right = Network.jacobian
    monkeypatch.setattr(Network, "jacobian", lambda self, x: np.asarray(right(self, x)) * (1.0 + share))
    found = check(net, np.array([[-2000.0]]))
    (element,) = found.elements
    assert (found.method, element.verdict, element.analytic) == ("complex step", verdict, 1.0 + share)
    assert element.numerical == pytest.approx(1.0, rel=1e-8)
    assert element.estimate == pytest.approx(1e-7, rel=1e-3)


def test_a_layer_of_a_bias_alone_has_no_kinks() -> None:
    """It has no samples of its own."""
    constant = Layer(2, "poslin", bias=[0.0, 1.0])
    bent = Layer(1, "poslin", {0: Weight([[1.0]])}, {0: Weight([[1.0, 1.0]])}, [-1.0])
    net = Network(Structure((Input(1, range=np.array([[-1.0, 1.0]])),), (constant, bent), (Output(1, 1),)))
    found = check(net, np.array([[0.0], [0.5], [-0.5]]))
    assert (found.at_kinks, found.agrees) == (1, True)
    assert [(one.verdict, one.sample) for one in found.elements] == [("kink", 0)]
