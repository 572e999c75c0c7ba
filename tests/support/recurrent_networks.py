"""Recurrent layers as they are stored, and a second copy of what they compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import matnet
from layered_networks import EMPTY, layer, learnable, number, random_numbers, saved, series
from object_files import ObjectStore

R, H = 3, 4
"""The elements of a step, and the units of a layer, where nothing else is said."""


def true(value: bool) -> Any:
    return np.array([[value]])


def sequences(size: int = R, normalization: Any = EMPTY) -> Any:
    fields = {"InputSize": number(size), "Normalization": normalization, "MinLength": number(1)}
    return layer("SequenceInputLayer", "input", 5, NormalizationDimension="auto", **fields)


def recurrent(kind: str, name: str, seed: int, size: int = R, units: int = H, last: bool = False, **more: Any) -> Any:
    """A layer of random numbers: kind LSTM, GRU or BiLSTM."""
    blocks = {"LSTM": 4, "GRU": 3, "BiLSTM": 8}[kind]
    biases = 2 * blocks if more.get("ResetGateMode") == "recurrent-bias-after-multiplication" else blocks
    shapes = (blocks * units, size), (blocks * units, units), (biases * units, 1)
    learnables = (learnable(numbers) for numbers in random_numbers(seed, *shapes))
    states = ("Hidden",) if kind == "GRU" else ("Hidden", "Cell")
    size_of_states = 2 * units if kind == "BiLSTM" else units
    held = {f"{state}State": {"Value": np.zeros((size_of_states, 1)), "Remember": true(False)} for state in states}
    initial = {f"Initial{state}State": np.zeros((size_of_states, 1)) for state in states}
    fields = {
        "InputSize": number(size),
        "NumHiddenUnits": number(units),
        "ReturnSequence": true(not last),
        "StateActivationFunction": "tanh",
        "GateActivationFunction": "sigmoid",
        "HasStateInputs": true(False),
        "HasStateOutputs": true(False),
        **dict(zip(("InputWeights", "RecurrentWeights", "Bias"), learnables, strict=True)),
        **held,
        **initial,
        **more,
    }
    return layer(f"{kind}Layer", name, {"LSTM": 5, "GRU": 2, "BiLSTM": 4}[kind], **fields)


def load(tmp_path: Path, layers: list[Any], make: Callable[..., Any] = series, **more: Any) -> matnet.Network:
    store = ObjectStore()
    return matnet.load(saved(tmp_path / "net.mat", store, net=make(store, layers, **more)))


LEARNABLES = ("InputWeights", "RecurrentWeights", "Bias")
STARTS = ("InitialHiddenState", "InitialCellState")


def numbers_of(stored: Any) -> Any:
    return tuple(np.asarray(stored[2][name]["Value"]) for name in LEARNABLES)


def starts_of(stored: Any) -> Any:
    """The states before the first step, zeros where none are stored."""
    units = numbers_of(stored)[1].shape[1]
    return [np.ravel(stored[2].get(name, np.zeros(units))) for name in STARTS]


def sigmoid(n: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-n))


def hard_sigmoid(n: Any) -> Any:
    return np.clip(0.2 * n + 0.5, 0.0, 1.0)


def softsign(n: Any) -> Any:
    return n / (1.0 + np.abs(n))


def plain_lstm(stored: Any, x: Any, state: Any = np.tanh, gate: Any = sigmoid) -> Any:
    """A second copy, one step and one unit block after the other."""
    weights, returning, bias = numbers_of(stored)
    h, c = (np.broadcast_to(start, (*x.shape[:-2], len(start))) for start in starts_of(stored))
    steps = []
    for time in range(x.shape[-2]):
        n = x[..., time, :] @ weights.T + h @ returning.T + bias[:, 0]
        i, f, g, o = np.split(n, 4, axis=-1)
        c = gate(f) * c + gate(i) * state(g)
        h = gate(o) * state(c)
        steps.append(h)
    return np.stack(steps, axis=-2)


def direction(stored: Any, number: int) -> Any:
    """One of the two LSTM layers of a bidirectional one, with its own rows."""
    name, version, fields = stored
    units = fields["RecurrentWeights"]["Value"].shape[1]
    rows, own = slice(4 * units * number, 4 * units * (number + 1)), slice(units * number, units * (number + 1))
    parts: dict[str, Any] = {key: {"Value": fields[key]["Value"][rows]} for key in LEARNABLES}
    return name, version, {**fields, **parts, **{key: fields[key][own] for key in STARTS}}


def plain_bilstm(stored: Any, x: Any, state: Any = np.tanh, gate: Any = sigmoid) -> Any:
    """Both hidden states of each step."""
    there = plain_lstm(direction(stored, 0), x, state, gate)
    back = plain_lstm(direction(stored, 1), x[..., ::-1, :], state, gate)[..., ::-1, :]
    return np.concatenate([there, back], axis=-1)


def plain_bilstm_last(stored: Any, x: Any) -> Any:
    """The final state of each: the forward one at the last step, the backward one at the first."""
    whole = plain_bilstm(stored, x)
    units = whole.shape[-1] // 2
    return np.concatenate([whole[..., -1, :units], whole[..., 0, units:]], axis=-1)


def plain_gru(stored: Any, x: Any, state: Any = np.tanh, gate: Any = sigmoid) -> Any:
    weights, returning, bias = numbers_of(stored)
    units = returning.shape[1]
    before = stored[2].get("ResetGateMode") == "before-multiplication"
    b, rb = bias[: 3 * units, 0], bias[3 * units :, 0] if len(bias) > 3 * units else 0.0
    h = np.broadcast_to(starts_of(stored)[0], (*x.shape[:-2], units))
    steps = []
    for time in range(x.shape[-2]):
        n, m = x[..., time, :] @ weights.T + b, h @ returning.T + rb
        r, z = (gate((n + m)[..., block * units : (block + 1) * units]) for block in (0, 1))
        through = (r * h) @ returning[2 * units :].T if before else r * m[..., 2 * units :]
        g = state(n[..., 2 * units :] + through)
        h = (1.0 - z) * g + z * h
        steps.append(h)
    return np.stack(steps, axis=-2)
