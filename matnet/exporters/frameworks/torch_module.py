"""PyTorch: a network as an nn.Module that can be trained on, exported, and differentiated exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from matnet.derivatives.custom_rules import with_custom_rules, with_weights
from matnet.derivatives.parameters import parameter_arrays
from matnet.derivatives.quantities import VALUE
from matnet.errors import ShapeError
from matnet.exporters.frameworks.parameters import parameter_name
from matnet.exporters.stepping import state_size, step_of
from matnet.network import Network
from matnet.network.arguments import check_last_axis
from matnet.simulate import Program


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
        """The module's description, as PyTorch prints it."""
        return repr(self._net)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the computation, which is laid out again from the network's structure."""
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
        _check(x, self._net.input_size, "x")
        y: torch.Tensor = VALUE(self._program(x), x)
        return y

    def _program(self, x: torch.Tensor) -> Program:
        """The network's steps with the module's parameters and the rows' derivatives."""
        weights = {key: getattr(self, parameter_name(key)) for key in self._keys}
        return with_custom_rules(with_weights(self._net.program, weights), x)


class StepModule(NetworkModule):
    """A step of a dynamic network as a module: x (..., R), states (..., n) -> y (..., S), next states (..., n).

    ``state_size`` is n. The states are the inputs of the last steps, raw, oldest first, then all layers' outputs of the
    last steps, at layer scale, oldest first, as ``states`` of ``Network.prepare`` and of ``Network.run`` are.
    """

    @property
    def state_size(self) -> int:
        """The number of states."""
        return state_size(self._net)

    def forward(self, x: torch.Tensor, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """y (..., S) and the next states (..., n) of x (..., R) and states (..., n).

        Raises
        ------
        ShapeError
            x or the states are not tensors of floating-point numbers of these sizes.
        """
        _check(x, self._net.input_size, "x")
        _check(states, self.state_size, "states")
        return self._step(x, states)

    def scan(self, x: torch.Tensor, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """y (..., T, S) over a series x (..., T, R) from states (..., n) on, and the states after it.

        Raises
        ------
        ShapeError
            As for a step; x has no axis of time.
        """
        _check(x, self._net.input_size, "x")
        _check(states, self.state_size, "states")
        if x.ndim < 2:
            raise ShapeError(f"x has shape {tuple(x.shape)}, expected a series (..., T, {self._net.input_size})")
        found = []
        for time in range(x.shape[-2]):
            y, states = self._step(x[..., time, :], states)
            found.append(y)
        outputs = torch.stack(found, dim=-2) if found else x.new_zeros((*x.shape[:-1], self._net.output_size))
        return outputs, states

    def _step(self, x: torch.Tensor, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        lead = np.broadcast_shapes(tuple(x.shape[:-1]), tuple(states.shape[:-1]))
        both = (part.expand((*lead, part.shape[-1])) for part in (x, states))
        result: tuple[torch.Tensor, torch.Tensor] = step_of(self._net)(self._program(x), *both)
        return result


def _check(values: torch.Tensor, size: int, name: str) -> None:
    if not isinstance(values, torch.Tensor):
        raise ShapeError(f"{name} is {type(values).__name__}, expected a tensor; make one with torch.as_tensor({name})")
    if not values.is_floating_point():
        raise ShapeError(
            f"{name} holds {values.dtype}, expected floating-point numbers; convert it with {name}.double()"
        )
    check_last_axis(values, size, name)
