"""Weight functions z = f(w, p): one row each, the value beside its derivatives with respect to p and to w.

Shapes: w is (S, R), one row per neuron; p is (..., R), z and u of S neurons (..., S); directions carry one more axis.

- ``value(w, p)``                   z, (..., S)
- ``tangent(w, p, z, v)``           dz/dp·v for v (..., K, R), (..., K, S)
- ``cotangent(w, p, z, u)``         uᵀdz/dp for u (..., K, S), (..., K, R)
- ``curvature(w, p, z, u, v, y)``   Σ_i u_i z''_ijk v_j y_k for u (..., S), v (..., J, R), y (..., K, R): (..., J, K)
- ``weight_tangent(w, p, z, dw)``   dz/dw·dw for dw (K, S, R), (..., K, S)
- ``weight_cotangent(w, p, z, u)``  uᵀdz/dw for u (..., K, S), (..., K, R, S): w transposed, so that its elements
  follow each other in MATLAB's column-major order

At the kinks of dist, mandist and boxdist (p = w, or equal distances) the derivatives are pinned: 0 where the distance
is 0, sign(0) = 0, the first of the largest; the curvature of dist at p = w is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matnet.functions.namespace import Array, FloatArray, constant, namespace
from matnet.functions.transfer_rows import first_largest


@dataclass(frozen=True)
class WeightFunction:
    """A row of the table.

    Parameters
    ----------
    name
        The toolbox's name.
    formula, derivative
        z_i and dz_i/dp_j in plain text.
    analytic
        Whether the value may be continued to complex p, so that complex step is allowed.
    linear
        Whether dz/dp does not depend on p.
    piecewise_linear
        Whether the second derivative is 0 for any p.
    square
        The row of z², for functions that are not smooth everywhere but whose square is.
    denominator
        What z is divided by, as a function of p; z is not finite where it is 0.
    unconfirmed
        What in this row is not confirmed by evidence from MATLAB itself; empty if everything is.
    matlab
        The value as function files of MATLAB's genFunction write it: statements that compute z, (S, Q), from w and p.
        Each generation of genFunction has its text.
    parameter
        What w is called in the layers of the classes that followed `network`: "Weights" or "Scale".
    """

    name: str
    formula: str
    derivative: str
    analytic: bool = field(default=False, kw_only=True)
    linear: bool = field(default=False, kw_only=True)
    piecewise_linear: bool = field(default=False, kw_only=True)
    square: WeightFunction | None = field(default=None, kw_only=True)
    denominator: Callable[[Array], Array] | None = field(default=None, kw_only=True)
    unconfirmed: str = field(default="", kw_only=True)
    matlab: tuple[str, ...] = field(default=(), kw_only=True)
    parameter: str = field(default="Weights", kw_only=True)

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """The shape of w between a source of `elements` and a layer of `neurons`; None where they cannot be joined."""
        raise NotImplementedError

    def parameter_shape(self, rows: int, columns: int) -> tuple[int, ...]:
        """The sizes of w, (rows, columns), in MATLAB: the same entries in column-major order."""
        return rows, columns

    def channel_entries(self, rows: int, columns: int) -> NDArray[np.intp] | None:
        """(C, n): the entries of w (rows, columns), counted column by column, that channel c of z depends on alone.

        None where an element of z may depend on all of them.
        """
        return None

    @property
    def table_numbers(self) -> int:
        """The most integers in the tables that are made when something is first computed."""
        return 0

    def keeps_channels(self, channels: int) -> bool:
        """Whether, of so many channels, each channel of z depends on the same channel of p alone."""
        return False

    def value(self, w: Array, p: Array) -> Array:
        """z, (..., S)."""
        raise NotImplementedError

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """dz/dp·v, (..., K, S)."""
        raise NotImplementedError

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """uᵀdz/dp, (..., K, R)."""
        raise NotImplementedError

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """Σ_i u_i z''_ijk v_j y_k, (..., J, K)."""
        raise NotImplementedError

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """dz/dw·dw, (..., K, S)."""
        raise NotImplementedError

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """uᵀdz/dw, (..., K, R, S)."""
        raise NotImplementedError


@dataclass(frozen=True)
class NeuronwiseWeight(WeightFunction):
    """A row whose z_i depends on row i of w alone, declared by its value, its two slopes and its curvature.

    dz_dp and dz_dw are (..., S, R), element [i, j] the derivative of z_i with respect to p_j and to w_ij.
    """

    z: Callable[[Array, Array], Array]
    dz_dp: Callable[[Array, Array, Array], Array]
    dz_dw: Callable[[Array, Array, Array], Array]
    d2z_dp2: Callable[[Array, Array, Array, Array, Array, Array], Array]

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(S, R)."""
        return neurons, elements

    def channel_entries(self, rows: int, columns: int) -> NDArray[np.intp]:
        """Row i of w for neuron i."""
        return np.arange(rows * columns).reshape(columns, rows).T

    def value(self, w: Array, p: Array) -> Array:
        """z, (..., S)."""
        return self.z(w, p)

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """dz/dp·v, (..., K, S)."""
        xp = namespace(v)
        return xp.matmul(v, xp.matrix_transpose(self.dz_dp(w, p, z)))

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """uᵀdz/dp, (..., K, R)."""
        return namespace(u).matmul(u, self.dz_dp(w, p, z))

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """Σ_i u_i z''_ijk v_j y_k, (..., J, K)."""
        return self.d2z_dp2(w, p, z, u, v, y)

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """Σ_j dz_i/dw_ij dw_ij, (..., K, S)."""
        return namespace(dw).sum(dw * self.dz_dw(w, p, z)[..., None, :, :], axis=-1)

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """u_i dz_i/dw_ij, (..., K, R, S)."""
        slope = namespace(u).matrix_transpose(self.dz_dw(w, p, z))
        return u[..., None, :] * slope[..., None, :, :]


class Scalprod(WeightFunction):
    """z = w p with a single weight, w (1, 1)."""

    def weight_shape(self, neurons: int, elements: int) -> tuple[int, int] | None:
        """(1, 1), and only between equal sizes."""
        return (1, 1) if neurons == elements else None

    def value(self, w: Array, p: Array) -> Array:
        """z, (..., S)."""
        return w[0, :] * p

    def tangent(self, w: Array, p: Array, z: Array, v: Array) -> Array:
        """w v, (..., K, S)."""
        return w * v

    def cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """w u, (..., K, R)."""
        return w * u

    def curvature(self, w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        """0, (..., J, K)."""
        return no_curvature(w, p, z, u, v, y)

    def weight_tangent(self, w: Array, p: Array, z: Array, dw: Array) -> Array:
        """p dw, (..., K, S)."""
        return dw[..., :, 0] * p[..., None, :]

    def weight_cotangent(self, w: Array, p: Array, z: Array, u: Array) -> Array:
        """Σ_i u_i p_i, (..., K, 1, 1)."""
        return namespace(u).sum(u * p[..., None, :], axis=-1, keepdims=True)[..., None]


def no_curvature(w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
    """0, (..., J, K): the curvature of a row that is linear in p."""
    xp = namespace(v)
    return xp.zeros_like(xp.matmul(v, xp.matrix_transpose(y)))


def _difference(w: Array, p: Array) -> Array:
    return p[..., None, :] - w


def _distance(w: Array, p: Array) -> Array:
    xp = namespace(p)
    d = _difference(w, p)
    return xp.sqrt(xp.sum(d * d, axis=-1))


def _direction(w: Array, p: Array, z: Array) -> Array:
    """(p − w)/dist, 0 where the distance is 0."""
    xp = namespace(p)
    distance = xp.where(z == 0.0, 1.0, z)
    return _difference(w, p) / distance[..., None]


def _dist_curvature(w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
    # Σ_i u_i/z_i v'·y', where v' and y' are v and y without their parts along e_i = (p − w_i)/z_i. The difference
    # v·y − (e_i·v)(e_i·y) would be the same, but close to e_i all its digits cancel, and 1/z_i magnifies the error.
    # A neuron at distance 0 is a kink and gives 0.
    xp = namespace(p)
    direction = _direction(w, p, z)
    scaled = xp.where(z == 0.0, 0.0, u / z)
    across_v = _across(direction, v)
    across_y = across_v if y is v else _across(direction, y)
    product = (across_v * scaled[..., None, :, None], across_y)
    flat_v, flat_y = (xp.reshape(part, (*part.shape[:-2], part.shape[-2] * part.shape[-1])) for part in product)
    return xp.matmul(flat_v, xp.matrix_transpose(flat_y))


def _across(direction: Array, v: Array) -> Array:
    """v (..., J, R) without its part along each neuron's direction (..., S, R): (..., J, S, R).

    The part is removed twice, because rounding leaves a remainder the first time.
    """
    xp = namespace(v)
    along = xp.matmul(v, xp.matrix_transpose(direction))[..., None]
    across = v[..., None, :] - along * direction[..., None, :, :]
    rest = xp.sum(across * direction[..., None, :, :], axis=-1, keepdims=True)
    return across - rest * direction[..., None, :, :]


def _squared_distance(w: Array, p: Array) -> Array:
    d = _difference(w, p)
    return namespace(p).sum(d * d, axis=-1)


def _squared_distance_curvature(w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
    xp = namespace(v)
    return 2.0 * xp.sum(u, axis=-1)[..., None, None] * xp.matmul(v, xp.matrix_transpose(y))


def scaled_square(row: WeightFunction, scale: FloatArray) -> WeightFunction:
    """The row of (s z)², with a scale s (S,) per neuron, for a row whose square is smooth.

    For distances whose own square overflows or underflows and a bias that brings the product back into range.
    """

    def scaled(w: Array, p: Array) -> Array:
        return constant(p, scale[:, None]) * _difference(w, p)

    def value(w: Array, p: Array) -> Array:
        d = scaled(w, p)
        return namespace(p).sum(d * d, axis=-1)

    def slope(w: Array, p: Array, z: Array) -> Array:
        return 2.0 * constant(p, scale[:, None]) * scaled(w, p)

    def curvature(w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
        s = constant(u, scale)
        return _squared_distance_curvature(w, p, z, u * s * s, v, y)

    return NeuronwiseWeight(
        f"square of {row.name}, scaled",
        "sum((s_i (w_i - p))²)",
        "2 s_i² (p_j - w_ij)",
        value,
        slope,
        lambda w, p, z: -slope(w, p, z),
        curvature,
        analytic=True,
    )


def _manhattan(w: Array, p: Array) -> Array:
    xp = namespace(p)
    return xp.sum(xp.abs(_difference(w, p)), axis=-1)


def _box(w: Array, p: Array) -> Array:
    xp = namespace(p)
    return xp.max(xp.abs(_difference(w, p)), axis=-1)


def _box_side(w: Array, p: Array, z: Array) -> Array:
    """The sign of w - p at the first largest difference, else 0; NaN where the distance is."""
    d = _difference(w, p)
    xp = namespace(d)
    return xp.where((z == z)[..., None], first_largest(xp.abs(d)) * xp.sign(d), np.nan)


def _total(p: Array) -> Array:
    return namespace(p).sum(p, axis=-1, keepdims=True)


def _normprod(w: Array, p: Array) -> Array:
    xp = namespace(p)
    return xp.matmul(p, xp.matrix_transpose(w)) / _total(p)


def _centred_weights(w: Array, p: Array) -> tuple[Array, Array]:
    """The weights (..., S, R) counted from those of the largest element of p, and normprod of them, (..., S, 1).

    If one element dominates, as the nearest centre does in a generalized regression network, z is nearly its weight,
    and w − z cancels; the differences of the weights relative to that weight keep all digits.
    """
    xp = namespace(p)
    dominant = xp.matmul(first_largest(xp.abs(p)), xp.matrix_transpose(w))
    centred = w - dominant[..., None]
    return centred, xp.sum(centred * (p / _total(p))[..., None, :], axis=-1, keepdims=True)


def _normprod_slope(w: Array, p: Array, z: Array) -> Array:
    centred, mean = _centred_weights(w, p)
    return (centred - mean) / _total(p)[..., None]


def _normprod_curvature(w: Array, p: Array, z: Array, u: Array, v: Array, y: Array) -> Array:
    # −Σ_i u_i (w_ij + w_ik − 2 z_i) / (Σp)² contracted with v_j y_k
    xp = namespace(p)
    total = _total(p)[..., None]
    centred, mean = _centred_weights(w, p)
    slopes = xp.matrix_transpose(centred - mean)
    v_sum, y_sum = xp.sum(v, axis=-1, keepdims=True), xp.sum(y, axis=-1, keepdims=True)
    v_tilt = xp.sum(u[..., None, :] * xp.matmul(v, slopes), axis=-1, keepdims=True)
    y_tilt = xp.sum(u[..., None, :] * xp.matmul(y, slopes), axis=-1, keepdims=True)
    products = v_tilt * xp.matrix_transpose(y_sum) + v_sum * xp.matrix_transpose(y_tilt)
    return -products / (total * total)


_SQUARED_DISTANCES = (
    "[S,R] = size(w); Q = size(p,2); z = zeros(S,Q); if (Q<S), pt = p'; for q = 1:Q, "
    "z(:,q) = sum(bsxfun(@minus,w,pt(q,:)).^2,2); end, else, wt = w'; for i = 1:S, "
    "z(i,:) = sum(bsxfun(@minus,wt(:,i),p).^2,1); end, end;",
    "[S,R] = size(w); Q = size(p,2); z = zeros(S,Q); if (Q<S), p = p'; copies = zeros(1,S); for q = 1:Q, "
    "z(:,q) = sum((w-p(q+copies,:)).^2,2); end, else, w = w'; copies = zeros(1,Q); for i = 1:S, "
    "z(i,:) = sum((w(:,i+copies)-p).^2,1); end, end;",
)
"""Loops over samples if there are fewer samples than neurons, else over neurons; genFunction has written both texts."""

_SQUARED_DISTANCE = NeuronwiseWeight(
    "square of dist",
    "sum((w_i - p)²)",
    "2 (p_j - w_ij)",
    _squared_distance,
    lambda w, p, z: 2.0 * _difference(w, p),
    lambda w, p, z: -2.0 * _difference(w, p),
    _squared_distance_curvature,
    analytic=True,
)

_ROWS: tuple[WeightFunction, ...] = (
    NeuronwiseWeight(
        "dotprod",
        "sum(w_i p)",
        "w_ij",
        lambda w, p: namespace(p).matmul(p, namespace(p).matrix_transpose(w)),
        lambda w, p, z: w,
        lambda w, p, z: p[..., None, :],
        no_curvature,
        analytic=True,
        linear=True,
        matlab=("z = w*p;",),
    ),
    NeuronwiseWeight(
        "dist",
        "sqrt(sum((w_i - p)²))",
        "(p_j - w_ij) / z_i, 0 where z_i = 0",
        _distance,
        _direction,
        lambda w, p, z: -_direction(w, p, z),
        _dist_curvature,
        analytic=True,
        square=_SQUARED_DISTANCE,
        matlab=tuple(f"{squares} z = sqrt(z);" for squares in _SQUARED_DISTANCES),
    ),
    NeuronwiseWeight(
        "negdist",
        "-sqrt(sum((w_i - p)²))",
        "(p_j - w_ij) / z_i, 0 where z_i = 0",
        lambda w, p: -_distance(w, p),
        _direction,
        lambda w, p, z: -_direction(w, p, z),
        _dist_curvature,
        analytic=True,
        square=_SQUARED_DISTANCE,
        matlab=tuple(f"{squares} z = -sqrt(z);" for squares in _SQUARED_DISTANCES),
    ),
    NeuronwiseWeight(
        "mandist",
        "sum(|w_i - p|)",
        "sign(p_j - w_ij)",
        _manhattan,
        lambda w, p, z: namespace(p).sign(_difference(w, p)),
        lambda w, p, z: -namespace(p).sign(_difference(w, p)),
        no_curvature,
        piecewise_linear=True,
    ),
    NeuronwiseWeight(
        "boxdist",
        "max(|w_i - p|)",
        "sign(p_j - w_ij) at the first largest difference, else 0",
        _box,
        lambda w, p, z: _box_side(w, p, z),
        lambda w, p, z: -_box_side(w, p, z),
        no_curvature,
        piecewise_linear=True,
    ),
    NeuronwiseWeight(
        "normprod",
        "sum(w_i p) / sum(p)",
        "(w_ij - z_i) / sum(p)",
        _normprod,
        _normprod_slope,
        lambda w, p, z: (p / _total(p))[..., None, :],
        _normprod_curvature,
        denominator=_total,
        analytic=True,
        unconfirmed="newer releases may divide by sum(|p|), which differs if an element of p is negative",
        matlab=("z = w*p ./ sum(p,1);",),
    ),
    Scalprod("scalprod", "w p_i", "w where i == j, else 0", analytic=True, linear=True),
)

WEIGHT: Mapping[str, WeightFunction] = {row.name: row for row in _ROWS}
"""The table: the weight functions by the toolbox's names."""

REFUSED_WEIGHT: Mapping[str, str] = {
    "convwf": "the orientation of its kernel is not known for certain",
    "linkdist": "it is a layer's distance function, not a weight function",
}
"""Known weight functions that are not supported, with the reason."""
