"""The page in a real browser: no errors, every picture there, nothing wider than the window, text large enough."""

from __future__ import annotations

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
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import read_training_record
from matnet.report import Material, page
from matnet.report.figure import RESOLUTION

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--dump-dom",
)

SMALLEST_TEXT = 8.0 * RESOLUTION / 72.0
"""Pixels of text of 8 points, the smallest but for a few labels, in a picture at its own size."""

WATCHER = """<!DOCTYPE html><body style="margin:0"><iframe src="page.html" style="border:0;width:WIDTHpx;height:900px">
</iframe><pre></pre><script>
document.querySelector("iframe").onload = event => {
  const page = event.target.contentDocument, root = page.documentElement;
  const pictures = [...page.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width]);
  document.querySelector("pre").textContent = JSON.stringify(
    {pictures, width: root.clientWidth, needed: root.scrollWidth, sections: page.querySelectorAll("section").length});
};</script></body>"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no chromium")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a page that has every section."""
    pytest.importorskip("matplotlib")
    made = tmp_path_factory.mktemp("page")
    net = matnet.load(FIXTURES / "pump.mat")
    rng = np.random.default_rng(0)
    x = rng.uniform((0.0, 1450.0), (100.0, 2900.0), (165, 2))
    record = read_training_record(FIXTURES / "pump.mat")
    material = Material(
        net,
        x,
        np.asarray(net(x)) + rng.normal(size=(165, 1)),
        inputs=("flow in m³/h", "a name that is much longer than any column of a telephone could ever show at once"),
        stored=StoredValues(FIXTURES / "pump.mat"),
        record=record,
        sets=record.members,
        table="pump.csv",
    )
    (made / "page.html").write_text(page(material), encoding="utf-8")
    return made


def seen(folder: Path, width: int) -> tuple[dict[str, Any], str]:
    """What the browser measures at that width, and what it complains of."""
    watcher = folder / f"watcher{width}.html"
    watcher.write_text(WATCHER.replace("WIDTH", str(width)), encoding="utf-8")
    assert BROWSER is not None
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / f'profile{width}'}", watcher.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, encoding="utf-8")
    match = re.search(r"<pre>(.*?)</pre>", done.stdout, flags=re.DOTALL)
    assert match is not None
    assert match[1], done.stderr
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(match[1])), "\n".join(complaints)


@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_at_the_width_of_a_telephone_and_of_a_desk(folder: Path, width: int) -> None:
    found, complaints = seen(folder, width)
    assert complaints == ""
    assert found["sections"] == 10
    assert found["width"] == width
    assert found["needed"] <= width
    assert len(found["pictures"]) == 11
    for complete, natural, shown in found["pictures"]:
        assert complete
        assert natural > 0
        assert SMALLEST_TEXT * shown / natural >= 8.0


def test_the_watcher_sees_what_is_wrong(folder: Path) -> None:
    text = (folder / "page.html").read_text(encoding="utf-8")
    broken = folder / "broken"
    broken.mkdir()
    first = text.index("data:image/png;base64,")
    wrong = text[:first] + "http://localhost:9/nothing.png" + text[text.index('"', first) :]
    wide = wrong.replace("<main>", '<main><div style="width:3000px">too wide</div>')
    (broken / "page.html").write_text(wide, encoding="utf-8")
    found, complaints = seen(broken, 400)
    assert "Content Security Policy" in complaints
    assert found["pictures"][0][1] == 0
    assert found["needed"] > 400
