"""From what was read of a function file to a Structure: sizes, shapes and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from matnet.errors import FormatError, MatnetError, ModelError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.signals import FromInput, LayerPlan, OutputPlan, Plan, Step
from matnet.importers.genfunction.tokens import Comment
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight

MAX_ROWS = 100_000
"""How many rows an input may have of which some are removed."""

_STATED_SIZE = re.compile(r"(?:(\d{1,7})x(?:Q|TS)|(?:Q|TS)x(\d{1,7})) matrix, input #(\d{1,5})(?!\d)")


class Assembly:
    """One network put together; ``oddities`` are remarks on what the file leaves open."""

    def __init__(self, plan: Plan, comments: Sequence[Comment]) -> None:
        self.plan = plan
        self.oddities: list[str] = []
        self.stated: dict[int, int] = {}
        for comment in comments:
            for columns, rows, number in _STATED_SIZE.findall(comment.text):
                self.stated.setdefault(int(number), int(columns or rows))

    def structure(self) -> Structure:
        """The network.

        Raises
        ------
        MatnetError
            Sizes that do not fit each other; the message begins with ``:LINE: STATEMENT:`` where there is one.
        """
        count = len(self.plan.layers)
        if set(self.plan.layers) != set(range(1, count + 1)):
            raise FormatError(
                f": layers {sorted(self.plan.layers)} are calculated, expected one after the other from 1"
            )
        sizes = {number: self._layer_size(number, plan) for number, plan in self.plan.layers.items()}
        processed = self._processed_sizes()
        for plan in self.plan.layers.values():
            self._check_terms(plan, sizes, processed)
        steps = self._steps()
        inputs = tuple(self._input(number, steps[number], processed) for number in range(1, self.plan.inputs + 1))
        layers = tuple(self._layer(self.plan.layers[number]) for number in range(1, count + 1))
        outputs = tuple(self._output(plan, sizes) for _, plan in sorted(self.plan.outputs.items()))
        try:
            return Structure(inputs, layers, outputs)
        except MatnetError as error:
            raise error.at(": ") from None

    def check_finite(self) -> None:
        """Refuses weights and biases that are NaN or Inf."""
        for plan in self.plan.layers.values():
            names = [term.weight for term in plan.total.terms] + ([plan.total.bias] if plan.total.bias else [])
            for constant in (self.plan.constants[name] for name in names):
                if not np.isfinite(constant.value).all():
                    raise ModelError(
                        f":{constant.line}: {constant.text}: {constant.name} has values that are NaN or Inf; "
                        "allow_nonfinite=True loads them as they are"
                    )

    def _value(self, name: str) -> FloatArray:
        return self.plan.constants[name].value

    def _layer_size(self, number: int, plan: LayerPlan) -> int:
        """The rows of its bias and of its weights, which agree."""
        total = plan.total
        rows = {term.weight: self._value(term.weight).shape[0] for term in total.terms}
        if total.bias is not None:
            bias = self._value(total.bias)
            if bias.shape[1] != 1:
                raise ModelError(f"{_place(plan)}{total.bias} is {_by(bias)}, expected one column")
            rows[total.bias] = bias.shape[0]
        if len(set(rows.values())) != 1:
            listed = ", ".join(f"{name} has {count}" for name, count in rows.items())
            raise ModelError(f"{_place(plan)}the rows of layer {number} do not agree: {listed}")
        return int(next(iter(rows.values())))

    def _processed_sizes(self) -> dict[int, int]:
        """The processed size of each input, by the columns of its weights."""
        found: dict[int, int] = {}
        for plan in self.plan.layers.values():
            for term in plan.total.terms:
                if isinstance(term.source, FromInput):
                    columns = self._value(term.weight).shape[1]
                    found.setdefault(term.source.number, columns // len(term.delays))
        return found

    def _check_terms(self, plan: LayerPlan, sizes: dict[int, int], processed: dict[int, int]) -> None:
        for term in plan.total.terms:
            number = term.source.number
            if not isinstance(term.source, FromInput) and number not in sizes:
                raise FormatError(f"{_place(plan)}layer {number} is not calculated")
            rows = processed[number] if isinstance(term.source, FromInput) else sizes[number]
            expected = rows * len(term.delays)
            value = self._value(term.weight)
            if value.shape[1] != expected or term.elements not in (None, expected):
                raise ModelError(
                    f"{_place(plan)}{term.weight} is {_by(value)}"
                    + (f" and its taps have {term.elements} rows" if term.elements is not None else "")
                    + f", expected {expected} ({rows} elements, {len(term.delays)} delays)"
                )

    def _layer(self, plan: LayerPlan) -> Layer:
        total = plan.total
        bias = None if total.bias is None else self._value(total.bias)[:, 0]
        weights: dict[bool, dict[int, Weight]] = {True: {}, False: {}}
        try:
            for term in total.terms:
                weight = Weight(self._value(term.weight), term.function, term.delays)
                weights[isinstance(term.source, FromInput)][term.source.number - 1] = weight
            size = self._layer_size(total.number, plan)
            return Layer(size, plan.transfer, weights[True], weights[False], bias)
        except MatnetError as error:
            raise error if str(error).startswith(":") else error.at(_place(plan)) from None

    # processing

    def _input(self, number: int, steps: tuple[Step, ...], processed: dict[int, int]) -> Input:
        if not steps:
            return Input(processed[number])
        size: int | None = None
        processes: list[Process] = []
        for step in steps:
            process = self._process(step, size, number)
            if size not in (None, process.raw_size):
                raise ModelError(
                    f":{step.line}: {step.text}: the settings are for {process.raw_size} rows, but {size} reach it"
                )
            processes.append(process)
            size = process.processed_size
        if size != processed[number]:
            last = steps[-1]
            raise ModelError(
                f":{last.line}: {last.text}: input {number} has {size} rows after its processing, but its weights are "
                f"for {processed[number]}"
            )
        return Input(processes[0].raw_size, tuple(processes))

    def _steps(self) -> dict[int, tuple[Step, ...]]:
        """The steps between each input and its weights, the same for all of them."""
        found: dict[int, tuple[Step, ...]] = {}
        for plan in self.plan.layers.values():
            for term in plan.total.terms:
                if isinstance(term.source, FromInput):
                    number = term.source.number
                    if found.setdefault(number, term.source.steps) != term.source.steps:
                        raise UnsupportedError(f"{_place(plan)}input {number} is processed otherwise for another layer")
        return found

    def _process(self, step: Step, rows: int | None, number: int | None) -> Process:
        """A processing function with its settings: of input `number`, which `rows` reach, or of an output."""
        try:
            removal = step.function == "removeconstantrows"
            raw = self._removal(step, rows, number) if removal else self._columns(step)
            return Process.from_matlab(step.function, raw)
        except MatnetError as error:
            raise error.at(f":{step.line}: {step.text}: ") from None

    def _columns(self, step: Step) -> Mapping[str, object]:
        """Settings with one number a row; a single number serves all rows."""
        found = {role: self._value(constant) for role, constant in step.settings}
        for role, constant in step.settings:
            if found[role].shape[1] != 1:
                raise ModelError(f"{constant} is {_by(found[role])}, expected one column")
        rows = max(len(value) for value in found.values())
        return {role: np.repeat(value, rows) if len(value) == 1 else value for role, value in found.items()}

    def _removal(self, step: Step, rows: int | None, number: int | None) -> Mapping[str, object]:
        names = dict(step.settings)
        found: dict[str, object] = {role: self._value(constant) for role, constant in step.settings}
        if number is not None:
            found["xrows"] = float(self._raw_rows(names["keep"], rows, number))
            return found
        total = self._value(names["keep"]).size + self._value(names["remove"]).size
        if self._value(names["xrows"]).tolist() != [[total]]:
            raise ModelError(f"{names['xrows']} is not {total}, the number of rows kept and removed")
        return found

    def _raw_rows(self, keep: str, rows: int | None, number: int) -> int:
        """How many rows an input has of which `keep` stay.

        Generated files with settings in structs do not say it: they name only the rows that stay. The comment on the
        arguments says it, and is taken where it does not contradict them; else the last row that stays is taken for
        the last of all. Rows beyond it have no influence on the outputs either way.
        """
        if rows is not None:
            return rows
        kept = self._value(keep)
        if not (kept <= MAX_ROWS).all():
            raise UnsupportedError(f"{keep} lists rows beyond {MAX_ROWS}")
        last = int(kept.max(initial=1.0))
        remove = f"{keep.removesuffix('keep')}remove"
        if keep.endswith("keep") and remove in self.plan.constants:
            return int(kept.size + self._value(remove).size)
        stated = self.stated.get(number)
        if stated is not None and last <= stated <= MAX_ROWS and kept.size < stated:
            self.oddities.append(
                f"input {number} has {stated} rows by the file's comment alone; its statements need {last} of them at "
                "least"
            )
            return stated
        self.oddities.append(
            f"the file does not say how many rows input {number} has; {last} is the last that it uses, so constant "
            "rows behind it have to be left out of x"
        )
        return last

    def _output(self, plan: OutputPlan, sizes: dict[int, int]) -> Output:
        layer = plan.value.layer
        size = sizes[layer]
        processes: list[Process] = []
        for step in plan.value.steps:
            process = self._process(step, None, None)
            if process.processed_size != size:
                raise ModelError(
                    f":{step.line}: {step.text}: the settings are for {process.processed_size} rows, but {size} "
                    "reach it"
                )
            processes.insert(0, process)
            size = process.raw_size
        return Output(layer - 1, size, tuple(processes))


def _place(plan: LayerPlan) -> str:
    return f":{plan.line}: {plan.text}: "


def _by(value: FloatArray) -> str:
    return f"{value.shape[0]} by {value.shape[1]}"
