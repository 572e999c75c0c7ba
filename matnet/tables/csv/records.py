"""Cutting a stream of CSV text into blocks of whole records, and finding the marks inside a block.

The rules are RFC 4180's: a cell that begins with a quote ends at the next single quote, a quote inside it is doubled,
and delimiters and line ends inside it are text. A quote anywhere else is refused: readers differ in what it means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import TableError
from matnet.tables.csv.streams import Reader

BLOCK_BYTES = 2 << 20
LONGEST_RECORD = 64 << 20
MOST_BLANK = 1 << 12
"""The most bytes of blank lines after a record that are kept."""
NEWLINE, RETURN, QUOTE = 10, 13, 34
LINE_ENDS = b"\r\n"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Whole records, each ended by a newline; ``line`` is the number of the first line.

    A block of nothing but line ends is found only at the end of a table: blank lines after the last record.
    """

    data: bytes
    line: int

    @property
    def blank(self) -> bool:
        """Whether there are only line ends."""
        return self.data[0] in LINE_ENDS and not self.data.strip(LINE_ENDS)

    @cached_property
    def quoted(self) -> bool:
        """Whether there are quotes."""
        return QUOTE in self.data

    @cached_property
    def lines(self) -> int:
        """How many newlines there are: counted twice as fast as by `bytes.count`."""
        return int(np.count_nonzero(np.frombuffer(self.data, np.uint8) == NEWLINE))


def blocks(stream: Reader, place: str, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """The stream as blocks of whole records of about `size` bytes, without a byte order mark.

    Raises
    ------
    TableError
        A record is longer than 64 MiB, which a quote that never closes makes of any table.
    """
    line = 1
    rest = stream.read(len(BOM)).removeprefix(BOM)
    while chunk := stream.read(size):
        data, rest = _cut(rest, chunk)
        block = Block(data, line) if data else None
        line += block.lines if block else 0
        if not rest.strip(LINE_ENDS):
            rest = rest[:MOST_BLANK]  # blank lines may only be the last, or the first of them is an error
        if len(rest) > LONGEST_RECORD:
            raise TableError(
                f"this record is longer than {LONGEST_RECORD >> 20} MiB; is there a quote that never closes?",
                place=f"{place}: line {line}",
            )
        if block:
            yield block
    yield from _last_blocks(rest, line)


def _cut(rest: bytes, chunk: bytes) -> tuple[bytes, bytes]:
    """`rest` and `chunk` joined and cut where the last whole record ends."""
    end = chunk.rfind(b"\n") + 1
    simple = end > 1 and chunk[end - 2] not in LINE_ENDS and QUOTE not in chunk and QUOTE not in rest
    if simple:
        # the common case: joined data is copied only once
        return b"".join((rest, memoryview(chunk)[:end])), chunk[end:]
    data = rest + chunk
    end = _whole_records(data)
    return data[:end], data[end:]


def _last_blocks(rest: bytes, line: int) -> Iterator[Block]:
    content = rest.rstrip(LINE_ENDS)
    if content:
        yield Block(content + b"\n", line)
        line += content.count(b"\n") + 1
        rest = rest[len(content) :].removeprefix(b"\r").removeprefix(b"\n")
    if rest:
        yield Block(rest.removesuffix(b"\n") + b"\n", line)


def _whole_records(data: bytes) -> int:
    """Where the last whole record ends; blank lines after it are kept for later, as they may end the table."""
    content = len(data[: _last_record_end(data)].rstrip(LINE_ENDS))
    return data.index(b"\n", content) + 1 if content else 0


def _last_record_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    if QUOTE not in data:
        return end
    quotes = positions(data, QUOTE)
    while end:
        before = int(np.searchsorted(quotes, end - 1))
        if before % 2 == 0:
            return end
        end = data.rfind(b"\n", 0, int(quotes[before - 1])) + 1
    return 0


def first_record_end(data: bytes) -> int:
    """Where the first record of a block ends."""
    end = data.index(b"\n") + 1
    while data.count(b'"', 0, end) % 2 and end < len(data):
        end = data.find(b"\n", end) + 1 or len(data)
    return end


def positions(data: bytes, byte: int) -> NDArray[np.int64]:
    """The positions of `byte` in `data`."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == byte).astype(np.int64, copy=False)


def check_marks(block: Block, place: str, delimiter: int) -> None:
    """Check that quotes and carriage returns are only where all readers agree on their meaning.

    Every quote opens or closes a cell, or is doubled inside one; a carriage return comes before a newline or is within
    quotes.

    Raises
    ------
    TableError
        Another quote or carriage return; the message names its line.
    """
    quotes = positions(block.data, QUOTE) if block.quoted else np.zeros(0, np.int64)
    _check_quotes(block, place, delimiter, quotes)
    if RETURN in block.data:
        _check_returns(block, place, quotes)


def _check_quotes(block: Block, place: str, delimiter: int, quotes: NDArray[np.int64]) -> None:
    if not len(quotes):
        return
    text = np.frombuffer(block.data, np.uint8)
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, text[opening - 1], NEWLINE)
    doubled = np.zeros(len(opening), dtype=bool)
    doubled[1:] = opening[1:] == closing[: len(opening) - 1] + 1
    stray = ~(doubled | _among(before, delimiter, NEWLINE))
    after = text[closing + 1]
    carriage = (after == RETURN) & (text[np.minimum(closing + 2, len(text) - 1)] == NEWLINE)
    followed = np.zeros(len(closing), dtype=bool)
    followed[: len(opening) - 1] = doubled[1 : len(closing) + 1]
    loose = ~(followed | carriage | _among(after, delimiter, NEWLINE))
    wrong = np.concatenate([opening[stray], closing[loose]])
    if len(wrong):
        raise TableError(
            "a quote inside a cell; put the whole cell in quotes and double the quotes within",
            place=f"{place}: line {_line(block, int(wrong.min()))}",
        )
    if len(quotes) % 2:
        raise TableError("a quote opens here and never closes", place=f"{place}: line {_line(block, int(quotes[-1]))}")


def _check_returns(block: Block, place: str, quotes: NDArray[np.int64]) -> None:
    text = np.frombuffer(block.data, np.uint8)
    alone = np.flatnonzero((text[:-1] == RETURN) & (text[1:] != NEWLINE))
    if len(quotes):
        alone = alone[np.searchsorted(quotes, alone) % 2 == 0]
    if len(alone):
        raise TableError(
            "a carriage return without a newline; "
            "save with LF or CRLF at the line ends, or put the cell that it is in in quotes",
            place=f"{place}: line {_line(block, int(alone[0]))}",
        )


def _line(block: Block, position: int) -> int:
    return block.line + block.data.count(b"\n", 0, position)


def _among(values: NDArray[Any], *choices: int) -> NDArray[np.bool_]:
    matches: NDArray[np.bool_] = np.isin(values, choices)
    return matches


def marks(data: bytes, delimiter: int) -> NDArray[np.int64]:
    """Where the cells end: the delimiters and newlines outside quotes."""
    text = np.frombuffer(data, np.uint8)
    ends = (text == delimiter) | (text == NEWLINE)
    if QUOTE in data:
        ends &= np.bitwise_xor.accumulate(text == QUOTE) == 0
    return np.flatnonzero(ends).astype(np.int64, copy=False)


def even(block: Block, delimiter: int, columns: int) -> int | None:
    """The number of records if there are as many cells as `columns` cells in each would make, else None.

    Records that are too long hide records that are too short here; the reader of the cells finds the long ones.
    """
    data = block.data
    if block.quoted:
        ends = np.frombuffer(data, np.uint8)[marks(data, delimiter)]
        cells, records = len(ends), int(np.count_nonzero(ends == NEWLINE))
    else:
        records = block.lines
        cells = records + int(np.count_nonzero(np.frombuffer(data, np.uint8) == delimiter))
    return records if cells == records * columns else None
