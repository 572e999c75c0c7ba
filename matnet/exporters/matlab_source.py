"""MATLAB and GNU Octave: ``[y, dydx] = NAME(x)``, samples in columns, vectorised over them.

An array of the tape (N, d1, d2) is written as d2 × d1 × N. With all axes reversed, memory order and broadcasting are
the same in both languages, so that every operation keeps its meaning; only dy/dx is transposed at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matnet.errors import counted
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
    **functions(),
    "multiply": "{0} .* {1}",
    "divide": "{0} ./ {1}",
    "not_equal": "{0} ~= {1}",
    "logical_and": "{0} & {1}",
    "logical_or": "{0} | {1}",
    "logical_not": "~{0}",
    "where": "either({0}, {1}, {2}, {size})",
    "matmul": "product({0}, {1}, {size})",
    "sum": "reshape(sum({0}, 1), {size})",
    "max": "reshape(largest({0}), {size})",
    "min": "reshape(-largest(-{0}), {size})",
    "argmax": "reshape(position({0}), {size})",
    "take": "{0}({1} + 1, :, :, :)",
    "concat": "[{all}]",
    "index": "{indexed}",
    "transpose": "permute({0}, [2, 1, 3, 4])",
    "reshape": "reshape({0}, {size})",
    "broadcast": "spread({0}, {size})",
}
"""The operations of a tape in MATLAB."""

_HELPERS = {
    "either": """
function r = either(condition, a, b, size_)
% a where the condition holds, else b; NaN and Inf in the other one have no effect
a = spread(a, size_);
r = spread(b, size_);
condition = spread(condition, size_);
r(condition) = a(condition);
end
""",
    "largest": """
function r = largest(a)
% the largest along the first axis, NaN if any element is: max alone ignores NaN
r = max(a, [], 1);
r(any(isnan(a), 1)) = NaN;
end
""",
    "position": """
function k = position(a)
% position of the first largest along the first axis, from 0; a NaN counts as the largest
[~, k] = max(double(bsxfun(@eq, a, largest(a)) | isnan(a)), [], 1);
k = k - 1;
end
""",
    "product": """
function r = product(a, b, size_)
% the matrix products of the pages of a (K x S) and b (S x R), both stored transposed
if ndims(b) < 3
    r = reshape(b * reshape(a, size(a, 1), prod(size_(2:end))), size_);
else
    left = reshape(a, [1, size(a, 1), size(a, 2), size(a, 3)]);
    right = reshape(b, [size(b, 1), size(b, 2), 1, size(b, 3)]);
    r = reshape(sum(bsxfun(@times, left, right), 2), size_);
end
end
""",
    "spread": """
function r = spread(a, size_)
% a repeated along axes of length 1
if islogical(a)
    r = a & true(size_);
elseif isequal(size(a), size_)
    r = a;
else
    r = bsxfun(@times, a, ones(size_));
end
end
""",
}
"""Functions that MATLAB and Octave lack; each is written only if it is used."""

_NEEDS = {
    "either": ("either", "spread"),
    "largest": ("largest",),
    "position": ("position", "largest"),
    "product": ("product",),
    "spread": ("spread",),
}

_WORDS = """
break case catch classdef continue else elseif end for function global if otherwise parfor persistent return spmd
switch try while
do until unwind_protect unwind_protect_cleanup end_try_catch end_unwind_protect endfor endfunction endif endparfor
endswitch endwhile
x y dydx n states next_states dy_dx dy_dstates dnext_states_dx dnext_states_dstates
value value_and_jacobian step step_and_jacobians abs sign exp tanh sqrt sum max min reshape permute size prod
any isnan ones true false ndims bsxfun isequal islogical double error
"""
"""Keywords of MATLAB and Octave, and names that the written code uses itself."""


class _Body:
    """The statements of one function; constants are written in the function itself."""

    def __init__(self, function: Function) -> None:
        self.lines: list[str] = []
        self.helpers: set[str] = set()
        self._constants: dict[str, str] = {}
        names: list[str] = []
        for number, node in enumerate(function.tape.nodes):
            if node.value is not None:
                names.append(self._constant(node.value, number))
            elif node.operation == "input":
                names.append(function.arguments[node.attributes[0]].name)
            else:
                names.append(f"t{number}")
                self.lines.append(f"t{number} = {self._expression(node, [names[k] for k in node.operands], function)};")
        self.results = [names[output] for output in function.tape.outputs]

    def _constant(self, value: NDArray[np.generic], number: int) -> str:
        if value.size == 1:
            literal = _literal(value.item())
            return f"({literal})" if literal.startswith("-") else literal
        text = _array(value)
        if text not in self._constants:
            self._constants[text] = f"c{number}"
            self.lines.append(f"c{number} = {text};")
        return self._constants[text]

    def _expression(self, node: Node, operands: Sequence[str], function: Function) -> str:
        size = _size(node.shape)
        fields = {"size": size, "all": "; ".join(operands)}
        if node.operation == "index":
            (operand,) = operands
            fields["indexed"] = _indexed(node, operand, function.tape.nodes[node.operand], size)
        text = _TABLE[node.operation].format(*operands, **fields)
        self.helpers |= {needed for helper, all_ in _NEEDS.items() if f"{helper}(" in text for needed in all_}
        return text


def _literal(item: float | bool | int) -> str:
    if not isinstance(item, float):
        return str(item).lower()
    return f"{item:.17g}".replace("nan", "NaN").replace("inf", "Inf")


def _array(value: NDArray[np.generic]) -> str:
    """A constant with its axes reversed, four numbers per line."""
    numbers = [_literal(item) for item in value.ravel().tolist()]
    rows = ["; ".join(numbers[start : start + 4]) for start in range(0, len(numbers), 4)]
    column = "[" + "; ...\n    ".join(rows) + "]"
    if value.ndim == 1 and value.size:
        return column
    return f"reshape({column}, {_size(value.shape)})"


def _size(shape: Sequence[int | None]) -> str:
    """A shape with its axes reversed; n is the number of samples."""
    sizes = ["n" if size is None else str(size) for size in reversed(shape)]
    return f"[{', '.join(sizes if len(sizes) > 1 else ['1', *sizes])}]"


def _indexed(node: Node, operand: str, source: Node, size: str) -> str:
    """A slice, and new axes as a reshape of it."""
    (key,) = node.attributes
    parts = [part for part in reversed(key) if part is not None]
    axes = list(reversed(source.shape))
    keys = []
    for part, length in zip(parts, axes, strict=True):
        if not isinstance(part, tuple):
            keys.append(str(part + 1))
        else:
            keys.append(":" if part in ((None, None), (0, length)) else f"{part[0] + 1}:{part[1]}")
    sliced = operand if set(keys) == {":"} else f"{operand}({', '.join(keys)})"
    return f"reshape({sliced}, {size})"


_STEP = "[y, next_states, dy_dx, dy_dstates, dnext_states_dx, dnext_states_dstates]"

_BODIES = {
    "value": ("y", "y = value(x);"),
    "value_and_jacobian": ("[y, dydx]", "[y, dydx] = value_and_jacobian(x);"),
    "step": ("[y, next_states]", "[y, next_states] = step(x, states);"),
    "step_and_jacobians": (_STEP, f"{_STEP} = step_and_jacobians(x, states);"),
}
"""The outputs and the call of each computation."""


def _render(recording: Recording) -> bytes:
    bodies = [_Body(function) for function in recording.printed]
    last = recording.printed[-1]
    arguments = ", ".join(port.name for port in last.arguments)
    calls = [_BODIES[function.name][1] for function in recording.printed]
    head = [
        f"function {_BODIES[last.name][0]} = {recording.name}({arguments})",
        f"% {recording.name}: written by matnet; for MATLAB R2016b or newer and GNU Octave.",
        *(f"% {line}".rstrip() for line in _usage(recording)),
        *_checked_arguments(recording),
        *(
            [
                f"if nargout <= {len(recording.functions[0].results)}",
                f"    {calls[0]}",
                "else",
                f"    {calls[1]}",
                "end",
            ]
            if len(calls) > 1
            else calls
        ),
        "end",
        "",
    ]
    for function, body in zip(recording.printed, bodies, strict=True):
        head += _subfunction(function, body)
    needed = sorted(set().union(*(body.helpers for body in bodies)))
    helpers = [_HELPERS[helper].lstrip("\n") for helper in needed]
    return ("\n".join([*head, *helpers]).rstrip("\n") + "\n").encode()


def _usage(recording: Recording) -> list[str]:
    sizes, names = recording.sizes, [function.name for function in recording.printed]
    jacobian = f"dydx  {sizes['S']} x {sizes['R']} x N, dydx(i, j, q) = dy_i/dx_j of sample q"
    states = f"states, next_states  {sizes['states']} x N"
    return [
        "",
        *recording.origin,
        "",
        f"x     {sizes['R']} x N, raw scale, samples in columns",
        f"y     {sizes['S']} x N, raw scale",
        *([jacobian] if "value_and_jacobian" in names else []),
        *([states] if "step" in names else []),
        *(_step_slopes(recording) if "step_and_jacobians" in names else []),
        "",
        "Inputs, x(k, :)",
        *(f"    {line}" for line in recording.input_lines),
        "Outputs, y(k, :)",
        *(f"    {line}" for line in recording.output_lines),
        *remembered(recording),
    ]


def _step_slopes(recording: Recording) -> list[str]:
    return [
        f"{port.name}  {port.shape[0]} x {port.shape[1]} x N"
        for port in recording.printed[-1].results
        if port.shape[1:]
    ]


def _checked_arguments(recording: Recording) -> list[str]:
    lines = []
    for port in recording.functions[0].arguments:
        lines += [
            f"if ndims({port.name}) > 2 || size({port.name}, 1) ~= {port.size}",
            f"    error('{recording.name}: {port.name} must have {counted(port.size, 'row')}, samples are columns');",
            "end",
            f"{port.name} = double({port.name});",
        ]
    return lines


def _subfunction(function: Function, body: _Body) -> list[str]:
    results = {port.name: name for port, name in zip(function.results, body.results, strict=True)}
    for port in function.results:
        if len(port.shape) == 2:
            results[port.name] = f"permute({results[port.name]}, [2, 1, 3])"
    arguments = ", ".join(port.name for port in function.arguments)
    return [
        f"function {_BODIES[function.name][0]} = {function.name}({arguments})",
        f"n = size({function.arguments[-1].name}, 2);",
        *body.lines,
        *(f"{name} = {result};" for name, result in results.items()),
        "end",
        "",
    ]


def _call(job: Job) -> str:
    rows = len(job.arguments[0])
    sizes = [array.shape[1] for array in job.arguments]
    # no names that a file may have: a variable would hide the function in it
    arguments = [f"driver_a{k}" for k in range(len(sizes))]
    results = [f"driver_r{k}" for k in range(len(job.shapes))]
    # reshape, as fread returns 0 x 0 if there is nothing to read
    lines = [
        f"{name} = reshape(fread(driver_in, [{size}, {rows}], 'double'), {size}, {rows});"
        for name, size in zip(arguments, sizes, strict=True)
    ]
    lines.append(f"[{', '.join(results)}] = {job.name}({', '.join(arguments)});")
    for name, shape in zip(results, job.shapes, strict=True):
        wanted = ", ".join(map(str, (*shape, rows)))
        lines.append(f"assert(size(ones({wanted})), size({name}));")
        turned = f"permute({name}, [2, 1, 3])" if len(shape) == 2 else name
        lines.append(f"fwrite(driver_out, {turned}, 'double');")
    return "\n".join(lines)


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One Octave process for all files."""
    calls = []
    for job in jobs:
        quoted = str(job.path.resolve().parent).replace("'", "''")
        calls += [f"addpath('{quoted}');", _call(job)]
    opened = [f"driver_in = fopen('{IN}', 'r');", f"driver_out = fopen('{OUT}', 'w');"]
    script = [*opened, *calls, "fclose(driver_in);", "fclose(driver_out);"]
    (folder / "driver_of_jobs.m").write_text("\n".join(script), encoding="utf-8")
    write_arguments(jobs, folder)
    execute([str(_octave()), "--no-gui", "-qf", "driver_of_jobs.m"], folder, "MATLAB code")
    return read_results(jobs, folder)


def _octave() -> str | None:
    return shutil.which("octave-cli") or shutil.which("octave")


TARGET = Target(
    ".m",
    "MATLAB",
    _render,
    "GNU Octave",
    lambda: "" if _octave() else "GNU Octave",
    _run,
    about="one function of samples in columns, for MATLAB and GNU Octave: [y, dydx], or a step",
    names=NameRule(words=frozenset([*_WORDS.split(), *_NEEDS]), file="MATLAB calls a function"),
)
