"""Tapes as one file of C: one function per tape, for any number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import prod

from matnet.compiled.kernel import Kernel
from matnet.errors import UnsupportedError
from matnet.exporters.recording import elements
from matnet.functions.namespace import FloatArray
from matnet.tape.symbols import Tape

_LENGTHS = (64, 32, 16)
"""The lengths of lines, longest first; 8 is for the rest of a batch, and for kernels with large work memory. A single
sample has lines of one number."""

_FAST_MEMORY = 1 << 17
"""Bytes of work memory that stay in a core's own cache."""

MOST_STATEMENTS, MOST_WORK = 1000, 1 << 26
"""The limits of a kernel: statements, and bytes of work memory."""


@dataclass(frozen=True)
class Routine:
    """The interface of a compiled function.

    Sizes per row, the constants to pass, doubles of work memory, and the approximate number of operations per row.
    """

    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    numbers: FloatArray
    work: int
    operations: int


def printed(tapes: Mapping[str, Tape]) -> tuple[str, dict[str, Routine]]:
    """The C of tapes by the functions' names, and the interface of each.

    ``void NAME(count rows, const double *x0, …, double *y0, …, const double *numbers, double *work)``, rows one after
    the other in every array; ``numbers`` and ``work`` begin at multiples of 64 bytes. ``void NAME_alone(double **)``
    takes the same pointers in an array, for a single row.

    Raises
    ------
    UnsupportedError
        A tape is too large for C that compiles in reasonable time.
    """
    kernels = {name: _kernel(tape) for name, tape in tapes.items()}
    lengths = {name: _length(kernel) for name, kernel in kernels.items()}
    text = [_read("prelude.c")]
    for length in sorted({1, 8, *lengths.values()}):
        text.append(_for_lines(length))
        text += [_block(name, kernel, length) for name, kernel in kernels.items() if length in (1, 8, lengths[name])]
    text += [_entry(name, kernel.tape, lengths[name]) for name, kernel in kernels.items()]
    routines = {
        name: Routine(
            tuple(prod(elements(kernel.tape.nodes[number].shape)) for number in kernel.tape.inputs),
            tuple(elements(kernel.tape.nodes[number].shape) for number in kernel.tape.outputs),
            kernel.numbers.array,
            kernel.work * max(lengths[name], 8),
            kernel.operations,
        )
        for name, kernel in kernels.items()
    }
    return "\n".join(text), routines


def _read(name: str) -> str:
    """A C file beside this module."""
    return files("matnet.compiled").joinpath(name).read_text(encoding="ascii")


def _for_lines(length: int) -> str:
    """The functions that depend on the length B of a line, with names that end in it."""
    names = ("load", "store", "copy", "fill", "product", "product_of_lines")
    text = "".join(f"#undef {name}\n#define {name} {name}_{length}\n" for name in names)
    # vectors lie along a line, or along the elements of a single sample
    directives = {
        "B": str(length),
        "SIMD": "" if length == 1 else f"INTERLEAVED({min(length // 8, 4)})",
        "ELEMENTS": "VECTORIZED" if length == 1 else "",
    }
    text += "".join(f"#undef {name}\n#define {name} {value}\n" for name, value in directives.items())
    return text + _read("lines.c")


def _kernel(tape: Tape) -> Kernel:
    """The kernel of a tape; one that is too large is refused."""
    computed = sum(node.value is None for node in tape.nodes)
    advice = "use the network itself, which has no such limit"
    if computed > MOST_STATEMENTS:
        raise UnsupportedError(
            f"{computed:,} operations are too many to compile, at most {MOST_STATEMENTS:,}; {advice}"
        )
    kernel = Kernel(tape)
    if 64 * kernel.work > MOST_WORK:
        raise UnsupportedError(
            f"the compiled code would need {64 * kernel.work:,} bytes of work memory, at most {MOST_WORK:,}; {advice}"
        )
    return kernel


def _length(kernel: Kernel) -> int:
    fitting = [length for length in _LENGTHS if 8 * length * kernel.work <= _FAST_MEMORY]
    return fitting[0] if fitting else 8


def _signature(tape: Tape) -> tuple[str, str]:
    """The parameters of a function after its rows, and their names."""
    inputs = [f"x{number}" for number in range(len(tape.inputs))]
    outputs = [f"y{number}" for number in range(len(tape.outputs))]
    typed = [*(f"const double *{name}" for name in inputs), *(f"double *{name}" for name in outputs)]
    return ", ".join([*typed, "const double *k", "double *w"]), ", ".join([*inputs, *outputs, "k", "w"])


def _block(name: str, kernel: Kernel, length: int) -> str:
    head = f"APART void {name}_{length}(count rows, {_signature(kernel.tape)[0]})"
    aligned = [f"{pointer} = __builtin_assume_aligned({pointer}, 64);" for pointer in ("k", "w")]
    body = "\n".join(f"    {line}" for line in [*aligned, *kernel.lines])
    return f"{head}\n{{\n{body}\n}}\n"


def _entry(name: str, tape: Tape, length: int) -> str:
    """Whole blocks while more rows than half a block remain, then short lines; and a single row."""
    typed, names = _signature(tape)
    alone = ", ".join(f"p[{place}]" for place in range(len(names.split(", "))))
    sizes = [
        *((f"x{place}", prod(elements(tape.nodes[number].shape))) for place, number in enumerate(tape.inputs)),
        *((f"y{place}", prod(elements(tape.nodes[number].shape))) for place, number in enumerate(tape.outputs)),
    ]
    steps = " ".join(f"{pointer} += n * {size};" for pointer, size in sizes)
    return "\n".join(
        [
            f"EXPORT void {name}(count rows, {typed})",
            "{",
            "    while (rows > 0) {",
            f"        int length = rows > {length // 2} ? {length} : 8;",
            "        long n = rows < length ? rows : length;",
            f"        if (length == 8) {name}_8(n, {names});",
            f"        else {name}_{length}(n, {names});",
            f"        {steps}",
            "        rows -= n;",
            "    }",
            "}",
            "",
            f"EXPORT void {name}_alone(double **p)",
            "{",
            f"    {name}_1(1, {alone});",
            "}",
            "",
        ]
    )
