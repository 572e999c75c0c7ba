"""How much memory derivatives take at least, and the refusal of what does not fit into that of the machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

from matnet.errors import ShapeError
from matnet.simulate import Program

_NUMBER = 8
_UNKNOWN = 2**34
"""16 GiB: assumed where the system does not report its memory."""


@cache
def machine_memory() -> int:
    """The bytes of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def check_memory(numbers: int, what: str, advice: str) -> None:
    """Refuse so many numbers in double precision if the machine's memory does not hold them.

    Raises
    ------
    ShapeError
        It does not; the message says what takes the memory, how much, and what to do.
    """
    if numbers * _NUMBER > machine_memory():
        raise ShapeError(
            f"at least {_gibibytes(numbers)} of memory are needed for {what}, but this machine has "
            f"{_gibibytes(machine_memory() // _NUMBER)}; {advice}"
        )


def _gibibytes(numbers: int) -> str:
    return f"{numbers * _NUMBER / 2**30:,.1f} GiB"


def check_directions(program: Program, of: Sequence[int], wrt: Sequence[int], order: int) -> None:
    """Refuse a first or second derivative whose directions or result do not fit for one sample.

    Raises
    ------
    ShapeError
        See ``check_memory``.
    """
    outputs, inputs = (sum(program.sizes[signal] for signal in signals) for signals in (of, wrt))
    count = min(outputs, inputs) if order == 1 else max(outputs, inputs)
    name = "the Jacobian" if order == 1 else "the Hessian"
    what = f"{name} of {outputs:,} outputs with respect to {inputs:,} inputs"
    check_memory(
        max(outputs * inputs**order, count * _widest(program)), what, "jvp and vjp need less: they do not form it"
    )


def _widest(program: Program) -> int:
    """The most numbers that a step reads and writes."""
    return max(sum(program.sizes[k] for k in {*step.sources, step.target}) for step in program.steps)
