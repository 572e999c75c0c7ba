"""Parquet and Arrow tables for the fuzzers, and what must come of changed ones: numbers, or an error.

They are read in another process, which serves for many tables: polars ends a process if a table claims more memory
than there is.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from fuzz_findings import FindingError
from matnet.errors import TableError
from matnet.files import DEFAULT_LIMIT
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.frames import read_frame
from matnet.tables.scans import FrameFormat

MOST_ADDRESSES = 6 << 30
"""Bytes of address space of the process that reads tables."""

_COMPRESSIONS: tuple[Literal["uncompressed", "zstd", "lz4"], ...] = ("uncompressed", "zstd", "lz4")


def frames(form: FrameFormat) -> Iterator[tuple[str, bytes]]:
    """Small tables of numbers, text and missing values, written by polars: their names and bytes."""
    rows = np.arange(40)
    frame = pl.DataFrame(
        {
            "speed": rows * 0.25,
            "load": pl.Series(rows - 7, dtype=pl.Int32),
            "large": pl.Series(rows.astype(np.uint64)),
            "single": pl.Series(rows / 3.0, dtype=pl.Float32),
            "gap": [None if row % 5 == 0 else row + 0.5 for row in rows.tolist()],
            "label": [f"sample {row}" for row in rows.tolist()],
        }
    )
    tables = {"mixed": frame, "numbers": frame.select("speed", "single"), "empty": frame.head(0)}
    for name, table in tables.items():
        for compression in _COMPRESSIONS:
            memory = io.BytesIO()
            if form == "parquet":
                table.write_parquet(memory, compression=compression, row_group_size=16)
            else:
                table.write_ipc(memory, compression=compression)
            yield f"{name} {compression}", memory.getvalue()


def judged_frame(file: Path, isolation: bool) -> str:
    """What comes of a changed table.

    Raises
    ------
    FindingError
        Something that must not be.
    """
    form: FrameFormat = "parquet" if file.suffix == ".parquet" else "arrow"
    try:
        table = read_frame(file, Dialect(missing="nan"), form, DEFAULT_LIMIT, isolation)
        numbers = tuple(name for name in table.header.names if name != "label")
        choice = table.choose(Columns(inputs=numbers), len(numbers))
        shapes = [rows.x.shape for rows in table.rows(choice)]
    except TableError as error:
        if not str(error).startswith(str(file)):
            raise FindingError(f"an error without its file: {error}") from error
        return "refused"
    except BaseException as error:
        raise FindingError(f"{type(error).__name__}: {error}") from error
    if any(width != len(numbers) for _, width in shapes):
        raise FindingError(f"{len(numbers)} columns gave {shapes}")
    return "numbers, in a format without a checksum"


ENDED = "polars ended the process"


def judged_frame_in_a_process(file: Path) -> str:
    """What comes of a changed table, in a process that may be ended by it.

    Raises
    ------
    FindingError
        Something that must not be.
    """
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{file}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        process.communicate()
        _process.cache_clear()
        verdict = judged_frame(file, isolation=True)
        if verdict != "refused":
            raise FindingError(f"{ENDED}, but not the one that reads for matnet: {verdict}")
        return f"refused: {ENDED}"
    found, verdict = json.loads(answer)
    if found:
        raise FindingError(verdict)
    return str(verdict)


@cache
def _process() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "POLARS_MAX_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )


def main() -> None:
    """Judges the tables whose names come in, a line each."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    for line in sys.stdin:
        file = Path(line.rstrip("\n"))
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        try:
            answer = [False, judged_frame(file, isolation=False)]
        except FindingError as finding:
            answer = [True, str(finding)]
        more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if more > 10 * file.stat().st_size + (100 << 20):
            answer = [True, f"took {more >> 20} MB for {file.stat().st_size} bytes"]
        if time.process_time() - start > 1.0:
            answer = [True, f"took {time.process_time() - start:.2f} s of the processor"]
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
