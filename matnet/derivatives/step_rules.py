"""The parts of the custom rules of PyTorch and JAX: a step's derivatives as functions of its source and its weight.

A library differentiates a function only with respect to its arguments, so the weight is an argument here. Shapes as in
the rows: p (..., R), a (..., S), u and v with an axis of directions before the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from matnet.functions.namespace import Array, constant, namespace
from matnet.simulate import Directions, ParameterKey, Step, WeightStep


@dataclass(frozen=True, eq=False)
class CustomRuleStep(Step):
    """A step with one source, ``step``, whose value, tangent and cotangent a library differentiates by custom rules.

    ``weight`` is the step's weight, or None, and ``rule`` the step without it: an array hidden in a function would be
    invisible to a library's transforms.
    """

    step: Step
    weight: Array | None = field(init=False)
    rule: Step = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "curved", self.step.curved)
        object.__setattr__(self, "weight", self.step.w if isinstance(self.step, WeightStep) else None)
        object.__setattr__(self, "rule", without_weight(self.step))

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """The step's curvature."""
        return self.step.curvature(p, a, u, v, w)

    def unknown(self, p: Sequence[Array]) -> Array | None:
        """That of the step."""
        return self.step.unknown(p)

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """The step's derivatives with respect to its weight."""
        return self.step.parameter_cotangents(p, a, u)

    def weight_like(self, p: Array) -> Array | None:
        """The weight as an array with the library, type and device of p; None if there is none."""
        return None if self.weight is None else constant(p, self.weight)


def with_weight(step: Step, w: Array | None) -> Step:
    """The step with the weight w in place of its own."""
    return replace(step, w=w) if isinstance(step, WeightStep) else step


def without_weight(step: Step) -> Step:
    """The step without its weight, which ``with_weight`` restores."""
    return replace(step, w=None) if isinstance(step, WeightStep) else step


def value_of(step: Step, p: Array, w: Array | None) -> Array:
    """a (..., S)."""
    return with_weight(step, w).value([p])


def tangent_of(step: Step, p: Array, w: Array | None, a: Array, v: Array) -> Array:
    """a'·v, (..., K, S)."""
    return with_weight(step, w).tangent([p], a, [v])


def cotangent_of(step: Step, p: Array, w: Array | None, a: Array, u: Array) -> Array:
    """uᵀa', (..., K, R)."""
    return with_weight(step, w).cotangent([p], a, u)[0]


def weight_tangent_of(step: Step, p: Array, w: Array, a: Array, dw: Array) -> Array:
    """The derivative with respect to the weight times dw (S, R): (..., S)."""
    assert isinstance(step, WeightStep), "only a weighted input has a weight"
    return step.row.weight_tangent(w, p, a, dw[None, ...])[..., 0, :]


def weight_cotangent_of(step: Step, p: Array, w: Array, a: Array, u: Array) -> Array:
    """u (..., S) times the derivative with respect to the weight, for each sample: (..., S, R)."""
    assert isinstance(step, WeightStep), "only a weighted input has a weight"
    by_element = step.row.weight_cotangent(w, p, a, u[..., None, :])[..., 0, :, :]
    return namespace(p).matrix_transpose(by_element)


def curvature_sum(step: Step, p: Array, w: Array | None, a: Array, u: Array, v: Array) -> Array:
    """Σ_k u_kᵀa''(v_k, ·), (..., R): the derivative of u·a'·v with respect to p."""
    curvature = _curvature(step, p, w, a, u, v[..., None, :], _identity(p))
    xp = namespace(p)
    return xp.zeros_like(p) if curvature is None else xp.sum(curvature[..., 0, :], axis=-2)


def curvature_sources(step: Step, p: Array, w: Array | None, a: Array, u: Array, dp: Array) -> Array:
    """u_kᵀa''(·, dp), (..., K, R): the change of uᵀa' along dp (..., R)."""
    curvature = _curvature(step, p, w, a, u, _identity(p), dp[..., None, None, :])
    return namespace(p).zeros_like(p)[..., None, :] if curvature is None else curvature[..., 0]


def curvature_values(step: Step, p: Array, w: Array | None, a: Array, v: Array, dp: Array) -> Array:
    """a''(v_k, dp), (..., K, S): the change of a'·v along dp (..., R)."""
    xp = namespace(p)
    curvature = _curvature(step, p, w, a, _identity(a), v[..., None, :, :], dp[..., None, None, :])
    return xp.zeros_like(a)[..., None, :] if curvature is None else xp.matrix_transpose(curvature[..., 0])


def _curvature(step: Step, p: Array, w: Array | None, a: Array, u: Array, v: Array, y: Array) -> Array | None:
    """The step's curvature for each u along the axis of directions."""
    if not step.curved:
        return None
    return with_weight(step, w).curvature([p[..., None, :]], a[..., None, :], u, [v], [y])


def _identity(like: Array) -> Array:
    return constant(like, np.eye(like.shape[-1]))
