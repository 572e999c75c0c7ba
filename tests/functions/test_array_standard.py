"""Every row under array-api-strict, in float64 and float32, and the words of the standard that rows may use."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from numpy.typing import NDArray

import matnet.functions
from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from processing_settings import SETTINGS

Real = NDArray[np.float64]

DTYPES = [pytest.param(strict.float64, 1e-15, id="float64"), pytest.param(strict.float32, 2e-6, id="float32")]

VOCABULARY = {
    *("take", "where", "concat", "matmul", "sum", "max", "min", "argmax"),
    *("exp", "tanh", "sqrt", "abs", "sign"),
    *("matrix_transpose", "reshape", "broadcast_to", "zeros_like", "ones_like", "asarray"),
}
"""All that a tape records and an exporter prints, and what brings constants in."""


def given(dtype: Any, *shape: int, seed: int = 0) -> Any:
    return strict.asarray(np.random.default_rng(seed).normal(size=shape), dtype=dtype)


def plain(array: Any) -> Real:
    return np.asarray(array, dtype=np.float64)


def assert_same(found: Any, expected: Real, dtype: Any, tolerance: float) -> None:
    """The library and type of the argument are kept, and the numbers are NumPy's."""
    assert type(found).__module__.startswith("array_api_strict")
    assert found.dtype == dtype
    assert np.broadcast_shapes(found.shape, expected.shape) == expected.shape
    scale = 1.0 + np.abs(expected).max(initial=0.0)
    np.testing.assert_allclose(plain(found), np.broadcast_to(expected, found.shape), rtol=0.0, atol=tolerance * scale)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("name", sorted(TRANSFER))
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # a bound beyond float32 is its infinity there
def test_transfer(name: str, dtype: Any, tolerance: float) -> None:
    row = TRANSFER[name]
    n, u = given(dtype, 5, 4), given(dtype, 5, 3, 4, seed=1)
    v, w = given(dtype, 5, 2, 4, seed=2), given(dtype, 5, 2, 4, seed=3)
    a = row.value(n)
    N, U, V, W = map(plain, (n, u, v, w))
    A = row.value(N)
    assert_same(a, A, dtype, tolerance)
    assert_same(row.tangent(n, a, v), row.tangent(N, A, V), dtype, 40 * tolerance)
    assert_same(row.cotangent(n, a, u), row.cotangent(N, A, U), dtype, 40 * tolerance)
    bent = row.curvature(n, a, u[:, 0, :], v, w)
    assert_same(bent, row.curvature(N, A, U[:, 0], V, W), dtype, 200 * tolerance)
    if row.log_cotangent is not None:
        assert_same(row.log_cotangent(n, a, u[:, 0, :]), row.log_cotangent(N, A, U[:, 0]), dtype, 10 * tolerance)
    complement = row.log_complement_cotangent
    assert (complement is None) == (row.log_cotangent is None)
    if complement is not None:
        assert_same(complement(n, a, u[:, 0, :]), complement(N, A, U[:, 0]), dtype, 10 * tolerance)


@pytest.mark.parametrize("name", sorted(name for name, row in TRANSFER.items() if not row.coupled))
def test_float32_reaches_its_limits_without_nan(name: str) -> None:
    """A tensor of float32 stays float32, whose numbers end at 3e38: no constant in a row may lie beyond."""
    row = TRANSFER[name]
    sizes = [1e-40, 1e-30, 0.3, 1.0, 12.0, 90.0, 1e9, 1e19, 2e20, 3e38, np.inf]
    n = np.array([sign * size for size in sizes for sign in (1.0, -1.0)], dtype=np.float32)[:, None]
    x, one = strict.asarray(n), strict.ones((len(n), 1, 1), dtype=strict.float32)
    with np.errstate(all="ignore"):
        a = row.value(x)
        found = [a, row.tangent(x, a, one)[:, 0, :], row.curvature(x, a, one[:, 0, :], one, one)[:, 0, :]]
        N, One = n.astype(np.float64), np.ones((len(n), 1, 1))
        A = row.value(N)
        expected = [A, row.tangent(N, A, One)[:, 0, :], row.curvature(N, A, One[:, 0, :], One, One)[:, 0, :]]
    for got, exact in zip(found, expected, strict=True):
        assert got.dtype == strict.float32
        # beyond the range of float32 the exact number is its infinity, below its normal numbers 0
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(plain(got), exact.astype(np.float32), rtol=1e-5, atol=1.2e-38)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("name", sorted(WEIGHT))
@pytest.mark.parametrize("square", [False, True])
def test_weight(name: str, square: bool, dtype: Any, tolerance: float) -> None:
    row: Any = WEIGHT[name].square if square else WEIGHT[name]
    if row is None:
        return
    w = given(dtype, *(WEIGHT[name].weight_shape(3, 3) or ()))
    p = given(dtype, 5, 3, seed=4) + 1.5
    u, v, y = given(dtype, 5, 2, 3, seed=5), given(dtype, 5, 2, 3, seed=6), given(dtype, 5, 2, 3, seed=7)
    dw = given(dtype, 2, *w.shape, seed=8)
    W, P, U, V, Y, DW = map(plain, (w, p, u, v, y, dw))
    z, Z = row.value(w, p), row.value(W, P)
    assert_same(z, Z, dtype, 10 * tolerance)
    assert_same(row.tangent(w, p, z, v), row.tangent(W, P, Z, V), dtype, 40 * tolerance)
    assert_same(row.cotangent(w, p, z, u), row.cotangent(W, P, Z, U), dtype, 40 * tolerance)
    assert_same(row.weight_tangent(w, p, z, dw), row.weight_tangent(W, P, Z, DW), dtype, 40 * tolerance)
    assert_same(row.weight_cotangent(w, p, z, u), row.weight_cotangent(W, P, Z, U), dtype, 40 * tolerance)
    bent, BENT = row.curvature(w, p, z, u[:, 0, :], v, y), row.curvature(W, P, Z, U[:, 0], V, Y)
    assert_same(bent, BENT, dtype, 200 * tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("name", sorted(NET_INPUT))
def test_net_input(name: str, dtype: Any, tolerance: float) -> None:
    row = NET_INPUT[name]
    z = [given(dtype, 4), given(dtype, 5, 4, seed=1), given(dtype, 5, 4, seed=2)]
    v, u = [None, given(dtype, 5, 2, 4, seed=3), given(dtype, 5, 2, 4, seed=4)], given(dtype, 5, 2, 4, seed=5)
    Z, V, U = [plain(term) for term in z], [None if d is None else plain(d) for d in v], plain(u)
    assert_same(row.value(z), row.value(Z), dtype, tolerance)
    assert_same(row.tangent(z, v), row.tangent(Z, V), dtype, 10 * tolerance)
    for k in range(3):
        assert_same(row.cotangent(z, u, k), row.cotangent(Z, U, k), dtype, 10 * tolerance)
    bent, BENT = row.curvature(z, u[:, 0, :], v, v), row.curvature(Z, U[:, 0], V, V)
    assert (bent is None) == (BENT is None)
    if BENT is not None:
        assert_same(bent, BENT, dtype, 40 * tolerance)


PROCESSES = [pytest.param(name, raw, id=f"{name}-{k}") for name in SETTINGS for k, raw in enumerate(SETTINGS[name])]


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize(("name", "raw"), PROCESSES)
@pytest.mark.parametrize("reverse", [False, True])
def test_processing(name: str, raw: Any, reverse: bool, dtype: Any, tolerance: float) -> None:
    row = PROCESSING[name]
    settings = row.settings(raw)
    chosen = row.reverse(settings) if reverse else row.apply(settings)
    sizes = row.raw_size(settings), row.processed_size(settings)
    before, after = sizes[::-1] if reverse else sizes
    numbers = np.random.default_rng(9).normal(size=(5, before))
    numbers[2] = np.nan if name == "fixunknowns" and not reverse else 0.0
    x = strict.asarray(numbers, dtype=dtype)
    v, u = given(dtype, 5, 2, before, seed=1), given(dtype, 5, 2, after, seed=2)
    X, V, U = map(plain, (x, v, u))
    for found, expected in (
        (chosen.value(x), chosen.value(X)),
        (chosen.tangent(x, v), chosen.tangent(X, V)),
        (chosen.cotangent(x, u), chosen.cotangent(X, U)),
    ):
        assert found.dtype == dtype
        np.testing.assert_allclose(plain(found), expected, rtol=10 * tolerance, atol=100 * tolerance)


SOURCES = sorted(path for path in Path(matnet.functions.__file__).parent.glob("*.py") if path.stem != "namespace")


def words(tree: ast.AST) -> set[str]:
    """What is taken from a namespace: attributes of `xp` and of `namespace(…)`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if isinstance(owner, ast.Name) and owner.id == "xp":
                found.add(node.attr)
            if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "namespace":
                found.add(node.attr)
    return found


def test_rows_use_nothing_outside_the_vocabulary() -> None:
    wrong = []
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # performance functions are evaluated on arrays only, never exported
        allowed = VOCABULARY | ({"log"} if path.stem == "performance" else set())
        wrong += [f"{path.name} uses {word}" for word in sorted(words(tree) - allowed)]
        in_place = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.AugAssign)]
        wrong += [f"{path.name}:{line} works in place" for line in in_place]
    assert not wrong


def test_the_words_are_found() -> None:
    assert words(ast.parse("xp.einsum(namespace(a).roll(a), np.cos(a))")) == {"einsum", "roll"}
