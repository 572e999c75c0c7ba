"""Excel: a workbook that computes y and dy/dx by formulas, one sample per row.

The sheet "network" has a row of formulas: inputs, outputs, derivatives, and in grouped columns on the right the steps
between them. Their weights are on the sheet "weights", one row per step: a formula in Excel would drop digits of its
numbers.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from matnet.errors import UnsupportedError
from matnet.exporters.libreoffice import FIRST_SHEET, MAIN, computed_rows, libreoffice
from matnet.exporters.names import NameRule
from matnet.exporters.recording import Recording
from matnet.exporters.target import Job, Target
from matnet.extras import need
from matnet.files import ExactFloat
from matnet.formulas.documents import (
    MOST_COLUMNS,
    Names,
    check_columns,
    checked_cell,
    column_letters,
)
from matnet.formulas.expressions import Expression, needed
from matnet.formulas.layout import Step, Steps, steps_of
from matnet.formulas.numbers import computed, points, rounding
from matnet.formulas.recording import FormulaRequest, RecordedExpressions, recorded
from matnet.formulas.syntax import ATOM, EXCEL, PRODUCT, SUM, Printer, Text, check_excel_number
from matnet.functions.namespace import FloatArray

NETWORK, WEIGHTS = "network", "weights"
"""The sheets."""

FIRST_ROW = 7
"""The row of the first sample."""

_UNITS, _LOWEST, _HIGHEST, _HEADS = 3, 4, 5, 6
_MOST_ARGUMENTS = 255
_STRUCTURAL = 4
"""Whole numbers up to this are written in a formula itself."""


class _Weights:
    """The rows of the sheet "weights", and the cell of each number."""

    def __init__(self) -> None:
        self.rows: list[list[str | float]] = []
        self._heads: tuple[str, ...] = ()
        self._constants: dict[float, str] = {}

    def row(self, name: str, constant: float, heads: Sequence[str], factors: Sequence[float]) -> int:
        """A new row for a step: the number of the row, from 1."""
        check_columns(len(factors) + 2)
        if tuple(heads) != self._heads:
            self._heads = tuple(heads)
            self.rows += [["", "constant", *heads]]
        self.rows.append([name, constant, *factors])
        return len(self.rows)

    def constant(self, name: str, value: float) -> str:
        """The cell of a number that is not a weight, by the name of the first step that needs it."""
        if value not in self._constants:
            if self._heads or not self.rows:
                self._heads = ()
                self.rows.append(["", "constant"])
            self.rows.append([name, value])
            self._constants[value] = f"{WEIGHTS}!$B${len(self.rows)}"
        return self._constants[value]


class _SheetPrinter(Printer):
    """Writes a formula whose sums are over ranges of cells, with the numbers on the sheet of weights."""

    def __init__(
        self,
        cells: Sequence[str],
        named: dict[int, str],
        columns: dict[int, int],
        heads: dict[int, str],
        weights: _Weights,
    ) -> None:
        super().__init__(EXCEL, cells, named, rounding(None))
        self._columns, self._heads, self._weights = columns, heads, weights
        self.step = ""

    def constant(self, value: float | bool) -> Text:
        if isinstance(value, bool) or value != value or _structural(value):
            return super().constant(value)
        check_excel_number(value)
        return Text(self._weights.constant(self.step, float(value)), ATOM)

    def sum(self, part: Expression) -> Text:
        if all(map(_structural, part.coefficients)) and len(part.operands) < 3:
            return super().sum(part)
        terms = sorted(part.terms, key=lambda term: self._columns.get(term[1].number, MOST_COLUMNS))
        factors = [factor for factor, _ in terms]
        for number in (*factors, part.value):
            check_excel_number(number)
        heads = [self._heads.get(operand.number, "") for _, operand in terms]
        row = self._weights.row(self.step, float(part.value), heads, factors)
        pieces = [f"{WEIGHTS}!$B${row}"] if part.value else []
        for first, last in self._runs([operand for _, operand in terms]):
            start, end = (f"{WEIGHTS}!${column_letters(k + 2)}${row}" for k in (first, last))
            if last == first:
                pieces.append(f"{start}*{self.enclosed(terms[first][1], PRODUCT)}")
            else:
                cells = f"{self.referred(terms[first][1])}:{self.referred(terms[last][1])}"
                pieces.append(f"SUMPRODUCT({start}:{end.partition('!')[2]},{cells})")
        return Text("+".join(pieces), SUM)

    def _runs(self, operands: Sequence[Expression]) -> list[tuple[int, int]]:
        """The first and the last column of operands that are adjacent in the sheet."""
        runs: list[tuple[int, int]] = []
        places = [self._columns.get(operand.number) for operand in operands]
        for k, place in enumerate(places):
            previous = places[runs[-1][1]] if runs else None
            if previous is not None and place == previous + 1:
                runs[-1] = (runs[-1][0], k)
            else:
                runs.append((k, k))
        return runs

    def function(self, operation: str, operands: Sequence[Expression]) -> Text:
        if operation in ("max", "min") and len(operands) > 2:
            ordered = sorted(operands, key=lambda operand: self._columns.get(operand.number, MOST_COLUMNS))
            cells = [
                self.referred(ordered[first])
                if first == last
                else f"{self.referred(ordered[first])}:{self.referred(ordered[last])}"
                for first, last in self._runs(ordered)
            ]
            return Text(_grouped(operation.upper(), cells), ATOM)
        if operation in ("logical_and", "logical_or"):
            name = "AND" if operation == "logical_and" else "OR"
            return Text(_grouped(name, [self.referred(operand) for operand in operands]), ATOM)
        return super().function(operation, operands)


def _grouped(name: str, arguments: Sequence[str]) -> str:
    """A function of any number of arguments; Excel takes 255."""
    while len(arguments) > _MOST_ARGUMENTS:
        groups = [arguments[k : k + _MOST_ARGUMENTS] for k in range(0, len(arguments), _MOST_ARGUMENTS)]
        arguments = [f"{name}({','.join(group)})" for group in groups]
    return f"{name}({','.join(arguments)})"


def _structural(value: float | bool) -> bool:
    return value == int(value) and abs(value) <= _STRUCTURAL if np.isfinite(value) else False


def _render(recording: Recording) -> bytes:
    xlsxwriter = need("an Excel workbook", "excel", "xlsxwriter")
    if recording.net.dynamic:
        raise UnsupportedError(
            "a dynamic network is not written as a workbook: its rows would depend on each other; matnet formula gives "
            "the formula of one time step"
        )
    assert recording.functions  # refuses what has no derivative
    net = recording.net.with_names(recording.inputs or None, recording.outputs)
    wanted = FormulaRequest(derivative=recording.options.jacobian)
    sheet = _Sheet(recorded(net.structure, net.program, wanted))
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content)
    _write_network(book, sheet, recording)
    _write_weights(book, sheet.weights)
    book.close()
    return content.getvalue()


class _Sheet:
    """The cells of the row of a sample: names and formulas, column by column, and the values for a first sample."""

    def __init__(self, recorded: RecordedExpressions) -> None:
        self.found = recorded
        steps = steps_of(recorded, "steps", [f"={k}" for k in range(len(recorded.results))], Names("text"), ranges=True)
        self.inputs, self.results = len(recorded.arguments), len(recorded.results)
        self.between = [step for step in steps.sequence if step.result is None]
        check_columns(1 + self.inputs + self.results + len(self.between))
        self.weights = _Weights()
        self.formulas = self._formulas(steps)
        self.heads = [
            *(argument.name for argument in recorded.arguments),
            *(result.name for result in recorded.results),
            *(step.name for step in self.between),
        ]
        middle = points(recorded)[0]
        self.sample = np.array([rounding(3)(value) for value in middle.tolist()])
        computed_parts = [result.expression for result in recorded.results] + [step.expression for step in self.between]
        (self.values,) = computed(computed_parts, self.sample[None, :], rounding(None))

    def _cell(self, column: int) -> str:
        """A cell by its place after the first column, which has the numbers of the samples."""
        return f"{column_letters(column + 1)}{FIRST_ROW}"

    def _formulas(self, steps: Steps) -> list[str]:
        """The formulas of the results, then those of the steps between."""
        place = {f"={k}": self.inputs + k for k in range(self.results)}
        place |= {step.name: self.inputs + self.results + k for k, step in enumerate(self.between)}
        columns = {number: place[name] for number, name in steps.named.items()}
        heads = {number: name for number, name in steps.named.items() if not name.startswith("=")}
        for step in steps.sequence:
            if step.result is not None:
                heads[step.expression.number] = self.found.results[step.result].name
        for part in self._input_expressions(steps):
            columns[part.number] = int(part.value)
            heads[part.number] = self.found.arguments[int(part.value)].name
        cells = [self._cell(k) for k in range(self.inputs)]
        named = {number: self._cell(place[name]) for number, name in steps.named.items()}
        printer = _SheetPrinter(cells, named, columns, heads, self.weights)
        used = self._guard(steps)
        formulas: dict[int, str] = {}
        for step in steps.sequence:
            formulas[place[step.name]] = self._formula(step, steps, printer, used)
        return [formulas[self.inputs + k] for k in range(self.results + len(self.between))]

    def _formula(self, step: Step, steps: Steps, printer: _SheetPrinter, used: str) -> str:
        head = step.name if step.result is None else self.found.results[step.result].name
        printer.step = head
        own = steps.named.get(step.expression.number) == step.name
        text = printer.written(step.expression) if own else printer.referred(step.expression)
        if step.result is not None and used:
            text = f"IF({used},{text},NA())"
        return checked_cell(f"={text.replace(' ', '')}", head)

    def _input_expressions(self, steps: Steps) -> list[Expression]:
        return [part for part in needed([s.expression for s in steps.sequence]) if part.operation == "input"]

    def _guard(self, steps: Steps) -> str:
        """The condition that every input in use is a number: an empty cell is not 0."""
        used = sorted(int(part.value) for part in self._input_expressions(steps))
        runs: list[list[int]] = []
        for place in used:
            if runs and place == runs[-1][1] + 1:
                runs[-1][1] = place
            else:
                runs.append([place, place])
        cells = [f"{self._cell(a)}:{self._cell(b)}" if a < b else self._cell(a) for a, b in runs]
        groups = [cells[k : k + _MOST_ARGUMENTS] for k in range(0, len(cells), _MOST_ARGUMENTS)]
        counts = "+".join(f"COUNT({','.join(group)})" for group in groups)
        return f"{counts}={len(used)}" if used else ""


def _write_network(book: Any, sheet: _Sheet, recording: Recording) -> None:
    page = book.add_worksheet(NETWORK)
    plain, bold = book.add_format(), book.add_format({"bold": True, "bottom": 1})
    given = book.add_format({"bg_color": "#FFF8DC", "border": 1, "border_color": "#C8C8C8"})
    quiet = book.add_format({"font_color": "#707070"})
    outside = book.add_format({"bg_color": "#F4A460"})
    page.write_string(0, 0, "; ".join([f"{recording.name}: written by matnet", *recording.origin]))
    page.write_string(
        1,
        0,
        f"Enter inputs in row {FIRST_ROW}; for more samples fill the whole row down. An input outside its range turns "
        "orange. The columns of the steps are grouped on the right.",
    )
    labels = {_UNITS: "unit", _LOWEST: "lowest in the range", _HIGHEST: "highest in the range", _HEADS: "sample"}
    for row, label in labels.items():
        page.write_string(row - 1, 0, label, bold if row == _HEADS else quiet)
    units = (*recording.net.input_units, *recording.net.output_units)
    for column, unit in enumerate(units, start=1):
        if unit:
            page.write_string(_UNITS - 1, column, unit, quiet)
    limits = np.concatenate([recording.input_range, recording.output_range])
    for column, (low, high) in enumerate(limits.tolist(), start=1):
        if np.isfinite(low):  # else the range is not known
            page.write_number(_LOWEST - 1, column, ExactFloat(low), quiet)
            page.write_number(_HIGHEST - 1, column, ExactFloat(high), quiet)
    for column, head in enumerate(sheet.heads, start=1):
        page.write_string(_HEADS - 1, column, head, bold)
    row = FIRST_ROW - 1
    page.write_formula(row, 0, f"=ROW()-{FIRST_ROW - 1}", quiet, 1)
    for column, value in enumerate(sheet.sample.tolist(), start=1):
        page.write_number(row, column, ExactFloat(value), given)
    for column, (formula, value) in enumerate(
        zip(sheet.formulas, sheet.values.tolist(), strict=True), 1 + sheet.inputs
    ):
        known = value if np.isfinite(value) else "#N/A"
        page.write_formula(row, column, formula, plain if column <= sheet.inputs + sheet.results else quiet, known)
    first, low, high = f"B{FIRST_ROW}", f"B${_LOWEST}", f"B${_HIGHEST}"
    known = f"ISNUMBER({first}),ISNUMBER({low})"
    page.conditional_format(
        row,
        1,
        (1 << 20) - 1,
        sheet.inputs,
        {"type": "formula", "criteria": f"=AND({known},OR({first}<{low},{first}>{high}))", "format": outside},
    )
    page.set_column(0, 0, 20)
    page.set_column(1, sheet.inputs + sheet.results, 14)
    if sheet.between:
        start = 1 + sheet.inputs + sheet.results
        page.set_column(start, start + len(sheet.between) - 1, 12, None, {"level": 1, "hidden": True})
        page.set_column(start + len(sheet.between), start + len(sheet.between), None, None, {"collapsed": True})
    page.freeze_panes(_HEADS, 1)


def _write_weights(book: Any, weights: _Weights) -> None:
    page = book.add_worksheet(WEIGHTS)
    bold = book.add_format({"bold": True})
    for row, entries in enumerate(weights.rows):
        for column, entry in enumerate(entries):
            if isinstance(entry, str):
                page.write_string(row, column, entry, bold)
            else:
                page.write_number(row, column, ExactFloat(entry))
    page.set_column(0, 0, 16)


_OWN_ROW = re.compile(rf"(?<![A-Za-z0-9$!.])([A-Z]{{1,3}}){FIRST_ROW}\b")
"""A reference to a cell of the row of the first sample."""


def _filled_down(book: Path, x: FloatArray, target: Path) -> None:
    """Writes the workbook with the row of the first sample filled down, and inputs x (N, R) in the rows."""
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == FIRST_SHEET:
                content = _with_rows(content, x)
            copy.writestr(name, content)


def _with_rows(content: bytes, x: FloatArray) -> bytes:
    ElementTree.register_namespace("", MAIN.strip("{}"))
    root = ElementTree.fromstring(content)  # the file was written by matnet itself
    data = root.find(f"{MAIN}sheetData")
    assert data is not None
    first = next(row for row in data if row.get("r") == str(FIRST_ROW))
    data.remove(first)
    formulas = [_OWN_ROW.sub(r"\1\n", escape(cell.findtext(f"{MAIN}f", ""))).split("\n") for cell in first]
    letters = [column_letters(column) for column in range(len(first))]
    rows = []
    for place, values in enumerate(x.tolist(), start=FIRST_ROW):
        cells = []
        for column, (letter, pieces) in enumerate(zip(letters, formulas, strict=True)):
            if pieces != [""]:
                cells.append(f'<c r="{letter}{place}"><f>{str(place).join(pieces)}</f></c>')
            elif np.isfinite(values[column - 1]):
                cells.append(f'<c r="{letter}{place}"><v>{values[column - 1]!r}</v></c>')
            else:
                cells.append(f'<c r="{letter}{place}" t="e"><v>#N/A</v></c>')
        rows.append(f'<row r="{place}">{"".join(cells)}</row>')
    return ElementTree.tostring(root).replace(b"</sheetData>", f"{''.join(rows)}</sheetData>".encode())


def _inputs(job: Job) -> FloatArray:
    """x (N, R), the one argument of a static network."""
    (x,) = job.arguments
    return x


def _run(jobs: Sequence[Job], folder: Path) -> list[list[FloatArray]]:
    """One LibreOffice for all files; the samples of all jobs of a file are filled down in one copy of it."""
    paths = list(dict.fromkeys(job.path for job in jobs if len(_inputs(job))))
    starts: dict[int, int] = {}
    books = []
    for number, path in enumerate(paths):
        samples: list[FloatArray] = []
        for place, job in enumerate(jobs):
            if job.path == path:
                starts[place] = sum(map(len, samples))
                samples.append(_inputs(job))
        books.append(folder / f"filled_{number}.xlsx")
        _filled_down(path, np.concatenate(samples), books[-1])
    sheets = computed_rows(books, folder, FIRST_ROW) if books else []
    results = []
    for place, job in enumerate(jobs):
        count, size = _inputs(job).shape
        total = sum(prod(shape) for shape in job.shapes)
        flat = np.zeros((count, total))
        if count:
            start = starts[place]
            flat = sheets[paths.index(job.path)][start : start + count, 1 + size : 1 + size + total]
        edges = np.cumsum([prod(shape) for shape in job.shapes])[:-1].tolist()
        parts = zip(np.split(flat, edges, axis=1), job.shapes, strict=True)
        results.append([part.reshape(count, *shape) for part, shape in parts])
    return results


TARGET = Target(
    ".xlsx",
    "Excel",
    _render,
    "LibreOffice",
    lambda: "" if libreoffice() else "LibreOffice",
    _run,
    about="a workbook that computes y and dy/dx by formulas, one sample per row",
    names=NameRule(free=True),
    checked=lambda recording: recording.printed[-1:],
    finite=True,
    static=True,
)
