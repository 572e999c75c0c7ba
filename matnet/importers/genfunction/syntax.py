"""Functions and statements of a MATLAB file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.importers.genfunction.tokens import KEYWORDS, NAME, Line, Place, Scanner

MAX_FUNCTIONS = 100
"""How many functions a file may have; generated ones have up to 15."""

_RESULTS, _PARAMETER = rf"\[((?:{NAME}|[, ])*+)\]|({NAME})", rf"(?:{NAME}|~)"
_PARAMETERS = rf"(?:{_PARAMETER}(?:,{_PARAMETER})*+)?"
_HEAD = re.compile(rf"function ?(?:(?:{_RESULTS})=)?({NAME})(?:\(({_PARAMETERS})\))?", re.ASCII)
_ELSE = ("else", "elseif")
_LAST = re.compile(r"[ \t]*+;?[ \t]*+(?:[%\n]|\.\.\.|\Z)")


class Function(NamedTuple):
    """A function; ignored parameters are ``~``, ``closed`` is whether it ends with ``end``.

    ``statements`` are the lines of each statement of its body: a block is one statement of several lines.
    """

    name: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    place: Place
    statements: list[list[Line]]
    closed: bool = False

    @property
    def text(self) -> str:
        """The body."""
        return "\n".join(map(joined, self.statements))

    @property
    def names(self) -> frozenset[str]:
        """All names in the body."""
        return frozenset[str]().union(*(line.names for lines in self.statements for line in lines))


def functions(text: str) -> Iterator[Function]:
    """The functions of a text, one after the other; it is read as far as they are needed."""
    function: Function | None = None
    blocks: list[Line] = []
    count = 0
    for line in Scanner(text).lines():
        word, block = line.word, blocks[-1].word if blocks else ""
        if word == "function" and not blocks:
            if function is not None:
                yield function
            function, count = _head(line), count + 1
            if count > MAX_FUNCTIONS:
                raise line.place.error(FormatError(f"more than {MAX_FUNCTIONS} functions in one file"))
        elif function is None:
            kind = "defines a class" if word == "classdef" else "has a statement outside of any function"
            reason = f"the file {kind}; a file written by genFunction begins with its function"
            raise line.place.error(UnsupportedError(reason))
        elif word == "function" or (word == "end" and line.text != word) or (word in _ELSE and block == "for"):
            raise _not_closed(blocks[-1].place if blocks else function.place, line.text)
        elif word == "end" and not blocks:
            if _LAST.match(text, line.place.end) is None:
                raise function.place.error(FormatError("expected the end of the line after the function's end"))
            yield function._replace(closed=True)
            function = None
        elif word in KEYWORDS and word not in ("if", "for", "end") and not (word in _ELSE and block == "if"):
            raise line.place.error(UnsupportedError(f"generated files have no '{word}' here"))
        else:
            if not blocks:
                function.statements.append([])
            function.statements[-1].append(line)
            if word in ("if", "for"):
                blocks.append(line)
            elif word == "end":
                blocks.pop()
    if blocks:
        raise _not_closed(blocks[-1].place, "")
    if function is not None:
        yield function


def _not_closed(head: Place, got: str) -> MatnetError:
    return head.error(FormatError(f"the block is not closed by end, got '{got[:20]}'"))


def _head(line: Line) -> Function:
    head = _HEAD.fullmatch(line.text)
    if head is None or not line.fresh:
        reason = "a function begins with 'function [results] = name(arguments)', names only, in a line of its own"
        raise line.place.error(FormatError(reason))
    results = (head[1] or head[2] or "").replace(",", " ").split()
    parameters = head[4].split(",") if head[4] else []
    return Function(head[3], tuple(parameters), tuple(results), line.place, [])


def joined(lines: Iterable[Line]) -> str:
    """Lines as one text, parted by LF."""
    return "\n".join(line.text for line in lines)


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
