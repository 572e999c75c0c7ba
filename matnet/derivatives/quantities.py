"""What is asked of a network, each as a function of its Program and the arguments: recorded, run or exported alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from matnet.derivatives import hessian as second
from matnet.derivatives import jacobian as first
from matnet.derivatives import parameters as by_parameters
from matnet.derivatives import products
from matnet.functions.namespace import Array
from matnet.simulate import Program, batched, outputs

Scale: TypeAlias = Literal["real", "normalized"]


def _targets(laid_out: Program, layer: int | None) -> tuple[int, ...]:
    return laid_out.outputs if layer is None else (laid_out.layers[layer],)


def _arguments(laid_out: Program) -> tuple[int, ...]:
    return tuple(leaf.signal for leaf in laid_out.leaves)


def value(laid_out: Program, x: Array) -> Array:
    """y (..., S) of x (..., R)."""
    return outputs(laid_out, laid_out.run(x), x)


def value_and_jacobian(laid_out: Program, x: Array) -> tuple[Array, Array]:
    """y (..., S) and J (..., S, R) of x (..., R)."""
    values = laid_out.run(x)
    derivative = first.jacobian(laid_out, values, laid_out.outputs, _arguments(laid_out), x)
    return outputs(laid_out, values, x), derivative


def jacobian_of(layer: int | None, scale: Scale) -> Callable[[Program, Array], Array]:
    """J of the outputs, or of a layer (from 0), at the given scale."""

    def compute(laid_out: Program, x: Array) -> Array:
        of, wrt = _targets(laid_out, layer), _arguments(laid_out)
        if scale == "normalized":
            of, wrt = (laid_out.output_layers if layer is None else of), laid_out.processed
        return first.jacobian(laid_out, laid_out.run(x), of, wrt, x)

    return compute


def hessian_of(layer: int | None) -> Callable[[Program, Array], Array]:
    """H of the outputs, or of a layer (from 0)."""

    def compute(laid_out: Program, x: Array) -> Array:
        return second.hessian(laid_out, laid_out.run(x), _targets(laid_out, layer), _arguments(laid_out), x)

    return compute


def parameter_jacobian_of(layer: int | None) -> Callable[[Program, Array], Array]:
    """The derivative by the weight vector of the outputs, or of a layer (from 0)."""

    def compute(laid_out: Program, x: Array) -> Array:
        return by_parameters.parameter_jacobian(laid_out, laid_out.run(x), _targets(laid_out, layer), x)

    return compute


def jvp(laid_out: Program, x: Array, v: Array) -> Array:
    """J v, (..., S)."""
    return products.jvp(laid_out, laid_out.run(x), laid_out.outputs, _arguments(laid_out), x, v)


def vjp(laid_out: Program, x: Array, u: Array) -> Array:
    """u J, (..., R)."""
    return products.vjp(laid_out, laid_out.run(x), laid_out.outputs, _arguments(laid_out), x, u)


def layer_outputs(laid_out: Program, x: Array) -> list[Array]:
    """Every layer's output, (..., S_i) each."""
    values = laid_out.run(x)
    return [batched(values[signal], x) for signal in laid_out.layers]


def signals_of(signals: tuple[int, ...]) -> Callable[[Program, Array], list[Array]]:
    """The values of some signals, (..., size) each."""

    def compute(laid_out: Program, x: Array) -> list[Array]:
        values = laid_out.run(x)
        return [batched(values[signal], x) for signal in signals]

    return compute


def adjoints_of(signals: tuple[int, ...]) -> Callable[[Program, Array, Array], tuple[Array, Array]]:
    """For cotangents u (..., Σ sizes) of some signals: u's derivative by x (..., R) and by the parameters (..., P)."""

    def compute(laid_out: Program, x: Array, u: Array) -> tuple[Array, Array]:
        values = laid_out.run(x)
        seeds = products.seeds(laid_out, signals, u)
        by_inputs = products.vjp(laid_out, values, signals, _arguments(laid_out), x, u)
        return by_inputs, by_parameters.parameter_products(laid_out, values, seeds, 1, x)[..., 0, :]

    return compute


def jacobian_of_signals(signals: tuple[int, ...]) -> Callable[[Program, Array], Array]:
    """J of some signals, (..., Σ sizes, R)."""

    def compute(laid_out: Program, x: Array) -> Array:
        return first.jacobian(laid_out, laid_out.run(x), signals, _arguments(laid_out), x)

    return compute
