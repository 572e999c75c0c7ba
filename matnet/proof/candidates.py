"""Matrices of a file that could be a network's inputs, outputs or states by their shapes, and pairs of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError, UnsupportedError, counted
from matnet.functions.namespace import FloatArray
from matnet.importers.arrays import holds_images
from matnet.importers.stored import StoredArray
from matnet.network import Network
from matnet.proof.agreement import computed, ranges
from matnet.proof.answers import SINGLE_AGREES, InputData, answers, leading

MOST_PAIRS = 100_000
"""The most pairs of variables that are compared before the search is abandoned."""

_PREFIX = 3
"""Samples by which most pairs are ruled out."""

_RANKED_ROWS, _MOST_RANKED, _MOST_RANKED_SERIES = 200, 200, 20
"""Samples by which pairs are ranked, and the inputs that are tried for it."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers with samples, or time steps, in rows; ``label`` says where they come from."""

    label: str
    values: FloatArray


@dataclass(frozen=True, eq=False)
class Series:
    """Series, each a MATLAB matrix with its steps in columns or in rows; ``label`` says where they come from."""

    label: str
    parts: tuple[FloatArray, ...]

    def oriented(self, elements: int) -> list[Series]:
        """The same with their steps in rows: both orientations if both fit `elements`."""
        columns = all(part.shape[0] == elements for part in self.parts)
        rows = all(part.shape[1] == elements for part in self.parts) and {part.shape for part in self.parts} != {(1, 1)}
        turned = Series(self.label, tuple(part.T for part in self.parts))
        return [turned] * columns + [Series(f"{self.label}'", self.parts)] * rows


def oriented(matrix: Matrix, elements: int) -> list[Matrix]:
    """A MATLAB matrix with its samples in rows: both orientations if both fit `elements`."""
    values = matrix.values
    orientations = []
    if values.shape[0] == elements:
        orientations.append(Matrix(matrix.label, np.ascontiguousarray(values.T)))
    if values.shape[1] == elements and (values.shape[0] != values.shape[1] or elements != 1):
        orientations.append(Matrix(f"{matrix.label}'", np.ascontiguousarray(values)))
    return orientations


def named_matrix(matrix: Matrix, elements: int, what: str) -> list[Matrix]:
    """A matrix that the user named, with its samples in rows.

    Raises
    ------
    ShapeError
        Neither of its dimensions is `elements`.
    """
    orientations = oriented(matrix, elements)
    if not orientations:
        size = " by ".join(map(str, matrix.values.shape))
        raise ShapeError(f"{matrix.label} is {size}, but {what} needs {counted(elements, 'row')} or columns")
    return orientations


class Candidates:
    """The matrices of a file, listed on first use, read if their shape fits, and then kept in memory."""

    def __init__(self, listed: Callable[[], Sequence[StoredArray]]) -> None:
        self._listed = listed
        self._read: dict[tuple[str, tuple[int, ...]], Matrix | None] = {}

    @cached_property
    def _arrays(self) -> Sequence[StoredArray]:
        return self._listed()

    def with_elements(self, elements: int, least: int = 2) -> list[Matrix]:
        """All matrices with `elements` rows or columns and at least `least` samples; equal ones count as one."""
        fitting = [
            entry
            for entry in self._arrays
            if len(entry.shape) == 2
            for side, samples in (entry.shape, entry.shape[::-1])
            if side == elements and samples >= least
        ]
        unique = list(dict.fromkeys(fitting))
        return _merged(
            matrix
            for read in map(self._matrix, unique)
            if read is not None
            for matrix in oriented(read, elements)
            if len(matrix.values) >= least
        )

    def of_shape(self, rows: int, columns: int) -> list[Matrix]:
        """All matrices of one shape, as MATLAB has them."""
        fitting = [entry for entry in self._arrays if tuple(entry.shape) == (rows, columns)]
        return _merged(read for read in map(self._matrix, fitting) if read is not None)

    def images(self, image: tuple[int, ...]) -> list[Matrix]:
        """All images (H, W, C), alone or many in one array, as samples of their elements column by column."""
        fitting = [entry for entry in self._arrays if holds_images(entry.shape, image)]
        found = (self._matrix(entry, image) for entry in fitting)
        return _merged(Matrix(read.label, np.ascontiguousarray(read.values.T)) for read in found if read is not None)

    def _matrix(self, entry: StoredArray, image: tuple[int, ...] = ()) -> Matrix | None:
        if (entry.path, image) not in self._read:
            try:
                self._read[entry.path, image] = Matrix(entry.path, entry.read(image))
            except UnsupportedError:
                # complex numbers and the like cannot belong to a network
                self._read[entry.path, image] = None
        return self._read[entry.path, image]


def _merged(matrices: Iterable[Matrix]) -> list[Matrix]:
    """Matrices with the same numbers as one, under all their names."""
    groups: dict[tuple[tuple[int, ...], bytes], list[Matrix]] = defaultdict(list)
    for matrix in matrices:
        groups[matrix.values.shape, matrix.values.tobytes()].append(matrix)
    return [Matrix(" = ".join(entry.label for entry in group), group[0].values) for group in groups.values()]


@dataclass(frozen=True, eq=False)
class Pair:
    """Inputs and stored answers, with the network's own answers."""

    data: InputData
    stored: Matrix
    y: FloatArray

    @property
    def label(self) -> str:
        """Both names."""
        return f"{self.data.label} -> {self.stored.label}"


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The pairs whose first samples agree, the number of pairs, and whether it exceeds the limit."""

    pairs: tuple[Pair, ...]
    tried: int
    given_up: bool = False


def search(net: Network, data: Iterable[InputData], stored: Sequence[Matrix]) -> SearchResult:
    """The pairs whose first samples are the network's answers, of all inputs and outputs with as many samples."""
    pairs: list[Pair] = []
    tried = 0
    for one, matrices in _beside(data, stored):
        if tried + len(matrices) > MOST_PAIRS:
            return SearchResult(tuple(pairs), tried, given_up=True)
        tried += len(matrices)
        close = _close(net, one, matrices)
        if close:
            y = answers(net, one)
            pairs += [Pair(one, matrix, y) for matrix in close]
    return SearchResult(tuple(pairs), tried)


def nearest(net: Network, data: Iterable[InputData], stored: Sequence[Matrix], count: int) -> list[Pair]:
    """The pairs whose outputs the network explains best, the best first.

    Outputs with the digits of computed numbers come first, then pairs within the ranges that the network states. If
    there are many inputs, or many possible initial states of a series, only the first are tried.
    """
    ranked: list[tuple[tuple[bool, int, float], InputData, Matrix]] = []
    short = {id(matrix): not computed(matrix.values) for matrix in stored}
    beyond = {id(matrix): _beyond(matrix.values, net.output_range) for matrix in stored}
    for one, matrices in islice(_beside(data, stored), _MOST_RANKED_SERIES if net.dynamic else _MOST_RANKED):
        some = _spread_rows(len(one.x)) if not net.dynamic else np.arange(leading(net, one, _RANKED_ROWS))
        y = answers(net, one.some(some))
        inputs_beyond = one.lengths is None and _beyond(one.x, net.input_range)
        for matrix in matrices:
            out_of_range = inputs_beyond + beyond[id(matrix)]
            ranked.append(((short[id(matrix)], out_of_range, unexplained(y, matrix.values[some])), one, matrix))
    ranked.sort(key=lambda entry: entry[0])
    return [Pair(one, matrix, answers(net, one)) for _, one, matrix in ranked[:count]]


def _beyond(values: FloatArray, limits: FloatArray) -> bool:
    """Whether more than half of the samples lie outside the range; false if it is not known."""
    width = limits[:, 1] - limits[:, 0]
    with np.errstate(invalid="ignore"):
        outside = (values < limits[:, 0] - 0.1 * width) | (values > limits[:, 1] + 0.1 * width)
    return bool(outside.any(axis=1).mean() > 0.5)


def unexplained(y: FloatArray, stored: FloatArray) -> float:
    """The share of the stored values' variance that the network's outputs do not explain; 1 if there is none."""
    both = np.isfinite(y) & np.isfinite(stored)
    with np.errstate(all="ignore"):
        mean = np.where(both, stored, 0.0).sum(axis=0) / both.sum(axis=0)
        centred = np.where(both, stored - mean, 0.0)
        variance = float((centred**2).sum())
        share = float((np.where(both, stored - y, 0.0) ** 2).sum()) / variance if variance > 0.0 else 1.0
    return share if np.isfinite(share) else np.inf


def named_pairs(net: Network, data: Iterable[InputData], stored: Sequence[Matrix]) -> tuple[Pair, ...]:
    """All inputs with all stored outputs of the same number of samples, if the user named both."""
    return tuple(
        Pair(one, matrix, answers(net, one)) for one in data for matrix in stored if len(one.x) == len(matrix.values)
    )


def _beside(data: Iterable[InputData], stored: Sequence[Matrix]) -> Iterator[tuple[InputData, list[Matrix]]]:
    """Inputs with the outputs of as many samples, except outputs that are the inputs themselves or all NaN."""
    by_length: dict[int, list[Matrix]] = defaultdict(list)
    for matrix in stored:
        if np.isfinite(matrix.values).any():
            by_length[len(matrix.values)].append(matrix)
    for one in data:
        if np.isnan(one.x).any(axis=1).all():
            continue
        matrices = [matrix for matrix in by_length.get(len(one.x), []) if not same_numbers(matrix, one.x)]
        if matrices:
            yield one, matrices


def same_numbers(matrix: Matrix, values: FloatArray) -> bool:
    """Whether a matrix has the same numbers, NaN included, in the same places."""
    return matrix.values.shape == values.shape and matrix.values.tobytes() == values.tobytes()


def _close(net: Network, data: InputData, matrices: Sequence[Matrix]) -> list[Matrix]:
    """The matrices whose first samples are the network's answers, to within a millionth.

    Where MATLAB computes in single precision that is a millionth of the outputs' range.
    """
    rows = np.arange(leading(net, data, _PREFIX)) if net.dynamic else _telling_rows(data.x)
    y = answers(net, data.some(rows))
    heads = np.stack([matrix.values[rows] for matrix in matrices])
    with np.errstate(all="ignore"):
        allowed = 1e-6 * (1e-3 + np.abs(y) + np.abs(heads))
        if net.provenance.precision == "single":
            allowed = allowed + SINGLE_AGREES * np.stack([ranges(net, matrix.values) for matrix in matrices])[:, None]
        near = (np.abs(heads - y) <= allowed) | np.isnan(heads) | np.isnan(y)
    return [matrix for matrix, fits in zip(matrices, near, strict=True) if fits.all()]


def _telling_rows(x: FloatArray) -> NDArray[np.intp]:
    """A few samples, those without NaN first."""
    order = np.argsort(np.isnan(x).any(axis=1), kind="stable")
    return order[:: max(1, min(10, len(order) // _PREFIX))][:_PREFIX]


def _spread_rows(count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, _RANKED_ROWS).astype(np.intp))
