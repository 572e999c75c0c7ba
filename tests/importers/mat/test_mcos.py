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
from matnet.importers.mat.values import (
    EMPTY,
    Cell,
    Char,
    Function,
    MatFile,
    Numeric,
    Opaque,
    Struct,
    Value,
    Variable,
    children,
)

MAGIC = 0xDD000000
NAMES = ("value", "mine", "kind", "slow", "package", "inner", "count")


def block(*properties: tuple[int, int, int]) -> list[int]:
    """An object's properties, padded to 8 bytes."""
    numbers = [len(properties), *(number for entry in properties for number in entry)]
    return numbers + [0] * (len(numbers) % 2)


def metadata(
    version: int = 4,
    name_count: int = len(NAMES),
    objects: tuple[tuple[int, ...], ...] = ((1, 0, 0, 1, 0, 3), (2, 0, 0, 0, 1, 4)),
    saved: tuple[tuple[int, int, int], ...] = ((1, 1, 0), (6, 1, 1)),
    more: tuple[tuple[int, int, int], ...] = (),
    ordinary: tuple[tuple[int, int, int], ...] = ((3, 0, 4), (7, 2, 9)),
) -> Numeric:
    """Two classes and two objects: `mine`, saved with two properties, and `package.inner`, with an enumeration.

    `more` is a second list of saved properties.
    """
    names = "".join(f"{name}\0" for name in NAMES).encode()
    names += bytes(-len(names) % 8)
    parts = [
        [0] * 4 + [0, 2, 0, 0] + [5, 6, 0, 0],
        block() + block(*saved) + (block(*more) if more else []),
        [0] * 6 + [number for row in objects for number in row],
        block() + block(*ordinary),
        [],
    ]
    start = 40 + len(names)
    offsets = []
    for part in parts:
        offsets.append(start)
        start += 4 * len(part)
    header = struct.pack("<10I", version, name_count, *offsets, start, start, 0)
    data = header + names + b"".join(struct.pack(f"<{len(part)}I", *part) for part in parts)
    return Numeric(np.frombuffer(data, dtype=np.uint8)[:, None], "uint8")


def nested(number: int) -> Numeric:
    """A reference to an object as a property's value."""
    return Numeric(np.array([[0xDD000000], [2], [1], [1], [number], [2]], dtype=np.uint32), "uint32")


def subsystem(first: Numeric, second: Value = EMPTY) -> Subsystem:
    return Subsystem((first, EMPTY, Numeric(np.array([[7.0]])), second))


def numbers(*listed: int) -> Numeric:
    """A row of numbers of the class that references have."""
    return Numeric(np.array([listed], dtype=np.uint32), "uint32")


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
    assert (kind.text, kind.shape) == ("slow", (1, 4))
    assert isinstance(count, Numeric)
    assert count.array.tolist() == [[9.0]]
    assert ["".join(step) for step, _ in children(reached)] == [".kind", ".count"]


def truncated(first: Numeric) -> Numeric:
    return Numeric(first.array[:60], "uint8")


def with_offset(part: int, more: int, first: Numeric | None = None) -> Numeric:
    """Linking metadata in which a part starts so many bytes later than it does."""
    data = bytearray((first or metadata()).array.tobytes())
    place = 8 + 4 * part
    struct.pack_into("<I", data, place, struct.unpack_from("<I", data, place)[0] + more)
    return Numeric(np.frombuffer(bytes(data), dtype=np.uint8)[:, None], "uint8")


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
        lambda: subsystem(metadata(objects=((3, 0, 0, 1, 0, 1),))).object(1),
        "class 3 is referred to, there are 2",
    ),
    "two lists of properties": (
        lambda: subsystem(metadata(objects=((1, 0, 0, 1, 1, 1),))).object(1),
        "object 1 has two lists of properties",
    ),
    "a list of properties that is not there": (
        lambda: subsystem(metadata(objects=((1, 0, 0, 2, 0, 1),))).object(1),
        "object 1 has property list 2, there are 1",
    ),
    "a name that is not there": (
        lambda: subsystem(metadata(saved=((70, 1, 0), (6, 1, 1)))).object(1),
        "name 70 is referred to, there are 7",
    ),
    "a cell that is not there": (
        lambda: subsystem(metadata(saved=((1, 1, 2), (6, 1, 1)))).object(1),
        "property cell 2 is referred to, which does not exist",
    ),
    "an unknown kind of property": (
        lambda: subsystem(metadata(saved=((1, 5, 0), (6, 1, 1)))).object(1),
        "a property is stored in the unknown kind 5",
    ),
    "class 0": (
        lambda: subsystem(metadata(objects=((0, 0, 0, 1, 0, 1),))).object(1),
        "class 0 is referred to, there are 2",
    ),
    "name 0": (
        lambda: subsystem(metadata(saved=((0, 1, 0), (6, 1, 1)))).object(1),
        "name 0 is referred to, there are 7",
    ),
    "parts that are shorter than their numbers": (
        lambda: subsystem(with_offset(4, -5)),
        "the linking metadata are cut off: 2 properties are announced",
    ),
    "a part beyond the end": (
        lambda: subsystem(with_offset(4, 8)),
        "the linking metadata are broken: their parts start at [88, 136, 176, 248, 296, 288, 288, 0]",
    ),
    "objects that are cut off": (
        lambda: subsystem(with_offset(3, -8)).object(2),
        "object 2 is referred to, there are 1",
    ),
    "a list without its length": (
        lambda: subsystem(with_offset(4, -5, metadata(ordinary=()))).object(2),
        "object 2 has property list 1, there are 0",
    ),
    "parts out of order": (
        lambda: subsystem(with_offset(1, -60)),
        "the linking metadata are broken: their parts start at [88, 76, 176, 248, 288, 288, 288, 0]",
    ),
    "parts that end out of order": (
        lambda: subsystem(with_offset(4, -60)),
        "the linking metadata are broken: their parts start at [88, 136, 176, 248, 228, 288, 288, 0]",
    ),
    "a part before the names": (
        lambda: subsystem(with_offset(0, -49)),
        "the linking metadata are broken: their parts start at [39, 136, 176, 248, 288, 288, 288, 0]",
    ),
    "linking metadata of 39 bytes": (
        lambda: subsystem(Numeric(metadata().array[:39], "uint8")),
        "the subsystem has no linking metadata",
    ),
    "a reference that ends in its size": (
        lambda: reference(numbers(MAGIC, 3, 0, 0, 1)),
        "a reference to an object is broken",
    ),
    "a reference of four numbers": (
        lambda: reference(numbers(MAGIC, 1, 0, 1)),
        "a reference to an object is broken",
    ),
    "a reference of one dimension": (
        lambda: reference(numbers(MAGIC, 1, 1, 5, 1)),
        "a reference to an object is broken: its size and its object numbers differ",
    ),
    "a reference in numbers of another class": (
        lambda: reference(Numeric(np.array([[MAGIC, 2, 1, 1, 1, 1]], dtype=np.float64))),
        "a reference to an object is broken",
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


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_the_versions_of_the_linking_metadata(version: int) -> None:
    if version in (2, 3, 4):
        assert subsystem(metadata(version=version), nested(2)).object(1).class_name == "mine"
        return
    with pytest.raises(matnet.FormatError, match=f"^the linking metadata have version {version}, known: 2, 3, 4$"):
        subsystem(metadata(version=version))


def test_arrays_of_objects() -> None:
    for shape in ((1, 1), (1, 3), (2, 1, 2)):
        count = int(np.prod(shape))
        listed = numbers(MAGIC, len(shape), *shape, *range(5, 5 + count), 9)
        assert reference(listed) == (shape, tuple(range(5, 5 + count)), 9)
    # numbers lie in columns, whichever shape they have
    square = np.array([[MAGIC, 2, 1], [1, 1, 6], [3, 4, 2]], dtype=np.uint32).reshape(3, 3)
    upright = np.array([MAGIC, 2, 1, 4, 10, 11, 12, 13, 2], dtype=np.uint32).reshape(3, 3, order="F")
    assert reference(Numeric(upright, "uint32")) == ((1, 4), (10, 11, 12, 13), 2)
    with pytest.raises(matnet.FormatError):
        reference(Numeric(square, "uint32"))


def test_lists_of_an_odd_length_are_padded() -> None:
    # the list before the one that is asked for has one, two or three properties: 16, 28 and 40 bytes
    entry = (1, 1, 0)
    for count in (1, 2, 3):
        home = subsystem(metadata(objects=((1, 0, 0, 2, 0, 1),), saved=(entry,) * count, more=((7, 2, 11),)))
        found = home.object(1).fields["count"][0]
        assert isinstance(found, Numeric)
        assert found.array.tolist() == [[11.0]]
    # the padding of the last list may be missing
    assert list(subsystem(with_offset(4, -4)).object(2).fields) == ["kind", "count"]
    assert subsystem(with_offset(4, -4, metadata(ordinary=()))).object(2).fields == {}


def test_what_lies_behind_the_properties_is_not_read() -> None:
    """In real files too, the last parts may begin at 0 or behind the end."""
    for part in (5, 6, 7):
        assert list(subsystem(with_offset(part, 800)).object(2).fields) == ["kind", "count"]


def test_objects_without_properties_have_those_of_their_class() -> None:
    plain = Struct((1, 1), {"value": (Numeric(np.array([[1.0]])),), "slow": (Numeric(np.array([[2.0]])),)})
    cells = (metadata(), EMPTY, Numeric(np.array([[7.0]])), nested(2))
    # the place in the list is the number of the class; the first belongs to none
    home = Subsystem((*cells, Cell((3, 1), (EMPTY, plain, EMPTY))))
    whole = home.whole(1)
    assert (whole.shape, whole.class_name, list(whole.fields)) == ((1, 1), "mine", ["value", "slow", "inner"])
    values = [whole.fields[name][0] for name in ("value", "slow")]
    assert [value.array.tolist() for value in values if isinstance(value, Numeric)] == [[[7.0]], [[2.0]]]
    bare = Subsystem((metadata(objects=((1, 0, 0, 0, 0, 1),)), EMPTY, Cell((2, 1), (EMPTY, plain))))
    assert (bare.object(1).shape, list(bare.object(1).fields)) == ((1, 1), [])
    assert list(bare.whole(1).fields) == ["value", "slow"]


def test_a_file_of_no_objects() -> None:
    first = Numeric(np.frombuffer(struct.pack("<10I", 4, 0, *[40] * 7, 0), dtype=np.uint8)[:, None], "uint8")
    with pytest.raises(matnet.FormatError, match=r"^object 1 is referred to"):
        Subsystem((first,)).object(1)


def test_the_second_cell_is_no_list_of_defaults() -> None:
    plain = Struct((1, 1), {"value": (EMPTY,)})
    home = Subsystem((metadata(objects=((1, 0, 0, 0, 0, 1),)), Cell((2, 1), (EMPTY, plain))))
    assert home.whole(1) is home.object(1)


@pytest.mark.parametrize(
    "last",
    [
        (),
        (Numeric(np.array([[1.0]])),),
        (Cell((1, 1), (EMPTY,)),),
        (Cell((2, 1), (EMPTY, EMPTY)),),
        (Cell((2, 1), (EMPTY, Struct((1, 2), {"value": (EMPTY, EMPTY)}))),),
        (Cell((2, 1), (EMPTY, Struct((0, 0), {"value": ()}))),),
    ],
    ids=["no cells", "numbers", "too short", "no struct", "two structs", "no struct's elements"],
)
def test_without_defaults_an_object_has_what_is_stored(last: tuple[Value, ...]) -> None:
    home = Subsystem((metadata(objects=((1, 0, 0, 0, 0, 1),)), EMPTY, *last))
    assert home.whole(1) is home.object(1)


def test_values_at_every_depth_are_linked() -> None:
    plain = Numeric(np.array([[3.0]]))
    for deep in (
        Cell((1, 2), (plain, nested(2))),
        Struct((1, 1), {"a": (plain,), "b": (Cell((1, 2), (plain, nested(2))),)}),
    ):
        found = subsystem(metadata(), deep).object(1).fields["inner"][0]
        assert type(found) is type(deep)
        assert found.shape == deep.shape
        inner = found.fields["b"][0] if isinstance(found, Struct) else found
        assert isinstance(inner, Cell)
        assert inner.items[0] is plain
        assert isinstance(inner.items[1], Opaque)
        assert (inner.items[1].class_name, inner.items[1].numbers) == ("package.inner", (2,))
    for untouched in (Cell((1, 2), (plain, EMPTY)), Struct((1, 1), {"a": (plain,)})):
        assert subsystem(metadata(), untouched).object(1).fields["inner"][0] is untouched


def test_numbers_that_are_no_reference_stay_numbers() -> None:
    for plain in (
        numbers(MAGIC, 2, 1, 1),
        numbers(1, 2, 1, 1, 1, 1),
        numbers(1, MAGIC, 1, 1, 1, MAGIC),
        Numeric(np.array([[MAGIC, 2, 1, 1, 1, 1]], dtype=np.float64)),
    ):
        assert subsystem(metadata(), plain).object(1).fields["inner"][0] is plain
        assert opaque("mine", plain, lambda: subsystem(metadata())).system == ""
    none = opaque("mine", numbers(MAGIC, 2, 0, 0, 3), lambda: subsystem(metadata()))
    assert (none.class_name, none.system, none.shape, none.numbers) == ("mine", "MCOS", (0, 0), ())


def text(words: str) -> Char:
    return Char((1, len(words)), (words,))


def test_function_handles_in_properties() -> None:
    mark = numbers(MAGIC)
    inner = Struct((1, 1), {"function": (text("sigmoid"),), "file": (text("/home/somebody"),)})
    content = Struct((1, 1), {"matlabroot": (text("/opt/MATLAB/R2024b/bin"),), "function_handle": (inner,)})
    unknown = Struct((1, 1), {"function_handle": (EMPTY,)})
    for described, expected in ((content, ("sigmoid", "R2024b")), (unknown, ("", ""))):
        handle = subsystem(metadata(), Cell((2, 1), (mark, described))).object(1).fields["inner"][0]
        assert isinstance(handle, Function)
        assert (handle.name, handle.release) == expected
    for other in (
        (mark, content, EMPTY),
        (content,),
        (numbers(MAGIC, MAGIC), content),
        (numbers(1), content),
        (content, mark),
        (mark, mark),
        (mark, Struct((1, 1), {"matlabroot": (text("R2024b"),)})),
    ):
        assert isinstance(subsystem(metadata(), Cell((len(other), 1), other)).object(1).fields["inner"][0], Cell)


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
