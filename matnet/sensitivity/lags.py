"""Sensitivities of dynamic networks: how the effect of an input on later outputs fades with the lag."""

from __future__ import annotations

from typing import Any

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.sensitivity.samples import series
from matnet.sensitivity.widths import Widths

MOST_LAGS = 20


def lag_derivatives(net: Network, x: Any, lags: int | None = None, **states: Any) -> FloatArray:
    """dy(t)/dx(t − k) over a series, (T', lags + 1, S, R), for the steps t that have all `lags` steps before them.

    `lags` is by default the longest that the delays reach, at most MOST_LAGS, and so few where layers are fed back that
    half of the steps have them all. `states` are ``input_states`` and ``layer_states``, as for ``Network.run``; zeros
    without them. Of a network that looks ahead (T', 2 lags + 1, S, R), from lag −`lags` on (``first_lag``), for the
    steps that have all these steps around them; where there is an output at the last step alone, (1, lags + 1, S, R).

    Raises
    ------
    ShapeError
        The network has no inputs, or the series is not longer than `lags`.
    """
    if net.input_size == 0:
        raise ShapeError("this network has no inputs, so there are no derivatives with respect to inputs")
    given = series(net, x)
    structure = net.structure
    reach = MOST_LAGS if structure.layer_delay else structure.input_delay
    around = 2 if structure.looks_ahead and not structure.ends else 1
    if lags is None:
        share = around if structure.ends or not structure.layer_delay else 2 * around
        reach = min(reach, MOST_LAGS, max(len(given) - 1, 0) // share)
    else:
        reach = lags
    if not 0 <= reach * around < len(given):
        raise ShapeError(f"{reach} lags need a series of at least {reach * around + 1} steps, x has {len(given)}")
    if around == 1:
        return net.run_jacobian(given, lags=reach, **states)[-1 if structure.ends else reach :]
    found = net.run_jacobian(given, lags=reach, leads=reach, **states)[reach : len(given) - reach]
    return found[:, range(-reach, reach + 1)]


def first_lag(net: Network, count: int) -> int:
    """The lag of the first of `count` that ``lag_derivatives`` gives, below 0 for a network that looks ahead."""
    return -(count // 2) if net.structure.looks_ahead and not net.structure.ends else 0


def lag_widths(net: Network, x: Any, **states: Any) -> Widths:
    """The ranges of inputs and outputs; those of the series, run from `states`, if the network's are not known."""
    given = series(net, x)
    widths = Widths.of(net)
    widths.add(given, net.run(given, **states).outputs)
    return widths
