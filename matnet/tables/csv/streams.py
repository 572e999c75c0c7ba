"""Opening the source of a table: a file or a stream, plain or compressed, recognised by its first bytes."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from matnet.errors import Advice, Parameter, TableError
from matnet.extras import need

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
FOREIGN = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; name the workbook as a file, or export the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; export the sheet as CSV",
    b"PAR1": "is Parquet, which is read from a file of its own only, not from a pipe",
    b"ARROW1": "is an Arrow file, which is read from a file of its own only, not from a pipe",
    b"BZh": "is compressed with bzip2; unpack it or use gzip or zstd",
    b"\xfd7zXZ\x00": "is compressed with xz; unpack it or use gzip or zstd",
    b"MATLAB 5.0 MAT-file": "is a MAT-file; name the variable that holds the samples: FILE.mat:variable",
    b"MATLAB 7.3 MAT-file": "is a MAT-file; name the variable that holds the samples: FILE.mat:variable",
    b"\x89HDF\r\n": "is an HDF5 file; of a MAT-file name the variable: FILE.mat:variable",
}
MAGIC_BYTES = 512
UTF8 = "utf-8"
ENCODING = Parameter("encoding")


class Reader(Protocol):
    """What the block reader needs of a stream."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102


class Stream:
    """A readable stream of plain bytes with its name for messages and its progress.

    Reading raises TableError if the file ends early or its compressed data is damaged.
    """

    def __init__(
        self,
        raw: BinaryIO,
        place: str,
        size: int | None = None,
        hashed: bool = False,
        encoding: str = UTF8,
        unbuffered: bool = False,
    ) -> None:
        self.place = place
        self._counted = _Counted(raw, hashlib.sha256() if hashed else None, unbuffered)
        self._size = size
        self._plain = self._unpacked(encoding)

    def _unpacked(self, encoding: str) -> Reader:
        with self._failures_named():
            magic = self._counted.peek(MAGIC_BYTES)
            if magic.startswith(GZIP_MAGIC):
                plain: Reader = _Gunzipped(self._counted)
            elif magic.startswith(ZSTD_MAGIC):
                plain = _zstd(io.BufferedReader(self._counted), self.place)
            else:
                plain = self._counted
                if encoding == UTF8:
                    _refuse_foreign(magic, self.place)
        return plain if encoding == UTF8 else _Reencoded(plain, self.place, encoding)

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except EOFError:
            raise TableError("the compressed data end early; the file is incomplete", place=self.place) from None
        except zlib.error as error:
            raise TableError(f"the compressed data are damaged: {error}", place=self.place) from error
        except OSError as error:
            raise TableError(f"cannot be read: {error.strerror or error}", place=self.place) from error

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        with self._failures_named():
            return self._plain.read(size)

    @property
    def fraction(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where its size is not known."""
        if not self._size:
            return None
        return min(1.0, self._counted.count / self._size)

    @property
    def sha256(self) -> str | None:
        """The hash of what was read so far, as it is stored; None unless it was requested."""
        digest = self._counted.digest
        return None if digest is None else digest.hexdigest()


class _Counted(io.RawIOBase):
    """A stream that counts and hashes what was taken from it and lets the first bytes be looked at."""

    def __init__(self, raw: BinaryIO, digest: hashlib._Hash | None, unbuffered: bool) -> None:
        # a stream that has only part of a line yet returns that; one without such a method waits
        self._take = getattr(raw, "read1", raw.read) if unbuffered else raw.read
        self._unbuffered = unbuffered
        self.digest = digest
        self._ahead = b""
        self.count = 0

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        self._ahead = self._take(size)
        return self._ahead

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self.readall()
        data = self._ahead[:size]
        self._ahead = self._ahead[size:]
        if not data or (len(data) < size and not self._unbuffered):
            data += self._take(size - len(data))
        self.count += len(data)
        if self.digest is not None:
            self.digest.update(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Gunzipped:
    """The members of a gzip file one after the other, perhaps followed by zeros, as RFC 1952 has it.

    Python's gzip module before 3.12 reads 8 KiB at a time, which takes a fifth longer.
    """

    _chunk = 1 << 18

    def __init__(self, packed: Reader) -> None:
        self._packed = packed
        self._member = self._new()
        self._ahead = b""

    @staticmethod
    def _new() -> zlib._Decompress:
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # with gzip's header, length and checksum

    def read(self, size: int, /) -> bytes:
        pieces = []
        while size > 0 and (data := self._next()):
            piece = self._member.decompress(data, size)
            self._ahead = self._member.unconsumed_tail
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _next(self) -> bytes:
        """More compressed bytes of this member, or of the next; none at the regular end of the file."""
        if not self._member.eof:
            data = self._ahead or self._packed.read(self._chunk)
            if not data:
                raise EOFError
            return data
        data = self._member.unused_data
        while not (data := data.lstrip(b"\0")):
            if not (data := self._packed.read(self._chunk)):
                return b""
        self._member = self._new()
        return data


class _Reencoded:
    """Text in another encoding as UTF-8."""

    def __init__(self, plain: Reader, place: str, encoding: str) -> None:
        try:
            self._decoder = codecs.getincrementaldecoder(encoding)()
        except LookupError:
            raise TableError(ENCODING, f" {encoding}: there is no such encoding; utf-16 and cp1252 are two") from None
        self._plain = plain
        self._place = place
        self._encoding = encoding
        self._ahead = b""

    def read(self, size: int, /) -> bytes:
        while not self._ahead:
            packed = self._plain.read(size)
            try:
                self._ahead = self._decoder.decode(packed, not packed).encode()
            except UnicodeError as error:
                raise TableError(f"the text is not {self._encoding}: {error}", place=self._place) from None
            if not packed:
                break
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data


def _refuse_foreign(magic: bytes, place: str) -> None:
    if magic.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{place} is UTF-16 text; save it as UTF-8", Advice(", or ", Parameter("encoding", "utf-16")))
    for start, refusal in FOREIGN.items():
        if magic.startswith(start):
            raise TableError(f"{place} {refusal}")
    if b"\x00" in magic:
        raise TableError(f"{place} is not text: it holds zero bytes; a CSV table in UTF-8 is expected")


def _zstd(raw: BinaryIO, place: str) -> Reader:
    zstd = zstd_module(place)
    return _ZstdErrors(zstd.ZstdFile(raw), zstd.ZstdError)


def zstd_module(place: str) -> Any:
    """The module that reads and writes zstd.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return need("zstd compression", "zstd", "backports.zstd", place=place)
    return zstd


class _ZstdErrors:
    """zstd's errors as those of gzip."""

    def __init__(self, plain: Reader, error: type[BaseException]) -> None:
        self._plain = plain
        self._error = error

    def read(self, size: int, /) -> bytes:
        try:
            return self._plain.read(size)
        except self._error as error:
            raise zlib.error(str(error)) from error


@contextmanager
def open_stream(
    name: str, stdin: BinaryIO | None, hashed: bool = False, encoding: str = UTF8, unbuffered: bool = False
) -> Iterator[Stream]:
    """The table named `name` as a stream of plain bytes in UTF-8; ``-`` is `stdin`.

    If `hashed`, its hash is computed while it is read; if `unbuffered`, it returns available data without waiting for
    more.

    Raises
    ------
    TableError
        The file cannot be opened, or its first bytes show that it is not text.
    MissingExtraError
        It is compressed with zstd and no package for that is installed.
    """
    if name == "-":
        if stdin is None:
            raise TableError("-: there is no standard input to read the table from")
        yield Stream(stdin, "standard input", None, hashed, encoding, unbuffered)
        return
    path = Path(name)
    try:
        raw = path.open("rb")
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror or error}", place=name) from error
    with raw:
        size = path.stat().st_size if os.path.isfile(path) else None
        stream = Stream(raw, name, size, hashed, encoding, unbuffered)
        yield stream
