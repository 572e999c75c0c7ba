"""Frames: read in batches of rows, such as Parquet and Arrow files; those are written by polars in a thread of its own.

Row groups have a size of their own, so that the file does not depend on how the rows arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Full, Queue
from typing import IO, Any, cast

import numpy as np

from matnet.errors import Advice, Parameter, TableError, counted
from matnet.functions.namespace import FloatArray
from matnet.tables.binary.isolated import IsolatedScan
from matnet.tables.binary.scans import FrameFormat, LazyScan, Scan, exactly
from matnet.tables.chunks import MOST_ROWS
from matnet.tables.columns import Choice, Columns, Header, check_clash, choose
from matnet.tables.csv.dialect import Dialect
from matnet.tables.interfaces import Piece, Rows, Sink, Source, Table
from matnet.tables.polars import pl
from matnet.tables.target import Target
from matnet.tables.wording import shown

EXACT = 2**53

_WAITING = 2  # chunks that wait to be written
_LOOK = 0.05  # seconds between two checks whether the writer still takes chunks


def read_frame(path: Path, dialect: Dialect, form: FrameFormat, limit: int, isolation: bool) -> FrameTable:
    """A Parquet file, or one of Arrow's file format.

    Parameters
    ----------
    path
        The file.
    dialect
        Whether a missing number is an error or NaN.
    form
        Which of the two.
    limit
        Bytes of memory that the process which reads it may take, beside ten times the file.
    isolation
        Whether it is read in a separate process.

    Raises
    ------
    TableError
        The file is damaged or has no column.
    """
    place = str(path)
    scan: Scan = IsolatedScan(path, form, place, limit) if isolation else LazyScan(path, form, place)
    return FrameTable(scan, place, dialect, place)


class FrameTable(Table):
    """A frame that is read in batches of rows, in order; only the requested columns.

    Parameters
    ----------
    scan
        What is read.
    place
        The name in messages.
    dialect
        Whether a missing number is an error or NaN; the rest of it is for text.
    file
        What is hashed.
    written
        Whether the names of the columns are written in the file.
    loose
        Whether text that is a number counts as one.
    note
        Notes for the user on how the frame was made.

    Raises
    ------
    TableError
        The file is damaged or has no column.
    """

    def __init__(
        self,
        scan: Scan,
        place: str,
        dialect: Dialect,
        file: str,
        written: bool = True,
        loose: bool = False,
        note: str = "",
    ) -> None:
        self.place = place
        self._file = file
        self._note = note
        self._loose = loose
        self.dialect = dialect
        self._done = 0
        self._scan = scan
        self._schema, self._rows = scan.schema, scan.rows
        if not len(self._schema):
            raise TableError("there is no column in it", place=self.place)
        self.header = Header(tuple(self._schema.names()), written)

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1."""
        return min(1.0, self._done / self._rows) if self._rows else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The file."""
        return (Source(self.place, file=self._file),)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on how the table was read."""
        if self.header.written:
            return (self._note,) if self._note else ()
        return (
            f"{self.place}: row 1 holds numbers, so there is no header; the columns are x1 to x{len(self._schema)}",
        )

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network; see `matnet.tables.columns.choose`."""
        return choose(self.header, columns, input_size, self.place)

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """As they are in the file."""
        return tuple(self._schema[self.header.names[index]] for index in choice.texts)

    def pieces(self, choice: Choice) -> Iterator[Piece]:
        """The rows in order.

        A piece raises TableError where a number is missing, by row and column.

        Raises
        ------
        TableError
            A column of the inputs holds no numbers, or the file is damaged.
        """
        names = self.header.names
        self._check_numbers([names[index] for index in choice.inputs])
        needed = list(dict.fromkeys(names[index] for index in (*choice.inputs, *choice.texts))) or [names[0]]
        for batch in self._scan.batches(needed, MOST_ROWS):
            yield partial(self._parsed, batch, self._done, choice)
            self._done += batch.height
        if self._done != self._rows:
            raise TableError(
                f"only {self._done} of {counted(self._rows, 'row')} could be read; was it being written?",
                place=self.place,
            )

    def _check_numbers(self, inputs: list[str]) -> None:
        for name in inputs:
            kind = self._schema[name]
            if not (kind.is_numeric() or (self._loose and kind in (pl.String, pl.Null))):
                raise TableError(f"column {shown(name)} holds {kind}, expected numbers; cast it", place=self.place)

    def _parsed(self, batch: pl.DataFrame, before: int, choice: Choice) -> Rows:
        names = self.header.names
        texts = pl.DataFrame([batch[names[index]].alias(str(place)) for place, index in enumerate(choice.texts)])
        numbers = batch.select(exactly([names[index] for index in choice.inputs]))
        floats = set(numbers.dtypes) == {pl.Float64} and not any(numbers.null_count().row(0))
        if floats and not self.dialect.na_numbers:
            return Rows(numbers.to_numpy(order="fortran"), texts)
        x = np.empty((batch.height, len(choice.inputs)))
        for place, index in enumerate(choice.inputs):
            x[:, place] = self._numbers(batch[names[index]], before, names[index])
        return Rows(x, texts)

    def _numbers(self, values: pl.Series, before: int, name: str) -> FloatArray:
        """The numbers of a column; NaN where one is missing."""
        if values.dtype == pl.String:
            values = self._from_text(values, before, name)
        if values.dtype.is_integer():
            self._check_integers(values, before, name)
        numbers = values.cast(pl.Float64)
        missing = numbers.is_null() | numbers.is_in(list(self.dialect.na_numbers))
        if missing.any() and self.dialect.missing == "error":
            row = int(np.flatnonzero(missing.to_numpy())[0])
            what = "the cell is empty" if values[row] is None else f"{values[row]} stands for a missing number"
            raise TableError(
                f"{what}; fill it in, or have it read as NaN",
                Advice(" with ", Parameter("missing", "nan")),
                place=f"{self.place}: row {before + row + 1}, column {name}",
            )
        return numbers.set(missing, float("nan")).to_numpy()

    def _from_text(self, texts: pl.Series, before: int, name: str) -> pl.Series:
        """The numbers that are written as text; null where one is missing.

        Raises
        ------
        TableError
            Some text is not a number.
        """
        numbers: list[float | None] = []
        for row, text in enumerate(texts, start=before + 1):
            place = f"{self.place}: row {row}, column {name}"
            if text is None or self.dialect.is_missing(text):
                numbers.append(None)
            elif self.dialect.is_number(text):
                numbers.append(self.dialect.number(text, place))
            else:
                raise TableError(f"{shown(text)} is not a number", place=place)
        return pl.Series(numbers, dtype=pl.Float64)

    def _check_integers(self, values: pl.Series, before: int, name: str) -> None:
        """Refuse integers that float64 does not have all of: beyond 2^53."""
        smallest, largest = values.min(), values.max()
        if isinstance(smallest, int) and isinstance(largest, int) and (smallest < -EXACT or largest > EXACT):
            beyond = values > EXACT
            if smallest < -EXACT:
                # not for an unsigned type, which polars cannot compare with a negative number
                beyond |= values < -EXACT
            row = int(np.flatnonzero(beyond.fill_null(False).to_numpy())[0])
            raise TableError(
                f"{values[row]} lies beyond 2^53, where float64 "
                "does not have every integer; store it as float64 if that is meant",
                place=f"{self.place}: row {before + row + 1}, column {name}",
            )


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

    workers_per_core = 1
    """polars encodes in threads of its own."""

    def __init__(
        self, target: Target, names: Sequence[str], types: Sequence[Any], form: FrameFormat, group_rows: int
    ) -> None:
        check_clash(names)
        self._schema: Mapping[str, Any] = dict(zip(names, types, strict=True))
        self._place = target.place
        self._queue: Queue[pl.DataFrame | None] = Queue(_WAITING)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="matnet-sink")
        self._watched = _Watched(target)
        self._writer = self._pool.submit(self._sink, self._watched, form, group_rows)

    def _sink(self, watched: _Watched, form: FrameFormat, group_rows: int) -> None:
        frames = pl.io.plugins.register_io_source(self._frames, schema=dict(self._schema))
        target = cast(IO[bytes], watched)  # polars calls write and flush alone
        try:
            if form == "parquet":
                frames.sink_parquet(target, row_group_size=group_rows)
            else:
                frames.sink_ipc(target, record_batch_size=group_rows)
        except (pl.exceptions.PolarsError, OSError) as error:
            if watched.failure is not None:
                raise watched.failure from None
            raise TableError(f"cannot be written: {error}", place=self._place) from error

    def _frames(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        while (frame := self._queue.get()) is not None:
            yield frame

    def formatted(self, columns: Sequence[pl.Series]) -> pl.DataFrame:
        """Rows as a frame."""
        return pl.DataFrame(dict(zip(self._schema, columns, strict=True)), schema=dict(self._schema))

    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Pass rows to the writer; its failures are raised here."""
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
        try:
            self._writer.result()
        finally:
            self._pool.shutdown()

    def abandon(self) -> None:
        """Stop the writer before it writes the end, without which nobody takes what there is for a whole file."""
        self._watched.open = False
        while not self._writer.done():
            try:
                self._queue.put(None, timeout=_LOOK)
            except Full:
                continue
        self._pool.shutdown()


class _Watched:
    """A target that remembers its failure, which polars would replace by one of its own; closed it takes nothing."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.failure: TableError | BrokenPipeError | None = None
        self.open = True

    def write(self, data: bytes) -> int:
        if not self.open:
            raise OSError("abandoned")
        try:
            self._target.write(data)
        except (TableError, BrokenPipeError) as error:
            self.failure = error
            raise
        return len(data)

    def flush(self) -> None:
        return
