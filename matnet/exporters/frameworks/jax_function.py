"""JAX: a network as a pure function of its parameters and x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.derivatives.parameters import parameter_arrays
from matnet.derivatives.quantities import VALUE
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.functions.namespace import Array
from matnet.network import Network


def network_function(net: Network) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
    """The function (parameters, x) -> y and the parameters."""
    program, size = net.program, net.input_size
    arrays = parameter_arrays(net.structure)
    parameters = {parameter_name(key): jax.numpy.asarray(arrays[key]) for key in program.parameters}

    def function(parameters: dict[str, Array], x: Array) -> Array:
        x = jax.numpy.asarray(x)
        if x.ndim == 0 or x.shape[-1] != size:
            raise ValueError(f"x has shape {x.shape}, expected (..., {size})")
        weights = {key: parameters[parameter_name(key)] for key in program.parameters}
        return VALUE(with_custom_rules(with_weights(program, weights), x), x)

    return function, parameters
