"""The computations for the rows of a table, and the columns that they produce."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from matnet.errors import Parameter, TableError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.ranges import Extent
from matnet.network import Ensemble, Network
from matnet.network.names import derivative_name
from matnet.tables.columns import OF, WRT, Choice, Columns, output_names, safe_name, selected
from matnet.tables.interfaces import Rows
from matnet.tables.polars import pl

Model: TypeAlias = Network | Ensemble

INPUT_SD = Parameter("input_sd")
RANGE_FLAG = "inputs_outside_range"

_FEW = 10_000
"""The number of values up to which a table is small."""


@dataclass(frozen=True)
class Job:
    """Columns for a chunk of rows.

    ``names`` are the columns after the kept ones, ``width`` how many numbers are computed for a row, which decides how
    many rows make a chunk. ``compute`` takes the rows and how many came before them, and gives the columns, the kept
    ones first. It is called from several threads, unless the job is ``sequential``: then for one chunk after another,
    or if the job is ``whole`` for all rows at once.
    ``types`` are those of the columns that are not float64. ``finish`` is called after the last rows and says
    in how many of them NaN marks a missing answer; an exception in it discards the result.
    """

    names: tuple[str, ...]
    width: int
    compute: Callable[[Rows, int], list[pl.Series]]
    sequential: bool = False
    whole: bool = False
    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    finish: Callable[[], int] = lambda: 0


def flagged(job: Job, extent: Extent) -> Job:
    """The job with a last column: how many of a row's inputs lie outside their extent.

    It is null if none is known to, but the range of some input is not known.
    """
    known = bool(extent.known.all())

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        columns = job.compute(rows, before)
        outside = np.count_nonzero(extent.outside(rows.x), axis=1)
        flags = pl.Series(np.repeat(outside, len(columns[-1]) // len(rows)), dtype=pl.Int64)
        return [*columns, flags if known else flags.replace(0, None)]

    types = {**job.types, RANGE_FLAG: pl.Int64()}
    return replace(job, names=(*job.names, RANGE_FLAG), compute=compute, types=types)


def prediction(model: Model, columns: Columns) -> Job:
    """The outputs y1, y2 ..; of an ensemble y1, y1_std, y2, y2_std .. with the members' standard deviation."""
    names = output_names(columns, model.output_size)
    of = selected(names, columns.of, OF)

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        return [*rows.texts.get_columns(), *columns_of(_with_std(model, rows.x, model(rows.x))[:, of])]

    return Job(_value_names(model, names, of), model.output_size, compute)


def uncertain_prediction(net: Network, columns: Columns, input_sd: Sequence[float]) -> Job:
    """The outputs and their standard deviations y1, y1_sd, y2, y2_sd .. from those of independent inputs, J Σ Jᵀ.

    Raises
    ------
    TableError
        There is not one standard deviation for each input, or one is negative or not finite.
    """
    names = output_names(columns, net.output_size)
    of = selected(names, columns.of, OF)
    if len(input_sd) != net.input_size:
        given, needed = counted(len(input_sd), "number"), counted(net.input_size, "input")
        raise TableError(INPUT_SD, f" gives {given}, the network has {needed}")
    if not all(0 <= value < np.inf for value in input_sd):
        raise TableError(INPUT_SD, f": standard deviations are finite and not negative, got {list(input_sd)}")
    covariance = np.diag(np.square(input_sd))

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        sd = np.sqrt(np.diagonal(net.propagate(rows.x, covariance), axis1=-2, axis2=-1))
        return [*rows.texts.get_columns(), *columns_of(np.stack([net(rows.x), sd], axis=-1)[:, of])]

    both = tuple(names[i] + end for i in of for end in ("", "_sd"))
    return Job(both, net.output_size * (1 + net.input_size + net.output_size), compute)


def gradient(model: Model, columns: Columns, choice: Choice, hessian: bool) -> Job:
    """The outputs, then dy1_dx1, dy1_dx2 .. dy2_dx1 .., then on request d2y1_dx1_dx1, d2y1_dx1_dx2 ..

    A second derivative is symmetric, so each pair of inputs is there once.
    """
    names = output_names(columns, model.output_size)
    of = selected(names, columns.of, OF)
    wrt = selected(choice.input_names, columns.wrt, WRT)
    by = [choice.input_names[j] for j in wrt]
    upper = np.triu_indices(len(wrt))
    pairs = list(zip(*(place.tolist() for place in upper), strict=True)) if hessian else []
    slopes = [derivative_name(names[i], name) for i in of for name in by]
    bends = [f"d2{names[i]}_d{by[j]}_d{by[k]}" for i in of for j, k in pairs]

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        y, jacobian = model.value_and_jacobian(rows.x)
        arrays = [_with_std(model, rows.x, y)[:, of], jacobian[:, of][:, :, wrt]]
        if hessian:
            arrays.append(model.hessian(rows.x)[:, of][:, :, wrt][..., wrt][:, :, upper[0], upper[1]])
        return [*rows.texts.get_columns(), *(column for array in arrays for column in columns_of(array))]

    return Job((*_value_names(model, names, of), *slopes, *bends), _width(model, hessian), compute)


def tidy_gradient(model: Model, columns: Columns, choice: Choice, hessian: bool) -> Job:
    """One row per sample, output and input: sample from 1, output, input, y, dy_dx, and on request d2y_dx_dx1 ..

    Of an ensemble y is followed by y_std.
    """
    names = output_names(columns, model.output_size)
    of = selected(names, columns.of, OF)
    wrt = selected(choice.input_names, columns.wrt, WRT)
    each = len(of) * len(wrt)
    outputs = [safe_name(names[i]) for i in of for _ in wrt]
    inputs = [safe_name(choice.input_names[j]) for _ in of for j in wrt]
    bends = [f"d2y_dx_d{choice.input_names[j]}" for j in wrt] if hessian else []
    values = ["y"] if isinstance(model, Network) else ["y", "y_std"]

    def compute(rows: Rows, before: int) -> list[pl.Series]:
        sample = np.repeat(np.arange(len(rows)), each)
        y, jacobian = model.value_and_jacobian(rows.x)
        values_of_y = np.repeat(_with_std(model, rows.x, y)[:, of].reshape(len(rows) * len(of), -1), len(wrt), axis=0)
        arrays = [values_of_y, jacobian[:, of][:, :, wrt].reshape(-1, 1)]
        if hessian:
            arrays.append(model.hessian(rows.x)[:, of][:, :, wrt][..., wrt].reshape(len(sample), len(wrt)))
        return [
            *(column.gather(sample) for column in rows.texts.get_columns()),
            pl.Series(sample + (before + 1)),
            pl.Series(outputs * len(rows), dtype=pl.String),
            pl.Series(inputs * len(rows), dtype=pl.String),
            *(column for array in arrays for column in columns_of(array)),
        ]

    names_of_columns = ("sample", "output", "input", *values, "dy_dx", *bends)
    types = {"sample": pl.Int64(), "output": pl.String(), "input": pl.String()}
    return Job(names_of_columns, 4 * _width(model, hessian), compute, types=types)


def _width(model: Model, hessian: bool) -> int:
    R = model.input_size
    return model.output_size * (1 + R + R * R * hessian)


def _value_names(model: Model, names: Sequence[str], of: Sequence[int]) -> tuple[str, ...]:
    ends = ("",) if isinstance(model, Network) else ("", "_std")
    return tuple(names[i] + end for i in of for end in ends)


def _with_std(model: Model, x: FloatArray, y: FloatArray) -> FloatArray:
    """(N, S, 1) outputs, or (N, S, 2) outputs and their standard deviation over the members of an ensemble."""
    return y[..., None] if isinstance(model, Network) else np.stack([y, model.std(x)], axis=-1)


def columns_of(array: FloatArray) -> list[pl.Series]:
    """The columns of an array whose first axis is the rows."""
    flat = array.reshape(len(array), -1)
    if flat.size <= _FEW and flat.dtype == np.float64:
        # polars imports numpy.ma to make a Series of an array, which takes longer than a small table
        return [pl.Series(column, dtype=pl.Float64) for column in flat.T.tolist()]
    return [pl.Series(column) for column in np.ascontiguousarray(flat.T)]
