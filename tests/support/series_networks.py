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


def recurrent() -> Network:
    """Two inputs, delays with gaps, feedback of a later layer, processing on both sides."""
    rng = np.random.default_rng(0)
    first = Layer(
        3,
        "tansig",
        {0: Weight(rng.normal(size=(3, 4)), delays=(0, 2)), 1: Weight(rng.normal(size=(3, 1)), delays=(3,))},
        {1: Weight(0.5 * rng.normal(size=(3, 4)), delays=(1, 2))},
        rng.normal(size=3),
    )
    second = Layer(2, "softmax", layer_weights={0: Weight(rng.normal(size=(2, 3)))}, bias=rng.normal(size=2))
    inputs = Input(2, (minmax(2, rng),)), Input(1)
    return Network(Structure(inputs, (first, second), (Output(1, 2, (minmax(2, rng),)),)))


def only_feedback() -> Network:
    """No input at all."""
    layer = Layer(2, "elliotsig", layer_weights={0: Weight([[0.5, -1.0], [1.5, 0.25]], delays=(1,))}, bias=[0.5, -0.5])
    return Network(Structure((), (layer,), (Output(0, 2),)))


def constant() -> Network:
    """No input and no delay: the same outputs at every step."""
    first = Layer(2, "tansig", bias=[0.5, -0.25])
    last = Layer(2, "purelin", layer_weights={0: Weight([[1.0, 2.0], [3.0, 4.0]])}, bias=[0.125, 1.0])
    return Network(Structure((), (first, last), (Output(1, 2),)))
