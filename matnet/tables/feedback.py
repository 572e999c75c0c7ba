"""How a series in a table starts, and which columns hold the measured outputs that a network feeds back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matnet.errors import Advice, Parameter, TableError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.loops import feedback_marked
from matnet.network import Network
from matnet.network.forecast import aligned, closed_elements, fed_elements, first_states, looks_back, opened_elements
from matnet.tables.arrays import ArrayTable
from matnet.tables.chunks import joined
from matnet.tables.columns import (
    INPUTS,
    TARGETS,
    Choice,
    Columns,
    check_names,
    expanded,
    numbered,
    output_names,
)
from matnet.tables.csv.dialect import Dialect
from matnet.tables.interfaces import Rows, Table
from matnet.tables.polars import pl
from matnet.tables.scales import layer_doubt, raw_doubt
from matnet.tables.wording import listed, shown

STATES = Parameter("states")


@dataclass(frozen=True)
class States:
    """What came before each series: the inputs (ID, R), raw, and all layers' outputs (LD, N); None for zeros.

    With ``first_rows`` it is the first rows of the series themselves, as with MATLAB's preparets.
    """

    inputs: FloatArray | None = None
    layers: FloatArray | None = None
    first_rows: bool = False


@dataclass(frozen=True)
class Start:
    """How every series of a table starts.

    ``choice`` are the columns that are read: as its inputs all of the network's, as its targets those of the
    ``elements`` of the outputs, from 0, that are fed back inside the network, unless they are in ``array`` (N, S).
    ``names`` are those of all outputs. ``rows`` is how many rows become the states, ``ahead`` how many more must be
    known. ``words`` describe it for the user, and ``doubts`` are warnings about the states once they are read.
    """

    choice: Choice
    states: States
    rows: int = 0
    ahead: int = 0
    elements: tuple[int, ...] = ()
    array: FloatArray | None = None
    words: str = ""
    names: tuple[str, ...] = ()
    place: str = ""
    doubts: list[str] = field(default_factory=list)

    def doubt(self, message: str) -> None:
        """Add a warning, unless it is empty or was already given for another series."""
        if message and message not in self.doubts:
            self.doubts.append(message)

    def doubt_measured(self, net: Network, t: FloatArray) -> None:
        """Check the scale of the measured outputs (N, S) that become states."""
        if self.elements:
            fed = list(self.elements)
            names = [self.names[k] for k in fed]
            self.doubt(raw_doubt("the measured outputs", t[:, fed], net.output_range[fed], names))

    def check_length(self, rows: int) -> None:
        """Check that an array of measured outputs is for this number of rows."""
        if self.array is not None:
            check_targets(len(self.array), rows, self.place)

    def measured(self, rows: Rows, before: int, size: int, dialect: Dialect) -> FloatArray:
        """The measured outputs (N, S) of rows of the table that come after `before` others; NaN where unknown.

        Raises
        ------
        TableError
            A cell is not a number.
        """
        if self.array is not None:
            if len(self.array) < before + len(rows):
                self.check_length(before + len(rows))
            return self.array[before : before + len(rows)]
        outputs = np.full((len(rows), size), np.nan)
        first = len(rows.texts.columns) - len(self.elements)
        for place, element in enumerate(self.elements):
            outputs[:, element] = as_numbers(rows.texts.to_series(first + place), dialect)
        return outputs


def check_targets(targets: int, samples: int, place: str) -> None:
    """Check that there are as many targets as samples.

    Raises
    ------
    TableError
        There are not.
    """
    if targets != samples:
        raise TableError(f"{counted(targets, 'target')} for {counted(samples, 'sample')}", place=place)


def as_numbers(column: pl.Series, dialect: Dialect) -> FloatArray:
    """A column of text or numbers as numbers; NaN for a missing one.

    Raises
    ------
    TableError
        A cell holds something else, or is too large.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Null:
        known = column.cast(pl.Float64)
        return known.set(known.is_null() | known.is_in(list(dialect.na_numbers)), np.nan).to_numpy()
    numbers = np.empty(len(column))
    for place, cell in enumerate(column.cast(pl.String).to_list()):
        if cell is None or dialect.is_missing(cell):
            numbers[place] = np.nan
        elif dialect.is_number(cell):
            numbers[place] = dialect.number(cell, "the measured outputs")
        else:
            raise TableError(TARGETS, f": {shown(cell)} is not a number")
    return numbers


def start_of_series(
    net: Network,
    table: Table,
    columns: Columns,
    states: States | None,
    targets: FloatArray | None = None,
    early: bool = False,
) -> Start:
    """How the series of a table start, and from which columns.

    Parameters
    ----------
    net
        A dynamic network.
    table
        The series.
    columns
        What was requested by name.
    states
        What came before each series; None for its first rows.
    targets
        (N, S), the measured outputs where they are kept elsewhere.
    early
        Whether outputs may come any number of steps early, as forecasts restore the delays.

    Raises
    ------
    TableError
        The columns do not fit, or the first rows do not determine the states.
    """
    columns = _with_targets(net, table, columns, targets)
    choice = _choice(net, table, columns)
    if states is not None and not states.first_rows:
        structure = net.structure
        taken = {
            "input": states.inputs is None and structure.input_delay * structure.input_size > 0,
            "layer": states.layers is None and structure.layer_delay > 0,
        }
        if states.inputs is None and states.layers is None:
            words = f"{table.place}: what came before is taken as zeros"
        else:
            words = next((f"{table.place}: the {kind} states are taken as zeros" for kind in taken if taken[kind]), "")
        start = Start(replace(choice, targets=()), states, words=words)
        if states.inputs is not None and states.inputs.shape == (structure.input_delay, net.input_size):
            start.doubt(raw_doubt("the input states", states.inputs, net.input_range, choice.input_names))
        if states.layers is not None and states.layers.shape == (structure.layer_delay, structure.layer_elements):
            start.doubt(layer_doubt(net, states.layers, output_names(columns, net.output_size)))
        return start
    closed = closed_elements(net.structure)
    steps, ahead = looks_back(net.structure)
    ahead = ahead if closed else 0
    if closed and targets is None and not choice.targets:
        names = output_names(columns, net.output_size)
        raise TableError(
            f"{table.place}: the network feeds {_listed([names[k] for k in closed])} back, and the table has no such "
            f"{'column' if len(closed) == 1 else 'columns'}",
            Advice("; name the columns of the measured outputs with ", TARGETS),
            Advice(", or start from zeros with ", Parameter("states", "zeros")),
        )
    if ahead > 1 and not early:
        raise TableError(
            STATES,
            f": the outputs of this network come {counted(ahead, 'step')} early, so its first rows do not determine "
            "its states; give them as FILE.mat:Xi,Ai",
        )
    words = _words(net, table.place, steps, choice.group is not None)
    names = output_names(columns, net.output_size)
    return Start(choice, States(first_rows=True), steps, ahead, closed, targets, words, names, table.place)


def _words(net: Network, place: str, steps: int, grouped: bool) -> str:
    """What stands for the states, for people; nothing where no rows do."""
    if not steps and net.structure.ends:
        return (
            f"{place}: {'each series' if grouped else 'the series'} has one output, at its last row; the others are NaN"
        )
    if not steps:
        return ""
    fed = {out.layer for out in feedback_marked(net.structure).outputs if out.feedback_mode == "closed"}
    inner = sorted(
        {
            source + 1
            for layer in net.structure.layers
            for source, weight in layer.layer_weights.items()
            if weight.delays[-1] and source not in fed
        }
    )
    rows = "the first row" if steps == 1 else f"the first {steps} rows"
    series = "each series" if grouped else "the series"
    told = f"{place}: {rows} of {series} {'is' if steps == 1 else 'are'} its states; their outputs are NaN"
    if not inner:
        return told
    which = f"layer {inner[0]}" if len(inner) == 1 else f"layers {', '.join(map(str, inner))}"
    start = "the network's own initial states" if net.structure.starts_elsewhere else "0"
    return f"{told}; the earlier outputs of {which} are not known and taken as {start}"


def _listed(names: Sequence[str]) -> str:
    return listed(names, 6).replace("'", "")


def _with_targets(net: Network, table: Table, columns: Columns, array: FloatArray | None) -> Columns:
    """The columns of the outputs that are fed back, by default those with the outputs' names."""
    size, fed = net.output_size, fed_elements(net.structure)
    if columns.targets:
        targets = expanded(columns.targets, table.header.names)
        if len(targets) not in (size, len(fed)):
            needed = counted(size, "output")
            raise TableError(
                TARGETS, f" gives {counted(len(targets), 'name')} ({listed(targets)}), the network has {needed}"
            )
        return replace(columns, targets=targets)
    if not net.input_size and not table.header.written and len(table.header.names) == size and array is None:
        return replace(columns, targets=table.header.names)
    names = output_names(columns, size)
    if not closed_elements(net.structure) and _complete(net, table, columns):
        fed = ()
    own = tuple(names[element] for element in fed)
    if array is None and own and table.header.written and set(own) <= set(table.header.names):
        return replace(columns, targets=own)
    return columns


def _choice(net: Network, table: Table, columns: Columns) -> Choice:
    """The columns of all inputs, and as targets those of the outputs that are fed back inside the network."""
    opened, closed = opened_elements(net.structure), closed_elements(net.structure)
    wanted = None if columns.inputs is None else expanded(columns.inputs, table.header.names)
    if not columns.targets or not opened or _complete(net, table, columns):
        choice = table.choose(columns, net.input_size)
        fed = closed if len(choice.targets) == net.output_size else range(len(choice.targets))
        return replace(choice, targets=tuple(choice.targets[element] for element in fed) if closed else ())
    beside = table.choose(columns_beside(net, columns, wanted), net.input_size - len(opened))
    # the columns in the network's order, those fed back between the others
    outputs = beside.targets
    number = {element: k for k, element in enumerate(fed_elements(net.structure))}
    full = len(outputs) == net.output_size
    others, names = iter(zip(beside.inputs, beside.input_names, strict=True)), table.header.names
    picked = []
    for element in range(net.input_size):
        if element in opened:
            index = outputs[opened[element] if full else number[opened[element]]]
            picked.append((index, names[index]))
        else:
            picked.append(next(others))
    inputs, input_names = zip(*picked, strict=True)
    return replace(beside, inputs=inputs, input_names=input_names, targets=())


def _complete(net: Network, table: Table, columns: Columns) -> bool:
    """Whether the table has a column for each input, those that are fed back included."""
    if columns.inputs is not None:
        return len(expanded(columns.inputs, table.header.names)) == net.input_size
    return set(columns.own_inputs or numbered("x", net.input_size)) <= set(table.header.names)


def columns_beside(net: Network, columns: Columns, wanted: tuple[str, ...] | None = None) -> Columns:
    """The columns asked for, for the inputs that are not fed back alone.

    Raises
    ------
    TableError
        Another number of inputs is named.
    """
    opened = opened_elements(net.structure)
    if wanted is not None:
        check_names(wanted, net.input_size - len(opened), INPUTS, "input beside those fed back")
    own = columns.own_inputs
    kept = None if own is None else tuple(name for k, name in enumerate(own) if k not in opened)
    return replace(columns, own_inputs=kept)


def with_array(net: Network, table: Table, targets: FloatArray | None) -> tuple[Table, FloatArray | None]:
    """An array of the inputs that are not fed back completed by the outputs (N, S) that are.

    The array of a network without inputs holds the outputs themselves.

    Raises
    ------
    TableError
        The outputs are not of as many samples.
    """
    opened = opened_elements(net.structure)
    if not isinstance(table, ArrayTable):
        if targets is not None and opened:
            raise TableError(
                TARGETS,
                ": an array of outputs completes an array of inputs, but this table has columns; name the columns of "
                "the outputs in it",
                place=table.place,
            )
        return table, targets
    if targets is None:
        holds_outputs = not net.input_size and table.x.shape[1] == net.output_size
        return (table.holding(table.x[:, :0]), table.x) if holds_outputs else (table, None)
    check_targets(len(targets), len(table.x), table.place)
    if not opened or table.x.shape[1] != net.input_size - len(opened):
        return table, targets
    x = np.empty((len(targets), net.input_size))
    x[:, [k for k in range(net.input_size) if k not in opened]] = table.x
    x[:, list(opened)] = targets[:, list(opened.values())]
    return table.holding(x), targets


class Opening:
    """The first rows of a series, collected until they determine its states."""

    def __init__(self, net: Network, start: Start) -> None:
        self._net = net
        self._start = start
        self._x = np.zeros((0, net.input_size))
        self._t = np.zeros((0, net.output_size))

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._x)

    def add(self, x: FloatArray, t: FloatArray | None) -> None:
        """More rows x (N, R), and the outputs measured (N, S) where they are fed back inside the network."""
        missing = self._start.rows + self._start.ahead - len(self._x)
        self._x = np.concatenate([self._x, x[:missing]])
        if t is not None:
            self._t = np.concatenate([self._t, t[:missing]])

    @property
    def complete(self) -> bool:
        """Whether the states are known."""
        return len(self._x) == self._start.rows + self._start.ahead

    def states(self, table: Table) -> tuple[FloatArray, FloatArray]:
        """The inputs (ID, R), raw, and all layers' outputs (LD, N) before the first row that follows.

        Raises
        ------
        TableError
            An output that they need is missing in the table.
        """
        before = first_states(self._net.structure, self._x, self._t if self._start.elements else None)
        check_known(self._start, before[1], table)
        self._start.doubt_measured(self._net, self._t)
        return before


@dataclass(frozen=True, eq=False)
class SeriesData:
    """A series in memory: ``x`` (T, R), the targets ``t`` (T, S) of its outputs, None where none are known.

    ``states`` are those before it, as arguments of ``Network.run``, and ``first`` is the table's row, from 1, that it
    begins with.
    """

    start: Start
    x: FloatArray
    t: FloatArray | None
    states: dict[str, Any]
    first: int = 1


def read_series(
    net: Network, table: Table, columns: Columns, states: States | None, targets: FloatArray | None
) -> SeriesData:
    """The only series of a table with its states and targets; the parameters are those of `start_of_series`.

    Raises
    ------
    TableError
        The columns do not fit, or the first rows do not determine the states.
    """
    table, targets = with_array(net, table, targets)
    columns = _with_targets(net, table, columns, targets)
    start = start_of_series(net, table, columns, states, targets)
    indices = tuple(table.header.names.index(name) for name in columns.targets)
    choice = replace(start.choice, targets=indices, keep=(), group=None)
    parts = list(table.rows(choice))
    rows = joined(parts) if parts else Rows(np.zeros((0, net.input_size)), pl.DataFrame())
    known = targets
    if indices and parts:
        known = np.full((len(rows), net.output_size), np.nan)
        elements = range(net.output_size) if len(indices) == net.output_size else fed_elements(net.structure)
        for place, element in enumerate(elements):
            known[:, element] = as_numbers(rows.texts.to_series(place), table.dialect)
    if targets is not None:
        check_targets(len(targets), len(rows), table.place)
    t = None if known is None else aligned(net.structure, known)
    if not start.states.first_rows:
        given = {"input_states": start.states.inputs, "layer_states": start.states.layers}
        return SeriesData(start, rows.x, t, {name: state for name, state in given.items() if state is not None})
    if len(rows) < start.rows + start.ahead:
        raise too_short(table.place, "the series", len(rows), start.rows + start.ahead)
    first = slice(start.rows + start.ahead)
    if known is not None:
        start.doubt_measured(net, known[first])
    inputs, layers = first_states(
        net.structure, rows.x[first], known[first] if start.elements and known is not None else None
    )
    states_before = {"input_states": inputs, "layer_states": layers}
    return SeriesData(
        start, rows.x[start.rows :], None if t is None else t[start.rows :], states_before, start.rows + 1
    )


def check_known(start: Start, layers: FloatArray, table: Table) -> None:
    """Check that no measured output needed for the layer states is missing, unless that is allowed.

    Raises
    ------
    TableError
        One was.
    """
    if start.elements and start.array is None and table.dialect.missing == "error" and np.isnan(layers).any():
        raise TableError(
            f"{table.place}: the first rows of the series are its states, and a measured output is missing there",
            Advice("; to continue anyway, use ", Parameter("missing", "nan")),
        )


def too_short(place: str, which: str, rows: int, needed: int) -> TableError:
    """The error for a series that is too short to determine its states."""
    return TableError(
        f"{place}: {which} has {counted(rows, 'row')}, but the network looks back over {needed}, which become its "
        "states; give more rows, or the states with ",
        STATES,
    )
