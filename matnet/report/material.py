"""What a page is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredValues
from matnet.importers.training_record import TrainingRecord
from matnet.network import Network
from matnet.plots.fits import Sets

MOST_ROWS = 20_000
"""The most samples that the page uses; of longer tables every k-th row is taken, and the page says so."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a page is made from.

    Parameters
    ----------
    net
        The network.
    x, t
        Samples (N, R) and targets (N, S), raw scale; for a dynamic network a series. None where there are none.
    inputs, outputs
        Names; by default the network's own.
    table
        The name of the samples.
    stored
        The file of the network, which is searched for stored answers.
    record
        The training record.
    sets
        Flags (N,) by the name of the set.
    """

    net: Network
    x: FloatArray | None = None
    t: FloatArray | None = None
    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    table: str = ""
    stored: StoredValues | None = None
    record: TrainingRecord | None = None
    sets: Sets | None = field(default=None)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return tuple(self.inputs or self.net.evaluation.inputs.names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.outputs or self.net.evaluation.outputs.names)

    @property
    def names(self) -> dict[str, Any]:
        """The names of inputs and outputs, as arguments of plots."""
        return {"inputs": self.input_names, "outputs": self.output_names}

    @property
    def title(self) -> str:
        """The title of the page: the network's name, else its variable in its file."""
        provenance = self.net.provenance
        if self.net.name and self.net.name != provenance.path:
            return self.net.name
        return (
            f"{provenance.file}: {provenance.path}"
            if provenance.file and provenance.path
            else self.net.name or "network"
        )
