"""Scaling that a user kept outside the network, composed into its processing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

import numpy as np

from matnet.errors import ModelError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Output, Process, Structure

_Entry = TypeVar("_Entry", Input, Output)

Scaling: TypeAlias = Mapping[str, object] | Process
"""The settings struct of mapminmax or mapstd as MATLAB keeps it, or {minp, maxp} / {meanp, stdp} (…t for targets)."""


def process(scaling: Scaling) -> Process:
    """The processing function that settings belong to, told by their names.

    Raises
    ------
    UnsupportedError
        They are none of mapminmax, mapstd, premnmx (minp, maxp) or prestd (meanp, stdp).
    ModelError
        A setting is missing or contradicts another.
    """
    if isinstance(scaling, Process):
        return scaling
    for end in "pt":
        if f"min{end}" in scaling and f"max{end}" in scaling:
            limits = {"xmin": scaling[f"min{end}"], "xmax": scaling[f"max{end}"], "ymin": -1.0, "ymax": 1.0}
            return Process.from_matlab("mapminmax", limits)
        if f"mean{end}" in scaling and f"std{end}" in scaling:
            moments = {"xmean": scaling[f"mean{end}"], "xstd": scaling[f"std{end}"], "ymean": 0.0, "ystd": 1.0}
            return Process.from_matlab("mapstd", moments)
    if "xmin" in scaling and "xmax" in scaling:
        return Process.from_matlab("mapminmax", scaling)
    if "xmean" in scaling and "xstd" in scaling:
        return Process.from_matlab("mapstd", scaling)
    raise UnsupportedError(
        f"these are no scaling settings: {', '.join(sorted(map(str, scaling))) or 'nothing'}; expected those of "
        "mapminmax (xmin, xmax, …), mapstd (xmean, xstd, …), premnmx (minp, maxp) or prestd (meanp, stdp)"
    )


def with_scaling(
    structure: Structure,
    inputs: Scaling | Sequence[Scaling | None] | None,
    outputs: Scaling | Sequence[Scaling | None] | None,
) -> Structure:
    """The structure with each scaling put outside its input's or output's own processing."""
    return replace(
        structure,
        inputs=tuple(_scaled(entry, own) for entry, own in _paired(structure.inputs, inputs, "input")),
        outputs=tuple(_scaled(entry, own) for entry, own in _paired(structure.outputs, outputs, "output")),
    )


def _paired(
    entries: Sequence[_Entry], scalings: Scaling | Sequence[Scaling | None] | None, what: str
) -> list[tuple[_Entry, Scaling | None]]:
    listed = [scalings] if isinstance(scalings, Mapping | Process) else list(scalings or [None] * len(entries))
    if len(listed) != len(entries):
        raise ModelError(
            f"{len(listed)} scalings for {len(entries)} {what}s; give one for each, None where there is none"
        )
    return list(zip(entries, listed, strict=True))


def _scaled(entry: _Entry, scaling: Scaling | None) -> _Entry:
    if scaling is None:
        return entry
    outer = process(scaling)
    if outer.raw_size != entry.size:
        raise ModelError(f"the scaling is for {outer.raw_size} rows, but there are {entry.size}")
    limits = entry.range
    if limits is not None:
        raw: FloatArray = outer.reverse.value(limits.T).T
        limits = np.sort(raw, axis=1)
    return replace(entry, processing=(outer, *entry.processing), range=limits)
