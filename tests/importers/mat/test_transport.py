"""Values sent from one process to another arrive as they were, or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import matnet
from matnet.files import DEFAULT_LIMIT, Budget
from matnet.importers.mat.mcos import Subsystem
from matnet.importers.mat.transport import Decoder, encode
from matnet.importers.mat.values import EMPTY, Cell, Char, Numeric, Opaque, Value


def no_subsystem() -> Subsystem:
    raise matnet.FormatError("no subsystem")


def sent(value: Value) -> Value:
    arrays: list[Any] = []
    content = encode(value, arrays)
    buffer = b"".join(array.tobytes(order="F") for array in arrays)
    return Decoder(buffer, Budget(DEFAULT_LIMIT), no_subsystem).value(content)


def test_arrays_arrive_in_their_order() -> None:
    wide, tall = np.arange(6.0).reshape(2, 3), np.array([[1], [2], [250]], dtype=np.uint8)
    found = sent(Cell((3, 1), (Numeric(wide, narrowed=True), EMPTY, Numeric(tall, "uint8"))))
    assert isinstance(found, Cell)
    assert found.shape == (3, 1)
    first, nothing, last = found.items
    assert isinstance(first, Numeric)
    assert isinstance(last, Numeric)
    assert (first.array.tolist(), first.class_name, first.narrowed) == (wide.tolist(), "double", True)
    assert nothing.shape == (0, 0)
    assert (last.array.tolist(), last.class_name, last.narrowed) == ([[1], [2], [250]], "uint8", False)


def test_rows_of_text_arrive_as_they_were() -> None:
    found = sent(Char((2, 3), ("abc", "dé ")))
    assert isinstance(found, Char)
    assert (found.shape, found.rows) == ((2, 3), ("abc", "dé "))


@pytest.mark.parametrize("shapes", [((3, 1),), ((1, 1), (2, 1)), ((2, 1), (1, 1))])
def test_an_array_longer_than_its_message_is_refused(shapes: tuple[tuple[int, int], ...]) -> None:
    content = ["cell", [1, len(shapes)], [["numeric", "double", False, "<f8", list(shape)] for shape in shapes]]
    with pytest.raises(matnet.FormatError, match=r"^broken: an array is longer than its message$"):
        Decoder(bytes(16), Budget(DEFAULT_LIMIT), no_subsystem).value(content)


@pytest.mark.parametrize(("system", "at_home"), [("MCOS", True), ("java", False), ("", False)])
def test_objects_know_where_they_are_kept_even_if_there_are_none(system: str, at_home: bool) -> None:
    for numbers in ((), (3,)):
        found = sent(Opaque("mine", system, (1, len(numbers)), numbers, no_subsystem if at_home else None))
        assert isinstance(found, Opaque)
        assert (found.class_name, found.system, found.shape) == ("mine", system, (1, len(numbers)))
        assert (found.numbers, found.home is not None) == (numbers, at_home)
