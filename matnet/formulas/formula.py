"""The formula of a network in a language, compared with the network before it is returned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np

from matnet.errors import Parameter, ShapeError, UnsupportedError, counted
from matnet.formulas import documents
from matnet.formulas.documents import Cell, FormulaText, excel_cells, written
from matnet.formulas.expressions import needed
from matnet.formulas.layout import LAYOUTS, Layout
from matnet.formulas.numbers import POINTS, TOLERANCE, Difference, computed, differences, points, rounding
from matnet.formulas.recording import FormulaRequest, RecordedExpressions, recorded
from matnet.formulas.symbolic import sympy_expressions
from matnet.formulas.syntax import Format
from matnet.functions.namespace import FloatArray
from matnet.model.points import input_box
from matnet.model.ranges import DESCRIPTION, input_extent
from matnet.model.structure import Structure, element_names
from matnet.simulate import Program

FORMATS: tuple[Format, ...] = get_args(Format)

EXCEL_DIGITS = 15
"""The digits of a number in a formula that Excel keeps."""

FIRST_ROW = 2
"""The row of a sheet for which the cells of a formula are written."""

_MOST_RANGES = 30


@dataclass(frozen=True)
class Formula:
    """The formula of a network, ready to be written.

    Parameters
    ----------
    recorded
        The results as expressions.
    ranges
        A line about the range of each input that has one.
    assumed
        Lines about the range that is assumed for the others.
    format, layout, digits
        As in ``Network.formula``.
    function
        What the function is called, in a programming language.
    """

    recorded: RecordedExpressions
    ranges: tuple[str, ...]
    assumed: tuple[str, ...]
    format: Format
    layout: Layout
    digits: int | None
    function: str = documents.FUNCTION

    @property
    def written_digits(self) -> int | None:
        """The digits of each constant; None for as many as are needed."""
        return EXCEL_DIGITS if self.format == "excel" and self.digits is None else self.digits

    @property
    def unused(self) -> tuple[str, ...]:
        """The names of the inputs that do not occur in the formula."""
        used = {int(part.value) for part in self._parts if part.operation == "input"}
        return tuple(entry.name for k, entry in enumerate(self.recorded.arguments) if k not in used)

    @cached_property
    def _parts(self) -> list[Any]:
        return needed([result.expression for result in self.recorded.results])

    @cached_property
    def differences(self) -> list[Difference]:
        """How far each result is from the network's, at points of the range of the inputs."""
        return self._whole if self.written_digits is None else self._compared(self.written_digits)

    @cached_property
    def _whole(self) -> list[Difference]:
        """The differences of the formula with all digits."""
        return self._compared(None)

    def _compared(self, digits: int | None) -> list[Difference]:
        x, expected = self._expected
        return differences(expected, self._computed(x, digits), self.names)

    @cached_property
    def _expected(self) -> tuple[FloatArray, FloatArray]:
        x = points(self.recorded)
        return x, self.recorded.reference(x)

    @property
    def expected(self) -> FloatArray:
        """The network's results at the points at which they are compared."""
        return self._expected[1]

    def computed(self, x: FloatArray) -> FloatArray:
        """The results (N, results) at points x (N, arguments), with the digits that are written."""
        return self._computed(x, self.written_digits)

    def _computed(self, x: FloatArray, digits: int | None) -> FloatArray:
        return computed([result.expression for result in self.recorded.results], x, rounding(digits))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the results."""
        return tuple(result.name for result in self.recorded.results)

    @property
    def exact(self) -> bool:
        """Whether the formula with all digits differs from the network by no more than rounding."""
        return all(entry.rounding for entry in self._whole)

    @property
    def worst(self) -> Difference:
        """The largest difference of a result with all digits from the network's."""
        return max(self._whole, key=lambda entry: entry.share, default=Difference("", 0.0, 0.0, True))

    @property
    def notes(self) -> list[str]:
        """What a reader must know about the formula, one line each."""
        notes = []
        if self.recorded.fed_back:
            notes.append("one time step: names that end in _lag1, _lag2, ... are values of earlier steps")
        if self.unused:
            notes.append(f"not used: {_listed(self.unused)}")
        if self.written_digits is not None:
            notes += [*self.assumed, self._rounding_note()]
        return notes

    def _rounding_note(self) -> str:
        largest = [
            f"{entry.size:.2g} in {entry.name} ({_percent(entry.share)} of its range)" for entry in self._worst()
        ]
        where = f"at {POINTS:,} points of the range of the inputs"
        digits = counted(int(self.written_digits or 0), "digit")
        return f"numbers with {digits}; largest error {where}: {', '.join(largest)}"

    def _worst(self) -> list[Difference]:
        """The differences of the results, or where there are many those with the largest share of the range."""
        if len(self.differences) <= 6:
            return self.differences
        return sorted(self.differences, key=lambda entry: -entry.share)[:3]

    @cached_property
    def written(self) -> FormulaText:
        """The steps in the language."""
        return written(self.recorded, self.format, self.layout, rounding(self.written_digits), self.function)

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells of a sheet, for Excel."""
        return excel_cells(self.recorded, self.layout, rounding(self.written_digits), FIRST_ROW)

    @property
    def sample(self) -> FloatArray:
        """The middle of the range of the inputs, rounded."""
        middle = points(self.recorded, 3)[0]
        return np.array([rounding(3)(value) for value in middle.tolist()])

    def expressions(self) -> dict[str, Any]:
        """The results as SymPy expressions, by their names.

        Raises
        ------
        MissingExtraError
            SymPy is not installed.
        """
        return sympy_expressions(self.recorded, rounding(self.digits))

    @property
    def content(self) -> Any:
        """What ``Network.formula`` returns: expressions for SymPy, else the text."""
        return self.expressions() if self.format == "sympy" else self.text

    @cached_property
    def text(self) -> str:
        """The formula in its format.

        Raises
        ------
        UnsupportedError
            The format cannot express it.
        """
        nested = self.layout == "nested"
        if self.format == "excel":
            return documents.excel_document(self.cells, self.sample.tolist())
        header = [_safe(line) for line in self._header()]
        formula = self.written
        if self.format == "latex":
            return documents.latex_document(formula, header, nested, self.recorded)
        if self.format == "sympy":
            names = [argument.name for argument in self.recorded.arguments]
            return documents.sympy_document(formula, header, nested, names)
        if self.format == "text":
            return documents.text_document(formula, header, nested)
        writers = {
            "python": documents.python_document,
            "matlab": documents.matlab_document,
            "c": documents.c_document,
        }
        return writers[self.format](formula, header, nested, self.function)

    def _header(self) -> list[str]:
        """The comment lines above a formula."""
        named = zip(self.written.inputs, self.recorded.arguments, strict=True)
        lines = list(self.ranges[:_MOST_RANGES])
        lines += [f"{name} is {entry.name}" for name, entry in named if name != entry.name]
        results = zip(self.written.results, self.recorded.results, strict=True)
        lines += [f"{name} is {entry.name}" for name, entry in results if name != entry.name]
        lines += [f"{entry.name}: {entry.about}" for entry in self.recorded.arguments if "before" in entry.about]
        return [*lines, *self.notes]


def formula(
    structure: Structure,
    program: Program,
    wanted: FormulaRequest,
    format: str,
    layout: str,
    digits: int | None,
    function: str = documents.FUNCTION,
) -> Formula:
    """The formula of a network, compared with the network.

    Raises
    ------
    ShapeError
        There is no such format or layout, or the digits are not 1 to 17.
    UnsupportedError
        There is no formula of this size or kind, or it would not compute what the network does.
    """
    chosen_format = _known(format, FORMATS, "format")
    chosen_layout = _known(layout, LAYOUTS, "layout")
    if digits is not None and not (type(digits) is int and 1 <= digits <= 17):
        raise ShapeError(Parameter("digits"), f" is {digits!r}, expected a whole number from 1 to 17")
    ranges, assumed = _ranges(structure), _assumed(structure)
    for short_slopes in (True, False):
        expressions = recorded(structure, program, wanted, short_slopes)
        made = Formula(expressions, ranges, assumed, chosen_format, chosen_layout, digits, function)
        if made.exact:
            return made
    worst = made.worst
    raise UnsupportedError(
        f"the formula would differ from the network by {worst.share:.2g} of the range of {worst.name}, where "
        f"{TOLERANCE:g} is allowed; export it as code instead: matnet convert"
    )


def _known(given: Any, known: Sequence[Any], parameter: str) -> Any:
    if given not in known:
        raise ShapeError(Parameter(parameter), f" is {given!r}, expected {', '.join(known)}")
    return given


def _ranges(structure: Structure) -> tuple[str, ...]:
    """A line about each input whose range is known: its unit and its range."""
    extent = input_extent(structure)
    units = [unit for entry in structure.inputs for unit in entry.units or ("",) * entry.size]
    lines = []
    names = element_names(structure.inputs, "x")
    for name, unit, (low, high), origin in zip(names, units, extent.limits, extent.origin, strict=True):
        if origin == "unknown":
            continue
        lines.append(f"{name}: {low:.6g} to {high:.6g}{f' {unit}' if unit else ''}, {DESCRIPTION[origin]}")
    return tuple(lines)


def _assumed(structure: Structure) -> tuple[str, ...]:
    """A line about the inputs whose range is not known, for each pair of limits used instead."""
    assumed: dict[str, list[str]] = {}
    extent, names = input_extent(structure), element_names(structure.inputs, "x")
    for name, known, (low, high) in zip(names, extent.known, input_box(structure), strict=True):
        if not known:
            assumed.setdefault(f"{low:.6g} to {high:.6g}", []).append(name)
    lines = [f"{_listed(found)}: range not known, {limits} is assumed" for limits, found in assumed.items()]
    return tuple(lines[:_MOST_RANGES])


def _safe(text: str) -> str:
    """Text without characters that could end a comment of a language: a / needs a * before it to end one in C."""
    return re.sub(r"[^\w .:,()=+%;'/&<>°·-]", "_", text)[:500]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g} %"
