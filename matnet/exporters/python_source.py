"""Python: a module that needs only NumPy, with ``predict(x)`` and ``value_and_jacobian(x)``."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matnet.exporters.names import NameRule
from matnet.exporters.operators import ARITHMETIC, COMPARISONS, functions
from matnet.exporters.recording import Function, Recording, remembered
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import Node

_TABLE = {
    **ARITHMETIC,
    **COMPARISONS,
    **functions("np.{name}"),
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "~{0}",
    "where": "np.where({0}, {1}, {2})",
    "matmul": "{0} @ {1}",
    "sum": "np.sum({0}, axis=-1, keepdims={keep})",
    "max": "np.max({0}, axis=-1, keepdims={keep})",
    "min": "np.min({0}, axis=-1, keepdims={keep})",
    "argmax": "np.argmax({0}, axis=-1, keepdims={keep})",
    "take": "np.take({0}, {1}, axis=-1)",
    "concat": "np.concatenate([{all}], axis=-1)",
    "index": "{0}[{key}]",
    "transpose": "np.swapaxes({0}, -1, -2)",
    "reshape": "np.reshape({0}, {shape})",
    "broadcast": "np.broadcast_to({0}, {shape})",
}
"""The operations of a tape in NumPy."""

_FUNCTIONS = {
    "value": "predict",
    "value_and_jacobian": "value_and_jacobian",
    "step": "step",
    "step_and_jacobians": "step_and_jacobian",
}


class _Constants:
    """The constants of a module, each written once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[tuple[bytes, tuple[int, ...], str], str] = {}

    def name(self, value: NDArray[np.generic]) -> str:
        """The constant in an expression: a literal for a number, a name for an array."""
        if value.ndim == 0:
            literal = _literal(value.item())
            return f"({literal})" if literal.startswith("-") else literal
        key = (value.tobytes(), value.shape, value.dtype.str)
        if key not in self._names:
            self._names[key] = f"_C{len(self._names)}"
            kind = {"f": "np.float64", "b": "np.bool_"}.get(value.dtype.kind, "np.intp")
            numbers = ", ".join(_literal(item) for item in value.ravel().tolist())
            shaped = f".reshape({value.shape})" if value.ndim > 1 else ""
            self.lines.append(f"{self._names[key]} = np.array([{numbers}], dtype={kind}){shaped}")
        return self._names[key]


def _literal(item: float | bool | int) -> str:
    if isinstance(item, float) and item != item:
        return "np.nan"
    return repr(item).replace("inf", "np.inf")


def _shape(node: Node) -> str:
    return "(" + ", ".join("n" if size is None else str(size) for size in node.shape) + ",)"


def _key(node: Node) -> str:
    """The index of an ``index`` node."""
    parts = []
    (key,) = node.attributes
    for part in key:
        if part is None:
            parts.append("None")
        elif isinstance(part, tuple):
            parts.append(":" if part == (None, None) else f"{part[0]}:{part[1]}")
        else:
            parts.append(str(part))
    return ", ".join(parts)


def _expression(node: Node, operands: Sequence[str]) -> str:
    fields = {"all": ", ".join(operands), "shape": _shape(node)}
    if node.operation == "index":
        fields["key"] = _key(node)
    if len(node.attributes) == 2:
        _, keep = node.attributes
        fields["keep"] = str(keep)
    return _TABLE[node.operation].format(*operands, **fields)


def _body(function: Function, constants: _Constants) -> list[str]:
    """One statement per node."""
    names: list[str] = []
    lines = []
    for number, node in enumerate(function.tape.nodes):
        if node.value is not None:
            names.append(constants.name(node.value))
        elif node.operation == "input":
            (place,) = node.attributes
            names.append(function.arguments[place].name)
        else:
            names.append(f"t{number}")
            lines.append(f"t{number} = {_expression(node, [names[operand] for operand in node.operands])}")
    return [*lines, f"return {', '.join(names[output] for output in function.tape.outputs)},"]


def _function(function: Function, constants: _Constants) -> list[str]:
    body = (
        [f"n = {function.arguments[-1].name}.shape[0]"]
        if any(node.operation in ("reshape", "broadcast") for node in function.tape.nodes)
        else []
    )
    body += _body(function, constants)
    arguments = ", ".join(port.name for port in function.arguments)
    return [f"def _{function.name}({arguments}):", *(f"    {line}" for line in body), "", ""]


_PUBLIC = {
    "value": '''
def predict(x):
    """y (..., {S}) of x (..., {R}), raw scale on both sides; samples are rows."""
    (y,) = _run(_value, (x, {R}))
    return y
''',
    "value_and_jacobian": '''

def value_and_jacobian(x):
    """y (..., {S}) and J (..., {S}, {R}); J[..., i, j] is dy_i/dx_j."""
    y, jacobian = _run(_value_and_jacobian, (x, {R}))
    return y, jacobian
''',
    "step": '''
def step(x, states):
    """y (..., {S}) and the next states of x (..., {R}) and states (..., {states}), {start} to begin with."""
    y, next_states = _run(_step, (x, {R}), (states, {states}))
    return y, next_states
''',
    "step_and_jacobians": '''

def step_and_jacobian(x, states):
    """As step, and the derivatives: dy/dx (..., {S}, {R}), dy/dstates (..., {S}, {states}), and of the next states

    d(next states)/dx (..., {states}, {R}) and d(next states)/dstates (..., {states}, {states}).
    """
    return tuple(_run(_step_and_jacobians, (x, {R}), (states, {states})))
''',
}

_RUN = """
def _run(function, *arguments):
    arrays = []
    for values, size in arguments:
        array = np.asarray(values, dtype=np.float64)
        if array.ndim == 0 or array.shape[-1] != size:
            raise ValueError(f"an argument has shape {array.shape}, expected (..., {size})")
        arrays.append(array)
    lead = np.broadcast_shapes(*(array.shape[:-1] for array in arrays))
    count = int(np.prod(lead))
    flat = [np.broadcast_to(array, lead + array.shape[-1:]).reshape(count, array.shape[-1]) for array in arrays]
    with np.errstate(all="ignore"):
        results = function(*flat)
    return [result.reshape(lead + result.shape[1:]) for result in results]

"""


def _render(recording: Recording) -> bytes:
    constants = _Constants()
    private = [line for function in recording.printed for line in _function(function, constants)]
    start = "those above" if recording.net.structure.starts_elsewhere else "which are zeros"
    public = "".join(_PUBLIC[function.name].format(**recording.sizes, start=start) for function in recording.printed)
    head = [
        f'"""{recording.name}: written by matnet; needs only NumPy.',
        "",
        *recording.origin,
        "",
        "Inputs, x[..., k - 1]",
        *(f"    {line}" for line in recording.input_lines),
        "Outputs, y[..., k - 1]",
        *(f"    {line}" for line in recording.output_lines),
        *remembered(recording),
        '"""',
        "",
        "import numpy as np",
        "",
        f"INPUTS = {recording.inputs!a}",
        f"OUTPUTS = {recording.outputs!a}",
        "",
        *constants.lines,
        "",
        "",
        *private,
    ]
    return ("\n".join(head).rstrip("\n") + "\n\n" + _RUN + public).encode()


_DRIVER = """
import importlib.util, sys
import numpy as np
with open(sys.argv[2], "rb") as arguments, open(sys.argv[3], "wb") as answers:
    for line in open(sys.argv[1], encoding="utf-8"):
        number, function, rows, sizes, path = line.rstrip("\\n").split(" ", 4)
        spec = importlib.util.spec_from_file_location("written_" + number, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        shapes = [(int(rows), int(size)) for size in sizes.split(",")]
        arrays = [np.fromfile(arguments, count=shape[0] * shape[1]).reshape(shape) for shape in shapes]
        results = getattr(module, function)(*arrays)
        for result in results if isinstance(results, tuple) else (results,):
            result.tofile(answers)
"""


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One Python process that imports every module and calls its function."""
    listing = []
    for number, job in enumerate(jobs):
        sizes = ",".join(str(array.shape[1]) for array in job.arguments)
        rows = len(job.arguments[0])
        listing.append(f"{number} {_FUNCTIONS[job.function]} {rows} {sizes} {job.path.resolve()}\n")
    (folder / "jobs.txt").write_text("".join(listing), encoding="utf-8")
    write_arguments(jobs, folder)
    execute([sys.executable, "-I", "-W", "error", "-c", _DRIVER, "jobs.txt", IN, OUT], folder, "Python")
    return read_results(jobs, folder)


TARGET = Target(
    ".py",
    "Python",
    _render,
    "Python",
    lambda: "",
    _run,
    about="a module that needs only NumPy: predict, value_and_jacobian, or a step",
    names=NameRule(words=frozenset([*keyword.kwlist, "numpy"]), longest=255, file="Python imports a module"),
)
