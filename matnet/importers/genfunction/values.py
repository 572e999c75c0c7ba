"""The right sides of a main function's statements, read as signals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from matnet.errors import FormatError, ModelError, UnsupportedError
from matnet.importers.genfunction.bodies import BUILTIN, RecognisedFunction
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
from matnet.importers.genfunction.syntax import NAME, split
from matnet.importers.genfunction.tokens import Place, literal_array

ADVICE = "genFunction writes no such statement; undo the edit, or load the network's .mat file"
MAX_PROCESSING = 20
"""Fewer processing functions than this may follow each other; real networks have up to four."""

_WEIGHT = re.compile(r"([IL])W(\d{1,6})_(\d{1,6})", re.ASCII)
_BIAS = re.compile(rf"b(\d{{1,6}})|repmat\(b(\d{{1,6}}),1,({NAME})\)", re.ASCII)
_CALL = re.compile(rf"({NAME})\((.*)\)", re.ASCII)
_TAPS = re.compile(rf"cat\(1,({NAME})\{{(.+)\}}\)|reshape\(({NAME})\(:,(.+)\),(\d{{1,9}}),1\)", re.ASCII)
_DELAYS = re.compile(rf"mod\(({NAME})-(\d{{1,9}}|\[(?:\d{{1,9}}(?:[ ,]|(?=\])))++\])-1,(\d{{1,9}})\)\+1", re.ASCII)
_POSITION = re.compile(rf"mod\(({NAME})\+(\d{{1,9}}),([1-9]\d{{0,8}})\)\+1", re.ASCII)
_LITERAL = re.compile(r"(\[.*\])('?)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:[0-9.][0-9.eE+-]*|NaN|nan|Inf|inf)")
_EMPTY = re.compile(r"zeros\((?:0,\d{1,9}|\d{1,9},0)\)", re.ASCII)


class Variables:
    """What is known at one place of a main function; layers that an expression calculates are entered in the plan.

    ``known`` maps variables, and elements such as ``xd1{xdts}``, to what they stand for. ``loop`` is the time loop's
    variable inside it. ``taken`` are the inputs that were used, ``place`` is that of the present statement.
    """

    def __init__(self, cells: bool) -> None:
        self.cells = cells
        self.functions: Mapping[str, RecognisedFunction] = {}
        self.plan = Plan()
        self.known: dict[str, Value] = {}
        self.loop: str | None = None
        self.taken: set[int] = set()
        self.place = Place("", 0, 0, 0)

    def value(self, text: str) -> Value:
        """What an expression stands for.

        Raises
        ------
        FormatError, ModelError, UnsupportedError
            It is none that genFunction writes.
        """
        value = self.known.get(text) or self._taps(text) or self._called(text) or self._total(text)
        if isinstance(value, Signal) and value.kind == "input":
            self.taken.add(value.number)
        return value

    # delays

    def _taps(self, text: str) -> Taps | None:
        """``reshape(xd1(:,mod(xdts-[1 2]-1,3)+1),4,1)``, ``cat(1,Xd1{mod(xdts-[1 2]-1,3)+1})``."""
        match = _TAPS.fullmatch(text)
        ring = self.known.get(match[1] or match[3]) if match is not None else None
        if match is None or not isinstance(ring, Ring) or (match[1] is not None) != self.cells:
            return None
        delays = self._delays(ring, match[2] or match[4])
        if ring.states is None or (0 in delays and ring.written is None):
            raise UnsupportedError("the ring is read at delay 0 before the present value is written into it")
        signal = replace(ring.states, kind=ring.states.kind.removesuffix(" states"))
        return Taps(signal, delays, int(match[5]) if match[5] else None)

    def _delays(self, ring: Ring, index: str) -> tuple[int, ...]:
        match = _DELAYS.fullmatch(index)
        position = self.known.get(match[1]) if match is not None else None
        if match is None or not isinstance(position, Position):
            raise UnsupportedError("the delays are not written as mod(xdts-[1 2]-1,slots)+1; undo the edit")
        slots = int(match[3])
        if position.slots != slots or ring.slots not in (None, slots):
            raise FormatError(f"the ring has {ring.slots or position.slots} slots, but its delays count modulo {slots}")
        ring.slots = slots
        delays = tuple(map(int, re.findall(r"\d+", match[2])))
        if max(delays) >= slots:
            raise FormatError(f"the delays {list(delays[:8])} do not fit a ring of {slots} slots")
        return delays

    def position(self, text: str) -> Position | None:
        """``mod(ts+D-1,D+1)+1``; None where it is something else."""
        match = _POSITION.fullmatch(text)
        if match is None or match[1] != self.loop:
            return None
        slots = int(match[3])
        if int(match[2]) != slots - 2:
            raise FormatError(f"in a ring of {slots} slots the position is mod({self.loop}+{slots - 2},{slots})+1")
        return Position(slots)

    # module functions

    def _called(self, text: str) -> Signal | Total | None:
        match = _CALL.fullmatch(text)
        arguments = split(match[2], ",") if match is not None else []
        function = self.functions.get(match[1]) if match is not None and arguments else None
        if match is None or function is None:
            return None
        if len(arguments) > function.parameters:
            raise FormatError(f"'{match[1]}' is called with {len(arguments)} arguments, it has {function.parameters}")
        if function.kind == "weight" and len(arguments) == 2:
            return self._weighted(arguments[0], function.function, arguments[1])
        if function.kind in ("apply", "reverse"):
            return self._processed(function, arguments)
        total = self.value(arguments[0]) if len(arguments) == 1 else None
        if not isinstance(total, Total):
            raise UnsupportedError(f"'{match[1]}' is called with something that is no net input of a layer")
        return self._enter(total, function.function)

    def _enter(self, total: Total, transfer: str) -> Signal:
        if total.number in self.plan.layers:
            before = self.plan.layers[total.number].place.line
            raise UnsupportedError(f"layer {total.number} is calculated a second time (first in line {before})")
        self.plan.layers[total.number] = PlannedLayer(total, transfer, self.place)
        self.plan.used.update([str(total.bias), *(term.weight for term in total.terms)])
        return Signal("layer", total.number)

    def layer(self, value: Value) -> Value:
        """A net input without transfer function as the output of a linear layer; all else as it is."""
        if not isinstance(value, Total):
            return value
        entered = self.plan.layers.get(value.number)
        if entered is not None and (entered.total, entered.transfer) == (value, "purelin"):
            return Signal("layer", value.number)
        return self._enter(value, "purelin")

    def signal(self, text: str, *kinds: str) -> Signal:
        """The signal of one of some kinds that an expression stands for."""
        signal = self.layer(self.value(text))
        if not isinstance(signal, Signal) or signal.kind not in kinds or len(signal.steps) >= MAX_PROCESSING:
            raise UnsupportedError(f"expected a value of the kind {' or '.join(kinds)}; {ADVICE}")
        return signal

    def _processed(self, function: RecognisedFunction, arguments: list[str]) -> Signal:
        apply = function.kind == "apply"
        signal = self.signal(arguments[0], *(("input", "input states") if apply else ("layer", "output")))
        step = Step(function.function, self._settings(function, arguments), self.place)
        return replace(signal, kind=signal.kind if apply else "output", steps=(*signal.steps, step))

    def _settings(self, function: RecognisedFunction, arguments: list[str]) -> tuple[tuple[str, str], ...]:
        variables = {constant.partition(".")[0] for constant in self.plan.constants}
        if not (variables - self.known.keys()).issuperset(arguments[1:]):
            raise UnsupportedError("settings are passed as the constants that the file begins with")
        self.plan.used.update(arguments[1:])
        settings: list[tuple[str, str]] = []
        for role, (position, part) in sorted(function.settings.items()):
            constant = ".".join([*arguments[position : position + 1], *([part] if part else [])])
            if constant not in self.plan.constants:
                raise FormatError(f"the setting {constant or role} is missing")
            settings.append((role, constant))
        return tuple(settings)

    # net inputs

    def _total(self, text: str) -> Total:
        parts = [self._part(part) for part in split(text, "+")]
        numbers = {part.number for part in parts}
        if len(numbers) > 1:
            raise UnsupportedError(f"biases and weights of layers {sorted(numbers)} meet in one net input")
        biases = [part.bias for part in parts if part.bias is not None]
        terms = tuple(term for part in parts for term in part.terms)
        if not numbers or len(biases) > 1 or len({term.weight for term in terms}) < len(terms):
            raise UnsupportedError("a bias or a weight occurs twice in one net input")
        return Total(numbers.pop(), biases[0] if biases else None, terms)

    def _part(self, text: str) -> Total:
        weight, star, weighed = text.partition("*")
        if star and re.fullmatch(NAME, weight, re.ASCII):
            return self._weighted(weight, "dotprod", weighed)
        match = _BIAS.fullmatch(text)
        if match is not None and match[3] is not None and self.known.get(match[3]) != "samples":
            raise UnsupportedError("the bias is not repeated once for each sample")
        bias = f"b{match[1] or match[2]}" if match is not None else ""
        if match is not None and bias in self.plan.constants:
            return Total(int(bias[1:]), bias, ())
        held = self.known.get(text) or self._called(text)
        if isinstance(held, Total):
            return held
        name = re.match(rf"({NAME})(?:\(|$)", text, re.ASCII)
        if name is not None and name[1] not in (*self.known, *self.plan.constants, *BUILTIN):
            raise UnsupportedError(f"'{name[1]}' is neither a variable nor a known function of this file; {ADVICE}")
        raise UnsupportedError(ADVICE)

    def _weighted(self, weight: str, function: str, text: str) -> Total:
        match = _WEIGHT.fullmatch(weight)
        if match is None or weight not in self.plan.constants:
            raise UnsupportedError(f"'{weight}' is no weight of the file; {ADVICE}")
        value = self.layer(self.value(text))
        signal, delays, rows = value if isinstance(value, Taps) else (value, (0,), None)
        kind, number = {"I": "input", "L": "layer"}[match[1]], int(match[3])
        if not isinstance(signal, Signal) or (signal.kind, signal.number) != (kind, number):
            raise UnsupportedError(f"{weight} weighs something other than {kind} {number}")
        columns = self.plan.constants[weight].value.shape[1]
        if rows not in (None, columns):
            raise ModelError(f"the taps have {rows} rows, but {weight} has {columns} columns")
        if kind == "input" and self.plan.steps.setdefault(number, signal.steps) != signal.steps:
            raise UnsupportedError(f"the processing of input {number} is another than for the other layers")
        return Total(int(match[2]), None, (Term(weight, function, signal, delays),))


def constant_of(text: str, place: Place) -> Constant | None:
    """The constant that an assignment of a literal makes; None where the expression is none."""
    matrix = _LITERAL.fullmatch(text)
    if matrix is not None:
        value = literal_array(matrix[1])
        return Constant(value.T if matrix[2] else value, place)
    if _NUMBER.fullmatch(text) is not None:
        return Constant(literal_array(f"[{text}]"), place)
    return Constant(literal_array("[]"), place) if _EMPTY.fullmatch(text) is not None else None
