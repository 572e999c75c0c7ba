"""CSV text for commands whose tables are small."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Rows of cells as text: numbers with all their digits, NaN and Inf, and no text that a spreadsheet takes for a
    formula."""
    held = io.StringIO(newline="")
    writer = csv.writer(held, delimiter=delimiter, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return held.getvalue()


def _cell(value: object) -> str:
    from matnet.tables.columns import safe_name

    if isinstance(value, str):
        return safe_name(value)
    if isinstance(value, float):
        return "NaN" if value != value else repr(value).replace("inf", "Inf")
    return str(value)
