"""What MATLAB stored beside a network: matrices, and training records with the masks of their three sets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import StoredArray, arrays_in, as_matrix
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find, walk
from matnet.importers.mat.values import Struct, Value
from matnet.importers.network_object import is_network
from matnet.importers.reading import DEFAULT_LIMIT
from matnet.importers.records import is_record, read_record

SETS = ("best_perf", "best_vperf", "best_tperf")
"""The performances of the training, validation and test set, as the record names them."""

_MASKS = ("trainMask", "valMask", "testMask")


@dataclass(frozen=True, eq=False)
class StoredRecord:
    """A training record: its performances, and for each the mask (S, Q) of 1 and NaN; None where it has none."""

    path: str
    performances: tuple[float | None, float | None, float | None]
    masks: tuple[FloatArray | None, FloatArray | None, FloatArray | None]


class StoredValues:
    """A MAT-file as a place to look for what MATLAB computed; read once, a value when it is asked for.

    Parameters
    ----------
    file
        A MAT-file.
    limit
        Bytes of memory that the file's contents may take.

    Raises
    ------
    FormatError
        The file is broken; here, or when something is read from it.
    """

    def __init__(self, file: str | os.PathLike[str], limit: int = DEFAULT_LIMIT) -> None:
        self._place = os.fspath(file)
        with self._failures_named():
            self._mat = open_mat(Path(file), limit)

    @cached_property
    def arrays(self) -> list[StoredArray]:
        """All matrices of real numbers, but not those within networks and training records."""
        with self._failures_named():
            return arrays_in(self._mat)

    @cached_property
    def records(self) -> list[StoredRecord]:
        """All training records."""
        with self._failures_named():
            return [
                _stored(path, value) for path, value in self._walked if isinstance(value, Struct) and is_record(value)
            ]

    @cached_property
    def networks(self) -> list[str]:
        """The paths of all networks."""
        with self._failures_named():
            return [path for path, value in self._walked if is_network(value)]

    @cached_property
    def _walked(self) -> list[tuple[str, Value]]:
        return list(walk(self._mat, lambda value: is_network(value) or is_record(value)))

    def array(self, path: str) -> FloatArray:
        """The matrix at a path, as ``read_array`` gives it."""
        with self._failures_named():
            return as_matrix(find(self._mat, path), path)

    def record(self, path: str) -> StoredRecord:
        """The training record at a path.

        Raises
        ------
        FormatError
            There is none.
        """
        with self._failures_named():
            value = find(self._mat, path)
            if not isinstance(value, Struct) or not is_record(value):
                raise FormatError(f"{path} is a {describe(value)}, expected the training record that train returned")
            return _stored(path, value)

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except MatnetError as error:
            raise error.at(f"{self._place}: ") from error.__cause__


def _stored(path: str, record: Struct) -> StoredRecord:
    train, validation, test = (_mask(record.get(name), f"{path}.{name}") for name in _MASKS)
    return StoredRecord(path, read_record(record).best_performance, (train, validation, test))


def _mask(value: Value | None, path: str) -> FloatArray | None:
    """A mask as a matrix; older records have none, and one that cannot be joined is as good as none."""
    if value is None:
        return None
    try:
        return as_matrix(value, path)
    except UnsupportedError:
        return None
