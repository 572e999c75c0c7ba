"""The pages for contributors do what they say: their steps are carried out in a copy of the project."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PAGES = sorted((PROJECT / "docs" / "contributing").glob("add-*.md"))
STEP = re.compile(
    r"^<!-- (?:write (?P<new>\S+)|insert into (?P<old>\S+) (?P<side>before|after): (?P<line>.*?)) -->\n"
    r"```\w+\n(?P<text>.*?)^```$"
    r"|^```sh\n(?P<commands>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without its history."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", ".hypothesis", ".git", ".venv")
    return Path(shutil.copytree(PROJECT, tmp_path / "matnet", ignore=ignored))


def inserted(file: Path, side: str, start: str, text: str) -> None:
    """Puts text beside the only line of a file that begins so."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if line.startswith(start)]
    assert len(found) == 1, f"{file}: {len(found)} lines begin with {start!r}"
    place = found[0] + (side == "after")
    file.write_text("".join([*lines[:place], text, *lines[place:]]), encoding="utf-8")


def run(command: str, folder: Path) -> None:
    program, *arguments = shlex.split(command)
    programs = {"python": [], "pytest": ["-m", "pytest", "-q", "-p", "no:cacheprovider"], "matnet": ["-m", "matnet"]}
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *programs[program], *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    if program == "pytest":
        assert re.search(r"\b[1-9]\d* passed", done.stdout), f"{command} ran no test\n{done.stdout}"


def test_there_is_a_page_for_each_of_the_three() -> None:
    assert [page.stem for page in PAGES] == ["add-a-function", "add-a-table-format", "add-a-target"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_steps_of_the_page_work(page: Path, copy: Path) -> None:
    if page.stem == "add-a-target" and not (shutil.which("node") or shutil.which("nodejs")):
        pytest.skip("there is no node")
    steps = list(STEP.finditer(page.read_text(encoding="utf-8")))
    assert any(step["new"] or step["old"] for step in steps)
    assert any(step["commands"] for step in steps)
    for step in steps:
        if step["new"]:
            (copy / step["new"]).write_text(step["text"], encoding="utf-8")
        elif step["old"]:
            inserted(copy / step["old"], step["side"], step["line"], step["text"])
        else:
            for command in step["commands"].splitlines():
                run(command, copy)
