"""Tapes as one file of C: one function per tape, for any number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import prod

from matnet.compiled.kernel import Kernel
from matnet.errors import UnsupportedError
from matnet.exporters.c_source import C
from matnet.exporters.loops import Constants
from matnet.exporters.recording import elements
from matnet.tape.symbols import Tape

_LENGTHS = (64, 32, 16)
"""The lengths of lines, longest first; 8 is for the rest of a batch, and for kernels with large work memory."""

_FAST_MEMORY = 1 << 18
"""Bytes of work memory that stay in a core's own cache."""

MOST_NUMBERS, MOST_STATEMENTS, MOST_WORK = 1 << 18, 1000, 1 << 26
"""The limits of a kernel: constants, statements, and bytes of work memory."""


@dataclass(frozen=True)
class Routine:
    """The interface of a compiled function: sizes per row, doubles of work memory, approximate operations per row."""

    inputs: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    work: int
    operations: int


def printed(tapes: Mapping[str, Tape]) -> tuple[str, dict[str, Routine]]:
    """The C of tapes by the functions' names, and the interface of each.

    ``void NAME(long rows, const double *x0, …, double *y0, …, double *work)``, rows one after the other in every array;
    ``work`` begins at a multiple of 64 bytes.

    Raises
    ------
    UnsupportedError
        A tape is too large for C that compiles in reasonable time.
    """
    constants = Constants(C)
    kernels = {name: _kernel(tape, constants) for name, tape in tapes.items()}
    lengths = {name: _length(kernel) for name, kernel in kernels.items()}
    text = [_read("prelude.c"), *constants.lines]
    for length in sorted({8, *lengths.values()}):
        text.append(_for_lines(length))
        text += [_block(name, kernel, length) for name, kernel in kernels.items() if length in (8, lengths[name])]
    text += [_entry(name, kernel.tape, lengths[name]) for name, kernel in kernels.items()]
    routines = {
        name: Routine(
            tuple(prod(elements(kernel.tape.nodes[number].shape)) for number in kernel.tape.inputs),
            tuple(elements(kernel.tape.nodes[number].shape) for number in kernel.tape.outputs),
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
    wide = 1 if length == 8 else 2
    return f"#undef B\n#define B {length}\n#undef WIDE\n#define WIDE {wide}\n{text}{_read('lines.c')}"


def _kernel(tape: Tape, constants: Constants) -> Kernel:
    """The kernel of a tape; one that is too large is refused."""
    numbers = sum(node.value.size for node in tape.nodes if node.value is not None)
    computed = sum(node.value is None for node in tape.nodes)
    advice = "use the network itself, which has no such limit"
    if numbers > MOST_NUMBERS:
        raise UnsupportedError(f"{numbers:,} constants are too many to compile, at most {MOST_NUMBERS:,}; {advice}")
    if computed > MOST_STATEMENTS:
        raise UnsupportedError(
            f"{computed:,} operations are too many to compile, at most {MOST_STATEMENTS:,}; {advice}"
        )
    kernel = Kernel(tape, constants)
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
    typed = [*(f"const double *{name}" for name in inputs), *(f"double *{name}" for name in outputs), "double *w"]
    return ", ".join(typed), ", ".join([*inputs, *outputs, "w"])


def _block(name: str, kernel: Kernel, length: int) -> str:
    head = f"APART void {name}_{length}(long rows, {_signature(kernel.tape)[0]})"
    body = "\n".join(f"    {line}" for line in ["w = __builtin_assume_aligned(w, 64);", *kernel.lines])
    return f"{head}\n{{\n{body}\n}}\n"


def _entry(name: str, tape: Tape, length: int) -> str:
    """Whole blocks while more rows than half a block remain, then short lines."""
    typed, names = _signature(tape)
    sizes = [
        *((f"x{place}", prod(elements(tape.nodes[number].shape))) for place, number in enumerate(tape.inputs)),
        *((f"y{place}", prod(elements(tape.nodes[number].shape))) for place, number in enumerate(tape.outputs)),
    ]
    steps = " ".join(f"{pointer} += n * {size};" for pointer, size in sizes)
    return "\n".join(
        [
            f"void {name}(long rows, {typed})",
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
        ]
    )
