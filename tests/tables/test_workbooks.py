"""Workbooks and MAT-files as results: every kind of cell, names of sheets, and what is too large."""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat

from matnet.errors import TableError
from matnet.tables.binary import excel, matfiles
from matnet.tables.binary.excel import ExcelSink, workbook
from matnet.tables.binary.matfiles import MatSink, read_variable
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.target import Target

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
    for values, expected in (([True, False], [1, 0]), ([True, None], [1, NAN])):
        held = io.BytesIO()
        with MatSink(Target(held, "o.mat"), ["b"], [pl.Boolean()]) as sink:
            sink.write(sink.formatted([pl.Series(values, dtype=pl.Boolean)]))
        np.testing.assert_array_equal(loadmat(io.BytesIO(held.getvalue()))["b"][:, 0], expected)


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
    struct = {
        "a": np.array([[1.0], [2.0], [3.0]]),
        "b": np.array([[4.0, 5.0, 6.0]]),
        "t": np.array(["x", "yy", ""], dtype=object).reshape(3, 1),
        "m": np.ones((3, 2)),
    }
    file = saved(tmp_path / "d.mat", d=struct, e={**struct, "b": np.ones((4, 1))}, f={"m": np.ones((3, 2))})
    assert numbers(file, "d", ("b", "a")) == [[4.0, 1.0], [5.0, 2.0], [6.0, 3.0]]
    table = read_variable((file, "d"), None, Dialect())
    assert table.header.names == ("a", "b", "t")
    (rows,) = table.rows(table.choose(Columns(inputs=("a",), keep=("t",)), 1))
    assert rows.texts["0"].to_list() == ["x", "yy", ""]
    for name, told in (("e", "a: 3, b: 4, t: 3"), ("f", "none")):
        with pytest.raises(TableError) as raised:
            read_variable((file, name), None, Dialect())
        assert f"their lengths are {told}; name a field" in str(raised.value)


@pytest.mark.parametrize(
    ("samples", "rows"),
    [(None, [[1.0, 3.0], [2.0, 4.0]]), ("columns", [[1.0, 3.0], [2.0, 4.0]]), ("rows", [[1, 2], [3, 4]])],
)
def test_samples_of_an_array_are_columns_unless_told(samples: Any, rows: list[list[float]], tmp_path: Path) -> None:
    file = saved(tmp_path / "d.mat", X=np.array([[1.0, 2.0], [3.0, 4.0]]))
    table = read_variable((file, "X"), samples, Dialect())
    (found,) = table.rows(table.choose(Columns(), 2))
    assert found.x.tolist() == rows


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
        read_variable((file, "X"), None, Dialect(na=("-1",)))
    assert str(raised.value) == (
        f"{file}:X: sample 3, element 2: -1.0 stands for a missing number; fill it in, or have it read as NaN with "
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
