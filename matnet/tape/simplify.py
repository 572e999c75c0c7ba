"""A tape with fewer passes over the data and the same meaning: constants folded into the constants beside them.

The tape is recorded again, node by node, and the operands of each node are examined:

- x·c W            becomes  x (c W): a factor is moved into the weights after it
- (x W + b)·c      becomes  x (W c) + b c: or into the weights before it, as when outputs are scaled back
- (x + b) + c      becomes  x + (b + c)
- ((x − o)·g + m) W  becomes  (x − (o − m/g)) (g W): mapminmax is one subtraction, see ``_Writer.centred``
- (s ⊙ W₂) W₁      becomes  s M, with M all products of an element of W₂ and one of W₁: the Jacobian of one hidden
  layer then needs only the slopes s and one product, see ``_Writer.combined``

A product of constants must be equivalent to its factors applied one after the other. If one overflows or comes near the
smallest numbers, nothing is folded: Inf · a · b may be Inf although a · b is 0, and Inf · 0 is NaN. No digit may be
lost either: an offset is subtracted from the data first, where the difference is exact or nearly so, and no large term
that would cancel again is moved into the bias. tests/tape/test_accuracy.py compares the errors with those of the plain
formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.tape.symbols import Node, Recorder, Symbol, Tape

_HALF_UNIT = 2.0**-54  # one unit in the last place of a number just below 1
_SMALLEST = 2.0**-1000  # below this, further products may be subnormal
_MOST_COMBINED = 1 << 16  # elements of a combined constant; a larger one does not stay in cache


def simplified(tape: Tape) -> Tape:
    """The tape with constants folded into each other wherever that saves a pass over the rows.

    If a product of constants overflows, it is not folded: infinity times a slope of 0 would be NaN.
    """
    writer = _Writer()
    symbols: list[Symbol] = []
    with np.errstate(all="ignore"):
        for node in tape.nodes:
            symbols.append(writer.rewritten(node, [symbols[operand] for operand in node.operands]))
    writer.tape.finish([symbols[output] for output in tape.outputs])
    return tape if _finite(tape) and not _finite(writer.tape) else writer.tape


def _finite(tape: Tape) -> bool:
    return all(bool(np.isfinite(node.value).all()) for node in tape.nodes if node.value is not None)


def _rest(offset: NDArray[Any], base: NDArray[Any], gain: NDArray[Any], centre: NDArray[Any]) -> NDArray[Any]:
    """(centre − offset)·gain + base, exact: 0 except for the rounding of the centre."""
    elements = zip(*(part.tolist() for part in np.broadcast_arrays(offset, base, gain, centre)), strict=True)
    return np.array([_exact_sum((c, g), (-o, g), (b, 1.0)) for o, b, g, c in elements])


def _exact_sum(*products: tuple[float, float]) -> float:
    """The sum of products, rounded once: Python divides integers exactly. (Importing fractions takes 1 ms.)"""
    total, common = 0, 1
    for one, other in products:
        (top, bottom), (top2, bottom2) = one.as_integer_ratio(), other.as_integer_ratio()
        total, common = total * bottom * bottom2 + top * top2 * common, common * bottom * bottom2
    return total / common


def _product(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any] | None:
    """one · other; None if a product overflows, or loses digits because it is near the smallest numbers."""
    product = one * other
    lost = (np.abs(product) < _SMALLEST) & (one != 0.0) & (other != 0.0)
    return None if lost.any() or (np.isinf(product) & np.isfinite(one) & np.isfinite(other)).any() else product


class _Writer:
    """Records a tape again, each operation in its shortest known form."""

    def __init__(self) -> None:
        self.tape = Tape()
        self.xp = Recorder(self.tape)

    def rewritten(self, node: Node, operands: list[Symbol]) -> Symbol:
        """The node's operation on symbols of the new tape."""
        if node.operation == "input":
            return self.tape.input(*node.row)
        if node.value is not None:
            return self.tape.constant(node.value)
        if node.operation == "matmul":
            return self.product(*operands)
        if node.operation in ("add", "subtract", "multiply", "divide"):
            first, second = operands
            if node.operation in ("add", "multiply") and first.value is not None:
                first, second = second, first
            folded = None if second.value is None else self.folded(node.operation, first, second.value, node)
            if folded is not None:
                return folded
        return self.tape.record(node.operation, operands, node.shape, node.kind, *node.attributes)

    def folded(self, operation: str, x: Symbol, value: NDArray[Any], node: Node) -> Symbol | None:
        """x and a constant under an arithmetic operation, if the constant can be folded into x; else None."""
        if operation in ("add", "subtract"):
            known = self.split(x, "add")
            if known is None:
                return None
            total = known[1] + value if operation == "add" else known[1] - value
            return self.sum(known[0], total) if self.keeps(known[0], total, node) else None
        factor = value if operation == "multiply" else 1.0 / value
        return self.scaled(x, factor) if np.isfinite(factor).all() and self.keeps(x, factor, node) else None

    def keeps(self, x: Symbol, value: NDArray[Any], node: Node) -> bool:
        """Whether x combined with the value alone has the node's shape, so that no broadcast is lost."""
        return x.shape == node.shape and value.ndim < len(node.shape)

    def split(self, x: Symbol, operation: str) -> tuple[Symbol, NDArray[Any]] | None:
        """The varying and the constant operand of x, if x is that operation on two such operands."""
        node = self.tape.nodes[x.number]
        if node.operation != operation:
            return None
        first, second = (Symbol(self.tape, operand) for operand in node.operands)
        if first.value is not None and operation in ("add", "multiply"):
            first, second = second, first
        if second.value is None or second.value.ndim >= len(node.shape):
            return None
        return first, second.value

    def sum(self, x: Symbol, value: NDArray[Any]) -> Symbol:
        """x + value."""
        return self.xp.elementwise("add", x, value)

    def scaled(self, x: Symbol, factor: NDArray[Any]) -> Symbol | None:
        """x times a constant that is broadcast to it, if it can be folded into a constant in x; else None."""
        added = self.split(x, "add")
        if added is not None:
            inner = self.scaled(added[0], factor)
            return None if inner is None else self.sum(inner, added[1] * factor)
        node = self.tape.nodes[x.number]
        if node.operation == "reshape" and self.tape.nodes[node.operand].operation == "matmul":
            inside = Symbol(self.tape, node.operand)
            flat = np.broadcast_to(factor, node.row).ravel()
            inner = self.scaled(inside, flat) if inside.shape[-1] == len(flat) else None
            return None if inner is None else self.xp.reshape(inner, node.shape)
        if node.operation != "matmul":
            return None
        left, right = (Symbol(self.tape, operand) for operand in node.operands)
        if right.value is None or right.value.ndim != 2 or any(size != 1 for size in factor.shape[:-1]):
            return None
        scaled = _product(right.value, factor.ravel())
        return None if scaled is None else self.xp.matmul(left, self.tape.constant(scaled))

    def product(self, a: Symbol, b: Symbol) -> Symbol:
        """a b, with the scale of a folded into b if b is constant."""
        if b.value is None or b.value.ndim != 2:
            return self.xp.matmul(a, b)
        weights = b.value
        base = self.split(a, "add")
        scale = self.split(base[0] if base else a, "multiply")
        if scale is not None and scale[1].ndim == 1 and scale[1].shape[0] in (1, len(weights)):
            scaled = _product(weights, scale[1][:, None])
            centred = (scale[0], None) if base is None else self.centred(scale[0], base[1], scale[1])
            if scaled is not None and centred is not None:
                x, rest = centred
                product = self.xp.matmul(x, self.tape.constant(scaled))
                return product if rest is None else self.sum(product, np.broadcast_to(rest, len(weights)) @ weights)
        combined = self.combined(a, weights)
        return self.sloped(a, weights) if combined is None else combined

    def centred(self, x: Symbol, base: NDArray[Any], gain: NDArray[Any]) -> tuple[Symbol, NDArray[Any] | None] | None:
        """u and a constant r with u·gain + r = x·gain + base; None if base/gain or the centre is not a normal number.

        u is x + base/gain; for x = source − offset it is source − (offset − base/gain), and r is the rounding error of
        that difference: a few units in the last place, or None for 0. Adding r times the weights to the next bias is
        harmless. Adding the whole base times the weights is not: with large weights, as in saturated layers, both are
        large and cancel, and the result loses the digits that their sum loses.
        """
        shift = base / gain
        if base.ndim > 1 or not np.isfinite(shift).all() or ((shift == 0.0) & (base != 0.0)).any():
            return None
        node = self.tape.nodes[x.number]
        if node.operation == "subtract":
            source, offset = (Symbol(self.tape, operand) for operand in node.operands)
            if offset.value is not None and offset.value.ndim == 1:
                centre = offset.value - shift
                if not np.isfinite(centre).all():
                    return None
                rest = _rest(offset.value, base, gain, centre)
                kept = np.abs(rest).max(initial=0.0) > _HALF_UNIT
                return self.xp.elementwise("subtract", source, centre), rest if kept else None
        return self.sum(x, shift), None

    def sloped(self, a: Symbol, weights: NDArray[Any]) -> Symbol:
        """a weights, with a number that scales the slope in a = s ⊙ u folded into the weights."""
        node = self.tape.nodes[a.number]
        if node.operation == "multiply":
            slope, adjoint = (Symbol(self.tape, operand) for operand in node.operands)
            source = self.without_axis(slope)
            core, factor = (slope, 1.0) if source is None else self.unscaled(source)
            scaled = _product(weights, np.asarray(factor))
            if factor != 1.0 and scaled is not None:
                a, weights = self.xp.elementwise("multiply", core[..., None, :], adjoint), scaled
        return self.xp.matmul(a, self.tape.constant(weights))

    def combined(self, a: Symbol, inner: NDArray[Any]) -> Symbol | None:
        """(s ⊙ outer) inner for s (N, H), outer (S, H) and inner (H, R): s times one matrix (H, S R); else None."""
        scale = self.split(a, "multiply")
        if scale is None or a.ndim != 3:
            return None
        source = self.without_axis(scale[0])
        outer = scale[1]
        if source is None or outer.shape != a.shape[1:] or outer.size * inner.shape[1] > _MOST_COMBINED:
            return None
        core, factor = self.unscaled(source)
        scaled = _product(np.asarray(factor), outer.T[:, :, None])
        matrix = None if scaled is None else _product(scaled, inner[:, None, :])
        if matrix is None:
            return None
        product = self.xp.matmul(core, self.tape.constant(matrix.reshape(len(inner), -1)))
        return self.xp.reshape(product, (None, outer.shape[0], inner.shape[1]))

    def without_axis(self, x: Symbol) -> Symbol | None:
        """s (N, H), if x is s with an inserted axis of length 1; else None."""
        node = self.tape.nodes[x.number]
        if node.operation != "index" or len(node.shape) != 3 or node.attributes[0][1] is not None:
            return None
        source = Symbol(self.tape, node.operand)
        return source if source.ndim == 2 and node.shape[2] == source.shape[1] else None

    def unscaled(self, x: Symbol) -> tuple[Symbol, float]:
        """x as a symbol and a number to multiply it by."""
        node = self.tape.nodes[x.number]
        known = self.split(x, "multiply")
        if known is not None and known[1].ndim == 0:
            return known[0], float(known[1])
        if node.operation == "divide":
            above, below = (Symbol(self.tape, operand) for operand in node.operands)
            core, factor = self.unscaled(above)
            if factor != 1.0:
                return self.xp.elementwise("divide", core, below), factor
        return x, 1.0
