"""Where a network came from, as far as its file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Training:
    """What the file says about the training; it is shown to the user and never used in a computation.

    ``best_performance`` holds the record's best_perf, best_vperf and best_tperf; NaN for an empty set, None if the
    record has none. ``division`` is the name of the data division function (divideFcn).
    """

    function: str = ""
    epochs: int | None = None
    best_epoch: int | None = None
    best_performance: tuple[float | None, float | None, float | None] = (None, None, None)
    division: str = ""


@dataclass(frozen=True)
class Provenance:
    """File, variable and toolbox version of a network; ``oddities`` are remarks that the user should read.

    ``precision`` is "single" if MATLAB computes the network in single precision.
    """

    file: str = ""
    sha256: str = ""
    path: str = ""
    header: str = ""
    toolbox_version: str = ""
    stored_as: str = ""
    training: Training | None = None
    oddities: tuple[str, ...] = ()
    scaling_candidates: Mapping[str, str] = field(default_factory=dict)
    precision: str = ""
