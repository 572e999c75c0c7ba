"""The numbers behind the plots of dynamic networks, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest

from matnet import plots
from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots.courses import autocorrelation
from matnet.sensitivity.lags import lag_derivatives

pytestmark = pytest.mark.usefixtures("figures")

X = np.array([[1.0], [0.0], [0.0], [2.0], [0.0], [0.0]])
Y = [0.0, 2.0, 1.0, 0.5, 4.25, 2.125]


def test_a_series_with_its_targets(arx: Network) -> None:
    ax = plots.series(arx, X, t=np.ones((6, 1)))
    target, output = ax.lines  # the thin output lies over the wide target
    np.testing.assert_array_equal(output.get_ydata(), Y)
    np.testing.assert_array_equal(target.get_ydata(), np.ones(6))
    assert ax.get_title(loc="left") == "y1 over the series, starting from zero states"


def test_an_output_at_the_end_alone_is_shown_as_if_the_series_ended_at_each_step() -> None:
    """y(T) = 3 a(1), a(t) = 0.5 a(t + 1) + x(t) backward in time: 3 Σ 0.5^(t - 1) x(t); and a(t) itself."""
    own = Layer(1, "purelin", {0: Weight([[1.0]])}, {0: Weight([[0.5]], delays=(1,))}, backward=True)
    last = Layer(1, "purelin", {}, {0: Weight([[3.0]], last=True)})
    net = Network(Structure((Input(1),), (own, last), (Output(0, 1), Output(1, 1))))
    answers = 3.0 * np.cumsum(0.5 ** np.arange(6) * X[:, 0])
    ax = plots.series(net, X, of=2)
    line, dot = ax.lines
    np.testing.assert_allclose(np.asarray(line.get_xydata())[:, 1], answers, rtol=1e-14)
    assert np.asarray(dot.get_xydata()).tolist() == [[6.0, np.asarray(line.get_xydata())[-1, 1]]]
    assert ax.get_title(loc="left").startswith("y2 if the series ended at each step, starting from zero states")
    (every,) = plots.series(net, X).lines
    expected = [sum(0.5 ** (k - t) * X[k, 0] for k in range(t, 6)) for t in range(6)]
    np.testing.assert_allclose(np.asarray(every.get_xydata())[:, 1], expected, rtol=1e-14)
    assert plots.lags(net, X, of=2).get_title(loc="left") == "Impulse response of y2 at the last step"


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
    # layers that are fed back reach without end: half of the steps are samples
    assert lag_derivatives(arx, np.ones((8, 1))).shape == (5, 4, 1, 1)
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


def test_a_wild_start_does_not_squeeze_the_axis() -> None:
    """y(t) = x(t) − 1000 while x(t − 1) is the zero before the series."""
    layer = Layer(1, "purelin", {0: Weight([[1.0, 0.1]], delays=(0, 1))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    rng = np.random.default_rng(0)
    ax = plots.series(net, 1e4 + rng.random((50, 1)))
    low, high = ax.get_ylim()
    assert 10999.0 < low < high < 11003.0
    expected = (
        "y1 over the series, starting from zero states; the first steps, before the delays are filled, exceed the axis"
    )
    assert ax.get_title(loc="left").replace("\n", " ") == expected


def test_the_autocorrelation_by_hand() -> None:
    values, limit = autocorrelation(np.array([1.0, 2.0, np.nan, -1.0, 3.0]), 2)
    np.testing.assert_allclose(values, [15.0 / 4, (2.0 - 3.0) / 4, (-2.0) / 4])
    assert limit == pytest.approx(1.96 * 15.0 / 4 / 2.0)


def test_the_autocorrelation_of_the_errors_of_a_network(arx: Network) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1))
    noise = rng.normal(size=(400, 1))
    ax = plots.error_autocorrelation(arx, x, arx.run(x).outputs + noise, lags=15)
    heights = [bar.get_height() for bar in ax.patches]  # type: ignore[attr-defined]
    np.testing.assert_allclose(heights, autocorrelation(noise[2:, 0], 15)[0], rtol=1e-9)
    with pytest.raises(ShapeError, match=r"^15 lags need a longer series, this one has 4 steps with an error$"):
        plots.error_autocorrelation(arx, X, X, lags=15)
