"""The training record: the struct `tr` that MATLAB's train returns and users save beside the network."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.files import DEFAULT_LIMIT
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import as_matrix
from matnet.importers.contents import is_training_record
from matnet.importers.mat.matfile import open_mat
from matnet.importers.mat.paths import describe, find, walk
from matnet.importers.mat.values import Char, MatFile, Numeric, Struct, Value
from matnet.importers.networks import is_network
from matnet.model.provenance import Training


class _SetFields(NamedTuple):
    """The fields of one set in the record."""

    curve: str
    mask: str
    best: str


_SETS: Mapping[str, _SetFields] = {
    "training": _SetFields("perf", "trainMask", "best_perf"),
    "validation": _SetFields("vperf", "valMask", "best_vperf"),
    "test": _SetFields("tperf", "testMask", "best_tperf"),
}

_STATES = ("gradient", "mu", "val_fail", "resets", "lr", "gamk", "ssX", "alpha", "beta")
"""Fields with a number per epoch that training functions add: gradients, steps, validation failures, learning rates."""


class BestPerformance(NamedTuple):
    """The performance of one set at the best epoch, and the set's samples.

    ``field`` is its name in the record (best_perf, best_vperf or best_tperf), ``mask`` (S, Q) is 1 where an element
    belongs to the set, else NaN.
    """

    field: str
    value: float
    mask: FloatArray


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """A training record.

    ``curves`` gives for each set the performance by epoch, ``epochs`` their numbers; a set without samples has none.
    ``members`` gives for each set a flag per sample, or time step, in the order of the data; empty where the record
    keeps no masks. ``performance`` is the name of the performance function. ``best`` has the performances of the sets
    that have samples, with their masks; empty where the record keeps no masks. ``states`` has what the training
    function recorded of itself by epoch, as far as the record has it: gradient, mu, val_fail, ….
    """

    path: str
    epochs: FloatArray
    curves: Mapping[str, FloatArray]
    best_epoch: int | None
    members: Mapping[str, NDArray[np.bool_]]
    performance: str
    best: tuple[BestPerformance, ...] = ()
    states: Mapping[str, FloatArray] = field(default_factory=dict)


def training_of(record: Struct) -> Training:
    """The summary of the training in a record, as far as it is stored."""
    train, validation, test = (_number(record.get(fields.best)) for fields in _SETS.values())
    return Training(
        _text(record.get("trainFcn")),
        _count(record.get("num_epochs")),
        _count(record.get("best_epoch")),
        (train, validation, test),
        _text(record.get("divideFcn")),
    )


def training_record(value: Value, path: str) -> TrainingRecord:
    """The training record in a value.

    Raises
    ------
    FormatError
        It is not a training record.
    """
    if not isinstance(value, Struct) or not is_training_record(value):
        raise FormatError(f"{path} is a {describe(value)}, expected the training record that train returned")
    epochs = _row(value.get("epoch"))
    curves: dict[str, FloatArray] = {}
    members: dict[str, NDArray[np.bool_]] = {}
    best: list[BestPerformance] = []
    for name, fields in _SETS.items():
        curve, mask = _row(value.get(fields.curve)), _mask(value.get(fields.mask), f"{path}.{fields.mask}")
        if len(curve) == len(epochs) and np.isfinite(curve).any():
            curves[name] = curve
        if mask is None:
            continue
        members[name] = (mask == 1.0).any(axis=0)
        number = _number(value.get(fields.best))
        if number is not None and not math.isnan(number) and members[name].any():
            best.append(BestPerformance(fields.best, number, mask))
    best_epoch, performance = _count(value.get("best_epoch")), _text(value.get("performFcn"))
    states = {name: _row(value.get(name)) for name in _STATES}
    states = {name: row for name, row in states.items() if len(row) == len(epochs) and np.isfinite(row).any()}
    return TrainingRecord(path, epochs, curves, best_epoch, members, performance, tuple(best), states)


def read_training_record(
    file: str | os.PathLike[str], path: str | None = None, *, limit: int = DEFAULT_LIMIT, isolation: bool = True
) -> TrainingRecord:
    """The training record in a MAT-file.

    Parameters
    ----------
    file
        A MAT-file.
    path
        Which record, as MATLAB names it: ``tr``, ``results.TrainingResults``. Needed only if there are several.
    limit
        Bytes of memory that the file's contents may take.
    isolation
        Whether a version 7.3 file is read in a separate process, as for ``load``.

    Raises
    ------
    FormatError
        The file is broken, holds no training record, or several while `path` is not given, or the record's sets are
        of different lengths.
    """
    try:
        with open_mat(Path(file), limit, isolation) as mat:
            place, value = _only_record(mat) if path is None else (path, find(mat, path))
            record = training_record(value, place)
        if len({len(flags) for flags in record.members.values()}) > 1:
            raise FormatError("the masks of its sets have different lengths", place=place)
        return record
    except MatnetError as error:
        raise error.at(os.fspath(file)) from error.__cause__


def training_record_paths(
    file: str | os.PathLike[str], *, limit: int = DEFAULT_LIMIT, isolation: bool = True
) -> tuple[str, ...]:
    """The paths of the training records in a MAT-file, as MATLAB names them.

    Raises
    ------
    FormatError
        The file is broken.
    """
    try:
        with open_mat(Path(file), limit, isolation) as mat:
            return tuple(_records(mat))
    except MatnetError as error:
        raise error.at(os.fspath(file)) from error.__cause__


def _records(mat: MatFile) -> dict[str, Value]:
    walked = walk(mat, lambda value: is_network(value) or is_training_record(value))
    return {str(path): value for path, value in walked if is_training_record(value)}


def _only_record(mat: MatFile) -> tuple[str, Value]:
    records = _records(mat)
    if not records:
        raise FormatError("there is no training record in it, the second output of MATLAB's train")
    if len(records) > 1:
        paths = list(records)
        raise FormatError(f"{len(paths)} training records in it: {', '.join(paths)}; name one, as in {paths[0]}")
    return next(iter(records.items()))


def _mask(value: Value | None, path: str) -> FloatArray | None:
    """A mask as a matrix; older records have none, and one that cannot be joined is ignored."""
    if value is None:
        return None
    try:
        return as_matrix(value, path)
    except UnsupportedError:
        return None


def _row(value: Value | None) -> FloatArray:
    return value.floats().ravel() if isinstance(value, Numeric) else np.zeros(0)


def _text(value: Value | None) -> str:
    return value.text if isinstance(value, Char) else ""


def _number(value: Value | None) -> float | None:
    if isinstance(value, Numeric) and value.array.size == 1 and np.isrealobj(value.array):
        return float(value.array.item())
    return None


def _count(value: Value | None) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None
