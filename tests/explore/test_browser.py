"""The page in a real browser: sliders are moved, y and dy/dx are read and compared with Python."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from browser import ARROW_RIGHT, MISSING, Browser, browser
from matnet.cli.entry import run
from matnet.explore import Address, Subject, page
from matnet.importers.arrays import read_array
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.report import Material
from matnet.report import page as report

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = FIXTURES / "pump.mat"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

WIDTHS = pytest.mark.parametrize("width", [400, 1400])

READ = """
const numbers = selector => [...document.querySelectorAll(selector)].map(entry => Number(entry.value));
return {
    y: numbers("#explore .y"), slopes: numbers("#explore .inputs .slope"),
    shown: [...document.querySelectorAll("#explore .inputs .slope")].map(entry => Number(entry.dataset.input)),
    code: [...document.querySelectorAll("#explore .code")].map(entry => entry.textContent),
    warning: document.querySelector("#explore .warning").textContent,
    wide: document.documentElement.scrollWidth,
};
"""

SLIDE = """
const sliders = document.querySelectorAll("#explore .inputs .slider input");
sliders[arguments[0]].value = arguments[1];
sliders[arguments[0]].dispatchEvent(new Event("input", { bubbles: true }));
"""

CHANGE = """
const found = document.querySelector(arguments[0]);
if (found.type === "radio") found.checked = true; else found.value = arguments[1];
found.dispatchEvent(new Event("input", { bubbles: true }));
found.dispatchEvent(new Event("change", { bubbles: true }));
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def shown(window: Browser, tmp_path: Path) -> Any:
    """Opens a page and, at the end, looks at the console."""

    def show(text: str, width: int, dark: bool = False) -> Browser:
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        window.size(width, 900, dark)
        window.open(tmp_path / "page.html")
        window.frame()
        return window

    window.complaints()
    yield show
    assert window.complaints() == []


def read(window: Browser) -> dict[str, Any]:
    window.frame()
    found: dict[str, Any] = window.script(READ)
    return found


def point(found: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The point from the program that the page offers to copy."""
    return np.asarray(eval(re.findall(r"x = (\[.*?\]\n)", found["code"][-1], flags=re.DOTALL)[0]))  # noqa: S307


def agree(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12, atol=1e-300)


def several(inputs: int, outputs: int, transfer: str = "purelin") -> Network:
    rng = np.random.default_rng(1)
    hidden = Layer(7, "tansig", {0: Weight(rng.normal(size=(7, inputs)))}, bias=rng.normal(size=7))
    last = Layer(
        outputs, transfer, layer_weights={0: Weight(rng.normal(size=(outputs, 7)))}, bias=rng.normal(size=outputs)
    )
    ranges = np.stack([rng.uniform(-9.0, -1.0, inputs), rng.uniform(1.0, 9.0, inputs)], axis=1)
    return Network(Structure((Input(inputs, range=ranges),), (hidden, last), (Output(1, outputs),)))


@WIDTHS
def test_sliders_move_y_and_its_derivatives(shown: Any, width: int) -> None:
    net = several(4, 3)
    window = shown(page(Subject(net, address=Address("net.mat"))), width)
    window.script(CHANGE, ".tools select", "real")
    rng = np.random.default_rng(2)
    for _ in range(5):
        j, value = int(rng.integers(4)), float(rng.uniform(-1.0, 1.0))
        window.script(SLIDE, j, value)
        i = int(rng.integers(3))
        window.script(CHANGE, f"input[name=explore-of][value='{i}']")
        found = read(window)
        x = point(found)
        assert abs(x[j] - value) < 0.02
        y, jacobian = net.value_and_jacobian(x)
        agree(found["y"], y)
        agree(found["slopes"], jacobian[i])
        assert found["wide"] <= width


@WIDTHS
def test_the_pump_in_shares_of_its_ranges_and_by_its_rows(shown: Any, width: int) -> None:
    net, x, t = matnet.load(PUMP), read_array(PUMP, "x").T, read_array(PUMP, "t").T
    window = shown(page(Subject(net, x, t, table="pump.csv", address=Address("pump.mat"))), width, dark=width == 400)
    found = read(window)
    agree(point(found), np.median(x, axis=0))
    slopes = net.jacobian(np.median(x, axis=0))[0] * [100.0, 1450.0] / (42.37 - 4.3)
    agree(found["slopes"], slopes)
    window.script(CHANGE, ".rows input", "12")
    found = read(window)
    agree(point(found), x[11])
    agree(found["y"], net(x[11]))
    words = window.script("return document.querySelector('#explore .target').textContent")
    assert words.startswith(f"target {t[11, 0]:g}, error ")
    window.script("document.querySelectorAll('.rows button')[1].click()")
    agree(point(read(window)), x[12])
    window.script("document.querySelector('.reset').click()")
    agree(point(read(window)), np.median(x, axis=0))
    background = window.script("return getComputedStyle(document.getElementById('explore')).backgroundColor")
    assert background == ("rgb(21, 24, 28)" if width == 400 else "rgb(255, 255, 255)")


@pytest.mark.parametrize("file", ["pump.mat", "genfunction/narx_closed.m"])
def test_what_is_copied_gives_the_same_numbers(
    shown: Any, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(FIXTURES / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    net, name = matnet.load(FIXTURES / file), Path(file).name
    window = shown(page(Subject(net, address=Address(name))), 1400)
    window.script(CHANGE, ".tools select", "real")
    window.script(SLIDE, 0, 31.25)
    found = read(window)
    kinds, copied = ["Command line", "Python"][-len(found["code"]) :], []
    for number in range(len(found["code"])):
        window.click(f"[aria-label='copy as {kinds[number]}']")
        copied.append(window.clipboard())
    assert [text.rstrip() for text in copied] == [text.rstrip() for text in found["code"]]
    names: dict[str, Any] = {}
    exec(copied[-1], names)  # noqa: S102
    if net.dynamic:
        step, lag = (
            int(window.script(f"return document.querySelector('#explore .{kind}').value")) for kind in ("time", "lag")
        )
        agree(found["y"], names["y"][step - 1])
        agree(found["slopes"], names["dydx"][step - 1, lag, 0])
        return
    agree(found["y"], names["y"])
    agree(found["slopes"], names["dydx"][0])
    assert run(shlex.split(copied[0])[1:]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header == "y1,dy1_dx1,dy1_dx2"
    agree([*found["y"], *found["slopes"]], [float(cell) for cell in row.split(",")])


def test_keys_and_fields_and_what_lies_outside(shown: Any) -> None:
    net = matnet.load(PUMP)
    window = shown(page(Subject(net, address=Address("pump.mat"))), 1400)
    before = point(read(window))
    window.press(".inputs .slider input", ARROW_RIGHT)
    moved = point(read(window))
    assert moved[0] > before[0]
    assert moved[1] == before[1]
    window.script(CHANGE, ".inputs input[type=number]", "250.125")
    found = read(window)
    assert point(found).tolist() == [250.125, before[1]]
    agree(found["y"], net([250.125, before[1]]))
    assert found["warning"] == "x1: outside the known range; the network extrapolates."
    assert window.script("return document.querySelectorAll('.input.outside').length") == 1
    window.script(CHANGE, ".inputs input[type=number]", "")
    assert point(read(window)).tolist() == [250.125, before[1]]


def test_a_finger_on_a_curve_moves_its_input(shown: Any) -> None:
    window = shown(page(Subject(matnet.load(PUMP), address=Address("pump.mat"))), 400)
    before = point(read(window))
    window.script("document.querySelector('.curves svg').scrollIntoView({ block: 'center' })")
    box = window.script(
        "const b = document.querySelector('.curves svg').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
    )
    window.touch(box[0] + 0.8 * box[2], box[1] + 0.4 * box[3])
    after = point(read(window))
    assert after[0] > before[0] + 10.0
    assert after[1] == before[1]


def test_a_hundred_inputs_are_ranked_and_searched(shown: Any) -> None:
    net = several(100, 1).with_names(inputs=[f"sensor {k}" for k in range(1, 101)])
    window = shown(page(Subject(net, address=Address("net.mat"))), 400)
    found = read(window)
    x, widths = point(found), net.input_range[:, 1] - net.input_range[:, 0]
    strength = np.abs(net.jacobian(x)[0] * widths)
    assert found["shown"] == np.argsort(-strength)[:10].tolist()
    assert found["wide"] <= 400
    window.script(
        "const s = document.querySelector('[type=search]'); s.value = 'SENSOR 9'; s.dispatchEvent(new Event('input'))"
    )
    assert sorted(read(window)["shown"]) == [8, *range(89, 99)]


def test_classes_and_their_threshold(shown: Any) -> None:
    net = several(3, 4, "softmax")
    window = shown(page(Subject(net, address=Address("net.mat"))), 1400)
    found = read(window)
    y = net(point(found))
    agree(found["y"], y)
    verdict = "return document.querySelector('#explore .verdict').textContent"
    winner = f"y{1 + int(y.argmax())} ({float(f'{y.max():.6g}'):g})"
    window.script(CHANGE, "[aria-label=threshold]", "0")
    assert window.script(verdict) == f"Class: {winner}"
    assert window.script("return document.querySelectorAll('.winner').length") == 1
    window.script(CHANGE, "[aria-label=threshold]", "1")
    assert window.script(verdict) == f"Class: none reaches the threshold 1; highest is {winner}"


@WIDTHS
@pytest.mark.parametrize("name", ["narx_closed.m", "layer_recurrent.m"])
def test_a_series_with_a_movable_lag(shown: Any, width: int, name: str) -> None:
    net = matnet.load(FIXTURES / "genfunction" / name)
    rng = np.random.default_rng(3)
    low, high = np.nan_to_num(net.input_range.T, nan=1.0)
    series = low + (high - low) * rng.random((30, net.input_size))
    window = shown(page(Subject(net, series, address=Address(name))), width)
    if net.input_size and window.script("return document.querySelector('.tools select').options.length") == 2:
        window.script(CHANGE, ".tools select", "real")
    window.script(CHANGE, "[aria-label='step t']", "17")
    for lag, value in ((0, 0.25), (3, 0.75)):
        window.script(CHANGE, "[aria-label=lag]", str(lag))
        window.script(SLIDE, 0, float(low[0] + value * (high[0] - low[0])))
        found = read(window)
        x = point(found)
        assert x.shape == series.shape
        changed = np.flatnonzero((x != series).any(axis=1)).tolist()
        assert 16 - lag in changed
        agree(found["y"], net.run(x).outputs[16])
        agree(found["slopes"], net.run_jacobian(x, lags=lag)[16, lag, 0])
    assert found["wide"] <= width


def test_a_row_with_nan_is_shown_as_it_is(shown: Any) -> None:
    net = matnet.load(PUMP)
    window = shown(page(Subject(net, np.array([[50.0, 2000.0], [np.nan, 2500.0]]), address=Address("pump.mat"))), 1400)
    window.script(CHANGE, ".rows input", "2")
    window.frame()
    assert window.script("return [...document.querySelectorAll('#explore .y')].map(y => y.textContent)") == ["NaN"]
    assert 'x = [float("nan"), 2500]' in window.script(READ)["code"][-1]


@WIDTHS
def test_the_report_has_it_too(shown: Any, width: int) -> None:
    pytest.importorskip("matplotlib")
    net, x, t = matnet.load(PUMP), read_array(PUMP, "x").T, read_array(PUMP, "t").T
    window = shown(report(Material(net, x, t, address=Address("pump.mat"))), width)
    window.script(SLIDE, 1, 2222.0)
    found = read(window)
    assert point(found)[1] == 2222.0
    agree(found["y"], net(point(found)))
    assert found["wide"] <= width
