"""First derivatives of any signals with respect to any others, forward or backward, whichever is cheaper."""

from __future__ import annotations

from collections.abc import Sequence

from matnet.derivatives.accumulate import cotangents, gathered, identity_seeds, tangents
from matnet.derivatives.memory import check_directions
from matnet.functions.namespace import Array, namespace
from matnet.simulate import Program


def jacobian(program: Program, values: Sequence[Array], of: Sequence[int], wrt: Sequence[int], x: Array) -> Array:
    """The derivative of the signals `of` with respect to the signals `wrt`.

    J = ∂(of_1, of_2, …)/∂(wrt_1, wrt_2, …), accumulated forward if wrt has fewer elements, else backward.

    Parameters
    ----------
    program, values
        The steps, and the values of all signals that ``program.run(x)`` returned.
    of, wrt
        Signals, without duplicates.
    x
        The argument of the program: it determines the batch and the array library.

    Returns
    -------
    (..., S, R), element [..., i, j] the derivative of element i of `of` with respect to element j of `wrt`.
    """
    check_directions(program, of, wrt, order=1)
    of_sizes = [program.sizes[signal] for signal in of]
    wrt_sizes = [program.sizes[signal] for signal in wrt]
    if sum(wrt_sizes) < sum(of_sizes):
        columns = tangents(program, values, identity_seeds(program, wrt, x))
        transposed = gathered([columns[signal] for signal in of], of_sizes, sum(wrt_sizes), x)
        return namespace(x).matrix_transpose(transposed)
    rows = cotangents(program, values, identity_seeds(program, of, x))
    return gathered([rows[signal] for signal in wrt], wrt_sizes, sum(of_sizes), x)
