"""The data that a network may have been evaluated on: what the user named, else what fits by its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.proof.answers import InputData
from matnet.proof.candidates import Candidates, Matrix, named_matrix


@dataclass(frozen=True, eq=False)
class NamedData:
    """What the user named, in MATLAB's layout. The rest is searched for in the file."""

    inputs: Matrix | None = None
    outputs: Matrix | None = None
    targets: Matrix | None = None
    record: TrainingRecord | None = None
    input_states: Matrix | None = None
    layer_states: Matrix | None = None
    steps: int | None = None

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
        return self.named.inputs is not None or not self.net.input_size

    def outputs(self) -> list[Matrix]:
        """What could be stored outputs."""
        return self._with_outputs(self.named.outputs)

    def targets(self) -> list[Matrix]:
        """What could be targets."""
        return self._with_outputs(self.named.targets)

    def _with_outputs(self, named: Matrix | None) -> list[Matrix]:
        size = self.net.output_size
        if named is not None:
            return named_matrix(named, size, f"an output of {counted(size, 'element')}")
        return self._candidates.with_elements(size)

    def inputs(self, lengths: set[int]) -> Iterator[InputData]:
        """Everything that could be inputs, with as many samples as some stored outputs; a series with its states."""
        if not self.net.dynamic:
            yield from (InputData(matrix.values, matrix.label) for matrix in self._input_matrices())
            return
        for data in self._series(lengths):
            for input_states, states_label in self._input_states():
                for layer_states, layer_label in self._layer_states():
                    label = ", ".join(part for part in (data.label, states_label, layer_label) if part)
                    yield InputData(data.x, label, input_states, layer_states)
            yield from self._continued(data, lengths)

    def _input_matrices(self) -> list[Matrix]:
        size = self.net.input_size
        if self.named.inputs is not None:
            return named_matrix(self.named.inputs, size, f"an input of {counted(size, 'element')}")
        return self._candidates.with_elements(size)

    def _series(self, lengths: set[int]) -> Iterator[InputData]:
        if self.net.input_size:
            yield from (InputData(matrix.values, matrix.label) for matrix in self._input_matrices())
            return
        steps = [self.named.steps] if self.named.steps is not None else sorted(lengths)
        yield from (InputData(np.zeros((count, 0)), f"{count} steps") for count in steps)

    def _input_states(self) -> Iterator[tuple[FloatArray, str]]:
        delay, size = self.net.structure.input_delay, self.net.input_size
        return self._states(self.named.input_states, delay, size, "the input states")

    def _layer_states(self) -> Iterator[tuple[FloatArray, str]]:
        delay, size = self.net.structure.layer_delay, sum(layer.size for layer in self.net.structure.layers)
        return self._states(self.named.layer_states, delay, size, "the layer states")

    def _states(self, named: Matrix | None, delay: int, size: int, what: str) -> Iterator[tuple[FloatArray, str]]:
        """States (delay, size), oldest first: those that were named, else zeros and every matrix of that shape."""
        if named is not None:
            yield _named_state(named, delay, size, what), named.label
            return
        yield np.zeros((delay, size)), ""
        if delay and size:
            yield from ((matrix.values.T, matrix.label) for matrix in self._candidates.of_shape(size, delay))

    def _continued(self, data: InputData, lengths: set[int]) -> Iterator[InputData]:
        """The series from its first possible step on, what comes before it being the input states (preparets)."""
        structure = self.net.structure
        delay = max(structure.input_delay, structure.layer_delay)
        named = self.named.input_states is not None or self.named.layer_states is not None
        if named or not self.net.input_size or len(data.x) - delay not in lengths or not delay:
            return
        before = data.x[delay - structure.input_delay : delay]
        label = f"{data.label} from step {delay + 1} on"
        for layer_states, layer_label in self._layer_states():
            yield InputData(data.x[delay:], ", ".join(filter(None, (label, layer_label))), before, layer_states)


def _named_state(matrix: Matrix, delay: int, size: int, what: str) -> FloatArray:
    """States that were named: MATLAB's columns, oldest first; empty if the network has no delays."""
    if matrix.values.size == 0 and delay * size == 0:
        return np.zeros((delay, size))
    if matrix.values.shape != (size, delay):
        found = " by ".join(map(str, matrix.values.shape))
        raise ShapeError(f"{matrix.label} is {found}, but {what} are {size} by {delay}")
    return matrix.values.T
