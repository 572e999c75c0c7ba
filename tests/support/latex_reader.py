"""A reader of the LaTeX of formulas: it computes an expression from its text alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_TOKEN = re.compile(r"\\\\|\\[A-Za-z]+|\\[^A-Za-z]|\d+(?:\.\d+)?|[A-Za-z]|[^\s]")

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\tanh": np.tanh,
    r"\exp": np.exp,
    r"\lnot": np.logical_not,
    r"\max": lambda *parts: np.max(np.broadcast_arrays(*parts), axis=0),
    r"\min": lambda *parts: np.min(np.broadcast_arrays(*parts), axis=0),
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {"<": np.less, r"\le": np.less_equal, "=": np.equal}
_LOGIC: dict[str, Callable[[Any, Any], Any]] = {r"\land": np.logical_and, r"\lor": np.logical_or}


class Reader:
    """Reads one expression; `names` has the value of each name as it is written in LaTeX, without blanks."""

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self._tokens = [token for token in _TOKEN.findall(text) if token != r"\quad"]
        self._names = names
        self._place = 0

    def value(self) -> Any:
        found = self._logic()
        assert self._next == "", self._tokens[self._place :][:8]
        return found

    @property
    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, *expected: str) -> str:
        token = self._next
        assert not expected or token in expected, (token, expected, self._tokens[self._place :][:8])
        self._place += 1
        return token

    def _logic(self) -> Any:
        found = self._comparison()
        while self._next in _LOGIC:
            found = _LOGIC[self._take()](found, self._comparison())
        return found

    def _comparison(self) -> Any:
        found = self._sum()
        while self._next in _COMPARISONS:
            found = _COMPARISONS[self._take()](found, self._sum())
        return found

    def _sum(self) -> Any:
        negative = self._next == "-" and bool(self._take())
        found = -self._product() if negative else self._product()
        while self._next in ("+", "-"):
            found = found + self._product() if self._take() == "+" else found - self._product()
        return found

    def _product(self) -> Any:
        found = self._power()
        while self._next in (r"\,", r"\cdot"):
            self._take()
            found = found * self._power()
        return found

    def _power(self) -> Any:
        found = self._atom()
        if self._next == "^":
            self._take()
            found = found ** self._group()
        return found

    def _group(self) -> Any:
        self._take("{")
        found = self._logic()
        self._take("}")
        return found

    def _in_brackets(self) -> list[Any]:
        self._take(r"\left")
        self._take("(")
        parts = [self._logic()]
        while self._next == ",":
            self._take()
            parts.append(self._logic())
        self._take(r"\right")
        self._take(")")
        return parts

    def _atom(self) -> Any:
        token = self._next
        if re.fullmatch(r"\d+(?:\.\d+)?", token):
            return float(self._take())
        if token in _FUNCTIONS:
            self._take()
            return _FUNCTIONS[token](*self._in_brackets())
        if token == r"\sqrt":
            self._take()
            return np.sqrt(self._group())
        if token == r"\frac":
            self._take()
            above = self._group()
            return above / self._group()
        if token == r"\operatorname":
            self._take()
            assert "".join(self._take() for _ in range(5)) == "{sgn}"
            return np.sign(self._in_brackets()[0])
        if token == r"\begin":
            return self._cases()
        if token == r"\left" and self._tokens[self._place + 1] == "|":
            self._place += 2
            found = abs(self._logic())
            self._take(r"\right")
            self._take("|")
            return found
        if token == r"\left":
            return self._in_brackets()[0]
        return self._name()

    def _cases(self) -> Any:
        self._environment(r"\begin")
        first = self._logic()
        self._take("&")
        condition = self._logic()
        self._take("\\\\")
        second = self._logic()
        self._take("&")
        assert "".join(self._take() for _ in range(len("{otherwise}") + 1)) == r"\text{otherwise}"
        self._environment(r"\end")
        return np.where(condition, first, second)

    def _environment(self, word: str) -> None:
        assert "".join(self._take() for _ in range(len("{cases}") + 1)) == f"{word}{{cases}}"

    def _name(self) -> Any:
        name = self._take()
        if self._next in ("_", "{"):
            while not name.endswith("}"):
                name += self._take()
        return self._names[name]
