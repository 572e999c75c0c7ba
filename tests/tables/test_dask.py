"""Tables in parts over a real cluster of two processes, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matnet.errors import MissingExtraError, TableError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables.columns import Columns
from matnet.tables.dask import Cluster, run_on_dask
from matnet.tables.opening import Reading, open_table
from matnet.tables.run import BatchOptions, gradients, predict
from matnet.tables.target import open_target

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

RANDOM = np.random.default_rng(11)
HIDDEN = Layer(20, "tansig", {0: Weight(RANDOM.standard_normal((20, 2)))}, bias=RANDOM.standard_normal(20))
LINEAR = Layer(1, "purelin", {}, {0: Weight(RANDOM.standard_normal((1, 20)))}, np.array([1.0]))
NET = Network(Structure((Input(2, range=np.array([[-1.0, 1.0], [-2.0, 2.0]])),), (HIDDEN, LINEAR), (Output(1, 1),)))
PARTS = 16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table in parts, as Parquet below folders that say a column."""
    for number in range(PARTS):
        x = RANDOM.standard_normal((20_000, 2))
        place = tmp_path / "parts" / f"site={number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"x1": x[:, 0], "x2": x[:, 1]}).write_parquet(place / f"p{number:02}.parquet")
    return tmp_path / "parts"


def here(folder: Path, form: str) -> bytes:
    """The result of one machine."""
    out = folder.with_name("one")
    asked = BatchOptions(Columns(keep=("site",)), form)
    with open_table(str(folder), asked.columns, Reading()) as table, open_target(f"{out}.{form}", None) as target:
        gradients(NET, table, target, asked)
    return Path(f"{out}.{form}").read_bytes()


def together(results: Path) -> bytes:
    parts = [file.read_bytes() for file in sorted(results.rglob("*.csv"))]
    return b"".join([parts[0], *(part.partition(b"\n")[2] for part in parts[1:])])


class Killer(threading.Thread):
    """Kills a process that works on the second part of the parts, as soon as some results are there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.killed: int | None = None
        self.done_before = 0

    def run(self) -> None:
        import psutil  # type: ignore[import-untyped, unused-ignore]

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = [file for file in self._folder.rglob("*.csv") if not file.name.startswith(".")]
            if len(done) >= 2:
                workers = [
                    child
                    for child in psutil.Process().children(recursive=True)
                    if "spawn_main" in " ".join(child.cmdline())
                ]
                self.done_before = len(done)
                self.killed = workers[0].pid
                os.kill(self.killed, signal.SIGKILL)
                return
            time.sleep(0.005)


def test_a_worker_that_is_killed_changes_nothing(folder: Path, tmp_path: Path) -> None:
    asked = BatchOptions(Columns(keep=("site",)), "csv")
    killer = Killer(tmp_path)
    killer.start()
    summary = run_on_dask(gradients, NET, str(folder), str(tmp_path / "out"), asked, Reading(), Cluster(processes=2))
    killer.join()
    assert killer.killed is not None
    assert 0 < killer.done_before < PARTS
    assert summary.rows == PARTS * 20_000
    assert together(tmp_path / "out") == here(folder, "csv")
    assert len(list((tmp_path / "out").rglob("*"))) == PARTS + 2
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


SCHEDULER = """
import asyncio
from distributed import Scheduler
async def serve():
    scheduler = await Scheduler(host="127.0.0.1", port=0, dashboard=False)
    print(scheduler.address, flush=True)
    await scheduler.finished()
asyncio.run(serve())
"""
WORKER = """
import asyncio, sys
from distributed import Worker
async def serve():
    worker = await Worker(sys.argv[1], nthreads=1)
    await worker.finished()
asyncio.run(serve())
"""


def test_a_scheduler_that_is_lost(folder: Path, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stdout is not None
        address = scheduler.stdout.readline().strip()
        with subprocess.Popen([sys.executable, "-c", WORKER, address]) as worker:
            with pytest.raises(TableError) as raised:
                run_on_dask(
                    gradients,
                    NET,
                    str(folder),
                    str(tmp_path / "out"),
                    BatchOptions(),
                    Reading(),
                    Cluster(address),
                    lambda rows, share: scheduler.kill(),
                )
            worker.kill()
    assert "the connection to the Dask scheduler was lost" in str(raised.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


def test_a_bad_part_ends_the_work(folder: Path, tmp_path: Path) -> None:
    bad = folder / "site=1" / "p99.parquet"
    pl.DataFrame({"x1": [1.0], "x2": ["two"]}).write_parquet(bad)
    with pytest.raises(TableError) as raised:
        run_on_dask(predict, NET, str(folder), str(tmp_path / "out"), BatchOptions(), Reading(), Cluster(processes=2))
    assert str(raised.value) == f"{bad}: column 'x2' holds String, expected numbers; cast it"
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


def test_a_damaged_part_ends_the_work(folder: Path, tmp_path: Path) -> None:
    """Each part is read in a process of its own, beside the worker that computes it."""
    good = next(folder.rglob("*.parquet"))
    data = good.read_bytes()
    for number, bad in enumerate((data[:-20] + data[-8:], data[: len(data) // 2], data[:4] + data[-12:])):
        part = folder / "site=1" / "p99.parquet"
        part.write_bytes(bad)
        message = refusal(str(folder), str(tmp_path / f"out{number}"), processes=2)
        assert message.startswith(f"{part}: cannot be read: ")
        assert "\n" not in message
        assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


def refusal(table: str, out: str, asked: BatchOptions | None = None, net: Network = NET, **where: Any) -> str:
    with pytest.raises(TableError) as raised:
        run_on_dask(predict, net, table, out, asked or BatchOptions(), Reading(), Cluster(**where))
    return str(raised.value)


def test_what_is_not_done_on_a_cluster(folder: Path, tmp_path: Path) -> None:
    file = str(next(folder.rglob("*.parquet")))
    assert refusal(file, str(tmp_path / "out")) == (
        f"{file}: a Dask cluster computes a table in parts; name a folder, or a pattern such as 'parts/*.csv'"
    )
    for there in ("-", str(folder)):
        assert refusal(str(folder), there) == (
            f"{there}: the result over a Dask cluster is a folder; name one that does not exist yet with out"
        )
    assert refusal(str(folder), str(tmp_path / "out"), BatchOptions(tidy=True)) == (
        "a Dask cluster computes the parts of a table separately, but the long form numbers "
        "the samples through the whole table"
    )
    looped = Layer(1, "purelin", {0: Weight(np.ones((1, 2)), delays=(1,))}, bias=np.zeros(1))
    series = Network(Structure((Input(2),), (looped,), (Output(0, 1),)))
    assert refusal(str(folder), str(tmp_path / "out"), net=series) == (
        "a Dask cluster computes the parts of a table separately, but the steps "
        "of a series are computed one after another"
    )
    assert not (tmp_path / "out").exists()


def test_results_of_one_name(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt"):
        (tmp_path / name).write_text("x1,x2\n1,2\n")
    assert refusal(str(tmp_path / "a.*"), str(tmp_path / "out")) == (
        f"{tmp_path / 'a.txt'} and {tmp_path / 'a.csv'} would both become a.csv; rename one"
    )


def test_an_address_nobody_answers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matnet.tables.dask.ANSWER_WITHIN", 1)
    assert refusal(str(folder), str(tmp_path / "out"), scheduler="tcp://127.0.0.1:1") == (
        "scheduler tcp://127.0.0.1:1: no Dask scheduler answers there within 1 s; "
        "check the address, or leave it out for a cluster on this machine"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


@pytest.mark.parametrize("error", [RuntimeError, OSError])
def test_a_cluster_that_does_not_start(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """As where there are no more files or ports: Dask's reason in one line, and nothing is left."""
    distributed = pytest.importorskip("distributed")

    def full(**_: Any) -> None:
        raise error("Cluster failed to start: [Errno 24] Too many open files\nsee the logs")

    monkeypatch.setattr(distributed, "LocalCluster", full)
    assert refusal(str(folder), str(tmp_path / "out")) == (
        "the Dask cluster on this machine does not start: Cluster failed to start: [Errno 24] Too many open files; "
        "use fewer processes, or no cluster"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


def test_dask_is_an_extra(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError) as raised:
        run_on_dask(predict, NET, str(folder), str(tmp_path / "out"), BatchOptions(), Reading(), Cluster())
    assert str(raised.value) == (
        "a Dask cluster needs the package distributed, which is not installed; install it with: "
        "pip install 'matnet[dask]'"
    )
