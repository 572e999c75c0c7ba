"""Networks with feedback for tests of loops and forecasts."""

from __future__ import annotations

import numpy as np

from matnet import Network
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from random_networks import minmax


def open_network(
    seed: int = 0, feedback_first: bool = False, delays: tuple[int, ...] = (1, 3), inner: bool = False
) -> Network:
    """Two exogenous elements, and an output of two elements fed back through an input that comes first or last."""
    rng = np.random.default_rng(seed)
    scaling = minmax(2, rng)
    entries = [
        Input(2, (minmax(2, rng),), name="u", element_names=("flow", "speed"), units=("m3/h", "1/min")),
        Input(
            2,
            (scaling,),
            np.array([[-2.0, 2.0], [-2.0, 2.0]]),
            "y",
            feedback_output=0,
            element_names=("head", "power"),
            units=("m", "kW"),
        ),
    ]
    weights = [
        Weight(0.4 * rng.normal(size=(4, 4)), delays=(1, 2)),
        Weight(0.4 * rng.normal(size=(4, 2 * len(delays))), delays=delays),
    ]
    order = [1, 0] if feedback_first else [0, 1]
    hidden = Layer(
        4,
        "tansig",
        {place: weights[k] for place, k in enumerate(order)},
        {0: Weight(0.3 * rng.normal(size=(4, 8)), delays=(1, 2))} if inner else {},
        rng.normal(size=4),
    )
    last = Layer(2, "purelin", {}, {0: Weight(0.5 * rng.normal(size=(2, 4)))}, rng.normal(size=2))
    output = Output(
        1, 2, (scaling,), np.array([[-2.0, 2.0], [-2.0, 2.0]]), "y", "open", order.index(1), 0, ("head", "power"),
        ("m", "kW"),
    )  # fmt: skip
    return Network(Structure(tuple(entries[k] for k in order), (hidden, last), (output,)), name="pump")
