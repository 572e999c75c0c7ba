"""The right sides of a main function's statements, read as signals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import BUILTIN, Recognised
from matnet.importers.genfunction.signals import (
    Constant,
    Plan,
    PlannedLayer,
    Position,
    Ring,
    Signal,
    Step,
    Taps,
    Term,
    Total,
    Value,
)
from matnet.importers.genfunction.syntax import NAME, Place, split
from matnet.importers.genfunction.tokens import literal_array

ADVICE = "genFunction writes no such statement; undo the edit, or load the network's .mat file"
MAX_DELAY = 100_000
"""The longest delay that is read; real networks stay under 1,000."""

MAX_INPUTS = 10_000
"""The highest number of an input."""

MAX_PROCESSING = 20
"""How many processing functions may follow each other; real networks have up to four."""

_WEIGHT = re.compile(r"([IL])W(\d{1,6})_(\d{1,6})", re.ASCII)
_BIAS = re.compile(r"b(\d{1,6})", re.ASCII)
_REPEATED = re.compile(rf"repmat\(({NAME}),1,({NAME})\)", re.ASCII)
_CALL = re.compile(rf"({NAME})\((.*)\)", re.ASCII)
_COLUMN = re.compile(rf"({NAME})\(:,({NAME})\)", re.ASCII)
_CELL = re.compile(rf"({NAME})\{{({NAME})\}}", re.ASCII)
_STATES = re.compile(rf"({NAME})(?:\(([1-9]\d{{0,4}}),:\)|\{{([1-9]\d{{0,4}}),({NAME})\}})", re.ASCII)
_TAPS = re.compile(rf"reshape\(({NAME})\(:,(.+)\),(\d{{1,9}}),1\)|cat\(1,({NAME})\{{(.+)\}}\)", re.ASCII | re.DOTALL)
_DELAYS = re.compile(rf"mod\(({NAME})-(\d+|\[[^\]]*\])-1,(\d{{1,9}})\)\+1", re.ASCII)
_POSITION = re.compile(rf"mod\(({NAME})\+(\d{{1,9}}),(\d{{1,9}})\)\+1", re.ASCII)
_LITERAL = re.compile(r"(\[.*\])('?)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:[0-9.][0-9.eE+-]*|NaN|nan|Inf|inf)")
_EMPTY = re.compile(r"zeros\((?:0,\d{1,9}|\d{1,9},0)\)", re.ASCII)


class Variables:
    """What is known at one place of a main function; layers that an expression calculates are entered in the plan.

    ``known`` maps variables to what they stand for. ``loop`` is the time loop's variable inside it, ``filling`` that of
    a loop over the initial states, ``looped`` tells whether there has been a time loop. A file with cells has all
    states in two arguments, which ``states`` maps to input and layer. ``turned`` tells where inputs were
    transposed, ``taken`` are those that were used.
    """

    def __init__(self, cells: bool) -> None:
        self.cells = cells
        self.functions: Mapping[str, Recognised] = {}
        self.plan = Plan()
        self.known: dict[str, Value] = {}
        self.loop: str | None = None
        self.looped = False
        self.filling: str | None = None
        self.states: dict[str, str] = {}
        self.turned: dict[int, Place] = {}
        self.taken: set[int] = set()
        self.place = Place("", 0, 0, 0)

    def of(self, text: str) -> Value | None:
        """What a variable or an output stands for, None where the expression is neither."""
        number = self.output_number(text)
        if number in self.plan.outputs and not self.plan.outputs[number].turned:
            return self.plan.outputs[number].signal
        return self.known.get(text)

    def output_number(self, text: str) -> int:
        """The number of the output that is meant by ``y1``, ``y1(:,ts)`` or ``Y{1,ts}``, 0 where none is."""
        if self.cells:
            found = _STATES.fullmatch(text)
            return int(found[3]) if found is not None and (found[1], found[4]) == ("Y", self.loop) else 0
        column = _COLUMN.fullmatch(text)
        if column is not None and column[2] != self.loop:
            return 0
        base = text if column is None else column[1]
        match = re.fullmatch(r"y([1-9]\d{0,3})", base, re.ASCII)
        return int(match[1]) if match is not None and base in self.known else 0

    def value(self, text: str) -> Value:
        """What an expression stands for.

        Raises
        ------
        FormatError, UnsupportedError
            It is none that genFunction writes.
        """
        found = self.of(text) or self._element(text) or self._taps(text) or self._called(text)
        if isinstance(found, Signal) and found.kind == "input" and not found.steps and found.time in ("all", "now"):
            self.taken.add(found.number)
        return found if found is not None else self._total(text)

    def _element(self, text: str) -> Value | None:
        """An element of an argument, or what a ring holds at the present time step."""
        found = (_CELL if self.cells else _COLUMN).fullmatch(text)  # Xd1{xdts}, x1(:,ts), xd1(:,xdts)
        if found is not None:
            held = self.known.get(found[1])
            if isinstance(held, Ring) and held.signal is not None and found[2] == self.filling:
                return replace(held.signal, time="state")
            if isinstance(held, Ring):
                return held.written if isinstance(self.known.get(found[2]), Position) else None
            if not isinstance(held, Signal) or held.time != "all" or found[2] != self.loop:
                return None
            return replace(held, time="now")
        found = _STATES.fullmatch(text)  # X{1,ts}, Xi{1,ts}, Xi(1,:)
        if found is None:
            return None
        base, number, step = found[1], int(found[2] or found[3]), found[4]
        if number > MAX_INPUTS:
            return None
        if self.cells and base == "X" and step is not None and step == self.loop:
            self.plan.inputs = max(self.plan.inputs, number)
            return Signal("input", number, "now")
        if base not in self.states or (step is not None and step != self.filling):
            return None
        return Signal(self.states[base], number, "states" if step is None else "state")

    # delays

    def _taps(self, text: str) -> Value | None:
        """``reshape(xd1(:,mod(xdts-[1 2]-1,3)+1),4,1)``, ``cat(1,Xd1{mod(xdts-[1 2]-1,3)+1})``."""
        found = _TAPS.fullmatch(text)
        ring = self.known.get(found[1] or found[4]) if found is not None else None
        if found is None or not isinstance(ring, Ring) or (found[1] is None) != self.cells:
            return None
        delays = self._delays(ring, found[2] or found[5])
        if ring.signal is None or (delays[0] == 0 and ring.written != ring.signal):
            raise UnsupportedError("the ring is read at delay 0 before the present value is written into it")
        return Taps(ring.signal, delays, int(found[3]) if found[3] else None)

    def _delays(self, ring: Ring, index: str) -> tuple[int, ...]:
        found = _DELAYS.fullmatch(index)
        if found is None:
            raise UnsupportedError("the delays are not written as mod(xdts-[1 2]-1,slots)+1; undo the edit")
        position, slots = self.known.get(found[1]), int(found[3])
        if not isinstance(position, Position):
            raise UnsupportedError("the delays are not the position in a ring less a literal row of numbers")
        if position.slots != slots or ring.slots not in (None, slots):
            raise FormatError(f"the ring has {ring.slots or position.slots} slots, but its delays count modulo {slots}")
        ring.slots = slots
        listed = literal_array(found[2] if found[2].startswith("[") else f"[{found[2]}]")
        values = listed.reshape(-1).tolist()
        in_order = values and values == sorted(set(values)) and listed.shape[0] == 1
        if not in_order or any(not value.is_integer() or value < 0 for value in values):
            raise FormatError(f"delays must be non-negative integers in increasing order, got {values[:8]}")
        if values[-1] >= slots:
            raise FormatError(f"the delays {[int(value) for value in values[:8]]} do not fit a ring of {slots} slots")
        return tuple(map(int, values))

    def position(self, text: str) -> Position | None:
        """``mod(ts+D-1,D+1)+1``; None where it is something else."""
        found = _POSITION.fullmatch(text)
        if found is None or found[1] != self.loop or not 1 <= int(found[3]) <= MAX_DELAY:
            return None
        slots = int(found[3])
        if int(found[2]) != slots - 2:
            raise FormatError(f"in a ring of {slots} slots the position is mod({self.loop}+{slots - 2},{slots})+1")
        return Position(slots)

    # module functions

    def _called(self, text: str) -> Value | None:
        found = _CALL.fullmatch(text)
        arguments = split(found[2], ",") if found is not None else []
        function = self.functions.get(found[1]) if found is not None and arguments else None
        if found is None or function is None:
            return None
        if not 1 <= len(arguments) <= function.parameters:
            raise FormatError(f"'{found[1]}' is called with {len(arguments)} arguments, it has {function.parameters}")
        if function.kind == "weight" and len(arguments) == 2:
            return self._weighted(arguments[0], function.function, arguments[1])
        if function.kind in ("apply", "reverse"):
            return self._processed(function, arguments)
        total = self.value(arguments[0]) if len(arguments) == 1 else None
        if not isinstance(total, Total):
            raise UnsupportedError(f"'{found[1]}' is called with something that is no net input of a layer")
        return self._enter(total, function.function)

    def _enter(self, total: Total, transfer: str) -> Signal:
        if total.number in self.plan.layers:
            before = self.plan.layers[total.number].place.line
            raise UnsupportedError(f"layer {total.number} is calculated a second time (first in line {before})")
        self.plan.layers[total.number] = PlannedLayer(total, transfer, self.place, self.loop is not None)
        return Signal("layer", total.number, "now")

    def layer(self, value: Value) -> Value:
        """A net input without transfer function as the output of a linear layer; all else as it is."""
        if not isinstance(value, Total):
            return value
        entered = self.plan.layers.get(value.number)
        if entered is not None and entered.total == value and entered.transfer == "purelin":
            return Signal("layer", value.number, "now")
        return self._enter(value, "purelin")

    def _processed(self, function: Recognised, arguments: list[str]) -> Signal:
        signal = self.layer(self.value(arguments[0]))
        apply = function.kind == "apply"
        usable = isinstance(signal, Signal) and (signal.kind == "input") == apply and (apply or signal.time == "now")
        if not isinstance(signal, Signal) or not usable or len(signal.steps) >= MAX_PROCESSING:
            side = "input" if apply else "output"
            raise UnsupportedError(f"{function.function} is called with something that is no {side}")
        step = Step(function.function, self._settings(function, arguments), self.place)
        self.plan.passed.update(arguments[1:])
        return replace(signal, kind="input" if apply else "output", steps=(*signal.steps, step))

    def _settings(self, function: Recognised, arguments: list[str]) -> tuple[tuple[str, str], ...]:
        variables = {constant.partition(".")[0] for constant in self.plan.constants}
        if not all(name in variables and name not in self.known for name in arguments[1:]):
            raise UnsupportedError("settings are passed as the constants that the file begins with")
        found: list[tuple[str, str]] = []
        for role, (position, part) in sorted(function.settings.items()):
            if position >= len(arguments):
                raise FormatError(f"the argument with the setting {role} is missing")
            constant = arguments[position] + (f".{part}" if part else "")
            if constant not in self.plan.constants:
                raise FormatError(f"the setting {constant} is missing")
            found.append((role, constant))
        return tuple(found)

    # net inputs

    def _total(self, text: str) -> Total:
        parts = [self._part(part) for part in split(text, "+")]
        numbers = {part.number for part in parts}
        if len(numbers) > 1:
            raise UnsupportedError(f"biases and weights of layers {sorted(numbers)} meet in one net input")
        biases = [part.bias for part in parts if part.bias is not None]
        terms = [term for part in parts for term in part.terms]
        if not numbers or len(biases) > 1 or len({term.weight for term in terms}) < len(terms):
            raise UnsupportedError("a bias or a weight occurs twice in one net input")
        return Total(numbers.pop(), biases[0] if biases else None, tuple(terms))

    def _part(self, text: str) -> Total:
        weight, star, weighed = text.partition("*")
        if star and re.fullmatch(NAME, weight, re.ASCII):
            return self._weighted(weight, "dotprod", weighed)
        repeated = _REPEATED.fullmatch(text)
        if repeated is not None and (self.of(repeated[2]) != "samples" or (self.looped and not self.cells)):
            raise UnsupportedError("the bias is not repeated once for each sample")
        bias = text if repeated is None else repeated[1]
        match = _BIAS.fullmatch(bias)
        if match is not None and bias in self.plan.constants:
            return Total(int(match[1]), bias, ())
        held = self.of(text) or self._called(text)
        if isinstance(held, Total):
            return held
        name = re.match(rf"({NAME})(?:\(|$)", text, re.ASCII)
        if name is not None and name[1] not in (*self.known, *self.plan.constants, *BUILTIN):
            raise UnsupportedError(f"'{name[1]}' is no variable and no known function of this file; {ADVICE}")
        raise UnsupportedError(ADVICE)

    def _weighted(self, weight: str, function: str, text: str) -> Total:
        match = _WEIGHT.fullmatch(weight)
        if match is None or weight not in self.plan.constants:
            raise UnsupportedError(f"'{weight}' is no weight of the file; {ADVICE}")
        signal = self.layer(self.value(text))
        taps = signal if isinstance(signal, Taps) else None
        signal = taps.signal if taps is not None else signal
        kind = {"I": "input", "L": "layer"}[match[1]]
        if not isinstance(signal, Signal) or (signal.kind, signal.number) != (kind, int(match[3])):
            raise UnsupportedError(f"{weight} weighs something other than {kind} {match[3]}")
        if signal.time != ("all" if signal.kind == "input" and self.loop is None else "now"):
            raise UnsupportedError(f"{weight} weighs another part of the series than the present time step")
        delays = taps.delays if taps is not None else (0,)
        return Total(int(match[2]), None, (Term(weight, function, signal, delays, taps.rows if taps else None),))


def constant_of(text: str, place: Place) -> Constant | None:
    """The constant that an assignment of a literal makes; None where the expression is none."""
    matrix = _LITERAL.fullmatch(text)
    if matrix is not None:
        value = literal_array(matrix[1])
        return Constant(value.T if matrix[2] else value, place)
    if _NUMBER.fullmatch(text) is not None:
        return Constant(literal_array(f"[{text}]"), place)
    return Constant(literal_array("[]"), place) if _EMPTY.fullmatch(text) is not None else None
