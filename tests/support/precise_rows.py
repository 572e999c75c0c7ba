"""The one deliberate second copy of the formulas: every row's value and derivatives in mpmath, 50 digits.

An elementwise transfer function is three functions of one number. A coupled one gives a list, a matrix (list of rows)
and a list of matrices, element [i][j][k] the second derivative of a_i by n_j and n_k. A weight function of one neuron
takes its row of w and p and gives z, the gradients by p and by w, and the matrix of second derivatives by p. A net
input function takes the bias and the weighted inputs of one neuron. A performance function takes t and y of one
element, and whether its output has no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mpmath import mp, mpf

Number: TypeAlias = Any
"""An mpf."""

Vector: TypeAlias = list[Number]
Matrix: TypeAlias = list[list[Number]]

mp.dps = 50


INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True)
class PreciseTransfer:
    """Whether the row's value holds for complex n, and whether the class `network` has the function."""

    analytic: bool = field(default=False, kw_only=True)
    shallow: bool = field(default=True, kw_only=True)


@dataclass(frozen=True)
class PreciseElementwise(PreciseTransfer):
    """a(n), da/dn and d²a/dn², and the points where da/dn jumps.

    At a kink da/dn is the slope in MathWorks' documentation of the derivative functions; for relu, which it does not
    describe, that of other programs.
    """

    a: Callable[[Number], Number]
    da: Callable[[Number], Number]
    d2a: Callable[[Number], Number]
    kinks: tuple[float, ...] = ()


@dataclass(frozen=True)
class PreciseCoupled(PreciseTransfer):
    """a, da_i/dn_j and d²a_i/dn_j dn_k of a whole layer.

    ``pinned`` has values of a where no formula gives them: at infinite n, and which of equal n is taken. The
    derivatives are 0 there, NaN where a is.
    """

    a: Callable[[Vector], Vector]
    da: Callable[[Vector], Matrix]
    d2a: Callable[[Vector], list[Matrix]]
    pinned: Mapping[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class PreciseWeight:
    """z, dz/dp_j, dz/dw_j and d²z/dp_j dp_k of one neuron with the weights w.

    ``analytic`` says that the row's value holds for complex w and p.
    """

    z: Callable[[Vector, Vector], Number]
    dz_dp: Callable[[Vector, Vector], Vector]
    dz_dw: Callable[[Vector, Vector], Vector]
    d2z_dp2: Callable[[Vector, Vector], Matrix]
    analytic: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class PrecisePerformance:
    """The cost of one element, and whether the whole is a mean of them."""

    cost: Callable[[Number, Number, bool], Number]
    mean: bool


def _zero(n: Number) -> Number:
    return mpf(0)


def _inside(n: Number, low: int, high: int) -> Number:
    return mpf(1) if low <= n <= high else mpf(0)


def _clip(n: Number, low: int, high: int) -> Number:
    return min(max(n, mpf(low)), mpf(high))


def _logsig(n: Number) -> Number:
    return 1 / (1 + mp.exp(-n))


def _logsig_slope(n: Number) -> Number:
    return _logsig(n) * _logsig(-n)


def _normal(n: Number) -> Number:
    # erfc of huge numbers is beyond mpmath
    return mp.erfc(-max(min(n, mpf(10**4)), -mpf(10**4)) / mp.sqrt(2)) / 2


def _normal_density(n: Number) -> Number:
    return mp.exp(-n * n / 2) / mp.sqrt(2 * mp.pi)


def _gelutanh_argument(n: Number) -> tuple[Number, Number, Number]:
    c, d = mp.sqrt(8 / mp.pi), mpf("0.044715")
    return c * (n + d * n**3), c * (1 + 3 * d * n**2), 6 * c * d * n


def _gelutanh(n: Number) -> Number:
    return n * _logsig(_gelutanh_argument(n)[0])


def _gelutanh_slope(n: Number) -> Number:
    g, first, _ = _gelutanh_argument(n)
    return _logsig(g) + n * first * _logsig_slope(g)


def _gelutanh_curve(n: Number) -> Number:
    g, first, second = _gelutanh_argument(n)
    bend = -_logsig_slope(g) * mp.tanh(g / 2)
    return 2 * first * _logsig_slope(g) + n * (second * _logsig_slope(g) + first**2 * bend)


def _softmax(n: Vector) -> Vector:
    top = max(n)
    e = [mp.exp(entry - top) for entry in n]
    total = mp.fsum(e)
    return [entry / total for entry in e]


def _same(i: int, j: int) -> Number:
    return mpf(int(i == j))


def _softmax_slope(n: Vector) -> Matrix:
    a = _softmax(n)
    # 1 − a_i as the sum of the others: near saturation the difference would lose digits even here
    others = [mp.fsum(a[j] for j in range(len(a)) if j != i) for i in range(len(a))]
    return [[a[i] * others[i] if i == j else -a[i] * a[j] for j in range(len(n))] for i in range(len(n))]


def _softmax_curve(n: Vector) -> list[Matrix]:
    a, size = _softmax(n), range(len(n))
    others = [mp.fsum(a[j] for j in size if j != i) for i in size]

    def centred(i: int, j: int) -> Number:
        return others[j] if i == j else -a[j]

    return [[[a[i] * (centred(i, j) * centred(i, k) - a[j] * centred(j, k)) for k in size] for j in size] for i in size]


def _radbasn(n: Vector) -> Vector:
    return _softmax([-entry * entry for entry in n])


def _radbasn_slope(n: Vector) -> Matrix:
    by_square = _softmax_slope([-entry * entry for entry in n])
    return [[-2 * n[j] * entry for j, entry in enumerate(row)] for row in by_square]


def _radbasn_curve(n: Vector) -> list[Matrix]:
    minus_square = [-entry * entry for entry in n]
    first, second = _softmax_slope(minus_square), _softmax_curve(minus_square)
    size = range(len(n))
    return [
        [[4 * n[j] * n[k] * second[i][j][k] - 2 * _same(j, k) * first[i][j] for k in size] for j in size] for i in size
    ]


def _compet(n: Vector) -> Vector:
    winner = n.index(max(n))
    return [_same(i, winner) for i in range(len(n))]


def _zero_matrix(n: Vector) -> Matrix:
    return [[mpf(0) for _ in n] for _ in n]


PRECISE_TRANSFER: Mapping[str, PreciseElementwise | PreciseCoupled] = {
    "tansig": PreciseElementwise(
        mp.tanh, lambda n: mp.sech(n) ** 2, lambda n: -2 * mp.tanh(n) * mp.sech(n) ** 2, analytic=True
    ),
    "logsig": PreciseElementwise(_logsig, _logsig_slope, lambda n: -_logsig_slope(n) * mp.tanh(n / 2), analytic=True),
    "purelin": PreciseElementwise(lambda n: n, lambda n: mpf(1), _zero, analytic=True),
    "poslin": PreciseElementwise(lambda n: max(n, mpf(0)), lambda n: mpf(int(n >= 0)), _zero, kinks=(0.0,)),
    "satlin": PreciseElementwise(lambda n: _clip(n, 0, 1), lambda n: _inside(n, 0, 1), _zero, kinks=(0.0, 1.0)),
    "satlins": PreciseElementwise(lambda n: _clip(n, -1, 1), lambda n: _inside(n, -1, 1), _zero, kinks=(-1.0, 1.0)),
    "hardlim": PreciseElementwise(lambda n: mpf(int(n >= 0)), _zero, _zero, kinks=(0.0,)),
    "hardlims": PreciseElementwise(lambda n: mpf(1 if n >= 0 else -1), _zero, _zero, kinks=(0.0,)),
    "radbas": PreciseElementwise(
        lambda n: mp.exp(-n * n),
        lambda n: -2 * n * mp.exp(-n * n),
        lambda n: (4 * n * n - 2) * mp.exp(-n * n),
        analytic=True,
    ),
    "radbasn": PreciseCoupled(_radbasn, _radbasn_slope, _radbasn_curve, {(0.5, -INF, INF): (1.0, 0.0, 0.0)}),
    "tribas": PreciseElementwise(
        lambda n: max(mpf(0), 1 - abs(n)),
        lambda n: -mp.sign(n) if abs(n) <= 1 else mpf(0),
        _zero,
        kinks=(-1.0, 0.0, 1.0),
    ),
    "softmax": PreciseCoupled(
        _softmax, _softmax_slope, _softmax_curve, {(0.0, INF): (NAN, NAN), (0.0, -INF): (1.0, 0.0)}
    ),
    "compet": PreciseCoupled(
        _compet,
        _zero_matrix,
        lambda n: [_zero_matrix(n) for _ in n],
        {
            (1.0, 3.0, 3.0): (0.0, 1.0, 0.0),
            (2.0, 2.0, 2.0): (1.0, 0.0, 0.0),
            (-INF, -INF): (1.0, 0.0),
            (0.0, INF, INF): (0.0, 1.0, 0.0),
        },
    ),
    "elliotsig": PreciseElementwise(
        lambda n: n / (1 + abs(n)), lambda n: 1 / (1 + abs(n)) ** 2, lambda n: -2 * mp.sign(n) / (1 + abs(n)) ** 3
    ),
    "elliot2sig": PreciseElementwise(
        lambda n: mp.sign(n) * n * n / (1 + n * n),
        lambda n: 2 * abs(n) / (1 + n * n) ** 2,
        lambda n: 2 * mp.sign(n) * (1 - 3 * n * n) / (1 + n * n) ** 3,
    ),
    "relu": PreciseElementwise(lambda n: max(n, mpf(0)), lambda n: mpf(int(n > 0)), _zero, kinks=(0.0,), shallow=False),
    "leakyrelu": PreciseElementwise(
        lambda n: n if n >= 0 else mpf(0.01) * n,
        lambda n: mpf(1) if n > 0 else mpf(0.01),
        _zero,
        kinks=(0.0,),
        shallow=False,
    ),
    "clippedrelu": PreciseElementwise(
        lambda n: _clip(n, 0, 6), lambda n: mpf(int(0 < n < 6)), _zero, kinks=(0.0, 6.0), shallow=False
    ),
    "elu": PreciseElementwise(
        lambda n: n if n > 0 else mp.expm1(n),
        lambda n: mpf(1) if n > 0 else mp.exp(n),
        lambda n: mpf(0) if n > 0 else mp.exp(n),
        shallow=False,
    ),
    "swish": PreciseElementwise(
        lambda n: n * _logsig(n),
        lambda n: _logsig(n) + n * _logsig_slope(n),
        lambda n: _logsig_slope(n) * (2 - n * mp.tanh(n / 2)),
        shallow=False,
    ),
    "gelu": PreciseElementwise(
        lambda n: n * _normal(n),
        lambda n: _normal(n) + n * _normal_density(n),
        lambda n: (2 - n * n) * _normal_density(n),
        shallow=False,
    ),
    "gelutanh": PreciseElementwise(_gelutanh, _gelutanh_slope, _gelutanh_curve, shallow=False),
    "softplus": PreciseElementwise(
        lambda n: max(n, mpf(0)) + mp.log1p(mp.exp(-abs(n))), _logsig, _logsig_slope, shallow=False
    ),
    "netinv": PreciseElementwise(lambda n: 1 / n, lambda n: -1 / n**2, lambda n: 2 / n**3, analytic=True),
}


def _no_curve(w: Vector, p: Vector) -> Matrix:
    return _zero_matrix(p)


def _dot(w: Vector, p: Vector) -> Number:
    return mp.fsum(one * other for one, other in zip(w, p, strict=True))


def _distance(w: Vector, p: Vector) -> Number:
    return mp.sqrt(mp.fsum((one - other) ** 2 for one, other in zip(w, p, strict=True)))


def _direction(w: Vector, p: Vector) -> Vector:
    z = _distance(w, p)
    return [(other - one) / z if z else mpf(0) for one, other in zip(w, p, strict=True)]


def _distance_curve(w: Vector, p: Vector) -> Matrix:
    z, u = _distance(w, p), _direction(w, p)
    size = range(len(p))
    return [[(_same(j, k) - u[j] * u[k]) / z if z else mpf(0) for k in size] for j in size]


def _box_slope(w: Vector, p: Vector) -> Vector:
    d = [other - one for one, other in zip(w, p, strict=True)]
    largest = [abs(entry) for entry in d].index(max(abs(entry) for entry in d))
    return [mp.sign(entry) * _same(j, largest) for j, entry in enumerate(d)]


def _normalized(w: Vector, p: Vector) -> Number:
    return _dot(w, p) / mp.fsum(p)


def _normalized_curve(w: Vector, p: Vector) -> Matrix:
    z, total = _normalized(w, p), mp.fsum(p)
    return [[-(one + other - 2 * z) / total**2 for other in w] for one in w]


def _negative(values: Vector) -> Vector:
    return [-entry for entry in values]


PRECISE_WEIGHT: Mapping[str, PreciseWeight] = {
    "dotprod": PreciseWeight(_dot, lambda w, p: list(w), lambda w, p: list(p), _no_curve, analytic=True),
    "dist": PreciseWeight(
        _distance, _direction, lambda w, p: _negative(_direction(w, p)), _distance_curve, analytic=True
    ),
    "negdist": PreciseWeight(
        lambda w, p: -_distance(w, p),
        lambda w, p: _negative(_direction(w, p)),
        _direction,
        lambda w, p: [_negative(row) for row in _distance_curve(w, p)],
        analytic=True,
    ),
    "mandist": PreciseWeight(
        lambda w, p: mp.fsum(abs(one - other) for one, other in zip(w, p, strict=True)),
        lambda w, p: [mp.sign(other - one) for one, other in zip(w, p, strict=True)],
        lambda w, p: [mp.sign(one - other) for one, other in zip(w, p, strict=True)],
        _no_curve,
    ),
    "boxdist": PreciseWeight(
        lambda w, p: max(abs(one - other) for one, other in zip(w, p, strict=True)),
        _box_slope,
        lambda w, p: _negative(_box_slope(w, p)),
        _no_curve,
    ),
    "normprod": PreciseWeight(
        _normalized,
        lambda w, p: [(entry - _normalized(w, p)) / mp.fsum(p) for entry in w],
        lambda w, p: [entry / mp.fsum(p) for entry in p],
        _normalized_curve,
        analytic=True,
    ),
}
"""All but scalprod, whose neurons do not see all of p."""


PRECISE_NET_INPUT: Mapping[str, Callable[[Vector], Number]] = {
    "netsum": mp.fsum,
    "netprod": mp.fprod,
}


def _squared_error(t: Number, y: Number, single: bool) -> Number:
    return (t - y) ** 2


def _absolute_error(t: Number, y: Number, single: bool) -> Number:
    return abs(t - y)


def _presence(t: Number, y: Number) -> Number:
    return -t * mp.log(y) if t != 0 else mpf(0)


def _absence(t: Number, y: Number) -> Number:
    return -(1 - t) * mp.log(1 - y) if t != 1 else mpf(0)


def _crossentropy_of_targets(t: Number, y: Number, single: bool) -> Number:
    return _presence(t, y) + (_absence(t, y) if single else 0)


def _crossentropy_of_both(t: Number, y: Number, single: bool) -> Number:
    clipped = min(max(y, mpf(2) ** -52), 1 - mpf(2) ** -52)
    return _presence(t, clipped) + _absence(t, clipped)


PRECISE_PERFORMANCE: Mapping[tuple[str, str], PrecisePerformance] = {
    ("mse", ""): PrecisePerformance(_squared_error, mean=True),
    ("sse", ""): PrecisePerformance(_squared_error, mean=False),
    ("mae", ""): PrecisePerformance(_absolute_error, mean=True),
    ("sae", ""): PrecisePerformance(_absolute_error, mean=False),
    ("crossentropy", "targets"): PrecisePerformance(_crossentropy_of_targets, mean=True),
    ("crossentropy", "both"): PrecisePerformance(_crossentropy_of_both, mean=True),
}
"""By name and form."""


def difference(rows: Iterable[Any], copies: Iterable[Any], table: str) -> str:
    """What to do where a table of functions and its second copy here differ; empty where they do not."""
    rows, copies = set(rows), set(copies)
    changes = (("add", "to", rows - copies), ("remove", "from", copies - rows))
    return "; ".join(
        f"{verb} {', '.join(sorted(map(str, names)))} {side} {table} in tests/support/precise_rows.py"
        for verb, side, names in changes
        if names
    )


def precise(values: Iterable[Any]) -> Vector:
    """Doubles as exact 50-digit numbers."""
    return [mpf(float(entry)) for entry in values]
