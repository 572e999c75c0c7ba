"""The matrices of a network with their headings."""

from __future__ import annotations

import numpy as np

from exported_networks import connection_weight
from matnet.exporters.matrices import matrices
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network


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
