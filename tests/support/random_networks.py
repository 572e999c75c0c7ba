"""Networks of every row: random ones for hypothesis, and small builders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from matnet.functions.net_input import NET_INPUT
from matnet.functions.transfer import TRANSFER
from matnet.functions.transfer_rows import ElementwiseTransfer
from matnet.functions.weight import WEIGHT
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network

Real: TypeAlias = NDArray[np.float64]

TRANSFERS = sorted(TRANSFER)
SMOOTH = sorted(
    name
    for name, row in TRANSFER.items()
    if not row.kinks and not row.stepwise and not (isinstance(row, ElementwiseTransfer) and (row.jumps or row.poles))
)
"""Rows that are finite and have a continuous curvature everywhere."""

FINITE_WEIGHTS = sorted(name for name, row in WEIGHT.items() if row.denominator is None)
"""Weight functions that divide by nothing."""

PROCESSES = ("none", "mapminmax", "mapstd", "removeconstantrows", "fixunknowns", "processpca", "two", "lvqoutputs")


def process(function: str, **settings: Any) -> Process:
    """A processing step from MATLAB's settings."""
    return Process.from_matlab(function, settings)


def minmax(rows: int, rng: np.random.Generator) -> Process:
    """mapminmax of random limits around ±2."""
    low, high = -2.0 - rng.random(rows), 2.0 + rng.random(rows)
    return process("mapminmax", xmin=low, xmax=high, ymin=-1.0, ymax=1.0, xrows=rows, yrows=rows)


def standard(rows: int, rng: np.random.Generator) -> Process:
    """mapstd of random means and spreads."""
    return process("mapstd", xmean=rng.normal(size=rows), xstd=0.5 + rng.random(rows), ymean=0.0, ystd=1.0)


def removal(rows: int, rng: np.random.Generator) -> Process:
    """removeconstantrows that takes one of `rows` away."""
    removed = int(rng.integers(rows)) + 1
    keep = [row for row in range(1, rows + 1) if row != removed]
    return process(
        "removeconstantrows", keep=keep, remove=[removed], constants=[rng.normal()], xrows=rows, yrows=rows - 1
    )


def unknowns(rows: int, rng: np.random.Generator) -> Process:
    """fixunknowns whose first row may be NaN."""
    shift = [0, *([1] * (rows - 1))]
    known = list(range(2, rows + 1))
    return process(
        "fixunknowns", known=known, unknown=[1], shift=shift, xmeans=rng.normal(size=rows), xrows=rows, yrows=rows + 1
    )


def components(rows: int, kept: int, rng: np.random.Generator) -> Process:
    """processpca with any matrix: `kept` combinations of `rows`."""
    return process("processpca", transform=rng.normal(size=(kept, rows)), xrows=rows, yrows=kept)


def input_processing(kind: str, rows: int, rng: np.random.Generator) -> tuple[Process, ...]:
    """Steps of the given kind for an input of `rows` rows; none where the kind needs more rows."""
    if kind == "none" or (kind == "removeconstantrows" and rows < 2):
        return ()
    if kind == "two":
        first = unknowns(rows, rng)
        return first, minmax(rows + 1, rng)
    if kind == "processpca":
        return (components(rows, max(rows - 1, 1), rng),)
    if kind == "lvqoutputs":
        return (process("lvqoutputs", classRatios=[1.0], xrows=rows, yrows=rows),)
    makers = {"mapminmax": minmax, "mapstd": standard, "removeconstantrows": removal, "fixunknowns": unknowns}
    return (makers[kind](rows, rng),)


def output_processing(kind: str, size: int, rng: np.random.Generator) -> tuple[tuple[Process, ...], int]:
    """Steps whose processed size is the layer's `size`, and the raw size they make of it."""
    if kind in ("mapminmax", "mapstd"):
        return input_processing(kind, size, rng), size
    if kind == "removeconstantrows":
        return (removal(size + 1, rng), minmax(size, rng)), size + 1
    if kind == "fixunknowns" and size >= 2:
        return (unknowns(size - 1, rng),), size - 1
    if kind == "processpca":
        return (minmax(size + 1, rng), components(size + 1, size, rng)), size + 1
    return (), size


def weight(function: str, neurons: int, elements: int, rng: np.random.Generator) -> Weight:
    """A random weight; dotprod where the function cannot join the sizes."""
    shape = WEIGHT[function].weight_shape(neurons, elements)
    if shape is None:
        return Weight(0.7 * rng.normal(size=(neurons, elements)))
    return Weight(rng.normal(size=shape), function)


@st.composite
def structures(
    draw: st.DrawFn,
    transfers: Sequence[str] = tuple(TRANSFERS),
    weights: Sequence[str] = tuple(sorted(WEIGHT)),
    net_inputs: Sequence[str] = tuple(sorted(NET_INPUT)),
    processes: Sequence[str] = PROCESSES,
) -> Structure:
    """A static network: several inputs and outputs, skips, missing biases, layers without weights or readers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    inputs = tuple(Input(size, input_processing(draw(st.sampled_from(processes)), size, rng)) for size in sizes)
    layers: list[Layer] = []
    for number in range(draw(st.integers(1, 4))):
        neurons = draw(st.integers(1, 4))
        sources = draw(st.sets(st.integers(0, len(inputs) + number - 1), max_size=3))
        # most layers see the one before, so that the networks are deep
        if number and draw(st.integers(0, 3)):
            sources.add(len(inputs) + number - 1)
        bias = rng.normal(size=neurons) if not sources or draw(st.integers(0, 3)) else None
        functions = {source: draw(st.sampled_from(weights)) for source in sorted(sources)}
        reading = {
            source: weight(function, neurons, _size(inputs, layers, source), rng)
            for source, function in functions.items()
        }
        layers.append(
            Layer(
                neurons,
                draw(st.sampled_from(transfers)),
                {source: w for source, w in reading.items() if source < len(inputs)},
                {source - len(inputs): w for source, w in reading.items() if source >= len(inputs)},
                bias,
                draw(st.sampled_from(net_inputs)),
                name=f"Layer {number + 1}",
            )
        )
    taken = sorted(draw(st.sets(st.integers(0, len(layers) - 1), min_size=1, max_size=2)) | {len(layers) - 1})
    outputs = []
    for number in taken:
        steps, raw = output_processing(draw(st.sampled_from(processes)), layers[number].size, rng)
        outputs.append(Output(number, raw, steps))
    return Structure(inputs, tuple(layers), tuple(outputs))


@st.composite
def dynamic_structures(draw: st.DrawFn) -> Structure:
    """A network with delays on some of its weights: taps on inputs, feedback of layers to themselves and to others."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 2), min_size=1, max_size=2))
    inputs = tuple(
        Input(size, input_processing(draw(st.sampled_from(("none", "mapminmax"))), size, rng)) for size in sizes
    )
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    taps = st.sampled_from([(0,), (0, 1), (1,), (2,), (0, 2), (1, 3)])
    layers = []
    for number, neurons in enumerate(widths):
        transfer = draw(st.sampled_from(["tansig", "logsig", "purelin", "softmax", "radbas"]))
        from_inputs = {
            j: _tapped(neurons, size, draw(taps), rng)
            for j, size in enumerate(sizes)
            if number == 0 or draw(st.booleans())
        }
        from_layers = {}
        for source, size in enumerate(widths):
            if source == number - 1 or draw(st.integers(0, 2)) == 0:
                # a layer that comes later, or the layer itself, can only be seen in the past
                delays = draw(taps) if source < number else draw(st.sampled_from([(1,), (2,), (1, 2)]))
                from_layers[source] = _tapped(neurons, size, delays, rng)
        layers.append(Layer(neurons, transfer, from_inputs, from_layers, rng.normal(size=neurons)))
    steps, raw = output_processing(draw(st.sampled_from(("none", "mapminmax"))), widths[-1], rng)
    return Structure(inputs, tuple(layers), (Output(len(layers) - 1, raw, steps),))


def _tapped(neurons: int, size: int, delays: tuple[int, ...], rng: np.random.Generator) -> Weight:
    return Weight(0.5 * rng.normal(size=(neurons, size * len(delays))), delays=delays)


def _size(inputs: Sequence[Input], layers: Sequence[Layer], source: int) -> int:
    return inputs[source].processed_size if source < len(inputs) else layers[source - len(inputs)].size


def with_zeros(structure: Structure, seed: int) -> Structure:
    """The structure with a third of its weights and biases exactly 0."""
    rng = np.random.default_rng(seed)

    def pruned(value: Any) -> Any:
        return np.where(rng.random(np.shape(value)) < 1 / 3, 0.0, value)

    def weights(own: Mapping[int, Weight]) -> dict[int, Weight]:
        return {source: replace(weight, value=pruned(weight.value)) for source, weight in own.items()}

    layers = [
        replace(
            layer,
            bias=None if layer.bias is None else pruned(layer.bias),
            input_weights=weights(layer.input_weights),
            layer_weights=weights(layer.layer_weights),
        )
        for layer in structure.layers
    ]
    return replace(structure, layers=tuple(layers))


def samples(net: Network, count: int, seed: int = 1000) -> Real:
    """Raw inputs (count, R) of a size around 1."""
    return np.random.default_rng(seed).normal(size=(count, net.input_size))


def regular(net: Network, count: int) -> Real:
    """Those of `count` samples at which no layer sits on a pole: netinv at 0, normprod where the sum is 0."""
    x = samples(net, count)
    finite = [np.isfinite(a).all(axis=-1) for a in net.layer_outputs(x)]
    return x[np.all(finite, axis=0)]


def network(
    *layers: Layer, inputs: int | tuple[int, ...] = 1, outputs: Mapping[int, tuple[Process, ...]] | None = None
) -> Network:
    """A network of inputs of these sizes without processing; `outputs` maps layers (from 0) to their processing."""
    taken = {len(layers) - 1: ()} if outputs is None else outputs
    found = tuple(Output(k, steps[0].raw_size if steps else layers[k].size, steps) for k, steps in taken.items())
    sizes = (inputs,) if isinstance(inputs, int) else inputs
    return Network(Structure(tuple(map(Input, sizes)), layers, found))
