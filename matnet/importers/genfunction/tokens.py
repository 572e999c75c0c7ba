"""The text of a MATLAB file as tokens, and numeric literals as arrays.

The text is only ever read: nothing in it is evaluated. Every pattern is linear in the length of the text (possessive
quantifiers), because a file may come from anywhere, and white space is ASCII's, because the bytes are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from matnet.errors import FormatError
from matnet.functions.namespace import FloatArray

MAX_TOKENS = 50_000
"""How many tokens a file may have; a matrix of numbers is one, and generated files stay under 5,000."""

_COMMENT = r"\.\.\.[^\n]*+\n|%[^\n]*+"
_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t]++)
    | (?P<newline>\n(?:[ \t]*+\n)*+)
    | (?P<continuation>\.\.\.[^\n]*+\n?)
    | (?P<comment>%[^\n]*+)
    | (?P<matrix>\[(?>{_COMMENT}|[ \t\n,;+\-]++|\.(?!\.\.)|[0-9][0-9eE]*+(?!\.\.\.)|(?:NaN|nan|Inf|inf)\b)*+\])
    | (?P<num>(?:\d++(?:\.(?![*/^'\\.])\d*+)?|\.\d++)(?:[eE][+-]?\d++)?(?![0-9A-Za-z_]|\.\.\.))
    | (?P<name>[A-Za-z][A-Za-z0-9_]*+)
    | (?P<op>\.\*|\./|\.\^|\.'|==|~=|<=|>=|&&|\|\||[-+*/^=<>&|~()\[\]{{}},;:@.])
    | (?P<quote>'|")
    """,
    re.VERBOSE | re.ASCII,
)
_STRING = {"'": re.compile(r"'(?:[^'\n]|'')*+'"), '"': re.compile(r'"(?:[^"\n\\]|"")*+"')}
_BLOCK = re.compile(r"^[ \t]*+%([{}])[ \t]*+$", re.MULTILINE)
_LIKE_A_BLOCK = re.compile(r"[%#][{}][ \t]*+$", re.MULTILINE)
_COMMENT_LINES = re.compile(r"%[^\n]*+(?:\n[ \t]*+(?:%(?![{}])[^\n]*+)?(?=\n))*+")
_CONTINUED = re.compile(r"\.\.\.(?:[^\n]*+\n[ \t]*+%|[^\n]*?[%#][{}][ \t]*+$)", re.MULTILINE)
_UNSURE = re.compile(rf"{_LIKE_A_BLOCK.pattern}|\.\.\.[^\n]*+\n[ \t]*+%", re.MULTILINE)
_UNSURE_REASON = "a block comment, or a comment after a line that is continued, inside a statement; delete it"
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|NaN|nan|Inf|inf)")
_LITERAL = re.compile(rf"(?:[ \t;,]++|(?:{_NUMBER.pattern})(?![^ \t;,]))*+")
_ANY_COMMENT = re.compile(_COMMENT)
_WORD = re.compile(r"[^ \t;,]++")
_ROW = re.compile(r"[^;]++")
_LONELY_COMMA = re.compile(r"(?:^|[;,])[ \t]*+,|,[ \t]*+(?:;|$)")

_KEYWORD_LIST = (
    "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd "
    "switch try while"
)
KEYWORDS = frozenset(_KEYWORD_LIST.split())


class Token(NamedTuple):
    """A token: ``kind`` is name, num, str, matrix, op, newline or eof; ``space`` is white space before."""

    kind: str
    text: str
    line: int
    start: int
    end: int
    space: bool


def decoded(raw: bytes) -> str:
    """The text of a file: latin-1, which reads any byte, without byte order mark, its lines ended by LF.

    Raises
    ------
    FormatError
        The bytes hold a NUL, so they are no text, or carriage returns alone among lines that end otherwise.
    """
    nul = raw.find(b"\0")
    if nul >= 0:
        raise FormatError(f"byte {nul} is NUL, so this is no text file; a MATLAB function file was expected")
    text = raw.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    if "\r" not in text:
        return text
    if "\n" not in text:
        return text.replace("\r", "\n")
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        line = text[: text.index("\r")].count("\n") + 1
        raise FormatError(f":{line}: a carriage return inside the line; end all lines in the same way")
    return text


class Scanner:
    """The tokens of a text, a line at a time; ``brackets`` are the open ones, which give a space and a quote meaning.

    ``line`` is the number of the line at ``position``.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.line = 1
        self.space = False
        self.tokens: list[Token] = []
        self.brackets: list[str] = []

    def scan_line(self) -> None:
        """Adds tokens up to the end of the next statement that ends with its line, at least one.

        Raises
        ------
        FormatError
            A character that MATLAB does not know, a string or a block comment that is not closed; the message begins
            with ``:LINE:``.
        """
        while self.position < len(self.text):
            match = _TOKEN.match(self.text, self.position)
            if match is None:
                found = self.text[self.position]
                number = f"'{found}' begins a number that runs into what follows it; put a space after the number"
                raise self._error(number if found.isdigit() else f"the character {found!r} is not MATLAB's")
            kind = str(match.lastgroup)
            if kind == "comment":
                self._skip_comment(match.end())
            elif kind in ("space", "continuation"):
                self.space, self.position = True, match.end()
                self.line += match.group().count("\n")
                if kind == "continuation" and _CONTINUED.match(self.text, match.start()) is not None:
                    raise self._error(_UNSURE_REASON)
            elif kind == "quote":
                self._scan_quote(match.group())
            else:
                self._add(kind, match.end())
                if kind == "newline" and not self.brackets:
                    return
        self.tokens.append(Token("eof", "", self.line, self.position, self.position, True))

    def end_of(self, position: int) -> int:
        """Where the line ends that holds a position."""
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end

    def _error(self, reason: str) -> FormatError:
        start = self.text.rfind("\n", 0, self.position) + 1
        line = self.text[start : min(self.end_of(start), start + 200)].strip(" \t")
        return FormatError(f":{self.line}: {line[:60]}: {reason}")

    def _add(self, kind: str, end: int) -> None:
        found = self.text[self.position : end]
        lines = found.count("\n") if kind in ("newline", "matrix") else 0
        again = kind == "newline" and not self.brackets and self.tokens and self.tokens[-1].kind == kind
        if not again:
            if len(self.tokens) >= MAX_TOKENS:
                raise self._error("the file has more statements than any generated one")
            text = "\n" if kind == "newline" else found
            self.tokens.append(Token(kind, text, self.line, self.position, end, self.space))
        self.space, self.position, self.line = False, end, self.line + lines
        if found in ("(", "[", "{"):
            self.brackets.append(found)
        elif found in (")", "]", "}") and self.brackets:
            self.brackets.pop()

    def _scan_quote(self, quote: str) -> None:
        if quote == "'" and self._after_value():
            self._add("op", self.position + 1)
            return
        match = _STRING[quote].match(self.text, self.position)
        if match is None:
            raise self._error("a string is not closed")
        self._add("str", match.end())

    def _after_value(self) -> bool:
        """Whether a quote here transposes what stands before it."""
        if not self.tokens or (self.space and self.brackets and self.brackets[-1] != "("):
            return False
        kind, text = self.tokens[-1][:2]
        return (
            kind in ("num", "matrix")
            or (kind == "name" and text not in KEYWORDS)
            or (kind == "op" and text in (")", "]", "}", "'", ".'"))
        )

    def _skip_comment(self, end: int) -> None:
        start = self.text.rfind("\n", 0, self.position) + 1
        block = _BLOCK.match(self.text, start)
        if block is None and _LIKE_A_BLOCK.fullmatch(self.text, self.position, end) is None:
            lines = None if self.brackets else _COMMENT_LINES.match(self.text, self.position)
            end = end if lines is None else lines.end()
            self.line += self.text.count("\n", self.position, end)
            self.position = end
            return
        if block is None or self.brackets or block[1] == "}":
            raise self._error("a block comment after a statement or inside brackets, or one that was not begun")
        depth = 0
        for bracket in _BLOCK.finditer(self.text, start):
            depth += 1 if bracket[1] == "{" else -1
            if depth == 0:
                self.line += self.text.count("\n", self.position, bracket.end())
                self.position = bracket.end()
                return
        raise self._error("the block comment is not closed")


def literal_array(text: str) -> FloatArray:
    """The matrix that a literal spells: space or comma between columns, semicolon or new line between rows.

    Raises
    ------
    FormatError
        An element is no number (arithmetic in a literal included), or the rows are not equally long.
    """
    body = text[1:-1]
    if "%" in body or "..." in body:
        if _UNSURE.search(body) is not None:
            raise FormatError(_UNSURE_REASON)
        body = _ANY_COMMENT.sub(lambda found: " " if found.group().startswith(".") else "", body)
    if "\n" in body:
        body = body.replace("\n", ";")
    if _LITERAL.fullmatch(body) is None:
        wrong = next(word.group() for word in _WORD.finditer(body) if _NUMBER.fullmatch(word.group()) is None)
        shown = wrong if len(wrong) <= 30 else f"{wrong[:27]}..."
        raise FormatError(f"'{shown}' in the literal is no number; nothing is calculated here")
    if "," in body:
        if _LONELY_COMMA.search(body) is not None:
            raise FormatError("the literal has a comma without a number")
        body = body.replace(",", " ")
    lengths = [length for row in _ROW.finditer(body) if (length := len(row.group().split()))]
    if not lengths:
        return np.zeros((0, 0))
    if min(lengths) < max(lengths):
        raise FormatError(f"the rows of the literal have {min(lengths)} to {max(lengths)} columns")
    return np.fromstring(body.replace(";", " "), sep=" ").reshape(-1, lengths[0])
