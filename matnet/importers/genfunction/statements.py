"""The statements of a main function: each is one that genFunction writes, or the file is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.importers.genfunction.assignments import MATRIX_PARAMETER, MATRIX_RESULT, Assignments, base_of, shadowed
from matnet.importers.genfunction.bodies import Judged, builtin
from matnet.importers.genfunction.expressions import ADVICE, integer, is_call, is_name
from matnet.importers.genfunction.nodes import Assign, Bare, For, Function, If, Node, Statement, name
from matnet.importers.genfunction.signals import Count, FromInput, FromLayer, LayerState, Mark, Plan, Ring


class MainFunction(Assignments):
    """One pass over the main function's statements, which fills the plan."""

    def __init__(self, function: Function, defined: frozenset[str]) -> None:
        super().__init__(function, defined)
        self._within(function, self._signature)

    def read(self, functions: Mapping[str, Judged]) -> Plan:
        """The plan of the network, given what the module functions compute.

        Raises
        ------
        MatnetError
            A statement is none of genFunction's; the message begins with ``:LINE: STATEMENT:``.
        """
        self.functions = functions
        self._statements(self.function.body)
        self._within(self.function, self._finished)
        return self.plan

    def _within(self, place: Statement | Function, act: Callable[[], None]) -> None:
        """Does something on behalf of a statement; errors get its place."""
        self.line, self.text = place.line, place.text
        try:
            act()
        except MatnetError as error:
            raise error if str(error).startswith(":") else error.at(f":{place.line}: {place.text}: ") from None

    def _statements(self, body: Sequence[Statement]) -> None:
        for statement in body:
            self._within(statement, lambda statement=statement: self._statement(statement))  # type: ignore[misc]

    # the first line

    def _signature(self) -> None:
        parameters, results = self.function.parameters, self.function.results
        if self.cells:
            self._cell_signature(parameters, results)
        else:
            self._matrix_signature(parameters, results)

    def _cell_signature(self, parameters: tuple[str, ...], results: tuple[str, ...]) -> None:
        named = [text for text in (*parameters, *results) if text != "~"]
        if parameters[0] != "X" or results[:1] != ("Y",) or len(parameters) > 3 or len(results) > 3:
            raise UnsupportedError(
                "the arguments are not those of a network, which are (x1,x2,…,xi1,…,ai1,…) giving [y1,…] or (X,Xi,Ai) "
                "giving [Y,Xf,Af]; where the network stands inside a larger file, keep its function and those behind it"
            )
        if len(set(named)) < len(named):
            raise FormatError("an argument occurs twice")
        self.series, self.outputs = "X", "Y"
        self.states, self.layer_states = [text if text != "~" else None for text in (*parameters, "~", "~")[1:3]]
        self.finals = set(results[1:])
        for text in named:
            self.env[text] = Mark("argument")

    def _matrix_signature(self, parameters: tuple[str, ...], results: tuple[str, ...]) -> None:
        taken: dict[str, list[int]] = {"x": [], "xi": [], "ai": [], "y": [], "xf": [], "af": []}
        for text, pattern in [(p, MATRIX_PARAMETER) for p in parameters] + [(r, MATRIX_RESULT) for r in results]:
            match = pattern.fullmatch(text)
            if match is None:
                raise UnsupportedError(f"'{text}' is no result of a generated function (y1, xf1, af1, …)")
            taken[match[1]].append(int(match[2]))
        for kind in ("x", "y"):
            if taken[kind] != list(range(1, len(taken[kind]) + 1)) or not taken[kind]:
                raise UnsupportedError(f"a generated function has {kind}1, {kind}2, … in this order")
        for number in taken["x"]:
            self.env[f"x{number}"] = FromInput(number)
        for number in taken["xi"]:
            self.env[f"xi{number}"] = FromInput(number, state=True)
        for number in taken["ai"]:
            self.env[f"ai{number}"] = LayerState(number)
        for number in taken["y"]:
            self.env[f"y{number}"] = Mark("output")
        self.plan.inputs = len(taken["x"])
        self.finals = {text for text in results if not text.startswith("y")}

    # statements

    def _statement(self, statement: Statement) -> None:
        if isinstance(statement, Assign):
            self._assign(statement)
        elif isinstance(statement, If):
            self._if(statement)
        elif isinstance(statement, For):
            self._for(statement)
        else:
            self._bare(statement)

    def _bare(self, statement: Bare) -> None:
        raise UnsupportedError(ADVICE)

    # blocks

    def _if(self, statement: If) -> None:
        bodies = [body for _, body in statement.branches]
        conditions = [condition for condition, _ in statement.branches if condition is not None]
        if self.loop is not None or self.filling or not all(self._guard(condition) for condition in conditions):
            raise UnsupportedError(ADVICE)
        if len(bodies) == 1 and all(map(_is_error, bodies[0])):
            return
        if len(bodies) == 1 and len(bodies[0]) == 1 and self._wrapping(conditions[0], bodies[0][0]):
            return
        if self._counting(bodies):
            return
        if len(bodies) == 1 and _absent(conditions[0]) and self._zero_states(bodies[0]):
            return
        inner = next((body[0] for body in bodies if body), statement)
        raise UnsupportedError(f":{inner.line}: {inner.text}: {ADVICE}")

    def _guard(self, node: Node) -> bool:
        """A condition on which arguments there are."""
        if node.kind == "not" or (node.kind == "op" and node.text in ("&&", "||", "&", "|")):
            return all(map(self._guard, node.args))
        if node.kind == "name":
            held = self.env.get(node.text)
            return isinstance(held, Mark) and held.kind == "cell flag"
        if node.kind == "op" and node.text in ("<", "<=", "==", ">", ">=", "~="):
            return node.args[0] == name("nargin") and integer(node.args[1]) is not None
        if is_call(node, "isempty", 1) or is_call(node, "iscell", 1):
            return base_of(node.args[1]) in self.function.parameters and node.args[1].kind in ("name", "brace")
        return False

    def _wrapping(self, condition: Node, statement: Statement) -> bool:
        """``if ~isCellX, X = {X}; end`` and ``if ~isCellX, Y = cell2mat(Y); end``."""
        if not isinstance(statement, Assign) or condition.kind != "not" or len(statement.targets) != 1:
            return False
        flag = condition.args[0]
        if flag.kind != "name" and not (is_call(flag, "iscell", 1) and is_name(flag.args[1], self.series)):
            return False
        target = statement.targets[0]
        wrapped = Node("cell", "", (Node("row", "", (name("X"),)),))
        if self.cells and target == name("X") and not self.looped:
            return statement.value == wrapped
        joined = is_call(statement.value, "cell2mat", 1) and is_name(statement.value.args[1], "Y")
        return self.cells and target == name("Y") and self.after and joined

    def _counting(self, bodies: Sequence[Sequence[Statement]]) -> bool:
        """``if ~isempty(X) Q = size(X{1},2); elseif … else Q = 0; end``."""
        targets: set[Node | None] = set()
        found: Count | None = None
        for body in bodies:
            if len(body) != 1 or not isinstance(body[0], Assign) or len(body[0].targets) != 1:
                return False
            targets.add(body[0].targets[0])
            value = body[0].value
            count = self._count(value)
            found = count if count is not None and count.kind == "samples" else found
            of_states = is_call(value, "size", 2) and base_of(value.args[1]) in (self.states, self.layer_states)
            if count is None and not of_states and integer(value) != 0:
                return False
        target = targets.pop()
        if targets or target is None or target.kind != "name" or found is None or target.text in self.env:
            return False
        if builtin(target.text) or target.text in self.defined:
            raise UnsupportedError(shadowed(target.text))
        self.counts.add(found)
        self.env[target.text] = found
        return True

    def _zero_states(self, body: Sequence[Statement]) -> bool:
        """States that are left out are zeros."""
        for statement in body:
            if isinstance(statement, For):
                if statement.variable in self.env or not self._zero_states(statement.body):
                    return False
            elif not isinstance(statement, Assign) or not self._zero_state(statement):
                return False
        return True

    def _zero_state(self, statement: Assign) -> bool:
        single = len(statement.targets) == 1 and not self.looped
        return single and self._sets_state(statement.targets[0]) and _is_zero(statement.value)

    def _sets_state(self, target: Node | None) -> bool:
        base = None if target is None else base_of(target)
        if self.cells:
            return base is not None and base in (self.states, self.layer_states)
        held = self.env.get(str(base))
        return base in self.function.parameters and (not isinstance(held, FromInput) or held.state)

    def _for(self, statement: For) -> None:
        values = statement.values
        if values.kind != "range" or integer(values.args[0]) != 1 or self._taken(statement.variable):
            raise UnsupportedError(ADVICE)
        if self.after:
            self._final_loop(statement)
            return
        passes = integer(values.args[1])
        if statement.variable in self.env or self.loop is not None or self.filling is not None:
            raise UnsupportedError(ADVICE)
        if passes is not None:
            self.filling = (statement.variable, passes)
            self._statements(statement.body)
            self.filling = None
            return
        count = self.env.get(values.args[1].text) if values.args[1].kind == "name" else None
        if not isinstance(count, Count) or count.kind != ("series" if self.cells else "samples"):
            raise UnsupportedError(f"the loop does not run over the time steps; {ADVICE}")
        self.loop, self.looped = statement.variable, True
        self._statements(statement.body)
        self.loop, self.after = None, True

    def _taken(self, text: str) -> bool:
        return builtin(text) or text in self.defined or text in self.plan.variables

    def _final_loop(self, statement: For) -> None:
        if self.env.get(statement.variable) not in (None, Mark("final")):
            raise UnsupportedError(ADVICE)
        self.env[statement.variable] = Mark("final")
        for inner in statement.body:
            self._within(inner, lambda inner=inner: self._final_assign(inner))  # type: ignore[misc]

    def _final_assign(self, statement: Statement) -> None:
        base = None
        if isinstance(statement, Assign) and len(statement.targets) == 1 and statement.targets[0] is not None:
            base = base_of(statement.targets[0])
        if base is None or not isinstance(statement, Assign) or not self._final(base, statement):
            raise UnsupportedError(ADVICE)

    def _finished(self) -> None:
        """What can be judged only when all statements are known."""
        self._check_outputs()
        self._check_inputs()
        for plan in self.plan.layers.values():
            if plan.inside != self.looped:
                raise UnsupportedError(f":{plan.line}: {plan.text}: the layer is calculated outside the time loop")
        self._check_rings([held for held in self.env.values() if isinstance(held, Ring)])
        for constant in self.plan.constants.values():
            if not constant.used:
                raise UnsupportedError(
                    f":{constant.line}: {constant.text}: no statement uses the constant {constant.name}, so the file "
                    "was edited; undo the edit, or load the network's .mat file"
                )
        self._check_orientation()

    def _check_outputs(self) -> None:
        outputs = sorted(self.plan.outputs)
        named = sum(text.startswith("y") for text in self.function.results)
        expected = list(range(1, (len(outputs) if self.cells else named) + 1))
        if not outputs or outputs != expected:
            raise FormatError(f"outputs {outputs} are calculated, expected {expected or [1]}")

    def _check_inputs(self) -> None:
        terms = [term for plan in self.plan.layers.values() for term in plan.total.terms]
        weighed = {term.source.number for term in terms if isinstance(term.source, FromInput)}
        given = set(range(1, self.plan.inputs + 1))
        if given - weighed:
            raise UnsupportedError(f"no weight takes input {min(given - weighed)}")
        if weighed - given:
            raise UnsupportedError(f"input {min(weighed - given)} has states but no series")

    def _check_rings(self, rings: list[Ring]) -> None:
        for ring in rings:
            if ring.written != ring.source:
                raise UnsupportedError(
                    "the initial states and the series go through different steps, or into other rings"
                )
        for kind in (FromInput, FromLayer):
            slots = {ring.slots for ring in rings if isinstance(ring.source, kind)}
            if len(slots) > 1:
                raise UnsupportedError(
                    f"rings of {', '.join(sorted(map(str, slots)))} slots share their initial states"
                )

    def _check_orientation(self) -> None:
        turned = {number in self.turned for number in range(1, self.plan.inputs + 1)}
        turned |= {output.turned for output in self.plan.outputs.values()}
        if len(turned) > 1:
            raise UnsupportedError(
                "samples are columns in some places and rows in others: a transposition was added, or is missing"
            )
        rows = turned == {True}
        for count in self.counts:
            along = 1 if rows and not count.turned else 2
            if count.kind == "samples" and count.dimension != along:
                raise UnsupportedError(
                    f"samples are {'rows' if rows else 'columns'}, but dimension {count.dimension} is counted"
                )


def _is_error(statement: Statement) -> bool:
    value = statement.value if isinstance(statement, Bare) else None
    return value is not None and is_call(value, "error", 1) and value.args[1].kind == "string"


def _absent(condition: Node) -> bool:
    """Whether a condition says that an argument was left out."""
    if condition.kind == "op" and condition.text in ("||", "|"):
        return all(map(_absent, condition.args))
    fewer = condition.kind == "op" and condition.text in ("<", "<=") and condition.args[0] == name("nargin")
    return fewer or is_call(condition, "isempty", 1)


def _is_zero(node: Node) -> bool:
    """Whether an expression can hold nothing but zeros."""
    if is_call(node, "zeros", 2) or is_call(node, "cell", 2):
        return not any(part.kind == "handle" for part in node.args[1:])
    if is_call(node, "repmat", 3) or is_call(node, "num2cell", 1):
        return _is_zero(node.args[1])
    if node.kind == "cell":
        return all(_is_zero(part) for row in node.args for part in row.args)
    return integer(node) == 0
