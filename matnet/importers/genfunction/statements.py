"""The statements of a main function: each is one that genFunction writes, or the file is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import BUILTIN, Modules
from matnet.importers.genfunction.signals import Plan, PlannedOutput, Position, Ring, Signal, Taps, Total
from matnet.importers.genfunction.syntax import Function, Place, Statement, Tree, errors_at, matched, names, whole
from matnet.importers.genfunction.values import ADVICE, Variables, constant_of

_ARGUMENT = re.compile(r"(x|xi|ai)([1-9]\d{0,3})", re.ASCII)
_RESULT = re.compile(r"(y|xf|af)([1-9]\d{0,3})", re.ASCII)
_CONSTANT = re.compile(r"b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+(?:_[A-Za-z]\w*)?", re.ASCII)
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
        readers = {"=": self._assign, "if": self._if, "for": self._for}
        for statement in body:
            self.variables.place = statement.place
            with errors_at(statement.place):
                if statement[0] not in readers:
                    raise UnsupportedError(ADVICE)
                readers[statement[0]](statement)

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

    def _assign(self, statement: Statement) -> None:
        _, target, value = statement
        base = _base(target)
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
        elif value == ("'", target):
            self._turn(base, target)
        elif base in self.function.results:
            self._output(base, target, value)
        elif base in self.function.parameters:
            if value != ("()", ("name", "double"), target) or target[0] != "name":
                raise UnsupportedError(ADVICE if self.variables.loop is not None else _CHANGED_INPUT.format(base))
        elif target[0] == "name":
            self._variable(base, value)
        else:
            self._ring_set(base, target, value)

    def _constant(self, target: Tree, value: Tree) -> None:
        found = constant_of(value, self.variables.place)
        name = f"{target[1][1]}.{target[2]}" if target[0] == "." and target[1][0] == "name" else target[1]
        if found is None or not isinstance(name, str):
            raise UnsupportedError("a constant is a number or a matrix of numbers, written out")
        if name in self.plan.constants:
            raise UnsupportedError(f"'{name}' was set before, in line {self.plan.constants[name].place.line}")
        if self.variables.looped or self.plan.layers:
            raise UnsupportedError("a constant is set after the calculation has begun")
        self.plan.constants[name] = found

    def _is_final(self, base: str, target: Tree, value: Tree) -> bool:
        """Whether this sets final states, or what only they need; none of it has an influence on the outputs."""
        free = self.after and self.known.get(base) in (None, "final state")
        if base not in self.finals and not free:
            return False
        known = _IN_FINAL_STATES.union(name for name, held in self.known.items() if held != "result")
        if self.variables.loop is not None or set(names(value)) - known or set(names(target)) - known - {base}:
            raise UnsupportedError(ADVICE)
        return True

    def _turn(self, base: str, target: Tree) -> None:
        """``x1 = x1';`` and its like for cells, states and outputs."""
        if (target[0] == "name") == (self.variables.loop is not None):
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

    def _output(self, base: str, target: Tree, value: Tree) -> None:
        size = matched("cell(?a,?b)" if self.cells else "zeros(?a,?b)", value)
        lengths = [self.variables.of(part) or whole(part) for part in size.values()] if size is not None else [None]
        known = all(length in ("samples", "series") or isinstance(length, int) for length in lengths)
        if known and target[0] == "name" and not self.plan.outputs and not self.variables.looped:
            return
        number = self.variables.output_number(target)
        before = self.plan.outputs.get(number)
        if not number or (before is not None and before.turned) or self.after:
            raise UnsupportedError(_CHANGED_OUTPUT.format(base) if self.plan.outputs else ADVICE)
        try:
            signal = self.variables.layer(self.variables.value(value[1] if value[0] == "'" else value))
        except UnsupportedError as error:
            raise error if before is None else UnsupportedError(_CHANGED_OUTPUT.format(base)) from None
        if not isinstance(signal, Signal) or signal.kind not in ("layer", "output") or signal.time != "now":
            raise UnsupportedError(f"the output is set to something that is no layer's output; {ADVICE}")
        if before is not None:
            steps = before.signal.steps
            if before.signal.number != signal.number or steps != signal.steps[: len(steps)] or steps == signal.steps:
                raise UnsupportedError(f"{base} is set a second time (first in line {before.place.line})")
        if (target[0] == "name") == (self.variables.loop is not None):
            raise UnsupportedError(ADVICE)
        self.plan.outputs[number] = PlannedOutput(signal, self.variables.place, value[0] == "'")

    def _variable(self, base: str, value: Tree) -> None:
        held = self.known.get(base)
        if isinstance(held, str | Position | Ring):
            raise UnsupportedError(f"'{base}' is set again; {ADVICE}")
        allocated, joined = matched("cell(1,?slots)", value), _joined(value)
        position = self.variables.position(value)
        if matched("iscell(X)", value) is not None and self.cells:
            self.known[base] = "cell flag"
        elif (count := self._count(value)) is not None:
            self.known[base] = count
        elif allocated is not None:
            self.known[base] = Ring(None, whole(allocated["slots"]))
        elif joined is not None:
            self.known[base] = self._ring_of(joined)
        elif position is not None:
            self.known[base] = position
        else:
            signal = self.variables.value(value)
            if not isinstance(signal, Signal | Taps | Total):
                raise UnsupportedError(ADVICE)
            self.known[base] = signal

    def _count(self, tree: Tree) -> str | None:
        """``size(x1,2)``, ``size(X,2)``, ``size(X{1},2)``; a file without inputs has ``Q = 0``."""
        if self.cells and matched("size(X,2)", tree) is not None:
            return "series"
        if not self.cells and not self.plan.inputs and whole(tree) == 0:
            return "samples"
        found = matched("size(X{1},?k)" if self.cells else "size(?x,?k)", tree)
        dimension = whole(found["k"]) if found is not None else None
        if found is None or dimension not in (1, 2):
            return None
        signal = None if self.cells else self.variables.of(found["x"])
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

    def _ring_of(self, joined: Mapping[str, Tree]) -> Ring:
        """``[xd1 zeros(2,1)]``, ``[Ai(2,:) cell(1,1)]``: the initial states and one free slot."""
        if whole(joined["free"]) != 1 or self.variables.loop is not None:
            raise UnsupportedError("a ring of time steps has one slot more than there are initial states")
        held = self.variables.value(joined["states"])
        if not isinstance(held, Signal) or held.time != "states":
            raise UnsupportedError(f"a ring of time steps begins with something that is no initial state; {ADVICE}")
        return Ring(replace(held, time="now"))

    def _ring_set(self, base: str, target: Tree, value: Tree) -> None:
        """The present value into its slot."""
        held = self.known.get(base)
        found = matched("?ring{?slot}", target) or matched("?ring(:,?slot)", target)
        if isinstance(held, Signal) and held.time == "states":
            held = self.known[base] = Ring(replace(held, time="now"))
        position = self.variables.of(found["slot"]) if found is not None else None
        if not isinstance(held, Ring) or held.signal is None or not isinstance(position, Position):
            raise UnsupportedError(ADVICE)
        if held.slots not in (None, position.slots):
            raise FormatError(f"the ring has {held.slots} slots, but the position counts modulo {position.slots}")
        signal = self.variables.layer(self.variables.value(value))
        if not isinstance(signal, Signal) or signal.kind == "output" or signal.time != "now":
            raise UnsupportedError(f"a ring of time steps holds something that is neither input nor layer; {ADVICE}")
        held.slots, held.written = position.slots, signal

    def _fill(self, base: str, target: Tree, value: Tree) -> None:
        """One initial state into its slot, or on its way there."""
        signal, held = self.variables.value(value), self.known.get(base)
        if not isinstance(signal, Signal) or signal.time != "state" or isinstance(held, str):
            raise UnsupportedError(f"an initial state is set to something else; {ADVICE}")
        slot = matched("?ring{?slot}", target)
        if target[0] == "name" and not isinstance(held, Ring):
            self.known[base] = signal
        elif isinstance(held, Ring) and slot is not None and slot["slot"] == ("name", self.variables.filling):
            slots = self.passes + 1
            if held.slots not in (None, slots):
                raise FormatError(f"{self.passes} initial states are put into {held.slots} slots, expected {slots}")
            self.known[base] = Ring(replace(signal, time="now"), slots)
        else:
            raise UnsupportedError(ADVICE)

    # blocks

    def _if(self, statement: Statement) -> None:
        conditions, bodies = statement[1::2], statement[2::2]
        if self.variables.loop is None and self.variables.filling is None:
            fixed = any(matched(text, statement) is not None for text in self._blocks())
            absent = self._absent(conditions[0]) if len(bodies) == 1 else None
            if fixed or (absent is not None and all(self._zero_state(inner, absent) for inner in bodies[0])):
                return
            if self._counts_samples(conditions, bodies):
                return
        raise UnsupportedError(f"{next((body[0] for body in bodies if body), statement).place}{ADVICE}")

    def _blocks(self) -> Iterator[str]:
        """Blocks that are always alike."""
        yield from ("if nargin < ?k, error(?text), end", "if nargin < ?k error(?text), end")
        if not self.cells:
            return
        flags = [name for name, held in self.known.items() if held == "cell flag"]
        for flag in (*flags, "iscell(X)"):
            yield f"if ~{flag}, Y = cell2mat(Y); end" if self.after else f"if ~{flag}, X = {{X}}; end"

    def _counts_samples(self, conditions: Sequence[Tree], bodies: Sequence[tuple[Statement, ...]]) -> bool:
        """``if ~isempty(X) Q = size(X{1},2); elseif ~isempty(Xi) Q = size(Xi{1},2); else Q = 0; end``."""
        targets: set[Tree] = set()
        for condition, body in zip(conditions, bodies, strict=True):
            present = matched("~isempty(?x)", condition)
            inner = matched("?q = ?size", body[0]) if len(body) == 1 else None
            if inner is None or (present is None and condition != ("else",)):
                return False
            targets.add(inner["q"])
            of = matched("size(?x{1},2)", inner["size"])
            if present is None:
                good = whole(inner["size"]) == 0
            elif present["x"] == ("name", "X"):
                with errors_at(body[0].place):
                    good = self._count(inner["size"]) == "samples"
            else:
                good = of == present and present["x"][-1] in self.variables.states
            if not good:
                return False
        name = targets.pop()
        if targets or conditions[0] != ("~", ("()", ("name", "isempty"), ("name", "X"))) or not self._is_free(name):
            return False
        self.known[name[1]] = "samples"
        return True

    def _is_free(self, variable: Tree) -> bool:
        name = variable[1]
        return variable[0] == "name" and not (name in self.known or name in BUILTIN or name in self.defined)

    def _absent(self, condition: Tree) -> str | None:
        """The argument that a condition says was left out."""
        if condition[0] == "||":
            first = self._absent(condition[1])
            return first if first == self._absent(condition[2]) else None
        found = matched("isempty(?x)", condition)
        if found is not None:
            return _base(found["x"])
        fewer, upto = matched("nargin < ?k", condition), matched("nargin <= ?k", condition)
        index = whole(fewer["k"]) if fewer is not None else whole(upto["k"] if upto is not None else None)
        index = index - 1 if fewer is not None and index is not None else index
        parameters = self.function.parameters
        return parameters[index] if index is not None and 0 <= index < len(parameters) else None

    def _zero_state(self, statement: Statement, name: str | None) -> bool:
        """Initial states that are left out are zeros."""
        if statement[0] == "for":
            return self._is_free(statement[1]) and all(self._zero_state(inner, name) for inner in statement[3])
        held = self.known.get(str(name))
        state = name in self.variables.states or (isinstance(held, Signal) and held.time == "states")
        assigned = statement[0] == "=" and _base(statement[1]) == name
        return state and assigned and not self.variables.looped and _is_zero(statement[2])

    def _for(self, statement: Statement) -> None:
        _, variable, values, body = statement
        found, variables = matched("1:?last", values), self.variables
        if found is None or variables.loop is not None or variables.filling is not None:
            raise UnsupportedError(ADVICE)
        passes, count = whole(found["last"]), variables.of(found["last"])
        if self.after:
            self._read_final_states(variable, body)
        elif passes is not None and self._is_free(variable):
            variables.filling, self.passes = variable[1], passes
            self._read(body)
            variables.filling = None
        elif count == ("series" if self.cells else "samples") and self._is_free(variable):
            self._forget()
            variables.loop, variables.looped = variable[1], True
            self._read(body)
            variables.loop, self.after = None, True
        else:
            raise UnsupportedError(f"the loop does not run over the time steps; {ADVICE}")

    def _forget(self) -> None:
        """Only states, counts and arguments from before the time loop have a meaning in it."""
        for name, held in list(self.known.items()):
            states = isinstance(held, Signal) and held.time == "states"
            if name not in self.function.parameters and isinstance(held, Signal | Taps | Total) and not states:
                del self.known[name]

    def _read_final_states(self, variable: Tree, body: Sequence[Statement]) -> None:
        if not self._is_free(variable) and self.known.get(variable[1]) != "final state":
            raise UnsupportedError(ADVICE)
        self.known[variable[1]] = "final state"
        for statement in body:
            with errors_at(statement.place):
                base = _base(statement[1]) if statement[0] == "=" else None
                if base is None or not self._is_final(base, *statement[1:]):
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


def _base(tree: Tree) -> str | None:
    """The variable that a target is about."""
    while tree[0] in ("()", "{}", "."):
        tree = tree[1]
    return tree[1] if tree[0] == "name" else None


def _joined(value: Tree) -> dict[str, Tree] | None:
    """States with a free slot after them."""
    return matched("[?states zeros(?rows,?free)]", value) or matched("[?states cell(1,?free)]", value)


def _is_zero(tree: Tree) -> bool:
    """Whether an expression can hold nothing but zeros."""
    inner = matched("repmat(?a,?rows,?columns)", tree) or matched("num2cell(?a)", tree) or matched("{?a}", tree)
    if inner is not None:
        return _is_zero(inner["a"])
    return (matched("zeros(?a,?b)", tree) or matched("cell(?a,?b)", tree)) is not None or whole(tree) == 0
