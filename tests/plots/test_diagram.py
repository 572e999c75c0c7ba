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
from matnet.plots.diagram import MOST_COLUMNS, arrows_of, delays, layout

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


def test_names_that_layers_share_are_told_apart() -> None:
    net = matnet.load(FIXTURES / "cascade.mat")
    titles = [box.lines[0] for box in layout(net.structure).boxes.values()]
    assert titles == ["Input 1", "Hidden (layer 1)", "Hidden (layer 2)", "Output", "Output 1"]


def test_a_long_network_goes_on_below() -> None:
    layers = [Layer(1, "tansig", {0: Weight([[1.0]])})]
    layers += [Layer(1, "tansig", layer_weights={number: Weight([[1.0]])}) for number in range(8)]
    structure = Structure((Input(1),), tuple(layers), (Output(8, 1),))
    drawn = layout(structure)
    assert {(box.band, box.column) for box in drawn.boxes.values()} == {
        (band, column) for band in range(3) for column in range(MOST_COLUMNS)
    } - {(2, 3)}
    assert drawn.size[0] < 10.0


def test_arrows_around_the_boxes_share_no_line() -> None:
    """Every vertical and horizontal part of a skip or feedback stands apart from those of the others."""
    layers = [Layer(2, "tansig", {0: Weight(np.ones((2, 3)))})]
    for number in range(1, 5):
        sources = {source: Weight(np.ones((2, 2))) for source in range(number)}
        layers.append(Layer(2, "tansig", {0: Weight(np.ones((2, 3)))}, sources))
    layers[0] = Layer(2, "tansig", {0: Weight(np.ones((2, 3)))}, {4: Weight(np.ones((2, 2)), delays=(1,))})
    drawn = layout(Structure((Input(3),), tuple(layers), (Output(4, 2),)))
    detours = [route.points for route in drawn.routes if len(route.points) > 2]
    assert len(detours) > 5
    for one, other in itertools.combinations(detours, 2):
        for (a, b), (c, d) in itertools.product(itertools.pairwise(one), itertools.pairwise(other)):
            for axis in (0, 1):
                if a[axis] == b[axis] and c[axis] == d[axis] and abs(a[axis] - c[axis]) < 0.05:
                    low, high = max(min(a[1 - axis], b[1 - axis]), min(c[1 - axis], d[1 - axis])), 0.0
                    high = min(max(a[1 - axis], b[1 - axis]), max(c[1 - axis], d[1 - axis]))
                    assert high - low < 1e-9, (one, other)


def test_every_network_of_the_corpus_has_a_diagram(listed_network: ListedNetwork, corpus: Path) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    drawn = layout(net.structure)
    boxes, structure = drawn.boxes, net.structure
    assert len(boxes) == len(structure.inputs) + len(structure.layers) + len(structure.outputs)
    for one, other in itertools.combinations(boxes.values(), 2):
        stacked = one.x == other.x
        apart = abs(one.y - other.y) >= (one.height + other.height) / 2 if stacked else True
        assert apart, listed_network.path
    for arrow in arrows_of(structure):
        start, end = boxes[arrow.start], boxes[arrow.end]
        assert arrow.feedback or (start.band, start.column) < (end.band, end.column)
    assert drawn.size[0] < 12.0
