"""Frames of polars and workbooks as they are read, in this process or in one of their own: it imports little else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from matnet.errors import TableError
from matnet.extras import need
from matnet.tables.polars import pl

FrameFormat = Literal["parquet", "arrow"]


class Scan(Protocol):
    """A frame that is read in batches of rows."""

    schema: pl.Schema
    rows: int

    def batches(self, names: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
        """These columns, `size` rows at most at a time, in order."""


class Book(Protocol):
    """A workbook."""

    def sheets(self) -> list[str]:
        """The names of its sheets."""

    def first(self, sheet: str | None) -> pl.DataFrame:
        """The first row of a sheet, by default the first, as text."""

    def below(self, sheet: str | None, skipped: int) -> pl.DataFrame:
        """The rows of a sheet after those that are skipped."""


@contextmanager
def damage_named(place: str) -> Iterator[None]:
    """What polars says of a file that it cannot read, be it that it panics, as an error that names the file."""
    try:
        yield
    except pl.exceptions.PanicException as error:
        raise TableError("cannot be read: the file is damaged", place=place) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(f"cannot be read: {_first_line(error)}", place=place) from error


def _named(path: Path, place: str) -> str:
    """The name of a file for libraries that take UTF-8 only."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise TableError("its name is not UTF-8, as the library that reads it needs; rename it", place=place) from error
    return str(path)


def exactly(names: Sequence[str]) -> pl.selectors.Selector:
    """The columns of these names, which polars would take for patterns where one is ``*`` or begins with ``^``."""
    return pl.selectors.by_name(names)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


class HeldFrame:
    """A frame that is in memory."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self.schema, self.rows = frame.schema, frame.height

    def batches(self, names: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
        """These columns, `size` rows at most at a time, in order."""
        return self._frame.select(exactly(names)).iter_slices(size)


class LazyScan:
    """A Parquet file, or one of Arrow's file format, that polars reads in this process.

    ``batches`` raises TableError where the file is not the one of the beginning any more: polars goes by the places and
    types that it read then.

    Raises
    ------
    TableError
        The file is damaged.
    """

    def __init__(self, path: Path, form: FrameFormat, place: str) -> None:
        self._path = path
        self._place = place
        scan = pl.scan_parquet if form == "parquet" else pl.scan_ipc
        with damage_named(place):
            self._state = _state(path)
            self._frame = frame = scan(_named(path, place), glob=False, hive_partitioning=False)
        with damage_named(place):
            self.schema = frame.collect_schema()
            self.rows = int(frame.select(pl.len()).collect().item())

    def batches(self, names: Sequence[str], size: int) -> Iterator[pl.DataFrame]:
        """These columns, `size` rows at most at a time, in order."""
        with damage_named(self._place):
            batches = iter(self._frame.select(exactly(names)).collect_batches(chunk_size=size, maintain_order=True))
        while True:
            with damage_named(self._place):
                batch = next(batches, None)
            if batch is None:
                break
            yield batch
        with damage_named(self._place):
            if _state(self._path) != self._state:
                raise TableError("changed while it was read; run this again when it is complete", place=self._place)


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


class OpenBook:
    """A workbook that fastexcel reads in this process.

    Raises
    ------
    TableError
        The workbook is damaged.
    MissingExtraError
        fastexcel is not installed.
    """

    def __init__(self, path: Path, place: str) -> None:
        fastexcel = need("an Excel workbook", "excel", "fastexcel", place=place)
        self._damage: type[Exception] = fastexcel.FastExcelError
        self._place = place
        with self._damage_named():
            self._book: Any = fastexcel.read_excel(_named(path, place))

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            with damage_named(self._place):
                yield
        except self._damage as error:
            raise TableError(f"cannot be read: {_first_line(error)}", place=self._place) from error

    def sheets(self) -> list[str]:
        """The names of its sheets."""
        return list(self._book.sheet_names)

    def first(self, sheet: str | None) -> pl.DataFrame:
        """The first row of a sheet, by default the first, as text."""
        return self._loaded(sheet, n_rows=1, skip_rows=0, dtypes="string")

    def below(self, sheet: str | None, skipped: int) -> pl.DataFrame:
        """The rows of a sheet after those that are skipped.

        Of a column that is not all numbers, fastexcel gives text with nine decimals: its numbers are loaded once more.
        """
        rows = self._loaded(sheet, skip_rows=skipped, schema_sample_rows=None)
        mixed = [place for place, kind in enumerate(rows.dtypes) if kind == pl.String]
        if not mixed:
            return rows
        exact = self._loaded(sheet, skip_rows=skipped, use_columns=mixed, dtypes=dict.fromkeys(mixed, "float"))
        for place, number in zip(mixed, exact.iter_columns(), strict=True):
            text = rows.to_series(place)
            rounded = text.cast(pl.Float64, strict=False) != number
            kept = text.zip_with(~rounded.fill_null(False), number.cast(pl.String))
            rows = rows.with_columns(kept.alias(text.name))
        return rows

    def _loaded(self, sheet: str | None, **settings: object) -> pl.DataFrame:
        with self._damage_named():
            found: pl.DataFrame = self._book.load_sheet(sheet or 0, header_row=None, **settings).to_polars()
        return found
