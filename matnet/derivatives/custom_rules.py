"""The rows' own derivatives for PyTorch and JAX, so that they differentiate a network with matnet's derivatives.

By default a library differentiates the formula of a value: the slope of tanh at 20 is then 0, that of a distance at
p = w is NaN, and at a kink it depends on the library. Here every step whose derivative is more than sums and products
is wrapped in one with a custom rule: the row's own derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from matnet.functions.namespace import Array
from matnet.simulate import (
    BiasStep,
    NetInputStep,
    ParameterKey,
    ProcessingStep,
    Program,
    Step,
    TransferStep,
    WeightStep,
)


def with_custom_rules(program: Program, x: Array) -> Program:
    """The program with custom rules for the library of `x`; unchanged for a library without differentiation."""
    library = type(x).__module__.split(".")[0]
    if library == "torch":
        from matnet.derivatives.torch_steps import TorchStep

        return _wrapped(program, TorchStep.of)
    if library in ("jax", "jaxlib"):
        from matnet.derivatives.jax_steps import JaxStep

        return _wrapped(program, JaxStep.of)
    return program


def _wrapped(program: Program, wrapper: Callable[[Step], Step]) -> Program:
    steps = [wrapper(step) if needs_rule(step) else step for step in program.steps]
    return replace(program, steps=tuple(steps))


def needs_rule(step: Step) -> bool:
    """Whether a library's own derivative of the step may differ from the row's; that of sums and products does not."""
    if isinstance(step, (WeightStep, TransferStep)):
        return not step.row.linear
    return isinstance(step, ProcessingStep)


def with_weights(program: Program, arrays: Mapping[ParameterKey, Array]) -> Program:
    """The program with other weights and biases, which may be arrays of any library."""
    return replace(program, steps=tuple(_reweighted(step, arrays) for step in program.steps))


def _reweighted(step: Step, arrays: Mapping[ParameterKey, Array]) -> Step:
    if isinstance(step, WeightStep):
        return replace(step, w=arrays.get(step.key, step.w))
    if isinstance(step, BiasStep) or (isinstance(step, NetInputStep) and step.bias is not None):
        return replace(step, bias=arrays[step.key])
    return step
