"""Mistakes in a hand-written port: each planted mistake is named, alone and among others."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matnet
from matnet.errors import ShapeError, TableError
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.network.mistakes import Difference, UserNumber
from matnet.proof.given import read_given
from random_networks import regular, structures
from trials import random_cases

RNG = np.random.default_rng(5)
KEEP = [1, 3, 4]
LOW, HIGH = np.array([0.0, -5.0, 100.0]), np.array([4.0, 5.0, 300.0])
REMOVED = Process.from_matlab(
    "removeconstantrows", {"keep": KEEP, "remove": [2], "constants": [7.0], "xrows": 4, "yrows": 3}
)
SCALED = Process.from_matlab("mapminmax", {"xmin": LOW, "xmax": HIGH, "ymin": -1.0, "ymax": 1.0})
REVERSE = Process.from_matlab("mapminmax", {"xmin": [10.0], "xmax": [50.0], "ymin": -1.0, "ymax": 1.0})
W1, B1 = RNG.normal(size=(2, 3)).round(3), RNG.normal(size=2).round(3)
W2, B2 = RNG.normal(size=(1, 2)).round(3), RNG.normal(size=1).round(3)
NET = Network(
    Structure(
        (Input(4, (REMOVED, SCALED)),),
        (
            Layer(2, "tansig", {0: Weight(W1)}, bias=B1),
            Layer(1, "purelin", {}, {0: Weight(W2)}, bias=B2),
        ),
        (Output(1, 1, (REVERSE,)),),
    )
)
X = [1.0, 7.0, 0.5, 250.0]

MISTAKES = {
    "scaling": "the scaling was left out (mapminmax of input 1)",
    "bias": "the bias b{1} was forgotten",
    "transposed": "IW{1,1} was transposed: it has a row for each neuron, and MATLAB stores it column by column",
    "rows": "rows that removeconstantrows of input 1 removes were not removed: row 2 must be left out before the "
    "weights",
    "reverse": "the reverse processing was applied to the derivative, which needs only its gain",
}


def port(mistakes: Collection[str] = ()) -> dict[str, float]:
    """The network in plain Python, without anything of matnet, with these mistakes."""
    found = {f"x{k + 1}": X[k] for k in range(4)}
    places = [0, 1, 2] if "rows" in mistakes else [k - 1 for k in KEEP]
    kept = [X[k] for k in places]
    found |= {f"p1_step1({k + 1})": value for k, value in enumerate(kept)}
    gain = [1.0] * 3 if "scaling" in mistakes else [2.0 / (HIGH[k] - LOW[k]) for k in range(3)]
    p = kept if "scaling" in mistakes else [(kept[k] - LOW[k]) * gain[k] - 1.0 for k in range(3)]
    found |= {f"p1({k + 1})": value for k, value in enumerate(p)}
    flat = [W1[i, j] for j in range(3) for i in range(2)]
    w = [[flat[3 * i + j] if "transposed" in mistakes else W1[i, j] for j in range(3)] for i in range(2)]
    z = [sum(w[i][j] * p[j] for j in range(3)) for i in range(2)]
    found |= {f"zIW1_1({i + 1})": value for i, value in enumerate(z)}
    n = [z[i] + (0.0 if "bias" in mistakes else B1[i]) for i in range(2)]
    a = [np.tanh(value) for value in n]
    found |= {f"n1({i + 1})": n[i] for i in range(2)} | {f"a1({i + 1})": a[i] for i in range(2)}
    last = W2[0, 0] * a[0] + W2[0, 1] * a[1] + B2[0]
    found |= {"a2": last, "y1": (last + 1.0) / 0.05 + 10.0}
    for j, place in enumerate(places):
        slope = sum(W2[0, i] * (1.0 - a[i] ** 2) * w[i][j] for i in range(2)) * gain[j]
        found[f"dy1_dx{place + 1}"] = (slope + 1.0) / 0.05 + 10.0 if "reverse" in mistakes else slope / 0.05
    return {name: float(value) for name, value in found.items()}


def named(given: Mapping[str, float]) -> tuple[Difference, ...]:
    return NET.trace(X).against(given)


def test_the_port_without_mistakes_agrees() -> None:
    assert named(port()) == ()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_planted_mistake_is_named(mistake: str) -> None:
    (found,) = named(port([mistake]))
    assert found.reasons == (MISTAKES[mistake],)
    start = {"scaling": "p{1}(1)", "bias": "n{1}(1)", "transposed": "zIW1_1(1)", "rows": "p{1}_step1(2)"}
    assert found.quantity == start.get(mistake, "dy1_dx1")
    assert found.expected == NET.trace(X)[found.quantity]


@pytest.mark.parametrize("mistake", ["scaling", "bias", "transposed", "rows", "reverse"])
def test_the_results_alone_are_enough(mistake: str) -> None:
    results = {name: value for name, value in port([mistake]).items() if name[0] in "yd"}
    (found,) = named(results)
    assert MISTAKES[mistake] in found.reasons


def test_all_five_at_once_are_named_one_after_the_other() -> None:
    found = named(port(MISTAKES))
    assert [reason for difference in found for reason in difference.reasons] == [
        MISTAKES["rows"],
        MISTAKES["scaling"],
        MISTAKES["transposed"],
        MISTAKES["bias"],
        MISTAKES["reverse"],
    ]


@pytest.mark.parametrize("pair", list(itertools.combinations(MISTAKES, 2)), ids="+".join)
def test_two_mistakes_are_both_named(pair: tuple[str, str]) -> None:
    found = named(port(pair))
    assert {reason for difference in found for reason in difference.reasons} == {MISTAKES[own] for own in pair}


def test_a_derivative_that_is_right_is_no_difference_after_a_wrong_output() -> None:
    results = port() | {"y1": NET.trace(X)["a2(1)"]}
    (found,) = named(results)
    assert (found.quantity, found.reasons) == ("y1", ("the reverse scaling was left out (mapminmax of output 1)",))


def test_numbers_may_be_rounded() -> None:
    rounded = {name: UserNumber(round(value, 3), 1e-3) for name, value in port().items()}
    assert NET.trace(X).against(rounded) == ()
    found = NET.trace(X).against({name: UserNumber(round(value, 3), 1e-3) for name, value in port(["bias"]).items()})
    assert [difference.reasons for difference in found] == [(MISTAKES["bias"],)]


def test_single_precision_is_told_from_a_mistake() -> None:
    found = named({name: float(np.float32(value)) for name, value in port().items()})
    assert [difference.reasons for difference in found] == [
        ("computed in single precision, or with rounded weights or settings",)
    ]
    found = named({name: float(np.float32(value)) for name, value in port(["bias"]).items()})
    assert [difference.reasons for difference in found][-1] == (MISTAKES["bias"],)
    given = {name: float(np.float32(value)) for name, value in port().items()}
    assert [difference.reasons for difference in named(given | {"y1": 12345.0})][1:] == [()]


def test_another_sample_and_a_number_that_nothing_explains() -> None:
    (found,) = named({"x1": 2.0, "y1": 30.0})
    assert found.reasons == ("another sample: another row of the table, or its columns in another order",)
    (found,) = named({"n1(1)": 0.123456789})
    assert (found.quantity, found.reasons) == ("n{1}(1)", ())
    (found,) = named({"y1": float("nan")})
    assert (found.quantity, found.reasons) == ("y1", ())


def test_another_transfer_function_is_named() -> None:
    a = port()
    given = {"a1(1)": 1.0 / (1.0 + np.exp(-a["n1(1)"])), "a1(2)": 1.0 / (1.0 + np.exp(-a["n1(2)"]))}
    (found,) = named(given)
    assert found.reasons == ("layer 1 was computed with logsig in place of tansig",)


def test_a_derivative_without_a_gain() -> None:
    gain = 2.0 / (HIGH[0] - LOW[0])
    given = {"y1": port()["y1"], "dy1_dx1": port()["dy1_dx1"] / gain}
    (found,) = named(given)
    assert found.reasons == ("in the derivative, the scaling was left out (mapminmax of input 1)",)
    given["dy1_dx1"] = port()["dy1_dx1"] * 0.05
    (found,) = named(given)
    assert found.reasons == ("in the derivative, the reverse scaling was left out (mapminmax of output 1)",)


def test_a_saturated_layer_is_no_difference() -> None:
    far = [4.0, 7.0, 5.0, 1e6]
    trace = NET.trace(far)
    slopes = [1.0 - trace[f"a1({k})"] ** 2 for k in (1, 2)]
    assert trace.against({f"da1({k})_dn1({k})": slopes[k - 1] for k in (1, 2)}) == ()


def test_a_file_of_numbers(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    for text in (
        "quantity,value\nn1(1),0.25\nzIW1_1(2),-1.5e-3\n",
        "n1(1);0,25\nzIW1_1(2);-1,5e-3\n",
        "\ufeffvalue\tquantity\n0.25\tn1(1)\n-1.5e-3\tzIW1_1(2)\n\n",
        'n1(1),0.25\n"zIW1_1(2)",-1.5e-3\n',
    ):
        file.write_text(text, encoding="utf-8")
        assert read_given(str(file)) == {"n1(1)": UserNumber(0.25, 0.01), "zIW1_1(2)": UserNumber(-0.0015, 1e-4)}
    file.write_text("zIW{1,1}(2),3\n")
    assert read_given(str(file)) == {"zIW{1,1}(2)": UserNumber(3.0)}
    for text, message in (
        ("", "has no numbers; each row is a quantity and a value"),
        ("y1,high\n", "line 1: 'high' is not a number; each row is a quantity and a value"),
        ("y1,1\ny1,2\n", "line 2: y1 occurs a second time"),
    ):
        file.write_text(text)
        with pytest.raises(TableError) as error:
            read_given(str(file))
        assert str(error.value) == f"{file}: {message}"


def test_an_unknown_quantity() -> None:
    with pytest.raises(ShapeError) as error:
        named({"p1(4)": 1.0})
    assert str(error.value) == "there is no quantity 'p1(4)'; there are p{1}(1) to p{1}(3)"
    with pytest.raises(ShapeError) as error:
        named({"p1(3)": 1.0, "p{1}(3)": 1.0})
    assert str(error.value) == "'p{1}(3)' is given twice: it means p{1}(3)"


def test_every_network_agrees_with_its_own_trace() -> None:
    for file in sorted((Path(__file__).parent.parent.parent / "fixtures" / "genfunction").glob("*.m")):
        net = matnet.load(file)
        trace = net.trace(np.full((3, net.input_size), 0.3)) if net.dynamic else net.trace(np.full(net.input_size, 0.3))
        assert trace.against(dict(trace)) == ()


@given(structures(), st.integers(0, 2**32 - 1))
@random_cases(20)
def test_any_wrong_numbers_end_in_differences(structure: Structure, seed: int) -> None:
    """Some numbers of the trace, and one that is wrong: it, or one before it, is named, whatever the network."""
    net, rng = Network(structure), np.random.default_rng(seed)
    for x in regular(net, 1):
        trace = net.trace(x)
        finite = [name for name, value in trace if np.isfinite(value)]
        chosen = [finite[k] for k in np.unique(rng.integers(0, len(finite), 12))]
        numbers = {name: trace[name] for name in chosen}
        assert trace.against(numbers) == ()
        wrong = chosen[int(rng.integers(len(chosen)))]
        stage = trace.stages[trace.places[wrong][0]].values
        numbers[wrong] += 1.0 + np.abs(stage[np.isfinite(stage)]).max()
        found = trace.against(numbers)
        assert found
        assert found[0].quantity == wrong
        assert found[0].expected == trace[wrong]
