"""Expressions and statements as the parser makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from matnet.errors import FormatError

MAX_DEPTH = 100
"""How deep an expression may be, a long sum included; generated ones stay under 15."""

MAX_NODES = 400
"""How many parts an expression may have; generated ones stay under 100."""


@dataclass(frozen=True, slots=True)
class Node:
    """An expression: ``kind`` and ``text`` say what it is, ``args`` are its parts.

    Kinds: number (text), string, name, matrix (a numeric literal, its text), colon, handle, call and brace (base, then
    the indices), field (text is its name), op (text is the operator), neg, not, transpose, range, row, concat (rows),
    cell (rows).
    """

    kind: str
    text: str = ""
    args: tuple[Node, ...] = ()
    depth: int = field(default=0, init=False, compare=False, repr=False)
    size: int = field(default=0, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", 1 + max((part.depth for part in self.args), default=0))
        object.__setattr__(self, "size", 1 + sum(part.size for part in self.args))
        if self.depth > MAX_DEPTH or self.size > MAX_NODES:
            raise FormatError("the expression is larger than any that genFunction writes")


def name(text: str) -> Node:
    """A name."""
    return Node("name", text)


def call(function: str, *args: Node) -> Node:
    """A call, or an index in round brackets, of a name."""
    return Node("call", "", (name(function), *args))


@dataclass(frozen=True, slots=True)
class Assign:
    """``[targets] = value``; an ignored target ``~`` is None."""

    targets: tuple[Node | None, ...]
    value: Node
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Bare:
    """An expression that stands alone."""

    value: Node
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class If:
    """``if`` with its branches: the condition, None for else, and the statements."""

    branches: tuple[tuple[Node | None, tuple[Statement, ...]], ...]
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class For:
    """``for variable = values``."""

    variable: str
    values: Node
    body: tuple[Statement, ...]
    line: int
    text: str


Statement: TypeAlias = Assign | Bare | If | For


@dataclass(frozen=True, slots=True)
class Function:
    """A function; ignored parameters are ``~``."""

    name: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    body: tuple[Statement, ...]
    line: int
    text: str


def walk(statements: tuple[Statement, ...]) -> Iterator[Statement]:
    """All statements, those inside blocks included."""
    for statement in statements:
        yield statement
        if isinstance(statement, If):
            for _, body in statement.branches:
                yield from walk(body)
        elif isinstance(statement, For):
            yield from walk(statement.body)
