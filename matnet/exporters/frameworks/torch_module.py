"""PyTorch: a network as an nn.Module that can be trained on, exported, and differentiated exactly."""

from __future__ import annotations

import torch

from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.derivatives.parameters import parameter_arrays
from matnet.derivatives.quantities import VALUE
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.network import Network


class NetworkModule(torch.nn.Module):
    """The network as a module: x (..., R) -> y (..., S), raw scale, in the type of its parameters.

    The parameters are the network's weights and biases, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}, ``b1`` for b{1}.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        self._program = net.program
        self._input_size = net.input_size
        self._keys = tuple(net.program.parameters)
        arrays = parameter_arrays(net.structure)
        for key in self._keys:
            tensor = torch.tensor(arrays[key].tolist(), dtype=torch.float64)
            self.register_parameter(parameter_name(key), torch.nn.Parameter(tensor))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """y (..., S) of x (..., R)."""
        if x.ndim == 0 or x.shape[-1] != self._input_size:
            raise ValueError(f"x has shape {tuple(x.shape)}, expected (..., {self._input_size})")
        weights = {key: getattr(self, parameter_name(key)) for key in self._keys}
        program = with_custom_rules(with_weights(self._program, weights), x)
        found: torch.Tensor = VALUE(program, x)
        return found
