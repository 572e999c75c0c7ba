"""Samples, series and targets as matrices, checked against a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.network import Ensemble, Network
from matnet.network.arguments import numbers, real_array
from matnet.network.frames import Elements, is_frame

Model: TypeAlias = Network | Ensemble
"""A network, or the mean of several static ones."""


def first_network(model: Model) -> Network:
    """The network itself, or the first member."""
    return model.networks[0] if isinstance(model, Ensemble) else model


def inputs_of(model: Model) -> Elements:
    """The elements on the last axis of x."""
    return first_network(model).evaluation.inputs


def outputs_of(model: Model) -> Elements:
    """The elements on the last axis of y and t."""
    return first_network(model).evaluation.outputs


def is_dynamic(model: Model) -> bool:
    """Whether samples are steps of a series."""
    return first_network(model).dynamic


def matrix(values: Any, elements: Elements, name: str, names: Sequence[str] | None = None) -> FloatArray:
    """Values as (N, size), as ``net(x)`` takes them; a 1-D array of one element per sample is a column.

    The columns of a data frame are selected by `names` if all of them are there, else by the network's own names.

    Raises
    ------
    ShapeError
        They have another shape, or are not real numbers.
    """
    if is_frame(values) and names is not None and set(names) <= set(values.columns):
        values = np.column_stack([numbers(values[column], f"the column {column} of {name}") for column in names])
    if elements.size == 1 and not is_frame(values):
        column = numbers(values, name)
        values = column[:, None] if column.ndim == 1 else column
    given = real_array(values, elements, name)
    if given.ndim != 2:
        raise ShapeError(f"{name} has shape {given.shape}, expected (N, {elements.size})")
    return given


def samples(model: Model, x: Any, names: Sequence[str] | None = None) -> FloatArray:
    """x as (N, R) with at least one row, for static networks.

    Raises
    ------
    ShapeError
        x does not fit, is empty, or the network is dynamic.
    """
    if is_dynamic(model):
        raise ShapeError("this network is dynamic: use series, lags or network, its diagram")
    given = matrix(x, inputs_of(model), "x", names)
    if len(given) == 0:
        raise ShapeError("x has no samples, expected at least one row")
    return given


def series(net: Network, x: Any, names: Sequence[str] | None = None) -> FloatArray:
    """x as a series (T, R) of at least one step.

    Raises
    ------
    ShapeError
        x does not fit or is empty.
    """
    given = matrix(x, inputs_of(net), "x", names)
    if len(given) == 0:
        raise ShapeError("x has no steps, expected a series of at least one")
    return given
