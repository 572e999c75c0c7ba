"""Expressions in one canonical form, so that equal formulas compare equal however they are written.

``bsxfun(@minus,a,b)``, ``minus(a,b)`` and ``a - b`` are one sum; sums and products are flat and sorted; a number times
a matrix is an element-wise product; ``x.^2`` is ``x.*x``. Nothing is multiplied out: what rounds differently by more
than the order of a sum stays different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matnet.importers.genfunction.nodes import Node, call

_OPERATORS = {"plus": "+", "minus": "-", "times": ".*", "rdivide": "./", "power": ".^", "mtimes": "*"}
_CONSTANTS = {
    "nan": Node("number", "nan"),
    "NaN": Node("number", "nan"),
    "Inf": Node("number", "inf"),
    "inf": Node("number", "inf"),
}
_ONE = Node("number", "1.0")


def key(node: Node) -> str:
    """A text by which the parts of sums and products are sorted."""
    return f"{node.kind} {node.text} ({' '.join(key(part) for part in node.args)})"


def substituted(node: Node, values: Mapping[str, Node]) -> Node:
    """The expression with names replaced by their values."""
    if node.kind == "name":
        return values.get(node.text, node)
    if not node.args:
        return node
    return Node(node.kind, node.text, tuple(substituted(part, values) for part in node.args))


def replaced(node: Node, old_to_new: Mapping[Node, Node]) -> Node:
    """The expression with whole parts replaced."""
    if node in old_to_new:
        return old_to_new[node]
    if not node.args:
        return node
    return Node(node.kind, node.text, tuple(replaced(part, old_to_new) for part in node.args))


def canonical(node: Node) -> Node:
    """The canonical form."""
    called = node.kind == "call" and node.args[0].kind == "name"
    parts = (node.args[0] if called and k == 0 else canonical(part) for k, part in enumerate(node.args))
    node = Node(node.kind, node.text, tuple(parts))
    if node.kind == "name":
        return _CONSTANTS.get(node.text, node)
    if node.kind == "matrix":
        return Node("matrix", " ".join(node.text.split()))
    rule = _RULES.get(node.kind)
    return rule(node) if rule else node


def _operation(node: Node) -> Node:
    a, b = node.args
    operator = node.text
    if operator == "*" and (_scalar(a) or _scalar(b)):
        operator = ".*"
    if operator == "/" and _scalar(b):
        operator = "./"
    if operator == "^" and _scalar(a) and _scalar(b):
        operator = ".^"
    if operator == "+":
        return _sum([a, b])
    if operator == "-":
        return _sum([a, _negated(b)])
    if operator == ".*":
        return _product([a, b])
    if operator == ".^" and b == Node("number", "2.0"):
        return _square(a)
    if operator in (">", ">="):
        return Node("op", {">": "<", ">=": "<="}[operator], (b, a))
    if operator in ("==", "~="):
        return Node("op", operator, tuple(sorted((a, b), key=key)))
    return Node("op", operator, (a, b))


def _scalar(node: Node) -> bool:
    """A number, or the length of one dimension."""
    if node.kind in ("sum", "product", "neg"):
        return all(_scalar(part) for part in node.args)
    sized = node.kind == "call" and node.args[0] == Node("name", "size") and len(node.args) == 3
    return sized or node.kind == "number"


def _negated(node: Node) -> Node:
    if node.kind == "neg":
        return node.args[0]
    if node.kind == "number":
        return Node("number", str(-float(node.text)))
    if node.kind == "sum":
        return _sum([_negated(part) for part in node.args])
    if node.kind == "product" and node.args[0].kind == "number":
        return _product([_negated(node.args[0]), *node.args[1:]])
    return Node("neg", "", (node,))


def _sum(parts: list[Node]) -> Node:
    flat = [term for part in parts for term in (part.args if part.kind == "sum" else (part,))]
    return Node("sum", "", tuple(sorted(flat, key=key)))


def _product(parts: list[Node]) -> Node:
    flat = [factor for part in parts for factor in (part.args if part.kind == "product" else (part,))]
    negative = sum(factor.kind == "neg" for factor in flat) % 2 == 1
    flat = [factor.args[0] if factor.kind == "neg" else factor for factor in flat]
    if Node("number", "-1.0") in flat:
        flat.remove(Node("number", "-1.0"))
        negative = not negative
    numbers = [factor for factor in flat if factor.kind == "number"]
    rest = sorted((factor for factor in flat if factor.kind != "number"), key=key)
    ordered = [*numbers, *rest]
    product = ordered[0] if len(ordered) == 1 else Node("product", "", tuple(ordered))
    return _negated(product) if negative else product


def _square(base: Node) -> Node:
    other = _negated(base)
    base = min(base, other, key=key)
    return Node("product", "", (base, base))


def _call(node: Node) -> Node:
    base, *args = node.args
    if base.kind != "name":
        return node
    if base.text == "bsxfun" and len(args) == 3 and args[0].kind == "handle":
        if args[0].text in _OPERATORS:
            return _operation(Node("op", _OPERATORS[args[0].text], (args[1], args[2])))
        return node
    if base.text in _OPERATORS and len(args) == 2:
        return _operation(Node("op", _OPERATORS[base.text], (args[0], args[1])))
    if base.text in ("max", "min") and len(args) == 2:
        return Node("call", "", (base, *sorted(args, key=key)))
    if base.text in ("nan", "NaN", "zeros", "ones"):
        return _allocation(base.text.lower(), args)
    if base.text == "double" and len(args) == 1:
        return args[0]
    return node


def _allocation(kind: str, args: list[Node]) -> Node:
    """zeros(S,Q), also with 'like'; a number serves all elements, so ``1 + zeros(1,Q)`` needs no other rule."""
    if len(args) == 4 and args[2] == Node("string", "'like'"):
        args = args[:2]
    return call(kind, *args)


def _index(node: Node) -> Node:
    """``v(i + zeros(1,k),:)`` and ``v(:,ones(1,k))`` repeat a row or a column."""
    base, *indices = node.args
    if base.kind == "name" or len(indices) != 2:
        return node
    row, column = indices
    if row.kind == "colon" and column.kind == "call" and column.args[0].text == "ones" and column.args[1] == _ONE:
        return call("repmat", base, _ONE, column.args[2])
    return Node("call", "", (base, *(_unrepeated(index) for index in indices)))


def _unrepeated(index: Node) -> Node:
    if index.kind == "sum" and len(index.args) == 2:
        for one, other in (index.args, index.args[::-1]):
            if one.kind == "loopvar" and other.kind == "call" and other.args[:2] == (Node("name", "zeros"), _ONE):
                return one
    return index


_RULES: Mapping[str, Callable[[Node], Node]] = {
    "op": _operation,
    "neg": lambda node: _negated(node.args[0]),
    "call": lambda node: _call(node) if node.args[0].kind == "name" else _index(node),
}
