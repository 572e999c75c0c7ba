"""Draw the pictures of docs/guide/gallery.md: run `python scripts/site/make_gallery.py FOLDER`.

The documentation site draws them while it is built (scripts/site/site_pages.py): none is kept in the project.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import matnet
from matnet.importers.arrays import read_array
from matnet.importers.training_record import read_training_record
from matnet.plots.figures import Request, draw, image

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
OF_THE_PUMP = ("sensitivity", "map", "alpha", "response", "contour", "parity", "residuals", "training")
OVER_TIME = ("series", "lags")
NAMES = ("network", *OF_THE_PUMP, *OVER_TIME)


def pump() -> Request:
    """The pump with the data that it was trained on."""
    file = FIXTURES / "pump.mat"
    history = read_training_record(file)
    return Request(
        matnet.load(file),
        read_array(file, "x").T,
        read_array(file, "t").T,
        sets=history.members,
        history=history,
        inputs=("flow [m³/h]", "speed [rpm]"),
        outputs=("head [m]",),
    )


def closed_loop() -> Request:
    """A closed loop under steps of its first input and a slow wave of its second."""
    time = np.arange(120.0)
    x = np.stack([50.0 + 40.0 * np.sign(np.sin(time / 9.0)), 3.0 * np.sin(time / 23.0)], axis=1)
    return Request(matnet.load(FIXTURES / "genfunction" / "narx_closed.m"), x)


def pictures() -> Iterator[tuple[str, bytes]]:
    """The name and the SVG of every picture."""
    static, dynamic = pump(), closed_loop()
    yield "network", image(draw("network", Request(dynamic.net)), ".svg")
    for kind in OF_THE_PUMP:
        yield kind, image(draw(kind, static), ".svg")
    for kind in OVER_TIME:
        yield kind, image(draw(kind, dynamic), ".svg")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, svg in pictures():
        (folder / f"{name}.svg").write_bytes(svg)
