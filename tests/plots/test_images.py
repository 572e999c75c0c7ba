"""Sensitivities drawn as an image: every pixel where it is, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import matnet
from figure_faults import faults
from image_networks import SHAPE, small_network
from matnet import plots
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.plots.figures import Request, draw

pytestmark = pytest.mark.usefixtures("figures")

N = 3


@pytest.fixture
def images() -> FloatArray:
    return np.random.default_rng(4).normal(size=(N, *SHAPE))


def test_every_pixel_has_the_rms_of_its_derivatives(tmp_path: Path, images: FloatArray) -> None:
    """By central differences of each pixel of each channel, in the image's own order."""
    net, h = small_network(tmp_path), 1e-6
    expected = np.zeros(SHAPE[:2])
    for row, column, channel in np.ndindex(*SHAPE):
        moved = np.zeros(SHAPE)
        moved[row, column, channel] = h
        slope = (net(images + moved) - net(images - moved))[:, 1] / (2 * h)
        expected[row, column] += np.square(slope).sum() / (N * SHAPE[2])
    ax = plots.sensitivity_image(net, images, of=2)
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), np.sqrt(expected), rtol=1e-6)
    assert ax.get_title(loc="left") == "Sensitivity of y2 by pixel\n(3 samples)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column", "row")


def test_images_may_be_rows_of_a_table(tmp_path: Path, images: FloatArray) -> None:
    net = small_network(tmp_path)
    rows = np.stack([picture.ravel(order="F") for picture in images])
    one, other = (plots.sensitivity_image(net, x, of="y3").images[0].get_array() for x in (images, rows))
    np.testing.assert_array_equal(one, other)
    figure = draw("pixels", Request(net, rows))
    assert len(figure.axes) == 2 * net.output_size
    assert faults(figure) == []


def test_networks_without_images_are_refused(pump: Network) -> None:
    message = "this plot shows images: it needs a network with one input, which takes images"
    with pytest.raises(matnet.ShapeError, match=f"^{re.escape(message)}$"):
        plots.sensitivity_image(pump, np.zeros((1, 2)))


def test_other_images_and_outputs_are_refused(tmp_path: Path, images: FloatArray) -> None:
    net = small_network(tmp_path)
    with pytest.raises(matnet.ShapeError, match=r"expected images \(\.\.\., 6, 5, 2\)"):
        plots.sensitivity_image(net, images[:, :5])
    with pytest.raises(matnet.ShapeError, match="there is no output 4"):
        plots.sensitivity_image(net, images, of=4)
    with pytest.raises(matnet.ShapeError, match="x has no samples"):
        plots.sensitivity_image(net, images[:0])


def test_an_ensemble_has_the_rms_of_the_mean_derivatives(tmp_path: Path, images: FloatArray) -> None:
    net = small_network(tmp_path)
    other = net.with_parameters(net.parameters * 1.5)
    mean = 0.5 * (net.jacobian(images) + other.jacobian(images))[:, 1].reshape(N, *SHAPE, order="F")
    ax = plots.sensitivity_image(matnet.Ensemble([net, other]), images, of=2)
    expected = np.sqrt(np.square(mean).mean(axis=(0, 3)))
    np.testing.assert_allclose(np.asarray(ax.images[0].get_array()), expected, rtol=1e-12)
