"""A structure that contradicts itself cannot exist: the limits of each entry, and how the entries fit each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matnet.errors import MatnetError, ModelError, UnsupportedError
from matnet.model.structure import MAX_DELAY, MAX_ELEMENTS, Input, Layer, Output, Performance, Structure, Weight
from random_networks import process


def layer(size: int = 2, inputs: int = 3, **options: Any) -> Layer:
    return Layer(size, "tansig", {0: Weight(np.ones((size, inputs)))}, **options)


def structure(**changed: Any) -> Structure:
    """Three elements, two neurons, two outputs, with the given parts exchanged."""
    parts: dict[str, Any] = {"inputs": (Input(3),), "layers": (layer(),), "outputs": (Output(0, 2),)}
    return Structure(**{**parts, **changed})


def removing() -> Any:
    return process("removeconstantrows", keep=[1, 3], remove=[2], constants=[7.5], xrows=3, yrows=2)


def chain(*delays: int) -> tuple[Layer, ...]:
    """Two layers that feed each other with these delays."""
    first = Layer(1, "tansig", {}, {1: Weight([[0.5]], delays=(delays[0],))})
    second = Layer(1, "tansig", {}, {0: Weight([[0.5]], delays=(delays[1],))})
    return first, second


REFUSED: dict[str, tuple[Callable[[], object], type[MatnetError], str]] = {
    "a delay beyond the longest": (
        lambda: Weight([[1.0]], delays=(MAX_DELAY + 1,)),
        UnsupportedError,
        "a delay of 1000001 steps is not supported; the maximum is 1000000",
    ),
    "no delays": (lambda: Weight([[1.0]], delays=()), ModelError, "delays is empty: the weight has no taps"),
    "the same delay twice": (
        lambda: Weight([[1.0, 1.0]], delays=(1, 1)),
        ModelError,
        "delays must be non-negative integers in increasing order, got [1, 1]",
    ),
    "a negative delay": (
        lambda: Weight([[1.0]], delays=(-1,)),
        ModelError,
        "delays must be non-negative integers in increasing order, got [-1]",
    ),
    "processing for another size of layer": (
        lambda: structure(outputs=(Output(0, 3),)),
        ModelError,
        "outputs{1}: its processing gives 3 rows for 3, but its layer has 2 neurons",
    ),
    "processing that leaves too few": (
        lambda: structure(layers=(layer(3),), outputs=(Output(0, 3, (removing(),)),)),
        ModelError,
        "outputs{1}: its processing gives 2 rows for 3, but its layer has 3 neurons",
    ),
    "an input without elements": (
        lambda: Input(0),
        ModelError,
        "size is 0: the network was never configured (train or configure it before saving)",
    ),
    "processing that does not fit": (
        lambda: Input(4, (removing(),)),
        ModelError,
        "processSettings{1}: removeconstantrows is for 3 rows, but receives 4",
    ),
    "an output of no layer": (
        lambda: structure(outputs=(Output(1, 2),)),
        ModelError,
        "output 1 is taken from layer 2, which does not exist",
    ),
    "an output before the first layer": (
        lambda: structure(outputs=(Output(-1, 2),)),
        ModelError,
        "output 1 is taken from layer 0, which does not exist",
    ),
    "a layer with two outputs": (
        lambda: structure(outputs=(Output(0, 2), Output(0, 2))),
        ModelError,
        "the outputs are not in the order of their layers, one per layer",
    ),
    "outputs out of order": (
        lambda: structure(layers=(layer(), layer()), outputs=(Output(1, 2), Output(0, 2))),
        ModelError,
        "the outputs are not in the order of their layers, one per layer",
    ),
    "no output": (lambda: structure(outputs=()), ModelError, "no layer is connected to an output"),
    "no layers": (lambda: structure(layers=()), ModelError, "the network has no layers"),
    "an input that is not there": (
        lambda: structure(inputs=()),
        ModelError,
        "layers{1}: takes input 1, expected 1 to 0",
    ),
    "a layer that is not there": (
        lambda: structure(layers=(layer(layer_weights={1: Weight([[1.0]])}),)),
        ModelError,
        "layers{1}: takes layer 2, expected 1 to 1",
    ),
    "a matrix of another shape": (
        lambda: structure(inputs=(Input(2),)),
        ModelError,
        "IW{1,1}: 2 by 3, expected 2 by 2 (2 neurons, 2 elements, 1 delay)",
    ),
    "a loop without delay": (
        lambda: structure(layers=chain(0, 0), outputs=(Output(1, 1),)),
        ModelError,
        "layers 1, 2 form a loop without delay",
    ),
    "another length of bias": (
        lambda: layer(bias=[1.0]),
        ModelError,
        "the bias has shape (1,), expected (2,)",
    ),
    "a layer of nothing": (
        lambda: Layer(1, "tansig"),
        ModelError,
        "the layer has neither weights nor a bias",
    ),
    "a shape of another size": (
        lambda: layer(4, shape=(2, 3)),
        ModelError,
        "the shape is 2x3, but the size is 4",
    ),
    "a range of another shape": (
        lambda: Input(3, range=np.zeros((2, 2))),
        ModelError,
        "range is 2 by 2, expected 3 by 2",
    ),
    "more elements than the most": (
        lambda: structure(inputs=(Input(MAX_ELEMENTS - 3),)),
        UnsupportedError,
        f"inputs, layers and outputs have {MAX_ELEMENTS + 1} elements; at most {MAX_ELEMENTS} are supported",
    ),
    "another order of parameters": (
        lambda: structure(parameter_order="names"),
        ModelError,
        "parameter_order is 'names', expected getwb or layers",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_contradicts_itself_is_refused(case: str) -> None:
    make, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        make()
    assert str(caught.value) == message


def test_an_error_keeps_its_place_apart_from_its_text() -> None:
    with pytest.raises(ModelError) as caught:
        structure(outputs=(Output(0, 3),))
    assert caught.value.place == "outputs{1}"
    assert caught.value.text == "its processing gives 3 rows for 3, but its layer has 2 neurons"
    with pytest.raises(ModelError) as caught:
        Input(4, (removing(),))
    assert caught.value.place == "processSettings{1}"


def test_what_is_just_allowed() -> None:
    assert Weight([[1.0, 2.0]], delays=(0, MAX_DELAY)).delays == (0, MAX_DELAY)
    assert structure(outputs=(Output(0, 3, (removing(),)),)).output_size == 3
    assert structure(layers=chain(0, 1), inputs=(), outputs=(Output(1, 1),)).order == (1, 0)
    assert structure(layers=chain(1, 0), inputs=(), outputs=(Output(1, 1),)).order == (0, 1)
    turned = structure(layers=(layer(), layer()), outputs=(Output(1, 2), Output(0, 2)), parameter_order="layers")
    assert [output.layer for output in turned.outputs] == [1, 0]
    weight = {0: Weight(np.ones((1, 1)), "dotprod")}
    inputs = (Input(1), Input(MAX_ELEMENTS - 3))
    most = structure(inputs=inputs, layers=(Layer(1, "tansig", weight),), outputs=(Output(0, 1),))
    assert most.input_size + most.output_size + most.layer_elements == MAX_ELEMENTS


def test_delays_and_sizes() -> None:
    weights = {0: Weight(np.ones((1, 4)), delays=(0, 3))}
    later = Layer(1, "tansig", weights, {0: Weight([[0.5, 0.25]], delays=(1, 2))})
    ends = structure(inputs=(Input(2), Input(1)), layers=(later, layer(2, 2)), outputs=(Output(0, 1), Output(1, 2)))
    assert (ends.input_size, ends.output_size, ends.layer_elements) == (3, 3, 3)
    assert (ends.input_delay, ends.layer_delay, ends.dynamic) == (3, 2, True)
    still = structure()
    assert (still.input_delay, still.layer_delay, still.dynamic) == (0, 0, False)
    assert Performance("mse").regularization == 0.0


def test_the_numbers_are_copies_that_nobody_can_change() -> None:
    given = np.ones((2, 3))
    kept = Weight(given).value
    given[:] = 5.0
    assert kept.tolist() == [[1.0] * 3] * 2
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0] = 2.0
