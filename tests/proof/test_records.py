"""Training records: which of them decide, with which data, and what a reproduced performance proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import BestPerformance, TrainingRecord
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight
from matnet.network import Network
from matnet.proof import records
from matnet.proof.candidates import Matrix
from matnet.proof.data import NamedData
from matnet.proof.finding import Finding
from matnet.proof.verify import verify

RNG = np.random.default_rng(4)
X = RNG.uniform(-1.0, 1.0, (40, 3))
NOISE = RNG.normal(size=(40, 2))


def network(path: str = "net", outputs: int = 2, performance: Performance | None = None) -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(4, "tansig", {0: Weight(rng.normal(size=(4, 3)))}, bias=rng.normal(size=4))
    last = Layer(outputs, "purelin", {}, {0: Weight(rng.normal(size=(outputs, 4)))}, bias=rng.normal(size=outputs))
    limits = np.tile([-1.0, 1.0], (3, 1))
    structure = Structure(
        (Input(3, range=limits),), (hidden, last), (Output(1, outputs),), performance or Performance("mse")
    )
    net = Network(structure)
    return Network(structure, replace(net.provenance, path=path))


NET = network()
Y = np.asarray(NET(X))
T = Y + 0.1 * NOISE


def mse(y: FloatArray, t: FloatArray) -> float:
    return float(np.mean((y - t) ** 2))


def record(path: str = "tr", values: Sequence[float] = (), masks: Sequence[FloatArray] | None = None) -> TrainingRecord:
    """One of as many sets as there are values, each of all 40 samples."""
    names = ("best_perf", "best_vperf", "best_tperf")
    every = [np.ones((2, 40))] * len(values) if masks is None else masks
    best = tuple(map(BestPerformance, names[: len(values)], values, every))
    return TrainingRecord(path, np.zeros(0), {}, 3, {}, "mse", best)


def file(
    folder: Path, variables: Mapping[str, Any], found: Sequence[TrainingRecord], networks: Sequence[str] = ("net",)
) -> StoredValues:
    """A file of variables, records and networks."""
    scipy.io.savemat(folder / "data.mat", {"nothing": 0.0, **variables})
    stored = StoredValues(folder / "data.mat")
    alone: dict[str, Any] = dict.fromkeys(("losses", "scores"), lambda path: [])
    vars(stored).update(records=list(found), networks=list(networks), **alone)
    return stored


def named(x: FloatArray, t: FloatArray, found: TrainingRecord | None) -> NamedData:
    return NamedData(inputs=Matrix("x", x.T), targets=Matrix("t", t.T), record=found)


def verdicts(rows: Sequence[Finding]) -> list[tuple[str, str]]:
    return [(row.what, row.verdict) for row in rows]


@pytest.mark.parametrize(
    ("path", "networks", "paths", "decided"),
    [
        ("net", ["net"], ["tr"], ["tr"]),
        ("net", ["net", "other"], ["tr"], []),
        ("net", ["net"], ["tr", "tr2"], []),
        ("net", ["net", "results.Network"], ["tr"], ["tr"]),
        ("results.Network", ["results.Network", "net"], ["results.tr", "tr"], ["results.tr"]),
        ("results.Network", ["results.Network"], ["tr"], []),
        ("net", ["net"], ["results.tr", "tr"], ["tr"]),
        ("net", ["other"], ["tr"], []),
    ],
)
def test_a_record_contradicts_the_only_network_beside_it(
    path: str, networks: list[str], paths: list[str], decided: list[str], tmp_path: Path
) -> None:
    """Beside other networks or records it may belong to another one; one that is reproduced proves in any case."""
    net = network(path)
    for value, verdict in ((2.0 * mse(Y, T), "contradicted"), (mse(Y, T), "proved")):
        stored = file(tmp_path, {"x": X.T, "t": T.T}, [record(place, [value]) for place in paths], networks)
        expected = [f"{place}.best_perf (x -> t)" for place in (decided if verdict == "contradicted" else paths)]
        rows = [row for row in verify(net, stored) if row.what != "x -> t"]
        assert verdicts(rows) == [(what, verdict) for what in expected]
    # whoever names the targets says that every record in the file is of this training
    stored = file(tmp_path, {"x": X.T}, [record(place, [1e3]) for place in paths], networks)
    rows = list(verify(net, stored, NamedData(targets=Matrix("t", T.T))))
    assert verdicts(rows) == [(f"{place}.best_perf (x -> t)", "contradicted") for place in paths]


def test_a_reproduced_record_shows_that_unlike_numbers_are_targets(tmp_path: Path) -> None:
    stored = file(tmp_path, {"x": X.T, "t": T.T}, [record(values=[mse(Y, T)])], ["net", "other"])
    assert verdicts(verify(NET, stored)) == [("tr.best_perf (x -> t)", "proved")]
    stored = file(tmp_path, {"x": X.T, "t": T.T}, [record(values=[2.0 * mse(Y, T)])], ["net", "other"])
    assert verdicts(verify(NET, stored)) == [("x -> t", "unclear")]
    # other numbers are still unclear beside it
    stored = file(tmp_path, {"x": X.T, "t": T.T, "z": (Y + 1e-3 * NOISE).T}, [record(values=[mse(Y, T)])])
    assert verdicts(verify(NET, stored)) == [("x -> z", "unclear"), ("tr.best_perf (x -> t)", "proved")]


def test_what_is_named_says_what_is_compared(tmp_path: Path) -> None:
    stored = file(tmp_path, {"x": X.T, "y": Y.T, "t": T.T}, [record(values=[mse(Y, T)])])
    y, t = Matrix("y", Y.T), Matrix("t", T.T)
    of_y, of_t = ("x -> y", "proved"), ("tr.best_perf (x -> t)", "proved")
    for data, expected in (
        (None, [of_y, of_t]),
        (NamedData(), [of_y, of_t]),
        (NamedData(inputs=Matrix("x", X.T)), [of_y, of_t]),
        (NamedData(outputs=y), [of_y]),
        (NamedData(targets=t), [of_t]),
        (NamedData(record=stored.records[0]), [of_t]),
        (NamedData(outputs=y, targets=t), [of_y, of_t]),
        (NamedData(outputs=y, record=stored.records[0]), [of_y, of_t]),
    ):
        assert verdicts(verify(NET, stored, data)) == expected


ALL, FIRST = np.ones((2, 40)), np.where(np.arange(40) < 10, 1.0, np.nan) * np.ones((2, 1))
UNFIT = {
    "another number of outputs": ([0.5], [np.ones((3, 40))]),
    "one set of another number": ([0.5, 0.5], [np.ones((2, 40)), np.ones((3, 40))]),
    "sets of different lengths": ([0.5, 0.5], [np.ones((2, 40)), np.ones((2, 39))]),
}


@pytest.mark.parametrize("masks", UNFIT)
def test_a_record_of_another_network_is_passed_over(masks: str, tmp_path: Path) -> None:
    stored = file(tmp_path, {"x": X.T, "t": T.T}, [record("tr", *UNFIT[masks])])
    assert verdicts(verify(NET, stored)) == [("x -> t", "unclear")]
    (row,) = verify(NET, None, named(X, T, stored.records[0]))
    assert (row.what, row.verdict) == ("", "nothing to compare")


def nothing(reason: str, *undecided: str) -> Finding:
    return Finding("tr", 0, None, None, "nothing to compare", reason, undecided)


def test_a_record_with_nothing_to_compare_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = "the record has no performances with masks"
    assert verify(NET, None, named(X, T, record())) == (nothing(without),)
    assert verify(NET, file(tmp_path, {}, [record()])) == (nothing(without),)
    (row,) = verify(NET, file(tmp_path, {}, [record()], ["net", "other"]))
    assert (row.what, row.reason) == ("", "no stored answers were found for 3 inputs and 2 outputs")
    odd = network(performance=Performance("mse", unsupported="normalization"))
    assert verify(odd, None, named(X, T, record(values=[0.5]))) == (nothing("performParam: normalization"),)
    absent = nothing("the inputs and targets of its samples were not found", "inputs", "targets")
    assert verify(NET, file(tmp_path, {"x": X.T}, [record(values=[0.5])])) == (absent,)
    assert verify(NET, file(tmp_path, {"t": T.T}, [record(values=[0.5])])) == (absent,)
    assert verify(NET, None, named(X[:39], T[:39], record(values=[0.5]))) == (absent,)
    stored = file(tmp_path, {"x": X.T, "x2": 2.0 * X.T, "t": T.T}, [record(values=[0.5])])
    monkeypatch.setattr(records, "_MOST_PAIRS", 1)
    assert verify(NET, stored)[-1] == nothing("2 pairs of variables fit", "inputs", "targets")
    monkeypatch.setattr(records, "_MOST_PAIRS", 2)
    assert verdicts(verify(NET, stored)[-1:]) == [("tr.best_perf (x -> t)", "contradicted")]


@pytest.mark.parametrize(("count", "reason"), [(400, ""), (401, "401 pairs of variables fit")])
def test_up_to_four_hundred_pairs_are_compared(count: int, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = records.RecordsCheck._pairs
    monkeypatch.setattr(records.RecordsCheck, "_pairs", lambda self, lengths: right(self, lengths) * count)
    (row,) = verify(NET, None, named(X, T, record(values=[mse(Y, T)])))
    assert (row.verdict, row.reason) == ("nothing to compare" if reason else "proved", reason)


def linear(weights: Sequence[float] = (1.0,), bias: float | None = None, performance: str = "mse") -> Network:
    """y = w x + b, without rounding for numbers of few binary digits."""
    offset = None if bias is None else [bias]
    layer = Layer(1, "purelin", {0: Weight([list(weights)])}, bias=offset)
    return Network(Structure((Input(len(weights)),), (layer,), (Output(0, 1),), Performance(performance)))


@pytest.mark.parametrize(("last", "found"), [(1.0, True), (1.125, False)])
def test_targets_of_which_half_is_explained_may_be_those_of_the_training(
    last: float, found: bool, tmp_path: Path
) -> None:
    """The squares of t are 8, the rest that the network leaves of them is 4 or more."""
    t, y = np.array([[2.0], [-2.0], [0.0], [0.0]]), np.array([[1.0], [-1.0], [last], [-1.0]])
    net = linear()
    net = Network(net.structure, replace(net.provenance, path="net"))
    (row,) = verify(net, file(tmp_path, {"x": y.T, "t": t.T}, [record(values=[0.5], masks=[np.ones((1, 4))])]))[-1:]
    if found:
        reason = "the record says 0.5, the network gives 1.0: the data or the network changed after this training"
        assert row == Finding("tr.best_perf (x -> t)", 4, 0.5, 1.0, "contradicted", reason)
    else:
        assert row.reason == "the inputs and targets of its samples were not found"


def test_inputs_are_targets_only_where_the_record_is_reproduced(tmp_path: Path) -> None:
    """A network that learnt to give back its inputs; any other whose outputs are like them is not called wrong."""
    net = linear((0.75,), 0.125)
    net = Network(net.structure, replace(net.provenance, path="net"))
    value = mse(np.asarray(net(STEP)), STEP)
    for of_record, expected in ((value, "proved"), (2.0 * value, "nothing to compare")):
        found = record(values=[of_record], masks=[np.ones((1, 4))])
        assert verify(net, file(tmp_path, {"x": STEP.T}, [found]))[-1].verdict == expected
    rows = verify(net, None, named(STEP, STEP, record(values=[2.0 * value], masks=[np.ones((1, 4))])))
    assert verdicts(rows) == [("tr.best_perf (x -> t)", "contradicted")]


def test_the_best_explained_targets_are_named_where_none_agrees(tmp_path: Path) -> None:
    variables = {"a": (Y + NOISE).T, "b": T.T, "c": (Y + 0.2 * NOISE).T, "x": X.T}
    (row,) = verify(NET, file(tmp_path, variables, [record(values=[1e3])]))[-1:]
    assert (row.what, row.verdict) == ("tr.best_perf (x -> b)", "contradicted")


def test_answers_are_no_targets(tmp_path: Path) -> None:
    """Unless they are named as both."""
    found = record(values=[0.25])
    rows = verify(NET, file(tmp_path, {"x": X.T, "y": Y.T}, [found]))
    assert verdicts(rows) == [("x -> y", "proved"), ("tr", "nothing to compare")]
    both = replace(named(X, Y, found), outputs=Matrix("y", Y.T))
    assert verdicts(verify(NET, None, both)) == [("x -> y", "proved"), ("tr.best_perf (x -> t)", "contradicted")]
    both = replace(both, inputs=None)
    stored = file(tmp_path, {"x": X.T}, [])
    assert verdicts(verify(NET, stored, both)) == [("x -> y", "proved"), ("tr", "nothing to compare")]


def series() -> Network:
    rng = np.random.default_rng(3)
    hidden = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 4)), delays=(0, 1))}, bias=rng.normal(size=3))
    last = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 3)))}, bias=[0.2, -0.4])
    net = Network(Structure((Input(2),), (hidden, last), (Output(1, 2),), Performance("mse")))
    return Network(net.structure, replace(net.provenance, path="net"))


def test_a_series_was_trained_on_the_inputs_of_its_answers(tmp_path: Path) -> None:
    """From the same states; without answers the inputs must be named, because every run of a series takes long."""
    net, x, before = series(), RNG.normal(size=(40, 2)), np.array([[0.5, -1.0]])
    y = net.run(x, input_states=before).outputs
    t = y + 0.1 * NOISE
    found = record(values=[mse(y, t)])
    variables = {"Xs": x.T, "Xi": before.T, "T": t.T}
    rows = verify(net, file(tmp_path, {**variables, "Y": y.T}, [found]))
    assert verdicts(rows) == [("Xs, Xi -> Y", "proved"), ("tr.best_perf (Xs, Xi -> T)", "proved")]
    (row,) = verify(net, file(tmp_path, variables, [found]), NamedData(record=found))
    assert row == nothing("the inputs and targets of its samples were not found", "inputs", "targets")
    data = NamedData(inputs=Matrix("Xs", x.T), record=found)
    assert verdicts(verify(net, file(tmp_path, variables, []), data)) == [("tr.best_perf (Xs, Xi -> T)", "proved")]
    # answers of fewer steps than the record has are of other data
    stored = file(tmp_path, {"Xs": x[:30].T, "Xi": before.T, "Y": y[:30].T, "T": t.T}, [found])
    assert verdicts(verify(net, stored)) == [("Xs, Xi -> Y", "proved"), ("tr", "nothing to compare")]


@pytest.mark.parametrize(("outputs", "reason"), [(1, ""), (2, "crossentropy in the form 'targets'")])
def test_the_form_of_crossentropy_is_named_where_it_matters(outputs: int, reason: str) -> None:
    """The two differ only for an output of several elements."""
    net = network(outputs=outputs, performance=Performance("crossentropy"))
    hidden, last = net.structure.layers
    net = Network(replace(net.structure, layers=(hidden, replace(last, transfer="logsig"))))
    y, t = np.asarray(net(X)), (NOISE[:, :outputs] > 0.0).astype(float)
    costs = -t * np.log(y) - ((1.0 - t) * np.log(1.0 - y) if outputs == 1 else 0.0)
    found = record(values=[float(costs.mean())], masks=[np.ones((outputs, 40))])
    (row,) = verify(net, None, named(X, t, found))
    assert (row.verdict, row.reason) == ("proved", reason)


def test_the_first_form_is_named_where_neither_agrees() -> None:
    net = network(performance=Performance("crossentropy"))
    hidden, last = net.structure.layers
    net = Network(replace(net.structure, layers=(hidden, replace(last, transfer="logsig"))))
    y, t = np.asarray(net(X)), (NOISE > 0.0).astype(float)
    value = float(-(t * np.log(y)).mean())
    (row,) = verify(net, None, named(X, t, record(values=[2.0 * value])))
    assert row.verdict == "contradicted"
    assert row.largest == pytest.approx(value, rel=1e-12)


STEP = np.array([[-0.75], [0.5], [0.25], [1.0]])


@pytest.mark.parametrize(
    ("x", "shift", "value", "reason"),
    [
        # one apart everywhere
        (STEP, 1.0, 1.0, "a performance of 1 is not special to this network"),
        (STEP, 2.0, 4.0, ""),
        (STEP, 0.5, 0.25, ""),
        (np.array([[1.0], [-1.0], [3.0], [5.0]]), 2.0, 4.0, "whole numbers"),
        (np.array([[1.0], [-1.0], [3.0], [np.nan]]), 2.0, 4.0, "whole numbers"),
        # only the targets, or only the outputs, are whole numbers
        (np.array([[1.0], [-1.0], [3.0], [5.0]]), 1.5, 2.25, ""),
        (np.array([[0.5], [-1.5], [2.5], [4.5]]), 2.5, 6.25, ""),
    ],
)
def test_a_performance_that_many_networks_have_is_weak(x: FloatArray, shift: float, value: float, reason: str) -> None:
    whole = "outputs and targets are whole numbers, so a performance has few values and may agree by chance"
    found = record(values=[value], masks=[np.ones((1, 4))])
    (row,) = verify(linear(), None, named(x, x + shift, found))
    expected = whole if reason == "whole numbers" else reason
    assert (row.largest, row.verdict, row.reason) == (0.0, "weak" if reason else "proved", expected)


def test_only_sets_that_all_have_the_same_performance_are_doubted() -> None:
    """1 for the first two samples; 1, or 1/4, for the others."""
    masks = [np.array([[1.0, 1.0, np.nan, np.nan]]), np.array([[np.nan, np.nan, 1.0, 1.0]])]
    for shift, value, verdict in ((1.0, 1.0, "weak"), (0.5, 0.25, "proved")):
        t = STEP + np.array([[1.0], [1.0], [shift], [-shift]])
        rows = verify(linear(), None, named(STEP, t, record(values=[1.0, value], masks=masks)))
        assert [(row.samples, row.verdict) for row in rows] == [(2, verdict)] * 2


def test_a_performance_of_0_says_nothing_even_without_rounding() -> None:
    """Saturated outputs of 0.25 and 0.75 are met exactly."""
    layer = Layer(1, "satlins", {0: Weight([[100.0]])})
    settings = {"gain": [4.0], "xoffset": [0.25], "ymin": -1.0}
    outer = Output(0, 1, (Process.from_matlab("mapminmax", settings),))
    net = Network(Structure((Input(1),), (layer,), (outer,), Performance("mse")))
    y = np.asarray(net(STEP))
    assert set(y.ravel().tolist()) == {0.25, 0.75}
    (row,) = verify(net, None, named(STEP, y, record(values=[0.0], masks=[np.ones((1, 4))])))
    assert (row.relative, row.verdict) == (0.0, "weak")
    assert row.reason == "a performance of 0 is not special to this network"
    (row,) = verify(net, None, named(STEP, y + 0.5, record(values=[0.0], masks=[np.ones((1, 4))])))
    assert (row.largest, row.relative, row.verdict) == (0.25, 1.0, "contradicted")


def test_weights_that_a_performance_does_not_depend_on_are_named() -> None:
    """The first layer is saturated, so its weights may be 1 % off."""
    hidden = Layer(2, "satlins", {0: Weight([[100.0], [-100.0]])})
    last = Layer(1, "purelin", {}, {0: Weight([[0.5, 0.125]])}, bias=[0.25])
    net = Network(Structure((Input(1),), (hidden, last), (Output(1, 1),), Performance("mse")))
    t = np.array([[0.5], [0.25], [0.75], [1.0]])
    y = np.where(STEP > 0.0, 0.625, -0.125)
    (row,) = verify(net, None, named(STEP, t, record(values=[mse(y, t)], masks=[np.ones((1, 4))])))
    assert (row.verdict, row.reason) == ("weak", "a change of IW{1,1} by 1 % would not have shown")


@pytest.mark.parametrize(("apart", "verdict"), [(2.0**-29, "proved"), (2.0**-30, "weak")])
def test_a_performance_that_rounding_changes_in_its_sixth_digit_is_weak(apart: float, verdict: str) -> None:
    """A weight of 1 and with it y move by 2^-50, and (2^-29)² by 2^-78, a millionth of it."""
    x = np.ones((4, 1))
    (row,) = verify(linear(), None, named(x, x + apart, record(values=[apart**2], masks=[np.ones((1, 4))])))
    assert (row.largest, row.verdict) == (0.0, verdict)


@pytest.mark.parametrize(("times", "verdict"), [(3.5, "proved"), (-3.5, "proved"), (4.5, "contradicted")])
def test_performances_agree_within_four_times_the_effect_of_rounding(times: float, verdict: str) -> None:
    """(2^-29)² moves by 2^-78."""
    x, apart = np.ones((4, 1)), 2.0**-29
    found = record(values=[apart**2 + times * 2.0**-78], masks=[np.ones((1, 4))])
    (row,) = verify(linear(), None, named(x, x + apart, found))
    assert row.verdict == verdict


@pytest.mark.parametrize(("units", "shows"), [(350, False), (450, True)])
def test_a_change_shows_beyond_four_times_the_effect_of_rounding(units: int, shows: bool) -> None:
    """y = x + b at 1 moves by 2^-50, and one percent of b is that 3.5 or 4.5 times."""
    x, bias = np.ones((4, 1)), units * 2.0**-50
    t = x + 2.0**-20
    found = record(values=[mse(x + bias, t)], masks=[np.ones((1, 4))])
    (row,) = verify(linear(bias=bias), None, named(x, t, found))
    assert (row.largest, row.verdict) == (0.0, "proved" if shows else "weak")
    assert row.reason == ("" if shows else "a change of b{1} by 1 % would not have shown")


def test_each_set_is_compared_by_itself_and_counts_its_samples() -> None:
    """A sample counts where any of its outputs belongs to the set."""
    partly = np.array(FIRST)
    partly[1, :5] = np.nan
    rest = np.where(np.isnan(FIRST), 1.0, np.nan)
    known = ~np.isnan(partly.T)
    own, other = mse(Y[known], T[known]), mse(Y[10:], T[10:])
    rows = verify(NET, None, named(X, T, record(values=[own, other], masks=[partly, rest])))
    assert [(row.what, row.samples, row.verdict) for row in rows] == [
        ("tr.best_perf (x -> t)", 10, "proved"),
        ("tr.best_vperf (x -> t)", 30, "proved"),
    ]
    rows = verify(NET, None, named(X, T, record(values=[own, 2.0 * other], masks=[partly, rest])))
    assert [(row.verdict, row.reason != "") for row in rows] == [("proved", False), ("contradicted", True)]
    assert rows[1].relative == pytest.approx(0.5, rel=1e-9)
    rows = verify(NET, None, named(X, T, record(values=[own * (1.0 + 1e-11), 2.0 * other], masks=[partly, rest])))
    assert [row.verdict for row in rows] == ["contradicted", "contradicted"]
