"""LibreOffice computes workbooks: the numbers of their first sheets."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from matnet.exporters.running import execute
from matnet.functions.namespace import FloatArray

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
"""The namespace of a sheet's XML."""

FIRST_SHEET = "xl/worksheets/sheet1.xml"

_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
</item>
</oor:items>
"""
"""Settings with which a workbook is recalculated when it is opened; stored results are not used."""

_AT_ONCE = 100


def libreoffice() -> str | None:
    """The program, if it is installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def computed_rows(books: Sequence[Path], folder: Path, first: int) -> list[FloatArray]:
    """The numbers of the first sheet of each workbook as LibreOffice computes them, from a row on (counted from 1).

    LibreOffice gives 15 digits. Errors such as #N/A are NaN.

    Parameters
    ----------
    books
        The workbooks; their names differ.
    folder
        A folder for the work, without `profile` and `computed` in it.
    first
        The first row; from there on all rows have the same cells, each a number.

    Raises
    ------
    FormatError
        LibreOffice cannot compute one of them.
    """
    profile = folder / "profile"
    (profile / "user").mkdir(parents=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_SETTINGS, encoding="utf-8")
    command = [str(libreoffice()), "--headless", f"-env:UserInstallation={profile.resolve().as_uri()}"]
    command += ["--convert-to", "xlsx", "--outdir", str(folder / "computed")]
    for start in range(0, len(books), _AT_ONCE):
        execute([*command, *(str(book.resolve()) for book in books[start : start + _AT_ONCE])], folder, "workbook")
    return [np.array(list(_rows(folder / "computed" / book.name, first)), dtype=np.float64) for book in books]


def _rows(book: Path, first: int) -> Iterator[list[float]]:
    with zipfile.ZipFile(book) as archive:
        root = ElementTree.fromstring(archive.read(FIRST_SHEET))
    for row in root.iter(f"{MAIN}row"):
        if int(row.get("r", "0")) >= first and len(row):
            yield [_number(cell) for cell in row]


def _number(cell: ElementTree.Element) -> float:
    value = cell.findtext(f"{MAIN}v")
    return float("nan") if cell.get("t") == "e" or not value else float(value)
