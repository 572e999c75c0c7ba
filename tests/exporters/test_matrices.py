"""The matrices of a network with their headings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exported_networks import connection_weight
from layered_networks import random_numbers
from matnet.exporters.matrices import matrices
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from recurrent_networks import H, R, load, recurrent, sequences


def listed(structure: Structure) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...], list[list[float]]]]:
    found = list(matrices(Network(structure).structure))
    assert len({matrix.name for matrix in found}) == len(found)
    return {matrix.name: (matrix.corner, matrix.rows, matrix.columns, matrix.values.tolist()) for matrix in found}


def scaled(offset: list[float], gain: list[float]) -> Process:
    return Process.from_matlab("mapminmax", {"xoffset": offset, "gain": gain, "ymin": -1.0})


def test_a_shallow_network() -> None:
    keep = Process.from_matlab(
        "removeconstantrows", {"keep": [1, 3], "remove": [2], "constants": [7.0], "xrows": 3, "yrows": 2}
    )
    first = Layer(
        2,
        "tansig",
        {0: Weight(np.arange(8.0).reshape(2, 4), delays=(0, 2)), 1: Weight([[10.0], [11.0]])},
        {1: Weight([[12.0], [13.0]], delays=(1,))},
        bias=[14.0, 15.0],
    )
    second = Layer(1, "purelin", {}, {0: Weight([[16.0, 17.0]])})
    third = Layer(1, "purelin", {}, {1: Weight([[18.0]], "scalprod")})
    inputs = (Input(3, (keep, scaled([1.0, 2.0], [0.5, 0.25]))), Input(1))
    found = listed(Structure(inputs, (first, second, third), (Output(2, 1, (scaled([3.0], [4.0]),)),)))
    assert found == {
        "input1_1_removeconstantrows_keep": ("row", ("1", "2"), ("keep",), [[1.0], [3.0]]),
        "input1_1_removeconstantrows_remove": ("row", ("1",), ("remove",), [[2.0]]),
        "input1_1_removeconstantrows_constants": ("row", ("1",), ("constants",), [[7.0]]),
        "input1_1_removeconstantrows_rows": ("row", ("1",), ("rows",), [[3.0]]),
        "input1_2_mapminmax": (
            "element",
            ("x1", "x3"),
            ("xoffset", "gain", "ymin"),
            [[1.0, 0.5, -1.0], [2.0, 0.25, -1.0]],
        ),
        "b1": ("neuron", ("1", "2"), ("b",), [[14.0], [15.0]]),
        "IW1_1": (
            "neuron",
            ("1", "2"),
            ("x1", "x3", "x1(t-2)", "x3(t-2)"),
            [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]],
        ),
        "IW1_2": ("neuron", ("1", "2"), ("x4",), [[10.0], [11.0]]),
        "LW1_2": ("neuron", ("1", "2"), ("a2_1(t-1)",), [[12.0], [13.0]]),
        "LW2_1": ("neuron", ("1",), ("a1_1", "a1_2"), [[16.0, 17.0]]),
        "LW3_2": ("neuron", ("1",), ("a2_1",), [[18.0]]),
        "output1_1_mapminmax": ("element", ("y1",), ("xoffset", "gain", "ymin"), [[3.0, 4.0, -1.0]]),
    }


def test_settings_that_are_matrices_and_elements_that_are_mixed() -> None:
    turned = Process.from_matlab("processpca", {"transform": [[0.5, 1.5], [2.5, 3.5]], "yrows": 2, "xrows": 2})
    layer = Layer(1, "purelin", {0: Weight([[4.0, 5.0]])})
    inputs = (Input(2, (turned, scaled([1.0, 2.0], [0.5, 0.25]))),)
    found = listed(Structure(inputs, (layer,), (Output(0, 1),)))
    columns = ("transform_1", "transform_2")
    assert found["input1_1_processpca_transform"] == ("row", ("1", "2"), columns, [[0.5, 1.5], [2.5, 3.5]])
    assert found["input1_2_mapminmax"][1] == ("input1_1__1", "input1_1__2")
    assert found["IW1_1"] == ("neuron", ("1",), ("p1_1", "p1_2"), [[4.0, 5.0]])


def test_a_network_of_layers() -> None:
    scaling = connection_weight("scaling", np.zeros((0, 0)), Scale=[2.0, 3.0], Bias=[0.5])
    layers = (
        Layer(2, "tansig", {0: Weight([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])}, {}, [7.0, 8.0], name="fc 1", kind="dense"),
        Layer(2, "purelin", {}, {0: scaling}, name="scale", kind="scaling"),
        Layer(1, "purelin", {}, {1: Weight([[9.0, 10.0]])}, [11.0], name="out", kind="dense"),
    )
    found = listed(Structure((Input(3),), layers, (Output(2, 1),), parameter_order="layers"))
    assert found == {
        "1_fc_1_Weights": ("neuron", ("1", "2"), ("x1", "x2", "x3"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        "1_fc_1_Bias": ("neuron", ("1", "2"), ("Bias",), [[7.0], [8.0]]),
        "2_scale_Scale": ("element", ("1", "2"), ("Scale",), [[2.0], [3.0]]),
        "2_scale_Bias": ("element", ("1",), ("Bias",), [[0.5]]),
        "3_out_Weights": ("neuron", ("1",), ("scale_1", "scale_2"), [[9.0, 10.0]]),
        "3_out_Bias": ("neuron", ("1",), ("Bias",), [[11.0]]),
    }


NUMBERED = tuple(f"h{k}" for k in range(1, 5))
EARLIER = tuple(f"rnn_{k}(t-1)" for k in range(1, 5))


@pytest.mark.parametrize(
    ("kind", "options", "blocks", "biases", "recurrent_columns"),
    [
        ("LSTM", {}, 4, 4, EARLIER),
        ("GRU", {}, 3, 3, EARLIER),
        # the last block is multiplied with what the first one has reset, the others with the outputs themselves
        ("GRU", {"ResetGateMode": "before-multiplication"}, 3, 3, NUMBERED),
        ("GRU", {"ResetGateMode": "recurrent-bias-after-multiplication"}, 3, 6, EARLIER),
        # half of the blocks are multiplied with earlier outputs, half with later ones
        ("BiLSTM", {}, 8, 8, NUMBERED),
    ],
)
def test_the_matrices_of_a_recurrent_layer_are_matlabs(
    kind: str, options: dict[str, Any], blocks: int, biases: int, recurrent_columns: tuple[str, ...], tmp_path: Path
) -> None:
    """However a layer is computed in parts, its matrices are listed as they were stored."""
    stored = random_numbers(7, (blocks * H, R), (blocks * H, H), (biases * H, 1))
    net = load(tmp_path, [sequences(), recurrent(kind, "rnn", 7, **options)])
    found = {matrix.name: matrix for matrix in matrices(net.structure)}
    names = ("2_rnn_InputWeights", "2_rnn_RecurrentWeights", "2_rnn_Bias")
    assert set(found) == set(names)
    columns = (tuple(f"input_{k}" for k in range(1, R + 1)), recurrent_columns, ("Bias",))
    for name, values, heads in zip(names, stored, columns, strict=True):
        np.testing.assert_array_equal(found[name].values, values)
        assert found[name].rows == tuple(str(k) for k in range(1, len(values) + 1))
        assert (found[name].corner, found[name].columns) == ("neuron", heads)


def test_names_after_several_processing_functions() -> None:
    doubled = Process.from_matlab(
        "fixunknowns",
        {"known": [], "unknown": [1, 2], "shift": [0, 1], "xmeans": [5.0, 6.0], "xrows": 2, "yrows": 4},
    )
    turned = Process.from_matlab(
        "processpca", {"transform": [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], "yrows": 2, "xrows": 4}
    )
    chain = (scaled([1.0, 2.0], [0.5, 0.25]), doubled, scaled([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5]), turned)
    layer = Layer(2, "purelin", {0: Weight([[9.0]], "scalprod")})
    wide = Layer(1, "purelin", {0: Weight([[10.0, 11.0]])})
    found = listed(Structure((Input(2, chain),), (layer, wide), (Output(1, 1),)))
    own, doubles = ("x1", "x2"), tuple(f"input1_2__{k}" for k in range(1, 5))
    assert found["input1_1_mapminmax"][1] == own
    name = "input1_2_fixunknowns"
    assert found[name][:2] == ("element", own)
    assert dict(zip(found[name][2], zip(*found[name][3], strict=True), strict=True))["xmeans"] == (5.0, 6.0)
    assert found["input1_3_mapminmax"] == (
        "element",
        doubles,
        ("xoffset", "gain", "ymin"),
        [[1.0, 1.5, -1.0], [2.0, 2.5, -1.0], [3.0, 3.5, -1.0], [4.0, 4.5, -1.0]],
    )
    assert found["input1_4_processpca_transform"] == (
        "row",
        ("1", "2"),
        ("transform_1", "transform_2", "transform_3", "transform_4"),
        [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]],
    )
    # one number for all elements
    assert found["IW1_1"] == ("neuron", ("1",), ("w1",), [[9.0]])
    assert found["IW2_1"] == ("neuron", ("1",), ("p1_1", "p1_2"), [[10.0, 11.0]])


def test_the_settings_of_several_connections_of_a_layer() -> None:
    first, second = (
        connection_weight("scaling", np.zeros((0, 0)), Scale=[k, k + 1.0], Bias=[k + 2.0]) for k in (1.0, 5.0)
    )
    layers = (
        Layer(2, "tansig", {0: Weight([[1.0], [2.0]])}, name="in", kind="dense"),
        Layer(2, "purelin", {}, {0: Weight([[1.0, 2.0], [3.0, 4.0]])}, name="fc", kind="dense"),
        Layer(2, "purelin", {}, {0: first, 1: second}, name="both", kind="scaling"),
    )
    found = listed(Structure((Input(1),), layers, (Output(2, 2),), parameter_order="layers"))
    assert {name: entry[3] for name, entry in found.items() if name.startswith("3_")} == {
        "3_both_Scale_1": [[1.0], [2.0]],
        "3_both_Bias_1": [[3.0]],
        "3_both_Scale_2": [[5.0], [6.0]],
        "3_both_Bias_2": [[7.0]],
    }
