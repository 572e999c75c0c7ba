"""The mutants of a module: each changes one operator or constant of it. scripts/fuzz/mutate.py tries them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True)
class Mutant:
    """A change of one expression: where it is, and the source lines before and after.

    `lines` are those of the statement, or of the head of a compound one: a test that reaches one of them reaches the
    change. `function` is the outermost function around it and its first line, None for what runs on import; `body` are
    the lines of its statements.
    """

    file: Path
    line: int
    lines: tuple[int, int]
    start: int
    end: int
    new: str
    old_text: str
    new_text: str
    function: tuple[str, int] | None
    body: tuple[int, int]

    def source(self, data: bytes) -> bytes:
        """The module with the change."""
        return data[: self.start] + f"({self.new})".encode() + data[self.end :]

    def __str__(self) -> str:
        return f"{self.file}\n- {self.old_text}\n+ {self.new_text}"


@dataclass(frozen=True)
class _Place:
    """What is around an expression."""

    lines: tuple[int, int]
    function: tuple[str, int] | None
    body: tuple[int, int]
    names: tuple[str, ...] = ()


def mutants(file: Path) -> Iterator[Mutant]:
    """Every change of a module that is tried.

    Annotations, decorators and texts are left as they are, and so is the ``strict`` of a zip: it asserts what is true.
    """
    data = (PROJECT / file).read_bytes()
    text = data.decode().split("\n")
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, place in _expressions(ast.parse(data), _Place((1, 1), None, (1, 1))):
        last = node.end_lineno or node.lineno
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[last - 1] + (node.end_col_offset or 0)
        first, behind = starts[node.lineno - 1], starts[last]
        old_text = " ".join(" ".join(text[node.lineno - 1 : last]).split())
        for new in _changes(node):
            written = ast.unparse(new)
            changed = (data[first:start] + f"({written})".encode() + data[end:behind]).decode()
            new_text = " ".join(changed.split())
            yield Mutant(
                file, node.lineno, place.lines, start, end, written, old_text, new_text, place.function, place.body
            )


def _expressions(node: ast.AST, place: _Place) -> Iterator[tuple[ast.expr, _Place]]:
    """The expressions of a module that are computed, each before its parts."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg == "strict"):
        return
    if isinstance(node, ast.expr):
        yield node, place
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (name == "bases" and isinstance(node, ast.ClassDef)):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _expressions(child, _inside(node, name, child, place))


def _inside(node: ast.AST, field: str, child: ast.AST, place: _Place) -> _Place:
    lines, function, body, names = place.lines, place.function, place.body, place.names
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and field == "body":
        names = (*names, node.name)
        if not isinstance(node, ast.ClassDef) and function is None:
            function = (".".join(names), min([node.lineno, *(entry.lineno for entry in node.decorator_list)]))
            body = (node.body[0].lineno, node.end_lineno or node.lineno)
    compound = isinstance(node, ast.stmt) and hasattr(node, "body")
    if isinstance(child, ast.stmt) or (isinstance(child, ast.expr) and compound):
        lines = (child.lineno, child.end_lineno or child.lineno)
    return _Place(lines, function, body, names)


def _changes(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARED[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[place] = other()
                yield changed
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int | float):
            yield ast.Constant(node.value + 1)
            yield ast.Constant(node.value - 1)
