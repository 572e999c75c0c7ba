"""A CSV table as a source of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

import polars as pl

from matnet.errors import TableError
from matnet.tables.columns import Choice, Columns, choose
from matnet.tables.csv.cells import Layout, read_rows
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.header import other_delimiter, read_header
from matnet.tables.csv.records import BLOCK_BYTES, Block, blocks
from matnet.tables.csv.streams import Stream
from matnet.tables.interfaces import Piece, Source, Table


class CsvTable(Table):
    """A table read from a stream in blocks; its header is read at once.

    Parameters
    ----------
    stream
        Where the text comes from; read once, front to back.
    dialect
        How the text is written.
    wanted
        Names of columns that will be asked for: if line 1 has them all it is a header.
    block_bytes
        How much is read at a time; the rows do not depend on it.

    Raises
    ------
    TableError
        There is nothing in the table, or line 1 is no header and no row.
    """

    def __init__(
        self, stream: Stream, dialect: Dialect, wanted: Sequence[str] = (), block_bytes: int = BLOCK_BYTES
    ) -> None:
        self.place = stream.place
        self._stream = stream
        self._dialect = dialect
        self._blocks = blocks(stream, stream.place, block_bytes)
        first = next(self._blocks, None)
        if first is None:
            raise TableError(f"{self.place} is empty; a header or a row is expected")
        self.header, self._rest = read_header(first, self.place, dialect, wanted)

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1; None where that is not known."""
        return self._stream.fraction

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the table was read."""
        if self.header.written:
            return ()
        last = len(self.header.names)
        names = "column is x1" if last == 1 else f"columns are x1 to x{last}"
        return (f"{self.place}: line 1 is a row of numbers, so there is no header; the {names}",)

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network; see `matnet.tables.columns.choose`."""
        advice = other_delimiter(self.header.names, self._dialect)
        return choose(self.header, columns, input_size, self.place, advice)

    def pieces(self, choice: Choice) -> Iterator[Piece]:
        """The rows in order, a block at a time: read here, parsed where the piece is called.

        A piece raises TableError where a record or cell cannot be read, by line and column.
        """
        layout = Layout(self.place, self.header.names, choice.inputs, choice.texts, self._dialect)
        first = () if self._rest is None else (self._rest,)
        for block in chain(first, self._blocks):
            if not self._ends(block):
                yield partial(read_rows, block, layout)

    def _ends(self, block: Block) -> bool:
        """Whether only blank lines are left; in a table of one column they could be missing numbers."""
        if not block.blank:
            return False
        if len(self.header.names) == 1:
            raise TableError(
                f"{self.place}: line {block.line} is blank; delete the line, or write NaN for a missing number"
            )
        return True

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """Text, whatever stands in the cells."""
        return (pl.String(),) * len(choice.texts)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was read, with its hash where that was asked for."""
        return (Source(self.place, self._stream.sha256),)
