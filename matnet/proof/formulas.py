"""The check of a formula's text: it is run in its language and compared with the formula."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from matnet.errors import FormatError
from matnet.exporters.libreoffice import computed_rows, libreoffice
from matnet.exporters.running import IN, OUT, execute, read_results, write_arguments
from matnet.exporters.target import Job
from matnet.extras import need
from matnet.files import ExactFloat
from matnet.formulas.documents import FUNCTION
from matnet.formulas.formula import FIRST_ROW, Formula
from matnet.formulas.numbers import ROUNDING, differences, points
from matnet.formulas.syntax import Format
from matnet.functions.namespace import FloatArray

_POINTS = 100
_FIFTEEN_DIGITS = 5e-15
"""The rounding of a number that LibreOffice writes, relative to it."""


@dataclass(frozen=True)
class FormulaRun:
    """The result of running a formula's text.

    ``share`` is the largest difference from the network, as a share of the range of a result; ``same`` is whether it
    computes what the formula does with the digits that are written. ``missing`` is what must be installed to run it,
    ``failure`` the message of its language.
    """

    runtime: str
    points: int = _POINTS
    share: float = np.inf
    same: bool = False
    missing: str = ""
    failure: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the text was run and computes the formula."""
        return not self.failure and self.same


def run_text(formula: Formula, text: str) -> FormulaRun:
    """Runs the text of a formula at points of the range of its inputs."""
    runtime, missing, run = _RUNTIMES[formula.format]
    lacking = missing()
    if lacking:
        return FormulaRun(runtime, missing=lacking)
    x = points(formula.recorded, _POINTS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            got = run(formula, text, x, Path(folder))
    except FormatError as error:
        return FormulaRun(runtime, failure=str(error))
    expected = formula.computed(x)
    # the range of the results is that over as many points as the formula was compared at
    typical = formula.expected
    from_network = differences(formula.recorded.reference(x), got, formula.names, typical)
    share = max((entry.share for entry in from_network), default=0.0)
    rounding = ROUNDING + _FIFTEEN_DIGITS if formula.format == "excel" else ROUNDING
    same = all(entry.rounding for entry in differences(expected, got, formula.names, typical, rounding))
    return FormulaRun(runtime, share=share, same=same)


def _read(formula: Formula, x: FloatArray, folder: Path, command: list[str], language: str) -> FloatArray:
    """The results (N, results) of a program in the folder that reads and writes the numbers of a job."""
    job = Job(folder, FUNCTION, FUNCTION, (x,), ((len(formula.names),),))
    write_arguments([job], folder)
    execute(command, folder, language)
    return read_results([job], folder)[0][0]


_PYTHON = f"""import numpy as np
import {FUNCTION}

x = np.fromfile("{IN}").reshape(COUNT, SIZE)
with np.errstate(all="ignore"):
    y = {FUNCTION}.NAME(*x.T)
y = y if isinstance(y, tuple) else (y,)
np.stack([np.broadcast_to(column, len(x)) for column in y], axis=1).astype(float).tofile("{OUT}")
"""


def _sized(program: str, x: FloatArray, results: int) -> str:
    """A program with the numbers of points, arguments and results in it."""
    return program.replace("COUNT", str(len(x))).replace("SIZE", str(x.shape[1])).replace("RESULTS", str(results))


def _in_python(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    (folder / f"{FUNCTION}.py").write_text(text, encoding="utf-8")
    (folder / "run.py").write_text(_sized(_PYTHON, x, 0).replace("NAME", formula.function), encoding="utf-8")
    return _read(formula, x, folder, [sys.executable, "run.py"], "Python")


def _text_in_python(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    """Equations as Python: ^ is **, if(..) is where(..), = in a condition ==."""
    statements = []
    for line in re.sub(r"\n +", " ", text).splitlines():
        if line.startswith("#"):
            continue
        name, _, expression = line.partition(" = ")
        for sign, meaning in ((r"\^", "**"), (r"\bif\(", "where("), (r"(?<![<>]) = ", " == ")):
            expression = re.sub(sign, meaning, expression)
        expression = re.sub(r"\bnot\(", "logical_not(", expression)
        expression = re.sub(r"\band\b", "&", re.sub(r"\bor\b", "|", expression))
        statements.append(f"    {name} = {expression}")
    lines = [
        "from numpy import abs, exp, inf as Inf, logical_not, nan as NaN, sign, sqrt, tanh, where",
        "from functools import reduce",
        "import numpy",
        "def max(*parts): return reduce(numpy.maximum, parts)",
        "def min(*parts): return reduce(numpy.minimum, parts)",
        f"def {formula.function}({', '.join(formula.written.inputs)}):",
        *statements,
        f"    return {', '.join(formula.written.results)}",
    ]
    return _in_python(formula, "\n".join(lines), x, folder)


_SYMPY = f"""from pathlib import Path

import numpy as np
import sympy

x = np.fromfile("{IN}").reshape(COUNT, SIZE)
names = {{}}
exec(Path("formula.py").read_text(encoding="utf-8"), names)
f = sympy.lambdify([names[name] for name in INPUTS], [names[name] for name in NAMES], "numpy", cse=True)
with np.errstate(all="ignore"):
    y = f(*x.T)
np.stack([np.broadcast_to(column, len(x)) for column in y], axis=1).astype(float).tofile("{OUT}")
"""


def _in_sympy(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    (folder / "formula.py").write_text(text, encoding="utf-8")
    program = _sized(_SYMPY, x, 0)
    program = program.replace("INPUTS", repr(formula.written.inputs)).replace("NAMES", repr(formula.written.results))
    (folder / "run.py").write_text(program, encoding="utf-8")
    return _read(formula, x, folder, [sys.executable, "run.py"], "SymPy")


_OCTAVE = f"""in = fopen('{IN}', 'r');
x = reshape(fread(in, [SIZE, COUNT], 'double'), SIZE, COUNT);
fclose(in);
arguments = num2cell(x, 2);
y = cell(1, RESULTS);
[y{{:}}] = {FUNCTION}(arguments{{:}});
out = fopen('{OUT}', 'w');
for k = 1:RESULTS
    y{{k}} = y{{k}} + zeros(1, COUNT);
end
fwrite(out, vertcat(y{{:}}), 'double');
fclose(out);
"""


def _octave() -> str | None:
    return shutil.which("octave-cli") or shutil.which("octave")


def _in_octave(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    (folder / f"{FUNCTION}.m").write_text(text, encoding="utf-8")
    (folder / "run_it.m").write_text(_sized(_OCTAVE, x, len(formula.names)), encoding="utf-8")
    return _read(formula, x, folder, [str(_octave()), "--no-gui", "-qf", "run_it.m"], "MATLAB code")


_C = f"""#include <stdio.h>
int main(void) {{
    static double driver_x[SIZE + 1], driver_y[RESULTS];
    FILE *driver_in = fopen("{IN}", "rb"), *driver_out = fopen("{OUT}", "wb");
    for (int driver_k = 0; driver_k < COUNT; driver_k++) {{
        if (fread(driver_x, sizeof(double), SIZE, driver_in) != SIZE) return 1;
        CALL;
        fwrite(driver_y, sizeof(double), RESULTS, driver_out);
    }}
    return fclose(driver_out);
}}
"""
"""Its names are hardly ever that of the function, which they would hide."""


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


def _in_c(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    results = len(formula.names)
    arguments = [f"driver_x[{k}]" for k in range(x.shape[1])]
    call = f"driver_y[0] = {formula.function}({', '.join(arguments)})"
    if results > 1:
        call = f"{formula.function}({', '.join([*arguments, 'driver_y'])})"
    program = _sized(_C, x, results).replace("CALL", call)
    (folder / "main.c").write_text(f"{text}\n\n{program}", encoding="utf-8")
    flags = ["-std=c99", "-O0", "-o", "formula", "main.c", "-lm"]
    execute([str(_compiler()), *flags], folder, "C")
    return _read(formula, x, folder, [str(folder / "formula")], "C")


def _in_libreoffice(formula: Formula, text: str, x: FloatArray, folder: Path) -> FloatArray:
    """The row pasted into a sheet and filled down."""
    xlsxwriter = need("an Excel workbook", "excel", "xlsxwriter")
    cells = text.splitlines()[1].split("\t")
    size = x.shape[1]
    book: Any = xlsxwriter.Workbook(folder / "formula.xlsx")
    sheet = book.add_worksheet()
    own_row = re.compile(rf"(?<![A-Za-z0-9.])([A-Z]{{1,3}}){FIRST_ROW}\b")
    for place, values in enumerate(x.tolist()):
        for column, value in enumerate(values):
            sheet.write_number(place, column, ExactFloat(value))
        for column, cell in enumerate(cells[size:], start=size):
            sheet.write_formula(place, column, own_row.sub(rf"\g<1>{place + 1}", cell))
    book.close()
    rows = computed_rows([folder / "formula.xlsx"], folder, 1)[0]
    return rows[:, size : size + len(formula.names)]


def _always() -> str:
    return ""


def _needs_libreoffice() -> str:
    if find_spec("xlsxwriter") is None:
        return "xlsxwriter"
    return "" if libreoffice() else "LibreOffice"


_Runner = Callable[[Formula, str, FloatArray, Path], FloatArray]

_RUNTIMES: dict[Format, tuple[str, Callable[[], str], _Runner]] = {
    "text": ("Python", _always, _text_in_python),
    "python": ("Python", _always, _in_python),
    "sympy": ("SymPy", lambda: "" if find_spec("sympy") else "SymPy", _in_sympy),
    "matlab": ("GNU Octave", lambda: "" if _octave() else "GNU Octave", _in_octave),
    "c": ("the C compiler", lambda: "" if _compiler() else "a C compiler", _in_c),
    "excel": ("LibreOffice", _needs_libreoffice, _in_libreoffice),
}
"""For each format the program that runs it, what is missing for it, and the function that runs it."""
