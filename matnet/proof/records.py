"""Training records: the performances that the network and its data must reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matnet.derivatives.cost import Cost, cost_of
from matnet.errors import UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.functions.performance import PERFORMANCE
from matnet.importers.mat.paths import container
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import BestPerformance, TrainingRecord
from matnet.network import Network
from matnet.proof.agreement import Verdict
from matnet.proof.answers import InputData, Rounding, answers, answers_with, unnoticed_change
from matnet.proof.candidates import Matrix, Pair, same_numbers, unexplained
from matnet.proof.data import DataSource
from matnet.proof.finding import Finding

AGREES = 1e-12
"""Relative: how closely MATLAB's sums over thousands of samples agree with matnet's."""

_MOST_PAIRS = 400
_UNEXPLAINED = 0.5
"""The largest share of the targets' variance that a network leaves unexplained if it was trained on them."""

SMALL = 1e-6
"""Relative: a performance that rounding changes more consists only of rounding."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """The performances of a record's sets for one pair of inputs and targets, and the effect of rounding on each."""

    data: InputData
    targets: Matrix
    cost: Cost
    values: tuple[float, ...]
    moved: tuple[float, ...]

    @property
    def label(self) -> str:
        """The names of both."""
        return f"{self.data.label} -> {self.targets.label}"

    def agrees(self, sets: Sequence[BestPerformance]) -> bool:
        """Whether all performances are the record's."""
        return all(
            abs(value - entry.value) <= AGREES * abs(entry.value) + 4.0 * moved
            for entry, value, moved in zip(sets, self.values, self.moved, strict=True)
        )


class RecordsCheck:
    """Compares the performances in training records with the network's, for all inputs and targets that fit.

    ``answers`` are pairs that are known to be a network's answers, so their outputs are not targets; ``proved`` are
    those that prove this network, so it was probably trained on their inputs. ``trained_on`` has the labels of the
    pairs of inputs and targets that reproduce the performances of a record.
    """

    def __init__(self, rounding: Rounding, source: DataSource, answers: Sequence[Pair], proved: Sequence[Pair]) -> None:
        self._net = rounding.net
        self._rounding = rounding
        self._source = source
        self._answers = answers
        self._proved = proved
        self.trained_on: set[str] = set()

    def findings(self) -> list[Finding]:
        """One for each set of each record; none if there is nothing to compare."""
        named = self._source.named.record
        if named is not None:
            return self._record(named, decided=True)
        file = self._source.file
        if file is None:
            return []
        has_targets = self._source.named.targets is not None
        return [
            entry for record in file.records for entry in self._record(record, has_targets or self._alone(record, file))
        ]

    def _alone(self, record: TrainingRecord, file: StoredValues) -> bool:
        """Whether a record can only be this network's: the file has no other network and no other record."""
        beside = container(record.path)
        networks = [path for path in file.networks if container(path) == beside]
        records = [entry for entry in file.records if container(entry.path) == beside]
        return networks == [self._net.provenance.path] and len(records) == 1

    def _record(self, record: TrainingRecord, decided: bool) -> list[Finding]:
        """The findings of one record; `decided` if it can only be this network's."""
        shapes = {entry.mask.shape for entry in record.best}
        if len(shapes) > 1 or any(rows != self._net.output_size for rows, _ in shapes):
            return []
        if not record.best:
            return _nothing(record, "the record has no performances with masks") if decided else []
        try:
            costs = self._costs()
        except UnsupportedError as error:
            return _nothing(record, str(error))
        pairs = self._pairs({columns for _, columns in shapes})
        if len(pairs) > _MOST_PAIRS:
            return _nothing(record, f"{len(pairs)} pairs of variables fit", ("inputs", "targets"))
        trials = self._trials(record, pairs, costs)
        agreeing = next((trial for trial in trials if trial.agrees(record.best)), None)
        if agreeing is not None:
            return self._agreed(record, agreeing)
        if not decided:
            return []
        # for the first form: if neither agrees, both are equally likely
        likely = trials[0] if trials and self._is_named else self._likeliest(trials)
        if likely is None:
            reason = "the inputs and targets of its samples were not found"
            return _nothing(record, reason, ("inputs", "targets"))
        return _contradicted(record, likely)

    def _costs(self) -> list[Cost]:
        """The network's own performance function, in every form that it has."""
        own = self._net.structure.performance
        rows = () if own is None else PERFORMANCE.get(own.function, ())
        forms = [row.form or None for row in rows] or [None]
        return [cost_of(self._net.structure, self._net.program, None, None, form) for form in forms]

    def _pairs(self, lengths: set[int]) -> list[tuple[InputData, Matrix]]:
        targets = [matrix for matrix in self._source.targets() if len(matrix.values) in lengths]
        return [
            (data, matrix)
            for data in self._inputs(lengths)
            for matrix in targets
            if self._is_named or not self._is_answer(matrix)
        ]

    def _inputs(self, lengths: set[int]) -> list[InputData]:
        """The data that the network may have been trained on; a series is slow, so only the likeliest ones, with their
        states."""
        if not self._net.dynamic or self._source.named.inputs is not None:
            return [data for data in self._source.inputs(lengths) if len(data.x) in lengths]
        return [pair.data for pair in self._proved if len(pair.data.x) in lengths]

    @property
    def _is_named(self) -> bool:
        return self._source.named.targets is not None and self._source.names_inputs

    def _is_answer(self, matrix: Matrix) -> bool:
        return any(same_numbers(matrix, pair.stored.values) for pair in self._answers)

    def _trials(
        self, record: TrainingRecord, pairs: Sequence[tuple[InputData, Matrix]], costs: Sequence[Cost]
    ) -> list[_Trial]:
        outputs = {id(data): self._rounding.outputs(data) for data, _ in pairs}
        trials = []
        for data, matrix in pairs:
            for cost in costs:
                performances = [
                    outputs[id(data)].performance(cost, matrix.values * entry.mask.T) for entry in record.best
                ]
                values, moved = (tuple(numbers) for numbers in zip(*performances, strict=True))
                trials.append(_Trial(data, matrix, cost, values, moved))
        return trials

    def _agreed(self, record: TrainingRecord, trial: _Trial) -> list[Finding]:
        self.trained_on.add(trial.label)
        doubt = self._doubt(record, trial)
        form = trial.cost.row.form
        several = any(output.size > 1 for output in self._net.structure.outputs)
        note = f"{trial.cost.row.name} in the form '{form}'" if form and several else ""
        reason = doubt or note
        return _findings(record, trial, "weak" if doubt else "proved", [reason] * len(record.best))

    def _doubt(self, record: TrainingRecord, trial: _Trial) -> str:
        best = record.best
        if any(moved > SMALL * abs(entry.value) for entry, moved in zip(best, trial.moved, strict=True)):
            return "the performance is so small that it consists of rounding"
        y, t = answers(self._net, trial.data), trial.targets.values
        if all((values[np.isfinite(values)] % 1.0 == 0.0).all() for values in (y, t)):
            return "outputs and targets are whole numbers, so a performance has few values and may agree by chance"
        if {entry.value for entry in best} in ({0.0}, {1.0}):
            return f"a performance of {best[0].value:g} is not special to this network"
        block = unnoticed_change(self._net, lambda theta: _shows(self._net, theta, record, trial))
        return f"a change of {block} by 1 % would not have shown" if block else ""

    def _likeliest(self, trials: Sequence[_Trial]) -> _Trial | None:
        """The pair whose targets the network explains best, if it explains them at all.

        Many networks explain their own inputs, which are seldom targets.
        """
        trials = [trial for trial in trials if not same_numbers(trial.targets, trial.data.x)]
        left = [unexplained(answers(self._net, trial.data), trial.targets.values) for trial in trials]
        return trials[int(np.argmin(left))] if left and min(left) <= _UNEXPLAINED else None


def _shows(net: Network, theta: FloatArray, record: TrainingRecord, trial: _Trial) -> bool:
    """Whether other parameters give another performance for some set."""
    y, t = answers_with(net, theta, trial.data), trial.targets.values
    with np.errstate(all="ignore"):
        values = [trial.cost.value(t * entry.mask.T, y, None, theta) for entry in record.best]
    return any(
        not abs(value - own) <= AGREES * abs(own) + 4.0 * moved
        for value, own, moved in zip(values, trial.values, trial.moved, strict=True)
    )


def _findings(record: TrainingRecord, trial: _Trial, verdict: Verdict, reasons: Sequence[str]) -> list[Finding]:
    findings = []
    for entry, value, reason in zip(record.best, trial.values, reasons, strict=True):
        apart = abs(value - entry.value)
        relative = apart / abs(entry.value) if entry.value else float(apart > 0.0)
        samples = int((~np.isnan(entry.mask)).any(axis=0).sum())
        what = f"{record.path}.{entry.field} ({trial.label})"
        findings.append(Finding(what, samples, apart, relative, verdict, reason))
    return findings


def _contradicted(record: TrainingRecord, trial: _Trial) -> list[Finding]:
    reasons = [
        f"the record says {entry.value!r}, the network gives {value!r}: the data or the network changed after "
        "this training"
        for entry, value in zip(record.best, trial.values, strict=True)
    ]
    return [
        entry._replace(verdict="proved", reason="")
        if entry.relative is not None and entry.relative <= AGREES
        else entry
        for entry in _findings(record, trial, "contradicted", reasons)
    ]


def _nothing(record: TrainingRecord, reason: str, undecided: tuple[str, ...] = ()) -> list[Finding]:
    return [Finding(record.path, 0, None, None, "nothing to compare", reason, undecided)]
