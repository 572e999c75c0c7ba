"""The right sides of a main function's statements, read as signals."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import Judged
from matnet.importers.genfunction.nodes import Node, name
from matnet.importers.genfunction.signals import (
    Constant,
    Count,
    FromInput,
    FromLayer,
    LayerPlan,
    LayerState,
    Plan,
    Position,
    Reversed,
    Ring,
    Step,
    Taps,
    Term,
    Total,
    Value,
)
from matnet.importers.genfunction.tokens import literal_array

ADVICE = "genFunction writes no such statement; undo the edit, or load the network's .mat file"
MAX_DELAY = 100_000
"""The longest delay that is read; real networks stay under 1,000."""

MAX_PROCESSING = 20
"""How many processing functions may follow each other; real networks have up to four."""

_WEIGHT = re.compile(r"([IL])W(\d{1,6})_(\d{1,6})")
_BIAS = re.compile(r"b(\d{1,6})")


def integer(node: Node) -> int | None:
    """The whole number that a node spells, None where it does not."""
    if node.kind == "neg":
        inner = integer(node.args[0])
        return None if inner is None else -inner
    if node.kind != "number" or not float(node.text).is_integer():
        return None
    return int(float(node.text))


def is_call(node: Node, function: str, arguments: int) -> bool:
    """Whether the node calls that function of MATLAB's with so many arguments."""
    return node.kind == "call" and node.args[0] == name(function) and len(node.args) == arguments + 1


def is_name(node: Node, text: str | None) -> bool:
    """Whether the node is that name."""
    return text is not None and node == name(text)


class Expressions:
    """Reads expressions with what is known of the variables; layers that it meets are entered in the plan.

    ``env`` maps variables to what they stand for. ``loop`` is the time loop's variable inside it, ``filling`` that of
    a loop over the initial states with its number of passes.
    """

    def __init__(self, cells: bool) -> None:
        self.functions: Mapping[str, Judged] = {}
        self.cells = cells
        self.plan = Plan()
        self.env: dict[str, Value] = {}
        self.loop: str | None = None
        self.looped = False
        self.filling: tuple[str, int] | None = None
        self.series: str | None = None
        self.states: str | None = None
        self.layer_states: str | None = None
        self.turned: set[int] = set()
        self.raw_used: set[int] = set()
        self.turning = False
        self.counts: set[Count] = set()
        self.line = 0
        self.text = ""

    def value(self, node: Node) -> Value:
        """The signal that an expression stands for.

        Raises
        ------
        FormatError, UnsupportedError
            It is none that genFunction writes.
        """
        found = (
            self.output_so_far(node)
            or self._variable(node)
            or self._indexed(node)
            or self._taps(node)
            or self._called(node)
        )
        if found is not None:
            return found
        return self._total(node)

    def output_so_far(self, node: Node) -> Reversed | None:
        """What an output variable holds, None where the node is none."""
        return None

    # variables and their elements

    def _variable(self, node: Node) -> Value | None:
        if node.kind != "name":
            return None
        found = self.env.get(node.text)
        if isinstance(found, FromInput) and not found.steps and not found.state:
            self._use_raw(found.number)
        return found

    def _use_raw(self, number: int) -> None:
        if not self.turning:
            self.raw_used.add(number)
        self.plan.inputs = max(self.plan.inputs, number)

    def _indexed(self, node: Node) -> Value | None:
        if node.kind not in ("call", "brace") or node.args[0].kind != "name" or len(node.args) != 3:
            return None
        base, first, second = node.args
        if node.kind == "brace":
            return self._cell_of(base.text, first, second)
        found = self.env.get(base.text)
        if base.text in (self.states, self.layer_states) and second.kind == "colon":
            return self._state_row(base.text, first)
        if first.kind != "colon":
            return None
        if isinstance(found, FromInput) and not found.step and not found.state and is_name(second, self.loop):
            if not found.steps:
                self._use_raw(found.number)
            return FromInput(found.number, found.steps, step=True)
        return self._present(found, second)

    def _state_row(self, base: str, first: Node) -> Value | None:
        number = integer(first)
        if number is None or number < 1:
            return None
        if base == self.states:
            return FromInput(self._input_number(number), state=True)
        return LayerState(number)

    def _cell_of(self, base: str, first: Node, second: Node) -> Value | None:
        number = integer(first)
        if number is None or number < 1:
            return None
        if base == self.series and is_name(second, self.loop):
            self._use_raw(self._input_number(number))
            return FromInput(number, step=True)
        if self.filling is not None and is_name(second, self.filling[0]):
            if base == self.states:
                return FromInput(self._input_number(number), step=True, state=True)
            if base == self.layer_states:
                return LayerState(number, step=True)
        return None

    def _input_number(self, number: int) -> int:
        if number > 10_000:
            raise UnsupportedError(f"input {number} is beyond what a network has")
        return number

    def _present(self, ring: Value | None, index: Node) -> Value | None:
        """What a ring holds at the present time step, or in the slot that a loop over the states fills."""
        if not isinstance(ring, Ring):
            return None
        if self.filling is not None and is_name(index, self.filling[0]):
            source = ring.source
            if isinstance(source, FromInput):
                return FromInput(source.number, source.steps, step=True, state=True)
            return LayerState(source.number, step=True)
        position = self.env.get(index.text) if index.kind == "name" else None
        return ring.written if isinstance(position, Position) else None

    # delays

    def _taps(self, node: Node) -> Value | None:
        """``reshape(xd1(:,mod(xdts-[1 2]-1,3)+1),R*2,1)``, ``cat(1,Xd1{mod(xdts-[1 2]-1,3)+1})``, ``Xd1{xdts}``."""
        elements: int | None = None
        if is_call(node, "reshape", 3) and integer(node.args[3]) == 1:
            elements = integer(node.args[2])
            if elements is None:
                raise FormatError("the number of rows of the tapped delay is no number")
            node = node.args[1]
        elif is_call(node, "cat", 2) and integer(node.args[1]) == 1:
            node = node.args[2]
        ring, index = self._ring_and_index(node)
        if ring is None or index is None:
            return None
        present = self._present(ring, index)
        if present is not None:
            return present
        delays = self._delays(ring, index)
        if delays[0] == 0 and ring.written != ring.source:
            raise UnsupportedError("the ring is read at delay 0 before the present value is written into it")
        return Taps(ring.source, delays, elements)

    def _ring_and_index(self, node: Node) -> tuple[Ring | None, Node | None]:
        if node.kind not in ("call", "brace") or node.args[0].kind != "name":
            return None, None
        ring = self.env.get(node.args[0].text)
        matrix = node.kind == "call" and len(node.args) == 3 and node.args[1].kind == "colon"
        cell = node.kind == "brace" and len(node.args) == 2
        if not isinstance(ring, Ring) or not (matrix or cell):
            return None, None
        return ring, node.args[-1]

    def _delays(self, ring: Ring, index: Node) -> tuple[int, ...]:
        """The delays in ``mod(xdts-[1 2]-1,slots)+1``."""
        modulo, slots = self._modulo(index)
        taps: Node | None = None
        if modulo is not None and modulo.kind == "op" and modulo.text == "-" and integer(modulo.args[1]) == 1:
            taps = modulo.args[0]
        if taps is None or taps.kind != "op" or taps.text != "-" or taps.args[0].kind != "name":
            raise UnsupportedError("the delays are not written as mod(xdts-[1 2]-1,slots)+1; undo the edit")
        position = self.env.get(taps.args[0].text)
        if not isinstance(position, Position):
            raise UnsupportedError(f"'{taps.args[0].text}' is not the position in a ring of time steps")
        if position.slots != slots or ring.slots not in (None, slots):
            raise FormatError(f"the ring has {ring.slots or position.slots} slots, but its delays count modulo {slots}")
        ring.slots = slots
        delays = self._delay_list(taps.args[1])
        if any(delay >= slots for delay in delays):
            raise FormatError(f"the delays {list(delays)} do not fit a ring of {slots} slots")
        return delays

    def _delay_list(self, node: Node) -> tuple[int, ...]:
        listed = literal_array(node.text if node.kind == "matrix" else f"[{node.text}]")
        if node.kind not in ("matrix", "number") or listed.shape[0] != 1:
            raise UnsupportedError("the delays are no literal row of numbers")
        values = listed[0].tolist()
        if any(not value.is_integer() or value < 0 for value in values) or values != sorted(set(values)):
            raise FormatError(f"delays must be whole, not negative and rising, got {values[:8]}")
        return tuple(int(value) for value in values)

    def _modulo(self, node: Node) -> tuple[Node | None, int]:
        """The parts of ``mod(A,slots)+1``."""
        if node.kind == "op" and node.text == "+" and integer(node.args[1]) == 1 and is_call(node.args[0], "mod", 2):
            slots = integer(node.args[0].args[2])
            if slots is not None and 1 <= slots <= MAX_DELAY:
                return node.args[0].args[1], slots
        return None, 0

    def position(self, node: Node) -> Position | None:
        """``mod(ts+D-1,D+1)+1``; None where it is something else."""
        inner, slots = self._modulo(node)
        if inner is None:
            return None
        shift = 0
        if inner.kind == "op" and inner.text in ("+", "-"):
            given = integer(inner.args[1])
            if given is None:
                return None
            shift = given if inner.text == "+" else -given
            inner = inner.args[0]
        if not is_name(inner, self.loop):
            return None
        if shift != slots - 2:
            raise FormatError(f"in a ring of {slots} slots the position is mod({self.loop}+{slots - 2},{slots})+1")
        return Position(slots)

    # module functions

    def _called(self, node: Node) -> Value | None:
        if node.kind != "call" or node.args[0].kind != "name" or node.args[0].text not in self.functions:
            return None
        function, arguments = node.args[0].text, node.args[1:]
        judged = self.functions[function]
        if not 1 <= len(arguments) <= judged.parameters:
            raise FormatError(f"'{function}' is called with {len(arguments)} arguments, it has {judged.parameters}")
        if judged.kind == "transfer":
            return self._transfer(judged, arguments)
        if judged.kind == "weight":
            return self._weight_function(judged, arguments)
        return self._processed(judged, arguments)

    def _transfer(self, judged: Judged, arguments: tuple[Node, ...]) -> FromLayer:
        if len(arguments) != 1:
            raise UnsupportedError("a transfer function is called with its net input alone")
        total = self.value(arguments[0])
        if not isinstance(total, Total):
            raise UnsupportedError("a transfer function is called with something that is no net input")
        return self._enter(total, judged.function)

    def _enter(self, total: Total, transfer: str) -> FromLayer:
        if total.number in self.plan.layers:
            before = self.plan.layers[total.number]
            raise UnsupportedError(f"layer {total.number} is calculated a second time (first in line {before.line})")
        self.plan.layers[total.number] = LayerPlan(total, transfer, self.line, self.text, self.loop is not None)
        return FromLayer(total.number)

    def _weight_function(self, judged: Judged, arguments: tuple[Node, ...]) -> Total:
        if len(arguments) != 2 or arguments[0].kind != "name":
            raise UnsupportedError("a weight function is called with a weight matrix and a signal")
        return self._weighted(arguments[0].text, judged.function, arguments[1])

    def _processed(self, judged: Judged, arguments: tuple[Node, ...]) -> FromInput | Reversed:
        signal = self.value(arguments[0])
        if isinstance(signal, FromInput | Reversed) and len(signal.steps) >= MAX_PROCESSING:
            raise UnsupportedError(f"more than {MAX_PROCESSING} processing functions follow each other")
        step = Step(judged.function, self._settings(judged, arguments), self.line, self.text)
        if judged.kind == "apply":
            if not isinstance(signal, FromInput):
                raise UnsupportedError(f"{judged.function} is applied to something that is no input")
            return FromInput(signal.number, (*signal.steps, step), signal.step, signal.state)
        if not isinstance(signal, FromLayer | Total | Reversed):
            raise UnsupportedError(f"{judged.function} is reversed on something that is no output")
        reverse = signal if isinstance(signal, Reversed) else Reversed(self.layer(signal).number, ())
        return Reversed(reverse.layer, (*reverse.steps, step))

    def _settings(self, judged: Judged, arguments: tuple[Node, ...]) -> tuple[tuple[str, str], ...]:
        for argument in arguments[1:]:
            if argument.kind != "name" or not self._known_settings(argument.text):
                raise UnsupportedError("settings are passed as the constants that the file begins with")
        found: list[tuple[str, str]] = []
        self._check_nonempty(judged, arguments)
        for role, (position, part) in sorted(judged.settings.items()):
            if position >= len(arguments):
                raise FormatError(f"the argument with the setting {role} is missing")
            constant = f"{arguments[position].text}.{part}" if part else arguments[position].text
            if constant not in self.plan.constants:
                raise FormatError(f"the setting {constant} is missing")
            found.append((role, constant))
        return tuple(found)

    def _check_nonempty(self, judged: Judged, arguments: tuple[Node, ...]) -> None:
        for position, part in judged.nonempty:
            if 1 <= position < len(arguments):
                constant = f"{arguments[position].text}.{part}" if part else arguments[position].text
                held = self.plan.constants.get(constant)
                if held is None or not held.value.size:
                    raise UnsupportedError(f"the setting {constant} is empty or missing")

    def _known_settings(self, text: str) -> bool:
        """Whether the name is a settings struct or a single setting; all of it counts as used."""
        if text not in self.plan.passed:
            self.plan.passed.add(text)
            for constant in self.plan.variables.get(text, []):
                constant.used = True
        return text in self.plan.variables and text not in self.env and _BIAS.fullmatch(text) is None

    # net inputs

    def layer(self, signal: FromLayer | Total) -> FromLayer:
        """A signal as the output of a layer: a net input without transfer function is a linear layer's."""
        if not isinstance(signal, Total):
            return signal
        known = self.plan.layers.get(signal.number)
        if known is not None and known.total == signal and known.transfer == "purelin":
            return FromLayer(signal.number)
        return self._enter(signal, "purelin")

    def _total(self, node: Node) -> Total:
        parts = [self._part(part) for part in self._summands(node)]
        numbers = {part.number for part in parts}
        if len(numbers) > 1:
            raise UnsupportedError(f"biases and weights of layers {sorted(numbers)} meet in one net input")
        biases = [part.bias for part in parts if part.bias is not None]
        terms = [term for part in parts for term in part.terms]
        weights = [term.weight for term in terms]
        if len(biases) > 1 or len(set(weights)) < len(weights):
            raise UnsupportedError("a bias or a weight occurs twice in one net input")
        return Total(numbers.pop(), biases[0] if biases else None, tuple(terms))

    def _summands(self, node: Node) -> list[Node]:
        if node.kind == "op" and node.text == "+":
            return self._summands(node.args[0]) + self._summands(node.args[1])
        if is_call(node, "bsxfun", 3) and node.args[1] == Node("handle", "plus"):
            return self._summands(node.args[2]) + self._summands(node.args[3])
        return [node]

    def _part(self, node: Node) -> Total:
        if node.kind == "op" and node.text == "*" and node.args[0].kind == "name":
            return self._weighted(node.args[0].text, "dotprod", node.args[1])
        bias = node
        if is_call(node, "repmat", 3) and integer(node.args[2]) == 1 and node.args[3].kind == "name":
            self._samples(node.args[3].text)
            bias = node.args[1]
        if bias.kind == "name" and _BIAS.fullmatch(bias.text) and bias.text in self.plan.constants:
            self.plan.constant(bias.text)
            return Total(int(bias.text[1:]), bias.text, ())
        found = self._variable(node) or self._called(node)
        if isinstance(found, Total):
            return found
        raise UnsupportedError(self._unread(node))

    def _unread(self, node: Node) -> str:
        if node.kind == "call" and node.args[0].kind == "name" and node.args[0].text not in self.env:
            function = node.args[0].text
            if function not in ("repmat", "bsxfun", "reshape", "cat"):
                return f"'{function}' is no function of this file that is known; {ADVICE}"
        if node.kind == "name" and node.text not in self.env and node.text not in self.plan.constants:
            return f"'{node.text}' is not defined; {ADVICE}"
        return ADVICE

    def _samples(self, count: str) -> None:
        found = self.env.get(count)
        if not isinstance(found, Count) or found.kind != "samples" or (self.looped and not self.cells):
            raise UnsupportedError(f"the bias is repeated '{count}' times, which is not the number of samples")

    def _weighted(self, weight: str, function: str, node: Node) -> Total:
        match = _WEIGHT.fullmatch(weight)
        if match is None or weight not in self.plan.constants:
            raise UnsupportedError(f"'{weight}' is no weight of the file; {ADVICE}")
        self.plan.constant(weight)
        signal = self.value(node)
        number, source = int(match[2]), int(match[3])
        delays: tuple[int, ...] = (0,)
        elements: int | None = None
        if isinstance(signal, Taps):
            delays, elements = signal.delays, signal.elements
            signal = signal.source
        if isinstance(signal, Total):
            signal = self.layer(signal)
        stateful = isinstance(signal, FromInput) and signal.state
        if not isinstance(signal, FromInput | FromLayer) or stateful:
            raise UnsupportedError(f"{weight} weighs something that is neither an input nor a layer")
        if isinstance(signal, FromInput) and signal.step != (self.loop is not None) and delays == (0,):
            raise UnsupportedError(f"{weight} weighs a whole series where one time step was expected")
        kind = "input" if isinstance(signal, FromInput) else "layer"
        if (kind == "input") != (match[1] == "I") or signal.number != source:
            raise UnsupportedError(f"{weight} weighs {kind} {signal.number}")
        return Total(number, None, (Term(weight, function, signal, delays, elements),))


def literal(node: Node) -> tuple[str, bool] | None:
    """The text of a literal and whether it is transposed; None where the expression is none."""
    if node.kind == "matrix":
        return node.text, False
    if node.kind == "transpose" and node.args[0].kind == "matrix":
        return node.args[0].text, True
    sign, inner = ("-", node.args[0]) if node.kind == "neg" else ("", node)
    if inner.kind == "number" or (inner.kind == "name" and inner.text in ("NaN", "nan", "Inf", "inf")):
        return f"[{sign}{inner.text}]", False
    if is_call(node, "zeros", 2) and 0 in (integer(node.args[1]), integer(node.args[2])):
        return "[]", False
    return None


def constant_of(node: Node, key: str, line: int, text: str) -> Constant | None:
    """The constant that an assignment of a literal makes."""
    found = literal(node)
    if found is None:
        return None
    value = literal_array(found[0])
    return Constant(key, value.T if found[1] else value, line, text)
