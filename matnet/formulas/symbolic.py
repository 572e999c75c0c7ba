"""A formula as expressions of SymPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matnet.extras import need
from matnet.formulas.expressions import Expression, needed
from matnet.formulas.recording import RecordedExpressions


def sympy_expressions(recorded: RecordedExpressions, rounded: Callable[[float], float]) -> dict[str, Any]:
    """The results by their names; the symbols have the names of the inputs and are real.

    Raises
    ------
    MissingExtraError
        SymPy is not installed.
    """
    sympy = need("format='sympy'", "symbolic", "sympy")
    symbols = [sympy.Symbol(argument.name, real=True) for argument in recorded.arguments]
    functions = {
        "product": sympy.Mul,
        "quotient": lambda a, b: a / b,
        "max": sympy.Max,
        "min": sympy.Min,
        "abs": sympy.Abs,
        "less": sympy.Lt,
        "less_equal": sympy.Le,
        "equal": sympy.Eq,
        "logical_and": sympy.And,
        "logical_or": sympy.Or,
        "logical_not": sympy.Not,
        # SymPy's own simplification of the conditions may not end
        "where": lambda condition, a, b: sympy.Piecewise((a, condition), (b, True), evaluate=False),
        **{name: getattr(sympy, name) for name in ("sign", "exp", "tanh", "sqrt")},
    }

    def number(value: float | bool) -> Any:
        exact = value if isinstance(value, bool) else rounded(value)
        whole = not isinstance(value, bool) and exact - exact == 0.0 and exact == int(exact) and abs(exact) < 1e15
        return sympy.sympify(int(exact) if whole else exact)

    values: dict[int, Any] = {}

    def value(part: Expression) -> Any:
        if part.operation == "number":
            return number(part.value)
        if part.operation == "input":
            return symbols[int(part.value)]
        operands = [values[operand.number] for operand in part.operands]
        if part.operation == "sum":
            scaled = [number(factor) * operand for factor, operand in zip(part.coefficients, operands, strict=True)]
            return sympy.Add(*scaled, number(part.value))
        return functions[part.operation](*operands)

    for part in needed([result.expression for result in recorded.results]):
        values[part.number] = value(part)
    return {result.name: values[result.expression.number] for result in recorded.results}
