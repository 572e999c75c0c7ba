"""The forward pass: a Structure laid out as a Program, a list of steps in the order in which they are computed."""

from matnet.simulate.layout import program
from matnet.simulate.program import Leaf, Program, batched, outputs
from matnet.simulate.steps import (
    BiasOnly,
    Combined,
    Directions,
    Joined,
    Mapped,
    ParameterKey,
    Step,
    Transferred,
    Weighted,
    broadcast_shape,
    side_by_side,
)

__all__ = [
    "BiasOnly",
    "Combined",
    "Directions",
    "Joined",
    "Leaf",
    "Mapped",
    "ParameterKey",
    "Program",
    "Step",
    "Transferred",
    "Weighted",
    "batched",
    "broadcast_shape",
    "outputs",
    "program",
    "side_by_side",
]
