"""Tapes interpreted node by node, each in its own memory: the reference for evaluators and rewritings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives import quantities
from matnet.model.structure import Structure
from matnet.simulate import Program, WeightStep
from matnet.tape.symbols import Tape, compute

Real = NDArray[np.float64]

QUANTITIES: dict[str, Callable[..., Any]] = {
    "value": quantities.VALUE,
    "value_and_jacobian": quantities.VALUE_AND_JACOBIAN,
    "jacobian": quantities.Jacobian(),
    "normalized": quantities.Jacobian(scale="normalized"),
    "of the first layer": quantities.Jacobian(0),
    "hessian": quantities.Hessian(),
    "parameter_jacobian": quantities.ParameterJacobian(),
    "layer_outputs": quantities.LAYER_OUTPUTS,
    "jvp": quantities.JVP,
    "vjp": quantities.VJP,
}


def arguments(structure: Structure, name: str) -> list[int]:
    """How many elements each argument of a quantity has."""
    second = {"jvp": [structure.input_size], "vjp": [structure.output_size]}
    return [structure.input_size, *second.get(name, [])]


def interpreted(tape: Tape, inputs: Sequence[Real]) -> list[Real]:
    """The outputs, (N, …) each."""
    rows = len(inputs[0])
    values: list[Any] = []
    for node in tape.nodes:
        shape = tuple(rows if size is None else size for size in node.shape)
        if node.operation == "input":
            values.append(inputs[node.attributes[0]])
        elif node.value is not None:
            values.append(node.value)
        else:
            with np.errstate(all="ignore"):
                values.append(compute(node.operation, [values[k] for k in node.operands], node.attributes, shape))
        assert np.broadcast_shapes(np.shape(values[-1]), shape) == shape
    return [np.broadcast_to(values[k], (rows, *(size or 0 for size in tape.nodes[k].shape[1:]))) for k in tape.outputs]


def magnification(program: Program, x: Real) -> float:
    """By how much normprod magnifies rounding: z, dz/dp and d²z/dp² divide by Σp, its square and its cube.

    Σp is known to eps·Σ|p|, so relative errors grow with Σ|p|/|Σp|, once for each power.
    """
    worst = 1.0
    with np.errstate(all="ignore"):
        values = program.run(x)
        for step in program.steps:
            if isinstance(step, WeightStep) and step.row.denominator is not None:
                p = values[step.sources[0]]
                ratio = np.abs(p).sum(axis=-1) / np.abs(step.row.denominator(p)[..., 0])
                worst = max(worst, float(np.max(ratio, initial=1.0, where=np.isfinite(ratio))))
    return worst**3


def assert_close(found: Real, expected: Real, slack: float = 1.0) -> None:
    finite = np.abs(expected)[np.isfinite(expected)]
    bound = 1e-13 * slack * (1.0 + finite.max(initial=0.0))
    np.testing.assert_allclose(found, expected, rtol=1e-12 * slack, atol=bound)
