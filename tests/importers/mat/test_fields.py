"""The fields of structs by name and kind: what each kind takes, and what is said of anything else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import matnet
from matnet.importers.mat.fields import Fields, Slots, fields_of, part_of
from matnet.importers.mat.values import EMPTY, Cell, Char, Numeric, Opaque, Struct, Value


def numbers(*values: float, dtype: str = "f8") -> Numeric:
    """A row of numbers."""
    return Numeric(np.array([values], dtype))


def words(*rows: str) -> Char:
    return Char((len(rows), max(map(len, rows), default=0)), rows)


def fields(**values: Value) -> Fields:
    return Fields(Struct((1, 1), {name: (value,) for name, value in values.items()}), "net")


def message(action: Callable[[], object]) -> str:
    with pytest.raises(matnet.ModelError) as refused:
        action()
    return str(refused.value)


COUNT = "expected a whole number, not negative"


def test_a_count_is_a_whole_number_from_0_to_below_2_to_31() -> None:
    for stored, expected in ((0.0, 0), (1.0, 1), (2.0**31 - 1.0, 2**31 - 1)):
        assert fields(n=numbers(stored)).count("n") == expected
    assert fields(n=numbers(7, dtype="u1")).count("n", 3) == 7
    for wrong in (-1.0, 0.5, 2.0**31, np.nan, np.inf):
        assert message(partial(fields(n=numbers(wrong)).count, "n")) == f"net.n: a double 1x1, {COUNT}"
    assert message(lambda: fields(n=numbers(1.0, 2.0)).count("n")) == f"net.n: a double 1x2, {COUNT}"
    assert message(lambda: fields(n=numbers(1.0, dtype="c16")).count("n", 3)) == f"net.n: a double 1x1, {COUNT}"


def test_a_default_stands_for_a_field_that_is_missing_or_empty_but_for_no_other() -> None:
    empty, one = EMPTY, numbers(1.0)
    assert fields().count("n", 3) == fields(n=empty).count("n", 3) == 3
    assert fields().count("n", 0) == 0
    assert fields().text("t", "tanh") == fields(t=empty).text("t", "tanh") == fields(t=words("")).text("t", "tanh")
    assert fields(t=words("relu")).text("t", "tanh") == "relu"
    assert fields(t=Char((0, 0), ())).text("t", "none") == "none"
    assert fields(t=words("")).text("t") == ""
    line = "expected one line of text"
    assert message(lambda: fields().count("n")) == f"net.n: missing, {COUNT}"
    assert message(lambda: fields(n=empty).count("n")) == f"net.n: a double 0x0, {COUNT}"
    assert message(lambda: fields(n=words("2")).count("n", 2)) == f"net.n: a char 1x1, {COUNT}"
    assert message(lambda: fields().text("t")) == f"net.t: missing, {line}"
    assert message(lambda: fields(t=one).text("t", "tanh")) == f"net.t: a double 1x1, {line}"
    assert message(lambda: fields(t=words("a", "b")).text("t", "tanh")) == f"net.t: a char 2x1, {line}"


def test_a_label_is_shown_if_it_is_one_line_of_text() -> None:
    for value in (words("a", "b"), words(""), Char((0, 0), ()), numbers(1.0), EMPTY):
        assert fields(name=value).label("name", "Layer") == "Layer"
    assert fields().label("name", "Layer") == "Layer"
    assert fields(name=words("own")).label("name", "Layer") == "own"


def test_connections_are_0_and_1_of_the_size_that_the_network_has() -> None:
    held = fields(c=Numeric(np.array([[0.0, 1.0], [1.0, 1.0]])), wrong=numbers(0.0, 2.0), empty=EMPTY)
    assert held.connections("c", 2, 2).tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert held.connections("absent", 0, 3).shape == (0, 3)
    assert held.connections("empty", 2, 0).shape == (2, 0)
    assert message(lambda: held.connections("c", 2, 1)) == (
        "net.c: 2x2, expected 2x1 by the numbers of inputs and layers"
    )
    assert message(lambda: held.connections("c", 0, 2)) == (
        "net.c: 2x2, expected 0x2 by the numbers of inputs and layers"
    )
    assert message(lambda: held.connections("wrong", 1, 2)) == "net.wrong: numbers other than 0 and 1"
    assert message(lambda: held.connections("absent", 1, 1)) == "net.absent: missing or empty, expected numbers"


def cell(rows: int, columns: int, *items: Value) -> Cell:
    return Cell((rows, columns), items)


def test_slots_are_a_cell_of_rows_and_columns_column_by_column() -> None:
    four = [numbers(float(k)) for k in range(4)]
    slots = fields(w=cell(2, 2, four[0], EMPTY, four[2], Numeric(np.zeros((3, 0))))).slots("w", 2, 2)
    assert [slots.get(row, column) for row in range(2) for column in range(2)] == [four[0], four[2], None, None]
    assert list(slots.filled()) == [(0, 0), (0, 1)]
    # by rows, though the cells are stored by columns
    full = Slots(tuple(four), 2, 2)
    assert list(full.filled()) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert full.get(1) is four[1]
    nothing = fields().slots("w", 0, 2)
    assert nothing.get(0) is None
    assert list(nothing.filled()) == []


def test_a_row_of_slots_may_be_stored_as_a_column_and_no_other_shape() -> None:
    held = fields(row=cell(1, 2, EMPTY, numbers(1.0)), flat=cell(2, 3, *[EMPTY] * 6), text=words("x"))
    for rows, columns in ((1, 2), (2, 1)):
        assert list(held.slots("row", rows, columns).filled()) == [(rows - 1, columns - 1)]
    assert message(lambda: held.slots("flat", 3, 2)) == "net.flat: a cell 2x3, expected a 3x2 cell"
    assert message(lambda: held.slots("row", 1, 3)) == "net.row: a cell 1x2, expected a 1x3 cell"
    assert message(lambda: held.slots("text", 1, 1)) == "net.text: a char 1x1, expected a 1x1 cell"
    assert message(lambda: held.slots("absent", 1, 1)) == "net.absent: missing, expected a 1x1 cell"


class Home:
    """Objects, by number from 1: what is stored of each, and the defaults of their class."""

    def __init__(self, *objects: dict[str, Value]) -> None:
        self.objects = objects

    def object(self, number: int) -> Struct:
        return Struct((1, 1), {name: (value,) for name, value in self.objects[number - 1].items()}, "Own")

    def whole(self, number: int) -> Struct:
        stored: Any = self.object(number).fields
        return Struct((1, 1), {"size": (numbers(5.0),), **stored}, "Own")


def test_a_part_is_a_struct_or_one_object_with_its_defaults() -> None:
    inner = Struct((1, 1), {"a": (numbers(2.0),)})
    home = Home({"a": numbers(1.0)}, {"any": inner})
    one, packed, two = (Opaque("Own", "MCOS", (1, len(which)), which, lambda: home) for which in ((1,), (2,), (1, 2)))
    held = fields(s=inner, one=one, packed=packed, two=two, row=Struct((1, 2), {"a": (EMPTY, EMPTY)}), empty=EMPTY)
    assert part_of(held, "s").count("a") == 2
    assert part_of(held, "one").count("a") == 1
    assert part_of(held, "one").count("size") == 5
    assert part_of(held, "packed", "any").count("a") == 2
    assert part_of(held, "s").place == "net.s"
    assert message(lambda: part_of(held, "two")) == "net.two: a Own 1x2, expected a struct"
    assert message(lambda: part_of(held, "row")) == "net.row: a struct 1x2, expected a struct"
    assert message(lambda: part_of(held, "empty")) == "net.empty: empty, expected a struct"
    assert message(lambda: part_of(held, "one", "any")) == "net.one: empty, expected a struct"
    assert message(lambda: fields_of(numbers(1.0), "net.x")) == "net.x: a double 1x1, expected a struct"
