"""The forward pass: a Structure laid out as a Program, a list of steps in order of computation."""

from matnet.simulate.layout import lay_out
from matnet.simulate.program import Leaf, Program, batched, outputs
from matnet.simulate.steps import (
    BiasStep,
    ConcatStep,
    Directions,
    NetInputStep,
    ParameterKey,
    ProcessingStep,
    Step,
    TransferStep,
    WeightStep,
    broadcast_shape,
    side_by_side,
)

__all__ = [
    "BiasStep",
    "ConcatStep",
    "Directions",
    "Leaf",
    "NetInputStep",
    "ParameterKey",
    "ProcessingStep",
    "Program",
    "Step",
    "TransferStep",
    "WeightStep",
    "batched",
    "broadcast_shape",
    "lay_out",
    "outputs",
    "side_by_side",
]
