"""MATLAB's recurrent layers, each an arrangement of layers with delays.

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
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from matnet.errors import ModelError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.fields import part_of
from matnet.importers.mat.values import Numeric, describe_shape
from matnet.importers.successors.building import (
    UNWEIGHTED,
    Arrangement,
    Source,
    StoredLayer,
    arranged,
    gathered,
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
_NOW: tuple[int, ...] = (0,)
_BEFORE: tuple[int, ...] = (1,)


class _Parts:
    """A recurrent layer under construction: its sizes, its numbers, and the parts that it is made of."""

    def __init__(self, layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> None:
        self.layer, self.network = layer, network
        (self.source,) = sources
        if self.source.shape:
            raise UnsupportedError(f"{layer.fields.place} receives images, expected a sequence of features")
        (self.units,) = _one(layer, "NumHiddenUnits")
        for name in ("HasStateInputs", "HasStateOutputs"):
            if _flag(layer, name):
                raise UnsupportedError(
                    f"{layer.fields.place}.{name} is true, which is not supported; needed is a layer without it"
                )
        self.state_function = self._function("StateActivationFunction", _STATE_FUNCTIONS, "tanh")
        self.gate_function = self._function("GateActivationFunction", _GATE_FUNCTIONS, "sigmoid")
        self.hidden = Source("layer", layer.number, self.units)

    def _function(self, name: str, known: Mapping[str, str], default: str) -> str:
        found = self.layer.fields.text(name, default)
        if found not in known:
            raise UnsupportedError(
                f"{self.layer.fields.place}.{name} is '{found}', which is not supported; known: {', '.join(known)}"
            )
        return known[found]

    def matrix(self, name: str, rows: int, columns: int) -> Weight:
        """InputWeights, or with a delay RecurrentWeights."""
        numbers, stored = self.network.learnable(self.layer, name)
        if stored != (rows, columns):
            raise ModelError(
                f"{self.layer.fields.place}.{name} is {describe_shape(stored)}, expected "
                f"{describe_shape((rows, columns))}"
            )
        delays = _BEFORE if name == "RecurrentWeights" else _NOW
        return Weight(numbers.reshape((rows, columns), order="F"), delays=delays)

    def part(
        self,
        name: str,
        connections: Sequence[tuple[Source, Weight]],
        transfer: str = "purelin",
        size: int = 0,
        **more: Any,
    ) -> Source:
        """A part of the layer with as many elements as it has units, or `size` of them."""
        named = replace(self.layer, name=f"{self.layer.name}/{name}")
        return self.network.add(
            arranged(
                named,
                f"{self.layer.kind} {name}",
                connections,
                transfer,
                size=size or self.units,
                part_of=self.layer.number,
                **more,
            )
        )

    def gate(self, name: str, connections: Sequence[tuple[Source, Weight]], size: int = 0) -> Source:
        """A part to which the gate function is applied; hard-sigmoid is 0.2 n + 0.5 between 0 and 1."""
        if self.gate_function == "logsig":
            return self.part(name, connections, "logsig", size)
        straight = self.part(f"{name} net input", connections, size=size)
        return self.part(name, [(straight, _STRAIGHT)], "clippedrelu", size, settings={"Ceiling": 1.0})

    def bias(self, numbers: FloatArray) -> Source:
        """A part that is a bias alone, blocks of which several parts add."""
        name, kind = f"{self.layer.name}/bias", f"{self.layer.kind} bias"
        return self.network.add(
            Layer(len(numbers), "purelin", bias=numbers, name=name, kind=kind, part_of=self.layer.number)
        )

    def block(self, source: Source, *blocks: int) -> tuple[Source, Weight]:
        """Blocks of as many elements as the layer has units, of a part that has several."""
        positions = np.concatenate([np.arange(self.units) + block * self.units for block in blocks])
        return source, gathered(positions, source.size)

    def whole(self, connections: Sequence[tuple[Source, Weight]], net_input: str) -> Layer:
        """The layer itself: its hidden state."""
        return arranged(self.layer, self.layer.kind, connections, size=self.units, net_input=net_input)


_BEFORE_UNWEIGHTED = replace(UNWEIGHTED, delays=_BEFORE)
_COMPLEMENT = Weight(np.zeros((0, 0)), "scaling", settings={"Scale": np.array([-1.0]), "Bias": np.array([1.0])})
"""1 minus what a part gives."""
_STRAIGHT = Weight(np.zeros((0, 0)), "scaling", settings={"Scale": np.array([0.2]), "Bias": np.array([0.5])})
"""The straight line of hard-sigmoid."""


def lstm(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """lstmLayer."""
    parts = _Parts(layer, sources, network)
    _check_states(layer, parts.units, "HiddenState", "CellState")
    units = parts.units
    every = parts.part(
        "sum",
        [
            (parts.source, parts.matrix("InputWeights", 4 * units, parts.source.size)),
            (parts.hidden, parts.matrix("RecurrentWeights", 4 * units, units)),
        ],
        size=4 * units,
        bias=network.vector(layer, "Bias", 4 * units),
    )
    gates = parts.gate("gates", [parts.block(every, 0, 1, 3)], 3 * units)
    candidate = parts.part("candidate", [parts.block(every, 2)], parts.state_function)
    added = parts.part("added", [parts.block(gates, 0), (candidate, UNWEIGHTED)], net_input="netprod")
    # the cell is the second part after this one
    before = replace(added, number=added.number + 2)
    kept = parts.part("kept", [parts.block(gates, 1), (before, _BEFORE_UNWEIGHTED)], net_input="netprod")
    cell = parts.part("cell", [(kept, UNWEIGHTED), (added, UNWEIGHTED)])
    squashed = parts.part("squashed", [(cell, UNWEIGHTED)], parts.state_function)
    return parts.whole([parts.block(gates, 2), (squashed, UNWEIGHTED)], "netprod")


def gru(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> Layer:
    """gruLayer, with the reset gate applied after the multiplication."""
    parts = _Parts(layer, sources, network)
    _check_states(layer, parts.units, "HiddenState")
    mode = layer.fields.text("ResetGateMode", _AFTER)
    if mode not in (_AFTER, _AFTER_WITH_BIAS):
        raise UnsupportedError(
            f"{layer.fields.place}.ResetGateMode is '{mode}', which is not supported; needed is {_AFTER} or "
            f"{_AFTER_WITH_BIAS}"
        )
    units = parts.units
    entering: list[tuple[Source, Weight]] = [(parts.source, parts.matrix("InputWeights", 3 * units, parts.source.size))]
    returning: list[tuple[Source, Weight]] = [(parts.hidden, parts.matrix("RecurrentWeights", 3 * units, units))]
    bias = None
    if mode == _AFTER:
        bias = network.vector(layer, "Bias", 3 * units)
    else:
        both = parts.bias(network.vector(layer, "Bias", 6 * units))
        entering.append(parts.block(both, 0, 1, 2))
        returning.append(parts.block(both, 3, 4, 5))
    total = parts.part("sum", entering, size=3 * units, bias=bias)
    recurrent = parts.part("recurrent", returning, size=3 * units)
    reset, update = (
        parts.gate(name, [parts.block(total, block), parts.block(recurrent, block)])
        for block, name in enumerate(("reset", "update"))
    )
    scaled = parts.part("scaled", [(reset, UNWEIGHTED), parts.block(recurrent, 2)], net_input="netprod")
    candidate = parts.part("candidate", [parts.block(total, 2), (scaled, UNWEIGHTED)], parts.state_function)
    added = parts.part("added", [(update, _COMPLEMENT), (candidate, UNWEIGHTED)], net_input="netprod")
    kept = parts.part("kept", [(update, UNWEIGHTED), (parts.hidden, _BEFORE_UNWEIGHTED)], net_input="netprod")
    return parts.whole([(added, UNWEIGHTED), (kept, UNWEIGHTED)], "netsum")


def bidirectional(layer: StoredLayer, sources: Sequence[Source], network: Arrangement) -> NoReturn:
    """bilstmLayer, which is refused."""
    raise UnsupportedError(
        f"{layer.fields.place} is a bidirectional LSTM layer, whose outputs depend on later steps too, which is not "
        "supported; needed is a network that goes forward in time alone"
    )


def _one(layer: StoredLayer, name: str) -> tuple[int, ...]:
    found = sizes(layer, name)
    if len(found) != 1:
        raise ModelError(f"{layer.fields.place}.{name} has {len(found)} numbers, expected 1")
    return found


def _flag(layer: StoredLayer, name: str, default: bool = False) -> bool:
    value = layer.fields.get(name)
    if value is None:
        return default
    if not isinstance(value, Numeric) or value.array.size != 1:
        raise layer.fields.wrong(name, "true or false")
    return bool(value.array.any())


def _check_states(layer: StoredLayer, units: int, *names: str) -> None:
    """The layer starts from 0: its initial states are 0, and so are those that are stored."""
    for name in names:
        held = layer.fields.get(name)
        stored = None if held is None else part_of(layer.fields, name)
        if stored is not None and stored.get("Value") is not None and stored.floats("Value").any():
            raise UnsupportedError(
                f"{layer.fields.place}.{name} is not the initial one: the network was saved in the middle of a series, "
                "and predictions would go on from there, which is not supported; save resetState(net)"
            )
        initial = f"Initial{name}"
        if layer.fields.get(initial) is None:
            continue
        numbers = layer.fields.floats(initial)
        if numbers.size not in (0, units):
            raise ModelError(f"{layer.fields.place}.{initial} has {numbers.size} numbers, expected {units}")
        if numbers.any():
            raise UnsupportedError(
                f"{layer.fields.place}.{initial} is not 0, which is not supported; needed is a layer that starts from 0"
            )


def ends_sequence(layer: StoredLayer) -> bool:
    """Whether a recurrent layer gives the last step of a sequence alone."""
    return layer.kind in RECURRENT_KINDS and not _flag(layer, "ReturnSequence", default=True)


RECURRENT_KINDS = ("LSTM", "GRU")
"""What the recurrent layers are called."""


def check_sequences(layers: Sequence[StoredLayer], sources: Sequence[Sequence[int]], order: Sequence[int]) -> None:
    """A recurrent layer receives a sequence, nothing joins a sequence with the last step of one or sums over its steps.

    Raises
    ------
    UnsupportedError
        It is otherwise.
    """
    sequence = any(layer.kind == "sequence input" for layer in layers)
    for layer in layers:
        if sequence and layer.fields.get("OperationDimension") is not None:
            over = layer.fields.text("OperationDimension", "auto")
            if over == "batch-excluded":
                raise UnsupportedError(
                    f"{layer.fields.place}.OperationDimension is '{over}', which is not supported for sequences: it "
                    "includes all steps; needed is 'auto'"
                )
    if not any(layer.kind in RECURRENT_KINDS for layer in layers):
        return
    ended: dict[int, bool] = {}
    for number in order:
        layer, feeding = layers[number], [ended[source] for source in sources[number]]
        if not feeding and layer.kind != "sequence input":
            raise UnsupportedError(
                f"{layer.fields.place} is a layer of {layer.kind} in a network with recurrent layers, which is not "
                "supported; needed is a sequence input"
            )
        if layer.kind in RECURRENT_KINDS and any(feeding):
            raise UnsupportedError(f"{layer.fields.place} receives the last step of a sequence, expected a sequence")
        if len(set(feeding)) > 1:
            raise UnsupportedError(
                f"{layer.fields.place} joins a sequence with the last step of one, which is not supported"
            )
        ended[number] = any(feeding) or ends_sequence(layer)
