"""What a user hands over, made into arrays that fit the network, or refused with the reason."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matnet.derivatives.time import Run
from matnet.errors import ShapeError
from matnet.functions.namespace import Array, FloatArray
from matnet.model.structure import Input, Output, Structure
from matnet.simulate import Program, TransferStep, WeightStep


def checked(x: Array, size: int, name: str) -> Array:
    """x as an array with `size` elements on its last axis."""
    if type(x) is np.ndarray and x.dtype == np.float64 and x.ndim and x.shape[-1] == size and x.flags.c_contiguous:
        return x
    if hasattr(x, "columns"):
        x = _by_name(x, size)
    if isinstance(x, np.ndarray) or not _of_a_library(x):
        x = numbers(x, name)
    if x.ndim == 0 or x.shape[-1] != size:
        advice = ""
        if x.ndim == 1 and size == 1:
            advice = f"; a 1-D array is one sample, write {name}[:, None] for a batch of {x.shape[0]} samples"
        elif x.ndim == 2 and x.shape[0] == size:
            advice = f"; samples are rows here, write {name}.T if they are columns as in MATLAB"
        raise ShapeError(f"{name} has shape {tuple(x.shape)}, expected (..., {size}){advice}")
    return x


def numbers(x: Any, name: str) -> Any:
    """x as a NumPy array of float64, or complex128 where it is complex; what a masked array masks becomes NaN."""
    try:
        array = np.ma.filled(x.astype(np.float64), np.nan) if _masked(x) else np.asarray(x)
    except ValueError as error:
        raise ShapeError(f"{name} is no array of numbers: its rows differ in length") from error
    if array.dtype.kind not in "biufc":
        raise ShapeError(f"{name} is no array of numbers (its type is {array.dtype})")
    return np.asarray(array, dtype=np.complex128 if array.dtype.kind == "c" else np.float64, order="C")


def _masked(x: Any) -> bool:
    """Whether x is a masked array; where nobody has imported numpy.ma, which takes its time, there is none."""
    return "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)


def analytic_throughout(program: Program) -> bool:
    """Whether every row may be continued to complex numbers, so that complex step is allowed."""
    return all(step.row.analytic for step in program.steps if isinstance(step, (TransferStep, WeightStep)))


def _of_a_library(x: Any) -> bool:
    return hasattr(x, "__array_namespace__") or type(x).__module__.startswith("torch")


def _by_name(frame: Any, size: int) -> FloatArray:
    """The columns x1, x2, … of a data frame."""
    names = [f"x{number}" for number in range(1, size + 1)]
    columns = list(frame.columns)
    if not set(names) <= set(columns):
        raise ShapeError(f"the data frame has the columns {', '.join(map(str, columns))}, expected {', '.join(names)}")
    return np.column_stack([numbers(frame[name], f"the column {name} of the data frame") for name in names])


@dataclass(frozen=True, eq=False)
class SeriesArguments:
    """A series and its initial states with their batch made flat: x (B, T, R), states (B, ID, R) and (B, LD, N)."""

    x: FloatArray
    input_states: FloatArray
    layer_states: FloatArray
    lead: tuple[int, ...]

    def unflattened(self, run: Run) -> Run:
        """A run of the flat batch in the shape that was given."""
        return Run(
            *(
                part.reshape(self.lead + part.shape[1:])
                for part in (run.outputs, run.input_states, run.layer_states, run.layer_outputs)
            )
        )


def series_arguments(
    structure: Structure, x: Any, input_states: Any, layer_states: Any, steps: int | None
) -> SeriesArguments:
    """A series and its states, checked against the network; states left out are zeros.

    Raises
    ------
    ShapeError
        One of them does not fit, or the series is shorter than the input delays and no input states are given.
    """
    size, reach = structure.input_size, structure.input_delay
    layer_shape = (structure.layer_delay, structure.layer_elements)
    if size == 0 and x is None:
        if steps is None or steps < 0:
            raise ShapeError(f"the network has no inputs: say how many steps to run, got steps={steps}")
        x = np.zeros((*_lead(layer_states), steps, 0))
    elif x is None:
        raise ShapeError(f"x is missing, expected a series (..., T, {size})")
    elif steps is not None and steps != np.shape(x)[-2]:
        raise ShapeError(f"steps={steps} contradicts the series, which has {np.shape(x)[-2]}")
    series = np.asarray(checked(x, size, "x"), dtype=np.float64)
    if series.ndim < 2:
        raise ShapeError(f"x has shape {series.shape}, expected a series (..., T, {size})")
    lead = series.shape[:-2]
    if input_states is None and series.shape[-2] < reach and size:
        raise ShapeError(
            f"the series has {series.shape[-2]} steps, but the network looks {reach} back: give input_states "
            f"(..., {reach}, {size}), zeros if that is what came before"
        )
    states = _state(input_states, lead, (reach, size), "input_states")
    layers = _state(layer_states, lead, layer_shape, "layer_states")
    count = int(np.prod(lead))
    return SeriesArguments(
        series.reshape((count, *series.shape[-2:])),
        states.reshape((count, *states.shape[-2:])),
        layers.reshape((count, *layers.shape[-2:])),
        lead,
    )


def _lead(states: Any) -> tuple[int, ...]:
    return () if states is None else np.shape(states)[:-2]


def _state(states: Any, lead: tuple[int, ...], shape: tuple[int, int], name: str) -> FloatArray:
    if states is None:
        return np.zeros(lead + shape)
    array = np.asarray(states, dtype=np.float64)
    if array.shape[-2:] != shape or array.ndim < 2:
        raise ShapeError(f"{name} has shape {array.shape}, expected (..., {shape[0]}, {shape[1]}), oldest first")
    if array.shape[:-2] != lead:
        raise ShapeError(f"{name} has the batch {array.shape[:-2]}, but x has {lead}")
    return array


def layer_number(structure: Structure, of: int | str | None) -> int | None:
    """The layer that `of` names by its number from 1 or its name, from 0; None for None.

    Raises
    ------
    ShapeError
        There is no such layer, or there are several of that name.
    """
    if of is None:
        return None
    layers = structure.layers
    if isinstance(of, str):
        named = [number for number, layer in enumerate(layers) if layer.name == of]
        if len(named) != 1:
            names = ", ".join(repr(layer.name) for layer in layers)
            raise ShapeError(f"{len(named) or 'no'} layers are called '{of}'; the names are {names}")
        return named[0]
    if isinstance(of, bool) or not isinstance(of, (int, np.integer)):
        raise ShapeError(f"of={of!r} is neither a layer's number nor its name")
    if not 1 <= of <= len(layers):
        raise ShapeError(f"of={of}: the layers are numbered from 1 to {len(layers)}")
    return int(of) - 1


def ranges(entries: Sequence[Input] | Sequence[Output]) -> FloatArray:
    """(elements, 2): the ranges of all inputs or outputs side by side, NaN where one is not known."""
    limits = [np.full((entry.size, 2), np.nan) if entry.range is None else entry.range for entry in entries]
    return np.concatenate([np.zeros((0, 2)), *limits])
