"""The public face of a network, and of several as one."""

from matnet.network.ensemble import Ensemble
from matnet.network.network import Network

__all__ = ["Ensemble", "Network"]
