"""Putting a file in its place: whole or not at all, with the permissions it had, and never through a link elsewhere."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from matnet.errors import MatnetError


@contextmanager
def failures_named(place: str, kind: type[MatnetError]) -> Iterator[None]:
    """What the system refuses as an error of `kind` that names the place; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise kind(f"{place}: cannot be written: {error.strerror or error}") from error


def existing_mode(name: str, kind: type[MatnetError]) -> int | None:
    """Kind and permissions of what is at the place, None where nothing is.

    Raises
    ------
    MatnetError
        Of `kind`: it is a folder, or a file that may not be written.
    """
    with failures_named(name, kind):
        try:
            mode = os.stat(name).st_mode
        except FileNotFoundError:
            return None
        if stat.S_ISREG(mode) and not os.access(name, os.W_OK):
            raise kind(f"{name} is write-protected; remove it or name another file")
    if stat.S_ISDIR(mode):
        raise kind(f"{name} is a folder; name a file in it")
    return mode


@contextmanager
def replaced(name: str, mode: int | None, kind: type[MatnetError]) -> Iterator[BinaryIO]:
    """A file beside the place, moved there when all went well; on any failure the place is as it was before.

    It gets the permissions `mode` of the file that it replaces. A symbolic link to a file in the same folder is
    followed, one that leads elsewhere is refused with an error of `kind`.
    """
    final = _final(name, kind)
    beside = final.with_name(f".{final.name[:100]}.{secrets.token_hex(6)}.tmp")
    with failures_named(name, kind):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with failures_named(name, kind), os.fdopen(descriptor, "wb") as raw:
            if mode is not None:
                os.chmod(beside, stat.S_IMODE(mode))
            yield raw
        with failures_named(name, kind):
            os.replace(beside, final)
    finally:
        beside.unlink(missing_ok=True)


def _final(name: str, kind: type[MatnetError]) -> Path:
    path = Path(name)
    if not path.is_symlink():
        return path
    real = path.resolve()
    if real.parent != path.parent.resolve():
        raise kind(f"{name} is a symbolic link out of its folder, to {real}; name that file itself")
    return real
