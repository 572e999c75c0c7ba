"""CompiledFunction kernels of every row and of the real networks, against NumPy: one library for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported_networks import corpus_networks, disagreement, row_networks, samples, special_samples, zero_weights
from matnet.compiled.evaluator import CompiledFunction, compare, compiled_functions
from matnet.derivatives import quantities
from matnet.network import Network
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record
from random_networks import Real

BOTH: Callable[..., Any] = quantities.VALUE_AND_JACOBIAN
HESSIAN: Callable[..., Any] = quantities.Hessian()

ROWS = sorted(row_networks())
BENT = [name for name in ROWS if name.startswith(("transfer", "radial_radbas", "several")) or name.endswith("_netprod")]

# the compiler takes half of its time for these, which repeat what the others show: a second network of each transfer
# function, and curvatures through a product of another distance
SLOW = [name for name in ROWS if name.startswith("radial_") and name != "radial_radbas"]
SLOW_BENT = [*SLOW, *(name for name in BENT if name.endswith("_netprod") and name != "weight_dist_netprod")]


def compiled(
    networks: Mapping[str, Network], both: Iterable[str], bent: Iterable[str] = ()
) -> Mapping[str, CompiledFunction]:
    """Value and Jacobian of some, Hessians of some, in one library that is not checked when it is built."""
    asked = [(name, "both", BOTH) for name in both] + [(name, "hessian", HESSIAN) for name in bent]
    tapes = {
        f"{name}_{what}": simplified(record(networks[name].program, compute, (networks[name].input_size,)))
        for name, what, compute in asked
    }
    return compiled_functions(tapes, lambda _: None)


@pytest.fixture(scope="module", autouse=True)
def own_cache(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@cache
def of_rows(slow: bool) -> Mapping[str, CompiledFunction]:
    """The functions of the slow cases, or those of the others."""
    both = {name: net for name, net in row_networks().items() if (name in SLOW) == slow}
    return compiled(row_networks(), both, [name for name in BENT if (name in SLOW_BENT) == slow])


def marked(names: list[str], slow: list[str]) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.slow] if name in slow else []) for name in names]


@cache
def of_corpus(folder: Path) -> Mapping[str, CompiledFunction]:
    return compiled(corpus_networks(folder), corpus_networks(folder))


def many(net: Network) -> Real:
    """More rows than a whole block has, the special ones at its start and at the end."""
    some = samples(net)
    return np.concatenate([some, *([some[:8]] * 8), some])


def agrees(function: CompiledFunction, net: Network, compute: Callable[..., Any], bound: float) -> None:
    x = many(net)
    got, expected = function(x), net.evaluation.on_rows(compute, x)
    for ours, theirs in zip(got, expected, strict=True):
        assert disagreement(ours, theirs) <= bound
    for one, together in zip(function(x[:3]), got, strict=True):
        np.testing.assert_array_equal(one, together[:3])


@pytest.mark.parametrize("name", marked(ROWS, SLOW))
def test_every_row(name: str) -> None:
    agrees(of_rows(name in SLOW)[f"{name}_both"], row_networks()[name], BOTH, 1e-14)


def test_nan_and_inf_are_not_swallowed_by_weights_that_are_zero() -> None:
    networks = zero_weights()
    functions = compiled(networks, networks)
    for name, net in networks.items():
        x, y = special_samples(net)
        for rows in (x, np.tile(x, (20, 1))):
            got = functions[f"{name}_both"](rows)[0]
            assert disagreement(got[: len(x)], y) <= 1e-15, name


@pytest.mark.parametrize("name", marked(BENT, SLOW_BENT))
def test_every_row_curved(name: str) -> None:
    agrees(of_rows(name in SLOW_BENT)[f"{name}_hessian"], row_networks()[name], HESSIAN, 1e-14)


def test_real_networks(corpus: Path) -> None:
    networks = corpus_networks(corpus)
    assert networks
    for name, net in networks.items():
        function = of_corpus(corpus)[f"{name}_both"]
        compare(function, lambda x, net=net: net.evaluation.on_rows(BOTH, x), [many(net)])
        x = inside(net)
        for ours, theirs, moved, span in zip(
            function(x),
            net.value_and_jacobian(x),
            net.value_and_jacobian(x * (1.0 + 2.0**-51)),
            ranges(net),
            strict=True,
        ):
            # a network that magnifies rounding does not agree with itself more closely than this
            change = np.max(np.abs(moved - theirs))
            size = np.maximum(span, np.max(np.abs(theirs)))
            assert np.all(np.abs(ours - theirs) <= 1e-14 * size + change), name


def ranges(net: Network) -> tuple[Real, Real]:
    """The range of each output in training, 1 if the file does not state it, and that per range of each input."""
    (low, high), (first, last) = net.output_range.T, net.input_range.T
    span, way = high - low, last - first
    span, way = (np.where(np.isfinite(each) & (each > 0), each, 1.0) for each in (span, way))
    return span, span[:, None] / way


def inside(net: Network) -> Real:
    """Samples in the range of the training."""
    low, high = net.input_range.T
    known = np.isfinite(high - low)
    spread = np.random.default_rng(6).random((100, net.input_size))
    return np.where(known, low + np.where(known, high - low, 0.0) * spread, spread)
