"""What a framework needs: a single static network, and its tapes."""

from __future__ import annotations

from matnet.errors import Advice, UnsupportedError
from matnet.exporters.recording import Function, Options, Recording, one_network
from matnet.network import Network


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
