"""MATLAB's own way to name a value within a file: ``results.Network``, ``nets{3}``, ``s(2).net``, ``grid{2,1}``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from matnet.errors import FormatError
from matnet.importers.mat.values import (
    MAX_DEPTH,
    MAX_NAME,
    Cell,
    MatFile,
    Opaque,
    Shape,
    Step,
    Struct,
    Traversal,
    Value,
    children,
    describe_shape,
)

MAX_PATH = 2 * MAX_NAME
"""The longest path that is followed, in characters."""

_NAME = re.compile(r"[A-Za-z]\w*")
_STEP = re.compile(r"\.([A-Za-z]\w*)|\{(\d+(?:,\d+)*)\}|\((\d+(?:,\d+)*)\)")


def describe(value: Value) -> str:
    """A value in a few words: ``double 3x4``."""
    return f"{value.class_name} {describe_shape(value.shape)}"


def listing(file: MatFile) -> str:
    """The variables of a file in one line, for messages."""
    entries = [f"{entry.name} ({entry.class_name} {describe_shape(entry.shape)})" for entry in file.variables.values()]
    return (
        f"{', '.join(entries[:20])}, and {len(entries) - 20} more"
        if len(entries) > 20
        else ", ".join(entries) or "nothing"
    )


def find(file: MatFile, path: str) -> Value:
    """The value at a path.

    Raises
    ------
    FormatError
        It is not a path, or there is nothing at it; the message says how far it leads.
    """
    path = re.sub(r"\s", "", path)
    start = _NAME.match(path)
    if start is None:
        raise FormatError(f"'{path}' is not a valid path; expected e.g. results.Network, nets{{3}} or s(2).net")
    name = start.group()
    if name not in file.variables:
        raise FormatError(f"there is no variable {name}; found: {listing(file)}")
    value, done = file.variables[name].value, start.end()
    while done < len(path):
        step = _STEP.match(path, done)
        if step is None:
            raise FormatError(f"cannot parse '{path}' after '{path[:done]}'; expected .field, {{3}} or (2)")
        value = _step(value, step, path[:done])
        done = step.end()
    return value


def _step(value: Value, step: re.Match[str], place: str) -> Value:
    field, brace, parenthesis = step.groups()
    if field is not None:
        return _field(value, field, place)
    if brace is not None:
        if not isinstance(value, Cell):
            raise FormatError(f"a {describe(value)}, not a cell: {step.group()} leads nowhere", place=place)
        return value.items[_position(brace, value.shape, place)]
    if isinstance(value, Cell):
        return Cell((1, 1), (value.items[_position(parenthesis, value.shape, place)],))
    if isinstance(value, Struct):
        return value.element(_position(parenthesis, value.shape, place))
    if isinstance(value, Opaque):
        return value.objects()[_position(parenthesis, value.shape, place)]
    raise FormatError(f"a {describe(value)}: {step.group()} does not lead to a usable value", place=place)


def _field(value: Value, field: str, place: str) -> Value:
    if isinstance(value, Opaque):
        objects = value.objects()
        if len(objects) == 1:
            (value,) = objects
    if not isinstance(value, Struct):
        raise FormatError(f"a {describe(value)}: it has no field {field}", place=place)
    if field not in value.fields:
        raise FormatError(f"no field {field}; it has {', '.join(value.fields) or 'none'}", place=place)
    if len(value.fields[field]) != 1:
        raise FormatError(f"a {describe(value)}: say which element, as in {place}(1).{field}", place=place)
    (found,) = value.fields[field]
    return found


def _position(text: str, shape: Shape, place: str) -> int:
    """The position, column by column, that MATLAB's subscripts name."""
    subscripts = [int(number) for number in text.split(",")]
    limits = shape if len(subscripts) > 1 else (math.prod(shape),)
    if len(subscripts) != len(limits) or not all(
        1 <= number <= limit for number, limit in zip(subscripts, limits, strict=True)
    ):
        raise FormatError(f"{describe_shape(shape)}: it has no element {text}", place=place)
    position, step = 0, 1
    for number, limit in zip(subscripts, limits, strict=True):
        position += (number - 1) * step
        step *= limit
    return position


class Place:
    """Where a value is in a file; ``str`` gives MATLAB's path, which is only written out when it is asked for."""

    __slots__ = ("_above", "_step", "length")

    def __init__(self, above: Place | None, step: Step) -> None:
        self._above = above
        self._step = step
        self.length: int = (above.length if above else 0) + sum(map(len, step))

    def __str__(self) -> str:
        steps: list[Step] = []
        place: Place | None = self
        while place is not None:
            steps.append(place._step)
            place = place._above
        return "".join(part for step in reversed(steps) for part in step)


def walk(file: MatFile, closed: Callable[[Value], bool], leaves: bool = False) -> Iterator[tuple[Place, Value]]:
    """All values that may hold others, with their places; not what is within a `closed` one.

    With `leaves`, the numbers and texts within them too. An object is met once, from however many places it is
    referred to, so that objects that refer to each other end. Values nested deeper than twice ``MAX_DEPTH``, through
    objects that hold others, and those whose path takes more than ``MAX_PATH`` characters are passed over.
    """
    traversal = Traversal()
    for variable in file.variables.values():
        if variable.holds_values:
            yield from _within(Place(None, (variable.name,)), variable.value, closed, leaves, traversal)


def _within(
    top: Place, value: Value, closed: Callable[[Value], bool], leaves: bool, traversal: Traversal
) -> Iterator[tuple[Place, Value]]:
    if isinstance(value, Opaque) and _all_met(value, traversal):
        return
    yield top, value
    open_values = [(top, _steps(value, closed, leaves, traversal))]
    while open_values:
        above, steps = open_values[-1]
        entry = next(steps, None)
        if entry is None:
            open_values.pop()
            continue
        step, child = entry
        place = Place(above, step)
        if place.length > MAX_PATH:
            continue
        if not isinstance(child, Cell | Struct | Opaque):
            yield place, child
        elif not (isinstance(child, Opaque) and _all_met(child, traversal)):
            yield place, child
            if len(open_values) <= 2 * MAX_DEPTH:
                open_values.append((place, _steps(child, closed, leaves, traversal)))


def _all_met(value: Opaque, traversal: Traversal) -> bool:
    return bool(value.numbers) and traversal.objects.issuperset(value.numbers)


def _steps(
    value: Value, closed: Callable[[Value], bool], leaves: bool, traversal: Traversal
) -> Iterator[tuple[Step, Value]]:
    """The values directly within a value that is not closed, without objects that were visited before."""
    if closed(value):
        if isinstance(value, Opaque):
            traversal.objects.update(value.numbers)
        return iter(())
    return children(value, leaves, traversal)


def container(path: str) -> str:
    """A path without its last step; a variable lies in the workspace, whose path is empty."""
    return re.sub(r"(^|\.)[A-Za-z]\w*$|\{[\d,]+\}$|\([\d,]+\)$", "", path)
