"""Samples and targets as matrices, checked against a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from matnet.errors import ShapeError
from matnet.functions.namespace import FloatArray
from matnet.network import Network
from matnet.network.arguments import checked


def matrix(values: Any, size: int, name: str) -> FloatArray:
    """Values as (N, size), as ``net(x)`` takes them; a 1-D array of one element a sample is a column.

    Raises
    ------
    ShapeError
        They have another shape, or are not real numbers.
    """
    given = np.asarray(values) if not hasattr(values, "columns") else values
    if size == 1 and given.ndim == 1:
        given = given[:, None]
    given = np.asarray(checked(given, size, name), dtype=np.float64)
    if given.ndim != 2:
        raise ShapeError(f"{name} has shape {given.shape}, expected (N, {size})")
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
    given = matrix(x, net.input_size, "x")
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
    given = matrix(x, net.input_size, "x")
    if len(given) == 0:
        raise ShapeError("x has no steps, expected a series of at least one")
    return given
