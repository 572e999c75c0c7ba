"""Writing results as CSV in UTF-8: commas, decimal points, the fewest digits that read back exactly, NaN as NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, cast

from matnet.errors import TableError
from matnet.tables.columns import check_clash, safe_name
from matnet.tables.csv.dialect import Style
from matnet.tables.interfaces import Sink
from matnet.tables.polars import pl
from matnet.tables.target import Target
from matnet.tables.wording import shown

POINT = r"^[+-]?[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?$"
NEEDS_QUOTES = frozenset('",;\t\r\n')


class _Pieces(list[bytes]):
    """Collects what polars writes; unlike a BytesIO it copies nothing and never grows."""

    def write(self, data: bytes) -> int:
        self.append(data)
        return len(data)

    def flush(self) -> None:
        return


def _rounded(numbers: pl.Series, digits: int) -> pl.Series:
    """The nearest float64 of each number's text with so many significant digits: of polars' own it is not always.

    A number that would be rounded up to an infinite one stays as it is.
    """
    exact = numbers.cast(pl.Float64)
    form = f"%.{digits - 1}e"
    rounded = [None if number is None else float(form % number) for number in exact.to_list()]
    found = pl.Series(rounded, dtype=pl.Float64)
    return found.zip_with(found.is_finite() | ~exact.is_finite(), exact)


def _with_commas(texts: pl.Series) -> pl.Series:
    """Kept cells with a decimal comma where they are a number with a decimal point."""
    column = pl.col(texts.name)
    changed = pl.when(column.str.contains(POINT)).then(column.str.replace(".", ",", literal=True)).otherwise(column)
    return texts.to_frame().select(changed).to_series()


class CsvSink(Sink):
    """A table that is written in chunks of rows; its header is written with the first of them, or when it is finished.

    Names are made safe for spreadsheets (`safe_name`); kept text is the user's own data and is unchanged.

    Raises
    ------
    TableError
        Two columns have the same name.
    """

    def __init__(self, target: Target, names: Sequence[str], delimiter: str = ",", style: Style | None = None) -> None:
        check_clash(names)
        self._target = target
        self._names = tuple(names)
        self._delimiter = delimiter
        self._style = style or Style()
        self._header = (delimiter.join(self._cell(safe_name(name)) for name in names) + "\n").encode()

    def _cell(self, text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if not text or NEEDS_QUOTES & set(text) else text

    def formatted(self, columns: Sequence[pl.Series]) -> list[bytes]:
        """Rows as text, in pieces.

        Raises
        ------
        TableError
            A kept column holds lists or the like, which no cell of a CSV table can.
        """
        for name, column in zip(self._names, columns, strict=True):
            if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
                raise TableError(
                    f"column {shown(name)} holds {column.dtype}, which a CSV table cannot; write Parquet or drop it"
                )
        digits = self._style.precision
        if digits is not None:
            columns = [_rounded(column, digits) if column.dtype.is_float() else column for column in columns]
        if self._style.decimal == ",":
            columns = [_with_commas(column) if column.dtype == pl.String else column for column in columns]
        frame = pl.DataFrame([column.alias(str(index)) for index, column in enumerate(columns)])
        text = _Pieces()
        target = cast(IO[bytes], text)  # polars calls only write and flush
        frame.write_csv(
            target,
            include_header=False,
            separator=self._delimiter,
            quote_style="necessary",
            decimal_comma=self._style.decimal == ",",
        )
        return text

    def write(self, rows: list[bytes] | pl.DataFrame) -> None:
        """Write rows that were formatted."""
        assert isinstance(rows, list)
        self.finish()
        for piece in rows:
            self._target.write(piece)

    def finish(self) -> None:
        """Write the header if there were no rows yet."""
        if self._header:
            self._target.write(self._header)
            self._header = b""
