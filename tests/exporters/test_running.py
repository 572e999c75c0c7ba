"""Programs of other languages: how they are started and ended, and the numbers that go in and come out."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from matnet.errors import FormatError, UnsupportedError
from matnet.exporters import save
from matnet.exporters.compilers import c_compiler
from matnet.exporters.running import execute, finished, read_results, write_arguments
from matnet.exporters.target import Job


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_a_program_gets_a_text_and_variables_beside_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEPT", "old")
    program = (
        "import os, sys; sys.stderr.buffer.write(b'\\xff.'); "
        "print(sys.stdin.read(), os.environ.get('KEPT'), os.environ.get('ADDED'), os.getcwd()); sys.exit(3)"
    )
    for variables, added in (({"ADDED": "new"}, "new"), (None, "None")):
        done = finished([sys.executable, "-c", program], tmp_path, seconds=60, text="given", variables=variables)
        assert (done.stdout, done.stderr, done.returncode) == (
            f"given old {added} {tmp_path}\n",
            "\N{REPLACEMENT CHARACTER}.",
            3,
        )


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are not files here")
def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        finished(["sh", "-c", "sleep 100 & echo $! > started; wait"], tmp_path, seconds=5)
    child = int((tmp_path / "started").read_text())
    end = time.monotonic() + 10
    while alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(child)


def test_a_program_that_fails_is_a_failure_on_one_line(tmp_path: Path) -> None:
    execute(["sh", "-c", "exit 0"], tmp_path, "C")
    with pytest.raises(FormatError) as raised:
        execute(["sh", "-c", "printf ' first \\n\\n second\\n' >&2; exit 7"], tmp_path, "C")
    assert str(raised.value) == "the written C does not run (sh ended with 7): first | second"
    # the end says what went wrong
    with pytest.raises(FormatError) as raised:
        execute(["sh", "-c", "printf 'x%.0s' $(seq 2500) >&2; printf 'end' >&2; exit 1"], tmp_path, "C")
    assert str(raised.value) == f"the written C does not run (sh ended with 1): {'x' * 1997}end"
    with pytest.raises(FormatError) as raised:
        execute(["no-such-program"], tmp_path, "Fortran")
    assert str(raised.value) == "the written Fortran is not run: no-such-program: No such file or directory"


def test_numbers_go_in_and_come_out_job_by_job_and_row_by_row(tmp_path: Path) -> None:
    # the first argument is stored column by column, and has fewer columns than the second
    first = np.asfortranarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    second = np.array([[7.0, 8.0, 9.0], [10.0, 11.0, 12.0], [13.0, 14.0, 15.0]])
    jobs = [
        Job(tmp_path, "a", "step", (first, second), ((2,), (1, 3))),
        Job(tmp_path, "b", "value", (np.zeros((0, 4)),), ((5,),)),
        Job(tmp_path, "c", "value", (np.array([[16.0], [17.0]]),), ((), (2, 2))),
    ]
    write_arguments(jobs, tmp_path)
    assert struct.unpack("17d", (tmp_path / "in.bin").read_bytes()) == tuple(range(1, 18))
    # 3 samples of 2 + 3 numbers, none, and 2 samples of 1 + 4
    (tmp_path / "out.bin").write_bytes(struct.pack("25d", *range(25)))
    (y, slopes), (none,), (number, matrix) = read_results(jobs, tmp_path)
    assert y.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert slopes.tolist() == [[[6, 7, 8]], [[9, 10, 11]], [[12, 13, 14]]]
    assert none.shape == (0, 5)
    assert number.tolist() == [15, 16]
    assert matrix.tolist() == [[[17, 18], [19, 20]], [[21, 22], [23, 24]]]
    for count in (24, 26):
        (tmp_path / "out.bin").write_bytes(bytes(8 * count))
        with pytest.raises(FormatError) as raised:
            read_results(jobs, tmp_path)
        assert str(raised.value) == f"the written program gives {8 * count} bytes, expected 200"


def test_the_c_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("gcc", "ccache"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    gcc, ccache = str(tmp_path / "gcc"), str(tmp_path / "ccache")
    assert c_compiler("") == ((gcc,), "")
    assert c_compiler("ccache gcc -m32") == ((ccache, "gcc", "-m32"), "")
    # the first word alone is the compiler
    assert c_compiler("icc gcc") == ((), "the variable CC names 'icc gcc', which is not there")
    assert c_compiler("icc -O3") == ((), "the variable CC names 'icc -O3', which is not there")
    with pytest.raises(UnsupportedError) as raised:
        c_compiler("'gcc")
    assert str(raised.value) == 'the variable CC is "\'gcc", which cannot be parsed: No closing quotation'
    os.remove(gcc)
    assert c_compiler("") == ((), "there is no cc, gcc or clang")


def test_from_32_mib_on_a_file_is_called_large() -> None:
    assert save._on_size(bytes(2**25 - 1)) == ""
    assert save._on_size(bytes(2**25)).startswith("the file has 34 MB, for which compilers")
