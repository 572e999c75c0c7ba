"""What a table tells of itself and of its result: chunks, how much was read, rows outside and rows with NaN."""

from __future__ import annotations

import gzip
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matnet.errors import TableError
from matnet.model.provenance import Provenance
from matnet.model.ranges import DESCRIPTION
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.tables.arrays import ArrayTable
from matnet.tables.binary.frames import FrameTable
from matnet.tables.binary.scans import HeldFrame
from matnet.tables.chunks import MOST_ROWS, chunk_rows, rechunked
from matnet.tables.columns import Columns
from matnet.tables.csv import streams
from matnet.tables.csv.dialect import Dialect
from matnet.tables.csv.streams import Stream
from matnet.tables.csv.table import CsvTable
from matnet.tables.feedback import States, start_of_series
from matnet.tables.interfaces import Rows, Source, Table
from matnet.tables.jobs import columns_of, flagged, gradient, prediction, tidy_gradient, uncertain_prediction
from matnet.tables.opening import Reading, open_table
from matnet.tables.pipeline import workers
from matnet.tables.run import BatchOptions, predict
from matnet.tables.series import series_gradient, series_prediction
from matnet.tables.summary import Counts, Summary, counts
from matnet.tables.target import Target

NAN, INF = float("nan"), float("inf")


def rows_of(*numbers: float) -> Rows:
    return Rows(np.array(numbers)[:, None], pl.DataFrame({"k": [str(number) for number in numbers]}))


@pytest.mark.parametrize(
    ("width", "asked", "rows"),
    [(1, 1, 4096), (1, 4096, 4096), (1, 4097, 8192), (64, 9000, 12288), (1000, 1, 1024), (10**7, 9, 16), (10**7, 8, 8)],
)
def test_a_size_that_is_asked_for_becomes_whole_blocks(width: int, asked: int, rows: int) -> None:
    assert chunk_rows(width, asked) == rows


def test_every_part_of_a_table_begins_a_chunk() -> None:
    parts = [rows_of(1, 2), None, rows_of(3), rows_of(4, 5, 6, 7, 8), rows_of(), None, None, rows_of(9), None]
    chunks = list(rechunked(parts, 3))
    assert [chunk.x[:, 0].tolist() for chunk in chunks] == [[1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert [chunk.texts["k"].to_list() for chunk in chunks] == [
        ["1", "2"],
        ["3", "4", "5"],
        ["6", "7", "8"],
        ["9"],
    ]


def network() -> Network:
    """Two inputs, the first of which has a known range of -1 to 1, and two outputs."""
    limits = np.array([[-1.0, 1.0], [NAN, NAN]])
    layer = Layer(2, "tansig", {0: Weight([[0.5, -1.0], [2.0, 0.25]])})
    return Network(Structure((Input(2, range=limits),), (layer,), (Output(0, 2),)))


def test_rows_are_counted_once_however_many_of_their_numbers_are_nan() -> None:
    x = np.array([[2.0, 0.0], [0.0, 9.0], [-2.0, 9.0], [1.0, 0.0], [NAN, 0.0]])
    columns = [
        pl.Series([1.0, NAN, NAN, 4.0, 5.0]),
        pl.Series([1.0, NAN, 3.0, INF, -INF]),
        pl.Series(["NaN", "b", "c", "d", "e"]),
        pl.Series([1, 2, 3, 4, 5]),
    ]
    extent = network().input_extent
    assert counts(x, extent, columns) == (5, 2, (2, 0), 2)
    assert counts(x[3:4], extent, [pl.Series([INF, -INF])]) == (1, 0, (0, 0), 0)
    assert counts(x[:2], extent, []) == (2, 1, (1, 0), 0)


@pytest.mark.parametrize("rows", [1, 2500, 2501])
def test_columns_are_those_of_the_array_whatever_its_size(rows: int) -> None:
    array = np.arange(4.0 * rows).reshape(rows, 2, 2)
    array[0, 0] = NAN, INF
    found = columns_of(array)
    assert [column.dtype for column in found] == [pl.Float64] * 4
    np.testing.assert_array_equal(np.column_stack([column.to_numpy() for column in found]), array.reshape(rows, 4))
    assert [column.dtype for column in columns_of(np.zeros((rows, 1), dtype=np.int64))] == [pl.Int64]


def test_the_flag_is_how_many_inputs_lie_outside() -> None:
    net, rows = network(), Rows(np.array([[2.0, 0.0], [0.5, 9.0]]), pl.DataFrame())
    job = flagged(prediction(net, Columns()), net.input_extent)
    assert job.names[-1] == "inputs_outside_range"
    # of the second input no range is known, so none may be outside, or one
    assert job.compute(rows, 0)[-1].to_list() == [1, None]
    alone = flagged(prediction(net, Columns(of=("y2",))), net.input_extent)
    assert [column.to_list() for column in alone.compute(rows, 0)][1:] == [[1, None]]
    choice = held().choose(Columns(), 2)
    tidy = flagged(tidy_gradient(net, Columns(), choice, False), net.input_extent).compute(rows, 0)
    assert tidy[-1].to_list() == [1] * 4 + [None] * 4
    assert tidy[0].to_list() == [1] * 4 + [2] * 4


def held() -> Table:
    return FrameTable(HeldFrame(pl.DataFrame({"x1": [1.0], "x2": [2.0]})), "t", Dialect(), "t")


def told(table: Table) -> list[float | None]:
    """How much was read before, after each piece, and at the end."""
    found = [table.fraction]
    for piece in table.pieces(table.choose(Columns(), 1)):
        if piece is not None:
            piece()
            found.append(table.fraction)
    return [*found, table.fraction]


def test_how_much_of_a_stream_was_read() -> None:
    text = b"x1\n" + b"1\n" * 498 + b"1"
    assert len(text) == 1000
    table = CsvTable(Stream(io.BytesIO(text), "t.csv", len(text)), Dialect(), block_bytes=250)
    found = told(table)
    assert found[0] in (0.25, 0.253)
    assert found == sorted(found, key=lambda number: number or 0.0)
    assert found[-1] == 1.0
    packed = gzip.compress(text)
    stream = Stream(io.BytesIO(packed), "t.csv.gz", 2 * len(packed))
    assert stream.fraction == 0.0
    stream.read(1000)
    assert stream.fraction == 0.5
    assert Stream(io.BytesIO(text), "t.csv").fraction is None


def test_how_much_of_a_frame_was_read() -> None:
    frame = pl.DataFrame({"x1": np.zeros(2 * MOST_ROWS)})
    assert told(FrameTable(HeldFrame(frame), "t", Dialect(), "t")) == [0.0, 0.0, 0.5, 1.0]
    assert FrameTable(HeldFrame(frame[:0]), "t", Dialect(), "t").fraction is None


def test_no_more_than_all_of_a_frame_was_read() -> None:
    """Though more rows come than the file said, which is an error at the end."""

    class Longer(HeldFrame):
        """Says that it has half of its rows."""

        def __init__(self, frame: pl.DataFrame) -> None:
            super().__init__(frame)
            self.rows = frame.height // 2

    table = FrameTable(Longer(pl.DataFrame({"x1": np.zeros(4 * MOST_ROWS)})), "t", Dialect(), "t")
    pieces = table.pieces(table.choose(Columns(), 1))
    for fraction in (0.0, 0.5, 1.0, 1.0):
        next(pieces)
        assert table.fraction == fraction
    with pytest.raises(TableError, match="was it being written"):
        next(pieces)
    assert table.fraction == 1.0


def test_how_much_of_a_folder_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x1\n" + "1\n" * 10)
    (tmp_path / "b.csv").write_text("x1\n" + "1\n" * 33)
    (tmp_path / "c.csv").write_text("x1\n" + "1\n" * 54)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 203
    with open_table(str(tmp_path), Columns(), Reading()) as table:
        assert told(table) == [0.0, 23 / 203, 92 / 203, 1.0, 1.0]


def test_how_much_of_a_folder_of_frames_was_read(tmp_path: Path) -> None:
    for name, pieces in (("a", 2), ("b", 1)):
        pl.DataFrame({"x1": np.zeros(pieces * MOST_ROWS)}).write_parquet(tmp_path / f"{name}.parquet")
    first, second = ((tmp_path / f"{name}.parquet").stat().st_size for name in "ab")
    whole = first + second
    with open_table(str(tmp_path), Columns(), Reading(isolation=False)) as table:
        assert told(table) == [0.0, 0.0, 0.5 * first / whole, first / whole, 1.0]


@pytest.mark.parametrize("make", [lambda text: text, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("size", [1, 7, 300, 1000])
def test_a_stream_gives_its_bytes_in_any_portions(make: Callable[[bytes], bytes], size: int) -> None:
    """More at a time than the first look at it takes, and less."""
    text = bytes(range(1, 128)) * 8
    stream = Stream(io.BytesIO(make(text)), "t", hashed=True, encoding="utf-8")
    pieces = list(iter(lambda: stream.read(size), b""))
    assert b"".join(pieces) == text
    assert all(len(piece) == size for piece in pieces[:-1])


@pytest.mark.parametrize("size", [-1, -2])
def test_all_of_a_stream_is_read_after_a_look_at_it(size: int) -> None:
    """As a reader of compressed bytes may ask for it; all of it is counted."""
    counted = streams._Counted(io.BytesIO(b"abcdef"), None, unbuffered=False)
    assert counted.peek(4) == b"abcd"
    assert counted.read(0) == b""
    assert counted.read(size) == b"abcdef"
    assert counted.count == 6


class Trickle:
    """Of which three bytes are there at a time, for those who do not want to wait."""

    def __init__(self, text: bytes) -> None:
        self._held = io.BytesIO(text)

    def read(self, size: int) -> bytes:
        return self._held.read(size)

    def read1(self, size: int) -> bytes:
        return self._held.read(min(size, 3))


@pytest.mark.parametrize(("unbuffered", "first"), [(True, b"abc"), (False, b"abcdefgh")])
def test_what_is_there_is_taken_only_where_that_is_asked_for(unbuffered: bool, first: bytes) -> None:
    raw: Any = Trickle(b"abcdefgh" * 100)
    stream = Stream(raw, "t", unbuffered=unbuffered)
    assert stream.read(8) == first
    assert b"".join(iter(lambda: stream.read(8), b"")) == (b"abcdefgh" * 100)[len(first) :]


def test_a_stream_that_grows_is_read_whole_and_no_more() -> None:
    stream = Stream(io.BytesIO(bytes(range(1, 101))), "t", 50)
    stream.read(25)
    assert stream.fraction == 0.5
    stream.read(75)
    assert stream.fraction == 1.0


def test_seconds_are_told_to_the_millisecond() -> None:
    summary = Summary(("x1", "x2"), network().input_extent.origin, seconds=1.23456)
    assert summary.record(network())["seconds"] == 1.235


def test_what_a_run_tells_other_programs(tmp_path: Path) -> None:
    """What is not known is null: a network without a file, counts of inputs without a range."""
    (tmp_path / "t.csv").write_bytes(b"x1,x2\n1,2\n")
    sources = (Source("stdin", sha256="ab"), Source("t", file=str(tmp_path / "t.csv")))
    summary = Summary(("a", "b"), ("training", "unknown"), rows=5, rows_with_nan=1, sources=sources)
    summary.add(Counts(3, 2, (2, 0), 1))
    net, stored = network(), Network(network().structure, Provenance("net.mat", "cd", "results.net"))
    expected = {
        "rows": 8,
        "seconds": 0.0,
        "rows_outside_range": 2,
        "outside_range": {"a": 2, "b": None},
        "range_known_from": {"a": "training", "b": "unknown"},
        "rows_with_nan": 2,
        "networks": [
            {"file": "net.mat", "path": "results.net", "sha256": "cd"},
            {"file": None, "path": None, "sha256": None},
        ],
        "inputs": [
            {"name": "stdin", "sha256": "ab"},
            {"name": "t", "sha256": hashlib.sha256(b"x1,x2\n1,2\n").hexdigest()},
        ],
    }
    assert summary.record(Ensemble([stored, net])) == expected
    assert summary.record(net)["networks"] == expected["networks"][1:]  # type: ignore[index]
    unknown = Summary(("a", "b"), ("unknown", "unknown"), rows=5)
    assert unknown.record(net)["rows_outside_range"] is None


def test_a_run_tells_how_long_it_took() -> None:
    before = time.monotonic()
    summary = predict(network(), held(), Target(io.BytesIO(), "out"))
    assert 0.0 < summary.seconds <= time.monotonic() - before


def test_how_much_of_an_array_was_read() -> None:
    table = ArrayTable(np.arange(2.0 * MOST_ROWS + 1.0)[:, None], "a", Source("a"))
    rows = 2 * MOST_ROWS + 1
    assert told(table) == [0.0, *(end / rows for end in (MOST_ROWS, 2 * MOST_ROWS, rows)), 1.0]


@pytest.mark.parametrize(
    ("delays", "size", "rows"),
    [
        ((0,), 4000, [4096, 8192, 12288, 16384, 20_000]),
        ((0,), None, [16384, 20_000]),
        ((0, 1), 4000, [16384, 20_000]),
    ],
)
def test_rows_go_through_a_network_as_many_at_a_time_as_are_asked_for(
    delays: tuple[int, ...], size: int | None, rows: list[int]
) -> None:
    """But not the steps of a series, whose last digits may depend on that."""
    layer = Layer(1, "purelin", {0: Weight(np.ones((1, len(delays))), delays=delays)})
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    told: list[int] = []
    table = ArrayTable(np.zeros((20_000, 1)), "a", Source("a"))
    predict(net, table, Target(io.BytesIO(), "out"), BatchOptions(chunk_size=size), lambda done, _: told.append(done))
    assert told == rows


def test_no_more_items_are_taken_ahead_than_there_are_threads_and_one() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    with workers(2, 1) as threads:
        results = threads.in_order(lambda number: 10 * number, items())
        assert (next(results), len(taken)) == (0, 3)
        assert (next(results), len(taken)) == (10, 4)
        assert list(results) == [10 * number for number in range(2, 9)]


def test_elements_of_an_array_are_chosen_by_their_names() -> None:
    for x in (np.arange(12.0).reshape(4, 3), np.arange(6.0).reshape(2, 3), np.arange(3.0)[None]):
        for inputs, places in ((("c", "a"), [2, 0]), (("a", "b", "c"), [0, 1, 2]), (("a", "b"), [0, 1]), (("a",), [0])):
            table = ArrayTable(x, "a", Source("a"), ("a", "b", "c"))
            (rows,) = table.rows(table.choose(Columns(inputs=inputs), len(inputs)))
            np.testing.assert_array_equal(rows.x, x[:, places])


def test_the_width_of_a_result_counts_all_that_is_computed() -> None:
    net, columns = network(), Columns()
    wide = Network(Structure((Input(3),), (Layer(2, "tansig", {0: Weight(np.ones((2, 3)))}),), (Output(0, 2),)))
    frame = FrameTable(HeldFrame(pl.DataFrame({f"x{k}": [1.0] for k in (1, 2, 3)})), "t", Dialect(), "t")
    choice = frame.choose(columns, 3)
    assert prediction(net, columns).width == 2
    assert uncertain_prediction(wide, columns, (1.0, 0.0, 1.0)).width == 2 * (1 + 3 + 2)
    assert gradient(wide, columns, choice, False).width == 2 * (1 + 3)
    assert gradient(wide, columns, choice, True).width == 2 * (1 + 3 + 9)
    assert tidy_gradient(wide, columns, choice, True).width == 4 * 2 * (1 + 3 + 9)


def test_the_width_of_a_series_counts_the_outputs_and_every_lag_and_lead() -> None:
    layer = Layer(2, "tansig", {0: Weight(np.ones((2, 6)), delays=(0, 1))})
    net = Network(Structure((Input(3),), (layer,), (Output(0, 2),)))
    frame = FrameTable(HeldFrame(pl.DataFrame({f"x{k}": [1.0] for k in (1, 2, 3)})), "t", Dialect(), "t")
    start = start_of_series(net, frame, Columns(), States())
    assert series_prediction(net, Columns(of=("y1",)), frame, start).width == 2
    assert series_gradient(net, Columns(of=("y1",)), frame, start, 4, 1).width == 2 * (1 + 6 * 3)


def test_rows_before_the_only_output_of_a_series_are_no_missing_answers() -> None:
    """Of a network with one output at the end of each series, which is there whatever the group."""
    first = Layer(2, "tansig", {0: Weight(np.ones((2, 1)))}, {0: Weight(0.5 * np.eye(2), delays=(1,))})
    last = Layer(1, "purelin", {}, {0: Weight(np.ones((1, 2)), last=True)})
    net = Network(Structure((Input(1),), (first, last), (Output(1, 1),), parameter_order="layers"))
    x = np.array([0.5, -0.25, 0.75, 1.0, -1.0, 0.125])
    frame = pl.DataFrame({"x1": x, "g": list("aabacb")})
    held = io.BytesIO()
    summary = predict(
        net,
        FrameTable(HeldFrame(frame), "t", Dialect(), "t"),
        Target(held, "out"),
        BatchOptions(Columns(group="g")),
    )
    y = np.array([float(line) for line in held.getvalue().decode().splitlines()[1:]])
    expected = np.full(6, NAN)
    for rows in ([0, 1, 3], [2, 5], [4]):
        state = np.zeros(2)
        for row in rows:
            state = np.tanh(x[row] + 0.5 * state)
        expected[rows[-1]] = state.sum()
    np.testing.assert_allclose(y, expected, rtol=1e-15)
    assert (summary.rows, summary.rows_with_nan) == (6, 0)
    assert summary.states == "t: each series has one output, at its last row; the others are NaN"


def test_rows_that_become_states_are_no_missing_answers_where_only_the_last_has_an_output() -> None:
    """Of four series, of which one has no more than the row that becomes its state, and one only one row more."""
    first = Layer(1, "tansig", {0: Weight(np.ones((1, 2)), delays=(0, 1))}, {0: Weight([[0.5]], delays=(1,))})
    last = Layer(1, "purelin", {}, {0: Weight([[1.0]], last=True)})
    net = Network(Structure((Input(1),), (first, last), (Output(1, 1),), parameter_order="layers"))
    groups = list("abacbdbb")
    frame = pl.DataFrame({"x1": 0.125 * np.arange(8), "g": groups})
    held = io.BytesIO()
    source = FrameTable(HeldFrame(frame), "t", Dialect(), "t")
    summary = predict(net, source, Target(held, "out"), BatchOptions(Columns(group="g")))
    y = np.array([float(line) for line in held.getvalue().decode().splitlines()[1:]])
    assert np.flatnonzero(~np.isnan(y)).tolist() == [2, 7]
    assert (summary.rows, summary.rows_with_nan) == (8, 0)
    assert summary.states == (
        "t: the first row of each series is its states; their outputs are NaN; the earlier outputs of layer 1 are not "
        "known and taken as 0"
    )


def test_the_range_that_rows_lie_outside_is_named_if_it_is_one() -> None:
    several = Summary(("a", "b", "c"), ("training", "scaling", "unknown"))
    assert several.range_description == "the range of the inputs"
    assert several.unknown == ("c",)
    several.add(Counts(5, 2, (0, 2, 0), 1))
    one = several.range_description
    several.merge(Summary(("a", "b", "c"), several.origin, rows=3, outside=1, outside_by_input=[1, 0, 0]))
    assert (one, several.range_description) == (DESCRIPTION["scaling"], "the range of the inputs")
    assert (several.rows, several.outside, several.outside_by_input, several.rows_with_nan) == (8, 3, [1, 2, 0], 1)
