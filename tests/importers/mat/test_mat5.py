"""Version 5 to 7 MAT-files: values as scipy reads them too, and files that are cut off, damaged or hostile."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from scipy.io.matlab import MatlabObject

import matnet
from mat5_bytes import (
    CELL,
    CHAR,
    COMPRESSED,
    DOUBLE,
    DOUBLE_CLASS,
    INT8,
    INT32,
    MATRIX,
    UINT32,
    UTF8,
    UTF16,
    agrees_with_scipy,
    element,
    file_of,
    head,
    matrix,
    packed,
    read,
)
from matnet.errors import counted
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.mat5 import read_mat5
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import find, walk
from matnet.importers.mat.values import Cell, Char, Numeric, Opaque, Sparse, Struct
from object_files import value_bytes

Save: TypeAlias = Callable[..., Path]

FIXTURES = Path(__file__).parents[3] / "fixtures"

NUMBERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")


@pytest.mark.filterwarnings("ignore:Duplicate variable name")
def test_real_files_hold_what_scipy_reads(corpus_file: Path) -> None:
    if corpus_file.name == "layout_v73_old_class.mat":
        with pytest.raises(NotImplementedError):
            scipy.io.loadmat(corpus_file)
    else:
        assert agrees_with_scipy(corpus_file) or "None" in scipy.io.loadmat(corpus_file)


@pytest.mark.parametrize("compressed", [False, True])
def test_all_kinds_of_values_are_what_scipy_wrote(tmp_path: Path, compressed: bool) -> None:
    cell = np.empty((2, 2), dtype=object)
    cell[0, 0], cell[1, 0], cell[0, 1], cell[1, 1] = 1.5, "text", np.zeros((0, 3)), np.arange(3)
    records = np.zeros((1, 2), dtype=[("a", object), ("b", object)])
    records[0, 0], records[0, 1] = (1.0, "x"), (cell, {"c": 2.0})
    variables = {
        **{f"v_{kind}": np.array([[1, 2], [3, 120]], dtype=kind) for kind in NUMBERS},
        "cube": np.arange(24.0).reshape(2, 3, 4) + 0.5,
        "flags": np.array([[True, False]]),
        "text": "Größe → 5",
        "lines": np.array(["abc", "de "]),
        "cells": cell,
        "record": {"first": 1.0, "second": {"third": np.array([[np.nan, np.inf]])}},
        "records": records,
        "sparse": scipy.sparse.csc_matrix(np.array([[0.0, 2.0], [0.0, 0.0], [3.0, 0.0]])),
        "object": MatlabObject(np.array([[(1.0,)]], dtype=[("field", object)]), "myclass"),
        "empty": np.zeros((0, 4)),
    }
    scipy.io.savemat(tmp_path / "all.mat", variables, do_compression=compressed, long_field_names=True)
    assert agrees_with_scipy(tmp_path / "all.mat") == len(variables)


def test_narrowed_doubles_are_doubles_again() -> None:
    content = head(DOUBLE_CLASS, (1, 3), b"x") + element(2, bytes([1, 2, 250]))
    value = read(file_of(element(MATRIX, content)))["x"].value
    assert isinstance(value, Numeric)
    assert value.narrowed
    assert value.array.dtype == np.float64
    assert value.array.tolist() == [[1.0, 2.0, 250.0]]
    whole = read(file_of(matrix([1.0, 2.0], (1, 2))))["x"].value
    assert isinstance(whole, Numeric)
    assert not whole.narrowed


def test_complex_numbers_keep_both_parts(tmp_path: Path) -> None:
    # scipy drops the imaginary part where it is asked for MATLAB's classes
    wave = np.array([[1 + 2j, -3j], [0.5, 4j]])
    scipy.io.savemat(tmp_path / "wave.mat", {"wave": wave})
    value = open_mat(tmp_path / "wave.mat", DEFAULT_LIMIT).variables["wave"].value
    assert isinstance(value, Numeric)
    assert np.array_equal(value.array, wave)
    with pytest.raises(matnet.UnsupportedError, match=r"^complex numbers, expected real ones$"):
        value.floats()


@pytest.mark.parametrize(
    ("mx_class", "stored", "data"),
    [
        (DOUBLE_CLASS, 7, struct.pack("<2f", np.nan, 0.5)),
        (7, DOUBLE, struct.pack("<2d", np.nan, 0.5)),
    ],
)
def test_a_missing_number_is_one_in_fewer_bytes_too(mx_class: int, stored: int, data: bytes) -> None:
    value = read(file_of(element(MATRIX, head(mx_class, (1, 2), b"x") + element(stored, data))))["x"].value
    assert isinstance(value, Numeric)
    assert np.array_equal(value.array, [[np.nan, 0.5]], equal_nan=True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order(order: str) -> None:
    text = element(
        MATRIX,
        head(CHAR, (1, 2), b"s", order) + element(UTF16, "hi".encode(f"utf-16-{'lb'[order == '>']}e"), order),
        order,
    )
    variables = read(file_of(matrix([1.0, -2.5], (2, 1), order=order), text, order=order))
    numbers, text_value = variables["x"].value, variables["s"].value
    assert isinstance(numbers, Numeric)
    assert numbers.array.tolist() == [[1.0], [-2.5]]
    assert isinstance(text_value, Char)
    assert text_value.text == "hi"


@pytest.mark.parametrize(
    ("text", "columns"),
    [("Größe", 5), ("Größe", 7), ("𝄞 clef", 6), ("𝄞 clef", 7), ("𝄞 clef", 9), ("", 0)],
)
def test_the_length_of_a_text_in_characters_utf_16_or_bytes(text: str, columns: int) -> None:
    data = element(MATRIX, head(CHAR, (1, columns), b"s") + element(UTF8, text.encode()))
    value = read(file_of(data))["s"].value
    assert isinstance(value, Char)
    assert value.text == text


@pytest.mark.parametrize("shape", [(1, 4), (1, 6), (1, 0), (0, 0), (2, 3), (2, 2)])
def test_a_text_of_another_length_than_it_says_is_refused(shape: tuple[int, int]) -> None:
    data = element(MATRIX, head(CHAR, shape, b"s") + element(UTF8, b"12345"))
    with pytest.raises(matnet.FormatError) as refused:
        read(file_of(data))["s"].value  # noqa: B018 - values are read when they are asked for
    rows, columns = shape
    assert str(refused.value).endswith(f"broken: 5 characters for {counted(rows, 'row')} of {columns}")


@pytest.mark.parametrize("rows", [2, 3])
def test_only_a_single_row_of_text_may_count_bytes(rows: int) -> None:
    """With several rows it would not be known where each ends."""
    data = element(MATRIX, head(CHAR, (rows, 2), b"s") + element(UTF8, ("é" * rows).encode()))
    with pytest.raises(matnet.FormatError, match=rf"broken: {rows} characters for {rows} rows of 2$"):
        read(file_of(data))["s"].value  # noqa: B018 - values are read when they are asked for


def test_rows_of_no_text_are_none() -> None:
    value = read(file_of(element(MATRIX, head(CHAR, (3, 0), b"s") + element(UTF8, b""))))["s"].value
    assert isinstance(value, Char)
    assert (value.shape, value.rows) == ((3, 0), ())


def test_a_file_without_variables_is_empty() -> None:
    assert read(file_of()) == {}


def deep(levels: int) -> bytes:
    inner = matrix([1.0], (1, 1), b"")
    for _ in range(levels):
        inner = element(MATRIX, head(CELL, (1, 1), b"") + inner)
    return element(MATRIX, head(CELL, (1, 1), b"x") + inner)


def test_what_is_nested_too_deep_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "deep.mat").write_bytes(file_of(deep(100), matrix([7.0], (1, 1), b"y")))
    file = open_mat(tmp_path / "deep.mat", DEFAULT_LIMIT)
    assert list(file.variables) == ["x", "y"]
    places = [str(place) for place, _ in walk(file, lambda value: False)]
    assert places == [f"x{'{1}' * depth}" for depth in range(66)]
    below = find(file, places[-1])
    assert (below.class_name, below.shape) == ("value nested more than 64 deep", (1, 1))


HUGE = 2**31 - 1
GOOD = matrix([1.0], (1, 1))
OVERSTATED = packed(struct.pack("<II", MATRIX, 10**9) + GOOD[8:])

BROKEN: dict[str, tuple[bytes, str]] = {
    "an announced length beyond the end": (
        file_of(struct.pack("<II", MATRIX, 1000) + bytes(8)),
        "byte 128: the file is cut off or broken: an element of 1000 bytes is announced, 8 are left",
    ),
    "a type of two bytes, all ones": (
        file_of(struct.pack("<II", 0xFFFF, 1000) + bytes(8)),
        "byte 128: the file is cut off or broken: an element of 1000 bytes is announced, 8 are left",
    ),
    "a small element of type 0": (
        file_of(struct.pack("<II", 0x10000, 1000) + bytes(8)),
        "byte 128: broken: a data element of type 0, expected 14 or 15",
    ),
    "a small element of five bytes": (
        file_of(struct.pack("<II", 5 << 16 | MATRIX, 0) + bytes(8)),
        "byte 128: broken: a small data element of 5 bytes",
    ),
    "a byte after the contents": (
        file_of(packed(struct.pack("<II", MATRIX, 65) + GOOD[8:] + b"\0")),
        "x (byte 128): broken: 1 bytes are left over after a double",
    ),
    "another number of imaginary parts than of real ones": (
        file_of(
            element(
                MATRIX,
                head(DOUBLE_CLASS, (1, 2), b"x", flags=8) + element(DOUBLE, bytes(16)) + element(DOUBLE, bytes(8)),
            )
        ),
        "x (byte 128): byte 48: broken: 2 real and 1 imaginary parts",
    ),
    "text in a type that MATLAB does not use": (
        file_of(element(MATRIX, head(CHAR, (1, 1), b"x") + element(DOUBLE, bytes(8)))),
        "x (byte 128): byte 48: broken: text of the unknown storage type 9",
    ),
    "a cut within a tag": (file_of(GOOD)[:132], "byte 128: the file is cut off: a data element was expected"),
    "another element than a variable": (
        file_of(element(DOUBLE, bytes(8))),
        "byte 128: broken: a data element of type 9, expected 14 or 15",
    ),
    "an empty variable": (file_of(element(MATRIX, b"")), "byte 128: broken: an empty variable"),
    "more numbers than bytes": (
        file_of(matrix([1.0], (HUGE, HUGE))),
        f"x (byte 128): broken: 1 number for an array of {HUGE}x{HUGE}",
    ),
    "more cells than bytes": (
        file_of(element(MATRIX, head(CELL, (HUGE, HUGE), b"x"))),
        f"x (byte 128): the file is cut off or broken: {HUGE**2:,} values are announced, 0 bytes are left",
    ),
    "one cell more than there is room for": (
        file_of(element(MATRIX, head(CELL, (1, 3), b"x") + 2 * element(MATRIX, b""))),
        "x (byte 128): the file is cut off or broken: 3 values are announced, 16 bytes are left",
    ),
    "a negative dimension": (file_of(matrix([1.0], (-1, 1))), "byte 128: broken: the dimensions are [-1, 1]"),
    "a single dimension": (file_of(matrix([1.0], (1,))), "byte 128: broken: the dimensions are [1]"),
    "an unknown storage type": (
        file_of(element(MATRIX, head(DOUBLE_CLASS, (1, 1), b"x") + element(99, bytes(8)))),
        "x (byte 128): byte 48: broken: numbers of the unknown storage type 99",
    ),
    "half a number": (
        file_of(element(MATRIX, head(DOUBLE_CLASS, (1, 1), b"x") + element(DOUBLE, bytes(12)))),
        "x (byte 128): byte 48: broken: 12 bytes are not a whole number of float64",
    ),
    "a name twice": (file_of(GOOD, GOOD), "byte 200: a second variable of the name x"),
    "compressed bytes that are none": (
        file_of(struct.pack("<II", COMPRESSED, 16) + b"\1" * 16),
        "byte 128: broken: the compressed bytes cannot be read (Error -3 while decompressing data: incorrect header "
        "check)",
    ),
    "a compressed number": (
        file_of(packed(element(DOUBLE, bytes(8)))),
        "byte 128: broken: the compressed variable is not an array",
    ),
    "a compressed tag of seven bytes": (
        file_of(packed(struct.pack("<II", MATRIX, 8)[:7])),
        "byte 128: broken: the compressed variable is not an array",
    ),
    "a compressed tag alone": (
        file_of(packed(struct.pack("<II", MATRIX, 8))),
        "byte 128: byte 0: the file is cut off: a data element was expected",
    ),
    "a compressed variable that announces more than it can be": (
        file_of(OVERSTATED),
        f"x (byte 128): broken: 1000000000 bytes are announced in {len(OVERSTATED) - 8} compressed ones",
    ),
    "a compressed variable that announces too much": (
        file_of(packed(struct.pack("<II", MATRIX, 100) + GOOD[8:])),
        "x (byte 128): the file is cut off or broken: 100 bytes are announced, 64 came out",
    ),
    "a compressed variable that announces too little": (
        file_of(packed(struct.pack("<II", MATRIX, 48) + GOOD[8:])),
        "x (byte 128): the file is cut off or broken: 48 bytes are announced, 48 came out",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_the_place(case: str) -> None:
    data, message = BROKEN[case]
    with pytest.raises(matnet.FormatError) as refused:
        _ = [variable.value for variable in read(data).values()]
    assert str(refused.value) == message


@pytest.mark.parametrize(("size", "place"), [(2, "byte 128"), (100_000, "x (byte 128)")])
def test_a_damaged_checksum_is_found(size: int, place: str) -> None:
    whole = packed(matrix([1.0] * size, (1, size)))
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    with pytest.raises(matnet.FormatError) as refused:
        _ = [variable.value for variable in read(file_of(damaged)).values()]
    reason = "Error -3 while decompressing data: incorrect data check"
    assert str(refused.value) == f"{place}: broken: the compressed bytes cannot be read ({reason})"


def test_the_limit_is_asked_before_memory_is_taken() -> None:
    bomb = packed(matrix([0.0] * 100_000, (1, 100_000)))
    variable = read(file_of(bomb), limit=500_000)["x"]
    assert (variable.class_name, variable.shape) == ("double", (1, 100_000))
    with pytest.raises(matnet.FormatError) as refused:
        variable.value  # noqa: B018 - values are read when they are asked for
    message = "the file needs more than 500000 bytes of memory; raise the limit if you trust it"
    assert str(refused.value) == f"x (byte 128): {message}"


def test_a_compressed_variable_may_announce_1032_bytes_for_one() -> None:
    def announced(size: int) -> bytes:
        data = zlib.compress(struct.pack("<II", MATRIX, size) + GOOD[8:], 0)
        assert len(data) == 83
        return file_of(struct.pack("<II", COMPRESSED, len(data)) + data)

    for size, message in (
        (1032 * 83, f"the file is cut off or broken: {1032 * 83} bytes are announced, 64 came out"),
        (1032 * 83 + 1, f"broken: {1032 * 83 + 1} bytes are announced in 83 compressed ones"),
    ):
        with pytest.raises(matnet.FormatError) as refused:
            read(announced(size))["x"].value  # noqa: B018 - values are read when they are asked for
        assert str(refused.value) == f"x (byte 128): {message}"


def test_the_longest_names_are_read_in_a_compressed_object() -> None:
    """The name of the variable and of its class are read before the rest."""
    name, class_name = b"n" * 2048, b"c" * 2048
    inner = head(3, (1, 1), name) + element(INT8, class_name) + element(INT32, struct.pack("<i", 2))
    variable = element(MATRIX, inner + element(INT8, b"a\0") + matrix([1.5], (1, 1), b""))
    (found,) = read(file_of(packed(variable))).values()
    assert (found.name, found.class_name, found.shape) == (name.decode(), class_name.decode(), (1, 1))
    assert isinstance(found.value, Struct)
    assert list(found.value.fields) == ["a"]


def byte_file(flags: int = 0) -> bytes:
    """Two hundred doubles, each, or each of its two parts, stored in one byte."""
    parts = element(2, bytes(range(200))) * (2 if flags == 8 else 1)
    return file_of(element(MATRIX, head(DOUBLE_CLASS, (1, 200), b"x", flags=flags) + parts))


@pytest.mark.parametrize(
    ("make", "needed"),
    [
        (byte_file, 8 * 200),
        (lambda: byte_file(flags=8), 16 * 200),
        (lambda: sparse_file([0, 1, 0], [0, 1, 2, 3], [3.0, 4.0, 5.0]).replace(b"s\0", b"x\0"), 8 * (3 + 4)),
    ],
    ids=["doubles in bytes", "complex numbers in bytes", "a sparse matrix"],
)
def test_the_limit_is_asked_for_numbers_as_they_will_be(make: Callable[[], bytes], needed: int) -> None:
    assert read(make(), limit=needed)["x"].value.class_name == "double"
    with pytest.raises(matnet.FormatError, match=f"needs more than {needed - 1} bytes"):
        read(make(), limit=needed - 1)["x"].value  # noqa: B018 - values are read when they are asked for


def test_the_limit_is_asked_for_every_cell() -> None:
    cells = file_of(element(MATRIX, head(CELL, (1, 10_000), b"x") + element(MATRIX, b"") * 10_000))
    assert isinstance(read(cells, limit=2_000_000)["x"].value, Cell)
    with pytest.raises(matnet.FormatError) as refused:
        read(cells, limit=1_000_000)["x"].value  # noqa: B018 - values are read when they are asked for
    message = "the file needs more than 1000000 bytes of memory; raise the limit if you trust it"
    assert str(refused.value) == f"x (byte 128): {message}"


@pytest.mark.parametrize(
    ("mx_class", "flags", "stored", "data", "message"),
    [
        (9, 2, 2, b"\2" * 2, "numbers of class logical that are stored as uint8"),
        (7, 0, DOUBLE, struct.pack("<2d", 0.1, 1.0), "numbers of class single that are stored as float64"),
        (8, 0, 2, b"\xff\1", "numbers of class int8 that are stored as uint8"),
        (DOUBLE_CLASS, 0, 12, struct.pack("<2q", 1, 2), "numbers of class double that are stored as int64"),
    ],
)
def test_numbers_that_their_class_does_not_hold_are_refused(
    mx_class: int, flags: int, stored: int, data: bytes, message: str
) -> None:
    content = head(mx_class, (1, 2), b"x", flags=flags) + element(stored, data)
    with pytest.raises(matnet.FormatError) as refused:
        read(file_of(element(MATRIX, content)))["x"].value  # noqa: B018 - read when asked for
    assert str(refused.value) == f"x (byte 128): broken: {message}"


def cuts_that_load(path: Path, cut_file: Path, step: int) -> list[int]:
    """Where the file can be cut and still loads, which must be the identical network; elsewhere it must be refused."""
    data = path.read_bytes()
    whole = matnet.load(path)
    loaded, refused = [], 0
    for length in [*range(0, len(data), step), len(data) - 1]:
        cut_file.write_bytes(data[:length])
        try:
            net = matnet.load(cut_file)
        except matnet.FormatError:
            refused += 1
        else:
            assert np.array_equal(net.parameters, whole.parameters)
            assert [str(layer.transfer) for layer in net.structure.layers] == [
                str(layer.transfer) for layer in whole.structure.layers
            ]
            loaded.append(length)
    assert refused
    return loaded


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_at_any_byte_is_refused_or_whole(small: MatlabObject, tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "net.mat"
    scipy.io.savemat(path, {"net": small, "behind": np.arange(3.0)}, do_compression=compressed, long_field_names=True)
    with path.open("rb") as stream:
        stream.seek(132)
        behind = 136 + int.from_bytes(stream.read(4), "little")
    assert cuts_that_load(path, tmp_path / "cut.mat", 1 if compressed else 29) == [behind] * (
        compressed or behind % 29 == 0
    )


def test_a_real_file_cut_anywhere_is_refused(corpus: Path, tmp_path: Path) -> None:
    assert cuts_that_load(corpus / "rbf_newrb.mat", tmp_path / "cut.mat", 13) == []


def test_a_newer_object_whose_subsystem_is_cut_off_is_refused(corpus: Path, tmp_path: Path) -> None:
    data = (corpus / "static_mcos_v9.mat").read_bytes()
    end_of_variable = 136 + int.from_bytes(data[132:136], "little")
    cut = tmp_path / "cut.mat"
    cut.write_bytes(data[:end_of_variable])
    with pytest.raises(matnet.FormatError) as refused:
        matnet.load(cut)
    message = "the file has no subsystem, where objects of newer classes are kept: it is cut off"
    assert str(refused.value) == f"{cut}: net: {message}"


def test_a_changed_file_is_an_error_with_a_place_or_a_network(small: MatlabObject, tmp_path: Path) -> None:
    path = tmp_path / "net.mat"
    scipy.io.savemat(path, {"net": small}, long_field_names=True)
    data, random = path.read_bytes(), np.random.default_rng(7)
    refused = loaded = 0
    for _ in range(300):
        changed = bytearray(data)
        at = int(random.integers(128, len(data) - 4)) & ~3
        changed[at : at + 4] = int(random.choice([0, 1, 14, 2**31 - 1, 2**32 - 1])).to_bytes(4, "little")
        path.write_bytes(changed)
        try:
            matnet.load(path)
            loaded += 1
        except matnet.MatnetError:
            refused += 1
    assert refused > 50
    assert loaded > 50


def opaque_bytes(system: bytes, class_name: bytes, content: bytes, name: bytes = b"") -> bytes:
    names = b"".join(element(INT8, text) for text in (name, system, class_name))
    return element(MATRIX, element(UINT32, struct.pack("<II", 17, 0)) + names + content)


def test_what_is_in_an_object_of_another_system_is_not_read() -> None:
    value = read(file_of(opaque_bytes(b"java", b"java.util.Vector", bytes(8), b"v")))["v"].value
    assert isinstance(value, Opaque)
    assert (value.class_name, value.system) == ("java.util.Vector", "java")
    with pytest.raises(matnet.FormatError) as refused:
        read(file_of(opaque_bytes(b"MCOS", b"mine", bytes(8), b"v")))["v"].value  # noqa: B018
    assert str(refused.value) == "v (byte 128): byte 64: broken: a data element of type 0, expected 14"


def test_objects_within_objects_without_end_are_not_read() -> None:
    content = matrix([1.0], (1, 1), b"")
    for _ in range(2000):
        content = opaque_bytes(b"MCOS", b"FileWrapper__", content)
    value = read(file_of(opaque_bytes(b"MCOS", b"FileWrapper__", content, b"v")))["v"].value
    assert value.class_name == "value nested more than 64 deep"
    for depth, class_name in ((64, "double"), (65, "value nested more than 64 deep")):
        content = matrix([1.0], (1, 1), b"")
        for _ in range(depth - 1):
            content = opaque_bytes(b"MCOS", b"FileWrapper__", content)
        variable = read(file_of(opaque_bytes(b"MCOS", b"FileWrapper__", content, b"v")))["v"]
        assert (variable.shape, variable.value.class_name) == ((1, 1), class_name)


def test_a_compressed_variable_that_announces_nothing_is_refused() -> None:
    content = zlib.compress(struct.pack("<II", MATRIX, 0) + matrix([1.0], (1, 1))[8:])
    file = file_of(struct.pack("<II", COMPRESSED, len(content)) + content)
    with pytest.raises(matnet.FormatError) as refused:
        read(file)["x"].value  # noqa: B018
    assert str(refused.value) == "x (byte 128): the file is cut off or broken: 0 bytes are announced, 0 came out"


NO_SUBSYSTEM = {
    "too few bytes": (np.zeros((1, 15), "u1"), "the subsystem is not a row of bytes"),
    "numbers of another class": (np.zeros((1, 32)), "the subsystem is not a row of bytes"),
    "text": ("0123456789abcdef", "the subsystem is not a row of bytes"),
    "no byte order": (np.zeros((1, 16), "u1"), "the subsystem has no byte order"),
    "no element": (
        np.frombuffer(b"\0\1IM" + bytes(12), np.uint8)[None],
        "byte 0: broken: a data element of type 0, expected 14",
    ),
    "no objects": (
        np.frombuffer(b"\0\1IM" + bytes(4) + matrix([1.0], (1, 1), b""), np.uint8)[None],
        "the subsystem holds no objects of newer classes",
    ),
}


@pytest.mark.parametrize("case", NO_SUBSYSTEM)
def test_an_object_without_its_subsystem_is_refused(case: str) -> None:
    hidden, message = NO_SUBSYSTEM[case]
    reference = value_bytes(np.array([[0xDD000000, 2, 1, 1, 1, 1]], "u4").T)
    file = file_of(opaque_bytes(b"MCOS", b"mine", reference, b"v"), value_bytes(hidden))
    value = read(file)["v"].value
    assert isinstance(value, Opaque)
    with pytest.raises(matnet.FormatError) as refused:
        value.objects()
    assert str(refused.value) == message


def test_the_last_variable_without_a_name_is_the_subsystem() -> None:
    first, last = (NO_SUBSYSTEM[case] for case in ("no byte order", "no objects"))
    reference = value_bytes(np.array([[0xDD000000, 2, 1, 1, 1, 1]], "u4").T)
    file = file_of(opaque_bytes(b"MCOS", b"mine", reference, b"v"), value_bytes(first[0]), value_bytes(last[0]))
    value = read(file)["v"].value
    assert isinstance(value, Opaque)
    with pytest.raises(matnet.FormatError, match=f"^{last[1]}$"):
        value.objects()


def struct_file(length: tuple[int, ...], names: bytes) -> bytes:
    """A struct with one number in each field."""
    fields = b"".join(matrix([float(k)], (1, 1), b"") for k in range(len(names) // max(length[0], 1)))
    told = element(INT32, struct.pack(f"<{len(length)}i", *length)) + element(INT8, names)
    return file_of(element(MATRIX, head(2, (1, 1), b"s") + told + fields))


@pytest.mark.parametrize(
    ("length", "names", "fields"),
    [
        ((2,), b"a\0b\0", ["a", "b"]),
        ((1,), b"\0", [""]),
        ((3,), b"ab\0", ["ab"]),
        ((2049,), b"a".ljust(2049, b"\0"), ["a"]),
    ],
)
def test_field_names_of_every_length(length: tuple[int, ...], names: bytes, fields: list[str]) -> None:
    value = read(struct_file(length, names))["s"].value
    assert isinstance(value, Struct)
    assert list(value.fields) == fields
    for number, (entry,) in enumerate(value.fields.values()):
        assert isinstance(entry, Numeric)
        assert entry.array.item() == number


@pytest.mark.parametrize(
    ("length", "names", "message"),
    [
        ((0,), b"a\0", "field names of length [0] in 2 bytes"),
        ((-2,), b"a\0", "field names of length [-2] in 2 bytes"),
        ((2, 2), b"a\0", "field names of length [2, 2] in 2 bytes"),
        ((2,), b"a\0b", "field names of length [2] in 3 bytes"),
        ((4,), b"a\0", "field names of length [4] in 2 bytes"),
        ((2050,), bytes(2050), "field names of 2050 bytes; MATLAB's have at most 2048"),
        ((2,), b"a\0a\0", "a struct has two fields of one name: a, a"),
    ],
)
def test_field_names_that_cannot_be_are_refused(length: tuple[int, ...], names: bytes, message: str) -> None:
    with pytest.raises(matnet.FormatError) as refused:
        read(struct_file(length, names))["s"].value  # noqa: B018
    assert str(refused.value) == f"s (byte 128): broken: {message}"


def array_file(parts: list[tuple[int, bytes]]) -> bytes:
    """A variable of these elements."""
    return file_of(element(MATRIX, b"".join(element(kind, data) for kind, data in parts)))


def test_text_in_every_type_that_matlab_stores() -> None:
    flags, shape = struct.pack("<II", 4, 0), struct.pack("<2i", 1, 2)
    for kind, data in (
        (1, b"a\xe9"),
        (2, b"a\xe9"),
        (4, "aé".encode("utf-16-le")),
        (16, "aé".encode()),
        (17, "aé".encode("utf-16-le")),
        (18, "aé".encode("utf-32-le")),
    ):
        for name in (1, 2, 16):
            value = read(array_file([(UINT32, flags), (INT32, shape), (name, b"x"), (kind, data)]))["x"].value
            assert isinstance(value, Char)
            assert value.text == "aé"


def test_the_names_of_the_classes() -> None:
    """Class and size are known before a value is read."""
    names = "cell struct object char double double single int8 uint8 int16 uint16 int32 uint32 int64 uint64"
    for number, name in enumerate([*names.split(), "function_handle"], start=1):
        parts = [(UINT32, struct.pack("<II", number, 0)), (INT32, struct.pack("<2i", 2, 3)), (INT8, b"x")]
        parts += [(INT8, b"mine")] if number == 3 else []
        variable = read(array_file(parts))["x"]
        assert (variable.class_name, variable.shape) == ("mine" if number == 3 else name, (2, 3))


@pytest.mark.parametrize("count", [1, 2, 3, 32, 33])
@pytest.mark.parametrize("kind", [INT32, UINT32])
def test_as_many_dimensions_as_matlab_has(count: int, kind: int) -> None:
    shape = struct.pack(f"<{count}i", *[1] * count)
    file = array_file([(UINT32, struct.pack("<II", 6, 0)), (kind, shape), (INT8, b"x"), (DOUBLE, bytes(8))])
    if 2 <= count <= 32:
        assert read(file)["x"].shape == (1,) * count
        return
    with pytest.raises(matnet.FormatError) as refused:
        read(file)
    assert str(refused.value) == f"byte 128: broken: the dimensions are {[1] * min(count, 8)}"


@pytest.mark.parametrize("size", [4, 7, 9, 12])
def test_array_flags_that_are_not_two_numbers(size: int) -> None:
    flags = struct.pack("<III", 6, 0, 0)[:size]
    file = array_file([(UINT32, flags), (INT32, struct.pack("<2i", 1, 1)), (INT8, b"x"), (DOUBLE, bytes(8))])
    with pytest.raises(matnet.FormatError, match=r"^byte 128: broken: the array flags are not two numbers$"):
        read(file)


def test_dimensions_that_are_not_whole_numbers() -> None:
    file = array_file([(UINT32, struct.pack("<II", 6, 0)), (INT32, bytes(9)), (INT8, b"x"), (DOUBLE, b"")])
    with pytest.raises(matnet.FormatError, match=r"^byte 128: broken: dimensions in 9 bytes$"):
        read(file)


def test_the_flags_of_an_array() -> None:
    """Bit 3 says that it is complex, bit 1 that it is logical; the others say nothing of the value."""
    classes = {0: "f", 1: "f", 2: "b", 4: "f", 8: "c"}
    for flags, kind in classes.items():
        parts = [(UINT32, struct.pack("<II", 6 | flags << 8, 0)), (INT32, struct.pack("<2i", 1, 1)), (INT8, b"x")]
        parts += [(DOUBLE, struct.pack("<d", 1.0))] * (2 if flags == 8 else 1)
        value = read(array_file(parts))["x"].value
        assert isinstance(value, Numeric)
        assert (value.array.dtype.kind, value.class_name) == (kind, "logical" if flags == 2 else "double")


def test_the_text_of_a_header_is_116_bytes() -> None:
    text = "MATLAB 5.0 MAT-file, " + "0123456789" * 12
    data = file_of(GOOD)
    changed = text[:117].encode() + data[117:]
    assert read_mat5(changed, Budget(DEFAULT_LIMIT)).header == text[:116]
    for version in (0x0000, 0x0200, 0x0080):
        other = data[:124] + struct.pack("<H", version) + data[126:]
        with pytest.raises(matnet.FormatError, match=r"^not a version 5 to 7 MAT-file$"):
            read(other)


def sparse_file(rows: list[int], starts: list[int], values: list[float]) -> bytes:
    """A sparse matrix of two rows."""
    parts = [struct.pack(f"<{len(part)}i", *part) for part in (rows, starts)]
    content = head(5, (2, max(len(starts) - 1, 0)), b"s") + element(INT32, parts[0]) + element(INT32, parts[1])
    return file_of(element(MATRIX, content + element(DOUBLE, struct.pack(f"<{len(values)}d", *values))))


@pytest.mark.parametrize(
    ("rows", "starts", "values", "expected"),
    [
        ([0, 1], [0, 1, 2], [3.0, 4.0], [[3, 0], [0, 4]]),
        ([1, 0, 1], [0, 1, 3], [3.0, 4.0, 5.0], [[0, 4], [3, 5]]),
        # room for more than there is
        ([1, 0, 0, 0], [0, 1, 2], [3.0, 4.0, 7.0, 7.0], [[0, 4], [3, 0]]),
        ([1, 0], [0, 1, 2], [3.0, 4.0, 7.0], [[0, 4], [3, 0]]),
        ([], [0, 0, 0], [], [[0, 0], [0, 0]]),
        ([0], [0, 0, 0], [7.0], [[0, 0], [0, 0]]),
        ([], [0], [], [[], []]),
    ],
)
def test_sparse_matrices_by_hand(rows: list[int], starts: list[int], values: list[float], expected: list[Any]) -> None:
    value = read(sparse_file(rows, starts, values))["s"].value
    assert isinstance(value, Sparse)
    assert value.floats().tolist() == expected


@pytest.mark.parametrize(
    ("rows", "starts", "values", "announced"),
    [([0], [0, 1, 2], [3.0, 4.0], 2), ([0, 1], [0, 1, 2], [3.0], 2), ([0, 1], [0, 1, -1], [3.0, 4.0], -1)],
)
def test_a_sparse_matrix_of_too_few_elements_is_refused(
    rows: list[int], starts: list[int], values: list[float], announced: int
) -> None:
    with pytest.raises(matnet.FormatError) as refused:
        read(sparse_file(rows, starts, values))["s"].value  # noqa: B018
    assert str(refused.value) == (
        f"s (byte 128): broken: {announced} elements of a sparse matrix are announced, {len(values)} are there"
    )


def test_a_sparse_matrix_without_columns_starts_is_refused() -> None:
    with pytest.raises(
        matnet.FormatError, match=r"^s \(byte 128\): a sparse matrix whose column starts contradict its"
    ):
        read(sparse_file([], [], []))["s"].value  # noqa: B018


def test_a_stream_that_ends_with_a_flush_is_whole() -> None:
    """Every byte is there, but no checksum: MATLAB has written such files."""
    content = matrix([1.0, 2.5], (1, 2))

    def variable(data: bytes) -> bytes:
        return file_of(struct.pack("<II", COMPRESSED, len(data)) + data)

    packer = zlib.compressobj()
    flushed = packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert flushed[-4:] == b"\0\0\xff\xff"
    value = read(variable(flushed))["x"].value
    assert isinstance(value, Numeric)
    assert value.array.tolist() == [[1.0, 2.5]]
    more = zlib.compressobj()
    longer = more.compress(content + bytes(8)) + more.flush(zlib.Z_SYNC_FLUSH)
    for broken in (flushed[:-1], flushed[:-4], flushed[:-4] + b"\0\0\xff\xfe", zlib.compress(content)[:-4], longer):
        with pytest.raises(matnet.FormatError, match="broken"):
            read(variable(broken))["x"].value  # noqa: B018
