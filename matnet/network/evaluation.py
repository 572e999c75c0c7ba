"""A quantity of a network evaluated on arrays: NumPy's through its tape, other libraries' through the plain rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from matnet.derivatives.attached import attached
from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Structure
from matnet.network.arguments import analytic_throughout, checked
from matnet.simulate import program
from matnet.tape.evaluate import Evaluator
from matnet.tape.shorten import shortened
from matnet.tape.symbols import record


class Evaluation:
    """A network's program and the tapes recorded from it so far."""

    def __init__(self, structure: Structure) -> None:
        self.program = program(structure)
        self._dynamic, self._input_size = structure.dynamic, structure.input_size
        self._evaluators: dict[Any, Evaluator] = {}

    def on_samples(
        self,
        what: Any,
        compute: Callable[..., Any],
        arrays: Sequence[Array],
        sizes: Sequence[int] | None = None,
        names: Sequence[str] = ("x",),
    ) -> Any:
        """`compute` on arrays (..., size) of any library, checked; `sizes` are R alone unless they are given.

        PyTorch's and JAX's own differentiation of the result is by the rows' derivatives.

        Raises
        ------
        ShapeError
            An array does not fit, or the network is dynamic.
        UnsupportedError
            Complex numbers, where they would not serve complex step.
        """
        if self._dynamic:
            raise ShapeError(
                "this network looks back in time, so one sample has no output of its own: "
                "use net.run(x) with a series x (..., T, R), or run_jacobian for its derivatives"
            )
        sizes = (self._input_size,) if sizes is None else sizes
        given = [checked(array, size, name) for array, size, name in zip(arrays, sizes, names, strict=True)]
        lead = given[0].shape[:-1]
        for array, name in zip(given[1:], names[1:], strict=True):
            if array.shape[:-1] != lead:
                raise ShapeError(f"{name} has the batch {array.shape[:-1]}, but {names[0]} has {lead}")
        complex_step = isinstance(given[0], np.ndarray) and any(array.dtype.kind == "c" for array in given)
        if complex_step and not (what in ("value", "layer_outputs") and analytic_throughout(self.program)):
            raise UnsupportedError(
                "complex numbers serve complex step alone: values of networks whose functions are all analytic; "
                "derivatives, and networks with kinks, take real numbers"
            )
        if complex_step or not isinstance(given[0], np.ndarray):
            with np.errstate(all="ignore"):
                return compute(attached(self.program, given[0]), *given)
        count = math.prod(lead)
        results = self.on_rows(what, compute, *[array.reshape(count, array.shape[-1]) for array in given])
        shaped = [result.reshape(lead + result.shape[1:]) for result in results]
        return shaped[0] if len(shaped) == 1 and what != "layer_outputs" else shaped

    def on_rows(self, key: Any, compute: Callable[..., Any], *arrays: FloatArray) -> list[FloatArray]:
        """`compute(program, *arrays)` on NumPy arrays (rows, size), by its tape; `key` names the computation."""
        evaluator = self._evaluators.get(key)
        if evaluator is None:
            recorded = record(self.program, compute, [array.shape[-1] for array in arrays])
            evaluator = self._evaluators.setdefault(key, Evaluator(shortened(recorded)))
        return evaluator(*arrays)
