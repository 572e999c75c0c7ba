"""The program as a process: pipes, signals, terminals and start-up time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
PUMP = str(FIXTURES / "pump.mat")
MATNET = [sys.executable, "-c", "from matnet.cli import main; main()"]

posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals of POSIX")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*MATNET, *arguments], stdin=pipe, stdout=pipe, stderr=pipe)


def test_through_a_pipe() -> None:
    with start("predict", PUMP, "-") as process:
        out, err = process.communicate(b"x1,x2\n20,1500\n")
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"y1\n")


@posix
def test_a_reader_that_leaves_ends_it_quietly() -> None:
    with start("predict", PUMP, "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        with suppress(BrokenPipeError):  # it may end before it has read everything
            process.stdin.write(b"x1,x2\n" + b"20,1500\n" * 3_000_000)
        with suppress(BrokenPipeError):
            process.stdin.close()
        err = process.stderr.read()
        process.stdin = None
        status = process.wait()
    assert (status, err) == (0, b"")


def with_addresses(mebibytes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program where the system gives it so many MiB of address space, and polars two threads."""
    limited = ["sh", "-c", f'ulimit -v {mebibytes << 10}; exec "$@"', "sh", *MATNET, *arguments]
    two = {**os.environ, "POLARS_MAX_THREADS": "2"}
    return subprocess.run(limited, capture_output=True, text=True, env=two, timeout=120, check=False)


def addresses_left(done: subprocess.CompletedProcess[str], what: str, needed: int) -> int:
    """How many MiB of addresses a refusal for too few of them says are left."""
    assert (done.returncode, done.stdout) == (2, "")
    said = re.fullmatch(
        rf"matnet: {what} takes {needed} MiB of address space, and this process may take only (\d+) MiB more; give it "
        r"more \(ulimit -v\)\n",
        done.stderr,
    )
    assert said, done.stderr
    return int(said[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds addresses")
@pytest.mark.parametrize(
    ("mebibytes", "name"),
    [
        (300, "out.csv"),
        (600, "out.csv"),
        (800, "out.csv"),
        (1000, "out.parquet"),
        (1300, "out.csv"),
        (1700, "out.xlsx"),
    ],
)
def test_too_few_addresses_for_tables_are_one_line_and_no_file(mebibytes: int, name: str, tmp_path: Path) -> None:
    """With them polars waits for ever when it is imported, or ends the process at any time later."""
    out = str(tmp_path / name)
    done = with_addresses(mebibytes, "predict", PUMP, str(FIXTURES / "pump_inputs.csv"), "-o", out)
    assert mebibytes - 150 < addresses_left(done, "reading and writing tables", 1664) < mebibytes
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds addresses")
def test_with_enough_addresses_tables_are_read_and_written(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    done = with_addresses(1900, "predict", PUMP, str(FIXTURES / "pump_inputs.csv"), "-o", str(out))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds addresses")
def test_too_few_addresses_for_a_cluster_are_one_line_and_no_folder(tmp_path: Path) -> None:
    """In a worker that has too few Dask waits for ever."""
    table, out = tmp_path / "parts", tmp_path / "out"
    table.mkdir()
    (table / "a.csv").write_bytes((FIXTURES / "pump_inputs.csv").read_bytes())
    done = with_addresses(2000, "predict", PUMP, str(table), "--engine", "dask", "-o", str(out))
    assert 0 < addresses_left(done, "a Dask cluster", 2176) < 2000
    assert list(tmp_path.iterdir()) == [table]


@pytest.mark.parametrize("threads", ["0", "-1", "4097", "two", "", "1" * 5000])
def test_a_number_of_threads_that_polars_does_not_take_is_one_line(threads: str) -> None:
    """With 0 it panics, and calls a sound file broken."""
    environment = {**os.environ, "POLARS_MAX_THREADS": threads}
    done = subprocess.run(
        [*MATNET, "predict", PUMP, "-"], input=b"x1,x2\n20,1500\n", capture_output=True, env=environment
    )
    said = f"matnet: POLARS_MAX_THREADS is {threads[:40]!r}, expected a number of threads from 1 to 4096\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", said)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds addresses")
@pytest.mark.parametrize("mebibytes", [60, 120, 200])
def test_too_few_addresses_for_any_command_are_one_line(mebibytes: int) -> None:
    """With 120 MiB OpenBLAS ends the process with the status of a check that failed."""
    done = with_addresses(mebibytes, "check", PUMP)
    assert 0 <= addresses_left(done, "a command", 256) < mebibytes
    assert with_addresses(400, "check", PUMP).returncode == 0


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_no_file(tmp_path: Path, number: int) -> None:
    target = tmp_path / "out.csv"
    with start("predict", PUMP, "-", "-o", str(target)) as process:
        assert process.stdin is not None
        # it has read all of this but what a pipe holds, and so has written the results of the first of it
        process.stdin.write(b"x1,x2\n" + b"20,1500\n" * 2_000_000)
        process.stdin.flush()
        process.send_signal(number)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, b"matnet: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def on_terminal(*arguments: str, after: float) -> tuple[int, str]:
    """Run the program with a terminal as its standard input, and press Ctrl-C there: status and standard error."""
    import fcntl
    import pty
    import termios

    master, slave = pty.openpty()

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*MATNET, *arguments], stdin=slave, stdout=pipe, stderr=pipe, preexec_fn=take_terminal
    ) as process:
        time.sleep(after)
        while process.poll() is None:
            os.write(master, b"\x03")  # until it has an effect: the program does not report when it is ready
            time.sleep(0.5)
        assert process.stderr is not None
        err = process.stderr.read().decode()
    os.close(master)
    os.close(slave)
    return process.returncode, err


@posix
def test_sensitivity_on_a_terminal_is_a_table() -> None:
    import pty

    master, slave = pty.openpty()
    inputs = str(Path(PUMP).with_name("pump_inputs.csv"))
    done = subprocess.run([*MATNET, "sensitivity", PUMP, inputs], stdout=slave, stderr=subprocess.PIPE)
    os.close(slave)
    shown = os.read(master, 1 << 16).decode().splitlines()
    os.close(master)
    assert (done.returncode, done.stderr) == (0, b"")
    names = ["output", "input", "rank", "mean", "sd", "rms", "min", "q50", "max", "scaled_rms"]
    assert [line.split()[:3] for line in shown] == [names[:3], ["y1", "x2", "1"], ["y1", "x1", "2"]]
    assert shown[0].split() == names
    assert len({len(line) for line in shown}) == 1


@posix
@pytest.mark.parametrize("command", ["predict", "gradients", "sensitivity"])
def test_ctrl_c_ends_the_reading_of_standard_input(command: str) -> None:
    assert on_terminal(command, PUMP, "-", after=3.0) == (130, "matnet: interrupted\n")


@posix
def test_ctrl_c_ends_a_dask_run_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "parts").mkdir()
    for number in range(24):
        (tmp_path / "parts" / f"{number}.csv").write_text("x1,x2\n" + "20,1500\n" * 400_000)
    out = tmp_path / "out"
    result = ("--hessian", "-o", str(out))
    arguments = ("gradients", PUMP, str(tmp_path / "parts"), "--engine", "dask", "--workers", "1", *result)
    assert on_terminal(*arguments, after=7.0) == (130, "matnet: interrupted\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["parts"]


@posix
def test_completion_of_commands_and_options() -> None:
    environment = {**os.environ, "_MATNET_COMPLETE": "bash_complete", "COMP_WORDS": "matnet pre", "COMP_CWORD": "1"}
    done = subprocess.run(MATNET, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (0, "plain,predict\n")
    environment |= {"COMP_WORDS": "matnet predict --input-s", "COMP_CWORD": "2"}
    done = subprocess.run(MATNET, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "plain,--input-scaling\nplain,--input-sd\n"
    source = {**os.environ, "_MATNET_COMPLETE": "bash_source"}
    assert "_matnet_completion" in subprocess.run(MATNET, capture_output=True, text=True, env=source, check=True).stdout


@posix
def test_rows_are_answered_while_the_input_is_open() -> None:
    with start("predict", PUMP, "-", "--flush") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x1,x2\n20,1500\n")
        process.stdin.flush()
        first = [process.stdout.readline(), process.stdout.readline()]
        process.stdin.write(b"60,2800\n")
        process.stdin.flush()
        second = process.stdout.readline()
        process.stdin.close()
        process.stdin = None
        assert process.wait() == 0
    assert first[0] == b"y1\n"
    assert float(first[1]) > 0 < float(second)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (("predict", PUMP, "-"), ""),
        (("predict", PUMP, "-"), "1"),
        (("inspect", PUMP), "1"),
        (("gradients", "--help"), ""),
        ((), ""),
    ],
    ids=str,
)
def test_standard_output_on_a_full_disk(arguments: tuple[str, ...], unbuffered: str) -> None:
    """Python's own last flush must find nothing left to write: it would replace the status by 120."""
    completion = {} if arguments else {"_MATNET_COMPLETE": "bash_source"}
    environment = {**os.environ, **completion, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*MATNET, *arguments], input=b"x1,x2\n20,1500\n", stdout=full, stderr=subprocess.PIPE, env=environment
        )
    assert (done.returncode, done.stderr) == (
        2,
        b"matnet: standard output: cannot be written: No space left on device\n",
    )


@posix
@pytest.mark.parametrize(
    ("closed", "error"),
    [
        ("<&-", b"matnet: -: there is no standard input to read the table from\n"),
        (">&-", b"matnet: -: there is no standard output to write to\n"),
        ("2>&-", b""),
    ],
)
def test_streams_that_are_closed(closed: str, error: bytes) -> None:
    command = f'"$@" {closed}'
    text = b"x1,x2\n20,1500\n" if closed != "2>&-" else b"x1,x2\n20,four\n"
    done = subprocess.run(["sh", "-c", command, "sh", *MATNET, "predict", PUMP, "-"], input=text, capture_output=True)
    assert (done.returncode, done.stderr) == (2, error)


def test_names_that_the_output_cannot_spell_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "pump Ω.mat"
    path.write_bytes(Path(PUMP).read_bytes())
    spelled = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([*MATNET, "inspect", str(path)], capture_output=True, env=spelled)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(str(path).encode("cp1252", "backslashreplace") + b": net")


@posix
def test_progress_on_a_terminal_and_none_in_a_pipe() -> None:
    text = b"x1,x2\n" + b"20,1500\n" * 200_000
    code = "import matnet.cli.speech as s; s.FIRST_PROGRESS = s.PROGRESS_EVERY = 0.0; " + MATNET[2]
    arguments = [sys.executable, "-c", code, "predict", PUMP, "-"]
    master, slave = os.openpty()
    done = subprocess.run(arguments, input=text, stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    shown = os.read(master, 1 << 16)
    os.close(master)
    assert done.returncode == 0
    assert shown.startswith(b"\r16,384 rows, ")
    progress, _, summary = shown.partition(b"\r\x1b[K")
    assert progress.rpartition(b"\r")[2].startswith(b"200,000 rows, ")
    assert re.fullmatch(rb"matnet: note: standard input: 200,000 rows in \d+\.\d s\r\n", summary)
    piped = subprocess.run(arguments, input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert (piped.returncode, piped.stderr) == (0, b"")


def test_the_help_needs_none_of_the_heavy_modules() -> None:
    code = (
        "import sys\n"
        "from matnet.cli.entry import run\n"
        "assert run(['gradients', '--help']) == 0\n"
        "heavy = {'scipy', 'h5py', 'polars', 'torch', 'jax', 'onnx', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
