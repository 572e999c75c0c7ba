"""Tables in parts over a real cluster of two processes, one of which is killed in the middle."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matnet.errors import MissingExtraError, TableError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables import dask
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
    data = next(folder.rglob("*.parquet")).read_bytes()
    part = folder / "site=1" / "p99.parquet"
    part.write_bytes(data[:4] + data[-12:])
    message = refusal(str(folder), str(tmp_path / "out"), processes=2)
    assert message.startswith(f"{part}: cannot be read: ")
    assert "\n" not in message
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


class Here:
    """A client whose work is done at once in this thread, unless it fails with what is given."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.cancelled: list[Any] = []
        self._failure = failure

    def submit(self, work: Any, *given: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        known = [entry.result() if isinstance(entry, Future) else entry for entry in given]
        if self._failure is not None and len(known) > 1:
            future.set_exception(self._failure)
            return future
        try:
            future.set_result(work(*known))
        except TableError as error:
            future.set_exception(error)
        return future

    def cancel(self, futures: list[Any]) -> None:
        self.cancelled += futures


Started = Callable[[Here], list[dict[str, Any]]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Takes such a client for that of a local cluster, and gives what each cluster is started with.

    Of the parts the last is done first.
    """
    distributed = pytest.importorskip("distributed")
    settings: list[dict[str, Any]] = []

    def cluster(**given: Any) -> AbstractContextManager[None]:
        settings.append(given)
        return nullcontext()

    def of(client: Here) -> list[dict[str, Any]]:
        monkeypatch.setattr(distributed, "LocalCluster", cluster)
        monkeypatch.setattr(distributed, "Client", lambda _: nullcontext(client))
        monkeypatch.setattr(distributed, "as_completed", lambda futures: list(futures)[::-1])
        return settings

    return of


def few_parts(folder: Path) -> list[Path]:
    """A table of 1, 2 and 4 rows, in text with several suffixes."""
    parts = [folder / "a.b.csv", folder / "k=1" / "c.csv.gz", folder / "k=1" / "d.TSV"]
    parts[1].parent.mkdir(parents=True)
    for part, rows in zip(parts, (1, 2, 4), strict=True):
        mark = "\t" if part.suffix == ".TSV" else ","
        text = f"x1{mark}x2\n" + "".join(f"{0.5 * row}{mark}{rows}\n" for row in range(rows))
        part.write_bytes(gzip.compress(text.encode()) if part.suffix == ".gz" else text.encode())
    return parts


@pytest.mark.parametrize(
    ("table", "names", "rows"),
    [
        ("parts", ["a.b.parquet", "k=1/c.parquet", "k=1/d.parquet"], [1, 2, 4]),
        ("parts/**/*.*", ["a.b.parquet", "k=1/c.parquet", "k=1/d.parquet"], [1, 2, 4]),
        ("parts/*/*", ["c.parquet", "d.parquet"], [2, 4]),
        ("parts/*.csv", ["a.b.parquet"], [1]),
    ],
)
def test_results_are_arranged_like_the_parts(
    table: str, names: list[str], rows: list[int], started: Started, tmp_path: Path
) -> None:
    """The summary is in the order of the parts, and what is told while they are done in that in which they are."""
    every = few_parts(tmp_path / "parts")
    parts = every[-len(rows) :] if len(rows) > 1 else every[:1]
    settings = started(Here())
    out = tmp_path / "out"
    told: list[tuple[int, float | None]] = []
    asked = BatchOptions(form="parquet")
    summary = run_on_dask(
        predict,
        NET,
        str(tmp_path / table),
        str(out),
        asked,
        Reading(),
        Cluster(),
        lambda *done: told.append(done),
    )
    assert sorted(file.relative_to(out).as_posix() for file in out.rglob("*.*")) == names
    done = [sum(rows[::-1][: k + 1]) for k in range(len(rows))]
    assert told == [(count, (k + 1) / len(rows)) for k, count in enumerate(done)]
    assert (summary.rows, [source.place for source in summary.sources]) == (sum(rows), [str(part) for part in parts])
    for name, count in zip(names, rows, strict=True):
        x = np.column_stack([0.5 * np.arange(count), np.full(count, count)])
        assert pl.read_parquet(out / name)["y1"].to_list() == NET(x)[:, 0].tolist()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "parts"]
    (given,) = settings
    assert (given["threads_per_worker"], given["processes"], "n_workers" in given) == (1, True, False)
    assert given["scheduler_kwargs"] == {"dashboard": False}


def test_as_many_processes_as_are_asked_for(started: Started, tmp_path: Path) -> None:
    few_parts(tmp_path / "parts")
    settings = started(Here())
    run_on_dask(
        predict, NET, str(tmp_path / "parts"), str(tmp_path / "out"), BatchOptions(), Reading(), Cluster(None, 3)
    )
    assert settings[0]["n_workers"] == 3


def test_what_a_worker_left_while_it_died_is_no_result(started: Started, tmp_path: Path) -> None:
    few_parts(tmp_path / "parts")
    started(Here())

    def leaving(model: Any, table: Any, target: Any, options: Any) -> Any:
        Path(target.place).with_name(".left.tmp").write_text("half")
        return predict(model, table, target, options)

    run_on_dask(leaving, NET, str(tmp_path / "parts"), str(tmp_path / "out"), BatchOptions(), Reading(), Cluster())
    found = sorted(file.name for file in (tmp_path / "out").rglob("*"))
    assert found == ["a.b.csv", "c.csv", "d.csv", "k=1"]


def test_all_parts_have_the_columns_of_the_first(started: Started, tmp_path: Path) -> None:
    first, _, last = few_parts(tmp_path / "parts")
    last.write_text("x2\tx1\n1\t2\n")
    started(Here())
    assert refusal(str(tmp_path / "parts"), str(tmp_path / "out")) == (
        f"{last}: its columns are 'x2', 'x1'; those of {first} are 'x1', 'x2': all parts of a table have the same "
        "columns in the same order"
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


@pytest.mark.parametrize("lost", ["killed", "cancelled", "closed"])
def test_work_that_is_lost(lost: str, started: Started, tmp_path: Path) -> None:
    """The rest of it is cancelled if the workers die of a part; without a connection nothing can be."""
    scheduler = pytest.importorskip("distributed.scheduler")
    core = pytest.importorskip("distributed.comm.core")
    parts = few_parts(tmp_path / "parts")
    failures = {
        "killed": scheduler.KilledWorker("part", None, 3),
        "cancelled": CancelledError(),
        "closed": core.CommClosedError(),
    }
    client = Here(failures[lost])
    started(client)
    told = {"killed": "the workers that computed it died one after another; do they have enough memory?"}
    default = "the connection to the Dask scheduler was lost; check whether it is still running, and start again"
    assert refusal(str(tmp_path / "parts"), str(tmp_path / "out")) == f"{parts[-1]}: {told.get(lost, default)}"
    assert len(client.cancelled) == (3 if lost == "killed" else 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


def test_a_folder_that_cannot_be_made(started: Started, tmp_path: Path) -> None:
    few_parts(tmp_path / "parts")
    (tmp_path / "file").write_text("")
    started(Here())
    out = str(tmp_path / "file" / "out")
    assert refusal(str(tmp_path / "parts"), out).startswith(f"{out}: cannot be written: ")


TLS = "distributed.comm.tls.ca-file"


@pytest.mark.parametrize("address", ["10.0.0.1:8786", "tcp://10.0.0.1:8786"])
def test_a_scheduler_is_reached_over_tcp(address: str) -> None:
    config = pytest.importorskip("dask").config
    with config.set({TLS: None}):
        dask._check_protocol(address)


def test_other_protocols_are_refused_and_tls_needs_certificates() -> None:
    config = pytest.importorskip("dask").config
    for address, certificate, told in (
        ("ucx://10.0.0.1:8786", "ca.pem", ": the protocol ucx is not supported; use tcp:// or tls://"),
        (
            "tls://10.0.0.1:8786",
            None,
            ": no certificates are configured; set distributed.comm.tls in Dask's configuration, as in "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE=ca.pem",
        ),
        ("tls://10.0.0.1:8786", "ca.pem", ""),
    ):
        with config.set({TLS: certificate}):
            if not told:
                dask._check_protocol(address)
                continue
            with pytest.raises(TableError) as raised:
                dask._check_protocol(address)
            assert str(raised.value) == f"scheduler {address}{told}"


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


def test_a_scheduler_has_ten_seconds_to_answer(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    waited: list[float] = []

    def silent(address: str, timeout: float) -> None:
        waited.append(timeout)
        raise OSError(address)

    monkeypatch.setattr(distributed, "Client", silent)
    told = refusal(str(folder), str(tmp_path / "out"), scheduler="tcp://127.0.0.1:1")
    assert "no Dask scheduler answers there within 10 s; " in told
    assert waited == [10]


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="the system cannot hold signals back")
def test_interrupts_wait_while_a_cluster_starts() -> None:
    """As they did before, they are let through, or not, when it has started or failed to."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.SIGINT not in before
    held: list[set[Any]] = []

    def fail() -> None:
        with dask._interrupts_held_back():
            held.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert held == [{*before, signal.SIGINT}]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_interrupts_are_not_held_back_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
    entered = False
    with dask._interrupts_held_back():
        entered = True
    assert entered


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
