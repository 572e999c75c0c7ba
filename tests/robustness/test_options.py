"""Every command that loads a file takes --limit and --allow-nonfinite."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import matnet
from matnet.cli.entry import COMMANDS, run
from matnet.network import Network

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
TABLE = str(FIXTURES / "pump_inputs.csv")

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "inspect": (),
    "predict": (TABLE,),
    "gradients": (TABLE,),
    "convert": ("OUT.c",),
    "verify": (),
    "check": (),
    "diff": (PUMP,),
    "trace": (TABLE,),
    "weights": (),
    "sensitivity": (TABLE,),
    "plot": (),
    "report": ("-o", "OUT.html"),
    "explore": ("-o", "OUT.html"),
    "formula": (),
}


def arguments(command: str, file: str, folder: Path) -> list[str]:
    rest = [str(folder / entry) if entry.startswith("OUT") else entry for entry in ARGUMENTS[command]]
    if command == "plot":
        return ["plot", "network", file, "-o", str(folder / "out.svg")]
    return [command, file, *rest]


def test_every_command_is_listed() -> None:
    assert ARGUMENTS.keys() == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_limit_reaches_the_file(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments(command, PUMP, tmp_path), "--limit", "10K"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"matnet: {PUMP}: the file needs more than 10240 bytes of memory; raise the limit if you trust it\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def infinite(tmp_path_factory: pytest.TempPathFactory) -> str:
    net = matnet.load(FIXTURES / "pump.mat")
    first, last = net.structure.layers
    layers = first, dataclasses.replace(last, bias=np.array([np.inf]))
    path = tmp_path_factory.mktemp("infinite") / "net.json"
    matnet.save(Network(dataclasses.replace(net.structure, layers=layers)), path)
    return str(path)


@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_are_not_finite_are_refused_unless_allowed(
    command: str, infinite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if command in ("plot", "report"):
        pytest.importorskip("matplotlib")
    given = arguments(command, infinite, tmp_path)
    refusal = f"{infinite}: .layers[1] has values that are NaN or Inf; allow_nonfinite=True loads them as they are"
    assert run(given) == 2
    assert capsys.readouterr().err == f"matnet: {refusal}\n"
    assert run([*given, "--allow-nonfinite"]) != 70
    assert refusal not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "accepted"),
    [("40000000", True), ("40M", True), ("1 GB", True), ("2GiB", True), ("1t", True), ("-1", False), ("1e9", False)],
)
def test_how_sizes_are_written(size: str, accepted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["inspect", PUMP, "--limit", size])
    shown = capsys.readouterr()
    if accepted:
        assert (status, shown.err) == (0, "")
    else:
        assert (status, shown.out) == (2, "")
        assert shown.err == (
            f"matnet: Invalid value for '--limit': '{size}' is not a size; write bytes, or a number with K, M, G or T, "
            "e.g. 8G. See matnet inspect --help\n"
        )
