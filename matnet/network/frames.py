"""Data frames in and out: columns are matched by name if any name matches, by position only if none does.

A series with labels, such as one row of a pandas DataFrame, is matched by its labels in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from matnet.errors import ShapeError, counted
from matnet.functions.namespace import FloatArray
from matnet.model.structure import Input, Output, element_names
from matnet.network.names import listed


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements on the last axis of an argument: their number, and their names in a data frame.

    ``letter`` is x for inputs and y for outputs, which are x1, x2, … if they have no names of their own; it is empty if
    there are no names at all, as for the neurons of all layers. ``shape`` is that of an image, whose elements they are.
    """

    size: int
    letter: str = ""
    entries: tuple[Input, ...] | tuple[Output, ...] = ()
    shape: tuple[int, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The network's own names; x1, x2, … if it has none."""
        return element_names(self.entries, self.letter)

    @cached_property
    def numbered(self) -> tuple[str, ...]:
        """x1, x2, …: always valid, whatever the names of the elements are."""
        return tuple(f"{self.letter}{number}" for number in range(1, self.size + 1)) if self.letter else ()


def is_frame(x: Any) -> bool:
    """Whether x is a data frame: its type has columns."""
    return hasattr(type(x), "columns")


def is_series(x: Any) -> bool:
    """Whether x is a pandas or polars series."""
    return _library(x) in ("pandas", "polars") and type(x).__name__ == "Series"


def frame_array(frame: Any, elements: Elements, parameter: str) -> FloatArray:
    """The numbers of a data frame, (rows, size), in the order of the elements.

    Raises
    ------
    ShapeError
        Some of the network's names are missing, or all are and the number of numeric columns is not that of the
        elements.
    """
    labels = _labels(frame, parameter)
    order = column_order(labels, elements, parameter, "columns")
    columns = [column_numbers(_column(frame, index), f"the column {labels[index]} of {parameter}") for index in order]
    return np.column_stack(columns) if columns else np.zeros((len(frame), 0))


def frame_input(frame: Any, elements: Elements) -> FloatArray:
    """The inputs (rows, R) in a data frame.

    Raises
    ------
    ShapeError
        It is not a data frame, or does not fit.
    """
    if not is_frame(frame):
        raise ShapeError(f"frame is of type {type(frame).__name__}, expected a DataFrame of pandas or polars")
    return frame_array(frame, elements, "frame")


def frame_like(frame: Any, names: Sequence[str], values: FloatArray) -> Any:
    """Columns (rows, names) as a data frame of the same library, with the index of `frame`.

    Raises
    ------
    ShapeError
        Two columns have the same name.
    """
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ShapeError(f"two columns of the result are named {twice}; give the network other names")
    if _library(frame) == "pandas":
        return type(frame)(values, index=frame.index, columns=list(names))
    return type(frame)(dict(zip(names, np.ascontiguousarray(values.T), strict=True)))


def series_array(series: Any, elements: Elements, parameter: str) -> FloatArray:
    """The numbers of a series (n,); by name if its labels are text, as in one row of a data frame.

    Raises
    ------
    ShapeError
        As for ``frame_array``.
    """
    labels = list(getattr(series, "index", ()))
    if any(isinstance(label, str) for label in labels):
        series = series.iloc[column_order(labels, elements, parameter, "labels")]
    return column_numbers(series, parameter)


def is_data_array(x: Any) -> bool:
    """Whether x is a DataArray of xarray."""
    return _library(x) == "xarray" and type(x).__name__ == "DataArray"


def ordered_along(array: Any, dim: Any, elements: Elements, parameter: str) -> Any:
    """A DataArray with the elements along `dim` in the network's order, if `dim` has text labels.

    Raises
    ------
    ShapeError
        As for ``frame_array``.
    """
    labels = array.coords[dim].values.tolist() if dim in array.coords else []
    if not any(isinstance(label, str) for label in labels):
        return array
    order = column_order(labels, elements, parameter, f"labels along '{dim}'")
    return array if order == list(range(len(labels))) else array.isel({dim: order})


def frame_matrix(x: Any, elements: Elements, parameter: str) -> FloatArray:
    """The numbers of a data frame whose rows and columns are both elements, such as ``DataFrame.cov`` returns.

    The rows are in the order of the columns, or have the same names.

    Raises
    ------
    ShapeError
        As for ``frame_array``, or rows and columns have different names.
    """
    labels = _labels(x, parameter)
    if len(x) != len(labels):
        raise ShapeError(
            f"{parameter} has {counted(len(x), 'row')} and {counted(len(labels), 'column')}, expected a square matrix"
        )
    columns = column_order(labels, elements, parameter, "columns")
    rows = columns
    index = list(getattr(x, "index", range(len(labels))))
    if any(isinstance(label, str) for label in index):
        if sorted(map(str, index)) != sorted(map(str, labels)):
            raise ShapeError(
                f"{parameter} has the rows {listed(index)}, but the columns {listed(labels)}; give both the same names"
            )
        rows = [index.index(labels[column]) for column in columns]
    square = np.column_stack(
        [column_numbers(_column(x, column), f"the column {labels[column]} of {parameter}") for column in columns]
    )
    return square[rows]


def column_order(labels: Sequence[Any], elements: Elements, parameter: str, what: str) -> list[int]:
    """The position of each element of the network among the labels.

    By the network's own names if all are present, else by x1, x2, … if all of those are; other labels are ignored. If
    none of either are, there must be exactly as many labels as elements, which are taken in order.

    Raises
    ------
    ShapeError
        Some names are missing, a name occurs twice, or the number of labels is wrong.
    """
    for names in dict.fromkeys((elements.names, elements.numbered)):
        if names and set(names) <= set(labels):
            twice = [name for name in names if list(labels).count(name) > 1]
            if twice:
                raise ShapeError(f"{parameter} has two {what} named {twice[0]}; rename or drop one")
            return [list(labels).index(name) for name in names]
    known = dict.fromkeys((*elements.names, *elements.numbered))
    there = [name for name in known if name in labels]
    if there:
        expected = elements.names if set(there) & set(elements.names) else elements.numbered
        missing = [name for name in expected if name not in labels]
        raise ShapeError(
            f"{parameter} has the {what} {listed(labels)}: {listed(there)} would be taken by name, but "
            f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing; expected {listed(expected)}"
        )
    if len(labels) != elements.size:
        named = f", or {what} named {listed(elements.names)} beside any others" if elements.names else ""
        raise ShapeError(
            f"{parameter} has {len(labels)} {what} ({listed(labels)}); expected exactly {elements.size} numeric "
            f"{what} in the network's order{named}"
        )
    return list(range(elements.size))


def _labels(frame: Any, parameter: str) -> list[Any]:
    if _library(frame) not in ("pandas", "polars") or type(frame).__name__ != "DataFrame":
        raise ShapeError(
            f"{parameter} is a {type(frame).__name__} of {_library(frame)}; expected an array, or a DataFrame of "
            "pandas or polars"
        )
    return list(frame.columns)


def _library(x: Any) -> str:
    return type(x).__module__.partition(".")[0]


def _column(frame: Any, index: int) -> Any:
    return frame.iloc[:, index] if _library(frame) == "pandas" else frame.to_series(index)


def column_numbers(column: Any, what: str) -> FloatArray:
    """A column of pandas or polars as float64; a missing value is NaN.

    Raises
    ------
    ShapeError
        It contains values that are not real numbers.
    """
    if _library(column) == "polars":
        import polars as pl

        if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
            return np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    elif getattr(column.dtype, "kind", "O") in "biuf":
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    raise ShapeError(f"{what} holds {column.dtype}, expected real numbers")
