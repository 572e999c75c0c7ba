"""Expressions of single numbers: a tape's operations on arrays, expanded element by element.

Equal expressions are the same object, so that what occurs more than once can be given a name. The rules that shorten an
expression are those that hold for finite numbers: 0·x is 0, x = x is true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matnet.tape.symbols import ELEMENTWISE

_SMALLEST, _LARGEST = 2.0**-1000, 2.0**1000  # products of constants beyond these are not formed


@dataclass(frozen=True, eq=False)
class Expression:
    """An operation on other expressions.

    ``operation`` is ``number`` or ``input``; ``sum`` for constant + Σ coefficient·operand; ``product``, ``quotient``,
    ``max``, ``min`` or ``argmax``; or an elementwise operation of a tape. ``number`` identifies it and grows with the
    order of computation. ``value`` is a number's value, an input's position, or the constant of a sum.
    """

    number: int
    operation: str
    operands: tuple[Expression, ...] = ()
    coefficients: tuple[float, ...] = ()
    value: float | bool = 0.0

    @property
    def atomic(self) -> bool:
        """Whether it is a number or an input."""
        return self.operation in ("number", "input")

    @property
    def terms(self) -> list[tuple[float, Expression]]:
        """The terms of a sum."""
        return list(zip(self.coefficients, self.operands, strict=True))


class Builder:
    """Makes expressions, each in its shortest form and only once.

    Parameters
    ----------
    short_slopes
        Whether the slopes of tansig and logsig are written as 1 − a² and a (1 − a). They are the library's forms with
        fewer correct digits where the neuron is saturated.
    """

    def __init__(self, short_slopes: bool = False) -> None:
        self._short_slopes = short_slopes
        self._known: dict[tuple[object, ...], Expression] = {}
        self._count = 0

    def _made(
        self,
        operation: str,
        operands: Sequence[Expression] = (),
        coefficients: Sequence[float] = (),
        value: float | bool = 0.0,
    ) -> Expression:
        numbers = tuple(operand.number for operand in operands)
        exact = tuple(map(_identity, (*coefficients, value)))
        key = (operation, numbers, exact)
        if key not in self._known:
            self._count += 1
            self._known[key] = Expression(self._count, operation, tuple(operands), tuple(coefficients), value)
        return self._known[key]

    def number(self, value: float | bool) -> Expression:
        """A constant."""
        return self._made("number", value=bool(value) if isinstance(value, (bool, np.bool_)) else float(value))

    def input(self, position: int) -> Expression:
        """An input element."""
        return self._made("input", value=float(position))

    def elementwise(self, operation: str, *operands: Expression) -> Expression:
        """An elementwise operation of a tape."""
        if all(operand.operation == "number" for operand in operands):
            with np.errstate(all="ignore"):
                return self.number(ELEMENTWISE[operation](*(operand.value for operand in operands)).item())
        special = getattr(self, f"_{operation}", None)
        made: Expression = self._made(operation, operands) if special is None else special(*operands)
        return made

    def sum(self, parts: Sequence[Expression]) -> Expression:
        """The sum of expressions."""
        constant, terms = 0.0, []
        for part in parts:
            if part.operation == "number":
                constant += part.value
            else:
                terms.append(_term(part))
        return self._sum(constant, terms)

    def dot(self, left: Sequence[Expression], right: Sequence[Expression]) -> Expression:
        """The sum of products of two vectors' elements."""
        constant, terms = 0.0, []
        for a, b in zip(left, right, strict=True):
            if a.operation == "number":
                a, b = b, a
            if a.operation == "number":
                constant += a.value * b.value
            elif b.operation == "number":
                terms.append(_scaled_term(a, float(b.value)))
            else:
                terms.append(_term(self._multiply(a, b)))
        return self._sum(constant, terms)

    def extreme(self, operation: str, parts: Sequence[Expression]) -> Expression:
        """The largest or smallest of expressions, or the position of the first largest from 0."""
        if operation == "max":  # the padding of a pooling layer is -Inf, which is never the largest
            parts = [part for part in parts if not _lowest(part)] or parts[:1]
        if len(parts) == 1:
            return self.number(0.0) if operation == "argmax" else parts[0]
        return self._made(operation, parts)

    def _sum(self, constant: float, terms: Sequence[tuple[float, Expression]]) -> Expression:
        kept = [(factor, operand) for factor, operand in terms if factor != 0.0]
        if not kept:
            return self.number(constant)
        if constant == 0.0 and len(kept) == 1 and kept[0][0] == 1.0:
            return kept[0][1]
        factors, operands = zip(*kept, strict=True)
        return self._made("sum", operands, factors, constant)

    def _add(self, a: Expression, b: Expression) -> Expression:
        if a.operation == "number":
            a, b = b, a
        if b.operation == "number":
            if a.operation == "sum" and a.value == 0.0:
                return self._sum(float(b.value), a.terms)
            return self._sum(float(b.value), [(1.0, a)])
        # two constants are not added: one may be an offset that is subtracted first for the sake of its digits
        if not (a.operation == b.operation == "sum" and a.value and b.value):
            parts = [_split(operand) for operand in (a, b)]
            return self._sum(parts[0][0] + parts[1][0], [*parts[0][1], *parts[1][1]])
        return self._sum(0.0, [(1.0, a), (1.0, b)])

    def _subtract(self, a: Expression, b: Expression) -> Expression:
        if b.operation == "number":
            return self._add(a, self.number(-b.value))
        factor, operand = _term(b)
        start = (float(a.value), []) if a.operation == "number" else (0.0, [_term(a)])
        return self._sum(start[0], [*start[1], (-factor, operand)])

    def _negative(self, a: Expression) -> Expression:
        return self._scaled(a, -1.0)

    def _scaled(self, a: Expression, factor: float) -> Expression:
        return self._sum(0.0, [_scaled_term(a, factor)])

    def _multiply(self, a: Expression, b: Expression) -> Expression:
        if a.operation == "number":
            a, b = b, a
        if b.operation == "number":
            return self._scaled(a, float(b.value))
        a, b = _unguarded(a, b), _unguarded(b, a)
        (first, a), (second, b) = _term(a), _term(b)
        factors = [part for operand in (a, b) for part in _factors(operand)]
        product = self._made("product", sorted(factors, key=lambda part: part.number))
        return self._scaled(self._scaled(product, first), second)

    def _divide(self, a: Expression, b: Expression) -> Expression:
        if a.operation == "number" and a.value == 0.0:
            return a
        if b.operation == "number":
            return a if b.value == 1.0 else self._made("quotient", (a, b))
        factor, above = _term(a)
        slope = self._slope(above, b) if self._short_slopes else None
        return self._scaled(self._made("quotient", (above, b)) if slope is None else slope, factor)

    def _slope(self, above: Expression, below: Expression) -> Expression | None:
        """e / (1 + e)² in terms of a: a quarter of 1 − a² for e = exp(−2 |n|), a (1 − a) for e = exp(−|n|)."""
        one = self.number(1.0)
        if above.operation != "exp" or below is not self._square(self.elementwise("add", one, above)):
            return None
        factor, size = _term(above.operands[0])
        if size.operation != "abs" or factor not in (-2.0, -1.0):
            return None
        n = size.operands[0]
        if factor == -2.0:
            square = self._square(self.elementwise("tanh", n))
            return self._scaled(self.elementwise("subtract", one, square), 0.25)
        decay = self.elementwise("exp", self.elementwise("negative", n))
        a = self.elementwise("divide", one, self.elementwise("add", one, decay))
        return self.elementwise("multiply", a, self.elementwise("subtract", one, a))

    def _square(self, part: Expression) -> Expression:
        return self.elementwise("multiply", part, part)

    def _less(self, a: Expression, b: Expression) -> Expression:
        return self._compared("less", a, b)

    def _less_equal(self, a: Expression, b: Expression) -> Expression:
        return self._compared("less_equal", a, b)

    def _compared(self, operation: str, a: Expression, b: Expression) -> Expression:
        if _lowest(a) or _lowest(b):
            return self.number(_lowest(a))
        return self._made(operation, (a, b))

    def _equal(self, a: Expression, b: Expression) -> Expression:
        if a is b:
            return self.number(True)
        if any(part.operation == "number" and np.isinf(part.value) for part in (a, b)):
            return self.number(False)
        place, other = (a, b) if b.operation == "argmax" else (b, a)
        if other.operation == "argmax" and place.operation == "number":
            return self._first_largest(int(place.value), other.operands)
        return self._made("equal", (a, b))

    def _first_largest(self, place: int, parts: Sequence[Expression]) -> Expression:
        """Whether the part at a place is the first largest: larger than those before it, not less than those after."""
        own = parts[place]
        conditions = [
            self.elementwise("less" if k < place else "less_equal", part, own)
            for k, part in enumerate(parts)
            if k != place
        ]
        return self._all(conditions)

    def _all(self, conditions: Sequence[Expression]) -> Expression:
        every: Expression = self.number(True)
        for condition in conditions:
            every = self._logical_and(every, condition)
        return every

    def _logical_and(self, a: Expression, b: Expression) -> Expression:
        return self._logical("logical_and", a, b, neutral=True)

    def _logical_or(self, a: Expression, b: Expression) -> Expression:
        return self._logical("logical_or", a, b, neutral=False)

    def _logical(self, operation: str, a: Expression, b: Expression, neutral: bool) -> Expression:
        for one, other in ((a, b), (b, a)):
            if one.operation == "number":
                return other if bool(one.value) is neutral else one
        parts = [part for side in (a, b) for part in (side.operands if side.operation == operation else (side,))]
        return self._made(operation, parts)

    def _logical_not(self, a: Expression) -> Expression:
        return a.operands[0] if a.operation == "logical_not" else self._made("logical_not", (a,))

    def _where(self, condition: Expression, a: Expression, b: Expression) -> Expression:
        if condition.operation == "number":
            return a if condition.value else b
        if b.operation == "where" and _opposite(condition, b.operands[0]):
            b = b.operands[1]
        if b.operation == "max" and condition.operation == "less_equal" and condition.operands == b.operands[::-1]:
            b = b.operands[1]  # where n is not at least the bound, the largest of both is the bound
        limited = self._limited(condition, a, b)
        return limited or (a if a is b else self._made("where", (condition, a, b)))

    def _limited(self, condition: Expression, a: Expression, b: Expression) -> Expression | None:
        """The largest of n and a bound for "the bound where n is less, else n", and the smallest alike."""
        if condition.operation != "less" or a.operation != "number":
            return None
        first, second = condition.operands
        if second is a:
            clipped = b.operation == "min" and b.operands[0] is first and a.value <= b.operands[1].value
            return self.extreme("max", (b, a)) if b is first or clipped else None
        return self.extreme("min", (b, a)) if first is a and b is second else None


def _lowest(part: Expression) -> bool:
    """Whether it is the constant -Inf."""
    return bool(part.operation == "number" and part.value == -np.inf)


def _identity(value: float | bool) -> object:
    """A key that tells -0.0 from 0.0 and True from 1.0, and finds NaN again."""
    return value if isinstance(value, bool) else np.float64(value).tobytes()


def _opposite(one: Expression, other: Expression) -> bool:
    """Whether of two comparisons exactly one holds: a < b and b ≤ a."""
    kinds = {one.operation, other.operation}
    return kinds == {"less", "less_equal"} and one.operands == other.operands[::-1]


def _unguarded(part: Expression, factor: Expression) -> Expression:
    """n for "0 where the factor is 0, else n", as their product is the same for any finite n."""
    if part.operation == "where" and part.operands[0].operation == "equal":
        condition, other, n = part.operands
        zeros = all(side.operation == "number" and side.value == 0.0 for side in (condition.operands[1], other))
        if zeros and condition.operands[0] is factor:
            return n
    return part


def _term(part: Expression) -> tuple[float, Expression]:
    """A factor and an expression whose product is the part."""
    if part.operation == "sum" and part.value == 0.0 and len(part.operands) == 1:
        return part.coefficients[0], part.operands[0]
    return 1.0, part


def _scaled_term(part: Expression, factor: float) -> tuple[float, Expression]:
    """A factor and an expression whose product is the part times a factor."""
    own, operand = _term(part)
    product = own * factor
    kept = own == 1.0 or factor == 0.0 or _SMALLEST < abs(product) < _LARGEST
    return (product, operand) if kept else (factor, part)


def _split(part: Expression) -> tuple[float, list[tuple[float, Expression]]]:
    """A constant and terms whose sum is the part."""
    return (float(part.value), part.terms) if part.operation == "sum" else (0.0, [(1.0, part)])


def _factors(part: Expression) -> Sequence[Expression]:
    return part.operands if part.operation == "product" else (part,)


def needed(results: Sequence[Expression]) -> list[Expression]:
    """The expressions that results consist of, in the order of computation."""
    reached: dict[int, Expression] = {}
    waiting = list(results)
    while waiting:
        part = waiting.pop()
        if part.number not in reached:
            reached[part.number] = part
            waiting += part.operands
    return [reached[number] for number in sorted(reached)]
