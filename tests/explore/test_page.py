"""The interactive page, without a browser: its data, that it needs nothing else, and what it refuses."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.errors import ShapeError, UnsupportedError
from matnet.explore import Address, Subject, page
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = FIXTURES / "pump.mat"


def pump(**fields: Any) -> Subject:
    return Subject(matnet.load(PUMP), read_array(PUMP, "x").T, read_array(PUMP, "t").T, **fields)


def dense(inputs: int, neurons: int, outputs: int = 1) -> Network:
    rng = np.random.default_rng(0)
    hidden = Layer(neurons, "tansig", {0: Weight(rng.normal(size=(neurons, inputs)))}, bias=rng.normal(size=neurons))
    linear = Layer(
        outputs, "purelin", layer_weights={0: Weight(rng.normal(size=(outputs, neurons)))}, bias=[0.5] * outputs
    )
    ranges = np.tile([-1.0, 1.0], (inputs, 1))
    return Network(Structure((Input(inputs, range=ranges),), (hidden, linear), (Output(1, outputs),)))


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(pump(address=Address("pump.mat")))
    assert not re.search(r"\b(?:src|href|action|srcset)\s*=|url\(|@import|<link|<iframe", text)
    # the name of SVG's elements is the one address, and it is never fetched
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}
    script = text.split('<script type="module">')[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0])
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|WebSocket|import)\s*\(|eval\(|innerHTML", script)


def test_the_sliders_start_at_the_median_and_span_range_and_table() -> None:
    subject = pump(inputs=("flow", "speed"), table="pump.csv")
    x = np.asarray(subject.x)
    flow, speed = subject.data["inputs"]
    assert (flow["name"], flow["low"], flow["high"]) == ("flow", 0.0, 100.0)
    assert flow["from"] < 0.0
    assert flow["to"] > 100.0
    assert [flow["start"], speed["start"]] == np.median(x, axis=0).tolist()
    assert (flow["width"], speed["width"]) == (100.0, 1450.0)
    assert subject.data["rows"]["count"] == len(x)
    assert subject.data["rows"]["x"] == x.tolist()
    assert subject.data["rows"]["t"] == np.asarray(subject.t).tolist()
    far = Subject(subject.net, np.array([[-500.0, 1500.0], [50.0, np.nan]])).data["inputs"]
    assert far[0]["from"] == -500.0
    assert far[1]["start"] == 1500.0


def test_without_a_table_the_point_is_the_middle_of_the_range() -> None:
    data = Subject(matnet.load(PUMP)).data
    assert [entry["start"] for entry in data["inputs"]] == [50.0, 2175.0]
    assert data["rows"] is None
    assert data["guessed"] == ""
    unknown = Network(Structure((Input(2),), (Layer(1, "tansig", {0: Weight([[0.5, 1.0]])}),), (Output(0, 1),)))
    guessed = Subject(unknown).data
    assert guessed["guessed"] == (
        "The range of 2 inputs is not known: the ends of their sliders are guessed. A table of samples would give them."
    )
    assert [entry["low"] for entry in guessed["inputs"]] == [None, None]
    assert [entry["width"] for entry in guessed["inputs"]] == [None, None]
    assert Subject(unknown, np.array([[1.0, 5.0], [3.0, 9.0]])).data["guessed"] == ""


def test_a_long_table_is_thinned() -> None:
    net = dense(10, 4)
    rows = Subject(net, np.random.default_rng(0).normal(size=(5000, 10))).data["rows"]
    assert rows["count"] == 5000
    assert len(rows["x"]) == len(rows["numbers"]) <= 600
    assert rows["numbers"][:2] == [1, 10]


def test_classes() -> None:
    assert pump().data["classes"] is None
    scores = Network(Structure((Input(2),), (Layer(2, "softmax", {0: Weight(np.eye(2))}),), (Output(0, 2),)))
    assert Subject(scores).data["classes"] == {"from": 0.0, "to": 1.0, "names": None}
    single = Network(Structure((Input(1),), (Layer(1, "tansig", {0: Weight([[1.0]])}),), (Output(0, 1),)))
    assert Subject(single).data["classes"] is None
    x, t = np.linspace(-1.0, 1.0, 12)[:, None], np.where(np.arange(12) < 6, -1.0, 1.0)[:, None]
    assert Subject(single, x, t).data["classes"] == {"from": -1.0, "to": 1.0, "names": ["-1", "1"]}


def test_a_network_that_ends_in_compet_says_why_there_are_no_derivatives() -> None:
    net = Network(Structure((Input(2),), (Layer(2, "compet", {0: Weight(np.eye(2))}),), (Output(0, 2),)))
    subject = Subject(net, address=Address("c.mat"))
    assert subject.data["flat"] == (
        "layer 1 (compet): the outputs change only in steps there, so every derivative is 0 and none is shown."
    )
    assert subject.data["call"][0]["before"] == "matnet predict c.mat --at="
    assert "explore(" in page(subject)


def test_how_to_compute_the_same() -> None:
    subject = pump(address=Address("DATA POINT.mat", "nets{2}"))
    line, program = subject.data["call"]
    assert line == {
        "kind": "Command line",
        "before": 'matnet gradients "DATA POINT.mat" --network "nets{2}" --at=',
        "after": "",
    }
    assert program["before"] == 'import matnet\n\nnet = matnet.load("DATA POINT.mat", network="nets{2}")\n'
    assert program["after"] == "\ny, dydx = net.value_and_jacobian(x)\n"
    assert pump().data["call"] is None


def test_names_cannot_leave_the_script() -> None:
    names = ("</script><script>alert(1)</script>", "<!--\u2028'\"\\")
    text = page(pump(inputs=names, outputs=("a</style>",), table="</script>.csv"))
    assert text.count("<script") == text.count("</script>") == 1
    assert "<!--" not in text.replace("<!DOCTYPE", "")
    data = text.split("\nexplore(")[1].rsplit(", { value", 1)[0]
    assert tuple(entry["name"] for entry in json.loads(data)["inputs"]) == names


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@pytest.mark.parametrize("file", ["pump.mat", "genfunction/narx_closed.m"])
def test_the_script_can_be_read(file: str, tmp_path: Path) -> None:
    text = page(Subject(matnet.load(FIXTURES / file)))
    script = tmp_path / "page.mjs"
    script.write_text(text.split('<script type="module">')[1].split("</script>")[0], encoding="utf-8")
    done = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_thousand_weights_stay_small() -> None:
    rng = np.random.default_rng(0)
    assert len(page(Subject(dense(4, 165), rng.normal(size=(5000, 4)), rng.normal(size=(5000, 1)))).encode()) < 300_000
    assert len(page(Subject(dense(100, 10), rng.normal(size=(500, 100)))).encode()) < 300_000


def test_constants_are_refused() -> None:
    net = Network(Structure((), (Layer(1, "tansig", bias=[0.5]),), (Output(0, 1),)))
    message = "the network has neither inputs nor delays, so there is nothing to move: its outputs are constants"
    with pytest.raises(UnsupportedError, match=f"^{message}$"):
        page(Subject(net))


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError):
        page(Subject(matnet.load(PUMP), np.ones((3, 5))))
    with pytest.raises(ShapeError):
        page(Subject(matnet.load(PUMP), np.ones((3, 2)), np.ones((3, 4))))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["explore", str(PUMP), str(FIXTURES / "pump_inputs.csv"), "-o", "pump.html"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"matnet: note: pump\.html: written, \d+ kB; open it in a browser\n", err)
    text = Path("pump.html").read_text(encoding="utf-8")
    assert "matnet gradients pump.mat --at=" in text
    # not the paths of the files on this machine
    assert str(FIXTURES) not in text
    assert run(["explore", str(PUMP), "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>\n")
    assert run(["explore", str(PUMP), "-o", "pump.pdf"]) == 2
    assert capsys.readouterr().err == "matnet: pump.pdf: the page is written to a file ending in .html\n"


def test_with_scaling_from_elsewhere_the_file_alone_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    from scipy.io import savemat

    settings = {"name": "mapminmax", "xmin": [[0.0], [0.0]], "xmax": [[2.0], [4.0]], "ymin": -1.0, "ymax": 1.0}
    savemat("ps.mat", {"ps": settings})
    assert run(["explore", str(PUMP), "--input-scaling", "ps.mat:ps", "-o", "p.html"]) == 0
    assert "matnet gradients" not in Path("p.html").read_text(encoding="utf-8")
