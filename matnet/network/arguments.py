"""Array arguments: converted to arrays that fit the network, or refused with the reason."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matnet.errors import Parameter, ShapeError, UnsupportedError, counted
from matnet.functions.namespace import Array, FloatArray, namespace, of_another_library
from matnet.model.ranges import Extent
from matnet.model.structure import Structure
from matnet.network.frames import (
    Elements,
    column_numbers,
    frame_array,
    frame_matrix,
    is_data_array,
    is_frame,
    is_series,
    ordered_along,
    series_array,
)
from matnet.network.names import listed
from matnet.simulate import Program, TransferStep, WeightStep

if TYPE_CHECKING:  # for static networks it is not needed
    from matnet.derivatives.time import Run


def input_elements(structure: Structure) -> Elements:
    """The elements on the last axis of x, v and the input states."""
    return Elements(structure.input_size, "x", structure.inputs, structure.input_image)


def output_elements(structure: Structure) -> Elements:
    """The elements on the last axis of y, t, u and the error weights."""
    return Elements(structure.output_size, "y", structure.outputs)


def array_of(x: Any, elements: Elements, parameter: str, expected: str = "") -> Array:
    """x as an array with its elements on the last axis; every array argument of a user is converted here.

    Arrays of other libraries are unchanged. Anything else becomes a NumPy array of float64, or complex128 if it is
    complex: a data frame, or one row of it, by the names of its columns; NaN for masked or missing values.

    Raises
    ------
    ShapeError
        x contains values that are not numbers, has the wrong number of elements, or names that do not fit.
    """
    if (
        type(x) is np.ndarray
        and x.dtype == np.float64
        and x.ndim
        and x.shape[-1] == elements.size
        and x.flags.c_contiguous
    ):
        return x
    if is_frame(x):
        x = frame_array(x, elements, parameter)
    elif is_series(x):
        x = series_array(x, elements, parameter)
    elif is_data_array(x) and x.ndim:
        x = numbers(ordered_along(x, x.dims[-1], elements, parameter), parameter)
    elif _has(x, "columns", "iloc", "dims"):
        x = _stacked([array_of(part, elements, parameter) for part in x], parameter)
    elif not of_another_library(x):
        x = numbers(x, parameter)
    if elements.shape and not (x.ndim and x.shape[-1] == elements.size):
        return _flat_images(x, elements.shape, parameter)
    check_last_axis(x, elements.size, parameter, expected)
    return x


def _flat_images(x: Array, shape: tuple[int, ...], parameter: str) -> Array:
    """Images (..., H, W, C) as (..., R) in MATLAB's column-major order: height fastest, channels slowest.

    Raises
    ------
    ShapeError
        They have another shape.
    """
    height, width, channels = shape
    found, advice = tuple(x.shape), ""
    if found[-3:] == shape:
        xp, lead = namespace(x), found[:-3]
        turned = xp.permute_dims(x, (*range(len(lead)), x.ndim - 1, x.ndim - 2, x.ndim - 3))
        return xp.reshape(turned, (*lead, height * width * channels))
    if found[-3:] == (channels, height, width):
        advice = f"; the channels come first, write numpy.moveaxis({parameter}, -3, -1)"
    elif channels == 1 and found[-2:] == (height, width):
        advice = f"; the axis of the channel is missing, write {parameter}[..., None]"
    elif found[-3:] == (width, height, channels):
        advice = f"; height and width are exchanged, write numpy.swapaxes({parameter}, -3, -2)"
    elif found[-4:-1] == shape:
        advice = "; the samples come last, as in MATLAB: put them first"
    raise ShapeError(
        f"{parameter} has shape {found}, expected images (..., {height}, {width}, {channels}) or (..., "
        f"{height * width * channels}){advice}"
    )


def real_array(x: Any, elements: Elements, parameter: str, expected: str = "") -> FloatArray:
    """As ``array_of``, but always a NumPy array of float64, for computations in NumPy alone.

    Plots, reports and measures take x by ``real_array(x, input_elements(net.structure), "x")`` and targets by
    ``real_array(t, output_elements(net.structure), "t")``.

    Raises
    ------
    ShapeError
        As for ``array_of``, or x is complex.
    """
    given = array_of(x, elements, parameter, expected)
    return real(given if isinstance(given, np.ndarray) else numbers(given, parameter), parameter)


def real_matrix(x: Any, elements: Elements, parameter: str) -> FloatArray:
    """x (..., n, n) with the same n elements on both axes, such as a covariance; a data frame by its column names.

    Raises
    ------
    ShapeError
        As for ``real_array``, or x is not square.
    """
    given = frame_matrix(x, elements, parameter) if is_frame(x) else real(numbers(x, parameter), parameter)
    _check_square(given, elements.size, parameter)
    return given


def _check_square(x: Array, size: int, parameter: str) -> None:
    if tuple(x.shape[-2:]) != (size, size):
        raise ShapeError(f"{parameter} has shape {tuple(x.shape)}, expected (..., {size}, {size})")


def propagation_arguments(elements: Elements, jacobian: Array, covariance: Any) -> tuple[Array, Array]:
    """J (..., S, R) and a covariance of the inputs, (R, R) or (..., R, R), in the library of J.

    Raises
    ------
    ShapeError
        The covariance is not R by R, or its batch is not that of J.
    """
    if isinstance(jacobian, np.ndarray):
        covariance = real_matrix(covariance, elements, "covariance")
    else:
        check_library(covariance, jacobian, "covariance")
        _check_square(covariance, elements.size, "covariance")
    lead, expected = tuple(covariance.shape[:-2]), tuple(jacobian.shape[:-2])
    if lead not in ((), expected):
        raise ShapeError(f"covariance has the batch {lead}, but x has {expected}")
    return jacobian, covariance


def in_range(extent: Extent, x: FloatArray, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which samples (..., R) are within an extent; see ``Network.in_range``."""
    outside = extent.outside(x).any(axis=-1) | np.isnan(x).any(axis=-1)
    if not extent.known.all() and not outside.all():
        unknown = [name for name, known in zip(names, extent.known, strict=True) if not known]
        raise UnsupportedError(
            f"the range of {listed(unknown)} is unknown, so matnet cannot tell whether x is within "
            "it; compare with the rows of input_range that are not NaN"
        )
    return np.asarray(~outside)


def _has(x: Any, *attributes: str) -> bool:
    """Whether x is a list of objects with one of these attributes: NumPy would lose their names or masks."""
    if not isinstance(x, (list, tuple)):
        return False
    return any(hasattr(kind, attribute) for kind in set(map(type, x)) for attribute in attributes)


def _stacked(parts: list[Array], parameter: str) -> Array:
    try:
        return np.stack(parts)
    except ValueError as error:
        raise ShapeError(f"{parameter} is not an array of numbers: its parts differ in shape") from error


def check_last_axis(x: Array, size: int, parameter: str, expected: str = "") -> None:
    """Checks that x has `size` elements on its last axis.

    Raises
    ------
    ShapeError
        It does not; the message suggests what may have been meant.
    """
    if x.ndim and x.shape[-1] == size:
        return
    advice = ""
    if not expected and x.ndim == 1 and size == 1:
        batch = counted(x.shape[0], "sample")
        advice = f"; a 1-D array is one sample, write {parameter}[:, None] for a batch of {batch}"
    elif not expected and x.ndim == 2 and x.shape[0] == size:
        advice = f"; samples are rows here, write {parameter}.T if they are columns as in MATLAB"
    raise ShapeError(f"{parameter} has shape {tuple(x.shape)}, expected {expected or f'(..., {size})'}{advice}")


def numbers(x: Any, parameter: str) -> Any:
    """x as a NumPy array of float64, or complex128 if it is complex; masked elements become NaN."""
    if is_series(x):
        return column_numbers(x, parameter)
    if _has(x, "filled"):
        x = _stacked([numbers(part, parameter) for part in x], parameter)
    try:
        array = np.ma.asanyarray(x) if _is_masked(x) else np.asarray(x)
    except ValueError as error:
        raise ShapeError(f"{parameter} is not an array of numbers: its rows differ in length") from error
    except (TypeError, RuntimeError) as error:
        # a tensor on another device, or one that records its gradient
        raise ShapeError(f"{parameter} cannot be converted to a NumPy array: {error}") from error
    if array.dtype.kind not in "biufc":
        raise ShapeError(f"{parameter} is not an array of numbers (its type is {array.dtype})")
    kind = np.complex128 if array.dtype.kind == "c" else np.float64
    if _is_masked(array):
        array = np.ma.filled(array.astype(kind), np.nan)
    return np.asarray(array, dtype=kind, order="C")


def real(array: Any, parameter: str) -> FloatArray:
    """A NumPy array; a complex one is refused, because its imaginary part would be lost."""
    if array.dtype.kind == "c":
        raise ShapeError(f"{parameter} is complex, expected real numbers")
    return np.asarray(array, dtype=np.float64)


def _is_masked(x: Any) -> bool:
    """Whether x is a masked array, without importing numpy.ma, which is slow."""
    return "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)


def check_library(array: Array, x: Array, parameter: str) -> None:
    """Checks that an argument is an array of the same library as x.

    Raises
    ------
    ShapeError
        It is not.
    """
    libraries = [type(given).__module__.partition(".")[0] for given in (array, x)]
    if isinstance(array, np.ndarray) != isinstance(x, np.ndarray):
        raise ShapeError(f"{parameter} is an array of {libraries[0]}, but x is one of {libraries[1]}; use one library")


def analytic_throughout(program: Program) -> bool:
    """Whether every row may be continued to complex numbers, so that complex step is allowed."""
    return all(step.row.analytic for step in program.steps if isinstance(step, (TransferStep, WeightStep)))


@dataclass(frozen=True, eq=False)
class SeriesArguments:
    """A series and its initial states with a flattened batch: x (B, T, R), states (B, ID, R) and (B, LD, N)."""

    x: FloatArray
    input_states: FloatArray
    layer_states: FloatArray
    lead: tuple[int, ...]

    def unflattened(self, run: Run) -> Run:
        """A run of the flattened batch, in the batch shape of x."""
        return replace(run, **{name: part.reshape(self.lead + part.shape[1:]) for name, part in vars(run).items()})


def series_arguments(
    structure: Structure, x: Any, input_states: Any, layer_states: Any, steps: int | None
) -> SeriesArguments:
    """A series and its states, checked against the network; None for a state means the network's own, mostly zeros.

    Raises
    ------
    ShapeError
        One of them does not fit, or the series is shorter than the input delays and there are no input states.
    """
    size, reach = structure.input_size, structure.input_delay
    neurons = Elements(structure.layer_elements)
    inputs = _states(input_states, input_elements(structure), reach, "input_states", "raw")
    layers = _states(layer_states, neurons, structure.layer_delay, "layer_states", "layer")
    if x is None:
        if size:
            raise ShapeError(f"x is missing, expected a series (..., T, {size})")
        if steps is None:
            raise ShapeError("the network has no inputs: say for how many steps it runs with ", Parameter("steps"))
        if whole(steps, "steps") < 0:
            raise ShapeError(f"steps is {steps}, expected 0 or more")
        x = np.zeros((*(() if layers is None else layers.shape[:-2]), steps, 0))
    series = real_array(x, input_elements(structure), "x")
    if series.ndim < 2:
        raise ShapeError(f"x has shape {series.shape}, expected a series (..., T, {size})")
    if steps is not None and whole(steps, "steps") != series.shape[-2]:
        raise ShapeError(f"steps={steps}, but the series has {series.shape[-2]} time steps")
    lead = series.shape[:-2]
    if input_states is None and series.shape[-2] < reach and size:
        raise ShapeError(
            f"the series has length {series.shape[-2]}, but the longest input delay is {reach}: give input_states "
            f"(..., {reach}, {size}), zeros if the inputs were 0 before"
        )
    count = math.prod(lead)
    return SeriesArguments(
        series.reshape((count, *series.shape[-2:])),
        _flat(inputs, lead, np.zeros((reach, size)), "input_states"),
        _flat(layers, lead, structure.initial_states(), "layer_states"),
        lead,
    )


def _states(states: Any, elements: Elements, delays: int, parameter: str, scale: str) -> FloatArray | None:
    """States (..., delays, size), or None for None."""
    if states is None:
        return None
    expected = f"(..., {delays}, {elements.size}) at {scale} scale, oldest first"
    given = real_array(states, elements, parameter, expected)
    if given.ndim < 2 or given.shape[-2] != delays:
        raise ShapeError(f"{parameter} has shape {given.shape}, expected {expected}")
    return given


def _flat(states: FloatArray | None, lead: tuple[int, ...], initial: FloatArray, parameter: str) -> FloatArray:
    """States (batch, delays, size) of a flat batch; the initial ones (delays, size) for None."""
    count = math.prod(lead)
    if states is None:
        return np.tile(initial, (count, 1, 1))
    if states.shape[:-2] != lead:
        raise ShapeError(f"{parameter} has the batch {states.shape[:-2]}, but x has {lead}")
    return states.reshape((count, *initial.shape))


def whole(value: Any, parameter: str) -> int:
    """An integer argument.

    Raises
    ------
    ShapeError
        It is not an integer.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ShapeError(f"{parameter}={value!r} is not an integer")
    return int(value)


def natural(value: Any, parameter: str) -> int:
    """A non-negative integer argument.

    Raises
    ------
    ShapeError
        It is not a non-negative integer.
    """
    if whole(value, parameter) < 0:
        raise ShapeError(f"{parameter} is {value}, expected 0 or more")
    return int(value)
