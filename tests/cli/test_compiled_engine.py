"""--engine: the same table from compiled code, chosen where it pays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from matnet.cli import batches
from matnet.cli.entry import program
from matnet.compiled import worth

PUMP = str(Path(__file__).parent.parent.parent / "fixtures" / "pump.mat")


@pytest.mark.usefixtures("c_compiler")
@pytest.mark.parametrize("command", [["predict"], ["gradients", "--hessian"]])
def test_the_same_table(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    table = tmp_path / "x.csv"
    table.write_text("x1,x2\n" + "".join(f"{k / 10},{1500 + k}\n" for k in range(200)))
    for engine in ("threads", "c"):
        result = CliRunner().invoke(
            program, [*command, PUMP, str(table), "-o", str(tmp_path / f"{engine}.csv"), "--engine", engine]
        )
        assert result.exit_code == 0, result.output
    heads = [(tmp_path / f"{engine}.csv").read_text().splitlines()[0] for engine in ("threads", "c")]
    assert heads[0] == heads[1]
    numpy, compiled = (np.loadtxt(tmp_path / f"{e}.csv", delimiter=",", skiprows=1) for e in ("threads", "c"))
    assert len(compiled) == 200
    np.testing.assert_allclose(compiled, numpy, rtol=0.0, atol=1e-13 * np.max(np.abs(numpy)))
    assert list((tmp_path / "cache" / "matnet" / "compiled").glob("*.so"))


def engine_chosen(folder: Path, *options: str, table: str | None = None) -> str:
    """The engine that the summary names, without --engine."""
    path = folder / "x.csv"
    path.write_text("x1,x2\n" + "".join(f"{k / 10},{1500 + k}\n" for k in range(200)))
    out, summary = str(folder / "y.csv"), folder / "summary.json"
    given = [PUMP, table or str(path), "-o", out, "--summary", str(summary), *options]
    result = CliRunner().invoke(program, ["gradients", *given], input=path.read_text())
    assert result.exit_code == 0, result.output
    return str(json.loads(summary.read_text())["engine"])


@pytest.mark.usefixtures("c_compiler")
def test_the_engine_is_chosen_by_the_size_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    assert engine_chosen(tmp_path) == "threads"
    assert not cache.exists()
    monkeypatch.setattr(batches, "_FEW", 10)
    assert engine_chosen(tmp_path) == "threads"
    monkeypatch.setattr(worth, "WORTH", 1e-6)
    assert engine_chosen(tmp_path) == "c"
    assert engine_chosen(tmp_path, "--hessian") == "c"
    assert engine_chosen(tmp_path, "--engine", "threads") == "threads"
    # how much a stream will bring is not known
    assert engine_chosen(tmp_path, table="-") == "threads"
    monkeypatch.setenv("CC", "no-such-compiler")
    assert engine_chosen(tmp_path) == "threads"
