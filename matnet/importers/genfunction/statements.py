"""The statements of a main function: each is one that genFunction writes, or the file is refused. What they look like
stands at each method as MATLAB with holes; the method checks what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from matnet.errors import FormatError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.assembly import Assembly, Ring, Signal, Total
from matnet.importers.genfunction.bodies import BUILTIN, Modules
from matnet.importers.genfunction.syntax import Function, joined
from matnet.importers.genfunction.templates import matched, reads
from matnet.importers.genfunction.tokens import KEYWORDS, NAME, Line, Place, errors_at, literal_array
from matnet.importers.genfunction.values import ADVICE, Variables

_ARGUMENT = re.compile(r"(x|xi|ai)([1-9]\d{0,3})", re.ASCII)
_RESULT = re.compile(r"(y|xf|af)([1-9]\d{0,3})", re.ASCII)
_CONSTANT = re.compile(r"b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+(?:_[A-Za-z]\w*)?", re.ASCII)
_TARGET = re.compile(rf"({NAME})(?:\(.*\)|\{{.*\}}|\.{NAME})?", re.DOTALL)
_NAMES = re.compile(rf"(?<![\w.]){NAME}", re.ASCII)
_NUMBER = re.compile(r"-?(?:[0-9.][0-9.eE+-]*|NaN|nan|Inf|inf)")

_ARGUMENTS = ("if nargin < <:count>, error(<:string>); end", "if (nargin < <:count>), error(<:string>); end")
_COUNTED = "if ~isempty(X), <new_samples> = size(X{1},<dimension>);"
_OF_MATRICES = (*_ARGUMENTS, "<new_samples> = size(<input>,<dimension>)")
_WITHOUT_INPUTS = (*_ARGUMENTS, "<new_samples> = 0")
_OF_CELLS = (
    *_ARGUMENTS,
    "<new_flag> = iscell(X)",
    "if ~<flag>, X = {X}; end",
    "if ~iscell(X), X = {X}; end",
    "<new_series> = size(X,2)",
    "<new_samples> = size(X{1},<dimension>)",
    f"{_COUNTED} else, <new_samples> = 0; end",
    f"{_COUNTED} elseif ~isempty(<states>), <new_samples> = size(<states>{{1}},2); else, <new_samples> = 0; end",
    f"{_COUNTED} elseif ~isempty(<states>), <new_samples> = size(<states>{{1}},2);"
    "elseif ~isempty(<layer_states>), <new_samples> = size(<layer_states>{1},2); else, <new_samples> = 0; end",
)
_AFTER_THE_LOOP = (*_ARGUMENTS, "if ~<flag>, Y = cell2mat(Y); end", "if ~iscell(X), Y = cell2mat(Y); end")
_ALLOCATIONS = ("y<:number> = zeros(<:size>,<length>)", "Y = cell(<:size>,<length>)")
"""What is the same in all files. A hole says what its name stands for, or will stand for from there on."""

_LEFT_OUT = (
    "if isempty(<states>)",
    "if (isempty(<states>))",
    "if isempty(<states>) || isempty(<states>)",
    "if (isempty(<states>)) || isempty(<states>)",
)
_ZEROS = (
    "<states> = cell(<:sizes>)",
    "<states> = zeros(<:sizes>)",
    "<states> = {zeros(<:sizes>)}",
    "<states> = repmat({zeros(<:sizes>)},<:sizes>)",
    "<states>(<:count>,:) = {zeros(<:sizes>)}",
    "<states>{<:count>,<>} = zeros(<:sizes>)",
)
_LOOP = ("for <name> = 1:<last:size>",)
_KINDS = {"x": "input", "xi": "input states", "ai": "layer states"}
"""What the arguments of matrix files stand for, by their letters."""

_SIGNATURE = (
    "the arguments are not those of a network, which are (x1,x2,…,xi1,…,ai1,…) giving [y1,…] or (X,Xi,Ai) giving "
    "[Y,Xf,Af]; where the network stands inside a larger file, keep its function and those after it"
)
_CHANGED_INPUT = (
    "the argument {} is changed; delete this line, and change x in the same way before you give it to the network"
)
_CHANGED_OUTPUT = "{} is changed after the network; delete this line, and change what the network gives in the same way"


class MainFunction:
    """One pass over the main function's statements, which puts the network together.

    ``states`` are the arguments that hold initial states, ``finals`` the results that hold final ones. ``turned`` are
    the arguments and outputs that were transposed, ``counted`` the inputs whose samples were counted, along which
    dimension, and whether they were transposed before.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.defined = {function.name}
        self.variables = Variables()
        self.known = self.variables.known
        self.network = self.variables.network
        self.finals = {name for name in function.results if name[0] not in "yY"}
        self.turned: set[Signal] = set()
        self.counted: list[tuple[Signal, int, bool, Place]] = []
        with errors_at(function.place):
            self._read_signature()
        self.states = {name for name, signal in self.variables.arguments.items() if signal.kind != "input"}

    def read(self, modules: Modules) -> Assembly:
        """The network, given what the module functions compute."""
        self.variables.functions = modules.recognised
        self.defined |= modules.functions.keys()
        self._read(self.function.statements)
        with errors_at(self.function.place):
            self._check()
        return self.network

    @property
    def filling(self) -> bool:
        """Whether this is a loop over the initial states."""
        return self.variables.loop is not None and not self.variables.looped

    @property
    def after(self) -> bool:
        """Whether the time loop is over."""
        return self.variables.looped and self.variables.loop is None

    def _read(self, statements: Sequence[Sequence[Line]]) -> None:
        for statement in statements:
            first = statement[0]
            self.variables.place = first.place
            with errors_at(first.place):
                if first.word == "for":
                    self._for(statement)
                elif first.word == "if":
                    self._if(statement)
                else:
                    self._assign(first.text)

    def _read_signature(self) -> None:
        parameters, results = self.function.parameters, self.function.results
        names = [name for name in (*parameters, *results) if name != "~"]
        if len(set(names)) < len(names):
            raise FormatError("an argument occurs twice")
        self.known.update((name, "argument" if name in parameters else "result") for name in names)
        matches = [match for name in parameters if (match := _ARGUMENT.fullmatch(name)) is not None]
        if len(matches) < len(parameters):
            if parameters[0] != "X" or results[:1] != ("Y",) or len(parameters) > 3 or len(results) > 3:
                raise UnsupportedError(_SIGNATURE)
            self.variables.cells = True
            signals = [Signal(kind, 0) for kind in _KINDS.values()]
            self.variables.arguments = dict(zip(parameters, signals, strict=False))
            return
        wrong = next((name for name in results if _RESULT.fullmatch(name) is None), None)
        if wrong is not None:
            raise UnsupportedError(f"'{wrong}' is not a result of a generated function (y1, xf1, af1, …)")
        for kind, listed in (("x", parameters), ("y", results)):
            numbers = [int(name[1:]) for name in listed if name[1:].isdigit() and name[0] == kind]
            if numbers != list(range(1, len(numbers) + 1)) or (kind == "y" and not numbers):
                raise UnsupportedError(f"a generated function has {kind}1, {kind}2, … in this order")
        self.variables.arguments = {match[0]: Signal(_KINDS[match[1]], int(match[2])) for match in matches}
        self.network.inputs = sum(match[1] == "x" for match in matches)

    # assignments

    def _assign(self, text: str) -> None:
        base, target, value = _assigned(text)
        if base in BUILTIN or base in self.defined or base == self.variables.loop:
            raise UnsupportedError(f"the variable '{base}' hides a function or a loop's variable; {ADVICE}")
        if self.filling:
            self._set(base, target, value)
        elif _CONSTANT.fullmatch(base):
            self._constant(target, value)
        elif self._is_final(base, target, value) or self._is_fixed(text):
            return
        elif value == f"{target}'":
            self._transpose(base, target)
        elif base in self.function.results:
            self._output(base, target, value)
        elif base in self.function.parameters:
            if value != f"double({target})" or target != base:
                raise UnsupportedError(ADVICE if self.variables.loop is not None else _CHANGED_INPUT.format(base))
        else:
            self._set(base, target, value)

    def _constant(self, name: str, value: str) -> None:
        constant = _constant_of(value)
        if constant is None or re.fullmatch(rf"{NAME}(?:\.{NAME})?", name) is None:
            raise UnsupportedError("a constant is a number or a matrix of numbers, written out")
        if name in self.network.constants or self.variables.looped or self.network.layers:
            raise UnsupportedError(f"'{name}' is set a second time, or after the calculation has begun")
        base, dot, _ = name.partition(".")
        if any(known.partition(".")[:2] == (base, "" if dot else ".") for known in self.network.constants):
            raise UnsupportedError(f"'{base}' is a struct and a constant of its own; {ADVICE}")
        self.network.constants[name], self.network.places[name] = constant, self.variables.place

    def _is_final(self, base: str, target: str, value: str) -> bool:
        """Whether this sets final states, or what only they need; none of it has an influence on the outputs."""
        if base not in self.finals and not (self.after and self.known.get(base) in (None, "final state")):
            return False
        readable = {"cell", "mod", "zeros", base, *(name for name, held in self.known.items() if held != "result")}
        if self.variables.loop is not None or not readable.issuperset(_NAMES.findall(f"{target}={value}")):
            raise UnsupportedError(ADVICE)
        self.known[base] = "final state"
        return True

    def _transpose(self, base: str, target: str) -> None:
        """``x1 = x1';`` and its like for cells, states and outputs."""
        signal = self._result(target) if base in self.function.results else self.variables.argument(target)
        if signal is None or signal in self.turned:
            raise UnsupportedError(ADVICE)
        unused, known = signal.number not in self.variables.taken, signal.number in self.network.outputs
        if not {"input": unused, "output": known}.get(signal.kind, self.variables.loop is None):
            raise UnsupportedError(ADVICE)
        self.turned.add(signal)
        if signal.kind == "output":
            self.known[target] = "result"

    @reads("y<number>", "y<number>(:,<step>)", "Y{<number>,<step>}")
    def _result(self, number: str, step: str | None = None) -> Signal | None:
        """An output, all of it or its present step, with nothing known of it but its number."""
        return Signal("output", int(number)) if step == self.variables.loop else None

    def _output(self, base: str, target: str, value: str) -> None:
        if not self.network.outputs and not self.variables.looped and self._fits(_ALLOCATIONS, f"{target}={value}"):
            return
        result, changed = self._result(target), UnsupportedError(_CHANGED_OUTPUT.format(base))
        if result is None or result in self.turned or self.after:
            raise changed if self.network.outputs else UnsupportedError(ADVICE)
        before = self.known.get(target)
        try:
            signal = self.variables.signal(value, "layer", "output")
        except UnsupportedError as error:
            raise (changed if isinstance(before, Signal) else error) from None
        fewer = [signal.steps[:count] for count in range(len(signal.steps))]
        if isinstance(before, Signal) and (before.number != signal.number or before.steps not in fewer):
            raise changed
        self.known[target] = signal
        self.network.enter_output(result.number, signal)

    def _set(self, base: str, target: str, value: str) -> None:
        """A variable, or a slot of a ring: ``xd1(:,xdts) = …``, in a loop over the initial states ``Xd1{ts} = …``."""
        if target == base and isinstance(self.known.get(base), str | int | Ring):
            raise UnsupportedError(f"'{base}' is set again; {ADVICE}")
        if target == base and not self.filling:
            self.known[base] = self._ring(value) or self.variables.position(value) or self.variables.value(value)
            return
        kinds = ("input states", "layer states") if self.filling else ("input", "layer")
        signal = self.known[target] = self.variables.signal(value, *kinds)
        if target != base and self.filling:
            self._slot(base, target).states = signal
        elif target != base:
            ring = self._slot(base, target)
            if ring.written not in (None, signal):
                raise UnsupportedError(f"'{base}' gets another present value than before; {ADVICE}")
            ring.written = signal

    # what is the same in all files

    def _is_fixed(self, text: str) -> bool:
        matrices = _OF_MATRICES if self.network.inputs else _WITHOUT_INPUTS
        return self._fits(_AFTER_THE_LOOP if self.after else _OF_CELLS if self.variables.cells else matrices, text)

    def _fits(self, templates: Sequence[str], text: str) -> bool:
        """Whether one of some templates matches, with names that stand for what the holes say."""
        found = matched(templates, text)
        if found is None:
            return False
        dimension, number = found.pop("dimension", None), int(found.get("input", "x1")[1:])
        if not all(self._stands_for(name, kind) for kind, name in found.items()):
            return False
        if dimension is not None:
            signal = Signal("input", number)
            self.counted.append((signal, int(dimension), signal in self.turned, self.variables.place))
        self.known.update((name, kind[4:]) for kind, name in found.items() if kind.startswith("new_"))
        return True

    def _stands_for(self, name: str, kind: str) -> bool:
        if kind.startswith("new_"):
            return self._is_free(name)
        if kind.endswith("states"):
            return name in self.states
        if kind == "input":
            return name in self.known
        return self.known.get(name) in (("samples", "series") if kind == "length" else (kind,))

    def _is_free(self, name: str) -> bool:
        return not (name in self.known or name in BUILTIN or name in self.defined)

    # rings of time steps

    @reads("cell(1,<slots:count>)", "[<states:any> zeros(<:count>,1)]", "[<states:any> cell(1,1)]")
    def _ring(self, slots: str = "", states: str = "") -> Ring:
        """Free slots, or initial states and a free slot."""
        if self.variables.looped:
            raise UnsupportedError(ADVICE)
        signal = None if slots else self.variables.signal(states, "input states", "layer states")
        return Ring(signal, int(slots) if slots else None)

    def _slot(self, base: str, target: str) -> Ring:
        """The ring that has a slot."""
        slot = matched(("<>{<position>}" if self.variables.cells else "<>(:,<position>)",), target)
        ring, position = self.known.get(base), self.known.get(slot["position"]) if slot is not None else None
        if isinstance(ring, Signal) and ring.kind.endswith("states"):
            ring = self.known[base] = Ring(ring)
        if not isinstance(ring, Ring) or not isinstance(position, int):
            raise UnsupportedError(ADVICE)
        ring.count(position)
        return ring

    # blocks

    def _if(self, lines: Sequence[Line]) -> None:
        if self.variables.loop is not None or not (self._is_fixed(joined(lines)) or self._sets_states(lines)):
            line = next((line for line in lines if line.word not in KEYWORDS), lines[0])
            raise line.place.error(UnsupportedError(ADVICE))

    def _sets_states(self, lines: Sequence[Line]) -> bool:
        """Whether this is a block that sets initial states that are left out, which are zeros."""
        condition = lines[0].text
        for k, argument in enumerate(self.function.parameters, start=1):
            condition = condition.replace(f"nargin<{k}", f"isempty({argument})")
        name = (matched(_LEFT_OUT, condition) or {"states": ""})["states"]
        if self.variables.looped or name not in self.states:
            return False
        for line in lines[1:]:
            loop, zeros = matched(_LOOP, line.text), matched(_ZEROS, line.text)
            if line.text != "end" and not (loop and self._is_free(loop["name"])) and zeros != {"states": name}:
                return False
        return True

    def _for(self, lines: Sequence[Line]) -> None:
        head = matched(_LOOP, lines[0].text)
        if head is None or self.variables.loop is not None:
            raise UnsupportedError(ADVICE)
        name, last, body = head["name"], head["last"], [[line] for line in lines[1:-1]]
        if self.after:
            free = self._is_free(name) or self.known.get(name) == "final state"
            self.known[name] = "final state"
            if not free or not all(self._is_final(*_assigned(line.text)) for [line] in body):
                raise UnsupportedError(ADVICE)
        elif self.variables.cells and last.isdigit() and self._is_free(name):
            self.variables.loop, self.known[name] = name, int(last) + 1
            self._read(body)
            self.variables.loop = None
            for element in [element for element in self.known if element == name or element.endswith(f"{{{name}}}")]:
                del self.known[element]
        elif self.known.get(last) == ("series" if self.variables.cells else "samples") and self._is_free(name):
            self._read_time_loop(name, body)
        else:
            raise UnsupportedError(ADVICE)

    def _read_time_loop(self, variable: str, body: Sequence[Sequence[Line]]) -> None:
        """Inside it, what was read of the inputs before and the count of a matrix's samples mean the whole series."""
        if self.network.layers:
            place = self.network.places[next(iter(self.network.layers))]
            raise place.error(UnsupportedError("the layer is calculated outside the time loop"))
        self.variables.loop, self.variables.looped = variable, True
        for name, held in self.known.items():
            if isinstance(held, Total) or (isinstance(held, Signal) and held.kind == "input"):
                self.known[name] = "argument"
            elif held == "samples" and not self.variables.cells:
                self.known[name] = "series"
        self._read(body)
        self.variables.loop = None

    # what can be told only when all statements are known

    def _check(self) -> None:
        count = len(self.network.outputs) if self.variables.cells else len(self.function.results) - len(self.finals)
        found, expected = sorted(self.network.outputs), list(range(1, max(count, 1) + 1))
        if found != expected:
            raise FormatError(f"outputs {found} are calculated, expected {expected}")
        inputs = set(range(1, self.network.inputs + 1))
        if inputs - self.network.steps.keys():
            raise UnsupportedError(f"no weight takes input {min(inputs - self.network.steps.keys())}")
        if self.network.steps.keys() - inputs:
            raise UnsupportedError(f"input {min(self.network.steps.keys() - inputs)} has states but no series")
        self._check_rings()
        for name in self.network.constants:
            if name.partition(".")[0] not in self.network.used:
                reason = f"no statement uses the constant {name}, so the file was edited; undo the edit, or load the "
                raise self.network.places[name].error(UnsupportedError(f"{reason}network's .mat file"))
        for kind, total in (("input", self.network.inputs), ("output", len(self.network.outputs))):
            if sum(signal.kind == kind for signal in self.turned) not in (0, total):
                raise UnsupportedError(f"the samples of some {kind}s are rows, those of others columns")
        for signal, dimension, before, place in self.counted if inputs else ():
            if (dimension == 1) != (signal in self.turned and not before):
                turned = f"{'no' if dimension == 1 else 'a'} statement after this one transposes them, as x1 = x1' does"
                reason = f"samples are counted along dimension {dimension}, but {turned}; undo that edit"
                raise place.error(UnsupportedError(reason))

    def _check_rings(self) -> None:
        counts: dict[str, int | None] = {}
        for ring in [held for held in self.known.values() if isinstance(held, Ring)]:
            states, written = ring.states, ring.written
            if states is None or written is None or states != replace(written, kind=f"{written.kind} states"):
                reason = "the initial states and the series go through different steps, or into other rings"
                raise UnsupportedError(reason)
            count = counts.setdefault(states.kind, ring.slots)
            if count != ring.slots:
                raise UnsupportedError(f"rings of {count} and {ring.slots} slots share their {states.kind}")


def _assigned(text: str) -> tuple[str, str, str]:
    """The variable that an assignment is about, its target and its value."""
    target, _, value = text.partition("=")
    name = _TARGET.fullmatch(target)
    if name is not None and value and not value.startswith("="):
        return name[1], target, value
    if (not target or not value or value.startswith("=")) and re.search(r"^=|\w \w", text):
        raise FormatError("this is not a MATLAB statement; is a % missing?")
    raise UnsupportedError(ADVICE)


def _constant_of(text: str) -> FloatArray | None:
    """The constant that an assignment of a literal makes; None if the expression is not a literal."""
    matrix = text.removesuffix("'")
    if matrix.startswith("[") and matrix.endswith("]"):
        return literal_array(matrix) if matrix == text else literal_array(matrix).T
    if _NUMBER.fullmatch(text) is not None:
        return literal_array(f"[{text}]")
    return None if matched(("zeros(0,<:count>)", "zeros(<:count>,0)"), text) is None else literal_array("[]")
