"""CasADi: a Function from x (R × 1) to y (S × 1) and dydx (S × R), or of a step and its states, for optimal control.

One sample of the tape is written as matrices: a vector is a row, a number 1 × 1, and of an array with more axes all but
the last are the rows. CasADi's own differentiation of y uses
the printed Jacobian, so that its first derivatives are matnet's at kinks and in saturation too; second derivatives are
CasADi's of that Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError
from matnet.exporters.frameworks.requirements import recorded
from matnet.exporters.names import NameRule, function_name
from matnet.exporters.recording import Function, Options, Recording, elements, one_network
from matnet.exporters.stepping import state_size
from matnet.extras import need
from matnet.network import Network
from matnet.network.arguments import whole
from matnet.tape.symbols import Node

_TABLE: dict[str, Callable[..., Any]] = {
    "add": lambda ca, a, b: a + b,
    "subtract": lambda ca, a, b: a - b,
    "multiply": lambda ca, a, b: a * b,
    "divide": lambda ca, a, b: a / b,
    "negative": lambda ca, a: -a,
    "abs": lambda ca, a: ca.fabs(a),
    "sign": lambda ca, a: ca.sign(a),
    "exp": lambda ca, a: ca.exp(a),
    "tanh": lambda ca, a: ca.tanh(a),
    "sqrt": lambda ca, a: ca.sqrt(a),
    "less": lambda ca, a, b: ca.lt(a, b),
    "less_equal": lambda ca, a, b: ca.le(a, b),
    "equal": lambda ca, a, b: ca.eq(a, b),
    "logical_and": lambda ca, a, b: ca.logic_and(a, b),
    "logical_or": lambda ca, a, b: ca.logic_or(a, b),
    "logical_not": lambda ca, a: ca.logic_not(a),
    "where": lambda ca, a, b, c: ca.if_else(a, b, c),
}
"""What each elementwise operation of a tape is in CasADi."""


Shape: TypeAlias = tuple[int, ...]
"""The axes of an array of the tape, without that of the batch."""


def _folded(shape: Shape) -> tuple[int, int]:
    """The matrix of an array with any number of axes: all but the last one are its rows."""
    padded = (1, 1, *shape)
    return prod(padded[:-1]), padded[-1]


class _Graph:
    """A tape written in CasADi's symbols."""

    def __init__(self, ca: Any, function: Function, arguments: Sequence[Any]) -> None:
        self.ca = ca
        self.nodes = function.tape.nodes
        self.values: list[Any] = []
        for node in self.nodes:
            if node.operation == "input":
                (number,) = node.attributes
                self.values.append(arguments[number].T)
            elif node.value is not None:
                self.values.append(ca.MX(ca.DM(np.reshape(node.value.astype(np.float64), _folded(node.value.shape)))))
            else:
                self.values.append(self._value(node))
        self.results = [self.values[output] for output in function.tape.outputs]

    def _value(self, node: Node) -> Any:
        operands = [self.values[operand] for operand in node.operands]
        sources = [elements(self.nodes[operand].shape) for operand in node.operands]
        if node.operation in _TABLE:
            shape = elements(node.shape)
            spread = [self.spread(operand, own, shape) for operand, own in zip(operands, sources, strict=True)]
            return _TABLE[node.operation](self.ca, *spread)
        return _FORMS[node.operation](self, node, operands, sources)

    def product(self, node: Node, left: Any, right: Any) -> Any:
        """The matrix product; CasADi leaves out a factor that is 0 throughout, and with it NaN and Inf in the other."""
        shape = elements(node.shape)
        first, second = (elements(self.nodes[operand].shape) for operand in node.operands)
        if self._zero(node.operands[0]):
            sums = self.ca.vertcat(*(self.ca.sum1(0.0 * part) for part in self._matrices(right, second)))
            return self.spread(sums, (*second[:-2], 1, second[-1]), shape)
        if self._zero(node.operands[1]):
            return self.spread(self.ca.sum2(0.0 * left), (*first[:-1], 1), shape)
        if prod(second[:-2]) == 1:
            return self.ca.mtimes(left, right)
        count = prod(shape[:-2])
        pairs = [
            self._matrices(self.spread(value, own, (*shape[:-2], *own[-2:])), (count, *own[-2:]))
            for value, own in ((left, first), (right, second))
        ]
        return self.ca.vertcat(*(self.ca.mtimes(one, other) for one, other in zip(*pairs, strict=True)))

    def _matrices(self, value: Any, shape: Shape) -> list[Any]:
        """The matrices of the last two axes."""
        count = prod(shape[:-2])
        return [value] if count == 1 else self.ca.vertsplit(value, value.shape[0] // count)

    def _zero(self, number: int) -> bool:
        """Whether a node is 0 throughout, perhaps broadcast."""
        node = self.nodes[number]
        if node.operation == "broadcast":
            return self._zero(node.operand)
        return node.value is not None and bool((node.value == 0.0).all())

    def spread(self, value: Any, own: Shape, shape: Shape) -> Any:
        """An array repeated along axes of length 1, or that it lacks."""
        have, wanted = value.shape, _folded(shape)
        if have == wanted:
            return value
        if have[0] == 1 or len(shape) <= 2:
            return self.ca.repmat(value, wanted[0] // have[0], wanted[1] // have[1])
        own = own[max(0, len(own) - len(shape)) :]
        return self.placed(value, np.broadcast_to(np.arange(prod(own)).reshape(own), shape))

    def placed(self, value: Any, places: NDArray[np.intp]) -> Any:
        """The elements at these places of an array, counted row by row."""
        rows, columns = _folded(places.shape)
        return self.ca.reshape(self.ca.vec(value.T)[places.ravel().tolist()], columns, rows).T

    def first_largest(self, x: Any) -> tuple[Any, Any]:
        """For each row the first largest and its position; a NaN counts as the largest."""
        ca = self.ca
        best, position = x[:, 0], ca.MX.zeros(x.shape[0], 1)
        for k in range(1, x.shape[1]):
            here = x[:, k]
            unknown = ca.logic_and(ca.logic_not(ca.le(here, np.inf)), ca.le(best, np.inf))
            better = ca.logic_or(ca.gt(here, best), unknown)
            best, position = ca.if_else(better, here, best), ca.if_else(better, k, position)
        return best, position


def _last(graph: _Graph, node: Node, value: Any) -> Any:
    """A column of results, one per row, as an array whose last axis has length 1 or is gone."""
    return _reshaped(graph, value, _folded(elements(node.shape)))


def _matmul(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    return graph.product(node, *operands)


def _sum(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    return _last(graph, node, graph.ca.sum2(*operands))


def _max(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    largest, _ = graph.first_largest(*operands)
    return _last(graph, node, largest)


def _min(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    (operand,) = operands
    negated, _ = graph.first_largest(-operand)
    return _last(graph, node, -negated)


def _argmax(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    _, position = graph.first_largest(*operands)
    return _last(graph, node, position)


def _take(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    positions: NDArray[Any] | None = graph.nodes[node.operands[1]].value
    assert positions is not None, "a take at positions that are not constant"
    return operands[0][:, positions.ravel().tolist()]


def _concat(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    lead = elements(node.shape)[:-1]
    spread = [graph.spread(operand, own, (*lead, own[-1])) for operand, own in zip(operands, sources, strict=True)]
    return graph.ca.horzcat(*spread)


def _transpose(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    (operand,), (shape,) = operands, sources
    if prod(shape[:-2]) == 1:
        return operand.T
    return graph.placed(operand, np.swapaxes(np.arange(prod(shape)).reshape(shape), -2, -1))


def _reshape(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    (operand,) = operands
    return _reshaped(graph, operand, _folded(elements(node.shape)))


def _reshaped(graph: _Graph, value: Any, shape: tuple[int, int]) -> Any:
    """The elements of a matrix, row by row, in another shape."""
    return value if value.shape == shape else graph.ca.reshape(value.T, shape[1], shape[0]).T


def _broadcast(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    (operand,), (source,) = operands, sources
    return graph.spread(operand, source, elements(node.shape))


def _index(graph: _Graph, node: Node, operands: list[Any], sources: list[tuple[int, ...]]) -> Any:
    """Slices, numbers and new axes, all but that of the batch."""
    (operand,), (shape,), (key,) = operands, sources, node.attributes
    keys = tuple(slice(*part) if isinstance(part, tuple) else part for part in key[1:])
    return graph.placed(operand, np.arange(prod(shape)).reshape(shape)[keys].reshape(elements(node.shape)))


_FORMS: dict[str, Callable[[_Graph, Node, list[Any], list[tuple[int, ...]]], Any]] = {
    "matmul": _matmul,
    "sum": _sum,
    "max": _max,
    "min": _min,
    "argmax": _argmax,
    "take": _take,
    "concat": _concat,
    "transpose": _transpose,
    "reshape": _reshape,
    "broadcast": _broadcast,
    "index": _index,
}
"""The operations of a tape that are not elementwise, in CasADi's matrices."""


def to_casadi(net: Network, name: str = "net", steps: int | None = None) -> Any:
    """The network as a CasADi Function; a dynamic one as a Function for one step, or for a series of steps.

    Parameters
    ----------
    net
        The network.
    name
        The Function's name.
    steps
        The length T of the series, for a dynamic network; None for a single step.

    Returns
    -------
    casadi.Function ``x -> y, dydx``: x (R × 1), y (S × 1) and dydx (S × R), raw scale; dydx[i, j] is dy_i/dx_j.

    For a dynamic network ``x, states -> y, next_states``: x (R × 1), states (n × 1), y (S × 1), next_states (n × 1).
    With ``steps`` x is (R × T), y (S × T), and next_states are those after the series. The states are
    ``net.prepare(x, t).states`` or ``net.run(x).states``.

    Raises
    ------
    MissingExtraError
        CasADi is not installed.
    UnsupportedError
        The name is not legal, or this is not a single network.
    ShapeError
        ``steps`` is not a whole number of at least 1, or given for a static network.

    Notes
    -----
    CasADi's first derivatives are matnet's; a second derivative is NaN where a distance at p = w has none.
    ``expand()`` writes the Function anew and forgets that: then they are CasADi's own, which differ where a function
    has a kink.
    """
    need("to_casadi", "casadi", "casadi")
    ca: Any = import_module("casadi")
    one_network(net, "to_casadi")
    if steps is not None and not net.dynamic:
        raise ShapeError("steps is for dynamic networks, and this one is static")
    if steps is not None and whole(steps, "steps") < 1:
        raise ShapeError(f"steps is {steps}, expected at least 1")
    with _unsimplified(ca):
        if not net.dynamic:
            return _function(ca, net, name)
        return _step(ca, net, name) if steps is None else _series(ca, net, name, steps)


@contextmanager
def _unsimplified(ca: Any) -> Iterator[None]:
    """CasADi without its simplifications: 0·x → 0, x − x → 0 and x/x → 1 hide a NaN or Inf in x."""
    before = ca.GlobalOptions.getSimplificationOnTheFly()
    ca.GlobalOptions.setSimplificationOnTheFly(False)
    try:
        yield
    finally:
        ca.GlobalOptions.setSimplificationOnTheFly(before)


def _function(ca: Any, net: Network, name: str) -> Any:
    value, both = recorded(net, function_name(NameRule(), name, name)[0], "to_casadi")
    x = ca.MX.sym("x", net.input_size)
    y = _Graph(ca, value, [x]).results[0]
    jacobian = _Graph(ca, both, [x]).results[1]
    derivative = ca.Function(
        "jac_value", [x, ca.MX.sym("out_y", net.output_size)], [jacobian], ["x", "out_y"], ["jac_y_x"]
    )
    options = {"custom_jacobian": derivative, "jac_penalty": 0, "never_inline": True}
    own = ca.Function("value", [x], [y.T], ["x"], ["y"], options)
    return ca.Function(name, [x], [own(x), jacobian], ["x"], ["y", "dydx"])


def _step(ca: Any, net: Network, name: str) -> Any:
    """One step, with matnet's Jacobians for those of both results."""
    recording = Recording(net, function_name(NameRule(), name, name)[0], Options())
    x, states = ca.MX.sym("x", net.input_size), ca.MX.sym("states", state_size(net))
    results = [row.T for row in _Graph(ca, recording.functions[0], [x, states]).results]
    options: dict[str, Any] = {"never_inline": True}
    if net.program.leaves:
        slopes = _Graph(ca, recording.step_and_jacobians, [x, states]).results[2:]
        given = [ca.MX.sym("out_y", net.output_size), ca.MX.sym("out_next_states", state_size(net))]
        wrt = [f"jac_{of}_{by}" for of in ("y", "next_states") for by in ("x", "states")]
        inputs = ["x", "states", "out_y", "out_next_states"]
        derivative = ca.Function(f"jac_{name}", [x, states, *given], slopes, inputs, wrt)
        options |= {"custom_jacobian": derivative, "jac_penalty": 0}
    return ca.Function(name, [x, states], results, ["x", "states"], ["y", "next_states"], options)


def _series(ca: Any, net: Network, name: str, steps: int) -> Any:
    """A step repeated over the columns of x."""
    step = _step(ca, net, name)
    x, states = ca.MX.sym("x", net.input_size, steps), ca.MX.sym("states", state_size(net))
    outputs, state = [], states
    for time in range(steps):
        y, state = step(x[:, time], state)
        outputs.append(y)
    return ca.Function(name, [x, states], [ca.horzcat(*outputs), state], ["x", "states"], ["y", "next_states"])
