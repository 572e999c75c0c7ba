"""The page: its sections in order, and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from matnet.errors import UnsupportedError
from matnet.explore import Live, live
from matnet.network.markup import Html, element, joined
from matnet.report.behaviour import behaviour
from matnet.report.card import card
from matnet.report.findings import Findings
from matnet.report.material import Material
from matnet.report.origin import origin
from matnet.report.section import Section
from matnet.report.trust import trust
from matnet.version import version

MOST_PARAMETERS = 10_000
"""The most weights and biases of a network that the page computes with: they stand in its text."""

Progress = Callable[[str], None]
"""Called with the title of each section before it is made."""


def page(material: Material, progress: Progress | None = None, moving: bool = True) -> str:
    """The whole page as HTML text.

    It contains everything that it shows: no script, no font and no picture is fetched. Names and texts from files are
    escaped.

    Parameters
    ----------
    material
        The network and its data; a section without data is left out or says so.
    progress
        Called with the title of each section that is finished, in the order of the work.
    moving
        Whether the page has a section that computes, with the inputs on sliders.

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
    title = material.title
    sections: list[Section] = []
    moves = _live(material) if moving else ""
    for section in _sections(material, moves):
        sections.append(section)
        if progress is not None:
            progress(section.title)
    sources = "the file and the table" if material.x is not None else "the file"
    return document(title, sections, sources, moves if isinstance(moves, Live) else None)


def document(title: str, sections: Sequence[Section], sources: str, moves: Live | None = None) -> str:
    """The text of a page with these sections, computed from `sources`; `moves` is the part that computes."""
    policy, style = (_POLICY, _STYLE) if moves is None else (moves.policy, _STYLE + moves.style)
    head = joined(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            element("title", f"{title}: report"),
            element("style", Html(style)),
        ]
    )
    links = element("nav", *(element("a", section.title, href=f"#{section.key}") for section in sections))
    body = element(
        "body",
        element("header", element("h1", title), links),
        element("main", *(section.html for section in sections)),
        element("footer", f"Made by matnet {version()}. Everything on this page was computed from {sources}."),
        *(() if moves is None else (element("script", moves.script, type="module"),)),
    )
    return f"<!DOCTYPE html>\n{element('html', element('head', head), body, lang='en')}\n"


def _live(material: Material) -> Live | str:
    """The part that computes, or why there is none."""
    parameters = sum(map(int, material.net.program.parameter_sizes))
    if parameters > MOST_PARAMETERS:
        return (
            f"A network of {parameters:,} weights and biases is too large for this page: matnet explore writes its own."
        )
    try:
        return live(material)
    except UnsupportedError as error:
        return f"There are no sliders here: {error}."


def _sections(material: Material, moves: Live | str) -> Iterator[Section]:
    findings = Findings(material)
    yield card(findings)
    if moves and material.net.input_size:
        place = moves.place if isinstance(moves, Live) else element("p", moves)
        yield Section("explore-section", "Move the inputs", (place,))
    yield from origin(material)
    yield from trust(findings)
    yield from behaviour(findings)


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
figure img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; color: #444444; margin-top: .2rem; }
footer { margin-top: 3rem; font-size: .85rem; color: #444444; border-top: 1px solid #bbbbbb; }
code { overflow-wrap: anywhere; }
.card { background: #f2f6fa; border: 1px solid #bbbbbb; border-radius: 6px; padding: .4rem 1rem .6rem; }
.card dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .35rem 1rem; margin: .5rem 0; }
.card dt { font-weight: 600; }
.card dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.card table { margin: 0; }
@media (max-width: 500px) { .card dl { grid-template-columns: 1fr; gap: 0; } .card dd { margin-bottom: .6rem; } }
details { margin: .5rem 0 1rem; }
summary { cursor: pointer; color: #005a8f; }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""
