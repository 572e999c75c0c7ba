"""Where results go: a file that is either whole or absent, a device or pipe, or a stream."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from matnet.errors import TableError


class Target:
    """A stream to write to; failures are TableErrors that name it, but a closed pipe stays a BrokenPipeError."""

    def __init__(self, raw: BinaryIO, place: str) -> None:
        self._raw = raw
        self._place = place

    def write(self, data: bytes | memoryview, /) -> None:
        """Write all of `data`."""
        with _failures_named(self._place):
            self._raw.write(data)

    def flush(self) -> None:
        """Hand over to the system what was written."""
        with _failures_named(self._place):
            self._raw.flush()


@contextmanager
def _failures_named(place: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise TableError(f"{place}: cannot be written: {error.strerror or error}") from error


@contextmanager
def open_target(name: str, stdout: BinaryIO | None) -> Iterator[Target]:
    """The target named `name`; ``-`` is `stdout`.

    A file is written beside its place under another name and moved there when all went well: on any failure it is
    absent or as it was before. It keeps the permissions of the file that it replaces. A symbolic link to a file
    in the same folder is followed, one that leads elsewhere is refused. Devices and named pipes are written to as they
    are.

    Raises
    ------
    TableError
        The target cannot be written.
    BrokenPipeError
        Nobody reads the pipe any more.
    """
    if name == "-":
        if stdout is None:
            raise TableError("-: there is no standard output to write to")
        target = Target(stdout, "standard output")
        yield target
        target.flush()
        return
    with _failures_named(name):
        mode = _existing_mode(name)
    if mode is not None and not stat.S_ISREG(mode):
        with _failures_named(name):
            raw = open(name, "wb")  # noqa: SIM115 - closed below, where its errors are named
        with _failures_named(name), raw:
            yield Target(raw, name)
        return
    with _replaced(_final(name), name, mode) as target:
        yield target


def _existing_mode(name: str) -> int | None:
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise TableError(f"{name} is a folder; name a file in it")
    if stat.S_ISREG(mode) and not os.access(name, os.W_OK):
        raise TableError(f"{name} is write-protected; remove it or name another file")
    return mode


def _final(name: str) -> Path:
    path = Path(name)
    if not path.is_symlink():
        return path
    real = path.resolve()
    if real.parent != path.parent.resolve():
        raise TableError(f"{name} is a symbolic link out of its folder, to {real}; name that file itself")
    return real


@contextmanager
def _replaced(final: Path, place: str, mode: int | None) -> Iterator[Target]:
    beside = final.with_name(f".{final.name[:100]}.{secrets.token_hex(6)}.tmp")
    with _failures_named(place):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with _failures_named(place), os.fdopen(descriptor, "wb") as raw:
            if mode is not None:
                os.chmod(beside, stat.S_IMODE(mode))
            yield Target(raw, place)
        with _failures_named(place):
            os.replace(beside, final)
    finally:
        beside.unlink(missing_ok=True)
