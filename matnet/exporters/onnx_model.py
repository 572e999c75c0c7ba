"""ONNX: a graph from `x` [N, R] to `y` [N, S] and `dy_dx` [N, S, R], in float64; or a family of five for CasADi."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.names import NameRule
from matnet.exporters.onnx_family import PREFIXES, member
from matnet.exporters.onnx_graph import Graph, Ports, checked_opset, import_onnx, model
from matnet.exporters.recording import Port, Recording
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

_SCALE = "raw on both sides; dy_dx[n, i, j] is the derivative of output i with respect to input j at sample n"


def _render(recording: Recording) -> bytes:
    if recording.options.family:
        return member(recording, "")
    onnx = import_onnx()
    opset = checked_opset(onnx, recording.options.opset)
    function = recording.printed[-1]
    names = [port.name for port in function.arguments]
    graph = Graph(onnx, function.tape, names, recording.options.precision, opset)
    for port, value in zip(function.results, graph.results, strict=True):
        graph.name(value, _name(port))
    arguments: Ports = [(port.name, ["N", *port.shape]) for port in function.arguments]
    results: Ports = [(_name(port), ["N", *port.shape]) for port in function.results]
    return model(recording, graph, arguments, results, _SCALE)


def _name(port: Port) -> str:
    return "dy_dx" if port.name == "dydx" else port.name


def _family(recording: Recording) -> dict[str, bytes]:
    return {prefix: member(recording, prefix) for prefix in PREFIXES}


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """Every file in onnxruntime, on the CPU, one at a time: to close 800 sessions that are open together takes 30 s."""
    onnxruntime: Any = import_module("onnxruntime")
    places: dict[Path, list[int]] = {}
    for place, job in enumerate(jobs):
        places.setdefault(job.path, []).append(place)
    results: list[list[FloatArray]] = [[] for _ in jobs]
    for path, of_path in places.items():
        try:
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            names = [argument.name for argument in session.get_inputs()]
            outputs = [output.name for output in session.get_outputs()]
            for place in of_path:
                job = jobs[place]
                numbers = [array.astype(np.dtype(job.precision)) for array in job.arguments]
                answers = session.run(outputs[: len(job.shapes)], dict(zip(names, numbers, strict=True)))
                results[place] = [np.asarray(answer, dtype=np.float64) for answer in answers]
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
            raise FormatError(f"the written ONNX does not run: {error}") from error
    return results


def _missing() -> str:
    return "" if find_spec("onnxruntime") else "onnxruntime"


TARGET = Target(
    ".onnx",
    "ONNX",
    _render,
    "onnxruntime",
    _missing,
    _run,
    about="a graph from x [N, R] to y [N, S] and dy_dx [N, S, R], or a step; for any ONNX runtime",
    options=frozenset({"name", "inputs", "outputs", "jacobian", "opset"}),
    family=_family,
    precisions=("float64", "float32"),
    names=NameRule(free=True),
    checked=lambda recording: recording.printed[-1:],
)
