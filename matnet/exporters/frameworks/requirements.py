"""What a framework asks for: its package, and a single static network."""

from __future__ import annotations

from importlib import import_module

from matnet.errors import Advice, MissingExtraError, UnsupportedError
from matnet.exporters.recording import Function, Options, Recording, one_network
from matnet.network import Network

_DISTRIBUTIONS = {"array_api_compat": "array-api-compat", "sklearn": "scikit-learn"}
"""The names under which packages are installed, where they differ from those under which they are imported."""


def need(call: str, extra: str, *packages: str) -> None:
    """Imports packages, or names the extra that installs them.

    Raises
    ------
    MissingExtraError
        One of them is not installed.
    """
    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            raise MissingExtraError(
                f"{call} needs the package {_DISTRIBUTIONS.get(package, package)}, which is not installed; "
                f"install it with: pip install 'matnet[{extra}]'"
            ) from error


def static_network(net: Network, call: str) -> None:
    """Refuses anything but a single static network.

    Raises
    ------
    UnsupportedError
        It is an ensemble, not a network at all, or dynamic.
    """
    one_network(net, call)
    if net.dynamic:
        raise UnsupportedError(f"{call}: the network is dynamic, so that y is not a function of x alone")


def recorded(net: Network, name: str, call: str) -> tuple[Function, ...]:
    """The network's value, and its value and Jacobian, as tapes.

    Raises
    ------
    UnsupportedError
        Every path passes through compet, so that the derivative is 0 wherever it exists.
    """
    try:
        return Recording(net, name, Options()).functions
    except UnsupportedError as error:
        # the advice is for files, which can leave the Jacobian out
        raise UnsupportedError(f"{call}: ", *(part for part in error.args if not isinstance(part, Advice))) from None
