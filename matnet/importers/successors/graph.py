"""The layers of a network of layers, by name and in stored order, and the connections between their ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.importers.mat.classes import Table, decoded, texts
from matnet.importers.mat.fields import Fields, at_place, fields_of
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import Opaque, Struct, Value
from matnet.importers.successors.building import StoredLayer
from matnet.importers.successors.layers import LAYERS, layer_kind

_MOST_LAYERS = 10_000
"""A file with more layers is damaged."""


@dataclass(frozen=True, eq=False)
class Graph:
    """Layers in stored order; ``sources`` are the numbers of the layers that feed each, in the order of its ports.

    ``order`` has every layer after those that feed it, ``ends`` are the layers that feed no other.
    """

    place: str
    layers: tuple[StoredLayer, ...]
    numbers: Mapping[str, int]
    sources: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    ends: tuple[int, ...]

    def output(self, text: str, place: str) -> int:
        """The layer, from 0, whose only output a text such as ``fc`` or ``fc/out`` names."""
        return _output(self.numbers, text, place)


def read_graph(holder: Fields, place: str, series: bool) -> Graph:
    """The layers that a network or a layer graph holds; those of a series feed each other in stored order.

    `place` is where the network is, for messages about its layers.

    Raises
    ------
    ModelError
        Names are missing or repeated, a connection leads nowhere, or layers form a loop.
    UnsupportedError
        A layer is not supported.
    """
    layers = _layers(holder, place)
    numbers = {layer.name: layer.number for layer in layers}
    if series:
        sources: tuple[tuple[int, ...], ...] = tuple((number - 1,) if number else () for number in range(len(layers)))
    else:
        sources = _sources(holder, layers, numbers)
    for layer, feeding in zip(layers, sources, strict=True):
        _check_count(layer, len(feeding))
    feeds = {source for feeding in sources for source in feeding}
    ends = tuple(number for number in range(len(layers)) if number not in feeds)
    return Graph(place, layers, numbers, sources, _order(layers, sources, place), ends)


def _layers(holder: Fields, place: str) -> tuple[StoredLayer, ...]:
    value = holder.get("Layers")
    if not isinstance(value, Opaque):
        raise holder.wrong("Layers", "an array of layers")
    if not 1 <= len(value.numbers) <= _MOST_LAYERS:
        raise ModelError(
            f"{counted(len(value.numbers), 'layer')}, expected 1 to {_MOST_LAYERS:,}", place=f"{holder.place}.Layers"
        )
    layers: list[StoredLayer] = []
    names: dict[str, int] = {}
    with at_place(f"{holder.place}.Layers: "):
        elements, stored = value.whole(), value.objects()
    for number, (element, written) in enumerate(zip(elements, stored, strict=True)):
        layer = _layer(holder.place, place, number, element, tuple(written.fields))
        if layer.name in names:
            raise ModelError(
                f"layers {names[layer.name] + 1} and {number + 1} are both named '{layer.name}'",
                place=f"{holder.place}.Layers",
            )
        names[layer.name] = number
        layers.append(layer)
    for layer in layers:
        _check_known(layer)
    return tuple(layers)


def _layer(holder: str, place: str, number: int, element: Struct, written: tuple[str, ...]) -> StoredLayer:
    here = f"{holder}.Layers({number + 1})"
    packed = element.get("any")
    record = element if packed is None else packed
    name = fields_of(record, here).text("Name")
    if not name or not name.isprintable():
        raise ModelError(f"{name!r}, expected one line of text", place=f"{here}.Name")
    fields = fields_of(record, f"{place}: layer '{name}'")
    names = written if packed is None else fields.names
    kind = LAYERS[element.class_name].kind if element.class_name in LAYERS else ""
    return StoredLayer(name, number, element.class_name, fields, packed is not None, names, kind)


def _check_known(layer: StoredLayer) -> None:
    """Check that the class, the version and all fields of a layer are known."""
    known = LAYERS.get(layer.class_name)
    place, fields = layer.fields.place, layer.fields
    if known is None:
        if layer.class_name.startswith("nnet."):
            raise UnsupportedError(f"layer type not supported: {layer_kind(layer.class_name)}", place=place)
        raise UnsupportedError(
            f"custom layer of class {layer.class_name}: its formula is code, which the file does not contain",
            place=place,
        )
    if layer.packed:
        version = fields.count("Version")
        if known.versions and version not in known.versions:
            listed = ", ".join(map(str, known.versions))
            raise UnsupportedError(
                f"unknown version {version} of the {layer_kind(layer.class_name)}; known: {listed}", place=place
            )
    for name in layer.written:
        if name not in known.fields and fields.get(name) is not None:
            raise UnsupportedError(
                f"unknown field of the {layer_kind(layer.class_name)}, which may change what the layer computes",
                place=f"{fields.place}.{name}",
            )


def _check_count(layer: StoredLayer, count: int) -> None:
    least, most = LAYERS[layer.class_name].ports
    expected = max(least, layer.fields.count("NumInputs", least)) if most is None else most
    if count != expected:
        raise ModelError(
            f"{counted(count, 'input')} connected, expected {expected}"
            if count or most is None
            else "no input connected, expected the output of another layer",
            place=layer.fields.place,
        )


def _sources(
    holder: Fields, layers: tuple[StoredLayer, ...], numbers: Mapping[str, int]
) -> tuple[tuple[int, ...], ...]:
    """For each layer those that feed it, in the order of its ports; the table may list them in another order."""
    place = f"{holder.place}.Connections"
    value = holder.get("Connections")
    table = None if value is None else decoded(value)
    if not isinstance(table, Table) or not {"Source", "Destination"} <= set(table.names):
        got = "missing" if value is None else f"a {describe(value)}"
        raise ModelError(f"{got}, expected a table with Source and Destination", place=place)
    sources, destinations = (_names(table, column, place) for column in ("Source", "Destination"))
    if len(sources) != len(destinations):
        raise ModelError(
            f"{counted(len(sources), 'source')} and {counted(len(destinations), 'destination')}", place=place
        )
    feeding_ports: list[dict[int, int]] = [{} for _ in layers]
    for source, destination in zip(sources, destinations, strict=True):
        feeding = _output(numbers, source, place)
        fed, port = _port(numbers, destination, place, "in")
        if port in feeding_ports[fed]:
            raise ModelError(f"two layers feed {destination}", place=place)
        feeding_ports[fed][port] = feeding
    for layer, ports in zip(layers, feeding_ports, strict=True):
        if sorted(ports) != list(range(len(ports))):
            missing = next(port for port in range(len(ports)) if port not in ports)
            raise ModelError(f"nothing feeds {layer.name}/in{missing + 1}", place=place)
    return tuple(tuple(ports[port] for port in range(len(ports))) for ports in feeding_ports)


def _names(table: Table, column: str, place: str) -> tuple[str, ...]:
    value: Value = table.columns[table.names.index(column)]
    with at_place(f"{place}.{column}: "):
        return tuple(name or "" for name in texts(value))


def _output(numbers: Mapping[str, int], text: str, place: str) -> int:
    number, port = _port(numbers, text, place, "out")
    if port:
        raise UnsupportedError(f"{text}: only the first output of a layer is supported", place=place)
    return number


def _port(numbers: Mapping[str, int], text: str, place: str, kind: str) -> tuple[int, int]:
    """The layer and the port, both from 0, that a text such as ``add/in2`` names."""
    if text in numbers:
        return numbers[text], 0
    name, _, port = text.rpartition("/")
    if name in numbers and re.fullmatch(rf"{kind}([1-9][0-9]{{0,2}})?", port, re.ASCII):
        return numbers[name], int(port.removeprefix(kind) or 1) - 1
    raise ModelError(f"{text!r} is neither a layer nor a port of one", place=place)


def _order(layers: tuple[StoredLayer, ...], sources: tuple[tuple[int, ...], ...], place: str) -> tuple[int, ...]:
    """The layers in an order where each comes after those that feed it."""
    feeds: list[list[int]] = [[] for _ in layers]
    missing = [len(feeding) for feeding in sources]
    for number, feeding in enumerate(sources):
        for source in feeding:
            feeds[source].append(number)
    ready = [number for number, count in enumerate(missing) if not count]
    done: list[int] = []
    while ready:
        number = ready.pop()
        done.append(number)
        for fed in feeds[number]:
            missing[fed] -= 1
            if not missing[fed]:
                ready.append(fed)
    if len(done) < len(layers):
        loop = ", ".join(f"'{layers[number].name}'" for number, count in enumerate(missing) if count)
        raise ModelError(f"layers {loop} form a loop", place=place)
    return tuple(done)
