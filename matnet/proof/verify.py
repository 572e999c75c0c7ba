"""Answers that MATLAB stored beside a network, computed again: outputs, series, training records and losses."""

from __future__ import annotations

from collections.abc import Sequence

from matnet.errors import counted
from matnet.importers.stored import StoredValues
from matnet.network import Network
from matnet.proof.agreement import Verdict
from matnet.proof.answers import Rounding
from matnet.proof.data import DataSource, NamedData
from matnet.proof.finding import Finding
from matnet.proof.losses import LossesCheck
from matnet.proof.outputs import OutputsCheck
from matnet.proof.records import RecordsCheck

_ORDER: Sequence[Verdict] = ("contradicted", "proved", "weak", "unclear")
"""The order of verdicts: a contradiction outweighs all others, a proof outweighs weak ones."""


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """The verdict of all findings together: a contradiction outweighs all others, a proof outweighs weak ones."""
    verdicts = {finding.verdict for finding in findings}
    return next((verdict for verdict in _ORDER if verdict in verdicts), "nothing to compare")


def verify(net: Network, stored: StoredValues | None, named: NamedData | None = None) -> tuple[Finding, ...]:
    """Compare a network with the answers that MATLAB stored.

    Parameters
    ----------
    net
        The network.
    stored
        The file to search for data that were not named; None for none.
    named
        The data that the user named. If only outputs, or only a record or targets, are named, only those are compared.
        Where nothing is named, the losses and test scores of a fitrnet or fitcnet model are compared too.

    Returns
    -------
    tuple of Finding
        One per comparison; a single one with the verdict "nothing to compare" if there was none.

    Raises
    ------
    ShapeError
        A matrix that was named does not fit the network.
    """
    named = NamedData() if named is None else named
    rounding = Rounding(net)
    own: list[Finding] = []
    if stored is not None and named.nothing:
        losses = LossesCheck(rounding, stored)
        own = losses.findings()
        if losses.in_session:
            return tuple(own) or (_nothing(net),)
    source = DataSource(net, stored, named)
    outputs = OutputsCheck(rounding, source)
    records = RecordsCheck(rounding, source, outputs.answers, outputs.proved)
    about_training = named.targets is not None or named.record is not None
    findings: list[Finding] = []
    if named.outputs is not None or not about_training:
        findings += outputs.findings()
    if named.outputs is None or about_training:
        findings += records.findings()
        # targets differ from the outputs, and a record whose performances are reproduced shows that they are targets
        findings = [
            finding for finding in findings if finding.verdict != "unclear" or finding.what not in records.trained_on
        ]
    return (*own, *findings) or (_nothing(net),)


def _nothing(net: Network) -> Finding:
    inputs, outputs = net.input_size, net.output_size
    if not inputs:
        states = ("layer_states",) if net.structure.layer_delay else ()
        reason, undecided = f"no stored answers were found for {counted(outputs, 'output')}", ("outputs", *states)
    else:
        reason = f"no stored answers were found for {counted(inputs, 'input')} and {counted(outputs, 'output')}"
        undecided = ("inputs", "outputs")
    return Finding("", 0, None, None, "nothing to compare", reason, undecided)
