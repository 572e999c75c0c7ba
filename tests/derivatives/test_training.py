"""Levenberg–Marquardt on the exact parameter Jacobian: the pump network retrained from random weights to its error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.optimize import least_squares

import matnet

PROJECT = Path(__file__).parent.parent.parent

Real = NDArray[np.float64]


@pytest.fixture
def pump() -> tuple[matnet.Network, Real, Real]:
    """The network with the samples and targets it was trained on, one per row."""
    file = PROJECT / "fixtures" / "pump.mat"
    data = loadmat(file, variable_names=["x", "t"])
    return matnet.load(str(file)), data["x"].T.astype(float), data["t"].T.astype(float)


@pytest.mark.parametrize("seed", [0, 2])
def test_the_pump_is_learned_from_random_weights(pump: tuple[matnet.Network, Real, Real], seed: int) -> None:
    net, x, t = pump

    def errors(theta: Real) -> Real:
        found: Real = (net.with_parameters(theta)(x) - t).ravel()
        return found

    def jacobian(theta: Real) -> Real:
        found: Real = net.with_parameters(theta).parameter_jacobian(x)[:, 0, :]
        return found

    start = np.random.default_rng(seed).uniform(-1.0, 1.0, net.parameters.size)
    saved = float(np.mean((net(x) - t) ** 2))
    assert np.mean(errors(start) ** 2) > 1e4 * saved
    fit = least_squares(errors, start, jacobian, method="lm", max_nfev=120)
    assert np.mean(fit.fun**2) <= saved
    assert net.with_parameters(fit.x).performance(x, t) == pytest.approx(np.mean(fit.fun**2), rel=1e-12)


def test_a_wrong_jacobian_does_not_learn_it(pump: tuple[matnet.Network, Real, Real]) -> None:
    """Shows that the test above tests the derivative: with its columns in another order, training fails."""
    net, x, t = pump
    start = np.random.default_rng(2).uniform(-1.0, 1.0, net.parameters.size)
    fit = least_squares(
        lambda theta: (net.with_parameters(theta)(x) - t).ravel(),
        start,
        lambda theta: net.with_parameters(theta).parameter_jacobian(x)[:, 0, ::-1],
        method="lm",
        max_nfev=40,
    )
    assert np.mean(fit.fun**2) > 10.0 * np.mean((net(x) - t) ** 2)
