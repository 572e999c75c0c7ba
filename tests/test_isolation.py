"""A library in a process of its own may crash, hang, be killed or say anything: each is one error."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import matnet
from matnet import isolation
from matnet.errors import FormatError
from matnet.files import Budget
from matnet.importers.arrays import read_array
from matnet.importers.stored import StoredValues
from matnet.isolation import EndedError, IsolatedProcess

PLENTY = 1 << 20
ROOT = str(Path(isolation.__file__).parents[1])
V73 = Path(ROOT, "fixtures", "pump_v73.mat")
ECHO = f"""
import sys
sys.path.insert(0, {ROOT!r})
from matnet.files import Budget
from matnet.isolation import receive, send
sys.stdin.buffer.readline()
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
            "import sys; sys.stdin.readline(); sys.stdin.read(9)\n"
            "sys.stdout.buffer.write(bytes([2] + [0] * 15) + b'{]')",
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
        "from matnet import isolation; isolation._SECONDS, isolation._PATIENCE = 1, 1000; isolation.Bounds(0, 0)\n"
        "while True: pass",
        monkeypatch,
    )
    with pytest.raises(EndedError) as ended:
        process.ask("what", Budget(PLENTY))
    assert str(ended.value) == f"crashed (signal {signal.SIGXCPU.value})"


def test_a_process_that_waits_for_ever_is_ended_though_it_takes_no_processor_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = process_of(
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from matnet import isolation; isolation._SECONDS = isolation._PATIENCE = 1; bounds = isolation.Bounds(0, 0)\n"
        "import threading\n"
        "bounds.rest(); sys.stdin.buffer.read(1); threading.Event().wait(1.5); bounds.begin()\n"
        "isolation.send(sys.stdout.buffer, 'awake'); threading.Event().wait()",
        monkeypatch,
    )
    assert process.ask("what", Budget(PLENTY)) == ("awake", b"")
    with pytest.raises(EndedError) as ended:
        process.more(Budget(PLENTY))
    assert str(ended.value) == "ended with status 1"


def test_a_process_that_waits_for_ever_at_its_start_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits.py").write_text("import threading; threading.Event().wait()", encoding="ascii")
    monkeypatch.syspath_prepend(tmp_path)
    assert "later(300," in isolation._PROGRAM
    monkeypatch.setattr(isolation, "_PROGRAM", isolation._PROGRAM.replace("later(300,", "later(1,"))
    process = IsolatedProcess("waits")
    with pytest.raises(EndedError, match="ended with status 1"):
        process.ask("what", Budget(PLENTY))


@pytest.mark.parametrize("at", ["send", "receive"])
def test_an_interrupt_ends_a_process_half_way(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked next is never answered by the rest of what was interrupted."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    process = process_of(ECHO, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(isolation, at, interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.ask("what", Budget(PLENTY))
    assert process._process.poll() is not None
    with pytest.raises(EndedError):
        process.ask("what", Budget(PLENTY))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_an_interrupt_of_both_is_noticed_by_the_one_that_asks() -> None:
    """Ctrl-C reaches both, and a program that goes on in spite of it gets its answer."""
    process = isolation.started("it", "matnet.importers.mat.isolated", str(V73), str(PLENTY))
    process.ask(["headings", ""], Budget(PLENTY))
    os.kill(process._process.pid, signal.SIGINT)
    assert process.ask(["headings", ""], Budget(PLENTY))[0][0] == ""


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


def test_a_prepared_process_is_the_one_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports before it knows its arguments, and serves once; the next one is another."""
    (tmp_path / "echoes.py").write_text(
        "import os, sys\n"
        "def serve(questions, answers, *arguments):\n"
        "    from matnet.files import Budget\n"
        "    from matnet.isolation import receive, send\n"
        "    while True:\n"
        "        receive(questions, Budget(1 << 20))\n"
        "        send(answers, [os.getpid(), *arguments])\n",
        encoding="ascii",
    )
    monkeypatch.syspath_prepend(tmp_path)
    isolation.prepare("echoes")
    isolation.prepare("echoes")
    prepared = isolation._prepared["echoes"].pid
    arguments = ("a\nb", "\udce4", "ü" * 5000)
    first, second = IsolatedProcess("echoes", *arguments), IsolatedProcess("echoes", "c")
    assert first.ask("who", Budget(PLENTY)) == ([prepared, *arguments], b"")
    other, *given = second.ask("who", Budget(PLENTY))[0]
    assert (other == prepared, given) == (False, ["c"])


def test_a_prepared_process_that_is_not_needed_ends() -> None:
    program = (
        f"import sys; sys.path.insert(0, {ROOT!r})\n"
        "from matnet import isolation\n"
        "isolation.prepare('matnet.tables.binary.isolated')\n"
        "print(isolation._prepared['matnet.tables.binary.isolated'].pid)"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stderr == ""
    if sys.platform == "linux":
        assert not Path(f"/proc/{int(ran.stdout)}").exists()


def test_a_prepared_process_that_died_or_could_not_start_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dies.py").write_text("raise SystemExit(7)", encoding="ascii")
    monkeypatch.syspath_prepend(tmp_path)
    isolation.prepare("dies")
    isolation._prepared["dies"].wait()
    with pytest.raises(EndedError, match="ended with status 7"):
        IsolatedProcess("dies", "ü" * 5000).ask("what", Budget(PLENTY))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    isolation.prepare("dies")
    with pytest.raises(OSError, match="No such file"):
        IsolatedProcess("dies")


def test_a_program_that_cannot_be_started_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for python, words in (
        ("/no/such/python", "No such file"),
        (None, "the program that runs is not Python"),
        ("/opt/simulator/bin/simulate", "/opt/simulator/bin/simulate is not Python"),
    ):
        monkeypatch.setattr(sys, "executable", python)
        with pytest.raises(OSError, match=words):
            IsolatedProcess("no.module")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds addresses")
@pytest.mark.parametrize("size", [30, 100])
def test_too_little_memory_for_the_process_is_not_the_fault_of_the_file(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In some megabytes of addresses the process does not start, or its libraries do not."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nulimit -v {size << 10}\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    start = f"{V73}: a version 7.3 MAT-file is read in a separate process, which cannot be started (it "
    end = "); isolation=False reads it in this one, if you trust it"
    with pytest.raises(FormatError, match=rf"^{re.escape(start)}[a-z0-9() ]+{re.escape(end)}$"):
        matnet.load(V73)


def test_a_program_with_python_in_it_is_never_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(OSError, match="is not Python"):
        IsolatedProcess("no.module")
    monkeypatch.delattr(sys, "frozen")
    monkeypatch.setenv("MATNET_ISOLATED", "1")
    with pytest.raises(OSError, match="this process is one"):
        IsolatedProcess("no.module")


def in_a_program(program: str, folder: Path, *arguments: str) -> str:
    """What a program prints that is started in another folder, without matnet on its path."""
    variables = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        [sys.executable, *arguments, program], check=True, capture_output=True, text=True, cwd=folder, env=variables
    )
    return ran.stdout


def test_matnet_is_found_wherever_it_was_imported_from(tmp_path: Path) -> None:
    """Through the working directory, a relative folder, or an archive, and with a path that is no text."""
    archive = tmp_path / "matnet.pyz"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in Path(ROOT, "matnet").rglob("*.py"):
            packed.write(file, file.relative_to(ROOT))
    read = f"import os; import matnet; os.chdir('/'); print(matnet.__file__, matnet.load({str(V73)!r}).input_size)"
    # without the .pth file that makes an editable installation
    here = f"import os, sys; from pathlib import Path; sys.path = [p for p in sys.path if p != {ROOT!r}]; "
    for entry in ("''", "'.'", repr(str(archive))):
        folder = tmp_path if "pyz" in entry else Path(ROOT)
        said = in_a_program(f"{here}sys.path[:0] = [{entry}]; sys.path.append(Path('x')); {read}", folder, "-c")
        assert said.split()[-1] == "2"
        assert ("pyz" in said) == ("pyz" in entry)


def test_reading_leaves_no_process_behind(tmp_path: Path) -> None:
    """Neither after success nor while the errors of many files are kept, without waiting for the garbage collector."""
    broken = V73.read_bytes()
    for number in range(3):
        (tmp_path / f"{number}.mat").write_bytes(broken[: len(broken) - 2000 * number])
    started: list[Any] = []
    kept: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolation.IsolatedProcess, "__init__", _noting(started))
        gc.disable()
        try:
            kept.append(matnet.load(V73))
            kept.append(matnet.load_all(tmp_path, on_error=kept.append))
            for path in ("x", "no"):
                try:
                    kept.append(read_array(V73, path))
                except FormatError as error:
                    kept.append(error)
            stored = StoredValues(V73)
            kept.append(stored.networks)
            del stored
        finally:
            gc.enable()
    assert len(started) >= 6
    assert [process.poll() is None for process in started] == [False] * len(started)


def _noting(started: list[Any]) -> Any:
    before = isolation.IsolatedProcess.__init__

    def start(self: IsolatedProcess, module: str, *arguments: str) -> None:
        before(self, module, *arguments)
        started.append(self._process)

    return start
