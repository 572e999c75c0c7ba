"""Pyomo: a network in a block of an optimization model, as expressions or as an external grey box.

Expressions are one sample of the tape written in Pyomo's variables, element by element. A condition of the tape becomes
an ``Expr_if``; where it does not depend on the variables, which are never NaN or infinite, it is decided at once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.contrib.pynumero.interfaces.external_grey_box import ExternalGreyBoxBlock, ExternalGreyBoxModel
from pyomo.core.base.block import BlockData
from scipy.sparse import coo_matrix

from matnet.errors import UnsupportedError
from matnet.exporters.frameworks.requirements import recorded
from matnet.exporters.recording import Function, elements
from matnet.functions.namespace import FloatArray
from matnet.model.ranges import middle
from matnet.network import Network
from matnet.tape.symbols import ELEMENTWISE, Node, compute

Element: TypeAlias = Any
"""One element of an array: a number, an expression of Pyomo's, or a condition."""

MOST_TERMS = 1_000_000
"""The most terms of a network as expressions: each takes about a kilobyte in a model."""

_COMPONENTS = ("inputs", "outputs", "steps", "step_equations", "equations")
_NUMBERS = (int, float)
_LOGIC = ("logical_and", "logical_or", "logical_not")
_COMPARISONS = ("less", "less_equal", "equal")


@dataclass(frozen=True)
class _Condition:
    """A condition on expressions, by the choice that it makes between two values."""

    select: Callable[[Element, Element], Element]


def _compared(relation: Callable[[Element, Element], Element]) -> Callable[[Element, Element], Element]:
    def condition(a: Element, b: Element) -> _Condition:
        return _Condition(lambda x, y: pyo.Expr_if(IF=relation(a, b), THEN=x, ELSE=y))

    return condition


def _all_of(p: Element, q: Element) -> _Condition:
    return _Condition(lambda x, y: _chosen(p, _chosen(q, x, y), y))


def _any_of(p: Element, q: Element) -> _Condition:
    return _Condition(lambda x, y: _chosen(p, x, _chosen(q, x, y)))


def _chosen(condition: Element, x: Element, y: Element) -> Element:
    """x where the condition holds, else y; a condition may be decided already."""
    if not isinstance(condition, _Condition):
        return x if condition else y
    return x if x is y else condition.select(x, y)


_OPERATIONS: dict[str, Callable[..., Element]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "abs": abs,
    "sign": lambda a: pyo.Expr_if(IF=a > 0.0, THEN=1.0, ELSE=pyo.Expr_if(IF=a < 0.0, THEN=-1.0, ELSE=0.0)),
    "exp": pyo.exp,
    "tanh": pyo.tanh,
    "sqrt": pyo.sqrt,
    "less": _compared(lambda a, b: a < b),
    "less_equal": _compared(lambda a, b: a <= b),
    "equal": _compared(lambda a, b: a == b),
    "logical_and": _all_of,
    "logical_or": _any_of,
    "logical_not": lambda p: _Condition(lambda x, y: _chosen(p, y, x)),
    "where": _chosen,
}
"""What each elementwise operation of a tape is in Pyomo."""


class _Writer:
    """A tape written in expressions of a block's inputs.

    What is used more than once becomes a variable ``block.steps[k]`` with an equation of its own: Pyomo would go
    through a shared expression again at every use. These variables begin at their values for the inputs `at`.
    """

    def __init__(self, function: Function, block: Any, at: FloatArray) -> None:
        self.nodes, self.block = function.tape.nodes, block
        self.values: list[NDArray[Any]] = []
        self.numbers: list[NDArray[Any]] = []
        shared = _shared(function)
        for number, node in enumerate(self.nodes):
            if node.operation == "input":
                value, numbers = _objects(list(block.inputs.values()))[None], at[None]
            elif node.value is not None:
                value, numbers = node.value.astype(object), node.value
            else:
                value, numbers = self._value(node), self._number(node)
            if number in shared:
                value = _each(self._step, value, numbers)
            self.values.append(value)
            self.numbers.append(numbers)
        (output,) = function.tape.outputs
        self.results = list(self.values[output].ravel())

    def _number(self, node: Node) -> NDArray[Any]:
        """The node's value for the inputs `at`."""
        with np.errstate(all="ignore"):
            operands = [self.numbers[operand] for operand in node.operands]
            return np.asarray(compute(node.operation, operands, node.attributes, _shape(node)))

    def _value(self, node: Node) -> NDArray[Any]:
        operands = [self.values[operand] for operand in node.operands]
        if node.operation in ELEMENTWISE:
            return _each(lambda *elements: _element(node.operation, elements), *operands)
        if node.operation == "matmul":
            left, right = operands
            products = _each(_product, left[..., :, :, None], right[..., None, :, :])
            return _reduced(_sum, [products], -2, False)
        if node.operation in self._reductions:
            (operand,) = operands
            arrays = [operand, self.numbers[node.operand]]
            return _reduced(self._reductions[node.operation], arrays, *node.attributes)
        if node.operation == "take":
            positions: NDArray[Any] | None = self.nodes[node.operands[1]].value
            assert positions is not None, "a take at positions that are not constant"
            operands[1] = positions
        return np.asarray(compute(node.operation, operands, node.attributes, _shape(node)), dtype=object)

    @property
    def _reductions(self) -> dict[str, Callable[[list[Element], list[float]], Element]]:
        return {
            "sum": lambda row, numbers: _sum(row),
            "max": self._largest,
            "min": lambda row, numbers: -self._largest([-element for element in row], [-n for n in numbers]),
            "argmax": self._position,
        }

    def _largest(self, row: list[Element], numbers: list[float]) -> Element:
        """The largest element, by max(a, b) = (a + b + |a - b|) / 2, which solvers know better than a condition."""
        # the padding of a pooling layer is −Inf, which is never the largest
        kept = [k for k, element in enumerate(row) if not (isinstance(element, _NUMBERS) and element == -math.inf)]
        if not kept:
            return -math.inf
        _check_finite(row[k] for k in kept)
        best = row[kept[0]]
        for place, k in enumerate(kept[1:], start=2):
            so_far = max(numbers[earlier] for earlier in kept[:place])
            best = self._step(0.5 * (best + row[k] + abs(best - row[k])), so_far)
        return best

    def _position(self, row: list[Element], numbers: list[float]) -> Element:
        """The position of the first largest element."""
        best, position = row[0], 0
        for k, element in enumerate(row[1:], start=1):
            better, so_far = _element("less", (best, element)), numbers[: k + 1]
            best = self._step(_chosen(better, element, best), max(so_far))
            position = self._step(_chosen(better, k, position), so_far.index(max(so_far)))
        return position

    def _step(self, element: Element, number: float) -> Element:
        """The element as a variable of its own, unless it is a number, a variable or a condition."""
        if not hasattr(element, "is_expression_type") or not element.is_expression_type():
            return element
        k, steps, equations = len(self.block.steps), self.block.steps, self.block.step_equations
        steps.add(k)
        if math.isfinite(number):
            steps[k].set_value(float(number))
        equations.add(k, steps[k] == element)
        return steps[k]


def _shape(node: Node) -> tuple[int, ...]:
    """The shape for one sample."""
    return tuple(1 if size is None else size for size in node.shape)


def _shared(function: Function) -> set[int]:
    """The nodes whose elements are used more than once: they would be repeated in every expression."""
    nodes = function.tape.nodes
    uses: Counter[int] = Counter(function.tape.outputs)
    for node in nodes:
        for place, operand in enumerate(node.operands):
            source = nodes[operand].shape
            if node.operation == "matmul":
                several = node.shape[-1 if place == 0 else -2] != 1
            elif node.operation in ELEMENTWISE:
                several = source != node.shape or node.kind == "bool" or node.operation == "where"
            else:
                several = node.operation in ("max", "min", "argmax", "take", "broadcast")
            uses[operand] += 2 if several else 1
    return {number for number, count in uses.items() if count > 1}


def _objects(elements: Sequence[Element]) -> NDArray[Any]:
    """A vector of elements, which NumPy would otherwise look into."""
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array


def _each(operation: Callable[..., Element], *arrays: NDArray[Any]) -> NDArray[Any]:
    """An operation element by element, with broadcasting."""
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    flat = [np.broadcast_to(array, shape).ravel() for array in arrays]
    return _objects([operation(*elements) for elements in zip(*flat, strict=True)]).reshape(shape)


def _reduced(reduction: Callable[..., Element], arrays: Sequence[NDArray[Any]], axis: int, kept: bool) -> NDArray[Any]:
    """A reduction of the rows along an axis, which it gets as lists, one of each array."""
    moved = [np.moveaxis(array, axis, -1) for array in arrays]
    lead = moved[0].shape[:-1]
    rows = [array.reshape(math.prod(lead), array.shape[-1]).tolist() for array in moved]
    result = _objects([reduction(*parts) for parts in zip(*rows, strict=True)]).reshape(lead)
    return np.expand_dims(result, axis) if kept else result


def _element(operation: str, elements: Sequence[Element]) -> Element:
    """An elementwise operation; on numbers it is computed, and a comparison that is clear is decided."""
    if operation in _LOGIC:
        return _logic(operation, elements)
    if operation == "multiply":
        return _product(*elements)
    if all(isinstance(element, _NUMBERS) for element in elements):
        with np.errstate(all="ignore"):
            return ELEMENTWISE[operation](*elements).item()
    if operation in _COMPARISONS:
        known = _decided(operation, *elements)
        return _OPERATIONS[operation](*elements) if known is None else known
    if operation != "where":
        _check_finite(elements)
    return _OPERATIONS[operation](*elements)


def _decided(operation: str, a: Element, b: Element) -> bool | None:
    """The truth of a comparison that does not depend on the variables' values, which are finite numbers; else None."""
    if a is b:
        return operation != "less"
    for number, sign in ((a, -1.0), (b, 1.0)):
        if isinstance(number, _NUMBERS) and not math.isfinite(number):
            return operation != "equal" and sign * number > 0.0
    return None


def _logic(operation: str, elements: Sequence[Element]) -> Element:
    """And, or, not: of conditions, some of which are decided already."""
    open_ones = [element for element in elements if isinstance(element, _Condition)]
    decided = [bool(element) for element in elements if not isinstance(element, _Condition)]
    if operation == "logical_and" and not all(decided):
        return False
    if operation == "logical_or" and any(decided):
        return True
    if len(open_ones) == len(elements):
        return _OPERATIONS[operation](*elements)
    if open_ones:
        (condition,) = open_ones
        return condition
    if operation == "logical_not":
        (known,) = decided
        return not known
    return operation == "logical_and"


def _product(a: Element, b: Element) -> Element:
    for one, other in ((a, b), (b, a)):
        if isinstance(one, _NUMBERS) and one == 0.0:
            return 0.0 * other if isinstance(other, _NUMBERS) else 0.0
        if isinstance(one, _NUMBERS) and one == 1.0:
            return other
    _check_finite((a, b))
    return a * b


def _sum(row: list[Element]) -> Element:
    _check_finite(row)
    return pyo.quicksum([element for element in row if not (isinstance(element, _NUMBERS) and element == 0.0)])


def _check_finite(elements: Iterable[Element]) -> None:
    for element in elements:
        if isinstance(element, _NUMBERS) and not math.isfinite(element):
            raise UnsupportedError(f"to_pyomo: the network computes with {element}, which no expression may hold")


class NetworkModel(ExternalGreyBoxModel):  # type: ignore[misc]
    """The network as an external model: y of x at raw scale, with exact first and second derivatives.

    Jacobian and Hessian have a place for every element, also where it is 0, so that their pattern never changes.
    """

    def __init__(self, net: Network) -> None:
        self._net = net
        self._x = middle(net.input_range, 0.0)
        self._multipliers = np.ones(net.output_size)

    def input_names(self) -> list[str]:
        """The names of the network's inputs."""
        return list(self._net.input_names)

    def output_names(self) -> list[str]:
        """The names of the network's outputs."""
        return list(self._net.output_names)

    def finalize_block_construction(self, pyomo_block: Any) -> None:
        """Gives the variables their bounds and first values."""
        _begin(self._net, pyomo_block)

    def set_input_values(self, input_values: Sequence[float]) -> None:
        """Keeps x (R,) for the calls that follow."""
        self._x = np.array(input_values, dtype=np.float64)

    def set_output_constraint_multipliers(self, output_con_multiplier_values: Sequence[float]) -> None:
        """Keeps a multiplier for each output (S,) for the Hessian."""
        self._multipliers = np.array(output_con_multiplier_values, dtype=np.float64)

    def evaluate_outputs(self) -> FloatArray:
        """y (S,)."""
        y: FloatArray = self._net(self._x)
        return y

    def evaluate_jacobian_outputs(self) -> coo_matrix:
        """dy/dx (S, R)."""
        shape = (self._net.output_size, self._net.input_size)
        rows, columns = np.indices(shape).reshape(2, -1)
        return coo_matrix((self._net.jacobian(self._x).ravel(), (rows, columns)), shape=shape)

    def evaluate_hessian_outputs(self) -> coo_matrix:
        """Σ_i u_i d²y_i/dx² (R, R) with the multipliers u, the lower triangle."""
        weighted = np.tensordot(self._multipliers, self._net.hessian(self._x), axes=1)
        rows, columns = np.tril_indices(self._net.input_size)
        return coo_matrix((weighted[rows, columns], (rows, columns)), shape=weighted.shape)


def _begin(net: Network, block: Any) -> None:
    """Bounds of the inputs where their ranges are known, the middle as their values, and the outputs there."""
    at = middle(net.input_range, 0.0)
    for name, (low, high), value in zip(net.input_names, net.input_range.tolist(), at.tolist(), strict=True):
        if low <= high:
            block.inputs[name].setlb(low)
            block.inputs[name].setub(high)
        block.inputs[name].set_value(value)
    for name, value in zip(net.output_names, net(at).tolist(), strict=True):
        if math.isfinite(value):
            block.outputs[name].set_value(value)


def write_network(net: Network, block: Any) -> None:
    """Writes a network into a block of a model."""
    if not isinstance(block, BlockData):
        advice = "; give one of its elements" if isinstance(block, pyo.Block) else ""
        raise UnsupportedError(f"to_pyomo: block is of type {type(block).__name__}, expected a Block{advice}")
    if not block.is_constructed():
        raise UnsupportedError("to_pyomo: the block is not part of a ConcreteModel yet; add it there first")
    taken = [name for name in _COMPONENTS if block.component(name) is not None]
    if taken:
        raise UnsupportedError(
            f"to_pyomo: the block {block.name} has {taken[0]} already; give each network a block of its own"
        )
    if isinstance(block, ExternalGreyBoxBlock):
        block.set_external_model(NetworkModel(net))
        return
    function = recorded(net, "net", "to_pyomo")[0]
    terms = sum(_terms(function, node) for node in function.tape.nodes)
    if terms > MOST_TERMS:
        raise UnsupportedError(
            f"to_pyomo: as expressions the network has {terms:,} terms, at most {MOST_TERMS:,} are written; "
            "give an ExternalGreyBoxBlock instead"
        )
    _write_expressions(net, block, function)


def _terms(function: Function, node: Node) -> int:
    size = math.prod(_shape(node))
    if node.operation == "matmul":
        return size * elements(function.tape.nodes[node.operands[1]].shape)[-2]
    return 0 if node.operation == "input" or node.value is not None else size


def _write_expressions(net: Network, block: Any, function: Function) -> None:
    block.inputs, block.outputs = pyo.Var(list(net.input_names)), pyo.Var(list(net.output_names))
    block.steps, block.step_equations = (
        pyo.Var(pyo.NonNegativeIntegers, dense=False),
        pyo.Constraint(pyo.NonNegativeIntegers),
    )
    block.equations = pyo.Constraint(list(net.output_names))
    try:
        results = _Writer(function, block, middle(net.input_range, 0.0)).results
        for name, result in zip(net.output_names, results, strict=True):
            if isinstance(result, _NUMBERS) and not math.isfinite(result):
                raise UnsupportedError(f"to_pyomo: the output {name} is {result} whatever the inputs are")
            block.equations.add(name, block.outputs[name] == result)
    except UnsupportedError:
        for name in _COMPONENTS:
            block.del_component(name)
        raise
    _begin(net, block)
