"""Rows in chunks of a size that depends on the network alone, so that results do not depend on how a file was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from matnet.tables.cells import Rows

CHUNK_BYTES = 32 << 20
MOST_ROWS = 1 << 16


def chunk_rows(width: int) -> int:
    """How many rows of `width` numbers go through the network at once: a power of two, 32 MiB of result at most."""
    rows = MOST_ROWS
    while rows > 1 and rows * width * 8 > CHUNK_BYTES:
        rows //= 2
    return rows


def rechunked(parts: Iterable[Rows], size: int) -> Iterator[Rows]:
    """The same rows in the same order, `size` at a time, fewer only at the end."""
    waiting: list[Rows] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += len(part)
        if count < size:
            continue
        whole = _joined(waiting)
        for start in range(0, count - size + 1, size):
            yield _slice(whole, start, size)
        left = count % size
        waiting = [_slice(whole, count - left, left)] if left else []
        count = left
    if waiting:
        yield _joined(waiting)


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return Rows(np.concatenate([part.x for part in parts]), pl.concat([part.texts for part in parts]))


def _slice(rows: Rows, start: int, size: int) -> Rows:
    return Rows(rows.x[start : start + size], rows.texts.slice(start, size))
