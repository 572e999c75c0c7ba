"""The numbers behind the sensitivity plots, and what they refuse."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet import plots
from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots.sensitivities import Unit, gather
from matnet.sensitivity.measures import measures

pytestmark = pytest.mark.usefixtures("figures")

Matrix = NDArray[np.float64]


def wide(count: int) -> Network:
    """y = Σ k x_k for k from 1 to `count`."""
    weight = Weight(np.arange(1.0, count + 1.0)[None, :])
    return Network(Structure((Input(count),), (Layer(1, "purelin", {0: weight}),), (Output(0, 1),)))


def test_rows_mark_mean_and_rms_in_shares_of_the_ranges(by_hand: Network, x: Matrix) -> None:
    ax = plots.sensitivity(by_hand, x, inputs=["flow", "speed"], outputs=["head", "power"])
    # the range of x1 is 4 by the network, that of x2 is 2 by the data, that of y1 is 4 by the network
    found = measures(by_hand.jacobian(x)[:, 0, :] * np.array([1.0, 0.5]))
    diamonds = [line for line in ax.lines if line.get_marker() == "D"]
    np.testing.assert_array_equal([line.get_xdata()[0] for line in diamonds], found.mean)  # type: ignore[index]
    ticks = [line for line in ax.lines if np.ptp(np.asarray(line.get_ydata())) == pytest.approx(0.6)]
    np.testing.assert_array_equal([np.asarray(line.get_xdata())[0] for line in ticks], found.rms)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["flow", "speed"]
    assert ax.get_title(loc="left") == "Sensitivity of head (4 samples)"
    assert ax.get_xlabel().startswith("dhead/dx · range of x / range of head\n")


@pytest.mark.parametrize(("unit", "slope"), [("real", "3"), ("range", "1.33")])
def test_the_numbers_at_the_side_have_the_unit_of_the_axis(by_hand: Network, x: Matrix, unit: Unit, slope: str) -> None:
    # y2 = 3 x1, x1 has the range 4 of the network, y2 the range 9 of the data
    ax = plots.sensitivity(by_hand, x, of="y2", unit=unit)
    (right,) = ax.child_axes
    head, first, second = [label.get_text().split() for label in right.get_yticklabels()]
    assert (head, first, second) == (["mean", "sd", "rms"], [slope, "0", slope], ["0", "0", "0"])


def test_of_hundreds_of_inputs_the_strongest_are_shown_and_the_title_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(20, 300))
    ax = plots.sensitivity(wide(300), x, unit="real", top=3)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x300", "x299", "x298"]
    assert ax.get_title(loc="left") == "Sensitivity of y1 (20 samples)\nthe 3 strongest of 300 inputs"


def test_one_sample(by_hand: Network) -> None:
    ax = plots.sensitivity(by_hand, [[1.0, 0.5]], unit="real")
    assert ax.get_title(loc="left") == "Sensitivity of y1 (1 sample)"
    (right,) = ax.child_axes
    assert right.get_yticklabels()[1].get_text().split() == ["-1", "–", "1"]


def test_samples_with_nan_are_left_out_and_named(by_hand: Network, x: Matrix) -> None:
    with_nan = np.concatenate([x, [[np.nan, 1.0]]])
    shown = gather(by_hand, with_nan)
    np.testing.assert_array_equal(shown.found.mean, gather(by_hand, x).found.mean)
    assert shown.left_out == "at 1 of 5 samples the derivative is not known"


def test_a_constant_column_is_shown_at_zero(by_hand: Network, x: Matrix) -> None:
    fixed = x.copy()
    fixed[:, 1] = 1.0
    shown = gather(by_hand, fixed)
    assert shown.labels == ("x1", "x2")
    np.testing.assert_array_equal(shown.found.rms[1], 0.0)
    assert shown.real.rms[1] > 0.0


def test_the_map_places_mean_and_sd(by_hand: Network, x: Matrix) -> None:
    ax = plots.sensitivity_map(by_hand, x)
    found = measures(by_hand.jacobian(x)[:, 0, :] * np.array([1.0, 0.5]))
    offsets = np.asarray(ax.collections[0].get_offsets())
    np.testing.assert_array_equal(offsets, np.stack([found.mean, found.sd], axis=1))
    assert [text.get_text() for text in ax.texts] == ["x1", "x2"]


def test_the_alpha_curves(by_hand: Network, x: Matrix) -> None:
    ax = plots.alpha_curves(by_hand, x, unit="real")
    by_name = {str(line.get_label()): np.asarray(line.get_ydata()) for line in ax.lines}
    slopes = [1 - math.tanh(0.5 * a - b) ** 2 for a, b in x.tolist()]
    assert by_name["x2"][0] == pytest.approx(sum(slopes) / 4)
    assert by_name["x2"][2] == pytest.approx(math.sqrt(sum(s * s for s in slopes) / 4))
    assert by_name["x2"][-1] == pytest.approx(max(slopes))
    np.testing.assert_allclose(by_name["x1"], by_name["x2"] / 2)


def test_names_of_strangers_are_shown_as_they_are(by_hand: Network, x: Matrix) -> None:
    ax = plots.sensitivity(by_hand, x, inputs=["$x_1$", "line\nbreak"], outputs=["a" * 40, "y"])
    assert {label.get_text() for label in ax.get_yticklabels()} == {r"\$x_1\$", "line·break"}
    assert ax.get_title(loc="left") == f"Sensitivity of {'a' * 23}… (4 samples)"
    ax.figure.savefig(io.BytesIO())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((0, 2))}, "x has no samples, expected at least one row"),
        ({"x": np.zeros((3, 1))}, "x has shape (3, 1), expected (..., 2)"),
        ({"of": 3}, "there is no output 3: they are numbered from 1 to 2"),
        ({"of": "y3"}, "no output is called 'y3'; the names are y1, y2"),
        ({"unit": "metres"}, "unit is 'metres', expected 'range' or 'real'"),
        ({"top": 0}, "top is 0, expected 1 or more"),
        ({"inputs": ["a"]}, "1 name given for 2 inputs"),
        ({"x": [[1.0, 2.0]], "of": 2}, "output 2 is constant, so its range is 0: use the unit 'real'"),
    ],
)
def test_what_is_refused(by_hand: Network, x: Matrix, arguments: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"x": x, **arguments}
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.sensitivity(by_hand, **given)  # type: ignore[arg-type]


def test_a_map_needs_two_samples(by_hand: Network) -> None:
    with pytest.raises(ShapeError, match=r"^x has 1 sample: a standard deviation needs at least two$"):
        plots.sensitivity_map(by_hand, [[1.0, 2.0]])


def test_a_dynamic_network_is_sent_to_the_plots_over_time(arx: Network) -> None:
    message = "this network is dynamic: use series, lags or network, its diagram"
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.sensitivity(arx, [[1.0]])
