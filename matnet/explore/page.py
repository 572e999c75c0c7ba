"""The page: its parts as HTML, alone or within a report."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files

from matnet.errors import UnsupportedError
from matnet.explore.engine import functions, module
from matnet.explore.subject import Subject
from matnet.exporters.stepping import check_start, check_step, state_size
from matnet.network.markup import Html, element
from matnet.network.overview import sentence
from matnet.version import version

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"

_SCRIPTS = ("pictures.js", "course.js", "explore.js")
"""The page's own scripts, in order, after the network's module."""

_STYLE = """
:root { color: #1a1a1a; background: #ffffff; font: 16px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; }
body { margin: 0 auto; max-width: 1360px; padding: 0 1rem 3rem; }
h1 { margin: 1rem 0 .3rem; overflow-wrap: anywhere; font-size: 1.6rem; }
header p { margin: 0; }
footer { margin-top: 2rem; font-size: .85rem; opacity: .75; }
"""


@dataclass(frozen=True)
class Live:
    """The parts of the interactive page: its style sheet, its script, and the element that the script fills."""

    style: Html
    script: Html
    place: Html

    @property
    def policy(self) -> str:
        """The content security policy that allows this script and nothing else, no network access at all."""
        digest = base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()
        return _POLICY.format(digest=digest)


def live(subject: Subject) -> Live:
    """The parts for a network.

    Raises
    ------
    UnsupportedError
        The network cannot be written in JavaScript, or has neither inputs nor delays.
    """
    if subject.net.dynamic:
        check_step(subject.net)
        check_start(subject.net, "the page")
    if not subject.net.input_size and not (subject.net.dynamic and state_size(subject.net)):
        raise UnsupportedError(
            "the network has neither inputs nor delays, so there is nothing to move: its outputs are constants"
        )
    data = json.dumps(subject.data, separators=(",", ":"))
    parts = [module(subject.net), *map(_part, _SCRIPTS), f"explore({_safe(data)}, {functions(subject.net)});\n"]
    words = element("noscript", "This part computes in the browser: allow scripts for it.")
    return Live(Html(_part("explore.css")), Html("\n".join(parts)), element("div", words, id="explore"))


def page(subject: Subject) -> str:
    """The whole page as self-contained HTML text.

    Parameters
    ----------
    subject
        The network and its samples.

    Returns
    -------
    The text of an HTML file, in UTF-8 characters.

    Raises
    ------
    UnsupportedError
        As in ``live``.
    """
    parts = live(subject)
    head = element(
        "head",
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{parts.policy}">'),
        element("title", f"{subject.title}: explore"),
        element("style", Html(_STYLE + parts.style)),
    )
    body = element(
        "body",
        element("header", element("h1", subject.title), element("p", sentence(subject.net.structure))),
        element("main", parts.place),
        element("footer", f"Made by matnet {version()}. Everything is computed in this page."),
        element("script", parts.script, type="module"),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en', class_='themed')}\n"


def _part(name: str) -> str:
    return files("matnet.explore").joinpath(name).read_text(encoding="utf-8")


def _safe(text: str) -> str:
    """JSON that cannot end the script element that contains it."""
    return text.replace("<", "\\u003c")
