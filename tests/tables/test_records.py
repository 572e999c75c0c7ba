"""Records of CSV text: how a stream is cut into blocks, and where quotes and carriage returns may stand."""

from __future__ import annotations

import csv
import io
import itertools

import pytest

from matnet.errors import TableError
from matnet.tables.csv import records
from matnet.tables.csv.records import Block, blocks, check_marks, even, first_record_end, marks

COMMA = ord(",")


def message(text: bytes, line: int = 1) -> str:
    try:
        check_marks(Block(text, line), "t.csv", COMMA)
    except TableError as error:
        return str(error)
    return ""


ALONE = (
    "a carriage return without a newline; save with LF or CRLF at the line ends, or put the cell that it is in in "
    "quotes"
)
INSIDE = "a quote inside a cell; put the whole cell in quotes and double the quotes within"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (b'"a",b\n', 0, ""),
        (b'a,"b"\n', 0, ""),
        (b'a,"b"\r\n', 0, ""),
        (b'"a""b","c"\n"d"\n', 0, ""),
        (b'"a\r\nb\rc",d\n', 0, ""),
        (b'""\n""\n', 0, ""),
        (b'"",""\n', 0, ""),
        (b'""""\n', 0, ""),
        (b'"a""",b\n', 0, ""),
        (b'a"b,c\n"d"\n', 1, INSIDE),
        (b'ab\nc,"d"e\n', 2, INSIDE),
        (b'ab\nc,"d"\r,e\n', 2, INSIDE),
        (b'ab\nc,"d" "e"\n', 2, INSIDE),
        (b'"a"\n"b" ,"c"\n', 2, INSIDE),
        (b'"a"\nb,c\n"\n', 3, "a quote opens here and never closes"),
        (b"a\rb\n", 1, ALONE),
        (b"a\n\rb\n", 2, ALONE),
        (b'a\nb\r\n"c"\nd\r,e\n', 4, ALONE),
        (b'"a\rb"\nc\rd\n', 2, ALONE),
        (b"a\r\r\n", 1, ALONE),
    ],
)
def test_where_marks_may_stand(text: bytes, line: int, told: str) -> None:
    assert message(text, 11) == (f"t.csv: line {line + 10}: {told}" if told else "")


def test_texts_of_few_characters_are_refused_or_read_as_by_pythons_csv() -> None:
    """Every text of five characters among a, a comma, a quote and a newline, ended by a newline."""
    accepted = 0
    for letters in itertools.product('a,"\n', repeat=5):
        text = "".join(letters) + "\n"
        data = text.encode()
        if message(data):
            continue
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        ends = marks(data, COMMA).tolist()
        accepted += 1
        # csv gives no cell for a blank line
        assert [data[end] for end in ends].count(10) == len(rows)
        assert len(ends) == sum(len(row) or 1 for row in rows)
        assert first_record_end(data) == ends[[data[end] for end in ends].index(10)] + 1
        widths = {len(row) or 1 for row in rows}
        for columns in (1, 2, 3):
            expected = len(rows) if len(ends) == len(rows) * columns else None
            assert even(Block(data, 1), COMMA, columns) == expected
            if widths == {columns}:
                assert expected == len(rows)
    assert accepted > 250


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_blocks_are_whole_records_wherever_the_stream_is_cut(size: int) -> None:
    """Every text of five characters: blocks end with records, keep their line, and lose nothing but line ends."""
    for letters in itertools.product('a\r\n"', repeat=5):
        data = "".join(letters).encode()
        if message(data.rstrip(b"\r\n") + b"\n"):
            continue
        found = list(blocks(io.BytesIO(data), "t.csv", size))
        whole = b"".join(block.data for block in found)
        assert whole.rstrip(b"\r\n") == data.rstrip(b"\r\n")
        line = 1
        for block in found:
            assert block.data.endswith(b"\n")
            assert block.data.count(b'"') % 2 == 0
            assert block.line == line
            assert block.lines == block.data.count(b"\n")
            assert block.blank == (not block.data.strip(b"\r\n"))
            line += block.lines
        assert all(not block.blank for block in found[:-1])


def test_a_byte_order_mark_is_left_out_only_at_the_start() -> None:
    mark = b"\xef\xbb\xbf"
    (block,) = blocks(io.BytesIO(mark + mark + b"a\n"), "t.csv")
    assert block == Block(mark + b"a\n", 1)


@pytest.mark.parametrize("text", [b'"a\n', b'"a', b'"a\nb\n', b'"', b'a"\n'])
def test_a_first_record_that_never_ends_is_all_there_is(text: bytes) -> None:
    assert first_record_end(text + b"\n") == len(text) + 1


@pytest.mark.parametrize("more", [0, 1])
def test_how_long_a_record_may_be(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for what is read of it before its end."""
    assert records.LONGEST_RECORD == 64 * 1024 * 1024
    monkeypatch.setattr(records, "LONGEST_RECORD", 1 << 20)
    record = b'"' + b"a" * ((1 << 20) - 1 + more)
    data = b"a\n" + record + b'"\nb\n'
    size = len(record) - 1  # after three bytes, which may be a byte order mark
    if more:
        with pytest.raises(TableError) as raised:
            list(blocks(io.BytesIO(data), "t.csv", size))
        assert str(raised.value) == (
            "t.csv: line 2: this record is longer than 1 MiB; is there a quote that never closes?"
        )
    else:
        found = list(blocks(io.BytesIO(data), "t.csv", size))
        assert b"".join(block.data for block in found) == data
        assert [block.line for block in found] == [1, 2]


def test_records_in_quotes_are_cut_though_every_piece_ends_inside_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is long, so nothing waits for more than its own end."""
    monkeypatch.setattr(records, "LONGEST_RECORD", 100)
    data = b'"a\nb"\n' * 200
    found = list(blocks(io.BytesIO(data), "t.csv", 6))
    assert b"".join(block.data for block in found) == data
    assert len(found) > 100
