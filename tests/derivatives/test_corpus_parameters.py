"""Derivatives with respect to the weights of real networks, against differences of the values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conftest import ListedNetwork
from numpy.typing import NDArray

import matnet
from matnet.functions.transfer import TRANSFER
from matnet.network import Network

Real = NDArray[np.float64]


def differences(net: Network, x: Real, direction: Real) -> tuple[Real, Real]:
    """The derivative of net(x) along a direction of the weights, with an estimate of its error.

    Of several steps each element takes the one that agrees best with its double: rounding needs long steps, curvature
    short ones.
    """
    theta = net.parameters
    steps = [2.0**-k for k in range(12, 24, 3)]

    def difference(h: float) -> Real:
        ahead, behind = (net.with_parameters(theta + sign * h * direction)(x) for sign in (1.0, -1.0))
        found: Real = (ahead - behind) / (2.0 * h)
        return found

    fine = np.stack([difference(h) for h in steps])
    estimate = np.abs(fine - np.stack([difference(2.0 * h) for h in steps]))
    best = np.argmin(estimate, axis=0)[None]
    return np.take_along_axis(fine, best, axis=0)[0], np.take_along_axis(estimate, best, axis=0)[0]


def test_parameter_jacobian_against_differences(corpus: Path, listed_network: ListedNetwork) -> None:
    """Along random directions in the space of the weights, at samples within the range of the training."""
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    if net.dynamic:
        return  # by reverse accumulation in time: see test_cost
    rng = np.random.default_rng(5)
    limits = net.input_range
    low, high = np.where(np.isfinite(limits), limits, [-1.0, 1.0]).T
    x = low + (high - low) * rng.random((3, net.input_size))
    D = net.parameter_jacobian(x)
    assert D.shape == (3, net.output_size, len(net.parameters))
    if all(TRANSFER[net.structure.layers[output.layer].transfer].stepwise for output in net.structure.outputs):
        assert not D.any()
        return
    for _ in range(2):
        direction = rng.normal(size=D.shape[-1]) * (1e-3 + np.abs(net.parameters))
        numerical, doubt = differences(net, x, direction)
        along = D @ direction
        scale = np.abs(along).max() + np.abs(numerical).max() + 1e-6 * np.abs(net(x)).max()
        clear = doubt < 1e-4 * scale  # else a kink or a jump lies within every step
        assert (np.abs(along - numerical) <= 10.0 * doubt + 1e-6 * scale)[clear].all()
        assert clear.mean() >= 0.5
