"""What a module function computes, recognised by its body and not by its name.

A body is followed by substitution, every branch apart, to one expression of its parameters, which is compared in
canonical form with the MATLAB texts that stand in the rows of functions/ and go through the same substitution. A branch
that only a gpuArray or an empty argument takes is not looked at: it never computes the values that are asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import permutations
from typing import NamedTuple, TypeAlias

from matnet.errors import FormatError, UnsupportedError
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import WEIGHT
from matnet.importers.genfunction.formulas import canonical, replaced
from matnet.importers.genfunction.syntax import (
    TOO_LARGE,
    Function,
    Parser,
    Statement,
    Tree,
    matched,
    names,
)

Path: TypeAlias = dict[Tree, Tree]
"""What the variables hold on one way through a function."""

MAX_FUNCTIONS = 100
"""How many functions a file may have; generated ones have up to 15."""

MAX_TEXT = 1_000_000
"""How many characters there may be after the main function; generated files have up to 5,000."""

MAX_PATHS = 16
"""How many ways through a function are followed; generated functions have up to four."""

MAX_STEPS = 1000
"""How many statements are followed in a file; generated files need about 60."""

MAX_SIZE = 400
"""How many parts an expression may have after substitution; generated ones stay under 100."""

_NAMES = (
    "abs any arrayfun bsxfun cat cell cell2mat double error exp full isa iscell isempty isfield isnan length max min "
    "minus mod nan NaN nargin num2cell numel ones plus power rdivide repmat reshape sign size sparse sqrt sum tanh "
    "times true false inf Inf pi zeros"
)
BUILTIN = frozenset(_NAMES.split())
"""MATLAB's own functions that generated files rely on; a file that defines one of them is not what it reads like."""

_UNLIKE = "no generated module function has such a statement"
_ARGUMENT = ("argument", 0)


class Formula(NamedTuple):
    """A row whose MATLAB texts take some settings; ``kind`` is transfer, weight, apply or reverse."""

    kind: str
    function: str
    settings: tuple[str, ...]


class Recognised(NamedTuple):
    """A module function that computes a row.

    ``settings`` tells for each setting where the function takes it from: the number of a parameter (from 0), and the
    name of the field where that parameter is a struct.
    """

    kind: str
    function: str
    settings: Mapping[str, tuple[int, str]]
    parameters: int


class Modules(NamedTuple):
    """The functions after the main one, what those compute that it calls, and those that nothing needs.

    Their places count lines from the start of the text after the main function.
    """

    functions: Mapping[str, Function]
    recognised: Mapping[str, Recognised]
    unused: set[str]


class _Substitution:
    """Substitution through functions; `needed` collects the functions that are met, also in branches not followed."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.needed: set[str] = set()
        self.steps = 0

    def results(self, function: Function, arguments: Sequence[Tree], depth: int = 0) -> list[Tree]:
        """The function's result on every way through it."""
        if depth > 8:
            raise UnsupportedError(f"{function.place}module functions call each other too deep")
        if len(function.results) != 1 or len(arguments) > len(function.parameters):
            raise UnsupportedError(f"{function.place}a module function has one result and is called with its arguments")
        start = {("name", name): value for name, value in zip(function.parameters, arguments, strict=False)}
        paths = self._block(function.body, [start], depth)
        result = ("name", function.results[0])
        if any(result not in path for path in paths):
            raise UnsupportedError(f"{function.place}'{result[1]}' is not set on every way through")
        return [path[result] for path in paths]

    def _block(self, body: Sequence[Statement], paths: list[Path], depth: int) -> list[Path]:
        for statement in body:
            self.steps += len(paths)
            if self.steps > MAX_STEPS:
                raise UnsupportedError(f"{statement.place}the module functions are too long")
            paths = [after for path in paths for after in self._statement(statement, path, depth)]
            if len(paths) > MAX_PATHS:
                raise UnsupportedError(f"{statement.place}the function has too many branches")
        return paths

    def _statement(self, statement: Statement, path: Path, depth: int) -> list[Path]:
        kind, target, *rest = statement
        if kind == "if":
            return self._if(statement, path, depth)
        if kind == "for":
            return [self._for(statement, path)]
        if kind == "=" and target[0] == "targets":
            return [self._several(statement, path)]
        if kind != "=" or (target[0] != "name" and (target[0] != "()" or target[1][0] != "name")):
            raise UnsupportedError(f"{statement.place}{_UNLIKE}")
        values = self._values(statement, rest[0], path, depth)
        if target[0] == "name":
            return [{**path, target: value} for value in values]
        indices = [self._value(statement, part, path) for part in target[2:]]
        old = path.get(target[1], ("unset",))
        return [{**path, target[1]: ("set", old, value, *indices)} for value in values]

    def _if(self, statement: Statement, path: Path, depth: int) -> list[Path]:
        after: list[Path] = []
        for condition, body in zip(statement[1::2], statement[2::2], strict=True):
            condition = self._value(statement, condition, path)
            if _never(condition):
                self._need(body)
                continue
            after += self._block(body, [dict(path)], depth)
            if condition == ("else",) or (condition[0] == "~" and _never(condition[1])):
                return after
        return [*after, path]

    def _need(self, tree: Tree) -> None:
        """Counts the functions that are named in unfollowed statements as needed, with what they need themselves."""
        for name in set(names(tree)) & (self.functions.keys() - self.needed):
            self.needed.add(name)
            self._need(self.functions[name].body)

    def _for(self, statement: Statement, path: Path) -> Path:
        """A loop that fills one array, a row or a column on each pass."""
        _, variable, values, body = statement
        found = matched("?v(?i,?k) = ?value", body[0]) if len(body) == 1 else None
        if found is None or found["v"] not in path:
            raise UnsupportedError(f"{statement.place}{_UNLIKE}")
        inner = {**path, variable: ("loop variable",)}
        parts = [self._value(statement, found[part], inner) for part in ("value", "i", "k")]
        looped = ("loop", path[found["v"]], *parts, self._value(statement, values, path))
        return {**path, variable: ("loop end",), found["v"]: looped}

    def _value(self, statement: Statement, tree: Tree, path: Path) -> Tree:
        value = replaced(tree, path)
        unknown = sorted(set(names(value)) - BUILTIN)
        if unknown:
            raise UnsupportedError(f"{statement.place}'{unknown[0]}' is not defined, or used inside an expression")
        if _size(value) > MAX_SIZE:
            raise UnsupportedError(f"{statement.place}{TOO_LARGE}")
        return value

    def _values(self, statement: Statement, tree: Tree, path: Path, depth: int) -> list[Tree]:
        """The value, or one for each way through where a function of the file gives it."""
        called = tree[0] == "()" and tree[1][0] == "name" and tree[1] not in path
        function = self.functions.get(tree[1][1]) if called else None
        if function is None:
            return [self._value(statement, tree, path)]
        self.needed.add(function.name)
        return self.results(function, [self._value(statement, part, path) for part in tree[2:]], depth + 1)

    def _several(self, statement: Statement, path: Path) -> Path:
        """``[S,Q] = size(n)``, ``[~,k] = max(n,[],1)``."""
        _, (_, *targets), tree = statement
        value = self._value(statement, tree, path)
        sized = matched("size(?x)", value)
        after = dict(path)
        for k, target in enumerate(targets, start=1):
            after[target] = ("()", ("name", "size"), sized["x"], ("num", f"{k}.0")) if sized else ("result", k, value)
        return after


def _never(condition: Tree) -> bool:
    """Whether a condition holds only for arguments that are never asked for: on a GPU, or empty."""
    found = matched("isa(?x,?class)", condition)
    if found is not None:
        return found["class"] in (("str", "'gpuArray'"), ("str", '"gpuArray"'))
    return condition == ("()", ("name", "isempty"), _ARGUMENT)


def _size(tree: Tree) -> int:
    return 1 + sum(_size(part) for part in tree if isinstance(part, tuple))


# the rows


@cache
def _formulas() -> dict[tuple[int, Tree], dict[Formula, set[Tree]]]:
    """The forms of all rows' texts, by the number of arguments and the outline, in which all settings are alike."""
    texts: list[tuple[str, str, tuple[str, ...], str]] = []
    texts += [("transfer", row.name, ("n",), text) for row in TRANSFER.values() for text in row.matlab]
    texts += [("weight", row.name, ("w", "p"), text) for row in WEIGHT.values() for text in row.matlab]
    texts += [("apply", row.name, ("x",), text) for row in PROCESSING.values() for text in row.matlab_apply]
    texts += [("reverse", row.name, ("y",), text) for row in PROCESSING.values() for text in row.matlab_reverse]
    found: dict[tuple[int, Tree], dict[Formula, set[Tree]]] = {}
    for kind, name, arguments, text in texts:
        function = next(Parser(f"function a = f({','.join(arguments)})\n{text}\nend\n").functions())
        targets = [next(names(statement[1])) for statement in function.body]
        settings = tuple(sorted(set(names(function.body)) - BUILTIN - {*arguments, *targets}))
        function = function._replace(parameters=(*arguments, *settings), results=(_result(function.body[-1]),))
        given: list[Tree] = [("argument", k) for k in range(len(arguments))]
        roles: list[Tree] = [("setting", setting) for setting in settings]
        for result in _Substitution({}).results(function, [*given, *roles]):
            key = len(arguments), _outline(result, roles)
            found.setdefault(key, {}).setdefault(Formula(kind, name, settings), set()).add(canonical(result))
    return found


def _result(statement: Statement) -> str:
    """The variable that a statement sets."""
    return next(names(statement[-1][0][1] if statement[0] == "for" else statement[1]))


def _outline(tree: Tree, settings: Sequence[Tree]) -> Tree:
    """The canonical form with all settings alike."""
    return canonical(replaced(tree, dict.fromkeys(settings, ("setting",))))


def _source(tree: Tree) -> tuple[int, str] | None:
    """The number of the parameter that the tree is, with the field where it is one of a parameter."""
    base, field = (tree[1], tree[2]) if tree[0] == "." else (tree, "")
    return (base[1], field) if base[0] == "argument" else None


def _settings_in(tree: Tree, arguments: int) -> set[Tree]:
    """The settings in a body: parameters after the arguments, or fields of them."""
    place = _source(tree)
    if place is not None:
        return {tree} if place[0] >= arguments else set()
    return set().union(*(_settings_in(part, arguments) for part in tree if isinstance(part, tuple)))


def _unmasked(result: Tree) -> Tree:
    """The result without the statement that puts NaN where n is NaN, which every row does."""
    if result[0] == "set" and canonical(result[2]) == ("num", "nan"):
        nan = ("()", ("name", "isnan"), _ARGUMENT)
        if result[3:] in ((nan,), ((":",), ("()", ("name", "any"), nan, ("num", "1.0")))):
            return result[1]  # type: ignore[no-any-return]
    return result


def _recognise(substitution: _Substitution, function: Function) -> Recognised:
    """The row whose formula the function computes on every way through it."""
    try:
        results = substitution.results(function, [("argument", k) for k in range(len(function.parameters))])
    except UnsupportedError as error:
        raise UnsupportedError(f"{error} (in '{function.name}', which is thus no known function)") from None
    bare = [_unmasked(result) for result in results]
    for arguments in (1, 2):
        parts = sorted(set().union(*(_settings_in(result, arguments) for result in bare)), key=repr)
        tables = [_formulas().get((arguments, _outline(result, parts)), {}) for result in bare]
        for formula in tables[0]:
            if formula.kind != "transfer" and bare != results:
                continue
            for settings in permutations(formula.settings):
                roles: dict[Tree, Tree] = {part: ("setting", name) for part, name in zip(parts, settings, strict=True)}
                forms = [canonical(replaced(result, roles)) for result in bare]
                if all(form in table.get(formula, ()) for form, table in zip(forms, tables, strict=True)):
                    taken = {name: place for part, (_, name) in roles.items() if (place := _source(part)) is not None}
                    return Recognised(formula.kind, formula.function, taken, len(function.parameters))
    known = ", ".join(sorted({formula.function for table in _formulas().values() for formula in table}))
    first = function.body[0].place if function.body else function.place
    raise UnsupportedError(f"{first}the body of '{function.name}' is none of the known formulas ({known})")


@lru_cache(maxsize=16)
def recognised(text: str, called: frozenset[str]) -> Modules:
    """The functions after the main one, of which it calls some; most files have the same few, which are read once.

    Raises
    ------
    FormatError, UnsupportedError
        The text is not the grammar's, a function is defined twice or is one of MATLAB's own, or a body is none of the
        known ones; the message begins with ``:LINE: STATEMENT:``.
    """
    if len(text) > MAX_TEXT:
        raise FormatError(f":1: more than {MAX_TEXT} characters after the main function")
    functions: dict[str, Function] = {}
    for function in Parser(text).functions():
        if function.name in functions:
            raise FormatError(f"{function.place}the function is defined a second time")
        if function.name in BUILTIN:
            raise UnsupportedError(f"{function.place}the file defines MATLAB's own function '{function.name}' anew")
        functions[function.name] = function
        if len(functions) >= MAX_FUNCTIONS:
            raise FormatError(f"{function.place}more than {MAX_FUNCTIONS} functions in one file")
    substitution = _Substitution(functions)
    found = {name: _recognise(substitution, functions[name]) for name in sorted(called & functions.keys())}
    return Modules(functions, found, functions.keys() - called - substitution.needed)
