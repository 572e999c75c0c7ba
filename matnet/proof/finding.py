"""The result of one comparison."""

from __future__ import annotations

from typing import NamedTuple

from matnet.proof.agreement import Verdict


class Finding(NamedTuple):
    """One comparison: what was compared, the number of samples, the largest difference and its ratio to the range of y.

    ``reason`` says why the verdict is not simply proved, or what else a reader should know; ``undecided`` which fields
    of ``NamedData`` would decide if they were given.
    """

    what: str
    samples: int
    largest: float | None
    relative: float | None
    verdict: Verdict
    reason: str = ""
    undecided: tuple[str, ...] = ()

    @property
    def size(self) -> float:
        """The difference divided by the range of y; infinite if nothing was compared."""
        return float("inf") if self.relative is None else self.relative
