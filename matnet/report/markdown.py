"""The page as Markdown: the same headings, sentences and tables, with its pictures in files beside it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html.parser import HTMLParser

_SKIPPED = frozenset({"head", "style", "title", "nav", "source"})
_MARKS = {"h1": "# ", "h2": "## ", "h3": "### ", "li": "- ", "dt": "**"}
_ENDS = {"dt": "**"}
_BLOCKS = frozenset({"h1", "h2", "h3", "p", "li", "dt", "dd", "div", "summary", "footer", "small"})


@dataclass(frozen=True)
class Markdown:
    """The text, and the PNG of each picture by its name in the text."""

    text: str
    pictures: dict[str, bytes]


def markdown(page: str, folder: str) -> Markdown:
    """A page of ``matnet.report.page`` as Markdown whose pictures are in `folder`, relative to the text."""
    reader = _Reader(folder)
    reader.feed(page)
    reader.end_block()
    return Markdown("\n\n".join(reader.blocks) + "\n", reader.pictures)


@dataclass
class _Table:
    """The cells so far; the first row is the head."""

    rows: list[list[str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        head, *body = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([head, f"|{'---|' * len(self.rows[0])}", *body])


class _Reader(HTMLParser):
    def __init__(self, folder: str) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.pictures: dict[str, bytes] = {}
        self._folder = folder
        self._skipped = 0
        self._words: list[str] = []
        self._mark = ""
        self._table: _Table | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if tag in _SKIPPED and tag != "source":
            self._skipped += 1
        elif tag == "table":
            self.end_block()
            self._table = _Table()
        elif tag == "tr" and self._table is not None:
            self._table.rows.append([])
        elif tag in ("td", "th"):
            self._words = []
        elif tag == "img":
            self._picture(known["alt"] or "", known["src"] or "")
        elif tag in _BLOCKS:
            self.end_block()
            self._mark = _MARKS.get(tag, "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped -= 1
        elif tag in ("td", "th") and self._table is not None:
            self._table.rows[-1].append(self._text().replace("|", r"\|"))
        elif tag == "table" and self._table is not None:
            self.blocks.append(self._table.text)
            self._table = None
        elif tag == "figcaption":
            self._words = []  # the picture's text alternative is its caption
        elif tag in _BLOCKS:
            self.end_block(_ENDS.get(tag, ""))

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._words.append(_escaped(data))

    def _text(self) -> str:
        words, self._words = " ".join("".join(self._words).split()), []
        return words

    def end_block(self, end: str = "") -> None:
        """End the current block of text."""
        text = self._text()
        if text:
            self.blocks.append(f"{self._mark}{text}{end}")
        self._mark = ""

    def _picture(self, alt: str, address: str) -> None:
        self.end_block()
        name = f"{len(self.pictures) + 1:02d}.png"
        self.pictures[name] = base64.b64decode(address.partition("base64,")[2])
        self.blocks.append(f"![{_escaped(alt)}]({self._folder}/{name})")


def _escaped(text: str) -> str:
    """Text with Markdown's special characters escaped."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#" else char for char in text)
