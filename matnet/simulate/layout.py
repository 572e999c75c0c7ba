"""A Structure laid out as a Program."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from matnet.functions.namespace import Array, FloatArray
from matnet.functions.net_input import NET_INPUT
from matnet.functions.transfer_rows import TransferFunction
from matnet.functions.weight import WeightFunction, scaled_square
from matnet.model.structure import Layer, Structure
from matnet.simulate.program import Leaf, Program
from matnet.simulate.steps import (
    BiasStep,
    ConcatStep,
    NetInputStep,
    ParameterKey,
    ProcessingStep,
    SquareStep,
    Step,
    TransferStep,
    WeightStep,
)

_PLAIN_SQUARES = (1e-100, 1e100)
"""A bias between these is squared unscaled: its square times that of an ordinary distance is far from the limits."""


class _Builder:
    """Lays out a Structure; every method that adds a step returns its signal."""

    def __init__(self, structure: Structure, squared: bool) -> None:
        self.structure = structure
        self.squared = squared
        self.steps: list[Step] = []
        self.leaves: list[Leaf] = []
        self.sizes: list[int] = []
        self.processed: dict[tuple[int, int], int] = {}
        self.past_layers: dict[tuple[int, int], int] = {}
        self.last_layers: dict[int, int] = {}
        self.layers: dict[int, int] = {}
        self.parameters: list[tuple[ParameterKey, int]] = []

    def build(self) -> Program:
        """The whole program."""
        taps = _taps(self.structure)
        for kind, index, delay in taps:
            self.leaf(kind, index, delay)
        for source in _ends(self.structure):
            size = self.structure.layers[source].size
            self.last_layers[source] = self.signal(size)
            self.leaves.append(Leaf("layer", source, 0, size, self.last_layers[source], last=True))
        for number in self.structure.order:
            self.layers[number] = self.layer(number, self.structure.layers[number])
        outputs = [self.output(number) for number in range(len(self.structure.outputs))]
        keyed = sorted(self.parameters, key=lambda entry: _weight_vector_order(self.structure, entry[0]))
        return Program(
            leaves=tuple(self.leaves),
            steps=tuple(self.steps),
            signals=len(self.sizes),
            processed=tuple(self.processed[number, 0] for number in range(len(self.structure.inputs))),
            layers=tuple(self.layers[number] for number in range(len(self.structure.layers))),
            outputs=tuple(outputs),
            output_layers=tuple(self.layers[output.layer] for output in self.structure.outputs),
            sizes=tuple(self.sizes),
            parameters=tuple(key for key, _ in keyed),
            parameter_sizes=tuple(size for _, size in keyed),
        )

    def signal(self, size: int) -> int:
        """A new signal's number."""
        self.sizes.append(size)
        return len(self.sizes) - 1

    def leaf(self, kind: Literal["input", "layer"], index: int, delay: int) -> None:
        """A leaf; for an input, also the steps that process it."""
        if not self.structure.inputs and kind == "input":
            self.leaves.append(Leaf(kind, index, delay, 0, self.signal(0)))
            return
        source = self.structure.inputs[index] if kind == "input" else self.structure.layers[index]
        signal = self.signal(source.size)
        self.leaves.append(Leaf(kind, index, delay, source.size, signal))
        if kind == "layer":
            self.past_layers[index, delay] = signal
            return
        for process in self.structure.inputs[index].processing:
            signal = self.add(ProcessingStep(self.signal(process.processed_size), (signal,), process.apply))
        self.processed[index, delay] = signal

    def add(self, step: Step) -> int:
        """Adds the step to the list; its signal."""
        self.steps.append(step)
        return step.target

    def layer(self, number: int, layer: Layer) -> int:
        """A layer's output."""
        key: ParameterKey = ("b", number, -1)
        if layer.bias is not None:
            self.parameters.append((key, int(layer.bias.shape[0])))
        if not layer.weights:
            n = self.add(BiasStep(self.signal(layer.size), (self.leaves[0].signal,), layer.bias, key))
            return self.add(TransferStep(self.signal(layer.size), (n,), layer.row))
        form = _SquaredForm.of(layer) if self.squared else None
        places: list[tuple[Literal["IW", "LW"], int]] = [("IW", source) for source in layer.input_weights]
        places += [("LW", source) for source in layer.layer_weights]
        weighted = [
            self.weight(kind, number, source, row)
            for (kind, source), row in zip(places, _weight_rows(layer, form), strict=True)
        ]
        if form is None:
            row, transfer, scale = NET_INPUT[layer.net_input], layer.row, None
        else:
            row, transfer, scale = NET_INPUT["netprod"], form.transfer, form.scale
            weighted = [
                signal if weight.row.square else self.add(SquareStep(self.signal(layer.size), (signal,)))
                for signal, weight in zip(weighted, layer.weights, strict=True)
            ]
        joined = NetInputStep(self.signal(layer.size), tuple(weighted), row, layer.bias, key, form is not None, scale)
        return self.add(TransferStep(self.signal(layer.size), (self.add(joined),), transfer))

    def weight(self, kind: Literal["IW", "LW"], number: int, source: int, row: WeightFunction) -> int:
        """A weighted input, computed by `row`."""
        layer = self.structure.layers[number]
        weight = (layer.input_weights if kind == "IW" else layer.layer_weights)[source]
        key: ParameterKey = (kind, number, source)
        count = int(weight.value.shape[0]) * int(weight.value.shape[1])
        if count:
            self.parameters.append((key, count))
        taps = [self.last_layers[source]] if weight.last else [self.tap(kind, source, delay) for delay in weight.delays]
        if len(taps) > 1:
            sizes = tuple(self.sizes[tap] for tap in taps)
            taps = [self.add(ConcatStep(self.signal(sum(sizes)), tuple(taps), sizes))]
        return self.add(WeightStep(self.signal(layer.size), (taps[0],), row, weight.value, key))

    def tap(self, kind: Literal["IW", "LW"], source: int, delay: int) -> int:
        """The signal that a weight sees `delay` steps back."""
        if kind == "IW":
            return self.processed[source, delay]
        return self.layers[source] if delay == 0 else self.past_layers[source, delay]

    def output(self, number: int) -> int:
        """A network output at raw scale: the processing reversed, last to first."""
        output = self.structure.outputs[number]
        signal = self.layers[output.layer]
        for process in reversed(output.processing):
            signal = self.add(ProcessingStep(self.signal(process.raw_size), (signal,), process.reverse))
        return signal


class _SquaredForm(NamedTuple):
    """A layer as a function of q = n²: the transfer row of q, and the factors of the distances.

    A distance has a kink where p = w; its square does not. If n is a product with distances as factors and a(n) =
    g(n²), the layer is smooth, but the chain rule sees that only in the squared form, where q is the product of the
    squares of the bias and of all weighted inputs. If the square of a bias would leave the range of doubles, it enters
    as (b/s)² and the distances as (s z)²: ``scale`` is s (S,), powers of 2, or None if all are 1.
    """

    transfer: TransferFunction
    scale: FloatArray | None

    @classmethod
    def of(cls, layer: Layer) -> _SquaredForm | None:
        """The squared form of a layer; None if it has none or needs none."""
        even = layer.row.even
        product = layer.net_input == "netprod" or (len(layer.weights) == 1 and layer.bias is None)
        if even is None or not product or not any(weight.row.square for weight in layer.weights):
            return None
        return cls(even, _scale(layer.bias))


def _scale(bias: Array | None) -> FloatArray | None:
    if not isinstance(bias, np.ndarray):
        return None
    size = np.abs(bias)
    extreme = (size > 0.0) & ((size < _PLAIN_SQUARES[0]) | (size > _PLAIN_SQUARES[1]))
    if not extreme.any():
        return None
    exponents = np.clip(np.frexp(bias)[1], -1022, 1023)
    return np.where(extreme, np.ldexp(1.0, exponents), 1.0)


def _weight_rows(layer: Layer, form: _SquaredForm | None) -> list[WeightFunction]:
    """The rows of a layer's weights; in the squared form those of the squares, the first of them scaled."""
    rows = [weight.row for weight in layer.weights]
    if form is None:
        return rows
    first = next(k for k, row in enumerate(rows) if row.square)
    scaled = [row.square or row for row in rows]
    if form.scale is not None:
        scaled[first] = scaled_square(rows[first], form.scale)
    return scaled


def _taps(structure: Structure) -> list[tuple[Literal["input", "layer"], int, int]]:
    """Every (kind, index, delay) that comes from outside: all present inputs, then the delayed signals."""
    now: list[tuple[Literal["input", "layer"], int, int]] = [
        ("input", number, 0) for number in range(len(structure.inputs))
    ]
    past: set[tuple[Literal["input", "layer"], int, int]] = set()
    for layer in structure.layers:
        past |= {("input", j, delay) for j, weight in layer.input_weights.items() for delay in weight.delays}
        past |= {("layer", j, delay) for j, weight in layer.layer_weights.items() for delay in weight.delays if delay}
    # without inputs and delays, a leaf without elements replaces the input
    return now + sorted(past - set(now)) or [("input", 0, 0)]


def _ends(structure: Structure) -> list[int]:
    """The layers of which something takes what they give last in a series."""
    weights = (entry for layer in structure.layers for entry in layer.layer_weights.items())
    return sorted({source for source, weight in weights if weight.last})


def _weight_vector_order(structure: Structure, key: ParameterKey) -> tuple[int, ...]:
    """The position of a parameter; see ``Structure.parameter_order``."""
    kind, number, source = key
    place = ("b", "IW", "LW").index(kind)
    layer = structure.layers[number]
    if structure.parameter_order == "getwb":
        return number, place, source
    if layer.weights_come_first:
        place = (place - 1) % 3
    return structure.whole(number), place, int(structure.returns(kind, number, source)), number, source


def lay_out(structure: Structure, squared: bool = True) -> Program:
    """The steps of `structure`, to be run on arrays of any library.

    `squared` is whether a layer of distances is computed from their squares where that avoids a kink; without it, the
    signals are those that the toolbox has.
    """
    return _Builder(structure, squared).build()
