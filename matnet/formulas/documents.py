"""A formula as the text of a language: a function with its steps, lines of an equation, or cells of a sheet."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from matnet.errors import UnsupportedError
from matnet.formulas.expressions import needed
from matnet.formulas.layout import Layout, Step, Steps, steps_of
from matnet.formulas.recording import RecordedExpressions
from matnet.formulas.syntax import MOST_CHARACTERS, SYNTAX, Format, Printer, latex_name

FUNCTION = "network"
"""The name of a formula's function in a programming language."""

MOST_COLUMNS, MOST_IN_CELL, MOST_NESTED = 16_384, 8_192, 64
"""Excel's limits: columns of a sheet, characters of a formula, levels of nested functions."""

RESULT = "result"
"""The name of the array of several results in C."""

_WIDTH = 110

_C_WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "abs fabs exp tanh sqrt fmax fmin sign_of NAN INFINITY"
)
_C_LIBRARY = (
    "main abort acos acosh asctime asin asinh atan atan2 atanh atexit atof atoi atol atoll bsearch calloc cbrt ceil "
    "clearerr clock copysign cos cosh ctime difftime div erf erfc exit exp2 expm1 fclose fdim feof ferror fflush "
    "fgetc fgetpos fgets floor fma fmod fopen fprintf fputc fputs fread free freopen frexp fscanf fseek fsetpos "
    "ftell fwrite gamma getc getchar getenv gets gmtime hypot ilogb isalnum isalpha isblank iscntrl isdigit "
    "isfinite isgraph isinf islower isnan isnormal isprint ispunct isspace isupper isxdigit j0 j1 jn labs ldexp "
    "ldiv lgamma llabs lldiv llrint llround localeconv localtime log log10 log1p log2 logb longjmp lrint lround "
    "malloc memchr memcmp memcpy memmove memset mktime modf nan nearbyint nextafter nexttoward perror pow printf "
    "putc putchar puts qsort raise rand realloc remainder remove remquo rename rewind rint round scalbln scalbn "
    "scanf setbuf setjmp setlocale setvbuf signal signbit signgam sin sinh snprintf sprintf srand sscanf strcat "
    "strchr strcmp strcoll strcpy strcspn strerror strftime strlen strncat strncmp strncpy strpbrk strrchr strspn "
    "strstr strtod strtof strtok strtol strtold strtoll strtoul strtoull strxfrm system tan tgamma time tmpfile "
    "tmpnam tolower toupper trunc ungetc vfprintf vfscanf vprintf vscanf vsnprintf vsprintf vsscanf y0 y1 yn"
)
"""What a function of ours in C may not be called: a program has one function of each name, in all its files."""

_MATLAB_WORDS = (
    "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd "
    "switch try while do until unwind_protect unwind_protect_cleanup endif endfor endfunction endwhile "
    "abs sign exp tanh sqrt max min either NaN Inf zeros size logical"
)
_SYMPY_WORDS = "Symbol Abs sign exp tanh sqrt Max Min Piecewise Eq Not nan oo"

_WORDS: dict[Format, str] = {
    "text": f"{' '.join(keyword.kwlist)} abs sign exp tanh sqrt max min NaN Inf",
    "latex": "",
    "python": f"{' '.join(keyword.kwlist)} np",
    "matlab": _MATLAB_WORDS,
    "c": f"{_C_WORDS} {RESULT}",
    "sympy": f"{' '.join(keyword.kwlist)} {_SYMPY_WORDS}",
}
"""Words that may not be names in a formula: those of the language, and names that the text uses itself."""

_WITH_FUNCTION: frozenset[Format] = frozenset({"python", "matlab", "c"})


class Names:
    """Names that are legal in a language, each given once."""

    def __init__(self, format: Format, taken: Iterable[str] = ()) -> None:
        self._format = format
        self._given: set[str] = {*_WORDS[format].split(), *taken}
        self._numbers: dict[str, Iterator[int]] = {}

    def __call__(self, name: str) -> str:
        """A legal name, the given one if possible."""
        if name == "t":
            return self._first((), name, 1)
        made = name
        if self._format != "latex":
            made = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
            made = made if re.match("[A-Za-z]", made) else f"v_{made}".rstrip("_")
        return self._first((made, f"{made}_"), f"{made}_", 2)

    def _first(self, unnumbered: Iterable[str], stem: str, start: int) -> str:
        """The first name that is not given: of those without a number, then of the stem with numbers from `start`."""
        numbers = self._numbers.setdefault(stem, itertools.count(start))
        candidates = itertools.chain(unnumbered, (f"{stem}{number}" for number in numbers))
        name = next(name for name in candidates if name not in self._given)
        self._given.add(name)
        return name


def function_name(format: Format, name: str) -> str:
    """A legal name for the function of a formula, the given one if possible."""
    return Names(format, _C_LIBRARY.split() if format == "c" else ())(name)


@dataclass(frozen=True)
class FormulaText:
    """A formula as lines of names and texts.

    ``inputs`` and ``results`` are the names of the arguments and the results in the language; ``lines`` the steps in
    order, ``operations`` the operations in them.
    """

    inputs: tuple[str, ...]
    results: tuple[str, ...]
    lines: tuple[tuple[Step, str], ...]
    operations: frozenset[str]


def written(
    recorded: RecordedExpressions,
    format: Format,
    layout: Layout,
    rounded: Callable[[float], float],
    function: str = FUNCTION,
) -> FormulaText:
    """The steps of a formula in a language, each with its text.

    Raises
    ------
    UnsupportedError
        An expression is too long, or the language lacks something.
    """
    legal = Names(format, [function] if format in _WITH_FUNCTION else [])
    inputs = tuple(legal(argument.name) for argument in recorded.arguments)
    results = tuple(legal(result.name) for result in recorded.results)
    steps = steps_of(recorded, layout, results, legal)
    printer = Printer(SYNTAX[format], inputs, steps.named, rounded)
    return FormulaText(inputs, results, _lines(steps, printer), _operations(steps))


def _lines(steps: Steps, printer: Printer) -> tuple[tuple[Step, str], ...]:
    lines, length = [], 0
    for step in steps.sequence:
        own = steps.named.get(step.expression.number) == step.name
        text = printer.written(step.expression) if own else printer.referred(step.expression)
        lines.append((step, text))
        length += len(text)
        if length > MOST_CHARACTERS:
            raise UnsupportedError(
                f"the formula has more than {MOST_CHARACTERS:,} characters; write it in steps, write fewer results, or "
                "export it as code: matnet convert"
            )
    return tuple(lines)


def _operations(steps: Steps) -> frozenset[str]:
    return frozenset(part.operation for part in needed([step.expression for step in steps.sequence]))


def wrapped(line: str, indent: str, ending: str = "") -> list[str]:
    """A long line broken before plus and minus signs, outside of parentheses if possible.

    `ending` closes each line that goes on.
    """
    lines = []
    while len(line) > _WIDTH:
        breaks = _breaks(line, len(indent) + 1)
        fitting = [entry for entry in breaks if entry[1] <= _WIDTH] or breaks[:1]
        if not fitting:
            break
        outermost = min(depth for depth, _ in fitting)
        place = max(place for depth, place in fitting if depth == outermost)
        lines.append(f"{line[:place]}{ending}")
        line = f"{indent}{line[place + 1 :]}"
    return [*lines, line]


def _breaks(line: str, first: int) -> list[tuple[int, int]]:
    """The blanks before plus and minus signs: how many parentheses each is in, and its place."""
    breaks, depth = [], 0
    for place, sign in enumerate(line):
        depth += (sign == "(") - (sign == ")")
        if place > first and sign == " " and line[place + 1 : place + 3] in ("+ ", "- "):
            breaks.append((depth, place))
    return breaks


def text_document(formula: FormulaText, header: Sequence[str], nested: bool) -> str:
    """Equations, one per line."""
    lines = [f"# {line}" for line in header]
    for step, text in formula.lines:
        line = f"{step.name} = {text}"
        lines += [line] if nested else wrapped(line, "    ")
    return "\n".join(lines)


def latex_document(formula: FormulaText, header: Sequence[str], nested: bool, results: RecordedExpressions) -> str:
    """An aligned block of equations for a display."""
    rows = []
    for step, text in formula.lines:
        parts = () if step.result is None else results.results[step.result].parts
        name = latex_name(step.name)
        if len(parts) == 2:
            name = rf"\frac{{\partial {latex_name(parts[0])}}}{{\partial {latex_name(parts[1])}}}"
        line = f"{name} &= {text}"
        rows.append([line] if nested else wrapped(line, "    "))
    body = " \\\\\n".join("\n".join(row) for row in rows)
    lines = [f"% {line}" for line in header]
    return "\n".join([*lines, r"\begin{aligned}", body, r"\end{aligned}"])


def python_document(formula: FormulaText, header: Sequence[str], nested: bool, function: str) -> str:
    """A function that takes numbers or NumPy arrays."""
    lines = [f"# {line}" for line in header]
    lines += ["import numpy as np", "", "", f"def {function}({', '.join(formula.inputs)}):"]
    lines += _statements(formula, "    ", nested)
    return "\n".join([*lines, f"    return {', '.join(formula.results)}"])


def _statements(formula: FormulaText, indent: str, nested: bool) -> list[str]:
    """Python's assignments."""
    lines = []
    for step, text in formula.lines:
        broken = [text] if nested else wrapped(text, f"{indent}    ")
        if len(broken) == 1:
            lines.append(f"{indent}{step.name} = {text}")
        else:
            lines += [f"{indent}{step.name} = (", f"{indent}    {broken[0]}", *broken[1:], f"{indent})"]
    return lines


def sympy_document(formula: FormulaText, header: Sequence[str], nested: bool, names: Sequence[str]) -> str:
    """Statements that make SymPy expressions."""
    used = set(re.findall(r"\w+", " ".join(text for _, text in formula.lines)))
    imports = ", ".join(["Symbol", *sorted(used & set(_SYMPY_WORDS.split()))])
    lines = [f"# {line}" for line in header]
    lines += [f"from sympy import {imports}", ""]
    lines += [f"{legal} = Symbol({name!r}, real=True)" for legal, name in zip(formula.inputs, names, strict=True)]
    return "\n".join([*lines, *_statements(formula, "", nested)])


_EITHER = """

function r = either(condition, a, b)
% a where the condition holds, else b
filled = zeros(size(condition + a + b));
a = a + filled;
r = b + filled;
condition = logical(condition + filled);
r(condition) = a(condition);
end"""


def matlab_document(formula: FormulaText, header: Sequence[str], nested: bool, function: str) -> str:
    """A function of scalars or arrays."""
    outputs = formula.results[0] if len(formula.results) == 1 else f"[{', '.join(formula.results)}]"
    lines = [f"function {outputs} = {function}({', '.join(formula.inputs)})", *(f"% {line}" for line in header)]
    for step, text in formula.lines:
        line = f"{step.name} = {text};"
        lines += [line] if nested else wrapped(line, "    ", " ...")
    return "\n".join([*lines, "end"]) + (_EITHER if "where" in formula.operations else "")


_SIGN = """static double sign_of(double x) { return (x > 0.0) - (x < 0.0); }

"""


def c_document(formula: FormulaText, header: Sequence[str], nested: bool, function: str) -> str:
    """A function in C99 that returns its result; several are written to an array."""
    alone = len(formula.results) == 1
    arguments = [f"double {name}" for name in formula.inputs]
    arguments += [] if alone else [f"double {RESULT}[{len(formula.results)}]"]
    lines = [f"/* {line} */" for line in header]
    lines += ["#include <math.h>", ""]
    opening = f"{'double' if alone else 'void'} {function}({', '.join(arguments) or 'void'}) {{"
    body = [f"    (void){name};" for name in formula.inputs if not _occurs(name, formula)]
    for step, text in formula.lines:
        line = f"    const double {step.name} = {text};"
        body += [line] if nested else wrapped(line, "        ")
    if alone:
        body.append(f"    return {formula.results[0]};")
    else:
        body += [f"    {RESULT}[{number}] = {name};" for number, name in enumerate(formula.results)]
    start = "\n".join(lines) + "\n" + (_SIGN if "sign" in formula.operations else "")
    return start + "\n".join([opening, *body, "}"])


def _occurs(name: str, formula: FormulaText) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", text) for _, text in formula.lines)


@dataclass(frozen=True)
class Cell:
    """A cell of the row of a sheet: the name at its head, and its formula, None for an input."""

    head: str
    formula: str | None
    result: int | None = None


def column_letters(number: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def excel_cells(
    recorded: RecordedExpressions, layout: Layout, rounded: Callable[[float], float], row: int
) -> list[Cell]:
    """The cells of a row: inputs, results, then the steps between.

    Raises
    ------
    UnsupportedError
        There are more cells than columns, or a formula is longer or more deeply nested than Excel takes.
    """
    steps = steps_of(recorded, layout, [f"={k}" for k in range(len(recorded.results))], Names("text"))
    between = [step for step in steps.sequence if step.result is None]
    inputs, count = len(recorded.arguments), len(recorded.results)
    check_columns(inputs + count + len(between))
    cells = [f"{column_letters(k)}{row}" for k in range(inputs + count + len(between))]
    place = {f"={k}": cells[inputs + k] for k in range(count)}
    place |= {step.name: cells[inputs + count + k] for k, step in enumerate(between)}
    named = {number: place[name] for number, name in steps.named.items()}
    printer = Printer(SYNTAX["excel"], cells, named, rounded)
    formulas = {}
    for step in steps.sequence:
        own = steps.named.get(step.expression.number) == step.name
        text = printer.written(step.expression) if own else printer.referred(step.expression)
        head = step.name if step.result is None else recorded.results[step.result].name
        formulas[step.name] = Cell(head, checked_cell(f"={text.replace(' ', '')}", head), step.result)
    return [
        *(Cell(argument.name, None) for argument in recorded.arguments),
        *(formulas[f"={k}"] for k in range(count)),
        *(formulas[step.name] for step in between),
    ]


def check_columns(count: int) -> None:
    """Checks that a row can have this many cells.

    Raises
    ------
    UnsupportedError
        It cannot.
    """
    if count > MOST_COLUMNS:
        raise UnsupportedError(f"the formulas need {count:,} columns, and a sheet of Excel has {MOST_COLUMNS:,}")


def checked_cell(formula: str, head: str) -> str:
    """The formula, after a check that Excel accepts its length and depth.

    Raises
    ------
    UnsupportedError
        It does not.
    """
    if len(formula) > MOST_IN_CELL:
        raise UnsupportedError(
            f"the formula of {head} has {len(formula):,} characters, and Excel accepts {MOST_IN_CELL:,} in a cell; "
            "write it in steps or with fewer digits, or write a workbook: matnet convert net.mat net.xlsx"
        )
    depth = deepest = 0
    for sign in formula:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    if deepest > MOST_NESTED:
        raise UnsupportedError(
            f"the formula of {head} is nested {deepest} levels deep, and Excel accepts {MOST_NESTED}; write it in steps"
        )
    return formula


def excel_document(cells: Sequence[Cell], sample: Sequence[float]) -> str:
    """Two rows to be pasted at A1 of an empty sheet: names, and below them a sample and the formulas."""
    heads = [f"'{cell.head}" if cell.head[0] in "=+-@'" else cell.head for cell in cells]
    values = [repr(value) for value in sample]
    row = [cell.formula if cell.formula is not None else values[k] for k, cell in enumerate(cells)]
    return "\t".join(heads) + "\n" + "\t".join(row)
