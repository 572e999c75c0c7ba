"""Feedback loops closed and opened, and delays moved between the inputs and the feedback.

In an open loop an output is fed back through an input, which is processed as the output is: its weight sees the output
at layer scale. So closing the loop moves that weight, IW{i,fb}, to LW{i,out} as it is, its delays longer by the
feedback's delay.

The feedback's delay of an output says by how many time steps it comes before the signal that is fed back: 0, until
delays are removed. With n delays removed from all inputs, y'(t) = y(t + n); what is fed back stays y. Layers see each
other as before, because all of them come n steps earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from matnet.errors import ModelError, UnsupportedError
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight


def feedback_marked(structure: Structure) -> Structure:
    """The structure with feedbackMode 'closed' wherever a layer takes an output with a delay; function files do not say
    so."""
    outputs = tuple(
        replace(output, feedback_mode="closed")
        if output.feedback_mode == "none" and seen_later(structure, output)
        else output
        for output in structure.outputs
    )
    return replace(structure, outputs=outputs)


def seen_later(structure: Structure, output: Output) -> list[int]:
    """The layers, from 0, that take the output's layer with a delay."""
    return [
        number
        for number, layer in enumerate(structure.layers)
        if output.layer in layer.layer_weights and layer.layer_weights[output.layer].delays[-1] > 0
    ]


def open_loops(structure: Structure) -> dict[int, Output]:
    """The inputs, from 0, through which an output is fed back, with that output.

    Raises
    ------
    ModelError
        An input and an output do not agree on the loop, or the input is not processed as the output is.
    """
    loops = {
        output.feedback_input: number
        for number, output in enumerate(structure.outputs)
        if output.feedback_mode == "open" and output.feedback_input is not None
    }
    said = {n: entry.feedback_output for n, entry in enumerate(structure.inputs) if entry.feedback_output is not None}
    opened = sum(output.feedback_mode == "open" for output in structure.outputs)
    if loops != said or len(loops) != opened:
        raise ModelError(
            "inputs and outputs do not agree on what is fed back: feedbackOutput of each input must name the output "
            "whose feedbackInput names that input, and whose feedbackMode is 'open'"
        )
    for number, source in loops.items():
        entry, output = structure.inputs[number], structure.outputs[source]
        if entry.size != output.size or not _same_processing(entry.processing, output.processing):
            raise ModelError(
                f"inputs{{{number + 1}}} and outputs{{{output.layer + 1}}}, which is fed back through it, have "
                "different processing: closing the loop would change the values; give both the same scaling"
            )
    return {number: structure.outputs[source] for number, source in loops.items()}


def _same_processing(one: tuple[Process, ...], other: tuple[Process, ...]) -> bool:
    return len(one) == len(other) and all(
        a.function == b.function
        and a.settings.keys() == b.settings.keys()
        and all(np.array_equal(value, b.settings[key], equal_nan=True) for key, value in a.settings.items())
        for a, b in zip(one, other, strict=True)
    )


def closed_loop(structure: Structure) -> Structure:
    """The structure with every open loop closed; see ``Network.close_loop``."""
    loops = open_loops(structure)
    if not loops:
        if any(output.feedback_mode == "closed" for output in structure.outputs):
            raise ModelError("the loop is already closed")
        raise ModelError(
            "there is no loop to close: no input is marked as the feedback of an output (feedbackMode 'open'), as in "
            "networks that narxnet and narnet create"
        )
    kept = [number for number in range(len(structure.inputs)) if number not in loops]
    numbers = {number: place for place, number in enumerate(kept)}
    outputs = (
        replace(output, feedback_mode="closed", feedback_input=None) if output.feedback_mode == "open" else output
        for output in structure.outputs
    )
    return replace(
        structure,
        inputs=tuple(structure.inputs[number] for number in kept),
        layers=tuple(
            _closed_layer(place, layer, loops, numbers) for place, layer in enumerate(structure.layers, start=1)
        ),
        outputs=tuple(outputs),
    )


def _closed_layer(place: int, layer: Layer, loops: Mapping[int, Output], numbers: Mapping[int, int]) -> Layer:
    """Layer `place`, counted from 1, with the fed-back outputs in place of the inputs that carried them."""
    inputs: dict[int, Weight] = {}
    layers = dict(layer.layer_weights)
    for source, weight in layer.input_weights.items():
        if source not in loops:
            inputs[numbers[source]] = weight
            continue
        output = loops[source]
        moved = _shifted(weight, output.feedback_delay)
        if moved.delays[0] == 0:
            raise ModelError(
                f"IW{{{place},{source + 1}}} takes the feedback without delay: in a closed loop "
                f"outputs{{{output.layer + 1}}} would be needed before it is computed; expected delays of at least 1"
            )
        if output.layer in layers:
            raise UnsupportedError(
                f"IW{{{place},{source + 1}}} would become LW{{{place},{output.layer + 1}}}, which already exists; "
                "a loop parallel to another connection of the same layers is not supported"
            )
        layers[output.layer] = moved
    return replace(layer, input_weights=inputs, layer_weights=layers)


def opened_loop(structure: Structure) -> Structure:
    """The structure with every closed loop opened; the feedback becomes the last inputs; see ``Network.open_loop``."""
    marked = feedback_marked(structure)
    closed = [number for number, output in enumerate(marked.outputs) if output.feedback_mode == "closed"]
    if not closed:
        if open_loops(structure):
            raise ModelError("the loop is already open")
        raise ModelError("there is no loop to open: no layer takes an output with a delay")
    inputs, layers, outputs = list(marked.inputs), list(marked.layers), list(marked.outputs)
    for number in closed:
        output = outputs[number]
        takers = seen_later(marked, output)
        if not takers:
            raise ModelError(
                f"outputs{{{output.layer + 1}}} has feedbackMode 'closed', but no layer takes it with a delay"
            )
        for taker in takers:
            layers[taker] = _opened_layer(taker + 1, layers[taker], output, len(inputs))
        outputs[number] = replace(output, feedback_mode="open", feedback_input=len(inputs))
        names = output.element_names, output.units
        inputs.append(Input(output.size, output.processing, output.range, output.name, number, *names))
    return replace(marked, inputs=tuple(inputs), layers=tuple(layers), outputs=tuple(outputs))


def _opened_layer(place: int, layer: Layer, output: Output, feedback: int) -> Layer:
    """Layer `place`, counted from 1, with the input `feedback` in place of an output."""
    layers = dict(layer.layer_weights)
    weight = layers.pop(output.layer)
    if weight.delays[0] == 0:
        raise UnsupportedError(
            f"LW{{{place},{output.layer + 1}}} takes outputs{{{output.layer + 1}}} both with and without delay; "
            "opening only part of a loop is not supported"
        )
    if weight.delays[0] < output.feedback_delay:
        raise ModelError(
            f"LW{{{place},{output.layer + 1}}} has a delay of {weight.delays[0]}, which is less than the feedbackDelay "
            f"{output.feedback_delay} of outputs{{{output.layer + 1}}}"
        )
    inputs = {**layer.input_weights, feedback: _shifted(weight, -output.feedback_delay)}
    return replace(layer, input_weights=inputs, layer_weights=layers)


def delays_removed(structure: Structure, steps: int) -> Structure:
    """The structure with every input delay shorter by `steps`; see ``Network.remove_delay``."""
    structure = feedback_marked(structure)
    _check_inputs(structure)
    for place, layer in enumerate(structure.layers, start=1):
        for source, weight in layer.input_weights.items():
            if weight.delays[0] < steps:
                raise ModelError(
                    f"IW{{{place},{source + 1}}} has a delay of {weight.delays[0]}, so {steps} cannot be removed"
                )
    return _moved(structure, -steps)


def delays_added(structure: Structure, steps: int) -> Structure:
    """The structure with every input delay longer by `steps`; see ``Network.add_delay``."""
    structure = feedback_marked(structure)
    _check_inputs(structure)
    for output in structure.outputs:
        if output.feedback_mode != "none" and output.feedback_delay < steps:
            raise ModelError(
                f"outputs{{{output.layer + 1}}} is fed back with a feedbackDelay of {output.feedback_delay}, so "
                f"{steps} cannot be added: to a network with feedback only the delays that were removed can be added"
            )
    return _moved(structure, steps)


def _check_inputs(structure: Structure) -> None:
    if not structure.inputs:
        raise ModelError(
            "the network has no inputs, so there are no input delays to change; open the loop first (open_loop)"
        )


def _moved(structure: Structure, steps: int) -> Structure:
    layers = (
        replace(layer, input_weights={n: _shifted(weight, steps) for n, weight in layer.input_weights.items()})
        for layer in structure.layers
    )
    outputs = (
        output if output.feedback_mode == "none" else replace(output, feedback_delay=output.feedback_delay - steps)
        for output in structure.outputs
    )
    return replace(structure, layers=tuple(layers), outputs=tuple(outputs))


def _shifted(weight: Weight, steps: int) -> Weight:
    return replace(weight, delays=tuple(delay + steps for delay in weight.delays))
