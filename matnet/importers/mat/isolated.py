"""Reading a version 7.3 file in a process of its own.

The HDF5 library, which reads such files, can be made to crash by a damaged file, and no check of ours before it can be
complete. In a process of its own a crash is an error like any other, and so is a file that takes the library too much
memory or processor time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from matnet.errors import Advice, FormatError, MatnetError, Parameter, UnsupportedError
from matnet.files import Budget
from matnet.importers.mat.mcos import Subsystem
from matnet.importers.mat.transport import Decoder, encode, receive, send
from matnet.importers.mat.values import Shape, Value

_ROOT = Path(__file__).parents[3]
_PROGRAM = """import sys
sys.path.insert(0, sys.argv[1])
from matnet.importers.mat.isolated import serve
serve(sys.argv[2], int(sys.argv[3]), sys.stdin.buffer, sys.stdout.buffer)
"""
_ERRORS: Mapping[str, type[MatnetError]] = {"FormatError": FormatError, "UnsupportedError": UnsupportedError}

_MEMORY = 2 << 30
"""Bytes of addresses that the process may take beside twice the limit: Python, NumPy and the HDF5 library."""

_SECONDS, _SECONDS_PER_GB = 60, 120
"""Processor time that the process may take, and more of it for a large file."""


class IsolatedFile:
    """A version 7.3 file as ``hdf5.OpenFile`` reads it, but in a process of its own, which ends with this object."""

    def __init__(self, path: Path, budget: Budget, subsystem: Callable[[], Subsystem]) -> None:
        self._budget = budget
        self._subsystem = subsystem
        self._lock = threading.Lock()
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": ""}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), str(path.absolute()), str(budget.limit)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError as error:
            raise FormatError(
                f"a version 7.3 MAT-file is read in a process of its own, which cannot be started ({error.strerror})",
                Advice("; ", Parameter("isolation", False), " reads it in this one, if you trust it"),
            ) from error
        self._end = weakref.finalize(self, _end, self._process)

    def headings(self) -> dict[str, tuple[str, Shape]]:
        """Class and size of each variable."""
        content, _ = self._ask("headings", "")
        return {name: (class_name, tuple(shape)) for name, class_name, shape in content}

    def value(self, name: str) -> Value:
        """The value of a variable."""
        content, buffer = self._ask("value", name)
        return Decoder(buffer, self._budget, self._subsystem).value(content)

    def cells(self) -> tuple[Value, ...]:
        """The subsystem's column of cells."""
        (content, order), buffer = self._ask("cells", "")
        cells = tuple(map(Decoder(buffer, self._budget, self._subsystem).value, content))
        return tuple(cells[number] for number in order)

    def _ask(self, what: str, name: str) -> tuple[Any, bytes]:
        requests, answers = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        with self._lock:
            try:
                send(requests, [what, name])
                (error, *content), buffer = receive(answers, self._budget)
            except (EOFError, OSError, ValueError):
                raise FormatError(f"broken: the HDF5 library {self._last_words()} when it read the file") from None
        if error:
            raise _ERRORS[error](*content)
        return content[0], buffer

    def _last_words(self) -> str:
        status = self._process.wait()
        if status < 0:
            return f"crashed (signal {-status})"
        return f"ended with status {status}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process ends when nothing is left to be asked."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.kill()
    process.wait()


def serve(name: str, limit: int, requests: BinaryIO, answers: BinaryIO) -> None:
    """What the process does: answers questions about the file until there are none."""
    from matnet.importers.mat.hdf5 import OpenFile

    path = Path(name)
    _restrict(limit, path.stat().st_size)
    budget = Budget(limit)
    file: OpenFile | None = None
    while True:
        try:
            (what, name), _ = receive(requests, Budget(1 << 20))
        except EOFError:
            return
        arrays: list[Any] = []
        try:
            file = file or OpenFile(path, budget, _no_subsystem)
            if what == "headings":
                answer: object = [[key, *heading] for key, heading in file.headings().items()]
            elif what == "value":
                answer = encode(file.value(name), arrays)
            else:
                answer = _each_once(file.cells(), arrays)
        except MatnetError as error:
            kind = next(key for key, kind in _ERRORS.items() if isinstance(error, kind))
            send(answers, [kind, str(error)])
        except MemoryError:
            send(answers, ["FormatError", f"the file needs more than {limit} bytes of memory"])
        else:
            send(answers, ["", answer], arrays)


def _each_once(cells: tuple[Value, ...], arrays: list[Any]) -> object:
    """The cells that differ, and which of them stands at each place."""
    distinct = {id(cell): cell for cell in cells}
    places = {key: number for number, key in enumerate(distinct)}
    return [[encode(cell, arrays) for cell in distinct.values()], [places[id(cell)] for cell in cells]]


def _no_subsystem() -> Subsystem:
    raise FormatError("objects are put together by the process that asks")


def _restrict(limit: int, size: int) -> None:
    """Bounds what the HDF5 library may take, where the system can."""
    try:
        import resource
    except ImportError:
        return
    seconds = _SECONDS + size * _SECONDS_PER_GB // 10**9
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY + 2 * limit),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, hard))
