"""Training records: the performances that the network and its data must give again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.importers.training_record import TrainingRecord
from matnet.proof.candidates import Matrix, Pair
from matnet.proof.evidence import Answered, Given, Rounding, Verdict, answers

AGREES = 1e-12
"""Relative, as MATLAB's own sums over thousands of samples agree with ours."""

_MOST_PAIRS = 400
_EXPLAINED = 0.5
"""The share of the targets' variance that a network explains if they are what it was trained on."""


class Performance(NamedTuple):
    """One performance of a record beside ours; the fields of a row of the report."""

    what: str
    samples: int
    largest: float | None
    relative: float | None
    verdict: Verdict
    reason: str = ""


class _Set(NamedTuple):
    """A set of the record that has samples: its name, its performance and its mask with samples in rows."""

    name: str
    stored: float
    mask: FloatArray


class _Trial(NamedTuple):
    """The performances of the sets for one pair of inputs and targets, and how far rounding moves each."""

    given: Given
    targets: Matrix
    values: tuple[float, ...]
    moved: tuple[float, ...]

    @property
    def label(self) -> str:
        return f"{self.given.label} -> {self.targets.label}"


def check_record(
    rounding: Rounding,
    record: TrainingRecord,
    asked: Sequence[Given],
    targets: Sequence[Matrix],
    no_targets: Sequence[Pair],
    decided: bool,
    named: bool,
) -> list[Performance]:
    """Compute a record's performances again for every pair of inputs and targets that fits.

    Parameters
    ----------
    rounding
        The network.
    record
        Its performances and masks.
    asked, targets
        What could be the inputs and the targets, all as long as the masks.
    no_targets
        Pairs of inputs and outputs that are known to be a network's answers, so that these are no targets.
    decided
        Whether the record can only be this network's, so that disagreement is a contradiction.
    named
        Whether the user named inputs and targets.

    Raises
    ------
    UnsupportedError
        The network's performance function has settings that are not done.
    """
    sets = list(_sets(record))
    if not sets:
        return _nothing(record, "the record has no performances with masks") if decided else []
    pairs = [(given, matrix) for given in asked for matrix in targets if named or not _known(matrix, no_targets)]
    if len(pairs) > _MOST_PAIRS:
        return _nothing(record, f"{len(pairs)} pairs of variables fit; name them with --inputs and --targets")
    by_given = {id(given): rounding.answered(given) for given, _ in pairs}
    trials = [_tried(by_given[id(given)], given, matrix, sets) for given, matrix in pairs]
    agreeing = next((trial for trial in trials if _agrees(trial, sets)), None)
    if agreeing is not None:
        return _agreed(rounding, record, agreeing, sets)
    if named and trials:
        return _contradicted(record, trials[0], sets)
    if not decided:
        return []
    likely = _likeliest(rounding, trials, sets)
    if likely is None:
        return _nothing(
            record, "the inputs and targets of its samples were not found; name them with --inputs and --targets"
        )
    return _contradicted(record, likely, sets)


def _sets(record: TrainingRecord) -> Iterator[_Set]:
    return (_Set(entry.field, entry.value, entry.mask.T) for entry in record.best)


def _known(matrix: Matrix, no_targets: Sequence[Pair]) -> bool:
    return any(
        matrix.values.shape == pair.stored.values.shape and matrix.values.tobytes() == pair.stored.values.tobytes()
        for pair in no_targets
    )


def _tried(answered: Answered, given: Given, targets: Matrix, sets: Sequence[_Set]) -> _Trial:
    found = [answered.performance(targets.values * entry.mask) for entry in sets]
    return _Trial(given, targets, tuple(value for value, _ in found), tuple(moved for _, moved in found))


def _agrees(trial: _Trial, sets: Sequence[_Set]) -> bool:
    return all(
        abs(value - entry.stored) <= AGREES * abs(entry.stored) + 4.0 * moved
        for entry, value, moved in zip(sets, trial.values, trial.moved, strict=True)
    )


def _rows(
    record: TrainingRecord, trial: _Trial, sets: Sequence[_Set], verdict: Verdict, reasons: Sequence[str]
) -> list[Performance]:
    rows = []
    for entry, value, reason in zip(sets, trial.values, reasons, strict=True):
        apart = abs(value - entry.stored)
        relative = apart / abs(entry.stored) if entry.stored else float(apart > 0.0)
        samples = int((~np.isnan(entry.mask)).any(axis=1).sum())
        what = f"{record.path}.{entry.name} ({trial.label})"
        rows.append(Performance(what, samples, apart, relative, verdict, reason))
    return rows


def _agreed(rounding: Rounding, record: TrainingRecord, trial: _Trial, sets: Sequence[_Set]) -> list[Performance]:
    doubt = _doubt(rounding, trial, sets)
    return _rows(record, trial, sets, "weak" if doubt else "proved", [doubt] * len(sets))


def _doubt(rounding: Rounding, trial: _Trial, sets: Sequence[_Set]) -> str:
    if any(moved > 1e-6 * abs(entry.stored) for entry, moved in zip(sets, trial.moved, strict=True)):
        return "the performance is so small that rounding makes it"
    y, t = answers(rounding.net, trial.given), trial.targets.values
    if all((values[np.isfinite(values)] % 1.0 == 0.0).all() for values in (y, t)):
        return "outputs and targets are whole numbers, so a performance has few values and may agree by chance"
    if all(entry.stored == sets[0].stored for entry in sets) and sets[0].stored in (0.0, 1.0):
        return f"a performance of {sets[0].stored:g} is not special to this network"
    return ""


def _contradicted(record: TrainingRecord, trial: _Trial, sets: Sequence[_Set]) -> list[Performance]:
    reasons = [
        f"the record says {entry.stored!r}, the network gives {value!r}: the data or the network changed after "
        "this training"
        for entry, value in zip(sets, trial.values, strict=True)
    ]
    return [
        row._replace(verdict="proved", reason="") if row.relative is not None and row.relative <= AGREES else row
        for row in _rows(record, trial, sets, "contradicted", reasons)
    ]


def _nothing(record: TrainingRecord, reason: str) -> list[Performance]:
    return [Performance(record.path, 0, None, None, "nothing to compare", reason)]


def _likeliest(rounding: Rounding, trials: Sequence[_Trial], sets: Sequence[_Set]) -> _Trial | None:
    """The pair whose targets the network explains best, if it explains them at all."""
    explained = [_explained(answers(rounding.net, trial.given), trial.targets.values) for trial in trials]
    if not explained or max(explained) < _EXPLAINED:
        return None
    return trials[int(np.argmax(explained))]


def _explained(y: FloatArray, t: FloatArray) -> float:
    """The share of the targets' variance that the outputs explain."""
    both = np.isfinite(y) & np.isfinite(t)
    centred = np.where(both, t - np.mean(t, axis=0, where=both), 0.0)
    variance = float((centred**2).sum())
    return 1.0 - float((np.where(both, t - y, 0.0) ** 2).sum()) / variance if variance > 0.0 else 0.0
