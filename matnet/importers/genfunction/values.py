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
from matnet.importers.genfunction.syntax import Place, Tree, matched, whole
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

    def of(self, tree: Tree) -> Value | None:
        """What a variable or an output stands for, None where the expression is neither."""
        number = self.output_number(tree)
        if number in self.plan.outputs and not self.plan.outputs[number].turned:
            return self.plan.outputs[number].signal
        return self.known.get(tree[1]) if tree[0] == "name" else None

    def output_number(self, tree: Tree) -> int:
        """The number of the output that is meant by ``y1``, ``y1(:,ts)`` or ``Y{1,ts}``, 0 where none is."""
        found = matched("Y{?i,?ts}", tree) if self.cells else matched("?y(:,?ts)", tree)
        if found is not None and found["ts"] != ("name", self.loop):
            return 0
        if self.cells:
            return whole(found["i"]) or 0 if found is not None else 0
        base = found["y"] if found is not None else tree
        match = re.fullmatch(r"y([1-9]\d{0,3})", base[1], re.ASCII) if base[0] == "name" else None
        return int(match[1]) if match is not None and base[1] in self.known else 0

    def value(self, tree: Tree) -> Value:
        """What an expression stands for.

        Raises
        ------
        FormatError, UnsupportedError
            It is none that genFunction writes.
        """
        found = self.of(tree) or self._element(tree) or self._taps(tree) or self._called(tree)
        if isinstance(found, Signal) and found.kind == "input" and not found.steps and found.time in ("all", "now"):
            self.taken.add(found.number)
        return found if found is not None else self._total(tree)

    def _element(self, tree: Tree) -> Value | None:
        """An element of an argument, or what a ring holds at the present time step."""
        found = matched("?v(:,?k)", tree) or matched("?v{?k}", tree)  # x1(:,ts), xd1(:,xdts), Xd1{xdts}
        if found is not None and found["v"][0] == "name":
            held = self.known.get(found["v"][1])
            if isinstance(held, Ring) and held.signal is not None and found["k"] == ("name", self.filling):
                return replace(held.signal, time="state")
            if isinstance(held, Ring):
                return held.written if isinstance(self.of(found["k"]), Position) else None
            if not isinstance(held, Signal) or held.time != "all" or found["k"] != ("name", self.loop):
                return None
            return replace(held, time="now") if tree[0] == "()" else None
        found = matched("?v{?i,?k}", tree) or matched("?v(?i,:)", tree)  # X{1,ts}, Xi{1,ts}, Xi(1,:)
        number = whole(found["i"]) if found is not None else None
        if found is None or number is None or not 1 <= number <= MAX_INPUTS or found["v"][0] != "name":
            return None
        step, base = found.get("k"), found["v"][1]
        if self.cells and base == "X" and step is not None and step == ("name", self.loop):
            self.plan.inputs = max(self.plan.inputs, number)
            return Signal("input", number, "now")
        if base not in self.states or (step is not None and step != ("name", self.filling)):
            return None
        return Signal(self.states[base], number, "states" if step is None else "state")

    # delays

    def _taps(self, tree: Tree) -> Value | None:
        """``reshape(xd1(:,mod(xdts-[1 2]-1,3)+1),4,1)``, ``cat(1,Xd1{mod(xdts-[1 2]-1,3)+1})``."""
        shaped = matched("reshape(?ring,?rows,1)", tree) or matched("cat(1,?ring)", tree) or {"ring": tree}
        rows = whole(shaped.get("rows"))
        if "rows" in shaped and rows is None:
            raise FormatError("the number of rows of the tapped delay is no number")
        found = matched("?v(:,?index)", shaped["ring"]) or matched("?v{?index}", shaped["ring"])
        ring = self.of(found["v"]) if found is not None else None
        if found is None or not isinstance(ring, Ring):
            return None
        present = self._element(shaped["ring"])
        if present is not None:
            return present
        delays = self._delays(ring, found["index"])
        if ring.signal is None or (delays[0] == 0 and ring.written != ring.signal):
            raise UnsupportedError("the ring is read at delay 0 before the present value is written into it")
        return Taps(ring.signal, delays, rows)

    def _delays(self, ring: Ring, index: Tree) -> tuple[int, ...]:
        found = matched("mod(?position-?delays-1,?slots)+1", index)
        slots = whole(found["slots"]) if found is not None else None
        if found is None or slots is None:
            raise UnsupportedError("the delays are not written as mod(xdts-[1 2]-1,slots)+1; undo the edit")
        position, literal = self.of(found["position"]), found["delays"]
        if not isinstance(position, Position) or literal[0] not in ("matrix", "num"):
            raise UnsupportedError("the delays are not the position in a ring less a literal row of numbers")
        if position.slots != slots or ring.slots not in (None, slots):
            raise FormatError(f"the ring has {ring.slots or position.slots} slots, but its delays count modulo {slots}")
        ring.slots = slots
        listed = literal_array(literal[1] if literal[0] == "matrix" else f"[{literal[1]}]")
        values = listed.reshape(-1).tolist()
        in_order = values == sorted(set(values)) and listed.shape[0] == 1
        if not in_order or any(not value.is_integer() or value < 0 for value in values):
            raise FormatError(f"delays must be non-negative integers in increasing order, got {values[:8]}")
        if values[-1] >= slots:
            raise FormatError(f"the delays {[int(value) for value in values[:8]]} do not fit a ring of {slots} slots")
        return tuple(map(int, values))

    def position(self, tree: Tree) -> Position | None:
        """``mod(ts+D-1,D+1)+1``; None where it is something else."""
        found = matched("mod(?ts+?shift,?slots)+1", tree)
        slots = whole(found["slots"]) if found is not None else None
        if found is None or slots is None or not 1 <= slots <= MAX_DELAY or found["ts"] != ("name", self.loop):
            return None
        if whole(found["shift"]) != slots - 2:
            raise FormatError(f"in a ring of {slots} slots the position is mod({self.loop}+{slots - 2},{slots})+1")
        return Position(slots)

    # module functions

    def _called(self, tree: Tree) -> Value | None:
        function = self.functions.get(tree[1][1]) if tree[0] == "()" and tree[1][0] == "name" else None
        if function is None:
            return None
        arguments = tree[2:]
        if not 1 <= len(arguments) <= function.parameters:
            raise FormatError(f"'{tree[1][1]}' is called with {len(arguments)} arguments, it has {function.parameters}")
        if function.kind == "weight" and len(arguments) == 2:
            return self._weighted(arguments[0], function.function, arguments[1])
        if function.kind in ("apply", "reverse"):
            return self._processed(function, arguments)
        total = self.value(arguments[0]) if len(arguments) == 1 else None
        if not isinstance(total, Total):
            raise UnsupportedError(f"'{tree[1][1]}' is called with something that is no net input of a layer")
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

    def _processed(self, function: Recognised, arguments: tuple[Tree, ...]) -> Signal:
        signal = self.layer(self.value(arguments[0]))
        apply = function.kind == "apply"
        usable = isinstance(signal, Signal) and (signal.kind == "input") == apply and (apply or signal.time == "now")
        if not isinstance(signal, Signal) or not usable or len(signal.steps) >= MAX_PROCESSING:
            side = "input" if apply else "output"
            raise UnsupportedError(f"{function.function} is called with something that is no {side}")
        step = Step(function.function, self._settings(function, arguments), self.place)
        self.plan.passed |= {argument[1] for argument in arguments[1:]}
        return replace(signal, kind="input" if apply else "output", steps=(*signal.steps, step))

    def _settings(self, function: Recognised, arguments: tuple[Tree, ...]) -> tuple[tuple[str, str], ...]:
        variables = {constant.partition(".")[0] for constant in self.plan.constants}
        if not all(name[0] == "name" and name[1] in variables and name[1] not in self.known for name in arguments[1:]):
            raise UnsupportedError("settings are passed as the constants that the file begins with")
        found: list[tuple[str, str]] = []
        for role, (position, part) in sorted(function.settings.items()):
            if position >= len(arguments):
                raise FormatError(f"the argument with the setting {role} is missing")
            constant = arguments[position][1] + (f".{part}" if part else "")
            if constant not in self.plan.constants:
                raise FormatError(f"the setting {constant} is missing")
            found.append((role, constant))
        return tuple(found)

    # net inputs

    def _total(self, tree: Tree) -> Total:
        parts = [self._part(part) for part in _summands(tree)]
        numbers = {part.number for part in parts}
        if len(numbers) > 1:
            raise UnsupportedError(f"biases and weights of layers {sorted(numbers)} meet in one net input")
        biases = [part.bias for part in parts if part.bias is not None]
        terms = [term for part in parts for term in part.terms]
        if len(biases) > 1 or len({term.weight for term in terms}) < len(terms):
            raise UnsupportedError("a bias or a weight occurs twice in one net input")
        return Total(numbers.pop(), biases[0] if biases else None, tuple(terms))

    def _part(self, tree: Tree) -> Total:
        found = matched("?w*?p", tree)
        if found is not None:
            return self._weighted(found["w"], "dotprod", found["p"])
        repeated = matched("repmat(?b,1,?q)", tree)
        if repeated is not None and (self.of(repeated["q"]) != "samples" or (self.looped and not self.cells)):
            raise UnsupportedError("the bias is not repeated once for each sample")
        bias = tree if repeated is None else repeated["b"]
        match = _BIAS.fullmatch(bias[1]) if bias[0] == "name" else None
        if match is not None and bias[1] in self.plan.constants:
            return Total(int(match[1]), bias[1], ())
        held = self.of(tree) or self._called(tree)
        if isinstance(held, Total):
            return held
        name = tree[1][1] if tree[0] == "()" and tree[1][0] == "name" else tree[1] if tree[0] == "name" else None
        if name is not None and name not in (*self.known, *self.plan.constants, *BUILTIN):
            raise UnsupportedError(f"'{name}' is no variable and no known function of this file; {ADVICE}")
        raise UnsupportedError(ADVICE)

    def _weighted(self, weight: Tree, function: str, tree: Tree) -> Total:
        match = _WEIGHT.fullmatch(weight[1]) if weight[0] == "name" else None
        if match is None or weight[1] not in self.plan.constants:
            reason = f"'{weight[1]}' is no weight of the file; " if weight[0] == "name" else ""
            raise UnsupportedError(f"{reason}{ADVICE}")
        signal = self.layer(self.value(tree))
        taps = signal if isinstance(signal, Taps) else None
        signal = taps.signal if taps is not None else signal
        kind = {"I": "input", "L": "layer"}[match[1]]
        if not isinstance(signal, Signal) or (signal.kind, signal.number) != (kind, int(match[3])):
            raise UnsupportedError(f"{weight[1]} weighs something other than {kind} {match[3]}")
        if signal.time != ("all" if signal.kind == "input" and self.loop is None else "now"):
            raise UnsupportedError(f"{weight[1]} weighs another part of the series than the present time step")
        delays = taps.delays if taps is not None else (0,)
        return Total(int(match[2]), None, (Term(weight[1], function, signal, delays, taps.rows if taps else None),))


def _summands(tree: Tree) -> list[Tree]:
    found = matched("?a + ?b", tree) or matched("bsxfun(@plus,?a,?b)", tree)
    return [tree] if found is None else _summands(found["a"]) + _summands(found["b"])


def constant_of(tree: Tree, place: Place) -> Constant | None:
    """The constant that an assignment of a literal makes; None where the expression is none."""
    turned = matched("?literal'", tree)
    node = tree if turned is None else turned["literal"]
    if node[0] == "matrix":
        value = literal_array(node[1])
        return Constant(value if turned is None else value.T, place)
    sign, number = ("-", tree[1]) if tree[0] == "neg" else ("", tree)
    if number[0] == "num" or number in [("name", text) for text in ("NaN", "nan", "Inf", "inf")]:
        return Constant(literal_array(f"[{sign}{number[1]}]"), place)
    empty = matched("zeros(?rows,?columns)", tree)
    if empty is not None and 0 in (whole(empty["rows"]), whole(empty["columns"])):
        return Constant(literal_array("[]"), place)
    return None
