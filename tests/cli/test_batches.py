"""Options that the commands over tables share: formats, summaries, workers, parts and the engine."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import matnet
from matnet.cli.entry import run

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
TEXT = "x1,x2\n20,1500\n101,1500\n-1,9e9\n"
X = np.array([[20.0, 1500.0], [101.0, 1500.0], [-1.0, 9e9]])
OUTSIDE = "matnet: warning: {}: 2 of 3 rows lie outside the range seen in training (x1: 2, x2: 1)\n"

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """Run a command: exit status, standard output and standard error."""

    def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run(list(arguments))
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.mark.parametrize(("name", "to"), [("y.parquet", ()), ("y.dat", ("--to", "parquet"))])
def test_parquet_by_suffix_and_by_name(said: Said, tmp_path: Path, name: str, to: tuple[str, ...]) -> None:
    out = tmp_path / name
    status = said("predict", PUMP, "-", "-o", str(out), *to, stdin=TEXT)
    assert status == (0, "", OUTSIDE.format("standard input"))
    np.testing.assert_array_equal(pl.read_parquet(out)["y1"].to_numpy(), matnet.load(PUMP)(X)[:, 0])


def test_tabs_on_standard_output(said: Said) -> None:
    assert said("gradients", PUMP, "-", "--to", "tsv", stdin=TEXT)[1].startswith("y1\tdy1_dx1\tdy1_dx2\n")


def test_the_range_is_flagged(said: Said) -> None:
    _, out, _ = said("predict", PUMP, "-", "--flag-range", stdin=TEXT)
    assert [line.split(",")[1] for line in out.splitlines()] == ["inputs_outside_range", "0", "1", "2"]


def test_a_summary_for_programs(said: Said, tmp_path: Path) -> None:
    out = tmp_path / "summary.json"
    status, _, err = said("predict", PUMP, "-", "--missing", "nan", "--summary", str(out), stdin=TEXT + ",1500\n")
    assert (status, err) == (
        0,
        OUTSIDE.format("standard input").replace("of 3", "of 4")
        + "matnet: warning: standard input: NaN in 1 row of the result\n",
    )
    record = json.loads(out.read_text())
    assert record.pop("seconds") >= 0
    assert record.pop("matnet")
    assert record == {
        "engine": "threads",
        "rows": 4,
        "rows_outside_range": 2,
        "outside_range": {"x1": 2, "x2": 1},
        "range_known_from": {"x1": "training", "x2": "training"},
        "rows_with_nan": 1,
        "networks": [{"file": "pump.mat", "path": "net", "sha256": sha256(Path(PUMP).read_bytes()).hexdigest()}],
        "inputs": [{"name": "standard input", "sha256": sha256((TEXT + ",1500\n").encode()).hexdigest()}],
    }


def test_workers_and_chunks_change_nothing(said: Said) -> None:
    text = "x1,x2\n" + "".join(f"{n % 97},{n % 1013}\n" for n in range(20_000))
    whole = said("gradients", PUMP, "-", stdin=text)
    assert said("gradients", PUMP, "-", "--workers", "1", "--chunk-size", "1", stdin=text) == whole
    assert said("gradients", PUMP, "-", "--workers", "5", "--chunk-size", "9999", stdin=text) == whole


def test_parts_with_a_column_of_their_folders(said: Said, tmp_path: Path) -> None:
    for day in ("1", "2"):
        (tmp_path / f"day={day}").mkdir()
        (tmp_path / f"day={day}" / "a.csv").write_text("x1,x2\n20,1500\n")
    status, out, err = said("predict", PUMP, str(tmp_path), "--keep", "day")
    assert (status, err) == (0, "")
    assert [line.split(",")[0] for line in out.splitlines()] == ["day", "1", "2"]


def test_a_scheduler_without_the_engine(said: Said) -> None:
    assert said("predict", PUMP, "-", "--scheduler", "tcp://a:1") == (
        2, "", "matnet: --scheduler is for --engine dask\n",
    )  # fmt: skip


def test_the_engine_dask(said: Said, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "parts").mkdir()
    for name in ("a", "b"):
        (tmp_path / "parts" / f"{name}.csv").write_text(TEXT)
    parts, out = str(tmp_path / "parts"), tmp_path / "out"
    status, _, err = said("predict", PUMP, parts, "--engine", "dask", "--workers", "2", "-o", str(out))
    assert (status, err) == (
        0,
        OUTSIDE.format(parts).replace("2 of 3", "4 of 6").replace("x1: 2, x2: 1", "x1: 4, x2: 2"),
    )
    alone = said("predict", PUMP, str(tmp_path / "parts" / "a.csv"))[1]
    assert [(file.name, file.read_text()) for file in sorted(out.iterdir())] == [("a.csv", alone), ("b.csv", alone)]
