"""Parquet, Arrow and Excel tables for the fuzzers, and what must come of changed ones: numbers, or an error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from fuzz_findings import FindingError
from matnet.errors import TableError
from matnet.files import DEFAULT_LIMIT
from matnet.tables.binary.scans import FrameFormat
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.formats import FORMATS

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


def workbooks() -> Iterator[tuple[str, bytes]]:
    """Small workbooks of numbers, text and empty cells: their names and bytes, if they can be read."""
    if find_spec("fastexcel") is None or find_spec("xlsxwriter") is None:
        return
    import xlsxwriter  # type: ignore[import-untyped, unused-ignore]

    for name in ("with a header", "of numbers"):
        memory = io.BytesIO()
        with xlsxwriter.Workbook(memory) as book:
            sheet = book.add_worksheet()
            for row in range(12):
                cells = [row * 0.25, row - 7, f"sample {row}" if row % 5 else None]
                if name == "of numbers":
                    del cells[2:]
                elif row == 0:
                    cells = ["speed", "load", "label"]
                sheet.write_row(row, 0, cells)
        yield name, memory.getvalue()


def judged_frame(file: Path, isolation: bool) -> str:
    """What comes of a changed table.

    Raises
    ------
    FindingError
        Something that must not be.
    """
    form = next(form for form in FORMATS if file.suffix in form.suffixes)
    assert form.read is not None
    try:
        table = form.read(file, Dialect(missing="nan"), DEFAULT_LIMIT, isolation)
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
