"""SeriesNetwork, DAGNetwork and dlnetwork objects as a Structure.

In short: ``graph.py`` reads an object's layers, by name and in stored order, and which layer's output goes into
which port of which layer. Here each layer is arranged after those that feed it: the table ``LAYERS`` of ``layers.py``
has for each of MATLAB's layer classes the fields and versions that are known, and a function that makes a Layer of the
model from them and from the sources that it receives. All the rest of matnet works on the Structure.

- Every MATLAB layer, input and output layers included, becomes exactly one Layer, at its number in MATLAB's order, so
  that ``net.layer_names``, ``layer_outputs`` and ``of=`` are MATLAB's. A recurrent layer has further Layers that are
  parts of it, after all others (see ``recurrent_layers.py``).
- A layer without weights is joined to its source by the connection `unweighted`; what has settings but no weights, or
  one number for each channel, is a row of ``functions/connections.py``; activations are rows of
  ``functions/transfer.py``.
- A normalization of an input layer is processing of the network's Input.
- To add a layer class: its function and its entry in ``LAYERS``; a row, if its formula is new; a test in
  tests/importers/test_layers.py that compares with numbers made elsewhere.

Whatever could change what a network predicts and is not known is refused by the layer's name: other fields, other
versions, states that are not the initial ones, quantized numbers, layers of the user's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from matnet.errors import UnsupportedError
from matnet.files import Budget
from matnet.importers.mat.fields import Fields, at_place, fields_of, part_of
from matnet.importers.mat.values import Cell, Char, MatFile, Numeric, Opaque, Value
from matnet.importers.stored_network import StoredNetwork, unconfirmed
from matnet.importers.successors.building import Arrangement
from matnet.importers.successors.graph import Graph, read_graph
from matnet.importers.successors.layers import LAYERS, output_names
from matnet.importers.successors.recurrent_layers import RECURRENT_KINDS, check_sequences, ends_sequence
from matnet.model.structure import Output, Structure

_VERSIONS = {"SeriesNetwork": (1,), "DAGNetwork": (1, 2), "dlnetwork": (4, 5, 6)}
"""The versions of each class whose fields are known."""


def is_layered(value: Value) -> bool:
    """Whether the value is one network of layers."""
    return value.class_name in _VERSIONS and isinstance(value, Opaque) and math.prod(value.shape) == 1


def read_layered(file: MatFile, value: Value, path: str, allow_nonfinite: bool) -> StoredNetwork:
    """The network in a value for which ``is_layered`` holds; `path` is where it lies in the file.

    Raises
    ------
    FormatError
        The file does not hold what the object refers to.
    ModelError
        The network contradicts itself, was never trained, or has weights that are NaN or Inf.
    UnsupportedError
        It has a layer that is not supported, or something else that is not.
    """
    assert isinstance(value, Opaque)
    with at_place(f"{path}: "):
        stored = fields_of(value.element(0).get("any"), path)
    version = stored.count("Version")
    if version not in _VERSIONS[value.class_name]:
        known = ", ".join(map(str, _VERSIONS[value.class_name]))
        raise UnsupportedError(f"a {value.class_name} of version {version} is not known; known: {known}", place=path)
    _check_state(stored, value.class_name)
    holder = part_of(stored, "LayerGraph", "any") if value.class_name == "dlnetwork" else stored
    graph = read_graph(holder, path, value.class_name == "SeriesNetwork")
    ends = _output_layers(stored, graph, value.class_name)
    structure, single = _structure(graph, ends, file.budget, allow_nonfinite, value.class_name == "dlnetwork")
    remarks = (
        *_remarks(single, structure, value.class_name),
        *_remarks_on_sequences(graph, structure.looks_ahead),
        *unconfirmed(structure),
    )
    kind = f"{value.class_name} object"
    return StoredNetwork(structure, "", kind, oddities=remarks, precision="single" if single else "")


def _check_state(stored: Fields, class_name: str) -> None:
    """Check that no setting of the network as a whole changes its predictions."""
    if class_name == "dlnetwork":
        flag = stored.get("Initialized")
        if not isinstance(flag, Numeric) or not flag.array.all():
            raise UnsupportedError(
                "the dlnetwork is not initialized: its layers have no weights; train it, or save it after initialize",
                place=stored.place,
            )
    info = stored.get("SerializedQuantizationInfo")
    if info is not None and not _empty_map(stored):
        raise UnsupportedError(
            "quantized networks are not supported; save the network from before the quantization",
            place=f"{stored.place}.SerializedQuantizationInfo",
        )


def _empty_map(stored: Fields) -> bool:
    """Whether the quantization holds a containers.Map without entries, as in networks that are not quantized."""
    info = part_of(stored, "SerializedQuantizationInfo")
    data = info.get("data")
    if data is None:
        return True
    if not isinstance(data, Opaque) or data.class_name != "containers.Map":
        return False
    keys = part_of(part_of(info, "data"), "serialization").get("keys")
    return keys is None or (isinstance(keys, Cell) and not keys.items)


def _output_layers(stored: Fields, graph: Graph, class_name: str) -> tuple[int, ...]:
    """The numbers of the layers that are outputs, in the order of the outputs."""
    if class_name != "dlnetwork":
        return graph.ends
    names = stored.get("OutputNames")
    texts = [item.text for item in names.items if isinstance(item, Char)] if isinstance(names, Cell) else []
    if not texts or not isinstance(names, Cell) or len(texts) != len(names.items):
        raise stored.wrong("OutputNames", "a cell of names of layers")
    return tuple(graph.output(text, f"{stored.place}.OutputNames") for text in texts)


def _structure(
    graph: Graph, ends: tuple[int, ...], budget: Budget, allow_nonfinite: bool, flattens: bool
) -> tuple[Structure, bool]:
    """The network, and whether MATLAB computes it in single precision."""
    entries = [layer.number for layer in graph.layers if LAYERS[layer.class_name].ports == (0, 0)]
    check_sequences(graph.layers, graph.sources, graph.order)
    ranks = {number: rank for rank, number in enumerate(entries)}
    arrangement = Arrangement(ranks, len(graph.layers), budget, allow_nonfinite, flattens)
    for number in graph.order:
        layer = graph.layers[number]
        sources = [arrangement.sources[source] for source in graph.sources[number]]
        arrangement.store(number, LAYERS[layer.class_name].make(layer, sources, arrangement))
    outputs = []
    for number in ends:
        layer, source = graph.layers[number], arrangement.sources[number]
        outputs.append(Output(number, source.size, name=layer.name, element_names=output_names(layer, source.size)))
    inputs = tuple(arrangement.inputs[rank] for rank in range(len(entries)))
    parts = (arrangement.parts[number] for number in sorted(arrangement.parts))
    layers = (*(arrangement.layers[number] for number in range(len(graph.layers))), *parts)
    with at_place(f"{graph.place}: "):
        structure = Structure(inputs, layers, tuple(outputs), parameter_order="layers")
    return structure, arrangement.single


def _remarks(single: bool, structure: Structure, class_name: str) -> Iterator[str]:
    """Remarks on where MATLAB's answers differ from matnet's, and why."""
    if single:
        yield "MATLAB computes this network in single precision, with about 7 digits; matnet computes it with 16"
    ends = [structure.layers[entry.layer].transfer for entry in structure.outputs]
    if class_name == "dlnetwork" and "softmax" in ends:
        yield "a dlnetwork holds no class names: the outputs are in the order of the classes that it was trained with"


def _remarks_on_sequences(graph: Graph, looks_ahead: bool) -> Iterator[str]:
    """What a sample is where the input is a sequence."""
    if not any(layer.kind in RECURRENT_KINDS for layer in graph.layers):
        if any(layer.kind == "sequence input" for layer in graph.layers):
            yield "a sample is one time step of a sequence: each step is computed separately"
        return
    if looks_ahead:
        yield "the outputs depend on later steps too: a series is computed as a whole, as MATLAB's predict does"
    for layer in graph.layers:
        if ends_sequence(layer) and looks_ahead:
            yield (
                f"layer '{layer.name}' gives the last step of a sequence: the output stands at the last step, and is "
                "NaN at the others"
            )
        elif ends_sequence(layer):
            yield (
                f"layer '{layer.name}' gives the last step of a sequence: the output at a step is MATLAB's for the "
                "sequence up to this step, and the last one its for the whole sequence"
            )
