"""Functions and statements as normalised text: without comments, and without spaces that mean nothing.

``a1 = tansig_apply(repmat(b1,1,Q) + IW1_1*xp1); % Layer 1`` is ``a1=tansig_apply(repmat(b1,1,Q)+IW1_1*xp1)``. A space
is left between two words and between the elements of a matrix. A block is one statement; its lines are parted by LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.importers.genfunction.tokens import KEYWORDS, Scanner, Token

MAX_NESTING = 30
"""How deep brackets and blocks may nest; generated files stay under 8."""

MAX_LENGTH = 400
"""How many tokens a statement may have; generated ones stay under 100."""

MAX_FUNCTIONS = 100
"""How many functions a file may have; generated ones have up to 15."""

NAME = r"[A-Za-z]\w*"
"""A variable or a function."""

_TOO_DEEP = "brackets or blocks nest deeper than in any generated file"
_HEAD = re.compile(rf"function ?(?:(?:\[([\w, ]*)\]|({NAME}))=)?({NAME})(?:\(([\w,~]*)\))?", re.ASCII)
_SEPARATORS = (";", ",", "\n")
_OPENING = {")": "(", "]": "[", "}": "{"}
_SPELLING = {".'": "'", "\n": ";"}
_PAIRS = frozenset(["==", "~=", "<=", ">=", "&&", "||", ".*", "./", ".^", ".'"])


class Place(NamedTuple):
    """Where a statement stands: as text ``:LINE: STATEMENT: ``, on one line and not too long."""

    source: str
    line: int
    start: int
    end: int

    def __str__(self) -> str:
        text = " ".join(self.source[self.start : min(self.end, self.start + 400)].split())
        return f":{self.line}: {text if len(text) <= 60 else text[:57] + '...'}: "


@contextmanager
def errors_at(place: Place) -> Iterator[None]:
    """Errors that have no place yet get that of the statement that they come from."""
    try:
        yield
    except MatnetError as error:
        raise error if str(error).startswith(":") else error.at(str(place)) from None


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
    """Functions and statements from the tokens of one text, which are scanned as they are needed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.scanner = Scanner(text)
        self.tokens = self.scanner.tokens
        self.at = 0
        self.depth = 0

    def functions(self) -> Iterator[Function]:
        """The functions of the text, one after the other.

        Raises
        ------
        FormatError, UnsupportedError
            Where the text is not the grammar's; the message begins with ``:LINE: STATEMENT:``.
        """
        count = 0
        while True:
            while self._take("\n"):
                pass
            start, word = self.at, self._token
            if word.kind == "eof":
                return
            try:
                if word.text != "function":
                    kind = "defines a class" if word.text == "classdef" else "has a statement outside of any function"
                    raise UnsupportedError(f"the file {kind}; a file written by genFunction begins with its function")
                function = self._function()
            except MatnetError as error:
                raise self._placed(error, start) from None
            count += 1
            if count > MAX_FUNCTIONS:
                raise FormatError(f"{function.place}more than {MAX_FUNCTIONS} functions in one file")
            yield function

    @property
    def _token(self) -> Token:
        while self.at == len(self.tokens):
            self.scanner.scan_line()
        return self.tokens[self.at]

    def _skips_to(self, *stops: str) -> bool:
        """Whether, after separators, the text ends or one of some keywords stands there."""
        while self._token.text in _SEPARATORS:
            self.at += 1
        return self._token.kind == "eof" or self._token.text in stops

    def _take(self, text: str) -> bool:
        taken = self._token.text == text
        self.at += taken
        return taken

    def _place(self, start: int) -> Place:
        first = self.tokens[start]
        return Place(self.text, first.line, first.start, self.tokens[self.at - 1].end)

    def _placed(self, error: MatnetError, start: int) -> MatnetError:
        """The error with the statement from token `start`, to the end of its line at least."""
        if str(error).startswith(":"):
            return error
        first, last = self.tokens[start], self.tokens[max(self.at - 1, start)]
        return error.at(str(Place(self.text, first.line, first.start, max(last.end, self.scanner.end_of(first.start)))))

    def _function(self) -> Function:
        start = self.at
        head = _HEAD.fullmatch(self._line(*_SEPARATORS))
        if head is None:
            raise FormatError("a function begins with 'function [results] = name(arguments)'")
        place, inside = self._place(start), self.at
        body = self._block("end", "function")
        names = frozenset(token.text for token in self.tokens[inside : self.at] if token.kind == "name")
        closed = self._take("end")
        self._take(";")
        if self._token.kind not in ("newline", "eof") and self.tokens[self.at - 1].kind != "newline":
            raise FormatError(f"expected the end of the line, got '{self._token.text[:20]}'")
        results = (head[1] or head[2] or "").replace(",", " ").split()
        parameters = head[4].split(",") if head[4] else []
        if not all(re.fullmatch(f"{NAME}|~", name, re.ASCII) for name in (*results, *parameters)):
            raise FormatError("an argument or a result of the function is no name")
        return Function(head[3], tuple(parameters), tuple(results), body, names, place, closed)

    def _block(self, *stops: str) -> tuple[Statement, ...]:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise FormatError(_TOO_DEEP)
        statements: list[Statement] = []
        while not self._skips_to(*stops):
            start = self.at
            try:
                statements.append(self._statement())
            except MatnetError as error:
                raise self._placed(error, start) from None
        self.depth -= 1
        return tuple(statements)

    def _statement(self) -> Statement:
        start, word = self.at, self._token.text
        if word in KEYWORDS and word not in ("if", "for"):
            raise UnsupportedError(f"generated files have no '{word}' here")
        lines = [self._line(*_SEPARATORS)]
        place = self._place(start)
        if word not in ("if", "for"):
            return Statement(lines[0], place)
        inner: list[Statement] = []
        while True:
            body = self._block("end", "else", "elseif", "function")
            inner += body
            lines += [statement.text for statement in body]
            if word == "for" or self._token.text not in ("else", "elseif"):
                break
            lines.append(self._line(*_SEPARATORS))
        if not self._take("end"):
            raise FormatError(f"the block is not closed by end, got {self._token.text[:20]!r}")
        if self._token.text not in _SEPARATORS and self._token.kind != "eof":
            raise FormatError(f"expected the end of the line, got '{self._token.text[:20]}'")
        return Statement("\n".join([*lines, "end"]), place, tuple(inner))

    def _line(self, *stops: str) -> str:
        """The normalised text of the tokens up to one of some separators outside of all brackets."""
        start, brackets, parts = self.at, list[str](), list[str]()
        before = Token("op", "(", 0, 0, 0, False)
        while (token := self._token).kind != "eof" and (brackets or token.text not in stops):
            text, operator = _SPELLING.get(token.text, token.text), token.kind == "op"
            if text == ";" and token.kind == "newline" and brackets[-1] == "(":
                break
            if before.kind == "op" and before.text in ("'", ".'") and text in ("(", "{", "."):
                raise FormatError("an index after a transposition")
            element = token.space and brackets and brackets[-1] != "(" and before.text not in ("(", "[", "{", ",", ";")
            if (
                (before.kind != "op" and not operator)
                or before.text + token.text in _PAIRS
                or (element and token.text not in ("]", "}", ",", ";"))
            ):
                parts.append(" ")
            if operator and text in ("(", "[", "{"):
                brackets.append(text)
                if len(brackets) > MAX_NESTING:
                    raise FormatError(_TOO_DEEP)
            elif text in _OPENING and (not brackets or brackets.pop() != _OPENING[text]):
                raise FormatError(f"'{text}' without its opening bracket")
            parts.append(text.removesuffix(".") if token.kind == "num" else text)
            before = token
            self.at += 1
            if self.at - start > MAX_LENGTH:
                raise FormatError("the statement is larger than any that genFunction writes")
        if brackets:
            raise FormatError(f"'{brackets[-1]}' is not closed")
        return "".join(parts)


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
