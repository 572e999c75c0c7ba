"""MATLAB's `network` object, of any toolbox version, as a Structure. Only this module knows MATLAB's field names.

By `version`: absent (2006: no processing), '6', '7', '8', and '9', where the fields are within an object of a newer
class. In R2011a, which is a '7', inputs, layers, biases, outputs and weights are objects of classes of their own, with
properties of the same names; a property that equals its class's default is not stored. Fields without effect on net(x)
are never read, but values that MATLAB writes twice must agree. Any contradiction, and anything that would have to be
guessed, is refused with its place in MATLAB's syntax.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from matnet.errors import Advice, MatnetError, ModelError, Parameter, UnsupportedError, counted
from matnet.files import Budget
from matnet.functions.namespace import FloatArray
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.weight import REFUSED_WEIGHT, WEIGHT
from matnet.importers.mat.classes import texts
from matnet.importers.mat.fields import Fields, at_place, fields_of, numbers_of
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import EMPTY, Cell, Char, Numeric, Opaque, Sparse, Struct, Value, describe_shape
from matnet.importers.stored_network import StoredNetwork, unconfirmed
from matnet.model.structure import Input, Layer, Output, Performance, Process, Structure, Weight

CLASS_NAME = "network"
_TELLING = frozenset({"numInputs", "numLayers", "layers", "IW", "LW", "b"})
"""The fields that identify a plain struct as a network."""

_ALWAYS = _TELLING | {
    *("biasConnect", "biases", "inputConnect", "inputs", "inputWeights"),
    *("layerConnect", "layerWeights", "numOutputs", "outputConnect", "outputs"),
}
"""The fields of every network: where all but one are, the other was lost."""

NEWER_PROPERTY = "any"
"""The property of a version 9 object that holds the fields."""

_PARTS = frozenset({"nnetInput", "nnetLayer", "nnetBias", "nnetOutput", "nnetWeight"})
"""Classes of R2011a whose properties are fields in all other releases."""

_SETTINGS = frozenset({"nnetParam", "nnetSetting"})
"""Classes that keep parameters and settings in a property `values`."""

_FIELDS_FROM_6: Mapping[str, tuple[str, ...]] = {
    "network": ("performFcn", "performParam", "trainFcn"),
    "input": ("processFcns", "range"),
    "output": ("processFcns", "range"),
}
_FIELDS_FROM_7: Mapping[str, tuple[str, ...]] = {
    "network": ("divideFcn",),
    "input": ("name", "feedbackOutput"),
    "output": ("name", "feedbackMode", "feedbackInput", "feedbackDelay"),
    "layer": ("name", "netInputParam", "transferParam"),
    "weight": ("weightParam",),
}
"""What every network of version 6, and of version 7 or later, says, so that it is not taken for unsaid where it was
lost: the fields that older networks do not have and that are not said elsewhere in the network."""

_PROCESSING_FIELDS = ("processFcns", "processParams", "processSettings", "processedRange", "processedSize")

_MAX_LAYERS = 10_000

_TRANSFER = frozenset(name for name, row in TRANSFER.items() if row.shallow)
_PROCESSING = frozenset(name for name, row in PROCESSING.items() if row.shallow)


@dataclass
class _Notes:
    """Remarks for the user, collected while the network is read."""

    budget: Budget
    allow_nonfinite: bool
    narrowed: list[str] = field(default_factory=list)
    sparse: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def is_network_object(value: Value) -> bool:
    """Whether the value is one network: an object of class `network`, or a plain struct with its fields.

    An object of another class with these fields is a damaged one.
    """
    if math.prod(value.shape) != 1:
        return False
    if isinstance(value, Struct):
        names = value.fields.keys()
        return value.class_name == CLASS_NAME or names >= _TELLING or len(_ALWAYS - names) <= 1
    return isinstance(value, Opaque) and value.class_name == CLASS_NAME


def read_network(value: Value, path: str, budget: Budget, allow_nonfinite: bool) -> StoredNetwork:
    """The network in a value for which ``is_network_object`` holds; `path` is where it was found, for messages.

    The network keeps numbers of its own, for which the file's `budget` is asked.

    Raises
    ------
    FormatError
        The object refers to something that is not in the file.
    ModelError
        The network contradicts itself, was never configured, or has weights that are NaN or Inf.
    UnsupportedError
        It uses something that is not supported.
    """
    fields, stored_as = _open(value, path)
    notes = _Notes(budget, allow_nonfinite)
    _check_complete(fields, "network", fields)
    inputs, outputs = _inputs(fields, notes), _outputs(fields, notes)
    layers = _layers(fields, notes, inputs)
    performance = _performance(fields, notes)
    with at_place(f"{path}: "):
        structure = Structure(tuple(inputs), tuple(layers), tuple(outputs), performance)
    _check_sizes(fields, structure)
    _check_delays(fields, structure)
    return StoredNetwork(
        structure,
        _label(fields, "version"),
        stored_as,
        _label(fields, "trainFcn"),
        _label(fields, "divideFcn"),
        tuple(_oddities(notes, structure)),
    )


def another_class(name: str, place: str) -> ModelError:
    """The error of an object of another class with the fields of a network."""
    return ModelError(f"an object of class {name}, not network, with its fields: the file is damaged", place=place)


def _single(value: Value) -> TypeGuard[Struct]:
    return isinstance(value, Struct) and math.prod(value.shape) == 1


def _open(value: Value, path: str) -> tuple[Fields, str]:
    """The struct of a network's fields, extracted from its object."""
    if value.class_name not in (CLASS_NAME, "struct"):
        raise another_class(value.class_name, path)
    stored_as = "struct" if value.class_name == "struct" else "network object"
    if isinstance(value, Opaque):
        with at_place(f"{path}: "):
            value = value.element(0)
        if value.get(NEWER_PROPERTY) is None:
            raise UnsupportedError(
                f"the network object has no property '{NEWER_PROPERTY}', where its fields are", place=path
            )
    if _single(value) and value.class_name == CLASS_NAME and value.fields.keys() == {NEWER_PROPERTY}:
        # an element of an array of such objects is the struct of its properties
        (value,), stored_as = value.fields[NEWER_PROPERTY], "network object of a newer class (MCOS)"
    if not _single(value):
        raise ModelError(f"the network's fields are a {describe(value)}, expected a struct", place=path)
    fields = Fields(value, path)
    if fields.count("numLayers") > _MAX_LAYERS or fields.count("numInputs") > _MAX_LAYERS:
        raise UnsupportedError(f"more than {_MAX_LAYERS} layers or inputs", place=path)
    return fields, stored_as


def _part(value: Value | None, place: str) -> Fields:
    """The fields of an input, a layer, a bias, an output or a weight, whether it is a struct or an object."""
    if isinstance(value, Opaque) and value.class_name in _PARTS and math.prod(value.shape) == 1:
        with at_place(f"{place}: "):
            (value,) = value.whole()
    return fields_of(value, place)


def _whole_part(value: Value | None, place: str, kind: str, network: Fields) -> Fields:
    """A part with all that such a part says in a network of this version."""
    part = _part(value, place)
    _check_complete(part, kind, network)
    return part


def _check_complete(part: Fields, kind: str, network: Fields) -> None:
    """Checks that nothing was lost that a network of this version has.

    Raises
    ------
    ModelError
        A field is missing.
    """
    version = _label(network, "version")
    if not version and any(map(part.has, _PROCESSING_FIELDS)):
        raise ModelError(
            "no field version, but every network with processing has one: the file is damaged", place=network.place
        )
    for older, fields in ((("",), _FIELDS_FROM_6), (("", "6"), _FIELDS_FROM_7)):
        for name in fields.get(kind, ()) if version not in older else ():
            if not part.has(name):
                raise ModelError(
                    f"no field {name}, but a network of version {version} has one: the file is damaged",
                    place=part.place,
                )


def _label(part: Fields, name: str, default: str = "") -> str:
    """A field without effect on the outputs: one line of text, or a string; the default if it is empty."""
    value = part.get(name)
    if not isinstance(value, Opaque) or value.class_name != "string":
        return part.text(name, default)
    with at_place(f"{part.place}.{name}: "):
        lines = texts(value)
    if len(lines) != 1:
        raise part.wrong(name, "one line of text")
    return lines[0] or default


def _plain(value: Value | None) -> Value | None:
    """Parameters or settings as a struct, whether they are a struct or an object."""
    if isinstance(value, Opaque) and value.class_name in _SETTINGS and math.prod(value.shape) == 1:
        (whole,) = value.whole()
        return whole.get("values")
    return value


def _inputs(fields: Fields, notes: _Notes) -> list[Input]:
    count = fields.count("numInputs")
    slots = fields.slots("inputs", count, 1)
    parts = [_whole_part(slots.get(k), f"{fields.place}.inputs{{{k + 1}}}", "input", fields) for k in range(count)]
    return [_input(part, fields, notes) for part in parts]


def _input(part: Fields, network: Fields, notes: _Notes) -> Input:
    size = part.count("size")
    processing = _processing(part, notes) if size else ()
    with at_place(f"{part.place}: "):
        entry = Input(size, processing, _range(part), _label(part, "name", "Input"), _feedback_output(part, network))
    _check_processed_size(part, entry.processed_size)
    return entry


def _range(part: Fields) -> FloatArray | None:
    """The range of each element as (smallest, largest); None if it was never set."""
    return None if part.get("range") is None else part.floats("range")


def _check_processed_size(part: Fields, computed: int) -> None:
    stored = part.count("processedSize", computed)
    if stored != computed:
        raise ModelError(f"{stored}, but its processing gives {computed}", place=f"{part.place}.processedSize")


def _feedback_output(part: Fields, network: Fields) -> int | None:
    """MATLAB numbers the feedback's output by its layer; here outputs are numbered consecutively."""
    if part.get("feedbackOutput") is None:
        return None
    layer = part.count("feedbackOutput") - 1
    layers = _output_layers(network)
    if layer not in layers:
        raise ModelError(f"feedbackOutput is {layer + 1}, but layer {layer + 1} is not an output")
    return layers.index(layer)


def _output_layers(fields: Fields) -> list[int]:
    """The layers, from 0, that are outputs."""
    connected = np.flatnonzero(fields.connections("outputConnect", 1, fields.count("numLayers"))).tolist()
    announced = fields.count("numOutputs", len(connected))
    if announced != len(connected):
        raise ModelError(f"{announced}, but outputConnect has {len(connected)}", place=f"{fields.place}.numOutputs")
    return connected


def _processing(part: Fields, notes: _Notes) -> tuple[Process, ...]:
    if not part.has("processFcns"):
        notes.remarks.append(
            f"{part.place} has no processing fields (saved by a toolbox that had none): none is applied"
        )
        return ()
    names = _entries(part, "processFcns", Char, "a cell of names")
    settings = _entries(part, "processSettings", Struct, "a cell of settings")
    if len(settings) != len(names):
        raise ModelError(
            f"{len(settings)} entries for {len(names)} processing functions; "
            "a network is saved with them once it is configured",
            place=f"{part.place}.processSettings",
        )
    parameters = len(_entries(part, "processParams", Struct, "a cell of parameters"))
    if part.has("processParams") and parameters != len(names):
        raise ModelError(
            f"{parameters} entries for {len(names)} processing functions", place=f"{part.place}.processParams"
        )
    if not names:
        _remark_on_ranges(part, notes)
    return tuple(
        _process(name, item, part.place, k) for k, (name, item) in enumerate(zip(names, settings, strict=True), 1)
    )


def _entries(part: Fields, name: str, single: type[Char | Struct], expected: str) -> tuple[Value, ...]:
    """The entries of a cell; a single entry may be stored without the cell, and an empty matrix is an empty cell."""
    value = part.get(name)
    if value is None:
        return ()
    if isinstance(value, Cell):
        return value.items
    if isinstance(value, single | Opaque):
        return (value,)
    raise part.wrong(name, expected)


def _remark_on_ranges(part: Fields, notes: _Notes) -> None:
    """MATLAB applies no processing if there are no processing functions, whatever the ranges are."""
    raw, processed = part.get("range"), part.get("processedRange")
    if isinstance(raw, Numeric) and isinstance(processed, Numeric):
        same = raw.shape == processed.shape and np.array_equal(raw.array, processed.array, equal_nan=True)
        if not same:
            notes.remarks.append(f"{part.place} has no processing, but its processedRange is not its range")


def _process(name: Value, settings: Value, place: str, k: int) -> Process:
    if not isinstance(name, Char):
        raise UnsupportedError(f"a {describe(name)}, expected a name", place=f"{place}.processFcns{{{k}}}")
    if name.text not in _PROCESSING:
        known = ", ".join(sorted(_PROCESSING))
        raise UnsupportedError(
            f"unknown processing function '{name.text}'; known: {known}", place=f"{place}.processFcns{{{k}}}"
        )
    here = f"{place}.processSettings{{{k}}}"
    with at_place(f"{here}: "):
        settings = _plain(settings) or EMPTY
    if isinstance(settings, Numeric) and not settings.array.size:
        raw: Mapping[str, object] = {}
    elif _single(settings):
        raw = {field_name: _setting(item, here) for field_name, (item,) in settings.fields.items()}
    else:
        raise UnsupportedError(
            f"a {describe(settings)}, expected a struct with the settings of {name.text}", place=here
        )
    with at_place(f"{here}: "):
        return Process.from_matlab(name.text, raw)


def _setting(value: Value, place: str) -> object:
    if isinstance(value, Numeric | Sparse):
        return numbers_of(value, place)
    return value.text if isinstance(value, Char) else value


def _outputs(fields: Fields, notes: _Notes) -> list[Output]:
    layers = _output_layers(fields)
    slots = fields.slots("outputs", 1, fields.count("numLayers"))
    parts = [_whole_part(slots.get(0, k), f"{fields.place}.outputs{{{k + 1}}}", "output", fields) for k in layers]
    return [_output(part, fields, k, notes) for k, part in zip(layers, parts, strict=True)]


def _output(part: Fields, network: Fields, layer: int, notes: _Notes) -> Output:
    size = part.count("size")
    processing = _processing(part, notes) if size else ()
    mode = part.text("feedbackMode", "none")
    feedback_input = part.count("feedbackInput") - 1 if mode == "open" else None
    if feedback_input is not None and not 0 <= feedback_input < network.count("numInputs"):
        raise ModelError(
            f"{feedback_input + 1}, but the network has {counted(network.count('numInputs'), 'input')}",
            place=f"{part.place}.feedbackInput",
        )
    with at_place(f"{part.place}: "):
        entry = Output(
            layer,
            size,
            processing,
            _range(part),
            _label(part, "name", "Output"),
            mode,
            feedback_input,
            part.count("feedbackDelay", 0),
        )
    _check_processed_size(part, entry.processed_size)
    return entry


def _layers(fields: Fields, notes: _Notes, inputs: list[Input]) -> list[Layer]:
    count = fields.count("numLayers")
    slots = fields.slots("layers", count, 1)
    parts = [_whole_part(slots.get(k), f"{fields.place}.layers{{{k + 1}}}", "layer", fields) for k in range(count)]
    sizes = [part.count("size") for part in parts]
    rows = [entry.processed_size for entry in inputs]
    input_weights = _weights(fields, notes, ("inputConnect", "inputWeights", "IW"), sizes, rows)
    layer_weights = _weights(fields, notes, ("layerConnect", "layerWeights", "LW"), sizes, sizes)
    biases = _biases(fields, notes, count)
    return [_layer(parts[k], input_weights[k], layer_weights[k], biases[k]) for k in range(count)]


def _layer(
    part: Fields, input_weights: Mapping[int, Weight], layer_weights: Mapping[int, Weight], bias: FloatArray | None
) -> Layer:
    for parameter in ("transferParam", "netInputParam"):
        _refuse_parameter(part, parameter)
    size, name = part.count("size"), _label(part, "name", "Layer")
    transfer, net_input = part.text("transferFcn"), part.text("netInputFcn")
    if size and transfer not in _TRANSFER:
        known = ", ".join(sorted(_TRANSFER))
        raise UnsupportedError(
            f"unknown transfer function '{transfer}'; known: {known}", place=f"{part.place}.transferFcn"
        )
    try:
        return Layer(size, transfer, input_weights, layer_weights, bias, net_input, name)
    except MatnetError as error:
        # if a function is unknown, Layer names the field itself
        place = ".".join(filter(None, (part.place, error.place)))
        raise type(error)(*error.args, place=place) from error.__cause__


def _refuse_parameter(part: Fields, name: str) -> None:
    """No known function takes parameters: one with parameters is not the function of the table."""
    with at_place(f"{part.place}.{name}: "):
        value = _plain(part.get(name))
    if (
        value is None
        or (isinstance(value, Struct) and not value.fields)
        or (isinstance(value, Cell) and not value.items)
    ):
        return
    raise UnsupportedError(
        f"not empty ({describe(value)}); functions with parameters are not supported", place=f"{part.place}.{name}"
    )


def _biases(fields: Fields, notes: _Notes, count: int) -> list[FloatArray | None]:
    connected = fields.connections("biasConnect", count, 1).ravel()
    slots = fields.slots("b", count, 1)
    return [_bias(slots.get(k), bool(connected[k]), f"{fields.place}.b{{{k + 1}}}", notes) for k in range(count)]


def _bias(value: Value | None, connected: bool, place: str, notes: _Notes) -> FloatArray | None:
    if not connected:
        _refuse_unconnected(value, place, "biasConnect")
        return None
    bias = _weight_values(value, place, notes)
    if bias.shape[1:] != (1,):
        raise ModelError(f"{describe_shape(bias.shape)}, expected one column", place=place)
    return bias.ravel()


def _refuse_unconnected(value: Value | None, place: str, connect: str) -> None:
    if value is not None:
        raise ModelError(f"values, but {connect} says that there is no such connection", place=place)


def _weight_values(value: Value | None, place: str, notes: _Notes) -> FloatArray:
    values = numbers_of(value, place)
    if values.ndim != 2:
        raise ModelError(f"{counted(values.ndim, 'dimension')}, expected a matrix", place=place)
    notes.budget.take(values.nbytes)
    if isinstance(value, Sparse):
        notes.sparse.append(place)
    if isinstance(value, Numeric) and value.narrowed:
        notes.narrowed.append(place)
    if not notes.allow_nonfinite and not np.isfinite(values).all():
        raise ModelError(
            "values that are NaN or Inf",
            Advice("; ", Parameter("allow_nonfinite", True), " loads them as they are"),
            place=place,
        )
    return values


def _weights(
    fields: Fields, notes: _Notes, names: tuple[str, str, str], sizes: list[int], source_sizes: list[int]
) -> list[dict[int, Weight]]:
    """For each layer, the weights from inputs or from layers, by the number of their source."""
    connect, parts, matrices = names
    count, sources = len(sizes), len(source_sizes)
    connected = fields.connections(connect, count, sources)
    part_slots, value_slots = fields.slots(parts, count, sources), fields.slots(matrices, count, sources)
    weights: list[dict[int, Weight]] = [{} for _ in range(count)]
    for row, column in value_slots.filled():
        if not connected[row, column]:
            place = f"{fields.place}.{matrices}{{{row + 1},{column + 1}}}"
            _refuse_unconnected(value_slots.get(row, column), place, connect)
    for row, column in np.argwhere(connected).tolist():
        index = f"{{{row + 1},{column + 1}}}"
        part = _whole_part(part_slots.get(row, column), f"{fields.place}.{parts}{index}", "weight", fields)
        value = value_slots.get(row, column)
        if value is None and not source_sizes[column]:
            # all rows of the input were constant and are removed, so there are no columns
            value = Numeric(np.zeros((sizes[row], 0)))
        weights[row][column] = _weight(part, value, f"{fields.place}.{matrices}{index}", notes)
    return weights


def _weight(part: Fields, value: Value | None, place: str, notes: _Notes) -> Weight:
    _refuse_parameter(part, "weightParam")
    function, delays = part.text("weightFcn"), part.floats("delays")
    if not (delays == np.floor(delays)).all() or not (np.abs(delays) < 2**31).all():
        raise ModelError(
            f"delays must be non-negative integers in increasing order, got {delays.ravel().tolist()}",
            place=f"{part.place}.delays",
        )
    values = _weight_values(value, place, notes)
    if function not in WEIGHT and function not in REFUSED_WEIGHT:
        known = ", ".join(sorted(WEIGHT))
        raise UnsupportedError(f"unknown weight function '{function}'; known: {known}", place=part.place)
    with at_place(f"{part.place}: "):
        return Weight(values, function, tuple(int(delay) for delay in delays.ravel(order="F")))


def _performance(fields: Fields, notes: _Notes) -> Performance | None:
    name = _label(fields, "performFcn")
    if not name:
        return None
    try:
        value = _plain(fields.get("performParam"))
    except MatnetError as error:
        return Performance(name, unsupported=f"performParam: {error}")
    if value is None or (isinstance(value, Struct) and not value.fields):
        return Performance(name)
    if not isinstance(value, Struct) or math.prod(value.shape) != 1:
        return Performance(name, unsupported=f"performParam is a {describe(value)}, expected a struct")
    part = Fields(value, f"{fields.place}.performParam")
    if name == "msereg":
        return _msereg(part, notes)
    regularization, unsupported = 0.0, []
    for parameter in value.fields:
        if parameter == "regularization":
            regularization = _number(part, parameter)
        elif not _without_effect(parameter, value.get(parameter)):
            unsupported.append(f"performParam.{parameter}")
    if not 0.0 <= regularization <= 1.0:
        unsupported.append(f"performParam.regularization of {regularization}")
        regularization = 0.0
    return Performance(name, regularization, ", ".join(unsupported))


def _number(part: Fields, name: str) -> float:
    value = part.floats(name)
    if value.size != 1:
        raise part.wrong(name, "one number")
    return float(value.item())


def _msereg(part: Fields, notes: _Notes) -> Performance:
    """The former msereg: ratio·mse + (1 − ratio)·mean(w²) is mse with the regularization 1 − ratio."""
    if part.get("ratio") is None:
        return Performance("msereg", unsupported="performParam.ratio is missing")
    ratio = _number(part, "ratio")
    if not 0.0 <= ratio <= 1.0:
        return Performance("msereg", unsupported=f"performParam.ratio of {ratio}")
    notes.remarks.append(f"performFcn is msereg with ratio {ratio:g}: taken as mse with regularization 1 - ratio")
    return Performance("mse", 1.0 - ratio)


def _without_effect(parameter: str, value: Value | None) -> bool:
    """Whether a parameter of the performance has no effect on its value."""
    if parameter == "normalization":
        return isinstance(value, Char) and value.text == "none"
    if parameter == "squaredWeighting":
        # it concerns error weights, which a network does not store
        return isinstance(value, Numeric) and value.array.size == 1 and value.array.item() == 1
    return False


def _check_sizes(fields: Fields, structure: Structure) -> None:
    """Checks the sizes of weights and biases, which are stored twice."""
    count = len(structure.layers)
    for name, columns in (("inputWeights", len(structure.inputs)), ("layerWeights", count), ("biases", 1)):
        if not fields.has(name):
            continue
        parts = fields.slots(name, count, columns)
        for row, layer in enumerate(structure.layers):
            arrays: Mapping[int, FloatArray | None] = {0: layer.bias}
            if name != "biases":
                weights = layer.input_weights if name == "inputWeights" else layer.layer_weights
                arrays = {source: weight.value for source, weight in weights.items()}
            for source, array in arrays.items():
                index = row + 1 if name == "biases" else f"{row + 1},{source + 1}"
                if array is not None:
                    _check_size(_part(parts.get(row, source), f"{fields.place}.{name}{{{index}}}"), array.shape)


def _check_size(part: Fields, shape: tuple[int, ...]) -> None:
    if part.get("size") is None:
        return
    stored = tuple(part.floats("size").ravel().tolist())
    if stored != shape:
        said, actual = ("x".join(f"{number:g}" for number in sizes) for sizes in (stored, shape))
        raise ModelError(f"{said}, but the values are {actual}: the file is damaged", place=f"{part.place}.size")


def _check_delays(fields: Fields, structure: Structure) -> None:
    """Checks the longest delays, which are stored twice."""
    feedback = max(output.feedback_delay for output in structure.outputs)
    for name, longest, what in (
        ("numInputDelays", structure.input_delay, "the longest delay of the input weights"),
        ("numLayerDelays", structure.layer_delay, "the longest delay of the layer weights"),
        ("numFeedbackDelays", feedback, "the longest feedbackDelay of the outputs"),
    ):
        stored = fields.count(name, longest)
        if stored != longest:
            raise ModelError(f"{stored}, but {what} is {longest}: the file is damaged", place=f"{fields.place}.{name}")


def _oddities(notes: _Notes, structure: Structure) -> Iterator[str]:
    yield from dict.fromkeys(notes.remarks)
    if notes.narrowed:
        yield f"whole numbers stored as integers (nothing is lost): {', '.join(notes.narrowed)}"
    if notes.sparse:
        yield f"sparse weights: {', '.join(notes.sparse)}"
    yield from _scaled_outside(structure)
    yield from unconfirmed(structure)


def _scaled_outside(structure: Structure) -> Iterator[str]:
    """Remarks on inputs whose data look as if they were scaled outside the network before the training."""
    for number, entry in enumerate(structure.inputs, 1):
        if entry.processing or entry.range is None or entry.feedback_output is not None:
            continue
        for low in (-1.0, 0.0):
            if len(entry.range) and np.allclose(entry.range, [low, 1.0], rtol=0.0, atol=1e-6):
                yield (
                    f"input {number} has no processing and ranges from {low:g} to 1: if its data were scaled outside "
                    "the network, x is on that scale; with_scaling (--input-scaling) takes the settings"
                )
