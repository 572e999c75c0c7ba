"""The page: its sections in order, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.network.markup import Html, element, joined
from matnet.network.overview import summary
from matnet.plots.fits import Sets

MOST_ROWS = 20_000
"""Samples that the page is made from; of longer tables every k-th row is taken, and the page says so."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a page is made from.

    Parameters
    ----------
    net
        The network.
    x, t
        Samples (N, R) and targets (N, S), raw scale; for a dynamic network a series. None where there are none.
    inputs, outputs
        Names; x1 .. xR and y1 .. yS without them.
    table
        What the samples are called.
    stored
        The file of the network, where stored answers are looked for.
    history
        The training record.
    sets
        Flags (N,) by the name of the set.
    """

    net: Network
    x: FloatArray | None = None
    t: FloatArray | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    table: str = ""
    stored: StoredValues | None = None
    history: TrainingRecord | None = None
    sets: Sets | None = field(default=None)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(self.inputs or (f"x{number}" for number in range(1, self.net.input_size + 1)))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.outputs or (f"y{number}" for number in range(1, self.net.output_size + 1)))


def page(material: Material) -> str:
    """The whole page as HTML text.

    It holds everything it shows: no script, no font and no picture is fetched. Names and texts from files are escaped.

    Parameters
    ----------
    material
        The network and what is known beside it; what is missing leaves out its section or says so.

    Returns
    -------
    The text of an HTML file, in UTF-8 characters.

    Raises
    ------
    ShapeError
        The samples or targets do not fit the network.
    MissingExtraError
        matplotlib is not installed.
    """
    from matnet.report.behaviour import behaviour
    from matnet.report.origin import origin
    from matnet.report.trust import trust

    net = material.net
    title = net.name or "network"
    sections = [*origin(material), *trust(material), *behaviour(material)]
    head = joined(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
            element("title", f"{title}: report"),
            element("style", Html(_STYLE)),
        ]
    )
    links = element("nav", *(element("a", section.title, href=f"#{section.key}") for section in sections))
    body = element(
        "body",
        element("header", element("h1", title), element("p", f"A {summary(net.structure)}."), links),
        element("main", *(section.html for section in sections)),
        element("footer", f"Made by matnet {version('matnet')}. Everything on this page was computed from the file."),
    )
    return f"<!DOCTYPE html>\n{element('html', element('head', head), body, lang='en')}\n"


_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """
:root { color: #1a1a1a; background: #ffffff; font: 16px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
body { margin: 0 auto; max-width: 1240px; padding: 0 1rem 3rem; }
header { border-bottom: 3px solid #0072B2; margin-bottom: 1rem; }
h1 { margin: 1.2rem 0 0; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; border-bottom: 1px solid #bbbbbb; }
h3 { margin: 1.4rem 0 .4rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: .4rem 0 .7rem; }
a { color: #005a8f; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #d9d9d9; padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top; }
p, li, figcaption { overflow-wrap: anywhere; }
td { overflow-wrap: break-word; max-width: 34rem; }
th { border-bottom: 2px solid #777777; }
.verdict { border-left: 6px solid #777777; padding: .4rem .8rem; background: #f2f2f2; }
.good { border-color: #009E73; } .bad { border-color: #D55E00; } .open { border-color: #E69F00; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; }
figure img { width: 100%; height: auto; display: block; }
figure.wide { overflow-x: auto; }
figure.wide img { width: auto; max-width: none; }
figcaption { font-size: .85rem; color: #444444; margin-top: .2rem; }
footer { margin-top: 3rem; font-size: .85rem; color: #444444; border-top: 1px solid #bbbbbb; }
code { overflow-wrap: anywhere; }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page with its heading; ``key`` is what a link leads to."""

    key: str
    title: str
    parts: tuple[Html, ...]

    @property
    def html(self) -> Html:
        """As an element."""
        return element("section", element("h2", self.title), *self.parts, id=self.key)


def wide_table(made: Html) -> Html:
    """A table that scrolls by itself where the page is narrow."""
    return element("div", made, class_="scroll")
