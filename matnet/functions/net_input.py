"""Net input functions n = f(z_1, z_2, …): how a layer combines its bias and its weighted inputs.

Every z is (..., S), the bias (S,); directions v and w carry one more axis, (..., K, S), and are None where a term does
not vary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matnet.functions.namespace import Array
from matnet.functions.transfer_rows import weighted_products


@dataclass(frozen=True)
class NetInputFunction:
    """A row of the table: the toolbox's name, n and dn/dz_k in plain text.

    ``linear`` says that the derivative does not depend on z.
    """

    name: str
    formula: str
    derivative: str
    linear: bool = field(default=False, kw_only=True)

    def value(self, z: Sequence[Array]) -> Array:
        """n, (..., S)."""
        raise NotImplementedError

    def tangent(self, z: Sequence[Array], v: Sequence[Array | None]) -> Array:
        """Σ_k dn/dz_k v_k over the terms that vary, (..., K, S)."""
        raise NotImplementedError

    def cotangent(self, z: Sequence[Array], u: Array, k: int) -> Array:
        """uᵀdn/dz_k, (..., K, S)."""
        raise NotImplementedError

    def curvature(
        self, z: Sequence[Array], u: Array, v: Sequence[Array | None], w: Sequence[Array | None]
    ) -> Array | None:
        """Σ_i u_i Σ_kl d²n_i/dz_k dz_l v_k w_l, (..., J, K); None where it is 0 whatever the values."""
        raise NotImplementedError


class Netsum(NetInputFunction):
    """n = b + Σ z."""

    def value(self, z: Sequence[Array]) -> Array:
        """n, (..., S)."""
        total = z[0]
        for term in z[1:]:
            total = total + term
        return total

    def tangent(self, z: Sequence[Array], v: Sequence[Array | None]) -> Array:
        """Σ v, (..., K, S)."""
        return self.value([term for term in v if term is not None])

    def cotangent(self, z: Sequence[Array], u: Array, k: int) -> Array:
        """u, (..., K, S)."""
        return u

    def curvature(
        self, z: Sequence[Array], u: Array, v: Sequence[Array | None], w: Sequence[Array | None]
    ) -> Array | None:
        """A sum has no curvature."""
        return None


class Netprod(NetInputFunction):
    """n = b Π z: the bias is a factor. The slope in a factor is the product of the others, never n divided by it."""

    def value(self, z: Sequence[Array]) -> Array:
        """n, (..., S)."""
        product = z[0]
        for factor in z[1:]:
            product = product * factor
        return product

    def tangent(self, z: Sequence[Array], v: Sequence[Array | None]) -> Array:
        """Σ_k v_k Π_{l≠k} z_l, (..., K, S)."""
        total = None
        for k, direction in enumerate(v):
            if direction is not None:
                term = self.cotangent(z, direction, k)
                total = term if total is None else total + term
        return total

    def cotangent(self, z: Sequence[Array], u: Array, k: int) -> Array:
        """u Π_{l≠k} z_l, (..., K, S)."""
        others = [factor for l, factor in enumerate(z) if l != k]
        return u * self.value(others)[..., None, :] if others else u

    def curvature(
        self, z: Sequence[Array], u: Array, v: Sequence[Array | None], w: Sequence[Array | None]
    ) -> Array | None:
        """Σ_i u_i Σ_{k≠l} v_k w_l Π_{m≠k,l} z_m, (..., J, K)."""
        total = None
        for k, first in enumerate(v):
            for l, second in enumerate(w):
                if k == l or first is None or second is None:
                    continue
                others = [factor for m, factor in enumerate(z) if m not in (k, l)]
                scaled = u * self.value(others) if others else u
                term = weighted_products(scaled, first, second)
                total = term if total is None else total + term
        return total


_ROWS: tuple[NetInputFunction, ...] = (
    Netsum("netsum", "b + sum(z)", "1", linear=True),
    Netprod("netprod", "b prod(z)", "product of the other factors"),
)

NET_INPUT: Mapping[str, NetInputFunction] = {row.name: row for row in _ROWS}
"""The table: the net input functions by the toolbox's names."""
