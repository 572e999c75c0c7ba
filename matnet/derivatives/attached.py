"""The rows' own derivatives handed to PyTorch and JAX, so that their differentiation of a network gives ours.

Left to itself a library differentiates the formula of a value: then the slope of tanh at 20 is 0, that of a distance at
p = w is NaN, and at a kink it is what the library likes. Here every step whose derivative is more than sums and
products is wrapped, and says itself what its derivative is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from matnet.functions.namespace import Array, constant, namespace
from matnet.simulate import BiasOnly, Combined, Mapped, ParameterKey, Program, Step, Transferred, Weighted


def attached(program: Program, x: Array) -> Program:
    """The program with derivatives attached for the library of `x`; as it is for a library without differentiation."""
    library = type(x).__module__.split(".")[0]
    if library == "torch":
        from matnet.derivatives.torch_steps import TorchStep

        return _wrapped(program, TorchStep)
    if library in ("jax", "jaxlib"):
        from matnet.derivatives.jax_steps import JaxStep

        return _wrapped(program, JaxStep)
    return program


def _wrapped(program: Program, wrapper: type[Step]) -> Program:
    steps = [wrapper(step) if needs_rule(step) else step for step in program.steps]  # type: ignore[call-arg]
    return replace(program, steps=tuple(steps))


def needs_rule(step: Step) -> bool:
    """Whether a library's own derivative of the step may differ from the row's: not where it is sums and products."""
    if isinstance(step, (Weighted, Transferred)):
        return not step.row.linear
    return isinstance(step, Mapped)


def with_weights(program: Program, arrays: Mapping[ParameterKey, Array]) -> Program:
    """The program with other weights and biases, which may be arrays of any library."""
    return replace(program, steps=tuple(_reweighted(step, arrays) for step in program.steps))


def _reweighted(step: Step, arrays: Mapping[ParameterKey, Array]) -> Step:
    if isinstance(step, Weighted):
        return replace(step, w=arrays[step.key])
    if isinstance(step, BiasOnly) or (isinstance(step, Combined) and step.bias is not None):
        return replace(step, bias=arrays[step.key])
    return step


def weight_of(step: Step) -> Array | None:
    """The weight of a step that has one."""
    return step.w if isinstance(step, Weighted) else None


def with_weight(step: Step, w: Array | None) -> Step:
    """The step with the weight w in place of its own."""
    return replace(step, w=w) if isinstance(step, Weighted) and w is not None else step


def without_weight(step: Step) -> Step:
    """The step with nothing in the place of its weight, to be put back by ``with_weight``."""
    return replace(step, w=None) if isinstance(step, Weighted) else step


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
    """The derivative by the weight times dw (S, R): (..., S)."""
    assert isinstance(step, Weighted), "only a weighted input has a weight"
    return step.row.weight_tangent(w, p, a, dw[None, ...])[..., 0, :]


def weight_cotangent_of(step: Step, p: Array, w: Array, a: Array, u: Array) -> Array:
    """u (..., S) times the derivative by the weight, for each sample: (..., S, R)."""
    assert isinstance(step, Weighted), "only a weighted input has a weight"
    by_element = step.row.weight_cotangent(w, p, a, u[..., None, :])[..., 0, :, :]
    return namespace(p).matrix_transpose(by_element)


def bent_sum(step: Step, p: Array, w: Array | None, a: Array, u: Array, v: Array) -> Array:
    """Σ_k u_kᵀa''(v_k, ·), (..., R): what u·a'·v changes by when p moves."""
    bent = _curvature(step, p, w, a, u, v[..., None, :], _identity(p))
    xp = namespace(p)
    return xp.zeros_like(p) if bent is None else xp.sum(bent[..., 0, :], axis=-2)


def bent_sources(step: Step, p: Array, w: Array | None, a: Array, u: Array, dp: Array) -> Array:
    """u_kᵀa''(·, dp), (..., K, R): what uᵀa' changes by when p moves along dp (..., R)."""
    bent = _curvature(step, p, w, a, u, _identity(p), dp[..., None, None, :])
    return namespace(p).zeros_like(p)[..., None, :] if bent is None else bent[..., 0]


def bent_values(step: Step, p: Array, w: Array | None, a: Array, v: Array, dp: Array) -> Array:
    """a''(v_k, dp), (..., K, S): what a'·v changes by when p moves along dp (..., R)."""
    xp = namespace(p)
    bent = _curvature(step, p, w, a, _identity(a), v[..., None, :, :], dp[..., None, None, :])
    return xp.zeros_like(a)[..., None, :] if bent is None else xp.matrix_transpose(bent[..., 0])


def _curvature(step: Step, p: Array, w: Array | None, a: Array, u: Array, v: Array, y: Array) -> Array | None:
    """The step's curvature for each u, which stands on the axis of directions."""
    if not step.curved:
        return None
    return with_weight(step, w).curvature([p[..., None, :]], a[..., None, :], u, [v], [y])


def _identity(like: Array) -> Array:
    return constant(like, np.eye(like.shape[-1]))
