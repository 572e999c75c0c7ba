"""A table in many files: a pattern or a folder, whose sub-folders may say ``column=value``."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np

from matnet.errors import TableError
from matnet.tables.columns import Choice, Columns, Header, choose
from matnet.tables.csv.dialect import Dialect
from matnet.tables.formats import TABLE_SUFFIXES
from matnet.tables.interfaces import Piece, Rows, Source, Table
from matnet.tables.polars import pl
from matnet.tables.wording import listed, shown

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
LISTED = 8

Opener = Callable[[Path], AbstractContextManager[Table]]


def parts_of(name: str) -> list[Path] | None:
    """The files of a folder or a pattern in the order of their names; None where `name` is one file.

    Of a folder, files and sub-folders whose names begin with a dot or an underscore are not parts.

    Raises
    ------
    TableError
        There is no file, or a folder holds one that is not a table.
    """
    path = Path(name)
    if os.path.isdir(path):
        files = [file for file in path.rglob("*") if os.path.isfile(file) and not _hidden(file.relative_to(path))]
        foreign = sorted(file for file in files if file.suffix.lower() not in TABLE_SUFFIXES)
        if foreign:
            raise TableError(
                f"{foreign[0].relative_to(path)} is not a table; name the tables with a pattern, e.g. {path / '*.csv'}",
                place=name,
            )
    elif glob.has_magic(name) and not os.path.exists(path):
        files = [Path(file) for file in glob.glob(name, recursive=True) if os.path.isfile(file)]
    else:
        return None
    if not files:
        raise TableError("no table matches", place=name)
    return sorted(files)


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def folder_values(path: Path) -> dict[str, str | None]:
    """The columns in the names of a file's folders: for ``a/site=7/b.csv`` the column site with the text 7."""
    from urllib.parse import unquote

    values: dict[str, str | None] = {}
    for part in path.parts[:-1]:
        key, mark, value = part.partition("=")
        if mark and key:
            values[unquote(key)] = None if value == NO_VALUE else unquote(value)
    return values


class PartedTable(Table):
    """Tables with the same columns, one after the other; each is opened when its turn comes.

    Parameters
    ----------
    name
        The pattern or folder.
    parts
        The files, at least one.
    dialect
        How numbers in the folders' names are written.
    opener
        Opens one of the parts.
    wanted
        Names of columns that will be requested: those among the folders' names then become columns of the table.
    first
        The file whose columns all parts must have (default: the first part).

    Raises
    ------
    TableError
        The first part cannot be read.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[Path],
        dialect: Dialect,
        opener: Opener,
        wanted: Sequence[str],
        first: Path | None = None,
    ) -> None:
        self.place = name
        self._parts = parts
        self._first = first or parts[0]
        self._dialect = dialect
        self._opener = opener
        self._sizes = [part.stat().st_size for part in parts]
        self._read = 0
        self._current: Table | None = None
        self._sources: list[Source] = []
        with opener(self._first) as table:
            self._names = table.header.names
            self.dialect = table.dialect
            self._notes = table.notes
            self._written = table.header.written
        said = folder_values(self._first)
        self._said = tuple(key for key in said if key in wanted and key not in self._names)
        self.header = Header((*self._names, *self._said), self._written)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on how the first part was read."""
        return self._notes

    @property
    def fraction(self) -> float | None:
        """How much has been read, 0 to 1, by the sizes of the files."""
        done = float(sum(self._sizes[: self._read]))
        if self._current is not None:
            done += (self._current.fraction or 0.0) * self._sizes[self._read]
        return done / sum(self._sizes) if sum(self._sizes) else None

    @property
    def sources(self) -> tuple[Source, ...]:
        """The parts that were read."""
        return tuple(self._sources)

    def choose(self, columns: Columns, input_size: int) -> Choice:
        """Which columns feed the network; see `matnet.tables.columns.choose`."""
        return choose(self.header, columns, input_size, self.place)

    def text_types(self, choice: Choice) -> tuple[pl.DataType, ...]:
        """As in the first part; values in names of folders are text."""
        with self._opener(self._first) as table:
            return self._types(table, choice)

    def _types(self, part: Table, choice: Choice) -> tuple[pl.DataType, ...]:
        own = iter(part.text_types(self._inner(choice)))
        return tuple(next(own) if index < len(self._names) else pl.String() for index in choice.texts)

    def _inner(self, choice: Choice) -> Choice:
        """The part of the choice that is read from a file itself."""
        own = len(self._names)
        return Choice(
            tuple(index for index in choice.inputs if index < own),
            tuple(index for index in choice.texts if index < own),
            (),
        )

    def pieces(self, choice: Choice) -> Iterator[Piece | None]:
        """The rows of one part after the other.

        Raises
        ------
        TableError
            A part cannot be read, or its columns are not those of the first.
        """
        types = self.text_types(choice)
        for number, path in enumerate(self._parts):
            with self._opener(path) as part:
                self._current, self._read = part, number
                self._check_columns(part, path, choice, types)
                said = [folder_values(path)[key] for key in self._said]
                for piece in part.pieces(self._inner(choice)):
                    yield piece if piece is None or not said else partial(self._completed, piece, said, choice, path)
                self._sources.extend(part.sources)
            yield None
        self._current, self._read = None, len(self._parts)

    def _check_columns(self, part: Table, path: Path, choice: Choice, types: tuple[pl.DataType, ...]) -> None:
        first = self._first
        if part.header.names != self._names:
            raise TableError(
                f"its columns are {listed(part.header.names, LISTED)}; those of {first} are "
                f"{listed(self._names, LISTED)}: all parts of a table have the same columns in the same order",
                place=path,
            )
        missing = [key for key in self._said if key not in folder_values(path)]
        if missing:
            raise TableError(f"its folder says no {shown(missing[0])}, that of {first} does", place=path)
        for index, kind, expected in zip(choice.texts, self._types(part, choice), types, strict=True):
            if kind != expected:
                raise TableError(
                    f"column {shown(self.header.names[index])} holds {kind}, in {first} it holds {expected}: "
                    "all parts of a table have the same columns",
                    place=path,
                )

    def _completed(self, piece: Piece, said: list[str | None], choice: Choice, path: Path) -> Rows:
        """The rows of a piece with the columns in the folders' names."""
        rows = piece()
        own = len(self._names)
        numbers, texts = iter(rows.x.T), iter(rows.texts.get_columns())
        x = np.empty((len(rows), len(choice.inputs)))
        for place, index in enumerate(choice.inputs):
            x[:, place] = next(numbers) if index < own else self._number(said[index - own], index, path)
        columns = [
            next(texts) if index < own else pl.Series([said[index - own]], dtype=pl.String).new_from_index(0, len(rows))
            for index in choice.texts
        ]
        return Rows(x, pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)]))

    def _number(self, text: str | None, index: int, path: Path) -> float:
        if text is None and self._dialect.missing == "nan":
            return float("nan")
        if text is None or not self._dialect.is_number(text):
            told = "nothing" if text is None else shown(text)
            raise TableError(f"its folder says {told} for {shown(self.header.names[index])}, not a number", place=path)
        return self._dialect.number(text, str(path))
