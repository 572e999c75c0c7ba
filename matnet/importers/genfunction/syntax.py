"""Tokens as functions, statements and expressions: the part of MATLAB's grammar that a generated file needs.

A parenthesis that only groups leaves no trace, so ``IW1_1*(xp1)`` and ``IW1_1*xp1`` are the same expression. Numeric
matrix literals stay text until someone asks for their values. Depth and size of an expression are limited.
"""

from __future__ import annotations

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.nodes import Assign, Bare, For, Function, If, Node, Statement, name
from matnet.importers.genfunction.tokens import KEYWORDS, Token

MAX_NESTING = 30
"""How deep brackets, signs and blocks may nest; generated files stay under 8."""

_TOO_DEEP = "brackets, signs or blocks nest deeper than in any generated file"

MAX_FUNCTIONS = 100
"""How many functions a file may have; generated ones have up to 15."""


def excerpt(text: str) -> str:
    """A statement as messages show it: on one line and not too long."""
    line = " ".join(text[:400].split())
    return line if len(line) <= 60 else line[:57] + "..."


_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("|",),
    ("&",),
    ("==", "~=", "<", "<=", ">", ">="),
    (":",),
    ("+", "-"),
    ("*", "/", ".*", "./"),
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Parser:
    """A recursive descent over the tokens of one file."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.matrix = False

    def functions(self) -> list[Function]:
        """All functions of the file.

        Raises
        ------
        FormatError, UnsupportedError
            Where the text is not the grammar's; the message begins with ``:LINE: STATEMENT:``.
        """
        found: list[Function] = []
        closed: list[bool] = []
        self._skip_separators()
        while self._token.kind != "eof":
            start = self.at
            try:
                if not self._is("name", "function"):
                    raise UnsupportedError(self._no_function())
                function, ended = self._function()
            except (FormatError, UnsupportedError) as error:
                if str(error).startswith(":"):
                    raise
                raise error.at(self._place(start)) from None
            found.append(function)
            closed.append(ended)
            if len(found) > MAX_FUNCTIONS:
                raise FormatError(f":{function.line}: {function.text}: more than {MAX_FUNCTIONS} functions in one file")
            self._skip_separators()
        if not found:
            raise FormatError(": the file holds no function, so it was not written by genFunction")
        if len(set(closed)) > 1:
            lost = found[closed.index(False)]
            raise FormatError(f":{lost.line}: {lost.text}: the function is not closed by end while others are")
        return found

    def _no_function(self) -> str:
        if self._token.text == "classdef":
            return "the file defines a class; only function files written by genFunction are read"
        return "a statement outside of any function; a file written by genFunction begins with its function"

    # tokens

    @property
    def _token(self) -> Token:
        return self.tokens[self.at]

    @property
    def _following(self) -> Token:
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    def _is(self, kind: str, text: str) -> bool:
        return self._token.kind == kind and self._token.text == text

    def _take(self, text: str) -> bool:
        if self._token.kind in ("op", "name") and self._token.text == text:
            self.at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise FormatError(f"expected '{text}', got {self._shown()}")

    def _shown(self) -> str:
        token = self._token
        return {"eof": "the end of the file", "newline": "the end of the line"}.get(token.kind, f"'{token.text[:20]}'")

    def _identifier(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in KEYWORDS:
            raise FormatError(f"expected a name, got {self._shown()}")
        self.at += 1
        return token.text

    def _skip_separators(self) -> None:
        while self._token.kind == "newline" or (self._token.kind == "op" and self._token.text in (";", ",")):
            self.at += 1

    def _skip_newlines(self) -> None:
        while self._token.kind == "newline":
            self.at += 1

    def _excerpt(self, start: int) -> str:
        """The statement that begins at token `start`, up to where the parser is, or to the end of its line."""
        end = max(self.at, start + 1)
        while end < len(self.tokens) and self.tokens[end - 1].kind not in ("newline", "eof"):
            if self.tokens[end - 1].line > self.tokens[start].line:
                break
            end += 1
        return excerpt(self.text[self.tokens[start].start : self.tokens[end - 1].end])

    def _place(self, start: int) -> str:
        return f":{self.tokens[start].line}: {self._excerpt(start)}: "

    # functions and statements

    def _function(self) -> tuple[Function, bool]:
        start = self.at
        self._expect("function")
        results = self._results()
        title = self._identifier()
        parameters = self._parameters() if self._is("op", "(") else ()
        text = excerpt(self.text[self.tokens[start].start : self.tokens[self.at - 1].end])
        body = self._block(("function",))
        ended = self._take("end")
        return Function(title, parameters, results, body, self.tokens[start].line, text), ended

    def _results(self) -> tuple[str, ...]:
        if self._token.kind == "matrix" and not self._token.text[1:-1].strip():
            self.at += 1
            self._expect("=")
            return ()
        if self._take("["):
            results = [self._identifier()]
            while not self._take("]"):
                self._take(",")
                results.append(self._identifier())
            self._expect("=")
            return tuple(results)
        if self._following.text == "=":
            result = self._identifier()
            self._expect("=")
            return (result,)
        return ()

    def _parameters(self) -> tuple[str, ...]:
        self._expect("(")
        parameters: list[str] = []
        while not self._take(")"):
            if parameters:
                self._expect(",")
            parameters.append("~" if self._take("~") else self._identifier())
        return tuple(parameters)

    def _block(self, stops: tuple[str, ...]) -> tuple[Statement, ...]:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise FormatError(_TOO_DEEP)
        statements: list[Statement] = []
        self._skip_separators()
        while not self._at_end(stops):
            start = self.at
            try:
                statements.append(self._statement())
            except (FormatError, UnsupportedError) as error:
                if str(error).startswith(":"):
                    raise
                raise error.at(self._place(start)) from None
            self._skip_separators()
        self.depth -= 1
        return tuple(statements)

    def _at_end(self, stops: tuple[str, ...]) -> bool:
        token = self._token
        return token.kind == "eof" or (token.kind == "name" and token.text in ("end", *stops))

    def _statement(self) -> Statement:
        token = self._token
        if token.kind == "name" and token.text == "if":
            return self._if()
        if token.kind == "name" and token.text == "for":
            return self._for()
        if token.kind == "name" and token.text in KEYWORDS:
            raise UnsupportedError(f"generated files have no '{token.text}' here")
        targets = self._targets()
        value = self._expression()
        if self._take("="):
            if value.kind not in ("name", "call", "brace", "field"):
                raise FormatError("the left side of '=' is no variable")
            targets = (value,)
            value = self._expression()
        text = excerpt(self.text[token.start : self.tokens[self.at - 1].end])
        self._end_of_statement()
        return Bare(value, token.line, text) if targets is None else Assign(targets, value, token.line, text)

    def _end_of_statement(self) -> None:
        token = self._token
        if token.kind in ("newline", "eof") or (token.kind == "op" and token.text in (";", ",")):
            return
        if token.kind == "name" and token.text in ("end", "else", "elseif"):
            return
        raise FormatError(f"this is no MATLAB statement (unexpected {self._shown()}); is a % missing?")

    def _targets(self) -> tuple[Node | None, ...] | None:
        """``[a, ~] =``; None where the statement does not begin so."""
        if not self._is("op", "["):
            return None
        start, targets = self.at, list[Node | None]()
        self.at += 1
        while not self._is("op", "]"):
            if self._take(","):
                continue
            if self._take("~"):
                targets.append(None)
            elif self._token.kind == "name":
                targets.append(self._postfix())
            else:
                break
        if self._take("]") and self._take("="):
            return tuple(targets)
        self.at = start
        return None

    def _if(self) -> If:
        start = self._token
        branches: list[tuple[Node | None, tuple[Statement, ...]]] = []
        self._expect("if")
        condition: Node | None = self._expression()
        text = excerpt(self.text[start.start : self.tokens[self.at - 1].end])
        while True:
            branches.append((condition, self._block(("else", "elseif", "function"))))
            if condition is not None and self._take("elseif"):
                condition = self._expression()
            elif condition is not None and self._take("else"):
                condition = None
            else:
                self._expect("end")
                return If(tuple(branches), start.line, text)

    def _for(self) -> For:
        start = self._token
        self._expect("for")
        bracketed = self._take("(")
        variable = self._identifier()
        self._expect("=")
        values = self._expression()
        if bracketed:
            self._expect(")")
        text = excerpt(self.text[start.start : self.tokens[self.at - 1].end])
        body = self._block(("function",))
        self._expect("end")
        return For(variable, values, body, start.line, text)

    # expressions

    def _expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise FormatError(_TOO_DEEP)
        result = self._binary(0)
        self.depth -= 1
        return result

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._token.kind == "op" and self._token.text in _LEVELS[level] and not self._starts_element():
            operator = self._token.text
            if operator == ":" and self._following.text in (")", ","):
                break
            self.at += 1
            right = self._binary(level + 1)
            left = Node("range", "", (left, right)) if operator == ":" else Node("op", operator, (left, right))
        return left

    def _starts_element(self) -> bool:
        """Inside [] and {} a sign with a space before it and none behind it begins the next element."""
        token = self._token
        return self.matrix and token.space and token.text in ("+", "-", "~") and not self._following.space

    def _unary(self) -> Node:
        kinds = {"-": "neg", "+": "", "~": "not"}
        if self._token.kind == "op" and self._token.text in kinds:
            kind = kinds[self._token.text]
            self.at += 1
            self.depth += 1
            if self.depth > MAX_NESTING:
                raise FormatError(_TOO_DEEP)
            part = self._unary()
            self.depth -= 1
            return Node(kind, "", (part,)) if kind else part
        base = self._postfix()
        while self._token.kind == "op" and self._token.text in ("^", ".^"):
            operator = self._token.text
            self.at += 1
            negative = self._take("-")
            exponent = self._postfix()
            base = Node("op", operator, (base, Node("neg", "", (exponent,)) if negative else exponent))
        return base

    def _postfix(self) -> Node:
        node = self._primary()
        while self._token.kind == "op" and not (self.matrix and self._token.space):
            if self._token.text in ("(", "{"):
                kind = "call" if self._token.text == "(" else "brace"
                node = Node(kind, "", (node, *self._indices()))
            elif self._token.text == "." and self._following.kind == "name":
                self.at += 1
                node = Node("field", self._identifier(), (node,))
            elif self._token.text in ("'", ".'"):
                self.at += 1
                node = Node("transpose", "", (node,))
            else:
                break
        return node

    def _indices(self) -> list[Node]:
        closing = _CLOSING[self._token.text]
        self.at += 1
        outer, self.matrix = self.matrix, False
        parts: list[Node] = []
        while not self._take(closing):
            if parts:
                self._expect(",")
            if self._is("op", ":") and self._following.text in (closing, ","):
                self.at += 1
                parts.append(Node("colon"))
            else:
                parts.append(self._expression())
        self.matrix = outer
        return parts

    def _primary(self) -> Node:
        token = self._token
        if token.kind in ("number", "matrix", "string"):
            self.at += 1
            return Node(token.kind, str(float(token.text)) if token.kind == "number" else token.text)
        if token.kind == "name" and (token.text not in KEYWORDS or token.text == "end"):
            self.at += 1
            return name(token.text)
        if self._take("("):
            outer, self.matrix = self.matrix, False
            inside = self._expression()
            self.matrix = outer
            self._expect(")")
            return inside
        if self._take("@"):
            return Node("handle", self._identifier())
        if self._is("op", "[") or self._is("op", "{"):
            return self._rows()
        raise FormatError(f"expected an expression, got {self._shown()}; is a % missing?")

    def _rows(self) -> Node:
        opening = self._token.text
        self.at += 1
        outer, self.matrix = self.matrix, True
        rows: list[Node] = []
        elements: list[Node] = []
        while not self._is("op", _CLOSING[opening]):
            if self._take(",") and elements:
                continue
            if self._take(";") or self._token.kind == "newline":
                self._skip_newlines()
                rows += [Node("row", "", tuple(elements))] if elements else []
                elements = []
                continue
            elements.append(self._expression())
        self.at += 1
        self.matrix = outer
        rows += [Node("row", "", tuple(elements))] if elements else []
        return Node("concat" if opening == "[" else "cell", "", tuple(rows))
