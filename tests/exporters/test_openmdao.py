"""OpenMDAO: components checked by OpenMDAO's own check_partials, and an optimization with its own driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

import matnet
from exported_networks import corpus_networks, disagreement, random_networks, row_networks
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import Real, network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat").with_names(
    ["flow", "speed"], ["head"], units={"flow": "m**3/h", "speed": "1/min", "head": "m"}
)


@pytest.fixture
def om(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenMDAO, in a folder for the reports that it writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENMDAO_REPORTS", "0")
    return pytest.importorskip("openmdao.api")


def problem(om: Any, net: Network, vec_size: int = 1) -> Any:
    made = om.Problem()
    made.model.add_subsystem("net", matnet.to_openmdao(net, vec_size), promotes=["*"])
    made.setup(force_alloc_complex=True)
    return made


def answers(made: Any, net: Network, x: Real) -> tuple[Real, Real]:
    """y (N, S) and J (N, S, R) as OpenMDAO computes them."""
    for name, column in zip(net.input_names, x.T, strict=True):
        made.set_val(name, column)
    made.run_model()
    y = np.stack([made.get_val(name) for name in net.output_names], axis=-1)
    totals = made.compute_totals(of=list(net.output_names), wrt=list(net.input_names))
    jacobian = np.stack(
        [np.stack([np.diag(totals[y, x]) for x in net.input_names], axis=-1) for y in net.output_names], axis=1
    )
    return y, jacobian


def test_every_row(om: Any) -> None:
    found = {}
    for name, net in (row_networks() | random_networks(12)).items():
        x = np.random.default_rng(6).normal(size=(3, net.input_size))
        y, jacobian = answers(problem(om, net, 3), net, x)
        found[name] = max(disagreement(y, net(x)), disagreement(jacobian, net.jacobian(x)))
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


@pytest.mark.slow
def test_the_corpus(om: Any, corpus: Path) -> None:
    found = {}
    for name, net in corpus_networks(corpus).items():
        if net.input_size > 60:
            continue
        low, high = np.where(np.isfinite(net.input_range), net.input_range, [-1.0, 1.0]).T
        x = np.random.default_rng(7).uniform(low, high, (2, net.input_size))
        y, jacobian = answers(problem(om, net, 2), net, x)
        found[name] = max(disagreement(y, net(x)), disagreement(jacobian, net.jacobian(x)))
    assert len(found) > 30
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


@pytest.mark.parametrize(
    "name",
    # the last two are not analytic: they are continued by their own derivatives
    [
        "transfer_tansig",
        "radial_radbas",
        "transfer_softmax",
        "several",
        "separate_outputs",
        "transfer_satlins",
        "radial_elliotsig",
    ],
)
def test_partials_are_what_openmdao_finds_by_complex_step(om: Any, name: str) -> None:
    net = row_networks()[name]
    made = problem(om, net, 4)
    rng = np.random.default_rng(1)
    for x in net.input_names:
        made.set_val(x, rng.normal(size=4))
    made.run_model()
    data = made.check_partials(method="cs", out_stream=None)
    from openmdao.utils.assert_utils import assert_check_partials

    assert_check_partials(data, atol=1e-12, rtol=1e-12)
    assert any(entry["J_fwd"].any() for entry in data["net"].values())


@pytest.mark.parametrize("name", ["transfer_satlins", "transfer_softmax"])
def test_partials_are_what_openmdao_finds_by_differences(om: Any, name: str) -> None:
    net = row_networks()[name]
    made = problem(om, net, 2)
    made.set_val("x1", [0.2, -0.7])
    made.run_model()
    from openmdao.utils.assert_utils import assert_check_partials

    assert_check_partials(made.check_partials(method="fd", form="central", out_stream=None), atol=1e-6, rtol=1e-6)


def test_the_declared_pattern(om: Any) -> None:
    # diagonals over the samples, for the outputs that depend on the input
    net = row_networks()["separate_outputs"]
    made = problem(om, net, 3)
    made.run_model()
    declared = {key: info for key, info in made.model.net._subjacs_info.items() if info["dependent"]}
    pairs = {(y.removeprefix("net."), x.removeprefix("net.")) for y, x in declared if ".x" in x}
    assert pairs == {("y1", "x1"), ("y2", "x2")}
    assert all(list(info["rows"]) == list(info["cols"]) == [0, 1, 2] for (y, x), info in declared.items() if ".x" in x)


def test_the_pattern_is_found_once(om: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from matnet.exporters.frameworks import openmdao_component

    calls: list[Network] = []
    found = openmdao_component._dependences

    def counted(net: Network) -> Any:
        calls.append(net)
        return found(net)

    monkeypatch.setattr(openmdao_component, "_dependences", counted)
    made = problem(om, PUMP, 2)
    for speed in (1500.0, 2400.0):
        answers(made, PUMP, np.array([[60.0, speed], [20.0, speed]]))
    assert len(calls) == 1


def test_variables_begin_in_the_middle_and_have_units(om: Any) -> None:
    made = problem(om, PUMP, 2)
    made.final_setup()
    np.testing.assert_array_equal(made.get_val("flow"), [50.0, 50.0])
    np.testing.assert_array_equal(made.get_val("speed"), [2175.0, 2175.0])
    np.testing.assert_array_equal(made.get_val("head"), np.tile(PUMP([50.0, 2175.0]), 2))
    made.set_val("flow", [1.0, 2.0], units="m**3/min")
    made.run_model()
    np.testing.assert_allclose(made.get_val("head", units="ft") * 0.3048, PUMP([[60.0, 2175.0], [120.0, 2175.0]])[:, 0])
    about = made.model.net.list_inputs(prom_name=False, desc=True, units=True, out_stream=None)
    assert [(name, entry["units"], entry["desc"]) for name, entry in about] == [
        ("flow", "m**3/h", "1: flow (m^3/h), 0 to 100 in training"),
        ("speed", "1/min", "2: speed (1/min), 1450 to 2900 in training"),
    ]


def test_the_slope_is_right_in_saturation(om: Any) -> None:
    net = network(Layer(1, "tansig", {0: Weight([[1.0]])}))
    assert answers(problem(om, net), net, np.array([[20.0]]))[1].item() == pytest.approx(4.0 * np.exp(-40.0), rel=1e-14)


def test_ordinary_inputs_give_ordinary_outputs(om: Any) -> None:
    # numbers with an imaginary part are those of a complex step alone
    net, x = row_networks()["transfer_satlins"], np.random.default_rng(2).normal(size=(5, 3))
    for inputs, kind in ((x, np.float64), (x + 0j, np.complex128)):
        outputs: dict[str, Any] = {}
        matnet.to_openmdao(net, 5).compute(dict(zip(net.input_names, inputs.T, strict=True)), outputs)
        found = np.stack([outputs[name] for name in net.output_names], axis=-1)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, net(x))


def test_an_optimization(om: Any) -> None:
    # the lowest speed at which the pump lifts 50 m³/h by 20 m
    made = om.Problem(driver=om.ScipyOptimizeDriver(optimizer="SLSQP", tol=1e-10, disp=False))
    made.model.add_subsystem("pump", matnet.to_openmdao(PUMP), promotes=["*"])
    made.model.add_design_var("speed", lower=1450.0, upper=2900.0, ref=1000.0)
    made.model.add_constraint("head", lower=20.0)
    made.model.add_objective("speed", ref=1000.0)
    made.setup()
    made.run_driver()
    expected = brentq(lambda speed: PUMP([50.0, speed])[0] - 20.0, 1450.0, 2900.0)
    assert made.get_val("speed")[0] == pytest.approx(expected, rel=1e-7)


def test_a_component_has_at_least_one_sample(om: Any) -> None:
    component = matnet.to_openmdao(PUMP)
    component.options["vec_size"] = 1
    with pytest.raises(ValueError, match="less than minimum allowed value of 1"):
        component.options["vec_size"] = 0


def test_a_component_is_resized(om: Any) -> None:
    component = matnet.to_openmdao(PUMP)
    component.options["vec_size"] = 4
    made = om.Problem()
    made.model.add_subsystem("net", component, promotes=["*"])
    made.setup()
    made.run_model()
    assert made.get_val("head").shape == (4,)


TWO = Network(Structure((Input(2),), (Layer(1, "purelin", {0: Weight([[1.0, 2.0]])}),), (Output(0, 1),)))
DYNAMIC = network(Layer(1, "purelin", {0: Weight([[1.0, 2.0]], delays=(0, 1))}))
REFUSED: dict[str, tuple[Any, str]] = {
    "a name": (
        lambda: matnet.to_openmdao(TWO.with_names(["T.in", "ok"], ["p[1]"])),
        "to_openmdao: T.in, p[1]: OpenMDAO allows none of . * ? ! [ ] in a name; rename with net.with_names",
    ),
    "a name twice": (
        lambda: matnet.to_openmdao(TWO.with_names(["level", "flow"], ["level"])),
        "to_openmdao: level: an input and an output have the same name, which OpenMDAO does not allow; rename with "
        "net.with_names",
    ),
    "a unit": (
        lambda: matnet.to_openmdao(TWO.with_names(units={"x2": "m³/h"})),
        "to_openmdao: 'm³/h', the unit of x2, is not one that OpenMDAO knows; write it as OpenMDAO does (m**3/h, degC, "
        "1/min) with net.with_names(units={'x2': ...}), or '' to leave it out",
    ),
    "no samples": (lambda: matnet.to_openmdao(TWO, 0), "vec_size is 0, expected 1 or more"),
    "less than no samples": (lambda: matnet.to_openmdao(TWO, -3), "vec_size is -3, expected 1 or more"),
    "no number of samples": (lambda: matnet.to_openmdao(TWO, 2.5), "vec_size=2.5 is not an integer"),  # type: ignore[arg-type]
    "dynamic": (
        lambda: matnet.to_openmdao(DYNAMIC),
        "to_openmdao: the network is dynamic, so that y is not a function of x alone",
    ),
    "an ensemble": (
        lambda: matnet.to_openmdao(matnet.Ensemble([TWO, TWO])),  # type: ignore[arg-type]
        "to_openmdao takes one network, and this is an ensemble of 2; take them one by one: for net in "
        "ensemble.networks",
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(om: Any, act: Any, message: str) -> None:
    with pytest.raises(matnet.MatnetError) as raised:
        act()
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "unit",
    ["9**9**9**9", "m**0.5", "().__class__", "m**99", "Nm", "m^3", "%", "__import__('os')", "m" * 9999, "m/None"],
)
def test_units_from_a_file_are_not_evaluated(om: Any, unit: str) -> None:
    with pytest.raises(matnet.UnsupportedError, match="is not one that OpenMDAO knows"):
        matnet.to_openmdao(TWO.with_names(units={"x1": unit}))


@pytest.mark.parametrize("unit", ["kg/(m*s)", "(m/s)**2", "W/m**2/K", "degC", "m**-1", "rpm"])
def test_units_that_are_known(om: Any, unit: str) -> None:
    made = problem(om, TWO.with_names(units={"x1": unit}))
    made.run_model()
    assert made.get_val("x1", units=unit)[0] == 1.0


@pytest.mark.parametrize("name", ["feed T", "网络", "a:b", "lambda", "x-1", "1st", "Größe (mm)"])
def test_odd_names(om: Any, name: str) -> None:
    made = problem(om, TWO.with_names([name, "b"]))
    made.set_val(name, 3.0)
    made.run_model()
    assert made.get_val("y1")[0] == 5.0
