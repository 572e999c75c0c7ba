"""Which expressions of a formula become separate steps, and the names of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from matnet.formulas.expressions import Expression, needed
from matnet.formulas.recording import RecordedExpressions

Layout: TypeAlias = Literal["steps", "nested"]
LAYOUTS: tuple[Layout, ...] = ("steps", "nested")


@dataclass(frozen=True)
class Step:
    """A named expression; ``result`` is the position of the result that it is, or None."""

    name: str
    expression: Expression
    result: int | None = None


@dataclass(frozen=True)
class Steps:
    """The steps of a formula in the order of computation.

    ``named`` gives the name by which later steps refer to an expression, by the expression's number.
    """

    sequence: tuple[Step, ...]
    named: dict[int, str]


def steps_of(
    recorded: RecordedExpressions,
    layout: Layout,
    result_names: Sequence[str],
    legal: Callable[[str], str],
    ranges: bool = False,
) -> Steps:
    """The steps of a formula.

    Parameters
    ----------
    recorded
        The formula.
    layout
        "nested": every result is one expression. "steps": the layers' outputs, and what occurs more than once, are
        steps before the results.
    result_names
        The names of the results.
    legal
        Makes a name legal, and different from those that it made before.
    ranges
        Whether every operand of a sum of more than two terms is a step, for a sheet with sums over ranges of cells.
    """
    expressions = [result.expression for result in recorded.results]
    if layout == "nested":
        return Steps(tuple(map(Step, result_names, expressions, range(len(expressions)))), {})
    parts = needed(expressions)
    uses = _uses(parts)
    long = [part for part in parts if ranges and part.operation in ("sum", "max", "min") and len(part.operands) > 2]
    summed = {operand.number for part in long for operand in part.operands}
    own = {expression.number: place for place, expression in reversed(list(enumerate(expressions)))}
    named: dict[int, str] = {}
    sequence: list[Step] = []
    for part in parts:
        number = part.number
        label = recorded.labels.get(number, "")
        if part.operation == "number" or (part.operation == "input" and number not in own):
            continue
        if number in own:
            if uses[number]:
                named[number] = result_names[own[number]]
                sequence.append(Step(named[number], part, own[number]))
        elif label.startswith("a") or number in summed or (uses[number] > 1 and not _scaling(part)):
            named[number] = legal(label or _described(part))
            sequence.append(Step(named[number], part))
    early = {step.result for step in sequence}
    last = [Step(name, expressions[k], k) for k, name in enumerate(result_names) if k not in early]
    return Steps((*sequence, *last), named)


def _uses(parts: Sequence[Expression]) -> Counter[int]:
    """How often each expression is printed in others, where one that is only a factor times another has no name."""
    uses = Counter(number for part in parts for number in {operand.number for operand in part.operands})
    for part in reversed(parts):
        if _scaling(part):
            uses[part.operands[0].number] += max(uses[part.number] - 1, 0)
    return uses


def _scaling(part: Expression) -> bool:
    """Whether an expression is a factor times another."""
    return part.operation == "sum" and part.value == 0.0 and len(part.operands) == 1


def _described(part: Expression) -> str:
    """u2 for the second input shifted, else t."""
    if part.operation == "sum" and len(part.operands) == 1 and part.operands[0].operation == "input":
        return f"u{int(part.operands[0].value) + 1}"
    return "t"
