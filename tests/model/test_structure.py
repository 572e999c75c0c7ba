"""A structure that contradicts itself cannot exist: the limits of each entry, and how the entries fit each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from matnet.errors import MatnetError, ModelError, UnsupportedError
from matnet.model.structure import (
    MAX_DELAY,
    MAX_ELEMENTS,
    Input,
    Layer,
    Output,
    Performance,
    Process,
    Structure,
    Weight,
    element_names,
)
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


def named(*names: Any) -> Input:
    return Input(2, element_names=names)


def takes(*sources: int, delays: tuple[int, ...] = (0,), last: bool = False, **options: Any) -> Layer:
    """One neuron that takes these layers of one neuron."""
    weight = Weight(np.ones((1, len(delays))), delays=delays, last=last)
    return Layer(1, "tansig", {}, dict.fromkeys(sources, weight), **options)


def first(**options: Any) -> Layer:
    """One neuron that takes the three elements."""
    return layer(1, **options)


def layers(*more: Layer, output: int = 0, order: str = "layers", start: Layer | None = None) -> Structure:
    """A layer that takes the input, and more."""
    return structure(layers=(start or first(), *more), outputs=(Output(output, 1),), parameter_order=order)


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
    "the last step of an input": (
        lambda: layers(Layer(1, "tansig", {0: Weight(np.ones((1, 3)), last=True)})),
        ModelError,
        "layers{2}: takes the last step of an input; only the last step of a layer is supported",
    ),
    "the last step with a delay": (
        lambda: Weight([[1.0]], delays=(1,), last=True),
        ModelError,
        "it takes the last step of a series, and has the delays [1], expected [0]",
    ),
    "a step before the last one": (
        lambda: layers(takes(0, last=True), takes(1), takes(2, delays=(1,))),
        ModelError,
        "layers{4}: takes other steps of layer 3, which follows the last step of a series",
    ),
    "the last step of a last step": (
        lambda: layers(takes(0, last=True), takes(1, last=True)),
        ModelError,
        "layers{3}: takes other steps of layer 2, which follows the last step of a series",
    ),
    "a layer of its own after parts": (
        lambda: layers(takes(0, part_of=0), takes(1)),
        ModelError,
        "layers{3}: a layer of its own comes after parts of layers",
    ),
    "a part of a layer that is none": (
        lambda: layers(takes(0, part_of=1)),
        ModelError,
        "layers{2}: is a part of layer 2, expected 1 to 1",
    ),
    "a part of a layer before the first": (
        lambda: layers(takes(0, part_of=-1)),
        ModelError,
        "layers{2}: is a part of layer 0, expected 1 to 1",
    ),
    "an output of a part": (
        lambda: layers(takes(0, part_of=0), output=1),
        ModelError,
        "output 1 is taken from layer 2, a part of another",
    ),
    "a layer before the first": (
        lambda: layers(takes(-1)),
        ModelError,
        "layers{2}: takes layer 0, expected 1 to 2",
    ),
    "an input before the first": (
        lambda: layers(Layer(1, "tansig", {-1: Weight(np.ones((1, 3)))})),
        ModelError,
        "layers{2}: takes input 0, expected 1 to 1",
    ),
    "a weight function for other sizes": (
        lambda: structure(layers=(Layer(2, "tansig", {0: Weight([[1.0]], "scalprod")}),)),
        ModelError,
        "IW{1,1}: scalprod cannot join 3 elements to 2 neurons",
    ),
    "a matrix of a layer of another shape": (
        lambda: layers(Layer(1, "tansig", {}, {0: Weight(np.ones((1, 3)), delays=(0, 1))})),
        ModelError,
        "LW{2,1}: 1 by 3, expected 1 by 2 (1 neuron, 1 element, 2 delays)",
    ),
    "a delay of an input of a layer that runs backward": (
        lambda: layers(Layer(1, "tansig", {0: Weight(np.ones((1, 3)), delays=(1,))}, backward=True)),
        ModelError,
        "layers{2}: the layer runs backward in time and has a delay of an input",
    ),
    "a delay between two directions": (
        lambda: layers(takes(0, delays=(1,), backward=True)),
        ModelError,
        "layers{2}: takes earlier steps of layer 1, which runs in the other direction",
    ),
    "a loop of two directions": (
        lambda: layers(takes(3, delays=(1,)), takes(1, backward=True), takes(2)),
        ModelError,
        "layers that run forward and backward in time form a loop",
    ),
    "an initial state of another size": (
        lambda: first(initial=np.zeros(2)),
        ModelError,
        "the initial state has shape (2,), expected (1,)",
    ),
    "a bias that has no number for each channel": (
        lambda: layer(4, shape=(2, 1, 2), bias=[1.0, 2.0, 3.0]),
        ModelError,
        "the bias has shape (3,), expected (2,)",
    ),
    "fewer names than elements": (
        lambda: named("a"),
        ModelError,
        "1 element names for 2 elements, expected one for each",
    ),
    "more units than elements": (
        lambda: Output(0, 1, units=("m", "kW")),
        ModelError,
        "2 units for 1 element, expected one for each",
    ),
    **{
        f"{name!r} as a name": (
            partial(named, "a", name),
            ModelError,
            f"element names: {name!r} is not one line of printable text without leading or trailing spaces",
        )
        for name in (" b", "b ", "b\nc", "", 3)
    },
    "an empty name of an output": (
        lambda: Output(0, 1, element_names=("",)),
        ModelError,
        "element names: '' is not one line of printable text without leading or trailing spaces",
    ),
    "the same name twice": (
        lambda: structure(inputs=(Input(3, element_names=("a", "b", "a")),)),
        ModelError,
        "elements 1 and 3 are both named 'a'; rename one",
    ),
    "the name of another element": (
        lambda: structure(inputs=(Input(3, element_names=("a", "x3", "b")),)),
        ModelError,
        "element 2 is named 'x3', which means element 3; rename it",
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


def test_the_passes_over_a_series() -> None:
    """A layer comes after those of which it needs the whole series, however they are numbered."""
    turned = layers(takes(0, backward=True), takes(1), takes(1, 2), takes(3, last=True))
    assert turned.levels == (0, 1, 2, 2, 3)
    assert (turned.looks_ahead, turned.ends, turned.dynamic) == (True, True, True)
    backward = structure(
        layers=(takes(1), takes(2, backward=True), takes(3), layer(1, backward=True)), outputs=(Output(0, 1),)
    )
    assert backward.levels == (3, 2, 1, 0)
    assert (backward.looks_ahead, backward.ends, backward.dynamic) == (True, False, True)
    ahead = layers(takes(0, 1, delays=(1,)), takes(0))
    assert ahead.levels == (0, 0, 0)
    assert (ahead.looks_ahead, ahead.ends, ahead.layer_delay) == (False, False, 1)
    assert layers(takes(0, last=True), takes(1)).levels == (0, 1, 1)


def test_layers_that_are_parts_of_others() -> None:
    gate = Layer(1, "logsig", {0: Weight(np.ones((1, 3)))}, {0: Weight([[0.5]], delays=(1,))}, [0.1], part_of=0)
    cell = takes(2, part_of=0, initial=[0.5])
    found = layers(takes(0, part_of=None), gate, cell, start=takes(3, 1, delays=(1,), initial=[0.0], name="LSTM"))
    assert found.listed == found.layers[:2]
    assert [found.whole(number) for number in range(4)] == [0, 1, 0, 0]
    assert found.parts(0) == found.layers[2:]
    assert found.parts(1) == ()
    inputs, sources, bias = found.received(0)
    assert (list(inputs), list(sources), bias) == ([0], [1], True)
    assert found.received(1) == ({}, {0: found.layers[1].layer_weights[0]}, False)
    assert [found.returns(*key) for key in (("LW", 2, 0), ("IW", 2, 0), ("LW", 0, 1), ("LW", 3, 2))] == [1, 0, 0, 1]
    words = [found.parameter_word(*key) for key in (("LW", 2, 0), ("IW", 2, 0), ("LW", 1, 0))]
    assert words == ["RecurrentWeights", "InputWeights", "Weights"]
    assert found.initial_states().tolist() == [[0.0, 0.0, 0.0, 0.5]]
    assert found.starts_elsewhere == "LSTM"
    assert layers(takes(0)).starts_elsewhere == ""
    assert layers(takes(0), start=first(initial=[0.0])).starts_elsewhere == ""
    shaped = layer(4, shape=(2, 1, 2), bias=[1.0, 2.0])
    assert (shaped.parameters, layer(2).parameters, layer(2, bias=[1.0, 2.0]).parameters) == (14, 6, 8)


def test_names_of_elements() -> None:
    entries = (Input(2), Input(1, element_names=("flow",), units=("",)), Input(2))
    assert element_names(entries, "x") == ("x1", "x2", "flow", "x4", "x5")
    own = Input(3, element_names=("x1", "y2", "x3"))
    assert structure(inputs=(own,)).inputs[0].element_names == ("x1", "y2", "x3")


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


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"ymin": [-1.0]}, "the setting ymin has the shape (1,), expected (2,)"),
        ({"ymin": -1.0}, "the setting ymin has the shape (), expected (2,)"),
        ({"xoffset": [[0.0, 1.0]]}, "the setting xoffset has the shape (1, 2), expected (2,)"),
        ({"gain": 2.0}, "the setting xoffset has the shape (2,), expected (1,)"),
    ],
)
def test_a_setting_has_a_number_for_each_row(settings: dict[str, Any], text: str) -> None:
    """An archive with another number of them could be saved and not opened."""
    whole: dict[str, Any] = {"xoffset": [0.0, 1.0], "gain": [1.0, 2.0], "ymin": [-1.0, -1.0]}
    assert Input(2, (Process("mapminmax", whole),)).processed_size == 2
    with pytest.raises(ModelError) as refused:
        Input(2, (Process("mapminmax", whole | settings),))
    assert str(refused.value).endswith(text)
