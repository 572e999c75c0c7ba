"""The style of the figures: colours that colour-blind people can distinguish, thin lines, and new Axes.

The colours are Okabe and Ito's; markers, line styles or labels carry the same information, so that the figures stay
readable in grey.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from matnet.errors import ShapeError, counted
from matnet.extras import need
from matnet.network.frames import Elements

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SET_COLOURS = {"training": BLUE, "validation": GREEN, "test": VERMILION}
GREY, PALE, FAINT = "#555555", "#D9D9D9", "#F2F2F2"

SMALL = 8.0
MANY = 2000
"""The most points that are drawn as vectors; more are drawn as an image, so that files do not grow with the data."""

LONGEST_NAME = 24
_POWER = 0.45
"""The width in inches of a power of ten beside an axis."""


def matplotlib(module: str = "") -> Any:
    """matplotlib, or a module of it.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    return need("a plot", "plots", f"matplotlib.{module}" if module else "matplotlib")


def figure(width: float, height: float) -> Figure:
    """A figure for files, not registered with pyplot, its size in inches."""
    made: Figure = matplotlib("figure").Figure(figsize=(width, height), layout="constrained")
    return made


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """`ax`, or the Axes of a new pyplot figure, which a notebook shows."""
    if ax is not None:
        return ax
    made: Axes = matplotlib("pyplot").subplots(figsize=(width, height), layout="constrained")[1]
    return made


def panel(ax: Axes | None, width: float, height: float) -> Axes:
    """As ``new_axes``, in the style of all plots with two axes of numbers; see ``tidy``."""
    ax = new_axes(ax, width, height)
    tidy(ax)
    return ax


def line_style(number: int, marked: bool = True) -> dict[str, Any]:
    """Colour, dashes and marker of a curve, distinct for the first curves of a figure."""
    style = {"color": LINES[number % len(LINES)], "linestyle": DASHES[number % len(DASHES)]}
    return {**style, "marker": MARKERS[number % len(MARKERS)], "markersize": 4} if marked else style


def new_pair(axes: Sequence[Axes] | None, width: float, height: float) -> tuple[Axes, Axes]:
    """`axes`, or two new Axes one above the other with a common horizontal axis."""
    if axes is not None:
        upper, lower = axes
        return upper, lower
    pyplot = matplotlib("pyplot")
    upper, lower = pyplot.subplots(2, 1, figsize=(width, height), layout="constrained", sharex=True)[1]
    return upper, lower


def tidy(ax: Axes) -> None:
    """Two spines, a faint grid behind the data, and so few ticks that their labels stay apart."""
    ticker = matplotlib("ticker")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=SMALL)
    for axis, length in zip((ax.xaxis, ax.yaxis), _cell(ax), strict=True):
        axis.set_major_locator(ticker.MaxNLocator(nbins=max(3, min(7, int(length / 0.9))), steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(numbers())
        axis.get_offset_text().set_fontsize(SMALL)


def numbers() -> Any:
    """The format of numbers at an axis: plain or with a common power of ten, never with an offset."""
    formatter = _number_format()(useOffset=False)
    formatter.set_powerlimits((-3, 6))
    return formatter


@cache
def _number_format() -> Any:
    """A class of formats that typeset the common power of ten alone, since typesetting every tick takes long."""

    class Numbers(matplotlib("ticker").ScalarFormatter):  # type: ignore[misc]
        def get_offset(self) -> str:
            self.set_useMathText(True)
            try:
                return str(super().get_offset())
            finally:
                self.set_useMathText(False)

    return Numbers


def _cell(ax: Axes) -> tuple[float, float]:
    """Width and height in inches of the part of the figure that `ax` and its labels share."""
    width, height = ax.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    place = ax.get_subplotspec()
    if place is None:
        box = ax.get_position()
        return float(width * box.width), float(height * box.height)
    rows, columns = place.get_gridspec().get_geometry()
    return (
        float(width * len(place.colspan) / columns),
        float(height * len(place.rowspan) / rows),
    )


def text_width(text: str, size: float) -> float:
    """The width of one line of text in inches."""
    properties = matplotlib("font_manager").FontProperties(size=size)
    return float(matplotlib("textpath").text_to_path.get_text_width_height_descent(text, properties, False)[0]) / 72.0


def wrapped(text: str, size: float, length: float) -> str:
    """Text whose lines are at most `length` inches long, broken between words."""
    lines = []
    for given in text.split("\n"):
        line = ""
        for word in given.split(" "):
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, size) > length:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return "\n".join(lines)


def title(ax: Axes, text: str, beside: float = 1.0) -> None:
    """The title, from the left edge of the axes; `beside` is the width in inches of what is left of them."""
    room = max(_cell(ax)[0] - beside - 0.1, 1.0)
    ax.set_title(wrapped(text, SMALL + 1, room), fontsize=SMALL + 1, loc="left")


def x_label(ax: Axes, text: str, beside: float = 1.0) -> None:
    """The label of the horizontal axis; the power of ten of its numbers is at its right end."""
    room = max(_cell(ax)[0] - beside - 0.1 - 2 * _POWER, 1.0)
    ax.set_xlabel(wrapped(text, SMALL + 1, room), fontsize=SMALL + 1)


def y_label(ax: Axes, text: str, below: float = 0.9) -> None:
    """The label of the vertical axis; `below` is the height in inches of what is below and above the axes."""
    room = max(_cell(ax)[1] - below, 1.0)
    ax.set_ylabel(wrapped(text, SMALL + 1, room), fontsize=SMALL + 1)


def legend_below(ax: Axes, columns: int, heading: str | None = None) -> None:
    """The legend below the axes and their label, so that it does not cover data or title."""
    handles, labels = ax.get_legend_handles_labels()
    widest = max((text_width(label, SMALL) for label in labels), default=0.0) + 0.55
    fitting = max(1, int((_cell(ax)[0] - 0.9) / widest))
    lines = ax.get_xlabel().count("\n") + 1 if ax.get_xlabel() else 0
    figure = ax.get_figure(root=True)
    down = matplotlib("transforms").ScaledTranslation(0.0, -0.27 - 0.17 * lines, figure.dpi_scale_trans)  # type: ignore[union-attr]
    ax.legend(
        handles,
        labels,
        fontsize=SMALL,
        title=heading,
        title_fontsize=SMALL,
        alignment="left",
        frameon=False,
        loc="upper left",
        ncols=max(1, min(columns, fitting, len(labels))),
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes + down,
        borderaxespad=0.0,
    )


def plain(name: str, most: int = LONGEST_NAME) -> str:
    """A name for display: on one line, not too long, and without matplotlib's mathematical markup."""
    shown = "".join(char if char.isprintable() else "·" for char in name)
    if len(shown) > most:
        shown = f"{shown[: most - 1]}…"
    return shown.replace("$", r"\$")


def names(given: Sequence[str] | None, elements: Elements) -> tuple[str, ...]:
    """The names for display: those given, else the network's own, or x1 .. xR if it has none.

    Raises
    ------
    ShapeError
        There are more or fewer than elements.
    """
    if given is not None and len(given) != elements.size:
        what = "input" if elements.letter == "x" else "output"
        raise ShapeError(f"{counted(len(given), 'name')} given for {counted(elements.size, what)}")
    return tuple(map(plain, elements.names if given is None else given))


def slope(y: str, x: str) -> str:
    """The name of dy/dx; if both names end in a unit in brackets, as in flow [m³/h], with its unit."""
    (y, y_unit), (x, x_unit) = (_parted(name) for name in (y, x))
    if not y_unit and not x_unit:
        return f"d{y}/d{x}"
    divided = f"({x_unit})" if re.search(r"[/·* ]", x_unit) else x_unit
    return f"d{y}/d{x} [{y_unit or 1}{f'/{divided}' if divided else ''}]"


def _parted(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*\S)\s*\[(.*)\]", name)
    return (match[1], match[2]) if match else (name, "")


def chosen(which: int | str, given: Sequence[str] | None, elements: Elements) -> int:
    """The index, from 0, of an element named by its number, from 1, or by its name.

    Raises
    ------
    ShapeError
        There is none.
    """
    what = "input" if elements.letter == "x" else "output"
    if isinstance(which, str):
        known = list(elements.names if given is None else given)
        if which not in known:
            listed = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
            raise ShapeError(f"no {what} is called '{which}'; the names are {listed}")
        return known.index(which)
    if not 1 <= which <= elements.size:
        raise ShapeError(f"there is no {what} {which}: they are numbered from 1 to {elements.size}")
    return which - 1


def chosen_name(which: int | str, given: Sequence[str] | None, elements: Elements) -> str:
    """The name for display of an element; errors as of ``names`` and ``chosen``."""
    return names(given, elements)[chosen(which, given, elements)]
