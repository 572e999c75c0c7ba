"""The documentation site: built strictly, complete, and without anything from elsewhere."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import formulas
import matnet
from browser import MISSING, browser
from matnet import plots
from matnet.functions.net_input import NET_INPUT
from matnet.functions.performance import PERFORMANCE
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.plots.figures import KINDS

PROJECT = Path(__file__).parent.parent
FORMULAS = {
    **{name: row.formula for name, row in TRANSFER.items()},
    **{name: row.formula for name, row in WEIGHT.items()},
    **{name: row.formula for name, row in NET_INPUT.items()},
    **{name: row.formula for name, row in PROCESSING.items()},
    **{name: rows[0].formula for name, rows in PERFORMANCE.items()},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("mkdocs", "material", "matplotlib"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(page: Path) -> str:
    """What a reader sees of a page."""
    body = page.read_text(encoding="utf-8").split("<article", 1)[1].split("</article>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", body))


def typeset(page: Path) -> set[str]:
    """The text of every formula that is typeset on a page."""
    found = re.findall(r'<span class="formula" title="([^"]*)">\s*(?=<math|\w)', page.read_text(encoding="utf-8"))
    return set(map(html.unescape, found))


def test_every_function_has_a_page_with_its_formula_typeset(site: Path) -> None:
    for name, formula in FORMULAS.items():
        assert formula in typeset(site / "functions" / f"{name}.html"), name
    whole = typeset(site / "functions.html")
    for name in (*TRANSFER, *WEIGHT):
        assert FORMULAS[name] in whole, name


def test_a_formula_is_mathml() -> None:
    made = formulas.typeset("sign(n) n² / (1 + |n|)")
    assert made.startswith('<span class="formula" title="sign(n) n² / (1 + &#124;n&#124;)"><math displaystyle="true">')
    bare = made.replace(' stretchy="false"', "").replace('<mspace width="0.17em"></mspace>', " ").replace("&#124;", "|")
    call = "<mrow><mi>sign</mi><mrow><mo>(</mo><mrow><mi>n</mi></mrow><mo>)</mo></mrow></mrow>"
    above = f"{call} <msup><mi>n</mi><mn>2</mn></msup>"
    below = "<mn>1</mn><mo>+</mo><mrow><mo>|</mo><mrow><mi>n</mi></mrow><mo>|</mo></mrow>"
    assert f"<mfrac><mrow>{above}</mrow><mrow><mrow>{below}</mrow></mrow></mfrac>" in bare
    assert formulas.typeset("1 where n >= 0").count("<math") == 2
    assert "<msub><mi>n</mi><mrow><mi>i</mi></mrow></msub><mo>≥</mo><mn>0</mn>" in formulas.typeset("1 where n_i >= 0")


def test_every_transfer_and_weight_function_has_its_plot(site: Path) -> None:
    for name in (*TRANSFER, *WEIGHT):
        assert (site / "functions" / f"{name}.svg").read_bytes().startswith(b"<?xml")
        assert f'src="{name}.svg"' in (site / "functions" / f"{name}.html").read_text(encoding="utf-8")


def test_slopes_at_kinks_are_stated(site: Path) -> None:
    for name, row in TRANSFER.items():
        for place, slope in row.kinks.items():
            shown = " ".join(text_of(site / "functions" / f"{name}.html").split())
            assert f"slope at n = {place:g} {slope:g}" in shown


def test_the_reference_describes_the_public_names(site: Path) -> None:
    reference = text_of(site / "reference.html")
    for name in set(matnet.__all__) - {"__version__"}:
        described = f"matnet.{name}" in reference
        assert described or name in text_of(site / "errors.html"), name
    for name in plots.__all__:
        assert f"matnet.plots.{name}" in reference, name


def test_the_page_that_computes_is_on_the_site(site: Path) -> None:
    assert 'href="pump-live.html"' in (site / "explore.html").read_text(encoding="utf-8")
    text = (site / "pump-live.html").read_text(encoding="utf-8")
    assert "matnet gradients fixtures/pump.mat --at=" in text
    assert '"unit":"m\\u00b3/h"' in text


def test_the_gallery_shows_every_kind_of_plot(site: Path) -> None:
    page = (site / "guide" / "gallery.html").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f'src="{kind}.svg"' in page, kind


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        found = re.findall(r'<(?:script|img|iframe)[^>]*\bsrc="([^"]*)"|<link[^>]*\bhref="([^"]*)"', text)
        assert not [address for pair in found for address in pair if re.match(r"(?:https?:)?//", address)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)[\"' ]*(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_page_of_the_sources_is_in_the_navigation(site: Path) -> None:
    pages = {
        path.relative_to(PROJECT / "docs").with_suffix(".html").as_posix() for path in PROJECT.glob("docs/**/*.md")
    }
    assert pages <= {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        assert f'href="{page}"' in home, page


def test_commands_are_followed_by_what_they_print(site: Path) -> None:
    tutorial = text_of(site / "guide" / "tutorial.html")
    assert "2 of 2 derivatives agree: complex step, 24 samples" in tutorial
    assert "gradients.csv:\ny1,dy1_dx1,dy1_dx2\n" in tutorial
    assert "y1" in tutorial


def test_what_is_copied_of_a_session_is_code_alone(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    code = html.unescape(re.findall(r'data-copy="([^"]*)"', home)[0])
    assert code.splitlines()[:3] == ["import matnet", "import numpy as np", 'net = matnet.load("fixtures/pump.mat")']
    assert ">>>" not in code
    assert "array([20.61])" not in code
    assert "array([20.61])" in text_of(site / "index.html")


def test_home_begins_with_how_to_install_and_a_picture(site: Path) -> None:
    home = text_of(site / "index.html")
    assert home.index("pip install .") < home.index("import matnet")
    assert 'src="images/pump.svg"' in (site / "index.html").read_text(encoding="utf-8")


def test_pages_lead_to_the_next_and_the_previous_one(site: Path) -> None:
    tutorial = (site / "guide" / "tutorial.html").read_text(encoding="utf-8")
    assert 'rel="prev"' in tutorial
    assert 'rel="next"' in tutorial
    assert len(re.findall(r'<a [^>]*class="md-footer__link', tutorial)) == 2


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_site_from_a_folder_in_a_browser(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        for width in (400, 1400):
            for page in ("index.html", "guide/gallery.html", "functions/softmax.html", "commands.html"):
                window.size(width, 900)
                window.open(site / page)
                window.frame()
                assert window.script("return document.documentElement.scrollWidth") <= width, page
        window.open(site / "guide" / "tutorial.html")
        window.script("document.querySelector('.md-search__input').focus()")
        window.press(".md-search__input", "predictive control")
        found = "[...document.querySelectorAll('.md-search-result__item')].map(item => item.textContent.toLowerCase())"
        # results come while the words are typed
        assert window.wait(f"return {found}.filter(text => text.includes('predictive control'))")
        background = "return getComputedStyle(document.body).backgroundColor"
        light = window.script(background)
        window.size(1400, 900, dark=True)
        window.open(site / "index.html")
        dark = window.script(background)
        assert dark != light
        for expected in (light, dark):
            window.script("document.querySelector('label[for^=__palette]:not([hidden])').click()")
            window.frame()
            assert window.script(background) == expected
        assert window.complaints() == []


def test_the_changelog_is_on_the_site(site: Path) -> None:
    assert "What changes for users" in text_of(site / "changelog.html")
