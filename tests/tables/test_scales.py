"""Warnings of states at the wrong scale: where they begin, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.tables.scales import layer_doubt, raw_doubt
from random_networks import process

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "limits", "doubtful"),
    [
        ([0.5, -0.25], [5.0, 10.0], True),
        ([0.5, -0.25], [-10.0, -5.0], True),
        ([0.5, NAN], [5.0, 10.0], True),
        ([1.1, -1.1], [5.0, 10.0], True),
        ([0.5, 1.11], [5.0, 10.0], False),
        ([0.5, -1.11], [5.0, 10.0], False),
        ([0.5, 7.0], [5.0, 10.0], False),
        ([0.5, 0.5], [1.11, 10.0], True),
        ([0.5, 0.5], [1.1, 10.0], False),
        ([0.5, 0.5], [-10.0, -1.11], True),
        ([0.5, 0.5], [-10.0, -1.1], False),
        ([0.5, 0.5], [-5.0, 5.0], False),
        ([0.0, 0.0], [5.0, 10.0], False),
        ([0.0, 0.5], [5.0, 10.0], True),
        ([NAN, NAN], [5.0, 10.0], False),
        ([0.5, 0.5], [NAN, NAN], False),
    ],
)
def test_scaled_values_in_place_of_raw_ones(values: list[float], limits: list[float], doubtful: bool) -> None:
    """Within 1.1 of 0, where the range does not reach there; beside them an element that is as it should be."""
    beside = np.column_stack([[7.0, 8.0], values])
    found = raw_doubt("the states", beside, np.array([[5.0, 10.0], limits]), ("a", "b"))
    expected = (
        f"the states lie within -1 and 1, outside the range (b: {limits[0]:.6g} to {limits[1]:.6g}); they should be in "
        "original units, not scaled"
    )
    assert found == (expected if doubtful else "")


def closed() -> Network:
    """Layers of 2, 1 and 2 neurons; the last layer's second output element has the range 2 to 10, and is fed back."""
    scaling = process("mapminmax", xmin=[-1.0, 2.0], xmax=[1.0, 10.0], ymin=-1.0, ymax=1.0, xrows=2, yrows=2)
    first = Layer(2, "tansig", {0: Weight(np.ones((2, 1)))}, {2: Weight(np.ones((2, 2)), delays=(1,))})
    middle = Layer(1, "purelin", {}, {0: Weight(np.ones((1, 2)))})
    last = Layer(2, "purelin", {}, {0: Weight(np.ones((2, 2)))})
    limits = np.array([[-1.0, 1.0], [2.0, 10.0]])
    outputs = (
        Output(1, 1, range=np.array([[2.0, 10.0]])),
        Output(2, 2, (scaling,), limits, feedback_mode="closed"),
    )
    return Network(Structure((Input(1),), (first, middle, last), outputs))


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [
        ([5.0, 9.0], True),
        ([5.0, NAN], True),
        ([2.0, 10.0], False),
        ([3.01, 10.0], True),
        ([3.0, 10.0], False),
        ([3.5, 10.5], False),
        ([0.5, 0.75], False),
        ([NAN, NAN], False),
    ],
)
def test_raw_outputs_in_place_of_layer_states(values: list[float], doubtful: bool) -> None:
    """Farther than the width of the scaled range from it, and within the raw range."""
    layers = np.full((2, 5), 5.0)
    layers[:, 3], layers[:, 4] = 0.5, values
    expected = (
        "the layer states lie in the range of the outputs (c: 2 to 10); they should be at the scale of the layer, "
        "after the outputs' processing"
    )
    assert layer_doubt(closed(), layers, ("a", "b", "c")) == (expected if doubtful else "")


def test_raw_outputs_below_the_scaled_range_are_noticed_too() -> None:
    net = closed()
    scaling = process("mapminmax", xmin=[-1.0, -10.0], xmax=[1.0, -2.0], ymin=-1.0, ymax=1.0, xrows=2, yrows=2)
    outputs = list(net.structure.outputs)
    outputs[1] = replace(outputs[1], processing=(scaling,), range=np.array([[-1.0, 1.0], [-10.0, -2.0]]))
    net = Network(replace(net.structure, outputs=tuple(outputs)))
    layers = np.zeros((2, 5))
    for values, doubtful in (([-3.01, -10.0], True), ([-3.0, -5.0], False)):
        layers[:, 4] = values
        assert bool(layer_doubt(net, layers, ("a", "b", "c"))) == doubtful


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_three_elements_at_the_wrong_scale_are_named(size: int) -> None:
    limits = np.array([[2.0 + k, 10.0 + k] for k in range(size)])
    names = [f"y{k + 1}" for k in range(size)]
    told = ", ".join(f"y{k + 1}: {2 + k} to {10 + k}" for k in range(min(size, 3)))
    told += f" and {size - 3} more" if size > 3 else ""
    assert f"({told})" in raw_doubt("the states", np.full((2, size), 0.5), limits, names)
    scaling = process("mapminmax", xmin=limits[:, 0], xmax=limits[:, 1], ymin=-1.0, ymax=1.0, xrows=size, yrows=size)
    layer = Layer(size, "purelin", {0: Weight(np.ones((size, 1)))}, {0: Weight(np.eye(size), delays=(1,))})
    net = Network(Structure((Input(1),), (layer,), (Output(0, size, (scaling,), limits, feedback_mode="closed"),)))
    assert f"({told})" in layer_doubt(net, limits[:, 1][None] - 0.5, names)


def test_an_output_that_its_processing_makes_smaller_is_left_alone() -> None:
    """Its elements are not those of the layer; the elements of the others are told apart all the same."""
    constant = process("removeconstantrows", keep=[1], remove=[2], constants=[30.0], xrows=2, yrows=1)
    scaling = process("mapminmax", xmin=[2.0], xmax=[10.0], ymin=-1.0, ymax=1.0, xrows=1, yrows=1)
    own = {1: Weight(np.ones((1, 1)), delays=(1,))}
    layers = (Layer(1, "purelin", {0: Weight(np.ones((1, 1)))}, own), Layer(1, "purelin", {}, {0: Weight([[1.0]])}))
    outputs = (
        Output(0, 2, (constant,), np.array([[20.0, 40.0], [30.0, 30.0]]), feedback_mode="closed"),
        Output(1, 1, (scaling,), np.array([[2.0, 10.0]]), feedback_mode="closed"),
    )
    net = Network(Structure((Input(1),), layers, outputs))
    assert layer_doubt(net, np.array([[25.0, 0.5]]), ("a", "b", "c")) == ""
    assert "(c: 2 to 10)" in layer_doubt(net, np.array([[25.0, 9.0]]), ("a", "b", "c"))
