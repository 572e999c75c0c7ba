"""Rounding: no engine is further from the exact numbers than twice the plain order of the formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported_networks import corpus_networks
from matnet.derivatives import quantities
from matnet.derivatives.quantities import Quantity
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tape.evaluate import Evaluator
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record
from random_networks import Real, process

EXTENDED = np.finfo(np.longdouble).eps < 1e-18
"""Whether this machine has numbers of more digits; elsewhere, as on Windows, long doubles are doubles."""

SMALLEST = 2.0**-52
"""Errors of less than a unit in the last place of the range are not compared with each other."""


def exact(net: Network, quantity: Quantity, x: Real) -> Any:
    """The plain formulas in extended precision."""
    with np.errstate(all="ignore"):
        return quantity(net.program, x.astype(np.longdouble))


def errors(found: Real, right: Any, quantity: Quantity) -> tuple[float, float]:
    """The error that 9 of 10 numbers do not exceed, and the mean one, relative to the range of each output.

    The largest of all would be that of the sample at which the network magnifies rounding most: chance.
    """
    offset = np.nanmin(right, axis=0) if isinstance(quantity, quantities.Value) else 0.0
    with np.errstate(all="ignore"):
        size = np.nanmax(np.abs(right - offset), axis=0)
        relative = np.abs(found - right) / np.where(np.isfinite(size) & (size > 0), size, 1.0)
    known = np.asarray(relative[np.isfinite(relative)], dtype=np.float64)
    return (float(np.quantile(known, 0.9)), float(np.mean(known))) if known.size else (0.0, 0.0)


def within(net: Network, count: int, seed: int = 5) -> Real:
    """Samples of the ranges seen in training."""
    low, high = np.where(np.isfinite(net.input_range), net.input_range, [-1.0, 1.0]).T
    return np.random.default_rng(seed).uniform(low, high, (count, net.input_size))


def plain(net: Network, quantity: Quantity) -> Callable[[Real], Real]:
    """The formulas as they are written."""
    return lambda x: quantity(net.program, x)


def plain_alone(net: Network, quantity: Quantity) -> Callable[[Real], Real]:
    """The formulas as they are written, sample by sample."""
    return lambda x: np.stack([quantity(net.program, row[None])[0] for row in x])


def batch(net: Network, quantity: Quantity) -> Callable[[Real], Real]:
    """The tape, over blocks."""
    run = Evaluator(simplified(record(net.program, quantity, [net.input_size])))
    return lambda x: run(x)[0]


def alone(net: Network, quantity: Quantity) -> Callable[[Real], Real]:
    """The tape, sample by sample."""
    run = Evaluator(simplified(record(net.program, quantity, [net.input_size])))
    return lambda x: np.stack([run.one(row)[0] for row in x])


def assert_no_digit_is_lost(net: Network, quantity: Quantity, x: Real, name: str) -> None:
    right = exact(net, quantity, x)
    # one row is summed in another order than many, by the plain formulas too
    for engine, like, count in ((batch, plain, len(x)), (alone, plain_alone, 200)):
        with np.errstate(all="ignore"):
            found, usual = (of(net, quantity)(x[:count]) for of in (engine, like))
        worst, mean = errors(found, right[:count], quantity)
        allowed, usual_mean = errors(usual, right[:count], quantity)
        assert worst <= 2.0 * allowed + SMALLEST, f"{name}, {engine.__name__}: {worst:.2g}, plain {allowed:.2g}"
        assert mean <= 2.0 * usual_mean + SMALLEST / 8, f"{name}, {engine.__name__}: mean {mean:.2g}, {usual_mean:.2g}"


@pytest.mark.skipif(not EXTENDED, reason="long doubles are doubles here")
@pytest.mark.parametrize("quantity", [quantities.VALUE, quantities.Jacobian()], ids=["value", "jacobian"])
def test_the_corpus(corpus: Path, quantity: Quantity) -> None:
    for name, net in corpus_networks(corpus).items():
        x = within(net, 2000 if net.input_size < 20 else 50)
        assert_no_digit_is_lost(net, quantity, x, name)


@pytest.mark.skipif(not EXTENDED, reason="long doubles are doubles here")
@pytest.mark.parametrize("quantity", [quantities.VALUE, quantities.Jacobian()], ids=["value", "jacobian"])
@pytest.mark.parametrize("low", [4.3, -3.0, 2012.67])
@pytest.mark.parametrize("transfer", ["softmax", "tansig", "logsig"])
def test_saturated_layers_behind_scaled_inputs(transfer: str, low: float, quantity: Quantity) -> None:
    """Weights of 300 on inputs scaled to [−1, 1]: a bias that took up their sum would cancel against the rest."""
    rng = np.random.default_rng(11)
    limits = low + rng.random(8), low + 1.0 + 3.0 * rng.random(8)
    scaling = process("mapminmax", xmin=limits[0], xmax=limits[1], ymin=-1.0, ymax=1.0)
    layer = Layer(3, transfer, {0: Weight(300.0 * np.sign(rng.normal(size=(3, 8))))}, bias=rng.normal(size=3))
    scaled = Network(Structure((Input(8, (scaling,)),), (layer,), (Output(0, 3),)))
    # around the middle, where all scaled inputs are 0, so that the layer is not saturated everywhere
    x = limits[0] + (limits[1] - limits[0]) * (0.5 + 0.001 * rng.normal(size=(2000, 8)))
    assert_no_digit_is_lost(scaled, quantity, x, transfer)
