"""Assignments of a main function: constants, variables, rings of time steps, outputs and final states."""

from __future__ import annotations

import re
from dataclasses import replace

from matnet.errors import FormatError, UnsupportedError
from matnet.importers.genfunction.bodies import builtin, mentioned
from matnet.importers.genfunction.expressions import ADVICE, Expressions, constant_of, integer, is_call, is_name
from matnet.importers.genfunction.nodes import Assign, Bare, Function, Node
from matnet.importers.genfunction.signals import (
    Cells,
    Count,
    FromInput,
    FromLayer,
    LayerState,
    Mark,
    OutputPlan,
    Position,
    Reversed,
    Ring,
    Total,
)

MATRIX_PARAMETER = re.compile(r"(x|xi|ai)([1-9]\d{0,3})")
"""The arguments of the matrix interface."""

MATRIX_RESULT = re.compile(r"(y|xf|af)([1-9]\d{0,3})")
"""Its results."""

_CONSTANT = re.compile(r"b\d+|[IL]W\d+_\d+|[xy]\d+_step\d+(?:_[A-Za-z]\w*)?")
_PLUMBING_WORDS = """
    cat cell cell2mat max min mod nan NaN num2cell numel ones repmat reshape size zeros
"""
_PLUMBING = frozenset(_PLUMBING_WORDS.split())


class Assignments(Expressions):
    """Reads assignments; what they set goes into ``env``, what they calculate into the plan.

    ``finals`` are the results that hold final states, ``after`` tells that the time loop is over.
    """

    def __init__(self, function: Function, defined: frozenset[str]) -> None:
        cells = bool(function.parameters) and not all(map(MATRIX_PARAMETER.fullmatch, function.parameters))
        super().__init__(cells)
        self.function = function
        self.defined = defined
        self.finals: set[str] = set()
        self.outputs: str | None = None
        self.after = False

    def _assign(self, statement: Assign) -> None:
        if len(statement.targets) != 1 or statement.targets[0] is None:
            raise UnsupportedError(ADVICE)
        target, value = statement.targets[0], statement.value
        base = base_of(target)
        if base is None or builtin(base) or base in self.defined or base in (self.loop, *(self.filling or ())[:1]):
            raise UnsupportedError(f"no generated file sets this; {ADVICE}" if base is None else shadowed(base))
        if self.filling is not None:
            self._fill_assign(base, target, value, self.filling[1] + 1)
            return
        if self._constant(target, value):
            return
        if base in self.plan.variables:
            raise UnsupportedError(f"the constant '{base}' is set again; {ADVICE}")
        if self._final(base, statement) or self._turn(target, value) or self._output(target, value):
            return
        if isinstance(self.env.get(base), Mark) and self._argument(base):
            raise UnsupportedError(ADVICE)
        if target.kind == "name":
            self._variable_set(target.text, value)
        else:
            self._ring_set(base, target, value)

    def _argument(self, base: str) -> bool:
        return base in self.function.parameters or base in self.function.results

    def _constant(self, target: Node, value: Node) -> bool:
        if target.kind == "name":
            key = base = target.text
        elif target.kind == "field" and target.args[0].kind == "name":
            base, key = target.args[0].text, f"{target.args[0].text}.{target.text}"
        else:
            return False
        if not _CONSTANT.fullmatch(base):
            return False
        found = constant_of(value, key, self.line, self.text)
        if found is None:
            raise UnsupportedError("a constant is a number or a matrix of numbers, written out")
        if key in self.plan.constants:
            raise UnsupportedError(f"'{key}' was set before, in line {self.plan.constants[key].line}")
        if self.looped:
            raise UnsupportedError("a constant is set after the calculation has begun")
        self.plan.constants[key] = found
        self.plan.variables.setdefault(base, []).append(found)
        found.used = base in self.plan.passed
        return True

    def _turn(self, target: Node, value: Node) -> bool:
        """``x1 = x1';`` and its like for cells, states and outputs."""
        if value != Node("transpose", "", (target,)):
            return False
        base = str(base_of(target))
        if base == self.outputs or base in self.function.results:
            self._turn_output(target)
            return True
        self.turning = True
        signal = self.value(target)
        self.turning = False
        if not isinstance(signal, FromInput) or signal.steps or base not in self.function.parameters:
            raise UnsupportedError(f"something is transposed that is neither an input nor an output; {ADVICE}")
        if signal.state:
            return True
        if signal.number in self.turned or signal.number in self.raw_used:
            raise UnsupportedError(f"input {signal.number} is transposed twice, or after its first use")
        self.turned.add(signal.number)
        return True

    def _turn_output(self, target: Node) -> None:
        number = self._output_number(target)
        if number is None or number not in self.plan.outputs:
            raise UnsupportedError("an output is transposed before it is calculated")
        if self.plan.outputs[number].turned:
            raise UnsupportedError(f"output {number} is transposed twice")
        self.plan.outputs[number].turned = True

    def _output_number(self, target: Node) -> int | None:
        """The number of the output that is meant by ``y1``, ``y1(:,ts)`` or ``Y{1,ts}``."""
        base = base_of(target)
        if self.cells:
            timed = target.kind == "brace" and len(target.args) == 3 and is_name(target.args[2], self.loop)
            number = integer(target.args[1]) if timed and base == self.outputs else None
            return number if number is not None and number >= 1 else None
        match = MATRIX_RESULT.fullmatch(str(base))
        if match is None or match[1] != "y" or base not in self.function.results:
            return None
        timed = target.kind == "call" and len(target.args) == 3 and target.args[1].kind == "colon"
        if target.kind == "name" or (timed and is_name(target.args[2], self.loop)):
            return int(match[2])
        return None

    def _output(self, target: Node, value: Node) -> bool:
        base = base_of(target)
        if base != self.outputs and base not in self.function.results:
            return False
        if target.kind == "name" and self._allocates(value):
            if self.plan.outputs or self.looped:
                raise UnsupportedError("the outputs are allocated after their calculation")
            return True
        number = self._output_number(target)
        if number is None:
            raise UnsupportedError(ADVICE)
        if number in self.plan.outputs and self.plan.outputs[number].turned:
            raise UnsupportedError(ADVICE)
        turned = value.kind == "transpose"
        signal = self.value(value.args[0] if turned else value)
        if isinstance(signal, FromLayer | Total):
            signal = Reversed(self.layer(signal).number, ())
        if not isinstance(signal, Reversed):
            raise UnsupportedError(f"the output is set to something that is no layer's output; {ADVICE}")
        before = self.plan.outputs.get(number)
        if before is not None and (
            signal == before.value or signal.steps[: len(before.value.steps)] != before.value.steps
        ):
            raise UnsupportedError(f"output {number} is set a second time (first in line {before.line})")
        if self.after or (target.kind == "name") == (self.loop is not None):
            raise UnsupportedError(ADVICE)
        self.plan.outputs[number] = OutputPlan(signal, self.line, self.text, turned)
        return True

    def output_so_far(self, node: Node) -> Reversed | None:
        """The output's own earlier value: two reverse steps may chain by overwriting."""
        number = self._output_number(node) if node.kind in ("name", "call", "brace") else None
        held = self.plan.outputs.get(number) if number is not None else None
        return None if held is None or held.turned else held.value

    def _allocates(self, value: Node) -> bool:
        return (is_call(value, "cell", 2) if self.cells else is_call(value, "zeros", 2)) and mentioned(
            [Bare(value, 0, "")]
        ) <= {"cell", "zeros", *(key for key, held in self.env.items() if isinstance(held, Count))}

    # variables

    def _variable_set(self, target: str, value: Node) -> None:
        if isinstance(self.env.get(target), FromInput) and target in self.function.parameters:
            if is_call(value, "double", 1) and is_name(value.args[1], target):
                return
            raise UnsupportedError(f"the argument {target} is changed; {ADVICE}")
        count = self._count(value)
        position = self.position(value)
        if count is not None:
            self.counts.add(count)
            self.env[target] = count
        elif is_call(value, "iscell", 1) and is_name(value.args[1], self.series):
            self.env[target] = Mark("cell flag")
        elif position is not None:
            self.env[target] = position
        elif is_call(value, "cell", 2) and integer(value.args[1]) == 1:
            self.env[target] = Cells(integer(value.args[2]))
        elif value.kind == "concat":
            self.env[target] = self._ring_of(value)
        else:
            self._signal_set(target, value)

    def _signal_set(self, target: str, value: Node) -> None:
        signal = self.value(value)
        if isinstance(signal, Mark | Count | Cells | Ring):
            raise UnsupportedError(ADVICE)
        if isinstance(self.env.get(target), Ring):
            raise UnsupportedError(f"the ring of time steps '{target}' is set anew; {ADVICE}")
        self.env[target] = signal

    def _count(self, node: Node) -> Count | None:
        """``size(x1,2)``, ``size(X,2)``, ``size(X{1},2)``."""
        if not is_call(node, "size", 2):
            return None
        dimension, of = integer(node.args[2]), node.args[1]
        if dimension not in (1, 2):
            return None
        if self.cells and is_name(of, self.series) and dimension == 2:
            return Count("series", 2, False)
        if self.cells and of.kind == "brace" and is_name(of.args[0], self.series) and of.args[1:] == (_FIRST,):
            return Count("samples", dimension, False)
        signal = self.env.get(of.text) if of.kind == "name" else None
        if not isinstance(signal, FromInput) or signal.steps or signal.state or self.cells:
            return None
        return Count("samples", dimension, signal.number in self.turned)

    def _ring_of(self, value: Node) -> Ring:
        """``[xd1 zeros(2,1)]``, ``[Ai(2,:) cell(1,1)]``: the initial states and one free slot."""
        row = value.args[0].args if len(value.args) == 1 else ()
        if len(row) != 2 or not (is_call(row[1], "zeros", 2) or is_call(row[1], "cell", 2)):
            raise UnsupportedError(ADVICE)
        if integer(row[1].args[2]) != 1 or self.loop is not None:
            raise UnsupportedError("a ring of time steps has one slot more than there are initial states")
        held = self.value(row[0])
        if isinstance(held, FromInput) and held.state and not held.step:
            return Ring(FromInput(held.number, held.steps, step=True), None)
        if isinstance(held, LayerState) and not held.step:
            return Ring(FromLayer(held.number), None)
        raise UnsupportedError(f"a ring of time steps begins with something that is no initial state; {ADVICE}")

    def _ring_set(self, base: str, target: Node, value: Node) -> None:
        held = self.env.get(base)
        if isinstance(held, FromInput) and held.state and not held.step and base not in self.function.parameters:
            held = Ring(FromInput(held.number, held.steps, step=True), None)
        elif isinstance(held, LayerState) and base not in self.function.parameters:
            held = Ring(FromLayer(held.number), None)
        index = target.args[-1] if target.kind in ("call", "brace") else None
        shaped = target.kind == "brace" and len(target.args) == 2
        shaped = shaped or (target.kind == "call" and len(target.args) == 3 and target.args[1].kind == "colon")
        if index is None or not shaped:
            raise UnsupportedError(ADVICE)
        if not isinstance(held, Ring) or self.loop is None:
            raise UnsupportedError(ADVICE)
        self.env[base] = held
        self._write(held, index, value)

    def _fill_assign(self, base: str, target: Node, value: Node, slots: int) -> None:
        """One initial state into its slot, or on its way there."""
        signal = self.value(value)
        if not isinstance(signal, FromInput | LayerState) or not signal.step or self._argument(base):
            raise UnsupportedError(f"an initial state is set to something else; {ADVICE}")
        if target.kind == "name":
            if isinstance(self.env.get(base), Ring | Cells):
                raise UnsupportedError(ADVICE)
            self.env[base] = signal
            return
        held = self.env.get(base)
        slot = target.kind == "brace" and len(target.args) == 2 and is_name(target.args[1], self._filled())
        if not slot or not isinstance(held, Ring | Cells):
            raise UnsupportedError(ADVICE)
        given = held.columns if isinstance(held, Cells) else held.slots
        if given not in (None, slots):
            raise FormatError(f"{slots - 1} initial states are put into a ring of {given} slots, expected {slots}")
        if isinstance(signal, LayerState):
            self.env[base] = Ring(FromLayer(signal.number), slots)
        else:
            self.env[base] = Ring(replace(signal, state=False), slots)

    def _filled(self) -> str | None:
        return self.filling[0] if self.filling is not None else None

    def _write(self, ring: Ring, index: Node, value: Node) -> None:
        """The present value into its slot."""
        position = self.env.get(index.text) if index.kind == "name" else None
        if not isinstance(position, Position):
            raise UnsupportedError(f"the slot is not the present position; {ADVICE}")
        if ring.slots not in (None, position.slots):
            raise FormatError(f"the ring has {ring.slots} slots, but the position counts modulo {position.slots}")
        signal = self.value(value)
        if isinstance(signal, Total):
            signal = self.layer(signal)
        if not isinstance(signal, FromInput | FromLayer):
            raise UnsupportedError(f"a ring of time steps holds something that is neither input nor layer; {ADVICE}")
        ring.slots = position.slots
        ring.written = signal

    # behind the calculation

    def _final(self, base: str, statement: Assign) -> bool:
        """Final states and what only they need; they can be of no influence on the outputs."""
        held = self.env.get(base)
        free = self.after and (held is None or held == Mark("final"))
        if base not in self.finals and not free:
            return False
        used = mentioned([Bare(statement.value, 0, "")])
        known = (self.env, self.finals, _PLUMBING, self.function.parameters)
        if self.loop is not None or not all(any(text in held for held in known) for text in used):
            raise UnsupportedError(ADVICE)
        if base not in self.finals:
            self.env[base] = Mark("final")
        return True


_FIRST = Node("number", "1.0")


def base_of(target: Node) -> str | None:
    """The variable that a target or an indexed expression is about."""
    while target.kind in ("call", "brace", "field"):
        target = target.args[0]
    return target.text if target.kind == "name" else None


def shadowed(base: str) -> str:
    """What is said of a variable with a name that means something else."""
    return f"the variable '{base}' hides a function or a loop's variable; {ADVICE}"
