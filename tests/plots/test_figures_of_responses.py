"""The numbers behind the response and contour plots, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet import plots
from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network

pytestmark = pytest.mark.usefixtures("figures")

Matrix = NDArray[np.float64]


def test_curves_are_value_and_derivative_with_the_others_held(by_hand: Network, x: Matrix) -> None:
    upper, lower = plots.response(by_hand, x, wrt=1, at=(0.0, 0.5))
    for held, value, slope in zip((-1.0, 0.375), upper.lines, lower.lines, strict=False):
        along = np.asarray(value.get_xdata(), dtype=float)
        a = np.tanh(0.5 * along - held)
        np.testing.assert_allclose(np.asarray(value.get_ydata()), a, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(np.asarray(slope.get_ydata()), 0.5 * (1 - a * a), rtol=1e-12)
    legend = lower.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["0%", "50%"]
    assert (upper.get_ylabel(), lower.get_ylabel(), lower.get_xlabel()) == ("y1", "dy1/dx1", "x1")


def test_the_range_seen_in_training_is_shaded(by_hand: Network, x: Matrix) -> None:
    upper, _ = plots.response(by_hand, x, wrt="x1")
    (shade,) = upper.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (0.0, 4.0)  # type: ignore[attr-defined]
    assert upper.get_title(loc="left") == "y1 along x1; shaded: the range seen in training"


def test_without_a_range_of_the_training_that_of_the_data_is_shaded(by_hand: Network, x: Matrix) -> None:
    upper, _ = plots.response(by_hand, x, wrt="x2")
    (shade,) = upper.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (-1.0, 1.0)  # type: ignore[attr-defined]
    assert upper.get_title(loc="left") == "y1 along x2; shaded: the range of the data"


def test_without_data_the_others_are_held_within_their_range(pump: Network) -> None:
    upper, _ = plots.response(pump, wrt=1, at=(0.5,), inputs=["flow [m³/h]", "speed [rpm]"], outputs=["head [m]"])
    along = np.asarray(upper.lines[0].get_xdata(), dtype=float)
    expected = pump(np.stack([along, np.full(len(along), 2175.0)], axis=1))[:, 0]
    np.testing.assert_allclose(np.asarray(upper.lines[0].get_ydata()), expected, rtol=1e-12)
    assert upper.figure.axes[1].get_ylabel() == "dhead/dflow [m/(m³/h)]"


def test_the_contour_is_the_output_over_the_grid(by_hand: Network, x: Matrix) -> None:
    ax = plots.contour(by_hand, x, of=2)
    contours: Any = ax.collections[0]
    arrows: Any = ax.collections[1]
    # y2 = 3 x1 over 0 to 4
    assert contours.get_clim() == (0.0, 12.0)
    np.testing.assert_array_equal(np.asarray(arrows.V), 0.0)
    np.testing.assert_array_equal(np.asarray(arrows.U), 1.0)
    assert ax.get_title(loc="left") == "y2; arrows: gradient; dots: samples"


def test_arrows_are_the_gradient_in_shares_of_the_ranges(by_hand: Network, x: Matrix) -> None:
    ax = plots.contour(by_hand, x, of=1)
    arrows: Any = ax.collections[1]
    points = np.asarray(arrows.get_offsets())
    slopes = by_hand.jacobian(points)[:, 0, :] * np.array([4.0, 2.0])
    slopes /= np.hypot(slopes[:, 0], slopes[:, 1]).max()
    np.testing.assert_allclose(np.stack([arrows.U, arrows.V], axis=1), slopes, rtol=1e-12)


def test_a_constant_output_says_so(by_hand: Network, x: Matrix) -> None:
    flat = by_hand.with_parameters(np.zeros(4))
    ax = plots.contour(flat, x)
    assert ax.get_title(loc="left") == "y1 is constant here: 0; dots: samples"


def test_a_range_that_nobody_knows_is_not_invented(by_hand: Network) -> None:
    with pytest.raises(ShapeError, match=r"^the range of x2 is not known: give samples of them$"):
        plots.response(by_hand)


def test_flat_parts_of_a_contour_have_no_arrows() -> None:
    layer = Layer(1, "satlin", {0: Weight([[1.0, 0.0]])})
    net = Network(Structure((Input(2, range=np.array([[-1.0, 1.0], [0.0, 1.0]])),), (layer,), (Output(0, 1),)))
    ax = plots.contour(net)
    arrows: Any = ax.collections[1]
    assert len(arrows.U) > 20
    assert (np.asarray(arrows.get_offsets())[:, 0] >= 0.0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wrt": 3}, "there is no input 3: they are numbered from 1 to 2"),
        ({"wrt": "speed"}, "no input is called 'speed'; the names are x1, x2"),
        ({"at": (50,)}, "at is [50], expected shares from 0 to 1, as in (0.25, 0.5, 0.75)"),
        ({"x": [[1.0, np.nan]]}, "column 2 of x contains only NaN, so it has no quantile"),
    ],
)
def test_what_a_response_refuses(by_hand: Network, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.response(by_hand, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrt", "message"),
    [
        ((1, 1), "wrt names the same input twice, expected two different ones"),
        ((1,), "wrt names 1 input, expected two"),
    ],
)
def test_what_a_contour_refuses(by_hand: Network, wrt: tuple[int, int], message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.contour(by_hand, wrt=wrt)


def test_a_dynamic_network_has_no_response(arx: Network) -> None:
    with pytest.raises(ShapeError, match=r"^this network is dynamic: use series, lags or network, its diagram$"):
        plots.response(arx)
