"""From what was read of a function file to a Structure, which checks that sizes and shapes fit each other."""

from __future__ import annotations

import re

import numpy as np

from matnet.errors import Advice, FormatError, MatnetError, ModelError, Parameter, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.genfunction.signals import Plan, PlannedLayer, PlannedOutput, Step
from matnet.importers.genfunction.tokens import errors_at
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
        plan = self.plan
        if sorted(plan.layers) != list(range(1, len(plan.layers) + 1)):
            raise FormatError(f"layers {sorted(plan.layers)} are calculated, expected one after the other from 1")
        layers = [self._layer(layer) for _, layer in sorted(plan.layers.items())]
        inputs = [self._input(number, layers) for number in range(1, plan.inputs + 1)]
        outputs = [self._output(output, layers) for _, output in sorted(plan.outputs.items())]
        try:
            return Structure(tuple(inputs), tuple(layers), tuple(outputs))
        except MatnetError as error:
            weight = re.match(r"[IL]W\{(\d+),", error.place)
            raise plan.layers[int(weight[1])].place.error(error) if weight is not None else error from None

    def check_finite(self) -> None:
        """Refuses weights and biases that are NaN or Inf."""
        for name, constant in self.plan.constants.items():
            if name[0] not in "xy" and not np.isfinite(constant.value).all():
                advice = Advice("; ", Parameter("allow_nonfinite", True), " loads them as they are")
                raise constant.place.error(ModelError(f"{name} has values that are NaN or Inf", advice))

    def _value(self, name: str) -> FloatArray:
        return self.plan.constants[name].value

    def _layer(self, layer: PlannedLayer) -> Layer:
        total = layer.total
        with errors_at(layer.place):
            weights: dict[str, dict[int, Weight]] = {"input": {}, "layer": {}}
            for term in total.terms:
                weight = Weight(self._value(term.weight), term.function, term.delays)
                weights[term.signal.kind][term.signal.number - 1] = weight
            bias = None if total.bias is None else self._value(total.bias)
            size = len(self._value(total.terms[0].weight) if bias is None else bias)
            if bias is not None and bias.shape[1] == 1:
                bias = bias[:, 0]
            return Layer(size, layer.transfer, weights["input"], weights["layer"], bias)

    # processing

    def _input(self, number: int, layers: list[Layer]) -> Input:
        steps = self.plan.steps[number]
        if not steps:
            weight = next(layer.input_weights[number - 1] for layer in layers if number - 1 in layer.input_weights)
            return Input(weight.value.shape[1] // len(weight.delays))
        rows: int | None = None
        processes: list[Process] = []
        for step in steps:
            processes.append(self._process(step, rows, number))
            rows = processes[-1].processed_size
        with errors_at(steps[0].place):
            return Input(processes[0].raw_size, tuple(processes))

    def _process(self, step: Step, rows: int | None, number: int | None) -> Process:
        """A processing function with its settings: of input `number`, which `rows` reach, or of an output."""
        names = dict(step.settings)
        settings = {role: self._value(constant) for role, constant in names.items()}
        with errors_at(step.place):
            if step.function != "removeconstantrows":
                for role, constant in names.items():
                    if settings[role].shape[1] != 1:
                        raise ModelError(f"{constant} has {settings[role].shape[1]} columns, expected one")
            elif number is not None:
                settings["xrows"] = np.array([float(self._raw_rows(names["keep"], rows, number))])
            elif settings["xrows"].tolist() != [[total := settings["keep"].size + settings["remove"].size]]:
                raise ModelError(f"{names['xrows']} is not {total}, the number of rows kept and removed")
            return Process.from_matlab(step.function, settings)

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
        stated = _STATED_SIZE.finditer(self.text)
        return next((int(match[1] or match[2]) for match in stated if int(match[3]) == number), None)

    def _output(self, output: PlannedOutput, layers: list[Layer]) -> Output:
        signal = output.signal
        processes = tuple(self._process(step, None, None) for step in reversed(signal.steps))
        with errors_at(output.place):
            size = processes[0].raw_size if processes else layers[signal.number - 1].size
            return Output(signal.number - 1, size, processes)
