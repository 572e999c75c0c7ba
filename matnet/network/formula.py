"""The results of a formula, chosen by the arguments of ``Network.formula``."""

from __future__ import annotations

from matnet.errors import Parameter, ShapeError
from matnet.formulas.documents import FUNCTION
from matnet.formulas.formula import Formula, formula
from matnet.formulas.recording import FormulaRequest
from matnet.model.structure import Structure
from matnet.network.names import Names, selection
from matnet.simulate import Program


def formula_of(
    structure: Structure,
    program: Program,
    of: int | Names | None = None,
    wrt: Names | None = None,
    format: str = "text",
    layout: str = "steps",
    digits: int | None = None,
    function: str = FUNCTION,
) -> Formula:
    """The formula of a network; see ``Network.formula``.

    Raises
    ------
    ShapeError, UnsupportedError
        As for ``Network.formula``.
    """
    selected = selection(structure, of, wrt)
    for parameter, chosen in (("of", selected.rows), ("wrt", selected.columns)):
        if chosen is not None and not chosen:
            raise ShapeError(Parameter(parameter), " names nothing, expected at least one name")
    wanted = FormulaRequest(
        selected.layer, selected.rows, selected.columns, value=wrt is None, derivative=wrt is not None
    )
    return formula(structure, program, wanted, format, layout, digits, function)
