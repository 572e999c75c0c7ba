"""The command `convert`."""

from __future__ import annotations

from pathlib import Path

import pytest

import matnet
from matnet.cli.entry import run
from matnet.exporters import python_source

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
    assert capsys.readouterr().out == f"{place}: written; read back, it is the same to the last bit\n"
    assert matnet.load(place)([[50.0, 2400.0]]) == matnet.load(PUMP)([[50.0, 2400.0]])


def test_without_the_derivative(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pump.py"
    assert run(["convert", PUMP, str(place), "--no-jacobian", "--name", "head"]) == 0
    assert capsys.readouterr().out.endswith(" in y\n")
    assert "value_and_jacobian" not in place.read_text()


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
    place = tmp_path / "my-pump.c"
    assert run(["convert", PUMP, str(place)]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {place}: the function's name (name=, or --name) is 'my-pump', which is no identifier; "
        "give one of letters, digits and _ that begins with a letter\n"
    )
    assert run(["convert", str(FIXTURES), str(tmp_path / "a.c")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_several_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mat").write_bytes(Path(PUMP).read_bytes())
    (tmp_path / "b.mat").write_bytes(Path(PUMP).read_bytes())
    assert run(["convert", str(tmp_path), str(tmp_path / "a.c")]) == 2
    assert capsys.readouterr().err == (
        f"matnet: {tmp_path}: these are several networks; convert takes one, named by --network\n"
    )
