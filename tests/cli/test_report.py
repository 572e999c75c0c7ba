"""The command `report`: where the page goes, what is on it, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from matnet.cli.entry import run

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)


def test_a_page_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--inputs", "x1,x2", "--outputs", "head"]
    assert run(["report", PUMP, str(FIXTURES / "pump_inputs.csv"), *names, "-o", "pump.html"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"matnet: note: pump\.html: written, \d+ kB in \d+\.\d s\n", err)
    text = Path("pump.html").read_text(encoding="utf-8")
    assert "24 rows of pump_inputs.csv." in text
    assert "Sensitivity of head" in text
    # the page names the table, not where it lies on this machine
    assert str(FIXTURES) not in text


def test_the_same_page_each_time() -> None:
    for name in ("one.html", "two.html"):
        assert run(["report", PUMP, "-o", name]) == 0
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_targets_and_sets_of_a_workspace(corpus: Path) -> None:
    file = str(corpus / "static_chemical_workspace.mat")
    assert run(["report", file, f"{file}:x", "--targets", f"{file}:t", "-o", "chemical.html"]) == 0
    text = Path("chemical.html").read_text(encoding="utf-8")
    assert "Proved: the outputs are those that MATLAB itself computed and stored." in text
    assert "Residuals of y1." in text


def test_markdown_with_its_pictures() -> None:
    assert run(["report", PUMP, "-o", "pump.md"]) == 0
    text = Path("pump.md").read_text(encoding="utf-8")
    assert text.startswith("# pump.mat: net\n")
    names = sorted(path.name for path in Path("pump_files").iterdir())
    assert names
    assert all(f"(pump_files/{name})" in text for name in names)


def test_an_id_column_and_several_networks(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("id,a,b\n1,20,1500\n2,60,2400\n")
    assert run(["report", PUMP, "t.csv", "--keep", "id", "-o", "p.html"]) == 0
    assert "2 rows of t.csv." in Path("p.html").read_text(encoding="utf-8")
    capsys.readouterr()
    Path("nets").mkdir()
    for name in ("one.json", "two.json"):
        assert run(["convert", PUMP, f"nets/{name}"]) == 0
    capsys.readouterr()
    assert run(["report", "nets", "-o", "all.html"]) == 2
    assert capsys.readouterr() == (
        "",
        "matnet: nets: these are several networks, and this command is for one; name one with --network. "
        "predict, gradients, sensitivity and plot take the mean of several\n",
    )


def test_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", PUMP, "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "page.doc"], "page.doc: a report is written to a file ending in .html, .md or .pdf"),
        (["-o", "page.md", "--format", "pdf"], "--format pdf does not fit page.md; name a file ending in .pdf"),
        (["-o", "-", "--format", "md"], "--format md writes pictures beside the text: name a file, not -"),
        (["--inputs", "a", "-o", "p.html"], "--inputs gives 1 name ('a'), the network has 2 inputs"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", PUMP, *arguments]) == 2
    assert capsys.readouterr() == ("", f"matnet: {message}\n")
    assert not list(Path().iterdir())
