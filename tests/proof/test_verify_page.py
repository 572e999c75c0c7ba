"""docs/verify.md shows what verify prints, but for the last digits of differences that are rounding."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from matnet.cli.entry import run

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "verify.md").read_text(encoding="utf-8")


def words(text: str) -> list[str]:
    return re.sub(r"\S+e-1\d", "rounding", text).split()


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(PROJECT)
    shown = re.search(r"```text\n\$ matnet verify (\S+)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert shown is not None
    assert run(["verify", shown[1]]) == 0
    assert words(capsys.readouterr().out) == words(shown[2])
