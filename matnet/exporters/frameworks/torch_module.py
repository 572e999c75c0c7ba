"""PyTorch: a network as an nn.Module that can be trained on, exported, and differentiated exactly."""

from __future__ import annotations

from typing import Any

import torch

from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.derivatives.parameters import parameter_arrays
from matnet.derivatives.quantities import VALUE
from matnet.errors import ShapeError
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.network import Network
from matnet.network.arguments import check_last_axis


class NetworkModule(torch.nn.Module):
    """The network as a module: x (..., R) -> y (..., S), raw scale, in the type of its parameters.

    The parameters are the network's weights and biases, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}, ``b1`` for b{1}.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self._net = net
        self._keys = tuple(net.program.parameters)
        arrays = parameter_arrays(net.structure)
        for key in self._keys:
            tensor = torch.tensor(arrays[key].tolist(), dtype=torch.float64)
            self.register_parameter(parameter_name(key), torch.nn.Parameter(tensor))

    def extra_repr(self) -> str:
        """What the module's text says of it."""
        return repr(self._net)

    def __getstate__(self) -> dict[str, Any]:
        """All but the computation, which is laid out again from the network's structure."""
        net = self._net
        return {**self.__dict__, "_net": (net.structure, net.provenance, net.name)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._net = Network(*state["_net"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """y (..., S) of x (..., R).

        Raises
        ------
        ShapeError
            x is not a tensor of floating-point numbers with R elements on its last axis.
        """
        if not isinstance(x, torch.Tensor):
            raise ShapeError(f"x is {type(x).__name__}, expected a tensor; make one with torch.as_tensor(x)")
        if not x.is_floating_point():
            raise ShapeError(f"x holds {x.dtype}, expected floating-point numbers; convert it with x.double()")
        check_last_axis(x, self._net.input_size, "x")
        weights = {key: getattr(self, parameter_name(key)) for key in self._keys}
        program = with_custom_rules(with_weights(self._net.program, weights), x)
        found: torch.Tensor = VALUE(program, x)
        return found
