"""Tables in parts over a Dask cluster: every part is computed by one worker as it would be on one machine.

If a worker dies, the scheduler gives its current part to another. A result appears under its name when
it is complete, so a part that is computed twice is one file written twice; all of them appear when the last is done.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from os.path import commonpath
from pathlib import Path
from typing import Any

from matnet.addresses import check_addresses
from matnet.errors import Advice, Parameter, TableError, printable
from matnet.extras import need
from matnet.network import Network
from matnet.tables.formats import TABLE_SUFFIXES, format_for
from matnet.tables.jobs import Model
from matnet.tables.opening import Reading, open_part
from matnet.tables.parts import parts_of
from matnet.tables.polars import ADDRESSES
from matnet.tables.run import BatchOptions, Progress
from matnet.tables.summary import Summary
from matnet.tables.target import open_target

SCHEDULER = Parameter("scheduler")
ANSWER_WITHIN = 10
"""Seconds within which a scheduler must answer."""

_MORE_ADDRESSES = 512 << 20
"""Bytes of address space that Dask and its connections take in each process, beside polars."""

Command = Callable[..., Summary]


@dataclass(frozen=True)
class Cluster:
    """Where the work goes: to the scheduler at ``scheduler``, else to ``processes`` on this machine, one per core."""

    scheduler: str | None = None
    processes: int | None = None


def run_on_dask(
    command: Command,
    model: Model,
    table: str,
    folder: str,
    options: BatchOptions,
    reading: Reading,
    cluster: Cluster,
    progress: Progress | None = None,
) -> Summary:
    """Run `predict` or `gradients` for every part of a table, each to a file of its own in `folder`.

    The files in `folder` are arranged like the parts of the table and have the same rows; each is identical to the
    result of the same command for the part on one machine. The workers must reach the files under the same names.

    Parameters
    ----------
    command
        `matnet.tables.run.predict` or `gradients`.
    model
        Sent to the cluster once, and from there once to each worker.
    table
        A folder or pattern.
    folder
        The name of a folder that does not exist yet.
    options, reading
        As on one machine; each part is computed by one thread.
    cluster
        A scheduler's address, or processes on this machine.
    progress
        Called after each part with the rows done and the share of the parts.

    Raises
    ------
    TableError
        The table is not in parts, a part cannot be read, the folder is there already, the scheduler does not answer or
        is lost, workers die of a part again and again, or the address space is too small.
    MissingExtraError
        Dask is not installed.
    """
    # in a worker that has too few of them Dask waits for ever
    check_addresses("a Dask cluster", ADDRESSES + _MORE_ADDRESSES, TableError)
    parts = _parts(model, table, options)
    final = Path(folder)
    if folder == "-" or os.path.exists(final):
        raise TableError(
            "the result over a Dask cluster is a folder; name one that does not exist yet",
            Advice(" with ", Parameter("out")),
            place=folder,
        )
    results = _results(parts, table, options.form)
    beside = final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")
    try:
        _make_folders(beside, results.values())
        with _client(cluster) as client:
            run = _Part(command, replace(options, workers=1), reading, table, parts[0])
            summary = _gathered(client, run, model, {part: beside / results[part] for part in parts}, progress)
        for left in beside.rglob(".*.tmp"):
            left.unlink()  # left by a worker that died while writing
        beside.rename(final)
    except OSError as error:
        raise TableError(f"cannot be written: {error.strerror or error}", place=folder) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return summary


def _parts(model: Model, table: str, options: BatchOptions) -> list[Path]:
    for reason, applies in (
        ("the steps of a series are computed one after another", isinstance(model, Network) and model.dynamic),
        ("the long form numbers the samples through the whole table", options.tidy),
    ):
        if applies:
            raise TableError(f"a Dask cluster computes the parts of a table separately, but {reason}")
    parts = parts_of(table)
    if parts is None:
        raise TableError(
            "a Dask cluster computes a table in parts; name a folder, or a pattern such as 'parts/*.csv'", place=table
        )
    return parts


def _results(parts: Sequence[Path], table: str, form: str) -> dict[Path, Path]:
    """For each part the name of its result, below the folder of all results."""
    root = Path(table) if os.path.isdir(table) else Path(commonpath([part.parent for part in parts]))
    results = {
        part: part.relative_to(root).with_name(f"{_stem(part.name)}{format_for('', form).suffixes[0]}")
        for part in parts
    }
    seen: dict[Path, Path] = {}
    for part, result in results.items():
        if result in seen:
            raise TableError(f"{part} and {seen[result]} would both become {result}; rename one")
        seen[result] = part
    return results


def _stem(name: str) -> str:
    """The name without the suffixes of formats and compression."""
    while Path(name).suffix.lower() in TABLE_SUFFIXES:
        name = Path(name).stem
    return name


def _make_folders(root: Path, results: Any) -> None:
    for parent in {root, *(root / result.parent for result in results)}:
        parent.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True)
class _Part:
    """What a worker does for a part."""

    command: Command
    options: BatchOptions
    reading: Reading
    table: str
    first: Path

    def __call__(self, model: Model, part: Path, result: Path) -> Summary:
        with (
            open_part(part, self.first, self.options.columns, self.reading) as table,
            open_target(str(result), None) as target,
        ):
            return self.command(model, table, target, self.options)


def _itself(model: Model) -> Model:
    return model


@contextmanager
def _client(cluster: Cluster) -> Iterator[Any]:
    distributed = need("a Dask cluster", "dask", "distributed")
    if cluster.scheduler is None:
        processes = {} if cluster.processes is None else {"n_workers": cluster.processes}
        with _interrupts_held_back(), _start_reported():
            local = distributed.LocalCluster(
                threads_per_worker=1,
                processes=True,
                # no pages, and any free port for what is served beside them
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                **processes,
            )
        with local, distributed.Client(local) as client:
            yield client
        return
    _check_protocol(cluster.scheduler)
    try:
        remote = distributed.Client(cluster.scheduler, timeout=ANSWER_WITHIN)
    except (OSError, ValueError) as error:
        raise TableError(
            SCHEDULER,
            f" {cluster.scheduler}: no Dask scheduler answers there within {ANSWER_WITHIN} s; "
            "check the address, or leave it out for a cluster on this machine",
        ) from error
    with remote:
        yield remote


@contextmanager
def _start_reported() -> Iterator[None]:
    """A cluster that does not start, for lack of memory, ports or files for example, is an error that says so."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        reason = printable(str(error).partition("\n")[0])
        raise TableError(
            f"the Dask cluster on this machine does not start: {reason}; use fewer processes, or no cluster"
        ) from error


def _check_protocol(address: str) -> None:
    """Check that a scheduler is reached over TCP, or over TLS with certificates."""
    import dask

    protocol, mark, _ = address.partition("://")
    if mark and protocol not in ("tcp", "tls"):
        raise TableError(SCHEDULER, f" {address}: the protocol {protocol} is not supported; use tcp:// or tls://")
    if protocol == "tls" and dask.config.get("distributed.comm.tls.ca-file", None) is None:
        raise TableError(
            SCHEDULER,
            f" {address}: no certificates are configured; set distributed.comm.tls in Dask's configuration, as in "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE=ca.pem",
        )


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits until this is left, and never reaches the threads and processes that are started meanwhile.

    A terminal sends it to the workers too, each of which would print a traceback; only this process may end them.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # a thread that starts it later lets interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _gathered(
    client: Any, run: _Part, model: Model, results: Mapping[Path, Path], progress: Progress | None
) -> Summary:
    """The summary of all parts, in their order; the first failure ends the work."""
    from distributed import as_completed
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    # a task, not data that is scattered: if all workers that have it die, the scheduler can make it again
    shared = client.submit(_itself, model, key=f"network-{secrets.token_hex(8)}")
    futures = {client.submit(run, shared, part, result, pure=False): part for part, result in results.items()}
    done: dict[Path, Summary] = {}
    rows = 0
    for future in as_completed(futures):  # type: ignore[no-untyped-call, unused-ignore]
        part = futures[future]
        try:
            done[part] = future.result()
        except KilledWorker as error:
            client.cancel(list(futures))
            raise TableError(
                "the workers that computed it died one after another; do they have enough memory?", place=part
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise TableError(
                "the connection to the Dask scheduler was lost; check whether it is still running, and start again",
                place=part,
            ) from error
        rows += done[part].rows
        if progress is not None:
            progress(rows, len(done) / len(futures))
    parts = iter(results)
    summary = done[next(parts)]
    for part in parts:
        summary.merge(done[part])
    return summary
