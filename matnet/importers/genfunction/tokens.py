"""The text of a MATLAB file as lines of normalised text, and numeric literals as arrays.

``a1 = tansig_apply(repmat(b1,1,Q) + IW1_1*xp1); % Layer 1`` is ``a1=tansig_apply(repmat(b1,1,Q)+IW1_1*xp1)``: comments
and spaces that mean nothing are left out. A space stays between two words and between the elements of a matrix.

The text is only ever read: nothing in it is evaluated. Every pattern is linear in the length of the text (possessive
quantifiers), because a file may come from anywhere, and white space is ASCII's, because the bytes are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from matnet.errors import FormatError, MatnetError
from matnet.functions.namespace import FloatArray

MAX_NESTING = 30
"""How deep brackets may nest; generated files stay under 8."""

MAX_LENGTH = 400
"""How many tokens a statement may have; generated ones stay under 100."""

MAX_TOKENS = 50_000
"""How many tokens a file may have; a matrix of numbers is one, and generated files stay under 5,000."""

NAME = r"[A-Za-z][A-Za-z0-9_]*+"
"""A variable or a function."""

_COMMENT = r"\.\.\.[^\n]*+\n|%[^\n]*+"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t]*+)
    (?:
        (?P<name>{NAME})
      | (?P<newline>\n(?:[ \t]*+\n)*+)
      | (?P<continuation>\.\.\.[^\n]*+(?:\n[ \t]*+%?+)?)
      | (?P<comment>%[^\n]*+)
      | (?P<matrix>\[(?>{_COMMENT}|[ \t\n,;+\-]++|\.(?!\.\.)|[0-9][0-9eE]*+(?!\.\.\.)|(?:NaN|nan|Inf|inf)\b)*+\])
      | (?P<num>(?:\d++(?:\.(?![*/^'\\.])\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![0-9A-Za-z_]|\.\.\.))
      | (?P<op>\.\*|\./|\.\^|\.'|==|~=|<=|>=|&&|\|\||[-+*/^=<>&|~()\[\]{{}},;:@.])
      | (?P<quote>'|")
      | (?P<end>\Z)
    )
    """,
    re.VERBOSE | re.ASCII,
)
_STRING = {"'": re.compile(r"'(?:[^'\n]|'')*+'"), '"': re.compile(r'"(?:[^"\n\\]|"")*+"')}
_BLOCK = re.compile(r"^[ \t]*+%([{}])[ \t]*+$", re.MULTILINE)
_LIKE_A_BLOCK = re.compile(r"[%#][{}][ \t]*+$", re.MULTILINE)
_UNSURE = re.compile(rf"{_LIKE_A_BLOCK.pattern}|\.\.\.[^\n]*+\n[ \t]*+%", re.MULTILINE)
_UNSURE_REASON = "a block comment, or a comment after a line that is continued, inside a statement; delete it"
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|NaN|nan|Inf|inf)")
_LITERAL = re.compile(rf"(?:[ \t;,]++|(?:{_NUMBER.pattern})(?![^ \t;,]))*+")
_OPENING = {")": "(", "]": "[", "}": "{"}
_PAIRS = frozenset(["==", "~=", "<=", ">=", "&&", "||", ".*", "./", ".^"])
_BEFORE_ELEMENT, _AFTER_ELEMENT = frozenset("([{,;"), frozenset("]},;")
_ENDS = frozenset([";", ",", "\n", ""])
_WORD = re.compile(r"[^ \t;,]++")
_LONELY_COMMA = re.compile(r"(?:^|[;,])[ \t]*+,|,[ \t]*+(?:;|$)")

_WORDS = (
    "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd "
    "switch try while"
)
KEYWORDS = frozenset(_WORDS.split())


class Place(NamedTuple):
    """Where a statement stands in the text of a file."""

    source: str
    start: int
    end: int

    @property
    def line(self) -> int:
        """The number of its first line."""
        return self.source.count("\n", 0, self.start) + 1

    def error(self, error: MatnetError) -> MatnetError:
        """The error with the place ``:LINE`` and with the statement, on one line and not too long, before its text."""
        text = " ".join(self.source[self.start : min(self.end, self.start + 400)].split())
        statement = text if len(text) <= 60 else f"{text[:57]}..."
        inner = f"{error.place}: " if error.place else ""
        return type(error)(f"{statement}: {inner}", *error.args, place=f":{self.line}")


@contextmanager
def errors_at(place: Place) -> Iterator[None]:
    """Errors that have no line yet get that of the statement that they come from."""
    try:
        yield
    except MatnetError as error:
        raise error if error.place.startswith(":") else place.error(error) from None


class Line(NamedTuple):
    """A statement, or the head or the end of a block.

    ``word`` is its first token, ``names`` are all its names; ``fresh`` is whether nothing stands before it in its line.
    """

    text: str
    word: str
    names: frozenset[str]
    place: Place
    fresh: bool


class Token(NamedTuple):
    """A token: ``kind`` is name, num, str, matrix, op, newline or end, ``space`` white space before it in a matrix."""

    kind: str
    text: str
    start: int = 0
    space: bool = False


_NOTHING = Token("op", "(")
"""What stands before the first token of a line."""


def decoded(raw: bytes) -> str:
    """The text of a file: latin-1, which reads any byte, without byte order mark, its lines ended by LF. Carriage
    returns alone among lines that end otherwise are refused, and NUL, which is in no text.
    """
    nul = raw.find(b"\0")
    if nul >= 0:
        raise FormatError(f"byte {nul} is NUL, so this is not a text file; a MATLAB function file was expected")
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r\n", "\n")
    if "\r" in text and "\n" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        raise FormatError("a carriage return inside the line; end all lines in the same way", place=f":{line}")
    return text.replace("\r", "\n")


class Scanner:
    """The lines of a text.

    ``position`` is where the next token begins, ``count`` how many there were before it. ``brackets`` are those that
    are open: in ``[`` and ``{`` white space parts elements, a new line parts rows, and a quote may begin a string.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.count = 0
        self.brackets: list[str] = []

    def lines(self) -> Iterator[Line]:
        """The lines that are not empty."""
        fresh = True
        while (token := self._token(_NOTHING)).kind != "end":
            if token.text not in _ENDS:
                line, token = self._line(token, fresh)
                yield line
            fresh = token.text == "\n"

    def _line(self, first: Token, fresh: bool) -> tuple[Line, Token]:
        """The line that begins with a token, and the token that ends it."""
        parts, names, end = list[str](), set[str](), 0
        before, token, last = _NOTHING, first, self.count - 1 + MAX_LENGTH
        while token.text not in _ENDS or (self.brackets and token.kind == "op"):
            kind, text = token.kind, token.text
            if before.text == "'" and text in ("(", "{", "."):
                raise self._error("an index after a transposition", first)
            if kind == "name":
                names.add(text)
            element = token.space and before.text not in _BEFORE_ELEMENT and text not in _AFTER_ELEMENT
            if element or (kind != "op" and before.kind != "op") or before.text + text in _PAIRS:
                parts.append(" ")
            if text in ("(", "[", "{"):
                self.brackets.append(text)
                if len(self.brackets) > MAX_NESTING:
                    raise self._error("brackets nest deeper than in any generated file", first)
            elif text in _OPENING and (not self.brackets or self.brackets.pop() != _OPENING[text]):
                raise self._error(f"'{text}' without its opening bracket", first)
            parts.append(text)
            if self.count > last:
                raise self._error("the statement is larger than any that genFunction writes", first)
            before, end, token = token, self.position, self._token(token)
        if self.brackets:
            raise self._error(f"'{self.brackets[-1]}' is not closed", first)
        place = Place(self.text, first.start, end)
        return Line("".join(parts), first.text, frozenset(names), place, fresh), token

    def _token(self, before: Token) -> Token:
        """The next token, after the one before it in its line."""
        space = False
        while True:
            match = _TOKEN.match(self.text, self.position)
            if match is None:
                found = self.text[self.position :].lstrip(" \t")[0]
                number = f"'{found}' begins a number that runs into what follows it; put a space after the number"
                raise self._error(number if found.isdigit() else f"the character {found!r} is not MATLAB's")
            kind, start, end = str(match.lastgroup), match.end("space"), match.end()
            space = space or start > self.position
            self.position = start
            if kind == "comment":
                self._skip_comment(end)
            elif kind == "continuation":
                if _UNSURE.search(self.text, start, end) is not None:
                    raise self._error(_UNSURE_REASON)
                self.position, space = end, True
            else:
                break
        in_matrix = bool(self.brackets) and self.brackets[-1] != "("
        space = space and in_matrix
        if kind == "quote":
            kind, end = self._quote(before, space)
        self.position, text = end, self.text[start:end]
        if kind == "newline":
            kind, text = ("op", ";") if in_matrix else (kind, "\n")
        elif kind == "num":
            text = text.removesuffix(".")
        elif text == ".'":
            text = "'"
        self.count += kind != "newline" or before is not _NOTHING
        if self.count > MAX_TOKENS:
            raise self._error("the file has more statements than any generated one")
        return Token(kind, text, start, space)

    def _error(self, reason: str, first: Token | None = None) -> MatnetError:
        """The error of the present line, or of the statement with a first token, shown to the end of that line."""
        start = self.text.rfind("\n", 0, self.position) + 1 if first is None else first.start
        end = self.text.find("\n", start)
        place = Place(self.text, start, max(self.position, len(self.text) if end < 0 else end))
        return place.error(FormatError(reason))

    def _quote(self, before: Token, space: bool) -> tuple[str, int]:
        """The kind of token that a quote begins, and its end: a transposition or a string."""
        value = (
            before.kind in ("num", "matrix")
            or (before.kind == "name" and before.text not in KEYWORDS)
            or before.text in (")", "]", "}", "'")
        )
        quote = self.text[self.position]
        if quote == "'" and value and not space:
            return "op", self.position + 1
        match = _STRING[quote].match(self.text, self.position)
        if match is None:
            raise self._error("a string is not closed")
        return "str", match.end()

    def _skip_comment(self, end: int) -> None:
        start = self.text.rfind("\n", 0, self.position) + 1
        block = _BLOCK.match(self.text, start)
        if block is None and _LIKE_A_BLOCK.fullmatch(self.text, self.position, end) is None:
            self.position = end
            return
        if block is None or self.brackets or block[1] == "}":
            raise self._error("a block comment after a statement or inside brackets, or one that was not begun")
        depth = 0
        for bracket in _BLOCK.finditer(self.text, start):
            depth += 1 if bracket[1] == "{" else -1
            if depth == 0:
                self.position = bracket.end()
                return
        raise self._error("the block comment is not closed")


def literal_array(text: str) -> FloatArray:
    """The matrix that a literal spells: space or comma between columns, semicolon or new line between rows."""
    body = text[1:-1]
    if "%" in body or "..." in body:
        if _UNSURE.search(body) is not None:
            raise FormatError(_UNSURE_REASON)
        body = re.sub(_COMMENT, lambda found: " " if found[0].startswith(".") else "", body)
    body = body.replace("\n", ";")
    if _LITERAL.fullmatch(body) is None:
        wrong = next(word.group() for word in _WORD.finditer(body) if _NUMBER.fullmatch(word.group()) is None)
        shown = wrong if len(wrong) <= 30 else f"{wrong[:27]}..."
        raise FormatError(f"'{shown}' in the literal is not a number; nothing is calculated here")
    if "," in body:
        if _LONELY_COMMA.search(body) is not None:
            raise FormatError("the literal has a comma without a number")
        body = body.replace(",", " ")
    lengths = [length for row in body.split(";") if (length := len(row.split()))]
    if not lengths:
        return np.zeros((0, 0))
    if min(lengths) < max(lengths):
        raise FormatError(f"the rows of the literal have {min(lengths)} to {max(lengths)} columns")
    return np.fromstring(body.replace(";", " "), sep=" ").reshape(-1, lengths[0])
