"""A CSV table as a source of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice

from matnet.errors import Advice, Parameter, TableError
from matnet.tables.columns import Choice, Columns, choose
from matnet.tables.csv.cells import COMMENT_MARKS, Layout, blank_line, read_rows
from matnet.tables.csv.cleaning import tabs_for_blanks, without_comments, without_first_records
from matnet.tables.csv.detection import detected
from matnet.tables.csv.dialect import BLANKS, Dialect
from matnet.tables.csv.header import other_delimiter, read_header
from matnet.tables.csv.records import BLOCK_BYTES, Block, blocks
from matnet.tables.csv.streams import Stream
from matnet.tables.interfaces import Piece, Source, Table
from matnet.tables.polars import pl


class CsvTable(Table):
    """A table read from a stream in blocks; its header is read at once.

    Parameters
    ----------
    stream
        The source of the text, read once from front to back.
    dialect
        How the text is written.
    wanted
        Names of columns that will be requested: if line 1 has them all it is a header.
    block_bytes
        How much is read at a time; the rows do not depend on it.

    Raises
    ------
    TableError
        There is nothing in the table, or line 1 is neither a header nor a row.
    """

    def __init__(
        self, stream: Stream, dialect: Dialect, wanted: Sequence[str] = (), block_bytes: int = BLOCK_BYTES
    ) -> None:
        self.place = stream.place
        self._stream = stream
        text: Iterator[Block] = blocks(stream, stream.place, block_bytes)
        if dialect.comment:
            text = without_comments(text, dialect.comment)
        first = next(text, None)
        if first is None:
            raise TableError(f"{self.place} is empty; a header or a row is expected")
        self.dialect, self._note = detected(first, dialect, self.place)
        text = chain((first,), text)
        if self.dialect.delimiter == BLANKS:
            text = (Block(tabs_for_blanks(block.data), block.line) for block in text)
        first = next(text)
        self.header, rest = read_header(first, self.place, self.dialect, wanted)
        self._blocks = without_first_records(chain(() if rest is None else (rest,), text), dialect.skip_rows)
        self._second_line = first.line + self.header.written

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1; None where that is not known."""
        return self._stream.fraction

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on how the table was read."""
        noted = (self._note,) if self._note else ()
        if self.header.written:
            return noted
        last = len(self.header.names)
        names = "column is x1" if last == 1 else f"columns are x1 to x{last}"
        return (*noted, f"{self.place}: line 1 is a row of numbers, so there is no header; the {names}")

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network; see `matnet.tables.columns.choose`."""
        return choose(self.header, columns, input_size, self.place, lambda: self._advice(input_size))

    def _advice(self, input_size: int) -> Advice | None:
        """What to do if the columns do not fit."""
        if self.header.names[0].startswith(COMMENT_MARKS) and not self.dialect.comment:
            mark = self.header.names[0][0]
            return Advice(f"; if lines that begin with {mark} are comments: ", Parameter("comment", mark))
        if self._lies_across(input_size):
            return Advice("; the samples seem to be in columns: ", Parameter("samples", "columns"))
        return other_delimiter(self.header.names, self.dialect)

    def _lies_across(self, input_size: int) -> bool:
        """Whether there is a row for each input, and the columns cannot be the inputs.

        A first block without the last record, which no newline ends, is completed from the next.
        """
        if self.header.written or len(self.header.names) == input_size:
            return False
        read = list(islice(self._blocks, 2))
        self._blocks = chain(read, self._blocks)
        return sum(block.lines for block in read) == input_size

    def pieces(self, choice: Choice) -> Iterator[Piece]:
        """The rows in order, a block at a time: read here, parsed where the piece is called.

        A piece raises TableError where a record or cell cannot be read, by line and column.
        """
        names, units = self.header.names, self._second_line if self.header.written else None
        layout = Layout(self.place, names, choice.inputs, choice.texts, self.dialect, units)
        blank: Block | None = None
        for block in self._blocks:
            if blank is not None and not block.blank:
                raise blank_line(self.place, blank.line, len(names))
            if not block.blank:
                yield partial(read_rows, block, layout)
            elif len(names) == 1:  # if they could be missing numbers, not even the last lines may be blank
                raise blank_line(self.place, block.line, 1)
            else:
                blank = blank or block

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """Text, whatever the cells contain."""
        return (pl.String(),) * len(choice.texts)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was read, with its hash if that was requested."""
        return (Source(self.place, self._stream.sha256),)
