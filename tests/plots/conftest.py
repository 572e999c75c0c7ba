"""Small networks and their data, and figures that are closed after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import matnet
from matnet.network import Network
from small_networks import arx, by_hand, x

__all__ = ["arx", "by_hand", "x"]

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


@pytest.fixture
def figures() -> Iterator[None]:
    """Skips where matplotlib is not installed."""
    pytest.importorskip("matplotlib").use("Agg")
    yield
    pytest.importorskip("matplotlib.pyplot").close("all")


@pytest.fixture
def pump() -> Network:
    return matnet.load(FIXTURES / "pump.mat")
