"""The page about equations: what it shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from matnet.cli.entry import run

PROJECT = Path(__file__).parent.parent.parent
PAGE = PROJECT / "docs" / "how-to" / "equation.md"
SHOWN = re.findall(
    r"^```sh\n(.*?)\n```\n\n```text\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_the_command_prints_what_the_page_shows(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    assert run([*shlex.split(command)[1:], "--quiet"]) == 0
    assert capsys.readouterr() == (output, "")


def test_there_is_something_shown() -> None:
    assert len(SHOWN) == 3
