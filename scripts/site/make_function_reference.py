"""Write docs/functions.md from the rows of the functions: run `python scripts/site/make_function_reference.py`.

A row that is added to a table appears on the page; a test compares the page with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matnet.functions.net_input import NET_INPUT
from matnet.functions.processing import PROCESSING
from matnet.functions.transfer import TRANSFER
from matnet.functions.transfer_rows import TransferFunction
from matnet.functions.weight import REFUSED_WEIGHT, WEIGHT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "functions.md"

HEAD = """\
# The functions

Made from the tables in `matnet/functions` by `scripts/site/make_function_reference.py`.

`p` is what a weight sees, `w` the weight, `z = f(w, p)`; `b` the bias, `n` the net input, `a` the layer's output; `x` a
raw input or output, `y` its processed form. A function that is not listed is refused by name.
"""


def reference() -> str:
    """The page."""
    return "\n".join([HEAD, *_transfer(), *_weight(), *_net_input(), *_processing()])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """The lines of a Markdown table, and an empty one."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([*row] for row in rows)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def _code(formula: str) -> str:
    return f"`{formula}`"


def _kinks(row: TransferFunction) -> str:
    return ", ".join(f"{slope:g} at {place:g}" for place, slope in sorted(row.kinks.items()))


def _transfer() -> list[str]:
    rows = (
        (_code(name), _code(row.formula), _code(row.derivative), _kinks(row), row.unconfirmed)
        for name, row in sorted(TRANSFER.items())
    )
    text = "NaN gives NaN, in the value and in the slope (`purelin` and `compet` keep their constant slopes).\n"
    return ["## Transfer functions\n", text, *table(("name", "a", "da/dn", "slope at kinks", "not confirmed"), rows)]


def _weight() -> list[str]:
    rows = (
        (_code(name), _code(row.formula), _code(row.derivative), row.unconfirmed)
        for name, row in sorted(WEIGHT.items())
    )
    refused = [f"`{name}` is refused: {reason}.\n" for name, reason in sorted(REFUSED_WEIGHT.items())]
    return ["## Weight functions\n", *table(("name", "z_i", "dz_i/dp_j", "not confirmed"), rows), *refused]


def _net_input() -> list[str]:
    rows = ((_code(name), _code(row.formula), _code(row.derivative)) for name, row in sorted(NET_INPUT.items()))
    return ["## Net input functions\n", *table(("name", "n", "dn/dz_k"), rows)]


def _processing() -> list[str]:
    rows = ((_code(name), _code(row.formula), row.unconfirmed) for name, row in sorted(PROCESSING.items()))
    text = "Inputs go through them first to last; outputs come back through them last to first.\n"
    return ["## Processing functions\n", text, *table(("name", "apply; reverse", "not confirmed"), rows)]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8", newline="\n")
