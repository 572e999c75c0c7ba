"""Formulas of networks: their text, their accuracy, and refusals."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

import matnet
from exported_networks import corpus_networks, random_networks, row_networks
from matnet.errors import MatnetError, ShapeError, UnsupportedError
from matnet.formulas import documents, numbers, recording
from matnet.formulas import formula as formulas
from matnet.formulas.formula import FORMATS, Formula
from matnet.formulas.numbers import differences, points
from matnet.formulas.recording import RecordedExpressions
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.network.formula import formula_of
from random_networks import Real, network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def pump() -> Network:
    return matnet.load(FIXTURES / "pump.mat").with_names(inputs=["flow", "speed"], outputs=["head"])


def small(*names: str) -> Network:
    """Three inputs, of which the second has no weight."""
    hidden = Layer(2, "tansig", {0: Weight([[1.5, 0.0, -0.25], [0.125, 0.0, 2.0]])}, bias=[0.5, -1.0])
    net = network(hidden, Layer(1, "purelin", {}, {0: Weight([[3.0, -1.0]])}, bias=[0.75]), inputs=3)
    return net.with_names(inputs=names or None)


def called(text: str, x: Real) -> Any:
    """The results of a formula in Python at points x (N, inputs)."""
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102
    return names["network"](*x.T)


def formula(net: Network, wrt: Any = None, **options: Any) -> Formula:
    return formula_of(net.structure, net.program, wrt=wrt, **options)


def test_a_power_of_a_fraction_has_parentheses() -> None:
    net = network(Layer(1, "netinv", {0: Weight([[2.0, -1.0]])}, bias=[1.5]), inputs=2)
    assert r"\left(\frac{1}{2 \, x_{1} - x_{2} + 1.5}\right)^{2}" in str(
        net.formula(wrt="x1", format="latex", layout="nested")
    )


@pytest.mark.parametrize("digits", [None, 4])
def test_the_network_is_computed_once(digits: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    made, evaluated = recording.recorded, numbers.computed

    def recorded(*arguments: Any) -> RecordedExpressions:
        found = made(*arguments)

        def reference(x: Real) -> Real:
            calls.append("network")
            return found.reference(x)

        return replace(found, reference=reference)

    def computed(*arguments: Any) -> Any:
        calls.append("formula")
        return evaluated(*arguments)

    monkeypatch.setattr(formulas, "recorded", recorded)
    monkeypatch.setattr(formulas, "computed", computed)
    found = formula(pump(), digits=digits)
    assert found.exact
    assert found.differences
    assert found.text
    assert calls.count("network") == 1
    assert calls.count("formula") == (1 if digits is None else 2)


def test_steps() -> None:
    assert small("a", "b", "c").formula() == (
        "# not used: b\na1_1 = tanh(1.5*a - 0.25*c + 0.5)\na1_2 = tanh(0.125*a + 2*c - 1)\ny1 = 3*a1_1 - a1_2 + 0.75"
    )


def test_a_result_that_hardly_varies_may_have_its_rounding_and_no_more() -> None:
    expected = 1e6 + np.linspace(0.0, 1e-6, 5)[:, None]
    for apart, rounding in ((1e-9, True), (4e-9, False)):
        (found,) = differences(expected, expected + apart, ["y1"])
        assert found.rounding is rounding


def test_one_line() -> None:
    assert small().formula(layout="nested") == (
        "# not used: x2\ny1 = 3*tanh(1.5*x1 - 0.25*x3 + 0.5) - tanh(0.125*x1 + 2*x3 - 1) + 0.75"
    )


def test_a_derivative() -> None:
    assert small().formula(wrt="x3") == (
        "# not used: x2\n"
        "a1_1 = tanh(1.5*x1 - 0.25*x3 + 0.5)\n"
        "a1_2 = tanh(0.125*x1 + 2*x3 - 1)\n"
        "dy1_dx3 = -0.75*(1 - a1_1^2) - 2*(1 - a1_2^2)"
    )


@pytest.mark.parametrize(
    ("transfer", "expected"),
    [
        ("hardlim", "y1 = if(0 <= 2*x1 + 0.5, 1, 0)"),
        ("hardlims", "y1 = if(0 <= 2*x1 + 0.5, 1, -1)"),
        ("poslin", "y1 = max(2*x1 + 0.5, 0)"),
        ("satlins", "y1 = max(min(2*x1 + 0.5, 1), -1)"),
        ("logsig", "y1 = 1/(exp(-(2*x1 + 0.5)) + 1)"),
        ("radbas", "y1 = exp(-(2*x1 + 0.5)^2)"),
    ],
)
def test_functions_as_they_are_known(transfer: str, expected: str) -> None:
    net = network(Layer(1, transfer, {0: Weight([[2.0]])}, bias=[0.5]))
    assert net.formula(layout="nested") == expected


def test_a_derivative_that_is_nothing() -> None:
    assert small().formula(wrt="x2") == "# not used: x1, x2, x3\ndy1_dx2 = 0"


def test_a_layer() -> None:
    assert small().formula(of=1, layout="nested") == (
        "# not used: x2\na1_1 = tanh(1.5*x1 - 0.25*x3 + 0.5)\na1_2 = tanh(0.125*x1 + 2*x3 - 1)"
    )


def test_scaling_is_part_of_it() -> None:
    text = pump().formula()
    assert text.splitlines()[:4] == [
        "# flow: 0 to 100, the range seen in training",
        "# speed: 1450 to 2900, the range seen in training",
        "u1 = flow - 50",
        "u2 = speed - 2175",
    ]
    assert "mapminmax" not in text


def test_units_stand_beside_the_range() -> None:
    net = pump().with_names(units={"flow": "m³/h", "speed": "°C"})
    assert net.formula().splitlines()[:2] == [
        "# flow: 0 to 100 m³/h, the range seen in training",
        "# speed: 1450 to 2900 °C, the range seen in training",
    ]


def test_a_name_does_not_end_a_comment() -> None:
    net = pump().with_names(inputs=["flow */ x; /*", "speed"])
    assert net.formula(format="c").splitlines()[0] == "/* flow _/ x; /_: 0 to 100, the range seen in training */"


def test_the_formats_that_there_are() -> None:
    with pytest.raises(ShapeError) as caught:
        small().formula(format="word")
    assert str(caught.value) == "format is 'word', expected text, latex, python, matlab, c, excel, sympy"
    with pytest.raises(ShapeError) as caught:
        small().formula(layout="flat")
    assert str(caught.value) == "layout is 'flat', expected steps, nested"


@pytest.mark.parametrize("digits", [0, 18, 2.5, True, "3"])
def test_digits_that_there_are_not(digits: Any) -> None:
    with pytest.raises(ShapeError) as caught:
        small().formula(digits=digits)
    assert str(caught.value) == f"digits is {digits!r}, expected a whole number from 1 to 17"


@pytest.mark.parametrize("digits", [2, 4, 7])
def test_the_error_of_fewer_digits_is_measured(digits: int) -> None:
    """The largest error that the text states is that of the text itself, run as Python."""
    net = pump()
    text = net.formula(format="python", digits=digits)
    stated = re.search(r"with (\d) digits; largest error at 1,000 points .*: (\S+) in head \((\S+) % of", text)
    assert stated is not None
    assert int(stated[1]) == digits
    x = points(formula(net).recorded)
    error = np.abs(called(text, x) - net(x)[:, 0])
    assert float(stated[2]) == pytest.approx(error.max(), rel=0.05)
    assert float(stated[3]) == pytest.approx(100 * error.max() / np.ptp(net(x)), rel=0.05)
    numbers = re.findall(r"\d\.\d+", text.partition("def ")[2])
    assert numbers
    assert all(len(number.replace(".", "").lstrip("0")) <= digits for number in numbers)


def test_where_the_range_is_not_known_what_is_taken_for_it_is_said() -> None:
    unknown = "x1, x2, x3: range not known, -1 to 1 is assumed"
    assert formula(small(), digits=3).notes[:2] == ["not used: x2", unknown]
    assert formula(small()).notes == ["not used: x2"]


def test_with_all_digits_no_error_is_stated() -> None:
    assert "digits" not in pump().formula()


@pytest.mark.parametrize("wrt", [False, True])
def test_every_row_and_random_networks(wrt: bool) -> None:
    """As close to the network's plain rows as rounding allows, or refused by name."""
    refused = []
    for name, net in {**row_networks(), **random_networks(40)}.items():
        found = formula_or_reason(net, net.input_names if wrt else None)
        if isinstance(found, str):
            assert "the formula would differ from the network" in found
            refused.append(name)
            continue
        assert found.exact, name
        assert found.text
    # a pole within the range, and squares that underflow; of the random ones those with NaN within the range
    assert [name for name in refused if not name.startswith("random")] == (
        ["transfer_netinv", "small_bias"] if wrt else []
    )
    assert len(refused) < 14


def test_names_are_numbered_in_the_order_in_which_they_are_given() -> None:
    legal = documents.Names("text", ["t2", "flow_3"])
    given = [legal(name) for name in ("t", "t", "flow", "flow", "t", "flow", "flow", "exp", "2 T", "2 T", "flow_2")]
    expected = "t1 t3 flow flow_ t4 flow_2 flow_4 exp_ v_2_T v_2_T_ flow_2_"
    assert given == expected.split()
    # a symbol of LaTeX stays as it is
    assert [documents.Names("latex")(name) for name in ("x_{1}", "t")] == ["x_{1}", "t1"]


def formula_or_reason(net: Network, wrt: Any) -> Formula | str:
    try:
        return formula(net, wrt)
    except UnsupportedError as error:
        return str(error)


@pytest.mark.slow
def test_the_corpus(corpus: Path) -> None:
    for name, net in corpus_networks(corpus).items():
        for wrt in (None, net.input_names):
            found = formula(net, wrt)
            assert found.worst.share <= 1e-12, name
            assert found.text


def test_sympy_differentiates_to_the_same() -> None:
    sympy = pytest.importorskip("sympy")
    net = pump()
    (head,) = net.formula(format="sympy").values()
    slopes = net.formula(wrt=["flow", "speed"], format="sympy")
    symbols = [sympy.Symbol(name, real=True) for name in ("flow", "speed")]
    for values in ([50.0, 2400.0], [10.0, 1500.0]):
        at = dict(zip(symbols, values, strict=True))
        assert float(head.subs(at)) == pytest.approx(float(net(values)[0]), rel=1e-13)
        for symbol, name, slope in zip(symbols, slopes, net.jacobian(values)[0], strict=True):
            assert name == f"dhead_d{symbol}"
            assert float(slopes[name].subs(at)) == pytest.approx(float(slope), rel=1e-12)
            assert float(sympy.diff(head, symbol).subs(at)) == pytest.approx(float(slope), rel=1e-12)


def test_conditions_in_sympy() -> None:
    """SymPy's own simplification of these conditions does not end."""
    sympy = pytest.importorskip("sympy")
    net = row_networks()["transfer_compet"]
    values = [0.1, 0.2, 0.3]
    at = {sympy.Symbol(name, real=True): value for name, value in zip(net.input_names, values, strict=True)}
    found = [float(expression.subs(at)) for expression in net.formula(format="sympy").values()]
    assert found == pytest.approx(net(values).tolist(), rel=1e-14)


def test_sympy_in_high_precision() -> None:
    """The numbers of a formula are those of the network to the bit, so that more digits can be asked of it."""
    sympy = pytest.importorskip("sympy")
    (y,) = small().formula(format="sympy").values()
    at = {sympy.Symbol("x1", real=True): sympy.Rational(1, 3), sympy.Symbol("x3", real=True): sympy.Rational(3, 7)}
    with mpmath.workdps(40):
        a, c = mpmath.mpf(1) / 3, mpmath.mpf(3) / 7
        expected = 3 * mpmath.tanh(1.5 * a - 0.25 * c + 0.5) - mpmath.tanh(0.125 * a + 2 * c - 1) + 0.75
        found = sympy.nsimplify(y, rational=True).subs(at).evalf(40)
        assert abs(mpmath.mpf(str(found)) - expected) < mpmath.mpf(10) ** -37


def test_a_network_without_feedback_over_its_delays() -> None:
    """Input delays: the formula of a step, and of its derivative by each delayed input."""
    net = delayed()
    names = [argument.name for argument in formula(net).recorded.arguments]
    assert sorted(names) == ["x1", "x1_lag2", "x2", "x2_lag2"]
    series = np.random.default_rng(0).normal(size=(6, 2))
    run, slopes = net.run(series).outputs, net.run_jacobian(series, lags=2)
    places = {"x1": (0, 0), "x2": (0, 1), "x1_lag2": (2, 0), "x2_lag2": (2, 1)}
    at = [np.array([series[5 - lag, j] for lag, j in (places[name] for name in names)])]
    y = called(net.formula(format="python"), np.stack(at))
    assert y == pytest.approx(run[5, 0], rel=1e-14)
    got = called(net.formula(wrt=["x2"], format="python"), np.stack(at))
    order = [places[name] for name in names if name.startswith("x2")]
    assert [float(slope[0]) for slope in got] == pytest.approx([slopes[5, lag, 0, 1] for lag, _ in order], rel=1e-13)


def delayed() -> Network:
    rng = np.random.default_rng(3)
    first = Layer(3, "tansig", {0: Weight(rng.normal(size=(3, 4)), delays=(0, 2))}, bias=rng.normal(size=3))
    last = Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, 3)))}, bias=[0.5])
    return Network(Structure((Input(2),), (first, last), (Output(1, 1),)))


def test_a_network_with_feedback_step_by_step() -> None:
    net = matnet.load(FIXTURES / "genfunction" / "narx_closed.m")
    found = formula(net, format="python")
    names = [argument.name for argument in found.recorded.arguments]
    results = list(found.names)
    assert results[0] == "y1"
    assert "# one time step: names that end in _lag1, _lag2, ... are values of earlier steps" in found.text
    rng = np.random.default_rng(0)
    before, series = np.zeros(2), rng.uniform(0.0, 1.0, size=(8, 2))
    expected = net.run(series, input_states=np.zeros((net.structure.input_delay, 2))).outputs[:, 0]
    history: dict[str, list[float]] = {}
    got = []
    for step in range(8):
        values = []
        for name in names:
            base, _, lag = name.partition("_lag")
            back = step - int(lag or 0)
            if base.startswith("x"):
                values.append(series[back, int(base[1:]) - 1] if back >= 0 else before[0])
            else:
                values.append(history.get(base, [])[back] if back >= 0 else 0.0)
        now = dict(zip(results, (float(v[0]) for v in called(found.text, np.array([values]))), strict=True))
        for name in results[1:]:
            history.setdefault(name, []).append(now[name])
        got.append(now["y1"])
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    with pytest.raises(UnsupportedError) as caught:
        net.formula(wrt="x1")
    assert str(caught.value) == (
        "a network with feedback has no formula for its derivative: that depends on all steps before, and run_jacobian "
        "computes it over a series; the formula of one step is available without wrt"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_removed_is_named(format: str) -> None:
    nothing = Process.from_matlab(
        "removeconstantrows", {"keep": [2], "remove": [1], "constants": [7.0], "xrows": 2, "yrows": 1}
    )
    layer = Layer(1, "tansig", {0: Weight([[2.0]])}, bias=[0.5])
    net = Network(Structure((Input(2, (nothing,)),), (layer,), (Output(0, 1),)))
    assert formula(net, format=format).unused == ("x1",)


def test_excel_is_two_rows() -> None:
    assert small("a", "=b", "c").formula(format="excel").split("\n") == [
        "a\t'=b\tc\ty1\ta1_1\ta1_2",
        "0.0\t0.0\t0.0\t=3*E2-F2+0.75\t=TANH(1.5*A2-0.25*C2+0.5)\t=TANH(0.125*A2+2*C2-1)",
    ]


def test_excel_has_15_digits() -> None:
    cells = pump().formula(format="excel").split("\t")
    numbers = re.findall(r"\d\.\d+", " ".join(cells))
    assert max(len(number.replace(".", "").lstrip("0")) for number in numbers) == 15
    assert "numbers with 15 digits; largest error" in formula(pump(), format="excel").notes[-1]


def wide(neurons: int, inputs: int = 2) -> Network:
    rng = np.random.default_rng(1)
    hidden = Layer(neurons, "tansig", {0: Weight(rng.normal(size=(neurons, inputs)))}, bias=rng.normal(size=neurons))
    return network(hidden, Layer(1, "purelin", {}, {0: Weight(rng.normal(size=(1, neurons)))}), inputs=inputs)


def test_a_cell_of_excel_is_too_short() -> None:
    with pytest.raises(UnsupportedError) as caught:
        wide(200).formula(format="excel", layout="nested")
    assert re.fullmatch(
        r"the formula of y1 has [\d,]+ characters, and Excel accepts 8,192 in a cell; write it in steps or with fewer "
        r"digits, or write a workbook: matnet convert net\.mat net\.xlsx",
        str(caught.value),
    )
    assert wide(200).formula(format="excel", layout="steps")


def test_a_row_of_excel_is_too_short(monkeypatch: pytest.MonkeyPatch) -> None:
    assert documents.MOST_COLUMNS == 16_384
    # a network with so many neurons takes seconds
    monkeypatch.setattr(documents, "MOST_COLUMNS", 1_000)
    assert wide(999, 1).formula(format="excel", of=1)
    with pytest.raises(UnsupportedError) as caught:
        wide(1_000, 1).formula(format="excel", of=1)
    assert str(caught.value) == "the formulas need 1,001 columns, and a sheet of Excel has 1,000"


def test_a_network_that_is_too_large() -> None:
    net = wide(20_000, 200)
    with pytest.raises(UnsupportedError) as caught:
        net.formula()
    assert "the network is too large for a formula" in str(caught.value)


def test_a_deep_network_is_too_long_on_one_line() -> None:
    rng = np.random.default_rng(0)
    layers = [Layer(12, "tansig", {0: Weight(rng.normal(size=(12, 2)))})]
    layers += [Layer(12, "tansig", {}, {k: Weight(rng.normal(size=(12, 12)))}) for k in range(5)]
    net = network(*layers, inputs=2)
    with pytest.raises(UnsupportedError) as caught:
        net.formula(layout="nested")
    assert str(caught.value) == "an expression of the formula has more than 4,000,000 characters; write it in steps"
    assert len(net.formula()) < 40_000


@pytest.mark.parametrize("parameter", ["of", "wrt"])
def test_a_formula_of_nothing(parameter: str) -> None:
    chosen: Any = {parameter: []}
    with pytest.raises(ShapeError) as caught:
        small().formula(**chosen)
    assert str(caught.value) == f"{parameter} names nothing, expected at least one name"


@pytest.mark.parametrize("weight", [1e-310, 1e308])
def test_numbers_that_excel_has_not(weight: float) -> None:
    net = network(Layer(1, "tansig", {0: Weight([[weight]])}))
    with pytest.raises(UnsupportedError) as caught:
        net.formula(format="excel")
    assert str(caught.value) == f"the constant {weight!r} is beyond the numbers of Excel, 2.2e-308 to 1e+308"
    assert net.formula(format="c")


def test_a_network_without_inputs() -> None:
    net = Network(Structure((), (Layer(1, "purelin", bias=[0.5]),), (Output(0, 1),)))
    assert net.formula() == "y1 = 0.5"
    assert called(net.formula(format="python"), np.zeros((1, 0))) == 0.5


def test_an_error_of_the_names_is_ours() -> None:
    with pytest.raises(MatnetError, match="is not the name of an input"):
        small().formula(wrt="load")
