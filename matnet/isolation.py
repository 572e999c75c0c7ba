"""Reading files with other people's libraries in a separate process.

Such a library can be made to crash by a damaged file, and no check of ours before it can be complete. In a process of
its own a crash is an error like any other, and so is a file for which the library needs too much memory or processor
time.

A message is two lengths, a text of JSON and bytes, to which the JSON refers.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from matnet.errors import MatnetError
from matnet.files import Budget

if sys.platform != "win32":
    import resource

_PROGRAM = """import json, sys
sys.path[:] = json.loads(sys.argv[1])
from importlib import import_module
import_module(sys.argv[2]).serve(sys.stdin.buffer, sys.stdout.buffer, *sys.argv[3:])
"""
_LENGTHS = struct.Struct("<QQ")

_SECONDS, _SECONDS_PER_GB = 60, 120
"""Processor time that an answer may take, and more of it for a large file."""

_LIBRARIES, _PER_CORE = 256 << 20, 16 << 20
"""Bytes that the libraries need, and each core's thread."""

_RESERVED = 4 << 30
"""Bytes of address space that are reserved but not used."""

_PIPE = 1 << 20
"""The size of the pipes between the two processes, where the system lets us set it."""

_LAST_SECONDS = 10
"""How long a process that has closed its output may take to end."""


class EndedError(Exception):
    """The process ended, or sent no valid answer; the text says how, as in "crashed (signal 11)"."""


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
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._lock = threading.Lock()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": ""}
        path = json.dumps([entry for entry in sys.path if entry])
        self._process = subprocess.Popen(
            [sys.executable or "", "-I", "-c", _PROGRAM, path, module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pipesize=_PIPE,
        )
        self._end = weakref.finalize(self, _end, self._process)

    def ask(self, question: object, budget: Budget) -> tuple[Any, bytes]:
        """The answer to a question: its content and its bytes.

        Raises
        ------
        EndedError
            The process ended.
        FormatError
            The answer is larger than the limit.
        """
        with self._lock:
            try:
                send(cast(BinaryIO, self._process.stdin), question)
            except (OSError, ValueError):
                raise EndedError(self._last_words()) from None
            return self._received(budget)

    def more(self, budget: Budget) -> tuple[Any, bytes]:
        """The next answer to the same question; errors as of `ask`."""
        with self._lock:
            return self._received(budget)

    def end(self) -> None:
        """End the process."""
        self._end()

    def _received(self, budget: Budget) -> tuple[Any, bytes]:
        answered = False
        try:
            found = receive(cast(BinaryIO, self._process.stdout), budget)
            answered = True
        except (EOFError, OSError, ValueError) as error:
            if isinstance(error, MatnetError):
                raise
            raise EndedError(self._last_words()) from None
        finally:
            if not answered:
                # the rest of a message would be taken for the start of the next one
                self._end()
        return found

    def _last_words(self) -> str:
        try:
            status = self._process.wait(_LAST_SECONDS)
        except subprocess.TimeoutExpired:
            return "was ended because it gave no answer"
        if status < 0:
            return f"crashed (signal {-status})"
        return f"ended with status {status}"


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
        if sys.platform == "win32":
            return
        addresses, data = _taken()
        most = _LIBRARIES + (os.cpu_count() or 1) * _PER_CORE + memory
        _bound(resource.RLIMIT_DATA, data + most)
        # where data are not counted; addresses are reserved far beyond what is used
        _bound(resource.RLIMIT_AS, addresses + _RESERVED + 2 * most)
        _bound(resource.RLIMIT_CORE, 0)
        self.begin()

    def begin(self) -> None:
        """Give the next answer its processor time."""
        if sys.platform != "win32":
            _bound(resource.RLIMIT_CPU, math.ceil(time.process_time()) + self._seconds)


def _taken() -> tuple[int, int]:
    """Bytes of address space and of data that this process has; 0 where the system does not say."""
    try:
        numbers = Path("/proc/self/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(numbers[0]) * page, int(numbers[5]) * page


def _bound(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
