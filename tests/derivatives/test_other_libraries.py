"""Whole networks under array-api-strict: values and derivatives in float64 and float32, in the library given."""

from __future__ import annotations

from typing import Any

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from matnet.model.structure import Layer, Structure, Weight
from matnet.network import Network
from random_networks import SMOOTH, network, regular, structures
from trials import random_cases

few = random_cases(25)


def answers(net: Network, x: Any, v: Any, u: Any) -> list[Any]:
    y, J = net.value_and_jacobian(x)
    return [
        *(y, J, net(x), net.jacobian(x), net.jacobian(x, scale="normalized"), net.jacobian(x, of=1), net.hessian(x)),
        *(net.jvp(x, v), net.vjp(x, u), net.parameter_jacobian(x), *net.layer_outputs(x)),
    ]


def compare(net: Network, x: NDArray[np.float64], dtype: Any, tolerance: float) -> None:
    rng = np.random.default_rng(3)
    v, u = rng.normal(size=x.shape), rng.normal(size=(len(x), net.output_size))
    expected = answers(net, x, v, u)
    with np.errstate(all="ignore"):
        found = answers(net, *(strict.asarray(array.astype(np.float64), dtype=dtype) for array in (x, v, u)))
    for got, exact in zip(found, expected, strict=True):
        assert type(got).__module__.startswith("array_api_strict")
        assert got.dtype == dtype
        assert got.shape == exact.shape
        finite = np.abs(exact)[np.isfinite(exact)]
        scale = 1.0 + finite.max(initial=0.0)
        np.testing.assert_allclose(np.asarray(got, dtype=np.float64), exact, rtol=tolerance, atol=tolerance * scale)


@few
@given(structures())
def test_networks_of_every_row_in_float64(structure: Structure) -> None:
    net = Network(structure)
    compare(net, regular(net, 4), strict.float64, 1e-11)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # a bound beyond float32 is its infinity there
@few
@given(structures(transfers=SMOOTH, weights=("dotprod", "scalprod"), processes=("none", "mapminmax", "mapstd")))
def test_smooth_networks_in_float32(structure: Structure) -> None:
    net = Network(structure)
    compare(net, regular(net, 4), strict.float32, 1e-3)


def test_a_sample_without_batch() -> None:
    rng = np.random.default_rng(0)
    net = network(Layer(3, "softmax", {0: Weight(rng.normal(size=(3, 2)))}, bias=rng.normal(size=3)), inputs=2)
    x = np.array([0.25, -0.5])
    found = net.hessian(strict.asarray(x))
    assert found.shape == (3, 2, 2)
    np.testing.assert_allclose(np.asarray(found), net.hessian(x), rtol=1e-13, atol=1e-15)
