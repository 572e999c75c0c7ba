"""Cells that are written alike are read at once: they hold what scipy reads, and an error in one is found."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

import matnet
from mat5_bytes import CELL, DOUBLE, DOUBLE_CLASS, MATRIX, agrees_with_scipy, element, file_of, head, matrix, read
from matnet.importers.mat.values import Cell, Numeric
from trials import trials

INT8_CLASS, SINGLE_CLASS, UINT8 = 8, 7, 2


def cell_of(items: list[bytes], order: str = "<") -> bytes:
    content = element(MATRIX, head(CELL, (1, len(items)), b"x", order) + b"".join(items), order)
    return file_of(content, order=order)


def small(kind: int, data: bytes) -> bytes:
    """A data element of at most four bytes, which shares the eight of its tag."""
    return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")


def numbers(data: bytes) -> list[Any]:
    value = read(data)["x"].value
    assert isinstance(value, Cell)
    found = []
    for item in value.items:
        assert isinstance(item, Numeric)
        found.append(item.array.tolist())
    return found


KINDS = ("f8", "f4", "i1", "u1", "i2", "i4", "u4", "i8", "?")
SHAPES = ((1, 1), (1, 2), (2, 1), (0, 0), (0, 3), (3, 2), (2, 2, 2))


@settings(max_examples=trials(60))
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(SHAPES), st.integers(1, 12)), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_runs_of_cells_hold_what_scipy_reads(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, tuple[int, ...], int]], packed: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    items = [
        random.integers(0, 100, shape).astype(kind) * (1 if kind[0] in "iu?" else 0.37)
        for kind, shape, count in runs
        for _ in range(count)
    ]
    cells = np.empty((1, len(items)), dtype=object)
    for number, item in enumerate(items):
        cells[0, number] = item
    path = tmp_path_factory.mktemp("runs") / "cells.mat"
    scipy.io.savemat(path, {"cells": cells, "after": 1.5}, do_compression=packed)
    assert agrees_with_scipy(path) == 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_number_stays_in_its_cell_and_place(order: str) -> None:
    values = [[float(10 * k + j) for j in range(6)] for k in range(300)]
    items = [matrix(value, (2, 3), b"", order) for value in values]
    assert numbers(cell_of(items, order)) == [np.reshape(v, (2, 3), order="F").tolist() for v in values]


def test_empty_elements_and_what_follows_them() -> None:
    items = [element(MATRIX, b"")] * 1000 + [matrix([2.5], (1, 1), b"")] + [element(MATRIX, b"")] * 3
    assert numbers(cell_of(items)) == [[]] * 1000 + [[[2.5]]] + [[]] * 3


def test_complex_numbers_keep_their_imaginary_parts() -> None:
    parts = [[struct.pack("<d", float(number)) for number in (k, 10 * k + 1)] for k in range(20)]
    items = [
        element(MATRIX, head(DOUBLE_CLASS, (1, 1), b"", flags=8) + element(DOUBLE, real) + element(DOUBLE, imaginary))
        for real, imaginary in parts
    ]
    assert numbers(cell_of(items)) == [[[complex(k, 10 * k + 1)]] for k in range(20)]


def test_what_is_written_twice_is_kept_once() -> None:
    items = [matrix([0.5] * 100, (1, 100), b"")] * 3
    room = 128 * 3 + 8 * 100
    assert len(numbers(cell_of(items))) == 3
    assert isinstance(read(cell_of(items), limit=room)["x"].value, Cell)
    with pytest.raises(matnet.FormatError, match=f"needs more than {room - 1} bytes"):
        read(cell_of(items), limit=room - 1)["x"].value  # noqa: B018 - values are read when they are asked for


def test_numbers_in_small_elements() -> None:
    items = [element(MATRIX, head(DOUBLE_CLASS, (1, 1), b"") + small(UINT8, bytes([k]))) for k in range(200)]
    assert numbers(cell_of(items)) == [[[float(k)]] for k in range(200)]


def test_one_of_another_class_among_others_of_its_size() -> None:
    items = [matrix([float(k)], (1, 1), b"") for k in range(100)]
    items[57] = element(MATRIX, head(SINGLE_CLASS, (1, 1), b"") + element(7, struct.pack("<f", 0.1)))
    items[58] = element(MATRIX, head(DOUBLE_CLASS, (1, 1), b"") + element(DOUBLE, struct.pack("<d", 0.1)))
    found = numbers(cell_of(items))
    assert found[57] == [[float(np.float32(0.1))]]
    assert found[58] == [[0.1]]
    assert [found[k][0][0] for k in range(100) if k not in (57, 58)] == [k for k in range(100) if k not in (57, 58)]


def test_a_number_that_its_class_does_not_hold_is_found_among_others() -> None:
    items = [element(MATRIX, head(INT8_CLASS, (1, 1), b"") + element(UINT8, bytes([k]))) for k in (1, 2, 3, 4, 5, 200)]
    with pytest.raises(matnet.FormatError, match=r"^x \(byte 128\): broken: numbers of class int8 .* stored as uint8$"):
        numbers(cell_of(items))


@pytest.mark.parametrize("cut", [1, 8, 40, 64, 65])
def test_a_run_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    content = head(CELL, (1, 50), b"x") + b"".join(matrix([float(k)], (1, 1), b"") for k in range(50))
    with pytest.raises(matnet.FormatError, match=r"cut off"):
        numbers(file_of(element(MATRIX, content[:-cut])))


def test_the_limit_is_asked_for_numbers_read_in_one_go() -> None:
    data = cell_of([matrix([0.5] * 100, (1, 100), b"")] * 1000)
    assert len(numbers(data)) == 1000
    with pytest.raises(matnet.FormatError, match=r"needs more than 700000 bytes"):
        read(data, limit=700_000)["x"].value  # noqa: B018 - values are read when they are asked for
