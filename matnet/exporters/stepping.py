"""One time step of a dynamic network, as a function of x and its states.

The states are one vector: the inputs of the last ID steps, raw, oldest first, then the outputs of all layers of the
last LD steps, at layer scale, oldest first: ``run.input_states`` and ``run.layer_states`` end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from matnet.functions.namespace import Array, FloatArray
from matnet.network import Network
from matnet.simulate import Program, batched, outputs, side_by_side


def state_size(net: Network) -> int:
    """The number of states."""
    structure = net.structure
    return structure.input_delay * structure.input_size + structure.layer_delay * structure.layer_elements


def flat_states(input_states: FloatArray, layer_states: FloatArray) -> FloatArray:
    """States (..., n) from those of ``Network.run``, (..., ID, R) and (..., LD, N)."""
    parts = [states.reshape(*states.shape[:-2], -1) for states in (input_states, layer_states)]
    return np.concatenate(parts, axis=-1)


def step_of(net: Network) -> Callable[[Program, Array, Array], tuple[Array, Array]]:
    """The computation (program, x, states) -> (y, next_states)."""
    structure = net.structure
    width = {"input": structure.input_size, "layer": structure.layer_elements}
    depth = {"input": structure.input_delay, "layer": structure.layer_delay}
    begin = {"input": 0, "layer": depth["input"] * width["input"]}
    places = {
        "input": [0, *accumulate(entry.size for entry in structure.inputs)],
        "layer": [0, *accumulate(layer.size for layer in structure.layers)],
    }

    def compute(program: Program, x: Array, states: Array) -> tuple[Array, Array]:
        parts = []
        for leaf in program.leaves:
            start = places[leaf.kind][leaf.index]
            if leaf.delay:
                start += begin[leaf.kind] + (depth[leaf.kind] - leaf.delay) * width[leaf.kind]
            parts.append((states if leaf.delay else x)[..., start : start + leaf.size])
        argument = side_by_side(parts)
        values = program.run(argument)
        remembered = [states[..., width["input"] : begin["layer"]], x] if depth["input"] else []
        if depth["layer"]:
            layers = [batched(values[signal], argument) for signal in program.layers]
            remembered += [states[..., begin["layer"] + width["layer"] :], *layers]
        kept = [part for part in remembered if part.shape[-1]]
        return outputs(program, values, argument), side_by_side(kept) if kept else states

    return compute
