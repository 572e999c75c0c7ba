"""What the expressions of a main function stand for, and the network that is put together from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from matnet.errors import Advice, FormatError, MatnetError, ModelError, Parameter, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.tokens import Place
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight


@dataclass(frozen=True)
class Signal:
    """An input after the processing `steps`, or the output of a layer before the reverse processing `steps`.

    ``kind`` is input, layer or output; input states or layer states: their initial states; input taps or layer taps: at
    some `delays`, with as many `rows` as the file gives them, None where it does not say.
    """

    kind: str
    number: int
    steps: tuple[Process, ...] = ()
    delays: tuple[int, ...] = (0,)
    rows: int | None = None


class Total(NamedTuple):
    """The net input of layer `number`; ``weights`` are its weights' functions and delays by their names."""

    number: int
    bias: str | None
    weights: dict[str, tuple[str, tuple[int, ...]]]


@dataclass
class Ring:
    """A ring of time steps: the initial states in it, none as long as nothing has been put into it, how many slots it
    has (None: not said), and what the loop writes.
    """

    states: Signal | None
    slots: int | None = None
    written: Signal | None = None

    def count(self, slots: int) -> None:
        """Takes note of how many slots a statement counts; an error if another counts differently."""
        if self.slots not in (None, slots):
            raise FormatError(f"the ring has {self.slots} slots, but here they are counted modulo {slots}")
        self.slots = slots


Value: TypeAlias = Signal | Total | Ring | int | str
"""What an expression stands for. A number is the slot of the present time step, in a ring of so many slots. A text says
what carries no value: argument, result, flag (whether X is a cell array), final state, or a length, series or samples.
"""


class Assembly:
    """What was read of one network; layers, outputs and inputs by their numbers, counted from 1.

    ``constants`` are found by name or struct.field, ``used`` are the names and structs that statements use, ``steps``
    the processing between each input and its weights; ``places`` are those of the constants, and of the statements that
    calculate the layers; ``oddities`` are remarks on what the file leaves open, by inputs.
    """

    def __init__(self) -> None:
        self.constants: dict[str, FloatArray] = {}
        self.used: set[str] = set()
        self.inputs = 0
        self.steps: dict[int, tuple[Process, ...]] = {}
        self.layers: dict[int, Layer] = {}
        self.places: dict[str | int, Place] = {}
        self.outputs: dict[int, Output] = {}
        self.oddities: dict[int, str] = {}

    def enter_layer(self, total: Total, transfer: str, place: Place) -> Signal:
        """A layer that a statement calculates."""
        if total.number in self.layers:
            before = self.places[total.number].line
            raise UnsupportedError(f"layer {total.number} is calculated a second time (first in line {before})")
        weights: dict[str, dict[int, Weight]] = {"I": {}, "L": {}}
        for name, (function, delays) in total.weights.items():
            weights[name[0]][int(name.rpartition("_")[2]) - 1] = Weight(self.constants[name], function, delays)
        bias = None if total.bias is None else self.constants[total.bias]
        size = len(self.constants[next(iter(total.weights))] if bias is None else bias)
        if bias is not None and bias.shape[1] == 1:
            bias = bias[:, 0]
        self.layers[total.number] = Layer(size, transfer, weights["I"], weights["L"], bias)
        self.places[total.number] = place
        self.used.update([str(total.bias), *total.weights])
        return Signal("layer", total.number)

    def enter_output(self, number: int, signal: Signal) -> None:
        """What an output is, before which it may have been a signal with fewer steps."""
        processes = signal.steps[::-1]
        size = processes[0].raw_size if processes else self.layers[signal.number].size
        self.outputs[number] = Output(signal.number - 1, size, processes)

    def structure(self, allow_nonfinite: bool) -> Structure:
        """The network; an error of sizes that do not fit each other is placed at a layer's statement."""
        for name, value in self.constants.items():
            if not (allow_nonfinite or name[0] in "xy" or np.isfinite(value).all()):
                advice = Advice("; ", Parameter("allow_nonfinite", True), " loads them as they are")
                raise self.places[name].error(ModelError(f"{name} has values that are NaN or Inf", advice))
        if sorted(self.layers) != list(range(1, len(self.layers) + 1)):
            raise FormatError(f"layers {sorted(self.layers)} are calculated, expected one after the other from 1")
        layers = [self.layers[number] for number in sorted(self.layers)]
        inputs = []
        for number, steps in sorted(self.steps.items()):
            weight = next(entry.input_weights[number - 1] for entry in layers if number - 1 in entry.input_weights)
            size = steps[0].raw_size if steps else weight.value.shape[1] // len(weight.delays)
            inputs.append(Input(size, steps))
        outputs = [self.outputs[number] for number in sorted(self.outputs)]
        try:
            return Structure(tuple(inputs), tuple(layers), tuple(outputs))
        except MatnetError as error:
            layer = re.match(r"[IL]W\{(\d+),", error.place)
            raise self.places[int(layer[1])].error(error) if layer is not None else error from None
