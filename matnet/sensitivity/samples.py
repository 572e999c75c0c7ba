"""Samples and targets as matrices, checked against a network."""

from __future__ import annotations

from typing import Any

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.arguments import numbers, real_array
from matnet.network.frames import Elements, is_frame


def matrix(values: Any, elements: Elements, name: str) -> FloatArray:
    """Values as (N, size), as ``net(x)`` takes them; a 1-D array of one element per sample is a column.

    ``elements`` are ``net.evaluation.inputs`` or ``net.evaluation.outputs``: a data frame is taken by their names.

    Raises
    ------
    ShapeError
        They have another shape, or are not real numbers.
    """
    if elements.size == 1 and not is_frame(values):
        column = numbers(values, name)
        values = column[:, None] if column.ndim == 1 else column
    given = real_array(values, elements, name)
    if given.ndim != 2:
        raise ShapeError(f"{name} has shape {given.shape}, expected (N, {elements.size})")
    return given


def samples(net: Network, x: Any) -> FloatArray:
    """x as (N, R) with at least one row, for a static network.

    Raises
    ------
    ShapeError
        x does not fit, is empty, or the network is dynamic.
    """
    if net.dynamic:
        raise ShapeError(
            "this network is dynamic: plot it with matnet.plots.series and matnet.plots.lags, or draw its diagram"
        )
    given = matrix(x, net.evaluation.inputs, "x")
    if len(given) == 0:
        raise ShapeError("x has no samples, expected at least one row")
    return given


def series(net: Network, x: Any) -> FloatArray:
    """x as a series (T, R) of at least one step.

    Raises
    ------
    ShapeError
        x does not fit or is empty.
    """
    given = matrix(x, net.evaluation.inputs, "x")
    if len(given) == 0:
        raise ShapeError("x has no steps, expected a series of at least one")
    return given
