"""A variable of a MAT-file as a source of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Literal

import polars as pl

from matnet.errors import Advice, Parameter, TableError
from matnet.functions.namespace import FloatArray
from matnet.tables.chunks import MOST_ROWS
from matnet.tables.columns import GROUP, INPUTS, KEEP, Choice, Columns, Header, check_names, numbered
from matnet.tables.interfaces import Piece, Rows, Source, Table

ADDRESS = re.compile(r"(?P<file>.+\.mat):(?P<path>[^/\\]+)", re.IGNORECASE | re.DOTALL)


def mat_address(table: str) -> tuple[str, str] | None:
    """File and variable of ``FILE.mat:path``; None where the table is named otherwise."""
    match = ADDRESS.fullmatch(table)
    return (match["file"], match["path"]) if match else None


class MatTable(Table):
    """The samples in an array of numbers, MATLAB's way in columns, or in rows.

    Raises
    ------
    TableError
        The array has more than two dimensions.
    """

    def __init__(self, array: FloatArray, place: str, samples: Literal["columns", "rows"]) -> None:
        if array.ndim != 2:
            raise TableError(f"{place}: the array has {array.ndim} dimensions, expected 2")
        self.place = place
        self.header = Header((), False)
        address = mat_address(place)
        self._file = place if address is None else address[0]
        self._samples = samples
        self._x = array.T if samples == "columns" else array
        self._done = 0

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1."""
        return self._done / len(self._x) if len(self._x) else None

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """All elements feed the network, in order.

        Raises
        ------
        TableError
            The array's other side is not R, or columns are to be kept that it has not.
        """
        if columns.keep or columns.group is not None:
            parameter = KEEP if columns.keep else GROUP
            named = " needs a table with named columns; this is an array of numbers"
            raise TableError(f"{self.place}: ", parameter, named)
        samples, elements = self._x.shape
        if elements != input_size:
            raise self._misfit(samples, elements, input_size)
        if columns.inputs is not None:
            check_names(columns.inputs, input_size, INPUTS, "input")
        return Choice(tuple(range(input_size)), (), columns.inputs or numbered("x", input_size))

    def _misfit(self, samples: int, elements: int, input_size: int) -> TableError:
        sides = (elements, samples) if self._samples == "columns" else (samples, elements)
        expected = f"{input_size} by any" if self._samples == "columns" else f"any by {input_size}"
        message = (
            f"{self.place}: the array is {sides[0]} by {sides[1]}, expected {expected}: samples in {self._samples}"
        )
        other = "rows" if self._samples == "columns" else "columns"
        across = (Advice("; ", Parameter("samples", other), " if it has them so"),) if samples == input_size else ()
        return TableError(message, *across)

    def pieces(self, choice: Choice) -> Iterator[Piece]:
        """The rows in order."""
        for start in range(0, len(self._x), MOST_ROWS):
            x = self._x[start : start + MOST_ROWS]
            self._done = start + len(x)
            yield partial(Rows, x, pl.DataFrame())

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """No column is kept."""
        return ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The MAT-file."""
        return (Source(self.place, file=self._file),)
