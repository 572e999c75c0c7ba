"""The two questions that matnet was asked first, worked out by hand and compared with what it gives.

One: the gradient of a fitnet at real scale. The recipe takes h = tanh(b1 + IW·nx), forms dny/dnx, and rescales by hand:
dy/dx = dny/dnx · gain_in / gain_out. Two: the same through ReLU layers with skip connections, where the paths add.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network

Matrix = NDArray[np.float64]


class Fitnet:
    """A 1-3-1 fitnet with mapminmax on both sides, its numbers by their names in the recipe."""

    IW = np.array([[1.3], [-0.7], [2.9]])
    b1 = np.array([-0.4, 0.25, 1.1])
    LW = np.array([[0.8, -1.6, 0.35]])
    b2 = np.array([0.15])
    x_min, x_max = 40.0, 265.0
    y_min, y_max = -3.5, 12.25

    @property
    def gain_in(self) -> float:
        return 2.0 / (self.x_max - self.x_min)

    @property
    def gain_out(self) -> float:
        return 2.0 / (self.y_max - self.y_min)

    def network(self) -> Network:
        def scaled(low: float, high: float) -> Process:
            settings = {"xmin": low, "xmax": high, "ymin": -1.0, "ymax": 1.0, "xrows": 1, "yrows": 1}
            return Process.from_matlab("mapminmax", settings)

        hidden = Layer(3, "tansig", input_weights={0: Weight(self.IW)}, bias=self.b1)
        output = Layer(1, "purelin", layer_weights={0: Weight(self.LW)}, bias=self.b2)
        return Network(
            Structure(
                inputs=(Input(1, (scaled(self.x_min, self.x_max),)),),
                layers=(hidden, output),
                outputs=(Output(1, 1, (scaled(self.y_min, self.y_max),)),),
            )
        )


X = np.linspace(20.0, 290.0, 19)[:, None]
"""Raw inputs, some of them outside the range of the training."""


@pytest.fixture
def fitnet() -> Fitnet:
    return Fitnet()


def recipe(f: Fitnet, x: Matrix) -> tuple[Matrix, Matrix]:
    """ny and dny/dnx of the recipe, each (Q, 1)."""
    nx = (x - f.x_min) * f.gain_in - 1.0
    h = np.tanh(f.b1 + nx * f.IW[:, 0])
    ny = h @ f.LW[0] + f.b2
    dny_dnx = ((1.0 - h**2) * f.LW[0]) @ f.IW
    return ny[:, None], dny_dnx


def test_question_one_the_value_of_the_recipe(fitnet: Fitnet) -> None:
    ny, _ = recipe(fitnet, X)
    y = (ny + 1.0) / fitnet.gain_out + fitnet.y_min
    np.testing.assert_allclose(fitnet.network()(X), y, rtol=1e-14, atol=1e-14)


def test_question_one_the_normalized_gradient_of_the_recipe(fitnet: Fitnet) -> None:
    _, dny_dnx = recipe(fitnet, X)
    J = fitnet.network().jacobian(X, scale="normalized")
    assert J.shape == (19, 1, 1)
    np.testing.assert_allclose(J[:, :, 0], dny_dnx, rtol=1e-14, atol=1e-14)


def test_question_one_the_real_gradient_is_rescaled_by_gain_in_over_gain_out(fitnet: Fitnet) -> None:
    _, dny_dnx = recipe(fitnet, X)
    dy_dx = dny_dnx * fitnet.gain_in / fitnet.gain_out
    J = fitnet.network().jacobian(X)
    assert J.shape == (19, 1, 1)
    np.testing.assert_allclose(J[:, :, 0], dy_dx, rtol=1e-14, atol=0.0)


def test_question_one_the_reverse_map_applied_to_the_gradient_is_wrong(fitnet: Fitnet) -> None:
    """The usual slip: sending dny/dnx through mapminmax 'reverse' adds an offset to a slope."""
    _, dny_dnx = recipe(fitnet, X)
    slip = (dny_dnx + 1.0) / fitnet.gain_out + fitnet.y_min
    assert np.abs(fitnet.network().jacobian(X)[:, :, 0] - slip).min() > 1.0


class Skips:
    """y = W3·h2 + W3x·x + b3 with h1 = relu(W1·x + b1) and h2 = relu(W2·h1 + W2x·x + b2)."""

    W1 = np.array([[0.9, -1.2, 0.4], [-0.3, 0.8, 1.1], [1.7, 0.2, -0.6], [-0.5, -0.9, 0.7]])
    b1 = np.array([0.3, -0.2, 0.1, 0.6])
    W2 = np.array([[0.6, -0.8, 1.0, 0.2], [-1.1, 0.7, 0.3, 0.9], [0.4, 0.5, -0.2, -1.3]])
    W2x = np.array([[0.15, 0.7, -0.4], [0.8, -0.25, 0.5], [-0.6, 0.35, 0.95]])
    b2 = np.array([-0.1, 0.45, 0.2])
    W3 = np.array([[1.2, -0.7, 0.5], [-0.4, 1.6, 0.9]])
    W3x = np.array([[0.33, -0.52, 0.21], [-0.17, 0.64, 0.08]])
    b3 = np.array([0.7, -1.4])

    def network(self) -> Network:
        first = Layer(4, "poslin", input_weights={0: Weight(self.W1)}, bias=self.b1)
        second = Layer(3, "poslin", {0: Weight(self.W2x)}, {0: Weight(self.W2)}, self.b2)
        output = Layer(2, "purelin", {0: Weight(self.W3x)}, {1: Weight(self.W3)}, self.b3)
        return Network(Structure((Input(3),), (first, second, output), (Output(2, 2),)))

    def active(self, x: Matrix) -> tuple[Matrix, Matrix]:
        """n1 and n2: a neuron is active where its net input is positive."""
        n1 = self.W1 @ x + self.b1
        return n1, self.W2 @ np.maximum(n1, 0.0) + self.W2x @ x + self.b2

    def value(self, x: Matrix) -> Matrix:
        _, n2 = self.active(x)
        y: Matrix = self.W3 @ np.maximum(n2, 0.0) + self.W3x @ x + self.b3
        return y

    def jacobian(self, x: Matrix) -> Matrix:
        """W3·D2·(W2·D1·W1 + W2x) + W3x, D the diagonal matrices of the active neurons."""
        D1, D2 = (np.diag((n > 0.0).astype(float)) for n in self.active(x))
        J: Matrix = self.W3 @ D2 @ (self.W2 @ D1 @ self.W1 + self.W2x) + self.W3x
        return J


POINTS = np.array([[0.5, -0.3, 0.8], [-1.1, 0.4, 0.2], [0.9, 1.3, -0.7], [-0.6, -1.4, 0.1], [1.8, -0.2, -1.5]])
STEP = 2.0**-13


@pytest.mark.parametrize("x", POINTS, ids=str)
def test_question_two_three_jacobians_are_equal(x: Matrix) -> None:
    """matnet's, the closed form, and a column at a time by central differences, which are exact on a linear piece."""
    skips = Skips()
    net = skips.network()
    assert min(np.abs(n).min() for n in skips.active(x)) > 0.01, "the point must lie inside a linear piece"
    np.testing.assert_allclose(net(x), skips.value(x), rtol=1e-14, atol=1e-14)

    J = net.jacobian(x)
    assert J.shape == (2, 3)
    np.testing.assert_allclose(J, skips.jacobian(x), rtol=1e-14, atol=1e-14)
    for j, direction in enumerate(np.eye(3)):
        column = (net(x + STEP * direction) - net(x - STEP * direction)) / (2.0 * STEP)
        np.testing.assert_allclose(column, J[:, j], rtol=0.0, atol=1e-11)


def test_question_two_the_points_lie_on_different_pieces() -> None:
    """Otherwise the test above would look at one matrix five times."""
    skips = Skips()
    pieces = {tuple((np.concatenate(skips.active(x)) > 0.0).tolist()) for x in POINTS}
    assert len(pieces) == len(POINTS)


def test_question_two_a_batch_gives_the_same_as_its_rows() -> None:
    net = Skips().network()
    together = net.jacobian(POINTS)
    assert together.shape == (5, 2, 3)
    for q, x in enumerate(POINTS):
        np.testing.assert_allclose(together[q], net.jacobian(x), rtol=1e-15, atol=1e-15)
