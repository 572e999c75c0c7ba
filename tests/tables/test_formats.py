"""Parquet and Arrow in and out, and tables in parts: what is read, what is written, what is refused."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matnet import isolation
from matnet.errors import TableError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables.binary import frames
from matnet.tables.binary.frames import FrameSink, FrameTable
from matnet.tables.binary.scans import HeldFrame
from matnet.tables.chunks import MOST_ROWS
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv.dialect import Dialect
from matnet.tables.formats import NAMES, format_for, prepare_to_read
from matnet.tables.opening import Reading, open_table
from matnet.tables.parts import folder_values, parts_of
from matnet.tables.run import BatchOptions, gradients, predict
from matnet.tables.summary import Summary
from matnet.tables.target import Target, open_target

W = np.array([[0.5, -1.25], [2.0, 0.75], [-0.3, 0.1]])
HIDDEN = Layer(3, "tansig", {0: Weight(W)}, bias=np.array([0.1, -0.2, 0.3]))
LINEAR = Layer(1, "purelin", {}, {0: Weight(np.array([[1.0, -2.0, 3.0]]))}, np.array([1.0]))
LIMITS = np.array([[-1.0, 1.0], [-2.0, 2.0]])
NET = Network(Structure((Input(2, range=LIMITS),), (HIDDEN, LINEAR), (Output(1, 1),)))

RANDOM = np.random.default_rng(7)
X = RANDOM.uniform(-3, 3, (5000, 2))
FRAME = pl.DataFrame({"x1": X[:, 0], "x2": X[:, 1], "id": [f"r{n}" for n in range(len(X))]})


def run(
    table: str | Path,
    out: Path,
    asked: BatchOptions | None = None,
    command: Any = gradients,
    dialect: Dialect | None = None,
    hashed: bool = False,
    isolation: bool = False,
) -> Summary:
    """The command on a table that is read in this process: one of its own for each takes a quarter of a second."""
    asked = asked or BatchOptions()
    asked = BatchOptions(**{**asked.__dict__, "form": format_for(str(out)).name})
    reading = Reading(dialect or Dialect(), hashed=hashed, isolation=isolation)
    with open_table(str(table), asked.columns, reading) as opened, open_target(str(out), None) as target:
        summary = command(NET, opened, target, asked)
    assert isinstance(summary, Summary)
    return summary


def refusal(*arguments: Any, **named: Any) -> str:
    with pytest.raises(TableError) as raised:
        run(*arguments, **named)
    return str(raised.value)


def write(frame: pl.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    return path


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return pl.read_csv(path)
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ipc(path)


SUFFIXES = (".csv", ".parquet", ".arrow")


@pytest.mark.parametrize("source", SUFFIXES)
@pytest.mark.parametrize("target", SUFFIXES)
def test_every_format_gives_the_same_numbers(source: str, target: str, tmp_path: Path) -> None:
    table = write(FRAME, tmp_path / f"in{source}")
    result = tmp_path / f"out{target}"
    summary = run(table, result, BatchOptions(Columns(keep=("id",)), flag_range=True), isolation=True)
    found = read(result)
    y, J = NET.value_and_jacobian(X)
    outside = np.count_nonzero(np.clip(X, *LIMITS.T) != X, axis=1)
    expected = FRAME.select("id").with_columns(
        y1=y[:, 0], dy1_dx1=J[:, 0, 0], dy1_dx2=J[:, 0, 1], inputs_outside_range=outside
    )
    assert found.equals(expected)
    assert (summary.rows, summary.outside) == (5000, int(np.count_nonzero(outside)))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("tidy", [False, True], ids=["wide", "tidy"])
def test_neither_chunks_nor_workers_change_a_byte(suffix: str, tidy: bool, tmp_path: Path) -> None:
    x = np.random.default_rng(3).standard_normal((70_001, 2))
    table = write(pl.DataFrame({"x1": x[:, 0], "x2": x[:, 1]}), tmp_path / "in.parquet")
    contents = set()
    for workers, chunk_size in ((None, None), (1, 1), (3, 5000), (2, 10**6)):
        result = tmp_path / f"out{suffix}"
        run(table, result, BatchOptions(tidy=tidy, workers=workers, chunk_size=chunk_size))
        contents.add(result.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows(suffix: str, tmp_path: Path) -> None:
    table = write(FRAME.clear(), tmp_path / f"in{suffix}")
    result = tmp_path / "out.parquet"
    assert run(table, result, BatchOptions(Columns(keep=("id",)), tidy=True)).rows == 0
    assert dict(read(result).schema) == {
        "id": pl.String,
        "sample": pl.Int64,
        "output": pl.String,
        "input": pl.String,
        "y": pl.Float64,
        "dy_dx": pl.Float64,
    }


def test_kept_columns_keep_their_types(tmp_path: Path) -> None:
    kept = {"day": [datetime.date(2026, 11, 20)] * 2, "n": [1, None], "on": [True, False], "c": [[1], [2, 3]]}
    table = write(pl.DataFrame({"x1": [0.5, 1.0], "x2": [1, 2], **kept}), tmp_path / "in.parquet")
    run(table, tmp_path / "out.arrow", BatchOptions(Columns(keep=tuple(kept))))
    assert read(tmp_path / "out.arrow").select(list(kept)).equals(pl.DataFrame(kept))
    run(table, tmp_path / "out.csv", BatchOptions(Columns(keep=("day", "n", "on")), form="csv"), predict)
    assert [line.rpartition(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()] == [
        "day,n,on", "2026-11-20,1,true", "2026-11-20,,false",
    ]  # fmt: skip
    assert refusal(table, tmp_path / "bad.csv", BatchOptions(Columns(inputs=("x1", "x2"), keep=("c",)))) == (
        "column 'c' holds List(Int64), which a CSV table cannot; write Parquet or drop it"
    )
    assert not (tmp_path / "bad.csv").exists()


def test_decimals_are_rounded_to_the_nearest_as_text_is(tmp_path: Path) -> None:
    texts = [
        "0.1",
        "1.2345678901234567891",
        "-0.3333333333333333333",
        "0.00000000000000000001",
        "2.9999999999999999999",
    ]
    column = pl.Series([Decimal(text) for text in texts], dtype=pl.Decimal(38, 20))
    run(
        write(pl.DataFrame({"x1": column, "x2": column}), tmp_path / "in.parquet"),
        tmp_path / "o.parquet",
        command=predict,
    )
    numbers = np.array([float(text) for text in texts])
    y = NET(np.stack([numbers, numbers], axis=1))
    np.testing.assert_array_equal(read(tmp_path / "o.parquet")["y1"].to_numpy(), y[:, 0])


@pytest.mark.parametrize("kind", [pl.Float32, pl.Int8, pl.UInt64, pl.Int64, pl.Decimal(10, 2)])
def test_numbers_of_any_type_are_inputs(kind: Any, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x1": [1, 2, 3], "x2": [4, 5, 6]}).cast(kind)
    run(write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet", command=predict)
    y = NET(np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]))
    np.testing.assert_array_equal(read(tmp_path / "out.parquet")["y1"].to_numpy(), y[:, 0])


@pytest.mark.parametrize(
    ("kind", "number"),
    [(pl.UInt64, 2**53 + 1), (pl.UInt64, 2**64 - 1), (pl.Int64, 2**53 + 1), (pl.Int64, -(2**53) - 1)],
)
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_an_integer_that_float64_does_not_have_is_refused(kind: Any, number: int, suffix: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x1": [1.0, 2.0, 3.0], "x2": pl.Series([1, number, 3], dtype=kind)})
    file = tmp_path / f"in{suffix}"
    table = write(frame, file) if suffix == ".parquet" else file
    if suffix == ".arrow":
        frame.write_ipc(file)
    assert refusal(table, tmp_path / "o.csv") == (
        f"{table}: row 2, column x2: {number} lies beyond 2^53, where float64 does not have every integer; store it as "
        "float64 if that is meant"
    )


def test_a_missing_integer_is_not_taken_for_one_that_is_too_large() -> None:
    frame = pl.DataFrame({"x1": pl.Series([1, None, 2**53 + 1, None])})
    table = FrameTable(HeldFrame(frame), "t", Dialect(missing="nan"), "t")
    with pytest.raises(TableError) as raised:
        list(table.rows(table.choose(Columns(), 1)))
    assert str(raised.value).startswith(f"t: row 3, column x1: {2**53 + 1} lies beyond 2^53")


@pytest.mark.parametrize("inputs", [("*", "b"), ("^b$", "c"), ("c", "^.*$"), ("b",), ("^b$",), ("*",)])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ""])
def test_names_of_columns_are_no_patterns(inputs: tuple[str, ...], suffix: str, tmp_path: Path) -> None:
    numbers = {"b": [1.0, 2.0], "^.*$": [3.0, 4.0], "c": [5.0, 6.0], "*": [7.0, 8.0], "^b$": [9.0, 10.0]}
    columns = Columns(inputs=inputs, keep=("c",))
    if suffix:
        table = write(pl.DataFrame(numbers), tmp_path / f"in{suffix}")
        with open_table(str(table), columns, Reading(isolation=False)) as opened:
            (rows,) = opened.rows(opened.choose(columns, len(inputs)))
    else:
        held = FrameTable(HeldFrame(pl.DataFrame(numbers)), "t", Dialect(), "t")
        (rows,) = held.rows(held.choose(columns, len(inputs)))
    assert rows.x.T.tolist() == [numbers[name] for name in inputs]
    assert rows.texts["0"].to_list() == numbers["c"]


def test_the_first_of_several_cells_that_cannot_be_read_is_named() -> None:
    """In the second batch of rows, by its row in the table."""
    n = 2 * MOST_ROWS
    for kind, told in (
        (pl.Int64, f"{2**53 + 1} lies beyond 2^53, where float64 does not have every integer; store it as float64 if "
         "that is meant"),
        (pl.Float64, "the cell is empty; fill it in, or have it read as NaN with missing='nan'"),
        (pl.String, "'two' is not a number"),
    ):  # fmt: skip
        cells: list[Any] = [1] * n if kind != pl.String else ["1"] * n
        cells[MOST_ROWS + 5] = cells[MOST_ROWS + 9] = {pl.Int64: 2**53 + 1, pl.Float64: None, pl.String: "two"}[kind]
        cells[MOST_ROWS + 7] = {pl.Int64: -(2**53) - 1, pl.Float64: None, pl.String: "three"}[kind]
        frame = pl.DataFrame({"x1": [0.5] * n, "x2": pl.Series(cells, dtype=kind)})
        table = FrameTable(HeldFrame(frame), "t", Dialect(), "t", loose=True)
        rows = table.rows(table.choose(Columns(), 2))
        assert len(next(rows)) == MOST_ROWS
        with pytest.raises(TableError) as raised:
            next(rows)
        assert str(raised.value) == f"t: row {MOST_ROWS + 6}, column x2: {told}"


def test_numbers_that_are_too_large_are_refused_wherever_they_are_text(tmp_path: Path) -> None:
    told = "'-1e999' is too large for a float64; write Inf if that is meant"
    table = FrameTable(HeldFrame(pl.DataFrame({"x1": ["-1e308", " -Inf ", "-1e999"]})), "t", Dialect(), "t", loose=True)
    with pytest.raises(TableError) as raised:
        list(table.rows(table.choose(Columns(), 1)))
    assert str(raised.value) == f"t: row 3, column x1: {told}"
    table = FrameTable(HeldFrame(pl.DataFrame({"x1": ["-1e308", " -Inf "]})), "t", Dialect(), "t", loose=True)
    (rows,) = table.rows(table.choose(Columns(), 1))
    assert rows.x.tolist() == [[-1e308], [-np.inf]]
    columns = Columns(inputs=("x1", "x2"))
    for value, refused in (("-1e999", True), ("-inf", False)):
        part = write(pl.DataFrame({"x1": [1.0]}), tmp_path / f"x2={value}" / "a.csv")
        with open_table(str(tmp_path), columns, Reading()) as opened:
            if refused:
                with pytest.raises(TableError) as raised:
                    list(opened.rows(opened.choose(columns, 2)))
                assert str(raised.value) == f"{part}: {told}"
            else:
                (rows,) = opened.rows(opened.choose(columns, 2))
                assert rows.x.tolist() == [[1.0, -np.inf]]
        part.unlink()
        part.parent.rmdir()


def test_a_frame_of_which_rows_are_missing() -> None:
    class Short(HeldFrame):
        """Says that it has more rows than it gives."""

        def __init__(self, frame: pl.DataFrame) -> None:
            super().__init__(frame)
            self.rows = 3

    table = FrameTable(Short(pl.DataFrame({"x1": [1.0]})), "t", Dialect(), "t")
    with pytest.raises(TableError) as raised:
        list(table.rows(table.choose(Columns(), 1)))
    assert str(raised.value) == "t: only 1 of 3 rows could be read; was it being written?"


@pytest.mark.parametrize("columns", [("a",), ("a", "b")])
def test_a_frame_of_which_no_column_is_needed_has_its_rows(columns: tuple[str, ...]) -> None:
    """For a network without inputs, which takes a step for each row."""
    table = FrameTable(HeldFrame(pl.DataFrame({name: ["u", "v", "w"] for name in columns})), "t", Dialect(), "t")
    (rows,) = table.rows(Choice((), (), ()))
    assert (rows.x.shape, rows.texts.shape) == ((3, 0), (0, 0))


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_the_largest_integers_that_float64_has_are_read(number: int, tmp_path: Path) -> None:
    frame = pl.DataFrame({"x1": [0.5], "x2": [number]})
    run(write(frame, tmp_path / "in.parquet"), tmp_path / "out.parquet", command=predict)
    y = NET(np.array([[0.5, float(number)]]))
    assert read(tmp_path / "out.parquet")["y1"].to_list() == y[:, 0].tolist()


def test_a_name_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    for name, number in (("x[1].parquet", 1.0), ("x1.parquet", 2.0)):
        write(pl.DataFrame({"x1": [number], "x2": [0.0]}), tmp_path / name)
    run(tmp_path / "x[1].parquet", tmp_path / "out.parquet", command=predict)
    assert read(tmp_path / "out.parquet")["y1"].to_list() == NET(np.array([[1.0, 0.0]]))[:, 0].tolist()


def test_only_tsv_is_divided_by_tabs_unless_something_else_is_said() -> None:
    for name, delimiter in (("a.tsv", "\t"), ("A.TSV.GZ", "\t"), ("a.csv", None), ("a.tsv.b.csv", None), ("tsv", None)):
        assert Reading().dialect_of(name).delimiter == delimiter
    assert Reading(Dialect(";")).dialect_of("a.tsv").delimiter == ";"


def test_what_is_no_number_in_parquet(tmp_path: Path) -> None:
    table = write(pl.DataFrame({"x1": ["1"], "x2": [1.0]}), tmp_path / "text.parquet")
    assert refusal(table, tmp_path / "o.csv") == f"{table}: column 'x1' holds String, expected numbers; cast it"
    gaps = write(pl.DataFrame({"x1": [1.0] * 20_000, "x2": [1.0] * 17_000 + [None] * 3000}), tmp_path / "gaps.parquet")
    assert refusal(gaps, tmp_path / "o.parquet") == (
        f"{gaps}: row 17001, column x2: the cell is empty; fill it in, or have it read as NaN with missing='nan'"
    )
    summary = run(gaps, tmp_path / "o.parquet", dialect=Dialect(missing="nan"))
    assert (summary.rows, summary.rows_with_nan) == (20_000, 3000)


@pytest.mark.parametrize("isolation", [False, True])
def test_a_damaged_parquet_file(isolation: bool, tmp_path: Path) -> None:
    table = write(FRAME, tmp_path / "in.parquet")
    data = table.read_bytes()
    for bad in (data[:-300], data[: len(data) // 2], data[:-20] + data[-8:], data[:4] + data[-12:]):
        table.write_bytes(bad)
        message = refusal(table, tmp_path / "o.csv", isolation=isolation)
        assert message.startswith(f"{table}: cannot be read: ")
        assert "\n" not in message


def test_parquet_in_a_pipe_is_refused(tmp_path: Path) -> None:
    table = write(FRAME, tmp_path / "in.parquet")
    with (
        pytest.raises(TableError) as raised,
        table.open("rb") as stdin,
        open_table("-", Columns(), Reading(), stdin),
    ):
        pass
    assert str(raised.value) == (
        "standard input is Parquet, which is read from a file of its own only, not from a pipe"
    )


class Full:
    """A disk with no space left."""

    def write(self, data: Any) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        return


class Closed:
    """A pipe that nobody reads."""

    def write(self, data: Any) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        return


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_a_full_disk_and_a_closed_pipe(form: Any, tmp_path: Path) -> None:
    table = str(write(FRAME, tmp_path / "in.parquet"))
    reading = Reading(isolation=form == "parquet")
    with open_table(table, Columns(), reading) as opened, pytest.raises(TableError) as raised:
        predict(NET, opened, Target(Full(), "out"), BatchOptions(form=form))  # type: ignore[arg-type]
    assert str(raised.value) == "out: cannot be written: No space left on device"
    with open_table(table, Columns(), reading) as opened, pytest.raises(BrokenPipeError):
        predict(NET, opened, Target(Closed(), "out"), BatchOptions(form=form))  # type: ignore[arg-type]


def test_an_abandoned_sink_ends(tmp_path: Path) -> None:
    def stopped() -> None:
        raw = (tmp_path / "o.parquet").open("wb")
        with raw, FrameSink(Target(raw, "o"), ["y"], [pl.Float64()], "parquet", 64) as sink:
            for _ in range(10):
                sink.write(sink.formatted([pl.Series(np.zeros(100))]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()


def test_what_polars_writes_to_remembers_why_it_failed() -> None:
    """Polars would tell another reason; once the result is given up, nothing is written any more."""
    held = io.BytesIO()
    watched = frames._Watched(Target(held, "o"))
    assert (watched.write(b"abc"), watched.failure) == (3, None)
    watched.open = False
    with pytest.raises(OSError, match="abandoned"):
        watched.write(b"def")
    assert held.getvalue() == b"abc"
    full: Any = Full()
    watched = frames._Watched(Target(full, "o"))
    with pytest.raises(TableError):
        watched.write(b"abc")
    assert str(watched.failure) == "o: cannot be written: No space left on device"


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_what_is_written_before_an_error_is_no_whole_file(form: Any) -> None:
    """On standard output it cannot be taken back: nobody may take it for a result of fewer rows."""
    held = io.BytesIO()

    def stopped() -> None:
        with FrameSink(Target(held, "o"), ["y"], [pl.Float64()], form, 64) as sink:
            for _ in range(10):
                sink.write(sink.formatted([pl.Series(np.zeros(100))]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises((pl.exceptions.ComputeError, OSError)):
        (pl.read_parquet if form == "parquet" else pl.read_ipc)(io.BytesIO(held.getvalue()))


@pytest.mark.parametrize("kind", [pl.Float64, pl.Int16, pl.UInt8, pl.String, pl.Decimal(6, 1), pl.Float32])
def test_a_number_that_stands_for_a_missing_one(kind: Any) -> None:
    """In a column of any type, beside one that is empty; the other columns keep theirs."""
    frame = pl.DataFrame({"x1": pl.Series([1, 99, None, 3]).cast(kind), "x2": [99.5, 98.0, 99.0, 1.0]})
    dialect = Dialect(missing="nan", na=("99", "98"))
    table = FrameTable(HeldFrame(frame), "t", dialect, "t", loose=True)
    (rows,) = table.rows(table.choose(Columns(keep=("x1",)), 2))
    np.testing.assert_array_equal(rows.x, [[1.0, 99.5], [np.nan, np.nan], [np.nan, np.nan], [3.0, 1.0]])
    assert rows.texts["0"].equals(frame["x1"])
    table = FrameTable(HeldFrame(frame[:2]), "t", Dialect(na=("99",)), "t", loose=True)
    with pytest.raises(TableError) as raised:
        list(table.rows(table.choose(Columns(), 2)))
    told = str(raised.value)
    assert told.startswith("t: row 2, column x1: ")
    assert told.endswith("; fill it in, or have it read as NaN with missing='nan'")
    assert ("the cell is empty" in told) == (kind == pl.String)
    assert ("99" in told) == (kind != pl.String)


def test_text_of_a_workbook_is_a_number_by_the_dialect() -> None:
    """Decimal commas and words for missing numbers are those that are asked for; a point is not read as one."""
    cells = ["1,5", " -,25 ", "NA", "?", None, ""]
    dialect = Dialect(decimal=",", missing="nan", na=("?",))
    table = FrameTable(HeldFrame(pl.DataFrame({"x1": cells})), "t", dialect, "t", loose=True)
    (rows,) = table.rows(table.choose(Columns(), 1))
    np.testing.assert_array_equal(rows.x[:, 0], [1.5, -0.25, *[np.nan] * 4])
    for text, other in (("1.5", dialect), ("1,5", Dialect())):
        table = FrameTable(HeldFrame(pl.DataFrame({"x1": [text]})), "t", other, "t", loose=True)
        with pytest.raises(TableError) as raised:
            list(table.rows(table.choose(Columns(), 1)))
        assert str(raised.value) == f"t: row 1, column x1: '{text}' is not a number"


# tables in parts


def in_parts(folder: Path, suffix: str) -> Path:
    for number, start in enumerate(range(0, 5000, 1250)):
        write(FRAME[start : start + 1250], folder / f"site={number // 2}" / f"part{number}{suffix}")
    return folder


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_parts_are_one_table(suffix: str, tmp_path: Path) -> None:
    folder = in_parts(tmp_path / "parts", suffix)
    (folder / "_SUCCESS").write_text("")
    summary = run(folder, tmp_path / "out.parquet", BatchOptions(Columns(keep=("id", "site"))))
    found = read(tmp_path / "out.parquet")
    assert found["id"].to_list() == FRAME["id"].to_list()
    assert found["site"].to_list() == ["0"] * 2500 + ["1"] * 2500
    np.testing.assert_allclose(found["y1"].to_numpy(), NET(X)[:, 0], rtol=1e-13)
    assert [source.place for source in summary.sources] == [
        str(folder / f"site={k // 2}" / f"part{k}{suffix}") for k in range(4)
    ]
    run(folder / "**" / f"*{suffix}", tmp_path / "pattern.parquet", BatchOptions(Columns(keep=("id", "site"))))
    assert (tmp_path / "pattern.parquet").read_bytes() == (tmp_path / "out.parquet").read_bytes()


def test_a_part_gives_the_same_numbers_alone(tmp_path: Path) -> None:
    folder = in_parts(tmp_path / "parts", ".csv")
    run(folder, tmp_path / "all.csv", command=predict)
    rows = []
    for part in sorted(folder.rglob("*.csv")):
        run(part, tmp_path / "one.csv", command=predict)
        rows += (tmp_path / "one.csv").read_text().splitlines()[1:]
    assert (tmp_path / "all.csv").read_text().splitlines() == ["y1", *rows]


def test_folders_may_say_an_input(tmp_path: Path) -> None:
    for value in ("0.5", "1.5"):
        write(pl.DataFrame({"x1": [1.0, 2.0]}), tmp_path / "parts" / f"x2={value}" / "a.parquet")
    asked = BatchOptions(Columns(inputs=("x1", "x2"), keep=("x2", "x1")))
    run(tmp_path / "parts", tmp_path / "o.parquet", asked, predict)
    found = read(tmp_path / "o.parquet")
    assert found["x2"].to_list() == ["0.5", "0.5", "1.5", "1.5"]
    y = NET(np.array([[1.0, 0.5], [2.0, 0.5], [1.0, 1.5], [2.0, 1.5]]))
    np.testing.assert_allclose(found["y1"].to_numpy(), y[:, 0], rtol=1e-14)
    bad = write(pl.DataFrame({"x1": [1.0]}), tmp_path / "parts" / "x2=warm" / "a.parquet")
    message = refusal(tmp_path / "parts", tmp_path / "o.parquet", asked, isolation=True)
    assert message == f"{bad}: its folder says 'warm' for 'x2', not a number"


def test_a_folder_that_says_that_a_number_is_missing(tmp_path: Path) -> None:
    for value in ("0.5", "__HIVE_DEFAULT_PARTITION__"):
        write(pl.DataFrame({"x1": [1.0, 2.0]}), tmp_path / "parts" / f"x2={value}" / "a.parquet")
    columns = Columns(inputs=("x1", "x2"), keep=("x2",))
    for missing in ("nan", "error"):
        with open_table(str(tmp_path / "parts"), columns, Reading(Dialect(missing=missing))) as table:
            rows = table.rows(table.choose(columns, 2))
            first = next(rows)
            assert (first.x.tolist(), first.texts["0"].to_list()) == ([[1.0, 0.5], [2.0, 0.5]], ["0.5", "0.5"])
            if missing == "nan":
                (second,) = rows
                np.testing.assert_array_equal(second.x, [[1.0, np.nan], [2.0, np.nan]])
                assert second.texts["0"].to_list() == [None, None]
            else:
                with pytest.raises(TableError) as raised:
                    next(rows)
                assert str(raised.value).endswith("a.parquet: its folder says nothing for 'x2', not a number")


def test_what_folders_say_goes_to_its_place_among_the_inputs_and_what_is_kept(tmp_path: Path) -> None:
    for k, value in enumerate(("0.5", "1.5")):
        (tmp_path / f"p={value}" / f"q={k}").mkdir(parents=True)
        (tmp_path / f"p={value}" / f"q={k}" / "t.csv").write_text(f"id,b,a\nu{k},{k},7\nv{k},{k + 2},8\n")
    inputs = ("p", "a", "q", "b")
    columns = Columns(inputs=inputs, keep=("q", "id", "p", "b"))
    with open_table(str(tmp_path), columns, Reading()) as table:
        assert table.header.names == ("id", "b", "a", "p", "q")
        choice = table.choose(columns, 4)
        assert choice.input_names == inputs
        rows = list(table.rows(choice))
    x = np.concatenate([part.x for part in rows])
    np.testing.assert_array_equal(x, [[0.5, 7, 0, 0], [0.5, 8, 0, 2], [1.5, 7, 1, 1], [1.5, 8, 1, 3]])
    kept = [row for part in rows for row in part.texts.rows()]
    assert kept == [("0", "u0", "0.5", "0"), ("0", "v0", "0.5", "2"), ("1", "u1", "1.5", "1"), ("1", "v1", "1.5", "3")]


def test_the_order_of_parts_is_that_of_their_names_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    names = ("b.csv", "a.csv", "a/z.tsv", "a/_no.csv", ".no.csv", "_no/a.csv", "a.b/c.txt", "B.CSV")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x1\n1\n")
    expected = ["B.CSV", "a/z.tsv", "a.b/c.txt", "a.csv", "b.csv"]
    assert parts_of(str(tmp_path)) == sorted(tmp_path / name for name in expected)
    assert parts_of(str(tmp_path / "[ab].csv")) == [tmp_path / "a.csv", tmp_path / "b.csv"]
    assert parts_of(str(tmp_path / "**" / "c.*")) == [tmp_path / "a.b" / "c.txt"]
    assert parts_of(str(tmp_path / "a.csv")) is None
    (tmp_path / "x[1].csv").write_text("x1\n1\n")
    assert parts_of(str(tmp_path / "x[1].csv")) is None


def test_two_stars_are_folders_at_any_depth(tmp_path: Path) -> None:
    names = ("a.csv", "b/a.csv", "b/c/a.csv", "b/c/d/a.csv")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x1\n1\n")
    assert parts_of(str(tmp_path / "**" / "a.csv")) == [tmp_path / name for name in names]
    assert parts_of(str(tmp_path / "*" / "a.csv")) == [tmp_path / "b" / "a.csv"]


def test_a_part_without_a_column_of_its_folder_and_one_with_many_columns(tmp_path: Path) -> None:
    (tmp_path / "a" / "day=1").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    for folder in (tmp_path / "a" / "day=1", tmp_path / "b"):
        (folder / "t.csv").write_text("x1,x2\n1,2\n")
    bad = tmp_path / "b" / "t.csv"
    asked = BatchOptions(Columns(keep=("day",)))
    first = tmp_path / "a" / "day=1" / "t.csv"
    assert refusal(tmp_path, tmp_path / "o.csv", asked) == f"{bad}: its folder says no 'day', that of {first} does"
    bad.write_text(",".join(f"c{k}" for k in range(1, 10)) + "\n")
    shown = ", ".join(f"'c{k}'" for k in range(1, 9))
    assert refusal(tmp_path, tmp_path / "o.csv") == (
        f"{bad}: its columns are {shown} and 1 more; those of {first} are 'x1', 'x2': all parts of a table have the "
        "same columns in the same order"
    )


@pytest.mark.parametrize("tidy", [False, True])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_rows_that_are_written_as_they_come_are_the_same(form: str, tidy: bool, tmp_path: Path) -> None:
    """With what is kept, the flags, the numbers of the samples, and what is counted."""
    gaps = FRAME[:300].with_columns(x1=pl.when(pl.int_range(300) % 7 == 3).then(None).otherwise("x1"))
    for number, part in enumerate((gaps[:120], gaps[120:])):
        write(part, tmp_path / "parts" / f"{number}.csv")
    results = []
    for flush in (False, True):
        out = tmp_path / f"{flush}.{form}"
        asked = BatchOptions(Columns(keep=("id",)), tidy=tidy, flag_range=True, flush=flush)
        summary = run(tmp_path / "parts", out, asked, dialect=Dialect(missing="nan"))
        found = read(out)
        rows = found["id"].to_list()
        assert rows == [f"r{n}" for n in range(300) for _ in range(2 if tidy else 1)]
        if tidy:
            assert found["sample"].to_list() == [n + 1 for n in range(300) for _ in range(2)]
        results.append(found)
        clipped = np.clip(X[:300], *LIMITS.T) != X[:300]
        clipped[3::7, 0] = False
        assert (summary.rows, summary.outside) == (300, int(np.count_nonzero(clipped.any(axis=1))))
        assert summary.outside_by_input == np.count_nonzero(clipped, axis=0).tolist()
        assert summary.rows_with_nan == 43 * (2 if tidy else 1)
    numbers = [frame.select(pl.selectors.float()).to_numpy() for frame in results]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-14)
    assert results[0].drop(pl.selectors.float()).equals(results[1].drop(pl.selectors.float()))


@pytest.mark.parametrize(
    ("keep", "names", "kept"),
    [
        ((), ("x1", "x2"), ()),
        (("day",), ("x1", "x2", "day"), ("1",)),
        (("x2",), ("x1", "x2"), ("2",)),
        (("x2", "day"), ("x1", "x2", "day"), ("2", "1")),
    ],
)
def test_folders_say_what_is_asked_for_and_no_file_has(
    keep: tuple[str, ...], names: tuple[str, ...], kept: tuple[str, ...], tmp_path: Path
) -> None:
    part = tmp_path / "day=1" / "x2=7" / "t.csv"
    part.parent.mkdir(parents=True)
    part.write_text("x1,x2\n1,2\n")
    columns = Columns(keep=keep)
    with open_table(str(tmp_path), columns, Reading()) as table:
        assert table.header.names == names
        (rows,) = table.rows(table.choose(columns, 2))
    assert rows.x.tolist() == [[1.0, 2.0]]
    assert rows.texts.rows() == ([kept] if kept else [])


def test_what_folders_say() -> None:
    assert folder_values(Path("a/b=1/c%20d=e%2Ff/g=__HIVE_DEFAULT_PARTITION__/h=2.csv")) == {
        "b": "1", "c d": "e/f", "g": None,
    }  # fmt: skip


def test_parts_with_other_columns(tmp_path: Path) -> None:
    folder = in_parts(tmp_path / "parts", ".parquet")
    first = folder / "site=0" / "part0.parquet"
    bad = write(FRAME.select("x2", "x1", "id"), folder / "site=1" / "z.parquet")
    assert refusal(folder, tmp_path / "o.csv", BatchOptions(Columns(keep=("id",)))) == (
        f"{bad}: its columns are 'x2', 'x1', 'id'; those of {first} are 'x1', 'x2', 'id': "
        "all parts of a table have the same columns in the same order"
    )
    write(FRAME.with_columns(id=pl.lit(1)), bad)
    assert refusal(folder, tmp_path / "o.csv", BatchOptions(Columns(keep=("id",)))) == (
        f"{bad}: column 'id' holds Int32, in {first} it holds String: all parts of a table have the same columns"
    )
    write(FRAME.with_columns(x1=pl.lit("a")), bad)
    assert refusal(folder, tmp_path / "o.csv", BatchOptions(Columns(keep=("id",)))) == (
        f"{bad}: column 'x1' holds String, expected numbers; cast it"
    )
    assert not (tmp_path / "o.csv").exists()


def test_a_bad_row_in_the_middle_is_named_by_part_and_line(tmp_path: Path) -> None:
    folder = in_parts(tmp_path / "parts", ".csv")
    bad = folder / "site=1" / "part3.csv"
    lines = bad.read_text().splitlines()
    lines[700] = "1,two,r"
    bad.write_text("\n".join(lines))
    assert refusal(folder, tmp_path / "o.csv", BatchOptions(Columns(keep=("id",)))) == (
        f"{bad}: line 701, column x2: 'two' is not a number"
    )


def test_folders_without_tables(tmp_path: Path) -> None:
    assert refusal(tmp_path, tmp_path / "o.csv") == f"{tmp_path}: no table matches"
    assert refusal(tmp_path / "*.csv", tmp_path / "o.csv") == f"{tmp_path / '*.csv'}: no table matches"
    (tmp_path / "a.docx").write_text("")
    assert refusal(tmp_path, tmp_path / "o.csv") == (
        f"{tmp_path}: a.docx is not a table; name the tables with a pattern, e.g. {tmp_path / '*.csv'}"
    )


def test_hashes_of_what_was_read(tmp_path: Path) -> None:
    from hashlib import sha256

    table, folder = write(FRAME, tmp_path / "in.csv"), in_parts(tmp_path / "parts", ".parquet")
    for name, files in ((table, [table]), (folder, sorted(folder.rglob("*.parquet")))):
        asked = BatchOptions(Columns(keep=("id",)))
        record = run(name, tmp_path / "o.csv", asked, hashed=True, isolation=True).record(NET)
        assert record["inputs"] == [
            {"name": str(file), "sha256": sha256(file.read_bytes()).hexdigest()} for file in files
        ]


@pytest.mark.parametrize(
    ("name", "to", "form"),
    [("a.csv", None, "csv"), ("a.PARQUET", None, "parquet"), ("a.feather", None, "arrow"), ("-", None, "csv"),
     ("-", "parquet", "parquet"), ("a.xyz", "arrow", "arrow"), ("/dev/null", None, "csv")],
)  # fmt: skip
def test_the_format_of_a_target(name: str, to: str | None, form: str) -> None:
    assert format_for(name, to).name == form


def test_only_files_that_another_process_reads_have_it_started_early(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(isolation, "prepare", started.append)
    for name in ("a.csv", "a.tsv.gz", "a.mat", "-", "parquet"):
        prepare_to_read(name)
    assert started == []
    for name in ("a.parquet", "b.ARROW", "c.xlsx"):
        prepare_to_read(name)
    assert started == ["matnet.tables.binary.isolated"] * 3


def test_an_unknown_format() -> None:
    with pytest.raises(TableError) as raised:
        format_for("a.csv", "xlsx")
    assert str(raised.value) == f"form xlsx: there is no such format; known: {', '.join(NAMES)}"
