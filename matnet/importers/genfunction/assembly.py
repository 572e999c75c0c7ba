"""From what was read of a function file to a Structure: sizes, shapes and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from matnet.errors import Advice, FormatError, MatnetError, ModelError, Parameter, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.signals import Plan, PlannedLayer, PlannedOutput, Step
from matnet.importers.genfunction.syntax import errors_at
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight

MAX_ROWS = 100_000
"""How many rows an input may have of which some are removed."""

_STATED_SIZE = re.compile(r"(?:(\d{1,7})x(?:Q|TS)|(?:Q|TS)x(\d{1,7})) matrix, input #(\d{1,5})(?!\d)", re.ASCII)


class Assembly:
    """One network put together; ``oddities`` are remarks on what the file leaves open."""

    def __init__(self, plan: Plan, text: str) -> None:
        self.plan = plan
        self.text = text
        self.oddities: list[str] = []

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
        sizes = {number: self._layer_size(number, layer) for number, layer in self.plan.layers.items()}
        processed: dict[int, int] = {}
        for term in self.plan.terms():
            if term.signal.kind == "input":
                processed.setdefault(term.signal.number, self._value(term.weight).shape[1] // len(term.delays))
        for layer in self.plan.layers.values():
            self._check_terms(layer, sizes, processed)
        steps = self._steps()
        inputs = tuple(
            self._input(number, steps[number], processed[number]) for number in range(1, self.plan.inputs + 1)
        )
        layers = tuple(self._layer(self.plan.layers[number], sizes[number]) for number in range(1, count + 1))
        outputs = tuple(self._output(output, sizes) for _, output in sorted(self.plan.outputs.items()))
        try:
            return Structure(inputs, layers, outputs)
        except MatnetError as error:
            raise error.at(": ") from None

    def check_finite(self) -> None:
        """Refuses weights and biases that are NaN or Inf."""
        for layer in self.plan.layers.values():
            biases = [layer.total.bias] if layer.total.bias is not None else []
            for name in [term.weight for term in layer.total.terms] + biases:
                constant = self.plan.constants[name]
                if not np.isfinite(constant.value).all():
                    raise ModelError(
                        f"{constant.place}{name} has values that are NaN or Inf",
                        Advice("; ", Parameter("allow_nonfinite", True), " loads them as they are"),
                    )

    def _value(self, name: str) -> FloatArray:
        return self.plan.constants[name].value

    def _layer_size(self, number: int, layer: PlannedLayer) -> int:
        """The rows of its bias and of its weights, which agree."""
        rows = {term.weight: self._value(term.weight).shape[0] for term in layer.total.terms}
        if layer.total.bias is not None:
            bias = self._value(layer.total.bias)
            if bias.shape[1] != 1:
                raise ModelError(f"{layer.place}{layer.total.bias} is {_by(bias)}, expected one column")
            rows[layer.total.bias] = bias.shape[0]
        if len(set(rows.values())) != 1:
            listed = ", ".join(f"{name} has {count}" for name, count in rows.items())
            raise ModelError(f"{layer.place}the rows of layer {number} do not agree: {listed}")
        return int(next(iter(rows.values())))

    def _check_terms(self, layer: PlannedLayer, sizes: dict[int, int], processed: dict[int, int]) -> None:
        for term in layer.total.terms:
            rows = (processed if term.signal.kind == "input" else sizes).get(term.signal.number)
            if rows is None:
                raise FormatError(f"{layer.place}layer {term.signal.number} is not calculated")
            expected, value = rows * len(term.delays), self._value(term.weight)
            if value.shape[1] != expected or term.rows not in (None, expected):
                taps = f" and its taps have {term.rows} rows" if term.rows is not None else ""
                raise ModelError(
                    f"{layer.place}{term.weight} is {_by(value)}{taps}, expected {expected} ({rows} elements, "
                    f"{len(term.delays)} delays)"
                )

    def _layer(self, layer: PlannedLayer, size: int) -> Layer:
        weights: dict[str, dict[int, Weight]] = {"input": {}, "layer": {}}
        with errors_at(layer.place):
            for term in layer.total.terms:
                weight = Weight(self._value(term.weight), term.function, term.delays)
                weights[term.signal.kind][term.signal.number - 1] = weight
            bias = None if layer.total.bias is None else self._value(layer.total.bias)[:, 0]
            return Layer(size, layer.transfer, weights["input"], weights["layer"], bias)

    # processing

    def _steps(self) -> dict[int, tuple[Step, ...]]:
        """The steps between each input and its weights, the same for all of them."""
        found: dict[int, tuple[Step, ...]] = {}
        for layer in self.plan.layers.values():
            for term in layer.total.terms:
                if term.signal.kind == "input":
                    number, steps = term.signal.number, term.signal.steps
                    if found.setdefault(number, steps) != steps:
                        raise UnsupportedError(
                            f"{layer.place}the processing of input {number} is another than for the other layers"
                        )
        return found

    def _input(self, number: int, steps: tuple[Step, ...], processed: int) -> Input:
        size: int | None = None
        processes: list[Process] = []
        for step in steps:
            process = self._process(step, size, number)
            if size not in (None, process.raw_size):
                raise ModelError(f"{step.place}the settings are for {process.raw_size} rows, but {size} reach it")
            processes.append(process)
            size = process.processed_size
        if size not in (None, processed):
            raise ModelError(
                f"{steps[-1].place}input {number} has {size} rows after its processing, but its weights are for "
                f"{processed}"
            )
        return Input(processes[0].raw_size if processes else processed, tuple(processes))

    def _process(self, step: Step, rows: int | None, number: int | None) -> Process:
        """A processing function with its settings: of input `number`, which `rows` reach, or of an output."""
        with errors_at(step.place):
            removal = step.function == "removeconstantrows"
            settings = self._removal(step, rows, number) if removal else self._columns(step)
            return Process.from_matlab(step.function, settings)

    def _columns(self, step: Step) -> Mapping[str, object]:
        """Settings with one number for each row; a single number serves all rows."""
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
        stated = self._stated_size(number)
        if stated is not None and last <= stated <= MAX_ROWS and kept.size < stated:
            self.oddities.append(
                f"input {number} has {stated} rows by the file's comment alone; its statements need {last} of them at "
                "least"
            )
            return stated
        self.oddities.append(
            f"the file does not say how many rows input {number} has; {last} is the last that it uses, so constant "
            "rows after it have to be left out of x"
        )
        return last

    def _stated_size(self, number: int) -> int | None:
        """The rows of an input as the first comment gives them."""
        for found in _STATED_SIZE.finditer(self.text):
            if int(found[3]) == number:
                return int(found[1] or found[2])
        return None

    def _output(self, output: PlannedOutput, sizes: dict[int, int]) -> Output:
        size = sizes[output.signal.number]
        processes: list[Process] = []
        for step in output.signal.steps:
            process = self._process(step, None, None)
            if process.processed_size != size:
                raise ModelError(f"{step.place}the settings are for {process.processed_size} rows, but {size} reach it")
            processes.insert(0, process)
            size = process.raw_size
        return Output(output.signal.number - 1, size, tuple(processes))


def _by(value: FloatArray) -> str:
    return f"{value.shape[0]} by {value.shape[1]}"
