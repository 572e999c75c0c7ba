"""A network taken apart into named parts, so that two of them can be compared.

Parts have MATLAB's names. Those without an effect on the outputs (names, ranges, the performance function, settings
that are not used on that side, processing steps that change nothing) are kept separate from the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight

_UNUSED = {
    "input": {"removeconstantrows": ("constants",), "processpca": ("inverse_transform",)},
    "output": {"processpca": ("transform",), "fixunknowns": ("xmeans",)},
}
"""Settings that only the opposite direction of a processing function uses."""


@dataclass
class Parts:
    """``facts`` and ``numbers`` affect the outputs, ``remarks`` do not; ``settings`` are keys of ``numbers``."""

    facts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, FloatArray] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    settings: set[str] = field(default_factory=set)


def parts_of(structure: Structure) -> Parts:
    """The parts of a network."""
    parts = Parts()
    parts.facts["inputs"] = str(len(structure.inputs))
    parts.facts["layers"] = str(len(structure.layers))
    parts.facts["outputs"] = ", ".join(f"layer {entry.layer + 1}" for entry in structure.outputs)
    for number, entry in enumerate(structure.inputs, start=1):
        _signal(parts, f"inputs{{{number}}}", entry)
    for number, layer in enumerate(structure.layers, start=1):
        _layer(parts, number, layer)
    for output in structure.outputs:
        place = f"outputs{{{output.layer + 1}}}"
        _signal(parts, place, output)
        parts.remarks[f"{place}.feedbackMode"] = output.feedback_mode
    performance = structure.performance
    if performance is not None:
        parts.remarks["performFcn"] = performance.function
        parts.remarks["performParam"] = (
            f"regularization {performance.regularization!r} {performance.unsupported}".strip()
        )
    return parts


def _signal(parts: Parts, place: str, entry: Input | Output) -> None:
    parts.facts[f"{place}.size"] = str(entry.size)
    parts.remarks[f"{place}.name"] = repr(entry.name)
    if entry.range is not None:
        parts.remarks[f"{place}.range"] = str(entry.range.tolist())
    steps = [step for step in entry.processing if not changes_nothing(step)]
    dropped = [step.function for step in entry.processing if changes_nothing(step)]
    if dropped:
        parts.remarks[f"{place}.processFcns that change nothing"] = ", ".join(dropped)
    parts.facts[f"{place}.processFcns"] = ", ".join(step.function for step in steps) or "none"
    unused = _UNUSED["input" if isinstance(entry, Input) else "output"]
    for number, step in enumerate(steps, start=1):
        _settings(parts, f"{place}.processSettings{{{number}}}", step, unused.get(step.function, ()))


def _settings(parts: Parts, place: str, step: Process, unused: Sequence[str]) -> None:
    for key, value in step.settings.items():
        if key in unused:
            parts.remarks[f"{place}.{key}"] = str(value.tolist())
        else:
            parts.numbers[f"{place}.{key}"] = value
            parts.settings.add(f"{place}.{key}")


def changes_nothing(step: Process) -> bool:
    """Whether a processing step returns its input unchanged; genFunction leaves such steps out of its files."""
    if "no_change" in step.settings or step.function == "lvqoutputs":
        return True
    keep = step.settings.get("keep")
    return keep is not None and np.array_equal(keep, np.arange(1.0, step.raw_size + 1))


def _layer(parts: Parts, number: int, layer: Layer) -> None:
    place = f"layers{{{number}}}"
    parts.remarks[f"{place}.name"] = repr(layer.name)
    parts.facts[f"{place}.size"] = str(layer.size)
    parts.facts[f"{place}.transferFcn"] = layer.transfer
    for key, number_set in layer.settings.items():
        parts.numbers[f"{place}.{key}"] = np.array([number_set])
        parts.settings.add(f"{place}.{key}")
    parts.facts[f"{place}.netInputFcn"] = layer.net_input
    if layer.backward:
        parts.facts[f"{place}.direction"] = "backward"
    if layer.initial is not None and layer.initial.any():
        parts.numbers[f"{place}.initial states"] = layer.initial
    if layer.bias is not None:
        parts.numbers[f"b{{{number}}}"] = np.asarray(layer.bias)
    for source, weight in layer.input_weights.items():
        _weight(parts, "inputWeights", "IW", f"{{{number},{source + 1}}}", weight)
    for source, weight in layer.layer_weights.items():
        _weight(parts, "layerWeights", "LW", f"{{{number},{source + 1}}}", weight)


def _weight(parts: Parts, kind: str, matrix: str, index: str, weight: Weight) -> None:
    parts.facts[f"{kind}{index}.weightFcn"] = weight.function
    parts.facts[f"{kind}{index}.delays"] = str(list(weight.delays))
    if weight.last:
        parts.facts[f"{kind}{index}.steps"] = "the last one"
    if weight.value.size:
        parts.numbers[f"{matrix}{index}"] = np.asarray(weight.value)
    for key, value in weight.settings.items():
        parts.numbers[f"{kind}{index}.{key}"] = value
        parts.settings.add(f"{kind}{index}.{key}")
