"""The diagram of a network: what `view(net)` shows in MATLAB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matnet.functions.transfer import TRANSFER
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight
from matnet.network import Network
from matnet.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, SMALL, VERMILION, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _GAP, _ROW = 2.5, 1.1, 2.3
_TITLE, _LINE = 0.34, 0.27
_INCHES, _LANE = 0.66, 0.42
"""Of a box: its width, the gap to the next column, the distance of rows, and the height of its lines of text; inches a
unit, and the distance of the lanes that arrows take around the boxes."""


@dataclass(frozen=True)
class Box:
    """A box of the diagram: its place, what is written in it, and its colour."""

    x: float
    y: float
    lines: tuple[str, ...]
    colour: str

    @property
    def height(self) -> float:
        """With all its lines."""
        return _TITLE + _LINE * len(self.lines) + 0.1

    @property
    def left(self) -> tuple[float, float]:
        """Where arrows come in."""
        return self.x, self.y

    @property
    def right(self) -> tuple[float, float]:
        """Where arrows go out."""
        return self.x + _WIDTH, self.y


@dataclass(frozen=True)
class Arrow:
    """A weight between two boxes: ``label`` is empty for dotprod without delay."""

    start: tuple[str, int]
    end: tuple[str, int]
    label: str
    feedback: bool


def network(net: Network, ax: Axes | None = None) -> Axes:
    """The diagram of a network: inputs, layers and outputs from left to right.

    A box tells its size and functions, a label at an arrow the delays and the weight function where it is not dotprod.
    A dashed arrow goes back: a feedback or a recurrence.

    Parameters
    ----------
    net
        Static or dynamic.
    ax
        Where to draw; None for a new figure of fitting size.

    Returns
    -------
    The Axes.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    boxes = layout(net.structure)
    arrows = list(arrows_of(net.structure))
    left, right, bottom, top = _frame(boxes, arrows)
    ax = new_axes(ax, *size(net))
    for box in boxes.values():
        _draw(ax, box)
    _draw_arrows(ax, boxes, arrows)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def size(net: Network) -> tuple[float, float]:
    """Width and height of the diagram in inches."""
    left, right, bottom, top = _frame(layout(net.structure), list(arrows_of(net.structure)))
    return _INCHES * (right - left), _INCHES * (top - bottom)


def _frame(boxes: Mapping[tuple[str, int], Box], arrows: Sequence[Arrow]) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of everything."""
    below, above = _lanes(boxes, arrows)
    bottom = min(box.y - box.height / 2 for box in boxes.values()) - below - 0.2
    top = max(box.y + box.height / 2 for box in boxes.values()) + above + 0.2
    right = max(box.x for box in boxes.values()) + _WIDTH + 0.1
    return (-0.5 if below else -0.1), right, bottom, top


def layout(structure: Structure) -> dict[tuple[str, int], Box]:
    """The boxes by what they are: ("input", 0), ("layer", 1), ("output", 0)."""
    columns = _columns(structure)
    boxes = {}
    parts: dict[str, Sequence[Input] | Sequence[Layer] | Sequence[Output]] = {
        "input": structure.inputs,
        "layer": structure.layers,
        "output": structure.outputs,
    }
    for column, members in enumerate(columns):
        for row, (kind, number) in enumerate(members):
            entry = parts[kind][number]
            y = ((len(members) - 1) / 2.0 - row) * _ROW
            lines, colour = _words(entry, number, structure)
            boxes[kind, number] = Box(column * (_WIDTH + _GAP), y, lines, colour)
    return boxes


def _columns(structure: Structure) -> list[list[tuple[str, int]]]:
    """Which boxes stand one above the other: a layer stands to the right of whatever feeds it without delay."""
    depth: dict[int, int] = {}
    first = 1 if structure.inputs else 0
    for number in structure.order:
        layer = structure.layers[number]
        sources = [source for source, weight in layer.layer_weights.items() if 0 in weight.delays]
        depth[number] = max((depth[source] + 1 for source in sources), default=first)
    last = max(depth.values()) + 1
    columns: list[list[tuple[str, int]]] = [[] for _ in range(last + 1)]
    columns[0] += [("input", number) for number in range(len(structure.inputs))]
    for number in range(len(structure.layers)):
        columns[depth[number]].append(("layer", number))
    columns[last] += [("output", number) for number in range(len(structure.outputs))]
    return columns


def _words(entry: Input | Layer | Output, number: int, structure: Structure) -> tuple[tuple[str, ...], str]:
    """What is written in a box, the title first, and its colour."""
    if isinstance(entry, Input):
        back = entry.feedback_output
        role = () if back is None else (f"feedback of {plain(structure.outputs[back].name)}",)
        title = plain(entry.name) if entry.name != "Input" else f"Input {number + 1}"
        return (title, _counted(entry.size, "element"), *role, *_processing(entry.processing)), GREEN
    if isinstance(entry, Output):
        loop = {"none": (), "open": ("open loop",), "closed": ("closed loop",)}[entry.feedback_mode]
        title = plain(entry.name) if entry.name != "Output" else f"Output {number + 1}"
        return (title, _counted(entry.size, "element"), *loop, *_processing(entry.processing)), VERMILION
    title = plain(entry.name) if entry.name not in ("", "Layer") else f"Layer {number + 1}"
    bias = () if entry.bias is not None else ("no bias",)
    net_input = () if entry.net_input == "netsum" else (entry.net_input,)
    return (title, _counted(entry.size, "neuron"), entry.transfer, *net_input, *bias), BLUE


def _counted(size: int, what: str) -> str:
    return f"{size} {what}" + ("" if size == 1 else "s")


def _processing(steps: Sequence[Process]) -> tuple[str, ...]:
    return tuple(step.function for step in steps)


def arrows_of(structure: Structure) -> Iterator[Arrow]:
    """All weights, and from layers to their outputs."""
    for number, layer in enumerate(structure.layers):
        yield from _into("input", layer.input_weights, number, structure)
        yield from _into("layer", layer.layer_weights, number, structure)
    for number, output in enumerate(structure.outputs):
        yield Arrow(("layer", output.layer), ("output", number), "", False)


def _into(kind: str, weights: Mapping[int, Weight], number: int, structure: Structure) -> Iterator[Arrow]:
    for source, weight in weights.items():
        back = kind == "layer" and 0 not in weight.delays
        words = [] if weight.function == "dotprod" else [weight.function]
        words += [] if weight.delays == (0,) else [f"delay {delays(weight.delays)}"]
        yield Arrow((kind, source), ("layer", number), "\n".join(words), back)


def delays(steps: Sequence[int]) -> str:
    """Delays in few characters: 1:4 for 1, 2, 3, 4, as MATLAB writes them."""
    if len(steps) > 2 and steps[-1] - steps[0] == len(steps) - 1:
        return f"{steps[0]}:{steps[-1]}"
    shown = list(map(str, steps[:4]))
    return ", ".join([*shown, "…"] if len(steps) > 4 else shown)


def _draw(ax: Axes, box: Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    ax.add_patch(
        FancyBboxPatch(
            (box.x, box.y - box.height / 2),
            _WIDTH,
            box.height,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor=f"{box.colour}1A",
            edgecolor=box.colour,
            linewidth=1.4,
            zorder=3,
        )
    )
    top = box.y + box.height / 2
    for number, line in enumerate(box.lines):
        weight = "bold" if number == 0 else "normal"
        colour = GREY if number and line not in TRANSFER else BLACK
        y = top - 0.05 - _TITLE / 2 - number * _LINE - (0.06 if number else 0.0)
        ax.text(
            box.x + _WIDTH / 2, y, line, ha="center", va="center", fontsize=SMALL, weight=weight, color=colour, zorder=4
        )


def _lanes(boxes: Mapping[tuple[str, int], Box], arrows: Sequence[Arrow]) -> tuple[float, float]:
    """How much room is needed below for arrows that go back, and above for those that skip a column."""
    below = sum(arrow.feedback for arrow in arrows)
    above = sum(_skips(boxes, arrow) for arrow in arrows)
    return below * (_LANE + 0.03), above * (_LANE + 0.03)


def _skips(boxes: Mapping[tuple[str, int], Box], arrow: Arrow) -> bool:
    columns = (boxes[arrow.end].x - boxes[arrow.start].x) / (_WIDTH + _GAP)
    return not arrow.feedback and columns > 1.5


def _draw_arrows(ax: Axes, boxes: Mapping[tuple[str, int], Box], arrows: Sequence[Arrow]) -> None:
    lowest = min(box.y - box.height / 2 for box in boxes.values())
    highest = max(box.y + box.height / 2 for box in boxes.values())
    back = skipping = 0
    for arrow in arrows:
        start, end = boxes[arrow.start], boxes[arrow.end]
        if arrow.feedback:
            back += 1
            _detour(ax, start, end, lowest - _LANE * back, arrow.label, VERMILION, "--")
        elif _skips(boxes, arrow):
            skipping += 1
            _detour(ax, start, end, highest + _LANE * skipping, arrow.label, ORANGE, "-")
        else:
            _straight(ax, start, end, arrow.label)


def _straight(ax: Axes, start: Box, end: Box, label: str) -> None:
    ax.annotate(
        "",
        xy=end.left,
        xytext=start.right,
        arrowprops={"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0},
        zorder=2,
    )
    if label:
        x, y = ((a + b) / 2 for a, b in zip(start.right, end.left, strict=True))
        level = start.y == end.y
        ax.text(
            x,
            y + (0.08 if level else 0.0),
            label,
            ha="center",
            va="bottom" if level else "center",
            fontsize=SMALL - 1,
            color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            zorder=1 if level else 5,
        )


def _detour(ax: Axes, start: Box, end: Box, y: float, label: str, colour: str, dashes: str) -> None:
    """An arrow out of one side, along a lane above or below all boxes, and into the other."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    out, into = start.right[0] + 0.2, end.left[0] - 0.3
    side = 0.18 if y > max(start.y, end.y) else -0.18
    leaving, coming = start.y + side, end.y + side
    points = [(start.right[0], leaving), (out, leaving), (out, y), (into, y), (into, coming), (end.left[0], coming)]
    ax.add_patch(
        FancyArrowPatch(
            path=Path(points),
            arrowstyle="-|>",
            mutation_scale=9,
            color=colour,
            linewidth=1.1,
            linestyle=dashes,
            fill=False,
            zorder=2,
        )
    )
    if label:
        ax.text(
            (out + into) / 2,
            y,
            label.replace("\n", ", "),
            ha="center",
            va="center",
            fontsize=SMALL - 1,
            color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            zorder=5,
        )
