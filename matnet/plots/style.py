"""How the figures look: colours that the colour-blind tell apart, thin lines, and where Axes come from.

The colours are Okabe and Ito's; what a colour tells is told by a marker, a line style or a label as well, so that the
figures stay readable in grey.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from matnet.errors import MissingExtraError, ShapeError

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
GREY, PALE, FAINT = "#555555", "#D9D9D9", "#F2F2F2"

SMALL = 8.0
MANY = 2000
"""Points beyond which they are drawn as an image, so that no file grows with the data."""

LONGEST_NAME = 24


def matplotlib(module: str = "") -> Any:
    """matplotlib, or a module of it.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return import_module(f"matplotlib.{module}" if module else "matplotlib")
    except ImportError as error:
        raise MissingExtraError(
            "plots need the package matplotlib, which is not installed; install it with: pip install 'matnet[plots]'"
        ) from error


def figure(width: float, height: float) -> Figure:
    """A figure that pyplot does not know of, in inches: for files."""
    made: Figure = matplotlib("figure").Figure(figsize=(width, height), layout="constrained")
    return made


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """`ax`, or the Axes of a new pyplot figure, which a notebook shows."""
    if ax is not None:
        return ax
    made: Axes = matplotlib("pyplot").subplots(figsize=(width, height), layout="constrained")[1]
    return made


def new_pair(axes: Sequence[Axes] | None, width: float, height: float) -> tuple[Axes, Axes]:
    """`axes`, or two new Axes one above the other with a common horizontal axis."""
    if axes is not None:
        upper, lower = axes
        return upper, lower
    pyplot = matplotlib("pyplot")
    upper, lower = pyplot.subplots(2, 1, figsize=(width, height), layout="constrained", sharex=True)[1]
    return upper, lower


def tidy(ax: Axes) -> None:
    """Two spines, a faint grid behind."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=SMALL)


def plain(name: str) -> str:
    """A name as it is shown: on one line, not too long, and never read as mathematics by matplotlib."""
    shown = "".join(char if char.isprintable() else "·" for char in name)
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[: LONGEST_NAME - 1]}…"
    return shown.replace("$", r"\$")


def names(given: Sequence[str] | None, letter: str, size: int) -> tuple[str, ...]:
    """The names as they are shown: those given, else x1 .. xR or y1 .. yS.

    Raises
    ------
    ShapeError
        There are more or fewer than `size`.
    """
    if given is None:
        return tuple(f"{letter}{number}" for number in range(1, size + 1))
    if len(given) != size:
        what = "inputs" if letter == "x" else "outputs"
        raise ShapeError(f"{len(given)} names of {what} are given, the network has {size}")
    return tuple(map(plain, given))


def slope(y: str, x: str) -> str:
    """The name of dy/dx; with units in brackets behind both names, as in flow [m³/h], the unit too."""
    (y, y_unit), (x, x_unit) = (_parted(name) for name in (y, x))
    if not y_unit and not x_unit:
        return f"d{y}/d{x}"
    divided = f"({x_unit})" if re.search(r"[/·* ]", x_unit) else x_unit
    return f"d{y}/d{x} [{y_unit or 1}{f'/{divided}' if divided else ''}]"


def _parted(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*\S)\s*\[(.*)\]", name)
    return (match[1], match[2]) if match else (name, "")


def chosen(which: int | str, given: Sequence[str] | None, letter: str, size: int) -> int:
    """The index, from 0, of an element named by its number, from 1, or by its name.

    Raises
    ------
    ShapeError
        There is none.
    """
    what = "input" if letter == "x" else "output"
    if isinstance(which, str):
        known = list(given) if given is not None else [f"{letter}{number}" for number in range(1, size + 1)]
        if which not in known:
            listed = ", ".join(known[:12]) + (f" and {size - 12} more" if size > 12 else "")
            raise ShapeError(f"no {what} is called '{which}'; the names are {listed}")
        return known.index(which)
    if not 1 <= which <= size:
        raise ShapeError(f"there is no {what} {which}: they are numbered from 1 to {size}")
    return which - 1
