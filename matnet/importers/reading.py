"""What the readers of all formats share: the memory that a file may take, its bytes, and that it holds no network."""

from __future__ import annotations

import hashlib
from pathlib import Path

from matnet.errors import FormatError

DEFAULT_LIMIT = 2 * 1024**3
"""Bytes that a file may need in memory before it is refused."""

_CHUNK = 1 << 20


class NoNetworkError(FormatError):
    """A sound file that holds no network."""


class Budget:
    """Memory that a file may still take; asked before every allocation that a count in the file decides."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit

    def take(self, count: int) -> None:
        """Take `count` bytes off, or refuse.

        Raises
        ------
        FormatError
            The file asks for more than the limit.
        """
        if count > self._left:
            raise FormatError(f"the file needs more than {self.limit} bytes of memory; raise the limit if you trust it")
        self._left -= count


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file.

    Raises
    ------
    FormatError
        It cannot be read, or is larger than the limit.
    """
    try:
        if path.is_dir():
            raise FormatError("is a folder, expected a file")
        Budget(limit).take(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}") from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}") from error
    return digest.hexdigest()
