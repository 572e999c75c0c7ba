"""The network as the functions that the page calls: the module that ``convert net.mat net.js`` writes."""

from __future__ import annotations

from pathlib import Path

from matnet.exporters.recording import Options, only_chooses
from matnet.exporters.save import rendered
from matnet.network import Network


def module(net: Network) -> str:
    """The text of the module.

    Names are left out of it: the page has them in its data, and they need not be legal there.

    Raises
    ------
    UnsupportedError
        The network cannot be written in JavaScript.
    """
    options = Options(
        inputs=net.evaluation.inputs.numbered,
        outputs=net.evaluation.outputs.numbered,
        jacobian=not only_chooses(net),
    )
    return rendered(net, Path("net.js"), options).content.decode()


def functions(net: Network) -> str:
    """The object of functions that the page's script takes, as an expression over the names of ``module``."""
    if net.dynamic:
        return "{ step, stepAndJacobian }"
    slopes = "null" if only_chooses(net) else "valueAndJacobian"
    return f"{{ value: predict, slopes: {slopes} }}"
