"""Comparison of stored outputs with the network's."""

from __future__ import annotations

from collections.abc import Sequence

from matnet.errors import ShapeError, counted
from matnet.proof.agreement import Agreement, Verdict, agreement, doubt
from matnet.proof.answers import Rounding
from matnet.proof.candidates import MOST_PAIRS, Pair, named_pairs, nearest, search
from matnet.proof.data import DataSource, takes_series
from matnet.proof.explain import Explanation, explanation
from matnet.proof.finding import Finding

_MOST_EXPLAINED = 2
"""Pairs of variables for which an explanation is sought if none agrees."""

UNEXPLAINED = "the stored numbers are not this network's answers: they may be targets or another network's answers"
DIFFERENT = "the stored answers are not those of this network"
MAY_BE_PADDED = (
    "they are not the last answers of the series as they are, nor padded with 0 to the longest; MATLAB may have padded "
    "them otherwise, unless MiniBatchSize was 1"
)
NO_NUMBERS = "none of the stored numbers can be compared: all are NaN, or rounding decides them"

_ORDER: Sequence[Verdict] = ("proved", "weak", "contradicted", "unclear", "nothing to compare")


class OutputsCheck:
    """Compares a network's outputs with those in a file or those that the user named.

    ``answers`` are the pairs of inputs and outputs that turned out to be answers of this network, or of one like it.
    """

    def __init__(self, rounding: Rounding, source: DataSource) -> None:
        self._net = rounding.net
        self._rounding = rounding
        self._source = source
        self.answers: list[Pair] = []
        self.proved: list[Pair] = []

    def findings(self) -> list[Finding]:
        """One per comparison; none if there is nothing to compare."""
        stored = self._source.outputs()
        lengths = {len(matrix.values) for matrix in stored}
        named = self._source.named
        if named.outputs is not None and self._source.names_inputs:
            return [self._named(lengths)]
        found = search(self._net, self._source.inputs(lengths), stored)
        if found.given_up:
            reason = f"more than {MOST_PAIRS} pairs of variables fit"
            return [Finding("outputs", 0, None, None, "nothing to compare", reason, ("inputs", "outputs"))]
        compared = [(pair, self._compared(pair)) for pair in found.pairs]
        agreeing = [self._agreeing(pair, result, found.tried) for pair, result in compared if result.agrees]
        proved = [finding for finding in agreeing if finding.verdict == "proved"]
        if proved:
            # the same answers compared in two ways, as a series with its states and as the whole series, are one proof
            return list({finding.what.rpartition(" -> ")[2]: finding for finding in reversed(proved)}.values())[::-1]
        return agreeing or self._differing(found.tried)

    def _differing(self, tried: int) -> list[Finding]:
        """The explanation of a difference of stored numbers, else the nearest ones: they may be targets."""
        stored = self._source.outputs()
        lengths = {len(matrix.values) for matrix in stored}
        several = [matrix for matrix in stored if len(matrix.values) > 1 or not takes_series(self._net)]
        pairs = nearest(self._net, self._source.inputs(lengths), several, _MOST_EXPLAINED)
        explained: list[tuple[Pair, Explanation]] = []
        for pair in pairs:
            why = explanation(self._net, pair.data, pair.y, pair.stored.values)
            if why is not None:
                explained.append((pair, why))
                if why.certain:
                    break
        if explained:
            pair, why = next((entry for entry in explained if entry[1].certain), explained[0])
            return [self._different(pair, self._compared(pair), why)]
        compared = ((pair, self._compared(pair)) for pair in pairs)
        best = next(((pair, result) for pair, result in compared if result.samples), None)
        if best is None:
            return []
        finding = self._different(*best, None)
        others = f"; none of the {tried} pairs of variables agrees" if tried > 1 else ""
        return [finding._replace(reason=f"{finding.reason}{others}")]

    def _named(self, lengths: set[int]) -> Finding:
        """The named data; a square matrix is tried in both orientations, states that were not named are tried."""
        stored, data = self._source.outputs(), list(self._source.inputs(lengths))
        pairs = named_pairs(self._net, data, stored)
        if not pairs:
            samples = " or ".join(dict.fromkeys(one.size for one in data))
            raise ShapeError(
                f"{stored[0].label} has {counted(len(stored[0].values), 'sample')}, but the inputs have "
                f"{samples or 'another number'}"
            )
        findings = (self._decided(pair, len(pairs)) for pair in pairs)
        best = min(findings, key=lambda entry: (_ORDER.index(entry.verdict), entry.size))
        alone = best.samples == 1 and takes_series(self._net)
        if best.verdict == "contradicted" and (alone or self._source.may_be_padded):
            return best._replace(verdict="unclear", reason=MAY_BE_PADDED)
        return best

    def _decided(self, pair: Pair, tried: int) -> Finding:
        """A pair that can only be this network's answers."""
        result = self._compared(pair, named=True)
        if not result.samples:
            return Finding(pair.label, 0, None, None, "nothing to compare", NO_NUMBERS)
        if result.agrees:
            return self._agreeing(pair, result, tried, named=True)
        why = explanation(self._net, pair.data, pair.y, pair.stored.values)
        numbers = (result.samples, result.largest, result.relative)
        reason = DIFFERENT if why is None else why.reason
        return Finding(pair.label, *numbers, "contradicted", reason)

    def _compared(self, pair: Pair, named: bool = False) -> Agreement:
        return agreement(self._rounding, pair.data, pair.y, pair.stored.values, named)

    def _agreeing(self, pair: Pair, result: Agreement, tried: int, named: bool = False) -> Finding:
        numbers = (result.samples, result.largest, result.relative)
        reason = doubt(self._net, pair.data, pair.y, pair.stored.values, result, tried, named)
        if reason:
            return Finding(pair.label, *numbers, "weak", reason)
        self.answers.append(pair)
        self.proved.append(pair)
        notes = [f"at {result.left_out} more samples rounding decides"] if result.left_out else []
        notes += [f"{result.not_stored} stored numbers are NaN and were not compared"] if result.not_stored else []
        notes += [result.note] if result.note else []
        return Finding(pair.label, *numbers, "proved", "; ".join(notes))

    def _different(self, pair: Pair, result: Agreement, why: Explanation | None) -> Finding:
        numbers = (result.samples, result.largest, result.relative)
        if why is None:
            return Finding(pair.label, *numbers, "unclear", UNEXPLAINED, ("inputs", "outputs"))
        if not why.certain:
            return Finding(pair.label, *numbers, "weak", why.reason, ("inputs", "outputs"))
        self.answers.append(pair)
        return Finding(pair.label, *numbers, "contradicted", why.reason)
