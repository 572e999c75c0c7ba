"""JavaScript: an ES module without dependencies, with ``predict(x)`` and ``valueAndJacobian(x)`` for one sample.

A dynamic network is written as ``step(x, states)`` and ``stepAndJacobian(x, states)``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from matnet.errors import counted
from matnet.exporters.c_source import CLanguage
from matnet.exporters.loops import Body, Constants, dense, four_a_line
from matnet.exporters.names import NameRule, plain
from matnet.exporters.operators import functions
from matnet.exporters.recording import Function, Recording, remembered
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

_ARRAYS = {"float": "Float64Array", "bool": "Uint8Array", "int": "Int32Array"}

_PUBLIC = {
    "value": "predict",
    "value_and_jacobian": "valueAndJacobian",
    "step": "step",
    "step_and_jacobians": "stepAndJacobian",
}

_RETURNS = {
    "value": ("Float64Array", "y"),
    "value_and_jacobian": ("{y: Float64Array, dydx: Float64Array[]}", "{ y, dydx }"),
    "step": ("{y: Float64Array, nextStates: Float64Array}", "{ y, nextStates: next_states }"),
    "step_and_jacobians": (
        "{y: Float64Array, nextStates: Float64Array, dydx: Float64Array[], dydstates: Float64Array[], "
        "dnextdx: Float64Array[], dnextdstates: Float64Array[]}",
        "{ y, nextStates: next_states, dydx: dy_dx, dydstates: dy_dstates, dnextdx: dnext_states_dx, "
        "dnextdstates: dnext_states_dstates }",
    ),
}
"""The return type and the returned expression of each computation."""


class _JavaScript(CLanguage):
    """The differences from C."""

    counter = "let"

    def __init__(self) -> None:
        super().__init__("float64")
        self.table = {**self.table, **functions("Math.{name}"), "equal": "{0} === {1}", "not_equal": "{0} !== {1}"}

    def literal(self, item: float | bool | int) -> str:
        """A number at full precision."""
        if not isinstance(item, float):
            return str(int(item))
        if item != item:
            return "NaN"
        text = repr(item).replace("inf", "Infinity")
        return f"({text})" if text.startswith("-") else text

    def array(self, name: str, kind: str, numbers: Sequence[str]) -> list[str]:
        """The declaration of a constant array."""
        return [f"const {name} = new {_ARRAYS[kind]}([", *(f"    {row}" for row in four_a_line(numbers)), "]);"]

    def local(self, kind: str, name: str, value: str) -> str:
        """A new variable."""
        return f"let {name} = {value};"


def _row_by_row(name: str) -> Callable[[Sequence[str]], str]:
    """The element of a matrix that is an array of its rows."""
    return lambda index: f"{name}[{index[0]}][{index[1]}]"


def _function(recording: Recording, function: Function, constants: Constants) -> list[str]:
    results = [
        dense(port.name, port.shape).at if len(port.shape) == 1 else _row_by_row(port.name) for port in function.results
    ]
    body = Body(function, constants, results)
    lines = [f'{port.name} = checked({port.name}, {port.size}, "{port.name}");' for port in function.arguments]
    lines += [f"const {name} = new {_ARRAYS[kind]}({count});" for name, (kind, count) in body.buffers.items()]
    for port in function.results:
        made = f"new Float64Array({port.shape[-1]})"
        rows = f"Array.from({{ length: {port.shape[0]} }}, () => {made})"
        lines.append(f"const {port.name} = {made if len(port.shape) == 1 else rows};")
    kind, value = _RETURNS[function.name]
    return [
        "/**",
        *(f" * @param {{ArrayLike<number>}} {port.name} {counted(port.size, 'number')}" for port in function.arguments),
        f" * @returns {{{kind}}}",
        " */",
        f"export function {_PUBLIC[function.name]}({', '.join(port.name for port in function.arguments)}) {{",
        *(f"    {line}" for line in [*lines, *body.lines, f"return {value};"]),
        "}",
        "",
    ]


_CHECKED = """\
/** The numbers of an argument, or an error if their count is wrong. */
function checked(numbers, size, name) {
    if (numbers.length !== size) throw new RangeError(`${name} has ${numbers.length} elements, expected ${size}`);
    return Float64Array.from(numbers);
}
"""


def _names(names: Sequence[str]) -> str:
    """Names that cannot end a script element of HTML that the module is put into."""
    return json.dumps(names).replace("<", "\\u003c")


def _ranges(limits: FloatArray) -> str:
    return json.dumps([row if np.isfinite(row).all() else None for row in limits.tolist()], default=list)


def _render(recording: Recording) -> bytes:
    constants = Constants(_JavaScript())
    bodies = [line for function in recording.printed for line in _function(recording, function, constants)]
    sizes = recording.sizes
    lines = [
        "/*",
        f" * {plain(recording.name)}: written by matnet; an ES module without dependencies.",
        *(f" * {line}" for line in recording.origin),
        " *",
        f" * One sample: x has {counted(sizes['R'], 'element')}, y has {sizes['S']}, raw scale on both sides.",
        " * dydx[i][j] is dy_i/dx_j, counted from 0.",
        " *",
        " * Inputs, x[k - 1]",
        *(f" *     {line}" for line in recording.input_lines),
        " * Outputs, y[k - 1]",
        *(f" *     {line}" for line in recording.output_lines),
        *(f" * {line}" for line in remembered(recording)),
        " */",
        "",
        f"export const inputs = {_names(recording.inputs)};",
        f"export const outputs = {_names(recording.outputs)};",
        "/** The range of each element, [low, high]; null if unknown. */",
        f"export const inputRange = {_ranges(recording.input_range)};",
        f"export const outputRange = {_ranges(recording.output_range)};",
        "",
        *constants.lines,
        "",
        _CHECKED,
        *bodies,
    ]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


_DRIVER = """\
import { readFileSync, writeFileSync } from "node:fs";
const [jobs, arguments_, answers_] = process.argv.slice(2);
const numbers = readFileSync(arguments_);
const results = [];
let start = 0;
for (const { module, call, rows, sizes } of JSON.parse(readFileSync(jobs))) {
    const written = await import(module);
    const arrays = sizes.map((size) => {
        const array = Array.from({ length: rows * size }, (_, k) => numbers.readDoubleLE(start + 8 * k));
        start += 8 * rows * size;
        return Array.from({ length: rows }, (_, q) => array.slice(q * size, (q + 1) * size));
    });
    const answers = Array.from({ length: rows }, (_, q) => {
        const answer = written[call](...arrays.map((array) => array[q]));
        return answer instanceof Float64Array ? [answer] : Object.values(answer);
    });
    const flat = (part) => (Array.isArray(part) ? part.flatMap((row) => Array.from(row)) : Array.from(part));
    const parts = answers.length ? answers[0].length : 0;
    for (let part = 0; part < parts; part++) results.push(...answers.map((answer) => flat(answer[part])));
}
const count = results.reduce((sum, result) => sum + result.length, 0);
const content = Buffer.alloc(8 * count);
let end = 0;
for (const result of results) for (const number of result) end = content.writeDoubleLE(number, end);
writeFileSync(answers_, content);
"""


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One Node process that imports every module."""
    listing = []
    for number, job in enumerate(jobs):
        # with this suffix, Node treats the file as an ES module
        module = f"job{number}.mjs"
        shutil.copyfile(job.path, folder / module)
        sizes = [array.shape[1] for array in job.arguments]
        listing.append(
            {"module": f"./{module}", "call": _PUBLIC[job.function], "rows": len(job.arguments[0]), "sizes": sizes}
        )
    (folder / "jobs.json").write_text(json.dumps(listing), encoding="utf-8")
    (folder / "driver.mjs").write_text(_DRIVER, encoding="utf-8")
    write_arguments(jobs, folder)
    execute([str(_node()), "driver.mjs", "jobs.json", IN, OUT], folder, "JavaScript")
    return read_results(jobs, folder)


def _node() -> str | None:
    return shutil.which("node") or shutil.which("nodejs")


TARGET = Target(
    ".js",
    "JavaScript",
    _render,
    "Node.js",
    lambda: "" if _node() else "Node.js",
    _run,
    about="an ES module for one sample, in browsers and Node.js: predict, valueAndJacobian, or a step",
    names=NameRule(free=True),
)
