"""Loops closed and opened, delays removed and added: the same numbers in another place, and the same outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import matnet
from matnet import ModelError, Network, ShapeError, UnsupportedError
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from series_networks import open_network

FIXTURES = Path("fixtures")


def same(one: Network, other: Network, folder: Path) -> bool:
    """Whether two networks have the same archive, to the byte."""
    texts = []
    for number, net in enumerate((one, other)):
        matnet.save(net, folder / f"{number}.json")
        texts.append((folder / f"{number}.json").read_text(encoding="utf-8"))
    return texts[0] == texts[1]


def test_a_network_closed_here_is_the_one_that_matlab_closed(corpus: Path) -> None:
    nets = matnet.load_all(corpus / "dynamic_nar_open_closed.mat")
    closed, stored = nets["net"].close_loop(), nets["netc"]
    for mine, theirs in zip(closed.structure.layers, stored.structure.layers, strict=True):
        assert mine.input_weights == theirs.input_weights == {}
        assert mine.layer_weights.keys() == theirs.layer_weights.keys()
        for source, weight in mine.layer_weights.items():
            assert weight.delays == theirs.layer_weights[source].delays
            assert np.array_equal(weight.value, theirs.layer_weights[source].value)
        assert np.array_equal(np.asarray(mine.bias), np.asarray(theirs.bias))
    assert closed.structure.inputs == stored.structure.inputs == ()
    fields = [
        (output.feedback_mode, output.feedback_input, output.feedback_delay, output.name)
        for net in (closed, stored)
        for output in net.structure.outputs
    ]
    assert fields[0] == fields[1] == ("closed", None, 0, "y")
    assert closed.provenance == nets["net"].provenance


def test_a_network_closed_and_opened_again_is_the_same(corpus: Path, tmp_path: Path) -> None:
    for file, name in (("dynamic_nar_open_closed.mat", "net"), ("dynamic_narx_open.mat", "netbest")):
        net = matnet.load(corpus / file, network=name)
        assert same(net.close_loop().open_loop(), net, tmp_path)


def test_a_delay_removed_as_matlab_removes_it(corpus: Path) -> None:
    """`nets` of the file was made by removedelay: delays 0 and 1, feedbackDelay 1; it closes with delays 1 and 2."""
    nets = matnet.load(corpus / "dynamic_nar_open_closed.mat", network="nets")
    before = nets.add_delay()
    assert before.structure.layers[0].input_weights[0].delays == (1, 2)
    assert before.structure.outputs[0].feedback_delay == 0
    again = before.remove_delay().structure
    assert again.layers[0].input_weights[0].delays == (0, 1)
    assert again.outputs[0].feedback_delay == nets.structure.outputs[0].feedback_delay == 1
    assert nets.close_loop().structure.layers[0].layer_weights[1].delays == (1, 2)


@pytest.mark.parametrize("feedback_first", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_closing_keeps_names_and_weights(feedback_first: bool, inner: bool) -> None:
    net = open_network(feedback_first=feedback_first, inner=inner)
    closed = net.close_loop()
    assert closed.input_names == ("flow", "speed")
    assert closed.input_units == ("m3/h", "1/min")
    assert closed.output_names == net.output_names == ("head", "power")
    assert (closed.name, closed.provenance) == (net.name, net.provenance)
    assert sorted(closed.parameters) == sorted(net.parameters)
    feedback = net.structure.outputs[0].feedback_input
    assert feedback is not None
    moved, before = closed.structure.layers[0].layer_weights[1], net.structure.layers[0].input_weights[feedback]
    assert moved.delays == before.delays
    assert np.array_equal(moved.value, before.value)
    opened = closed.open_loop()
    assert opened.input_names == ("flow", "speed", "head", "power")
    assert opened.input_units == ("m3/h", "1/min", "m", "kW")


@pytest.mark.parametrize("change", ["close_loop", "open_loop", "remove_delay"])
def test_an_archive_keeps_what_was_changed(change: str, tmp_path: Path) -> None:
    net = open_network()
    changed = getattr(net.close_loop() if change == "open_loop" else net, change)()
    file = tmp_path / "changed.json"
    matnet.save(changed, file)
    reopened = matnet.load(file)
    assert same(reopened, changed, tmp_path)
    assert reopened.input_names == changed.input_names
    assert np.array_equal(reopened.parameters, changed.parameters)


def fed(net: Network, x: Any, y: Any) -> Any:
    """The outputs of an open network for series from step `input_delay` on."""
    reach = net.structure.input_delay
    u = np.concatenate([x, y], axis=1)
    return net.run(u[reach:], input_states=u[:reach]).outputs


@pytest.mark.parametrize("n", [0, 1])
def test_a_removed_delay_brings_the_outputs_earlier(n: int) -> None:
    rng = np.random.default_rng(1)
    net = open_network()
    x, y = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    early = net.remove_delay(n)
    assert early.structure.outputs[0].feedback_delay == n
    expected = fed(net, x, y)
    found = fed(early, x, y)
    assert np.array_equal(found[: len(expected)], expected)
    assert len(found) == len(expected) + n
    assert np.array_equal(fed(early.add_delay(n), x, y), expected)


@pytest.mark.parametrize("inner", [False, True])
def test_a_delay_removed_before_closing_or_after(inner: bool, tmp_path: Path) -> None:
    net = open_network(inner=inner)
    closed_late, closed_first = net.remove_delay().close_loop(), net.close_loop().remove_delay()
    assert same(closed_late, closed_first, tmp_path)
    assert same(closed_late.open_loop(), net.remove_delay(), tmp_path)
    assert same(closed_late.add_delay(), net.close_loop(), tmp_path)


def test_a_closed_network_with_a_delay_removed_comes_earlier() -> None:
    """Given the same states, y'(t) = y(t + 1): its inputs are seen one step later."""
    rng = np.random.default_rng(2)
    net = open_network(inner=True).close_loop()
    early = net.remove_delay()
    x = rng.normal(size=(10, 2))
    states = rng.normal(size=(net.structure.layer_delay, net.structure.layer_elements))
    expected = net.run(x[2:], input_states=x[:2], layer_states=states).outputs
    found = early.run(x[1:-1], input_states=x[:1], layer_states=states).outputs
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def test_an_output_that_a_layer_sees_at_once_is_no_feedback() -> None:
    """The second layer sees the first, which is an output, in the same step."""
    first = Layer(1, "tansig", {0: Weight([[0.5, -0.3]], delays=(0, 1))})
    second = Layer(1, "purelin", {}, {0: Weight([[2.0]])})
    net = Network(Structure((Input(1),), (first, second), (Output(0, 1), Output(1, 1))))
    assert [output.feedback_mode for output in net.add_delay().structure.outputs] == ["none", "none"]
    with pytest.raises(ModelError) as caught:
        net.open_loop()
    assert str(caught.value) == "there is no loop to open: no layer takes an output with a delay"


def test_a_loop_whose_processing_has_unknown_numbers_is_closed() -> None:
    """The constant of a row that was removed may be NaN on both sides, which is the same processing."""
    removed = Process.from_matlab("removeconstantrows", {"keep": [1], "remove": [2], "constants": [np.nan], "xrows": 2})
    layer = Layer(1, "tansig", {0: Weight([[0.5]], delays=(1,))})

    def opened(process: Process) -> Network:
        entry = Input(2, (process,), feedback_output=0)
        return Network(
            Structure((entry,), (layer,), (Output(0, 2, (removed,), feedback_mode="open", feedback_input=0),))
        )

    assert opened(removed).close_loop().structure.inputs == ()
    for constants in ([7.5], [-7.5]):
        other = Process.from_matlab(
            "removeconstantrows", {"keep": [1], "remove": [2], "constants": constants, "xrows": 2}
        )
        with pytest.raises(ModelError, match="closing the loop would change the values"):
            opened(other).close_loop()


def test_delays_of_a_network_without_feedback() -> None:
    layer = Layer(1, "tansig", {0: Weight([[0.5, -0.3]], delays=(1, 4))}, bias=[0.1])
    net = Network(Structure((Input(1),), (layer,), (Output(0, 1),)))
    assert net.remove_delay().structure.layers[0].input_weights[0].delays == (0, 3)
    assert net.add_delay(2).structure.layers[0].input_weights[0].delays == (3, 6)
    x = np.random.default_rng(3).normal(size=(8, 1))
    early, late = net.remove_delay().run(x).outputs, net.add_delay().run(x).outputs
    expected = net.run(x).outputs
    assert np.array_equal(early[3:-1], expected[4:])
    assert np.array_equal(late[5:], expected[4:-1])


def test_a_function_file_says_nothing_of_feedback_and_opens_all_the_same() -> None:
    net = matnet.load(FIXTURES / "genfunction" / "narx_closed.m")
    assert net.structure.outputs[0].feedback_mode == "none"
    opened = net.open_loop()
    assert opened.structure.outputs[0].feedback_mode == "open"
    assert opened.structure.inputs[1].feedback_output == 0
    assert np.array_equal(
        opened.structure.layers[0].input_weights[1].value, net.structure.layers[0].layer_weights[1].value
    )


def static() -> Network:
    return matnet.load(FIXTURES / "pump.mat")


def with_output(net: Network, **changes: Any) -> Network:
    return Network(replace(net.structure, outputs=(replace(net.structure.outputs[0], **changes),)))


def unequal() -> Network:
    net = open_network()
    first, feedback = net.structure.inputs
    other = Process.from_matlab("mapminmax", {"xmin": [0, 0], "xmax": [1, 1], "ymin": -1.0, "ymax": 1.0})
    return Network(replace(net.structure, inputs=(first, replace(feedback, processing=(other,)))))


def twice() -> Network:
    net = open_network()
    hidden, last = net.structure.layers
    back = replace(hidden, layer_weights={1: Weight(np.ones((4, 2)), delays=(1,))})
    return Network(replace(net.structure, layers=(back, last)))


def partly_without_delay() -> Network:
    """Layer 2 is an output, seen by layer 3 both at once and one step later."""
    layers = (
        Layer(1, "purelin", {0: Weight([[1.0]])}),
        Layer(1, "purelin", {}, {0: Weight([[1.0, 0.5]], delays=(0, 1))}),
    )
    return Network(Structure((Input(1),), layers, (Output(0, 1), Output(1, 1))))


def unseen() -> Network:
    net = static()
    return with_output(net, feedback_mode="closed")


DISAGREE = (
    "inputs and outputs do not agree on what is fed back: feedbackOutput of each input must name the output whose "
    "feedbackInput names that input, and whose feedbackMode is 'open'"
)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no feedback": (
        lambda: static().close_loop(),
        ModelError,
        "there is no loop to close: no input is marked as the feedback of an output (feedbackMode 'open'), as in "
        "networks that narxnet and narnet create",
    ),
    "closed already": (lambda: open_network().close_loop().close_loop(), ModelError, "the loop is already closed"),
    "open already": (lambda: open_network().open_loop(), ModelError, "the loop is already open"),
    "nothing to open": (
        lambda: static().open_loop(),
        ModelError,
        "there is no loop to open: no layer takes an output with a delay",
    ),
    "closed and unseen": (
        lambda: unseen().open_loop(),
        ModelError,
        "outputs{2} has feedbackMode 'closed', but no layer takes it with a delay",
    ),
    "feedback without delay": (
        lambda: open_network(delays=(0, 1)).close_loop(),
        ModelError,
        "IW{1,2} takes the feedback without delay: in a closed loop outputs{2} would be needed before it is computed; "
        "expected delays of at least 1",
    ),
    "other processing": (
        lambda: unequal().close_loop(),
        ModelError,
        "inputs{2} and outputs{2}, which is fed back through it, have different processing: closing the loop would "
        "change the values; give both the same scaling",
    ),
    "disagreement": (lambda: with_output(open_network(), feedback_mode="none").close_loop(), ModelError, DISAGREE),
    "no feedback input": (lambda: with_output(open_network(), feedback_input=None).close_loop(), ModelError, DISAGREE),
    "connected already": (
        lambda: twice().close_loop(),
        UnsupportedError,
        "IW{1,2} would become LW{1,2}, which already exists; a loop parallel to another connection of the same layers "
        "is not supported",
    ),
    "partly without delay": (
        lambda: partly_without_delay().open_loop(),
        UnsupportedError,
        "LW{2,1} takes outputs{1} both with and without delay; opening only part of a loop is not supported",
    ),
    "a feedback delay too long": (
        lambda: with_output(open_network().close_loop(), feedback_delay=2).open_loop(),
        ModelError,
        "LW{1,2} has a delay of 1, which is less than the feedbackDelay 2 of outputs{2}",
    ),
    "no delay left": (
        lambda: open_network().remove_delay(2),
        ModelError,
        "IW{1,1} has a delay of 1, so 2 cannot be removed",
    ),
    "nothing removed before": (
        lambda: open_network().add_delay(),
        ModelError,
        "outputs{2} is fed back with a feedbackDelay of 0, so 1 cannot be added: to a network with feedback only the "
        "delays that were removed can be added",
    ),
    "no inputs": (
        lambda: Network(
            Structure((), (Layer(1, "tansig", {}, {0: Weight([[0.5]], delays=(1,))}),), (Output(0, 1),))
        ).remove_delay(),
        ModelError,
        "the network has no inputs, so there are no input delays to change; open the loop first (open_loop)",
    ),
    "a negative number": (lambda: static().add_delay(-1), ShapeError, "n is -1, expected 0 or more"),
    "a fraction": (lambda: static().remove_delay(0.5), ShapeError, "n=0.5 is not an integer"),  # type: ignore[arg-type]
    "a very long delay": (
        lambda: static().add_delay(10**6 + 1),
        UnsupportedError,
        "a delay of 1000001 steps is not supported; the maximum is 1000000",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str) -> None:
    change, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        change()
    assert str(caught.value) == message
