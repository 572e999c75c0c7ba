"""Networks and data that are small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network


@pytest.fixture
def by_hand() -> Network:
    """y1 = tanh(x1 / 2 − x2), y2 = 3 x1: without processing, with the range of x1 known."""
    hidden = Layer(1, "tansig", {0: Weight([[0.5, -1.0]])})
    linear = Layer(1, "purelin", {0: Weight([[3.0, 0.0]])})
    inputs = Input(2, range=np.array([[0.0, 4.0], [np.nan, np.nan]]))
    outputs = (Output(0, 1, range=np.array([[-2.0, 2.0]])), Output(1, 1))
    return Network(Structure((inputs,), (hidden, linear), outputs))


@pytest.fixture
def x() -> NDArray[np.float64]:
    """Four samples for `by_hand`."""
    return np.array([[0.0, 0.5], [1.0, -1.0], [3.0, 0.25], [2.0, 1.0]])


@pytest.fixture
def arx() -> Network:
    """y(t) = 2 x(t−1) + y(t−1) / 2, without processing."""
    layer = Layer(1, "purelin", {0: Weight([[2.0]], delays=(1,))}, {0: Weight([[0.5]], delays=(1,))})
    return Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
