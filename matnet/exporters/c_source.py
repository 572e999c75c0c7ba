"""C99, which C++ compiles too: one file without allocation, with ``NAME_eval`` and ``NAME_eval_jac`` for one sample.

A dynamic network is written as ``NAME_step``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from matnet.errors import UnsupportedError, counted
from matnet.exporters.loops import Body, Constants, Language, dense, four_a_line
from matnet.exporters.operators import ARITHMETIC, COMPARISONS, functions
from matnet.exporters.recording import Function, Precision, Recording, remembered
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

_WORK_LIMIT = 1 << 22  # bytes of buffers; a thread's stack often holds no more than twice as much

PUBLIC = {
    "value": "eval",
    "value_and_jacobian": "eval_jac",
    "step": "step",
    "step_and_jacobian": "step_jac",
    "step_and_jacobians": "step_jac",
}
"""Suffixes of the functions in a file, after its name."""


_TABLE = {
    **ARITHMETIC,
    **COMPARISONS,
    **functions("{name}{{f}}"),
    "abs": "fabs{f}({0})",
    "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0}",
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_not": "!{0}",
    "where": "{0} ? {1} : {2}",
}
"""The elementwise operations of a tape in C; {f} is the suffix of math.h's functions for float."""


class CLanguage(Language):
    """C99 with numbers of one type; ``counter`` is how a loop declares its variable."""

    counter = "int"

    def __init__(self, precision: Precision) -> None:
        single = precision == "float32"
        self.real, self._suffix = ("float", "f") if single else ("double", "")
        self.table = {operation: form.replace("{f}", self._suffix) for operation, form in _TABLE.items()}
        self.bytes = {"float": 4 if single else 8, "bool": 4, "int": 4}

    def kind(self, kind: str) -> str:
        """The type of a float, a bool or an int."""
        return self.real if kind == "float" else "int"

    def literal(self, item: float | bool | int) -> str:
        """A number at full precision."""
        if not isinstance(item, float):
            return str(int(item))
        if item != item:
            return "NAN"
        if self._suffix:
            item = float(np.float32(item))
        if item in (np.inf, -np.inf):
            return "INFINITY" if item > 0 else "(-INFINITY)"
        text = f"{item:.9g}" if self._suffix else f"{item:.17g}"
        text = (text if any(sign in text for sign in ".e") else text + ".0") + self._suffix
        return f"({text})" if text.startswith("-") else text

    def array(self, name: str, kind: str, numbers: Sequence[str]) -> list[str]:
        """The declaration of a constant array."""
        rows = [f"    {row}" for row in four_a_line(numbers)]
        return [f"static const {self.kind(kind)} {name}[{len(numbers)}] = {{", *rows, "};"]

    def loop(self, name: str, start: int, stop: int, body: Sequence[str]) -> list[str]:
        """A for loop, with braces if they are needed."""
        head = f"for ({self.counter} {name} = {start}; {name} < {stop}; {name}++)"
        if body[0] == "{":
            return [f"{head} {{", *body[1:]]
        lines = [f"    {line}" for line in body]
        return [head, *lines] if _single(body) else [f"{head} {{", *lines, "}"]

    def local(self, kind: str, name: str, value: str) -> str:
        """A new variable."""
        return f"{self.kind(kind)} {name} = {value};"

    def assign(self, target: str, value: str) -> str:
        """An assignment."""
        return f"{target} = {value};"

    def branch(self, condition: str, statement: str) -> str:
        """A statement that is executed if the condition holds."""
        return f"if ({condition}) {statement}"


def _single(body: Sequence[str]) -> bool:
    """Whether lines are one statement: one line, or a loop and what is indented under it."""
    return len(body) == 1 or (
        body[0].startswith("for ") and all(line.startswith(" ") for line in body[1:-1]) and body[-1][0] in " }"
    )


C = CLanguage("float64")


def signature(recording: Recording, function: Function, real: str) -> str:
    """The head of a function in C."""
    arguments = [f"const {real} *{port.name}" for port in function.arguments]
    results = [f"{real} *{port.name}" for port in function.results]
    return f"void {recording.name}_{PUBLIC[function.name]}({', '.join([*arguments, *results])})"


def _function(recording: Recording, function: Function, constants: Constants, language: CLanguage) -> list[str]:
    body = Body(function, constants, [dense(port.name, port.shape).at for port in function.results])
    if body.work > _WORK_LIMIT:
        raise UnsupportedError(
            f"C would need {body.work} bytes of work memory on the stack, {_WORK_LIMIT} are allowed; "
            "write .onnx or .py, or leave the Jacobian out"
        )
    buffers = [f"{language.kind(kind)} {name}[{count}];" for name, (kind, count) in body.buffers.items()]
    read = set(re.findall(r"\b(\w+)\[", "\n".join(body.lines)))
    unread = [f"(void){port.name};" for port in function.arguments if port.name not in read]
    return [
        f"/* {body.work} bytes of work memory */",
        signature(recording, function, language.real),
        "{",
        *(f"    {line}" for line in [*buffers, *unread, *body.lines]),
        "}",
        "",
    ]


def _usage(recording: Recording) -> list[str]:
    sizes = recording.sizes
    lines = [f"One sample: x has {counted(sizes['R'], 'element')}, y has {sizes['S']}, raw scale on both sides."]
    if any(function.name == "value_and_jacobian" for function in recording.functions):
        lines.append(f"dydx has {counted(sizes['S'], 'row')} of {sizes['R']}: dydx[i * {sizes['R']} + j] is dy_i/dx_j.")
    if any(function.name == "step_and_jacobians" for function in recording.printed):
        lines.append("Derivatives are written row by row: dy_dstates[i * states + j] is dy_i/dstates_j, and so on.")
    return [*lines, "Several threads may call it; results must not overlap arguments."]


def _head(recording: Recording) -> list[str]:
    """The comment at the top, and the declarations."""
    real = CLanguage(recording.options.precision).real
    return [
        f"/* {recording.name}: written by matnet; C99 and C++, needs only math.h (link with -lm).",
        " *",
        *(f" * {line}" for line in recording.origin),
        " *",
        *(f" * {line}" for line in _usage(recording)),
        " *",
        " * Inputs, x[k - 1]",
        *(f" *     {line}" for line in recording.input_lines),
        " * Outputs, y[k - 1]",
        *(f" *     {line}" for line in recording.output_lines),
        *(f" * {line}" for line in remembered(recording)),
        " */",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        *(f"{signature(recording, function, real)};" for function in recording.printed),
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
    ]


def definitions(recording: Recording, functions: Sequence[Function]) -> list[str]:
    """The lines that define `functions` and the constants that they share."""
    language = CLanguage(recording.options.precision)
    constants = Constants(language)
    bodies = [line for function in functions for line in _function(recording, function, constants, language)]
    return ["#include <math.h>", "", *constants.lines, "", *bodies]


def _render(recording: Recording) -> bytes:
    lines = [*_head(recording), *definitions(recording, recording.printed)]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()


def _header(recording: Recording) -> bytes:
    guard = f"{recording.name.upper()}_H"
    return "\n".join([f"#ifndef {guard}", f"#define {guard}", *_head(recording), "#endif", ""]).encode()


_FLAGS = ("-std=c99", "-O0", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion")


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


_DRIVER = """\
#include <stdio.h>
#include <stdlib.h>

static double *numbers(size_t count, FILE *in)
{
    double *found = malloc((count ? count : 1) * sizeof *found);
    if (!found) exit(5);
    if (in && fread(found, sizeof *found, count, in) != count) exit(2);
    return found;
}

"""


def _driver(jobs: Sequence[Job]) -> str:
    """A main that runs every job on its rows, from in.bin to out.bin."""
    lines, calls = [], []
    for job in jobs:
        real = CLanguage(job.precision).real
        function, rows = f"{job.name}_{PUBLIC[job.function]}", len(job.arguments[0])
        sizes = [array.shape[1] for array in job.arguments] + [prod(shape) for shape in job.shapes]
        inputs = len(job.arguments)
        types = [f"const {real} *" if number < inputs else f"{real} *" for number in range(len(sizes))]
        lines.append(f"void {function}({', '.join(types)});")
        calls.append("    {")
        for number, size in enumerate(sizes):
            calls.append(f"        static {real} v{number}[{max(size, 1)}];")
            calls.append(f"        double *a{number} = numbers({rows * size}, {'in' if number < inputs else 'NULL'});")
        calls.append(f"        for (int q = 0; q < {rows}; q++) {{")
        for number, size in enumerate(sizes[:inputs]):
            each, element = f"for (int i = 0; i < {size}; i++)", f"q * {size} + i"
            calls.append(f"            {each} v{number}[i] = ({real})a{number}[{element}];")
        calls.append(f"            {function}({', '.join(f'v{number}' for number in range(len(sizes)))});")
        for number, size in list(enumerate(sizes))[inputs:]:
            each, element = f"for (int i = 0; i < {size}; i++)", f"q * {size} + i"
            calls.append(f"            {each} a{number}[{element}] = v{number}[i];")
        calls.append("        }")
        for number, size in list(enumerate(sizes))[inputs:]:
            count = rows * size
            calls.append(f"        if (fwrite(a{number}, sizeof(double), {count}, out) != {count}) return 3;")
        calls += [*(f"        free(a{number});" for number in range(len(sizes))), "    }"]
    main = [
        "int main(void)",
        "{",
        f'    FILE *in = fopen("{IN}", "rb"), *out = fopen("{OUT}", "wb");',
        "    if (!in || !out) return 1;",
        *calls,
        "    fclose(in);",
        "    return fclose(out) ? 4 : 0;",
        "}",
        "",
    ]
    return _DRIVER + "\n".join([*lines, "", *main])


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One program of all files, compiled without a warning and run once."""
    (folder / "driver.c").write_text(_driver(jobs), encoding="ascii")
    write_arguments(jobs, folder)
    sources = list(dict.fromkeys(str(job.path.resolve()) for job in jobs))
    execute([str(_compiler()), *_FLAGS, "driver.c", *sources, "-o", "driver", "-lm"], folder, "C")
    execute([str(folder.resolve() / "driver")], folder, "C")
    return read_results(jobs, folder)


TARGET = Target(
    ".c",
    "C",
    _render,
    "a C compiler",
    lambda: "" if _compiler() else "a C compiler",
    _run,
    about="functions for one sample: y, y with dy/dx, or a step; C99 without allocation",
    precisions=("float64", "float32"),
    header=_header,
)
