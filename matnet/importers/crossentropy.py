"""The form of crossentropy that a network was trained with, as far as its training record shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from matnet.derivatives.cost import cost_of
from matnet.errors import MatnetError
from matnet.functions.namespace import FloatArray
from matnet.functions.performance import PERFORMANCE
from matnet.importers.stored import StoredArray
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network

_NAME = "crossentropy"
_AGREES = 1e-9
"""Relative tolerance: the two forms differ much more, so this allows for another order of summation."""

_MOST_PAIRS = 64


def with_proved_form(network: Network, record: TrainingRecord, arrays: Sequence[StoredArray]) -> Network:
    """The network with the form of crossentropy that reproduces the record's performances.

    Parameters
    ----------
    network
        Returned unchanged if its performance function has one form, or if neither form or both reproduce the
        performances with inputs and targets from the file.
    record
        The record of its training.
    arrays
        The matrices beside it.
    """
    own, structure = network.structure.performance, network.structure
    if own is None or own.function != _NAME or own.unsupported or network.dynamic or not record.best:
        return network
    proved = {form for y, t in _pairs(network, record, arrays) for form in _agreeing(network, record, y, t)}
    if len(proved) != 1:
        return network
    performance = replace(own, form=proved.pop())
    return Network(replace(structure, performance=performance), network.provenance, network.name)


def _agreeing(network: Network, record: TrainingRecord, y: FloatArray, t: FloatArray) -> Iterator[str]:
    for row in PERFORMANCE[_NAME]:
        cost = cost_of(network.structure, network.program, None, None, row.form)
        with np.errstate(all="ignore"):
            values = [cost.value(t * entry.mask.T, y, None, network.parameters) for entry in record.best]
        stored = [entry.value for entry in record.best]
        if np.allclose(values, stored, rtol=_AGREES, atol=0.0):
            yield row.form


def _pairs(
    network: Network, record: TrainingRecord, arrays: Sequence[StoredArray]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Outputs and targets (Q, S) that the record's masks fit."""
    shapes = {entry.mask.shape for entry in record.best}
    if len(shapes) != 1 or next(iter(shapes))[0] != network.output_size:
        return
    samples = next(iter(shapes))[1]
    targets = list(_matrices(arrays, network.output_size, samples))
    inputs = list(_matrices(arrays, network.input_size, samples))
    if len(inputs) * len(targets) > _MOST_PAIRS:
        return
    outputs = [np.asarray(network(x)) for x in inputs]
    yield from product(outputs, targets)


def _matrices(arrays: Sequence[StoredArray], elements: int, samples: int) -> Iterator[FloatArray]:
    """The matrices of a size, with samples in rows."""
    for entry in arrays:
        for size, turned in (((elements, samples), True), ((samples, elements), False)):
            if tuple(entry.shape) != size:
                continue
            try:
                matrix = entry.read()
            except MatnetError:
                continue  # complex numbers, or too large to be read here: not inputs or targets
            yield np.ascontiguousarray(matrix.T if turned else matrix)
