"""Expressions in one canonical form, so that equal formulas compare equal however they are written.

``bsxfun(@minus,a,b)``, ``minus(a,b)`` and ``a - b`` are one sum; sums and products are flat and sorted; a number times
a matrix is an element-wise product; ``x.^2`` is ``x.*x``. Nothing is multiplied out: what rounds differently by more
than the order of a sum stays different.
"""

from __future__ import annotations

from collections.abc import Mapping

from matnet.importers.genfunction.syntax import Tree, matched

_OPERATORS = {"plus": "+", "minus": "-", "times": ".*", "rdivide": "./", "power": ".^", "mtimes": "*"}
_CONSTANTS: Mapping[Tree, Tree] = {
    ("name", spelling): ("num", spelling.lower()) for spelling in ("nan", "NaN", "Inf", "inf")
}
_SIGNS = frozenset({*_OPERATORS.values(), "/", "^", "<", "<=", ">", ">=", "==", "~=", "&", "|"})
_MINUS_ONE = ("num", "-1.0")
_ALLOCATIONS = ("nan", "NaN", "zeros", "ones")


def replaced(tree: Tree, values: Mapping[Tree, Tree]) -> Tree:
    """The expression with parts replaced; the name of a called function is none of them, unless it is a variable."""
    if tree in values:
        return values[tree]
    return tuple(replaced(part, values) if isinstance(part, tuple) else part for part in tree)


def canonical(tree: Tree) -> Tree:
    """The canonical form."""
    kind = tree[0]
    called = tree[1] if kind == "()" and tree[1][0] == "name" else None
    tree = tuple(canonical(part) if isinstance(part, tuple) and part is not called else part for part in tree)
    if kind == "name":
        return _CONSTANTS.get(tree, tree)
    if kind == "matrix":
        return kind, " ".join(tree[1].split())
    if kind == "neg":
        return _negated(tree[1])
    if kind == "()":
        return _called(*tree[1:])
    return _operated(*tree) if kind in _SIGNS else tree


def _operated(sign: str, a: Tree, b: Tree) -> Tree:
    """An operator between two canonical parts."""
    scalar = _is_scalar(a), _is_scalar(b)
    if (sign == "*" and any(scalar)) or (sign == "/" and scalar[1]) or (sign == "^" and all(scalar)):
        sign = f".{sign}"
    if sign in ("+", "-"):
        return _sum(a, _negated(b) if sign == "-" else b)
    if sign == ".*":
        return _product(a, b)
    if sign == ".^" and b == ("num", "2.0"):
        return _product(*[min(a, _negated(a), key=repr)] * 2)
    if sign in (">", ">="):
        return sign.replace(">", "<"), b, a
    if sign in ("==", "~="):
        return sign, *sorted((a, b), key=repr)
    return sign, a, b


def _is_scalar(tree: Tree) -> bool:
    """A number, or the length of one dimension."""
    if tree[0] in ("sum", "product", "neg"):
        return all(map(_is_scalar, tree[1:]))
    return tree[0] == "num" or (tree[:2] == ("()", ("name", "size")) and len(tree) == 4)


def _negated(tree: Tree) -> Tree:
    if tree[0] == "neg":
        return tree[1]  # type: ignore[no-any-return]
    if tree[0] == "num":
        return "num", str(-float(tree[1]))
    if tree[0] == "sum":
        return _sum(*map(_negated, tree[1:]))
    if tree[0] == "product" and tree[1][0] == "num":
        return _product(_negated(tree[1]), *tree[2:])
    return "neg", tree


def _sum(*parts: Tree) -> Tree:
    flat = [term for part in parts for term in (part[1:] if part[0] == "sum" else (part,))]
    return "sum", *sorted(flat, key=repr)


def _product(*parts: Tree) -> Tree:
    flat = [factor for part in parts for factor in (part[1:] if part[0] == "product" else (part,))]
    negative = sum(factor[0] == "neg" for factor in flat) % 2 == 1
    flat = [factor[1] if factor[0] == "neg" else factor for factor in flat]
    if _MINUS_ONE in flat:
        flat.remove(_MINUS_ONE)
        negative = not negative
    numbers = [factor for factor in flat if factor[0] == "num"]
    ordered = [*numbers, *sorted((factor for factor in flat if factor[0] != "num"), key=repr)]
    product = ordered[0] if len(ordered) == 1 else ("product", *ordered)
    return _negated(product) if negative else product


def _called(base: Tree, *args: Tree) -> Tree:
    tree = ("()", base, *args)
    if base[0] != "name":
        return _indexed(base, *args)
    function = base[1]
    if function == "bsxfun" and len(args) == 3 and args[0][0] == "@":
        return _operated(_OPERATORS[args[0][1]], *args[1:]) if args[0][1] in _OPERATORS else tree
    if function in _OPERATORS and len(args) == 2:
        return _operated(_OPERATORS[function], *args)
    if function in ("max", "min") and len(args) == 2:
        return "()", base, *sorted(args, key=repr)
    if function in _ALLOCATIONS:
        return "()", ("name", function.lower()), *(args[:2] if args[2:3] == (("str", "'like'"),) else args)
    return args[0] if function == "double" and len(args) == 1 else tree


def _indexed(base: Tree, *indices: Tree) -> Tree:
    """``v(:,ones(1,k))`` repeats a column; ``v(i + zeros(1,k),:)`` a row in a loop over i, as ``v(i,:)`` does there."""
    tree = ("()", base, *indices)
    columns = matched("?v(:,ones(1,?k))", tree)
    if columns is not None:
        return "()", ("name", "repmat"), base, ("num", "1.0"), columns["k"]
    return "()", base, *(_unrepeated(index) for index in indices)


def _unrepeated(index: Tree) -> Tree:
    if index[0] == "sum" and len(index) == 3 and ("loop variable",) in index:
        other = index[1] if index[2] == ("loop variable",) else index[2]
        if matched("zeros(1,?k)", other) is not None:
            return ("loop variable",)
    return index
