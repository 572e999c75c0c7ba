"""Steps for JAX: functions with custom_jvp rules that are the rows'.

A value's rule is the row's tangent; a tangent's and a cotangent's own rules are the row's curvature, so that second
derivatives by the source are the rows' too. Second derivatives by a weight, and third ones, are JAX's of the rows'
formulas. JAX transposes the rules where it goes backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from matnet.derivatives import attached
from matnet.functions.namespace import Array, constant
from matnet.simulate import Directions, ParameterKey, Step


class JaxStep(Step):
    """A step whose value, tangent and cotangent JAX differentiates by the row's own derivatives."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.target = step.target
        self.sources = step.sources
        self.curved = step.curved
        self._weight = attached.weight_of(step)
        # no array in the closures, where a transform would not see it
        rule = attached.without_weight(step)
        self._value = _value(rule)
        self._tangent = _directional(rule, self._value, attached.tangent_of, attached.bent_values)
        self._cotangent = _directional(rule, self._value, attached.cotangent_of, attached.bent_sources)

    def value(self, p: Sequence[Array]) -> Array:
        """The step's value."""
        return self._value(p[0], self._w(p))

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The step's tangent."""
        return self._tangent(p[0], self._w(p), v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The step's cotangent."""
        return [self._cotangent(p[0], self._w(p), u)]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """The step's curvature."""
        return self.step.curvature(p, a, u, v, w)

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """The step's derivatives by its weight."""
        return self.step.parameter_cotangents(p, a, u)

    def _w(self, p: Sequence[Array]) -> Array | None:
        return None if self._weight is None else constant(p[0], self._weight)


_Formula = Callable[[Step, Array, Array | None, Array, Array], Array]
_Bending = Callable[[Step, Array, Array | None, Array, Array, Array], Array]


def _value(step: Step) -> Any:
    """a(p, w)."""

    @jax.custom_jvp
    def value(p: Array, w: Array | None) -> Array:
        return attached.value_of(step, p, w)

    tangent = _directional(step, value, attached.tangent_of, attached.bent_values)

    @value.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (p, w), (dp, dw) = primals, tangents
        a = value(p, w)
        along = _like(tangent(p, w, dp[..., None, :])[..., 0, :], a)
        return a, along if w is None else along + attached.weight_tangent_of(step, p, w, a, dw)

    return value


def _directional(step: Step, value: Any, formula: _Formula, bent: _Bending) -> Any:
    """The tangent a'·v or the cotangent uᵀa', as a function of p, w and the directions."""

    def plain(p: Array, w: Array | None, directions: Array) -> Array:
        return formula(step, p, w, value(p, w), directions)

    directional = jax.custom_jvp(plain)

    @directional.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (p, w, directions), (dp, dw, d_directions) = primals, tangents
        found = directional(p, w, directions)
        change = directional(p, w, d_directions) + bent(step, p, w, value(p, w), directions, dp)
        if w is not None:
            change = change + jax.jvp(lambda w: plain(p, w, directions), (w,), (dw,))[1]
        return found, _like(change, found)

    return directional


def _like(tangent: Array, of: Array) -> Array:
    return jax.numpy.broadcast_to(tangent, of.shape)
