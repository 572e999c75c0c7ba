"""Functions and statements of a MATLAB file: a block is one statement, whose lines are parted by LF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.tokens import KEYWORDS, MAX_NESTING, NAME, TOO_DEEP, Line, Place, Scanner

MAX_FUNCTIONS = 100
"""How many functions a file may have; generated ones have up to 15."""

_HEAD = re.compile(rf"function ?(?:(?:\[([\w, ]*)\]|({NAME}))=)?({NAME})(?:\(([\w,~]*)\))?", re.ASCII)
_LAST = re.compile(r"[ \t]*+;?[ \t]*+(?:[%\n]|\.\.\.|\Z)")


class Statement(NamedTuple):
    """A statement; ``body`` holds the statements of a block. The place of a block is that of its first line."""

    text: str
    place: Place
    body: tuple[Statement, ...] = ()


class Function(NamedTuple):
    """A function; ignored parameters are ``~``. ``names`` are all in its body, ``closed``: it ends with ``end``."""

    name: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    body: tuple[Statement, ...]
    names: frozenset[str]
    place: Place
    closed: bool

    @property
    def text(self) -> str:
        """The body."""
        return "\n".join(statement.text for statement in self.body)


class Parser:
    """Functions and statements from the lines of one text, which are read as they are needed."""

    def __init__(self, text: str) -> None:
        self.lines = Scanner(text).lines()
        self.line = next(self.lines, None)
        self.depth = 0
        self.names: set[str] = set()

    def functions(self) -> Iterator[Function]:
        """The functions of the text, one after the other.

        Raises
        ------
        FormatError, UnsupportedError
            Where the text is not the grammar's.
        """
        count = 0
        while self.line is not None:
            line = self.line
            if line.word != "function":
                kind = "defines a class" if line.word == "classdef" else "has a statement outside of any function"
                reason = f"the file {kind}; a file written by genFunction begins with its function"
                raise line.place.error(UnsupportedError(reason))
            count += 1
            if count > MAX_FUNCTIONS:
                raise line.place.error(FormatError(f"more than {MAX_FUNCTIONS} functions in one file"))
            yield self._function(self._taken(line))

    def _taken(self, line: Line) -> Line:
        """The present line, after which the next is present."""
        self.line = next(self.lines, None)
        self.names |= line.names
        return line

    def _function(self, line: Line) -> Function:
        head = _HEAD.fullmatch(line.text)
        if head is None or not line.fresh:
            reason = "a function begins with 'function [results] = name(arguments)', in a line of its own"
            raise line.place.error(FormatError(reason))
        self.names = set()
        body = self._block(line)
        names, closed = frozenset(self.names), self.line is not None and self.line.word == "end"
        if closed and _LAST.match(line.place.source, self._end(line).place.end) is None:
            raise line.place.error(FormatError("expected the end of the line after the function's end"))
        results = (head[1] or head[2] or "").replace(",", " ").split()
        parameters = head[4].split(",") if head[4] else []
        if not all(re.fullmatch(f"{NAME}|~", name) for name in (*results, *parameters)):
            raise line.place.error(FormatError("an argument or a result of the function is no name"))
        return Function(head[3], tuple(parameters), tuple(results), body, names, line.place, closed)

    def _block(self, head: Line) -> tuple[Statement, ...]:
        """The statements after a head up to a line that ends or goes on with a block, or begins a function."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise head.place.error(FormatError(TOO_DEEP))
        statements: list[Statement] = []
        while self.line is not None and self.line.word not in ("end", "else", "elseif", "function"):
            statements.append(self._statement(self._taken(self.line)))
        self.depth -= 1
        return tuple(statements)

    def _statement(self, line: Line) -> Statement:
        if line.word not in KEYWORDS:
            return Statement(line.text, line.place)
        if line.word not in ("if", "for"):
            raise line.place.error(UnsupportedError(f"generated files have no '{line.word}' here"))
        texts, inner = [line.text], list[Statement]()
        while True:
            body = self._block(line)
            inner += body
            texts += [statement.text for statement in body]
            if self.line is None or line.word == "for" or self.line.word not in ("else", "elseif"):
                break
            texts.append(self._taken(self.line).text)
        self._end(line)
        return Statement("\n".join([*texts, "end"]), line.place, tuple(inner))

    def _end(self, head: Line) -> Line:
        """The line that ends the block of a head."""
        if self.line is None or self.line.text != "end":
            got = self.line.text[:20] if self.line is not None else ""
            raise head.place.error(FormatError(f"the block is not closed by end, got '{got}'"))
        return self._taken(self.line)


def normalised(text: str) -> str:
    """Statements as they stand in `Statement.text`."""
    return "\n".join(line.text for line in Scanner(text).lines())


def split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators outside of all brackets; none where the brackets do not pair."""
    parts, start, depth = [], 0, 0
    for k, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return []
        if sign == separator and depth == 0:
            parts.append(text[start:k])
            start = k + 1
    return [*parts, text[start:]] if depth == 0 else []
