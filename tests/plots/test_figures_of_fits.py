"""The numbers behind parity, residuals and training, and what they refuse."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet import plots
from matnet.errors import ShapeError
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.plots.fits import fits

pytestmark = pytest.mark.usefixtures("figures")

Matrix = NDArray[np.float64]

T = np.array([[0.0, 1.0], [1.0, np.nan], [0.5, 8.0], [-0.5, 6.0]])
SETS = {"training": np.array([True, True, True, False]), "test": np.array([False, False, False, True])}


def test_rmse_and_r2_by_hand(by_hand: Network, x: Matrix) -> None:
    (fit,), unknown = fits(by_hand, x, T, of=2)
    errors = [1.0 - 0.0, 8.0 - 9.0, 6.0 - 6.0]
    assert unknown == 1
    assert fit.rmse == pytest.approx(math.sqrt(sum(e * e for e in errors) / 3))
    assert fit.r2 == pytest.approx(1 - 2.0 / ((1 - 5) ** 2 + (8 - 5) ** 2 + (6 - 5) ** 2))


def test_equal_targets_have_no_r2(by_hand: Network, x: Matrix) -> None:
    (fit,), _ = fits(by_hand, x, np.ones((4, 2)))
    assert math.isnan(fit.r2)


def test_parity_by_set(by_hand: Network, x: Matrix) -> None:
    ax = plots.parity(by_hand, x, T, sets=SETS)
    training, test, diagonal = ax.lines
    np.testing.assert_array_equal(training.get_xdata(), T[:3, 0])
    np.testing.assert_array_equal(training.get_ydata(), by_hand(x)[:3, 0])
    np.testing.assert_array_equal(test.get_xdata(), T[3:, 0])
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert str(training.get_label()).startswith("training: 3, rmse ")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target of y1", "output y1")


def test_samples_in_no_set_are_shown_as_such(by_hand: Network, x: Matrix) -> None:
    found, _ = fits(by_hand, x, T, sets={"training": SETS["training"]})
    assert [(fit.name, len(fit.t)) for fit in found] == [("training", 3), ("in no set", 1)]


def test_residuals_are_target_minus_output(by_hand: Network, x: Matrix) -> None:
    ax = plots.residuals(by_hand, x, T, of=2)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1.0, -1.0, 0.0])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.0, 9.0, 6.0])
    assert np.asarray(ax.lines[-1].get_ydata())[0] == pytest.approx(2 * math.sqrt(2 / 3))
    expected = "Residuals of y2; dashed: ±2 rmse; 1 sample with NaN left out"
    assert ax.get_title(loc="left") == expected


def history(**changes: object) -> TrainingRecord:
    curves = {"training": np.array([4.0, 2.0, 1.0]), "validation": np.array([5.0, 2.5, 3.0])}
    fields: dict[str, object] = {
        "path": "tr",
        "epochs": np.arange(3.0),
        "curves": curves,
        "best_epoch": 1,
        "members": {},
        "performance": "mse",
    }
    return TrainingRecord(**{**fields, **changes})  # type: ignore[arg-type]


def test_training_shows_the_curves_and_the_best_epoch() -> None:
    ax = plots.training(history())
    training, validation, best = ax.lines
    np.testing.assert_array_equal(training.get_ydata(), [4.0, 2.0, 1.0])
    np.testing.assert_array_equal(validation.get_ydata(), [5.0, 2.5, 3.0])
    np.testing.assert_array_equal(best.get_xdata(), [1, 1])
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "mse")


def test_a_performance_of_zero_is_no_logarithm() -> None:
    assert plots.training(history(curves={"training": np.array([1.0, 0.5, 0.0])})).get_yscale() == "linear"


def test_a_record_without_curves() -> None:
    with pytest.raises(ShapeError, match=r"^the training record tr keeps no curve of the performance$"):
        plots.training(history(curves={}))


@pytest.mark.parametrize(
    ("t", "sets", "message"),
    [
        (T[:3], None, "t has 3 rows, but x has 4"),
        (T[:, :1], None, "t has shape (4, 1), expected (..., 2)"),
        (np.full((4, 2), np.nan), None, "no sample has both a known output 1 and a known target: nothing to compare"),
        (T, {"test": np.ones(3, dtype=bool)}, "the set 'test' has flags for 3 samples, but there are 4"),
    ],
)
def test_what_is_refused(by_hand: Network, x: Matrix, t: Matrix, sets: object, message: str) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.parity(by_hand, x, t, sets=sets)  # type: ignore[arg-type]


def test_a_data_frame_is_taken_by_name(by_hand: Network, x: Matrix) -> None:
    """Columns in another order, and others beside them, change nothing."""
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x2": x[:, 1], "note": [0.0] * 4, "x1": x[:, 0]})
    targets = polars.DataFrame({"y2": T[:, 1], "y1": T[:, 0]})
    for of in (1, 2):
        (fit,), _ = fits(by_hand, frame, targets, of=of)
        (expected,), _ = fits(by_hand, x, T, of=of)
        assert (fit.rmse, fit.r2) == (expected.rmse, expected.r2)


def test_a_data_frame_is_taken_by_the_names_that_are_given(by_hand: Network, x: Matrix) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"speed": x[:, 1], "flow": x[:, 0]})
    names = ["flow", "speed"]
    for plot, part in ((plots.sensitivity, "x"), (plots.sensitivity_map, "x"), (plots.alpha_curves, "y")):
        by_name, by_position = (plot(by_hand, given, inputs=names) for given in (frame, x))
        for one, other in zip(by_name.lines, by_position.lines, strict=True):
            np.testing.assert_array_equal(getattr(one, f"get_{part}data")(), getattr(other, f"get_{part}data")())
    for one, other in zip(
        plots.response(by_hand, frame, inputs=names)[0].lines,
        plots.response(by_hand, x, inputs=names)[0].lines,
        strict=True,
    ):
        np.testing.assert_array_equal(one.get_ydata(), other.get_ydata())


def test_masked_targets_are_unknown_and_complex_ones_are_refused(by_hand: Network, x: Matrix) -> None:
    masked = np.ma.masked_invalid(T)
    assert fits(by_hand, x, masked, of=2)[1] == 1
    with pytest.raises(ShapeError, match=r"^t is complex, expected real numbers$"):
        fits(by_hand, x, T + 1j)


def test_the_error_histogram_counts_every_error_once(by_hand: Network, x: Matrix) -> None:
    ax = plots.error_histogram(by_hand, x, T, of=2, sets=SETS)
    heights = [bar.get_height() for bar in ax.patches]  # type: ignore[attr-defined]
    assert sum(heights) == 3
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["training: 2", "test: 1"]
