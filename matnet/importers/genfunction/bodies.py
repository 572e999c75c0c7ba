"""What a module function computes, recognised by its body and not by its name: the normalised text is compared with the
MATLAB texts that stand in the rows of functions/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from matnet.errors import FormatError, UnsupportedError
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.importers.genfunction.syntax import Function, joined
from matnet.importers.genfunction.tokens import NAME, Scanner

_NAMES = (
    "abs any arrayfun bsxfun cat cell cell2mat double error exp full isa iscell isempty isfield isnan length max min "
    "minus mod nan NaN nargin num2cell numel ones plus power rdivide repmat reshape sign size sparse sqrt sum tanh "
    "times true false inf Inf pi zeros"
)
BUILTIN = frozenset(_NAMES.split())
"""MATLAB's own functions that generated files rely on; a file that defines one of them is not what it reads like."""

_WORD = re.compile(rf"'[^'\n]*'|(?<![\w.])(?P<name>{NAME}(?:\.{NAME})?)", re.ASCII)
_NOT_RENAMED = BUILTIN | {"if", "else", "elseif", "for", "end"}
_BSXFUN = re.compile(r"(?<==)bsxfun\(@(minus|plus|times|rdivide),([\w.]+),([\w.]+)\)$", re.MULTILINE | re.ASCII)
_SIGNS = {"minus": "-", "plus": "+", "times": ".*", "rdivide": "./"}
_ON_GPU = re.compile(
    rf"if isa\(({NAME}),'gpuArray'\)\n({NAME})={NAME}\([\w,]*\)\nelse\n\2=({NAME})\(([\w,]*)\)\nend", re.ASCII
)


class Formula(NamedTuple):
    """A text of a row; ``kind`` is transfer, weight, apply or reverse, ``roles`` are those of its names after arguments
    and result: settings, or empty for variables of its own.
    """

    kind: str
    function: str
    roles: tuple[str, ...]


class RecognisedFunction(NamedTuple):
    """A module function that computes a row.

    ``settings`` says for each setting where the function takes it from: the number of a parameter (from 0), and the
    name of the field where that parameter is a struct.
    """

    kind: str
    function: str
    settings: Mapping[str, tuple[int, str]]
    parameters: int


class Modules(NamedTuple):
    """The functions after the main one, what those compute that it calls, and those that nothing needs."""

    functions: Mapping[str, Function]
    recognised: Mapping[str, RecognisedFunction]
    unused: frozenset[str]


def _numbered(text: str, first: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The text with its names numbered, and the names; ``bsxfun`` as an operator.

    The arguments and the result come `first`, the others in the order of their first use.
    """
    numbers = {name: k for k, name in enumerate(first)}

    def number(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None or name in _NOT_RENAMED:
            return found.group()
        return f"${numbers.setdefault(name, len(numbers))}"

    text = _BSXFUN.sub(lambda found: f"{found[2]}{_SIGNS[found[1]]}{found[3]}", text)
    return _WORD.sub(number, text), tuple(numbers)


@cache
def _formulas() -> Mapping[tuple[int, str], list[Formula]]:
    """The rows' texts, numbered, by the number of their arguments and themselves."""
    texts: list[tuple[str, str, tuple[str, ...], str]] = []
    texts += [("transfer", row.name, ("n", "a"), text) for row in TRANSFER.values() for text in row.matlab]
    texts += [("weight", row.name, ("w", "p", "z"), text) for row in WEIGHT.values() for text in row.matlab]
    texts += [("apply", row.name, ("x", "y"), text) for row in PROCESSING.values() for text in row.matlab_apply]
    texts += [("reverse", row.name, ("y", "x"), text) for row in PROCESSING.values() for text in row.matlab_reverse]
    found: dict[tuple[int, str], list[Formula]] = {}
    for kind, name, first, text in texts:
        body = joined(Scanner(text).lines())
        numbered, names = _numbered(body, first)
        own = {*re.findall(rf"^{NAME}", body, re.MULTILINE)} if kind in ("apply", "reverse") else {*names}
        roles = tuple("" if variable in own else variable for variable in names[len(first) :])
        found.setdefault((len(first) - 1, numbered), []).append(Formula(kind, name, roles))
    return found


def _on_cpu(function: Function, functions: Mapping[str, Function]) -> str:
    """The body; where it has a branch for a GPU, with the function put in that the other branch calls."""
    text = function.text
    found = _ON_GPU.search(text)
    inner = functions.get(found[3]) if found is not None else None
    if found is None or inner is None or found[1] not in function.parameters:
        return text
    before, after = text[: found.start()], text[found.end() :]
    given = tuple(found[4].split(","))
    hidden = {*re.findall(NAME, before, re.ASCII), *function.parameters} - BUILTIN - {*given}
    fits = inner.parameters == given and inner.results == (found[2],) and not hidden & inner.names
    return f"{before}{inner.text}{after}" if fits else text


def _recognise(function: Function, functions: Mapping[str, Function]) -> RecognisedFunction:
    """The row whose text the body is."""
    text, parameters, results = _on_cpu(function, functions), function.parameters, function.results
    named = [name for name in (*parameters, *results) if name != "~"]
    usual = len(results) == 1 and len(named) == len({*named} - BUILTIN)
    for count in range(1, 1 + min(2, len(parameters))) if usual else ():
        numbered, names = _numbered(text, (*parameters[:count], *results))
        for formula in _formulas().get((count, numbered), ()):
            settings = _settings(formula, names[count + 1 :], parameters, count)
            if settings is not None:
                return RecognisedFunction(formula.kind, formula.function, settings, len(parameters))
    known = ", ".join(sorted({formula.function for listed in _formulas().values() for formula in listed}))
    first = function.statements[0][0].place if function.statements else function.place
    raise first.error(UnsupportedError(f"the body of '{function.name}' matches none of the known formulas ({known})"))


def _settings(
    formula: Formula, names: tuple[str, ...], parameters: tuple[str, ...], count: int
) -> dict[str, tuple[int, str]] | None:
    """Where settings come from; None where a name beside arguments and result does not mean what the formula's does."""
    settings: dict[str, tuple[int, str]] = {}
    for role, name in zip(formula.roles, names, strict=True):
        base, _, part = name.partition(".")
        if role and base in parameters[count:] and (not part or base not in names):
            settings[role] = (parameters.index(base), part)
        elif role or part or name in parameters:
            return None
    return settings


def recognised(main: Function, modules: Iterable[Function]) -> Modules:
    """What the functions of a file after its main function compute."""
    named: dict[str, Function] = {}
    for function in modules:
        if function.name in (main.name, *named):
            raise function.place.error(FormatError("the function is defined a second time"))
        if function.name in BUILTIN:
            reason = f"the file redefines MATLAB's own function '{function.name}'"
            raise function.place.error(UnsupportedError(reason))
        named[function.name] = function
    rows = {name: _recognise(named[name], named) for name in sorted(main.names & named.keys())}
    needed, last = set(rows), set[str]()
    while needed != last:
        last = needed
        needed = needed.union(*(named[name].names & named.keys() for name in needed))
    return Modules(named, rows, frozenset(named) - needed)
