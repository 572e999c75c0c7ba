"""FMU: a network for simulation tools, as FMI 3.0 or 2.0, with exact directional derivatives.

``archive`` is the target; ``description`` writes ``modelDescription.xml``, ``sources`` the C files, of which
``instance.h``, ``fmi2.c`` and ``fmi3.c`` are the same for every network.
"""

from matnet.exporters.fmu.archive import TARGET

__all__ = ["TARGET"]
