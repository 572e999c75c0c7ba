"""Several networks with the same inputs and outputs as one: their mean and spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from matnet.derivatives.quantities import VALUE, VALUE_AND_JACOBIAN, Hessian, Jacobian, Quantity
from matnet.errors import ModelError, UnsupportedError, counted
from matnet.functions.namespace import Array, FloatArray
from matnet.model.ranges import Extent, common_extent
from matnet.network.arguments import array_of, in_range, real_array
from matnet.network.evaluation import Evaluation
from matnet.network.frames import Elements
from matnet.network.names import Names, Selection, element_numbers, listed
from matnet.network.network import Network

if TYPE_CHECKING:  # a single network does not need it
    from matnet.tape.stacked import Stack

_MOST_BLOCKS = 8
"""Blocks of samples above which the members are computed one by one."""

_ADVICE = "load networks with matnet.load or matnet.load_all first"


class _MemberOnlyError(UnsupportedError, AttributeError):
    """An ensemble is used where only a network is possible: to be exported, drawn, or run over a series."""


def _members(networks: object) -> tuple[Network, ...]:
    given = networks.values() if isinstance(networks, Mapping) else networks
    if isinstance(given, str | Network) or not isinstance(given, Iterable):
        raise ModelError(f"an ensemble consists of several networks, got {type(given).__name__}: {_ADVICE}")
    members: list[Network] = []
    for number, member in enumerate(given, start=1):
        if not isinstance(member, Network):
            raise ModelError(f"member {number} is not a network, got {type(member).__name__}: {_ADVICE}")
        members.append(member)
    if not members:
        raise ModelError("an ensemble needs at least one network")
    return tuple(members)


def _named(elements: Sequence[Elements], what: str) -> Elements:
    """The elements of the members, with the first names that a member has; all members with names must have the
    same."""
    named = [(number, own) for number, own in enumerate(elements, start=1) if own.names != own.numbered]
    for number, own in named[1:]:
        if own.names != named[0][1].names:
            raise ModelError(
                f"member {number} names its {what} {listed(own.names)}, member {named[0][0]} "
                f"{listed(named[0][1].names)}; give all members the same names"
            )
    return named[0][1] if named else elements[0]


def _stack(networks: Sequence[Network], quantity: Quantity) -> Stack | None:
    """The networks' tapes as one; None if they have different forms, or are not computed by NumPy."""
    if any(type(member.evaluation) is not Evaluation or member.dynamic for member in networks):
        return None
    sizes = [networks[0].input_size]
    from matnet.tape.stacked import stacked

    return stacked([member.evaluation.by_numpy(quantity, sizes).tape for member in networks])


class Ensemble:
    """The mean of networks with the same inputs and outputs.

    Parameters
    ----------
    networks
        The members, or a mapping of names to them as ``load_all`` returns it; all have R inputs and S outputs.

    Raises
    ------
    ModelError
        The ensemble is empty, a member is not a network, or their inputs or outputs differ in number or name.
    """

    def __init__(self, networks: Iterable[Network] | Mapping[str, Network]) -> None:
        self.networks = _members(networks)
        first = self.networks[0]
        for number, member in enumerate(self.networks[1:], start=2):
            for what, got, expected in (
                ("inputs", member.input_size, first.input_size),
                ("outputs", member.output_size, first.output_size),
            ):
                if got != expected:
                    raise ModelError(f"member {number} has {got} {what}, the first has {expected}")
        self.input_elements = _named([member.evaluation.inputs for member in self.networks], "inputs")
        self.output_elements = _named([member.evaluation.outputs for member in self.networks], "outputs")
        self._stacks: dict[Quantity, Stack | None] = {}

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or not (hasattr(Network, name) or name in ("structure", "provenance", "name")):
            raise AttributeError(f"'Ensemble' object has no attribute '{name}'")
        raise _MemberOnlyError(
            f"an Ensemble has no '{name}': it is the mean of {counted(len(self.networks), 'network')}; take one of "
            "them, as ensemble.networks[0]"
        )

    @property
    def input_size(self) -> int:
        """R: the number of elements of all inputs."""
        return self.networks[0].input_size

    @property
    def output_size(self) -> int:
        """S: the number of elements of all outputs."""
        return self.networks[0].output_size

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the R input elements; x1, x2, … if no member has names."""
        return self.input_elements.names

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the S output elements; y1, y2, … if no member has names."""
        return self.output_elements.names

    @property
    def input_range(self) -> FloatArray:
        """(R, 2): the range common to all members, the largest minimum and the smallest maximum; NaN where unknown."""
        return self.input_extent.limits

    @property
    def output_range(self) -> FloatArray:
        """(S, 2): as ``input_range``, of the outputs."""
        return self.output_extent.limits

    @property
    def input_extent(self) -> Extent:
        """The range of the inputs with its origin; see ``matnet.model.ranges``."""
        return common_extent([member.input_extent for member in self.networks])

    @property
    def output_extent(self) -> Extent:
        """The range of the outputs with its origin."""
        return common_extent([member.output_extent for member in self.networks])

    def in_range(self, x: Array) -> NDArray[np.bool_]:
        """Whether all inputs of a sample are within ``input_range``; see ``Network.in_range``."""
        return in_range(self.input_extent, real_array(x, self.input_elements, "x"), self.input_elements.names)

    def _stacked(self, quantity: Quantity, x: Array) -> list[FloatArray] | None:
        """The results of all members at once, (members, ..., …) each; None if they are better computed one by one.

        That is so for many samples, other arrays than NumPy's, and members of different forms.
        """
        if len(self.networks) == 1 or type(x) is not np.ndarray or x.dtype != np.float64:
            return None
        if quantity not in self._stacks:
            self._stacks[quantity] = _stack(self.networks, quantity)
        stack, lead = self._stacks[quantity], x.shape[:-1]
        rows = prod(lead)
        if stack is None or rows > _MOST_BLOCKS * stack.block_rows:
            return None
        results = stack(x.reshape(rows, x.shape[-1]))
        return [result.reshape(stack.members, *lead, *result.shape[2:]) for result in results]

    def _mean(self, quantity: Quantity, x: Array) -> list[Array]:
        """The mean of each result."""
        count = len(self.networks)
        stacked = self._stacked(quantity, x)
        if stacked is not None:
            return [np.add.reduce(result, axis=0) / count for result in stacked]
        totals = self._of(self.networks[0], quantity, x)
        for member in self.networks[1:]:
            totals = [total + own for total, own in zip(totals, self._of(member, quantity, x), strict=True)]
        return [total / count for total in totals]

    def _of(self, member: Network, quantity: Quantity, x: Array) -> list[Array]:
        results = member.evaluation.on_samples(quantity, (x,))
        return results if isinstance(results, list) else [results]

    def __call__(self, x: Array) -> Array:
        """The members' mean output: x (..., R) -> (..., S), raw scale."""
        return self._mean(VALUE, array_of(x, self.input_elements, "x"))[0]

    def jacobian(self, x: Array, of: Names | None = None, wrt: Names | None = None) -> Array:
        """The derivative of the mean output: x (..., R) -> (..., S, R), element [..., i, j] is dy_i/dx_j.

        `of` and `wrt` select outputs and inputs by name.
        """
        given = array_of(x, self.input_elements, "x")
        return self._selection(of, wrt).of(self._mean(Jacobian(), given)[0])

    def value_and_jacobian(self, x: Array) -> tuple[Array, Array]:
        """The mean output (..., S) and its derivative (..., S, R)."""
        value, slope = self._mean(VALUE_AND_JACOBIAN, array_of(x, self.input_elements, "x"))
        return value, slope

    def hessian(self, x: Array, of: Names | None = None, wrt: Names | None = None) -> Array:
        """The second derivative of the mean output: x (..., R) -> (..., S, R, R)."""
        given = array_of(x, self.input_elements, "x")
        return self._selection(of, wrt).of(self._mean(Hessian(), given)[0], axes=2)

    def _selection(self, of: Names | None, wrt: Names | None) -> Selection:
        rows = None if of is None else element_numbers(of, self.output_names, "y", "of", "an output")
        columns = None if wrt is None else element_numbers(wrt, self.input_names, "x", "wrt", "an input")
        return Selection(None, rows, columns)

    def std(self, x: Array) -> FloatArray:
        """The members' standard deviation, with n − 1 as in MATLAB's std: x (..., R) -> (..., S); 0 for one member."""
        given = array_of(x, self.input_elements, "x")
        stacked = self._stacked(VALUE, given)
        values = np.stack([np.asarray(member(given)) for member in self.networks]) if stacked is None else stacked[0]
        if len(values) == 1:
            return np.zeros_like(values[0])
        return np.asarray(values.std(axis=0, ddof=1))
