"""Every format is run in its language, values and derivatives, on corpus networks and on every row."""

from __future__ import annotations

import contextlib
import re
import runpy
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from exported_networks import corpus_networks, row_networks
from latex_reader import Reader
from matnet.errors import FormatError
from matnet.exporters.libreoffice import computed_rows
from matnet.formulas.formula import Formula, formula
from matnet.formulas.numbers import points
from matnet.formulas.recording import FormulaRequest
from matnet.network import Network
from matnet.proof import formulas as proof_of_formulas
from matnet.proof.formulas import FormulaRun, run_text
from random_networks import Real

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
RUN = ("text", "python", "c", "matlab", "sympy", "excel")
NEEDED = {"c": "cc", "matlab": "octave-cli", "excel": "soffice"}


@pytest.fixture(params=[pytest.param(f, marks=pytest.mark.slow) if f == "excel" else f for f in RUN])
def format(request: pytest.FixtureRequest) -> str:
    """A format whose language is installed."""
    found: str = request.param
    if found in NEEDED and shutil.which(NEEDED[found]) is None:
        pytest.skip(f"{NEEDED[found]} is not installed")
    if found == "excel":
        pytest.importorskip("xlsxwriter")
    if found == "sympy":
        pytest.importorskip("sympy")
    return found


def both(net: Network, format: str, layout: str = "steps", digits: int | None = None) -> Formula:
    """The formula of the outputs and of their derivatives with respect to the first inputs, together."""
    derivative = not net.dynamic
    wanted = FormulaRequest(columns=tuple(range(min(net.input_size, 4))), derivative=derivative)
    return formula(net.structure, net.program, wanted, format, layout, digits)


def named() -> Network:
    """Names that are words of some language, or that the text uses itself."""
    net = next(net for name, net in row_networks().items() if name == "several")
    return net.with_names(inputs=["lambda", "feed T (°C)", "u1"], outputs=["a1_1", "function", "np", "=x", "double \\"])


def rows() -> dict[str, Network]:
    """The rows of the transfer functions but netinv, which has a pole, and others with their own operations."""
    chosen = ("transfer_", "radial_radbasn", "weight_mandist_netprod", "weight_boxdist_netsum", "input_mapstd", "odd")
    return {
        name: net for name, net in row_networks().items() if name.startswith(chosen) and not name.endswith("_netinv")
    }


def test_the_padding_of_a_pooling_layer_is_never_the_largest(format: str) -> None:
    found = both(row_networks()["connection_maxpool"], format)
    assert "inf" not in found.text.casefold()
    run = run_text(found, found.text)
    assert (run.failure, run.missing) == ("", "")
    assert run.agrees


@pytest.mark.parametrize("layout", ["steps", "nested"])
def test_the_pump(format: str, layout: str) -> None:
    found = both(matnet.load(FIXTURES / "pump.mat"), format, layout)
    run = run_text(found, found.text)
    assert (run.failure, run.missing) == ("", "")
    assert run.share <= 1e-13


def test_names_of_any_kind(format: str) -> None:
    found = both(named(), format)
    run = run_text(found, found.text)
    assert (run.failure, run.missing) == ("", "")
    assert run.share <= 1e-12


def test_a_step_with_feedback(format: str) -> None:
    found = both(matnet.load(FIXTURES / "genfunction" / "narx_closed.m"), format)
    run = run_text(found, found.text)
    assert (run.failure, run.missing) == ("", "")
    assert run.share <= 1e-12


def test_fewer_digits_are_run_with_the_error_that_is_stated(format: str) -> None:
    found = both(matnet.load(FIXTURES / "pump.mat"), format, digits=5)
    run = run_text(found, found.text)
    assert run.agrees
    assert 1e-8 < run.share <= max(difference.share for difference in found.differences)


def test_a_wrong_digit_is_noticed(format: str) -> None:
    found = both(matnet.load(FIXTURES / "pump.mat"), format)
    wrong = found.text.replace("12.312673", "12.312683")
    assert wrong != found.text
    run = run_text(found, wrong)
    assert run.failure == ""
    assert not run.agrees


def runs(found: Mapping[str, Formula], folder: Path) -> dict[str, FormulaRun]:
    """Every formula, run in its language.

    LibreOffice takes seconds to start and computes the workbooks of all in one go: they are kept in a first pass. SymPy
    takes as long to be imported as to do its work, and runs in this process.
    """
    books: list[Path] = []
    formats = {entry.format for entry in found.values()}

    def kept(given: Sequence[Path], _: Path, first: int) -> list[Real]:
        assert first == 1
        (book,) = given
        books.append(Path(shutil.copy(book, folder / f"{len(books)}.xlsx")))
        raise FormatError("it is computed with the others")

    def run_here(command: Sequence[str], folder: Path, language: str) -> None:
        assert (command[1:], language) == (["run.py"], "SymPy")
        with contextlib.chdir(folder):
            runpy.run_path("run.py")

    if formats == {"sympy"}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proof_of_formulas, "execute", run_here)
            return {name: run_text(entry, entry.text) for name, entry in found.items()}
    if formats == {"excel"}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proof_of_formulas, "computed_rows", kept)
            for entry in found.values():
                assert run_text(entry, entry.text).failure == "it is computed with the others"
            computed = iter(computed_rows(books, folder, 1))
            patch.setattr(proof_of_formulas, "computed_rows", lambda *_: [next(computed)])
            return {name: run_text(entry, entry.text) for name, entry in found.items()}
    return {name: run_text(entry, entry.text) for name, entry in found.items()}


@pytest.mark.slow
def test_every_row(format: str, tmp_path: Path) -> None:
    found = {name: both(net, format) for name, net in rows().items()}
    for name, run in runs(found, tmp_path).items():
        assert (name, run.failure, run.missing) == (name, "", "")
        assert run.agrees, name


@pytest.mark.slow
def test_the_corpus(format: str, corpus: Path, tmp_path: Path) -> None:
    """Networks of every kind that MATLAB saved, in steps."""
    largest = 100 if format in ("sympy", "excel") else 400
    networks = {name: net for name, net in corpus_networks(corpus).items() if len(net.parameters) <= largest}
    assert len(networks) >= 8
    found = {name: both(net, format) for name, net in networks.items()}
    for name, run in runs(found, tmp_path).items():
        assert (name, run.failure, run.missing) == (name, "", "")
        assert found[name].exact, name
        assert run.agrees, name


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    net = matnet.load(FIXTURES / "pump.mat")
    missing = {form: run_text(both(net, form), "").missing for form in ("c", "matlab")}
    assert missing == {"c": "a C compiler", "matlab": "GNU Octave"}


@pytest.mark.parametrize("digits", [None, 4])
def test_latex_is_read_and_computes_the_same(digits: int | None) -> None:
    for name, net in {"pump": matnet.load(FIXTURES / "pump.mat"), **rows()}.items():
        found = both(net, "latex", digits=digits)
        x = points(found.recorded, 40)
        names: dict[str, Any] = {f"x_{{{k}}}": column for k, column in enumerate(x.T, start=1)}
        for left, right in equations(found.text):
            with np.errstate(all="ignore"):
                names[left] = Reader(right, names).value()
        results = [names[left] for left, _ in equations(found.text) if left.startswith(("y", r"\frac"))]
        got = np.stack([np.broadcast_to(result, len(x)) for result in results], axis=1)
        expected = found.computed(x)
        scale = np.maximum(1.0, np.abs(expected).max(axis=0))
        np.testing.assert_allclose(got / scale, expected / scale, rtol=0.0, atol=1e-12, err_msg=name)


def equations(text: str) -> list[tuple[str, str]]:
    """The two sides of each equation."""
    body = text.partition(r"\begin{aligned}")[2].partition(r"\end{aligned}")[0]
    sides = [line.split(" &= ") for line in re.split(r"\\\\\n", body)]
    return [(left.strip(), " ".join(right.split())) for left, right in sides]


@pytest.mark.slow
def test_latex_of_every_row_is_typeset() -> None:
    """Matplotlib's typesetter takes every equation, but for cases, which it does not know."""
    pytest.importorskip("matplotlib")
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    typeset = 0
    for net in [*rows().values(), named()]:
        for left, right in equations(both(net, "latex", digits=3).text):
            if r"\begin{cases}" not in right:
                parser.parse(f"${left} = {right}$")
                typeset += 1
    assert typeset > 200


def test_braces_and_environments_of_latex_are_closed() -> None:
    for net in rows().values():
        text = both(net, "latex").text
        assert text.count("{") == text.count("}")
        for opened, closed in ((r"\left", r"\right"), (r"\begin{cases}", r"\end{cases}")):
            assert len(re.findall(re.escape(opened) + r"(?![a-z])", text)) == len(
                re.findall(re.escape(closed) + r"(?![a-z])", text)
            )


def test_sympy_is_there_in_the_extra() -> None:
    if find_spec("sympy") is None:
        pytest.skip("sympy is not installed")
    text = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^symbolic = \["sympy', text, flags=re.MULTILINE)
