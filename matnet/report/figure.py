"""Figures for a page: drawn narrow, so that they can be read on a telephone, and put into it as data."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from matnet.network.markup import Html, element
from matnet.plots.figures import image
from matnet.plots.style import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.7
"""Inches: at the width of a telephone text of 8 points stays about as large."""


def panel(caption: str, draw: Callable[[Axes], object], height: float = 3.4) -> Html:
    """A figure of one panel with its caption, which is its description for those who do not see it as well."""
    made = figure(WIDTH, height)
    draw(made.add_subplot())
    return shown(made, caption)


def pair(caption: str, draw: Callable[[tuple[Axes, Axes]], object], height: float = 4.4) -> Html:
    """A figure of two panels one above the other."""
    made = figure(WIDTH, height)
    upper = made.add_subplot(2, 1, 1)
    draw((upper, made.add_subplot(2, 1, 2, sharex=upper)))
    return shown(made, caption)


def shown(made: Figure, caption: str, kind: str = "") -> Html:
    """Any figure as an image within the page; `kind` "wide" keeps its size and lets it scroll."""
    data = base64.b64encode(image(made, ".svg")).decode()
    picture = Html(element("img", alt=caption, src=f"data:image/svg+xml;base64,{data}").removesuffix("</img>"))
    return element("figure", picture, element("figcaption", caption), class_=kind or "panel")
