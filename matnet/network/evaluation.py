"""A quantity of a network evaluated on arrays: NumPy's through its tape, other libraries' through the plain rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from matnet.derivatives.custom_rules import with_custom_rules
from matnet.derivatives.quantities import LayerOutputs, Quantity, Value, targets
from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Structure
from matnet.network.arguments import analytic_throughout, array_of, check_library, input_elements, output_elements
from matnet.network.frames import Elements
from matnet.simulate import lay_out
from matnet.tape.evaluate import Evaluator
from matnet.tape.simplify import simplified
from matnet.tape.symbols import record

if TYPE_CHECKING:  # few programs need it
    from matnet.derivatives.channels import ChannelDerivatives

_FLOAT64 = np.dtype(np.float64)


class ArrayFunction(Protocol):
    """A computation on NumPy arrays that returns a list of results."""

    def __call__(self, *inputs: FloatArray) -> list[FloatArray]:
        """The results (N, …) of inputs (N, size)."""

    def one(self, *inputs: FloatArray) -> list[FloatArray]:
        """The results of one sample, inputs (size,) each, without the axis of rows."""


class Evaluation:
    """A network's program and the tapes recorded from it so far."""

    def __init__(self, structure: Structure) -> None:
        self.program = lay_out(structure)
        self.inputs, self.outputs = input_elements(structure), output_elements(structure)
        self._dynamic = structure.dynamic
        # a dynamic network has no outputs for a single sample
        self._sample_shape = None if structure.dynamic else (structure.input_size,)
        self._evaluators: dict[Quantity, Evaluator] = {}
        self._channels: dict[tuple[int | None, int], ChannelDerivatives | None] = {}

    def channels(self, layer: int | None, most: int) -> ChannelDerivatives | None:
        """How a layer (from 0), or the outputs, depend on the first `most` parameters; see ``channel_derivatives``."""
        if (layer, most) not in self._channels:
            from matnet.derivatives.channels import channel_derivatives

            found = channel_derivatives(self.program, targets(self.program, layer), most)
            self._channels[layer, most] = found
        return self._channels[layer, most]

    def on_samples(
        self,
        quantity: Quantity,
        arrays: Sequence[Array],
        elements: Sequence[Elements] | None = None,
        names: Sequence[str] = ("x",),
    ) -> Any:
        """The quantity for arrays of any library, which are checked; `elements` are those of the inputs by default.

        PyTorch and JAX differentiate the result with the rows' own derivatives.

        Raises
        ------
        ShapeError
            An array does not fit, or the network is dynamic.
        UnsupportedError
            Complex numbers, other than for complex-step differentiation.
        """
        x = arrays[0]
        if type(x) is np.ndarray and x.dtype is _FLOAT64 and len(arrays) == 1:
            # a sample or a batch, as in an optimizer's loop: nothing is left to check
            if x.shape == self._sample_shape:
                return _unwrapped(quantity, self.function(quantity, x.shape).one(x))
            if x.shape[1:] == self._sample_shape:
                return _unwrapped(quantity, self.function(quantity, x.shape[1:])(x))
        if self._dynamic:
            raise ShapeError(
                "this network is dynamic, so a single sample does not determine its outputs: use net.run(x) with a "
                "series x (..., T, R), or net.run_jacobian for derivatives"
            )
        elements = (self.inputs,) if elements is None else elements
        given = [array_of(array, own, name) for array, own, name in zip(arrays, elements, names, strict=True)]
        lead = given[0].shape[:-1]
        for array, name in zip(given[1:], names[1:], strict=True):
            check_library(array, given[0], name)
            if array.shape[:-1] != lead:
                raise ShapeError(f"{name} has the batch {array.shape[:-1]}, but {names[0]} has {lead}")
        complex_step = isinstance(given[0], np.ndarray) and any(array.dtype.kind == "c" for array in given)
        if complex_step and not (isinstance(quantity, (Value, LayerOutputs)) and analytic_throughout(self.program)):
            raise UnsupportedError(
                "complex numbers are for complex-step differentiation only: for the outputs of a network, or its "
                "layers, whose functions are all analytic"
            )
        if complex_step or not isinstance(given[0], np.ndarray):
            with np.errstate(all="ignore"):
                return quantity(with_custom_rules(self.program, given[0]), *given)
        if not lead:
            return _unwrapped(quantity, self.function(quantity, [len(array) for array in given]).one(*given))
        count = math.prod(lead)
        results = self.on_rows(quantity, *[array.reshape(count, array.shape[-1]) for array in given])
        return _unwrapped(quantity, [result.reshape(lead + result.shape[1:]) for result in results])

    def on_rows(self, quantity: Quantity, *arrays: FloatArray) -> list[FloatArray]:
        """The quantity of NumPy arrays (rows, size), by its tape."""
        return self.function(quantity, [array.shape[-1] for array in arrays])(*arrays)

    def function(self, quantity: Quantity, sizes: Sequence[int]) -> ArrayFunction:
        """The quantity as a function of NumPy arrays whose last axes have these sizes."""
        return self._evaluators.get(quantity) or self.by_numpy(quantity, sizes)

    def by_numpy(self, quantity: Quantity, sizes: Sequence[int]) -> Evaluator:
        """The quantity's tape, recorded once, and its evaluator."""
        evaluator = self._evaluators.get(quantity)
        if evaluator is None:
            recorded = record(self.program, quantity, sizes)
            evaluator = self._evaluators.setdefault(quantity, Evaluator(simplified(recorded)))
        return evaluator


def _unwrapped(quantity: Quantity, results: list[FloatArray]) -> Any:
    """A list for layers' outputs, whatever their number; for other quantities a single result is not in a list."""
    return results[0] if len(results) == 1 and not isinstance(quantity, LayerOutputs) else results
