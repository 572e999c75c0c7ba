"""CSV text to numbers and kept text: what is accepted, and the message of each refusal."""

from __future__ import annotations

import csv
import gzip
import io
import math
import struct
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matnet.errors import MissingExtraError, TableError
from matnet.functions.namespace import FloatArray
from matnet.tables.columns import Columns
from matnet.tables.csv import cells
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.records import BLOCK_BYTES, blocks
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from trials import trials

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Kept = list[tuple[str | None, ...]]


def read(
    text: str | bytes, R: int, columns: Columns | None = None, dialect: Dialect | None = None, block: int = BLOCK_BYTES
) -> tuple[FloatArray, Kept]:
    """The inputs (N, R) and the kept cells of a table."""
    data = text.encode() if isinstance(text, str) else text
    columns = columns or Columns()
    wanted = (*(columns.inputs or ()), *columns.keep)
    table = CsvTable(Stream(io.BytesIO(data), "t.csv"), dialect or Dialect(), wanted, block)
    parts = list(table.rows(table.choose(columns, R)))
    x = np.concatenate([np.zeros((0, R)), *(part.x for part in parts)])
    return x, [row for part in parts for row in part.texts.rows()]


def refusal(text: str | bytes, R: int, columns: Columns | None = None, dialect: Dialect | None = None) -> str:
    with pytest.raises(TableError) as raised:
        read(text, R, columns, dialect)
    return str(raised.value)


ACCEPTED: dict[str, tuple[str | bytes, list[list[float]]]] = {
    "plain": ("x1,x2\n1,2\n3,4\n", [[1, 2], [3, 4]]),
    "no newline at the end": ("x1,x2\n1,2\n3,4", [[1, 2], [3, 4]]),
    "CRLF": ("x1,x2\r\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
    "CRLF, none at the end": ("x1,x2\r\n1,2\r\n3,4", [[1, 2], [3, 4]]),
    "blank lines at the end": ("x1,x2\n1,2\n\n\r\n\n", [[1, 2]]),
    "byte order mark": (b"\xef\xbb\xbfx1,x2\n1,2\n", [[1, 2]]),
    "columns in another order": ("x2,x1\n1,2\n", [[2, 1]]),
    "unused columns": ("note,x2,more,x1\nabc,1,,2\n,3,z,4\n", [[2, 1], [4, 3]]),
    "by position": ("speed,load\n1,2\n", [[1, 2]]),
    "no header": ("1,2\n3,4\n", [[1, 2], [3, 4]]),
    "no header, one line": ("1,2", [[1, 2]]),
    "spaces around numbers": ("x1,x2\n 1 ,\t2\n3,  4  \n", [[1, 2], [3, 4]]),
    "spaces around names": (" x1 , x2 \n1,2\n", [[1, 2]]),
    "quoted numbers": ('x1,x2\n"1","2"\n"3",4\n', [[1, 2], [3, 4]]),
    "quoted header": ('"x1","x2"\n1,2\n', [[1, 2]]),
    "every form of a number": ("x1,x2\n+1.5,-.5\n1.,1e3\n1E-3,00012\n", [[1.5, -0.5], [1, 1000], [0.001, 12]]),
    "infinities": ("x1,x2\nInf,-inf\n+Infinity,1\n", [[math.inf, -math.inf], [math.inf, 1]]),
    "header only": ("x1,x2\n", []),
    "header only, no newline": ("x1,x2", []),
    "header and blank lines": ("x1,x2\n\n\n", []),
    "quoted cell with everything in it": ('x1,t,x2\n1,"a,""b""\n\nc",2\n3,d,4\n', [[1, 2], [3, 4]]),
}


@pytest.mark.parametrize(("text", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
@pytest.mark.parametrize("block", [1, 3, 7, BLOCK_BYTES])
def test_accepted(text: str | bytes, expected: list[list[float]], block: int) -> None:
    x, _ = read(text, 2, block=block)
    np.testing.assert_array_equal(x, np.array(expected, dtype=float).reshape(-1, 2))


def test_nan_is_a_number_and_keeps_its_place() -> None:
    x, _ = read("x1,x2\nNaN,1\n2,nan\n", 2)
    np.testing.assert_array_equal(x, [[math.nan, 1], [2, math.nan]])


def test_missing_cells_are_nan_where_that_is_allowed() -> None:
    x, _ = read('x1,x2\n,1\n2,""\n3,  \n 4 ,5\n', 2, dialect=Dialect(missing="nan"))
    np.testing.assert_array_equal(x, [[math.nan, 1], [2, math.nan], [3, math.nan], [4, 5]])


def test_semicolons_and_decimal_commas() -> None:
    x, _ = read("x1;x2\n1,5;2\n-,25;1,5e3\n", 2, dialect=Dialect(";", ","))
    np.testing.assert_array_equal(x, [[1.5, 2], [-0.25, 1500]])


def test_tabs() -> None:
    x, _ = read("x1\tx2\n1\t2\n", 2, dialect=Dialect("\t"))
    np.testing.assert_array_equal(x, [[1, 2]])


def test_kept_cells_are_text_as_it_stands() -> None:
    text = 'id,x1,note\n007,1,1.50\n"a,b",2, x \n"",3,\n"say ""hi""",4,é\n'
    x, kept = read(text, 1, Columns(keep=("note", "id")))
    assert x[:, 0].tolist() == [1, 2, 3, 4]
    assert kept == [("1.50", "007"), (" x ", "a,b"), (None, ""), ("é", 'say "hi"')]


def test_an_input_may_be_kept_too() -> None:
    x, kept = read("x1\n1.50\n 2 \n", 1, Columns(keep=("x1",), inputs=("x1",)))
    assert (x.tolist(), kept) == ([[1.5], [2.0]], [("1.50",), (" 2 ",)])


def test_names_of_a_table_without_header_go_by_position() -> None:
    x, _ = read("1,2\n", 2, Columns(inputs=("speed", "load")))
    assert x.tolist() == [[1, 2]]
    x, _ = read("1,2,3\n", 2, Columns(inputs=("x3", "x1")))
    assert x.tolist() == [[3, 1]]


def test_a_header_of_numbers_is_one_where_it_is_asked_for() -> None:
    x, _ = read("2020,2021\n1,2\n", 2, dialect=Dialect(header=True))
    assert x.tolist() == [[1, 2]]


def test_names_that_are_all_there_make_line_1_a_header() -> None:
    x, _ = read("id,2020,2021\nc,1,2\n", 2, Columns(inputs=("2021", "2020")))
    assert x.tolist() == [[2, 1]]


def test_a_headerless_table_says_so() -> None:
    table = CsvTable(Stream(io.BytesIO(b"1,2,3\n"), "t.csv"), Dialect())
    assert table.notes == ("t.csv: line 1 is a row of numbers, so there is no header; the columns are x1 to x3",)
    assert CsvTable(Stream(io.BytesIO(b"a,b\n"), "t.csv"), Dialect()).notes == ()


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "t.csv is empty; a header or a row is expected"),
    "blank line 1": ("\nx1,x2\n", "t.csv: line 1 is blank; the table begins with its header or its first row"),
    "only blank lines": ("\n\n", "t.csv: line 1 is blank; the table begins with its header or its first row"),
    "text for a number": (
        "x1,x2\n1,2\n3,four\n",
        "t.csv: line 3, column x2: 'four' is not a number",
    ),
    "empty cell": (
        "x1,x2\n1,2\n,4\n",
        "t.csv: line 3, column x1: the cell is empty; fill it in, or have it read as NaN with missing='nan'",
    ),
    "cell of spaces": (
        "x1,x2\n1,  \n",
        "t.csv: line 2, column x2: the cell is empty; fill it in, or have it read as NaN with missing='nan'",
    ),
    "too few cells": (
        "x1,x2\n1,2\n3\n",
        "t.csv: line 3: 1 cell, expected 2 as in line 1; a delimiter inside a cell needs quotes around the cell",
    ),
    "too many cells": (
        "x1,x2\n1,2\n3,4,5\n",
        "t.csv: line 3: 3 cells, expected 2 as in line 1; a delimiter inside a cell needs quotes around the cell",
    ),
    "one too many here, one too few there": (
        "a,x1,x2\n1,2\n3,4,5,6\n",
        "t.csv: line 2: 2 cells, expected 3 as in line 1; a delimiter inside a cell needs quotes around the cell",
    ),
    "an empty cell too many at the end": (
        "x1,x2\n1,2,\n",
        "t.csv: line 2: 3 cells, expected 2 as in line 1; a delimiter inside a cell needs quotes around the cell",
    ),
    "blank line within": ("x1,x2\n1,2\n\n3,4\n", "t.csv: line 3 is blank; delete the line"),
    "blank line after the header": ("x1,x2\r\n\r\n3,4\r\n", "t.csv: line 2 is blank; delete the line"),
    "a carriage return and nothing else": (
        "\r",
        "t.csv: line 1 is blank; the table begins with its header or its first row",
    ),
    "names twice": ("x1,x2,x1\n1,2,3\n", "t.csv: columns 1 and 3 are both named 'x1'; rename one"),
    "numbers and text in line 1": (
        "id,2020\na,1\n",
        "t.csv: line 1 holds both numbers and text ('2020'); "
        "use header=True if it names the columns, header=False if it is the first row",
    ),
    "a control character beside a number": (
        "x1,x2\n1,2\x1f\n",
        "t.csv: line 2, column x2: '2\\x1f' is not a number",
    ),
    "UTF-16": ("x1,x2\n1,2\n".encode("utf-16"), "t.csv is UTF-16 text; save it as UTF-8, or encoding='utf-16'"),
    "UTF-16 without its mark": (
        "x1,x2\n1,2\n".encode("utf-16-le"),
        "t.csv is not text: it holds zero bytes; a CSV table in UTF-8 is expected",
    ),
    "Latin-1 in a column that nobody asks for": (
        "x1,x2,t\n1,2,\xb0C\n".encode("latin-1"),
        "t.csv: line 2: the text is not UTF-8 (byte 0xb0); save the table as UTF-8, or if a program of "
        "Windows wrote it: encoding='cp1252'",
    ),
    "a workbook": (
        b"PK\x03\x04...",
        "t.csv is a zip archive or an Excel workbook; name the workbook as a file, or export the sheet as CSV",
    ),
    "a MAT-file": (
        b"MATLAB 5.0 MAT-file, Platform",
        "t.csv is a MAT-file; name the variable that holds the samples: FILE.mat:variable",
    ),
    "a semicolon in the header alone": (
        "x1;x2\n1,2\n",
        "t.csv: the network takes 2 inputs, but the table has 1 column ('x1;x2')"
        "; line 1 is one cell with ';' in it: delimiter=';'",
    ),
    "decimal commas in quotes": (
        'x1,x2\n"1,5",2\n',
        "t.csv: line 2, column x1: '1,5' is not a number; if ',' is its decimal sign: decimal=',', "
        "and delimiter for what divides the cells",
    ),
    "too large": (
        "x1,x2\n1,1e999\n",
        "t.csv: line 2, column x2: '1e999' is too large for a float64; write Inf if that is meant",
    ),
    "Fortran's exponent": ("x1,x2\n1d5,2\n", "t.csv: line 2, column x1: '1d5' is not a number"),
    "underscores": ("x1,x2\n1_000,2\n", "t.csv: line 2, column x1: '1_000' is not a number"),
    "digits of another script": ("x1,x2\n١,2\n", "t.csv: line 2, column x1: '١' is not a number"),
    "a long cell with control characters": (
        "x1,x2\n\x1b[31m" + "z" * 50 + ",2\n",
        "t.csv: line 2, column x1: '\\x1b[31m" + "z" * 34 + "…' is not a number",
    ),
    "missing columns": (
        "a,b,c\n1,2,3\n",
        "t.csv: the network takes 2 inputs, but the table has 3 columns ('a', 'b', 'c'); name the columns of "
        "the inputs with inputs, or columns to keep with keep",
    ),
    "too few columns": (
        "a\n1\n",
        "t.csv: the network takes 2 inputs, but the table has 1 column ('a')",
    ),
    "a quote inside a cell": (
        'x1,x2,t\n1,2,5" pipe\n',
        "t.csv: line 2: a quote inside a cell; put the whole cell in quotes and double the quotes within",
    ),
    "text after a quote": (
        'x1,x2,t\n1,2,a\n1,2,"a"b\n',
        "t.csv: line 3: a quote inside a cell; put the whole cell in quotes and double the quotes within",
    ),
    "a quote that never closes": (
        'x1,x2,t\n1,2,a\n1,2,"a\n3,4,b\n',
        "t.csv: line 3: a quote opens here and never closes",
    ),
    "carriage returns alone": (
        "x1,x2\r1,2\r3,4\r",
        "t.csv: line 1: a carriage return without a newline; "
        "save with LF or CRLF at the line ends, or put the cell that it is in in quotes",
    ),
    "a carriage return within a line": (
        "x1,x2\r\n1,2\r\n3\r,4\r\n",
        "t.csv: line 3: a carriage return without a newline; "
        "save with LF or CRLF at the line ends, or put the cell that it is in in quotes",
    ),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: str | bytes, message: str) -> None:
    assert refusal(text, 2) == message


def test_a_blank_line_in_a_table_of_one_column_could_be_a_number() -> None:
    message = "t.csv: line 3 is blank; delete the line, or write NaN for a missing number"
    missing = Dialect(missing="nan")
    for text in ("x1\n1\n\n2\n", "x1\n1\n\n", "x1\n1\n\r\n\n"):
        assert refusal(text, 1) == refusal(text, 1, dialect=missing) == message


def test_an_empty_cell_in_quotes_is_no_blank_line() -> None:
    x, _ = read('x1\n1\n""\n2\n', 1, dialect=Dialect(missing="nan"))
    np.testing.assert_array_equal(x, [[1], [math.nan], [2]])


def test_decimal_commas_without_the_option() -> None:
    assert refusal("x1;x2\n1,5;2\n", 2, dialect=Dialect(";", ".")) == (
        "t.csv: line 2, column x1: '1,5' is not a number; if ',' is its decimal sign: decimal=','"
    )


def test_a_point_beside_decimal_commas_is_refused() -> None:
    """1.500 is fifteen hundred to one reader and one and a half to another."""
    assert refusal("x1;x2\n1,5;1.500\n", 2, dialect=Dialect(";", ",")) == (
        "t.csv: line 2, column x2: '1.500' is not a number; if '.' is its decimal sign: decimal='.'"
    )


def test_missing_cells_do_not_let_text_through() -> None:
    text = "x1,x2\n,1\n2,n-a\n"
    assert refusal(text, 2, dialect=Dialect(missing="nan")) == "t.csv: line 3, column x2: 'n-a' is not a number"


@pytest.mark.parametrize(
    ("delimiter", "decimal", "message"),
    [
        (",", ",", "',' cannot be both the delimiter and the decimal sign; delimiter=';'"),
        (";;", ".", "delimiter ';;' is not one character that can divide cells: "),
        ("e", ".", "delimiter 'e' is not one character that can divide cells: "),
        ("\n", ".", "delimiter '\\n' is not one character that can divide cells: "),
        ("-", ".", "delimiter '-' can stand in a number or quote a cell: "),
        ('"', ".", "delimiter '\"' can stand in a number or quote a cell: "),
    ],
)
def test_dialects_that_cannot_be(delimiter: str, decimal: str, message: str) -> None:
    with pytest.raises(TableError) as raised:
        Dialect(delimiter, "," if decimal == "," else ".")
    listed = "" if delimiter == "," else "space, tab or one of , ; | : ! # $ % & * / @ \\ ^ _ ~"
    assert str(raised.value) == message + listed


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (Columns(inputs=("a", "z")), "t.csv: inputs: no column 'z' in the table; it has 'a', 'b', 'c'"),
        (Columns(inputs=("y", "z")), "t.csv: inputs: no columns 'y', 'z' in the table; it has 'a', 'b', 'c'"),
        (Columns(inputs=("a", "a")), "inputs gives 'a' twice"),
        (Columns(inputs=("a",)), "inputs gives 1 name ('a'), the network has 2 inputs"),
        (Columns(keep=("z",)), "t.csv: keep: no column 'z' in the table; it has 'a', 'b', 'c'"),
        (Columns(keep=("a", "a")), "keep gives 'a' twice"),
        (
            Columns(keep=("a", "b")),
            "t.csv: the network takes 2 inputs, but the table has 1 column beside those named ('a', 'b', 'c')",
        ),
    ],
)
def test_columns_that_are_not_there(columns: Columns, message: str) -> None:
    assert refusal("a,b,c\n1,2,3\n", 2, columns) == message


def test_a_kept_column_is_none_of_those_by_position() -> None:
    x, kept = read("a,b,c\n1,2,3\n", 2, Columns(keep=("b",)))
    assert (x.tolist(), kept) == ([[1, 3]], [("2",)])


def test_bad_cell_far_down_is_named_by_its_line() -> None:
    rows = [f"{number},0" for number in range(50_000)]
    rows[41_234] = "1,oops"
    assert refusal("x1,x2\n" + "\n".join(rows) + "\n", 2) == "t.csv: line 41236, column x2: 'oops' is not a number"


def test_lines_are_counted_through_quoted_newlines() -> None:
    text = 'x1,t\n1,"a\nb\nc"\n2,"d\r\ne"\nbad,f\n'
    assert refusal(text, 1) == "t.csv: line 7, column x1: 'bad' is not a number"


def test_gzip_is_known_by_its_first_bytes() -> None:
    x, _ = read(gzip.compress(b"x1,x2\n1,2\n"), 2)
    assert x.tolist() == [[1, 2]]


def test_zstd_is_known_by_its_first_bytes() -> None:
    x, _ = read(zstd.compress(b"x1,x2\n1,2\n"), 2)
    assert x.tolist() == [[1, 2]]


def test_zstd_that_breaks_off_or_is_damaged() -> None:
    packed = zstd.compress(b"x1,x2\n" + b"1.234,2\n" * 1000)
    assert refusal(packed[:-5], 2) == "t.csv: the compressed data end early; the file is incomplete"
    damaged = packed[:20] + bytes(byte ^ 0xFF for byte in packed[20:30]) + packed[30:]
    assert refusal(damaged, 2).startswith("t.csv: the compressed data are damaged: ")


def test_zstd_without_a_package_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as raised:
        read(zstd.compress(b"x1\n1\n"), 1)
    assert str(raised.value) == (
        "t.csv: zstd compression needs the package backports.zstd, which is not installed; install it with: "
        "pip install 'matnet[zstd]'"
    )


def test_gzip_that_breaks_off() -> None:
    packed = gzip.compress(b"x1,x2\n" + b"1.234,2\n" * 1000, mtime=0)
    assert refusal(packed[:-20], 2) == "t.csv: the compressed data end early; the file is incomplete"


def test_gzip_that_is_damaged() -> None:
    packed = bytearray(gzip.compress(bytes(range(32, 127)) * 100, mtime=0))
    packed[40:44] = b"\xff\xff\xff\xff"
    assert refusal(bytes(packed), 2).startswith("t.csv: ")


@pytest.mark.parametrize("start", [b"x\x01", b"x^", b"\xef\xbb\xbf", b"(\xc2\xb5/"])
def test_text_that_begins_like_compressed_data_is_text(start: bytes) -> None:
    x, kept = read(b"t,x1\n" + start + b",2\n", 1, Columns(keep=("t",)), block=3)
    assert (x.tolist(), kept) == ([[2]], [(start.decode(),)])


def test_bytes_that_begin_like_compressed_data_are_no_text() -> None:
    assert refusal(b"x1,t\n\x1f\x8b,1\n", 1) == (
        "t.csv: line 2: the text is not UTF-8 (byte 0x8b); save the table as UTF-8, or if a program of "
        "Windows wrote it: encoding='cp1252'"
    )


def test_a_bomb_of_one_record_is_stopped() -> None:
    packed = gzip.compress(b"x1,x2\n1," + b"7" * (80 << 20))
    assert refusal(packed, 2) == (
        "t.csv: line 2: this record is longer than 64 MiB; is there a quote that never closes?"
    )


HARD = [
    "0.1",
    "1e23",
    "8.5e22",
    "9007199254740993",
    "9007199254740992.5000000000000000000000001",
    "2.2250738585072011e-308",
    "2.2250738585072012e-308",
    "4.9406564584124654e-324",
    "2.4703282292062327208e-324",
    "2.4703282292062328e-324",
    "1.7976931348623158e308",
    "0." + "3" * 400,
    "1" * 300,
    "-0.0",
    "6.9294956446009195e15",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
]


@pytest.mark.parametrize("dialect", [Dialect(";", "."), Dialect(";", ",")], ids=["point", "comma"])
def test_hard_numbers_are_read_as_python_reads_them(dialect: Dialect) -> None:
    x, _ = read("x1\n" + "\n".join(text.replace(".", dialect.decimal or "") for text in HARD), 1, dialect=dialect)
    assert [struct.pack("d", value) for value in x[:, 0]] == [struct.pack("d", float(text)) for text in HARD]


@settings(max_examples=trials(200))
@given(st.lists(st.floats(), min_size=1, max_size=50), st.sampled_from([repr, "{:.17g}".format, "{:.30e}".format]))
def test_numbers_come_back_to_the_bit(numbers: list[float], form: object) -> None:
    assert callable(form)
    x, _ = read("x1\n" + "\n".join(form(number) for number in numbers), 1)
    np.testing.assert_array_equal(x[:, 0], numbers)
    assert np.signbit(x[:, 0])[~np.isnan(numbers)].tolist() == np.signbit(numbers)[~np.isnan(numbers)].tolist()


def by_the_csv_module(text: str, names: Sequence[str]) -> list[list[str]] | None:
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    return rows[1:] if all(len(row) == len(names) for row in rows) else None


cell = st.text(st.sampled_from('a1.,"\n\r e-é '), max_size=6)


@settings(max_examples=trials(500))
@given(st.lists(st.tuples(cell, st.integers(-9, 9), cell), min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_written_by_the_csv_module_and_read_back(rows: list[tuple[str, int, str]], block: int, quote_all: bool) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL)
    writer.writerows([("a", "x1", "b"), *rows])
    x, kept = read(written.getvalue(), 1, Columns(keep=("a", "b")), block=block)
    assert x[:, 0].tolist() == [number for _, number, _ in rows]
    assert [tuple(text or "" for text in row) for row in kept] == [(a, b) for a, _, b in rows]


@settings(max_examples=trials(500))
@given(st.text(st.sampled_from('1.,"\n\r -e2'), max_size=60), st.integers(1, 40))
def test_any_text_gives_the_right_numbers_or_a_clear_error(body: str, block: int) -> None:
    """What is accepted means what the csv module and float make of it; everything else is a TableError."""
    text = "x1,t\n" + body
    try:
        x, kept = read(text, 1, Columns(keep=("t",)), block=block)
    except TableError as error:
        assert str(error).startswith("t.csv: line ")  # noqa: PT017 - most texts are refused, and that is right too
        return
    rows = by_the_csv_module(text.rstrip("\r\n") + "\n", ("x1", "t"))
    assert rows is not None
    assert x[:, 0].tolist() == [float(number) for number, _ in rows]
    assert [row[0] or "" for row in kept] == [note for _, note in rows]


@settings(max_examples=trials(100))
@given(st.integers(1, 200))
def test_blocks_of_any_size_give_the_same_rows(block: int) -> None:
    text = "x1,t,x2\n" + "".join(f'{n}.5,"{n}\n""",{n}\r\n' for n in range(30))
    x, kept = read(text, 2, Columns(keep=("t",)), block=block)
    assert x.tolist() == [[n + 0.5, n] for n in range(30)]
    assert kept == [(f'{n}\n"',) for n in range(30)]


def test_blocks_know_their_first_lines_and_what_is_blank() -> None:
    """Records with newlines in quotes, and blank lines after them, in blocks of every size."""
    text = b'a,b\n1,"2\n3"\n4,5\r\n6,"""\n7"\n8,9'
    for end in (b"", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n\r\n"):
        for size in (1, 2, 3, 5, 7, 11, 100):
            found = list(blocks(Stream(io.BytesIO(text + end), "t.csv"), "t.csv", size))
            line = 1
            for block in found:
                assert block.line == line
                line += block.data.count(b"\n")
            assert [block.blank for block in found] == [not block.data.strip(b"\r\n") for block in found]
            assert all(block.blank == (block is found[-1]) for block in found) or not found[-1].blank
            joined = b"".join(block.data for block in found)
            assert joined.rstrip(b"\r\n") == text
            assert joined.count(b"\n") - text.count(b"\n") == max(end.count(b"\n"), 1)
            # no record is cut: each block has an even number of quotes
            assert all(block.data.count(b'"') % 2 == 0 for block in found)


@pytest.mark.parametrize("keep", [(), ("t",)])
def test_a_record_that_is_too_short_is_refused_though_only_text_is_missing(keep: tuple[str, ...]) -> None:
    message = refusal("x1,t\n1,a\n2\n3,c\n", 1, Columns(keep=keep))
    assert message.startswith("t.csv: line 3: 1 cell, expected 2 as in line 1")


FAST: dict[str, tuple[str, Dialect, bool]] = {
    "numbers": ("x1,t,x2\n1,a,2\n-3.5e3,,.4\n", Dialect(), True),
    "NaN": ("x1,x2\nNaN,2\n3,4\n", Dialect(), True),
    "CRLF": ("x1,x2\r\n1,2\r\n", Dialect(), True),
    "semicolons": ("x1;x2\n1;2\n", Dialect(";"), True),
    "tabs for blanks": ("x1 x2\n1   2\n", Dialect("blanks"), True),
    "text in quotes": ('x1,t,x2\n1,"a,""\nb",2\n', Dialect(), True),
    "spaces": ("x1,x2\n 1 ,2\n3, 4\n", Dialect(), False),
    "decimal commas": ("x1;x2\n1,5;2\n", Dialect(";", ","), False),
    "decimal commas and gaps": ("x1;x2\n1,5;\nNA;2\n", Dialect(";", ",", missing="nan"), False),
    "gaps": ("x1,x2\n1,\n,2\n", Dialect(missing="nan"), False),
    "words for what is missing": ("x1,x2\n1,N/A\n-99,2\n", Dialect(missing="nan", na=("-99",)), False),
    "infinities": ("x1,x2\n1,Inf\n-inf,2\n", Dialect(), False),
}


@pytest.mark.parametrize("case", FAST)
def test_ordinary_tables_are_not_read_cell_by_cell(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes a hundred times as long. Those of plain numbers are not read as text first either."""
    text, dialect, plain = FAST[case]
    slow, _ = read(text, 2, dialect=dialect, block=1)
    monkeypatch.delattr(cells, "_walk")
    if plain:
        monkeypatch.delattr(cells, "_mixed")
    fast, _ = read(text, 2, dialect=dialect)
    np.testing.assert_array_equal(fast, slow)


def test_an_input_that_is_kept_as_text_leaves_the_others_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are read fast, and exactly: too large a number is refused there too."""
    columns = Columns(keep=("x1",))
    assert refusal("x1,x2\n1.50,1e999\n", 2, columns) == (
        "t.csv: line 2, column x2: '1e999' is too large for a float64; write Inf if that is meant"
    )
    x, kept = read("x1,x2\n1.50,Inf\n2,NaN\n", 2, columns)
    np.testing.assert_array_equal(x, [[1.5, math.inf], [2.0, math.nan]])
    monkeypatch.delattr(cells, "_walk")
    x, kept = read("x1,x2\n1.50,2\n-3,NaN\n", 2, columns)
    np.testing.assert_array_equal(x, [[1.5, 2.0], [-3.0, math.nan]])
    assert kept == [("1.50",), ("-3",)]
