"""Whether the numbers are right: MATLAB's stored answers, and analytic against numerical derivatives."""

from __future__ import annotations

from collections.abc import Iterator

from matnet.network.markup import Html, element
from matnet.proof.verify import verdict_of
from matnet.report.findings import Findings
from matnet.report.section import Section, folded, wide_table

LISTED = 10

VERDICTS = {
    "proved": ("good", "Proved: the outputs are those that MATLAB itself computed and stored."),
    "contradicted": ("bad", "Contradicted: stored answers of MATLAB differ from the outputs computed here."),
    "weak": ("open", "Weak: there are stored answers, but agreement with them proves little."),
    "unclear": ("open", "Unclear: the file holds numbers that could be its answers or targets, and they differ."),
    "nothing to compare": (
        "open",
        "Nothing to compare: the file does not hold MATLAB's answers for this network.",
    ),
}


def trust(findings: Findings) -> Iterator[Section]:
    """The sections on stored answers and on derivatives."""
    yield Section("proof", "Proof", _proof(findings))
    yield Section("derivatives", "Derivatives", _derivatives(findings))


def _proof(findings: Findings) -> tuple[Html, ...]:
    rows = findings.stored
    kind, words = VERDICTS[verdict_of(rows)]
    listed = [
        (
            row.what,
            f"{row.samples:,}",
            "" if row.largest is None else f"{row.largest:.2g}",
            "" if row.relative is None else f"{row.relative:.2g}",
            row.verdict,
            row.reason + ("; matnet verify decides it if they are named" if row.undecided else ""),
        )
        for row in rows
    ]
    head = ("compared", "samples", "largest difference", "of the range", "verdict", "why")
    return (element("p", words, class_=f"verdict {kind}"), wide_table(head, listed, (1, 2, 3)))


def _derivatives(findings: Findings) -> tuple[Html, ...]:
    check, material = findings.check, findings.material
    words = element("p", f"{check.summary}.", class_=f"verdict {'good' if check.agrees else 'bad'}")
    if not check.elements:
        return (words,)
    inputs = material.input_names or tuple(f"state{1 + n}" for n in range(1 + max(e.input for e in check.elements)))
    rows = [
        (
            check.name(entry, material.output_names, inputs),
            f"{entry.analytic:.9g}",
            f"{entry.numerical:.9g}",
            f"{entry.difference:.2g}",
            {"kink": "at a kink"}.get(entry.verdict, entry.verdict),
        )
        for entry in check.elements[:LISTED]
    ]
    head = ("derivative", "analytic", "numerical", "difference", "verdict")
    listed = f"The {len(rows)} furthest apart, each at its worst sample"
    return words, folded(listed, wide_table(head, rows, (1, 2, 3)))
