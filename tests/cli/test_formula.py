"""The command `formula`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import matnet
from matnet.cli.entry import run
from matnet.cli.formula import FORMATS
from matnet.formulas.formula import FORMATS as KNOWN
from matnet.proof import formulas

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
NAMED = [PUMP, "--inputs", "flow,speed", "--outputs", "head"]


def test_it_prints_the_formula_and_says_how_it_was_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formula", *NAMED, "--digits", "5"]) == 0
    out, err = capsys.readouterr()
    net = matnet.load(PUMP).with_names(inputs=["flow", "speed"], outputs=["head"])
    assert out == f"{net.formula(digits=5)}\n"
    assert err.startswith("matnet: note: run by Python at 100 points; largest difference from the network ")
    assert err.endswith(" of the range of a result\n")


def test_the_formats_are_those_of_the_library() -> None:
    assert FORMATS == KNOWN


def test_latex_is_compared_but_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formula", *NAMED, "--format", "latex", "--nested"]) == 0
    out, err = capsys.readouterr()
    assert r"\mathrm{head} &= 8.798924102783204 \, \tanh\left(" in out
    assert err.startswith("matnet: note: compared with the network: largest difference ")


def test_a_derivative_by_all_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    for every in ("all", "flow:speed"):
        assert run(["formula", *NAMED, "--wrt", every, "--quiet"]) == 0
        out, err = capsys.readouterr()
        assert "\ndhead_dflow = " in out
        assert "\ndhead_dspeed = " in out
        assert err == ""


def test_a_layer_by_its_number_and_outputs_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formula", PUMP, "--of", "2", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("    ")
    assert run(["formula", *NAMED, "--of", "head", "--quiet", "--nested"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("head = ")


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.py"
    assert run(["formula", PUMP, "--format", "python", "-o", str(place), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert place.read_text() == f"{matnet.load(PUMP).formula(format='python')}\n"
    assert run(["formula", PUMP, "-o", str(place), "--no-clobber"]) == 2
    assert capsys.readouterr().err == (f"matnet: {place}: the file exists; leave out --no-clobber to replace it\n")


def test_what_excel_cannot_say_in_its_cells_is_a_note(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["formula", PUMP, "--format", "excel"]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("matnet: note: numbers with 15 digits; largest error at 1,000 points")
    assert second in (
        "matnet: note: not run, as LibreOffice is not installed",
        "matnet: note: not run, as xlsxwriter is not installed",
    )


def test_what_does_not_agree_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    monkeypatch.setattr(formulas, "_C", formulas._C.replace("fread(driver_x", "fread(driver_y"))
    place = tmp_path / "pump.c"
    assert run(["formula", PUMP, "--format", "c", "-o", str(place)]) == 1
    assert capsys.readouterr().err.startswith(
        "matnet: not written: run by the C compiler at 100 points; largest difference from the network "
    )
    assert not place.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--of", "3"], "of=3: the layers are numbered from 1 to 2"),
        (["--wrt", "load"], "wrt='load' is not the name of an input; the names are x1, x2"),
        (["--digits", "0"], "Invalid value for '--digits': 0 is not in the range 1<=x<=17. See matnet formula --help"),
        (["--inputs", "flow"], "inputs: expected a name for each of 2, got 1: flow"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["formula", PUMP, *arguments]) == 2
    assert capsys.readouterr() == ("", f"matnet: {message}\n")


def test_several_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = matnet.load(PUMP)
    nets = {name: net.with_parameters(net.parameters * factor) for name, factor in (("for", 1.0), ("2nd", 1.01))}
    (tmp_path / "nets").mkdir()
    for name, own in nets.items():
        matnet.save(own, tmp_path / "nets" / f"{name}.json")
    folder = str(tmp_path / "nets")
    assert run(["formula", folder, "--digits", "6", "--quiet"]) == 0
    expected = [f"# {name}.json\n{nets[name].formula(digits=6)}\n" for name in sorted(nets)]
    assert capsys.readouterr().out == "\n".join(expected)
    assert run(["formula", folder, "--format", "latex", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("% 2nd.json\n")
    assert run(["formula", folder, "--format", "python", "-o", str(tmp_path / "py" / "f_{name}.py"), "--quiet"]) == 0
    # functions have legal names
    for name, function in (("for", "for_"), ("2nd", "v_2nd")):
        found: dict[str, Any] = {}
        exec((tmp_path / "py" / f"f_{name}.py").read_text(), found)  # noqa: S102
        assert found[function](60.0, 2400.0) == pytest.approx(nets[name]([60.0, 2400.0])[0], rel=1e-12)
    assert run(["formula", folder, "--format", "c"]) == 2
    assert capsys.readouterr().err == (
        "matnet: -: these are several networks: write {name} in OUT for the name of each, as in net_{name}.c, or name "
        "one of them with --network\n"
    )


def test_of_several_networks_all_are_written_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mat").write_bytes(Path(PUMP).read_bytes())
    runs: list[formulas.FormulaRun] = []

    def second_fails(formula: Any, text: str) -> formulas.FormulaRun:
        runs.append(formulas.FormulaRun("Python", failure="it differs" if runs else "", same=not runs))
        return runs[-1]

    monkeypatch.setattr(formulas, "run_text", second_fails)
    assert run(["formula", str(tmp_path), "--format", "python", "-o", str(tmp_path / "{name}.py")]) == 1
    assert capsys.readouterr().err == "matnet: b.mat:net: not written: it differs\n"
    assert len(runs) == 2
    assert list(tmp_path.glob("*.py")) == []


@pytest.mark.parametrize("stem", ["main", "printf", "double", "exp", "y", "x", "y1", "network"])
def test_a_function_of_c_has_a_name_that_a_program_does_not_have(
    stem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is compiled and run where there is a compiler."""
    matnet.save(matnet.load(PUMP), tmp_path / f"{stem}.json")
    assert run(["formula", f"{tmp_path}/*.json", "--format", "c", "-o", str(tmp_path / "{name}.c")]) == 0
    own = stem if stem in ("x", "y", "network") else f"{stem}_"
    assert f"double {own}(" in (tmp_path / f"{stem}.c").read_text()
    err = capsys.readouterr().err
    assert "run by the C compiler" in err or "is not installed" in err


@pytest.mark.parametrize("language", ["c", "matlab", "sympy", "excel"])
def test_each_language_of_several_networks_is_run(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mat").write_bytes(Path(PUMP).read_bytes())
    assert run(["formula", str(tmp_path), "--format", language, "-o", str(tmp_path / "{name}.txt")]) == 0
    err = capsys.readouterr().err
    assert "note: run by " in err or "is not installed" in err
    if language in ("c", "matlab"):
        assert " a_net(" in (tmp_path / "a_net.txt").read_text()
