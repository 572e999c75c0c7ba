"""Faults in the look of a figure, measured with matplotlib's own renderer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SLACK = 0.75
"""Pixels that texts may share: glyphs do not fill their boxes."""


def faults(made: Figure) -> list[str]:
    """Texts that are cut, that run into each other, that leave their box or that sit on a point; empty if none are."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    made.draw_without_rendering()
    renderer = FigureCanvasAgg(made).get_renderer()  # type: ignore[no-untyped-call]
    texts = [(text.get_text(), box) for text, box in _texts(made, renderer)]
    found = [f"cut: {words!r}" for words, box in texts if not _inside(box, made.bbox)]
    found += [
        f"run into each other: {one!r}, {other!r}"
        for (one, first), (other, second) in itertools.combinations(texts, 2)
        if _overlap(first, second)
    ]
    for ax in made.axes:
        boxes = [patch.get_window_extent(renderer) for patch in ax.patches if hasattr(patch, "get_boxstyle")]
        for text in ax.texts:
            if boxes and text.get_fontweight() == "bold":
                box = text.get_window_extent(renderer)
                if not any(_inside(box, outer) for outer in boxes):
                    found.append(f"wider than its box: {text.get_text()!r}")
        points = [point for drawn in ax.collections if _is_scatter(drawn) for point in _points(drawn)]
        found += [
            f"on a point: {text.get_text()!r}"
            for text in ax.texts
            for x, y in points
            if Text.get_window_extent(text, renderer).contains(x, y)
        ]
    return found


def _texts(made: Figure, renderer: Any) -> Iterator[tuple[Any, Any]]:
    """Every text that is seen, with its box in pixels."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    hidden = set()
    for axis in made.findobj(Axis):
        shown = axis.get_visible() and axis.axes.axison
        drawn = axis._update_ticks() if shown else []  # type: ignore[attr-defined]
        hidden |= {
            label
            for tick in [*axis.majorTicks, *axis.minorTicks]
            if tick not in drawn
            for label in (tick.label1, tick.label2)
        }
    for text in made.findobj(Text):
        if text.get_text().strip() and text.get_visible() and text not in hidden:
            yield text, Text.get_window_extent(text, renderer)  # of an annotation the text alone, without its line


def _is_scatter(drawn: Any) -> bool:
    from matplotlib.collections import PathCollection

    return isinstance(drawn, PathCollection)


def _points(drawn: Any) -> Any:
    return drawn.get_offset_transform().transform(drawn.get_offsets())


def _inside(box: Any, outer: Any) -> bool:
    return bool(
        box.x0 >= outer.x0 - SLACK
        and box.x1 <= outer.x1 + SLACK
        and box.y0 >= outer.y0 - SLACK
        and box.y1 <= outer.y1 + SLACK
    )


def _overlap(first: Any, second: Any) -> bool:
    across = min(first.x1, second.x1) - max(first.x0, second.x0)
    up = min(first.y1, second.y1) - max(first.y0, second.y0)
    return bool(across > SLACK and up > SLACK)
