"""The pages of docs/export: every file, program and command on them, written and run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import matnet
from matnet.exporters.target import targets

PROJECT = Path(__file__).parent.parent.parent
PAGES = sorted((PROJECT / "docs" / "export").glob("*.md"))
NEEDED = {
    "onnx": ("onnx", "onnxruntime"),
    "pytorch": ("torch",),
    "jax": ("jax",),
    "casadi": ("casadi", "onnx", "onnxruntime"),
    "fmu": ("fmpy",),
    "excel": ("xlsxwriter", "fastexcel"),
    "openmdao": ("openmdao",),
    "pyomo": ("pyomo", "casadi"),
    "scikit-learn": ("sklearn",),
}
TOOLS = {"c": "cc", "matlab": "octave-cli", "fortran": "gfortran", "javascript": "node", "fmu": "cc"}
PROGRAMS = {"c": "main.c", "fortran": "main.f90", "js": "main.mjs"}
"""The names under which the programs of the pages are saved."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    # the `matnet` of the commands is the one of this Python
    environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "fixtures", tmp_path / "fixtures")
    program = tmp_path / "matnet"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from matnet.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page(page: Path, folder: Path) -> None:
    for package in NEEDED.get(page.stem, ()):
        pytest.importorskip(package)
    if page.stem in TOOLS and shutil.which(TOOLS[page.stem]) is None:
        pytest.skip(f"{TOOLS[page.stem]} is not installed")
    printed, kinds = "", []
    for kind, text in blocks(page):
        kinds.append(kind)
        if kind in ("sh", "console"):
            printed = run(["sh", "-e", "-c", text], folder)
        elif kind == "python":
            run([sys.executable, "-c", text], folder)
        elif kind == "matlab":
            run(["octave-cli", "-qf", "--eval", text], folder)
        elif kind in PROGRAMS:
            (folder / PROGRAMS[kind]).write_text(text)
    if PROGRAMS.keys() & set(kinds):
        assert printed == blocks(page)[-1][1]
    assert {"python", "matlab", *PROGRAMS} & set(kinds)


def test_there_is_a_page_for_every_target() -> None:
    """docs/export.md has a row for every target, and the page that it links to shows how such a file is written."""
    overview = (PROJECT / "docs" / "export.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*?\]\((.*?)\) \| `matnet convert net.mat net(\.\w+)` \|", overview, flags=re.MULTILINE)
    assert sorted(suffix for _, suffix in rows) == sorted(targets())
    for link, suffix in rows:
        page = (PROJECT / "docs" / link).read_text(encoding="utf-8")
        assert re.search(rf"matnet convert \S+ \S+{re.escape(suffix)}\b", page), link


def test_there_is_a_page_for_every_framework() -> None:
    """docs/export.md has a row for every function that makes an object of another library, and a page that calls it."""
    overview = (PROJECT / "docs" / "export.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[.*?\]\((.*?)\) \| `matnet\.(\w+)\(", overview, flags=re.MULTILINE))
    functions = {name for name in matnet.__all__ if name.startswith("to_")} | {"objective"}
    assert set(rows.values()) == functions
    for link, function in rows.items():
        assert f"matnet.{function}(net" in (PROJECT / "docs" / link).read_text(encoding="utf-8"), link
