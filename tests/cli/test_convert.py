"""The command `convert`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.cli.models import file_names
from matnet.exporters import python_source
from matnet.exporters.target import targets

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")


def test_it_says_how_far_apart_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.py"
    assert run(["convert", PUMP, str(place), "--inputs", "flow,speed", "--outputs", "head"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"{place}: written; run by Python at 101 points; largest difference, of the range: ")
    assert out.endswith(" in dy/dx\n")
    assert "INPUTS = ('flow', 'speed')" in place.read_text()


def test_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.json"
    assert run(["convert", PUMP, str(place)]) == 0
    assert capsys.readouterr().out == (
        f"{place}: written; run by matnet at 101 points; largest difference, of the range: 0 in y\n"
    )
    assert matnet.load(place)([[50.0, 2400.0]]) == matnet.load(PUMP)([[50.0, 2400.0]])
    assert run(["convert", PUMP, str(place), "--inputs", "flow,Δp in %"]) == 0
    named = matnet.load(place)
    assert (named.input_names, named.output_names) == (("flow", "Δp in %"), ("y1",))
    capsys.readouterr()
    assert run(["convert", PUMP, str(place), "--outputs", "head,power"]) == 2
    message = f"matnet: {place}: outputs: expected a name for each of 1, got 2: head, power\n"
    assert capsys.readouterr().err == message


def test_without_the_derivative(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.c"
    assert run(["convert", PUMP, str(place), "--no-jacobian", "--name", "head"]) == 0
    assert "dydx" not in place.read_text()
    assert "void head_eval(const double *x, double *y);" in place.read_text()
    if shutil.which("cc"):
        assert capsys.readouterr().out.endswith(" in y\n")


def test_a_stem_that_is_not_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "my-pump.v2.c"
    assert run(["convert", PUMP, str(place), "--header"]) == 0
    assert capsys.readouterr().err == (
        f"matnet: note: {place}: the function is called my_pump_v2: 'my-pump.v2' is not a name of letters, digits and "
        "_ that begins with a letter\n"
    )
    assert "void my_pump_v2_eval(" in place.with_suffix(".h").read_text()


def test_a_runtime_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place = tmp_path / "pump.c"
    assert run(["convert", PUMP, str(place)]) == 0
    assert capsys.readouterr().out == f"{place}: written; not run, as a C compiler is not installed\n"
    assert place.exists()


def test_the_list_and_the_help_name_every_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(targets())
    for line, target in zip(lines, targets().values(), strict=True):
        assert f" {target.name}: {target.about} (" in line
    assert run(["convert", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    suffixes = list(targets())
    assert f"in the format of its suffix: {', '.join(suffixes[:-1])} or {suffixes[-1]}." in shown


def test_what_does_not_agree_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(python_source._TABLE, "tanh", "1.001 * np.tanh({0})")
    place = tmp_path / "pump.py"
    assert run(["convert", PUMP, str(place)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        f"matnet: {place}: not written: run by Python at 101 points; largest difference, of the range: "
    )
    assert err.endswith(", where 1e-12 is allowed\n")
    assert list(tmp_path.iterdir()) == []


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "my-pump.m"
    assert run(["convert", PUMP, str(place)]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {place}: MATLAB calls a function by its file's name, and 'my-pump' is not a name of letters, digits "
        "and _ that begins with a letter; write it to a file named my_pump\n"
    )
    assert run(["convert", str(FIXTURES), str(tmp_path / "a.c")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_several_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "a.mat").write_bytes(Path(PUMP).read_bytes())
    (folder / "b.mat").write_bytes(Path(PUMP).read_bytes())
    place = tmp_path / "a.c"
    assert run(["convert", str(folder), str(place)]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {place}: these are several networks: write {{name}} in OUT for the name of each, as in "
        "net_{name}.c, or name one of them with --network\n"
    )
    template = str(tmp_path / "made" / "net_{name}.json")
    assert run(["convert", str(folder), template]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in out] == [
        template.replace("{name}", name) for name in ("a_net", "b_net")
    ]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["net_a_net.json", "net_b_net.json"]
    np.testing.assert_array_equal(
        matnet.load(tmp_path / "made" / "net_b_net.json")([[50.0, 2400.0]]), matnet.load(PUMP)([[50.0, 2400.0]])
    )
    assert run(["convert", str(folder), template, "--no-clobber"]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {tmp_path / 'made' / 'net_a_net.json'}: the file exists; leave out --no-clobber to replace it\n"
    )


def test_names_of_several_networks_make_different_files() -> None:
    assert file_names(["nets{1}", "nets{2}", "a.mat", "sub/a.mat:best net", "sub/a.mat:best-net", "...", "ü.json"]) == (
        "nets_1",
        "nets_2",
        "a",
        "sub_a_best_net",
        "sub_a_best_net_2",
        "network",
        "ü",
    )
