"""What one comparison comes to."""

from __future__ import annotations

from typing import NamedTuple

from matnet.proof.agreement import Verdict


class Finding(NamedTuple):
    """One comparison: what was compared, over how many samples, the largest difference and that by the range of y.

    ``reason`` says why the verdict is not simply proved, or what else a reader should know; ``undecided`` what of
    ``NamedData`` would decide if it were named.
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
        """The difference by the range of y; infinite where nothing was compared."""
        return float("inf") if self.relative is None else self.relative
