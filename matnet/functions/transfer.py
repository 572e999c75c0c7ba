"""The transfer functions a(n): one row each, in the terms of transfer_rows.py.

NaN in n gives NaN in the value, slope and curvature; at ±Inf all three take their limits; a finite n never gives NaN.
Every comparison is written so that NaN falls into a branch that returns NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from matnet.errors import ModelError
from matnet.functions.namespace import Array, constant, namespace
from matnet.functions.transfer_rows import (
    Compet,
    ElementwiseTransfer,
    MinusSquareTransfer,
    MinusTransfer,
    Softmax,
    TransferFunction,
    bounded,
    flat,
    zero_where_vanished,
)


def _tansig_slope(n: Array, a: Array) -> Array:
    # 1 − a² has no correct digits for |n| > 18; this form keeps all of them at any n.
    xp = namespace(n)
    e = xp.exp(-2.0 * xp.abs(n))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def _logsig(n: Array) -> Array:
    return 1.0 / (1.0 + namespace(n).exp(-n))


def _logsig_slope(n: Array, a: Array) -> Array:
    xp = namespace(n)
    e = xp.exp(-xp.abs(n))
    return e / ((1.0 + e) * (1.0 + e))


def _logsig_curve(n: Array, a: Array) -> Array:
    # 1 − 2a = −tanh(n/2), without the cancellation at 0
    return -_logsig_slope(n, a) * namespace(n).tanh(0.5 * n)


def _poslin(n: Array) -> Array:
    return namespace(n).where(n < 0.0, 0.0, n)


def _poslin_slope(n: Array, a: Array) -> Array:
    xp = namespace(n)
    return xp.where(n >= 0.0, 1.0, xp.where(n < 0.0, 0.0, n))


def _relu_slope(n: Array, a: Array) -> Array:
    xp = namespace(n)
    return xp.where(n > 0.0, 1.0, xp.where(n <= 0.0, 0.0, n))


def _saturating(low: float, high: float) -> Callable[[Array], Array]:
    def value(n: Array) -> Array:
        xp = namespace(n)
        return xp.where(n < low, low, xp.where(n > high, high, n))

    return value


def _saturating_slope(low: float, high: float) -> Callable[[Array, Array], Array]:
    def slope(n: Array, a: Array) -> Array:
        xp = namespace(n)
        inside = xp.where(n == n, 1.0, n)
        return xp.where(n < low, 0.0, xp.where(n > high, 0.0, inside))

    return slope


def _step(below: float) -> Callable[[Array], Array]:
    def value(n: Array) -> Array:
        xp = namespace(n)
        return xp.where(n >= 0.0, 1.0, xp.where(n < 0.0, below, n))

    return value


def _radbas(n: Array) -> Array:
    return namespace(n).exp(-n * n)


def _radbas_slope(n: Array, a: Array) -> Array:
    return -2.0 * (zero_where_vanished(n, a) * a)


def _radbas_curve(n: Array, a: Array) -> Array:
    # (4n² − 2) a with n² never alone: it may overflow where a is 0
    m = zero_where_vanished(n, a)
    return 4.0 * (m * (m * a)) - 2.0 * a


def _tribas(n: Array) -> Array:
    xp = namespace(n)
    return xp.where(xp.abs(n) > 1.0, 0.0, 1.0 - xp.abs(n))


def _tribas_slope(n: Array, a: Array) -> Array:
    xp = namespace(n)
    return xp.where(xp.abs(n) > 1.0, 0.0, -xp.sign(n))


def _elliotsig(n: Array) -> Array:
    m = bounded(n, 1e18)
    return m / (1.0 + namespace(n).abs(m))


def _elliotsig_slope(n: Array, a: Array) -> Array:
    d = 1.0 + namespace(n).abs(n)
    return 1.0 / (d * d)


def _elliotsig_curve(n: Array, a: Array) -> Array:
    xp = namespace(n)
    d = 1.0 + xp.abs(n)
    return -2.0 * xp.sign(n) / (d * d * d)


def _elliot2sig(n: Array) -> Array:
    m = bounded(n, 1e15)
    return namespace(n).sign(n) * (m * m / (1.0 + m * m))


def _elliot2sig_slope(n: Array, a: Array) -> Array:
    xp = namespace(n)
    m = xp.abs(xp.where(xp.abs(n) == np.inf, 0.0, n))
    d = 1.0 + m * m
    return 2.0 * (m / d) / d


def _elliot2sig_curve(n: Array, a: Array) -> Array:
    # 2 sign(n) (1 − 3n²) / d³ with (1 − 3n²) / d = 4/d − 3, which stays finite where n² overflows
    d = 1.0 + n * n
    return 2.0 * namespace(n).sign(n) * ((4.0 / d - 3.0) / d / d)


def _with_nan(*texts: str) -> tuple[str, ...]:
    """The MATLAB texts of a function that would lose NaN, each also with the statement that puts it back."""
    return (*texts, *(f"{text} a(isnan(n)) = nan;" for text in texts))


_RADBAS_OF_SQUARE = ElementwiseTransfer(
    "radbas of n²",
    "exp(-q)",
    "-a",
    a=lambda q: namespace(q).exp(-q),
    da_dn=lambda q, a: -a,
    d2a_dn2=lambda q, a: a,
    analytic=True,
    limits=((np.inf, -np.inf, np.inf), (0, 0, 0)),
)


def _softmax_log_complement_cotangent(n: Array, a: Array, u: Array) -> Array:
    """Σ_i (u_i / (1 − a_i)) a_i (a_j − (i == j)), with 1 − a_i as the sum of the others, where no digit cancels."""
    xp = namespace(a)
    others = constant(a, 1.0 - np.eye(a.shape[-1]))
    odds = xp.where(u == 0.0, 0.0, u * a / xp.matmul(a, others))
    return a * xp.matmul(odds, others) - u * a


_SOFTMAX = Softmax(
    "softmax",
    "exp(n_i - max(n)) / sum(exp(n - max(n)))",
    "da_i/dn_j = a_i ((i == j) - a_j)",
    # u_j − a_j Σ u: nothing is divided by an a that underflowed to 0
    log_cotangent=lambda n, a, u: u - a * namespace(a).sum(u, axis=-1, keepdims=True),
    log_complement_cotangent=_softmax_log_complement_cotangent,
    matlab=(
        "m = max(n,[],1); n = bsxfun(@minus,n,m); e = exp(n); d = sum(e,1); d(d == 0) = 1; a = bsxfun(@rdivide,e,d);",
    ),
)

_RADBASN_OF_SQUARE = MinusTransfer(
    "radbasn of n²", "exp(-q_i) / sum(exp(-q))", "da_i/dq_j = -a_i ((i == j) - a_j)", of=_SOFTMAX
)

_NOT_SEEN = "the formula has not been checked against values from MATLAB"


def _log1p_of_exp(n: Array) -> Array:
    """ln(1 + exp(−|n|)): twice the series of artanh r, r = e/(2 + e) ≤ 1/3, which keeps all digits of a small e."""
    xp = namespace(n)
    e = xp.exp(-xp.abs(n))
    r = e / (2.0 + e)
    square = r * r
    total = square * (1.0 / 33.0)
    for k in range(15, 0, -1):
        total = square * (1.0 / (2 * k + 1) + total)
    return 2.0 * r + 2.0 * r * total


def _sigmoid(n: Array) -> Array:
    """logsig where it becomes tiny and is multiplied by a large number: exp(−n) does not overflow first."""
    xp = namespace(n)
    e = xp.exp(-xp.abs(n))
    return xp.where(n < 0.0, e, 1.0) / (1.0 + e)


def _swish(n: Array) -> Array:
    s = _sigmoid(n)
    return zero_where_vanished(n, s) * s


def _swish_slope(n: Array, a: Array) -> Array:
    q = _logsig_slope(n, a)
    return _sigmoid(n) + zero_where_vanished(n, q) * q


def _swish_curve(n: Array, a: Array) -> Array:
    q = _logsig_slope(n, a)
    m = zero_where_vanished(n, q)
    return q * (2.0 - m * namespace(n).tanh(0.5 * m))


_NORMAL_TAIL = (
    *(0.46151582985003775, -0.09155228183400904, 0.031030368425962847, 0.010002352385229382, -0.026401042966267253),
    *(0.024536963243678652, -0.015170415403281224, 0.006522000667783896, -0.0016760723371645697),
    *(7.791597409338999e-06, 0.00018233410307611755, -5.36075811148722e-05, -9.895946159334735e-06),
    *(9.05982468125664e-06, -7.070628846317715e-08, -1.3074486019237587e-06, 1.284479710649634e-07),
    *(1.9627809920091187e-07, -2.688202129280215e-08, -3.095201755804207e-08, 4.022493382168717e-09),
    *(4.4011596227599254e-09, -4.327297110082094e-10, -3.815816262632953e-10, 2.5086998016985133e-11),
)
"""(1 + y) exp(y²/2) Φ(−y), y ≥ 0, by powers of t = (y − 5)/(y + 5): the Chebyshev series to degree 24, computed with 60
digits. No term is larger than the sum, and what is cut off is below 3e-18."""

_NORMAL_END = 40.0
"""Beyond it Φ(−y) is 0 in double precision."""


def _normal(n: Array) -> Array:
    """Φ(n), the distribution function of the normal distribution, with all digits on both sides."""
    xp = namespace(n)
    y = xp.abs(bounded(n, _NORMAL_END))
    t = (y - 5.0) / (y + 5.0)
    total = _NORMAL_TAIL[-1] * xp.ones_like(n)
    for coefficient in _NORMAL_TAIL[-2::-1]:
        total = total * t + coefficient
    tail = xp.exp(-0.5 * y * y) * total / (1.0 + y)
    return xp.where(n > 0.0, 1.0 - tail, tail)


_NORMAL_PEAK = float(1.0 / np.sqrt(2.0 * np.pi))


def _gelu(n: Array) -> Array:
    share = _normal(n)
    return zero_where_vanished(n, share) * share


def _gelu_slope(n: Array, a: Array) -> Array:
    m = bounded(n, _NORMAL_END)
    return _normal(n) + _NORMAL_PEAK * m * namespace(n).exp(-0.5 * m * m)


def _gelu_curve(n: Array, a: Array) -> Array:
    m = bounded(n, _NORMAL_END)
    return _NORMAL_PEAK * namespace(n).exp(-0.5 * m * m) * (2.0 - m * m)


_TANH_GELU = (2.0 * float(np.sqrt(2.0 / np.pi)), 0.044715)
"""gelu's approximation is n·logsig(c (n + d n³)): c and d."""

_TANH_GELU_END = 30.0
"""Beyond it logsig(c (n + d n³)) is 0 or 1 in double precision."""


def _gelutanh_parts(n: Array) -> tuple[Array, Array, Array, Array]:
    """n within the end, and the argument of logsig with its first two derivatives."""
    c, d = _TANH_GELU
    m = bounded(n, _TANH_GELU_END)
    return m, c * m * (1.0 + d * m * m), c * (1.0 + 3.0 * d * m * m), 6.0 * c * d * m


def _gelutanh(n: Array) -> Array:
    share = _sigmoid(_gelutanh_parts(n)[1])
    return zero_where_vanished(n, share) * share


def _gelutanh_slope(n: Array, a: Array) -> Array:
    m, g, first, _ = _gelutanh_parts(n)
    return _sigmoid(g) + m * first * _logsig_slope(g, g)


def _gelutanh_curve(n: Array, a: Array) -> Array:
    m, g, first, second = _gelutanh_parts(n)
    return _logsig_slope(g, g) * (2.0 * first + m * second - m * first * first * namespace(n).tanh(0.5 * g))


def _number(name: str, settings: Mapping[str, float], key: str, positive: bool) -> float:
    """The only setting of a row."""
    value = float(settings[key])
    if not np.isfinite(value) or (positive and value <= 0.0):
        raise ModelError(f"{key} of {name} is {value:g}, expected a finite number{' above 0' if positive else ''}")
    return value


def _leakyrelu(settings: Mapping[str, float]) -> ElementwiseTransfer:
    scale = _number("leakyrelu", settings, "Scale", positive=False)

    def slope(n: Array, a: Array) -> Array:
        xp = namespace(n)
        return xp.where(n > 0.0, 1.0, xp.where(n <= 0.0, scale, n))

    return ElementwiseTransfer(
        "leakyrelu",
        "n where n >= 0, else Scale n",
        "1 where n > 0, else Scale",
        # Inf · 0 would be NaN
        lambda n: namespace(n).where(n < 0.0, scale * n if scale else flat(n), n),
        slope,
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: scale},
        limits=((-np.inf * scale if scale else 0.0, scale, 0), (np.inf, 1, 0)),
        unconfirmed="the slope at 0, where it jumps, is Scale",
        shallow=False,
        settings={"Scale": scale},
        make=_leakyrelu,
    )


def _clippedrelu(settings: Mapping[str, float]) -> ElementwiseTransfer:
    ceiling = _number("clippedrelu", settings, "Ceiling", positive=True)

    def slope(n: Array, a: Array) -> Array:
        xp = namespace(n)
        return xp.where(n <= 0.0, 0.0, xp.where(n >= ceiling, 0.0, xp.where(n == n, 1.0, n)))

    return ElementwiseTransfer(
        "clippedrelu",
        "min(max(0, n), Ceiling)",
        "1 where 0 < n < Ceiling, else 0",
        _saturating(0.0, ceiling),
        slope,
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 0.0, ceiling: 0.0},
        limits=((0, 0, 0), (ceiling, 0, 0)),
        unconfirmed=f"{_NOT_SEEN}; the slopes at 0 and at Ceiling, where they jump, are 0",
        shallow=False,
        settings={"Ceiling": ceiling},
        make=_clippedrelu,
    )


def _elu(settings: Mapping[str, float]) -> ElementwiseTransfer:
    alpha = _number("elu", settings, "Alpha", positive=False)

    def value(n: Array) -> Array:
        # exp(n) − 1 = tanh(n/2) (exp(n) + 1), which keeps the digits of a small n
        xp = namespace(n)
        m = xp.where(n > 0.0, 0.0, n)
        return xp.where(n > 0.0, n, alpha * (xp.tanh(0.5 * m) * (xp.exp(m) + 1.0)))

    def below(n: Array, above: float) -> Array:
        xp = namespace(n)
        return xp.where(n > 0.0, above, alpha * xp.exp(xp.where(n > 0.0, 0.0, n)))

    return ElementwiseTransfer(
        "elu",
        "n where n > 0, else Alpha (exp(n) - 1)",
        "1 where n > 0, else Alpha exp(n)",
        value,
        lambda n, a: below(n, 1.0),
        lambda n, a: below(n, 0.0),
        kinks={} if alpha == 1.0 else {0.0: alpha},
        limits=((-alpha, 0, 0), (np.inf, 1, 0)),
        jumps=(0.0,),
        unconfirmed="the formula has not been checked against values from MATLAB; at 0 the derivatives are those below",
        shallow=False,
        settings={"Alpha": alpha},
        make=_elu,
    )


_ROWS: tuple[TransferFunction, ...] = (
    ElementwiseTransfer(
        "tansig",
        "2 / (1 + exp(-2 n)) - 1 = tanh(n)",
        "1 - a²",
        saturated="4 e / (1 + e)², e = exp(-2 |n|)",
        a=lambda n: namespace(n).tanh(n),
        da_dn=_tansig_slope,
        d2a_dn2=lambda n, a: -2.0 * a * _tansig_slope(n, a),
        analytic=True,
        matlab=("a = 2 ./ (1 + exp(-2*n)) - 1;", "a = tanh(n);"),
        limits=((-1, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "logsig",
        "1 / (1 + exp(-n))",
        "a (1 - a)",
        _logsig,
        _logsig_slope,
        _logsig_curve,
        saturated="e / (1 + e)², e = exp(-|n|)",
        analytic=True,
        log_cotangent=lambda n, a, u: u * _logsig(-n),
        log_complement_cotangent=lambda n, a, u: -(u * _logsig(n)),
        matlab=("a = 1 ./ (1 + exp(-n));",),
        limits=((0, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "purelin",
        "n",
        "1",
        a=lambda n: n,
        da_dn=lambda n, a: namespace(n).ones_like(n),
        d2a_dn2=lambda n, a: namespace(n).zeros_like(n),
        analytic=True,
        linear=True,
        matlab=("a = n;",),
        limits=((-np.inf, 1, 0), (np.inf, 1, 0)),
    ),
    ElementwiseTransfer(
        "poslin",
        "max(0, n)",
        "1 where n >= 0, else 0",
        _poslin,
        _poslin_slope,
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 1.0},
        matlab=_with_nan("a = max(0,n);"),
        limits=((0, 0, 0), (np.inf, 1, 0)),
    ),
    ElementwiseTransfer(
        "satlin",
        "n clipped to [0, 1]",
        "1 where 0 <= n <= 1, else 0",
        _saturating(0.0, 1.0),
        _saturating_slope(0.0, 1.0),
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 1.0, 1.0: 1.0},
        matlab=_with_nan("a = max(0,min(1,n));", "a = min(1,max(0,n));"),
        limits=((0, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "satlins",
        "n clipped to [-1, 1]",
        "1 where -1 <= n <= 1, else 0",
        _saturating(-1.0, 1.0),
        _saturating_slope(-1.0, 1.0),
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={-1.0: 1.0, 1.0: 1.0},
        matlab=_with_nan("a = max(-1,min(1,n));", "a = min(1,max(-1,n));"),
        limits=((-1, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "hardlim",
        "1 where n >= 0, else 0",
        "0",
        _step(0.0),
        lambda n, a: flat(n),
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 0.0},
        stepwise=True,
        matlab=_with_nan("a = double(n >= 0);"),
        limits=((0, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "hardlims",
        "1 where n >= 0, else -1",
        "0",
        _step(-1.0),
        lambda n, a: flat(n),
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 0.0},
        stepwise=True,
        matlab=_with_nan("a = 2*(n >= 0) - 1;"),
        limits=((-1, 0, 0), (1, 0, 0)),
    ),
    ElementwiseTransfer(
        "radbas",
        "exp(-n²)",
        "-2 n a",
        _radbas,
        _radbas_slope,
        _radbas_curve,
        analytic=True,
        even=_RADBAS_OF_SQUARE,
        matlab=("a = exp(-(n.*n));", "a = exp(-n.*n);"),
        limits=((0, 0, 0), (0, 0, 0)),
    ),
    MinusSquareTransfer(
        "radbasn",
        "exp(-n_i²) / sum(exp(-n²))",
        "da_i/dn_j = -2 n_j a_i ((i == j) - a_j)",
        square=_RADBASN_OF_SQUARE,
        even=_RADBASN_OF_SQUARE,
        unconfirmed="a layer whose terms all underflow is computed as softmax of -n²",
        matlab=("a = exp(-(n.*n)); a = a ./ sum(a,1);",),
    ),
    ElementwiseTransfer(
        "tribas",
        "max(0, 1 - |n|)",
        "1 where -1 <= n < 0, -1 where 0 < n <= 1, else 0",
        _tribas,
        _tribas_slope,
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={-1.0: 1.0, 0.0: 0.0, 1.0: -1.0},
        limits=((0, 0, 0), (0, 0, 0)),
        matlab=_with_nan("a = max(0,1 - abs(n));"),
    ),
    _SOFTMAX,
    Compet(
        "compet",
        "1 where n_i is the first largest of the layer, else 0",
        "0",
        stepwise=True,
        matlab=(
            "[S,Q] = size(n); [~,k] = max(n,[],1); a = full(sparse(k,1:Q,ones(1,Q),S,Q));",
            "if isempty(n), a = n; else, [S,Q] = size(n); undefined = any(isnan(n),1); a = zeros(S,Q,'like',n); "
            "[~,k] = max(n,[],1); first = k + S*(0:(Q-1)); a(first) = 1; a(:,undefined) = NaN; end",
        ),
    ),
    ElementwiseTransfer(
        "elliotsig",
        "n / (1 + |n|)",
        "1 / (1 + |n|)²",
        _elliotsig,
        _elliotsig_slope,
        _elliotsig_curve,
        unconfirmed="the curvature at 0, where it jumps, is 0",
        matlab=("a = n ./ (1 + abs(n));",),
        limits=((-1, 0, 0), (1, 0, 0)),
        jumps=(0.0,),
    ),
    ElementwiseTransfer(
        "elliot2sig",
        "sign(n) n² / (1 + n²)",
        "2 |n| / (1 + n²)²",
        _elliot2sig,
        _elliot2sig_slope,
        _elliot2sig_curve,
        unconfirmed="the formula has not been checked against values from MATLAB",
        matlab=("m = n .* n; a = sign(n) .* m ./ (1 + m);",),
        limits=((-1, 0, 0), (1, 0, 0)),
        jumps=(0.0,),
    ),
    ElementwiseTransfer(
        "netinv",
        "1 / n",
        "-a²",
        a=lambda n: 1.0 / n,
        da_dn=lambda n, a: -a * a,
        d2a_dn2=lambda n, a: 2.0 * a * a * a,
        analytic=True,
        unconfirmed="the formula has not been checked against values from MATLAB; singular at n = 0",
        matlab=("a = 1 ./ n;",),
        limits=((0, 0, 0), (0, 0, 0)),
        poles=(0.0,),
    ),
    ElementwiseTransfer(
        "relu",
        "max(0, n)",
        "1 where n > 0, else 0",
        _poslin,
        _relu_slope,
        lambda n, a: flat(n),
        piecewise_linear=True,
        kinks={0.0: 0.0},
        limits=((0, 0, 0), (np.inf, 1, 0)),
        unconfirmed="the slope at 0, where it jumps, is 0; that of poslin is 1",
        shallow=False,
    ),
    _leakyrelu({"Scale": 0.01}),
    _clippedrelu({"Ceiling": 6.0}),
    _elu({"Alpha": 1.0}),
    ElementwiseTransfer(
        "swish",
        "n / (1 + exp(-n))",
        "s + n s (1 - s), s = 1 / (1 + exp(-n))",
        _swish,
        _swish_slope,
        _swish_curve,
        limits=((0, 0, 0), (np.inf, 1, 0)),
        unconfirmed=_NOT_SEEN,
        shallow=False,
    ),
    ElementwiseTransfer(
        "gelu",
        "n/2 (1 + erf(n / sqrt(2)))",
        "P + n exp(-n²/2) / sqrt(2 pi), P = (1 + erf(n / sqrt(2)))/2",
        _gelu,
        _gelu_slope,
        _gelu_curve,
        limits=((0, 0, 0), (np.inf, 1, 0)),
        unconfirmed=_NOT_SEEN,
        shallow=False,
    ),
    ElementwiseTransfer(
        "gelutanh",
        "n/2 (1 + tanh(sqrt(2/pi) (n + 0.044715 n³)))",
        "(1 + t)/2 + n/2 (1 - t²) sqrt(2/pi) (1 + 0.134145 n²), t = tanh(sqrt(2/pi) (n + 0.044715 n³))",
        _gelutanh,
        _gelutanh_slope,
        _gelutanh_curve,
        limits=((0, 0, 0), (np.inf, 1, 0)),
        unconfirmed=_NOT_SEEN,
        shallow=False,
    ),
    ElementwiseTransfer(
        "softplus",
        "ln(1 + exp(n))",
        "1 / (1 + exp(-n))",
        lambda n: _poslin(n) + _log1p_of_exp(n),
        lambda n, a: _logsig(n),
        _logsig_slope,
        limits=((0, 0, 0), (np.inf, 1, 0)),
        unconfirmed=_NOT_SEEN,
        shallow=False,
    ),
)

TRANSFER: Mapping[str, TransferFunction] = {row.name: row for row in _ROWS}
"""The table: the sixteen transfer functions of the class `network`, and those of the classes that followed it."""
