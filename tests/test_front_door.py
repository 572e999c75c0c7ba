"""The README does what it says: its commands and its Python run here as they are written."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from matnet.cli.entry import run

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [
    PROJECT / "README.md",
    # the steps of the pages for contributors are carried out by tests/test_contributing.py
    *sorted(page for page in (PROJECT / "docs").glob("**/*.md") if page.parent.name != "contributing"),
]

COMMANDS = [
    "pip install . && matnet gradients fixtures/pump.mat fixtures/pump_inputs.csv -o gradients.csv",
    'pip install -e ".[test]" && pytest',
]


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def matnet_lines(text: str) -> list[str]:
    lines = [line for block in shell_blocks(text) for line in block.splitlines()]
    return [line for line in lines if line.startswith("matnet ")]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's fixtures in it, and the working folder of the test."""
    shutil.copytree(PROJECT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def matnet(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line that begins with `matnet` under the Python of this test."""
    program = [sys.executable, "-c", "from matnet.cli import main; main()"]
    return subprocess.run(program + shlex.split(line)[1:], capture_output=True, text=True, encoding="utf-8")


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = README.split("\n## ")[0]
    found = [line for block in shell_blocks(first_screen) for line in block.splitlines() if " && " in line]
    assert found == COMMANDS


def test_the_python_session_has_at_most_ten_lines() -> None:
    session = README.split("## In Python")[1].split("```")[1]
    assert 0 < sum(line.startswith((">>>", "...")) for line in session.splitlines()) <= 10


def readable(page: Path) -> str:
    """The text of a page; skips the test where a package is missing that the page says it needs."""
    text = page.read_text(encoding="utf-8")
    for package in re.findall(r"^<!-- needs: (\w+) -->$", text, flags=re.MULTILINE):
        pytest.importorskip(package)
    return text


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_python_of_the_readme_is_a_session() -> None:
    """So that its answers are tested too."""
    assert all(block.startswith(">>> ") for block in python_blocks(README))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_sessions_on_the_page_run(page: Path, clone: Path) -> None:
    text = readable(page)
    blocks = [block for block in python_blocks(text) if block.startswith(">>> ")]
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    complaints: list[str] = []
    result = doctest.DocTestRunner().run(test, out=complaints.append)
    assert result.failed == 0, "".join(complaints)


def test_other_python_than_sessions_has_a_test_of_its_own() -> None:
    """It stands on pages whose Python tests/exporters/test_pages.py and tests/model/test_archive_page.py run."""
    for page in PAGES:
        others = [block for block in python_blocks(page.read_text(encoding="utf-8")) if not block.startswith(">>> ")]
        assert not others or page.parent.name == "export" or page.name == "archive.md", page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_on_the_page_run(page: Path, clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the README as processes of their own, the others in this one."""
    for line in matnet_lines(readable(page)):
        if page.name == "README.md":
            done = matnet(line)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
        else:
            status = run(shlex.split(line)[1:])
            assert status == 0, f"{line}\n{capsys.readouterr().err}"


def checked(table: Path) -> subprocess.CompletedProcess[str]:
    check = [sys.executable, str(PROJECT / "scripts" / "fixtures" / "check_front_door.py"), str(table)]
    return subprocess.run(check, capture_output=True, text=True)


def test_the_main_command_writes_the_right_table(clone: Path) -> None:
    done = matnet(COMMANDS[0].split(" && ")[1])
    assert (done.returncode, done.stdout) == (0, "")
    result = checked(clone / "gradients.csv")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_check_of_the_table_sees_a_wrong_digit(clone: Path) -> None:
    matnet(COMMANDS[0].split(" && ")[1])
    table = clone / "gradients.csv"
    header, *rows = [line.split(",") for line in table.read_text().splitlines()]
    largest = max(rows, key=lambda cells: abs(float(cells[1])))
    largest[1] = repr(float(largest[1]) * (1 + 1e-12))
    table.write_text("".join(",".join(cells) + "\n" for cells in [header, *rows]))
    result = checked(table)
    assert result.returncode == 1
    assert result.stdout == f"{table}: dy1_dx1 is off the recipe by 1.0e-12 of its largest value\n"
