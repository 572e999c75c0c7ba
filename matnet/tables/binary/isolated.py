"""Parquet, Arrow and Excel files, read by polars and fastexcel in a separate process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from matnet.errors import FormatError, MatnetError, TableError
from matnet.files import Budget
from matnet.isolation import Answers, Bounds, EndedError, answer_questions, started
from matnet.tables.binary.scans import Book, FrameFormat, LazyScan, OpenBook, Scan
from matnet.tables.polars import pl


class _Reader:
    """What is asked of the process that reads a file."""

    def __init__(self, path: Path, form: str, limit: int, place: str) -> None:
        self._place = place
        self._limit = limit
        with self._as_of_table():
            self._process = started("the file", __name__, os.path.realpath(path), form, str(limit), place)

    def answers(self, *question: object) -> Iterator[tuple[Any, pl.DataFrame]]:
        """The answers to a question until there are no more, each with a frame."""
        try:
            with self._as_of_table():
                for content, buffer in self._process.answers(question, lambda: Budget(self._limit)):
                    yield content, pl.read_ipc_stream(buffer)
        except EndedError as end:
            raise TableError(
                f"cannot be read: the library that reads it {end}; the file is damaged, or its rows need more memory "
                f"than is free, or than {self._limit} bytes",
                place=self._place,
            ) from None
        except MatnetError:
            # whoever keeps the error keeps no process
            self._process.end()
            raise

    @contextmanager
    def _as_of_table(self) -> Iterator[None]:
        try:
            yield
        except FormatError as error:
            raise TableError(*error.args, place=self._place) from error.__cause__

    def answer(self, *question: object) -> tuple[Any, pl.DataFrame]:
        """The one answer to a question."""
        (found,) = self.answers(*question)
        return found


class IsolatedScan:
    """A Parquet file, or one of Arrow's file format, that polars reads in a separate process.

    Raises
    ------
    TableError
        The file is damaged.
    """

    def __init__(self, path: Path, form: FrameFormat, place: str, limit: int) -> None:
        self._source = (path, form, limit, place)
        self._reader: _Reader | None = _Reader(*self._source)
        self.rows, empty = self._reader.answer("heading")
        self.schema = empty.schema

    def batches(self, names: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
        """These columns, `size` rows at most at a time, in order."""
        # a process reads the file once, since it works ahead
        reader, self._reader = self._reader or _Reader(*self._source), None
        for _, batch in reader.answers("batches", list(names), size):
            yield batch


class IsolatedBook:
    """A workbook that fastexcel reads in a separate process.

    Raises
    ------
    TableError
        The workbook is damaged.
    MissingExtraError
        fastexcel is not installed.
    """

    def __init__(self, path: Path, place: str, limit: int) -> None:
        self._reader = _Reader(path, "excel", limit, place)

    def sheets(self) -> list[str]:
        """The names of its sheets."""
        names, _ = self._reader.answer("sheets")
        return list(names)

    def first(self, sheet: str | None) -> pl.DataFrame:
        """The first row of a sheet, by default the first, as text."""
        return self._reader.answer("first", sheet)[1]

    def below(self, sheet: str | None, skipped: int) -> pl.DataFrame:
        """The rows of a sheet after those that are skipped."""
        return self._reader.answer("below", sheet, skipped)[1]


def serve(questions: BinaryIO, answers: BinaryIO, name: str, form: str, limit: str, place: str) -> None:
    """What the process does: answers questions about the file until there are none."""
    path = Path(name)
    size = path.stat().st_size
    opened = cache(lambda: _opened(path, form, place))

    def answered(*question: Any) -> Answers:
        for content, frame in _answers(opened(), *question):
            parts = _Parts()
            frame.write_ipc_stream(cast(IO[bytes], parts), compat_level=pl.CompatLevel.newest())
            yield content, parts.written

    answer_questions(questions, answers, answered, Bounds(int(limit) + 10 * size, size), int(limit))


class _Parts:
    """What polars writes, in pieces: joining them takes longer than everything else here."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.written.append(data)
        return len(data)

    def flush(self) -> None:
        return


def _opened(path: Path, form: str, place: str) -> Scan | Book:
    if form == "excel":
        return OpenBook(path, place)
    return LazyScan(path, cast(FrameFormat, form), place)


def _answers(file: Any, what: str, *details: Any) -> Iterator[tuple[Any, pl.DataFrame]]:
    """The answers to a question, each with a frame, which may be empty."""
    if what == "heading":
        yield file.rows, pl.DataFrame(schema=file.schema)
    elif what == "batches":
        for batch in file.batches(*details):
            yield None, batch
    elif what == "sheets":
        yield file.sheets(), pl.DataFrame()
    else:
        yield None, getattr(file, what)(*details)
