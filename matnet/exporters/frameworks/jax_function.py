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
from matnet.functions.namespace import Array
from matnet.network import Network
from matnet.network.arguments import check_last_axis


def network_function(net: Network) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
    """The function (parameters, x) -> y and the parameters."""
    program, size = net.program, net.input_size
    arrays = parameter_arrays(net.structure)
    parameters = {parameter_name(key): jax.numpy.asarray(arrays[key]) for key in program.parameters}
    shapes = {name: array.shape for name, array in parameters.items()}

    def function(parameters: dict[str, Array], x: Array) -> Array:
        try:
            x = jax.numpy.asarray(x)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"x is not an array of numbers: {type(x).__name__}") from error
        check_last_axis(x, size, "x")
        _check_parameters(parameters, shapes)
        weights = {key: parameters[parameter_name(key)] for key in program.parameters}
        return VALUE(with_custom_rules(with_weights(program, weights), x), x)

    return function, parameters


def _check_parameters(parameters: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuses parameters that are not those of the network, of which a broadcast would make other numbers."""
    if not isinstance(parameters, dict):
        raise ShapeError(f"parameters is {type(parameters).__name__}, expected a dictionary of {', '.join(shapes)}")
    if parameters.keys() != shapes.keys():
        raise ShapeError(f"parameters has the keys {', '.join(map(str, parameters))}; expected {', '.join(shapes)}")
    for name, shape in shapes.items():
        got = jax.numpy.shape(parameters[name])
        if got != shape:
            raise ShapeError(f"parameters['{name}'] has shape {got}, expected {shape}")
