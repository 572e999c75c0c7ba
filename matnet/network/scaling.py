"""Scaling that a user applied outside the network, added to its processing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Output, Process, Structure

_Entry = TypeVar("_Entry", Input, Output)

Scaling: TypeAlias = Mapping[str, object] | Process | NDArray[Any]
"""The settings of mapminmax or mapstd, as a mapping or as SciPy reads them, or {minp, maxp}, {meanp, stdp} (…t)."""


class Pair(NamedTuple):
    """Two variables that an older function returned together: its present name, its former name, and its purpose."""

    function: str
    maker: str
    side: str


SETTINGS: Mapping[str, tuple[str, str]] = {"mapminmax": ("xmin", "xmax"), "mapstd": ("xmean", "xstd")}
"""The settings of each scaling function, by which a struct of settings is recognized."""

PAIRS: Mapping[tuple[str, str], Pair] = {
    ("minp", "maxp"): Pair("mapminmax", "premnmx", "inputs"),
    ("mint", "maxt"): Pair("mapminmax", "premnmx", "targets"),
    ("meanp", "stdp"): Pair("mapstd", "prestd", "inputs"),
    ("meant", "stdt"): Pair("mapstd", "prestd", "targets"),
}

_PROCESSED: Mapping[str, tuple[str, str]] = {"mapminmax": ("ymin", "ymax"), "mapstd": ("ymean", "ystd")}
_DEFAULTS: Mapping[str, tuple[float, float]] = {"mapminmax": (-1.0, 1.0), "mapstd": (0.0, 1.0)}


def settings_function(names: Collection[str]) -> str:
    """The function whose settings have these names; "" if there is none."""
    for function, raw in SETTINGS.items():
        if {*raw, *_PROCESSED[function]} <= set(names):
            return function
    return ""


def from_pair(
    function: str, first: FloatArray, second: FloatArray, processed: tuple[float, float] | None = None
) -> Process:
    """Scaling from smallest and largest value (mapminmax) or mean and standard deviation (mapstd) of each row.

    `processed` are the values that they are mapped to; by default -1 and 1, or 0 and 1.

    Raises
    ------
    ModelError
        The arrays differ in length, or a deviation or width is not finite.
    """
    values: dict[str, object] = dict(zip(SETTINGS[function], (first, second), strict=True))
    values |= dict(zip(_PROCESSED[function], processed or _DEFAULTS[function], strict=True))
    return Process.from_matlab(function, values)


def process(scaling: Scaling) -> Process:
    """The processing function that settings belong to, determined by their names.

    Raises
    ------
    UnsupportedError
        They do not belong to mapminmax, mapstd, premnmx (minp, maxp) or prestd (meanp, stdp).
    ModelError
        A setting is missing or contradicts another.
    """
    if isinstance(scaling, Process):
        return scaling
    values = _struct_of_scipy(scaling) if isinstance(scaling, np.ndarray) else scaling
    if not isinstance(values, Mapping):
        raise UnsupportedError(
            f"a scaling of type {type(values).__name__}; expected the settings of mapminmax or mapstd as a mapping, or "
            "as scipy.io.loadmat returns them"
        )
    for names, pair in PAIRS.items():
        if all(name in values for name in names):
            first, second = (np.asarray(values[name], dtype=np.float64).reshape(-1) for name in names)
            return from_pair(pair.function, first, second)
    for function, names in SETTINGS.items():
        if all(name in values for name in names):
            return Process.from_matlab(function, values)
    raise UnsupportedError(
        f"not the settings of a scaling: {', '.join(sorted(map(str, values))) or 'nothing'}; expected those of "
        "mapminmax (xmin, xmax, …), mapstd (xmean, xstd, …), premnmx (minp, maxp) or prestd (meanp, stdp)"
    )


def _struct_of_scipy(array: NDArray[Any]) -> Mapping[str, object]:
    """The numbers of a struct as ``scipy.io.loadmat`` returns it: a structured array of one element."""
    if array.dtype.names is None or array.size != 1:
        raise UnsupportedError(
            f"an array of shape {array.shape} and type {array.dtype} is not a scaling; expected the settings struct "
            "that mapminmax or mapstd returned, as scipy.io.loadmat returns it"
        )
    record = array.reshape(-1)[0]
    values = {name: np.asarray(record[name]) for name in array.dtype.names}
    return {name: value for name, value in values.items() if value.dtype.kind in "biuf"}


def with_scaling(
    structure: Structure,
    inputs: Scaling | Sequence[Scaling | None] | None,
    outputs: Scaling | Sequence[Scaling | None] | None,
) -> Structure:
    """The structure with each scaling outside its input's or output's own processing."""
    return replace(
        structure,
        inputs=tuple(_scaled(entry, own) for entry, own in _paired(structure.inputs, inputs, "input")),
        outputs=tuple(_scaled(entry, own) for entry, own in _paired(structure.outputs, outputs, "output")),
    )


def _paired(
    entries: Sequence[_Entry], scalings: Scaling | Sequence[Scaling | None] | None, what: str
) -> list[tuple[_Entry, Scaling | None]]:
    listed: list[Scaling | None] = (
        [None] * len(entries) if scalings is None else list(scalings) if isinstance(scalings, Sequence) else [scalings]
    )
    if len(listed) != len(entries):
        raise ModelError(
            f"{counted(len(listed), 'scaling')} for {counted(len(entries), what)}; give one for each, None for those "
            "without"
        )
    return list(zip(entries, listed, strict=True))


def _scaled(entry: _Entry, scaling: Scaling | None) -> _Entry:
    if scaling is None:
        return entry
    outer = process(scaling)
    if outer.raw_size != entry.size:
        raise ModelError(f"the scaling is for {counted(outer.raw_size, 'row')}, but there are {entry.size}")
    limits = entry.range
    if limits is not None:
        raw: FloatArray = outer.reverse.value(limits.T).T
        limits = np.sort(raw, axis=1)
    return replace(entry, processing=(outer, *entry.processing), range=limits)
