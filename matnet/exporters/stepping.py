"""One time step of a dynamic network, as a function of x and its states.

The states are one vector: the inputs of the last ID steps, raw, oldest first, then the outputs of all layers of the
last LD steps, at layer scale, oldest first: ``run.input_states`` and ``run.layer_states`` end to end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from matnet.derivatives.jacobian import jacobian
from matnet.derivatives.time import flat_states
from matnet.errors import UnsupportedError
from matnet.functions.namespace import Array, FloatArray, constant, indices, namespace
from matnet.network import Network
from matnet.simulate import Leaf, Program, batched, outputs, side_by_side

_ADVICE = "save it as .json, and compute a series with net.run"


def check_step(net: Network) -> None:
    """Refuses a network that cannot be computed one step after the other.

    Raises
    ------
    UnsupportedError
        Its outputs depend on later steps.
    """
    if net.structure.looks_ahead:
        raise UnsupportedError(
            "the network cannot be computed step by step: its outputs depend on later steps of the series too; "
            f"{_ADVICE}"
        )


def check_start(net: Network, what: str) -> None:
    """Refuses a network that does not start from states of 0; `what` does.

    Raises
    ------
    UnsupportedError
        It starts from other states.
    """
    if net.structure.starts_elsewhere:
        raise UnsupportedError(
            f"{what} starts from states of 0, and layer '{net.structure.starts_elsewhere}' was saved with other "
            f"initial states; {_ADVICE}"
        )


def state_size(net: Network) -> int:
    """The number of states."""
    structure = net.structure
    return structure.input_delay * structure.input_size + structure.layer_delay * structure.layer_elements


def first_states(net: Network) -> FloatArray:
    """(n,) the states before the first step of a series."""
    structure = net.structure
    inputs = np.zeros((structure.input_delay, structure.input_size))
    return flat_states(inputs, structure.initial_states())


def step_of(net: Network) -> Callable[[Program, Array, Array], tuple[Array, Array]]:
    """The computation (program, x, states) -> (y, next_states)."""
    layout = _Layout(net)

    def compute(program: Program, x: Array, states: Array) -> tuple[Array, Array]:
        argument = layout.argument(program, x, states)
        values = program.run(argument)
        return outputs(program, values, argument), layout.next_states(program, values, argument, x, states)

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


def step_jacobians_of(net: Network) -> Callable[[Program, Array, Array], tuple[Array, ...]]:
    """The computation (program, x, states) -> (y, next_states, dy/dx, dy/dstates, dnext/dx, dnext/dstates)."""
    layout = _Layout(net)

    def compute(program: Program, x: Array, states: Array) -> tuple[Array, ...]:
        argument = layout.argument(program, x, states)
        values = program.run(argument)
        of, wrt = (*program.outputs, *program.layers), tuple(leaf.signal for leaf in program.leaves)
        derivatives = layout.by_states(program, jacobian(program, values, of, wrt, argument))
        rows = derivatives[..., : net.output_size, :], layout.next_rows(derivatives[..., net.output_size :, :])
        slopes = [part for row in rows for part in (row[..., : net.input_size], row[..., net.input_size :])]
        return outputs(program, values, argument), layout.next_states(program, values, argument, x, states), *slopes

    return compute


def present(program: Program) -> tuple[int, ...]:
    """The signals of the inputs of this step, in the order of the inputs."""
    leaves = [leaf for leaf in program.leaves if leaf.kind == "input" and not leaf.delay]
    return tuple(leaf.signal for leaf in sorted(leaves, key=lambda leaf: leaf.index))


class _Layout:
    """The positions of earlier inputs and layers' outputs among the states."""

    def __init__(self, net: Network) -> None:
        check_step(net)
        structure = net.structure
        self.width = {"input": structure.input_size, "layer": structure.layer_elements}
        self.depth = {"input": structure.input_delay, "layer": structure.layer_delay}
        self.begin = {"input": 0, "layer": self.depth["input"] * self.width["input"]}
        self._size = sum(self.depth[kind] * self.width[kind] for kind in self.width)
        self._places = {
            "input": [0, *accumulate(entry.size for entry in structure.inputs)],
            "layer": [0, *accumulate(layer.size for layer in structure.layers)],
        }

    def _start(self, leaf: Leaf) -> int:
        """The first element of a leaf in x, or in the states if it has a delay."""
        start = self._places[leaf.kind][leaf.index]
        if leaf.delay:
            start += self.begin[leaf.kind] + (self.depth[leaf.kind] - leaf.delay) * self.width[leaf.kind]
        return start

    def argument(self, program: Program, x: Array, states: Array) -> Array:
        """The program's argument from x and the states."""
        starts = [(states if leaf.delay else x, self._start(leaf), leaf.size) for leaf in program.leaves]
        return side_by_side([source[..., start : start + size] for source, start, size in starts])

    def next_states(self, program: Program, values: Sequence[Array], argument: Array, x: Array, states: Array) -> Array:
        """The states of the next step."""
        width, depth, begin = self.width, self.depth, self.begin
        remembered = [states[..., width["input"] : begin["layer"]], x] if depth["input"] else []
        if depth["layer"]:
            layers = [batched(values[signal], argument) for signal in program.layers]
            remembered += [states[..., begin["layer"] + width["layer"] :], *layers]
        kept = [part for part in remembered if part.shape[-1]]
        return side_by_side(kept) if kept else states

    def by_states(self, program: Program, derivative: Array) -> Array:
        """A derivative (..., rows, A) with respect to the argument as one with respect to x and the states."""
        columns = np.full(self.width["input"] + self._size, sum(leaf.size for leaf in program.leaves))
        first = 0
        for leaf in program.leaves:
            start = self._start(leaf) + (self.width["input"] if leaf.delay else 0)
            columns[start : start + leaf.size] = np.arange(first, first + leaf.size)
            first += leaf.size
        nothing = constant(derivative, np.zeros((1, 1)))  # for states that no layer reads
        return namespace(derivative).take(side_by_side([derivative, nothing]), indices(derivative, columns), axis=-1)

    def next_rows(self, layers: Array) -> Array:
        """The derivative of the next states with respect to x and the states, from that of all layers' outputs."""
        width, reach = self.width["input"], self.depth["input"]
        kept = max(self.depth["layer"] - 1, 0) * self.width["layer"]
        moves = np.zeros((reach * width + kept, width + self._size))
        inputs = np.arange(reach * width)
        # the oldest input is forgotten, x becomes the newest; the same for the layers, whose newest are given
        moves[inputs, np.where(inputs < (reach - 1) * width, 2 * width + inputs, inputs - (reach - 1) * width)] = 1.0
        moves[reach * width + np.arange(kept), (1 + reach) * width + self.width["layer"] + np.arange(kept)] = 1.0
        xp = namespace(layers)
        if not self.depth["layer"]:
            return xp.broadcast_to(constant(layers, moves), (*layers.shape[:-2], *moves.shape))
        return xp.matrix_transpose(side_by_side([constant(layers, moves.T), xp.matrix_transpose(layers)]))
