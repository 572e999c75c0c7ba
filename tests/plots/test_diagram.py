"""The diagram: every layer, weight and delay is on it, and boxes do not overlap."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from conftest import ListedNetwork

import matnet
from matnet import plots
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots.diagram import arrows_of, delays, layout, size

pytestmark = pytest.mark.usefixtures("figures")

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"


def texts(net: Network) -> list[str]:
    return [text.get_text() for text in plots.network(net).texts if text.get_text()]


def test_a_fitnet(pump: Network) -> None:
    assert texts(pump) == [
        *("Input 1", "2 elements", "mapminmax"),
        *("Hidden", "10 neurons", "tansig"),
        *("Output", "1 neuron", "purelin"),
        *("Output 1", "1 element", "mapminmax"),
    ]


def test_delays_and_feedback(arx: Network) -> None:
    shown = texts(arx)
    assert shown.count("delay 1") == 2
    assert {(arrow.start, arrow.end): arrow.feedback for arrow in arrows_of(arx.structure)} == {
        (("input", 0), ("layer", 0)): False,
        (("layer", 0), ("layer", 0)): True,
        (("layer", 0), ("output", 0)): False,
    }


def test_a_cascade_has_its_skips() -> None:
    net = matnet.load(FIXTURES / "cascade.mat")
    starts = [(arrow.start, arrow.end) for arrow in arrows_of(net.structure)]
    layers = len(net.structure.layers)
    assert (("input", 0), ("layer", layers - 1)) in starts
    assert len(starts) == layers + layers * (layers - 1) // 2 + 1


def test_other_functions_are_named() -> None:
    radial = Layer(2, "radbas", {0: Weight([[1.0], [2.0]], "dist")}, bias=[1.0, 1.0], net_input="netprod", name="Rad$")
    linear = Layer(1, "purelin", layer_weights={0: Weight([[1.0, 1.0]])})
    shown = texts(Network(Structure((Input(1, name="a\tb"),), (radial, linear), (Output(1, 1),))))
    assert shown[3 - 1 : 7 - 1] == [r"Rad\$", "2 neurons", "radbas", "netprod"]
    assert shown[0] == "a·b"
    assert "dist" in shown
    assert "no bias" in shown


@pytest.mark.parametrize(
    ("steps", "text"), [((1,), "1"), ((1, 2), "1, 2"), ((0, 1, 2, 3), "0:3"), ((1, 5, 6, 7, 9), "1, 5, 6, 7, …")]
)
def test_delays_in_few_characters(steps: tuple[int, ...], text: str) -> None:
    assert delays(steps) == text


def test_every_network_of_the_corpus_has_a_diagram(listed_network: ListedNetwork, corpus: Path) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    boxes = layout(net.structure)
    structure = net.structure
    assert len(boxes) == len(structure.inputs) + len(structure.layers) + len(structure.outputs)
    for one, other in itertools.combinations(boxes.values(), 2):
        apart = abs(one.y - other.y) >= (one.height + other.height) / 2 if one.x == other.x else True
        assert apart, listed_network.path
    for arrow in arrows_of(structure):
        assert arrow.feedback or boxes[arrow.start].x < boxes[arrow.end].x
    assert np.all(np.isfinite(size(net)))
