"""Blocks of code on the pages: what the commands print is shown, and what is copied is code alone."""

from __future__ import annotations

import contextlib
import html
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from matnet.cli.entry import run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

SHELL = re.compile(r"^```sh\n(.*?)^```\n(?!\n(?:.*\n\n)?```text)", flags=re.MULTILINE | re.DOTALL)
"""A block of commands, unless the page itself says what they print."""

SESSION = re.compile(r"^```python\n(?=>>> )", flags=re.MULTILINE)
PROMPTED = re.compile(r'<div class="[^"]*highlight">(?:(?!</div>).)*?<span class="gp">.*?</div>', flags=re.DOTALL)
LINES, COLUMNS, ROWS = 24, 130, 3
"""The most lines and columns of what a command prints, and the rows shown of a table that it writes."""


def with_results(markdown: str) -> str:
    """The page with the output after each command, and sessions marked as such."""
    with _folder() as folder:
        shown = SHELL.sub(lambda block: block[0] + _results(block[1], folder), markdown)
    return re.sub(r"^```text$", "``` { .text .no-copy }", SESSION.sub("```pycon\n", shown), flags=re.MULTILINE)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder with the fixtures, in which the commands of one page run one after another."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(FIXTURES, Path(name, "fixtures"))
        yield Path(name)


def _results(commands: str, folder: Path) -> str:
    lines = [line for line in commands.splitlines() if line.startswith("matnet ")]
    printed = [text for text in (_result(line, folder) for line in lines) if text]
    if not printed:
        return ""
    text = "\n\n".join(printed)
    return f'\n<div class="prints" markdown>\n``` {{ .text .no-copy }}\n{text}\n```\n</div>\n'


@cache
def _result(line: str, folder: Path) -> str:
    """What a command prints, and the first rows of a table that it writes."""
    arguments = shlex.split(line)[1:]
    written = io.BytesIO(), io.BytesIO()
    err, out = (io.TextIOWrapper(stream, encoding="utf-8", write_through=True) for stream in written)
    before, streams = os.getcwd(), (sys.stdout, sys.stderr)
    os.chdir(folder)
    try:
        sys.stdout, sys.stderr = out, err
        status = run(arguments)
    finally:
        sys.stdout, sys.stderr = streams
        os.chdir(before)
    if status:
        raise ValueError(f"{line} ended with status {status}")
    parts = [stream.getvalue().decode() for stream in written]
    table = next((Path(name) for name in arguments[1:] if name.endswith(".csv") and "/" not in name), None)
    if "-o" in arguments and table is not None:
        rows = (folder / table).read_text(encoding="utf-8").splitlines()
        parts.append("\n".join([f"{table}:", *rows[: ROWS + 1], *(["…"] if len(rows) > ROWS + 1 else [])]))
    return "\n".join(_cut("\n".join(part.rstrip() for part in parts if part.strip()).splitlines()))


def _cut(lines: list[str]) -> list[str]:
    kept = [line if len(line) <= COLUMNS else f"{line[: COLUMNS - 1]}…" for line in lines[:LINES]]
    return [*kept, "…"] if len(lines) > LINES else kept


def with_copies(page: str) -> str:
    """The page's HTML: of a session the statements alone are copied, without prompts and answers."""
    return PROMPTED.sub(_copied, page)


def _copied(block: re.Match[str]) -> str:
    text = html.unescape(re.sub(r"<[^>]+>", "", block[0].split("<code>", 1)[1]))
    code = [line[4:] for line in text.splitlines() if line.startswith((">>> ", "... "))]
    return block[0].replace("<div ", f'<div data-copy="{html.escape(chr(10).join(code))}" ', 1)
