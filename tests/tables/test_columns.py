"""Which columns feed the network, which are kept, and what is said where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from matnet.errors import TableError
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Ensemble, Network
from matnet.tables.arrays import ArrayTable
from matnet.tables.columns import (
    Choice,
    Columns,
    Header,
    check_clash,
    choose,
    expanded,
    image_of,
    output_names,
    safe_name,
)
from matnet.tables.interfaces import Source
from matnet.tables.wording import listed, shown


def chosen(names: str, columns: Columns, size: int, written: bool = True) -> Choice:
    return choose(Header(tuple(names.split()), written), columns, size, "t.csv")


def refusal(names: str, columns: Columns, size: int, written: bool = True) -> str:
    with pytest.raises(TableError) as raised:
        chosen(names, columns, size, written)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("b:d", ("b", "c", "d")),
        (" b : d ", ("b", "c", "d")),
        ("c:c", ("c",)),
        ("a:e", ("a", "b", "c", "d", "e")),
        ("d:b", ("d:b",)),
        ("b:z", ("b:z",)),
        ("z:b", ("z:b",)),
        ("b", ("b",)),
        ("b:", ("b:",)),
    ],
)
def test_a_range_of_names_is_all_columns_from_the_one_to_the_other(name: str, columns: tuple[str, ...]) -> None:
    assert expanded(("a", name), ("a", "b", "c", "d", "e")) == ("a", *columns)


def test_a_column_that_has_a_colon_in_its_name_is_one_column() -> None:
    assert expanded(("a:b",), ("a", "c", "b", "a:b")) == ("a:b",)


OWN = ("flow", "speed")


@pytest.mark.parametrize(
    ("names", "columns", "written", "inputs", "input_names"),
    [
        # names that the user gives, the network's own, x1 and x2, and at last the place
        ("x2 speed x1 flow b a", Columns(inputs=("a", "b"), own_inputs=OWN), True, (5, 4), ("a", "b")),
        ("x2 speed x1 flow b a", Columns(own_inputs=OWN), True, (3, 1), ("flow", "speed")),
        ("x2 b x1 a", Columns(own_inputs=OWN), True, (2, 0), ("x1", "x2")),
        ("b a", Columns(own_inputs=OWN), True, (0, 1), ("b", "a")),
        # without a header the place alone, under the names that are given
        ("x1 x2", Columns(own_inputs=OWN), False, (0, 1), ("flow", "speed")),
        ("x1 x2", Columns(), False, (0, 1), ("x1", "x2")),
        ("x1 x2", Columns(inputs=("a", "b"), own_inputs=OWN), False, (0, 1), ("a", "b")),
        ("x1 x2 x3", Columns(inputs=("x3", "x1"), own_inputs=OWN), False, (2, 0), ("x3", "x1")),
        ("x1 x2", Columns(inputs=("x2", "x1"), own_inputs=OWN), False, (1, 0), ("x2", "x1")),
        # what is kept, distinguishes series or was measured is no input by its place
        ("a b c d e f", Columns(keep=("e", "b"), group="a", targets=("d",)), True, (2, 5), ("c", "f")),
        ("x1 x2 x3 x4", Columns(keep=("x2",), group="x4"), False, (0, 2), ("x1", "x2")),
        ("a b", Columns(keep=("all",)), True, (0, 1), ("a", "b")),
        # but by its name it is
        ("x1 x2 y", Columns(keep=("x2",), group="x1", targets=("y",)), True, (0, 1), ("x1", "x2")),
    ],
)
def test_where_the_inputs_are(
    names: str, columns: Columns, written: bool, inputs: tuple[int, ...], input_names: tuple[str, ...]
) -> None:
    found = chosen(names, columns, 2, written)
    assert (found.inputs, found.input_names) == (inputs, input_names)
    header = names.split()
    assert found.keep == ((0, 1) if columns.keep == ("all",) else tuple(map(header.index, columns.keep)))
    assert found.group == (None if columns.group is None else header.index(columns.group))
    assert found.targets == tuple(map(header.index, columns.targets))
    after = (*found.keep, *(() if found.group is None else (found.group,)), *found.targets)
    assert found.texts == after
    by_place = written and not set(input_names) & {"flow", "x1"} and columns.inputs is None
    assert found.note == (f"t.csv: the inputs are taken by position: {', '.join(input_names)}" if by_place else "")


MANY = " ".join(f"c{k}" for k in range(1, 15))
TWELVE = ", ".join(f"c{k}" for k in range(1, 13))


@pytest.mark.parametrize(
    ("names", "columns", "size", "written", "message"),
    [
        (
            "flow b",
            Columns(own_inputs=OWN),
            2,
            True,
            "t.csv: the header names 1 input of 2 (flow) but not speed; rename the columns, or name those of the "
            "inputs in order with inputs",
        ),
        (
            "b x2",
            Columns(own_inputs=OWN),
            2,
            True,
            "t.csv: the header names 1 input of 2 (x2) but not x1; rename the columns, or name those of the inputs in "
            "order with inputs",
        ),
        ("a b c", Columns(inputs=("a",)), 2, True, "inputs gives 1 name ('a'), the network has 2 inputs"),
        ("a b", Columns(inputs=("a", "a")), 2, True, "inputs gives 'a' twice"),
        ("a b", Columns(group="z"), 1, True, "t.csv: group: no column 'z' in the table; it has 'a', 'b'"),
        ("a b", Columns(targets=("y",)), 1, True, "t.csv: targets: no column 'y' in the table; it has 'a', 'b'"),
        ("x1 x2 x3", Columns(), 2, False, "t.csv: the network takes 2 inputs, but the table has 3 columns; name the "
         "columns of the inputs with inputs, or columns to keep with keep"),
        ("x1 x2", Columns(keep=("x1",)), 2, False, "t.csv: the network takes 2 inputs, but the table has 1 column "
         "beside those named"),
        ("a", Columns(), 2, True, "t.csv: the network takes 2 inputs, but the table has 1 column ('a')"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit(names: str, columns: Columns, size: int, written: bool, message: str) -> None:
    assert refusal(names, columns, size, written) == message


def test_twelve_names_are_shown_of_more() -> None:
    assert chosen(MANY, Columns(), 14).note == f"t.csv: the inputs are taken by position: {TWELVE} and 2 more"
    twelve = " ".join(MANY.split()[:12])
    assert chosen(twelve, Columns(), 12).note == f"t.csv: the inputs are taken by position: {TWELVE}"
    quoted = ", ".join(f"'c{k}'" for k in range(1, 13))
    assert listed(MANY.split()) == f"{quoted} and 2 more"
    assert listed(MANY.split()[:12]) == quoted
    assert shown("a" * 40) == f"'{'a' * 40}'"
    assert shown("a" * 41) == f"'{'a' * 39}…'"


def test_names_of_outputs() -> None:
    assert output_names(Columns(), 2) == ("y1", "y2")
    assert output_names(Columns(own_outputs=("p", "q")), 2) == ("p", "q")
    assert output_names(Columns(outputs=("a", "b"), own_outputs=("p", "q")), 2) == ("a", "b")


def test_names_that_begin_like_a_formula_are_marked_and_only_those() -> None:
    for first in ("=", "+", "-", "@", "\t", "\r"):
        assert safe_name(f"{first}a") == f"'{first}a"
        assert safe_name(f"a{first}") == f"a{first}"
    assert safe_name("") == ""
    check_clash(("a", "b", "A"))


def test_the_image_of_an_ensemble_is_that_of_its_first_network() -> None:
    def net(shape: tuple[int, ...]) -> Network:
        layer = Layer(1, "purelin", {0: Weight(np.ones((1, 4)))})
        return Network(Structure((Input(4, shape=shape),), (layer,), (Output(0, 1),)))

    image, none = net((2, 2, 1)), net(())
    assert (image_of(image), image_of(none)) == ((2, 2, 1), ())
    assert image_of(Ensemble([image, none])) == (2, 2, 1)
    assert image_of(Ensemble([none, image])) == ()


def array(shape: tuple[int, int], across: bool = False, names: tuple[str, ...] | None = None) -> ArrayTable:
    return ArrayTable(np.arange(float(shape[0] * shape[1])).reshape(shape), "a", Source("a"), names, across)


@pytest.mark.parametrize(
    ("columns", "parameter"),
    [
        (Columns(keep=("x1",)), "keep"),
        (Columns(group="x1"), "group"),
        (Columns(targets=("x1",)), "targets"),
        (Columns(keep=("x1",), targets=("x1",), group="x1"), "keep"),
        (Columns(targets=("x1",), group="x1"), "targets"),
    ],
)
@pytest.mark.parametrize("names", [None, ("x1", "x2")])
def test_an_array_has_no_other_columns(columns: Columns, parameter: str, names: tuple[str, ...] | None) -> None:
    with pytest.raises(TableError) as raised:
        array((3, 2), names=names).choose(columns, 2)
    assert str(raised.value) == f"a: {parameter} needs a table with named columns; this is an array of numbers"


def test_the_elements_of_an_array_have_the_names_that_are_given() -> None:
    for columns, names in (
        (Columns(inputs=("a", "b"), own_inputs=OWN), ("a", "b")),
        (Columns(own_inputs=OWN), OWN),
        (Columns(), ("x1", "x2")),
    ):
        choice = array((3, 2)).choose(columns, 2)
        assert (choice.inputs, choice.keep, choice.input_names, choice.texts) == ((0, 1), (), names, ())
    with pytest.raises(TableError) as raised:
        array((3, 2)).choose(Columns(inputs=("a",)), 2)
    assert str(raised.value) == "inputs gives 1 name ('a'), the network has 2 inputs"


@pytest.mark.parametrize(
    ("shape", "across", "message"),
    [
        ((2, 5), False, "2 by 5, expected any by 2: samples in rows; samples='columns' if it has them so"),
        ((5, 2), False, ""),
        ((3, 5), False, "3 by 5, expected any by 2: samples in rows"),
        ((2, 5), True, "5 by 2, expected 2 by any: samples in columns; samples='rows' if it has them so"),
        ((3, 5), True, "5 by 3, expected 2 by any: samples in columns"),
        ((2, 2), True, ""),
    ],
)
def test_an_array_lies_along_or_across(shape: tuple[int, int], across: bool, message: str) -> None:
    """Its rows are the samples here, whatever it is in the file."""
    if message:
        with pytest.raises(TableError) as raised:
            array(shape, across).choose(Columns(), 2)
        assert str(raised.value) == f"a: the array is {message}"
    else:
        table = array(shape, across)
        (rows,) = table.rows(table.choose(Columns(), 2))
        np.testing.assert_array_equal(rows.x, np.arange(2.0 * shape[0]).reshape(shape))
