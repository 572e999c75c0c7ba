"""C99: one file without allocation, with ``NAME_eval`` and ``NAME_eval_jac`` for one sample.

A network that looks back in time is written as ``NAME_step``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from matnet.errors import FormatError, UnsupportedError
from matnet.exporters.c_statements import Body, Constants
from matnet.exporters.names import documented
from matnet.exporters.recording import Function, Recording, remembered
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

_WORK_LIMIT = 1 << 22  # bytes of buffers; a thread's stack often holds no more than twice as much

_PUBLIC = {"value": "eval", "value_and_jacobian": "eval_jac", "step": "step"}


def _signature(recording: Recording, function: Function, real: str) -> str:
    given = [f"const {real} *{port.name}" for port in function.arguments]
    found = [f"{real} *{port.name}" for port in function.results]
    return f"void {recording.name}_{_PUBLIC[function.name]}({', '.join([*given, *found])})"


def _function(recording: Recording, function: Function, constants: Constants) -> list[str]:
    body = Body(function, constants, [port.name for port in function.results])
    if body.work > _WORK_LIMIT:
        raise UnsupportedError(
            f"C would need {body.work} bytes of work memory on the stack, {_WORK_LIMIT} are allowed; "
            "write .onnx or .py, or leave the Jacobian out"
        )
    buffers = [f"{kind} {name}[{count}];" for name, (kind, count) in body.buffers.items()]
    read = set(re.findall(r"\b(\w+)\[", "\n".join(body.lines)))
    unread = [f"(void){port.name};" for port in function.arguments if port.name not in read]
    return [
        f"/* {body.work} bytes of work memory */",
        _signature(recording, function, constants.real),
        "{",
        *(f"    {line}" for line in [*buffers, *unread, *body.lines]),
        "}",
        "",
    ]


def _usage(recording: Recording) -> list[str]:
    sizes = recording.sizes
    lines = [f"One sample: x has {sizes['R']} elements, y has {sizes['S']}, raw scale on both sides."]
    if any(function.name == "value_and_jacobian" for function in recording.functions):
        lines.append(f"dydx has {sizes['S']} rows of {sizes['R']}: dydx[i * {sizes['R']} + j] is dy_i/dx_j.")
    return [*lines, "Several threads may call it; results must not overlap arguments."]


def _render(recording: Recording) -> bytes:
    constants = Constants(recording.options.precision)
    bodies = [line for function in recording.functions for line in _function(recording, function, constants)]
    head = [
        f"/* {recording.name}: written by matnet; C99, needs only math.h (link with -lm).",
        " *",
        *(f" * {line}" for line in recording.origin),
        " *",
        *(f" * {line}" for line in _usage(recording)),
        " *",
        " * Inputs, x[k - 1]",
        *(f" *     {line}" for line in documented(recording.inputs, recording.input_range.tolist())),
        " * Outputs, y[k - 1]",
        *(f" *     {line}" for line in documented(recording.outputs, recording.output_range.tolist())),
        *(f" * {line}" for line in remembered(recording)),
        " */",
        "#include <math.h>",
        "",
        *(f"{_signature(recording, function, constants.real)};" for function in recording.functions),
        "",
        *constants.lines,
        "",
        *bodies,
    ]
    return ("\n".join(head).rstrip("\n") + "\n").encode()


_FLAGS = ("-std=c99", "-O0", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion")


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def _driver(jobs: Sequence[Job]) -> str:
    """A main that runs every job on its rows, from in.bin to out.bin."""
    lines = ["#include <stdio.h>", "#include <stdlib.h>", ""]
    calls = []
    for job in jobs:
        real = "double" if job.precision == "float64" else "float"
        function = f"{job.name}_{_PUBLIC[job.function]}"
        given = [max(array.shape[1], 1) for array in job.arguments]
        found = [max(prod(shape), 1) for shape in job.shapes]
        types = ", ".join([f"const {real} *"] * len(given) + [f"{real} *"] * len(found))
        names = [f"a{k}" for k in range(len(given))] + [f"r{k}" for k in range(len(found))]
        lines.append(f"void {function}({types});")
        body = [f"static {real} {name}[{size}];" for name, size in zip(names, [*given, *found], strict=True)]
        body.append(f"for (int q = 0; q < {len(job.arguments[0])}; q++) {{")
        for name, array in zip(names, job.arguments, strict=False):
            count = array.shape[1]
            body.append(f"    if (fread({name}, sizeof({real}), {count}, in) != {count}) return 2;")
        body.append(f"    {function}({', '.join(names)});")
        for name, shape in zip(names[len(given) :], job.shapes, strict=True):
            body.append(f"    if (fwrite({name}, sizeof({real}), {prod(shape)}, out) != {prod(shape)}) return 3;")
        calls += ["    {", *(f"        {line}" for line in [*body, "}"]), "    }"]
    return "\n".join(
        [
            *lines,
            "int main(int count, char **arguments)",
            "{",
            "    if (count != 3) return 1;",
            '    FILE *in = fopen(arguments[1], "rb"), *out = fopen(arguments[2], "wb");',
            "    if (!in || !out) return 1;",
            *calls,
            "    fclose(in);",
            "    return fclose(out) ? 4 : 0;",
            "}",
            "",
        ]
    )


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One program of all files, compiled without a warning and run once."""
    (folder / "driver.c").write_text(_driver(jobs), encoding="ascii")
    types = {"float64": np.float64, "float32": np.float32}
    with (folder / "in.bin").open("wb") as file:
        for job in jobs:
            file.write(np.concatenate(job.arguments, axis=1).astype(types[job.precision]).tobytes())
    sources = list(dict.fromkeys(str(job.path.resolve()) for job in jobs))
    command = [str(_compiler()), *_FLAGS, "driver.c", *sources, "-o", "driver", "-lm"]
    for arguments in (command, [str(folder.resolve() / "driver"), "in.bin", "out.bin"]):
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FormatError(f"the written C does not run ({done.returncode}): {done.stderr.strip()[:2000]}")
    content, results, start = (folder / "out.bin").read_bytes(), [], 0
    for job in jobs:
        rows, sizes = len(job.arguments[0]), [prod(shape) for shape in job.shapes]
        numbers = np.frombuffer(content, types[job.precision], rows * sum(sizes), start)
        start += numbers.nbytes
        parts = np.split(numbers.reshape(rows, sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
        results.append(
            [part.reshape(rows, *shape).astype(np.float64) for part, shape in zip(parts, job.shapes, strict=True)]
        )
    return results


TARGET = Target(
    ".c",
    "C",
    "a C compiler",
    _render,
    lambda: "" if _compiler() else "a C compiler",
    _run,
    precisions=("float64", "float32"),
)
