"""Formulas of the functions' rows, written as text, typeset as MathML, which browsers draw without any script.

A formula is a product of factors beside each other, with + - / and relations between them; ``n_i`` is an index, ``²`` a
power, ``|n|`` an absolute value, ``exp(…)``, ``sum(…)`` and their like are functions. Other words stay words.
"""

from __future__ import annotations

import html
import re

TOKEN = re.compile(r"\s*(\d+\.?\d*(?:e-?\d+)?|[^\W\d_²³]+(?:'[a-z]+)?|_\w+|[²³]|>=|<=|==|\S)")

FUNCTIONS = frozenset({"exp", "tanh", "max", "min", "sum", "sqrt", "sign", "prod", "ln"})
NAMES = frozenset({"xoffset", "gain", "ymin", "xmean", "ystd", "xstd", "ymean", "Mu", "Sigma", "da", "dn", "dz", "dp"})
SIGNS = {"-": "−", ">=": "≥", "<=": "≤", "==": "="}
OPERATORS = frozenset({"+", "-", "−", "=", "<", ">", ",", ";", ":", "·", *SIGNS})
POWERS = {"²": "2", "³": "3"}
CLOSING = {"(": ")]", "[": ")]", "|": "|"}
"""What may end a bracket: an interval may be half open."""

THIN = '<mspace width="0.17em"></mspace>'
LARGE = {"sum": "∑", "prod": "∏"}


def typeset(formula: str) -> str:
    """The formula as HTML for a cell of a table in Markdown; ``title`` is its text."""
    reader = _Reader(TOKEN.findall(formula))
    parts = []
    while not reader.done:
        words = reader.words()
        parts.append(html.escape(words) if words else f'<math displaystyle="true">{reader.terms()}</math>')
    made = f'<span class="formula" title="{html.escape(formula)}">{" ".join(parts)}</span>'
    return made.replace("|", "&#124;")


def _tag(name: str, text: str) -> str:
    return f"<{name}>{html.escape(text)}</{name}>"


def _row(inner: str) -> str:
    return f"<mrow>{inner}</mrow>"


def _fence(text: str) -> str:
    return f'<mo stretchy="false">{text}</mo>'


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def done(self) -> bool:
        """Whether all tokens are read."""
        return self._place >= len(self._tokens)

    @property
    def _next(self) -> str:
        return "" if self.done else self._tokens[self._place]

    def _take(self) -> str:
        token = self._next
        self._place += 1
        return token

    @property
    def _is_word(self) -> bool:
        token = self._next.replace("'", "")
        return len(token) > 1 and token.isalpha() and token not in FUNCTIONS | NAMES

    def words(self) -> str:
        """The words that come next, with the commas between them."""
        found = ""
        while self._is_word or (found and self._next in (",", ";", ":")):
            token = self._take()
            found += token if token in (",", ";", ":") else f" {token}"
        return found.strip()

    def terms(self, stop: str = "") -> str:
        """Terms with signs between them, up to a bracket or, outside of brackets, to a word."""
        parts: list[str] = []
        while not self.done and self._next not in [*stop] and not (self._is_word and not stop):
            if self._next in OPERATORS:
                token = self._take()
                parts.append(_tag("mo", SIGNS.get(token, token)))
            elif self._is_word:
                parts.append(f"<mtext>{html.escape(self.words())}</mtext>")
            else:
                parts.append(self._quotient(stop))
        return _row("".join(parts))

    def _quotient(self, stop: str) -> str:
        found = self._product(stop)
        while self._next == "/":
            self._take()
            found = [f"<mfrac>{_row(_bare(found))}{_row(_bare(self._product(stop)))}</mfrac>"]
        return THIN.join(found)

    def _product(self, stop: str) -> list[str]:
        """The factors up to the end of the product."""
        factors: list[str] = []
        while not self.done and self._next not in {*stop, "/", *OPERATORS} and not self._is_word:
            factors.append(self._factor())
        return factors

    def _factor(self) -> str:
        token = self._take()
        if token == "ln":
            return _row(_tag("mi", token) + THIN + self._factor())
        if token in FUNCTIONS and self._next == "(":
            return self._function(token)
        if token in CLOSING:
            return self._raised(self._bracketed(token))
        return self._raised(_tag("mn" if token[0].isdigit() else "mi", token))

    def _bracketed(self, left: str) -> str:
        inner = self.terms(CLOSING[left])
        return _row(_fence(left) + inner + _fence(self._take()))

    def _function(self, name: str) -> str:
        inner = self._bracketed(self._take())
        if name == "sqrt":
            return f"<msqrt>{_bare([inner])}</msqrt>"
        if name in LARGE:
            bare = _bare([inner])
            return _row(_tag("mo", LARGE[name]) + (inner if "<mo>+</mo>" in bare or "<mo>−</mo>" in bare else bare))
        return _row(_tag("mi", name) + inner)

    def _raised(self, base: str) -> str:
        """The base with the index and the power that follow it."""
        index = power = ""
        if re.fullmatch(r"_\w+", self._next):
            index = _row("".join(_tag("mi", letter) for letter in self._take()[1:]))
        if self._next in POWERS:
            power = _tag("mn", POWERS[self._take()])
        if index and power:
            return f"<msubsup>{base}{index}{power}</msubsup>"
        if index:
            return f"<msub>{base}{index}</msub>"
        return f"<msup>{base}{power}</msup>" if power else base


def _bare(factors: list[str]) -> str:
    """A product; a single one in parentheses without them."""
    left, right = f"<mrow>{_fence('(')}", f"{_fence(')')}</mrow>"
    if len(factors) == 1 and factors[0].startswith(left) and factors[0].endswith(right):
        return factors[0][len(left) : -len(right)]
    return THIN.join(factors)
