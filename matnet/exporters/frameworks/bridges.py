"""PyTorch and JAX: each imported when it is asked for, or its extra named where it is missing."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from matnet.errors import MissingExtraError, UnsupportedError
from matnet.exporters.recording import one_network
from matnet.network import Network

if TYPE_CHECKING:
    import torch


def to_torch(net: Network) -> torch.nn.Module:
    """The network as a PyTorch module.

    Parameters
    ----------
    net
        A static network.

    Returns
    -------
    torch.nn.Module, x (..., R) -> y (..., S) at raw scale, in float64. Its parameters are the weights and biases:
    ``b1`` for b{1}, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}; processing settings are constants.

    Raises
    ------
    MissingExtraError
        PyTorch or array-api-compat is not installed.
    UnsupportedError
        The network is dynamic.

    Notes
    -----
    PyTorch's gradients are matnet's derivatives, at kinks, in saturation and at p = w too; so are second derivatives
    with respect to the inputs, in reverse mode (``torch.func.jacrev`` of itself). There is no forward mode.
    ``torch.save`` takes the module. ``torch.export`` does too, and what it makes has PyTorch's own derivatives.
    """
    _need("to_torch", "torch", "array_api_compat")
    _static(net, "to_torch")
    from matnet.exporters.frameworks.torch_module import NetworkModule

    return NetworkModule(net)


def to_jax(net: Network) -> tuple[Callable[[dict[str, Any], Any], Any], dict[str, Any]]:
    """The network as a pure function for JAX, and its parameters.

    Parameters
    ----------
    net
        A static network.

    Returns
    -------
    ``function(parameters, x)``, x (..., R) -> y (..., S) at raw scale, and the parameters, a dictionary of JAX arrays:
    ``b1`` for b{1}, ``IW1_1`` for IW{1,1}, ``LW2_1`` for LW{2,1}. ``jax.jit``, ``grad``, ``vmap`` and the like take it.

    Raises
    ------
    MissingExtraError
        JAX is not installed.
    UnsupportedError
        The network is dynamic.

    Notes
    -----
    JAX computes in float32 unless ``jax.config.update("jax_enable_x64", True)`` was called before. Its derivatives are
    matnet's, at kinks, in saturation and at p = w too. Second derivatives are in forward mode over itself; in reverse
    mode JAX differentiates the slope's formula, which is another number only where a second derivative does not exist
    (a distance at p = w).
    """
    _need("to_jax", "jax")
    _static(net, "to_jax")
    from matnet.exporters.frameworks.jax_function import network_function

    return network_function(net)


def _need(function: str, extra: str, *others: str) -> None:
    for package in (extra, *others):
        try:
            import_module(package)
        except ImportError as error:
            raise MissingExtraError(
                f"{function} needs the package {package.replace('_', '-')}, which is not installed; "
                f"install it with: pip install 'matnet[{extra}]'"
            ) from error


def _static(net: Network, function: str) -> None:
    one_network(net, function)
    if net.dynamic:
        raise UnsupportedError(f"{function}: the network is dynamic, so that y is not a function of x alone")
