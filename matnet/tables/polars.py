"""polars, imported only where the process has addresses enough for it: ``from matnet.tables.polars import pl``."""

from __future__ import annotations

import os
import re
import sys

from matnet.addresses import check_addresses
from matnet.errors import TableError

__all__ = ["ADDRESSES", "pl"]

_THREADS, _MOST_THREADS = "POLARS_MAX_THREADS", 4096
"""The variable that sets the number of threads of polars."""

_BYTES, _BYTES_PER_THREAD = 3 << 29, 64 << 20
"""What polars takes of the address space, though it uses little of it, and what each of its threads adds."""


def _threads() -> int:
    """How many threads polars starts.

    Raises
    ------
    TableError
        The variable is none of the numbers that polars takes.
    """
    said = os.environ.get(_THREADS)
    if said is None:
        return os.cpu_count() or 1
    count = int(said) if re.fullmatch(r"[0-9]{1,4}", said) else 0
    if not 1 <= count <= _MOST_THREADS:
        raise TableError(f"{_THREADS} is {said[:40]!r}, expected a number of threads from 1 to {_MOST_THREADS}")
    return count


ADDRESSES = _BYTES + _threads() * _BYTES_PER_THREAD
"""Bytes of address space that polars takes in a process."""

if "polars" not in sys.modules:
    check_addresses("reading and writing tables", ADDRESSES, TableError)

import polars as pl  # noqa: E402 - not before the check
