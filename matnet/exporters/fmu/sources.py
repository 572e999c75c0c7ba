"""The C files of an FMU, and the shared library that a compiler builds from them."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from matnet.errors import FormatError
from matnet.exporters.c_source import PUBLIC, C, definitions, signature
from matnet.exporters.compilers import c_compiler
from matnet.exporters.fmu.description import starts, step_size
from matnet.exporters.loops import four_a_line
from matnet.exporters.recording import Function, Recording
from matnet.exporters.running import finished, on_one_line

# -O2 takes twice as long to compile and makes the loops no faster
_FLAGS = ("-std=c99", "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden")
_SECONDS = 300

_ARCHITECTURES = {"__x86_64__": "x86_64", "__aarch64__": "aarch64", "__i386__": "x86"}
_SYSTEMS = {"__linux__": ("linux", "so"), "__APPLE__": ("darwin", "dylib")}


@dataclass(frozen=True)
class Compiler:
    """A C compiler, or the reason why there is none.

    ``command`` is what starts it. ``architecture`` and ``system`` are those of the programs that it makes, in the words
    of FMI 3.0, and ``suffix`` that of its shared libraries.
    """

    command: tuple[str, ...] = ()
    architecture: str = ""
    system: str = ""
    suffix: str = ""
    reason: str = ""

    def folder(self, fmi: str) -> str:
        """The folder of ``binaries`` for its shared libraries."""
        if fmi == "2.0":
            return f"{self.system}{32 if self.architecture == 'x86' else 64}"
        return f"{self.architecture}-{self.system}"


def compiler() -> Compiler:
    """The compiler of this machine that CC names, else cc, gcc or clang."""
    return _compiler(os.environ.get("CC", ""), os.environ.get("PATH", ""))


@cache
def _compiler(chosen: str, path: str) -> Compiler:
    """The compiler for these values of CC and PATH."""
    command, reason = c_compiler(chosen)
    if not command:
        return Compiler(reason=reason)
    try:
        answer = finished(
            [*command, "-dM", "-E", "-x", "c", "-"], seconds=_SECONDS, text="#include <math.h>\n#include <stdlib.h>\n"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Compiler(reason=f"the C compiler {shlex.join(command)} does not work: {error}")
    if answer.returncode:
        return Compiler(
            reason=f"the C compiler {shlex.join(command)} does not work: {on_one_line(answer.stderr)[:300]}"
        )
    defined = {line.split()[1] for line in answer.stdout.splitlines() if line.startswith("#define ")}
    architecture = next((name for macro, name in _ARCHITECTURES.items() if macro in defined), "")
    system, suffix = next((names for macro, names in _SYSTEMS.items() if macro in defined), ("", ""))
    if not architecture or not system:
        return Compiler(reason=f"{shlex.join(command)} builds for a system other than Linux or macOS")
    return Compiler(command, architecture, system, suffix)


def library(sources: dict[str, str], chosen: Compiler) -> bytes:
    """The bytes of the shared library, the same for the same sources and compiler.

    Raises
    ------
    FormatError
        The compiler fails.
    """
    name = shlex.join(chosen.command)
    with tempfile.TemporaryDirectory() as folder:
        for file, text in sources.items():
            (Path(folder) / file).write_text(text, encoding="utf-8")
        units = [file for file in sources if file.endswith(".c")]
        try:
            done = finished([*chosen.command, *_FLAGS, *units, "-o", "unit", "-lm"], Path(folder), seconds=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FormatError(f"the C compiler {name} does not work: {error}") from error
        if done.returncode:
            raise FormatError(f"{name} fails ({done.returncode}): {on_one_line(done.stderr)[:2000]}")
        return (Path(folder) / "unit").read_bytes()


def source_files(recording: Recording, fmi: str, token: str) -> dict[str, str]:
    """The text of every C file by its name."""
    functions = functions_of(recording)
    api = f"fmi{fmi[0]}.c"
    shared = {name: files(__package__).joinpath(name).read_text(encoding="utf-8") for name in (api, "instance.h")}
    body = [f"/* {recording.name}: written by matnet; the network itself. */", ""]
    network = "\n".join([*body, *definitions(recording, functions)]).rstrip("\n") + "\n"
    return {**shared, "network.c": network, "network.h": _header(recording, functions, token)}


def functions_of(recording: Recording) -> tuple[Function, ...]:
    """What is computed: y, then y and dy/dx if derivatives are asked for."""
    if recording.net.dynamic and recording.options.jacobian:
        return (*recording.functions, recording.step_and_jacobian)
    return recording.functions


def _header(recording: Recording, functions: tuple[Function, ...], token: str) -> str:
    net, sizes = recording.net, recording.sizes
    value, *more = functions
    numbers = [C.literal(float(number)) for number in starts(recording.input_range)]
    arguments = "x, states" if net.dynamic else "x"
    results = "y, next_states" if net.dynamic else "y"
    unused = "" if net.dynamic else "(void)states, (void)next_states; "
    lines = [
        f"/* {recording.name}: written by matnet. What distinguishes this network from others. */",
        "#ifndef NETWORK_H",
        "#define NETWORK_H",
        "",
        f'#define TOKEN "{token}"',
        f"#define INPUTS {sizes['R']}u",
        f"#define OUTPUTS {sizes['S']}u",
        f"#define STATES {sizes['states']}u",
        f"#define DYNAMIC {int(net.dynamic)}",
        f"#define STEP {C.literal(step_size(recording))}",
        f"#define DERIVATIVES {len(more)}",
        "",
        "/* The values of the inputs in a new instance. */",
        f"static const double network_start[{max(len(numbers), 1)}] = {{",
        *(f"    {row}" for row in four_a_line(numbers or ["0.0"])),
        "};",
        "",
        *(f"{signature(recording, function, 'double')};" for function in functions),
        "",
        "static void network_value(const double *x, const double *states, double *y, double *next_states)",
        "{",
        f"    {unused}{recording.name}_{PUBLIC[value.name]}({arguments}, {results});",
        "}",
        "",
        "static void network_jacobian(const double *x, const double *states, double *y, double *dydx)",
        "{",
    ]
    if more:
        unused = "" if net.dynamic else "(void)states; "
        lines.append(f"    {unused}{recording.name}_{PUBLIC[more[0].name]}({arguments}, y, dydx);")
    else:
        lines.append("    (void)x, (void)states, (void)y, (void)dydx;")
    return "\n".join([*lines, "}", "", "#endif", ""])
