"""Blocks of text prepared for parsing: without comments, and with one tab in place of blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from matnet.tables.csv.records import Block, first_record_end

_BLANKS = re.compile(rb'("(?:[^"]|"")*")|(^[ \t]+|[ \t]+(?=\r?$))|[ \t]+', re.MULTILINE)


def without_comments(blocks: Iterable[Block], mark: str) -> Iterator[Block]:
    """The blocks without the lines that begin with `mark`, unless it is in quotes.

    A block is split where lines are left out, so that the remaining lines keep their numbers.
    """
    for block in blocks:
        if mark.encode() in block.data:
            yield from _cut_at_comments(block, mark.encode())
        else:
            yield block


def _cut_at_comments(block: Block, mark: bytes) -> Iterator[Block]:
    kept: list[bytes] = []
    start = block.line
    quoted = False
    for line, text in enumerate(block.data[:-1].split(b"\n"), start=block.line):
        if text.startswith(mark) and not quoted:
            if kept:
                yield Block(b"\n".join([*kept, b""]), start)
            kept, start = [], line + 1
        else:
            kept.append(text)
            quoted ^= text.count(b'"') % 2 == 1
    if kept:
        yield Block(b"\n".join([*kept, b""]), start)


def without_first_records(blocks: Iterable[Block], count: int) -> Iterator[Block]:
    """The blocks without the first `count` records."""
    for block in blocks:
        data, line = block.data, block.line
        while count and data:
            end = first_record_end(data)
            line += data.count(b"\n", 0, end)
            data = data[end:]
            count -= 1
        if data:
            yield Block(data, line)


def tabs_for_blanks(data: bytes) -> bytes:
    """The text with one tab for every run of blanks and tabs outside quotes, and none at either end of a line."""
    return _BLANKS.sub(lambda found: found[1] or (b"\t" if found[2] is None else b""), data)
