"""The diagram of a network: what `view(net)` shows in MATLAB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matnet.errors import counted
from matnet.functions.transfer import TRANSFER
from matnet.model.structure import Process, Structure, Weight
from matnet.network import Network
from matnet.plots.style import BLACK, BLUE, GREEN, GREY, LINES, SMALL, VERMILION, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COLUMNS = 4
"""The most boxes side by side; further columns continue below."""

_WIDTH, _GAP, _SPACE = 2.5, 1.1, 0.45
_LINE, _PADDING = 0.27, 0.3
_INCHES, _LANE, _SLOT = 0.66, 0.36, 0.16
"""For boxes: width, gap to the next column, space to the box below, height of a line of text and of the margins. Then
inches per unit, and the distances of adjacent arrows in the lanes between bands and in the gaps between columns."""

Place = tuple[str, int]
"""("input", 0), ("layer", 1), ("output", 0)."""


@dataclass(frozen=True)
class Box:
    """A box of the diagram: its position, band and column, its text and its colour."""

    x: float
    y: float
    band: int
    column: int
    lines: tuple[str, ...]
    colour: str

    @property
    def height(self) -> float:
        """With all its lines."""
        return _height(self.lines)


def _height(lines: Sequence[str]) -> float:
    return _LINE * len(lines) + _PADDING


@dataclass(frozen=True)
class Arrow:
    """A weight between two boxes: ``label`` is empty for dotprod without delay."""

    start: Place
    end: Place
    label: str
    feedback: bool


@dataclass(frozen=True)
class Route:
    """An arrow as it is drawn: its corners, and the position of its label."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]
    label: tuple[float, float]
    colour: str


@dataclass(frozen=True)
class Layout:
    """The positions of all parts of a diagram; ``frame`` is left, right, bottom and top."""

    boxes: Mapping[Place, Box]
    routes: Sequence[Route]
    frame: tuple[float, float, float, float]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        left, right, bottom, top = self.frame
        return _INCHES * (right - left), _INCHES * (top - bottom)


def network(net: Network, ax: Axes | None = None, columns: int = MOST_COLUMNS, scale: float = 1.0) -> Axes:
    """The diagram of a network: inputs, layers and outputs from left to right.

    A box shows its size and functions, a label at an arrow the delays and the weight function where it is not dotprod.
    A dashed arrow is a feedback or recurrent connection. Arrows that skip a layer have the colour of the box that they
    start from.

    Parameters
    ----------
    net
        Static or dynamic.
    ax
        Where to draw; None for a new figure of fitting size.
    columns
        The most boxes side by side; longer networks continue below.
    scale
        The size of the text, for axes that are larger or smaller than the diagram would make them.

    Returns
    -------
    The Axes.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    drawn = layout(net.structure, columns)
    left, right, bottom, top = drawn.frame
    ax = new_axes(ax, *drawn.size)
    for box in drawn.boxes.values():
        _draw_box(ax, box, scale)
    for route in drawn.routes:
        _draw_route(ax, route, scale)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


@dataclass
class _Slots:
    """Numbers the arrows that share a lane, a gap between columns or the side of a box."""

    used: Counter[object] = field(default_factory=Counter)

    def take(self, key: object) -> int:
        """The next number at `key`, from 0."""
        self.used[key] += 1
        return self.used[key] - 1


def layout(structure: Structure, columns: int = MOST_COLUMNS) -> Layout:
    """The boxes and arrows of a network, at most `columns` boxes side by side."""
    bands = _bands(_columns(structure), columns)
    where = {
        place: (number, column)
        for number, band in enumerate(bands)
        for column, stack in enumerate(band)
        for place in stack
    }
    arrows = list(arrows_of(structure))
    detours = [arrow for arrow in arrows if not _is_straight(arrow, where)]
    lanes, gaps = _Slots(), _Slots()
    slots = {arrow: (lanes.take(_lane(arrow, where)), *_gap_slots(arrow, where, gaps)) for arrow in detours}
    lefts = _lefts(max(map(len, bands)), gaps.used)
    boxes, levels, bottom = _placed(bands, structure, lefts, lanes.used)
    colours = {place: LINES[number % len(LINES)] for number, place in enumerate(boxes)}
    sides, taken = _Slots(), _Slots()
    for arrow in detours:
        for side in _sides(arrow, where):
            sides.take(side)
    routes = []
    for arrow in arrows:
        if arrow not in slots:
            routes.append(_straight(arrow, boxes))
            continue
        lane = _lane(arrow, where)
        level, out, into = slots[arrow]
        y = levels[lane] + (1 if lane[1] == "above" else -1) * _LANE * (level + 1)
        xs = _gap_x(lefts, where[arrow.start][1] + 1, out), _gap_x(lefts, where[arrow.end][1], into)
        (band, column), end = where[arrow.start], where[arrow.end]
        goes_on = end == (band + 1, 0) and column == len(bands[band]) - 1
        # arrows leave nearer to the middle of a side than others enter: neighbours are often equally high
        leaving, coming = (
            (0.5 * (side[1] == "in") + 0.5 * (taken.take(side) + 1) / (sides.used[side] + 1)) * (1 if side[2] else -1)
            for side in _sides(arrow, where)
        )
        colour = BLACK if goes_on else colours[arrow.start]
        routes.append(_detour(arrow, boxes, y, xs, (leaving, coming), colour))
    left = _gap_x(lefts, 0, gaps.used[0]) if gaps.used[0] else -0.1
    right = _gap_x(lefts, len(lefts), gaps.used[len(lefts)] or -1)
    return Layout(boxes, routes, (left, right, bottom - 0.1, 0.1))


def _is_straight(arrow: Arrow, where: Mapping[Place, tuple[int, int]]) -> bool:
    (band, column), end = where[arrow.start], where[arrow.end]
    return not arrow.feedback and end == (band, column + 1)


def _lane(arrow: Arrow, where: Mapping[Place, tuple[int, int]]) -> tuple[int, str]:
    """The lane of an arrow: above its band if it skips a column, below if it goes back or to a lower band."""
    band = where[arrow.start][0]
    return band, "above" if not arrow.feedback and where[arrow.end][0] == band else "below"


def _sides(
    arrow: Arrow, where: Mapping[Place, tuple[int, int]]
) -> tuple[tuple[Place, str, bool], tuple[Place, str, bool]]:
    """The sides of the boxes at which an arrow leaves and enters, and whether in their upper halves."""
    above = _lane(arrow, where)[1] == "above"
    return (arrow.start, "out", above), (arrow.end, "in", above or where[arrow.end][0] > where[arrow.start][0])


def _gap_slots(arrow: Arrow, where: Mapping[Place, tuple[int, int]], gaps: _Slots) -> tuple[int, int]:
    return gaps.take(where[arrow.start][1] + 1), gaps.take(where[arrow.end][1])


def _gap_x(lefts: Sequence[float], gap: int, slot: int) -> float:
    """The position of the vertical part of an arrow: gap g is left of column g."""
    return -0.3 - _SLOT * slot if gap == 0 else lefts[gap - 1] + _WIDTH + 0.26 + _SLOT * slot


def _placed(
    bands: Sequence[Sequence[Sequence[Place]]],
    structure: Structure,
    lefts: Sequence[float],
    used: Mapping[object, int],
) -> tuple[dict[Place, Box], dict[tuple[int, str], float], float]:
    """The boxes, the levels from which lanes are counted, and the lowest point; the highest is 0."""
    boxes: dict[Place, Box] = {}
    levels: dict[tuple[int, str], float] = {}
    bottom = 0.0
    for number, band in enumerate(bands):
        stacks = [[(place, *_words(place, structure)) for place in stack] for stack in band]
        heights = [sum(_height(lines) for _, lines, _ in stack) + _SPACE * (len(stack) - 1) for stack in stacks]
        top = bottom - _room(used[number, "above"])
        levels[number, "above"], levels[number, "below"] = top, top - max(heights)
        for column, (stack, height) in enumerate(zip(stacks, heights, strict=True)):
            y = top - (max(heights) - height) / 2
            for place, lines, colour in stack:
                boxes[place] = Box(lefts[column], y - _height(lines) / 2, number, column, lines, colour)
                y -= _height(lines) + _SPACE
        bottom = top - max(heights) - max(_room(used[number, "below"]), 0.0 if number == len(bands) - 1 else 0.5)
    return boxes, levels, bottom


def _room(count: int) -> float:
    """The height that the arrows in a lane need."""
    return _LANE * (count + 1) if count else 0.0


def _lefts(count: int, used: Mapping[object, int]) -> list[float]:
    """Where each column begins: gaps are as wide as the arrows in them need."""
    lefts = [0.0]
    for column in range(1, count):
        lefts.append(lefts[-1] + _WIDTH + max(_GAP, 0.5 + _SLOT * used[column]))
    return lefts


def _bands(columns: Sequence[list[Place]], most: int) -> list[list[list[Place]]]:
    """The columns in as few bands as possible, about as many in each."""
    count = -(-len(columns) // most)
    width = -(-len(columns) // count)
    return [list(columns[start : start + width]) for start in range(0, len(columns), width)]


def _columns(structure: Structure) -> list[list[Place]]:
    """The boxes of each column: a layer is to the right of whatever feeds it without delay."""
    depth: dict[int, int] = {}
    first = 1 if structure.inputs else 0
    for number in structure.order:
        layer = structure.layers[number]
        sources = [source for source, weight in layer.layer_weights.items() if 0 in weight.delays]
        depth[number] = max((depth[source] + 1 for source in sources), default=first)
    last = max(depth.values()) + 1
    columns: list[list[Place]] = [[] for _ in range(last + 1)]
    columns[0] += [("input", number) for number in range(len(structure.inputs))]
    for number in range(len(structure.listed)):
        columns[depth[number]].append(("layer", number))
    columns[last] += [("output", number) for number in range(len(structure.outputs))]
    return [column for column in columns if column]


def _words(place: Place, structure: Structure) -> tuple[tuple[str, ...], str]:
    """The text of a box, the title first, and its colour."""
    kind, number = place
    if kind == "input":
        entry = structure.inputs[number]
        back = entry.feedback_output
        role = () if back is None else (f"feedback of {plain(structure.outputs[back].name)}",)
        title = _title("input", number, [other.name for other in structure.inputs])
        return (title, counted(entry.size, "element"), *role, *_processing(entry.processing)), GREEN
    if kind == "output":
        output = structure.outputs[number]
        loop = {"none": (), "open": ("open loop",), "closed": ("closed loop",)}[output.feedback_mode]
        title = _title("output", number, [other.name for other in structure.outputs])
        return (title, counted(output.size, "element"), *loop, *_processing(output.processing)), VERMILION
    layer = structure.layers[number]
    title = _title("layer", number, [other.name for other in structure.listed])
    bias = () if layer.bias is not None else ("no bias",)
    net_input = () if layer.net_input == "netsum" else (layer.net_input,)
    if layer.kind:
        size = "×".join(map(str, layer.shape)) or counted(layer.size, "element")
        settings = (f"{name} {value:g}" for name, value in layer.settings.items())
        return (title, layer.kind, *settings, size), BLUE
    return (title, counted(layer.size, "neuron"), layer.transfer, *net_input, *bias), BLUE


def _title(kind: str, number: int, names: Sequence[str]) -> str:
    """The name of an input, layer or output, with its number if it has no name of its own or shares it."""
    name = names[number]
    if name in ("", kind.capitalize()):
        return f"{kind.capitalize()} {number + 1}"
    return plain(name) if names.count(name) == 1 else f"{plain(name)} ({kind} {number + 1})"


def _processing(steps: Sequence[Process]) -> tuple[str, ...]:
    return tuple(step.function for step in steps)


def arrows_of(structure: Structure) -> Iterator[Arrow]:
    """All weights, and from layers to their outputs."""
    for number in range(len(structure.listed)):
        received = structure.received(number)
        yield from _into("input", received.input_weights, number, structure)
        yield from _into("layer", received.layer_weights, number, structure)
    for number, output in enumerate(structure.outputs):
        yield Arrow(("layer", output.layer), ("output", number), "", False)


def _into(kind: str, weights: Mapping[int, Weight], number: int, structure: Structure) -> Iterator[Arrow]:
    for source, weight in weights.items():
        back = kind == "layer" and 0 not in weight.delays
        words = [weight.function] if weight.function != "dotprod" and not structure.layers[number].kind else []
        words += [] if weight.delays == (0,) else [f"delay {delays(weight.delays)}"]
        yield Arrow((kind, source), ("layer", number), "\n".join(words), back)


def delays(steps: Sequence[int]) -> str:
    """Delays in few characters: 1:4 for 1, 2, 3, 4, as MATLAB writes them."""
    if len(steps) > 2 and steps[-1] - steps[0] == len(steps) - 1:
        return f"{steps[0]}:{steps[-1]}"
    shown = list(map(str, steps[:4]))
    return ", ".join([*shown, "…"] if len(steps) > 4 else shown)


def _straight(arrow: Arrow, boxes: Mapping[Place, Box]) -> Route:
    start, end = boxes[arrow.start], boxes[arrow.end]
    points = (start.x + _WIDTH, start.y), (end.x, end.y)
    middle = (points[0][0] + points[1][0]) / 2, (start.y + end.y) / 2
    return Route(arrow, points, middle, BLACK)


def _detour(
    arrow: Arrow,
    boxes: Mapping[Place, Box],
    y: float,
    xs: tuple[float, float],
    aside: tuple[float, float],
    colour: str,
) -> Route:
    """Out of one side, along a lane above or below all boxes of the band, and into the other.

    `xs` are the positions of the vertical parts, `aside` how far from the middle of the boxes' sides the arrow touches
    them, in shares of half their height.
    """
    start, end = boxes[arrow.start], boxes[arrow.end]
    leaving, coming = (box.y + share * box.height / 2 for box, share in zip((start, end), aside, strict=True))
    out, into = xs
    points = (
        (start.x + _WIDTH, leaving),
        (out, leaving),
        (out, y),
        (into, y),
        (into, coming),
        (end.x, coming),
    )
    return Route(arrow, points, ((out + into) / 2, y), colour)


def _draw_box(ax: Axes, box: Box, scale: float) -> None:
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
    for number, line in enumerate(box.lines):
        ax.text(
            box.x + _WIDTH / 2,
            box.y + ((len(box.lines) - 1) / 2 - number) * _LINE,
            line,
            ha="center",
            va="center",
            fontsize=SMALL * scale,
            weight="bold" if number == 0 else "normal",
            color=GREY if number and line not in TRANSFER else BLACK,
            zorder=4,
        )


def _draw_route(ax: Axes, route: Route, scale: float) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    ax.add_patch(
        FancyArrowPatch(
            path=Path(route.points),
            arrowstyle="-|>",
            mutation_scale=9 * scale,
            color=route.colour,
            linewidth=1.1,
            linestyle="--" if route.arrow.feedback else "-",
            fill=False,
            zorder=2,
        )
    )
    if route.arrow.label:
        straight = len(route.points) == 2
        ax.text(
            *route.label,
            route.arrow.label if straight else route.arrow.label.replace("\n", ", "),
            ha="center",
            va="center",
            fontsize=(SMALL - 1) * scale,
            color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            zorder=5,
        )
