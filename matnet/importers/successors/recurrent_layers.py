"""MATLAB's recurrent layers, each built from layers with delays.

The layer itself is its hidden state, at its own number. Its gates, and what else its formula needs, are parts of it:
layers with names such as ``lstm/cell`` and numbers after those of all layers that MATLAB has. A part sees the states of
the step before through a delay of 1, so that a recurrent layer is run and differentiated as the class `network` is.

In an LSTM layer, with ``forget`` and so on the parts of the gates:

    sum       W x + R h(t-1) + b, all four blocks: input, forget, candidate, output
    gates     gate function of the blocks input, forget and output
    candidate state function of the block candidate
    kept      forget c(t-1)
    added     input candidate
    cell      kept + added
    squashed  state function of the cell
    lstm      output squashed

In a GRU layer, reset after the multiplication:

    bias      the bias of both sums, where it has one for each
    sum       W x + b, all three blocks: reset, update, candidate
    recurrent R h(t-1), the same blocks, with its own bias where there is one
    reset     gate function of the blocks reset, added
    update    gate function of the blocks update, added
    scaled    reset times the block candidate of recurrent
    candidate state function of the block candidate + scaled
    added     (1 - update) candidate
    kept      update h(t-1)
    gru       added + kept

Reset before the multiplication, the rows of R are in two pieces:

    recurrent R h(t-1), the blocks reset and update
    scaled    reset h(t-1)
    candidate state function of the block candidate of sum + R scaled, the block candidate of R

A bidirectional LSTM layer has the parts of two LSTM layers, ``forward/hidden``, ``forward/cell``, … and
``backward/hidden``, …; the second run backward in time, so that their step before is the later one. The layer itself
joins the two hidden states: at each step, or what each gives last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.fields import part_of
from matnet.importers.mat.values import Numeric
from matnet.importers.successors.building import (
    UNWEIGHTED,
    Arrangement,
    Source,
    StoredLayer,
    arranged,
    gathered,
    other_shape,
    refused_flag,
    sizes,
)
from matnet.model.structure import Layer, Weight

RECURRENT = (
    *("InputSize", "NumHiddenUnits", "ReturnSequence", "StateActivationFunction", "GateActivationFunction"),
    *("HasStateInputs", "HasStateOutputs", "InputWeights", "RecurrentWeights", "Bias"),
    *("HiddenState", "InitialHiddenState"),
)
LSTM = (*RECURRENT, "CellState", "InitialCellState")
GRU = (*RECURRENT, "ResetGateMode")
"""The fields of layers of these kinds."""

_STATE_FUNCTIONS = {"tanh": "tansig", "softsign": "elliotsig"}
_GATE_FUNCTIONS = {"sigmoid": "logsig", "hard-sigmoid": "clippedrelu"}
_AFTER, _AFTER_WITH_BIAS = "after-multiplication", "recurrent-bias-after-multiplication"
_BEFORE_PRODUCT = "before-multiplication"
_RESET_MODES = (_AFTER, _BEFORE_PRODUCT, _AFTER_WITH_BIAS)
_BEFORE: tuple[int, ...] = (1,)


class _Parts:
    """A recurrent layer under construction: its sizes, its numbers, and the parts that it is made of.

    `direction` is 0, or 1 for the second of two LSTM layers side by side, of ``directions``, which runs backward in
    time; ``prefix`` begins the names of its parts.
    """

    def __init__(
        self, layer: StoredLayer, sources: Sequence[Source], network: Arrangement, direction: int = 0, prefix: str = ""
    ) -> None:
        self.layer, self.network, self.prefix = layer, network, prefix
        self.direction, self.directions = direction, 2 if prefix else 1
        (self.source,) = sources
        if self.source.shape:
            raise UnsupportedError("the input is an image, expected a sequence of features", place=layer.fields.place)
        (self.units,) = _one(layer, "NumHiddenUnits")
        for name in ("HasStateInputs", "HasStateOutputs"):
            if _flag(layer, name):
                raise refused_flag(name, layer.fields.place)
        self.state_function = self._function("StateActivationFunction", _STATE_FUNCTIONS, "tanh")
        self.gate_function = self._function("GateActivationFunction", _GATE_FUNCTIONS, "sigmoid")

    def _function(self, name: str, known: Mapping[str, str], default: str) -> str:
        function = self.layer.fields.text(name, default)
        if function not in known:
            raise UnsupportedError(
                f"'{function}' is not supported, expected {' or '.join(map(repr, known))}",
                place=f"{self.layer.fields.place}.{name}",
            )
        return known[function]

    def matrix(self, name: str, blocks: int, columns: int) -> FloatArray:
        """InputWeights or RecurrentWeights: the rows of so many blocks."""
        numbers, stored = self.network.learnable(self.layer, name)
        rows = blocks * self.units
        if stored != (self.directions * rows, columns):
            raise other_shape(stored, (self.directions * rows, columns), f"{self.layer.fields.place}.{name}")
        return self._own(numbers.reshape(stored, order="F"), rows)

    def vector(self, name: str, blocks: int) -> FloatArray:
        """Bias: the numbers of so many blocks."""
        rows = blocks * self.units
        return self._own(self.network.vector(self.layer, name, self.directions * rows), rows)

    def _own(self, numbers: FloatArray, rows: int) -> FloatArray:
        return numbers[self.direction * rows : (self.direction + 1) * rows]

    def initial(self, name: str) -> FloatArray | None:
        """The state before the first step, checked against the one that is stored; None for zeros.

        Raises
        ------
        UnsupportedError
            The network was saved in the middle of a series.
        """
        place, size = self.layer.fields.place, self.directions * self.units
        start = np.zeros(size)
        if self.layer.fields.get(f"Initial{name}") is not None:
            start = self.layer.fields.floats(f"Initial{name}").ravel()
            if start.size != size:
                raise ModelError(f"{counted(start.size, 'number')}, expected {size}", place=f"{place}.Initial{name}")
        held = None if self.layer.fields.get(name) is None else part_of(self.layer.fields, name)
        if held is not None and held.get("Value") is not None:
            now = held.floats("Value").ravel()
            if now.size != size or (now != start).any():
                raise UnsupportedError(
                    "not the initial state: the network was saved in the middle of a sequence and would continue from "
                    "there, which is not supported; save resetState(net)",
                    place=f"{place}.{name}",
                )
        return self._own(start, self.units) if start.any() else None

    def part(
        self,
        name: str,
        connections: Sequence[tuple[Source, Weight]],
        transfer: str = "purelin",
        size: int = 0,
        at: Source | None = None,
        **more: Any,
    ) -> Source:
        """A part of the layer with as many elements as it has units, or `size` of them."""
        named = replace(self.layer, name=f"{self.layer.name}/{self.prefix}{name}")
        made = arranged(
            named,
            f"{self.layer.kind} {self.prefix.replace('/', ' ')}{name}",
            connections,
            transfer,
            size=size or self.units,
            part_of=self.layer.number,
            backward=bool(self.direction),
            **more,
        )
        return self.network.add(made, at)

    def gate(self, name: str, connections: Sequence[tuple[Source, Weight]], size: int = 0) -> Source:
        """A part to which the gate function is applied; hard-sigmoid is 0.2 n + 0.5 between 0 and 1."""
        if self.gate_function == "logsig":
            return self.part(name, connections, "logsig", size)
        straight = self.part(f"{name} net input", connections, size=size)
        return self.part(name, [(straight, _STRAIGHT)], "clippedrelu", size, settings={"Ceiling": 1.0})

    def bias(self, numbers: FloatArray) -> Source:
        """A part that is only a bias, blocks of which several parts add."""
        name, kind = f"{self.layer.name}/bias", f"{self.layer.kind} bias"
        return self.network.add(
            Layer(len(numbers), "purelin", bias=numbers, name=name, kind=kind, part_of=self.layer.number)
        )

    def block(self, source: Source, *blocks: int) -> tuple[Source, Weight]:
        """Some of a part's blocks; each has as many elements as the layer has units."""
        positions = np.concatenate([np.arange(self.units) + block * self.units for block in blocks])
        return source, gathered(positions, source.size)

    @property
    def apart(self) -> bool:
        """Whether the hidden state is a part: the layer gives its last step, and does not go forward in time alone.

        Where it does, its output at a step is that of the sequence up to the step, and no step is left out.
        """
        return ends_sequence(self.layer) and self.source.kind == "layer" and self.source.number in self.network.ahead

    def hidden(self) -> Source:
        """What the hidden state will be: the layer itself, or a part of it."""
        if self.prefix or self.apart:
            return self.network.reserve(self.units)
        return Source("layer", self.layer.number, self.units)

    def whole(
        self, connections: Sequence[tuple[Source, Weight]], net_input: str, hidden: Source, initial: FloatArray | None
    ) -> Layer:
        """The layer itself: its hidden state, or the last step of that."""
        if not self.apart:
            return arranged(
                self.layer, self.layer.kind, connections, size=self.units, net_input=net_input, initial=initial
            )
        self.part("hidden", connections, at=hidden, net_input=net_input, initial=initial)
        return arranged(self.layer, self.layer.kind, [(hidden, replace(UNWEIGHTED, last=True))])


_BEFORE_UNWEIGHTED = replace(UNWEIGHTED, delays=_BEFORE)
_COMPLEMENT = Weight(np.zeros((0, 0)), "scaling", settings={"Scale": np.array([-1.0]), "Bias": np.array([1.0])})
"""1 minus the output of a part."""
_STRAIGHT = Weight(np.zeros((0, 0)), "scaling", settings={"Scale": np.array([0.2]), "Bias": np.array([0.5])})
"""The straight line of hard-sigmoid."""


def _lstm(parts: _Parts, hidden: Source) -> list[tuple[Source, Weight]]:
    """The parts of an LSTM layer; the factors of its hidden state."""
    units, size = parts.units, parts.source.size
    every = parts.part(
        "sum",
        [
            (parts.source, Weight(parts.matrix("InputWeights", 4, size))),
            (hidden, Weight(parts.matrix("RecurrentWeights", 4, units), delays=_BEFORE)),
        ],
        size=4 * units,
        bias=parts.vector("Bias", 4),
    )
    gates = parts.gate("gates", [parts.block(every, 0, 1, 3)], 3 * units)
    candidate = parts.part("candidate", [parts.block(every, 2)], parts.state_function)
    added = parts.part("added", [parts.block(gates, 0), (candidate, UNWEIGHTED)], net_input="netprod")
    cell = parts.network.reserve(units)
    kept = parts.part("kept", [parts.block(gates, 1), (cell, _BEFORE_UNWEIGHTED)], net_input="netprod")
    parts.part("cell", [(kept, UNWEIGHTED), (added, UNWEIGHTED)], at=cell, initial=parts.initial("CellState"))
    squashed = parts.part("squashed", [(cell, UNWEIGHTED)], parts.state_function)
    return [parts.block(gates, 2), (squashed, UNWEIGHTED)]


def lstm(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """lstmLayer."""
    parts = _Parts(layer, sources, network)
    hidden = parts.hidden()
    return parts.whole(_lstm(parts, hidden), "netprod", hidden, parts.initial("HiddenState"))


def bidirectional(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """bilstmLayer: the hidden state of the LSTM layer that runs forward, then that of the one that runs backward."""
    joined: list[tuple[Source, Weight]] = []
    for direction, name in enumerate(("forward", "backward")):
        parts = _Parts(layer, sources, network, direction, f"{name}/")
        hidden, units = parts.hidden(), parts.units
        factors = _lstm(parts, hidden)
        parts.part("hidden", factors, at=hidden, net_input="netprod", initial=parts.initial("HiddenState"))
        positions = gathered(np.arange(units), units, direction * units, (1 - direction) * units)
        joined.append((hidden, replace(positions, last=ends_sequence(layer))))
    return arranged(layer, layer.kind, joined, size=2 * parts.units)


def gru(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """gruLayer."""
    parts = _Parts(layer, sources, network)
    mode = layer.fields.text("ResetGateMode", _AFTER)
    if mode not in _RESET_MODES:
        raise UnsupportedError(
            f"'{mode}' is not supported, expected {' or '.join(map(repr, _RESET_MODES))}",
            place=f"{layer.fields.place}.ResetGateMode",
        )
    units, hidden = parts.units, parts.hidden()
    entering: list[tuple[Source, Weight]] = [
        (parts.source, Weight(parts.matrix("InputWeights", 3, parts.source.size))),
    ]
    returned = parts.matrix("RecurrentWeights", 3, units)
    returning: list[tuple[Source, Weight]] = [
        (hidden, Weight(returned[: 2 * units] if mode == _BEFORE_PRODUCT else returned, delays=_BEFORE))
    ]
    bias = None
    if mode == _AFTER_WITH_BIAS:
        both = parts.bias(parts.vector("Bias", 6))
        entering.append(parts.block(both, 0, 1, 2))
        returning.append(parts.block(both, 3, 4, 5))
    else:
        bias = parts.vector("Bias", 3)
    total = parts.part("sum", entering, size=3 * units, bias=bias)
    recurrent = parts.part("recurrent", returning, size=len(returning[0][1].value))
    reset, update = (
        parts.gate(name, [parts.block(total, block), parts.block(recurrent, block)])
        for block, name in enumerate(("reset", "update"))
    )
    if mode == _BEFORE_PRODUCT:
        scaled = parts.part("scaled", [(reset, UNWEIGHTED), (hidden, _BEFORE_UNWEIGHTED)], net_input="netprod")
        through = Weight(returned[2 * units :])
    else:
        scaled = parts.part("scaled", [(reset, UNWEIGHTED), parts.block(recurrent, 2)], net_input="netprod")
        through = UNWEIGHTED
    candidate = parts.part("candidate", [parts.block(total, 2), (scaled, through)], parts.state_function)
    added = parts.part("added", [(update, _COMPLEMENT), (candidate, UNWEIGHTED)], net_input="netprod")
    kept = parts.part("kept", [(update, UNWEIGHTED), (hidden, _BEFORE_UNWEIGHTED)], net_input="netprod")
    return parts.whole([(added, UNWEIGHTED), (kept, UNWEIGHTED)], "netsum", hidden, parts.initial("HiddenState"))


def _one(layer: StoredLayer, name: str) -> tuple[int, ...]:
    size = sizes(layer, name)
    if len(size) != 1:
        raise ModelError(f"{counted(len(size), 'number')}, expected 1", place=f"{layer.fields.place}.{name}")
    return size


def _flag(layer: StoredLayer, name: str, default: bool = False) -> bool:
    value = layer.fields.get(name)
    if value is None:
        return default
    if not isinstance(value, Numeric) or value.array.size != 1:
        raise layer.fields.wrong(name, "true or false")
    return bool(value.array.any())


def ends_sequence(layer: StoredLayer) -> bool:
    """Whether a recurrent layer returns only the last step of a sequence."""
    return layer.kind in RECURRENT_KINDS and not _flag(layer, "ReturnSequence", default=True)


RECURRENT_KINDS = ("LSTM", "GRU", "bidirectional LSTM")
"""What the recurrent layers are called."""


def check_sequences(layers: Sequence[StoredLayer], sources: Sequence[Sequence[int]], order: Sequence[int]) -> None:
    """Check how a network treats sequences.

    Raises
    ------
    UnsupportedError
        A recurrent layer does not receive a sequence, or a layer joins a sequence with the last step of one or
        computes statistics over the steps.
    """
    sequence = any(layer.kind == "sequence input" for layer in layers)
    for layer in layers:
        if sequence and layer.fields.get("OperationDimension") is not None:
            over = layer.fields.text("OperationDimension", "auto")
            if over == "batch-excluded":
                raise UnsupportedError(
                    f"'{over}' is not supported for sequences: it includes all time steps; expected 'auto'",
                    place=f"{layer.fields.place}.OperationDimension",
                )
    if not any(layer.kind in RECURRENT_KINDS for layer in layers):
        return
    ended: dict[int, bool] = {}
    for number in order:
        layer, feeding = layers[number], [ended[source] for source in sources[number]]
        if not feeding and layer.kind != "sequence input":
            raise UnsupportedError(
                f"a network with recurrent layers needs a sequence input; this is a layer of {layer.kind}",
                place=layer.fields.place,
            )
        if layer.kind in RECURRENT_KINDS and any(feeding):
            raise UnsupportedError(
                "the input is the last step of a sequence, expected a whole sequence", place=layer.fields.place
            )
        if len(set(feeding)) > 1:
            raise UnsupportedError(
                "joining a sequence with the last step of one is not supported", place=layer.fields.place
            )
        ended[number] = any(feeding) or ends_sequence(layer)
