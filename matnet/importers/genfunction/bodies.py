"""What a module function computes, judged by its body and not by its name.

A body is followed by substitution, every branch apart, to one expression of its parameters, which is compared in
canonical form with the known formulas below. These are written here as MATLAB text, in the table's own names, and go
through the same substitution. A branch that only a gpuArray or an empty argument takes is not judged: it never
computes the values that are asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.importers.genfunction.algebra import canonical, replaced, substituted
from matnet.importers.genfunction.nodes import Assign, Bare, For, Function, If, Node, Statement, call, walk
from matnet.importers.genfunction.syntax import Parser
from matnet.importers.genfunction.tokens import scan

MAX_PATHS = 16
"""How many ways through a function are followed; generated functions have up to four."""

MAX_STEPS = 1000
"""How many statements are followed in a file; generated files need about 60."""


@dataclass(frozen=True)
class Known:
    """A formula of the table: what kind of function, the toolbox's name, and the names of its settings."""

    kind: str
    function: str
    arguments: int
    settings: tuple[str, ...]
    bodies: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """A module function that was recognised.

    ``settings`` tells for each setting where the function takes it from: the number of a parameter (from 0), and the
    name of the field where that parameter is a struct. ``nonempty`` lists in the same way what the body was judged
    for only as far as it is not empty.
    """

    kind: str
    function: str
    settings: Mapping[str, tuple[int, str]]
    parameters: int
    nonempty: frozenset[tuple[int, str]]


def _elementwise(function: str, *formulas: str) -> Known:
    """A row of n alone; NaN may be put back where n is NaN, which is what all our rows do."""
    bodies = [f"a = {formula}; {mask}" for formula in formulas for mask in ("", "a(isnan(n)) = nan;")]
    return Known("transfer", function, 1, (), tuple(bodies))


_WINNERS = (
    "a = zeros(size(n,1),size(n,2)); a(row + size(n,1)*(0:size(n,2)-1)) = 1;",
    "a = zeros(size(n)); a(row + size(n,1)*(0:size(n,2)-1)) = 1;",
    "a = full(sparse(row,1:size(n,2),ones(1,size(n,2)),size(n,1),size(n,2)));",
    "a = full(sparse(row,1:size(n,2),1,size(n,1),size(n,2)));",
)

_DISTANCES = (
    "d = zeros(size(w,1),size(p,2)); pt = p'; for q = 1:size(p,2), d(:,q) = sum((w - pt(q,:)).^2,2); end",
    "d = zeros(size(w,1),size(p,2)); wt = w'; for i = 1:size(w,1), d(i,:) = sum((wt(:,i) - p).^2,1); end",
)

_KNOWN: tuple[Known, ...] = (
    _elementwise("tansig", "2 ./ (1 + exp(-2*n)) - 1", "tanh(n)"),
    _elementwise("logsig", "1 ./ (1 + exp(-n))"),
    _elementwise("purelin", "n"),
    _elementwise("poslin", "max(0,n)"),
    _elementwise("satlin", "max(0,min(1,n))", "min(1,max(0,n))"),
    _elementwise("satlins", "max(-1,min(1,n))", "min(1,max(-1,n))"),
    _elementwise("hardlim", "double(n >= 0)"),
    _elementwise("hardlims", "2*(n >= 0) - 1"),
    _elementwise("radbas", "exp(-n.*n)", "exp(-(n.^2))"),
    _elementwise("tribas", "max(0,1 - abs(n))"),
    _elementwise("elliotsig", "n ./ (1 + abs(n))"),
    Known(
        "transfer",
        "softmax",
        1,
        (),
        (
            "e = exp(n - max(n,[],1)); a = e ./ sum(e,1);",
            "e = exp(n - max(n,[],1)); d = sum(e,1); d(d == 0) = 1; a = e ./ d;",
        ),
    ),
    Known(
        "transfer",
        "compet",
        1,
        (),
        tuple(
            f"[~,row] = max(n,[],1); {body} {mask}" for body in _WINNERS for mask in ("", "a(:,any(isnan(n),1)) = nan;")
        ),
    ),
    Known("weight", "negdist", 2, (), tuple(f"{distance} a = -sqrt(d);" for distance in _DISTANCES)),
    Known("weight", "dist", 2, (), tuple(f"{distance} a = sqrt(d);" for distance in _DISTANCES)),
    Known("apply", "mapminmax", 1, ("xoffset", "gain", "ymin"), ("a = (n - xoffset) .* gain + ymin;",)),
    Known("reverse", "mapminmax", 1, ("xoffset", "gain", "ymin"), ("a = (n - ymin) ./ gain + xoffset;",)),
    Known(
        "apply",
        "mapstd",
        1,
        ("xmean", "xstd", "ymean", "ystd"),
        ("a = (n - xmean) .* (ystd ./ xstd) + ymean;", "a = ((n - xmean) ./ xstd) .* ystd + ymean;"),
    ),
    Known(
        "reverse",
        "mapstd",
        1,
        ("xmean", "xstd", "ymean", "ystd"),
        ("a = (n - ymean) .* (xstd ./ ystd) + xmean;", "a = ((n - ymean) ./ ystd) .* xstd + xmean;"),
    ),
    Known("apply", "removeconstantrows", 1, ("keep",), ("a = n(keep,:);",)),
    Known(
        "reverse",
        "removeconstantrows",
        1,
        ("xrows", "keep", "remove", "constants"),
        tuple(
            f"a = {start}(xrows,size(n,2)); {steps}"
            for start in ("nan", "zeros", "ones")
            for steps in (
                "a(keep,:) = n; a(remove,:) = repmat(constants,1,size(n,2));",
                "a(remove,:) = repmat(constants,1,size(n,2)); a(keep,:) = n;",
            )
        ),
    ),
)

_SHADOWED_WORDS = """
    abs any arrayfun bsxfun cat cell cell2mat double error exp full isa iscell isempty isfield isnan length max min
    minus mod nan NaN nargin num2cell numel ones plus power rdivide repmat reshape size sparse sqrt sum tanh times
    true false inf Inf pi zeros
"""
_SHADOWED = frozenset(_SHADOWED_WORDS.split())
"""MATLAB's own functions that generated files rely on; a file that defines one of them is not what it reads like."""


def builtin(text: str) -> bool:
    """Whether the name is one of MATLAB's functions that generated files rely on."""
    return text in _SHADOWED


class _UnknownError(Exception):
    """The body leaves what can be followed; the message says where and why."""

    def __init__(self, line: int, text: str, reason: str) -> None:
        super().__init__(f":{line}: {text}: {reason}")


class _Followed:
    """Substitution through functions; `skipped` collects the functions that only unjudged branches use."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions
        self.skipped: set[str] = set()
        self.nonempty: set[tuple[int, str]] = set()
        self.used: set[str] = set()
        self.steps = 0

    def results(self, function: Function, arguments: Sequence[Node], depth: int = 0) -> list[Node]:
        if depth > 8:
            raise _UnknownError(function.line, function.text, "module functions call each other too deep")
        if len(function.results) != 1:
            raise _UnknownError(function.line, function.text, "a module function has one result")
        if len(arguments) > len(function.parameters):
            raise _UnknownError(function.line, function.text, "it is called with more arguments than it has")
        start = {name: value for name, value in zip(function.parameters, arguments, strict=False) if name != "~"}
        paths = self._block(function.body, [start], depth)
        result = function.results[0]
        if any(result not in path for path in paths):
            raise _UnknownError(function.line, function.text, f"'{result}' is not set on every way through")
        return [path[result] for path in paths]

    def _block(self, body: Sequence[Statement], paths: list[dict[str, Node]], depth: int) -> list[dict[str, Node]]:
        for statement in body:
            self.steps += len(paths)
            if self.steps > MAX_STEPS:
                raise _UnknownError(statement.line, statement.text, "the module functions are too long")
            try:
                paths = [after for path in paths for after in self._statement(statement, path, depth)]
            except FormatError as error:
                raise _UnknownError(statement.line, statement.text, str(error)) from None
            if len(paths) > MAX_PATHS:
                raise _UnknownError(statement.line, statement.text, "the function has too many branches")
        return paths

    def _statement(self, statement: Statement, path: dict[str, Node], depth: int) -> list[dict[str, Node]]:
        if isinstance(statement, Assign):
            return self._assign(statement, path, depth)
        if isinstance(statement, If):
            return self._if(statement, path, depth)
        if isinstance(statement, For):
            return [self._for(statement, path)]
        raise _UnknownError(statement.line, statement.text, "a statement that sets nothing")

    def _if(self, statement: If, path: dict[str, Node], depth: int) -> list[dict[str, Node]]:
        after: list[dict[str, Node]] = []
        for condition, body in statement.branches:
            if condition is not None and self._never(substituted(condition, path)):
                self.skipped |= mentioned(body) & self.functions.keys()
                continue
            after += self._block(body, [dict(path)], depth)
            if condition is None or self._always(substituted(condition, path)):
                return after
        return [*after, path]

    def _never(self, condition: Node) -> bool:
        """Whether a condition holds only for arguments that are never asked for: on a GPU, or empty."""
        if condition.kind != "call" or condition.args[0].kind != "name":
            return False
        function, *arguments = condition.args
        if function.text == "isa":
            return len(arguments) == 2 and arguments[1].text in ("'gpuArray'", '"gpuArray"')
        if function.text != "isempty" or len(arguments) != 1:
            return False
        given = arguments[0].args[0] if arguments[0].kind == "field" else arguments[0]
        if given.kind != "arg":
            return False
        self.nonempty.add(_source(arguments[0]))
        return True

    def _always(self, condition: Node) -> bool:
        return condition.kind == "not" and self._never(condition.args[0])

    def _for(self, statement: For, path: dict[str, Node]) -> dict[str, Node]:
        body = statement.body
        if len(body) != 1 or not isinstance(body[0], Assign) or len(body[0].targets) != 1:
            raise _UnknownError(statement.line, statement.text, "no generated module function has such a loop")
        inner = {**path, statement.variable: Node("loopvar")}
        target = body[0].targets[0]
        if target is None or target.kind != "call" or target.args[0].text not in path:
            raise _UnknownError(statement.line, statement.text, "no generated module function has such a loop")
        values = substituted(statement.values, path)
        value = substituted(body[0].value, inner)
        indices = (substituted(index, inner) for index in target.args[1:])
        self._no_local_call(body[0], value)
        looped = Node("loop", "", (values, path[target.args[0].text], value, *indices))
        return {**path, statement.variable: Node("loopend"), target.args[0].text: looped}

    def _assign(self, statement: Assign, path: dict[str, Node], depth: int) -> list[dict[str, Node]]:
        if len(statement.targets) > 1:
            return [self._several(statement, path)]
        target = statement.targets[0]
        if target is None or target.kind not in ("name", "call"):
            raise _UnknownError(statement.line, statement.text, "no generated module function sets this")
        return [self._set(statement, target, path, value) for value in self._values(statement, path, depth)]

    def _set(self, statement: Assign, target: Node, path: dict[str, Node], value: Node) -> dict[str, Node]:
        if target.kind == "name":
            return {**path, target.text: value}
        base, *indices = target.args
        if base.kind != "name":
            raise _UnknownError(statement.line, statement.text, "no generated module function sets this")
        old = path.get(base.text, Node("unset"))
        return {**path, base.text: Node("set", "", (old, value, *(substituted(index, path) for index in indices)))}

    def _values(self, statement: Assign, path: dict[str, Node], depth: int) -> list[Node]:
        """The value, or one a path where a function of the file gives it."""
        node = statement.value
        called = self._local(node, path)
        if called is not None:
            arguments = [substituted(part, path) for part in node.args[1:]]
            return self.results(called, arguments, depth + 1)
        value = substituted(node, path)
        self._no_local_call(statement, value)
        return [value]

    def _local(self, node: Node, path: Mapping[str, Node]) -> Function | None:
        if node.kind != "call" or node.args[0].kind != "name" or node.args[0].text in path:
            return None
        function = self.functions.get(node.args[0].text)
        if function is not None:
            self.used.add(function.name)
        return function

    def _no_local_call(self, statement: Statement, value: Node) -> None:
        found = sorted(_names(value) & self.functions.keys())
        if found:
            raise _UnknownError(statement.line, statement.text, f"'{found[0]}' is used inside an expression")

    def _several(self, statement: Assign, path: dict[str, Node]) -> dict[str, Node]:
        value = substituted(statement.value, path)
        self._no_local_call(statement, value)
        sized = value.kind == "call" and value.args[0] == Node("name", "size") and len(value.args) == 2
        after = dict(path)
        for k, target in enumerate(statement.targets, start=1):
            if target is None:
                continue
            if target.kind != "name":
                raise _UnknownError(statement.line, statement.text, "no generated module function sets this")
            one = call("size", value.args[1], Node("number", f"{k}.0")) if sized else Node("nth", str(k), (value,))
            after[target.text] = one
        return after


def _names(node: Node) -> set[str]:
    found = {node.text} if node.kind in ("name", "handle") else set()
    for part in node.args:
        found |= _names(part)
    return found


def mentioned(body: Sequence[Statement]) -> set[str]:
    """All names that the statements use."""
    found: set[str] = set()
    for statement in walk(tuple(body)):
        if isinstance(statement, Assign | Bare):
            found |= _names(statement.value)
        if isinstance(statement, Assign):
            for target in statement.targets:
                found |= _names(target) if target is not None else set()
        if isinstance(statement, For):
            found |= _names(statement.values)
        if isinstance(statement, If):
            for condition, _ in statement.branches:
                found |= _names(condition) if condition is not None else set()
    return found


def _pattern_function(text: str, parameters: tuple[str, ...]) -> Function:
    tokens, _ = scan(f"function a = f({','.join(parameters)})\n{text}\nend\n")
    return Parser(text, tokens).functions()[0]


@dataclass(frozen=True)
class _Pattern:
    """A row of the table with its bodies in canonical form; in the skeletons all settings are alike."""

    known: Known
    forms: frozenset[Node]
    skeletons: frozenset[Node]


_ANY = Node("role", "any")


@cache
def _patterns() -> tuple[_Pattern, ...]:
    """The table in canonical form: arguments are numbered, settings are roles by their names."""
    table: list[_Pattern] = []
    for known in _KNOWN:
        names = (("n",) if known.arguments == 1 else ("w", "p")) + known.settings
        arguments = [Node("arg", str(k + 1)) for k in range(known.arguments)]
        roles = [Node("role", setting) for setting in known.settings]
        bodies = [
            result
            for body in known.bodies
            for result in _Followed({}).results(_pattern_function(body, names), [*arguments, *roles])
        ]
        alike = dict.fromkeys(roles, _ANY)
        skeletons = frozenset(canonical(replaced(body, alike)) for body in bodies)
        table.append(_Pattern(known, frozenset(map(canonical, bodies)), skeletons))
    return tuple(table)


def _leaves(node: Node, arguments: int) -> set[Node]:
    """The settings in an expression: parameters behind the arguments, or fields of them."""
    if node.kind == "field" and node.args[0].kind == "arg":
        return {node}
    if node.kind == "arg":
        return {node} if int(node.text) > arguments else set()
    return set().union(*(_leaves(part, arguments) for part in node.args))


def _match(results: list[Node], parameters: int, nonempty: frozenset[tuple[int, str]]) -> Judged | None:
    for pattern in _patterns():
        known = pattern.known
        leaves = sorted(set().union(*(_leaves(result, known.arguments) for result in results)), key=repr)
        alike = dict.fromkeys(leaves, _ANY)
        if len(leaves) != len(known.settings):
            continue
        if any(canonical(replaced(result, alike)) not in pattern.skeletons for result in results):
            continue
        # settings in alphabetical order are the usual case and come first
        for roles in permutations(sorted(known.settings)):
            renamed = {leaf: Node("role", role) for leaf, role in zip(leaves, roles, strict=True)}
            if all(canonical(replaced(result, renamed)) in pattern.forms for result in results):
                settings = {role: _source(leaf) for leaf, role in zip(leaves, roles, strict=True)}
                return Judged(known.kind, known.function, settings, parameters, nonempty)
    return None


def _source(leaf: Node) -> tuple[int, str]:
    if leaf.kind == "field":
        return int(leaf.args[0].text) - 1, leaf.text
    return int(leaf.text) - 1, ""


@dataclass(frozen=True)
class Modules:
    """The module functions that the main function calls, judged; ``unused`` are those that no calculation needs."""

    judged: Mapping[str, Judged]
    unused: tuple[Function, ...]


def judged(functions: Mapping[str, Function], called: set[str]) -> Modules:
    """All module functions that the main function calls, each judged by its body.

    Raises
    ------
    UnsupportedError
        A body is none of the known ones; the message begins with ``:LINE: STATEMENT:``.
    """
    for function in functions.values():
        if builtin(function.name):
            raise UnsupportedError(
                f":{function.line}: {function.text}: the file defines MATLAB's own function '{function.name}' anew"
            )
    followed = _Followed(functions)
    found = {name: _judge(followed, functions[name]) for name in sorted(called & functions.keys())}
    needed = called | followed.used | _reached(followed.skipped, functions)
    return Modules(found, tuple(function for function in functions.values() if function.name not in needed))


def _reached(start: set[str], functions: Mapping[str, Function]) -> set[str]:
    reached: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += mentioned(functions[name].body) & functions.keys()
    return reached


def _judge(followed: _Followed, function: Function) -> Judged:
    arguments = [Node("arg", str(k + 1)) for k in range(len(function.parameters))]
    try:
        followed.nonempty = set()
        results = followed.results(function, arguments)
        match = _match(results, len(function.parameters), frozenset(followed.nonempty))
    except _UnknownError as error:
        raise UnsupportedError(f"{error} (in '{function.name}', which is thus no known function)") from None
    except MatnetError as error:
        raise error.at(f":{function.line}: {function.text}: ") from None
    if match is None:
        known = ", ".join(sorted({row.function for row in _KNOWN}))
        first = function.body[0] if function.body else function
        raise UnsupportedError(
            f":{first.line}: {first.text}: the body of '{function.name}' is none of the known formulas ({known})"
        )
    return match
