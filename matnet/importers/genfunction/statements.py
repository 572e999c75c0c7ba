"""The statements of a main function: each is one that genFunction writes, or the file is refused.

Elements are read in one spelling, whatever the file's interface: ``x1{ts}`` for ``x1(:,ts)``, ``#x1{ts}`` for
``X{1,ts}``, ``xd1{xdts}`` for ``xd1(:,xdts)``, and ``#xi1`` for ``Xi(1,:)`` and, in a loop over the initial states, for
``Xi{1,ts}``; no MATLAB name has a ``#``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import BUILTIN, Modules
from matnet.importers.genfunction.signals import Plan, PlannedOutput, Position, Ring, Signal, Taps, Total, Value
from matnet.importers.genfunction.syntax import NAME, Function, Statement
from matnet.importers.genfunction.tokens import Place, errors_at
from matnet.importers.genfunction.values import ADVICE, Variables, constant_of

_ARGUMENT = re.compile(r"(x|xi|ai)([1-9]\d{0,3})", re.ASCII)
_RESULT = re.compile(r"(y|xf|af)([1-9]\d{0,3})", re.ASCII)
_CONSTANT = re.compile(r"b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+(?:_[A-Za-z]\w*)?", re.ASCII)
_ASSIGNMENT = re.compile(r"([^=]+)=(?!=)(.+)", re.DOTALL)
_TARGET = re.compile(rf"({NAME})(?:\(.*\)|\{{.*\}}|\.{NAME})?", re.ASCII)
_NAMES = re.compile(rf"(?<![\w.]){NAME}", re.ASCII)
_COLUMN = re.compile(rf"(?<![\w.])({NAME})\(:,({NAME})\)", re.ASCII)
_CELL = re.compile(rf"(?<![\w.])({NAME})(?:\{{([1-9]\d{{0,3}}),({NAME})\}}|\(([1-9]\d{{0,3}}),:\))", re.ASCII)
_SLOT = re.compile(rf"({NAME})\{{({NAME})\}}", re.ASCII)
_COUNT = re.compile(r"size\((x[1-9]\d{0,3}|X\{1\}),([12])\)", re.ASCII)
_RING = re.compile(r"\[(.+) (?:zeros\(\d+,1\)|cell\(1,1\))\]", re.ASCII)
_ALLOCATED = re.compile(rf"(cell|zeros)\((?:\d+|{NAME}),(\d+|{NAME})\)", re.ASCII)
_LOOP = re.compile(rf"for ({NAME})=1:(\d{{1,9}}|{NAME})", re.ASCII)
_ERROR = re.compile(r"if[ (]nargin<\d+\)?\nerror\(['\"][^\n]*\)\nend", re.ASCII)
_SAMPLES = re.compile(
    rf"if~isempty\(X\)\n({NAME})=(size\(X\{{1\}},[12]\))\n"
    rf"((?:elseif~isempty\(({NAME})\)\n\1=size\(\4\{{1\}},2\)\n)*)else\n\1=0\nend",
    re.ASCII,
)
_ABSENT = re.compile(rf"if[ (]?(?:nargin<(\d)\)?)?(?:\|\|)?(?:\(?isempty\(({NAME})\)\)?)?", re.ASCII)
_ZEROS = re.compile(
    rf"({NAME})(?:\{{\d+,{NAME}\}}|\(\d+,:\))?=(?:repmat\(|num2cell\(|\{{)*(?:zeros|cell)\([\w,]+\)(?:[,\d)}}])*",
    re.ASCII,
)
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
    """One pass over the main function's statements, which fills the plan.

    ``cells`` tells that the arguments are cell arrays, ``letters`` how each of them is written here, ``finals`` are the
    results that hold final states. ``filling`` is the variable of a loop over the initial states inside it, ``passes``
    how often it runs. ``looped`` tells that the time loop has begun, ``after`` that it is over. ``turned`` has the
    inputs and outputs that were transposed, ``counted`` the statements that count samples along dimension 1 or 2 of an
    input, and whether it was transposed before.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.defined = {function.name}
        self.cells = bool(function.parameters) and not all(map(_ARGUMENT.fullmatch, function.parameters))
        self.mark = "#" if self.cells else ""
        self.variables = Variables(self.cells)
        self.known = self.variables.known
        self.plan = self.variables.plan
        self.letters: dict[str, str] = {}
        self.finals: set[str] = set()
        self.filling: str | None = None
        self.passes = 0
        self.looped = self.after = False
        self.turned: set[str] = set()
        self.counted: list[tuple[str, int, bool, Place]] = []
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
        names = [name for name in (*parameters, *results) if name != "~"]
        if len(set(names)) < len(names):
            raise FormatError("an argument occurs twice")
        self.known.update((name, "argument" if name in parameters else "result") for name in names)
        if self.cells:
            if parameters[0] != "X" or results[:1] != ("Y",) or len(parameters) > 3 or len(results) > 3:
                raise UnsupportedError(_SIGNATURE)
            self.letters = {"Y": "#y", **dict(zip(parameters, ("#x", "#xi", "#ai"), strict=False))}
            self.finals = set(results[1:])
            return
        numbers: dict[str, list[int]] = {"x": [], "y": []}
        for name in names:
            match = _ARGUMENT.fullmatch(name) or _RESULT.fullmatch(name)
            if match is None:
                raise UnsupportedError(f"'{name}' is no result of a generated function (y1, xf1, af1, …)")
            numbers.setdefault(match[1], []).append(int(match[2]))
            if name in parameters:
                self.known[name] = Signal(_KINDS[match[1]], int(match[2]))
        for kind in ("x", "y"):
            if numbers[kind] != list(range(1, len(numbers[kind]) + 1)) or not numbers["y"]:
                raise UnsupportedError(f"a generated function has {kind}1, {kind}2, … in this order")
        self.plan.inputs = len(numbers["x"])
        self.finals = {name for name in results if not name.startswith("y")}

    # elements in one spelling

    def _spelled(self, text: str) -> str:
        if not self.cells:
            return _COLUMN.sub(r"\1{\2}", text)
        return _CELL.sub(self._element, text)

    def _element(self, match: re.Match[str]) -> str:
        letter, step = self.letters.get(match[1], ""), match[3]
        series = letter in ("#x", "#y")
        if not letter or step != (self.variables.loop if series else self.filling) or (series and step is None):
            return match[0]
        number = int(match[2] or match[4])
        element = f"{letter}{number}{{{step}}}" if series else f"{letter}{number}"
        if letter != "#y":
            self.known[element] = Signal(_KINDS[letter[1:]], number)
        if letter == "#x":
            self.plan.inputs = max(self.plan.inputs, number)
        return element

    def _present(self, name: str) -> str:
        """The element of an argument or a result at the present step; all of it outside the time loop."""
        return name if self.variables.loop is None else f"{name}{{{self.variables.loop}}}"

    # assignments

    def _assign(self, text: str) -> None:
        base, target, value = _assigned(text)
        if base is None:
            raise UnsupportedError(ADVICE)
        if base in BUILTIN or base in self.defined or base in (self.variables.loop, self.filling):
            raise UnsupportedError(f"the variable '{base}' hides a function or a loop's variable; {ADVICE}")
        element, spelled = self._spelled(target), self._spelled(value)
        if self.filling is not None:
            self._fill(base, target, spelled)
        elif _CONSTANT.fullmatch(base):
            self._constant(target, value)
        elif self._is_final(text):
            return
        elif value == f"{target}'":
            self._turn(base, element)
        elif base in self.function.results:
            self._output(base, element, spelled)
        elif base in self.function.parameters:
            if value != f"double({target})" or target != base:
                raise UnsupportedError(ADVICE if self.variables.loop is not None else _CHANGED_INPUT.format(base))
        elif target == base:
            self._variable(base, spelled)
        else:
            self._ring_set(base, element, spelled)

    def _constant(self, name: str, value: str) -> None:
        constant = constant_of(value, self.variables.place)
        if constant is None or re.fullmatch(rf"{NAME}(?:\.{NAME})?", name, re.ASCII) is None:
            raise UnsupportedError("a constant is a number or a matrix of numbers, written out")
        if name in self.plan.constants or self.looped or self.plan.layers:
            raise UnsupportedError(f"'{name}' is set a second time, or after the calculation has begun")
        self.plan.constants[name] = constant

    def _is_final(self, text: str) -> bool:
        """Whether this sets final states, or what only they need; none of it has an influence on the outputs."""
        base = _assigned(text)[0]
        new = self.after and self.known.get(str(base)) in (None, "final state")
        if base is None or (base not in self.finals and not new):
            return False
        readable = {"cell", "mod", "zeros", base, *(name for name, held in self.known.items() if held != "result")}
        if self.variables.loop is not None or not readable.issuperset(_NAMES.findall(text)):
            raise UnsupportedError(ADVICE)
        self.known[base] = "final state"
        return True

    def _turn(self, base: str, element: str) -> None:
        """``x1 = x1';`` and its like for cells, states and outputs."""
        name = element.partition("{")[0]
        signal = self.known.get(element)
        if base in self.function.results:
            allowed = self._output_number(name) in self.plan.outputs and name not in self.turned
            self.known[element] = "result"
        else:
            allowed = isinstance(signal, Signal) and base in self.function.parameters
            if isinstance(signal, Signal) and signal.kind == "input":
                allowed = allowed and name not in self.turned and signal.number not in self.variables.taken
        if not allowed or element != self._present(name):
            raise UnsupportedError(ADVICE)
        self.turned.add(name)

    def _output_number(self, name: str) -> int:
        match = _RESULT.fullmatch(name.removeprefix(self.mark))
        return int(match[2]) if match is not None and match[1] == "y" else 0

    def _output(self, base: str, element: str, value: str) -> None:
        size = _ALLOCATED.fullmatch(value)
        if (
            size is not None
            and element == base
            and not self.plan.outputs
            and not self.looped
            and ((size[1] == "cell") == self.cells and self.known.get(size[2]) in ("samples", "series"))
        ):
            return
        name = element.partition("{")[0]
        number = self._output_number(name)
        before = self.plan.outputs.get(number)
        if not number or element != self._present(name) or name in self.turned or self.after:
            raise UnsupportedError(_CHANGED_OUTPUT.format(base) if self.plan.outputs else ADVICE)
        try:
            signal = self.variables.signal(value, "layer", "output")
        except UnsupportedError as error:
            raise error if before is None else UnsupportedError(_CHANGED_OUTPUT.format(base)) from None
        steps = before.signal.steps if before is not None else ()
        again = before is not None and (before.signal.number != signal.number or steps == signal.steps)
        if again or steps != signal.steps[: len(steps)]:
            raise UnsupportedError(_CHANGED_OUTPUT.format(base))
        self.known[element] = signal
        self.plan.outputs[number] = PlannedOutput(signal, self.variables.place)

    def _variable(self, base: str, value: str) -> None:
        if isinstance(self.known.get(base), str | Position | Ring):
            raise UnsupportedError(f"'{base}' is set again; {ADVICE}")
        self.known[base] = self._assignable(base, value)

    def _assignable(self, base: str, value: str) -> Value:
        """What a variable stands for that is set to an expression."""
        allocated, joined = re.fullmatch(r"cell\(1,(\d{1,9})\)", value, re.ASCII), _RING.fullmatch(value)
        if allocated is not None:
            return Ring(None, int(allocated[1]))
        if value == "iscell(X)" and self.cells:
            return "cell flag"
        known = self._count(value) or self.variables.position(value)
        if known is not None:
            return known
        signal = self.variables.value(joined[1] if joined is not None else value)
        if joined is None and isinstance(signal, Signal | Taps | Total):
            return signal
        if joined is not None and isinstance(signal, Signal) and signal.kind.endswith("states") and not self.looped:
            return Ring(signal)  # [xd1 zeros(2,1)], [Ai(2,:) cell(1,1)]: the initial states and one free slot
        raise UnsupportedError(ADVICE)

    def _count(self, text: str) -> str | None:
        """``size(x1,2)``, ``size(X,2)``, ``size(X{1},2)``; a file without inputs has ``Q = 0``."""
        if self.cells and text == "size(X,2)":
            return "series"
        if not self.cells and not self.plan.inputs and text == "0":
            return "samples"
        match = _COUNT.fullmatch(text)
        name = match[1].replace("X{1}", "#x1") if match is not None else ""
        if match is None or name.startswith("#") != self.cells or (not self.cells and name not in self.known):
            return None
        self.counted.append((name, int(match[2]), name in self.turned, self.variables.place))
        return "samples"

    # rings of time steps

    def _ring_set(self, base: str, element: str, value: str) -> None:
        """The present value into its slot."""
        ring, slot = self.known.get(base), _SLOT.fullmatch(element)
        if isinstance(ring, Signal) and ring.kind.endswith("states"):
            ring = self.known[base] = Ring(ring)
        position = self.known.get(slot[2]) if slot is not None else None
        if not isinstance(ring, Ring) or not isinstance(position, Position):
            raise UnsupportedError(ADVICE)
        if ring.slots not in (None, position.slots):
            raise FormatError(f"the ring has {ring.slots} slots, but the position counts modulo {position.slots}")
        ring.slots = position.slots
        ring.written = self.known[element] = self.variables.signal(value, "input", "layer")

    def _fill(self, base: str, target: str, value: str) -> None:
        """One initial state into its slot, or on its way there."""
        signal, held = self.variables.signal(value, "input states", "layer states"), self.known.get(base)
        if isinstance(held, Ring) and held.slots == self.passes + 1 and target == f"{base}{{{self.filling}}}":
            held.states = signal
        elif target != base or isinstance(held, str | Ring):
            raise UnsupportedError(ADVICE)
        self.known[target] = signal

    # blocks

    def _if(self, statement: Statement) -> None:
        text, inside = statement.text, self.variables.loop is not None or self.filling is not None
        wrapping = "\nY=cell2mat(Y)\nend" if self.after else "\nX={X}\nend"
        flags = ["iscell(X)", *(name for name, held in self.known.items() if held == "cell flag")]
        fixed = _ERROR.fullmatch(text) or (self.cells and text in [f"if~{flag}{wrapping}" for flag in flags])
        if inside or not (fixed or self._counts_samples(text) or self._is_default(text)):
            raise UnsupportedError(f"{statement.body[0].place if statement.body else ''}{ADVICE}")

    def _counts_samples(self, text: str) -> bool:
        """``if ~isempty(X) Q = size(X{1},2); elseif ~isempty(Xi) Q = size(Xi{1},2); else Q = 0; end``."""
        match = _SAMPLES.fullmatch(text)
        if match is None or not self.cells or not self._is_free(match[1]):
            return False
        if not set(re.findall(r"elseif~isempty\((\w+)", match[3])) <= self.letters.keys() - {"X", "Y"}:
            return False
        self.known[match[1]] = str(self._count(match[2]))
        return True

    def _is_free(self, name: str) -> bool:
        return not (name in self.known or name in BUILTIN or name in self.defined)

    def _is_default(self, text: str) -> bool:
        """Whether this is a block that sets initial states that are left out, which are zeros."""
        condition, *lines, _ = text.split("\n")
        match, parameters = _ABSENT.fullmatch(condition), self.function.parameters
        if match is None or self.looped or not (match[1] or match[2]):
            return False
        names = {match[2]} if match[2] else set()
        if match[1]:
            names.add(parameters[int(match[1]) - 1] if 0 < int(match[1]) <= len(parameters) else "~")
        name = names.pop()
        if names or self.letters.get(name, f"#{name.rstrip('0123456789')}") not in ("#xi", "#ai"):
            return False
        for line in lines:
            loop, zeros = _LOOP.fullmatch(line), _ZEROS.fullmatch(line)
            if line != "end" and not (loop and self._is_free(loop[1])) and not (zeros and zeros[1] == name):
                return False
        return True

    def _for(self, statement: Statement) -> None:
        match, variables = _LOOP.fullmatch(statement.text.partition("\n")[0]), self.variables
        if match is None or variables.loop is not None or self.filling is not None:
            raise UnsupportedError(ADVICE)
        name, last = match.groups()
        if self.after:
            free = self._is_free(name) or self.known.get(name) == "final state"
            self.known[name] = "final state"
            if not free or not all(not inner.body and self._is_final(inner.text) for inner in statement.body):
                raise UnsupportedError(ADVICE)
        elif self.cells and last.isdigit() and self._is_free(name):
            self.filling, self.passes = name, int(last)
            self._read(statement.body)
            self.filling = None
            for element in [element for element in self.known if element.endswith(f"{{{name}}}")]:
                del self.known[element]
        elif self.known.get(last) == ("series" if self.cells else "samples") and self._is_free(name):
            self._read_time_loop(name, statement.body)
        else:
            raise UnsupportedError(ADVICE)

    def _read_time_loop(self, variable: str, body: Sequence[Statement]) -> None:
        """Only states, counts of cells and the present step of an input have a meaning in it."""
        if self.plan.layers:
            layer = next(iter(self.plan.layers.values()))
            raise UnsupportedError(f"{layer.place}the layer is calculated outside the time loop")
        self.variables.loop, self.looped = variable, True
        before = dict(self.known)
        for name, held in before.items():
            if isinstance(held, Signal) and held.kind.endswith("states"):
                continue
            if isinstance(held, Signal) and name in self.function.parameters:
                self.known[self._present(name)] = held
                self.known[name] = "argument"
            elif isinstance(held, Signal | Taps | Total) or (held == "samples" and not self.cells):
                del self.known[name]
        self._read(body)
        self.variables.loop, self.after = None, True
        self.known.update(
            (name, held) for name, held in before.items() if self.known.get(name, "argument") == "argument"
        )

    # what can be told only when all statements are known

    def _check(self) -> None:
        plan = self.plan
        count = len(plan.outputs) if self.cells else len(self.function.results) - len(self.finals)
        if not plan.outputs or sorted(plan.outputs) != list(range(1, count + 1)):
            raise FormatError(
                f"outputs {sorted(plan.outputs)} are calculated, expected {list(range(1, max(count, 1) + 1))}"
            )
        inputs = set(range(1, plan.inputs + 1))
        if inputs - plan.steps.keys():
            raise UnsupportedError(f"no weight takes input {min(inputs - plan.steps.keys())}")
        if plan.steps.keys() - inputs:
            raise UnsupportedError(f"input {min(plan.steps.keys() - inputs)} has states but no series")
        self._check_rings([held for held in self.known.values() if isinstance(held, Ring)])
        for name, constant in plan.constants.items():
            if name.partition(".")[0] not in plan.used:
                raise UnsupportedError(
                    f"{constant.place}no statement uses the constant {name}, so the file was edited; undo the edit, or "
                    "load the network's .mat file"
                )
        for letter, total, what in (("x", plan.inputs, "inputs"), ("y", len(plan.outputs), "outputs")):
            if sum(re.fullmatch(rf"#?{letter}\d+", name) is not None for name in self.turned) not in (0, total):
                raise UnsupportedError(f"the samples of some {what} are rows, those of others columns")
        for name, dimension, before, place in self.counted if inputs else ():
            if (dimension == 1) != (name in self.turned and not before):
                raise UnsupportedError(
                    f"{place}samples are counted along dimension {dimension}, but {'no' if dimension == 1 else 'a'} "
                    "statement after this one transposes them, as x1 = x1' does; undo that edit"
                )

    def _check_rings(self, rings: Sequence[Ring]) -> None:
        for ring in rings:
            written = ring.written
            if written is None or ring.states != replace(written, kind=f"{written.kind} states"):
                raise UnsupportedError(
                    "the initial states and the series go through different steps, or into other rings"
                )
        for kind in ("input states", "layer states"):
            slots = {ring.slots for ring in rings if ring.states is not None and ring.states.kind == kind}
            if len(slots) > 1:
                raise UnsupportedError(f"rings of {' and '.join(sorted(map(str, slots)))} slots share their {kind}")


def _assigned(text: str) -> tuple[str | None, str, str]:
    """The variable that an assignment is about, its target and its value; no variable where it is none."""
    assignment = _ASSIGNMENT.fullmatch(text)
    target = _TARGET.fullmatch(assignment[1]) if assignment is not None else None
    if assignment is None or target is None:
        if assignment is None and re.search(r"^=|\w \w", text):
            raise FormatError("this is no MATLAB statement; is a % missing?")
        return None, "", ""
    return target[1], assignment[1], assignment[2]
