"""Rows in chunks that are whole blocks of the evaluator, so that results do not depend on how a file was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from matnet.tables.interfaces import Rows
from matnet.tables.polars import pl

CHUNK_BYTES = 8 << 20
FEWEST_ROWS, MOST_ROWS = 8, 1 << 14
"""The fewest rows of the evaluator's blocks; their number of rows is a power of two."""
LARGEST_BLOCK = 1 << 12
"""No block of the evaluator has more rows."""


def chunk_rows(width: int, asked: int | None = None) -> int:
    """How many rows go through the network at once, a whole number of the evaluator's blocks.

    As many as are `asked` for, rounded up to whole blocks; by default a power of two such that `width` numbers per row
    make at most 8 MiB of result.
    """
    rows = MOST_ROWS
    while rows > FEWEST_ROWS and rows * width * 8 > CHUNK_BYTES:
        rows //= 2
    if asked is None:
        return rows
    block = min(rows, LARGEST_BLOCK)
    return -(-asked // block) * block


def rechunked(parts: Iterable[Rows | None], size: int) -> Iterator[Rows]:
    """The same rows in the same order, `size` at a time, fewer only at the end and before a None.

    A None stands where a part of a table ends: every part begins a new chunk, so that a part gives the same numbers
    whether it is computed alone or with others.
    """
    waiting: list[Rows] = []
    count = 0
    for part in parts:
        if part is None:
            if waiting:
                yield joined(waiting)
            waiting, count = [], 0
            continue
        if not len(part):
            continue
        waiting.append(part)
        count += len(part)
        if count < size:
            continue
        whole = joined(waiting)
        for start in range(0, count - size + 1, size):
            yield _slice(whole, start, size)
        left = count % size
        waiting = [_slice(whole, count - left, left)] if left else []
        count = left
    if waiting:
        yield joined(waiting)


def joined(parts: list[Rows]) -> Rows:
    """Rows one after the other, at least one part of them."""
    if len(parts) == 1:
        return parts[0]
    return Rows(np.concatenate([part.x for part in parts]), pl.concat([part.texts for part in parts]))


def _slice(rows: Rows, start: int, size: int) -> Rows:
    return Rows(rows.x[start : start + size], rows.texts.slice(start, size))
