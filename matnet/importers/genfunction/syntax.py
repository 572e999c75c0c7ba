"""Tokens as functions, statements and expressions, and templates: MATLAB with holes.

Everything is a tree of tuples. Leaves are ("name", text), ("num", text), ("str", text), ("matrix", its text),
("@", name), (":",) and, in templates, ("hole", name); else the first element tells the kind: ("()", base, argument, …),
("{}", base, index, …), (".", base, field), ("'", part), ("neg", part), ("~", part), ("[]", row, …), ("cell", row, …),
("row", element, …) and operators by their signs. Statements are ("=", target, value), ("do", expression),
("if", condition, block, …) with the condition ("else",) last, and ("for", variable, values, block). A parenthesis that
only groups leaves no trace, so ``IW1_1*(xp1)`` and ``IW1_1*xp1`` are the same expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.importers.genfunction.tokens import KEYWORDS, Scanner, Token

Tree: TypeAlias = tuple[Any, ...]
"""An expression, a statement or a part of one."""

MAX_NESTING = 30
"""How deep brackets, signs and blocks may nest; generated files stay under 8."""

MAX_OPERATIONS = 200
"""How many operations a statement may have; generated ones stay under 50."""

TOO_LARGE = "the expression is larger than any that genFunction writes"

_LEVELS = {
    sign: level
    for level, signs in enumerate(("||", "&&", "|", "&", "== ~= < <= > >=", ":", "+ -", "* / .* ./", "^ .^"))
    for sign in signs.split()
}
_SEPARATORS = (";", ",", "\n")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


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


class Statement(tuple[Any, ...]):
    """A tree that is a statement, with its place."""

    place: Place


class Function(NamedTuple):
    """A function; ignored parameters are ``~``. ``closed`` tells whether it ends with ``end``."""

    name: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    body: tuple[Statement, ...]
    place: Place
    closed: bool


def names(tree: Tree) -> Iterator[str]:
    """All names and function handles in a tree."""
    if tree and tree[0] in ("name", "@"):
        yield tree[1]
    else:
        for part in tree:
            if isinstance(part, tuple):
                yield from names(part)


class Parser:
    """A recursive descent over the tokens of one text, which are scanned as they are needed."""

    def __init__(self, text: str, template: bool = False) -> None:
        self.text = text
        self.scanner = Scanner(text, template)
        self.tokens = self.scanner.tokens
        self.at = 0
        self.depth = 0
        self.operations = 0
        self.matrix = False

    def functions(self) -> Iterator[Function]:
        """The functions of the text, one after the other.

        Raises
        ------
        FormatError, UnsupportedError
            Where the text is not the grammar's; the message begins with ``:LINE: STATEMENT:``.
        """
        while self._token.kind != "eof":
            start = self.at
            if self._take("\n"):
                continue
            try:
                if not self._is("function"):
                    kind = "defines a class" if self._is("classdef") else "has a statement outside of any function"
                    raise UnsupportedError(f"the file {kind}; a file written by genFunction begins with its function")
                function = self._function()
            except (FormatError, UnsupportedError) as error:
                raise self._placed(error, start) from None
            yield function

    def rest(self) -> tuple[str, int]:
        """The text that is not yet parsed, and how many lines there are before it."""
        self._at_end()
        return self.text[self._token.start :], self._token.line - 1

    # tokens

    @property
    def _token(self) -> Token:
        while self.at == len(self.tokens):
            self.scanner.scan_line()
        return self.tokens[self.at]

    @property
    def _following(self) -> Token:
        while len(self.tokens) <= self.at + 1:
            self.scanner.scan_line()
        return self.tokens[self.at + 1]

    def _is(self, *texts: str) -> bool:
        """Whether one of some operators and keywords stands here; no other token is spelled as one."""
        return self._token.text in texts

    def _take(self, text: str) -> bool:
        taken = self._token.text == text
        self.at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise FormatError(f"expected '{text}', got {self._shown()}")

    def _shown(self) -> str:
        kind, text = self._token[:2]
        return {"eof": "the end of the file", "newline": "the end of the line"}.get(kind, f"'{text[:20]}'")

    def _identifier(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in KEYWORDS:
            raise FormatError(f"expected a name, got {self._shown()}")
        self.at += 1
        return token.text

    def _at_end(self, *stops: str) -> bool:
        """Whether, after separators, the text ends or one of some keywords stands there."""
        while self._is(*_SEPARATORS):
            self.at += 1
        return self._token.kind == "eof" or self._is(*stops)

    def _place(self, start: int) -> Place:
        first = self.tokens[start]
        return Place(self.text, first.line, first.start, self.tokens[self.at - 1].end)

    def _placed(self, error: MatnetError, start: int) -> MatnetError:
        """The error with the statement from token `start`, to the end of its line at least."""
        if str(error).startswith(":"):
            return error
        first, last = self.tokens[start], self.tokens[max(self.at - 1, start)]
        return error.at(str(Place(self.text, first.line, first.start, max(last.end, self.scanner.end_of(first.start)))))

    # functions and statements

    def _function(self) -> Function:
        start = self.at
        self._expect("function")
        results: list[str] = []
        if self._take("["):
            while not self._take("]"):
                results.append(self._identifier())
                self._take(",")
            self._expect("=")
        elif self._following.text == "=":
            results.append(self._identifier())
            self._expect("=")
        title = self._identifier()
        parameters: list[str] = []
        if self._take("("):
            while not self._take(")"):
                if parameters:
                    self._expect(",")
                parameters.append("~" if self._take("~") else self._identifier())
        place = self._place(start)
        body = self._block("end", "function")
        closed = self._take("end")
        self._take(";")
        if self._token.kind not in ("newline", "eof") and self.tokens[self.at - 1].kind != "newline":
            raise FormatError(f"expected the end of the line, got {self._shown()}")
        return Function(title, tuple(parameters), tuple(results), body, place, closed)

    def _block(self, *stops: str) -> tuple[Statement, ...]:
        self._deeper()
        statements: list[Statement] = []
        while not self._at_end(*stops):
            start = self.at
            try:
                statements.append(self.statement())
            except (FormatError, UnsupportedError) as error:
                raise self._placed(error, start) from None
        self.depth -= 1
        return tuple(statements)

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise FormatError("brackets, signs or blocks nest deeper than in any generated file")

    def statement(self) -> Statement:
        """The next statement."""
        start, self.operations = self.at, 0
        if self._is("if", "for"):
            place, tree = self._if(start) if self._is("if") else self._for(start)
        else:
            if self._token.text in KEYWORDS:
                raise UnsupportedError(f"generated files have no '{self._token.text}' here")
            tree = self._assignment()
            place = self._place(start)
        if not self._is(*_SEPARATORS, "end", "else", "elseif") and self._token.kind != "eof":
            raise FormatError(f"this is no MATLAB statement (unexpected {self._shown()}); is a % missing?")
        statement = Statement(tree)
        statement.place = place
        return statement

    def _assignment(self) -> Tree:
        if self._take("["):
            targets: list[Tree] = []
            while not self._take("]"):
                targets.append(("~",) if self._take("~") else self._postfix())
                self._take(",")
            self._expect("=")
            return "=", ("targets", *targets), self.expression()
        target = self.expression()
        if not self._take("="):
            return "do", target
        if target[0] not in ("name", "()", "{}", ".", "hole"):
            raise FormatError("the left side of '=' is no variable")
        return "=", target, self.expression()

    def _if(self, start: int) -> tuple[Place, Tree]:
        self._expect("if")
        parts: list[Tree] = [self.expression()]
        place = self._place(start)
        while True:
            parts.append(self._block("end", "else", "elseif", "function"))
            if self._take("elseif"):
                parts.append(self.expression())
            elif self._take("else"):
                parts.append(("else",))
            else:
                self._expect("end")
                return place, ("if", *parts)

    def _for(self, start: int) -> tuple[Place, Tree]:
        self._expect("for")
        bracketed = self._take("(")
        variable = ("name", self._identifier())
        self._expect("=")
        values = self.expression()
        if bracketed:
            self._expect(")")
        place = self._place(start)
        body = self._block("end", "function")
        self._expect("end")
        return place, ("for", variable, values, body)

    # expressions

    def _made(self, *tree: object) -> Tree:
        self.operations += 1
        if self.operations > MAX_OPERATIONS:
            raise FormatError(TOO_LARGE)
        return tree

    def expression(self) -> Tree:
        """The next expression."""
        self._deeper()
        result = self._binary(0)
        self.depth -= 1
        return result

    def _binary(self, lowest: int) -> Tree:
        """Operators by precedence climbing, from level `lowest` on."""
        left = self._unary()
        while True:
            token = self._token
            level = _LEVELS.get(token.text, -1) if token.kind == "op" else -1
            if level < lowest or (token.text == ":" and self._following.text in (")", ",")):
                return left
            if self.matrix and token.space and token.text in ("+", "-") and not self._following.space:
                return left  # inside [] and {} such a sign begins the next element
            self.at += 1
            if token.text in ("+", "-", "^", ".^") and self._is("+", "-") and not (level == 8 and self._is("-")):
                raise FormatError("two signs follow each other")
            left = self._made(token.text, left, self._binary(level + 1))

    def _unary(self) -> Tree:
        if not self._is("-", "~"):
            return self._postfix()
        sign = self._token.text
        self.at += 1
        if sign == "-" and self._is("-"):
            raise FormatError("two signs follow each other")
        self._deeper()
        part = self._binary(_LEVELS["^"]) if sign == "-" else self._unary()
        self.depth -= 1
        return self._made("neg" if sign == "-" else "~", part)

    def _postfix(self) -> Tree:
        tree = self._primary()
        while not (self.matrix and self._token.space):
            if self._is("(", "{"):
                tree = self._made("()" if self._is("(") else "{}", tree, *self._indices())
            elif self._is(".") and self._following.kind == "name":
                self.at += 1
                tree = self._made(".", tree, self._identifier())
            elif self._is("'", ".'"):
                self.at += 1
                tree = self._made("'", tree)
                if self._is("(", "{", ".") and not (self.matrix and self._token.space):
                    raise FormatError("an index after a transposition")
            else:
                break
        return tree

    def _indices(self) -> list[Tree]:
        closing = _CLOSING[self._token.text]
        self.at += 1
        outer, self.matrix = self.matrix, False
        parts: list[Tree] = []
        while not self._take(closing):
            if parts:
                self._expect(",")
            if self._is(":") and self._following.text in (closing, ","):
                self.at += 1
                parts.append((":",))
            else:
                parts.append(self.expression())
        self.matrix = outer
        return parts

    def _primary(self) -> Tree:
        token = self._token
        if token.kind in ("matrix", "str", "hole", "num") or (token.kind == "name" and token.text not in KEYWORDS):
            self.at += 1
            return token.kind, (str(float(token.text)) if token.kind == "num" else token.text)
        if self._take("@"):
            return "@", self._identifier()
        if self._is("(", "[", "{"):
            outer, self.matrix = self.matrix, not self._is("(")
            self.at += 1
            if self.matrix:
                tree = self._rows("[]" if token.text == "[" else "cell", _CLOSING[token.text])
            else:
                tree = self.expression()
                self._expect(")")
            self.matrix = outer
            return tree
        raise FormatError(f"expected an expression, got {self._shown()}; is a % missing?")

    def _rows(self, kind: str, closing: str) -> Tree:
        rows: list[list[Tree]] = [[]]
        while not self._take(closing):
            if self._take(";") or self._take("\n"):
                rows.append([])
            elif not (self._take(",") and rows[-1]):
                rows[-1].append(self.expression())
        return self._made(kind, *(("row", *row) for row in rows if row))


@cache
def template(text: str) -> Tree:
    """The statement, or the expression, that a text with holes ``?name`` spells."""
    parser = Parser(text, template=True)
    tree = parser.expression() if text.startswith("[") else parser.statement()
    return tree[1] if tree[0] == "do" else tree


def matched(text: str, tree: Tree) -> dict[str, Tree] | None:
    """What stands in the holes of a template where the tree matches it, else None.

    A hole that occurs twice stands for the same part both times.
    """
    found: dict[str, Tree] = {}
    return found if _matches(template(text), tree, found) else None


def _matches(pattern: object, part: object, found: dict[str, Tree]) -> bool:
    if not isinstance(pattern, tuple) or not isinstance(part, tuple):
        return pattern == part
    if pattern[:1] == ("hole",):
        return found.setdefault(pattern[1][1:], part) == part
    if len(pattern) != len(part):
        return False
    return all(_matches(one, other, found) for one, other in zip(pattern, part, strict=True))


def whole(tree: Tree | None) -> int | None:
    """The whole number that an expression spells, None where it does not."""
    if tree is None or tree[0] not in ("num", "neg"):
        return None
    if tree[0] == "neg":
        inner = whole(tree[1])
        return None if inner is None else -inner
    return int(float(tree[1])) if float(tree[1]).is_integer() else None
