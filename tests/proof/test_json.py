"""verify, check and diff as JSON: one document on standard output, with what the text says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.cli.entry import run
from matnet.exporters.archive import archive_text
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")


def document(capsys: pytest.CaptureFixture[str], status: int, *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == status
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(found, dict)
    return found


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = document(capsys, 0, "verify", PUMP)["files"]
    assert (found["file"], found["verdict"], [net["network"] for net in found["networks"]]) == (PUMP, "proved", ["net"])
    (net,) = found["networks"]
    first = net["findings"][0]
    assert (first["what"], first["samples"], first["verdict"], first["reason"]) == ("x -> y", 165, "proved", "")
    assert first["of_range"] < 1e-14
    assert [entry["what"] for entry in net["findings"][1:]] == [
        "tr.best_perf (x -> t)",
        "tr.best_vperf (x -> t)",
        "tr.best_tperf (x -> t)",
    ]


def test_verify_without_answers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "pump.json"
    file.write_text(archive_text(matnet.load(PUMP)))
    (found,) = document(capsys, 3, "verify", str(file))["files"]
    (entry,) = found["networks"][0]["findings"]
    assert entry == {
        "what": "",
        "samples": 0,
        "difference": None,
        "of_range": None,
        "verdict": "nothing to compare",
        "reason": "no stored answers were found for 2 inputs and 1 output; name them with --inputs and --outputs",
    }


def test_check_lists_every_derivative_and_null_for_what_is_not_finite(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    layer = Layer(1, "purelin", {0: Weight(np.array([[1.0, 2.0]]), "normprod")})
    file, table = tmp_path / "net.json", tmp_path / "x.csv"
    file.write_text(archive_text(Network(Structure((Input(2),), (layer,), (Output(0, 1),)))))
    table.write_text("x1,x2\n1,-1\n")
    (found,) = document(capsys, 0, "check", str(file), str(table))["networks"]
    assert (found["agrees"], found["samples"], found["samples_without_finite_output"]) == (True, 1, 1)
    assert [entry["verdict"] for entry in found["derivatives"]] == ["undefined", "undefined"]
    assert found["derivatives"][0]["analytic"] is None
    (found,) = document(capsys, 0, "check", PUMP)["networks"]
    assert {(entry["output"], entry["input"]) for entry in found["derivatives"]} == {("y1", "x1"), ("y1", "x2")}
    assert all(entry["analytic"] == pytest.approx(entry["numerical"]) for entry in found["derivatives"])
    assert all("lag" not in entry for entry in found["derivatives"])


def test_diff(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pump = matnet.load(PUMP)
    theta = pump.parameters.copy()
    theta[0] *= 2.0
    file = tmp_path / "second.json"
    file.write_text(archive_text(pump.with_parameters(theta)))
    found = document(capsys, 1, "diff", PUMP, str(file))
    assert (found["files"], found["verdict"], found["facts"]) == ([PUMP, str(file)], "different", [])
    (number,) = found["numbers"]
    assert (number["place"], number["first"], number["second"]) == ("b{1}", theta[0] / 2.0, theta[0])
    assert document(capsys, 0, "diff", PUMP, PUMP)["verdict"] == "equal"


def folder(tmp_path: Path) -> Path:
    """A network that is proved, and one without answers."""
    shutil.copy(PUMP, tmp_path / "a.mat")
    (tmp_path / "b.json").write_text(archive_text(matnet.load(PUMP)))
    return tmp_path


def test_verify_of_many_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = folder(tmp_path)
    assert run(["verify", str(files)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 proved, 1 nothing to compare"
    assert [line for line in lines if line.startswith(str(files))] == [str(files / "a.mat"), str(files / "b.json")]
    assert run(["verify", str(files / "*.mat"), PUMP]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 proved"


def test_verify_of_many_files_goes_on_after_a_broken_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mat"
    broken.write_bytes(b"MATLAB 5.0")
    found = document(capsys, 2, "verify", str(broken), PUMP)
    assert [entry["verdict"] for entry in found["files"]] == ["proved"]
    assert [entry["file"] for entry in found["failures"]] == [str(broken)]


def test_data_are_named_for_a_single_file(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--inputs", "x"], ["--steps", "3"], ["--network", "net"], ["--record", "tr"]):
        assert run(["verify", PUMP, PUMP.replace("pump", "cascade"), *option]) == 2
        assert capsys.readouterr().err == (
            "matnet: a network and its data are named for a single file only, but several files are given\n"
        )


def test_check_of_many_networks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = folder(tmp_path)
    assert run(["check", str(files)]) == 0
    agrees = "2 of 2 derivatives agree: complex step, 20 samples"
    assert capsys.readouterr().out.splitlines() == [f"a.mat:net: {agrees}", f"b.json: {agrees}"]
    found = document(capsys, 0, "check", str(files))
    assert [entry["agrees"] for entry in found["networks"]] == [True, True]


def test_an_archive_is_checked_under_its_own_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("run1.json", "run2.json"):
        matnet.save(matnet.load(PUMP), tmp_path / name)
    found = document(capsys, 0, "check", str(tmp_path))
    assert [entry["network"] for entry in found["networks"]] == ["run1.json", "run2.json"]
    found = document(capsys, 0, "check", str(tmp_path / "run1.json"))
    assert [entry["network"] for entry in found["networks"]] == ["run1.json"]


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two networks, a file that is cut off and a table."""
    monkeypatch.chdir(tmp_path)
    fixtures = Path(PUMP).parent
    for name in ("pump.mat", "two_by_two.mat", "pump_inputs.csv"):
        shutil.copy(fixtures / name, tmp_path / name)
    (tmp_path / "broken.mat").write_bytes((fixtures / "pump.mat").read_bytes()[:300])
    return tmp_path


BROKEN = "byte 128: the file is cut off or broken: an element of 18248 bytes is announced, 164 are left"


def test_a_broken_file_does_not_stop_the_check_of_a_folder(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "."]) == 2
    said = capsys.readouterr()
    assert said.err == f"matnet: broken.mat: {BROKEN}\n"
    assert said.out.splitlines() == [
        "pump.mat:net: 2 of 2 derivatives agree: complex step, 20 samples",
        "two_by_two.mat:net: 20 of 20 derivatives agree: complex step, 20 samples",
    ]
    assert run(["check", ".", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [entry["network"] for entry in found["networks"]] == ["pump.mat:net", "two_by_two.mat:net"]
    assert found["failures"] == [{"file": "broken.mat", "error": f"broken.mat: {BROKEN}"}]


def test_several_files_are_checked_with_or_without_a_table(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "pump.mat", "two_by_two.mat"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert run(["check", "p*.mat", "pump.mat", "pump_inputs.csv"]) == 0
    assert (
        capsys.readouterr().out.splitlines() == ["pump.mat:net: 2 of 2 derivatives agree: complex step, 24 samples"] * 2
    )
    assert run(["check", "pump.mat", "two_by_two.mat", "pump_inputs.csv"]) == 2
    said = capsys.readouterr()
    assert said.out == "pump.mat:net: 2 of 2 derivatives agree: complex step, 24 samples\n"
    assert said.err.startswith("matnet: two_by_two.mat: pump_inputs.csv: the header names 2 inputs of 5 (x1, x2)")
    for arguments, message in (
        (["pump.mat", "two_by_two.mat", "-"], "standard input can be read only once, but several files are given; name "
         "a table"),
        (["pump.mat", "two_by_two.mat", "--network", "net"], "--network names a network in one file, but several files "
         "are given"),
        (["pump.mat", "none.csv"], "none.csv: cannot be read: No such file or directory"),
    ):  # fmt: skip
        assert run(["check", *arguments]) == 2
        assert capsys.readouterr().err == f"matnet: {message}\n"


def test_an_id_column_is_left_out(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mixed / "t.csv").write_text("id,flow,speed\n7,20,1500\n8,60,2800\n")
    assert run(["check", "pump.mat", "t.csv", "--keep", "id", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 of 2 derivatives agree: complex step, 2 samples"
    assert lines[1].startswith("dy1_dflow")
