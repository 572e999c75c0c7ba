"""What every kernel consists of: its exp and tanh, against mpmath, and moving rows to lines and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import mpmath
import numpy as np
import pytest

from matnet.compiled.evaluator import CompiledFunction, compiled_functions
from matnet.model.structure import Layer, Weight
from matnet.tape.simplify import simplified
from matnet.tape.symbols import Symbol, record
from random_networks import Real, network

SIZES = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17)
ROWS = (2, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 72, 200)


def functions(computations: Mapping[str, tuple[Callable[..., Any], int]]) -> Mapping[str, CompiledFunction]:
    """The compiled functions of x (rows, size)."""
    program = network(Layer(1, "purelin", {0: Weight([[1.0]])})).program
    tapes = {name: simplified(record(program, quantity, [size])) for name, (quantity, size) in computations.items()}
    return compiled_functions(tapes, lambda _: None)


@pytest.fixture(autouse=True)
def own_cache(c_compiler: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def units_off(got: Real, exact: Callable[[Any], Any], x: Real) -> float:
    """The largest distance in units in the last place of the exact value, which may be subnormal."""
    with mpmath.workprec(160):
        values = [exact(mpmath.mpf(float(each))) for each in x]
        return max(
            float(abs(mpmath.mpf(float(y)) - value) / mpmath.mpf(float(np.spacing(abs(float(value))))))
            for y, value in zip(got, values, strict=True)
        )


def test_exp_and_tanh_are_accurate_for_every_argument() -> None:
    def quantity(_: Any, x: Symbol) -> Any:
        xp: Any = x.__array_namespace__()
        return xp.exp(x), xp.exp(-2.0 * xp.abs(x)), xp.exp(-xp.abs(x)), xp.tanh(x)

    rng = np.random.default_rng(0)
    halves = np.arange(-60.0, 60.0) * (np.log(2.0) / 2.0)  # where the power of two changes
    x = np.concatenate(
        [
            *(rng.normal(size=300) * scale for scale in (1e-9, 1e-3, 0.3, 1.0, 10.0)),
            *(np.nextafter(halves, to) for to in (-np.inf, np.inf)),
            rng.uniform(-745.0, 709.0, 400),
            rng.uniform(-745.0, -705.0, 100),
            [5e-324, -5e-324, 1e-300, 0.0, 709.78],
            [0.36028734586108396, 0.20345380032649263],  # the worst of millions
        ]
    )
    rising, twice, falling, tangent = (y[:, 0] for y in functions({"f": (quantity, 1)})["f"](x[:, None]))
    assert units_off(rising, mpmath.exp, x) < 1.1
    assert units_off(falling, lambda t: mpmath.exp(-abs(t)), x) < 1.1
    assert units_off(twice, lambda t: mpmath.exp(-2 * abs(t)), x) < 1.1
    assert units_off(tangent, mpmath.tanh, x) < 3.3
    edges = np.array([np.nan, np.inf, -np.inf, 710.0, -746.0, 1e300, -1e300])
    rising, _, falling, tangent = (y[:, 0] for y in functions({"f": (quantity, 1)})["f"](edges[:, None]))
    np.testing.assert_array_equal(rising, [np.nan, np.inf, 0.0, np.inf, 0.0, np.inf, 0.0])
    np.testing.assert_array_equal(falling, [np.nan, *[0.0] * 2, np.exp(-710.0), 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(tangent, [np.nan, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0])


def moves(size: int) -> Callable[..., Any]:
    """Twice x in order, three times x backward, and both in one wider result."""

    def quantity(_: Any, x: Symbol) -> Any:
        xp: Any = x.__array_namespace__()
        double = 2.0 * x
        backward = xp.take(3.0 * x, np.arange(size)[::-1], axis=-1)
        return double, backward, xp.concat([double, backward], axis=-1)

    return quantity


def padded(rows: int, size: int) -> Iterator[Any]:
    """Memory of a result between numbers that must stay, and the result in it."""
    memory = np.full(rows * size + 64, -1.5)
    yield memory
    yield memory[32:-32].reshape(rows, size)


def test_rows_of_every_length_are_moved_and_nothing_beyond_them_is_written() -> None:
    compiled = functions({f"of_{size}": (moves(size), size) for size in SIZES})
    for size in SIZES:
        function = compiled[f"of_{size}"]
        for rows in ROWS:
            x = np.random.default_rng(rows).normal(size=(rows, size))
            expected = [2.0 * x, 3.0 * x[:, ::-1], np.concatenate([2.0 * x, 3.0 * x[:, ::-1]], axis=1)]
            for got, right in zip(function(x), expected, strict=True):
                np.testing.assert_array_equal(got, right)
            # the last row ends where memory may end
            memories, results = zip(*(padded(rows, result.shape[1]) for result in expected), strict=True)
            arrays = [x, *results]
            places = [(array.ctypes.data, array.strides[0]) for array in arrays]
            function._run(arrays, places, rows, rows, 0)
            for memory, result, right in zip(memories, results, expected, strict=True):
                np.testing.assert_array_equal(result, right)
                assert (memory[:32] == -1.5).all()
                assert (memory[-32:] == -1.5).all()
