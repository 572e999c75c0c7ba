"""Matrices of a file that could be a network's inputs, outputs or states, by their shapes alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matnet.errors import ShapeError, UnsupportedError
from matnet.functions.namespace import FloatArray
from matnet.importers.stored import StoredArray
from matnet.network import Network
from matnet.proof.evidence import Given, answers

MOST_PAIRS = 100_000
"""How many pairs of variables are laid beside each other before the search is given up."""

_PREFIX = 3
"""Samples by which most pairs are ruled out."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """Numbers with samples, or time steps, in rows; ``label`` says where they come from."""

    label: str
    values: FloatArray


def oriented(matrix: Matrix, elements: int) -> list[Matrix]:
    """A matrix as MATLAB has it with its samples in rows: both ways where both fit `elements`."""
    values = matrix.values
    found = []
    if values.shape[0] == elements:
        found.append(Matrix(matrix.label, np.ascontiguousarray(values.T)))
    if values.shape[1] == elements and (values.shape[0] != values.shape[1] or elements != 1):
        found.append(Matrix(f"{matrix.label}'", np.ascontiguousarray(values)))
    return found


def told(matrix: Matrix, elements: int, what: str) -> list[Matrix]:
    """A matrix that the user named, with its samples in rows.

    Raises
    ------
    ShapeError
        Neither of its sides is `elements` long.
    """
    found = oriented(matrix, elements)
    if not found:
        size = " by ".join(map(str, matrix.values.shape))
        raise ShapeError(f"{matrix.label} is {size}, but {what} needs {elements} rows or columns")
    return found


class Candidates:
    """The matrices of a file, listed when they are first asked for, read when their shape fits, and then kept."""

    def __init__(self, listed: Callable[[], Sequence[StoredArray]]) -> None:
        self._listed = listed
        self._read: dict[str, Matrix | None] = {}

    @cached_property
    def _arrays(self) -> Sequence[StoredArray]:
        return self._listed()

    def with_elements(self, elements: int, least: int = 2) -> list[Matrix]:
        """All matrices with `elements` on a side and at least `least` samples; equal ones stand as one."""
        fitting = [
            entry
            for entry in self._arrays
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

    def _matrix(self, entry: StoredArray) -> Matrix | None:
        if entry.path not in self._read:
            try:
                self._read[entry.path] = Matrix(entry.path, entry.read())
            except UnsupportedError:
                # complex numbers and the like cannot be a network's
                self._read[entry.path] = None
        return self._read[entry.path]


def _merged(matrices: Iterable[Matrix]) -> list[Matrix]:
    """Matrices with the same numbers as one, under all their names."""
    groups: dict[tuple[tuple[int, ...], bytes], list[Matrix]] = defaultdict(list)
    for matrix in matrices:
        groups[matrix.values.shape, matrix.values.tobytes()].append(matrix)
    return [Matrix(" = ".join(entry.label for entry in group), group[0].values) for group in groups.values()]


@dataclass(frozen=True, eq=False)
class Pair:
    """Inputs and stored answers that were laid beside each other, with the network's own answers."""

    given: Given
    stored: Matrix
    y: FloatArray


@dataclass(frozen=True, eq=False)
class Found:
    """The pairs whose first samples agree, how many pairs were tried, and how many were beyond the limit."""

    pairs: tuple[Pair, ...]
    tried: int
    given_up: bool = False


def search(net: Network, questions: Iterable[Given], stored: Sequence[Matrix], all_of_them: bool = False) -> Found:
    """Lays every question beside every other matrix with as many samples; most go by their first samples.

    With `all_of_them` none goes.
    """
    by_length: dict[int, list[Matrix]] = defaultdict(list)
    for matrix in stored:
        by_length[len(matrix.values)].append(matrix)
    pairs: list[Pair] = []
    tried = 0
    for given, matrices in _beside(questions, by_length):
        if tried + len(matrices) > MOST_PAIRS:
            return Found(tuple(pairs), tried, given_up=True)
        tried += len(matrices)
        close = matrices if all_of_them else _close(net, given, matrices)
        if close:
            y = answers(net, given)
            pairs += [Pair(given, matrix, y) for matrix in close]
    return Found(tuple(pairs), tried)


def named_pairs(net: Network, questions: Iterable[Given], stored: Sequence[Matrix]) -> tuple[Pair, ...]:
    """Every question beside every stored matrix with as many samples, where the user named both."""
    return tuple(
        Pair(given, matrix, answers(net, given))
        for given in questions
        for matrix in stored
        if len(given.x) == len(matrix.values)
    )


def _beside(questions: Iterable[Given], by_length: dict[int, list[Matrix]]) -> Iterator[tuple[Given, list[Matrix]]]:
    for given in questions:
        matrices = [matrix for matrix in by_length.get(len(given.x), []) if not _same(matrix, given)]
        if matrices:
            yield given, matrices


def _same(matrix: Matrix, given: Given) -> bool:
    """Whether a matrix is laid beside itself."""
    return matrix.values.shape == given.x.shape and matrix.values.tobytes() == given.x.tobytes()


def _close(net: Network, given: Given, matrices: Sequence[Matrix]) -> list[Matrix]:
    """The matrices whose first samples are the network's answers, to within a millionth."""
    rows = np.arange(len(given.x))[:_PREFIX] if net.dynamic else _telling(given.x)
    y = answers(net, Given(given.x[rows], "", given.input_states, given.layer_states))
    heads = np.stack([matrix.values[rows] for matrix in matrices])
    with np.errstate(all="ignore"):
        near = (np.abs(heads - y) <= 1e-6 * (1e-3 + np.abs(y) + np.abs(heads))) | np.isnan(heads) | np.isnan(y)
    return [matrix for matrix, fits in zip(matrices, near, strict=True) if fits.all()]


def _telling(x: FloatArray) -> NDArray[np.intp]:
    """A few samples, those without NaN first."""
    order = np.argsort(np.isnan(x).any(axis=1), kind="stable")
    return order[: _PREFIX * 10 : max(1, min(10, len(order) // _PREFIX))][:_PREFIX]
