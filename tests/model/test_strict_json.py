"""JSON as the archive has it: what is read, what is refused with which place, and how it is written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from matnet import FormatError
from matnet.model.strict_json import Node, parse, plain, plain_number, write


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(FormatError) as caught:
        call(*arguments)
    return str(caught.value)


def test_whole_numbers_are_exact_or_no_integers() -> None:
    found = parse("[123456789012345, -12345678901234, 1234567890123456, 1e3]").items()
    fifteen, negative, sixteen, power = found
    assert (fifteen.count(), negative.count(-(10**14))) == (123456789012345, -12345678901234)
    assert sixteen.number() == 1234567890123456.0
    for node in (sixteen, power):
        assert refusal(node.count).endswith(", expected an integer of at least 0")


@pytest.mark.parametrize(("brackets", "fits"), [(32, True), (33, False)])
@pytest.mark.parametrize("form", ["[{}]", '{{"a": {}}}'])
def test_how_deep_values_may_be_nested(form: str, brackets: int, fits: bool) -> None:
    text = "1"
    for _ in range(brackets):
        text = form.format(text)
    if fits:
        assert parse(text).place == ""
    else:
        assert refusal(parse, text) == "nested more than 32 deep"


def test_values_are_described_in_forty_characters() -> None:
    assert refusal(Node("a" * 38, ".x").count) == f'.x: found "{"a" * 38}", expected an integer of at least 0'
    assert refusal(Node("a" * 39, ".x").count) == f'.x: found "{"a" * 39}…, expected an integer of at least 0'
    assert refusal(Node({}, "").text) == ".: found an object, expected a string"
    assert refusal(Node([1, 2], ".x").text) == ".x: found a list of 2, expected a string"
    assert refusal(Node(1, ".x").items) == ".x: found 1, expected a list"
    assert refusal(Node({}, ".x").length) == ".x: found an object, expected a list"
    assert refusal(Node([], "").entries) == ".: found a list of 0, expected an object"
    assert refusal(Node({"b": 1}, "").keys, ("a",), ("c",)) == ".: unknown key 'b'; known: a, c"
    assert refusal(Node({"c": 1}, ".x").keys, ("a",), ("c",)) == ".x: the key 'a' is missing"


@pytest.mark.parametrize("value", [True, "nan", None, [1.0]])
def test_what_is_no_number(value: Any) -> None:
    assert refusal(Node(value, ".x").number).endswith(', expected a number, "NaN", "Infinity" or "-Infinity"')


def test_numbers_come_back() -> None:
    values = np.array([[1.0, -0.0, 1e-320], [math.nan, math.inf, -math.inf]])
    found = Node(plain(values), "").array((2, None))
    assert np.array_equal(found, values, equal_nan=True)
    assert np.signbit(found[0, 1])
    assert Node([1, 2], "").array((None,)).tolist() == [1.0, 2.0]
    assert [plain_number(value) for value in (0.5, -0.5)] == [0.5, -0.5]


def test_empty_lists_have_the_sizes_that_are_said() -> None:
    assert Node([], "").array((None, None)).shape == (0, 0)
    assert Node([], "").array((0, 3)).shape == (0, 3)
    assert Node([[], []], "").array((None, None, None)).shape == (2, 0, 0)
    assert Node(2.5, "").array(()).shape == ()


def test_places_in_arrays() -> None:
    assert refusal(Node([[1.0, 2.0], [3.0, "4"]], ".w").array, (None, None)) == (
        '.w[1][1]: found "4", expected a number, "NaN", "Infinity" or "-Infinity"'
    )
    assert refusal(Node([[1.0, 2.0], [3.0]], ".w").array, (None, None)) == ".w[1]: a list of 1, expected one of 2"
    assert refusal(Node([[1.0], [2.0]], ".w").array, (3, None)) == ".w: a list of 2, expected one of 3"
    assert refusal(Node([[1.0], 2.0], ".w").array, (None, None)) == ".w[1]: found 2.0, expected a list"
    assert refusal(Node([[[1.0], [2.0]], [[3.0], []]], ".w").array, (None, None, None)) == (
        ".w[1][1]: a list of 0, expected one of 1"
    )


def test_how_values_are_written() -> None:
    value = {"a": [], "b": {}, "c": [1.5, "NaN"], "d": [[1], [2]], "e": {"f": None, "g": "é"}, "h": [{"i": 1}]}
    assert write(value) == (
        '{\n  "a": [],\n  "b": {},\n  "c": [1.5, "NaN"],\n  "d": [\n    [1],\n    [2]\n  ],\n  "e": {\n    "f": null,\n'
        '    "g": "\\u00e9"\n  },\n  "h": [\n    {\n      "i": 1\n    }\n  ]\n}\n'
    )
    assert parse(write(value)).value == value
    with pytest.raises(ValueError, match="Out of range float values"):
        write([math.nan])
