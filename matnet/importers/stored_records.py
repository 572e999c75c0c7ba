"""Training records with what is needed to compute their performances again: the masks of the three sets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import as_matrix
from matnet.importers.matfile import open_mat
from matnet.importers.network_object import is_network
from matnet.importers.paths import describe, find, walk
from matnet.importers.records import is_record, read_record
from matnet.importers.values import DEFAULT_LIMIT, Struct, Value

SETS = ("best_perf", "best_vperf", "best_tperf")
"""The performances of the training, validation and test set, as the record names them."""

_MASKS = ("trainMask", "valMask", "testMask")


@dataclass(frozen=True, eq=False)
class StoredRecord:
    """A training record: its performances, and for each the mask (S, Q) of 1 and NaN; None where it has none."""

    path: str
    performances: tuple[float | None, float | None, float | None]
    masks: tuple[FloatArray | None, FloatArray | None, FloatArray | None]


def list_records(file: str | os.PathLike[str], *, limit: int = DEFAULT_LIMIT) -> list[StoredRecord]:
    """All training records in a MAT-file.

    Raises
    ------
    FormatError
        The file is broken.
    """
    path = Path(file)
    try:
        values = walk(open_mat(path, limit), lambda value: is_network(value) or is_record(value))
        return [_stored(place, value) for place, value in values if isinstance(value, Struct) and is_record(value)]
    except MatnetError as error:
        raise error.at(f"{path}: ") from error.__cause__


def read_stored_record(file: str | os.PathLike[str], path: str, *, limit: int = DEFAULT_LIMIT) -> StoredRecord:
    """The training record at a path of a MAT-file.

    Raises
    ------
    FormatError
        The file is broken, or there is no training record at the path.
    """
    try:
        value = find(open_mat(Path(file), limit), path)
        if not isinstance(value, Struct) or not is_record(value):
            raise FormatError(f"{path} is a {describe(value)}, expected the training record that train returned")
        return _stored(path, value)
    except MatnetError as error:
        raise error.at(f"{os.fspath(file)}: ") from error.__cause__


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
