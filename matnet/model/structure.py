"""Input, Weight, Layer, Output and the Structure they form.

Indices count from 0 here; places in messages are MATLAB's, counted from 1. Arrays are float64 and read-only.
A weight's columns are delay-major: all elements of its source for delays[0], then all for delays[1], and so on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from matnet.errors import MatnetError, ModelError, UnsupportedError, counted
from matnet.functions.namespace import Array, FloatArray, of_another_library
from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import PROCESSING, Map, Settings
from matnet.functions.transfer import TRANSFER
from matnet.functions.transfer_rows import TransferFunction
from matnet.functions.weight import REFUSED_WEIGHT, WEIGHT, WeightFunction

MAX_ELEMENTS = 2**24
"""The most elements of all inputs, layers and outputs together: a size alone can claim memory."""

MAX_DELAY = 10**6
"""The longest delay, in time steps: that many states are kept."""


def _frozen(value: Array) -> Array:
    """A read-only float64 copy of a NumPy array or sequence; arrays of other libraries are unchanged."""
    if of_another_library(value):
        return value
    # one memory order, so that the same numbers from two files give bit-identical results
    array = np.array(value, dtype=np.float64, order="C")
    array.setflags(write=False)
    return array


def _known(name: str, table: Iterable[str], what: str) -> None:
    if name not in table:
        raise UnsupportedError(f"unknown {what} function '{name}'; known: {', '.join(sorted(table))}")


@dataclass(frozen=True, eq=False)
class Process:
    """One processing function with its settings in canonical form (see functions/processing.py)."""

    function: str
    settings: Settings

    def __post_init__(self) -> None:
        _known(self.function, PROCESSING, "processing")
        frozen = {key: _frozen(value) for key, value in self.settings.items()}
        object.__setattr__(self, "settings", frozen)

    @classmethod
    def from_matlab(cls, function: str, raw: Mapping[str, object]) -> Process:
        """From settings as MATLAB stores them, of any toolbox version.

        Raises
        ------
        UnsupportedError
            The function is unknown.
        ModelError
            A setting is missing or contradicts another.
        """
        _known(function, PROCESSING, "processing")
        return cls(function, PROCESSING[function].settings(raw))

    @property
    def raw_size(self) -> int:
        """The number of raw rows."""
        return PROCESSING[self.function].raw_size(self.settings)

    @property
    def processed_size(self) -> int:
        """The number of processed rows."""
        return PROCESSING[self.function].processed_size(self.settings)

    @property
    def apply(self) -> Map:
        """The map from raw to processed rows."""
        return PROCESSING[self.function].apply(self.settings)

    @property
    def reverse(self) -> Map:
        """The map from processed to raw rows."""
        return PROCESSING[self.function].reverse(self.settings)


def _processed_size(size: int, processing: Sequence[Process]) -> int:
    for step, process in enumerate(processing, start=1):
        if process.raw_size != size:
            raise ModelError(
                f"{process.function} is for {counted(process.raw_size, 'row')}, but receives {size}",
                place=f"processSettings{{{step}}}",
            )
        size = process.processed_size
    return size


def _checked_labels(entry: Input | Output, field_name: str, empty_allowed: bool) -> None:
    """Checks names or units of an entry's elements: none at all, or one line of text for each."""
    what, labels = field_name.replace("_", " "), tuple(getattr(entry, field_name))
    object.__setattr__(entry, field_name, labels)
    if labels and len(labels) != entry.size:
        raise ModelError(f"{len(labels)} {what} for {counted(entry.size, 'element')}, expected one for each")
    for label in labels:
        fits = isinstance(label, str) and label == label.strip() and label.isprintable() and (label or empty_allowed)
        if not fits:
            raise ModelError(
                f"{label!r} is not one line of printable text without leading or trailing spaces", place=what
            )


def _without_row(entry: Weight | Layer) -> dict[str, Any]:
    """The attributes to copy: a row holds functions, which cannot be sent to another process; it is looked up again."""
    return {name: value for name, value in vars(entry).items() if name != "row"}


def _frozen_range(value: Array | None, size: int) -> Array | None:
    if value is None:
        return None
    limits = np.asarray(value, dtype=np.float64)
    if limits.shape != (size, 2):
        raise ModelError(f"range is {' by '.join(map(str, limits.shape))}, expected {size} by 2")
    return _frozen(limits)


@dataclass(frozen=True, eq=False)
class Input:
    """An input of `size` raw elements; ``range`` (size, 2) is the training range, or None.

    ``feedback_output`` is the number (from 0, in the order of the outputs) of the output that an open loop feeds back
    through this input, or None. ``element_names`` and ``units`` are the user's names and units, one for each element,
    or empty. ``shape`` is that of an image, (H, W, C), whose elements are in column-major order, or empty.
    """

    size: int
    processing: tuple[Process, ...] = ()
    range: FloatArray | None = None
    name: str = "Input"
    feedback_output: int | None = None
    element_names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ModelError("size is 0: the network was never configured (train or configure it before saving)")
        if self.shape and math.prod(self.shape) != self.size:
            raise ModelError(f"the shape is {'x'.join(map(str, self.shape))}, but the size is {self.size}")
        object.__setattr__(self, "range", _frozen_range(self.range, self.size))
        _checked_labels(self, "element_names", empty_allowed=False)
        _checked_labels(self, "units", empty_allowed=True)
        self.processed_size  # noqa: B018 - checks that the steps fit each other

    @cached_property
    def processed_size(self) -> int:
        """The number of elements after the processing, to which the weights apply."""
        return _processed_size(self.size, self.processing)


@dataclass(frozen=True, eq=False)
class Weight:
    """A weight function with its matrix, (S, R·taps), and the delays of its taps, in time steps.

    ``settings`` are those of a function that has some (see functions/connections.py). A function without weights has a
    value of shape (0, 0). ``last`` is whether it takes what its source, a layer, gives last in a whole series: at the
    last step, or at the first one if the source runs backward. There is no such value before the last step.
    """

    value: Array
    function: str = "dotprod"
    delays: tuple[int, ...] = (0,)
    settings: Mapping[str, FloatArray] = field(default_factory=dict)
    last: bool = False

    def __post_init__(self) -> None:
        if self.function in REFUSED_WEIGHT:
            raise UnsupportedError(
                f"weight function '{self.function}' is not supported: {REFUSED_WEIGHT[self.function]}"
            )
        object.__setattr__(self, "value", _frozen(self.value))
        object.__setattr__(self, "settings", {name: _frozen(np.ravel(value)) for name, value in self.settings.items()})
        self.row  # noqa: B018 - checks the function and its settings
        if not self.delays:
            raise ModelError("delays is empty: the weight has no taps")
        if any(later <= earlier for earlier, later in zip((-1, *self.delays), self.delays, strict=False)):
            raise ModelError(f"delays must be non-negative integers in increasing order, got {list(self.delays)}")
        if self.delays[-1] > MAX_DELAY:
            raise UnsupportedError(f"a delay of {self.delays[-1]} steps is not supported; the maximum is {MAX_DELAY}")
        if self.last and self.delays != (0,):
            raise ModelError(
                f"it takes the last step of a series, and has the delays {list(self.delays)}, expected [0]"
            )

    def __getstate__(self) -> dict[str, Any]:
        return _without_row(self)

    @cached_property
    def row(self) -> WeightFunction:
        """The function with its settings."""
        if self.function in WEIGHT and not self.settings:
            return WEIGHT[self.function]
        # only networks of the later classes have these rows, and defining their classes takes time at every start
        from matnet.functions.connections import connection

        return connection(self.function, self.settings)


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of `size` neurons: a = transfer(net_input(bias, weights)).

    ``input_weights`` and ``layer_weights`` map the number of the source (from 0) to its weight. ``settings`` are those
    of a transfer function that has some. ``shape`` are the sizes of an image, (H, W, C) and so on, whose elements are
    in column-major order, the channels last; empty for a vector. A layer with a shape may have a bias (C,), one number
    for each channel. ``kind`` is what MATLAB calls the layer, empty for a layer of the class `network`. ``part_of`` is
    the number (from 0) of the layer of MATLAB's that this one is a part of, such as the gates of an LSTM layer; None
    for a layer that MATLAB has. A layer that runs ``backward`` in time begins at the last step of a series: its delays
    lead to later steps. ``initial`` (size,) is what the layer gave before the first step where no states are given;
    None for zeros.
    """

    size: int
    transfer: str
    input_weights: Mapping[int, Weight] = field(default_factory=dict)
    layer_weights: Mapping[int, Weight] = field(default_factory=dict)
    bias: Array | None = None
    net_input: str = "netsum"
    name: str = "Layer"
    settings: Mapping[str, float] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    kind: str = ""
    part_of: int | None = None
    backward: bool = False
    initial: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ModelError("size is 0: the network was never configured (train or configure it before saving)")
        try:
            _known(self.transfer, TRANSFER, "transfer")
            self.row  # noqa: B018 - checks the settings
        except MatnetError as error:
            raise error.at("transferFcn") from None
        if self.shape and math.prod(self.shape) != self.size:
            raise ModelError(f"the shape is {'x'.join(map(str, self.shape))}, but the size is {self.size}")
        try:
            _known(self.net_input, NET_INPUT, "net input")
        except UnsupportedError as error:
            raise error.at("netInputFcn") from None
        for kind in ("input_weights", "layer_weights"):
            object.__setattr__(self, kind, dict(sorted(getattr(self, kind).items())))
        if self.bias is not None:
            object.__setattr__(self, "bias", _frozen(self.bias))
            # of an image one for each channel, where there is something to add it to
            expected = self.shape[-1] if self.shape and self.weights else self.size
            if tuple(self.bias.shape) not in ((self.size,), (expected,)):
                raise ModelError(f"the bias has shape {tuple(self.bias.shape)}, expected ({expected},)")
        if self.bias is None and not self.weights:
            raise ModelError("the layer has neither weights nor a bias")
        if self.initial is not None:
            object.__setattr__(self, "initial", _frozen(self.initial))
            if tuple(self.initial.shape) != (self.size,):
                raise ModelError(f"the initial state has shape {tuple(self.initial.shape)}, expected ({self.size},)")
            if not np.isfinite(self.initial).all():
                raise ModelError("the initial state has values that are NaN or Inf")

    @cached_property
    def weights(self) -> tuple[Weight, ...]:
        """All weights, input weights first."""
        return (*self.input_weights.values(), *self.layer_weights.values())

    def __getstate__(self) -> dict[str, Any]:
        return _without_row(self)

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        own = 0 if self.bias is None else int(self.bias.shape[0])
        return own + sum(int(math.prod(weight.value.shape)) for weight in self.weights)

    @cached_property
    def weights_come_first(self) -> bool:
        """Whether MATLAB lists the layer's weights before its bias, as all but the scales of a normalization."""
        return not any(weight.row.parameter == "Scale" for weight in self.weights)

    @cached_property
    def row(self) -> TransferFunction:
        """The transfer function with its settings."""
        return TRANSFER[self.transfer].with_settings(self.settings)


@dataclass(frozen=True, eq=False)
class Output:
    """An output of `size` raw elements, computed from layer `layer` (from 0) by its reversed processing.

    ``feedback_mode`` is 'none', 'open' or 'closed'; in an open loop ``feedback_input`` is the number of the input that
    carries the feedback and ``feedback_delay`` the delay with which the loop would be closed. ``element_names`` and
    ``units`` are as in ``Input``.
    """

    layer: int
    size: int
    processing: tuple[Process, ...] = ()
    range: FloatArray | None = None
    name: str = "Output"
    feedback_mode: str = "none"
    feedback_input: int | None = None
    feedback_delay: int = 0
    element_names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ModelError("size is 0: the network was never configured (train or configure it before saving)")
        object.__setattr__(self, "range", _frozen_range(self.range, self.size))
        _checked_labels(self, "element_names", empty_allowed=False)
        _checked_labels(self, "units", empty_allowed=True)
        if self.feedback_mode not in ("none", "open", "closed"):
            raise ModelError(f"feedbackMode is '{self.feedback_mode}', expected none, open or closed")
        self.processed_size  # noqa: B018 - checks that the steps fit each other

    @cached_property
    def processed_size(self) -> int:
        """The number of elements before the reverse processing: the size of the layer."""
        return _processed_size(self.size, self.processing)


def element_names(entries: Sequence[Input] | Sequence[Output], letter: str) -> tuple[str, ...]:
    """The names of all elements: the entries' own, else the letter and the element's number from 1."""
    names: list[str] = []
    for entry in entries:
        start = len(names) + 1
        names += entry.element_names or [f"{letter}{number}" for number in range(start, start + entry.size)]
    return tuple(names)


def _check_names(entries: Sequence[Input] | Sequence[Output], letter: str) -> None:
    """Checks that names are unique, and that x2 can only be the second element."""
    if not any(entry.element_names for entry in entries):
        return
    seen: dict[str, int] = {}
    for number, name in enumerate(element_names(entries, letter), start=1):
        if name in seen:
            raise ModelError(f"elements {seen[name]} and {number} are both named '{name}'; rename one")
        seen[name] = number
        if re.fullmatch(rf"{letter}[0-9]+", name) and name != f"{letter}{number}":
            raise ModelError(f"element {number} is named '{name}', which means element {name[1:]}; rename it")


@dataclass(frozen=True)
class Performance:
    """The network's own performance function: its name, regularization in [0, 1] and normalization.

    ``unsupported`` is the part of performParam that changes the value in an unsupported way; empty if there is none.
    ``form`` is "targets" or "both" if a training record shows which form of crossentropy the network was trained with;
    else empty.
    """

    function: str
    regularization: float = 0.0
    unsupported: str = ""
    form: str = ""


class LayerSources(NamedTuple):
    """What a layer receives: its weights by the numbers of their sources, and whether it has a bias."""

    input_weights: Mapping[int, Weight]
    layer_weights: Mapping[int, Weight]
    bias: bool


@dataclass(frozen=True, eq=False)
class Structure:
    """A whole network; its consistency is checked on creation.

    ``parameter_order`` is "getwb" for MATLAB's weight vector of the class `network`, "layers" for that of the classes
    that followed it: layer by layer Weights (of a recurrent layer InputWeights, then RecurrentWeights), then Bias, or
    Offset, then Scale. The layers that are parts of others come after all those that MATLAB has, which so keep their
    numbers. A matrix of MATLAB's whose rows belong to several parts is in pieces, in the order of the rows.

    Raises
    ------
    ModelError
        The network contradicts itself: shapes, sources, a loop without delay, processing that does not fit.
    UnsupportedError
        It uses an unknown function.
    """

    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[Output, ...]
    performance: Performance | None = None
    parameter_order: Literal["getwb", "layers"] = "getwb"

    def __post_init__(self) -> None:
        if self.parameter_order not in ("getwb", "layers"):
            raise ModelError(f"parameter_order is '{self.parameter_order}', expected getwb or layers")
        if not self.layers:
            raise ModelError("the network has no layers")
        if not self.outputs:
            raise ModelError("no layer is connected to an output")
        elements = self.input_size + self.output_size + self.layer_elements
        if elements > MAX_ELEMENTS:
            raise UnsupportedError(
                f"inputs, layers and outputs have {elements} elements; at most {MAX_ELEMENTS} are supported"
            )
        self._check_parts()
        for number, layer in enumerate(self.layers):
            self._check_weights(number, layer)
        self._check_outputs()
        for entries, letter in ((self.inputs, "x"), (self.outputs, "y")):
            _check_names(entries, letter)
        self.order  # noqa: B018 - checks that there is one
        self.levels  # noqa: B018 - checks that time has one direction in every loop
        self._check_ends()

    def _check_ends(self) -> None:
        """Nothing that follows the last step of a series has a step before or after it."""
        followers: list[list[int]] = [[] for _ in self.layers]
        ended: set[int] = set()
        for number, layer in enumerate(self.layers):
            if any(weight.last for weight in layer.input_weights.values()):
                raise ModelError(
                    "takes the last step of an input; only the last step of a layer is supported",
                    place=f"layers{{{number + 1}}}",
                )
            for source, weight in layer.layer_weights.items():
                followers[source].append(number)
                if weight.last:
                    ended.add(number)
        waiting = list(ended)
        while waiting:
            for number in followers[waiting.pop()]:
                if number not in ended:
                    ended.add(number)
                    waiting.append(number)
        for number, layer in enumerate(self.layers):
            for source, weight in layer.layer_weights.items():
                if source in ended and (weight.last or weight.delays != (0,)):
                    raise ModelError(
                        f"takes other steps of layer {source + 1}, which follows the last step of a series",
                        place=f"layers{{{number + 1}}}",
                    )

    def _check_parts(self) -> None:
        listed = len(self.listed)
        for number, layer in enumerate(self.layers):
            if layer.part_of is None and number >= listed:
                raise ModelError("a layer of its own comes after parts of layers", place=f"layers{{{number + 1}}}")
            if layer.part_of is not None and not 0 <= layer.part_of < listed:
                raise ModelError(
                    f"is a part of layer {layer.part_of + 1}, expected 1 to {listed}", place=f"layers{{{number + 1}}}"
                )
        for number, output in enumerate(self.outputs):
            if listed <= output.layer < len(self.layers):
                raise ModelError(f"output {number + 1} is taken from layer {output.layer + 1}, a part of another")

    def _check_weights(self, number: int, layer: Layer) -> None:
        for place, source_size, weight in self._weights_of(number, layer):
            elements = source_size * len(weight.delays)
            expected = weight.row.weight_shape(layer.size, elements)
            got = tuple(weight.value.shape)
            if expected is None:
                raise ModelError(
                    f"{weight.function} cannot join {counted(elements, 'element')} to {counted(layer.size, 'neuron')}",
                    place=place,
                )
            if got != expected:
                raise ModelError(
                    f"{' by '.join(map(str, got))}, expected {expected[0]} by {expected[1]} "
                    f"({counted(layer.size, 'neuron')}, {counted(source_size, 'element')}, "
                    f"{counted(len(weight.delays), 'delay')})",
                    place=place,
                )

    def _weights_of(self, number: int, layer: Layer) -> Iterator[tuple[str, int, Weight]]:
        for source, weight in layer.input_weights.items():
            if not 0 <= source < len(self.inputs):
                raise ModelError(
                    f"takes input {source + 1}, expected 1 to {len(self.inputs)}", place=f"layers{{{number + 1}}}"
                )
            yield f"IW{{{number + 1},{source + 1}}}", self.inputs[source].processed_size, weight
        for source, weight in layer.layer_weights.items():
            if not 0 <= source < len(self.layers):
                raise ModelError(
                    f"takes layer {source + 1}, expected 1 to {len(self.layers)}", place=f"layers{{{number + 1}}}"
                )
            yield f"LW{{{number + 1},{source + 1}}}", self.layers[source].size, weight

    def _check_outputs(self) -> None:
        for number, output in enumerate(self.outputs):
            if not 0 <= output.layer < len(self.layers):
                raise ModelError(f"output {number + 1} is taken from layer {output.layer + 1}, which does not exist")
            size = self.layers[output.layer].size
            if output.processed_size != size:
                raise ModelError(
                    f"its processing gives {counted(output.processed_size, 'row')} for "
                    f"{output.size}, but its layer has {counted(size, 'neuron')}",
                    place=f"outputs{{{output.layer + 1}}}",
                )
        taken = [output.layer for output in self.outputs]
        if len(taken) != len(set(taken)) or (taken != sorted(taken) and self.parameter_order == "getwb"):
            raise ModelError("the outputs are not in the order of their layers, one per layer")

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The layers in an order where every source without delay comes before the layers that it feeds."""
        feeds: list[list[int]] = [[] for _ in self.layers]
        missing = [0] * len(self.layers)
        for number, layer in enumerate(self.layers):
            for source, weight in layer.layer_weights.items():
                if 0 in weight.delays:
                    feeds[source].append(number)
                    missing[number] += 1
        done: list[int] = []
        ready = [number for number, count in enumerate(missing) if not count]
        while ready:
            done += ready
            for number in [fed for source in ready for fed in feeds[source]]:
                missing[number] -= 1
            ready = sorted({fed for source in ready for fed in feeds[source] if not missing[fed]})
        if len(done) < len(self.layers):
            loop = ", ".join(str(number + 1) for number, count in enumerate(missing) if count)
            raise ModelError(f"layers {loop} form a loop without delay")
        return tuple(done)

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Which pass over a series computes each layer: one needs those of lower levels, and runs in one direction.

        All layers of a network that goes forward in time alone have level 0.

        Raises
        ------
        ModelError
            Layers that run in different directions form a loop, or are joined by a delay.
        """
        edges: list[tuple[int, int, int]] = []
        for number, layer in enumerate(self.layers):
            place = f"layers{{{number + 1}}}"
            if layer.backward and any(weight.delays != (0,) for weight in layer.input_weights.values()):
                raise ModelError("the layer runs backward in time and has a delay of an input", place=place)
            for source, weight in layer.layer_weights.items():
                turns = layer.backward != self.layers[source].backward
                if turns and weight.delays != (0,):
                    raise ModelError(
                        f"takes earlier steps of layer {source + 1}, which runs in the other direction", place=place
                    )
                if turns or weight.last:
                    edges.append((source, number, 1))
                elif source != number:
                    edges.append((source, number, 0))
        levels = [0] * len(self.layers)
        if any(more for _, _, more in edges):
            # a path without a loop has fewer edges than there are layers
            for _ in self.layers:
                before = list(levels)
                for source, number, more in edges:
                    levels[number] = max(levels[number], levels[source] + more)
                if levels == before:
                    break
            else:
                raise ModelError("layers that run forward and backward in time form a loop")
        return tuple(levels)

    @property
    def input_image(self) -> tuple[int, ...]:
        """(H, W, C) of the only input; empty if that is not an image or there are several."""
        return self.inputs[0].shape if len(self.inputs) == 1 else ()

    @property
    def output_image(self) -> tuple[int, ...]:
        """The sizes of the only output; empty if that is a vector or there are several."""
        return self.layers[self.outputs[0].layer].shape if len(self.outputs) == 1 else ()

    @cached_property
    def looks_ahead(self) -> bool:
        """Whether an output depends on later steps, or a layer on the end of a series: a single step says nothing."""
        return self.ends or any(layer.backward for layer in self.layers)

    @cached_property
    def ends(self) -> bool:
        """Whether something takes what a layer gives last in a series, so that there are no outputs before the end."""
        return any(weight.last for layer in self.layers for weight in layer.layer_weights.values())

    def parameter_word(self, kind: str, number: int, source: int) -> str:
        """What MATLAB calls the weight of layer `number` from a source, which are counted from 0.

        Weights or Scale; in a part of a layer InputWeights, or RecurrentWeights if it comes from within the layer.
        """
        layer = self.layers[number]
        weight = (layer.input_weights if kind == "IW" else layer.layer_weights)[source]
        if layer.part_of is None or weight.row.parameter != "Weights":
            return weight.row.parameter
        return "RecurrentWeights" if self.returns(kind, number, source) else "InputWeights"

    def returns(self, kind: str, number: int, source: int) -> bool:
        """Whether the weight of layer `number` comes from within the layer of MATLAB's that it is a part of."""
        return kind == "LW" and self.layers[number].part_of is not None and self.whole(source) == self.whole(number)

    def initial_states(self) -> FloatArray:
        """The layer states (LD, N) before the first step: 0 for layers without any of their own."""
        parts = [np.zeros(layer.size) if layer.initial is None else layer.initial for layer in self.layers]
        return np.tile(np.concatenate(parts), (self.layer_delay, 1))

    @cached_property
    def starts_elsewhere(self) -> str:
        """The name of a layer of MATLAB's whose initial states are not 0; empty if there is none."""
        for number, layer in enumerate(self.layers):
            if layer.initial is not None and layer.initial.any():
                return self.layers[self.whole(number)].name
        return ""

    @cached_property
    def listed(self) -> tuple[Layer, ...]:
        """MATLAB's own layers, without those that are parts of others."""
        return tuple(layer for layer in self.layers if layer.part_of is None)

    def whole(self, number: int) -> int:
        """The number (from 0) of the MATLAB layer that a layer is, or is a part of."""
        owner = self.layers[number].part_of
        return number if owner is None else owner

    def parts(self, number: int) -> tuple[Layer, ...]:
        """The layers that are parts of a MATLAB layer."""
        return tuple(layer for layer in self.layers[len(self.listed) :] if layer.part_of == number)

    def received(self, number: int) -> LayerSources:
        """What a MATLAB layer receives: its weights and those of its parts, without those between them."""
        parts = self.parts(number)
        every = (self.layers[number], *parts)
        from_inputs = {source: weight for part in every for source, weight in part.input_weights.items()}
        from_layers = {
            source: weight
            for part in every
            for source, weight in part.layer_weights.items()
            if not parts or self.whole(source) != number
        }
        return LayerSources(from_inputs, from_layers, any(part.bias is not None for part in every))

    @property
    def input_size(self) -> int:
        """R: the number of raw elements of all inputs."""
        return sum(entry.size for entry in self.inputs)

    @property
    def output_size(self) -> int:
        """S: the number of raw elements of all outputs."""
        return sum(entry.size for entry in self.outputs)

    @property
    def layer_elements(self) -> int:
        """N: the number of neurons of all layers."""
        return sum(layer.size for layer in self.layers)

    @property
    def input_delay(self) -> int:
        """ID: the longest delay of an input weight."""
        return max((weight.delays[-1] for layer in self.layers for weight in layer.input_weights.values()), default=0)

    @property
    def layer_delay(self) -> int:
        """LD: the longest delay of a layer weight."""
        return max((weight.delays[-1] for layer in self.layers for weight in layer.layer_weights.values()), default=0)

    @property
    def dynamic(self) -> bool:
        """Whether any weight has a delay or takes the last step, or the network has no input at all."""
        return self.input_delay > 0 or self.layer_delay > 0 or not self.inputs or self.looks_ahead
