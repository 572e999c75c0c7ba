"""The data that a page is made from."""

from __future__ import annotations

from dataclasses import dataclass, field

from matnet.explore import Subject
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.plots.fits import Sets

MOST_ROWS = 20_000
"""The most samples that the page uses; of longer tables every k-th row is taken, and the page says so."""


@dataclass(frozen=True, eq=False)
class Material(Subject):
    """The subject of a report, with what its file holds beside the network.

    Parameters
    ----------
    stored
        The file of the network, which is searched for stored answers.
    record
        The training record.
    sets
        Flags (N,) by the name of the set.
    """

    stored: StoredValues | None = None
    record: TrainingRecord | None = None
    sets: Sets | None = field(default=None)
