"""A Parquet or Arrow file as a source of rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from matnet.errors import TableError
from matnet.tables.cells import Rows, shown
from matnet.tables.columns import Choice, Columns, choose
from matnet.tables.dialect import Dialect
from matnet.tables.header import Header
from matnet.tables.rows import MOST_ROWS
from matnet.tables.table import Piece, Source, Table

PARQUET_MAGIC, ARROW_MAGIC = b"PAR1", b"ARROW1"


def is_frame(path: Path) -> bool:
    """Whether a file is Parquet or Arrow, by its first bytes.

    Raises
    ------
    TableError
        It cannot be read.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(ARROW_MAGIC)).startswith((PARQUET_MAGIC, ARROW_MAGIC))
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from error


class FrameTable(Table):
    """A file that polars reads in batches of rows, in order; only the columns that are asked for.

    Parameters
    ----------
    path
        The file.
    dialect
        Whether a missing number is an error or NaN; the rest of it is for text.

    Raises
    ------
    TableError
        The file is damaged or has no column.
    """

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.place = str(path)
        self._dialect = dialect
        self._done = 0
        with path.open("rb") as file:
            parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        try:
            scan = pl.scan_parquet if parquet else pl.scan_ipc
            self._frame = scan(path, glob=False, hive_partitioning=False)
            self._schema = self._frame.collect_schema()
            self._rows = int(self._frame.select(pl.len()).collect().item())
        except pl.exceptions.PolarsError as error:
            raise self._damaged(error) from error
        if not len(self._schema):
            raise TableError(f"{self.place}: there is no column in it")
        self.header = Header(tuple(self._schema.names()), True, None)

    def _damaged(self, error: pl.exceptions.PolarsError) -> TableError:
        return TableError(f"{self.place}: cannot be read: {str(error).splitlines()[0]}")

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1."""
        return min(1.0, self._done / self._rows) if self._rows else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The file."""
        return (Source(self.place, file=self.place),)

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network; see `matnet.tables.columns.choose`."""
        return choose(self.header, columns, input_size, self.place, self._dialect)

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
        try:
            batches = self._frame.select(needed).collect_batches(chunk_size=MOST_ROWS, maintain_order=True)
            for batch in batches:
                yield partial(self._parsed, batch, self._done, choice)
                self._done += batch.height
        except pl.exceptions.PolarsError as error:
            raise self._damaged(error) from error
        if self._done != self._rows:
            raise TableError(f"{self.place}: {self._done} rows were read, expected {self._rows}; was it being written?")

    def _check_numbers(self, inputs: list[str]) -> None:
        for name in inputs:
            kind = self._schema[name]
            if not kind.is_numeric():
                raise TableError(f"{self.place}: column {shown(name)} holds {kind}, expected numbers; cast it")

    def _parsed(self, batch: pl.DataFrame, before: int, choice: Choice) -> Rows:
        names = self.header.names
        x = np.empty((batch.height, len(choice.inputs)))
        for place, index in enumerate(choice.inputs):
            values = batch[names[index]]
            if values.null_count() and self._dialect.missing == "error":
                row = before + int(np.flatnonzero(values.is_null().to_numpy())[0]) + 1
                raise TableError(
                    f"{self.place}: row {row}, column {names[index]}: the cell is empty; fill it, or let "
                    "--missing nan read it as NaN"
                )
            x[:, place] = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        texts = [batch[names[index]].alias(str(place)) for place, index in enumerate(choice.texts)]
        return Rows(x, pl.DataFrame(texts))
