"""Whole figures: every kind is drawn and saved, the same bytes each time, and what is missing is said."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from matnet.cli import plot
from matnet.errors import MissingExtraError, ShapeError, TableError
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.plots import style
from matnet.plots.figures import KINDS, Request, draw, image

pytestmark = pytest.mark.usefixtures("figures")

Matrix = NDArray[np.float64]

OVER_TIME = {"series", "lags"}


def request_for(kind: str, static: Network, dynamic: Network) -> Request:
    record = TrainingRecord("tr", np.arange(2.0), {"training": np.array([2.0, 1.0])}, 1, {}, "mse")
    if kind in OVER_TIME:
        return Request(dynamic, np.ones((6, 1)), np.ones((6, 1)))
    x = np.random.default_rng(1).uniform(0.0, 2.0, (30, 2))
    return Request(static, x, np.asarray(static(x)) + 0.1, history=record)


def test_the_command_knows_every_kind() -> None:
    assert set(plot.KINDS) == set(KINDS)
    assert plot.command.help is not None
    for kind in KINDS:
        assert f"  {kind} " in plot.command.help


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_saved(kind: str, pump: Network, arx: Network) -> None:
    made = request_for(kind, pump, arx)
    svg = image(draw(kind, made), ".svg")
    assert svg == image(draw(kind, made), ".svg")
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")])
def test_formats(suffix: str, start: bytes, pump: Network) -> None:
    one, two = (image(draw("network", Request(pump)), suffix) for _ in range(2))
    assert one == two
    assert one.startswith(start)


def test_another_format() -> None:
    with pytest.raises(TableError, match=r"^a plot is written as \.png, \.svg, \.pdf, not as '\.gif'$"):
        image(style.figure(1.0, 1.0), ".gif")


def test_a_panel_for_each_output(by_hand: Network, x: Matrix) -> None:
    both = draw("map", Request(by_hand, x, outputs=["head", "power"], of=[0]))
    assert [ax.get_title() for ax in both.axes] == ["Linear or not: head"]
    request = Request(by_hand, x)
    assert (request.shown_outputs, request.left_out) == ([0, 1], 0)


def test_responses_of_the_strongest_inputs(by_hand: Network, x: Matrix) -> None:
    made = draw("response", Request(by_hand, x, of=[1], top=1))
    assert [ax.get_xlabel() for ax in made.axes] == ["", "x1"]
    assert made.get_suptitle() == "the 1 strongest of 2 inputs"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sensitivity", "this plot shows data: it needs a table of samples"),
        ("parity", "this plot compares outputs with targets: it needs targets"),
        ("training", "this plot shows the course of the training: it needs a training record"),
    ],
)
def test_what_is_missing_is_said(kind: str, message: str, pump: Network) -> None:
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        draw(kind, Request(pump))


def test_a_contour_is_over_two_inputs(pump: Network) -> None:
    with pytest.raises(ShapeError, match=r"^a contour is over two inputs, got 1$"):
        draw("contour", Request(pump, wrt=[0]))


def test_without_matplotlib_the_extra_is_named(pump: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(style, "import_module", missing)
    message = "plots need the package matplotlib, which is not installed; install it with: pip install 'matnet[plots]'"
    with pytest.raises(MissingExtraError, match=f"^{re.escape(message)}$"):
        draw("network", Request(pump))


def test_pyplot_is_not_needed_for_a_file(pump: Network, tmp_path: Path) -> None:
    from matplotlib import pyplot

    image(draw("contour", Request(pump)), ".png")
    assert pyplot.get_fignums() == []
