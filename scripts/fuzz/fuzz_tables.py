"""Changed CSV tables for the fuzzers, and their required outcome: the numbers of Python's csv module, or an error."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random

import numpy as np

from fuzz_findings import FindingError
from matnet.errors import TableError
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import open_stream
from matnet.tables.csv.table import CsvTable

_CELLS = (
    *("", " ", '"', '""', '"1"', '"1,2"', '"1\n2"', '"a""b"', 'a"b', "\r", "\n", "\r\n", ",", ";", "\t"),
    *(
        "1",
        "-0",
        "+3",
        " 4 ",
        "1e308",
        "1e309",
        "-1e-320",
        "5e-324",
        "0.1e1",
        ".5",
        "5.",
        "1e",
        "1e+",
        "e5",
        "--1",
        "+-2",
    ),
    *(
        "nan",
        "NaN",
        "-nan",
        "inf",
        "-Infinity",
        "1.#INF",
        "NA",
        "null",
        "true",
        "0x10",
        "1_000",
        "1 000",
        "1.2.3",
        "1,5",
    ),
    *("\ufeff", "\u0661\u0662", "\u2212" + "1", "\xa01", "=1+1", "9" * 400, "0." + "0" * 400 + "1", "1" + "0" * 309),
)


def cells(data: bytes, random: Random) -> bytes:
    """A CSV table with cells, lines or bytes changed, added, left out or moved."""
    found = data
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        kind, at = random.randrange(8), random.randrange(len(found) + 1)
        if kind <= 3:
            start = max(found.rfind(b",", 0, at), found.rfind(b"\n", 0, at)) + 1
            ends = [end for end in (found.find(b",", at), found.find(b"\n", at)) if end >= 0]
            stop = min(ends, default=len(found)) if kind else start
            found = found[:start] + random.choice(_CELLS).encode() + found[stop:]
        elif kind == 4:
            lines = found.split(b"\n")
            lines.insert(random.randrange(len(lines) + 1), random.choice(lines))
            found = b"\n".join(lines)
        elif kind == 5:
            found = found[:at] + found[at + random.choice((1, 1, 2, 20)) :]
        elif kind == 6:
            found = found[:at] + bytes([random.randrange(256)]) + found[at:]
        else:
            found = random.choice((b"\xef\xbb\xbf" + found, found.replace(b"\n", b"\r\n"), found.rstrip(b"\n")))
    return found


def judged_table(file: Path) -> str:
    """What comes of a changed table.

    Raises
    ------
    FindingError
        A result that must never occur.
    """
    data = file.read_bytes()
    try:
        with open_stream(str(file), None) as stream:
            # small blocks, so that records are cut apart everywhere
            table = CsvTable(stream, Dialect(delimiter=",", decimal="."), block_bytes=3 + len(data) % 997)
            names = table.header.names
            # by their names, since of a header like point,x1,x2 only some would be those of three inputs
            choice = table.choose(Columns(inputs=names if table.header.written else None), len(names))
            parts = [np.zeros((0, len(names))), *(rows.x for rows in table.rows(choice))]
            ours = np.concatenate(parts)
    except TableError as error:
        if not str(error).startswith(str(file)):
            raise FindingError(f"an error without its file: {error}") from error
        return "refused"
    except BaseException as error:
        raise FindingError(f"{type(error).__name__}: {error}") from error
    theirs = _by_the_csv_module(data, table.header.written)
    if theirs.shape != ours.shape or not np.array_equal(ours, theirs, equal_nan=True):
        raise FindingError(f"the csv module reads other numbers: {ours.tolist()} and {theirs.tolist()}"[:400])
    return "the numbers that the csv module reads"


def _by_the_csv_module(data: bytes, header: bool) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    try:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        rows = list(csv.reader(text, strict=True))[header:]
        while rows and not rows[-1]:
            rows.pop()
        return np.array([[float(cell) for cell in row] for row in rows]).reshape(len(rows), -1)
    except (csv.Error, ValueError) as error:
        raise FindingError(f"the csv module cannot read it: {error}") from error
