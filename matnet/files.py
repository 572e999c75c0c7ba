"""Files: reading with a memory limit and a hash; writing whole or not at all.

A file that is written keeps the permissions of the one it replaces, and is never written through a link elsewhere.
"""

from __future__ import annotations

import glob
import hashlib
import operator
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from matnet.errors import FormatError, MatnetError

DEFAULT_LIMIT = 2 * 1024**3
"""How many bytes of memory a file may need; a file that needs more is refused."""

_CHUNK = 1 << 20
_EXPANSION, _FREE_EXPANSION = 10, 1 << 25

_DESCRIPTORS = "/proc/self/fd"

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class ExactFloat(float):
    """A number that a library which formats it with 15 or 16 digits writes with all of them."""

    def __format__(self, spec: str) -> str:
        return float.__repr__(self)


def file_name(path: object, parameter: str = "path") -> str:
    """The name of a file that a user gave, as text.

    Raises
    ------
    FormatError
        It is not a valid name of a file.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise FormatError(
            f"{parameter} is of type {type(path).__name__}, expected the name of a file: write what is in memory to a "
            "file first"
        )
    name = os.fsdecode(path)
    if "\0" in name:
        raise FormatError(f"{parameter} is {name!r}, which is not a file name: it contains a NUL character")
    return name


def byte_count(limit: object) -> int:
    """A memory limit in bytes, from an integer or a text with a unit such as "500M" or "8G".

    Raises
    ------
    FormatError
        It is neither.
    """
    if not isinstance(limit, bool | str) and hasattr(limit, "__index__") and operator.index(limit) >= 0:
        return operator.index(limit)
    text = limit.strip() if isinstance(limit, str) else ""
    match = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)i?B?", text, re.IGNORECASE)
    if match is None:
        raise FormatError(f"limit is {limit!r}, expected a number of bytes, or a text with K, M, G or T as in '8G'")
    return int(match[1]) * _UNITS[match[2].upper()]


class Budget:
    """The memory that a file may still take; checked before every allocation whose size comes from the file."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._left = limit
        self._expanded = 0

    def take(self, count: int) -> None:
        """Subtract `count` bytes, or refuse.

        Raises
        ------
        FormatError
            The file asks for more than the limit.
        """
        if count > self._left:
            raise FormatError(f"the file needs more than {self.limit} bytes of memory; raise the limit if you trust it")
        self._left -= count

    def expand(self, count: int) -> None:
        """Subtract `count` bytes for data that the file holds in a much shorter form, such as a sparse matrix.

        Raises
        ------
        FormatError
            The expanded data takes more than 32 MB and ten times the memory of everything else, or exceeds the limit.
        """
        most = _EXPANSION * (self.limit - self._left - self._expanded) + _FREE_EXPANSION
        if self._expanded + count > most:
            raise FormatError(
                f"a sparse matrix takes {count} bytes when it is full, but all of a file of this size may take {most}"
            )
        self.take(count)
        self._expanded += count


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file, or of a pipe or device, whose size is not known before its end.

    Raises
    ------
    FormatError
        It cannot be read, or is larger than the limit.
    """
    try:
        if os.path.isdir(path):
            raise FormatError("is a folder, expected a file")
        budget = Budget(limit)
        with path.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            budget.take(size)
            content = stream.read(size) or b""
            chunks = [content]
            while chunk := stream.read(_CHUNK):
                # a pipe, or a file that has grown
                budget.take(len(chunk))
                chunks.append(chunk)
        return content if len(chunks) == 1 else b"".join(chunks)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}") from error


def is_several(name: str) -> bool:
    """Whether a name means several files: a folder, or a pattern that is not itself a file."""
    return os.path.isdir(name) or (glob.has_magic(name) and not os.path.exists(name))


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


@contextmanager
def failures_named(name: str, kind: type[MatnetError]) -> Iterator[None]:
    """Converts operating system errors to errors of `kind` that name the file; a broken pipe passes unchanged."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise kind(f"{name}: cannot be written: {error.strerror or error}") from error


def existing_mode(name: str, kind: type[MatnetError]) -> int | None:
    """Type and permissions of an existing file, None if it does not exist.

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
    """A new file beside `name`, renamed to it on success; after any failure `name` is unchanged.

    It gets the permissions `mode` of the file that it replaces. A symbolic link to a file in the same folder is
    followed, one that leads elsewhere is refused with an error of `kind`. Where Linux can, the file has no name until
    it is complete, so that nothing is left of it if the process is killed.
    """
    with failures_named(name, kind):
        final = _final(name, kind).absolute()
        beside = final.with_name(f".{_shortened(final.name)}.{os.urandom(6).hex()}.tmp")
        descriptor, nameless = _new_file(beside)
    try:
        with failures_named(name, kind), os.fdopen(descriptor, "wb") as raw:
            if mode is not None:
                os.chmod(descriptor if os.chmod in os.supports_fd else beside, stat.S_IMODE(mode))
            yield raw
            if nameless:
                raw.flush()
                _give_name(descriptor, beside)
        with failures_named(name, kind):
            os.replace(beside, final)
    finally:
        with suppress(OSError):
            # it has its final name, or is lost with its folder
            beside.unlink()


def _shortened(name: str) -> str:
    """The beginning of a name, so that more fits behind it: a name has 255 bytes at most."""
    return os.fsencode(name)[:100].decode("utf-8", errors="ignore")


def _give_name(descriptor: int, path: Path) -> None:
    """Give a nameless file its first name."""
    source = f"{_DESCRIPTORS}/{descriptor}"
    try:
        # the folder is not used, but without one link() is called, which does not follow the link in /proc
        os.link(source, path, src_dir_fd=descriptor)
    except OSError:
        # where files may not be linked
        import shutil

        shutil.copy(source, path)


def _new_file(path: Path) -> tuple[int, bool]:
    """The descriptor of a new file to write to, and whether it has no name yet."""
    if sys.platform == "linux" and os.path.isdir(_DESCRIPTORS):
        with suppress(OSError):
            # not every file system can
            return os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, 0o666), True
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), False


def _final(name: str, kind: type[MatnetError]) -> Path:
    path = Path(name)
    if not os.path.islink(path):
        return path
    real = path.resolve()
    if real.parent != path.parent.resolve():
        raise kind(f"{name} is a symbolic link out of its folder, to {real}; name that file itself")
    return real


def put(path: Path, content: bytes) -> None:
    """Writes the whole content or nothing: a half-written file never appears under its name.

    Raises
    ------
    FormatError
        The file cannot be written; an existing one is left unchanged.
    """
    name = str(path)
    mode = existing_mode(name, FormatError)
    if mode is not None and not stat.S_ISREG(mode):
        # a device or a pipe is written to and not replaced
        with failures_named(name, FormatError):
            path.write_bytes(content)
        return
    with replaced(name, mode, FormatError) as file, failures_named(name, FormatError):
        file.write(content)
