"""Training records as histories: the curves of the training, and which samples were in which set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, MatnetError
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import as_matrix
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find, walk
from matnet.importers.mat.values import Char, MatFile, Numeric, Struct, Value
from matnet.importers.network_object import is_network
from matnet.importers.reading import DEFAULT_LIMIT
from matnet.importers.records import is_record

SETS: Mapping[str, tuple[str, str]] = {
    "training": ("perf", "trainMask"),
    "validation": ("vperf", "valMask"),
    "test": ("tperf", "testMask"),
}
"""For each set the record's fields with its curve and its mask."""


@dataclass(frozen=True, eq=False)
class History:
    """What a training record says of the course of the training.

    ``curves`` gives for each set the performance by epoch, ``epochs`` their numbers; a set without samples has none.
    ``members`` gives for each set a flag a sample, or time step, in the order of the data; empty where the record keeps
    no masks. ``performance`` is the name of the performance function.
    """

    path: str
    epochs: FloatArray
    curves: Mapping[str, FloatArray]
    best_epoch: int | None
    members: Mapping[str, NDArray[np.bool_]]
    performance: str


def read_history(file: str | os.PathLike[str], path: str | None = None, *, limit: int = DEFAULT_LIMIT) -> History:
    """The training record in a MAT-file.

    Parameters
    ----------
    file
        A MAT-file.
    path
        Which record, as MATLAB names it: ``tr``, ``results.TrainingResults``. Needed only where there are several.
    limit
        Bytes of memory that the file's contents may take.

    Raises
    ------
    FormatError
        The file is broken, holds no training record, or several while `path` is not given.
    """
    try:
        found = open_mat(Path(file), limit)
        place, record = _only(found) if path is None else (path, find(found, path))
        if not isinstance(record, Struct) or not is_record(record):
            raise FormatError(f"{place} is a {describe(record)}, not a training record as train returns")
        return _history(place, record)
    except MatnetError as error:
        raise error.at(f"{os.fspath(file)}: ") from error.__cause__


def _only(file: MatFile) -> tuple[str, Value]:
    met = walk(file, lambda value: is_network(value) or is_record(value))
    records = {place: value for place, value in met if is_record(value)}
    if not records:
        raise FormatError("there is no training record in it, the second output of MATLAB's train")
    if len(records) > 1:
        names = list(records)
        raise FormatError(f"{len(names)} training records in it: {', '.join(names)}; name one, as in {names[0]}")
    return next(iter(records.items()))


def _history(place: str, record: Struct) -> History:
    epochs = _row(record.get("epoch"))
    curves = {}
    members = {}
    for name, (curve, mask) in SETS.items():
        values = _row(record.get(curve))
        if len(values) == len(epochs) and np.isfinite(values).any():
            curves[name] = values
        kept = record.get(mask)
        if kept is not None:
            members[name] = (as_matrix(kept, f"{place}.{mask}") == 1.0).any(axis=0)
    if len({len(flags) for flags in members.values()}) > 1:
        raise FormatError(f"{place}: the masks of its sets have different lengths")
    best = _row(record.get("best_epoch"))
    performance = record.get("performFcn")
    return History(
        place,
        epochs,
        curves,
        int(best[0]) if len(best) == 1 and float(best[0]).is_integer() else None,
        members,
        performance.text if isinstance(performance, Char) else "",
    )


def _row(value: Value | None) -> FloatArray:
    return value.floats().ravel() if isinstance(value, Numeric) else np.zeros(0)
