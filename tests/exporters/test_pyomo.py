"""Pyomo: expressions and grey boxes, evaluated by Pyomo, differentiated by Pyomo and CasADi, and solved by ipopt."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import NonlinearConstraint, minimize

import matnet
from exported_networks import corpus_networks, disagreement, only_chooses, random_networks, row_networks, samples
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from random_networks import Real, network

pyo = pytest.importorskip("pyomo.environ")
from pyomo.contrib.pynumero.interfaces.external_grey_box import ExternalGreyBoxBlock  # noqa: E402
from pyomo.repn.plugins.nl_writer import NLWriter  # noqa: E402

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat").with_names(["flow", "speed"], ["head"])
NETWORKS = {
    name: net for name, net in (row_networks() | random_networks(12)).items() if not (only_chooses(net) or net.dynamic)
}
NAN_OUTPUTS = ("output_removerows_0",)
SATURATED = network(Layer(1, "tansig", {0: Weight([[1.0]])}))


def model_of(net: Network, grey: bool = False) -> Any:
    model = pyo.ConcreteModel()
    model.net = ExternalGreyBoxBlock() if grey else pyo.Block()
    matnet.to_pyomo(net, model.net)
    return model


def ordinary(net: Network) -> Real:
    """Samples whose outputs are finite, and at which no exp overflows."""
    x = samples(net)
    x = x[np.isfinite(x).all(axis=1) & (np.abs(x) < 50.0).all(axis=1)]
    finite: Real = x[np.isfinite(net(x)).all(axis=1)]
    return finite


def put(model: Any, x: Real) -> None:
    """Sets the inputs, and then the steps one after the other by their equations."""
    for variable, value in zip(model.net.inputs.values(), x.tolist(), strict=True):
        variable.set_value(value, skip_validation=True)
    for step, equation in zip(model.net.steps.values(), model.net.step_equations.values(), strict=True):
        step.set_value(pyo.value(equation.expr.args[1]), skip_validation=True)


def formulas(model: Any) -> list[Any]:
    return [equation.expr.args[1] for equation in model.net.equations.values()]


def test_every_row_as_expressions() -> None:
    found = {}
    for name in NETWORKS.keys() - NAN_OUTPUTS:
        net = NETWORKS[name]
        model, x = model_of(net), ordinary(net)
        y = np.empty((len(x), net.output_size))
        for k, row in enumerate(x):
            put(model, row)
            y[k] = [pyo.value(formula) for formula in formulas(model)]
        found[name] = disagreement(y, net(x))
    assert len(found) > 100
    assert {name: size for name, size in found.items() if not size <= 1e-13} == {}


def test_steps_begin_at_the_middle_of_the_ranges() -> None:
    """Where the solver starts, every equation of a step holds already."""
    for name in ("transfer_softmax", "radial_radbasn", "several", "connection_maxpool", "weight_boxdist_netsum"):
        net = NETWORKS[name]
        rng = np.random.default_rng(6)
        entries = [
            Input(entry.size, entry.processing, np.sort(rng.normal(size=(entry.size, 2)), axis=1))
            for entry in net.structure.inputs
        ]
        moved = Network(replace(net.structure, inputs=tuple(entries)))
        model = model_of(moved)
        x = np.array([variable.value for variable in model.net.inputs.values()])
        np.testing.assert_allclose(x, moved.input_range.mean(axis=1), rtol=1e-14)
        assert len(model.net.steps) > 0
        for step, equation in zip(model.net.steps.values(), model.net.step_equations.values(), strict=True):
            assert step.value == pytest.approx(pyo.value(equation.expr.args[1]), rel=1e-12, abs=1e-14), name
        np.testing.assert_allclose([pyo.value(formula) for formula in formulas(model)], moved(x), rtol=1e-12)


def test_the_corpus(corpus: Path) -> None:
    found = {}
    for name, net in corpus_networks(corpus).items():
        if only_chooses(net) or net.input_size > 300:
            continue
        model = model_of(net)
        x = np.array([v.value for v in model.net.inputs.values()])
        put(model, x)
        y = np.array([pyo.value(formula) for formula in formulas(model)])
        # a steep network magnifies the rounding of its inputs
        scale = 1.0 + np.abs(net(x)) + np.abs(net.jacobian(x)) @ np.nan_to_num(np.ptp(net.input_range, axis=1))
        found[name] = float(np.max(np.abs(y - net(x)) / scale))
    assert len(found) > 30
    assert {name: size for name, size in found.items() if not size <= 1e-14} == {}


@pytest.mark.parametrize(
    "name",
    ["transfer_tansig", "transfer_logsig", "radial_radbas", "transfer_softmax", "radial_softmax", "several"],
)
def test_derivatives_that_another_tool_takes_of_the_expressions(name: str, tmp_path: Path) -> None:
    casadi = pytest.importorskip("casadi")
    net = NETWORKS[name]
    model, x = model_of(net), np.random.default_rng(2).normal(size=net.input_size)
    put(model, x)
    model.nothing = pyo.Objective(expr=0.0)
    with (tmp_path / "model.nl").open("w") as file:
        written = NLWriter().write(model, file, linear_presolve=False).variables
    order = [id(variable) for variable in written]
    builder = casadi.NlpBuilder()
    builder.import_nl(str(tmp_path / "model.nl"))
    variables = casadi.vertcat(*builder.x)
    equations = casadi.Function("equations", [variables], [casadi.jacobian(casadi.vertcat(*builder.g), variables)])
    slopes = np.asarray(equations([variable.value for variable in written]))
    inputs = [order.index(id(variable)) for variable in model.net.inputs.values()]
    outputs = [order.index(id(variable)) for variable in model.net.outputs.values()]
    others = [k for k in range(len(order)) if k not in inputs]
    by_inputs = np.linalg.solve(slopes[:, others], -slopes[:, inputs])
    jacobian = by_inputs[[others.index(k) for k in outputs]]
    np.testing.assert_allclose(jacobian, net.jacobian(x), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("n", [20.0, -20.0])
def test_the_slope_of_a_grey_box_is_right_in_saturation(n: float) -> None:
    box = model_of(SATURATED, grey=True).net.get_external_model()
    box.set_input_values([n])
    assert box.evaluate_jacobian_outputs().toarray().item() == pytest.approx(4.0 * np.exp(-40.0), rel=1e-14)


def test_expressions_keep_a_tanh_that_does_not_overflow() -> None:
    model = model_of(SATURATED)
    for n in (-1e5, 1e5):
        put(model, np.array([n]))
        assert pyo.value(formulas(model)[0]) == np.sign(n)


def test_every_row_as_a_grey_box() -> None:
    for name, net in NETWORKS.items():
        box = model_of(net, grey=True).net.get_external_model()
        x, u = np.random.default_rng(3).normal(size=net.input_size), np.arange(1.0, net.output_size + 1.0)
        box.set_input_values(x)
        box.set_output_constraint_multipliers(u)
        np.testing.assert_array_equal(box.evaluate_outputs(), net(x), err_msg=name)
        np.testing.assert_array_equal(box.evaluate_jacobian_outputs().toarray(), net.jacobian(x), err_msg=name)
        lower = box.evaluate_hessian_outputs()
        expected = np.tril(np.tensordot(u, net.hessian(x), axes=1))
        np.testing.assert_array_equal(lower.toarray(), expected, err_msg=name)
        assert box.evaluate_jacobian_outputs().nnz == net.output_size * net.input_size
        assert lower.nnz == net.input_size * (net.input_size + 1) // 2


@pytest.mark.parametrize("grey", [False, True])
def test_variables_begin_in_the_middle_within_their_ranges(grey: bool) -> None:
    block = model_of(PUMP, grey).net
    assert [(key, v.lb, v.ub, v.value) for key, v in block.inputs.items()] == [
        ("flow", 0.0, 100.0, 50.0),
        ("speed", 1450.0, 2900.0, 2175.0),
    ]
    assert [(key, v.value) for key, v in block.outputs.items()] == [("head", PUMP([50.0, 2175.0])[0])]
    single = Network(replace(SATURATED.structure, inputs=(Input(1, range=np.array([[2.0, 2.0]])),)))
    held = model_of(single, grey).net.inputs["x1"]
    assert (held.lb, held.ub, held.value) == (2.0, 2.0, 2.0)
    unknown = model_of(SATURATED, grey).net.inputs["x1"]
    assert (unknown.lb, unknown.ub, unknown.value) == (None, None, 0.0)


def test_a_grey_box_begins_in_the_middle_with_the_sum_of_its_outputs() -> None:
    layer = Layer(2, "purelin", {0: Weight([[1.0, 2.0], [3.0, 4.0]])})
    squared = Layer(2, "netinv", {}, {0: Weight(np.eye(2))})  # 1/n
    ranges = Input(2, range=np.array([[0.5, 1.5], [-np.inf, np.inf]]))
    net = Network(Structure((ranges,), (layer, squared), (Output(1, 2),)))
    box = model_of(net, grey=True).net.get_external_model()
    # at (1, 0), where the net inputs are 1 and 3
    np.testing.assert_allclose(box.evaluate_outputs(), [1.0, 1.0 / 3.0], rtol=1e-15)
    np.testing.assert_allclose(box.evaluate_jacobian_outputs().toarray(), [[-1.0, -2.0], [-1.0 / 3.0, -4.0 / 9.0]])
    # 2 w w'/n³, the lower triangle of the sum
    expected = 2.0 * np.array([[1.0, 0.0], [2.0, 4.0]]) + 2.0 / 27.0 * np.array([[9.0, 0.0], [12.0, 16.0]])
    np.testing.assert_allclose(box.evaluate_hessian_outputs().toarray(), expected, rtol=1e-14)


def test_the_terms_of_expressions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from matnet.exporters.frameworks import pyomo_block

    # products 3 · 2 and 1 · 3, biases 3, tansig 3
    hidden = Layer(3, "tansig", {0: Weight(np.ones((3, 2)))}, bias=[1.0, 2.0, 3.0])
    net = network(hidden, Layer(1, "purelin", {}, {0: Weight(np.ones((1, 3)))}), inputs=2)
    monkeypatch.setattr(pyomo_block, "MOST_TERMS", 15)
    model_of(net)
    monkeypatch.setattr(pyomo_block, "MOST_TERMS", 14)
    with pytest.raises(
        matnet.UnsupportedError, match=r"^to_pyomo: as expressions the network has 15 terms, at most 14 "
    ):
        model_of(net)


def working_point(grey: bool) -> Any:
    """The most hydraulic power at the point where the pump meets its pipe, less the cost of speed."""
    model = pyo.ConcreteModel()
    model.net = ExternalGreyBoxBlock() if grey else pyo.Block()
    matnet.to_pyomo(PUMP, model.net)
    flow, speed, head = model.net.inputs["flow"], model.net.inputs["speed"], model.net.outputs["head"]
    model.pipe = pyo.Constraint(expr=head == 10.0 + 0.002 * flow**2)
    model.cost = pyo.Objective(expr=3e-4 * speed**2 - flow * head)
    return model


def by_scipy() -> Real:
    """Flow and speed of the same point, by SciPy and differences of the network's outputs alone."""
    pipe = NonlinearConstraint(lambda z: PUMP([z[0], 1e3 * z[1]])[0] - 10.0 - 0.002 * z[0] ** 2, 0.0, 0.0)
    found = minimize(
        lambda z: 300.0 * z[1] ** 2 - z[0] * PUMP([z[0], 1e3 * z[1]])[0],
        [50.0, 2.2],
        bounds=[(0.0, 100.0), (1.45, 2.9)],
        constraints=[pipe],
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    return np.asarray(found.x * [1.0, 1e3])


def test_expressions_are_solved_by_ipopt(tmp_path: Path) -> None:
    # Pyomo writes the model, CasADi reads it and hands it to its ipopt with CasADi's own derivatives
    casadi = pytest.importorskip("casadi")
    file = str(tmp_path / "model.nl")
    working_point(grey=False).write(file)
    builder = casadi.NlpBuilder()
    builder.import_nl(file)
    problem = {"x": casadi.vertcat(*builder.x), "f": builder.f, "g": casadi.vertcat(*builder.g)}
    quiet = {"ipopt.print_level": 0, "ipopt.sb": "yes", "print_time": False, "ipopt.tol": 1e-10}
    solver = casadi.nlpsol("solver", "ipopt", problem, quiet)
    limits = {"lbx": builder.x_lb, "ubx": builder.x_ub, "lbg": builder.g_lb, "ubg": builder.g_ub}
    answer = np.asarray(solver(x0=builder.x_init, **limits)["x"])[:, 0]
    assert solver.stats()["return_status"] == "Solve_Succeeded"
    flow, speed = by_scipy()
    assert np.abs(answer - flow).min() < 1e-3
    assert np.abs(answer - speed).min() < 1e-2


def test_a_grey_box_is_solved() -> None:
    """By a Newton method on the conditions of the optimum, from what the external model gives: outputs, J and H."""
    box = working_point(grey=True).net.get_external_model()

    def conditions(z: Real) -> tuple[Real, Real]:
        """The gradient of the Lagrangian f − u·(head − y) − v·pipe in (flow, speed, head, u, v), and its Jacobian."""
        flow, speed, head, u, v = z
        box.set_input_values(z[:2])
        box.set_output_constraint_multipliers([u])
        y, slopes = box.evaluate_outputs()[0], box.evaluate_jacobian_outputs().toarray()[0]
        lower = box.evaluate_hessian_outputs().toarray()
        network_part = lower + np.tril(lower, -1).T
        pipe = np.array([-0.004 * flow, 0.0, 1.0])
        value = np.array(
            [
                -head + u * slopes[0] - v * pipe[0],
                6e-4 * speed + u * slopes[1],
                -flow - u - v,
                y - head,
                -(head - 10.0 - 0.002 * flow**2),
            ]
        )
        matrix = np.zeros((5, 5))
        matrix[:2, :2] = network_part
        matrix[0, 0] += 0.004 * v
        matrix[1, 1] += 6e-4
        matrix[0, 2] = matrix[2, 0] = -1.0
        matrix[:2, 3] = matrix[3, :2] = slopes
        matrix[2, 3] = matrix[3, 2] = -1.0
        matrix[:3, 4] = matrix[4, :3] = -pipe
        return value, matrix

    flow, speed = by_scipy()
    z = np.array([flow + 2.0, speed - 20.0, PUMP([flow, speed])[0], -flow, 0.0])
    for _ in range(20):
        value, matrix = conditions(z)
        z = z - np.linalg.solve(matrix, value)
    assert np.abs(conditions(z)[0]).max() < 1e-9
    np.testing.assert_allclose(z[:2], [flow, speed], rtol=1e-5)


def test_a_model_is_copied_with_its_network() -> None:
    for grey in (False, True):
        model = model_of(PUMP, grey)
        copied = model.clone()
        copied.net.inputs["flow"].set_value(10.0)
        assert model.net.inputs["flow"].value == 50.0
    box = copy.deepcopy(model.net.get_external_model())
    box.set_input_values([10.0, 2000.0])
    assert box.evaluate_outputs()[0] == PUMP([10.0, 2000.0])[0]


def test_an_input_and_an_output_may_have_the_same_name_and_any_text() -> None:
    net = network(Layer(1, "purelin", {0: Weight([[2.0, 3.0]])}), inputs=2)
    for grey in (False, True):
        block = model_of(net.with_names(["feed T", "level"], ["level"]), grey).net
        assert set(block.inputs) == {"feed T", "level"}
        assert set(block.outputs) == {"level"}


def test_shared_parts_are_written_once() -> None:
    # nine hidden layers of ten neurons: written out, every output would have 10^9 terms
    rng = np.random.default_rng(9)
    layers = [Layer(10, "tansig", {0: Weight(rng.normal(size=(10, 2)))})]
    layers += [Layer(10, "tansig", {}, {k: Weight(0.3 * rng.normal(size=(10, 10)))}) for k in range(9)]
    net = Network(Structure((Input(2),), tuple(layers), (Output(9, 10),)))
    model = model_of(net)
    put(model, np.array([0.3, -0.4]))
    found = [pyo.value(formula) for formula in formulas(model)]
    np.testing.assert_allclose(found, net([0.3, -0.4]), rtol=1e-12, atol=1e-13)
    assert len(model.net.steps) < 1000


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        # each hidden neuron is used once, or by two outputs
        (("tansig", 1), 0),
        (("tansig", 2), 3),
        # a choice uses its argument in the condition too: the net input, and the smaller of it and 1
        (("satlins", 0), 3 * 2),
        # the net inputs, two maxima, the exponentials, and their sum
        (("softmax", 0), 3 + 2 + 3 + 1),
    ],
)
def test_what_is_used_once_is_no_step(layers: tuple[str, int], count: int) -> None:
    function, outputs = layers
    found = [Layer(3, function, {0: Weight([[2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])}, bias=[1.0, 2.0, 3.0])]
    if outputs:
        found.append(Layer(outputs, "purelin", {}, {0: Weight(np.arange(2.0, 2.0 + 3 * outputs).reshape(outputs, 3))}))
    assert len(model_of(network(*found, inputs=2)).net.steps) == count


def twice(grey: bool = False) -> None:
    model = model_of(PUMP, grey)
    matnet.to_pyomo(PUMP, model.net)


def not_attached() -> None:
    matnet.to_pyomo(PUMP, pyo.Block())


def indexed() -> None:
    model = pyo.ConcreteModel()
    model.nets = pyo.Block([1, 2])
    matnet.to_pyomo(PUMP, model.nets)


def large() -> None:
    size = 1001
    net = network(Layer(1000, "tansig", {0: Weight(np.ones((1000, size)))}), inputs=size)
    model_of(net)


REFUSED: dict[str, tuple[Any, str]] = {
    "twice": (twice, "to_pyomo: the block net has inputs already; give each network a block of its own"),
    "a grey box twice": (
        lambda: twice(grey=True),
        "to_pyomo: the block net has inputs already; give each network a block of its own",
    ),
    "not attached": (not_attached, "to_pyomo: the block is not part of a ConcreteModel yet; add it there first"),
    "indexed": (
        indexed,
        "to_pyomo: block is of type IndexedBlock, expected a Block; give one of its elements",
    ),
    "no block": (
        lambda: matnet.to_pyomo(PUMP, "net"),
        "to_pyomo: block is of type str, expected a Block",
    ),
    "an output that is nan": (
        lambda: model_of(NETWORKS["output_removerows_0"]),
        "to_pyomo: the output y2 is nan whatever the inputs are",
    ),
    "large": (
        large,
        "to_pyomo: as expressions the network has 1,002,000 terms, at most 1,000,000 are written; give an "
        "ExternalGreyBoxBlock instead",
    ),
    "compet": (
        lambda: model_of(network(Layer(3, "compet", {0: Weight(np.eye(3))}), inputs=3)),
        "to_pyomo: every path from the inputs to the outputs passes through compet, whose derivative is 0 wherever it "
        "exists",
    ),
    "dynamic": (
        lambda: model_of(network(Layer(1, "purelin", {0: Weight([[1.0, 2.0]], delays=(0, 1))}))),
        "to_pyomo: the network is dynamic, so that y is not a function of x alone",
    ),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(act: Any, message: str) -> None:
    with pytest.raises(matnet.MatnetError) as raised:
        act()
    assert str(raised.value) == message


def test_a_refused_network_leaves_the_block_as_it_was() -> None:
    model = pyo.ConcreteModel()
    model.net = pyo.Block()
    with pytest.raises(matnet.UnsupportedError):
        matnet.to_pyomo(NETWORKS["output_removerows_0"], model.net)
    matnet.to_pyomo(PUMP, model.net)
    assert list(model.net.outputs) == ["head"]
