"""A library in a process of its own may crash, hang, be killed or say anything: each is one error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matnet import isolation
from matnet.errors import FormatError
from matnet.files import Budget
from matnet.isolation import EndedError, IsolatedProcess

PLENTY = 1 << 20
ROOT = str(Path(isolation.__file__).parents[1])
ECHO = f"""
import sys
sys.path.insert(0, {ROOT!r})
from matnet.files import Budget
from matnet.isolation import receive, send
while True:
    question, _ = receive(sys.stdin.buffer, Budget(1 << 20))
    send(sys.stdout.buffer, question, [b"bytes"])
"""


def process_of(program: str, monkeypatch: pytest.MonkeyPatch) -> IsolatedProcess:
    monkeypatch.setattr(isolation, "_PROGRAM", program)
    return IsolatedProcess("no.module")


def test_questions_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    process = process_of(ECHO, monkeypatch)
    for number in range(3):
        assert process.ask(["what", number], Budget(PLENTY)) == (["what", number], b"bytes")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("", "ended with status 0"),
        ("raise SystemExit(7)", "ended with status 7"),
        ("print(1 / 0)", "ended with status 1"),
        ("print('no message, but longer than its two lengths')", None),
        (
            "import sys; sys.stdin.read(9)\nsys.stdout.buffer.write(bytes([2] + [0] * 15) + b'{]')",
            "ended with status 0",
        ),
        ("import sys; sys.stdout.buffer.write(bytes([2] + [0] * 7 + [9] + [0] * 7) + b'[]123')", "ended with status 0"),
    ],
    ids=["nothing", "a status", "an exception", "other words", "no JSON", "half an answer"],
)
def test_what_is_no_answer_ends_in_words(program: str, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    process = process_of(program, monkeypatch)
    with pytest.raises(EndedError if words else FormatError) as ended:
        process.ask("what", Budget(PLENTY))
    assert words is None or str(ended.value) == words
    # and it stays so
    with pytest.raises(EndedError):
        process.ask("what", Budget(PLENTY))


def test_an_answer_beyond_the_limit_is_refused_and_never_taken_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    process = process_of(ECHO, monkeypatch)
    with pytest.raises(FormatError) as refused:
        process.ask("a long question", Budget(10))
    assert str(refused.value) == "the file needs more than 10 bytes of memory; raise the limit if you trust it"
    with pytest.raises(EndedError):
        process.ask("what", Budget(PLENTY))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("when", ["at rest", "half way through an answer"])
def test_a_process_that_is_killed_ends_in_words(when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    half = "import os, sys; sys.stdout.buffer.write(bytes([9] + [0] * 16)); sys.stdout.flush(); os.kill(os.getpid(), 9)"
    process = process_of(ECHO if when == "at rest" else half, monkeypatch)
    if when == "at rest":
        process.ask("what", Budget(PLENTY))
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.wait()
    with pytest.raises(EndedError) as ended:
        process.ask("what" * 100_000, Budget(PLENTY))
    assert str(ended.value) == "crashed (signal 9)"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows bounds no processor time")
def test_a_process_that_hangs_is_ended_by_its_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    process = process_of(
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from matnet import isolation; isolation._SECONDS = 0; isolation.Bounds(0, 0)\n"
        "while True: pass",
        monkeypatch,
    )
    with pytest.raises(EndedError) as ended:
        process.ask("what", Budget(PLENTY))
    assert str(ended.value) == f"crashed (signal {signal.SIGXCPU.value})"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what a process takes")
def test_a_process_gets_the_memory_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    process = process_of(
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from matnet.isolation import Bounds, send; Bounds(1 << 28, 0)\n"
        "taken = bytearray(1 << 28)\n"
        "try: more = bytearray(1 << 34)\n"
        "except MemoryError: send(sys.stdout.buffer, 'no more')",
        monkeypatch,
    )
    assert process.ask("what", Budget(PLENTY)) == ("no more", b"")


def test_no_process_outlives_the_one_that_asked() -> None:
    program = (
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from matnet import isolation\n"
        f"isolation._PROGRAM = {ECHO!r}\n"
        "process = isolation.IsolatedProcess('no.module')\n"
        "process.ask('what', isolation.Budget(100))\n"
        "print(process._process.pid)"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stderr == ""
    if sys.platform == "linux":
        assert not Path(f"/proc/{int(ran.stdout)}").exists()


def test_a_program_that_cannot_be_started_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for python in ("/no/such/python", None):
        monkeypatch.setattr(sys, "executable", python)
        with pytest.raises(OSError, match=r"No such file|Permission denied"):
            IsolatedProcess("no.module")
