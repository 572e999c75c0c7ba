"""What MATLAB stored beside a network, computed again: outputs, series and training records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.proof.candidates import Candidates, Matrix, Pair, named_pairs, search, told
from matnet.proof.evidence import Given, Rounding, Verdict, agreement, doubt
from matnet.proof.explain import UNEXPLAINED, explanation
from matnet.proof.performances import check_record

_NEAR = 1e-5
"""Of the range: a difference that is worth showing though it proves nothing."""

_MOST_EXPLAINED = 100
"""Pairs of variables that are asked for what might have changed, where none agrees."""


@dataclass(frozen=True)
class Row:
    """One comparison: what was compared, over how many samples, the largest difference and that by the range of y.

    ``reason`` says why the verdict is not simply proved, or what else a reader should know.
    """

    what: str
    samples: int
    largest: float | None
    relative: float | None
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Told:
    """What the user named; matrices as MATLAB has them. What is not named is looked for, if anything of its kind is."""

    inputs: Matrix | None = None
    outputs: Matrix | None = None
    targets: Matrix | None = None
    record: TrainingRecord | None = None
    input_states: Matrix | None = None
    layer_states: Matrix | None = None
    steps: int | None = None

    @property
    def asks_for_outputs(self) -> bool:
        """Whether outputs are to be compared: unless only a record was named."""
        return self.outputs is not None or (self.targets is None and self.record is None)

    @property
    def asks_for_records(self) -> bool:
        """Whether records are to be compared: unless only outputs were named."""
        return self.outputs is None or self.targets is not None or self.record is not None


def verdict_of(rows: Sequence[Row]) -> Verdict:
    """The verdict of all comparisons together: one contradiction outweighs all, one proof what is weak."""
    verdicts = {row.verdict for row in rows}
    order: tuple[Verdict, ...] = ("contradicted", "proved", "weak")
    return next((verdict for verdict in order if verdict in verdicts), "nothing to compare")


def verify(net: Network, stored: StoredValues | None, named: Told | None = None) -> tuple[Row, ...]:
    """Compare a network with the answers that MATLAB stored.

    Parameters
    ----------
    net
        The network.
    stored
        The file in which to look for what is not named; None where there is none to look in.
    named
        What the user named.

    Returns
    -------
    tuple of Row
        One a comparison; a single row with the verdict "nothing to compare" where there was none.

    Raises
    ------
    ShapeError
        A matrix that was named does not fit the network.
    """
    return _Verification(net, stored, named or Told()).rows()


class _Verification:
    def __init__(self, net: Network, stored: StoredValues | None, named: Told) -> None:
        self._net = net
        self._file = stored
        self._told = named
        self._rounding = Rounding(net)
        self._no_targets: list[Pair] = []
        self._candidates = Candidates(lambda: [] if stored is None else stored.arrays)

    def rows(self) -> tuple[Row, ...]:
        rows: list[Row] = []
        proved: list[Pair] = []
        if self._told.asks_for_outputs:
            rows += self._outputs(proved)
        if self._told.asks_for_records:
            rows += self._records(proved)
        if not rows:
            rows.append(Row("", 0, None, None, "nothing to compare", self._missing()))
        return tuple(rows)

    def _missing(self) -> str:
        inputs, outputs = self._net.input_size, self._net.output_size
        if not inputs:
            return f"no stored outputs of {outputs} elements were found; name them with --outputs and --layer-states"
        return (
            f"no stored answers were found for inputs of {inputs} and outputs of {outputs} elements; name them with "
            "--inputs and --outputs"
        )

    def _outputs(self, proved: list[Pair]) -> list[Row]:
        stored = self._stored()
        lengths = {len(matrix.values) for matrix in stored}
        if self._told.outputs is not None and (self._told.inputs is not None or not self._net.input_size):
            return self._named_outputs(stored, lengths, proved)
        found = search(self._net, self._questions(lengths), stored)
        if found.given_up:
            reason = f"more than {found.tried} pairs of variables fit; name them with --inputs and --outputs"
            return [Row("outputs", 0, None, None, "nothing to compare", reason)]
        rows = [self._row(pair, found.tried, proved) for pair in found.pairs]
        # that only the first samples agree is chance, not a near miss
        rows = [row for row in rows if row.reason != UNEXPLAINED or (row.relative or 0.0) < _NEAR]
        best = [row for row in rows if row.verdict == "proved"]
        if best or rows or found.tried > _MOST_EXPLAINED:
            # the same answers asked for in two ways, as a series with its states and the whole one, are one proof
            return list({row.what.rpartition(" -> ")[2]: row for row in reversed(best)}.values())[::-1] or rows
        found = search(self._net, self._questions(lengths), stored, all_of_them=True)
        rows = [self._row(pair, found.tried, proved) for pair in found.pairs]
        return [row for row in rows if row.reason != UNEXPLAINED]

    def _named_outputs(self, stored: Sequence[Matrix], lengths: set[int], proved: list[Pair]) -> list[Row]:
        """One row for what was named; a square matrix is tried both ways, states that were not named are tried."""
        pairs = named_pairs(self._net, self._questions(lengths), stored)
        if not pairs:
            asked = " or ".join(str(len(given.x)) for given in self._questions(lengths)) or "another number of"
            raise ShapeError(
                f"{stored[0].label} has {len(stored[0].values)} samples, but the inputs have {asked} samples"
            )
        order: tuple[Verdict, ...] = ("proved", "weak", "contradicted")
        rows = [self._row(pair, 1, proved, decided=True) for pair in pairs]
        return [min(rows, key=lambda row: (order.index(row.verdict), row.relative))]

    def _row(self, pair: Pair, tried: int, proved: list[Pair], decided: bool = False) -> Row:
        compared = agreement(self._rounding, pair.given, pair.y, pair.stored.values, named=decided)
        what = f"{pair.given.label} -> {pair.stored.label}"
        numbers = (compared.samples, compared.largest, compared.relative)
        if not compared.agrees:
            reason, certain = explanation(self._net, pair.given, pair.y, pair.stored.values)
            if certain:
                self._no_targets.append(pair)
            return Row(what, *numbers, "contradicted" if decided or certain else "weak", reason)
        reason = doubt(self._net, pair.given, pair.stored.values, compared, tried)
        if reason:
            return Row(what, *numbers, "weak", reason)
        proved.append(pair)
        self._no_targets.append(pair)
        notes = [f"{compared.left_out} more samples stand where rounding decides"] if compared.left_out else []
        notes += [compared.note] if compared.note else []
        return Row(what, *numbers, "proved", "; ".join(notes))

    def _stored(self) -> list[Matrix]:
        size = self._net.output_size
        if self._told.outputs is not None:
            return told(self._told.outputs, size, f"an output of {size} elements")
        return self._candidates.with_elements(size)

    def _questions(self, lengths: set[int]) -> Iterator[Given]:
        """All that the network may have been asked, with as many samples as some stored answers."""
        if not self._net.dynamic:
            yield from (Given(matrix.values, matrix.label) for matrix in self._inputs())
            return
        for given in self._series(lengths):
            for input_states, states_label in self._input_states(given.x):
                for layer_states, layer_label in self._layer_states():
                    label = ", ".join(part for part in (given.label, states_label, layer_label) if part)
                    yield Given(given.x, label, input_states, layer_states)
            yield from self._continued(given, lengths)

    def _inputs(self, least: int = 2) -> list[Matrix]:
        size = self._net.input_size
        if self._told.inputs is not None:
            return told(self._told.inputs, size, f"an input of {size} elements")
        return self._candidates.with_elements(size, least)

    def _series(self, lengths: set[int]) -> Iterator[Given]:
        if self._net.input_size:
            yield from (Given(matrix.values, matrix.label) for matrix in self._inputs())
            return
        steps = [self._told.steps] if self._told.steps is not None else sorted(lengths)
        yield from (Given(np.zeros((count, 0)), f"{count} steps") for count in steps)

    def _input_states(self, x: FloatArray) -> Iterator[tuple[FloatArray, str]]:
        delay, size = self._net.structure.input_delay, self._net.input_size
        if self._told.input_states is not None:
            yield self._state(self._told.input_states, delay, size, "the input states"), self._told.input_states.label
            return
        yield np.zeros((delay, size)), ""
        if delay and size:
            yield from ((matrix.values.T, matrix.label) for matrix in self._candidates.of_shape(size, delay))

    def _layer_states(self) -> Iterator[tuple[FloatArray, str]]:
        delay, size = self._net.structure.layer_delay, self._net.structure.layer_elements
        if self._told.layer_states is not None:
            yield self._state(self._told.layer_states, delay, size, "the layer states"), self._told.layer_states.label
            return
        yield np.zeros((delay, size)), ""
        if delay:
            yield from ((matrix.values.T, matrix.label) for matrix in self._candidates.of_shape(size, delay))

    @staticmethod
    def _state(matrix: Matrix, delay: int, size: int, what: str) -> FloatArray:
        """States that were named: MATLAB's columns, the oldest first; empty where the network has no delays."""
        if matrix.values.size == 0 and delay * size == 0:
            return np.zeros((delay, size))
        if matrix.values.shape != (size, delay):
            found = " by ".join(map(str, matrix.values.shape))
            raise ShapeError(f"{matrix.label} is {found}, but {what} are {size} by {delay}")
        return matrix.values.T

    def _continued(self, given: Given, lengths: set[int]) -> Iterator[Given]:
        """The series from its first possible step on, what comes before it being the input states (preparets)."""
        structure = self._net.structure
        delay = max(structure.input_delay, structure.layer_delay)
        named = self._told.input_states is not None or self._told.layer_states is not None
        if named or not self._net.input_size or len(given.x) - delay not in lengths or not delay:
            return
        before = given.x[delay - structure.input_delay : delay]
        label = f"{given.label} from step {delay + 1} on"
        for layer_states, layer_label in self._layer_states():
            yield Given(given.x[delay:], ", ".join(filter(None, (label, layer_label))), before, layer_states)

    def _records(self, proved: Sequence[Pair]) -> list[Row]:
        if self._told.record is not None:
            return self._record_rows(self._told.record, True, proved)
        return [
            row
            for record in ([] if self._file is None else self._file.records)
            for row in self._record_rows(record, self._told.targets is not None or self._alone(record), proved)
        ]

    def _alone(self, record: TrainingRecord) -> bool:
        """Whether a record can only be this network's: beside it lies no other network and no other record."""
        if self._file is None:
            return False
        beside = container(record.path)
        networks = [path for path in self._file.networks if container(path) == beside]
        records = [entry for entry in self._file.records if container(entry.path) == beside]
        return networks == [self._net.provenance.path] and len(records) == 1

    def _record_rows(self, record: TrainingRecord, decided: bool, proved: Sequence[Pair]) -> list[Row]:
        lengths = {entry.mask.shape[1] for entry in record.best}
        size = self._net.output_size
        if any(entry.mask.shape[0] != size for entry in record.best) or len(lengths) > 1:
            return []
        asked = self._asked(lengths, proved)
        targets = self._targets(lengths)
        try:
            found = check_record(self._rounding, record, asked, targets, self._no_targets, decided, self._named_pair())
        except UnsupportedError as error:
            return [Row(record.path, 0, None, None, "nothing to compare", str(error))]
        return [Row(*entry) for entry in found]

    def _asked(self, lengths: set[int], proved: Sequence[Pair]) -> list[Given]:
        """What the network may have been trained on; a series takes long, so only the likeliest, with their states."""
        if not self._net.dynamic or self._told.inputs is not None:
            return [given for given in self._questions(lengths) if len(given.x) in lengths]
        return [pair.given for pair in proved if len(pair.given.x) in lengths]

    def _named_pair(self) -> bool:
        return self._told.targets is not None and (self._told.inputs is not None or not self._net.input_size)

    def _targets(self, lengths: set[int]) -> list[Matrix]:
        size = self._net.output_size
        if self._told.targets is not None:
            found = told(self._told.targets, size, f"an output of {size} elements")
        else:
            found = self._candidates.with_elements(size)
        return [matrix for matrix in found if len(matrix.values) in lengths]


def container(path: str) -> str:
    """A path without its last step; a variable lies in the workspace, whose path is empty."""
    return re.sub(r"(^|\.)[A-Za-z]\w*$|\{[\d,]+\}$|\([\d,]+\)$", "", path)
