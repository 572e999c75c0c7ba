"""How each derivative of a trace is computed from its factors, as a person types it into a pocket calculator."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.functions.channels import spread_channels
from matnet.functions.maps import Scale, Unscale
from matnet.functions.namespace import FloatArray
from matnet.network.names import derivative_name
from matnet.network.stages import Consumer, Route, SlopeStage
from matnet.network.written import Computation, Line, Sum, Sums, factor, number, substituted
from matnet.simulate import NetInputStep, ProcessingStep, TransferStep, WeightStep

_SMALL_SLOPE = 1e-3
"""Below it a slope such as 1 - a² is written with exp, as a has too few digits."""

Entries: TypeAlias = tuple[NDArray[np.intp] | None, FloatArray]
"""Places in a signal in order, None for all of them, and a number for each."""

_NO_PATH = Line("0, as no path leads there")


class SlopeWriting:
    """How the elements of slope stages are computed; None where it is not written out."""

    def __init__(self, route: Route, found: Sequence[FloatArray]) -> None:
        self._route = route
        self._needed = {layer: route.depended_on(layer) for layer in route.program.output_layers}
        self._found = {
            (stage.of, stage.wrt): (stage, values) for stage, values in zip(route.slopes, found, strict=True)
        }

    def written(self, stage: SlopeStage, place: int) -> Computation | None:
        """The computation of one element of a stage."""
        i, j = int(stage.rows[place]), int(stage.columns[place])
        if stage.kind == "processing":
            return self._processing(stage.of[0], stage.wrt[0], i, j)
        if stage.kind == "step":
            return self._step(stage.of[0], stage.wrt[0], i, j)
        return self._through_layers(stage.of[0], stage.wrt[0], i, j) if stage.kind == "layers" else self._whole(i, j)

    def _value(self, signal: int) -> FloatArray:
        return np.asarray(self._route.reached[signal], dtype=np.float64)

    def _processing(self, of: int, wrt: int, i: int, j: int) -> Computation:
        """The gains along all paths from element j to element i."""
        chain = self._route.chain(of, wrt)
        paths = list(self._paths(chain, i, j))
        if len(paths) == 1:
            others = [(text, step) for text, _, step in paths[0] if text != "1"]
            if not others:
                return Line("1")
            if len(others) == 1 and isinstance(others[0][1].map, Scale):
                return Line(f"gain of {self._route.processes[others[0][1].target].function}")
        products = [float(np.prod([value for _, value, _ in path])) for path in paths]
        texts = [" * ".join(text for text, _, _ in path if text != "1") or "1" for path in paths]
        return Sums((Sum(np.asarray(products), texts.__getitem__),)) if paths else _NO_PATH

    def _paths(
        self, chain: Sequence[ProcessingStep], i: int, j: int
    ) -> Iterator[tuple[tuple[str, float, ProcessingStep], ...]]:
        """The factors along each path, from the last function to the first."""
        if not chain:
            if i == j:
                yield ()
            return
        step = chain[-1]
        places, slopes = self._route.entries(step, i)
        for place, slope in zip(places.tolist(), slopes.tolist(), strict=True):
            text = f"1 / {factor(step.map.gain[i])}" if isinstance(step.map, Unscale) else factor(slope)
            for path in self._paths(chain[:-1], place, j):
                yield ((text, slope, step), *path)

    def _step(self, of: int, wrt: int, i: int, j: int) -> Computation | None:
        step = self._route.by_target[of]
        if isinstance(step, TransferStep):
            return Line(self._transfer_slope(step, i, j))
        if isinstance(step, NetInputStep):
            others = [self._value(source)[i] for source in step.sources if source != wrt]
            if step.bias is not None:
                bias = np.asarray(step.bias, dtype=np.float64)
                others.insert(0, spread_channels(bias, self._route.program.sizes[of])[i])
            return Line(" * ".join(map(factor, others)) or "1")
        return _weight_slope(step, self._value(wrt), self._value(of), i, j) if isinstance(step, WeightStep) else None

    def _transfer_slope(self, step: TransferStep, i: int, j: int) -> str:
        row, n, a = step.row, self._value(step.sources[0]), self._value(step.target)
        if row.coupled:
            formula = row.derivative.partition(" = ")[2] or row.derivative
            formula = formula.replace("(i == j)", "1" if i == j else "0")
            return substituted(formula, {"a_i": a[i], "a_j": a[j], "n_j": n[j]})
        _, slopes = self._found[(step.target,), (step.sources[0],)]
        saturated = row.saturated and abs(slopes[i]) < _SMALL_SLOPE
        return substituted(row.saturated if saturated else row.derivative, {"n": n[i], "a": a[i], **row.settings})

    def _through_layers(self, layer: int, wrt: int, i: int, j: int) -> Computation:
        """The derivative of an output's layer with respect to a signal: the sum over the layers that take it."""
        route = self._route
        transferred = route.transferred.get(wrt)
        if transferred is not None:
            return _products([[self._row(layer, transferred, i), self._column(transferred, wrt, j)]])
        groups = []
        for consumer in route.consumers.get(wrt, ()):
            if consumer.n in self._needed[layer]:
                groups.append([self._row(layer, consumer.n, i), *self._consumed(consumer, j)])
        return _products(groups)

    def _matrix(self, of: int, wrt: int) -> FloatArray:
        """The derivative of one signal with respect to another, from a stage of all its elements."""
        sizes = self._route.program.sizes
        return self._found[(of,), (wrt,)][1].reshape(sizes[of], sizes[wrt])

    def _row(self, of: int, wrt: int, i: int) -> Entries:
        """Row i of the derivative of one signal with respect to another."""
        return self._across(of, wrt, i, 0)

    def _column(self, of: int, wrt: int, j: int) -> Entries:
        """Column j of the derivative of one signal with respect to another."""
        return self._across(of, wrt, j, 1)

    def _across(self, of: int, wrt: int, place: int, axis: int) -> Entries:
        stage, values = self._found[(of,), (wrt,)]
        if stage.diagonal:
            return np.asarray([place]), values[place : place + 1]
        if stage.kind == "processing":
            own, others = (stage.rows, stage.columns) if axis == 0 else (stage.columns, stage.rows)
            here = own == place
            return others[here], values[here]
        return None, np.take(self._matrix(of, wrt), place, axis=axis)

    def _consumed(self, consumer: Consumer, j: int) -> Iterator[Entries]:
        """dn/dz where it is not 1, and column j of dz/dp."""
        key = (consumer.n,), (consumer.step.target,)
        if key in self._found:
            yield None, self._found[key][1]
        yield self._route.column(consumer, j)

    def _whole(self, i: int, j: int) -> Computation:
        """dy/dx of an output element and an input element."""
        route, program = self._route, self._route.program
        part, row = _place(i, [program.sizes[signal] for signal in program.outputs])
        leaf, column = _place(j, [program.sizes[signal] for signal in route.present])
        y, layer = program.outputs[part], program.output_layers[part]
        x, p = route.present[leaf], route.processed_present[leaf]
        outer = None if y == layer else self._row(y, layer, row)
        inner = None if p == x else self._column(p, x, column)
        if outer is None and inner is None:
            return Line(f"= {derivative_name(route.names[layer][row], route.names[x][column])}")
        rows = [(row, ())] if outer is None else [(k, (v,)) for k, v in _pairs(outer)]
        columns = [(column, ())] if inner is None else [(k, (v,)) for k, v in _pairs(inner)]
        middle = self._matrix(layer, p)
        return _summed([[*a, float(middle[k, m]), *b] for (k, a), (m, b) in itertools.product(rows, columns)])


def _pairs(entries: Entries) -> list[tuple[int, float]]:
    places, values = entries
    return list(enumerate(values.tolist()) if places is None else zip(places.tolist(), values.tolist(), strict=True))


def _place(k: int, sizes: Sequence[int]) -> tuple[int, int]:
    """The part in which element k of several parts lies, and its place there."""
    for part, size in enumerate(sizes):
        if k < size:
            return part, k
        k -= size
    raise AssertionError(f"there are {sum(sizes)} elements")


def _products(groups: Sequence[Sequence[Entries]]) -> Computation:
    """The sum over the groups, and over the places that all entries of a group have, of the products of its numbers."""
    return _summed([factors for entries in groups for factors in _common(entries)])


def _common(entries: Sequence[Entries]) -> list[list[float]]:
    """The numbers of all entries at each place that all of them have."""
    chosen = [places for places, _ in entries if places is not None]
    common = reduce(np.intersect1d, chosen) if chosen else np.arange(len(entries[0][1]))
    numbers = [values[common if own is None else np.searchsorted(own, common)] for own, values in entries]
    found: list[list[float]] = np.stack(numbers, axis=-1).tolist()
    return found


def _summed(terms: Sequence[Sequence[float]]) -> Computation:
    if not terms:
        return _NO_PATH
    products = np.asarray([np.prod(factors) for factors in terms])
    return Sums((Sum(products, lambda place: " * ".join(map(factor, terms[place]))),))


def _weight_slope(step: WeightStep, p: FloatArray, z: FloatArray, i: int, j: int) -> Computation | None:
    """dz_i/dp_j of a weight function that is not linear."""
    row, w = step.row, np.asarray(step.w, dtype=np.float64)
    if row.name == "layernorm":
        return None
    formula, _, otherwise = row.derivative.partition(",")
    if otherwise and not z[i]:
        return Line(f"0, as {otherwise.partition('where ')[2].replace('z_i', number(z[i]))}")
    if row.name == "boxdist" and j != int(np.argmax(np.abs(w[i] - p))):
        return Line("0, as another difference is the largest")
    formula = formula.partition(" at ")[0].replace("sum(p)", "s")
    return Line(substituted(formula, {"p_j": p[j], "w_ij": w[i, j], "z_i": z[i], "s": float(p.sum())}))
