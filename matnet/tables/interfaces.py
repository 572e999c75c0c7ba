"""The interfaces of every source of rows and every result, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from matnet.functions.namespace import FloatArray
from matnet.tables.columns import Choice, Columns, Header
from matnet.tables.csv.dialect import Dialect
from matnet.tables.polars import pl


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a table: ``x`` (N, R) for the network, and columns of text, each N long."""

    x: FloatArray
    texts: pl.DataFrame

    def __len__(self) -> int:
        return len(self.x)


Piece: TypeAlias = Callable[[], Rows]
"""Rows that have been read and are parsed on request, in any thread."""


class Source(NamedTuple):
    """A source that was read: its hash if that was computed while reading, else the file to compute it from."""

    place: str
    sha256: str | None = None
    file: str | None = None


class Table(ABC):
    """A source of rows, read once from front to back.

    ``place`` is its name in messages, ``header`` its columns; ``dialect`` says what a number in its text is.
    """

    place: str
    header: Header
    dialect: Dialect = Dialect()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on how the table was read."""
        return ()

    @property
    @abstractmethod
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1; None where that is not known."""

    @property
    @abstractmethod
    def sources(self) -> tuple[Source, ...]:
        """What was read so far."""

    @abstractmethod
    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network."""

    @abstractmethod
    def pieces(self, choice: Choice) -> Iterator[Piece | None]:
        """The rows in order, to be parsed in any thread; a None where a part of the table ends."""

    @abstractmethod
    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """The types of the columns that are not computed with: the kept ones, then the group's."""

    def rows(self, choice: Choice) -> Iterator[Rows]:
        """The rows in order, parsed."""
        for piece in self.pieces(choice):
            if piece is not None:
                yield piece()

    def kept_names(self, choice: Choice) -> tuple[str, ...]:
        """The names of the columns that are written unchanged."""
        return tuple(self.header.names[index] for index in choice.keep)


class Sink(ABC):
    """Takes a result in chunks of rows, in order; after an error nothing more is written."""

    workers_per_core = 2
    """Threads that compute and format, unless more are requested: a quarter of the time each waits for polars or for
    its turn in Python."""

    @abstractmethod
    def formatted(self, columns: Sequence[pl.Series]) -> list[bytes] | pl.DataFrame:
        """Rows as `write` takes them, from columns of equal length: text, whole numbers, floats. May be called in any
        thread."""

    @abstractmethod
    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Write rows that were formatted."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is left to write, also if there are no rows."""

    def abandon(self) -> None:
        """Stop without having finished."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()
