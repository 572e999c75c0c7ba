"""Tables as users have them: their dialect is detected, or set by an option that the refusal names."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import pytest

from matnet.errors import TableError
from matnet.functions.namespace import FloatArray
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import BLANKS, Dialect
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable

EXPECTED = [[1.5, 2.0], [3.0, -4.25]]


def read(data: bytes, dialect: Dialect | None = None, encoding: str = "utf-8") -> tuple[FloatArray, tuple[str, ...]]:
    """The inputs of a table (N, 2), and what is said of it."""
    table = CsvTable(Stream(io.BytesIO(data), "t.csv", encoding=encoding), dialect or Dialect())
    x = [rows.x for rows in table.rows(table.choose(Columns(), 2))]
    return np.concatenate([np.zeros((0, 2)), *x]), table.notes


def refusal(data: bytes, dialect: Dialect | None = None, encoding: str = "utf-8") -> str:
    with pytest.raises(TableError) as raised:
        read(data, dialect, encoding)
    return str(raised.value)


DETECTED = {
    "commas": (b"x1,x2\n1.5,2\n3,-4.25\n", ()),
    "semicolons": (b"x1;x2\n1.5;2\n3;-4.25\n", ("t.csv: cells are divided by semicolons",)),
    "semicolons and decimal commas": (
        b"x1;x2\n1,5;2,0\n3;-4,25\n",
        ("t.csv: cells are divided by semicolons and numbers have decimal commas",),
    ),
    "decimal commas without a header": (
        b"1,5;2,0\n3,0;-4,25\n",
        (
            "t.csv: cells are divided by semicolons and numbers have decimal commas",
            "t.csv: line 1 is a row of numbers, so there is no header; the columns are x1 to x2",
        ),
    ),
    "tabs": (b"x1\tx2\n1.5\t2\n3\t-4.25\n", ("t.csv: cells are divided by tabs",)),
    "bars": (b"x1|x2\n1.5|2\n3|-4.25\n", ("t.csv: cells are divided by vertical bars",)),
    "what save -ascii writes": (
        b"   1.5000000e+00   2.0000000e+00\n   3.0000000e+00  -4.2500000e+00\n",
        (
            "t.csv: cells are divided by blanks",
            "t.csv: line 1 is a row of numbers, so there is no header; the columns are x1 to x2",
        ),
    ),
    "blanks and tabs under a header": (
        b"x1 \t x2\r\n 1.5 \t2 \r\n3    -4.25\t\r\n",
        ("t.csv: cells are divided by blanks",),
    ),
}


@pytest.mark.parametrize(("data", "notes"), DETECTED.values(), ids=DETECTED.keys())
def test_how_a_table_is_written_is_found_out_and_said(data: bytes, notes: tuple[str, ...]) -> None:
    x, told = read(data)
    np.testing.assert_array_equal(x, EXPECTED)
    assert told == notes


def test_a_comma_that_may_divide_thousands_is_asked_about() -> None:
    data = b"x1;x2\n1,500;2\n2,250;3\n"
    assert refusal(data) == (
        "t.csv: the comma in '1,500' may be a decimal sign or divide thousands; if it is a decimal sign: decimal=','"
    )
    assert read(data, Dialect(decimal=","))[0].tolist() == [[1.5, 2.0], [2.25, 3.0]]
    assert refusal(data, Dialect(decimal=".")) == (
        "t.csv: line 2, column x1: '1,500' is not a number; if ',' is its decimal sign: decimal=','"
    )


def test_text_with_semicolons_in_it_does_not_hide_the_commas() -> None:
    x, notes = read(b"x1,x2,t\n1.5,2,a;b\n3,-4.25,c;d\n")
    assert (x.tolist(), notes) == (EXPECTED, ())


def test_a_decimal_comma_first_seen_late_is_refused() -> None:
    rows = b"1;2\n" * 40
    assert refusal(b"x1;x2\n" + rows + b"1,5;2\n") == (
        "t.csv: line 42, column x1: '1,5' is not a number; if ',' is its decimal sign: decimal=','"
    )


def test_blanks_inside_quotes_stay() -> None:
    data = b'"x 1" "x 2"\n 1.5  2\n3 -4.25\n'
    table = CsvTable(Stream(io.BytesIO(data), "t.csv"), Dialect(BLANKS))
    assert table.header.names == ("x 1", "x 2")
    assert np.concatenate([rows.x for rows in table.rows(table.choose(Columns(), 2))]).tolist() == EXPECTED


COMMENTS = b"% made today\nx1,x2\n1.5,2\n% half time\n3,-4.25\n% the end\n"


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_comment_lines_are_left_out(block: int) -> None:
    table = CsvTable(Stream(io.BytesIO(COMMENTS), "t.csv"), Dialect(comment="%"), (), block)
    assert np.concatenate([rows.x for rows in table.rows(table.choose(Columns(), 2))]).tolist() == EXPECTED


def test_errors_after_comments_name_the_right_line() -> None:
    assert refusal(COMMENTS.replace(b"-4.25", b"four"), Dialect(comment="%")) == (
        "t.csv: line 5, column x2: 'four' is not a number"
    )
    assert refusal(b"x1,x2\n1,2\n% a\n\n% b\n3,4\n", Dialect(comment="%")) == "t.csv: line 4 is blank; delete the line"


@pytest.mark.parametrize("left_out", [b"\n", b"m3/h,rpm\n", b'"m3\nh",rpm\n', b"m3/h,rpm\r\n"])
def test_errors_after_a_row_that_is_left_out_name_the_right_line(left_out: bytes) -> None:
    line = 3 + left_out[:-1].count(b"\n")
    assert refusal(b"x1,x2\n" + left_out + b"1,two\n", Dialect(skip_rows=1)) == (
        f"t.csv: line {line}, column x2: 'two' is not a number"
    )


@pytest.mark.parametrize("cell", [b'"a\n% b"', b'"a""b\n% c"', b'"a\n""\n% b"', b'"a""\n""\n% ""b"""'])
def test_a_mark_inside_quotes_is_no_comment(cell: bytes) -> None:
    """Also where a line of the cell has three quotes, or two."""
    data = b"t,x1,x2\n" + cell + b",1.5,2\n% a comment\nc,3,-4.25\n"
    assert read(data, Dialect(comment="%"))[0].tolist() == EXPECTED


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (COMMENTS, "t.csv: the network takes 2 inputs, but the table has 1 column ('% made today'); "
                   "if lines that begin with % are comments: comment='%'"),
        (COMMENTS[13:], "t.csv: line 3: 1 cell, expected 2 as in line 1; a delimiter inside a cell needs quotes "
                        "around the cell; if lines that begin with % are comments: comment='%'"),
        (b"x1,x2\nm3/h,rpm\n1,2\n", "t.csv: line 2, column x1: 'm3/h' is not a number; "
                                     "if the line holds units: skip_rows=1"),
    ],
    ids=["a comment first", "a comment later", "units"],
)  # fmt: skip
def test_a_refusal_names_the_option_that_helps(data: bytes, message: str) -> None:
    assert refusal(data) == message


@pytest.mark.parametrize(
    ("data", "cells", "advice"),
    [
        (b"x1\n0,5\n", 2, "; if the comma is a decimal sign: decimal=','"),
        (b"x1\n1\n-0,25e-3\n", 2, "; if the comma is a decimal sign: decimal=','"),
        (b"x1\n0,5,5\n", 3, ""),
        (b"x1\n0.5,5\n", 2, ""),
        (b"x1\n5,\n", 2, ""),
    ],
)
def test_one_column_of_numbers_with_decimal_commas(data: bytes, cells: int, advice: str) -> None:
    table = CsvTable(Stream(io.BytesIO(data), "t.csv"), Dialect())
    ragged = f"{cells} cells, expected 1 as in line 1; a delimiter inside a cell needs quotes around the cell"
    with pytest.raises(TableError) as raised:
        list(table.rows(table.choose(Columns(), 1)))
    assert str(raised.value) == f"t.csv: line {len(data.splitlines())}: {ragged}{advice}"
    if advice:
        table = CsvTable(Stream(io.BytesIO(data), "t.csv"), Dialect(decimal=","))
        (rows,) = table.rows(table.choose(Columns(), 1))
        assert rows.x[-1, 0] == float(data.split()[-1].replace(b",", b"."))


def test_rows_after_the_header_are_left_out() -> None:
    assert read(b'x1,x2\nm3/h,"r\npm"\n1.5,2\n3,-4.25\n', Dialect(skip_rows=1))[0].tolist() == EXPECTED
    assert read(b"x1,x2\nunit,unit\n", Dialect(skip_rows=5))[0].tolist() == []


@pytest.mark.parametrize("word", ["", "NA", "n/a", "NULL", '"NA"', " NA "])
def test_words_for_missing_numbers(word: str) -> None:
    data = f"x1,x2\n1.5,{word}\n".encode()
    told = word.strip('"')
    what = f"'{told}' stands for a missing number" if told else "the cell is empty"
    assert refusal(data) == f"t.csv: line 2, column x2: {what}; fill it in, or have it read as NaN with missing='nan'"
    np.testing.assert_array_equal(read(data, Dialect(missing="nan"))[0], [[1.5, np.nan]])


def test_further_words_for_missing_numbers() -> None:
    data = b"x1,x2\n1.5,-999\n?,2\n"
    np.testing.assert_array_equal(
        read(data, Dialect(missing="nan", na=("?", "-999")))[0], [[1.5, np.nan], [np.nan, 2.0]]
    )
    assert refusal(data, Dialect(missing="nan", na=("-999",))) == "t.csv: line 3, column x1: '?' is not a number"
    assert refusal(data, Dialect(na=("-999",))) == (
        "t.csv: line 2, column x2: '-999' stands for a missing number; fill it in, or have it read as NaN with "
        "missing='nan'"
    )


@pytest.mark.parametrize("decimal", [".", ","])
def test_a_number_for_a_missing_one_is_none_whatever_stands_beside_it(decimal: Literal[".", ","]) -> None:
    """Where all cells are numbers, where one has blanks, and where some are text; however that number is written."""
    rows = ["1.5;-999", "-999.0;2", "-9.99e2;-998.5", "3;-4.25"]
    expected = [[1.5, np.nan], [np.nan, 2.0], [np.nan, -998.5], [3.0, -4.25]]
    for more, last in (
        ((), ()),
        ((" 1 ;2",), ([1, 2],)),
        (("NA;-99.9",), ([np.nan, -99.9],)),
        (("?; -999 ",), ([np.nan] * 2,)),
    ):
        data = "\n".join(["x1;x2", *rows, *more, ""]).replace(".", decimal).encode()
        marks = Dialect(";", decimal, missing="nan", na=("-999", "?"))
        np.testing.assert_array_equal(read(data, marks)[0], [*expected, *last])
        assert refusal(data, Dialect(";", decimal, na=("-999", "?"))) == (
            "t.csv: line 2, column x2: '-999' stands for a missing number; fill it in, or have it read as NaN with "
            "missing='nan'"
        )
        with pytest.raises(TableError):
            read(data + b"1;four\n", marks)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_other_encodings(encoding: str) -> None:
    data = "x1,x2,t\n1.5,2,°C\n3,-4.25,µ\n".encode(encoding)
    assert read(data, encoding=encoding)[0].tolist() == EXPECTED


def test_encodings_that_are_not() -> None:
    assert refusal(b"x1,x2\n", encoding="none") == "encoding none: there is no such encoding; utf-16 and cp1252 are two"
    assert refusal(b"x1,x2\n\x81,2\n", encoding="cp1252").startswith("t.csv: the text is not cp1252: ")


HEADERS = {
    "some of the names": (
        "point,x1,x2",
        3,
        "t.csv: the header names 2 inputs of 3 (x1, x2) but not x3; rename the columns, or name those of the inputs in "
        "order with inputs",
    ),
    "one column more": (
        "a,b,c",
        2,
        "t.csv: the network takes 2 inputs, but the table has 3 columns ('a', 'b', 'c'); name the columns of the "
        "inputs with inputs, or columns to keep with keep",
    ),
}


@pytest.mark.parametrize(("header", "R", "message"), HEADERS.values(), ids=HEADERS.keys())
def test_headers_that_are_refused(header: str, R: int, message: str) -> None:
    table = CsvTable(Stream(io.BytesIO(f"{header}\n1,2,3\n".encode()), "t.csv"), Dialect())
    with pytest.raises(TableError) as raised:
        table.choose(Columns(), R)
    assert str(raised.value) == message


def test_a_header_with_exactly_the_inputs_names_the_result() -> None:
    table = CsvTable(Stream(io.BytesIO(b"id,feed,speed\na,1,2\n"), "t.csv"), Dialect())
    choice = table.choose(Columns(keep=("id",)), 2)
    assert choice.input_names == ("feed", "speed")
    assert choice.note == "t.csv: the inputs are taken by position: feed, speed"
    assert table.choose(Columns(keep=("id", "feed")), 1).input_names == ("speed",)


def test_all_columns_are_kept() -> None:
    table = CsvTable(Stream(io.BytesIO(b"feed,speed\n1,2\n"), "t.csv"), Dialect())
    choice = table.choose(Columns(keep=("all",)), 2)
    assert (choice.inputs, choice.keep, choice.input_names) == ((0, 1), (0, 1), ("feed", "speed"))
    table = CsvTable(Stream(io.BytesIO(b"all,x1\n1,2\n"), "t.csv"), Dialect())
    assert table.choose(Columns(keep=("all",)), 1).keep == (0,)


def test_many_blank_lines_at_the_end_take_no_memory() -> None:
    class Blank(io.RawIOBase):
        """A table and then nothing but newlines."""

        def __init__(self) -> None:
            self.left = 1 << 26
            self.largest = 0

        def read(self, size: int = -1, /) -> bytes:
            if self.left == 1 << 26:
                self.left -= 12
                return b"x1,x2\n1,2\n\n\n"
            size = min(size, self.left)
            self.left -= size
            return b"\n" * size

    from matnet.tables.csv.records import MOST_BLANK, blocks

    given = list(blocks(Blank(), "t.csv"))
    assert [block.data[:12] for block in given[:1]] == [b"x1,x2\n1,2\n"]
    assert all(len(block.data) <= MOST_BLANK + (2 << 20) for block in given)
    assert len(given) == 2


@pytest.mark.parametrize(("size", "delimiter"), [(1 << 16, ","), ((1 << 16) + 1, ";")])
def test_the_first_64_kib_decide(size: int, delimiter: str) -> None:
    """Line 2 does not fit the semicolon in the header, if it lies within them."""
    line = b"1;2;3\n"
    data = b"a;b\n" + b"x" * (size - 4 - len(line)) + line
    assert len(data) == size
    table = CsvTable(Stream(io.BytesIO(data + b"1;2\n"), "t.csv"), Dialect())
    assert table.dialect.delimiter == delimiter


@pytest.mark.parametrize(("place", "refused"), [(511, True), (512, False)])
def test_zero_bytes_at_the_beginning_are_no_text(place: int, refused: bool) -> None:
    data = bytearray(b"t,x1,x2\n" + b"a" * 600 + b",1.5,2\nb,3,-4.25\n")
    data[place] = 0
    if refused:
        assert refusal(bytes(data)) == ("t.csv is not text: it holds zero bytes; a CSV table in UTF-8 is expected")
    else:
        assert read(bytes(data))[0].tolist() == EXPECTED


@pytest.mark.parametrize("block", [1, 5, 1 << 20])
def test_rows_that_are_left_out_are_counted_through_all_blocks(block: int) -> None:
    """Those that are left out may be anything, and lines keep their numbers."""
    data = b'x1,x2\n"m3\n/h",rpm\nNA,NA\n1.5,2\n3,-4.25\n'
    for last in (b"", b"5,six\n"):
        dialect = Dialect(skip_rows=2)
        table = CsvTable(Stream(io.BytesIO(data + last), "t.csv"), dialect, (), block)
        rows = table.rows(table.choose(Columns(), 2))
        if last:
            with pytest.raises(TableError) as raised:
                list(rows)
            assert str(raised.value) == "t.csv: line 7, column x2: 'six' is not a number"
        else:
            assert np.concatenate([part.x for part in rows]).tolist() == EXPECTED


@pytest.mark.parametrize(("line", "delimiter"), [(20, ","), (21, ";")])
def test_twenty_lines_decide(line: int, delimiter: str) -> None:
    lines = ["a;b", *["1;2"] * 30]
    lines[line - 1] = "1;2;3"
    table = CsvTable(Stream(io.BytesIO("\n".join([*lines, ""]).encode()), "t.csv"), Dialect())
    assert table.dialect.delimiter == delimiter


@pytest.mark.parametrize(
    ("rows", "delimiter", "decimal"),
    [
        (["a;b", "1,5;2,5"], ";", ","),
        (["a;b", "1.5;2,5"], ";", "."),
        (["a;b", "1;2"], ";", "."),
        (["a\tb", "1,5\t2"], "\t", ","),
        (["a|b", "x|y"], "|", "."),
        (["a b", "x y"], ",", "."),
        (["1 2", "3 4"], "blanks", "."),
        (["  1,5   2", "3 4"], "blanks", ","),
        (["a,b;c", "1,2;3"], ";", ","),
        (["a;b,c", "1;2"], ";", "."),
        (["a", "1"], ",", "."),
        (["a;b", '"1,5";"2"'], ";", ","),
        (["a;b", "NA;2,25"], ";", ","),
        (["a;b;c", "text;1;2", "text;3;4"], ";", "."),
    ],
)
def test_what_divides_cells_and_decimals(rows: list[str], delimiter: str, decimal: str) -> None:
    table = CsvTable(Stream(io.BytesIO("\n".join([*rows, ""]).encode()), "t.csv"), Dialect())
    assert (table.dialect.delimiter, table.dialect.decimal) == (delimiter, decimal)
