"""The page: what is on it for static and dynamic networks, with and without data, and that nothing breaks out of it."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import ListedNetwork

import matnet
from matnet.errors import ShapeError
from matnet.importers.stored import StoredValues
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.report import Material, behaviour, page

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"

VOID = {"meta", "img"}


@pytest.fixture(autouse=True)
def _matplotlib() -> None:
    pytest.importorskip("matplotlib")


class Reader(HTMLParser):
    """Checks that elements are closed in order, and gathers headings, texts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attributes if key in ("src", "href")]
        if tag == "img":
            assert dict(attributes)["alt"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text.removeprefix("<!DOCTYPE html>"))
    assert reader.open == []
    return reader


def pump() -> Network:
    return matnet.load(FIXTURES / "pump.mat")


def test_the_sections_with_data_and_targets() -> None:
    x = np.array([[20.0, 1500.0], [60.0, 2800.0], [90.0, 3100.0]])
    t = np.array([[9.0], [33.0], [28.0]])
    material = Material(
        pump(), x, t, inputs=("flow", "speed"), outputs=("head",), stored=StoredValues(FIXTURES / "pump.mat")
    )
    found = read(page(material))
    assert found.headings == [
        "The network",
        "Where it came from",
        "Training",
        "Proof",
        "Derivatives",
        "The data",
        "What head follows",
        "Fit",
    ]
    text = "".join(found.texts)
    assert "3 rows of the table. 1 rows lie outside the range seen in training: there the network extrapolates." in text
    assert "2 of 2 derivatives agree: complex step, 3 samples." in text
    assert "dhead/dflow" in text
    assert pump().provenance.sha256 in text


def test_the_numbers_are_those_of_the_network() -> None:
    x = np.array([[20.0, 1500.0], [60.0, 2800.0]])
    net = pump()
    text = page(Material(net, x))
    slopes = net.jacobian(x)[:, 0, :]
    rms = np.sqrt((slopes**2).mean(axis=0))
    for value in (*slopes.mean(axis=0), *rms, *(rms * np.array([100.0, 1450.0]) / 38.07)):
        assert f">{value:.4g}</td>" in text


def test_without_data_the_range_of_the_training_stands_for_it() -> None:
    found = read(page(Material(pump())))
    assert "The data" not in found.headings
    sentence = "No samples were given: these are 500 points spread evenly over the range seen in training."
    assert sentence in found.texts
    assert "Fit" not in found.headings


def test_nothing_is_fetched_and_no_script_runs() -> None:
    text = page(Material(pump()))
    found = read(text)
    assert {"script", "link", "iframe", "object"}.isdisjoint(found.tags)
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in found.addresses)
    assert "default-src 'none'" in html.unescape(text)
    assert not re.search(r"(?:url\(|@import|https?://)", text)


def test_names_from_files_are_escaped() -> None:
    bad = '<script>alert("x")</script>\u202e\n'
    layer = Layer(1, "tansig", {0: Weight([[0.5]])}, bias=[0.1], name=bad)
    net = Network(Structure((Input(1, name=bad),), (layer,), (Output(0, 1, name=bad),)), name=bad)
    material = Material(net, np.array([[1.0], [2.0]]), inputs=(bad,), outputs=(bad,), table=bad)
    text = page(material)
    assert "<script" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;\\u202e" in text
    assert "script" not in read(text).tags


def test_of_many_inputs_and_outputs_a_part_is_shown_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour, "PANELS", 1)
    rng = np.random.default_rng(0)
    layer = Layer(2, "tansig", {0: Weight(rng.normal(size=(2, 70)) / 10)})
    net = Network(Structure((Input(70),), (layer,), (Output(0, 2),)))
    text = "".join(read(page(Material(net, rng.normal(size=(10, 70))))).texts)
    assert "Shown: the 10 strongest of 70 inputs." in text
    assert "And 30 more elements." in text
    assert "The first 1 of 2 outputs are shown above; matnet plot shows others." in text


def test_a_constant_column_and_nan_are_named() -> None:
    x = np.array([[50.0, 1500.0], [50.0, 2000.0], [np.nan, 1800.0]])
    text = "".join(read(page(Material(pump(), x, inputs=("flow", "speed")))).texts)
    assert "1 rows have NaN in an input." in text
    assert "Constant in the data: flow." in text
    assert "Shown: 1 of 3 samples without a known derivative left out." in text


def test_a_constant_output_has_no_sensitivity() -> None:
    layer = Layer(1, "purelin", {0: Weight([[0.0, 0.0]])}, bias=[2.0])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    sentence = "This output is constant over the samples: there is no sensitivity to show."
    assert sentence in read(page(Material(net))).texts


def test_one_sample() -> None:
    found = read(page(Material(pump(), np.array([[50.0, 2000.0]]))))
    assert "1 rows of the table. 0 rows lie outside" in "".join(found.texts)


def test_a_dynamic_network_with_and_without_a_series() -> None:
    layer = Layer(1, "purelin", {0: Weight([[2.0]], delays=(1,))}, {0: Weight([[0.5]], delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    alone = read(page(Material(net)))
    assert alone.headings[-1] == "In time"
    assert alone.tags.count("img") == 1
    series = np.sin(np.arange(30.0))[:, None]
    found = read(page(Material(net, series, np.ones((30, 1)))))
    assert found.tags.count("img") == 3
    assert "y1 over the series; before it zeros." in found.texts


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(ShapeError):
        page(Material(pump(), np.ones((3, 5))))


@pytest.mark.parametrize("file", ["dynamic_narx_closed.mat", "dynamic_nar_closed_no_input.mat", "rbf_pnn.mat"])
def test_kinds_of_networks(file: str, corpus: Path) -> None:
    net = matnet.load(corpus / file)
    found = read(page(Material(net, stored=StoredValues(corpus / file))))
    assert found.headings[:2] == ["The network", "Where it came from"]
    assert {"Proof", "Derivatives"} <= set(found.headings)


def test_every_network_has_its_table(listed_network: ListedNetwork, corpus: Path) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    found = read(net._repr_html_())
    rows = len(net.structure.inputs) + len(net.structure.layers) + len(net.structure.outputs)
    assert found.tags.count("tr") == rows + 1
    assert "\n" not in repr(net)
