"""JSON as the archive writes and reads it: strict, every number in the fewest digits that read back exactly.

JSON has no NaN and no infinities; they are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np

from matnet.errors import FormatError
from matnet.functions.namespace import FloatArray

Json: TypeAlias = Any
"""The types of JSON values: dict, list, str, int, float, bool, None."""

MAX_DEPTH = 32
"""How deep objects and lists may be nested; the archive needs 7."""

_MARGIN = 100_000_000
"""Bytes that a text may need beyond ten times its length."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+', re.DOTALL)

_NAMED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def plain(values: FloatArray) -> Json:
    """An array as nested lists, row by row, with the numbers that JSON lacks as strings."""
    return _named(values.tolist())


def plain_number(value: float) -> float | str:
    """A number, or its string if JSON has no number for it."""
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _named(value: Json) -> Json:
    return [_named(entry) for entry in value] if isinstance(value, list) else plain_number(value)


def write(value: Json) -> str:
    """`value` as text: one entry per line, but lists of numbers or strings on one line; plain ASCII."""
    return "".join(_written(value, "")) + "\n"


def _written(value: Json, indent: str) -> Iterator[str]:
    entries = list(value.items()) if isinstance(value, dict) else [("", entry) for entry in _entries(value)]
    flat = not any(isinstance(entry, dict | list) for _, entry in entries)
    if not entries or (flat and isinstance(value, list)):
        yield json.dumps(value, allow_nan=False)
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield opening
    for number, (key, entry) in enumerate(entries):
        yield f"{',' if number else ''}\n{indent}  "
        if isinstance(value, dict):
            yield f"{json.dumps(key)}: "
        yield from _written(entry, indent + "  ")
    yield f"\n{indent}{closing}"


def _entries(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def parse(text: str) -> Node:
    """Strict JSON: no NaN or Infinity literals, no key twice, no number that float64 cannot hold.

    Raises
    ------
    FormatError
        The text is not strict JSON.
    """
    try:
        value = json.loads(
            text,
            parse_float=_float,
            parse_int=_whole,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeats,
        )
    except json.JSONDecodeError as error:
        raise FormatError(f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise FormatError(f"nested more than {MAX_DEPTH} deep") from None
    _check_depth(value)
    return Node(value, "")


def parsed_size(text: str) -> int:
    """The most bytes that ``parse`` needs for a text, from the characters that begin or separate its values.

    A string that is not ASCII has a longer header, and up to 4 bytes per character, which are copied as it is put
    together.

    Raises
    ------
    FormatError
        They are more than ten times the text and 100 MB, which the numbers of a network never need.
    """
    bytes_of = {"[": 96, "{": 240, ",": 40, ":": 160, '"': 12}
    size = 2 * len(text) + sum(each * text.count(character) for character, each in bytes_of.items())
    most = 10 * len(text) + _MARGIN
    if size <= most and (not text.isascii() or "\\u" in text):
        size += sum(16 + 6 * (found.end() - found.start()) for found in _STRING.finditer(text))
    if size > most:
        raise FormatError(
            f"its lists, objects and numbers are so short that reading {len(text):,} characters may need {size:,} "
            "bytes of memory; no network needs more than ten times its text"
        )
    return size


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FormatError(f"the number {text[:40]} is beyond what float64 holds")
    return value


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= 15 else _float(text)


def _refuse_constant(text: str) -> NoReturn:
    raise FormatError(f'{text} is not JSON; the archive writes the string "{text}"')


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    entries: dict[str, Json] = {}
    for key, value in pairs:
        if key in entries:
            raise FormatError(f"the key '{key}' occurs twice in one object")
        entries[key] = value
    return entries


def _check_depth(value: Json) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise FormatError(f"nested more than {MAX_DEPTH} deep")
        level = [
            inner
            for entry in level
            if isinstance(entry, dict | list)
            for inner in (entry.values() if isinstance(entry, dict) else entry)
            if isinstance(inner, dict | list)
        ]


@dataclass(frozen=True)
class Node:
    """A value in a file with its place, written as jq writes it: ``.layers[0].bias``."""

    value: Json
    place: str

    def refuse(self, expected: str) -> NoReturn:
        """Raises a FormatError with the place, the value found and the value expected."""
        raise FormatError(f"found {_described(self.value)}, expected {expected}", place=self.place or ".")

    def keys(self, known: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """The entries of an object that has exactly the keys `known`, and any of those that are optional."""
        if not isinstance(self.value, dict):
            self.refuse("an object")
        for key in self.value:
            if key not in known and key not in optional:
                expected = ", ".join((*known, *optional))
                raise FormatError(f"unknown key '{key}'; known: {expected}", place=self.place or ".")
        for key in known:
            if key not in self.value:
                raise FormatError(f"the key '{key}' is missing", place=self.place or ".")
        return self.entries()

    def entries(self) -> dict[str, Node]:
        """The entries of an object."""
        if not isinstance(self.value, dict):
            self.refuse("an object")
        return {key: Node(value, f"{self.place}.{key}") for key, value in self.value.items()}

    def items(self) -> Iterator[Node]:
        """The entries of a list, one at a time: a broken file may have millions."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return (Node(value, f"{self.place}[{number}]") for number, value in enumerate(self.value))

    def length(self) -> int:
        """The number of entries of a list."""
        if not isinstance(self.value, list):
            self.refuse("a list")
        return len(self.value)

    def text(self) -> str:
        """A string."""
        if not isinstance(self.value, str):
            self.refuse("a string")
        return self.value

    def count(self, least: int = 0) -> int:
        """An integer, at least `least`."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < least:
            self.refuse(f"an integer of at least {least}")
        return self.value

    def number(self) -> float:
        """A number, or the string for NaN or an infinity."""
        if isinstance(self.value, str) and self.value in _NAMED:
            return _NAMED[self.value]
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            self.refuse('a number, "NaN", "Infinity" or "-Infinity"')
        return float(self.value)

    def array(self, shape: Sequence[int | None]) -> FloatArray:
        """Nested lists of numbers as an array; None in `shape` is any length."""
        sizes: list[int] = []
        level: list[Json] = [self.value]
        for expected in shape:
            size = expected
            for number, row in enumerate(level):
                if not isinstance(row, list):
                    self._within(row, sizes, number).refuse("a list")
                size = len(row) if size is None else size
                if len(row) != size:
                    place = self._within(row, sizes, number).place
                    raise FormatError(f"a list of {len(row)}, expected one of {size}", place=place)
            sizes.append(size or 0)
            level = [entry for row in level for entry in row]
        numbers = [
            value if type(value) is float else self._within(value, sizes, number).number()
            for number, value in enumerate(level)
        ]
        return np.array(numbers, dtype=np.float64).reshape(sizes)

    def _within(self, value: Json, sizes: Sequence[int], number: int) -> Node:
        """The place of entry `number`, counted in row-major order, in nested lists of the lengths `sizes`."""
        index = np.unravel_index(number, tuple(sizes)) if sizes else ()
        return Node(value, self.place + "".join(f"[{k}]" for k in index))


def _described(value: Json) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
