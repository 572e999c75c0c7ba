"""The numbers of a network as matrices with headings: weights, biases, and the settings of the processing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from matnet.functions.maps import Select
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Layer, Output, Process, Structure, Weight, element_names


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix (rows, columns) with a heading for each row and column; ``corner`` says what the rows are.

    ``name`` is MATLAB's with an underscore for its braces, as in function files: ``IW1_1``, ``b1``. That of a network
    of layers begins with the number and the name of the layer: ``2_fc_1_Weights``.
    """

    name: str
    corner: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: FloatArray


def matrices(structure: Structure) -> Iterator[Matrix]:
    """All matrices of a network, in the order in which they are used.

    The settings of input 1's first processing function are ``input1_1_mapminmax``, a setting of another length or shape
    ``input1_1_removeconstantrows_keep``.
    """
    raw = element_names(structure.inputs, "x")
    processed: list[tuple[str, ...]] = []
    for number, (entry, names) in enumerate(_with_names(structure.inputs, raw), start=1):
        yield from _settings(f"input{number}", entry.processing, names)
        processed.append(_after(entry.processing, names, f"p{number}"))
    found: dict[str, Matrix] = {}
    for number, layer in enumerate(structure.layers, start=1):
        for matrix in _layer(structure, number, layer, processed):
            found[matrix.name] = _below(found[matrix.name], matrix) if matrix.name in found else matrix
    yield from found.values()
    outputs = element_names(structure.outputs, "y")
    for number, (output, names) in enumerate(_with_names(structure.outputs, outputs), start=1):
        yield from _settings(f"output{number}", output.processing, names)


def _below(first: Matrix, piece: Matrix) -> Matrix:
    """A matrix of MATLAB's with one more piece: the rows that another part of its layer uses."""
    rows = _numbered("", len(first.rows) + len(piece.rows))
    columns = first.columns if first.columns == piece.columns else _numbered("h", len(first.columns))
    return Matrix(first.name, first.corner, rows, columns, np.concatenate([first.values, piece.values]))


def _with_names(
    entries: Sequence[Input] | Sequence[Output], names: Sequence[str]
) -> Iterator[tuple[Input | Output, tuple[str, ...]]]:
    start = 0
    for entry in entries:
        yield entry, tuple(names[start : start + entry.size])
        start += entry.size


def _layer(structure: Structure, number: int, layer: Layer, processed: Sequence[tuple[str, ...]]) -> Iterator[Matrix]:
    if layer.kind:
        yield from _named_layer(structure, number, layer, processed)
        return
    neurons = _numbered("", layer.size)
    if layer.bias is not None:
        yield Matrix(f"b{number}", "neuron", neurons, ("b",), np.asarray(layer.bias, dtype=np.float64)[:, None])
    for source, weight in layer.input_weights.items():
        yield _weight(f"IW{number}_{source + 1}", weight, processed[source])
    for source, weight in layer.layer_weights.items():
        yield _weight(f"LW{number}_{source + 1}", weight, _numbered(f"a{source + 1}_", structure.layers[source].size))


def _named_layer(
    structure: Structure, number: int, layer: Layer, processed: Sequence[tuple[str, ...]]
) -> Iterator[Matrix]:
    """A layer of a network of layers: its parameters and its settings, by MATLAB's names."""
    whole = structure.whole(number - 1)
    name = f"{whole + 1}_{re.sub(r'[^A-Za-z0-9_-]', '_', structure.layers[whole].name)}"
    sources = [("IW", source, weight, processed[source]) for source, weight in layer.input_weights.items()]
    sources += [
        ("LW", source, weight, _numbered(f"{structure.layers[source].name}_", structure.layers[source].size))
        for source, weight in layer.layer_weights.items()
    ]
    for place, (kind, source, weight, elements) in enumerate(sources, start=1):
        if weight.value.size:
            word = structure.parameter_word(kind, number - 1, source)
            yield _weight(f"{name}_{word}", weight, elements)
        further = f"_{place}" if len(sources) > 1 else ""
        if whole + 1 != number or structure.parts(whole):
            continue
        for key, value in weight.settings.items():
            yield Matrix(f"{name}_{key}{further}", "element", _numbered("", len(value)), (key,), value[:, None])
    if layer.bias is not None:
        bias = np.asarray(layer.bias, dtype=np.float64)
        word = "Bias" if layer.weights_come_first else "Offset"
        yield Matrix(f"{name}_{word}", "neuron", _numbered("", len(bias)), (word,), bias[:, None])
    for key, number_set in layer.settings.items():
        yield Matrix(f"{name}_{key}", "element", ("1",), (key,), np.array([[number_set]]))


def _weight(name: str, weight: Weight, sources: tuple[str, ...]) -> Matrix:
    """A weight matrix; its columns are the elements of the source, for each delay. scalprod has one number."""
    values = np.asarray(weight.value, dtype=np.float64)
    columns = tuple(f"{source}(t-{delay})" if delay else source for delay in weight.delays for source in sources)
    if len(columns) != values.shape[1]:
        columns = _numbered("w", values.shape[1])
    return Matrix(name, "neuron", _numbered("", len(values)), columns, values)


def _settings(place: str, processing: Sequence[Process], names: tuple[str, ...]) -> Iterator[Matrix]:
    for number, process in enumerate(processing, start=1):
        name = f"{place}_{number}_{process.function}"
        rows = _after(processing[: number - 1], names, f"{place}_{number - 1}_")
        fitting = {key: value for key, value in process.settings.items() if value.shape == (len(rows),)}
        if fitting:
            values = np.stack(list(fitting.values()), axis=1)
            yield Matrix(name, "element", rows, tuple(fitting), values)
        for key, value in process.settings.items():
            if key not in fitting:
                table = value if value.ndim == 2 else value[:, None]
                columns = (key,) if value.ndim < 2 else _numbered(f"{key}_", table.shape[1])
                yield Matrix(f"{name}_{key}", "row", _numbered("", len(table)), columns, table)


def _after(processing: Sequence[Process], names: tuple[str, ...], numbered: str) -> tuple[str, ...]:
    """The names of elements after processing: their own as far as each is made of one, else numbers."""
    for process in processing:
        if isinstance(process.apply, Select):
            names = tuple(names[place] for place in process.apply.keep.tolist())
        elif process.function == "processpca" or process.processed_size != process.raw_size:
            names = _numbered(f"{numbered}_", process.processed_size)
    return names


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{k}" for k in range(1, count + 1))
