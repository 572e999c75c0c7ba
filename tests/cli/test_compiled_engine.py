"""--engine c: the same table from compiled code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from matnet.cli.entry import program

PUMP = str(Path(__file__).parent.parent.parent / "fixtures" / "pump.mat")


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
