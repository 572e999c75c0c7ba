"""The graph of an ONNX model, from a tape.

Only operators that onnxruntime's CPU provider has in float64 are used. ReduceMax and ArgMax ignore NaN there, so the
maximum and its position are written in forms that do not. Its Sigmoid in float64 loses all digits below −37, and 8 of
them at −20, so logsig is written out; its Softmax is as exact as ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import UnsupportedError
from matnet.exporters.recording import Recording, elements, remembered
from matnet.exporters.stepping import first_states
from matnet.extras import need
from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import Node, Tape

OPSET = 17
"""The default version of the operators."""

_FIRST_OPSET = 13  # the first where all of the operators below have float64 and today's form

_LARGEST_BYTES = 2_000_000_000  # of a protocol buffer

_TABLE = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "abs": "Abs",
    "sign": "Sign",
    "exp": "Exp",
    "tanh": "Tanh",
    "sqrt": "Sqrt",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
    "logical_and": "And",
    "logical_or": "Or",
    "logical_not": "Not",
    "where": "Where",
    "matmul": "MatMul",
}
"""The operations of a tape that are one operator of ONNX."""


class Graph:
    """The nodes and constants of a graph, under construction."""

    def __init__(self, onnx: Any, tape: Tape, arguments: Sequence[str], precision: str, opset: int) -> None:
        self.onnx = onnx
        self.opset = opset
        self.real = np.dtype(precision)
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.bytes = 0
        self._constants: dict[tuple[bytes, tuple[int, ...], str], str] = {}
        self._names = 0
        self.tape = tape
        self.arguments = arguments
        self.values: dict[int, str] = {}
        softmax = _softmaxes(tape)
        for number in _needed(tape, softmax):
            if number in softmax:
                self.values[number] = self.add("Softmax", self.values[softmax[number]], axis=-1)
            else:
                self.values[number] = self._value(tape.nodes[number])
        self.results = [self.values[number] for number in tape.outputs]

    def constant(self, value: NDArray[Any]) -> str:
        """The name of a constant, each written once."""
        kind = {"f": self.real, "b": np.dtype(np.bool_)}.get(value.dtype.kind, np.dtype(np.int64))
        array = np.asarray(value, dtype=kind)
        key = (array.tobytes(), array.shape, array.dtype.str)
        if key not in self._constants:
            name = f"c{len(self._constants)}"
            self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
            self._constants[key] = name
            self.bytes += array.nbytes
        return self._constants[key]

    def whole(self, *numbers: int) -> str:
        """The name of a constant list of integers."""
        return self.constant(np.asarray(numbers, dtype=np.int64))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; the name of its output."""
        name = f"t{self._names}"
        self._names += 1
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def name(self, value: str, name: str) -> None:
        """Gives a value the name of a result."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))

    def reduced(self, operator: str, operand: str, keep: bool) -> str:
        """A reduction over the last axis; its axes became an input with opset 18, for ReduceSum with 13."""
        if operator == "ReduceSum" or self.opset >= 18:
            return self.add(operator, operand, self.whole(-1), keepdims=int(keep))
        return self.add(operator, operand, axes=[-1], keepdims=int(keep))

    def extreme(self, operator: str, operand: str, keep: bool) -> str:
        """The largest or smallest, NaN if any element is."""
        unknown = self.add("Cast", self.add("IsNaN", operand), to=self.onnx.TensorProto.INT32)
        any_unknown = self.add("Cast", self.reduced("ReduceMax", unknown, keep), to=self.onnx.TensorProto.BOOL)
        return self.add("Where", any_unknown, self.constant(np.array(np.nan)), self.reduced(operator, operand, keep))

    def _value(self, node: Node) -> str:
        if node.value is not None:
            return self.constant(node.value)
        if node.operation == "input":
            (number,) = node.attributes
            return self.arguments[int(number)]
        operands = [self.values[operand] for operand in node.operands]
        if node.operation in _TABLE:
            return self.add(_TABLE[node.operation], *operands)
        sources = [self.tape.nodes[operand] for operand in node.operands]
        return _FORMS[node.operation](self, node, operands, sources)


def _softmaxes(tape: Tape) -> dict[int, int]:
    """The nodes that are softmax along the last axis, each with the node of its argument."""
    arguments = {}
    for number, node in enumerate(tape.nodes):
        if node.operation == "divide":
            above, below = (tape.nodes[operand] for operand in node.operands)
            if above.operation == "exp" and below.operation == "sum" and below.operands == node.operands[:1]:
                shifted = tape.nodes[above.operand]
                if shifted.operation == "subtract":
                    # both reductions keep their axis, as arrays without it would not fit
                    argument, most = shifted.operands
                    largest = tape.nodes[most]
                    if largest.operation == "max" and largest.operands == (argument,):
                        arguments[number] = argument
    return arguments


def _needed(tape: Tape, softmax: Mapping[int, int]) -> list[int]:
    """The nodes that the outputs depend on, in order."""
    needed: set[int] = set()
    waiting = list(tape.outputs)
    while waiting:
        number = waiting.pop()
        if number not in needed:
            needed.add(number)
            waiting += [softmax[number]] if number in softmax else tape.nodes[number].operands
    return sorted(needed)


def _sum(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (operand,), (_, keep) = operands, node.attributes
    return graph.reduced("ReduceSum", operand, keep)


def _max(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (operand,), (_, keep) = operands, node.attributes
    return graph.extreme("ReduceMax", operand, keep)


def _min(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (operand,), (_, keep) = operands, node.attributes
    return graph.extreme("ReduceMin", operand, keep)


def _argmax(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (operand,), (_, keep) = operands, node.attributes
    largest = graph.extreme("ReduceMax", operand, keep=True)
    here = graph.add("Or", graph.add("Equal", operand, largest), graph.add("IsNaN", operand))
    numbers = graph.add("Cast", here, to=graph.onnx.TensorProto.INT32)
    return graph.add("ArgMax", numbers, axis=-1, keepdims=int(keep))


def _take(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    source, _ = sources
    return graph.add("Gather", *operands, axis=len(source.shape) - 1)


def _concat(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    return graph.add("Concat", *operands, axis=len(node.shape) - 1)


def _transpose(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    *lead, row, column = range(len(node.shape))
    return graph.add("Transpose", *operands, perm=[*lead, column, row])


def _reshape(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    # 0 keeps the batch as it is
    return graph.add("Reshape", *operands, graph.whole(*(size or 0 for size in node.shape)))


def _broadcast(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (source,), sizes = sources, elements(node.shape)
    if source.batched:
        return graph.add("Expand", *operands, graph.whole(1, *sizes))
    batch = graph.add("Slice", graph.add("Shape", graph.arguments[-1]), graph.whole(0), graph.whole(1))
    return graph.add("Expand", *operands, graph.add("Concat", batch, graph.whole(*sizes), axis=0))


def _index(graph: Graph, node: Node, operands: Sequence[str], sources: Sequence[Node]) -> str:
    (name,), (source,), (key,) = operands, sources, node.attributes
    shape = source.shape
    parts = [part for part in key if part is not None]
    single = [axis for axis, part in enumerate(parts) if not isinstance(part, tuple)]
    ranges = {axis: (parts[axis], parts[axis] + 1) for axis in single}
    ranges |= {axis: part for axis, part in enumerate(parts) if isinstance(part, tuple) and part != (None, None)}
    cut = {axis: ends for axis, ends in ranges.items() if ends != (0, shape[axis])}
    if cut:
        starts, stops = zip(*cut.values(), strict=True)
        name = graph.add("Slice", name, graph.whole(*starts), graph.whole(*stops), graph.whole(*cut))
    if single:
        name = graph.add("Squeeze", name, graph.whole(*single))
    kept = [part for part in key if part is None or isinstance(part, tuple)]
    new = [axis for axis, part in enumerate(kept) if part is None]
    return graph.add("Unsqueeze", name, graph.whole(*new)) if new else name


_FORMS: dict[str, Callable[[Graph, Node, Sequence[str], Sequence[Node]], str]] = {
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
"""The operations of a tape that need more than one operator of ONNX."""


def import_onnx() -> Any:
    """The package onnx."""
    return need("writing .onnx", "onnx", "onnx")


def _metadata(recording: Recording, scale: str) -> dict[str, str]:
    def known(limits: FloatArray) -> list[list[float | None]]:
        return [[number if np.isfinite(number) else None for number in row] for row in limits.tolist()]

    net = recording.net
    origin = dict(line.split(": ", 1) for line in recording.origin)
    return {
        **origin,
        "inputs": json.dumps(recording.inputs),
        "outputs": json.dumps(recording.outputs),
        **_units("input_units", net.input_units),
        **_units("output_units", net.output_units),
        "input_range": json.dumps(known(recording.input_range)),
        "output_range": json.dumps(known(recording.output_range)),
        "scale": scale,
        **({"states": " ".join(remembered(recording)[:2])} if remembered(recording) else {}),
        **({"first_states": json.dumps(first_states(net).tolist())} if net.structure.starts_elsewhere else {}),
    }


def _units(name: str, units: Sequence[str]) -> dict[str, str]:
    return {name: json.dumps(units, ensure_ascii=False)} if any(units) else {}


def checked_opset(onnx: Any, asked: int | None) -> int:
    """The version of the operators, if it is supported."""
    opset = OPSET if asked is None else asked
    newest = onnx.defs.onnx_opset_version()
    if not _FIRST_OPSET <= opset <= newest:
        raise UnsupportedError(
            f"opset {opset} is not supported; the installed onnx and matnet support {_FIRST_OPSET} to {newest}"
        )
    return opset


Ports = Sequence[tuple[str, Sequence[int | str]]]
"""The names and shapes of arguments or results; a name in a shape stands for a variable size."""


def model(recording: Recording, graph: Graph, arguments: Ports, results: Ports, scale: str) -> bytes:
    """The bytes of a model with the nodes of `graph`; `scale` says what its numbers are."""
    onnx = graph.onnx
    if graph.bytes > _LARGEST_BYTES:
        raise UnsupportedError(f"the constants take {graph.bytes} bytes; an ONNX file holds at most {_LARGEST_BYTES}")
    kind = onnx.TensorProto.DOUBLE if recording.options.precision == "float64" else onnx.TensorProto.FLOAT
    opsets = [onnx.helper.make_opsetid("", graph.opset)]
    result = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            recording.name,
            [onnx.helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in arguments],
            [onnx.helper.make_tensor_value_info(name, kind, list(shape)) for name, shape in results],
            graph.initializers,
        ),
        opset_imports=opsets,
        ir_version=onnx.helper.find_min_ir_version_for(opsets),
        producer_name="matnet",
        doc_string=f"{recording.name}: written by matnet",
    )
    onnx.helper.set_model_props(result, _metadata(recording, scale))
    onnx.checker.check_model(result, full_check=True)
    content = result.SerializeToString()
    assert isinstance(content, bytes)
    return content
