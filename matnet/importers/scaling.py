"""Scaling that users kept beside the network: settings of mapminmax and mapstd, and the older premnmx and prestd.

These compose outside the network's own processing (`Network.with_scaling`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from matnet.errors import FormatError, MatnetError
from matnet.functions.namespace import FloatArray
from matnet.importers.mat.paths import describe, find
from matnet.importers.mat.values import MatFile, Numeric, Sparse, Struct, Value, describe_shape
from matnet.model.structure import Process

_SETTINGS = {
    "mapminmax": frozenset({"xmin", "xmax", "ymin", "ymax"}),
    "mapstd": frozenset({"xmean", "xstd", "ymean", "ystd"}),
}


class _Pair(NamedTuple):
    """Two variables that an older function returned together."""

    function: str
    side: str
    settings: tuple[str, str]
    fixed: Mapping[str, float]


_PAIRS: Mapping[str, _Pair] = {
    "minp,maxp": _Pair("mapminmax", "inputs", ("xmin", "xmax"), {"ymin": -1.0, "ymax": 1.0}),
    "mint,maxt": _Pair("mapminmax", "targets", ("xmin", "xmax"), {"ymin": -1.0, "ymax": 1.0}),
    "meanp,stdp": _Pair("mapstd", "inputs", ("xmean", "xstd"), {"ymean": 0.0, "ystd": 1.0}),
    "meant,stdt": _Pair("mapstd", "targets", ("xmean", "xstd"), {"ymean": 0.0, "ystd": 1.0}),
}


def candidates(file: MatFile, values: Mapping[str, Value]) -> dict[str, str]:
    """The variables, and fields of structs, that look like scaling, with what they look like.

    `values` are the values of the file by their paths that may hold others. The names can be given to
    ``read_scaling``.
    """
    found = {}
    for place, value in values.items():
        function = _function(value)
        if function and isinstance(value, Struct):
            found[place] = f"settings of {function} for {_rows(value, function)} rows"
    for names, pair in _PAIRS.items():
        variables = [file.variables.get(name) for name in names.split(",")]
        shapes = {entry.shape for entry in variables if entry is not None and not entry.holds_values}
        if None not in variables and len(shapes) == 1:
            maker = "premnmx" if pair.function == "mapminmax" else "prestd"
            found[names] = f"what {maker} returned for the {pair.side}, {math.prod(shapes.pop())} rows"
    return found


def _function(value: Value) -> str:
    if not isinstance(value, Struct) or math.prod(value.shape) != 1:
        return ""
    return next((name for name, fields in _SETTINGS.items() if fields <= value.fields.keys()), "")


def _rows(settings: Struct, function: str) -> int:
    first = settings.get("xmin" if function == "mapminmax" else "xmean")
    return math.prod(first.shape) if first is not None else 0


def read_scaling(file: MatFile, name: str) -> Process:
    """The scaling that a variable, a field or a pair of variables (``minp,maxp``) holds.

    Raises
    ------
    FormatError
        There is no such variable, or it holds no scaling.
    ModelError
        The settings contradict themselves.
    """
    name = name.replace(" ", "")
    if name in _PAIRS:
        pair = _PAIRS[name]
        settings: dict[str, object] = {
            setting: _column(find(file, variable), variable)
            for setting, variable in zip(pair.settings, name.split(","), strict=True)
        }
        return _process(pair.function, settings | dict(pair.fixed), name)
    value = find(file, name)
    function = _function(value)
    if not function or not isinstance(value, Struct):
        known = ", ".join(_PAIRS)
        raise FormatError(
            f"{name} is a {describe(value)}, expected the settings struct that mapminmax or mapstd returned, "
            f"or one of {known}"
        )
    numbers = {key: entry[0].floats() for key, entry in value.fields.items() if isinstance(entry[0], Numeric | Sparse)}
    return _process(function, numbers, name)


def _column(value: Value, name: str) -> FloatArray:
    if not isinstance(value, Numeric | Sparse):
        raise FormatError(f"{name} is a {describe(value)}, expected numbers")
    if len(value.shape) != 2 or 1 not in value.shape:
        raise FormatError(f"{name} is {describe_shape(value.shape)}, expected one number a row")
    return np.asarray(value.floats()).reshape(-1)


def _process(function: str, settings: Mapping[str, object], place: str) -> Process:
    try:
        return Process.from_matlab(function, settings)
    except MatnetError as error:
        raise error.at(f"{place}: ") from error.__cause__
