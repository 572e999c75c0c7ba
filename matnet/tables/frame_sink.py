"""Writing results as Parquet or Arrow: floats as float64, kept columns as they are.

Row groups have a size of their own, so that the file does not depend on how the rows arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue
from typing import IO, Any, Literal, cast

import polars as pl
from polars.io.plugins import register_io_source

from matnet.errors import TableError
from matnet.tables.columns import check_clash
from matnet.tables.sink import Sink
from matnet.tables.target import Target

FrameFormat = Literal["parquet", "arrow"]

_WAITING = 2  # chunks that wait to be written
_LOOK = 0.05  # seconds between two looks whether the writer still takes chunks


class _AbandonedError(RuntimeError):
    """Tells the writer to stop."""


class FrameSink(Sink):
    """A table that polars writes in a thread of its own, which takes the chunks from a short queue.

    Parameters
    ----------
    target
        Where the bytes go.
    names, types
        The columns.
    form
        Parquet or Arrow's file format.
    group_rows
        Rows of a row group of the file.

    Raises
    ------
    TableError
        Two columns have the same name.
    """

    def __init__(
        self, target: Target, names: Sequence[str], types: Sequence[Any], form: FrameFormat, group_rows: int
    ) -> None:
        check_clash(names)
        self._schema: Mapping[str, Any] = dict(zip(names, types, strict=True))
        self._place = target.place
        self._queue: Queue[pl.DataFrame | None] = Queue(_WAITING)
        self._abandoned = False
        self._finished = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="matnet-sink")
        self._writer = self._pool.submit(self._sink, _Watched(target), form, group_rows)

    def _sink(self, watched: _Watched, form: FrameFormat, group_rows: int) -> None:
        frames = register_io_source(self._frames, schema=dict(self._schema))
        target = cast(IO[bytes], watched)  # polars calls write and flush alone
        try:
            if form == "parquet":
                frames.sink_parquet(target, row_group_size=group_rows)
            else:
                frames.sink_ipc(target, record_batch_size=group_rows)
        except (pl.exceptions.PolarsError, OSError) as error:
            if watched.failure is not None:
                raise watched.failure from None
            raise TableError(f"{self._place}: cannot be written: {error}") from error

    def _frames(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        while (frame := self._queue.get()) is not None:
            yield frame
        if self._abandoned:
            raise _AbandonedError

    def formatted(self, columns: Sequence[pl.Series]) -> pl.DataFrame:
        """Rows as a frame."""
        return pl.DataFrame(dict(zip(self._schema, columns, strict=True)), schema=dict(self._schema))

    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Hand rows to the writer; its failures are raised here."""
        assert isinstance(rows, pl.DataFrame)
        self._put(rows)

    def _put(self, frame: pl.DataFrame | None) -> None:
        while True:
            if self._writer.done():
                self._writer.result()
            try:
                self._queue.put(frame, timeout=_LOOK)
            except Full:
                continue
            return

    def finish(self) -> None:
        """Write the last rows and the end of the file."""
        self._put(None)
        self._finished = True
        try:
            self._writer.result()
        finally:
            self._pool.shutdown()

    def abandon(self) -> None:
        """Let the writer end as it is; what it has written is nobody's."""
        self._abandoned = True
        while not self._writer.done():
            try:
                self._queue.put(None, timeout=_LOOK)
            except Full:
                continue
        self._pool.shutdown()


class _Watched:
    """A target whose failure is remembered: polars makes a text of its own of it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.failure: TableError | BrokenPipeError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._target.write(data)
        except (TableError, BrokenPipeError) as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        return
