"""The summary of a run over a table, for people and for programs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from matnet.errors import TableError
from matnet.functions.namespace import FloatArray
from matnet.model.ranges import DESCRIPTION, Extent, Origin
from matnet.network import Network
from matnet.tables.interfaces import Source
from matnet.tables.jobs import Model
from matnet.tables.polars import pl


class Counts(NamedTuple):
    """Of a chunk: its rows, those with an input outside the known range, by input, and rows of the result with NaN."""

    rows: int
    outside: int
    outside_by_input: tuple[int, ...]
    with_nan: int


def counts(x: FloatArray, extent: Extent, results: Sequence[pl.Series]) -> Counts:
    """The counts of a chunk with inputs x (N, R) and their extent; values without a known range are not outside."""
    outside = extent.outside(x)
    by_input = tuple(np.count_nonzero(outside, axis=0).tolist())
    rows_outside = int(np.count_nonzero(outside.any(axis=1))) if any(by_input) else 0
    return Counts(len(x), rows_outside, by_input, _rows_with_nan(results))


def _rows_with_nan(results: Sequence[pl.Series]) -> int:
    columns = [column.to_numpy() for column in results if column.dtype == pl.Float64]
    # a sum over a NaN is NaN, and a sum is the fastest way through a column
    with np.errstate(all="ignore"):
        unknown = [np.isnan(column) for column in columns if np.isnan(column.sum())]
    return int(np.count_nonzero(np.any(unknown, axis=0))) if unknown else 0


@dataclass
class Summary:
    """What was done: rows read, how many of them lie outside the range of the inputs, in all and by input.

    ``origin`` is the origin of each input's range; see `matnet.model.ranges`. ``rows_with_nan`` are rows
    of the result. ``note`` says how the inputs were found, ``states`` what a series starts with, and
    ``doubts`` what may be wrong with that.
    """

    input_names: tuple[str, ...]
    origin: tuple[Origin, ...]
    note: str = ""
    states: str = ""
    doubts: tuple[str, ...] = ()
    rows: int = 0
    outside: int = 0
    outside_by_input: list[int] = field(default_factory=list)
    rows_with_nan: int = 0
    seconds: float = 0.0
    sources: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        self.outside_by_input = self.outside_by_input or [0] * len(self.input_names)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The inputs whose range is not known."""
        return tuple(name for name, word in zip(self.input_names, self.origin, strict=True) if word == "unknown")

    @property
    def range_description(self) -> str:
        """The name of the range that rows lie outside of."""
        words = {word for word, count in zip(self.origin, self.outside_by_input, strict=True) if count}
        return DESCRIPTION[words.pop()] if len(words) == 1 else "the range of the inputs"

    def add(self, chunk: Counts) -> None:
        """Add what was counted of a chunk."""
        self.rows += chunk.rows
        self.outside += chunk.outside
        self.rows_with_nan += chunk.with_nan
        pairs = zip(self.outside_by_input, chunk.outside_by_input, strict=True)
        self.outside_by_input = [a + b for a, b in pairs]

    def merge(self, other: Summary) -> None:
        """Add another run, over another part of the table."""
        self.add(Counts(other.rows, other.outside, tuple(other.outside_by_input), other.rows_with_nan))
        self.sources += other.sources

    def record(self, model: Model) -> dict[str, Any]:
        """The summary for programs, ready for JSON, with the hashes of the networks' files and of what was read.

        Raises
        ------
        TableError
            A file cannot be read for its hash.
        """
        networks = (model,) if isinstance(model, Network) else model.networks
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "rows_outside_range": None if len(self.unknown) == len(self.input_names) else self.outside,
            "outside_range": {
                name: None if word == "unknown" else count
                for name, word, count in zip(self.input_names, self.origin, self.outside_by_input, strict=True)
            },
            "range_known_from": dict(zip(self.input_names, self.origin, strict=True)),
            "rows_with_nan": self.rows_with_nan,
            "networks": [
                {
                    "file": net.provenance.file or None,
                    "path": net.provenance.path or None,
                    "sha256": net.provenance.sha256 or None,
                }
                for net in networks
            ],
            "inputs": [{"name": source.place, "sha256": _sha256(source)} for source in self.sources],
        }


def _sha256(source: Source) -> str | None:
    if source.file is None:
        return source.sha256
    try:
        with open(source.file, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror or error}", place=source.file) from error
