"""Reading a version 7.3 file, for which the HDF5 library is needed, in a separate process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from matnet.errors import FormatError
from matnet.files import Budget
from matnet.importers.mat.mcos import Subsystem
from matnet.importers.mat.transport import Decoder, encode
from matnet.importers.mat.values import Shape, Value
from matnet.isolation import Answers, Bounds, EndedError, answer_questions, started


class _Reader:
    """What is asked of the process that reads a file."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self.budget = budget
        self._process = started("a version 7.3 MAT-file", __name__, os.path.realpath(path), str(budget.limit))

    def end(self) -> None:
        """End the process."""
        self._process.end()

    def ask(self, what: str, name: str = "") -> tuple[Any, bytes]:
        """The answer to a question, and its bytes."""
        try:
            (found,) = self._process.answers([what, name], lambda: self.budget)
        except EndedError as end:
            raise FormatError(f"broken: the HDF5 library {end} when it read the file") from None
        return found


class _Objects:
    """The subsystem; once it has been read it holds no process, though its values refer to it in a circle."""

    def __init__(self, reader: _Reader) -> None:
        self._known: _Reader | Subsystem = reader

    def subsystem(self) -> Subsystem:
        """The subsystem, which is read when it is first needed."""
        known = self._known
        if isinstance(known, _Reader):
            (content, order), buffer = known.ask("cells")
            cells = tuple(map(Decoder(buffer, known.budget, self.subsystem).value, content))
            known = self._known = Subsystem(tuple(cells[number] for number in order))
        return known


class IsolatedFile:
    """A version 7.3 file as ``hdf5.OpenFile`` reads it, but in a separate process, which ends with this object."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._reader = _Reader(path, budget)
        self._objects = _Objects(self._reader)

    def end(self) -> None:
        """End the process: nothing more is read."""
        self._reader.end()

    def headings(self) -> dict[str, tuple[str, Shape]]:
        """Class and size of each variable."""
        content, _ = self._reader.ask("headings")
        return {name: (class_name, tuple(shape)) for name, class_name, shape in content}

    def value(self, name: str) -> Value:
        """The value of a variable."""
        content, buffer = self._reader.ask("value", name)
        return Decoder(buffer, self._reader.budget, self._objects.subsystem).value(content)


def serve(questions: BinaryIO, answers: BinaryIO, name: str, limit: str) -> None:
    """What the process does: it answers requests about the file until its input is closed."""
    from matnet.importers.mat.hdf5 import OpenFile

    path, budget = Path(name), Budget(int(limit))
    opened = cache(lambda: OpenFile(path, budget, _no_subsystem))

    def answered(what: str, name: str) -> Answers:
        arrays: list[Any] = []
        if what == "headings":
            answer: object = [[key, *heading] for key, heading in opened().headings().items()]
        elif what == "value":
            answer = encode(opened().value(name), arrays)
        else:
            answer = _each_once(opened().cells(), arrays)
        yield answer, [array.tobytes(order="F") for array in arrays]

    answer_questions(questions, answers, answered, Bounds(2 * budget.limit, path.stat().st_size), budget.limit)


def _each_once(cells: tuple[Value, ...], arrays: list[Any]) -> object:
    """The distinct cells, and which of them is at each position."""
    distinct = {id(cell): cell for cell in cells}
    places = {key: number for number, key in enumerate(distinct)}
    return [[encode(cell, arrays) for cell in distinct.values()], [places[id(cell)] for cell in cells]]


def _no_subsystem() -> Subsystem:
    raise FormatError("objects are put together by the process that asks")
