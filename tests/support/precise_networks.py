"""A second evaluator of static networks in 50 digits, written from the definitions alone: values and two derivatives.

Every element of every signal is a Jet: its value, gradient and Hessian by the raw inputs, and beside each the sum of
the absolute values of the terms that it was summed from, which is what the rounding of that sum goes by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath import mpf

from matnet.model.structure import Layer, Process, Structure
from precise_rows import PRECISE_TRANSFER, PRECISE_WEIGHT, Matrix, Number, PreciseElementwise, Vector, precise


@dataclass(frozen=True)
class Jet:
    """Value v, gradient g, Hessian h; terms of the gradient and of the Hessian in tg and th."""

    v: Number
    g: Vector
    h: Matrix
    tg: Vector
    th: Matrix


def independent(x: Sequence[float]) -> list[Jet]:
    """The raw inputs, each varying by itself."""
    count = range(len(x))
    found = []
    for j, value in enumerate(precise(x)):
        unit = [mpf(int(j == k)) for k in count]
        found.append(Jet(value, unit, _none(len(x)), list(unit), _none(len(x))))
    return found


def _none(size: int) -> Matrix:
    return [[mpf(0)] * size for _ in range(size)]


def constant(value: Number, like: Jet) -> Jet:
    """A number that does not vary."""
    zero = [mpf(0)] * len(like.g)
    return Jet(value, zero, _none(len(zero)), zero, _none(len(zero)))


def through(f: Number, slopes: Vector, bends: Matrix, p: Sequence[Jet]) -> Jet:
    """The chain rule for one element f of several jets: Σ f_j g_j, and Σ f_jk g_j g_kᵀ + Σ f_j h_j."""
    size = range(len(p[0].g))
    g, tg = [mpf(0) for _ in size], [mpf(0) for _ in size]
    h, th = _none(len(size)), _none(len(size))
    for j, source in enumerate(p):
        for a in size:
            g[a] += slopes[j] * source.g[a]
            tg[a] += abs(slopes[j]) * source.tg[a]
            for b in size:
                h[a][b] += slopes[j] * source.h[a][b]
                th[a][b] += abs(slopes[j]) * source.th[a][b]
        for k, other in enumerate(p):
            if bends[j][k] == 0:
                continue
            for a in size:
                for b in size:
                    h[a][b] += bends[j][k] * source.g[a] * other.g[b]
                    th[a][b] += abs(bends[j][k]) * source.tg[a] * other.tg[b]
    return Jet(f, g, h, tg, th)


def _elementwise(f: Callable[[Number], Number], da: Any, d2a: Any, n: Jet) -> Jet:
    return through(f(n.v), [da(n.v)], [[d2a(n.v)]], [n])


def transferred(name: str, n: Sequence[Jet]) -> list[Jet]:
    """A layer's transfer function."""
    row = PRECISE_TRANSFER[name]
    if isinstance(row, PreciseElementwise):
        return [_elementwise(row.a, row.da, row.d2a, entry) for entry in n]
    values = [entry.v for entry in n]
    a, slopes, bends = row.a(values), row.da(values), row.d2a(values)
    return [through(a[i], slopes[i], bends[i], n) for i in range(len(n))]


def weighted(function: str, w: Any, p: Sequence[Jet]) -> list[Jet]:
    """A weight function, a neuron each."""
    row = PRECISE_WEIGHT[function]
    values = [entry.v for entry in p]
    rows = [precise(entries) for entries in w]
    return [
        through(row.z(weights, values), row.dz_dp(weights, values), row.d2z_dp2(weights, values), p) for weights in rows
    ]


def product(factors: Sequence[Jet]) -> Jet:
    """Of several jets, two at a time."""
    found = factors[0]
    for factor in factors[1:]:
        slopes = [factor.v, found.v]
        found = through(found.v * factor.v, slopes, [[mpf(0), mpf(1)], [mpf(1), mpf(0)]], [found, factor])
    return found


def total(terms: Sequence[Jet]) -> Jet:
    """The sum of several jets."""
    return through(sum(term.v for term in terms), [mpf(1)] * len(terms), _none(len(terms)), terms)


def scaled(process: Process, p: Sequence[Jet], reverse: bool = False) -> list[Jet]:
    """mapminmax or mapstd, forward or back."""
    gain, offset = precise(process.settings["gain"]), precise(process.settings["xoffset"])
    base = precise(process.settings["ymin" if process.function == "mapminmax" else "ymean"])
    found = []
    for r, entry in enumerate(p):
        value = (entry.v - base[r]) / gain[r] + offset[r] if reverse else (entry.v - offset[r]) * gain[r] + base[r]
        found.append(through(value, [1 / gain[r] if reverse else gain[r]], [[mpf(0)]], [entry]))
    return found


def _layer(layer: Layer, inputs: Sequence[Sequence[Jet]], layers: Sequence[Sequence[Jet]], like: Jet) -> list[Jet]:
    terms: list[list[Jet]] = []
    if layer.bias is not None:
        terms.append([constant(b, like) for b in precise(layer.bias)])
    terms += [weighted(w.function, w.value, inputs[source]) for source, w in layer.input_weights.items()]
    terms += [weighted(w.function, w.value, layers[source]) for source, w in layer.layer_weights.items()]
    joined = product if layer.net_input == "netprod" else total
    return transferred(layer.transfer, [joined([term[i] for term in terms]) for i in range(layer.size)])


def evaluated(structure: Structure, x: Sequence[float]) -> list[Jet]:
    """The network's outputs at raw scale for one sample of raw inputs; processing by mapminmax and mapstd only."""
    raw = independent(x)
    inputs: list[list[Jet]] = []
    start = 0
    for entry in structure.inputs:
        signal = raw[start : start + entry.size]
        start += entry.size
        for process in entry.processing:
            signal = scaled(process, signal)
        inputs.append(signal)
    layers: list[list[Jet]] = []
    for layer in structure.layers:
        layers.append(_layer(layer, inputs, layers, raw[0]))
    outputs: list[Jet] = []
    for output in structure.outputs:
        signal = layers[output.layer]
        for process in reversed(output.processing):
            signal = scaled(process, signal, reverse=True)
        outputs += signal
    return outputs
