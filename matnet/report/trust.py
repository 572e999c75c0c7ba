"""Whether the numbers are right: MATLAB's stored answers, and the derivatives against numerical ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from matnet.network.markup import Html, element, table
from matnet.proof.check import check
from matnet.proof.verify import verdict_of, verify
from matnet.report.page import Material, Section, wide_table

if TYPE_CHECKING:
    from matnet.functions.namespace import FloatArray

LISTED = 10
_CHECKED_ROWS, _CHECKED_STEPS = 20, 40

_WORDS = {
    "proved": ("good", "Proved: the outputs are those that MATLAB itself computed and stored."),
    "contradicted": ("bad", "Contradicted: stored answers of MATLAB differ from the outputs computed here."),
    "weak": ("open", "Weak: there are stored answers, but agreement with them proves little."),
    "unclear": ("open", "Unclear: the file holds numbers that could be its answers or targets, and they differ."),
    "nothing to compare": ("open", "Nothing to compare: the file holds no answer of MATLAB's for this network."),
}


def trust(material: Material) -> Iterator[Section]:
    """The sections on stored answers and on derivatives."""
    yield Section("proof", "Proof", _proof(material))
    yield Section("derivatives", "Derivatives", _derivatives(material))


def _proof(material: Material) -> tuple[Html, ...]:
    rows = verify(material.net, material.stored)
    kind, words = _WORDS[verdict_of(rows)]
    listed = [
        (
            row.what,
            f"{row.samples:,}",
            "" if row.largest is None else f"{row.largest:.2g}",
            "" if row.relative is None else f"{row.relative:.2g}",
            row.verdict,
            row.reason,
        )
        for row in rows
    ]
    head = ("compared", "samples", "largest difference", "of the range", "verdict", "why")
    return (element("p", words, class_=f"verdict {kind}"), wide_table(table(head, listed, numbers=(1, 2, 3))))


def _derivatives(material: Material) -> tuple[Html, ...]:
    found = check(material.net, _some(material))
    inputs = material.input_names or tuple(f"state{1 + n}" for n in range(1 + max(e.input for e in found.elements)))
    rows = [
        (
            f"d{material.output_names[entry.output]}/d{inputs[entry.input]}"
            + (f"(t − {entry.lag})" if material.net.dynamic else ""),
            f"{entry.analytic:.9g}",
            f"{entry.numerical:.9g}",
            f"{entry.difference:.2g}",
            {"kink": "at a kink"}.get(entry.verdict, entry.verdict),
        )
        for entry in found.elements[:LISTED]
    ]
    head = ("derivative", "analytic", "numerical", "difference", "verdict")
    listed = f"The {len(rows)} furthest apart, each at the sample where it is worst:"
    return (
        element("p", f"{found.summary}.", class_=f"verdict {'good' if found.agrees else 'bad'}"),
        element("p", listed),
        wide_table(table(head, rows, numbers=(1, 2, 3))),
    )


def _some(material: Material) -> FloatArray | None:
    """A few samples spread over the data, or the first steps of a series; None for points of the check's own."""
    x = material.x
    if x is None or not len(x):
        return None
    if material.net.dynamic:
        structure = material.net.structure
        steps = min(_CHECKED_STEPS, 2 * (structure.input_delay + structure.layer_delay) + 3)
        return x[:steps] if len(x) >= max(1, structure.input_delay) else None
    rows = np.unique(np.linspace(0, len(x) - 1, _CHECKED_ROWS).astype(int))
    return np.asarray(x[rows])
