"""polars, imported only where the process has addresses enough for it: ``from matnet.tables.polars import pl``."""

from __future__ import annotations

import os
import sys

from matnet.addresses import check_addresses
from matnet.errors import TableError

__all__ = ["pl"]

_BYTES, _BYTES_PER_THREAD = 3 << 29, 64 << 20
"""What polars takes of the address space, though it uses little of it, and what each of its threads adds."""

if "polars" not in sys.modules:
    _threads = os.environ.get("POLARS_MAX_THREADS", "")
    _count = int(_threads) if _threads.isdecimal() else os.cpu_count() or 1
    check_addresses("reading and writing tables", _BYTES + _count * _BYTES_PER_THREAD, TableError)

import polars as pl  # noqa: E402 - not before the check
