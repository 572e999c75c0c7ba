"""Writing the archive, with the network's answers at a few points as check vectors."""

from __future__ import annotations

import numpy as np

from matnet.model.archive import Archive, dumps
from matnet.model.checks import make_checks
from matnet.network import Network


def archive_text(net: Network) -> str:
    """The network as the text of an archive.

    Raises
    ------
    UnsupportedError
        Its weights are arrays of another library than NumPy.
    """

    def perturbed(change: float) -> Network:
        theta = net.parameters
        with np.errstate(over="ignore"):
            return net.with_parameters(theta * (1.0 + np.where(np.arange(len(theta)) % 2, -change, change)))

    checks = make_checks(net, perturbed)
    return dumps(Archive(net.structure, net.provenance, net.name, checks))
