"""The description of a network: one dictionary, from which both the text and the JSON of `inspect` are made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from matnet.functions.namespace import FloatArray
from matnet.model.provenance import Training
from matnet.model.structure import Input, Layer, LayerSources, Output, Process, Weight
from matnet.network import Network

LISTED = 12
"""Elements of an input or output whose ranges are listed in the text."""


def describe(net: Network, file: str) -> dict[str, Any]:
    """Everything `inspect` reports about a network, ready for JSON: numbers that are not finite are None."""
    structure, provenance = net.structure, net.provenance
    return {
        "file": file,
        "source": provenance.file,
        "path": provenance.path,
        "name": net.name,
        "stored_as": provenance.stored_as,
        "toolbox_version": provenance.toolbox_version,
        "header": provenance.header,
        "sha256": provenance.sha256,
        "dynamic": net.dynamic,
        "input_delay": structure.input_delay,
        "layer_delay": structure.layer_delay,
        "looks_ahead": structure.looks_ahead,
        "parameters": sum(layer.parameters for layer in structure.layers),
        "inputs": [_input(entry) for entry in structure.inputs],
        "layers": [_layer(entry, structure.received(number)) for number, entry in enumerate(structure.listed)],
        "parameter_order": structure.parameter_order,
        "outputs": [_output(entry) for entry in structure.outputs],
        "performance": None
        if structure.performance is None
        else {
            "function": structure.performance.function,
            "regularization": structure.performance.regularization,
        },
        "training": _training(provenance.training),
        "oddities": list(provenance.oddities),
        "scaling_candidates": dict(provenance.scaling_candidates),
    }


def _range(limits: FloatArray | None) -> list[list[float | None]] | None:
    if limits is None:
        return None
    return [[_finite(value) for value in row] for row in limits.tolist()]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _processing(steps: Sequence[Process]) -> list[dict[str, Any]]:
    return [
        {"function": step.function, "raw_size": step.raw_size, "processed_size": step.processed_size} for step in steps
    ]


def _input(entry: Input) -> dict[str, Any]:
    return {
        "name": entry.name,
        "size": entry.size,
        "elements": list(entry.element_names),
        "range": _range(entry.range),
        "processing": _processing(entry.processing),
        "feedback_output": None if entry.feedback_output is None else entry.feedback_output + 1,
    }


def _layer(entry: Layer, received: LayerSources) -> dict[str, Any]:
    sources = [_source("input", number, weight) for number, weight in received.input_weights.items()]
    sources += [_source("layer", number, weight) for number, weight in received.layer_weights.items()]
    return {
        "name": entry.name,
        "size": entry.size,
        "transfer": entry.transfer,
        "net_input": entry.net_input,
        "bias": received.bias,
        "sources": sources,
        "kind": entry.kind,
        "settings": dict(entry.settings),
        "shape": list(entry.shape),
    }


def _source(kind: str, number: int, weight: Weight) -> dict[str, Any]:
    return {"from": f"{kind} {number + 1}", "weight": weight.function, "delays": list(weight.delays)}


def _output(entry: Output) -> dict[str, Any]:
    return {
        "name": entry.name,
        "layer": entry.layer + 1,
        "size": entry.size,
        "elements": list(entry.element_names),
        "range": _range(entry.range),
        "processing": _processing(entry.processing),
        "feedback_mode": entry.feedback_mode,
        "feedback_delay": entry.feedback_delay,
    }


def _training(training: Training | None) -> dict[str, Any] | None:
    if training is None:
        return None
    train, validation, test = map(_finite, training.best_performance)
    return {
        "function": training.function,
        "division": training.division,
        "epochs": training.epochs,
        "best_epoch": training.best_epoch,
        "best_performance": {"training": train, "validation": validation, "test": test},
    }


def text(described: Mapping[str, Any]) -> Iterator[str]:
    """The description as lines of text."""
    yield ": ".join(filter(None, (described["file"], described["path"])))
    yield from _row("stored", _stored(described))
    yield from _row("inputs", *_signals("x", described["inputs"], _input_words))
    yield from _row("layers", *_layer_lines(described["layers"]))
    yield from _row("outputs", *_signals("y", described["outputs"], _output_words))
    if described["dynamic"]:
        delays = f"delays of up to {described['input_delay']} input and {described['layer_delay']} layer steps"
        ahead = "; the outputs depend on later steps too" if described["looks_ahead"] else ""
        yield from _row("in time", f"dynamic: {delays}{ahead}")
    yield from _row("weights", f"{described['parameters']:,} weights and biases")
    if described["training"]:
        yield from _row("training", _training_words(described))
    yield from _row("scaling?", *(f"{name}: {what}" for name, what in described["scaling_candidates"].items()))
    yield from _row("note", *described["oddities"])


def _row(title: str, *lines: str) -> Iterator[str]:
    for line in lines:
        yield f"  {title:<10}{line}"
        title = ""


def _stored(described: Mapping[str, Any]) -> str:
    # an archive names the file that it was made from
    source = described["source"] if described["source"] != PurePath(described["file"]).name else ""
    version = f"toolbox version {described['toolbox_version']}" if described["toolbox_version"] else ""
    sha256 = f"SHA-256 {described['sha256']}" if described["sha256"] else ""
    origin = f"{described['stored_as']}{f' from {source}' if source else ''}"
    return "; ".join(filter(None, (origin, version, described["header"], sha256)))


def _signals(letter: str, entries: Sequence[Mapping[str, Any]], words: Any) -> Iterator[str]:
    first = 1
    for number, entry in enumerate(entries, start=1):
        last = first + entry["size"] - 1
        columns = f"{letter}{first}" if entry["size"] == 1 else f"{letter}{first} to {letter}{last}"
        if entry["elements"]:
            further = f" and {entry['size'] - LISTED} more" if entry["size"] > LISTED else ""
            columns = f"{', '.join(entry['elements'][:LISTED])}{further}"
        steps = ", ".join(step["function"] for step in entry["processing"]) or "no processing"
        yield f"{number} {entry['name']}: {columns}, {steps}{words(entry)}"
        names = entry["elements"] or [f"{letter}{element}" for element in range(first, last + 1)]
        yield from _ranges(names, entry)
        first = last + 1


def _ranges(names: Sequence[str], entry: Mapping[str, Any]) -> Iterator[str]:
    limits = (entry["range"] or [])[:LISTED]
    width = max([6, *(len(name) + 1 for name in names[:LISTED])])
    for name, (low, high) in zip(names, limits, strict=False):
        yield f"    {name:<{width}}{_number(low)} to {_number(high)}"
    if limits and entry["size"] > LISTED:
        yield f"    and {entry['size'] - LISTED} more"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.10g}"


def _input_words(entry: Mapping[str, Any]) -> str:
    return f", fed back from output {entry['feedback_output']}" if entry["feedback_output"] else ""


def _output_words(entry: Mapping[str, Any]) -> str:
    loop = {"none": "", "open": ", open loop", "closed": ", closed loop"}[entry["feedback_mode"]]
    return f", from layer {entry['layer']}{loop}"


def _layer_lines(layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, layer in enumerate(layers, start=1):
        if layer["kind"]:
            yield f"{number} {layer['name']}: {_layer_words(layer, layers)}"
            continue
        terms = ["bias"] if layer["bias"] else []
        terms += [_term(source) for source in layer["sources"]]
        yield f"{number} {layer['name']}: {layer['size']} {layer['transfer']}, {layer['net_input']}({', '.join(terms)})"


def _layer_words(layer: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]) -> str:
    """What MATLAB calls the layer, its settings, its size and the layers that feed it."""
    settings = ", ".join(f"{name} {value:g}" for name, value in layer["settings"].items())
    sources = [source["from"].partition(" ") for source in layer["sources"]]
    names = [layers[int(number) - 1]["name"] for kind, _, number in sources if kind == "layer"]
    size = "x".join(map(str, layer["shape"])) or str(layer["size"])
    kind = f"{layer['kind']} ({settings})" if settings else layer["kind"]
    return f"{kind}, {size}" + (f", from {', '.join(names)}" if names else "")


def _term(source: Mapping[str, Any]) -> str:
    delays = source["delays"]
    late = "" if delays == [0] else f" delayed {_delays(delays)}"
    return f"{source['weight']} of {source['from']}{late}"


def _delays(delays: Sequence[int]) -> str:
    if len(delays) > 2 and delays[-1] - delays[0] == len(delays) - 1:
        return f"{delays[0]} to {delays[-1]}"
    return " and ".join(filter(None, (", ".join(map(str, delays[:-1])), str(delays[-1]))))


def _training_words(described: Mapping[str, Any]) -> str:
    training = described["training"]
    parts = [training["function"], training["division"]]
    if training["best_epoch"] is not None:
        parts.append(f"best epoch {training['best_epoch']} of {_number(training['epochs'])}")
    best = [f"{_number(value)} {which}" for which, value in training["best_performance"].items() if value is not None]
    if best:
        function = described["performance"]["function"] if described["performance"] else "performance"
        parts.append(f"{function} {', '.join(best)}")
    return "; ".join(filter(None, parts))
