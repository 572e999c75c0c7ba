"""Figures for a page: narrow enough for a telephone, and embedded as data."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from matnet.network.markup import Html, element
from matnet.plots.figures import pixels
from matnet.plots.style import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH = 4.7
"""Inches: on a telephone, text of 8 points keeps about this size."""

RESOLUTION, COLOURS = 150, 128
"""Pixels per inch of the pictures, and their number of colours, few so that a page stays small."""


def panel(caption: str, draw: Callable[[Axes], object], height: float = 3.4) -> Html:
    """A figure of one panel with its caption, which is also its text alternative."""
    made = figure(WIDTH, height)
    draw(made.add_subplot())
    return shown(made, caption)


def pair(caption: str, draw: Callable[[tuple[Axes, Axes]], object], height: float = 4.4) -> Html:
    """A figure of two panels one above the other."""
    made = figure(WIDTH, height)
    upper = made.add_subplot(2, 1, 1)
    draw((upper, made.add_subplot(2, 1, 2, sharex=upper)))
    return shown(made, caption)


def shown(made: Figure, caption: str) -> Html:
    """Any figure as an image within the page."""
    return element("figure", _picture(made, caption), element("figcaption", caption), class_="panel")


def by_width(wide: Figure, narrow: Figure, caption: str) -> Html:
    """One figure on a wide page, another on a telephone."""
    source = Html(
        element("source", media="(max-width: 700px)", srcset=_address(narrow), width=_pixels(narrow)).removesuffix(
            "</source>"
        )
    )
    return element(
        "figure", element("picture", source, _picture(wide, caption)), element("figcaption", caption), class_="wide"
    )


def _picture(made: Figure, caption: str) -> Html:
    return Html(element("img", alt=caption, src=_address(made), width=_pixels(made)).removesuffix("</img>"))


def _pixels(made: Figure) -> str:
    return str(round(96.0 * float(made.get_size_inches()[0])))


def _address(made: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(_few_colours(pixels(made, RESOLUTION))).decode()}"


def _few_colours(shown: NDArray[np.uint8]) -> bytes:
    """The pixels as a PNG file with a palette, by Pillow, which matplotlib needs as well."""
    picture: Any = import_module("PIL.Image").fromarray(np.ascontiguousarray(shown))
    held = io.BytesIO()
    picture.quantize(COLOURS, dither=0).save(held, format="PNG", optimize=True)
    return held.getvalue()
