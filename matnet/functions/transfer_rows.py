"""The rows of the transfer functions a(n): value and derivatives side by side, elementwise or over the layer.

Shapes: n, a and u of a layer of S neurons are (..., S); directions carry one more axis, v and w are (..., K, S).

- ``value(n)``                 a, (..., S)
- ``tangent(n, a, v)``         a'·v, (..., K, S)
- ``cotangent(n, a, u)``       uᵀa' for u (..., K, S), (..., K, S)
- ``curvature(n, a, u, v, w)`` Σ_i u_i a''_ijk v_j w_k for u (..., S), v (..., J, S), w (..., K, S): (..., J, K)

NaN in n gives NaN in the value, slope and curvature; at ±Inf all three take their limits; a finite n never gives NaN.
Every comparison is written so that NaN falls into a branch that returns NaN. There are two exceptions: the derivatives
of a linear row do not depend on n, so they stay 1 and 0, and the derivative of compet is 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from matnet.errors import ModelError
from matnet.functions.namespace import Array, indices, namespace


@dataclass(frozen=True)
class TransferFunction:
    """A row of the table.

    Parameters
    ----------
    name
        The toolbox's name.
    formula, derivative
        a(n) and da/dn in plain text.
    saturated
        da/dn in plain text where it is small, if ``derivative`` would lose digits there; else empty.
    kinks
        The points n where the slope jumps, with the pinned slope at each; a coupled row has none of this kind.
    analytic
        Whether the value may be continued to complex n, so that complex step is allowed.
    linear
        Whether the derivative does not depend on n.
    piecewise_linear
        Whether the second derivative is 0 wherever n is known, and NaN where it is not.
    stepwise
        Whether the derivative is 0 wherever it exists.
    even
        The row g of q with a = g(n²), for functions with such a g that is smooth at 0.
    unconfirmed
        What in this row is not confirmed by evidence from MATLAB itself; empty if everything is.
    log_cotangent
        (n, a, u) -> uᵀ(ln a)', all (..., S), for functions whose values are probabilities; else None.
    log_complement_cotangent
        (n, a, u) -> uᵀ(ln(1 − a))', all (..., S), where ``log_cotangent`` is; else None.
    matlab
        The value as function files of MATLAB's genFunction write it: statements that compute a, (S, Q), from n. Each
        generation of genFunction has its text; spaces and the names of variables do not matter.
    shallow
        Whether it is a transfer function of the class `network`; a network's own function of the name of a row that is
        not, such as relu, is another function.
    settings
        Numbers in the formula, by name, with those of this row; empty for functions that have none.
    make
        The row with other settings.
    """

    name: str
    formula: str
    derivative: str
    saturated: str = field(default="", kw_only=True)
    kinks: Mapping[float, float] = field(default_factory=dict, kw_only=True)
    analytic: bool = field(default=False, kw_only=True)
    linear: bool = field(default=False, kw_only=True)
    piecewise_linear: bool = field(default=False, kw_only=True)
    stepwise: bool = field(default=False, kw_only=True)
    even: TransferFunction | None = field(default=None, kw_only=True)
    unconfirmed: str = field(default="", kw_only=True)
    log_cotangent: Callable[[Array, Array, Array], Array] | None = field(default=None, kw_only=True)
    log_complement_cotangent: Callable[[Array, Array, Array], Array] | None = field(default=None, kw_only=True)
    matlab: tuple[str, ...] = field(default=(), kw_only=True)
    shallow: bool = field(default=True, kw_only=True)
    settings: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    make: Callable[[Mapping[str, float]], TransferFunction] | None = field(default=None, kw_only=True)

    coupled: ClassVar[bool] = True
    """Whether a_i depends on other elements of n than n_i."""

    def with_settings(self, settings: Mapping[str, float]) -> TransferFunction:
        """The row with these settings; the table's own row if there are none.

        Raises
        ------
        ModelError
            There are other settings than the function has, or a number is not finite or outside its limits.
        """
        if settings and settings.keys() != self.settings.keys():
            expected = ", ".join(self.settings) or "none"
            raise ModelError(f"{self.name} has the settings {', '.join(settings)}, expected {expected}")
        return self if not settings or self.make is None else self.make(settings)

    def value(self, n: Array) -> Array:
        """a, (..., S)."""
        raise NotImplementedError

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """a'·v, (..., K, S)."""
        raise NotImplementedError

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """uᵀa', (..., K, S)."""
        raise NotImplementedError

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """Σ_i u_i a''_ijk v_j w_k, (..., J, K)."""
        raise NotImplementedError

    def curvature_weights(self, n: Array, a: Array, u: Array) -> Array | None:
        """d (..., K, S) with the curvature Σ_i d_i v_ji w_ki for each u of u (..., K, S); None where rows couple."""
        return None


def weighted_products(d: Array, v: Array, w: Array) -> Array:
    """Σ_i d_i v_ji w_ki: d (..., S), v (..., J, S), w (..., K, S) -> (..., J, K)."""
    xp = namespace(v)
    return xp.matmul(v * d[..., None, :], xp.matrix_transpose(w))


@dataclass(frozen=True)
class ElementwiseTransfer(TransferFunction):
    """A row whose a_i depends on n_i alone, declared by its value, slope and second derivative.

    ``limits`` are the value, slope and second derivative at −Inf and at +Inf. ``jumps`` are the points where the second
    derivative jumps although the slope does not, and ``poles`` those where the value is infinite.
    """

    a: Callable[[Array], Array]
    da_dn: Callable[[Array, Array], Array]
    d2a_dn2: Callable[[Array, Array], Array]
    limits: tuple[tuple[float, float, float], tuple[float, float, float]] = field(kw_only=True)
    jumps: tuple[float, ...] = field(default=(), kw_only=True)
    poles: tuple[float, ...] = field(default=(), kw_only=True)

    coupled: ClassVar[bool] = False

    def value(self, n: Array) -> Array:
        """a, (..., S)."""
        return self.a(n)

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """a'·v, (..., K, S)."""
        return v if self.linear else self.da_dn(n, a)[..., None, :] * v

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """uᵀa': a diagonal derivative serves both directions."""
        return self.tangent(n, a, u)

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """Σ_i u_i a_i'' v_ji w_ki, (..., J, K)."""
        return weighted_products(u * self.d2a_dn2(n, a), v, w)

    def curvature_weights(self, n: Array, a: Array, u: Array) -> Array:
        """u_i a_i'' for each u of u (..., K, S)."""
        return u * self.d2a_dn2(n, a)[..., None, :]


class Softmax(TransferFunction):
    """a = exp(n − max n) / Σ exp(n − max n) over the layer; its derivative is diag(a) − a aᵀ."""

    def value(self, n: Array) -> Array:
        """a, (..., S)."""
        xp = namespace(n)
        e = xp.exp(n - xp.max(n, axis=-1, keepdims=True))
        return e / xp.sum(e, axis=-1, keepdims=True)

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """a_i (v_i − Σ a_j v_j), (..., K, S)."""
        return a[..., None, :] * self._centred(a, v)

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """uᵀa': the derivative is symmetric."""
        return self.tangent(n, a, u)

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """Σ_i a_i û_i v̂_ji ŵ_ki with û = u − a·u: the third cumulant of a."""
        centred_u = self._centred(a, u[..., None, :])[..., 0, :]
        return weighted_products(a * centred_u, self._centred(a, v), self._centred(a, w))

    def _centred(self, a: Array, v: Array) -> Array:
        # v_i − Σ a_j v_j, counted from v at the largest a: as that a approaches 1, the plain form cancels to noise.
        xp = namespace(v)
        v = v - xp.sum(first_largest(a)[..., None, :] * v, axis=-1, keepdims=True)
        return v - xp.sum(a[..., None, :] * v, axis=-1, keepdims=True)


@dataclass(frozen=True)
class MinusSquareTransfer(TransferFunction):
    """A coupled row of −n²: the chain rule applied to the row `square` of q = n²."""

    square: TransferFunction

    def value(self, n: Array) -> Array:
        """a, (..., S), with differences of squares as products, which do not overflow to NaN for any finite n."""
        xp = namespace(n)
        m = xp.abs(n)
        least = xp.min(m, axis=-1, keepdims=True)
        e = xp.exp((least - m) * (0.5 * least + 0.5 * m) * 2.0)
        return e / xp.sum(e, axis=-1, keepdims=True)

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """g'·(2 n v), (..., K, S)."""
        m = zero_where_vanished(n, a)
        return 2.0 * self.square.tangent(m * m, a, m[..., None, :] * v)

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """(uᵀg') 2 n, (..., K, S)."""
        m = zero_where_vanished(n, a)
        return 2.0 * (m[..., None, :] * self.square.cotangent(m * m, a, u))

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """uᵀg''(2 n v, 2 n w) + 2 Σ_j (uᵀg')_j v_j w_j, (..., J, K)."""
        m = bounded(zero_where_vanished(n, a), 1e153)
        q, slope = m * m, 2.0 * m[..., None, :]
        first = self.square.cotangent(q, a, u[..., None, :])[..., 0, :]
        return self.square.curvature(q, a, u, slope * v, slope * w) + 2.0 * weighted_products(first, v, w)


@dataclass(frozen=True)
class MinusTransfer(TransferFunction):
    """A coupled row of −q: the form in which radbasn depends on q = n²."""

    of: TransferFunction

    def value(self, n: Array) -> Array:
        """of(−q), (..., S)."""
        return self.of.value(-n)

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """−of'·v, (..., K, S)."""
        return -self.of.tangent(-n, a, v)

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """−uᵀof', (..., K, S)."""
        return -self.of.cotangent(-n, a, u)

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """uᵀof''(v, w), (..., J, K)."""
        return self.of.curvature(-n, a, u, v, w)


class Compet(TransferFunction):
    """a = 1 at the largest n of the layer, the first of equals, else 0; its derivative is 0 wherever it exists."""

    def value(self, n: Array) -> Array:
        """a, (..., S); all NaN where any n of the layer is."""
        xp = namespace(n)
        largest = xp.max(n, axis=-1, keepdims=True)
        return xp.where(largest == largest, first_largest(n), largest)

    def tangent(self, n: Array, a: Array, v: Array) -> Array:
        """0, (..., K, S)."""
        return namespace(v).zeros_like(v)

    def cotangent(self, n: Array, a: Array, u: Array) -> Array:
        """0, (..., K, S); NaN stays: it means that the value differentiated is unknown."""
        return flat(u)

    def curvature(self, n: Array, a: Array, u: Array, v: Array, w: Array) -> Array:
        """0, (..., J, K)."""
        xp = namespace(v)
        return xp.zeros_like(xp.matmul(v, xp.matrix_transpose(w)))


def first_largest(n: Array) -> Array:
    """1.0 at the first largest along the last axis, else 0.0."""
    xp = namespace(n)
    position = indices(n, np.arange(n.shape[-1]))
    largest = position == xp.argmax(n, axis=-1, keepdims=True)
    return xp.where(largest, 1.0, xp.zeros_like(n))


def bounded(n: Array, bound: float) -> Array:
    """n clipped to ±bound, where the function has reached its limit, so that no power of n overflows; NaN stays."""
    xp = namespace(n)
    return xp.where(xp.abs(n) > bound, bound * xp.sign(n), n)


def zero_where_vanished(n: Array, a: Array) -> Array:
    """n, and 0 where a underflowed to 0: there n may be infinite, and n a must be 0; NaN stays."""
    return namespace(n).where(a == 0.0, 0.0, n)


def flat(n: Array) -> Array:
    """0, and NaN where n is."""
    return namespace(n).where(n == n, 0.0, n)
