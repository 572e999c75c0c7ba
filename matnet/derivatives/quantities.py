"""The quantities that can be computed from a network: functions of the network's Program and the arguments.

Equal settings give the same object, so a quantity is also the key of its recorded tape; the same objects are recorded,
run and exported.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, Protocol, TypeAlias, dataclass_transform

from matnet.derivatives import hessian as second
from matnet.derivatives import jacobian as first
from matnet.derivatives import parameters as by_parameters
from matnet.derivatives import products
from matnet.functions.namespace import Array
from matnet.simulate import Program, batched, outputs

Scale: TypeAlias = Literal["real", "normalized"]


class Quantity(Hashable, Protocol):
    """A computation of a network."""

    def __call__(self, program: Program, *arrays: Array) -> Any:
        """One result or several, (..., …) each, for arguments (..., size) of any array library."""


_KNOWN: dict[Any, Any] = {}
"""Every quantity made so far, by its class and settings."""


@dataclass_transform(frozen_default=True, eq_default=False)
class _Interned(type):
    """The class of the quantities: one object for equal settings, at the cost of a dictionary lookup.

    A call for a single sample takes some microseconds; hashing and comparing dataclasses would take a tenth of that.
    The annotations of a class are its settings, as in a dataclass, without the time that the decorator takes at every
    start.
    """

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        key = (cls, arguments, *named.items()) if named else (cls, arguments)
        found = _KNOWN.get(key)
        if found is None:
            names = tuple(cls.__annotations__)
            given = dict(zip(names, arguments, strict=False)) | named
            settings = {name: getattr(cls, name) for name in names if hasattr(cls, name)} | given
            if settings.keys() != set(names) or len(given) != len(arguments) + len(named):
                raise TypeError(f"{cls.__name__} has the settings {names}, got {arguments} and {named}")
            made = super().__call__()
            vars(made).update(settings)
            found = _KNOWN[key] = _KNOWN.setdefault((cls, tuple(settings[name] for name in names)), made)
        return found


def targets(program: Program, layer: int | None) -> tuple[int, ...]:
    """The signal of a layer (from 0); None for those of the outputs."""
    return program.outputs if layer is None else (program.layers[layer],)


def _arguments(program: Program) -> tuple[int, ...]:
    return tuple(leaf.signal for leaf in program.leaves)


class Value(metaclass=_Interned):
    """y (..., S) of x (..., R)."""

    def __call__(self, program: Program, x: Array) -> Array:
        """y."""
        return outputs(program, program.run(x), x)


class ValueAndJacobian(metaclass=_Interned):
    """y (..., S) and J (..., S, R) of x (..., R)."""

    def __call__(self, program: Program, x: Array) -> tuple[Array, Array]:
        """y and J."""
        values = program.run(x)
        derivative = first.jacobian(program, values, program.outputs, _arguments(program), x)
        return outputs(program, values, x), derivative


class Jacobian(metaclass=_Interned):
    """J (..., S, R) of the outputs, or of layer `of` (from 0), at the given scale."""

    of: int | None = None
    scale: Scale = "real"

    def __call__(self, program: Program, x: Array) -> Array:
        """J."""
        of, wrt = targets(program, self.of), _arguments(program)
        if self.scale == "normalized":
            of, wrt = (program.output_layers if self.of is None else of), program.processed
        return first.jacobian(program, program.run(x), of, wrt, x)


class Hessian(metaclass=_Interned):
    """H (..., S, R, R) of the outputs, or of layer `of` (from 0)."""

    of: int | None = None

    def __call__(self, program: Program, x: Array) -> Array:
        """H."""
        return second.hessian(program, program.run(x), targets(program, self.of), _arguments(program), x)


class ParameterJacobian(metaclass=_Interned):
    """The derivative with respect to the weight vector, (..., S, P), of the outputs or of layer `of` (from 0).

    ``count`` are the parameters from the first that it is taken with respect to; None for all.
    """

    of: int | None = None
    count: int | None = None

    def __call__(self, program: Program, x: Array) -> Array:
        """(..., S, P)."""
        found = by_parameters.parameter_jacobian(program, program.run(x), targets(program, self.of), x)
        return found if self.count is None else found[..., : self.count]


class ChannelTangents(metaclass=_Interned):
    """The derivatives of the outputs or of layer `of` along the directions of channels.py, (..., n, S) for each block.

    ``most`` are the parameters, counted from the first, that are looked at.
    """

    of: int | None
    most: int

    def __call__(self, program: Program, x: Array) -> list[Array]:
        """A list with one array per block."""
        from matnet.derivatives import channels  # imported here: few programs need it

        of = targets(program, self.of)
        derivatives = channels.channel_derivatives(program, of, self.most)
        assert derivatives is not None, "there are fewer directions forward than backward"
        return channels.channel_tangents(program, program.run(x), derivatives, of, x)


class Jvp(metaclass=_Interned):
    """J v (..., S) of x and v (..., R)."""

    def __call__(self, program: Program, x: Array, v: Array) -> Array:
        """J v."""
        return products.jvp(program, program.run(x), program.outputs, _arguments(program), x, v)


class Vjp(metaclass=_Interned):
    """u J (..., R) of x (..., R) and u (..., S)."""

    def __call__(self, program: Program, x: Array, u: Array) -> Array:
        """u J."""
        return products.vjp(program, program.run(x), program.outputs, _arguments(program), x, u)


class LayerOutputs(metaclass=_Interned):
    """Every layer's output, (..., S_i) each."""

    def __call__(self, program: Program, x: Array) -> list[Array]:
        """A list with one array per layer."""
        values = program.run(x)
        return [batched(values[signal], x) for signal in program.layers]


class OutputsAndLayers(metaclass=_Interned):
    """The outputs (..., S), then every layer's output: one step of a dynamic network."""

    def __call__(self, program: Program, x: Array) -> list[Array]:
        """A list, the outputs first."""
        values = program.run(x)
        return [outputs(program, values, x), *(batched(values[signal], x) for signal in program.layers)]


class Signals(metaclass=_Interned):
    """The values of some signals, (..., size) each."""

    signals: tuple[int, ...]

    def __call__(self, program: Program, x: Array) -> list[Array]:
        """A list with one array per signal."""
        values = program.run(x)
        return [batched(values[signal], x) for signal in self.signals]


class SignalJacobian(metaclass=_Interned):
    """J of some signals, (..., Σ sizes, R)."""

    signals: tuple[int, ...]

    def __call__(self, program: Program, x: Array) -> Array:
        """J."""
        return first.jacobian(program, program.run(x), self.signals, _arguments(program), x)


class Adjoints(metaclass=_Interned):
    """For cotangents u (..., Σ sizes) of signals: uᵀ times their derivatives with respect to x and the parameters.

    The results are (..., R) and (..., P).
    """

    signals: tuple[int, ...]

    def __call__(self, program: Program, x: Array, u: Array) -> tuple[Array, Array]:
        """The derivatives with respect to x, then to the parameters."""
        values = program.run(x)
        seeds = products.seeds(program, self.signals, u)
        by_inputs = products.vjp(program, values, self.signals, _arguments(program), x, u)
        return by_inputs, by_parameters.parameter_products(program, values, seeds, 1, x)[..., 0, :]


VALUE, VALUE_AND_JACOBIAN, JVP, VJP, LAYER_OUTPUTS = Value(), ValueAndJacobian(), Jvp(), Vjp(), LayerOutputs()
"""The quantities without settings."""

JACOBIAN = Jacobian()
"""That of the outputs at real scale, which a call for a single sample need not look up."""
