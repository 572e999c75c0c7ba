"""Workbooks that LibreOffice has computed: how it is called, and the numbers that are read from what it wrote."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from matnet.exporters import libreoffice

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    '<row r="6"><c><v>99</v></c></row>'
    '<row r="7"><c><v>{number}</v></c><c t="e"><v>#N/A</v></c><c><v>-2.5e-3</v></c></row>'
    '<row r="8"/>'
    '<row r="9"><c t="n"><v>4</v></c><c><v></v></c><c/></row>'
    "</sheetData></worksheet>"
)


def test_the_numbers_of_many_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command takes at most 100 of them: its line must not become too long."""
    commands: list[list[str]] = []

    def execute(command: Sequence[str], folder: Path, language: str) -> None:
        assert (folder, language) == (tmp_path, "workbook")
        place = Path(command[command.index("--outdir") + 1])
        place.mkdir(exist_ok=True)
        books = [Path(entry) for entry in command if entry.endswith(".xlsx")]
        for book in books:
            with zipfile.ZipFile(place / book.name, "w") as archive:
                archive.writestr("xl/worksheets/sheet1.xml", SHEET.format(number=book.stem))
        commands.append([book.name for book in books])

    monkeypatch.setattr(libreoffice, "execute", execute)
    books = [tmp_path / "given" / f"{number}.xlsx" for number in range(201)]
    found = libreoffice.computed_rows(books, tmp_path, 7)
    assert [len(names) for names in commands] == [100, 100, 1]
    assert [name for names in commands for name in names] == [book.name for book in books]
    assert len(found) == 201
    for number, rows in enumerate(found):
        np.testing.assert_array_equal(rows, [[number, np.nan, -2.5e-3], [4.0, np.nan, np.nan]])
    # a stored result is never taken for a computed one
    settings = (tmp_path / "profile" / "user" / "registrymodifications.xcu").read_text()
    assert 'oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value>' in settings


def test_the_program_has_one_of_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert libreoffice.libreoffice() is None
    for name in ("libreoffice", "soffice"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert libreoffice.libreoffice() == str(tmp_path / name)
