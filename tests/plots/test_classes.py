"""Confusion matrix and receiver operating characteristic against counts by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet import plots
from matnet.errors import ShapeError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots.classes import are_classes, classes, roc_curve

pytestmark = pytest.mark.usefixtures("figures")

X = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 2.0], [4.0, 5.0, 0.0], [np.nan, 0.0, 0.0]])
T = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def identity(size: int) -> Network:
    """y = x."""
    layer = Layer(size, "purelin", {0: Weight(np.eye(size))})
    return Network(Structure((Input(size),), (layer,), (Output(0, size),)))


def test_rows_are_outputs_and_columns_targets() -> None:
    found = classes(identity(3), X, T)
    np.testing.assert_array_equal(found.target, [0, 1, 1, 0])
    np.testing.assert_array_equal(found.output, [0, 1, 2, 1])
    np.testing.assert_array_equal(found.matrix, [[1, 0, 0], [1, 1, 0], [0, 1, 0]])


def test_the_matrix_shows_counts_and_shares() -> None:
    ax = plots.confusion(identity(3), X, T, outputs=["cat", "dog", "cow"])
    shown = [text.get_text() for text in ax.texts]
    assert shown[:9] == [
        *("1\n25.0%", "0\n0.0%", "0\n0.0%"),
        *("1\n25.0%", "1\n25.0%", "0\n0.0%"),
        *("0\n0.0%", "1\n25.0%", "0\n0.0%"),
    ]
    # the share of each output that is right and of each target that is found, class by class, and of all
    assert shown[9:] == ["100.0%", "50.0%", "50.0%", "50.0%", "0.0%", "–", "50.0%"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("target class", "output class")
    assert ax.get_title(loc="left") == "all samples: 4 samples"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["cat", "dog", "cow"]


def test_the_matrix_of_a_set() -> None:
    members = np.array([True, False, True, False, True])
    ax = plots.confusion(identity(3), X, T, members, name="test")
    assert ax.get_title(loc="left") == "test: 2 samples"


def test_one_output_has_two_classes_divided_midway() -> None:
    x = np.array([[0.4], [0.6], [0.5], [-3.0]])
    found = classes(identity(1), x, [0.0, 1.0, 1.0, 0.0])
    assert found.names == ("0", "1")
    np.testing.assert_array_equal(found.output, [0, 1, 0, 0])
    np.testing.assert_array_equal(classes(identity(1), x, [-1.0, 1.0, 1.0, -1.0]).output, [1, 1, 1, 0])


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.3, 0.1])
    positive = np.array([True, True, False, False, True])
    pairs: list[float] = []
    for good in scores[positive]:
        pairs += [1.0 if good > bad else 0.5 if good == bad else 0.0 for bad in scores[~positive]]
    false, true, area = roc_curve(scores, positive)
    assert area == pytest.approx(sum(pairs) / len(pairs), rel=1e-15)
    np.testing.assert_allclose(false, [0.0, 0.0, 0.5, 1.0, 1.0])
    np.testing.assert_allclose(true, [0.0, 1 / 3, 2 / 3, 2 / 3, 1.0])


def test_a_curve_for_each_class_that_has_both_kinds_of_samples() -> None:
    ax = plots.roc(identity(3), X, T)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["y1: area 1.0000", "y2: area 0.2500"]


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (np.array([[0.0], [1.0], [np.nan]]), True),
        (np.array([[-1.0], [1.0]]), True),
        (np.array([[0.0], [1.0], [2.0]]), False),
        (np.array([[1.0], [1.0]]), False),
        (np.array([[1.0, 0.0], [0.0, 1.0]]), True),
        (np.array([[1.0, 1.0], [0.0, 1.0]]), False),
        (np.array([[0.5, 0.2], [0.0, 1.0]]), False),
        (np.zeros((0, 2)), False),
    ],
)
def test_what_targets_of_classes_are(t: NDArray[np.float64], expected: bool) -> None:
    assert are_classes(t) is expected


def test_what_is_refused() -> None:
    message = (
        "the targets are not classes: expected two values, and with several outputs one element of each row at the "
        "higher of them; use parity or residuals for other targets"
    )
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        plots.confusion(identity(3), X[:2], np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"^t has 1 row, but x has 2$"):
        plots.roc(identity(3), X[:2], T[:1])
    many = identity(26)
    with pytest.raises(ShapeError, match=r"^a confusion matrix is drawn for up to 25 classes, the network has 26$"):
        plots.confusion(many, np.eye(26), np.eye(26))
