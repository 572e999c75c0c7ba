"""The command `report`: where the page goes, what is on it, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import matnet
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
    # the page names the table, not its path on this machine
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
        "matnet: all.html: these are several networks: name a folder, or write {name} in OUT for the name of each "
        "page, or name one of them with --network\n",
    )


@pytest.mark.slow
def test_a_folder_of_pages_with_mean_and_spread() -> None:
    net = matnet.load(PUMP)
    nets = [net.with_parameters(net.parameters * (1.0 + k / 100)) for k in range(3)]
    Path("nets").mkdir()
    for number, own in enumerate(nets):
        matnet.save(own, f"nets/n{number}.json")
    table = np.loadtxt(FIXTURES / "pump_inputs.csv", delimiter=",", skiprows=1)[:, :2]
    header = (FIXTURES / "pump_inputs.csv").read_text().partition("\n")[0].split(",")[:2]
    targets = np.asarray(net(table))
    np.savetxt("t.csv", np.hstack([table, targets]), delimiter=",", header=",".join([*header, "head"]), comments="")
    arguments = ["--inputs", ",".join(header), "--targets", "head"]
    assert run(["report", "nets", "t.csv", *arguments, "-o", "pages", "--quiet"]) == 0
    assert sorted(path.name for path in Path("pages").iterdir()) == ["index.html", "n0.html", "n1.html", "n2.html"]
    text = Path("pages/index.html").read_text(encoding="utf-8")
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert cells[0] == '<a href="n0.html">n0.json</a>'
    errors = [float(np.sqrt(np.mean((own(table) - targets) ** 2))) for own in nets]
    assert cells[3:12:4] == [f"{error:.4g}" for error in errors]
    values = np.stack([own(table)[:, 0] for own in nets])
    spread = values.std(axis=0, ddof=1)
    start = cells.index("y1")
    error = float(np.sqrt(np.mean((values.mean(axis=0) - targets[:, 0]) ** 2)))
    numbers = (values.mean(), spread.mean(), spread.max())
    expected = [*(f"{number:.4g}" for number in numbers), str(int(spread.argmax()) + 1), f"{error:.4g}"]
    assert cells[start + 1 : start + 6] == expected
    slopes = np.stack([own.jacobian(table)[:, 0].mean(axis=0) for own in nets])
    for j, name in enumerate(header):
        row = cells[cells.index(name) + 1 :][:4]
        of = slopes[:, j]
        assert row == [f"{number:.4g}" for number in (of.mean(), of.std(ddof=1), of.min(), of.max())]
    assert "n1.json" not in Path("pages/n0.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_pages_of_many_rows_and_of_networks_of_which_one_has_names() -> None:
    """Rows are counted in the whole table, errors are those of all rows, and columns go by the names of any network."""
    net = matnet.load(PUMP)
    named = net.with_parameters(net.parameters * 1.02).with_names(inputs=["p", "q"])
    Path("nets").mkdir()
    matnet.save(net, "nets/Index.json")
    matnet.save(named, "nets/b.json")
    x = np.random.default_rng(3).uniform([0.0, 1450.0], [100.0, 2900.0], size=(20_001, 2))
    values = np.stack([own(x)[:, 0] for own in (net, named)])
    targets = values.mean(axis=0) + np.arange(len(x)) % 2
    table = np.column_stack([x[:, ::-1], targets])
    np.savetxt("t.csv", table, delimiter=",", header="q,p,head", comments="", fmt="%.17g")
    assert run(["report", "nets", "t.csv", "--targets", "head", "-o", "pages", "--quiet"]) == 0
    assert sorted(path.name for path in Path("pages").iterdir()) == ["Index_2.html", "b.html", "index.html"]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", Path("pages/index.html").read_text(encoding="utf-8"))
    shown = values[:, ::2]
    spread = shown.std(axis=0, ddof=1)
    worst = 2 * int(spread.argmax())
    numbers = (shown.mean(), spread.mean(), spread.max())
    error = float(np.sqrt(np.mean((values.mean(axis=0) - targets) ** 2)))
    start = cells.index("y1")
    assert cells[start + 1 : start + 6] == [*(f"{number:.4g}" for number in numbers), f"{worst + 1:,}", f"{error:.4g}"]


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
