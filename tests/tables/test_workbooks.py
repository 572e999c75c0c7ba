"""Workbooks and MAT-files as results: every kind of cell, names of sheets, and what is too large."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat

from matnet.errors import TableError
from matnet.files import DEFAULT_LIMIT
from matnet.tables.binary import excel, matfiles
from matnet.tables.binary.excel import ExcelSink, read_sheet, workbook
from matnet.tables.binary.matfiles import MatSink, read_variable
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.target import Target
from object_files import ObjectStore, write_objects

NAN = math.nan
TYPES = (pl.String(), pl.Float64(), pl.Int64(), pl.Boolean())
CELLS: tuple[str | float, ...] = ("=1+1", 0.1, 1e300, math.nan, math.inf, -math.inf, -0.0, 3, "")


def sheets_of(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    fastexcel = pytest.importorskip("fastexcel")
    reader = fastexcel.read_excel(data)
    return {
        name: reader.load_sheet(name, header_row=None, dtypes="string").to_polars().rows()
        for name in reader.sheet_names
    }


def test_every_kind_of_cell() -> None:
    pytest.importorskip("xlsxwriter")
    (rows,) = sheets_of(workbook([("one", [("a",) * 9, CELLS])], "out.xlsx")).values()
    assert rows[0] == ("a",) * 9
    text, tenth, large, *odd, zero, three, empty = rows[1]
    assert (text, odd, three, empty) == ("=1+1", ["NaN", "Inf", "-Inf"], "3", "")
    assert (float(tenth), float(large), float(zero)) == (0.1, 1e300, 0.0)


def test_names_of_sheets_are_cut_and_differ() -> None:
    long = "a" * 40
    taken: set[str] = set()
    found = [excel._sheet_name(name, taken) for name in (long, long, "B", "b", long[:31], *["c"] * 11)]
    assert found[:5] == ["a" * 31, "a" * 29 + "~2", "B", "b~2", "a" * 29 + "~3"]
    assert found[-2:] == ["c~10", "c~11"]
    many = {f"{'a' * 29}~{k}".casefold() for k in range(2, 10)} | {"a" * 31}
    assert excel._sheet_name(long, many) == "a" * 28 + "~10"


def test_the_limits_are_those_of_the_formats() -> None:
    """A sheet has 1048576 rows, one of them for the names, and 16384 columns; MATLAB's names have 63 characters."""
    assert (excel.MOST_ROWS, excel.MOST_COLUMNS, matfiles.LARGEST) == (1_048_575, 16_384, 2**31 - 1)
    held = io.BytesIO()
    MatSink(Target(held, "o.mat"), ["a" * 63, "A_1"], [pl.Float64()] * 2)
    for name in ("a" * 64, "1a", "_a", "a-b", ""):
        with pytest.raises(TableError) as raised:
            MatSink(Target(held, "o.mat"), [name], [pl.Float64()])
        assert "cannot be the name of a variable in a MAT-file; rename the column" in str(raised.value)


@pytest.mark.parametrize("text", ["=1+1", "{=1+1}", "https://example.org", "mailto:a", "internal:a!A1"])
def test_text_is_neither_a_formula_nor_a_link(text: str) -> None:
    pytest.importorskip("xlsxwriter")
    held = io.BytesIO()
    with ExcelSink(Target(held, "o.xlsx"), [text, "y"]) as sink:
        sink.write(sink.formatted([pl.Series([text]), pl.Series([1.0])]))
    for data in (held.getvalue(), workbook([("results", [[text, "y"], [text, 1.0]])], "o.xlsx")):
        assert sheets_of(data) == {"results": [(text, "y"), (text, "1")]}
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            sheet = file.read("xl/worksheets/sheet1.xml")
            assert b"<f" not in sheet
            assert b"hyperlink" not in sheet


def test_integers_that_a_workbook_would_round_are_text() -> None:
    """Of numbers it keeps 16 digits: a long number of a sample stays what it is."""
    pytest.importorskip("xlsxwriter")
    held = io.BytesIO()
    numbers = [2**53, -(2**53), 2**53 + 1, -(2**53) - 1, 2**63 - 1]
    with ExcelSink(Target(held, "o.xlsx"), ["k"]) as sink:
        sink.write(sink.formatted([pl.Series(numbers)]))
    with zipfile.ZipFile(io.BytesIO(held.getvalue())) as file:
        sheet = file.read("xl/worksheets/sheet1.xml").decode()
    found = re.findall(r'<c r="A([2-6])"( t="inlineStr")?>(?:<is><t>|<v>)([^<]*)<', sheet)
    assert [int(row) for row, _, _ in found] == [2, 3, 4, 5, 6]
    assert [bool(text) for _, text, _ in found] == [False, False, True, True, True]
    assert [int(Decimal(cell)) for _, _, cell in found] == numbers


def test_truth_that_is_missing_is_nan_in_a_mat_file() -> None:
    """Without a missing one it stays logical, which is a byte each."""
    for values, expected, kind in (([True, False], [1, 0], np.uint8), ([True, None], [1, NAN], np.float64)):
        held = io.BytesIO()
        with MatSink(Target(held, "o.mat"), ["b"], [pl.Boolean()]) as sink:
            sink.write(sink.formatted([pl.Series(values, dtype=pl.Boolean)]))
        found = loadmat(io.BytesIO(held.getvalue()))["b"]
        np.testing.assert_array_equal(found[:, 0], expected)
        assert found.dtype == kind


@pytest.mark.parametrize("isolation", [True, False])
def test_a_sheet_is_the_first_unless_it_is_named(isolation: bool, tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook([("one", [["x"], [1.0]]), ("two", [["y"], [2.0]])], "t.xlsx"))
    for sheet, name, number in ((None, "x", 1.0), ("one", "x", 1.0), ("two", "y", 2.0)):
        table = read_sheet(path, Dialect(), DEFAULT_LIMIT, isolation, sheet)
        assert table.place == (str(path) if sheet is None else f"{path}:{sheet}")
        (rows,) = table.rows(table.choose(Columns(), 1))
        assert (table.header.names, rows.x.tolist()) == ((name,), [[number]])
    with pytest.raises(TableError) as raised:
        read_sheet(path, Dialect(), DEFAULT_LIMIT, isolation, "three")
    assert str(raised.value) == f"{path}: there is no sheet 'three'; there are 'one', 'two'"


@pytest.mark.parametrize(
    ("cells", "skipped", "numbers"),
    [
        (["x", "m", 1.0, 2.0], 1, [1.0, 2.0]),
        (["x", "m", 1.0, 2.0], 2, [2.0]),
        (["x", 1.0, 2.0], 0, [1.0, 2.0]),
        ([3.0, 1.0, 2.0], 1, [1.0, 2.0]),
        ([3.0, 1.0, 2.0], 0, [3.0, 1.0, 2.0]),
    ],
)
def test_rows_of_a_sheet_after_its_header_are_left_out(
    cells: list[str | float], skipped: int, numbers: list[float], tmp_path: Path
) -> None:
    pytest.importorskip("fastexcel")
    pytest.importorskip("xlsxwriter")
    path = tmp_path / "t.xlsx"
    path.write_bytes(workbook([("one", [[cell] for cell in cells])], "t.xlsx"))
    table = read_sheet(path, Dialect(skip_rows=skipped), DEFAULT_LIMIT, isolation=False)
    (rows,) = table.rows(table.choose(Columns(), 1))
    assert rows.x[:, 0].tolist() == numbers


def test_what_a_sheet_cannot_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(excel, "MOST_ROWS", 2)
    monkeypatch.setattr(excel, "MOST_COLUMNS", 3)
    row = (1.0, 2.0, 3.0)
    assert len(sheets_of(workbook([("s", [row] * 3)], "o.xlsx"))["s"]) == 3
    for rows, size in (([row] * 4, "4 by 3"), ([row, (*row, 4.0)], "2 by 3")):
        with pytest.raises(TableError) as raised:
            workbook([("s", rows)], "o.xlsx")
        assert str(raised.value) == (f"o.xlsx: s is {size}, but a sheet has 2 rows and 3 columns at most; write CSV")
    held = io.BytesIO()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sink = ExcelSink(Target(held, "o.xlsx"), ["y"])
    one = sink.formatted([pl.Series([1.0])])
    sink.write(one)
    sink.write(one)
    with pytest.raises(TableError) as raised:
        sink.write(one)
    assert str(raised.value) == "o.xlsx: a sheet has 2 rows at most; write CSV or Parquet"
    assert len(list(tmp_path.iterdir())) == 1
    sink.abandon()
    # nothing is written, and the file in which the rows waited is gone
    assert (held.getvalue(), list(tmp_path.iterdir())) == (b"", [])


def test_rows_of_a_workbook_follow_each_other() -> None:
    pytest.importorskip("xlsxwriter")
    held = io.BytesIO()
    with ExcelSink(Target(held, "o.xlsx"), ["k", "y"]) as sink:
        for part in (range(3), range(3, 5)):
            sink.write(sink.formatted([pl.Series([f"r{k}" for k in part]), pl.Series([0.5 * k for k in part])]))
    rows = sheets_of(held.getvalue())["results"]
    assert [(k, y) for k, y in rows[:1]] == [("k", "y")]
    assert [(k, float(y)) for k, y in rows[1:]] == [(f"r{k}", 0.5 * k) for k in range(5)]


def saved(path: Path, **values: Any) -> str:
    from scipy.io import savemat

    savemat(path, values)
    return str(path)


def numbers(file: str, name: str, inputs: tuple[str, ...], **more: Any) -> list[list[float]]:
    table = read_variable((file, name), None, Dialect(**more))
    (rows,) = table.rows(table.choose(Columns(inputs=inputs), len(inputs)))
    return [[float(number) for number in row] for row in rows.x]


def test_fields_of_a_struct_are_columns(tmp_path: Path) -> None:
    fields = {
        "a": np.array([[1.0], [2.0], [3.0]]),
        "b": np.array([[4.0, 5.0, 6.0]]),
        "t": np.array(["x", "yy", ""], dtype=object).reshape(3, 1),
        "m": np.ones((3, 2)),
    }
    file = saved(tmp_path / "d.mat", d=fields, e={**fields, "b": np.ones((4, 1))}, f={"m": np.ones((3, 2))})
    assert numbers(file, "d", ("b", "a")) == [[4.0, 1.0], [5.0, 2.0], [6.0, 3.0]]
    table = read_variable((file, "d"), None, Dialect())
    assert table.header.names == ("a", "b", "t")
    (rows,) = table.rows(table.choose(Columns(inputs=("a",), keep=("t",)), 1))
    assert rows.texts["0"].to_list() == ["x", "yy", ""]
    for name, told in (("e", "a: 3, b: 4, t: 3"), ("f", "none")):
        with pytest.raises(TableError) as raised:
            read_variable((file, name), None, Dialect())
        assert f"their lengths are {told}; name a field" in str(raised.value)


def test_fields_that_are_neither_numbers_nor_text_are_no_columns(tmp_path: Path) -> None:
    """Though they have as many elements: cells of numbers, of texts with several rows, and structs."""

    def cells(*items: object) -> np.ndarray[Any, Any]:
        made = np.empty((len(items), 1), dtype=object)
        made[:, 0] = items
        return made

    fields = {
        "a": np.array([[1.0], [2.0]]),
        "n": cells(np.ones((1, 1)), np.ones((1, 1))),
        "m": cells("u", np.ones((1, 1))),
        "r": cells("u", np.array(["ab", "cd"])),
        "s": {"b": np.ones((2, 1))},
        "d": np.ones((2, 1, 2)),
        "t": cells("u", "v"),
    }
    table = read_variable((saved(tmp_path / "d.mat", d=fields), "d"), None, Dialect())
    assert table.header.names == ("a", "t")


def matlab_table(path: Path, rows: int, *columns: tuple[str, object]) -> tuple[str, str]:
    """A file with a table T of MATLAB's; texts are those of a string array, which has several columns if they do."""
    store = ObjectStore()
    values: list[object] = []
    for _, value in columns:
        if isinstance(value, np.ndarray) and value.dtype.kind == "U":
            items = value.reshape(-1, order="F").tolist()
            units = "".join(items).encode("utf-16-le")
            units += bytes(-len(units) % 8)
            lengths = [len(item) for item in items]
            numbers = [1, 2, *value.shape, *lengths, *struct.unpack(f"<{len(units) // 8}Q", units)]
            content = {"any": np.array([numbers], dtype="u8")}
            values.append(replace(store.new("string", content, saved=True), plain=True))
        elif isinstance(value, list):
            codes = np.array([value], dtype="u1").T
            kinds = store.new("categorical", {"categoryNames": ["no", "yes"], "codes": codes})
            values.append(replace(kinds, plain=True))
        else:
            values.append(value)
    names = [name for name, _ in columns]
    table = store.new("table", {"data": values, "varnames": names, "nrows": np.array([[float(rows)]])})
    return str(write_objects(path, store, {"T": table})), "T"


def test_variables_of_a_matlab_table_are_columns(tmp_path: Path) -> None:
    """One of several columns becomes as many; what is neither numbers nor text is left out, which is told."""
    x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    address = matlab_table(
        tmp_path / "d.mat",
        3,
        ("x", x),
        ("k", np.array([["a"], [""], ["bcd"]])),
        ("s", {"f": x}),
        ("c", [2, 0, 1]),
        ("w", np.array([["a", "b"], ["c", "d"], ["e", "f"]])),
        ("y", x[:, :1]),
    )
    table = read_variable(address, None, Dialect())
    assert table.header.names == ("x_1", "x_2", "k", "c", "y")
    assert table.notes == (f"{address[0]}:T: left out, neither numbers nor text: s (struct), w (string)",)
    (rows,) = table.rows(table.choose(Columns(inputs=("y", "x_2"), keep=("c", "k")), 2))
    assert rows.x.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    assert rows.texts.rows() == [("yes", "a"), (None, ""), ("no", "bcd")]
    assert read_variable(matlab_table(tmp_path / "e.mat", 3, ("x", x)), None, Dialect()).notes == ()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ([("a", np.ones((3, 1))), ("b", np.ones((2, 1)))], "column 'b' has 2 elements in a table of 3 rows"),
        ([("x", np.ones((3, 2))), ("x_2", np.ones((3, 1)))], "two columns are named 'x_2'; rename one"),
        ([("s", {"f": np.ones((3, 1))})], "the table has no column of numbers or text"),
    ],
)
def test_a_matlab_table_that_is_no_table_of_columns(
    columns: list[tuple[str, object]], told: str, tmp_path: Path
) -> None:
    address = matlab_table(tmp_path / "d.mat", 3, *columns)
    with pytest.raises(TableError) as raised:
        read_variable(address, None, Dialect())
    assert str(raised.value) == f"{address[0]}:T: {told}"


@pytest.mark.parametrize(
    ("samples", "rows"),
    [(None, [[1.0, 3.0], [2.0, 4.0]]), ("columns", [[1.0, 3.0], [2.0, 4.0]]), ("rows", [[1, 2], [3, 4]])],
)
def test_samples_of_an_array_are_columns_unless_told(samples: Any, rows: list[list[float]], tmp_path: Path) -> None:
    file = saved(tmp_path / "d.mat", X=np.array([[1.0, 2.0], [3.0, 4.0]]))
    table = read_variable((file, "X"), samples, Dialect())
    (found,) = table.rows(table.choose(Columns(), 2))
    assert found.x.tolist() == rows


def test_one_number_is_one_sample(tmp_path: Path) -> None:
    table = read_variable((saved(tmp_path / "d.mat", X=5.0), "X"), None, Dialect())
    (rows,) = table.rows(table.choose(Columns(), 1))
    assert rows.x.tolist() == [[5.0]]


def test_numbers_of_an_array_that_stand_for_missing_ones(tmp_path: Path) -> None:
    file = saved(tmp_path / "d.mat", X=np.array([[1.0, -999.0, 3.0], [4.0, 5.0, -1.0]]))
    marks = Dialect(missing="nan", na=("-999", "-1", "?"))
    expected = np.array([[1, 4], [NAN, 5], [3, NAN]])
    for table, rows in (
        (read_variable((file, "X"), "columns", marks), expected),
        (read_variable((file, "X"), "rows", marks), expected.T),
    ):
        (found,) = table.rows(table.choose(Columns(), rows.shape[1]))
        np.testing.assert_array_equal(found.x, rows)
    with pytest.raises(TableError) as raised:
        read_variable((file, "X"), None, Dialect(na=("-1", "3")))
    assert str(raised.value) == (
        f"{file}:X: sample 3, element 1: 3.0 stands for a missing number; fill it in, or have it read as NaN with "
        "missing='nan'"
    )


def test_a_mat_file_holds_every_column() -> None:
    held = io.BytesIO()
    with MatSink(Target(held, "o.mat"), ["k", "y", "n", "b"], TYPES) as sink:
        for part in (range(2), range(2, 3)):
            columns: list[list[Any]] = [
                [f"r{k}" for k in part],
                [0.5 * k for k in part],
                [*part],
                [k == 1 for k in part],
            ]
            sink.write(sink.formatted([pl.Series(column) for column in columns]))
    found = loadmat(io.BytesIO(held.getvalue()))
    assert found["k"].shape == found["y"].shape == (3, 1)
    assert [str(cell[0]) for cell in found["k"][:, 0]] == ["r0", "r1", "r2"]
    assert found["y"][:, 0].tolist() == [0.0, 0.5, 1.0]
    assert (found["n"][:, 0].tolist(), found["b"][:, 0].tolist()) == ([0, 1, 2], [0, 1, 0])
    zeros = io.BytesIO()
    with MatSink(Target(zeros, "o.mat"), ["y"], [pl.Float64()]) as sink:
        sink.write(sink.formatted([pl.Series(np.zeros(10_000))]))
    assert len(zeros.getvalue()) < 1000  # compressed
    empty = io.BytesIO()
    with MatSink(Target(empty, "o.mat"), ["k", "y", "n", "b"], TYPES):
        pass
    found = loadmat(io.BytesIO(empty.getvalue()))
    assert [found[name].size for name in ("k", "y", "n", "b")] == [0] * 4
    assert found["y"].dtype == np.float64


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: pl.Series("y", [0.0, 1.0, 2.0]), "column 'y' is too large for a version 7 MAT-file; write Parquet"),
        (
            lambda: pl.Series("y", [Decimal("0.1")]),
            "column 'y' holds Decimal(precision=38, scale=1), which is not written to a MAT-file",
        ),
        (lambda: pl.Series("y", [[1], [2]]), "column 'y' holds List(Int64), which is not written to a MAT-file"),
    ],
)
def test_what_a_mat_file_cannot_hold(make: Callable[[], pl.Series], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matfiles, "LARGEST", 16)
    sink = MatSink(Target(io.BytesIO(), "o.mat"), ["y"], [pl.Float64()])
    sink.write(sink.formatted([make()]))
    with pytest.raises(TableError) as raised:
        sink.finish()
    assert str(raised.value) == f"o.mat: {told}"
    sink = MatSink(Target(io.BytesIO(), "o.mat"), ["y"], [pl.Float64()])
    sink.write(sink.formatted([pl.Series("y", [0.0, 1.0])]))
    sink.finish()
