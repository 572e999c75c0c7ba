"""The trace of a sample: its numbers against a computation written out by hand, and against the network's own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import matnet
from calculator import pressed
from exported_networks import corpus_networks, row_networks, samples
from image_networks import small_network
from matnet.errors import ShapeError, UnsupportedError
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.network.trace import Trace
from matnet.network.written import substituted
from random_networks import dynamic_structures, regular, structures
from trials import random_cases

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat")


def test_a_trace_by_hand() -> None:
    minmax = Process.from_matlab("mapminmax", {"xmin": [0.0], "xmax": [10.0], "ymin": -1.0, "ymax": 1.0})
    layers = (
        Layer(1, "tansig", {0: Weight([[0.5]])}, bias=[0.25]),
        Layer(1, "purelin", {}, {0: Weight([[2.0]])}, bias=[0.1]),
    )
    net = Network(Structure((Input(1, (minmax,)),), layers, (Output(1, 1, (minmax,)),)))
    trace = net.trace([7.5])
    p = (7.5 - 0.0) * 0.2 - 1.0
    n1 = 0.25 + 0.5 * p
    a1 = np.tanh(n1)
    n2 = 0.1 + 2.0 * a1
    expected = {
        "x1": 7.5,
        "p{1}(1)": p,
        "zIW1_1(1)": 0.5 * p,
        "n{1}(1)": n1,
        "a{1}(1)": a1,
        "zLW2_1(1)": 2.0 * a1,
        "n{2}(1)": n2,
        "a{2}(1)": n2,
        "y1": (n2 + 1.0) / 0.2,
        "dp{1}(1)_dx1": 0.2,
        "da{1}(1)_dn{1}(1)": 1.0 - a1 * a1,
        "da{2}(1)_dn{2}(1)": 1.0,
        "dy1_da{2}(1)": 5.0,
        "da{2}(1)_da{1}(1)": 2.0,
        "da{2}(1)_dn{1}(1)": 2.0 * (1.0 - a1 * a1),
        "da{2}(1)_dp{1}(1)": 2.0 * (1.0 - a1 * a1) * 0.5,
        "dy1_dx1": 2.0 * (1.0 - a1 * a1) * 0.5,
    }
    assert [name for name, _ in trace] == list(expected)
    np.testing.assert_allclose([value for _, value in trace], list(expected.values()), rtol=1e-14)


def assert_a_calculator_shows(trace: Trace, least: float = 0.9) -> None:
    """Each text gives its number to the digits that are printed, and so does each line of a long sum."""
    names, checked, written = dict(trace), 0, 0
    for stage in trace.stages:
        size = np.abs(stage.values[np.isfinite(stage.values)]).max(initial=1e-3)
        # of a large stage every so-manyth number
        for place in range(0, len(stage.quantities), 1 + len(stage.quantities) // 30):
            name, value = stage.quantities[place], float(stage.values[place])
            checked += 1
            computation = stage.computation(place)
            if computation is None or not np.isfinite(value):
                continue
            written += 1
            *subtotals, last = computation.lines(full=True)
            texts = [(computation.text(full=True), value), (last, value)]
            texts += [(line.rpartition(" = ")[0], float(line.rpartition(" = ")[2])) for line in subtotals]
            for text, expected in texts:
                shown = pressed(text, names)
                if shown is not None:
                    # ten digits of the terms, which may cancel
                    terms = [abs(float(found)) for found in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]
                    largest = max([*terms, size]) ** 2
                    assert abs(shown - expected) <= 1e-6 * abs(expected) + 3e-9 * largest, (name, text)
    assert written >= least * checked


def test_each_number_is_what_stands_beside_it() -> None:
    assert_a_calculator_shows(PUMP.trace([60.0, 2400.0]), least=0.97)


@random_cases(60)
@given(structures())
def test_a_calculator_shows_the_numbers_of_any_static_network(structure: Structure) -> None:
    net = Network(structure)
    for x in regular(net, 1):
        assert_a_calculator_shows(net.trace(x), least=0.0)


@pytest.mark.parametrize("name", sorted(row_networks()))
def test_a_calculator_shows_the_numbers_of_every_function(name: str) -> None:
    net = row_networks()[name]
    if net.dynamic:
        pytest.skip("of a dynamic network a step has a trace, see below")
    assert_a_calculator_shows(net.trace(samples(net)[0]), least=0.0)


@pytest.mark.slow
def test_a_calculator_shows_the_numbers_of_the_corpus(corpus: Path) -> None:
    for name, net in corpus_networks(corpus).items():
        if net.dynamic:
            continue
        for x in samples(net)[:1]:
            trace = net.trace(x)
            # competitive layers have no sums
            assert_a_calculator_shows(trace, least=0.5)
            slopes = [[trace[f"d{of}_d{by}"] for by in net.input_names] for of in net.output_names]
            jacobian = net.jacobian(x)
            np.testing.assert_allclose(
                slopes, jacobian, rtol=1e-10, atol=1e-10 * np.abs(jacobian).max(initial=0.0), err_msg=name
            )


def test_long_sums_have_subtotals_and_very_long_ones_are_asked_for() -> None:
    w = np.arange(1.0, 41.0)
    layer = Layer(1, "purelin", {0: Weight(w[None, :])})
    trace = Network(Structure((Input(40),), (layer,), (Output(0, 1),))).trace(np.full(40, 0.5))
    short, lines = (
        [" ".join(line.split()) for line in text.splitlines()] for text in (str(trace), trace.text(full=True))
    )
    assert "zIW1_1(1) 410 the sum of 40 terms" in short
    start = lines.index("zIW1_1(1) 410 1 * 0.5 + 2 * 0.5 + 3 * 0.5 = 3")
    assert lines[start + 1] == "3 + 4 * 0.5 + 5 * 0.5 + 6 * 0.5 = 10.5"
    assert lines[start + 13] == "390 + 40 * 0.5"
    written = {name: text for name, _, text in trace.rows(full=True)}
    assert written["zIW1_1(1)"] == " + ".join(f"{k} * 0.5" for k in range(1, 41))


def test_each_factor_on_the_way_back_through_two_branches() -> None:
    """x goes through layer 1 to layer 3, and through layers 1 and 2: dy/dx is the sum over both paths."""
    layers = (
        Layer(1, "tansig", {0: Weight([[0.5]])}),
        Layer(1, "logsig", {}, {0: Weight([[-2.0]])}, bias=[1.0]),
        Layer(1, "purelin", {}, {0: Weight([[3.0]]), 1: Weight([[4.0]])}),
    )
    trace = Network(Structure((Input(1),), layers, (Output(2, 1),))).trace([0.8])
    a1 = np.tanh(0.4)
    a2 = 1.0 / (1.0 + np.exp(2.0 * a1 - 1.0))
    back = 3.0 + 4.0 * a2 * (1.0 - a2) * -2.0
    expected = {
        "da{3}(1)_da{2}(1)": 4.0,
        "da{3}(1)_dn{2}(1)": 4.0 * a2 * (1.0 - a2),
        "da{3}(1)_da{1}(1)": back,
        "da{3}(1)_dn{1}(1)": back * (1.0 - a1 * a1),
        "dy1_dx1": back * (1.0 - a1 * a1) * 0.5,
    }
    for name, value in expected.items():
        assert trace[name] == pytest.approx(value, rel=1e-14), name
    slope = f"{4.0 * a2 * (1.0 - a2):.10g}"
    written = {name: text for name, _, text in trace.rows()}
    assert written["da{3}(1)_da{1}(1)"] == f"{slope} * (-2) + 1 * 3"
    assert written["dy1_dx1"] == "= da{3}(1)_dx1"


def test_a_saturated_slope_is_written_with_exp() -> None:
    trace = Network(Structure((Input(1),), (Layer(1, "tansig", {0: Weight([[1.0]])}),), (Output(0, 1),))).trace([9.0])
    written = {name: text for name, _, text in trace.rows()}
    assert written["da{1}(1)_dn{1}(1)"] == "4 * e / (1 + e)², e = exp(-2 * |9|)"


def test_the_sign_of_a_power_is_never_that_of_its_base() -> None:
    """A spreadsheet takes -0.5² for (-0.5)²."""
    assert substituted("exp(-n²)", {"n": 0.5}) == "exp(-(0.5²))"
    assert substituted("-a²", {"a": -0.5}) == "-((-0.5)²)"
    assert substituted("n exp(-n²/2)", {"n": 1.5}) == "1.5 * exp(-(1.5²)/2)"
    assert substituted("1 - a²", {"a": -0.3}) == "1 - (-0.3)²"


def test_a_trace_that_is_too_large() -> None:
    layer = Layer(1001, "softmax", {0: Weight(np.ones((1001, 2)))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1001),)))
    with pytest.raises(UnsupportedError) as error:
        net.trace([1.0, 2.0])
    assert str(error.value) == (
        "the trace of this network has more than 1,000,000 numbers; layer_outputs gives the outputs of its layers"
    )


@random_cases(100)
@given(structures())
def test_a_trace_ends_in_the_networks_answers(structure: Structure) -> None:
    net = Network(structure)
    for x in regular(net, 2):
        trace = net.trace(x)
        y, jacobian = net.value_and_jacobian(x)
        found = [trace[name] for name in net.output_names]
        np.testing.assert_allclose(found, y, rtol=1e-10, atol=1e-10 * (1.0 + np.abs(np.nan_to_num(y)).max()))
        slopes = [[trace[f"d{of}_d{by}"] for by in net.input_names] for of in net.output_names]
        size = np.abs(np.nan_to_num(jacobian)).max()
        np.testing.assert_allclose(slopes, jacobian, rtol=1e-9, atol=1e-9 * (1.0 + size))


@random_cases(100)
@given(dynamic_structures(), st.integers(1, 6))
def test_a_time_step_ends_in_the_runs_answers(structure: Structure, step: int) -> None:
    assume(structure.dynamic)
    net = Network(structure)
    x = np.random.default_rng(0).normal(size=(6, net.input_size))
    run = net.run(x, input_states=np.zeros((structure.input_delay, net.input_size)))
    trace = net.trace(x, step, input_states=np.zeros((structure.input_delay, net.input_size)))
    expected = run.outputs[step - 1]
    np.testing.assert_allclose([trace[name] for name in net.output_names], expected, rtol=1e-9, atol=1e-9)


def test_names_are_those_of_the_network_and_many_spellings_are_understood() -> None:
    net = PUMP.with_names(inputs=["flow", "speed"], outputs=["head"])
    trace = net.trace([60.0, 2400.0])
    for name, others in {
        "n{1}(3)": ("n1(3)", "n1_3", "N{1}(3)", "n 1 3"),
        "zIW1_1(2)": ("zIW{1,1}(2)", "ziw1,1(2)"),
        "a{2}(1)": ("a2", "a{2}"),
        "head": ("y1", "Head"),
        "speed": ("x2",),
        "dhead_dspeed": ("dy1_dx2", "dhead/dspeed", "dy1/dx2"),
    }.items():
        assert {trace.quantity(other) for other in others} == {name}
        assert trace[others[0]] == trace[name]


def test_without_processing_p_is_x_and_y_is_a() -> None:
    layer = Layer(1, "tansig", {0: Weight([[1.0, 2.0]])})
    trace = Network(Structure((Input(2),), (layer,), (Output(0, 1),))).trace([0.5, -0.25])
    assert trace.quantity("p1(2)") == "x2"
    assert trace["y1"] == trace["a1"] == 0.0
    assert [name for name, _ in trace][-3:] == ["da{1}(1)_dx2", "dy1_dx1", "dy1_dx2"]


def test_a_radial_network_has_distances_not_their_squares() -> None:
    radial = Layer(2, "radbas", {0: Weight([[3.0, 4.0], [0.0, 1.0]], "dist")}, bias=[0.5, 2.0], net_input="netprod")
    trace = Network(Structure((Input(2),), (radial,), (Output(0, 2),))).trace([0.0, 0.0])
    np.testing.assert_allclose([trace["zIW1_1(1)"], trace["n{1}(1)"], trace["y1"]], [5.0, 2.5, np.exp(-6.25)])
    np.testing.assert_allclose([trace["dn{1}(2)_dzIW1_1(2)"], trace["dzIW1_1(1)_dx2"]], [2.0, -0.8])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n1(11)", "there is no quantity 'n1(11)'; there are n{1}(1) to n{1}(10)"),
        ("n3(1)", "there is no quantity 'n3(1)'; similar ones are n{2}(1), n{1}(1), n{1}(10)"),
        ("dy1_dx3", "there is no quantity 'dy1_dx3'; there are dy1_dx1 to dy1_dx2"),
    ],
)
def test_a_quantity_that_is_not_there(name: str, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        PUMP.trace([60.0, 2400.0])[name]


def test_what_is_no_sample() -> None:
    for arguments, message in (
        (([[1.0, 2.0], [3.0, 4.0]],), "x has shape (2, 2), expected one sample (2,); choose one: x[0]"),
        (([1.0, 2.0], 3), "step is for dynamic networks; this one is static"),
    ):
        with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
            PUMP.trace(*arguments)
    narx = matnet.load(FIXTURES / "genfunction" / "narx_closed.m")
    for x, step, message in (
        (np.zeros((4, 2)), 5, "step is 5, but the time steps are numbered from 1 to 4"),
        (np.zeros((3, 4, 2)), 1, "x is a batch of series (3,), expected one series (T, 2)"),
    ):
        with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
            narx.trace(x, step)


def test_nan_goes_through() -> None:
    trace = PUMP.trace([np.nan, 2400.0])
    assert np.isnan([trace["n{1}(1)"], trace["y1"], trace["dy1_dx2"]]).all()
    assert trace["p{1}(2)"] == pytest.approx(0.3103448275862069)


def test_nan_in_a_window_of_max_pooling(tmp_path: Path) -> None:
    net, x = small_network(tmp_path, "GlobalMaxPooling2DLayer"), np.ones(60)
    x[3] = np.nan
    assert np.isnan(net(x)).any()
    trace = net.trace(x)
    assert "nan" in str(trace).lower()
    np.testing.assert_array_equal([trace[f"y{k + 1}"] for k in range(net.output_size)], net(x))


def test_an_output_that_is_called_like_an_input_has_another_name() -> None:
    x = [60.0, 2400.0]
    trace = PUMP.with_names(inputs=["p", "q"], outputs=["q"]).trace(x)
    assert trace["q"] == 2400.0
    assert trace["y1"] == pytest.approx(PUMP(x)[0], rel=1e-14)
    # nor is that name one of an input
    for inputs, own in ((["y1", "u"], "y1_2"), (["y1", "y1_2"], "y1_3")):
        trace = PUMP.with_names(inputs=inputs).trace(x)
        assert [trace[name] for name in inputs] == x
        assert trace[own] == pytest.approx(PUMP(x)[0], rel=1e-14)
