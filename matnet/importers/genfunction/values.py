"""The right sides of a main function's statements, read as signals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from matnet.errors import FormatError, ModelError, UnsupportedError
from matnet.importers.genfunction.assembly import Assembly, Ring, Signal, Total, Value
from matnet.importers.genfunction.bodies import BUILTIN, RecognisedFunction
from matnet.importers.genfunction.syntax import split
from matnet.importers.genfunction.templates import matched, reads
from matnet.importers.genfunction.tokens import MAX_NESTING, NAME, Place
from matnet.model.structure import Input, Process

ADVICE = "genFunction writes no such statement; undo the edit, or load the network's .mat file"
MAX_PROCESSING = 20
"""The most processing functions that may follow each other; real networks have up to four."""

MAX_ROWS = 100_000
"""How many rows an input may have of which some are removed."""

_STATED_SIZE = re.compile(r"(?:(\d{1,7})x(?:Q|TS)|(?:Q|TS)x(\d{1,7})) matrix, input #(\d{1,5})(?!\d)", re.ASCII)
_WEIGHT = re.compile(r"([IL])W([1-9]\d{0,5})_([1-9]\d{0,5})", re.ASCII)


class Variables:
    """What is known at one place of a main function; layers that an expression calculates are entered in the network.

    ``known`` maps variables, and elements such as ``Xd1{xdts}``, to what they stand for; ``arguments`` are the signals
    in the arguments, without a number if ``cells``, where they are cell arrays of several signals. ``loop`` is
    the variable of a loop inside it, over the initial states until ``looped``, when the time loop has begun.
    ``taken`` are the inputs that were used, ``processes`` the steps that were made, by what makes them the same;
    ``place`` is that of the present statement.
    """

    def __init__(self) -> None:
        self.functions: Mapping[str, RecognisedFunction] = {}
        self.network = Assembly()
        self.known: dict[str, Value] = {}
        self.arguments: dict[str, Signal] = {}
        self.cells = False
        self.loop: str | None = None
        self.looped = False
        self.taken: set[int] = set()
        self.processes: dict[object, Process] = {}
        self.place = Place("", 0, 0)

    def value(self, text: str) -> Signal | Total:
        """What an expression stands for; an error if genFunction does not write such an expression."""
        held = self.argument(text) or self.known.get(text)
        value = held or self._taps(text) or self._called(text) or self._total(text)
        if not isinstance(value, Signal | Total):
            raise UnsupportedError(f"'{text}' cannot be used here; {ADVICE}")
        if isinstance(value, Signal) and value.kind == "input":
            self.taken.add(value.number)
        return value

    @reads("<name>", "<name>(:,<step>)", "<name>{<number>,<step>}", "<name>(<number>,:)")
    def argument(self, name: str, number: str = "", step: str | None = None) -> Signal | None:
        """A matrix or its present step, ``x1(:,ts)``; of a cell array ``X{1,ts}``, or ``Xi(1,:)`` before the loop."""
        signal = self.arguments.get(name)
        if signal is None or step != self.loop or self.cells != bool(number):
            return None
        # inputs of dynamic networks are read step by step in the time loop, initial states before it
        stepwise = signal.kind == "input" and (self.cells or self.looped)
        if stepwise != self.looped or (stepwise and step is None):
            return None
        if self.cells and stepwise:
            self.network.inputs = max(self.network.inputs, int(number))
        return replace(signal, number=int(number)) if self.cells else signal

    # delays

    @reads("cat(1,<name>{<index:any>})", "reshape(<name>(:,<index:any>),<rows:count>,1)")
    def _taps(self, name: str, index: str, rows: str | None = None) -> Signal | None:
        ring = self.known.get(name)
        if not isinstance(ring, Ring) or (rows is None) != self.cells:
            return None
        found = matched(("mod(<position>-<delays>-1,<slots:count>)+1",), index)
        position = self.known.get(found["position"]) if found is not None else None
        if found is None or not isinstance(position, int):
            raise UnsupportedError("the delays are not written as mod(xdts-[1 2]-1,slots)+1; undo the edit")
        delays = tuple(map(int, re.findall(r"\d+", found["delays"])))
        ring.count(position)
        ring.count(int(found["slots"]))
        if max(delays) >= position:
            raise FormatError(f"the delays {list(delays[:8])} do not fit a ring of {position} slots")
        if ring.states is None or (0 in delays and ring.written is None):
            raise UnsupportedError("the ring is read at delay 0 before the present value is written into it")
        kind = ring.states.kind.replace("states", "taps")
        return replace(ring.states, kind=kind, delays=delays, rows=int(rows) if rows else None)

    @reads("mod(<loop>+<shift:count>,<slots:count>)+1")
    def position(self, loop: str, shift: str, slots: str) -> int | None:
        """The slot of the present time step."""
        if loop != self.loop or not self.looped:
            return None
        expected = int(slots) - 2
        if int(shift) != expected:
            raise FormatError(f"in a ring of {slots} slots the position is mod({loop}+{expected},{slots})+1")
        return int(slots)

    # module functions

    @reads("<name>(<listed:any>)")
    def _called(self, name: str, listed: str) -> Signal | Total | None:
        function, arguments = self.functions.get(name), split(listed, ",")
        if function is None or not arguments:
            return None
        if len(arguments) > function.parameters:
            raise FormatError(f"'{name}' is called with {len(arguments)} arguments, it has {function.parameters}")
        if function.kind == "weight" and len(arguments) == 2:
            return self._weighted(arguments[0], arguments[1], function.function)
        if function.kind in ("apply", "reverse"):
            return self._processed(function, arguments)
        total = self.value(*arguments) if len(arguments) == 1 else None
        if not isinstance(total, Total):
            raise UnsupportedError(f"'{name}' is called with something that is not a net input of a layer")
        return self.network.enter_layer(total, function.function, self.place)

    def _layer(self, text: str) -> Signal:
        """What an expression stands for; a net input is the output of a linear layer, from its first use as one on."""
        value = self.value(text)
        if isinstance(value, Signal):
            return value
        layer = self.network.enter_layer(value, "purelin", self.place)
        self.known.update([(name, layer) for name, held in self.known.items() if held == value])
        return layer

    def signal(self, text: str, *kinds: str) -> Signal:
        """The signal of one of some kinds that an expression stands for."""
        signal = self._layer(text)
        if signal.kind not in kinds or len(signal.steps) >= MAX_PROCESSING:
            raise UnsupportedError(f"expected a value of the kind {' or '.join(kinds)}; {ADVICE}")
        return signal

    def _processed(self, function: RecognisedFunction, arguments: list[str]) -> Signal:
        """A signal after one more step."""
        reverse, removes = function.kind == "reverse", function.function == "removeconstantrows"
        signal = self.signal(arguments[0], *(("layer", "output") if reverse else ("input", "input states")))
        variables = {constant.partition(".")[0] for constant in self.network.constants}
        if not (variables - self.known.keys()).issuperset(arguments[1:]):
            raise UnsupportedError("settings are passed as the constants that the file begins with")
        self.network.used.update(arguments[1:])
        names: dict[str, str] = {}
        for role, (position, part) in sorted(function.settings.items()):
            constant = ".".join([*arguments[position : position + 1], *([part] if part else [])])
            if constant not in self.network.constants:
                raise FormatError(f"the setting {constant or role} is missing")
            columns = self.network.constants[constant].shape[1]
            if columns != 1 and not removes:
                raise ModelError(f"{constant} has {columns} columns, expected one")
            names[role] = constant
        settings: dict[str, object] = {role: self.network.constants[constant] for role, constant in names.items()}
        if removes and not reverse:
            settings["xrows"] = self._raw_rows(names["keep"], signal)
        key = (function.function, *names.items(), *signal.steps, 0 if reverse else signal.number)
        process = self.processes.setdefault(key, Process.from_matlab(function.function, settings))
        steps = (*signal.steps, process)
        if not reverse:
            Input(steps[0].raw_size, steps)  # checks that they fit each other
        return replace(signal, kind="output" if reverse else signal.kind, steps=steps)

    def _raw_rows(self, keep: str, signal: Signal) -> int:
        """How many rows an input has of which `keep` stay.

        Generated files with settings in structs do not say it: they name only the rows that stay. The comment on the
        arguments says it, and is taken where it does not contradict them; else the last row that stays is taken for
        the last of all. Rows beyond it have no influence on the outputs either way.
        """
        if signal.steps:
            return signal.steps[-1].processed_size
        kept = self.network.constants[keep]
        if not (kept <= MAX_ROWS).all():
            raise UnsupportedError(f"{keep} lists rows beyond {MAX_ROWS}")
        last = int(kept.max(initial=1.0))
        remove = f"{keep.removesuffix('keep')}remove"
        if keep.endswith("keep") and remove in self.network.constants:
            return int(kept.size + self.network.constants[remove].size)
        sizes = (int(m[1] or m[2]) for m in _STATED_SIZE.finditer(self.place.source) if int(m[3]) == signal.number)
        stated = next(sizes, 0)
        if last <= stated <= MAX_ROWS and kept.size < stated:
            self.network.oddities[signal.number] = (
                f"input {signal.number} has {stated} rows by the file's comment alone; its statements need {last} of "
                "them at least"
            )
            return stated
        self.network.oddities[signal.number] = (
            f"the file does not say how many rows input {signal.number} has; {last} is the last that it uses, so "
            "constant rows after it have to be left out of x"
        )
        return last

    # net inputs

    def _total(self, text: str) -> Total:
        parts = [self._part(part) for part in split(text, "+")]
        numbers = {part.number for part in parts}
        if len(numbers) > 1:
            raise UnsupportedError(f"biases and weights of layers {sorted(numbers)} meet in one net input")
        biases = [part.bias for part in parts if part.bias is not None]
        weights = {name: held for part in parts for name, held in part.weights.items()}
        if not numbers or len(biases) > 1 or len(weights) < sum(len(part.weights) for part in parts):
            raise UnsupportedError("a bias or a weight occurs twice in one net input")
        return Total(numbers.pop(), biases[0] if biases else None, weights)

    def _part(self, text: str) -> Total:
        product = matched(("<weight>*<weighed:any>",), text)
        if product is not None:
            return self._weighted(**product)
        held = self._bias(text) or self.known.get(text) or self._called(text)
        if isinstance(held, Total):
            return held
        name = re.match(rf"({NAME})(?:\(|$)", text)
        if name is not None and name[1] not in (*self.known, *self.network.constants, *BUILTIN):
            raise UnsupportedError(f"'{name[1]}' is neither a variable nor a known function of this file; {ADVICE}")
        raise UnsupportedError(ADVICE)

    @reads("b<number:count>", "repmat(b<number:count>,1,<samples>)")
    def _bias(self, number: str, samples: str | None = None) -> Total | None:
        if samples is not None and self.known.get(samples) != "samples":
            raise UnsupportedError("the bias is not repeated once for each sample")
        return Total(int(number), f"b{number}", {}) if f"b{number}" in self.network.constants else None

    def _weighted(self, weight: str, weighed: str, function: str = "dotprod") -> Total:
        if weighed.count("*") > MAX_NESTING:
            raise UnsupportedError(f"more than {MAX_NESTING} products follow each other; {ADVICE}")
        match = _WEIGHT.fullmatch(weight)
        if match is None or weight not in self.network.constants:
            raise UnsupportedError(f"'{weight}' is not a weight of the file; {ADVICE}")
        signal, kind, number = self._layer(weighed), {"I": "input", "L": "layer"}[match[1]], int(match[3])
        if signal.kind.removesuffix(" taps") != kind or signal.number != number:
            raise UnsupportedError(f"{weight} weighs something other than {kind} {number}")
        columns = self.network.constants[weight].shape[1]
        if signal.rows not in (None, columns):
            raise ModelError(f"the taps have {signal.rows} rows, but {weight} has {columns} columns")
        if kind == "input" and self.network.steps.setdefault(number, signal.steps) != signal.steps:
            raise UnsupportedError(f"the processing of input {number} is another than for the other layers")
        return Total(int(match[2]), None, {weight: (function, signal.delays)})
