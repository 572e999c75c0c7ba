"""The documentation site: built strictly, complete, and without anything from elsewhere."""

from __future__ import annotations

import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import matnet
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


def test_every_function_has_a_page(site: Path) -> None:
    for name, formula in FORMULAS.items():
        assert formula in text_of(site / "functions" / f"{name}.html"), name
    whole = text_of(site / "functions.html")
    for name in (*TRANSFER, *WEIGHT):
        assert FORMULAS[name] in whole, name


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


def test_the_changelog_is_on_the_site(site: Path) -> None:
    assert "What changes for users" in text_of(site / "changelog.html")
