"""The summary at the top of the page: what the network is, and whether its numbers are right."""

from __future__ import annotations

from collections.abc import Iterator

from matnet.network.markup import Html, element, joined, table
from matnet.network.overview import sentence
from matnet.proof.verify import verdict_of
from matnet.report.findings import Findings
from matnet.report.section import Section
from matnet.report.trust import VERDICTS

STRONGEST, OUTPUTS = 3, 3


def card(findings: Findings) -> Section:
    """The summary, one line per topic."""
    lines = [part for term, words in _lines(findings) for part in (element("dt", term), element("dd", words))]
    return Section("card", "At a glance", (element("dl", *lines),))


def _lines(findings: Findings) -> Iterator[tuple[str, object]]:
    yield "What it is", sentence(findings.net.structure)
    yield "MATLAB's answers", VERDICTS[verdict_of(findings.stored)][1]
    yield "Derivatives", f"{findings.check.summary}."
    if findings.steps:
        yield "Step functions", step_words(findings)
    if findings.fits:
        yield "Fit", _fit(findings)
    if any(findings.sensitivities):
        yield "Strongest inputs", _strongest(findings)
    if findings.outside:
        yield "Range", findings.outside


def step_words(findings: Findings) -> str:
    """Why derivatives are 0."""
    return (
        f"{findings.steps}: the output changes only in steps there, so every derivative through that layer is 0. "
        "The page shows no sensitivities of outputs whose derivatives are all 0."
    )


def _fit(findings: Findings) -> Html:
    """R² and the root mean squared error by output and set."""
    rows = [
        (
            name if place == 0 else "",
            fit.name,
            f"{len(fit.t):,}",
            "–" if fit.r2 != fit.r2 else f"{fit.r2:.4f}",
            f"{fit.rmse:.4g}",
        )
        for name, fits, _ in findings.fits[:OUTPUTS]
        for place, fit in enumerate(fits)
    ]
    made = element("div", table(("output", "set", "samples", "R²", "RMSE"), rows, numbers=(2, 3, 4)), class_="scroll")
    left_out = len(findings.fits) - OUTPUTS
    return joined([made, element("p", f"And {left_out} more outputs, below.")]) if left_out > 0 else made


def _strongest(findings: Findings) -> Html:
    lines = []
    for shown in findings.sensitivities[:OUTPUTS]:
        if shown is not None:
            parts = [
                f"{name} ({size:.2g})" for name, size in zip(shown.names, shown.found.rms[:STRONGEST], strict=False)
            ]
            lines.append(f"{shown.output}: {', '.join(parts)}")
    words = "rms of dy/dx times the range of x over that of y"
    return joined([*(element("div", line) for line in lines), element("small", words)])
