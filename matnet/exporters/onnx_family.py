"""Five ONNX models for CasADi's ``GraphBuilder``: the network, and beside it its derivatives.

They are ``net.onnx``, ``fwd_net.onnx``, ``adj_net.onnx``, ``fwd_adj_net.onnx`` and ``fwd_fwd_net.onnx``. Samples, seeds
and results are columns; there are as many directions as the seeds have columns:

- net: x [R, 1] -> y [S, 1]
- fwd_net: x, fwd_x [R, nfwd] -> fwd_y [S, nfwd]
- adj_net: x, adj_y [S, nadj] -> adj_x [R, nadj]
- fwd_adj_net: x, adj_y, fwd_x, fwd_adj_y [S, nfwd·nadj] -> fwd_adj_x [R, nfwd·nadj]
- fwd_fwd_net: x, fwd_x, fwd2_x [R, nfwd2], fwd2_fwd_x [R, nfwd2·nfwd] -> fwd2_fwd_y [S, nfwd2·nfwd]

Column f·nadj + a belongs to the forward direction f and the adjoint direction a, column g·nfwd + f to the second
forward direction g and the first one f. CasADi takes the Hessian of a network of several inputs from ``fwd_adj_net``,
that of one input from ``fwd_fwd_net``.
"""

from __future__ import annotations

from collections.abc import Callable

from matnet.derivatives import quantities
from matnet.errors import Parameter, UnsupportedError
from matnet.exporters.onnx_graph import Graph, Ports, checked_opset, import_onnx, model
from matnet.exporters.recording import Recording, only_chooses
from matnet.functions.namespace import Array
from matnet.simulate import Program
from matnet.tape.symbols import record

PREFIXES = ("fwd_", "adj_", "fwd_adj_", "fwd_fwd_")
"""The beginnings of the names of the derivatives' files."""

_SCALE = "raw on both sides; samples, seeds and results are columns"

_DIRECTIONS, _FORWARD_DIRECTIONS = "nfwd_nadj", "nfwd2_nfwd"
"""The numbers of columns of one forward and one adjoint direction each, and of two forward directions each."""


def member(recording: Recording, prefix: str) -> bytes:
    """The bytes of one of the models; '' is the prefix of the network itself.

    Raises
    ------
    UnsupportedError
        The network is dynamic, all its paths pass through compet, or dy/dx is to be left out.
    """
    _check(recording)
    onnx = import_onnx()
    opset = checked_opset(onnx, recording.options.opset)
    R, S = recording.net.input_size, recording.net.output_size
    tape = record(recording.net.program, _QUANTITIES[prefix], (R,))
    graph = Graph(onnx, tape, ["x_row"], recording.options.precision, opset)
    graph.nodes.insert(0, onnx.helper.make_node("Transpose", ["x"], ["x_row"], perm=[1, 0]))
    arguments: dict[str, Ports] = {
        "": [("x", [R, 1])],
        "fwd_": [("x", [R, 1]), ("fwd_x", [R, "nfwd"])],
        "adj_": [("x", [R, 1]), ("adj_y", [S, "nadj"])],
        "fwd_adj_": [("x", [R, 1]), ("adj_y", [S, "nadj"]), ("fwd_x", [R, "nfwd"]), ("fwd_adj_y", [S, _DIRECTIONS])],
        "fwd_fwd_": [
            ("x", [R, 1]),
            ("fwd_x", [R, "nfwd"]),
            ("fwd2_x", [R, "nfwd2"]),
            ("fwd2_fwd_x", [R, _FORWARD_DIRECTIONS]),
        ],
    }
    if prefix == "":
        (y,) = graph.results
        graph.name(_transposed(graph, y), "y")
        results: Ports = [("y", [S, 1])]
    elif prefix == "fwd_":
        (jacobian,) = graph.results
        graph.name(graph.add("MatMul", _matrix(graph, jacobian), "fwd_x"), "fwd_y")
        results = [("fwd_y", [S, "nfwd"])]
    elif prefix == "adj_":
        (jacobian,) = graph.results
        graph.name(graph.add("MatMul", _transposed(graph, _matrix(graph, jacobian)), "adj_y"), "adj_x")
        results = [("adj_x", [R, "nadj"])]
    elif prefix == "fwd_fwd_":
        graph.name(_forward_over_forward(graph, S), "fwd2_fwd_y")
        results = [("fwd2_fwd_y", [S, _FORWARD_DIRECTIONS])]
    else:
        graph.name(_forward_over_adjoint(graph, R, S), "fwd_adj_x")
        results = [("fwd_adj_x", [R, _DIRECTIONS])]
    return model(recording, graph, arguments[prefix], results, _SCALE)


def _check(recording: Recording) -> None:
    family = Parameter("family")
    if recording.net.dynamic:
        raise UnsupportedError(family, ": the network is dynamic, and a family is that of a function of x alone")
    if not recording.options.jacobian:
        raise UnsupportedError(family, ": a family consists of derivatives, and dy/dx is to be left out")
    if only_chooses(recording.net):
        raise UnsupportedError(
            family,
            ": every path from the inputs to the outputs passes through compet, whose derivative is 0 wherever "
            "it exists",
        )


def _jacobian_and_hessian(program: Program, x: Array) -> tuple[Array, Array]:
    return quantities.Jacobian()(program, x), quantities.Hessian()(program, x)


_QUANTITIES: dict[str, Callable[..., object]] = {
    "": quantities.VALUE,
    "fwd_": quantities.Jacobian(),
    "adj_": quantities.Jacobian(),
    "fwd_adj_": _jacobian_and_hessian,
    "fwd_fwd_": _jacobian_and_hessian,
}


def _matrix(graph: Graph, value: str) -> str:
    """An array without the axis of its single sample."""
    return graph.add("Squeeze", value, graph.whole(0))


def _transposed(graph: Graph, value: str) -> str:
    return graph.add("Transpose", value, perm=[1, 0])


def _forward_over_adjoint(graph: Graph, R: int, S: int) -> str:
    """The derivative of Jᵀu along x and u: (Σ_i u_i H_i) v + Jᵀ fwd_u for each v and u."""
    jacobian, hessian = (_matrix(graph, result) for result in graph.results)
    rows = graph.add("Reshape", hessian, graph.whole(S, R * R))
    weighted = graph.add("MatMul", _transposed(graph, "adj_y"), rows)
    each = graph.add("MatMul", graph.add("Reshape", weighted, graph.whole(-1, R, R)), "fwd_x")
    # [nadj, R, nfwd] as columns
    curved = graph.add("Reshape", graph.add("Transpose", each, perm=[1, 2, 0]), graph.whole(R, -1))
    return graph.add("Add", curved, graph.add("MatMul", _transposed(graph, jacobian), "fwd_adj_y"))


def _forward_over_forward(graph: Graph, S: int) -> str:
    """The derivative of J v along x and v: vᵀ H_i v2 + J fwd2_v for each v2 and v."""
    jacobian, hessian = (_matrix(graph, result) for result in graph.results)
    along = graph.add("Transpose", graph.add("MatMul", hessian, "fwd_x"), perm=[0, 2, 1])
    # [S, nfwd, nfwd2] as columns
    both = graph.add("Transpose", graph.add("MatMul", along, "fwd2_x"), perm=[0, 2, 1])
    curved = graph.add("Reshape", both, graph.whole(S, -1))
    return graph.add("Add", curved, graph.add("MatMul", jacobian, "fwd2_fwd_x"))
