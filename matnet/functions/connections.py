"""The connections of the classes that followed `network`: weight functions with settings, some without weights.

They are rows like those in weight.py, with the same functions and shapes, and are made from their settings: arrays by
name, those of MATLAB's layer. A row without weights has w of shape (0, 0). Layers of images have their elements in
MATLAB's column-major order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.connection_rows import (
    BatchNormalization,
    Gather,
    LayerNormalization,
    Scaling,
    Unweighted,
)
from matnet.functions.images import (
    AveragePooling,
    Convolution,
    MaxPooling,
    Sizes,
    Windows,
)
from matnet.functions.namespace import FloatArray
from matnet.functions.weight import WEIGHT, WeightFunction

Settings: TypeAlias = Mapping[str, FloatArray]

_Text: TypeAlias = tuple[str, str, str]
"""Name, formula and derivative of a row."""

MOST_NUMBERS = 2**25
"""The most numbers of a table, 8 bytes each: the places of all windows of a convolution or pooling, or the places that
see each element."""


def _one_by_one(settings: Settings, name: str, function: str) -> FloatArray:
    """A setting as a vector of finite numbers."""
    value = np.asarray(settings[name], dtype=np.float64).reshape(-1)
    if not value.size or not np.isfinite(value).all():
        raise ModelError(f"the setting {name} of {function} is empty or not finite")
    return value


def _number(settings: Settings, name: str, function: str) -> float:
    value = _one_by_one(settings, name, function)
    if value.size != 1:
        raise ModelError(f"the setting {name} of {function} has {counted(value.size, 'number')}, expected 1")
    return float(value[0])


def _count(settings: Settings, name: str, function: str, least: int = 1) -> int:
    value = _number(settings, name, function)
    if not value.is_integer() or not least <= value < 2**31:
        raise ModelError(f"the setting {name} of {function} is {value:g}, expected a whole number of at least {least}")
    return int(value)


def _unweighted(text: _Text, settings: Settings) -> WeightFunction:
    return Unweighted(*text, analytic=True, linear=True)


def _gather(text: _Text, settings: Settings) -> WeightFunction:
    index, elements = _one_by_one(settings, "index", "gather"), _count(settings, "elements", "gather")
    if not ((index == np.floor(index)) & (index >= 0) & (index <= elements)).all():
        raise ModelError(f"the setting index of gather has numbers other than 0 to {elements}")
    row = Gather(*text, index.astype(np.intp) - 1, elements, analytic=True, linear=True)
    _check_table("gather: the table of its index", row.table_numbers)
    return row


def _scaling(text: _Text, settings: Settings) -> WeightFunction:
    scale, shift = (_one_by_one(settings, name, "scaling") for name in ("Scale", "Bias"))
    return Scaling(*text, scale, shift, analytic=True, linear=True)


def _batch_normalization(text: _Text, settings: Settings) -> WeightFunction:
    mean, variance = (_one_by_one(settings, key, "batchnorm") for key in ("TrainedMean", "TrainedVariance"))
    squares = variance + _number(settings, "Epsilon", "batchnorm")
    if len(variance) != len(mean):
        raise ModelError(f"batchnorm has {counted(len(mean), 'mean')} and {counted(len(variance), 'variance')}")
    if not (squares > 0.0).all():
        raise ModelError(f"batchnorm has a variance + Epsilon of {squares.min():g}, expected one above 0")
    return BatchNormalization(*text, len(mean), mean, np.sqrt(squares), analytic=True, linear=True, parameter="Scale")


def _layer_normalization(text: _Text, settings: Settings) -> WeightFunction:
    channels, epsilon = _count(settings, "channels", "layernorm"), _number(settings, "Epsilon", "layernorm")
    if epsilon <= 0.0:
        raise ModelError(f"the setting Epsilon of layernorm is {epsilon:g}, expected a number above 0")
    return LayerNormalization(
        *text, channels, epsilon, analytic=True, unconfirmed=CONNECTIONS["layernorm"].unconfirmed, parameter="Scale"
    )


def _sizes(settings: Settings, name: str, function: str, count: int, least: int = 1) -> Sizes:
    """A setting of whole numbers."""
    value = _one_by_one(settings, name, function)
    fits = len(value) == count and ((value == np.floor(value)) & (value >= least) & (value < 2**31)).all()
    if not fits:
        raise ModelError(
            f"the setting {name} of {function} is {value.tolist()[:6]}, expected {count} whole numbers of at least "
            f"{least}"
        )
    return tuple(int(number) for number in value.tolist())


def _windows(settings: Settings, function: str) -> Windows:
    """The windows over an image; they fit into it, and their table into memory."""
    image = _sizes(settings, "image", function, 3)
    window, stride = (_sizes(settings, name, function, 2) for name in ("window", "stride"))
    dilation = _sizes(settings, "dilation", function, 2) if "dilation" in settings else (1, 1)
    windows = Windows(image, window, stride, dilation, _sizes(settings, "padding", function, 4, least=0))
    if min(windows.shape) < 1:
        raise ModelError(
            f"{function}: a window of {window[0]}x{window[1]} does not fit into an image of {image[0]}x{image[1]}"
        )
    _check_table(f"{function}: the table of its windows", windows.most_numbers)
    return windows


def _check_table(what: str, count: int) -> None:
    if count > MOST_NUMBERS:
        raise UnsupportedError(
            f"{what} has {count} numbers, which take {count >> 17} MB; at most {MOST_NUMBERS} are supported"
        )


def _convolution(text: _Text, settings: Settings) -> WeightFunction:
    filters, groups = (_count(settings, name, "convolution") for name in ("filters", "groups"))
    windows = _windows(settings, "convolution")
    channels = windows.image[2]
    if channels % groups or filters % groups:
        raise ModelError(
            f"convolution: {counted(channels, 'channel')} and {counted(filters, 'filter')} cannot be divided into "
            f"{counted(groups, 'group')}"
        )
    return Convolution(*text, windows, filters, groups, analytic=True, linear=True)


def _max_pooling(text: _Text, settings: Settings) -> WeightFunction:
    windows = _windows(settings, "maxpool")
    _check_inside(windows, "maxpool")
    return MaxPooling(*text, windows, piecewise_linear=True, unconfirmed=CONNECTIONS["maxpool"].unconfirmed)


def _average_pooling(text: _Text, settings: Settings) -> WeightFunction:
    windows = _windows(settings, "avgpool")
    padding_counts = bool(_count(settings, "padding_counts", "avgpool", least=0))
    if not padding_counts:
        _check_inside(windows, "avgpool")
    return AveragePooling(
        *text, windows, padding_counts, analytic=True, linear=True, unconfirmed=CONNECTIONS["avgpool"].unconfirmed
    )


def _check_inside(windows: Windows, function: str) -> None:
    """Check that each window of a pooling, which has no dilation, sees an element of the image."""
    for k in (0, 1):
        before, last = windows.padding[2 * k], (windows.shape[k] - 1) * windows.stride[k]
        if before >= windows.window[k] or last - before >= windows.image[k]:
            raise ModelError(f"{function}: a window lies in the padding alone")


@dataclass(frozen=True)
class Connection:
    """An entry of the table: the formulas, the names of the settings, and the function that makes the row from them."""

    name: str
    formula: str
    derivative: str
    settings: tuple[str, ...]
    make: Callable[[_Text, Settings], WeightFunction]
    unconfirmed: str = ""


_ROWS = (
    Connection("unweighted", "p_i", "1 where i == j, else 0", (), _unweighted),
    Connection(
        "gather",
        "p at index_i, 0 where index_i = 0",
        "1 where j = index_i, else 0",
        ("index", "elements"),
        _gather,
    ),
    Connection("scaling", "Scale_i p_i + Bias_i", "Scale_i where i == j, else 0", ("Scale", "Bias"), _scaling),
    Connection(
        "batchnorm",
        "w_c (p_i - TrainedMean_c) / sqrt(TrainedVariance_c + Epsilon), c the channel of i",
        "w_c / sqrt(TrainedVariance_c + Epsilon) where i == j, else 0",
        ("TrainedMean", "TrainedVariance", "Epsilon"),
        _batch_normalization,
    ),
    Connection(
        "layernorm",
        "w_c q_i, q = (p - mean(p)) / s, s = sqrt(mean((p - mean(p))²) + Epsilon), c the channel of i",
        "w_c ((i == j) - 1/R - q_i q_j / R) / s",
        ("channels", "Epsilon"),
        _layer_normalization,
        "the formula has not been checked against values from MATLAB",
    ),
    Connection(
        "convolution",
        "sum over the window of w p, for each filter",
        "w at the place of p_j in the window of z_i, 0 outside",
        ("image", "window", "stride", "dilation", "padding", "filters", "groups"),
        _convolution,
    ),
    Connection(
        "maxpool",
        "max of p over the window",
        "1 at the first largest p_j of the window of z_i, else 0",
        ("image", "window", "stride", "padding"),
        _max_pooling,
        "of equal elements the first counts, column by column",
    ),
    Connection(
        "avgpool",
        "sum of p over the window / its number of places",
        "1 / the number of places, 0 outside the window",
        ("image", "window", "stride", "padding", "padding_counts"),
        _average_pooling,
        "the formula has not been checked against values from MATLAB",
    ),
)

CONNECTIONS: Mapping[str, Connection] = {row.name: row for row in _ROWS}
"""The table: the connections by name."""


def connection(name: str, settings: Settings) -> WeightFunction:
    """The row of a weight function of any class with its settings.

    Raises
    ------
    UnsupportedError
        There is no such function.
    ModelError
        A setting is missing, unknown or invalid.
    """
    if name in WEIGHT:
        if settings:
            raise ModelError(f"{name} has the settings {', '.join(settings)}, expected none")
        return WEIGHT[name]
    if name not in CONNECTIONS:
        known = ", ".join(sorted((*WEIGHT, *CONNECTIONS)))
        raise UnsupportedError(f"unknown weight function '{name}'; known: {known}")
    entry = CONNECTIONS[name]
    if set(settings) != set(entry.settings):
        got = ", ".join(settings) or "none"
        raise ModelError(f"{name} has the settings {got}, expected {', '.join(entry.settings) or 'none'}")
    return entry.make((entry.name, entry.formula, entry.derivative), settings)
