"""Values that MATLAB stored beside a network: matrices of numbers, and training records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from matnet.errors import MatnetError
from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import as_matrix, as_samples, as_states
from matnet.importers.contents import Contents, contents, is_training_record
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import Place, find, walk
from matnet.importers.mat.values import Cell, MatFile, Numeric, Shape, Sparse, Value, Variable
from matnet.importers.networks import is_network
from matnet.importers.successors import StoredLoss, StoredScores, stored_losses, stored_scores
from matnet.importers.training_record import TrainingRecord, training_record


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array in a file: its path, its size in MATLAB, and how to read it as a matrix, or as images of a shape."""

    place: Place | str
    shape: Shape
    read: Callable[..., FloatArray] = field(repr=False)

    @property
    def path(self) -> str:
        """MATLAB's path of it."""
        return str(self.place)


@dataclass(frozen=True, eq=False)
class StoredCell:
    """A cell vector of matrices in a file: its path, their sizes, and how to read them."""

    path: str
    shapes: tuple[Shape, ...]
    read: Callable[[], tuple[FloatArray, ...]] = field(repr=False)


class StoredValues:
    """A MAT-file with values that MATLAB computed; opened once, each value is read on request.

    Parameters
    ----------
    file
        A MAT-file.
    limit
        Bytes of memory that the file's contents may take.
    isolation
        Whether a version 7.3 file is read in a separate process, as for ``load``.

    Raises
    ------
    FormatError
        The file is broken; raised here, or when a value is read.
    """

    def __init__(self, file: str | os.PathLike[str], limit: int = DEFAULT_LIMIT, isolation: bool = True) -> None:
        self._file = os.fspath(file)
        with self._file_in_errors():
            self._mat = open_mat(Path(file), limit, isolation)

    @cached_property
    def arrays(self) -> list[StoredArray]:
        """All arrays of real numbers, except those in networks and training records.

        A cell that is a series, as ``read_array`` joins it, is listed as one matrix.
        """
        with self._file_in_errors():
            return arrays_in(self._mat)

    @cached_property
    def cells(self) -> list[StoredCell]:
        """All cell vectors of matrices of numbers, each a series of its own, as networks of layers take them."""

        def ends(value: Value) -> bool:
            return is_network(value) or is_training_record(value) or _holds_matrices(value)

        with self._file_in_errors():
            return [
                StoredCell(str(place), tuple(item.shape for item in value.items), partial(_matrices, value, place))
                for place, value in walk(self._mat, ends)
                if isinstance(value, Cell) and _holds_matrices(value)
            ]

    @cached_property
    def records(self) -> list[TrainingRecord]:
        """All training records."""
        with self._file_in_errors():
            return [training_record(value, path) for path, value in self._contents.records.items()]

    @cached_property
    def networks(self) -> list[str]:
        """The paths of all networks."""
        with self._file_in_errors():
            return list(self._contents.networks)

    def losses(self, path: str) -> list[StoredLoss]:
        """The losses that the fitrnet or fitcnet model at a path carries with its training data."""
        with self._file_in_errors():
            return stored_losses(self._mat, path)

    def scores(self, path: str) -> list[StoredScores]:
        """The test scores that a learner app's session kept of the model at a path."""
        with self._file_in_errors():
            return stored_scores(self._mat, path)

    @cached_property
    def _contents(self) -> Contents:
        return contents(self._mat)

    def array(self, path: str, image: Shape = ()) -> FloatArray:
        """The matrix, or the images, at a path, as ``read_array`` returns them."""
        with self._file_in_errors():
            return as_samples(find(self._mat, path), path, image)

    def cell(self, path: str) -> tuple[FloatArray, ...] | None:
        """The matrices of the cell vector at a path; None if there is something else."""
        with self._file_in_errors():
            value = find(self._mat, path)
            return _matrices(value, path) if isinstance(value, Cell) and _holds_matrices(value) else None

    def states(self, path: str) -> FloatArray:
        """The states at a path, as ``as_states`` returns them."""
        with self._file_in_errors():
            return as_states(find(self._mat, path), path)

    def record(self, path: str) -> TrainingRecord:
        """The training record at a path.

        Raises
        ------
        FormatError
            There is none.
        """
        with self._file_in_errors():
            return training_record(find(self._mat, path), path)

    @contextmanager
    def _file_in_errors(self) -> Iterator[None]:
        try:
            yield
        except MatnetError as error:
            raise error.at(self._file) from error.__cause__


def arrays_in(mat: MatFile) -> list[StoredArray]:
    """As ``StoredValues.arrays``, from an open file."""
    return [*_variables(mat), *_nested(mat)]


def _variables(mat: MatFile) -> Iterator[StoredArray]:
    for name, variable in mat.variables.items():
        numeric = not variable.holds_values and variable.class_name not in ("char", "function_handle")
        if numeric:
            yield StoredArray(name, variable.shape, partial(_variable_samples, variable))


def _variable_samples(variable: Variable, image: Shape = ()) -> FloatArray:
    return as_samples(variable.value, variable.name, image)


def _nested(mat: MatFile) -> Iterator[StoredArray]:
    def ends(value: Value) -> bool:
        return is_network(value) or is_training_record(value) or _is_series(value)

    for place, value in walk(mat, ends, leaves=True):
        if isinstance(value, Numeric | Sparse):
            yield StoredArray(place, value.shape, partial(as_samples, value, place))
        elif isinstance(value, Cell) and _is_series(value):
            rows = sum(item.shape[0] for item in value.items[: value.shape[0]])
            yield StoredArray(place, (rows, value.shape[1]), partial(as_samples, value, place))


def _is_series(value: Value) -> bool:
    """Whether a cell holds a single column per time step, signal by signal."""
    return (
        isinstance(value, Cell)
        and len(value.shape) == 2
        and value.shape[1] > 1
        and bool(value.items)
        and all(isinstance(item, Numeric) and len(item.shape) == 2 and item.shape[1] == 1 for item in value.items)
        and all(item.shape == value.items[number % value.shape[0]].shape for number, item in enumerate(value.items))
    )


def _holds_matrices(value: Value) -> bool:
    """Whether a cell is a vector of several matrices that are not single columns, the steps of one series."""
    return (
        isinstance(value, Cell)
        and len(value.shape) == 2
        and min(value.shape) == 1
        and len(value.items) > 1
        and not _is_series(value)
        and all(isinstance(item, Numeric | Sparse) and len(item.shape) == 2 for item in value.items)
        and all(min(item.shape) > 0 for item in value.items if isinstance(item, Numeric | Sparse))
    )


def _matrices(cell: Cell, path: Place | str) -> tuple[FloatArray, ...]:
    return tuple(as_matrix(item, f"{path}{{{number}}}") for number, item in enumerate(cell.items, start=1))
