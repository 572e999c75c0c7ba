"""Fortran 2008: a module with pure, C-interoperable ``eval(x, y)`` and ``eval_jac(x, y, dydx)`` for one sample.

A dynamic network is written as ``step(x, states, y, next_states)``.
"""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

from matnet.errors import UnsupportedError, counted
from matnet.exporters.loops import Body, Constants, Language, four_a_line
from matnet.exporters.names import NameRule
from matnet.exporters.operators import ARITHMETIC, COMPARISONS, functions
from matnet.exporters.recording import Function, Port, Recording, remembered
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.target import Job, Target
from matnet.functions.namespace import FloatArray

_WORK_LIMIT = 1 << 22  # bytes of local arrays; a thread's stack often holds no more than twice as much

_LONGEST_LINE = 128  # of 132, to leave room for the continuation mark

_TABLE = {
    **ARITHMETIC,
    **COMPARISONS,
    **functions(),
    "sign": "merge(1.0_dp, merge(-1.0_dp, {0}, {0} < 0.0_dp), {0} > 0.0_dp)",
    "not_equal": "{0} /= {1}",
    "logical_and": "{0} .and. {1}",
    "logical_or": "{0} .or. {1}",
    "logical_not": ".not. {0}",
    "where": "merge({1}, {2}, {0})",
}
"""The elementwise operations of a tape in Fortran."""

_INTRINSIC = ("abs", "c_double", "c_int64_t", "exp", "merge", "sqrt", "tanh", "transfer")
"""Names of Fortran that the written code uses."""

_KINDS = {"float": "real(dp)", "bool": "logical", "int": "integer"}

_PUBLIC = {"value": "eval", "value_and_jacobian": "eval_jac", "step": "step", "step_and_jacobians": "step_jac"}


class _Fortran(Language):
    """Fortran with arrays indexed from 0."""

    table = _TABLE
    bytes = {"float": 8, "bool": 4, "int": 4}  # noqa: RUF012 - never changed
    brackets = "()"

    def literal(self, item: float | bool | int) -> str:
        """A number at full precision; a subnormal one, which compilers refuse, by its bits."""
        if isinstance(item, bool):
            return ".true." if item else ".false."
        if not isinstance(item, float):
            return str(item)
        if item != item:
            return "nan"
        if item in (float("inf"), float("-inf")):
            return "infinity" if item > 0 else "minus_infinity"
        if 0.0 < abs(item) < 2.2250738585072014e-308:
            (bits,) = struct.unpack("<q", struct.pack("<d", abs(item)))
            return f"({'-' if item < 0 else ''}transfer({bits}_c_int64_t, 1.0_dp))"
        text = f"{item:.17g}"
        text = (text if any(sign in text for sign in ".e") else text + ".0") + "_dp"
        return f"({text})" if text.startswith("-") else text

    def array(self, name: str, kind: str, numbers: Sequence[str]) -> list[str]:
        """The declaration of a constant array, in parts that are short enough for a statement."""
        named, values = [], []
        for index, number in enumerate(numbers):
            if "transfer" in number:
                named.append(f"real(dp), parameter :: {name}_{index} = {number}")
                number = f"{name}_{index}"
            values.append(number)
        lines = [*named, f"{_KINDS[kind]} :: {name}(0:{len(values) - 1})"]
        for start in range(0, len(values), 40):
            part = values[start : start + 40]
            rows = four_a_line(part)
            lines.append(f"data {name}({start}:{start + len(part) - 1}) / &")
            lines += [f"    {row} &" for row in rows[:-1]] + [f"    {rows[-1]} /"]
        return lines

    def loop(self, name: str, start: int, stop: int, body: Sequence[str]) -> list[str]:
        """A do loop."""
        return [f"do {name} = {start}, {stop - 1}", *(f"    {line}" for line in body), "end do"]

    def local(self, kind: str, name: str, value: str) -> str:
        """A variable's first value; it is declared at the top."""
        return self.assign(name, value)

    def assign(self, target: str, value: str) -> str:
        """An assignment."""
        return f"{target} = {value}"

    def branch(self, condition: str, statement: str) -> str:
        """A statement that is executed if the condition holds."""
        return f"if ({condition}) {statement}"

    def scope(self, body: Sequence[str]) -> list[str]:
        """The statements themselves."""
        return list(body)


def _bounds(port: Port) -> str:
    return ", ".join(f"0:{size - 1}" for size in port.shape)


def _element(port: Port) -> Callable[[Sequence[str]], str]:
    return lambda index: f"{port.name}({', '.join(index)})"


def _subroutine(recording: Recording, function: Function, constants: Constants) -> list[str]:
    body = Body(function, constants, [_element(port) for port in function.results])
    if body.work > _WORK_LIMIT:
        raise UnsupportedError(
            f"Fortran would need {body.work} bytes of work memory on the stack, {_WORK_LIMIT} are allowed; "
            "write .onnx or .py, or leave the Jacobian out"
        )
    public, ports = _PUBLIC[function.name], [*function.arguments, *function.results]
    counters = sorted(set(re.findall(r"\bdo (\w+) =", "\n".join(body.lines))))
    text = "\n".join(body.lines)
    locals_ = [
        *(f"real(dp), intent(in) :: {port.name}({_bounds(port)})" for port in function.arguments),
        *(f"real(dp), intent(out) :: {port.name}({_bounds(port)})" for port in function.results),
        *(f"{_KINDS[kind]} :: {name}(0:{count - 1})" for name, (kind, count) in body.buffers.items()),
        *([f"integer :: {', '.join(counters)}"] if counters else []),
        *(["real(dp) :: s"] if re.search(r"\bs = ", text) else []),
        *(["integer :: m"] if re.search(r"\bm = ", text) else []),
    ]
    # recursive: several threads may call it, as its arrays are on the stack
    head = f"pure recursive subroutine {public}({', '.join(port.name for port in ports)})"
    return [
        f'{head} bind(c, name="{recording.name}_{public}")',
        *(f"    {line}" for line in [*locals_, "", *body.lines]),
        f"end subroutine {public}",
        "",
    ]


def _render(recording: Recording) -> bytes:
    constants = Constants(_Fortran())
    bodies = [line for function in recording.printed for line in _subroutine(recording, function, constants)]
    sizes = recording.sizes
    usage = [
        f"{recording.name}: written by matnet; Fortran 2008 without dependencies.",
        *recording.origin,
        "",
        f"One sample: x has {counted(sizes['R'], 'element')}, y has {sizes['S']}, raw scale on both sides.",
        "dydx(i, j) is dy_i/dx_j, and so on. The names for C begin with the module's.",
        "",
        "Inputs, x(k)",
        *(f"    {line}" for line in recording.input_lines),
        "Outputs, y(k)",
        *(f"    {line}" for line in recording.output_lines),
        *remembered(recording),
    ]
    inner = [
        "use, intrinsic :: iso_c_binding, only: c_double, c_int64_t",
        "implicit none",
        "private",
        f"public :: {', '.join(_PUBLIC[function.name] for function in recording.printed)}",
        "",
        "integer, parameter :: dp = c_double",
        "real(dp), parameter :: nan = transfer(9221120237041090560_c_int64_t, 1.0_dp)",
        "real(dp), parameter :: infinity = transfer(9218868437227405312_c_int64_t, 1.0_dp)",
        "real(dp), parameter :: minus_infinity = -infinity",
        "",
        *constants.lines,
        "",
    ]
    lines = [
        *(f"! {line}"[:130].rstrip() for line in usage),
        f"module {recording.name}",
        *(f"    {line}" for line in inner),
        "contains",
        "",
        *(f"    {line}" for line in bodies),
        f"end module {recording.name}",
    ]
    return ("\n".join(piece.rstrip() for line in lines for piece in _wrapped(line)) + "\n").encode()


def _wrapped(line: str) -> list[str]:
    """A line of code in parts that every compiler accepts."""
    if len(line) <= _LONGEST_LINE or line.startswith("!"):
        return [line]
    indent = len(line) - len(line.lstrip())
    cut = line.rfind(" ", indent + 1, _LONGEST_LINE)
    if cut < 0:
        return [line]
    return [f"{line[:cut]} &", *_wrapped(" " * (indent + 4) + line[cut + 1 :])]


def _driver(jobs: Sequence[Job]) -> str:
    """A program that runs every job on its rows, from in.bin to out.bin."""
    uses = dict.fromkeys((job.name, _PUBLIC[job.function]) for job in jobs)
    lines = [
        "program driver_of_jobs",
        "use, intrinsic :: iso_c_binding, only: c_double",
        *(f"use {name}, only: {name}_{public} => {public}" for name, public in uses),
        "implicit none",
        "integer :: q",
        f"open(unit=10, file='{IN}', access='stream', form='unformatted', status='old', action='read')",
        f"open(unit=11, file='{OUT}', access='stream', form='unformatted', status='replace', action='write')",
    ]
    for job in jobs:
        rows, sizes = len(job.arguments[0]), [array.shape[1] for array in job.arguments]
        columns = [f"a{k}(:, q)" for k in range(len(sizes))] + [f"v{k}" for k in range(len(job.shapes))]
        lines += ["block", "real(c_double), allocatable :: &"]
        lines.append("    " + ", ".join(f"a{k}(:, :)" for k in range(len(sizes))))
        for k, shape in enumerate(job.shapes):
            lines.append(f"real(c_double) :: v{k}({', '.join(map(str, shape))})")
            lines.append(f"real(c_double), allocatable :: r{k}(:, :)")
        lines += [f"allocate(a{k}({size}, {rows}))" for k, size in enumerate(sizes)]
        lines += [f"allocate(r{k}({prod(shape)}, {rows}))" for k, shape in enumerate(job.shapes)]
        lines += [f"read(10) a{k}" for k in range(len(sizes))]
        lines += [f"do q = 1, {rows}", f"call {job.name}_{_PUBLIC[job.function]}({', '.join(columns)})"]
        for k, shape in enumerate(job.shapes):
            value = f"transpose(v{k})" if len(shape) == 2 else f"v{k}"
            lines.append(f"r{k}(:, q) = reshape({value}, [{prod(shape)}])")
        lines += ["end do", *(f"write(11) r{k}" for k in range(len(job.shapes))), "end block"]
    return "\n".join([*lines, "end program driver_of_jobs", ""])


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One program of all modules."""
    (folder / "driver.f90").write_text(_driver(jobs), encoding="ascii")
    write_arguments(jobs, folder)
    sources = list(dict.fromkeys(str(job.path.resolve()) for job in jobs))
    execute([str(_compiler()), "-std=f2008", "-O0", *sources, "driver.f90", "-o", "driver"], folder, "Fortran")
    execute([str(folder.resolve() / "driver")], folder, "Fortran")
    return read_results(jobs, folder)


def _compiler() -> str | None:
    return shutil.which("gfortran")


TARGET = Target(
    ".f90",
    "Fortran",
    _render,
    "gfortran",
    lambda: "" if _compiler() else "gfortran",
    _run,
    about="a module of pure subroutines for one sample, callable from C: y, y with dy/dx, or a step",
    names=NameRule(
        words=frozenset({"driver", "dp", "nan", "infinity", "minus_infinity", *_INTRINSIC, *_PUBLIC.values()}),
        numbered="c",
        caseless=True,
    ),
)
