"""The text of a formula is run: one result or several, what is allowed for rounding, and what is missing."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from matnet.errors import FormatError
from matnet.formulas.formula import Formula, formula
from matnet.formulas.recording import FormulaRequest
from matnet.formulas.syntax import Format
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.proof import formulas
from matnet.proof.formulas import run_text


def linear(format: Format, outputs: int = 1, slope: float = 2.0) -> Formula:
    """y = slope * x + 1 over -1 to 1, or several such outputs with other slopes."""
    value = slope * np.arange(1.0, outputs + 1)[:, None]
    layer = Layer(outputs, "purelin", {0: Weight(value)}, bias=np.ones(outputs))
    net = Network(Structure((Input(1, range=np.array([[-1.0, 1.0]])),), (layer,), (Output(0, outputs),)))
    return formula(net.structure, net.program, FormulaRequest(), format, "steps", None)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("format", ["text", "python", "sympy", "c", "matlab"])
def test_one_result_and_several(format: Format, outputs: int) -> None:
    """A function of one result returns it; one of several fills an array, or returns all of them."""
    found = linear(format, outputs)
    run = run_text(found, found.text)
    if run.missing:
        pytest.skip(f"{run.missing} is not installed")
    assert (run.failure, run.agrees, run.points) == ("", True, 100)
    assert run.share < 1e-15


def off_by(share: float) -> Callable[[Formula, str, FloatArray, Path], FloatArray]:
    """A program whose results are too large by this share of them."""
    return lambda found, text, x, folder: np.asarray(found.computed(x) * (1.0 + share))


@pytest.mark.parametrize(
    ("format", "share", "agrees"),
    [
        ("python", 1.8e-15, True),
        ("python", 2.5e-15, False),
        ("excel", 6.6e-15, True),
        ("excel", -6.6e-15, True),
        ("excel", 7.5e-15, False),
    ],
)
def test_results_that_hardly_vary_agree_but_for_rounding(
    format: Format, share: float, agrees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2e-15 of their size; LibreOffice writes 15 digits, which are 5e-15 more. The results lie within 1e-6 of 1."""
    monkeypatch.setitem(formulas._RUNTIMES, format, ("some program", lambda: "", off_by(share)))
    run = run_text(linear(format, slope=5e-7), "")
    assert (run.same, run.agrees) == (agrees, agrees)
    assert run.share == pytest.approx(abs(share) / 1e-6, rel=0.1)


def test_a_program_that_fails_or_is_missing_has_computed_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> FloatArray:
        raise FormatError("no")

    nothing = (100, np.inf, False, False)
    monkeypatch.setitem(formulas._RUNTIMES, "c", ("the C compiler", lambda: "", failing))
    run = run_text(linear("c"), "")
    assert (run.runtime, run.failure, run.missing) == ("the C compiler", "no", "")
    assert (run.points, run.share, run.same, run.agrees) == nothing
    monkeypatch.setitem(formulas._RUNTIMES, "c", ("the C compiler", lambda: "a C compiler", failing))
    run = run_text(linear("c"), "")
    assert (run.runtime, run.failure, run.missing) == ("the C compiler", "", "a C compiler")
    assert (run.points, run.share, run.same, run.agrees) == nothing


def test_a_program_is_found_under_either_of_its_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    suffix = ".exe" if os.name == "nt" else ""
    programs: dict[Format, tuple[str, tuple[str, str]]] = {
        "matlab": ("GNU Octave", ("octave", "octave-cli")),
        "c": ("a C compiler", ("gcc", "cc")),
        "excel": ("LibreOffice", ("libreoffice", "soffice")),
    }
    for format, (missing, names) in programs.items():
        if format == "excel":
            pytest.importorskip("xlsxwriter")
        _, lacking, _ = formulas._RUNTIMES[format]
        assert lacking() == missing
        for name in names:
            program = tmp_path / f"{name}{suffix}"
            program.touch(0o755)
            assert lacking() == "", name
            program.unlink()
        for name in names:
            (tmp_path / f"{name}{suffix}").touch(0o755)
        assert lacking() == ""


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.util.find_spec("numpy")
    for found, expected in ((None, ("SymPy", "xlsxwriter")), (installed, ("", ""))):
        monkeypatch.setattr(formulas, "find_spec", lambda name, found=found: found)
        monkeypatch.setattr(formulas, "libreoffice", lambda: "soffice")
        assert (formulas._RUNTIMES["sympy"][1](), formulas._RUNTIMES["excel"][1]()) == expected


def test_a_row_of_cells_is_filled_down_beside_the_points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Cells of the own row move with it; functions, texts and names that only look like cells do not."""
    pytest.importorskip("xlsxwriter")
    text = "x1\tx2\ty1\ty2\tt1\n1.0\t2.0\t=A2+3*E2\t=IF(B2>2,LOG10(A2),AA2)\t=ATAN2(A2,B2)*A22+S.A2"
    seen = []

    def cell(entry: ElementTree.Element) -> str | float:
        formula = entry.findtext("{*}f")
        return float(entry.findtext("{*}v", "")) if formula is None else formula

    def computed(books: Sequence[Path], folder: Path, first: int) -> list[FloatArray]:
        assert (folder, first) == (tmp_path, 1)
        with zipfile.ZipFile(books[0]) as book:
            sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        seen.extend([[cell(entry) for entry in row.iterfind("{*}c")] for row in sheet.iterfind(".//{*}row")])
        return [np.arange(15.0).reshape(3, 5)]

    monkeypatch.setattr(formulas, "computed_rows", computed)
    x = np.array([[0.1 + 0.2, -2.0], [1 / 3, 1e300], [0.0, 5.0]])
    found = formulas._in_libreoffice(linear("excel", 2), text, x, tmp_path)
    assert found.tolist() == [[2.0, 3.0], [7.0, 8.0], [12.0, 13.0]]
    assert [row[:2] for row in seen] == x.tolist()
    assert [row[2:] for row in seen] == [
        [f"A{k}+3*E{k}", f"IF(B{k}>2,LOG10(A{k}),AA{k})", f"ATAN2(A{k},B{k})*A22+S.A2"] for k in (1, 2, 3)
    ]
