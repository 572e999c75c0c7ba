"""Steps for PyTorch: autograd.Functions whose derivatives are the rows'.

``_Value`` is a step's value; its backward is ``_Cotangent``, whose own backward is ``_Tangent`` and the row's
curvature, so that second derivatives with respect to the source are the rows' too. Second derivatives with respect to a
weight, and third derivatives, are PyTorch's derivatives of the rows' formulas.

Forward mode is not supported: PyTorch (2.13) returns 0 for the second of two forward derivatives of any
autograd.Function that has one, and no derivative is better than a wrong one. Reverse mode can be nested to any depth.

Every tensor is an argument, none is hidden in the step, so that torch.func's transforms see them all. Shapes as in the
rows: p (..., R), a (..., S), u and v with an axis of directions before the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from matnet.derivatives import step_rules
from matnet.derivatives.step_rules import CustomRuleStep
from matnet.functions.namespace import Array
from matnet.simulate import Directions, Step


class TorchStep(CustomRuleStep):
    """A step whose value, tangent and cotangent PyTorch differentiates with the row's own derivatives."""

    @classmethod
    def of(cls, step: Step) -> TorchStep:
        """The step with custom rules."""
        return cls(step.target, step.sources, step)

    def value(self, p: Sequence[Array]) -> Array:
        """The step's value."""
        return _value(p[0], self.weight_like(p[0]), self.rule)

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The step's tangent."""
        return _tangent(p[0], self.weight_like(p[0]), a, v[0], self.rule)

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The step's cotangent."""
        return [_cotangent(p[0], self.weight_like(p[0]), a, u, self.rule)]


def _value(p: Array, w: Array | None, step: Step) -> Array:
    return _Value.apply(p, w, step)  # type: ignore[no-untyped-call]


def _tangent(p: Array, w: Array | None, a: Array, v: Array, step: Step) -> Array:
    return _Tangent.apply(p, w, a, v, step)  # type: ignore[no-untyped-call]


def _cotangent(p: Array, w: Array | None, a: Array, u: Array, step: Step) -> Array:
    return _Cotangent.apply(p, w, a, u, step)  # type: ignore[no-untyped-call]


class _Value(torch.autograd.Function):
    """a = f(p) or f(w, p)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(p: Array, w: Array | None, step: Step) -> Array:
        return _own(step_rules.value_of(step, p, w), p)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        p, w, ctx.step = inputs
        ctx.save_for_backward(p, w, output)

    @staticmethod
    def backward(ctx: Any, u: Array) -> Any:
        p, w, a = ctx.saved_tensors
        by_source = _cotangent(p, w, a, u[..., None, :], ctx.step)[..., 0, :]
        by_weight = None
        if ctx.needs_input_grad[1]:
            by_weight = _like(step_rules.weight_cotangent_of(ctx.step, p, w, a, u), w)
        return _like(by_source, p), by_weight, None


class _Directional(torch.autograd.Function):
    """What ``_Tangent`` and ``_Cotangent`` share: arguments (p, w, a, directions, step).

    The value a is an argument so that it need not be computed again; as p and w determine it, it has no derivative of
    its own here.
    """

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        p, w, _, directions, ctx.step = inputs
        ctx.save_for_backward(p, w, directions)


class _Tangent(_Directional):
    """a'·v."""

    @staticmethod
    def forward(p: Array, w: Array | None, a: Array, v: Array, step: Step) -> Array:
        return _own(step_rules.tangent_of(step, p, w, a, v), v)

    @staticmethod
    def backward(ctx: Any, g: Array) -> Any:
        p, w, v = ctx.saved_tensors
        a = _value(p, w, ctx.step)
        by_source = _like(step_rules.curvature_sum(ctx.step, p, w, a, g, v), p) if ctx.needs_input_grad[0] else None
        by_weight = _by_weight(ctx, step_rules.tangent_of, p, w, v, g)
        return by_source, by_weight, None, _like(_cotangent(p, w, a, g, ctx.step), v), None


class _Cotangent(_Directional):
    """uᵀa'."""

    @staticmethod
    def forward(p: Array, w: Array | None, a: Array, u: Array, step: Step) -> Array:
        return _own(step_rules.cotangent_of(step, p, w, a, u), u)

    @staticmethod
    def backward(ctx: Any, g: Array) -> Any:
        p, w, u = ctx.saved_tensors
        a = _value(p, w, ctx.step)
        by_source = _like(step_rules.curvature_sum(ctx.step, p, w, a, u, g), p) if ctx.needs_input_grad[0] else None
        by_weight = _by_weight(ctx, step_rules.cotangent_of, p, w, u, g)
        return by_source, by_weight, None, _like(_tangent(p, w, a, g, ctx.step), u), None


_Rule = Callable[[Step, Array, Array, Array, Array], Array]


def _by_weight(ctx: Any, rule: _Rule, p: Array, w: Array | None, directions: Array, g: Array) -> Array | None:
    """The rule's derivative with respect to the weight: PyTorch's own, as the rows have no formula for it."""
    if w is None or not ctx.needs_input_grad[1]:
        return None

    def of_weight(w: Array) -> Array:
        return rule(ctx.step, p, w, _value(p, w, ctx.step), directions)

    pull = torch.func.vjp(of_weight, w)[1]
    return pull(g)[0]


def _own(result: Array, argument: Array) -> Array:
    """The result as a new tensor, which PyTorch requires if it is the argument itself."""
    return result.view_as(result) if result is argument else result


def _like(gradient: Array, of: Array) -> Array:
    """The gradient in the shape of its variable: broadcast where it does not vary, summed where the variable was."""
    full = torch.broadcast_tensors(gradient, of)[0]  # type: ignore[no-untyped-call]
    return full.sum_to_size(of.shape)
