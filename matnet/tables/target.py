"""Where results go: a file that is either whole or absent, a device or pipe, or a stream."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePath
from typing import BinaryIO, cast

from matnet.errors import TableError
from matnet.files import existing_mode, failures_named, replaced
from matnet.tables.csv.streams import zstd_module


class Target:
    """A stream to write to; failures are TableErrors that name it, but a closed pipe stays a BrokenPipeError."""

    def __init__(self, raw: BinaryIO, place: str) -> None:
        self._raw = raw
        self.place = place

    def write(self, data: bytes | memoryview, /) -> None:
        """Write all of `data`."""
        with _failures_named(self.place):
            self._raw.write(data)

    def flush(self) -> None:
        """Pass buffered data to the system."""
        with _failures_named(self.place):
            self._raw.flush()


def _failures_named(place: str) -> AbstractContextManager[None]:
    return failures_named(place, TableError)


@contextmanager
def open_target(name: str, stdout: BinaryIO | None) -> Iterator[Target]:
    """The target named `name`; ``-`` is `stdout`.

    A file is written under another name and moved into place on success: after any failure it is absent or unchanged.
    It keeps the permissions of the file that it replaces. A symbolic link to a file in the same folder is followed, one
    that leads elsewhere is refused. Devices and named pipes are written to as they are.

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
    mode = existing_mode(name, TableError)
    if mode is not None and not stat.S_ISREG(mode):
        with _failures_named(name):
            device = open(name, "wb")  # noqa: SIM115 - closed below, where its errors are named
        with _failures_named(name), device:
            yield Target(device, name)
        return
    with replaced(name, mode, TableError) as raw, _compressed(raw, name) as packed:
        yield Target(packed, name)


@contextmanager
def _compressed(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """The target with gzip or zstd compression, if its name ends so."""
    suffix = PurePath(name).suffix.lower()
    if suffix == ".gz":
        import gzip

        with _failures_named(name), gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
            yield cast(BinaryIO, packed)
    elif suffix == ".zst":
        with _failures_named(name), zstd_module(name).ZstdFile(raw, "wb") as packed:
            yield cast(BinaryIO, packed)
    else:
        yield raw
