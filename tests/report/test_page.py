"""The page: what is on it for static and dynamic networks, with and without data, and that nothing breaks out of it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from conftest import ListedNetwork
from scipy.io import savemat

import matnet
from matnet.errors import ShapeError, UnsupportedError
from matnet.importers.stored import StoredValues
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.report import Material, behaviour, findings, page
from matnet.report.markdown import markdown
from matnet.report.pdf import BROWSERS, pdf

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"

VOID = {"meta", "img", "source"}


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
        self.addresses += [value or "" for key, value in attributes if key in ("src", "href", "srcset")]
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
        "At a glance",
        "Move the inputs",
        "The network",
        "Where it came from",
        "Training",
        "Proof",
        "Derivatives",
        "The data",
        "Sensitivity of head",
        "Fit",
    ]
    text = "".join(found.texts)
    assert (
        "3 rows of the table. 1 of 3 rows lies outside the range seen in training: there the network extrapolates."
        in text
    )
    assert "2 of 2 derivatives agree: complex step, 3 samples." in text
    assert "dhead_dflow" in text
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
    sentence = "No table was given: these are 500 points spread evenly over the range seen in training."
    assert sentence in found.texts
    assert "Fit" not in found.headings


def test_nothing_is_fetched_and_no_other_script_runs() -> None:
    text = page(Material(pump()))
    found = read(text)
    assert {"link", "iframe", "object"}.isdisjoint(found.tags)
    assert found.tags.count("script") == 1
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in found.addresses)
    policy = html.unescape(text.split('Content-Security-Policy" content="')[1].split('"')[0])
    script = text.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"(?:url\(|@import)", text)


def test_without_sliders_there_is_no_script() -> None:
    text = page(Material(pump()), moving=False)
    assert "script" not in read(text).tags
    assert "script-src" not in text


def test_of_a_large_network_the_page_says_where_it_computes() -> None:
    first = Layer(4000, "tansig", {0: Weight(np.linspace(-1.0, 1.0, 4000)[:, None])}, bias=np.zeros(4000))
    last = Layer(1, "purelin", layer_weights={0: Weight(np.full((1, 4000), 1e-3))}, bias=[0.0])
    found = read(page(Material(Network(Structure((Input(1),), (first, last), (Output(1, 1),))))))
    assert found.headings[1] == "Move the inputs"
    sentence = "A network of 12,001 weights and biases is too large for this page: matnet explore writes its own."
    assert sentence in found.texts
    assert "script" not in found.tags


def test_names_from_files_are_escaped() -> None:
    bad = '<script>alert("x")</script>\u202e\n'
    layer = Layer(1, "tansig", {0: Weight([[0.5]])}, bias=[0.1], name=bad)
    net = Network(Structure((Input(1, name=bad),), (layer,), (Output(0, 1, name=bad),)), name=bad)
    material = Material(net, np.array([[1.0], [2.0]]), inputs=(bad,), outputs=(bad,), table=bad)
    text = page(material)
    assert "<script>" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;\\u202e" in text
    assert read(text).tags.count("script") == 1


def test_of_many_inputs_and_outputs_a_part_is_shown_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour, "PANELS", 1)
    monkeypatch.setattr(findings, "PANELS", 1)
    rng = np.random.default_rng(0)
    layer = Layer(2, "tansig", {0: Weight(rng.normal(size=(2, 70)) / 10)})
    net = Network(Structure((Input(70),), (layer,), (Output(0, 2),)))
    text = "".join(read(page(Material(net, rng.normal(size=(10, 70))))).texts)
    assert "Shown: the 10 strongest of 70 inputs." in text
    assert "And 30 more elements." in text
    assert "The first 1 of 2 outputs are shown above; matnet plot --of shows others." in text


def test_a_constant_column_and_nan_are_named() -> None:
    x = np.array([[50.0, 1500.0], [50.0, 2000.0], [np.nan, 1800.0]])
    text = "".join(read(page(Material(pump(), x, inputs=("flow", "speed")))).texts)
    assert "1 row has NaN in an input." in text
    assert "Constant in the data: flow." in text
    assert "Shown: at 1 of 3 samples the derivative is not known." in text


def test_a_constant_output_has_no_sensitivity() -> None:
    layer = Layer(1, "purelin", {0: Weight([[0.0, 0.0]])}, bias=[2.0])
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    sentence = "This output is constant over the samples: there are no sensitivities to show."
    assert sentence in read(page(Material(net, np.eye(2)))).texts


def test_one_sample() -> None:
    found = read(page(Material(pump(), np.array([[50.0, 2000.0]]))))
    assert "1 row of the table. The only row lies within the range seen in training." in "".join(found.texts)


def test_a_dynamic_network_with_and_without_a_series() -> None:
    layer = Layer(1, "purelin", {0: Weight([[2.0]], delays=(1,))}, {0: Weight([[0.5]], delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    alone = read(page(Material(net)))
    assert alone.headings[-1] == "In time"
    assert alone.tags.count("img") == 1
    series = np.sin(np.arange(30.0))[:, None]
    found = read(page(Material(net, series, np.ones((30, 1)))))
    assert found.tags.count("img") == 3
    assert "y1 over the series, starting from zero states." in found.texts


def test_a_network_whose_outputs_are_constants() -> None:
    net = Network(Structure((), (Layer(2, "tansig", bias=[0.5, -0.25]),), (Output(0, 2),)))
    words = "there are no derivatives to check: the network has neither inputs nor delays."
    assert words in page(Material(net))


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(ShapeError):
        page(Material(pump(), np.ones((3, 5))))


@pytest.mark.parametrize("file", ["dynamic_narx_closed.mat", "dynamic_nar_closed_no_input.mat", "rbf_pnn.mat"])
def test_kinds_of_networks(file: str, corpus: Path) -> None:
    net = matnet.load(corpus / file)
    found = read(page(Material(net, stored=StoredValues(corpus / file))))
    moved = ["Move the inputs"] if net.input_size else []
    assert found.headings[: 3 + len(moved)] == ["At a glance", *moved, "The network", "Where it came from"]
    assert {"Proof", "Derivatives"} <= set(found.headings)


def card_of(text: str) -> dict[str, str]:
    """The lines of the card by their terms, tags taken away."""
    card = text[text.index("<dl>") : text.index("</dl>")]
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", card, flags=re.DOTALL)
    return {term: html.unescape(re.sub(r"<[^>]+>", "|", words)) for term, words in pairs}


def test_the_card_answers_the_first_questions() -> None:
    net = pump()
    rng = np.random.default_rng(0)
    x = rng.uniform((0.0, 1450.0), (100.0, 2900.0), (40, 2))
    x[3, 0] = 130.0
    t = np.asarray(net(x)) + rng.normal(size=(40, 1))
    sets = {"training": np.arange(40) < 30, "test": np.arange(40) >= 30}
    found = card_of(page(Material(net, x, t, inputs=("flow", "speed"), outputs=("head",), sets=sets)))
    assert found["What it is"] == (
        "A static network: 2 inputs, 2 layers, 1 output, 41 weights and biases; tansig, purelin."
    )
    assert found["Derivatives"] == "2 of 2 derivatives agree: complex step, 20 samples."
    assert found["Range"] == ("1 of 40 rows lies outside the range seen in training: there the network extrapolates.")
    rms = np.sqrt((net.jacobian(x)[:, 0] ** 2).mean(axis=0)) * np.array([100.0, 1450.0]) / 38.07
    assert f"head: speed ({rms[1]:.2g}), flow ({rms[0]:.2g})" in found["Strongest inputs"]
    cells = list(filter(None, found["Fit"].split("|")))
    for name, flags in {**sets, "all samples": np.ones(40, dtype=bool)}.items():
        errors = (t - net(x))[flags]
        r2 = 1.0 - float((errors**2).sum() / ((t[flags] - t[flags].mean()) ** 2).sum())
        place = cells.index(name)
        expected = [f"{flags.sum()}", f"{r2:.4f}", f"{np.sqrt((errors**2).mean()):.4g}"]
        assert cells[place + 1 : place + 4] == expected


def test_a_range_that_nobody_knows_is_said_to_be_unknown() -> None:
    layer = Layer(1, "tansig", {0: Weight([[0.5, 1.0]])})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 1),)))
    sentence = "The training range is not known, so rows outside it cannot be counted."
    assert card_of(page(Material(net, np.eye(2))))["Range"] == sentence
    alone = read(page(Material(net)))
    assert "The ranges of the inputs are not known: give a table of samples to see sensitivities." in alone.texts
    assert "seen in training" not in "".join(alone.texts)


def test_the_range_of_centres_is_not_called_that_of_the_training() -> None:
    radial = Layer(2, "radbas", {0: Weight([[1.0], [2.0]], "dist")}, bias=[1.0, 1.0], net_input="netprod")
    linear = Layer(1, "purelin", layer_weights={0: Weight([[1.0, 1.0]])})
    net = Network(Structure((Input(1),), (radial, linear), (Output(1, 1),)))
    found = card_of(page(Material(net, np.array([[1.5], [4.0]]))))
    assert found["Range"] == (
        "1 of 2 rows lies outside the range of the centres of the radial neurons: there the network extrapolates."
    )


def test_a_network_of_steps_says_why_its_derivatives_are_0() -> None:
    layer = Layer(2, "compet", {0: Weight(np.eye(2))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    x = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
    found = read(page(Material(net, x)))
    sentence = (
        "layer 1 (compet): the output changes only in steps there, so every derivative through that layer is 0. "
        "The page shows no sensitivities of outputs whose derivatives are all 0."
    )
    assert found.texts.count(sentence) == 3
    assert found.tags.count("img") == 1


def test_a_classifier_has_its_confusion_matrix() -> None:
    layer = Layer(2, "softmax", {0: Weight(np.eye(2))})
    net = Network(Structure((Input(2),), (layer,), (Output(0, 2),)))
    x = np.tile(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]), (4, 1))
    t = np.tile(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), (4, 1))
    found = read(page(Material(net, x, t)))
    assert "The confusion matrix: output classes in rows, target classes in columns." in found.texts
    assert "Residuals of y1." not in found.texts


def test_stored_outputs_with_nan_and_inf_do_not_break_the_page(tmp_path: Path) -> None:
    net = pump()
    x = np.array([[20.0, 1500.0], [60.0, 2800.0], [90.0, 2100.0]])
    for bad in (np.nan, np.inf):
        y = np.asarray(net(x)).T.copy()
        y[0, 1] = bad
        savemat(tmp_path / "stored.mat", {"x": x.T, "y": y, "z": np.full((1, 3), bad)})
        assert "At a glance" in page(Material(net, stored=StoredValues(tmp_path / "stored.mat")))


def test_the_page_is_small_and_long_tables_fold() -> None:
    rng = np.random.default_rng(1)
    hidden = Layer(12, "tansig", {0: Weight(rng.normal(size=(12, 10)))}, bias=rng.normal(size=12))
    linear = Layer(1, "purelin", layer_weights={0: Weight(rng.normal(size=(1, 12)))}, bias=[0.1])
    inputs = Input(10, range=np.tile([-1.0, 1.0], (10, 1)))
    net = Network(Structure((inputs,), (hidden, linear), (Output(1, 1),)))
    x = rng.uniform(-1.0, 1.0, (3000, 10))
    text = page(Material(net, x, np.asarray(net(x)) + 0.1 * rng.normal(size=(3000, 1))))
    assert len(text) < 1_000_000
    wide = page(Material(Network(Structure((Input(30, range=np.tile([-1.0, 1.0], (30, 1))),), *small_rest(30)))))
    assert "<summary>Ranges of 31 inputs and outputs</summary>" in wide


def small_rest(inputs: int) -> tuple[tuple[Layer, ...], tuple[Output, ...]]:
    return (Layer(1, "tansig", {0: Weight(np.ones((1, inputs)) / inputs)}),), (Output(0, 1),)


def test_progress_names_every_section() -> None:
    titles: list[str] = []
    text = page(Material(pump()), titles.append)
    assert titles == read(text).headings


def test_markdown_has_the_same_words_and_its_pictures_beside_it() -> None:
    x = np.array([[20.0, 1500.0], [60.0, 2800.0]])
    text = page(Material(pump(), x, np.array([[9.0], [33.0]]), inputs=("flow|a", "speed"), outputs=("head",)))
    made = markdown(text, "pump_files")
    assert made.text.startswith("# ")
    for heading in read(text).headings:
        assert f"\n## {heading}\n" in made.text
    assert "**What it is**\n\nA static network: 2 inputs" in made.text
    assert r"| x1 |" not in made.text
    assert r"| flow\|a |" in made.text
    names = re.findall(r"!\[[^\]]*\]\(pump_files/(\d\d\.png)\)", made.text)
    assert names == list(made.pictures)
    assert all(png.startswith(b"\x89PNG") for png in made.pictures.values())


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="there is no Chromium")
def test_pdf_is_printed_by_the_browser() -> None:
    assert pdf(page(Material(pump()))).startswith(b"%PDF")


def test_without_a_browser_pdf_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    message = (
        "a PDF is printed by a browser, but none of chromium, chromium-browser, google-chrome, google-chrome-stable, "
        "chrome, msedge is on the PATH; write .html and print it from another browser"
    )
    with pytest.raises(UnsupportedError, match=f"^{re.escape(message)}$"):
        pdf("<p></p>")


def test_every_network_has_its_table(listed_network: ListedNetwork, corpus: Path) -> None:
    net = matnet.load(corpus / listed_network.file, network=listed_network.path)
    found = read(net._repr_html_())
    rows = len(net.structure.inputs) + len(net.structure.layers) + len(net.structure.outputs)
    assert found.tags.count("tr") == rows + 1
    assert "\n" not in repr(net)
