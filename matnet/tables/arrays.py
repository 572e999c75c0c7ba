"""Numbers in memory as a source of rows: a variable of a MAT-file, a table with samples in columns, one point."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matnet.errors import Advice, Parameter, TableError
from matnet.functions.namespace import FloatArray
from matnet.tables.chunks import MOST_ROWS
from matnet.tables.columns import GROUP, INPUTS, KEEP, TARGETS, Choice, Columns, Header, check_names, choose, numbered
from matnet.tables.interfaces import Piece, Rows, Source, Table
from matnet.tables.polars import pl


class ArrayTable(Table):
    """Samples in an array of numbers, which is the attribute ``x``.

    Parameters
    ----------
    x
        (N, R), one sample per row, however the file stores them.
    place
        The name in messages.
    source
        What is hashed.
    names
        The names of the elements, if they have any.
    across
        Whether the samples are columns in the file.
    """

    def __init__(
        self,
        x: FloatArray,
        place: str,
        source: Source,
        names: tuple[str, ...] | None = None,
        across: bool = False,
    ) -> None:
        self.place = place
        self.header = Header(names or (), names is not None)
        self.x = x
        self._source = source
        self._across = across
        self._done = 0

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1."""
        return self._done / len(self.x) if len(self.x) else None

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """The elements by their names, else all in order.

        Raises
        ------
        TableError
            The array's other dimension is not R, or columns are to be kept that it does not have.
        """
        if columns.keep or columns.group is not None or columns.targets:
            parameter = KEEP if columns.keep else TARGETS if columns.targets else GROUP
            needs = " needs a table with named columns; this is an array of numbers"
            raise TableError(parameter, needs, place=self.place)
        if self.header.written:
            return choose(self.header, columns, input_size, self.place)
        if self.x.shape[1] != input_size:
            raise self._misfit(input_size)
        if columns.inputs is not None:
            check_names(columns.inputs, input_size, INPUTS, "input")
        return Choice(tuple(range(input_size)), (), columns.inputs or columns.own_inputs or numbered("x", input_size))

    def _misfit(self, input_size: int) -> TableError:
        samples, elements = self.x.shape
        sides = (elements, samples) if self._across else (samples, elements)
        expected = f"{input_size} by any" if self._across else f"any by {input_size}"
        lie, other = ("columns", "rows") if self._across else ("rows", "columns")
        message = f"{self.place}: the array is {sides[0]} by {sides[1]}, expected {expected}: samples in {lie}"
        across = (Advice("; ", Parameter("samples", other), " if it has them so"),) if samples == input_size else ()
        return TableError(message, *across)

    def pieces(self, choice: Choice) -> Iterator[Piece]:
        """The rows in order."""
        chosen = self.x[:, choice.inputs] if choice.inputs != tuple(range(self.x.shape[1])) else self.x
        for start in range(0, len(chosen), MOST_ROWS):
            x = chosen[start : start + MOST_ROWS]
            self._done = start + len(x)
            yield partial(Rows, x, pl.DataFrame())

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """No column is kept."""
        return ()

    def holding(self, x: FloatArray) -> ArrayTable:
        """A table of other numbers from the same place, one sample per row."""
        return ArrayTable(x, self.place, self._source, None, self._across)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the numbers come from."""
        return (self._source,)
