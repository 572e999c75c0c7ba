"""The derivative with respect to the weights and biases: backward or forward, as a full or a sparse array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from matnet.derivatives import quantities
from matnet.derivatives.channels import ChannelDerivatives
from matnet.derivatives.memory import check_memory
from matnet.derivatives.parameters import parameters_up_to
from matnet.errors import ShapeError
from matnet.functions.namespace import Array, FloatArray, of_another_library
from matnet.model.structure import Structure
from matnet.network.evaluation import Evaluation
from matnet.network.names import Selection


def parameter_jacobian(
    evaluation: Evaluation, structure: Structure, selected: Selection, x: Array, sparse: bool
) -> Any:
    """See ``Network.parameter_jacobian``.

    Raises
    ------
    ShapeError
        As there, or a sparse result is asked for an array of another library than NumPy.
    """
    if sparse and of_another_library(x):
        raise ShapeError("sparse=True is for NumPy arrays; convert x, or leave it out")
    program, layer, count = evaluation.program, selected.layer, None
    channels: ChannelDerivatives | None = None
    if structure.parameter_order == "layers":
        every = sum(program.parameter_sizes)
        count = every if layer is None else parameters_up_to(structure, program, layer)
        if not of_another_library(x):
            channels = evaluation.channels(layer, count)
    if channels is None or count is None or not channels.blocks:
        found = selected.of(evaluation.on_samples(quantities.ParameterJacobian(layer, count), (x,)))
        return _sparse(found) if sparse else found
    results = evaluation.on_samples(quantities.ChannelTangents(layer, count), (x,))
    parts = [results] if isinstance(results, np.ndarray) else list(results)
    lead = parts[0].shape[:-2]
    rows = math.prod(lead)
    parts = [part.reshape(rows, *part.shape[-2:]) for part in parts]
    if not sparse:
        what = f"the derivatives of {rows * channels.size:,} outputs with respect to {count:,} weights"
        check_memory(rows * channels.size * count, what, "sparse=True leaves out what is 0")
        return selected.of(channels.dense(parts, count).reshape(*lead, channels.size, count))
    return _of_channels(channels, parts, rows, count, selected.rows)


def _of_channels(
    channels: ChannelDerivatives, parts: list[FloatArray], rows: int, count: int, selected: Sequence[int] | None
) -> Any:
    """The results of the blocks for so many samples as a sparse array, of all elements or of some."""
    import scipy.sparse

    numbers = channels.numbers(parts).reshape(-1)
    # both index arrays have one type, or SciPy copies them
    whole = np.int32 if numbers.size < 2**31 else np.int64
    columns = np.repeat(channels.columns.astype(whole, copy=False)[None], rows, axis=0).reshape(-1)
    each = np.full(channels.size, channels.count)
    if channels.present is not None:
        kept = np.broadcast_to(channels.present, (rows, *channels.present.shape)).reshape(-1)
        numbers, columns, each = numbers[kept], columns[kept], channels.present.sum(axis=1)
    starts = np.concatenate([np.zeros(1), np.cumsum(np.tile(each, rows))]).astype(whole)
    found = scipy.sparse.csr_array((numbers, columns, starts), shape=(rows * channels.size, count))
    if selected is None:
        return found
    return found[(np.arange(rows)[:, None] * channels.size + np.asarray(selected)).reshape(-1)]


def _sparse(found: Array) -> Any:
    """A full array (..., S, P) as a sparse one, (N·S, P); NaN is kept."""
    import scipy.sparse

    return scipy.sparse.csr_array(np.asarray(found).reshape(math.prod(found.shape[:-1]), found.shape[-1]))
