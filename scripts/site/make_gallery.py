"""Draw the pictures of docs/guide/gallery.md: run `python scripts/site/make_gallery.py FOLDER`.

The documentation site draws them while it is built (scripts/site/site_pages.py): none is kept in the project.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import matnet
from matnet.explore import Address, Subject, page
from matnet.importers.arrays import read_array
from matnet.importers.training_record import read_training_record
from matnet.model.structure import Input, Layer, Output, Structure, Weight
from matnet.network import Network
from matnet.plots.figures import Request, draw, image

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OF_THE_PUMP = (
    "sensitivity",
    "map",
    "alpha",
    "response",
    "contour",
    "parity",
    "residuals",
    "error-histogram",
    "training",
    "training-state",
)
OF_CLASSES = ("confusion", "roc")
OVER_TIME = ("series", "lags", "error-autocorrelation")
NAMES = ("network", *OF_THE_PUMP, "pixels", *OF_CLASSES, *OVER_TIME)


def pump() -> Request:
    """The pump with the data that it was trained on."""
    file = FIXTURES / "pump.mat"
    record = read_training_record(file)
    return Request(
        matnet.load(file),
        read_array(file, "x").T,
        read_array(file, "t").T,
        sets=record.members,
        record=record,
        inputs=("flow [m³/h]", "speed [rpm]"),
        outputs=("head [m]",),
    )


def live() -> str:
    """The pump's page that computes."""
    shown = pump()
    net = shown.net.with_names(["flow", "speed"], ["head"], {"flow": "m³/h", "speed": "rpm", "head": "m"})
    return page(Subject(net, shown.x, shown.t, table="pump.mat:x", address=Address("fixtures/pump.mat")))


def closed_loop() -> Request:
    """A closed loop under steps of its first input and a slow wave of its second."""
    time = np.arange(120.0)
    x = np.stack([50.0 + 40.0 * np.sign(np.sin(time / 9.0)), 3.0 * np.sin(time / 23.0)], axis=1)
    net = matnet.load(FIXTURES / "genfunction" / "narx_closed.m")
    y = net.run(x).outputs
    noise = np.random.default_rng(0).normal(size=y.shape)
    return Request(net, x, y + 0.1 * y.std() * noise)


def classifier() -> Request:
    """Three overlapping clusters, and the network whose classes they are nearest to."""
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0], [2.0, 0.5], [1.0, 2.0]])
    labels = np.arange(240) % 3
    x = centres[labels] + 0.7 * rng.normal(size=(240, 2))
    layer = Layer(3, "softmax", {0: Weight(3.0 * centres)}, bias=-1.5 * (centres**2).sum(axis=1))
    net = Network(Structure((Input(2),), (layer,), (Output(0, 3),)))
    return Request(net, x, np.eye(3)[labels], outputs=("low", "right", "high"))


def digits() -> Request:
    """Images of noise, and the network that takes digits for its first two classes."""
    net = matnet.load(FIXTURES / "digits.mat")
    return Request(net, np.random.default_rng(5).uniform(size=(4, net.input_size)), of=(0, 1))


def pictures() -> Iterator[tuple[str, bytes]]:
    """The name and the SVG of every picture."""
    static, classes, dynamic = pump(), classifier(), closed_loop()
    yield "network", image(draw("network", Request(dynamic.net)), ".svg")
    for kind in OF_THE_PUMP:
        yield kind, image(draw(kind, static), ".svg")
    yield "pixels", image(draw("pixels", digits()), ".svg")
    for kind in OF_CLASSES:
        yield kind, image(draw(kind, classes), ".svg")
    for kind in OVER_TIME:
        yield kind, image(draw(kind, dynamic), ".svg")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures():
        (folder / f"{name}.svg").write_bytes(svg)
