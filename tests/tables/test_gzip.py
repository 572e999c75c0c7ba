"""Gzip files as tables: read exactly as by Python's gzip module, and refused where it refuses."""

from __future__ import annotations

import gzip
import io
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matnet.errors import TableError
from matnet.tables.csv.streams import Stream
from trials import trials


def unpacked(packed: bytes, sizes: list[int]) -> bytes:
    """All of it, read in pieces of these sizes, the last of them again and again."""
    stream = Stream(io.BytesIO(packed), "t.csv.gz")
    pieces = []
    while piece := stream.read(sizes[0]):
        assert len(piece) == sizes[0] or not stream.read(1)  # fewer only at the end
        pieces.append(piece)
        sizes = sizes[1:] or sizes
    return b"".join(pieces)


PIECES = st.lists(
    st.tuples(st.binary(max_size=60), st.integers(0, 5000), st.integers(0, 9), st.integers(0, 40)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=trials(200))
@given(PIECES, st.lists(st.integers(1, 70_000), min_size=1, max_size=5))
def test_members_and_zeros_after_them_read_as_by_pythons_gzip(
    members: list[tuple[bytes, int, int, int]], sizes: list[int]
) -> None:
    packed = b"".join(gzip.compress(text * times, level) + b"\0" * zeros for text, times, level, zeros in members)
    assert unpacked(packed, sizes) == gzip.decompress(packed)


def test_more_than_one_chunk_of_packed_bytes() -> None:
    text = b"".join(zlib.crc32(bytes([k % 251, k // 251])).to_bytes(4, "big") for k in range(60_000)) * 3
    packed = gzip.compress(text[:500_000]) + bytes(300_000) + gzip.compress(text[500_000:])
    assert len(packed) > 700_000
    assert unpacked(packed, [100_000]) == text
    assert unpacked(packed, [1 << 21]) == text


TEXT = b"x1,x2\n" + b"1.234,2\n" * 1000
PACKED = gzip.compress(TEXT, mtime=0)


@pytest.mark.parametrize("end", [*range(3, 24), *range(len(PACKED) - 20, len(PACKED))])
def test_one_that_breaks_off_anywhere(end: int) -> None:
    with pytest.raises(EOFError):
        gzip.decompress(PACKED[:end])
    with pytest.raises(TableError) as refused:
        unpacked(PACKED[:end], [64])
    assert str(refused.value) == "t.csv.gz: the compressed data end early; the file is incomplete"


@pytest.mark.parametrize("place", [-8, -1])
def test_a_checksum_or_length_that_is_wrong(place: int) -> None:
    wrong = bytearray(PACKED)
    wrong[place] ^= 1
    with pytest.raises(TableError, match=r"^t\.csv\.gz: the compressed data are damaged: "):
        unpacked(bytes(wrong), [64])


def test_repetitions_as_far_apart_as_gzip_finds_them() -> None:
    """Nearly 32 KiB, of what cannot be compressed otherwise."""
    text = random.Random(1).randbytes(32_000) * 3
    packed = gzip.compress(text)
    assert len(packed) < 40_000
    assert unpacked(packed, [1 << 20]) == text


@pytest.mark.parametrize("more", [b"x1,x2\n", zlib.compress(TEXT)], ids=["text", "zlib"])
def test_something_else_after_a_member(more: bytes) -> None:
    with pytest.raises(TableError, match=r"^t\.csv\.gz: the compressed data are damaged: "):
        unpacked(PACKED + more, [1 << 20])
