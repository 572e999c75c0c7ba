"""The archive: a network as a JSON text that is readable without this program (docs/archive.md has the schema).

Indices count from 1 and settings have MATLAB's names, as in MATLAB itself. Every float is read back exactly (there is
one NaN). The same network always gives the same text, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matnet.errors import FormatError, MatnetError, UnsupportedError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.checks import Checks
from matnet.model.provenance import Provenance, Training
from matnet.model.strict_json import Json, Node, parse, plain, plain_number, write
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight

FORMAT = "matnet network archive"
VERSION = 1

_KEYS = ("format", "version", "digest", "name", "inputs", "layers", "outputs", "performance", "provenance", "checks")
_INPUT = ("name", "size", "range", "processing", "feedback_output")
_LAYER = ("name", "size", "transfer", "net_input", "bias", "input_weights", "layer_weights")
_FURTHER = ("settings", "shape", "kind", "part_of", "backward", "initial")
"""What a layer of the classes that followed `network` may have beside that."""
_WEIGHT = ("source", "function", "delays", "value")
_OUTPUT = (
    "name",
    "layer",
    "size",
    "range",
    "processing",
    "feedback_mode",
    "feedback_input",
    "feedback_delay",
)
_PERFORMANCE = ("function", "regularization", "unsupported")
_PROVENANCE = (
    "file",
    "sha256",
    "path",
    "header",
    "toolbox_version",
    "stored_as",
    "training",
    "oddities",
    "scaling_candidates",
)
_TRAINING = ("function", "epochs", "best_epoch", "best_performance", "division")
_CHECKS = ("inputs", "outputs", "jacobians")

_MATLAB_NAMES = {"rows": "xrows", "inverse_transform": "inverseTransform"}
"""Settings whose names in the model differ from MATLAB's."""

_COUNTS = frozenset({"xrows", "no_change"})
_MATRICES = frozenset({"transform", "inverseTransform"})


_NO_DIGEST = '"digest": ""'


class NoArchiveError(FormatError):
    """A JSON file that is not an archive."""


@dataclass(frozen=True, eq=False)
class Archive:
    """The contents of an archive; ``digest`` is the one that was read."""

    structure: Structure
    provenance: Provenance
    name: str
    checks: Checks
    digest: str = ""


def dumps(archive: Archive) -> str:
    """The archive as text, with its digest.

    Raises
    ------
    UnsupportedError
        A weight or a bias is not a NumPy array.
    """
    text = _undigested(archive)
    return text.replace(_NO_DIGEST, f'"digest": "{_digest(text)}"', 1)


def digest_of(archive: Archive) -> str:
    """The SHA-256 of the archive's text with an empty digest: any changed number changes it."""
    return _digest(_undigested(archive))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _undigested(archive: Archive) -> str:
    structure = archive.structure
    return write(
        {
            "format": FORMAT,
            "version": VERSION,
            "digest": "",
            "name": archive.name,
            "inputs": [_write_input(entry) for entry in structure.inputs],
            "layers": [_write_layer(entry) for entry in structure.layers],
            "outputs": [_write_output(entry) for entry in structure.outputs],
            **_write_order(structure),
            "performance": _write_performance(structure.performance),
            "provenance": _write_provenance(archive.provenance),
            "checks": {key: plain(getattr(archive.checks, key)) for key in _CHECKS},
        }
    )


def loads(text: str) -> Archive:
    """The contents of an archive's text; the check points and the digest are read but not compared.

    Raises
    ------
    FormatError
        The text is not an archive, or keys are missing or unknown.
    UnsupportedError
        The archive has a later version, or uses an unknown function.
    ModelError
        The network in it contradicts itself.
    """
    node = parse(text)
    _check_version(node)
    entries = node.keys(_KEYS, ("parameter_order",))
    inputs = tuple(_read_input(entry) for entry in entries["inputs"].items())
    layers = tuple(_read_layer(entry) for entry in entries["layers"].items())
    outputs = tuple(_read_output(entry) for entry in entries["outputs"].items())
    performance = _read_performance(entries["performance"])
    order: Literal["getwb", "layers"] = "getwb"
    if "parameter_order" in entries:
        if entries["parameter_order"].text() != "layers":
            entries["parameter_order"].refuse("'layers'")
        order = "layers"
    structure = Structure(inputs, layers, outputs, performance, order)
    provenance = _read_provenance(entries["provenance"])
    checks = _read_checks(entries["checks"], structure)
    return Archive(structure, provenance, entries["name"].text(), checks, entries["digest"].text())


def _check_version(node: Node) -> None:
    entries = node.value if isinstance(node.value, dict) else {}
    if entries.get("format") != FORMAT:
        raise NoArchiveError(f'not an archive of a network: the entry "format": "{FORMAT}" is missing')
    if "version" not in entries:
        raise FormatError('not an archive of a network: the entry "version" is missing')
    version = Node(entries["version"], ".version").count(1)
    if version > VERSION:
        raise UnsupportedError(
            f"the archive has version {version}, but this matnet reads versions up to {VERSION}; install a newer matnet"
        )


@contextmanager
def _at(node: Node) -> Iterator[None]:
    """Adds the place to errors of the model's dataclasses, which do not know it."""
    try:
        yield
    except FormatError:
        raise
    except MatnetError as error:
        raise error.at(node.place) from error.__cause__


def _numbers(value: Array, what: str) -> Json:
    if not isinstance(value, np.ndarray):
        library = type(value).__module__.split(".")[0]
        raise UnsupportedError(
            f"{what} is an array of {library}; convert the parameters to NumPy before archiving the network"
        )
    return plain(value)


def _one_based(number: int | None) -> int | None:
    return None if number is None else number + 1


def _zero_based(node: Node) -> int | None:
    return None if node.value is None else node.count(1) - 1


def _write_range(limits: FloatArray | None) -> Json:
    return None if limits is None else plain(limits)


def _read_range(node: Node) -> FloatArray | None:
    return None if node.value is None else node.array((None, 2))


def _write_processing(processing: tuple[Process, ...]) -> Json:
    return [{"function": process.function, "settings": _write_settings(process)} for process in processing]


def _write_settings(process: Process) -> Json:
    return {
        name: int(value[0]) if name in _COUNTS else plain(value)
        for name, value in ((_MATLAB_NAMES.get(key, key), value) for key, value in process.settings.items())
    }


def _read_processing(node: Node) -> tuple[Process, ...]:
    return tuple(_read_process(entry) for entry in node.items())


def _read_process(node: Node) -> Process:
    entries = node.keys(("function", "settings"))
    function = entries["function"].text()
    settings = entries["settings"].entries()
    raw = {name: _read_setting(name, entry) for name, entry in settings.items()}
    if function == "fixunknowns":
        for key in ("xrows", "unknown", "xmeans"):
            if key not in settings:
                raise FormatError(f"the key '{key}' is missing", place=entries["settings"].place)
        rows = settings["xrows"].count()
        if rows > settings["xmeans"].array((None,)).size:
            settings["xrows"].refuse("as many rows as xmeans has")
        raw["known"] = np.setdiff1d(np.arange(1.0, rows + 1.0), np.asarray(raw["unknown"]))
    with _at(node):
        process = Process.from_matlab(function, raw)
    written = _write_settings(process)
    if written.keys() != settings.keys():
        entries["settings"].refuse(f"the settings {', '.join(written)} and no others")
    for name, value in written.items():
        if isinstance(value, list) and settings[name].length() != len(value):
            settings[name].refuse(f"a list of {len(value)}")
    return process


def _read_setting(name: str, node: Node) -> object:
    if name in _COUNTS:
        if name == "no_change" and node.count() > 1:
            node.refuse("0 or 1")
        return float(node.count())
    return node.array((None, None) if name in _MATRICES else (None,))


_LABELS = ("element_names", "units")
"""Lists of texts that an input or an output has if the user set them."""


def _write_labels(entry: Input | Output) -> dict[str, Json]:
    return {key: list(getattr(entry, key)) for key in _LABELS if getattr(entry, key)}


def _read_labels(entries: Mapping[str, Node]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(entry.text() for entry in entries[key].items()) for key in _LABELS if key in entries}


def _write_input(entry: Input) -> Json:
    return {
        "name": entry.name,
        "size": entry.size,
        "range": _write_range(entry.range),
        "processing": _write_processing(entry.processing),
        "feedback_output": _one_based(entry.feedback_output),
        **_write_labels(entry),
        **({"shape": list(entry.shape)} if entry.shape else {}),
    }


def _read_input(node: Node) -> Input:
    entries = node.keys(_INPUT, (*_LABELS, "shape"))
    processing, limits = _read_processing(entries["processing"]), _read_range(entries["range"])
    with _at(node):
        return Input(
            entries["size"].count(),
            processing,
            limits,
            entries["name"].text(),
            _zero_based(entries["feedback_output"]),
            **_read_labels(entries),
            shape=tuple(entry.count(1) for entry in entries["shape"].items()) if "shape" in entries else (),
        )


def _write_layer(entry: Layer) -> Json:
    return {
        "name": entry.name,
        "size": entry.size,
        "transfer": entry.transfer,
        "net_input": entry.net_input,
        "bias": None if entry.bias is None else _numbers(entry.bias, "a bias"),
        "input_weights": _write_weights(entry.input_weights),
        "layer_weights": _write_weights(entry.layer_weights),
        **({"settings": {key: plain_number(value) for key, value in entry.settings.items()}} if entry.settings else {}),
        **({"shape": list(entry.shape)} if entry.shape else {}),
        **({"kind": entry.kind} if entry.kind else {}),
        **({} if entry.part_of is None else {"part_of": entry.part_of + 1}),
        **({"backward": True} if entry.backward else {}),
        **({} if entry.initial is None else {"initial": plain(entry.initial)}),
    }


def _write_order(structure: Structure) -> dict[str, Json]:
    return {} if structure.parameter_order == "getwb" else {"parameter_order": structure.parameter_order}


def _write_weights(weights: Mapping[int, Weight]) -> Json:
    return [
        {
            "source": source + 1,
            "function": weight.function,
            "delays": list(weight.delays),
            "value": _numbers(weight.value, "a weight"),
            **({"settings": {key: plain(value) for key, value in weight.settings.items()}} if weight.settings else {}),
            **({"last": True} if weight.last else {}),
        }
        for source, weight in weights.items()
    ]


def _read_layer(node: Node) -> Layer:
    entries = node.keys(_LAYER, _FURTHER)
    input_weights, layer_weights = _read_weights(entries["input_weights"]), _read_weights(entries["layer_weights"])
    bias = None if entries["bias"].value is None else entries["bias"].array((None,))
    with _at(node):
        return Layer(
            entries["size"].count(),
            entries["transfer"].text(),
            input_weights,
            layer_weights,
            bias,
            entries["net_input"].text(),
            entries["name"].text(),
            **_read_further(entries),
        )


def _read_further(entries: Mapping[str, Node]) -> dict[str, Any]:
    further: dict[str, Any] = {}
    if "settings" in entries:
        further["settings"] = {key: entry.number() for key, entry in entries["settings"].entries().items()}
    if "shape" in entries:
        further["shape"] = tuple(entry.count(1) for entry in entries["shape"].items())
    if "kind" in entries:
        further["kind"] = entries["kind"].text()
    if "part_of" in entries:
        further["part_of"] = entries["part_of"].count(1) - 1
    if "initial" in entries:
        further["initial"] = entries["initial"].array((None,))
    return {**further, "backward": _read_mark(entries, "backward")}


def _read_weights(node: Node) -> dict[int, Weight]:
    weights: dict[int, Weight] = {}
    for entry in node.items():
        found = entry.keys(_WEIGHT, ("settings", "last"))
        source = found["source"].count(1) - 1
        if source in weights:
            found["source"].refuse("a source that has no weight yet")
        value, delays = found["value"].array((None, None)), tuple(delay.count() for delay in found["delays"].items())
        with _at(entry):
            settings, last = _read_weight_settings(found), _read_mark(found, "last")
            weights[source] = Weight(value, found["function"].text(), delays, settings, last)
    return weights


def _read_mark(found: Mapping[str, Node], key: str) -> bool:
    """Whether there is an entry, which is then true."""
    if key not in found:
        return False
    if found[key].value is not True:
        found[key].refuse("true")
    return True


def _read_weight_settings(entries: Mapping[str, Node]) -> dict[str, FloatArray]:
    if "settings" not in entries:
        return {}
    return {key: entry.array((None,)) for key, entry in entries["settings"].entries().items()}


def _write_output(entry: Output) -> Json:
    return {
        "name": entry.name,
        "layer": entry.layer + 1,
        "size": entry.size,
        "range": _write_range(entry.range),
        "processing": _write_processing(entry.processing),
        "feedback_mode": entry.feedback_mode,
        "feedback_input": _one_based(entry.feedback_input),
        "feedback_delay": entry.feedback_delay,
        **_write_labels(entry),
    }


def _read_output(node: Node) -> Output:
    entries = node.keys(_OUTPUT, _LABELS)
    processing, limits = _read_processing(entries["processing"]), _read_range(entries["range"])
    with _at(node):
        return Output(
            entries["layer"].count(1) - 1,
            entries["size"].count(),
            processing,
            limits,
            entries["name"].text(),
            entries["feedback_mode"].text(),
            _zero_based(entries["feedback_input"]),
            entries["feedback_delay"].count(),
            **_read_labels(entries),
        )


def _write_performance(entry: Performance | None) -> Json:
    if entry is None:
        return None
    form = {"form": entry.form} if entry.form else {}
    return {
        "function": entry.function,
        "regularization": plain_number(entry.regularization),
        "unsupported": entry.unsupported,
        **form,
    }


def _read_performance(node: Node) -> Performance | None:
    if node.value is None:
        return None
    entries = node.keys(_PERFORMANCE, optional=("form",))
    form = entries["form"].text() if "form" in entries else ""
    if form not in ("", "targets", "both"):
        entries["form"].refuse("'targets' or 'both'")
    return Performance(
        entries["function"].text(), entries["regularization"].number(), entries["unsupported"].text(), form
    )


def _write_provenance(entry: Provenance) -> Json:
    return {
        "file": entry.file,
        "sha256": entry.sha256,
        "path": entry.path,
        "header": entry.header,
        "toolbox_version": entry.toolbox_version,
        "stored_as": entry.stored_as,
        "training": _write_training(entry.training),
        "oddities": list(entry.oddities),
        "scaling_candidates": dict(entry.scaling_candidates),
        **({"precision": entry.precision} if entry.precision else {}),
    }


def _read_provenance(node: Node) -> Provenance:
    entries = node.keys(_PROVENANCE, ("precision",))
    return Provenance(
        file=entries["file"].text(),
        sha256=entries["sha256"].text(),
        path=entries["path"].text(),
        header=entries["header"].text(),
        toolbox_version=entries["toolbox_version"].text(),
        stored_as=entries["stored_as"].text(),
        training=_read_training(entries["training"]),
        oddities=tuple(entry.text() for entry in entries["oddities"].items()),
        scaling_candidates={name: entry.text() for name, entry in entries["scaling_candidates"].entries().items()},
        precision=entries["precision"].text() if "precision" in entries else "",
    )


def _write_training(entry: Training | None) -> Json:
    if entry is None:
        return None
    performance = [None if value is None else plain_number(value) for value in entry.best_performance]
    return {
        "function": entry.function,
        "epochs": entry.epochs,
        "best_epoch": entry.best_epoch,
        "best_performance": performance,
        "division": entry.division,
    }


def _read_training(node: Node) -> Training | None:
    if node.value is None:
        return None
    entries = node.keys(_TRAINING)
    best = [None if entry.value is None else entry.number() for entry in entries["best_performance"].items()]
    if len(best) != 3:
        entries["best_performance"].refuse("a list of 3")
    epochs, best_epoch = (
        None if entries[key].value is None else entries[key].count() for key in ("epochs", "best_epoch")
    )
    return Training(
        entries["function"].text(), epochs, best_epoch, (best[0], best[1], best[2]), entries["division"].text()
    )


def _read_checks(node: Node, structure: Structure) -> Checks:
    entries = node.keys(_CHECKS)
    points, inputs, outputs = entries["inputs"].length(), structure.input_size, structure.output_size
    return Checks(
        entries["inputs"].array((points, inputs)),
        entries["outputs"].array((points, outputs)),
        entries["jacobians"].array((points, outputs, inputs)),
    )
