"""Tables whose samples are in columns: which of them names the elements, and that no sample is lost or misread."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from matnet.errors import TableError
from matnet.tables.arrays import ArrayTable
from matnet.tables.columns import Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.table import CsvTable
from matnet.tables.opening import Reading, open_table

NAN, INF = float("nan"), float("inf")


def read(text: str, dialect: Dialect | None = None) -> tuple[tuple[str, ...], list[list[float]]]:
    """The names of the elements and the samples, one to a row."""
    reading = Reading(dialect or Dialect(), samples="columns")
    with open_table("-", Columns(), reading, io.BytesIO(text.encode())) as table:
        assert isinstance(table, ArrayTable)
        return table.header.names, table.x.tolist()


ROWS = Dialect(header=False, missing="nan")
ACROSS: dict[str, tuple[str, Dialect | None, tuple[str, ...], list[list[float]]]] = {
    "numbers": ("1.5,2,3\n4,5,6\n", None, (), [[1.5, 4], [2, 5], [3, 6]]),
    "one sample": ("1.5\n4\n", None, (), [[1.5, 4]]),
    "no row": ("a,b,c\n", None, (), [[], [], []]),
    "names": ("flow,1.5,2\nspeed,4,5\n", ROWS, ("flow", "speed"), [[1.5, 4], [2, 5]]),
    "names below a header": ("element,first\nflow,1\nspeed,4\n", None, ("flow", "speed"), [[1, 4]]),
    "names of which one is a number": ("2020,1\nspeed,4\n", ROWS, ("2020", "speed"), [[1, 4]]),
    "names of which one is a word for what is missing": ("Na,1\nCl,4\n", ROWS, ("Na", "Cl"), [[1, 4]]),
    "nothing but such words": ("Na,1\nNA,4\n", ROWS, ("Na", "NA"), [[1, 4]]),
    "decimal commas": ("1,5;2,5\n3,5;4,5\n", None, (), [[1.5, 3.5], [2.5, 4.5]]),
    "decimal commas that are asked for": ("1,5;2\n3;4,5\n", Dialect(decimal=","), (), [[1.5, 3], [2, 4.5]]),
    "spaces, quotes and infinity": ('" 1.5 ",2\n-Inf,5\n', None, (), [[1.5, -INF], [2, 5]]),
}


@pytest.mark.parametrize("case", ACROSS)
def test_the_first_column_is_a_sample_or_names(case: str) -> None:
    text, dialect, names, samples = ACROSS[case]
    assert read(text, dialect) == (names, samples)


@pytest.mark.parametrize("cell", ["", "NA", " ", "-99"])
def test_a_number_that_is_missing_in_the_first_sample(cell: str) -> None:
    """Is NaN or refused, but no name."""
    dialect = Dialect(header=False, missing="nan", na=("-99",))
    names, x = read(f"1,2\n{cell},4\n5,6\n", dialect)
    assert names == ()
    np.testing.assert_array_equal(x, [[1, NAN, 5], [2, 4, 6]])
    with pytest.raises(TableError) as raised:
        read(f"1,2\n{cell},4\n5,6\n", Dialect(header=False, na=("-99",)))
    what = f"'{cell}' stands for a missing number" if cell.strip() else "the cell is empty"
    assert str(raised.value) == (
        f"standard input: row 2, column 1: {what}; fill it in, or have it read as NaN with missing='nan'"
    )


def test_a_first_sample_of_which_all_is_missing() -> None:
    names, x = read(",2\n,4\n", ROWS)
    assert names == ()
    np.testing.assert_array_equal(x, [[NAN, NAN], [2, 4]])


def test_a_number_that_is_too_large_in_the_first_sample() -> None:
    with pytest.raises(TableError) as raised:
        read("1,2\n1e999,4\n")
    assert str(raised.value) == (
        "standard input: row 2, column 1: '1e999' is too large for a float64; write Inf if that is meant"
    )


@pytest.mark.parametrize("decimal", [None, ","])
def test_a_frame_across(tmp_path: Path, decimal: Literal[","] | None) -> None:
    """Numbers are numbers, whatever the decimal sign of text; text names the elements."""
    reading = Reading(Dialect(decimal=decimal), samples="columns", isolation=False)
    file = tmp_path / "t.parquet"
    for first, names in (([0.1, 3.0], ()), ([1, 3], ()), (["a", "b"], ("a", "b"))):
        pl.DataFrame({"c0": first, "c1": [5, 6], "c2": [7.5, 8.5]}).write_parquet(file)
        with open_table(str(file), Columns(), reading) as table:
            assert isinstance(table, ArrayTable)
            assert table.header.names == names
            samples = [[5, 6], [7.5, 8.5]] if names else [first, [5, 6], [7.5, 8.5]]
            assert table.x.tolist() == samples
            if not names:
                with pytest.raises(TableError, match="the array is 2 by 3, expected 5 by any: samples in columns"):
                    table.choose(Columns(), 5)
    pl.DataFrame({"c0": [1, 2**53 + 1], "c1": [5, 6]}).write_parquet(file)
    with pytest.raises(TableError) as raised, open_table(str(file), Columns(), reading):
        pass
    assert str(raised.value).startswith(f"{file}: row 2, column c0: {2**53 + 1} lies beyond 2^53")


def test_samples_in_columns_are_put_together_from_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matnet.tables.opening.CsvTable", partial(CsvTable, block_bytes=4))
    assert read("1,2\n3,4\n5,6\n7,8\n") == ((), [[1, 3, 5, 7], [2, 4, 6, 8]])
    assert read("a,2\nb,4\nc,6\nd,8\n", ROWS) == (("a", "b", "c", "d"), [[2, 4, 6, 8]])


@pytest.mark.parametrize("text", ["1,2,3\n4,5,6\n", "a,1,2,3\nb,4,5,6\n"])
def test_samples_in_columns_of_another_number_are_told_as_they_lie(text: str) -> None:
    """By numbers alone, and by names of which an input that is asked for is not one."""
    reading = Reading(ROWS, samples="columns")
    with open_table("-", Columns(), reading, io.BytesIO(text.encode())) as table, pytest.raises(TableError) as raised:
        table.choose(Columns(), 3)
    told = "the network takes 3 inputs, but the table has 2 columns ('a', 'b')"
    if text.startswith("1"):
        told = "the array is 2 by 3, expected 3 by any: samples in columns; samples='rows' if it has them so"
    assert str(raised.value) == f"standard input: {told}"


@pytest.mark.parametrize(
    ("text", "columns", "size", "across"),
    [
        ("1,2\n3,4\n5,6\n", Columns(), 3, True),
        ("1,2\n3,4\n5,6", Columns(), 3, True),
        ("1,2\n3,4\n5,6\n7,8\n", Columns(), 3, False),
        ("1,2\n3,4\n", Columns(), 3, False),
        ("a,b\n1,2\n3,4\n5,6\n", Columns(), 3, False),
        ("1,2\n3,4\n", Columns(keep=("x1",)), 2, False),
    ],
)
def test_a_row_for_each_input_looks_like_samples_in_columns(
    text: str, columns: Columns, size: int, across: bool
) -> None:
    """Unless the columns have names, or are as many as the inputs."""
    with open_table("-", columns, Reading(), io.BytesIO(text.encode())) as table, pytest.raises(TableError) as raised:
        table.choose(columns, size)
    assert str(raised.value).startswith(f"standard input: the network takes {size} inputs, but the table has ")
    assert ("; the samples seem to be in columns: samples='columns'" in str(raised.value)) == across


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("1\n2\n", ("standard input: line 1 is a row of numbers, so there is no header; the column is x1",)),
        ("1,2\n", ("standard input: line 1 is a row of numbers, so there is no header; the columns are x1 to x2",)),
        ("a,b\n1,2\n", ()),
    ],
)
def test_a_table_without_a_header_is_told(text: str, notes: tuple[str, ...]) -> None:
    with open_table("-", Columns(), Reading(), io.BytesIO(text.encode())) as table:
        assert table.notes == notes


@pytest.mark.parametrize(("names", "mark"), [("# a,b", "#"), ("%a,# b", "%"), ("a,# b", "")])
def test_a_first_name_that_looks_like_a_comment_is_told(names: str, mark: str) -> None:
    with (
        open_table("-", Columns(), Reading(), io.BytesIO(f"{names}\n1,2\n".encode())) as table,
        pytest.raises(TableError) as raised,
    ):
        table.choose(Columns(), 3)
    told = f"; if lines that begin with {mark} are comments: comment='{mark}'"
    assert str(raised.value).endswith(told if mark else "('a', '# b')")


@pytest.mark.parametrize("samples", [None, "rows"])
def test_rows_stay_rows(samples: Literal["rows"] | None) -> None:
    with open_table("-", Columns(), Reading(samples=samples), io.BytesIO(b"1,2\n3,4\n")) as table:
        (rows,) = table.rows(table.choose(Columns(), 2))
        assert rows.x.tolist() == [[1, 2], [3, 4]]
