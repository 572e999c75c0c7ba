"""The text of a MATLAB file as tokens, and numeric literals as arrays.

The text is only ever read: nothing in it is evaluated. Every pattern is linear in the text's length (possessive
quantifiers), because a file may come from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from matnet.errors import FormatError
from matnet.functions.namespace import FloatArray

MAX_TOKENS = 50_000
"""How many tokens a file may have; a matrix of numbers is one, and generated files stay under 5,000."""

_NUMBER = r"(?:\d+(?:\.(?![*/^'\\])\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\f\v]++)
    | (?P<newline>\n)
    | (?P<continuation>\.\.\.[^\n]*+\n?)
    | (?P<comment>%[^\n]*+)
    | (?P<matrix>\[(?>\.\.\.[^\n]*+\n|%[^\n]*+|[\s,;+\-]++|\.(?!\.\.)|[0-9][0-9eE]*+|(?:NaN|nan|Inf|inf)\b)*+\])
    | (?P<number>{_NUMBER})
    | (?P<name>[A-Za-z][A-Za-z0-9_]*+)
    | (?P<op>\.\*|\./|\.\^|\.'|==|~=|<=|>=|&&|\|\||[-+*/^=<>&|~()\[\]{{}},;:@.])
    | (?P<quote>'|")
    """,
    re.VERBOSE,
)
_STRING = {"'": re.compile(r"'((?:[^'\n]|'')*+)'"), '"': re.compile(r'"((?:[^"\n]|"")*+)"')}
_LITERAL_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|nan|Inf|inf)")
_LITERAL_ROW = re.compile(rf"(?:\s*+{_LITERAL_NUMBER.pattern}(?!\S))*+\s*+")
_COMMENT_IN_LITERAL = re.compile(r"\.\.\.[^\n]*+\n|%[^\n]*+")

_KEYWORDS_WORDS = """
    break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd
    switch try while
"""
KEYWORDS = frozenset(_KEYWORDS_WORDS.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A token: ``kind`` is name, number, string, matrix, op, newline or eof; ``space`` tells of white space before."""

    kind: str
    text: str
    line: int
    start: int
    end: int
    space: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment with the number of its line."""

    text: str
    line: int


def decoded(raw: bytes) -> str:
    """The text of a file: latin-1, which reads any byte, without byte order mark, its lines ended by LF.

    Raises
    ------
    FormatError
        The bytes hold a NUL, so they are no text.
    """
    nul = raw.find(b"\0")
    if nul >= 0:
        raise FormatError(f"byte {nul} is NUL, so this is no text file; a MATLAB function file was expected")
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Scanner:
    """One pass over the text; `brackets` holds the open brackets, which decide what a space and a quote mean."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1
        self.space = False
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.brackets: list[str] = []

    def scan(self) -> None:
        while self.position < len(self.text):
            match = _TOKEN.match(self.text, self.position)
            if match is None:
                found = self.text[self.position]
                raise FormatError(f":{self.line}: {self._line_text()}: the character {found!r} is not MATLAB's")
            kind, found = str(match.lastgroup), match.group()
            if kind in ("space", "continuation"):
                self.space = True
                self.line += found.count("\n")
                self.position = match.end()
            elif kind == "comment":
                self._comment(found, match.end())
            elif kind == "quote":
                self._quote(found)
            else:
                self._add(kind, match.end())
        self.tokens.append(Token("eof", "", self.line, self.position, self.position, True))

    def _add(self, kind: str, end: int) -> None:
        found = self.text[self.position : end]
        if len(self.tokens) >= MAX_TOKENS:
            raise FormatError(f":{self.line}: {self._line_text()}: the file has more statements than any generated one")
        self.tokens.append(Token(kind, found, self.line, self.position, end, self.space))
        self.space = False
        self.position = end
        if kind == "newline":
            self.line += 1
        elif kind == "matrix":
            self.line += found.count("\n")
        elif found in ("(", "[", "{"):
            self.brackets.append(found)
        elif found in (")", "]", "}") and self.brackets:
            self.brackets.pop()

    def _quote(self, quote: str) -> None:
        if quote == "'" and self._after_value():
            self._add("op", self.position + 1)
            return
        match = _STRING[quote].match(self.text, self.position)
        if match is None:
            raise FormatError(f":{self.line}: {self._line_text()}: a string is not closed")
        self._add("string", match.end())

    def _after_value(self) -> bool:
        """Whether a quote here transposes what stands before it."""
        if not self.tokens:
            return False
        last = self.tokens[-1]
        value = (
            last.kind in ("number", "matrix")
            or (last.kind == "name" and last.text not in KEYWORDS)
            or (last.kind == "op" and last.text in (")", "]", "}", "'", ".'"))
        )
        separated = self.space and bool(self.brackets) and self.brackets[-1] != "("
        return value and not separated

    def _comment(self, found: str, end: int) -> None:
        start_of_line = self.text.rfind("\n", 0, self.position) + 1
        if found.strip() == "%{" and not self.text[start_of_line : self.position].strip():
            self._block_comment()
            return
        self.comments.append(Comment(found, self.line))
        self.position = end

    def _block_comment(self) -> None:
        first, depth = self.line, 0
        while self.position < len(self.text):
            end = self.text.find("\n", self.position)
            end = len(self.text) if end < 0 else end
            content = self.text[self.position : end].strip()
            self.comments.append(Comment(content, self.line))
            depth += {"%{": 1, "%}": -1}.get(content, 0)
            self.position = end
            if depth == 0:
                return
            self.position += 1
            self.line += 1
        raise FormatError(f":{first}: %{{: the block comment is not closed")

    def _line_text(self) -> str:
        start = self.text.rfind("\n", 0, self.position) + 1
        return self.text[start:].split("\n", 1)[0].strip()[:60]


def scan(text: str) -> tuple[list[Token], list[Comment]]:
    """The tokens and the comments of a text.

    Raises
    ------
    FormatError
        A character that MATLAB does not know, a string or a block comment that is not closed; the message begins with
        ``:LINE:``.
    """
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.tokens, scanner.comments


def literal_array(text: str) -> FloatArray:
    """The matrix that a literal spells: space or comma between columns, semicolon or new line between rows.

    Raises
    ------
    FormatError
        An element is no number (arithmetic in a literal included), or the rows are not equally long.
    """
    body = text[1:-1]
    if "%" in body or "..." in body:
        body = _COMMENT_IN_LITERAL.sub(lambda found: " " if found.group().startswith(".") else "", body)
    rows = [_row(row) for row in body.replace("\n", ";").split(";") if row.strip()]
    if not rows:
        return np.zeros((0, 0))
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise FormatError(f"the rows of the literal have {min(lengths)} to {max(lengths)} columns")
    return np.array(rows, dtype=np.float64)


def _row(text: str) -> list[float]:
    elements: list[float] = []
    for part in text.split(",") if "," in text else [text]:
        words = part.split()
        if not words:
            raise FormatError("the literal has a comma without a number")
        if _LITERAL_ROW.fullmatch(part) is None:
            wrong = next(word for word in words if _LITERAL_NUMBER.fullmatch(word) is None)
            raise FormatError(f"'{wrong}' in the literal is no number; nothing is calculated here")
        elements += map(float, words)
    return elements
