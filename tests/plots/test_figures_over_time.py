"""The numbers behind the plots of dynamic networks, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest

from matnet import plots
from matnet.errors import ShapeError
from matnet.model.structure import Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.sensitivity.lags import lag_derivatives

pytestmark = pytest.mark.usefixtures("figures")

X = np.array([[1.0], [0.0], [0.0], [2.0], [0.0], [0.0]])
Y = [0.0, 2.0, 1.0, 0.5, 4.25, 2.125]


def test_a_series_with_its_targets(arx: Network) -> None:
    ax = plots.series(arx, X, t=np.ones((6, 1)))
    target, output = ax.lines
    np.testing.assert_array_equal(output.get_ydata(), Y)
    np.testing.assert_array_equal(target.get_ydata(), np.ones(6))
    assert ax.get_title(loc="left") == "y1 over the series from states of zeros"


def test_given_states_are_used(arx: Network) -> None:
    ax = plots.series(arx, X[:2], input_states=np.array([[1.0]]), layer_states=np.array([[4.0]]))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [4.0, 4.0])
    assert ax.get_title(loc="left") == "y1 over the series"


def test_a_network_without_inputs_runs_for_steps() -> None:
    layer = Layer(1, "purelin", layer_weights={0: Weight([[0.5]], delays=(1,))}, bias=[1.0])
    free = Network(Structure((), (layer,), (Output(0, 1),)))
    np.testing.assert_array_equal(plots.series(free, steps=3).lines[0].get_ydata(), [1.0, 1.5, 1.75])
    message = "this network has no inputs, so there are no derivatives with respect to inputs"
    with pytest.raises(ShapeError, match=f"^{message}$"):
        plots.lags(free, np.zeros((3, 0)))


def test_the_lags_of_a_linear_network_are_its_impulse_response(arx: Network) -> None:
    derivatives = lag_derivatives(arx, np.ones((8, 1)), lags=4)
    assert derivatives.shape == (4, 5, 1, 1)
    np.testing.assert_allclose(derivatives[:, :, 0, 0], np.tile([0.0, 2.0, 1.0, 0.5, 0.25], (4, 1)))
    ax = plots.lags(arx, X, lags=3)
    # the range of x is 2 and that of y 4.25, both by the data
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata()), np.array([0.0, 2.0, 1.0, 0.5]) * 2.0 / 4.25)


@pytest.mark.parametrize(
    ("x", "lags", "message"),
    [
        (X, 6, "6 lags need a series of at least 7 steps, x has 6"),
        (np.zeros((0, 1)), None, "x has no steps, expected a series of at least one"),
        (np.zeros((4, 2)), None, "x has shape (4, 2), expected (..., 1)"),
    ],
)
def test_what_is_refused(arx: Network, x: np.ndarray[tuple[int, int]], lags: int | None, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.lags(arx, x, lags=lags)


def test_targets_of_another_length(arx: Network) -> None:
    with pytest.raises(ShapeError, match=r"^t has 2 rows, but the series has 6 steps$"):
        plots.series(arx, X, t=[1.0, 2.0])
