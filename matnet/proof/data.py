"""The data that a network may have been evaluated on: those that the user named, else those of fitting shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from matnet.errors import ModelError, ShapeError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.model.loops import open_loops
from matnet.network import Network
from matnet.network.forecast import closed_elements, looks_back, opened_elements
from matnet.proof.answers import InputData
from matnet.proof.candidates import Candidates, Matrix, Series, named_matrix, oriented, same_numbers

FROM_ZEROS, FROM_OWN = "from zeros", "from its initial states"

_BATCH = 128
"""MATLAB's predict pads this many series at a time to the longest of them, unless it is told otherwise."""


def takes_series(net: Network) -> bool:
    """Whether it has recurrent layers of MATLAB's, and so takes whole series, and may give the last answer of each."""
    return any(layer.part_of is not None for layer in net.structure.layers)


@dataclass(frozen=True, eq=False)
class NamedData:
    """The data that the user named, in MATLAB's layout. The rest is searched for in the file.

    ``series`` stand in place of ``inputs`` where these are several series, in a cell array.
    """

    inputs: Matrix | None = None
    series: Series | None = None
    outputs: Matrix | None = None
    targets: Matrix | None = None
    record: TrainingRecord | None = None
    input_states: Matrix | None = None
    layer_states: Matrix | None = None
    steps: int | None = None
    states: Literal["first-rows", "zeros"] | None = None

    @property
    def nothing(self) -> bool:
        """Whether the user named nothing."""
        return all(value is None for value in vars(self).values())


class DataSource:
    """The inputs, outputs and targets that a network's structure allows, in `named` and in `file`."""

    def __init__(self, net: Network, file: StoredValues | None, named: NamedData) -> None:
        self.net = net
        self.file = file
        self.named = named
        self._candidates = Candidates(lambda: [] if file is None else file.arrays)

    @property
    def names_inputs(self) -> bool:
        """Whether the user named the inputs, or the network has none."""
        return self.named.inputs is not None or self.named.series is not None or not self.net.input_size

    @property
    def may_be_padded(self) -> bool:
        """Whether the series that were named have several lengths, which MATLAB pads."""
        series = self.named.series
        return series is not None and len({part.shape for part in series.parts}) > 1

    def outputs(self) -> list[Matrix]:
        """Matrices that could be stored outputs."""
        return self._with_outputs(self.named.outputs)

    def targets(self) -> list[Matrix]:
        """Matrices that could be targets."""
        return self._with_outputs(self.named.targets)

    def _with_outputs(self, named: Matrix | None) -> list[Matrix]:
        size = self.net.output_size
        if named is not None:
            return named_matrix(named, size, f"an output of {counted(size, 'element')}")
        images = self._candidates.images(self.net.structure.output_image)
        # one sample is enough where the inputs are an image or a series, which is found by more than one size
        alone = bool(self.net.structure.input_image) or takes_series(self.net)
        return images + self._candidates.with_elements(size, least=1 if alone else 2)

    def inputs(self, lengths: set[int]) -> Iterator[InputData]:
        """Data that could be inputs, with as many samples as some stored outputs; a series with its states."""
        if not self.net.dynamic:
            yield from (InputData(matrix.values, matrix.label) for matrix in self._input_matrices())
            return
        if self.named.states == "first-rows":
            yield from self._from_first_rows(lengths)
            return
        for data in self._series(lengths):
            for input_states, states_label in self._input_states():
                for layer_states, layer_label in self._layer_states():
                    known = states_label or layer_label
                    start = FROM_OWN if self.net.structure.starts_elsewhere else FROM_ZEROS
                    label = ", ".join(filter(None, (data.label, states_label, layer_label if known else start)))
                    yield replace(data, label=label, input_states=input_states, layer_states=layer_states)
        if self.named.states is None and self.named.input_states is None and self.named.layer_states is None:
            yield from self._from_first_rows(lengths)

    def _input_matrices(self) -> list[Matrix]:
        size = self.net.input_size
        if self.named.inputs is not None:
            beside = size - len(opened_elements(self.net.structure))
            if self.named.targets is not None and beside != size and oriented(self.named.inputs, beside):
                return oriented(self.named.inputs, size)
            return named_matrix(self.named.inputs, size, f"an input of {counted(size, 'element')}")
        if self.named.series is not None:
            return []
        return self._candidates.images(self.net.structure.input_image) + self._candidates.with_elements(size)

    def _series(self, lengths: set[int]) -> Iterator[InputData]:
        if self.net.input_size:
            matrices = self._input_matrices()
            if not self.net.structure.ends:
                yield from (InputData(matrix.values, matrix.label) for matrix in matrices)
            if takes_series(self.net):
                for matrix in matrices:
                    yield from _whole([matrix.values], matrix.label)
                for series in self._cells():
                    yield from _whole(series.parts, series.label)
            return
        steps = [self.named.steps] if self.named.steps is not None else sorted(lengths)
        yield from (InputData(np.zeros((count, 0)), f"{counted(count, 'step')}") for count in steps)

    def _cells(self) -> list[Series]:
        """Several series in a cell array, with their steps in rows."""
        size = self.net.input_size
        named = self.named.series
        if named is not None:
            found = named.oriented(size)
            if not found:
                shapes = ", ".join(dict.fromkeys(" by ".join(map(str, part.shape)) for part in named.parts[:4]))
                raise ShapeError(
                    f"{named.label} holds matrices {shapes}, but each series needs {counted(size, 'row')} or columns"
                )
            return found
        if self.named.inputs is not None or self.file is None:
            return []
        cells = []
        for entry in self.file.cells:
            if any(all(shape[axis] == size for shape in entry.shapes) for axis in (0, 1)):
                try:
                    cells += Series(entry.path, entry.read()).oriented(size)
                except UnsupportedError:
                    continue  # complex numbers cannot belong to a network
        return cells

    def _input_states(self) -> Iterator[tuple[FloatArray, str]]:
        zeros = np.zeros((self.net.structure.input_delay, self.net.input_size))
        return self._states(self.named.input_states, zeros, "the input states")

    def _layer_states(self) -> Iterator[tuple[FloatArray, str]]:
        return self._states(self.named.layer_states, self.net.structure.initial_states(), "the layer states")

    def _states(self, named: Matrix | None, initial: FloatArray, what: str) -> Iterator[tuple[FloatArray, str]]:
        """States (delay, size), oldest first: those that were named, else `initial` and every matrix of its shape."""
        delay, size = initial.shape
        if self.named.states == "zeros":
            initial = np.zeros_like(initial)
        if named is not None:
            yield _named_state(named, delay, size, what), named.label
            return
        yield initial, ""
        if delay and size and self.named.states != "zeros":
            yield from ((matrix.values.T, matrix.label) for matrix in self._candidates.of_shape(size, delay))

    def _from_first_rows(self, lengths: set[int]) -> Iterator[InputData]:
        """Series from their first possible step on, what comes before it being the states (preparets)."""
        start, _ = looks_back(self.net.structure)
        if not start:
            return
        fed_back = closed_elements(self.net.structure) or opened_elements(self.net.structure)
        if fed_back and self._consistent:
            yield from self._with_targets(start, lengths)
        if self.net.input_size:
            for matrix in self._input_matrices():
                yield from self._continued(InputData(matrix.values, matrix.label), start, lengths)

    @cached_property
    def _consistent(self) -> bool:
        """Whether inputs and outputs agree on what is fed back, so that known outputs determine the states."""
        try:
            open_loops(self.net.structure)
        except ModelError:
            return False
        return True

    def _with_targets(self, start: int, lengths: set[int]) -> Iterator[InputData]:
        """Inputs that are not fed back, with all targets of as many steps."""
        size = self.net.input_size - len(opened_elements(self.net.structure))
        targets = [matrix for matrix in self.targets() if len(matrix.values) - start in lengths]
        beside = self._matrices_beside(size) if size else []
        named = self.named.inputs is not None
        for matrix in targets:
            fitting = [
                other
                for other in beside
                if len(other.values) == len(matrix.values) and (named or not same_numbers(other, matrix.values))
            ]
            for x in fitting if size else [None]:
                data = self.net.prepare(None if x is None else x.values, matrix.values)
                names = matrix.label if x is None else f"{x.label}, {matrix.label}"
                label = f"{names} from step {start + 1} on"
                yield InputData(data.x, label, data.input_states, data.layer_states)

    def _matrices_beside(self, size: int) -> list[Matrix]:
        if self.named.inputs is None:
            return self._candidates.with_elements(size)
        # all inputs may be named, and with them those that are fed back
        return oriented(self.named.inputs, size)

    def _continued(self, data: InputData, start: int, lengths: set[int]) -> Iterator[InputData]:
        """All inputs from the first possible step on."""
        if len(data.x) - start not in lengths:
            return
        before = data.x[start - self.net.structure.input_delay : start]
        label = f"{data.label} from step {start + 1} on"
        for layer_states, layer_label in self._layer_states():
            yield InputData(data.x[start:], ", ".join(filter(None, (label, layer_label))), before, layer_states)


def _whole(parts: Sequence[FloatArray], label: str) -> Iterator[InputData]:
    """Series (T, R) as they are and, if they differ in length, padded with 0 as MATLAB does."""
    lengths = np.array([len(part) for part in parts])
    if not lengths.all():
        raise ShapeError(f"{label} holds a series without steps, which has no last output")
    yield _side_by_side(parts, label)
    if len(set(lengths.tolist())) == 1:
        return
    batches = [lengths[first : first + _BATCH] for first in range(0, len(lengths), _BATCH)]
    missing = np.concatenate([batch.max() - batch for batch in batches])
    longest = "the longest" if len(batches) == 1 else f"the longest of each {_BATCH}"
    for words, before in (("end", 0), ("front", 1)):
        pads = [((count * before, count * (1 - before)), (0, 0)) for count in missing.tolist()]
        padded = [np.pad(part, pad) for part, pad in zip(parts, pads, strict=True)]
        yield _side_by_side(padded, f"{label} padded with 0 at the {words} to {longest}")


def _side_by_side(parts: Sequence[FloatArray], label: str) -> InputData:
    lengths = np.array([len(part) for part in parts])
    x = np.zeros((len(parts), max(part.size for part in parts)))
    for row, part in zip(x, parts, strict=True):
        row[: part.size] = part.reshape(-1)
    return InputData(x, label, lengths=lengths)


def _named_state(matrix: Matrix, delay: int, size: int, what: str) -> FloatArray:
    """States that were named: MATLAB's columns, oldest first; empty if the network has no delays."""
    if matrix.values.size == 0 and delay * size == 0:
        return np.zeros((delay, size))
    if matrix.values.shape != (size, delay):
        actual = " by ".join(map(str, matrix.values.shape))
        raise ShapeError(f"{matrix.label} is {actual}, but {what} are {size} by {delay}")
    return matrix.values.T
