"""A network as a MAT-file stores it, and the rules in it that MATLAB has not confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from matnet.functions.processing import PROCESSING
from matnet.model.structure import Structure


class StoredNetwork(NamedTuple):
    """A network as read, with what its object records; ``precision`` is "single" if MATLAB computes in single
    precision."""

    structure: Structure
    version: str
    stored_as: str
    train_function: str = ""
    divide_function: str = ""
    oddities: tuple[str, ...] = ()
    precision: str = ""


def unconfirmed(structure: Structure) -> Iterator[str]:
    """Remarks on rules of the network that are not confirmed by evidence from MATLAB itself."""
    transfer = {layer.transfer: layer.row.unconfirmed for layer in structure.layers}
    weights = {weight.function: weight.row.unconfirmed for layer in structure.layers for weight in layer.weights}
    steps = [entry.processing for entry in structure.inputs] + [entry.processing for entry in structure.outputs]
    processing = {step.function: PROCESSING[step.function].unconfirmed for chain in steps for step in chain}
    for name, remark in sorted({**transfer, **weights, **processing}.items()):
        if remark:
            yield f"{name}: not confirmed by numbers from MATLAB: {remark}"
