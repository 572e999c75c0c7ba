"""The pieces of which networks of layers are built: stored layers, their sources, the network under construction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matnet.errors import Advice, ModelError, Parameter, UnsupportedError, counted
from matnet.files import Budget
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.fields import Fields, at_place, part_of
from matnet.importers.mat.paths import describe
from matnet.importers.mat.values import Numeric, describe_shape
from matnet.model.structure import MAX_ELEMENTS, Input, Layer, Weight

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """A layer as the file has it.

    ``packed`` is whether its class packs its fields into a struct with a version. ``written`` are the fields in the
    file; a field that has its class's default is not stored. ``kind`` is the usual name of its class.
    """

    name: str
    number: int
    class_name: str
    fields: Fields
    packed: bool
    written: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Source:
    """What a layer receives: the output of another, or of an input, with its shape (H, W, C); () for a vector."""

    kind: Literal["input", "layer"]
    number: int
    size: int
    shape: Shape = ()

    @property
    def channels(self) -> int:
        """How many channels it has; a vector has one for each element."""
        return self.shape[-1] if self.shape else self.size

    @property
    def places(self) -> int:
        """How many elements each channel has."""
        return self.size // self.channels


@dataclass(eq=False)
class Arrangement:
    """The network under construction: its layers and their outputs by MATLAB's number, its inputs by their order.

    ``ranks`` are the places of the inputs among all inputs by the numbers of their layers. ``count`` is how many layers
    MATLAB has; ``parts`` are the layers that these are made of where one is not enough, by their numbers. ``ahead`` are
    the numbers of the layers that depend on later steps of a sequence.
    """

    ranks: Mapping[int, int]
    count: int
    budget: Budget
    allow_nonfinite: bool
    flattens: bool
    inputs: dict[int, Input] = field(default_factory=dict)
    layers: dict[int, Layer] = field(default_factory=dict)
    sources: dict[int, Source] = field(default_factory=dict)
    parts: dict[int, Layer] = field(default_factory=dict)
    ahead: set[int] = field(default_factory=set)
    reserved: int = 0
    single: bool = False

    def store(self, number: int, layer: Layer) -> None:
        """Stores the Layer of a MATLAB layer under its number."""
        self.layers[number] = layer
        self.sources[number] = Source("layer", number, layer.size, layer.shape)
        self._follow(number, layer)

    def reserve(self, size: int) -> Source:
        """The output of a part of a MATLAB layer that is added later."""
        self.reserved += 1
        return Source("layer", self.count + self.reserved - 1, size)

    def add(self, part: Layer, at: Source | None = None) -> Source:
        """Adds a part of a MATLAB layer, at its reserved place if it has one, and returns its output."""
        source = at or self.reserve(part.size)
        self.parts[source.number] = part
        self._follow(source.number, part)
        return source

    def _follow(self, number: int, layer: Layer) -> None:
        if layer.backward or not self.ahead.isdisjoint(layer.layer_weights):
            self.ahead.add(number)

    def learnable(self, layer: StoredLayer, name: str) -> tuple[FloatArray, Shape]:
        """The numbers of a learnable parameter, column by column, and the sizes it is stored with."""
        part = part_of(layer.fields, name) if layer.fields.get(name) is not None else None
        value = None if part is None else part.get("Value")
        place = f"{layer.fields.place}.{name}"
        if value is None:
            raise untrained(place)
        if not isinstance(value, Numeric) or value.class_name not in ("single", "double"):
            raise ModelError(f"a {describe(value)}, expected single or double numbers", place=f"{place}.Value")
        self.single |= value.class_name == "single"
        with at_place(f"{place}.Value: "):
            numbers = value.floats().ravel(order="F")
        if not self.allow_nonfinite and not np.isfinite(numbers).all():
            raise nonfinite(place)
        self.budget.take(numbers.nbytes)
        return numbers, value.shape

    def vector(self, layer: StoredLayer, name: str, size: int) -> FloatArray:
        """A learnable parameter with one number for each of `size` elements or channels."""
        numbers, _ = self.learnable(layer, name)
        return of_size(layer, name, numbers, size)


UNWEIGHTED = Weight(np.zeros((0, 0)), "unweighted")


def gathered(positions: NDArray[np.intp], elements: int, before: int = 0, after: int = 0) -> Weight:
    """The connection that takes the elements at `positions` (from 0) of as many, with zeros before and after them."""
    index = np.pad(positions + 1.0, (before, after))
    settings = {"index": index, "elements": np.array([float(elements)])}
    return Weight(np.zeros((0, 0)), "gather", settings=settings)


def sizes(layer: StoredLayer, name: str) -> Shape:
    """A field with sizes, each a whole number above 0."""
    numbers = layer.fields.floats(name).ravel(order="F").tolist()
    if not numbers or len(numbers) > 5 or any(not number.is_integer() or number < 1 for number in numbers):
        raise ModelError(f"{numbers[:6]}, expected whole numbers above 0", place=f"{layer.fields.place}.{name}")
    shape = tuple(map(int, numbers))
    if math.prod(shape) > MAX_ELEMENTS:
        raise UnsupportedError(
            f"{math.prod(shape)} elements, which take {math.prod(shape) >> 17} MB for each sample; at most "
            f"{MAX_ELEMENTS} are supported",
            place=f"{layer.fields.place}.{name}",
        )
    return shape


def arranged(
    layer: StoredLayer,
    kind: str,
    connections: Sequence[tuple[Source, Weight]],
    transfer: str = "purelin",
    size: int | None = None,
    shape: Shape = (),
    **more: Any,
) -> Layer:
    """A Layer with its connections; its size is by default that of the first source."""
    weights: dict[str, dict[int, Weight]] = {"input": {}, "layer": {}}
    for source, weight in connections:
        if source.number in weights[source.kind]:
            raise UnsupportedError(
                "the same output is connected to two inputs of this layer, which is not supported",
                place=layer.fields.place,
            )
        weights[source.kind][source.number] = weight
    first = connections[0][0]
    shape = first.shape if size is None else shape
    with at_place(f"{layer.fields.place}: "):
        return Layer(
            first.size if size is None else size,
            transfer,
            weights["input"],
            weights["layer"],
            name=layer.name,
            shape=shape,
            kind=kind,
            **more,
        )


def of_size(layer: StoredLayer, name: str, numbers: FloatArray, size: int) -> FloatArray:
    """The numbers, after a check of how many there are."""
    if len(numbers) != size:
        raise ModelError(f"{counted(len(numbers), 'number')}, expected {size}", place=f"{layer.fields.place}.{name}")
    return numbers


def untrained(place: str) -> ModelError:
    """The error of a parameter that training would have set."""
    return ModelError(
        "empty: the layer was never trained; save the trained network that trainnet or trainNetwork returns, not its "
        "layers",
        place=place,
    )


def nonfinite(place: str) -> ModelError:
    """The error of weights that are NaN or Inf."""
    return ModelError(
        "values that are NaN or Inf",
        Advice("; ", Parameter("allow_nonfinite", True), " loads them as they are"),
        place=place,
    )


def other_shape(shape: Shape, expected: Shape, place: str) -> ModelError:
    """The error of a matrix of another size than expected."""
    return ModelError(f"{describe_shape(shape)}, expected {describe_shape(expected)}", place=place)


def refused_flag(name: str, place: str) -> UnsupportedError:
    """The error of a setting that may not be true."""
    return UnsupportedError("true is not supported, expected false", place=f"{place}.{name}")
