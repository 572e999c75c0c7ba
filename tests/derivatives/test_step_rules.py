"""The parts of PyTorch's and JAX's rules, on NumPy arrays, against derivatives by hand, and which steps have rules."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from matnet.derivatives import step_rules
from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.simulate import ProcessingStep, Program, Step, TransferStep, WeightStep, lay_out
from random_networks import Real, process

WEIGHTS = np.array([[0.5, -1.0, 0.25], [1.5, 0.75, -0.5]])


def program(weight: str, transfer: str) -> Program:
    """One layer of 2 neurons and 3 inputs, which are scaled from [-2, 4] to [-1, 1]."""
    layer = Layer(2, transfer, {0: Weight(WEIGHTS, weight)}, bias=[0.25, -0.5])
    scaling = process("mapminmax", xmin=[-2.0] * 3, xmax=[4.0] * 3, ymin=-1.0, ymax=1.0)
    return lay_out(Structure((Input(3, (scaling,)),), (layer,), (Output(0, 2),)))


def scaled(x: Real) -> Real:
    return (x + 2.0) / 3.0 - 1.0


def step_of(kind: type[Step], weight: str = "dotprod", transfer: str = "tansig") -> Any:
    return next(step for step in program(weight, transfer).steps if type(step) is kind)


class Case(NamedTuple):
    """A step with its derivatives: by p (N, S, R), twice by p (N, S, R, R), and of a_s by w_s (N, S, R) if it has w."""

    step: Any
    p: Real
    w: Real | None
    a: Real
    first: Real
    second: Real
    by_weight: Real | None = None


def elementwise() -> Case:
    p = np.array([[0.5, -1.25], [2.0, 0.25], [0.0, -0.75]])
    a, unit = np.tanh(p), np.eye(2)
    slope = 1.0 - a**2
    first = slope[:, :, None] * unit
    second = (-2.0 * a * slope)[:, :, None, None] * unit[:, :, None] * unit[:, None, :]
    return Case(step_of(TransferStep), p, None, a, first, second)


def coupled() -> Case:
    p = np.array([[0.5, -1.25], [2.0, 0.25], [0.0, -0.75]])
    a, unit = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True), np.eye(2)
    first = a[:, :, None] * (unit - a[:, None, :])
    # d/dp_k of a_i (δ_ij − a_j)
    second = first[:, :, None, :] * (unit[:, :, None] - a[:, None, :, None]) - a[:, :, None, None] * first[:, None]
    return Case(step_of(TransferStep, transfer="softmax"), p, None, a, first, second)


def distance() -> Case:
    p = np.array([[0.5, 2.0, -1.25], [2.0, 0.25, 1.0], [0.0, -0.75, 3.0]])
    apart = p[:, None, :] - WEIGHTS
    a = np.sqrt((apart**2).sum(axis=-1))
    first = apart / a[:, :, None]
    second = (np.eye(3) - first[..., :, None] * first[..., None, :]) / a[..., None, None]
    return Case(step_of(WeightStep, "dist"), p, WEIGHTS, a, first, second, -first)


def product() -> Case:
    p = np.array([[0.5, 2.0, -1.25], [2.0, 0.25, 1.0], [0.0, -0.75, 3.0]])
    first, second = np.broadcast_to(WEIGHTS, (3, 2, 3)), np.zeros((3, 2, 3, 3))
    by_weight = np.broadcast_to(p[:, None, :], (3, 2, 3))
    return Case(step_of(WeightStep), p, WEIGHTS, p @ WEIGHTS.T, first, second, by_weight)


CASES = {"elementwise": elementwise(), "coupled": coupled(), "distance": distance(), "product": product()}


def close(found: Any, expected: Real) -> None:
    """The same numbers, of an array that may stand for all its broadcast copies."""
    np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_every_part_of_a_rule_by_hand(name: str) -> None:
    step, p, w, a, first, second, by_weight = CASES[name]
    if w is not None:
        step = step_rules.without_weight(step)
        assert isinstance(step, WeightStep)
        assert step.w is None
    rng = np.random.default_rng(3)
    u, v, dp = rng.normal(size=(3, 4, a.shape[1])), rng.normal(size=(3, 4, p.shape[1])), rng.normal(size=p.shape)
    close(step_rules.value_of(step, p, w), a)
    close(step_rules.tangent_of(step, p, w, a, v), np.einsum("nsr,nkr->nks", first, v))
    close(step_rules.cotangent_of(step, p, w, a, u), np.einsum("nks,nsr->nkr", u, first))
    close(step_rules.curvature_sum(step, p, w, a, u, v), np.einsum("nks,nsrq,nkq->nr", u, second, v))
    close(step_rules.curvature_sources(step, p, w, a, u, dp), np.einsum("nks,nsrq,nq->nkr", u, second, dp))
    close(step_rules.curvature_values(step, p, w, a, v, dp), np.einsum("nsrq,nkr,nq->nks", second, v, dp))
    if w is not None and by_weight is not None:
        dw = rng.normal(size=w.shape)
        close(step_rules.weight_tangent_of(step, p, w, a, dw), np.einsum("nsr,sr->ns", by_weight, dw))
        close(step_rules.weight_cotangent_of(step, p, w, a, u[:, 0]), u[:, 0, :, None] * by_weight)


@pytest.mark.parametrize(
    ("weight", "transfer", "ruled"),
    [
        ("dotprod", "tansig", {ProcessingStep, TransferStep}),
        ("dist", "purelin", {ProcessingStep, WeightStep}),
        ("negdist", "logsig", {ProcessingStep, WeightStep, TransferStep}),
    ],
)
@pytest.mark.parametrize("library", ["torch", "jax.numpy", "numpy"])
def test_the_rules_are_those_of_all_steps_that_are_more_than_sums_and_products(
    weight: str, transfer: str, ruled: set[type[Step]], library: str
) -> None:
    """A library that does not differentiate needs none."""
    xp = pytest.importorskip(library)
    given = program(weight, transfer)
    ours = with_custom_rules(given, xp.asarray([0.0]))
    changed = {type(step) for step, other in zip(given.steps, ours.steps, strict=True) if other is not step}
    assert changed == (ruled if library != "numpy" else set())
    for step, other in zip(given.steps, ours.steps, strict=True):
        assert (other.target, tuple(other.sources)) == (step.target, tuple(step.sources))


def test_other_weights_take_the_place_of_those_that_are_given() -> None:
    given = program("dist", "tansig")
    bias, weight = given.parameters
    other = with_weights(given, {weight: 2.0 * WEIGHTS, bias: np.array([1.0, 2.0])})
    x = np.array([[0.5, 1.0, -0.5]])
    y = np.tanh(np.array([1.0, 2.0]) + np.sqrt(((scaled(x) - 2.0 * WEIGHTS) ** 2).sum(axis=1)))
    np.testing.assert_allclose(other.run(x)[other.outputs[0]], y[None], rtol=1e-14)
    kept = with_weights(given, {bias: np.array([1.0, 2.0])})
    y = np.tanh(np.array([1.0, 2.0]) + np.sqrt(((scaled(x) - WEIGHTS) ** 2).sum(axis=1)))
    np.testing.assert_allclose(kept.run(x)[kept.outputs[0]], y[None], rtol=1e-14)


CURVED = ("elementwise", "coupled", "distance")


def functions(case: Case, of: Callable[[Any], Any]) -> tuple[Callable[..., Any], ...]:
    """The value, the tangent and the cotangent of a library's step, as functions of p, v, u and the weight."""

    def rules(w: tuple[Any, ...]) -> Any:
        return of(step_rules.with_weight(case.step, w[0]) if w else case.step)

    def value(p: Any, v: Any, u: Any, *w: Any) -> Any:
        return rules(w).value([p])

    def tangent(p: Any, v: Any, u: Any, *w: Any) -> Any:
        return rules(w).tangent([p], value(p, v, u, *w), [v])

    def cotangent(p: Any, v: Any, u: Any, *w: Any) -> Any:
        return rules(w).cotangent([p], value(p, v, u, *w), u)[0]

    return value, tangent, cotangent


def arguments(case: Case, batch: bool) -> list[Real]:
    """p, two directions v, two u, and the weight if there is one."""
    rng, p = np.random.default_rng(5), case.p if batch else case.p[0]
    directions = [rng.normal(size=(*p.shape[:-1], 2, size)) for size in (p.shape[-1], case.a.shape[-1])]
    return [p, *directions, *([] if case.w is None else [case.w])]


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("batch", [True, False])
def test_torch_agrees_with_differences(name: str, batch: bool) -> None:
    """PyTorch's own check, of the value twice, and of the tangent and the cotangent by all arguments and by each."""
    torch = pytest.importorskip("torch")
    from matnet.derivatives.torch_steps import TorchStep

    value, tangent, cotangent = functions(CASES[name], TorchStep.of)
    given = [torch.tensor(array, requires_grad=True) for array in arguments(CASES[name], batch)]
    for function in (value, tangent, cotangent):
        assert torch.autograd.gradcheck(function, given, atol=1e-7, rtol=1e-6)
    assert torch.autograd.gradgradcheck(value, given, atol=1e-6, rtol=1e-5)
    for number, alone in enumerate(given):
        before, after = ([array.detach() for array in part] for part in (given[:number], given[number + 1 :]))

        def of_one(one: Any, before: Any = before, after: Any = after) -> Any:
            return tangent(*before, one, *after), cotangent(*before, one, *after)

        assert torch.autograd.gradcheck(of_one, alone, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", CURVED)
def test_torch_maps_second_derivatives_over_a_batch(name: str) -> None:
    torch = pytest.importorskip("torch")
    from matnet.derivatives.torch_steps import TorchStep

    case = CASES[name]
    step = TorchStep.of(case.step)
    hessian = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda p: step.value([p]))))
    close(hessian(torch.tensor(case.p)).numpy(), case.second)


def _on_arrays_of(xp: Any, function: Callable[..., Any], *arrays: Any) -> Any:
    return function(*map(xp.asarray, arrays))


@pytest.mark.parametrize(("name", "batch"), [("elementwise", False), ("coupled", True), ("distance", True)])
def test_jax_agrees_with_differences(name: str, batch: bool) -> None:
    """JAX's own check, forward and backward, of the value, the tangent and the cotangent."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    check_grads: Any = importlib.import_module("jax.test_util").check_grads
    from matnet.derivatives.jax_steps import JaxStep

    for function in functions(CASES[name], JaxStep.of):
        on_arrays = jax.jit(partial(_on_arrays_of, jax.numpy, function))
        check_grads(on_arrays, arguments(CASES[name], batch), order=1, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6)
