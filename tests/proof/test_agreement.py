"""What an agreement of stored numbers with a network's is worth, and which differences rounding allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.io

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import agreement, candidates
from matnet.proof.agreement import computed, ranges
from matnet.proof.answers import InputData, Rounding
from matnet.proof.candidates import Matrix
from matnet.proof.data import NamedData
from matnet.proof.finding import Finding
from matnet.proof.outputs import UNEXPLAINED
from matnet.proof.verify import verify

RNG = np.random.default_rng(6)


def network(inputs: int = 3, outputs: int = 2, neurons: int = 4) -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(neurons, "tansig", {0: Weight(rng.normal(size=(neurons, inputs)))}, bias=rng.normal(size=neurons))
    value = rng.normal(size=(outputs, neurons))
    last = Layer(outputs, "purelin", {}, {0: Weight(value)}, bias=rng.normal(size=outputs))
    limits = np.tile([-1.0, 1.0], (inputs, 1))
    return Network(Structure((Input(inputs, range=limits),), (hidden, last), (Output(1, outputs),)))


def linear(weight: float = 1.0, processing: tuple[Process, ...] = ()) -> Network:
    """y = w x."""
    layer = Layer(1, "purelin", {0: Weight([[weight]])})
    return Network(Structure((Input(1),), (layer,), (Output(0, 1, processing),)))


def samples(net: Network, count: int = 30) -> FloatArray:
    return RNG.uniform(-1.0, 1.0, (count, net.input_size))


def named(net: Network, x: FloatArray, y: FloatArray) -> Finding:
    (row,) = verify(net, None, NamedData(inputs=Matrix("x", x.T), outputs=Matrix("y", y.T)))
    return row


def found(net: Network, folder: Path, variables: Mapping[str, Any]) -> tuple[Finding, ...]:
    scipy.io.savemat(folder / "data.mat", dict(variables))
    return verify(net, StoredValues(folder / "data.mat"))


def test_the_range_of_outputs_without_one() -> None:
    """The width of what is stored, else its size, else 1; of a single sample the width of all its outputs."""
    net = network(outputs=5)
    stored = np.array([[0.25, 7.0, np.nan, 0.0, -0.25], [0.25, 7.5, np.inf, 0.0, -0.25]])
    assert ranges(net, stored).tolist() == [0.25, 0.5, 1.0, 1.0, 0.25]
    assert ranges(net, stored[:1]).tolist() == [7.25] * 5
    assert ranges(linear(), np.array([[0.5]])).tolist() == [0.5]


def test_a_difference_is_told_as_it_is_and_as_a_share_of_the_range() -> None:
    """The range of x, and of y = 4 x, is 2 and 8."""
    x = np.linspace(-1.0, 1.0, 33)[:, None]
    y = 4.0 * x
    assert (named(linear(4.0), x, y).largest, named(linear(4.0), x, y).relative) == (0.0, 0.0)
    y[5] += 2.0**-10
    row = named(linear(4.0), x, y)
    assert (row.samples, row.largest, row.relative, row.verdict) == (33, 2.0**-10, 2.0**-13, "contradicted")


@pytest.mark.parametrize(("ulps", "verdict"), [(15, "proved"), (-15, "proved"), (16, "contradicted")])
def test_answers_far_from_0_agree_within_eight_eps_of_their_size(ulps: int, verdict: str) -> None:
    """An offset of 10⁶ after the network: 8 eps of it are 15.3 units of its last digit, its range of 2 counts less."""
    offset = Process.from_matlab("mapminmax", {"gain": [1.0], "xoffset": [1e6 - 1.0], "ymin": -1.0})
    x = np.linspace(-1.0, 1.0, 33)[:, None]
    y = 1e6 + x
    y[4] += ulps * np.spacing(1e6)
    assert named(linear(1.0, (offset,)), x, y).verdict == verdict


@pytest.mark.parametrize("unknown", [False, True])
def test_small_answers_agree_within_their_own_range(unknown: bool) -> None:
    x = np.linspace(-1.0, 1.0, 33)[:, None]
    y = 1e-6 * x
    if unknown:
        x[7] = y[7] = np.nan
    row = named(linear(1e-6), x, y)
    assert (row.samples, row.verdict) == (33 - unknown, "proved")
    y[3] += 1e-17
    assert named(linear(1e-6), x, y).verdict == "contradicted"


@pytest.mark.parametrize(("ulps", "verdict"), [(55, "proved"), (-55, "proved"), (70, "contradicted")])
def test_answers_agree_within_four_times_the_effect_of_rounding(ulps: int, verdict: str) -> None:
    """w and x of 1 and 1000 move by 2^-50 each, y by 2^-49 of 1000, 15.6 units of its last digit."""
    x = 1000.0 + np.linspace(0.0, 1.0, 33)[:, None]
    y = np.array(x)
    y[0] += ulps * np.spacing(1000.0)
    y[1] += 2.0**-42  # not the inputs themselves
    assert named(linear(), x, y).verdict == verdict


@pytest.mark.parametrize(("digits", "verdict"), [(3, "contradicted"), (4, "proved"), (15, "proved")])
def test_named_answers_count_from_four_digits(digits: int, verdict: str) -> None:
    net = network()
    x = samples(net)
    assert named(net, x, written(np.asarray(net(x)), digits)).verdict == verdict


@pytest.mark.parametrize(("digits", "verdict"), [(9, "unclear"), (10, "proved")])
def test_answers_that_were_found_count_from_ten_digits(digits: int, verdict: str, tmp_path: Path) -> None:
    """Fewer digits may be those of measured targets."""
    net = network()
    x = samples(net)
    (row,) = found(net, tmp_path, {"x": x.T, "y": written(np.asarray(net(x)), digits).T})
    assert row.verdict == verdict
    if verdict == "proved":
        assert row.reason == "the answers were written with 10 digits, and these are compared"


def written(values: FloatArray, digits: int) -> FloatArray:
    return np.array([[float(f"{value:.{digits}g}") for value in row] for row in values])


def test_answers_of_a_series_that_were_written_with_few_digits() -> None:
    """The inputs' digits do not matter to them."""
    value = np.random.default_rng(1).normal(size=(4, 4))
    hidden = Layer(4, "tansig", {0: Weight(value, delays=(0, 1))}, bias=[0.5, -0.25, 0.125, 1.0])
    net = Network(Structure((Input(2),), (hidden,), (Output(0, 4),)))
    x = written(samples(net), 6)
    y = written(np.asarray(net.run(x).outputs), 6)
    row = named(net, x, y)
    assert (row.verdict, row.reason) == ("proved", "the answers were written with 6 digits, and these are compared")
    y[7, 1] += 1e-5
    assert named(net, x, written(y, 6)).verdict == "contradicted"


@pytest.mark.parametrize(("step", "verdict"), [(2.0**-12, "contradicted"), (2.0**-13, "proved")])
def test_numbers_are_of_single_precision_if_some_have_more_than_twelve_binary_decimals(
    step: float, verdict: str
) -> None:
    """Their range is 1000, of which single precision means 2e-6. Multiples of 1/4096 may be so by chance."""
    x = np.concatenate([np.arange(-500.0, 501.0, 25.0) / 4096.0, [0.0, -500.0 / 4096.0]])[:, None]
    y = 4096.0 * x
    y[3] += step
    row = named(linear(4096.0), x, y)
    assert row.verdict == verdict
    if verdict == "proved":
        assert row.reason == "the answers were stored in single precision, so only 6 digits are compared"


def test_computed_numbers_have_more_than_fifteen_digits_or_are_of_single_precision() -> None:
    assert computed(np.array([0.5, 1.0 / 3.0]))
    assert computed(np.array([0.5, np.nan, 0.1234567890123456]))
    assert not computed(np.array([0.5, 0.123456789012345]))
    assert computed(np.array([0.5, float(np.float32(0.1))]))
    assert not computed(np.array([0.5, np.nan, np.inf]))
    assert computed(np.r_[np.full(399, 0.5), 1.0 / 3.0][::-1])


def step_function() -> Network:
    """A step at 0.3, on which 0.1 + 0.2 stands."""
    layer = Layer(1, "hardlim", {0: Weight([[0.1, 0.2]])}, bias=[-0.3])
    return Network(Structure((Input(2),), (layer,), (Output(0, 1),)))


@pytest.mark.parametrize(("count", "verdict"), [(100, "proved"), (99, "weak")])
def test_one_sample_in_a_hundred_may_be_decided_by_rounding(count: int, verdict: str) -> None:
    net = step_function()
    x = np.concatenate([[[1.0, 1.0]], np.random.default_rng(1).uniform(-3.0, 9.0, (count - 1, 2))])
    margin = 0.1 * x[1:, 0] + 0.2 * x[1:, 1] - 0.3
    x[1:] += np.where(np.abs(margin) < 0.05, 0.5, 0.0)[:, None]
    # samples close enough to the step for one percent of the weights and the bias to show
    near = np.array([1.0 + 0.006, 1.0 + 0.006]), np.array([1.0 - 0.006, 1.0 - 0.006])
    x[1], x[2] = near
    y = np.asarray(net(x))
    y[0] = 1.0 - y[0]
    row = named(net, x, y)
    assert (row.samples, row.verdict) == (count - 1, verdict)
    if verdict == "proved":
        assert row.reason == "at 1 more samples rounding decides"
    else:
        assert row.reason == "at 1 of 99 samples rounding decides, and the answers differ"
    # the same answer still counts
    row = named(net, x, np.asarray(net(x)))
    assert (row.samples, row.verdict, row.reason) == (count, "proved", "")


def test_outputs_of_the_shape_of_the_inputs_are_only_weak_if_they_are_the_inputs() -> None:
    net = network(3, 3)
    x = samples(net)
    x[4, 1] = np.nan
    row = named(net, x, np.asarray(net(x)))
    assert (row.samples, row.verdict, row.reason) == (29, "proved", "")
    layer = Layer(3, "purelin", {0: Weight(np.eye(3))})
    row = named(Network(Structure((Input(3),), (layer,), (Output(0, 3),))), x, x)
    x[4] = np.nan
    row = named(Network(Structure((Input(3),), (layer,), (Output(0, 3),))), x, x)
    assert (row.verdict, row.reason) == ("weak", "the stored answers are the inputs themselves")


def test_all_samples_are_asked_whether_a_change_shows() -> None:
    """The first layer is saturated for the first 300 samples, not for the others."""
    hidden = Layer(2, "satlins", {0: Weight([[3.0], [-2.5]])}, bias=[0.25, 0.5])
    last = Layer(1, "purelin", {}, {0: Weight([[0.5, 0.3]])}, bias=[0.1])
    net = Network(Structure((Input(1),), (hidden, last), (Output(1, 1),)))
    x = np.concatenate([np.linspace(5.0, 9.0, 300), -np.linspace(5.0, 9.0, 5), np.linspace(-0.2, 0.2, 20)])[:, None]
    assert named(net, x, np.asarray(net(x))).verdict == "proved"
    row = named(net, x[:305], np.asarray(net(x[:305])))
    assert (row.verdict, row.reason) == ("weak", "a change of b{1} by 1 % would not have shown")


@pytest.mark.parametrize(("count", "chance"), [(9, True), (10, False)])
def test_one_of_a_thousand_agreements_may_be_chance(count: int, chance: bool) -> None:
    """Of two kinds of answers to nine samples one in 512 is the network's, to ten one in 1024."""
    net = step_function()
    x = np.linspace(-3.0, 3.0, count)[:, None] + [0.0, 0.5]
    row = named(net, x, np.asarray(net(x)))
    assert (row.samples, row.reason.startswith("could be chance: ")) == (count, chance)


RADIAL = "these may be targets: a radial network with as many weights as there are samples learns them exactly"


@pytest.mark.parametrize(
    ("bias", "transfer", "weight", "samples", "reason"),
    [
        (None, "purelin", "dist", 12, RADIAL),
        (None, "purelin", "dist", 13, ""),
        ([0.5], "purelin", "dist", 13, RADIAL),
        ([0.5], "purelin", "dist", 14, ""),
        ([0.5], "tansig", "dist", 12, ""),
        # the weights of other networks are not solved for
        ([0.5], "purelin", "dotprod", 12, ""),
    ],
)
def test_only_a_radial_network_learns_as_many_targets_as_it_has_weights(
    bias: list[float] | None, transfer: str, weight: str, samples: int, reason: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (samples, 2))
    function, net_input = ("radbas", "netprod") if weight == "dist" else ("tansig", "netsum")
    hidden = Layer(12, function, {0: Weight(x[:12], weight)}, bias=np.full(12, 2.0), net_input=net_input)
    last = Layer(1, transfer, {}, {0: Weight(rng.normal(size=(1, 12)))}, bias=bias)
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 1),)))
    (row,) = found(net, tmp_path, {"x": x.T, "t": np.asarray(net(x)).T})
    assert (row.verdict, row.reason) == ("weak" if reason else "proved", reason)


def test_answers_differ_in_the_ninth_digit_of_their_range() -> None:
    net = linear()
    for apart, count in ((4e-10, 2), (6e-10, 3), (4e-9, 3)):
        assert len(agreement._different(net, np.array([[0.0], [1.0], [1.0 - apart], [1.0]]))) == count


def test_several_proofs_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    """The same answers to two inputs are one proof."""
    net = network()
    first, second = samples(net), samples(net, 20)
    rows = found(
        net, tmp_path, {"x1": first.T, "y1": np.asarray(net(first)).T, "x2": second.T, "y2": np.asarray(net(second)).T}
    )
    assert [(row.what, row.verdict) for row in rows] == [("x1 -> y1", "proved"), ("x2 -> y2", "proved")]
    # the third input has no weight
    value = np.array(net.structure.layers[0].input_weights[0].value)
    value[:, 2] = 0.0
    hidden, last = net.structure.layers
    net = Network(replace(net.structure, layers=(replace(hidden, input_weights={0: Weight(value)}), last)))
    other = np.array(first)
    other[:, 2] = 0.5
    rows = found(net, tmp_path, {"x": first.T, "other": other.T, "y": np.asarray(net(first)).T})
    assert [row.what for row in rows] == ["x -> y"]


def test_where_too_many_pairs_fit_names_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_PAIRS", 3)
    net = network()
    x = samples(net)
    variables = {"x": x.T, "x2": 2.0 * x.T, "y": np.asarray(net(x)).T, "z": RNG.normal(size=(2, 30))}
    reason = "more than 100000 pairs of variables fit"
    expected = Finding("outputs", 0, None, None, "nothing to compare", reason, ("inputs", "outputs"))
    assert found(net, tmp_path, variables) == (expected,)


def test_nothing_is_compared_where_all_stored_numbers_are_unknown() -> None:
    net = network()
    row = named(net, samples(net), np.full((30, 2), np.nan))
    reason = "none of the stored numbers can be compared: all are NaN, or rounding decides them"
    assert row == Finding("x -> y", 0, None, None, "nothing to compare", reason)


def test_of_several_pairs_that_differ_the_nearest_is_told(tmp_path: Path) -> None:
    net = network()
    x = samples(net)
    y = np.asarray(net(x))
    near, far = y + 1e-3 * RNG.normal(size=y.shape), y + RNG.normal(size=y.shape)
    (row,) = found(net, tmp_path, {"x": x.T, "t": near.T})
    assert (row.what, row.verdict, row.reason) == ("x -> t", "unclear", UNEXPLAINED)
    for more, tried in (({}, 2), ({"z": RNG.normal(size=(2, 30))}, 3)):
        (row,) = found(net, tmp_path, {"x": x.T, "far": far.T, "near": near.T, **more})
        assert (row.what, row.verdict) == ("x -> near", "unclear")
        assert row.reason == f"{UNEXPLAINED}; none of the {tried} pairs of variables agrees"
        assert row.undecided == ("inputs", "outputs")


def test_of_two_explanations_the_certain_one_is_told_else_the_nearest(tmp_path: Path) -> None:
    """Answers of the network without its outputs' scaling may be kept beside it; exchanged inputs are an error."""
    net = network()
    x = samples(net)
    y, exchanged = np.asarray(net(x)), np.asarray(net(x[:, [2, 1, 0]]))
    (row,) = found(net, tmp_path, {"x": x.T, "scaled": 1.5 * y.T, "wide": 3.0 * y.T})
    assert (row.what, row.verdict) == ("x -> scaled", "weak")
    assert row.undecided == ("inputs", "outputs")
    (row,) = found(net, tmp_path, {"x": x.T, "scaled": 1.1 * y.T, "other": exchanged.T})
    assert (row.what, row.verdict, row.undecided) == ("x -> other", "contradicted", ())
    assert row.reason == "the stored answers are the network's with inputs 1 and 3 exchanged"
    # only the two nearest are tried
    (row,) = found(net, tmp_path, {"x": x.T, "a": 1.1 * y.T, "b": 1.2 * y.T, "other": exchanged.T})
    assert (row.what, row.verdict) == ("x -> a", "weak")


def test_inputs_of_which_none_has_as_many_samples_as_the_answers() -> None:
    net = network()
    with pytest.raises(ShapeError) as caught:
        named(net, samples(net, 30), np.zeros((29, 2)))
    assert str(caught.value) == "y has 29 samples, but the inputs have 30 samples"
    delayed = Layer(1, "tansig", {0: Weight([[1.0, 0.5]], delays=(0, 1))})
    series = Network(Structure((Input(1),), (delayed,), (Output(0, 1),)))
    told = NamedData(inputs=Matrix("x", np.ones((1, 30))), outputs=Matrix("y", np.ones((1, 5))), states="first-rows")
    with pytest.raises(ShapeError) as caught:
        verify(series, None, told)
    assert str(caught.value) == "y has 5 samples, but the inputs have another number"


@pytest.mark.parametrize(("y", "few"), [(1.234567891, True), (1.23456789, False)])
def test_answers_have_ten_digits_where_targets_have_fewer(y: float, few: bool) -> None:
    found: Any = SimpleNamespace(note="", evidence=3)
    reason = agreement._exactly_learnt(linear(), np.array([[y]]), np.array([[1.23456789]]), found)
    assert reason.startswith("the stored numbers have few digits") == few


def test_a_number_that_was_not_stored_does_not_make_its_sample_unsteady() -> None:
    """The other output of the sample stands on its step, and is the same."""
    layer = Layer(2, "hardlim", {0: Weight([[0.1, 0.2], [1.0, 0.0]])}, bias=[-0.3, 0.5])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    x = np.array([[1.0, 1.0], [5.0, 2.0], [-3.0, 1.0]])
    y = np.asarray(net(x))
    stored = np.array(y)
    stored[0, 1] = np.nan
    result = agreement.agreement(Rounding(net), InputData(x), y, stored, named=True)
    assert (result.samples, result.left_out, result.not_stored, result.agrees) == (3, 0, 1, True)
    stored[0, 0] = 1.0 - y[0, 0]
    result = agreement.agreement(Rounding(net), InputData(x), y, stored, named=True)
    assert (result.samples, result.left_out, result.not_stored, result.agrees) == (2, 1, 1, True)
