"""Parquet, Arrow and Excel files that would end the process which reads them: that is another one, and the end a line.

All types that polars writes come across unchanged.
"""

from __future__ import annotations

import datetime
import io
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import matnet
from matnet import isolation
from matnet.cli.entry import run
from matnet.errors import TableError
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.tables.binary import isolated
from matnet.tables.binary.excel import read_sheet
from matnet.tables.binary.frames import read_frame
from matnet.tables.binary.isolated import IsolatedScan
from matnet.tables.binary.scans import FrameFormat, LazyScan
from matnet.tables.columns import Choice, Columns
from matnet.tables.csv.dialect import Dialect

LINE = Layer(1, "purelin", {0: Weight(np.array([[2.0]]))})
NET = matnet.Network(Structure((Input(1),), (LINE,), (Output(0, 1),)))

TOO_MUCH = (
    "cannot be read: the library that reads it crashed (signal 6); the file is damaged, or its rows need more memory "
    "than is free, or than 2147483648 bytes"
)


def varint(number: int) -> bytes:
    """A positive number as Parquet's metadata have it."""
    number, found = 2 * number, b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def parquet_of(rows: int, claimed: int) -> bytes:
    """A column of so many rows, as a Parquet file that says it has others."""
    memory = io.BytesIO()
    pl.DataFrame({"x": (np.arange(rows) % 7) * 1.0}).write_parquet(memory, compression="zstd", statistics=False)
    data = memory.getvalue()
    size = struct.unpack("<I", data[-8:-4])[0]
    body, footer = data[: -8 - size], data[-8 - size : -8]
    # 0x15 and 0x16 stand before a number of 32 or 64 bits: values of the page, values of the column, rows
    body = body.replace(b"\x15" + varint(rows), b"\x15" + varint(claimed), 1)
    footer = footer.replace(b"\x16" + varint(rows), b"\x16" + varint(claimed))
    return body + footer + struct.pack("<I", len(footer)) + b"PAR1"


@pytest.fixture
def network(tmp_path: Path) -> str:
    matnet.save(NET, tmp_path / "net.json")
    return str(tmp_path / "net.json")


def sound(network: str, table: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", network, str(table), "--quiet"]) == 0
    assert capfd.readouterr().err == ""


def ends_in(line: str, network: str, table: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command writes that one line and no result, and polars nothing."""
    assert run(["predict", network, str(table), "-o", str(out)]) == 2
    assert capfd.readouterr().err == f"matnet: {table}: {line}\n"
    assert not out.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process takes")
def test_a_parquet_file_that_claims_two_billion_rows(
    network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.parquet"
    table.write_bytes(parquet_of(4000, 4000))
    sound(network, table, capfd)
    table.write_bytes(parquet_of(4000, 2**31 - 1))
    assert table.stat().st_size < 1000
    ends_in(TOO_MUCH, network, table, tmp_path / "out.csv", capfd)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process takes")
def test_a_workbook_with_cells_in_two_corners(network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    table = tmp_path / "t.xlsx"
    for corner in ((1, 0), (1_048_575, 16_383)):
        with xlsxwriter.Workbook(table) as book:
            sheet = book.add_worksheet()
            sheet.write(0, 0, 1.0)
            sheet.write(*corner, 2.0)
        if corner == (1, 0):
            sound(network, table, capfd)
    assert table.stat().st_size < 10_000
    ends_in(TOO_MUCH, network, table, tmp_path / "out.csv", capfd)


@pytest.mark.parametrize("isolation", [True, False])
def test_numbers_of_a_column_with_text_keep_their_digits(isolation: bool, tmp_path: Path) -> None:
    """The library that reads workbooks rounds them to nine decimals."""
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    table = tmp_path / "t.xlsx"
    cells = [0.123456789012345, "7", 2.5e-12, -12345.0987654321, "0.5", 1e22]
    with xlsxwriter.Workbook(table) as book:
        book.add_worksheet().write_column(0, 0, ["x", *cells], book.add_format())
    opened = read_sheet(table, Dialect(), DEFAULT_LIMIT, isolation)
    rows = opened.rows(opened.choose(Columns(), 1))
    assert [x for part in rows for x in part.x[:, 0].tolist()] == [float(str(cell)) for cell in cells]


def test_text_among_the_numbers_of_a_column_stays_text(tmp_path: Path) -> None:
    """And an empty cell stays empty."""
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    table = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(table) as book:
        book.add_worksheet().write_column(0, 0, ["k", 0.123456789012345, "n/a", None, "7"], book.add_format())
    opened = read_sheet(table, Dialect(), DEFAULT_LIMIT, isolation=False)
    (rows,) = opened.rows(Choice((), (0,), ()))
    assert rows.texts["0"].to_list() == ["0.123456789012345", "n/a", None, "7"]


def test_blank_rows_above_a_table_are_named(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    table = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(table) as book:
        book.add_worksheet().write_column(2, 0, ["x", 1.0])
    with pytest.raises(TableError, match="row 1 is blank; delete the blank rows above the table"):
        read_sheet(table, Dialect(), DEFAULT_LIMIT, isolation=False)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
@pytest.mark.parametrize("isolation", [True, False])
def test_a_file_that_changes_while_it_is_read(form: FrameFormat, isolation: bool, tmp_path: Path) -> None:
    """Replaced by one with as many rows, so that nothing else would show it."""
    table, other = tmp_path / f"t.{form}", tmp_path / "other"
    for path, values in ((table, np.arange(9.0)), (other, np.arange(9.0) + 1.0)):
        frame = pl.DataFrame({"x": values})
        (frame.write_parquet if form == "parquet" else frame.write_ipc)(path, compression="uncompressed")
    opened = read_frame(table, Dialect(), form, DEFAULT_LIMIT, isolation)
    os.replace(other, table)
    with pytest.raises(TableError, match="changed while it was read; run this again when it is complete"):
        list(opened.rows(opened.choose(Columns(), 1)))


def test_a_panic_of_polars_is_not_shown(network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Bytes of an Arrow file's metadata are changed until polars has failed in several ways."""
    memory = io.BytesIO()
    pl.DataFrame({"x": np.arange(40.0)}).write_ipc(memory)
    data, table, lines = memory.getvalue(), tmp_path / "t.arrow", set[str]()
    for at in (72, 144, len(data) - 60, len(data) - 12):
        table.write_bytes(data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :])
        assert run(["predict", network, str(table), "-o", str(tmp_path / "out.csv")]) in (0, 2)
        told = capfd.readouterr().err
        assert told.count("\n") <= 1
        lines.add(told)
    assert len(lines) > 1


def every_type() -> pl.DataFrame:
    rows = range(20_000)
    return pl.DataFrame(
        {
            "float": [0.5 * row if row % 3 else None for row in rows],
            "single": pl.Series([row / 3 for row in rows], dtype=pl.Float32),
            "small": pl.Series([row % 100 for row in rows], dtype=pl.Int8),
            "unsigned": pl.Series(rows, dtype=pl.UInt64),
            "text": [f"row {row} \u20ac" if row % 5 else None for row in rows],
            "flag": [row % 2 == 0 for row in rows],
            "day": [datetime.date(2020, 1, 1) + datetime.timedelta(row % 900) for row in rows],
            "time": [datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=row) for row in rows],
            "kind": pl.Series([f"k{row % 4}" for row in rows], dtype=pl.Categorical),
            "choice": pl.Series([f"k{row % 4}" for row in rows], dtype=pl.Enum(["k0", "k1", "k2", "k3"])),
            "list": [[row] * (row % 3) for row in rows],
            "nothing": pl.Series([None] * 20_000),
        }
    )


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_every_type_comes_across(form: FrameFormat, tmp_path: Path) -> None:
    table, place = tmp_path / f"t.{form}", "here"
    write: Callable[[Path], Any] = every_type().write_parquet if form == "parquet" else every_type().write_ipc
    write(table)
    here, there = LazyScan(table, form, place), IsolatedScan(table, form, place, DEFAULT_LIMIT)
    assert (there.schema, there.rows) == (here.schema, here.rows)
    names = here.schema.names()[::-1]
    # a second time is another process, and one may be left half way
    assert next(iter(there.batches(["text"], 300)))["text"].to_list() == every_type()["text"][:300].to_list()
    for size in (1 << 14, 700):
        ours, theirs = (pl.concat(scan.batches(names, size)) for scan in (there, here))
        assert_frame_equal(ours, theirs, categorical_as_str=True)


class Bounded:
    """Bounds that are only noted: this process goes on after the test."""

    noted: tuple[int, int]

    def __init__(self, memory: int, size: int) -> None:
        Bounded.noted = memory, size

    def begin(self) -> None:
        """No time begins."""

    def rest(self) -> None:
        """No time ends."""


def served(table: Path, form: str, *questions: list[object]) -> list[tuple[Any, pl.DataFrame | None]]:
    """What the other process would answer about a file, asked in this one: contents and frames."""
    asked, answers = io.BytesIO(), io.BytesIO()
    for question in questions:
        isolation.send(asked, question)
    asked.seek(0)
    isolated.serve(asked, answers, str(table), form, "1000", "here")
    end = answers.tell()
    answers.seek(0)
    found: list[tuple[Any, pl.DataFrame | None]] = []
    while answers.tell() < end:
        content, data = isolation.receive(answers, Budget(1 << 20))
        found.append((content, pl.read_ipc_stream(data) if data else None))
    return found


LAST = ["", None, False]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_what_is_answered_about_a_file(form: FrameFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows and types, then the columns that are asked for, in batches; the end of each answer is told."""
    monkeypatch.setattr(isolated, "Bounds", Bounded)
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0], "k": ["a", "b", "c"], "n": [1, 2, 3]})
    table = tmp_path / f"t.{form}"
    (frame.write_parquet if form == "parquet" else frame.write_ipc)(table)
    ready, heading, ended, *batches, last = served(table, form, ["heading"], ["batches", ["n", "k"], 2])
    assert [ready, ended, last] == [("ready", None), (LAST, None), (LAST, None)]
    assert heading[0] == ["", 3, True]
    assert heading[1] is not None
    assert (heading[1].schema, heading[1].height) == (frame.schema, 0)
    assert [content for content, _ in batches] == [["", None, True]] * len(batches)
    parts = [part for _, part in batches if part is not None]
    assert_frame_equal(pl.concat(parts), frame.select("n", "k"))
    assert max(map(len, parts)) == 2
    size = table.stat().st_size
    assert Bounded.noted == (1000 + 10 * size, size)


def test_what_is_answered_about_a_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastexcel")
    xlsxwriter = pytest.importorskip("xlsxwriter")
    monkeypatch.setattr(isolated, "Bounds", Bounded)
    table = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(table) as book:
        for name, cells in (("one", ["x", 1.0, 2.0]), ("two", ["y", 3.0, 4.0, 5.0])):
            book.add_worksheet(name).write_column(0, 0, cells)
    questions: list[list[object]] = [["sheets"], ["first", None], ["first", "two"], ["below", "two", 2]]
    ready, *answers = served(table, "excel", *questions)
    assert ready == ("ready", None)
    assert [content for content, _ in answers[1::2]] == [LAST] * 4
    contents, frames = zip(*answers[::2], strict=True)
    assert list(contents) == [["", ["one", "two"], True], *[["", None, True]] * 3]
    assert [frame.rows() for frame in frames] == [[], [("x",)], [("y",)], [(4.0,), (5.0,)]]


def test_rows_of_many_row_groups_come_in_their_order(tmp_path: Path) -> None:
    """Which polars reads several at a time, and gives out as they are read unless it is told otherwise."""
    table = tmp_path / "t.parquet"
    x = np.arange(600_000.0)
    pl.DataFrame({"x": x}).write_parquet(table, row_group_size=1000)
    scan = LazyScan(table, "parquet", "here")
    for _ in range(5):
        batches = [batch["x"].to_numpy() for batch in scan.batches(["x"], 1 << 14)]
        np.testing.assert_array_equal(np.concatenate(batches), x)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_is_killed_half_way_is_one_error(tmp_path: Path) -> None:
    table = tmp_path / "t.parquet"
    pl.DataFrame({"x": np.arange(2_000_000.0)}).write_parquet(table)
    opened = read_frame(table, Dialect(), "parquet", DEFAULT_LIMIT, isolation=True)
    scan: Any = opened._scan
    process = scan._reader._process._process
    rows = opened.rows(opened.choose(Columns(), 1))
    assert next(rows).x[5, 0] == 5.0
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TableError) as refused:
        list(rows)
    assert str(refused.value) == f"{table}: {TOO_MUCH.replace('signal 6', 'signal 9')}"


def test_a_trusted_file_is_read_in_this_process(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.parquet"
    pl.DataFrame({"x": [1.0, 2.0]}).write_parquet(table)
    monkeypatch.setattr(isolation, "_PROGRAM", "raise SystemExit(3)")
    assert run(["predict", network, str(table), "--quiet", "--no-isolation"]) == 0
    assert capfd.readouterr().out == "y1\n2.0\n4.0\n"
    assert run(["predict", network, str(table), "--quiet"]) == 2
    assert "which cannot be started (it ended with status 3); --no-isolation reads it" in capfd.readouterr().err
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert run(["predict", network, str(table), "--quiet"]) == 2
    assert capfd.readouterr().err == (
        f"matnet: {table}: the file is read in a separate process, which cannot be started "
        "(No such file or directory); --no-isolation reads it in this one, if you trust it\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows any bytes in names")
@pytest.mark.parametrize("trusted", [False, True])
def test_a_name_that_is_not_utf_8_is_refused(
    trusted: bool, network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / os.fsdecode(b"a\xff.parquet")
    pl.DataFrame({"x": [1.0]}).write_parquet(tmp_path / "t.parquet")
    os.rename(tmp_path / "t.parquet", table)
    assert run(["predict", network, str(table), "--quiet", *["--no-isolation"] * trusted]) == 2
    assert capfd.readouterr().err.endswith("its name is not UTF-8, as the library that reads it needs; rename it\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/stdin is a file of Linux")
def test_a_file_that_is_redirected_is_read(network: str, tmp_path: Path) -> None:
    """The process that reads it has another standard input."""
    pl.DataFrame({"x": [1.0, 2.0]}).write_parquet(tmp_path / "t.parquet")
    command = [sys.executable, "-m", "matnet", "predict", network, "/dev/stdin", "--quiet"]
    with open(tmp_path / "t.parquet", "rb") as stream:
        assert (
            subprocess.run(command, stdin=stream, check=True, capture_output=True, text=True).stdout == "y1\n2.0\n4.0\n"
        )


def test_a_command_starts_the_other_process_before_it_imports_its_own_libraries(tmp_path: Path) -> None:
    """Both import polars at the same time; there is one such process, and none for text or a trusted file."""
    matnet.save(NET, tmp_path / "net.json")
    pl.DataFrame({"x": [1.0, 2.0]}).write_parquet(tmp_path / "t.PARQUET")
    (tmp_path / "t.csv").write_text("x\n1\n2\n", encoding="ascii")
    program = (
        "import sys\n"
        "from matnet import isolation\n"
        "from matnet.cli.entry import run\n"
        "begun = isolation._begun\n"
        "def started(module):\n"
        "    print('started', 'polars' in sys.modules)\n"
        "    return begun(module)\n"
        "isolation._begun = started\n"
        "sys.exit(run(['gradients', 'net.json', *sys.argv[1:], '-o', 'out.csv']))\n"
    )
    for given, expected in (("t.PARQUET", "started False\n"), ("t.csv", ""), ("t.PARQUET --no-isolation", "")):
        command = [sys.executable, "-c", program, *given.split()]
        ran = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert ran.stdout == expected
        assert (tmp_path / "out.csv").read_text(encoding="ascii") == "y1,dy1_dx\n2.0,2.0\n4.0,2.0\n"
