"""A page for each function, with its formula, derivative, kinks and a plot: made while the site is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.functions.net_input import NET_INPUT
from matnet.functions.performance import PERFORMANCE
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.transfer_rows import TransferFunction
from matnet.functions.weight import WEIGHT, WeightFunction
from matnet.plots.figures import image
from matnet.plots.style import BLACK, BLUE, GREEN, SMALL, VERMILION, figure, tidy

Matrix = NDArray[np.float64]

FOLDER = "functions"

_OTHERS = (0.5, -0.5)
"""Of a coupled function: the other two net inputs of the layer, held while the first one moves."""

_WEIGHTS = np.array([[1.0, -0.5]])
"""Of a weight function: one neuron's weights; the second input is held at 0.5 while the first one moves."""


@dataclass(frozen=True)
class Page:
    """A page in Markdown, and its picture as SVG where it has one."""

    group: str
    name: str
    text: str
    picture: bytes | None = None

    @property
    def path(self) -> str:
        """Where the page lies in the site's sources."""
        return f"{FOLDER}/{self.name}.md"


@cache
def pages() -> tuple[Page, ...]:
    """All of them, group by group."""
    return tuple(_each())


@cache
def formulas() -> frozenset[str]:
    """The formulas of all functions and of their derivatives, as their rows write them."""
    found = [text for table in (TRANSFER, WEIGHT, NET_INPUT) for row in table.values() for text in _both(row)]
    found += [row.formula for row in PROCESSING.values()]
    found += [text for rows in PERFORMANCE.values() for row in rows for text in _both(row)]
    return frozenset(found)


def _both(row: Any) -> tuple[str, str]:
    return row.formula, row.derivative


def _each() -> Iterator[Page]:
    for name, row in sorted(TRANSFER.items()):
        yield Page("Transfer functions", name, _transfer_text(row), _transfer_picture(row))
    for name, weight in sorted(WEIGHT.items()):
        facts = [("z_i", weight.formula), ("dz_i/dp_j", weight.derivative)]
        about = "`p` is what the weight sees, `w` the weights, one row per neuron."
        held = (
            "Plotted: one neuron with the weights 1 and −0.5, over p₁ with p₂ = 0.5."
            if weight.weight_shape(1, 2) is not None
            else "Plotted: the weight 1 over p."
        )
        text = _text(name, "A weight function.", facts, about, weight.unconfirmed, held)
        yield Page("Weight functions", name, text, _weight_picture(weight))
    for name, joined in sorted(NET_INPUT.items()):
        facts = [("n", joined.formula), ("dn/dz_k", joined.derivative)]
        about = "`z` are the weighted inputs, `b` the bias."
        yield Page("Net input functions", name, _text(name, "A net input function.", facts, about))
    for name, process in sorted(PROCESSING.items()):
        about = "`x` is raw, `y` processed; an output goes through the reverse. The derivative is that of the formula."
        text = _text(name, "A processing function.", [("y", process.formula)], about, process.unconfirmed)
        yield Page("Processing functions", name, text)
    for name, rows in sorted(PERFORMANCE.items()):
        facts = [
            (f"{what}, form='{row.form}'" if row.form else what, formula)
            for row in rows
            for what, formula in (("value", row.formula), ("derivative with respect to y", row.derivative))
        ]
        text = _text(name, "A performance function.", facts, "`t` are the targets, `e = t − y` the errors, raw scale.")
        yield Page("Performance functions", name, text)


def _text(
    name: str, what: str, facts: list[tuple[str, str]], about: str, unconfirmed: str = "", picture: str = ""
) -> str:
    lines = [f"# {name}", "", f"{what} {about}", "", "| | formula |", "|---|---|"]
    lines += [f"| {key} | `{_escaped(formula)}` |" for key, formula in facts]
    if unconfirmed:
        lines += ["", f"**Not confirmed** by values from MATLAB: {unconfirmed}."]
    if picture:
        lines += ["", f"![{name} and its derivative]({name}.svg)", "", picture]
    return "\n".join([*lines, ""])


def _escaped(formula: str) -> str:
    return formula.replace("|", "\\|")


def _transfer_text(row: TransferFunction) -> str:
    facts = [("a", row.formula), ("da/dn", row.derivative)]
    facts += [(f"slope at n = {place:g}", f"{slope:g}") for place, slope in sorted(row.kinks.items())]
    about = "`n` is the net input, `a` the layer's output."
    if row.coupled:
        about += " Every output depends on all net inputs of the layer."
        held = f"Plotted: the first of three outputs over n₁, with n₂ = {_OTHERS[0]} and n₃ = {_OTHERS[1]}."
    else:
        held = "Plotted: the value, the slope and the second derivative, from the row itself."
    return _text(row.name, "A transfer function.", facts, about, row.unconfirmed, held)


def _transfer_picture(row: TransferFunction) -> bytes:
    along = np.linspace(-3.0, 3.0, 601)
    n = np.stack([along, *(np.full(len(along), other) for other in _OTHERS)], axis=1) if row.coupled else along[:, None]
    first = np.zeros((1, n.shape[1]))
    first[0, 0] = 1.0
    with np.errstate(all="ignore"):
        a = row.value(n)
        slope = np.broadcast_to(row.tangent(n, a, first), (len(n), 1, n.shape[1]))[:, 0, 0]
        second = np.broadcast_to(row.curvature(n, a, first[0], first, first), (len(n), 1, 1))[:, 0, 0]
    return _picture(along, [("a", a[:, 0]), ("da/dn", slope), ("d²a/dn²", second)], "n", tuple(row.kinks))


def _weight_picture(row: WeightFunction) -> bytes:
    along = np.linspace(-3.0, 3.0, 601)
    if row.weight_shape(1, 2) is None:
        w, p = np.array([[1.0]]), along[:, None]
    else:
        w, p = _WEIGHTS, np.stack([along, np.full(len(along), 0.5)], axis=1)
    first = np.zeros((1, p.shape[1]))
    first[0, 0] = 1.0
    with np.errstate(all="ignore"):
        z = row.value(w, p)
        slope = np.broadcast_to(row.tangent(w, p, z, first), (len(p), 1, 1))[:, 0, 0]
    return _picture(along, [("z", z[:, 0]), ("dz/dp₁", slope)], "p₁", ())


def _picture(along: Matrix, curves: list[tuple[str, Matrix]], name: str, kinks: tuple[float, ...]) -> bytes:
    made = figure(5.2, 3.2)
    ax = made.add_subplot()
    tidy(ax)
    for (label, values), colour, dashes in zip(curves, (BLUE, VERMILION, GREEN), ("-", "--", ":"), strict=False):
        shown = np.where(np.abs(values) > 6.0, np.nan, values)
        # no line across a jump
        shown[1:] = np.where(np.abs(np.diff(values)) > 0.4, np.nan, shown[1:])
        ax.plot(along, shown, color=colour, linestyle=dashes, linewidth=1.6, label=label)
    for kink in kinks:
        ax.axvline(kink, color=BLACK, linewidth=0.6, linestyle=(0, (1, 3)))
    ax.set_xlabel(name, fontsize=SMALL + 1)
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return image(made, ".svg")
