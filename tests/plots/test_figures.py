"""Whole figures: every kind is drawn and saved, the same bytes each time, and what is missing is said."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

import matnet
from figure_faults import faults
from matnet import extras
from matnet.cli import plot
from matnet.errors import MissingExtraError, ShapeError, TableError, UnsupportedError
from matnet.importers.training_record import TrainingRecord
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.plots import style
from matnet.plots.figures import KINDS, Request, draw, image

pytestmark = pytest.mark.usefixtures("figures")

Matrix = NDArray[np.float64]

DIGITS = Path(__file__).parent.parent.parent / "fixtures" / "digits.mat"

OVER_TIME = {"series", "lags", "error-autocorrelation"}
OF_CLASSES = {"confusion", "roc"}


def request_for(kind: str, static: Network, dynamic: Network) -> Request:
    states = {"gradient": np.array([3.0, 0.01]), "val_fail": np.array([0.0, 6.0])}
    curves = {"training": np.array([2.0, 1.0])}
    record = TrainingRecord("tr", np.arange(2.0), curves, 1, {}, "mse", states=states)
    if kind in OVER_TIME:
        return Request(dynamic, np.ones((6, 1)), np.arange(6.0)[:, None], lags=2)
    x = np.random.default_rng(1).uniform(0.0, 2.0, (30, 2))
    if kind in OF_CLASSES:
        return Request(static, x, np.where(x[:, :1] > 1.0, 1.0, 0.0))
    if kind == "pixels":
        net = matnet.load(DIGITS)
        return Request(net, np.zeros((1, net.input_size)), of=[0])
    return Request(static, x, np.asarray(static(x)) + x[:, :1], record=record)


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
    assert [ax.get_title(loc="left") for ax in both.axes] == ["Mean and spread of the sensitivities of head"]
    request = Request(by_hand, x)
    assert (request.shown_outputs, request.left_out) == ([0, 1], 0)


def test_responses_of_the_strongest_inputs(by_hand: Network, x: Matrix) -> None:
    made = draw("response", Request(by_hand, x, of=[1], top=1))
    assert [ax.get_xlabel() for ax in made.axes] == ["", "x1"]
    (legend,) = made.legends
    assert legend.get_title().get_text() == "the 1 strongest of 2 inputs; other inputs at these quantiles"
    assert [text.get_text() for text in legend.get_texts()] == ["25%", "50%", "75%"]


def test_a_response_of_every_output(by_hand: Network, x: Matrix) -> None:
    made = draw("response", Request(by_hand, x))
    assert [ax.get_ylabel() for ax in made.axes] == ["y1", "dy1/dx1", "y1", "dy1/dx2", "y2", "dy2/dx1", "y2", "dy2/dx2"]


def test_where_a_response_holds_the_other_inputs(by_hand: Network, x: Matrix) -> None:
    upper = draw("response", Request(by_hand, x, of=[0], wrt=[0], point=[7.0, 0.25])).axes[0]
    (line,) = upper.lines
    along = np.asarray(line.get_xdata(), dtype=float)
    np.testing.assert_allclose(np.asarray(line.get_ydata()), np.tanh(0.5 * along - 0.25), rtol=1e-13, atol=1e-15)
    lines = draw("response", Request(by_hand, x, of=[0], wrt=[0], at=[0.1, 0.9])).axes[0].lines
    assert [line.get_label() for line in lines] == ["10%", "90%"]


def test_size_and_title(pump: Network) -> None:
    made = draw("network", Request(pump, size=(5.0, 2.0), title="The pump of hall $3"))
    assert tuple(made.get_size_inches()) == (5.0, 2.0)
    assert made.get_suptitle() == r"The pump of hall \$3"
    assert faults(made) == []


@pytest.mark.parametrize("kind", sorted(OVER_TIME))
def test_kinds_of_dynamic_networks_are_refused_for_static_ones(kind: str, pump: Network) -> None:
    message = (
        f"{kind} is a plot of dynamic networks, but this network is static: its samples have no order in time; use "
        "response, sensitivity or parity"
    )
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        draw(kind, Request(pump, np.ones((40, 2)), np.ones((40, 1))))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("response", "a response is over an input, but this network has none"),
        ("contour", "a contour is over two inputs, but this network has none"),
        ("series", "the network has no inputs: say for how many steps it runs with steps"),
    ],
)
def test_kinds_that_need_inputs_are_refused_without(kind: str, message: str) -> None:
    net = Network(Structure((), (Layer(2, "tansig", bias=[0.5, -0.25]),), (Output(0, 2),)))
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        draw(kind, Request(net))


@pytest.mark.parametrize("kind", ["sensitivity", "map", "alpha", "response", "contour", "confusion", "roc"])
def test_kinds_of_static_networks_are_refused_for_dynamic_ones(kind: str, arx: Network) -> None:
    closed = Network(arx.structure)
    request = Request(closed, np.ones((6, 1)), np.ones((6, 1)))
    message = "this network is dynamic: use series, lags or network, its diagram"
    if kind == "contour":
        message = "a contour is over two inputs, but this network has one; use response"
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        draw(kind, request)


@pytest.mark.parametrize("kind", ["sensitivity", "map", "alpha"])
def test_derivatives_that_are_0_everywhere_are_no_figure(kind: str) -> None:
    layer = Layer(2, "compet", {0: Weight(np.eye(2))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    message = (
        "every derivative of y1 is 0, because layer 1 (compet) is a step function: there are no sensitivities to show"
    )
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        draw(kind, Request(net, np.array([[1.0, 0.0], [0.0, 1.0]])))


def test_an_ensemble_is_drawn_as_its_mean(by_hand: Network, x: Matrix) -> None:
    both = Ensemble([by_hand, by_hand])
    for kind in ("sensitivity", "response", "contour", "parity", "residuals"):
        assert faults(draw(kind, Request(both, x, np.asarray(both(x)) + 0.1))) == []
    with pytest.raises(UnsupportedError, match=r"^this plot is of one network, but 2 are given; name one of them$"):
        draw("network", Request(both))


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

    monkeypatch.setattr(extras, "import_module", missing)
    message = (
        "a plot needs the package matplotlib, which is not installed; install it with: pip install 'matnet[plots]'"
    )
    with pytest.raises(MissingExtraError, match=f"^{re.escape(message)}$"):
        draw("network", Request(pump))


def test_pyplot_is_not_needed_for_a_file(pump: Network, tmp_path: Path) -> None:
    from matplotlib import pyplot

    image(draw("contour", Request(pump)), ".png")
    assert pyplot.get_fignums() == []
