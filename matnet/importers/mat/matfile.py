"""Opening a MAT-file of any version that can hold a network: by its content, not its name."""

from __future__ import annotations

import os
import struct
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from matnet.errors import FormatError, UnsupportedError
from matnet.files import Budget, read_bytes
from matnet.importers.mat.mat5 import HEADER_SIZE, read_mat5
from matnet.importers.mat.mcos import Subsystem
from matnet.importers.mat.values import MatFile, Variable

if TYPE_CHECKING:
    from matnet.importers.mat.hdf5 import OpenFile

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_USER_BLOCK = 512
_VERSION_73 = b"MATLAB 7.3 MAT-file"


def open_mat(path: Path, limit: int, isolation: bool = True) -> MatFile:
    """The header and the variables of a MAT-file; values are read when they are asked for.

    A version 7.3 file is read in a separate process, unless `isolation` is false.

    Raises
    ------
    FormatError
        It is not a MAT-file, is broken, or cannot be read.
    UnsupportedError
        It is a version 4 MAT-file, which cannot hold a network.
    """
    start = first_bytes(path)
    if start[_HDF5_USER_BLOCK:].startswith(_HDF5_SIGNATURE):
        return _open_version_73(path, start, Budget(limit), isolation)
    if start[126:HEADER_SIZE] in (b"IM", b"MI"):
        content = read_bytes(path, limit)
        budget = Budget(limit)
        budget.take(len(content))
        return read_mat5(content, budget)
    if start.startswith(b"MATLAB"):
        raise FormatError("a MAT-file that is cut off within its header")
    if _version_4(start):
        raise UnsupportedError("a version 4 MAT-file; save it with -v7 instead")
    from matnet.importers.foreign import foreign_kind

    foreign = foreign_kind(path, start)
    if foreign is not None:
        raise FormatError(f"not a MAT-file: it is {foreign}")
    raise FormatError(f"not a MAT-file: it begins with {start[:16]!r}" if start else "not a MAT-file: it is empty")


def _open_version_73(path: Path, start: bytes, budget: Budget, isolation: bool) -> MatFile:
    if not start.startswith(_VERSION_73):
        raise FormatError("an HDF5 file, but not a MAT-file: its first bytes are not MATLAB's")

    file: OpenFile | IsolatedFile
    if isolation:
        from matnet.importers.mat.isolated import IsolatedFile

        file = IsolatedFile(path, budget)
    else:
        file = _open_here(path, budget)
    with ExitStack() as failed:
        failed.callback(file.end)
        headings = file.headings()
        failed.pop_all()
    variables = {name: Variable(name, *heading, partial(file.value, name)) for name, heading in headings.items()}
    return MatFile(start[:116].decode("latin-1").strip(" \t\n\0"), variables, budget, file.end)


def _open_here(path: Path, budget: Budget) -> OpenFile:
    from matnet.importers.mat.hdf5 import OpenFile

    @cache
    def subsystem() -> Subsystem:
        return Subsystem(file.cells())

    file = OpenFile(path, budget, subsystem)
    return file


def first_bytes(path: Path) -> bytes:
    """The first bytes, by which the kind of a file is recognised.

    Raises
    ------
    FormatError
        It cannot be read, or is a folder, a pipe or a device: what was read of a pipe would be missing afterwards.
    """
    try:
        if os.path.isdir(path):
            raise FormatError("is a folder, expected a file")
        if os.path.exists(path) and not os.path.isfile(path):
            raise FormatError("is a pipe or a device, expected a file; save what comes through it to one first")
        with path.open("rb") as stream:
            return stream.read(_HDF5_USER_BLOCK + len(_HDF5_SIGNATURE))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}") from error


def _version_4(start: bytes) -> bool:
    """Version 4 begins with four digits MOPT as a whole number, then rows, columns, a flag and the length of a name."""
    if len(start) < 20:
        return False
    for order in "<>":
        numbers = struct.unpack_from(f"{order}5I", start)
        if numbers[0] <= 4052 and numbers[3] in (0, 1) and 1 < numbers[4] <= 64:
            return True
    return False
