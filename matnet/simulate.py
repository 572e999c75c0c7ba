"""The forward pass: a Structure laid out as a Program, a list of steps in the order in which they are computed.

Every quantity of a network (an input, a processed input, a weighted input, a layer's net input or output, a network
output) is a *signal* with a number; a step computes one signal from others and knows its own derivatives through its
row. Simulation walks the steps forward, derivatives walk them forward or backward.

A program sees one instant. Its *leaves* are the signals that come from outside: input j as it was d time steps ago
(raw scale), and in dynamic networks layer k's output as it was d steps ago (layer scale). Side by side, in the order of
``Program.leaves``, they form the one argument x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from matnet.errors import ModelError
from matnet.functions.namespace import Array, constant, namespace
from matnet.functions.net_input import NET_INPUT, NetInputFunction
from matnet.functions.processing import Map
from matnet.functions.transfer import TRANSFER, TransferFunction
from matnet.functions.weight import WEIGHT, WeightFunction
from matnet.model.structure import Layer, Structure

Directions: TypeAlias = Array | None
"""Tangents (..., K, size) or cotangents (..., K, size) of a signal; None where they are 0 whatever the values."""

ParameterKey: TypeAlias = tuple[Literal["b", "IW", "LW"], int, int]
"""Which weight or bias: its kind, its layer and its source (−1 for a bias), counted from 0."""


@dataclass(frozen=True)
class Leaf:
    """A signal from outside: input or layer `index` as it was `delay` steps ago."""

    kind: Literal["input", "layer"]
    index: int
    delay: int
    size: int
    signal: int


class Step:
    """One signal computed from others; what the derivatives need beside the value.

    ``p`` are the values of the sources, ``a`` the value of the target.
    """

    target: int
    sources: tuple[int, ...]
    curved = False

    def value(self, p: Sequence[Array]) -> Array:
        """The target's value, (..., size)."""
        raise NotImplementedError

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The target's tangents (..., K, size) from those of the sources, at least one of which is not None."""
        raise NotImplementedError

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The cotangents that the target's hand to each source."""
        raise NotImplementedError

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """Σ_i u_i times the second derivative of target i along v_j and w_k, (..., J, K); only where ``curved``."""
        raise NotImplementedError

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀ times the derivative by the step's own parameters, (..., K, number), in MATLAB's column-major order."""
        return {}


@dataclass(frozen=True, eq=False)
class Mapped(Step):
    """A processing function, or its reverse."""

    target: int
    source: int
    map: Map

    @property
    def sources(self) -> tuple[int, ...]:  # type: ignore[override]
        """The one source."""
        return (self.source,)

    def value(self, p: Sequence[Array]) -> Array:
        """The map's value."""
        return self.map.value(p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """The map's tangent."""
        return self.map.tangent(p[0], v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The map's cotangent."""
        return [self.map.cotangent(p[0], u)]


@dataclass(frozen=True, eq=False)
class Joined(Step):
    """Signals side by side: the taps of a weight."""

    target: int
    sources: tuple[int, ...]
    sizes: tuple[int, ...]

    def value(self, p: Sequence[Array]) -> Array:
        """All sources, one behind the other."""
        return side_by_side(p)

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """Their tangents, 0 for a source that does not vary."""
        known = next(direction for direction in v if direction is not None)
        return side_by_side(
            [
                constant(known, np.zeros((1, size))) if direction is None else direction
                for direction, size in zip(v, self.sizes, strict=True)
            ]
        )

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """The pieces of u."""
        pieces, start = [], 0
        for size in self.sizes:
            pieces.append(u[..., start : start + size])
            start += size
        return pieces


@dataclass(frozen=True, eq=False)
class Weighted(Step):
    """A weight function: z = f(w, p)."""

    target: int
    source: int
    row: WeightFunction
    w: Array
    key: ParameterKey

    @property
    def sources(self) -> tuple[int, ...]:  # type: ignore[override]
        """The one source."""
        return (self.source,)

    @property
    def curved(self) -> bool:  # type: ignore[override]
        """Whether z depends on p other than linearly."""
        return not self.row.linear

    def value(self, p: Sequence[Array]) -> Array:
        """z."""
        return self.row.value(constant(p[0], self.w), p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """dz/dp·v."""
        return self.row.tangent(constant(p[0], self.w), p[0], a, v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀdz/dp."""
        return [self.row.cotangent(constant(p[0], self.w), p[0], a, u)]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀz''(v, w)."""
        return self.row.curvature(constant(p[0], self.w), p[0], a, u, v[0], w[0])

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀdz/dw."""
        by_element = self.row.weight_cotangent(constant(p[0], self.w), p[0], a, u)
        count = by_element.shape[-2] * by_element.shape[-1]
        return {self.key: namespace(u).reshape(by_element, (*by_element.shape[:-2], count))}


@dataclass(frozen=True, eq=False)
class Combined(Step):
    """A net input function over the bias and the weighted inputs.

    ``squared``: the sources are squared distances and the result is n², so the bias enters as b².
    """

    target: int
    sources: tuple[int, ...]
    row: NetInputFunction
    bias: Array | None
    key: ParameterKey
    squared: bool = False

    @property
    def curved(self) -> bool:  # type: ignore[override]
        """Whether n depends on the weighted inputs other than linearly."""
        return not self.row.linear and len(self.sources) > 1

    def _terms(self, p: Sequence[Array]) -> list[Array]:
        if self.bias is None:
            return list(p)
        b = constant(p[0], self.bias)
        return [b * b if self.squared else b, *p]

    def _directions(self, v: Sequence[Directions]) -> list[Directions]:
        return list(v) if self.bias is None else [None, *v]

    def value(self, p: Sequence[Array]) -> Array:
        """n, or n² where squared."""
        return self.row.value(self._terms(p))

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """Σ dn/dz v."""
        return self.row.tangent(self._terms(p), self._directions(v))

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀdn/dz, a source each."""
        first = 0 if self.bias is None else 1
        terms = self._terms(p)
        return [self.row.cotangent(terms, u, first + k) for k in range(len(p))]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀn''(v, w)."""
        return self.row.curvature(self._terms(p), u, self._directions(v), self._directions(w))

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """uᵀdn/db."""
        if self.bias is None:
            return {}
        by_bias = self.row.cotangent(self._terms(p), u, 0)
        return {self.key: 2.0 * constant(p[0], self.bias) * by_bias if self.squared else by_bias}


@dataclass(frozen=True, eq=False)
class BiasOnly(Step):
    """The net input of a layer without weights: its bias. The source only says which library's arrays are in use."""

    target: int
    source: int
    bias: Array
    key: ParameterKey

    @property
    def sources(self) -> tuple[int, ...]:  # type: ignore[override]
        """The one source."""
        return (self.source,)

    def value(self, p: Sequence[Array]) -> Array:
        """b, (S,): it needs no batch, it meets one where it is used."""
        return constant(p[0], self.bias)

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """0."""
        return None

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """0."""
        return [None]

    def parameter_cotangents(self, p: Sequence[Array], a: Array, u: Array) -> dict[ParameterKey, Array]:
        """u."""
        return {self.key: u}


@dataclass(frozen=True, eq=False)
class Transferred(Step):
    """A transfer function: a = f(n)."""

    target: int
    source: int
    row: TransferFunction

    @property
    def sources(self) -> tuple[int, ...]:  # type: ignore[override]
        """The one source."""
        return (self.source,)

    @property
    def curved(self) -> bool:  # type: ignore[override]
        """Whether a depends on n other than linearly."""
        return not self.row.linear

    def value(self, p: Sequence[Array]) -> Array:
        """a."""
        return self.row.value(p[0])

    def tangent(self, p: Sequence[Array], a: Array, v: Sequence[Directions]) -> Directions:
        """a'·v."""
        return self.row.tangent(p[0], a, v[0])

    def cotangent(self, p: Sequence[Array], a: Array, u: Array) -> list[Directions]:
        """uᵀa'."""
        return [self.row.cotangent(p[0], a, u)]

    def curvature(
        self, p: Sequence[Array], a: Array, u: Array, v: Sequence[Directions], w: Sequence[Directions]
    ) -> Array | None:
        """uᵀa''(v, w)."""
        return self.row.curvature(p[0], a, u, v[0], w[0])


def side_by_side(parts: Sequence[Array]) -> Array:
    """Arrays joined on the last axis, their other axes broadcast: one without a batch is a constant beside the rest."""
    if len(parts) == 1:
        return parts[0]
    xp = namespace(parts[0])
    lead = broadcast_shape([part.shape[:-1] for part in parts])
    return xp.concat([xp.broadcast_to(part, (*lead, part.shape[-1])) for part in parts], axis=-1)


def broadcast_shape(shapes: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
    """The shape that `shapes` broadcast to; None is the batch axis of a tape, whose length is not known."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*padded, strict=True))


@dataclass(frozen=True, eq=False)
class Program:
    """The steps of a network at one instant, with the numbers of the signals that matter.

    ``processed`` are the inputs' signals behind their processing, ``layers`` the layers' outputs, ``outputs`` the
    network's outputs at raw scale and ``output_layers`` the same before the reverse processing.
    """

    leaves: tuple[Leaf, ...]
    steps: tuple[Step, ...]
    signals: int
    processed: tuple[int, ...]
    layers: tuple[int, ...]
    outputs: tuple[int, ...]
    output_layers: tuple[int, ...]
    sizes: tuple[int, ...]
    parameters: tuple[ParameterKey, ...]
    parameter_sizes: tuple[int, ...]

    @property
    def argument_size(self) -> int:
        """Elements of all leaves side by side."""
        return sum(leaf.size for leaf in self.leaves)

    def parts(self, x: Array) -> list[Array]:
        """The leaves' values out of the one argument x (..., argument_size)."""
        if len(self.leaves) == 1:
            return [x]
        pieces, start = [], 0
        for leaf in self.leaves:
            pieces.append(x[..., start : start + leaf.size])
            start += leaf.size
        return pieces

    def run(self, x: Array) -> list[Array]:
        """The values of all signals for the argument x, (..., size) each."""
        values: list[Array] = [None] * self.signals
        for leaf, part in zip(self.leaves, self.parts(x), strict=True):
            values[leaf.signal] = part
        for step in self.steps:
            values[step.target] = step.value([values[source] for source in step.sources])
        return values


class _Builder:
    """Lays out a Structure; every method that adds a step returns its signal."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.steps: list[Step] = []
        self.leaves: list[Leaf] = []
        self.sizes: list[int] = []
        self.processed: dict[tuple[int, int], int] = {}
        self.past_layers: dict[tuple[int, int], int] = {}
        self.layers: dict[int, int] = {}
        self.parameters: list[tuple[ParameterKey, int]] = []

    def build(self) -> Program:
        """The whole program."""
        taps = _taps(self.structure)
        for kind, index, delay in taps:
            self.leaf(kind, index, delay)
        for number in self.structure.order:
            self.layers[number] = self.layer(number, self.structure.layers[number])
        outputs = [self.output(number) for number in range(len(self.structure.outputs))]
        keyed = sorted(self.parameters, key=lambda entry: _weight_vector_order(entry[0]))
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
        """A leaf, and behind an input's the steps that process it."""
        source = self.structure.inputs[index] if kind == "input" else self.structure.layers[index]
        signal = self.signal(source.size)
        self.leaves.append(Leaf(kind, index, delay, source.size, signal))
        if kind == "layer":
            self.past_layers[index, delay] = signal
            return
        for process in self.structure.inputs[index].processing:
            signal = self.add(Mapped(self.signal(process.processed_size), signal, process.apply))
        self.processed[index, delay] = signal

    def add(self, step: Step) -> int:
        """The step's signal, once it is in the list."""
        self.steps.append(step)
        return step.target

    def layer(self, number: int, layer: Layer) -> int:
        """A layer's output."""
        key: ParameterKey = ("b", number, -1)
        if layer.bias is not None:
            self.parameters.append((key, layer.size))
        if not layer.input_weights and not layer.layer_weights:
            n = self.add(BiasOnly(self.signal(layer.size), self.leaves[0].signal, layer.bias, key))
            return self.add(Transferred(self.signal(layer.size), n, TRANSFER[layer.transfer]))
        squared = _of_square(layer)
        weighted = [self.weight("IW", number, source, squared) for source in layer.input_weights]
        weighted += [self.weight("LW", number, source, squared) for source in layer.layer_weights]
        row = NET_INPUT["netprod" if squared else layer.net_input]
        n = self.add(Combined(self.signal(layer.size), tuple(weighted), row, layer.bias, key, squared is not None))
        return self.add(Transferred(self.signal(layer.size), n, squared or TRANSFER[layer.transfer]))

    def weight(self, kind: Literal["IW", "LW"], number: int, source: int, squared: TransferFunction | None) -> int:
        """A weighted input, of the squared distance where the layer goes through it."""
        layer = self.structure.layers[number]
        weight = (layer.input_weights if kind == "IW" else layer.layer_weights)[source]
        row = WEIGHT[weight.function]
        if squared is not None and row.square is not None:
            row = row.square
        key: ParameterKey = (kind, number, source)
        self.parameters.append((key, int(weight.value.shape[0]) * int(weight.value.shape[1])))
        taps = [self.tap(kind, source, delay) for delay in weight.delays]
        if len(taps) > 1:
            sizes = tuple(self.sizes[tap] for tap in taps)
            taps = [self.add(Joined(self.signal(sum(sizes)), tuple(taps), sizes))]
        return self.add(Weighted(self.signal(layer.size), taps[0], row, weight.value, key))

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
            signal = self.add(Mapped(self.signal(process.raw_size), signal, process.reverse))
        return signal


def _of_square(layer: Layer) -> TransferFunction | None:
    """The transfer row of q = n² where the layer goes through squared distances, else None.

    A distance has a kink where p = w, its square has none. Where n is a product of distances and the bias (or a single
    distance alone) and a(n) = g(n²), the whole is smooth, and only the squared form shows it to the chain rule.
    """
    weights = [*layer.input_weights.values(), *layer.layer_weights.values()]
    product = layer.net_input == "netprod" or (len(weights) == 1 and layer.bias is None)
    if product and all(WEIGHT[weight.function].square is not None for weight in weights):
        return TRANSFER[layer.transfer].even
    return None


def _taps(structure: Structure) -> list[tuple[Literal["input", "layer"], int, int]]:
    """Every (kind, index, delay) that comes from outside: all inputs now, then what the delays ask for."""
    now: list[tuple[Literal["input", "layer"], int, int]] = [
        ("input", number, 0) for number in range(len(structure.inputs))
    ]
    past: set[tuple[Literal["input", "layer"], int, int]] = set()
    for layer in structure.layers:
        past |= {("input", j, delay) for j, weight in layer.input_weights.items() for delay in weight.delays}
        past |= {("layer", j, delay) for j, weight in layer.layer_weights.items() for delay in weight.delays if delay}
    return now + sorted(past - set(now))


def _weight_vector_order(key: ParameterKey) -> tuple[int, int, int]:
    """MATLAB's getwb order: layer by layer its bias, its input weights, its layer weights."""
    kind, layer, source = key
    return layer, ("b", "IW", "LW").index(kind), source


def program(structure: Structure) -> Program:
    """The steps of `structure`, to be run on arrays of any library.

    Raises
    ------
    ModelError
        The network has neither an input nor a delayed layer: nothing from outside reaches it.
    """
    if not _taps(structure):
        raise ModelError("the network has neither inputs nor delays: nothing reaches it")
    return _Builder(structure).build()


def batched(value: Array, x: Array) -> Array:
    """`value` (size,) or (..., size) with the batch axes of x: what does not depend on x lacks them."""
    lead = tuple(x.shape[:-1])
    if tuple(value.shape[:-1]) == lead:
        return value
    return namespace(value).broadcast_to(value, (*lead, value.shape[-1]))


def outputs(laid_out: Program, values: Sequence[Array], x: Array) -> Array:
    """The network's outputs side by side, (..., S), at raw scale."""
    return batched(side_by_side([values[signal] for signal in laid_out.outputs]), x)
