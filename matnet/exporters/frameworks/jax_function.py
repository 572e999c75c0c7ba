"""JAX: a network as a pure function of its parameters and x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.derivatives.parameters import parameter_arrays
from matnet.derivatives.quantities import VALUE
from matnet.errors import ShapeError
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.exporters.stepping import state_size, step_of
from matnet.functions.namespace import Array
from matnet.network import Network
from matnet.network.arguments import check_last_axis
from matnet.simulate import Program


def network_function(net: Network) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
    """The function (parameters, x) -> y and the parameters."""
    parameters = _parameters(net)
    shapes = {name: array.shape for name, array in parameters.items()}

    def function(parameters: dict[str, Array], x: Array) -> Array:
        x = _array(x, net.input_size, "x")
        _check_parameters(parameters, shapes)
        return VALUE(_program(net, parameters, x), x)

    return function, parameters


class StepFunction:
    """A step of a dynamic network as a pure function: parameters, x (..., R), states (..., n) -> y, next states.

    ``state_size`` is n. The states are the inputs of the last steps, raw, oldest first, then all layers' outputs of the
    last steps, at layer scale, oldest first, as ``states`` of ``Network.prepare`` and of ``Network.run`` are.
    """

    def __init__(self, net: Network, shapes: dict[str, tuple[int, ...]]) -> None:
        self._net = net
        self._shapes = shapes
        self._step = step_of(net)
        self.state_size = state_size(net)

    def __call__(self, parameters: dict[str, Array], x: Array, states: Array) -> tuple[Array, Array]:
        """y (..., S) and the next states (..., n).

        Raises
        ------
        ShapeError
            An argument does not fit.
        """
        x, states = self._checked(parameters, x, states)
        return self._step(_program(self._net, parameters, x), x, states)

    def scan(self, parameters: dict[str, Array], x: Array, states: Array) -> tuple[Array, Array]:
        """y (..., T, S) over a series x (..., T, R) from states (..., n) on, and the states after it: ``jax.lax.scan``.

        Raises
        ------
        ShapeError
            An argument does not fit.
        """
        x = _array(x, self._net.input_size, "x")
        if x.ndim < 2:
            raise ShapeError(f"x has shape {x.shape}, expected a series (..., T, {self._net.input_size})")
        _, states = self._checked(parameters, jax.numpy.zeros((*x.shape[:-2], x.shape[-1]), x.dtype), states)

        def step(states: Array, x: Array) -> tuple[Array, Array]:
            y, following = self._step(_program(self._net, parameters, x), x, states)
            return following, y

        states, y = jax.lax.scan(step, states, jax.numpy.moveaxis(x, -2, 0))
        return jax.numpy.moveaxis(y, 0, -2), states

    def _checked(self, parameters: dict[str, Array], x: Array, states: Array) -> tuple[Array, Array]:
        x, states = _array(x, self._net.input_size, "x"), _array(states, self.state_size, "states")
        _check_parameters(parameters, self._shapes)
        lead = jax.numpy.broadcast_shapes(x.shape[:-1], states.shape[:-1])
        kind = jax.numpy.result_type(x, states, *parameters.values())
        x, states = (jax.numpy.broadcast_to(part, (*lead, part.shape[-1])).astype(kind) for part in (x, states))
        return x, states


def step_function(net: Network) -> tuple[StepFunction, dict[str, Any]]:
    """The function (parameters, x, states) -> (y, next states) and the parameters."""
    parameters = _parameters(net)
    return StepFunction(net, {name: array.shape for name, array in parameters.items()}), parameters


def _parameters(net: Network) -> dict[str, Any]:
    arrays = parameter_arrays(net.structure)
    return {parameter_name(key): jax.numpy.asarray(arrays[key]) for key in net.program.parameters}


def _program(net: Network, parameters: dict[str, Array], x: Array) -> Program:
    """The network's steps with these parameters and the rows' derivatives."""
    weights = {key: parameters[parameter_name(key)] for key in net.program.parameters}
    return with_custom_rules(with_weights(net.program, weights), x)


def _array(values: Array, size: int, name: str) -> Array:
    try:
        values = jax.numpy.asarray(values)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"{name} is not an array of numbers: {type(values).__name__}") from error
    check_last_axis(values, size, name)
    return values


def _check_parameters(parameters: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuses parameters that do not fit the network: broadcasting them would give wrong numbers."""
    if not isinstance(parameters, dict):
        raise ShapeError(f"parameters is {type(parameters).__name__}, expected a dictionary of {', '.join(shapes)}")
    if parameters.keys() != shapes.keys():
        raise ShapeError(f"parameters has the keys {', '.join(map(str, parameters))}; expected {', '.join(shapes)}")
    for name, shape in shapes.items():
        got = jax.numpy.shape(parameters[name])
        if got != shape:
            raise ShapeError(f"parameters['{name}'] has shape {got}, expected {shape}")
