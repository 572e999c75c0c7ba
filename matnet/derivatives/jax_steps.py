"""Steps for JAX: functions with custom_jvp rules that are the rows'.

A value's rule is the row's tangent; the rules of a tangent and a cotangent are the row's curvature, so that second
derivatives with respect to the source are the rows' too. Second derivatives with respect to a weight, and third
derivatives, are JAX's derivatives of the rows' formulas. JAX transposes the rules in reverse mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax

from matnet.derivatives import step_rules
from matnet.derivatives.step_rules import CustomRuleStep
from matnet.functions.namespace import Array
from matnet.simulate import Directions, Step


@dataclass(frozen=True, eq=False)
class JaxStep(CustomRuleStep):
    """A step whose value, tangent and cotangent JAX differentiates with the row's own derivatives."""

    _value: Any = field(init=False)
    _tangent: Any = field(init=False)
    _cotangent: Any = field(init=False)

    @classmethod
    def of(cls, step: Step) -> JaxStep:
        """The step with custom rules."""
        return cls(step.target, step.sources, step)

    def __post_init__(self) -> None:
        super().__post_init__()
        value = _value(self.rule)
        tangent = _directional(self.rule, value, step_rules.tangent_of, step_rules.curvature_values)
        cotangent = _directional(self.rule, value, step_rules.cotangent_of, step_rules.curvature_sources)
        for name, rule in (("_value", value), ("_tangent", tangent), ("_cotangent", cotangent)):
            object.__setattr__(self, name, rule)

    def value(self, p: Sequence[Array]) -> Array:
        """The step's value."""
        return self._value(p[0], self.weight_like(p[0]))

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The step's tangent."""
        return self._tangent(p[0], self.weight_like(p[0]), v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The step's cotangent."""
        return [self._cotangent(p[0], self.weight_like(p[0]), u)]


_Formula = Callable[[Step, Array, Array | None, Array, Array], Array]
_Curvature = Callable[[Step, Array, Array | None, Array, Array, Array], Array]


def _value(step: Step) -> Any:
    """a(p, w)."""

    @jax.custom_jvp
    def value(p: Array, w: Array | None) -> Array:
        return step_rules.value_of(step, p, w)

    tangent = _directional(step, value, step_rules.tangent_of, step_rules.curvature_values)

    @value.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (p, w), (dp, dw) = primals, tangents
        a = value(p, w)
        along = _like(tangent(p, w, dp[..., None, :])[..., 0, :], a)
        return a, along if w is None else along + step_rules.weight_tangent_of(step, p, w, a, dw)

    return value


def _directional(step: Step, value: Any, formula: _Formula, curvature: _Curvature) -> Any:
    """The tangent a'·v or the cotangent uᵀa', as a function of p, w and the directions."""

    def plain(p: Array, w: Array | None, directions: Array) -> Array:
        return formula(step, p, w, value(p, w), directions)

    directional = jax.custom_jvp(plain)

    @directional.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (p, w, directions), (dp, dw, d_directions) = primals, tangents
        found = directional(p, w, directions)
        change = directional(p, w, d_directions) + curvature(step, p, w, value(p, w), directions, dp)
        if w is not None:
            change = change + jax.jvp(lambda w: plain(p, w, directions), (w,), (dw,))[1]
        return found, _like(change, found)

    return directional


def _like(tangent: Array, of: Array) -> Array:
    return jax.numpy.broadcast_to(tangent, of.shape)
