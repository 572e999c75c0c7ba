"""One time step of a dynamic network, as a function of x and its states.

The states are one vector: the inputs of the last ID steps, raw, oldest first, then the outputs of all layers of the
last LD steps, at layer scale, oldest first: ``run.input_states`` and ``run.layer_states`` end to end.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from matnet.derivatives.jacobian import jacobian
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
    layout = _Layout(net)
    width, begin = layout.width, layout.begin

    def compute(program: Program, x: Array, states: Array) -> tuple[Array, Array]:
        argument = layout.argument(program, x, states)
        values = program.run(argument)
        remembered = [states[..., width["input"] : begin["layer"]], x] if layout.depth["input"] else []
        if layout.depth["layer"]:
            layers = [batched(values[signal], argument) for signal in program.layers]
            remembered += [states[..., begin["layer"] + width["layer"] :], *layers]
        kept = [part for part in remembered if part.shape[-1]]
        return outputs(program, values, argument), side_by_side(kept) if kept else states

    return compute


def step_jacobian_of(net: Network) -> Callable[[Program, Array, Array], tuple[Array, Array]]:
    """The computation (program, x, states) -> (y, dydx), dydx (..., S, R) with the states held."""
    layout = _Layout(net)

    def compute(program: Program, x: Array, states: Array) -> tuple[Array, Array]:
        argument = layout.argument(program, x, states)
        values = program.run(argument)
        derivative = jacobian(program, values, program.outputs, present(program), argument)
        return outputs(program, values, argument), derivative

    return compute


def present(program: Program) -> tuple[int, ...]:
    """The signals of the inputs of this step, in the order of the inputs."""
    leaves = [leaf for leaf in program.leaves if leaf.kind == "input" and not leaf.delay]
    return tuple(leaf.signal for leaf in sorted(leaves, key=lambda leaf: leaf.index))


class _Layout:
    """Where the inputs and the layers of earlier steps are among the states."""

    def __init__(self, net: Network) -> None:
        structure = net.structure
        self.width = {"input": structure.input_size, "layer": structure.layer_elements}
        self.depth = {"input": structure.input_delay, "layer": structure.layer_delay}
        self.begin = {"input": 0, "layer": self.depth["input"] * self.width["input"]}
        self._places = {
            "input": [0, *accumulate(entry.size for entry in structure.inputs)],
            "layer": [0, *accumulate(layer.size for layer in structure.layers)],
        }

    def argument(self, program: Program, x: Array, states: Array) -> Array:
        """The program's argument from x and the states."""
        parts = []
        for leaf in program.leaves:
            start = self._places[leaf.kind][leaf.index]
            if leaf.delay:
                start += self.begin[leaf.kind] + (self.depth[leaf.kind] - leaf.delay) * self.width[leaf.kind]
            parts.append((states if leaf.delay else x)[..., start : start + leaf.size])
        return side_by_side(parts)
