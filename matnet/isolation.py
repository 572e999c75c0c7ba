"""Reading files with other people's libraries in a separate process.

Such a library can be made to crash by a damaged file, and no check of ours before it can be complete. In a process of
its own a crash is an error like any other, and so is a file for which the library needs too much memory or processor
time.

A message is two lengths, a text of JSON and bytes, to which the JSON refers.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import faulthandler
import json
import math
import os
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from matnet.addresses import addresses_and_data
from matnet.errors import (
    Advice,
    FormatError,
    MatnetError,
    MissingExtraError,
    Parameter,
    TableError,
    UnsupportedError,
)
from matnet.files import Budget

if sys.platform != "win32":
    import resource
if sys.platform == "linux":
    import fcntl

_PROGRAM = """import faulthandler, json, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
# a library may wait for ever when it is imported, as polars where threads get no addresses
faulthandler.dump_traceback_later(300, exit=True)
sys.path[:] = json.loads(sys.argv[1])
from importlib import import_module
serve = import_module(sys.argv[2]).serve
faulthandler.cancel_dump_traceback_later()
serve(sys.stdin.buffer, sys.stdout.buffer, *json.loads(sys.stdin.buffer.readline()))
"""
_LENGTHS = struct.Struct("<QQ")

_ROOT = str(Path(__file__).absolute().parents[1])
"""Where matnet is imported from, whatever the working directory is later."""

_INSIDE = "MATNET_ISOLATED"
"""The variable by which such a process knows that it is one."""

_SECONDS, _SECONDS_PER_GB = 60, 120
"""Processor time that an answer may take, and more of it for a large file."""

_PATIENCE = 10
"""How many times longer an answer may take than its processor time: a thread that waits for ever takes none."""

_LIBRARIES, _PER_CORE = 256 << 20, 16 << 20
"""Bytes that the libraries need, and each core's thread."""

_RESERVED = 4 << 30
"""Bytes of address space that are reserved but not used."""

_LARGEST_QUESTION, _LARGEST_GREETING = 1 << 26, 64
"""Bytes."""

_PIPE = 1 << 20
"""The size of the pipes between the two processes, where the system lets us set it."""

_LAST_SECONDS = 10
"""How long a process that has closed its output may take to end."""

_ERRORS: Mapping[str, type[MatnetError]] = {
    kind.__name__: kind for kind in (FormatError, MissingExtraError, TableError, UnsupportedError)
}
"""What reading a file raises, as a message names it."""


class EndedError(Exception):
    """The process ended, or sent no valid answer; the text says how, as in "crashed (signal 11)"."""


_prepared: dict[str, subprocess.Popen[bytes]] = {}


def prepare(module: str) -> None:
    """Start the process for the next ``IsolatedProcess`` of a module: it imports its libraries while this one does.

    Where it cannot be started, the ``IsolatedProcess`` says so.
    """
    if module not in _prepared:
        with contextlib.suppress(OSError):
            _prepared[module] = _begun(module)


@atexit.register
def _end_prepared() -> None:
    """End the processes that were not needed."""
    while _prepared:
        _end(_prepared.popitem()[1])


class IsolatedProcess:
    """A process that runs ``serve`` of a module of ours, and ends with this object.

    Parameters
    ----------
    module
        Its ``serve`` takes the streams of questions and of answers, and the arguments.
    arguments
        Texts.

    Raises
    ------
    OSError
        It cannot be started.

    Notes
    -----
    Ctrl-C reaches both processes; only the one that asks takes note of it, and ends the other.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._lock = threading.Lock()
        prepared = _prepared.pop(module, None)
        self._process = _begun(module) if prepared is None else prepared
        self._end = weakref.finalize(self, _end, self._process)
        with contextlib.suppress(OSError):
            # of a process that has ended already, the first question says how
            cast(BinaryIO, self._process.stdin).write(json.dumps(arguments).encode() + b"\n")
            cast(BinaryIO, self._process.stdin).flush()
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                # a user may have so many bytes in pipes
                fcntl.fcntl(cast(BinaryIO, self._process.stdout), fcntl.F_SETPIPE_SZ, _PIPE)

    def ask(self, question: object, budget: Budget) -> tuple[Any, bytes]:
        """The answer to a question: its content and its bytes.

        Raises
        ------
        EndedError
            The process ended.
        FormatError
            The answer is larger than the limit.
        """
        with self._lock, self._ended_by_failure():
            try:
                send(cast(BinaryIO, self._process.stdin), question)
            except (OSError, ValueError):
                raise EndedError(self._last_words()) from None
            return self._received(budget)

    def more(self, budget: Budget) -> tuple[Any, bytes]:
        """The next answer to the same question; errors as of `ask`."""
        with self._lock, self._ended_by_failure():
            return self._received(budget)

    def answers(self, question: object, budget: Callable[[], Budget]) -> Iterator[tuple[Any, bytes]]:
        """All answers of ``answer_questions`` to a question: the content and the bytes of each.

        Parameters
        ----------
        question
            Its parts.
        budget
            What the next answer is counted in.

        Raises
        ------
        EndedError
            The process ended.
        FormatError
            An answer is larger than the limit, or the process needs more memory than it may use.
        MatnetError
            What reading the file raised. The process goes on.
        """
        message = self.ask(question, budget())
        while True:
            (kind, content, more), buffer = message
            if kind:
                text, place = content
                raise _ERRORS[kind](text, place=place)
            if not more:
                return
            yield content, buffer
            message = self.more(budget())

    def end(self) -> None:
        """End the process."""
        self._end()

    @contextlib.contextmanager
    def _ended_by_failure(self) -> Iterator[None]:
        """End the process if something fails: the rest of a message would be taken for the start of the next one."""
        with contextlib.ExitStack() as failed:
            failed.callback(self._end)
            yield
            failed.pop_all()

    def _received(self, budget: Budget) -> tuple[Any, bytes]:
        try:
            return receive(cast(BinaryIO, self._process.stdout), budget)
        except MatnetError:
            raise
        except (EOFError, OSError, ValueError):
            raise EndedError(self._last_words()) from None

    def _last_words(self) -> str:
        try:
            status = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            return "was ended because it gave no answer"
        if status < 0:
            return f"crashed (signal {-status})"
        return f"ended with status {status}"


def started(what: str, module: str, *arguments: str) -> IsolatedProcess:
    """The process that reads `what`, as of ``IsolatedProcess``, when it is ready for questions.

    Raises
    ------
    FormatError
        It cannot be started, or ends before it reads anything, as where there is no memory for its libraries.
    """
    try:
        process = IsolatedProcess(module, *arguments)
        process.more(Budget(_LARGEST_GREETING))
        return process
    except (OSError, EndedError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it {error}"
        raise FormatError(
            f"{what} is read in a separate process, which cannot be started ({reason})",
            Advice("; ", Parameter("isolation", False), " reads it in this one, if you trust it"),
        ) from error


def _begun(module: str) -> subprocess.Popen[bytes]:
    """A process that imports a module and waits for the arguments of its ``serve``: a line of JSON."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", _INSIDE: "1"}
    # the same bytes are the same name in both
    encoding = ["-X", "utf8"] if sys.flags.utf8_mode else []
    return subprocess.Popen(
        [_python(), "-I", *encoding, "-c", _PROGRAM, json.dumps(_import_path()), module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def _python() -> str:
    """The program that runs Python.

    Raises
    ------
    OSError
        It is another, with Python in it, which would be started anew; or this process is isolated itself.
    """
    program = sys.executable or ""
    if getattr(sys, "frozen", False) or "py" not in Path(program).name.lower():
        raise OSError(errno.ENOEXEC, f"{program or 'the program that runs'} is not Python")
    if _INSIDE in os.environ:
        raise OSError(errno.EPERM, "this process is one")
    return program


def _import_path() -> list[str]:
    """Where the other process finds what this one imports."""
    path = [str(entry) for entry in sys.path if entry]
    if _ROOT in path:
        return path
    # the working directory of the start, or a relative name
    return [_ROOT, *path] if "" in sys.path else [*path, _ROOT]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and close its streams."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                # closing flushes what the process did not read of a question
                stream.close()


def send(stream: BinaryIO, content: object, buffers: Sequence[bytes | memoryview] = ()) -> None:
    """Writes a message."""
    text = json.dumps(content).encode()
    stream.write(_LENGTHS.pack(len(text), sum(map(len, buffers))))
    stream.write(text)
    for buffer in buffers:
        stream.write(buffer)
    stream.flush()


def receive(stream: BinaryIO, budget: Budget) -> tuple[Any, bytes]:
    """Reads a message: its content and its bytes.

    Raises
    ------
    EOFError
        The other process ended.
    FormatError
        It is larger than the limit.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) != _LENGTHS.size:
        raise EOFError
    text_size, size = _LENGTHS.unpack(lengths)
    budget.take(text_size + size)
    text, buffer = stream.read(text_size), stream.read(size)
    if len(text) != text_size or len(buffer) != size:
        raise EOFError
    return json.loads(text), buffer


class Bounds:
    """Limits on what this process may use from now on, where the system can enforce them.

    Parameters
    ----------
    memory
        Bytes, in addition to what threads and libraries need.
    size
        Bytes of the file that is read, which decides on the processor time.
    """

    def __init__(self, memory: int, size: int) -> None:
        self._seconds = _SECONDS + size * _SECONDS_PER_GB // 10**9
        self.begin()
        if sys.platform == "win32":
            return
        addresses, data = addresses_and_data()
        most = _LIBRARIES + (os.cpu_count() or 1) * _PER_CORE + memory
        _bound(resource.RLIMIT_DATA, data + most)
        # where data are not counted; addresses are reserved far beyond what is used
        _bound(resource.RLIMIT_AS, addresses + _RESERVED + 2 * most)
        _bound(resource.RLIMIT_CORE, 0)

    def begin(self) -> None:
        """Give the next answer its time."""
        faulthandler.dump_traceback_later(_PATIENCE * self._seconds, exit=True)
        if sys.platform != "win32":
            _bound(resource.RLIMIT_CPU, math.ceil(time.process_time()) + self._seconds)

    def rest(self) -> None:
        """The answer is there: how long the other process takes to accept it, and to ask again, does not count."""
        faulthandler.cancel_dump_traceback_later()


Answers = Iterator[tuple[object, Sequence[bytes]]]
"""The content and the bytes of each answer to a question."""


def answer_questions(
    questions: BinaryIO, answers: BinaryIO, answered: Callable[..., Answers], bounds: Bounds, limit: int
) -> None:
    """What ``serve`` of a module does: says that it is ready and answers questions, each within the bounds.

    Parameters
    ----------
    questions, answers
        The streams.
    answered
        Takes the parts of a question and gives the answers to it. What reading a file raises is sent as an error.
    limit
        Bytes of memory, for the message of a file that needs more.
    """
    send(answers, "ready")
    while True:
        try:
            question, _ = receive(questions, Budget(_LARGEST_QUESTION))
        except EOFError:
            return
        bounds.begin()
        last: list[object] = ["", None, False]
        try:
            for content, buffers in answered(*question):
                bounds.rest()
                send(answers, ["", content, True], buffers)
                bounds.begin()
        except MatnetError as error:
            kind = next(key for key, kind in _ERRORS.items() if isinstance(error, kind))
            last = [kind, [error.text, error.place], False]
        except MemoryError:
            last = ["FormatError", [f"the file needs more than {limit} bytes of memory", ""], False]
        bounds.rest()
        send(answers, last)


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
