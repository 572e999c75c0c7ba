"""Objectives for SciPy: values, gradients and Hessians against differences and other solvers, and minima found."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

import matnet
from exported_networks import random_networks, row_networks
from matnet.model.structure import Layer, Weight
from matnet.network import Network
from random_networks import Real, network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = matnet.load(FIXTURES / "pump.mat").with_names(["flow", "speed"], ["head"])
FOUR = matnet.load(FIXTURES / "two_by_two.mat")
SMOOTH = [
    net
    for name, net in (row_networks() | random_networks(12)).items()
    if name in ("transfer_tansig", "radial_radbas", "transfer_softmax", "several", "random_0", "random_2")
]


def differences(function: Any, x: Real, step: Real) -> Real:
    """Central differences, the last axis by x."""
    return np.stack(
        [(function(x + h) - function(x - h)) / (2.0 * h.sum()) for h in np.diag(step)],
        axis=-1,
    )


def assert_derivatives(goal: Any, x: Real, step: Real) -> None:
    for exact, quotient in ((goal.jac(x), differences(goal, x, step)), (goal.hess(x), differences(goal.jac, x, step))):
        assert exact.shape == quotient.shape
        scale = np.abs(quotient * step).max() + 1e-3 * abs(goal(x)) + 1e-9
        assert np.abs((exact - quotient) * step).max() <= 1e-6 * scale


@pytest.mark.parametrize("net", SMOOTH)
def test_gradient_and_hessian_of_several_networks(net: Network) -> None:
    rng = np.random.default_rng(3)
    x, weights, target = rng.normal(size=net.input_size), rng.normal(size=net.output_size), rng.normal()
    linear, squares = matnet.objective(net, weights=weights), matnet.objective(net, target=target, weights=weights)
    y = net(x)
    assert linear(x) == pytest.approx(float(weights @ y), rel=1e-14)
    assert squares(x) == pytest.approx(float(weights @ (y - target) ** 2), rel=1e-13)
    for goal in (linear, squares):
        assert_derivatives(goal, x, np.full(net.input_size, 1e-4))


def test_fixed_inputs_and_chosen_outputs() -> None:
    x = FOUR.input_range.mean(axis=1)
    goal = matnet.objective(FOUR, ["y3", "y1"], fixed={"x2": x[1], "x4": x[3]}, target=[1.0, 2.0], weights=[2.0, 0.5])
    free = x[[0, 2, 4]]
    assert goal.variables == ("x1", "x3", "x5")
    np.testing.assert_array_equal(goal.inputs(free), x)
    y = FOUR(x)
    assert goal(free) == pytest.approx(2.0 * (y[2] - 1.0) ** 2 + 0.5 * (y[0] - 2.0) ** 2, rel=1e-14)
    assert_derivatives(goal, free, 1e-4 * np.ptp(FOUR.input_range, axis=1)[[0, 2, 4]])


def test_the_largest_output_is_found() -> None:
    # on a grid of the whole range: the head is largest at the highest speed
    goal = matnet.objective(PUMP, "head", maximize=True)
    found = minimize(goal, goal.start, jac=goal.jac, bounds=goal.bounds, method="L-BFGS-B")
    grid = np.stack(np.meshgrid(*(np.linspace(low, high, 201) for low, high in PUMP.input_range)), axis=-1)
    assert PUMP.in_range(found.x)
    assert PUMP(grid).max() <= -found.fun == pytest.approx(PUMP(grid).max(), rel=1e-5)


def test_an_input_for_a_wanted_output() -> None:
    goal = matnet.objective(PUMP, target=25.0, fixed={"flow": 40.0})
    found = minimize(goal, goal.start, jac=goal.jac, hess=goal.hess, method="trust-exact", options={"gtol": 1e-12})
    assert found.x[0] == pytest.approx(brentq(lambda speed: PUMP([40.0, speed])[0] - 25.0, 1450.0, 2900.0), rel=1e-9)


@pytest.mark.parametrize("method", ["trust-constr", "SLSQP"])
def test_limits_on_outputs(method: str) -> None:
    # the lowest speed at which 50 units flow at a head of 20
    second = method == "trust-constr"
    goal = matnet.objective(PUMP, "head", fixed={"flow": 50.0})
    limit = goal.constraint("head", low=20.0, hess=second)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minimize(
            lambda x: x[0] / 1e3,
            goal.start,
            jac=lambda x: np.array([1e-3]),
            hess=(lambda x: np.zeros((1, 1))) if second else None,
            bounds=goal.bounds,
            constraints=[limit],
            method=method,
        )
    assert found.x[0] == pytest.approx(brentq(lambda speed: PUMP([50.0, speed])[0] - 20.0, 1450.0, 2900.0), rel=1e-5)


def test_derivatives_of_a_limit() -> None:
    goal = matnet.objective(FOUR, "y1", fixed={"x1": 1.0})
    limit = goal.constraint()
    np.testing.assert_array_equal(np.stack([limit.lb, limit.ub], axis=1), FOUR.output_range)
    x, v = goal.start, np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_array_equal(limit.fun(x), FOUR(goal.inputs(x)))
    np.testing.assert_array_equal(limit.jac(x), FOUR.jacobian(goal.inputs(x))[:, 1:])
    expected = np.einsum("i,ijk->jk", v, FOUR.hessian(goal.inputs(x))[:, 1:, 1:])
    np.testing.assert_allclose(limit.hess(x, v), expected, rtol=1e-13)


def test_the_gradient_is_exact_in_saturation() -> None:
    goal = matnet.objective(network(Layer(1, "tansig", {0: Weight([[1.0]])})))
    assert goal.jac(np.array([20.0]))[0] == pytest.approx(4.0 * np.exp(-40.0), rel=1e-14)


def test_the_mean_of_several_networks() -> None:
    other = PUMP.with_parameters(1.01 * PUMP.parameters)
    mean = matnet.objective(matnet.Ensemble([PUMP, other]))
    x = np.array([50.0, 2400.0])
    assert mean(x) == pytest.approx(0.5 * (PUMP(x)[0] + other(x)[0]), rel=1e-15)
    assert_derivatives(mean, x, np.array([1e-2, 1e-1]))


def test_answers_follow_an_x_that_changes_in_place() -> None:
    goal, x = matnet.objective(PUMP), np.array([50.0, 2400.0])
    before = goal(x)
    x[0] = 60.0
    assert goal(x) == PUMP(x)[0] != before
    np.testing.assert_array_equal(goal.jac(x), PUMP.jacobian(x)[0])


def test_bounds_that_are_changed_do_not_change_the_objective() -> None:
    goal = matnet.objective(PUMP)
    start, limits = goal.start, goal.bounds
    limits.lb[0] = -9.0
    np.testing.assert_array_equal(goal.start, start)
    assert goal.bounds.lb[0] != -9.0


def test_start_and_bounds() -> None:
    goal = matnet.objective(PUMP, bounds={"flow": (10.0, np.inf)})
    np.testing.assert_array_equal(goal.start, [10.0, 2175.0])
    np.testing.assert_array_equal(goal.bounds.lb, [10.0, 1450.0])
    np.testing.assert_array_equal(goal.bounds.ub, [np.inf, 2900.0])


@pytest.mark.parametrize(
    ("limits", "start"),
    [((-np.inf, np.inf), 0.0), ((-np.inf, -3.0), -3.0), ((3.0, np.inf), 3.0), ((-1.0, 5.0), 2.0), ((4.0, 4.0), 4.0)],
)
def test_a_start_is_in_the_middle_or_close_to_0(limits: tuple[float, float], start: float) -> None:
    goal = matnet.objective(PUMP, bounds={"speed": limits})
    assert goal.start.tolist() == [50.0, start]
    assert (goal.bounds.lb.tolist(), goal.bounds.ub.tolist()) == ([0.0, limits[0]], [100.0, limits[1]])


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ({"low": 3.0}, 3.0, np.inf),
        ({"high": 5.0}, -np.inf, 5.0),
        ({"low": 3.0, "high": 5.0}, 3.0, 5.0),
        ({"low": 4.0, "high": 4.0}, 4.0, 4.0),
        ({}, *PUMP.output_range[0]),
    ],
)
def test_the_limits_of_a_constraint(given: dict[str, float], low: float, high: float) -> None:
    limit = matnet.objective(PUMP).constraint("head", **given)  # type: ignore[arg-type]
    assert (limit.lb.tolist(), limit.ub.tolist()) == ([low], [high])
    x, v = np.array([60.0, 2000.0]), np.array([3.0])
    assert limit.fun(x) == PUMP(x)
    np.testing.assert_array_equal(limit.jac(x), PUMP.jacobian(x))
    # second derivatives are passed on unless that is turned off
    np.testing.assert_allclose(limit.hess(x, v), 3.0 * PUMP.hessian(x)[0], rtol=1e-15)


def test_a_polynomial_by_hand() -> None:
    """f = w₁ (y₁ − t₁)² + w₂ (y₂ − t₂)² with y₁ = x₁ + 2 x₂ and y₂ = 3 x₁."""
    net = network(Layer(2, "purelin", {0: Weight([[1.0, 2.0], [3.0, 0.0]])}), inputs=2)
    squares = matnet.objective(net, target=[4.0, 1.0], weights=[0.5, 2.0])
    x = np.array([1.0, 5.0])  # y = (11, 3)
    assert squares(x) == 0.5 * 49.0 + 2.0 * 4.0
    assert squares.jac(x).tolist() == [7.0 + 24.0, 14.0]
    assert squares.hess(x).tolist() == [[1.0 + 36.0, 2.0], [2.0, 4.0]]
    # one target for both, and one weight
    assert matnet.objective(net, target=1.0, weights=3.0)(x) == 3.0 * (100.0 + 4.0)  # type: ignore[arg-type]
    linear = matnet.objective(net, weights=[0.5, 2.0], maximize=True)
    assert (linear(x), linear.jac(x).tolist(), linear.hess(x).tolist()) == (-11.5, [-6.5, -1.0], [[0.0] * 2] * 2)
    assert matnet.objective(net, of=["y2", "y1"])(x) == 14.0
    assert matnet.objective(net, "y2", fixed={"x1": 2.0})([9.0]) == 6.0


def test_objectives_are_pickled_copied_and_described() -> None:
    goal = matnet.objective(PUMP, fixed={"flow": 40.0}, target=3.0)
    for other in (pickle.loads(pickle.dumps(goal)), copy.deepcopy(goal)):  # noqa: S301
        assert other([2000.0]) == goal([2000.0])
    assert repr(goal) == "Objective(head over speed)"


UNNAMED = network(Layer(2, "purelin", {0: Weight([[1.0], [2.0]])}))
DYNAMIC = network(Layer(1, "purelin", {0: Weight([[1.0, 2.0]], delays=(0, 1))}))
REFUSED: dict[str, tuple[Any, str]] = {
    "several outputs": (
        lambda: matnet.objective(UNNAMED),
        "the network has 2 outputs (y1, y2): choose what is to be minimized with of, or give weights or a target",
    ),
    "no such output": (
        lambda: matnet.objective(PUMP, "power"),
        "of='power' is not the name of an output; the names are head",
    ),
    "no output": (lambda: matnet.objective(PUMP, []), "of names no output"),
    "maximize a distance": (
        lambda: matnet.objective(PUMP, target=1.0, maximize=True),
        "a distance from a target is minimized: leave out maximize=True",
    ),
    "weights": (
        lambda: matnet.objective(PUMP, weights=[1.0, 2.0]),
        "weights has shape (2,), expected (1,), one for each output",
    ),
    "target": (lambda: matnet.objective(PUMP, target=np.nan), "target has values that are not finite"),
    "no such input": (
        lambda: matnet.objective(PUMP, fixed={"temperature": 1.0}),
        "fixed='temperature' is not the name of an input; the names are flow, speed",
    ),
    "no mapping": (
        lambda: matnet.objective(PUMP, bounds=[(0.0, 1.0)]),  # type: ignore[arg-type]
        "bounds is of type list, expected a mapping of input names",
    ),
    "fixed to nothing": (
        lambda: matnet.objective(PUMP, fixed={"flow": np.nan}),
        "fixed['flow'] is nan, expected a number",
    ),
    "limits": (
        lambda: matnet.objective(PUMP, bounds={"flow": (2.0, 1.0)}),
        "bounds['flow'] is (2.0, 1.0), expected (low, high) with low not above high",
    ),
    "fixed to two numbers": (
        lambda: matnet.objective(PUMP, fixed={"flow": [1.0, 2.0]}),  # type: ignore[dict-item]
        "fixed['flow'] is [1.0, 2.0], expected a number",
    ),
    "three limits": (
        lambda: matnet.objective(PUMP, bounds={"flow": (1.0, 2.0, 3.0)}),  # type: ignore[dict-item]
        "bounds['flow'] is (1.0, 2.0, 3.0), expected (low, high) with low not above high",
    ),
    "a limit that is not known": (
        lambda: matnet.objective(PUMP, bounds={"flow": (np.nan, 2.0)}),
        "bounds['flow'] is (nan, 2.0), expected (low, high) with low not above high",
    ),
    "everything fixed": (
        lambda: matnet.objective(PUMP, fixed={"flow": 1.0, "speed": 2000.0}),
        "fixed names all inputs, so nothing is left to vary",
    ),
    "dynamic": (
        lambda: matnet.objective(DYNAMIC),
        "objective: the network is dynamic, so that y is not a function of x alone",
    ),
    "dynamic members": (
        lambda: matnet.objective(matnet.Ensemble([DYNAMIC])),
        "objective: a member is dynamic, so that y is not a function of x alone",
    ),
    "no network": (
        lambda: matnet.objective("net.mat"),  # type: ignore[arg-type]
        "objective takes a Network, got str; matnet.load gives one",
    ),
    "unknown range": (
        lambda: matnet.objective(UNNAMED, "y1").start,
        "the range of x1 is unknown; give its limits with bounds by name",
    ),
    "unknown range of an output": (
        lambda: matnet.objective(UNNAMED, "y1").constraint("y2"),
        "the range of y2 is unknown; give its limits with low or high",
    ),
    "empty limits": (
        lambda: matnet.objective(PUMP).constraint(low=2.0, high=1.0),
        "(low, high) is (2.0, 1.0), expected (low, high) with low not above high",
    ),
    "x": (lambda: matnet.objective(PUMP)([1.0]), "x has shape (1,), expected (2,): flow, speed"),
}


@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(act: Any, message: str) -> None:
    with pytest.raises(matnet.MatnetError) as raised:
        act()
    assert str(raised.value) == message
