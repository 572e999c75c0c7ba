"""Every intermediate value of one sample, in the order of a calculation by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from matnet.derivatives.time import Series
from matnet.errors import ShapeError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Structure
from matnet.network.arguments import input_elements, real_array, series_arguments, whole
from matnet.network.mistakes import Difference, Number, UserNumber, differences
from matnet.network.slope_writing import SlopeWriting
from matnet.network.stages import Route
from matnet.network.value_writing import ValueWriting
from matnet.network.written import Computation, Sum, Sums, factor, number


@dataclass(frozen=True, eq=False)
class Stage:
    """Numbers that are computed in the same way: their names and values, and how each is computed."""

    title: str
    quantities: tuple[str, ...]
    values: FloatArray
    computation: Callable[[int], Computation | None]

    @property
    def computed(self) -> tuple[str, ...]:
        """What to type for each number; empty where it is given, or not written out."""
        return tuple(self.written(place) for place in range(len(self.quantities)))

    def written(self, place: int, full: bool = False) -> str:
        """What to type for one number, on one line; `full`: however many terms there are."""
        found = self.computation(place)
        return "" if found is None else found.text(full)


class Trace:
    """The intermediate numbers of one sample; see ``Network.trace``.

    ``trace["n{1}(2)"]`` is one number, ``trace.stages`` are all of them in order, ``str(trace)`` is a table and
    ``trace.text(full=True)`` one in which sums of any length are written out.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        found = list(route.numbers(route.program, route.program))
        count = len(route.values)
        values, slopes = ValueWriting(route), SlopeWriting(route, found[count:])
        self.stages = (
            *(
                Stage(stage.title, stage.names, own, partial(values.written, stage))
                for stage, own in zip(route.values, found[:count], strict=True)
            ),
            *(
                Stage(stage.title, stage.names, own, partial(slopes.written, stage))
                for stage, own in zip(route.slopes, found[count:], strict=True)
            ),
        )

    @cached_property
    def places(self) -> Mapping[str, tuple[int, int]]:
        """The stage and element of each quantity, by its name."""
        positions: dict[str, tuple[int, int]] = {}
        for place, stage in enumerate(self.stages):
            for element, name in enumerate(stage.quantities):
                positions.setdefault(name, (place, element))
        return positions

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, ...], str]:
        """The quantities by the letters and numbers of their names; ambiguous ones are left out."""
        quantities: dict[tuple[str, ...], str] = {}
        shared: set[tuple[str, ...]] = set()
        for name, alias in self._aliases():
            key = _key(alias)
            if quantities.setdefault(key, name) != name:
                shared.add(key)
        return {key: name for key, name in quantities.items() if key not in shared}

    def _aliases(self) -> Iterator[tuple[str, str]]:
        """Each quantity with its alternative names: x1 and y1, and the name without the (1) of a single element."""
        program, names = self.route.program, self.route.names
        for name in self.places:
            yield name, name
        for stage in self.stages:
            if len(stage.quantities) == 1 and stage.quantities[0].endswith("(1)"):
                yield stage.quantities[0], stage.quantities[0].removesuffix("(1)")
        raw = [names[signal] for signal in self.route.present]
        for signal, leaf in zip(program.processed, raw, strict=False):
            if names.get(signal) == leaf:
                number = program.processed.index(signal) + 1
                yield from ((name, f"p{{{number}}}({k})") for k, name in enumerate(leaf, start=1))
        inputs = [name for part in raw for name in part]
        outputs = self.route.output_names
        yield from ((name, f"x{k}") for k, name in enumerate(inputs, start=1))
        yield from ((name, f"y{k}") for k, name in enumerate(outputs, start=1))
        for i, output in enumerate(outputs, start=1):
            yield from ((f"d{output}_d{name}", f"dy{i}_dx{j}") for j, name in enumerate(inputs, start=1))

    def quantity(self, name: str) -> str:
        """The quantity that a name means: ``n1(3)``, ``n{1}(3)`` and ``N1_3`` are the same.

        Raises
        ------
        ShapeError
            There is no such quantity.
        """
        if name in self.places:
            return name
        full = self._by_key.get(_key(name))
        if full is None:
            raise ShapeError(f"there is no quantity '{name}'{self._hint(name)}")
        return full

    def _hint(self, name: str) -> str:
        """A hint: the quantities of the same kind with other numbers, or those with similar names."""
        import difflib  # slow to import

        beginning = _key(name)[:-1]
        family = [own for key, own in self._by_key.items() if beginning and key[:-1] == beginning]
        if family:
            return f"; there are {family[0]} to {family[-1]}" if len(family) > 1 else f"; there is {family[0]}"
        close = difflib.get_close_matches(name, self.places, 3)
        return f"; similar ones are {', '.join(close)}" if close else "; print the trace to see their names"

    def __getitem__(self, name: str) -> float:
        stage, element = self.places[self.quantity(name)]
        return float(self.stages[stage].values[element])

    def __iter__(self) -> Iterator[tuple[str, float]]:
        for stage in self.stages:
            yield from zip(stage.quantities, stage.values.tolist(), strict=True)

    def against(self, given: Mapping[str, float | UserNumber]) -> tuple[Difference, ...]:
        """Where your own numbers differ from the network's, and which common mistake explains it.

        Parameters
        ----------
        given
            Some quantities of the trace by their names, in any order; a number with few digits as a ``UserNumber``.

        Returns
        -------
        The first quantity that differs, with what that usually means; then the first that differs from there on, and so
        on. Empty if all agree.

        Raises
        ------
        ShapeError
            There is no quantity of a name, or two names mean the same one.
        """
        numbers: dict[str, Number] = {}
        for name, value in given.items():
            quantity = self.quantity(name)
            if quantity in numbers:
                raise ShapeError(f"'{name}' is given twice: it means {quantity}")
            own = value if isinstance(value, UserNumber) else UserNumber(float(value))
            numbers[quantity] = Number(quantity, *self.places[quantity], own)
        return differences(self.route, sorted(numbers.values(), key=lambda number: (number.stage, number.element)))

    def rows(self, full: bool = False) -> Iterator[tuple[str, float, str]]:
        """Each quantity with its value and how it is computed, in order; `full`: however many terms a sum has."""
        return stage_rows(self.stages, full)

    def record(self, full: bool = False) -> list[dict[str, Any]]:
        """The stages for JSON; `full`: with sums of any number of terms."""
        return stage_record(self.stages, full)

    def text(self, full: bool = False) -> str:
        """A table: each stage with its quantities, their values, and what to type into a calculator for each.

        A sum of more than three terms takes several lines, each of which begins with the subtotal of those before. One
        of more than 32 terms is written out only with `full`.
        """
        return stages_text(self.stages, full)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Trace of {len(self.places)} quantities, {next(iter(self.places), '')} to {[*self.places][-1]}>"


def mean_stages(traces: Sequence[Trace]) -> tuple[Stage, ...]:
    """The mean of the outputs, and of their derivatives, of networks with the same inputs and outputs."""
    first, count = traces[0], len(traces)
    outputs = first.route.output_names
    slopes = first.stages[-1].quantities if first.route.present else ()
    stages = []
    for title, names in (("outputs", outputs), ("dy/dx at real scale", slopes)):
        numbers = np.array([[trace.stages[s].values[k] for s, k in _ends(trace, title)] for trace in traces])
        written = partial(_mean_written, numbers)
        stages.append(Stage(f"mean of {count} networks: {title}", names, numbers.mean(axis=0), written))
    return tuple(stage for stage in stages if stage.quantities)


def _ends(trace: Trace, title: str) -> list[tuple[int, int]]:
    """The stage and element of each output, or of each derivative."""
    if title == "outputs":
        return [trace.places[name] for name in trace.route.output_names]
    last = len(trace.stages) - 1
    return [(last, k) for k in range(len(trace.stages[last].quantities))] if trace.route.present else []


def _mean_written(numbers: FloatArray, k: int) -> Computation:
    own = numbers[:, k]
    return Sums((Sum(own, lambda place: factor(own[place])),), f"({{}}) / {len(own)}")


def stages_text(stages: Sequence[Stage], full: bool = False) -> str:
    """A table of stages; see ``Trace.text``."""
    width = max((len(name) for stage in stages for name in stage.quantities), default=0)
    lines = []
    for stage in stages:
        lines.append(stage.title)
        for place, (name, value) in enumerate(zip(stage.quantities, stage.values.tolist(), strict=True)):
            computation = stage.computation(place)
            first, *rest = [""] if computation is None else computation.lines(full)
            lines.append(f"  {name:<{width}}  {number(value):<17}  {first}".rstrip())
            lines += [f"  {'':<{width}}  {'':<17}  {line}" for line in rest]
    return "\n".join(lines)


def stage_rows(stages: Sequence[Stage], full: bool = False) -> Iterator[tuple[str, float, str]]:
    """Each quantity of stages with its value and how it is computed; see ``Trace.rows``."""
    for stage in stages:
        for place, (name, value) in enumerate(zip(stage.quantities, stage.values.tolist(), strict=True)):
            yield name, value, stage.written(place, full)


def stage_record(stages: Sequence[Stage], full: bool = False) -> list[dict[str, Any]]:
    """Stages for JSON; see ``Trace.record``."""
    return [
        {
            "title": stage.title,
            "quantities": [
                {"quantity": name, "value": value, "computed": computed}
                for name, value, computed in stage_rows([stage], full)
            ],
        }
        for stage in stages
    ]


def _key(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.casefold()))


def trace(
    structure: Structure, series: Series, x: Array, step: int | None, input_states: Array, layer_states: Array
) -> Trace:
    """The trace of one sample, or of one time step of a series; see ``Network.trace`` for the arguments."""
    if structure.dynamic:
        return Trace(Route(structure, _instant(structure, series, x, step, input_states, layer_states)))
    for value, parameter in ((step, "step"), (input_states, "input_states"), (layer_states, "layer_states")):
        if value is not None:
            raise ShapeError(f"{parameter} is for dynamic networks; this one is static")
    given = real_array(x, input_elements(structure), "x")
    if given.size != structure.input_size:
        raise ShapeError(f"x has shape {given.shape}, expected one sample ({structure.input_size},); choose one: x[0]")
    return Trace(Route(structure, given.reshape(-1)))


def _instant(
    structure: Structure, series: Series, x: Array, step: int | None, input_states: Array, layer_states: Array
) -> FloatArray:
    """The network's arguments in one time step of a series: the inputs, and the delayed inputs and outputs."""
    steps = whole(step, "step") if x is None and step is not None else None
    given = series_arguments(structure, x, input_states, layer_states, steps)
    if given.lead:
        raise ShapeError(f"x is a batch of series {given.lead}, expected one series (T, {structure.input_size})")
    length = given.x.shape[1]
    number = length if step is None else whole(step, "step")
    if not 1 <= number <= length:
        raise ShapeError(f"step is {number}, but the time steps are numbered from 1 to {length}")
    inputs, layers, _ = series.histories(given.x, given.input_states, given.layer_states)
    argument: FloatArray = series.argument(inputs, layers, number - 1)[0]
    return argument
