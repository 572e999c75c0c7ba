"""Whether compiling pays: the time of a computation in NumPy compared with that of a build."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from matnet.derivatives.quantities import Quantity
from matnet.exporters.recording import elements
from matnet.network import Ensemble, Network
from matnet.tape.symbols import ELEMENTWISE, Tape

_PER_ELEMENT, _PER_TERM = 0.6e-9, 0.06e-9
"""Seconds of one core for an element of an elementwise operation, and for a term of a matrix product."""

_PER_FUNCTION_VALUE = {"exp": 5e-9, "tanh": 10e-9}
"""The same for the functions that take longer: NumPy needs 6 and 16 ns, or 1 and 2 ns on processors with AVX-512."""

WORTH = 3.0
"""Seconds of NumPy from which a build pays: compiled code saves at least half of them, a build takes about one.

With AVX-512 exp and tanh take a fifth of what is counted, so a build may take some tenths of a second more than it
saves, the first time; later ones find it in the cache.
"""


def seconds_per_row(tape: Tape) -> float:
    """Roughly how long NumPy takes for a row of a batch, on one core."""
    seconds = 0.0
    for node in tape.nodes:
        size = prod(elements(node.shape))
        if node.operation in ELEMENTWISE:
            seconds += _PER_FUNCTION_VALUE.get(node.operation, _PER_ELEMENT) * size
        elif node.operation == "matmul":
            seconds += _PER_TERM * size * elements(tape.nodes[node.operands[0]].shape)[-1]
    return seconds


def numpy_seconds(net: Network, quantity: Quantity, sizes: Sequence[int]) -> float:
    """As `seconds_per_row`, for a quantity of a static network."""
    return seconds_per_row(net.evaluation.by_numpy(quantity, sizes).tape)


def pays(model: Network | Ensemble, quantity: Quantity, rows: int) -> bool:
    """Whether compiling a static network, or those of an ensemble, pays for so many rows."""
    networks = (model,) if isinstance(model, Network) else model.networks
    return rows * sum(numpy_seconds(net, quantity, [net.input_size]) for net in networks) >= WORTH * len(networks)
