"""The statements of a main function: each is one that genFunction writes, or the file is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import BUILTIN, Modules
from matnet.importers.genfunction.signals import Plan, PlannedOutput, Position, Ring, Signal, Taps, Total
from matnet.importers.genfunction.syntax import NAME, Function, Place, Statement, errors_at
from matnet.importers.genfunction.values import ADVICE, Variables, constant_of

_ARGUMENT = re.compile(r"(x|xi|ai)([1-9]\d{0,3})", re.ASCII)
_RESULT = re.compile(r"(y|xf|af)([1-9]\d{0,3})", re.ASCII)
_CONSTANT = re.compile(r"b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+(?:_[A-Za-z]\w*)?", re.ASCII)
_ASSIGNMENT = re.compile(r"([^=]+)=(?!=)(.+)", re.DOTALL)
_TARGET = re.compile(rf"({NAME})(?:\(.*\)|\{{.*\}}|\.{NAME})?", re.ASCII)
_NAMES = re.compile(rf"(?<![\w.]){NAME}", re.ASCII)
_COUNT = re.compile(rf"size\(({NAME}|X\{{1\}}),([12])\)", re.ASCII)
_RING = re.compile(r"\[(.+) (?:zeros\(\d+,1\)|cell\(1,1\))\]", re.ASCII)
_SLOT = re.compile(rf"{NAME}(?:\{{({NAME})\}}|\(:,({NAME})\))", re.ASCII)
_ALLOCATED = re.compile(rf"(cell|zeros)\((\d+|{NAME}),(\d+|{NAME})\)", re.ASCII)
_LOOP = re.compile(rf"for ({NAME})=1:(\d{{1,9}}|{NAME})", re.ASCII)
_ERROR = re.compile(r"if[ (]nargin<\d+\)?\nerror\(['\"][^\n]*\)\nend", re.ASCII)
_SAMPLES = re.compile(
    rf"if~isempty\(X\)\n({NAME})=(size\(X\{{1\}},[12]\))\n"
    rf"((?:elseif~isempty\({NAME}\)\n\1=size\({NAME}\{{1\}},2\)\n)*)else\n\1=0\nend",
    re.ASCII,
)
_ELSE_SAMPLES = re.compile(r"isempty\((\w+)\)\n\w+=size\((\w+)")
_ABSENT = re.compile(rf"if[ (]?(?:nargin<(\d+)\)?)?(?:\|\|)?(?:\(?isempty\(({NAME})\)\)?)?", re.ASCII)
_ZEROS = re.compile(
    rf"({NAME})(?:\{{\d+,{NAME}\}}|\(\d+,:\))?=(?:repmat\(|num2cell\(|\{{)*(?:zeros|cell)\([\w,]+\)(?:[,\d)}}])*",
    re.ASCII,
)
_IN_FINAL_STATES = frozenset({"cell", "mod", "zeros"})
_SIGNATURE = (
    "the arguments are not those of a network, which are (x1,x2,…,xi1,…,ai1,…) giving [y1,…] or (X,Xi,Ai) giving "
    "[Y,Xf,Af]; where the network stands inside a larger file, keep its function and those after it"
)
_CHANGED_INPUT = (
    "the argument {} is changed; delete this line, and change x in the same way before you give it to the network"
)
_CHANGED_OUTPUT = "{} is changed after the network; delete this line, and change what the network gives in the same way"


class MainFunction:
    """One pass over the main function's statements, which fills the plan.

    ``finals`` are the results that hold final states, ``after`` tells that the time loop is over, ``passes`` how
    often a loop over the initial states runs, ``counted`` the places where samples were counted along dimension 1 or 2
    of an input (None: of all) that had not been transposed.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.defined = {function.name}
        self.cells = bool(function.parameters) and not all(map(_ARGUMENT.fullmatch, function.parameters))
        self.variables = Variables(self.cells)
        self.known = self.variables.known
        self.plan = self.variables.plan
        self.finals: set[str] = set()
        self.after = False
        self.passes = 0
        self.counted: list[tuple[int | None, int, Place]] = []
        with errors_at(function.place):
            self._read_signature()

    def read(self, modules: Modules) -> Plan:
        """The plan of the network, given what the module functions compute.

        Raises
        ------
        MatnetError
            A statement is none of genFunction's; the message begins with ``:LINE: STATEMENT:``.
        """
        self.variables.functions = modules.recognised
        self.defined |= modules.functions.keys()
        self._read(self.function.body)
        with errors_at(self.function.place):
            self._check()
        return self.plan

    def _read(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self.variables.place = statement.place
            with errors_at(statement.place):
                if statement.text.startswith("for "):
                    self._for(statement)
                elif re.match(r"if\b", statement.text):
                    self._if(statement)
                else:
                    self._assign(statement.text)

    def _read_signature(self) -> None:
        parameters, results = self.function.parameters, self.function.results
        named = [name for name in (*parameters, *results) if name != "~"]
        if len(set(named)) < len(named):
            raise FormatError("an argument occurs twice")
        self.known.update(dict.fromkeys(results, "result"))
        self.known.update(dict.fromkeys(parameters, "argument"))
        self.known.pop("~", None)
        if self.cells:
            if parameters[0] != "X" or results[:1] != ("Y",) or len(parameters) > 3 or len(results) > 3:
                raise UnsupportedError(_SIGNATURE)
            self.variables.states = dict(zip(parameters[1:], ("input", "layer"), strict=False))
            self.variables.states.pop("~", None)
            self.finals = set(results[1:])
            return
        numbers: dict[str, list[int]] = {"x": [], "y": []}
        for name in named:
            match = _ARGUMENT.fullmatch(name) or _RESULT.fullmatch(name)
            if match is None:
                raise UnsupportedError(f"'{name}' is no result of a generated function (y1, xf1, af1, …)")
            numbers.setdefault(match[1], []).append(int(match[2]))
            if match[1] in ("x", "xi", "ai"):
                time = "all" if match[1] == "x" else "states"
                self.known[name] = Signal("layer" if match[1] == "ai" else "input", int(match[2]), time)
        for kind in ("x", "y"):
            if numbers[kind] != list(range(1, len(numbers[kind]) + 1)) or not numbers["y"]:
                raise UnsupportedError(f"a generated function has {kind}1, {kind}2, … in this order")
        self.plan.inputs = len(numbers["x"])
        self.finals = {name for name in results if not name.startswith("y")}

    # assignments

    def _assign(self, text: str) -> None:
        base, target, value = _assigned(text)
        if base is None:
            raise UnsupportedError(ADVICE)
        if base in BUILTIN or base in self.defined or base in (self.variables.loop, self.variables.filling):
            raise UnsupportedError(f"the variable '{base}' hides a function or a loop's variable; {ADVICE}")
        if self.variables.filling is not None:
            self._fill(base, target, value)
        elif _CONSTANT.fullmatch(base):
            self._constant(target, value)
        elif self._is_final(base, target, value):
            self.known[base] = "final state"
        elif value == f"{target}'":
            self._turn(base, target)
        elif base in self.function.results:
            self._output(base, target, value)
        elif base in self.function.parameters:
            if value != f"double({target})" or target != base:
                raise UnsupportedError(ADVICE if self.variables.loop is not None else _CHANGED_INPUT.format(base))
        elif target == base:
            self._variable(base, value)
        else:
            self._ring_set(base, target, value)

    def _constant(self, name: str, value: str) -> None:
        found = constant_of(value, self.variables.place)
        if found is None or re.fullmatch(rf"{NAME}(?:\.{NAME})?", name, re.ASCII) is None:
            raise UnsupportedError("a constant is a number or a matrix of numbers, written out")
        if name in self.plan.constants:
            raise UnsupportedError(f"'{name}' was set before, in line {self.plan.constants[name].place.line}")
        if self.variables.looped or self.plan.layers:
            raise UnsupportedError("a constant is set after the calculation has begun")
        self.plan.constants[name] = found

    def _is_final(self, base: str, target: str, value: str) -> bool:
        """Whether this sets final states, or what only they need; none of it has an influence on the outputs."""
        free = self.after and self.known.get(base) in (None, "final state")
        if base not in self.finals and not free:
            return False
        known = _IN_FINAL_STATES.union({base}, (name for name, held in self.known.items() if held != "result"))
        if self.variables.loop is not None or not known.issuperset(_NAMES.findall(f"{target}={value}")):
            raise UnsupportedError(ADVICE)
        return True

    def _turn(self, base: str, target: str) -> None:
        """``x1 = x1';`` and its like for cells, states and outputs."""
        if (target == base) == (self.variables.loop is not None):
            raise UnsupportedError(ADVICE)
        number = self.variables.output_number(target)
        if number:
            held = self.plan.outputs.get(number)
            if held is None or held.turned:
                raise UnsupportedError(f"{base} is transposed twice, or before it is calculated")
            self.plan.outputs[number] = held._replace(turned=True)
            return
        taken = set(self.variables.taken)
        signal = self.variables.value(target)
        self.variables.taken = taken
        if not isinstance(signal, Signal) or signal.steps or base not in self.function.parameters:
            raise UnsupportedError(f"something is transposed that is neither an input nor an output; {ADVICE}")
        if signal.time in ("all", "now"):
            if signal.number in {*self.variables.turned, *taken}:
                raise UnsupportedError(f"input {signal.number} is transposed twice, or after its first use")
            self.variables.turned[signal.number] = self.variables.place

    def _output(self, base: str, target: str, value: str) -> None:
        size = _ALLOCATED.fullmatch(value)
        if size is not None and target == base and not self.plan.outputs and not self.variables.looped:
            lengths = [part.isdigit() or self.variables.of(part) in ("samples", "series") for part in size.groups()[1:]]
            if all(lengths) and size[1] == ("cell" if self.cells else "zeros"):
                return
        number = self.variables.output_number(target)
        before = self.plan.outputs.get(number)
        if not number or (before is not None and before.turned) or self.after:
            raise UnsupportedError(_CHANGED_OUTPUT.format(base) if self.plan.outputs else ADVICE)
        try:
            signal = self.variables.layer(self.variables.value(value))
        except UnsupportedError as error:
            raise error if before is None else UnsupportedError(_CHANGED_OUTPUT.format(base)) from None
        if not isinstance(signal, Signal) or signal.kind not in ("layer", "output") or signal.time != "now":
            raise UnsupportedError(f"the output is set to something that is no layer's output; {ADVICE}")
        if before is not None:
            steps = before.signal.steps
            if before.signal.number != signal.number or steps != signal.steps[: len(steps)] or steps == signal.steps:
                raise UnsupportedError(f"{base} is set a second time (first in line {before.place.line})")
        if (target == base) == (self.variables.loop is not None):
            raise UnsupportedError(ADVICE)
        self.plan.outputs[number] = PlannedOutput(signal, self.variables.place, False)

    def _variable(self, base: str, value: str) -> None:
        held = self.known.get(base)
        if isinstance(held, str | Position | Ring):
            raise UnsupportedError(f"'{base}' is set again; {ADVICE}")
        allocated, joined = re.fullmatch(r"cell\(1,(\d{1,9})\)", value, re.ASCII), _RING.fullmatch(value)
        position = self.variables.position(value)
        if value == "iscell(X)" and self.cells:
            self.known[base] = "cell flag"
        elif (count := self._count(value)) is not None:
            self.known[base] = count
        elif allocated is not None:
            self.known[base] = Ring(None, int(allocated[1]))
        elif joined is not None:
            self.known[base] = self._ring_of(joined[1])
        elif position is not None:
            self.known[base] = position
        else:
            signal = self.variables.value(value)
            if not isinstance(signal, Signal | Taps | Total):
                raise UnsupportedError(ADVICE)
            self.known[base] = signal

    def _count(self, text: str) -> str | None:
        """``size(x1,2)``, ``size(X,2)``, ``size(X{1},2)``; a file without inputs has ``Q = 0``."""
        if self.cells and text == "size(X,2)":
            return "series"
        if not self.cells and not self.plan.inputs and text == "0":
            return "samples"
        found = _COUNT.fullmatch(text)
        if found is None or (found[1] == "X{1}") != self.cells:
            return None
        signal, dimension = None if self.cells else self.variables.of(found[1]), int(found[2])
        if not self.cells and (not isinstance(signal, Signal) or signal.steps or signal.time != "all"):
            return None
        number = signal.number if isinstance(signal, Signal) else None
        turned = number in self.variables.turned
        if turned and dimension == 1:
            raise UnsupportedError("samples are columns here, but dimension 1 is counted; undo that edit")
        if not turned:
            self.counted.append((number, dimension, self.variables.place))
        return "samples"

    # rings of time steps

    def _ring_of(self, states: str) -> Ring:
        """``[xd1 zeros(2,1)]``, ``[Ai(2,:) cell(1,1)]``: the initial states and one free slot."""
        held = self.variables.value(states)
        if not isinstance(held, Signal) or held.time != "states" or self.variables.loop is not None:
            raise UnsupportedError(f"a ring of time steps begins with something that is no initial state; {ADVICE}")
        return Ring(replace(held, time="now"))

    def _slot(self, target: str) -> str | None:
        """The variable that a slot of a ring is chosen with."""
        found = _SLOT.fullmatch(target)
        return found[1 if self.cells else 2] if found is not None else None

    def _ring_set(self, base: str, target: str, value: str) -> None:
        """The present value into its slot."""
        held = self.known.get(base)
        if isinstance(held, Signal) and held.time == "states":
            held = self.known[base] = Ring(replace(held, time="now"))
        position = self.known.get(str(self._slot(target)))
        if not isinstance(held, Ring) or held.signal is None or not isinstance(position, Position):
            raise UnsupportedError(ADVICE)
        if held.slots not in (None, position.slots):
            raise FormatError(f"the ring has {held.slots} slots, but the position counts modulo {position.slots}")
        signal = self.variables.layer(self.variables.value(value))
        if not isinstance(signal, Signal) or signal.kind == "output" or signal.time != "now":
            raise UnsupportedError(f"a ring of time steps holds something that is neither input nor layer; {ADVICE}")
        held.slots, held.written = position.slots, signal

    def _fill(self, base: str, target: str, value: str) -> None:
        """One initial state into its slot, or on its way there."""
        signal, held = self.variables.value(value), self.known.get(base)
        if not isinstance(signal, Signal) or signal.time != "state" or isinstance(held, str):
            raise UnsupportedError(f"an initial state is set to something else; {ADVICE}")
        if target == base and not isinstance(held, Ring):
            self.known[base] = signal
        elif isinstance(held, Ring) and self._slot(target) == self.variables.filling:
            slots = self.passes + 1
            if held.slots not in (None, slots):
                raise FormatError(f"{self.passes} initial states are put into {held.slots} slots, expected {slots}")
            self.known[base] = Ring(replace(signal, time="now"), slots)
        else:
            raise UnsupportedError(ADVICE)

    # blocks

    def _if(self, statement: Statement) -> None:
        text, place = statement.text, statement.body[0].place if statement.body else statement.place
        if self.variables.loop is None and self.variables.filling is None:
            wrapping = "\nY=cell2mat(Y)\nend" if self.after else "\nX={X}\nend"
            flags = ["iscell(X)", *(name for name, held in self.known.items() if held == "cell flag")]
            fixed = self.cells and text in [f"if~{flag}{wrapping}" for flag in flags]
            with errors_at(place):
                if fixed or _ERROR.fullmatch(text) or self._counts_samples(text) or self._is_default(text):
                    return
        raise UnsupportedError(f"{place}{ADVICE}")

    def _counts_samples(self, text: str) -> bool:
        """``if ~isempty(X) Q = size(X{1},2); elseif ~isempty(Xi) Q = size(Xi{1},2); else Q = 0; end``."""
        found = _SAMPLES.fullmatch(text)
        if found is None or not self.cells or not self._is_free(found[1]):
            return False
        others = _ELSE_SAMPLES.findall(found[3])
        if any(one != other or one not in self.variables.states for one, other in others):
            return False
        self.known[found[1]] = str(self._count(found[2]))
        return True

    def _is_free(self, name: str) -> bool:
        return not (name in self.known or name in BUILTIN or name in self.defined)

    def _is_default(self, text: str) -> bool:
        """Whether this is a block that sets initial states that are left out, which are zeros."""
        condition, *lines, _ = text.split("\n")
        found = _ABSENT.fullmatch(condition)
        if found is None or self.variables.looped or not (found[1] or found[2]):
            return False
        parameters = self.function.parameters
        absent = {found[2]} if found[2] else set()
        if found[1]:
            absent.add(parameters[int(found[1]) - 1] if 0 < int(found[1]) <= len(parameters) else "~")
        name = absent.pop()
        held = self.known.get(name)
        if absent or not (name in self.variables.states or (isinstance(held, Signal) and held.time == "states")):
            return False
        for line in lines:
            loop, zeros = _LOOP.fullmatch(line), _ZEROS.fullmatch(line)
            if line != "end" and not (loop and self._is_free(loop[1])) and not (zeros and zeros[1] == name):
                return False
        return True

    def _for(self, statement: Statement) -> None:
        found, variables = _LOOP.fullmatch(statement.text.partition("\n")[0]), self.variables
        if found is None or variables.loop is not None or variables.filling is not None:
            raise UnsupportedError(ADVICE)
        name, last = found.groups()
        if self.after:
            self._read_final_states(name, statement.body)
        elif last.isdigit() and self._is_free(name):
            variables.filling, self.passes = name, int(last)
            self._read(statement.body)
            variables.filling = None
        elif variables.of(last) == ("series" if self.cells else "samples") and self._is_free(name):
            self._forget()
            variables.loop, variables.looped = name, True
            self._read(statement.body)
            variables.loop, self.after = None, True
        else:
            raise UnsupportedError(f"the loop does not run over the time steps; {ADVICE}")

    def _forget(self) -> None:
        """Only states, counts and arguments from before the time loop have a meaning in it."""
        for name, held in list(self.known.items()):
            states = isinstance(held, Signal) and held.time == "states"
            if name not in self.function.parameters and isinstance(held, Signal | Taps | Total) and not states:
                del self.known[name]

    def _read_final_states(self, variable: str, body: Sequence[Statement]) -> None:
        if not self._is_free(variable) and self.known.get(variable) != "final state":
            raise UnsupportedError(ADVICE)
        self.known[variable] = "final state"
        for statement in body:
            with errors_at(statement.place):
                base, target, value = _assigned(statement.text)
                if base is None or statement.body or not self._is_final(base, target, value):
                    raise UnsupportedError(ADVICE)
                self.known[base] = "final state"

    # what can be told only when all statements are known

    def _check(self) -> None:
        outputs = sorted(self.plan.outputs)
        count = len(outputs) if self.cells else len(self.function.results) - len(self.finals)
        if len({output.turned for output in self.plan.outputs.values()}) > 1:
            raise UnsupportedError("the samples of some outputs are rows, those of others columns")
        if not outputs or outputs != list(range(1, count + 1)):
            raise FormatError(f"outputs {outputs} are calculated, expected {list(range(1, max(count, 1) + 1))}")
        weighed = {term.signal.number for term in self.plan.terms() if term.signal.kind == "input"}
        given = set(range(1, self.plan.inputs + 1))
        if given - weighed:
            raise UnsupportedError(f"no weight takes input {min(given - weighed)}")
        if weighed - given:
            raise UnsupportedError(f"input {min(weighed - given)} has states but no series")
        for layer in self.plan.layers.values():
            if layer.inside != self.variables.looped:
                raise UnsupportedError(f"{layer.place}the layer is calculated outside the time loop")
        self._check_rings([held for held in self.known.values() if isinstance(held, Ring)])
        used = self.plan.passed | {term.weight for term in self.plan.terms()}
        used |= {str(layer.total.bias) for layer in self.plan.layers.values()}
        for name, constant in self.plan.constants.items():
            if name.partition(".")[0] not in used:
                raise UnsupportedError(
                    f"{constant.place}no statement uses the constant {name}, so the file was edited; undo the edit, or "
                    "load the network's .mat file"
                )
        self._check_counts(given)

    def _check_rings(self, rings: Sequence[Ring]) -> None:
        if any(ring.written != ring.signal for ring in rings):
            raise UnsupportedError("the initial states and the series go through different steps, or into other rings")
        for kind in ("input", "layer"):
            slots = {ring.slots for ring in rings if ring.signal is not None and ring.signal.kind == kind}
            for one, other in pairwise(sorted(map(str, slots))):
                raise UnsupportedError(f"rings of {one} and {other} slots share their initial states")

    def _check_counts(self, inputs: set[int]) -> None:
        """A transposition that was added or lost leaves the samples counted along the wrong dimension."""
        if not inputs:
            return
        if self.variables.turned and self.variables.turned.keys() != inputs:
            raise UnsupportedError("the samples of some inputs are rows, those of others columns")
        for number, dimension, place in self.counted:
            turned = next((at for turned, at in self.variables.turned.items() if number in (turned, None)), None)
            if turned is None and dimension == 1:
                raise UnsupportedError(
                    f"{place}samples are counted along dimension 1, but no statement makes columns of them, as "
                    "x1 = x1' does; undo that edit"
                )
            if turned is not None and dimension == 2:
                raise UnsupportedError(
                    f"{turned}samples were counted along dimension 2 in line {place.line}, so they are columns before "
                    "this; delete this line"
                )


def _assigned(text: str) -> tuple[str | None, str, str]:
    """The variable that an assignment is about, its target and its value; no variable where it is none."""
    found = _ASSIGNMENT.fullmatch(text)
    target = _TARGET.fullmatch(found[1]) if found is not None else None
    if found is None or target is None:
        if found is None and re.search(r"^=|\w \w", text):
            raise FormatError("this is no MATLAB statement; is a % missing?")
        return None, "", ""
    return target[1], found[1], found[2]
