"""MATLAB's values, their fields and the paths to them, at the edges of what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.fields import Fields, Slots, fields_of, numbers_of, part_of
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import Place, container, find, listing, walk
from matnet.importers.mat.values import (
    EMPTY,
    MAX_DEPTH,
    Cell,
    Char,
    Function,
    MatFile,
    Numeric,
    Opaque,
    Sparse,
    Struct,
    Value,
    Variable,
    children,
    subscript,
)


def numeric(*rows: list[float]) -> Numeric:
    return Numeric(np.array(rows, dtype=np.float64))


def text(*rows: str) -> Char:
    return Char((len(rows), len(rows[0]) if rows else 0), rows)


def sparse(
    shape: tuple[int, ...], data: list[float], rows: list[int], starts: list[int], limit: int = DEFAULT_LIMIT
) -> Sparse:
    return Sparse(shape, np.array(data), np.array(rows, dtype=np.int64), np.array(starts), Budget(limit))


def file_of(**values: Value) -> MatFile:
    variables = {
        name: Variable(name, value.class_name, value.shape, lambda value=value: value)  # type: ignore[misc]
        for name, value in values.items()
    }
    return MatFile("", variables, Budget(DEFAULT_LIMIT))


class Store:
    """Objects by their number, of which the others cannot be read."""

    def __init__(self, *objects: Struct) -> None:
        self.kept = objects

    def object(self, number: int) -> Struct:
        if not 0 < number <= len(self.kept):
            raise matnet.FormatError("no such object")
        return self.kept[number - 1]

    def whole(self, number: int) -> Struct:
        kept = self.object(number)
        return Struct((1, 1), {"default": (EMPTY,), **kept.fields}, kept.class_name)


def objects(store: Store, *numbers: int) -> Opaque:
    return Opaque("mine", "MCOS", (1, len(numbers)), numbers, lambda: store)


def test_a_sparse_matrix_is_made_dense() -> None:
    # an element that is stored twice counts twice; the middle column is empty, the last row too
    matrix = sparse((3, 3), [1.0, 2.0, 4.0, 8.0], [0, 1, 1, 0], [0, 3, 3, 4])
    assert matrix.floats().tolist() == [[1.0, 0.0, 8.0], [6.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert sparse((2, 0), [], [], [0]).floats().shape == (2, 0)
    assert sparse((0, 2), [], [], [0, 0, 0]).floats().shape == (0, 2)


@pytest.mark.parametrize(
    ("shape", "data", "rows", "starts"),
    [
        ((2, 2, 1), [1.0], [0], [0, 1, 1]),
        ((2,), [1.0], [0], [0, 1, 1]),
        ((2, 2), [1.0], [0], [0, 1]),
        ((3, 2), [1.0], [0], [0, 1, 1, 1]),
        ((2, 2), [1.0, 1.0], [0], [0, 1, 2]),
        ((2, 2), [1.0], [0], [1, 1, 1]),
        ((2, 2), [1.0], [0], [-1, 1, 1]),
        ((2, 2), [1.0, 2.0], [0, 1], [0, 1, 1]),
        ((2, 2), [1.0], [0], [0, 1, 2]),
        ((2, 3), [1.0], [0], [0, 1, 0, 1]),
    ],
)
def test_column_starts_that_contradict_the_size_are_refused(
    shape: tuple[int, ...], data: list[float], rows: list[int], starts: list[int]
) -> None:
    with pytest.raises(matnet.FormatError, match=r"^a sparse matrix whose column starts contradict its size$"):
        sparse(shape, data, rows, starts)


@pytest.mark.parametrize("rows", [[-1, 0], [0, 2], [2, -1]])
def test_rows_outside_a_sparse_matrix_are_refused(rows: list[int]) -> None:
    with pytest.raises(matnet.FormatError, match=r"^a sparse matrix with elements outside its 2 rows$"):
        sparse((2, 3), [1.0, 2.0], rows, [0, 1, 1, 2])


def test_a_sparse_matrix_takes_what_its_dense_one_needs() -> None:
    assert sparse((10, 5), [], [], [0] * 6, limit=400).floats().shape == (10, 5)
    with pytest.raises(matnet.FormatError):
        sparse((10, 5), [], [], [0] * 6, limit=399).floats()
    with pytest.raises(matnet.UnsupportedError, match=r"^complex numbers, expected real ones$"):
        Sparse((1, 1), np.array([1j]), np.array([0]), np.array([0, 1]), Budget(DEFAULT_LIMIT)).floats()


def test_whole_numbers_are_taken_as_far_as_float64_holds_them() -> None:
    for dtype in ("i8", "u8"):
        assert Numeric(np.array([[2**53]], dtype=dtype), "int64").floats().tolist() == [[2.0**53]]
        with pytest.raises(matnet.UnsupportedError, match=r"^uint64 numbers beyond 2\^53, which float64 does not hold"):
            Numeric(np.array([[1, 2**53 + 2]], dtype=dtype), "uint64").floats()
    with pytest.raises(matnet.UnsupportedError):
        Numeric(np.array([[-(2**53) - 2, 1]]), "int64").floats()
    assert numeric([1e300]).floats().tolist() == [[1e300]]
    assert Numeric(np.array([[2**32 - 1]], dtype="u4"), "uint32").floats().tolist() == [[2.0**32 - 1]]
    with pytest.raises(matnet.UnsupportedError, match=r"^complex numbers, expected real ones$"):
        Numeric(np.array([[1j]])).floats()


def test_elements_of_structs() -> None:
    several = Struct((1, 2), {"a": (numeric([1.0]), numeric([2.0]))}, "mine")
    second = several.element(1)
    assert (second.shape, second.class_name, second.fields["a"]) == ((1, 1), "mine", (several.fields["a"][1],))
    assert several.get("a") is None
    assert second.get("a") is several.fields["a"][1]
    assert second.get("b") is None
    assert Struct((0, 0), {"a": ()}).get("a") is None
    assert (Function().shape, Opaque("mine", "java").shape, EMPTY.shape) == ((1, 1), (1, 1), (0, 0))
    assert not numeric([1.0]).narrowed


def test_subscripts_are_those_of_matlab() -> None:
    assert [subscript((1, 3), 2), subscript((3, 1), 1), subscript((2, 3), 3), subscript((2, 1, 2), 3)] == [
        "3",
        "2",
        "2,2",
        "2,1,2",
    ]


def test_what_is_within_values() -> None:
    inner, number = Cell((1, 1), (EMPTY,)), numeric([1.0])
    steps: list[tuple[Value, list[str], list[str]]] = [
        (Cell((1, 2), (number, inner)), ["{1}", "{2}"], ["{2}"]),
        (Struct((1, 1), {"a": (number,), "b": (inner,)}), [".a", ".b"], [".b"]),
        (Struct((2, 1), {"a": (number, inner)}), ["(1)", "(2)"], ["(1)", "(2)"]),
        (Struct((2, 1), {"a": (number, number)}), ["(1)", "(2)"], []),
        (Struct((2, 1), {}), [], []),
        (number, [], []),
    ]
    for value, every, holders in steps:
        assert ["".join(step) for step, _ in children(value)] == every
        assert ["".join(step) for step, _ in children(value, leaves=False)] == holders


def test_what_is_within_objects() -> None:
    shared = Cell((1, 1), (EMPTY,))
    store = Store(
        Struct((1, 1), {"a": (shared,), "n": (numeric([1.0]),)}, "first"),
        Struct((1, 1), {"a": (shared,), "n": (numeric([2.0]),)}, "second"),
        Struct((1, 1), {"a": (Cell((1, 1), (EMPTY,)),)}, "third"),
    )
    assert ["".join(step) for step, _ in children(objects(store, 1))] == [".a", ".n"]
    assert list(children(Opaque("mine", "MCOS", (1, 1), (1,)))) == []
    assert list(children(Opaque("mine", "java", (1, 1), (1,), lambda: store))) == []
    # the number 9 cannot be read, and what the first two share is met once
    found = list(children(objects(store, 9, 1, 2, 1, 3)))
    assert ["".join(step) for step, _ in found] == ["(2)", "(3)", "(5)"]
    kept = [value for _, value in found if isinstance(value, Struct)]
    assert [(entry.class_name, entry.shape, list(entry.fields)) for entry in kept] == [
        ("first", (1, 1), ["a", "n"]),
        ("second", (1, 1), ["n"]),
        ("third", (1, 1), ["a"]),
    ]
    # nothing is left of an object whose only property was met
    store = Store(*[Struct((1, 1), {"a": (shared,)}, "first")] * 2)
    assert ["".join(step) for step, _ in children(objects(store, 1, 2))] == ["(1)"]


def test_objects_are_asked_for_by_their_place() -> None:
    store = Store(*(Struct((1, 1), {"n": (numeric([float(number)]),)}) for number in range(1, 4)))
    two = objects(store, 3, 2)
    assert two.element(1) is store.kept[1]
    assert two.objects() == (store.kept[2], store.kept[1])
    assert [list(entry.fields) for entry in two.whole()] == [["default", "n"]] * 2
    for system, reason in (("MCOS", "its properties are not in the file"), ("java", "it is a java object")):
        with pytest.raises(matnet.UnsupportedError) as refused:
            Opaque("mine", system, (1, 1), (1,), None if system == "MCOS" else lambda: store).element(0)
        assert str(refused.value) == f"the object of class mine cannot be read: {reason}"


def place_of(value: Value, path: str) -> Value:
    return find(file_of(s=value), path)


def test_paths_lead_to_values() -> None:
    items = tuple(numeric([float(number)]) for number in range(6))
    cell = Cell((2, 3), items)
    assert place_of(cell, "s{2}") is items[1]
    assert place_of(cell, "s{6}") is items[5]
    assert place_of(cell, "s{1,1}") is items[0]
    assert place_of(cell, "s{2,1}") is items[1]
    assert place_of(cell, " s { 1 , 3 } ") is items[4]
    assert place_of(cell, "s{2,3}") is items[5]
    assert place_of(Cell((1, 2, 3), items), "s{1,2,3}") is items[5]
    part = place_of(cell, "s(2,2)")
    assert isinstance(part, Cell)
    assert (part.shape, part.items) == ((1, 1), (items[3],))
    several = Struct((1, 2), {"a": items[:2]})
    assert place_of(several, "s(2).a") is items[1]
    assert place_of(Struct((1, 1), {"a": (several,)}), "s.a(1).a") is items[0]
    store = Store(Struct((1, 1), {"n": (items[0],)}), Struct((1, 1), {"n": (items[1],)}))
    assert place_of(objects(store, 2), "s.n") is items[1]
    assert place_of(objects(store, 1, 2), "s(2).n") is items[1]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("1", "'1' is not a valid path; expected e.g. results.Network, nets{3} or s(2).net"),
        ("t", "there is no variable t; found: s (cell 2x3)"),
        ("s!", "cannot parse 's!' after 's'; expected .field, {3} or (2)"),
        ("s{7}", "s: 2x3: it has no element 7"),
        ("s{0}", "s: 2x3: it has no element 0"),
        ("s{3,1}", "s: 2x3: it has no element 3,1"),
        ("s{1,4}", "s: 2x3: it has no element 1,4"),
        ("s{0,1}", "s: 2x3: it has no element 0,1"),
        ("s{1,1,1}", "s: 2x3: it has no element 1,1,1"),
        ("s.a", "s: a cell 2x3: it has no field a"),
        ("s{1}{1}", "s{1}: a struct 1x2, not a cell: {1} leads nowhere"),
        ("s{1}.b", "s{1}: no field b; it has a"),
        ("s{1}.a", "s{1}: a struct 1x2: say which element, as in s{1}(1).a"),
        ("s{2}.a", "s{2}: no field a; it has none"),
        ("s{3}(1)", "s{3}: a double 1x1: (1) does not lead to a usable value"),
        ("s{4}.a", "s{4}: a mine 1x2: it has no field a"),
    ],
)
def test_paths_that_lead_nowhere(path: str, message: str) -> None:
    store = Store(Struct((1, 1), {"a": (EMPTY,)}), Struct((1, 1), {"a": (EMPTY,)}))
    items = (
        Struct((1, 2), {"a": (EMPTY, EMPTY)}),
        Struct((1, 1), {}),
        numeric([1.0]),
        objects(store, 1, 2),
        EMPTY,
        EMPTY,
    )
    with pytest.raises(matnet.FormatError) as refused:
        place_of(Cell((2, 3), items), path)
    assert str(refused.value) == message


def test_listings_end_after_twenty() -> None:
    assert listing(file_of()) == "nothing"
    twenty = file_of(**{f"v{number}": EMPTY for number in range(20)})
    assert listing(twenty) == ", ".join(f"v{number} (double 0x0)" for number in range(20))
    more = file_of(**{f"v{number}": EMPTY for number in range(21)})
    assert listing(more) == f"{listing(twenty)}, and 1 more"


def nested(depth: int) -> Value:
    value: Value = numeric([1.0])
    for _ in range(depth):
        value = Cell((1, 1), (value,))
    return value


def walked(file: MatFile, **options: Any) -> list[str]:
    return [str(place) for place, _ in walk(file, options.pop("closed", lambda value: False), **options)]


def test_walks_go_as_deep_and_as_far_as_the_limits() -> None:
    # the variable, and as many values within as may be open at a time, and one more
    assert len(walked(file_of(s=nested(2 * MAX_DEPTH + 5)))) == 2 * MAX_DEPTH + 2
    assert len(walked(file_of(s=nested(2 * MAX_DEPTH)))) == 2 * MAX_DEPTH
    for length, kept in ((4094, 2), (4095, 1)):
        inside = Struct((1, 1), {"a" * length: (nested(1),)})
        assert len(walked(file_of(s=inside))) == kept
    below = Place(Place(None, ("s",)), ("{", "12", "}"))
    assert (below.length, str(below)) == (5, "s{12}")


def test_walks_meet_objects_once_and_leave_out_what_is_closed() -> None:
    store = Store(Struct((1, 1), {"a": (nested(1),)}, "mine"), Struct((1, 1), {"a": (nested(1),)}, "mine"))
    one, both, none = objects(store, 1), objects(store, 1, 2), objects(store)
    file = file_of(
        x=one, y=one, z=both, none=none, again=none, n=numeric([1.0]), c=Cell((1, 3), (one, nested(0), nested(1)))
    )
    assert walked(file) == ["x", "x.a", "z", "z(2)", "z(2).a", "none", "again", "c", "c{3}"]
    assert walked(file, leaves=True) == [
        "x",
        "x.a",
        "x.a{1}",
        "z",
        "z(2)",
        "z(2).a",
        "z(2).a{1}",
        "none",
        "again",
        "c",
        "c{2}",
        "c{3}",
        "c{3}{1}",
    ]
    closed = walked(file, closed=lambda value: isinstance(value, Opaque))
    assert closed == ["x", "z", "none", "again", "c", "c{3}"]
    assert [container(path) for path in ("a.b", "a{1,2}", "a(3)", "a", "a.b{2}")] == ["a", "a", "a", "", "a.b"]


def test_slots_are_counted_by_columns() -> None:
    items = (numeric([1.0]), EMPTY, Numeric(np.zeros((1, 0))), Cell((0, 0), ()), numeric([0.0]), text("a"))
    slots = Slots(items, 2, 3)
    assert slots.get(0) is items[0]
    assert slots.get(1) is None
    assert slots.get(0, 1) is None
    assert slots.get(1, 1) is items[3]
    assert slots.get(1, 2) is items[5]
    assert list(slots.filled()) == [(0, 0), (0, 2), (1, 1), (1, 2)]
    assert Slots((), 0, 3).get(0, 1) is None
    assert list(Slots((), 0, 3).filled()) == []


FIELDS = Fields(
    Struct(
        (1, 1),
        {
            "word": (text("abc"),),
            "rows": (text("abc", "def"),),
            "blank": (text(""),),
            "none": (Char((0, 0), ()),),
            "empty": (EMPTY,),
            "two": (numeric([2.0]),),
            "zero": (numeric([0.0]),),
            "most": (numeric([2.0**31 - 1]),),
            "over": (numeric([2.0**31]),),
            "below": (numeric([-1.0]),),
            "half": (numeric([0.5]),),
            "unknown": (numeric([np.nan]),),
            "pair": (numeric([3.0, 4.0]),),
            "complex": (Numeric(np.array([[2.0 + 0j]])),),
            "matrix": (numeric([0.0, 1.0, 0.0], [1.0, 1.0, 0.0]),),
            "larger": (numeric([0.0, 2.0], [1.0, 1.0]),),
            "smaller": (numeric([0.0, -1.0], [1.0, 1.0]),),
            "row": (Cell((1, 3), (EMPTY, EMPTY, numeric([1.0]))),),
            "column": (Cell((3, 1), (EMPTY, EMPTY, numeric([1.0]))),),
            "square": (Cell((2, 3), (EMPTY,) * 6),),
            "inside": (Struct((1, 1), {"n": (numeric([7.0]),)}),),
            "several": (Struct((1, 2), {"n": (EMPTY, EMPTY)}),),
            "packed": (objects(Store(Struct((1, 1), {"any": (Struct((1, 1), {"n": (numeric([8.0]),)}),)})), 1),),
            "some": (objects(Store(Struct((1, 1), {}), Struct((1, 1), {})), 1, 2),),
        },
    ),
    "net.it",
)


def test_texts_and_whole_numbers_of_fields() -> None:
    assert FIELDS.text("word") == "abc"
    assert (FIELDS.text("blank", "d"), FIELDS.text("none", "d"), FIELDS.text("missing", "d")) == ("d", "d", "d")
    assert (FIELDS.text("empty", "d"), FIELDS.text("blank"), FIELDS.text("none")) == ("d", "", "")
    assert [FIELDS.label(name, "d") for name in ("word", "rows", "blank", "none", "two", "missing")] == [
        "abc",
        *"ddddd",
    ]
    assert [FIELDS.count(name) for name in ("two", "zero", "most")] == [2, 0, 2**31 - 1]
    assert (FIELDS.count("missing", 5), FIELDS.count("empty", 0), FIELDS.count("two", 5)) == (5, 0, 2)
    assert (FIELDS.has("empty"), FIELDS.has("missing"), FIELDS.get("empty"), FIELDS.get("missing")) == (
        True,
        False,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("text", "rows", "a char 2x3, expected one line of text"),
        ("text", "two", "a double 1x1, expected one line of text"),
        ("text", "missing", "missing, expected one line of text"),
        ("text", "empty", "a double 0x0, expected one line of text"),
        *(
            ("count", name, f"{got}, expected a whole number, not negative")
            for name, got in {
                "over": "a double 1x1",
                "below": "a double 1x1",
                "half": "a double 1x1",
                "unknown": "a double 1x1",
                "complex": "a double 1x1",
                "pair": "a double 1x2",
                "word": "a char 1x3",
                "missing": "missing",
            }.items()
        ),
        ("floats", "word", "a char 1x3, expected numbers"),
        ("floats", "empty", "missing or empty, expected numbers"),
    ],
)
def test_fields_of_another_kind(kind: str, name: str, message: str) -> None:
    with pytest.raises(matnet.ModelError) as refused:
        getattr(FIELDS, kind)(name)
    assert str(refused.value) == f"net.it.{name}: {message}"


def test_matrices_of_connections() -> None:
    assert FIELDS.connections("matrix", 2, 3).tolist() == [[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    assert FIELDS.connections("missing", 0, 3).shape == (0, 3)
    for name, rows, columns, message in (
        ("matrix", 3, 2, "2x3, expected 3x2 by the numbers of inputs and layers"),
        ("larger", 2, 2, "numbers other than 0 and 1"),
        ("smaller", 2, 2, "numbers other than 0 and 1"),
        ("missing", 1, 1, "missing or empty, expected numbers"),
        ("empty", 2, 1, "missing or empty, expected numbers"),
        ("matrix", 0, 3, "2x3, expected 0x3 by the numbers of inputs and layers"),
    ):
        with pytest.raises(matnet.ModelError) as refused:
            FIELDS.connections(name, rows, columns)
        assert str(refused.value) == f"net.it.{name}: {message}"


def test_cells_by_rows_and_columns() -> None:
    for name in ("row", "column"):
        for rows, columns in ((1, 3), (3, 1)):
            found = FIELDS.slots(name, rows, columns)
            assert list(found.filled()) == [(rows - 1, columns - 1)]
    assert list(FIELDS.slots("square", 2, 3).filled()) == []
    assert list(FIELDS.slots("missing", 0, 3).filled()) == []
    for name, rows, columns, got in (
        ("square", 3, 2, "a cell 2x3"),
        ("row", 1, 2, "a cell 1x3"),
        ("two", 1, 1, "a double 1x1"),
        ("missing", 1, 1, "missing"),
    ):
        with pytest.raises(matnet.ModelError) as refused:
            FIELDS.slots(name, rows, columns)
        assert str(refused.value) == f"net.it.{name}: {got}, expected a {rows}x{columns} cell"


def test_parts_are_structs_and_objects() -> None:
    assert part_of(FIELDS, "inside").floats("n").tolist() == [[7.0]]
    assert part_of(FIELDS, "packed", "any").floats("n").tolist() == [[8.0]]
    assert part_of(FIELDS, "packed").names == ("default", "any")
    for name, got in (("several", "a struct 1x2"), ("some", "a mine 1x2"), ("two", "a double 1x1"), ("empty", "empty")):
        with pytest.raises(matnet.ModelError) as refused:
            part_of(FIELDS, name)
        assert str(refused.value) == f"net.it.{name}: {got}, expected a struct"
    with pytest.raises(matnet.ModelError):
        fields_of(Struct((0, 0), {"n": ()}), "x")
    with pytest.raises(matnet.UnsupportedError, match=r"^net\.it\.complex: complex numbers, expected real ones$"):
        numbers_of(FIELDS.get("complex"), "net.it.complex")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, True),
        ({0: 4052}, True),
        ({0: 4053}, False),
        ({3: 1}, True),
        ({3: 2}, False),
        ({4: 1}, False),
        ({4: 2}, True),
        ({4: 64}, True),
        ({4: 65}, False),
    ],
)
def test_files_of_version_4_are_told_by_their_first_numbers(
    tmp_path: Path, order: str, change: dict[int, int], known: bool
) -> None:
    numbers = [0, 3, 5, 0, 2]
    for place, number in change.items():
        numbers[place] = number
    path = tmp_path / "old.mat"
    path.write_bytes(np.array(numbers, dtype=f"{order}u4").tobytes())
    expected = "a version 4 MAT-file; save it with -v7 instead"
    with pytest.raises(matnet.MatnetError) as refused:
        open_mat(path, DEFAULT_LIMIT)
    assert str(refused.value).endswith(expected) == known


def test_what_is_shorter_than_a_header_of_version_4_is_none(tmp_path: Path) -> None:
    path = tmp_path / "short.mat"
    path.write_bytes(np.array([0, 3, 5, 0, 2], dtype="<u4").tobytes()[:19])
    with pytest.raises(matnet.FormatError) as refused:
        open_mat(path, DEFAULT_LIMIT)
    assert str(refused.value).endswith(f"not a MAT-file: it begins with {path.read_bytes()[:16]!r}")
    path.write_bytes(b"")
    with pytest.raises(matnet.FormatError) as refused:
        open_mat(path, DEFAULT_LIMIT)
    assert str(refused.value).endswith("not a MAT-file: it is empty")
