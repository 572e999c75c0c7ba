"""Objects of newer classes: the linking metadata read as measured, and refused where they are broken."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.mcos import Subsystem, opaque, reference
from matnet.importers.mat.paths import walk
from matnet.importers.mat.values import EMPTY, Char, MatFile, Numeric, Opaque, Struct, Value, Variable, children

NAMES = ("value", "mine", "kind", "slow", "package", "inner", "count")


def block(*properties: tuple[int, int, int]) -> list[int]:
    """An object's properties, padded to 8 bytes."""
    numbers = [len(properties), *(number for entry in properties for number in entry)]
    return numbers + [0] * (len(numbers) % 2)


def metadata(
    version: int = 4,
    name_count: int = len(NAMES),
    objects: tuple[tuple[int, ...], ...] = ((1, 0, 0, 1, 0, 1), (2, 0, 0, 0, 1, 2)),
    saved: tuple[tuple[int, int, int], ...] = ((1, 1, 0), (6, 1, 1)),
    shift: int = 0,
) -> Numeric:
    """Two classes and two objects: `mine`, saved with two properties, and `package.inner`, with an enumeration."""
    names = "".join(f"{name}\0" for name in NAMES).encode()
    names += bytes(-len(names) % 8)
    parts = [
        [0] * 4 + [0, 2, 0, 0] + [5, 6, 0, 0],
        block() + block(*saved),
        [0] * 6 + [number for row in objects for number in row],
        block() + block((3, 0, 4), (7, 2, 9)),
        [],
    ]
    start = 40 + len(names)
    offsets = []
    for part in parts:
        offsets.append(start)
        start += 4 * len(part)
    header = struct.pack("<10I", version, name_count, *[offset + shift for offset in offsets], start, start, 0)
    data = header + names + b"".join(struct.pack(f"<{len(part)}I", *part) for part in parts)
    return Numeric(np.frombuffer(data, dtype=np.uint8)[:, None], "uint8")


def nested(number: int) -> Numeric:
    """A reference to an object as a property's value."""
    return Numeric(np.array([[0xDD000000], [2], [1], [1], [number], [2]], dtype=np.uint32), "uint32")


def subsystem(first: Numeric, second: Value = EMPTY) -> Subsystem:
    return Subsystem((first, EMPTY, Numeric(np.array([[7.0]])), second))


def test_properties_enumerations_and_nested_objects() -> None:
    home = subsystem(metadata(), nested(2))
    outer, inner = home.object(1), home.object(2)
    assert (outer.class_name, list(outer.fields)) == ("mine", ["value", "inner"])
    value, reached = outer.fields["value"][0], outer.fields["inner"][0]
    assert isinstance(value, Numeric)
    assert value.array.tolist() == [[7.0]]
    assert isinstance(reached, Opaque)
    assert (reached.class_name, reached.numbers) == ("package.inner", (2,))
    assert inner.class_name == "package.inner"
    kind, count = inner.fields["kind"][0], inner.fields["count"][0]
    assert isinstance(kind, Char)
    assert kind.text == "slow"
    assert isinstance(count, Numeric)
    assert count.array.tolist() == [[9.0]]
    assert ["".join(step) for step, _ in children(reached)] == [".kind", ".count"]


def truncated(first: Numeric) -> Numeric:
    return Numeric(first.array[:60], "uint8")


BROKEN: dict[str, tuple[Callable[[], object], str]] = {
    "no linking metadata": (lambda: Subsystem(()), "the subsystem has no linking metadata"),
    "linking metadata of another type": (
        lambda: subsystem(Numeric(np.zeros((100, 1)))),
        "the subsystem has no linking metadata",
    ),
    "an unknown version": (
        lambda: subsystem(metadata(version=9)),
        "the linking metadata have version 9, known: 2, 3, 4",
    ),
    "more names than there are": (
        lambda: subsystem(metadata(name_count=99)),
        "the linking metadata announce 99 names, 7 are there",
    ),
    "parts beyond the end": (
        lambda: subsystem(truncated(metadata())),
        "the linking metadata are broken: their parts start at [88, 136, 176, 248, 288, 288, 288, 0]",
    ),
    "an object that is not there": (lambda: subsystem(metadata()).object(3), "object 3 is referred to, there are 2"),
    "object 0": (lambda: subsystem(metadata()).object(0), "object 0 is referred to, there are 2"),
    "a class that is not there": (
        lambda: subsystem(metadata(objects=((7, 0, 0, 1, 0, 1),))).object(1),
        "class 7 is referred to, there are 2",
    ),
    "two lists of properties": (
        lambda: subsystem(metadata(objects=((1, 0, 0, 1, 1, 1),))).object(1),
        "object 1 has two lists of properties",
    ),
    "a list of properties that is not there": (
        lambda: subsystem(metadata(objects=((1, 0, 0, 8, 0, 1),))).object(1),
        "object 1 has property list 8, there are 1",
    ),
    "a name that is not there": (
        lambda: subsystem(metadata(saved=((70, 1, 0), (6, 1, 1)))).object(1),
        "name 70 is referred to, there are 7",
    ),
    "a cell that is not there": (
        lambda: subsystem(metadata(saved=((1, 1, 50), (6, 1, 1)))).object(1),
        "property cell 50 is referred to, which does not exist",
    ),
    "an unknown kind of property": (
        lambda: subsystem(metadata(saved=((1, 5, 0), (6, 1, 1)))).object(1),
        "a property is stored in the unknown kind 5",
    ),
    "a reference of other numbers": (
        lambda: reference(Numeric(np.zeros((6, 1), dtype=np.uint32), "uint32")),
        "a reference to an object is broken",
    ),
    "a reference of the wrong size": (
        lambda: reference(Numeric(np.array([[0xDD000000, 2, 3, 1, 1, 1]], dtype=np.uint32), "uint32")),
        "a reference to an object is broken: its size and its object numbers differ",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_linking_metadata_are_refused(case: str) -> None:
    make, message = BROKEN[case]
    with pytest.raises(matnet.FormatError) as refused:
        make()
    assert str(refused.value) == message


def test_more_properties_than_bytes_are_refused() -> None:
    first = metadata()
    data = bytearray(first.array.tobytes())
    offset = struct.unpack_from("<I", data, 12)[0]
    struct.pack_into("<I", data, offset, 2**31)
    with pytest.raises(matnet.FormatError) as refused:
        subsystem(Numeric(np.frombuffer(bytes(data), dtype=np.uint8)[:, None], "uint8"))
    assert str(refused.value) == f"the linking metadata are cut off: {2**31} properties are announced"


def test_an_array_of_no_objects_is_no_harm() -> None:
    shape, numbers, class_number = reference(Numeric(np.array([[0xDD000000, 2, 0, 0, 3]], dtype=np.uint32), "uint32"))
    assert (shape, numbers, class_number) == ((0, 0), (), 3)
    assert list(children(Opaque("mine", "MCOS", shape, numbers, lambda: subsystem(metadata())))) == []


def test_an_object_that_is_stored_otherwise_is_no_harm_and_is_refused_when_asked_for() -> None:
    other = opaque("mine", Struct((1, 1), {"tag": (EMPTY,)}), lambda: subsystem(metadata()))
    assert list(children(other)) == []
    with pytest.raises(matnet.UnsupportedError) as refused:
        other.objects()
    message = "the object of class mine cannot be read: it is stored in a way that is not known"
    assert str(refused.value) == message
    with pytest.raises(matnet.UnsupportedError) as java:
        Opaque("java.util.Vector", "java").objects()
    assert str(java.value) == "the object of class java.util.Vector cannot be read: it is a java object"


def test_objects_that_refer_to_each_other_end() -> None:
    home = subsystem(metadata(), nested(1))
    start = Opaque("mine", "MCOS", (1, 1), (1,), lambda: home)
    file = MatFile("", {"a": Variable("a", "mine", (1, 1), lambda: start)}, Budget(DEFAULT_LIMIT))
    assert [str(place) for place, _ in walk(file, lambda value: False, leaves=True)] == ["a", "a.value"]


def test_a_real_object_holds_the_fields_of_a_network(corpus: Path) -> None:
    value = open_mat(corpus / "static_mcos_v9.mat", DEFAULT_LIMIT).variables["net"].value
    assert isinstance(value, Opaque)
    fields: Any = value.objects()[0].get("any")
    assert isinstance(fields, Struct)
    assert len(fields.fields) == 41
    assert matnet.load(corpus / "static_mcos_v9.mat").provenance.toolbox_version == "9"


def test_opaque_variables_do_not_overwrite_each_other(corpus: Path) -> None:
    nets = matnet.load_all(corpus / "competitive_mcos_v9.mat")
    assert {path: net.structure.layers[0].size for path, net in nets.items()} == {"net": 6, "net3": 16, "net_hex": 9}
