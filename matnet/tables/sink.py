"""What every result can do, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import polars as pl


class Sink(ABC):
    """Takes a result in chunks of rows, in order; when it is left by an error nothing more is written."""

    @abstractmethod
    def formatted(self, columns: Sequence[pl.Series]) -> list[bytes] | pl.DataFrame:
        """Rows as `write` takes them, from columns of one length: text, whole numbers, floats. In any thread."""

    @abstractmethod
    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Write rows that were formatted."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is still to be written, be it only that there are no rows."""

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
