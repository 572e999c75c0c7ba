"""The data that a network may have been evaluated on: those that the user named, else those of fitting shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from matnet.errors import ModelError, ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.model.loops import open_loops
from matnet.network import Network
from matnet.network.forecast import closed_elements, looks_back, opened_elements
from matnet.proof.answers import InputData
from matnet.proof.candidates import Candidates, Matrix, named_matrix, oriented

FROM_ZEROS, FROM_OWN = "from zeros", "from its initial states"


def input_image(net: Network) -> tuple[int, ...]:
    """(H, W, C) of a network's only input; empty if that is no image or there are several."""
    inputs = net.structure.inputs
    return inputs[0].shape if len(inputs) == 1 else ()


def output_image(net: Network) -> tuple[int, ...]:
    """The sizes of a network's only output; empty if that is a vector or there are several."""
    outputs = net.structure.outputs
    return net.structure.layers[outputs[0].layer].shape if len(outputs) == 1 else ()


@dataclass(frozen=True, eq=False)
class NamedData:
    """The data that the user named, in MATLAB's layout. The rest is searched for in the file."""

    inputs: Matrix | None = None
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
        return self.named.inputs is not None or not self.net.input_size

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
        images = self._candidates.images(output_image(self.net))
        # one sample is enough where the inputs are an image, which is found by more than one size
        return images + self._candidates.with_elements(size, least=1 if input_image(self.net) else 2)

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
                    yield InputData(data.x, label, input_states, layer_states)
        if self.named.states is None and self.named.input_states is None and self.named.layer_states is None:
            yield from self._from_first_rows(lengths)

    def _input_matrices(self) -> list[Matrix]:
        size = self.net.input_size
        if self.named.inputs is not None:
            beside = size - len(opened_elements(self.net.structure))
            if self.named.targets is not None and beside != size and oriented(self.named.inputs, beside):
                return oriented(self.named.inputs, size)
            return named_matrix(self.named.inputs, size, f"an input of {counted(size, 'element')}")
        return self._candidates.images(input_image(self.net)) + self._candidates.with_elements(size)

    def _series(self, lengths: set[int]) -> Iterator[InputData]:
        if self.net.input_size:
            yield from (InputData(matrix.values, matrix.label) for matrix in self._input_matrices())
            return
        steps = [self.named.steps] if self.named.steps is not None else sorted(lengths)
        yield from (InputData(np.zeros((count, 0)), f"{counted(count, 'step')}") for count in steps)

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
        for matrix in targets:
            fitting = [other for other in beside if len(other.values) == len(matrix.values) and other is not matrix]
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


def _named_state(matrix: Matrix, delay: int, size: int, what: str) -> FloatArray:
    """States that were named: MATLAB's columns, oldest first; empty if the network has no delays."""
    if matrix.values.size == 0 and delay * size == 0:
        return np.zeros((delay, size))
    if matrix.values.shape != (size, delay):
        actual = " by ".join(map(str, matrix.values.shape))
        raise ShapeError(f"{matrix.label} is {actual}, but {what} are {size} by {delay}")
    return matrix.values.T
