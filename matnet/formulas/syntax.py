"""How expressions are written in each language: one table of operations per language."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from matnet.errors import UnsupportedError
from matnet.formulas.expressions import Expression

Number: TypeAlias = Callable[[float], str]

CHOICE, SUM, PRODUCT, POWER, ATOM = range(5)
"""The precedence of the outermost operation of a text."""

_SMALLEST, _LARGEST = 2.2250738585072014e-308, 9.99e307
"""The range of Excel's numbers other than 0."""

MOST_CHARACTERS = 4_000_000
"""The most characters of a formula: a longer one is unreadable, and few languages accept it."""


@dataclass(frozen=True)
class Syntax:
    """How a language writes expressions.

    Parameters
    ----------
    functions
        Templates of the operations that are written as functions, with {0}, {1}, … or {all}.
    comparisons, both, either
        The signs of the comparisons, and those of "and" and "or"; with functions for the latter two they are unused.
    power
        The template of a square or a cube; "" to write products.
    times, over
        The signs between two expressions; ``by`` is the sign after a constant factor.
    fraction
        The template of a quotient, if it is not written with a sign.
    pairwise
        Whether the language's largest and smallest take two arguments.
    number
        Writes a finite number that is not negative.
    special
        NaN, and infinity.
    name
        Writes a name.
    opening, closing
        The parentheses.
    """

    functions: Mapping[str, str]
    number: Number
    special: tuple[str, str]
    comparisons: tuple[str, str, str] = ("<", "<=", "==")
    both: str = "and"
    either: str = "or"
    power: str = ""
    times: str = "*"
    by: str = "*"
    over: str = "/"
    fraction: str = ""
    pairwise: bool = True
    name: Callable[[str], str] = str
    opening: str = "("
    closing: str = ")"
    truth: tuple[str, str] = ("false", "true")
    bounded_exp: bool = False


@dataclass(frozen=True)
class Text:
    """The text of an expression, and the precedence of its outermost operation."""

    text: str
    binding: int


class Printer:
    """Writes expressions of a formula.

    Parameters
    ----------
    syntax
        The language.
    inputs
        The names of the inputs.
    named
        The names of the expressions that are steps, by their numbers.
    rounded
        Rounds a constant to the digits that are written.
    """

    def __init__(
        self, syntax: Syntax, inputs: Sequence[str], named: Mapping[int, str], rounded: Callable[[float], float]
    ) -> None:
        self.syntax, self.inputs, self.named, self.rounded = syntax, inputs, named, rounded
        self._texts: dict[int, Text] = {}

    def written(self, expression: Expression) -> str:
        """The text of a step's expression.

        Raises
        ------
        UnsupportedError
            It is too long.
        """
        return self._own(expression).text

    def referred(self, expression: Expression) -> str:
        """The text of ``text``."""
        return self.text(expression).text

    def _own(self, expression: Expression) -> Text:
        """An expression written in full, even if it has a name; its operands are written first."""
        waiting = [expression]
        while waiting:
            part = waiting[-1]
            missing = [o for o in part.operands if o.number not in self._texts and o.number not in self.named]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            text = self._composed(part)
            if len(text.text) > MOST_CHARACTERS:
                raise UnsupportedError(
                    f"an expression of the formula has more than {MOST_CHARACTERS:,} characters; write it in steps"
                )
            if part is not expression or part.number not in self.named:
                self._texts[part.number] = text
        return text

    def text(self, part: Expression) -> Text:
        """The text by which an expression is referred to: its name if it has one."""
        if part.number in self.named:
            return Text(self.syntax.name(self.named[part.number]), ATOM)
        if part.number not in self._texts:
            return self._own(part)
        return self._texts[part.number]

    def _composed(self, part: Expression) -> Text:
        operation = part.operation
        if operation == "number":
            return self.constant(part.value)
        if operation == "input":
            return Text(self.syntax.name(self.inputs[int(part.value)]), ATOM)
        if operation == "sum":
            return self.sum(part)
        if operation == "product":
            return self._product(part)
        if operation == "quotient":
            return self._quotient(*map(self.text, part.operands))
        if operation in ("logical_and", "logical_or") and operation not in self.syntax.functions:
            sign = self.syntax.both if operation == "logical_and" else self.syntax.either
            return Text(f" {sign} ".join(self.enclosed(o, ATOM) for o in part.operands), CHOICE)
        if operation in ("less", "less_equal", "equal") and operation not in self.syntax.functions:
            sign = self.syntax.comparisons[("less", "less_equal", "equal").index(operation)]
            return Text(f" {sign} ".join(self.enclosed(o, SUM) for o in part.operands), CHOICE)
        return self.function(operation, part.operands)

    def function(self, operation: str, operands: Sequence[Expression]) -> Text:
        """An operation that is written as a function."""
        if operation not in self.syntax.functions:
            raise UnsupportedError(f"a formula cannot contain the operation {operation}")
        template = self.syntax.functions[operation]
        texts = [self.text(operand).text for operand in operands]
        if operation == "exp" and self.syntax.bounded_exp and not _never_positive(operands[0]):
            texts = [self.syntax.functions["min"].format(all=f"{texts[0]},709")]
        if operation in ("max", "min") and self.syntax.pairwise:
            while len(texts) > 1:
                pairs = [texts[k : k + 2] for k in range(0, len(texts), 2)]
                texts = [template.format(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
            return Text(texts[0], ATOM)
        return Text(template.format(*texts, all=_comma(self.syntax).join(texts)), ATOM)

    def constant(self, value: float | bool) -> Text:
        """A number."""
        if isinstance(value, bool):
            return Text(self.syntax.truth[value], ATOM)
        if value - value != 0.0:
            nan, infinity = self.syntax.special
            if not infinity and value == value:
                raise UnsupportedError("a constant of the formula is infinite, which this format cannot express")
            return Text(
                nan if value != value else infinity if value > 0 else f"-{infinity}", ATOM if value > 0 else SUM
            )
        if self.syntax is EXCEL:
            check_excel_number(float(value))
        text = self.syntax.number(abs(self.rounded(value)))
        return Text(f"-{text}", SUM) if value < 0.0 else Text(text, ATOM)

    def enclosed(self, part: Expression, binding: int) -> str:
        """The text of an expression, in parentheses if its precedence is lower."""
        text = self.text(part)
        return text.text if text.binding >= binding else self._in_parentheses(text.text)

    def _in_parentheses(self, text: str) -> str:
        return f"{self.syntax.opening}{text}{self.syntax.closing}"

    def sum(self, part: Expression) -> Text:
        """A sum."""
        pieces = [(factor < 0.0, self._scaled(abs(factor), operand)) for factor, operand in part.terms]
        if part.value or part.value != part.value:
            constant = self.constant(abs(float(part.value)))
            pieces.append((part.value < 0.0, constant))
        if len(pieces) == 1:
            negative, text = pieces[0]
            return Text(f"-{text.text}", SUM) if negative else text
        if len(pieces) == 2 and pieces[0][0] and not pieces[1][0]:
            pieces.reverse()  # 3 - x rather than -x + 3
        found = f"-{pieces[0][1].text}" if pieces[0][0] else pieces[0][1].text
        for negative, text in pieces[1:]:
            found += f" {'-' if negative else '+'} {text.text}"
        return Text(found, SUM)

    def _scaled(self, factor: float, operand: Expression) -> Text:
        """A positive factor times an expression."""
        if self.rounded(factor) == 1.0:
            return Text(self.enclosed(operand, PRODUCT), PRODUCT)
        return Text(f"{self.constant(factor).text}{self.syntax.by}{self.enclosed(operand, PRODUCT)}", PRODUCT)

    def _product(self, part: Expression) -> Text:
        counted = Counter(operand.number for operand in part.operands)
        factors = {operand.number: operand for operand in part.operands}
        texts = []
        for number, count in counted.items():
            own = factors[number]
            # a quotient after a factor would divide by more than its own denominator
            binding = POWER if own.operation == "quotient" and not self.syntax.fraction else PRODUCT
            if count > 1 and self.syntax.power:
                texts.append(self.syntax.power.format(self.enclosed(own, ATOM), count))
            else:
                texts += [self.enclosed(own, binding)] * count
        return Text(self.syntax.times.join(texts), PRODUCT if len(texts) > 1 else POWER)

    def _quotient(self, above: Text, below: Text) -> Text:
        if self.syntax.fraction:
            return Text(self.syntax.fraction.format(above.text, below.text), POWER)
        top = above.text if above.binding >= PRODUCT else self._in_parentheses(above.text)
        bottom = below.text if below.binding >= POWER else self._in_parentheses(below.text)
        return Text(f"{top}{self.syntax.over}{bottom}", PRODUCT)


def check_excel_number(value: float) -> None:
    """Checks that Excel has a number.

    Raises
    ------
    UnsupportedError
        It is too small or too large.
    """
    if value and not _SMALLEST <= abs(value) <= _LARGEST:
        raise UnsupportedError(f"the constant {value!r} is beyond the numbers of Excel, 2.2e-308 to 1e+308")


def _comma(syntax: Syntax) -> str:
    return "," if syntax is EXCEL else ", "


def _never_positive(part: Expression) -> bool:
    """Whether an expression is 0 or less for any inputs."""
    if part.operation == "number":
        return bool(part.value <= 0.0)
    if part.operation != "sum":
        return False
    largest = [operand for factor, operand in part.terms if factor == -1.0 and operand.operation == "max"]
    if len(part.operands) == 2 and largest and not part.value:
        # n_i − max n
        other = next(operand for operand in part.operands if operand is not largest[0])
        return part.coefficients[part.operands.index(other)] == 1.0 and other in largest[0].operands
    return part.value <= 0.0 and all(
        (factor < 0.0 and _never_negative(operand)) or (factor > 0.0 and _never_positive(operand))
        for factor, operand in part.terms
    )


def _never_negative(part: Expression) -> bool:
    if part.operation == "product":
        return all(count % 2 == 0 for count in Counter(operand.number for operand in part.operands).values())
    return part.operation in ("abs", "exp", "sqrt")


def plain_number(value: float) -> str:
    """30 for 30.0; otherwise the shortest digits that give the number again."""
    return str(int(value)) if value == int(value) and value < 1e15 else repr(value)


def _latex_number(value: float) -> str:
    mantissa, _, exponent = plain_number(value).partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else f"{mantissa} \\cdot {power}"


_LATEX_SIGNS = str.maketrans(
    {"\\": r"\backslash{}", "^": r"\hat{}", "~": r"\sim{}", **{sign: f"\\{sign}" for sign in "_&%$#{}"}, " ": r"\ "}
)


def latex_name(name: str) -> str:
    """x_{1} for x1, a_{1,2} for a1_2; other names upright."""
    match = re.fullmatch(r"([A-Za-z])(\d+)(?:_(\d+))?", name)
    if match:
        letter, *places = match.groups()
        return f"{letter}_{{{','.join(place for place in places if place)}}}"
    return name if re.fullmatch("[A-Za-z]", name) else f"\\mathrm{{{name.translate(_LATEX_SIGNS)}}}"


_FUNCTIONS = {
    "abs": "abs({0})",
    "sign": "sign({0})",
    "exp": "exp({0})",
    "tanh": "tanh({0})",
    "sqrt": "sqrt({0})",
    "max": "max({all})",
    "min": "min({all})",
    "where": "if({0}, {1}, {2})",
    "logical_not": "not({0})",
}

TEXT = Syntax(_FUNCTIONS, plain_number, ("NaN", "Inf"), comparisons=("<", "<=", "="), power="{0}^{1}", pairwise=False)

PYTHON = Syntax(
    {
        "abs": "np.abs({0})",
        "sign": "np.sign({0})",
        "exp": "np.exp({0})",
        "tanh": "np.tanh({0})",
        "sqrt": "np.sqrt({0})",
        "max": "np.maximum({0}, {1})",
        "min": "np.minimum({0}, {1})",
        "where": "np.where({0}, {1}, {2})",
        "logical_not": "np.logical_not({0})",
    },
    plain_number,
    ("np.nan", "np.inf"),
    both="&",
    either="|",
    power="{0}**{1}",
    truth=("False", "True"),
)

MATLAB = Syntax(
    {
        **_FUNCTIONS,
        "max": "max({0}, {1})",
        "min": "min({0}, {1})",
        "where": "either({0}, {1}, {2})",
        "logical_not": "~({0})",
    },
    plain_number,
    ("NaN", "Inf"),
    both="&",
    either="|",
    power="{0}.^{1}",
    times=".*",
    over="./",
)

C = Syntax(
    {
        "abs": "fabs({0})",
        "sign": "sign_of({0})",
        "exp": "exp({0})",
        "tanh": "tanh({0})",
        "sqrt": "sqrt({0})",
        "max": "fmax({0}, {1})",
        "min": "fmin({0}, {1})",
        "where": "(({0}) ? {1} : {2})",
        "logical_not": "!({0})",
    },
    repr,
    ("NAN", "INFINITY"),
    both="&&",
    either="||",
    truth=("0", "1"),
)

SYMPY = Syntax(
    {
        **_FUNCTIONS,
        "abs": "Abs({0})",
        "max": "Max({all})",
        "min": "Min({all})",
        # SymPy's own simplification of the conditions may not end
        "where": "Piecewise(({1}, {0}), ({2}, True), evaluate=False)",
        "equal": "Eq({0}, {1})",
        "logical_not": "Not({0})",
    },
    plain_number,
    ("nan", "oo"),
    both="&",
    either="|",
    power="{0}**{1}",
    pairwise=False,
    truth=("False", "True"),
)

EXCEL = Syntax(
    {
        "abs": "ABS({0})",
        "sign": "SIGN({0})",
        "exp": "EXP({0})",
        "tanh": "TANH({0})",
        "sqrt": "SQRT({0})",
        "max": "MAX({all})",
        "min": "MIN({all})",
        "where": "IF({0},{1},{2})",
        "logical_and": "AND({all})",
        "logical_or": "OR({all})",
        "logical_not": "NOT({0})",
    },
    plain_number,
    ("NA()", ""),
    comparisons=("<", "<=", "="),
    pairwise=False,
    truth=("FALSE", "TRUE"),
    bounded_exp=True,
)

LATEX = Syntax(
    {
        "abs": r"\left|{0}\right|",
        "sign": r"\operatorname{{sgn}}\left({0}\right)",
        "exp": r"\exp\left({0}\right)",
        "tanh": r"\tanh\left({0}\right)",
        "sqrt": r"\sqrt{{{0}}}",
        "max": r"\max\left({all}\right)",
        "min": r"\min\left({all}\right)",
        "where": r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        "logical_not": r"\lnot\left({0}\right)",
    },
    _latex_number,
    (r"\mathrm{NaN}", r"\infty"),
    comparisons=("<", r"\le", "="),
    both=r"\land",
    either=r"\lor",
    power="{0}^{{{1}}}",
    times=r" \, ",
    by=r" \, ",
    fraction=r"\frac{{{0}}}{{{1}}}",
    pairwise=False,
    name=latex_name,
    opening=r"\left(",
    closing=r"\right)",
)

Format: TypeAlias = Literal["text", "latex", "python", "matlab", "c", "excel", "sympy"]
SYNTAX: dict[Format, Syntax] = {
    "text": TEXT,
    "latex": LATEX,
    "python": PYTHON,
    "matlab": MATLAB,
    "c": C,
    "excel": EXCEL,
    "sympy": SYMPY,
}
