"""The outputs' covariance from the inputs', against sampling."""

from __future__ import annotations

import re

import numpy as np
import pytest

from matnet import Network, ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight


def network() -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(4, "tansig", {0: Weight(rng.normal(size=(4, 3)))}, bias=rng.normal(size=4))
    last = Layer(2, "purelin", {}, {0: Weight(rng.normal(size=(2, 4)))}, rng.normal(size=2))
    return Network(Structure((Input(3),), (hidden, last), (Output(1, 2),)))


def test_against_sampling() -> None:
    """Deviations of 1e-4 leave a relative error of second order; 200,000 samples one of 1/sqrt(100,000)."""
    net, rng = network(), np.random.default_rng(1)
    x = np.array([0.3, -0.2, 0.5])
    root = 1e-4 * rng.normal(size=(3, 3))
    samples = net(x + rng.normal(size=(200_000, 3)) @ root.T)
    found = net.propagate(x, root @ root.T)
    scale = np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert (np.abs(np.cov(samples.T) - found) / scale).max() < 5.0 / np.sqrt(100_000)


def test_batches_of_points_and_of_covariances() -> None:
    net, rng = network(), np.random.default_rng(2)
    x = rng.normal(size=(5, 3))
    roots = rng.normal(size=(5, 3, 3))
    sigma = roots @ np.swapaxes(roots, -1, -2)
    each = np.stack([net.jacobian(p) @ s @ net.jacobian(p).T for p, s in zip(x, sigma, strict=True)])
    np.testing.assert_allclose(net.propagate(x, sigma), each, rtol=1e-12)
    same = np.stack([net.jacobian(p) @ sigma[0] @ net.jacobian(p).T for p in x])
    np.testing.assert_allclose(net.propagate(x, sigma[0]), same, rtol=1e-12)


def test_a_covariance_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape('covariance has shape (2, 2), expected (..., 3, 3)')}$"):
        network().propagate(np.zeros(3), np.eye(2))
