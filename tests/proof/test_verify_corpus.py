"""verify from the command line: every number that MATLAB stored in the corpus, named and found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from matnet.cli.entry import run

if TYPE_CHECKING:
    from conftest import Case


def named(case: Case, corpus: Path) -> list[str]:
    """The command line that names everything the case tells."""
    options = {"x": "--inputs", "y": "--outputs", "t": "--targets", "record": "--record"}
    options |= {"xi": "--input-states", "ai": "--layer-states"}
    line = ["verify", str(corpus / case.file), "--network", case.network]
    for key, option in options.items():
        place = case.fields.get(key)
        if place is not None:
            file = f"{corpus / place['file']}:" if "file" in place else ""
            line += [option, file + place["path"]]
    if case.fields.get("steps") is not None:
        line += ["--steps", str(case.fields["steps"])]
    return line


LABELS: dict[tuple[str, str], str] = {
    ("static_hardlim_256_inputs.mat", "net"): "b{1}",
    ("rbf_pnn_2006_sparse.mat", "net2"): "b{1}",
    ("competitive_mcos_v9.mat", "net"): "b{1}",
}
"""Networks of which only class labels are stored, with what could be 1 % off without any label changing."""


def check(case: Case, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = LABELS.get((case.file, case.network))
    if block is not None:
        assert run(named(case, corpus)) == 3
        lines = capsys.readouterr().out.splitlines()
        assert lines[3:] == [f"    a change of {block} by 1 % would not have shown", "", "weak"]
        assert lines[2].split()[-2:] == ["0", "weak"]
        return
    contradicted = case.fields.get("expect") == "mismatch"
    assert run(named(case, corpus)) == (1 if contradicted else 0)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.splitlines()[-1] == ("contradicted" if contradicted else "proved")


def test_outputs(outputs_case: Case, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(outputs_case, corpus, capsys)


def test_training_records(record_case: Case, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(record_case, corpus, capsys)


def test_series(series_case: Case, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(series_case, corpus, capsys)


FOUND: dict[str, tuple[int, list[str]]] = {
    "static_stale_record.mat": (
        1,
        ["x -> y", "tr.best_perf (x -> t)", "tr.best_vperf (x -> t)", "tr.best_tperf (x -> t)"],
    ),
    "static_chemical_workspace.mat": (
        0,
        ["x -> y", "tr.best_perf (x -> t)", "tr.best_vperf (x -> t)", "tr.best_tperf (x -> t)"],
    ),
    "static_regression_small.mat": (
        0,
        ["TrainInputs' -> F1TrNET = F1YtrNET'", "TestInputs' -> F1TsNET = F1YtsNET'"],
    ),
    "static_turning_nntool_session.mat": (0, ["STATE.input.values{1}{1} -> STATE.output.values{1}{1}"]),
    "static_pump_nan_samples.mat": (
        0,
        [
            "tr.best_perf (Input_Training' -> Output_Training')",
            "tr.best_vperf (Input_Training' -> Output_Training')",
        ],
    ),
    "static_poslin_nested_copy.mat": (0, ["X' -> Y_pred'", "X' -> Y_pred'"]),
    "rbf_pnn.mat": (3, ["test{1} -> PNN_outputs{1}"]),
    "static_v6_integer_weights.mat": (3, ["SimData' = SimData2 -> Y"]),
    "static_logsig_tansig_wrapped_cells.mat": (0, ["testset_transpose{1} -> TestBackprop_outputs{1}"]),
}
"""What is found in a file of which nothing is named: exit status, and what was compared."""


@pytest.mark.parametrize("file", FOUND)
def test_what_is_found_without_a_name(file: str, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, expected = FOUND[file]
    assert run(["verify", str(corpus / file)]) == status
    compared = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and " -> " in line]
    assert [line.split("  ")[1] for line in compared] == expected


def test_the_stale_record_is_contradicted_and_its_outputs_are_proved(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["verify", str(corpus / "static_stale_record.mat")]) == 1
    lines = capsys.readouterr().out.splitlines()
    verdicts: dict[str, Any] = {line.split()[0]: line.split()[-1] for line in lines if " -> " in line}
    assert verdicts == {
        "x": "proved",
        "tr.best_perf": "contradicted",
        "tr.best_vperf": "contradicted",
        "tr.best_tperf": "contradicted",
    }
    assert lines[-1] == "contradicted"


def test_constant_answers_are_weak(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(corpus / "rbf_pnn.mat")]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "    the stored answers are the same for all samples"
    assert lines[-1] == "weak"


def test_a_network_with_nothing_beside_it(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(corpus / "rbf_newrb.mat")]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "net_keluaran",
        "  no stored answers were found for 6 inputs and 1 output; name them with --inputs and --outputs",
        "",
        "nothing to compare",
    ]
